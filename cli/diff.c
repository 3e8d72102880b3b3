#include "cli/params.h"
#include "cli/patches.h"
#include "cli/verbs.h"

static int
diff_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);
	JSON_SCOPED *result = NULL;

	if (args->len > 1)
		params_text(params, "from", args->operands[1]);
	if (args->len > 2)
		params_text(params, "to", args->operands[2]);
	DO(patches_call(lk, "doc.diff", params, &result));
	if (!lk->quiet)
		patches_print(lk, result);
	return json_object_array_length(field_list(result, "patches")) > 0
	    ? EXIT_NO
	    : 0;
}

const struct command verb_diff = {
	.name = "diff",
	.usage = "diff [-U N] [--typed] [--root] DOC [REV [REV]]\n",
	.summary = "Show what changed between two revisions",
	.details =
	    "From the first revision to the second, or to now; without any, "
	    "what the last\nchange did. REV is 4 or more digits of a change's "
	    "hash, several of them with\ncommas, @N: N changes back, a "
	    "branch of DOC, or a document. Texts are compared line by\nline; "
	    "of everything "
	    "else each change is a line: + is new, - is gone, ~ is\nanother "
	    "value, ! a conflict. The exit status is 1 when they differ.\n\n"
	    "  -U, --unified N     N lines around those that differ, not 3\n"
	    "  --typed             values as get --typed prints them\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = patches_options,
	.operands_min = 1,
	.operands_max = 3,
	.run = diff_run,
};
