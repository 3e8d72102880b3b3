#include <stdlib.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
position_read(struct lk *lk, const char *text, int64_t *out)
{
	const char *wrong;

	*out = strtonum(text, 0, INT64_MAX, &wrong);
	if (wrong != NULL)
		return lk_fail_usage(lk, "%s is no position", text);
	return 0;
}

static int
splice_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	const char *message = NULL;
	const struct option options[] = {
		{ "message", 'm', OPTION_STRING, &message },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int64_t pos, del;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 4, 5));
	DO(position_read(lk, args.operands[2], &pos));
	DO(position_read(lk, args.operands[3], &del));
	params = params_new(args.operands[0]);
	params_text(params, "path", args.operands[1]);
	params_number(params, "pos", pos);
	params_number(params, "del", del);
	params_text(params, "text", args.len == 5 ? args.operands[4] : NULL);
	params_text(params, "message", message);
	DO(lk_call(lk, "doc.splice", params, &result));
	output_result(lk->output, "splice", result, NULL);
	return 0;
}

const struct command verb_splice = {
	.name = "splice",
	.usage = "splice [-m TEXT] DOC PATH POS DEL [TEXT]\n",
	.summary = "Delete and insert in a text",
	.details =
	    "At code point POS, DEL code points are deleted and TEXT is "
	    "inserted. PATH is \"\" for\na text document.\n\n"
	    "  -m, --message TEXT  is kept with the change\n",
	.run = splice_run,
};
