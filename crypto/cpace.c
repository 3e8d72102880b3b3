#include "crypto/cpace.h"

#include <sodium.h>
#include <string.h>

#define BLOCK_LEN 128 /* of SHA-512 */
#define LABEL "CPaceRistretto255"
#define LABEL_ISK "CPaceRistretto255_ISK"

_Static_assert(
    CPACE_POINT_LEN == crypto_core_ristretto255_BYTES, "ristretto255");
_Static_assert(
    CPACE_POINT_LEN == crypto_core_ristretto255_SCALARBYTES, "ristretto255");
_Static_assert(
    CPACE_RANDOM_LEN == crypto_core_ristretto255_NONREDUCEDSCALARBYTES,
    "a scalar without bias");
_Static_assert(crypto_core_ristretto255_HASHBYTES == crypto_hash_sha512_BYTES,
    "a generator is made of one hash");
_Static_assert(CPACE_ISK_LEN == crypto_hash_sha512_BYTES, "SHA-512");

/* Lengths are LEB128 in the draft: one byte up to CPACE_PART_MAX. */
static void
add_counted(crypto_hash_sha512_state *st, struct bytes part)
{
	uint8_t len = (uint8_t)part.len;

	LK_ASSERT(part.len <= CPACE_PART_MAX);
	(void)crypto_hash_sha512_update(st, &len, 1);
	if (part.len > 0)
		(void)crypto_hash_sha512_update(st, part.ptr, part.len);
}

/* The zeros fill the first block, so that the time it takes says nothing of
 * the secret that is in it. */
static void
generator(uint8_t out[static CPACE_POINT_LEN], const struct cpace_config *c)
{
	static const uint8_t zeros[BLOCK_LEN];
	size_t used = 1 + strlen(LABEL) + 1 + c->prs.len + 1;
	uint8_t hash[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state st;

	(void)crypto_hash_sha512_init(&st);
	add_counted(&st, BYTES_STR(LABEL));
	add_counted(&st, c->prs);
	add_counted(&st, BYTES(zeros, used < BLOCK_LEN ? BLOCK_LEN - used : 0));
	add_counted(&st, c->ci);
	add_counted(&st, c->sid);
	(void)crypto_hash_sha512_final(&st, hash);
	(void)crypto_core_ristretto255_from_hash(out, hash);
	sodium_memzero(hash, sizeof(hash));
	sodium_memzero(&st, sizeof(st));
}

lk_err
cpace_init(struct cpace *c, const struct cpace_config *config)
{
	uint8_t base[CPACE_POINT_LEN];
	int failed;

	*c = (struct cpace){ .initiator = config->initiator,
		.sid = config->sid,
		.ad = { config->ad[0], config->ad[1] } };
	generator(base, config);
	crypto_core_ristretto255_scalar_reduce(c->scalar, config->random);
	failed = crypto_scalarmult_ristretto255(c->share, c->scalar, base);
	sodium_memzero(base, sizeof(base));
	if (failed != 0) {
		cpace_clear(c);
		return LK_ERR(LK_E_MALFORMED, "pairing: random bytes");
	}
	return LK_NONE;
}

lk_err
cpace_finish(struct cpace *c, const uint8_t theirs[static CPACE_POINT_LEN],
    uint8_t isk[static CPACE_ISK_LEN])
{
	uint8_t shared[CPACE_POINT_LEN];
	struct bytes share[2] = { BYTES(c->share, CPACE_POINT_LEN),
		BYTES(theirs, CPACE_POINT_LEN) };
	crypto_hash_sha512_state st;

	/* Refuses every encoding but the one, and the identity as a result. */
	if (crypto_scalarmult_ristretto255(shared, c->scalar, theirs) != 0) {
		cpace_clear(c);
		return LK_ERR(LK_E_MALFORMED, "pairing: not a point");
	}
	(void)crypto_hash_sha512_init(&st);
	add_counted(&st, BYTES_STR(LABEL_ISK));
	add_counted(&st, c->sid);
	add_counted(&st, BYTES_OF(shared));
	for (int i = 0; i < 2; i++) {
		add_counted(&st, share[c->initiator ? i : 1 - i]);
		add_counted(&st, c->ad[i]);
	}
	(void)crypto_hash_sha512_final(&st, isk);
	sodium_memzero(shared, sizeof(shared));
	sodium_memzero(&st, sizeof(st));
	cpace_clear(c);
	return LK_NONE;
}

void
cpace_clear(struct cpace *c)
{
	if (c != NULL)
		sodium_memzero(c, sizeof(*c));
}
