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

/* Others of a change, for whom there is room without asking. */
#define OTHERS_NEAR 64

/*
 * What is known while the ops of a change are checked one by one, in order:
 * what change_decode checks of them except the encoding.
 */
struct op_check {
	const struct change *change;
	size_t author_rank; /* number of other actors below the author */
	bool *used;         /* per other actor */
	bool used_near[OTHERS_NEAR];
	uint64_t ctr; /* of the next op */
	struct op_id mark_obj;
	bool mark_open;     /* the op before began a mark in mark_obj */
	uint64_t long_keys; /* their length, of all ops */
	bool expands;       /* some op says so */
};
/* Reads the author, his others, startOp and the number of ops.  To be cleared
 * unless it fails. */
LK_MUST_USE lk_err op_check_init(struct op_check *, const struct change *);
void op_check_clear(struct op_check *);
LK_MUST_USE lk_err op_check_next(struct op_check *, const struct op *);
/* What can be said once all are checked. */
LK_MUST_USE lk_err op_check_end(const struct op_check *);
/* The same of the rest of a change. */
LK_MUST_USE lk_err change_check_head(const struct change *);
/* The table of ops of a change that was decoded, open.  To be closed. */
LK_MUST_USE lk_err change_table_open(
    struct op_table_reader *, const struct change *);
/* Everything about a change but its hash and its ops, from a body that is
 * known to be right. */
LK_MUST_USE lk_err change_frame(
    struct change *, struct arena *, struct bytes body);
/* As change_decode, leaving the ops in the columns. */
LK_MUST_USE lk_err change_decode_lean(
    struct change *, struct arena *, struct bytes body);

#endif
