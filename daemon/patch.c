#include "daemon/patch.h"

#include <math.h>
#include <string.h>

/* The flaw was found from `here` on; the text began at `start`. */
static void
flaw_move(struct json_flaw *flaw, const uint8_t *start, const uint8_t *here)
{
	size_t lines = 0, columns = 0;

	for (; start < here; start++) {
		columns = *start == '\n' ? 0 : columns + 1;
		lines += *start == '\n';
	}
	if (flaw->line == 1)
		flaw->column += columns;
	flaw->line += lines;
}

lk_err
patch_read(json_object **out, struct bytes text, struct json_flaw *flaw)
{
	struct bytes left = text;
	json_object *first = NULL, *lines;
	lk_err err = LK_NONE;

	*flaw = (struct json_flaw){ 1, 1 };
	lines = json_object_new_array();
	if (lines == NULL)
		return LK_ERR(LK_E_NOMEM, "read patch");
	do {
		struct bytes rest = left;

		err = json_text_next(&first, &rest, flaw);
		if (err.code != LK_OK)
			break;
		if (json_object_is_type(first, json_type_array) &&
		    rest.len == 0 && left.len == text.len) {
			json_object_put(lines);
			*out = first;
			return LK_NONE;
		}
		if (!json_object_is_type(first, json_type_object)) {
			json_object_put(first);
			err = LK_ERR(LK_E_DATA, "an operation is an object");
			break;
		}
		json_object_array_add(lines, first);
		left = rest;
	} while (left.len > 0);
	if (err.code != LK_OK) {
		flaw_move(flaw, text.ptr, left.ptr);
		json_object_put(lines);
		return err;
	}
	*out = lines;
	return LK_NONE;
}

static lk_err
string_member(json_object *op, const char *key, const char **out)
{
	json_object *s;

	if (!json_object_object_get_ex(op, key, &s) ||
	    !json_object_is_type(s, json_type_string) ||
	    strlen(json_object_get_string(s)) !=
		(size_t)json_object_get_string_len(s))
		return LK_ERR(LK_E_DATA, "a path is missing");
	*out = json_object_get_string(s);
	return LK_NONE;
}

static lk_err
int_member(json_object *op, const char *key, int64_t fallback, int64_t *out)
{
	json_object *n;

	*out = fallback;
	if (!json_object_object_get_ex(op, key, &n))
		return LK_NONE;
	if (!json_object_is_type(n, json_type_int) ||
	    json_object_get_uint64(n) > INT64_MAX)
		return LK_ERR(LK_E_DATA, "not an integer");
	*out = json_object_get_int64(n);
	return LK_NONE;
}

static lk_err
value_member(json_object *op, json_object **value)
{
	if (!json_object_object_get_ex(op, "value", value))
		return LK_ERR(LK_E_DATA, "a value is missing");
	return LK_NONE;
}

static lk_err
as_member(json_object *op, enum value_as *as)
{
	json_object *word;

	if (!json_object_object_get_ex(op, "as", &word))
		return value_as_read(as, NULL);
	if (value_as_read(as, json_object_get_string(word)).code != LK_OK)
		return LK_ERR(LK_E_DATA, "no such kind of value");
	return LK_NONE;
}

/* A position; NULL when it is left out. */
static lk_err
position_member(json_object *op, const char *key, json_object **position)
{
	*position = NULL;
	if (!json_object_object_get_ex(op, key, position) || *position != NULL)
		return LK_NONE;
	return LK_ERR(LK_E_DATA, "not a position: a number or a cursor");
}

/* The edits of the JSON Lines form. */

typedef lk_err op_fn(struct site *, json_object *op, const char *path);

static lk_err
line_set(struct site *s, json_object *op, const char *path)
{
	json_object *value;
	enum value_as as;

	TRY(value_member(op, &value));
	TRY(as_member(op, &as));
	return site_replace(s, path, value, as);
}

static lk_err
line_rm(struct site *s, json_object *op, const char *path)
{
	(void)op;
	return site_rm(s, path);
}

static lk_err
line_insert(struct site *s, json_object *op, const char *path)
{
	json_object *value;
	enum value_as as;

	TRY(value_member(op, &value));
	TRY(as_member(op, &as));
	return site_insert(s, path, value, as);
}

static lk_err
line_inc(struct site *s, json_object *op, const char *path)
{
	int64_t by;

	TRY(int_member(op, "by", 1, &by));
	return site_inc(s, path, by);
}

static lk_err
line_splice(struct site *s, json_object *op, const char *path)
{
	json_object *text, *pos;
	struct bytes insert = { 0 };
	int64_t del;

	TRY(position_member(op, "pos", &pos));
	TRY(int_member(op, "del", 0, &del));
	if (del < 0)
		return LK_ERR(LK_E_DATA, "a number of characters is negative");
	if (json_object_object_get_ex(op, "text", &text)) {
		if (!json_object_is_type(text, json_type_string))
			return LK_ERR(LK_E_DATA, "the text is no string");
		insert = json_string_bytes(text);
	}
	return site_splice(s, path, pos, (uint64_t)del, insert);
}

static lk_err
line_mark(struct site *s, json_object *op, const char *path)
{
	struct site_mark mark = { 0 };
	json_object *name, *expand = NULL, *whole = NULL;
	lk_err err;

	TRY(position_member(op, "from", &mark.from));
	TRY(position_member(op, "to", &mark.to));
	TRY(as_member(op, &mark.as));
	if (!json_object_object_get_ex(op, "name", &name) ||
	    !json_object_is_type(name, json_type_string))
		return LK_ERR(LK_E_DATA, "a name is missing");
	mark.name = json_string_bytes(name);
	if (json_object_object_get_ex(op, "expand", &expand) &&
	    !json_object_is_type(expand, json_type_string))
		return LK_ERR(LK_E_DATA, "expand is no word");
	if (mark_expand_read(&mark.expand,
		expand == NULL ? NULL : json_object_get_string(expand))
		.code != LK_OK)
		return LK_ERR(
		    LK_E_DATA, "a mark expands none, before, after or both");
	if (!json_object_object_get_ex(op, "value", &mark.value))
		mark.value = whole = json_object_new_boolean(true);
	err = site_mark(s, path, &mark);
	json_object_put(whole);
	return err;
}

static lk_err
line_split(struct site *s, json_object *op, const char *path)
{
	json_object *pos;

	TRY(position_member(op, "pos", &pos));
	return site_split(s, path, pos, json_object_object_get(op, "block"));
}

static lk_err
line_update(struct site *s, json_object *op, const char *path)
{
	json_object *pos;

	TRY(position_member(op, "pos", &pos));
	return site_update(s, path, pos, json_object_object_get(op, "block"));
}

static lk_err
line_join(struct site *s, json_object *op, const char *path)
{
	json_object *pos;

	TRY(position_member(op, "pos", &pos));
	return site_join(s, path, pos);
}

/* The operations of RFC 6902. */

static lk_err
place_json(struct site *s, const struct place *p, enum json_style style,
    json_object **out)
{
	struct json_flaw flaw;
	BUF_SCOPED text = { 0 };

	buf_init(&text, DOCUMENT_BODY_MAX);
	TRY(json_value_write(&text, s->doc, &p->item, style));
	return json_text_parse(out, buf_bytes(&text), &flaw);
}

static lk_err
place_existing(struct site *s, const char *path, struct place *p)
{
	TRY(pointer_follow(p, s->doc, &s->base, path, s->arena));
	if (!p->shown)
		return LK_ERR(LK_E_NOTFOUND, "nothing there");
	return LK_NONE;
}

static lk_err
op_replace(struct site *s, json_object *op, const char *path)
{
	json_object *value;
	struct place p;

	TRY(value_member(op, &value));
	TRY(place_existing(s, path, &p));
	return site_replace(s, path, value, AS_JSON);
}

static lk_err
value_add(
    struct site *s, const char *path, json_object *value, enum value_as as)
{
	struct place p;

	TRY(pointer_follow(&p, s->doc, &s->base, path, s->arena));
	if (path[0] != '\0' && p.obj_type == OBJ_LIST)
		return site_insert(s, path, value, as);
	return site_replace(s, path, value, as);
}

static lk_err
op_add(struct site *s, json_object *op, const char *path)
{
	json_object *value;

	TRY(value_member(op, &value));
	return value_add(s, path, value, AS_JSON);
}

static lk_err
op_copy(struct site *s, json_object *op, const char *path)
{
	json_object *value;
	struct place p;
	const char *from;
	lk_err err;

	TRY(string_member(op, "from", &from));
	TRY(place_existing(s, from, &p));
	TRY(place_json(s, &p, JSON_TYPED, &value));
	err = value_add(s, path, value, AS_TYPED);
	json_object_put(value);
	return err;
}

static lk_err
op_move(struct site *s, json_object *op, const char *path)
{
	json_object *value;
	struct place p;
	const char *from;
	size_t len;
	lk_err err;

	TRY(string_member(op, "from", &from));
	len = strlen(from);
	if (strcmp(from, path) == 0)
		return place_existing(s, from, &p);
	if (strncmp(from, path, len) == 0 && path[len] == '/')
		return LK_ERR(LK_E_DATA, "cannot move into itself");
	TRY(place_existing(s, from, &p));
	TRY(place_json(s, &p, JSON_TYPED, &value));
	err = site_rm(s, from);
	if (err.code == LK_OK)
		err = value_add(s, path, value, AS_TYPED);
	json_object_put(value);
	return err;
}

static bool json_same(json_object *, json_object *);

static bool
number_same(json_object *a, json_object *b)
{
	if (json_object_is_type(a, json_type_int) &&
	    json_object_is_type(b, json_type_int))
		return json_object_equal(a, b);
	return fabs(json_object_get_double(a) - json_object_get_double(b)) <=
	    0.0;
}

static bool
array_same(json_object *a, json_object *b)
{
	size_t len = json_object_array_length(a);

	if (json_object_array_length(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!json_same(json_object_array_get_idx(a, i),
			json_object_array_get_idx(b, i)))
			return false;
	return true;
}

static bool
object_same(json_object *a, json_object *b)
{
	if (json_object_object_length(a) != json_object_object_length(b))
		return false;
	json_object_object_foreach(a, key, value)
	{
		json_object *other;

		if (!json_object_object_get_ex(b, key, &other) ||
		    !json_same(value, other))
			return false;
	}
	return true;
}

/* Equal as RFC 6902 section 4.6 says: numbers by value. */
static bool
json_same(json_object *a, json_object *b)
{
	enum json_type t = json_object_get_type(a), u = json_object_get_type(b);
	bool a_number = t == json_type_int || t == json_type_double;
	bool b_number = u == json_type_int || u == json_type_double;

	if (a_number && b_number)
		return number_same(a, b);
	if (t != u)
		return false;
	if (t == json_type_array)
		return array_same(a, b);
	if (t == json_type_object)
		return object_same(a, b);
	return json_object_equal(a, b);
}

static lk_err
op_test(struct site *s, json_object *op, const char *path)
{
	json_object *value, *now;
	struct place p;
	bool same;

	TRY(value_member(op, &value));
	TRY(place_existing(s, path, &p));
	TRY(place_json(s, &p, JSON_PLAIN, &now));
	same = json_same(value, now);
	json_object_put(now);
	if (!same)
		return LK_ERR(LK_E_DATA, "the test failed");
	return LK_NONE;
}

static const struct verb {
	const char *name;
	op_fn *run;
	const char *members; /* of a line, besides the name */
} ops_6902[] = {
	{ "add", op_add, NULL },
	{ "remove", line_rm, NULL },
	{ "replace", op_replace, NULL },
	{ "move", op_move, NULL },
	{ "copy", op_copy, NULL },
	{ "test", op_test, NULL },
}, lines[] = {
	{ "set", line_set, "value as" },
	{ "rm", line_rm, "" },
	{ "insert", line_insert, "value as" },
	{ "inc", line_inc, "by" },
	{ "splice", line_splice, "pos del text" },
	{ "mark", line_mark, "from to name value as expand" },
	{ "split", line_split, "pos block" },
	{ "join", line_join, "pos" },
	{ "update", line_update, "pos block" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
word_within(const char *words, const char *word)
{
	size_t len = strlen(word), n;

	for (; *words != '\0'; words += n + (words[n] == ' ')) {
		n = strcspn(words, " ");
		if (n == len && memcmp(words, word, n) == 0)
			return true;
	}
	return false;
}

/* A misspelt member would else be taken for one left out. */
static lk_err
members_check(json_object *op, const struct verb *v)
{
	json_object_object_foreach(op, key, value)
	{
		(void)value;
		if (strcmp(key, v->name) != 0 && !word_within(v->members, key))
			return LK_ERR(
			    LK_E_DATA, "this edit has no such member");
	}
	return LK_NONE;
}

static lk_err
operation_run(struct site *s, json_object *op, const char **path)
{
	json_object *name;

	if (!json_object_is_type(op, json_type_object))
		return LK_ERR(LK_E_DATA, "an operation is an object");
	if (json_object_object_get_ex(op, "op", &name)) {
		TRY(string_member(op, "path", path));
		for (size_t i = 0; i < COUNT(ops_6902); i++)
			if (name != NULL &&
			    strcmp(json_object_get_string(name),
				ops_6902[i].name) == 0)
				return ops_6902[i].run(s, op, *path);
		return LK_ERR(LK_E_DATA, "no such operation");
	}
	for (size_t i = 0; i < COUNT(lines); i++) {
		if (!json_object_object_get_ex(op, lines[i].name, NULL))
			continue;
		TRY(string_member(op, lines[i].name, path));
		TRY(members_check(op, &lines[i]));
		return lines[i].run(s, op, *path);
	}
	return LK_ERR(LK_E_DATA, "no such operation");
}

lk_err
patch_apply(struct site *s, json_object *ops, struct patch_fault *fault)
{
	*fault = (struct patch_fault){ .path = "" };
	for (size_t i = 0; i < json_object_array_length(ops); i++) {
		fault->index = i;
		fault->path = "";
		TRY(operation_run(
		    s, json_object_array_get_idx(ops, i), &fault->path));
	}
	return LK_NONE;
}
