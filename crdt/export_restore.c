#include <stdlib.h>

#include "crdt/doc_view.h"
#include "crdt/export_form.h"
#include "crdt/mark_overlay.h"
#include "crdt/op_naming.h"
#include "crdt/sequence.h"
#include "crdt/slot.h"
#include "crypto/digest.h"

#define ACTOR_LEN 16

/*
 * A walk through one object.  Either the change will know it as it is (then
 * what Automerge would show of it is compared with what the document shows), or
 * the change makes it anew (then all of it is copied).
 */
struct export_frame {
	struct export_frame *up;
	bool copy;
	uint64_t obj;
	struct op_id out; /* the object, as the change names it */
	enum obj_type type;
	bool begun;
	/* The slot at hand. */
	struct slot_cursor keys; /* of a map */
	struct seq_place place;  /* of a sequence */
	struct op_id before, at; /* elements, as the change names them */
	bool insert;             /* the next value makes the element */
	/* Values to copy, then values that stay, both ascending. */
	struct id_list todo;
	size_t copies, next;
	struct id_list preds; /* of the first one copied */
	struct mark_overlay marks;
};

struct exporting {
	struct doc *doc;
	struct doc *raw; /* what Automerge would show; NULL: nothing */
	const struct present *present;
	struct buf heads, ghosts; /* hashes of the history it goes with */
	struct change_writer *writer;
	uint64_t start_op;
	struct op_naming naming;
	struct op_id *preds;
	size_t preds_cap;
	struct buf value;
	struct export_frame *top;
};

static void
frame_pop(struct exporting *x)
{
	struct export_frame *f = x->top;

	x->top = f->up;
	slot_cursor_clear(&f->keys);
	id_list_clear(&f->todo);
	id_list_clear(&f->preds);
	if (f->type == OBJ_TEXT)
		mark_overlay_clear(&f->marks);
	free(f);
}

static lk_err
frame_push(struct exporting *x, bool copy, uint64_t obj, struct op_id out,
    enum obj_type type)
{
	struct export_frame *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return LK_ERR(LK_E_NOMEM, "export");
	f->up = x->top;
	f->copy = copy;
	f->obj = obj;
	f->out = out;
	f->type = type;
	if (type == OBJ_TEXT)
		mark_overlay_init(&f->marks, x->doc, copy ? NULL : x->raw);
	x->top = f;
	return LK_NONE;
}

static void
exporting_clear(struct exporting *x)
{
	while (x->top != NULL)
		frame_pop(x);
	change_writer_free(x->writer);
	op_naming_clear(&x->naming);
	doc_free(x->raw);
	free(x->preds);
	buf_clear(&x->heads);
	buf_clear(&x->ghosts);
	buf_clear(&x->value);
}

/* Writing. */

/* An op on the slot at hand; the rest is for the caller. */
static struct op
frame_op(const struct export_frame *f, uint8_t action)
{
	struct op op = { .obj = f->out, .action = action };

	if (f->type == OBJ_MAP) {
		op.key = buf_bytes(&f->keys.key);
		return op;
	}
	op.insert = f->insert;
	op.elem = f->insert ? f->before : f->at;
	op.key_kind = op.elem.ctr == 0 ? KEY_HEAD : KEY_ELEM;
	return op;
}

/* `id` is what the change calls the op written. */
static lk_err
op_write(struct exporting *x, struct op *op, const struct id_list *preds,
    struct op_id *id)
{
	size_t n = preds == NULL ? 0 : preds->len;

	if (n > x->preds_cap) {
		struct op_id *grown = reallocarray(x->preds, n, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		x->preds = grown;
		x->preds_cap = n;
	}
	if (n > 0)
		TRY(op_naming_ids(&x->naming, preds->ids, n, x->preds));
	op->preds = x->preds;
	op->preds_len = n;
	*id =
	    (struct op_id){ .ctr = x->start_op + change_writer_ops(x->writer) };
	return change_writer_add(x->writer, op);
}

/* The value shown for an op; bytes are in x->value until the next one. */
static lk_err
value_read(struct exporting *x, uint64_t id, struct value *out)
{
	struct op_ref at;
	struct item item;

	TRY(opset_load(x->doc, id, &at));
	if (!value_has_bytes(at.op->type)) {
		TRY(opset_item(x->doc, id, &item));
		*out = item.value;
		return LK_NONE;
	}
	buf_reset(&x->value);
	TRY(opset_bytes(x->doc, at, &x->value));
	*out = (struct value){ .type = at.op->type,
		.bytes = buf_bytes(&x->value) };
	return LK_NONE;
}

/* Writes what the document shows by this op, in an op of its own. */
static lk_err
value_copy(struct exporting *x, struct export_frame *f, uint64_t id,
    const struct id_list *preds)
{
	enum obj_type type = OBJ_MAP;
	struct op_ref at;
	struct op_id made;
	struct op op;
	bool makes;

	TRY(opset_load(x->doc, id, &at));
	op = frame_op(f, at.op->action);
	makes = object_of_action(op.action, &type);
	if (!makes)
		TRY(value_read(x, id, &op.value));
	TRY(op_write(x, &op, preds, &made));
	if (f->insert) {
		f->insert = false;
		f->at = made;
		if (f->type == OBJ_TEXT)
			TRY(mark_overlay_elem(&f->marks, f->before, made));
		f->before = made;
	}
	return makes ? frame_push(x, true, id, made, type) : LK_NONE;
}

/* A value that stays: what is inside an object, or the sum of a counter. */
static lk_err
value_stay(struct exporting *x, struct export_frame *f, uint64_t id)
{
	ID_LIST_SCOPED pred = { 0 };
	struct item shown, raw;
	struct op_ref at;
	struct op_id out;
	struct op op;
	enum obj_type type;

	TRY(opset_load(x->doc, id, &at));
	if (object_of_action(at.op->action, &type)) {
		TRY(op_naming_id(&x->naming, id, &out));
		return frame_push(x, false, id, out, type);
	}
	if (!op_is_counter(at.op))
		return LK_NONE;
	TRY(opset_item(x->doc, id, &shown));
	TRY(opset_item(x->raw, id, &raw));
	if (shown.value.i64 == raw.value.i64)
		return LK_NONE;
	op = frame_op(f, ACTION_INCREMENT);
	op.value = (struct value){ .type = VALUE_INT,
		.i64 = (int64_t)((uint64_t)shown.value.i64 -
		    (uint64_t)raw.value.i64) };
	TRY(id_list_add(&pred, id));
	return op_write(x, &op, &pred, &out);
}

static lk_err
value_delete(struct exporting *x, struct export_frame *f)
{
	struct op op = frame_op(f, ACTION_DELETE);
	struct op_id id;

	return op_write(x, &op, &f->preds, &id);
}

/* Slots. */

/* Values shown, without the mark that an element may be. */
static lk_err
shown_find(struct doc *doc, const struct slot *s, struct id_list *out)
{
	ID_LIST_SCOPED all = { 0 };

	TRY(slot_shown(doc, s, &all));
	for (size_t i = 0; i < all.len; i++) {
		struct op_ref at;

		TRY(opset_load(doc, all.ids[i], &at));
		if (at.op->action != ACTION_MARK)
			TRY(id_list_add(out, all.ids[i]));
	}
	return LK_NONE;
}

/*
 * What Automerge would show, `raw`, is to become f->todo.  A value that has to
 * be put back gets a new id, the greatest of all; so what is to be above it has
 * to be put back too.
 */
static lk_err
slot_compare(
    struct exporting *x, struct export_frame *f, const struct id_list *raw)
{
	ID_LIST_SCOPED stay = { 0 };
	struct id_list *want = &f->todo;
	size_t at = 0;

	for (size_t i = 0; i < raw->len; i++)
		TRY(doc_id_check(x->doc, raw->ids[i]));
	f->copies = 0;
	for (size_t i = 0; i < want->len; i++) {
		for (; at < raw->len &&
		     doc_id_compare(x->doc, raw->ids[at], want->ids[i]) < 0;
		     at++)
			TRY(id_list_add(&f->preds, raw->ids[at]));
		if (at == raw->len || raw->ids[at] != want->ids[i]) {
			f->copies++;
		} else {
			TRY(id_list_add(
			    f->copies > 0 ? &f->preds : &stay, raw->ids[at]));
			f->copies += f->copies > 0;
			at++;
		}
	}
	for (; at < raw->len; at++)
		TRY(id_list_add(&f->preds, raw->ids[at]));
	/* What is copied comes first, then what stays. */
	for (size_t i = 0; i < f->copies; i++)
		want->ids[i] = want->ids[stay.len + i];
	for (size_t i = 0; i < stay.len; i++)
		want->ids[f->copies + i] = stay.ids[i];
	return f->copies == 0 && f->preds.len > 0 ? value_delete(x, f)
						  : LK_NONE;
}

/* The slot at hand, as the document and as Automerge would show it. */
static lk_err
slot_take(struct exporting *x, struct export_frame *f, const struct slot *s,
    const struct slot *raw)
{
	ID_LIST_SCOPED raw_ids = { 0 };

	f->todo.len = f->preds.len = f->next = 0;
	TRY(shown_find(x->doc, s, &f->todo));
	f->copies = f->todo.len;
	if (f->copy)
		return LK_NONE;
	if (raw != NULL)
		TRY(shown_find(x->raw, raw, &raw_ids));
	return slot_compare(x, f, &raw_ids);
}

/* NOTFOUND at the end, as the next one. */
static lk_err
key_next(struct exporting *x, struct export_frame *f)
{
	struct slot s, raw;
	lk_err err;

	TRY(slot_next_key(x->doc, f->obj, &f->keys, &s));
	if (f->copy)
		return slot_take(x, f, &s, NULL);
	err =
	    slot_load_key(x->raw, f->obj, buf_bytes(&f->keys.key), false, &raw);
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	return slot_take(x, f, &s, err.code == LK_OK ? &raw : NULL);
}

static lk_err
elem_take(struct exporting *x, struct export_frame *f, struct op_ref elem)
{
	bool is_mark = elem.op->action == ACTION_MARK;
	uint64_t id = elem.op->id;
	struct slot s, raw;

	if (is_mark && f->type == OBJ_TEXT)
		TRY(mark_overlay_pass(&f->marks, id));
	if (is_mark && f->copy)
		return LK_NONE;
	TRY(slot_load_elem(x->doc, f->obj, id, &s));
	if (f->copy) {
		f->insert = true;
		return slot_take(x, f, &s, NULL);
	}
	f->before = f->at;
	TRY(op_naming_id(&x->naming, id, &f->at));
	TRY(slot_load_elem(x->raw, f->obj, id, &raw));
	TRY(slot_take(x, f, &s, &raw));
	if (f->type != OBJ_TEXT || is_mark || f->todo.len == 0)
		return LK_NONE;
	return mark_overlay_elem(&f->marks, f->before, f->at);
}

static lk_err
elem_next(struct exporting *x, struct export_frame *f)
{
	struct object *o;
	struct op_ref elem;

	if (!f->begun) {
		TRY(object_load(x->doc, f->obj, &o));
		TRY(seq_first(x->doc, o, &f->place));
	} else {
		TRY(seq_next(x->doc, &f->place));
	}
	f->begun = true;
	TRY(opset_load(x->doc, f->place.elem.id, &elem));
	if (x->present->how[elem.op->change] == PRESENT_NOT)
		return LK_NONE;
	return elem_take(x, f, elem);
}

/* Marks, and the walk as a whole. */

static lk_err
run_write(struct exporting *x, const struct export_frame *f,
    const struct overlay_run *run)
{
	struct op op = { .obj = f->out,
		.key_kind = run->before.ctr == 0 ? KEY_HEAD : KEY_ELEM,
		.elem = run->before,
		.insert = true,
		.action = ACTION_MARK,
		.value = run->value,
		.has_mark_name = true,
		.mark_name = run->name };
	struct op end = { .obj = f->out,
		.key_kind = KEY_ELEM,
		.elem = run->last,
		.insert = true,
		.action = ACTION_MARK };
	struct op_id id;

	TRY(op_write(x, &op, NULL, &id));
	return op_write(x, &end, NULL, &id);
}

static lk_err
frame_end(struct exporting *x)
{
	struct export_frame *f = x->top;

	if (f->type == OBJ_TEXT) {
		TRY(mark_overlay_finish(&f->marks));
		for (size_t i = 0; i < f->marks.runs_len; i++)
			TRY(run_write(x, f, &f->marks.runs[i]));
	}
	frame_pop(x);
	return LK_NONE;
}

static lk_err
frame_step(struct exporting *x)
{
	struct export_frame *f = x->top;
	lk_err err;

	TRY(doc_trim(x->doc));
	if (x->raw != NULL)
		TRY(doc_trim(x->raw));
	if (f->next < f->todo.len) {
		size_t at = f->next++;

		if (at >= f->copies)
			return value_stay(x, f, f->todo.ids[at]);
		return value_copy(
		    x, f, f->todo.ids[at], at == 0 ? &f->preds : NULL);
	}
	err = f->type == OBJ_MAP ? key_next(x, f) : elem_next(x, f);
	return err.code == LK_E_NOTFOUND ? frame_end(x) : err;
}

static lk_err
exporting_run(struct exporting *x, bool copy)
{
	TRY(frame_push(x, copy, 0, (struct op_id){ 0 }, OBJ_MAP));
	while (x->top != NULL)
		TRY(frame_step(x));
	return LK_NONE;
}

/* Names the change's author after the state it is made of. */
static lk_err
exporting_begin(
    struct exporting *x, struct change_head *head, const char *label)
{
	struct sha256_state s;
	uint8_t digest[SHA256_LEN];

	sha256_init(&s);
	sha256_add(&s, BYTES_STR(label));
	sha256_add(&s, buf_bytes(&x->heads));
	sha256_add(&s, buf_bytes(&x->ghosts));
	sha256_final(&s, digest);
	head->actor = BYTES(digest, ACTOR_LEN);
	head->seq = 1;
	x->start_op = head->start_op;
	x->naming.doc = x->doc;
	buf_init(&x->value, CHANGE_BODY_MAX);
	TRY(change_writer_new(&x->writer, head));
	op_naming_reset(&x->naming, x->writer);
	return LK_NONE;
}

/* What the history is that the change goes with. */
static lk_err
exporting_open(
    struct exporting *x, struct doc *doc, const struct present *present)
{
	*x = (struct exporting){ .doc = doc, .present = present };
	buf_init(&x->heads, present->heads.len);
	buf_init(&x->ghosts, present->ghosts.len);
	buf_add(&x->heads, buf_bytes(&present->heads));
	buf_add(&x->ghosts, buf_bytes(&present->ghosts));
	TRY(buf_err(&x->ghosts, "export"));
	return buf_err(&x->heads, "export");
}

static lk_err
restore(struct exporting *x, struct renaming *renaming, struct buf *body)
{
	struct change_head head = { .message =
					BYTES_STR("lk: effective state") };

	TRY(doc_at(x->doc, (const uint8_t(*)[LK_ID_LEN])x->heads.ptr,
	    x->heads.len / LK_ID_LEN, VIEW_RAW, &x->raw));
	if (renaming->any) {
		TRY(renaming_hashes(renaming, &x->heads));
		TRY(renaming_hashes(renaming, &x->ghosts));
	}
	x->naming.renaming = renaming;
	head.deps = x->heads.ptr;
	head.deps_len = x->heads.len / LK_ID_LEN;
	head.start_op = x->present->max_op + 1;
	TRY(exporting_begin(x, &head, "lk export"));
	TRY(exporting_run(x, false));
	return change_writer_ops(x->writer) == 0
	    ? LK_NONE
	    : change_writer_finish(x->writer, body);
}

lk_err
export_restore(struct doc *doc, const struct present *present,
    struct renaming *renaming, struct buf *body)
{
	struct exporting x;
	lk_err err = exporting_open(&x, doc, present);

	if (err.code == LK_OK)
		err = restore(&x, renaming, body);
	exporting_clear(&x);
	return err;
}

static lk_err
squash(struct exporting *x, struct buf *body)
{
	struct change_head head = { .start_op = 1 };

	TRY(exporting_begin(x, &head, "lk squash"));
	TRY(exporting_run(x, true));
	return change_writer_finish(x->writer, body);
}

lk_err
export_squash(struct doc *doc, const struct present *present, struct buf *body)
{
	struct exporting x;
	lk_err err = exporting_open(&x, doc, present);

	if (err.code == LK_OK)
		err = squash(&x, body);
	exporting_clear(&x);
	return err;
}
