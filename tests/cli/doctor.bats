# Whether everything is as it should be.  What depends on the machine (disk, clock,
# inotify, networks) is only looked at where a test can say what it is.

load setup

# check NAME [DEVICE]: "state: message" of the findings of one check.
check() {
	on "${2:-laptop}" doctor --json |
	    jq -r --arg name "$1" '.checks[] | select(.check == $name) | "\(.state): \(.message)"'
}


@test "where all is well there is a line for each check, and 0" {
	device laptop
	"$LK" new shopping
	lk doctor --json
	[ "$status" -eq 0 ]
	[ "$(jq -r .schema <<<"$output")" = lk.doctor/1 ]
	[ "$(jq -r .healthy <<<"$output")" = true ]
	[ "$(jq -r '[.checks[].check] | join(" ")' <<<"$output")" = "home identity disk clock inotify daemon config versions socket sandbox store scrub port multicast peers remotes mirrors copies backups" ]
	[ "$(check home)" = "ok: $T/laptop, which nobody else can write" ]
	[ "$(check identity)" = "ok: the keys are this user's alone" ]
	[ "$(check store)" = "ok: 1 document, none damaged" ]
	[ "$(check socket)" = "ok: $T/laptop/run/control" ]
	[[ $(check sandbox) =~ ^(ok|warning):\  ]]
	[[ $(check versions) == "ok: lk and lkd are "* ]]
	[[ $(check disk) == *" left" ]]
	[[ $(check clock) == *": $(date -u +%Y)-"* ]]
	[[ $(check inotify) == *" folders can be watched, by "* ]]
	[[ $(check copies) == "warning: no other device of yours"* ]]
	[ "$(check backups)" = "ok: none was made of this device" ]
	lk doctor
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "ok       home       $T/laptop"* ]]
	[[ ${lines[-1]} == "0 wrong, "*" to look at." ]]
}

@test "without an identity it says how to begin" {
	export LK_HOME=$T/none
	lk doctor
	[ "$status" -eq 1 ]
	[[ $output == *"wrong    home       $T/none is not there"* ]]
	[[ $output == *"-> lk init makes one"* ]]
	[ "$stderr" = "" ]
	[ ! -e "$T/none" ]
}

@test "files that others can use are found, and --fix makes them private" {
	device laptop
	"$LK" -q daemon stop
	chmod 775 laptop
	chmod 644 laptop/identity
	lk doctor -q
	[ "$status" -eq 1 ]
	[[ $output == *"$T/laptop has mode 775: others can use it"*"-> chmod 755 $T/laptop"* ]]
	[[ $output == *"$T/laptop/identity has mode 644"* ]]
	[[ $output == *"it does not start: $T/laptop: others may write to it"* ]]
	lk doctor --fix
	[ "$status" -eq 0 ]
	[[ $output == *"mended   home       $T/laptop had mode 775"* ]]
	[ "$(stat -c %a laptop laptop/identity | tr '\n' ' ')" = "755 600 " ]
	lk doctor --fix
	[ "$status" -eq 0 ]
	[[ $output != *mended* ]]
}

# by_nobody COMMAND ARGUMENT...: the command as somebody who is not root.
by_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

@test "a home that its owner cannot write is found, and --fix makes it writable" {
	mkdir -m 500 laptop
	if [ "$(id -u)" -eq 0 ]; then
		chmod 711 .
		chown 65534:65534 laptop
		run --separate-stderr by_nobody "$LK" doctor
	else
		lk doctor
	fi
	[ "$status" -eq 1 ]
	[[ $output == *"wrong    home       $T/laptop cannot be written: Permission denied"*"-> chmod 700 $T/laptop"* ]]
	if [ "$(id -u)" -eq 0 ]; then
		run --separate-stderr by_nobody "$LK" doctor --fix
	else
		lk doctor --fix
	fi
	[[ $output == *"mended   home       $T/laptop could not be written; now it can"* ]]
	[ "$(stat -c %a laptop)" = 700 ]
}

@test "without any network the daemon runs, and that nobody can connect is no fault of its own" {
	unshare -n true 2>/dev/null || skip "no namespaces here"
	export LK_HOME=$T/laptop
	sanitizers
	run -0 unshare -n bash -c '"$LK" init --name laptop >&2 && "$LK" doctor -q; "$LK" -q daemon stop'
	[[ $output == *"warning  port       there is no network, so nobody can connect to this one"* ]]
	[[ $output != *wrong* ]]
	grep -q "ready; listens when there is a network" laptop/log
}

@test "a device that is revoked is no copy" {
	device laptop
	paired laptop phone
	on laptop device revoke phone >/dev/null
	[[ $(check copies) == "warning: no other device of yours"* ]]
}

@test "a device whose access was taken away is told" {
	device laptop
	"$LK" new shopping
	device ann
	on ann accept "$("$LK" invite shopping)" >/dev/null
	[[ $(check store ann) == "ok: 1 document, none damaged" ]]
	"$LK" revoke shopping ann >/dev/null
	until_ eval '[[ $(check store ann) == "warning: this device has lost its access to 1 of 1 documents"* ]]'
}

@test "a configuration that keeps the daemon from starting is told" {
	device laptop
	"$LK" -q daemon stop
	echo 'listen nowhere' >laptop/config
	[ "$(check daemon)" = "wrong: it does not start: $T/laptop/config: line 1: not understood: listen nowhere" ]
	[ "$(check config)" = "wrong: $T/laptop/config: not understood: listen nowhere" ]
	printf 'a%070d%s\n' 0 "$(printf 'é%.0s' {1..40})" >laptop/config
	[[ $(check config) == *"0$(printf 'é%.0s' {1..28})" ]]
	rm laptop/config
	[[ $(check daemon) == *", started now, as it did not run" ]]
}

@test "settings that the daemon has not read yet are told" {
	device laptop
	[ "$(check config)" = "ok: lk config ls shows the settings" ]
	"$LK" -q config set log debug
	[ "$(check config)" = "warning: $T/laptop/config was changed since the daemon started" ]
	"$LK" -q daemon stop
	[ "$(check daemon | cut -d: -f1)" = ok ]
	[ "$(check config)" = "ok: lk config ls shows the settings" ]
}

@test "a daemon whose program was replaced is started again" {
	mkdir bin
	cp "$LK" "$(dirname "$LK")/lkd" bin
	LK=$T/bin/lk
	device laptop
	pid=$("$LK" daemon status --json | field pid)
	cp bin/lkd new
	mv new bin/lkd
	[ "$(check versions)" = "wrong: the lkd that runs has been replaced on the disk" ]
	run --separate-stderr "$LK" doctor --fix
	[ "$status" -eq 0 ]
	[[ $output == *"mended   versions"* ]]
	[ "$("$LK" daemon status --json | field pid)" != "$pid" ]
	[[ $(check versions) == ok:* ]]
}

@test "a daemon that is newer than lk is not ended by --fix" {
	version=$("$LK" version --json | field version)
	mkdir bin
	cp "$LK" bin
	sed "s/${version//./\\.}/9${version#?}/g" "$(dirname "$LK")/lkd" >bin/lkd
	chmod +x bin/lkd
	LK=$T/bin/lk
	device laptop
	pid=$("$LK" daemon status --json | field pid)
	[ "$(check versions)" = "wrong: lk is $version, the lkd that runs is 9${version#?}" ]
	lk doctor --fix
	[ "$status" -ne 0 ]
	[[ $output == *"use the lk that came with it"* ]]
	[ "$("$LK" daemon status --json | field pid)" = "$pid" ]
}

@test "a clock that went back is told" {
	device laptop
	"$LK" -q daemon stop
	touch -d '+1 day' laptop/identity
	[[ $(check clock) == "wrong: "*", but something here was written at "* ]]
}

@test "devices, remotes and mirrors that are not as they should be are told" {
	device laptop
	paired laptop phone
	[[ $(check copies) == "ok: 1 other device of yours" ]]
	[[ $(check peers) == "ok: 1 known, "* ]]
	mkdir stick folder
	"$LK" -q remote add stick "file://$T/stick"
	until_ bash -c '"$LK" doctor | grep "remotes    stick, a folder"'
	rmdir stick/lk1/* stick/lk1 2>/dev/null || rm -rf stick
	"$LK" remote test stick && false
	until_ bash -c '"$LK" doctor | grep "^warning  remotes    stick is not reached"'
	printf 'LK_LISTEN' >folder/file
	"$LK" -q mirror add folder
	until_ bash -c '"$LK" doctor | grep "mirrors    .*/folder is live"'
	rm -rf folder
	until_ bash -c '"$LK" doctor | grep "^wrong    mirrors    .*/folder: "'
}

@test "a relay's home is looked at as one" {
	on box relay init >/dev/null
	run --separate-stderr on box doctor --json
	[ "$status" -eq 0 ]
	[ "$(jq -r '[.checks[].check] | join(" ")' <<<"$output")" = "home identity disk clock inotify daemon config versions socket sandbox scrub port multicast" ]
	[ "$(check identity box)" = "ok: a relay's home, which has none" ]
}

@test "discovery that is off, and a port of one address" {
	device laptop
	"$LK" -q daemon stop
	echo 'discovery off' >laptop/config
	export LK_LISTEN=127.0.0.1:0
	[ "$(check multicast)" = "ok: off, as configured" ]
	[[ $(check port) == *"port "* ]]
}

@test "doctor called wrongly" {
	lk doctor --fxi
	is 64 "" "lk: doctor: no such option: --fxi; did you mean --fix?"
	lk doctor all
	is 64 "" "lk: doctor: one argument too many: all; usage: lk doctor [--fix]"
}

@test "when the last backup was made at each place, and a warning when that is long ago" {
	device laptop
	"$LK" new plan
	mkdir dest other
	# Of a stream nothing is noted that was not written.
	run --separate-stderr sh -c '"$LK" backup create - >/dev/full'
	[ "$status" -eq 74 ]
	/usr/bin/python3 -c 'import os, subprocess, sys
r, w = os.pipe()
os.close(r)
sys.exit(subprocess.run(sys.argv[1:], stdout=w).returncode == 0)' "$LK" backup create -
	[ "$(check backups)" = "ok: none was made of this device" ]
	"$LK" -q backup create dest
	[ "$(check backups)" = "ok: file://$T/dest: the last one was made just now" ]
	"$LK" -q backup create - >stream
	"$LK" -q backup create other
	[ "$(check backups | wc -l)" -eq 3 ]
	check backups | grep -qx "ok: a stream: the last one was made just now"
	# One that did not succeed is none.
	rm -r other/lk1
	lk backup create other
	[ "$status" -eq 66 ]
	[ "$(check backups | grep -c '^ok')" -eq 3 ]
	lk config set backup-age 14
	refused 64 "lk: config: backup-age: 14: expected a time span like 12h, *"
	"$LK" -q config set backup-age 1ms
	"$LK" -q daemon stop
	lk doctor --json
	[ "$status" -eq 0 ]
	[ "$(jq -r '.checks[] | select(.check == "backups") | .state' <<<"$output" | sort | uniq -c | tr -s ' ')" = " 3 warning" ]
	[[ $output == *"lk backup create makes one"* ]]
	"$LK" -q config set backup-age 0
	"$LK" -q daemon stop
	[ "$(check backups | grep -c '^ok')" -eq 3 ]
}
