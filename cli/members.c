#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/table.h"
#include "cli/verbs.h"

static bool opt_all;

static const struct option options[] = {
	{ "all", 'a', OPTION_FLAG, &opt_all },
	OPTIONS_END,
};

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

/* "revoke 1a2b3c4d of laptop"; what is left of the role is in its column. */
static const char *
ended(json_object *m, char *out, size_t len)
{
	json_object *by = json_object_object_get(m, "ended");

	if (by == NULL)
		return "";
	(void)snprintf(out, len, "%s %s of %s", field(by, "kind"),
	    field_short(by, "id"), safe(field(by, "who")));
	return out;
}

static void
guardians_print(json_object *result)
{
	json_object *list = field_list(result, "guardians");
	size_t len = list == NULL ? 0 : json_object_array_length(list);

	if (len == 0)
		return;
	printf("Guardians, any %lld of %zu: ",
	    (long long)field_int(result, "needed"), len);
	for (size_t i = 0; i < len; i++)
		printf("%s%s", i == 0 ? "" : ", ",
		    safe(field(json_object_array_get_idx(list, i), "who")));
	putchar('\n');
}

static void
members_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "members");
	struct table *t = table_new(opt_all ? 8 : 7);

	(void)o;
	table_row(t,
	    (const char *[]){ "WHO", "ROLE", "RANK", "BY", "SINCE", "GRANT",
		"ACKNOWLEDGED", "ENDED" });
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *m = json_object_array_get_idx(list, i);
		char rank[24], state[96], who[600], end[600];

		(void)snprintf(rank, sizeof(rank), "%lld",
		    (long long)field_int(m, "rank"));
		(void)snprintf(who, sizeof(who), "%s%s",
		    field_bool(m, "own") ? "  " : "", safe(field(m, "who")));
		table_row(t,
		    (const char *[]){ who, field(m, "role"), rank,
			safe(field(m, "by")), field_ago(m, "granted_at"),
			field_short(m, "since"),
			copy_state(m, state, sizeof(state)),
			ended(m, end, sizeof(end)) });
	}
	table_print(t);
	guardians_print(result);
}

static int
members_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	params_flag(params, "all", opt_all);
	return lk_answer(lk, "doc.members", params, members_render);
}

const struct command verb_members = {
	.name = "members",
	.usage = "members [--all] DOC\n",
	.summary = "List who may do what on a document",
	.details =
	    "Role, rank (the smaller, the more senior), who granted it, when "
	    "that came here and\nin which envelope (lk log --access), and "
	    "what each device has acknowledged.\nDevices stand below their "
	    "person. Last, the guardians of the document, if it\nhas any.\n\n"
	    "  -a, --all           with grants that have ended, and by what\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 1,
	.run = members_run,
};
