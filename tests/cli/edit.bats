# lk edit: what an editor changed is merged as edits.

load setup

@test "a text is edited in place" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 $'the old text\nsecond line\n'
	EDITOR='sed -i s/old/new/' lk edit notes
	is 0 "" ""
	lk get notes
	is 0 "the new text
second line" ""
	# One word went and one came.
	[[ $(on laptop log -n 1 notes) == *"    6 ops" ]]
}

@test "leaving the editor without a change writes nothing" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "no newline"
	before=$(on laptop log notes)
	EDITOR=true lk edit notes
	is 0 "" "lk: notes: unchanged"
	# As vi does.
	echo 'echo >>"$1"' >vi-like
	EDITOR="sh $T/vi-like" lk edit notes
	is 0 "" "lk: notes: unchanged"
	EDITOR=true lk -q edit notes
	is 0 "" ""
	EDITOR=true lk edit notes --json
	[ "$status" -eq 0 ]
	[[ $output =~ ^'{"schema":"lk.edit/1","doc":"'[0-9a-f]{64}'","name":"notes","changed":false,"hash":null}'$ ]]
	[ "$(on laptop log notes)" = "$before" ]
}

@test "JSON is edited in place, and types stay" {
	device laptop
	on laptop new d
	on laptop set d /a '{"b":1,"list":["x","y"]}'
	on laptop set --counter d /c 5
	on laptop set --string d /s old
	cat >editor <<-'END'
	sed -i -e 's/"old"/"new"/' -e 's/"c": 5/"c": 7/' -e 's/"y"/"y", "z"/' "$1"
	END
	EDITOR="sh $T/editor" lk edit d
	is 0 "" ""
	lk get d --typed --json
	is 0 '{"type":"map","value":{"a":{"type":"map","value":{"b":{"type":"int","value":1},"list":{"type":"list","value":[{"type":"text","value":"x"},{"type":"text","value":"y"},{"type":"text","value":"z"}]}}},"c":{"type":"counter","value":7},"s":{"type":"str","value":"new"}}}' ""
	EDITOR='sed -i s/1/2/' lk edit d /a/b
	is 0 "" ""
	lk get d /a/b
	is 0 "2" ""
}

@test "what others changed meanwhile stays" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 $'one two three\nfour\n'
	cat >editor <<-END
	LK_HOME=$LK_HOME $LK splice notes "" 4 3 TWO
	LK_HOME=$LK_HOME $LK splice notes "" 0 0 "zero "
	sed -i -e 's/three/3/' -e 's/four/4/' "\$1"
	END
	EDITOR="sh $T/editor" lk edit notes
	is 0 "" ""
	lk get notes
	is 0 "zero one TWO 3
4" ""
	on laptop new d
	on laptop set d /l '[1,2,3]'
	cat >editor <<-END
	LK_HOME=$LK_HOME $LK insert d /l/0 0
	LK_HOME=$LK_HOME $LK set d /other true
	sed -i 's/2/"two"/' "\$1"
	END
	EDITOR="sh $T/editor" lk edit d
	is 0 "" ""
	lk get d --json
	is 0 '{"l":[0,1,"two",3],"other":true}' ""
}

@test "what was typed is kept when it cannot be used" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	EDITOR='sed -i s/1/oops/' lk edit d
	[ "$status" -eq 65 ]
	[ "$output" = "" ]
	[[ ${stderr_lines[0]} == "lk: value: not valid JSON: line 2, column 8: no JSON value starts like this" ]]
	file=${stderr_lines[1]#lk: what you typed is in }
	grep -q oops "$file"
	lk get d --json
	is 0 '{"a":1}' ""
}

@test "an editor that fails changes nothing and leaves nothing" {
	device laptop
	on laptop new --type text notes
	EDITOR=false lk edit notes
	is 75 "" "lk: editor: false failed; nothing was changed"
	run compgen -G "$T/lk-edit-*"
	[ "$status" -ne 0 ]
}

@test "the file is private" {
	device laptop
	on laptop new --type text notes
	cat >editor <<-'END'
	stat -c '%a' "$(dirname "$1")" "$1"
	END
	EDITOR="sh $T/editor" lk edit notes
	is 0 "700
600" "lk: notes: unchanged"
}

@test "nothing prompts without a terminal" {
	device laptop
	on laptop new --type text notes
	run --separate-stderr "$LK" edit notes </dev/null
	is 64 "" "lk: edit: no terminal and no editor; set EDITOR, or use lk apply"
}

@test "VISUAL goes before EDITOR" {
	device laptop
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "a"
	VISUAL='sed -i s/a/visual/' EDITOR='sed -i s/a/editor/' lk edit notes
	is 0 "" ""
	lk get notes
	is 0 "visual" ""
}
