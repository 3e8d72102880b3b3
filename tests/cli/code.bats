# Pairing by a code that one device shows and the other one types.

load setup

# shows DEVICE VERB ...: begins to show a code; `code` is it, with an address.
# What the command says later is read from descriptor 9.
shows() {
	local line port
	rm -f said
	mkfifo said
	(
		export LK_HOME=$T/$1
		sanitizers
		exec "$LK" "${@:2}" --json
	) >said 2>complaint 9>&- &
	showing=$!
	exec 9<said
	read -r line <&9
	[[ $line == '{"schema":"lk.code/1","event":"code","purpose":"'* ]]
	[[ $line == *'"expires_ms":300000,"addresses":["'* ]]
	port=$(on "$1" daemon status --json 9>&- | field port)
	code=$(field code <<<"$line")@127.0.0.1:$port
}

# ended STATUS: the command that showed it; its last line is `line`.
ended() {
	local status=0
	wait "$showing" || status=$?
	[ "$status" -eq "$1" ]
	line=
	read -r line <&9 || true
	exec 9<&-
}

# With a word changed for another, and a check that is right by chance: none.
typo() {
	local words=${1%@*}
	echo "${words:0:3}$(tr 'b-z' 'c-zb' <<<"${words:3:1}")${1:4}"
}

# A good code of the same window that is not the one shown.
other_code() {
	/usr/bin/python3 -B -c '
import sys
sys.path.insert(0, sys.argv[1])
import paircode
window, secret = paircode.parse_code(sys.argv[2], 1)
print(paircode.make_code(1, window, secret ^ 1))' \
	    "$BATS_TEST_DIRNAME/../model" "${1%@*}"
}

@test "a code brings all documents to a new device, and both show the same words" {
	device laptop
	on laptop new shopping
	on laptop set --counter shopping /milk 2
	device phone
	shows laptop pair
	[[ $code =~ ^[0-9][0-9](-[a-z]{5}){3}@ ]]
	run --separate-stderr on phone pair - <<<"$code"
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ $output =~ ^paired\;\ 1\ document\ is\ here\.\ Both\ show:\ ([a-z]{5}\ [a-z]{5}\ [a-z]{5})$ ]]
	words=${BASH_REMATCH[1]}
	ended 0
	[[ $line == '{"schema":"lk.code/1","event":"paired","name":"phone","device":"'*'","words":"'"$words"'"}' ]]
	run --separate-stderr on phone get shopping --json
	is 0 '{"milk":2}' ""
	run --separate-stderr on laptop device ls
	[ "${#lines[@]}" -eq 2 ]
	on phone set shopping /bread 1
	on phone sync --wait=all --timeout 30s
	run --separate-stderr on laptop get shopping --json
	is 0 '{"bread":1,"milk":2}' ""
}

@test "for people the code stands alone, with what to type elsewhere" {
	device laptop
	on laptop new d
	device phone
	on laptop pair >said 2>&1 &
	until grep -q "@" said; do sleep 0.1; done
	[[ $(sed -n 1p said) =~ ^Code:\ [0-9]{2}(-[a-z]{5}){3}$ ]]
	code=$(sed -n 's/^Code: //p' said)
	[ "$(sed -n 3p said)" = "On the other device, within 5 minutes: lk pair, and there this" ]
	[ "$(sed -n 5p said)" = "From another network, with one of" ]
	[[ $(sed -n 7p said) =~ ^\ \ $code@.*:[0-9]+$ ]]
	port=$(on laptop daemon status --json | field port)
	run --separate-stderr on phone pair "${code^^}@localhost:$port"
	[ "$status" -eq 0 ]
	[ "$stderr" = "lk: pair: other users of this machine can see the code in the arguments; - reads it from standard input" ]
	wait
	[[ $(tail -n 1 said) =~ ^phone\ is\ one\ of\ your\ devices\ now\.\ Both\ show:\ ([a-z ]*)$ ]]
	[[ $output == *"show: ${BASH_REMATCH[1]}" ]]
}

@test "a code makes two persons contacts, who can share then" {
	device ann
	device bob
	on bob new his
	on ann new plan
	shows ann contact pair
	run --separate-stderr on bob contact pair - <<<"$code"
	[ "$status" -eq 0 ]
	[[ $output =~ ^ann\ is\ a\ contact\ now\.\ Both\ show:\ ([a-z\ ]*)$ ]]
	words=${BASH_REMATCH[1]}
	ended 0
	[[ $line == *'"event":"paired","name":"bob","person":"'*'","words":"'"$words"'"}' ]]
	run --separate-stderr on ann contact ls
	[[ $output =~ ^bob\ \ [0-9a-f]{8}\ \ not\ verified$ ]]
	on ann share plan bob
	on ann sync --wait=all --timeout 30s
	run --separate-stderr on bob ls
	is 0 "his
plan" ""
}

@test "a typing error costs nothing, and says what it is" {
	device laptop
	device phone
	on laptop new d
	shows laptop pair
	run --separate-stderr on phone pair - <<<"$(typo "$code")"
	[ "$status" -eq 65 ]
	[[ $stderr == "lk: code: "*"; a number and three words, as the other device shows them; it is still good" ]]
	run --separate-stderr on phone pair - <<<"${code%%@*}@nowhere"
	is 64 "" "lk: code: where is the other device?; CODE@HOST:PORT; the other device shows it"
	run --separate-stderr on phone contact pair - <<<"$code"
	is 64 "" "lk: code: it is for a device; lk pair takes it"
	run --separate-stderr on laptop pair - <<<"$code"
	[ "$status" -eq 77 ] || [ "$status" -eq 64 ]
	run --separate-stderr on phone -q pair - <<<"$code"
	is 0 "" ""
	ended 0
}

@test "a wrong code ends the right one, for both" {
	device laptop
	device phone
	device tablet
	on laptop new d
	shows laptop pair
	wrong=$(other_code "$code")@${code#*@}
	run --separate-stderr on tablet pair - <<<"$wrong"
	is 77 "" "lk: code: not the code that is shown there; lk pair there shows a new code"
	ended 77
	[ "$(cat complaint)" = '{"error":"denied","code":77,"message":"code: a wrong code was typed","hint":"lk pair shows a new one"}' ]
	run --separate-stderr on phone pair - <<<"$code"
	is 77 "" "lk: code: no code of that number is shown there; lk pair there shows a new code"
	run --separate-stderr on laptop device ls
	[ "${#lines[@]}" -eq 1 ]
}

@test "a code is good once, and no longer than it is shown" {
	device laptop
	device phone
	device tablet
	on laptop new d
	shows laptop pair
	on phone -q pair - <<<"$code"
	ended 0
	run --separate-stderr on tablet pair - <<<"$code"
	is 77 "" "lk: code: no code of that number is shown there; lk pair there shows a new code"
	# Whoever shows it gives up, and it is gone.
	shows laptop pair
	kill "$showing"
	wait "$showing" || true
	exec 9<&-
	run --separate-stderr on tablet pair - <<<"$code"
	is 77 "" "lk: code: no code of that number is shown there; lk pair there shows a new code"
	# Nor does it outlive the daemon.
	shows laptop pair
	kill -9 "$(on laptop daemon status --json 9>&- | field pid)"
	wait "$showing" || true
	exec 9<&-
	on laptop daemon start
	run --separate-stderr on tablet pair - --timeout 5s <<<"$code"
	[ "$status" -eq 77 ] || [ "$status" -eq 75 ]
	run --separate-stderr on laptop device ls
	[ "${#lines[@]}" -eq 2 ]
}

@test "two codes at a time are two devices" {
	device laptop
	device phone
	device tablet
	on laptop new d
	on laptop -q pair >one &
	on laptop -q pair >two &
	until [ -s one ] && [ -s two ]; do sleep 0.1; done
	port=$(on laptop daemon status --json | field port)
	on phone -q pair - <<<"$(cat one)@127.0.0.1:$port" &
	on tablet -q pair - <<<"$(cat two)@127.0.0.1:$port"
	wait
	run --separate-stderr on laptop device ls
	[ "${#lines[@]}" -eq 3 ]
	run --separate-stderr on phone ls
	is 0 "d" ""
	run --separate-stderr on tablet ls
	is 0 "d" ""
}

@test "a device with documents does not join another by a code" {
	device laptop
	device phone
	on phone new mine
	shows laptop pair --code
	run --separate-stderr on phone pair - <<<"$code"
	is 77 "" "lk: pair: this device has documents of its own; pair from a device without documents: another LK_HOME"
	kill "$showing"
	wait "$showing" || true
	exec 9<&-
	run --separate-stderr on phone ls
	is 0 "mine" ""
}

@test "a code without an address needs a device on this network that shows it" {
	device laptop
	device phone
	on phone -q daemon stop
	echo "discovery off" >phone/config
	on laptop new d
	shows laptop pair
	run --separate-stderr on phone pair - --timeout 300ms <<<"${code%%@*}"
	is 75 "" "lk: code: no device on this network shows it; CODE@HOST:PORT says where; the other device shows it"
	on phone -q pair - <<<"$code"
	ended 0
}

@test "nobody at the address is 75, and the code is still good" {
	device laptop
	device phone
	on laptop new d
	shows laptop pair
	run --separate-stderr on phone pair - --timeout 300ms <<<"${code%%@*}@127.0.0.1:1"
	is 75 "" "lk: code: nobody answers at that address; is the address right? the code is still good"
	on phone -q pair - <<<"$code"
	ended 0
}

@test "without documents and without a terminal there is nothing to show or ask" {
	device laptop
	run --separate-stderr on laptop pair </dev/null
	is 64 "" "lk: pair: --code shows a code, - reads the other device's from standard input; usage: lk pair [--code]; more in lk help pair"
	run --separate-stderr on laptop pair --code --ticket
	is 64 "" "lk: pair: --ticket or --code on one device, what it shows on the other; usage: lk pair [--code]; more in lk help pair"
	run --separate-stderr on laptop pair - </dev/null
	is 64 "" "lk: pair: standard input is empty"
}

@test "at a terminal it asks for the code, and an empty line shows one" {
	device laptop
	device phone
	on laptop new d
	shows laptop pair
	run script -qec "LK_HOME=$T/phone $LK pair" /dev/null <<<"$code"
	[ "$status" -eq 0 ]
	[[ $output == *"Code of the other device (nothing: show one here): "* ]]
	[[ $output == *"paired; 1 document is here. Both show: "* ]]
	ended 0
	device tablet
	(echo && until grep -q Code: typed; do sleep 0.1; done && printf '\003') |
	    script -qec "LK_HOME=$T/tablet $LK pair" /dev/null >typed || true
	grep -q "Code: .*[0-9][0-9]-" typed
}

# Modules of a drawing on stdin, a line for each row: 1 is dark.
modules() {
	/usr/bin/python3 -B -c '
import sys
dark = {" ": "11", "\u2580": "01", "\u2584": "10", "\u2588": "00"}
for line in sys.stdin.read().splitlines():
    for half in (0, 1):
        print("".join(dark[c][half] for c in line))'
}

@test "a ticket is drawn as a QR code, with the line below it" {
	device laptop
	run --separate-stderr on laptop pair --qr
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ ${lines[-1]} =~ ^lk1-[a-z2-7]+$ ]]
	printf '%s\n' "${lines[@]:0:${#lines[@]}-1}" | modules >drawn
	# It is a square of 4n + 17 modules in a margin of four, with the three
	# corners that a camera looks for.
	width=$(head -n 1 drawn | tr -d '\n' | wc -c)
	[ $(((width - 8 - 17) % 4)) -eq 0 ]
	[ "$(wc -l <drawn)" -ge "$width" ]
	for row in 5 11; do
		line=$(sed -n ${row}p drawn)
		[ "${line:4:8}" = 11111110 ]
		[ "${line:$((width - 12)):8}" = 01111111 ]
	done
	[ "$(sed -n $((width - 4))p drawn | cut -c5-12)" = 11111110 ]
	[[ $(sed -n 1,4p drawn) != *1* ]]
	# What it says is the ticket.
	if command -v qrencode >/dev/null; then
		qrencode -l L -m 4 -i -t UTF8 -o - "${lines[-1]}" | modules >other
		cmp <(head -n "$width" drawn) <(head -n "$width" other)
	fi
	device phone
	run --separate-stderr on phone pair "${lines[-1]^^}"
	is 0 "paired; 0 documents are here" ""
	run --separate-stderr on laptop pair --qr --json
	[[ $output == '{"schema":"lk.pair/1","ticket":"lk1-'* ]]
}
