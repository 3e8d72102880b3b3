# branch, merge, and import --into.

load setup

vectors=$BATS_TEST_DIRNAME/../data/automerge/vectors

@test "a branch goes its own way and is merged" {
	device laptop
	on laptop new --type text plan
	on laptop splice plan "" 0 0 "one two"
	lk branch plan draft
	is 0 "" ""
	on laptop splice plan/draft "" 7 0 " three"
	on laptop splice plan "" 0 3 "ONE"
	lk get plan/draft
	is 0 "one two three" ""
	lk get plan
	is 0 "ONE two" ""
	lk branch plan
	[ "$status" -eq 0 ]
	[[ $output =~ ^plan/draft\ \ 1\ ahead,\ 1\ behind\ \ [0-9a-f]{8}\ \ .*$ ]]
	lk merge plan draft
	is 0 "plan: 1 change from plan/draft" ""
	lk get plan
	is 0 "ONE two three" ""
	lk merge plan draft
	is 0 "plan: nothing new in plan/draft" ""
	lk merge plan/draft plan
	[ "$status" -eq 0 ]
	lk get plan/draft
	is 0 "ONE two three" ""
	[[ $(on laptop branch plan) == *"0 ahead, 0 behind"* ]]
	# It is a document like others.
	lk ls
	is 0 "plan
plan/draft" ""
}

@test "branch and merge say so in JSON" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	lk branch d x --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.branch/1","doc":"'[0-9a-f]{64}'","name":"d/x","type":"map","of":"'[0-9a-f]{64}'"}'$ ]]
	on laptop set d/x /b 2
	on laptop set d/x /c 3
	lk branch d --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.branch/1","branches":[{"doc":"'[0-9a-f]{64}'","name":"d/x","type":"map","role":"admin","revoked":false,"waiting":0,"voided":0,"damaged":0,"newer":false,"ahead":2,"behind":0,"changed":"'[^\"]+'"}],"doc":"'[0-9a-f]{64}'","name":"d"}'$ ]]
	lk merge d d/x --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.merge/1","doc":"'[0-9a-f]{64}'","name":"d","from":"'[0-9a-f]{64}'","from_name":"d/x","changed":true,"changes":2}'$ ]]
	lk -q merge d x
	is 0 "" ""
	lk get d --json
	is 0 '{"a":1,"b":2,"c":3}' ""
}

@test "a branch that cannot be is refused" {
	device laptop
	on laptop new d
	on laptop new e
	on laptop branch d x
	lk branch d x
	is 73 "" "lk: d/x: a branch of this name exists; choose another name"
	lk branch d a/b
	is 65 "" "lk: a/b: not a name; a name is 1 to 255 bytes of UTF-8 without control characters or /, that of the document included"
	lk branch nothing x
	is 66 "" "lk: nothing: no such document; lk ls lists them"
	lk merge d nothing
	is 66 "" "lk: nothing: no such document; lk ls lists them"
	on laptop set d /a 1
	on laptop set e /a 1
	lk merge d e
	is 65 "" "lk: d: cannot merge e: they have no history in common"
	lk branch e
	is 0 "" ""
	lk branch d/x y
	is 0 "" ""
	on laptop set d/x/y /deep true
	on laptop merge d/x y
	lk get d/x --json
	is 0 '{"deep":true}' ""
}

@test "a reader has branches of his own and may not merge" {
	device laptop
	LK_HOME=$T/other device other
	on laptop new --type text plan
	on laptop splice plan "" 0 0 "words"
	on other accept "$(on laptop invite --role read plan)" >/dev/null
	on other branch plan mine
	on other splice plan/mine "" 5 0 " of mine"
	run --separate-stderr "$LK" --version
	run --separate-stderr on other get plan/mine
	is 0 "words of mine" ""
	run --separate-stderr on other merge plan mine
	is 77 "" "lk: plan: not permitted to write: the role of this device is read; lk members plan shows who may"
	run --separate-stderr on other members plan/mine --json
	[[ $output != *laptop* ]]
}

@test "a branch is there on all my devices" {
	device laptop
	paired laptop phone
	on laptop new d
	on laptop set d /a 1
	on laptop branch d x
	on laptop set d/x /b 2
	on laptop sync --wait >/dev/null
	run --separate-stderr on phone get d/x --json
	is 0 '{"a":1,"b":2}' ""
	on phone merge d x
	on phone sync --wait >/dev/null
	lk get d --json
	is 0 '{"a":1,"b":2}' ""
}

@test "import --into edits a text in place" {
	device laptop
	seq 1 1000 | sed 's/$/ a line of text/' >notes.md
	on laptop -q import notes.md
	sed -i -e 's/^500 a/500 THE/' -e '700d' notes.md
	lk import --into notes notes.md -m "from the file"
	is 0 "" ""
	on laptop get notes | cmp - notes.md
	run on laptop log -n 1 notes
	[[ $output == *"    23 ops"*"from the file"* ]]
	lk import --into notes notes.md
	is 0 "" "lk: notes: unchanged"
	lk import --into notes notes.md --json
	[[ $output == *'"changed":false,"hash":null}' ]]
}

@test "import --into takes a text larger than one change" {
	device laptop
	head -c 300000 /dev/urandom | base64 >big.txt
	on laptop -q import big.txt
	head -c 250000 /dev/urandom | base64 >new.txt
	tail -c 100000 big.txt >>new.txt
	lk import --into big new.txt
	is 0 "" ""
	on laptop get big | cmp - new.txt
	lk export big -o big.automerge
	is 0 "" ""
	on laptop -q import --as again big.automerge
	on laptop get again | cmp - new.txt
	on laptop import --into big - --format text <<<"short"
	lk get big
	is 0 "short" ""
}

@test "import --into edits JSON in place, and types stay" {
	device laptop
	on laptop new d
	on laptop set d /list '[{"id":1,"n":1},{"id":2,"n":2},{"id":3,"n":3}]'
	on laptop set --counter d /c 5
	on laptop set --time d /t 2026-01-01T00:00:00Z
	on laptop get d --json >d.json
	lk import --into d d.json
	is 0 "" "lk: d: unchanged"
	printf '{"c":7,"list":[{"id":2,"n":5},{"id":3,"n":3}],"t":"2026-01-01T00:00:00.000Z"}' >d.json
	lk import --into d d.json
	is 0 "" ""
	[[ $(on laptop log -n 1 d) == *"    3 ops"* ]]
	lk get d --typed --json
	[[ $output == *'"c":{"type":"counter","value":7}'*'"t":{"type":"timestamp"'* ]]
	printf '[1,{"a":1},2]' >list.json
	on laptop -q import list.json
	printf '[0,1,{"a":2},2]' >list.json
	on laptop import --into list list.json
	[[ $(on laptop log -n 1 list) == *"    2 ops"* ]]
	lk get list --json
	is 0 '[0,1,{"a":2},2]' ""
}

@test "import --into takes the changes of an Automerge file that are new" {
	device laptop
	on laptop -q import --as d "$vectors/02-scalars.automerge"
	on laptop branch d x
	on laptop set d/x /more true
	on laptop export d/x -o x.automerge
	lk import --into d x.automerge
	is 0 "" ""
	[[ $(on laptop get d --json) == *'"more":true'* ]]
	lk import --into d x.automerge
	is 0 "" "lk: d: unchanged"
	lk import --into d "$vectors/07-text-splice.automerge"
	[ "$status" -eq 65 ]
	[ "$stderr" = "lk: d: cannot merge $vectors/07-text-splice.automerge: they have no history in common" ]
}

@test "what cannot go into a document is refused" {
	device laptop
	on laptop new d
	on laptop new --type text t
	printf 'text' >a.txt
	printf '[1]' >a.json
	lk import --into d a.txt
	is 65 "" "lk: d: not a text"
	lk import --into d a.json
	is 65 "" "lk: d: the whole document is an object"
	lk import --into t a.json
	is 65 "" "lk: t: the content of a text document is a string"
	printf '{' >a.json
	lk import --into d a.json
	is 65 "" "lk: a.json: not valid JSON: line 1, column 2: expected a key in quotes"
	printf 'x' >a.automerge
	lk import --into d a.automerge
	[ "$status" -eq 65 ]
	[[ $stderr == "lk: a.automerge: not an intact Automerge file: "* ]]
	printf '\377' >a.txt
	lk import --into t a.txt
	is 65 "" "lk: a.txt: the text is not UTF-8"
	lk import --into nothing a.txt
	is 66 "" "lk: nothing: no such document; lk ls lists them"
	lk import --into t --as x a.txt
	[ "$status" -eq 64 ]
	lk import --into t a.txt a.txt
	[ "$status" -eq 64 ]
	lk import -m x a.txt
	[ "$status" -eq 64 ]
}

# The lanes of the graph, then who, how many operations, and the rest.
lanes() {
	sed -E 's/^([*|\\/ ]*[*|\\/]) +[0-9a-f]{8}  .*  ([^ ]+) +([0-9]+ ops?.*)$/\1 \2 \3/'
}

@test "log --graph draws the changes that a merge brought" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	on laptop -q branch d x
	on laptop set d/x /b 1 -m "on the branch"
	on laptop set d/x /c 1
	on laptop set d /d 1
	on laptop -q merge d x
	on laptop set d /e 1
	run --separate-stderr on laptop log --graph d
	[ "$status" -eq 0 ]
	[ "$(lanes <<<"$output")" = '* laptop 1 op
|\
| * laptop 1 op  import
| * laptop 1 op  import  on the branch
* | laptop 1 op
|/
* laptop 1 op' ]
	# Without --graph and for programs a merge is one entry.
	[ "$(on laptop log d | wc -l)" -eq 4 ]
	lk log --graph d --json
	[ "${#lines[@]}" -eq 4 ]
	[[ $output == *'"import":true,"kinds":["import"],"parents":[],"changes":[{"message":"on the branch","hash":"'*'","ops":1,"deps":["'*'"],"actor":"'*'","writer":"laptop","seq":1,"time":"'*'},{"message":null,'*'}]}'* ]]
	lk log d --json
	[[ $output != *'"changes"'* ]]
	# What a branch was made from is drawn there.
	run --separate-stderr on laptop log --graph d/x
	[ "$(lanes <<<"$output")" = '* laptop 1 op
* laptop 1 op  on the branch
* laptop 1 op  import' ]
}

@test "what is known of who made an imported change is told" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	on laptop -q branch d x
	on laptop set d/x /b 1
	on laptop -q merge d x
	lk show d @0
	[ "${lines[1]}" = "Author: laptop (imported by laptop)" ]
	lk blame d /b
	[[ $output == ????????"  laptop  "* ]]
	lk blame d /b --json
	[[ $output =~ '"actor":"'[0-9a-f]{32}'","writer":"laptop"' ]]
	# To somebody else's store it says an actor.
	on laptop -q export d -o d.automerge
	device other
	on other -q import d.automerge
	run --separate-stderr on other show d @0
	[[ ${lines[1]} =~ ^"Author: "[0-9a-f]{32}" (imported by other)"$ ]]
	run --separate-stderr on other log --graph d
	[[ $(lanes <<<"$output") =~ ^"* "[0-9a-f]{8}" 1 op  import"$'\n'"* "[0-9a-f]{8}" 1 op  import"$ ]]
	run --separate-stderr on other show d @0 --json
	[[ $output == *'"writer":null'* ]]
}
