/*
 * doc_tree.h - for tests: what a document shows, as one line of text, from the
 * document itself and from the "tree" of a test vector.  Ids, conflicts and
 * value types are all in it.
 */
#ifndef TESTS_DOC_TREE_H
#define TESTS_DOC_TREE_H

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

#include "crdt/doc.h"

#define TREE_MAX ((size_t)64 * 1024 * 1024)

struct tree_writer {
	struct doc *doc;
	struct buf *out;
	bool ids;
	bool map;
	struct bytes key;
	uint64_t index;
	bool any;
};

static inline lk_err tree_object(
    struct tree_writer *, struct op_id, enum obj_type);

static inline void
tree_f64(struct buf *b, double v)
{
	uint64_t bits;

	if (isnan(v)) {
		buf_str(b, "f64 NaN");
		return;
	}
	memcpy(&bits, &v, sizeof(bits));
	buf_printf(b, "f64 %016" PRIx64, bits);
}

static inline void
tree_hex(struct buf *b, struct bytes v)
{
	for (size_t i = 0; i < v.len; i++)
		buf_printf(b, "%02x", v.ptr[i]);
}

static inline lk_err
tree_id(struct tree_writer *w, struct op_id id)
{
	struct bytes actor;

	if (!w->ids)
		return LK_NONE;
	if (id.ctr == 0) {
		buf_str(w->out, "_root ");
		return LK_NONE;
	}
	TRY(doc_actor(w->doc, id.actor, &actor));
	buf_printf(w->out, "%" PRIu64 "@", id.ctr);
	tree_hex(w->out, actor);
	buf_str(w->out, " ");
	return LK_NONE;
}

static inline void
tree_value(struct buf *b, const struct value *v)
{
	double d;

	switch (v->type) {
	case VALUE_NULL:
		buf_str(b, "null");
		break;
	case VALUE_FALSE:
		buf_str(b, "boolean false");
		break;
	case VALUE_TRUE:
		buf_str(b, "boolean true");
		break;
	case VALUE_UINT:
		buf_printf(b, "uint %" PRIu64, v->u64);
		break;
	case VALUE_INT:
		buf_printf(b, "int %" PRId64, v->i64);
		break;
	case VALUE_COUNTER:
		buf_printf(b, "counter %" PRId64, v->i64);
		break;
	case VALUE_TIMESTAMP:
		buf_printf(b, "timestamp %" PRId64, v->i64);
		break;
	case VALUE_F64:
		memcpy(&d, v->f64, sizeof(d));
		tree_f64(b, d);
		break;
	case VALUE_STR:
		buf_str(b, "str ");
		tree_hex(b, v->bytes);
		break;
	case VALUE_BYTES:
		buf_str(b, "bytes ");
		tree_hex(b, v->bytes);
		break;
	default:
		buf_str(b, "unknown");
		break;
	}
}

static inline void
tree_key(struct buf *b, struct bytes key)
{
	buf_str(b, "'");
	tree_hex(b, key);
	buf_str(b, "'");
}

/* json-c cuts keys at a NUL, so what is under these cannot be compared. */
static inline bool
tree_key_known(struct bytes key)
{
	return key.len > 0 && memchr(key.ptr, 0, key.len) == NULL;
}

static inline lk_err
tree_each(void *ctx, const struct doc_visit *v)
{
	struct tree_writer *w = ctx, inner;
	bool same = w->any && (w->map ? bytes_equal(v->key, w->key) :
					v->index == w->index);

	if (!same && w->any)
		buf_str(w->out, "]");
	if (!same && w->map)
		tree_key(w->out, v->key);
	buf_str(w->out, same ? "," : "[");
	w->any = true;
	w->index = v->index;
	free((void *)(uintptr_t)w->key.ptr);
	w->key = (struct bytes){ 0 };
	if (w->map) {
		uint8_t *copy = malloc(v->key.len + 1);

		if (copy == NULL)
			return LK_ERR(LK_E_NOMEM, "tree");
		if (v->key.len > 0)
			memcpy(copy, v->key.ptr, v->key.len);
		w->key = BYTES(copy, v->key.len);
		if (!tree_key_known(v->key))
			return LK_NONE;
	}
	if (!v->item.is_obj) {
		TRY(tree_id(w, v->item.id));
		tree_value(w->out, &v->item.value);
		return LK_NONE;
	}
	inner = (struct tree_writer){ .doc = w->doc,
		.out = w->out,
		.ids = w->ids,
		.map = v->item.obj_type == OBJ_MAP };
	return tree_object(&inner, v->item.id, v->item.obj_type);
}

static inline lk_err
tree_object(struct tree_writer *w, struct op_id obj, enum obj_type type)
{
	static const char *const names[] = { "map", "list", "text" };
	struct buf text;
	lk_err err;

	TRY(tree_id(w, obj));
	buf_printf(w->out, "%s{", names[type]);
	if (type == OBJ_TEXT) {
		buf_init(&text, TREE_MAX);
		err = doc_text(w->doc, obj, &text);
		tree_hex(w->out, buf_bytes(&text));
		buf_clear(&text);
	} else {
		err = doc_each(w->doc, obj, tree_each, w);
		free((void *)(uintptr_t)w->key.ptr);
		if (w->any)
			buf_str(w->out, "]");
	}
	buf_str(w->out, "}");
	return err;
}

/* Appends what the whole document shows. */
static inline lk_err
tree_of_doc(struct doc *doc, bool ids, struct buf *out)
{
	struct tree_writer w = { .doc = doc, .out = out, .ids = ids,
		.map = true };

	TRY(tree_object(&w, DOC_ROOT, OBJ_MAP));
	return buf_err(out, "tree");
}

#define JSON_DEPTH_MAX 1000

static inline struct json_object *
json_read(struct bytes text)
{
	struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_MAX);
	struct json_object *o = json_tokener_parse_ex(
	    t, (const char *)text.ptr, (int)text.len);

	json_tokener_free(t);
	return o;
}

static inline const char *
json_text(struct json_object *o, const char *name)
{
	return json_object_get_string(json_object_object_get(o, name));
}

static inline struct bytes
json_bytes(struct json_object *o)
{
	return BYTES((const uint8_t *)json_object_get_string(o),
	    (size_t)json_object_get_string_len(o));
}

static inline void
tree_json_scalar(struct json_object *o, const char *type, struct buf *b)
{
	struct json_object *v = json_object_object_get(o, "v");

	if (strncmp(type, "unknown", 7) == 0) {
		buf_str(b, "unknown");
	} else if (strcmp(type, "str") == 0) {
		buf_str(b, "str ");
		tree_hex(b, json_bytes(v));
	} else if (strcmp(type, "f64") == 0) {
		tree_f64(b, json_object_is_type(v, json_type_string) ?
				strtod(json_object_get_string(v), NULL) :
				json_object_get_double(v));
	} else if (v == NULL) {
		buf_str(b, type);
	} else {
		buf_printf(b, "%s %s", type, json_object_get_string(v));
	}
}

static inline void tree_of_json(
    struct json_object *o, bool ids, struct buf *b);

static inline void
tree_json_slot(struct json_object *values, bool ids, struct buf *b)
{
	for (size_t i = 0; i < json_object_array_length(values); i++) {
		buf_str(b, i == 0 ? "[" : ",");
		tree_of_json(json_object_array_get_idx(values, i), ids, b);
	}
	buf_str(b, "]");
}

struct tree_entry {
	struct bytes key;
	struct json_object *values;
};

static inline int
tree_entry_compare(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return bytes_compare(x->key, y->key);
}

static inline void
tree_json_map(struct json_object *o, bool ids, struct buf *b)
{
	struct json_object *entries = json_object_object_get(o, "entries");
	struct json_object *keys = json_object_object_get(o, "keys");
	struct tree_entry *all;
	size_t n = 0;

	if (keys != NULL)
		n = json_object_array_length(keys);
	else
		n = (size_t)json_object_object_length(entries);
	all = calloc(n + 1, sizeof(*all));
	for (size_t i = 0; keys != NULL && i < n; i++)
		all[i].key = json_bytes(json_object_array_get_idx(keys, i));
	n = keys == NULL ? 0 : n;
	if (keys == NULL) {
		json_object_object_foreach(entries, name, value)
		{
			(void)value;
			all[n++].key = BYTES_STR(name);
		}
	}
	qsort(all, n, sizeof(*all), tree_entry_compare);
	for (size_t i = 0; i < n; i++) {
		tree_key(b, all[i].key);
		if (!tree_key_known(all[i].key)) {
			buf_str(b, "[]");
			continue;
		}
		tree_json_slot(json_object_object_get(entries,
				   (const char *)all[i].key.ptr),
		    ids, b);
	}
	free(all);
}

/* Appends the same for the tree of a vector. */
static inline void
tree_of_json(struct json_object *o, bool ids, struct buf *b)
{
	const char *type = json_text(o, "t");
	struct json_object *items;

	if (ids)
		buf_printf(b, "%s ", json_text(o, "id"));
	if (strcmp(type, "map") == 0) {
		buf_str(b, "map{");
		tree_json_map(o, ids, b);
		buf_str(b, "}");
	} else if (strcmp(type, "list") == 0) {
		items = json_object_object_get(o, "items");
		buf_str(b, "list{");
		for (size_t i = 0; i < json_object_array_length(items); i++)
			tree_json_slot(
			    json_object_array_get_idx(items, i), ids, b);
		buf_str(b, "}");
	} else if (strcmp(type, "text") == 0) {
		buf_str(b, "text{");
		tree_hex(b, json_bytes(json_object_object_get(o, "text")));
		buf_str(b, "}");
	} else {
		tree_json_scalar(o, type, b);
	}
}

#endif
