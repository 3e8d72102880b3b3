/*
 * document_table.h - the two tables of a document chunk, as arrays:
 * automerge-format sections 7.2 to 7.4.  Actors are numbers into the sorted
 * actor table, so that their order is the order of their bytes.  Internal to
 * crdt.  Pure.
 */
#ifndef CRDT_DOCUMENT_TABLE_H
#define CRDT_DOCUMENT_TABLE_H

#include "crdt/op_table.h"

/* Bits of an actor's number, which DOCUMENT_ACTORS_MAX is no more than. */
#define ROW_ACTOR_BITS 18
#define ROW_ACTOR(number) ((number) & ((1u << ROW_ACTOR_BITS) - 1))

/* An op without its predecessors or successors, as small as it gets: there
 * may be millions.  Views are borrowed; a short value is in the row itself. */
#define ROW_VALUE_NEAR 8
struct document_row {
	const uint8_t *text; /* map key, or the name of a mark */
	union {
		uint64_t u64;
		uint8_t f64[8];
		uint8_t near[ROW_VALUE_NEAR];
		const uint8_t *ptr; /* of more bytes */
	} value;
	uint32_t text_len, value_len;
	uint32_t ctr, obj_ctr, elem_ctr;
	uint32_t actor : ROW_ACTOR_BITS, action : 8;
	bool insert : 1, expand : 1, has_mark_name : 1;
	uint32_t obj_actor : ROW_ACTOR_BITS, value_type : 8;
	uint32_t elem_actor : ROW_ACTOR_BITS, key_kind : 8;
};

_Static_assert(DOCUMENT_ACTORS_MAX <= 1 << ROW_ACTOR_BITS, "actors in bits");
_Static_assert(sizeof(struct document_row) <= 48, "small");
_Static_assert(OP_COUNTER_MAX <= UINT32_MAX, "counters are uint32_t");

/* A map key and a mark name at once are MALFORMED. */
LK_MUST_USE lk_err document_row_pack(
    struct document_row *, const struct op_row *);
/* Leaves the predecessors empty.  The value may lie in the row. */
void document_row_unpack(struct op_row *, const struct document_row *);

/* Ids as numbers that sort like ids. */
uint64_t document_row_id(const struct document_row *);
uint64_t document_row_obj(const struct document_row *);
uint64_t document_row_elem(const struct document_row *);
uint64_t id_number(struct op_id);

/* How many rows, and as many successors, a body of this length may say. */
size_t document_ops_max(size_t body_len);

/*
 * Checks that rows stand in the only order a document may have, without
 * looking at anything but the rows: objects ascending, keys and ids ascending,
 * elements in RGA order.  `stack` has room for n numbers.  MALFORMED.
 */
LK_MUST_USE lk_err document_rows_check(
    const struct document_row *, size_t n, uint32_t *stack);

/* Stable radix sort of numbers by their keys; scratch has room for n. */
typedef uint64_t order_key_fn(const void *ctx, uint32_t number);
void order_by_key(uint32_t *order, uint32_t *scratch, size_t n, order_key_fn *,
    const void *ctx);

struct document_change {
	uint64_t seq, max_op;
	int64_t time;
	struct bytes message, extra;
	uint32_t actor;
	size_t deps_len;
};

#define DOCUMENT_CHANGE_COLUMNS 9

/* Reads the changes of a document row by row. */
struct document_changes {
	struct column_reader columns[DOCUMENT_CHANGE_COLUMNS];
	struct rd extra;
	size_t actors_len;
	size_t len;      /* rows in all */
	size_t row;      /* rows read */
	size_t deps_max; /* of all rows together */
	uint32_t *deps;  /* of the row read last: rows before it */
	size_t deps_cap;
};

/* Borrows the columns' data. */
LK_MUST_USE lk_err document_changes_open(struct document_changes *,
    const struct column *, size_t columns_len, size_t actors_len);
void document_changes_close(struct document_changes *);
/* Tells for each row 1 + the last one that depends on it, or leaves 0.  Before
 * the first row is read; stops where reading the rows will fail. */
void document_changes_users(const struct document_changes *, uint32_t *last);
/* Not past `len`; its dependencies are in `deps` until the next call. */
LK_MUST_USE lk_err document_changes_next(
    struct document_changes *, struct document_change *);
/* After the last row: no column may have anything left. */
LK_MUST_USE lk_err document_changes_end(const struct document_changes *);

bool document_change_column_known(uint32_t spec);

struct document_changes_writer {
	struct column_writer columns[DOCUMENT_CHANGE_COLUMNS];
	struct column finished[DOCUMENT_CHANGE_COLUMNS];
	size_t finished_len;
};

void document_changes_writer_init(struct document_changes_writer *);
void document_changes_writer_clear(struct document_changes_writer *);
/* `deps` are the deps_len numbers of this row alone. */
void document_changes_put(struct document_changes_writer *,
    const struct document_change *, const uint32_t *deps);
/* Fills `finished` as op_table_finish does. */
LK_MUST_USE lk_err document_changes_finish(struct document_changes_writer *);

#endif
