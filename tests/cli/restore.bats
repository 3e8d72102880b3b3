# restore.

load setup

@test "a document becomes what it was, by a small change" {
	device laptop
	seq 1 300 | sed 's/$/ a line of text/' >notes.md
	on laptop -q import notes.md
	on laptop splice notes "" 0 1 "X"
	on laptop splice notes "" 100 5 ""
	lk restore notes @2 -m "as it was"
	is 0 "" ""
	on laptop get notes | cmp - notes.md
	run on laptop log -n 1 notes
	[[ $output == *"    7 ops"*"as it was"* ]]
	lk restore notes @3
	is 0 "" "lk: notes: unchanged"
	# And back again.
	on laptop undo notes >/dev/null
	[ "$(on laptop get notes | head -c 1)" = X ]
}

@test "values keep their types, counters are counted back" {
	device laptop
	on laptop new d
	on laptop set d /a '{"t":"text","l":[1,{"x":2},3],"m":{"n":null}}'
	on laptop set --counter d /c 5
	on laptop set --time d /when 2026-01-01T00:00:00Z
	before=$(on laptop get d --typed --json)
	rev=$(on laptop log -n 1 d --json | field hash)
	on laptop inc d /c 10
	on laptop rm d /a/l/1
	on laptop set d /a/t '"another"'
	on laptop rm d /when
	on laptop set d /new true
	lk restore d "${rev:0:8}" --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.restore/1","doc":"'[0-9a-f]{64}'","name":"d","changed":true,"hash":"'[0-9a-f]{64}'"}'$ ]]
	[ "$(on laptop get d --typed --json)" = "$before" ]
	[[ $(on laptop diff d --json) == *'"by":-10'* ]]
}

@test "a path is restored alone" {
	device laptop
	on laptop new d
	on laptop set d /a '{"x":1,"l":[1,2,3]}'
	on laptop set d /b 1
	on laptop set d /a/x 2
	on laptop rm d /a/l/2
	on laptop set d /b 2
	on laptop set d /later 1
	lk restore d @4 /a
	is 0 "" ""
	lk get d --json
	is 0 '{"a":{"l":[1,2,3],"x":1},"b":2,"later":1}' ""
	lk restore d @5 /later
	is 0 "" ""
	lk get d /later
	[ "$status" -eq 66 ]
	on laptop rm d /a
	lk restore d @1 /a/l
	is 66 "" "lk: d /a/l: no such path; lk get d shows what is there"
	lk restore d @1 /a
	is 0 "" ""
	lk get d /a/l --json
	is 0 "[1,2,3]" ""
	on laptop rm d /a/l/2
	lk restore d @1 /a/l/2
	is 0 "" ""
	lk get d /a/l --json
	is 0 "[1,2,3]" ""
}

@test "marks come back with the words" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "some bold words"
	on laptop mark notes "" 5 9 bold true
	spans=$(on laptop get notes --spans --json)
	on laptop splice notes "" 3 9 ""
	lk -q restore notes @1
	is 0 "" ""
	[ "$(on laptop get notes --spans --json)" = "$spans" ]
	on laptop splice notes "" 3 9 ""
	on laptop -q undo notes
	[ "$(on laptop get notes --spans --json)" = "$spans" ]
}

@test "what cannot be restored is refused" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	lk restore d
	[ "$status" -eq 64 ]
	lk restore d zzzz
	[ "$status" -eq 64 ]
	lk restore d 0123456789
	is 66 "" "lk: 0123456789: d has no such revision; lk log d lists the changes"
	lk restore d @0 /x/y
	is 66 "" "lk: d /x/y: at @0: no such path; lk get --at @0 d shows what was there"
	lk restore d @0 /x
	is 66 "" "lk: d /x: nothing there, then or now; lk get d shows what is there"
	lk restore nothing @0
	is 66 "" "lk: nothing: no such document; lk ls lists them"
	on laptop new --type text t
	lk restore t @1
	[ "$status" -ne 0 ]
	lk get t
	is 0 "" ""
}

@test "a reader restores nothing" {
	device laptop
	LK_HOME=$T/other device other
	on laptop new --type text plan
	on laptop splice plan "" 0 0 "words"
	on laptop splice plan "" 0 0 "more "
	on other accept "$(on laptop invite --role read plan)" >/dev/null
	run --separate-stderr on other restore plan @1
	is 77 "" "lk: plan: not permitted to write: the role of this device is read; lk members plan shows who may"
}
