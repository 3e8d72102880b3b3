# The programs of docs/examples, which speak with the daemon by themselves.

load setup

examples=$BATS_TEST_DIRNAME/../../docs/examples

@test "list.sh lists documents and prints what is in them" {
	command -v socat >/dev/null || skip "no socat"
	command -v jq >/dev/null || skip "no jq"
	PATH=$(dirname "$LK"):$PATH
	device laptop
	on laptop new shopping
	on laptop set shopping /milk 12345678901234567890
	printf 'Two\nlines\n' >notes.md
	on laptop import notes.md
	run --separate-stderr "$examples/list.sh"
	is 0 "notes	text	admin
shopping	map	admin" ""
	run --separate-stderr "$examples/list.sh" shopping notes
	is 0 '{"milk":12345678901234567890}
Two
lines' ""
	run --separate-stderr "$examples/list.sh" nothing
	[ "$status" -ne 0 ]
	[ "$output" = "" ]
	[ "$stderr" = "nothing: no such document" ]
}

@test "follow.py gives each change with what it did, wherever the socket is" {
	device laptop
	on laptop new d
	on laptop set -m first d /a 1
	on laptop set d /b '{"c":[true]}'
	run --separate-stderr "$examples/follow.py" --since 0 --count 2
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ ${lines[0]} =~ ^([0-9]+)\ d:\ laptop:\ first$ ]]
	cursor=${BASH_REMATCH[1]}
	[ "${lines[1]}" = "    put /a 1" ]
	mkfifo seen
	"$examples/follow.py" --since "$cursor" --count 2 d >seen &
	exec {from}<seen
	read -r line <&"$from"
	[[ $line == *" d: laptop: no message" ]]
	on laptop rm d /a
	cat <&"$from" >rest
	wait $!
	[ "$(tail -n 1 rest)" = "    del /a" ]
	run --separate-stderr "$examples/follow.py" nothing
	is 1 "" "follow.py: nothing: no such document"
	on laptop daemon stop
	mkdir -m 700 run
	export XDG_RUNTIME_DIR=$T/run
	on laptop daemon start
	run --separate-stderr "$examples/follow.py" --since "$cursor" --count 1
	[ "$status" -eq 0 ]
	on laptop daemon stop
	run --separate-stderr "$examples/follow.py"
	is 1 "" "follow.py: [Errno 2] No such file or directory"
}

@test "an answer too long for a line is fetched by follow.py" {
	device laptop
	on laptop new d
	{
		printf '{"set":"/s","as":"string","value":"'
		head -c 600000 /dev/zero | tr '\0' x | sed 's/x/\\n/g'
		printf '"}'
	} >long
	on laptop apply d long
	run --separate-stderr "$examples/follow.py" --since 0 --count 1
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = "    put /s \"$(sed 's/.*"value":"\(.*\)"}/\1/' long)\"" ]
}
