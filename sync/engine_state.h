/*
 * engine_state.h - inside sync/: what the parts of the engine share.
 *
 *   engine.c     events in, outputs out, the tick
 *   link.c       one connection: session, proof, HELLO, which message is whose
 *   topics.c     which documents are spoken of: SET, TOPICS, MATCH
 *   link_topic.h what a session knows of each of them
 *   reconcile.h  which envelopes are missing where
 *   acks.h       acknowledgements and what they tell about others
 *   overlay.h    neighbours in documents of many devices
 *   peers.h      the address book and dialling
 *   discovery.h  beacons
 *   pairing.h    tickets, cards, welcomes
 *   pair_run.h   codes
 *   remotes.h    folders, buckets and relays
 *
 * A link's life, by who moves it (PAIRING in place of OPEN: by code):
 *
 *   HANDSHAKE -- link_established --> HELLO -- hello_received --> OPEN
 *       |                              |                           |
 *       +---------- link_close (error, deadline, CLOSE) -----------+--> CLOSED
 */
#ifndef SYNC_ENGINE_STATE_H
#define SYNC_ENGINE_STATE_H

#include <sys/queue.h>

#include "sync/acks.h"
#include "sync/card.h"
#include "sync/discovery.h"
#include "sync/docstate.h"
#include "sync/engine.h"
#include "sync/member_index.h"
#include "sync/message.h"
#include "sync/overlay.h"
#include "sync/peers.h"
#include "sync/reconcile.h"
#include "sync/remotes.h"
#include "sync/session.h"

#define LINK_OUT_MAX (16 * 1024 * 1024)
#define LINK_PROBE_MS 2000
#define LINK_IDLE_MS 30000
#define LINK_ROOM_MIN                                          \
	(256 * 1024) /* stop producing above this much pending \
		      */

/* A document as a peer is told of it. */
struct listed {
	uint8_t topic[LK_TOPIC_LEN];
	uint32_t docno;
};

#define TOPIC_WELCOMED UINT32_MAX
enum link_state {
	LINK_HANDSHAKE,
	LINK_HELLO,
	LINK_PAIRING,
	LINK_OPEN,
	LINK_CLOSED,
};

struct link {
	TAILQ_ENTRY(link) next;
	uint64_t conn;
	enum link_state state;
	bool initiator;
	struct session *session;
	char address[ADDRESS_TEXT_MAX];
	struct buf out;       /* waits for the commit */
	size_t pending;       /* what the caller has not written yet */
	bool dialled;         /* ENGINE_DIAL has been handed out */
	bool connected;       /* and came through; accepted ones are */
	bool closing;         /* ENGINE_CLOSE follows what is in `out` */
	bool gone;            /* the caller knows that it is closed */
	bool met_here;        /* accepted: somebody was met at this address */
	struct mono deadline; /* of the handshake, or of a pairing by code */
	struct mono opened, heard, pinged, round;
	struct mono probed;   /* asked whether it still lives; ms 0: no */
	int64_t round_every;  /* ms between comparisons; 0: not drawn yet */
	uint8_t told[FP_LEN]; /* hash of the last PEERS sent */
	struct buf gossip;    /* the last PEERS, to be looked at again */
	const char *why;      /* it was dropped; not logged yet */
	/* Who it is. */
	bool known; /* pk is authentic */
	uint8_t pk[32], noise_pk[32];
	uint8_t root_pk[32];   /* its person's, where it has shown that */
	struct redeem *redeem; /* a ticket of somebody else is being used */
	bool refused;          /* in words: CLOSE with that reason */
	uint8_t ticket[SESSION_TICKET_LEN];
	bool has_ticket;
	bool recovers; /* it shows a certificate of a root key, and no ticket */
	struct bytes payload; /* owned: what who joins so has said */
	struct code_run *run; /* owned: pairing by code */
	uint8_t incarnation[INCARNATION_LEN]; /* from its HELLO */
	uint64_t window; /* handle of the code shown here; 0: none */
	/* Topics. */
	bool set_sent, set_received, listed, matched;
	bool list_again; /* there are topics without number */
	struct topic_set set;
	struct listed *set_list; /* owned; what our SET was made of */
	size_t set_len;
	/* Owned; by half the number: those of the initiator's list, the even
	 * ones, and those of the other's. */
	struct link_topic *numbers[2];
	size_t numbers_cap[2], numbers_len; /* room; up to the highest */
	uint32_t *by_docno; /* owned; first number of a document + 1, 0, or
			     * TOPIC_WELCOMED: no number yet */
	size_t by_docno_len;
	uint32_t *offered; /* owned: document numbers in order of our list */
	size_t offered_len, offered_base;
	size_t answered_base; /* matches we gave so far */
	uint32_t *acks; /* owned: numbers to acknowledge, to this peer alone */
	size_t acks_len, acks_cap;
	size_t queued; /* lsns in the queues of the numbers */
	struct mono spent_since;
	uint64_t spent;         /* on what it asked, in this minute */
	uint64_t acks_compared; /* acks_generation when that was last done */
	size_t list_seen;       /* proofs of the announcement under way */
	unsigned lists;         /* TOPICS taken, up to STRANGER_LISTS_MAX */
	struct buf match;       /* and what was recognised in it */
	/* The fingerprint of everything when it was last found equal. */
	uint64_t equal_generation;
	struct fp_range equal;
};

TAILQ_HEAD(links, link);

TAILQ_HEAD(redeems, redeem);
TAILQ_HEAD(windows, window); /* pair_run.h */

TAILQ_HEAD(remotes, remote);             /* bucket.h */
TAILQ_HEAD(relay_clients, relay_client); /* relay_client.h */

/* An envelope that came from this link, so that it is not sent back. */
struct origin {
	uint8_t id[LK_ID_LEN];
	uint64_t conn;
};

struct engine {
	struct replica *r;
	struct identity *identity; /* completed by a pairing */
	struct random random;
	struct links links;
	struct peers peers;
	struct redeems redeems;
	struct windows windows;
	struct now now;
	uint64_t next_conn, next_handle;
	uint64_t generation; /* rises with everything that becomes durable */
	uint16_t port;
	uint8_t incarnation[INCARNATION_LEN];
	uint32_t body_max[SESSION_TYPES];
	struct origin *origins; /* owned; of the present round */
	size_t origins_len, origins_cap;
	uint32_t *acks; /* owned; documents to acknowledge */
	size_t acks_len, acks_cap;
	struct mono acks_due;    /* ms 0: nothing to say */
	struct ack_pass *passes; /* owned; acknowledgements to pass on */
	size_t passes_len, passes_cap;
	uint64_t acks_generation; /* rises with each that is kept */
	uint32_t *heals; /* owned; documents whose readers may lack keys */
	size_t heals_len, heals_cap;
	struct mono heals_due;
	struct mono held_due; /* when to look at topics held; ms 0: none is */
	bool peers_loaded, redeems_loaded;
	struct mono fanout; /* when to look; ms 0: nothing to do */
	size_t devices_known, gone_known; /* as in the store; 0: not read */
	uint64_t boxes_known; /* newer box keys of the devices, counted */
	struct mono wake;
	struct discovery discovery;
	struct remotes remotes;
	struct overlay overlay;
	uint64_t bonds; /* rises when peers are to be judged anew */
	uint32_t *late; /* owned; crowds to acknowledge */
	size_t late_len, late_cap;
	struct mono late_due;
	struct relay_clients relay_clients;
	bool remotes_anew; /* with the next tick, from the beginning */
	uint64_t next_request;
	uint64_t people; /* rises when others may write to other mailboxes */
};

/* link.c */
struct link *link_find(struct engine *, uint64_t conn);
struct link *link_of(struct engine *, const uint8_t pk[static 32]);
/* A contact gets the card where that says which devices are gone, or receive
 * under a newer key: he must not share with those, or under the older; and
 * by which keys of beacons they are recognised. */
LK_MUST_USE lk_err link_tell_card(struct engine *, struct link *);
LK_MUST_USE lk_err link_open(struct engine *, uint64_t conn, bool initiator,
    const char *address, struct link **);
LK_MUST_USE lk_err link_start(
    struct engine *, struct link *, const struct session_config *);
void link_send(struct engine *, struct link *, enum message_type, struct bytes);
/* Puts what was said into `out`: whether there is anything. */
bool link_flush(struct link *);
/* Whether the peer is a device of this person: certified, and not thrown out of
 * his home.  Asked each time: either device may hear of the other late. */
bool link_is_own(struct engine *, const struct link *);
/* Whether it is that, or of somebody met before: by ticket, or as a member of
 * a document. */
bool link_is_met(struct engine *, const struct link *);
/* Says why and closes; nothing more is taken from it. */
void link_close(struct engine *, struct link *, enum close_reason);
void link_free(struct engine *, struct link *);
void link_ping(struct engine *, struct link *);
/* Asks an open link for a word, and whether none came within LINK_PROBE_MS:
 * then another is tried beside it, which takes its place. */
void link_probe(struct engine *, struct link *);
bool link_is_suspect(const struct engine *, const struct link *);
/* Whether an accepted link may stay: too many of one place are not proved to be
 * somebody yet.  May close another one to make room; half of the slots are for
 * addresses at which somebody known was met lately. */
bool link_is_welcome(struct engine *, struct link *);
LK_MUST_USE lk_err link_bytes(struct engine *, struct link *, struct bytes);
bool link_has_room(const struct link *);
LK_MUST_USE lk_err link_opened(struct engine *, struct link *);

/* topics.c */
void topics_free(struct link *);
/* link_topic_rest for each of them. */
void topics_rest(struct link *, struct mono now);
LK_MUST_USE lk_err topics_start(struct engine *, struct link *);
LK_MUST_USE lk_err topics_set(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err topics_list(struct engine *, struct link *, struct bytes);
LK_MUST_USE lk_err topics_match(struct engine *, struct link *, struct bytes);
/* Offers documents that have no number yet. */
LK_MUST_USE lk_err topics_offer(struct engine *, struct link *);
struct link_topic *topics_number(struct link *, uint32_t number);
/* The first number of a document; GRAPH_NONE. */
uint32_t topics_of(const struct link *, uint32_t docno);
/* Decides what the peer may have of it, from what is known here now. */
LK_MUST_USE lk_err topics_serve(
    struct engine *, const struct link *, struct link_topic *);

/* heal.c: keys for readers who lack them, and grants for devices of this person
 * that have none, after a while, so that one of those who can does it and not
 * all. */
LK_MUST_USE lk_err heals_note(struct engine *, uint32_t docno);
LK_MUST_USE lk_err heals_step(struct engine *);

/* Notes that the peer was welcomed to a document that has no number yet; or, as
 * it is no reader any more, that it would have to be again. */
void topics_welcomed(struct link *, uint32_t docno, bool is);
bool topics_is_welcomed(const struct link *, uint32_t docno);

/* welcome_out.c */
/* Sends a welcome for a document to a reader who has no number for it. */
LK_MUST_USE lk_err welcome_send(struct engine *, struct link *, uint32_t docno);
/* The same for one who has a number, from former times, but not the keys of his
 * present grant; the topic's vector is the one he has just sent. */
LK_MUST_USE lk_err welcome_renew(
    struct engine *, struct link *, struct link_topic *);
/* To every connected reader of a document that has none yet. */
LK_MUST_USE lk_err welcome_offer(struct engine *, uint32_t docno);

#endif
