/*
 * history_order.h - sets of changes by hash, and the one order they are
 * written in: every change after its dependencies, and of those that may come
 * next the one with the smallest hash.  Internal to crdt.  Pure.
 */
#ifndef CRDT_HISTORY_ORDER_H
#define CRDT_HISTORY_ORDER_H

#include "crdt/change.h"

/* A growing array that owns its memory, not what the changes point to. */
struct change_list {
	struct change *at;
	size_t len, cap;
};
/* LIMIT, NOMEM. */
LK_MUST_USE lk_err change_list_add(struct change_list *, const struct change *);
void change_list_clear(struct change_list *);

/* Keeps one of each hash.  NOMEM. */
LK_MUST_USE lk_err change_list_unique(struct change_list *);

/* The dependencies of a set of changes, as numbers. */
#define CHANGE_MISSING UINT32_MAX
struct change_links {
	const uint8_t *hash; /* of change 0; borrowed */
	size_t step;         /* from there to that of the next one */
	size_t len;
	uint32_t *deps;    /* change after change; owned, as the next one */
	uint32_t *deps_at; /* where a change's begin; one more entry */
};
/* NOMEM, LIMIT. */
LK_MUST_USE lk_err change_links_new(
    struct change_links *, const struct change *, size_t n);
/*
 * Completes links of which some dependencies are not known yet: CHANGE_UNKNOWN
 * and a number into the hashes `far`.  Most changes depend on the one before
 * them, so that not many need an index of the hashes, or none.  NOMEM.
 */
#define CHANGE_UNKNOWN (UINT32_C(1) << 31)
LK_MUST_USE lk_err change_links_resolve(
    struct change_links *, const uint8_t *far);
void change_links_free(struct change_links *);
/* Sets by number whether some change depends on it. */
void change_links_users(const struct change_links *, bool *has_user);

/* What a dependency that is not among the changes means. */
enum history_extent {
	HISTORY_WHOLE, /* it is missing */
	HISTORY_PART,  /* it is somewhere else, and need not be waited for */
	HISTORY_FORKS, /* as WHOLE; two changes may have one place */
};
/*
 * Fills order with the numbers 0 to n - 1: first the *ready changes whose
 * dependencies are all there, in the order above, then the others.  NOMEM.
 */
LK_MUST_USE lk_err changes_order(const struct change_links *,
    enum history_extent, uint32_t *order, size_t *ready);

#endif
