/*
 * vault.h - what an account has left with a relay: envelopes and
 * acknowledgements by topic, and letters by mailbox, in a database of its own.
 *
 * One database for each account, since the store's ids are those of the
 * environment (two accounts may hold the same document and owe each other
 * nothing), since its size is then bounded by the file's own, and since one
 * that is damaged or removed is nobody else's.  Few are open at a time.
 *
 * A vault has at most one writing transaction, begun by whoever needs it in a
 * round and ended by vaults_commit, after which what the round said may leave.
 */
#ifndef RELAY_VAULT_H
#define RELAY_VAULT_H

#include <limits.h>
#include <sys/queue.h>

#include "relay/account.h"
#include "store/store.h"

struct vault_usage {
	uint64_t bytes, envelopes;
};

struct vault {
	TAILQ_ENTRY(vault) next;
	uint32_t number; /* the account's */
	struct store *store;
	struct txn *txn; /* of this round, or NULL */
	struct vault_usage usage;
	bool used;      /* the usage is to be written */
	bool going;     /* there may be topics that are being removed */
	bool failed;    /* nothing of this round is durable */
	int64_t puts;   /* 60000 for each envelope that may come now */
	int64_t filled; /* ms, when that was reckoned; 0: never */
};
TAILQ_HEAD(vault_list, vault);

struct vaults {
	struct vault_list open; /* the one used last first */
	size_t len;
	char dir[PATH_MAX];
};

void vaults_init(struct vaults *, const char *dir);
void vaults_clear(struct vaults *);
/* The account's vault, with a transaction.  SYS, CORRUPT, FULL, NOMEM. */
LK_MUST_USE lk_err vault_get(
    struct vaults *, const struct account *, struct vault **);
/* What an account uses; does not stay open for it.  Fails as vault_get does. */
LK_MUST_USE lk_err vault_look(
    struct vaults *, const struct account *, struct vault_usage *);
/* Commits what was begun.  What could not be is marked failed until
 * vaults_rest. */
void vaults_commit(struct vaults *);
void vaults_abort(struct vaults *);
/* Closes those that failed, and those used least lately above what may stay
 * open; outside of a round. */
void vaults_rest(struct vaults *);
/* Removes an account's database; it has no transaction.  SYS. */
LK_MUST_USE lk_err vault_remove(struct vaults *, uint32_t number);

enum vault_room {
	VAULT_ROOM,
	VAULT_BYTES,
	VAULT_ENVELOPES,
	VAULT_RATE,
	VAULT_DISK,
};
/* Whether so many bytes more may come; asked before they are looked at. */
enum vault_room vault_room(struct vault *, const struct account_limits *,
    size_t bytes, struct mono now);
/* One that found room was taken: it counts for the minute, new or not. */
void vault_put_counted(struct vault *);

/* Appends an envelope (->lsn is set) and indexes it for RANGE, and for those
 * who get keys only if it has a key section.  EXISTS. */
LK_MUST_USE lk_err vault_append(
    struct vault *, struct log_entry *, bool has_keys);
/* The first with a key section and lsn >= the one given.  NOTFOUND. */
LK_MUST_USE lk_err vault_next_keys(
    struct vault *, uint32_t docno, uint64_t lsn, struct log_entry *);
/* Begins to remove a topic, which counts no longer; its number is not used
 * again. */
LK_MUST_USE lk_err vault_drop(struct vault *, uint32_t docno);
/* Goes on removing, a slice of each open vault; whether there is more. */
bool vaults_step(struct vaults *);
/* Something could not be read or written: nothing of this round is kept. */
void vault_fail(struct vault *);

/* Acknowledgements, one for each tag of a topic: the body of ACK without its
 * number, as it came.  NOTFOUND; of _next the first with a tag >= the one
 * given. */
LK_MUST_USE lk_err vault_ack_get(struct vault *, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], struct bytes *said);
LK_MUST_USE lk_err vault_ack_next(struct vault *, uint32_t docno,
    uint8_t tag[static LK_TOPIC_LEN], struct bytes *said);
/* In place of what is kept of the tag; empty: removes it.  Counted in the
 * usage. */
LK_MUST_USE lk_err vault_ack_put(struct vault *, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], struct bytes said);

/* Letters.  One that lies there already is not added; LIMIT when the slot is
 * full. */
LK_MUST_USE lk_err letter_add(struct vault *,
    const uint8_t slot[static RELAY_SLOT_LEN], struct bytes letter);
/* The first with a number >= the one given.  NOTFOUND. */
LK_MUST_USE lk_err letter_next(struct vault *,
    const uint8_t slot[static RELAY_SLOT_LEN], struct mailbox_letter *);
LK_MUST_USE lk_err letter_remove(
    struct vault *, const uint8_t slot[static RELAY_SLOT_LEN], uint64_t number);

#endif
