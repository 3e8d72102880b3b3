/*
 * relay.h - holding for others what one cannot read (docs/protocol.md section
 * 17): sessions, accounts, topics, quotas, mailboxes.
 *
 * A state machine without socket, clock or thread, as the engine of sync/ is:
 * events in, outputs out.  Every call but relay_take happens
 * in a round, which is one transaction of the relay's own database and one of
 * every account's that something is done with:
 *
 *   relay_begin -> events, relay_tick -> relay_save -> commit of the caller's
 *   transaction -> relay_committed -> outputs
 *                  \--- or at any point ---> relay_aborted
 *
 * Invariants: nothing leaves before what it says is durable (STORED above all);
 * a client who showed neither a credential nor an account costs little and is
 * the first to go; no envelope is looked at before the quota allows it; what
 * a credential may not have does not leave.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "crypto/random.h"
#include "crypto/seal.h"
#include "relay/account.h"
#include "store/store.h"

struct relay;

struct relay_config {
	const char *dir;            /* of the accounts' databases; it exists */
	const struct dh_key *noise; /* the relay's static key; copied */
	struct random random;
};
LK_MUST_USE lk_err relay_new(struct relay **, const struct relay_config *);
void relay_free(struct relay *); /* accepts NULL */

/* Rounds.  The transaction is of the relay's own database, and the caller's. */
void relay_begin(struct relay *, struct txn *, struct now);
/* Commits the accounts' databases.  Where one cannot be, those who used it are
 * parted with. */
void relay_save(struct relay *);
void relay_committed(struct relay *);
void relay_aborted(struct relay *);

/* Events; see sync/engine.h.  SYS, NOMEM, CORRUPT, FULL: the relay's own
 * database; to be aborted. */
LK_MUST_USE lk_err relay_accepted(
    struct relay *, uint64_t conn, const char *address);
LK_MUST_USE lk_err relay_bytes(struct relay *, uint64_t conn, struct bytes);
void relay_closed(struct relay *, uint64_t conn);
void relay_pending(struct relay *, uint64_t conn, size_t pending);
LK_MUST_USE lk_err relay_tick(struct relay *);
struct mono relay_next(const struct relay *);

enum relay_do { RELAY_SEND, RELAY_CLOSE };
struct relay_output {
	enum relay_do what;
	uint64_t conn;
	struct buf bytes; /* SEND: taken by whoever carries it out */
	/* CLOSE: whom, and what was wrong with what it sent, or NULL; until the
	 * next call. */
	const char *address, *why;
};
bool relay_take(struct relay *, struct relay_output *);
/* For the operator.  `bytes` and `envelopes` are what is used. */
struct relay_account {
	struct account account;
	uint64_t bytes, envelopes;
	bool damaged;    /* its database cannot be read */
	size_t sessions; /* of it, now */
};
/* The first with an id >= the one in out->account.id.  NOTFOUND. */
LK_MUST_USE lk_err relay_account(struct relay *, struct relay_account *out);
LK_MUST_USE lk_err relay_account_limit(struct relay *,
    const uint8_t id[static SIGN_PK_LEN], const struct account_limits *);
/* With all it has here.  NOTFOUND. */
LK_MUST_USE lk_err relay_account_remove(
    struct relay *, const uint8_t id[static SIGN_PK_LEN]);
/* Draws the token of an invitation.  LIMIT. */
LK_MUST_USE lk_err relay_invite(struct relay *, struct invitation *);
size_t relay_sessions(const struct relay *);

#endif
