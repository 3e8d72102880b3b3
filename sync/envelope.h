/*
 * envelope.h - the unit of everything: signed once, chained, sealed, stored,
 * fetched, kept or voided as a whole (docs/protocol.md section 3).
 *
 *   header 98 || [key section] || AEAD(signature 64 || body || zero padding)
 *
 * Parsing needs no key and believes nothing; opening needs the epoch; the
 * signature needs the author's key, which only the document's authority can
 * name.  So there are three steps, and nothing may be shown before the third.
 * Views borrow from the input or the arena.  Pure; any thread.
 */
#ifndef SYNC_ENVELOPE_H
#define SYNC_ENVELOPE_H

#include "base/arena.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "sync/epoch.h"

#define ENVELOPE_VERSION 1
#define ENVELOPE_HEADER_LEN 98
#define ENVELOPE_KEY_SECTION 0x01 /* the only flag */

struct envelope {
	uint8_t flags;
	uint8_t topic[LK_TOPIC_LEN];
	uint8_t tag[LK_TOPIC_LEN]; /* of the author */
	uint64_t seq;              /* from 1 */
	uint8_t prev[LK_ID_LEN];   /* zero exactly at seq 1 */
	uint8_t etag[LK_TOPIC_LEN];
	uint8_t salt[8];
	struct bytes key_section; /* empty without flag; see keysection.h */
	struct bytes ciphertext;
	struct bytes all;
	uint8_t id[LK_ID_LEN];
};

/* H[32]("lk1 envelope"; all). */
void envelope_id(uint8_t id[static LK_ID_LEN], struct bytes all);

/*
 * Shape, sizes, the key section's boundary and order, the bucket of the
 * ciphertext; computes the id.  LIMIT over ENVELOPE_MAX; VERSION for another
 * version; TRUNCATED, MALFORMED.  Borrows the input.
 */
LK_MUST_USE lk_err envelope_parse(struct envelope *, struct bytes);

/* What an item of a BATCH brings, the header's rest known from its state. */
struct envelope_parts {
	bool key_section;                  /* `rest` begins with one */
	const uint8_t *topic, *tag, *etag; /* LK_TOPIC_LEN */
	const uint8_t *prev;               /* LK_ID_LEN */
	const uint8_t *salt;               /* 8 */
	uint64_t seq;
	struct bytes rest; /* key section and ciphertext */
};
/* Puts the bytes of an envelope together again, in the arena; nothing is
 * checked but the size (LIMIT).  NOMEM. */
LK_MUST_USE lk_err envelope_rebuild(
    struct bytes *all, struct arena *, const struct envelope_parts *);

/* What is inside, on the envelope's word alone until envelope_verify. */
struct envelope_content {
	struct bytes body; /* without padding; in the arena */
	uint8_t sig[SIGN_LEN];
	uint8_t signed_digest[32]; /* H[32]("lk1 env sign"; AAD || body ||
				      padding) */
};
/*
 * WAIT when the epoch is not the one the header names; MALFORMED when the AEAD
 * does not open, the padding is not zero or not minimal, or the body's outline
 * does not end inside; TRUNCATED; NOMEM.  The body is not decoded further:
 * body_decode.
 */
LK_MUST_USE lk_err envelope_open(const struct envelope *, const struct epoch *,
    struct arena *, struct envelope_content *);

/* Whether the author of this key signed this digest for this document; docid
 * is NULL for the genesis envelope.  65 us. */
LK_MUST_USE bool envelope_verify(const uint8_t sig[static SIGN_LEN],
    const uint8_t author_pk[static SIGN_PK_LEN], const uint8_t *docid,
    const uint8_t signed_digest[static 32]);

struct envelope_draft {
	const struct sign_key *author;
	const struct topic *topic;
	const struct epoch *epoch;
	const uint8_t *docid;     /* LK_ID_LEN; NULL for the genesis envelope */
	uint64_t seq;             /* from 1 */
	const uint8_t *prev;      /* LK_ID_LEN; NULL exactly at seq 1 */
	struct bytes key_section; /* empty, or of keysection_make_* */
	struct bytes body;
	const uint8_t *random; /* 32 fresh bytes; or NULL and: */
	const uint8_t *salt;   /* GENESIS_SALT_LEN, what genesis_ladder had */
};
/* Appends the envelope to out.  LIMIT when it would be over ENVELOPE_MAX (or
 * out is full), with out as it was; NOMEM. */
LK_MUST_USE lk_err envelope_make(struct buf *out, uint8_t id[static LK_ID_LEN],
    const struct envelope_draft *);

/* The smallest length of a padded plaintext >= n; n <= ENVELOPE_MAX. */
size_t padding_bucket(size_t n);

#endif
