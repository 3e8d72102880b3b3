#include "cli/args.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static int
invite_run(struct lk *lk, int argc, char *argv[])
{
	const char *role = NULL;
	int64_t uses = 0, expires_ms = 0;
	const struct option options[] = {
		{ "role", 'r', OPTION_STRING, &role },
		{ "uses", 0, OPTION_NUMBER, &uses },
		{ "expires", 0, OPTION_DURATION, &expires_ms },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 1, 1));
	params = params_new(args.operands[0]);
	params_text(params, "role", role);
	if (uses > 0)
		params_number(params, "uses", uses);
	if (expires_ms > 0)
		params_number(params, "expires_ms", expires_ms);
	return ticket_print(lk, "invite", params);
}

const struct command verb_invite = {
	.name = "invite",
	.usage = "invite [--role ROLE] [--uses N] [--expires SPAN] DOC\n",
	.summary = "Print a ticket for somebody not yet met",
	.details =
	    "Whoever has the line can use it, so hand it over as you would a "
	    "key. This device has\nto be reachable when it is used.\n\n"
	    "  -r, --role ROLE     read, write (the default) or admin\n"
	    "  --uses N            how often (1)\n"
	    "  --expires SPAN      how long it is good for (7d)\n",
	.run = invite_run,
};
