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
	is 0 "1 document, 6 envelopes: hashes, signatures, who may do what and contents are as they should be" ""
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
"*"  damaged
  not compared with what its log gives" ]]
	on phone status >/dev/null
	on laptop sync
	for _ in $(seq 100); do
		on laptop verify >/dev/null 2>&1 && break
		sleep 0.2
	done
	run --separate-stderr on laptop verify
	[ "$status" -eq 0 ]
	[[ $output == "1 document, "*" envelopes: hashes, signatures, who may do what and contents are as they should be" ]]
	on laptop export d -o after.automerge
	cmp before.automerge after.automerge
}

@test "with a key gone verify says so, and what is shown stays" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	# Its record: document 2, space 3.
	flip laptop hex:0000000203 30
	for i in 1 2; do
		run --separate-stderr on laptop verify
		[ "$status" -eq 65 ]
		[[ $output == "d
"* ]]
		[ "$i" -eq 2 ] || [[ $output == *"a key is gone: "* ]]
		run --separate-stderr on laptop get d --json
		is 0 '{"a":1}' ""
	done
	on laptop set d /b 2
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1,"b":2}' ""
}

@test "verify says the same in JSON, of one document or of all" {
	device laptop
	on laptop new d
	on laptop new e
	run --separate-stderr on laptop verify d --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.verify/1","documents":[{"doc":"'[0-9a-f]{64}'","name":"d","envelopes":'[0-9]+',"compared":true,"records":0,"keys":0,"rebuilt":false,"lost":0,"waiting":0,"refused":[],"damaged":[]}],"envelopes":'[0-9]+'}'$ ]]
	run --separate-stderr on laptop verify --json
	[ "$status" -eq 0 ]
	[[ $output == *'"name":"d"'*'"name":"e"'*'"device_records":0}' ]]
	run --separate-stderr on laptop verify -q
	is 0 "" ""
	run --separate-stderr on laptop verify d nothing
	refused 66 "lk: nothing: no such document; lk ls lists them"
}

@test "others are answered while everything is verified, and nothing is left of it" {
	device laptop
	for i in {1..12}; do
		head -c 60000 /dev/urandom | base64 >big$i.txt
		on laptop import big$i.txt
	done
	on laptop verify --json >verified.json &
	verifier=$!
	until_ [ -e laptop/verify ]
	on laptop new meanwhile
	on laptop set meanwhile /a 1
	[ -e laptop/verify ]
	wait "$verifier"
	[ "$(grep -o '"compared":true' verified.json | wc -l)" -ge 13 ]
	until_ [ ! -e laptop/verify ]
}

@test "what a killed daemon was verifying with is removed" {
	device laptop
	on laptop new d
	on laptop -q daemon stop
	mkdir -m 700 laptop/verify
	: >laptop/verify/data.mdb
	on laptop get d
	[ ! -e laptop/verify ]
}
