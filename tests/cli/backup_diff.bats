# What one backup has that another has not.

load setup
load backup

# differs BACKUP...: from the phrase in a file.
differs() {
	run --separate-stderr on laptop backup diff dest "$@" --phrase-file phrase
}

@test "documents that came, went, changed and are called otherwise are told, and how much it was" {
	person other third
	first=$(backup laptop)
	on laptop set plan /x 2
	on laptop set plan /x 3
	on laptop new fourth
	on laptop rename other another
	second=$(backup laptop)
	differs "${first:0:8}" "${second:0:8}"
	[ "$status" -eq 1 ]
	[ "$stderr" = "" ]
	grep -x '~ plan  +2 changes, [0-9]* B' <<<"$output"
	grep -x '+ fourth  +[0-9]* changes*, [0-9.]* *k*B' <<<"$output"
	grep -x '~ another, before: other' <<<"$output"
	grep -x '~ (devices, contacts and names)  +[0-9]* changes*, [0-9.]* *k*B' <<<"$output"
	[ "${#lines[@]}" -eq 4 ]
	# The other way round what came is gone.
	differs "$second" "$first" --json
	[ "$status" -eq 1 ]
	[[ $output == *'"name":"plan","change":"changed","added":0,"added_bytes":0,"gone":2,'* ]]
	[[ $output == *'"name":"fourth","change":"gone"'* ]]
	[[ $output == *'"name":"other","change":"changed","was":"another"'* ]]
	[[ $output == *"\"before\":{\"snapshot\":\"$second\""* ]]
}

@test "what was only written into other objects again is no difference" {
	person other third
	first=$(backup laptop)
	differs "$first" "$first"
	is 0 "" ""
	# Everything is written anew.
	mkdir kept
	mv dest/lk1/backup/data/* kept/
	second=$(backup laptop)
	cp kept/* dest/lk1/backup/data/
	[ "$(find dest/lk1/backup/data -type f | wc -l)" -eq 4 ]
	differs "$first"
	is 0 "" ""
	on laptop set plan /y 1
	third=$(backup laptop)
	differs "$first"
	[ "$status" -eq 1 ]
	[[ $output =~ ^~\ plan\ \ \+1\ change,\ [0-9]+\ B$ ]]
	differs "$second" "$third" --json
	[[ $output == *'"unchanged":3,'* ]]
	run --separate-stderr on laptop -q backup diff dest "$first" --phrase-file phrase
	is 1 "" ""
}

@test "without a second one it is the newest of the same machine, with the key from anywhere" {
	person other third
	paired laptop phone
	until_ on phone get third
	first=$(backup laptop)
	theirs=$(backup phone)
	mkdir "$T/folder"
	on laptop remote add stick "file://$T/folder" >/dev/null
	on laptop set plan /y 1
	backup laptop >/dev/null
	backup phone >/dev/null
	on laptop backup key opens --phrase-file phrase
	run --separate-stderr on elsewhere backup diff dest "${first:0:8}" --key-file opens
	[ "$status" -eq 1 ]
	[ "$stderr" = "" ]
	grep '^~ plan  +1 change, ' <<<"$output"
	grep -x "+ remote stick file://$T/folder" <<<"$output"
	[[ $output != *third* ]]
	newest=$(on laptop backup ls dest | tail -n 1 | cut -c 1-8)
	# One of a time to come is not counted.
	snapshots "$(on laptop backup ls dest --json | field machine)" "$(date -d '2 days' -Is)" >/dev/null
	differs "$newest"
	refused 66 "lk: *dest: no newer backup of its machine there"
	# Of two machines it is told what one has and the other has not.
	differs "$first" "$theirs" --json
	[ "$status" -le 1 ]
	[[ $output != *'"name":"third"'* ]]
}

@test "what is not there, not yours or damaged is told" {
	person other third
	first=$(backup laptop)
	on laptop set plan /x 2
	second=$(backup laptop)
	differs ffff
	refused 66 "lk: *dest: no backup ffff there"
	differs "$first" ffff
	refused 66 "lk: *dest: no backup ffff there"
	run --separate-stderr on laptop backup diff dest --phrase-file phrase
	refused 64 "lk: backup: which backup?; *"
	run --separate-stderr on laptop backup diff dest "$first"
	[ "$status" -eq 64 ]
	on ann init --name ann --quiet >other
	run --separate-stderr on ann backup diff dest "$first" "$second" --phrase-file other
	refused 77 "lk: *dest: ${first:0:8}: the phrase of somebody else"
	on ann backup key hers --phrase-file other
	run --separate-stderr on laptop backup diff dest "$first" "$second" --key-file hers
	refused 77 "lk: *dest: ${first:0:8}: the key of somebody else"
	cp -r dest good
	printf x | dd of="$(ls dest/lk1/backup/snap/*-"$second")" bs=1 seek=99 conv=notrunc status=none
	differs "$first" "$second"
	refused 65 "lk: *dest: backup ${second:0:8} is damaged: *; lk backup check *"
	rm -r dest
	cp -r good dest
	for f in dest/lk1/backup/data/*; do
		mv "$f" lost
		differs "$first" "$second"
		[ "$status" -eq 65 ] || [ "$status" -eq 1 ]
		mv lost "$f"
	done
}
