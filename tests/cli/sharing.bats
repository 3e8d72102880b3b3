# Two people: invite, accept, share, members, revoke.

load setup

# Two people, friend as a writer of laptop's shopping.
two_people() {
	device laptop
	on laptop new shopping
	on laptop set --counter shopping /milk 2
	device friend
	on friend -q accept "$(on laptop invite shopping --role write)"
	on laptop sync --wait --timeout 30s
}

@test "an invitation brings a document to somebody else" {
	device laptop
	on laptop new shopping
	on laptop set --counter shopping /milk 2
	on laptop new private
	device friend
	run --separate-stderr on laptop invite shopping --role write
	[ "$status" -eq 0 ]
	[[ $output =~ ^lk1-[a-z2-7]+$ ]]
	run --separate-stderr on friend accept "$output"
	is 0 "shopping  map  write" ""
	run --separate-stderr on friend ls
	is 0 "shopping" ""
	run --separate-stderr on friend get shopping --json
	is 0 '{"milk":2}' ""
	on friend inc shopping /milk 3
	on friend sync --wait --timeout 30s
	run --separate-stderr on laptop get shopping --json
	is 0 '{"milk":5}' ""
}

@test "members names roles, and who granted them" {
	two_people
	run --separate-stderr on laptop members shopping
	[ "$status" -eq 0 ]
	[[ $output =~ laptop\ +admin\ +1000 ]]
	[[ $output =~ friend.*write\ +40000 ]]
	run --separate-stderr on laptop members shopping --json
	[[ $output == '{"schema":"lk.members/1","doc":"'*'","name":"shopping","role":"admin","members":['* ]]
	[[ $output == *'"role":"write","granted":"write","rank":40000,"own":false,"since":"'*'","ended_by":null,"person":true,'* ]]
}

@test "a reader cannot write, and is told so" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	device friend
	on friend -q accept "$(on laptop invite d --role read)"
	run --separate-stderr on friend set d /a 2
	is 77 "" "lk: d: not permitted to write: the role of this device is read; lk members d shows who may"
	run --separate-stderr on friend get d --json
	is 0 '{"a":1}' ""
	run --separate-stderr on friend invite d
	is 77 "" "lk: d: not permitted to invite: the role of this device is read; lk members d shows who may"
	run --separate-stderr on friend revoke d laptop
	[ "$status" -eq 77 ]
}

@test "a revocation says first what it would do, and then does it" {
	two_people
	on friend inc shopping /milk 3
	on friend sync --wait --timeout 30s
	run --separate-stderr on laptop revoke shopping friend --dry-run
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "friend"*" would lose shopping:" ]]
	[[ ${lines[1]} == "  can still read: everything up to now" ]]
	[[ $output == *"  cannot read: what is written from epoch "* ]]
	[[ $output == *"  edits that stay: the 1 seen here;"* ]]
	[[ $output == *"
Nothing already received can be taken back.
Nothing was done (--dry-run)." ]]
	on friend inc shopping /milk 1
	on friend sync --wait --timeout 30s
	run --separate-stderr on laptop revoke shopping friend
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "friend"*" has lost access to shopping:" ]]
	[[ $output == *"
Recorded here; lk sync --wait=all waits for everywhere." ]]
	on laptop inc shopping /milk 100
	run --separate-stderr on laptop get shopping /milk
	is 0 "106" ""
	run --separate-stderr on laptop members shopping
	[[ $output != *friend* ]]
	run --separate-stderr on laptop members --all shopping
	[[ $output == *friend* ]]
}

@test "somebody revoked hears of it, keeps what was there, and can write no more" {
	two_people
	on laptop -q revoke shopping friend
	on laptop set shopping /secret true
	run --separate-stderr on friend watch --since 0 --count 1
	[ "$status" -eq 0 ]
	for i in {1..100}; do
		run --separate-stderr on friend inc shopping /milk
		[ "$status" -eq 0 ] || break
		on friend sync --wait=1 --timeout 100ms || true
	done
	is 77 "" "lk: shopping: revoked: this device has no access any more; lk log --access shopping shows who took it away"
	run --separate-stderr on friend set shopping /x 1 --json
	refused 77 '{"error":"revoked","code":77,"message":"shopping: revoked: this device has no access any more","hint":"lk log --access shopping shows who took it away"}'
	for args in "invite shopping" "revoke shopping laptop" "sync --wait shopping"; do
		run --separate-stderr on friend $args
		refused 77 "lk: shopping: revoked: *"
	done
	run --separate-stderr on friend status --exit-code
	[ "$status" -eq 0 ]
	[[ $output == *"
shopping  map, revoked
  what is here stays, nothing more comes" ]]
	run --separate-stderr on friend sync --wait=all --timeout 20s
	is 0 "" ""
	[[ $(on friend ls -l) =~ ^shopping\ \ map\ \ revoked ]]
	run --separate-stderr on friend get shopping --json
	[[ $output != *secret* ]]
	[[ $output == '{"milk":'* ]]
	run --separate-stderr on laptop get shopping /milk
	is 0 "2" ""
}

@test "a revocation counts the edits of the one revoked, with all his devices" {
	two_people
	paired friend tablet
	on friend inc shopping /milk
	on tablet inc shopping /milk
	on tablet inc shopping /milk
	on tablet sync --wait=1 --timeout 30s
	until [ "$(on laptop get shopping /milk)" = 5 ]; do
		on friend sync --wait=1 --timeout 30s
	done
	run --separate-stderr on laptop revoke shopping friend --json
	[ "$status" -eq 0 ]
	[[ $output == *'"dry_run":false,"kept":3,"grants":3,"epoch":1,"last_admin":false,'* ]]
	on laptop set shopping /a 1
	device other
	on other -q accept "$(on laptop invite shopping --role admin)"
	run --separate-stderr on laptop revoke shopping other --dry-run
	[[ $output == *"
  cannot read: what is written from epoch 3 on, by whoever has heard of it
  edits that stay: the 0 seen here;"* ]]
	[[ $output == *"
  this device would be the only admin: without it only the recovery phrase changes who is a member
"* ]]
	run --separate-stderr on laptop get shopping /milk
	is 0 5 ""
}

@test "a downgrade leaves a role" {
	two_people
	run --separate-stderr on laptop revoke shopping friend --role read
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "friend"*" now has only read on shopping:" ]]
	run --separate-stderr on laptop members shopping
	[[ $output =~ friend.*read\ +40000 ]]
	run --separate-stderr on laptop revoke shopping friend --role admin
	is 64 "" "lk: admin: a revocation leaves less than that; roles that may remain: relay, read, write"
	run --separate-stderr on laptop revoke shopping nobody
	is 66 "" "lk: nobody: nobody here is called so; lk members shopping and lk contact ls list them"
}

@test "a contact gets another document by name" {
	two_people
	on laptop new --type text notes
	on laptop splice notes "" 0 0 "for you"
	run --separate-stderr on laptop share notes friend --role read
	[ "$status" -eq 0 ]
	[[ $output =~ ^friend.*\ may\ read\ notes$ ]]
	on laptop sync --wait --timeout 30s
	run --separate-stderr on friend get notes
	is 0 "for you" ""
	run --separate-stderr on laptop share notes stranger
	is 66 "" "lk: stranger: nobody here is called so; lk members notes and lk contact ls list them"
	run --separate-stderr on laptop share notes friend --role king
	is 64 "" "lk: king: no such role; roles are relay, read, write and admin"
}

@test "an invitation is good as often as it says" {
	device laptop
	on laptop new d
	device friend
	device other
	run --separate-stderr on laptop invite d --role relay
	is 64 "" "lk: relay: a ticket is for somebody who reads; lk share makes a relay of a contact"
	ticket=$(on laptop invite d --uses 2 --role read)
	on friend -q accept "$ticket"
	on other -q accept "$ticket"
	run --separate-stderr on other ls
	is 0 "d" ""
	device third
	run --separate-stderr on third accept "$ticket" --timeout 20s
	[ "$status" -eq 77 ]
	run --separate-stderr on third ls
	is 0 "" ""
}
