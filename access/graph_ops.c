#include <string.h>

#include "access/graph_parts.h"

#define CREATOR_RANK 1000 /* access.md section 9 */
#define GENESIS_RANK (-2) /* before guardians (-1) and the root (0) */

uint32_t
author_push(struct graph *g, const uint8_t key[static ACCESS_KEY_LEN])
{
	uint32_t i = author_find(g, key);
	struct author *a;

	if (i != LOOKUP_END)
		return i;
	if (!ARRAY_ROOM(&g->authors) ||
	    !lookup_push(&g->by_key, lookup_hash(key, ACCESS_KEY_LEN)))
		return GRAPH_NONE;
	a = &g->authors.v[g->authors.len];
	*a = (struct author){ .chain = GRAPH_NONE, .grant = GRAPH_NONE };
	memcpy(a->key, key, ACCESS_KEY_LEN);
	return g->authors.len++;
}

uint32_t
etag_push(struct graph *g, const uint8_t etag[static ETAG_LEN])
{
	uint32_t i = etag_find(g, etag);
	struct etag *t;

	if (i != LOOKUP_END)
		return i;
	if (!ARRAY_ROOM(&g->etags) ||
	    !lookup_push(&g->by_etag, lookup_hash(etag, ETAG_LEN)))
		return GRAPH_NONE;
	t = &g->etags.v[g->etags.len];
	*t = (struct etag){
		.epoch = GRAPH_NONE, .hand = GRAPH_NONE, .link = GRAPH_NONE
	};
	memcpy(t->etag, etag, ETAG_LEN);
	return g->etags.len++;
}

/* Whether ctl a is evaluated before b; b arrived later. */
static bool
ctl_before(const struct ctl *a, const struct ctl *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->kind == OP_LEAVE || b->kind != OP_LEAVE;
}

static lk_err
ctl_push(struct graph *g, const struct ctl *c)
{
	uint32_t low = 0, high = g->order.len;

	if (!ARRAY_ROOM(&g->ctls) || !ARRAY_ROOM(&g->order))
		return GRAPH_NOMEM;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (ctl_before(&g->ctls.v[g->order.v[mid]], c))
			low = mid + 1;
		else
			high = mid;
	}
	memmove(g->order.v + low + 1, g->order.v + low,
	    (g->order.len - low) * sizeof(*g->order.v));
	g->order.v[low] = g->ctls.len;
	g->order.len++;
	g->ctls.v[g->ctls.len++] = *c;
	g->nodes.v[c->node].ctls_len++;
	return LK_NONE;
}

/* Appends a grant of which ctl, issuer, parent, index and what is granted are
 * filled in. */
static lk_err
grant_push(struct graph *g, struct grant *a, const uint8_t *key)
{
	uint32_t i = g->grants.len;
	struct author *author;

	a->author = author_push(g, key);
	if (a->author == GRAPH_NONE || !ARRAY_ROOM(&g->grants))
		return GRAPH_NOMEM;
	author = &g->authors.v[a->author];
	a->next_of_author = author->grant;
	author->grant = i;
	a->stream = GRAPH_NONE;
	a->below = GRAPH_NONE;
	a->next_of_top = GRAPH_NONE;
	a->top = i;
	if (a->parent != GRAPH_NONE) {
		struct grant *top;

		a->top = g->grants.v[a->parent].top;
		top = &g->grants.v[a->top];
		a->next_of_top = top->below;
		top->below = i;
	}
	g->grants.v[i] = *a;
	g->grants.len++;
	return LK_NONE;
}

static lk_err
epoch_push(struct graph *g, uint32_t node, uint8_t op)
{
	struct node *n = &g->nodes.v[node];
	struct etag *t = &g->etags.v[n->etag];
	uint32_t before = n->maximal, set = set_one(g, g->epochs.len);

	if (set == GRAPH_NONE || !ARRAY_ROOM(&g->epochs))
		return GRAPH_NOMEM;
	g->epochs.v[g->epochs.len] = (struct epoch){ .node = node,
		.etag = n->etag,
		.next = t->epoch,
		.op = op,
		.before = before };
	t->epoch = g->epochs.len;
	n->epoch = g->epochs.len++;
	n->maximal = set;
	return LK_NONE;
}

static lk_err
genesis_push(struct graph *g, const struct draft *d, uint32_t node)
{
	const struct op_genesis *o = &d->body->ops[0].genesis;
	struct ctl c = { .node = node,
		.kind = OP_GENESIS,
		.grant = GRAPH_NONE,
		.rank = GENESIS_RANK };
	struct grant creator = { .box_counter = o->box_counter,
		.ctl = g->ctls.len,
		.node = node,
		.issuer = GRAPH_NONE,
		.parent = GRAPH_NONE,
		.rank = CREATOR_RANK,
		.role = ROLE_ADMIN,
		.flags = GRANT_ENROLL,
		.index = GRANT_CREATOR };
	struct grant root = creator;

	memcpy(creator.box, o->device_box, ACCESS_KEY_LEN);
	root.box_counter = 0;
	root.rank = 0;
	root.flags = GRANT_COLD | GRANT_ENROLL;
	root.index = GRANT_ROOT;
	if (o->policy & GENESIS_ROOT_BOX)
		memcpy(root.box, o->root_box, ACCESS_KEY_LEN);
	TRY(ctl_push(g, &c));
	TRY(grant_push(g, &creator, o->device_pk));
	TRY(grant_push(g, &root, o->root_pk));
	return epoch_push(g, node, 0);
}

static lk_err
hand_push(struct graph *g, uint32_t etag, struct hand h)
{
	if (!ARRAY_ROOM(&g->hands))
		return GRAPH_NOMEM;
	h.etag = etag;
	h.next = g->etags.v[etag].hand;
	g->etags.v[etag].hand = g->hands.len;
	g->hands.v[g->hands.len++] = h;
	return LK_NONE;
}

/* The welcome that goes with a grant: the keys of the maximal epochs of its
 * past, and the one that seals it. */
static lk_err
welcome_push(struct graph *g, uint32_t node, uint8_t op, uint32_t grant)
{
	struct view v = view_before(g, node, op);
	struct hand h = { .node = node,
		.author = g->grants.v[grant].author,
		.grant = grant,
		.op = op };
	uint32_t len, seal = g->nodes.v[node].etag;

	(void)set_members(g, v.maximal, &len);
	for (uint32_t i = 0; i < len; i++) {
		uint32_t e = set_members(g, v.maximal, &len)[i];

		if (g->epochs.v[e].etag != seal)
			TRY(hand_push(g, g->epochs.v[e].etag, h));
	}
	return hand_push(g, seal, h);
}

static uint32_t
grant_parent(const struct graph *g, uint32_t node, const struct op_grant *o)
{
	const struct node *n = &g->nodes.v[node];

	if (!(o->flags & GRANT_OWN))
		return GRAPH_NONE;
	if (!(o->flags & GRANT_PARENT_HERE))
		return n->grant;
	for (uint32_t i = 0; i < n->ctls_len; i++) {
		const struct ctl *c = &g->ctls.v[n->ctl + i];

		if (c->op == o->parent_index && c->kind == OP_GRANT)
			return c->gives;
	}
	return GRAPH_NONE;
}

static lk_err
grant_op_push(struct graph *g, const struct draft *d, uint32_t node, uint8_t op)
{
	const struct op_grant *o = &d->body->ops[op].grant;
	uint32_t issuer = g->nodes.v[node].grant, i = g->grants.len;
	struct ctl c = { .node = node,
		.op = op,
		.kind = OP_GRANT,
		.need = o->flags & GRANT_OWN ? o->role : ROLE_ADMIN,
		.grant = issuer,
		.rank = g->grants.v[issuer].rank,
		.gives = i };
	struct grant a = { .box_counter = o->box_counter,
		.ctl = g->ctls.len,
		.node = node,
		.issuer = issuer,
		.parent = grant_parent(g, node, o),
		.rank = o->rank,
		.role = o->role,
		.flags = o->flags,
		.index = op };

	if ((o->flags & GRANT_OWN) && a.parent == GRAPH_NONE)
		return LK_ERR(LK_E_DENIED, "A6 parent");
	memcpy(a.box, o->box, ACCESS_KEY_LEN);
	TRY(ctl_push(g, &c));
	TRY(grant_push(g, &a, o->key));
	return a.role >= ROLE_READ ? welcome_push(g, node, op, i) : LK_NONE;
}

static lk_err
entry_push(struct graph *g, const struct revoke_entry *e)
{
	struct entry entry = { .target = grant_find(g, &e->target),
		.level = e->level,
		.flags = e->flags };

	if (entry.target == GRAPH_NONE)
		return LK_ERR(LK_E_DENIED, "A6 target");
	for (size_t i = 0; i < e->keep_len; i++) {
		uint32_t tip = graph_find(g, e->keep + i * LK_ID_LEN);

		if (tip == GRAPH_NONE)
			return LK_ERR(LK_E_DENIED, "A6 keep");
		entry.keep =
		    vclock_merge(&g->clocks, entry.keep, clock_with(g, tip));
	}
	if (!ARRAY_ROOM(&g->entries))
		return GRAPH_NOMEM;
	g->entries.v[g->entries.len++] = entry;
	return LK_NONE;
}

static lk_err
revoke_push(struct graph *g, const struct draft *d, uint32_t node, uint8_t op)
{
	const struct op_revoke *o = &d->body->ops[op].revoke;
	uint32_t author = g->nodes.v[node].grant;
	struct ctl c = { .node = node,
		.op = op,
		.kind = OP_REVOKE,
		.need = ROLE_RELAY,
		.grant = author,
		.rank = g->grants.v[author].rank,
		.entry = g->entries.len,
		.entries_len = (uint32_t)o->entries_len };

	for (size_t i = 0; i < o->entries_len; i++) {
		uint32_t target;

		TRY(entry_push(g, &o->entries[i]));
		target = g->entries.v[g->entries.len - 1].target;
		if (target == author || !person_has(g, target, author))
			c.need = ROLE_ADMIN;
	}
	return ctl_push(g, &c);
}

/* What stays is the past of prev, and what stands before it in its own
 * envelope, of which it is the last op. */
static lk_err
leave_push(struct graph *g, const struct draft *d, uint32_t node, uint8_t op)
{
	const struct node *n = &g->nodes.v[node];
	struct ctl c = { .node = node,
		.op = op,
		.kind = OP_LEAVE,
		.need = ROLE_RELAY,
		.grant = n->grant,
		.rank = g->grants.v[n->grant].rank };

	if (d->prev != GRAPH_NONE)
		c.keep = clock_with(g, d->prev);
	c.keep = vclock_raise(&g->clocks, c.keep, n->chain, n->seq);
	return ctl_push(g, &c);
}

static lk_err
links_push(struct graph *g, const struct draft *d, uint32_t node, uint8_t op)
{
	const struct facts *f = d->facts;

	for (size_t i = 0; i < f->links_len; i++) {
		struct link l = { .node = node,
			.op = op,
			.older = etag_find(g, f->links[i].older),
			.newer = g->nodes.v[node].etag };

		if (f->keys == KEYS_SHARE)
			l.newer = etag_find(g, f->links[i].newer);
		if (l.older == GRAPH_NONE || l.newer == GRAPH_NONE)
			return LK_ERR(LK_E_DENIED, "A7 link");
		if (!ARRAY_ROOM(&g->links))
			return GRAPH_NOMEM;
		l.next = g->etags.v[l.older].link;
		g->etags.v[l.older].link = g->links.len;
		g->links.v[g->links.len++] = l;
	}
	return LK_NONE;
}

static lk_err
share_push(struct graph *g, const struct draft *d, uint32_t node, uint8_t op)
{
	const struct facts *f = d->facts;

	for (size_t i = 0; i < f->shared_len; i++) {
		uint32_t etag = etag_find(g, f->shared[i].etag);
		struct hand h = { .node = node,
			.author = author_find(g, f->shared[i].key),
			.grant = GRAPH_NONE,
			.op = op };

		if (etag == GRAPH_NONE || h.author == GRAPH_NONE)
			return LK_ERR(LK_E_DENIED, "A7 share");
		TRY(hand_push(g, etag, h));
	}
	return links_push(g, d, node, op);
}

lk_err
op_push(struct graph *g, const struct draft *d, uint32_t node, uint8_t op)
{
	switch (d->body->ops[op].kind) {
	case OP_GENESIS:
		return genesis_push(g, d, node);
	case OP_GRANT:
		return grant_op_push(g, d, node, op);
	case OP_REVOKE:
		return revoke_push(g, d, node, op);
	case OP_LEAVE:
		return leave_push(g, d, node, op);
	case OP_EPOCH:
		TRY(epoch_push(g, node, op));
		return links_push(g, d, node, op);
	case OP_SHARE:
		return share_push(g, d, node, op);
	default:
		return LK_NONE;
	}
}
