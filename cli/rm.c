#include "cli/change.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
rm_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_at(args);

	change_add(params);
	return lk_answer(lk, "doc.rm", params, NULL);
}

const struct command verb_rm = {
	.name = "rm",
	.usage = "rm [-m TEXT] [--root] DOC PATH\n",
	.summary = "Remove what is at a path",
	.details = "lk forget deletes a whole document, from this device.\n"
		   "  -m, --message TEXT  is kept with the change\n"
		   "  --root              paths start at the map that a text "
		   "or list document is in\n",
	.options = change_options,
	.operands_min = 2,
	.operands_max = 2,
	.run = rm_run,
};
