#include <stdlib.h>

#include "crdt/diff_state.h"

/* An element, and what of it differs. */
struct elem {
	uint64_t id;
	struct patch place;
	uint64_t width_from, width; /* lists: 1 when shown */
	struct cell *cell;
};

/* What lies before a place stays; then `gone` positions go, `come` come. */
static lk_err
stay_until(
    struct diff *d, const struct patch *place, uint64_t gone, uint64_t come)
{
	struct stay_list *l = &d->stays;
	struct stay *at = diff_room(l->at, l->len, &l->cap, sizeof(*at));

	if (at == NULL)
		return LK_ERR(LK_E_NOMEM, "what stays of a text");
	l->at = at;
	if (place->index_from > l->from)
		l->at[l->len++] = (struct stay){ .from = l->from,
			.to = l->to,
			.length = place->index_from - l->from };
	/* An element that is replaced stands at one place, and has gone. */
	if (place->index_from + gone > l->from)
		l->from = place->index_from + gone;
	l->to = place->prop.index + come;
	return LK_NONE;
}

static lk_err
run_flush(struct diff *d)
{
	struct run *r = &d->run;
	struct patch p = d->patch;
	lk_err err;

	if (r->length == 0)
		return LK_NONE;
	p.kind = r->kind;
	p.prop.index = r->index;
	p.index_from = r->index_from;
	p.length = r->length;
	p.text = buf_bytes(&r->text);
	err = stay_until(d, &p, r->kind == PATCH_DEL ? r->length : 0,
	    r->kind == PATCH_SPLICE ? r->length : 0);
	if (err.code == LK_OK)
		err = diff_emit(d, &p);
	r->length = 0;
	buf_reset(&r->text);
	return err;
}

/* Begins a run at a place, unless the present one leads there. */
static lk_err
run_at(struct diff *d, enum patch_kind kind, const struct patch *place)
{
	struct run *r = &d->run;
	uint64_t end = r->index + (kind == PATCH_SPLICE ? r->length : 0);

	if (r->length > 0 && r->kind == kind && end == place->prop.index &&
	    r->text.len < RUN_TEXT_MAX)
		return LK_NONE;
	TRY(run_flush(d));
	r->kind = kind;
	r->index = place->prop.index;
	r->index_from = place->index_from;
	return LK_NONE;
}

/* The string that wins at an element of a text joins a run; *is_text false:
 * another value wins. */
static lk_err
run_splice(struct diff *d, const struct elem *e, bool *is_text)
{
	struct op_ref at;

	TRY(opset_load(d->to, cell_winner(&e->cell->to), &at));
	*is_text = at.op->action == ACTION_SET && at.op->type == VALUE_STR;
	if (!*is_text || e->width == 0)
		return LK_NONE;
	TRY(run_at(d, PATCH_SPLICE, &e->place));
	/* The run before was told, and what was loaded may be gone. */
	TRY(opset_load(d->to, cell_winner(&e->cell->to), &at));
	TRY(opset_bytes(d->to, at, &d->run.text));
	d->run.length += e->width;
	return LK_NONE;
}

static lk_err
run_del(struct diff *d, const struct elem *e)
{
	if (e->width_from == 0)
		return LK_NONE;
	TRY(run_at(d, PATCH_DEL, &e->place));
	d->run.length += e->width_from;
	return LK_NONE;
}

/* Another value wins in a text: what was there goes, what is there comes. */
static lk_err
diff_text_elem(struct diff *d, const struct elem *e)
{
	bool is_text;

	TRY(run_del(d, e));
	if (e->cell->to.len == 0)
		return LK_NONE;
	TRY(run_splice(d, e, &is_text));
	if (is_text && (e->cell->to.len == 1 || e->width == 0))
		return LK_NONE;
	TRY(run_flush(d));
	if (is_text)
		return cell_emit(d, PATCH_CONFLICT, &e->place, e->cell);
	TRY(stay_until(d, &e->place, 0, 1));
	return cell_emit(d, PATCH_INSERT, &e->place, e->cell);
}

static lk_err
diff_list_elem(struct diff *d, const struct elem *e)
{
	if (e->cell->to.len == 0)
		return run_del(d, e);
	TRY(run_flush(d));
	return cell_emit(d, e->cell->from.len == 0 ? PATCH_INSERT : PATCH_PUT,
	    &e->place, e->cell);
}

static lk_err
diff_elem(struct diff *d, struct elem *e)
{
	CELL_SCOPED cell = { 0 };
	uint64_t before, now;

	TRY(cell_load_elem(d, e->id, &cell));
	e->cell = &cell;
	before = cell_winner(&cell.from);
	now = cell_winner(&cell.to);
	if (before == 0 && now == 0)
		return LK_NONE;
	if (before == now) {
		/* Of no width: there is no place to speak of. */
		if (e->width == 0)
			return LK_NONE;
		TRY(run_flush(d));
		return cell_same(d, &e->place, &cell);
	}
	return d->patch.obj_type == OBJ_TEXT ? diff_text_elem(d, e)
					     : diff_list_elem(d, e);
}

static lk_err
elem_init(struct diff *d, struct elem *e, uint64_t id)
{
	struct seq_place place;
	struct object *o;

	*e = (struct elem){ .id = id, .place = d->patch };
	TRY(doc_trim(d->to));
	TRY(object_load(d->to, d->obj, &o));
	TRY(seq_find(d->to, o, id, &place));
	e->place.prop.index = place.index;
	e->width = place.elem.width;
	if (d->fresh)
		return LK_NONE;
	TRY(doc_trim(d->from));
	TRY(object_load(d->from, d->obj, &o));
	TRY(seq_find(d->from, o, id, &place));
	e->place.index_from = place.index;
	e->width_from = place.elem.width;
	return LK_NONE;
}

static int
rank_compare(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* The elements that may differ, in their order; marks are none. */
static lk_err
elems_sort(struct diff *d, struct touched *t, size_t *len)
{
	size_t n = 0;

	for (size_t i = 0; i < *len; i++) {
		struct op_ref at;
		struct object *o;

		TRY(doc_trim(d->to));
		TRY(opset_load(d->to, t[i].ref, &at));
		if (at.op->action == ACTION_MARK)
			continue;
		t[n] = t[i];
		TRY(object_load(d->to, d->obj, &o));
		TRY(seq_rank(d->to, o, t[n].ref, &t[n].rank));
		n++;
	}
	*len = n;
	if (n > 0)
		qsort(t, n, sizeof(*t), rank_compare);
	return LK_NONE;
}

/* All elements that are shown. */
static lk_err
diff_all(struct diff *d)
{
	struct seq_place place;
	struct object *o;
	lk_err err;

	TRY(doc_trim(d->to));
	TRY(object_load(d->to, d->obj, &o));
	for (err = seq_first(d->to, o, &place); err.code == LK_OK;
	     err = seq_next(d->to, &place)) {
		struct elem e = { .id = place.elem.id, .place = d->patch };

		if (place.elem.width == 0)
			continue;
		e.place.prop.index = place.index;
		e.width = place.elem.width;
		TRY(diff_elem(d, &e));
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
diff_sequence(struct diff *d, struct touched *t, size_t len)
{
	struct patch end = { .index_from = UINT64_MAX };

	d->stays.len = 0;
	d->stays.from = d->stays.to = 0;
	if (d->fresh) {
		TRY(diff_all(d));
		return run_flush(d);
	}
	TRY(elems_sort(d, t, &len));
	for (size_t i = 0; i < len; i++) {
		struct elem e;

		TRY(elem_init(d, &e, t[i].ref));
		TRY(diff_elem(d, &e));
	}
	TRY(run_flush(d));
	return stay_until(d, &end, 0, 0);
}
