# watch as a part of scripts: a command for each change, a cursor kept in a file.

load setup

# A document d with a counter, set to 0 and then counted up N times.
counted() {
	device laptop
	on laptop new d
	on laptop set --counter d /c 0
	more "$1"
}

more() {
	local i
	for ((i = 0; i < $1; i++)); do
		on laptop inc d /c
	done
}

# The hashes of all changes in the order of the log.
hashes() {
	on laptop log d --json | field_each hash | tac
}

field_each() {
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p"
}

@test "--exec runs a command for each change, with its line on standard input" {
	counted 3
	on laptop watch --json --since 0 --no-wait >lines
	[ "$(wc -l <lines)" -eq 4 ]
	lk watch --since 0 -n 4 --exec 'cat'
	is 0 "$(cat lines)" ""
	lk watch --since 0 --no-wait d -x 'echo "$LK_DOC $LK_DOC_ID $LK_CHANGE $LK_CURSOR"'
	[ "$status" -eq 0 ]
	[ "$output" = "$(jq -r '"\(.name) \(.doc) \(.hash) \(.cursor)"' lines)" ]
}

@test "the next command runs when the one before has ended, and need not read" {
	counted 5
	lk watch --since 0 --no-wait --exec 'exec <&-; mkdir busy && echo >>done && rmdir busy'
	is 0 "" ""
	[ "$(wc -l <done)" -eq 6 ]
}

@test "a command is waited for where ends of children are ignored" {
	counted 1
	run --separate-stderr env --ignore-signal=CHLD "$LK" watch --cursor at --since 0 --no-wait --exec 'echo ran'
	is 0 "ran
ran" ""
	lk watch --cursor at --no-wait --exec 'echo ran'
	is 0 "" ""
}

@test "a command that fails ends it, with the cursor before that change" {
	counted 3
	on laptop watch --json --since 0 --no-wait >lines
	third=$(sed -n 3p lines | field cursor)
	lk watch --cursor at --since 0 --exec "test \$LK_CURSOR != $third && echo \$LK_CURSOR"
	is 3 "$(head -n 2 lines | field_each cursor)" \
	    "lk: watch: the command ended with status 1 for the change at cursor $third; the next lk watch begins with it"
	[ "$(cut -d' ' -f1 at)" = "$(sed -n 2p lines | field cursor)" ]
	lk watch --cursor at --no-wait --exec 'echo $LK_CURSOR'
	is 0 "$(tail -n 2 lines | field_each cursor)" ""
	lk watch --since 0 --exec 'kill -9 $$'
	first=$(head -n 1 lines | field cursor)
	is 3 "" "lk: watch: the command was ended by signal 9 for the change at cursor $first; lk watch --since $((first - 1)) begins with it"
	lk watch --since $((first - 1)) -n 1 --exec 'echo $LK_CURSOR' --json
	is 0 "$first" ""
	lk watch --json --since 0 --exec 'exit 7'
	is 3 "" '{"error":"command","code":3,"message":"watch: the command ended with status 7 for the change at cursor '"$first"'","hint":"lk watch --since '$((first - 1))' begins with it"}'
}

@test "with --keep-going it goes on behind a failure, and says so in the end" {
	counted 3
	second=$(on laptop watch --json --since 0 --no-wait | sed -n 2p | field cursor)
	lk watch --cursor at --since 0 --no-wait -k --exec "read -r line; echo ran; case \$line in *'\"cursor\":$second'[,}]*) false; esac"
	[ "$status" -eq 3 ]
	[ "${#lines[@]}" -eq 4 ]
	[ "$stderr" = "lk: watch: the command ended with status 1 for the change at cursor $second" ]
	lk watch --cursor at --no-wait -k --exec 'echo $LK_CURSOR'
	is 0 "" ""
	lk watch -k
	is 64 "" "lk: watch: --keep-going is about --exec; usage: lk watch [option ...] [DOC ...]"
}

@test "--cursor gives each change once, whenever it is stopped in an orderly way" {
	counted 0
	mkfifo ran go
	# Stopped while the command runs: lk waits for it.
	"$LK" watch --cursor at --since 0 --exec 'echo $LK_CHANGE >>seen; echo >ran; read -r x <go' &
	read -r x <ran
	kill -TERM $!
	echo >go
	status=0
	wait $! || status=$?
	[ "$status" -eq 143 ]
	[ "$(wc -l <seen)" -eq 1 ]
	for i in {1..5}; do
		more 2
		on laptop watch --cursor at -n 1 --exec 'echo $LK_CHANGE >>seen'
	done
	on laptop watch --cursor at --no-wait --exec 'echo $LK_CHANGE >>seen'
	[ "$(wc -l <seen)" -eq 11 ]
	hashes | cmp - seen
	on laptop watch --cursor at --no-wait --exec 'echo $LK_CHANGE >>seen'
	[ "$(wc -l <seen)" -eq 11 ]
}

@test "after a crash at most the last change comes again, with the same cursor" {
	counted 2
	lk watch --cursor at --since 0 --exec 'echo $LK_CURSOR >>seen; kill -9 $PPID'
	[ "$status" -eq 137 ]
	lk watch --cursor at --since 0 --no-wait --exec 'echo $LK_CURSOR >>seen'
	is 0 "" ""
	[ "$(wc -l <seen)" -eq 4 ]
	[ "$(uniq seen | wc -l)" -eq 3 ]
	[ "$(sed -n 1p seen)" = "$(sed -n 2p seen)" ]
}

@test "a daemon that is started again meanwhile loses nothing" {
	counted 2
	: >seen
	on laptop watch --since 0 -n 4 --cursor at --exec '"$LK" -q daemon stop; "$LK" -q daemon start; echo $LK_CHANGE >>seen' 2>complaint &
	watching=$!
	until_ seen_are 3
	more 1
	wait "$watching"
	[ ! -s complaint ]
	hashes | cmp - seen
}

@test "a watch that has nothing to do outlives its daemon" {
	counted 1
	: >seen
	on laptop watch --since 0 -n 3 --exec 'echo $LK_CHANGE >>seen' 2>complaint &
	watching=$!
	until_ seen_are 2
	on laptop daemon stop
	on laptop daemon start >/dev/null
	more 1
	wait "$watching"
	[ ! -s complaint ]
	hashes | cmp - seen
}

seen_are() {
	[ "$(wc -l <seen)" -eq "$1" ]
}

@test "a new cursor file begins now, and keeps what comes until the next time" {
	counted 1
	lk watch --cursor at --no-wait
	is 0 "" ""
	more 2
	lk watch --cursor at --no-wait --json
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	lk watch --cursor at --no-wait --json
	is 0 "" ""
	# A number is enough; an empty file is a new one.
	echo 0 >at
	lk watch --cursor at --json -n 2
	[ "${#lines[@]}" -eq 2 ]
	[ "$(cut -d' ' -f1 at)" = "$(field cursor <<<"${lines[1]}")" ]
	: >at
	lk watch --cursor at --no-wait
	is 0 "" ""
	[ "$(wc -c <at)" -eq 85 ]
}

@test "a cursor file of another store, of something else, or in use, is refused" {
	counted 1
	on laptop watch --cursor at --no-wait
	device phone
	run --separate-stderr on phone watch --cursor at --no-wait
	is 64 "" "lk: at: its cursor is one of another device; cursors belong to one store"
	for text in "hello" "12 hello" "-1" "12 $(printf 'a%.0s' {1..64}) 1" "$(printf '%0200d' 0)"; do
		echo "$text" >bad
		lk watch --cursor bad --no-wait
		is 65 "" "lk: bad: there is something else in it than a cursor; name a file that holds nothing else"
		[ "$(cat bad)" = "$text" ]
	done
	printf '\0' >bad
	lk watch --cursor bad --no-wait
	is 65 "" "lk: bad: there is something else in it than a cursor; name a file that holds nothing else"
	echo 99999 >far
	lk watch --cursor far --no-wait
	is 64 "" "lk: 99999: not a cursor of this store; cursors belong to one store"
	lk watch --cursor no/where --no-wait
	is 73 "" "lk: no/where: No such file or directory"
	exec {held}<>at
	flock "$held"
	lk watch --cursor at
	is 75 "" "lk: at: another lk watch goes on from it; one file for each of them"
	exec {held}>&-
}
