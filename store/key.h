/*
 * key.h - keys of the tables, put together on the stack.  Numbers are
 * big-endian, so that records sort by document, then by what follows.
 */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include <string.h>

#include "base/bytes.h"

/* LMDB's own limit. */
#define KEY_MAX 511

struct key {
	size_t len;
	uint8_t bytes[KEY_MAX + 1];
};

static inline struct bytes
key_view(const struct key *k)
{
	return BYTES(k->bytes, k->len);
}

/* The caller keeps within KEY_MAX. */
static inline void
key_mem(struct key *k, const void *p, size_t n)
{
	LK_ASSERT(n <= KEY_MAX - k->len);
	if (n > 0)
		memcpy(k->bytes + k->len, p, n);
	k->len += n;
}

static inline void
big_endian(uint8_t *out, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static inline void
key_number(struct key *k, uint64_t v, size_t n)
{
	uint8_t b[8];

	big_endian(b, v, n);
	key_mem(k, b, n);
}

#endif
