# Backups that are not wanted any more: which go, and what becomes of the room.

load setup
load backup

# times: those of the backups in dest, one in a line.
times() {
	on laptop backup ls dest | awk '{ print $2 }' | sed 's/:00\.000Z$//; s/:00Z$//'
}

# forgets KEEP...: of the backups in all, with these rules, goes everything but
# those of standard input.
forgets() {
	rm -rf dest
	cp -r all dest
	run --separate-stderr on laptop backup forget dest "$@"
	[ "$status" -eq 0 ] || { echo "$status: $stderr"; return 1; }
	diff <(times) -
}

@test "the last backup of each period is kept, for as many periods as are asked for" {
	device laptop
	mkdir -p dest/lk1
	snapshots a 2025-12-31T23:00+00:00 2026-01-01T01:00+00:00 2026-02-27T10:00+00:00 2026-03-01T08:00+00:00 \
		2026-03-01T20:00+00:00 2026-03-02T07:00+00:00 2026-03-02T07:30+00:00 2026-03-03T12:00+00:00 >/dev/null
	mv dest all
	forgets --keep-last 2 <<-'X'
		2026-03-02T07:30
		2026-03-03T12:00
	X
	forgets --keep-daily 3 <<-'X'
		2026-03-01T20:00
		2026-03-02T07:30
		2026-03-03T12:00
	X
	# The 1st of March was a Sunday, and so the end of a week.
	forgets --keep-weekly 2 <<-'X'
		2026-03-01T20:00
		2026-03-03T12:00
	X
	forgets --keep-monthly 9 <<-'X'
		2025-12-31T23:00
		2026-01-01T01:00
		2026-02-27T10:00
		2026-03-03T12:00
	X
	forgets --keep-yearly 2 --keep-hourly 2 <<-'X'
		2025-12-31T23:00
		2026-03-02T07:30
		2026-03-03T12:00
	X
	# Where the year ends later there is one backup in it less.
	TZ=America/New_York forgets --keep-yearly 2 <<-'X'
		2026-01-01T01:00
		2026-03-03T12:00
	X
}

@test "the rules go by each machine, and never take the newest one of any" {
	device laptop
	mkdir -p dest/lk1
	snapshots a 2026-03-01T08:00+00:00 2026-03-02T08:00+00:00 >/dev/null
	snapshots b 2024-01-01T08:00+00:00 2024-01-02T08:00+00:00 >/dev/null
	printf 'x' >dest/lk1/backup/snap/000000000000-"$(printf '%064d' 7)"
	run --separate-stderr on laptop backup forget dest --keep-yearly 1 --dry-run
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 5 ]
	[[ ${lines[0]} == 00000000*"damaged: stays unless it is named" ]]
	[[ ${lines[1]} == *2024-01-01*"would be forgotten" ]]
	[[ ${lines[2]} == *2024-01-02*"kept: yearly" ]]
	[ "$(times | wc -l)" -eq 5 ]
	run --separate-stderr on laptop backup forget dest --keep-yearly 1 --json
	[ "$status" -eq 0 ]
	[[ $output == *'"reasons":["yearly"]'* ]]
	[ "$(times | wc -l)" -eq 3 ]
	# Once more there is nothing to do, and nothing is said with -q.
	run --separate-stderr on laptop -q backup forget dest --keep-last 1
	is 0 "" ""
	[ "$(times | wc -l)" -eq 3 ]
	# By its name any goes, what is damaged too.
	id=$(on laptop backup ls dest | awk '/2024-01-02/ { print $1 }')
	run --separate-stderr on laptop backup forget dest "$id" 0000
	is 0 "$id  2024-01-02T08:00:00.000Z  forgotten
00000000                            forgotten" ""
	times | diff - <(echo 2026-03-02T08:00)
}

@test "a backup of a time to come ends no others, and is not the newest" {
	person other
	first=$(backup laptop)
	on laptop set plan /x 2
	second=$(backup laptop)
	ahead=$(snapshots a "$(date -d '10 years' -Is)")
	snapshots a 2024-01-01T08:00+00:00 2024-01-02T08:00+00:00 "$(date -d '20 hours' -Is)" >/dev/null
	run --separate-stderr on laptop backup forget dest --keep-last 1 --dry-run --json
	[ "$status" -eq 0 ]
	[ "$(grep -o '"ahead":true' <<<"$output" | wc -l)" -eq 1 ]
	run --separate-stderr on laptop backup forget dest --keep-last 1
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 6 ]
	[[ ${lines[0]} == *2024-01-01*"forgotten" ]]
	[[ ${lines[1]} == *2024-01-02*"forgotten" ]]
	[[ ${lines[2]} == "${first:0:8}"*"forgotten" ]]
	[[ ${lines[3]} == "${second:0:8}"*"kept: last" ]]
	# A clock that is a little wrong is none that is.
	[[ ${lines[4]} == *"kept: last" ]]
	[[ ${lines[5]} == "${ahead:0:8}"*"of a time to come: stays unless it is named" ]]
	[ "$(times | wc -l)" -eq 3 ]
	run --separate-stderr on laptop backup forget dest "$ahead"
	[ "$status" -eq 0 ]
	[ "$(times | wc -l)" -eq 2 ]
}

@test "the newest that is restored is none of a time to come" {
	person other
	backup laptop >/dev/null
	# As the newest of all it would be damaged for who restores.
	printf x >dest/lk1/backup/snap/"$(printf %012x "$(date -d '10 years' +%s000)")-$(printf '%064d' 7)"
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh get plan --json
	is 0 '{"x":1}' ""
}

@test "what is forgotten is named, and what is not there is said" {
	person other
	first=$(backup laptop)
	on laptop set plan /x 2
	second=$(backup laptop)
	run --separate-stderr on laptop backup forget dest
	refused 64 "lk: backup: name backups, or say which to keep, *"
	run --separate-stderr on laptop backup forget dest "$first" --keep-last 1
	refused 64 "lk: backup: either name backups or say which to keep*"
	run --separate-stderr on laptop backup forget dest abc
	refused 64 "lk: abc: 4 digits of a backup are needed"
	run --separate-stderr on laptop backup forget dest ffff0000
	refused 66 "lk: *dest: no backup ffff0000 there"
	run --separate-stderr on laptop backup forget dest "${first:0:8}" --dry-run --json
	[ "$status" -eq 0 ]
	[ "$(on laptop backup ls dest | wc -l)" -eq 2 ]
	run --separate-stderr on laptop backup forget dest "${first:0:8}" --json
	[ "$status" -eq 0 ]
	[[ $output == *"\"snapshot\":\"$first\""* ]]
	run --separate-stderr on laptop backup forget dest "$first"
	[ "$status" -eq 66 ]
	run --separate-stderr on laptop backup ls dest
	[[ ${#lines[@]} -eq 1 && $output == ${second:0:8}* ]]
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh get plan --json
	is 0 '{"x":2}' ""
}

@test "a bucket's backups are forgotten like a folder's" {
	bucket
	person other
	first=$(backup laptop "$bucket")
	on laptop set plan /x 2
	second=$(backup laptop "$bucket")
	run --separate-stderr on laptop backup forget "$bucket" --keep-last 1
	[ "$status" -eq 0 ]
	run --separate-stderr on laptop backup ls "$bucket"
	[[ ${#lines[@]} -eq 1 && $output == ${second:0:8}* ]]
	run --separate-stderr on fresh backup restore "$bucket" --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	bucket_end
}

@test "where backups can only be added nothing is forgotten" {
	bucket --append-only
	person other
	first=$(backup laptop "$bucket")
	on laptop set plan /x 2
	backup laptop "$bucket"
	backup laptop
	backup laptop
	: >dest/lk1/backup/append-only
	on laptop backup ls "$bucket" >before
	run --separate-stderr on laptop backup forget "$bucket" "$first"
	refused 77 "lk: s3:*: backups can only be added here: *"
	run --separate-stderr on laptop backup forget "$bucket" --keep-last 1
	refused 77 "lk: s3:*: backups can only be added here: *"
	on laptop backup ls "$bucket" | diff before -
	for how in "" --dry-run; do
		run --separate-stderr on laptop backup forget dest --keep-last 1 $how
		refused 77 "lk: *dest: backups can only be added here: there is an object lk1/backup/append-only; *"
	done
	[ "$(on laptop backup ls dest | wc -l)" -eq 2 ]
	rm dest/lk1/backup/append-only
	run --separate-stderr on laptop backup forget dest --keep-last 1
	[ "$status" -eq 0 ]
	bucket_end
}
