# The recovery phrase: a new device from it, and the end of lost ones.

load setup

# Makes the person: laptop, whose phrase is kept, and server, which stays.
person() {
	on laptop init --name laptop --quiet >phrase
	on laptop new d
	on laptop set d /x 1
	paired laptop server
	peer=$(place server)
}

# place DEVICE: KEY@HOST:PORT of it.
place() {
	local address
	address=$(on "$1" daemon status --json |
		sed -n 's/.*"addresses":\["\([^"]*\)".*/\1/p')
	printf '%s@%s\n' "$(on "$1" key show --json | field session)" "$address"
}

@test "the phrase and one device left bring everything back, and end the lost one everywhere" {
	person
	device ann
	on ann new plan
	on ann set --string plan /by ann
	on laptop accept "$(on ann invite plan)" >/dev/null
	on laptop sync --wait --timeout 30s
	lost=$(on laptop key show --json | field device)
	run --separate-stderr on ann members plan --json
	[[ $output == *$lost* ]]
	on laptop daemon stop
	run --separate-stderr on fresh init --name fresh --recover "$peer" <phrase
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ ${lines[0]} =~ ^This\ device\ is\ called\ fresh,\ id\ [0-9a-f]{8},\ and\ is\ yours\;\ 2\ documents\ are\ here\.$ ]]
	[[ $output =~ $'\n'\ \ laptop\ \ [0-9a-f]{8}\ \ .*plan ]]
	[[ $output =~ $'\n'\ \ server\ \ [0-9a-f]{8}\ \  ]]
	run --separate-stderr on fresh get plan --json
	is 0 '{"by":"ann"}' ""
	run --separate-stderr on fresh get d --json
	is 0 '{"x":1}' ""
	# It is junior to the laptop: the phrase is not.
	run --separate-stderr on fresh device revoke laptop
	refused 77 "lk: laptop: not permitted: only a more senior device may; *--phrase"
	run --separate-stderr on fresh device revoke --phrase laptop <phrase
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	on fresh set --string plan /back yes
	on fresh sync --wait --timeout 30s plan
	run --separate-stderr on ann members plan --json
	[[ $output == *$(on fresh key show --json | field device)* ]]
	[[ $output != *$lost* ]]
	run --separate-stderr on ann get plan --json
	is 0 '{"back":"yes","by":"ann"}' ""
	run --separate-stderr on fresh init
	refused 73 "lk: init: there is an identity here; *"
}

@test "a wrong phrase says which word, one of somebody else is refused; nothing is changed" {
	person
	on ann init --name ann --quiet >other
	before=$(state_of server)
	sed 's/ [a-z]*/ xxxxx/2' phrase >wrong
	run --separate-stderr on fresh init --recover "$peer" --phrase-file wrong
	refused 64 "lk: phrase: *3*"
	[ ! -e fresh/identity ]
	cut -d ' ' -f 1-11 phrase >short
	run --separate-stderr on fresh init --recover "$peer" --phrase-file short
	refused 64 "lk: phrase: *"
	run --separate-stderr on fresh init --recover nonsense --phrase-file phrase
	refused 64 "lk: nonsense: no key and address; *"
	run --separate-stderr on fresh init --recover "$peer" --phrase-file other
	refused 77 "lk: *: it is no device of the person of this phrase*"
	[ "$(state_of server)" = "$before" ]
	run --separate-stderr on fresh ls
	refused 78 "lk: *no identity here*"
	run --separate-stderr on laptop device revoke --phrase server <other
	refused 77 "lk: server: the phrase of somebody else"
	[ "$(state_of server)" = "$before" ]
	# The right phrase after a wrong one, in the same place.
	run --separate-stderr on fresh init --recover "$peer" --phrase-file phrase --json --name again
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	others=${output#*'"documents":1,"others":['}
	[ "$others" != "$output" ]
	[[ $others == *'"name":"laptop",'* && $others == *'"name":"server",'* ]]
	[[ $others == *'"documents":[{"doc":"'*'"name":"d"}]}'* ]]
	[[ $others != *'"name":"again"'* ]]
	run --separate-stderr on fresh get d --json
	is 0 '{"x":1}' ""
}

@test "who was refused, or heard nothing, may try again, also after a restart" {
	person
	on ann init --name ann --quiet >other
	run --separate-stderr on fresh init --recover "$peer" --phrase-file other
	refused 77 "lk: *: it is no device of the person of this phrase*"
	on fresh daemon stop
	run --separate-stderr on fresh init --recover "$peer" --phrase-file phrase --name fresh
	[ "$status" -eq 0 ]
	run --separate-stderr on fresh get d --json
	is 0 '{"x":1}' ""
	peer=$(place server)
	nobody=$(printf '%064d' 9)@${peer#*@}
	run --separate-stderr on next init --recover "$nobody" --phrase-file phrase --timeout 1s
	refused 75 "lk: *: no answer; *"
	# The same place can still become somebody.
	on next daemon stop
	run --separate-stderr on next init --name next --quiet
	[ "$status" -eq 0 ]
	on next new own
	run --separate-stderr on next ls
	is 0 own ""
}
