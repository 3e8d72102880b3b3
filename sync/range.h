/*
 * range.h - finding what two sets of envelopes differ in, by ranges
 * (sync.md section 3, docs/protocol.md section 12, RANGE).
 *
 * A set is the essential set of a document in a store, in the order of
 * pieces.h.  One side opens; each answers what it got, from its set as it is
 * then, until there is nothing more to say.  Nothing is remembered in between,
 * so two exchanges may cross and sets may change meanwhile: what is missed then
 * is found the next time.  What a side learns on the way: ids to ask for, and
 * which of its own envelopes the other has not.
 *
 * Sums are bound to the session, so that what was said in one is no answer in
 * another.  But an author can, with much work, make different envelopes that
 * have one sum.  Exact ranges are not open to that: their hash is over the ids
 * themselves, and the audit (range_open_exact) sends one of some random place.
 *
 * What comes is checked before anything is done; then no more than `steps_max`
 * records are read, and what was not looked at by then is not answered.  How
 * many messages an exchange may have, and how many bytes a minute, is the
 * caller's to limit (RANGE_ROUNDS_MAX).  Needs neither engine nor graph: a
 * relay's store will do.  The transaction's thread; nothing is written.
 */
#ifndef SYNC_RANGE_H
#define SYNC_RANGE_H

#include "sync/pieces.h"

#define RANGE_BODY_MAX ((size_t)64 * 1024 - 4) /* without the topic number */
#define RANGE_ROUNDS_MAX 12 /* messages of one side in one exchange */
#define RANGE_IDS_MAX 32    /* a range of at most so many is listed */
#define RANGE_PARTS 16      /* one of more is cut in about so many */
#define RANGE_EXACT_MAX 2048
#define RANGE_SEND_MAX 65536 /* found at once to be lacking elsewhere */
#define RANGE_STEPS_MAX ((size_t)512 * 1024) /* for one message */

struct range_set {
	struct txn *txn;
	uint32_t docno;
	struct bytes session; /* the handshake hash of the session */
};

/* What an answer came to; range_result_clear. */
struct range_result {
	bool answers; /* the answer holds something to be sent */
	size_t parts; /* ranges that differ, or were listed by the other side */
	size_t steps; /* records read */
	uint8_t *want; /* owned: ids the other has and we do not, ascending */
	size_t want_len;
	uint64_t *send; /* owned: lsn, ascending, of ours the other has not; a
			 * causal prefix of those when there were too many */
	size_t send_len;
};
void range_result_clear(struct range_result *);

/* Appends the body (what follows the topic number) that opens an exchange:
 * about the whole set; about some authors, ascending, at most
 * RANGE_AUTHORS_MAX; exact, about the first that follow a key.  CORRUPT, SYS,
 * LIMIT. */
#define RANGE_AUTHORS_MAX 512
LK_MUST_USE lk_err range_open(struct buf *, const struct range_set *);
LK_MUST_USE lk_err range_open_authors(struct buf *, const struct range_set *,
    const uint8_t (*tags)[LK_TOPIC_LEN], size_t len);
LK_MUST_USE lk_err range_open_exact(struct buf *, const struct range_set *,
    const uint8_t from[static ENVELOPE_KEY_LEN]);

/*
 * Answers one message: appends to `answer` the body of the answer.
 *   TRUNCATED, MALFORMED, LIMIT  the message; the store was not read
 *   CORRUPT, SYS, NOMEM          here
 */
LK_MUST_USE lk_err range_answer(struct buf *answer, const struct range_set *,
    struct bytes body, size_t steps_max, struct range_result *);

/* The form of a body alone. */
LK_MUST_USE lk_err range_check(struct bytes body);

/* The parts of a body, for range.c and tests. */
enum range_mode { RANGE_SKIP, RANGE_SUM, RANGE_LIST, RANGE_EXACT, RANGE_MODES };
struct range_part {
	struct key_span span;
	enum range_mode mode;
	uint64_t count; /* of SUM, EXACT */
	uint8_t hash[16];
	const uint8_t *ids; /* of LIST, ascending */
	size_t ids_len;
};
/* The reader of a body's parts: starts zeroed but for `in`. */
struct range_reader {
	struct rd in;
	uint8_t low[ENVELOPE_KEY_LEN];
	bool end;
};
/* NOTFOUND at the end. */
LK_MUST_USE lk_err range_part_next(struct range_reader *, struct range_part *);

#endif
