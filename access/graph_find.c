#include <string.h>

#include "access/graph_parts.h"

uint32_t
graph_find(const struct graph *g, const uint8_t id[static LK_ID_LEN])
{
	uint32_t i = lookup_first(&g->by_id, lookup_hash(id, LK_ID_LEN));

	while (i != LOOKUP_END && memcmp(g->nodes.v[i].id, id, LK_ID_LEN) != 0)
		i = lookup_next(&g->by_id, i);
	return i;
}

uint32_t
author_find(const struct graph *g, const uint8_t key[static ACCESS_KEY_LEN])
{
	uint32_t i = lookup_first(&g->by_key, lookup_hash(key, ACCESS_KEY_LEN));

	while (i != LOOKUP_END &&
	    memcmp(g->authors.v[i].key, key, ACCESS_KEY_LEN) != 0)
		i = lookup_next(&g->by_key, i);
	return i;
}

uint32_t
etag_find(const struct graph *g, const uint8_t etag[static ETAG_LEN])
{
	uint32_t i = lookup_first(&g->by_etag, lookup_hash(etag, ETAG_LEN));

	while (
	    i != LOOKUP_END && memcmp(g->etags.v[i].etag, etag, ETAG_LEN) != 0)
		i = lookup_next(&g->by_etag, i);
	return i;
}

uint32_t
grant_find(const struct graph *g, const struct grant_ref *ref)
{
	uint32_t n = graph_find(g, ref->env);
	const struct node *node;

	if (n == GRAPH_NONE)
		return GRAPH_NONE;
	node = &g->nodes.v[n];
	if (node->flags & NODE_GENESIS && ref->index == GRANT_CREATOR)
		return 0;
	if (node->flags & NODE_GENESIS && ref->index == GRANT_ROOT)
		return 1;
	for (uint32_t i = 0; i < node->ctls_len; i++) {
		const struct ctl *c = &g->ctls.v[node->ctl + i];

		if (c->op == ref->index && c->kind == OP_GRANT)
			return c->gives;
	}
	return GRAPH_NONE;
}

uint32_t
stream_find(const struct graph *g, uint32_t chain, uint32_t grant)
{
	uint32_t s = g->chains.v[chain].stream;

	while (s != GRAPH_NONE && g->streams.v[s].grant != grant)
		s = g->streams.v[s].next_of_chain;
	return s;
}

uint32_t
chain_node(const struct graph *g, uint32_t chain, uint32_t seq)
{
	const struct chain *c = &g->chains.v[chain];

	return c->nodes.v[seq - c->first];
}

uint32_t
node_author(const struct graph *g, uint32_t node)
{
	return g->chains.v[g->nodes.v[node].chain].author;
}

struct grant_ref
grant_name(const struct graph *g, uint32_t grant)
{
	const struct grant *a = &g->grants.v[grant];
	struct grant_ref ref = { .index = a->index };

	memcpy(ref.env, g->nodes.v[a->node].id, LK_ID_LEN);
	return ref;
}

bool
person_has(const struct graph *g, uint32_t grant, uint32_t above)
{
	while (grant != above && grant != GRAPH_NONE)
		grant = g->grants.v[grant].parent;
	return grant == above;
}

bool
box_given(const struct box *b)
{
	static const uint8_t none[ACCESS_KEY_LEN];

	return memcmp(b->key, none, sizeof(none)) != 0;
}
