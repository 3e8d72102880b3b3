#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/identity.h"
#include "crypto/lock.h"

static const uint8_t key[LOCK_KEY_LEN] = { 1 }, other[LOCK_KEY_LEN] = { 2 },
		     salt[LOCK_SALT_LEN] = { 3 };

static struct bytes
sealed(struct buf *out, const char *text)
{
	buf_init(out, 4096);
	lock_seal(out, key, salt, BYTES_STR(text));
	assert_false(out->failed);
	return buf_bytes(out);
}

static void
what_was_sealed_comes_back(void **state)
{
	uint8_t found[LOCK_SALT_LEN];
	BUF_SCOPED file = { 0 };
	BUF_SCOPED back = { .max = 4096 };
	struct bytes f = sealed(&file, "content");

	(void)state;
	assert_true(lock_is_sealed(f));
	assert_int_equal(lock_salt(found, f).code, LK_OK);
	assert_memory_equal(found, salt, sizeof(salt));
	assert_int_equal(lock_open(&back, key, f).code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&back), BYTES_STR("content")));
	assert_null(memmem(f.ptr, f.len, "content", 7));
}

static void
another_key_opens_nothing(void **state)
{
	BUF_SCOPED file = { 0 };
	BUF_SCOPED back = { .max = 4096 };
	struct bytes f = sealed(&file, "content");

	(void)state;
	assert_int_equal(lock_open(&back, other, f).code, LK_E_DENIED);
	assert_int_equal(back.len, 0);
}

static void
every_proper_prefix_and_every_flipped_byte_is_damaged(void **state)
{
	BUF_SCOPED file = { 0 };
	struct bytes f = sealed(&file, "content");

	(void)state;
	for (size_t n = 0; n < f.len; n++) {
		BUF_SCOPED back = { .max = 4096 };

		assert_int_equal(
		    lock_open(&back, key, BYTES(f.ptr, n)).code, LK_E_CORRUPT);
		file.ptr[n] ^= 0x10;
		assert_int_equal(lock_open(&back, key, f).code, LK_E_CORRUPT);
		file.ptr[n] ^= 0x10;
	}
}

static void
two_contents_share_no_nonce(void **state)
{
	BUF_SCOPED one = { 0 };
	BUF_SCOPED two = { 0 };
	struct bytes a = sealed(&one, "content a"),
		     b = sealed(&two, "content b");

	(void)state;
	assert_memory_not_equal(a.ptr + 29, b.ptr + 29, 24);
}

/* The slow way: through Argon2id, three times. */
static void
an_identity_is_unsealed_by_its_passphrase_only(void **state)
{
	struct random random = random_system();
	struct identity id, back;
	BUF_SECRET file = { .max = IDENTITY_BYTES_MAX };

	(void)state;
	assert_int_equal(crypto_start().code, LK_OK);
	assert_int_equal(identity_create(&id, &random, "laptop").code, LK_OK);
	assert_int_equal(
	    identity_lock(&id, &random, BYTES_STR("horse")).code, LK_OK);
	identity_encode(&file, &id);
	assert_int_equal(
	    identity_decode(&back, buf_bytes(&file)).code, LK_E_WAIT);
	assert_int_equal(
	    identity_unseal(&back, buf_bytes(&file), BYTES_STR("cow")).code,
	    LK_E_DENIED);
	assert_int_equal(
	    identity_unseal(&back, buf_bytes(&file), BYTES_STR("horse")).code,
	    LK_OK);
	assert_memory_equal(&id, &back, sizeof(id));
	identity_clear(&id);
	identity_clear(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_comes_back),
		cmocka_unit_test(another_key_opens_nothing),
		cmocka_unit_test(
		    every_proper_prefix_and_every_flipped_byte_is_damaged),
		cmocka_unit_test(two_contents_share_no_nonce),
		cmocka_unit_test(
		    an_identity_is_unsealed_by_its_passphrase_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
