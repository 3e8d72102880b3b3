# Documents on one device: new, ls, get, set, insert, rm, inc, splice, apply.

load setup

@test "init prints the phrase once, and the next three commands" {
	lk init --name laptop
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ ${lines[0]} =~ ^This\ device\ is\ called\ laptop,\ id\ [0-9a-f]{8}\.$ ]]
	[ "${lines[1]}" = "Recovery phrase, shown only now. Write it down on paper:" ]
	[ "$(wc -w <<<"${lines[2]}")" -eq 12 ]
	[ "${lines[3]}" = "Next:" ]
	[ "${lines[4]}" = "  lk pair                 first of all, if you have lk on another device: type the" ]
	[ "${lines[5]}" = "                          code that lk pair shows there; its phrase counts, not this" ]
	[ "${lines[6]}" = "  lk new shopping         a document; or lk import notes.md" ]
	[ "${lines[7]}" = "  lk pair --code          later, a code for the next device of yours" ]
	[ "${#lines[@]}" -eq 8 ]
	phrase=${lines[2]}
	lk init --name again
	is 73 "" "lk: init: there is an identity here; another device has another LK_HOME"
	run grep -rF "$(xargs <<<"$phrase")" "$T"
	[ "$status" -eq 1 ]
}

@test "init says the same in JSON" {
	lk init --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.init/1","name":"'[^\"]+'","device":"'[0-9a-f]{64}'","person":"'[0-9a-f]{64}'","phrase":"'([a-z]+ ){11}[a-z]+'"}'$ ]]
}

@test "a new document is empty, and has a name of its own" {
	device laptop
	lk new shopping
	is 0 "" ""
	lk get shopping
	is 0 "{}" ""
	lk new shopping
	is 73 "" "lk: shopping: a document of this name exists; choose another name"
	lk new --type text notes
	is 0 "" ""
	lk get notes
	is 0 "" ""
	lk new -t list todo --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.new/1","doc":"'[0-9a-f]{64}'","name":"todo","type":"list","guardians":[],"needed":0}'$ ]]
	lk get todo
	is 0 "[]" ""
	lk ls
	is 0 "notes
shopping
todo" ""
	lk new --type tree x
	is 64 "" "lk: tree: no such type of document; types are map, text and list"
	lk new a/b
	is 65 "" "lk: a/b: not a name; a name is 1 to 255 bytes of UTF-8 without control characters or /"
	lk new ""
	is 65 "" "lk: : not a name; a name is 1 to 255 bytes of UTF-8 without control characters or /"
	lk ls
	is 0 "notes
shopping
todo" ""
}

@test "ls -l shows type, role, id and age, and --json all of it" {
	device laptop
	on laptop new shopping
	lk ls -l
	[ "$status" -eq 0 ]
	[[ $output =~ ^shopping\ \ map\ \ admin\ \ [0-9a-f]{8}\ \ just\ now$ ]]
	lk ls --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.ls/1","documents":[{"doc":"'[0-9a-f]{64}'","name":"shopping","type":"map","role":"admin","revoked":false,"waiting":0,"voided":0,"damaged":0,"newer":false,"envelopes":'[0-9]+',"changed":"'20[0-9T:.-]+Z'"}]}'$ ]]
}

@test "a document is found by four digits of its id" {
	device laptop
	on laptop new shopping
	id=$(on laptop ls --json | field doc)
	lk get "${id:0:4}"
	is 0 "{}" ""
	lk get "$id"
	is 0 "{}" ""
	lk get "${id:0:3}"
	is 66 "" "lk: ${id:0:3}: no such document; lk ls lists them"
}

@test "what does not exist is 66" {
	device laptop
	on laptop new shopping
	on laptop set shopping /a 1
	lk get nothing
	is 66 "" "lk: nothing: no such document; lk ls lists them"
	lk get nothing --json
	is 66 "" '{"error":"not-found","code":66,"message":"nothing: no such document","hint":"lk ls lists them"}'
	lk get shopping /b
	is 66 "" "lk: shopping /b: nothing there; lk get shopping shows what is there"
	lk get shopping /a/b
	is 66 "" "lk: shopping /a/b: no such path; lk get shopping shows what is there"
	lk set shopping /b/c 1
	is 66 "" "lk: shopping /b/c: no such path; lk get shopping shows what is there"
	lk rm shopping /b
	is 66 "" "lk: shopping /b: nothing there; lk get shopping shows what is there"
	lk inc shopping /b
	is 66 "" "lk: shopping /b: nothing there; lk get shopping shows what is there"
	lk get shopping a
	is 64 "" "lk: shopping a: a path starts with a slash; a path is a JSON Pointer like /a/b/0"
	lk get shopping /~
	is 64 "" "lk: shopping /~: ~ stands before 0 or 1; a path is a JSON Pointer like /a/b/0"
	lk get shopping
	is 0 '{
  "a": 1
}' ""
}

@test "set writes every kind of value, and get shows it" {
	device laptop
	on laptop new d
	on laptop set d /int -3
	on laptop set d /uint 18446744073709551615
	on laptop set d /float 0.1
	on laptop set d /five 5.0
	on laptop set d /null null
	on laptop set d /true true
	on laptop set d /text '"héllo 😀"'
	on laptop set d /map '{"b":{},"a":[]}'
	on laptop set d /list '[1,[2,{"x":null}]]'
	on laptop set --string d /string '"quoted" as it is'
	on laptop set --counter d /counter -7
	on laptop set --time d /time 2026-11-21T03:00:00+01:00
	printf '\000\001\377' >blob
	on laptop set --bytes blob d /bytes
	lk get d
	is 0 '{
  "bytes": "AAH/",
  "counter": -7,
  "five": 5.0,
  "float": 0.1,
  "int": -3,
  "list": [
    1,
    [
      2,
      {
        "x": null
      }
    ]
  ],
  "map": {
    "a": [],
    "b": {}
  },
  "null": null,
  "string": "\"quoted\" as it is",
  "text": "héllo 😀",
  "time": "2026-11-21T02:00:00.000Z",
  "true": true,
  "uint": 18446744073709551615
}' ""
	lk get d /list/1 --json
	is 0 '[2,{"x":null}]' ""
	lk get d --typed --json /counter
	is 0 '{"type":"counter","value":-7}' ""
	lk get d --typed --json /text
	is 0 '{"type":"text","value":"héllo 😀"}' ""
	lk get d --typed --json /string
	is 0 '{"type":"str","value":"\"quoted\" as it is"}' ""
	lk get d --typed --json /time
	is 0 '{"type":"timestamp","value":1795226400000}' ""
}

@test "typed values round-trip through set --typed" {
	device laptop
	on laptop new d
	on laptop new e
	on laptop set --counter d /c 1
	on laptop set --time d /t now
	on laptop set d /l '["x",1,1.0,{"y":null}]'
	typed=$(on laptop get --typed --json d)
	on laptop set --typed e /all "$typed"
	lk get --typed --json e /all
	is 0 "$typed" ""
	on laptop get --typed --json d | on laptop set --typed e /again -
	lk get --typed --json e /again
	is 0 "$typed" ""
}

@test "get of a text prints its bytes and adds no newline" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 $'one\ntwo'
	on laptop get notes >got
	printf 'one\ntwo' | cmp - got
	lk get notes --json
	is 0 '"one\ntwo"' ""
	lk get notes --root --json
	is 0 '{"content":"one\ntwo"}' ""
	on laptop new d
	on laptop set d /t '"three"'
	on laptop get d /t >got
	printf three | cmp - got
}

@test "what is no JSON or does not fit is 65, and changes nothing" {
	device laptop
	on laptop new d
	on laptop set d /n 1
	on laptop set d /t '"text"'
	on laptop set d /l '[1]'
	before=$(on laptop get d; on laptop log d)
	lk set d /x hello
	is 65 "" "lk: value: not valid JSON: line 1, column 1: no JSON value starts like this; a string is written '\"like this\"', or with --string"
	lk set d /x '{"a":1,}'
	is 65 "" "lk: value: not valid JSON: line 1, column 8: expected a key in quotes; a string is written '\"like this\"', or with --string"
	lk set d /x 1e400
	is 65 "" "lk: value: not valid JSON: line 1, column 6: a number is too large for a float; a string is written '\"like this\"', or with --string"
	lk set d "" '{}'
	is 65 "" "lk: d: the whole document cannot be assigned; lk import --into and lk apply edit it"
	lk rm d ""
	is 65 "" "lk: d: the whole document cannot be removed"
	lk set --counter d /x 1.5
	is 65 "" "lk: d /x: a counter is a 64-bit integer"
	lk set --time d /x noon
	is 65 "" "lk: d /x: not an RFC 3339 time"
	lk set d /t/0 '"x"'
	is 65 "" "lk: d /t/0: inside a text; use splice"
	lk insert d /new 1
	is 65 "" "lk: d /new: not a place in a list; use set"
	lk set d /l/x 1
	is 65 "" "lk: d /l/x: not an index of a list"
	lk set d /l/1 1
	is 66 "" "lk: d /l/1: no such element; lk get d shows what is there"
	lk inc d /n
	is 65 "" "lk: d /n: not a counter"
	lk splice d /n 0 0 x
	is 65 "" "lk: d /n: not a text"
	lk splice d /t 3 2
	is 65 "" "lk: d /t: beyond the end of the text"
	lk set d /x $'"\xff"'
	is 65 "" "lk: set: an argument, or what was read, is not UTF-8"
	run --separate-stderr on laptop apply d <<<$'{"set": "/x", "value": "\xff"}'
	is 65 "" "lk: apply: an argument, or what was read, is not UTF-8"
	[ "$(on laptop get d; on laptop log d)" = "$before" ]
}

@test "U+0000 survives, in values and in keys" {
	device laptop
	on laptop new d
	on laptop set d /a '{"k\u0000":"v\u0000w"}'
	lk get d /a --json
	is 0 '{"k\u0000":"v\u0000w"}' ""
}

@test "lists grow at the end, by insertion, and shrink" {
	device laptop
	on laptop new d
	on laptop set d /l '[]'
	on laptop set d /l/- 3
	on laptop insert d /l/0 1
	on laptop insert d /l/1 2
	on laptop insert d /l/- 4
	on laptop set d /l/3 '"four"'
	lk get d /l --json
	is 0 '[1,2,3,"four"]' ""
	on laptop rm d /l/0
	lk get d /l --json
	is 0 '[2,3,"four"]' ""
	on laptop new --type list todo
	on laptop insert todo /- '"a"'
	on laptop set todo /- '"b"'
	lk get todo --json
	is 0 '["a","b"]' ""
	lk set todo "" '"no list"'
	is 65 "" "lk: todo: the content of a list document is an array"
	lk set todo "" '[1]'
	is 0 "" ""
	lk get todo --json
	is 0 '[1]' ""
}

@test "a counter counts, also with negative numbers" {
	device laptop
	on laptop new d
	on laptop set --counter d /c 2
	on laptop inc d /c
	on laptop inc d /c 10
	on laptop inc d /c -5
	lk get d /c
	is 0 "8" ""
	lk inc d /c 9223372036854775800
	is 65 "" "lk: d /c: the counter would overflow"
	lk inc d /c 9223372036854775799
	is 0 "" ""
	lk inc d /c
	is 65 "" "lk: d /c: the counter would overflow"
	lk get d /c
	is 0 "9223372036854775807" ""
}

@test "splice works on code points" {
	device laptop
	on laptop new --type text t
	on laptop splice t "" 0 0 "a😀c"
	on laptop splice t "" 1 1 "bé"
	lk get t
	is 0 "abéc" ""
	on laptop splice t "" 4 0 "!"
	on laptop splice t "" 0 1
	lk get t
	is 0 "béc!" ""
}

@test "an edit that says nothing new writes nothing" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	before=$(on laptop log d)
	lk set d /a 1 --json
	[ "$status" -eq 0 ]
	[[ $output == '{"schema":"lk.set/1","doc":"'*'","name":"d","changed":false,"hash":null}' ]]
	[ "$(on laptop log d)" = "$before" ]
}

@test "apply makes several edits as one change, or none" {
	device laptop
	on laptop new d
	on laptop set d /l '[1,2]'
	lk apply d --json <<-'END'
	{"set":"/a","value":{"b":1}}
	{"insert":"/l/0","value":0}
	{"set":"/c","value":1,"as":"counter"}
	{"inc":"/c","by":4}
	END
	[ "$status" -eq 0 ]
	[[ $output =~ '"changed":true,"hash":"'[0-9a-f]{64}'","operations":4}'$ ]]
	lk get d --json
	is 0 '{"a":{"b":1},"c":5,"l":[0,1,2]}' ""
	changes=$(on laptop log d | wc -l)
	cat >patch.json <<-'END'
	[{"op":"test","path":"/a/b","value":1},
	 {"op":"replace","path":"/a/b","value":2},
	 {"op":"remove","path":"/l/0"},
	 {"op":"add","path":"/l/-","value":3}]
	END
	lk apply d patch.json -m "by patch"
	is 0 "" ""
	lk get d --json
	is 0 '{"a":{"b":2},"c":5,"l":[1,2,3]}' ""
	[ "$(on laptop log d | wc -l)" -eq $((changes + 1)) ]
	[[ $(on laptop log -n 1 d) == *"  by patch" ]]
	lk apply d patch.json
	is 65 "" "lk: operation 1: /a/b: the test failed"
	lk apply d <<<'{"rm":"/a"} {"rm":"/zzz"}'
	is 66 "" "lk: operation 2: /zzz: nothing there; lk get d shows what is there"
	lk apply d <<<'{"rm":"/a"} nonsense'
	is 65 "" "lk: patch: not valid JSON: line 1, column 13: no JSON value starts like this; it is a JSON Patch, or edits one a line"
	lk apply d <<<'{"splice":"/b","pos":0,"delete":1}'
	is 65 "" "lk: operation 1: /b: this edit has no such member"
	lk apply d nothing.json
	is 66 "" "lk: nothing.json: no such file"
	lk get d --json
	is 0 '{"a":{"b":2},"c":5,"l":[1,2,3]}' ""
}

@test "a value longer than a line of the protocol arrives whole" {
	device laptop
	on laptop new --type text t
	head -c 1200000 /dev/zero | tr '\0' x >big
	printf '{"splice":"","pos":0,"text":"%s"}' "$(cat big)" | on laptop apply t
	on laptop get t | cmp - big
}

@test "a change too large for an envelope is an import, up to the limit of one" {
	device laptop
	on laptop new d
	on laptop set d /b 1
	head -c 1500000 /dev/urandom >big
	on laptop set d /a --bytes big -m "the whole"
	[ "$(on laptop get d /a --typed --json)" = "{\"type\":\"bytes\",\"value\":\"$(base64 -w 0 big)\"}" ]
	[[ $(on laptop log -n 1 d) == *" 1 op  import" ]]
	[[ $(on laptop log -n 1 --graph d) == *" 1 op  import  the whole" ]]
	lk -q undo d
	is 0 "" ""
	truncate -s 64M big
	lk set d /a --bytes big
	is 65 "" "lk: d /a: too large for one change; make it in several smaller steps"
	lk get d --json
	is 0 '{"b":1}' ""
}

@test "conflicts are shown by the operations that wrote them" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	lk get d /a --conflicts --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"'[0-9]+@[0-9a-f]{32}'":1}'$ ]]
	lk get d "" --conflicts
	is 64 "" "lk: d: a document has no conflicts, only what is in it has; a path is a JSON Pointer like /a/b/0"
}

@test "without a path all conflicts of a document are shown" {
	device laptop
	paired laptop phone
	on laptop new d
	on laptop set d /list '[1,{"k":1}]'
	lk get d --conflicts
	is 0 "{}" ""
	on laptop new -t list l
	on laptop insert l /- 1
	on laptop -q sync --wait
	on phone -q daemon stop
	on laptop set d /list/1/k 2
	on laptop set d /~0 '{"a":1}'
	on laptop set l /0 2
	on laptop -q daemon stop
	on phone set d /list/1/k 3
	on phone set d /~0 '{"a":1}'
	on phone set l /0 3
	on laptop -q sync --wait
	op='"[0-9]+@[0-9a-f]{32}"'
	lk get d --conflicts --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^\{\"/list/1/k\":\{$op:[23],$op:[23]\},\"/~0\":\{$op:\{\"a\":1\},$op:\{\"a\":1\}\}\}$ ]]
	all=$(on laptop get d /list/1/k --conflicts --json)
	[[ $output == '{"/list/1/k":'"$all,"* ]]
	# The last one wins.
	[[ $all == *":$(on laptop get d /list/1/k)}" ]]
	lk get l --conflicts --json
	[[ $output =~ ^\{\"/0\":\{$op:[23],$op:[23]\}\}$ ]]
	lk get l --conflicts --json --root
	[[ $output =~ ^\{\"/content/0\":\{$op:[23],$op:[23]\}\}$ ]]
	lk get d --conflicts --json --at @99
	is 66 "" '{"error":"not-found","code":66,"message":"@99: d has no such revision","hint":"lk log d lists the changes"}'
}

@test "-v says what was done, on stderr" {
	device laptop
	lk -v new d
	[ "$status" -eq 0 ]
	[[ $output == "" && $stderr =~ ^lk:\ d:\ [0-9a-f]{8}$ ]]
	lk set d /a 1 -v
	[[ $output == "" && $stderr =~ ^lk:\ d:\ change\ [0-9a-f]{8}$ ]]
	[[ $(on laptop log d) == "${stderr#lk: d: change }"* ]]
	lk set d /a 1 -v
	is 0 "" "lk: d: unchanged"
}

@test "colour is for terminals, or on demand" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	lk log d
	[[ $output != *$'\033'* ]]
	lk log d --color=always
	[[ $output == *$'\033'* ]]
}

@test "control characters of others do not reach the terminal" {
	device laptop
	on laptop new d
	on laptop set d /a 1 -m $'evil\033[31m\nline'
	lk log d
	[[ $output == *'  evil\033[31m\012line' ]]
}
