/*
 * textdiff.h - what to replace in one text to get another.
 *
 * By lines first, then by words inside of lines that changed; what is equal at
 * both ends of a replaced piece is left out of it.  The work is bounded as
 * align.h says: of texts that have little in common the result may be larger
 * than needed, never wrong.  Pure.
 */
#ifndef CRDT_TEXTDIFF_H
#define CRDT_TEXTDIFF_H

#include "crdt/align.h"

/* Replace old_len bytes at old_at by new_len bytes of the new text; the
 * boundaries are those of code points. */
struct text_hunk {
	size_t old_at, old_len, new_at, new_len;
	size_t old_point, old_points; /* the same in code points */
};

struct textdiff {
	struct text_hunk *hunks; /* ascending */
	size_t hunks_len, hunks_cap;
};

/* A zeroed struct is empty.  Both texts are valid UTF-8 of less than 2 GiB.
 * NOMEM. */
LK_MUST_USE lk_err textdiff(
    struct textdiff *, struct aligner *, struct bytes old, struct bytes new);
/*
 * The changes `mine` makes to a text, made in what `theirs` makes of the same
 * one: hunks from `their_text` with pieces of `my_text`.  What they inserted
 * stays, in front of what is inserted at the same place here; what both
 * inserted alike at one place is there once.  NOMEM.
 */
struct text_change {
	const struct textdiff *diff;
	struct bytes text; /* the new one */
};
LK_MUST_USE lk_err textdiff_onto(
    struct textdiff *, struct text_change mine, struct text_change theirs);
void textdiff_clear(struct textdiff *);
#define TEXTDIFF_SCOPED __attribute__((cleanup(textdiff_clear))) struct textdiff

/* Length of the word, the run of blanks or the other character at the front of
 * valid UTF-8 that is not empty.  In scripts that put no blanks between words
 * every character is a word. */
size_t text_word(struct bytes);
/* FNV-1a, 64 bit. */
uint64_t text_hash(struct bytes);

#endif
