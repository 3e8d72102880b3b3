# Why something counts, or does not.

load setup

@test "a change counts by the grants it rests on, up to the document's own" {
	device laptop
	on laptop new d
	device mel
	on mel -q accept "$(on laptop invite d --role admin)"
	device eve
	on eve -q accept "$(on mel invite d --role write)"
	on eve set d /e 1
	hash=$(on eve log d --json | head -n 1 | field hash)
	on eve sync --wait --timeout 30s
	run --separate-stderr on mel why d "${hash:0:8}"
	[ "$status" -eq 0 ]
	[[ $output =~ ^${hash:0:8}\ by\ eve\ counts,\ resting\ on$'\n'\ \ eve\ +write\ \ rank\ 40001\ \ a\ device\ of\ eve\ +[0-9a-f]{8}$'\n'\ \ eve\ +write\ \ rank\ 40000\ \ granted\ by\ mel\ +[0-9a-f]{8}$'\n'\ \ mel\ +admin\ \ rank\ 2001\ +a\ device\ of\ me\ +[0-9a-f]{8}$'\n'\ \ me\ +admin\ \ rank\ 2000\ +granted\ by\ laptop\ +[0-9a-f]{8}$'\n'\ \ laptop\ +admin\ \ rank\ 1000\ +made\ the\ document\ +[0-9a-f]{8}$ ]]
	run --separate-stderr on mel why d @0 --json
	[[ $output == '{"schema":"lk.why/1","doc":"'*'"name":"d","change":{'*'"hash":"'"$hash"'",'*'"counts":true,"grants":[{"key":"'*'","role":"write","granted":"write","rank":40001,"own":true,"since":"'*'","ended_by":null,"who":"eve"},'*'"rank":1000,"own":false,'*'"who":"laptop"}]}' ]]
	run --separate-stderr on mel why d 00000000
	is 66 "" "lk: 00000000: d has no such revision; lk log d lists the changes"
}

@test "a void change says what voids it, an adopted one by whom it counts" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	device eve
	on eve -q accept "$(on laptop invite d --role write)"
	on eve set d /e 1
	on eve sync --wait --timeout 30s
	hash=$(on laptop log d --json | sed -n 1p | field hash)
	on laptop -q revoke d eve --keep @1
	id=$(on laptop log d --access --json | head -n 1 | field id)
	run --separate-stderr on laptop why d "${hash:0:8}"
	[ "$status" -eq 0 ]
	[[ $output =~ ^${hash:0:8}\ by\ eve\ is\ void:\ revoke\ ${id:0:8}\ of\ laptop,\ [a-z0-9\ ]*\;\ it\ rests\ on$'\n'\ \ eve\ +write\ \ rank\ 40001\ \ a\ device\ of\ eve\ +[0-9a-f]{8}\ \ none\ since\ ${id:0:8}$'\n'\ \ eve\ .*\ none\ since\ ${id:0:8}$'\n'\ \ laptop\ .*\ made\ the\ document\ +[0-9a-f]{8}$'\n'that\ revoke\ counts,\ resting\ on$'\n'\ \ laptop\ +admin\ \ rank\ 1000\ \ made\ the\ document\ \ [0-9a-f]{8}$ ]]
	on laptop -q adopt d "$hash"
	adopt=$(on laptop log d --access --json | head -n 1 | field id)
	run --separate-stderr on laptop why d "${hash:0:8}"
	[[ ${lines[0]} =~ ^${hash:0:8}\ by\ eve\ counts:\ adopt\ ${adopt:0:8}\ of\ laptop,\ .*,\ which\ rests\ on$ ]]
	[[ ${lines[2]} =~ ^without\ that\ it\ is\ void:\ revoke\ ${id:0:8}\ of\ laptop, ]]
	run --separate-stderr on laptop why d "${id:0:8}"
	[[ ${lines[0]} == "${id:0:8} by laptop counts, resting on" ]]
}
