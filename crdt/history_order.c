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

/*
 * Where each hash is.  A slot is a part of the hash, which tells most of them
 * apart without looking at them, and 1 + the number; 0: free.
 */
struct change_index {
	const uint8_t *hash; /* as in struct change_links */
	size_t step;
	uint64_t *slots;
	size_t mask;
};

#define SLOT_NUMBER UINT32_MAX

/* The slot of a hash, or the empty one where it belongs; its part of the hash
 * is told, too. */
static uint64_t *
index_slot(const struct change_index *x, const uint8_t *hash, uint64_t *part)
{
	uint64_t at;

	/* A change hash is uniform already. */
	memcpy(&at, hash, sizeof(at));
	*part = at & ~(uint64_t)SLOT_NUMBER;
	for (at &= x->mask; x->slots[at] != 0; at = (at + 1) & x->mask) {
		uint64_t slot = x->slots[at];

		if ((slot & ~(uint64_t)SLOT_NUMBER) == *part &&
		    memcmp(x->hash + ((slot & SLOT_NUMBER) - 1) * x->step, hash,
			LK_ID_LEN) == 0)
			break;
	}
	return &x->slots[at];
}

/* An index without entries that has room for n. */
static lk_err
index_reserve(
    struct change_index *x, const uint8_t *hash, size_t step, size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	*x = (struct change_index){
		.hash = hash, .step = step, .mask = size - 1
	};
	x->slots = calloc(size, sizeof(*x->slots));
	return x->slots == NULL ? LK_ERR(LK_E_NOMEM, "index of changes")
				: LK_NONE;
}

lk_err
change_list_unique(struct change_list *l)
{
	struct change_index x;
	size_t kept = 0;

	if (l->len == 0)
		return LK_NONE;
	TRY(index_reserve(&x, l->at[0].hash, sizeof(l->at[0]), l->len));
	for (size_t i = 0; i < l->len; i++) {
		uint64_t part, *slot = index_slot(&x, l->at[i].hash, &part);

		if (*slot != 0)
			continue;
		if (kept < i)
			l->at[kept] = l->at[i];
		*slot = part | ++kept;
	}
	l->len = kept;
	free(x.slots);
	return LK_NONE;
}

lk_err
change_links_resolve(struct change_links *l, const uint8_t *far)
{
	size_t n = l->deps_at[l->len], first = 0;
	struct change_index x;
	uint64_t part;

	while (first < n && l->deps[first] < CHANGE_UNKNOWN)
		first++;
	if (first == n)
		return LK_NONE;
	TRY(index_reserve(&x, l->hash, l->step, l->len));
	for (size_t i = 0; i < l->len; i++) {
		uint64_t *slot = index_slot(&x, l->hash + i * l->step, &part);

		if (*slot == 0)
			*slot = part | (i + 1);
	}
	for (size_t d = first; d < n; d++) {
		const uint8_t *dep =
		    far + (size_t)(l->deps[d] - CHANGE_UNKNOWN) * LK_ID_LEN;

		if (l->deps[d] >= CHANGE_UNKNOWN)
			l->deps[d] = (uint32_t)*index_slot(&x, dep, &part) - 1;
	}
	free(x.slots);
	return LK_NONE;
}

/* Appends what change i depends on. */
static void
links_add(struct change_links *l, const struct change *changes, size_t i,
    struct buf *far)
{
	const struct change *c = &changes[i];
	uint32_t at = l->deps_at[i];

	for (size_t d = 0; d < c->deps_len; d++) {
		const uint8_t *dep = c->deps + d * LK_ID_LEN;

		if (i > 0 && memcmp(changes[i - 1].hash, dep, LK_ID_LEN) == 0) {
			l->deps[at++] = (uint32_t)i - 1;
			continue;
		}
		l->deps[at++] =
		    CHANGE_UNKNOWN + (uint32_t)(far->len / LK_ID_LEN);
		buf_mem(far, dep, LK_ID_LEN);
	}
	l->deps_at[i + 1] = at;
}

lk_err
change_links_new(
    struct change_links *out, const struct change *changes, size_t n)
{
	struct change_links l = { .step = sizeof(*changes), .len = n };
	/* At most what the changes hold already. */
	BUF_SCOPED far = { .max = SIZE_MAX };
	size_t deps = 0;
	lk_err err;

	if (n > 0)
		l.hash = changes[0].hash;
	for (size_t i = 0; i < n; i++)
		deps += changes[i].deps_len;
	if (deps >= CHANGE_UNKNOWN)
		return LK_ERR(LK_E_LIMIT, "dependencies");
	l.deps = calloc(deps + 1, sizeof(*l.deps));
	l.deps_at = calloc(n + 1, sizeof(*l.deps_at));
	if (l.deps == NULL || l.deps_at == NULL) {
		change_links_free(&l);
		return LK_ERR(LK_E_NOMEM, "dependencies");
	}
	for (size_t i = 0; i < n; i++)
		links_add(&l, changes, i, &far);
	err = buf_err(&far, "dependencies");
	if (err.code == LK_OK)
		err = change_links_resolve(&l, far.ptr);
	if (err.code == LK_OK)
		*out = l;
	else
		change_links_free(&l);
	return err;
}

void
change_links_free(struct change_links *l)
{
	free(l->deps);
	free(l->deps_at);
	*l = (struct change_links){ 0 };
}

void
change_links_users(const struct change_links *l, bool *has_user)
{
	for (size_t d = 0; d < l->deps_at[l->len]; d++)
		if (l->deps[d] != CHANGE_MISSING)
			has_user[l->deps[d]] = true;
}

/* Kahn's algorithm; what may come next is in a heap ordered by hash. */
struct sorter {
	const struct change_links *links;
	uint32_t *waits;    /* dependencies of a change not yet in order */
	uint32_t *users_at; /* where a change's dependants begin in users */
	uint32_t *users;
	uint32_t *heap;
	size_t heap_len;
};

static bool
heap_below(const struct sorter *s, size_t a, size_t b)
{
	const struct change_links *l = s->links;

	return memcmp(l->hash + s->heap[a] * l->step,
		   l->hash + s->heap[b] * l->step, LK_ID_LEN) < 0;
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
	const struct change_links *l = s->links;

	for (size_t i = 0; i < l->len; i++) {
		s->waits[i] = l->deps_at[i + 1] - l->deps_at[i];
		for (uint32_t d = l->deps_at[i]; d < l->deps_at[i + 1]; d++)
			if (l->deps[d] != CHANGE_MISSING)
				s->users_at[l->deps[d] + 1]++;
			else
				s->waits[i] -= extent == HISTORY_PART;
	}
	for (size_t i = 0; i <= l->len; i++)
		s->users_at[i + 1] += s->users_at[i];
	/* Filling moves each beginning to its end, which is the next one's
	 * beginning: from the back, so that they end up where they were. */
	for (size_t i = l->len; i > 0; i--)
		for (uint32_t d = l->deps_at[i - 1]; d < l->deps_at[i]; d++)
			if (l->deps[d] != CHANGE_MISSING)
				s->users[--s->users_at[l->deps[d] + 1]] =
				    (uint32_t)(i - 1);
}

static void
sorter_run(struct sorter *s, uint32_t *order, size_t *ready)
{
	size_t done = 0;

	for (uint32_t i = 0; i < s->links->len; i++)
		if (s->waits[i] == 0)
			heap_push(s, i);
	while (s->heap_len > 0) {
		uint32_t c = heap_pop(s);

		order[done++] = c;
		for (uint32_t u = s->users_at[c + 1];
		     u < s->users_at[(size_t)c + 2]; u++)
			if (--s->waits[s->users[u]] == 0)
				heap_push(s, s->users[u]);
	}
	*ready = done;
	for (uint32_t i = 0; i < s->links->len; i++)
		if (s->waits[i] > 0)
			order[done++] = i;
}

lk_err
changes_order(const struct change_links *links, enum history_extent extent,
    uint32_t *order, size_t *ready)
{
	struct sorter s = { .links = links };
	size_t n = links->len;
	bool all;

	s.waits = calloc(n + 1, sizeof(*s.waits));
	s.users_at = calloc(n + 2, sizeof(*s.users_at));
	s.users = calloc(links->deps_at[n] + (size_t)1, sizeof(*s.users));
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
