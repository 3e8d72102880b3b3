/*
 * doc_present.h - which changes a document consists of: ghosts.md section 3.
 *
 * A change is present when it is visible, or a ghost: void, and an Automerge
 * ancestor of one that is visible.  The other void ones are absent: nothing
 * that is shown depends on them.  Internal to crdt.
 */
#ifndef CRDT_DOC_PRESENT_H
#define CRDT_DOC_PRESENT_H

#include "crdt/doc_state.h"

enum presence { PRESENT_NOT, PRESENT_GHOST, PRESENT_VISIBLE };

/* The presence of each change, by its number; to be freed.  NOMEM. */
LK_MUST_USE lk_err presence_find(struct doc *, uint8_t **presence);

#endif
