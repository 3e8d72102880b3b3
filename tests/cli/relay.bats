#!/usr/bin/env bats
# A relay's operator: accounts by invitation, and an LK_HOME that is a relay's.

load setup

@test "an LK_HOME is a device's or a relay's" {
	run lk relay status
	[ "$status" -eq 78 ]
	[[ "$output" == *"this is no relay's home"* ]]
	lk relay init
	run lk relay init
	[ "$status" -eq 73 ]
	run lk init --name laptop
	[ "$status" -eq 73 ]
	[[ "$output" == *"this is a relay's home"* ]]
	run lk relay status
	[ "$status" -eq 0 ]
	[[ "$output" == *"relay://"*"accounts   0"* ]]
}

@test "who has documents makes no relay of them" {
	lk init --name laptop
	run lk relay init
	[ "$status" -eq 73 ]
	[[ "$output" == *"there are documents here"* ]]
}

@test "the key stays when the relay is started again" {
	lk relay init
	before=$(lk --json relay status | jq -r '.addresses[0]' | cut -d@ -f1)
	lk daemon stop
	after=$(lk --json relay status | jq -r '.addresses[0]' | cut -d@ -f1)
	[ "$before" = "$after" ]
}

@test "an invitation is an address with something in it" {
	lk relay init
	run lk --json relay invite --quota 5M --expires 1h
	[ "$status" -eq 0 ]
	[ "$(jq -r .bytes <<<"$output")" -eq 5242880 ]
	[[ "$(jq -r '.addresses[0]' <<<"$output")" == relay://*@*\?invite=* ]]
	run lk relay invite --quota much
	[ "$status" -eq 64 ]
	run lk relay rm 1234abcd
	[ "$status" -eq 66 ]
	run lk relay fetch
	[ "$status" -eq 64 ]
}
