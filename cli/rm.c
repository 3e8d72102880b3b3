#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
rm_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	const char *message = NULL;
	bool root = false;
	const struct option options[] = {
		{ "message", 'm', OPTION_STRING, &message },
		{ "root", 0, OPTION_FLAG, &root },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 2, 2));
	params = params_new(args.operands[0]);
	params_text(params, "path", args.operands[1]);
	params_text(params, "message", message);
	params_flag(params, "root", root);
	DO(lk_call(lk, "doc.rm", params, &result));
	output_result(lk->output, "rm", result, NULL);
	return 0;
}

const struct command verb_rm = {
	.name = "rm",
	.usage = "rm [-m TEXT] [--root] DOC PATH\n",
	.summary = "Remove what is at a path",
	.details = "  -m, --message TEXT  is kept with the change\n"
		   "  --root              paths start at the map that a text "
		   "or list document is in\n",
	.run = rm_run,
};
