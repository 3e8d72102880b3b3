/*
 * retrace.h - whether a document follows from its log: everything that is
 * derived is made again from the envelopes, in a store of its own, and compared
 * with what this device has.
 *
 *   REPLAY   every envelope in the order of the log: its bytes hash to its id,
 *            its signature is its author's, and the rules admit it again
 *   COMPARE  graph, document, keys, counts and indexes, record by record
 *   REST     what is not derived from the log is read: its checksums
 *   CLEAR    the copy goes -> DONE
 *
 * In slices: in each transaction of the replica that something is done in,
 * retrace_enter, retrace_begin and retrace_step as often as there is time,
 * retrace_leave; what arrives meanwhile is replayed too.  Writes nothing into
 * the replica's own store.  Pure but for the two stores; one thread.
 */
#ifndef SYNC_RETRACE_H
#define SYNC_RETRACE_H

#include "sync/replica.h"

struct retrace;

/* Borrows the replica and the store, which is empty, and nobody else's. */
LK_MUST_USE lk_err retrace_new(
    struct retrace **, struct replica *, struct store *, struct random);
void retrace_free(struct retrace *); /* NULL is fine */

#define RETRACE_REFUSED_MAX 64
struct retrace_report {
	uint64_t envelopes; /* replayed */
	/* Something does not check: the rest was not looked at.  The document
	 * is in store_doubt, unless the damage is that of an envelope, which
	 * the document can be read without. */
	bool damaged;
	/* What is here is not what follows from the log. */
	bool differs;
	const char *what; /* of it; static, NULL: nothing */
	/* Envelopes that the rules, or their signatures, do not admit: the
	 * first of them, and why (static). */
	size_t refused;
	struct {
		uint8_t id[LK_ID_LEN];
		const char *why;
	} of[RETRACE_REFUSED_MAX];
};

/* Begins a part of the work, inside a transaction of the replica, and ends it
 * before that ends.  The other store's errors; after any, retrace_leave undoes
 * the part, and the document has to be begun again. */
LK_MUST_USE lk_err retrace_enter(struct retrace *);
LK_MUST_USE lk_err retrace_leave(struct retrace *);
/* Begins with a document; what was begun before is given up.  NOTFOUND,
 * CORRUPT: its record, here. */
LK_MUST_USE lk_err retrace_begin(struct retrace *, uint32_t docno);
/* Goes on, for about `bytes_max` bytes of what is read.  *done: the report is
 * complete. */
LK_MUST_USE lk_err retrace_step(struct retrace *, size_t bytes_max, bool *done);
/* Of the document that was begun last; valid until the next. */
const struct retrace_report *retrace_report(const struct retrace *);

#endif
