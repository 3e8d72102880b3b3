/*
 * loose_table.h - for fuzzers: the columns of a chunk taken apart into cells,
 * changed by the row or the cell, and put together again.
 *
 * Nothing is checked on the way: what the columns say may be nonsense before
 * and after.  A column that cannot be read stays as the bytes it is.
 */
#ifndef TESTS_FUZZ_LOOSE_TABLE_H
#define TESTS_FUZZ_LOOSE_TABLE_H

#include <stdlib.h>
#include <string.h>

#include "crdt/column.h"

#define LOOSE_COLUMNS_MAX 24
#define LOOSE_ROWS_MAX 300
#define LOOSE_BYTES_MAX ((size_t)1024 * 1024)

size_t LLVMFuzzerMutate(uint8_t *, size_t, size_t);

struct loose_column {
	uint32_t spec;
	bool raw; /* bytes, not cells */
	struct bytes bytes;
	struct cell *cells;
	size_t len;
};

struct loose_table {
	struct arena *arena; /* of all that is in it */
	uint64_t *random;
	struct loose_column columns[LOOSE_COLUMNS_MAX];
	size_t columns_len;
};

/* xorshift64. */
static inline size_t
loose_roll(uint64_t *random, size_t sides)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (size_t)((*random >> 11) % sides);
}

static inline size_t
table_roll(struct loose_table *t, size_t sides)
{
	return loose_roll(t->random, sides);
}

/* Bytes the fuzzer has changed in its own way. */
static inline struct bytes
loose_mutate(struct arena *arena, struct bytes b)
{
	size_t max = b.len + b.len / 2 + 16;
	uint8_t *at = arena_alloc(arena, max);

	if (at == NULL)
		return b;
	if (b.len > 0)
		memcpy(at, b.ptr, b.len);
	return BYTES(at, LLVMFuzzerMutate(at, b.len, max));
}

static inline void
column_take_apart(struct loose_table *t, struct loose_column *c)
{
	struct column_reader r;
	struct cell cell;

	c->raw = true;
	if (COLUMN_TYPE(c->spec) == COLUMN_VALUE || (c->spec & COLUMN_DEFLATED))
		return;
	c->cells = arena_alloc(t->arena, 2 * LOOSE_ROWS_MAX * sizeof(cell));
	if (c->cells == NULL || c->bytes.len == 0)
		return;
	column_reader_init(&r, COLUMN_TYPE(c->spec), c->bytes);
	while (c->len < LOOSE_ROWS_MAX && column_next(&r, &cell))
		c->cells[c->len++] = cell;
	c->raw = c->len == LOOSE_ROWS_MAX || r.rd.failed;
}

/* Takes columns whose data is there. */
static inline void
table_take_apart(
    struct loose_table *t, const struct column *columns, size_t len)
{
	for (size_t i = 0; i < len && i < LOOSE_COLUMNS_MAX; i++) {
		struct loose_column *c = &t->columns[t->columns_len++];

		*c = (struct loose_column){ .spec = columns[i].spec,
			.bytes = columns[i].data };
		column_take_apart(t, c);
	}
}

/* The bytes of a column, in canonical form if it was taken apart. */
static inline struct bytes
column_put_together(struct loose_table *t, const struct loose_column *c)
{
	struct column_writer w;
	struct bytes out = c->bytes;

	if (c->raw)
		return out;
	column_writer_init(&w, COLUMN_TYPE(c->spec), LOOSE_BYTES_MAX);
	for (size_t i = 0; i < c->len; i++)
		column_put(&w, c->cells[i]);
	if (column_finish(&w, &out).code == LK_OK)
		out = arena_copy(t->arena, out);
	column_writer_clear(&w);
	return out;
}

/* Fills `out`, which has room for LOOSE_COLUMNS_MAX; columns without bytes are
 * left out, as writers do. */
static inline size_t
table_put_together(struct loose_table *t, struct column *out)
{
	size_t n = 0;

	for (size_t i = 0; i < t->columns_len; i++) {
		out[n].spec = t->columns[i].spec;
		out[n].data = column_put_together(t, &t->columns[i]);
		n += out[n].data.len > 0;
	}
	return n;
}

static inline struct loose_column *
table_column(struct loose_table *t, uint32_t id, enum column_type type)
{
	for (size_t i = 0; i < t->columns_len; i++)
		if (t->columns[i].spec == (id << 4 | (uint32_t)type))
			return &t->columns[i];
	return NULL;
}

/* How many cells, or bytes, of what hangs on `head` belong to its row i. */
static inline size_t
row_width(const struct loose_column *head, size_t i)
{
	size_t n = (size_t)head->cells[i].u64;

	if (COLUMN_TYPE(head->spec) == COLUMN_VALUE_META)
		n >>= 4;
	return n < LOOSE_BYTES_MAX ? n : LOOSE_BYTES_MAX;
}

/* Where row i of the table lies in a column: cells, or bytes of a raw one. */
static inline bool
row_place(struct loose_table *t, const struct loose_column *c, size_t i,
    size_t *at, size_t *len)
{
	uint32_t id = c->spec >> 4;
	bool value = COLUMN_TYPE(c->spec) == COLUMN_VALUE;
	struct loose_column *head =
	    table_column(t, id, value ? COLUMN_VALUE_META : COLUMN_GROUP);
	size_t end = value ? c->bytes.len : c->len;

	*at = i;
	*len = 1;
	if (head != NULL && head != c) {
		if (head->raw || i >= head->len)
			return false;
		*at = 0;
		for (size_t k = 0; k < i; k++)
			*at += row_width(head, k);
		*len = row_width(head, i);
	} else if (value) {
		return false;
	}
	return *at <= end && *len <= end - *at;
}

static inline size_t
table_rows(const struct loose_table *t)
{
	size_t rows = 0;

	for (size_t i = 0; i < t->columns_len; i++)
		if (!t->columns[i].raw && t->columns[i].len > rows)
			rows = t->columns[i].len;
	return rows;
}

/* Moves what lies at `from` to `to`, or a copy of it; `to` counts as if what
 * is moved were gone. */
static inline void
cells_move(
    struct loose_column *c, size_t from, size_t len, size_t to, bool copy)
{
	struct cell held[LOOSE_ROWS_MAX];

	if (len == 0 || len > LOOSE_ROWS_MAX ||
	    c->len + len > 2 * LOOSE_ROWS_MAX)
		return;
	memcpy(held, c->cells + from, len * sizeof(held[0]));
	if (!copy) {
		memmove(c->cells + from, c->cells + from + len,
		    (c->len - from - len) * sizeof(held[0]));
		c->len -= len;
	}
	if (to > c->len)
		return;
	memmove(c->cells + to + len, c->cells + to,
	    (c->len - to) * sizeof(held[0]));
	memcpy(c->cells + to, held, len * sizeof(held[0]));
	c->len += len;
}

/* Bytes from..to of b. */
static inline struct bytes
bytes_between(struct bytes b, size_t from, size_t to)
{
	return from < to ? BYTES(b.ptr + from, to - from) : (struct bytes){ 0 };
}

static inline void
bytes_move(struct loose_table *t, struct loose_column *c, size_t from,
    size_t len, size_t to, bool copy)
{
	struct bytes all = c->bytes, left = all;
	BUF_SCOPED b = { .max = 4 * LOOSE_BYTES_MAX };

	if (!copy) {
		buf_add(&b, bytes_between(all, 0, from));
		buf_add(&b, bytes_between(all, from + len, all.len));
		left = arena_copy(t->arena, buf_bytes(&b));
		buf_reset(&b);
	}
	if (to > left.len)
		to = SIZE_MAX;
	buf_add(&b, bytes_between(left, 0, to < left.len ? to : left.len));
	if (to != SIZE_MAX)
		buf_add(&b, bytes_between(all, from, from + len));
	buf_add(&b, bytes_between(left, to, left.len));
	if (!b.failed)
		c->bytes = arena_copy(t->arena, buf_bytes(&b));
}

/* Removes row i. */
static inline void
row_remove(struct loose_table *t, size_t i)
{
	size_t at[LOOSE_COLUMNS_MAX], len[LOOSE_COLUMNS_MAX];
	bool has[LOOSE_COLUMNS_MAX];

	for (size_t k = 0; k < t->columns_len; k++)
		has[k] = row_place(t, &t->columns[k], i, &at[k], &len[k]);
	for (size_t k = 0; k < t->columns_len; k++) {
		struct loose_column *c = &t->columns[k];

		if (!has[k] || (c->raw && COLUMN_TYPE(c->spec) != COLUMN_VALUE))
			continue;
		if (c->raw)
			bytes_move(t, c, at[k], len[k], SIZE_MAX, false);
		else
			cells_move(c, at[k], len[k], SIZE_MAX, false);
	}
}

/* Puts row i where row `to` is, or a copy of it. */
static inline void
row_move(struct loose_table *t, size_t i, size_t to, bool copy)
{
	size_t at[LOOSE_COLUMNS_MAX], len[LOOSE_COLUMNS_MAX];
	size_t there[LOOSE_COLUMNS_MAX], ignored;
	bool has[LOOSE_COLUMNS_MAX];

	for (size_t k = 0; k < t->columns_len; k++) {
		struct loose_column *c = &t->columns[k];

		has[k] = row_place(t, c, i, &at[k], &len[k]) &&
		    row_place(t, c, to, &there[k], &ignored);
		if (has[k] && !copy && to > i)
			there[k] += ignored - len[k];
	}
	for (size_t k = 0; k < t->columns_len; k++) {
		struct loose_column *c = &t->columns[k];

		if (!has[k] || (c->raw && COLUMN_TYPE(c->spec) != COLUMN_VALUE))
			continue;
		if (c->raw)
			bytes_move(t, c, at[k], len[k], there[k], copy);
		else
			cells_move(c, at[k], len[k], there[k], copy);
	}
}

#endif
