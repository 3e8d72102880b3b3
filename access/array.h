/*
 * array.h - arrays that grow at the end, numbered by u32.
 *
 * ARRAY_ROOM makes place for one more element and says whether there is some;
 * the caller then writes v[len++].  Removing from the end is len--.
 */
#ifndef ACCESS_ARRAY_H
#define ACCESS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY(type)                \
	struct {                   \
		type *v;           \
		uint32_t len, cap; \
	}

struct u32s {
	uint32_t *v;
	uint32_t len, cap;
};

/* Doubles; without memory returns v unchanged, and so is *cap. */
void *array_grow(void *v, uint32_t *cap, size_t size);

#define ARRAY_ROOM(a)                                                 \
	((a)->len < (a)->cap ||                                       \
	    ((a)->v = array_grow((a)->v, &(a)->cap, sizeof(*(a)->v)), \
		(a)->len < (a)->cap))

/* Appends; false without memory. */
bool u32s_add(struct u32s *, uint32_t);
/* Number of leading elements that are at most `limit`; v is ascending. */
uint32_t u32s_upto(const struct u32s *, uint32_t limit);
/* Sorts ascending and drops what is double. */
void u32s_normalize(struct u32s *);

#endif
