# Everything once, in the order a person would do it.

load setup

@test "two devices, a friend, and what they do with their documents" {
	cp "$BATS_TEST_DIRNAME/../data/automerge/vectors/40-random-collab.automerge" thesis.automerge
	printf 'the old notes\n' >notes.md
	device laptop
	on laptop -q import thesis.automerge --as thesis
	on laptop -q import notes.md
	on laptop new shopping
	on laptop set --counter shopping /milk 2
	on laptop set shopping /who '{"name":"me","tags":["a","b"]}'
	device phone
	run on phone pair "$(on laptop pair --ticket)"
	[ "$output" = "paired; 3 documents are here" ]
	[ "$(on phone ls | xargs)" = "notes shopping thesis" ]
	[ "$(on phone get thesis --typed --json)" = "$(on laptop get thesis --typed --json)" ]
	[ "$(on phone get shopping --json)" = '{"milk":2,"who":{"name":"me","tags":["a","b"]}}' ]
	[ "$(on phone get notes)" = "the old notes" ]
	EDITOR='sed -i s/old/new/' on phone edit notes
	on laptop splice notes "" 0 0 "Hello "
	on laptop inc shopping /milk 3
	on phone inc shopping /milk 4
	on laptop sync --wait=all --timeout 20s
	on phone sync --wait=all --timeout 20s
	[ "$(on laptop get notes)" = "Hello the new notes" ]
	[ "$(on phone get notes)" = "Hello the new notes" ]
	[ "$(on laptop get shopping /milk)" = 9 ]
	[ "$(on phone get shopping /milk)" = 9 ]

	device friend
	on friend -q accept "$(on laptop invite shopping --role write)"
	[ "$(on friend get shopping /milk)" = 9 ]
	cursor=$(on laptop log shopping --json | field cursor)
	on laptop watch shopping --json --count 1 --since "$cursor" >seen &
	on friend inc shopping /milk
	wait $!
	[ "$(field who <seen)" = friend ]
	[ "$(field name <seen)" = shopping ]
	on laptop sync --wait=all --timeout 20s
	run on laptop status --exit-code
	[ "$status" -eq 0 ]
	run on phone members shopping
	[[ $output == *friend* && $output == *phone* && $output == *laptop* ]]

	run on laptop revoke shopping friend
	[ "$status" -eq 0 ]
	on laptop set shopping /secret '"ours"'
	on laptop sync --wait=all --timeout 20s shopping
	[ "$(on phone get shopping /secret)" = ours ]
	run on friend get shopping /secret
	[ "$status" -eq 66 ]
	on laptop export thesis -o out.automerge
	on phone export thesis -o again.automerge
	cmp out.automerge again.automerge
	for device in laptop phone friend; do
		run on "$device" daemon stop
		[ "$status" -eq 0 ]
		[ "$output" = "" ]
	done
}
