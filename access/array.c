#include "access/array.h"

#include <stdlib.h>

#define ARRAY_FIRST 4

void *
array_grow(void *v, uint32_t *cap, size_t size)
{
	uint32_t more = *cap == 0 ? ARRAY_FIRST : *cap * 2;
	void *grown;

	if (more <= *cap)
		return v;
	grown = reallocarray(v, more, size);
	if (grown == NULL)
		return v;
	*cap = more;
	return grown;
}

bool
u32s_add(struct u32s *a, uint32_t value)
{
	if (!ARRAY_ROOM(a))
		return false;
	a->v[a->len++] = value;
	return true;
}

uint32_t
u32s_upto(const struct u32s *a, uint32_t limit)
{
	uint32_t low = 0, high = a->len;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (a->v[mid] <= limit)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int
u32_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void
u32s_normalize(struct u32s *a)
{
	uint32_t n = 0;

	if (a->len < 2)
		return;
	qsort(a->v, a->len, sizeof(*a->v), u32_compare);
	for (uint32_t i = 0; i < a->len; i++) {
		if (n == 0 || a->v[n - 1] != a->v[i])
			a->v[n++] = a->v[i];
	}
	a->len = n;
}
