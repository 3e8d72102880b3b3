#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/remotes.h"

static struct remotes *
three_remotes(void)
{
	static const struct remote_known known[] = {
		{ 2, "stick", "file:///media/stick" },
		{ 5, "cloud.1", "s3://bucket/prefix?region=eu-west-1" },
		{ 6, "friend",
		    "relay://0123456789abcdef0123456789abcdef"
		    "0123456789abcdef0123456789abcdef@example.org:4711" },
	};
	struct remotes *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->next = 9;
	r->len = 3;
	memcpy(r->list, known, sizeof(known));
	return (r);
}

static void
a_list_is_read_as_it_was_written(void **state)
{
	BUF_SCOPED bytes = { .max = REMOTES_BYTES_MAX };
	struct remotes *r = three_remotes(), *again = three_remotes();

	(void)state;
	remotes_encode(&bytes, r);
	memset(again, 0xa5, sizeof(*again));
	assert_int_equal(remotes_decode(again, buf_bytes(&bytes)).code, LK_OK);
	assert_memory_equal(again, r, sizeof(*r));
	assert_int_equal(remotes_find(again, "cloud.1")->number, 5);
	assert_null(remotes_find(again, "cloud"));
	free(r);
	free(again);
}

static void
every_proper_prefix_is_truncated(void **state)
{
	BUF_SCOPED bytes = { .max = REMOTES_BYTES_MAX };
	struct remotes *r = three_remotes();

	(void)state;
	remotes_encode(&bytes, r);
	for (size_t n = 0; n < bytes.len; n++)
		assert_int_equal(remotes_decode(r, BYTES(bytes.ptr, n)).code,
		    LK_E_TRUNCATED);
	buf_u8(&bytes, 0);
	assert_int_equal(
	    remotes_decode(r, buf_bytes(&bytes)).code, LK_E_MALFORMED);
	free(r);
}

static void
assert_refused(const struct remotes *r)
{
	BUF_SCOPED bytes = { .max = REMOTES_BYTES_MAX };
	struct remotes *out = calloc(1, sizeof(*out));

	assert_non_null(out);
	remotes_encode(&bytes, r);
	assert_int_equal(
	    remotes_decode(out, buf_bytes(&bytes)).code, LK_E_MALFORMED);
	assert_int_equal(out->len, 0);
	free(out);
}

static void
what_could_not_have_been_added_is_refused(void **state)
{
	struct remotes *r = three_remotes();

	(void)state;
	r->list[1].number = 2;
	assert_refused(r);
	r->list[1].number = 9;
	assert_refused(r);
	r->list[1].number = 5;
	r->next = 0;
	assert_refused(r);
	r->next = 9;
	strlcpy(r->list[2].name, "stick", sizeof(r->list[2].name));
	assert_refused(r);
	strlcpy(r->list[2].name, "a b", sizeof(r->list[2].name));
	assert_refused(r);
	strlcpy(r->list[2].name, "ok", sizeof(r->list[2].name));
	strlcpy(r->list[2].url, "http://x", sizeof(r->list[2].url));
	assert_refused(r);
	free(r);
}

static void
names_are_words(void **state)
{
	(void)state;
	assert_true(remote_name_is_valid("Stick-2.b_c"));
	assert_false(remote_name_is_valid(""));
	assert_false(remote_name_is_valid("-stick"));
	assert_false(remote_name_is_valid("my stick"));
	assert_false(remote_name_is_valid("a/b"));
	assert_false(remote_name_is_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
					  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_read_as_it_was_written),
		cmocka_unit_test(every_proper_prefix_is_truncated),
		cmocka_unit_test(what_could_not_have_been_added_is_refused),
		cmocka_unit_test(names_are_words),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
