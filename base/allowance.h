/*
 * allowance.h - how much somebody at the other end may have done for him: so
 * much at once, and so much more each second.  Pure; any thread.
 */
#ifndef BASE_ALLOWANCE_H
#define BASE_ALLOWANCE_H

#include <stdbool.h>

#include "base/clock.h"

struct allowance {
	int64_t left, most, second;
	struct mono at;
};

/* `most` is left now. */
void allowance_init(
    struct allowance *, int64_t most, int64_t second, struct mono now);
/* Takes n, which may be more than is left; false, and nothing is taken, when
 * the time before already was. */
bool allowance_take(struct allowance *, uint64_t n, struct mono now);

#endif
