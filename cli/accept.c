#include <stdio.h>

#include "cli/ticket.h"
#include "cli/verbs.h"

static int64_t opt_timeout = TIMEOUT_DEFAULT_MS;

static const struct option options[] = {
	{ "timeout", 0, OPTION_DURATION, &opt_timeout },
	OPTIONS_END,
};

static void
accept_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s  %s  %s\n", safe(field(result, "name")),
	    field(result, "type"), field(result, "role"));
}

static int
accept_run(struct lk *lk, const struct args *args)
{
	return ticket_use(
	    lk, "accept", args->operands[0], opt_timeout, accept_render);
}

const struct command verb_accept = {
	.name = "accept",
	.usage = "accept [--timeout SPAN] TICKET\n",
	.summary = "Use a ticket that somebody made for a document",
	.details =
	    "Returns when the document is readable; - reads the ticket from "
	    "standard input.\n\n"
	    "  --timeout SPAN      how long to wait (60s); it goes on in the "
	    "background\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = accept_run,
};
