/*
 * noise.h - the Noise protocol framework, suite 25519_ChaChaPoly_BLAKE2b, the
 * four patterns of docs/protocol.md section 10.
 *
 * A handshake is a table of tokens walked one message at a time, writer and
 * reader in turn.  It is pure: the ephemeral secret is an argument.  Of two
 * equal inputs the same bytes come out, so an ephemeral secret is used once.
 *
 *   noise_init -> { noise_write / noise_read in turn } -> noise_done ->
 *   noise_split
 *
 * The first error ends a handshake for good.  A struct noise holds secrets
 * and is ended with noise_clear; the same goes for a cipher.  One thread.
 */
#ifndef CRYPTO_NOISE_H
#define CRYPTO_NOISE_H

#include "base/bytes.h"
#include "crypto/seal.h"

#define NOISE_HASH_LEN 64
#define NOISE_KEY_LEN 32
#define NOISE_PSK_LEN 32
#define NOISE_TAG_LEN 16
#define NOISE_MESSAGE_MAX 65535
#define NOISE_PLAIN_MAX (NOISE_MESSAGE_MAX - NOISE_TAG_LEN)

enum noise_pattern {
	NOISE_XK,
	NOISE_XKPSK3,
	NOISE_XX,
	NOISE_NK,
};

/* One direction of a connection.  The key changes after every 2^16 messages;
 * the nonce runs on. */
struct noise_cipher {
	uint8_t key[NOISE_KEY_LEN];
	uint64_t nonce;
};

/* Everything is copied by noise_init. */
struct noise_config {
	enum noise_pattern pattern;
	bool initiator;
	struct bytes prologue;
	const uint8_t *ephemeral;   /* DH_LEN fresh random bytes */
	const struct dh_key *local; /* NULL for the initiator of NK */
	const uint8_t *remote;      /* DH_LEN, the initiator's of XK and NK */
	const uint8_t *psk;         /* NOISE_PSK_LEN with XKPSK3 */
};

struct noise {
	enum noise_pattern pattern;
	bool initiator, keyed;
	size_t message; /* the next one */
	lk_err failed;
	struct noise_cipher cipher;
	uint8_t chain[NOISE_HASH_LEN];
	uint8_t hash[NOISE_HASH_LEN]; /* h; final after the last message */
	struct dh_key local, ephemeral;
	uint8_t remote[DH_LEN]; /* static; known after noise_done, if at all */
	uint8_t remote_ephemeral[DH_LEN];
	uint8_t psk[NOISE_PSK_LEN];
};

void noise_init(struct noise *, const struct noise_config *);
void noise_clear(struct noise *);
/* All messages of the pattern are through. */
bool noise_done(const struct noise *);
/* It is our turn to write. */
bool noise_writes(const struct noise *);
/* By how much the next message is longer than its payload. */
size_t noise_overhead(const struct noise *);

/*
 * Appends the next message.  MALFORMED when the remote key is a low-order
 * point, DENIED when it is our own, LIMIT when payload or `out` do not allow
 * it, NOMEM.
 */
LK_MUST_USE lk_err noise_write(
    struct noise *, struct buf *out, struct bytes payload);
/*
 * Reads the next message and appends its payload.  TRUNCATED, MALFORMED when
 * it is not authentic or has a low-order key, DENIED when a key in it is our
 * own: a reflection.  LIMIT, NOMEM as above.
 */
LK_MUST_USE lk_err noise_read(
    struct noise *, struct buf *payload, struct bytes message);

/* After noise_done: a cipher for each direction; clears all but hash and
 * remote. */
void noise_split(
    struct noise *, struct noise_cipher *send, struct noise_cipher *receive);
void noise_cipher_clear(struct noise_cipher *);

/* Appends one message, encrypting head || body, together at most
 * NOISE_PLAIN_MAX.  LIMIT (also after 2^64 - 1 messages), NOMEM: nothing
 * changed. */
LK_MUST_USE lk_err noise_seal(struct noise_cipher *, struct buf *out,
    struct bytes head, struct bytes body);
/* Appends what is in the next message.  TRUNCATED, MALFORMED, LIMIT, NOMEM:
 * nothing changed. */
LK_MUST_USE lk_err noise_open(
    struct noise_cipher *, struct buf *out, struct bytes message);

#endif
