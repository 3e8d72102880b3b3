# Devices that never meet: each reaches a folder, and runs when no other does.

load setup

# becomes WANTED COMMAND...: within 30 seconds the command prints that.
becomes() {
	local until=$((SECONDS + 30)) got
	while got=$("${@:2}" 2>&1) || :; [ "$got" != "$1" ]; do
		if [ "$SECONDS" -ge "$until" ]; then
			printf 'wanted: %s\ngot:    %s\n' "$1" "$got"
			return 1
		fi
		read -r -t 0.2 <> <(:) || :
	done
}

# How many documents a device has of which something is not in the folder.
lacking() {
	on "$1" remote ls --json | field lacking
}

# Whether a device has been told that it was thrown out of a document.
told() {
	on "$1" status --json | grep -q "\"name\":\"$2\".*\"revoked\":true" &&
	    echo revoked
}

# turn DEVICE COMMAND...: what it does while it is the only one that runs, until
# everything it has lies in the folder.
turn() {
	"${@:2}"
	becomes 0 lacking "$1"
	on "$1" -q daemon stop
}

# Two machines of one person and one of a contact, who have met.
everybody() {
	local who
	mkdir stick
	device laptop
	paired laptop phone
	device fred
	on laptop new met
	on fred -q accept "$(on laptop invite met --role write)"
	on laptop -q sync --wait=all --timeout 20s
	for who in laptop phone fred; do
		on "$who" -q remote add stick "file://$T/stick"
	done
	for who in laptop phone fred; do
		on "$who" -q daemon stop
	done
}

@test "documents, edits and a revocation go by way of a folder" {
	everybody
	on laptop new plan
	turn laptop on laptop set plan /text '"first"'
	turn phone becomes first on phone get plan /text
	on phone new list
	turn phone on phone set plan /from '"phone"'
	turn laptop becomes phone on laptop get plan /from
	[ "$(on laptop ls | xargs)" = "list met plan" ]
	# The phone has read the first text, and has not seen what follows.
	on laptop set plan /text '"second"'
	run on laptop status --json
	[[ $output == *'"who":"phone","device":'*'"state":"pending"'* ]]
	turn laptop on laptop share plan fred --role write
	turn fred becomes second on fred get plan /text
	turn fred on fred set plan /hello '"fred"'
	turn laptop becomes fred on laptop get plan /hello
	on laptop -q revoke plan fred
	turn laptop on laptop set plan /secret '"ours"'
	# He writes before he hears of it.
	mv stick away
	on fred set plan /after '"all"'
	on fred -q daemon stop
	mv away stick
	turn fred becomes revoked told fred plan
	turn laptop becomes 0 lacking laptop
	turn phone becomes ours on phone get plan /secret
	for who in laptop phone; do
		run --separate-stderr on "$who" get plan /after
		[ "$status" -eq 66 ]
		on "$who" -q daemon stop
	done
	run --separate-stderr on fred get plan /secret
	[ "$status" -eq 66 ]
	on fred -q daemon stop
	# Nothing of it can be read in the folder.
	run grep -rlE 'first|second|secret|fred|plan' stick
	[ "$status" -eq 1 ]
}
