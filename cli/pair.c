#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static void
pair_render(struct output *o, json_object *result)
{
	int64_t n = field_int(result, "documents");

	(void)o;
	printf("paired; %lld %s here\n", (long long)n,
	    n == 1 ? "document is" : "documents are");
}

static int
pair_join(struct lk *lk, const char *ticket, int64_t timeout_ms)
{
	JSON_SCOPED *result = NULL;
	json_object *params = params_new(NULL);
	int status = ticket_add(lk, params, ticket);

	if (status != 0) {
		json_object_put(params);
		return status;
	}
	params_number(params, "timeout_ms", timeout_ms);
	DO(lk_call(lk, "pair.join", params, &result));
	output_result(
	    lk->output, "pair", result, lk->quiet ? NULL : pair_render);
	return 0;
}

static int
pair_run(struct lk *lk, int argc, char *argv[])
{
	bool ticket = false;
	int64_t timeout_ms = TIMEOUT_DEFAULT_MS, expires_ms = 0;
	const struct option options[] = {
		{ "ticket", 't', OPTION_FLAG, &ticket },
		{ "expires", 0, OPTION_DURATION, &expires_ms },
		{ "timeout", 0, OPTION_DURATION, &timeout_ms },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 0, ticket ? 0 : 1));
	if (args.len == 1)
		return pair_join(lk, args.operands[0], timeout_ms);
	if (!ticket)
		return lk_fail_usage(lk,
		    "--ticket on one device, the ticket on the other");
	params = params_new(NULL);
	if (expires_ms > 0)
		params_number(params, "expires_ms", expires_ms);
	return ticket_print(lk, "pair.ticket", params);
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
	.run = pair_run,
};
