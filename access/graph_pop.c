#include <stdlib.h>

#include "access/graph_parts.h"

static void
list_pop(struct u32s *a, uint32_t seq)
{
	if (a->len > 0 && a->v[a->len - 1] == seq)
		a->len--;
}

static void
stream_pop(struct graph *g, const struct mark *m)
{
	const struct node *n = &g->nodes.v[g->nodes.len - 1];

	if (n->stream != GRAPH_NONE) {
		struct stream *s = &g->streams.v[n->stream];

		list_pop(&s->changes, n->seq);
		list_pop(&s->imports, n->seq);
		list_pop(&s->others, n->seq);
		list_pop(&s->shares, n->seq);
	}
	while (g->streams.len > m->streams) {
		struct stream *s = &g->streams.v[--g->streams.len];

		g->chains.v[s->chain].stream = s->next_of_chain;
		g->grants.v[s->grant].stream = s->next_of_grant;
		free(s->changes.v);
		free(s->imports.v);
		free(s->others.v);
		free(s->shares.v);
	}
}

static void
chain_pop(struct graph *g, const struct mark *m)
{
	uint32_t x = g->nodes.len - 1, chain = g->nodes.v[x].chain;

	if (chain != GRAPH_NONE)
		list_pop(&g->chains.v[chain].nodes, x);
	while (g->chains.len > m->chains) {
		struct chain *c = &g->chains.v[--g->chains.len];

		g->authors.v[c->author].chain = c->next;
		g->authors.v[c->author].chains_len--;
		free(c->nodes.v);
	}
}

static void
adopts_pop(struct graph *g, const struct mark *m)
{
	while (g->adoptions.len > m->adoptions) {
		const struct adoption *a = &g->adoptions.v[--g->adoptions.len];

		g->streams.v[g->nodes.v[a->target].stream].adoption = a->next;
	}
	g->adopts.len = m->adopts;
}

static void
boxes_pop(struct graph *g, const struct mark *m)
{
	while (g->boxes.len > m->boxes) {
		const struct box *b = &g->boxes.v[--g->boxes.len];

		g->authors.v[b->author].box = b->next;
	}
}

static void
grants_pop(struct graph *g, const struct mark *m)
{
	uint32_t n = 0;

	while (g->grants.len > m->grants) {
		const struct grant *a = &g->grants.v[--g->grants.len];

		g->authors.v[a->author].grant = a->next_of_author;
		if (a->parent != GRAPH_NONE)
			g->grants.v[a->top].below = a->next_of_top;
	}
	if (g->ctls.len == m->ctls)
		return;
	for (uint32_t i = 0; i < g->order.len; i++) {
		if (g->order.v[i] < m->ctls)
			g->order.v[n++] = g->order.v[i];
	}
	g->order.len = n;
	g->ctls.len = m->ctls;
}

static void
keys_pop(struct graph *g, const struct mark *m)
{
	while (g->links.len > m->links) {
		const struct link *l = &g->links.v[--g->links.len];

		g->etags.v[l->older].link = l->next;
	}
	while (g->hands.len > m->hands) {
		const struct hand *h = &g->hands.v[--g->hands.len];

		g->etags.v[h->etag].hand = h->next;
	}
	while (g->epochs.len > m->epochs) {
		const struct epoch *e = &g->epochs.v[--g->epochs.len];

		g->etags.v[e->etag].epoch = e->next;
		free(e->to);
	}
}

static void
lookup_back(struct lookup *l, uint32_t len)
{
	while (l->len > len)
		lookup_pop(l);
}

void
graph_pop(struct graph *g, const struct mark *m)
{
	if (g->nodes.len > m->nodes) {
		adopts_pop(g, m);
		boxes_pop(g, m);
		stream_pop(g, m);
		grants_pop(g, m);
		chain_pop(g, m);
		keys_pop(g, m);
	}
	lookup_back(&g->by_id, m->nodes);
	lookup_back(&g->by_key, m->authors);
	lookup_back(&g->by_etag, m->etags);
	lookup_back(&g->by_set, m->sets);
	g->nodes.len = m->nodes;
	g->kinds.len = m->kinds;
	g->authors.len = m->authors;
	g->entries.len = m->entries;
	g->guards.len = m->guards;
	g->etags.len = m->etags;
	g->sets.len = m->sets;
	g->members.len = m->members;
	vclock_rollback(&g->clocks, m->clocks);
	g->clocks.failed = false;
	evals_forget(g->evals, m);
}
