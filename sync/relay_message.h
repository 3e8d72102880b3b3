/*
 * relay_message.h - what is said between a device and a relay, besides what
 * devices say to each other: docs/protocol.md section 17.
 *
 * Encoder and decoder of each, side by side in relay_message.c; the rules of
 * message.h hold.  OPEN, REGISTER and MAILBOX PUT come from strangers.  A type
 * has two bodies, one for each way: the relay's is called an answer.  Pure.
 */
#ifndef SYNC_RELAY_MESSAGE_H
#define SYNC_RELAY_MESSAGE_H

#include "base/bytes.h"
#include "base/limits.h"
#include "crypto/sign.h"

#define RELAY_INVITE_LEN 16
#define RELAY_SLOT_LEN 16 /* a mailbox */
#define RELAY_HASH_LEN 64 /* h of the session */

/* 38, and 64 to 72; the greatest bodies, as the relay and as the device take
 * them. */
void relay_body_max(uint32_t out[static 256]);
void relay_answer_max(uint32_t out[static 256]);

/* What the holder of a credential may; only ever rising for one credential. */
enum relay_scope {
	RELAY_REFUSED, /* in an answer only */
	RELAY_FULL,
	RELAY_READ,
	RELAY_KEYS, /* envelopes with a key section, and no put */
};

/* OPEN: from now on `number` means this topic of this account. */
struct relay_open {
	uint32_t number;
	const uint8_t *account; /* SIGN_PK_LEN */
	const uint8_t *topic;   /* LK_TOPIC_LEN */
	const uint8_t *pk;      /* SIGN_PK_LEN, the credential */
	const uint8_t *sig;     /* SIGN_LEN */
};
/* Writes the signature too, made with the credential; ->pk and ->sig are not
 * looked at.  `h` has RELAY_HASH_LEN bytes, here and below. */
void relay_open_encode(struct buf *, const struct relay_open *,
    const struct sign_key *credential, const uint8_t *h);
LK_MUST_USE lk_err relay_open_decode(struct relay_open *, struct bytes);
LK_MUST_USE bool relay_open_verify(const struct relay_open *, const uint8_t *h);

struct relay_opened {
	uint32_t number;
	enum relay_scope scope;
};
void relay_opened_encode(struct buf *, const struct relay_opened *);
LK_MUST_USE lk_err relay_opened_decode(struct relay_opened *, struct bytes);

enum relay_register_what {
	RELAY_LOGIN = 1,   /* this session speaks for the account */
	RELAY_CREATE = 2,  /* a new account, and LOGIN */
	RELAY_SUCCEED = 3, /* another key for it, by its successor, and LOGIN */
	RELAY_CREDENTIALS = 4, /* after LOGIN: who may open a topic */
	RELAY_SLOTS = 5,       /* after LOGIN: mailboxes, more */
	RELAY_SLOTS_DROP = 6,  /* after LOGIN: mailboxes, fewer */
	/* After LOGIN: mailboxes, more, which whoever knows the slot reads. */
	RELAY_SLOTS_OPEN = 7,
};

#define RELAY_CREDENTIALS_MAX 64 /* in one message, and of one topic */
#define RELAY_SLOTS_MAX 255      /* in one message */
#define RELAY_CREDENTIAL_LEN (SIGN_PK_LEN + 1)
struct relay_credential {
	const uint8_t *pk;
	enum relay_scope scope;
};

/* REGISTER.  Which fields there are depends on `what`. */
struct relay_register {
	enum relay_register_what what;
	/* LOGIN, SUCCEED: the key it was created with, which names it for ever;
	 * CREATE: the same, now. */
	const uint8_t *account;
	const uint8_t *key;       /* SUCCEED: the new one */
	const uint8_t *successor; /* CREATE, SUCCEED: that may take its place */
	const uint8_t *invite;    /* CREATE: RELAY_INVITE_LEN */
	/* By the account's key; SUCCEED: by its successor's until now. */
	const uint8_t *sig;
	const uint8_t *topic; /* CREDENTIALS */
	/* CREDENTIALS: RELAY_CREDENTIAL_LEN each, ascending; relay_credential.
	 * SLOTS, SLOTS_DROP, SLOTS_OPEN: RELAY_SLOT_LEN each, ascending. */
	const uint8_t *list;
	size_t len;
};
/* Writes the signature too where there is one, made with `signer` (else
 * NULL). */
void relay_register_encode(struct buf *, const struct relay_register *,
    const struct sign_key *signer, const uint8_t *h);
LK_MUST_USE lk_err relay_register_decode(struct relay_register *, struct bytes);
/* For what has a signature. */
LK_MUST_USE bool relay_register_verify(const struct relay_register *,
    const uint8_t key[static SIGN_PK_LEN], const uint8_t *h);
struct relay_credential relay_credential(const struct relay_register *, size_t);

enum relay_result {
	RELAY_DONE,
	RELAY_DENIED, /* no such account or invitation, or a wrong signature */
	RELAY_EXISTS, /* CREATE: an account has that key */
	RELAY_LIMIT,  /* there are as many as may be */
	RELAY_BUSY,   /* too much a minute, or no room on the disk: later */
	RELAY_RESULTS,
};
struct relay_registered {
	enum relay_register_what what;
	enum relay_result result;
};
void relay_registered_encode(struct buf *, const struct relay_registered *);
LK_MUST_USE lk_err relay_registered_decode(
    struct relay_registered *, struct bytes);

/* STORED: envelopes that are durable there.  Answer only. */
#define RELAY_IDS_MAX 512
struct relay_stored {
	uint32_t number;
	const uint8_t *ids; /* LK_ID_LEN each */
	size_t len;         /* from 1 */
};
void relay_stored_encode(struct buf *, const struct relay_stored *);
LK_MUST_USE lk_err relay_stored_decode(struct relay_stored *, struct bytes);

/* PURGE, after LOGIN: forget all of a topic, credentials included. */
void relay_purge_encode(struct buf *, const uint8_t topic[static LK_TOPIC_LEN]);
LK_MUST_USE lk_err relay_purge_decode(
    const uint8_t **topic, struct bytes); /* the answer says the same */

/* QUOTA: asked with an empty body after LOGIN, and sent when a put is not
 * taken.  Answer only. */
enum relay_quota_why {
	RELAY_QUOTA_ASKED,
	RELAY_QUOTA_BYTES,
	RELAY_QUOTA_ENVELOPES,
	RELAY_QUOTA_RATE,
	RELAY_QUOTA_DISK, /* the relay's own */
	RELAY_QUOTA_WHYS,
};
struct relay_quota {
	/* Of this number nothing more is taken in this session before another
	 * OPEN with it; UINT32_MAX: it was asked for. */
	uint32_t number;
	enum relay_quota_why why;
	uint64_t bytes, bytes_max, envelopes, envelopes_max;
	uint32_t puts_max; /* envelopes a minute */
	uint32_t retry_s;  /* not before */
};
void relay_quota_encode(struct buf *, const struct relay_quota *);
LK_MUST_USE lk_err relay_quota_decode(struct relay_quota *, struct bytes);

/* Mailboxes: PUT by anybody who knows the slot; GET and DELETE of open slots,
 * too, of others after LOGIN. */
#define MAILBOX_LETTER_MAX 8192
#define MAILBOX_LETTERS_MAX 8 /* in a slot */

struct mailbox_put {
	const uint8_t *slot; /* RELAY_SLOT_LEN */
	struct bytes letter; /* from 1 byte, sealed */
};
void mailbox_put_encode(struct buf *, const struct mailbox_put *);
LK_MUST_USE lk_err mailbox_put_decode(struct mailbox_put *, struct bytes);
struct mailbox_posted {
	const uint8_t *slot;
	enum relay_result result;
};
void mailbox_posted_encode(struct buf *, const struct mailbox_posted *);
LK_MUST_USE lk_err mailbox_posted_decode(struct mailbox_posted *, struct bytes);

void mailbox_get_encode(
    struct buf *, const uint8_t slot[static RELAY_SLOT_LEN]);
LK_MUST_USE lk_err mailbox_get_decode(const uint8_t **slot, struct bytes);
struct mailbox_content {
	const uint8_t *slot;
	size_t len;        /* letters */
	struct rd letters; /* mailbox_letter_next */
};
struct mailbox_letter {
	uint64_t number; /* of the slot, ascending; never used again */
	struct bytes letter;
};
void mailbox_content_encode(
    struct buf *, const uint8_t slot[static RELAY_SLOT_LEN], size_t len);
void mailbox_letter_encode(struct buf *, const struct mailbox_letter *);
LK_MUST_USE lk_err mailbox_content_decode(
    struct mailbox_content *, struct bytes);
bool mailbox_letter_next(struct mailbox_content *, struct mailbox_letter *);

/* DELETE; the answer says the same. */
struct mailbox_delete {
	const uint8_t *slot;
	struct rd numbers; /* u64, ascending */
	size_t len;        /* 1 to MAILBOX_LETTERS_MAX */
};
void mailbox_delete_encode(struct buf *,
    const uint8_t slot[static RELAY_SLOT_LEN], const uint64_t *numbers,
    size_t len);
LK_MUST_USE lk_err mailbox_delete_decode(struct mailbox_delete *, struct bytes);

#endif
