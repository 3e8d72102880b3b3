#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/progress.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static const char *opt_wait;
static int64_t opt_timeout = TIMEOUT_DEFAULT_MS;

static const struct option options[] = {
	{ "wait", 'w', OPTION_MAYBE, &opt_wait },
	{ "timeout", 0, OPTION_DURATION, &opt_timeout },
	OPTIONS_END,
};

/* How many devices to wait for; 0: all, -1: none. */
static int
wait_read(struct lk *lk, int64_t *n)
{
	const char *wrong;

	*n = opt_wait == NULL ? -1 : 0;
	if (opt_wait == NULL || opt_wait[0] == '\0' ||
	    strcmp(opt_wait, "all") == 0)
		return 0;
	*n = strtonum(opt_wait, 1, PEERS_MAX, &wrong);
	if (wrong != NULL)
		return lk_fail_usage(
		    lk, "--wait: %s is neither all nor a number", opt_wait);
	return 0;
}

static int
sync_run(struct lk *lk, const struct args *args)
{
	json_object *params;
	int64_t n;

	DO(wait_read(lk, &n));
	params = params_new(NULL);
	params_docs(params, args);
	params_number(params, "timeout_ms", opt_timeout);
	if (n >= 0)
		params_number(params, "wait", n);
	return progress_confirm(lk, "sync", params, NULL);
}

const struct command verb_sync = {
	.name = "sync",
	.usage = "sync [--wait[=all|=N]] [--timeout SPAN] [DOC ...]\n",
	.summary = "Ask the other devices now, and wait for them",
	.details =
	    "The daemon keeps everything in step by itself; this is for "
	    "scripts that have to know.\n\n"
	    "  -w, --wait[=all]    until every device has acknowledged "
	    "everything\n"
	    "  --wait=N            until N devices have, for each document\n"
	    "  --timeout SPAN      how long at most (60s), then exit 75\n",
	.options = options,
	.operands_max = OPERANDS_MANY,
	.run = sync_run,
};
