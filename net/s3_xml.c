#include "net/s3_xml.h"

#include <ctype.h>
#include <libutil.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SIZE_DIGITS_MAX 19
#define CODE_POINT_MAX 0x10ffffu

void
xml_init(struct xml *x, struct bytes in)
{
	static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };

	*x = (struct xml){ .left = in };
	if (in.len >= 3 && memcmp(in.ptr, mark, 3) == 0)
		x->left = BYTES(in.ptr + 3, in.len - 3);
}

static bool
fail(struct xml *x)
{
	x->failed = true;
	return (false);
}

static void
skip(struct xml *x, size_t n)
{
	x->left = BYTES(x->left.ptr + n, x->left.len - n);
}

static bool
begins(const struct xml *x, const char *text)
{
	size_t n = strlen(text);

	return (x->left.len >= n && memcmp(x->left.ptr, text, n) == 0);
}

/* Behind the next `end`; there has to be one. */
static bool
skip_past(struct xml *x, const char *end)
{
	while (x->left.len > 0 && !begins(x, end))
		skip(x, 1);
	if (x->left.len == 0)
		return (fail(x));
	skip(x, strlen(end));
	return (true);
}

static bool
is_space(uint8_t c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

static void
skip_spaces(struct xml *x)
{
	while (x->left.len > 0 && is_space(x->left.ptr[0]))
		skip(x, 1);
}

static bool
is_name(uint8_t c)
{
	return (isalnum(c) || c == '_' || c == '-' || c == '.' || c == ':');
}

static struct bytes
name_take(struct xml *x)
{
	const uint8_t *from = x->left.ptr;
	size_t n = 0;

	while (
	    n < x->left.len && x->left.ptr[n] < 0x80 && is_name(x->left.ptr[n]))
		n++;
	skip(x, n);
	return (BYTES(from, n));
}

static bool
text_add(struct xml *x, uint32_t c)
{
	if (x->text_len == XML_TEXT_MAX || c == 0)
		return (fail(x));
	x->text[x->text_len++] = (char)c;
	return (true);
}

static bool
code_point_add(struct xml *x, uint32_t c)
{
	if (c < 0x80)
		return (text_add(x, c));
	if (c < 0x800)
		return (text_add(x, 0xc0 | c >> 6) &&
		    text_add(x, 0x80 | (c & 0x3f)));
	if (c < 0x10000)
		return (text_add(x, 0xe0 | c >> 12) &&
		    text_add(x, 0x80 | (c >> 6 & 0x3f)) &&
		    text_add(x, 0x80 | (c & 0x3f)));
	return (text_add(x, 0xf0 | c >> 18) &&
	    text_add(x, 0x80 | (c >> 12 & 0x3f)) &&
	    text_add(x, 0x80 | (c >> 6 & 0x3f)) &&
	    text_add(x, 0x80 | (c & 0x3f)));
}

static uint32_t
digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return (c - (uint32_t)'0');
	if (c >= 'a' && c <= 'f')
		return (c - (uint32_t)'a' + 10);
	return (c >= 'A' && c <= 'F' ? c - (uint32_t)'A' + 10 : UINT32_MAX);
}

/* What is between "&#" and ";". */
static bool
number_take(struct xml *x)
{
	uint32_t base = 10, c = 0;
	size_t digits = 0;

	if (begins(x, "x")) {
		base = 16;
		skip(x, 1);
	}
	for (; x->left.len > 0 && x->left.ptr[0] != ';'; skip(x, 1)) {
		uint32_t digit = digit_of(x->left.ptr[0]);

		if (digit >= base || ++digits > 7)
			return (fail(x));
		c = c * base + digit;
	}
	if (x->left.len == 0 || digits == 0 || c > CODE_POINT_MAX)
		return (fail(x));
	skip(x, 1);
	return (code_point_add(x, c));
}

static bool
entity_take(struct xml *x)
{
	static const struct {
		const char *text;
		char c;
	} entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' },
		{ "&quot;", '"' }, { "&apos;", '\'' } };

	if (begins(x, "&#")) {
		skip(x, 2);
		return (number_take(x));
	}
	for (size_t i = 0; i < sizeof(entities) / sizeof(*entities); i++)
		if (begins(x, entities[i].text)) {
			skip(x, strlen(entities[i].text));
			return (text_add(x, (uint8_t)entities[i].c));
		}
	return (fail(x));
}

/* name="value", as often as there is one. */
static bool
attributes_skip(struct xml *x)
{
	for (;;) {
		uint8_t quote;

		skip_spaces(x);
		if (begins(x, ">") || begins(x, "/>"))
			return (true);
		if (name_take(x).len == 0 || !begins(x, "="))
			return (fail(x));
		skip(x, 1);
		if (!begins(x, "\"") && !begins(x, "'"))
			return (fail(x));
		quote = x->left.ptr[0];
		skip(x, 1);
		while (x->left.len > 0 && x->left.ptr[0] != quote &&
		    x->left.ptr[0] != '<')
			skip(x, 1);
		if (x->left.len == 0 || x->left.ptr[0] != quote)
			return (fail(x));
		skip(x, 1);
	}
}

/* *alone: it ended at once. */
static bool
element_open(struct xml *x, bool *alone)
{
	size_t len = strlen(x->path);
	struct bytes name;

	skip(x, 1);
	name = name_take(x);
	if (name.len == 0 || x->ended || x->depth == XML_DEPTH_MAX ||
	    len + name.len + 2 > sizeof(x->path))
		return (fail(x));
	x->lens[x->depth++] = len;
	if (len > 0)
		x->path[len++] = '/';
	memcpy(x->path + len, name.ptr, name.len);
	x->path[len + name.len] = '\0';
	x->text_len = 0;
	x->inner = false;
	if (!attributes_skip(x))
		return (false);
	*alone = begins(x, "/>");
	skip(x, *alone ? 2 : 1);
	return (true);
}

static bool
element_close(struct xml *x)
{
	struct bytes name;
	const char *last;
	size_t len;

	skip(x, 2);
	name = name_take(x);
	skip_spaces(x);
	if (x->depth == 0 || !begins(x, ">"))
		return (fail(x));
	skip(x, 1);
	len = x->lens[x->depth - 1];
	last = x->path + (len > 0 ? len + 1 : 0);
	return (bytes_equal(name, BYTES_STR(last)) || fail(x));
}

/* What was closed goes off the path. */
static void
element_leave(struct xml *x)
{
	x->closing = false;
	x->path[x->lens[--x->depth]] = '\0';
	x->text_len = 0;
	x->inner = true;
	x->ended = x->depth == 0;
}

static bool
element_told(struct xml *x)
{
	/* Between elements there is nothing but spaces. */
	if (x->inner)
		x->text_len = 0;
	x->text[x->text_len] = '\0';
	x->closing = true;
	return (true);
}

static bool
text_take(struct xml *x)
{
	uint8_t c = x->left.ptr[0];

	if (x->depth == 0 || x->inner) {
		if (!is_space(c))
			return (fail(x));
		skip(x, 1);
		return (true);
	}
	if (c == '&')
		return (entity_take(x));
	skip(x, 1);
	return (text_add(x, c));
}

/* Whether the text so far is only how the document is laid out. */
static bool
is_layout(const struct xml *x)
{
	for (size_t i = 0; i < x->text_len; i++)
		if (!is_space((uint8_t)x->text[i]))
			return (false);
	return (true);
}

bool
xml_next(struct xml *x)
{
	bool alone = false;

	if (x->closing)
		element_leave(x);
	while (!x->failed && x->left.len > 0) {
		if (begins(x, "<!--"))
			skip_past(x, "-->");
		else if (begins(x, "<?") && x->depth == 0 && !x->ended)
			skip_past(x, "?>");
		else if (begins(x, "</")) {
			if (element_close(x))
				return (element_told(x));
		} else if (begins(x, "<")) {
			if (x->depth > 0 && !x->inner && !is_layout(x))
				return (fail(x));
			if (element_open(x, &alone) && alone)
				return (element_told(x));
		} else
			text_take(x);
	}
	return (false);
}

lk_err
xml_err(const struct xml *x)
{
	return (!x->failed && x->ended && x->depth == 0
		? LK_NONE
		: LK_ERR(LK_E_MALFORMED, "answer"));
}

void
s3_error_parse(struct s3_error *out, struct bytes in)
{
	struct s3_error e = { 0 };
	struct xml x;

	xml_init(&x, in);
	while (xml_next(&x)) {
		if (strcmp(x.path, "Error/Code") == 0)
			strlcpy(e.code, x.text, sizeof(e.code));
		else if (strcmp(x.path, "Error/Message") == 0)
			strlcpy(e.message, x.text, sizeof(e.message));
		else if (strcmp(x.path, "Error/Region") == 0)
			strlcpy(e.region, x.text, sizeof(e.region));
	}
	if (xml_err(&x).code != LK_OK)
		e = (struct s3_error){ 0 };
	*out = e;
}

/* One key, as it comes. */
struct key {
	char text[XML_TEXT_MAX + 1];
	uint64_t size;
	bool sized;
	struct wall time; /* 0: it is not said */
};

static lk_err
key_take(struct s3_page *page, const struct key *key, const char *prefix,
    const struct object_request *r)
{
	size_t len = strlen(prefix);
	const char *name = key->text + len;
	struct object_entry *e = &page->entries[page->entries_len];

	if (key->text[0] == '\0' || !key->sized)
		return (LK_ERR(LK_E_MALFORMED, "list"));
	if (strcmp(key->text, page->last) > 0)
		strlcpy(page->last, key->text, sizeof(page->last));
	if (strncmp(key->text, prefix, len) != 0 ||
	    !object_name_is_valid(name) ||
	    strncmp(name, OBJECT_ROOT "/", strlen(OBJECT_ROOT "/")) != 0 ||
	    strncmp(name, r->name, strlen(r->name)) != 0 ||
	    strcmp(name, r->after) <= 0)
		return (LK_NONE);
	if (page->entries_len == OBJECT_LIST_MAX)
		return (LK_ERR(LK_E_LIMIT, "list"));
	strlcpy(e->name, name, sizeof(e->name));
	e->size = key->size;
	e->time_ms = key->time.ms;
	page->entries_len++;
	return (LK_NONE);
}

static lk_err
list_element(struct s3_page *page, const struct xml *x, struct key *key)
{
	const char *wrong = NULL;

	if (strcmp(x->path, "ListBucketResult/IsTruncated") == 0) {
		page->more = strcmp(x->text, "true") == 0;
		if (!page->more && strcmp(x->text, "false") != 0)
			return (LK_ERR(LK_E_MALFORMED, "list"));
	} else if (strcmp(x->path, "ListBucketResult/Contents/Key") == 0)
		strlcpy(key->text, x->text, sizeof(key->text));
	else if (strcmp(x->path, "ListBucketResult/Contents/LastModified") ==
	    0) {
		if (wall_read(&key->time, BYTES_STR(x->text)).code != LK_OK)
			key->time = (struct wall){ .ms = 0 };
	} else if (strcmp(x->path, "ListBucketResult/Contents/Size") == 0) {
		key->size = (uint64_t)strtonum(x->text, 0, LLONG_MAX, &wrong);
		if (wrong != NULL || strlen(x->text) > SIZE_DIGITS_MAX ||
		    strspn(x->text, "0123456789") != strlen(x->text))
			return (LK_ERR(LK_E_MALFORMED, "list"));
		key->sized = true;
	}
	return (LK_NONE);
}

static int
entry_compare(const void *a, const void *b)
{
	const struct object_entry *x = a, *y = b;

	return (strcmp(x->name, y->name));
}

static void
entries_order(struct s3_page *page)
{
	size_t kept = 0;

	qsort(page->entries, page->entries_len, sizeof(*page->entries),
	    entry_compare);
	for (size_t i = 0; i < page->entries_len; i++)
		if (kept == 0 ||
		    strcmp(page->entries[kept - 1].name,
			page->entries[i].name) != 0)
			page->entries[kept++] = page->entries[i];
	page->entries_len = kept;
}

lk_err
s3_page_parse(struct s3_page *page, struct bytes in, const char *prefix,
    const struct object_request *r)
{
	struct key key = { 0 };
	bool list = false;
	struct xml x;

	page->entries_len = 0;
	page->more = false;
	page->last[0] = '\0';
	xml_init(&x, in);
	while (xml_next(&x)) {
		TRY(list_element(page, &x, &key));
		if (strcmp(x.path, "ListBucketResult/Contents") == 0) {
			TRY(key_take(page, &key, prefix, r));
			key = (struct key){ 0 };
		}
		list = strcmp(x.path, "ListBucketResult") == 0;
	}
	TRY(xml_err(&x));
	if (!list)
		return (LK_ERR(LK_E_MALFORMED, "list"));
	entries_order(page);
	return (LK_NONE);
}
