#include <stdio.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static void
accept_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s  %s  %s\n", safe(field(result, "name")),
	    field(result, "type"), field(result, "role"));
}

static int
accept_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	int64_t timeout_ms = TIMEOUT_DEFAULT_MS;
	const struct option options[] = {
		{ "timeout", 0, OPTION_DURATION, &timeout_ms },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 1, 1));
	params = params_new(NULL);
	status = ticket_add(lk, params, args.operands[0]);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	params_number(params, "timeout_ms", timeout_ms);
	DO(lk_call(lk, "accept", params, &result));
	output_result(
	    lk->output, "accept", result, lk->quiet ? NULL : accept_render);
	return 0;
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
	.run = accept_run,
};
