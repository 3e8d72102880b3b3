/*
 * digest.h - hashes.  Everything of ours is one call: BLAKE2b with n bytes of
 * output and a label as personalisation (docs/protocol.md section 1, written
 * H[n](label; m) and H[n](label, key; m) there).  SHA-256 is for Automerge
 * change hashes and, with HMAC, for signed requests to object stores only.
 * Pure; any thread.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "base/bytes.h"

#define DIGEST_KEY_LEN 32
#define DIGEST_MAX 64
#define SHA256_LEN 32

/* Every label of protocol 1; the strings are in digest.c. */
enum digest_label {
	DIGEST_ENVELOPE,
	DIGEST_ENV_SIGN,
	DIGEST_NONCE,
	DIGEST_CONTENT,
	DIGEST_EPOCH_TAG,
	DIGEST_TOPIC,
	DIGEST_AUTHOR,
	DIGEST_ANNOUNCE,
	DIGEST_RELAY_CRED,
	DIGEST_ACK_KEY,
	DIGEST_GENESIS,
	DIGEST_LINK,
	DIGEST_KEY_BOX,
	DIGEST_ACTOR,
	DIGEST_TICKET,
	DIGEST_ROOT,
	DIGEST_FP,
	DIGEST_GUARD,
	DIGEST_WORDS,
	DIGEST_BEACON,
	DIGEST_PAIR_CODE,
	DIGEST_PAIR_CONF,
	DIGEST_PAIR_SAS,
	DIGEST_PACK,
	DIGEST_MAILBOX,
	DIGEST_FILE, /* mirror/pieces.h */
	DIGEST_PIECE,
	DIGEST_BACKUP, /* backup/sealed.h */
};

/* An incremental H[n](label; ...) or H[n](label, key; ...). */
struct digest {
	_Alignas(64) uint8_t opaque[384];
	size_t len;
};

/* key is NULL or DIGEST_KEY_LEN bytes; len is 1 to DIGEST_MAX. */
void digest_init(
    struct digest *, size_t len, enum digest_label, const uint8_t *key);
void digest_add(struct digest *, struct bytes);
void digest_final(struct digest *, uint8_t *out); /* len bytes */

/* H[len](label; m), key NULL, or H[len](label, key; m), in one call. */
void digest(uint8_t *out, size_t len, enum digest_label, const uint8_t *key,
    struct bytes m);

void sha256(uint8_t out[static SHA256_LEN], struct bytes);
struct sha256_state {
	_Alignas(8) uint8_t opaque[128];
};
void sha256_init(struct sha256_state *);
void sha256_add(struct sha256_state *, struct bytes);
void sha256_final(struct sha256_state *, uint8_t out[static SHA256_LEN]);

/* HMAC-SHA-256 (RFC 2104) under a key of any length. */
void hmac_sha256(
    uint8_t out[static SHA256_LEN], struct bytes key, struct bytes m);

/* SipHash-2-4 under a fixed key: a checksum against damage, not against
 * people. */
uint64_t digest_checksum(struct bytes);

/* Constant time; n bytes. */
bool digest_equal(const uint8_t *, const uint8_t *, size_t n);

#endif
