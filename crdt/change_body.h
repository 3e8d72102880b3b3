/*
 * change_body.h - what the readers and writers of changes share.
 * Internal to crdt.  Pure.
 */
#ifndef CRDT_CHANGE_BODY_H
#define CRDT_CHANGE_BODY_H

#include "crdt/op_table.h"

/* What every chunk begins with. */
#define CHUNK_MAGIC_LEN 4
extern const uint8_t chunk_magic[CHUNK_MAGIC_LEN];

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

/* How many ops, and as many predecessors, a body of this length may say. */
size_t change_ops_max(size_t body_len);

/* Changes of no more ops are decoded whole. */
#define CHANGE_OPS_NEAR 64

/*
 * What change_decode checks of a head, and of ops that are decoded already,
 * except the encoding: for changes that the writers of this folder just made.
 */
LK_MUST_USE lk_err change_check_own(const struct change *);
/* Everything about a change but its hash and its ops, from a body that is
 * known to be right. */
LK_MUST_USE lk_err change_frame(
    struct change *, struct arena *, struct bytes body);
/* As change_decode, leaving the ops in the columns; `compare` false: without
 * comparing the encoding, for a body that was just written. */
LK_MUST_USE lk_err change_decode_lean(
    struct change *, struct arena *, struct bytes body, bool compare);

#endif
