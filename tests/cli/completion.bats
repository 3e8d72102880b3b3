# What shells complete: what lk says may come next, and real shells that ask it.

load setup

# next WORD...: what may stand in the place of the last word, without what it is.
next() {
	"$LK" completion words -- "$@" | sed 's/\(.\)	.*/\1/'
}

# said TEXT: standard input is that.
said() {
	diff -u <(printf "$1") -
}

@test "commands, verbs and options are completed, without a daemon" {
	next st | said 'status\n'
	next share --r | said '\055\055role\n'
	next device re | said 'rename\nrevoke\n'
	next guardian ask --g | said '\055\055grant\n'
	next help ver | said 'verify\nversion\n'
	next --quiet completion '' | said 'bash\nzsh\nfish\n'
	next ls -- -- | said ''
	next frob '' | said ''
	next frob get '' | said ''
	run --separate-stderr bash -c '"$LK" completion words -- --vers --colo'
	is 0 "--color	always, never or auto (also NO_COLOR)" ""
	run --separate-stderr bash -c '"$LK" completion words'
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq "$("$LK" help | grep -c '^  [a-z]')" ]
	[ ! -e "$T/laptop/lock" ]
}

@test "options say what they take" {
	next share --role '' | said 'relay\nread\nwrite\nadmin\n'
	next share --role=a | said '\055\055role=admin\n'
	next share -r w | said 'write\n'
	next new --type t | said 'text\n'
	next sync --wait= | said '\055\055wait=all\n'
	next mark -e b | said 'before\nboth\n'
	next --color=n | said '\055\055color=never\n'
	next import '' | said '\tfiles\n'
	next mirror add '' | said '\tfolders\n'
	next backup create '' | said '\tfolders\n'
	next backup restore --files '' | said '\tfolders\n'
	next set --bytes '' | said '\tfiles\n'
}

@test "every option is explained in the help of its command" {
	for verb in $("$LK" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
		"$LK" completion words -- "$verb" -- | grep -v '	.' && false
		"$LK" completion words -- "$verb" --
	done >all
	[ "$(grep -c '^--' all)" -gt 200 ]
}

@test "documents, people, devices, remotes and revisions are completed" {
	device laptop
	paired laptop phone
	device ann
	"$LK" new shopping
	"$LK" new 'my list'
	"$LK" set shopping /milk 1 -m first
	"$LK" branch shopping draft
	on ann accept "$("$LK" invite shopping --role read)"
	mkdir stick
	"$LK" -q remote add stick "file://$T/stick"
	next get s | said 'shopping\nshopping/draft\n'
	next get m | said 'my list\n'
	next export a b s | said 'shopping\nshopping/draft\n'
	next share shopping a | said 'ann\n'
	next share --role read shopping p | said 'phone\n'
	next contact rename '' | said 'ann\n'
	next revoke shopping a | said 'ann\n'
	next revoke shopping l | said ''
	next device rename p | said 'phone\n'
	next remote test '' | said 'stick\n'
	next merge shopping d | said 'draft\n'
	next diff shopping @0 dr | said 'draft\n'
	next get shopping --at dr | said 'draft\n'
	"$LK" completion words -- show shopping '' | grep '^[0-9a-f]\{8\}	.*: first$'
	next log shopping '' | said ''
	next mirror status '' | tail -n 2 | said 'shopping/draft\n\tfolders\n'
	run --separate-stderr "$LK" completion words --json -- get my
	is 0 '{"schema":"lk.completion/1","words":[{"word":"my list","about":"map"}],"files":null}' ""
	run --separate-stderr "$LK" completion words -- get no-document --at ''
	is 0 "" ""
}

@test "what this device has forgotten is completed where it is asked for again" {
	device laptop
	"$LK" new shopping
	"$LK" -q forget --force shopping
	next get s | said ''
	next forget --undo s | said 'shopping\n'
}

@test "a device that is revoked is not completed" {
	device laptop
	paired laptop phone
	next device show p | said 'phone\n'
	on laptop device revoke phone >/dev/null
	next device show p | said ''
}

@test "a document named like an option is offered behind -- alone" {
	device laptop
	"$LK" new -- -x
	"$LK" new -- --root
	"$LK" new -- plain
	next get '' | said 'plain\n'
	next get -- '' | sort | said '\055\055root\n\055x\nplain\n'
}

@test "names are not asked of a daemon that does not run" {
	device laptop
	"$LK" new shopping
	"$LK" -q daemon stop
	next get '' | said ''
	"$LK" daemon status && false
	next get no-document --at '' | said ''
}

@test "completion prints what each shell loads" {
	for shell in bash zsh fish; do
		lk completion $shell
		is 0 "$(cat "$BATS_TEST_DIRNAME/../../cli/shell/lk.$shell")" ""
		lk completion $shell --json
		[[ $output == '{"schema":"lk.completion/1","shell":"'$shell'","script":"#'* ]]
	done
	lk completion csh
	is 64 "" "lk: completion: csh: expected bash, zsh or fish; did you mean lk completion zsh?"
	lk completion bash zsh
	is 64 "" "lk: completion: bash: wrong number of operands; usage: lk completion bash|zsh|fish"
}

# What a person types, Tab included, and what it has to come to.
typed() {
	command -v "$1" >/dev/null || skip "no $1"
	device laptop
	device ann
	"$LK" new shopping
	"$LK" set shopping /milk '"oat"'
	"$LK" branch shopping draft
	"$LK" set shopping /milk '"rye"'
	"$LK" new 'my list'
	"$LK" set 'my list' /a '"hazel"'
	on ann accept "$("$LK" invite shopping --role read)"
	printf 'rowan' >'some notes.md'
	PATH=$(dirname "$LK"):$PATH
	"$BATS_TEST_DIRNAME/../tools/typed.py" "$1" \
	    'lk get --js\t my\t' hazel \
	    'lk get shop\t --a\t dr\t' oat \
	    'lk get shopping --at=dr\t' oat \
	    'lk get "my l\t' hazel \
	    'lk share --role=wr\t shopping an\t && lk members shopping | tr w W' Write \
	    'lk device sh\t lap\t' 'rank 1000' \
	    'lk contact verify an\t' 'Your words' \
	    'lk import some\t && echo do""ne' done \
	    'lk get some\t' rowan
}

@test "bash completes what is typed, and quotes it" {
	typed bash
}

@test "zsh completes what is typed, and quotes it" {
	typed zsh
}

@test "fish completes what is typed, and quotes it" {
	typed fish
}

# Names that would be commands, were they not quoted: Tab outside of quotes, and
# inside of both kinds.
harmful() {
	command -v "$1" >/dev/null || skip "no $1"
	local name letter quote
	device laptop
	for name in 'a$(touch PWNED)b' 'c`touch PWNED`d' "e'; touch PWNED; 'f" \
	    'g"; touch PWNED; "h' 'i; touch PWNED' 'j!!k' 'l m:n'; do
		"$LK" new "$name"
		"$LK" set "$name" /a '"hazel"'
	done
	PATH=$(dirname "$LK"):$PATH
	for letter in a c e g i j 'l\ m:' '"l m:' "'l m:"; do
		set -- "$@" "lk get $letter\\t" hazel
	done
	for letter in a c e g j; do
		for quote in \" \'; do
			# bash cannot quote inside of quotes: it completes nothing.
			if [ "$1" = bash ]; then
				set -- "$@" "lk get $quote$letter\\t$quote; echo do''ne" done
			else
				set -- "$@" "lk get $quote$letter\\t" hazel
			fi
		done
	done
	"$BATS_TEST_DIRNAME/../tools/typed.py" "$@"
	[ ! -e PWNED ]
}

@test "bash runs nothing that is a name" {
	harmful bash
}

@test "zsh runs nothing that is a name" {
	harmful zsh
}

@test "fish runs nothing that is a name" {
	harmful fish
}
