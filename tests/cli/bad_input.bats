# What is wrong is answered with one line and the right status, and leaves
# everything as it was.  More of it stands beside what it is about.

load setup

python() {
	command -v python3 >/dev/null || skip "no python3"
	python3 "$@"
}

# forged TICKET: another secret in it, and a check that fits.
forged() {
	python - "$1" <<-'END'
	import base64, hashlib, sys

	text = sys.argv[1][4:].upper()
	raw = bytearray(base64.b32decode(text + "=" * (-len(text) % 8))[:-4])
	raw[5] ^= 1
	check = hashlib.blake2b(raw, digest_size=4, person=b"lk1 ticket".ljust(16, b"\0"))
	text = base64.b32encode(bytes(raw) + check.digest()).decode()
	print("lk1-" + text.rstrip("=").lower())
	END
}

@test "a ticket nobody made, a used and an expired one are 77 within seconds" {
	local ticket
	device laptop
	on laptop new d
	device phone
	device friend
	before=$(state_of friend)
	laptop=$(state_of laptop)
	no="lk: ticket: wrong, used or expired; ask for a new ticket"
	started=$SECONDS

	ticket=$(on laptop pair --ticket)
	run --separate-stderr on friend pair "$(forged "$ticket")"
	refused 77 "$no"
	ticket=$(on laptop invite d)
	run --separate-stderr on friend accept "$(forged "$ticket")"
	refused 77 "$no"
	ticket=$(on laptop invite d --expires 1ms)
	run --separate-stderr on friend accept "$ticket"
	refused 77 "$no"
	[ "$(state_of laptop)" = "$laptop" ]

	ticket=$(on laptop pair --ticket)
	on phone -q pair "$ticket"
	on laptop sync --wait --timeout 20s
	laptop=$(state_of laptop)
	run --separate-stderr on friend pair "$ticket"
	refused 77 "$no"
	run --separate-stderr on friend pair --json "$ticket"
	refused 77 '{"error":"denied","code":77,"message":"ticket: wrong, used or expired","hint":"ask for a new ticket"}'
	[ "$(state_of laptop)" = "$laptop" ]
	[ "$(state_of friend)" = "$before" ]
	[ $((SECONDS - started)) -lt 30 ]
}

@test "a small document file that inflates without end is 65, and takes no memory" {
	device laptop
	on laptop new d
	before=$(state_of laptop)
	python - bomb.automerge <<-'END'
	import hashlib, sys, zlib

	def uleb(n):
	    out = b""
	    while True:
	        n, low = n >> 7, n & 127
	        out += bytes([low | (128 if n else 0)])
	        if not n:
	            return out

	c = zlib.compressobj(9, zlib.DEFLATED, -15)
	column = c.compress(bytes(300 * 1024 * 1024)) + c.flush()
	actor = b"\x01" + b"\x01" + b"a"
	# No heads; one column of changes and one of operations, deflated.
	body = actor + b"\x00"
	body += b"\x01" + uleb(0x03 | 8) + uleb(len(column))
	body += b"\x00" + column
	head = b"\x00" + uleb(len(body))
	sum = hashlib.sha256(head + body).digest()[:4]
	open(sys.argv[1], "wb").write(b"\x85\x6f\x4a\x83" + sum + head + body)
	END
	[ "$(stat -c %s bomb.automerge)" -lt 320000 ]
	lk import bomb.automerge
	refused 65 "lk: bomb.automerge: *"
	[ "$(state_of laptop)" = "$before" ]
	pid=$(on laptop daemon status --json | field pid)
	[ "$(sed -n 's/^VmHWM:[ \t]*\([0-9]*\).*/\1/p' "/proc/$pid/status")" -lt 400000 ]
}

# fill: writes until something is refused.
fill() {
	for i in {1..60}; do
		head -c 200000 /dev/urandom | base64 -w 0 |
		    sed 's/.*/"&"/' >"$BATS_TEST_TMPDIR/big.json"
		lk set d "/$i" - <"$BATS_TEST_TMPDIR/big.json"
		[ "$status" -eq 0 ] || break
	done
}

@test "a full disk is 74 and one line, for every command that writes" {
	mkdir -p laptop
	mount -t tmpfs -o size=12m,mode=700 tmpfs laptop 2>/dev/null ||
	    skip "may not mount"
	device laptop
	on laptop new d
	on laptop set --counter d /kept 7
	fill
	refused 74 "lk: d*: no space left on the disk, nothing was changed; make room, then again"
	# What is left of the room is used up too.
	dd if=/dev/zero of=laptop/filler bs=1k 2>/dev/null || true
	before=$(state_of laptop)
	for i in {1..5}; do
		lk set d /small "\"$i\""
		[ "$status" -eq 0 ] || break
	done
	before=$(state_of laptop)
	head -c 1000000 /dev/urandom | base64 >"$BATS_TEST_TMPDIR/text.md"
	lk import "$BATS_TEST_TMPDIR/text.md"
	refused 74 "lk: text: no space left on the disk, nothing was *"
	lk import --json "$BATS_TEST_TMPDIR/text.md"
	[[ $stderr == '{"error":"full","code":74,'* ]]
	[ "$(state_of laptop)" = "$before" ]
	lk get d /kept
	is 0 7 ""
	rm laptop/filler
	on laptop daemon stop
	[ "$(state_of laptop)" = "$before" ]
	lk rm d /1
	is 0 "" ""
}

@test "a limit on the size of files is like a full disk" {
	on laptop daemon start >/dev/null
	on laptop daemon stop
	(ulimit -f 3000 && on laptop init >/dev/null)
	on laptop new d
	on laptop set --counter d /kept 7
	fill
	refused 74 "lk: d*: no space left on the disk, nothing was changed; make room, then again"
	lk get d /kept
	is 0 7 ""
	before=$(state_of laptop)
	# What is said goes through a pipe, which has no limit.
	run --separate-stderr bash -c '
		(ulimit -f 0; exec "$LK" export d -o "$1") 2>&1 | cat >&2
		exit "${PIPESTATUS[0]}"' - "$T/out.json"
	refused 74 "lk: $T/out.json: File too large"
	[ ! -e out.json ]
	[ "$(state_of laptop)" = "$before" ]
	# Without the limit it goes on.
	on laptop daemon stop
	[ "$(state_of laptop)" = "$before" ]
	lk inc d /kept
	is 0 "" ""
	on laptop daemon stop
	lk get d /kept
	is 0 8 ""
}

@test "a port in use is 69, and the store is left alone" {
	device laptop
	device phone
	on phone new d
	before=$(state_of phone)
	on phone daemon stop
	port=$(on laptop daemon status --json | field port)
	LK_LISTEN=127.0.0.1:$port run --separate-stderr on phone ls
	refused 69 "lk: 127.0.0.1:$port: in use, or no address of this machine: LK_LISTEN chooses another"
	[ "$(state_of phone)" = "$before" ]
}

@test "a home of somebody else's, or none at all, is 78" {
	: >file
	LK_HOME=$T/file run --separate-stderr "$LK" init
	refused 78 "lk: $T/file: *"
	LK_HOME=$T/file/below run --separate-stderr "$LK" ls
	refused 78 "lk: LK_HOME: Not a directory; set LK_HOME to a directory of yours"
	[ ! -s file ]
	HOME= LK_HOME= XDG_DATA_HOME= run --separate-stderr "$LK" ls
	refused 78 "lk: LK_HOME: *; set LK_HOME to a directory of yours"
}

# to_port PORT KIND: sends garbage of some kind and waits to be parted with.
to_port() {
	python - "$1" "$2" <<-'END'
	import os, random, socket, sys

	random.seed(7)
	kinds = {
	    "noise": random.randbytes(5000),
	    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	    "preface": b"LK\x01\x01\x00" + random.randbytes(4096),
	    "ticket": b"LK\x01\x02\x08" + random.randbytes(4096),
	    "long": b"LK\x01\x01\x00\xff\xff" + bytes(70000),
	    "version": b"LK\x63\x01\x00" + bytes(100),
	}
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	s.settimeout(10)
	try:
	    s.sendall(kinds[sys.argv[2]])
	    while s.recv(4096):
	        pass
	except (ConnectionResetError, BrokenPipeError):
	    pass
	END
}

@test "a peer that sends garbage is dropped and logged once, and nobody notices" {
	device laptop
	on laptop new d
	on laptop set --counter d /c 0
	paired laptop phone
	on laptop sync --wait --timeout 20s
	port=$(on laptop daemon status --json | field port)
	pid=$(on laptop daemon status --json | field pid)
	before=$(state_of laptop)
	for kind in noise http preface ticket long version; do
		to_port "$port" "$kind"
	done
	for i in {1..20}; do
		to_port "$port" noise
	done
	[ "$(state_of laptop)" = "$before" ]
	[ "$(on laptop daemon logs | grep -c 'dropped')" -eq 1 ]
	[[ $(on laptop daemon logs) =~ info\ peer\ at\ 127.0.0.1:[0-9]+:\ dropped:\ preface ]]
	! on phone daemon logs | grep dropped
	# Those who know how to speak go on as before.
	on phone inc d /c
	on phone sync --wait=all --timeout 20s
	run --separate-stderr on laptop get d /c
	is 0 1 ""
	[ "$(on laptop daemon status --json | field pid)" = "$pid" ]
}

@test "garbage on the control socket ends that connection only" {
	device laptop
	on laptop new d
	before=$(state_of laptop)
	python - "$T/laptop/run/control" <<-'END'
	import socket, sys

	def talk(what):
	    got = b""
	    s = socket.socket(socket.AF_UNIX)
	    s.settimeout(10)
	    s.connect(sys.argv[1])
	    try:
	        s.sendall(what)
	        s.shutdown(socket.SHUT_WR)
	        while more := s.recv(65536):
	            got += more
	    except (ConnectionResetError, BrokenPipeError):
	        pass
	    return got

	assert b"-32700" in talk(b"hello\n")
	assert b"-32600" in talk(b"[]\n")
	assert b"-32601" in talk(b'{"jsonrpc":"2.0","id":1,"method":"no"}\n')
	assert b"-32602" in talk(b'{"jsonrpc":"2.0","id":1,"method":"doc.get","params":{"doc":1}}\n')
	assert b"-32700" in talk(b"[" * 100000 + b"\n")
	talk(b"\xff" * 3000000)
	talk(b'{"jsonrpc":"2.0","id":1,"method":"doc.g')
	END
	[ "$(state_of laptop)" = "$before" ]
}

@test "what is printed where nothing can be printed goes nowhere, and is no command" {
	device laptop
	on laptop new d
	echo '{"jsonrpc":"2.0","id":7,"method":"doc.set","params":{"doc":"d","path":"/a","json":"1"}}' >evil.txt
	on laptop -q import evil.txt
	# The next thing that is opened would have the number of what is closed.
	run --separate-stderr bash -c '"$LK" get evil >&-'
	is 74 "" "lk: standard output: Bad file descriptor"
	run --separate-stderr bash -c '"$LK" get evil >&- 2>&-'
	is 74 "" ""
	run --separate-stderr bash -c '"$LK" apply d <&-'
	[ "$status" -eq 74 ]
	lk get d
	is 0 "{}" ""
}

@test "a daemon that is started without standard files has nothing else in their place" {
	device laptop
	on laptop -q daemon stop
	"${LK}d" <&- >&- 2>&- 3>&- &
	until_ on laptop daemon status
	pid=$(on laptop daemon status --json | field pid)
	for fd in 0 1 2; do
		[[ $(readlink "/proc/$pid/fd/$fd") != *[0-9a-z]:* ]]
		[[ $(readlink "/proc/$pid/fd/$fd") != */store/* ]]
	done
	on laptop new d
	on laptop verify
	on laptop -q daemon stop
	wait
}
