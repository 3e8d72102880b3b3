/*
 * row.h - for tests: three people who share a document, of whom the first and
 * the last never meet.
 */
#ifndef TESTS_UNIT_SYNC_ROW_H
#define TESTS_UNIT_SYNC_ROW_H

#include "tests/unit/sync/carried.h"
#include "tests/unit/sync/wired.h"

#define MINUTE 60000

/* ann shares a document with bob and cem; ann and cem never meet. */
struct row {
	struct wires w;
	struct host a, b, c;
	uint32_t in_a, in_b, in_c;
};

static inline const uint8_t *
pk(const struct host *h)
{
	return h->d.identity.sign.pk;
}

static inline void
row_make(struct row *r)
{
	char text[TICKET_TEXT_MAX + 1];

	memset(r, 0, sizeof(*r));
	host_make(&r->w, &r->a, 1, "ann");
	host_make(&r->w, &r->b, 2, "bob");
	host_make(&r->w, &r->c, 3, "cem");
	r->in_a = document(&r->a.d, "plan");
	ok(share_try(&r->a.d, r->in_a, &r->c.d, ROLE_WRITE));
	r->in_c = welcome(&r->c.d, &r->a.d, r->in_a);
	r->a.apart = &r->c;
	ticket_make(&r->a, r->in_a, ROLE_ADMIN, 1, text);
	r->in_b = redeemed(&r->b, redeem(&r->w, &r->b, text));
	/* And bob tells cem where he is. */
	ticket_make(&r->b, r->in_b, ROLE_WRITE, 1, text);
	(void)redeem(&r->w, &r->c, text);
	wires_run(&r->w, MINUTE);
}

static inline void
row_clear(struct row *r)
{
	assert_null(link_of(r->a.e, pk(&r->c)));
	host_remove(&r->a);
	host_remove(&r->b);
	host_remove(&r->c);
}

/* How one device sees another; SYNC_UNKNOWN when it is no reader. */
static inline enum sync_state
seen(struct host *h, uint32_t docno, const struct host *other)
{
	struct sync_status s;
	enum sync_state state = SYNC_UNKNOWN;

	device_begin(&h->d);
	for (size_t i = 0; engine_sync_status(h->e, docno, i, &s).code == LK_OK;
	     i++)
		if (memcmp(s.pk, pk(other), 32) == 0)
			state = s.state;
	device_commit(&h->d);
	return state;
}

#endif
