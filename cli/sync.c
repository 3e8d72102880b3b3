#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/params.h"
#include "cli/ticket.h"
#include "cli/verbs.h"

static int
wait_read(struct lk *lk, const char *word, json_object *params)
{
	const char *wrong;
	int64_t n = 0;

	if (word == NULL)
		return 0;
	if (word[0] != '\0' && strcmp(word, "all") != 0) {
		n = strtonum(word, 1, INT32_MAX, &wrong);
		if (wrong != NULL)
			return lk_fail_usage(lk,
			    "--wait: %s is neither all nor a number", word);
	}
	params_number(params, "wait", n);
	return 0;
}

static int
sync_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	const char *wait = NULL;
	int64_t timeout_ms = TIMEOUT_DEFAULT_MS;
	const struct option options[] = {
		{ "wait", 'w', OPTION_MAYBE, &wait },
		{ "timeout", 0, OPTION_DURATION, &timeout_ms },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	params = params_new(NULL);
	params_docs(params, args.operands, args.len);
	params_number(params, "timeout_ms", timeout_ms);
	status = wait_read(lk, wait, params);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	DO(lk_call(lk, "sync", params, &result));
	output_result(lk->output, "sync", result, NULL);
	return 0;
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
	.run = sync_run,
};
