#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crdt/align.h"
#include "tests/unit/crdt/doc_replica.h"

/* The longest common subsequence by the textbook. */
static size_t
lcs(const uint32_t *a, size_t n, const uint32_t *b, size_t m)
{
	size_t t[33][33] = { { 0 } };

	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++)
			t[i][j] = a[i - 1] == b[j - 1]  ? t[i - 1][j - 1] + 1
			    : t[i - 1][j] > t[i][j - 1] ? t[i - 1][j]
							: t[i][j - 1];
	return t[n][m];
}

static void
alignment_finds_a_longest_common_subsequence(void **state)
{
	struct dice dice = dice_of(20261121);
	ALIGNER_SCOPED al = NULL;
	uint32_t a[32], b[32], match[32];

	(void)state;
	assert_ok(aligner_new(&al));
	for (int round = 0; round < 20000; round++) {
		size_t n = dice_roll(&dice, 33), m = dice_roll(&dice, 33);
		uint64_t letters = 1 + dice_roll(&dice, 6);
		size_t found = 0, after = 0;

		for (size_t i = 0; i < n; i++)
			a[i] = (uint32_t)dice_roll(&dice, letters);
		for (size_t i = 0; i < m; i++)
			b[i] = (uint32_t)dice_roll(&dice, letters);
		assert_ok(align_match(al, match, (struct series){ a, n },
		    (struct series){ b, m }));
		for (size_t i = 0; i < n; i++) {
			if (match[i] == ALIGN_NONE)
				continue;
			assert_true(match[i] < m && match[i] >= after);
			assert_int_equal(a[i], b[match[i]]);
			after = match[i] + 1;
			found++;
		}
		assert_int_equal(found, lcs(a, n, b, m));
	}
}

static void
alignment_of_very_different_series_is_still_right(void **state)
{
	enum { LEN = 9000 };
	uint32_t *a = calloc(LEN, sizeof(*a)), *b = calloc(LEN, sizeof(*b));
	uint32_t *match = calloc(LEN, sizeof(*match));
	ALIGNER_SCOPED al = NULL;

	(void)state;
	assert_ok(aligner_new(&al));
	for (uint32_t i = 0; i < LEN; i++) {
		a[i] = i;
		b[i] = i == 0 || i == LEN - 1 ? i : i + LEN;
	}
	assert_ok(align_match(
	    al, match, (struct series){ a, LEN }, (struct series){ b, LEN }));
	for (uint32_t i = 0; i < LEN; i++)
		assert_int_equal(
		    match[i], i == 0 || i == LEN - 1 ? i : ALIGN_NONE);
	free(a);
	free(b);
	free(match);
}

/* What was moved aside by long insertions at both ends is found. */
static void
what_occurs_once_holds_a_long_comparison_together(void **state)
{
	enum { LEN = 6000, NEW = 2000 };
	uint32_t *a = calloc(LEN, sizeof(*a));
	uint32_t *b = calloc(LEN + 2 * NEW, sizeof(*b));
	uint32_t *match = calloc(LEN, sizeof(*match));
	ALIGNER_SCOPED al = NULL;

	(void)state;
	assert_ok(aligner_new(&al));
	/* Every third one is the same everywhere. */
	for (uint32_t i = 0; i < LEN + 2 * NEW; i++)
		b[i] = i % 3 == 0 ? 1 : i + 2;
	memcpy(a, b + NEW + 1, (LEN - 1) * sizeof(*a));
	a[LEN - 1] = LEN + 2 * NEW + 2;
	assert_ok(align_match(al, match, (struct series){ a, LEN },
	    (struct series){ b, LEN + 2 * NEW }));
	for (uint32_t i = 0; i + 1 < LEN; i++)
		if (a[i] != 1)
			assert_int_equal(match[i], i + NEW + 1);
	assert_int_equal(match[LEN - 1], ALIGN_NONE);
	free(a);
	free(b);
	free(match);
}

/* With work that grew with the square this would take hours. */
static void
the_work_is_bounded(void **state)
{
	enum { LEN = 400000 };
	uint32_t *a = calloc(LEN, sizeof(*a)), *b = calloc(LEN, sizeof(*b));
	uint32_t *match = calloc(LEN, sizeof(*match));
	ALIGNER_SCOPED al = NULL;

	(void)state;
	assert_ok(aligner_new(&al));
	for (uint32_t kinds = 1; kinds < LEN; kinds *= 9) {
		struct dice dice = dice_of(kinds);
		uint32_t after = 0;

		for (uint32_t i = 0; i < LEN; i++) {
			a[i] = (uint32_t)dice_roll(&dice, kinds);
			b[i] = (uint32_t)dice_roll(&dice, kinds + 1);
		}
		assert_ok(align_match(al, match, (struct series){ a, LEN },
		    (struct series){ b, LEN }));
		for (uint32_t i = 0; i < LEN; i++) {
			if (match[i] == ALIGN_NONE)
				continue;
			assert_true(match[i] < LEN && match[i] >= after);
			assert_int_equal(a[i], b[match[i]]);
			after = match[i] + 1;
		}
	}
	free(a);
	free(b);
	free(match);
}

static bool
same_letter(const void *ctx, uint32_t i, uint32_t j)
{
	const char *letters = ctx;

	return letters[i] == letters[j];
}

static void
equal_elements_get_equal_numbers_whatever_their_hash(void **state)
{
	static const char letters[] = "abcabcxyzabcdefghijklmnopqrstuvw";
	enum { LEN = sizeof(letters) - 1 };
	struct label labels[LEN];
	uint32_t numbers[LEN];

	(void)state;
	for (uint64_t mask = 0; mask < 4; mask++) {
		for (uint32_t i = 0; i < LEN; i++)
			labels[i] =
			    (struct label){ (uint64_t)letters[i] & mask, i };
		labels_number(labels, LEN, same_letter, letters, numbers);
		for (uint32_t i = 0; i < LEN; i++)
			for (uint32_t j = 0; j < LEN; j++)
				if (numbers[i] == numbers[j])
					assert_int_equal(
					    letters[i], letters[j]);
		/* With few in common all equal ones are found. */
		assert_int_equal(numbers[0], numbers[3]);
		assert_true(numbers[0] >= 1 && numbers[LEN - 1] <= LEN);
	}
	for (uint32_t i = 0; i < LEN; i++)
		labels[i] = (struct label){ (uint64_t)letters[i], i };
	labels_number(labels, LEN, NULL, NULL, numbers);
	for (uint32_t i = 0; i < LEN; i++)
		for (uint32_t j = 0; j < LEN; j++)
			assert_int_equal(
			    numbers[i] == numbers[j], letters[i] == letters[j]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alignment_finds_a_longest_common_subsequence),
		cmocka_unit_test(
		    alignment_of_very_different_series_is_still_right),
		cmocka_unit_test(
		    what_occurs_once_holds_a_long_comparison_together),
		cmocka_unit_test(the_work_is_bounded),
		cmocka_unit_test(
		    equal_elements_get_equal_numbers_whatever_their_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
