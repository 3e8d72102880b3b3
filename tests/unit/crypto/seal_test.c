#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/seal.h"
#include "tests/unit/crypto/vectors.h"

static const uint8_t key[SEAL_KEY_LEN] = { 1 };
static const uint8_t nonce[SEAL_NONCE_LEN] = { 2 };
static const uint8_t aad[] = "the header";

static void
what_is_sealed_opens_again_at_every_length(void **state)
{
	uint8_t plain[200], opened[200];

	(void)state;
	memset(plain, 0x5a, sizeof(plain));
	for (size_t n = 0; n <= sizeof(plain); n++) {
		BUF_SCOPED out = { 0 };

		buf_init(&out, sizeof(plain) + SEAL_TAG_LEN + 1);
		buf_u8(&out, 7);
		seal(&out, key, nonce, BYTES_OF(aad), BYTES(plain, n));
		assert_int_equal(out.len, 1 + n + SEAL_TAG_LEN);
		assert_int_equal(out.ptr[0], 7);
		assert_int_equal(unseal(opened, key, nonce, BYTES_OF(aad),
				     BYTES(out.ptr + 1, out.len - 1))
				     .code,
		    LK_OK);
		assert_memory_equal(opened, plain, n);
	}
}

static void
every_prefix_and_every_flipped_bit_is_refused_and_leaves_zeros(void **state)
{
	uint8_t plain[24], opened[24], zeros[24] = { 0 };
	BUF_SCOPED out = { 0 };

	(void)state;
	buf_init(&out, 1024);
	memset(plain, 0x11, sizeof(plain));
	seal(&out, key, nonce, BYTES_OF(aad), BYTES_OF(plain));
	for (size_t n = 0; n < out.len; n++)
		assert_int_equal(
		    unseal(opened, key, nonce, BYTES_OF(aad), BYTES(out.ptr, n))
			.code,
		    n < SEAL_TAG_LEN ? LK_E_TRUNCATED : LK_E_MALFORMED);
	for (size_t bit = 0; bit < out.len * 8; bit++) {
		memset(opened, 0xff, sizeof(opened));
		out.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
		    unseal(opened, key, nonce, BYTES_OF(aad), buf_bytes(&out))
			.code,
		    LK_E_MALFORMED);
		assert_memory_equal(opened, zeros, sizeof(zeros));
		out.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(
	    unseal(opened, key, nonce, BYTES(aad, 3), buf_bytes(&out)).code,
	    LK_E_MALFORMED);
}

static void
a_full_buffer_stays_as_it_is(void **state)
{
	uint8_t plain[24] = { 0 };
	BUF_SCOPED out = { 0 };

	(void)state;
	buf_init(&out, sizeof(plain) + SEAL_TAG_LEN - 1);
	seal(&out, key, nonce, BYTES_OF(aad), BYTES_OF(plain));
	assert_true(out.failed);
	assert_int_equal(out.len, 0);
}

static void
both_sides_of_an_exchange_get_the_same_secret(void **state)
{
	struct dh_key a, b;
	uint8_t one[DH_LEN] = { 8 }, two[DH_LEN] = { 16 };
	uint8_t ab[DH_LEN], ba[DH_LEN];

	(void)state;
	dh_key_from_secret(&a, one);
	dh_key_from_secret(&b, two);
	assert_memory_equal(a.sk, one, DH_LEN);
	assert_true(dh(ab, a.sk, b.pk));
	assert_true(dh(ba, b.sk, a.pk));
	assert_memory_equal(ab, ba, DH_LEN);
	/* A key may be computed in its own place. */
	dh_key_from_secret(&a, a.sk);
	assert_memory_equal(a.sk, one, DH_LEN);
	dh_key_clear(&a);
	dh_key_clear(NULL);
}

static void
low_order_points_are_refused(void **state)
{
	static const char *const bad[] = {
		"00000000000000000000000000000000"
		"00000000000000000000000000000000",
		"01000000000000000000000000000000"
		"00000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46a"
		"da098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b"
		"04445cc4581c8e86d8224eddd09f1157",
	};
	uint8_t pk[DH_LEN], sk[DH_LEN] = { 3 }, out[DH_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(hex_decode(pk, sizeof(pk), bad[i]));
		assert_false(dh(out, sk, pk));
	}
}

static void
a_box_opens_for_its_receiver_only(void **state)
{
	uint8_t one[DH_LEN] = { 8 }, two[DH_LEN] = { 16 }, zero[DH_LEN] = { 0 };
	uint8_t plain[] = "escrow";
	struct dh_key mine, other;
	BUF_SCOPED box = { 0 };
	BUF_SCOPED out = { 0 };
	BUF_SCOPED none = { 0 };

	(void)state;
	dh_key_from_secret(&mine, one);
	dh_key_from_secret(&other, two);
	buf_init(&box, 1024);
	buf_init(&out, 1024);
	buf_init(&none, 1024);
	box_seal(&box, mine.pk, BYTES_OF(plain));
	assert_int_equal(box.len, sizeof(plain) + 48);
	assert_int_equal(box_open(&out, &mine, buf_bytes(&box)).code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&out), BYTES_OF(plain)));
	assert_int_equal(
	    box_open(&none, &other, buf_bytes(&box)).code, LK_E_MALFORMED);
	for (size_t n = 0; n < box.len; n++)
		assert_int_not_equal(
		    box_open(&none, &mine, BYTES(box.ptr, n)).code, LK_OK);
	assert_int_equal(none.len, 0);
	box_seal(&none, zero, BYTES_OF(plain));
	assert_true(none.failed);
	assert_int_equal(none.len, 0);
}

static void
an_empty_box_is_a_box(void **state)
{
	uint8_t one[DH_LEN] = { 1 };
	struct dh_key mine;
	BUF_SCOPED box = { 0 };
	BUF_SCOPED out = { 0 };

	(void)state;
	dh_key_from_secret(&mine, one);
	buf_init(&box, 1024);
	buf_init(&out, 1024);
	box_seal(&box, mine.pk, BYTES(NULL, 0));
	assert_int_equal(box_open(&out, &mine, buf_bytes(&box)).code, LK_OK);
	assert_int_equal(out.len, 0);
}

static void
wiping_leaves_zeros(void **state)
{
	uint8_t secret[40], zeros[40] = { 0 };

	(void)state;
	memset(secret, 0xaa, sizeof(secret));
	secret_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zeros, sizeof(zeros));
	secret_wipe(NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_opens_again_at_every_length),
		cmocka_unit_test(
		    every_prefix_and_every_flipped_bit_is_refused_and_leaves_zeros),
		cmocka_unit_test(a_full_buffer_stays_as_it_is),
		cmocka_unit_test(both_sides_of_an_exchange_get_the_same_secret),
		cmocka_unit_test(low_order_points_are_refused),
		cmocka_unit_test(a_box_opens_for_its_receiver_only),
		cmocka_unit_test(an_empty_box_is_a_box),
		cmocka_unit_test(wiping_leaves_zeros),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
