#include "cli/spans.h"

#include <stdio.h>
#include <string.h>

static const char *
plain(json_object *value)
{
	return safe(json_object_to_json_string_ext(
	    value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Names of marks that need no quotes. */
static bool
is_word(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.:";

	return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

/* bold, or link="http://..." */
static void
mark_print(struct lk *lk, const char *name, json_object *value)
{
	JSON_SCOPED *quoted = json_object_new_string(name);
	bool is_true = json_object_is_type(value, json_type_boolean) &&
	    json_object_get_boolean(value);

	printf("  %s%s%s", style_on(&lk->output, STYLE_BOLD),
	    is_word(name) ? name : plain(quoted), style_off(&lk->output));
	if (!is_true)
		printf("=%s", plain(value));
}

static void
span_print(struct lk *lk, json_object *span, int width)
{
	json_object *value = json_object_object_get(span, "value");
	json_object *marks = json_object_object_get(span, "marks");
	bool block = strcmp(field(span, "type"), "block") == 0;

	printf("%*lld  %s%s", width, (long long)field_int(span, "start"),
	    block ? "block " : "", plain(value));
	if (marks != NULL) {
		json_object_object_foreach(marks, name, of)
		{
			mark_print(lk, name, of);
		}
	}
	putchar('\n');
}

void
spans_print(struct lk *lk, const char *json)
{
	JSON_SCOPED *spans = json_tokener_parse(json);
	size_t len = json_object_is_type(spans, json_type_array)
	    ? json_object_array_length(spans)
	    : 0;
	int width = 1;

	/* Blocks may be nested deeper than is read here. */
	if (spans == NULL)
		output_pretty(stdout, json, strlen(json));
	if (len > 0)
		width = snprintf(NULL, 0, "%lld",
		    (long long)field_int(
			json_object_array_get_idx(spans, len - 1), "start"));
	for (size_t i = 0; i < len; i++)
		span_print(lk, json_object_array_get_idx(spans, i), width);
}
