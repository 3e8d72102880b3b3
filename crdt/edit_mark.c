#include "crdt/edit_mark.h"

#include "crdt/doc_read.h"
#include "crdt/edit_state.h"

static lk_err
mark_check(struct edit *e, struct op_id text, const struct mark_range *r,
    struct object **o)
{
	if (!utf8_valid(r->mark.name))
		return LK_ERR(LK_E_DATA, "the name of a mark is not UTF-8");
	if (r->start > r->end)
		return LK_ERR(LK_E_USAGE, "a mark ends before it begins");
	TRY(value_check(&r->mark.value));
	TRY(text_of_caller(e->doc, text, o));
	if (r->end > (*o)->shown)
		return LK_ERR(LK_E_LIMIT, "past the end of the text");
	return LK_NONE;
}

lk_err
edit_mark(struct edit *e, struct op_id text, const struct mark_range *r,
    enum mark_expand expand)
{
	struct placed_op op = { .obj = id_pack(text),
		.insert = true,
		.action = ACTION_MARK,
		.expand = expand == EXPAND_BEFORE || expand == EXPAND_BOTH,
		.has_name = true,
		.name = r->mark.name,
		.value = r->mark.value };
	struct reference begin, end;
	struct object *o;

	TRY(mark_check(e, text, r, &o));
	if (r->start == r->end && expand == EXPAND_NONE)
		return LK_NONE;
	TRY(edit_reference(e, o, r->start, &begin));
	op.elem = begin.elem;
	TRY(edit_add(e, &op));
	TRY(object_load(e->doc, op.obj, &o));
	TRY(edit_reference(e, o, r->end, &end));
	/* With nothing between, the place found is before the begin. */
	op.elem = end.shown == begin.shown ? op.id : end.elem;
	op.has_name = false;
	op.name = (struct bytes){ 0 };
	op.value = (struct value){ .type = VALUE_NULL };
	op.expand = expand == EXPAND_AFTER || expand == EXPAND_BOTH;
	return edit_add_last(e, &op);
}

lk_err
edit_block_split(
    struct edit *e, struct op_id text, uint64_t pos, struct op_id *map)
{
	struct object *o;

	TRY(text_of_caller(e->doc, text, &o));
	if (pos > o->shown)
		return LK_ERR(LK_E_LIMIT, "past the end of the text");
	return edit_insert_obj(e, text, pos, OBJ_MAP, map);
}

lk_err
edit_block_join(struct edit *e, struct op_id text, uint64_t pos)
{
	struct seq_place place;
	struct object *o;
	struct op_ref at;

	TRY(text_of_caller(e->doc, text, &o));
	if (pos >= o->shown)
		return LK_ERR(LK_E_DATA, "there is no block");
	TRY(seq_at(e->doc, o, pos, &place));
	TRY(elem_winner(e->doc, id_pack(text), place.elem.id, &at));
	if (at.op->action != ACTION_MAKE_MAP)
		return LK_ERR(LK_E_DATA, "there is no block");
	return edit_delete_elem(e, id_pack(text), place.elem.id);
}

lk_err
edit_block_update(
    struct edit *e, struct op_id text, uint64_t pos, struct op_id *map)
{
	TRY(edit_block_join(e, text, pos));
	return edit_block_split(e, text, pos, map);
}
