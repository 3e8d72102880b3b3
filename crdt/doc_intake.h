/*
 * doc_intake.h - a change on its way into a document: automerge-format 13.3.
 *
 * intake_check decides everything before doc_apply writes anything, so a
 * refused change leaves nothing behind.  Internal to crdt.
 */
#ifndef CRDT_DOC_INTAKE_H
#define CRDT_DOC_INTAKE_H

#include "crdt/branch_map.h"
#include "crdt/doc_ghost.h"

/* Of an op of the change itself: enough to judge those that name it. */
struct intake_op {
	uint64_t obj;
	uint64_t elem;    /* insert: the element before; else the one meant */
	struct bytes key; /* a view of the change's body */
	uint8_t action;
	bool insert;
};

/* What an actor of the change stands for: a chain, or a stretch of several. */
struct intake_name {
	uint32_t chain, stretch;
	const struct branch_map *map; /* NULL: the chain */
};

struct intake {
	struct doc *doc;
	const struct change *change;
	struct branch_place place;
	struct branch_maps maps;
	struct intake_name
	    *names;      /* by the change's number; the author first */
	uint32_t author; /* the chain, or the number that a new one will have */
	struct doc_past past;
	uint64_t start_op, past_max_op;
	struct intake_op *ops; /* what is known of those checked so far */
	size_t ops_len;
};

/*
 * Rules 3 to 5, which are about the head of a change: who makes it, and what
 * lies in its past.  WAIT, MALFORMED.
 */
LK_MUST_USE lk_err intake_open(
    struct intake *, struct doc *, const struct change_head *);
/*
 * EXISTS, WAIT, MALFORMED or LIMIT as doc_apply says.  The intake is to be
 * cleared in any case; it starts zeroed.
 */
LK_MUST_USE lk_err intake_check(
    struct intake *, struct doc *, const struct change *);
void intake_clear(struct intake *);
/* Of a change that was applied, as number `number`: what its ids are. */
LK_MUST_USE lk_err intake_recall(
    struct intake *, struct doc *, const struct change *, uint32_t number);
uint64_t intake_id(const struct intake *, struct op_id);
/* Gives the author a chain, if the change needs a new one; `hash` is the
 * change's. */
LK_MUST_USE lk_err intake_author(
    struct intake *, struct bytes actor, const uint8_t hash[static LK_ID_LEN]);
/* The id of the op at `index` of the change. */
uint64_t intake_own_id(const struct intake *, size_t index);
/* doc_marks.c: every mark ends behind its begin.  MALFORMED. */
LK_MUST_USE lk_err intake_check_marks(struct intake *);
/* The op's ids in the document's numbering; preds has room for them. */
void intake_place(const struct intake *, size_t index, const struct op *,
    uint64_t *preds, struct placed_op *);

#endif
