# Every command works in a script at night: nothing on standard input, no
# controlling terminal, nobody to answer a question.

load setup

# Who adds a command adds a line here for each way it is called: the status it
# ends with, and its arguments.  A status of 64 stands for one that would ask
# somebody, and says what a script does instead.  They run in this order on a
# device that has a map m, a text t, a contact friend who may read m, and a
# folder to put things in; a word in capitals stands for what words_set says.
ways() {
	cat <<-'END'
		init 73 init --name laptop
		init 64 init --recover KEY@127.0.0.1:1
		pair 0 pair --ticket
		pair 64 pair --code --ticket
		pair 64 pair CODE@
		device 0 device ls
		device 0 device show laptop
		device 0 device rename laptop desk
		device 64 device revoke --phrase desk
		key 0 key show
		key 0 key rotate
		key 64 key passwd
		new 0 new n
		rename 0 rename n other
		rename 0 rename other n
		ls 0 ls -l
		rename 0 rename n nn
		rename 0 rename nn n
		get 0 get m /a
		set 0 set m /a 2
		set 0 set m /list [1]
		rm 0 rm m /gone
		insert 0 insert m /list/0 3
		inc 0 inc m /count
		splice 0 splice t "" 0 0 text
		mark 0 mark t "" 0 2 bold
		edit 64 edit t
		edit 64 edit m
		apply 65 apply m
		apply 0 apply m OPS
		import 0 import NOTES
		import 64 import -
		export 0 export m
		export 0 export -o out t
		log 0 log m
		show 0 show m @0
		diff 1 diff m @1
		blame 0 blame t
		watch 0 watch --no-wait
		watch 0 watch --since 0 --no-wait --exec cat
		mirror 0 mirror ls
		mirror 0 mirror status
		mirror 0 mirror add FOLDER n
		mirror 0 mirror pause n
		mirror 0 mirror resume n
		mirror 0 mirror rm n
		branch 0 branch m draft
		merge 0 merge m draft
		restore 0 restore m @1
		undo 0 undo m
		contact 0 contact ls
		contact 0 contact verify friend
		contact 0 contact rename friend pal
		contact 64 contact pair CODE@
		invite 0 invite m
		accept 65 accept lk1-nothing
		accept 64 accept -
		share 0 share n pal
		members 0 members m
		guardian 66 guardian sign REQUEST
		why 0 why m @0
		quarantine 0 quarantine m
		adopt 66 adopt m aaaaaaaa
		revoke 0 revoke m pal
		leave 0 leave n
		forget 77 forget n
		forget 0 forget --force n
		forget 0 forget --list
		forget 0 forget --undo n
		status 0 status
		sync 0 sync
		verify 0 verify
		peers 0 peers
		relay 78 relay status
		remote 0 remote ls
		remote 0 remote add stick file://FOLDER
		remote 0 remote test stick
		remote 0 remote rm stick
		daemon 0 daemon status
		daemon 0 daemon logs
		daemon 0 daemon stop
		daemon 0 daemon start
		daemon 0 daemon restart
		version 0 version
		help 0 help
		completion 0 completion bash
		config 0 config ls
		doctor 0 doctor
		backup 0 backup create FOLDER
		backup 0 backup ls FOLDER
		backup 0 backup check --sealed FOLDER
		backup 0 backup forget FOLDER --keep-last 1
		backup 0 backup prune FOLDER
		backup 64 backup check FOLDER
		backup 64 backup key -
		backup 64 backup diff FOLDER abcd
		backup 64 backup restore FOLDER
	END
}

# What stands for what in these lines.
words_set() {
	mkdir -p folder/lk1
	printf 'notes\n' >notes.md
	echo '{"set":"/b","value":1}' >ops
	sed -i "s|FOLDER|$T/folder|g; s|OPS|$T/ops|; s|NOTES|$T/notes.md|
	    s|CODE|42-jikoh-katif-sizok|; s|KEY|$(printf 'a%.0s' {1..64})|" ways
}

# alone SECONDS ARGUMENT...: lk in a session of its own, which has no terminal.
alone() {
	timeout -k 1 "$1" setsid -w "$LK" "${@:2}" </dev/null
}

# way STATUS ARGUMENT...: fails, and says why, if it does not end so.
way() {
	local want=$1 ended=0
	shift
	alone 30 "$@" >said 2>complaint || ended=$?
	if [ "$ended" -ne "$want" ]; then
		printf 'lk %s: status %s, expected %s\n' "$*" "$ended" "$want"
		cat said complaint
		return 1
	fi
	case $ended in 0 | 1) return ;; esac
	if [ ! -s complaint ] || grep -v '^lk: ' complaint; then
		printf 'lk %s: not lines that say what is wrong:\n' "$*"
		cat complaint
		return 1
	fi
}

@test "every command works without a terminal, or says at once that it cannot" {
	local verb status arguments bad=0
	device laptop
	device friend
	on laptop import --as m <(echo '{"a":1,"gone":1}') --format json
	on laptop set --counter m /count 0
	on laptop new --type text t
	on friend accept "$(on laptop invite m --role read)" >/dev/null
	ways >ways
	words_set
	while read -r verb status arguments; do
		grep -q "^  $verb " <<<"$("$LK" help)" || continue
		eval "way $status $arguments" >&2 || bad=1
	done <ways
	[ "$bad" -eq 0 ]
}

@test "there is a line here for every command" {
	local verb
	ways >ways
	for verb in $("$LK" help | sed -n 's/^  \([a-z]*\)  *[A-Z].*/\1/p'); do
		grep -q "^$verb " ways || {
			printf '%s\n' "lk $verb is not tried without a terminal: add a line for each way to call it," \
			    "\"$verb STATUS ARGUMENTS\", to ways() in tests/cli/no_terminal.bats" >&2
			return 1
		}
	done
}
