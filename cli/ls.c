#include <stdio.h>

#include "cli/client.h"
#include "cli/table.h"
#include "cli/verbs.h"

static bool opt_long;

static const struct option options[] = {
	{ "long", 'l', OPTION_FLAG, &opt_long },
	OPTIONS_END,
};

static void
short_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "documents");

	(void)o;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		puts(safe(field(json_object_array_get_idx(list, i), "name")));
}

static void
row_fill(json_object *d, const char *cells[])
{
	cells[0] = safe(field(d, "name"));
	cells[1] = field(d, "type");
	cells[2] = field_bool(d, "revoked") ? "revoked" : field(d, "role");
	cells[3] = field_short(d, "doc");
	cells[4] = field_ago(d, "changed");
}

static void
long_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "documents", 5, row_fill);
}

static int
ls_run(struct lk *lk, const struct args *args)
{
	(void)args;
	return lk_answer(
	    lk, "doc.list", NULL, opt_long ? long_render : short_render);
}

const struct command verb_ls = {
	.name = "ls",
	.usage = "ls [-l]\n",
	.summary = "List the documents",
	.details =
	    "  -l, --long          with type, role, id and last change\n",
	.options = options,
	.run = ls_run,
};
