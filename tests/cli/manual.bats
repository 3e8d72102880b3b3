# The manuals: their form, and that they have everything; their examples are run
# by tests/tools/examples.py.

load setup

man=$BATS_TEST_DIRNAME/../../docs/man

@test "the manuals are lint-clean" {
	command -v mandoc >/dev/null || skip "no mandoc"
	run mandoc -T lint -W warning "$man"/*.[1-8]
	[ "$status" -eq 0 ]
	[ "$output" = "" ]
}

@test "every command is in the manual" {
	for verb in $("$LK" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
		grep -q "^\.It Cm $verb" "$man/lk.1"
	done
}

# Each command of the README's blocks, without comments, a line each.
readme() {
	sed -n 's/^    \(lk .*\)/\1/p' "$BATS_TEST_DIRNAME/../../README.md" |
	    sed 's/ *#.*//; s/ > .*//; s/; /\n/g; s/ && /\n/g'
}

@test "what the README types exists: commands, their verbs and options" {
	[ "$(readme | wc -l)" -gt 40 ]
	readme | while read -r lk verb rest; do
		[ "$lk" = lk ]
		help=$("$LK" help "$verb")
		second=${rest%% *}
		verbs=$("$LK" completion words -- "$verb" '' | cut -f 1)
		if grep -qx "lk $verb [a-z|]*\( .*\)\?" <<<"${help/usage: /}" && [ "$verb" != help ]; then
			grep -qx -- "$second" <<<"$verbs" || { echo "$verb $rest" >&2; false; }
		fi
		for option in $(grep -o -- '--[a-z-]*' <<<"$rest"); do
			"$LK" completion words -- "$verb" "$option" | grep -q "^$option	" ||
			    { echo "$verb $option" >&2; false; }
		done
	done
}

@test "every method of the daemon is in docs/control.md" {
	dir=$BATS_TEST_DIRNAME/../..
	sed -n '/struct command [a-z]*\[\]/,/^}/s/^	{ "\([a-z.]*\)", .*/\1/p' "$dir"/daemon/command_*.c \
	    "$dir"/daemon/control_builtin.c >methods
	[ "$(wc -l <methods)" -ge 30 ]
	while read -r method; do
		grep -q "\`$method\`" "$dir/docs/control.md" ||
		    { echo "$method" >&2; false; }
	done <methods
}
