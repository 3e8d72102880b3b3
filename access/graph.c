#include "access/graph.h"

#include <stdlib.h>
#include <string.h>

#include "access/graph_parts.h"

lk_err
graph_new(struct graph **out)
{
	struct graph *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return GRAPH_NOMEM;
	g->evals = calloc(1, sizeof(*g->evals));
	if (g->evals == NULL) {
		free(g);
		return GRAPH_NOMEM;
	}
	g->settled = true;
	*out = g;
	return LK_NONE;
}

void
graph_free(struct graph *g)
{
	struct mark empty = { 0 };

	if (g == NULL)
		return;
	/* The newest node goes last, so that what hangs on others does. */
	graph_pop(g, &empty);
	for (size_t i = 0; i < EVALS_CACHED; i++)
		eval_clear(&g->evals->cached[i]);
	eval_clear(&g->evals->now);
	free(g->evals->walk.v);
	free(g->evals->shown.v);
	free(g->evals);
	vclock_pool_clear(&g->clocks);
	lookup_clear(&g->by_id);
	lookup_clear(&g->by_key);
	lookup_clear(&g->by_etag);
	lookup_clear(&g->by_set);
	free(g->nodes.v);
	free(g->kinds.v);
	free(g->authors.v);
	free(g->chains.v);
	free(g->streams.v);
	free(g->grants.v);
	free(g->boxes.v);
	free(g->adopts.v);
	free(g->guards.v);
	free(g->adoptions.v);
	free(g->ctls.v);
	free(g->entries.v);
	free(g->etags.v);
	free(g->epochs.v);
	free(g->hands.v);
	free(g->links.v);
	free(g->sets.v);
	free(g->members.v);
	free(g->order.v);
	free(g->heads.v);
	free(g->maximal_now.v);
	free(g->parents.v);
	free(g->readers.v);
	free(g->maximal.v);
	free(g->flips.v);
	free(g);
}

uint32_t
graph_len(const struct graph *g)
{
	return g->nodes.len;
}

void
graph_id(const struct graph *g, uint32_t node, uint8_t id[static LK_ID_LEN])
{
	memcpy(id, g->nodes.v[node].id, LK_ID_LEN);
}

uint64_t
graph_seq(const struct graph *g, uint32_t node)
{
	return g->nodes.v[node].seq;
}

struct graph_author
graph_node_author(const struct graph *g, uint32_t node)
{
	struct graph_author a = { .grant =
				      grant_name(g, g->nodes.v[node].grant) };

	memcpy(a.key, g->authors.v[node_author(g, node)].key, ACCESS_KEY_LEN);
	return a;
}

lk_err
graph_load(struct graph *g, const struct facts *f)
{
	struct draft d;
	struct mark mark;

	TRY(graph_append(g, f, &d, &mark));
	g->settled = false;
	return LK_NONE;
}

static int
flip_compare(const void *a, const void *b)
{
	uint32_t x = ((const struct flip *)a)->node;
	uint32_t y = ((const struct flip *)b)->node;

	return (x > y) - (x < y);
}

/* Sorts, and joins what was noted about one node; what came and went again, as
 * pieces of two imports can, is no change. */
static void
flips_finish(struct graph *g)
{
	uint32_t n = 0, kept = 0;

	if (g->flips.len > 1)
		qsort(g->flips.v, g->flips.len, sizeof(*g->flips.v),
		    flip_compare);
	for (uint32_t i = 0; i < g->flips.len; i++) {
		struct flip *f = &g->flips.v[i];
		struct flip *last = n > 0 ? &g->flips.v[n - 1] : NULL;

		if (last == NULL || last->node != f->node) {
			g->flips.v[n++] = *f;
			continue;
		}
		last->visible_changed ^= f->visible_changed;
		last->essential_changed |= f->essential_changed;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct flip f = g->flips.v[i];

		f.visible = graph_visible(g, f.node);
		f.essential = graph_essential(g, f.node);
		if (f.visible_changed || f.essential_changed)
			g->flips.v[kept++] = f;
	}
	g->flips.len = kept;
}

lk_err
graph_settle(struct graph *g)
{
	if (g->settled)
		return LK_NONE;
	g->flips.len = 0;
	TRY(status_settle(g));
	g->settled = true;
	return LK_NONE;
}

lk_err
graph_add(struct graph *g, const struct facts *f, const struct flip **flips,
    size_t *flips_len)
{
	struct draft d;
	struct mark mark;
	uint32_t x;

	TRY(graph_settle(g));
	TRY(graph_append(g, f, &d, &mark));
	x = g->nodes.len - 1;
	g->flips.len = 0;
	if (g->nodes.v[x].flags & (NODE_AUTH | NODE_ADOPT))
		TRY(status_settle(g));
	else
		TRY(status_add(g, x));
	flips_finish(g);
	*flips = g->flips.v;
	*flips_len = g->flips.len;
	return LK_NONE;
}
