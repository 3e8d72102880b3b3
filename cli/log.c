#include <stdio.h>

#include "cli/client.h"
#include "cli/history.h"
#include "cli/params.h"
#include "cli/verbs.h"

static bool opt_access;
static int64_t opt_number = INT64_MAX;

static const struct option options[] = {
	{ "access", 0, OPTION_FLAG, &opt_access },
	{ "number", 'n', OPTION_NUMBER, &opt_number },
	OPTIONS_END,
};

/* All entries there are, oldest first, fetched a page at a time. */
static int
entries_get(struct lk *lk, const char *doc, json_object *all)
{
	int64_t after = 0;

	for (;;) {
		JSON_SCOPED *result = NULL;
		json_object *params = params_new(doc), *page;

		params_number(params, "after", after);
		params_flag(params, "access", opt_access);
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
log_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *all = json_object_new_array();
	size_t last;

	DO(entries_get(lk, args->operands[0], all));
	last = json_object_array_length(all);
	for (size_t i = last; i > 0 && last - i < (uint64_t)opt_number; i--)
		output_event(&lk->output, "log",
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
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = log_run,
};
