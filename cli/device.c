#include <string.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void
devices_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "devices");
	struct table *t = table_new(4);

	(void)o;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *d = json_object_array_get_idx(list, i);

		table_row(t,
		    (const char *[]){ safe(field(d, "name")),
			field_short(d, "device"), field_ago(d, "added"),
			field_bool(d, "self") ? "this device" : "" });
	}
	table_print(t);
}

static int
device_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	struct args args;
	int status;

	if (args_parse(lk, &args, NULL, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 1, 1));
	if (strcmp(args.operands[0], "ls") != 0)
		return lk_fail_usage(lk, "%s: expected ls", args.operands[0]);
	DO(lk_call(lk, "device.list", NULL, &result));
	output_result(lk->output, "device", result, devices_render);
	return 0;
}

const struct command verb_device = {
	.name = "device",
	.usage = "device ls\n",
	.summary = "List your own devices",
	.details = "",
	.run = device_run,
};
