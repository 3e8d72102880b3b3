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
