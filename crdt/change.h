/*
 * change.h - one Automerge change chunk: decoding, the canonical form, and
 * writing new ones.  automerge-format sections 1 to 6 and 12.2.
 *
 * A struct change borrows the bytes of the body it was decoded from.  The ops
 * of a small one are decoded with it; those of others stay in columns.  A
 * struct op_reader walks them once, in order, without allocating per op, so
 * that a change of a million ops costs what its bytes cost.  Pure; not thread safe per object.
 */
#ifndef CRDT_CHANGE_H
#define CRDT_CHANGE_H

#include "base/arena.h"
#include "crdt/op.h"

enum chunk_type {
	CHUNK_DOCUMENT = 0,
	CHUNK_CHANGE = 1,
	CHUNK_DEFLATED_CHANGE = 2,
	CHUNK_BUNDLE = 3,
};

struct chunk {
	enum chunk_type type; /* never DEFLATED: chunk_next inflates */
	struct bytes body;    /* borrowed from the input or from `arena` */
	uint8_t hash[LK_ID_LEN];
};

/*
 * Reads the next chunk of a file from r and checks magic, canonical length,
 * checksum and, for deflated changes, the limits of limits.h inside the
 * inflate loop.  Bytes after the end of the DEFLATE stream are ignored, as the
 * verdicts in tests/data want it.  TRUNCATED, MALFORMED, LIMIT.
 */
LK_MUST_USE lk_err chunk_next(struct rd *r, struct arena *, struct chunk *);
/* Magic, checksum, type, length, body; never CHUNK_DEFLATED_CHANGE. */
void chunk_write(struct buf *, enum chunk_type, struct bytes body);
/* A change chunk with this hash, its body deflated. */
void chunk_write_deflated(struct buf *, const uint8_t hash[static LK_ID_LEN],
    struct bytes deflated);
/* SHA-256 of type, length and body: for a change, the change hash. */
void chunk_hash(uint8_t out[static LK_ID_LEN], enum chunk_type, struct bytes body);

struct change {
	uint8_t hash[LK_ID_LEN];
	const uint8_t *deps; /* deps_len times LK_ID_LEN bytes, ascending */
	size_t deps_len;
	struct bytes actor;
	uint64_t seq, start_op;
	int64_t time;
	struct bytes message; /* empty: none */
	struct bytes *others; /* in the arena, ascending */
	size_t others_len;
	struct bytes table; /* the columns; empty when `ops` has all of them */
	struct bytes extra;
	size_t ops_len; /* number of ops */
	const struct op *ops; /* the same, decoded; NULL: of many ops */
	struct bytes body;
};

/*
 * Decodes the body of a type-1 chunk and requires that it is canonical: what
 * would be encoded of its decoded content is the same, byte for byte (12.2).
 * Also checks all that needs no document: ranges, column lengths, mark columns
 * only on marks, deps strictly ascending, actor length 1 to 255, counters
 * within OP_COUNTER_MAX, no makeTable, values as 6.2 and 13.3 say, ids in an
 * op older than the op, a mark's end right behind its begin.
 * MALFORMED with `what` naming the rule, TRUNCATED, LIMIT.
 */
LK_MUST_USE lk_err change_decode(struct change *, struct arena *, struct bytes body);

/* Bytes of actor `index` as used by the ops of this change. */
struct bytes change_actor(const struct change *, uint32_t index);
/* The greatest op counter: start_op + ops_len - 1. */
uint64_t change_max_op(const struct change *);

/* Walks the ops of a decoded change. */
struct op_reader;
LK_MUST_USE lk_err op_reader_new(struct op_reader **, const struct change *);
void op_reader_free(struct op_reader *);
/* False at the end.  *op and its preds are valid until the next call. */
bool op_reader_next(struct op_reader *, struct op *);

/*
 * Builds a change.  Actors are given as bytes and numbered by the writer; ids
 * in the ops added use those numbers.  Number 0 is the author.
 */
struct change_writer;
struct change_head {
	const uint8_t *deps; /* deps_len * LK_ID_LEN, any order: sorted here */
	size_t deps_len;
	struct bytes actor;
	uint64_t seq, start_op;
	int64_t time; /* seconds since 1970, as Automerge's JavaScript does */
	struct bytes message;
	struct bytes extra;
};
LK_MUST_USE lk_err change_writer_new(struct change_writer **, const struct change_head *);
void change_writer_free(struct change_writer *);
/* Begins another change with the memory of the last one. */
LK_MUST_USE lk_err change_writer_restart(
    struct change_writer *, const struct change_head *);
/* The writer's number for these actor bytes, new or known.  LIMIT, NOMEM. */
LK_MUST_USE lk_err change_writer_actor(
    struct change_writer *, struct bytes actor, uint32_t *number);
/* Copies what it needs.  preds in any order.  LIMIT, NOMEM. */
LK_MUST_USE lk_err change_writer_add(struct change_writer *, const struct op *);
size_t change_writer_ops(const struct change_writer *);
/* Appends the body of the type-1 chunk. */
LK_MUST_USE lk_err change_writer_finish(struct change_writer *, struct buf *body);

/*
 * A lean change (protocol section 5): the body without deps, actor, seq and
 * startOp, which the receiver computes.  change_lean appends it; change_unlean
 * rebuilds the full body, to be given to change_decode.
 */
void change_lean(struct buf *, const struct change *);
LK_MUST_USE lk_err change_unlean(
    struct buf *body, struct bytes lean, const struct change_head *);

/* Raw DEFLATE.  inflate_raw stops at `max` bytes and at INFLATE_RATIO_MAX to
 * one (LIMIT); the input must be used up (MALFORMED). */
LK_MUST_USE lk_err deflate_raw(struct buf *, struct bytes);
LK_MUST_USE lk_err inflate_raw(struct buf *, struct bytes, size_t max);

#endif
