#include <stdio.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/verbs.h"

static void
share_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s may %s %s\n", safe(field(result, "who")),
	    field(result, "role"), safe(field(result, "name")));
}

static int
share_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	const char *role = NULL;
	const struct option options[] = {
		{ "role", 'r', OPTION_STRING, &role },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 2, 2));
	params = params_new(args.operands[0]);
	params_text(params, "who", args.operands[1]);
	params_text(params, "role", role);
	DO(lk_call(lk, "doc.share", params, &result));
	output_result(
	    lk->output, "share", result, lk->quiet ? NULL : share_render);
	return 0;
}

const struct command verb_share = {
	.name = "share",
	.usage = "share [--role ROLE] DOC WHO\n",
	.summary = "Give a contact access to a document",
	.details =
	    "WHO is somebody met through a ticket: a name, or digits of a "
	    "key.\n\n"
	    "  -r, --role ROLE     relay, read, write (the default) or "
	    "admin\n",
	.run = share_run,
};
