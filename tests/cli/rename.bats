# Documents that get other names.

load setup

@test "rename gives a document another name, and its branches with it" {
	device laptop
	on laptop new shopping
	on laptop set shopping /milk 2
	on laptop branch shopping try
	lk rename shopping food
	is 0 "" ""
	lk ls
	is 0 "food
food/try" ""
	lk get food/try
	is 0 '{
  "milk": 2
}' ""
	lk get shopping
	is 66 "" "lk: shopping: no such document; lk ls lists them"
	lk rename food/try plan --json
	[[ $output =~ ^'{"schema":"lk.rename/1","doc":"'[0-9a-f]{64}'","name":"food/plan","was":"food/try","changed":true}'$ ]]
	lk merge food plan
	is 0 "food: nothing new in food/plan" ""
	lk -v rename food food
	is 0 "" "lk: food: unchanged"
}

@test "a name in use, or that is none, is refused and nothing is changed" {
	device laptop
	on laptop new a
	on laptop new b
	on laptop branch a x
	on laptop branch a y
	lk rename a b
	is 73 "" "lk: b: a document of this name exists; choose another name"
	lk rename a/x y
	is 73 "" "lk: y: a document of this name exists; choose another name"
	for name in "" c/d; do
		lk rename a "$name"
		is 65 "" "lk: $name: not a name; a name is 1 to 255 bytes of UTF-8 without control characters or /, of a branch with that of its document"
	done
	lk rename c d
	is 66 "" "lk: c: no such document; lk ls lists them"
	lk ls
	is 0 "a
a/x
a/y
b" ""
}

@test "a document is called so on every device of the person, and not by others" {
	device laptop
	on laptop new shopping
	paired laptop phone
	device friend
	on friend accept "$(on laptop invite shopping)"
	on phone rename shopping food
	on phone sync --wait=1 --timeout 30s
	until_ on laptop get food
	run --separate-stderr on laptop ls
	is 0 "food" ""
	run --separate-stderr on friend ls
	is 0 "shopping" ""
}

@test "of two documents that took one name either can be given another" {
	device laptop
	on laptop new first
	paired laptop phone
	on phone -q daemon stop
	on laptop new notes
	on laptop -q daemon stop
	on phone new notes
	on laptop sync
	until_ on laptop get notes~2
	run --separate-stderr on laptop rename notes~2 more
	is 0 "" ""
	run --separate-stderr on laptop ls
	is 0 "first
more
notes" ""
}

@test "two devices that make their first documents apart keep both names" {
	device laptop
	paired laptop phone
	on phone -q daemon stop
	on laptop new plan
	on laptop -q daemon stop
	on phone new shopping
	on laptop sync
	for d in laptop phone; do
		until_ on "$d" get shopping
		until_ on "$d" get plan
		run --separate-stderr on "$d" ls
		is 0 "plan
shopping" ""
	done
	# Each keeps its place when it is renamed.
	on laptop rename shopping food
	on laptop rename plan idea
	on laptop new more
	until_ on phone get more
	run --separate-stderr on phone ls
	is 0 "food
idea
more" ""
}
