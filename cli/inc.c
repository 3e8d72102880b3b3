#include <stdlib.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
inc_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	const char *message = NULL, *wrong = NULL;
	int64_t by = 1;
	const struct option options[] = {
		{ "message", 'm', OPTION_STRING, &message },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 2, 3));
	if (args.len == 3)
		by = strtonum(
		    args.operands[2], INT64_MIN, INT64_MAX, &wrong);
	if (wrong != NULL)
		return lk_fail_usage(
		    lk, "%s is no number that fits", args.operands[2]);
	params = params_new(args.operands[0]);
	params_text(params, "path", args.operands[1]);
	params_number(params, "by", by);
	params_text(params, "message", message);
	DO(lk_call(lk, "doc.inc", params, &result));
	output_result(lk->output, "inc", result, NULL);
	return 0;
}

const struct command verb_inc = {
	.name = "inc",
	.usage = "inc [-m TEXT] DOC PATH [N]\n",
	.summary = "Add to a counter",
	.details =
	    "N is 1 by default and may be negative. What several devices add "
	    "at the same time\nadds up.\n\n"
	    "  -m, --message TEXT  is kept with the change\n",
	.run = inc_run,
};
