/*
 * Bodies of document chunks, without their heads being checked, which would
 * let nothing through.  The changes that come out must be canonical, and the
 * rows that are written of them must be those that were read.
 */
#include <string.h>

#include "crdt/document.h"
#include "crdt/document_read.h"
#include "tests/fuzz/crdt/few_rows.h"
#include "tests/fuzz/crdt/loose_mutate.h"

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

	buf_init(&file, DOCUMENT_BODY_MAX);
	/* Ops may refer to what is not there, which is not seen here. */
	if (history_write(&file, l->at, l->len).code == LK_OK)
		check_rows(d, buf_bytes(&file));
}

struct kept {
	struct arena arena;
	struct change_list list;
};

static lk_err
change_keep(void *ctx, const struct change *made)
{
	struct kept *k = ctx;
	struct bytes body = arena_copy(&k->arena, made->body);
	struct change c;

	if (body.ptr == NULL)
		return LK_ERR(LK_E_LIMIT, "changes");
	TRY(change_decode(&c, &k->arena, body));
	LK_ASSERT(memcmp(c.hash, made->hash, LK_ID_LEN) == 0);
	LK_ASSERT(c.ops_len == made->ops_len);
	return change_list_add(&k->list, &c);
}

/* Right but for its heads, which are checked last and hardly ever right. */
static bool
right_to_the_heads(lk_err err)
{
	return err.code == LK_OK || strncmp(err.what, "head", 4) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct kept kept = { 0 };
	struct document d;

	arena_init(&kept.arena, DOCUMENT_BODY_MAX);
	if (document_parse(&d, BYTES(bytes, len)).code == LK_OK &&
	    d.rows_len < ROWS_MAX && d.changes.len < ROWS_MAX &&
	    right_to_the_heads(document_rebuild(&d, change_keep, &kept)))
		check_changes(&d, &kept.list);
	document_clear(&d);
	change_list_clear(&kept.list);
	arena_clear(&kept.arena);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	return loose_body_mutate(LOOSE_DOCUMENT, data, len, max, seed);
}
