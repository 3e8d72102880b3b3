#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "tests/sim/cheap/group.h"

/* Diffie and Hellman's own, modulo 2^61 - 1: both sides come to the same, in a
 * microsecond. */
#define BASE 37

/* Padded with what looks like a key. */
static void
spread(uint8_t out[static DH_LEN], uint64_t n)
{
	(void)crypto_generichash(
	    out, DH_LEN, (const uint8_t *)&n, sizeof(n), NULL, 0);
	memcpy(out, &n, sizeof(n));
}

void
dh_key_from_secret(struct dh_key *k, const uint8_t sk[static DH_LEN])
{
	uint64_t n = group_power(BASE, sk);

	memmove(k->sk, sk, DH_LEN);
	spread(k->pk, n);
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
	uint64_t n;

	memcpy(&n, pk, sizeof(n));
	if (n % GROUP_PRIME == 0)
		return false;
	spread(out, group_power(n % GROUP_PRIME, sk));
	return true;
}

/* A box: the ephemeral key, and the rest under what it gives. */
void
box_seal(struct buf *out, const uint8_t pk[static DH_LEN], struct bytes plain)
{
	static const uint8_t nonce[SEAL_NONCE_LEN];
	uint8_t secret[DH_LEN], key[DH_LEN];
	struct dh_key ephemeral;

	randombytes_buf(secret, sizeof(secret));
	dh_key_from_secret(&ephemeral, secret);
	if (!dh(key, secret, pk)) {
		out->failed = true;
		return;
	}
	buf_mem(out, ephemeral.pk, DH_LEN);
	seal(out, key, nonce, BYTES(NULL, 0), plain);
}

lk_err
box_open(struct buf *out, const struct dh_key *k, struct bytes in)
{
	static const uint8_t nonce[SEAL_NONCE_LEN];
	uint8_t key[DH_LEN], *at;
	size_t len = out->len;
	lk_err err;

	if (in.len < BOX_SEAL_LEN)
		return LK_ERR(LK_E_TRUNCATED, "sealed box");
	if (!dh(key, k->sk, in.ptr))
		return LK_ERR(LK_E_MALFORMED, "sealed box");
	at = buf_extend(out, in.len - BOX_SEAL_LEN);
	if (out->failed)
		return buf_err(out, "sealed box");
	err = unseal(at, key, nonce, BYTES(NULL, 0),
	    BYTES(in.ptr + DH_LEN, in.len - DH_LEN));
	if (err.code != LK_OK)
		out->len = len;
	return err;
}
