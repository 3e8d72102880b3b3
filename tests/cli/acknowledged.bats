# What devices know of each other that are never up at the same time.

load setup

@test "status says of whom nothing is known, and whether that can change now" {
	on laptop init --name laptop --quiet >phrase
	paired laptop phone
	on phone daemon stop
	on laptop new plan
	run -0 on laptop status
	[ "${lines[3]}" = "  phone: unknown since just now, not connected" ]
	mkdir kept
	on laptop -q backup create kept
	on laptop daemon stop
	on new -q backup restore kept --phrase-file phrase
	run -0 on new status
	[ "${lines[3]}" = "  phone: unknown, it has said nothing yet, not connected" ]
}

@test "sync --wait=all hears from the one in between what the third has" {
	device laptop
	on laptop new plan
	paired laptop phone
	paired laptop tablet
	on laptop -q sync --wait=all --timeout 30s plan
	on tablet -q daemon stop
	on laptop set plan /title '"new"'
	on laptop -q sync --wait=1 --timeout 30s plan
	run on laptop -q sync --wait=all --timeout 1s plan
	[ "$status" -ne 0 ]
	on laptop -q daemon stop
	# The tablet comes while the laptop is away, and goes before it is back.
	on tablet -q sync plan
	until_ eval '[ "$(on tablet get plan /title)" = new ]'
	on phone -q sync --wait=all --timeout 30s plan
	on tablet -q daemon stop
	on laptop -q sync --wait=all --timeout 60s plan
}
