# Guardians: named when a document is made, they revive it or remove anybody.

load setup

# met DEVICE CONTACT...: the device knows these people.
met() {
	local by=$1 who
	on "$by" new "met-$by"
	for who in "${@:2}"; do
		on "$who" accept "$(on "$by" invite --role read "met-$by")" >/dev/null
	done
}

# person DEVICE: its identity, and its recovery phrase in a file.
person() {
	on "$1" init --name "$1" --quiet >"$1.phrase"
}

# key DEVICE: the root key of its person.
key() {
	on "$1" key show --json | field person
}

# ann makes plan with bob, cat and dan as guardians, two of whom are needed; fay
# writes in it.
plan() {
	local who
	for who in ann bob cat dan fay; do
		person $who
	done
	met ann bob cat fay
	on ann new plan --guardian bob -g cat -g "$(key dan)" --threshold 2
	on ann share plan fay
	on ann set plan /title 1
	on fay sync --wait --timeout 30s plan
	run --separate-stderr on fay get plan --json
	is 0 '{"title":1}' ""
}

# signs GUARDIAN: signs the file request, into a file of the guardian's name.
signs() {
	on "$1" guardian sign --quiet request <"$1.phrase" >"$1.signature"
}

@test "guardians who have not the document make somebody its admin when the last one is gone" {
	plan
	met fay bob
	on ann daemon stop
	run --separate-stderr on fay guardian ask plan --grant bob
	[ "$status" -eq 0 ]
	[[ $output =~ ^lkg1-[a-z2-7]+$ ]]
	words=$(sed -n 's/^Words: *//p' <<<"$stderr")
	[[ $words =~ ^[a-z]{5}\ [a-z]{5}\ [a-z]{5}$ ]]
	[[ $stderr == *"Gives:     admin, rank 999, to bob, key "* ]]
	echo "$output" >request
	run --separate-stderr on cat guardian show request
	[ "$status" -eq 0 ]
	[[ $output == "Document:  plan, id "* ]]
	[[ $output == *"Gives:     admin, rank 999, to key "* ]]
	[[ $output == *"Guardians: any 2 of "*"me, key $(key cat | cut -c 1-8)"* ]]
	[[ $output == *"Words:     $words" ]]
	# The line itself will do; the phrase is asked for after what it is for.
	run --separate-stderr on cat guardian sign "$(cat request)" <cat.phrase
	[ "$status" -eq 0 ]
	[[ $output =~ ^lkg1-[a-z2-7]+$ ]]
	[[ $stderr == *"Words:     $words" ]]
	echo "$output" >cat.signature
	run --separate-stderr on fay guardian apply request cat.signature
	refused 77 "lk: plan: 1 of the 2 guardians who are needed have signed; *"
	run --separate-stderr on fay guardian apply request cat.signature cat.signature
	refused 77 "lk: plan: 1 of the 2 guardians who are needed have signed; *"
	# Whoever asked need not wait idle.
	on fay set plan /meanwhile 2
	signs dan
	run --separate-stderr on fay guardian apply request cat.signature "$(cat dan.signature)"
	[ "$status" -eq 0 ]
	[ "$stderr" = "" ]
	[[ $output == *"Recorded here; lk sync --wait=all waits for everywhere." ]]
	run --separate-stderr on fay guardian apply request cat.signature dan.signature
	refused 73 "lk: plan: was applied before"
	on fay members plan >members
	grep '^bob  *admin  *999  *guardians ' members
	[ "$(tail -n 1 members)" = "Guardians, any 2 of 3: $(tail -n 1 members | sed 's/.*: //')" ]
	run on fay members plan --json
	[[ $output == *'"needed":2'* ]]
	[[ $output == *'"guardians":[{"who":'*"$(key dan)"* ]]
	# Bob is reached, reads it all, and does what admins do.
	on fay sync --wait=1 --timeout 30s plan
	run --separate-stderr on bob get plan --json
	is 0 '{"meanwhile":2,"title":1}' ""
	on bob set plan /by '"bob"'
	on bob share plan fay --role admin
	on bob sync --wait=1 --timeout 30s plan
	run --separate-stderr on fay get plan --json
	is 0 '{"by":"bob","meanwhile":2,"title":1}' ""
	on fay members plan | grep '^  fay  *admin '
}

@test "guardians remove who made the document, with all his devices" {
	plan
	run --separate-stderr on fay guardian ask plan --revoke ann
	[ "$status" -eq 0 ]
	[[ $stderr == *"Revokes:   all access of ann, key "* ]]
	echo "$output" >request
	signs bob
	signs cat
	on fay guardian apply --quiet request bob.signature cat.signature
	on fay members plan >members
	run grep '^ann ' members
	[ "$status" -eq 1 ]
	on fay sync --timeout 30s
	run --separate-stderr on ann set plan /late 1
	tries=0
	while [ "$status" -eq 0 ] && ((tries++ < 40)); do
		on ann sync --wait --timeout 1s plan >/dev/null 2>&1 || true
		run --separate-stderr on ann set plan /late 1
	done
	[ "$status" -eq 77 ]
	# Less than all.
	on fay guardian ask --quiet plan --revoke fay --role read >request
	run --separate-stderr on bob guardian show --json request
	[[ $output == *'"kind":"revoke","role":"read"'* ]]
	signs dan
	signs bob
	on fay guardian apply --quiet request dan.signature bob.signature
	run --separate-stderr on fay set plan /x 1
	[ "$status" -eq 77 ]
}

@test "a document is not made with guardians who are nobody, twice there, or too few" {
	person laptop
	device ann
	met laptop ann
	lk new d --guardian nobody --threshold 1
	refused 66 "lk: nobody: no contact is called so; lk contact ls*"
	lk new d --guardian ann --guardian "$(key ann)" --threshold 1
	refused 64 "lk: *: named twice as guardian"
	lk new d --guardian ann --threshold 2
	refused 64 "lk: threshold: how many guardians must sign, from 1 to 1"
	lk new d --guardian ann --threshold 0
	refused 64 "lk: threshold: how many guardians must sign, from 1 to 1"
	lk new d --guardian ann
	refused 64 "lk: threshold: how many guardians must sign, from 1 to 1"
	lk new d --threshold 1
	refused 64 "lk: threshold: there are no guardians"
	lk new d --guardian "$(printf '%064d' 1)" --threshold 1
	refused 64 "lk: 0*1: no key of a person"
	many=()
	for i in {1..17}; do
		many+=(--guardian "$(key ann)")
	done
	lk new d "${many[@]}" --threshold 1
	refused 64 "lk: *: named twice as guardian"
	lk ls
	is 0 "met-laptop" ""
	lk new d --guardian ann --threshold 1
	is 0 "" ""
	lk members met-laptop --json
	[[ $output == *'"guardians":[],"needed":0'* ]]
}

@test "what cannot be asked, signed or applied is one line, and nothing changes" {
	plan
	on fay new own
	before=$(state_of fay)
	run --separate-stderr on fay guardian ask own --grant ann
	refused 77 "lk: own: it has no guardians"
	run --separate-stderr on fay guardian ask plan --grant nobody
	refused 66 "lk: nobody: nobody here is called so; *"
	run --separate-stderr on fay guardian ask none --grant ann
	refused 66 "lk: *none*"
	run --separate-stderr on fay guardian ask plan --grant ann
	refused 64 "lk: plan: has this role already"
	run --separate-stderr on fay guardian ask plan --revoke ann --role admin
	refused 64 "lk: admin: a revocation leaves less than that"
	run --separate-stderr on fay guardian ask plan --grant fay --role king
	refused 64 "lk: king: *"
	run --separate-stderr on fay guardian ask plan
	[ "$status" -eq 64 ]
	run --separate-stderr on fay guardian ask plan --grant ann --revoke ann
	[ "$status" -eq 64 ]
	run --separate-stderr on fay guardian show --grant ann x
	[ "$status" -eq 64 ]
	run --separate-stderr on fay guardian steal x
	[ "$status" -eq 64 ]
	on fay guardian ask --quiet plan --grant fay >request
	run --separate-stderr on bob guardian show nowhere
	refused 66 "lk: nowhere: no such file"
	sed 's/lkg1-..../lkg1-zzzz/' request >wrong
	run --separate-stderr on bob guardian show wrong
	refused 65 "lk: request: mistyped, or none; *"
	run --separate-stderr on bob guardian sign wrong <bob.phrase
	refused 65 "lk: request: mistyped, or none; *"
	sed 's/ [a-z]*/ xxxxx/2' bob.phrase >phrase
	run --separate-stderr on bob guardian sign --quiet request <phrase
	refused 64 "lk: phrase: *3*"
	run --separate-stderr on bob guardian sign --quiet request </dev/null
	refused 64 "lk: recovery phrase: none given; *"
	run --separate-stderr on bob guardian sign --quiet --phrase-file fay.phrase request
	refused 77 "lk: phrase: of none of the guardians asked; *"
	# A guardian signs on any device of his, or of anybody.
	on fay guardian sign --quiet --phrase-file bob.phrase request >bob.signature
	signs cat
	run --separate-stderr on fay guardian apply request request
	refused 65 "lk: signature: mistyped, or none; *"
	run --separate-stderr on bob guardian apply request bob.signature cat.signature
	refused 66 "lk: request: its document is not here; *"
	run --separate-stderr on ann guardian apply request bob.signature cat.signature
	refused 77 "lk: plan: another device asked, and has to apply it"
	mv request first
	on fay guardian ask --quiet plan --grant fay >request
	run --separate-stderr on fay guardian apply request bob.signature cat.signature
	refused 65 "lk: plan: a signature is of another request"
	run --separate-stderr on fay guardian apply request
	[ "$status" -eq 64 ]
	[ "$(state_of fay)" = "$before" ]
	on fay guardian apply --quiet first bob.signature cat.signature
	on fay members plan | grep '^fay  *admin  *999  *guardians '
}

@test "whom guardians let in works on all devices, also where he could only read before" {
	local doc
	for who in ann bob cat fay; do
		person $who
	done
	paired bob phone
	met ann cat fay bob
	met fay bob
	for doc in one two; do
		on ann new $doc --guardian cat --threshold 1
		on ann share $doc fay
	done
	on ann share two bob --role read
	on ann sync --wait --timeout 30s
	on ann daemon stop
	for doc in one two; do
		on fay guardian ask --quiet $doc --grant bob --role write >request
		signs cat
		on fay guardian apply --quiet request cat.signature
	done
	for doc in one two; do
		tries=0
		until on phone set $doc /by '"phone"' 2>/dev/null; do
			((tries++ < 40))
			on phone sync --wait --timeout 1s 2>/dev/null || true
		done
	done
	on phone sync --wait=2 --timeout 30s one two
	run --separate-stderr on fay get one --json
	is 0 '{"by":"phone"}' ""
	run --separate-stderr on fay get two --json
	is 0 '{"by":"phone"}' ""
}
