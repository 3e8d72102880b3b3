/*
 * align.h - which elements of one sequence are still there in another: the
 * ground of every three-way merge here.  Pure; not thread safe.
 */
#ifndef DAEMON_ALIGN_H
#define DAEMON_ALIGN_H

#include "base/bytes.h"

#define ALIGN_NONE UINT32_MAX

/* Sequences are compared by these numbers: equal numbers, equal elements. */
struct series {
	const uint32_t *items;
	size_t len;
};

/*
 * Fills match[i] for every element of `from` with the index in `to` where it
 * is found again, or ALIGN_NONE; indexes ascend.  The longest common
 * subsequence when the two differ by little; by more than 4,096 elements still
 * a common subsequence, never a wrong one.  NOMEM.
 */
LK_MUST_USE lk_err align_match(
    uint32_t *match, struct series from, struct series to);

/* Gives equal byte strings equal numbers. */
struct numbering;
LK_MUST_USE lk_err numbering_new(struct numbering **);
void numbering_free(struct numbering *);
/* The bytes are borrowed until numbering_free.  NOMEM. */
LK_MUST_USE lk_err numbering_of(
    struct numbering *, struct bytes, uint32_t *number);

#endif
