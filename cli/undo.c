#include <stdio.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static bool opt_redo;

static const struct option options[] = {
	{ "redo", 0, OPTION_FLAG, &opt_redo },
	OPTIONS_END,
};

static void
undo_render(struct output *o, json_object *result)
{
	(void)o;
	printf(opt_redo ? "%s: did %s again\n" : "%s: undid %s\n",
	    safe(field(result, "name")), field_short(result, "of"));
}

static int
undo_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	params_flag(params, "redo", opt_redo);
	return lk_confirm(lk, "doc.undo", params, undo_render);
}

const struct command verb_undo = {
	.name = "undo",
	.usage = "undo [--redo] DOC\n",
	.summary = "Undo the last change made on this device",
	.details =
	    "The last change or merge of this device that still shows is "
	    "undone, by a new change.\nWhat others wrote since stays. Once "
	    "more goes further back.\n\n"
	    "      --redo          do again what was undone last\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = undo_run,
};
