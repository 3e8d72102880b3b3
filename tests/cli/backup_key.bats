# What opens backups apart from the phrase, for who only reads them.

load setup
load backup

@test "the key in a file opens backups where the phrase is not" {
	person other
	backup laptop >/dev/null
	run --separate-stderr on laptop backup key opens --phrase-file phrase
	is 0 "" ""
	[ "$(stat -c %a opens)" = 600 ]
	run --separate-stderr on laptop backup key - --phrase-file phrase
	is 0 "$(cat opens)" ""
	run --separate-stderr on laptop backup key - --phrase-file phrase --json
	[ "$(field key <<<"$output")" = "$(cat opens)" ]
	run --separate-stderr on laptop backup key opens <phrase
	refused 73 "lk: opens: File exists"
	# On a machine that is nobody's.
	run --separate-stderr on elsewhere backup check dest --key-file opens
	[ "$status" -eq 0 ]
	[[ $output =~ ^1\ backup,\ 3\ objects,\ .*:\ good$ ]]
	printf x | dd of="$(find dest/lk1/backup/data -type f | head -n 1)" bs=1 seek=99 conv=notrunc status=none
	run --separate-stderr on elsewhere backup check dest --key-file opens
	[ "$status" -eq 65 ]
	[[ $output == *"  document "* ]]
	# It is none that makes a device.
	run --separate-stderr on elsewhere backup restore dest --key-file opens
	refused 64 "lk: backup: --key-file only checks: restoring takes the phrase; *"
	run --separate-stderr on elsewhere backup check dest --restore-test --key-file opens
	refused 64 "lk: backup: --restore-test needs the phrase, not --key-file; *"
	run --separate-stderr on elsewhere ls
	refused 78 "lk: *no identity here*"
}

@test "a key of somebody else, and what is no key, open nothing" {
	person other
	backup laptop >/dev/null
	on ann init --name ann --quiet >other
	on ann backup key hers --phrase-file other
	run --separate-stderr on laptop backup check dest --key-file hers
	refused 77 "lk: *dest: the key of somebody else"
	sed 's/.$/x/' hers >cut
	head -c 60 hers >short
	sed 's/[0-8]$/9/; t; s/.$/8/' hers >typo
	for f in cut short typo phrase; do
		run --separate-stderr on laptop backup check dest --key-file "$f"
		refused 64 "lk: not a key of lk backup key, or not all of it"
	done
	run --separate-stderr on laptop backup check dest --key-file nothing
	refused 66 "lk: nothing: No such file or directory"
	run --separate-stderr on laptop backup check dest --key-file hers --sealed
	refused 64 "lk: backup: --sealed and --key-file exclude each other; *"
	run --separate-stderr on laptop backup check dest --key-file hers --phrase-file phrase
	refused 64 "lk: backup: --key-file and --phrase-file exclude each other; *"
	run --separate-stderr on laptop backup key more --phrase-file phrase --key-file hers
	refused 64 "lk: backup: the key follows from the phrase: --phrase-file; *"
	[ ! -e more ]
}

@test "with the key the rules count only backups that it opens" {
	person other
	first=$(backup laptop)
	second=$(backup laptop)
	on laptop backup key opens --phrase-file phrase
	machine=$(on laptop backup ls dest --json | field machine)
	# Somebody who may put there has put snapshots of laptop's that nobody made: without the key they count.
	/usr/bin/python3 - "$machine" <<-'X'
		import pathlib, sys, hashlib, time
		soon = (int(time.time()) + 3600) * 1000
		for ms in range(soon, soon + 3):
		    clear = bytes.fromhex(sys.argv[1]) + ms.to_bytes(8, "big") + b"\0"
		    data = b"LKBK\1\3" + bytes([len(clear)]) + clear + b"\1" + bytes(96)
		    name = hashlib.blake2b(data, digest_size=32, person=b"lk1 backup".ljust(16, b"\0")).hexdigest()
		    pathlib.Path(f"dest/lk1/backup/snap/{ms:012x}-{name}").write_bytes(data)
	X
	run --separate-stderr on laptop backup forget dest --keep-last 2 --dry-run
	[ "$(grep -c "would be forgotten" <<<"$output")" -eq 3 ]
	run --separate-stderr on elsewhere backup forget dest --keep-last 1 --key-file opens
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "${first:0:8}"*"forgotten" ]]
	[[ ${lines[1]} == "${second:0:8}"*"kept: last" ]]
	[ "$(grep -c "not of this key: stays unless it is named" <<<"$output")" -eq 3 ]
	[ "$(on laptop backup ls dest | wc -l)" -eq 4 ]
}

@test "a key for a repository of version 1 reads it" {
	v1=$BATS_TEST_DIRNAME/../data/backup/v1
	cp -r "$v1" v1
	run --separate-stderr on elsewhere backup key opens --phrase-file v1/phrase
	[ "$status" -eq 0 ]
	run --separate-stderr on elsewhere backup check v1 --key-file opens
	[ "$status" -eq 0 ]
	[[ $output =~ ^2\ backups,\ .*:\ good$ ]]
	# And it is thinned out and pruned like any other.
	run --separate-stderr on elsewhere backup forget v1 --keep-last 1 --key-file opens
	[ "$status" -eq 0 ]
	run --separate-stderr on elsewhere backup prune v1 --grace 0
	[ "$status" -eq 0 ]
	run --separate-stderr on elsewhere backup check v1 --key-file opens
	[[ $output =~ ^1\ backup,\ .*:\ good$ ]]
}
