#include "cli/output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRINGIFY JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE

struct output_ops {
	void (*result)(
	    struct output *, const char *verb, json_object *, render_fn *);
	void (*event)(
	    struct output *, const char *verb, json_object *, render_fn *);
	void (*problem)(struct output *, const struct problem *);
};

static void
text_result(
    struct output *o, const char *verb, json_object *result, render_fn *render)
{
	(void)verb;
	if (render != NULL)
		render(o, result);
}

static void
text_event(
    struct output *o, const char *verb, json_object *event, render_fn *render)
{
	text_result(o, verb, event, render);
	(void)fflush(stdout);
}

static void
text_problem(struct output *o, const struct problem *p)
{
	(void)o;
	if (p->hint != NULL && p->hint[0] != '\0')
		fprintf(stderr, "lk: %s; %s\n", p->message, p->hint);
	else
		fprintf(stderr, "lk: %s\n", p->message);
}

json_object *
output_object(const char *verb, json_object *result)
{
	json_object *whole = json_object_new_object();
	char schema[64];

	(void)snprintf(schema, sizeof(schema), "lk.%s/1", verb);
	json_object_object_add(whole, "schema", json_object_new_string(schema));
	json_object_object_foreach(result, key, value)
	{
		json_object_object_add(whole, key, json_object_get(value));
	}
	return whole;
}

const char *
output_text(json_object *o)
{
	return json_object_to_json_string_ext(o, STRINGIFY);
}

static void
json_result(
    struct output *o, const char *verb, json_object *result, render_fn *render)
{
	json_object *whole = output_object(verb, result);

	(void)o;
	(void)render;
	puts(output_text(whole));
	json_object_put(whole);
}

static void
json_event(
    struct output *o, const char *verb, json_object *event, render_fn *render)
{
	json_result(o, verb, event, render);
	(void)fflush(stdout);
}

static void
json_problem(struct output *o, const struct problem *p)
{
	json_object *line = json_object_new_object();

	(void)o;
	json_object_object_add(line, "error", json_object_new_string(p->error));
	json_object_object_add(line, "code", json_object_new_int(p->status));
	json_object_object_add(
	    line, "message", json_object_new_string(p->message));
	json_object_object_add(line, "hint",
	    p->hint == NULL || p->hint[0] == '\0'
		? NULL
		: json_object_new_string(p->hint));
	fprintf(
	    stderr, "%s\n", json_object_to_json_string_ext(line, STRINGIFY));
	json_object_put(line);
}

static const struct output_ops text_ops = {
	text_result,
	text_event,
	text_problem,
};

static const struct output_ops json_ops = {
	json_result,
	json_event,
	json_problem,
};

void
output_init(struct output *o)
{
	o->ops = &text_ops;
	output_color(o, COLOR_AUTO);
}

void
output_json(struct output *o)
{
	o->ops = &json_ops;
}

void
output_color(struct output *o, enum color when)
{
	const char *no = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	o->color_out = when == COLOR_ALWAYS;
	if (when == COLOR_AUTO)
		o->color_out = isatty(STDOUT_FILENO) &&
		    (no == NULL || no[0] == '\0') &&
		    (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

void
output_passed(struct output *o)
{
	if (o->passing)
		fputs("\r\033[K", stderr);
	o->passing = false;
}

void
output_passing(struct output *o, const char *fmt, ...)
{
	va_list ap;

	output_passed(o);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fflush(stderr);
	o->passing = true;
}

void
output_result(
    struct output *o, const char *verb, json_object *result, render_fn *render)
{
	output_passed(o);
	o->ops->result(o, verb, result, render);
}

void
output_event(
    struct output *o, const char *verb, json_object *event, render_fn *render)
{
	output_passed(o);
	o->ops->event(o, verb, event, render);
}

void
output_problem(struct output *o, const struct problem *p)
{
	output_passed(o);
	o->ops->problem(o, p);
}

const char *
style_on(const struct output *o, enum style style)
{
	static const char *const codes[] = {
		[STYLE_GOOD] = "\033[32m",
		[STYLE_WAIT] = "\033[33m",
		[STYLE_BAD] = "\033[31m",
		[STYLE_FAINT] = "\033[2m",
		[STYLE_BOLD] = "\033[1m",
		[STYLE_PLACE] = "\033[36m",
	};

	return o->color_out ? codes[style] : "";
}

const char *
style_lane(const struct output *o, unsigned n)
{
	static const char *const codes[] = { "\033[31m", "\033[32m", "\033[33m",
		"\033[34m", "\033[35m", "\033[36m" };

	return o->color_out ? codes[n % (sizeof(codes) / sizeof(codes[0]))]
			    : "";
}

const char *
style_off(const struct output *o)
{
	return o->color_out ? "\033[0m" : "";
}

void
output_bytes(const void *bytes, size_t len)
{
	if (len > 0)
		(void)fwrite(bytes, 1, len, stdout);
}

static void
indent(FILE *f, unsigned depth)
{
	putc('\n', f);
	for (unsigned i = 0; i < depth; i++)
		fputs("  ", f);
}

/* Copies the string that starts at json[i]; returns where it ends. */
static size_t
string_copy(FILE *f, const char *json, size_t len, size_t i)
{
	size_t from = i++;

	while (i < len && json[i] != '"')
		i += json[i] == '\\' ? 2 : 1;
	i = i < len ? i + 1 : len;
	(void)fwrite(json + from, 1, i - from, f);
	return i;
}

void
output_pretty(FILE *f, const char *json, size_t len)
{
	unsigned depth = 0;

	for (size_t i = 0; i < len;) {
		char c = json[i];
		bool open = c == '{' || c == '[';

		if (c == '"') {
			i = string_copy(f, json, len, i);
			continue;
		}
		i++;
		if (open && i < len && (json[i] == '}' || json[i] == ']')) {
			putc(c, f);
			putc(json[i++], f);
		} else if (open) {
			putc(c, f);
			indent(f, ++depth);
		} else if (c == '}' || c == ']') {
			indent(f, --depth);
			putc(c, f);
		} else if (c == ',') {
			putc(c, f);
			indent(f, depth);
		} else if (c == ':') {
			fputs(": ", f);
		} else {
			putc(c, f);
		}
	}
	putc('\n', f);
}

/* Control characters of ASCII, and of ISO 8859-1 as UTF-8. */
static size_t
control_len(const unsigned char *c)
{
	if (c[0] < 0x20 || c[0] == 0x7f)
		return 1;
	return c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f ? 2 : 0;
}

void
output_line(const char *text, size_t len)
{
	const unsigned char *c = (const unsigned char *)text, *end = c + len;

	while (c < end) {
		/* A string of json-c ends with a NUL. */
		size_t n = *c == '\t' ? 0 : control_len(c);

		if (n == 0)
			putchar(*c++);
		for (; n > 0; n--)
			printf("\\%03o", *c++);
	}
}

static void values_print(json_object *);

/* A member of an object, with its name. */
static void
member_print(const char *key, json_object *value)
{
	bool raw = json_object_is_type(value, json_type_string) &&
	    (strcmp(key, "json") == 0 || strcmp(key, "was") == 0);
	json_object *name =
	    json_object_new_string(strcmp(key, "json") == 0 ? "value" : key);

	fputs(json_object_to_json_string_ext(name, STRINGIFY), stdout);
	json_object_put(name);
	putchar(':');
	if (raw)
		output_bytes(json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
	else
		values_print(value);
}

static void
values_print(json_object *value)
{
	const char *comma = "";

	if (json_object_is_type(value, json_type_object)) {
		putchar('{');
		json_object_object_foreach(value, key, member)
		{
			fputs(comma, stdout);
			member_print(key, member);
			comma = ",";
		}
		putchar('}');
	} else if (json_object_is_type(value, json_type_array)) {
		putchar('[');
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			fputs(comma, stdout);
			values_print(json_object_array_get_idx(value, i));
			comma = ",";
		}
		putchar(']');
	} else {
		fputs(json_object_to_json_string_ext(value, STRINGIFY), stdout);
	}
}

void
output_values(const char *verb, json_object *result)
{
	printf("{\"schema\":\"lk.%s/1\"", verb);
	json_object_object_foreach(result, key, value)
	{
		putchar(',');
		member_print(key, value);
	}
	puts("}");
}

const char *
safe(const char *text)
{
	static char *ring[8];
	static size_t at;
	const unsigned char *c = (const unsigned char *)text;
	char *copy = malloc(4 * strlen(text) + 1), *out = copy;

	if (copy == NULL)
		return "?";
	while (*c != '\0') {
		size_t n = control_len(c);

		if (n == 0)
			*out++ = (char)*c++;
		for (; n > 0; n--, c++)
			out += snprintf(out, 5, "\\%03o", *c);
	}
	*out = '\0';
	at = (at + 1) % 8;
	free(ring[at]);
	ring[at] = copy;
	return copy;
}
