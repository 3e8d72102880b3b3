#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static bool opt_ticket;
static int64_t opt_timeout = TIMEOUT_DEFAULT_MS,
	       opt_expires = TICKET_EXPIRES_DEFAULT;

static const struct option options[] = {
	{ "ticket", 't', OPTION_FLAG, &opt_ticket },
	{ "expires", 0, OPTION_DURATION, &opt_expires },
	{ "timeout", 0, OPTION_DURATION, &opt_timeout },
	OPTIONS_END,
};

static void
pair_render(struct output *o, json_object *result)
{
	int64_t n = field_int(result, "documents");

	(void)o;
	printf("paired; %lld %s here\n", (long long)n,
	    n == 1 ? "document is" : "documents are");
}

static int
pair_run(struct lk *lk, const struct args *args)
{
	json_object *params;

	if (args->len == 1 && !opt_ticket)
		return ticket_use(lk, "pair.join", args->operands[0],
		    opt_timeout, pair_render);
	if (args->len == 1 || !opt_ticket)
		return lk_fail_usage(
		    lk, "--ticket on one device, the ticket on the other");
	params = params_new(NULL);
	DO(ticket_lasting(lk, params, opt_expires));
	return lk_answer(lk, "pair.ticket", params, ticket_render);
}

const struct command verb_pair = {
	.name = "pair",
	.usage = "pair --ticket [--expires SPAN]\n"
		 "pair [--timeout SPAN] TICKET\n",
	.summary = "Make another device one of yours",
	.details =
	    "On a device that has your documents: lk pair --ticket prints a "
	    "line. On a new one,\nafter lk init: lk pair with that line (- "
	    "reads it from standard input); it returns\nwhen all documents "
	    "are readable there.\n\n"
	    "  -t, --ticket        print a ticket for one device\n"
	    "  --expires SPAN      how long it is good for (10m)\n"
	    "  --timeout SPAN      how long to wait (60s); it goes on in the "
	    "background\n",
	.options = options,
	.operands_max = 1,
	.run = pair_run,
};
