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

/* Short keys, so that prefixes, zero bytes and 0xff meet. */
static struct bytes
some_key(uint32_t *seed, uint8_t *key)
{
	static const uint8_t of[] = { 0, 1, 'm', 0xfe, 0xff };
	size_t len;

	*seed = *seed * 1664525 + 1013904223;
	len = 1 + (*seed >> 30) % 3;
	for (size_t i = 0; i < len; i++)
		key[i] = of[(*seed >> (8 + 6 * i)) % sizeof(of)];
	return BYTES(key, len);
}

static void
same_seek(struct kv a, struct kv b, enum kv_seek how, struct bytes key)
{
	struct bytes a_key, a_value, b_key, b_value;
	lk_err err = kv_seek(a, how, key, &a_key, &a_value);

	assert_int_equal(kv_seek(b, how, key, &b_key, &b_value).code, err.code);
	if (err.code != LK_OK) {
		assert_int_equal(err.code, LK_E_NOTFOUND);
		return;
	}
	assert_true(bytes_equal(a_key, b_key));
	assert_true(bytes_equal(a_value, b_value));
}

static void
an_overlay_is_the_map_that_was_written_to(void **state)
{
	uint32_t seed = 7;
	struct kv base, overlay, plain;
	struct bytes got, key, value;
	uint8_t room[8], n;

	(void)state;
	assert_int_equal(kv_memory_new(&base, 1 << 20).code, LK_OK);
	assert_int_equal(kv_memory_new(&plain, 1 << 20).code, LK_OK);
	for (int i = 0; i < 60; i++) {
		n = (uint8_t)i;
		key = some_key(&seed, room);
		assert_int_equal(kv_put(base, key, BYTES(&n, 1)).code, LK_OK);
		assert_int_equal(kv_put(plain, key, BYTES(&n, 1)).code, LK_OK);
	}
	assert_int_equal(kv_overlay_new(&overlay, base, 1 << 20).code, LK_OK);
	for (int i = 0; i < 20000; i++) {
		n = (uint8_t)i;
		key = some_key(&seed, room);
		if (i % 7 == 0) {
			assert_int_equal(kv_del(overlay, key).code, LK_OK);
			assert_int_equal(kv_del(plain, key).code, LK_OK);
		} else if (i % 13 == 0) {
			value = BYTES(&n, n % 2);
			assert_int_equal(
			    kv_put(overlay, key, value).code, LK_OK);
			assert_int_equal(kv_put(plain, key, value).code, LK_OK);
		}
		key = some_key(&seed, room);
		assert_int_equal(kv_get(overlay, key, &got).code,
		    kv_get(plain, key, &value).code);
		same_seek(overlay, plain, KV_FIRST_GE, key);
		same_seek(overlay, plain, KV_LAST_LE, key);
	}
	assert_int_equal(kv_get(base, BYTES_STR("m"), &got).code, LK_OK);
	kv_overlay_free(&overlay);
	kv_overlay_free(&overlay);
	kv_memory_free(&base);
	kv_memory_free(&plain);
}

static void
an_overlay_leaves_its_base_alone_and_is_bounded(void **state)
{
	struct kv base, overlay;
	struct bytes value;
	uint8_t much[512] = { 0 };

	(void)state;
	assert_int_equal(kv_memory_new(&base, 4096).code, LK_OK);
	put(base, "a", "1");
	put(base, "b", "2");
	assert_int_equal(kv_overlay_new(&overlay, base, 512).code, LK_OK);
	put(overlay, "a", "3");
	assert_int_equal(kv_del(overlay, BYTES_STR("b")).code, LK_OK);
	assert_int_equal(
	    kv_put(overlay, BYTES_STR("c"), BYTES_OF(much)).code, LK_E_LIMIT);
	assert_int_equal(
	    kv_get(overlay, BYTES_STR("b"), &value).code, LK_E_NOTFOUND);
	assert_int_equal(kv_get(base, BYTES_STR("a"), &value).code, LK_OK);
	assert_true(bytes_equal(value, BYTES_STR("1")));
	assert_int_equal(kv_get(base, BYTES_STR("b"), &value).code, LK_OK);
	kv_overlay_free(&overlay);
	kv_memory_free(&base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_walk_meets_the_keys_of_its_kind_in_order_and_no_others),
		cmocka_unit_test(a_walk_ends_at_the_last_key_there_can_be),
		cmocka_unit_test(an_overlay_is_the_map_that_was_written_to),
		cmocka_unit_test(
		    an_overlay_leaves_its_base_alone_and_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
