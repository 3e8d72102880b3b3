#include "daemon/diff_json.h"

#include <string.h>

#include "base/limits.h"
#include "daemon/json_text.h"
#include "daemon/line_diff.h"
#include "daemon/pointer.h"
#include "daemon/subject.h"

struct diff_writer {
	struct json_object *list;
	struct doc *from, *to;
	const struct diff_form *form;
	bool text_told; /* its hunks have been told: */
	struct op_id text;
	size_t room; /* for the list */
};

static const char *const actions[] = {
	[PATCH_PUT] = "put",
	[PATCH_DEL] = "del",
	[PATCH_INSERT] = "insert",
	[PATCH_SPLICE] = "splice",
	[PATCH_INC] = "inc",
	[PATCH_CONFLICT] = "conflict",
	[PATCH_MARK] = "mark",
	[PATCH_UNMARK] = "unmark",
};

static bool
for_people(const struct diff_writer *w)
{
	return w->form->context >= 0;
}

static void
step_write(struct buf *path, const struct prop *p)
{
	if (p->is_key)
		pointer_step(path, p->key);
	else
		buf_printf(path, "/%llu", (unsigned long long)p->index);
}

static bool
is_content(const struct prop *p)
{
	return p->is_key && bytes_equal(p->key, BYTES_STR("content"));
}

/* Whether it is told at all: what lies outside of the content is not, nor what
 * nobody sees since something else wins. */
static bool
is_told(const struct diff_writer *w, const struct patch *p)
{
	if (p->shadowed)
		return false;
	return !w->form->content ||
	    is_content(p->path_len > 0 ? &p->path[0] : &p->prop);
}

/* The path of the object and, if there is one, a place in it. */
static lk_err
path_write(struct buf *path, struct diff_writer *w, const struct patch *p,
    const struct prop *place)
{
	size_t skip = w->form->content ? 1 : 0;

	for (size_t i = skip; i < p->path_len; i++)
		step_write(path, &p->path[i]);
	if (place != NULL && p->path_len >= skip)
		step_write(path, place);
	return buf_err(path, "path of a patch");
}

/* New: an entry. */
static lk_err
entry_new(struct diff_writer *w, const char *action, const struct patch *p,
    const struct prop *place, struct json_object **out)
{
	BUF_SCOPED path = { .max = DOCUMENT_BODY_MAX };
	struct json_object *o;

	TRY(path_write(&path, w, p, place));
	TRY(answer_take(&w->room, path.len));
	o = json_object_new_object();
	json_object_array_add(w->list, o);
	json_add_text(o, "action", action);
	json_add_bytes(o, "path", buf_bytes(&path));
	*out = o;
	return LK_NONE;
}

static lk_err
value_add(struct diff_writer *w, struct json_object *o, const char *key,
    struct doc *doc, const struct item *item)
{
	BUF_SCOPED json = { 0 };

	buf_init(&json, DOCUMENT_BODY_MAX);
	TRY(json_value_write(&json, doc, item, w->form->style));
	TRY(answer_take(&w->room, json.len));
	json_add_bytes(o, key, buf_bytes(&json));
	return LK_NONE;
}

/* What won at the place of a patch, or so many elements behind it. */
static lk_err
was_get(struct diff_writer *w, const struct patch *p, uint64_t behind,
    struct item *out)
{
	struct prop at = p->prop;

	if (!at.is_key)
		at.index = p->index_from + behind;
	return doc_get(w->from, p->obj, at, out);
}

static lk_err
was_add(struct diff_writer *w, struct json_object *o, const struct patch *p,
    uint64_t behind)
{
	struct item item;
	lk_err err;

	if (!for_people(w))
		return LK_NONE;
	err = was_get(w, p, behind, &item);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	return value_add(w, o, "was", w->from, &item);
}

/* The marks of texts that a patch has put whole, and where. */
struct mark_walk {
	struct diff_writer *w;
	struct buf path;
	bool map; /* the innermost container is one */
};

static lk_err
range_add(void *ctx, const struct mark_range *range)
{
	struct mark_walk *m = ctx;
	struct json_object *o = json_object_new_object();
	struct item value = { .value = range->mark.value };
	size_t len = m->path.len;

	json_object_array_add(m->w->list, o);
	buf_printf(&m->path, "/%llu", (unsigned long long)range->start);
	TRY(buf_err(&m->path, "path of a mark"));
	json_add_text(o, "action", actions[PATCH_MARK]);
	json_add_bytes(o, "path", buf_bytes(&m->path));
	m->path.len = len;
	json_add_number(o, "length", range->end - range->start);
	json_add_bytes(o, "name", range->mark.name);
	return value_add(m->w, o, "json", m->w->to, &value);
}

static lk_err marks_add(struct mark_walk *, const struct item *);

static lk_err
marks_add_member(void *ctx, const struct doc_visit *visit)
{
	struct mark_walk *m = ctx;
	struct prop at = {
		.is_key = m->map, .key = visit->key, .index = visit->index
	};
	size_t len = m->path.len;
	lk_err err;

	if (!visit->winner || !visit->item.is_obj)
		return LK_NONE;
	step_write(&m->path, &at);
	err = marks_add(m, &visit->item);
	m->path.len = len;
	return err;
}

/* As deep as JSON was written. */
static lk_err
marks_add(struct mark_walk *m, const struct item *item)
{
	bool outer = m->map;
	lk_err err;

	if (!item->is_obj)
		return LK_NONE;
	if (item->obj_type == OBJ_TEXT)
		return doc_marks(m->w->to, item->id, range_add, m);
	m->map = item->obj_type == OBJ_MAP;
	err = doc_each(m->w->to, item->id, marks_add_member, m);
	m->map = outer;
	return err;
}

/* The marks of what a patch has put. */
static lk_err
marks_add_put(struct diff_writer *w, const struct patch *p)
{
	struct mark_walk m = { .w = w, .path = { .max = DOCUMENT_BODY_MAX } };
	lk_err err = path_write(&m.path, w, p, &p->prop);

	if (err.code == LK_OK)
		err = marks_add(&m, &p->values[p->values_len - 1]);
	buf_clear(&m.path);
	return err;
}

/* PUT and INSERT. */
static lk_err
put_add(struct diff_writer *w, const struct patch *p)
{
	const struct item *now = &p->values[p->values_len - 1];
	struct json_object *o;

	TRY(entry_new(w, actions[p->kind], p, &p->prop, &o));
	TRY(value_add(w, o, "json", w->to, now));
	if (p->values_len > 1)
		json_add_flag(o, "conflict", true);
	return p->kind == PATCH_PUT ? was_add(w, o, p, 0) : LK_NONE;
}

static lk_err
del_add(struct diff_writer *w, const struct patch *p)
{
	bool each = for_people(w) && p->obj_type == OBJ_LIST;
	struct json_object *o;

	for (uint64_t i = 0; i < (each ? p->length : 1); i++) {
		struct prop place = p->prop;

		if (each)
			place.index = p->index_from + i;
		TRY(entry_new(w, "del", p, &place, &o));
		if (!place.is_key && !each)
			json_add_number(o, "length", p->length);
		TRY(was_add(w, o, p, i));
	}
	return LK_NONE;
}

static lk_err
inc_add(struct diff_writer *w, const struct patch *p)
{
	struct json_object *o;
	struct item item;

	TRY(entry_new(w, "inc", p, &p->prop, &o));
	json_object_object_add(o, "by", json_object_new_int64(p->by));
	TRY(was_get(w, p, 0, &item));
	TRY(was_add(w, o, p, 0));
	item.value.i64 = (int64_t)((uint64_t)item.value.i64 + (uint64_t)p->by);
	return value_add(w, o, "json", w->to, &item);
}

static lk_err
conflict_add(struct diff_writer *w, const struct patch *p)
{
	struct json_object *o;
	BUF_SCOPED json = { 0 };

	TRY(entry_new(w, "conflict", p, &p->prop, &o));
	buf_init(&json, DOCUMENT_BODY_MAX);
	buf_u8(&json, '{');
	for (size_t i = 0; i < p->values_len; i++) {
		if (i > 0)
			buf_u8(&json, ',');
		TRY(json_conflict_write(
		    &json, w->to, &p->values[i], w->form->style));
	}
	buf_u8(&json, '}');
	TRY(buf_err(&json, "values of a conflict"));
	TRY(answer_take(&w->room, json.len));
	json_add_bytes(o, "json", buf_bytes(&json));
	return LK_NONE;
}

static lk_err
mark_add(struct diff_writer *w, const struct patch *p)
{
	struct item value = { .value = p->mark.value };
	struct json_object *o;

	TRY(entry_new(w, actions[p->kind], p, &p->prop, &o));
	TRY(answer_take(&w->room, p->mark.name.len));
	json_add_number(o, "length", p->length);
	json_add_bytes(o, "name", p->mark.name);
	return p->kind == PATCH_MARK ? value_add(w, o, "json", w->to, &value)
				     : LK_NONE;
}

static lk_err
splice_add(struct diff_writer *w, const struct patch *p)
{
	struct json_object *o;

	TRY(entry_new(w, "splice", p, &p->prop, &o));
	TRY(answer_take(&w->room, p->text.len));
	json_add_bytes(o, "text", p->text);
	return LK_NONE;
}

static lk_err
text_read(struct buf *out, struct doc *doc, const struct op_id *text)
{
	buf_init(out, DOCUMENT_BODY_MAX);
	return text == NULL ? LK_NONE : doc_text(doc, *text, out);
}

/* The lines that differ between two texts, NULL: none, as an entry; `place` as
 * entry_new. */
static lk_err
hunks_add(struct diff_writer *w, const struct patch *p,
    const struct prop *place, const struct op_id *from, const struct op_id *to)
{
	BUF_SCOPED old = { 0 };
	BUF_SCOPED new = { 0 };
	struct json_object *o, *hunks;

	TRY(text_read(&old, w->from, from));
	TRY(text_read(&new, w->to, to));
	if (bytes_equal(buf_bytes(&old), buf_bytes(&new)))
		return LK_NONE;
	TRY(answer_take(&w->room, old.len + new.len));
	TRY(entry_new(w, "text", p, place, &o));
	hunks = json_object_new_array();
	json_object_object_add(o, "hunks", hunks);
	return line_diff(
	    hunks, buf_bytes(&old), buf_bytes(&new), (size_t)w->form->context);
}

/* All that differs in the lines of a text, when the first of it comes. */
static lk_err
text_add(struct diff_writer *w, const struct patch *p)
{
	if (w->text_told && w->text.ctr == p->obj.ctr &&
	    w->text.actor == p->obj.actor)
		return LK_NONE;
	w->text_told = true;
	w->text = p->obj;
	return hunks_add(w, p, NULL, &p->obj, &p->obj);
}

static bool
is_text(const struct item *item)
{
	return item->is_obj && item->obj_type == OBJ_TEXT;
}

/* Whether a text that is new, or gone, is told by its lines: it has several,
 * or is the document. */
static lk_err
is_lines(struct diff_writer *w, const struct patch *p, struct doc *doc,
    const struct item *item, bool *lines)
{
	BUF_SCOPED text = { 0 };

	*lines = false;
	if (!is_text(item) || !p->prop.is_key)
		return LK_NONE;
	TRY(text_read(&text, doc, &item->id));
	*lines = text.len > 0 &&
	    ((w->form->content && p->path_len == 0) ||
		memchr(text.ptr, '\n', text.len) != NULL);
	return LK_NONE;
}

/* For people a text put in the place of a text is one that changed. */
static lk_err
put_lines_add(struct diff_writer *w, const struct patch *p, bool *done)
{
	const struct item *now = &p->values[p->values_len - 1];
	struct item was;
	lk_err err;

	*done = false;
	if (!for_people(w) || p->kind != PATCH_PUT || !is_text(now))
		return LK_NONE;
	err = was_get(w, p, 0, &was);
	if (err.code == LK_E_NOTFOUND) {
		TRY(is_lines(w, p, w->to, now, done));
		return *done ? hunks_add(w, p, &p->prop, NULL, &now->id)
			     : LK_NONE;
	}
	TRY(err);
	*done = is_text(&was);
	return *done ? hunks_add(w, p, &p->prop, &was.id, &now->id) : LK_NONE;
}

static lk_err
put_told(struct diff_writer *w, const struct patch *p)
{
	bool done;

	TRY(put_lines_add(w, p, &done));
	if (!done)
		TRY(put_add(w, p));
	return marks_add_put(w, p);
}

static lk_err
del_told(struct diff_writer *w, const struct patch *p)
{
	bool done = false;
	struct item was;

	if (for_people(w) && p->prop.is_key) {
		TRY(was_get(w, p, 0, &was));
		TRY(is_lines(w, p, w->from, &was, &done));
	}
	return done ? hunks_add(w, p, &p->prop, &was.id, NULL) : del_add(w, p);
}

static lk_err
patch_add(void *ctx, const struct patch *p)
{
	struct diff_writer *w = ctx;
	bool text = for_people(w) && p->obj_type == OBJ_TEXT;

	if (!is_told(w, p))
		return LK_NONE;
	switch (p->kind) {
	case PATCH_PUT:
		return put_told(w, p);
	case PATCH_INSERT:
		if (text)
			TRY(text_add(w, p));
		return put_told(w, p);
	case PATCH_DEL:
		return text ? text_add(w, p) : del_told(w, p);
	case PATCH_SPLICE:
		return text ? text_add(w, p) : splice_add(w, p);
	case PATCH_INC:
		return inc_add(w, p);
	case PATCH_CONFLICT:
		return conflict_add(w, p);
	case PATCH_MARK:
	case PATCH_UNMARK:
		return mark_add(w, p);
	}
	return LK_NONE;
}

lk_err
diff_json(struct json_object *list, struct doc *from, struct doc *to,
    const struct diff_form *form)
{
	struct diff_writer w = { .list = list,
		.from = from,
		.to = to,
		.form = form,
		.room = TREE_BYTES_MAX };

	return doc_diff_whole(from, to, patch_add, &w);
}
