#include "crdt/id_list.h"

#include <stdlib.h>

#define IDS_FIRST 16

uint32_t
uleb32_get(struct rd *r)
{
	uint64_t v = rd_uleb(r);

	if (v > UINT32_MAX)
		r->failed = true;
	return (uint32_t)v;
}

uint64_t
id_get(struct rd *r)
{
	uint64_t ctr = uleb32_get(r), actor = uleb32_get(r);

	return ctr << 32 | actor;
}

void
id_put(struct buf *b, uint64_t id)
{
	buf_uleb(b, id_ctr(id));
	buf_uleb(b, id_actor(id));
}

void
id_list_clear(struct id_list *l)
{
	free(l->ids);
	*l = (struct id_list){ 0 };
}

lk_err
id_list_add(struct id_list *l, uint64_t id)
{
	if (l->len == l->cap) {
		size_t cap = l->cap == 0 ? IDS_FIRST : 2 * l->cap;
		uint64_t *ids = reallocarray(l->ids, cap, sizeof(*ids));

		if (ids == NULL)
			return LK_ERR(LK_E_NOMEM, "list of ids");
		l->ids = ids;
		l->cap = cap;
	}
	l->ids[l->len++] = id;
	return LK_NONE;
}

bool
id_list_has(const struct id_list *l, uint64_t id)
{
	for (size_t i = 0; i < l->len; i++)
		if (l->ids[i] == id)
			return true;
	return false;
}

void
id_set_clear(struct id_set *s)
{
	free(s->slots);
	*s = (struct id_set){ 0 };
}

/* The place of id, or the free one where it belongs. */
static uint64_t *
id_set_place(const struct id_set *s, uint64_t id)
{
	size_t at = (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	for (;; at++) {
		uint64_t *slot = &s->slots[at & (s->cap - 1)];

		if (*slot == 0 || *slot == id)
			return slot;
	}
}

static lk_err
id_set_grow(struct id_set *s)
{
	struct id_set grown = { .len = s->len };

	grown.cap = s->cap == 0 ? IDS_FIRST : 2 * s->cap;
	grown.slots = calloc(grown.cap, sizeof(*grown.slots));
	if (grown.slots == NULL)
		return LK_ERR(LK_E_NOMEM, "set of ids");
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i] != 0)
			*id_set_place(&grown, s->slots[i]) = s->slots[i];
	free(s->slots);
	*s = grown;
	return LK_NONE;
}

lk_err
id_set_add(struct id_set *s, uint64_t id, bool *added)
{
	uint64_t *slot;

	if (2 * s->len >= s->cap)
		TRY(id_set_grow(s));
	slot = id_set_place(s, id);
	*added = *slot == 0;
	if (*added) {
		*slot = id;
		s->len++;
	}
	return LK_NONE;
}

bool
id_set_has(const struct id_set *s, uint64_t id)
{
	return s->cap > 0 && *id_set_place(s, id) == id;
}
