/*
 * pieces.h - the essential set of a document in order, in pieces as large as
 * its static index has them: all of an author, a block of his, one envelope.
 *
 * The order is by key: author tag, seq, id.  Summing up a range of any length
 * reads one record an author, one a block at its ends, and one an envelope in
 * the blocks that its ends cut.  Pure but for the store; the transaction's
 * thread.
 */
#ifndef SYNC_PIECES_H
#define SYNC_PIECES_H

#include "store/store.h"

#define ENVELOPE_KEY_LEN (LK_TOPIC_LEN + 8 + LK_ID_LEN)

/* From `low` on, below `high` unless `endless`. */
struct key_span {
	uint8_t low[ENVELOPE_KEY_LEN], high[ENVELOPE_KEY_LEN];
	bool endless;
};

enum piece_kind { PIECE_ENVELOPE, PIECE_BLOCK, PIECE_AUTHOR };

struct piece {
	enum piece_kind kind;
	uint8_t low[ENVELOPE_KEY_LEN]; /* an envelope's key, or a lower bound */
	struct fingerprint fp;
	uint64_t lsn; /* of an envelope */
};

/* What is left of a span, and how many records may still be read. */
struct pieces {
	struct txn *txn;
	uint32_t docno;
	struct key_span left;
	bool end; /* nothing is left */
	size_t *steps;
};

void pieces_begin(struct pieces *, struct txn *, uint32_t docno,
    const struct key_span *, size_t *steps);
/* The next piece, the largest of at most that kind; it stays the next one until
 * pieces_pass.  NOTFOUND at the end; LIMIT: no steps are left; CORRUPT. */
LK_MUST_USE lk_err pieces_peek(
    struct pieces *, enum piece_kind most, struct piece *);
void pieces_pass(struct pieces *, const struct piece *);
/* For loops: the next envelope, passed.  False at the end, or when *err says
 * why there is none. */
bool pieces_envelope(struct pieces *, struct piece *, lk_err *err);
/* All that is left, summed up. */
LK_MUST_USE lk_err pieces_sum(struct pieces *, struct fingerprint *);

void envelope_key(uint8_t out[static ENVELOPE_KEY_LEN],
    const uint8_t tag[static LK_TOPIC_LEN], uint64_t seq,
    const uint8_t id[static LK_ID_LEN]);
/* Whether a key is in a span. */
bool key_span_has(const struct key_span *, const uint8_t *key);

#endif
