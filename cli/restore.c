#include <stdio.h>

#include "cli/change.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static void
restore_render(struct output *o, json_object *result)
{
	(void)o;
	if (!field_bool(result, "changed"))
		fprintf(
		    stderr, "lk: %s: unchanged\n", safe(field(result, "name")));
}

static int
restore_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	params_text(params, "rev", args->operands[1]);
	if (args->len == 3)
		params_text(params, "path", args->operands[2]);
	change_add(params);
	return lk_confirm(lk, "doc.restore", params, restore_render);
}

const struct command verb_restore = {
	.name = "restore",
	.usage = "restore [-m TEXT] [--root] DOC REV [PATH]\n",
	.summary = "Make a document, or a part, what it was",
	.details =
	    "One new change leads from what is there now to what was there at "
	    "REV, and is as small\nas possible: everything since then stays in "
	    "the history, and lk undo takes it back.\n\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              the path starts at the map that a text or "
	    "list document is in\n",
	.options = change_options,
	.operands_min = 2,
	.operands_max = 3,
	.run = restore_run,
};
