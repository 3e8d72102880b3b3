#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/verbs.h"

/* The value is the answer, so there is no schema around it. */
static void
value_print(struct lk *lk, json_object *result)
{
	json_object *text, *json;

	if (json_object_object_get_ex(result, "json", &json)) {
		const char *s = json_object_get_string(json);
		size_t len = (size_t)json_object_get_string_len(json);

		if (!lk->json) {
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
get_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	bool typed = false, conflicts = false, root = false;
	const struct option options[] = {
		{ "typed", 0, OPTION_FLAG, &typed },
		{ "conflicts", 0, OPTION_FLAG, &conflicts },
		{ "root", 0, OPTION_FLAG, &root },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 1, 2));
	params = params_new(args.operands[0]);
	params_text(
	    params, "path", args.len > 1 ? args.operands[1] : "");
	params_flag(params, "typed", typed);
	params_flag(params, "conflicts", conflicts);
	params_flag(params, "root", root);
	DO(lk_call(lk, "doc.get", params, &result));
	value_print(lk, result);
	return 0;
}

const struct command verb_get = {
	.name = "get",
	.usage = "get [--typed] [--conflicts] [--root] DOC [PATH]\n",
	.summary = "Print a document, or what is at a path in it",
	.details =
	    "A text is printed as it is, everything else as JSON. PATH is a "
	    "JSON Pointer like\n/a/b/0.\n\n"
	    "  --typed             every value as {\"type\", \"value\"}; "
	    "set --typed takes it\n"
	    "  --conflicts         every value that was written at PATH at "
	    "the same time\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.run = get_run,
};
