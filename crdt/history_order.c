#include "crdt/history_order.h"

#include <stdlib.h>
#include <string.h>

lk_err
change_list_add(struct change_list *l, const struct change *c)
{
	if (l->len >= HISTORY_CHANGES_MAX)
		return LK_ERR(LK_E_LIMIT, "number of changes");
	if (l->len == l->cap) {
		size_t cap = l->cap == 0 ? 16 : 2 * l->cap;
		struct change *grown = reallocarray(l->at, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "list of changes");
		l->at = grown;
		l->cap = cap;
	}
	l->at[l->len++] = *c;
	return LK_NONE;
}

void
change_list_clear(struct change_list *l)
{
	free(l->at);
	*l = (struct change_list){ 0 };
}

/* The slot of a hash, or the empty one where it belongs. */
static uint32_t *
index_slot(const struct change_index *x, const uint8_t *hash)
{
	size_t at;

	/* A change hash is uniform already. */
	memcpy(&at, hash, sizeof(at));
	for (at &= x->mask; x->slots[at] != 0; at = (at + 1) & x->mask)
		if (memcmp(x->changes[x->slots[at] - 1].hash, hash,
			LK_ID_LEN) == 0)
			break;
	return &x->slots[at];
}

/* An index without entries that has room for n. */
static lk_err
index_reserve(struct change_index *x, const struct change *changes, size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	*x = (struct change_index){ .changes = changes, .mask = size - 1 };
	x->slots = calloc(size, sizeof(*x->slots));
	return x->slots == NULL ? LK_ERR(LK_E_NOMEM, "index of changes")
				: LK_NONE;
}

lk_err
change_list_unique(struct change_list *l)
{
	struct change_index x;
	size_t kept = 0;

	TRY(index_reserve(&x, l->at, l->len));
	for (size_t i = 0; i < l->len; i++) {
		uint32_t *slot = index_slot(&x, l->at[i].hash);

		if (*slot != 0)
			continue;
		l->at[kept++] = l->at[i];
		*slot = (uint32_t)kept;
	}
	l->len = kept;
	change_index_free(&x);
	return LK_NONE;
}

lk_err
change_index_new(
    struct change_index *out, const struct change *changes, size_t n)
{
	struct change_index x;

	if (n > HISTORY_CHANGES_MAX)
		return LK_ERR(LK_E_LIMIT, "number of changes");
	TRY(index_reserve(&x, changes, n));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *slot = index_slot(&x, changes[i].hash);

		if (*slot != 0) {
			change_index_free(&x);
			return LK_ERR(LK_E_DATA, "a change is there twice");
		}
		*slot = i + 1;
	}
	*out = x;
	return LK_NONE;
}

void
change_index_free(struct change_index *x)
{
	free(x->slots);
	*x = (struct change_index){ 0 };
}

bool
change_index_find(const struct change_index *x,
    const uint8_t hash[static LK_ID_LEN], uint32_t *at)
{
	uint32_t slot = *index_slot(x, hash);

	if (slot == 0)
		return false;
	*at = slot - 1;
	return true;
}

/* Kahn's algorithm; what may come next is in a heap ordered by hash. */
struct sorter {
	const struct change_index *index;
	size_t n;
	uint32_t *waits;  /* dependencies of a change not yet in order */
	size_t *users_at; /* where a change's dependants begin in users */
	uint32_t *users;
	uint32_t *heap;
	size_t heap_len;
};

static bool
heap_below(const struct sorter *s, size_t a, size_t b)
{
	const struct change *c = s->index->changes;

	return memcmp(c[s->heap[a]].hash, c[s->heap[b]].hash, LK_ID_LEN) < 0;
}

static void
heap_swap(struct sorter *s, size_t a, size_t b)
{
	uint32_t t = s->heap[a];

	s->heap[a] = s->heap[b];
	s->heap[b] = t;
}

static void
heap_push(struct sorter *s, uint32_t change)
{
	size_t i = s->heap_len++;

	s->heap[i] = change;
	while (i > 0 && heap_below(s, i, (i - 1) / 2)) {
		heap_swap(s, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static uint32_t
heap_pop(struct sorter *s)
{
	uint32_t top = s->heap[0];
	size_t i = 0;

	s->heap[0] = s->heap[--s->heap_len];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < s->heap_len && heap_below(s, child, least))
				least = child;
		if (least == i)
			return top;
		heap_swap(s, i, least);
		i = least;
	}
}

/* Counts the dependants of each change, then lists them. */
static void
sorter_fill(struct sorter *s, enum history_extent extent)
{
	const struct change *c = s->index->changes;
	uint32_t at;

	for (size_t i = 0; i < s->n; i++) {
		s->waits[i] = (uint32_t)c[i].deps_len;
		for (size_t d = 0; d < c[i].deps_len; d++)
			if (change_index_find(
				s->index, c[i].deps + d * LK_ID_LEN, &at))
				s->users_at[at + 1]++;
			else
				s->waits[i] -= extent == HISTORY_PART;
	}
	for (size_t i = 0; i <= s->n; i++)
		s->users_at[i + 1] += s->users_at[i];
	/* Filling moves each beginning to its end, which is the next one's
	 * beginning: from the back, so that they end up where they were. */
	for (size_t i = s->n; i > 0; i--)
		for (size_t d = 0; d < c[i - 1].deps_len; d++)
			if (change_index_find(
				s->index, c[i - 1].deps + d * LK_ID_LEN, &at))
				s->users[--s->users_at[at + 1]] =
				    (uint32_t)(i - 1);
}

static void
sorter_run(struct sorter *s, uint32_t *order, size_t *ready)
{
	size_t done = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->waits[i] == 0)
			heap_push(s, i);
	while (s->heap_len > 0) {
		uint32_t c = heap_pop(s);

		order[done++] = c;
		for (size_t u = s->users_at[c + 1];
		     u < s->users_at[(size_t)c + 2]; u++)
			if (--s->waits[s->users[u]] == 0)
				heap_push(s, s->users[u]);
	}
	*ready = done;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->waits[i] > 0)
			order[done++] = i;
}

lk_err
changes_order(const struct change_index *index, size_t n,
    enum history_extent extent, uint32_t *order, size_t *ready)
{
	struct sorter s = { .index = index, .n = n };
	size_t deps = 0;
	bool all;

	for (size_t i = 0; i < n; i++)
		deps += index->changes[i].deps_len;
	s.waits = calloc(n + 1, sizeof(*s.waits));
	s.users_at = calloc(n + 2, sizeof(*s.users_at));
	s.users = calloc(deps + 1, sizeof(*s.users));
	s.heap = calloc(n + 1, sizeof(*s.heap));
	all = s.waits != NULL && s.users_at != NULL && s.users != NULL &&
	    s.heap != NULL;
	if (all) {
		sorter_fill(&s, extent);
		sorter_run(&s, order, ready);
	}
	free(s.waits);
	free(s.users_at);
	free(s.users);
	free(s.heap);
	return all ? LK_NONE : LK_ERR(LK_E_NOMEM, "order of changes");
}
