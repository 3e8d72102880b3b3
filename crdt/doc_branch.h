/*
 * doc_branch.h - actors who forked: access.md section 8.
 *
 * What a document gives a number to is a chain of changes, each made right
 * after the one before it.  A change whose author's previous one has a
 * successor already begins another chain, which branches off there; nothing
 * that is stored changes.  Which branch got which chain is a matter of
 * arrival, but the order of ids is not: where two chains of an actor part,
 * there are two sibling changes, and their hashes decide about all that follow
 * them.  Ids with equal counters lie behind such a parting, since a change's
 * counters are above those of its past.
 *
 * Internal to crdt.
 */
#ifndef CRDT_DOC_BRANCH_H
#define CRDT_DOC_BRANCH_H

#include "crdt/doc_state.h"

#define DOC_NO_CHANGE UINT32_MAX

/* Where a chain branches off. */
struct doc_branch {
	uint32_t parent; /* a chain with a lower number */
	uint64_t at_seq; /* of the change there that it follows; 0: of none */
	uint32_t at_ctr; /* greatest counter of the parent up to there */
	uint8_t first[LK_ID_LEN];  /* its first change */
	uint8_t beside[LK_ID_LEN]; /* the parent's next change */
	/* Of the tree of chains: how far from the first one, and an ancestor
	 * to jump to, so that walking up takes few steps. */
	uint32_t depth, jump;
};

/* The end of a chain's record; the branch is allocated. */
LK_MUST_USE lk_err branch_get(
    const struct doc *, struct rd *, struct doc_actor *);
void branch_put(struct buf *, const struct doc_actor *);
/* Loads what a chain just read branches off; after an error drops it. */
LK_MUST_USE lk_err branch_load(struct doc *, uint32_t number);
/* The order of ids with equal counters in two chains of one actor. */
int branch_compare(const struct doc *, uint32_t a, uint32_t b);
/* The chain after `at` in the list of an actor's chains, which begins with his
 * first one; 0 at the end. */
LK_MUST_USE lk_err branch_next(struct doc *, uint32_t at, uint32_t *next);

/* The first chain of an actor who has changes in a past; NOTFOUND: he has none
 * there. */
LK_MUST_USE lk_err branch_named(
    struct doc *, const struct doc_past *, struct bytes actor, uint32_t *first);

/* Where a new change stands in its author's work. */
struct branch_place {
	uint32_t
	    first; /* the author's first chain; DOC_NO_ACTOR: he has none */
	uint32_t chain; /* that of his previous change, or first */
	uint32_t prev;  /* that change, or DOC_NO_CHANGE */
	uint64_t seq;   /* of prev, or 0 */
	uint32_t ctr;   /* greatest counter of its chain up to prev */
	bool parts;     /* that change, or none, has a successor already */
};
/*
 * From the author's first chain (DOC_NO_ACTOR: he has none) and the past of
 * the change.  Sets past->actor to the chain that it goes on, or to the number
 * that a new one will have.  MALFORMED when the past holds a fork of its own
 * author.
 */
LK_MUST_USE lk_err branch_place(
    struct doc *, uint32_t first, struct doc_past *, struct branch_place *);
/* A new chain that parts at `place` with change `hash`.  LIMIT. */
LK_MUST_USE lk_err branch_add(struct doc *, const struct branch_place *,
    const uint8_t hash[static LK_ID_LEN], uint32_t *number);

#endif
