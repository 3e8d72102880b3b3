# What tests of backups have besides setup.bash.

# person [DOCUMENT...]: makes laptop, whose phrase is kept, with plan and empty
# maps called so, and the folder dest.
person() {
	local name
	on laptop init --name laptop --quiet >phrase
	on laptop new plan
	on laptop set plan /x 1
	for name in "$@"; do
		on laptop new "$name"
	done
	mkdir dest
}

# The person with a text that is typed into.
noted() {
	person
	on laptop new --type text notes
	on laptop splice notes "" 0 0 first
}

# The person with a document of each type, the text brought in.
kinds() {
	person
	on laptop new --type list things
	on laptop insert things /- '"knife"'
	printf 'first\nsecond\n' >notes.md
	on laptop import notes.md >/dev/null
}

# backup DEVICE [DEST]: makes one; prints its name.
backup() {
	on "$1" backup create "${2:-dest}" --json | field snapshot
}

# snapshots MACHINE TIME...: backups of those times in dest, with nothing in
# them; or marks, with --mark.
snapshots() {
	/usr/bin/python3 "$BATS_TEST_DIRNAME/../backup/snapshots.py" dest "$@"
}

# read_ PLACE PHRASE...: by the reader that is not lk.
read_() {
	/usr/bin/python3 "$BATS_TEST_DIRNAME/../backup/reader.py" "$@"
}

# bucket [ARGUMENT...]: begins a server with one, which lk calls $bucket.
bucket() {
	/usr/bin/python3 "$BATS_TEST_DIRNAME/../remote/s3_server.py" "$@" >host 3>&- &
	server=$!
	until_ test -s host
	export AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=secret/of+tests
	bucket="s3://notes/kept?endpoint=http://$(cat host)&region=us-east-1"
}

# Ends it, when all that it was asked is in its files.
bucket_end() {
	kill "$server"
	wait "$server" || true
}
