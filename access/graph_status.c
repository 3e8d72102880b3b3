#include <stdlib.h>
#include <string.h>

#include "access/graph_parts.h"

static uint32_t
later(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static bool
visible_note(struct graph *g, uint32_t node)
{
	if (!ARRAY_ROOM(&g->flips))
		return false;
	g->flips.v[g->flips.len++] =
	    (struct flip){ .node = node, .visible_changed = true };
	return true;
}

static bool
essential_note(struct graph *g, uint32_t node)
{
	if (!ARRAY_ROOM(&g->flips))
		return false;
	g->flips.v[g->flips.len++] =
	    (struct flip){ .node = node, .essential_changed = true };
	return true;
}

/* An import appears or goes as one: all its pieces, from the last back. */
static bool
import_flip(struct graph *g, uint32_t last, bool appears)
{
	uint32_t grant = g->nodes.v[last].grant;

	for (uint32_t n = last; n != GRAPH_NONE; n = g->nodes.v[n].prev) {
		struct node *node = &g->nodes.v[n];

		if (n != last &&
		    (!(node->flags & NODE_IMPORT) ||
			(node->flags & NODE_LAST) || node->grant != grant))
			break;
		node->visible += appears ? 1 : UINT32_MAX;
		if (node->visible == (appears ? 1 : 0) && !visible_note(g, n))
			return false;
	}
	return true;
}

/* A change, or an import named by its last piece, appears or goes. */
static bool
content_flip(struct graph *g, uint32_t node, bool appears)
{
	if (g->nodes.v[node].flags & NODE_CHANGE)
		return visible_note(g, node);
	return import_flip(g, node, appears);
}

/* What the end of a stream moved past, unless it is adopted and stays. */
static bool
seqs_flip(struct graph *g, const struct stream *s, const struct u32s *seqs,
    uint32_t low, uint32_t high)
{
	for (uint32_t k = u32s_upto(seqs, low);
	     k < seqs->len && seqs->v[k] <= high; k++) {
		uint32_t n = chain_node(g, s->chain, seqs->v[k]);

		if (g->nodes.v[n].adopted == 0 &&
		    !content_flip(g, n, s->visible == high))
			return false;
	}
	return true;
}

/* Moves the end of what is visible on a stream. */
static lk_err
stream_show(struct graph *g, uint32_t i, uint32_t limit)
{
	struct stream *s = &g->streams.v[i];
	uint32_t was = s->visible;
	uint32_t low = limit < was ? limit : was, high = later(limit, was);

	if (limit == was)
		return LK_NONE;
	s->visible = limit;
	return seqs_flip(g, s, &s->changes, low, high) &&
		seqs_flip(g, s, &s->imports, low, high)
	    ? LK_NONE
	    : GRAPH_NOMEM;
}

/* Takes account of what an adopt has come to. */
static lk_err
adopt_settle(struct graph *g, struct adopt *a)
{
	bool counts = eval_op(g, &g->evals->now, a->node, a->op);

	if (counts == a->counts)
		return LK_NONE;
	a->counts = counts;
	for (uint32_t i = a->first; i < a->first + a->len; i++) {
		uint32_t n = g->adoptions.v[i].target;
		struct node *target = &g->nodes.v[n];

		target->adopted += counts ? 1 : UINT32_MAX;
		if (target->adopted == (counts ? 1 : 0) &&
		    target->seq > g->streams.v[target->stream].visible &&
		    !content_flip(g, n, counts))
			return GRAPH_NOMEM;
	}
	return LK_NONE;
}

static uint32_t
last_upto(const struct u32s *a, uint32_t limit)
{
	uint32_t n = u32s_upto(a, limit);

	return n == 0 ? 0 : a->v[n - 1];
}

/* The last seq of a stream with an effective op, control ops apart. */
static uint32_t
stream_last(const struct stream *s, uint32_t write_limit, uint32_t read_limit)
{
	uint32_t seq = last_upto(&s->changes, write_limit);

	seq = later(seq, last_upto(&s->imports, write_limit));
	seq = later(seq, last_upto(&s->others, write_limit));
	return later(seq, last_upto(&s->shares, read_limit));
}

/* Updates every stream; last[c] becomes the seq of the last effective envelope
 * of chain c. */
static lk_err
streams_settle(struct graph *g, uint32_t *last)
{
	const struct eval *now = &g->evals->now;

	for (uint32_t i = 0; i < g->streams.len; i++) {
		const struct stream *s = &g->streams.v[i];
		uint32_t chain = s->chain;
		uint32_t w = eval_limit(g, now, s->grant, ROLE_WRITE, chain);
		uint32_t r = eval_limit(g, now, s->grant, ROLE_READ, chain);
		uint32_t show =
		    later(last_upto(&s->changes, w), last_upto(&s->imports, w));

		last[chain] = later(last[chain], stream_last(s, w, r));
		TRY(stream_show(g, i, show));
	}
	for (uint32_t i = 0; i < g->adopts.len; i++)
		TRY(adopt_settle(g, &g->adopts.v[i]));
	for (uint32_t i = 0; i < g->ctls.len; i++) {
		const struct node *n = &g->nodes.v[g->ctls.v[i].node];

		if (now->effective.v[i])
			last[n->chain] = later(last[n->chain], n->seq);
	}
	return LK_NONE;
}

static lk_err
chain_essential(struct graph *g, uint32_t chain, uint32_t seq)
{
	struct chain *c = &g->chains.v[chain];
	uint32_t low = seq < c->essential ? seq : c->essential;
	uint32_t high = later(seq, c->essential);

	for (uint32_t i = later(low + 1, c->first); i <= high; i++) {
		if (!essential_note(g, chain_node(g, chain, i)))
			return GRAPH_NOMEM;
	}
	c->essential = seq;
	return LK_NONE;
}

static void
past_raise(const struct graph *g, uint32_t node, uint32_t *past)
{
	uint32_t seq;

	for (uint32_t i = 0;
	     vclock_next(&g->clocks, g->nodes.v[node].clock, &i, &seq); i++)
		past[i] = later(past[i], seq);
}

/* How far the pasts of these envelopes reach on every chain.  What is in the
 * past of another has nothing to add, and in that of the newest most are. */
static void
pasts_join(const struct graph *g, const uint32_t *last, uint32_t *past)
{
	uint32_t newest = 0;

	for (uint32_t c = 0; c < g->chains.len; c++) {
		if (last[c] > 0)
			newest = later(newest, chain_node(g, c, last[c]));
	}
	past_raise(g, newest, past);
	for (uint32_t c = 0; c < g->chains.len; c++) {
		if (last[c] > past[c])
			past_raise(g, chain_node(g, c, last[c]), past);
	}
}

/* The essential set is the past of the last effective envelope of every chain;
 * its heads are those of them that no other one has in its past. */
static lk_err
essential_settle(struct graph *g, const uint32_t *last, uint32_t *past)
{
	pasts_join(g, last, past);
	g->heads.len = 0;
	for (uint32_t c = 0; c < g->chains.len; c++) {
		if (last[c] > past[c] &&
		    !u32s_add(&g->heads, chain_node(g, c, last[c])))
			return GRAPH_NOMEM;
		TRY(chain_essential(g, c, later(last[c], past[c])));
	}
	return LK_NONE;
}

/*
 * Maximal epochs of the essential set: of those that are maximal for some head,
 * the ones that are in no other's past.  past[c] says how far the pasts of all
 * of them reach on chain c.
 */
static lk_err
maximal_settle(struct graph *g, uint32_t *past)
{
	struct u32s *all = &g->maximal_now;
	uint32_t len, kept = 0, seq;

	all->len = 0;
	for (uint32_t i = 0; i < g->heads.len; i++) {
		const uint32_t *v =
		    set_members(g, g->nodes.v[g->heads.v[i]].maximal, &len);

		for (uint32_t k = 0; k < len; k++) {
			if (!u32s_add(all, v[k]))
				return GRAPH_NOMEM;
		}
	}
	u32s_normalize(all);
	for (uint32_t i = 0; i < all->len; i++) {
		const struct node *n = &g->nodes.v[g->epochs.v[all->v[i]].node];

		past[n->chain] = later(past[n->chain], n->seq - 1);
		for (uint32_t c = 0;
		     vclock_next(&g->clocks, n->clock, &c, &seq); c++)
			past[c] = later(past[c], seq);
	}
	for (uint32_t i = 0; i < all->len; i++) {
		const struct node *n = &g->nodes.v[g->epochs.v[all->v[i]].node];

		if (n->seq > past[n->chain])
			all->v[kept++] = all->v[i];
	}
	all->len = kept;
	return LK_NONE;
}

/* The same after one more envelope. */
static lk_err
maximal_add(struct graph *g, uint32_t x)
{
	struct u32s *all = &g->maximal_now;
	uint32_t len, kept;
	const uint32_t *v = set_members(g, g->nodes.v[x].maximal, &len);

	for (uint32_t k = 0; k < len; k++) {
		uint32_t node = g->epochs.v[v[k]].node;
		bool old = false;

		kept = 0;
		for (uint32_t i = 0; i < all->len; i++) {
			uint32_t other = g->epochs.v[all->v[i]].node;

			old = old || graph_in_past(g, node, other);
			if (!graph_in_past(g, other, node) || other == node)
				all->v[kept++] = all->v[i];
		}
		all->len = kept;
		if (!old && !u32s_add(all, v[k]))
			return GRAPH_NOMEM;
	}
	return LK_NONE;
}

lk_err
status_settle(struct graph *g)
{
	struct view whole = view_whole();
	uint32_t *last;
	lk_err err;

	TRY(eval_run(g, &g->evals->now, &whole));
	if (g->chains.len == 0)
		return LK_NONE;
	last = calloc((size_t)g->chains.len * 2, sizeof(*last));
	if (last == NULL)
		return GRAPH_NOMEM;
	err = streams_settle(g, last);
	if (err.code == LK_OK)
		err = essential_settle(g, last, last + g->chains.len);
	memset(last, 0, g->chains.len * sizeof(*last));
	if (err.code == LK_OK)
		err = maximal_settle(g, last);
	g->evals->share_known = false;
	free(last);
	return err;
}

static lk_err
essential_add(struct graph *g, uint32_t x)
{
	const struct node *n = &g->nodes.v[x];
	uint32_t seq, kept = 0;

	TRY(chain_essential(
	    g, n->chain, later(n->seq, g->chains.v[n->chain].essential)));
	for (uint32_t i = 0; vclock_next(&g->clocks, n->clock, &i, &seq); i++) {
		if (seq > g->chains.v[i].essential)
			TRY(chain_essential(g, i, seq));
	}
	for (uint32_t i = 0; i < g->heads.len; i++) {
		if (!graph_in_past(g, g->heads.v[i], x))
			g->heads.v[kept++] = g->heads.v[i];
	}
	g->heads.len = kept;
	return u32s_add(&g->heads, x) ? maximal_add(g, x) : GRAPH_NOMEM;
}

/* An envelope without control over authority changes nobody's status but its
 * own, and that of leftovers in its past. */
lk_err
status_add(struct graph *g, uint32_t x)
{
	const struct node *n = &g->nodes.v[x];
	struct eval *now = &g->evals->now;
	const struct stream *s = &g->streams.v[n->stream];
	uint32_t w = eval_limit(g, now, n->grant, ROLE_WRITE, n->chain);
	uint32_t r = eval_limit(g, now, n->grant, ROLE_READ, n->chain);

	if (n->flags & NODE_KEYS)
		now->clean_known = false;
	if (n->flags & NODE_REKEY)
		now->readers_known = false;
	/* A leftover with an epoch may have come back with it. */
	g->evals->share_known = false;
	if ((n->flags & (NODE_CHANGE | NODE_LAST)) && n->seq <= w)
		TRY(stream_show(g, n->stream, n->seq));
	if (stream_last(s, w, r) == n->seq)
		TRY(essential_add(g, x));
	return LK_NONE;
}

bool
graph_effective(const struct graph *g, uint32_t node, uint8_t op)
{
	if (op >= g->nodes.v[node].ops_len)
		return false;
	return eval_op(g, &g->evals->now, node, op);
}

bool
graph_visible(const struct graph *g, uint32_t node)
{
	const struct node *n = &g->nodes.v[node];

	if (n->flags & NODE_CHANGE)
		return n->adopted > 0 ||
		    n->seq <= g->streams.v[n->stream].visible;
	return n->visible > 0;
}

bool
graph_essential(const struct graph *g, uint32_t node)
{
	const struct node *n = &g->nodes.v[node];

	return n->seq <= g->chains.v[n->chain].essential;
}
