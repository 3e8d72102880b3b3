#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
new_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	const char *type = "map";
	const struct option options[] = {
		{ "type", 't', OPTION_STRING, &type },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 1, 1));
	params = params_new(NULL);
	params_text(params, "name", args.operands[0]);
	params_text(params, "type", type);
	DO(lk_call(lk, "doc.new", params, &result));
	output_result(lk->output, "new", result, NULL);
	return 0;
}

const struct command verb_new = {
	.name = "new",
	.usage = "new [--type TYPE] DOC\n",
	.summary = "Make an empty document",
	.details = "  -t, --type TYPE     map (the default), text or list\n",
	.run = new_run,
};
