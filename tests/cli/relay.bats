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
