/*
 * textdiff.h - what to replace in one text to get another.
 *
 * By lines first, then by words inside of lines that changed; what is equal at
 * both ends of a replaced piece is left out of it.  The search is bounded: of
 * texts that have little in common the result is larger than needed, never
 * wrong.  Pure.
 */
#ifndef CRDT_TEXTDIFF_H
#define CRDT_TEXTDIFF_H

#include "base/bytes.h"

/* Replace old_len bytes at old_at by new_len bytes of the new text; the
 * boundaries are those of code points. */
struct text_hunk {
	size_t old_at, old_len, new_at, new_len;
	size_t old_point, old_points; /* the same in code points */
};

struct textdiff {
	struct text_hunk *hunks; /* ascending, apart from each other */
	size_t hunks_len, hunks_cap;
};

/* A zeroed struct is empty.  Both texts are valid UTF-8.  NOMEM. */
LK_MUST_USE lk_err textdiff(
    struct textdiff *, struct bytes old, struct bytes new);
void textdiff_clear(struct textdiff *);
#define TEXTDIFF_SCOPED __attribute__((cleanup(textdiff_clear))) struct textdiff

#endif
