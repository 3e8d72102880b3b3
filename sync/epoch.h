/*
 * epoch.h - what is derived from the secrets of a document: epoch keys, the
 * topic and what hangs on it, and the hashes two peers compare topics by
 * (docs/protocol.md section 2).
 *
 * Pure; any thread.  The structs are plain memory of their owner and hold
 * secrets: secret_wipe them when they end.
 */
#ifndef SYNC_EPOCH_H
#define SYNC_EPOCH_H

#include "base/limits.h"
#include "crypto/digest.h"

#define EPOCH_SECRET_LEN 32
#define GENESIS_SALT_LEN 8
#define ANNOUNCE_PROOF_LEN 8

/* One epoch: everything follows from the ladder secret. */
struct epoch {
	uint8_t ladder[EPOCH_SECRET_LEN];  /* L */
	uint8_t content[EPOCH_SECRET_LEN]; /* K, the key of the AEAD */
	uint8_t etag[LK_TOPIC_LEN];        /* commits to K */
};

/* What never rotates: follows from the first epoch's L. */
struct topic {
	uint8_t secret[EPOCH_SECRET_LEN]; /* S */
	uint8_t id[LK_TOPIC_LEN];
};

void epoch_derive(
    struct epoch *, const uint8_t ladder[static EPOCH_SECRET_LEN]);
/* The key acknowledgements under an epoch are sealed with. */
void epoch_ack_key(uint8_t out[static EPOCH_SECRET_LEN], const struct epoch *);

/* L of the first epoch: from the device's genesis seed and the salt of the
 * genesis envelope. */
void genesis_ladder(uint8_t out[static EPOCH_SECRET_LEN],
    const uint8_t seed[static 32], const uint8_t salt[static GENESIS_SALT_LEN]);

/* From L of the first epoch; or from S, as a welcome brings it. */
void topic_derive(
    struct topic *, const uint8_t ladder[static EPOCH_SECRET_LEN]);
void topic_from_secret(
    struct topic *, const uint8_t secret[static EPOCH_SECRET_LEN]);
/* The pseudonym of a device in a topic. */
void author_tag(uint8_t out[static LK_TOPIC_LEN], const struct topic *,
    const uint8_t device_pk[static 32]);
/* The Automerge actor of a device under a grant; index numbers the grant
 * within its envelope. */
void actor_id(uint8_t out[static LK_TOPIC_LEN], const struct topic *,
    const uint8_t device_pk[static 32],
    const uint8_t grant_env[static LK_ID_LEN], uint8_t index);

/*
 * `session` is h, the Noise handshake hash; `role` is the sender's: 1 the
 * initiator, 2 the responder.
 */
#define ANNOUNCE_SESSION_LEN 64
/* Shows knowledge of S without showing which topic (TOPICS). */
void announce_proof(uint8_t out[static ANNOUNCE_PROOF_LEN],
    const struct topic *, const uint8_t session[static ANNOUNCE_SESSION_LEN],
    uint8_t role);
/* Over topic ids in ascending order (SET). */
void announce_set(uint8_t out[static LK_TOPIC_LEN],
    const uint8_t session[static ANNOUNCE_SESSION_LEN],
    const uint8_t (*topics)[LK_TOPIC_LEN], size_t topics_len);

#endif
