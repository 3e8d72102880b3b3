/*
 * Bodies of document chunks, without their heads being checked, which would
 * let nothing through.  The changes that come out must be canonical, and the
 * rows that are written of them must be those that were read.
 */
#include <string.h>

#include "tests/fuzz/crdt/few_rows.h"
#include "crdt/document.h"
#include "crdt/document_read.h"

#define ROWS_MAX 100000

static void
check_rows(const struct document *d, struct bytes file)
{
	struct rd r = rd_over(file);
	struct chunk chunk;
	struct document again;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, DOCUMENT_BODY_MAX);
	LK_ASSERT(chunk_next(&r, &arena, &chunk).code == LK_OK);
	LK_ASSERT(document_parse(&again, chunk.body).code == LK_OK);
	LK_ASSERT(again.rows_len == d->rows_len);
	LK_ASSERT(again.edges_len == d->edges_len);
	for (size_t i = 0; i < again.rows_len; i++)
		LK_ASSERT(again.rows[i].ctr == d->rows[i].ctr);
	document_clear(&again);
}

static void
check_changes(const struct document *d, const struct change_list *l)
{
	BUF_SCOPED file = { 0 };

	for (size_t i = 0; i < l->len; i++) {
		struct change c;
		ARENA_SCOPED arena = { 0 };

		arena_init(&arena, CHANGE_BODY_MAX);
		LK_ASSERT(
		    change_decode(&c, &arena, l->at[i].body).code == LK_OK);
		LK_ASSERT(memcmp(c.hash, l->at[i].hash, LK_ID_LEN) == 0);
	}
	buf_init(&file, DOCUMENT_BODY_MAX);
	/* Ops may refer to what is not there, which is not seen here. */
	if (history_write(&file, l->at, l->len).code == LK_OK)
		check_rows(d, buf_bytes(&file));
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct change_list l = { 0 };
	struct document d;
	ARENA_SCOPED keep = { 0 };

	arena_init(&keep, DOCUMENT_BODY_MAX);
	if (document_parse(&d, BYTES(bytes, len)).code == LK_OK &&
	    d.rows_len < ROWS_MAX && d.changes.len < ROWS_MAX &&
	    document_rebuild(&d, &keep, &l).code == LK_OK)
		check_changes(&d, &l);
	document_clear(&d);
	change_list_clear(&l);
	return 0;
}
