#include <stdlib.h>

#include "cli/change.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
splice_run(struct lk *lk, const struct args *args)
{
	const char *count = args->operands[3], *wrong;
	int64_t del = strtonum(count, 0, INT64_MAX, &wrong);
	json_object *params;
	int status;

	if (wrong != NULL)
		return lk_fail_usage(
		    lk, "%s is no number of characters", count);
	params = params_at(args);
	status = params_position(lk, params, "pos", args->operands[2]);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	params_number(params, "del", del);
	params_text(params, "text", args->len == 5 ? args->operands[4] : NULL);
	change_add(params);
	return lk_answer(lk, "doc.splice", params, NULL);
}

const struct command verb_splice = {
	.name = "splice",
	.usage = "splice [-m TEXT] [--root] DOC PATH POS DEL [TEXT]\n",
	.summary = "Delete and insert in a text",
	.details =
	    "At code point POS, DEL code points are deleted and TEXT is "
	    "inserted. PATH is \"\" for\na text document. POS may be a cursor; "
	    "e is the end.\n\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = change_options,
	.operands_min = 4,
	.operands_max = 5,
	.run = splice_run,
};
