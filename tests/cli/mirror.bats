#!/usr/bin/env bats
# Folders of plain files that merge: lk mirror.

load setup

# unprivileged COMMAND...: without what root may do to files of anybody.
unprivileged() {
	if [ "$(id -u)" -eq 0 ]; then
		export -f on sanitizers answer
		export T
		setpriv --bounding-set=-all --inh-caps=-all bash -c '"$@"' \
		    unprivileged "$@"
	else
		"$@"
	fi
}

# Two devices of one person that mirror one document, which is empty.
two() {
	device laptop
	paired laptop phone
	mkdir here
	on laptop new notes >/dev/null
	on laptop mirror add here notes >/dev/null
	on phone sync --wait --timeout 20s >/dev/null
	on phone mirror add there notes >/dev/null
}

same() {
	diff -r -x '.lk-*' here there
}

two_with() {
	two
	printf '%s' "$2" >"here/$1"
	until_ test -e "there/$1"
	until_ same
}

@test "a folder becomes a document of its name" {
	device laptop
	mkdir -p work/sub
	echo '# plan' >work/plan.md
	printf 'a\0b' >work/sub/bin
	lk mirror add work
	is 0 "$T/work: document work" ""
	until_ eval '[ "$(lk mirror ls; echo "$output")" = "$T/work  work  live  2 files" ]'
	lk mirror status work
	is 0 "$T/work: document work: live
  2 files" ""
	run -0 bash -c "'$LK' get work | grep -c '\"path\"'"
	[ "$output" -eq 2 ]
	lk mirror rm work
	is 0 "$T/work: document work" ""
	lk mirror ls
	is 0 "" ""
	[ ! -e work/.lk-mirror ]
	[ -e work/plan.md ]
}

@test "what is refused has made no folder, and no document" {
	device laptop
	mkdir work
	lk mirror add work
	lk mirror add work/sub
	is 73 "" "lk: $T/work/sub: $T/work is mirrored already"
	[ ! -e work/sub ]
	lk mirror add new nothing
	is 66 "" "lk: nothing: no such document; lk ls lists them"
	[ ! -e new ]
	mkdir theirs
	if [ "$(id -u)" -eq 0 ]; then
		chown 65534:65534 theirs
		lk mirror add theirs
		is 73 "" "lk: $T/theirs: it is another user's; choose a folder that is yours to write"
	else
		chmod 500 theirs
		lk mirror add theirs
		is 73 "" "lk: $T/theirs: Permission denied; choose a folder that is yours to write"
	fi
	lk ls
	is 0 work ""
}

@test "a text of the folder's name is no place for files" {
	device laptop
	mkdir notes
	lk new --type text notes
	lk mirror add notes
	is 73 "" "lk: notes: a document of this name exists; lk mirror add DIR DOC takes a document there is"
	lk mirror add notes notes
	is 65 "" "lk: notes: only a map holds files; lk new makes one"
}

@test "what is typed on both sides while they are apart is on both" {
	two_with a.md $'one\ntwo\nthree\n'
	on phone daemon stop
	sed -i 's/one/one from here/' here/a.md
	sed -i 's/three/three from there/' there/a.md
	on phone sync >/dev/null
	until_ grep -q 'from there' here/a.md
	until_ grep -q 'from here' there/a.md
	until_ same
	[ "$(cat here/a.md)" = $'one from here\ntwo\nthree from there' ]
}

@test "editors, shells and tools save as they like" {
	two_with a.txt $'alpha\n'
	echo beta >>here/a.txt
	until_ grep -q beta there/a.txt
	printf '$a\ngamma\n.\nw\nq\n' | ed -s there/a.txt
	until_ grep -q gamma here/a.txt
	sed -i 's/alpha/ALPHA/' here/a.txt
	until_ grep -q ALPHA there/a.txt
	vim -Nu NONE -es -c 'normal Godelta' -c wq there/a.txt
	until_ grep -q delta here/a.txt
	cp here/a.txt here/b.txt
	until_ test -e there/b.txt
	printf 'new\n' >there/b.txt
	until_ grep -q new here/b.txt
	truncate -s 2 here/b.txt
	until_ eval '[ "$(cat there/b.txt)" = ne ]'
	: >there/b.txt
	until_ eval '[ ! -s here/b.txt ]'
	until_ same
	[ "$(cat here/a.txt)" = $'ALPHA\nbeta\ngamma\ndelta' ]
}

@test "a file that is moved is the same file, and what others write goes along" {
	two_with a.md $'one\ntwo\n'
	on laptop get notes >before
	on phone daemon stop
	echo three >>there/a.md
	mkdir here/sub
	mv here/a.md here/sub/b.md
	until_ eval 'on laptop get notes | grep -q sub/b.md'
	on phone sync >/dev/null
	until_ grep -q three here/sub/b.md
	until_ same
	[ ! -e there/a.md ]
	[ "$(sed -n 2p before)" = "$(on laptop get notes | sed -n 2p)" ]
}

@test "a folder that is renamed takes its files along, and nothing is asked" {
	two
	mkdir here/a
	for i in $(seq 80); do echo "$i" >"here/a/$i"; done
	until_ same
	ids() { on laptop get notes --json | jq -r 'to_entries[] | select(.value.path?) | "\(.key) \(.value.gone)"' | sort; }
	ids >before
	[ "$(wc -l <before)" -eq 80 ]
	mv here/a here/b
	until_ test -e there/b/80
	until_ same
	ids | diff before -
}

@test "a file that becomes a folder, and a folder that becomes a file, do so elsewhere" {
	two_with notes $'one\n'
	rm here/notes
	mkdir here/notes
	echo two >here/notes/new
	until_ grep -q two there/notes/new
	until_ same
	rm -r there/notes
	echo three >there/notes
	until_ grep -q three here/notes
	until_ same
	# Moved into a folder of its name, and out of it.
	mkdir here/tmp
	mv here/notes here/tmp
	mv here/tmp here/notes
	until_ grep -q three there/notes/notes
	until_ same
	mv there/notes there/tmp
	mv there/tmp/notes there
	rmdir there/tmp
	until_ grep -q three here/notes
	until_ same
	# Links are left alone, whenever they come, and no reason for anything.
	ln -s notes here/link
	echo four >>here/notes
	until_ grep -q four there/notes
	[[ $(on laptop mirror status here --json) == *'"troubles":[]'* ]]
}

@test "a file and a folder of one name are said to be in each other's way, until one is gone" {
	two_with a.md one
	on laptop mirror pause here
	echo file >here/x
	mkdir there/x
	echo below >there/x/y
	until_ eval 'on laptop get notes | grep -q below'
	on laptop mirror resume here
	until_ eval 'on laptop mirror status here | grep -q "x/y: something else is where its folder should be"'
	until_ eval 'on phone mirror status there | grep -q "x: a folder has this name"'
	[ "$(cat here/x)" = file ]
	[ "$(cat there/x/y)" = below ]
	rm here/x
	until_ test -e here/x/y
	until_ same
	[[ $(on phone mirror status there --json) == *'"troubles":[]'* ]]
	[[ $(on laptop mirror status here --json) == *'"troubles":[]'* ]]
}

@test "a folder or a file that may not be read keeps nothing else waiting" {
	local status
	device laptop
	on laptop daemon stop
	mkdir -p work/closed
	echo one >work/a.md
	echo two >work/closed/b.md
	unprivileged on laptop mirror add work >/dev/null
	until_ eval 'on laptop mirror status | grep -q "2 files"'
	on laptop daemon stop
	chmod 0 work/closed
	echo three >work/c.md
	chmod 0 work/c.md
	echo four >work/d.md
	unprivileged on laptop ls
	until_ eval 'on laptop get work | grep -q four'
	status=$(on laptop mirror status)
	[[ $status == *": live"* && $status == *"3 files"* ]]
	[[ $status == *"  c.md: Permission denied"* ]]
	[[ $status == *"  closed: this folder may not be read"* ]]
	device phone
	[[ $(unprivileged on phone mirror add --dry-run work) == *"stays where it is  closed "*"it cannot be read"* ]]
	chmod 755 work/closed
	chmod 644 work/c.md
	until_ eval 'on laptop mirror status | grep -q "4 files"'
	[[ $(on laptop mirror status --json) == *'"troubles":[]'* ]]
	[[ $(on laptop get work) == *two* ]]
}

@test "a name that is not UTF-8 is said to stay out" {
	local unknown=$'\uFFFD'
	device laptop
	mkdir -p work/$'gr\xfcn'
	echo one >work/$'caf\xe9.md'
	echo two >work/$'gr\xfcn'/b.md
	echo three >work/c.md
	mkdir work/.git
	echo ref >work/.git/HEAD
	on laptop mirror add work >/dev/null
	until_ eval 'on laptop mirror status | grep -q "1 file"'
	lk mirror status
	is 0 "$T/work: document work: live
  1 file
  caf$unknown.md: the name is not UTF-8
  gr${unknown}n: the name is not UTF-8" ""
	[[ $(on laptop doctor -q) == *"work: 2 files are not in step"* ]]
	# When it is not so any more, and when it becomes so while the mirror runs.
	mv work/$'caf\xe9.md' work/café.md
	mv work/$'gr\xfcn' work/grün
	mv work/c.md work/$'\xff.md'
	until_ eval '[ "$(on laptop mirror status | tail -n +2)" = "  2 files
  $unknown.md: the name is not UTF-8" ]'
	[[ $(on laptop doctor -q) == *"work: 1 file is not in step"* ]]
	echo '*.md' >work/.lkignore
	until_ eval '[ "$(on laptop mirror status | tail -n +2)" = "  3 files" ]'
}

@test "a file that is deleted is gone, unless somebody wrote into it" {
	two_with a.md $'one\n'
	echo b >here/b.md
	until_ test -e there/b.md
	rm here/a.md
	until_ eval '[ ! -e there/a.md ]'
	on phone daemon stop
	echo more >>there/b.md
	rm here/b.md
	until_ eval 'on laptop get notes | grep -q -A1 b.md; on laptop mirror status here | grep -q "0 files"'
	on phone sync >/dev/null
	until_ grep -q more here/b.md
	until_ same
}

@test "a file that was deleted elsewhere goes when the program that has it open ends" {
	two_with a.md $'one\n'
	echo b >here/b.md
	until_ test -e there/b.md
	until_ same
	exec 8>>there/b.md
	rm here/b.md
	until_ eval 'on phone mirror status there | grep -q "b.md: open for writing"'
	exec 8>&-
	until_ eval '[ ! -e there/b.md ]'
	until_ same
}

@test "git works in a mirrored folder" {
	two_with a.c $'int a;\n'
	git -C here init -q
	git -C here -c user.name=x -c user.email=x@x add a.c
	git -C here -c user.name=x -c user.email=x@x commit -qm one
	git -C here checkout -q -b other
	printf 'int a;\nint b;\n' >here/a.c
	echo 'void f(void);' >here/b.h
	git -C here add .
	git -C here -c user.name=x -c user.email=x@x commit -qm two
	until_ test -e there/b.h
	git -C here checkout -q -
	until_ eval '[ ! -e there/b.h ]'
	until_ eval '[ "$(cat there/a.c)" = "int a;" ]'
	git -C here checkout -q other
	until_ test -e there/b.h
	until_ diff -r -x '.lk-*' -x .git here there
	[ ! -e there/.git ]
	[ -z "$(git -C here status --porcelain)" ]
}

@test "a folder that is not empty is united with what is there" {
	two_with a.txt $'one\ntwo\n'
	on phone mirror rm there >/dev/null
	printf 'one\nthree\n' >there/a.txt
	printf 'mine\n' >there/mine.txt
	on phone mirror add there notes >/dev/null
	until_ test -e here/mine.txt
	until_ grep -q three here/a.txt
	until_ same
	[ "$(sort there/a.txt)" = $'one\nthree\ntwo' ]
}

@test "of two files that are no texts the newer one counts, and the other one is in the log" {
	local id rev
	device laptop
	paired laptop phone
	mkdir here there
	printf 'old\0here' >here/mine.png
	printf 'new\0here' >here/theirs.png
	touch -d '2020-01-01' here/mine.png
	touch -d '2024-01-01' here/theirs.png
	printf 'new\0there' >there/mine.png
	printf 'old\0there' >there/theirs.png
	touch -d '2022-01-01' there/mine.png there/theirs.png
	on laptop new notes >/dev/null
	on laptop mirror add here notes >/dev/null
	until_ eval 'on laptop mirror status here | grep -q "2 files"'
	on phone sync --wait --timeout 20s >/dev/null
	on phone mirror add there notes >/dev/null
	until_ eval 'printf "new\0there" | cmp -s - here/mine.png'
	until_ same
	printf 'new\0here' | cmp - there/theirs.png
	# Both that do not count are versions of it.
	id=$(on laptop get notes --json | jq -r 'to_entries[] | select(.value.path == "theirs.png") | .key')
	rev=$(on phone log notes --json | jq -r '.hash' | while read -r rev; do
		on phone get notes "/$id/bytes" --at "$rev" 2>/dev/null | grep -q "$(printf 'old\0there' | base64)" && echo "$rev"
	done | head -n 1)
	on phone restore notes "$rev" "/$id"
	until_ eval 'printf "old\0there" | cmp -s - here/theirs.png'
	until_ same
	id=$(on laptop get notes --json | jq -r 'to_entries[] | select(.value.path == "mine.png") | .key')
	rev=$(on laptop log notes --json | jq -r '.hash' | while read -r rev; do
		on laptop get notes "/$id/bytes" --at "$rev" 2>/dev/null | grep -q "$(printf 'old\0here' | base64)" && echo "$rev"
	done | head -n 1)
	[ -n "$rev" ]
}

@test "of two files that are no texts and were made apart the newer one counts" {
	local name
	two
	on laptop daemon stop
	# With its time from the beginning.
	for name in x y; do
		printf "$name\\0there" >"$name"
		touch -d 2021-01-01 "$name"
		mv "$name" there
	done
	until_ eval 'on phone mirror status there | grep -q "2 files"'
	on phone daemon stop
	for name in x y; do printf "$name\\0here" >"here/$name"; done
	touch -d 2020-01-01 here/x
	touch -d 2022-01-01 here/y
	until_ eval 'on laptop mirror status here | grep -q "2 files"'
	on phone sync >/dev/null
	until_ eval 'printf "x\0there" | cmp -s - here/x'
	until_ eval 'printf "y\0here" | cmp -s - there/y'
	until_ same
	until_ eval 'on laptop mirror status here | grep -q "2 files"'
}

@test "nobody else writes into the repository of a mirrored folder" {
	local id hook=.git/hooks/post-commit
	two_with a $'#!/bin/sh\n'
	git -C there init -q
	echo '!.git' >here/.lkignore
	until_ test -e there/.lkignore
	id=$(on laptop get notes --json | jq -r 'to_entries[] | select(.value.path? == "a") | .key')
	on laptop set -s notes "/$id/path" "$hook"
	on laptop set notes /0123456789abcdef0123456789abcdef '{"text": "#!/bin/sh\n"}'
	on laptop set -s notes /0123456789abcdef0123456789abcdef/path "$hook"
	echo on >here/b
	until_ test -e there/b
	until_ eval 'on phone mirror status there | grep -q "git.s own is not shared"'
	[ ! -e "there/$hook" ]
	[ -e there/a ]
}

@test "what .lkignore says stays out, on every device" {
	two_with .lkignore $'*.o\n/build/\n'
	mkdir here/build
	touch here/a.o here/build/x
	echo keep >here/keep
	until_ test -e there/keep
	[ ! -e there/a.o ]
	[ ! -e there/build ]
	touch there/b.o
	echo too >there/too
	until_ test -e here/too
	[ ! -e here/b.o ]
}

@test "what the document's .lkignore names is not taken in from a folder that joins" {
	two_with .lkignore $'*.o\n'
	on phone mirror rm there >/dev/null
	rm there/.lkignore
	touch there/b.o
	echo too >there/too
	on phone mirror add --dry-run there notes >plan
	[ "$(cat plan)" = "$T/there: document notes
to the folder    .lkignore
to the document  too
Nothing was done (--dry-run)." ]
	on phone mirror add there notes >/dev/null
	until_ test -e here/too
	[ ! -e here/b.o ]
	[ "$(on laptop get notes --json | jq length)" -eq 2 ]
}

@test "what would become of each file is said before, and nothing is done" {
	device laptop
	mkdir here
	printf 'same\n' >here/same
	printf 'one\ntwo\n' >here/text.md
	printf 'a\0' >here/newer.png
	printf 'b\0' >here/older.png
	touch -d 2020-01-01 here/older.png
	printf 'x\n' >here/run
	echo here >here/only-here
	echo file >here/clash
	head -c 9000000 /dev/zero >here/long
	on laptop new notes >/dev/null
	on laptop mirror add here notes >/dev/null
	until_ eval 'on laptop mirror status here | grep -q "8 files"'
	on laptop mirror rm here >/dev/null
	mkdir -p there/clash
	cp here/same here/text.md here/long there
	echo three >>there/text.md
	printf 'c\0' >there/newer.png
	printf 'd\0' >there/older.png
	touch -d 2021-01-01 there/newer.png there/older.png
	printf 'x\n' >there/run
	chmod +x there/run
	echo there >"there/only there"
	echo more >there/clash/more
	touch there/$'\xff'
	on laptop log notes --json >log
	(cd there && find . -printf '%p %T@ %C@ %m\n' | sort) >before
	on laptop mirror add -n there notes >plan
	[ "$(cat plan)" = "$T/there: document notes
stays where it is        clash       a folder is where it should be
to the document          clash/more
the document's counts    newer.png
the folder's counts      older.png
to the document          only there
to the folder            only-here
a program on both sides  run
united                   text.md
2 files are the same
1 file has a name that cannot be in a document
Nothing was done (--dry-run)." ]
	(cd there && find . -printf '%p %T@ %C@ %m\n' | sort) | diff before -
	on laptop log notes --json | diff log -
	[ -z "$(on laptop mirror ls)" ]
	on laptop mirror add -n there notes --json >plan
	jq -e '.schema == "lk.mirror/1" and .dry_run and (.new | not) and .same == 2 and (.files | length) == 8' plan
	rm -r there/clash there/$'\xff'
	on laptop mirror add there notes >/dev/null
	until_ eval 'on laptop mirror status there | grep -q "9 files" && ! on laptop mirror status there | grep -q "on their way"'
	printf 'a\0' | cmp - there/newer.png
	printf 'd\0' | cmp - there/older.png
	[ "$(cat there/text.md)" = $'one\ntwo\nthree' ]
	[ -x there/run ]
	[ "$(cat there/only-here)" = here ]
	[ "$(cat there/clash)" = file ]
}

@test "what would become of a folder that is not there, or of a new document" {
	device laptop
	mkdir work
	echo a >work/a
	lk mirror add --dry-run work
	is 0 "$T/work: a new document work
to the document  a
Nothing was done (--dry-run)." ""
	lk ls
	is 0 "" ""
	"$LK" mirror add work >/dev/null
	until_ eval '"$LK" mirror status work | grep -q "1 file"'
	lk mirror add --dry-run work
	is 73 "" "lk: $T/work: $T/work is mirrored already"
	"$LK" mirror rm work >/dev/null
	lk mirror add --dry-run new/ work
	is 0 "$T/new: document work
to the folder  a
Nothing was done (--dry-run)." ""
	[ ! -e new ]
	[ ! -e work/.lk-mirror ]
	lk mirror add --dry-run no/such work
	is 73 "" "lk: no/such: No such file or directory"
	lk mirror add --dry-run work/a work
	is 73 "" "lk: work/a: not a folder"
	lk mirror add --dry-run work nothing
	[ "$status" -eq 66 ]
	lk mirror ls --dry-run
	[ "$status" -eq 64 ]
}

@test "a new file is no text only when it is not the half of one" {
	two
	printf '\344\270' >half
	touch -d '1 hour' half
	mv half here/new.md
	printf 'a\0\344' >here/bin
	until_ test -e there/bin
	[ ! -e there/new.md ]
	printf '\203\n' >>here/new.md
	until_ test -e there/new.md
	until_ same
	on laptop get notes --json | jq -e '.[] | select(.path == "new.md") | has("text")'
}

@test "the bit that makes a program of a file is kept" {
	two_with run.sh $'#!/bin/sh\n'
	chmod +x here/run.sh
	until_ test -x there/run.sh
	chmod -x there/run.sh
	until_ eval '[ ! -x here/run.sh ]'
}

@test "when many files are gone it asks first" {
	two
	for i in $(seq 30); do echo "$i" >"here/$i"; done
	until_ same
	rm here/*
	until_ eval 'on laptop mirror status here | grep -q "asks: so many files are gone"'
	[ "$(ls there | wc -l)" -eq 30 ]
	on laptop mirror resume here >/dev/null
	# The other device asks too when the document shows nothing any more.
	until_ eval 'on phone mirror status there | grep -q "asks: so many files are gone from the document"'
	[ "$(ls there | wc -l)" -eq 30 ]
	on phone mirror resume there >/dev/null
	until_ eval '[ "$(ls there | wc -l)" -eq 0 ]'
}

@test "a document that suddenly shows no file removes none, until somebody says so" {
	local empty full id name asks="asks: so many files are gone from the document"
	device laptop
	mkdir here
	on laptop new notes >/dev/null
	on laptop set notes /about letters -s
	empty=$(on laptop log notes --json | jq -r .hash | head -n 1)
	for name in 1 2 3 4 5; do echo "$name" >"here/$name"; done
	on laptop mirror add here notes >/dev/null
	until_ eval 'on laptop mirror status here | grep -q "5 files"'
	full=$(on laptop log notes --json | jq -r .hash | head -n 1)
	on laptop restore notes "$empty" >/dev/null
	until_ eval 'on laptop mirror status here | grep -q "$asks"'
	on laptop mirror status here | grep -q '5 files, 5 of them gone'
	on laptop daemon stop
	echo typed >>here/1
	until_ eval 'on laptop mirror status here | grep -q "$asks"'
	# That one is back is no reason for the others to go.
	id=$(on laptop get notes --at "$full" --json | jq -r 'to_entries[] | select(.value.path? == "2") | .key')
	on laptop restore notes "$full" "/$id" >/dev/null
	until_ eval 'on laptop mirror status here | grep -q "5 files, 4 of them gone"'
	[ "$(cat here/*)" = $'1\ntyped\n2\n3\n4\n5' ]
	# When all are, it goes on by itself.
	on laptop restore notes "$full" >/dev/null
	until_ eval 'on laptop get notes | grep -q typed'
	[ "$(cat here/*)" = $'1\ntyped\n2\n3\n4\n5' ]
	on laptop restore notes "$empty" >/dev/null
	until_ eval 'on laptop mirror status here | grep -q "$asks"'
	on laptop mirror resume here >/dev/null
	until_ eval '[ "$(ls here | wc -l)" -eq 0 ]'
	on laptop mirror status here | grep -q live
}

@test "a folder without its marker deletes nothing" {
	two_with a.md $'one\n'
	on laptop daemon stop
	mv here elsewhere
	mkdir here
	on laptop ls >/dev/null
	until_ eval 'on laptop mirror status here | grep -q "stopped: its marker"'
	[ -e there/a.md ]
	rmdir here
	mv elsewhere here
	on laptop daemon stop
	on laptop ls >/dev/null
	echo two >>there/a.md
	until_ grep -q two here/a.md
	# While it runs, the same is said, and resume makes it anew.
	rm -r here/.lk-mirror
	mkdir here/new
	until_ eval 'on laptop mirror status here | grep -q stopped'
	[[ $(on laptop mirror status here) == *": stopped: its marker .lk-mirror is gone: lk mirror resume when all its files are there"* ]]
	on laptop mirror resume here >/dev/null
	until_ test -e here/.lk-mirror
}

@test "the marker of another mirror is not taken away with this one" {
	device laptop
	device other
	mkdir work
	echo one >work/a.md
	on laptop mirror add work >/dev/null
	until_ test -e work/.lk-mirror/id
	cp -r work/.lk-mirror kept
	on other mirror add work >/dev/null
	until_ eval '! cmp -s work/.lk-mirror/id kept/id'
	cp kept/id work/.lk-mirror/id
	on other mirror rm work >/dev/null
	cmp work/.lk-mirror/id kept/id
}

@test "a folder that is not there is said to be that" {
	two_with a.md one
	mv there away
	on phone daemon stop
	until_ eval 'on phone mirror status | grep -q "stopped: not there"'
	[ "$(cat here/a.md)" = one ]
	mv away there
	on phone daemon stop
	until_ eval 'on phone mirror status there | grep -q "1 file"'
	until_ same
}

@test "a mirror that is paused does nothing until it is resumed" {
	two_with a.md $'one\n'
	on laptop mirror pause here >/dev/null
	echo two >>there/a.md
	echo new >here/b.md
	until_ eval 'on laptop get notes | grep -q two'
	[ "$(cat here/a.md)" = one ]
	[ ! -e there/b.md ]
	on laptop mirror resume notes >/dev/null
	until_ same
	[ "$(cat here/a.md)" = $'one\ntwo' ]
}

@test "who may not write keeps his changes to himself" {
	device laptop
	device phone
	on laptop new notes >/dev/null
	mkdir here
	on laptop mirror add here notes >/dev/null
	echo one >here/a.md
	on phone accept "$(on laptop invite notes --role read)" >/dev/null
	on phone mirror add there notes >/dev/null
	until_ test -e there/a.md
	echo mine >>there/a.md
	until_ eval 'on phone mirror status there | grep -q "a.md: changed here, and this device may not write"'
	[ "$(cat here/a.md)" = one ]
	[ "$(cat there/a.md)" = $'one\nmine' ]
	on laptop share notes phone --role write >/dev/null
	until_ grep -q mine here/a.md
	until_ same
	on laptop revoke notes phone >/dev/null
	until_ eval 'on phone mirror status there | grep -q "live: this device has no access to the document any more"'
	run on phone doctor -q
	[[ $output == *"there: this device has no access to the document any more: what is here stays"* ]]
}

@test "a file that others made too large keeps no other waiting" {
	local id
	device laptop
	mkdir here
	echo one >here/a.md
	echo two >here/b.md
	on laptop new notes >/dev/null
	on laptop mirror add here notes >/dev/null
	until_ eval 'on laptop mirror status here | grep -q "2 files"'
	id=$(on laptop get notes --json | jq -r 'to_entries[] | select(.value.path == "a.md") | .key')
	head -c 9000000 /dev/zero >big
	on laptop set notes "/$id/bytes" -b big
	until_ eval 'on laptop mirror status here | grep -q "a.md: in the document it is too large"'
	[ "$(cat here/a.md)" = one ]
	echo more >>here/a.md
	echo more >>here/b.md
	until_ eval 'on laptop get notes --json | jq -r ".[].text" | grep -q more'
	on laptop rm notes "/$id/bytes"
	until_ eval '[ "$(on laptop get notes --json | jq -r ".[].text" | grep -c more)" -eq 2 ]'
	[ "$(cat here/a.md)" = $'one\nmore' ]
	until_ eval '! on laptop mirror status here | grep -q large'
}

# stored DEVICE: what its store takes, in KiB.
stored() {
	du -sk "$T/$1/store" | cut -f 1
}

@test "a long file goes over in pieces, and a change of it costs what has changed" {
	local before
	two
	head -c 20000000 /dev/urandom >here/film
	until_ same
	before=$(stored phone)
	{
		head -c 9000000 here/film
		echo inserted
		tail -c +9000001 here/film
	} >film
	cat film >here/film
	until_ cmp -s film there/film
	until_ same
	[ $(($(stored phone) - before)) -lt 6000 ]
	mkdir there/old
	mv there/film there/old/film
	cp here/film here/copy
	until_ cmp -s film here/old/film
	until_ same
	rm -r here/old
	until_ eval '[ ! -e there/old/film ]'
	until_ same
	cmp film there/copy
	# Two copies of it are no more than one.
	[ $(($(stored phone) - before)) -lt 8000 ]
}

@test "of two long files in one place one counts, and both sides have it" {
	two_with film x
	on phone daemon stop
	head -c 3000000 /dev/urandom >here/film
	head -c 3000000 /dev/urandom >there/film
	head -c 30000000 /dev/zero >there/zeros
	until_ eval 'on laptop mirror status | grep -q "1 file"'
	on phone sync
	until_ test -e here/zeros
	until_ same
	[ "$(stat -c %s here/zeros)" -eq 30000000 ]
	[ "$(stat -c %s here/film)" -eq 3000000 ]
	# Until each knows what the other wrote.
	on laptop -q sync --wait --timeout 30s
	on phone -q sync --wait --timeout 30s
	until_ same
	echo text >here/film
	until_ eval '[ "$(cat there/film)" = text ]'
}

@test "a daemon that is killed in the middle of a long file goes on with it" {
	local i
	two
	head -c 16000000 /dev/urandom >here/film
	for i in 1 2; do
		read -rt 0.$((i * 2)) <> <(:) || true
		kill -9 "$(on laptop status --json | field pid)"
		on phone -q status
		kill -9 "$(on phone status --json | field pid)"
		on laptop -q status
	done
	on phone -q status
	# They are looking for each other first.
	until_ cmp -s here/film there/film || until_ cmp -s here/film there/film
	until_ same
	[ -z "$(find here there -name '.lk-new-*' -o -name '.lk-out-*')" ]
}

@test "a long file that is moved is the same file, alone or with its folder" {
	local before
	two
	mkdir here/films
	head -c 9000000 /dev/urandom >here/films/a
	head -c 9000000 /dev/urandom >here/films/b
	until_ same
	before=$(on laptop get notes --json | jq -c keys)
	mv here/films here/old
	until_ test -e there/old/b
	until_ same
	[ "$(on laptop get notes --json | jq -c keys)" = "$before" ]
	mv there/old/a there/c
	until_ test -e here/c
	until_ same
	[ "$(on phone get notes --json | jq -c keys)" = "$before" ]
}

@test "a long file that is replaced while it is read is what replaced it" {
	two
	head -c 60000000 /dev/urandom >here/film
	head -c 10000000 /dev/urandom >here/other
	mv here/other here/film
	until_ cmp -s here/film there/film || until_ cmp -s here/film there/film
	[ "$(stat -c %s there/film)" -eq 10000000 ]
}

@test "long files that programs hold open are not prepared again and again" {
	local name pid before
	two
	for name in a b; do head -c 4000000 /dev/urandom >"here/$name"; done
	until_ same
	exec 8>>there/a 9>>there/b
	for name in a b; do head -c 4000000 /dev/urandom >"here/$name"; done
	until_ eval '[ "$(on phone mirror status there | grep -c "open for writing")" -eq 2 ]'
	pid=$(on phone status --json | field pid)
	before=$(sed -n 's/wchar: //p' "/proc/$pid/io")
	for name in $(seq 10); do
		echo "$name" >here/c
		until_ cmp -s here/c there/c
	done
	[ $(($(sed -n 's/wchar: //p' "/proc/$pid/io") - before)) -lt 2000000 ]
	[ -z "$(find there -name '.lk-new-*')" ]
	exec 8>&- 9>&-
	until_ same
}

@test "a start does not read again what is as it was" {
	local i
	two
	head -c 20000000 /dev/urandom >here/film
	until_ same
	for i in 1 2; do
		on phone daemon stop
		on phone ls >/dev/null
		until_ eval 'on phone mirror status --json | jq -e ".mirrors[0] | .state == \"live\" and .pending == 0"'
	done
	[ "$(sed -n 's/rchar: //p' "/proc/$(on phone status --json | field pid)/io")" -lt 4000000 ]
}

@test "a file whose entry somebody removed is a new one with what was typed" {
	local id
	two_with a.md one
	on laptop mirror pause here >/dev/null
	echo more >>here/a.md
	id=$(on laptop get notes --json | jq -r 'keys[0]')
	on laptop rm notes "/$id"
	on laptop mirror resume here >/dev/null
	until_ eval 'grep -q more there/a.md'
	until_ same
	[ "$(cat here/a.md)" = onemore ]
}

@test "what came out of a file when a crash came is an edit of what it was then" {
	local id
	two_with a.md $'one\ntwo\n'
	id=$(on laptop get notes --json | jq -r 'keys[0]')
	on phone daemon stop
	printf 'one\ntwo\nsaved then\n' >"there/.lk-out-$id-0123456789abcdef"
	printf 'one from there\ntwo\n' >there/a.md
	printf 'one\ntwo from here\n' >here/a.md
	on phone sync >/dev/null
	until_ grep -q 'saved then' here/a.md
	until_ same
	[ "$(cat here/a.md)" = $'one from there\ntwo from here\nsaved then' ]
	until_ eval '[ -z "$(find there -name ".lk-out-*")" ]'
	# What cannot be read keeps its file as it is, and is said.
	on phone daemon stop
	mkdir "there/.lk-out-$id"
	echo three >>here/a.md
	on phone sync >/dev/null
	until_ eval 'on phone mirror status there | grep -q "lk-out-$id: no ordinary file"'
	! grep -q three there/a.md
	rmdir "there/.lk-out-$id"
	on phone mirror pause there >/dev/null
	on phone mirror resume there >/dev/null
	until_ grep -q three there/a.md
	until_ same
}

@test "what had gone in when a crash came is no edit of what was before" {
	local id digest
	two_with a.md $'one\n'
	id=$(on laptop get notes --json | jq -r 'keys[0]')
	# How what goes in is called.
	printf 'one\nfoo\n' >here/b.md
	until_ test -e there/b.md
	rm here/b.md
	until_ eval '[ ! -e there/b.md ]'
	digest=$(on laptop get notes --json | jq -r '.[] | select(.path == "b.md") | .gone' | base64 -d | od -An -tx1 | tr -d ' \n')
	[ "${#digest}" -eq 64 ]
	on phone daemon stop
	echo foo >>here/a.md
	printf 'one\nbar\n' >"there/.lk-out-$id-${digest:0:16}"
	printf 'one\nfoo\n' >there/a.md
	on phone sync >/dev/null
	until_ grep -q bar here/a.md
	until_ same
	[ "$(sort here/a.md)" = $'bar\nfoo\none' ]
	until_ eval '[ -z "$(find there -name ".lk-out-*")" ]'
}

@test "what a program still writes into when a crash came is waited for" {
	local id
	two_with a.md $'one\n'
	id=$(on laptop get notes --json | jq -r 'keys[0]')
	on phone daemon stop
	echo one >"there/.lk-out-$id-0123456789abcdef"
	exec 8>>"there/.lk-out-$id-0123456789abcdef"
	on phone ls 8>&- >/dev/null
	until_ eval 'on phone mirror status there | grep -q "lk-out-$id-0123456789abcdef: open for writing"'
	echo more >&8
	exec 8>&-
	until_ grep -q more here/a.md
	until_ same
	[ "$(cat here/a.md)" = $'one\nmore' ]
	until_ eval '[ -z "$(find there -name ".lk-out-*")" ]'
}

@test "a file of more than 4 GiB stays out, and says so" {
	two
	truncate -s 4294967297 here/disk
	echo one >here/a.md
	until_ test -e there/a.md
	until_ eval 'on laptop mirror status | grep -q "disk: too large to be kept"'
	[ ! -e there/disk ]
}

@test "a file that was deleted, or is no text, comes back by restore" {
	local id then
	device laptop
	mkdir work
	printf 'a\0b' >work/bin
	echo keep >work/other
	on laptop mirror add work >/dev/null
	until_ eval '[ "$(on laptop get work --json | jq length)" = 2 ]'
	id=$(on laptop get work --json |
	    jq -r 'to_entries[] | select(.value.path == "bin") | .key')
	then=$(on laptop log work --json | field hash)
	printf 'b\0c' >work/bin
	until_ eval '[ "$(on laptop log work --json | field hash)" != "$then" ]'
	on laptop restore work "$then" "/$id"
	until_ cmp work/bin <(printf 'a\0b')
	rm work/bin
	until_ eval 'on laptop get work "/$id/gone"'
	echo kept >work/other
	until_ eval 'on laptop get work | grep -q kept'
	on laptop restore work "$then" "/$id"
	until_ cmp work/bin <(printf 'a\0b')
	[ "$(cat work/other)" = kept ]
}

@test "mirrors are listed in the order of the names of their documents" {
	device laptop
	for name in pears apples quinces; do
		on laptop mirror add $name >/dev/null
	done
	run -0 jq -r '[.mirrors[].name] | join(" ")' <<<"$(on laptop mirror ls --json)"
	[ "$output" = "apples pears quinces" ]
}

@test "mistakes are said" {
	device laptop
	lk mirror add
	[ "$status" -eq 64 ]
	lk mirror frob
	refused 64 "lk: frob: expected add, ls, status, pause, resume or rm*" || [ "$status" -eq 64 ]
	touch file
	lk mirror add file
	refused 73 "lk: *file: File exists" || refused 73 "lk: *file: not a folder"
	lk mirror add laptop
	[ "$status" -eq 64 ]
	lk mirror add here nothing
	[ "$status" -eq 66 ]
	"$LK" new list --type list >/dev/null
	lk mirror add here list
	[ "$status" -eq 65 ]
	"$LK" mirror add here >/dev/null
	lk mirror add here/sub
	[ "$status" -eq 73 ]
	lk mirror status nothing
	[ "$status" -eq 66 ]
	lk mirror pause nothing
	[ "$status" -eq 66 ]
	lk mirror ls --json
	[ "$status" -eq 0 ]
	[[ $output == *'"schema":"lk.mirror/1"'* ]]
}
