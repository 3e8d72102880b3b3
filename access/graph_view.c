#include <string.h>

#include "access/graph_parts.h"

bool
view_has(const struct graph *g, const struct view *v, uint32_t n)
{
	const struct node *node = &g->nodes.v[n];

	if (v->whole)
		return true;
	if (n == v->node)
		return v->op > 0;
	if (node->chain == v->chain)
		return node->seq <= v->seq;
	return vclock_get(&g->clocks, v->clock, node->chain) >= node->seq;
}

bool
view_has_op(const struct graph *g, const struct view *v, uint32_t n, uint8_t op)
{
	return n == v->node ? op < v->op : view_has(g, v, n);
}

uint32_t
view_reach(const struct graph *g, const struct view *v, uint32_t chain)
{
	if (v->whole)
		return UINT32_MAX;
	if (chain != v->chain)
		return vclock_get(&g->clocks, v->clock, chain);
	return v->node == GRAPH_NONE ? v->seq : v->seq - 1;
}

struct view
view_whole(void)
{
	return (struct view){
		.whole = true, .chain = GRAPH_NONE, .node = GRAPH_NONE
	};
}

struct view
view_before(const struct graph *g, uint32_t n, uint8_t op)
{
	const struct node *node = &g->nodes.v[n];
	struct view v = { .clock = node->clock,
		.chain = node->chain,
		.seq = node->seq,
		.auth = node->auth,
		.keys = node->keys,
		.maximal = node->maximal,
		.node = n,
		.op = op };

	if (node->epoch != GRAPH_NONE && g->epochs.v[node->epoch].op >= op)
		v.maximal = g->epochs.v[node->epoch].before;
	return v;
}

uint32_t
clock_with(struct graph *g, uint32_t n)
{
	const struct node *node = &g->nodes.v[n];

	return vclock_raise(&g->clocks, node->clock, node->chain, node->seq);
}

bool
graph_in_past(const struct graph *g, uint32_t a, uint32_t b)
{
	const struct node *x = &g->nodes.v[a], *y = &g->nodes.v[b];

	if (x->chain == y->chain)
		return x->seq <= y->seq;
	return vclock_get(&g->clocks, y->clock, x->chain) >= x->seq;
}

const uint32_t *
set_members(const struct graph *g, uint32_t set, uint32_t *len)
{
	*len = set == 0 ? 0 : g->sets.v[set - 1].len;
	return set == 0 ? NULL : g->members.v + g->sets.v[set - 1].from;
}

const uint32_t *
view_maximal(const struct graph *g, const struct view *v, uint32_t *len)
{
	if (!v->whole)
		return set_members(g, v->maximal, len);
	*len = g->maximal_now.len;
	return g->maximal_now.v;
}

static uint32_t
set_hash(const uint32_t *v, uint32_t len)
{
	uint64_t h = len;

	for (uint32_t i = 0; i < len; i++)
		h = (h ^ v[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}

/* The members from `from` on as a set; known ones are taken back. */
static uint32_t
set_intern(struct graph *g, uint32_t from)
{
	uint32_t len = g->members.len - from, had;
	uint32_t hash = set_hash(g->members.v + from, len);

	for (uint32_t i = lookup_first(&g->by_set, hash); i != LOOKUP_END;
	     i = lookup_next(&g->by_set, i)) {
		const uint32_t *known = set_members(g, i + 1, &had);

		if (had == len &&
		    memcmp(known, g->members.v + from, len * sizeof(*known)) ==
			0) {
			g->members.len = from;
			return i + 1;
		}
	}
	if (!ARRAY_ROOM(&g->sets) || !lookup_push(&g->by_set, hash)) {
		g->members.len = from;
		return GRAPH_NONE;
	}
	g->sets.v[g->sets.len++] = (struct set){ .from = from, .len = len };
	return g->sets.len;
}

uint32_t
set_of(struct graph *g, const struct u32s *list)
{
	uint32_t from = g->members.len;

	if (list->len == 0)
		return 0;
	for (uint32_t i = 0; i < list->len; i++) {
		if (!u32s_add(&g->members, list->v[i])) {
			g->members.len = from;
			return GRAPH_NONE;
		}
	}
	return set_intern(g, from);
}

uint32_t
set_one(struct graph *g, uint32_t epoch)
{
	if (!u32s_add(&g->members, epoch))
		return GRAPH_NONE;
	return set_intern(g, g->members.len - 1);
}

/* Whether some other epoch of the set has this one in its past. */
static bool
set_covers(const struct graph *g, uint32_t set, uint32_t epoch)
{
	uint32_t len;
	const uint32_t *v = set_members(g, set, &len);

	for (uint32_t i = 0; i < len; i++) {
		if (v[i] != epoch &&
		    graph_in_past(
			g, g->epochs.v[epoch].node, g->epochs.v[v[i]].node))
			return true;
	}
	return false;
}

uint32_t
set_merge(struct graph *g, uint32_t a, uint32_t b)
{
	uint32_t from = g->members.len, lens[2], i = 0, j = 0;

	if (a == GRAPH_NONE || b == GRAPH_NONE)
		return GRAPH_NONE;
	if (a == b || b == 0)
		return a;
	if (a == 0)
		return b;
	(void)set_members(g, a, &lens[0]);
	(void)set_members(g, b, &lens[1]);
	/* Both are ascending; so is what comes out. */
	while (i < lens[0] || j < lens[1]) {
		uint32_t x = i < lens[0]
		    ? g->members.v[g->sets.v[a - 1].from + i]
		    : GRAPH_NONE;
		uint32_t y = j < lens[1]
		    ? g->members.v[g->sets.v[b - 1].from + j]
		    : GRAPH_NONE;
		uint32_t e = x < y ? x : y;

		i += x == e;
		j += y == e;
		/* Within one set none is in the past of another. */
		if (x != y && set_covers(g, x == e ? b : a, e))
			continue;
		if (!u32s_add(&g->members, e)) {
			g->members.len = from;
			return GRAPH_NONE;
		}
	}
	return set_intern(g, from);
}
