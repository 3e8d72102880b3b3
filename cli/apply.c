#include "base/limits.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
apply_run(struct lk *lk, int argc, char *argv[])
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
	BUF_SCOPED patch = { 0 };
	int status;

	buf_init(&patch, CHANGE_BODY_MAX);
	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 1, 2));
	DO(file_read(
	    lk, args.len == 2 ? args.operands[1] : "-", &patch));
	params = params_new(args.operands[0]);
	params_bytes(params, "patch", buf_bytes(&patch));
	params_text(params, "message", message);
	params_flag(params, "root", root);
	DO(lk_call(lk, "doc.apply", params, &result));
	output_result(lk->output, "apply", result, NULL);
	return 0;
}

const struct command verb_apply = {
	.name = "apply",
	.usage = "apply [-m TEXT] [--root] DOC [FILE]\n",
	.summary = "Make several edits as one change",
	.details =
	    "FILE (standard input by default) is a JSON Patch (RFC 6902) or "
	    "one edit a line:\n\n"
	    "  {\"set\": PATH, \"value\": V}       {\"rm\": PATH}\n"
	    "  {\"insert\": PATH, \"value\": V}    {\"inc\": PATH, \"by\": "
	    "N}\n"
	    "  {\"splice\": PATH, \"pos\": P, \"del\": D, \"text\": T}\n\n"
	    "When one cannot be made none is.\n\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.run = apply_run,
};
