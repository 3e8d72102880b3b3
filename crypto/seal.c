#include "crypto/seal.h"

#include <sodium.h>

_Static_assert(DH_LEN == crypto_scalarmult_BYTES, "X25519");
_Static_assert(DH_LEN == crypto_scalarmult_SCALARBYTES, "X25519");
_Static_assert(SEAL_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    "XChaCha20-Poly1305");
_Static_assert(SEAL_NONCE_LEN == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    "XChaCha20-Poly1305");
_Static_assert(SEAL_TAG_LEN == crypto_aead_xchacha20poly1305_ietf_ABYTES,
    "XChaCha20-Poly1305");

void
dh_key_from_secret(struct dh_key *k, const uint8_t sk[static DH_LEN])
{
	uint8_t pk[DH_LEN];

	(void)crypto_scalarmult_base(pk, sk);
	for (size_t i = 0; i < DH_LEN; i++) {
		k->sk[i] = sk[i];
		k->pk[i] = pk[i];
	}
}

void
dh_key_clear(struct dh_key *k)
{
	if (k != NULL)
		sodium_memzero(k, sizeof(*k));
}

bool
dh(uint8_t out[static DH_LEN], const uint8_t sk[static DH_LEN],
    const uint8_t pk[static DH_LEN])
{
	return crypto_scalarmult(out, sk, pk) == 0;
}

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
		in.len, aad.ptr, aad.len, nonce, key) == 0)
		return LK_NONE;
	if (in.len > SEAL_TAG_LEN)
		sodium_memzero(out, in.len - SEAL_TAG_LEN);
	return LK_ERR(LK_E_MALFORMED, "sealed bytes");
}

void
box_seal(struct buf *out, const uint8_t pk[static DH_LEN], struct bytes plain)
{
	size_t len = out->len;
	uint8_t *at = buf_extend(out, plain.len + crypto_box_SEALBYTES);

	/* A low-order key: nobody could open it, so it counts as a failure. */
	if (at != NULL && crypto_box_seal(at, plain.ptr, plain.len, pk) != 0) {
		out->len = len;
		out->failed = true;
	}
}

lk_err
box_open(struct buf *out, const struct dh_key *k, struct bytes in)
{
	size_t len = out->len;
	uint8_t *at;

	if (in.len < crypto_box_SEALBYTES)
		return LK_ERR(LK_E_TRUNCATED, "sealed box");
	at = buf_extend(out, in.len - crypto_box_SEALBYTES);
	if (out->failed)
		return buf_err(out, "sealed box");
	if (crypto_box_seal_open(at, in.ptr, in.len, k->pk, k->sk) == 0)
		return LK_NONE;
	out->len = len;
	return LK_ERR(LK_E_MALFORMED, "sealed box");
}

void
secret_wipe(void *secret, size_t n)
{
	if (secret != NULL)
		sodium_memzero(secret, n);
}
