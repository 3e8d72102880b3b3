/*
 * loose_mutate.h - for fuzzers: one thing changed in the body of a chunk, with
 * everything around it kept in order: lengths, and what the columns say of each
 * other.
 */
#ifndef TESTS_FUZZ_LOOSE_MUTATE_H
#define TESTS_FUZZ_LOOSE_MUTATE_H

#include "tests/fuzz/crdt/loose_body.h"

/* A number near another, or an extreme one. */
static inline uint64_t
loose_number(struct loose_body *b, uint64_t n)
{
	static const uint64_t extreme[] = { 0, 1, 2, 127, 128, UINT32_MAX,
		(uint64_t)UINT32_MAX + 1, INT64_MAX, UINT64_MAX };

	switch (loose_roll(&b->random, 4)) {
	case 0:
		return n + 1;
	case 1:
		return n - 1;
	case 2:
		return n + loose_roll(&b->random, 64) - 32;
	default:
		return extreme[loose_roll(
		    &b->random, sizeof(extreme) / sizeof(extreme[0]))];
	}
}

static inline void
loose_cell(struct loose_body *b, struct loose_table *t)
{
	struct loose_column *c = &t->columns[table_roll(t, t->columns_len)];
	struct cell *cell;

	if (c->raw) {
		c->bytes = loose_mutate(&b->arena, c->bytes);
		return;
	}
	if (c->len == 0)
		return;
	cell = &c->cells[table_roll(t, c->len)];
	if (table_roll(t, 4) == 0) {
		/* What another row says. */
		*cell = c->cells[table_roll(t, c->len)];
	} else if (table_roll(t, 8) == 0 &&
	    COLUMN_TYPE(c->spec) != COLUMN_BOOL) {
		bool text = COLUMN_TYPE(c->spec) == COLUMN_STRING;

		*cell = !cell->null ? CELL_NULL
		    : text          ? CELL_STR(b->message)
				    : CELL_U64(1);
	} else if (cell->null) {
		return;
	} else if (COLUMN_TYPE(c->spec) == COLUMN_STRING) {
		cell->str = loose_mutate(&b->arena, cell->str);
		if (!utf8_valid(cell->str))
			cell->str.len = 0;
	} else if (COLUMN_TYPE(c->spec) == COLUMN_BOOL) {
		cell->u64 ^= 1;
	} else {
		cell->u64 = loose_number(b, cell->u64);
	}
}

static inline void
loose_columns(struct loose_body *b, struct loose_table *t)
{
	size_t i = table_roll(t, t->columns_len);
	size_t k = table_roll(t, t->columns_len);
	struct loose_column *c = &t->columns[i], held = *c;

	switch (table_roll(t, 5)) {
	case 0: /* Any bytes, in any form. */
		c->bytes = loose_mutate(&b->arena, column_put_together(t, c));
		c->raw = true;
		break;
	case 1:
		*c = t->columns[k];
		t->columns[k] = held;
		break;
	case 2: /* Its cells may be of no use as cells of another type. */
		c->bytes = column_put_together(t, c);
		c->raw = true;
		c->spec = (uint32_t)loose_number(b, c->spec);
		break;
	case 3:
		memmove(c, c + 1, (t->columns_len - i - 1) * sizeof(*c));
		t->columns_len--;
		break;
	default: /* All rows alike: many of them in a few bytes. */
		if (!c->raw && c->len > 0)
			for (size_t n = 1; n < c->len; n++)
				c->cells[n] = c->cells[0];
		break;
	}
}

static inline void
loose_rows(struct loose_table *t)
{
	size_t rows = table_rows(t);
	size_t from, to;

	if (rows == 0)
		return;
	from = table_roll(t, rows);
	to = table_roll(t, 3) == 0 ? table_roll(t, rows) : (from + 1) % rows;
	switch (table_roll(t, 4)) {
	case 0:
		row_remove(t, from);
		break;
	case 1:
		row_move(t, from, to, true);
		break;
	default:
		row_move(t, from, to, false);
		break;
	}
}

/* A list of 32 byte hashes, one of them gone, twice, or elsewhere. */
static inline struct bytes
loose_hashes(struct loose_body *b, struct bytes hashes)
{
	size_t n = hashes.len / LK_ID_LEN, i, k;
	uint8_t *at = arena_alloc(&b->arena, hashes.len + LK_ID_LEN);

	if (at == NULL)
		return hashes;
	if (n > 0)
		memcpy(at, hashes.ptr, hashes.len);
	if (n == 0 || loose_roll(&b->random, 4) == 0)
		return BYTES(at, hashes.len + LK_ID_LEN);
	i = loose_roll(&b->random, n);
	k = loose_roll(&b->random, n);
	switch (loose_roll(&b->random, 3)) {
	case 0:
		memmove(at + i * LK_ID_LEN, at + (i + 1) * LK_ID_LEN,
		    (n - i - 1) * LK_ID_LEN);
		return BYTES(at, hashes.len - LK_ID_LEN);
	case 1:
		memcpy(at + hashes.len, hashes.ptr + i * LK_ID_LEN, LK_ID_LEN);
		return BYTES(at, hashes.len + LK_ID_LEN);
	default:
		memcpy(
		    at + i * LK_ID_LEN, hashes.ptr + k * LK_ID_LEN, LK_ID_LEN);
		memcpy(
		    at + k * LK_ID_LEN, hashes.ptr + i * LK_ID_LEN, LK_ID_LEN);
		return BYTES(at, hashes.len);
	}
}

static inline void
loose_actors(struct loose_body *b)
{
	size_t i, k;
	struct bytes held;

	if (b->actors_len == 0)
		return;
	i = loose_roll(&b->random, b->actors_len);
	k = loose_roll(&b->random, b->actors_len);
	held = b->actors[i];
	switch (loose_roll(&b->random, 3)) {
	case 0:
		b->actors[i] = loose_mutate(&b->arena, held);
		break;
	case 1:
		b->actors[i] = b->actors[k];
		b->actors[k] = held;
		break;
	default:
		b->actors[i] = b->actors[--b->actors_len];
		break;
	}
}

static inline void
loose_head(struct loose_body *b)
{
	struct bytes deps = BYTES(b->head.deps, b->head.deps_len * LK_ID_LEN);

	switch (loose_roll(&b->random, 5)) {
	case 0:
		deps = loose_hashes(b, deps);
		b->head.deps = deps.ptr;
		b->head.deps_len = deps.len / LK_ID_LEN;
		break;
	case 1:
		b->head.actor = loose_mutate(&b->arena, b->head.actor);
		break;
	case 2:
		b->head.seq = loose_number(b, b->head.seq);
		break;
	default:
		b->head.start_op = loose_number(b, b->head.start_op);
		break;
	}
}

static inline void
loose_step(struct loose_body *b)
{
	struct loose_table *t =
	    &b->tables[loose_roll(&b->random, b->tables_len)];
	size_t choice = loose_roll(&b->random, 16);

	if (t->columns_len == 0)
		choice = 15 - choice % 4;
	if (choice < 6)
		loose_cell(b, t);
	else if (choice < 10)
		loose_rows(t);
	else if (choice < 12)
		loose_columns(b, t);
	else if (choice == 12)
		loose_actors(b);
	else if (choice == 13)
		b->tail = loose_mutate(&b->arena, b->tail);
	else if (b->kind == LOOSE_CHANGE)
		loose_head(b);
	else if (b->kind == LOOSE_DOCUMENT)
		b->hashes = loose_hashes(b, b->hashes);
	else
		b->time = (int64_t)loose_number(b, (uint64_t)b->time);
}

/* For LLVMFuzzerCustomMutator, of bytes that are a body, or nearly. */
static inline size_t
loose_body_mutate(
    enum loose_kind kind, uint8_t *data, size_t len, size_t max, unsigned seed)
{
	struct loose_body b = { .kind = kind,
		.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
	BUF_SCOPED out = { .max = max };

	arena_init(&b.arena, 64 * LOOSE_BYTES_MAX);
	if (loose_roll(&b.random, 16) == 0 ||
	    !loose_read(&b, BYTES(data, len))) {
		arena_clear(&b.arena);
		return LLVMFuzzerMutate(data, len, max);
	}
	for (size_t n = 1 + loose_roll(&b.random, 3); n > 0; n--)
		loose_step(&b);
	loose_write(&b, &out);
	arena_clear(&b.arena);
	if (out.failed || out.len == 0)
		return LLVMFuzzerMutate(data, len, max);
	memcpy(data, out.ptr, out.len);
	return out.len;
}

#endif
