/*
 * change_body.h - what the readers and writers of change bodies share.
 * Internal to crdt.  Pure.
 */
#ifndef CRDT_CHANGE_BODY_H
#define CRDT_CHANGE_BODY_H

#include "crdt/op_table.h"

/* Appends dependencies, actor, seq and startOp: the start of a body. */
void change_head_write(struct buf *, const struct change_head *);
/* Takes the same from the front of a body; what is left begins with `time`.
 * The reader's own errors are left to the caller. */
void change_head_read(struct rd *, struct change_head *);

/* Appends the rest of a body, from time on. */
struct change_rest {
	int64_t time;
	struct bytes message, extra;
	const struct bytes *others;
	size_t others_len;
	const struct column *columns;
	size_t columns_len;
};
void change_rest_write(struct buf *, const struct change_rest *);

/*
 * As change_decode, without comparing the encoding: for bodies that were just
 * written by the writers of this folder.
 */
LK_MUST_USE lk_err change_decode_own(
    struct change *, struct arena *, struct bytes body);

#endif
