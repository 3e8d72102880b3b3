/*
 * column.h - the columns inside Automerge chunks: automerge-format sections 3
 * and 4.
 *
 * A column_reader walks the rows of one column in constant memory, whatever a
 * run claims to repeat.  It takes any arrangement of runs and the shortest
 * form of every number; column_canonical says whether the arrangement is the
 * one that a column_writer makes.  Internal to crdt.  Pure.
 */
#ifndef CRDT_COLUMN_H
#define CRDT_COLUMN_H

#include "crdt/change.h"

enum column_type {
	COLUMN_GROUP = 0,
	COLUMN_ACTOR = 1,
	COLUMN_UINT = 2,
	COLUMN_DELTA = 3,
	COLUMN_BOOL = 4,
	COLUMN_STRING = 5,
	COLUMN_VALUE_META = 6,
	COLUMN_VALUE = 7, /* raw bytes: no reader and no runs */
};

struct column {
	uint32_t spec;
	struct bytes data;
};

#define COLUMN_TYPE(spec) ((enum column_type)((spec)&7u))
#define COLUMN_DEFLATED 8u

/* One row: null, or what the type of the column says. */
struct cell {
	bool null;
	union {
		uint64_t u64;     /* GROUP, ACTOR, UINT, BOOL, VALUE_META */
		int64_t i64;      /* DELTA: the value, not the difference */
		struct bytes str; /* STRING: valid UTF-8, borrowed */
	};
};

enum column_run { RUN_REPEAT, RUN_LITERAL, RUN_NULL };

struct column_reader {
	struct rd rd;
	enum column_type type;
	bool absent; /* no bytes: every row is null, or false */
	enum column_run run;
	uint64_t run_left;
	struct cell item; /* DELTA: the difference */
	uint64_t sum;     /* DELTA: wraps */
};

void column_reader_init(struct column_reader *, enum column_type, struct bytes);
bool column_next_run(struct column_reader *, struct cell *); /* column_next */
/* False at the end of the column and after a failure. */
static inline bool
column_next(struct column_reader *c, struct cell *out)
{
	if (c->absent) {
		*out = (struct cell){ .null = c->type != COLUMN_BOOL };
		return true;
	}
	if (c->run_left == 0 || c->run == RUN_LITERAL)
		return column_next_run(c, out);
	c->run_left--;
	if (c->run == RUN_NULL) {
		*out = (struct cell){ .null = true };
		return true;
	}
	*out = c->item;
	if (c->type == COLUMN_DELTA) {
		c->sum += (uint64_t)c->item.i64;
		out->i64 = (int64_t)c->sum;
	}
	return true;
}
/* LK_OK when every row was read; MALFORMED when rows are left over. */
LK_MUST_USE lk_err column_end(struct column_reader *, const char *what);

/*
 * Whether a column_writer writes just this for the rows in it, and any at all:
 * automerge-format 12.2.  False for what is no column.  The bytes of values are
 * taken as they are: value_decode knows only one form of each.
 */
bool column_canonical(enum column_type, struct bytes);

struct column_size {
	uint64_t rows;
	uint64_t sum; /* of a GROUP column: rows of the columns it groups */
};
/*
 * Counts rows without visiting those that repeat.  LIMIT when rows or sum are
 * over `max`; TRUNCATED, MALFORMED.
 */
LK_MUST_USE lk_err column_measure(
    struct column_size *, enum column_type, struct bytes, uint64_t max);

/* Writes the canonical form of the rows put into it. */
struct column_writer {
	enum column_type type;
	struct buf out;
	struct buf literals; /* items of the literal run that is open */
	struct buf last;     /* STRING: the item being repeated */
	uint64_t literals_len;
	struct cell item; /* the item being repeated */
	uint64_t run_len;
	uint64_t before; /* DELTA: the last value */
	bool any;        /* BOOL: some row is true */
};

void column_writer_init(
    struct column_writer *, enum column_type, size_t bytes_max);
void column_writer_clear(struct column_writer *);
/* Empties it and keeps the memory. */
void column_writer_reset(struct column_writer *);
/* Copies what it needs. */
void column_put(struct column_writer *, struct cell);
/* The same of one kind of cell; most rows repeat the one before. */
static inline void
column_put_null(struct column_writer *c)
{
	if (c->run_len > 0 && c->item.null)
		c->run_len++;
	else
		column_put(c, (struct cell){ .null = true });
}

/* Neither DELTA nor BOOL. */
static inline void
column_put_u64(struct column_writer *c, uint64_t v)
{
	if (c->run_len > 0 && !c->item.null && c->item.u64 == v)
		c->run_len++;
	else
		column_put(c, (struct cell){ .u64 = v });
}

static inline void
column_put_delta(struct column_writer *c, uint64_t v)
{
	if (c->run_len > 0 && !c->item.null && c->item.u64 == v - c->before) {
		c->before = v;
		c->run_len++;
	} else {
		column_put(c, (struct cell){ .u64 = v });
	}
}

static inline void
column_put_bool(struct column_writer *c, bool v)
{
	if (c->item.u64 == v)
		c->run_len++;
	else
		column_put(c, (struct cell){ .u64 = v });
	c->any |= v;
}
/*
 * Ends the column.  The bytes live until reset or clear; none are written when
 * every row is null.  LIMIT, NOMEM.
 */
LK_MUST_USE lk_err column_finish(struct column_writer *, struct bytes *);

#define CELL_NULL ((struct cell){ .null = true })
#define CELL_U64(v) ((struct cell){ .u64 = (v) })
#define CELL_I64(v) ((struct cell){ .i64 = (v) })
#define CELL_STR(v) ((struct cell){ .str = (v) })

/*
 * Column metadata: reads at most `max` entries, each with the length of its
 * data and no pointer, ascending by spec (deflate bit aside).
 * columns_read_data then takes the data of each.
 */
LK_MUST_USE lk_err columns_read_meta(
    struct rd *, struct column *, size_t max, size_t *n);
LK_MUST_USE lk_err columns_read_data(struct rd *, struct column *, size_t n);
void columns_write_meta(struct buf *, const struct column *, size_t n);
void columns_write_data(struct buf *, const struct column *, size_t n);
/* The data of the column with this spec, or no bytes. */
struct bytes columns_find(const struct column *, size_t n, uint32_t spec);

#endif
