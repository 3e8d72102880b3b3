# The settings of the daemon: shown, changed, and what they do.

load setup

@test "every setting has a default, which is one of its values" {
	lk config ls
	is 0 "listen      0     default  where other devices connect to
log         info  default  how much is logged, and where
address     -     default  addresses to tell others besides those found
discovery   on    default  whether devices are found on the local network
backup-age  14d   default  how old a backup is when lk doctor warns; 0: never" ""
	for name in listen log discovery backup-age; do
		lk config get $name
		default=$output
		lk config set $name "$default"
		is 0 "" ""
		lk config get $name
		is 0 "$default" ""
	done
	device laptop
	lk config ls
	[[ $output == *"listen      0     file"* ]]
	run --separate-stderr "$LK" config get address --json
	is 0 '{"schema":"lk.config/1","name":"address","values":[],"default":"","from":"default","about":"addresses to tell others besides those found"}' ""
}

@test "a setting is written, changed and taken away, and the rest of the file stays" {
	mkdir -m 700 laptop
	printf '# mine\nlog warn # not much\n\nlisten 127.0.0.1:0' >laptop/config
	"$LK" config set discovery off
	"$LK" config set log debug "$T/log of lk"
	"$LK" config set address a.example:1 '[::1]:2'
	[ "$(cat laptop/config)" = "# mine
log debug
log $T/log of lk

listen 127.0.0.1:0
discovery off
address a.example:1
address [::1]:2" ]
	lk config get address
	is 0 "a.example:1
[::1]:2" ""
	"$LK" config set log
	"$LK" config set address
	[ "$(cat laptop/config)" = "# mine

listen 127.0.0.1:0
discovery off" ]
	lk config get log
	is 0 "info" ""
}

@test "what is set holds when the daemon starts, and is said before" {
	device laptop
	lk config set discovery off
	is 0 "" "lk: discovery: counts when the daemon starts again: lk daemon restart"
	"$LK" daemon status | grep '^discovery  on'
	"$LK" daemon stop
	"$LK" daemon start
	"$LK" daemon status | grep '^discovery  off'
	"$LK" -q config set listen 127.0.0.1:0
	"$LK" -q daemon stop
	"$LK" daemon start
	"$LK" daemon status | grep '^listen     127.0.0.1'
	"$LK" -q config set log debug "$T/elsewhere"
	"$LK" -q daemon stop
	"$LK" daemon start
	grep -q ' ' elsewhere
}

@test "the environment goes before the file" {
	"$LK" config set listen 127.0.0.1:1
	LK_LISTEN=127.0.0.1:2 lk config ls
	[[ $output == *"listen      127.0.0.1:2  LK_LISTEN"* ]]
	LK_LOG='' lk config get log
	is 0 "info" ""
}

@test "what is no value, or no setting, changes nothing" {
	for value in nowhere example.org:1 1:2:3 65536 -1; do
		lk config set -- listen "$value"
		refused 64 "lk: config: listen: $value: expected HOST:PORT, :PORT or PORT, HOST in digits; usage: lk config set SETTING \\[VALUE ...]; more in lk help config"
	done
	lk config set discovery maybe
	refused 64 "lk: config: discovery: maybe: expected on or off; *"
	lk config set discovery on off
	refused 64 "lk: config: discovery: has at most 1 value; *"
	lk config set address :1
	refused 64 "lk: config: address: :1: expected HOST:PORT; *"
	for value in $'a\nb' 'a#b' 'a\b' ' a' 'a '; do
		lk config set log "$value"
		[ "$status" -eq 64 ]
		[[ $stderr == *"no #, no backslash, no blank at an end"* ]]
	done
	lk config set lsiten 1
	is 66 "" "lk: lsiten: no such setting; did you mean listen?"
	lk config get frob
	is 66 "" "lk: frob: no such setting; lk config ls lists them"
	lk config set
	is 64 "" "lk: config: set: wrong number of operands; usage: lk config set SETTING [VALUE ...]; more in lk help config"
	lk config st
	is 64 "" "lk: config: st: expected ls, get or set; did you mean lk config set?"
	[ ! -e laptop/config ]
}

@test "a file that is not understood is neither shown nor written" {
	mkdir -m 700 laptop
	printf 'frob 1\n' >laptop/config
	for args in "ls" "get log" "set log warn"; do
		lk config $args
		is 78 "" "lk: $T/laptop/config: not understood: frob 1; mend it; lk.conf(5) says how"
	done
	[ "$(cat laptop/config)" = "frob 1" ]
}

@test "every setting is in lk.conf(5), with its default" {
	page=$BATS_TEST_DIRNAME/../../docs/man/lk.conf.5
	"$LK" config ls --json | jq -r '.settings[] | .name + " " + .default' | while read -r name default; do
		sed -n "/^\.It Ic $name /,/^\.It\|^\.El/p" "$page" >entry
		grep -q '^Default:' entry
		[ -z "$default" ] || grep -A 1 '^Default:' entry | grep -q "^\.[A-Z][a-z] $default"
	done
	[ "$(grep -c '^\.It Ic' "$page")" -eq "$("$LK" config ls | wc -l)" ]
}
