#include "crypto/sign.h"

#include <sodium.h>
#include <string.h>

#define LABEL_LEN 16

_Static_assert(SIGN_PK_LEN == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(SIGN_SEED_LEN == crypto_sign_SEEDBYTES, "Ed25519");
_Static_assert(SIGN_LEN == crypto_sign_BYTES, "Ed25519");
_Static_assert(sizeof(((struct sign_key *)0)->sk) == crypto_sign_SECRETKEYBYTES,
    "Ed25519");

/* Ed25519 reads its message twice, so the parts are put side by side. */
struct statement {
	uint8_t bytes[LABEL_LEN + SIGN_MESSAGE_MAX];
	size_t len;
};

static const char labels[][LABEL_LEN + 1] = {
	[SIGN_ENVELOPE] = "lk1 envelope sig",
	[SIGN_DEVICE_CERT] = "lk1 device cert",
	[SIGN_DEVICE_GONE] = "lk1 device gone",
	[SIGN_DEVICE_SELF] = "lk1 device self",
	[SIGN_WELCOME] = "lk1 welcome sig",
	[SIGN_ACK] = "lk1 ack sig",
	[SIGN_CARD] = "lk1 card sig",
	[SIGN_BOX_CERT] = "lk1 box cert",
	[SIGN_GUARD] = "lk1 guard sig",
	[SIGN_PAIR_POP] = "lk1 pair pop",
	[SIGN_RELAY_OPEN] = "lk1 relay open",
	[SIGN_RELAY_ACCOUNT] = "lk1 relay acct",
	[SIGN_BACKUP] = "lk1 backup sig",
};

static bool
statement_fill(
    struct statement *s, enum sign_label label, struct bytes a, struct bytes b)
{
	if (a.len > SIGN_MESSAGE_MAX || b.len > SIGN_MESSAGE_MAX - a.len)
		return false;
	memcpy(s->bytes, labels[label], LABEL_LEN);
	if (a.len > 0)
		memcpy(s->bytes + LABEL_LEN, a.ptr, a.len);
	if (b.len > 0)
		memcpy(s->bytes + LABEL_LEN + a.len, b.ptr, b.len);
	s->len = LABEL_LEN + a.len + b.len;
	return true;
}

void
sign_key_from_seed(struct sign_key *k, const uint8_t seed[static SIGN_SEED_LEN])
{
	(void)crypto_sign_seed_keypair(k->pk, k->sk, seed);
}

void
sign_key_clear(struct sign_key *k)
{
	if (k != NULL)
		sodium_memzero(k, sizeof(*k));
}

void
sign(uint8_t sig[static SIGN_LEN], const struct sign_key *k,
    enum sign_label label, struct bytes a, struct bytes b)
{
	struct statement s;

	LK_ASSERT(statement_fill(&s, label, a, b));
	(void)crypto_sign_detached(sig, NULL, s.bytes, s.len, k->sk);
}

bool
sign_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t pk[static SIGN_PK_LEN], enum sign_label label, struct bytes a,
    struct bytes b)
{
	struct statement s;

	return statement_fill(&s, label, a, b) &&
	    crypto_sign_verify_detached(sig, s.bytes, s.len, pk) == 0;
}

bool
sign_pk_valid(const uint8_t pk[static SIGN_PK_LEN])
{
	return crypto_core_ed25519_is_valid_point(pk) == 1;
}
