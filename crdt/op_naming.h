/*
 * op_naming.h - how a change being written names the ops of a document.
 *
 * A writer numbers actors in the order in which it hears of them, a document
 * in the order in which their changes came.  Who forked has several numbers
 * there, and in a change other names than his own (branch_map.h).  Internal to
 * crdt.
 */
#ifndef CRDT_OP_NAMING_H
#define CRDT_OP_NAMING_H

#include "crdt/doc_intake.h"

struct renaming;

struct op_naming {
	struct doc *doc; /* borrowed, as is the writer */
	struct change_writer *writer;
	/* Who forked: as the change's past makes it, or renamed; borrowed. */
	struct intake *intake;
	struct renaming *renaming;
	uint32_t *numbers; /* 1 + the writer's, by the document's actor */
	size_t numbers_len;
};

/* The document's op `id`, or 0, as the writer's ops name it.  LIMIT, NOMEM;
 * DATA: it has no name of its own, or is not in the past. */
LK_MUST_USE lk_err op_naming_id(
    struct op_naming *, uint64_t id, struct op_id *out);
/* The same for n of them; `out` has room. */
LK_MUST_USE lk_err op_naming_ids(
    struct op_naming *, const uint64_t *ids, size_t n, struct op_id *out);
/* Another writer takes over. */
void op_naming_reset(struct op_naming *, struct change_writer *);
void op_naming_clear(struct op_naming *);

#endif
