#include "crypto/cpace.h"

#include <sodium.h>

#include "tests/sim/cheap/group.h"

/* As in crypto/cpace.c, in another group.  A number is written in 8 bytes, with
 * zeros behind it. */

static void
counted(crypto_generichash_state *st, struct bytes part)
{
	(void)crypto_generichash_update(
	    st, (const uint8_t *)&part.len, sizeof(part.len));
	if (part.len > 0)
		(void)crypto_generichash_update(st, part.ptr, part.len);
}

static void
point_write(uint8_t out[static CPACE_POINT_LEN], uint64_t n)
{
	memset(out, 0, CPACE_POINT_LEN);
	memcpy(out, &n, sizeof(n));
}

lk_err
cpace_init(struct cpace *c, const struct cpace_config *config)
{
	crypto_generichash_state st;
	uint64_t base;

	*c = (struct cpace){ .initiator = config->initiator,
		.sid = config->sid,
		.ad = { config->ad[0], config->ad[1] } };
	(void)crypto_generichash_init(&st, NULL, 0, CPACE_POINT_LEN);
	counted(&st, config->prs);
	counted(&st, config->ci);
	counted(&st, config->sid);
	(void)crypto_generichash_final(&st, c->share, CPACE_POINT_LEN);
	memcpy(&base, c->share, sizeof(base));
	memcpy(c->scalar, config->random, CPACE_POINT_LEN);
	point_write(
	    c->share, group_power(2 + base % (GROUP_PRIME - 3), c->scalar));
	return LK_NONE;
}

lk_err
cpace_finish(struct cpace *c, const uint8_t theirs[static CPACE_POINT_LEN],
    uint8_t isk[static CPACE_ISK_LEN])
{
	struct bytes share[2] = { BYTES(c->share, CPACE_POINT_LEN),
		BYTES(theirs, CPACE_POINT_LEN) };
	uint8_t shared[CPACE_POINT_LEN];
	crypto_generichash_state st;
	uint64_t n;

	memcpy(&n, theirs, sizeof(n));
	point_write(shared, n);
	if (n == 0 || n >= GROUP_PRIME ||
	    memcmp(shared, theirs, sizeof(shared)) != 0 ||
	    (n = group_power(n, c->scalar)) == 1) {
		cpace_clear(c);
		return LK_ERR(LK_E_MALFORMED, "pairing: not a point");
	}
	point_write(shared, n);
	(void)crypto_generichash_init(&st, NULL, 0, CPACE_ISK_LEN);
	counted(&st, c->sid);
	counted(&st, BYTES_OF(shared));
	for (int i = 0; i < 2; i++) {
		counted(&st, share[c->initiator ? i : 1 - i]);
		counted(&st, c->ad[i]);
	}
	(void)crypto_generichash_final(&st, isk, CPACE_ISK_LEN);
	cpace_clear(c);
	return LK_NONE;
}

void
cpace_clear(struct cpace *c)
{
	if (c != NULL)
		sodium_memzero(c, sizeof(*c));
}
