/*
 * edit_at.h - local edits on top of old heads: automerge-format section 10.
 *
 * An actor's changes are one chain, so whoever has made later ones makes this
 * one under another name, derived from his own.
 */
#ifndef CRDT_EDIT_AT_H
#define CRDT_EDIT_AT_H

#include "crdt/doc.h"

struct edit_actor {
	uint8_t id[ACTOR_LEN_MAX];
	size_t len;
	uint64_t seq; /* of its next change */
};

/*
 * Who makes a change on top of n heads for `actor`: he himself if all his
 * changes are among the heads and their ancestors, else the first actor derived
 * from him of whom that is so.  NOTFOUND: a head is not applied; LIMIT: the
 * derived id is too long.
 */
LK_MUST_USE lk_err edit_actor_at(struct doc *, struct bytes actor,
    const uint8_t (*heads)[LK_ID_LEN], size_t n, struct edit_actor *);

/*
 * Begins an edit like edit_new, of the document as it was at head->deps: what
 * is shown there is what edit_* calls find, and their positions are in it.
 * edit_finish applies the change to the document; until then the document shows
 * nothing of it and must not be written to.  Ids mean the same in both.
 * Errors are those of edit_new and doc_at.
 */
LK_MUST_USE lk_err edit_new_at(
    struct edit **, struct doc *, const struct change_head *);

#endif
