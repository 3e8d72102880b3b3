#include <stdio.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void
short_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "documents");

	(void)o;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		puts(safe(field(json_object_array_get_idx(list, i), "name")));
}

static void
long_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "documents");
	struct table *t = table_new(5);

	(void)o;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *d = json_object_array_get_idx(list, i);

		table_row(t,
		    (const char *[]){ safe(field(d, "name")), field(d, "type"),
			field(d, "role"), field_short(d, "doc"),
			field_ago(d, "changed") });
	}
	table_print(t);
}

static int
ls_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	bool details = false;
	const struct option options[] = {
		{ "long", 'l', OPTION_FLAG, &details },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 0, 0));
	DO(lk_call(lk, "doc.list", NULL, &result));
	output_result(lk->output, "ls", result,
	    details ? long_render : short_render);
	return 0;
}

const struct command verb_ls = {
	.name = "ls",
	.usage = "ls [-l]\n",
	.summary = "List the documents",
	.details =
	    "  -l, --long          with type, role, id and last change\n",
	.run = ls_run,
};
