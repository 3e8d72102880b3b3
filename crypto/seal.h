/*
 * seal.h - X25519, XChaCha20-Poly1305 and sealed boxes.  Any thread.
 */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "base/bytes.h"

#define DH_LEN 32
#define SEAL_KEY_LEN 32
#define SEAL_NONCE_LEN 24
#define SEAL_TAG_LEN 16

struct dh_key {
	uint8_t pk[DH_LEN];
	uint8_t sk[DH_LEN]; /* wiped by dh_key_clear */
};

/* The public key of a secret. */
void dh_key_from_secret(struct dh_key *, const uint8_t sk[static DH_LEN]);
void dh_key_clear(struct dh_key *);
/* False for a low-order point: refuse then. */
LK_MUST_USE bool dh(uint8_t out[static DH_LEN], const uint8_t sk[static DH_LEN],
    const uint8_t pk[static DH_LEN]);

/* Appends ciphertext and tag to out. */
void seal(struct buf *out, const uint8_t key[static SEAL_KEY_LEN],
    const uint8_t nonce[static SEAL_NONCE_LEN], struct bytes aad,
    struct bytes plain);
/* Writes in.len - SEAL_TAG_LEN bytes to out; MALFORMED when the tag is
 * wrong, and out is then zeroed. */
LK_MUST_USE lk_err unseal(uint8_t *out, const uint8_t key[static SEAL_KEY_LEN],
    const uint8_t nonce[static SEAL_NONCE_LEN], struct bytes aad,
    struct bytes in);

#define BOX_SEAL_LEN 48
/* crypto_box_seal to an X25519 key: anonymous, BOX_SEAL_LEN bytes longer. */
void box_seal(struct buf *out, const uint8_t pk[static DH_LEN], struct bytes);
LK_MUST_USE lk_err box_open(
    struct buf *out, const struct dh_key *, struct bytes);

void secret_wipe(void *, size_t);

#endif
