/* Clocks that share structure, and the index and arrays below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access/array.h"
#include "access/vclock.h"

#define CHAINS 700
#define ROUNDS 400

static uint32_t
next(uint64_t *seed, uint32_t n)
{
	*seed = *seed * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33) % n;
}

static void
equal_clocks_have_equal_handles(void **state)
{
	struct vclock_pool p = { 0 };
	uint32_t a, b;

	(void)state;
	a = vclock_raise(&p, vclock_raise(&p, 0, 5, 7), 300, 2);
	b = vclock_raise(&p, vclock_raise(&p, 0, 300, 2), 5, 7);
	assert_int_equal(a, b);
	assert_int_equal(vclock_raise(&p, a, 5, 6), a);
	assert_int_equal(vclock_raise(&p, a, 9, 0), a);
	assert_int_equal(vclock_get(&p, a, 5), 7);
	assert_int_equal(vclock_get(&p, a, 300), 2);
	assert_int_equal(vclock_get(&p, a, 4), 0);
	assert_int_equal(vclock_get(&p, a, UINT32_MAX), 0);
	assert_int_equal(vclock_get(&p, 0, 0), 0);
	vclock_pool_clear(&p);
}

static void
merging_takes_the_greater_of_every_entry(void **state)
{
	struct vclock_pool p = { 0 };
	uint32_t clock[8] = { 0 }, plain[8][CHAINS] = { { 0 } };
	uint64_t seed = 1;

	(void)state;
	for (uint32_t r = 0; r < ROUNDS; r++) {
		uint32_t to = next(&seed, 8), with = next(&seed, 8);
		uint32_t i = next(&seed, next(&seed, 2) ? 20 : CHAINS);
		uint32_t v = next(&seed, 50), n = 0, at = 0, got;

		clock[to] = vclock_raise(&p, clock[to], i, v);
		if (v > plain[to][i])
			plain[to][i] = v;
		clock[to] = vclock_merge(&p, clock[to], clock[with]);
		for (uint32_t c = 0; c < CHAINS; c++) {
			if (plain[with][c] > plain[to][c])
				plain[to][c] = plain[with][c];
			assert_int_equal(
			    vclock_get(&p, clock[to], c), plain[to][c]);
		}
		for (; vclock_next(&p, clock[to], &at, &got); at++) {
			while (plain[to][n] == 0)
				n++;
			assert_int_equal(at, n);
			assert_int_equal(got, plain[to][n++]);
		}
		assert_int_equal(
		    vclock_merge(&p, clock[with], clock[to]), clock[to]);
	}
	assert_false(p.failed);
	vclock_pool_clear(&p);
}

static void
a_rollback_forgets_only_what_came_after(void **state)
{
	struct vclock_pool p = { 0 };
	uint32_t a = 0, len, again;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		a = vclock_raise(&p, a, i * 3, i + 1);
	len = p.len;
	for (uint32_t i = 0; i < 1000; i++)
		(void)vclock_raise(&p, a, i, 1000 + i);
	vclock_rollback(&p, len);
	assert_int_equal(p.len, len);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(vclock_get(&p, a, i * 3), i + 1);
	again = vclock_raise(&p, a, 17, 4);
	assert_int_equal(vclock_get(&p, again, 17), 4);
	assert_int_equal(vclock_get(&p, again, 18), 7);
	vclock_pool_clear(&p);
}

static void
great_indices_have_a_place(void **state)
{
	struct vclock_pool p = { 0 };
	uint32_t a = vclock_raise(&p, 0, UINT32_MAX, 3), i = 1, v;

	(void)state;
	a = vclock_raise(&p, a, 0, 1);
	assert_int_equal(vclock_get(&p, a, UINT32_MAX), 3);
	assert_int_equal(vclock_get(&p, a, UINT32_MAX - 1), 0);
	assert_true(vclock_next(&p, a, &i, &v));
	assert_int_equal(i, UINT32_MAX);
	assert_int_equal(v, 3);
	vclock_pool_clear(&p);
}

static void
an_index_finds_the_newest_first_and_forgets_from_the_end(void **state)
{
	struct lookup l = { 0 };
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_true(lookup_push(&l, i % 7));
	for (uint32_t n = 1000; n > 500; n--)
		lookup_pop(&l);
	/* 3 + 7 * 70 = 493, and 493 + 7 is gone. */
	i = lookup_first(&l, 3);
	for (uint32_t n = 71; n-- > 0; i = lookup_next(&l, i))
		assert_int_equal(i, 3 + 7 * n);
	assert_int_equal(i, LOOKUP_END);
	assert_int_equal(lookup_first(&l, 8), LOOKUP_END);
	lookup_clear(&l);
	assert_int_equal(lookup_first(&l, 3), LOOKUP_END);
}

static void
ascending_arrays_say_how_many_are_up_to_a_limit(void **state)
{
	struct u32s a = { 0 };

	(void)state;
	assert_int_equal(u32s_upto(&a, 5), 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(u32s_add(&a, 10 - i / 2));
	u32s_normalize(&a);
	assert_int_equal(a.len, 5);
	assert_int_equal(u32s_upto(&a, 5), 0);
	assert_int_equal(u32s_upto(&a, 6), 1);
	assert_int_equal(u32s_upto(&a, UINT32_MAX), 5);
	free(a.v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_clocks_have_equal_handles),
		cmocka_unit_test(merging_takes_the_greater_of_every_entry),
		cmocka_unit_test(a_rollback_forgets_only_what_came_after),
		cmocka_unit_test(great_indices_have_a_place),
		cmocka_unit_test(
		    an_index_finds_the_newest_first_and_forgets_from_the_end),
		cmocka_unit_test(
		    ascending_arrays_say_how_many_are_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
