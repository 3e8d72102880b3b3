# What commands print with --json, one after the other, so that each meets its
# schema in docs/schema; that is looked at when the tests of a file have ended.

load setup

# says DEVICE ARGUMENT...: what it does with --json is kept, not looked at here.
says() {
	on "$@" --json >/dev/null
}

@test "documents and their history" {
	says laptop init --name laptop
	says laptop new m
	says laptop new --type text t
	says laptop ls
	says laptop set m /a '{"b":[1,2]}'
	says laptop set m /a '{"b":[1,2]}'
	says laptop set --counter m /c 0
	says laptop insert m /a/b/0 0
	says laptop rm m /a/b/0
	says laptop inc m /c 2
	says laptop splice t "" 0 0 "some text"
	says laptop mark t "" 0 4 bold
	says laptop edit t </dev/null 2>complaint || [ $? -eq 64 ]
	EDITOR='sed -i s/some/any/' says laptop edit t
	echo '{"set":"/d","value":null}' | says laptop apply m
	printf 'notes\n' >notes.md
	says laptop import notes.md
	printf 'more notes\n' >notes.md
	says laptop import --into notes notes.md
	says laptop export -o out.automerge m
	says laptop export -o out.json --format json m
	mkdir folder
	says laptop export -o folder --format automerge-repo m t
	says laptop import --as again out.automerge
	says laptop import --into m out.automerge
	says laptop get m /a
	says laptop get t
	says laptop get --spans t
	says laptop get --conflicts m /a
	says laptop get --typed m
	says laptop log m
	says laptop log --access m
	says laptop log again
	says laptop show m @0
	says laptop show again @0
	says laptop diff m @3 @1 || [ $? -eq 1 ]
	says laptop diff t @1 || [ $? -eq 1 ]
	says laptop blame m
	says laptop blame t
	says laptop blame again
	says laptop branch m draft
	says laptop set m/draft /x 1
	says laptop branch m
	says laptop merge m draft
	says laptop merge m draft
	says laptop restore m @1
	says laptop undo m
	says laptop undo --redo m
	says laptop watch --since 0 --no-wait
	says laptop verify
	says laptop verify m
	says laptop status
	says laptop version
	says laptop help
	says laptop help get
}

@test "this device and its daemon" {
	says laptop init --name laptop
	says laptop daemon status
	says laptop daemon logs
	says laptop daemon stop
	says laptop daemon stop
	says laptop daemon start
	says laptop key show
	says laptop key rotate
	echo secret >secret
	says laptop key passwd --new-passphrase-file secret
	says laptop key passwd --passphrase-file secret --remove
	mkdir -p folder stick/lk1
	on laptop new m
	says laptop mirror add folder m
	says laptop mirror ls
	says laptop mirror status
	says laptop mirror pause m
	says laptop mirror resume m
	says laptop mirror rm m
	says laptop remote add stick "file://$T/stick"
	says laptop remote ls
	says laptop remote test stick
	says laptop remote rm stick
	says relay relay init
	says relay relay status
	on relay relay invite >ticket
	says relay relay invite
	on laptop remote add house "$(head -n 1 ticket)"
	until_ accounts_are_one
	says relay relay ls
	id=$(on relay relay ls | head -c 8)
	says relay relay limit "$id" --puts 7
	says laptop remote ls
	says laptop status
	says relay relay rm "$id"
}

accounts_are_one() {
	[ -n "$(on relay relay ls)" ]
}

@test "other devices and people" {
	on laptop init --name laptop --quiet >phrase
	device phone
	on laptop new m
	on laptop set m /a 1
	says laptop pair --ticket
	says phone pair "$(on laptop pair --ticket)"
	says laptop device ls
	says laptop device show phone
	says laptop device rename phone mobile
	says laptop peers
	says laptop sync
	says laptop sync --wait
	device friend
	says laptop invite m --role write
	says friend accept "$(on laptop invite m --role write)"
	says laptop contact ls
	says laptop contact verify friend
	says laptop contact rename friend pal
	on laptop new n
	says laptop share n pal --role read
	says laptop members n
	on friend set m /b 1
	on friend sync --wait --timeout 30s m
	says friend status
	says laptop revoke m pal --dry-run
	keep=$(on laptop log m | tail -n 1 | cut -c 1-8)
	void=$(on laptop log m --json | field hash)
	says laptop revoke m pal --keep "$keep"
	says laptop members --all m
	says laptop log --access m
	says laptop why m "$void"
	says laptop why m "$keep"
	says laptop quarantine m
	says laptop adopt m "$void"
	says laptop why m "$void"
	says laptop log m
	says laptop status
	says friend leave n
	on phone daemon stop
	says laptop sync --wait=all --timeout 1s 2>complaint || [ $? -eq 75 ]
	says laptop device revoke --phrase-file phrase mobile
	says laptop device ls
}

@test "guardians" {
	for who in ann bob; do
		on $who init --name $who --quiet >$who.phrase
	done
	on ann new met
	on bob accept "$(on ann invite --role read met)"
	says ann new plan --guardian bob --threshold 1
	says ann guardian ask plan --grant bob
	on ann guardian ask plan --grant bob >request 2>words
	says bob guardian show request
	says bob guardian sign request <bob.phrase
	on bob guardian sign --quiet request <bob.phrase >signature
	says ann guardian apply request signature
	says ann members plan
}

@test "meeting by a code" {
	device laptop
	on laptop new m
	device phone
	port=$(on laptop daemon status --json | field port)
	mkfifo said
	on laptop pair --json >said &
	exec {from}<said
	read -r line <&"$from"
	says phone pair - <<<"$(field code <<<"$line")@127.0.0.1:$port"
	cat <&"$from" >/dev/null
	exec {from}<&-
	says phone ls
}

@test "a lost device comes back" {
	on laptop init --name laptop --quiet >phrase
	key=$(on laptop key show --json | field session)
	port=$(on laptop daemon status --json | field port)
	says new init --name new --recover "$key@127.0.0.1:$port" --phrase-file phrase
}

@test "settings, what a shell completes, and backups" {
	on laptop init --name laptop --quiet >phrase
	on laptop new m
	mkdir dest
	says laptop config ls
	says laptop config get address
	says laptop completion bash
	says laptop completion words -- get m
	says laptop doctor || [ $? -eq 1 ]
	says laptop backup create "$T/dest"
	says laptop backup ls "$T/dest"
	says laptop backup check --sealed "$T/dest"
	says laptop backup forget --keep-last 1 "$T/dest"
	says laptop backup prune "$T/dest"
	id=$(on laptop backup ls "$T/dest" | cut -c 1-8)
	says laptop backup diff --phrase-file phrase "$T/dest" "$id" "$id"
	says laptop backup key --phrase-file phrase "$T/key"
	says laptop backup check --phrase-file phrase "$T/dest"
	on laptop daemon stop
	says new backup restore --phrase-file phrase "$T/dest"
}
