#include <stdio.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static void
merge_render(struct output *o, json_object *result)
{
	long long changes = field_int(result, "changes");

	(void)o;
	if (changes == 0)
		printf("%s: nothing new in ", safe(field(result, "name")));
	else
		printf("%s: %lld change%s from ", safe(field(result, "name")),
		    changes, changes == 1 ? "" : "s");
	puts(safe(field(result, "from_name")));
}

static int
merge_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	params_text(params, "from", args->operands[1]);
	return lk_confirm(lk, "doc.merge", params, merge_render);
}

const struct command verb_merge = {
	.name = "merge",
	.usage = "merge DOC BRANCH\n",
	.summary = "Bring the new changes of a branch into a document",
	.details =
	    "BRANCH is the name of a branch of DOC, or any document with a "
	    "history in common: so\nlk merge DOC/NAME DOC brings a branch up "
	    "to date. The changes come as one import,\nsigned by this device, "
	    "and keep their authors and times.\n",
	.operands_min = 2,
	.operands_max = 2,
	.run = merge_run,
};
