#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/allowance.h"

static void
what_is_taken_comes_back_with_time(void **state)
{
	struct allowance a;
	struct mono now = { 5000 };

	(void)state;
	allowance_init(&a, 100, 10, now);
	assert_true(allowance_take(&a, 60, now));
	/* More than is left, once. */
	assert_true(allowance_take(&a, 60, now));
	assert_false(allowance_take(&a, 1, now));
	now.ms += 1900;
	assert_false(allowance_take(&a, 1, now));
	now.ms += 200;
	assert_true(allowance_take(&a, 1, now));
	/* Never more than at first. */
	now.ms += 1000000;
	assert_true(allowance_take(&a, 101, now));
	assert_false(allowance_take(&a, 1, now));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_comes_back_with_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
