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
/* Keeps one of each hash.  NOMEM. */
LK_MUST_USE lk_err change_list_unique(struct change_list *);
void change_list_clear(struct change_list *);

/* Where each hash is; borrows the changes. */
struct change_index {
	const struct change *changes;
	uint32_t *slots; /* 1 + number, or 0 */
	size_t mask;
};
/* DATA when a change is there twice; LIMIT, NOMEM. */
LK_MUST_USE lk_err change_index_new(
    struct change_index *, const struct change *, size_t n);
void change_index_free(struct change_index *);
bool change_index_find(const struct change_index *,
    const uint8_t hash[static LK_ID_LEN], uint32_t *at);

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
LK_MUST_USE lk_err changes_order(const struct change_index *, size_t n,
    enum history_extent, uint32_t *order, size_t *ready);

#endif
