#include <string.h>

#include "access/graph_parts.h"

/* Keeps the two lowest ids. */
static void
fork_take(const struct graph *g, uint32_t n, uint32_t found[static 2])
{
	for (int i = 0; i < 2; i++) {
		uint32_t was = found[i];

		if (was != GRAPH_NONE &&
		    memcmp(g->nodes.v[was].id, g->nodes.v[n].id, LK_ID_LEN) <=
			0)
			continue;
		found[i] = n;
		n = was;
		if (n == GRAPH_NONE)
			return;
	}
}

/* The least seq that two chains of an author have; UINT32_MAX: none. */
static uint32_t
fork_seq(const struct graph *g, uint32_t chain)
{
	uint32_t least = UINT32_MAX, roots = 0;

	for (uint32_t i = chain; i != GRAPH_NONE; i = g->chains.v[i].next) {
		const struct chain *c = &g->chains.v[i];

		/* The first one leaves no other. */
		if (c->from == GRAPH_NONE && ++roots < 2)
			continue;
		if (c->first < least)
			least = c->first;
	}
	return least;
}

bool
graph_fork(const struct graph *g, const uint8_t author[static ACCESS_KEY_LEN],
    uint32_t nodes[static 2])
{
	uint32_t a = author_find(g, author), seq;
	uint32_t found[2] = { GRAPH_NONE, GRAPH_NONE };

	if (a == GRAPH_NONE)
		return false;
	seq = fork_seq(g, g->authors.v[a].chain);
	for (uint32_t i = g->authors.v[a].chain; i != GRAPH_NONE;
	     i = g->chains.v[i].next) {
		const struct chain *c = &g->chains.v[i];

		if (seq >= c->first && seq - c->first < c->nodes.len)
			fork_take(g, c->nodes.v[seq - c->first], found);
	}
	if (found[1] == GRAPH_NONE)
		return false;
	memcpy(nodes, found, sizeof(found));
	return true;
}
