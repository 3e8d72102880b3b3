#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "daemon/align.h"
#include "daemon/json_text.h"
#include "daemon/json_time.h"
#include "daemon/merge.h"

struct merger {
	struct edit *edit;
	struct doc *doc;
};

static lk_err slot_merge(struct merger *, const struct slot *,
    json_object *base, json_object *wanted);

static lk_err
member_merge(struct merger *m, struct op_id map, const char *key,
    json_object *base, json_object *wanted)
{
	struct slot slot = { .obj = map, .prop = { .is_key = true } };
	json_object *before, *after;
	bool was = json_object_object_get_ex(base, key, &before);
	BUF_SCOPED memory = { 0 };

	buf_init(&memory, DOCUMENT_BODY_MAX);
	TRY(json_key(&slot.prop.key, key, &memory));
	if (!json_object_object_get_ex(wanted, key, &after))
		return edit_delete(m->edit, map, slot.prop);
	if (!was)
		return json_value_put(m->edit, &slot, after, JSON_PLAIN);
	return slot_merge(m, &slot, before, after);
}

static lk_err
map_merge(
    struct merger *m, struct op_id map, json_object *base, json_object *wanted)
{
	json_object_object_foreach(base, key, before)
	{
		(void)before;
		if (!json_object_object_get_ex(wanted, key, NULL))
			TRY(member_merge(m, map, key, base, wanted));
	}
	json_object_object_foreach(wanted, name, after)
	{
		(void)after;
		TRY(member_merge(m, map, name, base, wanted));
	}
	return LK_NONE;
}

/* Three lists, and for every element of base where it is in the others. */
struct lists {
	json_object *base, *wanted, *current;
	uint32_t *to_wanted, *to_current;
	struct buf *texts; /* the elements as JSON, one after the other */
	uint32_t *numbers[3];
};

static void
lists_clear(struct lists *l)
{
	json_object_put(l->current);
	free(l->to_wanted);
	free(l->to_current);
	for (int i = 0; i < 3; i++)
		free(l->numbers[i]);
}

/* Numbers equal elements alike, through their compact JSON. */
static lk_err
list_number(uint32_t **out, json_object *list, struct numbering *numbering,
    struct arena *arena)
{
	size_t len = json_object_array_length(list);
	BUF_SCOPED text = { 0 };

	buf_init(&text, arena->max);
	*out = reallocarray(NULL, len + 1, sizeof(**out));
	if (*out == NULL)
		return LK_ERR(LK_E_NOMEM, "merge lists");
	for (size_t i = 0; i < len; i++) {
		struct bytes kept;

		buf_reset(&text);
		json_text_tree(&text, json_object_array_get_idx(list, i));
		TRY(buf_err(&text, "merge lists"));
		kept = arena_copy(arena, buf_bytes(&text));
		if (kept.ptr == NULL)
			return LK_ERR(LK_E_NOMEM, "merge lists");
		TRY(numbering_of(numbering, kept, &(*out)[i]));
	}
	return LK_NONE;
}

/*
 * Elements that are not found again, but stand in a run of as many others
 * between the same neighbours, are taken for changed in place.
 */
static void
runs_pair(uint32_t *match, size_t from_len, size_t to_len)
{
	size_t to = 0;

	for (size_t i = 0; i < from_len;) {
		size_t end = i, next = to_len;

		if (match[i] != ALIGN_NONE) {
			to = (size_t)match[i++] + 1;
			continue;
		}
		while (end < from_len && match[end] == ALIGN_NONE)
			end++;
		if (end < from_len)
			next = match[end];
		if (next - to == end - i)
			for (; i < end; i++)
				match[i] = (uint32_t)to++;
		i = end;
	}
}

static lk_err
list_match(uint32_t **out, const uint32_t *from, size_t from_len,
    const uint32_t *to, size_t to_len)
{
	*out = reallocarray(NULL, from_len + 1, sizeof(**out));
	if (*out == NULL)
		return LK_ERR(LK_E_NOMEM, "merge lists");
	TRY(align_match(*out, (struct series){ from, from_len },
	    (struct series){ to, to_len }));
	runs_pair(*out, from_len, to_len);
	return LK_NONE;
}

static lk_err
current_read(struct merger *m, const struct item *list, json_object **out)
{
	struct json_flaw flaw;
	BUF_SCOPED text = { 0 };

	buf_init(&text, DOCUMENT_BODY_MAX);
	TRY(json_value_write(&text, m->doc, list, JSON_PLAIN));
	return json_text_parse(out, buf_bytes(&text), &flaw);
}

static lk_err
lists_match(struct lists *l, struct arena *arena)
{
	json_object *lists[3] = { l->base, l->wanted, l->current };
	struct numbering *numbering;
	size_t lens[3];
	lk_err err = LK_NONE;

	TRY(numbering_new(&numbering));
	for (int i = 0; i < 3 && err.code == LK_OK; i++) {
		lens[i] = json_object_array_length(lists[i]);
		err = list_number(&l->numbers[i], lists[i], numbering, arena);
	}
	numbering_free(numbering);
	TRY(err);
	TRY(list_match(
	    &l->to_wanted, l->numbers[0], lens[0], l->numbers[1], lens[1]));
	return list_match(
	    &l->to_current, l->numbers[0], lens[0], l->numbers[2], lens[2]);
}

/* Where a walk along the three lists is: the next element of wanted, and the
 * index in the document as edited so far. */
struct list_walk {
	struct op_id obj;
	size_t wanted, current;
	uint64_t index;
};

static lk_err
wanted_insert(
    struct merger *m, const struct lists *l, struct list_walk *w, size_t until)
{
	for (; w->wanted < until; w->wanted++) {
		struct slot at = { .obj = w->obj,
			.prop = { .index = w->index++ },
			.insert = true };

		TRY(json_value_put(m->edit, &at,
		    json_object_array_get_idx(l->wanted, w->wanted),
		    JSON_PLAIN));
	}
	return LK_NONE;
}

/* Element i of base: gone here or there, or changed. */
static lk_err
element_merge(
    struct merger *m, const struct lists *l, struct list_walk *w, size_t i)
{
	bool here = l->to_current[i] != ALIGN_NONE;
	bool kept = l->to_wanted[i] != ALIGN_NONE;
	struct prop at = { .index = w->index };
	struct slot slot = { .obj = w->obj, .prop = at };
	json_object *before = json_object_array_get_idx(l->base, i), *after;

	if (here)
		w->current++;
	if (!kept)
		return here ? edit_delete(m->edit, w->obj, at) : LK_NONE;
	after = json_object_array_get_idx(l->wanted, w->wanted++);
	if (here) {
		w->index++;
		return slot_merge(m, &slot, before, after);
	}
	/* Deleted meanwhile: what was typed into it is not lost. */
	if (json_object_equal(before, after))
		return LK_NONE;
	slot.insert = true;
	w->index++;
	return json_value_put(m->edit, &slot, after, JSON_PLAIN);
}

static lk_err
list_walk(struct merger *m, const struct lists *l, struct op_id obj)
{
	size_t base_len = json_object_array_length(l->base);
	struct list_walk w = { .obj = obj };

	for (size_t i = 0; i < base_len; i++) {
		if (l->to_current[i] != ALIGN_NONE) {
			w.index += l->to_current[i] - w.current;
			w.current = l->to_current[i];
		}
		if (l->to_wanted[i] != ALIGN_NONE)
			TRY(wanted_insert(m, l, &w, l->to_wanted[i]));
		TRY(element_merge(m, l, &w, i));
	}
	w.index += json_object_array_length(l->current) - w.current;
	return wanted_insert(m, l, &w, json_object_array_length(l->wanted));
}

static lk_err
list_merge(struct merger *m, const struct item *list, json_object *base,
    json_object *wanted)
{
	struct lists l = { .base = base, .wanted = wanted };
	struct arena arena;
	lk_err err;

	arena_init(&arena, DOCUMENT_BODY_MAX);
	err = current_read(m, list, &l.current);
	if (err.code == LK_OK)
		err = lists_match(&l, &arena);
	if (err.code == LK_OK)
		err = list_walk(m, &l, list->id);
	lists_clear(&l);
	arena_clear(&arena);
	return err;
}

static lk_err
text_item_merge(
    struct merger *m, struct op_id text, json_object *base, json_object *wanted)
{
	BUF_SCOPED current = { 0 };
	BUF_SCOPED merged = { 0 };

	buf_init(&current, DOCUMENT_BODY_MAX);
	buf_init(&merged, DOCUMENT_BODY_MAX);
	TRY(doc_text(m->doc, text, &current));
	TRY(text_merge(&merged, json_string_bytes(base),
	    json_string_bytes(wanted), buf_bytes(&current)));
	return edit_text(m->edit, text, buf_bytes(&merged));
}

/*
 * A scalar keeps its type when the new value can be one of it: what people edit
 * is plain JSON, where a counter is a number and a time a string.
 */
static lk_err
scalar_merge(struct merger *m, const struct slot *slot, const struct value *now,
    json_object *base, json_object *wanted)
{
	bool number = json_object_is_type(wanted, json_type_int) &&
	    json_object_is_type(base, json_type_int);
	bool string = json_object_is_type(wanted, json_type_string);
	struct value v = { .type = now->type };
	BUF_SCOPED raw = { 0 };

	buf_init(&raw, DOCUMENT_BODY_MAX);
	if (now->type == VALUE_COUNTER && number) {
		/* Wraps, as counters do. */
		uint64_t by = (uint64_t)json_object_get_int64(wanted) -
		    (uint64_t)json_object_get_int64(base);

		return edit_increment(
		    m->edit, slot->obj, slot->prop, (int64_t)by);
	}
	if (now->type == VALUE_UINT && number &&
	    json_object_get_int64(wanted) >= 0) {
		v.u64 = json_object_get_uint64(wanted);
		return slot_put(m->edit, slot, &v);
	}
	if (now->type == VALUE_STR && string) {
		v.bytes = json_string_bytes(wanted);
		return slot_put(m->edit, slot, &v);
	}
	if (now->type == VALUE_TIMESTAMP && string &&
	    json_time_read(json_string_bytes(wanted), &v.i64).code == LK_OK)
		return slot_put(m->edit, slot, &v);
	if (now->type == VALUE_BYTES && string &&
	    base64_decode(&raw, json_string_bytes(wanted)).code == LK_OK) {
		v.bytes = buf_bytes(&raw);
		return slot_put(m->edit, slot, &v);
	}
	return json_value_put(m->edit, slot, wanted, JSON_PLAIN);
}

static lk_err
slot_merge(struct merger *m, const struct slot *slot, json_object *base,
    json_object *wanted)
{
	enum json_type type = json_object_get_type(wanted);
	struct item item;
	lk_err err;

	if (json_object_equal(base, wanted))
		return LK_NONE;
	err = doc_get(m->doc, slot->obj, slot->prop, &item);
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	if (err.code == LK_OK && item.is_obj &&
	    json_object_get_type(base) == type) {
		if (type == json_type_object && item.obj_type == OBJ_MAP)
			return map_merge(m, item.id, base, wanted);
		if (type == json_type_array && item.obj_type == OBJ_LIST)
			return list_merge(m, &item, base, wanted);
		if (type == json_type_string && item.obj_type == OBJ_TEXT)
			return text_item_merge(m, item.id, base, wanted);
	}
	if (err.code == LK_OK && !item.is_obj)
		return scalar_merge(m, slot, &item.value, base, wanted);
	return json_value_put(m->edit, slot, wanted, JSON_PLAIN);
}

lk_err
json_merge(struct edit *edit, struct doc *doc, const struct slot *slot,
    json_object *base, json_object *wanted)
{
	struct merger m = { edit, doc };

	return slot_merge(&m, slot, base, wanted);
}

lk_err
json_merge_map(struct edit *edit, struct doc *doc, struct op_id map,
    json_object *base, json_object *wanted)
{
	struct merger m = { edit, doc };

	return map_merge(&m, map, base, wanted);
}
