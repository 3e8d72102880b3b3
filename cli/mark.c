#include <string.h>

#include "cli/change.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_expand;
static bool opt_string;

static const struct option options[] = {
	{ "expand", 'e', OPTION_STRING, &opt_expand },
	{ "string", 's', OPTION_FLAG, &opt_string },
	CHANGE_OPTIONS,
};

static int
mark_params(struct lk *lk, const struct args *args, json_object *params)
{
	const char *value = args->len == 6 ? args->operands[5] : NULL;

	if (opt_string && value == NULL)
		return lk_fail_usage(lk, "VALUE is missing");
	DO(params_position(lk, params, "from", args->operands[2]));
	DO(params_position(lk, params, "to", args->operands[3]));
	params_text(params, "name", args->operands[4]);
	params_text(params, "expand", opt_expand);
	if (opt_string)
		params_quoted(params, "json", BYTES_STR(value));
	else
		params_text(params, "json", value);
	change_add(params);
	return 0;
}

static int
mark_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_at(args);
	int status = mark_params(lk, args, params);

	if (status != 0) {
		json_object_put(params);
		return status;
	}
	return lk_answer(lk, "doc.mark", params, NULL);
}

const struct command verb_mark = {
	.name = "mark",
	.usage =
	    "mark [-e EDGES] [-s] [-m TEXT] [--root] DOC PATH FROM TO NAME "
	    "[VALUE]\n",
	.summary = "Mark a part of a text",
	.details =
	    "The text from code point FROM on, before TO, is marked with NAME: "
	    "bold, link, ...\nVALUE is JSON, true by default; null takes the "
	    "mark away. FROM and TO may be\ncursors; e is the end. PATH is "
	    "\"\" "
	    "for a text document. lk get --spans shows marks.\n\n"
	    "  -e, --expand EDGES  none, before, after (the default) or both: "
	    "at which edges what\n"
	    "                      is typed later becomes marked too\n"
	    "  -s, --string        VALUE is a string as it is, not JSON\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = options,
	.operands_min = 5,
	.operands_max = 6,
	.run = mark_run,
};
