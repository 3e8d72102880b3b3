/*
 * courier.h - inside sync/: this device as the guest of a relay
 * (docs/protocol.md section 17): one courier for each remote that is one.
 *
 * Nothing a relay says is believed: envelopes go through the gates that those
 * of any stranger go through, ids that were refused are not asked for again,
 * and that it has everything is a matter of when to talk next, no more.
 *
 *   IDLE --due--> DIALING --NK--> HELLO --> LOGIN --> OPEN
 *     ^              |              |         |        |
 *     +--- backoff --+--- any error, CLOSE, silence ---+
 *
 * An errand is one document there; its number is its place.  Which credential
 * is tried: of the epoch this device would write under; then of keys that came
 * in envelopes it could not place yet (they tell who slept through a rotation
 * of the next one).  What the relay does not know is registered, where
 * this person has the account: the present epochs in full, older ones for keys
 * only.  A device that was told of an account whose key it has not (yet) opens
 * what is there with the credentials it has.
 */
#ifndef SYNC_COURIER_H
#define SYNC_COURIER_H

#include "base/remote_url.h"
#include "sync/engine_state.h"
#include "sync/relay_message.h"

#define ERRAND_TRIES_MAX 16

enum errand_state {
	ERRAND_NEW,     /* nothing said of it in this session */
	ERRAND_ASKED,   /* OPEN is out */
	ERRAND_KEYS,    /* open, for keys only */
	ERRAND_OPEN,    /* open in full */
	ERRAND_REFUSED, /* with all credentials there are */
};

struct errand {
	uint32_t docno;
	uint8_t topic[LK_TOPIC_LEN];
	enum errand_state state;
	uint8_t etag[LK_TOPIC_LEN]; /* of the credential tried last */
	uint8_t tried[ERRAND_TRIES_MAX][LK_TOPIC_LEN];
	size_t tried_len;
	bool registered; /* `etag`, in this session */
	bool stopped;    /* over a quota, until `again` */
	bool again_due;
	struct mono again;
	unsigned rounds;  /* of the exchange of ranges under way */
	bool met;         /* both sides had the same when last compared */
	size_t unstored;  /* sent since, and not said to be durable yet */
	bool ack_due;     /* what this device has is to be said there */
	bool ack_settled; /* it was, at this counter; or is nobody's concern */
	uint64_t acked;
	struct item_state in, out;
	uint64_t *send; /* owned: lsn of envelopes the relay lacks */
	size_t send_len, send_cap, send_at;
};

TAILQ_HEAD(letters, letter);
TAILQ_HEAD(ack_waits, ack_wait);

enum courier_state {
	COURIER_IDLE,
	COURIER_DIALING,
	COURIER_HELLO,
	COURIER_LOGIN,
	COURIER_OPEN,
};

struct courier {
	TAILQ_ENTRY(courier) next;
	uint32_t remote; /* its number */
	char url[REMOTE_URL_MAX + 1];
	struct remote_url at;
	enum courier_state state;
	uint64_t conn;
	struct session *session;
	uint32_t body_max[SESSION_TYPES];
	struct buf out;
	size_t pending;
	bool dialled, connected, closing;
	unsigned failures;
	struct mono due; /* to dial again */
	struct mono deadline, heard, pinged, round;
	bool creating;
	uint8_t account[SIGN_PK_LEN]; /* whose topics are opened */
	bool speaks;                  /* for that account: it may register */
	struct errand *errands;       /* owned */
	size_t errands_len, errands_cap;
	size_t opened;           /* errands begun in this session */
	uint64_t met_generation; /* when all was the same; 0: it was not */
	struct mono compare;     /* when to, before the next round; ms 0: no */
	/* Ids that came from there and were refused, ascending. */
	uint8_t (*ignored)[LK_ID_LEN]; /* owned */
	size_t ignored_len, ignored_cap;
	/* errand_acks.c */
	struct mono acks; /* when to say what is due; ms 0: nothing is */
	struct ack_waits ack_waits;
	size_t ack_waits_len;
	/* Mail. */
	bool mail_due;
	struct letters letters; /* errand_mail.c */
	size_t letters_len;
	struct mailbox *boxes; /* owned; mailbox.h */
	size_t boxes_len;
	uint64_t boxes_at; /* of which e->people */
};

/* push.c: where an envelope of this round came from. */
LK_MUST_USE lk_err origin_note(
    struct engine *, const uint8_t id[static LK_ID_LEN], uint64_t conn);
bool came_from(
    const struct engine *, const uint8_t id[static LK_ID_LEN], uint64_t conn);
/* remotes.c: NULL when there is none of this number. */
struct remote_status *remote_status(struct engine *, uint32_t number);

/* courier.c */
void couriers_free(struct engine *);
void couriers_dialed(struct engine *, uint64_t conn);
void couriers_closed(struct engine *, uint64_t conn);
LK_MUST_USE lk_err couriers_bytes(struct engine *, uint64_t conn, struct bytes);
void couriers_pending(struct engine *, uint64_t conn, size_t pending);
LK_MUST_USE lk_err couriers_tick(struct engine *);
int64_t couriers_next_ms(const struct engine *);
LK_MUST_USE lk_err couriers_event(
    struct engine *, const struct replica_event *);
bool couriers_take(struct engine *, struct engine_output *);
void couriers_aborted(struct engine *);

void courier_send(
    struct engine *, struct courier *, enum message_type, struct bytes);
bool courier_has_room(const struct courier *);
/* What is wrong with it, for people: the reason and the words. */
void courier_says(struct engine *, struct courier *, lk_err, const char *why);

/* The home document changed: it may be known now how to speak for the account.
 */
LK_MUST_USE lk_err courier_login(struct engine *, struct courier *);

/* errand.c */
void errands_clear(struct courier *);
/* Nothing of the last session holds. */
void errands_reset(struct courier *);
/* Lists documents that are new, and opens those of which nothing was said. */
LK_MUST_USE lk_err errands_begin(struct engine *, struct courier *);
/* Tries those anew that were refused. */
LK_MUST_USE lk_err errands_again(struct engine *, struct courier *);
LK_MUST_USE lk_err errand_event(
    struct engine *, struct courier *, const struct replica_event *);
LK_MUST_USE lk_err errands_pump(struct engine *, struct courier *);
LK_MUST_USE lk_err errands_compare(struct engine *, struct courier *);
LK_MUST_USE lk_err errand_opened(
    struct engine *, struct courier *, struct bytes);
LK_MUST_USE lk_err errand_quota(
    struct engine *, struct courier *, struct bytes);

/* errand_mail.c */
void courier_mail_clear(struct courier *);
/* Looks into this device's mailboxes, and leaves welcomes in others'. */
LK_MUST_USE lk_err courier_mail(struct engine *, struct courier *);
LK_MUST_USE lk_err courier_posted(
    struct engine *, struct courier *, struct bytes);
LK_MUST_USE lk_err courier_letters(
    struct engine *, struct courier *, struct bytes);

/* errand_acks.c */
/* Forgets what waits, and what is to be said. */
void errand_acks_clear(struct courier *);
LK_MUST_USE lk_err errand_ack(struct engine *, struct courier *, struct bytes);
/* Tries those again that waited for a key or a member. */
LK_MUST_USE lk_err errand_acks_again(struct engine *, struct courier *);
/* What this device has of a document is to be said soon, unless it was. */
void errand_ack_note(struct engine *, struct courier *, struct errand *);
LK_MUST_USE lk_err errand_acks_step(struct engine *, struct courier *);

/* errand_sync.c */
LK_MUST_USE lk_err errand_range_begin(
    struct engine *, struct courier *, struct errand *);
LK_MUST_USE lk_err errand_range(
    struct engine *, struct courier *, struct bytes);
LK_MUST_USE lk_err errand_want(struct engine *, struct courier *, struct bytes);
LK_MUST_USE lk_err errand_batch(
    struct engine *, struct courier *, struct bytes);
LK_MUST_USE lk_err errand_stored(
    struct engine *, struct courier *, struct bytes);
LK_MUST_USE lk_err errand_fp(struct engine *, struct courier *, struct bytes);
LK_MUST_USE lk_err errand_send(struct errand *, uint64_t lsn);
LK_MUST_USE lk_err errand_pump(
    struct engine *, struct courier *, struct errand *);
/* It is open for keys only, and all of them are here: another try. */
LK_MUST_USE lk_err errand_retry(
    struct engine *, struct courier *, struct errand *);

#endif
