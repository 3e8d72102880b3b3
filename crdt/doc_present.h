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

struct present {
	uint8_t *how; /* enum presence, by number of the change */
	/* Hashes, ascending. */
	struct buf heads, ghosts;
	uint64_t max_op; /* greatest op counter; 0: no ops */
};

/* NOMEM, LIMIT.  To be cleared in any case; it starts zeroed. */
LK_MUST_USE lk_err present_find(struct doc *, struct present *);
void present_clear(struct present *);
#define PRESENT_SCOPED __attribute__((cleanup(present_clear))) struct present

/*
 * Raises `latest`, which has room for every actor, to what is in the past of a
 * change: 1 + the number of the latest change of each actor there.
 */
LK_MUST_USE lk_err past_join(struct doc *, uint32_t number, uint32_t *latest);

#endif
