# What devices know of each other that are never up at the same time.

load setup

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
