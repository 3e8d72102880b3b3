# What is void, and making it count: quarantine, adopt.

load setup

# Waits until the log of laptop's d has so many void changes.
void_are() {
	for _ in {1..200}; do
		[ "$(on laptop log d | grep -c void)" != "$1" ] || return 0
		sleep 0.1
	done
	return 1
}

# Eve writes twice where nobody hears her, and is revoked meanwhile.
eve_unheard() {
	device laptop
	on laptop new d
	on laptop set d /a 1
	device eve
	on eve -q accept "$(on laptop invite d --role write)"
	on laptop sync --wait --timeout 30s
	on laptop -q daemon stop
	on eve set d /box '{"x":1}'
	on eve set d /b 2
	on eve -q daemon stop
	on laptop -q revoke d eve
	on eve -q sync
	void_are 2
}

@test "nothing is void in an ordinary document" {
	device laptop
	on laptop new d
	run --separate-stderr on laptop quarantine d
	is 0 "d: nothing is void" ""
	run --separate-stderr on laptop quarantine d --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.quarantine/1","doc":"'[0-9a-f]{64}'","name":"d","void":[],"stranded":[]}'$ ]]
}

@test "edits of somebody revoked that came late are shown with their content, and adopted" {
	eve_unheard
	run --separate-stderr on laptop quarantine d
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ $output =~ ^[0-9a-f]{8}\ .*\ eve\ +2\ ops\ \ void$'\n'\ \ by\ revoke\ of\ laptop,\ .*,\ [0-9a-f]{8}$'\n'\+\ /box:\ '{"x":1}'$'\n'[0-9a-f]{8}\ .*\ eve\ +1\ op\ \ void$'\n'\ \ by\ revoke\ of\ laptop.*$'\n'\+\ /b:\ 2$ ]]
	run --separate-stderr on laptop quarantine d --json
	[[ $output == '{"schema":"lk.quarantine/1","doc":"'*'"by":{"id":"'*'","kind":"revoke","received":"'*'","who":"laptop"},"patches":[{"action":"put","path":"/b","value":2}]}],"stranded":[]}' ]]
	b=$(on laptop log d --json | head -n 1 | field hash)
	box=$(on laptop log d --json | sed -n 2p | field hash)
	run --separate-stderr on laptop adopt d "${b:0:8}"
	[ "$status" -eq 0 ]
	[[ $output =~ ^adopted\ \ ${b:0:8}\ .*\ eve\ +1\ op$ ]]
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1,"b":2}' ""
	[[ $(on laptop log d --access | head -n 1) =~ \ laptop\ +adopt\ ${b:0:8}$ ]]
	run --separate-stderr on laptop adopt d "$box" --json
	[[ $output == '{"schema":"lk.adopt/1","adopted":[{"cursor":'*'"hash":"'"$box"'",'*'"visible":true,'* ]]
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1,"b":2,"box":{"x":1}}' ""
	run --separate-stderr on laptop quarantine d
	is 0 "d: nothing is void" ""
}

@test "adopting what is not void changes nothing" {
	eve_unheard
	before=$(on laptop log d --access --json)
	a=$(on laptop log d --json | sed -n 3p | field hash)
	run --separate-stderr on laptop adopt d "$a"
	is 64 "" "lk: $a: this change counts already; lk quarantine d lists what is void"
	b=$(on laptop log d --json | sed -n 1p | field hash)
	run --separate-stderr on laptop adopt d "$b" "$a"
	is 64 "" "lk: $a: this change counts already; lk quarantine d lists what is void"
	id=$(on laptop log d --access --json | tail -n 1 | field id)
	run --separate-stderr on laptop adopt d "$id"
	is 64 "" "lk: $id: this is no change; only changes and imports are adopted; lk quarantine d lists what is void"
	run --separate-stderr on laptop adopt d 00000000
	is 66 "" "lk: 00000000: d has no such revision; lk log d lists the changes"
	run --separate-stderr on laptop adopt d
	is 64 "" "lk: adopt: something is missing; usage: lk adopt DOC CHANGE ..."
	run --separate-stderr on eve adopt d "$b"
	[ "$status" -ne 0 ]
	[ "$output" = "" ]
	[ "$(on laptop log d --access --json)" = "$before" ]
}

@test "an adopt reaches who has not got what it adopts" {
	eve_unheard
	on eve -q daemon stop
	# Zoe comes later, when these are void leftovers that nobody sends.
	device zoe
	on zoe -q accept "$(on laptop invite d --role write)"
	run --separate-stderr on zoe get d --json
	is 0 '{"a":1}' ""
	b=$(on laptop log d --json | head -n 1 | field hash)
	on laptop -q adopt d "$b"
	on laptop sync --wait --timeout 30s d
	run --separate-stderr on zoe get d --json
	is 0 '{"a":1,"b":2}' ""
	[ "$(on zoe export d --format automerge -o - | sha256sum)" = \
	    "$(on laptop export d --format automerge -o - | sha256sum)" ]
}

@test "what was written inside something void is stranded until that is adopted" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	first=$(on laptop log d --json | head -n 1 | field hash)
	device eve
	on eve -q accept "$(on laptop invite d --role write)"
	on eve set d /box '{"x":1}'
	on eve sync --wait --timeout 30s
	box=$(on laptop log d --json | head -n 1 | field hash)
	on laptop set d /box/y 2
	y=$(on laptop log d --json | head -n 1 | field hash)
	on laptop -q revoke d eve --keep "$first"
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1}' ""
	run --separate-stderr on laptop quarantine d
	[[ $output == *"
stranded: ${y:0:8} waits for ${box:0:8}; lk adopt d ${box:0:8} shows it" ]]
	run --separate-stderr on laptop quarantine d --json
	[[ $output == *'"stranded":[{"change":"'"$y"'","waits_for":"'"$box"'"}]}' ]]
	on laptop -q adopt d "${box:0:8}"
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1,"box":{"x":1,"y":2}}' ""
}

@test "an import is adopted by its last piece" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	on laptop branch d side
	device eve
	on eve -q accept "$(on laptop invite d --role write)"
	on eve branch d mine
	on eve set d/mine /b 2
	on eve set d/mine /c 3
	on eve merge d mine
	on eve sync --wait --timeout 30s d
	on laptop -q revoke d eve --keep "$(on laptop log d --json | tail -n 1 | field hash)"
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1}' ""
	run --separate-stderr on laptop quarantine d
	[[ $output == *"import  void
  by revoke of laptop, "*"
  an import: adopting it brings all of it" ]]
	on laptop -q adopt d "$(on laptop quarantine d --json | field hash)"
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1,"b":2,"c":3}' ""
}
