/*
 * mailbox.h - inside sync/: where letters for this device may lie, what goes
 * into those it sends and what becomes of those it gets.  How they travel is a
 * remote's (bucket_mail.c).
 */
#ifndef SYNC_MAILBOX_H
#define SYNC_MAILBOX_H

#include "sync/engine_state.h"
#include "sync/mail.h"

enum mailbox_kind {
	MAILBOX_DEVICE, /* of this person, or of a contact */
	MAILBOX_ASKED,  /* a ticket of this device */
	MAILBOX_ANSWER, /* a ticket that is used here */
};

struct mailbox {
	struct mail_route route;
	enum mailbox_kind kind;
	bool own;         /* DEVICE: of this person */
	uint8_t from[32]; /* DEVICE: its key; else the ticket's id */
};

/* All of them, ascending by slot; the caller wipes and frees them.  A device
 * that has had several box keys has as many. */
LK_MUST_USE lk_err mailboxes_make(
    struct engine *, struct mailbox **out, size_t *len);
/* The first with this slot; NULL. */
const struct mailbox *mailbox_find(const struct mailbox *, size_t len,
    const uint8_t slot[static MAIL_SLOT_LEN]);
void mailboxes_free(struct mailbox *, size_t len);

/* Where a letter from this device to another one goes; NOTFOUND: it is nobody's
 * that is known. */
struct recipient {
	struct mail_route route;
	uint8_t pk[32];
	bool own;
};
LK_MUST_USE lk_err mailbox_to(
    struct engine *, const uint8_t pk[static 32], struct recipient *);

/* Takes in what a letter holds, opened with the mailbox's key; nothing in it
 * is believed that a session would not.  *news: a document is known, or read,
 * that was not; *reply: what is to be left for the sender, and where. */
struct mail_reply {
	struct mail_route route;
	struct buf plain; /* empty: nothing */
	bool invited;     /* the sender is a member now */
};
#define MAIL_REPLY_INIT                           \
	{                                         \
		.plain = {.max = MAIL_PLAIN_MAX } \
	}
void mail_reply_clear(struct mail_reply *);
LK_MUST_USE lk_err mailbox_take(struct engine *, const struct mailbox *,
    struct bytes plain, bool *news, struct mail_reply *);

/* What is to be asked of the issuer of a ticket that is used here, the first
 * above this handle, as a plain text; NOTFOUND past the last.  With a relay's
 * key only what may be asked there: mailbox_is_at. */
struct mail_asked {
	struct mail_route route;
	uint64_t handle;
};
LK_MUST_USE lk_err mailbox_ask(struct engine *, uint64_t after,
    const uint8_t *relay_pk, struct mail_asked *, struct buf *plain);
/* Whether an answer may lie at this relay: the ticket names it, or names none.
 */
bool mailbox_is_at(
    struct engine *, const struct mailbox *, const uint8_t relay_pk[static 32]);

/* Contacts learn by this person's card of devices that are new, or gone: puts
 * it into a letter to one, unless it is too long. */
LK_MUST_USE lk_err mailbox_card(
    struct engine *, const struct recipient *, struct buf *plain);

/* Slots in which nothing is waited for any more: of tickets of this device that
 * have expired.  At most `max`, ascending. */
LK_MUST_USE lk_err mailboxes_over(
    struct engine *, uint8_t (*slots)[MAIL_SLOT_LEN], size_t max, size_t *len);

/* bucket_mail.c: whether this device is to welcome a member by way of a remote:
 * it has let him in, and nobody has told that he came.  NOBODY stays so until
 * the document's members change. */
enum welcome_due { WELCOME_NOBODY, WELCOME_LATER, WELCOME_NOW };
LK_MUST_USE lk_err welcome_is_due(struct engine *, uint32_t remote,
    struct docstate *, const struct member *, enum welcome_due *);

/* welcome_out.c */
/* Appends one for a reader who is not connected; nothing where he is none, or
 * this device lacks the keys itself. */
LK_MUST_USE lk_err welcome_compose(struct engine *, struct docstate *,
    const uint8_t pk[static 32], bool own, struct buf *out);
/* The grant under which a device reads now: the newest. */
bool reader_grant(
    const struct graph *, const uint8_t pk[static 32], struct member *);

#endif
