# The devices of one person: shown, renamed, revoked.

load setup

# has_state DEVICE DOCUMENT WORD: waits until ls -l there says so.
has_state() {
	local i
	for i in {1..150}; do
		[[ $(on "$1" ls -l) =~ $2\ .*$3 ]] && return
		on "$1" sync --wait=1 --timeout 100ms 2>/dev/null || true
	done
	on "$1" ls -l >&2
	return 1
}

@test "a device is shown with its documents, and renamed for all" {
	device laptop
	on laptop new d
	paired laptop phone
	run --separate-stderr on laptop device show phone
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^phone\ \ [0-9a-f]{64}\ \ rank\ 1001,\ added\ .*\ by\ laptop$ ]]
	[ "${lines[1]}" = "  d" ]
	run --separate-stderr on laptop device rename phone pocket
	is 0 "" ""
	on laptop sync --wait --timeout 30s
	run --separate-stderr on phone device show pocket --json
	[[ $output == *'"name":"pocket"'*'"self":true'*'"by":"laptop","revoked":false,'* ]]
	run --separate-stderr on phone status
	[[ ${lines[0]} == "pocket  device "* ]]
	run --separate-stderr on laptop device rename pocket laptop
	refused 73 "lk: laptop: a device of this name"
	run --separate-stderr on laptop device rename pocket a/b
	refused 65 "lk: a/b: not a name *"
	run --separate-stderr on laptop device show nobody
	is 66 "" "lk: nobody: no device of yours; lk device ls lists yours"
	run --separate-stderr on laptop device revoke --since yesterday pocket
	refused 66 "lk: yesterday: no time, and no change by pocket; *"
	run --separate-stderr on laptop device ls --since 2026-01-01
	[ "$status" -eq 64 ]
}

@test "a revoked device leaves every document in one command" {
	device laptop
	for d in a b c; do
		on laptop new $d
		on laptop set $d /x 1
	done
	paired laptop phone
	on phone set a /phone 1
	on phone sync --wait --timeout 30s
	on phone daemon stop
	run --separate-stderr on laptop device revoke phone
	is 0 "phone is no device of yours any more.
Nothing it has received can be taken back.
Recorded here; lk sync --wait=all waits for everywhere." ""
	for d in a b c; do
		on laptop set $d /secret 1
		run --separate-stderr on laptop members $d
		[[ $output != *phone* ]]
	done
	# What it had written stays; what it slips in now does not count.
	run --separate-stderr on laptop get a /phone
	is 0 1 ""
	on phone daemon start
	has_state phone a revoked
	has_state phone b revoked
	has_state phone c revoked
	run --separate-stderr on phone set a /x 2
	refused 77 "lk: a: revoked: *"
	run --separate-stderr on phone get a --json
	[[ $output != *secret* ]]
	# It says so of itself, whatever would be written of it elsewhere.
	run --separate-stderr on phone device ls
	[[ $output =~ phone\ +[0-9a-f]{8}\ +.*this\ device,\ revoked$ ]]
	run --separate-stderr on phone new mine
	is 77 "" "lk: this device was revoked, and is none of its person's any more"
	run --separate-stderr on phone mirror add work
	is 77 "" "lk: this device was revoked, and is none of its person's any more"
	[ ! -e work ]
	device friend
	on friend new theirs
	run --separate-stderr on phone accept "$(on friend invite theirs)"
	is 77 "" "lk: this device was revoked, and is none of its person's any more"
	[ "$(on phone ls)" = "a
b
c" ]
	# It gets nothing new, and cannot add devices.
	on laptop new later
	device thief
	run --separate-stderr on thief pair "$(on phone pair --ticket)" --timeout 1s
	[ "$status" -ne 0 ]
	run --separate-stderr on phone ls
	[[ $output != *later* ]]
	run --separate-stderr on laptop device ls
	[[ $output =~ phone\ +[0-9a-f]{8}\ +.*revoked ]]
	run --separate-stderr on laptop device revoke phone
	is 73 "" "lk: phone: it was revoked before"
}

@test "only a more senior device revokes another" {
	device laptop
	paired laptop phone
	paired laptop tablet
	on laptop sync --wait --timeout 30s
	run --separate-stderr on phone device revoke laptop
	is 77 "" "lk: laptop: not permitted: only a more senior device may; lk device ls --json shows ranks: a smaller one may, and --phrase"
	run --separate-stderr on phone device revoke tablet
	refused 77 "lk: tablet: not permitted: only a more senior device may; *"
	run --separate-stderr on laptop device revoke laptop
	is 77 "" "lk: laptop: not permitted: a device does not revoke itself; revoke it from another device of yours"
}

@test "a device that another had added stays, and is named" {
	device laptop
	on laptop new d
	paired laptop phone
	paired phone tablet
	on tablet sync --wait --timeout 30s
	on laptop sync --wait --timeout 30s
	run --separate-stderr on laptop device revoke phone
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = "tablet was added by it, and stays: lk device revoke, if that was not you." ]
	on phone daemon stop
	on laptop set d /x 1
	on laptop sync --wait=1 --timeout 30s
	run --separate-stderr on tablet get d /x
	is 0 1 ""
	# Its certificate leads to the person without the one that is gone.
	run --separate-stderr on laptop device show tablet
	[[ ${lines[0]} == *" rank 1002, "*" by laptop" ]]
	device friend
	on tablet new shared
	on friend -q accept "$(on tablet invite shared)"
	run --separate-stderr on laptop device revoke tablet
	[ "$status" -eq 3 ]
}

@test "what a stolen device did from a moment on does not stay" {
	device laptop
	on laptop new d
	paired laptop phone
	on phone set d /good 1
	on phone sync --wait --timeout 30s
	bad=$(on phone set d /bad 1 --json | field hash)
	on phone set d /worse 1
	on phone sync --wait --timeout 30s
	[ "$(on laptop get d --json)" = '{"bad":1,"good":1,"worse":1}' ]
	run --separate-stderr on laptop device revoke phone --since "${bad:0:8}"
	[ "$status" -eq 0 ]
	run --separate-stderr on laptop get d --json
	is 0 '{"good":1}' ""
}

@test "a junior device's own documents are named; a third device ends it in its own" {
	device laptop
	paired laptop phone
	paired laptop tablet
	on phone new mine
	on tablet new theirs
	on phone sync --wait --timeout 30s
	on tablet sync --wait --timeout 30s
	on laptop sync --wait --timeout 30s
	run --separate-stderr on laptop device revoke phone
	[ "$status" -eq 3 ]
	[[ $output == *"
Documents it made, or was given by others, keep it:
  mine
  theirs" ]]
	[ "$stderr" = "lk: phone: in 2 documents this device may not revoke it; an admin above it there may: lk revoke DOC DEVICE; or the recovery phrase: --phrase" ]
	# The tablet made it, hears of the revocation and does its part.
	for i in {1..150}; do
		on tablet sync --wait=1 --timeout 100ms 2>/dev/null || true
		[[ $(on tablet members theirs) == *phone* ]] || break
	done
	run --separate-stderr on tablet members theirs
	[[ $output != *phone* ]]
}

@test "a person's senior device throws a junior one out of others' documents" {
	device friend
	on friend new shared
	device laptop
	paired laptop phone
	on laptop sync --wait --timeout 30s
	on laptop -q accept "$(on friend invite shared --role write)"
	on laptop sync --wait --timeout 30s
	run --separate-stderr on friend members shared
	[[ $output == *"(${phone:-}"* ]]
	[ "$(on friend members shared --json | grep -o '"own":true' | wc -l)" -eq 2 ]
	run --separate-stderr on laptop device revoke phone
	is 0 "phone is no device of yours any more.
Nothing it has received can be taken back.
Recorded here; lk sync --wait=all waits for everywhere." ""
	on phone daemon stop
	on laptop sync --wait --timeout 30s
	[ "$(on friend members shared --json | grep -o '"own":true' | wc -l)" -eq 1 ]
}

@test "a revocation interrupted by a crash goes on" {
	device laptop
	for i in {1..70}; do
		on laptop new d$i
	done
	paired laptop phone
	on phone daemon stop
	on laptop device revoke phone >out 2>err &
	for i in {1..200}; do
		[[ $(on laptop device ls 2>/dev/null) == *revoked* ]] && break
	done
	kill -9 "$(cat laptop/lock)"
	wait $! || true
	on laptop daemon start
	for i in {1..200}; do
		[[ $(on laptop device show phone) == *"no documents"* ]] && break
	done
	run --separate-stderr on laptop device show phone
	[ "${lines[1]}" = "  no documents" ]
}

@test "contacts hear that a device is gone, and share with it no more" {
	device laptop
	paired laptop phone
	device friend
	on laptop new d
	on friend -q accept "$(on laptop invite d)"
	on laptop sync --wait --timeout 30s
	[[ $(on friend contact ls --json) == *'"devices":2'* ]]
	on laptop -q device revoke phone
	# It is said when the two meet the next time.
	on friend daemon stop
	on friend daemon start
	for i in {1..150}; do
		[[ $(on friend contact ls --json) == *'"devices":1'* ]] && break
		on friend sync --wait=1 --timeout 100ms 2>/dev/null || true
	done
	[[ $(on friend contact ls --json) == *'"devices":1'* ]]
	on friend new e
	on friend -q share e laptop
	[[ $(on friend members e --json | grep -o '"own":true' | wc -l) -eq 1 ]]
}

@test "lists of devices, people and peers are in the order of their names" {
	device phone
	on phone new d
	paired phone laptop
	paired phone attic
	for name in zoe bob; do
		device "$name"
		on "$name" accept "$(on phone invite d)"
	done
	run --separate-stderr on phone device ls --json
	[ "$(jq -r '[.devices[].name] | join(" ")' <<<"$output")" = "attic laptop phone" ]
	run --separate-stderr on phone contact ls --json
	[ "$(jq -r '[.contacts[].name] | join(" ")' <<<"$output")" = "bob zoe" ]
	run --separate-stderr on phone peers --json
	jq -e '[.peers[].who] | . == sort and length >= 4' <<<"$output"
}
