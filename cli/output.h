/*
 * output.h - how results reach people and scripts: one interface, as text and
 * as JSON (cli.md section 2).
 *
 * A command builds its answer as a JSON object with full ids and RFC 3339
 * times, and a function that renders it for people; which of the two is used
 * is decided here.  Results go to stdout, everything else to stderr.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

struct output_ops;

struct output {
	const struct output_ops *ops;
	bool color_out;
	bool passing; /* a line of output_passing is on the terminal */
};

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum style {
	STYLE_GOOD,
	STYLE_WAIT,
	STYLE_BAD,
	STYLE_FAINT,
	STYLE_BOLD,
	STYLE_PLACE, /* where in a text */
};

/* Writes a result for people to stdout. */
typedef void render_fn(struct output *, json_object *);

struct problem {
	int status;
	const char *error;   /* a word */
	const char *message; /* "what: why" */
	const char *hint;    /* NULL: none */
};

void output_init(struct output *); /* as text */
/* Everything from here on as JSON. */
void output_json(struct output *);
void output_color(struct output *, enum color);

/* New: the object as a line of JSON that says "schema": "lk.VERB/1". */
json_object *output_object(const char *verb, json_object *);
/* The same as text, valid as long as it. */
const char *output_text(json_object *);
/* The answer of a command, with "schema": "lk.VERB/1" when JSON.  Borrows. */
void output_result(
    struct output *, const char *verb, json_object *, render_fn *);
/* One of many: a line of its own, at once on its way. */
void output_event(
    struct output *, const char *verb, json_object *, render_fn *);
void output_problem(struct output *, const struct problem *);
/* A line on standard error, a terminal, in whose place comes what is said next,
 * a result too. */
void output_passing(struct output *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes it away again. */
void output_passed(struct output *);

/* Text between these is in a style, when the terminal can show it. */
const char *style_on(const struct output *, enum style);
/* One of several colours that tell lines apart. */
const char *style_lane(const struct output *, unsigned n);
const char *style_off(const struct output *);

/* Bytes of the answer itself, as they are. */
void output_bytes(const void *, size_t);
/* A JSON text for people: indented, everything else unchanged. */
void output_pretty(FILE *, const char *json, size_t len);

/* Members of a result; "" or 0 or NULL when absent. */
const char *field(json_object *, const char *key);
int64_t field_int(json_object *, const char *key);
bool field_bool(json_object *, const char *key);
json_object *field_list(json_object *, const char *key);
/* The first digits of an id, enough for people. */
const char *field_short(json_object *, const char *key);

/* "2 min ago" for the RFC 3339 time in a field; "never" when it is absent. */
const char *field_ago(json_object *, const char *key);

/* Text from others, safe for a terminal; valid for eight more calls. */
const char *safe(const char *);
/* Prints a line of a text, without its end; tabs stay. */
void output_line(const char *, size_t len);
/* The answer of a command as JSON, its members "json" and "was", which hold
 * JSON texts, as the values these are; the first is called "value". */
void output_values(const char *verb, json_object *);

#endif
