# Handing the daemon over to systemd.

load setup

@test "daemon install enables the unit with the user's systemctl, once nothing else runs" {
	device laptop
	on laptop daemon status >/dev/null
	# There is no session here: what is asked of systemctl is written down.
	mkdir "$T/path"
	printf '#!/bin/sh\necho "$@" >"%s/asked"\nexit ${ANSWER:-0}\n' "$T" >"$T/path/systemctl"
	chmod +x "$T/path/systemctl"
	for name in LK_HOME LK_SOCKET XDG_DATA_HOME; do
		run --separate-stderr env -u LK_HOME "$name=$T/laptop" HOME="$T" PATH="$T/path:$PATH" "$LK" daemon install
		is 64 "" "lk: $name is set, and the unit is for the store of the default place; unset $name, or: systemctl --user edit lkd"
	done
	[ ! -e "$T/asked" ]
	run --separate-stderr env -u LK_HOME LK_SOCKET= HOME="$T" PATH="$T/path:$PATH" "$LK" daemon install
	is 0 "daemon: lkd.service runs it from now on, at every login" ""
	[ "$(cat "$T/asked")" = "--user enable --now lkd.service" ]
	run --separate-stderr env -u LK_HOME ANSWER=1 HOME="$T" PATH="$T/path:$PATH" "$LK" daemon install
	[ "$status" -eq 69 ]
	[[ $stderr == "lk: systemctl --user: failed; "* ]]
}
