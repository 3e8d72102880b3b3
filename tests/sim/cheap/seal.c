#include "crypto/seal.h"

#include <sodium.h>

/* As in crypto/seal.c: it costs next to nothing, and shows who lacks a key. */

void
seal(struct buf *out, const uint8_t key[static SEAL_KEY_LEN],
    const uint8_t nonce[static SEAL_NONCE_LEN], struct bytes aad,
    struct bytes plain)
{
	uint8_t *at = buf_extend(out, plain.len + SEAL_TAG_LEN);

	if (at != NULL)
		(void)crypto_aead_xchacha20poly1305_ietf_encrypt(at, NULL,
		    plain.ptr, plain.len, aad.ptr, aad.len, NULL, nonce, key);
}

lk_err
unseal(uint8_t *out, const uint8_t key[static SEAL_KEY_LEN],
    const uint8_t nonce[static SEAL_NONCE_LEN], struct bytes aad,
    struct bytes in)
{
	if (in.len < SEAL_TAG_LEN)
		return LK_ERR(LK_E_TRUNCATED, "sealed bytes");
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in.ptr,
		in.len, aad.ptr, aad.len, nonce, key) != 0)
		return LK_ERR(LK_E_MALFORMED, "sealed bytes");
	return LK_NONE;
}

void
secret_wipe(void *secret, size_t n)
{
	if (secret != NULL)
		sodium_memzero(secret, n);
}
