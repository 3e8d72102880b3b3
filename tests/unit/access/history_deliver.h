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
	assert_true(j.leftover != graph_essential(g, graph_len(g) - 1));
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

/* Delivers in the order given, restarting from what is stored half way. */
static inline void
history_deliver(
    const struct history *h, const size_t *order, struct outcome *out)
{
	struct follower f = { 0 };
	struct graph *g;

	assert_int_equal(graph_new(&g).code, LK_OK);
	for (size_t n = 0; n < h->len; n++) {
		if (n == h->len / 2) {
			graph_free(g);
			assert_int_equal(graph_new(&g).code, LK_OK);
			for (size_t k = 0; k < n; k++)
				assert_int_equal(
				    graph_load(g, &h->env[order[k]]->facts)
					.code,
				    LK_OK);
			assert_int_equal(graph_settle(g).code, LK_OK);
		}
		deliver(h, g, &f, order[n]);
	}
	outcome_of(h, g, out);
	graph_free(g);
}

static inline void
order_random(struct history *h, size_t *order)
{
	bool done[HISTORY_MAX] = { 0 };

	for (size_t n = 0; n < h->len; n++) {
		size_t i = history_random(h, (uint32_t)h->len);

		while (!deliverable(h, i, done))
			i = (i + 1) % h->len;
		done[i] = true;
		order[n] = i;
	}
}

/* The next causal order after this one; false after the last.  The first is
 * that of writing. */
static inline bool
order_next(const struct history *h, size_t *order)
{
	bool done[HISTORY_MAX];

	for (size_t n = h->len; n-- > 0;) {
		memset(done, 0, sizeof(done));
		for (size_t k = 0; k < n; k++)
			done[order[k]] = true;
		for (size_t i = order[n] + 1; i < h->len; i++) {
			if (!deliverable(h, i, done))
				continue;
			order[n] = i;
			done[i] = true;
			for (size_t k = n + 1; k < h->len; k++) {
				size_t least = 0;

				while (!deliverable(h, least, done))
					least++;
				order[k] = least;
				done[least] = true;
			}
			return true;
		}
	}
	return false;
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

/* The state of the whole history: the same in every order of delivery, or in
 * `orders` random ones where there are more than that. */
static inline struct outcome
history_outcome(struct history *h, size_t orders)
{
	struct outcome first, other;
	size_t order[HISTORY_MAX];
	size_t n = 0;

	history_load(h, &first);
	for (size_t i = 0; i < h->len; i++)
		order[i] = i;
	while (n <= orders && order_next(h, order))
		n++;
	for (size_t i = 0; i < h->len; i++)
		order[i] = i;
	for (size_t i = 0; i <= n && i < orders; i++) {
		history_deliver(h, order, &other);
		outcome_equal(h, &first, &other);
		if (n >= orders)
			order_random(h, order);
		else
			(void)order_next(h, order);
	}
	return first;
}

#endif
