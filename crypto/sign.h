/*
 * sign.h - Ed25519 signatures.  libsodium's verdict is normative
 * (docs/protocol.md section 1).  Any thread.
 */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H

#include "base/bytes.h"

#define SIGN_PK_LEN 32
#define SIGN_SEED_LEN 32
#define SIGN_LEN 64
/* Of what is signed at once; the longest, a card, has 24 KiB. */
#define SIGN_MESSAGE_MAX (32 * 1024)

struct sign_key {
	uint8_t pk[SIGN_PK_LEN];
	uint8_t sk[64]; /* wiped by sign_key_clear */
};

void sign_key_from_seed(struct sign_key *, const uint8_t seed[static 32]);
void sign_key_clear(struct sign_key *);

/* What a signature is for; each label is 16 bytes in front of the message. */
enum sign_label {
	SIGN_ENVELOPE,
	SIGN_DEVICE_CERT,
	SIGN_DEVICE_GONE,
	SIGN_DEVICE_SELF,
	SIGN_WELCOME,
	SIGN_ACK,
	SIGN_CARD,
	SIGN_BOX_CERT,
	SIGN_GUARD,
	SIGN_PAIR_POP,
	SIGN_RELAY_OPEN,
	SIGN_RELAY_ACCOUNT,
	SIGN_BACKUP, /* backup/snapshot.h */
};

/* Signs label || a || b.  Either part may be empty; together they have at
 * most SIGN_MESSAGE_MAX bytes. */
void sign(uint8_t sig[static SIGN_LEN], const struct sign_key *,
    enum sign_label, struct bytes a, struct bytes b);
/* Also false for a longer message. */
LK_MUST_USE bool sign_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t pk[static SIGN_PK_LEN], enum sign_label, struct bytes a,
    struct bytes b);
/* A point of the prime-order group: what may enter a document as a key. */
LK_MUST_USE bool sign_pk_valid(const uint8_t pk[static SIGN_PK_LEN]);

#endif
