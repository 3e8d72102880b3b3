#include <string.h>

#include "access/graph_parts.h"

/* An envelope under judgement: pushed, and taken away again afterwards. */
struct trial {
	struct graph *g;
	const struct facts *f;
	const struct body *body;
	uint32_t node, grant;
};

#define FORKS_FEW 64
#define DENY(what) LK_ERR(LK_E_DENIED, what)

static bool
cold_may(uint8_t kind)
{
	return kind == OP_GENESIS || kind == OP_GRANT || kind == OP_REVOKE ||
	    kind == OP_BAN || kind == OP_SHARE || kind == OP_REKEY ||
	    kind == OP_GUARD;
}

/* Who may acknowledge a fork of his own: a cold root, which is used on machines
 * that have not synchronised, and who only shares or leaves. */
static bool
fork_allowed(const struct graph *g, const struct draft *d)
{
	if (g->grants.v[d->grant].flags & GRANT_COLD)
		return true;
	for (size_t i = 0; i < d->body->ops_len; i++) {
		if (d->body->ops[i].kind != OP_SHARE &&
		    d->body->ops[i].kind != OP_LEAVE)
			return false;
	}
	return true;
}

/* How much of an author is in a past: envelopes, and the greatest seq. */
struct own {
	uint64_t count;
	uint32_t seq;
};

static void
own_add(const struct graph *g, struct own *own, uint32_t chain, uint32_t reach)
{
	uint32_t first = g->chains.v[chain].first;

	if (reach < first)
		return;
	own->count += reach - first + 1;
	if (reach > own->seq)
		own->seq = reach;
}

static struct own
own_past(const struct graph *g, const struct draft *d)
{
	const struct author *a = &g->authors.v[d->author];
	struct own own = { 0 };
	uint32_t i = 0, reach;

	/* Whoever has forked very often must not cost others time. */
	if (a->chains_len > FORKS_FEW) {
		for (; vclock_next(&g->clocks, d->past.clock, &i, &reach);
		     i++) {
			if (g->chains.v[i].author == d->author &&
			    i != d->past.chain)
				own_add(g, &own, i, reach);
		}
		if (d->past.chain < g->chains.len)
			own_add(g, &own, d->past.chain, d->past.seq);
		return own;
	}
	for (i = a->chain; i != GRAPH_NONE; i = g->chains.v[i].next)
		own_add(g, &own, i, view_reach(g, &d->past, i));
	return own;
}

/* A3: all there is of this author in the past is the line of prevs that ends in
 * prev, as many envelopes as its seq says.  Who may acknowledge a fork must
 * still go on from the greatest seq. */
static lk_err
judge_chain(const struct graph *g, const struct draft *d)
{
	uint32_t seq = d->prev == GRAPH_NONE ? 0 : g->nodes.v[d->prev].seq;
	struct own own = own_past(g, d);

	if (fork_allowed(g, d) ? own.seq > seq : own.count > seq)
		return DENY("A3 own fork");
	return LK_NONE;
}

static lk_err
judge_shape(const struct graph *g, const struct draft *d)
{
	const struct facts *f = d->facts;
	const struct body *b = d->body;
	enum key_section keys = body_has(b, OP_EPOCH) ? KEYS_EPOCH
	    : body_has(b, OP_SHARE)                   ? KEYS_SHARE
						      : KEYS_NONE;

	if (f->keys != keys)
		return LK_ERR(LK_E_MALFORMED, "A1 key section");
	if (keys == KEYS_NONE &&
	    (f->boxes_len > 0 || f->shared_len > 0 || f->links_len > 0))
		return LK_ERR(LK_E_MALFORMED, "A1 key section");
	if (d->genesis)
		return LK_NONE;
	if (!view_has(g, &d->past, g->grants.v[d->grant].node))
		return DENY("A4 grant not in the past");
	return judge_chain(g, d);
}

static uint32_t
own_count(const struct graph *g, const struct view *v, uint32_t top)
{
	uint32_t n = 0;

	for (uint32_t i = g->grants.v[top].below; i != GRAPH_NONE;
	     i = g->grants.v[i].next_of_top) {
		const struct grant *a = &g->grants.v[i];

		n += view_has_op(g, v, a->node, a->index);
	}
	return n;
}

static lk_err
judge_grant(const struct trial *t, uint8_t op)
{
	const struct graph *g = t->g;
	const struct ctl *c = &g->ctls.v[op_ctl(g, t->node, op)];
	const struct grant *a = &g->grants.v[c->gives], *parent;
	const struct grant *issuer;
	struct view v = view_before(g, t->node, op);
	struct eval *e;

	if (a->issuer == GRAPH_NONE) /* the guardians */
		return LK_NONE;
	issuer = &g->grants.v[a->issuer];
	if (a->rank <= issuer->rank)
		return DENY("A6 rank");
	if (a->role > issuer->role)
		return DENY("A6 role");
	TRY(eval_of(g, &v, &e));
	if (eval_banned(g, e, c->gives) != GRAPH_NONE)
		return DENY("A5 banned");
	if (a->parent == GRAPH_NONE)
		return LK_NONE;
	parent = &g->grants.v[a->parent];
	if (!(parent->flags & GRANT_ENROLL))
		return DENY("A6 enroll");
	if (a->rank <= parent->rank)
		return DENY("A6 rank below the parent");
	if (a->role > parent->role)
		return DENY("A6 role above the parent");
	if (own_count(g, &v, a->top) >= PERSON_DEVICES_MAX)
		return DENY("A6 devices");
	return LK_NONE;
}

/* Whether an entry covers some grant of that key in the view. */
static bool
entry_covers_key(const struct graph *g, const struct view *v,
    const struct entry *e, uint32_t author)
{
	if (g->grants.v[e->target].author == author)
		return true;
	if (!(e->flags & REVOKE_TREE))
		return false;
	for (uint32_t i = g->authors.v[author].grant; i != GRAPH_NONE;
	     i = g->grants.v[i].next_of_author) {
		const struct grant *a = &g->grants.v[i];

		if (person_has(g, i, e->target) &&
		    view_has_op(g, v, a->node, a->index))
			return true;
	}
	return false;
}

/* An entry of a revocation: as written, as found, and what it belongs to. */
struct judged_entry {
	const struct revoke_entry *written;
	const struct entry *found;
	const struct ctl *ctl;
};

static lk_err
judge_entry(
    const struct trial *t, const struct judged_entry *e, const struct view *v)
{
	const struct graph *g = t->g;
	const struct revoke_entry *o = e->written;
	const struct grant *target = &g->grants.v[e->found->target];

	if (!view_has_op(g, v, target->node, g->ctls.v[target->ctl].op))
		return DENY("A6 target");
	if (e->ctl->rank >= target->rank)
		return DENY("A6 rank");
	for (size_t i = 0; i < o->keep_len; i++) {
		uint32_t tip = graph_find(g, o->keep + i * LK_ID_LEN);

		/* An op of this very envelope cannot be named. */
		if (tip == t->node || !view_has(g, v, tip))
			return DENY("A6 keep");
		if (!entry_covers_key(g, v, e->found, node_author(g, tip)))
			return DENY("A6 keep of somebody else");
	}
	return LK_NONE;
}

static lk_err
judge_revoke(const struct trial *t, const struct op_revoke *o, uint8_t op)
{
	const struct graph *g = t->g;
	uint32_t i = op_ctl(g, t->node, op);
	const struct ctl *c = &g->ctls.v[i];
	struct view v = view_before(g, t->node, op);

	for (uint32_t k = 0; k < c->entries_len; k++) {
		struct judged_entry j = { &o->entries[k],
			&g->entries.v[c->entry + k], c };

		TRY(judge_entry(t, &j, &v));
	}
	return LK_NONE;
}

/* Whether the author has written down what guardians signed with this nonce
 * before: all he has written is in his past. */
static bool
guard_again(const struct trial *t, const struct op_guard *o)
{
	const struct graph *g = t->g;
	uint32_t author = node_author(g, t->node);

	for (uint32_t i = 0; i < g->guards.len; i++) {
		const struct guard *before = &g->guards.v[i];

		if (before->node != t->node &&
		    node_author(g, before->node) == author &&
		    memcmp(before->nonce, o->nonce, GUARD_NONCE_LEN) == 0 &&
		    graph_in_past(g, before->node, t->node))
			return true;
	}
	return false;
}

/* A guard: as many different guardians as are needed; who they are, and that
 * the signatures are good, the caller looks at. */
static lk_err
judge_guard(const struct trial *t, uint8_t op)
{
	const struct op_guard *o = &t->body->ops[op].guard;

	if (t->g->guardians_needed == 0 ||
	    o->sigs_len != t->g->guardians_needed)
		return DENY("A6 guardians");
	for (size_t i = 0; i < o->sigs_len; i++) {
		if (o->sigs[i * GUARD_SIG_LEN] >= t->g->guardians)
			return DENY("A6 guardians");
	}
	if (guard_again(t, o))
		return DENY("A6 guard written before");
	return o->op->kind == OP_GRANT ? judge_grant(t, op)
				       : judge_revoke(t, &o->op->revoke, op);
}

static lk_err
judge_adopt(const struct trial *t, uint8_t op)
{
	const struct graph *g = t->g;
	const struct op_adopt *o = &t->body->ops[op].adopt;
	struct view v = view_before(g, t->node, op);

	for (size_t i = 0; i < o->ids_len; i++) {
		if (!view_has(g, &v, graph_find(g, o->ids + i * LK_ID_LEN)))
			return DENY("A6 adopt");
	}
	return LK_NONE;
}

/* A box key is newer than all the author had in his past. */
static lk_err
judge_rekey(const struct trial *t, uint8_t op)
{
	const struct graph *g = t->g;
	const struct op_rekey *o = &t->body->ops[op].rekey;
	struct view v = view_before(g, t->node, op);

	for (uint32_t i = g->authors.v[node_author(g, t->node)].box;
	     i != GRAPH_NONE; i = g->boxes.v[i].next) {
		const struct box *b = &g->boxes.v[i];

		if (view_has_op(g, &v, b->node, b->op) && box_given(b) &&
		    b->counter >= o->box_counter)
			return DENY("A6 box key");
	}
	return LK_NONE;
}

/* Boxes are to distinct keys: two devices with one share a box. */
static uint32_t
boxes_needed(const struct graph *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->readers.len; i++) {
		uint32_t k = 0;

		while (k < i &&
		    memcmp(g->readers.v[k].box, g->readers.v[i].box,
			ACCESS_KEY_LEN) != 0)
			k++;
		n += k == i;
	}
	return n;
}

static lk_err
judge_epoch(const struct trial *t, uint8_t op, struct judgement *out)
{
	struct graph *g = t->g;
	struct view v = view_before(g, t->node, op);
	struct eval *e;

	if (etag_in_view(g, &v, g->nodes.v[t->node].etag))
		return DENY("A7 key seen before");
	for (size_t i = 0; i < t->f->links_len; i++) {
		if (!etag_in_view(g, &v, etag_find(g, t->f->links[i].older)))
			return DENY("A7 link");
	}
	if (t->f->shared_len > 0)
		return LK_ERR(LK_E_MALFORMED, "A1 key section");
	TRY(eval_of(g, &v, &e));
	TRY(readers_list(g, e, &v));
	TRY(maximal_list(g, &v));
	if (t->f->boxes_len != boxes_needed(g))
		return DENY("A7 boxes");
	out->readers = g->readers.v;
	out->readers_len = g->readers.len;
	out->maximal = (const uint8_t(*)[ETAG_LEN])g->maximal.v;
	out->maximal_len = g->maximal.len;
	return LK_NONE;
}

static lk_err
judge_shared(
    const struct trial *t, const struct view *v, const struct eval *e, size_t i)
{
	struct graph *g = t->g;
	const struct shared_key *s = &t->f->shared[i];
	uint32_t box = eval_reader(e, author_find(g, s->key));

	if (box == GRAPH_NONE || !box_given(&g->boxes.v[box]))
		return DENY("A7 share to no reader");
	if (!etag_in_view(g, v, etag_find(g, s->etag)))
		return DENY("A7 share of no epoch");
	if (!ARRAY_ROOM(&g->readers))
		return GRAPH_NOMEM;
	reader_fill(g, box, &g->readers.v[g->readers.len++]);
	return LK_NONE;
}

/* Whether some epoch of the older key is in the past of one of the newer; else
 * any reader could make a clean key count as known to somebody removed. */
static bool
link_descends(
    const struct graph *g, const struct view *v, uint32_t newer, uint32_t older)
{
	if (newer == GRAPH_NONE || older == GRAPH_NONE || newer == older)
		return false;
	for (uint32_t i = g->etags.v[newer].epoch; i != GRAPH_NONE;
	     i = g->epochs.v[i].next) {
		const struct epoch *e = &g->epochs.v[i];
		struct view past = view_before(g, e->node, e->op);

		if (view_has_op(g, v, e->node, e->op) &&
		    etag_in_view(g, &past, older))
			return true;
	}
	return false;
}

static lk_err
judge_share(const struct trial *t, uint8_t op, struct judgement *out)
{
	struct graph *g = t->g;
	const struct facts *f = t->f;
	const struct op_share *o = &t->body->ops[op].share;
	struct view v = view_before(g, t->node, op);
	struct eval *e;

	if (f->shared_len != o->keys_len || f->boxes_len != o->keys_len ||
	    f->shared_len + f->links_len == 0)
		return LK_ERR(LK_E_MALFORMED, "A1 share");
	TRY(eval_of(g, &v, &e));
	TRY(eval_readers(g, e, &v));
	g->readers.len = 0;
	for (size_t i = 0; i < f->shared_len; i++) {
		if (memcmp(f->shared[i].key, o->keys + i * ACCESS_KEY_LEN,
			ACCESS_KEY_LEN) != 0)
			return LK_ERR(LK_E_MALFORMED, "A1 share");
		TRY(judge_shared(t, &v, e, i));
	}
	for (size_t i = 0; i < f->links_len; i++) {
		if (!link_descends(g, &v, etag_find(g, f->links[i].newer),
			etag_find(g, f->links[i].older)))
			return DENY("A7 link");
	}
	out->readers = g->readers.v;
	out->readers_len = g->readers.len;
	return LK_NONE;
}

static lk_err
judge_content(const struct trial *t, uint8_t op, struct judgement *out)
{
	struct graph *g = t->g;
	const struct node *n = &g->nodes.v[t->node];
	struct view v = view_before(g, t->node, op);
	struct eval *e;

	TRY(eval_of(g, &v, &e));
	TRY(eval_clean(g, e, &v));
	if (!eval_is_clean(g, e, n->etag))
		return DENY("A7 epoch not clean");
	/* For a change, appending it found them already. */
	if (n->flags & NODE_IMPORT)
		TRY(parents_of(g, &v, e));
	out->parents = g->parents.v;
	out->parents_len = g->parents.len;
	out->change_seq = n->flags & NODE_CHANGE
	    ? n->number
	    : changes_under(g, &v, n->grant) + 1;
	return LK_NONE;
}

/* A5: the author's grant lets him do this on top of what he saw.  Earlier ops
 * of the same envelope cannot change that: they touch only what is junior to
 * him, and a leave comes last. */
static lk_err
judge_effective(const struct trial *t, uint8_t op)
{
	const struct graph *g = t->g;
	uint8_t kind = t->body->ops[op].kind;
	struct view v = view_before(
	    g, t->node, g->nodes.v[t->node].flags & NODE_GENESIS ? 1 : 0);
	struct eval *e;

	TRY(eval_of(g, &v, &e));
	if (!eval_allows(g, e, t->grant, kind, op_need(g, t->node, op)))
		return DENY("A5 not effective");
	return LK_NONE;
}

static lk_err
judge_op(const struct trial *t, uint8_t op, struct judgement *out)
{
	uint8_t kind = t->body->ops[op].kind;

	if (kind == OP_GENESIS)
		return LK_NONE;
	if ((t->g->grants.v[t->grant].flags & GRANT_COLD) && !cold_may(kind))
		return DENY("A6 cold key");
	if (kind != OP_GUARD)
		TRY(judge_effective(t, op));
	switch (kind) {
	case OP_GRANT:
		return judge_grant(t, op);
	case OP_REVOKE:
		return judge_revoke(t, &t->body->ops[op].revoke, op);
	case OP_GUARD:
		return judge_guard(t, op);
	case OP_ADOPT:
		return judge_adopt(t, op);
	case OP_REKEY:
		return judge_rekey(t, op);
	case OP_EPOCH:
		return judge_epoch(t, op, out);
	case OP_SHARE:
		return judge_share(t, op, out);
	case OP_CHANGE:
	case OP_IMPORT:
		return judge_content(t, op, out);
	default:
		return LK_NONE;
	}
}

static lk_err
judge_node(struct graph *g, const struct draft *d, struct judgement *out)
{
	struct trial t = {
		.g = g, .f = d->facts, .body = d->body, .node = g->nodes.len - 1
	};
	const struct node *n = &g->nodes.v[t.node];

	t.grant = n->grant;
	if (n->epoch == GRAPH_NONE && !etag_in_view(g, &d->past, n->etag))
		return DENY("A7 key of no epoch");
	for (uint8_t i = 0; i < d->body->ops_len; i++)
		TRY(judge_op(&t, i, out));
	return LK_NONE;
}

/* Nothing stands on a new node: it is essential if an op of it has effect.  An
 * op that rests on another one of its envelope has none where that one has
 * none. */
static bool
is_leftover(const struct graph *g, uint32_t x)
{
	for (uint8_t i = 0; i < g->nodes.v[x].ops_len; i++) {
		if (eval_would(g, &g->evals->now, x, i))
			return false;
	}
	return true;
}

lk_err
graph_judge(struct graph *g, const struct facts *f, struct judgement *out)
{
	struct judgement verdict = { 0 };
	struct draft d;
	struct mark mark;
	lk_err err;

	TRY(graph_settle(g));
	TRY(graph_append(g, f, &d, &mark));
	err = judge_shape(g, &d);
	if (err.code == LK_OK)
		err = judge_node(g, &d, &verdict);
	if (err.code == LK_OK)
		verdict.leftover = is_leftover(g, g->nodes.len - 1);
	graph_pop(g, &mark);
	TRY(err);
	*out = verdict;
	return LK_NONE;
}
