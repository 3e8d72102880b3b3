#include "tests/unit/sync/codec.h"

#include "sync/keyproof.h"

/* A device with a box key of its own, from one byte. */
struct owner {
	struct sign_key key;
	uint8_t box[DH_LEN], sig[SIGN_LEN];
};

static void
owner_make(struct owner *o, uint8_t n)
{
	struct dh_key box;
	uint8_t seed[32] = { n };

	sign_key_from_seed(&o->key, seed);
	dh_key_from_secret(&box, o->key.sk);
	memcpy(o->box, box.pk, DH_LEN);
	box_statement_sign(o->sig, &o->key, o->box, n);
}

static void
what_was_proved_stays_proved_however_many_follow(void **state)
{
	static struct keyproofs k;
	struct owner o;

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint8_t n = 1; n < KEYPROOFS_MAX; n++) {
			owner_make(&o, n);
			assert_true(keyproof_device(&k, o.key.pk));
			assert_true(keyproof_box(&k, o.box));
			assert_true(
			    keyproof_statement(&k, o.sig, o.key.pk, o.box, n));
		}
	assert_int_equal(k.len, KEYPROOFS_MAX);
}

static void
a_statement_with_any_bit_changed_is_not_taken_for_the_proved_one(void **state)
{
	static struct keyproofs k;
	struct owner o;

	(void)state;
	owner_make(&o, 7);
	assert_true(keyproof_statement(&k, o.sig, o.key.pk, o.box, 7));
	assert_false(keyproof_statement(&k, o.sig, o.key.pk, o.box, 8));
	for (size_t bit = 0; bit < 8 * SIGN_LEN; bit++) {
		struct owner bad = o;

		bad.sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(
		    keyproof_statement(&k, bad.sig, bad.key.pk, bad.box, 7));
	}
	for (size_t bit = 0; bit < 8 * DH_LEN; bit++) {
		struct owner bad = o;

		bad.box[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(
		    keyproof_statement(&k, bad.sig, bad.key.pk, bad.box, 7));
		bad = o;
		bad.key.pk[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(
		    keyproof_statement(&k, bad.sig, bad.key.pk, bad.box, 7));
	}
	assert_int_equal(k.len, 1);
}

static void
a_bad_key_is_refused_again_and_does_not_enter(void **state)
{
	static const uint8_t zero[32];
	static struct keyproofs k;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_false(keyproof_device(&k, zero));
		assert_false(keyproof_box(&k, zero));
	}
	assert_int_equal(k.len, 0);
}

static void
a_device_key_proves_nothing_about_a_box(void **state)
{
	static struct keyproofs k;
	struct owner o;

	(void)state;
	owner_make(&o, 3);
	assert_true(keyproof_device(&k, o.key.pk));
	assert_int_equal(k.len, 1);
	assert_true(keyproof_box(&k, o.key.pk));
	assert_int_equal(k.len, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_was_proved_stays_proved_however_many_follow),
		cmocka_unit_test(
		    a_statement_with_any_bit_changed_is_not_taken_for_the_proved_one),
		cmocka_unit_test(a_bad_key_is_refused_again_and_does_not_enter),
		cmocka_unit_test(a_device_key_proves_nothing_about_a_box),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
