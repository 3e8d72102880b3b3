#include "cli/client.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void
row_fill(json_object *p, const char *cells[])
{
	cells[0] = safe(field(p, "who"));
	cells[1] = field_short(p, "device");
	cells[2] = field_bool(p, "connected") ? "connected" : "not connected";
	cells[3] = safe(field(p, "address"));
	cells[4] = field_ago(p, "seen");
}

static void
peers_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "peers", 5, row_fill);
}

static int
peers_run(struct lk *lk, const struct args *args)
{
	(void)args;
	return lk_answer(lk, "peers", NULL, peers_render);
}

const struct command verb_peers = {
	.name = "peers",
	.usage = "peers\n",
	.summary = "List the devices this one talks to",
	.details = "Name, key, whether connected, address, last seen.\n",
	.run = peers_run,
};
