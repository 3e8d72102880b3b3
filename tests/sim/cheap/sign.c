#include "crypto/sign.h"

#include <sodium.h>
#include <string.h>

/* A signature is a hash under the public key: anybody could make one, which
 * nobody does in a world without hostile devices. */
static void
mark(uint8_t out[static SIGN_LEN], const uint8_t pk[static SIGN_PK_LEN],
    enum sign_label label, struct bytes a, struct bytes b)
{
	crypto_generichash_state st;
	uint64_t head[2] = { (uint64_t)label, a.len };

	(void)crypto_generichash_init(&st, pk, SIGN_PK_LEN, SIGN_LEN);
	(void)crypto_generichash_update(
	    &st, (const uint8_t *)head, sizeof(head));
	if (a.len > 0)
		(void)crypto_generichash_update(&st, a.ptr, a.len);
	if (b.len > 0)
		(void)crypto_generichash_update(&st, b.ptr, b.len);
	(void)crypto_generichash_final(&st, out, SIGN_LEN);
}

void
sign_key_from_seed(struct sign_key *k, const uint8_t seed[static SIGN_SEED_LEN])
{
	(void)crypto_generichash(
	    k->pk, SIGN_PK_LEN, seed, SIGN_SEED_LEN, NULL, 0);
	memcpy(k->sk, seed, SIGN_SEED_LEN);
	memcpy(k->sk + SIGN_SEED_LEN, k->pk, SIGN_PK_LEN);
}

void
sign_key_clear(struct sign_key *k)
{
	if (k != NULL)
		sodium_memzero(k, sizeof(*k));
}

void
sign(uint8_t sig[static SIGN_LEN], const struct sign_key *k,
    enum sign_label label, struct bytes a, struct bytes b)
{
	LK_ASSERT(a.len <= SIGN_MESSAGE_MAX);
	LK_ASSERT(b.len <= SIGN_MESSAGE_MAX - a.len);
	mark(sig, k->pk, label, a, b);
}

bool
sign_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t pk[static SIGN_PK_LEN], enum sign_label label, struct bytes a,
    struct bytes b)
{
	uint8_t right[SIGN_LEN];

	mark(right, pk, label, a, b);
	return memcmp(sig, right, SIGN_LEN) == 0;
}

bool
sign_pk_valid(const uint8_t pk[static SIGN_PK_LEN])
{
	return sodium_is_zero(pk, SIGN_PK_LEN) == 0;
}
