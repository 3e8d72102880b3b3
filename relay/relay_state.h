/*
 * relay_state.h - inside relay/: what its parts share.
 *
 *   relay.c     events in, outputs out, rounds, the tick, the operator
 *   client.c   one connection: session, HELLO, which message is whose
 *   register.c  accounts and credentials
 *   subscription.c    topics that are open, who meets there, the streams to
 * them reconcile.c FP, RANGE, WANT, BATCH acks.c      ACK mailboxes.c mailboxes
 *
 * A client's life, by who moves it; known once it opened a topic or logged in:
 *
 *   HANDSHAKE -- established --> HELLO -- hello_taken --> OPEN
 *       |                          |                       |
 *       +-- client_close (error, deadline, CLOSE) --------+--> CLOSED
 */
#ifndef RELAY_RELAY_STATE_H
#define RELAY_RELAY_STATE_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "base/allowance.h"
#include "relay/relay.h"
#include "relay/vault.h"
#include "sync/message.h"
#include "sync/session.h"

#define CLIENT_ADDRESS_MAX 256
#define CLIENT_OUT_MAX (16 * 1024 * 1024)
#define CLIENT_ROOM_MIN (256 * 1024) /* stop producing above this */

#define CLIENT_USES_MAX 4
#define CLIENT_WATCHES_MAX 64

struct client;

/* A topic that somebody has open. */
struct subscription {
	TAILQ_ENTRY(subscription) meets; /* in ->channel */
	TAILQ_ENTRY(subscription) sends; /* in the client's, while ->sending */
	struct client *client;
	struct channel *channel;
	uint32_t number;
	uint8_t pk[SIGN_PK_LEN]; /* the credential */
	enum relay_scope scope;
	bool stopped;  /* over a quota: nothing more is taken */
	bool sending;  /* there may be something from ->next on */
	bool catching; /* keys only: what there was when it was opened */
	uint64_t next; /* lsn */
	bool acking;   /* acknowledgements are to be sent from ->ack_at on */
	uint8_t ack_at[LK_TOPIC_LEN];
	struct item_state in, out;
};
TAILQ_HEAD(subscriptions, subscription);

/* All who have one topic of one account open. */
struct channel {
	RB_ENTRY(channel) entry;
	uint8_t account[SIGN_PK_LEN], topic[LK_TOPIC_LEN];
	uint32_t docno;
	struct subscriptions all;
};
RB_HEAD(channels, channel);

/* An envelope somebody asked for; lsn 0: the end of an answer. */
struct ordered {
	uint32_t number;
	uint64_t lsn;
};
#define ORDERS_MAX (65536 + 2 * WANT_MAX)

enum client_state {
	CLIENT_HANDSHAKE,
	CLIENT_HELLO,
	CLIENT_OPEN,
	CLIENT_CLOSED,
};

struct client {
	TAILQ_ENTRY(client) next;
	uint64_t conn;
	enum client_state state;
	struct session *session;
	char address[CLIENT_ADDRESS_MAX];
	uint32_t body_max[SESSION_TYPES]; /* more once it is known */
	struct buf out;                   /* waits for the commit */
	size_t pending; /* what the caller has not written yet */
	bool closing, gone;
	const char *why;
	struct mono accepted, heard, pinged;
	size_t received; /* while it is a stranger */
	bool known;
	uint8_t badge[SIGN_PK_LEN]; /* the first it was known by */
	bool logged_in;
	uint8_t account[SIGN_PK_LEN];
	unsigned refusals;
	/* Open slots, or such as may become that, which it has looked into: it
	 * is told of what comes. */
	uint8_t (*watches)[RELAY_SLOT_LEN]; /* owned */
	size_t watches_len;
	struct allowance work; /* records that may still be read */
	/* Vaults it has heard of in this round; too many: any may be. */
	struct vault *uses[CLIENT_USES_MAX];
	size_t uses_len;
	struct subscription **numbers; /* owned; by number, NULL: not open */
	size_t numbers_len;
	size_t authors; /* slots of items, of all numbers */
	struct subscriptions sending;
	struct ordered *orders; /* owned */
	size_t orders_len, orders_at, orders_cap;
};
TAILQ_HEAD(clients, client);

struct relay {
	struct dh_key noise;
	struct random random;
	struct vaults vaults;
	struct clients clients;
	struct channels channels;
	struct txn *txn; /* of the relay's own database, in a round */
	struct now now;
	struct mono wake;
	struct vault *current; /* of the message that is handled */
	/* Accounts removed in this round, whose files go after the commit. */
	uint32_t *removed; /* owned */
	size_t removed_len;
};

/* The relay's own records. */
struct kv relay_records(struct relay *);

/* client.c */
LK_MUST_USE lk_err client_new(
    struct relay *, uint64_t conn, const char *address);
void client_free(struct relay *, struct client *);
LK_MUST_USE lk_err client_bytes(struct relay *, struct client *, struct bytes);
void client_send(
    struct relay *, struct client *, enum message_type, struct bytes);
/* Says why and closes; nothing more is taken from it. */
void client_close(struct relay *, struct client *, enum close_reason);
bool client_has_room(const struct client *);
/* It showed a credential or an account: no stranger any more.  LIMIT: it has
 * too many sessions already. */
LK_MUST_USE lk_err client_known(
    struct relay *, struct client *, const uint8_t pk[static SIGN_PK_LEN]);
/* Records will be read for it.  LIMIT: too many of late. */
LK_MUST_USE lk_err client_work(struct relay *, struct client *, uint64_t n);

/* An account's vault, for something this client will hear of.  UNAVAILABLE: it
 * cannot be opened, or failed in this round. */
LK_MUST_USE lk_err client_vault(
    struct relay *, struct client *, const struct account *, struct vault **);
/* Of those who heard of a vault that failed nothing leaves. */
void clients_part(struct relay *);

/* register.c */
LK_MUST_USE lk_err register_taken(
    struct relay *, struct client *, struct bytes);
LK_MUST_USE lk_err purge_taken(struct relay *, struct client *, struct bytes);
LK_MUST_USE lk_err quota_taken(struct relay *, struct client *, struct bytes);
void quota_send(struct relay *, struct client *, struct relay_quota *,
    const struct account *, const struct vault *);

/* subscription.c */
LK_MUST_USE lk_err open_taken(struct relay *, struct client *, struct bytes);
struct subscription *subscription_find(struct client *, uint32_t number);
void subscription_free(struct relay *, struct subscription *);
/* The credentials of a topic changed. */
void subscription_judge(struct relay *,
    const uint8_t account[static SIGN_PK_LEN],
    const uint8_t topic[static LK_TOPIC_LEN], const struct topic_record *);
/* The topic, or with NULL the account, is no more. */
void subscription_end(struct relay *, const uint8_t account[static SIGN_PK_LEN],
    const uint8_t *topic);
/* Something new is in the topic, which came from `from`. */
void subscription_wake(struct relay *, struct subscription *from, uint64_t lsn);
/* All acknowledgements there are go to it. */
void subscription_acks(struct subscription *);
/* Whether so many bytes more may come by it.  If not it is told so by QUOTA,
 * and nothing more is taken. */
bool subscription_has_room(struct relay *, struct subscription *,
    const struct account *, struct vault *, size_t bytes);
/* Sends what there is to send while there is room. */
LK_MUST_USE lk_err subscription_pump(struct relay *, struct client *);
LK_MUST_USE lk_err client_order(struct client *, uint32_t number, uint64_t lsn);

/* reconcile.c */
LK_MUST_USE lk_err fp_taken(struct relay *, struct client *, struct bytes);
LK_MUST_USE lk_err want_taken(struct relay *, struct client *, struct bytes);
LK_MUST_USE lk_err range_taken(struct relay *, struct client *, struct bytes);
LK_MUST_USE lk_err batch_taken(struct relay *, struct client *, struct bytes);

/* acks.c */
LK_MUST_USE lk_err ack_taken(struct relay *, struct client *, struct bytes);
LK_MUST_USE lk_err acks_pump(
    struct relay *, struct subscription *, struct vault *);

/* mailboxes.c */
LK_MUST_USE lk_err letter_taken(struct relay *, struct client *, struct bytes);
LK_MUST_USE lk_err letters_taken(struct relay *, struct client *, struct bytes);
LK_MUST_USE lk_err delete_taken(struct relay *, struct client *, struct bytes);

#endif
