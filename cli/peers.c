#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void
peers_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "peers");
	struct table *t = table_new(5);

	(void)o;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *p = json_object_array_get_idx(list, i);

		table_row(t,
		    (const char *[]){ safe(field(p, "who")),
			field_short(p, "device"),
			field_bool(p, "connected") ? "connected" :
						     "not connected",
			safe(field(p, "address")), field_ago(p, "seen") });
	}
	table_print(t);
}

static int
peers_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	struct args args;
	int status;

	if (args_parse(lk, &args, NULL, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 0, 0));
	DO(lk_call(lk, "peers", NULL, &result));
	output_result(lk->output, "peers", result, peers_render);
	return 0;
}

const struct command verb_peers = {
	.name = "peers",
	.usage = "peers\n",
	.summary = "List the devices this one talks to",
	.details = "Name, key, whether connected, address, last seen.\n",
	.run = peers_run,
};
