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

/* The last visible change of a stream, adopted or not: its node, or
 * GRAPH_NONE. */
static uint32_t
stream_change(const struct graph *g, const struct view *v, const struct eval *e,
    const struct stream *s)
{
	uint32_t n = u32s_upto(&s->changes, stream_shown(g, v, e, s));
	uint32_t last = n == 0 ? 0 : s->changes.v[n - 1], i = s->adoption;

	while ((i = adoption_from(g, v, e, i, NODE_CHANGE, last)) != GRAPH_NONE)
		last = g->nodes.v[g->adoptions.v[i].target].seq;
	return last == 0 ? GRAPH_NONE : chain_node(g, s->chain, last);
}

/* A clock over streams has two places for each. */
static uint32_t
place_changes(uint32_t stream)
{
	return 2 * stream;
}

static uint32_t
place_imports(uint32_t stream)
{
	return 2 * stream + 1;
}

/* What is among the ancestors of some changes: a clock, and imports apart,
 * ascending once all are in. */
struct covered {
	uint32_t clock;
	struct u32s apart;
};

static bool
covered_add(struct graph *g, struct covered *c, const struct node *change)
{
	uint32_t len;
	const uint32_t *v = set_members(g, change->apart, &len);

	c->clock = vclock_merge(&g->clocks, c->clock, change->ancestors);
	for (uint32_t i = 0; i < len; i++) {
		if (!u32s_add(&c->apart, v[i]))
			return false;
	}
	return true;
}

static bool
covered_apart(const struct covered *c, uint32_t node)
{
	uint32_t n = u32s_upto(&c->apart, node);

	return n > 0 && c->apart.v[n - 1] == node;
}

/* Adds the visible imports of a stream that are nobody's ancestors. */
static bool
imports_add(struct graph *g, const struct view *v, const struct eval *e,
    uint32_t stream, const struct covered *c)
{
	const struct stream *s = &g->streams.v[stream];
	uint32_t done, last, i = s->adoption, n;
	bool ok = true;

	if (s->imports.len == 0 && i == GRAPH_NONE)
		return true;
	done = vclock_get(&g->clocks, c->clock, place_imports(stream));
	last = u32s_upto(&s->imports, stream_shown(g, v, e, s));
	for (uint32_t k = u32s_upto(&s->imports, done); k < last && ok; k++) {
		n = chain_node(g, s->chain, s->imports.v[k]);
		ok = covered_apart(c, n) || u32s_add(&g->parents, n);
	}
	while (ok &&
	    (i = adoption_from(g, v, e, i, NODE_LAST, done)) != GRAPH_NONE) {
		n = g->adoptions.v[i].target;
		ok = covered_apart(c, n) || u32s_add(&g->parents, n);
		i = g->adoptions.v[i].next;
	}
	return ok;
}

/* Fills g->evals->shown: by stream, the last change it shows, or GRAPH_NONE.
 * *newest is the one of them that arrived last. */
static bool
shown_fill(struct graph *g, const struct view *v, const struct eval *e,
    uint32_t *newest)
{
	struct u32s *shown = &g->evals->shown;

	shown->len = 0;
	*newest = GRAPH_NONE;
	for (uint32_t i = 0; i < g->streams.len; i++) {
		uint32_t n = stream_change(g, v, e, &g->streams.v[i]);

		if (!u32s_add(shown, n))
			return false;
		if (n != GRAPH_NONE && (*newest == GRAPH_NONE || n > *newest))
			*newest = n;
	}
	return true;
}

static bool
covered_has(const struct graph *g, const struct covered *c, uint32_t change)
{
	const struct node *n = &g->nodes.v[change];

	return vclock_get(&g->clocks, c->clock, place_changes(n->stream)) >=
	    n->seq;
}

/* The ancestors of all these changes.  What is among them has its own ancestors
 * there too, so that beginning with the newest little is left to add. */
static bool
shown_cover(struct graph *g, uint32_t newest, struct covered *c)
{
	const struct u32s *shown = &g->evals->shown;

	if (newest == GRAPH_NONE)
		return true;
	if (!covered_add(g, c, &g->nodes.v[newest]))
		return false;
	for (uint32_t i = 0; i < shown->len; i++) {
		uint32_t n = shown->v[i];

		if (n != GRAPH_NONE && n != newest && !covered_has(g, c, n) &&
		    !covered_add(g, c, &g->nodes.v[n]))
			return false;
	}
	u32s_normalize(&c->apart);
	return true;
}

/* Adds what a stream shows and none of the others has among its ancestors: its
 * last change, and imports. */
static bool
heads_add(struct graph *g, const struct view *v, const struct eval *e,
    uint32_t stream, const struct covered *c)
{
	uint32_t n = g->evals->shown.v[stream];

	if (n != GRAPH_NONE && !covered_has(g, c, n) &&
	    !u32s_add(&g->parents, n))
		return false;
	return imports_add(g, v, e, stream, c);
}

/*
 * Heads: of each stream the last visible change, and imports (of whose own
 * ancestors nothing is known), unless another of these changes has it among its
 * ancestors.
 */
lk_err
parents_of(struct graph *g, const struct view *v, const struct eval *e)
{
	uint32_t pool = g->clocks.len, newest;
	struct covered c = { 0 };
	bool ok = shown_fill(g, v, e, &newest) && shown_cover(g, newest, &c);

	g->parents.len = 0;
	for (uint32_t i = 0; i < g->streams.len && ok; i++)
		ok = heads_add(g, v, e, i, &c);
	ok = ok && !g->clocks.failed;
	g->clocks.failed = false;
	vclock_rollback(&g->clocks, pool);
	free(c.apart.v);
	u32s_normalize(&g->parents);
	return ok ? LK_NONE : GRAPH_NOMEM;
}

/* An import among the parents: the next one of its stream, or one apart. */
static bool
covered_import(struct graph *g, struct covered *c, uint32_t node)
{
	const struct node *n = &g->nodes.v[node];
	const struct stream *s = &g->streams.v[n->stream];
	uint32_t place = place_imports(n->stream);
	uint32_t done = vclock_get(&g->clocks, c->clock, place);

	if (s->imports.v[u32s_upto(&s->imports, done)] != n->seq)
		return u32s_add(&c->apart, node);
	c->clock = vclock_raise(&g->clocks, c->clock, place, n->seq);
	return true;
}

lk_err
parents_ancestors(struct graph *g, uint32_t node)
{
	struct covered c = { 0 };
	uint32_t stream = g->nodes.v[node].stream, apart;
	bool ok = true;

	for (uint32_t i = 0; i < g->parents.len && ok; i++) {
		const struct node *p = &g->nodes.v[g->parents.v[i]];

		if (!(p->flags & NODE_CHANGE))
			continue;
		ok = covered_add(g, &c, p);
		if (p->stream != stream)
			c.clock = vclock_raise(&g->clocks, c.clock,
			    place_changes(p->stream), p->seq);
	}
	for (uint32_t i = 0; i < g->parents.len && ok; i++) {
		if (!(g->nodes.v[g->parents.v[i]].flags & NODE_CHANGE))
			ok = covered_import(g, &c, g->parents.v[i]);
	}
	u32s_normalize(&c.apart);
	apart = ok ? set_of(g, &c.apart) : GRAPH_NONE;
	free(c.apart.v);
	if (apart == GRAPH_NONE)
		return GRAPH_NOMEM;
	g->nodes.v[node].ancestors = c.clock;
	g->nodes.v[node].apart = apart;
	return LK_NONE;
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
