# What is in a backup as plain files, without any device.

load setup
load backup

@test "each document is a file as lk export writes it, and one with its history" {
	kinds
	on laptop branch plan draft
	on laptop set plan/draft /x 2
	on laptop new Plan
	on laptop new --type text empty
	on laptop new .hidden:x
	on laptop backup create dest >/dev/null
	on laptop set plan /x 3
	run --separate-stderr on laptop backup restore dest --files out --phrase-file phrase
	[ "$status" -eq 0 ]
	[[ $output =~ ^1[0-9]\ files\ of\ 7\ documents\ in\ out,\ as\ of\ .*\.$ ]]
	cat notes.md | cmp - out/notes.txt
	[ "$(cat out/things.json)" = '["knife"]' ]
	[ "$(cat out/plan~draft.json)" = '{"x":2}' ]
	[ "$(cat out/_hidden_x.json)" = '{}' ]
	# Alike where case counts for nothing: one has some of its id.
	[ "$(cat out/[Pp]lan.json out/[Pp]lan~????????.json | sort | tr '\n' ' ')" = '{"x":1} {} ' ]
	for d in things notes; do
		on laptop export "$d" -o "$d.automerge"
		cmp "$d.automerge" "out/$d.automerge"
	done
	# Anything that knows Automerge opens them; here lk itself.
	on other init --name other --quiet >/dev/null
	on other import out/plan~draft.automerge >/dev/null
	run --separate-stderr on other get plan~draft --json
	is 0 '{"x":2}' ""
	# Nothing has changed here, and nothing is left.
	run --separate-stderr on laptop get plan --json
	is 0 '{"x":3}' ""
	until_ test ! -e laptop/scratch
	on laptop device ls >devices
	[ "$(wc -l <devices)" -eq 1 ]
}

@test "it takes the phrase, and no device: nothing is made of who asks" {
	kinds
	first=$(backup laptop)
	on laptop set plan /x 2
	on laptop backup create dest >/dev/null
	run --separate-stderr on fresh backup restore dest --files new --phrase-file phrase --json
	[ "$status" -eq 0 ]
	[ "$(field files <<<"$output")" -eq 6 ]
	[ "$(cat new/plan.json)" = '{"x":2}' ]
	run --separate-stderr on fresh backup restore dest --files old --phrase-file phrase --snapshot "$first"
	[ "$status" -eq 0 ]
	[ "$(cat old/plan.json)" = '{"x":1}' ]
	on laptop backup create - 2>/dev/null >stream
	run --separate-stderr on fresh backup restore - --files streamed --phrase-file phrase <stream
	[ "$status" -eq 0 ]
	diff -r new streamed
	run --separate-stderr on fresh ls
	refused 78 "lk: *no identity here*"
	[ -z "$(find fresh -name scratch -o -name 'stream.*')" ]
	# Nor is anything overwritten, and who has another phrase gets no folder.
	run --separate-stderr on fresh backup restore dest --files new --phrase-file phrase
	refused 73 "lk: new: there is something in it; *"
	run --separate-stderr on fresh backup restore dest --files notes.md --phrase-file phrase
	[ "$status" -eq 73 ]
	on ann init --name ann --quiet >other
	run --separate-stderr on fresh backup restore dest --files none --phrase-file other
	refused 77 "lk: *: the phrase of somebody else"
	[ ! -e none ]
	# One that was there before stays, as it was.
	mkdir -m 750 there
	run --separate-stderr on fresh backup restore dest --files there --phrase-file other
	refused 77 "lk: *: the phrase of somebody else"
	[ "$(stat -c %a there new)" = $'750\n700' ]
	run --separate-stderr on fresh backup restore dest --files none --name x --phrase-file phrase
	refused 64 "lk: backup: --files and --name exclude each other; *"
	# A machine that is somebody's may ask too: it stays what it is.
	run --separate-stderr on ann backup restore dest --files anns --phrase-file phrase
	[ "$status" -eq 0 ]
	run --separate-stderr on ann ls
	is 0 "" ""
}

@test "the files of a mirror come back as they were, long ones and those of programs too" {
	on laptop init --name laptop --quiet >phrase
	mkdir -p dest site/sub
	echo 'a page' >site/page.md
	head -c 3000000 /dev/urandom >site/sub/long.bin
	printf '\0\1\2' >site/short.bin
	printf '#!/bin/sh\n' >site/run.sh
	chmod 755 site/run.sh
	: >site/sub/nothing
	on laptop mirror add site >/dev/null
	until_ sh -c "LK_HOME=$T/laptop '$LK' mirror status | grep -q '5 files'"
	on laptop backup create dest >/dev/null
	run --separate-stderr on laptop backup restore dest --files out --phrase-file phrase
	[ "$status" -eq 0 ]
	diff -r --exclude=.lk-mirror site out/site
	[ -x out/site/run.sh ] && [ ! -x out/site/page.md ]
	[ -s out/site.automerge ] && [ ! -e out/site.json ]
}

@test "of a damaged backup there is what --partial can have, or nothing" {
	kinds
	on laptop backup create dest >/dev/null
	before=$(ls dest/lk1/backup/data)
	on laptop set plan /x 7
	on laptop backup create dest >/dev/null
	for f in $(ls dest/lk1/backup/data); do
		grep -q "$f" <<<"$before" || rm "dest/lk1/backup/data/$f"
	done
	run --separate-stderr on fresh backup restore dest --files out --phrase-file phrase
	refused 65 "lk: *dest: 1 objects damaged or missing, * documents not whole: plan; *--partial*"
	[ ! -e out ]
	run --separate-stderr on fresh backup restore dest --files out --phrase-file phrase --partial
	[ "$status" -eq 3 ]
	[ "$(cat out/plan.json)" = '{"x":1}' ]
	[ "$(cat out/things.json)" = '["knife"]' ]
}

# file DOC ID PATH: a member of the document that has the shape of a file.
file() {
	on laptop set "$1" "/$2" '{"text":"hi"}'
	on laptop set --string "$1" "/$2/path" "$3"
}

@test "what else is in a document with files in it is there too, and what can be none is told" {
	on laptop init --name laptop --quiet >phrase
	mkdir dest
	on laptop new ledger
	on laptop set ledger /sum 7
	file ledger 00000000000000000000000000000001 x
	on laptop new files
	file files 00000000000000000000000000000001 x
	on laptop new odd
	file odd 00000000000000000000000000000001 x
	file odd 00000000000000000000000000000002 x
	file odd 00000000000000000000000000000003 .git/hooks/run
	file odd 00000000000000000000000000000004 ../x
	head -c 9000000 /dev/zero >bytes
	file odd 00000000000000000000000000000005 long
	# Its folder would be where the content of another one is.
	on laptop new ledger.json
	file ledger.json 00000000000000000000000000000001 x
	on laptop set --bytes bytes odd /00000000000000000000000000000005/bytes
	on laptop backup create dest >/dev/null
	run --separate-stderr on laptop backup restore dest --files out --phrase-file phrase --json
	[ "$status" -eq 3 ]
	[ "$(field left_out_count <<<"$output")" -eq 5 ]
	/usr/bin/python3 - <<-END >left_out
		import json
		for f in json.loads(r'''$output''')["left_out"]: print(f["file"], f["why"])
	END
	sort left_out | cmp - <<-'END'
		ledger.json/x Not a directory
		odd/00000000000000000000000000000003 what is git's own is not shared
		odd/00000000000000000000000000000004 it leaves the folder
		odd/00000000000000000000000000000005 it is too large
		odd/x another file has this path
	END
	# Whatever is no file is in the JSON, and there is none where all are.
	[ "$(on laptop export ledger)" = "$(cat out/ledger.json)" ]
	[[ $(cat out/ledger.json) == *'"sum":7'* ]]
	grep -q "[.][.]/x" out/odd.json
	[ "$(cat out/files/x out/ledger/x out/odd/x)" = hihihi ]
	[ ! -e out/files.json ]
	on laptop set files /0000000000000000000000000000000a 1
	on laptop backup create dest >/dev/null
	run --separate-stderr on laptop backup restore dest --files more --phrase-file phrase
	[ "$status" -eq 3 ]
	[ -s more/files.json ]
}

@test "of a file of which a piece is not there nothing is written" {
	on laptop init --name laptop --quiet >phrase
	mkdir -p dest site
	head -c 2000000 /dev/urandom >site/long.bin
	on laptop mirror add site >/dev/null
	until_ sh -c "LK_HOME=$T/laptop '$LK' mirror status | grep -q '1 file'"
	# The same list with a piece more that nobody has, and that one alone.
	/usr/bin/python3 - "$(on laptop get --typed site)" <<-'END'
		import base64, json, pathlib, sys
		def pieces(v):
		    if isinstance(v, dict):
		        if v.get("type") == "bytes": return base64.b64decode(v["value"])
		        return next(filter(None, map(pieces, v.values())), None)
		more = (300000).to_bytes(4, "big") + bytes(64)
		pathlib.Path("cut").write_bytes(pieces(json.loads(sys.argv[1])) + more)
		pathlib.Path("none").write_bytes(more)
	END
	for id in a b; do
		on laptop set site "/0000000000000000000000000000000$id" '{}'
	done
	on laptop set --bytes cut site /0000000000000000000000000000000a/pieces
	on laptop set --string site /0000000000000000000000000000000a/path sub/cut
	on laptop set --bytes none site /0000000000000000000000000000000b/pieces
	on laptop set --string site /0000000000000000000000000000000b/path none
	on laptop backup create dest >/dev/null
	run --separate-stderr on laptop backup restore dest --files out --phrase-file phrase --json
	[ "$status" -eq 3 ]
	[ "$(field files <<<"$output")" -eq "$(find out -type f | wc -l)" ]
	[ "$(field bytes <<<"$output")" -eq "$(find out -type f -exec cat {} + | wc -c)" ]
	[ "$(field left_out_count <<<"$output")" -eq 2 ]
	[[ $output == *'"site/none","why":"a piece of it is not there"'* ]]
	cmp site/long.bin out/site/long.bin
	[ -z "$(find out -name cut -o -name none)" ]
}
