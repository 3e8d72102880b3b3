#include "crdt/doc_read.h"

#include "crdt/code_point.h"

lk_err
doc_obj_type(struct doc *doc, struct op_id obj, enum obj_type *type)
{
	struct object *o;

	TRY(object_of_caller(doc, obj, &o));
	*type = o->type;
	return LK_NONE;
}

lk_err
doc_length(struct doc *doc, struct op_id obj, uint64_t *length)
{
	struct object *o;

	TRY(object_of_caller(doc, obj, &o));
	*length = o->shown;
	return LK_NONE;
}

lk_err
doc_get(struct doc *doc, struct op_id obj, struct prop prop, struct item *out)
{
	struct object *o;
	struct slot s;
	uint64_t winner;

	TRY(object_of_caller(doc, obj, &o));
	TRY(slot_load_prop(doc, o, prop, &s));
	TRY(slot_winner(doc, &s, &winner));
	if (winner == 0)
		return LK_ERR(LK_E_NOTFOUND, "value");
	return opset_item(doc, winner, out);
}

struct walk {
	doc_each_fn *each;
	void *ctx;
};

/* Calls `each` for what a slot shows; the rest of *visit is set. */
static lk_err
visit_slot(struct doc *doc, const struct slot *s, struct doc_visit *visit,
    struct walk walk)
{
	ID_LIST_SCOPED ids = { 0 };

	TRY(slot_shown(doc, s, &ids));
	for (size_t i = 0; i < ids.len; i++) {
		TRY(opset_item(doc, ids.ids[i], &visit->item));
		visit->winner = i + 1 == ids.len;
		TRY(walk.each(walk.ctx, visit));
	}
	return LK_NONE;
}

static lk_err
visit_map(
    struct doc *doc, uint64_t obj, struct slot_cursor *c, struct walk walk)
{
	for (;;) {
		struct doc_visit visit = { 0 };
		struct slot s;
		lk_err err;

		TRY(doc_trim(doc));
		err = slot_next_key(doc, obj, c, &s);
		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		visit.key = buf_bytes(&c->key);
		TRY(visit_slot(doc, &s, &visit, walk));
	}
}

static lk_err
visit_sequence(struct doc *doc, uint64_t obj, struct walk walk)
{
	struct seq_place place;
	struct object *o;
	lk_err err;

	TRY(object_load(doc, obj, &o));
	for (err = seq_first(doc, o, &place); err.code == LK_OK;
	     err = seq_next(doc, &place)) {
		struct doc_visit visit = { .index = place.index };
		struct slot s;

		if (!seq_elem_shown(&place.elem))
			continue;
		TRY(doc_trim(doc));
		TRY(slot_load_elem(doc, obj, place.elem.id, &s));
		TRY(visit_slot(doc, &s, &visit, walk));
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

lk_err
doc_each(struct doc *doc, struct op_id obj, doc_each_fn *each, void *ctx)
{
	struct walk walk = { .each = each, .ctx = ctx };
	struct slot_cursor cursor = { 0 };
	struct object *o;
	lk_err err;

	TRY(object_of_caller(doc, obj, &o));
	if (o->type != OBJ_MAP)
		return visit_sequence(doc, o->id, walk);
	err = visit_map(doc, o->id, &cursor, walk);
	slot_cursor_clear(&cursor);
	return err;
}

lk_err
elem_winner(struct doc *doc, uint64_t obj, uint64_t elem, struct op_ref *out)
{
	struct slot s;
	uint64_t winner;

	TRY(doc_trim(doc));
	TRY(slot_load_elem(doc, obj, elem, &s));
	TRY(slot_winner(doc, &s, &winner));
	if (winner == 0)
		return LK_ERR(LK_E_CORRUPT, "an element shown has no value");
	return opset_load(doc, winner, out);
}

lk_err
elem_text(
    struct doc *doc, uint64_t obj, const struct seq_elem *e, struct buf *out)
{
	struct op_ref at;

	if (e->glyph != GLYPH_OTHER) {
		code_point_put(out, e->glyph);
		return LK_NONE;
	}
	TRY(elem_winner(doc, obj, e->id, &at));
	if (at.op->action == ACTION_SET && at.op->type == VALUE_STR)
		return opset_bytes(doc, at, out);
	code_point_put(out, CODE_POINT_OBJECT);
	return LK_NONE;
}

/* Appends what is shown at a place and behind it, as far as that is one code
 * point each; the place moves to what is not, or to the end of the leaf. */
static lk_err
text_run(struct doc *doc, struct seq_place *place, struct buf *out)
{
	const struct seq_elem *elems;
	size_t len, n;

	TRY(seq_rest(doc, place, &elems, &len));
	for (n = 0; n + 1 < len && elems[n].glyph != GLYPH_OTHER; n++)
		if (seq_elem_shown(&elems[n]))
			code_point_put(out, elems[n].glyph);
	seq_skip(place, elems, n);
	return LK_NONE;
}

lk_err
doc_text(struct doc *doc, struct op_id obj, struct buf *out)
{
	struct seq_place place;
	struct object *o;
	lk_err err;

	TRY(text_of_caller(doc, obj, &o));
	for (err = seq_first(doc, o, &place); err.code == LK_OK;
	     err = seq_next(doc, &place)) {
		TRY(doc_trim(doc));
		TRY(text_run(doc, &place, out));
		if (!seq_elem_shown(&place.elem))
			continue;
		TRY(elem_text(doc, id_pack(obj), &place.elem, out));
	}
	return err.code == LK_E_NOTFOUND ? buf_err(out, "text") : err;
}
