# Earlier states: get --at, diff, show, blame, log --graph.

load setup

# Two changes whose hashes begin with d429, on one after the other.
twins() {
	printf '\x85\x6f\x4a\x83\xd4\x29\x4f\x72\x01\x11\x00\x02\xab\xcd\x01\x01\x80\xe2\xcf\xaa\x06\x03\x6f\x6e\x65\x00\x00'
	printf '\x85\x6f\x4a\x83\xd4\x29\xc6\xf0\x01\x31\x01\xd4\x29\x4f\x72\xec\x89\x2f\x5f\x73\x7d\x95\xbe\xde\xa0\xd4\x98\x38\x1d\xc6\xbc\x32\x3c\x3e\xaa\x63\x5d\x3b\x52\xf0\x7d\x5f\x06\x02\xab\xcd\x02\x01\xee\xd2\xd2\xaa\x06\x03\x74\x77\x6f\x00\x00'
}

# The hash that an edit reports.
hash_of() {
	on laptop "$@" --json | field hash
}

# Two devices that write beside each other, and one of them afterwards.
forked() {
	device laptop
	paired laptop phone
	on laptop new g
	on laptop set g /a 0
	on laptop -q sync --wait
	on phone -q daemon stop
	on laptop set g /a 1
	on laptop set g /b 1 -m "on the laptop"
	on laptop -q daemon stop
	on phone set g /a 2
	on phone set g /c 1
	on laptop -q sync --wait
	on laptop set g /d 1
}

@test "get --at shows a document as it was" {
	device laptop
	on laptop new d
	first=$(hash_of set d /a 1)
	second=$(hash_of set d /a 2)
	on laptop rm d /a
	lk get d --json --at "$first"
	is 0 '{"a":1}' ""
	lk get d --json --at "${second:0:8}"
	is 0 '{"a":2}' ""
	lk get d /a --at "${second:0:8}"
	is 0 "2" ""
	lk get d --json --at @0
	is 0 '{}' ""
	lk get d --json --at @1
	is 0 '{"a":2}' ""
	lk get d --json --at @3
	is 0 '{}' ""
	lk get d /a --at @3
	is 66 "" "lk: d /a: nothing there; lk get d shows what is there"
	on laptop new -t text notes
	on laptop splice notes "" 0 0 "some text"
	on laptop splice notes "" 0 4 "more"
	lk get notes --at @1
	is 0 "some text" ""
	lk get notes
	is 0 "more text" ""
	lk get notes --at @3
	is 66 "" "lk: notes: it has no content, or had none yet; lk get notes shows what is there"
}

@test "a revision that is none, or unknown, or ambiguous is refused" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	for rev in "" x abc 12345g @ @x @1x -1 ",abcd" "$(printf 'a%.0s' {1..65})"; do
		lk get d --at "$rev"
		[ "$status" -eq 64 ]
		[[ $stderr == *": no revision; a revision is 4 or more digits"* ]]
	done
	for rev in 00000000 @2 @99999999999999999999; do
		lk get d --at "$rev"
		is 66 "" "lk: $rev: d has no such revision; lk log d lists the changes"
	done
	twins >twins.automerge
	on laptop -q import twins.automerge
	lk get twins --at d429
	is 64 "" "lk: d429: more than one change has a hash like this; give more digits: d4294f72ec89 d429c6f08f7f"
	lk get twins --json --at d4294f
	is 0 "{}" ""
	lk get twins --json --at d4294f,d429c6
	is 0 "{}" ""
	lk show twins d429 --json
	[ "$status" -eq 64 ]
	[[ $stderr == *'"error":"usage","code":64'* ]]
}

@test "several revisions with commas are one state" {
	forked
	one=$(on laptop log g --json | grep '"message":"on the laptop"' | field hash)
	other=$(on laptop log g --json | grep '"who":"phone"' | head -n 1 | field hash)
	lk get g --json --at "$one"
	is 0 '{"a":1,"b":1}' ""
	lk get g --json --at "$other"
	is 0 '{"a":2,"c":1}' ""
	lk get g --at "$one,$other" --json
	[ "$status" -eq 0 ]
	[[ $output == '{"a":'[12]',"b":1,"c":1}' ]]
	lk get g /a --conflicts --json --at "$one,${other:0:6}"
	[ "$(tr , '\n' <<<"$output" | sed 's/.*://; s/}//' | sort | xargs)" = "1 2" ]
	lk get g /a --conflicts --json --at "$one"
	[[ $output =~ ^'{"'[0-9]+@[0-9a-f]{32}'":1}'$ ]]
}

@test "diff prints a line for each change of JSON, and is 1" {
	device laptop
	on laptop new d
	lk diff d
	is 0 "" ""
	on laptop set d /a 1
	on laptop set --counter d /n 5
	on laptop set d /l '[1,"two",{"three":3}]'
	on laptop set d '/x~1y' true
	lk diff d
	is 1 "+ /x~1y: true" ""
	lk diff d @4
	is 1 '+ /a: 1
+ /l: [1,"two",{"three":3}]
+ /n: 5
+ /x~1y: true' ""
	on laptop apply d <<<'{"set":"/a","value":2}
{"inc":"/n","by":-7}
{"rm":"/l/0"}
{"rm":"/l/0"}
{"insert":"/l/1","value":[4]}
{"set":"/l/0/three","value":null}
{"rm":"/x~1y"}'
	lk diff d @1
	is 1 '~ /a: 1 -> 2
~ /n: 5 -> -2 (-7)
- /x~1y: true
- /l/0: 1
- /l/1: "two"
+ /l/1: [4]
~ /l/0/three: 3 -> null' ""
	lk diff d @0 @1
	is 1 '~ /a: 2 -> 1
~ /n: -2 -> 5 (+7)
+ /x~1y: true
+ /l/0: 1
+ /l/1: "two"
- /l/1: [4]
~ /l/2/three: null -> 3' ""
	lk diff d @0
	is 0 "" ""
	lk diff -q d @1
	is 1 "" ""
	lk diff d @1 @9
	is 66 "" "lk: @9: d has no such revision; lk log d lists the changes"
}

@test "diff compares texts line by line" {
	device laptop
	on laptop new d
	on laptop set d /t "\"$(seq -s '\n' 1 20)\""
	on laptop splice d /t 6 1 "four"
	on laptop splice d /t 0 0 $'zero\n'
	lk diff d @2
	is 1 '--- a/d/t
+++ b/d/t
@@ -1,7 +1,8 @@
+zero
 1
 2
 3
-4
+four
 5
 6
 7' ""
	lk diff -U 0 d @2
	is 1 '--- a/d/t
+++ b/d/t
@@ -0,0 +1 @@
+zero
@@ -4 +5 @@
-4
+four' ""
	on laptop new -t text notes
	on laptop splice notes "" 0 0 "a"
	on laptop splice notes "" 1 0 $'\n'
	lk diff notes
	is 1 '--- a/notes
+++ b/notes
@@ -1 +1 @@
-a
\ No newline at end
+a' ""
	lk diff notes @2
	is 1 '--- a/notes
+++ b/notes
@@ -0,0 +1 @@
+a' ""
	on laptop set notes "" '"b"'
	lk diff notes
	is 1 '--- a/notes
+++ b/notes
@@ -1 +1 @@
-a
+b' ""
	lk diff --color=always notes
	[[ ${lines[0]} == $'\e[1m--- a/notes\e[0m' ]]
	[[ ${lines[2]} == $'\e[36m@@ -1 +1 @@\e[0m' ]]
	[[ ${lines[3]} == $'\e[31m-a\e[0m' ]]
	[[ ${lines[4]} == $'\e[32m+b\e[0m' ]]
}

@test "diff --json has patches that programs can apply" {
	device laptop
	on laptop new d
	on laptop set d /t '"abc"'
	on laptop apply d <<<'{"splice":"/t","pos":1,"del":1,"text":"xy"}
{"set":"/m","value":{"k":[1.0]}}
{"set":"/c","value":3,"as":"counter"}'
	on laptop inc d /c 2
	lk diff d @2 @1 --json
	[ "$status" -eq 1 ]
	[[ $output =~ ^'{"schema":"lk.diff/1","doc":"'[0-9a-f]{64}'","name":"d","patches":['(.*)']}'$ ]]
	[ "${BASH_REMATCH[1]}" = '{"action":"put","path":"/c","value":3},{"action":"put","path":"/m","value":{"k":[1.0]}},{"action":"splice","path":"/t/1","text":"xy"},{"action":"del","path":"/t/3","length":1}' ]
	lk diff d --json
	[[ $output == *'"patches":[{"action":"inc","path":"/c","by":2,"value":5}]}' ]]
	lk diff d @0 --json
	[ "$status" -eq 0 ]
	[[ $output == *'"patches":[]}' ]]
	lk diff d --typed @2 @1 --json
	[[ $output == *'{"action":"put","path":"/c","value":{"type":"counter","value":3}}'* ]]
}

@test "diff tells of conflicts" {
	forked
	one=$(on laptop log g --json | grep '"message":"on the laptop"' | field hash)
	other=$(on laptop log g --json | grep '"who":"phone"' | tail -n 1 | field hash)
	# Either wins, by the actors' ids.
	if [ "$(on laptop get g /a)" = 1 ]; then
		keeps=$one beaten=$other wins=1 was=2
	else
		keeps=$other beaten=$one wins=2 was=1
	fi
	lk diff g "$beaten" "$one,$other"
	[ "$status" -eq 1 ]
	[[ $output == *"~ /a: $was -> $wins (conflict)"* ]]
	lk diff g "$keeps" "$one,$other"
	[[ $output == *'! /a: {"'*@*'":'"$was,"*'":'"$wins}"* ]]
	lk diff g "$keeps" "$one,$other" --json
	[[ $output == *'{"action":"conflict","path":"/a","value":{"'* ]]
	lk diff g "$beaten" "$one,$other" --json
	[[ $output == *'{"action":"put","path":"/a","value":'$wins',"conflict":true}'* ]]
}

@test "a branch is a revision" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	on laptop set d /t '"one two"'
	on laptop -q branch d side
	hash=$(hash_of set d/side /b 2)
	on laptop splice d/side /t 4 3 "three"
	on laptop set d /a 3
	lk get d --json --at side
	is 0 '{"a":1,"b":2,"t":"one three"}' ""
	lk get d --json
	is 0 '{"a":3,"t":"one two"}' ""
	lk diff d side
	is 1 '~ /a: 1 -> 3
- /b: 2
--- a/d/t
+++ b/d/t
@@ -1 +1 @@
-one three
+one two' ""
	lk diff d @1 side
	is 1 '+ /b: 2
--- a/d/t
+++ b/d/t
@@ -1 +1 @@
-one two
+one three' ""
	lk diff d side side
	is 0 "" ""
	lk diff d side "${hash:0:10}"
	[ "$status" -eq 1 ]
	lk blame d --at side /b
	[ "$status" -eq 0 ]
	[[ $output == "${hash:0:8}"*"/b: 2" ]]
	on laptop -q branch d other
	lk diff d side other
	is 1 '~ /a: 1 -> 3
- /b: 2
--- a/d/t
+++ b/d/t
@@ -1 +1 @@
-one three
+one two' ""
	lk get d --at nothing
	is 64 "" "lk: nothing: no revision; a revision is 4 or more digits of a change's hash, several of them with commas, @N, or a branch or other document"
	# What was looked at was not written.
	lk get d --json
	is 0 '{"a":3,"t":"one two"}' ""
	lk merge -q d side
	lk diff d side
	is 1 '~ /a: 1 -> 3' ""
}

@test "a document is a revision of another one by its full name" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	on laptop -q branch d x
	on laptop -q branch d y
	on laptop set d/x /x 1
	on laptop set d/y /y 1
	on laptop new beef
	on laptop set beef /b 1
	lk diff d d/x
	is 1 "- /x: 1" ""
	lk diff d/x d
	is 1 "+ /x: 1" ""
	lk diff d x d/y
	is 1 "- /x: 1
+ /y: 1" ""
	lk diff d/x d/y d
	is 1 "- /y: 1" ""
	lk get d --json --at d/y
	is 0 '{"a":1,"y":1}' ""
	lk diff d d
	is 0 "" ""
	# Digits mean a change, unless a branch is called so.
	lk diff d beef
	is 66 "" "lk: beef: d has no such revision; lk log d lists the changes"
	on laptop -q branch d beef
	lk diff d beef
	is 0 "" ""
}

@test "a text that is new or gone is told by its lines" {
	device laptop
	printf 'one\ntwo\n' | on laptop -q import --as notes --format text -
	lk diff notes
	is 1 "--- a/notes
+++ b/notes
@@ -0,0 +1,2 @@
+one
+two" ""
	on laptop new d
	on laptop set d /t '"one\ntwo"'
	on laptop set d /short '"one"'
	lk diff d @2
	is 1 '+ /short: "one"
--- a/d/t
+++ b/d/t
@@ -0,0 +1,2 @@
+one
+two' ""
	on laptop rm d /t
	lk diff d
	is 1 '--- a/d/t
+++ b/d/t
@@ -1,2 +0,0 @@
-one
-two' ""
	lk diff d --json
	[[ $output == *'"patches":[{"action":"del","path":"/t"}]}' ]]
}

@test "the marks of a text that is put whole are told too" {
	device laptop
	on laptop new d
	on laptop set d /l '[["x","one two"]]'
	on laptop mark d /l/0/1 0 3 bold
	on laptop set d /t '"one\ntwo"'
	on laptop mark d /t 4 7 -s link to
	lk diff d @4
	is 1 '+ /l: [["x","one two"]]
~ /l/0/1/0 +3: bold true
--- a/d/t
+++ b/d/t
@@ -0,0 +1,2 @@
+one
+two
~ /t/4 +3: link "to"' ""
	lk diff d @4 --json
	[[ $output == *'"patches":[{"action":"put","path":"/l","value":[["x","one two"]]},{"action":"mark","path":"/l/0/1/0","length":3,"name":"bold","value":true},{"action":"put","path":"/t","value":"one\ntwo"},{"action":"mark","path":"/t/4","length":3,"name":"link","value":"to"}]}' ]]
}

@test "show tells what one change did" {
	device laptop
	on laptop new d
	first=$(hash_of set d /a 1)
	second=$(hash_of set d /a 2 -m "make it two")
	lk show d "${second:0:6}"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "change $second" ]
	[ "${lines[1]}" = "Author: laptop" ]
	[[ ${lines[2]} =~ ^Date:\ \ \ 20[0-9T:.-]+Z\ \(just\ now\)$ ]]
	[ "${lines[3]}" = "Deps:   ${first:0:8}" ]
	[ "${lines[4]}" = "    make it two" ]
	[ "${lines[5]}" = "~ /a: 1 -> 2" ]
	[ "${#lines[@]}" -eq 6 ]
	lk show d @1
	[ "${lines[0]}" = "change $first" ]
	[ "${lines[3]}" = "Deps:   none" ]
	[ "${lines[4]}" = "+ /a: 1" ]
	lk show d @0 --json
	[[ $output =~ ^'{"schema":"lk.show/1","doc":"'[0-9a-f]{64}'","name":"d","change":{'.*'"deps":["'"$first"'"]},"patches":['.*']}'$ ]]
	[[ $output == *'"patches":[{"action":"put","path":"/a","value":2}]}' ]]
	lk show d @2
	is 66 "" "lk: @2: d has no such revision; lk log d lists the changes"
	lk show d "$first,$second"
	[ "$status" -eq 64 ]
}

@test "show knows each change of an import, and its author" {
	device laptop
	twins >twins.automerge
	on laptop -q import twins.automerge
	lk show twins d4294f
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "change d4294f72ec892f5f737d95bedea0d498381dc6bc323c3eaa635d3b52f07d5f06" ]
	[ "${lines[1]}" = "Author: abcd (imported by laptop)" ]
	[ "${lines[2]}" = "Date:   2023-11-14T22:13:20.000Z (on 2023-11-14)" ]
	[ "${lines[3]}" = "Deps:   none" ]
	[ "${lines[4]}" = "    one" ]
	lk show twins @0
	[ "${lines[3]}" = "Deps:   d4294f72" ]
}

@test "a void change shows what it would have done" {
	device laptop
	device friend
	on laptop new d
	on laptop set d /a 1
	on friend -q accept "$(on laptop invite d)"
	on laptop -q sync --wait
	on friend -q daemon stop
	on laptop -q revoke d friend
	on laptop -q daemon stop
	on friend set d /a 99
	on laptop get d --json
	for _ in {1..100}; do
		on laptop -q sync || true
		[[ $(on laptop log d) == *void* ]] && break
	done
	void=$(on laptop log d --json | grep '"visible":false' | field hash)
	lk get d --json
	is 0 '{"a":1}' ""
	lk show d "$void"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "change $void  void" ]
	[ "${lines[4]}" = "~ /a: 1 -> 99" ]
	lk get d --json --at "$void"
	is 0 '{"a":1}' ""
	# The last change is the last one that counts.
	lk diff d
	is 1 "+ /a: 1" ""
	lk undo d
	[ "$status" -eq 0 ]
	lk get d --json
	is 0 "{}" ""
	lk diff d
	is 1 "- /a: 1" ""
}

@test "show tells what void changes hide of an honest one" {
	device laptop
	paired laptop phone
	device ann
	on laptop new plan
	on ann -q accept "$(on laptop invite plan)"
	on laptop -q sync --wait=all --timeout 30s
	# The phone has not heard of the revocation when it goes on with her work.
	on laptop -q daemon stop
	void=$(on ann set plan /note '"ann"' --json | field hash)
	on ann -q sync --wait=1 --timeout 30s
	into=$(on phone splice plan /note e 0 " phone" --json | field hash)
	aside=$(on phone set plan /done true --json | field hash)
	on phone -q daemon stop
	on ann -q daemon stop
	on laptop -q revoke plan ann
	on phone get plan >/dev/null
	on laptop -q sync --wait=all --timeout 30s
	lk get plan --json
	is 0 '{"done":true}' ""
	lk show plan "$into"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "change $into" ]
	[ "${lines[4]}" = "6 of its operations are not shown, as void changes hide them: ${void:0:8}" ]
	[ "${#lines[@]}" -eq 5 ]
	lk show plan "$into" --json
	[[ $output == *'"stranded":6,"stranded_by":["'"$void"'"]},"patches":[]}' ]]
	lk show plan "$aside"
	[ "${lines[4]}" = "+ /done: true" ]
	lk show plan "$void" --json
	[[ $output != *stranded* ]]
	lk branch plan b
	is 65 "" "lk: plan: cannot make a branch: others built on work in it that was revoked, which a branch would bring back; lk export --clean writes a file without it, which lk import takes"
}

@test "blame names the change behind every value and run of a text" {
	device laptop
	paired laptop phone
	on laptop new d
	first=$(hash_of set d /t '"one\ntwo\nthree"')
	second=$(hash_of set d /l '[1,{"k":"v"},[]]')
	on laptop -q sync --wait
	third=$(on phone splice d /t 4 3 "TWO" --json | field hash)
	on phone -q sync --wait
	lk blame d /t
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[0]} == "${first:0:8}  laptop        "*"     1  one" ]]
	[[ ${lines[1]} == "${third:0:8}  phone         "*"     2  TWO" ]]
	[[ ${lines[2]} == "${first:0:8}  laptop        "*"     3  three" ]]
	lk blame d
	[ "${#lines[@]}" -eq 6 ]
	[[ ${lines[0]} == "${second:0:8}  laptop        "*"  /l/0: 1" ]]
	[[ ${lines[1]} == "${second:0:8}  laptop        "*"  /l/1/k:   1  v" ]]
	[[ ${lines[2]} == "${second:0:8}  laptop        "*"  /l/2: []" ]]
	[[ ${lines[3]} == "${first:0:8}  laptop        "*"  /t:   1  one" ]]
	lk blame d /l/0 --json
	[[ $output =~ ^'{"schema":"lk.blame/1","doc":"'[0-9a-f]{64}'","name":"d","path":"/l/0","runs":[{"path":"/l/0","value":1,"hash":"'"$second"'"}],"changes":{"'"$second"'":{'.*'}}}'$ ]]
	lk blame d /t --json
	[[ $output == *'{"path":"/t","start":4,"length":3,"text":"TWO","hash":"'"$third"'"}'* ]]
	lk blame --at "$first" d
	[ "${#lines[@]}" -eq 3 ]
	lk blame d /nothing
	is 66 "" "lk: d /nothing: nothing there; lk get d shows what is there"
}

@test "log --graph draws who wrote beside whom" {
	forked
	lk log --graph g
	[ "$status" -eq 0 ]
	drawn=$(sed 's/^\([*|\\/ ]*[*|\\/]\).*  \(laptop\|phone\) .*/\1 \2/' <<<"$output")
	[ "$drawn" = '* laptop
|\
| * phone
| * phone
* | laptop
* | laptop
|/
* laptop' ]
	[[ ${lines[4]} == *"on the laptop" ]]
	lk log --graph -n 2 g
	[ "${#lines[@]}" -eq 3 ]
	lk log --graph g --json
	[ "${#lines[@]}" -eq 6 ]
	id=$(sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' <<<"${lines[5]}")
	[[ ${lines[4]} == *'"parents":["'"$id"'"]}' ]]
	[[ ${lines[5]} == *'"parents":[]}' ]]
	lk log --graph --color=always g
	[[ ${lines[0]} == $'\e[31m*\e[0m '* ]]
	lk log --graph --access g
	[ "$status" -eq 64 ]
}
