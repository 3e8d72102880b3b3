#include "crdt/align.h"

#include <stdlib.h>
#include <string.h>

/* Differences looked for at a time; the trace grows with their square. */
#define EDITS_MAX 256
/* Steps for each element compared, and for any comparison. */
#define WORK_PER_ELEMENT 32
#define WORK_LEAST 4096
#define SAME_HASH_MAX 16

/* A part of both sequences, to be compared by itself. */
struct region {
	size_t a, a_end, b, b_end;
};

/* How often a number occurs in a region. */
struct occurrence {
	uint32_t in_a, in_b, at_b;
};

struct aligner {
	struct series a, b;
	uint32_t *match;
	uint64_t work; /* steps that are left */
	uint32_t *trace;
	struct region *regions; /* still to be compared */
	size_t regions_len, regions_cap;
	struct occurrence *seen; /* by number; all zero between uses */
	size_t seen_cap;
	bool seen_ready; /* for these sequences */
};

lk_err
aligner_new(struct aligner **out)
{
	struct aligner *al = calloc(1, sizeof(*al));
	size_t cells = (size_t)(EDITS_MAX + 1) * (EDITS_MAX + 2) / 2;

	if (al != NULL)
		al->trace = reallocarray(NULL, cells, sizeof(*al->trace));
	if (al == NULL || al->trace == NULL) {
		aligner_free(al);
		return LK_ERR(LK_E_NOMEM, "compare sequences");
	}
	*out = al;
	return LK_NONE;
}

void
aligner_free(struct aligner *al)
{
	if (al == NULL)
		return;
	free(al->trace);
	free(al->regions);
	free(al->seen);
	free(al);
}

static bool
work_take(struct aligner *al, uint64_t steps)
{
	bool enough = al->work >= steps;

	al->work -= enough ? steps : al->work;
	return enough;
}

static lk_err
region_push(struct aligner *al, struct region r)
{
	if (r.a == r.a_end || r.b == r.b_end)
		return LK_NONE;
	if (al->regions_len == al->regions_cap) {
		size_t cap = 2 * al->regions_cap + 16;
		struct region *regions =
		    reallocarray(al->regions, cap, sizeof(*regions));

		if (regions == NULL)
			return LK_ERR(LK_E_NOMEM, "compare sequences");
		al->regions = regions;
		al->regions_cap = cap;
	}
	al->regions[al->regions_len++] = r;
	return LK_NONE;
}

/*
 * E. Myers, "An O(ND) Difference Algorithm": a row of the trace for each
 * number of differences d says how far into `a` a path gets on the diagonals
 * -d, -d + 2, ..., d.
 */
struct search {
	struct aligner *al;
	struct region r;
	size_t edits; /* the last row */
};

static uint32_t *
trace_cell(const struct aligner *al, size_t d, ptrdiff_t k)
{
	return al->trace + d * (d + 1) / 2 + (size_t)(k + (ptrdiff_t)d) / 2;
}

/* Whether the path on diagonal k of row d came by an insertion. */
static bool
comes_down(const struct aligner *al, size_t d, ptrdiff_t k)
{
	ptrdiff_t end = (ptrdiff_t)d;

	return k == -end ||
	    (k != end &&
		*trace_cell(al, d - 1, k - 1) < *trace_cell(al, d - 1, k + 1));
}

/* Where that path starts on its diagonal. */
static size_t
step_from(const struct aligner *al, size_t d, ptrdiff_t k)
{
	if (d == 0)
		return 0;
	if (comes_down(al, d, k))
		return *trace_cell(al, d - 1, k + 1);
	return (size_t)*trace_cell(al, d - 1, k - 1) + 1;
}

/* Follows what is equal; paths that left the region are kept, and go nowhere.
 * False: no work is left. */
static bool
step_run(struct search *s, size_t d, ptrdiff_t k)
{
	const struct aligner *al = s->al;
	const uint32_t *a = al->a.items + s->r.a, *b = al->b.items + s->r.b;
	size_t n = s->r.a_end - s->r.a, m = s->r.b_end - s->r.b;
	size_t from = step_from(al, d, k), x = from;
	size_t y = (size_t)((ptrdiff_t)x - k);

	while (x < n && y < m && a[x] == b[y]) {
		x++;
		y++;
	}
	*trace_cell(al, d, k) = (uint32_t)x;
	return work_take(s->al, 1 + (x - from));
}

/*
 * Searches until the end of both, or EDITS_MAX differences, or until the work
 * is done.  *k is the diagonal of the path that got furthest, in row s->edits.
 */
static bool
search_run(struct search *s, ptrdiff_t *k)
{
	size_t n = s->r.a_end - s->r.a, m = s->r.b_end - s->r.b;

	for (size_t d = 0; d <= EDITS_MAX; d++) {
		ptrdiff_t end = (ptrdiff_t)d, furthest = 0;
		size_t best = 0;

		for (ptrdiff_t at = -end; at <= end; at += 2) {
			size_t x, y;

			if (!step_run(s, d, at))
				return false;
			x = *trace_cell(s->al, d, at);
			y = (size_t)((ptrdiff_t)x - at);
			if (x > n || y > m || x + y < best)
				continue;
			best = x + y;
			furthest = at;
		}
		s->edits = d;
		*k = furthest;
		if (best == n + m)
			return true;
	}
	return false;
}

/* Notes what the path to the end of diagonal k has in common. */
static void
search_mark(const struct search *s, ptrdiff_t k)
{
	for (size_t d = s->edits + 1; d-- > 0;) {
		size_t x = *trace_cell(s->al, d, k);
		size_t from = step_from(s->al, d, k);

		while (x > from) {
			x--;
			s->al->match[s->r.a + x] =
			    (uint32_t)(s->r.b + (size_t)((ptrdiff_t)x - k));
		}
		if (d > 0)
			k += comes_down(s->al, d, k) ? 1 : -1;
	}
}

/* What is equal at both ends; the rest is left in the region. */
static void
region_trim(struct aligner *al, struct region *r)
{
	const uint32_t *a = al->a.items, *b = al->b.items;

	for (; r->a < r->a_end && r->b < r->b_end && a[r->a] == b[r->b];
	     r->a++, r->b++)
		al->match[r->a] = (uint32_t)r->b;
	while (r->a < r->a_end && r->b < r->b_end &&
	    a[r->a_end - 1] == b[r->b_end - 1])
		al->match[--r->a_end] = (uint32_t)--r->b_end;
}

static void
seen_count(struct aligner *al, const struct region *r)
{
	for (size_t j = r->b; j < r->b_end; j++) {
		struct occurrence *o = &al->seen[al->b.items[j]];

		o->in_b++;
		o->at_b = (uint32_t)j;
	}
	for (size_t i = r->a; i < r->a_end; i++)
		al->seen[al->a.items[i]].in_a++;
}

static void
seen_forget(struct aligner *al, const struct region *r)
{
	for (size_t j = r->b; j < r->b_end; j++)
		al->seen[al->b.items[j]] = (struct occurrence){ 0 };
	for (size_t i = r->a; i < r->a_end; i++)
		al->seen[al->a.items[i]] = (struct occurrence){ 0 };
}

static lk_err
seen_room(struct aligner *al)
{
	size_t cap = 0;

	if (al->seen_ready)
		return LK_NONE;
	for (size_t i = 0; i < al->a.len; i++)
		cap = al->a.items[i] >= cap ? (size_t)al->a.items[i] + 1 : cap;
	for (size_t j = 0; j < al->b.len; j++)
		cap = al->b.items[j] >= cap ? (size_t)al->b.items[j] + 1 : cap;
	al->seen_ready = cap <= al->seen_cap;
	if (al->seen_ready)
		return LK_NONE;
	free(al->seen);
	al->seen_cap = 0;
	al->seen = calloc(cap, sizeof(*al->seen));
	if (al->seen == NULL)
		return LK_ERR(LK_E_NOMEM, "compare sequences");
	al->seen_cap = cap;
	al->seen_ready = true;
	return LK_NONE;
}

/* Elements that occur once in both, in the order of `a`. */
static lk_err
anchors_find(struct aligner *al, const struct region *r,
    struct align_pair **out, size_t *len)
{
	size_t most = r->a_end - r->a, n = 0;
	struct align_pair *pairs = reallocarray(NULL, most, sizeof(*pairs));
	lk_err err = seen_room(al);

	if (pairs == NULL || err.code != LK_OK) {
		free(pairs);
		return LK_ERR(LK_E_NOMEM, "compare sequences");
	}
	seen_count(al, r);
	for (size_t i = r->a; i < r->a_end; i++) {
		const struct occurrence *o = &al->seen[al->a.items[i]];

		if (o->in_a == 1 && o->in_b == 1)
			pairs[n++] =
			    (struct align_pair){ (uint32_t)i, o->at_b };
	}
	seen_forget(al, r);
	*out = pairs;
	*len = n;
	return LK_NONE;
}

/* Splits a region at its anchors; *split false: it has none. */
static lk_err
region_split(struct aligner *al, struct region r, bool *split)
{
	struct align_pair *pairs;
	size_t len;
	lk_err err;

	*split = false;
	if (!work_take(al, 2 * (r.a_end - r.a + r.b_end - r.b)))
		return LK_NONE;
	TRY(anchors_find(al, &r, &pairs, &len));
	err = align_ascending(pairs, &len);
	*split = len > 0;
	for (size_t i = 0; i < len && err.code == LK_OK; i++) {
		struct region before = { r.a, pairs[i].from, r.b, pairs[i].to };

		al->match[pairs[i].from] = pairs[i].to;
		err = region_push(al, before);
		r.a = (size_t)pairs[i].from + 1;
		r.b = (size_t)pairs[i].to + 1;
	}
	free(pairs);
	TRY(err);
	return *split ? region_push(al, r) : LK_NONE;
}

static lk_err
region_match(struct aligner *al, struct region r)
{
	struct search s = { .al = al };
	ptrdiff_t k = 0;
	bool reached, split;

	region_trim(al, &r);
	if (r.a == r.a_end || r.b == r.b_end)
		return LK_NONE;
	s.r = r;
	reached = search_run(&s, &k);
	if (!reached) {
		TRY(region_split(al, r, &split));
		if (split)
			return LK_NONE;
	}
	search_mark(&s, k);
	if (reached || s.edits == 0)
		return LK_NONE;
	/* On from where the path that got furthest has ended. */
	r.a += *trace_cell(al, s.edits, k);
	r.b = s.r.b + (size_t)((ptrdiff_t)(r.a - s.r.a) - k);
	return region_push(al, r);
}

lk_err
align_match(
    struct aligner *al, uint32_t *match, struct series from, struct series to)
{
	al->a = from;
	al->b = to;
	al->match = match;
	al->work =
	    WORK_PER_ELEMENT * ((uint64_t)from.len + to.len) + WORK_LEAST;
	al->regions_len = 0;
	al->seen_ready = false;
	for (size_t i = 0; i < from.len; i++)
		match[i] = ALIGN_NONE;
	TRY(region_push(al, (struct region){ 0, from.len, 0, to.len }));
	while (al->regions_len > 0)
		TRY(region_match(al, al->regions[--al->regions_len]));
	return LK_NONE;
}

lk_err
align_ascending(struct align_pair *pairs, size_t *len)
{
	/* ends[n]: of the ascending parts of n + 1 pairs, the one that ends
	 * lowest; before[i]: the pair in front of i in its part. */
	uint32_t *ends = reallocarray(NULL, *len + 1, sizeof(*ends));
	uint32_t *before = reallocarray(NULL, *len + 1, sizeof(*before));
	size_t longest = 0;

	if (ends == NULL || before == NULL) {
		free(ends);
		free(before);
		return LK_ERR(LK_E_NOMEM, "compare sequences");
	}
	for (size_t i = 0; i < *len; i++) {
		size_t low = 0, high = longest;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (pairs[ends[middle]].to < pairs[i].to)
				low = middle + 1;
			else
				high = middle;
		}
		before[i] = low == 0 ? ALIGN_NONE : ends[low - 1];
		ends[low] = (uint32_t)i;
		longest = low == longest ? longest + 1 : longest;
	}
	for (size_t i = longest, at = longest == 0 ? 0 : ends[longest - 1];
	     i-- > 0; at = before[at])
		ends[i] = (uint32_t)at;
	for (size_t i = 0; i < longest; i++)
		pairs[i] = pairs[ends[i]];
	*len = longest;
	free(ends);
	free(before);
	return LK_NONE;
}

static int
label_compare(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Numbers elements with one hash; returns the last number given. */
static uint32_t
labels_run(const struct label *l, size_t n, label_fn *same, const void *ctx,
    uint32_t last, uint32_t *numbers)
{
	uint32_t first[SAME_HASH_MAX], base = last;
	uint32_t kinds = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t k = 0;

		while (k < kinds && same != NULL &&
		    !same(ctx, first[k], l[i].index))
			k++;
		if (k < kinds) {
			numbers[l[i].index] = base + k + 1;
			continue;
		}
		if (kinds < SAME_HASH_MAX)
			first[kinds++] = l[i].index;
		numbers[l[i].index] = ++last;
	}
	return last;
}

void
labels_number(struct label *labels, size_t len, label_fn *same, const void *ctx,
    uint32_t *numbers)
{
	uint32_t last = 0;

	qsort(labels, len, sizeof(*labels), label_compare);
	for (size_t i = 0, end; i < len; i = end) {
		for (end = i + 1;
		     end < len && labels[end].hash == labels[i].hash;)
			end++;
		last =
		    labels_run(labels + i, end - i, same, ctx, last, numbers);
	}
}
