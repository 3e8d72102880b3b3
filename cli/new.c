#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_type = "map";

static const struct option options[] = {
	{ "type", 't', OPTION_STRING, &opt_type },
	OPTIONS_END,
};

static int
new_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(NULL);

	params_text(params, "name", args->operands[0]);
	params_text(params, "type", opt_type);
	return lk_answer(lk, "doc.new", params, NULL);
}

const struct command verb_new = {
	.name = "new",
	.usage = "new [--type TYPE] DOC\n",
	.summary = "Make an empty document",
	.details = "  -t, --type TYPE     map (the default), text or list\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = new_run,
};
