#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK ((size_t)16 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) uint8_t data[];
};

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void
arena_clear(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	a->used = 0;
}

void
arena_reset(struct arena *a)
{
	struct arena_block *kept = a->blocks;

	if (kept == NULL || kept->size != ARENA_BLOCK) {
		arena_clear(a);
		return;
	}
	a->blocks = kept->next;
	arena_clear(a);
	memset(kept->data, 0, kept->used);
	kept->used = 0;
	kept->next = NULL;
	a->blocks = kept;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->blocks;
	size_t room;

	if (n > a->max - a->used)
		return NULL;
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (b == NULL || b->size - b->used < n) {
		room = n > ARENA_BLOCK ? n : ARENA_BLOCK;
		b = calloc(1, sizeof(*b) + room);
		if (b == NULL)
			return NULL;
		b->size = room;
		b->next = a->blocks;
		a->blocks = b;
	}
	b->used += n;
	/* Rounding may pass the maximum by less than one alignment. */
	a->used = n > a->max - a->used ? a->max : a->used + n;
	return b->data + b->used - n;
}

struct bytes
arena_copy(struct arena *a, struct bytes b)
{
	void *at = b.len == 0 ? NULL : arena_alloc(a, b.len);

	if (at == NULL)
		return (struct bytes){ 0 };
	memcpy(at, b.ptr, b.len);
	return BYTES(at, b.len);
}

char *
arena_string(struct arena *a, struct bytes b)
{
	char *at = arena_alloc(a, b.len + 1);

	if (at != NULL && b.len > 0)
		memcpy(at, b.ptr, b.len);
	return at;
}
