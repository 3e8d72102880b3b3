/*
 * vclock.h - version clocks that share what they have in common.
 *
 * A clock maps small numbers (chains) to positions, 0 for what it does not
 * name.  It is an immutable tree of 16-way nodes, and equal nodes are stored
 * once: equal clocks have equal handles, and a clock that differs from another
 * in one entry costs one path.  Handles are valid as long as their pool;
 * handle 0 is the empty clock.
 *
 * Running out of memory sets `failed` in the pool and yields some clock; ask
 * once, at the end.  Pure; not thread safe.
 */
#ifndef ACCESS_VCLOCK_H
#define ACCESS_VCLOCK_H

#include "access/lookup.h"

#define VCLOCK_FANOUT 16

struct vclock_node {
	uint32_t v[VCLOCK_FANOUT]; /* positions, or handles one level below */
	uint32_t level;
};

struct vclock_pool {
	struct vclock_node *nodes; /* handle h is nodes[h - 1] */
	uint32_t len, cap;
	struct lookup index;
	bool failed;
};

void vclock_pool_clear(struct vclock_pool *);
/* Forgets every clock made since the pool had this `len`. */
void vclock_rollback(struct vclock_pool *, uint32_t len);

uint32_t vclock_get(const struct vclock_pool *, uint32_t clock, uint32_t i);
/* The clock with entry i raised to at least `position`. */
uint32_t vclock_raise(
    struct vclock_pool *, uint32_t clock, uint32_t i, uint32_t position);
/* The greater of both, entry by entry. */
uint32_t vclock_merge(struct vclock_pool *, uint32_t a, uint32_t b);
/* The first entry from *i on that is not 0; false at the end. */
bool vclock_next(const struct vclock_pool *, uint32_t clock, uint32_t *i,
    uint32_t *position);

#endif
