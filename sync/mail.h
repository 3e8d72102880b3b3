/*
 * mail.h - letters: what one device leaves for another where neither waits for
 * it, in a mailbox of a relay or an object of a bucket (docs/protocol.md
 * section 19).
 *
 *   letter  "LKM1" || nonce 24 || AEAD(key; "LKM1" || slot; plain)
 *   plain   n x (u8 type || u16 length || body), then zeros to the next 256
 *
 * Between two devices, x = DH(box, box):
 *   slot = H[16]("lk1 mailbox", x; receiver pk)
 *   key  = H[32]("lk1 mailbox", x; sender pk || receiver pk)
 * so that only these two can name the slot.  For a ticket its secret stands in
 * for x: a slot and a key for requests, and others for the answer to each
 * device that asks.  The nonce follows from the key and what is in the letter:
 * who says the same again leaves the same letter.
 * Pure; any thread.  Routes are secrets: secret_wipe them.
 */
#ifndef SYNC_MAIL_H
#define SYNC_MAIL_H

#include "crypto/seal.h"
#include "sync/ticket.h"

#define MAIL_SLOT_LEN 16
#define MAIL_MAX 8192 /* a whole letter */
#define MAIL_FRAME_LEN (4 + SEAL_NONCE_LEN + SEAL_TAG_LEN)
#define MAIL_PAD 256
/* What fits, with the zeros: a multiple of MAIL_PAD. */
#define MAIL_PLAIN_MAX ((MAIL_MAX - MAIL_FRAME_LEN) / MAIL_PAD * MAIL_PAD)
#define MAIL_ITEM_LEN(body_len) (3 + (body_len))

struct mail_route {
	uint8_t slot[MAIL_SLOT_LEN];
	uint8_t key[SEAL_KEY_LEN];
};

/* Between two devices; false for a box key that DH refuses. */
struct mail_ends {
	const uint8_t *box_sk;    /* DH_LEN: mine */
	const uint8_t *box_pk;    /* DH_LEN: the other one's */
	const uint8_t *sender_pk; /* device keys, 32 */
	const uint8_t *receiver_pk;
};
LK_MUST_USE bool mail_route(struct mail_route *, const struct mail_ends *);
/* Of a ticket: towards the issuer, and back from him to the device that asked.
 */
void mail_route_ask(struct mail_route *, const struct ticket_keys *);
void mail_route_answer(struct mail_route *,
    const uint8_t secret[static TICKET_SECRET_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN]);

/* Appends an item to a plain text of at most MAIL_PLAIN_MAX; false, and
 * nothing is appended, where there is no room. */
bool mail_add(struct buf *plain, uint8_t type, struct bytes body);
/* Pads and appends the letter.  LIMIT, NOMEM. */
LK_MUST_USE lk_err mail_seal(
    struct buf *out, const struct mail_route *, struct bytes plain);
/* Appends the plain text.  MALFORMED, TRUNCATED, LIMIT, NOMEM. */
LK_MUST_USE lk_err mail_open(
    struct buf *plain, const struct mail_route *, struct bytes letter);

struct mail_item {
	uint8_t type; /* a message_type, or MAIL_ASK */
	struct bytes body;
};
/* To the issuer of a ticket: what a redeemer says in a handshake, signed. */
#define MAIL_ASK 1
/* And back from him, beside his card: the id of the document. */
#define MAIL_INVITED 2
#define MAIL_REFUSED 3 /* instead: the ticket is used up, say */
/* Through a relay also: its key 32, and the account there 32 under which the
 * document lies. */
#define MAIL_RELAY 4
/* The next one; false at the end. What is broken ends it: nobody but the sender
 * wrote it. */
bool mail_next(struct rd *plain, struct mail_item *);

#endif
