#include <string.h>

#include "access/graph_parts.h"

static bool
zero_id(const uint8_t id[static LK_ID_LEN])
{
	static const uint8_t none[LK_ID_LEN];

	return memcmp(id, none, sizeof(none)) == 0;
}

static lk_err
pred_resolve(const struct graph *g, struct draft *d, const uint8_t *id,
    uint8_t missing[static LK_ID_LEN])
{
	uint32_t n = graph_find(g, id);

	if (n == GRAPH_NONE) {
		memcpy(missing, id, LK_ID_LEN);
		return LK_ERR(LK_E_WAIT, "A2 not here");
	}
	d->preds[d->preds_len++] = n;
	return LK_NONE;
}

static lk_err
genesis_resolve(const struct graph *g, struct draft *d)
{
	const struct op_genesis *o = &d->body->ops[0].genesis;

	if (g->nodes.len > 0)
		return LK_ERR(LK_E_DENIED, "A1 second genesis");
	if (d->facts->seq != 1 || !zero_id(d->facts->prev) ||
	    d->body->has_grant || d->body->deps_len > 0)
		return LK_ERR(LK_E_MALFORMED, "A1 genesis");
	memcpy(d->key, o->policy & GENESIS_ROOT_BOX ? o->root_pk : o->device_pk,
	    ACCESS_KEY_LEN);
	d->author = author_find(g, d->key);
	d->genesis = true;
	return LK_NONE;
}

static lk_err
grant_resolve(
    const struct graph *g, struct draft *d, uint8_t missing[static LK_ID_LEN])
{
	const struct body *b = d->body;

	if (!b->has_grant) {
		if (d->prev == GRAPH_NONE)
			return LK_ERR(LK_E_MALFORMED, "A4 no grant");
		d->grant = g->nodes.v[d->prev].grant;
	} else {
		if (graph_find(g, b->grant.env) == GRAPH_NONE) {
			memcpy(missing, b->grant.env, LK_ID_LEN);
			return LK_ERR(LK_E_WAIT, "A4 grant not here");
		}
		d->grant = grant_find(g, &b->grant);
		if (d->grant == GRAPH_NONE)
			return LK_ERR(LK_E_MALFORMED, "A4 grant");
		if (d->prev != GRAPH_NONE &&
		    g->nodes.v[d->prev].grant == d->grant)
			return LK_ERR(LK_E_MALFORMED, "A4 grant repeated");
	}
	d->author = g->grants.v[d->grant].author;
	memcpy(d->key, g->authors.v[d->author].key, ACCESS_KEY_LEN);
	if (d->prev == GRAPH_NONE)
		return LK_NONE;
	if (node_author(g, d->prev) != d->author)
		return LK_ERR(LK_E_MALFORMED, "A3 author");
	if (d->facts->seq != (uint64_t)g->nodes.v[d->prev].seq + 1)
		return LK_ERR(LK_E_MALFORMED, "A3 seq");
	return LK_NONE;
}

lk_err
draft_resolve(const struct graph *g, const struct facts *f, struct draft *d,
    uint8_t missing[static LK_ID_LEN])
{
	const struct body *b = f->body;

	*d = (struct draft){ .facts = f,
		.body = b,
		.prev = GRAPH_NONE,
		.grant = GRAPH_NONE,
		.author = GRAPH_NONE,
		.sole = GRAPH_NONE };
	if (b->ops_len == 0 || b->ops_len > ENVELOPE_OPS_MAX ||
	    b->deps_len > ENVELOPE_DEPS_MAX)
		return LK_ERR(LK_E_MALFORMED, "A1 body");
	if (b->ops[0].kind == OP_GENESIS)
		return genesis_resolve(g, d);
	if (f->seq == 0 || (f->seq == 1) != zero_id(f->prev))
		return LK_ERR(LK_E_MALFORMED, "A3 prev");
	if (f->seq == 1 && b->deps_len == 0)
		return LK_ERR(LK_E_MALFORMED, "A2 no deps");
	if (f->seq > 1) {
		TRY(pred_resolve(g, d, f->prev, missing));
		d->prev = d->preds[0];
	}
	for (size_t i = 0; i < b->deps_len; i++) {
		TRY(pred_resolve(g, d, b->deps + i * LK_ID_LEN, missing));
		if (d->preds[d->preds_len - 1] == d->prev)
			return LK_ERR(LK_E_MALFORMED, "A2 prev among deps");
	}
	return grant_resolve(g, d, missing);
}

lk_err
graph_author(const struct graph *g, const struct facts *f,
    struct graph_author *out, uint8_t missing[static LK_ID_LEN])
{
	struct draft d;

	TRY(draft_resolve(g, f, &d, missing));
	memcpy(out->key, d.key, ACCESS_KEY_LEN);
	if (!d.genesis) {
		out->grant = grant_name(g, d.grant);
		return LK_NONE;
	}
	memcpy(out->grant.env, f->id, LK_ID_LEN);
	out->grant.index = f->body->ops[0].genesis.policy & GENESIS_ROOT_BOX
	    ? GRANT_ROOT
	    : GRANT_CREATOR;
	return LK_NONE;
}

/* Adds past*(p) to the past of the draft. */
static void
past_add(struct graph *g, struct draft *d, uint32_t p)
{
	const struct node *node = &g->nodes.v[p];
	struct view *v = &d->past;

	v->clock = vclock_merge(&g->clocks, v->clock, node->clock);
	if (node->chain != v->chain)
		v->clock =
		    vclock_raise(&g->clocks, v->clock, node->chain, node->seq);
	v->auth = vclock_merge(&g->clocks, v->auth, node->auth);
	v->keys = vclock_merge(&g->clocks, v->keys, node->keys);
	v->maximal = set_merge(g, v->maximal, node->maximal);
}

static void
draft_sole(const struct graph *g, struct draft *d)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < d->preds_len; i++) {
		if (d->preds[i] > last)
			last = d->preds[i];
	}
	for (uint32_t i = 0; i < d->preds_len; i++) {
		if (!graph_in_past(g, d->preds[i], last))
			return;
	}
	if (d->preds_len > 0)
		d->sole = last;
}

lk_err
draft_view(struct graph *g, struct draft *d)
{
	struct view *v = &d->past;

	*v = (struct view){ .chain = g->chains.len,
		.seq = (uint32_t)d->facts->seq - 1,
		.node = GRAPH_NONE };
	d->forks = false;
	if (d->prev != GRAPH_NONE) {
		const struct node *prev = &g->nodes.v[d->prev];
		const struct chain *c = &g->chains.v[prev->chain];

		d->forks = c->nodes.v[c->nodes.len - 1] != d->prev;
		if (!d->forks)
			v->chain = prev->chain;
	}
	draft_sole(g, d);
	if (d->sole != GRAPH_NONE)
		past_add(g, d, d->sole);
	/* Sole or not, what prev says of others stays said. */
	for (uint32_t i = 0; i < d->preds_len && d->sole == GRAPH_NONE; i++)
		past_add(g, d, d->preds[i]);
	if (g->clocks.failed || v->maximal == GRAPH_NONE) {
		g->clocks.failed = false;
		return GRAPH_NOMEM;
	}
	return LK_NONE;
}
