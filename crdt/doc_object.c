#include <stdlib.h>

#include "crdt/doc_state.h"

/* Nodes of a fan-out of two would reach every element with fewer levels. */
#define HEIGHT_MAX 40

static void
object_key(struct doc_key *k, uint64_t id)
{
	doc_key_start(k, RECORD_OBJECT);
	doc_key_u64(k, id);
}

static lk_err
object_save(struct doc *doc, struct cached *c)
{
	const struct object *o = (const struct object *)c;
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	buf_u8(b, (uint8_t)o->type);
	buf_uleb(b, o->shown);
	buf_uleb(b, o->elements);
	buf_uleb(b, o->marks);
	buf_uleb(b, o->root);
	buf_uleb(b, o->height);
	object_key(&k, o->id);
	return doc_write(doc, &k);
}

static void
object_drop(struct cached *c)
{
	struct object *o = (struct object *)c;

	free(o);
}

const struct cache_kind object_cache = { .save = object_save,
	.drop = object_drop };

static lk_err
object_decode(struct object *o, struct bytes record)
{
	struct rd r = rd_over(record);
	uint8_t type = rd_u8(&r);
	uint64_t root, height;

	o->shown = rd_uleb(&r);
	o->elements = rd_uleb(&r);
	o->marks = rd_uleb(&r);
	root = rd_uleb(&r);
	height = rd_uleb(&r);
	if (!rd_done(&r) || type > OBJ_TEXT || root > UINT32_MAX ||
	    height > HEIGHT_MAX || (root == 0) != (height == 0))
		return LK_ERR(LK_E_CORRUPT, "record of an object");
	o->type = type;
	o->root = (uint32_t)root;
	o->height = (uint32_t)height;
	return LK_NONE;
}

/* Into the cache; `made` is the state to begin with, or NULL: as stored. */
static lk_err
object_keep(struct doc *doc, uint64_t id, const struct object *made,
    struct object **out)
{
	struct object *o = calloc(1, sizeof(*o));
	struct doc_key k;
	struct bytes record;
	lk_err err = LK_NONE;

	if (o == NULL)
		return LK_ERR(LK_E_NOMEM, "object");
	if (made != NULL) {
		*o = *made;
		o->cached.dirty = true;
	} else {
		object_key(&k, id);
		err = kv_get(doc->kv, doc_key_view(&k), &record);
		if (err.code == LK_OK)
			err = object_decode(o, record);
	}
	o->id = id;
	/* The root map is there without having been made. */
	if (id == 0 && err.code == LK_E_NOTFOUND)
		err = LK_NONE;
	if (id == 0 && err.code == LK_OK && o->type != OBJ_MAP)
		err = LK_ERR(LK_E_CORRUPT, "the root is no map");
	if (err.code == LK_OK)
		err = doc_cache_add(&doc->objects, id, &o->cached);
	if (err.code != LK_OK) {
		free(o);
		return err;
	}
	*out = o;
	return LK_NONE;
}

lk_err
object_find(struct doc *doc, uint64_t id, struct object **out)
{
	struct cached *c = doc_cache_find(&doc->objects, id);

	if (c == NULL)
		return object_keep(doc, id, NULL, out);
	*out = (struct object *)c;
	return LK_NONE;
}

lk_err
object_load(struct doc *doc, uint64_t id, struct object **out)
{
	lk_err err = object_find(doc, id, out);

	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_CORRUPT, "an object is missing");
	return err;
}

lk_err
object_of_caller(struct doc *doc, struct op_id obj, struct object **out)
{
	TRY(doc_trim(doc));
	if (obj.ctr > OP_COUNTER_MAX || (obj.ctr == 0 && obj.actor != 0))
		return LK_ERR(LK_E_NOTFOUND, "object");
	return object_find(doc, id_pack(obj), out);
}

lk_err
text_of_caller(struct doc *doc, struct op_id text, struct object **out)
{
	TRY(object_of_caller(doc, text, out));
	return (*out)->type == OBJ_TEXT ? LK_NONE
					: LK_ERR(LK_E_DATA, "no text");
}

lk_err
object_add(struct doc *doc, uint64_t id, enum obj_type type)
{
	struct object made = { .type = type }, *o;

	return object_keep(doc, id, &made, &o);
}

bool
object_of_action(uint8_t action, enum obj_type *type)
{
	switch (action) {
	case ACTION_MAKE_MAP:
		*type = OBJ_MAP;
		return true;
	case ACTION_MAKE_LIST:
		*type = OBJ_LIST;
		return true;
	case ACTION_MAKE_TEXT:
		*type = OBJ_TEXT;
		return true;
	default:
		return false;
	}
}
