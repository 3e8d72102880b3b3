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

/* The last visible change of a stream, or GRAPH_NONE; *seq is 0 then. */
static uint32_t
stream_change(const struct graph *g, const struct stream *s, uint32_t shown,
    uint32_t *seq)
{
	uint32_t n = u32s_upto(&s->changes, shown);

	*seq = n == 0 ? 0 : s->changes.v[n - 1];
	return n == 0 ? GRAPH_NONE : chain_node(g, s->chain, *seq);
}

/* Adds what a stream shows beyond `done`, the seq up to which others have it
 * among their ancestors: its last change, and imports after that one. */
static bool
heads_add(
    struct graph *g, const struct stream *s, uint32_t shown, uint32_t done)
{
	uint32_t seq, last = u32s_upto(&s->imports, shown);
	uint32_t c = stream_change(g, s, shown, &seq);

	if (c != GRAPH_NONE && done < seq && !u32s_add(&g->parents, c))
		return false;
	if (seq > done)
		done = seq;
	for (uint32_t k = u32s_upto(&s->imports, done); k < last; k++) {
		if (!u32s_add(
			&g->parents, chain_node(g, s->chain, s->imports.v[k])))
			return false;
	}
	return true;
}

/*
 * Heads: of each stream the last visible change, and the imports after it (an
 * import has no ancestors), unless another of these changes has it among its
 * ancestors.
 */
lk_err
parents_of(struct graph *g, const struct view *v, const struct eval *e)
{
	uint32_t pool = g->clocks.len, covered = 0, seq;
	bool ok = true;

	for (uint32_t i = 0; i < g->streams.len; i++) {
		const struct stream *s = &g->streams.v[i];
		uint32_t c =
		    stream_change(g, s, stream_shown(g, v, e, s), &seq);

		if (c != GRAPH_NONE)
			covered = vclock_merge(
			    &g->clocks, covered, g->nodes.v[c].ancestors);
	}
	g->parents.len = 0;
	for (uint32_t i = 0; i < g->streams.len && ok; i++) {
		const struct stream *s = &g->streams.v[i];

		ok = heads_add(g, s, stream_shown(g, v, e, s),
		    vclock_get(&g->clocks, covered, i));
	}
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
