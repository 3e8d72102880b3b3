# A backup that is restored for a trial, in a scratch store.

load setup
load backup

@test "a backup is restored in a scratch store, and is what it says" {
	noted
	on laptop backup create dest >/dev/null
	# What the device wrote since is another matter.
	on laptop set plan /x 4
	run --separate-stderr on laptop backup check dest --restore-test --phrase-file phrase
	[ "$status" -eq 0 ]
	[[ ${lines[0]} =~ ^1\ backup,\ .*:\ good$ ]]
	[[ ${lines[1]} =~ ^[0-9a-f]{8},\ restored\ in\ a\ scratch\ store:\ 2\ documents\ and\ the\ list\ of\ documents,\ [0-9]+\ changes:\ as\ it\ says$ ]]
	until_ test ! -e laptop/scratch
	run --separate-stderr on laptop get plan --json
	is 0 '{"x":4}' ""
	# What one has left that was killed goes when the daemon starts.
	on laptop -q daemon stop
	cp -r laptop/store laptop/scratch
	on laptop get plan >/dev/null
	until_ test ! -e laptop/scratch
	# On a machine that is nobody's, and stays so.
	run --separate-stderr on fresh backup check dest --restore-test --phrase-file phrase --json
	[ "$status" -eq 0 ]
	[[ $output == *'"restore_test":{"place":'*'"documents":3,'*'"different":[],"damaged":[],"compared":3,"different_count":0}'* ]]
	run --separate-stderr on fresh ls
	refused 78 "lk: *no identity here*"
	until_ test ! -e fresh/scratch
	# A stream too, and an older one that says nothing of what its documents are to be.
	on laptop backup create - 2>/dev/null >stream
	run --separate-stderr on laptop backup check - --restore-test --phrase-file phrase <stream
	[ "$status" -eq 0 ]
	[[ $output == *": as it says" ]]
	run --separate-stderr on laptop backup check "$BATS_TEST_DIRNAME/../data/backup/v1" --restore-test \
	    --phrase-file "$BATS_TEST_DIRNAME/../data/backup/v1/phrase"
	[ "$status" -eq 0 ]
	[[ ${lines[1]} == *" 4 documents and the list of documents, "*"; of 0 it says what they are to be: as it says" ]]
	run --separate-stderr on laptop backup check dest --restore-test --sealed
	refused 64 "lk: backup: --sealed and --restore-test exclude each other; *"
}

# flip: the last envelope, of notes, gets another byte, with the daemon ended.
flip() {
	on laptop -q daemon stop
	"$(dirname "$LK")/tests/log_dump" "$T/laptop/store" dump >/dev/null
	/usr/bin/python3 - <<-'END'
		tail = open("dump", "rb").read()[-40:-24]
		data = bytearray(open("laptop/store/data.mdb", "rb").read())
		at = data.find(tail)
		assert at >= 0
		while at >= 0:
		    data[at] ^= 4
		    at = data.find(tail, at + 1)
		open("laptop/store/data.mdb", "wb").write(data)
	END
}

@test "a document that the backup has not all of is named" {
	noted
	flip
	# The backup says so when it is made, and in itself is without a flaw.
	run --separate-stderr on laptop backup create dest
	[ "$status" -eq 3 ]
	run --separate-stderr on laptop backup check dest --phrase-file phrase
	[ "$status" -eq 0 ]
	run --separate-stderr on laptop backup check dest --restore-test --phrase-file phrase
	[ "$status" -eq 65 ]
	[[ $output == *"  document notes: it comes to another state than it had" ]]
	[[ $stderr == "lk: dest: 1 document is not what the backup says, restored; "* ]]
	run --separate-stderr on laptop backup check dest --restore-test --phrase-file phrase --json
	[ "$status" -eq 65 ]
	[[ $output == *'"different":[{"doc":"'*'","name":"notes","why":"it comes to another state than it had"}]'* ]]
}

@test "what others' changes rest on and is not there is named too" {
	noted
	flip
	# It goes on from what is damaged here.
	on laptop splice notes "" 0 0 more
	run --separate-stderr on laptop backup create dest
	[ "$status" -eq 3 ]
	run --separate-stderr on laptop backup check dest --restore-test --phrase-file phrase
	[ "$status" -eq 65 ]
	[[ $output == *"  document notes: changes are not accepted, or lack what they rest on"* ]]
	[[ $output != *"document plan"* ]]
	on other init --name other --quiet >other.phrase
	run --separate-stderr on laptop backup check dest --restore-test --phrase-file other.phrase
	[ "$status" -eq 77 ]
}

@test "a document with members, revoked ones and void changes is what it says" {
	noted
	device ann
	on ann -q accept "$(on laptop invite plan --role admin)"
	on ann set plan /ann 1
	on ann set plan /ann 2
	on ann sync --wait --timeout 30s >/dev/null
	on laptop sync --wait --timeout 30s >/dev/null
	rev=$(on laptop log plan --json | sed -n 2p | field hash)
	on laptop -q revoke plan ann --keep "${rev:0:8}"
	run --separate-stderr on laptop get plan /ann
	is 0 1 ""
	[ "$(on laptop quarantine plan | wc -l)" -gt 0 ]
	on laptop set plan /after 1
	on laptop backup create dest >/dev/null
	run --separate-stderr on laptop backup check dest --restore-test --phrase-file phrase
	[ "$status" -eq 0 ]
	[[ $output == *": as it says" ]]
}
