#include <stdlib.h>
#include <string.h>

#include "access/graph_parts.h"

/* An op that is asked about.  One that is still to be written has no node, and
 * nothing keeps it. */
struct deed {
	uint32_t node, chain, seq;
	uint8_t kind, need;
};

static uint8_t
kind_need(uint8_t kind)
{
	switch (kind) {
	case OP_GENESIS:
	case OP_GUARD:
		return ROLE_NONE;
	case OP_LEAVE:
		return ROLE_RELAY;
	case OP_SHARE:
	case OP_REKEY:
		return ROLE_READ;
	case OP_GRANT:
	case OP_REVOKE:
	case OP_BAN:
		return ROLE_ADMIN;
	default:
		return ROLE_WRITE;
	}
}

uint32_t
op_ctl(const struct graph *g, uint32_t node, uint8_t op)
{
	const struct node *n = &g->nodes.v[node];

	for (uint32_t i = 0; i < n->ctls_len; i++) {
		if (g->ctls.v[n->ctl + i].op == op)
			return n->ctl + i;
	}
	return GRAPH_NONE;
}

uint8_t
op_need(const struct graph *g, uint32_t node, uint8_t op)
{
	uint32_t c = op_ctl(g, node, op);

	if (c != GRAPH_NONE)
		return g->ctls.v[c].need;
	return kind_need(g->kinds.v[g->nodes.v[node].kinds + op]);
}

static bool
eval_ctl(const struct eval *e, uint32_t ctl)
{
	return ctl < e->effective.len && e->effective.v[ctl];
}

bool
eval_grant(const struct graph *g, const struct eval *e, uint32_t grant)
{
	return eval_ctl(e, g->grants.v[grant].ctl);
}

static bool
cut_hits(const struct graph *g, const struct cut *c, const struct deed *d)
{
	if (c->level >= d->need || (c->leave && d->kind == OP_LEAVE))
		return false;
	if (vclock_get(&g->clocks, c->keep, d->chain) >= d->seq)
		return false;
	/* Soft spares denials that had not heard of it. */
	return !(c->flags & REVOKE_SOFT) ||
	    (d->kind != OP_REVOKE && d->kind != OP_BAN) ||
	    d->node == GRAPH_NONE ||
	    graph_in_past(g, g->ctls.v[c->ctl].node, d->node);
}

static uint32_t
cuts_first(const struct eval *e, uint32_t grant)
{
	return grant < e->cuts_of.len ? e->cuts_of.v[grant] : GRAPH_NONE;
}

bool
eval_names(const struct eval *e, uint32_t grant)
{
	return cuts_first(e, grant) != GRAPH_NONE;
}

/* The next cut in a list that counts against `grant`: the list is that of the
 * grant itself, or of one above it, where only whole trees count. */
static const struct cut *
cut_in_list(const struct eval *e, uint32_t i, bool above)
{
	while (i != GRAPH_NONE && above && !(e->cuts.v[i].flags & REVOKE_TREE))
		i = e->cuts.v[i].next;
	return i == GRAPH_NONE ? NULL : &e->cuts.v[i];
}

const struct cut *
eval_next_cut(const struct graph *g, const struct eval *e, uint32_t grant,
    const struct cut *cut)
{
	uint32_t at = grant;

	if (cut != NULL) {
		at = cut->grant;
		cut = cut_in_list(e, cut->next, at != grant);
	} else {
		cut = cut_in_list(e, cuts_first(e, at), false);
	}
	while (cut == NULL) {
		at = g->grants.v[at].parent;
		if (at == GRAPH_NONE)
			return NULL;
		cut = cut_in_list(e, cuts_first(e, at), true);
	}
	return cut;
}

/* Of all cuts that hit, the one by the most senior, then of the lowest id, so
 * that every device names the same. */
static const struct cut *
cut_better(
    const struct graph *g, const struct cut *best, const struct cut *other)
{
	const struct ctl *a, *b;

	if (best == NULL)
		return other;
	a = &g->ctls.v[best->ctl];
	b = &g->ctls.v[other->ctl];
	if (a->rank != b->rank)
		return a->rank < b->rank ? best : other;
	return memcmp(g->nodes.v[a->node].id, g->nodes.v[b->node].id,
		   LK_ID_LEN) <= 0
	    ? best
	    : other;
}

static const struct cut *
cut_find(const struct graph *g, const struct eval *e, uint32_t grant,
    const struct deed *d)
{
	const struct cut *best = NULL, *c = NULL;

	while ((c = eval_next_cut(g, e, grant, c)) != NULL) {
		if (cut_hits(g, c, d))
			best = cut_better(g, best, c);
	}
	return best;
}

const struct cut *
eval_denied(
    const struct graph *g, const struct eval *e, uint32_t node, uint8_t op)
{
	const struct node *n = &g->nodes.v[node];
	struct deed d = { .node = node,
		.chain = n->chain,
		.seq = n->seq,
		.kind = g->kinds.v[n->kinds + op],
		.need = op_need(g, node, op) };

	return cut_find(g, e, n->grant, &d);
}

static bool
ctl_in_past(const struct graph *g, const struct ctl *a, const struct ctl *b)
{
	return a->node == b->node ? a->op < b->op
				  : graph_in_past(g, a->node, b->node);
}

/* access.md section 5: a ban holds against grants of that key which it has not
 * seen: those by more junior issuers, and by equals who had not seen it. */
static bool
ban_hits(const struct graph *g, const struct ctl *b, const struct ctl *x)
{
	if (ctl_in_past(g, x, b))
		return false;
	return x->rank > b->rank ||
	    (x->rank == b->rank && !ctl_in_past(g, b, x));
}

uint32_t
eval_banned(const struct graph *g, const struct eval *e, uint32_t grant)
{
	const struct grant *a = &g->grants.v[grant];
	const struct ctl *x = &g->ctls.v[a->ctl], *best = NULL;
	uint32_t i =
	    a->author < e->bans_of.len ? e->bans_of.v[a->author] : GRAPH_NONE;
	uint32_t found = GRAPH_NONE;

	for (; i != GRAPH_NONE; i = e->bans.v[i].next) {
		const struct ctl *b = &g->ctls.v[e->bans.v[i].ctl];

		if (!ban_hits(g, b, x) ||
		    (best != NULL &&
			(best->rank < b->rank ||
			    (best->rank == b->rank &&
				memcmp(g->nodes.v[best->node].id,
				    g->nodes.v[b->node].id, LK_ID_LEN) <= 0))))
			continue;
		best = b;
		found = e->bans.v[i].ctl;
	}
	return found;
}

static bool
ctl_effective(const struct graph *g, const struct eval *e, const struct ctl *c)
{
	const struct grant *gives;
	struct deed d;

	/* No ban is by guardians, and no other one reaches what they grant. */
	if (c->grant == GRAPH_NONE)
		return true;
	if (!eval_grant(g, e, c->grant) || g->grants.v[c->grant].role < c->need)
		return false;
	if (c->kind == OP_GRANT) {
		gives = &g->grants.v[c->gives];
		if (gives->parent != GRAPH_NONE &&
		    !eval_grant(g, e, gives->parent))
			return false;
		if (eval_banned(g, e, c->gives) != GRAPH_NONE)
			return false;
	}
	d = (struct deed){ .node = c->node,
		.chain = g->nodes.v[c->node].chain,
		.seq = g->nodes.v[c->node].seq,
		.kind = c->kind,
		.need = c->need };
	return cut_find(g, e, c->grant, &d) == NULL;
}

static lk_err
cut_add(struct eval *e, uint32_t grant, struct cut c)
{
	if (!ARRAY_ROOM(&e->cuts))
		return GRAPH_NOMEM;
	c.grant = grant;
	c.next = e->cuts_of.v[grant];
	e->cuts_of.v[grant] = e->cuts.len;
	e->cuts.v[e->cuts.len++] = c;
	return LK_NONE;
}

static lk_err
ban_add(const struct graph *g, struct eval *e, uint32_t i)
{
	uint32_t author = g->ctls.v[i].bans;

	if (!ARRAY_ROOM(&e->bans))
		return GRAPH_NOMEM;
	e->bans.v[e->bans.len] =
	    (struct barred){ .ctl = i, .next = e->bans_of.v[author] };
	e->bans_of.v[author] = e->bans.len++;
	return LK_NONE;
}

static lk_err
ctl_apply(const struct graph *g, struct eval *e, uint32_t i)
{
	const struct ctl *c = &g->ctls.v[i];

	e->effective.v[i] = 1;
	if (c->kind == OP_LEAVE)
		return cut_add(e, c->grant,
		    (struct cut){ .ctl = i, .keep = c->keep, .leave = true });
	if (c->kind == OP_BAN)
		return ban_add(g, e, i);
	for (uint32_t k = 0; k < c->entries_len; k++) {
		const struct entry *t = &g->entries.v[c->entry + k];

		TRY(cut_add(e, t->target,
		    (struct cut){ .ctl = i,
			.keep = t->keep,
			.level = t->level,
			.flags = t->flags }));
	}
	return LK_NONE;
}

static bool
lists_reset(struct u32s *a, uint32_t len)
{
	a->len = 0;
	while (a->len < len) {
		if (!u32s_add(a, GRAPH_NONE))
			return false;
	}
	return true;
}

static lk_err
eval_reset(const struct graph *g, struct eval *e)
{
	e->used = false;
	e->readers_known = false;
	e->clean_known = false;
	e->cuts.len = 0;
	e->bans.len = 0;
	e->effective.len = 0;
	if (!lists_reset(&e->cuts_of, g->grants.len) ||
	    !lists_reset(&e->bans_of, g->authors.len))
		return GRAPH_NOMEM;
	while (e->effective.len < g->ctls.len) {
		if (!ARRAY_ROOM(&e->effective))
			return GRAPH_NOMEM;
		e->effective.v[e->effective.len++] = 0;
	}
	return LK_NONE;
}

static bool
view_has_ctl(const struct graph *g, const struct view *v, const struct ctl *c)
{
	const struct node *n = &g->nodes.v[c->node];

	if (v->whole)
		return true;
	if (c->node == v->node)
		return c->op < v->op;
	return vclock_get(&g->clocks, v->auth, n->chain) >= n->seq;
}

/* access.md section 5: what can touch an op comes from ranks below its own, so
 * one pass by rank decides all; a leave touches the other ops of its grant. */
lk_err
eval_run(const struct graph *g, struct eval *e, const struct view *v)
{
	TRY(eval_reset(g, e));
	for (uint32_t k = 0; k < g->order.len; k++) {
		uint32_t i = g->order.v[k];
		const struct ctl *c = &g->ctls.v[i];

		if (view_has_ctl(g, v, c) && ctl_effective(g, e, c))
			TRY(ctl_apply(g, e, i));
	}
	e->used = true;
	return LK_NONE;
}

void
eval_clear(struct eval *e)
{
	free(e->effective.v);
	free(e->cuts_of.v);
	free(e->cuts.v);
	free(e->bans_of.v);
	free(e->bans.v);
	free(e->readers.v);
	free(e->clean.v);
	*e = (struct eval){ 0 };
}

void
evals_forget(struct evals *evals, const struct mark *m)
{
	for (size_t i = 0; i < EVALS_CACHED; i++) {
		struct eval *e = &evals->cached[i];

		if ((e->node != GRAPH_NONE && e->node >= m->nodes) ||
		    e->auth > m->clocks || e->keys > m->clocks)
			e->used = false;
	}
}

lk_err
eval_of(const struct graph *g, const struct view *v, struct eval **out)
{
	struct evals *evals = g->evals;
	struct eval *oldest = NULL;
	uint32_t node = v->node, op = v->op;

	if (node != GRAPH_NONE &&
	    !(g->nodes.v[node].flags & (NODE_AUTH | NODE_KEYS))) {
		node = GRAPH_NONE;
		op = 0;
	}
	for (size_t i = 0; i < EVALS_CACHED; i++) {
		struct eval *e = &evals->cached[i];

		if (e->used && e->auth == v->auth && e->keys == v->keys &&
		    e->node == node && e->op == op) {
			e->age = ++evals->age;
			*out = e;
			return LK_NONE;
		}
		if (e->pins == 0 &&
		    (oldest == NULL || !e->used ||
			(oldest->used && e->age < oldest->age)))
			oldest = e;
	}
	LK_ASSERT(oldest != NULL);
	TRY(eval_run(g, oldest, v));
	oldest->auth = v->auth;
	oldest->keys = v->keys;
	oldest->node = node;
	oldest->op = op;
	oldest->age = ++evals->age;
	*out = oldest;
	return LK_NONE;
}

enum role
eval_role(const struct graph *g, const struct eval *e, uint32_t grant)
{
	const struct cut *c = NULL;
	uint8_t role = g->grants.v[grant].role;

	if (!eval_grant(g, e, grant))
		return ROLE_NONE;
	while ((c = eval_next_cut(g, e, grant, c)) != NULL) {
		if (c->level < role)
			role = c->level;
	}
	return role;
}

bool
eval_allows(const struct graph *g, const struct eval *e, uint32_t grant,
    uint8_t kind, uint8_t need)
{
	struct deed next = { .node = GRAPH_NONE,
		.seq = UINT32_MAX,
		.kind = kind,
		.need = need };

	return eval_grant(g, e, grant) && g->grants.v[grant].role >= need &&
	    cut_find(g, e, grant, &next) == NULL;
}

const struct cut *
eval_ended(const struct graph *g, const struct eval *e, uint32_t grant)
{
	uint8_t role = g->grants.v[grant].role;
	struct deed next = { .node = GRAPH_NONE,
		.seq = UINT32_MAX,
		.kind = OP_CHANGE,
		.need = (uint8_t)(eval_role(g, e, grant) + 1) };

	if (!eval_grant(g, e, grant) || next.need > role)
		return NULL;
	return cut_find(g, e, grant, &next);
}

uint32_t
eval_limit(const struct graph *g, const struct eval *e, uint32_t grant,
    uint8_t need, uint32_t chain)
{
	const struct cut *c = NULL;
	uint32_t limit = UINT32_MAX, keep;

	if (!eval_grant(g, e, grant) || g->grants.v[grant].role < need)
		return 0;
	while ((c = eval_next_cut(g, e, grant, c)) != NULL) {
		if (c->level >= need)
			continue;
		keep = vclock_get(&g->clocks, c->keep, chain);
		if (keep < limit)
			limit = keep;
	}
	return limit;
}

bool
eval_op(const struct graph *g, const struct eval *e, uint32_t node, uint8_t op)
{
	const struct node *n = &g->nodes.v[node];
	uint32_t c = op_ctl(g, node, op);

	if (c != GRAPH_NONE)
		return eval_ctl(e, c);
	return n->seq <=
	    eval_limit(g, e, n->grant, op_need(g, node, op), n->chain);
}

bool
eval_would(
    const struct graph *g, const struct eval *e, uint32_t node, uint8_t op)
{
	uint32_t c = op_ctl(g, node, op);

	return c == GRAPH_NONE ? eval_op(g, e, node, op)
			       : ctl_effective(g, e, &g->ctls.v[c]);
}
