#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/spans.h"
#include "cli/verbs.h"

static const char *opt_at;
static bool opt_typed, opt_conflicts, opt_spans, opt_root;

static const struct option options[] = {
	{ "at", 0, OPTION_STRING, &opt_at },
	{ "typed", 0, OPTION_FLAG, &opt_typed },
	{ "conflicts", 0, OPTION_FLAG, &opt_conflicts },
	{ "spans", 0, OPTION_FLAG, &opt_spans },
	{ "root", 0, OPTION_FLAG, &opt_root },
	OPTIONS_END,
};

/* The value is the answer, so there is no schema around it. */
static void
value_print(struct lk *lk, json_object *result)
{
	json_object *text, *json;

	if (json_object_object_get_ex(result, "json", &json)) {
		const char *s = json_object_get_string(json);
		size_t len = (size_t)json_object_get_string_len(json);

		if (!lk->json) {
			if (opt_spans)
				spans_print(lk, s);
			else
				output_pretty(stdout, s, len);
			return;
		}
		output_bytes(s, len);
		putchar('\n');
	} else if (json_object_object_get_ex(result, "text", &text)) {
		if (!lk->json)
			output_bytes(json_object_get_string(text),
			    (size_t)json_object_get_string_len(text));
		else
			puts(json_object_to_json_string_ext(text,
			    JSON_C_TO_STRING_PLAIN |
				JSON_C_TO_STRING_NOSLASHESCAPE));
	}
}

static int
get_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_at(args);
	JSON_SCOPED *result = NULL;

	params_text(params, "at", opt_at);
	params_flag(params, "typed", opt_typed);
	params_flag(params, "conflicts", opt_conflicts);
	params_flag(params, "spans", opt_spans);
	params_flag(params, "root", opt_root);
	DO(lk_call(lk, "doc.get", params, &result));
	value_print(lk, result);
	return 0;
}

const struct command verb_get = {
	.name = "get",
	.usage =
	    "get [--at REV] [--typed] [--conflicts | --spans] [--root] DOC "
	    "[PATH]\n",
	.summary = "Print a document, or what is at a path in it",
	.details =
	    "A text is printed as it is, everything else as JSON. PATH is a "
	    "JSON Pointer like\n/a/b/0.\n\n"
	    "  --at REV            as it was then: 4 or more digits of a "
	    "change's hash, several\n"
	    "                      of them with commas, @N, N changes back, or "
	    "a branch\n"
	    "  --typed             every value as {\"type\", \"value\"}; "
	    "set --typed takes it\n"
	    "  --conflicts         every value that was written at PATH at "
	    "the same time;\n"
	    "                      without PATH of every place that has "
	    "several\n"
	    "  --spans             a text with its marks and blocks, each "
	    "run with its position\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 2,
	.run = get_run,
};
