#include "daemon/site.h"

#include <string.h>

#include "base/clock.h"

#define IN_TEXT LK_ERR(LK_E_DATA, "inside a text; use splice")

size_t
word_find(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && strcmp(words[i], word) != 0)
		i++;
	return i;
}

lk_err
value_as_read(enum value_as *out, const char *word)
{
	static const char *const words[] = {
		[AS_JSON] = "json",
		[AS_TYPED] = "typed",
		[AS_STRING] = "string",
		[AS_COUNTER] = "counter",
		[AS_BYTES] = "bytes",
		[AS_TIME] = "time",
	};
	size_t n = sizeof(words) / sizeof(words[0]);
	size_t i = word == NULL ? AS_JSON : word_find(words, n, word);

	if (i == n)
		return LK_ERR(LK_E_USAGE, "no such kind of value");
	*out = (enum value_as)i;
	return LK_NONE;
}

static lk_err
counter_read(json_object *json, struct value *v)
{
	if (!json_object_is_type(json, json_type_int) ||
	    json_object_get_uint64(json) > INT64_MAX)
		return LK_ERR(LK_E_DATA, "a counter is a 64-bit integer");
	*v = (struct value){ .type = VALUE_COUNTER,
		.i64 = json_object_get_int64(json) };
	return LK_NONE;
}

static lk_err
time_read(json_object *json, struct value *v)
{
	struct wall at;

	*v = (struct value){ .type = VALUE_TIMESTAMP };
	if (json_object_is_type(json, json_type_string)) {
		TRY(wall_read(&at, json_string_bytes(json)));
		v->i64 = at.ms;
		return LK_NONE;
	}
	if (!json_object_is_type(json, json_type_int))
		return LK_ERR(LK_E_DATA, "not an RFC 3339 time");
	v->i64 = json_object_get_int64(json);
	return LK_NONE;
}

lk_err
value_tree(
    struct tree *t, json_object *json, enum value_as as, struct arena *arena)
{
	*t = (struct tree){ .kind = TREE_SCALAR,
		.value = { .type = VALUE_STR } };
	switch (as) {
	case AS_JSON:
		return json_tree(t, json, JSON_PLAIN, arena);
	case AS_TYPED:
		return json_tree(t, json, JSON_TYPED, arena);
	case AS_BYTES:
		t->value.type = VALUE_BYTES;
		return json_bytes_read(&t->value, json, arena);
	case AS_COUNTER:
		return counter_read(json, &t->value);
	case AS_TIME:
		return time_read(json, &t->value);
	case AS_STRING:
		break;
	}
	if (!json_object_is_type(json, json_type_string))
		return LK_ERR(LK_E_DATA, "not a string");
	t->value.bytes = json_string_bytes(json);
	return LK_NONE;
}

static lk_err
value_put(struct site *s, const struct tree_place *at, json_object *json,
    enum value_as as)
{
	ARENA_SCOPED arena = { .max = TREE_BYTES_MAX };
	struct tree t;

	TRY(value_tree(&t, json, as, &arena));
	return edit_assign(s->edit, at, &t);
}

/* The content of a text or list document stays a text or list. */
static bool
content_fits(const struct site *s, json_object *json, enum value_as as)
{
	json_object *type;

	if (as == AS_TYPED)
		return json_object_is_type(json, json_type_object) &&
		    json_object_object_get_ex(json, "type", &type) &&
		    strcmp(json_object_get_string(type),
			s->base.type == OBJ_TEXT ? "text" : "list") == 0;
	return as == AS_JSON &&
	    json_object_is_type(json,
		s->base.type == OBJ_TEXT ? json_type_string : json_type_array);
}

/* Where a value is to be assigned. */
static lk_err
site_target(struct site *s, const char *path, json_object *json,
    enum value_as as, struct tree_place *out)
{
	struct place p;

	TRY(pointer_follow(&p, s->doc, &s->base, path, s->arena));
	if (p.root)
		return LK_ERR(
		    LK_E_DATA, "the whole document cannot be assigned; lk import --into and lk apply edit it");
	if (p.obj_type == OBJ_TEXT)
		return IN_TEXT;
	if (p.obj_type == OBJ_LIST && !p.shown && !p.end)
		return LK_ERR(LK_E_NOTFOUND, "no such element");
	if (path[0] == '\0' && !content_fits(s, json, as))
		return LK_ERR(LK_E_DATA,
		    s->base.type == OBJ_TEXT
			? "the content of a text document is a string"
			: "the content of a list document is an array");
	*out = (struct tree_place){
		.obj = p.obj, .prop = p.prop, .insert = p.end
	};
	return LK_NONE;
}

lk_err
site_set(struct site *s, const char *path, json_object *json, enum value_as as)
{
	struct tree_place at;

	TRY(site_target(s, path, json, as, &at));
	return value_put(s, &at, json, as);
}

lk_err
site_replace(
    struct site *s, const char *path, json_object *json, enum value_as as)
{
	struct tree_place at;
	struct json_change change = { .wanted = json,
		.style = as == AS_TYPED ? JSON_TYPED : JSON_PLAIN };

	bool whole = path[0] == '\0' && !s->base.content;
	bool any = as == AS_JSON || as == AS_TYPED;

	if (!whole) {
		TRY(site_target(s, path, json, as, &at));
		change.at = &at;
	}
	if (!whole && (at.insert || !any))
		return value_put(s, &at, json, as);
	if (!any)
		return LK_ERR(LK_E_DATA, "the whole document is an object");
	return json_value_edit(s->edit, s->doc, &change);
}

lk_err
site_rm(struct site *s, const char *path)
{
	struct place p;

	TRY(pointer_follow(&p, s->doc, &s->base, path, s->arena));
	if (path[0] == '\0')
		return LK_ERR(
		    LK_E_DATA, "the whole document cannot be removed");
	if (p.obj_type == OBJ_TEXT)
		return IN_TEXT;
	if (!p.shown)
		return LK_ERR(LK_E_NOTFOUND, "nothing there");
	return edit_delete(s->edit, p.obj, p.prop);
}

lk_err
site_insert(
    struct site *s, const char *path, json_object *json, enum value_as as)
{
	struct place p;
	struct tree_place at;
	uint64_t length;

	TRY(pointer_follow(&p, s->doc, &s->base, path, s->arena));
	if (path[0] == '\0' || p.obj_type == OBJ_MAP)
		return LK_ERR(LK_E_DATA, "not a place in a list; use set");
	if (p.obj_type == OBJ_TEXT)
		return IN_TEXT;
	TRY(doc_length(s->doc, p.obj, &length));
	if (p.prop.index > length)
		return LK_ERR(LK_E_NOTFOUND, "beyond the end of the list");
	at =
	    (struct tree_place){ .obj = p.obj, .prop = p.prop, .insert = true };
	return value_put(s, &at, json, as);
}

lk_err
site_inc(struct site *s, const char *path, int64_t by)
{
	struct place p;
	int64_t sum;

	TRY(pointer_follow(&p, s->doc, &s->base, path, s->arena));
	if (!p.shown)
		return LK_ERR(LK_E_NOTFOUND, "nothing there");
	if (p.item.is_obj || p.item.value.type != VALUE_COUNTER)
		return LK_ERR(LK_E_DATA, "not a counter");
	if (__builtin_add_overflow(p.item.value.i64, by, &sum))
		return LK_ERR(LK_E_DATA, "the counter would overflow");
	return edit_increment(s->edit, p.obj, p.prop, by);
}
