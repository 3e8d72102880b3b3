/*
 * account.h - what a relay knows of the people it serves: accounts, who may
 * open which of their topics, whose a mailbox is, and open invitations.
 *
 * All of it is in one small database, the relay's own, so that what a stranger
 * says is looked up there and nowhere else.  Envelopes and letters are in a
 * database for each account: vault.h.
 *
 *   A account 32           -> struct account
 *   T account 32, topic 16 -> docno u32, n x (pk 32, scope u8), in order of
 *                             arrival
 *   S slot 16              -> account 32, u8: 1 open to whoever knows it
 *   I invitation 16        -> expires u64 s, limits
 *   N                      -> the last number given to an account u32
 *
 * Invariant: the scope of a credential only rises (towards keys only); what is
 * not there has none.
 */
#ifndef RELAY_ACCOUNT_H
#define RELAY_ACCOUNT_H

#include "base/clock.h"
#include "base/kv.h"
#include "base/limits.h"
#include "sync/relay_message.h"

/* What an account may hold and do. */
struct account_limits {
	uint64_t bytes, envelopes;
	uint32_t puts; /* envelopes a minute */
};

struct account {
	uint8_t id[SIGN_PK_LEN];  /* the key it was created with */
	uint8_t key[SIGN_PK_LEN]; /* that speaks for it now */
	uint8_t successor[SIGN_PK_LEN];
	uint32_t number; /* of its vault; never given again */
	uint32_t docno;  /* the last one given to a topic */
	uint32_t topics, slots;
	struct account_limits limits;
	struct wall created;
};

/* NOTFOUND; CORRUPT. */
LK_MUST_USE lk_err account_get(
    struct kv, const uint8_t id[static SIGN_PK_LEN], struct account *);
LK_MUST_USE lk_err account_put(struct kv, const struct account *);
/* The first with an id >= the one in *a.  NOTFOUND. */
LK_MUST_USE lk_err account_next(struct kv, struct account *);
/* With its topics and slots. */
LK_MUST_USE lk_err account_remove(
    struct kv, const uint8_t id[static SIGN_PK_LEN]);

/* Uses up an invitation: the account is new.  DENIED: no such invitation, or
 * too old; EXISTS: the account is there; LIMIT: as many as may be. */
LK_MUST_USE lk_err account_create(struct kv,
    const uint8_t invite[static RELAY_INVITE_LEN], struct wall now,
    struct account *);
struct invitation {
	uint8_t token[RELAY_INVITE_LEN];
	struct wall expires;
	struct account_limits limits;
};
/* LIMIT when RELAY_INVITATIONS_MAX are open; those that are over are removed.
 */
LK_MUST_USE lk_err invitation_put(
    struct kv, const struct invitation *, struct wall now);

struct topic_credential {
	uint8_t pk[SIGN_PK_LEN];
	enum relay_scope scope;
};
struct topic_record {
	uint32_t docno; /* in the account's vault */
	struct topic_credential credentials[RELAY_CREDENTIALS_MAX];
	size_t len;
};
/* NOTFOUND; CORRUPT. */
LK_MUST_USE lk_err topic_get(struct kv,
    const uint8_t account[static SIGN_PK_LEN],
    const uint8_t topic[static LK_TOPIC_LEN], struct topic_record *);
/* REFUSED: not registered. */
enum relay_scope topic_scope(
    const struct topic_record *, const uint8_t pk[static SIGN_PK_LEN]);
/* Adds credentials and raises scopes; makes the topic where it is new.  LIMIT:
 * too many topics, or credentials none of which gives way. */
LK_MUST_USE lk_err topic_register(
    struct kv, struct account *, const struct relay_register *);
/* NOTFOUND. */
LK_MUST_USE lk_err topic_remove(
    struct kv, struct account *, const uint8_t topic[static LK_TOPIC_LEN]);

/* Whose a mailbox is, and whether whoever knows the slot may read it. */
struct slot {
	uint8_t account[SIGN_PK_LEN];
	bool open;
};
/* NOTFOUND; CORRUPT. */
LK_MUST_USE lk_err slot_get(
    struct kv, const uint8_t slot[static RELAY_SLOT_LEN], struct slot *);
/* RELAY_SLOTS or RELAY_SLOTS_OPEN; those that are there stay as they are.
 * LIMIT; DENIED: somebody else's, and one of the two is not open. */
LK_MUST_USE lk_err slots_add(
    struct kv, struct account *, const struct relay_register *);
/* Those that are not its own are passed over. */
LK_MUST_USE lk_err slot_drop(
    struct kv, struct account *, const uint8_t slot[static RELAY_SLOT_LEN]);

#endif
