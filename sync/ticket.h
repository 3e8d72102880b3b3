/*
 * ticket.h - an invitation on one line (docs/protocol.md section 11).
 *
 *   binary: u8 1, u8 purpose, secret 16, noise pk 32, TLVs, check 4
 *   text:   "lk1-" and base32 (RFC 4648, lower case, no "=") of it
 *
 * The text may be typed in either case.  Whoever holds a ticket can use it: it
 * is a secret until used.  Pure; any thread.
 */
#ifndef SYNC_TICKET_H
#define SYNC_TICKET_H

#include "base/arena.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "sync/address.h"

#define TICKET_SECRET_LEN 16
#define TICKET_PSK_LEN 32
#define TICKET_ID_LEN 8
#define TICKET_SLOT_LEN 16
#define TICKET_MAX 2048 /* of the binary form */
#define TICKET_TEXT_MAX (4 + (TICKET_MAX * 8 + 4) / 5)

enum ticket_purpose {
	TICKET_DEVICE = 1, /* a device of the issuer's person */
	TICKET_INVITE = 2, /* a contact, to a document */
};

struct ticket {
	enum ticket_purpose purpose;
	uint8_t secret[TICKET_SECRET_LEN];
	uint8_t noise_pk[DH_LEN]; /* of the issuing device */
	struct addresses addresses;
};

/* What both sides derive from the secret. */
struct ticket_keys {
	uint8_t psk[TICKET_PSK_LEN];
	uint8_t id[TICKET_ID_LEN]; /* named in the preface */
	/* Where letters to the issuer lie, and their key (mail.h). */
	uint8_t slot[TICKET_SLOT_LEN], ask[SEAL_KEY_LEN];
};
void ticket_derive(
    struct ticket_keys *, const uint8_t secret[static TICKET_SECRET_LEN]);
/* The same of his answer to one device that has the ticket. */
struct ticket_answer {
	uint8_t slot[TICKET_SLOT_LEN], key[SEAL_KEY_LEN];
};
void ticket_derive_answer(struct ticket_answer *,
    const uint8_t secret[static TICKET_SECRET_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN]);

/* Appends the text, without NUL.  LIMIT, NOMEM. */
LK_MUST_USE lk_err ticket_encode(struct buf *out, const struct ticket *);
/* The binary is put into the arena, where hosts point.  White space around it
 * is not accepted.  LIMIT, MALFORMED (a typing error too: the check),
 * TRUNCATED, VERSION, NOMEM. */
LK_MUST_USE lk_err ticket_decode(
    struct ticket *, struct arena *, struct bytes text);

#endif
