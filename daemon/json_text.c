#include "daemon/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define KEY_NUL "\xc0\x80"
#define NUMBER_MAX 4096 /* characters of a number literal */

struct parser {
	const uint8_t *start, *at, *end;
	unsigned depth;
	struct buf text; /* of the string or number being read */
};

static lk_err value_parse(struct parser *, json_object **);

static lk_err
flaw(const char *what)
{
	return LK_ERR(LK_E_DATA, what);
}

static void
space_skip(struct parser *p)
{
	while (p->at < p->end &&
	    (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' ||
		*p->at == '\r'))
		p->at++;
}

static bool
byte_take(struct parser *p, uint8_t c)
{
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static lk_err
hex4_parse(struct parser *p, uint32_t *code)
{
	uint32_t value = 0;

	if (p->end - p->at < 4)
		return flaw("a \\u escape needs four hex digits");
	for (int i = 0; i < 4; i++) {
		uint8_t c = p->at[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = c - (unsigned)'0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20U) - 'a' + 10;
		else
			return flaw("a \\u escape needs four hex digits");
		value = value << 4 | digit;
	}
	p->at += 4;
	*code = value;
	return LK_NONE;
}

static void
code_point_add(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_u8(b, (uint8_t)c);
	} else if (c < 0x800) {
		buf_u8(b, (uint8_t)(0xc0 | c >> 6));
		buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_u8(b, (uint8_t)(0xe0 | c >> 12));
		buf_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		buf_u8(b, (uint8_t)(0xf0 | c >> 18));
		buf_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		buf_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

static lk_err
unicode_escape_parse(struct parser *p)
{
	uint32_t high, low;

	TRY(hex4_parse(p, &high));
	if (high >= 0xdc00 && high <= 0xdfff)
		return flaw("half of a surrogate pair is no character");
	if (high >= 0xd800 && high <= 0xdbff) {
		if (!byte_take(p, '\\') || !byte_take(p, 'u'))
			return flaw("half of a surrogate pair is no character");
		TRY(hex4_parse(p, &low));
		if (low < 0xdc00 || low > 0xdfff)
			return flaw("half of a surrogate pair is no character");
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	}
	code_point_add(&p->text, high);
	return LK_NONE;
}

static lk_err
escape_parse(struct parser *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (p->at == p->end)
		return flaw("a string does not end");
	if (byte_take(p, 'u'))
		return unicode_escape_parse(p);
	found = *p->at == '\0' ? NULL : strchr(from, *p->at);
	if (found == NULL)
		return flaw("no such escape");
	p->at++;
	buf_u8(&p->text, (uint8_t)to[found - from]);
	return LK_NONE;
}

/* Leaves the characters of a string, whose quote is already read, in text. */
static lk_err
string_parse(struct parser *p)
{
	buf_reset(&p->text);
	for (;;) {
		const uint8_t *run = p->at;

		while (p->at < p->end && *p->at != '"' && *p->at != '\\' &&
		    *p->at >= 0x20)
			p->at++;
		buf_mem(&p->text, run, (size_t)(p->at - run));
		if (p->at == p->end)
			return flaw("a string does not end");
		if (byte_take(p, '"'))
			break;
		if (!byte_take(p, '\\'))
			return flaw("a control character in a string");
		TRY(escape_parse(p));
	}
	TRY(buf_err(&p->text, "a string is too long"));
	if (!utf8_valid(buf_bytes(&p->text)))
		return flaw("a string is not UTF-8");
	return LK_NONE;
}

static size_t
digits_skip(struct parser *p)
{
	const uint8_t *from = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return (size_t)(p->at - from);
}

/* Skips the characters of a number by the grammar of RFC 8259. */
static lk_err
number_scan(struct parser *p, bool *integer)
{
	*integer = true;
	(void)byte_take(p, '-');
	if (!byte_take(p, '0') && digits_skip(p) == 0)
		return flaw("no JSON value starts like this");
	if (byte_take(p, '.')) {
		*integer = false;
		if (digits_skip(p) == 0)
			return flaw("a number ends at its point");
	}
	if (byte_take(p, 'e') || byte_take(p, 'E')) {
		*integer = false;
		if (!byte_take(p, '-'))
			(void)byte_take(p, '+');
		if (digits_skip(p) == 0)
			return flaw("a number ends in its exponent");
	}
	return LK_NONE;
}

static json_object *
integer_new(const char *digits)
{
	char *end;

	errno = 0;
	if (digits[0] == '-') {
		int64_t n = strtoll(digits, &end, 10);

		return errno == 0 ? json_object_new_int64(n) : NULL;
	}
	uint64_t u = strtoull(digits, &end, 10);

	if (errno != 0)
		return NULL;
	return u <= INT64_MAX ? json_object_new_int64((int64_t)u)
			      : json_object_new_uint64(u);
}

static lk_err
number_parse(struct parser *p, json_object **out)
{
	const uint8_t *from = p->at;
	char digits[NUMBER_MAX + 1];
	json_object *number = NULL;
	bool integer;
	size_t len;

	TRY(number_scan(p, &integer));
	len = (size_t)(p->at - from);
	if (len > NUMBER_MAX)
		return flaw("a number has too many digits");
	memcpy(digits, from, len);
	digits[len] = '\0';
	if (integer)
		number = integer_new(digits);
	if (number == NULL) {
		double d = strtod(digits, NULL);

		if (isinf(d))
			return flaw("a number is too large for a float");
		number = json_object_new_double(d);
	}
	if (number == NULL)
		return LK_ERR(LK_E_NOMEM, "read JSON");
	*out = number;
	return LK_NONE;
}

static lk_err
array_parse(struct parser *p, json_object *array)
{
	space_skip(p);
	if (byte_take(p, ']'))
		return LK_NONE;
	for (;;) {
		json_object *element;

		TRY(value_parse(p, &element));
		if (json_object_array_add(array, element) != 0) {
			json_object_put(element);
			return LK_ERR(LK_E_NOMEM, "read JSON");
		}
		space_skip(p);
		if (byte_take(p, ']'))
			return LK_NONE;
		if (!byte_take(p, ','))
			return flaw("expected a comma or ]");
	}
}

/* json-c ends keys at a NUL: it is kept as the two bytes C0 80, which no UTF-8
 * has. */
static void
key_pack(char *out, struct bytes name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '\0') {
			memcpy(out, KEY_NUL, 2);
			out += 2;
		} else {
			*out++ = (char)name.ptr[i];
		}
	}
	*out = '\0';
}

lk_err
json_key(struct bytes *out, const char *key, struct buf *memory)
{
	const char *nul = strstr(key, KEY_NUL);

	*out = BYTES_STR(key);
	if (nul == NULL)
		return LK_NONE;
	buf_reset(memory);
	for (; nul != NULL; key = nul + 2, nul = strstr(key, KEY_NUL)) {
		buf_mem(memory, key, (size_t)(nul - key));
		buf_u8(memory, '\0');
	}
	buf_str(memory, key);
	*out = buf_bytes(memory);
	return buf_err(memory, "a key is too long");
}

static lk_err
key_parse(struct parser *p, char **key)
{
	struct bytes name;

	space_skip(p);
	if (!byte_take(p, '"'))
		return flaw("expected a key in quotes");
	TRY(string_parse(p));
	name = buf_bytes(&p->text);
	*key = malloc(2 * name.len + 1);
	if (*key == NULL)
		return LK_ERR(LK_E_NOMEM, "read JSON");
	key_pack(*key, name);
	return LK_NONE;
}

static lk_err
member_parse(struct parser *p, json_object *object)
{
	json_object *value = NULL;
	char *key;
	lk_err err;

	TRY(key_parse(p, &key));
	space_skip(p);
	if (byte_take(p, ':'))
		err = value_parse(p, &value);
	else
		err = flaw("expected a colon");
	if (err.code == LK_OK &&
	    json_object_object_add(object, key, value) != 0) {
		json_object_put(value);
		err = LK_ERR(LK_E_NOMEM, "read JSON");
	}
	free(key);
	return err;
}

static lk_err
object_parse(struct parser *p, json_object *object)
{
	space_skip(p);
	if (byte_take(p, '}'))
		return LK_NONE;
	for (;;) {
		TRY(member_parse(p, object));
		space_skip(p);
		if (byte_take(p, '}'))
			return LK_NONE;
		if (!byte_take(p, ','))
			return flaw("expected a comma or }");
	}
}

static lk_err
container_parse(struct parser *p, bool is_array, json_object **out)
{
	json_object *made;
	lk_err err;

	if (p->depth == TREE_DEPTH_MAX)
		return LK_ERR(LK_E_LIMIT, "more than 512 levels deep");
	made = is_array ? json_object_new_array() : json_object_new_object();
	if (made == NULL)
		return LK_ERR(LK_E_NOMEM, "read JSON");
	p->depth++;
	err = is_array ? array_parse(p, made) : object_parse(p, made);
	p->depth--;
	if (err.code != LK_OK) {
		json_object_put(made);
		return err;
	}
	*out = made;
	return LK_NONE;
}

static bool
word_take(struct parser *p, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

static lk_err
value_parse(struct parser *p, json_object **out)
{
	space_skip(p);
	if (byte_take(p, '{'))
		return container_parse(p, false, out);
	if (byte_take(p, '['))
		return container_parse(p, true, out);
	if (byte_take(p, '"')) {
		TRY(string_parse(p));
		/* An empty buffer may have no memory yet. */
		*out = json_object_new_string_len(
		    p->text.len == 0 ? "" : (const char *)p->text.ptr,
		    (int)p->text.len);
	} else if (word_take(p, "true")) {
		*out = json_object_new_boolean(1);
	} else if (word_take(p, "false")) {
		*out = json_object_new_boolean(0);
	} else if (word_take(p, "null")) {
		*out = NULL;
		return LK_NONE;
	} else if (p->at == p->end) {
		return flaw("it ends where a value was expected");
	} else {
		return number_parse(p, out);
	}
	if (*out == NULL)
		return LK_ERR(LK_E_NOMEM, "read JSON");
	return LK_NONE;
}

static void
flaw_locate(const struct parser *p, struct json_flaw *where)
{
	where->line = where->column = 1;
	for (const uint8_t *c = p->start; c < p->at; c++) {
		where->column++;
		if (*c == '\n') {
			where->line++;
			where->column = 1;
		}
	}
}

static lk_err
text_parse(
    json_object **out, struct bytes *text, bool whole, struct json_flaw *where)
{
	struct parser p = { .start = text->ptr,
		.at = text->ptr,
		.end = text->ptr + text->len };
	json_object *tree = NULL;
	lk_err err;

	if (text->len > INT32_MAX)
		return LK_ERR(LK_E_LIMIT, "too large");
	buf_init(&p.text, text->len + 1);
	err = value_parse(&p, &tree);
	if (err.code == LK_OK) {
		space_skip(&p);
		if (whole && p.at != p.end) {
			json_object_put(tree);
			err = flaw("something follows the value");
		}
	}
	buf_clear(&p.text);
	if (err.code != LK_OK) {
		flaw_locate(&p, where);
		return err;
	}
	*text = BYTES(p.at, (size_t)(p.end - p.at));
	*out = tree;
	return LK_NONE;
}

lk_err
json_text_parse(json_object **out, struct bytes text, struct json_flaw *where)
{
	return text_parse(out, &text, true, where);
}

lk_err
json_text_next(json_object **out, struct bytes *text, struct json_flaw *where)
{
	return text_parse(out, text, false, where);
}

void
json_text_string(struct buf *out, struct bytes s)
{
	static const char plain[] = "\b\f\n\r\t", letter[] = "bfnrt";
	size_t from = 0;

	buf_u8(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		const char *found;

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buf_mem(out, s.ptr + from, i - from);
		from = i + 1;
		found = c == 0 ? NULL : strchr(plain, c);
		if (c == '"' || c == '\\') {
			buf_u8(out, '\\');
			buf_u8(out, c);
		} else if (found != NULL) {
			buf_u8(out, '\\');
			buf_u8(out, (uint8_t)letter[found - plain]);
		} else {
			buf_printf(out, "\\u%04x", c);
		}
	}
	if (from < s.len)
		buf_mem(out, s.ptr + from, s.len - from);
	buf_u8(out, '"');
}

void
json_text_double(struct buf *out, double d)
{
	char digits[40];

	if (!isfinite(d)) {
		buf_str(out, "null");
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		(void)snprintf(digits, sizeof(digits), "%.*g", precision, d);
		if (strtod(digits, NULL) == d)
			break;
	}
	buf_str(out, digits);
	if (strpbrk(digits, ".e") == NULL)
		buf_str(out, ".0");
}

static void
members_write(struct buf *out, json_object *object)
{
	bool first = true;
	struct bytes name;
	struct buf memory;

	buf_init(&memory, out->max);
	buf_u8(out, '{');
	json_object_object_foreach(object, key, value)
	{
		if (!first)
			buf_u8(out, ',');
		first = false;
		if (json_key(&name, key, &memory).code != LK_OK)
			out->failed = true;
		json_text_string(out, name);
		buf_u8(out, ':');
		json_text_tree(out, value);
	}
	buf_u8(out, '}');
	buf_clear(&memory);
}

void
json_text_tree(struct buf *out, json_object *tree)
{
	switch (json_object_get_type(tree)) {
	case json_type_object:
		members_write(out, tree);
		break;
	case json_type_array:
		buf_u8(out, '[');
		for (size_t i = 0; i < json_object_array_length(tree); i++) {
			if (i > 0)
				buf_u8(out, ',');
			json_text_tree(out, json_object_array_get_idx(tree, i));
		}
		buf_u8(out, ']');
		break;
	case json_type_string:
		json_text_string(out,
		    BYTES((const uint8_t *)json_object_get_string(tree),
			(size_t)json_object_get_string_len(tree)));
		break;
	case json_type_double:
		json_text_double(out, json_object_get_double(tree));
		break;
	case json_type_null:
		buf_str(out, "null");
		break;
	case json_type_boolean:
	case json_type_int:
		buf_str(out, json_object_to_json_string(tree));
		break;
	}
}
