# What a revocation can be told, and what it says: --keep, --cascade, --ban,
# --soft, role changes, leave.

load setup

# laptop's document d, with mel, an admin, and eve, a writer that mel let in.
three_people() {
	device laptop
	on laptop new d
	on laptop set d /a 1
	device mel
	on mel -q accept "$(on laptop invite d --role admin)"
	device eve
	on eve -q accept "$(on mel invite d --role write)"
	on laptop sync --wait --timeout 30s
	# Laptop never met eve: her device is its name for her.
	eve=$(on laptop members d --json |
	    sed 's/.*"who":"\([0-9a-f]*\)",[^}]*"role":"write",[^}]*"person":true.*/\1/')
}

# arrives DEVICE VALUE PATH: waits until the device shows it.
arrives() {
	for _ in {1..200}; do
		[ "$(on "$1" get d "$3" 2>/dev/null)" != "$2" ] || return 0
		sleep 0.1
	done
	return 1
}

@test "--keep names the last of their work that stays" {
	three_people
	on mel set d /m 1
	on mel set d /m 2
	on mel sync --wait --timeout 30s
	rev=$(on laptop log d --json | sed -n 2p | field hash)
	run --separate-stderr on laptop revoke d mel --keep "${rev:0:8}" --dry-run
	[ "$status" -eq 0 ]
	[[ $output == "mel would lose d:
  can still read: everything up to now
  cannot read: what is written from epoch 2 on, by whoever has heard of it
  edits that stay: 1; void: 1 seen here and all not seen here, until somebody adopts them
    void  "*"  mel             1 op  void
  grants ended: 2
  added by them, and stay (--cascade: not): $eve (write)
  denials by them not seen here: undone; lk status tells when one arrives
  this device would be the only admin: without it only the recovery phrase changes who is a member
  not heard of it yet: nobody else
Nothing already received can be taken back.
Nothing was done (--dry-run)." ]]
	run --separate-stderr on laptop get d /m
	is 0 2 ""
	on laptop -q revoke d mel --keep "${rev:0:8}"
	run --separate-stderr on laptop get d /m
	is 0 1 ""
	arrives eve 1 /m
	# Later found to be earlier: nothing of hers stays.
	first=$(on laptop log d --json | tail -n 1 | field hash)
	run --separate-stderr on laptop revoke d mel --keep "$first" --json
	[[ $output == *'"kept":0,"grants":0,'*'"cut":true,"lost":[{"who":"'"$eve"'",'*'"voided":1,'* ]]
	run --separate-stderr on laptop get d --json
	is 0 '{"a":1}' ""
	run --separate-stderr on laptop revoke d mel
	is 64 "" "lk: d: they have no access already; lk members --all d shows what ended it"
	run --separate-stderr on laptop revoke d mel --keep 00000000
	is 66 "" "lk: 00000000: d has no such revision; lk log d lists the changes"
}

@test "--cascade takes whom they added, --ban keeps them out" {
	three_people
	on laptop -q revoke d mel --ban --cascade
	run --separate-stderr on laptop members d
	[[ $output != *mel* && $output != *"$eve"* ]]
	[[ $(on laptop log d --access | head -n 1) == *"laptop        revoke "*mel*", ban" ]]
	run --separate-stderr on laptop log d --access --json
	[[ ${lines[0]} == *'"kinds":["revoke","ban"],"ended":[{'*'"who":"mel",'*'"ban":true'* ]]
	# A more junior admin cannot let her in; whoever banned her can.
	device zoe
	on zoe -q accept "$(on laptop invite d --role admin)"
	key=$(on laptop members d --all --json | sed 's/.*"who":"mel","key":"\([0-9a-f]*\)".*/\1/')
	run --separate-stderr on zoe share d "${key:0:12}"
	[ "$status" -ne 0 ]
	[ "$output" = "" ]
	run --separate-stderr on laptop share d mel
	is 0 "mel may write d" ""
	run --separate-stderr on laptop revoke d mel --ban --role read
	is 64 "" "lk: read: a ban leaves nothing; ban without role"
}

@test "--soft lets an unseen denial count, until it is hardened" {
	three_people
	on laptop -q daemon stop
	on eve -q daemon stop
	on mel -q revoke d eve
	on mel -q daemon stop
	run --separate-stderr on laptop revoke d mel --soft
	[ "$status" -eq 0 ]
	[[ $output == *"
  denials by them not seen here: they count (--soft), until this is said again without --soft
"* ]]
	run --separate-stderr on laptop members d
	[[ $output == *"$eve"* ]]
	on mel -q sync
	for _ in {1..100}; do
		[[ $(on laptop members d) == *"$eve"* ]] || break
		sleep 0.1
	done
	run --separate-stderr on laptop members d
	[[ $output != *"$eve"* ]]
	run --separate-stderr on laptop revoke d mel
	[ "$status" -eq 0 ]
	[[ $output == *"
  back: $eve (write)
  denial undone: $eve by mel; again: lk revoke d $eve
"* ]]
	run --separate-stderr on laptop members d
	[[ $output == *"$eve"* ]]
	[[ $(on laptop log d --access) == *"mel           revoke $eve  void"* ]]
}

@test "nobody revokes a senior, and nothing changes" {
	three_people
	before=$(state_of mel)
	for who in laptop "recovery phrase"; do
		run --separate-stderr on mel revoke d laptop
		is 77 "" "lk: d: not permitted: only an admin of a smaller rank may; lk members d shows roles and ranks"
	done
	run --separate-stderr on eve share d mel --role admin
	[ "$status" -eq 77 ]
	run --separate-stderr on eve revoke d mel --cascade --ban --soft
	is 77 "" "lk: d: not permitted to change members: the role of this device is write; lk members d shows who may"
	[ "$(state_of mel)" = "$before" ]
}

@test "sharing again changes the role, up and down" {
	device laptop
	on laptop new d
	device friend
	on friend -q accept "$(on laptop invite d --role write)"
	run --separate-stderr on laptop share d friend --role read
	is 0 "friend may now only read d" ""
	run --separate-stderr on laptop members d
	[[ $output =~ friend\ +read ]]
	run --separate-stderr on laptop share d friend --role read
	is 73 "" "lk: d: has this role already"
	run --separate-stderr on laptop share d friend --role admin --json
	[[ $output == *'"role":"admin","had":"read","less":false}' ]]
	on laptop sync --wait --timeout 30s
	run --separate-stderr on friend set d /b 2
	[ "$status" -eq 0 ]
}

@test "leave gives up this device's access" {
	device laptop
	on laptop new d
	on laptop set d /a 1
	device friend
	on friend -q accept "$(on laptop invite d --role write)"
	paired friend tablet
	for _ in {1..100}; do
		[ "$(on tablet ls)" != d ] || break
		sleep 0.1
	done
	run --separate-stderr on friend leave d
	is 0 "this device has left d: what is here stays, nothing more comes
  your tablet has not: lk leave d there" ""
	run --separate-stderr on friend set d /a 2
	[ "$status" -eq 77 ]
	run --separate-stderr on friend leave d
	is 77 "" "lk: d: revoked: this device has no access any more; lk log --access d shows who took it away"
	run --separate-stderr on friend get d /a
	is 0 1 ""
	[[ $(on friend log d --access | head -n 1) =~ friend\ +leave$ ]]
	run --separate-stderr on laptop leave d
	is 0 "this device has left d: what is here stays, nothing more comes
  nobody is left who can change members, but the recovery phrase" ""
}

@test "members says who granted what, where it stands, and what ended it" {
	three_people
	ago='(just now|[0-9]+ s ago)'
	on laptop -q revoke d mel
	id=$(on laptop log d --access --json | head -n 1 | field id)
	run --separate-stderr on laptop members d --all
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^WHO\ +ROLE\ +RANK\ +BY\ +SINCE\ +GRANT\ +ACKNOWLEDGED\ \ ENDED$ ]]
	[[ ${lines[1]} =~ ^laptop\ +admin\ \ 1000\ +$ago\ +[0-9a-f]{8}\ \ this\ device$ ]]
	[[ ${lines[2]} =~ ^recovery\ phrase\ \ admin\ \ 0\ +$ago\ +[0-9a-f]{8}$ ]]
	[[ ${lines[3]} =~ ^mel\ +none\ +2000\ +laptop\ +$ago\ +[0-9a-f]{8}\ +revoke\ ${id:0:8}\ of\ laptop$ ]]
	[[ ${lines[4]} =~ ^\ \ mel\ +none\ +2001\ +mel\ +$ago\ +[0-9a-f]{8}\ +revoke\ ${id:0:8}\ of\ laptop$ ]]
	[[ ${lines[5]} =~ ^$eve\ +write\ \ 40000\ \ mel\ +$ago\ +[0-9a-f]{8}$ ]]
	[[ ${lines[6]} =~ ^\ \ [0-9a-f]{8}\ +write\ \ 40001\ \ $eve\ +$ago\ +[0-9a-f]{8}\ \ (synced|pending) ]]
	run --separate-stderr on laptop members d --all --json
	[[ $output == *'"who":"mel","key":"'*'","role":"none","granted":"admin","rank":2000,"own":false,"since":"'*'","ended_by":"'"$id"'","person":true,"self":false,"by":"laptop","granted_at":"'*'","ended":{"id":"'"$id"'","kind":"revoke","received":"'*'","who":"laptop"},"acknowledged":null,"by_guardians":false}'* ]]
}
