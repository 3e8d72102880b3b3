/*
 * tree_match.h - which elements of one list are those of another one, where
 * some changed, came and went.  Internal to crdt.
 */
#ifndef CRDT_TREE_MATCH_H
#define CRDT_TREE_MATCH_H

#include "crdt/align.h"
#include "crdt/tree.h"

/*
 * Fills match[i] for every element of `from` with the index in `to`, or
 * ALIGN_NONE; indexes ascend.  First come equal elements; between them those
 * that share what is rare among their neighbours; then runs of as many on both
 * sides.  So an object that changed in part is the same object.  The hashes of
 * both are set.  NOMEM.
 */
LK_MUST_USE lk_err tree_match(struct aligner *, uint32_t *match,
    const struct tree *from, const struct tree *to);

#endif
