#include <stdlib.h>

#include "cli/change.h"
#include "cli/client.h"
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
splice_run(struct lk *lk, const struct args *args)
{
	json_object *params;
	int64_t pos, del;

	DO(position_read(lk, args->operands[2], &pos));
	DO(position_read(lk, args->operands[3], &del));
	params = params_at(args);
	params_number(params, "pos", pos);
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
	    "inserted. PATH is \"\" for\na text document.\n\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = change_options,
	.operands_min = 4,
	.operands_max = 5,
	.run = splice_run,
};
