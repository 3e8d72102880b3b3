#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "tests/unit/crypto/vectors.h"

#define BLOCK_LEN 228

static void
key_make(struct sign_key *k, uint8_t first)
{
	uint8_t seed[SIGN_SEED_LEN] = { first };

	sign_key_from_seed(k, seed);
}

static void
the_signatures_of_the_protocol_verify_and_come_out_again(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/keys.json");
	struct json_object *list = vector_field(file, "devices");

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		VECTOR seed = vector_get(v, "sign_seed");
		VECTOR pk = vector_get(v, "sign_pk");
		VECTOR box_sig = vector_get(v, "box_signature");
		VECTOR block = vector_get(v, "block");
		const uint8_t *self = block.ptr + BLOCK_LEN - SIGN_LEN;
		struct bytes box = { block.ptr + 64, 36 };
		struct bytes noise = { block.ptr + 32, 32 };
		uint8_t sig[SIGN_LEN];
		struct sign_key k;

		assert_int_equal(block.len, BLOCK_LEN);
		sign_key_from_seed(&k, seed.ptr);
		assert_memory_equal(k.pk, pk.ptr, SIGN_PK_LEN);
		assert_true(sign_pk_valid(k.pk));
		assert_true(sign_verify(
		    box_sig.ptr, k.pk, SIGN_BOX_CERT, BYTES_OF(k.pk), box));
		sign(sig, &k, SIGN_BOX_CERT, BYTES_OF(k.pk), box);
		assert_memory_equal(sig, box_sig.ptr, SIGN_LEN);
		assert_true(sign_verify(
		    self, k.pk, SIGN_DEVICE_SELF, BYTES_OF(k.pk), noise));
		sign_key_clear(&k);
	}
	json_object_put(file);
}

static void
a_signature_is_for_one_label_one_message_and_one_key(void **state)
{
	uint8_t message[40] = "what is signed", sig[SIGN_LEN];
	struct sign_key k, other;

	(void)state;
	key_make(&k, 1);
	key_make(&other, 2);
	sign(sig, &k, SIGN_ACK, BYTES_OF(message), BYTES(NULL, 0));
	for (unsigned l = SIGN_ENVELOPE; l <= SIGN_BOX_CERT; l++)
		assert_int_equal(l == SIGN_ACK,
		    sign_verify(
			sig, k.pk, l, BYTES_OF(message), BYTES(NULL, 0)));
	assert_false(sign_verify(
	    sig, other.pk, SIGN_ACK, BYTES_OF(message), BYTES(NULL, 0)));
	/* The border between the two parts is not part of the message. */
	assert_true(sign_verify(sig, k.pk, SIGN_ACK, BYTES(message, 7),
	    BYTES(message + 7, sizeof(message) - 7)));
	for (size_t n = 0; n < sizeof(message); n++)
		assert_false(sign_verify(
		    sig, k.pk, SIGN_ACK, BYTES(message, n), BYTES(NULL, 0)));
}

static void
every_flipped_bit_of_signature_and_message_is_refused(void **state)
{
	uint8_t message[16] = "sixteen bytes ok", sig[SIGN_LEN];
	struct sign_key k;

	(void)state;
	key_make(&k, 3);
	sign(sig, &k, SIGN_ENVELOPE, BYTES(NULL, 0), BYTES_OF(message));
	for (size_t bit = 0; bit < sizeof(sig) * 8; bit++) {
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(sign_verify(sig, k.pk, SIGN_ENVELOPE,
		    BYTES(NULL, 0), BYTES_OF(message)));
		sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < sizeof(message) * 8; bit++) {
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(sign_verify(sig, k.pk, SIGN_ENVELOPE,
		    BYTES(NULL, 0), BYTES_OF(message)));
		message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(sign_verify(
	    sig, k.pk, SIGN_ENVELOPE, BYTES(NULL, 0), BYTES_OF(message)));
}

static void
a_message_over_the_bound_does_not_verify(void **state)
{
	static uint8_t message[SIGN_MESSAGE_MAX + 1];
	uint8_t sig[SIGN_LEN];
	struct sign_key k;

	(void)state;
	key_make(&k, 4);
	sign(sig, &k, SIGN_CARD, BYTES(message, SIGN_MESSAGE_MAX - 5),
	    BYTES(message, 5));
	assert_true(sign_verify(sig, k.pk, SIGN_CARD,
	    BYTES(message, SIGN_MESSAGE_MAX), BYTES(NULL, 0)));
	assert_false(sign_verify(
	    sig, k.pk, SIGN_CARD, BYTES_OF(message), BYTES(NULL, 0)));
	assert_false(sign_verify(sig, k.pk, SIGN_CARD, BYTES(message, 1),
	    BYTES(message, SIGN_MESSAGE_MAX)));
	assert_false(sign_verify(
	    sig, k.pk, SIGN_CARD, BYTES(message, 1), BYTES(message, SIZE_MAX)));
}

static void
only_points_of_the_prime_order_group_are_keys(void **state)
{
	/* The neutral element, a point of order two, one that is not on the
	 * curve, and a y that is not reduced. */
	static const char *const bad[] = {
		"01000000000000000000000000000000"
		"00000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffff7f",
		"02000000000000000000000000000000"
		"00000000000000000000000000000000",
		"eeffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffff7f",
	};
	uint8_t pk[SIGN_PK_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(hex_decode(pk, sizeof(pk), bad[i]));
		assert_false(sign_pk_valid(pk));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_signatures_of_the_protocol_verify_and_come_out_again),
		cmocka_unit_test(
		    a_signature_is_for_one_label_one_message_and_one_key),
		cmocka_unit_test(
		    every_flipped_bit_of_signature_and_message_is_refused),
		cmocka_unit_test(a_message_over_the_bound_does_not_verify),
		cmocka_unit_test(only_points_of_the_prime_order_group_are_keys),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
