# What status warns of: forks, denials undone, stranded and void content.

load setup

# shows DEVICE PATTERN: waits until its status has it.
shows() {
	for _ in {1..200}; do
		[[ $(on "$1" status) != $2 ]] || return 0
		sleep 0.1
	done
	on "$1" status >&2
	return 1
}

@test "a copied LK_HOME that is used twice is told to both, and to others" {
	device laptop
	on laptop new d
	device friend
	on friend -q accept "$(on laptop invite d --role write)"
	on laptop sync --wait --timeout 30s
	on laptop -q daemon stop
	cp -a laptop copy
	on laptop set d /x 1
	on laptop sync --wait --timeout 30s
	on laptop -q daemon stop
	# Before it hears from friend what was written since it was copied.
	on friend -q daemon stop
	on copy set d /y 2
	on friend -q daemon start
	shows friend "*
  forked: the key of laptop was used twice; lk revoke d laptop, then share with a new key*"
	shows copy "*
  forked: this device's key was used twice (a copied LK_HOME): make a new one and pair it; nothing is lost*"
	run --separate-stderr on friend get d --json
	is 0 '{"x":1,"y":2}' ""
	run --separate-stderr on friend status --json
	[[ $output == *'"forks":[{"proof":["'*'","'*'"],"who":"laptop","key":"'*'","self":false}],"undone":0,"stranded":0'* ]]
}

@test "void and stranded content, and denials undone, are in status" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	first=$(on laptop log d --json | head -n 1 | field hash)
	device mel
	on mel -q accept "$(on laptop invite d --role admin)"
	device eve
	on eve -q accept "$(on laptop invite d --role write)"
	on mel set d /box '{"x":1}'
	on laptop sync --wait --timeout 30s
	on mel sync --wait --timeout 30s
	key=$(on mel members d --json |
	    sed 's/.*"key":"\([0-9a-f]*\)",[^}]*"role":"write",[^}]*"person":true.*/\1/')
	on mel -q revoke d "${key:0:12}"
	on mel sync --wait=1 --timeout 30s
	for _ in {1..100}; do
		[[ $(on laptop members d) == *eve* ]] || break
		sleep 0.1
	done
	on laptop set d /box/y 2
	run --separate-stderr on laptop status
	[[ $output != *void* && $output != *denied* ]]
	run --separate-stderr on laptop revoke d mel --keep "$first"
	[[ $output == *"
  back: eve (write)
  denial undone: eve by mel; again: lk revoke d eve
"* ]]
	run --separate-stderr on laptop status
	[[ $output == *"
  2 void: of somebody revoked; lk quarantine d shows what, lk adopt takes it in
  1 denied by somebody revoked have access again: lk quarantine d shows who
  1 stranded inside something void: lk quarantine d shows what to adopt" ]]
	run --separate-stderr on laptop quarantine d
	[[ $output == *"  again: lk revoke d eve
"* ]]
	on laptop -q revoke d eve
	on laptop -q adopt d "$(on laptop quarantine d --json | field waits_for)"
	run --separate-stderr on laptop status
	[[ $output == *"
  1 void: of somebody revoked; lk quarantine d shows what, lk adopt takes it in" ]]
	[[ $output != *denied* && $output != *stranded* ]]
}
