#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/workers.h"

#define WORK_MAX 1000

static void
count_call(void *ctx, size_t i)
{
	unsigned *calls = ctx;

	calls[i]++;
}

static void
run_and_check(struct workers *w, size_t n)
{
	unsigned calls[WORK_MAX + 1] = { 0 };

	workers_run(w, count_call, calls, n);
	for (size_t i = 0; i <= WORK_MAX; i++)
		assert_int_equal(calls[i], i < n ? 1 : 0);
}

static void
every_index_is_called_exactly_once(void **state)
{
	struct workers *w = NULL;

	(void)state;
	for (size_t threads = 0; threads <= 4; threads++) {
		assert_int_equal(workers_open(&w, threads).code, LK_OK);
		for (size_t n = 0; n <= WORK_MAX; n = n * 3 / 2 + 1)
			for (int again = 0; again < 5; again++)
				run_and_check(w, n);
		workers_close(w);
	}
}

static void
more_threads_than_the_maximum_are_not_started(void **state)
{
	struct workers *w = NULL;

	(void)state;
	assert_int_equal(workers_open(&w, 1000).code, LK_OK);
	run_and_check(w, WORK_MAX);
	workers_close(w);
}

static void
closing_nothing_is_fine(void **state)
{
	(void)state;
	workers_close(NULL);
	assert_true(workers_suggested() <= WORKERS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_index_is_called_exactly_once),
		cmocka_unit_test(more_threads_than_the_maximum_are_not_started),
		cmocka_unit_test(closing_nothing_is_fine),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
