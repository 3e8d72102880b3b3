#include "sync/home_doc.h"

#include <string.h>

#define HEX_KEY_LEN ((size_t)2 * LK_ID_LEN)

static struct prop
prop_key(const char *key)
{
	return (struct prop){ .is_key = true, .key = BYTES_STR(key) };
}

bool
home_key(struct bytes key, uint8_t out[static 32])
{
	char text[HEX_KEY_LEN + 1];

	if (key.len != HEX_KEY_LEN)
		return false;
	memcpy(text, key.ptr, HEX_KEY_LEN);
	text[HEX_KEY_LEN] = '\0';
	return hex_decode(out, LK_ID_LEN, text);
}

static lk_err
home_map(struct doc *doc, struct op_id obj, const char *key, struct op_id *map)
{
	struct item item;

	TRY(doc_get(doc, obj, prop_key(key), &item));
	if (!item.is_obj || item.obj_type != OBJ_MAP)
		return LK_ERR(LK_E_NOTFOUND, "home entry");
	*map = item.id;
	return LK_NONE;
}

/* The maps that were written as this member of the root, the one that shows
 * first.  There are several where devices made them at the same time, and what
 * was written into each counts; of more than these the one that shows and the
 * first. */
#define MAPS_MAX 16
struct maps {
	struct bytes name;
	struct op_id at[MAPS_MAX];
	size_t len;
};

static lk_err
maps_visit(void *ctx, const struct doc_visit *v)
{
	struct maps *m = ctx;

	if (!v->item.is_obj || v->item.obj_type != OBJ_MAP ||
	    !bytes_equal(v->key, m->name))
		return LK_NONE;
	if (m->len < MAPS_MAX)
		m->at[m->len++] = v->item.id;
	/* It comes last, and what is written goes into it. */
	if (v->winner) {
		m->at[m->len - 1] = m->at[0];
		m->at[0] = v->item.id;
	}
	return LK_NONE;
}

static lk_err
maps_find(struct maps *m, struct doc *doc, const char *name)
{
	*m = (struct maps){ .name = BYTES_STR(name) };
	return doc_each(doc, DOC_ROOT, maps_visit, m);
}

/* A walk over the n-th of several maps. */
struct maps_walk {
	struct doc *doc;
	const struct maps *maps;
	size_t n;
	doc_each_fn *each;
	void *ctx;
};

/* A member of one of them; what an earlier one has too was visited there. */
static lk_err
member_visit(void *ctx, const struct doc_visit *v)
{
	const struct maps_walk *w = ctx;
	struct prop prop = { .is_key = true, .key = v->key };
	struct item item;

	for (size_t i = 0; i < w->n; i++) {
		lk_err err = doc_get(w->doc, w->maps->at[i], prop, &item);

		if (err.code == LK_OK)
			return LK_NONE;
		if (err.code != LK_E_NOTFOUND)
			return err;
	}
	return w->each(w->ctx, v);
}

lk_err
home_each(struct doc *doc, const char *name, doc_each_fn *each, void *ctx)
{
	struct maps maps;
	struct maps_walk w = {
		.doc = doc, .maps = &maps, .each = each, .ctx = ctx
	};

	TRY(maps_find(&maps, doc, name));
	for (; w.n < maps.len; w.n++)
		TRY(doc_each(doc, maps.at[w.n], member_visit, &w));
	return LK_NONE;
}

static bool
home_value(
    struct doc *doc, struct op_id map, const char *key, struct value *out)
{
	struct item item;

	if (doc_get(doc, map, prop_key(key), &item).code != LK_OK ||
	    item.is_obj)
		return false;
	*out = item.value;
	return true;
}

bool
home_text_get(
    struct doc *doc, struct op_id map, const char *key, struct home_text *out)
{
	struct value v;

	if (!home_value(doc, map, key, &v) || v.type != VALUE_STR ||
	    v.bytes.len >= sizeof(out->text) ||
	    (v.bytes.len > 0 && memchr(v.bytes.ptr, 0, v.bytes.len) != NULL))
		return false;
	if (v.bytes.len > 0)
		memcpy(out->text, v.bytes.ptr, v.bytes.len);
	out->text[v.bytes.len] = '\0';
	return true;
}

bool
home_bytes_get(
    struct doc *doc, struct op_id map, const char *key, struct bytes *out)
{
	struct value v;

	if (!home_value(doc, map, key, &v) || v.type != VALUE_BYTES)
		return false;
	*out = v.bytes;
	return true;
}

int64_t
home_time_get(struct doc *doc, struct op_id map, const char *key)
{
	struct value v;

	return home_value(doc, map, key, &v) && v.type == VALUE_TIMESTAMP ?
	    v.i64 :
	    0;
}

lk_err
home_entry(struct doc *doc, const char *name, const uint8_t key[static 32],
    struct op_id *map)
{
	char hex[HEX_KEY_LEN + 1];
	struct maps maps;

	hex_encode(hex, BYTES(key, LK_ID_LEN));
	TRY(maps_find(&maps, doc, name));
	for (size_t i = 0; i < maps.len; i++) {
		lk_err err = home_map(doc, maps.at[i], hex, map);

		if (err.code != LK_E_NOTFOUND)
			return err;
	}
	return LK_ERR(LK_E_NOTFOUND, "home entry");
}

static lk_err
home_map_make(struct edit *e, struct doc *doc, struct op_id obj,
    const char *key, struct op_id *map)
{
	lk_err err = home_map(doc, obj, key, map);

	if (err.code != LK_E_NOTFOUND)
		return err;
	return edit_make(e, obj, prop_key(key), OBJ_MAP, map);
}

lk_err
home_entry_drop(struct edit *e, struct doc *doc, const char *name,
    const uint8_t key[static 32])
{
	char hex[2 * LK_ID_LEN + 1];
	struct maps maps;
	struct item item;

	hex_encode(hex, BYTES(key, LK_ID_LEN));
	TRY(maps_find(&maps, doc, name));
	for (size_t i = 0; i < maps.len; i++) {
		lk_err err = doc_get(doc, maps.at[i], prop_key(hex), &item);

		if (err.code == LK_OK)
			err = edit_delete(e, maps.at[i], prop_key(hex));
		if (err.code != LK_E_NOTFOUND)
			TRY(err);
	}
	return LK_NONE;
}

lk_err
home_entry_make(struct edit *e, struct doc *doc, const char *name,
    const uint8_t key[static 32], struct op_id *map)
{
	char hex[HEX_KEY_LEN + 1];
	struct op_id all;
	lk_err err = home_entry(doc, name, key, map);

	if (err.code != LK_E_NOTFOUND)
		return err;
	hex_encode(hex, BYTES(key, LK_ID_LEN));
	TRY(home_map_make(e, doc, DOC_ROOT, name, &all));
	return home_map_make(e, doc, all, hex, map);
}

lk_err
home_text_put(
    struct edit *e, struct op_id map, const char *key, const char *text)
{
	struct value v = { .type = VALUE_STR, .bytes = BYTES_STR(text) };

	return edit_put(e, map, prop_key(key), &v);
}

lk_err
home_bytes_put(
    struct edit *e, struct op_id map, const char *key, struct bytes bytes)
{
	struct value v = { .type = VALUE_BYTES, .bytes = bytes };

	return edit_put(e, map, prop_key(key), &v);
}

lk_err
home_time_put(
    struct edit *e, struct op_id map, const char *key, struct wall when)
{
	struct value v = { .type = VALUE_TIMESTAMP, .i64 = when.ms };

	return edit_put(e, map, prop_key(key), &v);
}
