/*
 * relay_client.h - inside sync/: this device as the client of a relay
 * (docs/protocol.md section 17): one for each remote that is a relay.
 *
 * Nothing a relay says is believed: envelopes go through the gates that those
 * of any stranger go through, ids that were refused are not asked for again,
 * and that it has everything is a matter of when to talk next, no more.
 *
 *   IDLE --due--> DIALING --NK--> HELLO --> LOGIN --> OPEN
 *     ^              |              |         |        |
 *     +--- backoff --+--- any error, CLOSE, silence ---+
 *
 * A relay_topic is one document there; its number is its place.  Which
 * credential is tried: of the epoch this device would write under; then of keys
 * that came in envelopes it could not place yet (they tell who slept through a
 * rotation of the next one).  What the relay does not know is registered, where
 * this person has the account: the present epochs in full, older ones for keys
 * only.  A device that was told of an account whose key it has not (yet) opens
 * what is there with the credentials it has.
 *
 * A relay that a ticket names and that is none of the remotes is visited for
 * its letters: seconds at a time, with growing pauses.
 */
#ifndef SYNC_RELAY_CLIENT_H
#define SYNC_RELAY_CLIENT_H

#include "base/allowance.h"
#include "base/remote_url.h"
#include "sync/engine_state.h"
#include "sync/relay_message.h"

#define RELAY_TOPIC_TRIES_MAX 16

enum relay_topic_state {
	RELAY_TOPIC_NEW,     /* nothing said of it in this session */
	RELAY_TOPIC_ASKED,   /* OPEN is out */
	RELAY_TOPIC_KEYS,    /* open, for keys only */
	RELAY_TOPIC_OPEN,    /* open in full */
	RELAY_TOPIC_REFUSED, /* with all credentials there are */
};

struct relay_topic {
	uint32_t docno;
	uint8_t topic[LK_TOPIC_LEN];
	enum relay_topic_state state;
	uint8_t etag[LK_TOPIC_LEN]; /* of the credential tried last */
	uint8_t tried[RELAY_TOPIC_TRIES_MAX][LK_TOPIC_LEN];
	size_t tried_len;
	bool registered; /* `etag`, in this session */
	bool stopped;    /* over a quota, until `again` */
	bool again_due;
	struct mono again;
	unsigned rounds;  /* of the exchange of ranges under way */
	bool met;         /* both sides had the same when last compared */
	size_t unstored;  /* sent since, and not said to be durable yet */
	bool all_came;    /* nobody waits for a letter, as members are now */
	bool ack_due;     /* what this device has is to be said there */
	bool ack_settled; /* it was, at this counter; or is nobody's concern */
	uint64_t acked;
	struct item_state in, out;
	uint64_t *send; /* owned: lsn of envelopes the relay lacks */
	size_t send_len, send_cap, send_at;
};

TAILQ_HEAD(letters, letter);
TAILQ_HEAD(ack_waits, ack_wait);

enum relay_client_state {
	RELAY_CLIENT_IDLE,
	RELAY_CLIENT_DIALING,
	RELAY_CLIENT_HELLO,
	RELAY_CLIENT_LOGIN,
	RELAY_CLIENT_OPEN,
};

struct relay_client {
	TAILQ_ENTRY(relay_client) next;
	uint32_t remote; /* its number; 0: it is none */
	bool visit;      /* only to leave and fetch letters of a ticket */
	char url[REMOTE_URL_MAX + 1];
	struct remote_url at;
	enum relay_client_state state;
	uint64_t conn;
	struct session *session;
	uint32_t body_max[SESSION_TYPES];
	struct buf out;
	size_t pending;
	bool dialled, connected, closing;
	unsigned failures;
	struct mono due; /* to dial again */
	struct mono deadline, heard, pinged, round;
	struct allowance work; /* records that may still be read for it */
	bool creating;
	unsigned asked; /* LOGIN and CREATE that are not answered */
	uint8_t account[SIGN_PK_LEN]; /* whose topics are opened */
	bool speaks;                  /* for that account: it may register */
	struct relay_topic *topics;   /* owned */
	size_t relay_topics_len, relay_topics_cap;
	bool listed; /* topics, as memberships were then: */
	uint64_t memberships;
	size_t opened;           /* topics begun in this session */
	uint64_t met_generation; /* when all was the same; 0: it was not */
	struct mono compare;     /* when to, before the next round; ms 0: no */
	/* Ids that came from there and were refused, ascending. */
	uint8_t (*ignored)[LK_ID_LEN]; /* owned */
	size_t ignored_len, ignored_cap;
	/* relay_acks.c */
	struct mono acks; /* when to say what is due; ms 0: nothing is */
	struct ack_waits ack_waits;
	size_t ack_waits_len;
	/* Mail. */
	bool mail_due;
	struct letters letters; /* relay_mail.c */
	size_t letters_len;
	struct mailbox *boxes; /* owned; mailbox.h */
	size_t boxes_len;
	uint64_t boxes_at; /* of which e->people */
	bool boxes_made;
	struct mono look, ask_again; /* not before */
};

/* push.c: where an envelope of this round came from. */
LK_MUST_USE lk_err origin_note(
    struct engine *, const uint8_t id[static LK_ID_LEN], uint64_t conn);
bool came_from(
    const struct engine *, const uint8_t id[static LK_ID_LEN], uint64_t conn);
/* remotes.c: NULL when there is none of this number. */
struct remote_status *remote_status(struct engine *, uint32_t number);

/* relay_client.c */
void relay_clients_free(struct engine *);
void relay_clients_dialed(struct engine *, uint64_t conn);
void relay_clients_closed(struct engine *, uint64_t conn);
LK_MUST_USE lk_err relay_clients_bytes(
    struct engine *, uint64_t conn, struct bytes);
void relay_clients_pending(struct engine *, uint64_t conn, size_t pending);
LK_MUST_USE lk_err relay_clients_tick(struct engine *);
int64_t relay_clients_next_ms(const struct engine *);
LK_MUST_USE lk_err relay_clients_event(
    struct engine *, const struct replica_event *);
/* Appends those of the remotes at which this person has an account, for others
 * to leave letters at; hosts are borrowed. */
LK_MUST_USE lk_err relay_clients_addresses(
    struct engine *, struct addresses *, size_t relays_max);
bool relay_clients_take(struct engine *, struct engine_output *);
/* What was said in this round is not sent, and the numbers of documents may
 * mean others from now on: all sessions end. */
void relay_clients_anew(struct engine *);

void relay_client_send(
    struct engine *, struct relay_client *, enum message_type, struct bytes);
bool relay_client_has_room(const struct relay_client *);
/* Before, or after, so many records are read because it asks.  LIMIT, which
 * ends the session; then it is left alone for minutes. */
LK_MUST_USE lk_err relay_client_work(
    struct engine *, struct relay_client *, uint64_t n);
/* What is wrong with it, for people: the reason and the words. */
void relay_client_says(
    struct engine *, struct relay_client *, lk_err, const char *why);

/* The home document changed: it may be known now how to speak for the account.
 */
LK_MUST_USE lk_err relay_client_login(struct engine *, struct relay_client *);

/* relay_topic.c */
void relay_topics_clear(struct relay_client *);
/* Nothing of the last session holds. */
void relay_topics_reset(struct relay_client *);
/* Lists documents that are new, and opens those of which nothing was said. */
LK_MUST_USE lk_err relay_topics_begin(struct engine *, struct relay_client *);
/* Tries those anew that were refused. */
LK_MUST_USE lk_err relay_topics_again(struct engine *, struct relay_client *);
LK_MUST_USE lk_err relay_topic_event(
    struct engine *, struct relay_client *, const struct replica_event *);
LK_MUST_USE lk_err relay_topics_pump(struct engine *, struct relay_client *);
LK_MUST_USE lk_err relay_topics_compare(struct engine *, struct relay_client *);
LK_MUST_USE lk_err relay_topic_opened(
    struct engine *, struct relay_client *, struct bytes);
LK_MUST_USE lk_err relay_topic_quota(
    struct engine *, struct relay_client *, struct bytes);

/* relay_mail.c */
void relay_client_mail_clear(struct relay_client *);
/* Looks into this device's mailboxes, and leaves welcomes in others'. */
LK_MUST_USE lk_err relay_client_mail(struct engine *, struct relay_client *);
LK_MUST_USE lk_err relay_client_posted(
    struct engine *, struct relay_client *, struct bytes);
LK_MUST_USE lk_err relay_client_letters(
    struct engine *, struct relay_client *, struct bytes);

/* relay_acks.c */
/* Forgets what waits, and what is to be said. */
void relay_topic_acks_clear(struct relay_client *);
LK_MUST_USE lk_err relay_topic_ack(
    struct engine *, struct relay_client *, struct bytes);
/* Tries those again that waited for a key or a member. */
LK_MUST_USE lk_err relay_topic_acks_again(
    struct engine *, struct relay_client *);
/* What this device has of a document is to be said soon, unless it was. */
void relay_topic_ack_note(
    struct engine *, struct relay_client *, struct relay_topic *);
LK_MUST_USE lk_err relay_topic_acks_step(
    struct engine *, struct relay_client *);

/* relay_topic_sync.c */
LK_MUST_USE lk_err relay_topic_range_begin(
    struct engine *, struct relay_client *, struct relay_topic *);
LK_MUST_USE lk_err relay_topic_range(
    struct engine *, struct relay_client *, struct bytes);
LK_MUST_USE lk_err relay_topic_want(
    struct engine *, struct relay_client *, struct bytes);
LK_MUST_USE lk_err relay_topic_batch(
    struct engine *, struct relay_client *, struct bytes);
LK_MUST_USE lk_err relay_topic_stored(
    struct engine *, struct relay_client *, struct bytes);
LK_MUST_USE lk_err relay_topic_fp(
    struct engine *, struct relay_client *, struct bytes);
LK_MUST_USE lk_err relay_topic_send(struct relay_topic *, uint64_t lsn);
LK_MUST_USE lk_err relay_topic_pump(
    struct engine *, struct relay_client *, struct relay_topic *);
/* It is open for keys only, and all of them are here: another try. */
LK_MUST_USE lk_err relay_topic_retry(
    struct engine *, struct relay_client *, struct relay_topic *);

#endif
