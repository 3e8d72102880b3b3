/*
 * lookup.h - a hash index over records that are appended to an array.
 *
 * Item i of the index stands for record i; the index knows only its hash, and
 * the caller compares.  Records are removed from the end only.
 */
#ifndef ACCESS_LOOKUP_H
#define ACCESS_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOKUP_END UINT32_MAX

struct lookup_item {
	uint32_t hash, next;
};

struct lookup {
	struct lookup_item *items;
	uint32_t *buckets;
	uint32_t len, cap, buckets_len;
};

void lookup_clear(struct lookup *);
/* Adds the next record; false without memory. */
bool lookup_push(struct lookup *, uint32_t hash);
/* Removes the last record. */
void lookup_pop(struct lookup *);
/* The newest record of that hash, and those before it; then LOOKUP_END. */
uint32_t lookup_first(const struct lookup *, uint32_t hash);
uint32_t lookup_next(const struct lookup *, uint32_t i);

/* For strings of at least 8 bytes that are hashes or keys themselves. */
uint32_t lookup_hash(const uint8_t *, size_t len);

#endif
