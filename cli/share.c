#include <stdio.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_role;

static const struct option options[] = {
	{ "role", 'r', OPTION_STRING, &opt_role },
	OPTIONS_END,
};

static void
share_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s may %s%s %s\n", safe(field(result, "who")),
	    field_bool(result, "less") ? "now only " : "",
	    field(result, "role"), safe(field(result, "name")));
}

static int
share_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	params_text(params, "who", args->operands[1]);
	params_text(params, "role", opt_role);
	return lk_confirm(lk, "doc.share", params, share_render);
}

const struct command verb_share = {
	.name = "share",
	.usage = "share [--role ROLE] DOC WHO\n",
	.summary = "Give a contact access to a document",
	.details =
	    "WHO is somebody met through a ticket: a name, or digits of a "
	    "key. Who has another\nrole already has this one from then on.\n\n"
	    "  -r, --role ROLE     relay, read, write (the default) or "
	    "admin\n",
	.options = options,
	.operands_min = 2,
	.operands_max = 2,
	.run = share_run,
};
