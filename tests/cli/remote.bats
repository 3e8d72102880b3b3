# Remotes: the list of them, and a folder that is one.

load setup

@test "a folder is added, listed, tested and forgotten" {
	device laptop
	mkdir stick
	run --separate-stderr on laptop remote ls
	is 0 "" ""
	run --separate-stderr on laptop remote add stick "file://$T/stick"
	is 0 "stick: a folder at file://$T/stick
Whether it keeps what it is given: lk remote test stick" ""
	[ -d stick/lk1 ]
	run --separate-stderr on laptop remote ls
	[ "$status" -eq 0 ]
	[[ $output == "stick  file://$T/stick  "* ]]
	run --separate-stderr on laptop remote ls --json
	[[ $output == '{"schema":"lk.remote/1","remotes":[{"name":"stick","kind":"folder","url":"file://'$T'/stick",'* ]]
	run --separate-stderr on laptop remote test stick
	[ "$status" -eq 0 ]
	[[ $output == "stick: an object of 1000 bytes was put ("*" ms), listed ("*" ms), read ("*" ms) and deleted ("*" ms)" ]]
	run --separate-stderr on laptop remote test stick --json
	[[ $output =~ ^'{"schema":"lk.remote/1","name":"stick","kind":"folder","bytes":1000,"put":'[0-9]+',"list":'[0-9]+',"get":'[0-9]+',"delete":'[0-9]+'}'$ ]]
	run --separate-stderr on laptop remote rm stick
	is 0 "stick is forgotten here. What is at file://$T/stick stays there." ""
	run --separate-stderr on laptop remote test stick
	is 66 "" "lk: stick: no remote; lk remote ls lists yours"
	run --separate-stderr on laptop remote ls --json
	is 0 '{"schema":"lk.remote/1","remotes":[]}' ""
	[ -d stick/lk1 ]
}

@test "what is no remote, or is one already, is refused" {
	device laptop
	mkdir stick
	on laptop -q remote add stick "file://$T/stick"
	run --separate-stderr on laptop remote add stick "file://$T/stick"
	is 73 "" "lk: stick: there is a remote of this name"
	run --separate-stderr on laptop remote add other "file://$T/stick"
	is 73 "" "lk: file://$T/stick: it is the remote stick"
	run --separate-stderr on laptop remote add none "file://$T/none"
	is 66 "" "lk: $T/none: No such file or directory; the folder has to be there, and mounted, when it is added"
	[ ! -e none ]
	for url in "$T/stick" file://stick s3://AB s3://key:secret@bucket http://x; do
		run --separate-stderr on laptop remote add x "$url"
		[ "$status" -eq 64 ]
	done
	mkdir other
	run --separate-stderr on laptop remote add "a b" "file://$T/other"
	is 64 "" "lk: a b: a name is 1 to 64 letters, digits and . _ -"
	# What was made for it is gone again.
	[ ! -e other/lk1 ]
	run --separate-stderr on laptop remote
	[ "$status" -eq 64 ]
	run --separate-stderr on laptop remote lose stick
	[ "$status" -eq 64 ]
	run --separate-stderr on phone remote ls
	[ "$status" -eq 78 ]
}

@test "a folder that is not there is not made, and found when it is back" {
	device laptop
	mkdir stick
	on laptop -q remote add stick "file://$T/stick"
	mv stick/lk1 aside
	run --separate-stderr on laptop remote test stick
	is 69 "" "lk: stick: put: no directory lk1 in it: not mounted?"
	run --separate-stderr on laptop remote test stick --json
	[ "$status" -eq 69 ]
	[[ $stderr == *'"error": "unavailable"'* || $stderr == *'"error":"unavailable"'* ]]
	[ -z "$(ls -A stick)" ]
	rmdir stick
	run --separate-stderr on laptop remote test stick
	[ "$status" -eq 69 ]
	[ ! -e stick ]
	mkdir stick
	mv aside stick/lk1
	on laptop -q remote test stick
}

@test "remotes are kept, and a stick that is mounted later is seen" {
	device laptop
	mkdir stick
	mount -t tmpfs -o size=1m none "$T/stick" || skip "nothing may be mounted here"
	on laptop -q remote add stick "file://$T/stick"
	umount "$T/stick"
	on laptop daemon stop
	run --separate-stderr on laptop remote test stick
	[ "$status" -eq 69 ]
	# The daemon that runs now has never seen it.
	mount -t tmpfs -o size=1m none "$T/stick"
	mkdir stick/lk1
	on laptop -q remote test stick
	dd if=/dev/zero of=stick/full bs=1k count=2k status=none || true
	run --separate-stderr on laptop remote test stick
	is 74 "" "lk: stick: put: write the file: No space left on device"
	[ -z "$(ls -A stick/lk1)" ]
	mount -o remount,ro "$T/stick"
	run --separate-stderr on laptop remote test stick
	is 77 "" "lk: stick: put: make a file: Read-only file system"
}

@test "the process that sees folders ends with the daemon, however that ends" {
	device laptop
	mkdir stick
	on laptop -q remote add stick "file://$T/stick"
	on laptop -q remote test stick
	pid=$(on laptop daemon status --json | field pid)
	brokers() {
		local status
		for status in /proc/[0-9]*/environ; do
			if tr '\0' '\n' <"$status" 2>/dev/null | grep -qxF "LK_HOME=$T/laptop"; then
				cat "${status%environ}comm" 2>/dev/null
			fi
		done | grep -c lkd-broker || true
	}
	[ "$(brokers)" -ge 1 ]
	kill -9 "$pid"
	for _ in $(seq 100); do
		[ "$(brokers)" -ne 0 ] || break
		sleep 0.1
	done
	[ "$(brokers)" -eq 0 ]
	on laptop -q remote test stick
}

@test "a bucket is added and tested, with the keys the daemon was started with" {
	/usr/bin/python3 "$BATS_TEST_DIRNAME/../remote/s3_server.py" >host 3>&- &
	server=$!
	until [ -s host ]; do
		kill -0 "$server"
		sleep 0.1
	done
	unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
	export HOME=$T
	device laptop
	# Whoever has no bucket has no libcurl either.
	pid=$(on laptop daemon status --json | field pid)
	! grep -q libcurl "/proc/$pid/maps"
	url="s3://notes/lk?endpoint=http://$(cat host)&region=us-east-1"
	run --separate-stderr on laptop remote add cloud "$url"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "cloud: a bucket at $url" ]
	grep -q libcurl "/proc/$pid/maps"
	run --separate-stderr on laptop remote test cloud
	is 78 "" "lk: cloud: put: no keys: neither AWS_ACCESS_KEY_ID when the daemon began, nor the profile in ~/.aws/credentials"
	# A file is looked at again.
	mkdir .aws
	printf '[default]\naws_access_key_id=AKIDTEST\naws_secret_access_key=secret/of+tests\n' >.aws/credentials
	run --separate-stderr on laptop remote test cloud
	[ "$status" -eq 0 ]
	[[ $output == "cloud: an object of 1000 bytes was put ("* ]]
	rm .aws/credentials
	on laptop daemon stop
	AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=wrong run --separate-stderr on laptop remote test cloud
	[ "$status" -eq 77 ]
	[[ $stderr == "lk: cloud: put: the bucket answers 403 SignatureDoesNotMatch: "* ]]
	on laptop daemon stop
	AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=secret/of+tests run --separate-stderr on laptop remote test cloud
	[ "$status" -eq 0 ]
	kill "$server"
	run --separate-stderr on laptop remote test cloud
	[ "$status" -eq 69 ]
	[[ $stderr == "lk: cloud: put: "*onnect* ]]
	! grep -rq "secret/of" laptop
}
