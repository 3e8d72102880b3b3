#include <stdio.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/history.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/verbs.h"

/* All entries there are, oldest first, fetched a page at a time. */
static int
entries_get(struct lk *lk, const char *doc, bool access, json_object *all)
{
	int64_t after = 0;

	for (;;) {
		JSON_SCOPED *result = NULL;
		json_object *params = params_new(doc), *page;

		params_number(params, "after", after);
		params_flag(params, "access", access);
		DO(lk_call(lk, "doc.log", params, &result));
		page = field_list(result, "entries");
		for (size_t i = 0; i < json_object_array_length(page); i++)
			json_object_array_add(all,
			    json_object_get(
				json_object_array_get_idx(page, i)));
		after = field_int(result, "next");
		if (after == 0)
			return 0;
	}
}

static int
log_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *all = json_object_new_array();
	bool access = false;
	int64_t limit = INT64_MAX;
	const struct option options[] = {
		{ "access", 0, OPTION_FLAG, &access },
		{ "number", 'n', OPTION_NUMBER, &limit },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 1, 1));
	DO(entries_get(lk, args.operands[0], access, all));
	for (size_t i = json_object_array_length(all); i > 0 && limit > 0;
	     i--, limit--)
		output_event(lk->output, "log",
		    json_object_array_get_idx(all, i - 1), change_render);
	return 0;
}

const struct command verb_log = {
	.name = "log",
	.usage = "log [-n N] [--access] DOC\n",
	.summary = "List the changes of a document, newest first",
	.details =
	    "One line a change: hash, when, who, how many operations, message. "
	    "void marks a\nchange that does not count, because its author was "
	    "revoked.\n\n"
	    "  -n, --number N      the last N only\n"
	    "  --access            with what was said about members and keys\n",
	.run = log_run,
};
