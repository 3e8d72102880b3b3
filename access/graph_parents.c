#include <stdlib.h>

#include "access/graph_parts.h"

/* What a view shows of a stream: the seq up to which it is visible. */
static uint32_t
stream_shown(const struct graph *g, const struct view *v, const struct eval *e,
    const struct stream *s)
{
	uint32_t reach, limit;

	if (v->whole)
		return s->visible;
	reach = view_reach(g, v, s->chain);
	limit =
	    reach == 0 ? 0 : eval_limit(g, e, s->grant, ROLE_WRITE, s->chain);
	return limit < reach ? limit : reach;
}

static bool
adoption_counts(const struct graph *g, const struct view *v,
    const struct eval *e, const struct adoption *x)
{
	const struct adopt *a = &g->adopts.v[x->adopt];

	return view_has_op(g, v, a->node, a->op) &&
	    eval_op(g, e, a->node, a->op);
}

/* Of adoptions from number i on: the next that counts and is of such content,
 * beyond `seq`; GRAPH_NONE when there is none. */
static uint32_t
adoption_from(const struct graph *g, const struct view *v, const struct eval *e,
    uint32_t i, uint16_t content, uint32_t seq)
{
	for (; i != GRAPH_NONE; i = g->adoptions.v[i].next) {
		const struct adoption *x = &g->adoptions.v[i];
		const struct node *target = &g->nodes.v[x->target];

		if ((target->flags & content) && target->seq > seq &&
		    adoption_counts(g, v, e, x))
			break;
	}
	return i;
}

/* The last visible change of a stream, adopted or not: its node, or GRAPH_NONE;
 * *seq is 0 then. */
static uint32_t
stream_change(const struct graph *g, const struct view *v, const struct eval *e,
    const struct stream *s, uint32_t *seq)
{
	uint32_t n = u32s_upto(&s->changes, stream_shown(g, v, e, s));
	uint32_t last = n == 0 ? 0 : s->changes.v[n - 1], i = s->adoption;

	while ((i = adoption_from(g, v, e, i, NODE_CHANGE, last)) != GRAPH_NONE)
		last = g->nodes.v[g->adoptions.v[i].target].seq;
	*seq = last;
	return last == 0 ? GRAPH_NONE : chain_node(g, s->chain, last);
}

/* The visible imports of a stream beyond `done`. */
static bool
imports_add(struct graph *g, const struct view *v, const struct eval *e,
    const struct stream *s, uint32_t done)
{
	uint32_t last = u32s_upto(&s->imports, stream_shown(g, v, e, s));
	uint32_t i = s->adoption;
	bool ok = true;

	for (uint32_t k = u32s_upto(&s->imports, done); k < last; k++)
		ok = ok &&
		    u32s_add(
			&g->parents, chain_node(g, s->chain, s->imports.v[k]));
	while ((i = adoption_from(g, v, e, i, NODE_LAST, done)) != GRAPH_NONE) {
		ok = ok && u32s_add(&g->parents, g->adoptions.v[i].target);
		i = g->adoptions.v[i].next;
	}
	return ok;
}

/* Adds what a stream shows beyond `done`, the seq up to which others have it
 * among their ancestors: its last change, and imports after that one. */
static bool
heads_add(struct graph *g, const struct view *v, const struct eval *e,
    const struct stream *s, uint32_t done)
{
	uint32_t seq, c = stream_change(g, v, e, s, &seq);

	if (c != GRAPH_NONE && done < seq && !u32s_add(&g->parents, c))
		return false;
	return imports_add(g, v, e, s, seq > done ? seq : done);
}

/*
 * Heads: of each stream the last visible change, and the imports after it (of
 * whose ancestors nothing is known), unless another of these changes has it
 * among its ancestors.
 */
lk_err
parents_of(struct graph *g, const struct view *v, const struct eval *e)
{
	uint32_t pool = g->clocks.len, covered = 0, seq;
	bool ok = true;

	for (uint32_t i = 0; i < g->streams.len; i++) {
		uint32_t c = stream_change(g, v, e, &g->streams.v[i], &seq);

		if (c != GRAPH_NONE)
			covered = vclock_merge(
			    &g->clocks, covered, g->nodes.v[c].ancestors);
	}
	g->parents.len = 0;
	for (uint32_t i = 0; i < g->streams.len && ok; i++)
		ok = heads_add(g, v, e, &g->streams.v[i],
		    vclock_get(&g->clocks, covered, i));
	ok = ok && !g->clocks.failed;
	g->clocks.failed = false;
	vclock_rollback(&g->clocks, pool);
	u32s_normalize(&g->parents);
	return ok ? LK_NONE : GRAPH_NOMEM;
}

uint32_t
parents_ancestors(struct graph *g, uint32_t stream)
{
	uint32_t clock = 0;

	for (uint32_t i = 0; i < g->parents.len; i++) {
		const struct node *p = &g->nodes.v[g->parents.v[i]];

		if (p->flags & NODE_CHANGE)
			clock = vclock_merge(&g->clocks, clock, p->ancestors);
		if (p->stream != stream)
			clock =
			    vclock_raise(&g->clocks, clock, p->stream, p->seq);
	}
	return clock;
}

uint32_t
changes_under(const struct graph *g, const struct view *v, uint32_t grant)
{
	uint32_t n = 0;

	for (uint32_t s = g->grants.v[grant].stream; s != GRAPH_NONE;
	     s = g->streams.v[s].next_of_grant) {
		const struct stream *stream = &g->streams.v[s];

		n += u32s_upto(
		    &stream->changes, view_reach(g, v, stream->chain));
	}
	return n;
}
