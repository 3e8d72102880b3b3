#include "crypto/digest.h"

#include <sodium.h>
#include <string.h>

#define LABEL_LEN crypto_generichash_blake2b_PERSONALBYTES

_Static_assert(LABEL_LEN == 16, "a label is the personalisation");
_Static_assert(sizeof(((struct digest *)0)->opaque) >=
	sizeof(crypto_generichash_blake2b_state),
    "struct digest holds libsodium's state");
_Static_assert(
    _Alignof(struct digest) >= _Alignof(crypto_generichash_blake2b_state),
    "and aligns it");
_Static_assert(DIGEST_MAX == crypto_generichash_blake2b_BYTES_MAX, "BLAKE2b");

static const char labels[][LABEL_LEN + 1] = {
	[DIGEST_ENVELOPE] = "lk1 envelope",
	[DIGEST_ENV_SIGN] = "lk1 env sign",
	[DIGEST_NONCE] = "lk1 nonce",
	[DIGEST_CONTENT] = "lk1 content",
	[DIGEST_EPOCH_TAG] = "lk1 epoch tag",
	[DIGEST_TOPIC] = "lk1 topic",
	[DIGEST_AUTHOR] = "lk1 author",
	[DIGEST_ANNOUNCE] = "lk1 announce",
	[DIGEST_RELAY_CRED] = "lk1 relay cred",
	[DIGEST_ACK_KEY] = "lk1 ack key",
	[DIGEST_GENESIS] = "lk1 genesis",
	[DIGEST_LINK] = "lk1 link",
	[DIGEST_KEY_BOX] = "lk1 key box",
	[DIGEST_ACTOR] = "lk1 actor",
	[DIGEST_TICKET] = "lk1 ticket",
	[DIGEST_ROOT] = "lk1 root",
	[DIGEST_FP] = "lk1 fp",
	[DIGEST_GUARD] = "lk1 guard",
	[DIGEST_WORDS] = "lk1 words",
	[DIGEST_BEACON] = "lk1 beacon",
	[DIGEST_PAIR_CODE] = "lk1 pair code",
	[DIGEST_PAIR_CONF] = "lk1 pair conf",
	[DIGEST_PAIR_SAS] = "lk1 pair sas",
	[DIGEST_PACK] = "lk1 pack",
	[DIGEST_MAILBOX] = "lk1 mailbox",
	[DIGEST_FILE] = "lk1 file",
	[DIGEST_PIECE] = "lk1 piece",
	[DIGEST_BACKUP] = "lk1 backup",
};

static const uint8_t checksum_key[crypto_shorthash_KEYBYTES] = "lk1 checksum";

/* The view of the opaque bytes that libsodium wants. */
static crypto_generichash_blake2b_state *
digest_state(struct digest *d)
{
	return (crypto_generichash_blake2b_state *)(void *)d->opaque;
}

void
digest_init(
    struct digest *d, size_t len, enum digest_label label, const uint8_t *key)
{
	LK_ASSERT(len >= 1 && len <= DIGEST_MAX);
	LK_ASSERT(crypto_generichash_blake2b_init_salt_personal(digest_state(d),
		      key, key == NULL ? 0 : DIGEST_KEY_LEN, len, NULL,
		      (const uint8_t *)labels[label]) == 0);
	d->len = len;
}

void
digest_add(struct digest *d, struct bytes m)
{
	if (m.len > 0)
		(void)crypto_generichash_blake2b_update(
		    digest_state(d), m.ptr, m.len);
}

void
digest_final(struct digest *d, uint8_t *out)
{
	LK_ASSERT(crypto_generichash_blake2b_final(
		      digest_state(d), out, d->len) == 0);
	sodium_memzero(d, sizeof(*d));
}

void
digest(uint8_t *out, size_t len, enum digest_label label, const uint8_t *key,
    struct bytes m)
{
	LK_ASSERT(len >= 1 && len <= DIGEST_MAX);
	LK_ASSERT(crypto_generichash_blake2b_salt_personal(out, len, m.ptr,
		      m.len, key, key == NULL ? 0 : DIGEST_KEY_LEN, NULL,
		      (const uint8_t *)labels[label]) == 0);
}

uint64_t
digest_checksum(struct bytes m)
{
	uint8_t out[crypto_shorthash_BYTES];
	struct rd r = rd_over(BYTES_OF(out));

	(void)crypto_shorthash(out, m.ptr, m.len, checksum_key);
	return rd_u64(&r);
}

bool
digest_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}
