#include "crdt/cursor.h"

#include <string.h>

#include "crdt/doc_present.h"
#include "crdt/doc_read.h"

static lk_err
sequence_of_caller(struct doc *doc, struct op_id obj, struct object **o)
{
	TRY(object_of_caller(doc, obj, o));
	return (*o)->type != OBJ_MAP
	    ? LK_NONE
	    : LK_ERR(LK_E_DATA, "a map has no positions");
}

lk_err
doc_cursor(struct doc *doc, struct op_id obj, uint64_t index, bool before,
    struct cursor *out)
{
	struct cursor c = { .kind = CURSOR_OP, .before = before };
	struct seq_place place;
	struct doc_actor *a;
	struct object *o;
	struct op_ref at;

	TRY(sequence_of_caller(doc, obj, &o));
	if (index > o->shown)
		return LK_ERR(LK_E_LIMIT, "past the end");
	if (index == o->shown) {
		*out = (struct cursor){ .kind = CURSOR_END };
		return LK_NONE;
	}
	TRY(seq_at(doc, o, index, &place));
	TRY(elem_winner(doc, id_pack(obj), place.elem.id, &at));
	TRY(doc_actor_load(doc, id_actor(at.op->id), &a));
	c.ctr = id_ctr(at.op->id);
	c.actor_len = a->id.len;
	memcpy(c.actor, a->id.ptr, a->id.len);
	*out = c;
	return LK_NONE;
}

/* A void change that nothing visible depends on is as if it had never come. */
static lk_err
check_present(struct doc *doc, const struct stored_op *op)
{
	PRESENT_SCOPED present = { 0 };
	uint32_t change = op->change;

	if (op->visible)
		return LK_NONE;
	TRY(present_find(doc, &present));
	return change < doc->head.changes && present.how[change] != PRESENT_NOT
	    ? LK_NONE
	    : LK_ERR(LK_E_NOTFOUND, "op of a cursor");
}

/* The op, if it has a place in the object. */
static lk_err
cursor_op(struct doc *doc, uint64_t obj, const struct cursor *c, uint64_t *id)
{
	struct op_ref at;
	uint32_t actor;

	TRY(doc_actor_find(doc, BYTES(c->actor, c->actor_len), &actor));
	*id = (uint64_t)c->ctr << 32 | actor;
	TRY(opset_find(doc, *id, &at));
	if (at.op->obj != obj || !op_is_value(at.op))
		return LK_ERR(LK_E_NOTFOUND, "op of a cursor");
	return check_present(doc, at.op);
}

/* The nearest op that is shown, from `id` on along what each was inserted
 * behind, or written over; 0: the head. */
static lk_err
shown_before(struct doc *doc, uint64_t id, uint64_t *out)
{
	while (id != 0) {
		struct op_ref at;
		uint64_t next;

		TRY(doc_trim(doc));
		TRY(opset_load(doc, id, &at));
		if (op_shown(at.op))
			break;
		next = at.op->insert ? at.op->ref : at.op->slot;
		/* Damage may not lead round in a circle. */
		if (id_ctr(next) >= id_ctr(id))
			return LK_ERR(LK_E_CORRUPT, "place of an element");
		id = next;
	}
	*out = id;
	return LK_NONE;
}

lk_err
doc_cursor_index(
    struct doc *doc, struct op_id obj, const struct cursor *c, uint64_t *index)
{
	struct seq_place place;
	struct object *o;
	struct op_ref at;
	uint64_t id;

	TRY(sequence_of_caller(doc, obj, &o));
	if (c->kind != CURSOR_OP) {
		*index = c->kind == CURSOR_START ? 0 : o->shown;
		return LK_NONE;
	}
	TRY(cursor_op(doc, o->id, c, &id));
	if (c->before)
		TRY(shown_before(doc, id, &id));
	if (id == 0) {
		*index = 0;
		return LK_NONE;
	}
	TRY(opset_load(doc, id, &at));
	TRY(object_load(doc, id_pack(obj), &o));
	TRY(seq_find(doc, o, at.op->slot, &place));
	*index = place.index;
	return LK_NONE;
}
