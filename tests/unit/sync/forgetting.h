/*
 * forgetting.h - for tests: a device that forgets a document, and has it again.
 */
#ifndef TESTS_UNIT_SYNC_FORGETTING_H
#define TESTS_UNIT_SYNC_FORGETTING_H

#include "sync/forget.h"
#include "tests/unit/sync/wired.h"

/* Its number from then on. */
static inline uint32_t
host_forget(struct host *h, uint32_t docno)
{
	uint32_t empty;

	device_begin(&h->d);
	ok(engine_forget(h->e, docno, h->d.now, &empty));
	host_commit(h);
	return empty;
}

static inline void
host_recall(struct host *h, uint32_t docno)
{
	device_begin(&h->d);
	ok(engine_recall(h->e, docno, h->d.now));
	host_commit(h);
}

#endif
