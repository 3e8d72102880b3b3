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

struct model_mark {
	char *name, *value; /* owned */
};

/* A key, an element, or a code point. */
struct model_cell {
	char *key;      /* owned, in hex; maps */
	uint32_t glyph; /* texts: 0xfffc when a value is there instead */
	struct model_value *values;
	size_t len;
	struct model_mark *marks; /* by name; texts */
	size_t marks_len;
};

struct model_object {
	struct op_id id;
	enum obj_type type;
	bool fresh; /* begun by a patch */
	struct model_cell *cells;
	size_t len, cap;
};

struct model {
	struct doc *whole; /* not NULL: what patches begin is read from it */
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
	for (size_t i = 0; i < c->marks_len; i++) {
		free(c->marks[i].name);
		free(c->marks[i].value);
	}
	free(c->marks);
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
model_begin(struct model *m, struct op_id id, enum obj_type type, bool fresh)
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
	o->fresh = fresh;
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
	for (size_t i = 0; i < c->len; i++)
		model_value_clear(&c->values[i]);
	free(c->values);
	c->glyph = CODE_POINT_OBJECT;
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

static inline char *
model_key(struct bytes key)
{
	struct buf b;

	buf_init(&b, TREE_MAX);
	tree_hex(&b, key);
	buf_u8(&b, 0);
	return (char *)b.ptr;
}

/* Gives a code point a mark, or with NULL takes it away. */
static inline void
model_mark(struct model_cell *c, struct bytes name, const struct value *value)
{
	char *key = model_key(name);
	struct buf b;
	size_t i = 0;

	while (i < c->marks_len && strcmp(c->marks[i].name, key) < 0)
		i++;
	if (i < c->marks_len && strcmp(c->marks[i].name, key) == 0) {
		free(c->marks[i].name);
		free(c->marks[i].value);
		memmove(c->marks + i, c->marks + i + 1,
		    (--c->marks_len - i) * sizeof(*c->marks));
	}
	if (value == NULL) {
		free(key);
		return;
	}
	c->marks = reallocarray(c->marks, c->marks_len + 1, sizeof(*c->marks));
	memmove(c->marks + i + 1, c->marks + i,
	    (c->marks_len++ - i) * sizeof(*c->marks));
	buf_init(&b, TREE_MAX);
	tree_value(&b, value);
	buf_u8(&b, 0);
	c->marks[i] = (struct model_mark){ key, (char *)b.ptr };
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
		for (size_t k = 0; k < c->marks_len; k++)
			buf_printf(out, "<%s=%s>", c->marks[k].name,
			    c->marks[k].value);
		buf_str(out, ";");
	}
	buf_str(out, "}");
}

#endif
