/*
 * fork_rename.h - a history without forks that shows the same.
 *
 * Automerge knows no forks: every branch becomes an actor of its own, called
 * after the hashes of the changes it parted with, so that op ids keep their
 * order; seqs are counted anew, and dependencies follow.  Where an actor forked
 * so often, one fork on another, that there is no room for the hashes, his
 * branches go by their place in that order.  What of that depends on the set of
 * changes is the same wherever that set is.  Internal to crdt.
 */
#ifndef CRDT_FORK_RENAME_H
#define CRDT_FORK_RENAME_H

#include "crdt/branch_map.h"

struct renaming {
	struct doc *doc;
	struct doc_past past; /* the changes renamed */
	struct branch_maps maps;
	uint32_t
	    *slots; /* by first chain: where the seqs of its stretches are */
	uint64_t *seqs; /* the last given: by chain, then by slot */
	/* By slot: the place in the order of an actor's stretches, when their
	 * hashes are too many for names; 0: they are not. */
	uint32_t *ranks;
	size_t seqs_len;
	/* By first chain: zeros that stand between an actor and what is put
	 * behind, so that the order of names stays. */
	uint16_t *pads;
	struct bytes suffix; /* put behind every name; borrowed */
	uint8_t (
	    *hashes)[LK_ID_LEN]; /* by number of the change; zeros: none yet */
	/* Of an actor who forked once, the least branch keeps his name. */
	bool keeps;
	bool any; /* somebody forked; else there is nothing to rename */
};

/* Of what the heads and their ancestors are.  To be cleared in any case; it
 * starts zeroed. */
LK_MUST_USE lk_err renaming_open(struct renaming *, struct doc *,
    const uint8_t (*heads)[LK_ID_LEN], size_t n, bool keeps);
void renaming_clear(struct renaming *);
#define RENAMING_SCOPED __attribute__((cleanup(renaming_clear))) struct renaming

/* Appends what the actor of an op, or of a change, is called. */
LK_MUST_USE lk_err renaming_op(
    const struct renaming *, uint64_t id, struct buf *name);
LK_MUST_USE lk_err renaming_author(
    const struct renaming *, const struct doc_change *, struct buf *name);
/* The next seq of whoever made a change. */
LK_MUST_USE lk_err renaming_seq(
    struct renaming *, const struct doc_change *, uint64_t *seq);
/* Appends the body of a change as renamed, and notes its hash; its
 * dependencies have been before.  The number is the document's. */
LK_MUST_USE lk_err renaming_change(struct renaming *, const struct change *,
    uint32_t number, struct buf *body);
/* Seqs begin at 1 again. */
void renaming_again(struct renaming *);
/* Replaces hashes of changes that have been, and sorts them. */
LK_MUST_USE lk_err renaming_hashes(const struct renaming *, struct buf *hashes);

#endif
