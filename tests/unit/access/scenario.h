/*
 * scenario.h - where the scenarios of access.md section 12 begin.  Root R;
 * admins A (the creator) and B of one rank; junior admin M by A; writers E by A
 * and F by M.
 */
#ifndef TESTS_ACCESS_SCENARIO_H
#define TESTS_ACCESS_SCENARIO_H

#include "tests/unit/access/history_deliver.h"

#define ORDERS 1000

static struct outcome now;

static inline bool
counts(const struct history *h, const char *name)
{
	return now.effective[history_find(h, name)] & 1;
}

#define assert_effective(name) assert_true(counts(&h, name))
#define assert_void(name) assert_false(counts(&h, name))
#define assert_shown(name) assert_true(now.visible[history_find(&h, name)])
#define assert_hidden(name) assert_false(now.visible[history_find(&h, name)])
#define assert_stays(name) assert_true(now.essential[history_find(&h, name)])
#define YES(call)                                    \
	do {                                         \
		if (!(call))                         \
			fail_msg("%s", h.last.what); \
	} while (0)
#define REFUSED(call, rule)                             \
	do {                                            \
		assert_false(call);                     \
		assert_string_equal(h.last.what, rule); \
	} while (0)
#define CUT(t, k) ((struct cut_spec){ .target = t, .keep = k })

static inline void
base(struct history *hp)
{
	struct history h;

	history_start(&h, 1);
	YES(w_grant(&h, "gB", "R", "G#255", "G",
	    op_grant_to("B", ROLE_ADMIN, 1000, 0)));
	YES(w_grant(
	    &h, "gM", "A", "G", "gB", op_grant_to("M", ROLE_ADMIN, 2000, 0)));
	YES(w_grant(&h, "gE", "A", "G", "gM",
	    op_grant_to("E", ROLE_WRITE, 20000, GRANT_ENROLL)));
	YES(w_grant(&h, "gF", "M", "gM", "gE",
	    op_grant_to("F", ROLE_WRITE, 20000, GRANT_ENROLL)));
	*hp = h;
}

static inline void
settle(struct history *h)
{
	now = history_outcome(h, ORDERS);
}

/* Whether the epoch in an envelope has a box for a device. */
static inline bool
boxed(const struct history *h, const char *name, const char *device)
{
	const struct envelope *e = h->env[history_find(h, name)];
	struct graph *g = view_graph(h, e->past);
	struct judgement j;
	uint8_t key[32];
	bool found = false;

	assert_int_equal(graph_judge(g, &e->facts, &j).code, LK_OK);
	name_key(key, device);
	for (size_t i = 0; i < j.readers_len; i++)
		found = found || memcmp(j.readers[i].key, key, 32) == 0;
	graph_free(g);
	return found;
}

#endif
