#include <sodium.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/sha256_blocks.h"

/* What is computed with sha256_blocks; otherwise it is libsodium's state. */
struct block_state {
	uint32_t words[SHA256_WORDS];
	uint64_t len;
	uint8_t block[SHA256_BLOCK];
};

_Static_assert(
    sizeof(struct sha256_state) >= sizeof(crypto_hash_sha256_state) &&
	sizeof(struct sha256_state) >= sizeof(struct block_state),
    "struct sha256_state holds either state");
_Static_assert(
    _Alignof(struct sha256_state) >= _Alignof(crypto_hash_sha256_state) &&
	_Alignof(struct sha256_state) >= _Alignof(struct block_state),
    "and aligns it");
_Static_assert(SHA256_LEN == crypto_hash_sha256_BYTES, "SHA-256");

static crypto_hash_sha256_state *
sodium_view(struct sha256_state *s)
{
	return (crypto_hash_sha256_state *)(void *)s->opaque;
}

static struct block_state *
block_view(struct sha256_state *s)
{
	return (struct block_state *)(void *)s->opaque;
}

static void
block_init(struct block_state *s)
{
	static const uint32_t start[SHA256_WORDS] = { 0x6a09e667, 0xbb67ae85,
		0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
		0x5be0cd19 };

	memcpy(s->words, start, sizeof(start));
	s->len = 0;
}

static void
block_add(struct block_state *s, struct bytes m)
{
	size_t had = s->len % SHA256_BLOCK, n = SHA256_BLOCK - had;

	s->len += m.len;
	if (had > 0) {
		if (n > m.len)
			n = m.len;
		memcpy(s->block + had, m.ptr, n);
		m = BYTES(m.ptr + n, m.len - n);
		if (had + n < SHA256_BLOCK)
			return;
		sha256_blocks(s->words, s->block, 1);
	}
	n = m.len / SHA256_BLOCK;
	if (n > 0)
		sha256_blocks(s->words, m.ptr, n);
	if (m.len > n * SHA256_BLOCK)
		memcpy(s->block, m.ptr + n * SHA256_BLOCK,
		    m.len - n * SHA256_BLOCK);
}

static void
block_final(struct block_state *s, uint8_t out[static SHA256_LEN])
{
	size_t had = s->len % SHA256_BLOCK;
	uint64_t bits = s->len * 8;

	s->block[had++] = 0x80;
	if (had > SHA256_BLOCK - sizeof(bits)) {
		memset(s->block + had, 0, SHA256_BLOCK - had);
		sha256_blocks(s->words, s->block, 1);
		had = 0;
	}
	memset(s->block + had, 0, SHA256_BLOCK - had);
	for (size_t i = 1; i <= sizeof(bits); i++, bits >>= 8)
		s->block[SHA256_BLOCK - i] = (uint8_t)bits;
	sha256_blocks(s->words, s->block, 1);
	for (size_t i = 0; i < SHA256_LEN; i++)
		out[i] = (uint8_t)(s->words[i / 4] >> (24 - 8 * (i % 4)));
}

void
sha256(uint8_t out[static SHA256_LEN], struct bytes m)
{
	struct sha256_state s;

	sha256_init(&s);
	sha256_add(&s, m);
	sha256_final(&s, out);
}

void
sha256_init(struct sha256_state *s)
{
	if (sha256_blocks_here())
		block_init(block_view(s));
	else
		(void)crypto_hash_sha256_init(sodium_view(s));
}

void
sha256_add(struct sha256_state *s, struct bytes m)
{
	if (m.len == 0)
		return;
	if (sha256_blocks_here())
		block_add(block_view(s), m);
	else
		(void)crypto_hash_sha256_update(sodium_view(s), m.ptr, m.len);
}

void
sha256_final(struct sha256_state *s, uint8_t out[static SHA256_LEN])
{
	if (sha256_blocks_here())
		block_final(block_view(s), out);
	else
		(void)crypto_hash_sha256_final(sodium_view(s), out);
}
