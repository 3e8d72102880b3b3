# The daemon's life, and two devices that share a machine.

load setup

@test "the daemon starts by itself, stops, and starts again" {
	device laptop
	on laptop new d
	lk daemon status --json
	[ "$status" -eq 0 ]
	pid=$(field pid <<<"$output")
	readlink "/proc/$pid/exe"
	lk daemon stop
	is 0 "" ""
	# Gone, or waiting for whoever collects the dead.
	run readlink "/proc/$pid/exe"
	[ "$status" -ne 0 ]
	lk daemon stop
	is 0 "" ""
	lk daemon status
	[ "$status" -eq 69 ]
	[[ $stderr == "lk: $T/laptop/run/control: no daemon listens; lk daemon start starts it" ]]
	lk ls
	is 0 "d" ""
	lk daemon start
	[ "$status" -eq 0 ]
	[[ $output =~ ^daemon:\ pid\ [0-9]+$ ]]
}

@test "daemon status describes it" {
	device laptop
	lk daemon status
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^pid\ +[0-9]+$ ]]
	[[ $output == *"
home       $T/laptop
socket     $T/laptop/run/control
log        $T/laptop/log
listen     all addresses, port "* ]]
}

@test "what was done is still there after kill -9" {
	device laptop
	on laptop new --type text t
	for i in {1..10}; do
		on laptop splice t "" 0 0 "$i "
		kill -9 "$(on laptop daemon status --json | field pid)"
	done
	lk get t
	is 0 "10 9 8 7 6 5 4 3 2 1 " ""
}

@test "two commands at once start one daemon" {
	device laptop
	on laptop daemon stop
	for i in 1 2 3 4; do
		on laptop new "d$i" &
	done
	wait
	lk ls
	is 0 "d1
d2
d3
d4" ""
}

@test "two homes are two devices" {
	device laptop
	device phone
	on laptop new mine
	lk ls
	is 0 "mine" ""
	run --separate-stderr on phone ls
	is 0 "" ""
}

@test "a second daemon on one store is refused" {
	device laptop
	run --separate-stderr "$(dirname "$LK")/lkd" -f
	is 69 "" "lkd: $T/laptop: another lkd is running here"
}

@test "an address in use is 69" {
	device laptop
	port=$(on laptop daemon status --json | field port)
	LK_LISTEN=$port run --separate-stderr on phone init
	[ "$status" -eq 69 ]
	[ "$output" = "" ]
	[[ $stderr == "lk: "*":$port: in use"* ]]
}

@test "a configuration that makes no sense is 78" {
	LK_LISTEN=nowhere lk init
	is 78 "" "lk: LK_LISTEN: not an address and port: nowhere"
	[ ! -e laptop/identity ]
}

@test "a home that others can write to is 78" {
	mkdir laptop
	chmod 777 laptop
	lk init
	is 78 "" "lk: $T/laptop: others may write to it"
}

@test "a daemon that dies is told at once" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	mkfifo events
	on laptop watch --json --since 0 >events 2>complaint &
	read -r line <events
	kill -9 "$(on laptop daemon status --json | field pid)"
	status=0
	wait $! || status=$?
	[ "$status" -eq 69 ]
	[ "$(cat complaint)" = '{"error":"unavailable","code":69,"message":"daemon: the daemon closed the connection","hint":"lk daemon logs may say why"}' ]
}

@test "logs shows what the daemon wrote" {
	device laptop
	lk daemon logs
	[ "$status" -eq 0 ]
	[[ $output == *"ready on port"* ]]
	lk daemon logs --json
	[[ ${lines[0]} == '{"schema":"lk.daemon.log/1","line":"'* ]]
}

@test "the control protocol is plain lines of JSON" {
	command -v socat >/dev/null || skip "no socat"
	device laptop
	on laptop new shopping
	on laptop set shopping /milk 2
	id=$(on laptop ls --json | field doc)
	answer=$(echo '{"jsonrpc":"2.0","id":"a","method":"doc.get","params":{"doc":"shopping","path":"/milk"}}' |
	    socat -t 5 - "UNIX-CONNECT:$T/laptop/run/control")
	[ "$answer" = '{"jsonrpc":"2.0","id":"a","result":{"doc":"'"$id"'","name":"shopping","path":"/milk","json":"2"}}' ]
	answer=$(echo '{"jsonrpc":"2.0","id":2,"method":"doc.frob"}' |
	    socat -t 5 - "UNIX-CONNECT:$T/laptop/run/control")
	[[ $answer == '{"jsonrpc":"2.0","id":2,"error":{"code":-32601,'* ]]
}

@test "a full disk is 74 and loses nothing" {
	mkdir laptop
	mount -t tmpfs -o size=12m,mode=700 tmpfs laptop 2>/dev/null ||
	    skip "may not mount"
	device laptop
	on laptop new d
	on laptop set d /kept '"this"'
	for i in {1..60}; do
		head -c 200000 /dev/urandom | base64 -w 0 |
		    sed 's/.*/"&"/' >big.json
		lk set d "/$i" - <big.json
		[ "$status" -eq 0 ] || break
	done
	[ "$status" -eq 74 ]
	[ "$output" = "" ]
	[[ $stderr == "lk: "*"; make room, then again" || $stderr == "lk: "* ]]
	lk get d /kept
	is 0 "this" ""
	lk daemon stop
	is 0 "" ""
	lk get d /kept
	is 0 "this" ""
}
