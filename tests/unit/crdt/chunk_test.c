#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/change.h"
#include "crdt/deflate.h"
#include "tests/unit/crdt/data_file.h"

#define TEST_ARENA_MAX ((size_t)128 * 1024 * 1024)

static lk_err
next_of(struct bytes file, struct arena *arena, struct chunk *chunk)
{
	struct rd r = rd_over(file);

	return chunk_next(&r, arena, chunk);
}

static void
a_chunk_reads_as_it_was_written(void **state)
{
	static const enum chunk_type types[] = { CHUNK_DOCUMENT, CHUNK_CHANGE,
		CHUNK_BUNDLE };
	static const uint8_t body[] = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct chunk chunk;
		uint8_t hash[LK_ID_LEN];
		BUF_SCOPED file = { 0 };
		ARENA_SCOPED arena = { 0 };

		arena_init(&arena, TEST_ARENA_MAX);
		buf_init(&file, 1024);
		chunk_write(&file, types[i], BYTES_OF(body));
		assert_int_equal(
		    next_of(buf_bytes(&file), &arena, &chunk).code, LK_OK);
		assert_int_equal(chunk.type, types[i]);
		assert_true(bytes_equal(chunk.body, BYTES_OF(body)));
		chunk_hash(hash, types[i], BYTES_OF(body));
		assert_memory_equal(hash, chunk.hash, LK_ID_LEN);
		assert_memory_equal(hash, file.ptr + 4, 4);
	}
}

static void
every_proper_prefix_of_a_chunk_is_truncated(void **state)
{
	BUF_SCOPED file = { 0 };

	(void)state;
	assert_true(data_file(&file, "negative", "ok-base", ".automerge"));
	for (size_t n = 0; n < 40; n++) {
		struct chunk chunk;
		uint8_t *copy = malloc(n + 1);
		ARENA_SCOPED arena = { 0 };

		arena_init(&arena, TEST_ARENA_MAX);
		assert_non_null(copy);
		memcpy(copy, file.ptr, n);
		assert_int_equal(next_of(BYTES(copy, n), &arena, &chunk).code,
		    LK_E_TRUNCATED);
		free(copy);
	}
}

static void
every_bit_of_a_chunk_is_checked(void **state)
{
	struct rd r;
	struct chunk chunk;
	size_t len;
	BUF_SCOPED file = { 0 };
	ARENA_SCOPED arena = { 0 };

	(void)state;
	arena_init(&arena, TEST_ARENA_MAX);
	assert_true(data_file(&file, "negative", "ok-base", ".automerge"));
	r = rd_over(buf_bytes(&file));
	assert_int_equal(chunk_next(&r, &arena, &chunk).code, LK_OK);
	len = file.len - r.left.len;
	for (size_t i = 0; i < len * 8; i++) {
		file.ptr[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_not_equal(
		    next_of(buf_bytes(&file), &arena, &chunk).code, LK_OK);
		file.ptr[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

/* A deflated change: the checksum is that of the plain one. */
static void
deflated_chunk(struct buf *file, struct bytes body, struct bytes tail)
{
	uint8_t hash[LK_ID_LEN];
	BUF_SCOPED deflated = { 0 };

	buf_init(&deflated, TEST_ARENA_MAX);
	assert_int_equal(deflate_raw(&deflated, body).code, LK_OK);
	buf_add(&deflated, tail);
	chunk_hash(hash, CHUNK_CHANGE, body);
	buf_init(file, TEST_ARENA_MAX);
	buf_mem(file, "\x85\x6f\x4a\x83", 4);
	buf_mem(file, hash, 4);
	buf_u8(file, CHUNK_DEFLATED_CHANGE);
	buf_counted(file, buf_bytes(&deflated));
}

static void
a_deflated_change_has_the_hash_of_the_plain_one(void **state)
{
	static const uint8_t body[] = "some body, some body, some body";
	static const uint8_t tail[] = { 1, 2, 3 };
	struct chunk chunk;
	uint8_t hash[LK_ID_LEN];
	BUF_SCOPED file = { 0 };
	ARENA_SCOPED arena = { 0 };

	(void)state;
	arena_init(&arena, TEST_ARENA_MAX);
	deflated_chunk(&file, BYTES_OF(body), BYTES_OF(tail));
	assert_int_equal(next_of(buf_bytes(&file), &arena, &chunk).code, LK_OK);
	assert_int_equal(chunk.type, CHUNK_CHANGE);
	assert_true(bytes_equal(chunk.body, BYTES_OF(body)));
	chunk_hash(hash, CHUNK_CHANGE, BYTES_OF(body));
	assert_memory_equal(hash, chunk.hash, LK_ID_LEN);
}

static void
a_bomb_is_refused_before_it_takes_memory(void **state)
{
	struct chunk chunk;
	BUF_SCOPED file = { 0 };
	ARENA_SCOPED arena = { 0 };

	(void)state;
	arena_init(&arena, 1024);
	assert_true(data_file(&file, "negative", "c54-zip-bomb", ".automerge"));
	assert_int_equal(
	    next_of(buf_bytes(&file), &arena, &chunk).code, LK_E_LIMIT);
	assert_int_equal(arena.used, 0);
}

static void
deflating_and_inflating_gives_the_same_bytes(void **state)
{
	static const size_t lens[] = { 0, 1, 255, 70000, 3000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t *plain = malloc(lens[i] + 1);
		BUF_SCOPED small = { 0 };
		BUF_SCOPED back = { 0 };

		assert_non_null(plain);
		for (size_t j = 0; j < lens[i]; j++)
			plain[j] = (uint8_t)(j * j >> 7);
		buf_init(&small, TEST_ARENA_MAX);
		buf_init(&back, TEST_ARENA_MAX);
		assert_int_equal(
		    deflate_raw(&small, BYTES(plain, lens[i])).code, LK_OK);
		assert_int_equal(
		    inflate_raw(&back, buf_bytes(&small), lens[i]).code, LK_OK);
		assert_true(
		    bytes_equal(buf_bytes(&back), BYTES(plain, lens[i])));
		if (lens[i] > 0)
			assert_int_equal(
			    inflate_raw(&back, buf_bytes(&small), lens[i] - 1)
				.code,
			    LK_E_LIMIT);
		buf_u8(&small, 0);
		assert_int_equal(
		    inflate_raw(&back, buf_bytes(&small), lens[i]).code,
		    LK_E_MALFORMED);
		free(plain);
	}
}

static void
every_proper_prefix_of_a_deflated_stream_is_truncated(void **state)
{
	static const uint8_t plain[] = "to be, or not to be, to be or not";
	BUF_SCOPED small = { 0 };
	BUF_SCOPED back = { 0 };

	(void)state;
	buf_init(&small, 1024);
	buf_init(&back, 1024);
	assert_int_equal(deflate_raw(&small, BYTES_OF(plain)).code, LK_OK);
	for (size_t n = 0; n < small.len; n++)
		assert_int_equal(
		    inflate_raw(&back, BYTES(small.ptr, n), 1024).code,
		    LK_E_TRUNCATED);
	assert_int_equal(back.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chunk_reads_as_it_was_written),
		cmocka_unit_test(every_proper_prefix_of_a_chunk_is_truncated),
		cmocka_unit_test(every_bit_of_a_chunk_is_checked),
		cmocka_unit_test(
		    a_deflated_change_has_the_hash_of_the_plain_one),
		cmocka_unit_test(a_bomb_is_refused_before_it_takes_memory),
		cmocka_unit_test(deflating_and_inflating_gives_the_same_bytes),
		cmocka_unit_test(
		    every_proper_prefix_of_a_deflated_stream_is_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
