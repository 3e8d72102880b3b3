#include "crypto/lock.h"

#include <sodium.h>
#include <string.h>

#include "crypto/digest.h"

#define LOCK_MAGIC "LKIS"
#define LOCK_VERSION 1
#define LOCK_PASSES crypto_pwhash_OPSLIMIT_MODERATE
#define LOCK_MEMORY crypto_pwhash_MEMLIMIT_MODERATE
#define NONCE_LEN crypto_secretbox_NONCEBYTES
#define TAG_LEN crypto_secretbox_MACBYTES
#define CHECKSUM_LEN 32

_Static_assert(LOCK_SALT_LEN == crypto_pwhash_SALTBYTES, "Argon2id");
_Static_assert(LOCK_KEY_LEN == crypto_secretbox_KEYBYTES, "secretbox");

static const char damaged[] = "sealed file";

lk_err
lock_derive(uint8_t key[static LOCK_KEY_LEN],
    const uint8_t salt[static LOCK_SALT_LEN], struct bytes passphrase)
{
	if (passphrase.len > PASSPHRASE_MAX)
		return LK_ERR(LK_E_LIMIT, "passphrase");
	if (crypto_pwhash(key, LOCK_KEY_LEN, (const char *)passphrase.ptr,
		passphrase.len, salt, LOCK_PASSES, LOCK_MEMORY,
		crypto_pwhash_ALG_ARGON2ID13) != 0)
		return LK_ERR(LK_E_NOMEM, "passphrase");
	return LK_NONE;
}

static void
checksum(uint8_t out[static CHECKSUM_LEN], struct bytes b)
{
	(void)crypto_generichash(out, CHECKSUM_LEN, b.ptr, b.len, NULL, 0);
}

void
lock_seal(struct buf *out, const uint8_t key[static LOCK_KEY_LEN],
    const uint8_t salt[static LOCK_SALT_LEN], struct bytes plain)
{
	uint8_t nonce[NONCE_LEN], sum[CHECKSUM_LEN], *box;
	size_t start = out->len;

	(void)crypto_generichash(
	    nonce, sizeof(nonce), plain.ptr, plain.len, key, LOCK_KEY_LEN);
	buf_str(out, LOCK_MAGIC);
	buf_u8(out, LOCK_VERSION);
	buf_u32(out, LOCK_PASSES);
	buf_u32(out, LOCK_MEMORY / 1024);
	buf_mem(out, salt, LOCK_SALT_LEN);
	buf_mem(out, nonce, sizeof(nonce));
	box = buf_extend(out, TAG_LEN + plain.len);
	if (box == NULL)
		return;
	(void)crypto_secretbox_easy(box, plain.ptr, plain.len, nonce, key);
	checksum(sum, BYTES(out->ptr + start, out->len - start));
	buf_mem(out, sum, sizeof(sum));
}

bool
lock_is_sealed(struct bytes file)
{
	struct rd r = rd_over(file);

	return bytes_equal(
	    rd_take(&r, strlen(LOCK_MAGIC)), BYTES_STR(LOCK_MAGIC));
}

struct sealed {
	uint8_t salt[LOCK_SALT_LEN], nonce[NONCE_LEN];
	struct bytes box;
};

static lk_err
sealed_read(struct sealed *out, struct bytes file)
{
	uint8_t sum[CHECKSUM_LEN];
	uint32_t passes, memory;
	struct rd r;

	if (file.len < CHECKSUM_LEN || !lock_is_sealed(file))
		return LK_ERR(LK_E_CORRUPT, damaged);
	checksum(sum, BYTES(file.ptr, file.len - CHECKSUM_LEN));
	if (!digest_equal(
		sum, file.ptr + file.len - CHECKSUM_LEN, CHECKSUM_LEN))
		return LK_ERR(LK_E_CORRUPT, damaged);
	r = rd_over(BYTES(file.ptr, file.len - CHECKSUM_LEN));
	(void)rd_take(&r, strlen(LOCK_MAGIC));
	if (rd_u8(&r) != LOCK_VERSION)
		return LK_ERR(LK_E_VERSION, damaged);
	passes = rd_u32(&r);
	memory = rd_u32(&r);
	rd_copy(&r, out->salt, sizeof(out->salt));
	rd_copy(&r, out->nonce, sizeof(out->nonce));
	out->box = r.left;
	if (r.failed || passes != LOCK_PASSES || memory != LOCK_MEMORY / 1024 ||
	    out->box.len < TAG_LEN)
		return LK_ERR(LK_E_CORRUPT, damaged);
	return LK_NONE;
}

lk_err
lock_salt(uint8_t salt[static LOCK_SALT_LEN], struct bytes file)
{
	struct sealed s;

	TRY(sealed_read(&s, file));
	memcpy(salt, s.salt, LOCK_SALT_LEN);
	return LK_NONE;
}

lk_err
lock_open(
    struct buf *out, const uint8_t key[static LOCK_KEY_LEN], struct bytes file)
{
	struct sealed s;
	size_t start = out->len;
	uint8_t *plain;

	TRY(sealed_read(&s, file));
	plain = buf_extend(out, s.box.len - TAG_LEN);
	if (plain == NULL)
		return buf_err(out, damaged);
	if (crypto_secretbox_open_easy(
		plain, s.box.ptr, s.box.len, s.nonce, key) == 0)
		return LK_NONE;
	out->len = start;
	return LK_ERR(LK_E_DENIED, WRONG_PASSPHRASE);
}
