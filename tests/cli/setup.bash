# What every test has: a folder of its own with a store for each device in it,
# and daemons that end with the test.  LK is the lk to test; lkd is beside it.

bats_require_minimum_version 1.5.0

setup() {
	T=$(mktemp -d /tmp/lkt.XXXXXX)
	cd "$T"
	unset XDG_RUNTIME_DIR XDG_DATA_HOME LK_SOCKET LK_LISTEN LK_LOG LKD
	unset VISUAL EDITOR
	export LC_ALL=C.UTF-8 TZ=UTC TMPDIR=$T
	export LK_HOME=$T/laptop
	sanitizers
	: "${LK:?is the lk to test}"
}

teardown() {
	local home
	for home in "$T"/*/; do
		[ -e "$home/identity" ] || [ -e "$home/lock" ] || continue
		LK_HOME=${home%/} "$LK" -q daemon stop >&2 || true
	done
	chmod -R u+rwx "$T"
	reports "$T"
	# What a test has mounted in its folder.
	sed -n "s|^[^ ]* \($T/[^ ]*\) .*|\1|p" /proc/mounts | xargs -r umount
	rm -rf "$T"
}

# What sanitizers say is kept in the home, which they make when they begin: a
# daemon has nowhere else to write.
sanitizers() {
	export ASAN_OPTIONS=log_path=$LK_HOME/sanitizer
	export UBSAN_OPTIONS=log_path=$LK_HOME/sanitizer:print_stacktrace=1
}

# reports DIRECTORY: prints what sanitizers said there, and fails if they did.
reports() {
	local said
	said=$(find "$1" -name 'sanitizer.*')
	[ -z "$said" ] || { xargs cat <<<"$said" >&2 && return 1; }
}

# on DEVICE ARGUMENT...: lk as that device.
on() (
	export LK_HOME=$T/$1
	sanitizers
	shift
	[[ " $* " == *" --json "* ]] || exec "$LK" "$@"
	set -o pipefail
	"$LK" "$@" | tee -a "$(answer "$@")"
)

# answer ARGUMENT...: a new file, for what lk says in JSON when called so.
answer() {
	local file
	file=$(mktemp "$BATS_FILE_TMPDIR/answer.XXXXXX")
	printf '# %s\n' "$*" >"$file"
	printf '%s\n' "$file"
}

# Every answer of these tests is as docs/schema says.
teardown_file() {
	local tools=$BATS_TEST_DIRNAME/../tools
	/usr/bin/python3 "$tools/answers.py" check "$BATS_FILE_TMPDIR"
}

# Makes the identity of a device.
device() {
	on "$1" init --name "$1" >/dev/null
}

# Makes a second device of the same person.
paired() {
	device "$2"
	on "$2" pair "$(on "$1" pair --ticket)" >/dev/null
}

# is STATUS STDOUT STDERR: what the last `run --separate-stderr` gave.
is() {
	if [ "$status" -ne "$1" ] || [ "$output" != "$2" ] ||
	    [ "$stderr" != "$3" ]; then
		printf 'status %s, expected %s\n' "$status" "$1"
		printf 'stdout: %s\nexpect: %s\n' "$output" "$2"
		printf 'stderr: %s\nexpect: %s\n' "$stderr" "$3"
		return 1
	fi
}

# until_ COMMAND ARGUMENT...: the command again and again until it succeeds, for
# what a daemon does in its own time; 20 s at most.
until_() {
	local i
	for ((i = 0; i < 200; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		read -rt 0.1 <> <(:) || true
	done
	return 1
}

lk() {
	run --separate-stderr "$LK" "$@"
	[[ " $* " != *" --json "* ]] ||
	    printf '%s\n%s\n' "$output" "$stderr" >>"$(answer "$@")"
}

# A field of JSON on stdin: field NAME, for values without quotes in them.
field() {
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p" | head -n 1
}

# refused STATUS LINE: the last `lk` or `run` ended so, with nothing on stdout
# and exactly this line, a pattern, on stderr.
refused() {
	# shellcheck disable=SC2053
	if [ "$status" -ne "$1" ] || [ "$output" != "" ] ||
	    [ "$(wc -l <<<"$stderr")" -ne 1 ] || [[ $stderr != $2 ]]; then
		printf 'status %s, expected %s\n' "$status" "$1"
		printf 'stdout: %s\nstderr: %s\nexpect: %s\n' \
		    "$output" "$stderr" "$2"
		return 1
	fi
}

# Everything a device can say about what it has.
state_of() {
	local name
	on "$1" device ls --json
	on "$1" ls --json
	for name in $(on "$1" ls); do
		on "$1" get "$name" --typed --json
		on "$1" log "$name" --access --json
		on "$1" members "$name" --all --json
	done
}
