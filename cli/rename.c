#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
rename_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	params_text(params, "name", args->operands[1]);
	return lk_answer(lk, "doc.rename", params, NULL);
}

const struct command verb_rename = {
	.name = "rename",
	.usage = "rename DOC NAME\n",
	.summary = "Give a document another name",
	.details =
	    "It is called so on all your devices; other people call it what "
	    "they like. Its branches\nare called after it, and of a branch "
	    "NAME is the part behind the /.\n",
	.operands_min = 2,
	.operands_max = 2,
	.run = rename_run,
};
