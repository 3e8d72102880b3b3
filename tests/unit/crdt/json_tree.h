/*
 * json_tree.h - for tests: the "tree" of a test vector, as doc_tree.h writes
 * that of a document.
 */
#ifndef TESTS_JSON_TREE_H
#define TESTS_JSON_TREE_H

#include <json.h>

#include "tests/unit/crdt/doc_tree.h"

#define JSON_DEPTH_MAX 1000

static inline struct json_object *
json_read(struct bytes text)
{
	struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_MAX);
	struct json_object *o =
	    json_tokener_parse_ex(t, (const char *)text.ptr, (int)text.len);

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
		tree_f64(b,
		    json_object_is_type(v, json_type_string)
			? strtod(json_object_get_string(v), NULL)
			: json_object_get_double(v));
	} else if (v == NULL) {
		buf_str(b, type);
	} else {
		buf_printf(b, "%s %s", type, json_object_get_string(v));
	}
}

static inline void tree_of_json(struct json_object *o, bool ids, struct buf *b);

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
		tree_json_slot(json_object_object_get(
				   entries, (const char *)all[i].key.ptr),
		    ids, b);
	}
	free(all);
}

static inline void
tree_json_plain(struct json_object *v, struct buf *b)
{
	/* Ghost vectors have [type, value]. */
	if (json_object_is_type(v, json_type_array))
		v = json_object_array_get_idx(v, 1);
	if (json_object_is_type(v, json_type_string))
		tree_hex(b, json_bytes(v));
	else if (json_object_is_type(v, json_type_double))
		buf_printf(b, "%g", json_object_get_double(v));
	else
		buf_str(b, v == NULL ? "null" : json_object_get_string(v));
}

static inline int
tree_mark_compare(const void *a, const void *b)
{
	const struct buf *x = a, *y = b;

	return bytes_compare(buf_bytes(x), buf_bytes(y));
}

static inline void
tree_json_text(struct json_object *o, struct buf *b)
{
	struct json_object *marks = json_object_object_get(o, "marks");
	size_t n = marks == NULL ? 0 : json_object_array_length(marks);
	struct buf *all = calloc(n + 1, sizeof(*all));

	tree_hex(b, json_bytes(json_object_object_get(o, "text")));
	for (size_t i = 0; i < n; i++) {
		struct json_object *m = json_object_array_get_idx(marks, i);

		buf_init(&all[i], TREE_MAX);
		buf_printf(&all[i], " %08" PRIu64 " ",
		    json_object_get_uint64(json_object_object_get(m, "start")));
		tree_hex(
		    &all[i], json_bytes(json_object_object_get(m, "name")));
		buf_printf(&all[i], " %s ", json_text(m, "end"));
		tree_json_plain(json_object_object_get(m, "value"), &all[i]);
	}
	qsort(all, n, sizeof(*all), tree_mark_compare);
	for (size_t i = 0; i < n; i++) {
		buf_add(b, buf_bytes(&all[i]));
		buf_clear(&all[i]);
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
		tree_json_text(o, b);
		buf_str(b, "}");
	} else {
		tree_json_scalar(o, type, b);
	}
}

#endif
