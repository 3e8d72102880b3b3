/*
 * pairing.h - inside sync/: how a stranger becomes a device of this person, or
 * a contact, by a ticket (docs/protocol.md section 5).
 *
 *   tickets.c    those this device made, as records
 *   pairing.c    answering whoever uses one, and cards
 *   redeem.c     using one of another device, and welcomes
 *   redeem_record.c  those that are kept
 *   recover.c    both sides of a device that has the phrase and no ticket
 *   pair_run.h   both sides of a code instead of a ticket
 */
#ifndef SYNC_PAIRING_H
#define SYNC_PAIRING_H

#include "sync/code.h"
#include "sync/engine_state.h"
#include "sync/mail.h"

/* A relay at which the issuer of a ticket can be left a letter. */
#define REDEEM_RELAYS_MAX 2
struct redeem_relay {
	uint8_t pk[DH_LEN];
	char host[REMOTE_HOST_MAX + 1]; /* with its port */
	uint8_t account[SIGN_PK_LEN];   /* the issuer's, by his answer */
	bool offered; /* that is known, and not yet handed out */
};

/* A ticket, or code, of another device, being used here. */
struct redeem {
	TAILQ_ENTRY(redeem) next;
	uint64_t handle;
	enum ticket_purpose purpose;
	struct ticket_keys keys;
	struct mail_route answer; /* by letter */
	bool recovers;    /* no ticket: a certificate of the root instead */
	struct cert cert; /* that one */
	bool coded;       /* no ticket: a code instead */
	struct code code; /* that one, until it was said */
	uint8_t noise_pk[32];
	char addresses[PEER_ADDRESS_MAX][ADDRESS_TEXT_MAX];
	size_t addresses_len, dialled;
	struct redeem_relay relays[REDEEM_RELAYS_MAX];
	size_t relays_len;
	struct mono again;
	uint64_t conn; /* 0: not connected */
	bool answered; /* the card has come */
	/* By letter: from this device, and to which document: known once that
	 * has come. */
	uint8_t issuer[32], docid[LK_ID_LEN];
	bool welcomed;     /* and the welcome */
	unsigned refusals; /* hung up on after our proof, in a row */
	struct bytes card; /* owned */
	struct redeem_status status;
	struct mono checked;
	/* redeem_record.c: an invitation, until it came to an end. */
	bool kept;
	struct wall since;
	unsigned kept_as;
};

/* tickets.c: those of this device, as records. */
struct ticket_record {
	enum ticket_purpose purpose;
	uint8_t secret[TICKET_SECRET_LEN];
	uint32_t docno, uses;
	enum role role;
	struct wall made, expires;
	struct bytes redeemers, refused; /* 32 bytes each; borrowed */
};
/* NOTFOUND: unknown or expired. */
LK_MUST_USE lk_err ticket_get(struct engine *,
    const uint8_t id[static TICKET_ID_LEN], struct ticket_record *);
/* The first with an id at or above the one given, which is set: of those that
 * may still be asked about, be it to hear that they have expired; or of those
 * that have been over for longer.  NOTFOUND. */
LK_MUST_USE lk_err ticket_next(
    struct engine *, uint8_t id[static TICKET_ID_LEN], struct ticket_record *);
LK_MUST_USE lk_err ticket_over(
    struct engine *, uint8_t id[static TICKET_ID_LEN], struct ticket_record *);
/* Who has not used one for this document yet is refused from now on. */
LK_MUST_USE lk_err tickets_use_up(struct engine *, uint32_t docno);
/* The way back to a device that asked about a ticket by letter. */
LK_MUST_USE lk_err ticket_back(struct engine *,
    const uint8_t id[static TICKET_ID_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN], struct mail_route *);
/* Notes that this device asked about the ticket by letter and is refused;
 * *answers false: it is none of the TICKET_REFUSED_MAX that are told so, as the
 * slot of each answer is kept until the ticket is over. */
#define TICKET_REFUSED_MAX 8
LK_MUST_USE lk_err ticket_refuse(struct engine *,
    const uint8_t id[static TICKET_ID_LEN],
    const uint8_t device_pk[static SIGN_PK_LEN], bool *answers);
/* Counts a use by this device; DENIED when there is none left. *again: it had
 * used it before. */
LK_MUST_USE lk_err ticket_use(struct engine *,
    const uint8_t id[static TICKET_ID_LEN], const uint8_t pk[static 32],
    struct ticket_record *, bool *again);

/* pairing.c: the issuer's side, and cards. */
LK_MUST_USE lk_err pairing_psk(
    struct engine *, struct link *, uint8_t psk[static 32]);
LK_MUST_USE lk_err pairing_joined(
    struct engine *, struct link *, struct bytes payload);
/* Keeps what a joiner said until his HELLO.  NOMEM. */
LK_MUST_USE lk_err pairing_keep(struct link *, struct bytes payload);
LK_MUST_USE lk_err pairing_answer(struct engine *, struct link *);
LK_MUST_USE lk_err pairing_card(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err pairing_send_card(struct engine *, struct link *);
/* The same for a verified card that a device has sent.  MALFORMED: not its. */
LK_MUST_USE lk_err pairing_card_of(struct engine *, const uint8_t pk[static 32],
    const struct card *, struct bytes);
/* Shares the ticket's document with the person of a verified card; `again`: he
 * used it before.  DENIED: he was removed since. */
LK_MUST_USE lk_err pairing_share(struct engine *, const struct ticket_record *,
    const struct card *, struct bytes, bool again);

/* Whether this person has the device already.  DENIED: not any more. */
LK_MUST_USE lk_err pairing_device(
    struct engine *, const uint8_t pk[static 32], bool *known);
/* What a joining device says of itself: the block is verified, `name`
 * (borrowed) is 1 byte or more of UTF-8 without NUL.  TRUNCATED, MALFORMED. */
LK_MUST_USE lk_err pairing_device_read(
    struct rd, struct device_block *, struct bytes *name);
/* This device's chain to the root: as the home document has it, else, before
 * that is here, as the card it joined by.  NOTFOUND. */
LK_MUST_USE lk_err pairing_proof(struct engine *, struct proof *);
LK_MUST_USE lk_err pairing_keep_proof(struct engine *, const struct card *);
/* Where the devices of a verified card are. */
LK_MUST_USE lk_err pairing_learn(struct engine *, const struct card *);
/* A new device of this person: certifies and enters it, unless `block` is NULL:
 * it was entered before. */
LK_MUST_USE lk_err pairing_enter(struct engine *, struct link *,
    const struct device_block *block, const char *name);
/* The same, and sends it the card and the home document. */
LK_MUST_USE lk_err pairing_take_in(struct engine *, struct link *,
    const struct device_block *block, const char *name);

/* recover.c */
/* The person's root key; the caller wipes it (sign_key_clear).  Takes 64 MiB
 * and a good part of a second; NOMEM. */
LK_MUST_USE lk_err recover_root(
    struct sign_key *root, const uint8_t entropy[static 16]);
/* Appends what a recovering device says in place of a proof. */
LK_MUST_USE lk_err recover_hello(
    const struct engine *, const struct redeem *, struct buf *payload);
/* All of it: the certificate, and the name, borrowed, 1 byte or more of UTF-8
 * without NUL.  TRUNCATED, MALFORMED; what it says is not verified. */
LK_MUST_USE lk_err recover_hello_read(
    struct bytes payload, struct cert *, struct bytes *name);
/* Whether a handshake's payload is that. */
bool recover_is(struct bytes payload);
/* The other side: checks it and, after HELLO, answers.  MALFORMED. */
LK_MUST_USE lk_err recover_joined(struct engine *, struct link *,
    const uint8_t noise_pk[static 32], struct bytes payload);
LK_MUST_USE lk_err recover_answer(struct engine *, struct link *);

/* redeem.c: the joiner's side, and welcomes. */
/* Makes the document of a welcome known, if it is wanted: from a device of this
 * person, or from whom one was asked for, any is.  *docno 0: it was not. */
LK_MUST_USE lk_err welcome_accept(struct engine *, const struct welcome *,
    bool own, bool asked, uint32_t *docno);
/* DENIED: it would make this device somebody else's, and it owns documents. */
LK_MUST_USE lk_err redeem_allowed(struct engine *, enum ticket_purpose);
/* What a joiner says of himself: u8 purpose, then device or card. */
LK_MUST_USE lk_err redeem_payload(
    struct engine *, const struct redeem *, struct buf *out);
/* This device becomes one of the person whose card the redeem of the link has:
 * his root, his certificate, his home document in place of its own. */
LK_MUST_USE lk_err redeem_become(
    struct engine *, struct link *, const struct welcome *);
LK_MUST_USE lk_err pairing_welcome(
    struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err redeem_card(
    struct engine *, struct link *, const struct card *, struct bytes card);
/* redeem.c: the relays of tickets that are to be asked about by letter, the
 * i-th of them; NULL past the end. */
const struct redeem_relay *redeem_relay(struct engine *, size_t i);
/* mailbox.c: whether it is a ticket that may be asked for by letter, and was
 * not answered. */
bool redeem_asks(const struct redeem *);
/* A ticket in use, from its text; not kept yet.  As ticket_decode. */
LK_MUST_USE lk_err redeem_make(
    struct engine *, const char *text, struct redeem **);
/* Whether what it is for has come. */
LK_MUST_USE lk_err redeem_look(struct engine *, struct redeem *);

/* redeem_record.c: invitations in use outlive the daemon. */
/* Keeps one.  LIMIT above REDEEMS_MAX. */
LK_MUST_USE lk_err redeem_keep(
    struct engine *, struct redeem *, const char *text);
/* The one with this id that is kept; it is asked about again if it was refused.
 * NULL: there is none. */
struct redeem *redeem_again(
    struct engine *, const uint8_t id[static TICKET_ID_LEN]);
/* Reads them, once, and after an undone transaction anew. */
LK_MUST_USE lk_err redeems_load(struct engine *);
/* Writes what has become of them, and forgets those that came to an end. */
LK_MUST_USE lk_err redeems_settle(struct engine *);
/* Whether the issuer is to be dialled, once its time has come. */
bool redeem_wanted(const struct redeem *);
LK_MUST_USE lk_err redeem_dial(struct engine *);
void redeem_lost(struct engine *, struct link *);
/* Gives one up: its links are closed, and it is freed. */
void redeem_leave(struct engine *, struct redeem *);
void redeem_free(struct engine *);

#endif
