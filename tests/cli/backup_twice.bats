# One backup had back on two machines: the phrase acts on both, apart.

load setup
load backup

# back DEVICE: the backup on an empty machine of that name, which meets the
# others through the folder stick.
back() {
	on "$1" backup restore dest --name "$1" <phrase >/dev/null
	on "$1" remote add stick "file://$T/stick" >/dev/null
}

has() {
	on "$1" get plan --json | grep -q "\"$2\""
}

knows() {
	on "$1" members plan | grep -Eq "^$2 +admin"
}

@test "a backup restored on two machines makes two devices, and the phrase still ends either" {
	person
	mkdir stick
	on laptop backup create dest >/dev/null
	on laptop daemon stop
	rm -rf laptop
	back one
	back two
	on one set plan /one 1
	on two set plan /two 2
	for d in one two; do
		until_ has "$d" one
		until_ has "$d" two
	done
	until_ knows one two
	until_ knows two one
	# By then the phrase has written twice from one place, which is its right.
	run --separate-stderr on one status
	[[ $output != *forked* ]]
	run --separate-stderr on one device revoke --phrase-file phrase two
	[ "$status" -eq 0 ]
	until_ sh -c "! LK_HOME=$T/one '$LK' members plan | grep -Eq '^two +admin'"
}
