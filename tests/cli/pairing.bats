# Two devices of one person.

load setup

@test "a ticket brings all documents to a new device" {
	device laptop
	on laptop new shopping
	on laptop set --counter shopping /milk 2
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "hello"
	device phone
	run --separate-stderr on laptop pair --ticket
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output =~ ^lk1-[a-z2-7]+$ ]]
	run --separate-stderr on phone pair "$output"
	is 0 "paired; 2 documents are here" ""
	run --separate-stderr on phone ls
	is 0 "notes
shopping" ""
	run --separate-stderr on phone get notes
	is 0 "hello" ""
	run --separate-stderr on phone get shopping --json
	is 0 '{"milk":2}' ""
}

@test "what either device writes arrives at the other, and sync waits for it" {
	device laptop
	paired laptop phone
	on phone new shopping
	on phone set --counter shopping /milk 1
	run --separate-stderr on phone sync --wait=all --timeout 30s
	is 0 "" ""
	run --separate-stderr on laptop get shopping --json
	is 0 '{"milk":1}' ""
	on laptop inc shopping /milk 10
	on laptop sync --wait --timeout 30s
	run --separate-stderr on phone get shopping --json
	is 0 '{"milk":11}' ""
	run --separate-stderr on laptop status --exit-code --json
	[ "$status" -eq 0 ]
	[[ $output == *'"synced":true}' ]]
}

@test "sync waits for as many devices as it is told, and no fewer" {
	device laptop
	on laptop new shopping
	run --separate-stderr on laptop sync --wait=1 --timeout 10ms
	is 75 "" "lk: sync: not acknowledged by 1 more (shopping); lk status shows what is pending"
	paired laptop phone
	run --separate-stderr on laptop sync --wait=1 --timeout 30s
	is 0 "" ""
	run --separate-stderr on laptop sync --wait=3 --timeout 10ms
	is 75 "" "lk: sync: not acknowledged by 2 more (shopping); lk status shows what is pending"
}

@test "edits of both while apart are merged" {
	device laptop
	on laptop new d
	on laptop set --counter d /c 0
	on laptop set d /t '"hello"'
	paired laptop phone
	on laptop sync --wait --timeout 30s
	on phone daemon stop
	on laptop inc d /c 2
	on laptop splice d /t 0 0 "> "
	on laptop daemon stop
	on phone inc d /c 3
	on phone splice d /t 5 0 "!"
	on phone sync --wait=1 --timeout 1s || true
	on laptop sync --wait --timeout 30s
	on phone sync --wait --timeout 30s
	run --separate-stderr on laptop get d --json
	is 0 '{"c":5,"t":"> hello!"}' ""
	run --separate-stderr on phone get d --json
	is 0 '{"c":5,"t":"> hello!"}' ""
}

@test "a device that is away is pending, and named" {
	device laptop
	on laptop new d
	paired laptop phone
	on laptop sync --wait --timeout 30s
	on phone daemon stop
	on laptop set d /a 1
	run --separate-stderr on laptop sync --wait=all --timeout 200ms d
	is 75 "" "lk: sync: not acknowledged by phone (d); lk status shows what is pending"
	run --separate-stderr on laptop sync --wait=all --timeout 1ms --json
	[ "$status" -eq 75 ]
	[[ $stderr == '{"error":"again","code":75,"message":"sync: not acknowledged by phone (d)",'* ]]
	run --separate-stderr on laptop status
	[ "$status" -eq 0 ]
	[[ $output == *"
d  map, admin
  phone: pending "*", oldest just now, not connected"* ]]
	run --separate-stderr on laptop status --exit-code -q
	is 1 "" ""
	run --separate-stderr on laptop peers
	[[ $output =~ ^phone\ \ [0-9a-f]{8}\ \ not\ connected\ \  ]]
	on phone sync
	run --separate-stderr on laptop sync --wait=all --timeout 30s
	is 0 "" ""
}

@test "at a terminal a long wait says how far it is, and leaves nothing of it" {
	device laptop
	on laptop new d
	on laptop new e
	paired laptop phone
	on laptop sync --wait --timeout 20s
	on phone daemon stop
	on laptop set e /a 1
	run script -qec "LK_HOME=$T/laptop $LK sync --wait --timeout 3s" /dev/null
	[ "$status" -eq 75 ]
	[[ $output == *"lk: sync: 1 of 2 documents; e: 1 to go"* ]]
	[[ $output == *$'\r\033[Klk: sync: not acknowledged by phone (e)'* ]]
	run script -qec "LK_HOME=$T/laptop $LK -q sync --wait --timeout 2s" /dev/null
	[[ $output != *" to go"* ]]
	run --separate-stderr on laptop sync --wait --timeout 2s
	[[ $stderr != *" to go"* ]]
}

@test "device ls lists both, the same on each" {
	device laptop
	paired laptop phone
	on laptop sync --wait --timeout 30s
	run --separate-stderr on laptop device ls
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[[ $output =~ laptop\ +[0-9a-f]{8}\ +.*\ +this\ device ]]
	[[ $output == *"phone"* ]]
	run --separate-stderr on phone device ls --json
	[[ $output == '{"schema":"lk.device/1","devices":[{'* ]]
	[[ $output == *'"name":"laptop"'* && $output == *'"name":"phone"'* ]]
}

@test "a device that is connected is seen now" {
	device laptop
	paired laptop phone
	on laptop sync --wait --timeout 30s
	before=$(date -u +%s%3N)
	peer=$(on laptop peers --json)
	[[ $peer == *'"connected":true'* ]]
	seen=${peer#*'"seen":"'}
	[ "$(date -u -d "${seen%%'"'*}" +%s%3N)" -ge "$before" ]
}

@test "members shows both devices of the person" {
	device laptop
	on laptop new d
	paired laptop phone
	on laptop sync --wait --timeout 30s
	run --separate-stderr on laptop members d
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^WHO\ +ROLE\ +RANK\ +BY\ +SINCE\ +GRANT\ +ACKNOWLEDGED$ ]]
	[[ $output =~ laptop\ +admin\ +1000\ .*this\ device ]]
	[[ $output =~ phone\ +admin\ +1001\ .*synced ]]
}

@test "a wrong, a used and an expired ticket are refused, and change nothing" {
	device laptop
	device phone
	device tablet
	run --separate-stderr on phone pair lk1-nonsense
	is 65 "" "lk: ticket: mistyped or not a ticket of lk; copy the whole line, from lk1- to its end"
	run --separate-stderr on phone pair hello
	is 65 "" "lk: pair: neither a code nor a ticket; a code is a number of two digits and three words, a ticket a line from lk1- to its end"
	run --separate-stderr on phone accept 12-kazis-zidub-zotok
	is 64 "" "lk: ticket: it is a code; lk pair takes one of a device, lk contact pair of a person"
	ticket=$(on laptop pair --ticket)
	# A typing mistake in the middle is found before anybody is asked.
	wrong=${ticket:0:20}$(tr 'a-z2-7' 'b-z2-7a' <<<"${ticket:20:1}")${ticket:21}
	run --separate-stderr on phone pair "$wrong"
	[ "$status" -eq 65 ]
	on phone -q pair "$ticket"
	run --separate-stderr on tablet pair "$ticket" --timeout 20s
	is 77 "" "lk: ticket: wrong, used or expired; ask for a new ticket"
	ticket=$(on laptop pair --ticket --expires 1ms)
	run --separate-stderr on tablet pair "$ticket" --timeout 20s
	is 77 "" "lk: ticket: wrong, used or expired; ask for a new ticket"
	run --separate-stderr on tablet device ls
	[ "${#lines[@]}" -eq 1 ]
}

@test "a device with documents does not join another person" {
	device laptop
	device phone
	on phone new mine
	run --separate-stderr on phone pair "$(on laptop pair --ticket)"
	is 77 "" "lk: pair: this device has documents of its own; pair from a device without documents: another LK_HOME"
	run --separate-stderr on phone ls
	is 0 "mine" ""
}

@test "an issuer that is away is 75" {
	device laptop
	device phone
	ticket=$(on laptop pair --ticket)
	on laptop daemon stop
	run --separate-stderr on phone pair "$ticket" --timeout 300ms
	is 75 "" "lk: ticket: the other device does not answer; it goes on in the background; lk ls shows what has arrived"
}

@test "a ticket is for one purpose, and is read from standard input" {
	device laptop
	on laptop new d
	device phone
	run --separate-stderr on phone pair "$(on laptop invite d)"
	is 64 "" "lk: ticket: it is for a document; lk accept takes it"
	run --separate-stderr on phone accept "$(on laptop pair --ticket)"
	is 64 "" "lk: ticket: it is for a device; lk pair takes it"
	on laptop pair --ticket | on phone -q pair -
	run --separate-stderr on phone ls
	is 0 "d" ""
}

@test "32 tickets may be outstanding" {
	device laptop
	for i in {1..32}; do
		on laptop pair --ticket >/dev/null
	done
	run --separate-stderr on laptop pair --ticket
	is 65 "" "lk: 32 tickets are outstanding already; wait until one is used or has expired"
}

@test "an invitation that nobody answers waits, after a restart too, until it is given up" {
	device laptop
	on laptop new plan
	device fred
	ticket=$(on laptop invite plan)
	on laptop -q daemon stop
	run --separate-stderr on fred accept "$ticket" --timeout 300ms
	[ "$status" -eq 75 ]
	on fred -q daemon stop
	run on fred status
	[[ $output == *"ticket "*"nobody has answered yet"* ]]
	# Typed again it is the same.
	run on fred accept "$ticket" --timeout 300ms
	[ "$status" -eq 75 ]
	[ "$(on fred status --json | grep -o '"state":"asked"' | wc -l)" -eq 1 ]
	on fred -q daemon stop
	on laptop -q daemon start
	on fred -q daemon start
	for _ in {1..100}; do
		[ "$(on fred ls)" != plan ] || break
		sleep 0.2
	done
	[ "$(on fred ls)" = plan ]
	run on fred status --json
	[[ $output == *'"tickets":[]'* ]]
	ticket=$(on laptop invite plan)
	on laptop -q daemon stop
	device ann
	run on ann accept "$ticket" --timeout 300ms
	id=$(on ann status --json | sed 's/.*"ticket":"\([0-9a-f]*\)".*/\1/')
	run on ann accept --cancel 0000000000000000
	[ "$status" -eq 66 ]
	run on ann accept --cancel "$id"
	[ "$output" = "ticket $id: given up" ]
	run on ann accept --cancel "$ticket"
	[ "$status" -eq 66 ]
	on ann -q daemon stop
	run on ann status --json
	[[ $output == *'"tickets":[]'* ]]
}
