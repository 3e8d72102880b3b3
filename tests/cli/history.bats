# log and watch; watch.bats has --exec and --cursor.

load setup

@test "log lists the changes, newest first" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	on laptop set d /b '"two"' -m "a message"
	lk log d
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} =~ ^[0-9a-f]{8}\ \ just\ now\ {6}laptop\ {10}4\ ops\ \ a\ message$ ]]
	[[ ${lines[1]} =~ ^[0-9a-f]{8}\ \ just\ now\ {6}laptop\ {10}1\ op$ ]]
	first=${lines[0]}
	lk log -n 1 d
	is 0 "$first" ""
}

@test "log --json has full hashes, and the ones that edits reported" {
	device laptop
	on laptop new d
	hash=$(on laptop set d /a 1 --json | field hash)
	[[ $hash =~ ^[0-9a-f]{64}$ ]]
	lk log --json d
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output =~ ^'{"schema":"lk.log/1",' ]]
	[[ $output == *'"hash":"'"$hash"'"'* ]]
	[[ $output == *'"who":"laptop"'* ]]
	[[ $output == *'"ops":1,'* ]]
	[[ $output == *'"visible":true,"voided_by":null,"import":false,"kinds":["change"]'* ]]
}

@test "log --access shows what was said about members" {
	device laptop
	on laptop new d
	lk log d
	is 0 "" ""
	lk log --access d
	[ "$status" -eq 0 ]
	[[ $output =~ ^[0-9a-f]{8}\ \ just\ now\ {6}laptop\ {8}genesis$ ]]
	device friend
	on friend -q accept "$(on laptop invite d --role read)"
	on laptop -q revoke d friend
	on laptop set d /a 1
	lk log --access d
	[ "${#lines[@]}" -eq 4 ]
	[[ ${lines[0]} =~ laptop\ {10}1\ op$ ]]
	[[ ${lines[1]} =~ laptop\ {8}revoke\ friend$ ]]
	[[ ${lines[2]} =~ laptop\ {8}grant\ read\ to\ friend$ ]]
	[[ $output != *void* && $output != *never* ]]
	lk log --access --json d
	[[ ${lines[1]} == *'"visible":true,"voided_by":null,"import":false,"kinds":["revoke"],"ended":[{"who":"friend","key":"'*'","role":"none"}]}' ]]
	[[ ${lines[2]} == *'"visible":true,"voided_by":null,"import":false,"kinds":["grant"],"granted":[{"who":"friend","key":"'*'","role":"read"}]}' ]]
}

@test "a long log comes whole" {
	device laptop
	on laptop new d
	on laptop set --counter d /c 0
	for i in {1..30}; do echo '{"inc":"/c"}'; done >ops
	for i in {1..25}; do
		on laptop apply d ops
	done
	lk log d
	[ "${#lines[@]}" -eq 26 ]
	lk get d /c
	is 0 "750" ""
}

@test "watch gives every change once, and goes on where it ended" {
	device laptop
	on laptop new d
	on laptop new e
	on laptop set d /a 1
	on laptop set e /a 1
	on laptop set d /a 2
	lk watch --json --since 0 --count 3
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 3 ]
	[ "$(for l in "${lines[@]}"; do field name <<<"$l"; done | xargs)" = "d e d" ]
	cursor=$(field cursor <<<"${lines[0]}")
	rest=${lines[1]}
	lk watch --json --since "$cursor" --count 1
	is 0 "$rest" ""
	lk watch --json --since "$cursor" --count 1 d
	[ "$(field name <<<"$output")" = d ]
	lk watch --since 0 --count 2
	[[ ${lines[0]} =~ ^d\ \ [0-9a-f]{8}\ \ just\ now ]]
	lk watch --count 0
	is 0 "" ""
	lk watch --since 99999999
	is 64 "" "lk: 99999999: not a cursor of this store; cursors belong to one store"
	lk watch --since 9223372036854775807
	is 64 "" "lk: 9223372036854775807: not a cursor of this store; cursors belong to one store"
	lk watch nothing
	is 66 "" "lk: nothing: no such document; lk ls lists them"
}

@test "watch shows changes as they are made, in the order of the log" {
	device laptop
	on laptop new d
	on laptop set --counter d /c 0
	mkfifo started
	on laptop watch --json --since 0 --count 21 d >seen &
	for i in {1..20}; do
		on laptop inc d /c
	done
	wait $!
	[ "$(wc -l <seen)" -eq 21 ]
	sed 's/.*"cursor":\([0-9]*\).*/\1/' seen >cursors
	sort -n -u cursors | cmp - cursors
	sed 's/.*"hash":"\([0-9a-f]*\)".*/\1/' seen | tac >hashes
	on laptop log --json d | sed 's/.*"hash":"\([0-9a-f]*\)".*/\1/' |
	    cmp - hashes
}
