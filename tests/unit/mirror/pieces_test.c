/* Long files in pieces: where they are cut, what is written of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "mirror/pieces.h"

#define CONTENT ((size_t)12 * 1024 * 1024)

/* xorshift64: no two runs of bytes are the same. */
static uint8_t *
content_make(size_t len, uint64_t seed)
{
	uint8_t *b = malloc(len);
	uint64_t x = seed;

	assert_non_null(b);
	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		b[i] = (uint8_t)(x >> 32);
	}
	return b;
}

static size_t
list_make(struct bytes content, struct buf *list)
{
	size_t n, pieces = 0;

	buf_init(list, PIECES_MAX * PIECE_RECORD_LEN);
	for (; (n = piece_cut(content, true)) > 0; pieces++) {
		struct piece p = { .len = (uint32_t)n };

		assert_true(n <= PIECE_MAX);
		assert_true(n >= PIECE_MIN || n == content.len);
		piece_digest(p.digest, BYTES(content.ptr, n));
		piece_write(list, &p);
		content = BYTES(content.ptr + n, content.len - n);
	}
	return pieces;
}

static void
pieces_hold_the_whole_file_and_say_its_digest(void **state)
{
	uint8_t *content = content_make(CONTENT, 1);
	uint8_t whole[FILE_DIGEST_LEN], listed[FILE_DIGEST_LEN];
	struct buf list;
	uint64_t len;

	(void)state;
	assert_true(list_make(BYTES(content, CONTENT), &list) > 12);
	file_digest(whole, BYTES(content, CONTENT));
	assert_int_equal(
	    pieces_digest(listed, &len, buf_bytes(&list)).code, LK_OK);
	assert_int_equal(len, CONTENT);
	assert_memory_equal(whole, listed, sizeof(whole));
	content[CONTENT - 1] ^= 1;
	file_digest(whole, BYTES(content, CONTENT));
	assert_memory_not_equal(whole, listed, sizeof(whole));
	buf_clear(&list);
	free(content);
}

static bool
list_has(struct bytes list, const struct piece *wanted)
{
	struct piece p;

	while (piece_take(&list, &p))
		if (memcmp(p.digest, wanted->digest, sizeof(p.digest)) == 0)
			return true;
	return false;
}

static void
an_insertion_changes_the_pieces_around_it_and_no_others(void **state)
{
	uint8_t *content = content_make(CONTENT + 100, 2);
	struct buf before, after;
	struct bytes left;
	struct piece p;
	size_t other = 0;

	(void)state;
	(void)list_make(BYTES(content, CONTENT), &before);
	memmove(content + CONTENT / 2 + 100, content + CONTENT / 2,
	    CONTENT - CONTENT / 2);
	(void)list_make(BYTES(content, CONTENT + 100), &after);
	left = buf_bytes(&after);
	while (piece_take(&left, &p))
		other += !list_has(buf_bytes(&before), &p);
	assert_in_range(other, 1, 3);
	buf_clear(&before);
	buf_clear(&after);
	free(content);
}

/* What is there of a file so far decides nothing that more would change. */
static void
a_cut_does_not_depend_on_how_much_was_read(void **state)
{
	uint8_t *content = content_make(2 * PIECE_MAX, 3);
	size_t cut = piece_cut(BYTES(content, 2 * PIECE_MAX), true);

	(void)state;
	for (size_t have = 0; have <= 2 * PIECE_MAX; have += 4099) {
		size_t n = piece_cut(BYTES(content, have), false);

		assert_true(n == 0 || n == cut);
		assert_true(n == cut || have < PIECE_MAX);
	}
	free(content);
}

/* docs/storage.md: computed apart from this code. */
static void
digests_are_those_of_the_documentation(void **state)
{
	static const uint8_t empty[] = { 0xce, 0x32, 0x41, 0xc2, 0x50, 0x0e,
		0xbe, 0x75, 0x0d, 0xdd, 0x86, 0x83, 0x38, 0x29, 0x71, 0xd0,
		0x88, 0x47, 0x61, 0x10, 0x2f, 0x12, 0xd0, 0xc9, 0x39, 0x2e,
		0x81, 0x78, 0x59, 0xb7, 0xb0, 0xd0 };
	static const uint8_t long_one[] = { 0x17, 0x96, 0xc4, 0x4a, 0xf9, 0xaa,
		0xac, 0x23, 0x65, 0x05, 0x23, 0xab, 0x17, 0xb3, 0xa6, 0x65,
		0xff, 0x77, 0x99, 0x2a, 0x65, 0xf0, 0xf3, 0x83, 0x94, 0x88,
		0xc3, 0x19, 0xdb, 0x7e, 0x56, 0x07 };
	uint8_t digest[FILE_DIGEST_LEN];
	uint8_t *content = malloc(CONTENT);
	uint64_t x = 1;

	(void)state;
	assert_non_null(content);
	for (size_t i = 0; i < CONTENT; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		content[i] = (uint8_t)(x >> 56);
	}
	file_digest(digest, BYTES(NULL, 0));
	assert_memory_equal(digest, empty, sizeof(digest));
	file_digest(digest, BYTES(content, CONTENT));
	assert_memory_equal(digest, long_one, sizeof(digest));
	free(content);
}

static void
a_list_that_is_none_is_refused(void **state)
{
	uint8_t *content = content_make(PIECE_MAX * 3, 4);
	uint8_t digest[FILE_DIGEST_LEN];
	struct buf list;
	struct piece p;
	uint64_t len;

	(void)state;
	(void)list_make(BYTES(content, PIECE_MAX * 3), &list);
	for (size_t n = 0; n <= list.len; n++)
		assert_int_equal(
		    pieces_digest(digest, &len, BYTES(list.ptr, n)).code,
		    n > 0 && n % PIECE_RECORD_LEN == 0 ? LK_OK
						       : LK_E_MALFORMED);
	memset(&p, 0, sizeof(p));
	piece_write(&list, &p);
	assert_int_equal(
	    pieces_digest(digest, &len, buf_bytes(&list)).code, LK_E_MALFORMED);
	list.len -= PIECE_RECORD_LEN;
	p.len = PIECE_MAX + 1;
	piece_write(&list, &p);
	assert_int_equal(
	    pieces_digest(digest, &len, buf_bytes(&list)).code, LK_E_MALFORMED);
	buf_reset(&list);
	p.len = PIECE_MAX;
	for (size_t i = 0; i <= FILE_SIZE_MAX / PIECE_MAX; i++)
		piece_write(&list, &p);
	assert_int_equal(
	    pieces_digest(digest, &len, buf_bytes(&list)).code, LK_E_MALFORMED);
	buf_clear(&list);
	free(content);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_hold_the_whole_file_and_say_its_digest),
		cmocka_unit_test(
		    an_insertion_changes_the_pieces_around_it_and_no_others),
		cmocka_unit_test(a_cut_does_not_depend_on_how_much_was_read),
		cmocka_unit_test(digests_are_those_of_the_documentation),
		cmocka_unit_test(a_list_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
