#include <string.h>

#include "access/graph_parts.h"

static struct mark
graph_mark(const struct graph *g)
{
	return (struct mark){ .nodes = g->nodes.len,
		.kinds = g->kinds.len,
		.authors = g->authors.len,
		.chains = g->chains.len,
		.streams = g->streams.len,
		.grants = g->grants.len,
		.boxes = g->boxes.len,
		.adopts = g->adopts.len,
		.guards = g->guards.len,
		.adoptions = g->adoptions.len,
		.ctls = g->ctls.len,
		.entries = g->entries.len,
		.etags = g->etags.len,
		.epochs = g->epochs.len,
		.hands = g->hands.len,
		.links = g->links.len,
		.sets = g->sets.len,
		.members = g->members.len,
		.clocks = g->clocks.len };
}

static uint16_t
kind_flags(const struct access_op *op)
{
	switch (op->kind) {
	case OP_GENESIS:
		return NODE_GENESIS | NODE_AUTH | NODE_KEYS;
	case OP_GRANT:
	case OP_REVOKE:
	case OP_BAN:
	case OP_LEAVE:
	case OP_GUARD:
		return NODE_AUTH;
	case OP_ADOPT:
		return NODE_ADOPT | NODE_OTHER;
	case OP_EPOCH:
		return NODE_KEYS | NODE_OTHER;
	case OP_SHARE:
		return NODE_KEYS | NODE_SHARE;
	case OP_REKEY:
		return NODE_KEYS | NODE_SHARE | NODE_REKEY;
	case OP_CHANGE:
		return NODE_CHANGE;
	case OP_IMPORT:
		return op->content.form ? NODE_IMPORT | NODE_LAST : NODE_IMPORT;
	default:
		return NODE_OTHER;
	}
}

static lk_err
node_push(struct graph *g, const struct draft *d)
{
	const struct body *b = d->body;
	struct node *n;

	if (g->nodes.len >= GRAPH_NONE - 1 || !ARRAY_ROOM(&g->nodes) ||
	    !lookup_push(&g->by_id, lookup_hash(d->facts->id, LK_ID_LEN)))
		return GRAPH_NOMEM;
	n = &g->nodes.v[g->nodes.len++];
	*n = (struct node){ .prev = d->prev,
		.chain = GRAPH_NONE,
		.seq = (uint32_t)d->facts->seq,
		.stream = GRAPH_NONE,
		.grant = d->grant,
		.clock = d->past.clock,
		.auth = d->past.auth,
		.keys = d->past.keys,
		.maximal = d->past.maximal,
		.ctl = g->ctls.len,
		.epoch = GRAPH_NONE,
		.kinds = g->kinds.len,
		.ops_len = (uint8_t)b->ops_len };
	memcpy(n->id, d->facts->id, LK_ID_LEN);
	for (size_t i = 0; i < b->ops_len; i++) {
		if (!ARRAY_ROOM(&g->kinds))
			return GRAPH_NOMEM;
		g->kinds.v[g->kinds.len++] = b->ops[i].kind;
		n->flags |= kind_flags(&b->ops[i]);
		if (b->ops[i].kind == OP_CHANGE || b->ops[i].kind == OP_IMPORT)
			n->content = (uint8_t)i;
	}
	return LK_NONE;
}

static lk_err
chain_push(struct graph *g, const struct draft *d, uint32_t author)
{
	uint32_t x = g->nodes.len - 1, i = d->past.chain;
	struct node *n = &g->nodes.v[x];

	if (i == g->chains.len) {
		struct author *a = &g->authors.v[author];

		if (!ARRAY_ROOM(&g->chains))
			return GRAPH_NOMEM;
		g->chains.v[g->chains.len++] = (struct chain){
			.author = author,
			.next = a->chain,
			.from = d->prev == GRAPH_NONE
			    ? GRAPH_NONE
			    : g->nodes.v[d->prev].chain,
			.first = n->seq,
			.stream = GRAPH_NONE,
		};
		a->chain = i;
		a->chains_len++;
	}
	n->chain = i;
	return u32s_add(&g->chains.v[i].nodes, x) ? LK_NONE : GRAPH_NOMEM;
}

static lk_err
stream_push(struct graph *g, uint32_t chain, uint32_t grant, uint32_t *out)
{
	uint32_t s = stream_find(g, chain, grant);

	if (s == GRAPH_NONE) {
		if (!ARRAY_ROOM(&g->streams))
			return GRAPH_NOMEM;
		s = g->streams.len++;
		g->streams.v[s] = (struct stream){
			.chain = chain,
			.grant = grant,
			.next_of_chain = g->chains.v[chain].stream,
			.next_of_grant = g->grants.v[grant].stream,
			.adoption = GRAPH_NONE,
		};
		g->chains.v[chain].stream = s;
		g->grants.v[grant].stream = s;
	}
	*out = s;
	return LK_NONE;
}

/* Enters the node in the lists of its stream. */
static lk_err
stream_enter(struct graph *g, uint32_t x)
{
	struct node *n = &g->nodes.v[x];
	struct stream *s;
	bool ok;

	TRY(stream_push(g, n->chain, n->grant, &n->stream));
	s = &g->streams.v[n->stream];
	ok = !(n->flags & NODE_CHANGE) || u32s_add(&s->changes, n->seq);
	/* A piece without the last one counts for what is essential only. */
	if (n->flags & NODE_IMPORT)
		ok = ok &&
		    u32s_add(n->flags & NODE_LAST ? &s->imports : &s->others,
			n->seq);
	if (n->flags & NODE_OTHER && !(n->flags & NODE_IMPORT))
		ok = ok && u32s_add(&s->others, n->seq);
	if (n->flags & NODE_SHARE)
		ok = ok && u32s_add(&s->shares, n->seq);
	return ok ? LK_NONE : GRAPH_NOMEM;
}

/*
 * What a change depends on, and so its Automerge ancestors.  When one envelope
 * has all others in its past, holds a change and changed nobody's rights, nor
 * adopted anything, its change is the one head.
 */
static lk_err
change_push(struct graph *g, const struct draft *d, uint32_t x)
{
	const struct node *n = &g->nodes.v[x];
	struct view v = view_before(g, x, n->content);
	uint32_t number = changes_under(g, &v, n->grant) + 1;
	struct eval *e;

	if (d->sole != GRAPH_NONE && !(n->flags & (NODE_AUTH | NODE_ADOPT)) &&
	    (g->nodes.v[d->sole].flags &
		(NODE_AUTH | NODE_ADOPT | NODE_CHANGE)) == NODE_CHANGE) {
		g->parents.len = 0;
		if (!u32s_add(&g->parents, d->sole))
			return GRAPH_NOMEM;
	} else {
		TRY(eval_of(g, &v, &e));
		TRY(parents_of(g, &v, e));
	}
	g->nodes.v[x].number = number;
	return parents_ancestors(g, x);
}

/* All the records of a node; after a failure some may be there. */
static lk_err
graph_push(struct graph *g, const struct draft *d)
{
	uint32_t x = g->nodes.len, author = author_push(g, d->key);
	uint32_t etag = etag_push(g, d->facts->etag);
	struct node *n;

	if (author == GRAPH_NONE || etag == GRAPH_NONE)
		return GRAPH_NOMEM;
	TRY(node_push(g, d));
	TRY(chain_push(g, d, author));
	n = &g->nodes.v[x];
	n->etag = etag;
	if (n->flags & NODE_AUTH)
		n->auth = vclock_raise(&g->clocks, n->auth, n->chain, n->seq);
	if (n->flags & NODE_KEYS)
		n->keys = vclock_raise(&g->clocks, n->keys, n->chain, n->seq);
	if (d->genesis)
		n->grant =
		    d->body->ops[0].genesis.policy & GENESIS_ROOT_BOX ? 1 : 0;
	for (uint8_t i = 0; i < d->body->ops_len; i++)
		TRY(op_push(g, d, x, i));
	TRY(stream_enter(g, x));
	if (g->nodes.v[x].flags & NODE_CHANGE)
		TRY(change_push(g, d, x));
	return g->clocks.failed ? GRAPH_NOMEM : LK_NONE;
}

lk_err
graph_append(
    struct graph *g, const struct facts *f, struct draft *d, struct mark *mark)
{
	uint8_t missing[LK_ID_LEN];
	lk_err err;

	if (graph_find(g, f->id) != GRAPH_NONE)
		return LK_ERR(LK_E_EXISTS, "envelope");
	TRY(draft_resolve(g, f, d, missing));
	*mark = graph_mark(g);
	err = draft_view(g, d);
	if (err.code == LK_OK)
		err = graph_push(g, d);
	if (err.code != LK_OK)
		graph_pop(g, mark);
	return err;
}
