#include "daemon/align.h"

#include <stdlib.h>
#include <string.h>

/* Bounds the trace of Myers' algorithm to 64 MiB. */
#define DISTANCE_MAX 4096

/*
 * E. Myers, "An O(ND) Difference Algorithm": v[k] is how far in `a` a path
 * with d differences reaches on diagonal k; every round's v is kept, to walk
 * back from the end.
 */
struct trace {
	struct series a, b;
	uint32_t *rounds[DISTANCE_MAX + 1]; /* round d: diagonals -d to d */
	size_t distance;
	bool reached;
};

static uint32_t
reach_at(const struct trace *t, size_t round, ptrdiff_t k)
{
	return t->rounds[round][k + (ptrdiff_t)round];
}

static size_t
snake_end(const struct trace *t, size_t x, size_t y)
{
	while (x < t->a.len && y < t->b.len && t->a.items[x] == t->b.items[y]) {
		x++;
		y++;
	}
	return x;
}

/* Whether round d gets to diagonal k by a step down (an insertion). */
static bool
comes_down(const struct trace *t, size_t d, ptrdiff_t k)
{
	if (k == -(ptrdiff_t)d)
		return true;
	if (k == (ptrdiff_t)d)
		return false;
	/* Diagonals of a round have its parity; outer ones do not exist. */
	bool left = k - 1 >= -(ptrdiff_t)(d - 1);
	bool right = k + 1 <= (ptrdiff_t)(d - 1);

	if (!left || !right)
		return !left;
	return reach_at(t, d - 1, k - 1) < reach_at(t, d - 1, k + 1);
}

static size_t
step_from(const struct trace *t, size_t d, ptrdiff_t k)
{
	if (d == 0)
		return 0;
	if (comes_down(t, d, k))
		return reach_at(t, d - 1, k + 1);
	return (size_t)reach_at(t, d - 1, k - 1) + 1;
}

static lk_err
round_run(struct trace *t, size_t d)
{
	ptrdiff_t end = (ptrdiff_t)t->a.len - (ptrdiff_t)t->b.len;

	t->rounds[d] = reallocarray(NULL, 2 * d + 1, sizeof(uint32_t));
	if (t->rounds[d] == NULL)
		return LK_ERR(LK_E_NOMEM, "compare sequences");
	for (ptrdiff_t k = -(ptrdiff_t)d; k <= (ptrdiff_t)d; k += 2) {
		size_t x = step_from(t, d, k);
		ptrdiff_t y = (ptrdiff_t)x - k;

		/* Paths that left the rectangle are kept, and go nowhere. */
		if (x <= t->a.len && y >= 0 && (size_t)y <= t->b.len)
			x = snake_end(t, x, (size_t)y);
		t->rounds[d][k + (ptrdiff_t)d] = (uint32_t)x;
		if (k == end && x == t->a.len)
			t->reached = true;
	}
	return LK_NONE;
}

static void
trace_walk(const struct trace *t, uint32_t *match, size_t a_off, size_t b_off)
{
	ptrdiff_t k = (ptrdiff_t)t->a.len - (ptrdiff_t)t->b.len;

	for (size_t d = t->distance + 1; d-- > 0;) {
		size_t x = reach_at(t, d, k), from = step_from(t, d, k);

		while (x > from) {
			x--;
			match[a_off + x] =
			    (uint32_t)((size_t)((ptrdiff_t)x - k) + b_off);
		}
		if (d > 0)
			k += comes_down(t, d, k) ? 1 : -1;
	}
}

static lk_err
middle_match(uint32_t *match, struct series a, struct series b, size_t a_off,
    size_t b_off)
{
	struct trace *t = calloc(1, sizeof(*t));
	lk_err err = LK_NONE;

	if (t == NULL)
		return LK_ERR(LK_E_NOMEM, "compare sequences");
	t->a = a;
	t->b = b;
	for (size_t d = 0; d <= DISTANCE_MAX && err.code == LK_OK; d++) {
		t->distance = d;
		err = round_run(t, d);
		if (t->reached)
			break;
	}
	if (err.code == LK_OK && t->reached)
		trace_walk(t, match, a_off, b_off);
	for (size_t d = 0; d <= DISTANCE_MAX; d++)
		free(t->rounds[d]);
	free(t);
	return err;
}

lk_err
align_match(uint32_t *match, struct series from, struct series to)
{
	size_t head = 0, tail = 0;
	size_t shorter = from.len < to.len ? from.len : to.len;

	while (head < shorter && from.items[head] == to.items[head])
		head++;
	while (tail < shorter - head &&
	    from.items[from.len - 1 - tail] == to.items[to.len - 1 - tail])
		tail++;
	for (size_t i = 0; i < from.len; i++)
		match[i] = ALIGN_NONE;
	for (size_t i = 0; i < head; i++)
		match[i] = (uint32_t)i;
	for (size_t i = 0; i < tail; i++)
		match[from.len - 1 - i] = (uint32_t)(to.len - 1 - i);
	from.len -= head + tail;
	to.len -= head + tail;
	if (from.len == 0 || to.len == 0)
		return LK_NONE;
	from.items += head;
	to.items += head;
	return middle_match(match, from, to, head, head);
}

struct numbering {
	struct entry {
		struct bytes key;
		uint32_t number; /* 0: free */
	} * entries;
	size_t cap, used;
};

lk_err
numbering_new(struct numbering **out)
{
	struct numbering *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return LK_ERR(LK_E_NOMEM, "number elements");
	*out = n;
	return LK_NONE;
}

void
numbering_free(struct numbering *n)
{
	if (n == NULL)
		return;
	free(n->entries);
	free(n);
}

/* FNV-1a, 64 bit. */
static uint64_t
bytes_hash(struct bytes b)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < b.len; i++)
		h = (h ^ b.ptr[i]) * UINT64_C(0x100000001b3);
	return h;
}

static struct entry *
entry_find(const struct numbering *n, struct bytes key)
{
	size_t i = bytes_hash(key) & (n->cap - 1);

	while (
	    n->entries[i].number != 0 && !bytes_equal(n->entries[i].key, key))
		i = (i + 1) & (n->cap - 1);
	return &n->entries[i];
}

static lk_err
numbering_grow(struct numbering *n)
{
	struct numbering bigger = { .cap = n->cap == 0 ? 256 : n->cap * 2,
		.used = n->used };

	bigger.entries = calloc(bigger.cap, sizeof(*bigger.entries));
	if (bigger.entries == NULL)
		return LK_ERR(LK_E_NOMEM, "number elements");
	for (size_t i = 0; i < n->cap; i++)
		if (n->entries[i].number != 0)
			*entry_find(&bigger, n->entries[i].key) = n->entries[i];
	free(n->entries);
	*n = bigger;
	return LK_NONE;
}

lk_err
numbering_of(struct numbering *n, struct bytes key, uint32_t *number)
{
	struct entry *e;

	if (n->used >= n->cap / 2)
		TRY(numbering_grow(n));
	e = entry_find(n, key);
	if (e->number == 0)
		*e = (struct entry){ key, (uint32_t)++n->used };
	*number = e->number;
	return LK_NONE;
}
