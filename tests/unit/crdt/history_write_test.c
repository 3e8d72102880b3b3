#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/fuzz/crdt/few_rows.h"
#include "tests/unit/crdt/doc_replica.h"

#include "crdt/document_write.c"
#include "crdt/history_write.c"

/* Files of histories with more ops than a document chunk has room for: here,
 * more than 1024 (few_rows.h). */

#define CHANGES 5
#define FILE_MAX ((size_t)1024 * 1024)

struct made {
	struct bytes bodies[CHANGES];
	uint8_t hashes[CHANGES][LK_ID_LEN];
	size_t len;
	uint64_t ops;
	struct arena arena;
};

/* On top of the last one, a change with so many ops at the same key. */
static void
change_make(struct made *m, size_t ops, struct bytes message, bool alike)
{
	static const uint8_t actor[] = { 1, 2, 3 };
	struct change_head head = { .actor = BYTES_OF(actor),
		.seq = m->len + 1,
		.start_op = m->ops + 1,
		.deps = m->len > 0 ? m->hashes[m->len - 1] : NULL,
		.deps_len = m->len > 0,
		.message = message };
	struct op op = {
		.key_kind = KEY_MAP, .key = BYTES_STR("k"), .action = ACTION_SET
	};
	struct dice dice = dice_of(ops);
	BUF_SCOPED body = { .max = FILE_MAX };
	struct change_writer *w;

	op.value.type = alike ? VALUE_NULL : VALUE_UINT;
	assert_ok(change_writer_new(&w, &head));
	for (size_t i = 0; i < ops; i++) {
		op.value.u64 = dice_roll(&dice, UINT32_MAX);
		assert_ok(change_writer_add(w, &op));
	}
	assert_ok(change_writer_finish(w, &body));
	change_writer_free(w);
	m->bodies[m->len] = arena_copy(&m->arena, buf_bytes(&body));
	chunk_hash(m->hashes[m->len], CHUNK_CHANGE, m->bodies[m->len]);
	m->len++;
	m->ops += ops;
}

/* Writes them as they are, and last to first: the same file. */
static void
write_both(const struct made *m, struct buf *file)
{
	struct change reversed[CHANGES];
	struct history h;
	BUF_SCOPED again = { .max = FILE_MAX };

	assert_ok(history_from_changes(&h, m->bodies, m->len));
	assert_int_equal(h.changes_len, m->len);
	for (size_t i = 0; i < m->len; i++)
		reversed[i] = h.changes[m->len - 1 - i];
	assert_ok(history_write(file, h.changes, m->len));
	assert_ok(history_write(&again, reversed, m->len));
	assert_true(bytes_equal(buf_bytes(file), buf_bytes(&again)));
	history_clear(&h);
}

static void
read_back(const struct made *m, struct bytes file, size_t len)
{
	struct history h;

	assert_ok(history_read(&h, file));
	assert_int_equal(h.changes_len, len);
	assert_int_equal(h.orphans_len, 0);
	for (size_t i = 0; i < len; i++)
		assert_memory_equal(h.changes[i].hash, m->hashes[i], LK_ID_LEN);
	history_clear(&h);
}

/* The types of a file's chunks, as they are in it, and where each ends. */
static size_t
chunk_types(struct bytes file, uint8_t *types, size_t *ends)
{
	struct rd r = rd_over(file);
	ARENA_SCOPED arena = { .max = FILE_MAX };
	size_t n = 0;

	while (r.left.len > 0) {
		struct chunk chunk;

		assert_true(n < CHANGES);
		types[n] = r.left.ptr[8];
		assert_ok(chunk_next(&r, &arena, &chunk));
		ends[n++] = file.len - r.left.len;
	}
	return n;
}

static void
what_a_document_has_no_room_for_follows_as_changes(void **state)
{
	static uint8_t letters[1000];
	struct made m = { .arena = { .max = FILE_MAX } };
	BUF_SCOPED file = { .max = FILE_MAX };
	uint8_t types[CHANGES];
	size_t ends[CHANGES], at = 0;

	(void)state;
	memset(letters, 'x', sizeof(letters));
	change_make(&m, 23, BYTES_STR(""), true);
	change_make(&m, 1000, BYTES_STR(""), true);
	change_make(&m, 2, BYTES_STR(""), true);
	change_make(&m, 1, BYTES_OF(letters), true);
	write_both(&m, &file);
	assert_int_equal(chunk_types(buf_bytes(&file), types, ends), 3);
	assert_int_equal(types[0], CHUNK_DOCUMENT);
	assert_int_equal(types[1], CHUNK_CHANGE);
	assert_int_equal(types[2], CHUNK_DEFLATED_CHANGE);
	assert_true(file.len < sizeof(letters));
	read_back(&m, buf_bytes(&file), 4);
	/* Cut between chunks it is a shorter history, elsewhere none. */
	for (size_t len = 1; len < file.len; len++) {
		struct history h;

		if (len == ends[at]) {
			read_back(&m, BYTES(file.ptr, len), 2 + at);
			at++;
			continue;
		}
		assert_code(
		    history_read(&h, BYTES(file.ptr, len)), LK_E_TRUNCATED);
	}
	assert_int_equal(at, 2);
	arena_clear(&m.arena);
}

static void
first_change_that_fills_a_document_leaves_room_for_no_other(void **state)
{
	struct made m = { .arena = { .max = FILE_MAX } };
	BUF_SCOPED file = { .max = FILE_MAX };
	uint8_t types[CHANGES];
	size_t ends[CHANGES];

	(void)state;
	change_make(&m, OPS_FREE, BYTES_STR(""), true);
	change_make(&m, 1, BYTES_STR(""), true);
	write_both(&m, &file);
	assert_int_equal(chunk_types(buf_bytes(&file), types, ends), 2);
	assert_int_equal(types[0], CHUNK_DOCUMENT);
	assert_int_equal(types[1], CHUNK_CHANGE);
	read_back(&m, buf_bytes(&file), 2);
	arena_clear(&m.arena);
}

static void
a_document_with_bytes_for_its_ops_holds_them_all(void **state)
{
	struct made m = { .arena = { .max = FILE_MAX } };
	BUF_SCOPED file = { .max = FILE_MAX };
	uint8_t types[CHANGES];
	size_t ends[CHANGES];

	(void)state;
	change_make(&m, 1000, BYTES_STR(""), false);
	change_make(&m, OPS_FREE + 500, BYTES_STR(""), false);
	write_both(&m, &file);
	assert_int_equal(chunk_types(buf_bytes(&file), types, ends), 1);
	assert_int_equal(types[0], CHUNK_DOCUMENT);
	read_back(&m, buf_bytes(&file), 2);
	arena_clear(&m.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_a_document_has_no_room_for_follows_as_changes),
		cmocka_unit_test(
		    first_change_that_fills_a_document_leaves_room_for_no_other),
		cmocka_unit_test(
		    a_document_with_bytes_for_its_ops_holds_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
