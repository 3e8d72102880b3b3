/*
 * doc_model.h - for tests: what a document shows, as plain values that patches
 * can be applied to.  Ids, conflicts and types are in it.
 */
#ifndef TESTS_DOC_MODEL_H
#define TESTS_DOC_MODEL_H

#include "crdt/code_point.h"
#include "tests/unit/crdt/doc_replica.h"

/* A value: an object by its id, or a scalar as text. */
struct model_value {
	struct op_id id;
	bool is_obj;
	enum obj_type obj_type;
	bool is_counter;
	int64_t counter;
	char *text; /* owned */
};

/* A key, an element, or a code point. */
struct model_cell {
	char *key;      /* owned, in hex; maps */
	uint32_t glyph; /* texts: 0xfffc when a value is there instead */
	struct model_value *values;
	size_t len;
};

struct model_object {
	struct op_id id;
	enum obj_type type;
	struct model_cell *cells;
	size_t len, cap;
};

struct model {
	struct model_object *objects;
	size_t len, cap;
};

static inline void
model_value_clear(struct model_value *v)
{
	free(v->text);
}

static inline void
model_cell_clear(struct model_cell *c)
{
	for (size_t i = 0; i < c->len; i++)
		model_value_clear(&c->values[i]);
	free(c->values);
	free(c->key);
}

static inline void
model_object_clear(struct model_object *o)
{
	for (size_t i = 0; i < o->len; i++)
		model_cell_clear(&o->cells[i]);
	free(o->cells);
	o->cells = NULL;
	o->len = o->cap = 0;
}

static inline void
model_clear(struct model *m)
{
	for (size_t i = 0; i < m->len; i++)
		model_object_clear(&m->objects[i]);
	free(m->objects);
	*m = (struct model){ 0 };
}

static inline struct model_object *
model_find(struct model *m, struct op_id id)
{
	for (size_t i = 0; i < m->len; i++)
		if (m->objects[i].id.ctr == id.ctr &&
		    m->objects[i].id.actor == id.actor)
			return &m->objects[i];
	return NULL;
}

/* An object, empty from now on. */
static inline void
model_begin(struct model *m, struct op_id id, enum obj_type type)
{
	struct model_object *o = model_find(m, id);

	if (o == NULL) {
		if (m->len == m->cap) {
			m->cap = 2 * m->cap + 8;
			m->objects = reallocarray(
			    m->objects, m->cap, sizeof(*m->objects));
		}
		o = &m->objects[m->len++];
		*o = (struct model_object){ .id = id };
	}
	model_object_clear(o);
	o->type = type;
}

static inline struct model_value
model_value_of(const struct item *item)
{
	struct model_value v = { .id = item->id,
		.is_obj = item->is_obj,
		.obj_type = item->obj_type };
	struct buf b;

	if (item->is_obj)
		return v;
	if (item->value.type == VALUE_COUNTER) {
		v.is_counter = true;
		v.counter = item->value.i64;
		return v;
	}
	buf_init(&b, TREE_MAX);
	tree_value(&b, &item->value);
	buf_u8(&b, 0);
	v.text = (char *)b.ptr;
	return v;
}

static inline void
model_cell_fill(struct model_cell *c, const struct item *items, size_t n)
{
	char *key = c->key;

	c->key = NULL;
	model_cell_clear(c);
	*c = (struct model_cell){ .key = key, .glyph = CODE_POINT_OBJECT };
	c->values = calloc(n + 1, sizeof(*c->values));
	for (size_t i = 0; i < n; i++)
		c->values[i] = model_value_of(&items[i]);
	c->len = n;
}

/* Makes room for an empty cell. */
static inline struct model_cell *
model_cell_add(struct model_object *o, size_t at)
{
	assert_true(at <= o->len);
	if (o->len == o->cap) {
		o->cap = 2 * o->cap + 8;
		o->cells = reallocarray(o->cells, o->cap, sizeof(*o->cells));
	}
	memmove(o->cells + at + 1, o->cells + at,
	    (o->len - at) * sizeof(*o->cells));
	o->cells[at] = (struct model_cell){ 0 };
	o->len++;
	return &o->cells[at];
}

static inline void
model_cells_cut(struct model_object *o, size_t at, size_t n)
{
	assert_true(at <= o->len && n <= o->len - at);
	for (size_t i = at; i < at + n; i++)
		model_cell_clear(&o->cells[i]);
	memmove(o->cells + at, o->cells + at + n,
	    (o->len - at - n) * sizeof(*o->cells));
	o->len -= n;
}

static inline size_t
model_text_put(struct model_object *o, size_t at, struct bytes text)
{
	size_t n = 0;

	while (text.len > 0) {
		size_t used;
		uint32_t glyph = code_point_first(text, &used);

		model_cell_add(o, at + n++)->glyph = glyph;
		text = BYTES(text.ptr + used, text.len - used);
	}
	return n;
}

/* From a document. */
struct model_walk {
	struct model *m;
	struct doc *doc;
	struct op_id obj;
	struct item items[64];
	size_t len;
};

static inline void model_of_object(
    struct model *, struct doc *, struct op_id, enum obj_type);

static inline char *
model_key(struct bytes key)
{
	struct buf b;

	buf_init(&b, TREE_MAX);
	tree_hex(&b, key);
	buf_u8(&b, 0);
	return (char *)b.ptr;
}

static inline lk_err
model_each(void *ctx, const struct doc_visit *v)
{
	struct model_walk *w = ctx;
	struct model_object *o = model_find(w->m, w->obj);
	struct model_cell *c;

	assert_true(w->len < 64);
	w->items[w->len++] = v->item;
	if (!v->winner)
		return LK_NONE;
	if (o->type == OBJ_TEXT && !v->item.is_obj &&
	    v->item.value.type == VALUE_STR) {
		(void)model_text_put(o, o->len, v->item.value.bytes);
	} else {
		c = model_cell_add(o, o->len);
		if (o->type == OBJ_MAP)
			c->key = model_key(v->key);
		model_cell_fill(c, w->items, w->len);
	}
	for (size_t i = 0; i < w->len; i++)
		if (w->items[i].is_obj)
			model_of_object(
			    w->m, w->doc, w->items[i].id, w->items[i].obj_type);
	w->len = 0;
	return LK_NONE;
}

static inline void
model_of_object(
    struct model *m, struct doc *doc, struct op_id id, enum obj_type type)
{
	struct model_walk *w = calloc(1, sizeof(*w));

	model_begin(m, id, type);
	w->m = m;
	w->doc = doc;
	w->obj = id;
	assert_ok(doc_each(doc, id, model_each, w));
	free(w);
}

static inline void
model_of_doc(struct model *m, struct doc *doc)
{
	*m = (struct model){ 0 };
	model_of_object(m, doc, DOC_ROOT, OBJ_MAP);
}

/* As text.  Of a text only what wins. */
static inline void
model_show(struct model *m, struct op_id id, struct buf *out)
{
	struct model_object *o = model_find(m, id);

	assert_non_null(o);
	buf_printf(out, "%c{", "mlt"[o->type]);
	for (size_t i = 0; i < o->len; i++) {
		struct model_cell *c = &o->cells[i];
		size_t from =
		    o->type == OBJ_TEXT && c->len > 0 ? c->len - 1 : 0;

		if (c->key != NULL)
			buf_printf(out, "'%s'", c->key);
		if (o->type == OBJ_TEXT)
			buf_printf(out, "%x", c->glyph);
		for (size_t v = from; v < c->len; v++) {
			struct model_value *value = &c->values[v];

			buf_printf(out, "%s%" PRIu64 ".%u ",
			    v > from ? "," : "[", value->id.ctr,
			    value->id.actor);
			if (value->is_obj)
				model_show(m, value->id, out);
			else if (value->is_counter)
				buf_printf(
				    out, "counter %" PRId64, value->counter);
			else
				buf_str(out, value->text);
		}
		buf_str(out, ";");
	}
	buf_str(out, "}");
}

#endif
