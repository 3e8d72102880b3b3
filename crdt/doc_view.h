/*
 * doc_view.h - a document as it was at old heads.
 *
 * A view is a struct doc in which exactly the ancestors of the heads take
 * part.  It lies over the records of the document it was made from and keeps
 * in memory only those that differ: making one costs what the changes cost
 * that are not in common, and all functions that read work on it.
 */
#ifndef CRDT_DOC_VIEW_H
#define CRDT_DOC_VIEW_H

#include "crdt/doc.h"

enum view_void {
	VIEW_JUDGED, /* what is void today is void in it (ghosts 3.10) */
	VIEW_RAW,    /* nothing is void: what Automerge shows */
};

/*
 * A view at n heads, none: the empty document.  `base` may be a view itself; it
 * is flushed, and neither it nor its kv may be written to or freed as long as
 * the view lives.  What lies between the two decides the cost: of two views,
 * make one from the other.  Ids mean the same in both.
 *
 * doc_apply, doc_set_visible and edit_new refuse a view with USAGE.
 *   NOTFOUND  a head is not applied
 *   LIMIT     the views would need more than VIEW_BYTES_MAX
 */
LK_MUST_USE lk_err doc_at(struct doc *base, const uint8_t (*heads)[LK_ID_LEN],
    size_t n, enum view_void, struct doc **view);

/* The same for the changes with a number below `changes`: the document as it
 * was on this device when it had so many.  NOTFOUND: it has not. */
LK_MUST_USE lk_err doc_at_first(
    struct doc *base, uint64_t changes, enum view_void, struct doc **view);

/* The document without these changes, as if they were void too: what was built
 * on them stays.  Unknown or void ones are passed over.  `base` is no view.
 * Otherwise as doc_at. */
LK_MUST_USE lk_err doc_without(struct doc *base,
    const uint8_t (*hashes)[LK_ID_LEN], size_t n, struct doc **view);

#endif
