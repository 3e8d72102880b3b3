#include "base/limits.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/params.h"
#include "cli/verbs.h"

static int
apply_run(struct lk *lk, const struct args *args)
{
	json_object *params;
	BUF_SCOPED patch = { 0 };

	buf_init(&patch, CHANGE_BODY_MAX);
	DO(file_read(lk, args->len == 2 ? args->operands[1] : "-", &patch));
	params = params_new(args->operands[0]);
	params_bytes(params, "patch", buf_bytes(&patch));
	change_add(params);
	return lk_answer(lk, "doc.apply", params, NULL);
}

const struct command verb_apply = {
	.name = "apply",
	.usage = "apply [-m TEXT] [--root] DOC [FILE]\n",
	.summary = "Make several edits as one change",
	.details =
	    "FILE (standard input by default) is a JSON Patch (RFC 6902) or "
	    "one edit a line:\n\n"
	    "  {\"set\": PATH, \"value\": V}       {\"rm\": PATH}\n"
	    "  {\"insert\": PATH, \"value\": V}    {\"inc\": PATH, \"by\": "
	    "N}\n"
	    "  {\"splice\": PATH, \"pos\": P, \"del\": D, \"text\": T}\n"
	    "  {\"mark\": PATH, \"from\": P, \"to\": P, \"name\": NAME, "
	    "\"value\": V, \"expand\": E}\n"
	    "  {\"split\": PATH, \"pos\": P, \"block\": B}    "
	    "{\"join\": PATH, \"pos\": P}\n"
	    "  {\"update\": PATH, \"pos\": P, \"block\": B}\n\n"
	    "When one cannot be made none is. A position P is a number or a "
	    "cursor.\n\n"
	    "  -m, --message TEXT  is kept with the change\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = change_options,
	.operands_min = 1,
	.operands_max = 2,
	.run = apply_run,
};
