# A backup as one stream, on standard output and from standard input.

load setup
load backup

# untouched DEVICE: it is nobody's still, and nothing is left of what it read.
untouched() {
	run --separate-stderr on "$1" ls
	refused 78 "lk: *no identity here*"
	[ -z "$(find "$T/$1" -name 'stream.*')" ]
}

@test "a stream is checked, read by another program, and comes back on an empty machine" {
	noted
	on laptop backup create - >stream 2>said
	[[ $(cat said) =~ ^[0-9a-f]{8}:\ 2\ documents,\ .*B\;\ added\ .*B$ ]]
	run --separate-stderr on laptop backup check - --phrase-file phrase <stream
	[ "$status" -eq 0 ]
	[[ $output =~ ^1\ backup,\ 3\ objects,\ .*:\ good$ ]]
	run --separate-stderr on laptop backup check - --sealed --json <stream
	[ "$status" -eq 0 ]
	[[ $output == *'"place":"-","snapshots":1,"objects":3,'* ]]
	read_ stream phrase >read
	grep -q '^notes text ' read
	grep -q '^plan map ' read
	run --separate-stderr on fresh backup restore - --phrase-file phrase --name fresh <stream
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "This device is called fresh, id "*"; 2 documents are here, "* ]]
	run --separate-stderr on fresh get plan --json
	is 0 '{"x":1}' ""
	run --separate-stderr on fresh get notes
	is 0 first ""
	[ -z "$(find fresh -name 'stream.*')" ]
	# Nothing of it is noted: a folder gets everything afterwards, and the next stream too.
	run --separate-stderr on laptop backup create dest --json
	[ "$(field objects <<<"$output")" -eq 3 ]
	on laptop backup create - --json >again 2>said
	[ "$(field objects <said)" -eq 3 ]
	[ "$(field place <said)" = - ]
	diff <(read_ again phrase | tail -n +2) <(tail -n +2 read)
	on laptop backup create - -q >quiet 2>said
	[ ! -s said ]
}

@test "a stream that is cut off anywhere is told, and nothing is changed" {
	noted
	on laptop backup create - >stream 2>/dev/null
	size=$(stat -c %s stream)
	for n in 0 1 4 5 6 90 200 $((size / 3)) $((size / 2)) $((size - 9)) $((size - 8)) $((size - 1)); do
		head -c "$n" stream >cut
		run --separate-stderr on fresh backup restore - --phrase-file phrase <cut
		refused 65 "lk: standard input: the stream was cut off; *"
		run --separate-stderr on laptop backup check - --sealed <cut
		[ "$status" -eq 65 ]
	done
	untouched fresh
	run --separate-stderr on fresh backup restore - --phrase-file phrase --name fresh <stream
	[ "$status" -eq 0 ]
}

@test "any byte of a stream that is another one is told, and nothing is changed" {
	noted
	on laptop backup create - >stream 2>/dev/null
	size=$(stat -c %s stream)
	# Those before and behind objects, and some of what is in them.
	/usr/bin/python3 - "$size" <<-'END' >places
		import random, sys
		size = int(sys.argv[1])
		rng = random.Random(7)
		print(*{*range(8), 10, 20, 60, 86, 87, 88, *range(size - 9, size), *(rng.randrange(size) for _ in range(8))})
	END
	for at in $(cat places); do
		/usr/bin/python3 -c 'import sys; d = bytearray(open("stream", "rb").read()); at = int(sys.argv[1])
d[at] ^= 1 + at % 255; open("bad", "wb").write(d)' "$at"
		run --separate-stderr on fresh backup restore - --phrase-file phrase <bad
		[ "$status" -eq 65 ] || [ "$status" -eq 76 ]
	done
	untouched fresh
	cat stream stream >twice
	run --separate-stderr on fresh backup restore - --phrase-file phrase <twice
	refused 65 "lk: standard input: *; nothing was done with it"
	run --separate-stderr on fresh backup restore - --phrase-file phrase <phrase
	refused 65 "lk: standard input: not a stream of a backup, or damaged; *"
	untouched fresh
}

@test "a stream has one snapshot, at its end, or is none" {
	noted
	on laptop backup create - >stream 2>/dev/null
	# In NAME.stream one that is right but for that.
	/usr/bin/python3 - <<-'END'
		import pathlib
		def uleb(n): return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + uleb(n >> 7)
		data = pathlib.Path("stream").read_bytes()
		at, objects = 5, []
		def taken():
		    global at
		    n = shift = 0
		    while True:
		        b = data[at]; at += 1; n |= (b & 127) << shift; shift += 7
		        if b < 128: break
		    at += n
		    return data[at - n:at]
		while data[at]:
		    at += 1
		    objects.append((taken(), taken()))
		*most, last = objects
		again = last[0][:-1] + (b"0" if last[0][-1:] != b"0" else b"1"), last[1]
		for name, some in (("good", objects), ("headless", most), ("early", [last, *most]), ("two", [*objects, again]), ("empty", [])):
		    pathlib.Path(name + ".stream").write_bytes(b"LKBS\1" + b"".join(
		        b"\1" + uleb(len(n)) + n + uleb(len(o)) + o for n, o in some) + b"\0" + len(some).to_bytes(8, "big"))
	END
	cmp stream good.stream
	read_ good.stream phrase >/dev/null
	for name in headless early two empty; do
		for how in "check - --sealed" "check - --phrase-file phrase" "restore - --phrase-file phrase"; do
			run --separate-stderr on fresh backup $how <$name.stream
			refused 65 "lk: standard input: *snapshot*; nothing was done with it"
		done
		run read_ $name.stream phrase
		[ "$status" -eq 1 ]
		[ "$output" = "reader.py: snapshot of a stream" ]
	done
	untouched fresh
}

@test "a stream is refused on a terminal, has no list, and takes no phrase" {
	noted
	run script -qec "LK_HOME='$T/laptop' '$LK' backup create -" /dev/null
	[ "$status" -eq 64 ]
	[[ $output == "lk: backup: no binary data to a terminal; "* ]]
	on laptop backup create - >stream 2>/dev/null
	run script -qec "LK_HOME='$T/fresh' '$LK' backup check - --sealed" /dev/null
	[ "$status" -eq 64 ]
	[[ $output == "lk: backup: standard input is a terminal; "* ]]
	run --separate-stderr on laptop backup ls - <stream
	refused 64 "lk: backup: a stream has no list; *"
	run --separate-stderr setsid "$LK" backup check - <stream
	[ "$status" -eq 64 ]
	[[ $stderr == "lk: recovery phrase: none given; "* ]]
}

@test "a stream waits for who reads it, and one of many parcels is whole" {
	noted
	head -c 36000000 /dev/urandom >bytes
	# More than ever waits at once, 32 MiB.
	on laptop set --bytes bytes plan /b
	on laptop backup create - 2>/dev/null | { head -c 100000 >stream; until_ test -s stream; cat >>stream; }
	[ "$(stat -c %s stream)" -gt 35000000 ]
	run --separate-stderr on laptop backup check - --phrase-file phrase <stream
	[ "$status" -eq 0 ]
	[[ $output == *": good" ]]
	# In the scratch store it is as much, in several transactions.
	run --separate-stderr on fresh backup restore - --files out --phrase-file phrase <stream
	[ "$status" -eq 0 ]
	on laptop export plan | cmp - out/plan.json
	# Who goes away ends it; the daemon goes on.
	on laptop backup create - 2>/dev/null | head -c 100000 >part
	run --separate-stderr on laptop backup check - --sealed <part
	[ "$status" -eq 65 ]
	run --separate-stderr on laptop get plan /x
	is 0 1 ""
	# What one left behind that was killed, the next one removes, or the next daemon,
	# but not what somebody works with.
	mkdir laptop/stream.killed laptop/stream.killed/lk1
	on laptop backup check - --sealed <stream
	[ -z "$(find laptop -name 'stream.*')" ]
	mkdir -p laptop/stream.killed/lk1 laptop/stream.used
	: >laptop/stream.killed/lk1/object
	on laptop daemon stop
	flock laptop/stream.used env LK_HOME="$T/laptop" "$LK" get plan /x
	[ "$(cd laptop && echo stream.*)" = stream.used ]
}
