# What lk says about itself, and when it is called wrongly.  No daemon.

load setup

@test "no command is a usage error" {
	lk
	is 64 "" "lk: no command given; lk help lists the commands"
}

@test "an unknown command is answered with the nearest one" {
	lk statsu
	is 64 "" "lk: statsu: no such command; did you mean lk status?"
	lk gte
	is 64 "" "lk: gte: no such command; did you mean lk get?"
	lk frobnicate
	is 64 "" "lk: frobnicate: no such command; lk help lists the commands"
	lk exprot
	is 64 "" "lk: exprot: no such command; did you mean lk export?"
	lk st
	is 64 "" "lk: st: no such command; did you mean lk status?"
	lk frobnicate
	is 64 "" "lk: frobnicate: no such command; lk help lists the commands"
}

@test "a word of other programs is answered with the one that is meant" {
	lk restart
	is 64 "" "lk: restart: no such command; did you mean lk daemon restart?"
	lk remove notes
	is 64 "" "lk: remove: no such command; did you mean lk rm?"
	lk history notes
	is 64 "" "lk: history: no such command; did you mean lk log?"
	lk info
	is 64 "" "lk: info: no such command; did you mean lk status?"
	lk remote remove usb
	is 64 "" "lk: remote: remove: expected add, ls, test or rm; did you mean lk remote rm?"
}

@test "a mistyped verb of a command, or option, is answered with the nearest one" {
	lk device revkoe
	is 64 "" "lk: device: revkoe: expected ls, show, rename or revoke; did you mean lk device revoke?"
	lk mirror pau
	is 64 "" "lk: mirror: pau: expected add, ls, status, pause, resume or rm; did you mean lk mirror pause?"
	lk status --exit-cdoe
	is 64 "" "lk: status: no such option: --exit-cdoe; did you mean --exit-code?"
	lk set --cuonter=1 a /b
	is 64 "" "lk: set: no such option: --cuonter; did you mean --counter?"
	lk ls --jsno
	is 64 "" "lk: ls: no such option: --jsno; did you mean --json?"
	lk --jsno ls
	is 64 "" "lk: no such option: --jsno; did you mean --json?"
	lk remote add only
	is 64 "" "lk: remote: add: wrong number of operands; usage: lk remote add NAME URL; more in lk help remote"
	lk device "$(printf 'x%.0s' {1..100})"
	[ "$status" -eq 64 ]
	lk device revkoe --json
	is 64 "" '{"error":"usage","code":64,"message":"device: revkoe: expected ls, show, rename or revoke","hint":"did you mean lk device revoke?"}'
}

@test "an error under --json is one JSON line on stderr" {
	for args in "statsu --json" "--json statsu"; do
		lk $args
		is 64 "" '{"error":"usage","code":64,"message":"statsu: no such command","hint":"did you mean lk status?"}'
	done
	lk ls --frob --json
	is 64 "" '{"error":"usage","code":64,"message":"ls: no such option: --frob","hint":"usage: lk ls [-l]"}'
	lk get --json
	is 64 "" '{"error":"usage","code":64,"message":"get: something is missing","hint":"usage: lk get [--at REV] [--typed] [--conflicts | --spans] [--root] DOC [PATH]"}'
}

@test "global options stand before or after the command" {
	lk --json version
	before=$output
	lk version --json
	is 0 "$before" ""
	[[ $before =~ ^'{"schema":"lk.version/1","version":"'[0-9.]+'"}'$ ]]
}

@test "version is one line" {
	lk version
	[ "$status" -eq 0 ]
	[[ $output =~ ^lk\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	want=$output
	lk --version
	is 0 "$want" ""
}

@test "every command explains itself, and says so in JSON" {
	verbs="init pair device key new ls rename forget get set rm insert inc splice mark edit
	    apply import export log show diff blame watch mirror backup branch merge restore undo contact invite accept share members revoke leave guardian why quarantine adopt status
	    sync verify peers relay remote config daemon doctor completion version help"
	for verb in $verbs; do
		lk help "$verb"
		[ "$status" -eq 0 ]
		[[ ${lines[0]} == "usage: lk $verb"* ]]
		want=$output
		lk "$verb" --help
		is 0 "$want" ""
		lk "$verb" -h
		is 0 "$want" ""
		lk help "$verb" --json
		[[ $output == '{"schema":"lk.help/1","name":"'"$verb"'",'* ]]
		lk help
		[[ $output == *"
  $verb "* ]]
	done
	[ "$(lk help; grep -c '^  [a-z]' <<<"$output")" -eq "$(wc -w <<<"$verbs")" ]
}

@test "help on what is no command and no topic suggests the nearest" {
	lk help statsu
	is 64 "" "lk: help: statsu: no such command or topic; did you mean lk help status?"
	lk help acess
	is 64 "" "lk: help: acess: no such command or topic; did you mean lk help access?"
	lk help frobnicate
	is 64 "" "lk: help: frobnicate: no such command or topic; lk help lists both"
}

@test "a topic is a screen, which names commands that there are" {
	topics=$("$LK" help | sed -n '/^Topics:/,/^$/s/^   \([a-z]*\)  .*/\1/p')
	[ "$(wc -w <<<"$topics")" -ge 8 ]
	for topic in $topics; do
		lk help "$topic"
		[ "$status" -eq 0 ]
		[ "${#lines[@]}" -ge 5 ]
		[ "$(wc -l <<<"$output")" -le 24 ]
		[ "$(wc -L <<<"$output")" -le 86 ]
		for verb in $(grep -oE '\blk [a-z]+' <<<"$output" | cut -c4- | sort -u); do
			case $verb in in|needs|help|itself|does) continue ;; esac
			"$LK" help "$verb" >/dev/null || { echo "$topic: lk $verb"; return 1; }
		done
		lk help "$topic" --json
		[[ $output == '{"schema":"lk.help/1","topic":"'"$topic"'","summary":"'*'","text":"'* ]]
	done
}

@test "unknown options, missing values and surplus arguments are usage errors" {
	lk ls --frob
	is 64 "" "lk: ls: no such option: --frob; usage: lk ls [-l]"
	lk ls -x
	is 64 "" "lk: ls: no such option: -x; usage: lk ls [-l]"
	lk --frob ls
	is 64 "" "lk: no such option: --frob; lk help lists the commands"
	lk ls --long=1
	is 64 "" "lk: ls: --long takes no value; usage: lk ls [-l]"
	lk ls more
	is 64 "" "lk: ls: one argument too many: more; usage: lk ls [-l]"
	lk new --type
	is 64 "" "lk: new: --type needs a value; usage: lk new [--type TYPE] [--guardian WHO ... --threshold K] DOC"
	lk log -n x doc
	is 64 "" "lk: log: --number: x is no number that fits; usage: lk log [-n N] [--graph | --access] DOC"
	lk sync --timeout 3x
	is 64 "" "lk: sync: --timeout: 3x is no time span like 30s, 10m, 2h, 7d, up to 366d; usage: lk sync [--wait[=all|=N]] [--timeout SPAN] [DOC ...]"
	lk sync --timeout 400d
	is 64 "" "lk: sync: --timeout: 400d is no time span like 30s, 10m, 2h, 7d, up to 366d; usage: lk sync [--wait[=all|=N]] [--timeout SPAN] [DOC ...]"
	for n in 0 99999; do
		lk sync --wait=$n
		is 64 "" "lk: sync: --wait: $n is neither all nor a number; usage: lk sync [--wait[=all|=N]] [--timeout SPAN] [DOC ...]"
	done
	for n in 0 1001; do
		lk invite --uses $n doc
		is 64 "" "lk: invite: --uses: from 1 to 1000; usage: lk invite [--role ROLE] [--uses N] [--expires SPAN] [--qr] DOC"
	done
	lk invite --expires 0s doc
	is 64 "" "lk: invite: --expires: no time at all; usage: lk invite [--role ROLE] [--uses N] [--expires SPAN] [--qr] DOC"
	lk pair --ticket --expires 0
	is 64 "" "lk: pair: --expires: no time at all; usage: lk pair [--code]; more in lk help pair"
	lk sync --wait=some
	is 64 "" "lk: sync: --wait: some is neither all nor a number; usage: lk sync [--wait[=all|=N]] [--timeout SPAN] [DOC ...]"
	lk --color=blue version
	is 64 "" "lk: --color: expected always, never or auto; lk help lists the commands"
	lk set --string --counter a /b 1
	is 64 "" "lk: set: one kind of value at a time; usage: lk set [option ...] DOC PATH VALUE"
	lk inc a /b x
	is 64 "" "lk: inc: x is no number that fits; usage: lk inc [-m TEXT] [--root] DOC PATH [N]"
	lk splice a "" -1 0
	is 64 "" "lk: splice: -1 is no position; usage: lk splice [-m TEXT] [--root] DOC PATH POS DEL [TEXT]"
	lk pair --code --qr
	is 64 "" "lk: pair: --ticket or --code on one device, what it shows on the other; usage: lk pair [--code]; more in lk help pair"
	lk device rm
	is 64 "" "lk: device: rm: expected ls, show, rename or revoke; usage: lk device ls; more in lk help device"
	lk device
	is 64 "" "lk: device: expected ls, show, rename or revoke; lk help device explains them"
	lk completion
	is 64 "" "lk: completion: expected bash, zsh or fish; lk help completion explains them"
	lk device revoke
	is 64 "" "lk: device: revoke: wrong number of operands; usage: lk device revoke [--since WHEN] [--phrase | --phrase-file FILE] DEVICE; more in lk help device"
	lk mirror pause
	is 64 "" "lk: mirror: pause takes a folder or a document; usage: lk mirror pause|resume|rm DIR|DOC; more in lk help mirror"
	lk daemon strt
	is 64 "" "lk: daemon: strt: expected start, stop, restart, status, logs or install; did you mean lk daemon start?"
}

@test "without an identity every other command is refused, and starts nothing" {
	for verb in ls status peers "get x" "new x" "log x" watch sync "members x"; do
		lk $verb
		is 78 "" "lk: $T/laptop: no identity here; lk init makes one"
	done
	[ ! -e "$T/laptop/lock" ]
}

@test "a home that cannot be read is a matter of configuration" {
	mkdir -m 700 laptop
	: >laptop/identity
	if [ "$(id -u)" -eq 0 ]; then
		chmod 711 .
		run --separate-stderr setpriv --reuid=65534 --regid=65534 \
		    --clear-groups "$LK" ls
	else
		chmod 000 laptop
		lk ls
	fi
	is 78 "" "lk: $T/laptop/identity: Permission denied; set LK_HOME to a directory of yours"
}

@test "a name in what is to be done is one that can be typed" {
	device laptop
	"$LK" new "Ann's list"
	lk get "Ann's list" /nope
	is 66 "" "lk: Ann's list /nope: nothing there; lk get 'Ann'\\''s list' shows what is there"
}

@test "a socket path that is too long is refused" {
	export LK_SOCKET=/$(printf 'x%.0s' {1..120})
	lk ls
	is 78 "" "lk: LK_SOCKET: the path is too long; a socket has a path of at most 107 bytes"
}

@test "without lkd the error says what to do" {
	cp "$LK" lk
	export LKD=$T/nothing/lkd
	run --separate-stderr ./lk init
	is 69 "" "lk: $T/nothing/lkd: cannot be started: No such file or directory; install lkd beside lk, or set LKD"
}

@test "lk is linked with json-c, libbsd, libqrencode and the C library only" {
	command -v readelf >/dev/null || skip "no readelf"
	readelf -d "$LK" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
	    grep -Ev '^(libjson-c|libbsd|libqrencode|libmd|libc|libm|libasan|libubsan|libtsan|libgcc_s|ld-linux.*)\.so' >extra || true
	[ ! -s extra ]
}

@test "output that cannot be written is an error" {
	run --separate-stderr bash -c '"$LK" help >/dev/full'
	is 74 "" "lk: standard output: No space left on device"
}

@test "a quiet init says the phrase and nothing else" {
	run --separate-stderr on tablet init --quiet
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(wc -w <<<"$output")" -eq 12 ]
}
