#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/code.h"
#include "cli/params.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

#define PURPOSE "device"

static bool opt_code, opt_qr, opt_ticket;
static int64_t opt_timeout = TIMEOUT_DEFAULT_MS,
	       opt_expires = TICKET_EXPIRES_DEFAULT;

static const struct option options[] = {
	{ "code", 'c', OPTION_FLAG, &opt_code },
	{ "qr", 0, OPTION_FLAG, &opt_qr },
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

/* A device that has documents, or others beside it, is one to be joined. */
static int
pair_has_something(struct lk *lk, bool *has)
{
	JSON_SCOPED *documents = NULL;
	JSON_SCOPED *devices = NULL;
	json_object *list;

	DO(lk_call(lk, "doc.list", NULL, &documents));
	list = field_list(documents, "documents");
	*has = list != NULL && json_object_array_length(list) > 0;
	if (*has)
		return 0;
	DO(lk_call(lk, "device.list", NULL, &devices));
	list = field_list(devices, "devices");
	*has = list != NULL && json_object_array_length(list) > 1;
	return 0;
}

static int
pair_alone(struct lk *lk)
{
	bool has;

	DO(pair_has_something(lk, &has));
	if (has)
		return code_show(lk, PURPOSE);
	if (isatty(STDIN_FILENO))
		return code_ask(lk, PURPOSE, opt_timeout);
	return lk_fail_usage(lk,
	    "--code shows a code, - reads the other device's from standard "
	    "input");
}

static int
pair_typed(struct lk *lk, const char *typed)
{
	char line[TICKET_LINE_MAX];
	bool given = strcmp(typed, "-") != 0;

	if (!given) {
		DO(ticket_line(lk, line));
		typed = line;
	}
	if (code_looks_like(typed))
		return code_type(lk, PURPOSE, typed, given, opt_timeout);
	if (strncasecmp(typed, "lk1-", 4) != 0)
		return lk_fail(lk, 65, "data",
		    "a code is a number of two digits and three words, a "
		    "ticket a line from lk1- to its end",
		    "pair: neither a code nor a ticket");
	return ticket_use(lk, "pair.join", typed, opt_timeout, pair_render);
}

static int
pair_run(struct lk *lk, const struct args *args)
{
	json_object *params;

	opt_ticket |= opt_qr;
	if (opt_ticket + opt_code + (args->len == 1) > 1)
		return lk_fail_usage(lk,
		    "--ticket or --code on one device, what it shows on "
		    "the other");
	if (args->len == 1)
		return pair_typed(lk, args->operands[0]);
	if (opt_code)
		return code_show(lk, PURPOSE);
	if (!opt_ticket)
		return pair_alone(lk);
	params = params_new(NULL);
	DO(ticket_lasting(lk, params, opt_expires));
	return lk_answer(
	    lk, "pair.ticket", params, opt_qr ? ticket_draw : ticket_render);
}

const struct command verb_pair = {
	.name = "pair",
	.usage = "pair [--code]\n"
		 "pair [--timeout SPAN] CODE[@HOST:PORT]\n"
		 "pair --ticket|--qr [--expires SPAN]\n"
		 "pair [--timeout SPAN] TICKET\n",
	.summary = "Make another device one of yours",
	.details =
	    "On a device that has your documents lk pair shows a code: a "
	    "number and three words,\ngood once and for five minutes. On a "
	    "new one, after lk init, it asks for the code;\nafterwards both "
	    "show the same three words. It waits until all documents are "
	    "readable\nthere. A ticket does the same without anybody at the "
	    "first device. The first is "
	    "found\non the local network; from elsewhere the code needs its "
	    "address. - in place of a code\nor ticket reads it from standard "
	    "input.\n\n"
	    "  -c, --code          show a code, also where there are no "
	    "documents yet\n"
	    "  -t, --ticket        print a ticket for one device\n"
	    "  --qr                the same, drawn for a camera too\n"
	    "  --expires SPAN      how long the ticket is good for (10m)\n"
	    "  --timeout SPAN      how long to wait (60s); with a ticket it "
	    "goes on in the\n                      background\n",
	.options = options,
	.operands_max = 1,
	.run = pair_run,
};
