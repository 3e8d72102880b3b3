# What every test has: a folder of its own with a store for each device in it,
# and daemons that end with the test.  LK is the lk to test; lkd is beside it.

bats_require_minimum_version 1.5.0

setup() {
	T=$(mktemp -d /tmp/lkt.XXXXXX)
	cd "$T"
	unset XDG_RUNTIME_DIR XDG_DATA_HOME LK_SOCKET LK_LISTEN LK_LOG LKD
	unset VISUAL EDITOR
	export LC_ALL=C.UTF-8 TZ=UTC TMPDIR=$T
	# A daemon has nowhere to complain to: what sanitizers say is kept here.
	export ASAN_OPTIONS=log_path=$T/sanitizer
	export UBSAN_OPTIONS=log_path=$T/sanitizer:print_stacktrace=1
	export LK_HOME=$T/laptop
	: "${LK:?is the lk to test}"
}

teardown() {
	local home
	for home in "$T"/*/; do
		[ -e "$home/identity" ] || [ -e "$home/lock" ] || continue
		LK_HOME=${home%/} "$LK" -q daemon stop >&2 || true
	done
	# What a test has mounted in its folder.
	sed -n "s|^[^ ]* \($T/[^ ]*\) .*|\1|p" /proc/mounts | xargs -r umount
	if compgen -G "$T/sanitizer.*" >/dev/null; then
		cat "$T"/sanitizer.* >&2
		return 1
	fi
	chmod -R u+rwx "$T"
	rm -rf "$T"
}

# on DEVICE ARGUMENT...: lk as that device.
on() {
	LK_HOME=$T/$1 "$LK" "${@:2}"
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

lk() {
	run --separate-stderr "$LK" "$@"
}

# A field of JSON on stdin: field NAME, for values without quotes in them.
field() {
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p" | head -n 1
}
