#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void
row_fill(json_object *d, const char *cells[])
{
	cells[0] = safe(field(d, "name"));
	cells[1] = field_short(d, "device");
	cells[2] = field_ago(d, "added");
	cells[3] = field_bool(d, "self") ? "this device" : "";
}

static void
devices_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "devices", 4, row_fill);
}

static int
device_run(struct lk *lk, const struct args *args)
{
	if (strcmp(args->operands[0], "ls") != 0)
		return lk_fail_usage(lk, "%s: expected ls", args->operands[0]);
	return lk_answer(lk, "device.list", NULL, devices_render);
}

const struct command verb_device = {
	.name = "device",
	.usage = "device ls\n",
	.summary = "List your own devices",
	.details = "",
	.operands_min = 1,
	.operands_max = 1,
	.run = device_run,
};
