#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/verbs.h"

#define SIZE_TEXT 7 /* "1.2 GB" */

static const char *opt_bytes;
static int64_t opt_puts = -1, opt_expires = -1;

static const struct option options[] = {
	{ "quota", 0, OPTION_STRING, &opt_bytes },
	{ "puts", 0, OPTION_NUMBER, &opt_puts },
	{ "expires", 0, OPTION_DURATION, &opt_expires },
	OPTIONS_END,
};

static void
addresses_print(json_object *result)
{
	json_object *list = field_list(result, "addresses");

	for (size_t i = 0; i < json_object_array_length(list); i++)
		puts(
		    json_object_get_string(json_object_array_get_idx(list, i)));
}

static void
init_render(struct output *o, json_object *result)
{
	(void)o;
	puts("This is a relay now. It can be reached at:");
	addresses_print(result);
	puts("\nAn account for somebody:  lk relay invite");
}

static void
invite_render(struct output *o, json_object *result)
{
	(void)o;
	addresses_print(result);
}

static void
size_print(const char *label, json_object *r, const char *key)
{
	char text[SIZE_TEXT];

	(void)humanize_number(text, sizeof(text), field_int(r, key), "B",
	    HN_AUTOSCALE, HN_DECIMAL | HN_DIVISOR_1000);
	printf("%-10s %s\n", label, text);
}

static void
status_render(struct output *o, json_object *result)
{
	(void)o;
	addresses_print(result);
	printf("accounts   %lld\nsessions   %lld\nenvelopes  %lld\n",
	    (long long)field_int(result, "accounts"),
	    (long long)field_int(result, "sessions"),
	    (long long)field_int(result, "envelopes"));
	size_print("kept", result, "bytes");
	size_print("disk free", result, "disk_free");
}

static void
row_fill(json_object *r, const char *cells[])
{
	static char id[9], kept[SIZE_TEXT], most[SIZE_TEXT + 3];

	(void)snprintf(id, sizeof(id), "%.8s", field(r, "account"));
	(void)humanize_number(kept, sizeof(kept), field_int(r, "bytes"), "B",
	    HN_AUTOSCALE, HN_DECIMAL | HN_DIVISOR_1000);
	strlcpy(most, "of ", sizeof(most));
	(void)humanize_number(most + 3, SIZE_TEXT, field_int(r, "bytes_max"),
	    "B", HN_AUTOSCALE, HN_DECIMAL | HN_DIVISOR_1000);
	cells[0] = id;
	cells[1] = kept;
	cells[2] = most;
	cells[3] = field_ago(r, "created");
	cells[4] = field_bool(r, "damaged") ? "damaged"
	    : field_int(r, "sessions") > 0  ? "connected"
					    : "";
}

static void
list_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "accounts", 5, row_fill);
}

static void
limit_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%.8s may keep %lld bytes and bring %lld envelopes a minute\n",
	    field(result, "account"), (long long)field_int(result, "bytes_max"),
	    (long long)field_int(result, "puts_max"));
}

static void
rm_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%.8s and all it had here are gone\n", field(result, "account"));
}

/* 500M, 2G: as sizes are written. */
static int
limits_take(struct lk *lk, json_object *params)
{
	uint64_t bytes;

	if (opt_bytes != NULL) {
		if (expand_number(opt_bytes, &bytes) != 0 || bytes == 0 ||
		    bytes > INT64_MAX)
			return lk_fail_usage(lk,
			    "--quota %s: a size is like 500M or 2G", opt_bytes);
		params_number(params, "bytes", (int64_t)bytes);
	}
	if (opt_puts >= 0)
		params_number(params, "puts", opt_puts);
	if (opt_expires >= 0)
		params_number(params, "expires", opt_expires);
	return 0;
}

static const struct {
	const char *name, *method;
	render_fn *render;
	bool takes_account;
} actions[] = {
	{ "init", "relay.init", init_render, false },
	{ "status", "relay.status", status_render, false },
	{ "invite", "relay.invite", invite_render, false },
	{ "ls", "relay.accounts", list_render, false },
	{ "limit", "relay.limit", limit_render, true },
	{ "rm", "relay.rm", rm_render, true },
};

static int
relay_run(struct lk *lk, const struct args *args)
{
	const char *verb = args->operands[0];

	for (size_t i = 0; i < nitems(actions); i++) {
		json_object *params;
		int status;

		if (strcmp(verb, actions[i].name) != 0 ||
		    args->len != (actions[i].takes_account ? 2 : 1))
			continue;
		params = params_new(NULL);
		if (actions[i].takes_account)
			params_text(params, "account", args->operands[1]);
		status = limits_take(lk, params);
		if (status == 0)
			status = lk_connect(lk, CONNECT_INIT);
		if (status != 0) {
			json_object_put(params);
			return status;
		}
		return lk_answer(
		    lk, actions[i].method, params, actions[i].render);
	}
	return lk_fail_verb(lk, verb);
}

const struct command verb_relay = {
	.name = "relay",
	.usage = "relay init|status|ls\n"
		 "relay invite [--quota SIZE] [--puts N] [--expires SPAN]\n"
		 "relay limit ACCOUNT [--quota SIZE] [--puts N]\n"
		 "relay rm ACCOUNT\n",
	.summary = "Keep what others may not lose, without being able to read "
		   "it",
	.details =
	    "A relay has an LK_HOME of its own. Who is invited adds it on one "
	    "of his devices with\nlk remote add NAME ADDRESS; the address is "
	    "good for one account.\n\n"
	    "  --quota SIZE        what the account may keep (1G)\n"
	    "  --puts N            envelopes it may bring in a minute (60000)\n"
	    "  --expires SPAN      how long the invitation is good for (7d)\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 2,
	.run = relay_run,
};
