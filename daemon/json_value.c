#include "daemon/json_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "daemon/json_text.h"

#define QUIET_NAN UINT64_C(0x7ff8000000000000)

struct writer {
	struct buf *out;
	struct doc *doc;
	enum json_style style;
	unsigned depth;
	bool map;   /* the innermost container is one */
	bool first; /* and has no member yet */
};

struct bytes
json_string_bytes(json_object *s)
{
	return BYTES((const uint8_t *)json_object_get_string(s),
	    (size_t)json_object_get_string_len(s));
}

static uint64_t
f64_bits(const struct value *v)
{
	uint64_t bits = 0;

	for (int i = 7; i >= 0; i--)
		bits = bits << 8 | v->f64[i];
	return bits;
}

static double
f64_double(const struct value *v)
{
	uint64_t bits = f64_bits(v);
	double d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

static struct value
f64_value(uint64_t bits)
{
	struct value v = { .type = VALUE_F64 };

	for (int i = 0; i < 8; i++)
		v.f64[i] = (uint8_t)(bits >> (8 * i));
	return v;
}

/* Writing. */

static void
base64_write(struct buf *out, struct bytes b)
{
	buf_u8(out, '"');
	base64_encode(out, b);
	buf_u8(out, '"');
}

static void
time_write(struct buf *out, int64_t ms)
{
	char text[WALL_TEXT_LEN];

	wall_format(text, (struct wall){ ms });
	json_text_string(out, BYTES_STR(text));
}

/* Every float, in the words of the typed style. */
static void
f64_write(struct buf *out, const struct value *v)
{
	double d = f64_double(v);

	if (isfinite(d))
		json_text_double(out, d);
	else if (isinf(d))
		buf_str(out, d > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else if (f64_bits(v) == QUIET_NAN)
		buf_str(out, "\"NaN\"");
	else
		buf_printf(
		    out, "\"0x%016llx\"", (unsigned long long)f64_bits(v));
}

static void
scalar_write(struct buf *out, const struct value *v, enum json_style style)
{
	switch (v->type) {
	case VALUE_NULL:
		buf_str(out, "null");
		break;
	case VALUE_FALSE:
		buf_str(out, "false");
		break;
	case VALUE_TRUE:
		buf_str(out, "true");
		break;
	case VALUE_UINT:
		buf_printf(out, "%llu", (unsigned long long)v->u64);
		break;
	case VALUE_INT:
	case VALUE_COUNTER:
		buf_printf(out, "%lld", (long long)v->i64);
		break;
	case VALUE_TIMESTAMP:
		if (style == JSON_TYPED)
			buf_printf(out, "%lld", (long long)v->i64);
		else
			time_write(out, v->i64);
		break;
	case VALUE_F64:
		if (style == JSON_TYPED)
			f64_write(out, v);
		else
			json_text_double(out, f64_double(v));
		break;
	case VALUE_STR:
		json_text_string(out, v->bytes);
		break;
	default:
		base64_write(out, v->bytes);
		break;
	}
}

static const char *const scalar_names[] = {
	[VALUE_NULL] = "null",
	[VALUE_FALSE] = "boolean",
	[VALUE_TRUE] = "boolean",
	[VALUE_UINT] = "uint",
	[VALUE_INT] = "int",
	[VALUE_F64] = "f64",
	[VALUE_STR] = "str",
	[VALUE_BYTES] = "bytes",
	[VALUE_COUNTER] = "counter",
	[VALUE_TIMESTAMP] = "timestamp",
};

static const char *const object_names[] = {
	[OBJ_MAP] = "map",
	[OBJ_LIST] = "list",
	[OBJ_TEXT] = "text",
};

static void
type_write(struct buf *out, const struct item *item)
{
	if (item->is_obj)
		buf_printf(out, "{\"type\":\"%s\",\"value\":",
		    object_names[item->obj_type]);
	else if (item->value.type < VALUE_UNKNOWN_MIN)
		buf_printf(out, "{\"type\":\"%s\",\"value\":",
		    scalar_names[item->value.type]);
	else
		buf_printf(out, "{\"type\":\"unknown\",\"code\":%u,\"value\":",
		    item->value.type);
}

static lk_err item_write(struct writer *, const struct item *);

static lk_err
member_write(void *ctx, const struct doc_visit *visit)
{
	struct writer *w = ctx;

	if (!visit->winner)
		return LK_NONE;
	if (!w->first)
		buf_u8(w->out, ',');
	w->first = false;
	if (w->map) {
		json_text_string(w->out, visit->key);
		buf_u8(w->out, ':');
	}
	return item_write(w, &visit->item);
}

static lk_err
text_write(struct writer *w, struct op_id obj)
{
	BUF_SCOPED text = { 0 };

	buf_init(&text, w->out->max);
	TRY(doc_text(w->doc, obj, &text));
	TRY(buf_err(&text, "write text"));
	json_text_string(w->out, buf_bytes(&text));
	return LK_NONE;
}

static lk_err
object_write(struct writer *w, const struct item *item)
{
	bool map = item->obj_type == OBJ_MAP, outer = w->map;

	if (item->obj_type == OBJ_TEXT)
		return text_write(w, item->id);
	if (w->depth == TREE_DEPTH_MAX)
		return LK_ERR(LK_E_LIMIT, "more than 512 levels deep");
	w->depth++;
	w->map = map;
	w->first = true;
	buf_u8(w->out, map ? '{' : '[');
	TRY(doc_each(w->doc, item->id, member_write, w));
	buf_u8(w->out, map ? '}' : ']');
	w->map = outer;
	w->first = false;
	w->depth--;
	return LK_NONE;
}

static lk_err
item_write(struct writer *w, const struct item *item)
{
	if (w->style == JSON_TYPED)
		type_write(w->out, item);
	if (item->is_obj)
		TRY(object_write(w, item));
	else
		scalar_write(w->out, &item->value, w->style);
	if (w->style == JSON_TYPED)
		buf_u8(w->out, '}');
	return buf_err(w->out, "write JSON");
}

lk_err
json_value_write(struct buf *out, struct doc *doc, const struct item *item,
    enum json_style style)
{
	struct writer w = { .out = out, .doc = doc, .style = style };

	return item_write(&w, item);
}

lk_err
json_conflict_write(struct buf *out, struct doc *doc, const struct item *item,
    enum json_style style)
{
	BUF_SCOPED actor = { .max = ACTOR_NAME_MAX };
	char hex[2 * ACTOR_NAME_MAX + 1];

	TRY(doc_op_actor(doc, item->id, &actor));
	hex_encode(hex, buf_bytes(&actor));
	buf_printf(out, "\"%llu@%s\":", (unsigned long long)item->id.ctr, hex);
	return json_value_write(out, doc, item, style);
}

/* Reading. */

#define FULL LK_ERR(LK_E_LIMIT, "it is too large")

static struct value
number_value(json_object *n)
{
	if (json_object_get_type(n) == json_type_double) {
		double d = json_object_get_double(n);
		uint64_t bits;

		memcpy(&bits, &d, sizeof(bits));
		return f64_value(bits);
	}
	if (json_object_get_uint64(n) > INT64_MAX)
		return (struct value){ .type = VALUE_UINT,
			.u64 = json_object_get_uint64(n) };
	return (
	    struct value){ .type = VALUE_INT, .i64 = json_object_get_int64(n) };
}

static lk_err
items_alloc(struct tree *t, enum tree_kind kind, size_t n, struct arena *arena)
{
	*t = (struct tree){ .kind = (uint8_t)kind };
	if (n > SIZE_MAX / sizeof(*t->items))
		return FULL;
	t->items = arena_alloc(arena, n * sizeof(*t->items));
	return t->items == NULL ? FULL : LK_NONE;
}

static lk_err
key_keep(struct bytes *out, const char *key, struct arena *arena)
{
	BUF_SCOPED memory = { .max = DOCUMENT_BODY_MAX };

	TRY(json_key(out, key, &memory));
	if (memory.len == 0)
		return LK_NONE;
	*out = arena_copy(arena, *out);
	return out->ptr == NULL ? FULL : LK_NONE;
}

static lk_err
map_tree(struct tree *t, json_object *members, enum json_style style,
    struct arena *arena)
{
	TRY(items_alloc(
	    t, TREE_MAP, (size_t)json_object_object_length(members), arena));
	json_object_object_foreach(members, key, value)
	{
		struct tree item;
		struct bytes name;

		TRY(key_keep(&name, key, arena));
		TRY(json_tree(&item, value, style, arena));
		item.key = name;
		t->items[t->len++] = item;
	}
	tree_sort(t);
	return LK_NONE;
}

static lk_err
list_tree(struct tree *t, json_object *array, enum json_style style,
    struct arena *arena)
{
	size_t n = json_object_array_length(array);

	TRY(items_alloc(t, TREE_LIST, n, arena));
	for (; t->len < n; t->len++)
		TRY(json_tree(&t->items[t->len],
		    json_object_array_get_idx(array, t->len), style, arena));
	return LK_NONE;
}

static lk_err
plain_tree(struct tree *t, json_object *json, struct arena *arena)
{
	*t = (struct tree){ .kind = TREE_SCALAR,
		.value = { .type = VALUE_NULL } };
	switch (json_object_get_type(json)) {
	case json_type_object:
		return map_tree(t, json, JSON_PLAIN, arena);
	case json_type_array:
		return list_tree(t, json, JSON_PLAIN, arena);
	case json_type_string:
		*t = (struct tree){ .kind = TREE_TEXT,
			.text = json_string_bytes(json) };
		break;
	case json_type_boolean:
		t->value.type =
		    json_object_get_boolean(json) ? VALUE_TRUE : VALUE_FALSE;
		break;
	case json_type_int:
	case json_type_double:
		t->value = number_value(json);
		break;
	case json_type_null:
		break;
	}
	return LK_NONE;
}

/* Numbers of the typed style: int, counter and timestamp; then uint. */

static lk_err
i64_read(json_object *json, struct value *v)
{
	if (!json_object_is_type(json, json_type_int) ||
	    json_object_get_uint64(json) > INT64_MAX)
		return LK_ERR(LK_E_DATA, "not a 64-bit integer");
	v->i64 = json_object_get_int64(json);
	return LK_NONE;
}

static lk_err
u64_read(json_object *json, struct value *v)
{
	if (!json_object_is_type(json, json_type_int) ||
	    json_object_get_int64(json) < 0)
		return LK_ERR(LK_E_DATA, "not an unsigned 64-bit integer");
	v->u64 = json_object_get_uint64(json);
	return LK_NONE;
}

static lk_err
f64_word_read(const char *word, struct value *v)
{
	uint8_t digits[8];
	uint64_t bits = 0;

	if (strcmp(word, "NaN") == 0) {
		*v = f64_value(QUIET_NAN);
	} else if (strcmp(word, "Infinity") == 0) {
		*v = f64_value(QUIET_NAN & ~(UINT64_C(1) << 51));
	} else if (strcmp(word, "-Infinity") == 0) {
		*v = f64_value(
		    (QUIET_NAN & ~(UINT64_C(1) << 51)) | UINT64_C(1) << 63);
	} else if (strncmp(word, "0x", 2) == 0 &&
	    hex_decode(digits, 8, word + 2)) {
		for (int i = 0; i < 8; i++)
			bits = bits << 8 | digits[i];
		*v = f64_value(bits);
	} else {
		return LK_ERR(LK_E_DATA, "not a float");
	}
	return LK_NONE;
}

static lk_err
f64_read(json_object *json, struct value *v)
{
	double d = json_object_get_double(json);
	uint64_t bits;

	if (json_object_is_type(json, json_type_string))
		return f64_word_read(json_object_get_string(json), v);
	if (!json_object_is_type(json, json_type_double) &&
	    !json_object_is_type(json, json_type_int))
		return LK_ERR(LK_E_DATA, "not a float");
	memcpy(&bits, &d, sizeof(bits));
	*v = f64_value(bits);
	return LK_NONE;
}

lk_err
json_bytes_read(struct value *v, json_object *json, struct arena *arena)
{
	BUF_SCOPED raw = { .max = DOCUMENT_BODY_MAX };

	if (!json_object_is_type(json, json_type_string) ||
	    base64_decode(&raw, json_string_bytes(json)).code != LK_OK)
		return LK_ERR(LK_E_DATA, "not base64");
	v->bytes = arena_copy(arena, buf_bytes(&raw));
	return v->bytes.len == raw.len ? LK_NONE : FULL;
}

static lk_err
unknown_read(
    struct value *v, json_object *typed, json_object *json, struct arena *arena)
{
	int64_t code =
	    json_object_get_int64(json_object_object_get(typed, "code"));

	if (code < VALUE_UNKNOWN_MIN || code > VALUE_UNKNOWN_MAX)
		return LK_ERR(LK_E_DATA, "a code is 10 to 15");
	v->type = (uint8_t)code;
	return json_bytes_read(v, json, arena);
}

static lk_err
string_tree(struct tree *t, bool text, json_object *json)
{
	if (!json_object_is_type(json, json_type_string))
		return LK_ERR(LK_E_DATA, "not a string");
	if (text)
		*t = (struct tree){ .kind = TREE_TEXT,
			.text = json_string_bytes(json) };
	else
		t->value = (struct value){ .type = VALUE_STR,
			.bytes = json_string_bytes(json) };
	return LK_NONE;
}

static lk_err
container_tree(struct tree *t, bool map, json_object *json, struct arena *arena)
{
	if (!json_object_is_type(
		json, map ? json_type_object : json_type_array))
		return LK_ERR(LK_E_DATA, "type and value do not agree");
	return map ? map_tree(t, json, JSON_TYPED, arena)
		   : list_tree(t, json, JSON_TYPED, arena);
}

/* What is left: scalars that fit a struct value by themselves. */
static lk_err
scalar_read(struct value *v, const char *type, json_object *json)
{
	if (strcmp(type, "int") == 0 || strcmp(type, "counter") == 0 ||
	    strcmp(type, "timestamp") == 0) {
		v->type = type[0] == 'i' ? VALUE_INT
		    : type[0] == 'c'     ? VALUE_COUNTER
					 : VALUE_TIMESTAMP;
		return i64_read(json, v);
	}
	if (strcmp(type, "uint") == 0) {
		v->type = VALUE_UINT;
		return u64_read(json, v);
	}
	if (strcmp(type, "f64") == 0)
		return f64_read(json, v);
	if (strcmp(type, "boolean") == 0) {
		if (!json_object_is_type(json, json_type_boolean))
			return LK_ERR(LK_E_DATA, "not true or false");
		v->type =
		    json_object_get_boolean(json) ? VALUE_TRUE : VALUE_FALSE;
	} else if (strcmp(type, "null") != 0 || json != NULL) {
		return LK_ERR(LK_E_DATA, "no such type of value");
	}
	return LK_NONE;
}

static lk_err
typed_tree(struct tree *t, json_object *typed, struct arena *arena)
{
	json_object *name, *json;
	const char *type;

	if (!json_object_is_type(typed, json_type_object) ||
	    !json_object_object_get_ex(typed, "type", &name) ||
	    !json_object_is_type(name, json_type_string) ||
	    !json_object_object_get_ex(typed, "value", &json))
		return LK_ERR(LK_E_DATA, "not {\"type\", \"value\"}");
	type = json_object_get_string(name);
	*t = (struct tree){ .kind = TREE_SCALAR,
		.value = { .type = VALUE_NULL } };
	if (strcmp(type, "map") == 0 || strcmp(type, "list") == 0)
		return container_tree(t, type[0] == 'm', json, arena);
	if (strcmp(type, "text") == 0 || strcmp(type, "str") == 0)
		return string_tree(t, type[0] == 't', json);
	if (strcmp(type, "unknown") == 0)
		return unknown_read(&t->value, typed, json, arena);
	if (strcmp(type, "bytes") != 0)
		return scalar_read(&t->value, type, json);
	t->value.type = VALUE_BYTES;
	return json_bytes_read(&t->value, json, arena);
}

lk_err
json_tree(struct tree *t, json_object *json, enum json_style style,
    struct arena *arena)
{
	if (style == JSON_TYPED)
		return typed_tree(t, json, arena);
	return plain_tree(t, json, arena);
}

lk_err
json_value_put(struct edit *e, const struct tree_place *at, json_object *json,
    enum json_style style)
{
	ARENA_SCOPED arena = { .max = TREE_BYTES_MAX };
	struct tree t;

	TRY(json_tree(&t, json, style, &arena));
	return edit_assign(e, at, &t);
}

lk_err
json_value_fill(struct edit *e, struct op_id map, json_object *members,
    enum json_style style)
{
	ARENA_SCOPED arena = { .max = TREE_BYTES_MAX };
	struct tree t;

	TRY(map_tree(&t, members, style, &arena));
	return edit_fill(e, map, &t);
}

lk_err
json_value_edit(struct edit *e, struct doc *doc, const struct json_change *c)
{
	ARENA_SCOPED arena = { .max = TREE_BYTES_MAX };
	struct tree base, wanted;
	struct tree_change change = { .at = c->at,
		.wanted = &wanted,
		.detail = c->style == JSON_PLAIN ? TREE_PLAIN : TREE_TYPED };

	TRY(json_tree(&wanted, c->wanted, c->style, &arena));
	if (c->has_base) {
		TRY(json_tree(&base, c->base, c->style, &arena));
		change.base = &base;
	}
	return edit_tree(e, doc, &change);
}
