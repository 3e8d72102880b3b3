/* pair.h - for tests: one device makes another one its person's. */
#ifndef TESTS_UNIT_SYNC_PAIR_H
#define TESTS_UNIT_SYNC_PAIR_H

#include "tests/unit/sync/wired.h"

/* Makes one a device of the other's person. */
static inline void
pair(struct wires *w, struct host *by, struct host *joiner)
{
	struct ticket_request want = { .purpose = TICKET_DEVICE, .uses = 1 };
	char text[TICKET_TEXT_MAX + 1];
	struct redeem_status s;
	uint64_t handle;

	device_begin(&by->d);
	ok(engine_ticket(by->e, &want, by->d.now, text, sizeof(text)));
	host_commit(by);
	device_begin(&joiner->d);
	ok(engine_redeem(
	    joiner->e, text, TICKET_DEVICE, joiner->d.now, &handle));
	host_commit(joiner);
	wires_run(w, 5000);
	device_begin(&joiner->d);
	ok(engine_redeemed(joiner->e, handle, &s));
	host_commit(joiner);
	assert_int_equal(s.state, REDEEM_DONE);
}

#endif
