/*
 * doc_blame.h - which change wrote which run of a text.
 */
#ifndef CRDT_DOC_BLAME_H
#define CRDT_DOC_BLAME_H

#include "crdt/doc.h"

/* Neighbours in a text whose values are of one change. */
struct blame_run {
	uint64_t start, length; /* code points; length is not 0 */
	struct bytes text;      /* what is no string: U+FFFC */
	struct doc_change_info change;
};

/*
 * Calls `each` for the whole text in order.  The text of a run lives until it
 * returns; long runs come in pieces.  An error from `each`, which may not
 * write, ends the walk.  DATA: no text.
 */
typedef lk_err blame_fn(void *ctx, const struct blame_run *);
LK_MUST_USE lk_err doc_blame(
    struct doc *, struct op_id text, blame_fn *each, void *ctx);

#endif
