#!/usr/bin/env bats
# A relay's operator: accounts by invitation, and an LK_HOME that is a relay's.

load setup

@test "an LK_HOME is a device's or a relay's" {
	lk relay status
	[ "$status" -eq 78 ]
	[[ "$stderr" == *"this is no relay's home"* ]]
	lk relay init
	[ "$status" -eq 0 ]
	lk relay init
	[ "$status" -eq 73 ]
	lk init --name laptop
	[ "$status" -eq 73 ]
	[[ "$stderr" == *"this is a relay's home"* ]]
	lk new notes
	is 78 "" "lk: this is a relay's home; your documents have another LK_HOME"
	lk relay status
	[ "$status" -eq 0 ]
	[[ "$output" == *"relay://"*"accounts   0"* ]]
}

@test "who has documents makes no relay of them" {
	lk init --name laptop
	[ "$status" -eq 0 ]
	lk relay init
	[ "$status" -eq 73 ]
	[[ "$stderr" == *"there are documents here"* ]]
}

@test "the key stays when the relay is started again" {
	lk relay init
	lk relay status
	before=${lines[0]%%@*}
	lk daemon stop
	lk relay status
	[ "$before" = "${lines[0]%%@*}" ]
}

@test "an invitation is an address with something in it" {
	lk relay init
	lk --json relay invite --quota 5M --expires 1h
	[ "$status" -eq 0 ]
	[[ "$output" == *relay://*@*\?invite=*'"bytes":5242880'* ]]
	lk relay invite --quota much
	[ "$status" -eq 64 ]
	lk relay rm 1234abcd
	[ "$status" -eq 66 ]
	lk relay fetch
	[ "$status" -eq 64 ]
}

# becomes PATTERN COMMAND...: within 20 seconds what it prints matches.
becomes() {
	local until=$((SECONDS + 20)) got
	while got=$("${@:2}" 2>&1) || :; [[ ! "$got" =~ $1 ]]; do
		if [ "$SECONDS" -ge "$until" ]; then
			printf 'wanted: %s\ngot:    %s\n' "$1" "$got"
			return 1
		fi
		read -r -t 0.2 <> <(:) || :
	done
}

@test "an account is named by the digits it begins with, damaged or not" {
	on relay relay init
	device phone
	on phone -q remote add relay "$(on relay relay invite | head -n 1)"
	becomes connected on relay relay ls
	id=$(on relay relay ls | head -c 8)
	run on relay relay limit "${id:0:4}" --puts 7
	[ "$status" -eq 0 ]
	[[ "$output" == "$id may keep 1073741824 bytes and bring 7 "* ]]
	run on relay relay limit "${id:0:3}" --puts 7
	[ "$status" -eq 66 ]
	on phone -q daemon stop
	on relay -q daemon stop
	mkdir -p "$T/relay/accounts/1"
	head -c 8192 /dev/zero | tr '\0' x >"$T/relay/accounts/1/data.mdb"
	run on relay relay ls
	[[ "$output" == "$id "*damaged ]]
	on relay relay status
	run on relay relay rm "${id^^}"
	[ "$status" -eq 0 ]
	[ -z "$(on relay relay ls)" ]
}
