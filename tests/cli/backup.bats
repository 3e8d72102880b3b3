# Backups: made, listed, checked, and had back on an empty machine.

load setup
load backup

# objects: how many there are in dest.
objects() {
	find dest -type f | wc -l
}

@test "a backup comes back on an empty machine: the same bytes, the same members, another device" {
	kinds
	device ann
	on ann accept "$(on laptop invite plan)" >/dev/null
	on ann set plan /ann true
	on ann sync --wait --timeout 30s >/dev/null
	on laptop sync --wait --timeout 30s >/dev/null
	old=$(on laptop key show --json | field device)
	run --separate-stderr on laptop backup create dest
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ $output =~ ^[0-9a-f]{8}:\ 3\ documents,\ .*B\;\ added\ .*B$ ]]
	for d in plan things notes; do
		on laptop export "$d" -o "$d.1.automerge"
		on laptop log "$d" --json | sed 's/"received":"[^"]*"//g' >"$d.1.log"
	done
	on laptop members plan --json >members.1
	on laptop daemon stop
	rm -rf laptop
	run --separate-stderr on fresh backup restore dest --name fresh <phrase
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ ${lines[0]} =~ ^This\ device\ is\ called\ fresh,\ id\ [0-9a-f]{8}\;\ 3\ documents\ are\ here,\ as\ of\  ]]
	[[ ${lines[1]} == "It has the place of the device that made the backup, ${old:0:8}, which is revoked." ]]
	for d in plan things notes; do
		on fresh export "$d" -o "$d.2.automerge"
		cmp "$d.1.automerge" "$d.2.automerge"
		on fresh log "$d" --json | sed 's/"received":"[^"]*"//g' >"$d.2.log"
		# What the old device did is called after it, and no more is there.
		diff <(grep -o '"hash":"[^"]*"' "$d.1.log") <(grep -o '"hash":"[^"]*"' "$d.2.log")
	done
	new=$(on fresh key show --json | field device)
	[ "$new" != "$old" ]
	run --separate-stderr on fresh members plan
	[[ $output == *ann* ]]
	[[ $output =~ (^|$'\n')fresh\ +admin\ +1000 ]]
	[[ ! $output =~ (^|$'\n')laptop\ +admin ]]
	run --separate-stderr on fresh device ls
	[[ $output =~ laptop\ +${old:0:8}.*revoked ]]
	# It writes, and ann hears it; the old device is out for her as well.
	on fresh set --string plan /back yes
	mkdir stick
	on ann remote add stick "file://$T/stick" >/dev/null
	on fresh remote add stick "file://$T/stick" >/dev/null
	until_ sh -c "LK_HOME=$T/ann '$LK' get plan --json | grep -q back"
	run --separate-stderr on ann members plan --json
	[[ $output == *$new* ]]
	[[ $output != *$old* ]]
}

@test "what is there already is not written again; a changed disk is" {
	kinds
	first=$(backup laptop)
	n=$(objects)
	[ "$n" -eq 3 ]
	run --separate-stderr on laptop backup create dest --json
	[ "$(field objects <<<"$output")" -eq 1 ]
	[ "$(objects)" -eq 4 ]
	on laptop set plan /x 3
	run --separate-stderr on laptop backup create dest --json
	[ "$(field objects <<<"$output")" -eq 2 ]
	on laptop new other
	run --separate-stderr on laptop backup create dest --json
	[ "$(field objects <<<"$output")" -eq 3 ]
	run --separate-stderr on laptop backup ls dest
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 4 ]
	[[ ${lines[0]} == "${first:0:8}  "*"  laptop" ]]
	# Another stick under the same name: everything is written.
	mv dest kept
	mkdir -p dest/lk1
	run --separate-stderr on laptop backup create dest --json
	[ "$(field objects <<<"$output")" -eq 3 ]
	run --separate-stderr on laptop backup check dest <phrase
	[ "$status" -eq 0 ]
	[[ $output =~ ^1\ backup,\ [0-9]+\ objects,\ .*:\ good$ ]]
	run --separate-stderr on laptop backup check kept --sealed
	[ "$status" -eq 0 ]
	[[ $output =~ ^4\ backups,\ .*not\ opened$ ]]
	mkdir empty
	run --separate-stderr on laptop backup ls empty
	refused 66 "lk: file://*/empty: no backup there; *"
	# A disk that is not mounted is not filled.
	rm -r dest/lk1
	run --separate-stderr on laptop backup create dest
	refused 66 "lk: */dest/lk1: not there, and backups were made here before; *"
	[ ! -e dest/lk1 ]
}

@test "check finds what is damaged or missing and names the documents" {
	kinds
	backup laptop >/dev/null
	on laptop new late
	backup laptop >/dev/null
	cp -r dest good
	for f in $(cd dest && find . -type f); do
		size=$(stat -c %s "dest/$f")
		printf '\377' | dd of="dest/$f" bs=1 seek=$((size / 2)) conv=notrunc status=none
		if cmp -s "dest/$f" "good/$f"; then
			printf '\0' | dd of="dest/$f" bs=1 seek=$((size / 2)) conv=notrunc status=none
		fi
		run --separate-stderr on laptop backup check dest --phrase-file phrase
		[ "$status" -eq 65 ]
		[[ $stderr == "lk: dest: 1 object is damaged; "* ]]
		[[ $output == *"document "* ]]
		[[ $output == *"in backup "* ]]
		run --separate-stderr on laptop backup check dest --sealed
		[ "$status" -eq 65 ]
		cp "good/$f" "dest/$f"
		if [[ $f == */data/* ]]; then
			rm "dest/$f"
			run --separate-stderr on laptop backup check dest --phrase-file phrase --json
			[ "$status" -eq 65 ]
			[[ $output == *'"why":"it is not there"'*'"name":"'* ]]
			cp "good/$f" "dest/$f"
		fi
	done
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
	# With one backup alone a list that is damaged is the only one of its kind.
	rm -r dest/lk1/backup/snap dest/lk1/backup/data
	on laptop backup create dest >/dev/null
	for f in dest/lk1/backup/data/*; do
		printf '\377' | dd of="$f" bs=1 seek=0 conv=notrunc status=none
		run --separate-stderr on laptop backup check dest --phrase-file phrase
		[ "$status" -eq 65 ]
		[[ $output == *"document late"* && $output == *"document notes"* ]]
		run --separate-stderr on ann backup check dest --phrase-file phrase
		[ "$status" -eq 65 ]
		[ "$(grep -c '  document ' <<<"$output")" -eq 5 ]
		printf 'L' | dd of="$f" bs=1 seek=0 conv=notrunc status=none
	done
	# What is removed for it the next one has again.
	printf '\377' | dd of="$f" bs=1 seek=0 conv=notrunc status=none
	[ "$(on laptop backup create dest --json | field objects)" -eq 1 ]
	rm "$f"
	[ "$(on laptop backup create dest --json | field objects)" -eq 2 ]
	on laptop -q backup forget dest --keep-last 1
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
}

@test "who has another phrase, a used home or no backup is told so, and nothing is changed" {
	kinds
	backup laptop >/dev/null
	on ann init --name ann --quiet >other
	run --separate-stderr on fresh backup restore dest --phrase-file other
	refused 77 "lk: *dest: the phrase of somebody else"
	run --separate-stderr on fresh ls
	refused 78 "lk: *no identity here*"
	run --separate-stderr on ann backup restore dest --phrase-file phrase
	refused 73 "lk: init: there is an identity here; *"
	mkdir empty
	run --separate-stderr on fresh backup restore empty --phrase-file phrase
	[ "$status" -eq 66 ]
	mkdir empty/lk1
	run --separate-stderr on fresh backup restore empty --phrase-file phrase
	refused 66 "lk: *empty: no backup there"
	run --separate-stderr on fresh backup check empty --sealed
	refused 66 "lk: *empty: no backup there"
	run --separate-stderr on fresh backup restore nowhere --phrase-file phrase
	refused 66 "lk: nowhere: No such file or directory; *"
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --snapshot ffff
	refused 66 "lk: *dest: no backup ffff there"
	# The same place still takes in the right one.
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh ls
	is 0 $'notes\nplan\nthings' ""
	lk backup frob dest
	refused 64 "lk: backup: frob: expected create, ls, check, diff, forget, key, prune or restore; *"
}

@test "an older backup is had with --snapshot" {
	kinds
	first=$(backup laptop)
	on laptop set plan /x 9
	second=$(backup laptop)
	run --separate-stderr on old backup restore dest --phrase-file phrase --snapshot "${first:0:8}" --name old
	[ "$status" -eq 0 ]
	run --separate-stderr on old get plan --json
	is 0 '{"x":1}' ""
	run --separate-stderr on new backup restore dest --phrase-file phrase --snapshot "$second" --name new
	[ "$status" -eq 0 ]
	run --separate-stderr on new get plan --json
	is 0 '{"x":9}' ""
}

@test "a backup under another time than its own is damaged, wherever it is read" {
	kinds
	name=$(backup laptop)
	mv dest/lk1/backup/snap/*"$name" "dest/lk1/backup/snap/0fffffffffff-$name"
	run --separate-stderr on laptop backup check dest --sealed
	[ "$status" -eq 65 ]
	[[ $output == *"its time is not that of its name"* ]]
	run --separate-stderr on laptop backup ls dest
	[ "$status" -eq 0 ]
	[[ $output == *"its time is not that of its name" ]]
	run --separate-stderr on fresh backup restore dest --phrase-file phrase
	refused 65 "lk: *its time is not that of its name*"
}

@test "two machines back up to one place at once" {
	kinds
	paired laptop phone
	until_ on phone get notes
	for i in 1 2 3; do
		on laptop set plan "/l$i" "$i"
		on phone set plan "/p$i" "$i"
		on laptop backup create dest --json >l.json &
		on phone backup create dest --json >p.json
		wait %+
		[ "$(field documents <l.json)" -eq 3 ]
		[ "$(field documents <p.json)" -eq 3 ]
	done
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
	[[ $output =~ ^6\ backups ]]
	run --separate-stderr on laptop backup ls dest
	[ "$(grep -c '  phone$' <<<"$output")" -eq 3 ]
	[ "$(grep -c '  laptop$' <<<"$output")" -eq 3 ]
}

@test "of two machines' backups one has to be named, and other people's are passed over" {
	kinds
	first=$(backup laptop)
	on ann init --name ann --quiet >other
	on ann new hers
	backup ann >/dev/null
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
	[[ $output == *": good; 3 of the objects sealed to another key" ]]
	on third init --name third --quiet >third.phrase
	run --separate-stderr on laptop backup check dest --phrase-file third.phrase
	refused 77 "lk: *dest: the phrase of somebody else"
	run --separate-stderr on one backup restore dest --phrase-file phrase --name one
	[ "$status" -eq 0 ]
	backup one >/dev/null
	run --separate-stderr on two backup restore dest --phrase-file phrase --name two
	refused 64 "lk: *dest: backups of 2 machines: one *, laptop * ${first:0:8}; *--snapshot*"
	run --separate-stderr on two ls
	refused 78 "lk: *no identity here*"
	run --separate-stderr on two backup restore dest --phrase-file phrase --name two --snapshot "${first:0:8}"
	[ "$status" -eq 0 ]
	run --separate-stderr on hers backup restore dest --phrase-file other --name hers
	[ "$status" -eq 0 ]
	run --separate-stderr on hers ls
	is 0 hers ""
}

@test "a damaged backup takes no place unless --partial says so, and goes on when it is whole again" {
	kinds
	first=$(backup laptop)
	before=$(ls dest/lk1/backup/data)
	on laptop set plan /x 7
	second=$(backup laptop)
	cp -r dest good
	for f in $(ls dest/lk1/backup/data); do
		grep -q "$f" <<<"$before" || rm "dest/lk1/backup/data/$f"
	done
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --name fresh
	refused 65 "lk: *dest: 1 objects damaged or missing, * documents not whole: *plan*; *--partial*"
	run --separate-stderr on fresh ls
	refused 78 "lk: *no identity here*"
	# With another one it does not go on.
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --snapshot "$first"
	refused 73 "lk: *backup ${second:0:8} is half restored here*"
	cp good/lk1/backup/data/* dest/lk1/backup/data/
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh get plan --json
	is 0 '{"x":7}' ""
	for f in $(ls dest/lk1/backup/data); do
		grep -q "$f" <<<"$before" || printf x | dd of="dest/lk1/backup/data/$f" bs=1 seek=99 conv=notrunc status=none
	done
	run --separate-stderr on part backup restore dest --phrase-file phrase --name part
	[ "$status" -eq 65 ]
	run --separate-stderr on part backup restore dest --phrase-file phrase --name part --partial
	[ "$status" -eq 3 ]
	run --separate-stderr on part get plan --json
	is 0 '{"x":1}' ""
}

@test "a repository of version 1 is read for ever" {
	v1=$BATS_TEST_DIRNAME/../data/backup/v1
	cp -r "$v1" v1
	diff <(read_ v1 v1/phrase) v1/reader
	run --separate-stderr on fresh backup check v1 --phrase-file v1/phrase
	[ "$status" -eq 0 ]
	[[ $output =~ ^2\ backups,\ .*:\ good$ ]]
	run --separate-stderr on fresh backup restore v1 --phrase-file v1/phrase --name fresh
	[ "$status" -eq 0 ]
	while read -r name json; do
		run --separate-stderr on fresh get "$name" --json
		is 0 "$json" ""
	done <v1/documents
	[ "$(on fresh ls | wc -l)" -eq "$(wc -l <v1/documents)" ]
}

@test "another program reads what is in a backup from its description" {
	kinds
	backup laptop >/dev/null
	on laptop set plan --string /late 'written-later'
	backup laptop >/dev/null
	run read_ dest phrase
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "laptop "* ]]
	for d in notes plan things; do
		n=$(on laptop log "$d" --access --json | grep -o '"id":"' | wc -l)
		[[ $output == *$'\n'"$d "*" $n "* ]]
	done
	read_ dest phrase --text | grep -a written-later
	printf 'x' | dd of="$(find dest/lk1/backup/snap -type f | tail -n 1)" bs=1 seek=200 conv=notrunc status=none
	on ann init --name ann --quiet >other
	run read_ dest other
	[ "$status" -ne 0 ]
}

@test "a bucket keeps backups as a folder does" {
	bucket
	kinds
	run --separate-stderr on laptop backup create "$bucket"
	[ "$status" -eq 0 ]
	on laptop set plan /x 3
	run --separate-stderr on laptop backup create "$bucket" --json
	[ "$(field objects <<<"$output")" -eq 2 ]
	run --separate-stderr on laptop backup ls "$bucket"
	[ "${#lines[@]}" -eq 2 ]
	run --separate-stderr on laptop backup check "$bucket" --phrase-file phrase
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh backup restore "$bucket" --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh get plan --json
	is 0 '{"x":3}' ""
	bucket_end
	run --separate-stderr on laptop backup create "$bucket"
	[ "$status" -ne 0 ]
	[ "$output" = "" ]
}

# example KIND N: the N-th code block of this kind in docs/backups.md, for the lk
# under test and the place of the test.
example() {
	awk -v kind="$1" -v n="$2" '$0 == "```" kind { if (++at == n) on = 1; next }
	    $0 == "```" { on = 0 } on' "$BATS_TEST_DIRNAME/../../docs/backups.md" |
		sed "s|/usr/bin/lk|$LK|g; s|/media/backup|$T/dest|g"
}

@test "the examples of a systemd timer and of cron do what they say" {
	kinds
	example ini 1 >lk-backup.service
	example ini 2 >lk-backup.timer
	[ "$(grep -c ^ExecStart= lk-backup.service)" -eq 2 ]
	if command -v systemd-analyze >/dev/null; then
		systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' lk-backup.timer)" >/dev/null
		run systemd-analyze verify --user --man=no ./lk-backup.service ./lk-backup.timer
		[[ $output != *lk-backup* ]]
	fi
	# As the service runs them: with next to no environment, nothing to read.
	while read -r command; do
		run env -i HOME="$T" LK_HOME="$LK_HOME" PATH=/usr/bin:/bin $command </dev/null
		[ "$status" -eq 0 ]
		[ "$output" = "" ]
	done < <(sed -n 's/^ExecStart=//p' lk-backup.service)
	on laptop set plan /x 5
	line=$(example cron 1)
	[[ $line =~ ^[0-9]+\ [0-9]+\ \*\ \*\ \*\ (.*)$ ]]
	run env -i HOME="$T" LK_HOME="$LK_HOME" PATH=/usr/bin:/bin /bin/sh -c "${BASH_REMATCH[1]}" </dev/null
	[ "$status" -eq 0 ]
	[ "$output" = "" ]
	on laptop backup check dest --phrase-file phrase
	[ "$(on laptop backup ls dest | wc -l)" -eq 2 ]
	# What is damaged is told.
	f=$(find dest/lk1/backup/data -type f | head -n 1)
	printf 'x' | dd of="$f" bs=1 seek=99 conv=notrunc status=none
	run env -i HOME="$T" LK_HOME="$LK_HOME" PATH=/usr/bin:/bin /bin/sh -c "${BASH_REMATCH[1]}" </dev/null
	[ "$status" -eq 65 ]
}
