/*
 * history_deliver.h - delivers a history to devices, and compares what they
 * make of it.
 */
#ifndef TESTS_ACCESS_HISTORY_DELIVER_H
#define TESTS_ACCESS_HISTORY_DELIVER_H

#include "tests/unit/access/history_write.h"

/* What a device makes of it, by index in the history. */
struct outcome {
	uint16_t effective[HISTORY_MAX]; /* a bit for each op */
	bool visible[HISTORY_MAX], essential[HISTORY_MAX];
};

static inline void
outcome_of(const struct history *h, const struct graph *g, struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < h->len; i++) {
		uint32_t n = graph_find(g, h->env[i]->facts.id);

		if (n == GRAPH_NONE)
			continue;
		for (uint8_t k = 0; k < h->env[i]->body.ops_len; k++)
			o->effective[i] |=
			    (uint16_t)(graph_effective(g, n, k) ? 1u << k : 0);
		o->visible[i] = graph_visible(g, n);
		o->essential[i] = graph_essential(g, n);
	}
}

/* A device that follows flips only, to see that none is left out. */
struct follower {
	bool visible[HISTORY_MAX], essential[HISTORY_MAX];
};

static inline void
deliver(const struct history *h, struct graph *g, struct follower *f, size_t i)
{
	const struct flip *flips;
	struct judgement j;
	size_t len;
	lk_err err = graph_judge(g, &h->env[i]->facts, &j);

	if (err.code != LK_OK)
		fail_msg("%s: %s", h->env[i]->name, err.what);
	err = graph_add(g, &h->env[i]->facts, &flips, &len);
	assert_int_equal(err.code, LK_OK);
	for (size_t k = 0; k < len; k++) {
		uint32_t n = flips[k].node;

		assert_true(k == 0 || flips[k - 1].node < n);
		assert_true(flips[k].visible_changed ==
		    (f->visible[n] != flips[k].visible));
		assert_true(flips[k].essential_changed ==
		    (f->essential[n] != flips[k].essential));
		assert_true(
		    flips[k].visible_changed || flips[k].essential_changed);
		f->visible[n] = flips[k].visible;
		f->essential[n] = flips[k].essential;
	}
	for (uint32_t n = 0; n < graph_len(g); n++) {
		assert_true(f->visible[n] == graph_visible(g, n));
		assert_true(f->essential[n] == graph_essential(g, n));
	}
}

static inline bool
deliverable(const struct history *h, size_t i, const bool *done)
{
	for (size_t k = 0; k < h->len; k++) {
		if (h->env[i]->past[k] && !done[k])
			return false;
	}
	return !done[i];
}

/* One random causal order. */
static inline void
history_deliver(struct history *h, struct outcome *out)
{
	bool done[HISTORY_MAX] = { 0 };
	struct follower f = { 0 };
	struct graph *g;

	assert_int_equal(graph_new(&g).code, LK_OK);
	for (size_t n = 0; n < h->len; n++) {
		size_t i = history_random(h, (uint32_t)h->len);

		while (!deliverable(h, i, done))
			i = (i + 1) % h->len;
		done[i] = true;
		deliver(h, g, &f, i);
	}
	outcome_of(h, g, out);
	graph_free(g);
}

/* All at once, as a device that starts loads its store. */
static inline void
history_load(const struct history *h, struct outcome *out)
{
	struct graph *g;

	assert_int_equal(graph_new(&g).code, LK_OK);
	for (size_t i = 0; i < h->len; i++)
		assert_int_equal(graph_load(g, &h->env[i]->facts).code, LK_OK);
	assert_int_equal(graph_settle(g).code, LK_OK);
	outcome_of(h, g, out);
	graph_free(g);
}

static inline void
outcome_equal(
    const struct history *h, const struct outcome *a, const struct outcome *b)
{
	for (size_t i = 0; i < h->len; i++) {
		if (a->effective[i] != b->effective[i] ||
		    a->visible[i] != b->visible[i] ||
		    a->essential[i] != b->essential[i])
			fail_msg("devices differ about %s", h->env[i]->name);
	}
}

/* The state of the whole history, the same for `orders` orders of delivery. */
static inline struct outcome
history_outcome(struct history *h, size_t orders)
{
	struct outcome first, other;

	history_load(h, &first);
	for (size_t i = 0; i < orders; i++) {
		history_deliver(h, &other);
		outcome_equal(h, &first, &other);
	}
	return first;
}

#endif
