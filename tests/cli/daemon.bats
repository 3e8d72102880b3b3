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

@test "the daemon is started again, but not one that lk did not start" {
	device laptop
	before=$(on laptop daemon status --json | field pid)
	lk daemon restart
	[ "$status" -eq 0 ]
	after=$(on laptop daemon status --json | field pid)
	[ "$output" = "daemon: pid $after" ]
	[ "$before" != "$after" ]
	"$LK" -q daemon stop
	lk daemon restart
	[ "$status" -eq 0 ]
	"$LK" -q daemon stop
	"${LK}d" -f 2>log 3>&- &
	until_ on laptop daemon status
	lk daemon restart
	is 73 "" "lk: daemon: it was not started by lk; end it there, and start it again; under systemd: systemctl --user restart lkd"
	"$LK" -q daemon stop
	wait
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
	[[ $output == *"
discovery  on
"* ]]
}

@test "discovery is on, unless the configuration says off" {
	mkdir -m 700 laptop
	echo "discovery off" >laptop/config
	device laptop
	[[ $(on laptop daemon status --json) == *'"discovery":"off"'* ]]
	on laptop daemon stop
	echo "discovery maybe" >laptop/config
	lk daemon start
	[ "$status" -eq 78 ]
	[[ $stderr == *"line 1: not understood: discovery maybe"* ]]
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
	refused 69 "lk: \*:$port: in use, or no address of this machine: LK_LISTEN chooses another"
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

@test "a daemon that dies and does not come back is told" {
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

@test "a daemon that dies under a command is started again, once" {
	device laptop
	on laptop new d
	on laptop set --counter d /c 0
	paired laptop phone
	on laptop sync --wait --timeout 30s
	on phone daemon stop
	on laptop inc d /c
	# It waits for the phone, through the death of its daemon.
	on laptop sync --wait=all --timeout 30s 2>complaint &
	waiting=$!
	until [ "$(on laptop daemon status --json | field connections)" != "" ]; do :; done
	kill -9 "$(on laptop daemon status --json | field pid)"
	on phone sync
	wait $waiting
	[ ! -s complaint ]
	# One that cannot answer: nothing was done, so it is done by the next.
	pid=$(on laptop daemon status --json | field pid)
	kill -STOP "$pid"
	on laptop inc d /c &
	waiting=$!
	kill -9 "$pid"
	wait $waiting
	lk get d /c
	is 0 2 ""
}

# deaf SOCKET: a daemon that hears one request and dies.
deaf() {
	python3 - "$1" <<-'END'
	import socket, sys

	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[1])
	s.listen()
	print("ready", flush=True)
	c, _ = s.accept()
	c.recv(65536)
	c.sendall(b'{"jsonrpc":"2.0","id":0,"result":{"protocol":"lk.control/1"}}\n')
	c.recv(65536)
	s.close()
	c.close()
	END
}

@test "what may have been done already is not done again" {
	command -v python3 >/dev/null || skip "no python3"
	device laptop
	on laptop new d
	on laptop set --counter d /c 0
	on laptop daemon stop
	for args in "inc d /c" "get d /c"; do
		rm -f run
		mkfifo ready
		deaf "$T/laptop/run/control" >ready &
		deaf=$!
		read -r _ <ready
		rm ready
		lk $args
		wait $deaf
		if [[ $args == inc* ]]; then
			refused 69 "lk: daemon: the daemon closed the connection; look whether it was done before doing it again"
		else
			is 0 0 ""
		fi
		on laptop daemon stop
		rm -f laptop/run/control
	done
}

@test "SIGTERM in the middle of writing loses nothing that was answered" {
	device laptop
	on laptop new d
	on laptop set --counter d /c 0
	for i in {1..40}; do
		on laptop inc d /c 2>/dev/null && echo >>answered
	done &
	writing=$!
	for i in {1..8}; do
		kill -TERM "$(on laptop daemon status --json 2>/dev/null | field pid)" 2>/dev/null || true
	done
	wait $writing
	count=$(on laptop get d /c)
	answered=$(wc -l <answered)
	[ "$count" -ge "$answered" ]
	[ "$answered" -ge 30 ]
	[ "$(on laptop log d | grep -c ' 1 op$')" -eq $((count + 1)) ]
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

@test "at a terminal it is said that the daemon is busy, until it answers" {
	device laptop
	on laptop new d
	pid=$(on laptop daemon status --json | field pid)
	kill -STOP "$pid"
	script -qec "$LK ls" /dev/null </dev/null >typed &
	until_ grep -q "lk: the daemon is busy, waiting for it" typed || { kill -CONT "$pid"; return 1; }
	kill -CONT "$pid"
	wait
	[[ $(<typed) == *"waiting for it"*$'\r\e[K'"d"* ]]
	# Nobody looks on.
	kill -STOP "$pid"
	on laptop ls >typed 2>said &
	until_ eval '[ "$(find said -not -newermt "-1500 ms")" ]' || true
	kill -CONT "$pid"
	wait
	[ "$(cat typed said)" = d ]
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
	refused 74 "lk: d*: no space left on the disk, nothing was changed; make room, then again"
	lk get d /kept
	is 0 "this" ""
	lk daemon stop
	is 0 "" ""
	lk get d /kept
	is 0 "this" ""
}

@test "daemon status says what the sandbox enforces, and what it does not cover" {
	device laptop
	run --separate-stderr on laptop daemon status --json
	[ "$status" -eq 0 ]
	[ "$(jq -r '[.sandbox_layers[].layer] | join(" ")' <<<"$output")" = "no_new_privs landlock seccomp" ]
	# What is not enforced says why.
	[ "$(jq '[.sandbox_layers[] | select(.enforced or .does_not != null)] | length' <<<"$output")" -eq 3 ]
	# The kernel agrees.
	pid=$(jq .pid <<<"$output")
	if [ "$(jq '.sandbox_layers[2].enforced' <<<"$output")" = true ]; then
		grep -q '^NoNewPrivs:.*1' "/proc/$pid/status"
		grep -q '^Seccomp:.*2' "/proc/$pid/status"
	fi
	if [ "$(jq '.sandbox_layers[1].enforced' <<<"$output")" = true ]; then
		on laptop daemon status | grep -q '^           landlock: writes below LK_HOME'
		on laptop doctor --json | jq -e '.checks[] | select(.check == "sandbox" and .state == "ok")'
	fi
}

@test "a daemon at rest begins to read its store once, and remembers when" {
	begun() {
		on laptop daemon status --json | jq -er .scrub.begun
	}
	device laptop
	on laptop new d
	# Whoever asks keeps it from resting.
	until_ grep -q 'scrub: begun' laptop/log
	first=$(begun)
	on laptop -q daemon stop
	on laptop new e
	[ "$(on laptop doctor --json | jq -r '.checks[] | select(.check == "scrub").state')" = ok ]
	until_ grep -q 'scrub: goes on' laptop/log
	[ "$(begun)" = "$first" ]
}
