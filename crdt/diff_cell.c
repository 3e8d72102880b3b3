#include <stdlib.h>

#include "crdt/diff_state.h"

void
cell_clear(struct cell *c)
{
	id_list_clear(&c->from);
	id_list_clear(&c->to);
}

uint64_t
cell_winner(const struct id_list *ids)
{
	return ids->len == 0 ? 0 : ids->ids[ids->len - 1];
}

static lk_err
key_shown(struct doc *doc, uint64_t obj, struct bytes key, struct id_list *out)
{
	struct slot s;
	lk_err err;

	TRY(doc_trim(doc));
	err = slot_load_key(doc, obj, key, false, &s);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	return slot_shown(doc, &s, out);
}

static lk_err
elem_shown(struct doc *doc, uint64_t obj, uint64_t elem, struct id_list *out)
{
	struct slot s;

	TRY(doc_trim(doc));
	TRY(slot_load_elem(doc, obj, elem, &s));
	return slot_shown(doc, &s, out);
}

lk_err
cell_load_key(struct diff *d, struct bytes key, struct cell *c)
{
	if (!d->fresh)
		TRY(key_shown(d->from, d->obj, key, &c->from));
	return key_shown(d->to, d->obj, key, &c->to);
}

lk_err
cell_load_elem(struct diff *d, uint64_t elem, struct cell *c)
{
	if (!d->fresh)
		TRY(elem_shown(d->from, d->obj, elem, &c->from));
	return elem_shown(d->to, d->obj, elem, &c->to);
}

/* Whether *at leads to id in a list, once all before it has been asked for. */
static bool
list_passes(
    const struct diff *d, const struct id_list *l, size_t *at, uint64_t id)
{
	while (*at < l->len && doc_id_compare(d->to, l->ids[*at], id) < 0)
		++*at;
	return *at < l->len && l->ids[*at] == id;
}

lk_err
cell_emit(struct diff *d, enum patch_kind kind, const struct patch *place,
    const struct cell *c)
{
	struct item *items = calloc(c->to.len + 1, sizeof(*items));
	struct patch p = *place;
	size_t passed = 0;
	lk_err err = LK_NONE;

	if (items == NULL)
		return LK_ERR(LK_E_NOMEM, "values of a patch");
	for (size_t i = 0; i < c->to.len && err.code == LK_OK; i++) {
		bool won = kind != PATCH_CONFLICT && i + 1 == c->to.len;
		uint64_t id = c->to.ids[i];
		bool had = list_passes(d, &c->from, &passed, id);

		err = opset_item(d->to, id, &items[i]);
		if (err.code == LK_OK && items[i].is_obj && (won || !had))
			err = diff_wait(d, id, true);
	}
	p.kind = kind;
	p.values = items;
	p.values_len = c->to.len;
	if (err.code == LK_OK)
		err = diff_emit(d, &p);
	free(items);
	return err;
}

/* Whether a value that both views show is another one: a counter. */
static lk_err
value_grown(struct diff *d, uint64_t id, int64_t *by)
{
	struct op_ref from, to;

	TRY(opset_load(d->from, id, &from));
	TRY(opset_load(d->to, id, &to));
	*by = 0;
	if (op_is_counter(to.op))
		*by = (int64_t)((uint64_t)to.op->total -
		    (uint64_t)from.op->total);
	return LK_NONE;
}

lk_err
cell_same(struct diff *d, const struct patch *place, const struct cell *c)
{
	bool others = c->from.len != c->to.len;
	struct patch p = *place;
	int64_t by;

	for (size_t i = 0; !others && i + 1 < c->to.len; i++) {
		TRY(doc_trim(d->from));
		TRY(doc_trim(d->to));
		others = c->from.ids[i] != c->to.ids[i];
		if (!others)
			TRY(value_grown(d, c->to.ids[i], &by));
		others = others || by != 0;
	}
	TRY(value_grown(d, cell_winner(&c->to), &by));
	if (by != 0) {
		p.kind = PATCH_INC;
		p.by = by;
		TRY(diff_emit(d, &p));
	}
	return others ? cell_emit(d, PATCH_CONFLICT, place, c) : LK_NONE;
}
