#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"

static void
a_seed_gives_the_same_bytes_every_time(void **state)
{
	struct random_seeded sa, sb;
	struct random a = random_from_seed(&sa, 42);
	struct random b = random_from_seed(&sb, 42);
	uint8_t one[100], two[100];

	(void)state;
	for (int i = 0; i < 10; i++) {
		random_fill(&a, one, sizeof(one));
		random_fill(&b, two, sizeof(two));
		assert_memory_equal(one, two, sizeof(one));
	}
	assert_true(random_u64(&a) == random_u64(&b));
}

static void
seeds_and_calls_differ(void **state)
{
	struct random_seeded sa, sb;
	struct random a = random_from_seed(&sa, 1);
	struct random b = random_from_seed(&sb, 1ull << 56);
	uint64_t first = random_u64(&a);

	(void)state;
	assert_true(first != random_u64(&b));
	assert_true(first != random_u64(&a));
}

static void
below_stays_below_and_reaches_everything(void **state)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, 3);
	unsigned seen[7] = { 0 };

	(void)state;
	for (int i = 0; i < 7000; i++)
		seen[random_below(&random, 7)]++;
	for (size_t i = 0; i < 7; i++)
		assert_in_range(seen[i], 850, 1150);
	assert_true(random_below(&random, 1) == 0);
	for (int i = 0; i < 100; i++)
		assert_true(
		    random_below(&random, (1ull << 63) + 1) <= 1ull << 63);
}

static void
the_system_gives_something_else_each_time(void **state)
{
	struct random random = random_system();

	(void)state;
	assert_true(random_u64(&random) != random_u64(&random));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_same_bytes_every_time),
		cmocka_unit_test(seeds_and_calls_differ),
		cmocka_unit_test(below_stays_below_and_reaches_everything),
		cmocka_unit_test(the_system_gives_something_else_each_time),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
