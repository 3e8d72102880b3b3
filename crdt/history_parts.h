/*
 * history_parts.h - a history while it is being read.  Internal to crdt.
 */
#ifndef CRDT_HISTORY_PARTS_H
#define CRDT_HISTORY_PARTS_H

#include "crdt/document.h"
#include "crdt/history_order.h"

/* Bodies of all changes, and the changes. */
#define HISTORY_ARENA_MAX ((size_t)4 * DOCUMENT_BODY_MAX)

/* Adds the changes of a chunk; after an error the list may have some of them
 * at its end. */
LK_MUST_USE lk_err history_add_chunk(
    struct history *, struct change_list *, const struct chunk *);
/* Puts what was added in order, checks it as a whole and hands it out; after an
 * error, or if `err` is one, gives everything back. */
LK_MUST_USE lk_err history_close(struct history *out, struct history *,
    struct change_list *, enum history_extent, lk_err err);

#endif
