#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

/* However little was in it before: a large piece does not fit either. */
static void
what_does_not_fit_is_over_the_limit_however_full_it_is(void **state)
{
	static const uint8_t big[101];

	(void)state;
	for (size_t had = 0; had <= 100; had++) {
		BUF_SCOPED b = { .max = 100 };

		buf_mem(&b, big, had);
		assert_int_equal(buf_err(&b, "buffer").code, LK_OK);
		buf_mem(&b, big, 101 - had);
		assert_int_equal(buf_err(&b, "buffer").code, LK_E_LIMIT);
		assert_int_equal(b.len, had);
	}
}

static void
a_buffer_that_failed_stays_as_it_is_until_it_is_emptied(void **state)
{
	BUF_SCOPED b = { .max = 4 };

	(void)state;
	buf_str(&b, "abc");
	buf_str(&b, "de");
	buf_str(&b, "f");
	assert_int_equal(buf_err(&b, "buffer").code, LK_E_LIMIT);
	assert_true(bytes_equal(buf_bytes(&b), BYTES_STR("abc")));
	buf_reset(&b);
	buf_str(&b, "wxyz");
	assert_int_equal(buf_err(&b, "buffer").code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&b), BYTES_STR("wxyz")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_does_not_fit_is_over_the_limit_however_full_it_is),
		cmocka_unit_test(
		    a_buffer_that_failed_stays_as_it_is_until_it_is_emptied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
