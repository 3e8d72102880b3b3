#include "cli/client.h"
#include "cli/table.h"
#include "cli/verbs.h"

static void
row_fill(json_object *p, const char *cells[])
{
	static char refused[128];

	cells[0] = safe(field(p, "who"));
	cells[1] = field_short(p, "device");
	cells[2] = field_bool(p, "connected") ? "connected" : "not connected";
	cells[3] = safe(field(p, "address"));
	cells[4] = field_ago(p, "seen");
	cells[5] = "";
	if (field_int(p, "refused") > 0) {
		snprintf(refused, sizeof(refused), "%lld refused: %s",
		    (long long)field_int(p, "refused"),
		    field(p, "refused_for"));
		cells[5] = refused;
	}
}

static void
peers_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "peers", 6, row_fill);
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
	.details = "Name, key, whether connected, address, last seen, and how "
		   "much of what it\nsent was refused, and why.\n",
	.run = peers_run,
};
