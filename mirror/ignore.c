#include "mirror/ignore.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A pattern of the user's behind these may take one back. */
static const char always[] = "*~\n.*.sw?\n.*.swpx\n4913\n.#*\n\\#*#\n"
			     ".DS_Store\n.nfs*\n";

void
ignore_clear(struct ignore *ig)
{
	buf_clear(&ig->text);
	free(ig->rules);
	*ig = (struct ignore){ 0 };
}

/* Blanks at the end do not count, unless the last one is escaped. */
static struct bytes
line_trim(struct bytes line)
{
	size_t kept = 0;

	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	for (size_t i = 0; i < line.len; i++) {
		if (line.ptr[i] == '\\' && i + 1 < line.len)
			kept = ++i + 1;
		else if (line.ptr[i] != ' ')
			kept = i + 1;
	}
	line.len = kept;
	return line;
}

static bool
rule_read(struct ignore_rule *rule, struct bytes line)
{
	*rule = (struct ignore_rule){ 0 };
	line = line_trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return false;
	if (line.ptr[0] == '!') {
		rule->negated = true;
		line = BYTES(line.ptr + 1, line.len - 1);
	}
	if (line.len > 0 && line.ptr[line.len - 1] == '/') {
		rule->folders = true;
		line.len--;
	}
	rule->anchored =
	    line.len > 0 && memchr(line.ptr, '/', line.len) != NULL;
	if (line.len > 0 && line.ptr[0] == '/')
		line = BYTES(line.ptr + 1, line.len - 1);
	rule->pattern = line;
	/* No path has an empty part. */
	return line.len > 0 && line.ptr[line.len - 1] != '/';
}

static void
rules_read(struct ignore *ig)
{
	struct bytes left = buf_bytes(&ig->text);

	while (left.len > 0) {
		const uint8_t *end = memchr(left.ptr, '\n', left.len);
		size_t len = end == NULL ? left.len : (size_t)(end - left.ptr);

		if (rule_read(&ig->rules[ig->rules_len], BYTES(left.ptr, len)))
			ig->rules_len++;
		if (end == NULL)
			break;
		left = BYTES(end + 1, left.len - len - 1);
	}
}

lk_err
ignore_read(struct ignore *out, struct bytes text)
{
	struct ignore ig = { 0 };
	size_t lines = 1;

	if (text.len > IGNORE_BYTES_MAX)
		return LK_ERR(LK_E_LIMIT, IGNORE_FILE " is too long");
	buf_init(&ig.text, IGNORE_BYTES_MAX + sizeof(always));
	buf_str(&ig.text, always);
	buf_add(&ig.text, text);
	TRY(buf_err(&ig.text, "read " IGNORE_FILE));
	for (size_t i = 0; i < ig.text.len; i++)
		lines += ig.text.ptr[i] == '\n';
	if (lines <= IGNORE_LINES_MAX)
		ig.rules = calloc(lines, sizeof(*ig.rules));
	if (ig.rules == NULL) {
		ignore_clear(&ig);
		return lines > IGNORE_LINES_MAX
		    ? LK_ERR(LK_E_LIMIT, IGNORE_FILE " has too many lines")
		    : LK_ERR(LK_E_NOMEM, "read " IGNORE_FILE);
	}
	rules_read(&ig);
	ignore_clear(out);
	*out = ig;
	return LK_NONE;
}

/* Matching: a pattern is parts between slashes, and so is a path. */

static struct bytes
part_next(struct bytes *left)
{
	const uint8_t *slash =
	    left->len == 0 ? NULL : memchr(left->ptr, '/', left->len);
	struct bytes part = *left;

	if (slash == NULL) {
		left->ptr += left->len;
		left->len = 0;
		return part;
	}
	part.len = (size_t)(slash - left->ptr);
	*left = BYTES(slash + 1, left->len - part.len - 1);
	return part;
}

static const struct {
	const char *name;
	int (*is)(int);
} classes[] = {
	{ "alnum", isalnum },
	{ "alpha", isalpha },
	{ "blank", isblank },
	{ "cntrl", iscntrl },
	{ "digit", isdigit },
	{ "graph", isgraph },
	{ "lower", islower },
	{ "print", isprint },
	{ "punct", ispunct },
	{ "space", isspace },
	{ "upper", isupper },
	{ "xdigit", isxdigit },
};

/* "[:name:]" at p[at]: its length, 0 when it is none. */
static size_t
class_matches(struct bytes p, size_t at, uint8_t c, bool *in)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		size_t len = strlen(classes[i].name);

		if (p.len - at < len + 4 || memcmp(p.ptr + at, "[:", 2) != 0 ||
		    memcmp(p.ptr + at + 2, classes[i].name, len) != 0 ||
		    memcmp(p.ptr + at + 2 + len, ":]", 2) != 0)
			continue;
		*in |= classes[i].is(c) != 0;
		return len + 4;
	}
	return 0;
}

/* One member of a set at p[*at], which goes behind it; false at the end. */
static bool
set_letter(struct bytes p, size_t *at, uint8_t *letter)
{
	if (p.ptr[*at] == '\\')
		++*at;
	if (*at >= p.len)
		return false;
	*letter = p.ptr[(*at)++];
	return true;
}

/* A set "[...]" at the front of p: its length, 0 when it does not end, which
 * matches nothing. */
static size_t
set_matches(struct bytes p, uint8_t c, bool *matches)
{
	size_t at = 1, first, len;
	bool negated = p.len > 1 && (p.ptr[1] == '!' || p.ptr[1] == '^');
	bool in = false;
	uint8_t low, high;

	at += negated;
	for (first = at; at < p.len && (p.ptr[at] != ']' || at == first);) {
		if ((len = class_matches(p, at, c, &in)) > 0) {
			at += len;
			continue;
		}
		if (!set_letter(p, &at, &low))
			return 0;
		high = low;
		if (at + 1 < p.len && p.ptr[at] == '-' &&
		    p.ptr[at + 1] != ']') {
			at++;
			if (!set_letter(p, &at, &high))
				return 0;
		}
		in |= low <= c && c <= high;
	}
	*matches = in != negated;
	return at < p.len ? at + 1 : 0;
}

/* Whether what is in front of p, no star, matches c: its length, or 0. */
static size_t
letter_matches(struct bytes p, uint8_t c)
{
	bool matches = false;
	size_t len;

	if (p.ptr[0] == '?')
		return 1;
	if (p.ptr[0] == '[') {
		len = set_matches(p, c, &matches);
		return matches ? len : 0;
	}
	if (p.ptr[0] == '\\')
		return p.len > 1 && p.ptr[1] == c ? 2 : 0;
	return p.ptr[0] == c ? 1 : 0;
}

/* One part: stars take as little as they can, and only the last one is ever
 * asked to take more. */
static bool
part_matches(struct bytes p, struct bytes name)
{
	struct bytes star = { 0 }, star_name = { 0 };
	bool starred = false;

	while (name.len > 0) {
		size_t len = 0;

		if (p.len > 0 && p.ptr[0] == '*') {
			p = BYTES(p.ptr + 1, p.len - 1);
			star = p;
			star_name = name;
			starred = true;
			continue;
		}
		if (p.len > 0)
			len = letter_matches(p, name.ptr[0]);
		if (len > 0) {
			p = BYTES(p.ptr + len, p.len - len);
			name = BYTES(name.ptr + 1, name.len - 1);
			continue;
		}
		if (!starred)
			return false;
		star_name = BYTES(star_name.ptr + 1, star_name.len - 1);
		p = star;
		name = star_name;
	}
	while (p.len > 0 && p.ptr[0] == '*')
		p = BYTES(p.ptr + 1, p.len - 1);
	return p.len == 0;
}

static bool
is_any_depth(struct bytes part)
{
	return part.len == 2 && memcmp(part.ptr, "**", 2) == 0;
}

/* The same for parts, where "**" takes any number of them, at the end one. */
static bool
path_matches(struct bytes p, struct bytes path)
{
	struct bytes star = { 0 }, star_path = { 0 };
	bool starred = false;

	while (path.len > 0) {
		struct bytes p_left = p, path_left = path;
		struct bytes part = part_next(&p_left);

		if (p.len > 0 && is_any_depth(part)) {
			if (p_left.len == 0)
				return true;
			p = star = p_left;
			star_path = path;
			starred = true;
			continue;
		}
		if (p.len > 0 && part_matches(part, part_next(&path_left))) {
			p = p_left;
			path = path_left;
			continue;
		}
		if (!starred)
			return false;
		(void)part_next(&star_path);
		p = star;
		path = star_path;
	}
	return p.len == 0;
}

static bool
rule_matches(const struct ignore_rule *rule, struct bytes path, bool is_folder)
{
	struct bytes name = path;

	if (rule->folders && !is_folder)
		return false;
	if (rule->anchored)
		return path_matches(rule->pattern, path);
	for (size_t i = path.len; i > 0; i--)
		if (path.ptr[i - 1] == '/') {
			name = BYTES(path.ptr + i, path.len - i);
			break;
		}
	return part_matches(rule->pattern, name);
}

/* The last rule that says something about a path says it. */
static bool
is_left_out(const struct ignore *ig, struct bytes path, bool is_folder)
{
	for (size_t i = ig->rules_len; i > 0; i--)
		if (rule_matches(&ig->rules[i - 1], path, is_folder))
			return !ig->rules[i - 1].negated;
	return false;
}

bool
ignore_matches(const struct ignore *ig, struct bytes path, bool is_folder)
{
	for (size_t i = 1; i < path.len; i++)
		if (path.ptr[i] == '/' &&
		    is_left_out(ig, BYTES(path.ptr, i), true))
			return true;
	return is_left_out(ig, path, is_folder);
}
