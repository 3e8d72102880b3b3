#include "crdt/patch_list.h"

#include <stdlib.h>

#include "crdt/doc_state.h"
#include "crdt/opset.h"

#define FULL LK_ERR(LK_E_LIMIT, "it is too large")

void
patch_list_clear(struct patch_list *l)
{
	arena_clear(&l->arena);
	free(l->items);
	free(l->texts);
	*l = (struct patch_list){ 0 };
}

static lk_err
bytes_keep(struct patch_list *l, struct bytes *b)
{
	size_t len = b->len;

	*b = arena_copy(&l->arena, *b);
	return b->len == len ? LK_NONE : FULL;
}

static lk_err
item_keep(struct patch_list *l, struct patch_item *item)
{
	struct patch *p = &item->patch;

	if (p->prop.is_key)
		TRY(bytes_keep(l, &p->prop.key));
	TRY(bytes_keep(l, &p->text));
	if (p->values_len == 0)
		return LK_NONE;
	item->value = p->values[p->values_len - 1];
	if (item->value.is_obj)
		l->objects++;
	else if (value_has_bytes(item->value.value.type))
		TRY(bytes_keep(l, &item->value.value.bytes));
	return LK_NONE;
}

/* All patches of an object follow each other. */
static lk_err
text_keep(struct patch_list *l, struct op_id text)
{
	struct patch_text kept = { .text = text };

	if (l->texts_len > 0 &&
	    id_pack(l->texts[l->texts_len - 1].text) == id_pack(text))
		return LK_NONE;
	TRY(mark_list_read(&kept.marks, l->to, text, &l->arena));
	if (l->texts_len == l->texts_cap) {
		size_t cap = 2 * l->texts_cap + 16;
		struct patch_text *texts =
		    reallocarray(l->texts, cap, sizeof(*texts));

		if (texts == NULL)
			return LK_ERR(LK_E_NOMEM, "patches");
		l->texts = texts;
		l->texts_cap = cap;
	}
	l->texts[l->texts_len++] = kept;
	return LK_NONE;
}

static lk_err
patch_keep(void *ctx, const struct patch *p)
{
	struct patch_list *l = ctx;
	struct patch_item item = { .patch = *p };

	if (p->shadowed || p->kind == PATCH_CONFLICT)
		return LK_NONE;
	if (p->obj_type == OBJ_TEXT)
		TRY(text_keep(l, p->obj));
	if (l->len == l->cap) {
		size_t cap = 2 * l->cap + 16;
		struct patch_item *items =
		    reallocarray(l->items, cap, sizeof(*items));

		if (items == NULL)
			return LK_ERR(LK_E_NOMEM, "patches");
		l->items = items;
		l->cap = cap;
	}
	TRY(item_keep(l, &item));
	/* What is lent ends with the call. */
	item.patch.path = NULL;
	item.patch.values = NULL;
	l->items[l->len++] = item;
	return LK_NONE;
}

lk_err
patch_list_read(struct patch_list *l, struct doc *from, struct doc *to)
{
	arena_init(&l->arena, TREE_BYTES_MAX);
	l->to = to;
	return doc_diff(from, to, patch_keep, l);
}

/* Objects that were begun, by what they are in the view: a hash table. */
struct begun {
	struct {
		uint64_t was; /* 0: free */
		struct op_id is;
	} * at;
	size_t mask;
};

static lk_err
begun_new(struct begun *b, size_t objects)
{
	size_t size = 16;

	while (size < 2 * objects)
		size *= 2;
	b->mask = size - 1;
	b->at = calloc(size, sizeof(*b->at));
	return b->at == NULL ? LK_ERR(LK_E_NOMEM, "objects") : LK_NONE;
}

static size_t
begun_slot(const struct begun *b, struct op_id was)
{
	uint64_t id = id_pack(was);
	size_t i = (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & b->mask;

	while (b->at[i].was != 0 && b->at[i].was != id)
		i = (i + 1) & b->mask;
	return i;
}

static void
begun_add(struct begun *b, struct op_id was, struct op_id is)
{
	size_t i = begun_slot(b, was);

	b->at[i].was = id_pack(was);
	b->at[i].is = is;
}

/* What stands for an object of the view. */
static struct op_id
begun_find(const struct begun *b, struct op_id obj)
{
	size_t i = begun_slot(b, obj);

	return b->at[i].was == 0 ? obj : b->at[i].is;
}

/* PUT and INSERT. */
static lk_err
value_make(struct edit *e, struct begun *b, struct op_id obj,
    const struct patch_item *item)
{
	const struct item *v = &item->value;
	struct prop prop = item->patch.prop;
	bool insert = item->patch.kind == PATCH_INSERT;
	struct op_id made;

	if (!v->is_obj && insert)
		return edit_insert(e, obj, prop.index, &v->value);
	if (!v->is_obj)
		return edit_put(e, obj, prop, &v->value);
	if (insert)
		TRY(edit_insert_obj(e, obj, prop.index, v->obj_type, &made));
	else
		TRY(edit_make(e, obj, prop, v->obj_type, &made));
	begun_add(b, v->id, made);
	return LK_NONE;
}

static lk_err
item_make(struct edit *e, struct begun *b, const struct patch_item *item)
{
	const struct patch *p = &item->patch;
	struct op_id obj = begun_find(b, p->obj);

	switch (p->kind) {
	case PATCH_PUT:
	case PATCH_INSERT:
		return value_make(e, b, obj, item);
	case PATCH_DEL:
		if (p->obj_type == OBJ_TEXT)
			return edit_splice(
			    e, obj, p->prop.index, p->length, BYTES(NULL, 0));
		for (uint64_t i = p->prop.is_key ? 1 : p->length; i > 0; i--)
			TRY(edit_delete(e, obj, p->prop));
		return LK_NONE;
	case PATCH_SPLICE:
		return edit_splice(e, obj, p->prop.index, 0, p->text);
	case PATCH_INC:
		return edit_increment(e, obj, p->prop, p->by);
	case PATCH_CONFLICT:
	case PATCH_MARK:
	case PATCH_UNMARK:
		break; /* all marks of a text, in the end */
	}
	return LK_NONE;
}

lk_err
edit_patches(struct edit *e, struct doc *doc, const struct patch_list *l)
{
	struct begun b;
	lk_err err;

	TRY(begun_new(&b, l->objects));
	err = LK_NONE;
	for (size_t i = 0; i < l->len && err.code == LK_OK; i++)
		err = item_make(e, &b, &l->items[i]);
	/* What is put at the edge of a mark may have got into it. */
	for (size_t i = 0; i < l->texts_len && err.code == LK_OK; i++)
		err = edit_mark_list(e, doc, begun_find(&b, l->texts[i].text),
		    &l->texts[i].marks);
	free(b.at);
	return err;
}
