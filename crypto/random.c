#include "crypto/random.h"

#include <sodium.h>
#include <string.h>

void
random_fill(const struct random *r, void *out, size_t n)
{
	r->fill(r->ctx, out, n);
}

uint64_t
random_u64(const struct random *r)
{
	uint8_t raw[sizeof(uint64_t)];
	struct rd in = rd_over(BYTES_OF(raw));

	random_fill(r, raw, sizeof(raw));
	return rd_u64(&in);
}

uint64_t
random_below(const struct random *r, uint64_t n)
{
	uint64_t least, v;

	LK_ASSERT(n > 0);
	/* 2^64 mod n: below it, the low values would come up once too often. */
	least = (0 - n) % n;
	do {
		v = random_u64(r);
	} while (v < least);
	return v % n;
}

static void
system_fill(void *ctx, uint8_t *out, size_t n)
{
	(void)ctx;
	randombytes_buf(out, n);
}

struct random
random_system(void)
{
	return (struct random){ .fill = system_fill };
}

/* Each call takes the keystream of a nonce of its own. */
static void
seeded_fill(void *ctx, uint8_t *out, size_t n)
{
	struct random_seeded *s = ctx;
	uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];

	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)(s->counter >> (8 * i));
	s->counter++;
	(void)crypto_stream_chacha20(out, n, nonce, s->key);
}

struct random
random_from_seed(struct random_seeded *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < sizeof(seed); i++)
		s->key[i] = (uint8_t)(seed >> (8 * i));
	return (struct random){ .fill = seeded_fill, .ctx = s };
}

lk_err
crypto_start(void)
{
	if (sodium_init() < 0)
		return LK_ERR(LK_E_UNAVAILABLE, "libsodium");
	return LK_NONE;
}
