#include <stdlib.h>

#include "crdt/edit_state.h"

/* The memory of the last edit, or new. */
static lk_err
edit_memory(struct doc *doc, const struct change_head *head, struct edit **out)
{
	struct edit *e = doc->edit_idle;
	lk_err err;

	if (e != NULL) {
		doc->edit_idle = NULL;
		err = change_writer_restart(e->writer, head);
	} else {
		e = calloc(1, sizeof(*e));
		if (e == NULL)
			return LK_ERR(LK_E_NOMEM, "edit");
		buf_init(&e->actor, ACTOR_LEN_MAX);
		err = change_writer_new(&e->writer, head);
	}
	buf_add(&e->actor, head->actor);
	if (err.code == LK_OK)
		err = buf_err(&e->actor, "actor");
	if (err.code != LK_OK) {
		edit_discard(e);
		return err;
	}
	*out = e;
	return LK_NONE;
}

lk_err
edit_new(struct edit **out, struct doc *doc, const struct change_head *head)
{
	TRY(doc_writable(doc));
	return edit_open(out, doc, head);
}

lk_err
edit_open(struct edit **out, struct doc *doc, const struct change_head *head)
{
	struct edit *e;
	lk_err err;

	TRY(doc_settle(doc));
	TRY(edit_memory(doc, head, &e));
	e->doc = doc;
	e->seq = head->seq;
	e->naming.doc = doc;
	e->naming.intake = &e->intake;
	op_naming_reset(&e->naming, e->writer);
	err = intake_open(&e->intake, doc, head);
	if (err.code == LK_OK && e->intake.place.parts)
		err = LK_ERR(LK_E_DATA, "the edit would fork its author");
	if (err.code != LK_OK) {
		edit_free(e);
		return err;
	}
	*out = e;
	return LK_NONE;
}

void
edit_discard(struct edit *e)
{
	if (e == NULL)
		return;
	change_writer_free(e->writer);
	intake_clear(&e->intake);
	buf_clear(&e->actor);
	op_naming_clear(&e->naming);
	free(e);
}

void
edit_free(struct edit *e)
{
	if (e == NULL)
		return;
	if (e->base != NULL)
		edit_leave(e);
	if (e->doc->edit_idle != NULL) {
		edit_discard(e);
		return;
	}
	intake_clear(&e->intake);
	buf_reset(&e->actor);
	e->ops = 0;
	e->doc->edit_idle = e;
}

static lk_err
edit_write(struct edit *e, const struct placed_op *placed)
{
	struct op op = { .key_kind = placed->in_map ? KEY_MAP
		    : placed->elem == 0             ? KEY_HEAD
						    : KEY_ELEM,
		.key = placed->key,
		.insert = placed->insert,
		.action = placed->action,
		.value = placed->value,
		.expand = placed->expand,
		.has_mark_name = placed->has_name,
		.mark_name = placed->name };
	struct op_id *preds = NULL;
	lk_err err;

	TRY(op_naming_id(&e->naming, placed->obj, &op.obj));
	TRY(op_naming_id(&e->naming, placed->elem, &op.elem));
	if (placed->preds_len > 0) {
		preds = calloc(placed->preds_len, sizeof(*preds));
		if (preds == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
	}
	err =
	    op_naming_ids(&e->naming, placed->preds, placed->preds_len, preds);
	op.preds = preds;
	op.preds_len = placed->preds_len;
	if (err.code == LK_OK)
		err = change_writer_add(e->writer, &op);
	free(preds);
	return err;
}

lk_err
edit_add(struct edit *e, struct placed_op *op)
{
	static const uint8_t none[LK_ID_LEN]; /* it begins no branch */
	struct doc *doc = e->doc;

	TRY(doc_trim(doc));
	if (e->intake.start_op + e->ops > OP_COUNTER_MAX)
		return LK_ERR(LK_E_LIMIT, "op counters");
	TRY(intake_author(&e->intake, buf_bytes(&e->actor), none));
	op->id = intake_own_id(&e->intake, e->ops);
	TRY(doc_place(doc, &e->intake.past, doc->head.changes, true, op));
	TRY(edit_write(e, op));
	e->ops++;
	return LK_NONE;
}

lk_err
edit_add_last(struct edit *e, struct placed_op *op)
{
	TRY(edit_add(e, op));
	arena_clear(&e->doc->loans);
	return LK_NONE;
}

void
edit_view_clear(struct edit_view *v)
{
	id_list_clear(&v->shown);
	id_list_clear(&v->preds);
}

const lk_err edit_unknown = { .code = LK_E_DATA,
	.what = "the edit does not depend on what is shown" };

bool
edit_knows(const struct edit *e, const struct stored_op *op)
{
	return past_has(&e->intake.past, id_actor(op->id), op->change);
}

/* The ghosts at the top of a slot that lie in the past of the edit. */
static lk_err
view_ghosts(struct edit *e, const struct slot *s, struct id_list *ghosts)
{
	ID_LIST_SCOPED all = { 0 };
	struct op_ref at;

	if (s->void_ops > 0)
		TRY(slot_ghosts(e->doc, s, &all));
	/* The inserting op is in no list. */
	if (!s->in_map)
		TRY(id_list_add(&all, s->ref));
	for (size_t i = 0; i < all.len; i++) {
		TRY(opset_load(e->doc, all.ids[i], &at));
		if (!at.op->visible && at.op->cov == 0 && at.op->hid == 0 &&
		    edit_knows(e, at.op))
			TRY(id_list_add(ghosts, all.ids[i]));
	}
	return LK_NONE;
}

/* Which of them raw Automerge shows: values that no other one names. */
static lk_err
view_raw(struct edit *e, const struct id_list *ghosts, struct edit_view *v)
{
	ID_SET_SCOPED named = { 0 };
	struct op_ref at;
	bool fresh;

	for (size_t i = 0; i < ghosts->len; i++) {
		EDGES_SCOPED edges = { 0 };

		TRY(opset_load(e->doc, ghosts->ids[i], &at));
		TRY(opset_edges(e->doc, at, &edges));
		for (size_t j = 0; j < edges.covers_len; j++)
			TRY(id_set_add(&named, edges.covers[j], &fresh));
	}
	for (size_t i = 0; i < ghosts->len; i++) {
		TRY(opset_load(e->doc, ghosts->ids[i], &at));
		if (op_is_value(at.op) && at.op->action != ACTION_MARK &&
		    !id_set_has(&named, ghosts->ids[i]))
			TRY(id_list_add(&v->preds, ghosts->ids[i]));
	}
	return LK_NONE;
}

lk_err
edit_view(struct edit *e, const struct slot *s, struct edit_view *v)
{
	ID_LIST_SCOPED ghosts = { 0 };
	struct op_ref at;

	TRY(slot_shown(e->doc, s, &v->shown));
	for (size_t i = 0; i < v->shown.len; i++) {
		TRY(opset_load(e->doc, v->shown.ids[i], &at));
		if (!edit_knows(e, at.op))
			return edit_unknown;
		TRY(id_list_add(&v->preds, v->shown.ids[i]));
	}
	TRY(view_ghosts(e, s, &ghosts));
	v->ghosts = ghosts.len > 0 || (s->void_ops > 0 && e->base == NULL);
	return ghosts.len > 0 ? view_raw(e, &ghosts, v) : LK_NONE;
}

/* An op on what is at prop: everything but action, value and preds. */
static lk_err
edit_target(struct edit *e, struct op_id obj, struct prop prop, struct slot *s,
    struct placed_op *op)
{
	struct object *o;
	lk_err err;

	if (prop.is_key && !utf8_valid(prop.key))
		return LK_ERR(LK_E_DATA, "a key is not UTF-8");
	TRY(object_of_caller(e->doc, obj, &o));
	err = slot_load_prop(e->doc, o, prop, s);
	if (err.code == LK_E_NOTFOUND && prop.is_key) {
		*s = (struct slot){ .obj = o->id, .in_map = true };
		err = LK_NONE;
	}
	*op = (struct placed_op){ .obj = o->id,
		.in_map = prop.is_key,
		.key = prop.key,
		.elem = prop.is_key ? 0 : s->ref };
	return err;
}

lk_err
value_check(const struct value *v)
{
	if (v->type == VALUE_STR && !utf8_valid(v->bytes))
		return LK_ERR(LK_E_DATA, "a string is not UTF-8");
	if (v->type > VALUE_UNKNOWN_MAX)
		return LK_ERR(LK_E_USAGE, "type of a value");
	return LK_NONE;
}

/* Whether the slot's winner is this value already. */
static lk_err
view_wins(struct edit *e, const struct edit_view *v, const struct value *value,
    bool *wins)
{
	BUF_SCOPED bytes = { .max = CHANGE_BODY_MAX };
	struct op_ref winner;
	struct item item;

	*wins = false;
	if (v->shown.len == 0)
		return LK_NONE;
	TRY(opset_load(e->doc, v->shown.ids[v->shown.len - 1], &winner));
	if (winner.op->action != ACTION_SET || winner.op->type != value->type)
		return LK_NONE;
	if (!value_has_bytes(value->type)) {
		TRY(opset_item(e->doc, winner.op->id, &item));
		*wins = value_equal(&item.value, value);
	} else if (winner.op->bytes_len == value->bytes.len) {
		/* Not lent, since the caller does not get to see it. */
		TRY(opset_bytes(e->doc, winner, &bytes));
		*wins = bytes_equal(buf_bytes(&bytes), value->bytes);
	}
	return LK_NONE;
}

lk_err
edit_put(struct edit *e, struct op_id obj, struct prop prop,
    const struct value *value)
{
	VIEW_SCOPED view = { 0 };
	struct placed_op op;
	struct slot s;
	bool wins;

	TRY(value_check(value));
	TRY(edit_target(e, obj, prop, &s, &op));
	TRY(edit_view(e, &s, &view));
	TRY(view_wins(e, &view, value, &wins));
	op.preds = view.preds.ids;
	op.preds_len = view.preds.len;
	if (wins && op.preds_len == 1)
		return LK_NONE;
	if (wins && !view.ghosts) {
		/* Automerge removes only the losers of the conflict. */
		op.action = ACTION_DELETE;
		op.preds_len--;
	} else {
		op.action = ACTION_SET;
		op.value = *value;
	}
	return edit_add_last(e, &op);
}

static lk_err
make_action(enum obj_type type, uint8_t *action)
{
	switch (type) {
	case OBJ_MAP:
		*action = ACTION_MAKE_MAP;
		return LK_NONE;
	case OBJ_LIST:
		*action = ACTION_MAKE_LIST;
		return LK_NONE;
	case OBJ_TEXT:
		*action = ACTION_MAKE_TEXT;
		return LK_NONE;
	}
	return LK_ERR(LK_E_USAGE, "type of an object");
}

lk_err
edit_make(struct edit *e, struct op_id obj, struct prop prop,
    enum obj_type type, struct op_id *made)
{
	VIEW_SCOPED view = { 0 };
	struct placed_op op;
	struct slot s;

	TRY(edit_target(e, obj, prop, &s, &op));
	TRY(edit_view(e, &s, &view));
	TRY(make_action(type, &op.action));
	op.preds = view.preds.ids;
	op.preds_len = view.preds.len;
	TRY(edit_add_last(e, &op));
	*made = id_unpack(op.id);
	return LK_NONE;
}

static lk_err
edit_insertion(
    struct edit *e, struct op_id obj, uint64_t index, struct placed_op *op)
{
	struct reference ref;
	struct object *o;

	TRY(object_of_caller(e->doc, obj, &o));
	if (o->type == OBJ_MAP)
		return LK_ERR(LK_E_DATA, "an index on a map");
	TRY(edit_reference(e, o, index, &ref));
	*op = (struct placed_op){
		.obj = id_pack(obj), .elem = ref.elem, .insert = true
	};
	return LK_NONE;
}

lk_err
edit_insert(
    struct edit *e, struct op_id obj, uint64_t index, const struct value *value)
{
	struct placed_op op;

	TRY(value_check(value));
	TRY(edit_insertion(e, obj, index, &op));
	op.action = ACTION_SET;
	op.value = *value;
	return edit_add_last(e, &op);
}

lk_err
edit_insert_obj(struct edit *e, struct op_id obj, uint64_t index,
    enum obj_type type, struct op_id *made)
{
	struct placed_op op;

	TRY(edit_insertion(e, obj, index, &op));
	TRY(make_action(type, &op.action));
	TRY(edit_add_last(e, &op));
	*made = id_unpack(op.id);
	return LK_NONE;
}

/* Deletes what is shown; nothing to do when nothing is. */
static lk_err
edit_remove(struct edit *e, const struct slot *s, struct placed_op *op)
{
	VIEW_SCOPED view = { 0 };

	TRY(edit_view(e, s, &view));
	if (view.shown.len == 0)
		return LK_NONE;
	op->action = ACTION_DELETE;
	op->preds = view.preds.ids;
	op->preds_len = view.preds.len;
	return edit_add(e, op);
}

lk_err
edit_delete(struct edit *e, struct op_id obj, struct prop prop)
{
	struct placed_op op;
	struct object *o;
	struct slot s;

	TRY(object_of_caller(e->doc, obj, &o));
	if (o->type == OBJ_TEXT && !prop.is_key)
		return prop.index < o->shown
		    ? edit_splice(e, obj, prop.index, 1, BYTES(NULL, 0))
		    : LK_ERR(LK_E_NOTFOUND, "position");
	TRY(edit_target(e, obj, prop, &s, &op));
	return edit_remove(e, &s, &op);
}

lk_err
edit_delete_elem(struct edit *e, uint64_t obj, uint64_t elem)
{
	struct placed_op op = { .obj = obj, .elem = elem };
	struct slot s;

	TRY(slot_load_elem(e->doc, obj, elem, &s));
	return edit_remove(e, &s, &op);
}

lk_err
edit_increment(struct edit *e, struct op_id obj, struct prop prop, int64_t by)
{
	VIEW_SCOPED view = { 0 };
	struct placed_op op;
	struct op_ref winner;
	struct slot s;

	TRY(edit_target(e, obj, prop, &s, &op));
	TRY(edit_view(e, &s, &view));
	if (view.shown.len == 0)
		return LK_ERR(LK_E_NOTFOUND, "counter");
	TRY(opset_load(e->doc, view.shown.ids[view.shown.len - 1], &winner));
	if (!op_is_counter(winner.op))
		return LK_ERR(LK_E_DATA, "the value is no counter");
	op.action = ACTION_INCREMENT;
	op.value = (struct value){ .type = VALUE_INT, .i64 = by };
	op.preds = view.shown.ids;
	op.preds_len = view.shown.len;
	return edit_add_last(e, &op);
}

size_t
edit_ops(const struct edit *e)
{
	return e->ops;
}

lk_err
edit_finish(struct edit *e, struct buf *body, uint8_t hash[static LK_ID_LEN])
{
	struct doc_change rec = { .actor = e->intake.author,
		.seq = e->seq,
		.start_op = e->intake.start_op,
		.ops = e->ops,
		.past_max_op = e->intake.start_op + e->ops - 1,
		.visible = true };
	size_t begin = body->len;

	if (e->ops == 0)
		return LK_NONE;
	TRY(doc_settle(e->doc));
	TRY(change_writer_finish(e->writer, body));
	TRY(buf_err(body, "body of a change"));
	chunk_hash(rec.hash, CHUNK_CHANGE,
	    BYTES(body->ptr + begin, body->len - begin));
	memcpy(hash, rec.hash, LK_ID_LEN);
	if (e->base != NULL)
		return edit_land(
		    e, BYTES(body->ptr + begin, body->len - begin));
	TRY(clock_store(e->doc, e->intake.past.clock));
	rec.clock = e->intake.past.clock->number;
	return doc_change_add(e->doc, &rec);
}
