/*
 * relay_state.h - inside relay/: what its parts share.
 *
 *   relay.c     events in, outputs out, rounds, the tick, the operator
 *   visitor.c   one connection: session, HELLO, which message is whose
 *   register.c  accounts and credentials
 *   opened.c    topics that are open, who meets there, the streams to them
 *   reconcile.c FP, RANGE, WANT, BATCH
 *   acks.c      ACK
 *   post.c      mailboxes
 *
 * A visitor's life, by who moves it; known once it opened a topic or logged in:
 *
 *   HANDSHAKE -- established --> HELLO -- hello_taken --> OPEN
 *       |                          |                       |
 *       +-- visitor_close (error, deadline, CLOSE) --------+--> CLOSED
 */
#ifndef RELAY_RELAY_STATE_H
#define RELAY_RELAY_STATE_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "relay/relay.h"
#include "relay/vault.h"
#include "sync/message.h"
#include "sync/session.h"

#define VISITOR_ADDRESS_MAX 256
#define VISITOR_OUT_MAX (16 * 1024 * 1024)
#define VISITOR_ROOM_MIN (256 * 1024) /* stop producing above this */

#define VISITOR_USES_MAX 4

struct visitor;

/* A topic that somebody has open. */
struct opened {
	TAILQ_ENTRY(opened) meets; /* in ->meeting */
	TAILQ_ENTRY(opened) sends; /* in the visitor's, while ->sending */
	struct visitor *visitor;
	struct meeting *meeting;
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
TAILQ_HEAD(opened_list, opened);

/* All who have one topic of one account open. */
struct meeting {
	RB_ENTRY(meeting) entry;
	uint8_t account[SIGN_PK_LEN], topic[LK_TOPIC_LEN];
	uint32_t docno;
	struct opened_list all;
};
RB_HEAD(meetings, meeting);

/* An envelope somebody asked for; lsn 0: the end of an answer. */
struct ordered {
	uint32_t number;
	uint64_t lsn;
};
#define ORDERS_MAX (65536 + 2 * WANT_MAX)

enum visitor_state {
	VISITOR_HANDSHAKE,
	VISITOR_HELLO,
	VISITOR_OPEN,
	VISITOR_CLOSED,
};

struct visitor {
	TAILQ_ENTRY(visitor) next;
	uint64_t conn;
	enum visitor_state state;
	struct session *session;
	char address[VISITOR_ADDRESS_MAX];
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
	int64_t work; /* records that may still be read now */
	struct mono worked;
	/* Vaults it has heard of in this round; too many: any may be. */
	struct vault *uses[VISITOR_USES_MAX];
	size_t uses_len;
	struct opened **numbers; /* owned; by number, NULL: not open */
	size_t numbers_len;
	size_t authors; /* slots of items, of all numbers */
	struct opened_list sending;
	struct ordered *orders; /* owned */
	size_t orders_len, orders_at, orders_cap;
};
TAILQ_HEAD(visitors, visitor);

struct relay {
	struct dh_key noise;
	struct random random;
	struct vaults vaults;
	struct visitors visitors;
	struct meetings meetings;
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

/* visitor.c */
LK_MUST_USE lk_err visitor_new(
    struct relay *, uint64_t conn, const char *address);
void visitor_free(struct relay *, struct visitor *);
LK_MUST_USE lk_err visitor_bytes(
    struct relay *, struct visitor *, struct bytes);
void visitor_send(
    struct relay *, struct visitor *, enum message_type, struct bytes);
/* Says why and closes; nothing more is taken from it. */
void visitor_close(struct relay *, struct visitor *, enum close_reason);
bool visitor_has_room(const struct visitor *);
/* It showed a credential or an account: no stranger any more.  LIMIT: it has
 * too many sessions already. */
LK_MUST_USE lk_err visitor_known(
    struct relay *, struct visitor *, const uint8_t pk[static SIGN_PK_LEN]);
/* Records will be read for it.  LIMIT: too many of late. */
LK_MUST_USE lk_err visitor_work(struct relay *, struct visitor *, uint64_t n);

/* An account's vault, for something this visitor will hear of. */
LK_MUST_USE lk_err visitor_vault(
    struct relay *, struct visitor *, const struct account *, struct vault **);
/* Of those who heard of a vault that failed nothing leaves. */
void visitors_part(struct relay *);

/* register.c */
LK_MUST_USE lk_err register_taken(
    struct relay *, struct visitor *, struct bytes);
LK_MUST_USE lk_err purge_taken(struct relay *, struct visitor *, struct bytes);
LK_MUST_USE lk_err quota_taken(struct relay *, struct visitor *, struct bytes);
void quota_send(struct relay *, struct visitor *, struct relay_quota *,
    const struct account *, const struct vault *);

/* opened.c */
LK_MUST_USE lk_err open_taken(struct relay *, struct visitor *, struct bytes);
struct opened *opened_find(struct visitor *, uint32_t number);
void opened_free(struct relay *, struct opened *);
/* The credentials of a topic changed. */
void opened_judge(struct relay *, const uint8_t account[static SIGN_PK_LEN],
    const uint8_t topic[static LK_TOPIC_LEN], const struct topic_record *);
/* The topic, or with NULL the account, is no more. */
void opened_end(struct relay *, const uint8_t account[static SIGN_PK_LEN],
    const uint8_t *topic);
/* Something new is in the topic, which came from `from`. */
void opened_wake(struct relay *, struct opened *from, uint64_t lsn);
/* All acknowledgements there are go to it. */
void opened_acks(struct opened *);
/* Whether so many bytes more may come by it.  If not it is told so by QUOTA,
 * and nothing more is taken. */
bool opened_has_room(struct relay *, struct opened *, const struct account *,
    struct vault *, size_t bytes);
/* Sends what there is to send while there is room. */
LK_MUST_USE lk_err opened_pump(struct relay *, struct visitor *);
LK_MUST_USE lk_err visitor_order(
    struct visitor *, uint32_t number, uint64_t lsn);

/* reconcile.c */
LK_MUST_USE lk_err fp_taken(struct relay *, struct visitor *, struct bytes);
LK_MUST_USE lk_err want_taken(struct relay *, struct visitor *, struct bytes);
LK_MUST_USE lk_err range_taken(struct relay *, struct visitor *, struct bytes);
LK_MUST_USE lk_err batch_taken(struct relay *, struct visitor *, struct bytes);

/* acks.c */
LK_MUST_USE lk_err ack_taken(struct relay *, struct visitor *, struct bytes);
LK_MUST_USE lk_err acks_pump(struct relay *, struct opened *, struct vault *);

/* post.c */
LK_MUST_USE lk_err letter_taken(struct relay *, struct visitor *, struct bytes);
LK_MUST_USE lk_err letters_taken(
    struct relay *, struct visitor *, struct bytes);
LK_MUST_USE lk_err delete_taken(struct relay *, struct visitor *, struct bytes);

#endif
