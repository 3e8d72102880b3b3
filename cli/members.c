#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/params.h"
#include "cli/verbs.h"

/* What a device has: "this device", "synced", "pending 3 since 2 min ago". */
static const char *
copy_state(json_object *m, char *out, size_t len)
{
	const char *state = field(m, "acknowledged");

	if (field_bool(m, "self"))
		return "this device";
	if (strcmp(state, "pending") != 0)
		return state;
	(void)snprintf(out, len, "pending %lld, oldest %s",
	    (long long)field_int(m, "pending"), field_ago(m, "oldest"));
	return out;
}

static void
members_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "members");
	struct table *t = table_new(6);

	(void)o;
	table_row(t,
	    (const char *[]){ "WHO", "ROLE", "RANK", "BY", "SINCE",
		"ACKNOWLEDGED" });
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *m = json_object_array_get_idx(list, i);
		char rank[24], state[96], who[600];

		(void)snprintf(rank, sizeof(rank), "%lld",
		    (long long)field_int(m, "rank"));
		(void)snprintf(who, sizeof(who), "%s%s",
		    field_bool(m, "own") ? "  " : "", safe(field(m, "who")));
		table_row(t,
		    (const char *[]){ who, field(m, "role"), rank,
			safe(field(m, "by")), field_short(m, "since"),
			copy_state(m, state, sizeof(state)) });
	}
	table_print(t);
}

static int
members_run(struct lk *lk, int argc, char *argv[])
{
	JSON_SCOPED *result = NULL;
	bool all = false;
	const struct option options[] = {
		{ "all", 'a', OPTION_FLAG, &all },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct args args;
	json_object *params;
	int status;

	if (args_parse(lk, &args, options, argc, argv, &status) == ARGS_STOP)
		return status;
	DO(args_count(lk, &args, 1, 1));
	params = params_new(args.operands[0]);
	params_flag(params, "all", all);
	DO(lk_call(lk, "doc.members", params, &result));
	output_result(lk->output, "members", result, members_render);
	return 0;
}

const struct command verb_members = {
	.name = "members",
	.usage = "members [--all] DOC\n",
	.summary = "List who may do what on a document",
	.details =
	    "Role, rank (the smaller, the more senior), who granted it, the "
	    "envelope that did\n(lk log --access), and what each device has "
	    "acknowledged.\n\n"
	    "  -a, --all           with grants that have ended\n",
	.run = members_run,
};
