#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <string.h>

/* Its header gives these names to functions of its own. */
#undef sha256_init
#undef sha256_update
#undef sha256_digest

#include "crypto/digest.h"

_Static_assert(sizeof(struct sha256_state) >= sizeof(struct sha256_ctx),
    "struct sha256_state holds nettle's state");
_Static_assert(_Alignof(struct sha256_state) >= _Alignof(struct sha256_ctx),
    "and aligns it");
_Static_assert(SHA256_LEN == SHA256_DIGEST_SIZE, "SHA-256");

static struct sha256_ctx *
sha256_view(struct sha256_state *s)
{
	return (struct sha256_ctx *)(void *)s->opaque;
}

void
sha256_init(struct sha256_state *s)
{
	nettle_sha256_init(sha256_view(s));
}

void
sha256_add(struct sha256_state *s, struct bytes m)
{
	if (m.len > 0)
		nettle_sha256_update(sha256_view(s), m.len, m.ptr);
}

void
sha256_final(struct sha256_state *s, uint8_t out[static SHA256_LEN])
{
	nettle_sha256_digest(sha256_view(s), SHA256_LEN, out);
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
hmac_sha256(uint8_t out[static SHA256_LEN], struct bytes key, struct bytes m)
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key.len, key.ptr);
	if (m.len > 0)
		hmac_sha256_update(&ctx, m.len, m.ptr);
	hmac_sha256_digest(&ctx, SHA256_LEN, out);
	explicit_bzero(&ctx, sizeof(ctx));
}
