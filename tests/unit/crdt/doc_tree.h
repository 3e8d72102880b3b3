/*
 * doc_tree.h - for tests: what a document shows, as one line of text.  Ids,
 * conflicts, value types and marks are all in it.
 */
#ifndef TESTS_DOC_TREE_H
#define TESTS_DOC_TREE_H

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/doc_spans.h"
#include "tests/unit/crdt/doc_f64.h"

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
	struct buf path;
	lk_err err;

	if (!w->ids)
		return LK_NONE;
	if (id.ctr == 0) {
		buf_str(w->out, "_root ");
		return LK_NONE;
	}
	TRY(doc_actor(w->doc, id.actor, &actor));
	buf_printf(w->out, "%" PRIu64 "@", id.ctr);
	tree_hex(w->out, actor);
	buf_init(&path, TREE_MAX);
	err = doc_path(w->doc, id, &path);
	for (size_t at = 0; at < path.len; at += LK_ID_LEN) {
		buf_str(w->out, "~");
		tree_hex(w->out, BYTES(path.ptr + at, 4));
	}
	buf_clear(&path);
	buf_str(w->out, " ");
	return err;
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
		d = f64_get(v);
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
	bool same = w->any &&
	    (w->map ? bytes_equal(v->key, w->key) : v->index == w->index);

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

/* A scalar as JSON writes it, which is all that the vectors know of marks. */
static inline void
tree_plain(struct buf *b, const struct value *v)
{
	double d;

	switch (v->type) {
	case VALUE_NULL:
		buf_str(b, "null");
		break;
	case VALUE_FALSE:
		buf_str(b, "false");
		break;
	case VALUE_TRUE:
		buf_str(b, "true");
		break;
	case VALUE_UINT:
		buf_printf(b, "%" PRIu64, v->u64);
		break;
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		buf_printf(b, "%" PRId64, v->i64);
		break;
	case VALUE_F64:
		d = f64_get(v);
		buf_printf(b, "%g", d);
		break;
	default:
		tree_hex(b, v->bytes);
		break;
	}
}

struct tree_marks {
	struct buf *out;
	struct bytes text;
};

/* Positions in UTF-16, as the vectors have them. */
static inline uint64_t
tree_utf16(struct bytes text, uint64_t at)
{
	size_t end = utf8_offset(text, at);

	for (size_t i = 0; i < end; i++)
		at += text.ptr[i] >= 0xf0;
	return at;
}

static inline lk_err
tree_mark(void *ctx, const struct mark_range *r)
{
	struct tree_marks *m = ctx;

	buf_printf(m->out, " %08" PRIu64 " ", tree_utf16(m->text, r->start));
	tree_hex(m->out, r->mark.name);
	buf_printf(m->out, " %" PRIu64 " ", tree_utf16(m->text, r->end));
	tree_plain(m->out, &r->mark.value);
	return LK_NONE;
}

static inline lk_err
tree_text(struct tree_writer *w, struct op_id obj)
{
	BUF_SCOPED text = { .max = TREE_MAX };
	struct tree_marks m = { .out = w->out };

	TRY(doc_text(w->doc, obj, &text));
	m.text = buf_bytes(&text);
	tree_hex(w->out, m.text);
	return doc_marks(w->doc, obj, tree_mark, &m);
}

static inline lk_err
tree_object(struct tree_writer *w, struct op_id obj, enum obj_type type)
{
	static const char *const names[] = { "map", "list", "text" };
	lk_err err;

	TRY(tree_id(w, obj));
	buf_printf(w->out, "%s{", names[type]);
	if (type == OBJ_TEXT) {
		err = tree_text(w, obj);
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
	struct tree_writer w = {
		.doc = doc, .out = out, .ids = ids, .map = true
	};

	TRY(tree_object(&w, DOC_ROOT, OBJ_MAP));
	return buf_err(out, "tree");
}

#endif
