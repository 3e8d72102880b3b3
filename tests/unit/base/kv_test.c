#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/kv.h"

static void
put(struct kv kv, const char *key, const char *value)
{
	assert_int_equal(
	    kv_put(kv, BYTES_STR(key), BYTES_STR(value)).code, LK_OK);
}

/* The values of the keys that a walk from `at` meets. */
static void
walk(struct kv kv, const char *from, size_t fixed, const char *wanted)
{
	BUF_SCOPED got = { .max = 64 };
	struct bytes value;
	uint8_t at[8];
	size_t len = strlen(from);
	lk_err err;

	memcpy(at, from, len);
	do {
		err = kv_walk(kv, at, len, fixed, &value);
		if (err.code == LK_OK)
			buf_add(&got, value);
	} while (err.code == LK_OK && bytes_next(at, len));
	if (err.code != LK_OK)
		assert_int_equal(err.code, LK_E_NOTFOUND);
	assert_true(bytes_equal(buf_bytes(&got), BYTES_STR(wanted)));
}

static void
a_walk_meets_the_keys_of_its_kind_in_order_and_no_others(void **state)
{
	struct kv kv;

	(void)state;
	assert_int_equal(kv_memory_new(&kv, 4096).code, LK_OK);
	put(kv, "k22", "2");
	put(kv, "k11", "1");
	put(kv, "k\xff\xff", "3");
	put(kv, "a11", "a");
	put(kv, "p11", "p");
	put(kv, "z", "z");
	walk(kv, "k00", 1, "123");
	walk(kv, "k12", 1, "23");
	walk(kv, "p00", 1, "p");
	walk(kv, "q00", 1, "");
	walk(kv, "\x01\x01\x01", 0, "a123p");
	kv_memory_free(&kv);
}

static void
a_walk_ends_at_the_last_key_there_can_be(void **state)
{
	struct kv kv;

	(void)state;
	assert_int_equal(kv_memory_new(&kv, 4096).code, LK_OK);
	walk(kv, "\x01", 0, "");
	put(kv, "\xff\xff", "x");
	walk(kv, "\x01\x01", 0, "x");
	kv_memory_free(&kv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_walk_meets_the_keys_of_its_kind_in_order_and_no_others),
		cmocka_unit_test(a_walk_ends_at_the_last_key_there_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
