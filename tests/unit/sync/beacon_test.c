#include "tests/unit/sync/codec.h"

#include "sync/beacon.h"

static void
beacons_are_those_of_the_vectors(void **state)
{
	struct json_object *all = codec_vectors("beacon"), *v;

	(void)state;
	for (size_t i = 0; (v = codec_item(all, "devices", i)) != NULL; i++) {
		uint8_t seed[32], removed[32], key[32], want[32], address[16];
		uint8_t nonce[8], raw[BEACON_DEVICE_LEN];
		uint8_t made[BEACON_DEVICE_LEN];
		uint16_t port = (uint16_t)codec_number(v, "port");
		struct beacon b;

		codec_get(seed, 32, v, "seed");
		codec_get(removed, 32, v, "removed");
		codec_get(want, 32, v, "key");
		codec_get(nonce, 8, v, "nonce");
		codec_get(address, 16, v, "address");
		codec_get(raw, sizeof(raw), v, "beacon");
		beacon_key_derive(key, seed, removed);
		assert_memory_equal(key, want, 32);
		beacon_device(made, key, nonce, port, address);
		assert_memory_equal(made, raw, sizeof(raw));
		assert_ok(beacon_decode(&b, BYTES_OF(raw)));
		assert_int_equal(b.type, BEACON_DEVICE);
		assert_int_equal(b.port, port);
		assert_true(beacon_is_from(&b, key, address));
	}
	for (size_t i = 0; (v = codec_item(all, "windows", i)) != NULL; i++) {
		uint8_t raw[BEACON_WINDOW_LEN], made[BEACON_WINDOW_LEN];
		uint8_t number = (uint8_t)codec_number(v, "number");
		uint16_t port = (uint16_t)codec_number(v, "port");
		struct beacon b;

		codec_get(raw, sizeof(raw), v, "beacon");
		beacon_window(made, number, port);
		assert_memory_equal(made, raw, sizeof(raw));
		assert_ok(beacon_decode(&b, BYTES_OF(raw)));
		assert_int_equal(b.type, BEACON_WINDOW);
		assert_int_equal(b.number, number);
		assert_int_equal(b.port, port);
	}
	for (size_t i = 0; (v = codec_item(all, "bad", i)) != NULL; i++) {
		VECTOR raw = vector_get(v, "beacon");
		struct beacon b;

		assert_code(
		    beacon_decode(&b, VECTOR_VIEW(raw)), LK_E_MALFORMED);
	}
	json_object_put(all);
}

static void
a_beacon_is_recognised_with_its_key_and_from_its_address_only(void **state)
{
	uint8_t raw[BEACON_DEVICE_LEN];
	const uint8_t key[32] = { 1 }, nonce[8] = { 2 };
	const uint8_t address[16] = { 3 };

	(void)state;
	assert_ok(crypto_start());
	beacon_device(raw, key, nonce, 7675, address);
	for (size_t bit = 0; bit < sizeof(raw) * 8; bit++) {
		uint8_t other[BEACON_DEVICE_LEN];
		struct beacon b;

		memcpy(other, raw, sizeof(raw));
		other[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(beacon_decode(&b, BYTES_OF(other)).code != LK_OK ||
		    !beacon_is_from(&b, key, address));
	}
	for (size_t bit = 0; bit < 32 * 8; bit++) {
		uint8_t k[32], a[16];
		struct beacon b;

		assert_ok(beacon_decode(&b, BYTES_OF(raw)));
		assert_true(beacon_is_from(&b, key, address));
		memcpy(k, key, sizeof(k));
		memcpy(a, address, sizeof(a));
		k[bit / 8] ^= (uint8_t)(1u << bit % 8);
		a[bit / 16] ^= (uint8_t)(1u << bit % 8);
		assert_false(beacon_is_from(&b, k, address));
		assert_false(beacon_is_from(&b, key, a));
	}
}

static void
refuse(struct bytes in, void *ctx)
{
	size_t whole = *(const size_t *)ctx;
	struct beacon b = { .port = 1 };
	lk_err err = beacon_decode(&b, in);

	if (in.len < whole)
		assert_code(err, LK_E_TRUNCATED);
	if (in.len > whole)
		assert_code(err, LK_E_MALFORMED);
	if (err.code != LK_OK)
		assert_int_equal(b.port, 1);
}

static void
every_proper_prefix_is_truncated_and_damage_is_survived(void **state)
{
	uint8_t device[BEACON_DEVICE_LEN], window[BEACON_WINDOW_LEN];
	const uint8_t key[32] = { 1 }, nonce[8] = { 2 }, address[16] = { 3 };
	size_t len = sizeof(device);

	(void)state;
	assert_ok(crypto_start());
	beacon_device(device, key, nonce, 1, address);
	codec_damage(BYTES_OF(device), 500, refuse, &len);
	beacon_window(window, 42, 1);
	len = sizeof(window);
	/* Damage may turn one type into the other, which is as long. */
	codec_damage(BYTES_OF(window), 0, refuse, &len);
}

static void
another_set_of_devices_that_are_gone_gives_another_key(void **state)
{
	uint8_t a[32], b[32];
	const uint8_t seed[32] = { 1 }, none[32] = { 0 }, some[32] = { 9 };

	(void)state;
	assert_ok(crypto_start());
	beacon_key_derive(a, seed, none);
	beacon_key_derive(b, seed, some);
	assert_memory_not_equal(a, b, 32);
	beacon_key_derive(b, seed, none);
	assert_memory_equal(a, b, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beacons_are_those_of_the_vectors),
		cmocka_unit_test(
		    a_beacon_is_recognised_with_its_key_and_from_its_address_only),
		cmocka_unit_test(
		    every_proper_prefix_is_truncated_and_damage_is_survived),
		cmocka_unit_test(
		    another_set_of_devices_that_are_gone_gives_another_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
