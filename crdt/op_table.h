/*
 * op_table.h - the op columns of changes and of documents: automerge-format
 * sections 6.2 and 7.3.
 *
 * Both hold one row per op.  A row of a change lists its predecessors and gets
 * its id from its place; a row of a document lists its successors and carries
 * its id.  The reader checks what can be said about a row by itself; the
 * writer makes the canonical columns.  Internal to crdt.  Pure.
 */
#ifndef CRDT_OP_TABLE_H
#define CRDT_OP_TABLE_H

#include "crdt/column.h"

enum op_table_kind { OP_TABLE_CHANGE, OP_TABLE_DOCUMENT };

enum op_column {
	OP_OBJ_ACTOR,
	OP_OBJ_CTR,
	OP_KEY_ACTOR,
	OP_KEY_CTR,
	OP_KEY_STR,
	OP_ID_ACTOR, /* documents only, as the next one */
	OP_ID_CTR,
	OP_INSERT,
	OP_ACTION,
	OP_VALUE_META,
	OP_VALUE,
	OP_GROUP, /* number of predecessors, or of successors */
	OP_GROUP_ACTOR,
	OP_GROUP_CTR,
	OP_EXPAND,
	OP_MARK_NAME,
	OP_COLUMNS,
};

struct op_row {
	struct op_id id; /* documents only */
	struct op op;    /* documents: preds are the successors */
};

struct op_table_reader {
	enum op_table_kind kind;
	struct column_reader columns[OP_COLUMNS];
	struct rd values;
	size_t rows;    /* in all */
	size_t grouped; /* predecessors or successors in all rows */
	size_t row;     /* rows read */
	size_t actors_len;
	struct op_id *group;
	size_t group_cap;
};

/*
 * Prepares to read; knows the number of rows afterwards, and that neither it
 * nor the number of predecessors is over rows_max.  Borrows the columns' data
 * and ignores columns it does not know; they are ascending by spec.  LIMIT,
 * TRUNCATED, MALFORMED: there is nothing to close then.
 */
LK_MUST_USE lk_err op_table_open(struct op_table_reader *, enum op_table_kind,
    const struct column *, size_t columns_len, size_t rows_max);
void op_table_close(struct op_table_reader *);
/*
 * Reads a row; actor numbers are checked against actors_len, which the caller
 * sets after opening.  The views live until the next call; after an error there
 * is nothing of use in the row.  Not past `rows`.
 */
LK_MUST_USE lk_err op_table_next(struct op_table_reader *, struct op_row *);
/* After the last row: no column may have anything left. */
LK_MUST_USE lk_err op_table_end(struct op_table_reader *);
/* Whether a change may have a column of this spec. */
bool op_table_knows(enum op_table_kind, uint32_t spec);
/* Whether the columns of a change that were read to the end are just those
 * that a writer makes of its rows; `expands`: some row has that flag. */
bool op_columns_canonical(const struct column *, size_t n, bool expands);

struct op_table_writer {
	enum op_table_kind kind;
	size_t rows;
	struct column_writer columns[OP_COLUMNS];
	struct column finished[OP_COLUMNS];
	size_t finished_len;
};

void op_table_writer_init(
    struct op_table_writer *, enum op_table_kind, size_t bytes_max);
void op_table_writer_clear(struct op_table_writer *);
void op_table_writer_reset(struct op_table_writer *);
/* Copies what it needs. */
void op_table_put(struct op_table_writer *, const struct op_row *);
/*
 * Fills `finished` with the columns that are not empty, ascending by spec; the
 * data lives until reset or clear.  LIMIT, NOMEM.
 */
LK_MUST_USE lk_err op_table_finish(struct op_table_writer *);
/*
 * Gives the actors in the columns other numbers: number n becomes map[n].
 * Before op_table_finish.  LIMIT, NOMEM.
 */
LK_MUST_USE lk_err op_table_renumber(
    struct op_table_writer *, const uint32_t *map, size_t map_len);

#endif
