# The keys of a device: shown, sealed with a passphrase.

load setup

@test "the keys are shown, and whether they are sealed" {
	device laptop
	run --separate-stderr on laptop key show
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = laptop ]
	[[ ${lines[1]} =~ ^\ \ signs\ +[0-9a-f]{64}$ ]]
	[ "${lines[5]}" = "  the file is not sealed: its permissions protect it, and nothing else" ]
	run --separate-stderr on laptop key show --json
	[[ $output == '{"schema":"lk.key/1","name":"laptop",'*'"box_counter":0,'*'"sealed":false}' ]]
	run --separate-stderr on laptop key lose
	[ "$status" -eq 64 ]
}

@test "sealed keys need the passphrase once, when the daemon starts" {
	device laptop
	on laptop new d
	echo "correct horse" >pass
	echo "wrong horse" >wrong
	run --separate-stderr on laptop key passwd --new-passphrase-file pass
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "The keys are sealed: the daemon asks for the passphrase when it starts." ]
	[ "$(head -c 4 laptop/identity)" = LKIS ]
	[ "$(stat -c %a laptop/identity)" = 600 ]
	# It runs on without being asked again.
	on laptop set d /a 1
	on laptop daemon stop
	run --separate-stderr on laptop get d </dev/null
	is 77 "" "lk: the keys are sealed with a passphrase: start the daemon at a terminal, or set LK_PASSPHRASE_FILE or LK_PASSPHRASE_COMMAND"
	LK_PASSPHRASE_FILE=$T/wrong run --separate-stderr on laptop get d
	is 77 "" "lk: wrong passphrase"
	LK_PASSPHRASE_FILE=$T/none run --separate-stderr on laptop get d
	is 77 "" "lk: passphrase: No such file or directory"
	LK_PASSPHRASE_FILE=$T/pass run --separate-stderr on laptop get d --json
	is 0 '{"a":1}' ""
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1}' ""
	on laptop daemon stop
	LK_PASSPHRASE_COMMAND="cat '$T/pass'" run --separate-stderr on laptop get d --json
	is 0 '{"a":1}' ""
	on laptop daemon stop
	LK_PASSPHRASE_COMMAND=false run --separate-stderr on laptop get d
	is 77 "" "lk: passphrase: the command failed"
	LK_HOME=$T/laptop "$(dirname "$LK")/lkd" -d 3 3<pass
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1}' ""
	! grep -rq "horse" laptop
}

@test "a passphrase is changed and removed by who knows it" {
	device laptop
	echo one >one
	echo two >two
	on laptop -q key passwd --new-passphrase-file one
	before=$(sha256sum <laptop/identity)
	run --separate-stderr on laptop key passwd --passphrase-file two --new-passphrase-file two
	is 77 "" "lk: wrong passphrase"
	run --separate-stderr on laptop key passwd --passphrase-file two --remove
	is 77 "" "lk: wrong passphrase"
	run --separate-stderr on laptop key passwd --new-passphrase-file two </dev/null
	is 64 "" "lk: present passphrase: none given; at a terminal, or from a file: lk help key"
	[ "$(sha256sum <laptop/identity)" = "$before" ]
	on laptop -q key passwd --passphrase-file one --new-passphrase-file two
	on laptop daemon stop
	LK_PASSPHRASE_FILE=$T/one run --separate-stderr on laptop ls
	is 77 "" "lk: wrong passphrase"
	LK_PASSPHRASE_FILE=$T/two run --separate-stderr on laptop ls
	is 0 "" ""
	on laptop -q key passwd --passphrase-file two --remove
	[ "$(head -c 4 laptop/identity)" = LKID ]
	on laptop daemon stop
	run --separate-stderr on laptop ls
	is 0 "" ""
}

@test "a sealed device pairs and stays sealed" {
	device laptop
	on laptop new d
	device phone
	echo secret >pass
	on phone -q key passwd --new-passphrase-file pass
	on phone -q pair "$(on laptop pair --ticket)"
	[ "$(head -c 4 phone/identity)" = LKIS ]
	on phone daemon stop
	LK_PASSPHRASE_FILE=$T/pass run --separate-stderr on phone ls
	is 0 d ""
}

@test "an empty passphrase is none" {
	device laptop
	echo >empty
	run --separate-stderr on laptop key passwd --new-passphrase-file empty
	[ "$status" -eq 64 ]
	[[ $stderr == "lk: key: new passphrase: empty;"* ]]
	[ "$(head -c 4 laptop/identity)" = LKID ]
}

# rekeys DEVICE DOCUMENT: how many new box keys were said in a document.
rekeys() {
	on "$1" log "$2" --access --json | grep -c '"rekey"' || true
}

@test "a new box key is said in every document, and used from then on" {
	device laptop
	for d in a b c; do
		on laptop new $d
	done
	paired laptop phone
	on phone sync --wait --timeout 30s
	run --separate-stderr on phone key rotate
	is 0 "This device receives keys under a new one, number 1, in every document.
What is written from now on by who has heard of it, the old one does not open." ""
	run --separate-stderr on phone key show
	[[ ${lines[3]} == *"  number 1" ]]
	for d in a b c; do
		[ "$(rekeys phone $d)" -eq 1 ]
	done
	on phone sync --wait --timeout 30s
	on laptop set a /x 1
	on laptop new later
	on laptop set later /y 2
	on laptop sync --wait --timeout 30s
	run --separate-stderr on phone get a --json
	is 0 '{"x":1}' ""
	run --separate-stderr on phone get later --json
	is 0 '{"y":2}' ""
	# The document made since then was given to the new key at once.
	[ "$(rekeys phone later)" -eq 0 ]
	on phone -q key rotate
	on phone daemon stop
	on laptop set a /x 3
	on phone sync --wait --timeout 30s
	run --separate-stderr on phone get a --json
	is 0 '{"x":3}' ""
}

@test "what was written to a key that has been replaced still opens" {
	device laptop
	on laptop new d
	paired laptop phone
	on phone sync --wait --timeout 30s
	on laptop daemon stop
	on phone -q key rotate
	on phone daemon stop
	# Apart: an epoch for who is left, with the phone's old key.
	on laptop -q key rotate
	on laptop set d /x 1
	on phone daemon start
	on laptop sync --wait --timeout 30s
	on phone sync --wait --timeout 30s
	run --separate-stderr on phone get d --json
	is 0 '{"x":1}' ""
}

@test "a rotation interrupted by a crash goes on, with keys that are still sealed" {
	device laptop
	echo secret >pass
	export LK_PASSPHRASE_FILE=$T/pass
	for i in {1..70}; do
		on laptop new d$i
	done
	on laptop -q key passwd --new-passphrase-file pass
	on laptop key rotate >out 2>err &
	for i in {1..200}; do
		[[ $(on laptop key show 2>/dev/null) == *"number 1"* ]] && break
	done
	kill -9 "$(cat laptop/lock)"
	wait $! || true
	on laptop daemon start
	[ "$(head -c 4 laptop/identity)" = LKIS ]
	[[ $(on laptop key show) == *"number 1"* ]]
	for i in {1..200}; do
		[ "$(rekeys laptop d70)" -eq 1 ] && break
	done
	for i in {1..70}; do
		[ "$(rekeys laptop d$i)" -eq 1 ]
	done
}
