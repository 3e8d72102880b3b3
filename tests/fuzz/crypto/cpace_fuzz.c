/*
 * CPace: any share.  One that is taken is the encoding of a point, the only one
 * that it has, so that a share with one bit changed is another or none.
 */
#include <string.h>

#include "crypto/cpace.h"
#include "crypto/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
agree(const uint8_t share[static CPACE_POINT_LEN], bool initiator,
    uint8_t key[static CPACE_ISK_LEN])
{
	static const uint8_t random[CPACE_RANDOM_LEN] = { 5 };
	struct cpace_config config = { .initiator = initiator,
		.prs = BYTES_STR("1234"),
		.random = random };
	struct cpace c;

	LK_ASSERT(cpace_init(&c, &config).code == LK_OK);
	return cpace_finish(&c, share, key).code == LK_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t identity[CPACE_POINT_LEN];
	uint8_t share[CPACE_POINT_LEN], key[2][CPACE_ISK_LEN];
	uint8_t bit;
	bool taken;

	LK_ASSERT(crypto_start().code == LK_OK);
	if (size < CPACE_POINT_LEN + 1)
		return 0;
	memcpy(share, data, sizeof(share));
	bit = data[CPACE_POINT_LEN];
	taken = agree(share, (bit & 1) != 0, key[0]);
	LK_ASSERT(!taken || memcmp(share, identity, sizeof(share)) != 0);
	share[bit / 8] ^= (uint8_t)(1u << bit % 8);
	if (taken && agree(share, (bit & 1) != 0, key[1]))
		LK_ASSERT(memcmp(key[0], key[1], CPACE_ISK_LEN) != 0);
	return 0;
}
