#include "sync/epoch.h"

#include <string.h>

#include "crypto/seal.h"

#define PROOF_PARTS (ANNOUNCE_SESSION_LEN + 1)

void
epoch_derive(struct epoch *e, const uint8_t ladder[static EPOCH_SECRET_LEN])
{
	memmove(e->ladder, ladder, sizeof(e->ladder));
	digest(e->content, sizeof(e->content), DIGEST_CONTENT, e->ladder,
	    (struct bytes){ 0 });
	digest(e->etag, sizeof(e->etag), DIGEST_EPOCH_TAG, e->content,
	    (struct bytes){ 0 });
}

void
epoch_ack_key(uint8_t out[static EPOCH_SECRET_LEN], const struct epoch *e)
{
	digest(out, EPOCH_SECRET_LEN, DIGEST_ACK_KEY, e->content,
	    (struct bytes){ 0 });
}

void
genesis_ladder(uint8_t out[static EPOCH_SECRET_LEN],
    const uint8_t seed[static 32], const uint8_t salt[static GENESIS_SALT_LEN])
{
	digest(out, EPOCH_SECRET_LEN, DIGEST_GENESIS, seed,
	    BYTES(salt, GENESIS_SALT_LEN));
}

void
topic_from_secret(
    struct topic *t, const uint8_t secret[static EPOCH_SECRET_LEN])
{
	memmove(t->secret, secret, sizeof(t->secret));
	digest(t->id, sizeof(t->id), DIGEST_TOPIC, t->secret, BYTES_STR("id"));
}

void
topic_derive(struct topic *t, const uint8_t ladder[static EPOCH_SECRET_LEN])
{
	uint8_t secret[EPOCH_SECRET_LEN];

	digest(secret, sizeof(secret), DIGEST_TOPIC, ladder, BYTES_STR("S"));
	topic_from_secret(t, secret);
	secret_wipe(secret, sizeof(secret));
}

void
author_tag(uint8_t out[static LK_TOPIC_LEN], const struct topic *t,
    const uint8_t device_pk[static 32])
{
	digest(
	    out, LK_TOPIC_LEN, DIGEST_AUTHOR, t->secret, BYTES(device_pk, 32));
}

void
actor_id(uint8_t out[static LK_TOPIC_LEN], const struct topic *t,
    const uint8_t device_pk[static 32],
    const uint8_t grant_env[static LK_ID_LEN], uint8_t index)
{
	struct digest d;

	digest_init(&d, LK_TOPIC_LEN, DIGEST_ACTOR, t->secret);
	digest_add(&d, BYTES(device_pk, 32));
	digest_add(&d, BYTES(grant_env, LK_ID_LEN));
	digest_add(&d, BYTES(&index, 1));
	digest_final(&d, out);
}

void
announce_proof(uint8_t out[static ANNOUNCE_PROOF_LEN], const struct topic *t,
    const uint8_t session[static ANNOUNCE_SESSION_LEN], uint8_t role)
{
	uint8_t key[DIGEST_KEY_LEN], parts[PROOF_PARTS];

	digest(
	    key, sizeof(key), DIGEST_ANNOUNCE, t->secret, (struct bytes){ 0 });
	memcpy(parts, session, ANNOUNCE_SESSION_LEN);
	parts[ANNOUNCE_SESSION_LEN] = role;
	digest(out, ANNOUNCE_PROOF_LEN, DIGEST_ANNOUNCE, key, BYTES_OF(parts));
	secret_wipe(key, sizeof(key));
}

void
announce_set(uint8_t out[static LK_TOPIC_LEN],
    const uint8_t session[static ANNOUNCE_SESSION_LEN],
    const uint8_t (*topics)[LK_TOPIC_LEN], size_t topics_len)
{
	struct digest d;

	digest_init(&d, LK_TOPIC_LEN, DIGEST_ANNOUNCE, NULL);
	digest_add(&d, BYTES(session, ANNOUNCE_SESSION_LEN));
	for (size_t i = 0; i < topics_len; i++)
		digest_add(&d, BYTES(topics[i], LK_TOPIC_LEN));
	digest_final(&d, out);
}
