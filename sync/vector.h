/*
 * vector.h - version vectors: of each author the newest envelope (sync.md
 * section 3; docs/protocol.md section 12, VV).
 *
 * An entry says of an author without forks what there is of him.  Where there
 * are several branches it does not: what is then unclear is found by ranges
 * (range.h).  Everything is read from the indexes of the essential set.  The
 * transaction's thread.
 */
#ifndef SYNC_VECTOR_H
#define SYNC_VECTOR_H

#include "sync/message.h"

struct vector_entry {
	struct version_entry entry;
	bool forked; /* of ours: more than one branch counts */
};

/* Ascending by tag. */
struct vector {
	struct vector_entry *at; /* owned */
	size_t len, cap;
	size_t steps; /* records read for it */
};
void vector_clear(struct vector *);

/* Ours: of several envelopes with the highest seq the lowest id, as both sides
 * must name the same.  NOMEM, CORRUPT, SYS. */
LK_MUST_USE lk_err vector_own(struct txn *, uint32_t docno, struct vector *);
/* What a peer has sent, instead of what was there.  NOMEM. */
LK_MUST_USE lk_err vector_keep(struct vector *, struct version_vector *);

/* What two vectors come to. */
struct vector_gap {
	bool lacks;     /* the peer has not all of ours */
	bool brings;    /* it has what we have not */
	bool ranges;    /* will follow */
	size_t steps;   /* records read */
	uint64_t start; /* lacks: the lowest lsn of what it has not */
	uint8_t (*unclear)[LK_TOPIC_LEN]; /* owned: authors, ascending */
	size_t unclear_len;
};
void vector_gap_clear(struct vector_gap *);
/* Compares.  Of an author whose branches an entry does not tell apart, `theirs`
 * is changed to cover what ranges are to find, or, unless there will be ranges,
 * to cover nothing: then all there is of him is lacking.  NOMEM, CORRUPT, SYS.
 */
LK_MUST_USE lk_err vector_compare(struct txn *, uint32_t docno,
    struct vector *theirs, bool ranges, struct vector_gap *);

/* Whether a peer with this vector has an author's envelope of this seq, as far
 * as that tells. */
bool vector_covers(const struct vector *,
    const uint8_t tag[static LK_TOPIC_LEN], uint64_t seq);

#endif
