/*
 * message.h - the messages inside a session: docs/protocol.md section 12.
 *
 * Encoder and decoder of each, side by side in message.c.  A decoder takes the
 * body of one message, checks all of it, and leaves views into it; lists are
 * walked with the reader it hands out.  TRUNCATED, MALFORMED or LIMIT, `what`
 * naming the message.  Pure.
 */
#ifndef SYNC_MESSAGE_H
#define SYNC_MESSAGE_H

#include "base/bytes.h"
#include "base/limits.h"
#include "store/store.h"
#include "sync/address.h"
#include "sync/cert.h"
#include "sync/envelope.h"

#define PROTOCOL_VERSION 1
#define ANNOUNCE_LEN 8
#define FP_LEN 16
#define INCARNATION_LEN 8
#define ID_PREFIX_LEN 8

enum message_type {
	MSG_HELLO = 1,
	MSG_CLOSE = 2,
	MSG_PING = 3,
	MSG_PONG = 4,
	MSG_SET = 16,
	MSG_TOPICS = 17,
	MSG_MATCH = 18,
	MSG_FP = 32,
	MSG_VV = 33,
	MSG_RANGE = 34,
	MSG_BATCH = 35,
	MSG_WANT = 36,
	MSG_ACK = 38,
	MSG_BUSY = 39,
	MSG_ACKS = 40,
	MSG_WELCOME = 48,
	MSG_CARD = 49,
	MSG_PEERS = 50,
	/* sync/relay_message.h */
	MSG_RELAY_OPEN = 64,
	MSG_RELAY_REGISTER = 65,
	MSG_RELAY_STORED = 66,
	MSG_RELAY_PURGE = 67,
	MSG_RELAY_QUOTA = 68,
	MSG_MAILBOX_PUT = 70,
	MSG_MAILBOX_GET = 71,
	MSG_MAILBOX_DELETE = 72,
	/* sync/code_run.h; in turn, the typer's first */
	MSG_CODE_SHARE = 80,
	MSG_CODE_SHARE_BACK = 81,
	MSG_CODE_CONFIRM = 82,
	MSG_CODE_CONFIRM_BACK = 83,
	MSG_CODE_KEYS = 84,
	MSG_CODE_KEYS_BACK = 85,
	MSG_CODE_DONE = 86,
	/* sync/overlay_message.h */
	MSG_PUSH = 96,
	MSG_IHAVE = 97,
	MSG_GRAFT = 98,
	MSG_PRUNE = 99,
	MSG_NEIGHBOUR = 100,
	MSG_WALK = 101,
	MSG_SHUFFLED = 102,
	MSG_UNKNOWN_MIN = 128, /* from here on unknown types are skipped */
};

/* Why a session ends; the body of CLOSE. */
enum close_reason {
	CLOSE_DONE,
	CLOSE_VERSION,
	CLOSE_PROTOCOL,
	CLOSE_TICKET,
	CLOSE_BUSY,
	CLOSE_SELF,
	CLOSE_SHUTDOWN,
};

/* The greatest body of each type; 0: no type that this version takes. */
void message_body_max(uint32_t out[static 256]);

struct hello {
	uint8_t min, max;
	uint64_t caps;
	uint8_t incarnation[INCARNATION_LEN];
	uint32_t message_max;
	uint16_t port; /* where the sender listens; 0: nowhere */
};
void hello_encode(struct buf *, const struct hello *);
LK_MUST_USE lk_err hello_decode(struct hello *, struct bytes);
/* The same, and VERSION where the sender and we have none in common. */
LK_MUST_USE lk_err hello_meet(struct hello *, struct bytes);

struct topic_set {
	uint32_t count;
	uint8_t hash[FP_LEN];
};
void topic_set_encode(struct buf *, const struct topic_set *);
LK_MUST_USE lk_err topic_set_decode(struct topic_set *, struct bytes);

/* TOPICS: announce hashes, ANNOUNCE_LEN each. */
struct topic_list {
	bool last;
	const uint8_t *hashes;
	size_t len;
};
#define TOPIC_LIST_MAX 8000 /* hashes in one message: 64 KiB */
#define TOPIC_LIST_PAD 16   /* the length is a multiple of this */
void topic_list_encode(struct buf *, const struct topic_list *);
LK_MUST_USE lk_err topic_list_decode(struct topic_list *, struct bytes);

/* MATCH: ascending indexes into the other side's list. */
struct match {
	struct rd indexes; /* u32 each */
	size_t len;
};
LK_MUST_USE lk_err match_decode(struct match *, struct bytes);

struct fp_range {
	bool answer; /* says "equal"; of acknowledgements: mine went out */
	bool acks;   /* not of the sets, but of what others acknowledged */
	uint32_t first, last;
	uint64_t count;
	uint8_t hash[FP_LEN];
};
#define FP_SUBRANGES 16 /* of one that is not equal */
void fp_range_encode(struct buf *, const struct fp_range *);
LK_MUST_USE lk_err fp_range_decode(struct fp_range *, struct bytes);

/* VV: entries ascending by tag. */
struct version_vector {
	uint32_t topic;
	bool answer;
	struct rd entries;
};
struct version_entry {
	uint8_t tag[LK_TOPIC_LEN];
	uint64_t seq;
	uint8_t prefix[ID_PREFIX_LEN];
};
void version_vector_encode(struct buf *, uint32_t topic, bool answer);
void version_entry_encode(struct buf *, const struct version_entry *);
LK_MUST_USE lk_err version_vector_decode(struct version_vector *, struct bytes);
bool version_entry_next(struct version_vector *, struct version_entry *);

/* RANGE: what follows the topic is range.h's, and checked by it. */
struct range_message {
	uint32_t topic;
	struct bytes ranges;
};
void range_message_encode(struct buf *, const struct range_message *);
LK_MUST_USE lk_err range_message_decode(struct range_message *, struct bytes);

/* BATCH: topic, flags, items to the end. */
struct batch {
	uint32_t topic;
	bool end; /* the stream this side was sending for the topic ends */
	struct rd items;
};
void batch_encode(struct buf *, uint32_t topic, bool end);
LK_MUST_USE lk_err batch_decode(struct batch *, struct bytes);

/*
 * The memory of one direction of one topic in one session: what an item may
 * leave out because an item before it said it.
 */
struct item_slot {
	uint8_t tag[LK_TOPIC_LEN], last[LK_ID_LEN];
	uint64_t seq;
};
struct item_state {
	struct item_slot *slots; /* owned */
	uint32_t *by_tag;        /* owned: slots ascending by tag */
	size_t len;
	uint8_t etag[LK_TOPIC_LEN];
	bool has_etag;
};
#define ITEM_SLOTS_MAX 65536
void item_state_clear(struct item_state *);
/* Appends one envelope as an item.  NOMEM, LIMIT. */
LK_MUST_USE lk_err item_encode(
    struct buf *, struct item_state *, const struct envelope *);
/* Rebuilds the next envelope, in the arena. */
LK_MUST_USE lk_err item_decode(struct rd *items, struct item_state *,
    const uint8_t topic[static LK_TOPIC_LEN], struct arena *,
    struct bytes *envelope);

/* WANT: envelopes by id; answered by a BATCH that ends. */
#define WANT_MAX 512
struct want {
	uint32_t topic;
	const uint8_t *ids; /* len * LK_ID_LEN */
	size_t len;
};
void want_encode(struct buf *, const struct want *);
LK_MUST_USE lk_err want_decode(struct want *, struct bytes);

/* BUSY: a question about the topic is not answered now. */
struct busy {
	uint32_t topic, ms; /* ask again after so long */
};
void busy_encode(struct buf *, const struct busy *);
LK_MUST_USE lk_err busy_decode(struct busy *, struct bytes);

/* ACK: what is in clear; sync/acks.c opens the rest. */
struct ack {
	uint32_t topic;
	uint8_t tag[LK_TOPIC_LEN], incarnation[INCARNATION_LEN];
	uint64_t counter;
	uint8_t etag[LK_TOPIC_LEN], nonce[24];
	struct bytes clear; /* tag to etag: the AAD after the topic id */
	struct bytes sealed;
	struct bytes said; /* all after the topic: no session's */
};
LK_MUST_USE lk_err ack_decode(struct ack *, struct bytes);

/*
 * ACKS: what the peer is told that nobody else is to be, of many documents.  A
 * head that is the last item of one of the sender's slots is named by that.
 */
#define ACK_HEADS_MAX 64
struct acks {
	struct rd entries;
	uint64_t next; /* the least number that may follow */
};
struct acks_entry {
	uint32_t topic;
	uint64_t counter;
	size_t len; /* heads, walked with acks_head_next */
	struct rd heads;
};
/* By rising numbers; of a new message *next is 0. */
void acks_entry_encode(struct buf *, uint64_t *next, uint32_t topic,
    uint64_t counter, size_t heads);
void acks_head_encode(struct buf *, const struct item_state *out,
    const uint8_t id[static LK_ID_LEN]);
LK_MUST_USE lk_err acks_decode(struct acks *, struct bytes);
bool acks_entry_next(struct acks *, struct acks_entry *);
/* MALFORMED: a slot that is not there. */
LK_MUST_USE lk_err acks_head_next(struct acks_entry *,
    const struct item_state *in, uint8_t id[static LK_ID_LEN]);

/* PEERS: entries are walked with peer_entry_next. */
struct peer_list {
	struct rd entries;
	size_t len;
};
struct peer_entry {
	struct proof proof; /* shape only: proof_verify */
	struct addresses addresses;
};
#define PEER_LIST_MAX 64
void peer_list_encode(struct buf *, size_t len);
void peer_entry_encode(struct buf *, const struct peer_entry *);
LK_MUST_USE lk_err peer_list_decode(struct peer_list *, struct bytes);
bool peer_entry_next(struct peer_list *, struct peer_entry *);

#endif
