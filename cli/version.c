#include <stdio.h>

#include "cli/verbs.h"

static void
version_render(struct output *o, json_object *result)
{
	(void)o;
	printf("lk %s\n", field(result, "version"));
}

static int
version_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *result = json_object_new_object();

	(void)args;
	json_object_object_add(
	    result, "version", json_object_new_string(LK_VERSION));
	output_result(&lk->output, "version", result, version_render);
	return 0;
}

const struct command verb_version = {
	.name = "version",
	.usage = "version\n",
	.summary = "Print the version",
	.details = "",
	.run = version_run,
};
