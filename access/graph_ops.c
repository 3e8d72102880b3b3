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
	*a = (struct author){
		.chain = GRAPH_NONE, .grant = GRAPH_NONE, .box = GRAPH_NONE
	};
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

/* Of one rank, a leave touches what others its grant writes, and a ban the
 * grants that have not heard of it. */
static unsigned
ctl_turn(const struct ctl *c)
{
	return c->kind == OP_LEAVE ? 0 : c->kind == OP_BAN ? 1 : 2;
}

/* Whether ctl a is evaluated before b; b arrived later. */
static bool
ctl_before(const struct ctl *a, const struct ctl *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return ctl_turn(a) <= ctl_turn(b);
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

static lk_err
box_push(struct graph *g, uint32_t author, struct box b)
{
	if (!ARRAY_ROOM(&g->boxes))
		return GRAPH_NOMEM;
	b.author = author;
	b.next = g->authors.v[author].box;
	g->authors.v[author].box = g->boxes.len;
	g->boxes.v[g->boxes.len++] = b;
	return LK_NONE;
}

/* Appends a grant of which ctl, node, issuer, parent, index and what is granted
 * are filled in, to a device with that box key. */
static lk_err
grant_push(struct graph *g, struct grant *a, const uint8_t *key,
    const uint8_t *box, uint32_t counter)
{
	uint32_t i = g->grants.len;
	struct box b = { .counter = counter,
		.grant = i,
		.node = a->node,
		.op = g->ctls.v[a->ctl].op };
	struct author *author;

	a->author = author_push(g, key);
	if (a->author == GRAPH_NONE || !ARRAY_ROOM(&g->grants))
		return GRAPH_NOMEM;
	memcpy(b.key, box, ACCESS_KEY_LEN);
	a->box = g->boxes.len;
	TRY(box_push(g, a->author, b));
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
	struct grant creator = { .ctl = g->ctls.len,
		.node = node,
		.issuer = GRAPH_NONE,
		.parent = GRAPH_NONE,
		.rank = CREATOR_RANK,
		.role = ROLE_ADMIN,
		.flags = GRANT_ENROLL,
		.index = GRANT_CREATOR };
	struct grant root = creator;

	root.rank = 0;
	root.flags = GRANT_COLD;
	root.index = GRANT_ROOT;
	if (o->m > 0)
		memcpy(g->guardian_keys, o->guardians,
		    (size_t)o->m * ACCESS_KEY_LEN);
	g->guardians = o->m;
	g->guardians_needed = o->k;
	TRY(ctl_push(g, &c));
	TRY(grant_push(
	    g, &creator, o->device_pk, o->device_box, o->box_counter));
	/* Without the policy it is all zero: no box key. */
	TRY(grant_push(g, &root, o->root_pk, o->root_box, 0));
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
		.box = g->grants.v[grant].box,
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

/* An op of authority by the author of a node, or by the guardians. */
static struct ctl
ctl_of(const struct graph *g, uint32_t node, uint8_t op, uint8_t kind,
    bool guarded)
{
	struct ctl c = { .node = node,
		.op = op,
		.kind = kind,
		.need = ROLE_NONE,
		.grant = GRAPH_NONE,
		.rank = GUARD_RANK };

	if (!guarded) {
		c.need = ROLE_ADMIN;
		c.grant = g->nodes.v[node].grant;
		c.rank = g->grants.v[c.grant].rank;
	}
	return c;
}

static lk_err
grant_op_push(struct graph *g, const struct op_grant *o, uint32_t node,
    uint8_t op, bool guarded)
{
	uint32_t i = g->grants.len;
	struct ctl c = ctl_of(g, node, op, OP_GRANT, guarded);
	struct grant a = { .ctl = g->ctls.len,
		.node = node,
		.issuer = c.grant,
		.parent = grant_parent(g, node, o),
		.rank = o->rank,
		.role = o->role,
		.flags = o->flags,
		.index = op };

	if ((o->flags & GRANT_OWN) && a.parent == GRAPH_NONE)
		return LK_ERR(LK_E_DENIED, "A6 parent");
	if (o->flags & GRANT_OWN)
		c.need = o->role;
	c.gives = i;
	TRY(ctl_push(g, &c));
	TRY(grant_push(g, &a, o->key, o->box, o->box_counter));
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

/* Of one's own devices below oneself, any live grant will do. */
static lk_err
revoke_push(struct graph *g, const struct op_revoke *o, uint32_t node,
    uint8_t op, bool guarded)
{
	struct ctl c = ctl_of(g, node, op, OP_REVOKE, guarded);
	bool own = true;

	c.entry = g->entries.len;
	c.entries_len = (uint32_t)o->entries_len;
	for (size_t i = 0; i < o->entries_len; i++) {
		uint32_t target;

		TRY(entry_push(g, &o->entries[i]));
		target = g->entries.v[g->entries.len - 1].target;
		own =
		    own && target != c.grant && person_has(g, target, c.grant);
	}
	if (own && !guarded)
		c.need = ROLE_RELAY;
	return ctl_push(g, &c);
}

static lk_err
ban_push(struct graph *g, const struct op_ban *o, uint32_t node, uint8_t op)
{
	struct ctl c = ctl_of(g, node, op, OP_BAN, false);

	c.bans = author_push(g, o->key);
	return c.bans == GRAPH_NONE ? GRAPH_NOMEM : ctl_push(g, &c);
}

static lk_err
guard_push(struct graph *g, const struct op_guard *o, uint32_t node, uint8_t op)
{
	struct guard *kept;

	if (!ARRAY_ROOM(&g->guards))
		return GRAPH_NOMEM;
	kept = &g->guards.v[g->guards.len++];
	kept->node = node;
	memcpy(kept->nonce, o->nonce, GUARD_NONCE_LEN);
	if (o->op->kind == OP_GRANT)
		return grant_op_push(g, &o->op->grant, node, op, true);
	return revoke_push(g, &o->op->revoke, node, op, true);
}

/* What stays is the past of prev, and what stands before it in its own
 * envelope, of which it is the last op. */
static lk_err
leave_push(struct graph *g, const struct draft *d, uint32_t node, uint8_t op)
{
	const struct node *n = &g->nodes.v[node];
	struct ctl c = ctl_of(g, node, op, OP_LEAVE, false);

	c.need = ROLE_RELAY;
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
			.newer = g->nodes.v[node].etag,
			.wrong = f->wrong_share };

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
			.box = GRAPH_NONE,
			.op = op,
			.wrong = f->wrong_share };

		if (etag == GRAPH_NONE || h.author == GRAPH_NONE)
			return LK_ERR(LK_E_DENIED, "A7 share");
		TRY(hand_push(g, etag, h));
	}
	return links_push(g, d, node, op);
}

static lk_err
adoption_push(struct graph *g, uint32_t adopt, uint32_t target)
{
	struct stream *s = &g->streams.v[g->nodes.v[target].stream];

	if (!ARRAY_ROOM(&g->adoptions))
		return GRAPH_NOMEM;
	g->adoptions.v[g->adoptions.len] = (struct adoption){
		.adopt = adopt, .target = target, .next = s->adoption
	};
	s->adoption = g->adoptions.len++;
	return LK_NONE;
}

/* An import is named by its last piece. */
static lk_err
adopt_push(struct graph *g, const struct op_adopt *o, uint32_t node, uint8_t op)
{
	uint32_t i = g->adopts.len;

	if (!ARRAY_ROOM(&g->adopts))
		return GRAPH_NOMEM;
	g->adopts.v[i] =
	    (struct adopt){ .node = node, .first = g->adoptions.len, .op = op };
	for (size_t k = 0; k < o->ids_len; k++) {
		uint32_t target = graph_find(g, o->ids + k * LK_ID_LEN);

		/* The node itself is in no stream yet. */
		if (target == GRAPH_NONE || target == node ||
		    !(g->nodes.v[target].flags & (NODE_CHANGE | NODE_LAST)))
			return LK_ERR(LK_E_DENIED, "A6 adopt");
		TRY(adoption_push(g, i, target));
	}
	g->adopts.v[i].len = (uint32_t)o->ids_len;
	g->adopts.len++;
	return LK_NONE;
}

static lk_err
rekey_push(struct graph *g, const struct op_rekey *o, uint32_t node, uint8_t op)
{
	struct box b = { .counter = o->box_counter,
		.grant = g->nodes.v[node].grant,
		.node = node,
		.op = op,
		.rekey = true };

	memcpy(b.key, o->box, ACCESS_KEY_LEN);
	return box_push(g, node_author(g, node), b);
}

lk_err
op_push(struct graph *g, const struct draft *d, uint32_t node, uint8_t op)
{
	const struct access_op *o = &d->body->ops[op];

	switch (o->kind) {
	case OP_GENESIS:
		return genesis_push(g, d, node);
	case OP_GRANT:
		return grant_op_push(g, &o->grant, node, op, false);
	case OP_REVOKE:
		return revoke_push(g, &o->revoke, node, op, false);
	case OP_BAN:
		return ban_push(g, &o->ban, node, op);
	case OP_GUARD:
		return guard_push(g, &o->guard, node, op);
	case OP_ADOPT:
		return adopt_push(g, &o->adopt, node, op);
	case OP_REKEY:
		return rekey_push(g, &o->rekey, node, op);
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
