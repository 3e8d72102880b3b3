#include "crdt/doc_branch.h"

#include <stdlib.h>

static const lk_err branch_damaged = { .code = LK_E_CORRUPT,
	.what = "branch of an actor" };

lk_err
branch_get(const struct doc *doc, struct rd *r, struct doc_actor *a)
{
	uint32_t number = a->first;
	struct doc_branch b = { 0 };

	if (r->left.len == 0)
		return LK_NONE;
	a->link = uleb32_get(r);
	if (r->left.len > 0) {
		b.parent = uleb32_get(r);
		b.at_seq = rd_uleb(r);
		b.at_ctr = uleb32_get(r);
		rd_copy(r, b.first, LK_ID_LEN);
		rd_copy(r, b.beside, LK_ID_LEN);
		a->branch = malloc(sizeof(*a->branch));
		if (a->branch == NULL)
			return LK_ERR(LK_E_NOMEM, "branch of an actor");
		*a->branch = b;
	}
	/* Both lists end: of parents, and of an actor's chains. */
	if (rd_done(r) && a->link < doc->head.actors &&
	    (a->branch != NULL ? b.parent < number && a->link < number
			       : a->link > number))
		return LK_NONE;
	free(a->branch);
	return branch_damaged;
}

void
branch_put(struct buf *out, const struct doc_actor *a)
{
	const struct doc_branch *b = a->branch;

	if (a->link == 0 && b == NULL)
		return;
	buf_uleb(out, a->link);
	if (b == NULL)
		return;
	buf_uleb(out, b->parent);
	buf_uleb(out, b->at_seq);
	buf_uleb(out, b->at_ctr);
	buf_mem(out, b->first, LK_ID_LEN);
	buf_mem(out, b->beside, LK_ID_LEN);
}

static uint32_t
chain_depth(const struct doc *doc, uint32_t chain)
{
	const struct doc_branch *b = doc->actors[chain]->branch;

	return b == NULL ? 0 : b->depth;
}

static uint32_t
chain_parent(const struct doc *doc, uint32_t chain)
{
	const struct doc_branch *b = doc->actors[chain]->branch;

	return b == NULL ? chain : b->parent;
}

static uint32_t
chain_jump(const struct doc *doc, uint32_t chain)
{
	const struct doc_branch *b = doc->actors[chain]->branch;

	return b == NULL ? chain : b->jump;
}

/*
 * What follows from the parent, which is loaded.  A jump goes as far as two
 * equal ones before it together, so that a logarithm of them leads anywhere.
 */
static lk_err
chain_settle(struct doc *doc, uint32_t chain)
{
	struct doc_actor *a = doc->actors[chain];
	struct doc_branch *b = a->branch;
	uint32_t over, far;

	if (b == NULL)
		return LK_NONE;
	if (!bytes_equal(a->id, doc->actors[b->parent]->id))
		return branch_damaged;
	a->first = doc->actors[b->parent]->first;
	b->depth = chain_depth(doc, b->parent) + 1;
	over = chain_jump(doc, b->parent);
	far = chain_jump(doc, over);
	b->jump = chain_depth(doc, b->parent) - chain_depth(doc, over) ==
		chain_depth(doc, over) - chain_depth(doc, far)
	    ? far
	    : b->parent;
	return LK_NONE;
}

lk_err
branch_load(struct doc *doc, uint32_t number)
{
	ID_LIST_SCOPED read = { 0 };
	uint32_t at = number;
	lk_err err = id_list_add(&read, number);

	while (err.code == LK_OK && doc->actors[at]->branch != NULL) {
		at = doc->actors[at]->branch->parent;
		if (doc_actor_held(doc, at))
			break;
		err = doc_actor_read(doc, at);
		if (err.code == LK_OK)
			err = id_list_add(&read, at);
	}
	for (size_t i = read.len; i > 0 && err.code == LK_OK; i--)
		err = chain_settle(doc, (uint32_t)read.ids[i - 1]);
	for (size_t i = 0; i < read.len && err.code != LK_OK; i++)
		doc_actor_drop(doc, (uint32_t)read.ids[i]);
	return err;
}

/* The ancestor of a chain at a depth, or itself. */
static uint32_t
chain_above(const struct doc *doc, uint32_t chain, uint32_t depth)
{
	while (chain_depth(doc, chain) > depth) {
		uint32_t over = chain_jump(doc, chain);

		chain = chain_depth(doc, over) >= depth
		    ? over
		    : chain_parent(doc, chain);
	}
	return chain;
}

/* The chain in which two of one actor part. */
static uint32_t
chain_meet(const struct doc *doc, uint32_t a, uint32_t b)
{
	a = chain_above(doc, a, chain_depth(doc, b));
	b = chain_above(doc, b, chain_depth(doc, a));
	while (a != b) {
		bool far = chain_jump(doc, a) != chain_jump(doc, b);

		a = far ? chain_jump(doc, a) : chain_parent(doc, a);
		b = far ? chain_jump(doc, b) : chain_parent(doc, b);
	}
	return a;
}

int
branch_compare(const struct doc *doc, uint32_t a, uint32_t b)
{
	uint32_t meet = chain_meet(doc, a, b);
	uint32_t below = chain_depth(doc, meet) + 1;
	const struct doc_branch *x, *y;
	const uint8_t *a_hash, *b_hash;

	x = doc->actors[chain_above(doc, a, below)]->branch;
	y = doc->actors[chain_above(doc, b, below)]->branch;
	/* Whoever goes on in the common chain passes where the other leaves. */
	if (a == meet || (b != meet && y->at_seq < x->at_seq)) {
		a_hash = y->beside;
		b_hash = y->first;
	} else if (b == meet || x->at_seq < y->at_seq) {
		a_hash = x->first;
		b_hash = x->beside;
	} else {
		a_hash = x->first;
		b_hash = y->first;
	}
	return memcmp(a_hash, b_hash, LK_ID_LEN);
}

lk_err
branch_next(struct doc *doc, uint32_t at, uint32_t *next)
{
	struct doc_actor *a, *b;

	TRY(doc_actor_load(doc, at, &a));
	if (a->link > 0) {
		TRY(doc_actor_load(doc, a->link, &b));
		if (b->first != a->first)
			return branch_damaged;
	}
	*next = a->link;
	return LK_NONE;
}

static uint32_t
clock_end(const struct clock *c, uint32_t chain)
{
	return chain < c->len ? c->latest[chain] : 0;
}

lk_err
branch_named(struct doc *doc, const struct doc_past *past, struct bytes actor,
    uint32_t *first)
{
	uint32_t found, at;

	TRY(doc_actor_find(doc, actor, &found));
	at = found;
	do {
		if (clock_end(past->clock, at) > 0) {
			*first = found;
			return LK_NONE;
		}
		TRY(branch_next(doc, at, &at));
	} while (at > 0);
	return LK_ERR(LK_E_NOTFOUND, "actor");
}

/* Notes a chain's latest change in the past if none before had its seq. */
static lk_err
place_raise(
    struct doc *doc, uint32_t chain, uint32_t number, struct branch_place *p)
{
	struct doc_change c;

	TRY(doc_change_load(doc, number, &c));
	if (c.actor != chain)
		return LK_ERR(LK_E_CORRUPT, "clock of a change");
	if (c.seq <= p->seq)
		return LK_NONE;
	p->chain = chain;
	p->prev = number;
	p->seq = c.seq;
	p->ctr = (uint32_t)(c.start_op + c.ops - 1);
	return LK_NONE;
}

/* All of the author's changes in the past are in that of the latest. */
static lk_err
place_check(
    struct doc *doc, const struct clock *clock, const struct branch_place *p)
{
	PAST_SCOPED past = { 0 };
	uint32_t at = p->first;

	TRY(past_of_change(doc, p->prev, true, &past));
	do {
		uint32_t end = clock_end(clock, at);

		if (end > 0 && !past_has(&past, at, end - 1))
			return LK_ERR(LK_E_MALFORMED,
			    "the past holds a fork of its author");
		TRY(branch_next(doc, at, &at));
	} while (at > 0);
	return LK_NONE;
}

/* The author's latest change in a past, of whichever chain. */
static lk_err
place_search(struct doc *doc, const struct clock *clock, struct branch_place *p)
{
	uint32_t at = p->first, chains = 0;

	do {
		uint32_t end = clock_end(clock, at);

		if (end > 0) {
			TRY(place_raise(doc, at, end - 1, p));
			chains++;
		}
		TRY(branch_next(doc, at, &at));
	} while (at > 0);
	return chains > 1 ? place_check(doc, clock, p) : LK_NONE;
}

lk_err
branch_place(struct doc *doc, uint32_t first, struct doc_past *past,
    struct branch_place *out)
{
	struct branch_place p = {
		.first = first, .chain = first, .prev = DOC_NO_CHANGE
	};
	struct doc_actor *a;

	if (past->actor != DOC_NO_ACTOR) {
		TRY(doc_actor_load(doc, past->actor, &a));
		p.chain = past->actor;
		p.prev = a->changes_end - 1;
		p.seq = a->seq;
	} else if (first != DOC_NO_ACTOR) {
		TRY(place_search(doc, past->clock, &p));
		TRY(doc_actor_load(doc, p.chain, &a));
		p.parts = a->changes_end !=
		    (p.prev == DOC_NO_CHANGE ? 0 : p.prev + 1);
	}
	past->actor =
	    p.parts || first == DOC_NO_ACTOR ? doc->head.actors : p.chain;
	*out = p;
	return LK_NONE;
}

/* The change of a chain that follows the one a place is after. */
static lk_err
branch_beside(
    struct doc *doc, const struct branch_place *p, uint8_t hash[LK_ID_LEN])
{
	uint32_t at = p->first;
	struct doc_change c;

	/* Another one that parts there knows it. */
	do {
		const struct doc_branch *b = doc->actors[at]->branch;

		if (b != NULL && b->parent == p->chain && b->at_seq == p->seq) {
			memcpy(hash, b->beside, LK_ID_LEN);
			return LK_NONE;
		}
		TRY(branch_next(doc, at, &at));
	} while (at > 0);
	at = p->prev == DOC_NO_CHANGE ? 0 : p->prev + 1;
	do
		TRY(doc_change_load(doc, at++, &c));
	while (c.actor != p->chain);
	memcpy(hash, c.hash, LK_ID_LEN);
	return LK_NONE;
}

lk_err
branch_add(struct doc *doc, const struct branch_place *p,
    const uint8_t hash[static LK_ID_LEN], uint32_t *number)
{
	uint32_t chain = doc->head.actors;
	struct doc_actor *first, *parent, a = { .first = p->first };
	struct doc_branch b = {
		.parent = p->chain, .at_seq = p->seq, .at_ctr = p->ctr
	};

	if (chain >= DOCUMENT_ACTORS_MAX)
		return LK_ERR(LK_E_LIMIT, "actors of a document");
	TRY(doc_actor_load(doc, p->first, &first));
	TRY(doc_actor_load(doc, p->chain, &parent));
	memcpy(b.first, hash, LK_ID_LEN);
	TRY(branch_beside(doc, p, b.beside));
	a.id = parent->id;
	a.seq = p->seq;
	a.link = first->link;
	a.branch = malloc(sizeof(b));
	if (a.branch == NULL)
		return LK_ERR(LK_E_NOMEM, "branch of an actor");
	*a.branch = b;
	TRY(doc_actor_keep(doc, chain, &a));
	TRY(chain_settle(doc, chain));
	doc->head.actors++;
	doc->head_dirty = true;
	first->link = chain;
	TRY(doc_actor_mark(doc, chain));
	TRY(doc_actor_mark(doc, p->first));
	*number = chain;
	return LK_NONE;
}
