/* Objects one behind the other in a stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/object_stream.h"

#define FIRST "lk1/backup/data/abc"
#define SECOND "lk1/backup/snap/0123-abc"

static void
stream_fill(struct buf *out)
{
	buf_init(out, 4096);
	object_stream_begin(out);
	object_stream_write(out, FIRST, BYTES_STR("hello"));
	object_stream_write(out, SECOND, BYTES_STR("again"));
	object_stream_finish(out, 2);
}

/* Reads it in such pieces, to its end. */
static lk_err
stream_read(struct bytes in, size_t piece, struct buf *found_all)
{
	struct object_stream s;
	struct object_found o;
	lk_err err = LK_NONE;
	bool found;

	object_stream_init(&s);
	for (size_t at = 0, n; at < in.len && err.code == LK_OK; at += n) {
		n = in.len - at < piece ? in.len - at : piece;
		err = object_stream_feed(&s, BYTES(in.ptr + at, n));
		do {
			found = false;
			if (err.code == LK_OK)
				err = object_stream_next(&s, &o, &found);
			if (found) {
				buf_str(found_all, o.name);
				buf_str(found_all, "=");
				buf_add(found_all, o.bytes);
				buf_str(found_all, " ");
			}
		} while (found);
	}
	if (err.code == LK_OK)
		err = object_stream_end(&s);
	object_stream_clear(&s);
	return err;
}

static const char wanted[] = FIRST "=hello " SECOND "=again ";

static void
a_stream_gives_back_its_objects_in_whatever_pieces_it_comes(void **state)
{
	BUF_SCOPED stream = { .max = 1 };

	(void)state;
	stream_fill(&stream);
	for (size_t piece = 1; piece <= stream.len; piece++) {
		BUF_SCOPED all = { .max = 4096 };

		assert_int_equal(
		    stream_read(buf_bytes(&stream), piece, &all).code, LK_OK);
		assert_true(bytes_equal(buf_bytes(&all), BYTES_STR(wanted)));
	}
}

static void
every_proper_prefix_of_a_stream_is_truncated(void **state)
{
	BUF_SCOPED stream = { .max = 1 };

	(void)state;
	stream_fill(&stream);
	for (size_t n = 0; n < stream.len; n++) {
		BUF_SCOPED all = { .max = 4096 };

		assert_int_equal(
		    stream_read(BYTES(stream.ptr, n), 7, &all).code,
		    LK_E_TRUNCATED);
	}
}

/* What is wrong with an object says its name, which is its hash: that stays as
 * it was, or the stream is refused. */
static void
every_other_byte_of_a_stream_is_told_or_in_a_name_or_an_object(void **state)
{
	BUF_SCOPED stream = { .max = 1 };

	(void)state;
	stream_fill(&stream);
	for (size_t i = 0; i < stream.len; i++)
		for (unsigned flip = 1; flip < 256; flip++) {
			lk_err err;
			BUF_SCOPED all = { .max = 4096 };

			stream.ptr[i] ^= (uint8_t)flip;
			err = stream_read(buf_bytes(&stream), 9, &all);
			stream.ptr[i] ^= (uint8_t)flip;
			assert_true(err.code != LK_OK ||
			    !bytes_equal(buf_bytes(&all), BYTES_STR(wanted)));
		}
}

static void
bytes_behind_the_end_are_malformed(void **state)
{
	BUF_SCOPED stream = { .max = 1 };

	(void)state;
	stream_fill(&stream);
	buf_u8(&stream, 0);
	for (size_t piece = 1; piece <= stream.len; piece++) {
		BUF_SCOPED all = { .max = 4096 };

		assert_int_equal(
		    stream_read(buf_bytes(&stream), piece, &all).code,
		    LK_E_MALFORMED);
	}
}

/* One frame with that name and length, as its head alone. */
static lk_err
head_read(const char *name, uint64_t len)
{
	BUF_SCOPED stream = { .max = 4096 };
	BUF_SCOPED all = { .max = 4096 };

	object_stream_begin(&stream);
	buf_u8(&stream, 1);
	buf_counted(&stream, BYTES_STR(name));
	buf_uleb(&stream, len);
	return stream_read(buf_bytes(&stream), 4096, &all);
}

static void
what_is_no_name_or_too_long_is_malformed_before_it_comes(void **state)
{
	char name[OBJECT_NAME_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[OBJECT_NAME_MAX + 1] = '\0';
	assert_int_equal(head_read(name, 1).code, LK_E_MALFORMED);
	name[OBJECT_NAME_MAX] = '\0';
	assert_int_equal(head_read(name, 1).code, LK_E_TRUNCATED);
	assert_int_equal(head_read("", 1).code, LK_E_MALFORMED);
	assert_int_equal(head_read("lk1/../x", 1).code, LK_E_MALFORMED);
	assert_int_equal(head_read("/lk1/x", 1).code, LK_E_MALFORMED);
	assert_int_equal(head_read(FIRST, 0).code, LK_E_MALFORMED);
	assert_int_equal(
	    head_read(FIRST, OBJECT_BYTES_MAX).code, LK_E_TRUNCATED);
	assert_int_equal(
	    head_read(FIRST, OBJECT_BYTES_MAX + 1).code, LK_E_MALFORMED);
	assert_int_equal(head_read(FIRST, UINT64_MAX).code, LK_E_MALFORMED);
}

static void
the_beginning_says_what_it_is_and_of_which_version(void **state)
{
	BUF_SCOPED all = { .max = 4096 };

	(void)state;
	assert_int_equal(
	    stream_read(BYTES_STR("LKBS\2"), 5, &all).code, LK_E_VERSION);
	assert_int_equal(
	    stream_read(BYTES((const uint8_t *)"LKBS", 5), 5, &all).code,
	    LK_E_MALFORMED);
	assert_int_equal(
	    stream_read(BYTES_STR("K"), 5, &all).code, LK_E_MALFORMED);
	assert_int_equal(
	    stream_read(BYTES_STR("LKBK"), 5, &all).code, LK_E_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_stream_gives_back_its_objects_in_whatever_pieces_it_comes),
		cmocka_unit_test(every_proper_prefix_of_a_stream_is_truncated),
		cmocka_unit_test(
		    every_other_byte_of_a_stream_is_told_or_in_a_name_or_an_object),
		cmocka_unit_test(bytes_behind_the_end_are_malformed),
		cmocka_unit_test(
		    what_is_no_name_or_too_long_is_malformed_before_it_comes),
		cmocka_unit_test(
		    the_beginning_says_what_it_is_and_of_which_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
