/*
 * align.h - which elements of one sequence are still there in another: the
 * ground of every comparison of texts and lists.
 *
 * The longest common subsequence when the two differ by little.  When they do
 * not, elements that occur once in both hold the comparison together, and
 * what lies between them is compared by itself.  The work is bounded by a
 * multiple of both lengths: what there is no time to find counts as not found,
 * so that a result may have less in common than it could, and never what is
 * not so.  Pure; not thread safe per object.
 */
#ifndef CRDT_ALIGN_H
#define CRDT_ALIGN_H

#include "base/bytes.h"

#define ALIGN_NONE UINT32_MAX

/* Sequences are compared by these numbers: equal numbers, equal elements.
 * Memory is taken for as many as the greatest one. */
struct series {
	const uint32_t *items;
	size_t len;
};

/* Memory that one comparison leaves to the next. */
struct aligner;
LK_MUST_USE lk_err aligner_new(struct aligner **);
void aligner_free(struct aligner *);
#define ALIGNER_SCOPED __attribute__((cleanup(aligner_clear))) struct aligner *
static inline void
aligner_clear(struct aligner **a)
{
	aligner_free(*a);
}

/*
 * Fills match[i] for every element of `from` with the index in `to` where it
 * is found again, or ALIGN_NONE; indexes ascend.  NOMEM.
 */
LK_MUST_USE lk_err align_match(
    struct aligner *, uint32_t *match, struct series from, struct series to);

struct align_pair {
	uint32_t from, to;
};
/* Of pairs that ascend by `from`, keeps a longest part that ascends by both;
 * *len is how many were kept, in front.  NOMEM. */
LK_MUST_USE lk_err align_ascending(struct align_pair *, size_t *len);

/* An element to be numbered, by its hash and its place in a list. */
struct label {
	uint64_t hash;
	uint32_t index;
};
/* Whether two elements with one hash are equal. */
typedef bool label_fn(const void *ctx, uint32_t, uint32_t);
/*
 * Gives equal elements equal numbers, from 1 on, at numbers[label.index].
 * Sorts the labels.  When more than 16 elements that differ have one hash the
 * others get numbers of their own.  `same` NULL: the hash decides.
 */
void labels_number(
    struct label *, size_t, label_fn *same, const void *ctx, uint32_t *numbers);

#endif
