# The room of backups that are not wanted any more is freed, and nothing else.

load setup
load backup

# data: the names of objects of data in dest.
data() {
	find dest/lk1/backup/data -type f -printf '%f\n' | sort
}

# count WHICH: how many objects of a fate prune has said in JSON.
count() {
	sed -n "s/.*\"$1\":{\"objects\":\([0-9]*\),.*/\1/p" <<<"$output"
}

# prune [ARGUMENT...]: as JSON, in $output.
prune() {
	run --separate-stderr on laptop backup prune dest --json "$@"
	[ "$status" -eq 0 ] || { echo "$status: $stderr"; return 1; }
}

# older DAYS: all of dest was put so many days ago.
older() {
	find dest -type f -exec touch -d "$1 days ago" {} +
}

# mark FROM NAME...: a mark of these objects, from then on (date's words).
mark() {
	snapshots --mark "$(date -d "$1" +%s)" "${@:2}"
}

@test "what no backup needs is marked, waited for, and removed" {
	person other
	first=$(backup laptop)
	on laptop set plan /x 2
	second=$(backup laptop)
	data >all
	prune
	[ "$(count needed)" -eq "$(wc -l <all)" ]
	[ "$(count removed)" -eq 0 ]
	[ "$(count marked)" -eq 0 ]
	# Everything of a machine is forgotten: nothing is needed.
	on laptop backup forget dest "$first" "$second" >/dev/null
	prune
	[ "$(count young)" -eq 3 ]
	older 8
	prune --dry-run
	[ "$(count marked)" -eq 3 ]
	[ ! -e dest/lk1/backup/mark ]
	run --separate-stderr on laptop backup prune dest
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^3\ objects,\ .*B:\ marked,\ as\ no\ backup\ needs\ them$ ]]
	[[ ${lines[1]} =~ ^Prune\ again\ after\ 20..-..-..T.*\ to\ remove\ what\ is\ marked\.$ ]]
	[ "$(find dest/lk1/backup/mark -type f | wc -l)" -eq 1 ]
	prune
	[ "$(count waiting)" -eq 3 ]
	data | diff all -
	[ "$(find dest/lk1/backup/mark -type f | wc -l)" -eq 1 ]
	# The time has come.
	rm dest/lk1/backup/mark/*
	mark '1 second ago' $(cat all)
	prune --dry-run
	[ "$(count removed)" -eq 3 ]
	data | diff all -
	prune
	[ "$(count removed)" -eq 3 ]
	[ "$(data)" = "" ]
	[ "$(find dest -type f | wc -l)" -eq 0 ]
	# And the next backup is whole.
	backup laptop >/dev/null
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
	[[ $output =~ ^1\ backup,\ 3\ objects,\ .*:\ good$ ]]
}

@test "without a grace what is not needed goes at once, marked before or not" {
	person other
	first=$(backup laptop)
	on laptop backup forget dest "$first" >/dev/null
	older 8
	prune
	[ "$(count marked)" -eq 2 ]
	on laptop new late
	second=$(backup laptop)
	# What was marked was not relied on.
	run --separate-stderr on laptop backup prune dest --grace 0
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^2\ objects,\ .*B:\ removed$ ]]
	[[ ${lines[1]} =~ ^2\ objects,\ .*B:\ needed$ ]]
	[ "${#lines[@]}" -eq 2 ]
	run --separate-stderr on laptop -q backup prune dest --grace 0
	is 0 "" ""
	# The first mark stays as long as what it names, and is gone now.
	[ "$(find dest/lk1/backup/mark -type f | wc -l)" -eq 0 ]
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[[ $status -eq 0 && $output == "1 backup, 3 objects, "* ]]
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh ls
	is 0 $'late\nother\nplan' ""
}

@test "of what is needed nothing goes, whatever marks it and whoever's it is" {
	person other
	first=$(backup laptop)
	on laptop set plan /x 2
	second=$(backup laptop)
	on ann init --name ann --quiet >other
	on ann new hers
	backup ann >/dev/null
	data >all
	mark yesterday $(cat all)
	on laptop backup forget dest "$first" >/dev/null
	for grace in 7d 0; do
		prune --grace "$grace"
		[ "$(count removed)" -eq 0 ]
		[ "$(count needed)" -eq "$(wc -l <all)" ]
		data | diff all -
	done
	# Ann prunes too: she does not know laptop's key.
	on ann backup prune dest --grace 0 >/dev/null
	data | diff all -
	# The mark stays, so what it names is written again, and then goes with the backup that had it.
	third=$(backup laptop)
	on laptop backup forget dest "$second" >/dev/null
	prune
	[ "$(count removed)" -eq 3 ]
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh backup restore dest --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	run --separate-stderr on hers backup restore dest --phrase-file other --name hers
	[ "$status" -eq 0 ]
}

@test "a mark that is damaged marks nothing, and stays" {
	person other
	backup laptop >/dev/null
	on laptop backup forget dest "$(on laptop backup ls dest | cut -c 1-8)" >/dev/null
	mark yesterday $(data)
	damaged=$(echo dest/lk1/backup/mark/*)
	printf x | dd of="$damaged" bs=1 seek=10 conv=notrunc status=none
	# It is not gone by, and what it named is marked again.
	older 8
	prune
	[ "$(count removed)" -eq 0 ]
	[ "$(count marked)" -eq 2 ]
	[ "$(find dest/lk1/backup/mark -type f | wc -l)" -eq 2 ]
	[ -f "$damaged" ]
	# Not even when everything that it may have named is gone: who knows.
	prune --grace 0
	[ "$(data)" = "" ]
	prune
	find dest/lk1/backup/mark -type f | diff - <(echo "$damaged")
	# A backup does with it as without.
	backup laptop >/dev/null
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
}

@test "what a backup was cut off in is young at first, and goes as all else" {
	person other
	backup laptop >/dev/null
	on laptop set plan /x 2
	second=$(backup laptop)
	data >all
	# As if it had been cut off before its snapshot.
	rm dest/lk1/backup/snap/*-"$second"
	prune
	[ "$(count young)" -eq 1 ]
	[ "$(find dest/lk1/backup -path '*/mark/*' | wc -l)" -eq 0 ]
	# The next one goes on with it.
	backup laptop >/dev/null
	prune
	[ "$(count needed)" -eq "$(wc -l <all)" ]
	data | diff all -
}

@test "while a backup cannot be read nothing is pruned" {
	person other
	first=$(backup laptop)
	on laptop new late
	second=$(backup laptop)
	on laptop backup forget dest "$first" >/dev/null
	find dest >before
	printf x | dd of="$(echo dest/lk1/backup/snap/*)" bs=1 seek=40 conv=notrunc status=none
	for how in --dry-run "--grace 0"; do
		run --separate-stderr on laptop backup prune dest $how
		refused 65 "lk: *dest: what backup ${second:0:8} needs cannot be told: its bytes are not those it is named after; lk backup forget *"
	done
	find dest | diff before -
	on laptop backup forget dest "${second:0:8}" >/dev/null
	prune --grace 0
	[ "$(count needed)" -eq 0 ]
	[ "$(data)" = "" ]
	mkdir empty empty/lk1
	run --separate-stderr on laptop backup prune empty
	refused 66 "lk: *empty: no backup there"
}

# unprivileged DEVICE ARGUMENT...: lk as that device, whose daemon runs too,
# as somebody from whom things can be shut away.
unprivileged() (
	export LK_HOME=$T/$1
	sanitizers
	shift
	if [ "$(id -u)" -ne 0 ]; then
		exec "$LK" "$@"
	fi
	exec setpriv --reuid=65534 --regid=65534 --clear-groups "$LK" "$@"
)

@test "backups that are shut away are not taken for gone" {
	person other
	backup laptop >/dev/null
	on laptop daemon stop
	if [ "$(id -u)" -eq 0 ]; then
		chmod 711 .
		chown -R 65534:65534 dest laptop phrase
	fi
	find dest | sort >before
	chmod 000 dest/lk1/backup/snap
	for how in "prune dest --grace 0" "prune dest --dry-run" "ls dest" "check dest --phrase-file phrase" \
		"forget dest --keep-last 1"; do
		run --separate-stderr unprivileged laptop backup $how
		refused 77 "lk: *dest: lk1/backup/snap: Permission denied*"
	done
	# One can be made only where it can be put.
	run --separate-stderr unprivileged laptop backup create dest
	refused 77 "lk: *dest: *: Permission denied*"
	chmod 755 dest/lk1/backup/snap
	# What is relied on, and what is marked, neither.
	for shut in data mark; do
		mkdir -p "dest/lk1/backup/$shut"
		chmod 000 "dest/lk1/backup/$shut"
		run --separate-stderr unprivileged laptop backup prune dest --grace 0
		refused 77 "lk: *dest: lk1/backup/$shut: Permission denied*"
		run --separate-stderr unprivileged laptop backup create dest
		refused 77 "lk: *dest: lk1/backup/$shut: Permission denied*"
		chmod 755 "dest/lk1/backup/$shut"
	done
	rmdir dest/lk1/backup/mark
	find dest | sort | comm -23 before - | diff /dev/null -
	run --separate-stderr unprivileged laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
	unprivileged laptop -q daemon stop
}

@test "where something else than a file is called as a backup nothing is pruned" {
	person other
	backup laptop >/dev/null
	find dest -type f | sort >before
	name=$(cd dest/lk1/backup/snap && echo *)
	mv "dest/lk1/backup/snap/$name" .
	for how in "ln -s $T/$name" "mkfifo" "mkdir -p"; do
		$how "dest/lk1/backup/snap/$name"
		[ ! -d "dest/lk1/backup/snap/$name" ] || cp "$name" "dest/lk1/backup/snap/$name/inside"
		for grace in 7d 0; do
			run --separate-stderr on laptop backup prune dest --grace "$grace"
			refused 65 "lk: *dest: lk1/backup/snap/$name is no file: what it needs cannot be told"
		done
		rm -r "dest/lk1/backup/snap/$name"
	done
	mv "$name" dest/lk1/backup/snap/
	mv dest/lk1/backup/snap elsewhere
	ln -s "$T/elsewhere" dest/lk1/backup/snap
	run --separate-stderr on laptop backup prune dest --grace 0
	refused 65 "lk: *dest: lk1/backup/snap is no file: *"
	rm dest/lk1/backup/snap
	mv elsewhere dest/lk1/backup/snap
	find dest -type f | sort | diff before -
	# What is called otherwise is nobody's backup.
	mkfifo dest/lk1/backup/snap/other
	prune --grace 0
	find dest -type f | sort | diff before -
}

@test "a bucket is pruned as a folder is" {
	bucket --dump dump
	person other
	first=$(backup laptop "$bucket")
	on laptop new late
	backup laptop "$bucket" >/dev/null
	on laptop backup forget "$bucket" "$first" >/dev/null
	run --separate-stderr on laptop backup prune "$bucket" --json
	[ "$(count young)" -eq 1 ]
	run --separate-stderr on laptop backup prune "$bucket" --grace 0 --json
	[ "$(count removed)" -eq 1 ]
	run --separate-stderr on laptop backup check "$bucket" --phrase-file phrase
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh backup restore "$bucket" --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	bucket_end
	[ "$(grep -ac '^kept/lk1/backup/mark/' dump)" -eq 0 ]
	[ "$(grep -ac '^kept/lk1/backup/data/' dump)" -eq 3 ]
}

@test "where backups can only be added nothing is pruned" {
	bucket --append-only --dump dump
	person other
	backup laptop "$bucket" >/dev/null
	first=$(backup laptop)
	on laptop backup forget dest "$first" >/dev/null
	older 8
	: >dest/lk1/backup/append-only
	for grace in 7d 0; do
		run --separate-stderr on laptop backup prune "$bucket" --grace "$grace"
		refused 77 "lk: s3:*: backups can only be added here: *"
		run --separate-stderr on laptop backup prune dest --grace "$grace"
		refused 77 "lk: *dest: backups can only be added here: *lk1/backup/append-only; *"
	done
	[ ! -e dest/lk1/backup/mark ]
	[ "$(data | wc -l)" -eq 2 ]
	bucket_end
	[ "$(grep -ac '^kept/lk1/backup/mark/' dump)" -eq 0 ]
}
