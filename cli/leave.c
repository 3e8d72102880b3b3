#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static void
leave_render(struct output *o, json_object *result)
{
	json_object *devices = field_list(result, "devices");
	const char *name = safe(field(result, "name"));

	(void)o;
	printf("this device has left %s: what is here stays, nothing more "
	       "comes\n",
	    name);
	for (size_t i = 0; i < json_object_array_length(devices); i++)
		printf("  your %s has not: lk leave %s there\n",
		    safe(json_object_get_string(
			json_object_array_get_idx(devices, i))),
		    name);
	if (field_bool(result, "last_admin"))
		printf("  nobody is left who can change members, but the "
		       "recovery phrase%s\n",
		    field_bool(result, "guarded") ? " and the guardians" : "");
}

static int
leave_run(struct lk *lk, const struct args *args)
{
	return lk_confirm(
	    lk, "doc.leave", params_new(args->operands[0]), leave_render);
}

const struct command verb_leave = {
	.name = "leave",
	.usage = "leave DOC\n",
	.summary = "Give up this device's own access to a document",
	.details =
	    "What is here stays and can be read; nothing more comes. An admin "
	    "can share it\nagain.\n",
	.operands_min = 1,
	.operands_max = 1,
	.run = leave_run,
};
