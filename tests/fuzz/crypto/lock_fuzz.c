#include <sodium.h>

#include "crypto/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const uint8_t key[LOCK_KEY_LEN] = { 1 };

/* What opens is what sealing again gives. */
static void
open_check(struct bytes in)
{
	uint8_t salt[LOCK_SALT_LEN];
	BUF_SCOPED plain = { 0 };
	BUF_SCOPED again = { 0 };

	buf_init(&plain, in.len);
	buf_init(&again, in.len);
	if (lock_salt(salt, in).code != LK_OK ||
	    lock_open(&plain, key, in).code != LK_OK)
		return;
	lock_seal(&again, key, salt, buf_bytes(&plain));
	LK_ASSERT(!again.failed && again.len == in.len);
}

/* As it is, and with the head and checksum put right. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED whole = { 0 };
	uint8_t sum[32];

	open_check(BYTES(data, size));
	buf_init(&whole, size + 64);
	buf_str(&whole, "LKIS");
	buf_u8(&whole, 1);
	buf_u32(&whole, crypto_pwhash_OPSLIMIT_MODERATE);
	buf_u32(&whole, crypto_pwhash_MEMLIMIT_MODERATE / 1024);
	buf_mem(&whole, data, size);
	(void)crypto_generichash(
	    sum, sizeof(sum), whole.ptr, whole.len, NULL, 0);
	buf_mem(&whole, sum, sizeof(sum));
	LK_ASSERT(!whole.failed);
	open_check(buf_bytes(&whole));
	return 0;
}
