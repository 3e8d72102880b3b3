/*
 * loose_body.h - for fuzzers: the body of a chunk taken apart, and put together
 * again.
 */
#ifndef TESTS_FUZZ_LOOSE_BODY_H
#define TESTS_FUZZ_LOOSE_BODY_H

#include "crdt/change_body.h"
#include "tests/fuzz/crdt/loose_table.h"

#define LOOSE_ACTORS_MAX 32

enum loose_kind { LOOSE_CHANGE, LOOSE_LEAN, LOOSE_DOCUMENT };

struct loose_body {
	enum loose_kind kind;
	uint64_t random;
	struct arena arena;
	/* Changes; lean ones have no head. */
	struct change_head head;
	int64_t time;
	struct bytes message;
	/* Other actors, or those of the document. */
	struct bytes actors[LOOSE_ACTORS_MAX];
	size_t actors_len;
	struct bytes hashes; /* heads of a document */
	struct loose_table tables[2];
	size_t tables_len;
	struct bytes tail; /* extra bytes, or the rows of heads */
};

static inline void
loose_read_actors(struct loose_body *b, struct rd *r)
{
	uint64_t n = rd_uleb(r);

	if (n > LOOSE_ACTORS_MAX)
		r->failed = true;
	while (!r->failed && b->actors_len < n)
		b->actors[b->actors_len++] = rd_counted(r);
}

static inline bool
loose_read(struct loose_body *b, struct bytes body)
{
	struct column columns[2][LOOSE_COLUMNS_MAX];
	size_t len[2] = { 0 };
	struct rd r = rd_over(body);

	if (b->kind == LOOSE_CHANGE)
		change_head_read(&r, &b->head);
	if (b->kind != LOOSE_DOCUMENT) {
		b->time = rd_sleb(&r);
		b->message = rd_counted(&r);
	}
	loose_read_actors(b, &r);
	if (b->kind == LOOSE_DOCUMENT) {
		uint64_t n = rd_uleb(&r);

		if (n > r.left.len / LK_ID_LEN)
			return false;
		b->hashes = rd_take(&r, (size_t)n * LK_ID_LEN);
	}
	b->tables_len = b->kind == LOOSE_DOCUMENT ? 2 : 1;
	for (size_t t = 0; t < b->tables_len; t++)
		if (columns_read_meta(
			&r, columns[t], LOOSE_COLUMNS_MAX, &len[t])
			.code != LK_OK)
			return false;
	for (size_t t = 0; t < b->tables_len; t++)
		if (columns_read_data(&r, columns[t], len[t]).code != LK_OK)
			return false;
	b->tail = r.left;
	for (size_t t = 0; t < b->tables_len && !r.failed; t++) {
		b->tables[t].arena = &b->arena;
		b->tables[t].random = &b->random;
		table_take_apart(&b->tables[t], columns[t], len[t]);
	}
	return !r.failed;
}

static inline void
loose_write(struct loose_body *b, struct buf *out)
{
	struct column columns[2][LOOSE_COLUMNS_MAX];
	size_t len[2];

	if (b->kind == LOOSE_CHANGE)
		change_head_write(out, &b->head);
	if (b->kind != LOOSE_DOCUMENT) {
		buf_sleb(out, b->time);
		buf_counted(out, b->message);
	}
	buf_uleb(out, b->actors_len);
	for (size_t i = 0; i < b->actors_len; i++)
		buf_counted(out, b->actors[i]);
	if (b->kind == LOOSE_DOCUMENT) {
		buf_uleb(out, b->hashes.len / LK_ID_LEN);
		buf_add(out, b->hashes);
	}
	for (size_t t = 0; t < b->tables_len; t++)
		len[t] = table_put_together(&b->tables[t], columns[t]);
	for (size_t t = 0; t < b->tables_len; t++)
		columns_write_meta(out, columns[t], len[t]);
	for (size_t t = 0; t < b->tables_len; t++)
		columns_write_data(out, columns[t], len[t]);
	buf_add(out, b->tail);
}

#endif
