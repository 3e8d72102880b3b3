# Marks, blocks and cursors in texts.

load setup

# ask METHOD MEMBERS: the answer to one request, over the socket of the laptop.
ask() {
	command -v socat >/dev/null || skip "no socat"
	printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":{"doc":"notes",%s}}\n' "$1" "$2" |
	    socat -t 5 - "UNIX-CONNECT:$T/laptop/run/control"
}

@test "a mark covers a part of a text and takes in what is typed at its end" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "The quick brown fox"
	lk mark notes "" 4 9 bold
	is 0 "" ""
	lk mark notes "" 10 15 link --string http://x/ --expand none -m "a link"
	is 0 "" ""
	lk get notes
	is 0 "The quick brown fox" ""
	lk get --spans notes
	is 0 ' 0  "The "
 4  "quick"  bold
 9  " "
10  "brown"  link="http://x/"
15  " fox"' ""
	on laptop splice notes "" 15 0 "ie"
	on laptop splice notes "" 9 0 "er"
	lk get --spans --json notes
	is 0 '[{"type":"text","start":0,"length":4,"value":"The "},{"type":"text","start":4,"length":7,"value":"quicker","marks":{"bold":true}},{"type":"text","start":11,"length":1,"value":" "},{"type":"text","start":12,"length":5,"value":"brown","marks":{"link":"http://x/"}},{"type":"text","start":17,"length":6,"value":"ie fox"}]' ""
	[[ $(on laptop log -n 3 notes) == *"a link"* ]]
}

@test "null takes a mark away, and values have types" {
	device laptop
	on laptop new d
	on laptop set d /t '"abcdef"'
	on laptop mark d /t 0 e size 12
	on laptop mark d /t 2 4 size null
	on laptop mark d /t s 1 "two words" 1.5
	lk get --spans d /t
	is 0 '0  "a"  size=12  "two words"=1.5
1  "b"  size=12
2  "cd"
4  "ef"  size=12' ""
	lk get --spans --typed --json d /t
	[[ $output == '[{"type":"text","start":0,"length":1,"value":"a","marks":{"size":{"type":"int","value":12},"two words":{"type":"f64","value":1.5}}},'* ]]
	lk mark d /t 0 1 size 12 --json
	[[ $output == '{"schema":"lk.mark/1",'*'"changed":true,'* ]]
}

@test "what is no mark is refused" {
	device laptop
	on laptop new d
	on laptop set d /t '"abc"'
	lk mark d /t 0 1
	[ "$status" -eq 64 ]
	lk mark d /t 0 x bold
	[ "$status" -eq 64 ]
	[[ $stderr == "lk: mark: x is no position; usage: "* ]]
	lk mark d /t 0 4 bold
	is 65 "" "lk: d /t: beyond the end of the text"
	lk mark d /t 2 1 bold
	is 65 "" "lk: d /t: a mark ends before it begins"
	lk mark d /t 0 1 bold '{}'
	is 65 "" "lk: d /t: the value of a mark is no array and no object"
	lk mark d /t 0 1 bold --expand here
	is 64 "" "lk: expand: here: a mark expands none, before, after or both"
	lk mark d /t 0 1 bold --string
	[ "$status" -eq 64 ]
	lk mark d / 0 1 bold
	[ "$status" -eq 66 ]
	lk get --spans d
	is 65 "" "lk: d: not a text"
	lk get --spans d /t
	is 0 '0  "abc"' ""
}

@test "blocks lie in a text, and what is in them is edited like anything else" {
	device laptop
	on laptop new --type text page
	on laptop splice page "" 0 0 "titlebody"
	on laptop apply page <<-'END'
	{"split":"","pos":0,"block":{"type":"heading","parents":[],"attrs":{"level":1}}}
	{"split":"","pos":6,"block":{"type":"paragraph","parents":["quote"],"attrs":{}}}
	{"mark":"","from":1,"to":6,"name":"em"}
	END
	lk get --spans page
	is 0 '0  block {"attrs":{"level":1},"parents":[],"type":"heading"}
1  "title"  em
6  block {"attrs":{},"parents":["quote"],"type":"paragraph"}
7  "body"' ""
	on laptop set page /0/attrs/level 2
	on laptop apply page <<<'{"update":"","pos":6,"block":{"type":"list-item"}}'
	lk get page /0 --json
	is 0 '{"attrs":{"level":2},"parents":[],"type":"heading"}' ""
	lk get page /6 --json
	is 0 '{"type":"list-item"}' ""
	on laptop apply page <<<'{"join":"","pos":6}'
	lk apply page <<<'{"join":"","pos":6}'
	is 65 "" "lk: operation 1: there is no block"
	lk get page
	is 0 "￼titlebody" ""
}

@test "marks and blocks reach other devices" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "one two"
	paired laptop phone
	on laptop mark notes "" 0 3 bold
	on phone mark notes "" 2 7 em
	on laptop -q sync --wait=all --timeout 30s
	on phone -q sync --wait=all --timeout 30s
	want='0  "on"  bold
2  "e"  bold  em
3  " two"  em'
	[ "$(on laptop get --spans notes)" = "$want" ]
	[ "$(on phone get --spans notes)" = "$want" ]
}

@test "a cursor stays at its character" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "one two"
	run ask doc.cursor '"pos":4'
	[[ $output =~ \"cursor\":\"([0-9]+@[0-9a-f]+)\" ]]
	cursor=${BASH_REMATCH[1]}
	on laptop splice notes "" 0 3 "zero, one and a half,"
	run ask doc.position "\"cursor\":\"$cursor\""
	[[ $output == *'"pos":22}'* ]]
	on laptop splice notes "" "$cursor" 0 "number "
	on laptop mark notes "" "$cursor" e fr
	on laptop splice notes "" e 0 "!"
	lk get --spans notes
	is 0 ' 0  "zero, one and a half, number "
29  "two!"  fr' ""
	run ask doc.cursor '"pos":29,"before":true'
	[[ $output == *"\"cursor\":\"-$cursor\""* ]]
	on laptop splice notes "" "$cursor" 3
	run ask doc.position "\"cursor\":\"$cursor\""
	[[ $output == *'"pos":29}'* ]]
	run ask doc.position "\"cursor\":\"-$cursor\""
	[[ $output == *'"pos":21}'* ]]
	lk splice notes "" 99@abcd 0 x
	is 66 "" "lk: notes: what the cursor is at is not in this text; lk get notes shows what is there"
	lk splice notes "" 1@ 0 x
	is 65 "" "lk: notes: not a position: a number or a cursor"
}
