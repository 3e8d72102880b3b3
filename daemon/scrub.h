/*
 * scrub.h - inside daemon/: the store is read from end to end once in 30 days,
 * a little at a time while nothing else is to do, so that damage is met, told
 * and mended (mend.c) while other devices still have what is needed.
 *
 * A pass is in step when as much of the store was read as of its 30 days is
 * over.  It is looked at once an hour at most; whoever was off for long reads a
 * 30th of the store an hour.  The place is kept in the store, so a pass goes on
 * after a restart (docs/decisions/0034).
 */
#ifndef DAEMON_SCRUB_H
#define DAEMON_SCRUB_H

#include "base/bytes.h"
#include "base/clock.h"
#include "store/store.h"

struct daemon;

#define SCRUB_PASS_MS INT64_C(2592000000) /* 30 days */
#define SCRUB_STEP_MS (INT64_C(60) * 60 * 1000)
#define SCRUB_DAY_MS (24 * SCRUB_STEP_MS)
/* What one turn of the loop reads, and the least that an hour does. */
#define SCRUB_SLICE ((size_t)256 * 1024)
/* With less room nothing is written that can wait. */
#define SCRUB_DISK_MIN (UINT64_C(64) * 1024 * 1024)

struct scrub {
	bool known;        /* it was read from the store */
	struct wall begun; /* the present pass */
	struct wall last;  /* when it was gone on with */
	struct wall whole; /* when a pass came to its end; 0: none did */
	uint64_t damaged;  /* met in the last whole pass */
	struct store_scan scan;
	uint64_t left;   /* of what is to be read now */
	struct mono due; /* when to look next */
};

/* As it is kept in the store.  CORRUPT. */
void scrub_encode(struct buf *, const struct scrub *);
LK_MUST_USE lk_err scrub_decode(struct scrub *, struct bytes);
/* When the pass goes on, of a store of so many bytes. */
struct wall scrub_next(const struct scrub *, uint64_t used);
/* How much is read then; begins a new pass if the last one is done. */
uint64_t scrub_share(struct scrub *, uint64_t used, struct wall now);

/* "begun", "whole" (times; null: not yet), "bytes" and "damaged" of the present
 * pass (0 between two), "damaged_before" of the last whole one. */
struct json_object *scrub_json(const struct scrub *);

/* When scrub_run wants to be called; INT64_MAX while there is something else to
 * do. */
int64_t scrub_next_ms(const struct daemon *);
/* Reads on, if it is time. */
void scrub_run(struct daemon *);

#endif
