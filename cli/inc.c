#include <stdlib.h>

#include "cli/change.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
inc_run(struct lk *lk, const struct args *args)
{
	json_object *params;
	const char *wrong = NULL;
	int64_t by = 1;

	if (args->len == 3)
		by = strtonum(args->operands[2], INT64_MIN, INT64_MAX, &wrong);
	if (wrong != NULL)
		return lk_fail_usage(
		    lk, "%s is no number that fits", args->operands[2]);
	params = params_at(args);
	params_number(params, "by", by);
	change_add(params);
	return lk_answer(lk, "doc.inc", params, NULL);
}

const struct command verb_inc = {
	.name = "inc",
	.usage = "inc [-m TEXT] [--root] DOC PATH [N]\n",
	.summary = "Add to a counter",
	.details =
	    "N is 1 by default and may be negative. What several devices add "
	    "at the same time\nadds up.\n\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = change_options,
	.operands_min = 2,
	.operands_max = 3,
	.run = inc_run,
};
