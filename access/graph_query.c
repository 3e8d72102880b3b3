#include <stdlib.h>
#include <string.h>

#include "access/graph_parts.h"

size_t
graph_heads(const struct graph *g, uint8_t heads[][LK_ID_LEN], size_t max)
{
	for (size_t i = 0; i < g->heads.len && i < max; i++)
		graph_id(g, g->heads.v[i], heads[i]);
	if (g->heads.len <= max && g->heads.len > 1)
		qsort(heads, g->heads.len, LK_ID_LEN, lk_id_compare);
	return g->heads.len;
}

uint32_t
graph_tip(const struct graph *g, const uint8_t author[static ACCESS_KEY_LEN],
    bool *forked)
{
	uint32_t a = author_find(g, author), tip = GRAPH_NONE;

	*forked = false;
	if (a == GRAPH_NONE)
		return GRAPH_NONE;
	*forked = g->authors.v[a].chains_len > 1;
	for (uint32_t i = g->authors.v[a].chain; i != GRAPH_NONE;
	     i = g->chains.v[i].next) {
		const struct u32s *nodes = &g->chains.v[i].nodes;
		uint32_t n = nodes->v[nodes->len - 1];

		if (tip == GRAPH_NONE ||
		    g->nodes.v[n].seq > g->nodes.v[tip].seq)
			tip = n;
	}
	return tip;
}

enum role
graph_role(const struct graph *g, const uint8_t key[static ACCESS_KEY_LEN])
{
	uint32_t a = author_find(g, key);
	enum role best = ROLE_NONE;

	if (a == GRAPH_NONE)
		return ROLE_NONE;
	for (uint32_t i = g->authors.v[a].grant; i != GRAPH_NONE;
	     i = g->grants.v[i].next_of_author) {
		enum role role = eval_role(g, &g->evals->now, i);

		if (role > best)
			best = role;
	}
	return best;
}

/* Whether to write under grant a rather than b: more senior first, then the
 * same on every device. */
static bool
grant_better(const struct graph *g, uint32_t a, uint32_t b)
{
	struct grant_ref x, y;

	if (g->grants.v[a].rank != g->grants.v[b].rank)
		return g->grants.v[a].rank < g->grants.v[b].rank;
	x = grant_name(g, a);
	y = grant_name(g, b);
	return grant_ref_compare(&x, &y) < 0;
}

lk_err
graph_grant_for(const struct graph *g, const uint8_t key[static ACCESS_KEY_LEN],
    enum role need, struct grant_ref *out)
{
	uint32_t a = author_find(g, key), best = GRAPH_NONE, tip, last;
	bool forked;

	if (a == GRAPH_NONE || g->authors.v[a].grant == GRAPH_NONE)
		return LK_ERR(LK_E_NOTFOUND, "member");
	tip = graph_tip(g, key, &forked);
	last = tip == GRAPH_NONE ? GRAPH_NONE : g->nodes.v[tip].grant;
	for (uint32_t i = g->authors.v[a].grant; i != GRAPH_NONE;
	     i = g->grants.v[i].next_of_author) {
		bool cold = g->grants.v[i].flags & GRANT_COLD;

		if (eval_role(g, &g->evals->now, i) < need ||
		    (cold && need == ROLE_WRITE))
			continue;
		if (best == GRAPH_NONE || i == last ||
		    (best != last && grant_better(g, i, best)))
			best = i;
	}
	if (best == GRAPH_NONE)
		return LK_ERR(LK_E_DENIED, "role");
	*out = grant_name(g, best);
	return LK_NONE;
}

/* Of epochs, the one in the envelope of the lowest id. */
static uint32_t
epoch_lowest(const struct graph *g, const uint32_t *v, uint32_t len)
{
	uint32_t best = GRAPH_NONE;

	for (uint32_t i = 0; i < len; i++) {
		if (best == GRAPH_NONE ||
		    memcmp(g->nodes.v[g->epochs.v[v[i]].node].id,
			g->nodes.v[g->epochs.v[best].node].id, LK_ID_LEN) < 0)
			best = v[i];
	}
	return best;
}

static void
epoch_etag(const struct graph *g, uint32_t epoch, uint8_t etag[static ETAG_LEN])
{
	memcpy(etag, g->etags.v[g->epochs.v[epoch].etag].etag, ETAG_LEN);
}

lk_err
graph_clean_epoch(const struct graph *g, uint8_t etag[static ETAG_LEN])
{
	struct view whole = view_whole();
	struct eval *now = &g->evals->now;

	TRY(eval_clean(g, now, &whole));
	if (now->clean.len == 0)
		return LK_ERR(LK_E_NOTFOUND, "clean epoch");
	epoch_etag(g, epoch_lowest(g, now->clean.v, now->clean.len), etag);
	return LK_NONE;
}

/* The epoch that any envelope but a change may be sealed under. */
static uint32_t
epoch_any(const struct graph *g)
{
	struct view whole = view_whole();
	struct eval *now = &g->evals->now;
	struct u32s present = { 0 };
	uint32_t best = GRAPH_NONE;

	if (eval_clean(g, now, &whole).code == LK_OK)
		best = epoch_lowest(g, now->clean.v, now->clean.len);
	/* The genesis is an effective epoch, so there is one. */
	if (best == GRAPH_NONE &&
	    epochs_present(g, now, &whole, &present).code == LK_OK)
		best = epoch_lowest(g, present.v, present.len);
	free(present.v);
	return best == GRAPH_NONE ? g->epochs.len - 1 : best;
}

void
graph_any_epoch(const struct graph *g, uint8_t etag[static ETAG_LEN])
{
	if (g->epochs.len > 0)
		epoch_etag(g, epoch_any(g), etag);
	else
		memset(etag, 0, ETAG_LEN);
}

/*
 * Of more heads than an envelope may name: one that knows the epoch it will be
 * sealed under, the newest of each author, then the newest.  Somebody who forks
 * without end must not keep others from writing, least of all his revocation.
 */
static lk_err
heads_choose(const struct graph *g, struct u32s *heads)
{
	uint32_t chosen[ENVELOPE_DEPS_MAX], kept = 0, epoch;
	uint8_t *seen;

	if (heads->len <= ENVELOPE_DEPS_MAX)
		return LK_NONE;
	seen = calloc(g->authors.len, 1);
	if (seen == NULL)
		return GRAPH_NOMEM;
	u32s_normalize(heads);
	epoch = g->epochs.v[epoch_any(g)].node;
	for (unsigned pass = 0; pass < 3; pass++) {
		for (uint32_t i = heads->len; i-- > 0;) {
			uint32_t n = heads->v[i];
			bool fits = n != GRAPH_NONE && kept < ENVELOPE_DEPS_MAX;

			if (fits && pass == 0)
				fits = kept == 0 && graph_in_past(g, epoch, n);
			else if (fits && pass == 1)
				fits = !seen[node_author(g, n)];
			if (!fits)
				continue;
			seen[node_author(g, n)] = 1;
			chosen[kept++] = n;
			heads->v[i] = GRAPH_NONE;
		}
	}
	memcpy(heads->v, chosen, sizeof(chosen));
	heads->len = kept;
	free(seen);
	return LK_NONE;
}

lk_err
graph_deps(const struct graph *g, const uint8_t author[static ACCESS_KEY_LEN],
    uint8_t deps[][LK_ID_LEN], size_t *len)
{
	struct u32s heads = { 0 };
	bool forked, ok = true;
	uint32_t tip = graph_tip(g, author, &forked);
	lk_err err;

	/* prev speaks for its whole past, even when it is void itself. */
	for (uint32_t i = 0; i < g->heads.len; i++) {
		if (tip == GRAPH_NONE || !graph_in_past(g, g->heads.v[i], tip))
			ok = ok && u32s_add(&heads, g->heads.v[i]);
	}
	err = ok ? heads_choose(g, &heads) : GRAPH_NOMEM;
	for (uint32_t i = 0; err.code == LK_OK && i < heads.len; i++)
		graph_id(g, heads.v[i], deps[i]);
	if (err.code == LK_OK && heads.len > 1)
		qsort(deps, heads.len, LK_ID_LEN, lk_id_compare);
	if (err.code == LK_OK)
		*len = heads.len;
	free(heads.v);
	return err;
}

lk_err
graph_readers(struct graph *g, const struct graph_reader **out, size_t *len)
{
	struct view whole = view_whole();

	TRY(graph_settle(g));
	TRY(readers_list(g, &g->evals->now, &whole));
	*out = g->readers.v;
	*len = g->readers.len;
	return LK_NONE;
}

lk_err
graph_maximal(struct graph *g, const uint8_t (**etags)[ETAG_LEN], size_t *len)
{
	struct view whole = view_whole();

	TRY(graph_settle(g));
	TRY(maximal_list(g, &whole));
	*etags = (const uint8_t(*)[ETAG_LEN])g->maximal.v;
	*len = g->maximal.len;
	return LK_NONE;
}

lk_err
graph_parents(struct graph *g, const struct grant_ref *ref,
    const uint32_t **parents, size_t *len, uint64_t *change_seq)
{
	struct view whole = view_whole();
	uint32_t grant = grant_find(g, ref);

	if (grant == GRAPH_NONE)
		return LK_ERR(LK_E_NOTFOUND, "grant");
	TRY(graph_settle(g));
	TRY(parents_of(g, &whole, &g->evals->now));
	*parents = g->parents.v;
	*len = g->parents.len;
	*change_seq = (uint64_t)changes_under(g, &whole, grant) + 1;
	return LK_NONE;
}

/* Why an op is void: the revocation, ban or leave against it, or against the
 * grant it rests on, however far up. */
static uint32_t
op_voided_by(const struct graph *g, uint32_t node, uint8_t op)
{
	const struct eval *now = &g->evals->now;

	for (;;) {
		const struct cut *cut = eval_denied(g, now, node, op);
		uint32_t c = op_ctl(g, node, op), from, ban;

		if (cut != NULL)
			return g->ctls.v[cut->ctl].node;
		if (c != GRAPH_NONE && g->ctls.v[c].grant == GRAPH_NONE)
			return GRAPH_NONE;
		from = g->nodes.v[node].grant;
		if (eval_grant(g, now, from)) {
			if (c == GRAPH_NONE || g->ctls.v[c].kind != OP_GRANT)
				return GRAPH_NONE;
			ban = eval_banned(g, now, g->ctls.v[c].gives);
			if (ban != GRAPH_NONE)
				return g->ctls.v[ban].node;
			from = g->grants.v[g->ctls.v[c].gives].parent;
			if (from == GRAPH_NONE || eval_grant(g, now, from))
				return GRAPH_NONE;
		}
		node = g->grants.v[from].node;
		op = g->ctls.v[g->grants.v[from].ctl].op;
	}
}

uint32_t
graph_voided_by(const struct graph *g, uint32_t node)
{
	return op_voided_by(g, node, g->nodes.v[node].content);
}

/* Whether node a decides rather than b: GRAPH_NONE never does. */
static bool
adopt_better(const struct graph *g, uint32_t a, uint32_t b)
{
	uint16_t x, y;

	if (b == GRAPH_NONE)
		return true;
	x = g->grants.v[g->nodes.v[a].grant].rank;
	y = g->grants.v[g->nodes.v[b].grant].rank;
	return x != y
	    ? x < y
	    : memcmp(g->nodes.v[a].id, g->nodes.v[b].id, LK_ID_LEN) < 0;
}

uint32_t
graph_adopted_by(const struct graph *g, uint32_t node)
{
	uint32_t best = GRAPH_NONE;

	for (uint32_t i = g->streams.v[g->nodes.v[node].stream].adoption;
	     i != GRAPH_NONE; i = g->adoptions.v[i].next) {
		const struct adopt *a = &g->adopts.v[g->adoptions.v[i].adopt];

		if (g->adoptions.v[i].target == node && a->counts &&
		    adopt_better(g, a->node, best))
			best = a->node;
	}
	return best;
}

uint8_t
graph_guardians(const struct graph *g, const uint8_t (**keys)[ACCESS_KEY_LEN],
    uint8_t *needed)
{
	*keys = g->guardian_keys;
	*needed = g->guardians_needed;
	return g->guardians;
}

bool
graph_guarded(const struct graph *g,
    const uint8_t author[static ACCESS_KEY_LEN],
    const uint8_t nonce[static GUARD_NONCE_LEN])
{
	uint32_t by = author_find(g, author);

	for (uint32_t i = 0; i < g->guards.len; i++)
		if (node_author(g, g->guards.v[i].node) == by &&
		    memcmp(g->guards.v[i].nonce, nonce, GUARD_NONCE_LEN) == 0)
			return true;
	return false;
}

size_t
graph_members_len(const struct graph *g)
{
	return g->grants.len;
}

static uint32_t
grant_ended_by(const struct graph *g, uint32_t grant)
{
	const struct grant *a = &g->grants.v[grant];
	const struct cut *cut = eval_ended(g, &g->evals->now, grant);

	if (cut != NULL)
		return g->ctls.v[cut->ctl].node;
	if (eval_grant(g, &g->evals->now, grant))
		return GRAPH_NONE;
	return op_voided_by(g, a->node, g->ctls.v[a->ctl].op);
}

/* Whether there are cuts against a grant, and all of them are soft. */
static bool
grant_cut_softly(const struct graph *g, uint32_t grant)
{
	const struct eval *now = &g->evals->now;
	const struct cut *cut = NULL;
	bool any = false;

	while ((cut = eval_next_cut(g, now, grant, cut)) != NULL) {
		if (!(cut->flags & REVOKE_SOFT))
			return false;
		any = true;
	}
	return any;
}

void
graph_member(const struct graph *g, size_t i, struct member *out)
{
	uint32_t grant = (uint32_t)i;
	const struct grant *a = &g->grants.v[grant];

	*out = (struct member){ .grant = grant_name(g, grant),
		.role = a->role,
		.now = eval_role(g, &g->evals->now, grant),
		.rank = a->rank,
		.flags = a->flags,
		.node = a->node,
		.ended_by = grant_ended_by(g, grant),
		.named = eval_names(&g->evals->now, grant),
		.soft = grant_cut_softly(g, grant) };
	if (a->parent != GRAPH_NONE)
		out->parent = grant_name(g, a->parent);
	else if (a->issuer != GRAPH_NONE)
		out->parent = grant_name(g, a->issuer);
	memcpy(out->key, g->authors.v[a->author].key, ACCESS_KEY_LEN);
	memcpy(out->box, g->boxes.v[a->box].key, ACCESS_KEY_LEN);
}

bool
graph_member_find(
    const struct graph *g, const struct grant_ref *ref, struct member *out)
{
	uint32_t grant = grant_find(g, ref);

	if (grant == GRAPH_NONE)
		return false;
	graph_member(g, grant, out);
	return true;
}

bool
graph_member_below(const struct graph *g, size_t i, size_t above)
{
	uint32_t at = (uint32_t)i;

	while (at != GRAPH_NONE && at != (uint32_t)above)
		at = g->grants.v[at].parent != GRAPH_NONE
		    ? g->grants.v[at].parent
		    : g->grants.v[at].issuer;
	return at != GRAPH_NONE;
}

bool
graph_denies(const struct graph *g, uint32_t node, bool *counts)
{
	const struct node *n = &g->nodes.v[node];
	bool any = false;

	*counts = false;
	for (uint32_t i = 0; i < n->ctls_len; i++) {
		const struct ctl *c = &g->ctls.v[n->ctl + i];

		if (c->entries_len == 0 && c->kind != OP_BAN)
			continue;
		any = true;
		*counts |= g->evals->now.effective.v[n->ctl + i] != 0;
	}
	return any;
}

/* How far the work that is asked for goes on a stream. */
static uint32_t
stream_reach(
    const struct graph *g, const struct stream *s, const struct graph_work *w)
{
	uint32_t reach = g->chains.v[s->chain].essential, until = 0;
	const struct cut *cut = NULL;

	for (size_t i = 0; w->until != NULL && i < w->until_len; i++) {
		const struct node *n = &g->nodes.v[w->until[i]];
		uint32_t to = n->chain == s->chain
		    ? n->seq
		    : vclock_get(&g->clocks, n->clock, s->chain);

		until = to > until ? to : until;
	}
	if (w->until != NULL && until < reach)
		reach = until;
	if (!w->hardened)
		return reach;
	while (
	    (cut = eval_next_cut(g, &g->evals->now, s->grant, cut)) != NULL) {
		uint32_t keep = vclock_get(&g->clocks, cut->keep, s->chain);

		if ((cut->flags & REVOKE_SOFT) && cut->level <= w->level &&
		    keep < reach)
			reach = keep;
	}
	return reach;
}

/* The last essential envelope of a stream: a tip that is not, the author of a
 * revocation does not have in his past. */
static uint32_t
stream_tip(
    const struct graph *g, const struct stream *s, const struct graph_work *w)
{
	const struct chain *c = &g->chains.v[s->chain];

	for (uint32_t seq = stream_reach(g, s, w); seq >= c->first && seq > 0;
	     seq--) {
		uint32_t n = chain_node(g, s->chain, seq);

		if (g->nodes.v[n].grant == s->grant)
			return n;
	}
	return GRAPH_NONE;
}

static lk_err
tips_add(const struct graph *g, uint32_t grant, const struct graph_work *w,
    struct u32s *tips)
{
	for (uint32_t i = g->grants.v[grant].stream; i != GRAPH_NONE;
	     i = g->streams.v[i].next_of_grant) {
		uint32_t tip = stream_tip(g, &g->streams.v[i], w);

		if (tip != GRAPH_NONE && !u32s_add(tips, tip))
			return GRAPH_NOMEM;
	}
	return LK_NONE;
}

static void
tips_write(const struct graph *g, const struct u32s *tips,
    uint8_t out[][LK_ID_LEN], size_t *len)
{
	size_t n = 0;

	/* Newest first: of more than fit the older ones are left out. */
	for (uint32_t i = tips->len; i-- > 0 && n < REVOKE_KEEP_MAX;) {
		bool old = false;

		for (uint32_t k = 0; k < tips->len && !old; k++)
			old =
			    k != i && graph_in_past(g, tips->v[i], tips->v[k]);
		if (old)
			continue;
		graph_id(g, tips->v[i], out[n++]);
	}
	if (n > 1)
		qsort(out, n, LK_ID_LEN, lk_id_compare);
	*len = n;
}

lk_err
graph_tips_of(const struct graph *g, const struct graph_work *w,
    uint8_t tips[][LK_ID_LEN], size_t *len)
{
	uint32_t grant = grant_find(g, &w->grant);
	struct u32s found = { 0 };
	lk_err err;

	if (grant == GRAPH_NONE)
		return LK_ERR(LK_E_NOTFOUND, "grant");
	err = tips_add(g, grant, w, &found);
	for (uint32_t i = g->grants.v[g->grants.v[grant].top].below;
	     w->tree && i != GRAPH_NONE && err.code == LK_OK;
	     i = g->grants.v[i].next_of_top) {
		if (i != grant && person_has(g, i, grant))
			err = tips_add(g, i, w, &found);
	}
	u32s_normalize(&found);
	if (err.code == LK_OK)
		tips_write(g, &found, tips, len);
	free(found.v);
	return err;
}

/* Keeps, of the ends found so far and one more, the earliest. */
static size_t
end_add(
    const struct graph *g, uint32_t *nodes, size_t n, size_t max, uint32_t end)
{
	size_t kept = 0;

	for (size_t k = 0; k < n; k++) {
		if (graph_in_past(g, nodes[k], end))
			return n;
	}
	for (size_t k = 0; k < n; k++) {
		if (!graph_in_past(g, end, nodes[k]))
			nodes[kept++] = nodes[k];
	}
	if (kept < max)
		nodes[kept++] = end;
	return kept;
}

/* What ended one grant, earliest. */
static size_t
grant_ends(const struct graph *g, uint32_t grant, uint32_t *nodes, size_t max)
{
	const struct eval *now = &g->evals->now;
	const struct cut *cut = NULL;
	uint32_t end;
	size_t n = 0;

	while ((cut = eval_next_cut(g, now, grant, cut)) != NULL) {
		if (cut->level < ROLE_RELAY)
			n = end_add(g, nodes, n, max, g->ctls.v[cut->ctl].node);
	}
	end = eval_grant(g, now, grant) ? GRAPH_NONE : grant_ended_by(g, grant);
	return end == GRAPH_NONE ? n : end_add(g, nodes, n, max, end);
}

void
graph_liable(const struct graph *g, const struct grant_ref *ref,
    uint8_t key[static ACCESS_KEY_LEN])
{
	const struct eval *now = &g->evals->now;
	uint32_t i = grant_find(g, ref), liable = i;

	memset(key, 0, ACCESS_KEY_LEN);
	for (; i != GRAPH_NONE; i = g->grants.v[i].issuer) {
		if (eval_role(g, now, i) < g->grants.v[i].role)
			liable = i;
	}
	if (liable != GRAPH_NONE)
		memcpy(key, g->authors.v[g->grants.v[liable].author].key,
		    ACCESS_KEY_LEN);
}

size_t
graph_farewell(const struct graph *g, const uint8_t key[static ACCESS_KEY_LEN],
    uint32_t *nodes, size_t max)
{
	uint32_t a = author_find(g, key);
	size_t n = 0;

	if (a == GRAPH_NONE || graph_role(g, key) != ROLE_NONE)
		return 0;
	/* Of every grant: one that was given after the end of another has an
	 * end of its own to be told. */
	for (uint32_t i = g->authors.v[a].grant; i != GRAPH_NONE;
	     i = g->grants.v[i].next_of_author) {
		size_t more = grant_ends(g, i, nodes + n, max - n);

		for (size_t k = n; more > 0; k++, more--) {
			bool known = false;

			for (size_t j = 0; j < n && !known; j++)
				known = nodes[j] == nodes[k];
			if (!known)
				nodes[n++] = nodes[k];
		}
	}
	return n;
}
