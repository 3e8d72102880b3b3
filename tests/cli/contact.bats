# People met: their names, and whether they are who they say.

load setup

words() {
	on "$1" contact verify "$2" --json | field my_words
}

@test "two people compare three words each, once" {
	device laptop
	on laptop new d
	device friend
	on friend -q accept "$(on laptop invite d)"
	on laptop sync --wait --timeout 30s
	run --separate-stderr on laptop contact ls
	[[ $output =~ ^friend\ \ [0-9a-f]{8}\ \ not\ verified$ ]]
	run --separate-stderr on laptop contact verify friend
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^Your\ words:\ [a-z]{5}\ [a-z]{5}\ [a-z]{5}$ ]]
	[[ ${lines[1]} == "Read them to friend by voice, "* ]]
	mine=$(words laptop friend)
	theirs=$(words friend laptop)
	[ "$mine" != "$theirs" ]
	run --separate-stderr on laptop contact verify friend $mine
	refused 77 "lk: friend: these are not the words of the key known here; *"
	[[ $(on laptop contact ls) == *"not verified" ]]
	run --separate-stderr on laptop contact verify friend ${theirs^^}
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "friend is verified." ]
	[[ $(on laptop contact ls) =~ ^friend\ \ [0-9a-f]{8}\ \ verified$ ]]
	run --separate-stderr on friend contact verify laptop $mine
	[ "$status" -eq 0 ]
	# A new device of theirs changes nothing about that.
	paired friend tablet
	on friend sync --wait=1 --timeout 30s
	[ "$(words tablet laptop)" = "$theirs" ]
	run --separate-stderr on laptop contact verify nobody
	is 66 "" "lk: nobody: no contact of yours; lk contact ls lists yours"
	run --separate-stderr on laptop contact verify friend one two
	[ "$status" -eq 64 ]
}

@test "a contact is called what this person likes" {
	device laptop
	on laptop new d
	device friend
	on friend -q accept "$(on laptop invite d --role read)"
	on laptop sync --wait --timeout 30s
	run --separate-stderr on laptop contact rename friend ann
	is 0 "" ""
	[[ $(on laptop members d) == *ann* ]]
	on laptop new e
	on laptop -q share e ann
	run --separate-stderr on laptop contact rename ann a/b
	refused 65 "lk: a/b: not a name *"
	device other
	on other -q accept "$(on laptop invite d --role read)"
	on laptop sync --wait --timeout 30s
	run --separate-stderr on laptop contact rename other ann
	refused 73 "lk: ann: a contact of this name"
	# The other side calls himself as before.
	[[ $(on friend device ls) == friend* ]]
}
