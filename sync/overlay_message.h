/*
 * overlay_message.h - the messages by which devices of a crowd find neighbours
 * and hand each other new envelopes: docs/protocol.md section 20.
 *
 * Encoder and decoder of each, as in sync/message.h: a decoder takes the body
 * of one message, checks all of it, and leaves views into it.  TRUNCATED,
 * MALFORMED or LIMIT, `what` naming the message.  Pure.
 */
#ifndef SYNC_OVERLAY_MESSAGE_H
#define SYNC_OVERLAY_MESSAGE_H

#include "sync/message.h"

/* PUSH: topic u32, then items as in BATCH. */
struct push {
	uint32_t topic;
	struct rd items;
};
LK_MUST_USE lk_err push_decode(struct push *, struct bytes);

/* IHAVE (at least one) and GRAFT: topic, ids. */
#define IDS_MAX 64
struct id_list {
	uint32_t topic;
	const uint8_t *ids; /* len * LK_ID_LEN */
	size_t len;
};
void id_list_encode(struct buf *, uint32_t topic, struct bytes ids);
LK_MUST_USE lk_err ihave_decode(struct id_list *, struct bytes);
LK_MUST_USE lk_err graft_decode(struct id_list *, struct bytes);

/* PRUNE: topic u32. */
LK_MUST_USE lk_err prune_decode(uint32_t *topic, struct bytes);

/* NEIGHBOUR: topic, and what is said of being neighbours in it. */
enum neighbour_word {
	NEIGHBOUR_JOIN = 1, /* let me in: I know nobody */
	NEIGHBOUR_HIGH = 2, /* I have no other */
	NEIGHBOUR_LOW = 3,  /* if you have room */
	NEIGHBOUR_YES = 4,
	NEIGHBOUR_NO = 5,
	NEIGHBOUR_DONE = 6, /* not any more */
};
void neighbour_encode(struct buf *, uint32_t topic, enum neighbour_word);
LK_MUST_USE lk_err neighbour_decode(
    uint32_t *topic, enum neighbour_word *, struct bytes);

/* WALK: goes from neighbour to neighbour; its first entry is where it began.
 * SHUFFLED: the answer to one, which goes back the same way.  Entries are
 * walked with peer_entry_next. */
#define WALK_ID_LEN 8
#define WALK_ENTRIES_MAX 8
#define WALK_HOPS_MAX 6
enum walk_kind { WALK_NEWCOMER = 1, WALK_SHUFFLE = 2 };
struct walk {
	uint32_t topic;
	enum walk_kind kind; /* WALK */
	uint8_t hops;        /* WALK: that it has left */
	uint8_t id[WALK_ID_LEN];
	struct peer_list peers;
};
void walk_encode(struct buf *, const struct walk *, struct bytes entries);
LK_MUST_USE lk_err walk_decode(struct walk *, struct bytes);
void shuffled_encode(struct buf *, const struct walk *, struct bytes entries);
LK_MUST_USE lk_err shuffled_decode(struct walk *, struct bytes);

#endif
