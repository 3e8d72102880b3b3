# undo.

load setup

@test "undo goes back, and --redo forth" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "one two"
	on laptop splice notes "" 3 4 ""
	hash=$(on laptop log -n 1 notes --json | field hash)
	lk undo notes
	is 0 "notes: undid ${hash:0:8}" ""
	lk get notes
	is 0 "one two" ""
	lk undo --redo notes
	is 0 "notes: did ${hash:0:8} again" ""
	lk get notes
	is 0 "one" ""
	lk -q undo notes
	is 0 "" ""
	lk undo notes --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.undo/1","doc":"'[0-9a-f]{64}'","name":"notes","changed":true,"hash":"'[0-9a-f]{64}'","of":"'[0-9a-f]{64}'"}'$ ]]
	lk get notes
	is 0 "" ""
	lk undo notes
	is 66 "" "lk: notes: nothing of this device's is left to undo; lk log notes lists the changes"
	lk undo --redo notes
	lk undo --redo notes
	lk get notes
	is 0 "one" ""
	lk undo --redo notes
	is 66 "" "lk: notes: this device has undone nothing; lk log notes lists the changes"
	# The log says what was undone.
	[[ $(on laptop log notes) == *"undo ${hash:0:16}"* ]]
}

@test "the first change of an empty document is undone, what a file brought is not" {
	device laptop
	on laptop new d
	lk undo d
	is 66 "" "lk: d: nothing of this device's is left to undo; lk log d lists the changes"
	on laptop set d /a 1
	lk -q undo d
	is 0 "" ""
	lk get d --json
	is 0 "{}" ""
	lk -q undo --redo d
	lk get d --json
	is 0 '{"a":1}' ""
	on laptop -q export d -o e.automerge
	on laptop -q import e.automerge
	lk undo e
	is 66 "" "lk: e: nothing of this device's is left to undo; lk log e lists the changes"
}

@test "every kind of change is undone" {
	device laptop
	on laptop new d
	on laptop set d /a '{"t":"text","l":[1,2,3],"m":{"x":null}}'
	on laptop set --counter d /c 5
	on laptop set --time d /when 2026-01-01T00:00:00Z
	before=$(on laptop get d --typed --json)
	for edit in "set d /a 1" "rm d /a" "inc d /c 7" "insert d /a/l/1 9" \
	    "rm d /a/l/0" "set d /a/l/2 true" "splice d /a/t 1 2 xyz" \
	    "rm d /a/m" "set d /a/m/y 2" "rm d /when"; do
		on laptop $edit
		[ "$(on laptop get d --typed --json)" != "$before" ]
		on laptop -q undo d
		[ "$(on laptop get d --typed --json)" = "$before" ]
	done
}

@test "what others wrote since stays" {
	device laptop
	paired laptop phone
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "mine "
	on laptop sync --wait >/dev/null
	on phone splice notes "" 2 0 "THEIRS"
	on phone sync --wait >/dev/null
	lk -q undo notes
	is 0 "" ""
	lk get notes
	is 0 "THEIRS" ""
	# The phone has its own.
	on laptop sync --wait >/dev/null
	on phone -q undo notes
	run --separate-stderr on phone get notes
	is 0 "" ""
}

@test "a reader undoes nothing" {
	device laptop
	LK_HOME=$T/other device other
	on laptop new --type text plan
	on other accept "$(on laptop invite plan)" >/dev/null
	on other splice plan "" 0 0 "words"
	on other sync --wait >/dev/null
	on laptop revoke --role read plan other >/dev/null
	on laptop sync --wait >/dev/null
	run --separate-stderr on other undo plan
	is 77 "" "lk: plan: not permitted to write: the role of this device is read; lk members plan shows who may"
}
