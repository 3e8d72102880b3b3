/*
 * opset.h - the ops of a document, by id.
 *
 * Ops are kept in blocks: those of one actor whose counters share all but the
 * lowest bits.  What an op says never changes; `visible`, `cov`, `hid`,
 * `total` and `leaf` do, and whoever changes them sets block->cached.dirty.
 * Long values and long lists of edges lie outside the block.
 *
 * Pointers to ops live until doc_settle, doc_trim or an opset_add for the same
 * actor.  Internal to crdt.
 */
#ifndef CRDT_OPSET_H
#define CRDT_OPSET_H

#include "crdt/doc_state.h"

/* Measured: docs/decisions/0004-op-store.md. */
#ifndef BLOCK_OPS
#define BLOCK_OPS 32
#endif
/* Keep the largest block well within KV_VALUE_MAX. */
#define OP_BYTES_NEAR 128
#define OP_EDGES_NEAR 16
_Static_assert(
    BLOCK_OPS *(2 * OP_BYTES_NEAR + 12 * OP_EDGES_NEAR + 100) < KV_VALUE_MAX,
    "a block fits one record");

struct stored_op {
	uint64_t id;
	uint64_t obj;
	uint64_t slot; /* map: slot number; else id of the element */
	uint64_t ref;  /* insert: the element before; increment: the one of
			* this slot applied before; 0: none */
	uint32_t change;
	uint32_t leaf; /* insert: node of its element */
	uint32_t cov;  /* ghosts section 4 */
	uint32_t hid;
	int64_t total;   /* counter: sum of what counts for it */
	uint64_t number; /* of the value, when it is one */
	uint32_t bytes_at, bytes_len;
	uint32_t name_at, name_len;
	uint32_t edges_at, covers_len, adds_len;
	uint8_t action, type;
	bool insert, in_map, visible, expand, has_name;
};

struct op_block {
	struct cached cached; /* by actor and counter / BLOCK_OPS */
	uint32_t actor, base; /* base: least counter it may hold */
	size_t len, cap;
	struct stored_op *ops; /* ascending */
	struct buf bytes;      /* near values and names */
	struct id_list edges;
};

struct op_ref {
	struct op_block *block;
	struct stored_op *op;
};

/* NOTFOUND. */
LK_MUST_USE lk_err opset_find(struct doc *, uint64_t id, struct op_ref *);
/* CORRUPT when it is not there. */
LK_MUST_USE lk_err opset_load(struct doc *, uint64_t id, struct op_ref *);

/* What is needed to add an op beyond the plain members of `op`. */
struct op_addition {
	struct stored_op op;
	struct value value;
	struct bytes name;
	const struct id_list *covers, *adds;
};
/* The id is greater than that of every op of its actor. */
LK_MUST_USE lk_err opset_add(
    struct doc *, const struct op_addition *, struct op_ref *);

/* The edges of an op (ghosts 3.2); the views live as long as the op does,
 * and until op_edges_clear. */
struct op_edges {
	const uint64_t *covers, *adds;
	size_t covers_len, adds_len;
	uint64_t *owned;
};
LK_MUST_USE lk_err opset_edges(struct doc *, struct op_ref, struct op_edges *);
void op_edges_clear(struct op_edges *);
#define EDGES_SCOPED __attribute__((cleanup(op_edges_clear))) struct op_edges

/* The value as it was written; bytes are lent until the next write. */
LK_MUST_USE lk_err opset_value(struct doc *, struct op_ref, struct value *);
/* Appends the bytes of a value that has some. */
LK_MUST_USE lk_err opset_bytes(struct doc *, struct op_ref, struct buf *);
/* Appends the name of a mark's begin. */
LK_MUST_USE lk_err opset_name(struct doc *, struct op_ref, struct buf *);
/* Whether values of this type are bytes, not a number or nothing. */
bool value_has_bytes(uint8_t type);
/* What a slot shows by this op: a counter's total, not its start.  CORRUPT
 * when the op makes no value. */
LK_MUST_USE lk_err opset_item(struct doc *, uint64_t id, struct item *);

/* Status, as of the op's counters. */
bool op_is_value(const struct stored_op *); /* put, make or mark */
bool op_is_counter(const struct stored_op *);
bool op_shown(const struct stored_op *);       /* "alive" */
bool op_contributes(const struct stored_op *); /* ghosts section 4 */
/* Counts one up or down.  CORRUPT when the count cannot be right. */
LK_MUST_USE lk_err op_count(uint32_t *, bool more);

/* opset_code.c: a block as a record. */
LK_MUST_USE lk_err op_block_decode(
    struct doc *, struct op_block *, struct bytes record);
void op_block_encode(struct buf *, const struct op_block *);
/* Room for n more ops.  NOMEM. */
LK_MUST_USE lk_err op_block_reserve(struct op_block *, size_t n);

extern const struct cache_kind opset_cache;

#endif
