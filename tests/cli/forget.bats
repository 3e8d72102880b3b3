# Documents that a device does not keep.

load setup

# shows DEVICE DOC TEXT: whether that is in it there.
shows() {
	on "$1" get "$2" | grep -q "$3"
}

# sees DEVICE DOC STATE: what it says of the only other one.
sees() {
	[ "$(on "$1" status --json | tr '{' '\n' | grep -A9 "\"name\":\"$2\"" |
	    field state)" = "$3" ]
}

# lists DEVICE NAME: whether it has a document of that name.
lists() {
	on "$1" ls | grep -qx "$2"
}

# laptop and friend have plan, and each knows that the other has all of it.
shared() {
	device laptop
	device friend
	on laptop new plan
	on laptop set plan /x 1
	on friend accept "$(on laptop invite plan --role write)" >/dev/null
	on friend sync --wait
	on laptop sync --wait
}

@test "a document that is forgotten here is kept by the others, and comes back" {
	device laptop
	on laptop new plan
	on laptop set plan /milk 2
	paired laptop phone
	on phone set plan /from '"phone"'
	on phone sync --wait
	on laptop sync --wait
	LK_HOME=$T/phone lk forget plan
	is 0 "plan is gone from this device only: 1 other device may have it
  lk forget --undo plan brings it back" ""
	LK_HOME=$T/phone lk ls
	is 0 "" ""
	LK_HOME=$T/phone lk get plan
	is 66 "" "lk: plan: this device has forgotten it; lk forget --undo plan brings it back"
	LK_HOME=$T/phone lk forget plan
	is 66 "" "lk: plan: this device has forgotten it; lk forget --undo plan brings it back"
	LK_HOME=$T/phone lk new plan
	is 73 "" "lk: plan: a document of this name exists; choose another name"
	LK_HOME=$T/phone lk forget --list --json
	[[ $output =~ ^'{"schema":"lk.forget/1","documents":[{"doc":"'[0-9a-f]{64}'","name":"plan","type":"map","since":"'[^\"]*'"}]}'$ ]]
	# The others know, and wait for it no more.
	until_ sees laptop plan forgotten
	on laptop set plan /milk 3
	lk sync --wait=all --timeout 20s
	is 0 "" ""
	lk status
	[[ $output == *"phone: does not keep it, since "* ]]
	lk members plan
	[[ $output == *forgotten* ]]
	# It stays so over restarts of either.
	on phone daemon restart
	on laptop daemon restart
	on laptop set plan /milk 4
	on phone sync --wait --timeout 20s
	LK_HOME=$T/phone lk ls
	is 0 "" ""
	LK_HOME=$T/phone lk forget --undo plan
	is 0 "plan comes back when somebody who has it is met" ""
	until_ shows phone plan '"milk": 4'
	shows phone plan '"from": "phone"'
	on phone set plan /again true
	on phone sync --wait --timeout 20s
	shows laptop plan '"again": true'
	sees laptop plan synced
	LK_HOME=$T/phone lk forget --list
	is 0 "" ""
	lk verify
	[ "$status" -eq 0 ]
	LK_HOME=$T/phone lk verify
	[ "$status" -eq 0 ]
}

@test "what nobody else has is forgotten by force only" {
	device laptop
	on laptop new plan
	on laptop set plan /x 1
	lk forget plan
	is 77 "" "lk: plan: no other device has it; lk forget --force plan deletes it for good"
	paired laptop phone
	on phone sync --wait
	on laptop sync --wait
	on phone daemon stop
	on laptop set plan /x 2
	lk forget plan
	refused 75 "lk: plan: nobody who is connected has acknowledged all of it (phone); lk sync --wait plan first; --force deletes what nobody else may have"
	shows laptop plan '"x": 2'
	lk forget --force --json plan
	[ "$(field holders <<<"$output")" -eq 1 ]
	# The last word is lost; this device writes nothing beside it.
	on phone status >/dev/null
	lk forget --undo plan
	until_ shows laptop plan '"x": 1'
	lk set plan /x 3
	refused 77 "*"
	[[ $stderr == *"not back yet"* ]]
	on phone set plan /x 4
	until_ shows laptop plan '"x": 4'
}

@test "a document that no device of a person keeps has no name for new ones" {
	device laptop
	on laptop new plan
	on laptop set plan /x 1
	on laptop new other
	lk forget --force plan -q
	is 0 "" ""
	lk forget --list
	[[ $output == plan* ]]
	paired laptop phone
	LK_HOME=$T/phone lk ls
	is 0 "other" ""
	on laptop new plan
	lk forget --undo plan
	is 0 "plan comes back when somebody who has it is met" ""
	lk ls
	[[ $output == *plan* ]]
}

@test "who shares a document sees that a contact has forgotten it" {
	shared
	LK_HOME=$T/friend lk forget plan
	[ "$status" -eq 0 ]
	until_ sees laptop plan forgotten
	on laptop set plan /x 2
	LK_HOME=$T/friend lk ls
	is 0 "" ""
	# Asked for by its id: no device of his had a name for it.
	LK_HOME=$T/friend lk forget --undo "$(on laptop ls -l --json | field doc)"
	[ "$status" -eq 0 ]
	until_ shows friend plan '"x": 2'
}

@test "whoever accepts a ticket for a forgotten document has it again" {
	shared
	on friend forget plan -q
	until_ sees laptop plan forgotten
	on friend accept "$(on laptop invite plan --role write)" >/dev/null
	until_ shows friend plan '"x": 1'
}

@test "who has left a document can have the rest of it removed" {
	device laptop
	on laptop new plan
	paired laptop phone
	on phone leave plan -q
	LK_HOME=$T/phone lk forget plan
	refused 77 "lk: plan: this device has no access any more: it could not be had again; lk forget --force plan deletes it"
	LK_HOME=$T/phone lk forget --force plan -q
	is 0 "" ""
	LK_HOME=$T/phone lk ls
	is 0 "" ""
}

@test "a document that is mirrored is not forgotten" {
	device laptop
	on laptop new plan
	mkdir notes
	on laptop mirror add "$T/notes" plan -q
	lk forget --force plan
	is 73 "" "lk: plan: it is mirrored in $T/notes; lk mirror rm $T/notes first"
	on laptop mirror rm "$T/notes" -q
	lk forget --force plan -q
	is 0 "" ""
}

@test "a backup holds what is kept, and is read after something was forgotten" {
	on laptop init --name laptop --quiet >phrase
	on laptop new plan
	on laptop set plan /x 1
	on laptop new other
	paired laptop phone
	mkdir dest
	[ "$(on phone backup create dest --json | field documents)" -eq 2 ]
	on phone forget plan -q
	[ "$(on phone backup create dest --json | field documents)" -eq 1 ]
	on phone backup check dest --sealed -q
	on phone backup check dest -q <phrase
	on phone forget --undo plan -q
	until_ shows phone plan '"x": 1'
	on phone backup create dest -q
	on phone backup check dest --restore-test -q <phrase
}

@test "what is wanted again and not back yet is not taken for all there is" {
	device laptop
	on laptop new plan
	on laptop set plan /x 1
	paired laptop phone
	on phone sync --wait
	on laptop sync --wait
	on phone forget plan -q
	until_ sees laptop plan forgotten
	on laptop daemon stop
	on phone forget --undo plan -q
	LK_HOME=$T/phone lk status
	[[ $output == *"plan  map, none"$'\n'"  nothing of it has come yet"* ]]
	LK_HOME=$T/phone lk forget plan
	is 0 "plan is gone from this device, and no other device is known to have it" ""
	# Nor is the name taken from those who have it.
	on phone new other
	on laptop status >/dev/null
	until_ lists laptop other
	lists laptop plan
	on phone forget --undo plan -q
	until_ shows phone plan '"x": 1'
	on phone set plan /x 2
	until_ shows laptop plan '"x": 2'
}

@test "who watches goes on where he was, though what he saw last is forgotten" {
	device laptop
	on laptop new plan
	on laptop new other
	on laptop set other /x 1
	cursor=$(on laptop watch --json --since 0 --no-wait | tail -n 1 | field cursor)
	on laptop forget --force other -q
	lk watch --since "$cursor" --no-wait
	is 0 "" ""
	on laptop set plan /x 1
	lk watch --json --since "$cursor" --no-wait
	[ "$(field name <<<"$output")" = plan ]
}

@test "forget says what it takes" {
	device laptop
	lk forget
	refused 64 "*which document?*"
	lk forget --list plan
	refused 64 "*--list takes no document*"
	lk forget --undo --force plan
	refused 64 "*exclude each other*"
	lk forget plan
	is 66 "" "lk: plan: no such document; lk ls lists them"
	lk forget --undo plan
	is 66 "" "lk: plan: no document that this device has forgotten; lk forget --list shows them"
}
