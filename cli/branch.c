#include <stdio.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void
branches_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "branches");
	struct table *t = table_new(4);

	(void)o;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *b = json_object_array_get_idx(list, i);
		char state[64];

		(void)snprintf(state, sizeof(state), "%lld ahead, %lld behind",
		    (long long)field_int(b, "ahead"),
		    (long long)field_int(b, "behind"));
		table_row(t,
		    (const char *[]){ safe(field(b, "name")), state,
			field_short(b, "doc"), field_ago(b, "changed") });
	}
	table_print(t);
}

static int
branch_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	if (args->len == 1)
		return lk_answer(lk, "doc.branches", params, branches_render);
	params_text(params, "name", args->operands[1]);
	return lk_answer(lk, "doc.branch", params, NULL);
}

const struct command verb_branch = {
	.name = "branch",
	.usage = "branch DOC [NAME]\n",
	.summary = "List the branches of a document, or make one",
	.details =
	    "A branch is a document of its own, DOC/NAME, that begins with the "
	    "history of DOC. It\nis yours alone, also when DOC is shared, and "
	    "reading DOC is enough to make one.\nlk merge brings back what is "
	    "new in it: changes that it is ahead.\n",
	.operands_min = 1,
	.operands_max = 2,
	.run = branch_run,
};
