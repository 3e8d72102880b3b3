/*
 * codec.h - what the tests of codecs share: the protocol's vectors, fixed
 * arrays out of them, and damage done to good bytes.
 */
#ifndef TESTS_SYNC_CODEC_H
#define TESTS_SYNC_CODEC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "tests/unit/crypto/vectors.h"

static inline struct json_object *
codec_vectors(const char *name)
{
	char path[512];
	struct json_object *all;

	(void)snprintf(
	    path, sizeof(path), LK_TEST_DATA "/protocol/%s.json", name);
	all = json_object_from_file(path);
	assert_non_null(all);
	assert_int_equal(crypto_start().code, LK_OK);
	return all;
}

/* The i-th object of a list, or NULL behind its end. */
static inline struct json_object *
codec_item(struct json_object *all, const char *list, size_t i)
{
	struct json_object *v = vector_field(all, list);

	assert_non_null(v);
	return i < json_object_array_length(v) ? json_object_array_get_idx(v, i)
					       : NULL;
}

/* Exactly n bytes. */
static inline void
codec_fixed(void *out, size_t n, struct json_object *hex)
{
	VECTOR v = vector_hex(hex);

	assert_int_equal(v.len, n);
	memcpy(out, v.ptr, n);
}

static inline void
codec_get(void *out, size_t n, struct json_object *o, const char *name)
{
	codec_fixed(out, n, vector_field(o, name));
}

static inline uint64_t
codec_number(struct json_object *o, const char *name)
{
	return json_object_get_uint64(vector_field(o, name));
}

static inline void
assert_bytes(struct bytes got, struct bytes want)
{
	assert_int_equal(got.len, want.len);
	assert_true(bytes_equal(got, want));
}

#define assert_ok(call) assert_int_equal((call).code, LK_OK)
#define assert_code(call, want) assert_int_equal((call).code, (want))

/*
 * Good bytes, made worse in turn: every proper prefix, one byte more, every
 * bit of them flipped in a sample of `flips`.  Each is a copy on the heap of
 * its exact size, so that a read past the end is seen.
 */
static inline void
codec_damage(struct bytes good, size_t flips,
    void (*decode)(struct bytes, void *), void *ctx)
{
	struct random_seeded seeded;
	struct random random = random_from_seed(&seeded, 1);
	uint8_t *copy;

	for (size_t n = 0; n <= good.len + 1; n++) {
		copy = malloc(n == 0 ? 1 : n);
		assert_non_null(copy);
		memcpy(copy, good.ptr, n < good.len ? n : good.len);
		if (n > good.len)
			copy[good.len] = 0;
		if (n != good.len)
			decode(BYTES(copy, n), ctx);
		free(copy);
	}
	for (size_t i = 0; i < flips && good.len > 0; i++) {
		copy = malloc(good.len);
		assert_non_null(copy);
		memcpy(copy, good.ptr, good.len);
		copy[random_below(&random, good.len)] ^=
		    (uint8_t)(1u << random_below(&random, 8));
		decode(BYTES(copy, good.len), ctx);
		free(copy);
	}
}

#endif
