#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "crypto/random.h"
#include "tests/unit/crypto/vectors.h"

static const struct {
	const char *name;
	enum digest_label label;
} labels[] = {
	{ "lk1 envelope", DIGEST_ENVELOPE },
	{ "lk1 env sign", DIGEST_ENV_SIGN },
	{ "lk1 nonce", DIGEST_NONCE },
	{ "lk1 content", DIGEST_CONTENT },
	{ "lk1 epoch tag", DIGEST_EPOCH_TAG },
	{ "lk1 topic", DIGEST_TOPIC },
	{ "lk1 author", DIGEST_AUTHOR },
	{ "lk1 announce", DIGEST_ANNOUNCE },
	{ "lk1 relay cred", DIGEST_RELAY_CRED },
	{ "lk1 ack key", DIGEST_ACK_KEY },
	{ "lk1 genesis", DIGEST_GENESIS },
	{ "lk1 link", DIGEST_LINK },
	{ "lk1 key box", DIGEST_KEY_BOX },
	{ "lk1 actor", DIGEST_ACTOR },
	{ "lk1 ticket", DIGEST_TICKET },
	{ "lk1 root", DIGEST_ROOT },
	{ "lk1 fp", DIGEST_FP },
};

#define LABELS_COUNT (sizeof(labels) / sizeof(labels[0]))

static size_t
label_find(const char *name)
{
	size_t i = 0;

	while (i < LABELS_COUNT && strcmp(labels[i].name, name) != 0)
		i++;
	return i;
}

static void
the_vectors_of_the_protocol_hold(void **state)
{
	struct json_object *file =
	    json_object_from_file(LK_TEST_DATA "/protocol/hash.json");
	struct json_object *list = vector_field(file, "vectors");
	size_t ran = 0, foreign = 0;

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		VECTOR key = vector_get(v, "key");
		VECTOR input = vector_get(v, "input");
		VECTOR expected = vector_get(v, "output");
		size_t l = label_find(vector_text(v, "label"));
		uint8_t out[DIGEST_MAX];

		/* Labels of pairing, which this version does not have. */
		if (l == LABELS_COUNT) {
			foreign++;
			continue;
		}
		digest(out, expected.len, labels[l].label,
		    key.len == 0 ? NULL : key.ptr, VECTOR_VIEW(input));
		assert_memory_equal(out, expected.ptr, expected.len);
		ran++;
	}
	assert_true(ran >= 7 && foreign <= 1);
	json_object_put(file);
}

static void
no_two_labels_give_the_same_hash(void **state)
{
	uint8_t out[LABELS_COUNT][32];

	(void)state;
	for (size_t i = 0; i < LABELS_COUNT; i++) {
		digest(out[i], 32, labels[i].label, NULL, BYTES(NULL, 0));
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(out[i], out[j], 32);
	}
}

static void
pieces_give_the_hash_of_the_whole(void **state)
{
	struct random_seeded seed;
	struct random random = random_from_seed(&seed, 1);
	uint8_t data[700], key[DIGEST_KEY_LEN], whole[32], parts[32];
	uint8_t sha_whole[SHA256_LEN], sha_parts[SHA256_LEN];

	(void)state;
	random_fill(&random, data, sizeof(data));
	random_fill(&random, key, sizeof(key));
	digest(whole, 32, DIGEST_LINK, key, BYTES_OF(data));
	sha256(sha_whole, BYTES_OF(data));
	for (int round = 0; round < 200; round++) {
		struct digest d;
		struct sha256_state s;

		digest_init(&d, 32, DIGEST_LINK, key);
		sha256_init(&s);
		for (size_t at = 0, n; at < sizeof(data); at += n) {
			n = (size_t)random_below(
			    &random, sizeof(data) - at + 1);
			digest_add(&d, BYTES(data + at, n));
			sha256_add(&s, BYTES(data + at, n));
		}
		digest_final(&d, parts);
		sha256_final(&s, sha_parts);
		assert_memory_equal(whole, parts, 32);
		assert_memory_equal(sha_whole, sha_parts, SHA256_LEN);
	}
}

static void
assert_sha256(struct bytes m, const char *wanted)
{
	char text[2 * SHA256_LEN + 1];
	uint8_t out[SHA256_LEN];

	sha256(out, m);
	hex_encode(text, BYTES_OF(out));
	assert_string_equal(text, wanted);
}

static void
sha256_is_that_of_fips_180(void **state)
{
	static uint8_t million[1000000];

	(void)state;
	assert_sha256(BYTES_STR(""),
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
	assert_sha256(BYTES_STR("abc"),
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	/* 56 bytes: the length no longer fits the first block. */
	assert_sha256(
	    BYTES_STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnop"
		      "nopq"),
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', sizeof(million));
	assert_sha256(BYTES_OF(million),
	    "cdc76e5c9914fb9281a1c7e284d73e67"
	    "f1809a48a497200e046d39ccc7112cd0");
}

static void
a_checksum_sees_every_flipped_bit(void **state)
{
	uint8_t data[64] = { 1, 2, 3 };
	uint64_t good = digest_checksum(BYTES_OF(data));

	(void)state;
	for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(digest_checksum(BYTES_OF(data)) != good);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(digest_checksum(BYTES_OF(data)) == good);
	assert_true(digest_checksum(BYTES(data, 63)) != good);
}

static void
equality_looks_at_every_byte(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	assert_true(digest_equal(a, b, 32));
	for (size_t i = 0; i < 32; i++) {
		b[i] = 0x80;
		assert_false(digest_equal(a, b, 32));
		b[i] = 0;
	}
	assert_true(digest_equal(a, b, 0));
}

static void
hmac_is_that_of_rfc_4231(void **state)
{
	static const char longer[] = "Test Using Larger Than Block-Size Key - "
				     "Hash Key First";
	uint8_t key[131], out[SHA256_LEN];
	char text[2 * SHA256_LEN + 1];

	(void)state;
	hmac_sha256(out, BYTES_STR("Jefe"),
	    BYTES_STR("what do ya want for nothing?"));
	hex_encode(text, BYTES_OF(out));
	assert_string_equal(text,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hmac_sha256(out, BYTES_OF(key), BYTES_STR(longer));
	hex_encode(text, BYTES_OF(out));
	assert_string_equal(text,
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_protocol_hold),
		cmocka_unit_test(no_two_labels_give_the_same_hash),
		cmocka_unit_test(pieces_give_the_hash_of_the_whole),
		cmocka_unit_test(sha256_is_that_of_fips_180),
		cmocka_unit_test(hmac_is_that_of_rfc_4231),
		cmocka_unit_test(a_checksum_sees_every_flipped_bit),
		cmocka_unit_test(equality_looks_at_every_byte),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
