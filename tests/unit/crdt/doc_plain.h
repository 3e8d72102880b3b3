/*
 * doc_plain.h - for tests: what a document shows as plain JSON, in the form of
 * "plain" in the ghost vectors: each slot is the list of its values, ascending;
 * a text is a string, or the string and its marks.
 */
#ifndef TESTS_DOC_PLAIN_H
#define TESTS_DOC_PLAIN_H

#include <json.h>

#include "tests/unit/crdt/doc_tree.h"

struct plain_walk {
	struct doc *doc;
	struct json_object *out;  /* of the map or list */
	struct json_object *slot; /* at hand */
};

static inline struct json_object *plain_object(
    struct doc *, struct op_id, enum obj_type);

static inline struct json_object *
plain_hex(struct bytes b)
{
	BUF_SCOPED hex = { .max = TREE_MAX };

	tree_hex(&hex, b);
	return json_object_new_string_len((const char *)hex.ptr, (int)hex.len);
}

/* Integers are strings there, null and what is unknown is null. */
static inline struct json_object *
plain_value(const struct value *v)
{
	BUF_SCOPED number = { .max = TREE_MAX };
	double d;

	switch (v->type) {
	case VALUE_FALSE:
	case VALUE_TRUE:
		return json_object_new_boolean(v->type == VALUE_TRUE);
	case VALUE_UINT:
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		tree_plain(&number, v);
		return json_object_new_string_len(
		    (const char *)number.ptr, (int)number.len);
	case VALUE_F64:
		d = f64_get(v);
		return json_object_new_double(d);
	case VALUE_STR:
		return json_object_new_string_len(
		    (const char *)v->bytes.ptr, (int)v->bytes.len);
	case VALUE_BYTES:
		return plain_hex(v->bytes);
	default:
		return NULL;
	}
}

static inline lk_err
plain_each(void *ctx, const struct doc_visit *v)
{
	struct plain_walk *w = ctx;

	if (w->slot == NULL) {
		w->slot = json_object_new_array();
		if (json_object_is_type(w->out, json_type_array)) {
			json_object_array_add(w->out, w->slot);
		} else {
			BUF_SCOPED key = { .max = TREE_MAX };

			buf_add(&key, v->key);
			buf_u8(&key, 0);
			json_object_object_add(
			    w->out, (const char *)key.ptr, w->slot);
		}
	}
	json_object_array_add(w->slot,
	    v->item.is_obj ? plain_object(w->doc, v->item.id, v->item.obj_type)
			   : plain_value(&v->item.value));
	if (v->winner)
		w->slot = NULL;
	return LK_NONE;
}

struct plain_marks {
	struct bytes text;
	struct json_object *out;
};

static inline lk_err
plain_mark(void *ctx, const struct mark_range *r)
{
	struct plain_marks *m = ctx;
	struct json_object *one = json_object_new_array();

	json_object_array_add(one,
	    json_object_new_string_len(
		(const char *)r->mark.name.ptr, (int)r->mark.name.len));
	json_object_array_add(
	    one, json_object_new_uint64(tree_utf16(m->text, r->start)));
	json_object_array_add(
	    one, json_object_new_uint64(tree_utf16(m->text, r->end)));
	json_object_array_add(one, plain_value(&r->mark.value));
	json_object_array_add(m->out, one);
	return LK_NONE;
}

/* By name; of one name they come in order. */
static inline int
plain_mark_compare(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object *const *)a;
	struct json_object *y = *(struct json_object *const *)b;
	int r = strcmp(json_object_get_string(json_object_array_get_idx(x, 0)),
	    json_object_get_string(json_object_array_get_idx(y, 0)));

	if (r != 0)
		return r;
	return (int)json_object_get_int64(json_object_array_get_idx(x, 1)) -
	    (int)json_object_get_int64(json_object_array_get_idx(y, 1));
}

static inline struct json_object *
plain_text(struct doc *doc, struct op_id obj)
{
	BUF_SCOPED text = { .max = TREE_MAX };
	struct plain_marks m = { .out = json_object_new_array() };
	struct json_object *string, *both;

	assert_int_equal(doc_text(doc, obj, &text).code, LK_OK);
	m.text = buf_bytes(&text);
	assert_int_equal(doc_marks(doc, obj, plain_mark, &m).code, LK_OK);
	json_object_array_sort(m.out, plain_mark_compare);
	string =
	    json_object_new_string_len((const char *)text.ptr, (int)text.len);
	if (json_object_array_length(m.out) == 0) {
		json_object_put(m.out);
		return string;
	}
	both = json_object_new_array();
	json_object_array_add(both, string);
	json_object_array_add(both, m.out);
	return both;
}

static inline struct json_object *
plain_object(struct doc *doc, struct op_id obj, enum obj_type type)
{
	struct plain_walk w = { .doc = doc };

	if (type == OBJ_TEXT)
		return plain_text(doc, obj);
	w.out = type == OBJ_MAP ? json_object_new_object()
				: json_object_new_array();
	assert_int_equal(doc_each(doc, obj, plain_each, &w).code, LK_OK);
	return w.out;
}

#endif
