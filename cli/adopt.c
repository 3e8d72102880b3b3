#include <stdio.h>

#include "cli/client.h"
#include "cli/history.h"
#include "cli/params.h"
#include "cli/verbs.h"

static void
adopt_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "adopted");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		fputs("adopted  ", stdout);
		change_render(o, json_object_array_get_idx(list, i));
	}
}

static int
adopt_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);
	json_object *changes = json_object_new_array();

	for (size_t i = 1; i < args->len; i++)
		json_object_array_add(
		    changes, json_object_new_string(args->operands[i]));
	json_object_object_add(params, "changes", changes);
	return lk_confirm(lk, "doc.adopt", params, adopt_render);
}

const struct command verb_adopt = {
	.name = "adopt",
	.usage = "adopt DOC CHANGE ...\n",
	.summary = "Make void changes of a document count",
	.details =
	    "CHANGE is 4 or more digits of the hash of a void change or import "
	    "(lk quarantine).\nWhat is adopted counts as long as this device's "
	    "word does.\n",
	.operands_min = 2,
	.operands_max = OPERANDS_MANY,
	.run = adopt_run,
};
