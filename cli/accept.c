#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static int64_t opt_timeout = TIMEOUT_DEFAULT_MS;
static bool opt_cancel;

static const struct option options[] = {
	{ "cancel", 0, OPTION_FLAG, &opt_cancel },
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

static void
cancel_render(struct output *o, json_object *result)
{
	(void)o;
	printf("ticket %s: given up\n", field(result, "ticket"));
}

static int
accept_cancel(struct lk *lk, const char *ticket)
{
	char line[TICKET_LINE_MAX];
	JSON_SCOPED *result = NULL;
	json_object *params;

	if (strcmp(ticket, "-") == 0) {
		DO(ticket_line(lk, line));
		ticket = line;
	}
	params = params_new(NULL);
	params_text(params, "ticket", ticket);
	DO(lk_call(lk, "accept.cancel", params, &result));
	output_result(
	    &lk->output, "accept", result, lk->quiet ? NULL : cancel_render);
	return 0;
}

static int
accept_run(struct lk *lk, const struct args *args)
{
	if (opt_cancel)
		return accept_cancel(lk, args->operands[0]);
	return ticket_use(
	    lk, "accept", args->operands[0], opt_timeout, accept_render);
}

const struct command verb_accept = {
	.name = "accept",
	.usage = "accept [--timeout SPAN] TICKET\n"
		 "accept --cancel TICKET\n",
	.summary = "Use a ticket that somebody made for a document",
	.details =
	    "Returns when the document is readable; - reads the ticket from "
	    "standard input.\n"
	    "What is not answered in time goes on in the background, after a "
	    "restart too, for\n30 days; lk status shows it.\n\n"
	    "  --timeout SPAN      how long to wait (60s)\n"
	    "  --cancel            give one up: the ticket, or what lk status "
	    "calls it\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = accept_run,
};
