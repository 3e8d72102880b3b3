# A disk that changes what was written on it.

load setup

# flip HOME TEXT [OFFSET]: stops its daemon and flips a bit of the store where
# this text is, a few bytes on.
flip() {
	on "$1" -q daemon stop
	python3 - "$T/$1/store/data.mdb" "$2" "${3:-0}" <<-'EOF'
		import sys
		path, text, offset = sys.argv[1:]
		data = bytearray(open(path, "rb").read())
		wanted = bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()
		# Pages that are free hold older copies.
		places = [i for i in range(len(data)) if data.startswith(wanted, i)]
		assert places, f"{text} is not in {path}"
		for i in places:
		    data[i + int(offset)] ^= 4
		open(path, "wb").write(data)
	EOF
}

@test "records of a document that are damaged are made again from its log" {
	device laptop
	on laptop new d
	on laptop set d /key '"a value that is easily found"'
	on laptop set d /other 2
	flip laptop "easily found" 3
	run --separate-stderr on laptop get d --json
	is 0 '{"key":"a value that is easily found","other":2}' ""
	on laptop daemon logs | grep -q 'document d: damaged: [0-9]* records, made again from its log'
	run --separate-stderr on laptop verify
	is 0 "" ""
	on laptop set d /other 3
	run --separate-stderr on laptop get d /other
	is 0 "3" ""
}

@test "a damaged change is named, the rest can be read, and it comes back from a peer" {
	device laptop
	on laptop new d
	paired laptop phone
	for n in 1 2 3; do on laptop set d /n "$n"; done
	on laptop sync --wait --timeout 30s
	on laptop export d -o before.automerge
	on phone -q daemon stop
	on laptop -q daemon stop
	# The last envelope is that of the last change.
	"$(dirname "$LK")/tests/log_dump" "$T/laptop/store" dump >/dev/null
	flip laptop "hex:$(tail -c 40 dump | head -c 16 | od -An -tx1 | tr -d ' \n')"
	run --separate-stderr on laptop get d --json
	is 0 '{"n":3}' ""
	run --separate-stderr on laptop export d -o now.automerge
	refused 65 "lk: d: damaged on this disk: ???????? by laptop; the rest can be read; what is damaged comes back from any device that has it"
	run --separate-stderr on laptop log d
	[ "$status" -eq 0 ]
	[ "$(grep -c damaged <<<"$output")" -eq 1 ]
	run --separate-stderr on laptop verify
	[ "$status" -eq 65 ]
	[[ $output == "d
"*"  damaged" ]]
	on phone status >/dev/null
	on laptop sync
	for _ in $(seq 100); do
		on laptop verify >/dev/null 2>&1 && break
		sleep 0.2
	done
	run --separate-stderr on laptop verify
	is 0 "" ""
	on laptop export d -o after.automerge
	cmp before.automerge after.automerge
}
