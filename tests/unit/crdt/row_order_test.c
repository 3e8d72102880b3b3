#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "tests/fuzz/crdt/loose_body.h"
#include "tests/unit/crdt/data_file.h"

#define CHANGE_ROWS 0
#define OP_ROWS 1

size_t
LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max)
{
	(void)data;
	(void)max;
	return len;
}

/* Appends a document whose table `which` has row `from` at `to`; false when it
 * has no such rows. */
static bool
moved(struct buf *file, struct bytes body, int which, size_t from, size_t to)
{
	struct loose_body b = { .kind = LOOSE_DOCUMENT, .random = 1 };
	BUF_SCOPED out = { .max = LOOSE_BYTES_MAX };
	struct loose_table *t = &b.tables[which];
	bool any;

	arena_init(&b.arena, 64 * LOOSE_BYTES_MAX);
	/* Not with more actors than the fuzzers have. */
	any =
	    loose_read(&b, body) && from < table_rows(t) && to < table_rows(t);
	if (any) {
		row_move(t, from, to, false);
		loose_write(&b, &out);
		chunk_write(file, CHUNK_DOCUMENT, buf_bytes(&out));
	}
	arena_clear(&b.arena);
	return any;
}

static void
check_same(const struct history *a, const struct history *b)
{
	assert_int_equal(a->changes_len, b->changes_len);
	for (size_t i = 0; i < a->changes_len; i++)
		assert_memory_equal(
		    a->changes[i].hash, b->changes[i].hash, LK_ID_LEN);
}

struct tally {
	int which;
	size_t refused, taken;
};

static bool
try_move(const struct history *whole, struct bytes body, size_t from, size_t to,
    struct tally *t)
{
	struct history h;
	BUF_SCOPED file = { .max = LOOSE_BYTES_MAX };

	if (!moved(&file, body, t->which, from, to))
		return false;
	if (history_read(&h, buf_bytes(&file)).code != LK_OK) {
		t->refused++;
		return true;
	}
	t->taken++;
	check_same(whole, &h);
	history_clear(&h);
	return true;
}

static void
try_moves(const char *name, void *ctx)
{
	struct history whole;
	struct chunk chunk;
	struct rd r;
	BUF_SCOPED file = { 0 };
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, LOOSE_BYTES_MAX);
	if (!data_file(&file, "vectors", name, ".raw.automerge") ||
	    file.len > 2048)
		return;
	assert_int_equal(history_read(&whole, buf_bytes(&file)).code, LK_OK);
	r = rd_over(buf_bytes(&file));
	assert_int_equal(chunk_next(&r, &arena, &chunk).code, LK_OK);
	for (size_t d = 1; d < 4; d++)
		for (size_t i = 0; try_move(&whole, chunk.body, i, i + d, ctx);
		     i++)
			(void)try_move(&whole, chunk.body, i + d, i, ctx);
	history_clear(&whole);
}

static void
rows_of_ops_stand_in_one_order_or_the_document_is_refused(void **state)
{
	struct tally t = { .which = OP_ROWS };

	(void)state;
	assert_true(data_each("vectors", ".json", try_moves, &t) > 30);
	assert_true(t.refused > 1000);
	assert_int_equal(t.taken, 0);
}

/* Theirs is any order in which dependencies come first. */
static void
rows_of_changes_in_another_order_are_refused_or_mean_the_same(void **state)
{
	struct tally t = { .which = CHANGE_ROWS };

	(void)state;
	assert_true(data_each("vectors", ".json", try_moves, &t) > 30);
	assert_true(t.refused > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    rows_of_ops_stand_in_one_order_or_the_document_is_refused),
		cmocka_unit_test(
		    rows_of_changes_in_another_order_are_refused_or_mean_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
