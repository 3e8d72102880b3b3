#include "access/lookup.h"

#include <stdlib.h>

#include "access/array.h"

#define BUCKETS_FIRST 16

void
lookup_clear(struct lookup *l)
{
	free(l->items);
	free(l->buckets);
	*l = (struct lookup){ 0 };
}

static void
lookup_link(struct lookup *l, uint32_t i)
{
	uint32_t *at = &l->buckets[l->items[i].hash & (l->buckets_len - 1)];

	l->items[i].next = *at;
	*at = i;
}

/* Links again in order, so that the last record stays first in its bucket. */
static bool
lookup_widen(struct lookup *l)
{
	uint32_t n = l->buckets_len == 0 ? BUCKETS_FIRST : l->buckets_len * 2;
	uint32_t *buckets;

	if (n <= l->buckets_len)
		return false;
	buckets = reallocarray(NULL, n, sizeof(*buckets));
	if (buckets == NULL)
		return false;
	free(l->buckets);
	l->buckets = buckets;
	l->buckets_len = n;
	for (uint32_t i = 0; i < n; i++)
		buckets[i] = LOOKUP_END;
	for (uint32_t i = 0; i < l->len; i++)
		lookup_link(l, i);
	return true;
}

bool
lookup_push(struct lookup *l, uint32_t hash)
{
	if (l->len == l->cap) {
		l->items = array_grow(l->items, &l->cap, sizeof(*l->items));
		if (l->len == l->cap)
			return false;
	}
	if (l->len >= l->buckets_len && !lookup_widen(l))
		return false;
	l->items[l->len].hash = hash;
	lookup_link(l, l->len++);
	return true;
}

void
lookup_pop(struct lookup *l)
{
	const struct lookup_item *last = &l->items[--l->len];

	l->buckets[last->hash & (l->buckets_len - 1)] = last->next;
}

uint32_t
lookup_first(const struct lookup *l, uint32_t hash)
{
	uint32_t i;

	if (l->buckets_len == 0)
		return LOOKUP_END;
	i = l->buckets[hash & (l->buckets_len - 1)];
	while (i != LOOKUP_END && l->items[i].hash != hash)
		i = l->items[i].next;
	return i;
}

uint32_t
lookup_next(const struct lookup *l, uint32_t i)
{
	uint32_t hash = l->items[i].hash;

	do
		i = l->items[i].next;
	while (i != LOOKUP_END && l->items[i].hash != hash);
	return i;
}

uint32_t
lookup_hash(const uint8_t *p, size_t len)
{
	uint64_t h = 0;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}
