#include <stdio.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/verbs.h"

static bool opt_force, opt_undo, opt_list;

static const struct option options[] = {
	{ "force", 0, OPTION_FLAG, &opt_force },
	{ "list", 0, OPTION_FLAG, &opt_list },
	{ "undo", 0, OPTION_FLAG, &opt_undo },
	OPTIONS_END,
};

static void
forget_render(struct output *o, json_object *result)
{
	const char *name = safe(field(result, "name"));
	int64_t holders = field_int(result, "holders");

	(void)o;
	if (holders == 0)
		printf("%s is gone from this device, and no other device is "
		       "known to have it\n",
		    name);
	else
		printf("%s is gone from this device only: %lld other device%s "
		       "may have it\n"
		       "  lk forget --undo %s brings it back\n",
		    name, (long long)holders, holders == 1 ? "" : "s", name);
}

static void
recall_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s comes back when somebody who has it is met\n",
	    safe(field(result, "name")));
}

static void
row_fill(json_object *d, const char *cells[])
{
	cells[0] = safe(field(d, "name"));
	cells[1] = field(d, "type");
	cells[2] = field_short(d, "doc");
	cells[3] = field_ago(d, "since");
}

static void
list_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "documents", 4, row_fill);
}

static int
forget_run(struct lk *lk, const struct args *args)
{
	json_object *params;

	if (opt_force + opt_list + opt_undo > 1)
		return lk_fail_usage(
		    lk, "--force, --list and --undo exclude each other");
	if (opt_list != (args->len == 0))
		return lk_fail_usage(lk,
		    opt_list ? "--list takes no document" : "which document?");
	if (opt_list)
		return lk_answer(lk, "doc.forgotten", NULL, list_render);
	params = params_new(args->operands[0]);
	if (opt_undo)
		return lk_confirm(lk, "doc.recall", params, recall_render);
	params_flag(params, "force", opt_force);
	return lk_confirm(lk, "doc.forget", params, forget_render);
}

const struct command verb_forget = {
	.name = "forget",
	.usage = "forget [--force] DOC\nforget --undo DOC\nforget --list\n",
	.summary = "Delete this device's copy of a document, nobody else's",
	.details =
	    "This device stays a member, and says to the others that it does "
	    "not keep the document.\nOnly when somebody who is connected has "
	    "all of it.\n"
	    "      --force         also when nobody else may have it: then it "
	    "is gone\n"
	    "      --undo          have it again, from whoever has it\n"
	    "      --list          what was forgotten here\n",
	.options = options,
	.operands_min = 0,
	.operands_max = 1,
	.run = forget_run,
};
