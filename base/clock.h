/*
 * clock.h - two clocks that do not mix.
 *
 * Durations and deadlines are on the monotonic clock; what people are shown
 * and what goes into documents is on the wall clock.  Pure modules get both as
 * arguments.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/bytes.h"

struct mono {
	int64_t ms; /* since an arbitrary moment */
};

struct wall {
	int64_t ms; /* since 1970-01-01T00:00:00Z */
};

struct now {
	struct mono mono;
	struct wall wall;
};

/* Bytes for "2026-11-21T02:29:41.123Z" and the NUL. */
#define WALL_TEXT_LEN 25

/* RFC 3339, UTC; years 0 to 9999, clamped. */
void wall_format(char out[static WALL_TEXT_LEN], struct wall);
/* RFC 3339 with any offset; finer digits than milliseconds are cut off, a leap
 * second counts as the one after it.  DATA when it is no time. */
LK_MUST_USE lk_err wall_read(struct wall *, struct bytes text);

#endif
