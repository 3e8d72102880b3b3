#include <immintrin.h>

#include "crypto/sha256_blocks.h"

/* Four words of the schedule at a time; sixteen groups of four rounds. */
#define GROUPS 16
#define GROUP_WORDS 4

/* FIPS 180-4 section 4.2.2. */
static const uint32_t constants[GROUPS * GROUP_WORDS] = { 0x428a2f98,
	0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
	0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6,
	0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
	0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351,
	0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354,
	0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70,
	0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
	0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

bool
sha256_blocks_here(void)
{
	return __builtin_cpu_supports("sha") &&
	    __builtin_cpu_supports("sse4.1");
}

#define WORDS_LOAD(at) _mm_loadu_si128((const __m128i *)(const void *)(at))

/*
 * The instructions want the state as the words a, b, e, f and c, d, g, h, each
 * with the first word uppermost.
 */
__attribute__((target("sha,sse4.1"))) void
sha256_blocks(
    uint32_t state[static SHA256_WORDS], const uint8_t *data, size_t n)
{
	const __m128i big_endian =
	    _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
	__m128i badc = _mm_shuffle_epi32(WORDS_LOAD(state), 0xb1);
	__m128i hgfe = _mm_shuffle_epi32(WORDS_LOAD(state + GROUP_WORDS), 0x1b);
	__m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
	__m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);

	for (; n > 0; n--, data += SHA256_BLOCK) {
		__m128i abef_before = abef, cdgh_before = cdgh, w[4];

		for (size_t i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(
			    WORDS_LOAD(data + i * sizeof(w[0])), big_endian);
#pragma GCC unroll 16
		for (size_t i = 0; i < GROUPS; i++) {
			__m128i *now = &w[i % 4], last = w[(i + 3) % 4];
			__m128i k = _mm_add_epi32(
			    *now, WORDS_LOAD(constants + GROUP_WORDS * i));

			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
			abef = _mm_sha256rnds2_epu32(
			    abef, cdgh, _mm_shuffle_epi32(k, 0x0e));
			*now = _mm_add_epi32(
			    _mm_sha256msg1_epu32(*now, w[(i + 1) % 4]),
			    _mm_alignr_epi8(last, w[(i + 2) % 4], 4));
			*now = _mm_sha256msg2_epu32(*now, last);
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	badc = _mm_shuffle_epi32(abef, 0x1b);
	hgfe = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128(
	    (__m128i *)(void *)state, _mm_blend_epi16(badc, hgfe, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(state + GROUP_WORDS),
	    _mm_alignr_epi8(hgfe, badc, 8));
}
