/*
 * arena.h - memory that ends all at once: with a request, a message or a
 * transaction.  Zeroed, aligned for any type, bounded by a maximum.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t used, max;
};

void arena_init(struct arena *, size_t max);
void arena_clear(struct arena *); /* frees everything; may be used again */
/* As arena_clear, but keeps some of the memory for what comes. */
void arena_reset(struct arena *);
/* n zeroed bytes, or NULL past the maximum or without memory. */
void *arena_alloc(struct arena *, size_t n);
/* A copy; .ptr is NULL after a failure unless b is empty. */
struct bytes arena_copy(struct arena *, struct bytes b);
/* A copy with a NUL behind it, or NULL. */
char *arena_string(struct arena *, struct bytes b);

#define ARENA_SCOPED __attribute__((cleanup(arena_clear))) struct arena

#endif
