/*
 * fanout.h - inside sync/: what happens to this person's devices, carried into
 * all his documents: grants for those that are new, an end to those that are
 * gone.  One step a document, in the background; where it stands is in the
 * store, so that it goes on after a crash.
 */
#ifndef SYNC_FANOUT_H
#define SYNC_FANOUT_H

#include "sync/engine_state.h"
#include "sync/person.h"

struct fanout_list {
	struct cert certs[PERSON_DEVICES_MAX];
	size_t len;
	struct {
		uint8_t pk[32];
		struct wall since;
	} gone[PERSON_ENTRIES_MAX];
	size_t gone_len;
	uint64_t boxes; /* the counters of newer box keys, together */
};
LK_MUST_USE lk_err fanout_load(struct engine *, struct fanout_list *);
/* Begins with the first document, after a while. */
LK_MUST_USE lk_err fanout_start(struct engine *, int64_t delay_ms);
/* This person's card to the contacts who are connected; the others get it at the
 * beginning of the next session. */
LK_MUST_USE lk_err contacts_tell(struct engine *);
/* A slice of it, when it is due. */
LK_MUST_USE lk_err fanout_step(struct engine *);
/* The home document may have changed: begins when there is something new. */
LK_MUST_USE lk_err fanout_watch(struct engine *);
/* The same in one document, where that is for us to do. */
LK_MUST_USE lk_err fanout_document(
    struct engine *, uint32_t docno, const struct fanout_list *);

#endif
