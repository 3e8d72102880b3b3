/*
 * group.h - a group that costs next to nothing: the numbers below 2^61 - 1,
 * multiplied.  Whoever can divide breaks it; what is built on it is as in the
 * real one.  Pure.
 */
#ifndef TESTS_SIM_CHEAP_GROUP_H
#define TESTS_SIM_CHEAP_GROUP_H

#include <stdint.h>
#include <string.h>

#define GROUP_PRIME ((UINT64_C(1) << 61) - 1)

static inline uint64_t
group_times(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 n = (unsigned __int128)a * b;
	uint64_t out = (uint64_t)(n & GROUP_PRIME) + (uint64_t)(n >> 61);

	return out >= GROUP_PRIME ? out - GROUP_PRIME : out;
}

/* `of` below the prime; the first 8 bytes of the exponent count. */
static inline uint64_t
group_power(uint64_t of, const uint8_t *exponent)
{
	uint64_t e, out = 1;

	memcpy(&e, exponent, sizeof(e));
	for (e = e % (GROUP_PRIME - 2) + 1; e > 0; e >>= 1) {
		if ((e & 1) != 0)
			out = group_times(out, of);
		of = group_times(of, of);
	}
	return out;
}

#endif
