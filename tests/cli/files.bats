# import and export.

load setup

vectors=$BATS_TEST_DIRNAME/../data/automerge/vectors

@test "files become documents of their type and name" {
	device laptop
	printf '# Notes\n' >notes.md
	printf 'text' >plain.txt
	printf '{"a":[1,"x"]}' >map.json
	printf '[1,{"b":2}]' >list.json
	cp "$vectors/07-text-splice.automerge" thesis.automerge
	lk import notes.md plain.txt map.json list.json thesis.automerge
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ ${lines[0]} =~ ^notes\ \ text\ \ [0-9a-f]{8}$ ]]
	[[ ${lines[1]} =~ ^plain\ \ text\ \ [0-9a-f]{8}$ ]]
	[[ ${lines[2]} =~ ^map\ \ map\ \ [0-9a-f]{8}$ ]]
	[[ ${lines[3]} =~ ^list\ \ list\ \ [0-9a-f]{8}$ ]]
	[[ ${lines[4]} =~ ^thesis\ \ [a-z]+\ \ [0-9a-f]{8}$ ]]
	on laptop get notes | cmp - notes.md
	on laptop get plain | cmp - plain.txt
	lk get map --json
	is 0 '{"a":[1,"x"]}' ""
	lk get list --json
	is 0 '[1,{"b":2}]' ""
}

@test "--as names, --format decides, - is standard input" {
	device laptop
	printf '[]' >data
	lk import data
	is 64 "" "lk: data: not a known kind of file; --format automerge, json or text says"
	lk -q import --format json --as list data
	is 0 "" ""
	lk -q import --format text data
	is 0 "" ""
	lk ls
	is 0 "data
list" ""
	printf 'from a pipe' | on laptop -q import --as pipe --format text -
	lk get pipe
	is 0 "from a pipe" ""
	lk import - </dev/null
	is 64 "" "lk: -: not a known kind of file; --format automerge, json or text says"
	lk import --as x a.md b.md
	is 64 "" "lk: import: --as names one document; usage: lk import [--as DOC] [--format FORMAT] FILE|FOLDER ...; more in lk help import"
	touch a.pdf
	lk import a.pdf
	is 64 "" "lk: a.pdf: not a known kind of file; --format automerge, json or text says"
}

@test "a name in use is 73, and what can be imported is: 3" {
	device laptop
	printf 'one' >a.md
	printf 'two' >b.md
	on laptop -q import a.md
	lk -q import a.md
	is 73 "" "lk: a: a document of this name exists; --as takes another name, and --into brings a file into a document"
	lk -q import a.md b.md
	is 3 "" "lk: a: a document of this name exists; --as takes another name, and --into brings a file into a document"
	lk ls
	is 0 "a
b" ""
}

@test "damaged files are 65 and leave nothing behind" {
	device laptop
	file=$vectors/25-deflated-columns.automerge
	size=$(stat -c %s "$file")
	for n in 1 4 7 8 9 10 $((size / 2)) $((size - 1)); do
		head -c "$n" "$file" >cut.automerge
		lk import cut.automerge
		[ "$status" -eq 65 ]
		[ "$output" = "" ]
		[[ $stderr =~ ^lk:\ cut.automerge:\ not\ an\ intact\ Automerge\ file:\ [^$'\n']+$ ]]
	done
	printf 'garbage' >bad.automerge
	lk import bad.automerge
	[ "$status" -eq 65 ]
	printf '{"a":' >bad.json
	lk import bad.json
	is 65 "" "lk: bad.json: not valid JSON: line 1, column 6: it ends where a value was expected"
	printf '"scalar"' >scalar.json
	lk import scalar.json
	is 65 "" "lk: scalar.json: a document is a JSON object or array"
	printf '\377\376' >bad.txt
	lk import bad.txt
	is 65 "" "lk: bad.txt: the text is not UTF-8"
	lk import nothing.md
	is 66 "" "lk: nothing.md: no such file"
	lk import nothing
	is 66 "" "lk: nothing: no such file"
	mkdir folder.md
	lk import folder.md
	is 65 "" "lk: folder.md: no document of automerge-repo in it; lk mirror add keeps a folder of other files"
	lk ls
	is 0 "" ""
}

@test "a small file that inflates to 300 MB is refused" {
	device laptop
	command -v python3 >/dev/null || skip "no python3"
	python3 - bomb.automerge <<-'END'
	import hashlib, sys, zlib

	def uleb(n):
	    out = b""
	    while True:
	        n, low = n >> 7, n & 127
	        out += bytes([low | (128 if n else 0)])
	        if not n:
	            return out

	c = zlib.compressobj(9, zlib.DEFLATED, -15)
	body = c.compress(bytes(300 * 1024 * 1024)) + c.flush()
	head = b"\x02" + uleb(len(body))
	sum = hashlib.sha256(head + body).digest()[:4]
	open(sys.argv[1], "wb").write(b"\x85\x6f\x4a\x83" + sum + head + body)
	END
	lk import bomb.automerge
	[ "$status" -eq 65 ]
	[ "$output" = "" ]
	[[ $stderr == "lk: bomb.automerge: "* ]]
	lk ls
	is 0 "" ""
}

@test "files larger than one change come in whole" {
	device laptop
	head -c 700000 /dev/urandom | base64 >big.txt
	on laptop -q import big.txt
	on laptop get big | cmp - big.txt
	printf '{"k":[' >big2.json
	seq -s , 1 150000 >>big2.json
	printf ']}' >>big2.json
	on laptop -q import big2.json
	[ "$(on laptop get big2 --json)" = "$(tr -d '\n' <big2.json)" ]
}

@test "what is exported comes back the same" {
	device laptop
	on laptop new d
	on laptop set --counter d /c 3
	on laptop set d /t '"text"'
	on laptop inc d /c 4
	on laptop export d -o out.automerge
	on laptop -q import out.automerge
	[ "$(on laptop get --typed --json out)" = "$(on laptop get --typed --json d)" ]
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "hello"
	on laptop export notes -o copy.automerge
	lk import copy.automerge
	[[ $output == "copy  text  "* ]]
	lk get copy
	is 0 "hello" ""
	on laptop export out -o again.automerge
	cmp out.automerge again.automerge
}

@test "export writes the format the file's name says" {
	device laptop
	on laptop new d
	on laptop set d /a '[1]'
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "hello"
	lk export d
	is 0 '{"a":[1]}' ""
	lk export notes
	is 0 'hello' ""
	lk export notes --format json
	is 0 '"hello"' ""
	on laptop export notes -o n.md
	printf hello | cmp - n.md
	on laptop export d -o d.json
	printf '{"a":[1]}\n' | cmp - d.json
	lk export d -o d.txt
	is 65 "" "lk: d: not a text document"
	[ ! -e d.txt ]
	ln -s d.json link.json
	on laptop set d /a '[]'
	on laptop export d -o link.json
	[ -L link.json ]
	printf '{"a":[]}\n' | cmp - d.json
	lk export d -o /dev/stdout --format json
	is 0 '{"a":[]}' ""
	lk export d --format pdf
	is 64 "" "lk: pdf: no such format; formats are automerge, automerge-repo, json and text"
	lk export d -o nowhere/d.json
	is 73 "" "lk: nowhere/d.json: No such file or directory"
	lk export d -o x.automerge --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.export/1","doc":"'[0-9a-f]{64}'","name":"d","format":"automerge","size":'[0-9]+',"file":"x.automerge"}'$ ]]
	head -c 4 x.automerge | od -An -tx1 | grep -q '85 6f 4a 83'
}

@test "every intact Automerge file is imported and exported" {
	device laptop
	for file in "$vectors"/[0-9]*.automerge; do
		name=$(basename "$file" .automerge)
		case $name in
		*orphan*|*marks*|*.raw) continue ;;
		esac
		on laptop -q import "$file" || { echo "$name" >&2; false; }
		on laptop export "$name" -o "$name.automerge"
		on laptop -q import --as "$name-2" "$name.automerge"
		[ "$(on laptop get --typed --json "$name")" = \
		    "$(on laptop get --typed --json "$name-2")" ]
	done
}

@test "a full disk is 74, the old file stays, and nothing is left" {
	mkdir small
	mount -t tmpfs -o size=64k tmpfs small 2>/dev/null ||
	    skip "may not mount"
	device laptop
	head -c 100000 /dev/urandom | base64 >big.txt
	on laptop -q import big.txt
	echo old >small/out.txt
	lk export big -o small/out.txt
	is 74 "" "lk: small/out.txt: No space left on device"
	[ "$(ls small)" = out.txt ]
	[ "$(cat small/out.txt)" = old ]
}

# exported WAY...: laptop's export of plan, taken in again, shows what plan shows.
exported() {
	on laptop export plan -o way.automerge "$@"
	on laptop -q import way.automerge --as "way$*"
	[ "$(on laptop get "way$*" --json)" = "$(on laptop get plan --json)" ]
	on phone export plan "$@" --format automerge | cmp - way.automerge
}

@test "honest work on top of void changes is exported three ways" {
	device laptop
	paired laptop phone
	device ann
	on laptop new plan
	on laptop set --string plan /title mine
	on ann accept "$(on laptop invite plan)" >/dev/null
	on laptop sync --wait=all --timeout 30s
	# The phone has not heard of the revocation when it goes on with her work.
	on laptop daemon stop
	on ann set plan /title '"overwritten by ann"'
	on ann sync --wait=1 --timeout 30s
	on phone set plan /done true
	on phone daemon stop
	on ann daemon stop
	on laptop revoke plan ann
	on phone get plan >/dev/null
	on laptop sync --wait=all --timeout 30s
	lk get plan --json
	is 0 '{"done":true,"title":"mine"}' ""
	exported
	grep -q 'overwritten by ann' way.automerge
	exported --clean
	! grep -q 'overwritten by ann' way.automerge || false
	exported --squash
	! grep -q 'overwritten by ann' way.automerge || false
	lk export plan -o plan.json --clean
	is 64 "" "lk: json: only an Automerge file has a history"
	lk export plan --clean --squash
	is 64 "" "lk: export: --clean and --squash exclude each other; usage: lk export [-o FILE] [--format FORMAT] [--clean | --squash] DOC ..."
}

# A folder of automerge-repo with laptop's plan and notes in it; $plan and
# $notes are their folders.
repo_folder() {
	device laptop
	printf 'some notes' >notes.md
	on laptop -q import notes.md
	on laptop -q new plan
	on laptop -q set plan /a 1
	on laptop -q export --format automerge-repo -o repo plan
	on laptop -q set plan /b 2
	lk export --format automerge-repo -o repo plan notes
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^plan\ \ automerge:([1-9A-HJ-NP-Za-km-z]{2})(.+)$ ]]
	plan=repo/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}
	[[ ${lines[1]} =~ ^notes\ \ automerge:([1-9A-HJ-NP-Za-km-z]{2})(.+)$ ]]
	notes=repo/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}
	device phone
}

# id FOLDER: of the document in it.
id() {
	printf '%s%s' "$(basename "$(dirname "$1")")" "$(basename "$1")"
}

@test "a folder of automerge-repo is exported and imported" {
	repo_folder
	[ "$(find "$plan/snapshot" -type f | wc -l)" -eq 2 ]
	[ -z "$(find repo -name '.*')" ]
	run --separate-stderr on phone import repo
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[ "$(on phone get "$(id "$plan")" --json)" = '{"a":1,"b":2}' ]
	[ "$(on phone get "$(id "$notes")")" = "some notes" ]
	cmp <(on phone export "$(id "$plan")" --format automerge) \
	    <(on laptop export plan --format automerge)
	# Its name is its id there too.
	[ "$(on phone export --format automerge-repo -o again "$(id "$plan")")" = \
	    "$(id "$plan")  automerge:$(id "$plan")" ]
	[ -d "again/${plan#repo/}/snapshot" ]
	run --separate-stderr on phone import repo
	[ "$status" -eq 73 ]
	lk import --into notes repo
	is 64 "" "lk: repo: --into takes no folder; import it as documents of their own"
	run --separate-stderr on laptop import --as x repo
	is 64 "" "lk: import: repo: 2 documents, --as names one; usage: lk import [--as DOC] [--format FORMAT] FILE|FOLDER ...; more in lk help import"
	run --separate-stderr on laptop import --as x again
	[ "$status" -eq 0 ]
	[ "$(on laptop get x --json)" = '{"a":1,"b":2}' ]
	lk import --format json repo
	is 64 "" "lk: repo: a folder is of automerge-repo"
	lk import --format automerge-repo notes.md
	is 66 "" "lk: notes.md: no such folder"
	lk export --format automerge-repo plan
	is 64 "" "lk: export: -o names a folder; usage: lk export [-o FILE] [--format FORMAT] [--clean | --squash] DOC ..."
	lk export plan notes
	is 64 "" "lk: export: more than one document; usage: lk export [-o FILE] [--format FORMAT] [--clean | --squash] DOC ..."
	lk export --format automerge-repo -o notes.md plan
	[ "$status" -eq 73 ]
}

@test "what a crash tore in a folder is left out and said" {
	repo_folder
	mkdir "$plan/incremental" "$plan/sync-state"
	echo none of ours >"$plan/sync-state/x"
	echo 0123 >repo/stray
	: >"$plan/incremental/empty"
	printf 'garbage' >"$plan/incremental/bad"
	: >"$plan/incremental/.hidden"
	file=$(find "$notes/snapshot" -type f)
	truncate -s -1 "$file"
	run --separate-stderr on phone import repo
	[ "$status" -eq 3 ]
	[[ $output =~ ^$(id "$plan")\ \ map\ \ [0-9a-f]{8}$ ]]
	[ "$(grep -c . <<<"$stderr")" -eq 3 ]
	grep -qx "lk: $plan/incremental/bad: left out 7 bytes from 0: no Automerge chunk" <<<"$stderr"
	grep -qx "lk: $plan/incremental/empty: left out 0 bytes from 0: empty" <<<"$stderr"
	grep -qx "lk: $notes: no document: no file of it can be read" <<<"$stderr"
	[ "$(on phone get "$(id "$plan")" --json)" = '{"a":1,"b":2}' ]
	run --separate-stderr on phone import --as again --json "$T/repo" # names in use
	[ "$status" -eq 64 ]
	rm -r "$notes"
	lk import --as again --json repo
	[ "$status" -eq 3 ]
	[[ $output =~ '"skipped":[{"file":"incremental/bad","at":0,"size":7,"why":"no Automerge chunk"},{"file":"incremental/empty","at":0,"size":0,"why":"empty"}],"skipped_in_all":2' ]]
	[[ $output =~ '"orphans":0,"missing":[]' ]]
}

@test "changes whose dependencies are missing are left out and said" {
	device laptop
	lk import "$vectors/31-orphan-change.automerge" --as part
	[ "$status" -eq 3 ]
	[ "$stderr" = "lk: $vectors/31-orphan-change.automerge: left out 1 change that depends on what is not there" ]
	lk get part --json
	[ "$status" -eq 0 ]
}
