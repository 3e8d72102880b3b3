/*
 * link_topic.h - inside sync/: what a session knows of a document both sides
 * know.
 *
 * There is one for every document in every session, and most of them stand
 * still for days.  So the record itself is small, and what is needed only
 * while something happens hangs on it:
 *
 *   exchange  is made when a comparison, a stream or a neighbour needs it, and
 *             freed by link_topic_rest when nothing in it is in use
 *   items     is made with the first envelope in either direction, and lasts
 *             as long as the session: each side counts the other's slots
 *
 * Whoever reads asks exchange_of and items_of, which are empty where there is
 * none; whoever writes asks exchange_need and items_need.  What these return is
 * borrowed until the topic is cleared or rests.
 */
#ifndef SYNC_LINK_TOPIC_H
#define SYNC_LINK_TOPIC_H

#include "base/clock.h"
#include "sync/message.h"
#include "sync/vector.h"

struct neighbour;

/* How much of a document a peer may have: docs/protocol.md, "Receive". */
enum serve { SERVE_NOTHING, SERVE_FULL, SERVE_FAREWELL, SERVE_TAKE };

/* What is under way about a document with a peer.  A time of 0 ms is none. */
struct exchange {
	bool sending;    /* all essential from lsn `next` on outside `vector` */
	unsigned rounds; /* RANGE messages taken since `ranged` began */
	uint64_t next;
	struct vector vector; /* of the peer */
	uint64_t *queue; /* owned: lsn, ascending; to be sent beside that */
	size_t queue_len, queue_at;
	struct mono asked;  /* our VV is out, or what it brings not all here */
	struct mono held;   /* not asked, as another was, until he answers */
	struct mono ranged; /* the last RANGE that found something */
	struct mono busy;   /* until then he is not to be asked */
	struct mono streamed;        /* to him, and not acknowledged yet */
	struct neighbour *neighbour; /* owned; NULL: nothing was said yet */
};

/* What the items of BATCH and PUSH leave out. */
struct items {
	struct item_state in, out;
};

/* One number of a session. */
struct link_topic {
	uint32_t docno; /* 0: no topic has this number */
	enum serve serve : 2;
	bool ended : 1;    /* this device was a member, and is none now */
	bool forgotten_here : 1;  /* forget.h: nothing goes either way */
	bool forgotten_there : 1; /* the same, as he has said */
	bool welcomed : 1; /* on this link, or seen not to need it */
	bool retried : 1;  /* asked for what waits, and nothing came of it */
	bool twice : 1;    /* both sides' lists gave the document a number */
	bool differs : 1;  /* the last fingerprint did */
	bool crossed : 1;  /* he asked when he was: his answer says no more */
	uint64_t equal_at; /* generation in which it was last found equal */
	struct exchange *exchange; /* owned, or NULL */
	struct items *items;       /* owned, or NULL */
};
void link_topic_clear(struct link_topic *);
/* Frees the exchange if it is over: what was asked, compared or sent and not
 * answered within some minutes is not waited for. */
void link_topic_rest(struct link_topic *, struct mono now);
/* Whether both sides are members, so that their sets can become equal. */
bool link_topic_is_shared(const struct link_topic *);

/* Never NULL. */
const struct exchange *exchange_of(const struct link_topic *);
const struct items *items_of(const struct link_topic *);
/* NOMEM. */
LK_MUST_USE lk_err exchange_need(struct link_topic *, struct exchange **);
LK_MUST_USE lk_err items_need(struct link_topic *, struct items **);

/* Appends an envelope for the peer as an item.  NOMEM, LIMIT. */
LK_MUST_USE lk_err link_topic_item(
    struct link_topic *, const struct envelope *, struct buf *);
/* The peer has acknowledged the document: what was streamed has come. */
void link_topic_acked(struct link_topic *);

#endif
