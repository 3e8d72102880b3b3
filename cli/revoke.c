#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_role;
static bool opt_dry_run;

static const struct option options[] = {
	{ "dry-run", 'n', OPTION_FLAG, &opt_dry_run },
	{ "role", 'r', OPTION_STRING, &opt_role },
	OPTIONS_END,
};

static void
unheard_print(json_object *result)
{
	json_object *list = field_list(result, "not_heard");
	size_t len = list == NULL ? 0 : json_object_array_length(list);

	printf("  not heard of it yet: ");
	for (size_t i = 0; i < len; i++)
		printf("%s%s", i == 0 ? "" : ", ",
		    safe(json_object_get_string(
			json_object_array_get_idx(list, i))));
	puts(len == 0 ? "nobody else" : "");
}

static void
revoke_render(struct output *o, json_object *result)
{
	const char *who = safe(field(result, "who"));
	const char *role = field(result, "role");
	bool gone = strcmp(role, "none") == 0,
	     dry = field_bool(result, "dry_run");

	(void)o;
	if (gone)
		printf("%s %s %s:\n", who,
		    dry ? "would lose" : "has lost access to",
		    safe(field(result, "name")));
	else
		printf("%s %s %s on %s:\n", who,
		    dry ? "would keep only" : "now has only", role,
		    safe(field(result, "name")));
	if (gone)
		printf("  can still read: everything up to now\n"
		       "  cannot read: what is written from epoch %lld on, by "
		       "whoever has heard of it\n",
		    (long long)field_int(result, "epoch") + 1);
	printf("  edits that stay: the %lld seen here; void: those not seen "
	       "here, until somebody adopts them\n"
	       "  grants %s: %lld\n",
	    (long long)field_int(result, "kept"), gone ? "ended" : "reduced",
	    (long long)field_int(result, "grants"));
	if (field_bool(result, "last_admin"))
		printf("  %s the only admin: without it only the recovery "
		       "phrase changes who is a member\n",
		    dry ? "this device would be" : "this device is now");
	unheard_print(result);
	puts("Nothing already received can be taken back.");
	puts(dry ? "Nothing was done (--dry-run)."
		 : "Recorded here; lk sync --wait=all waits for everywhere.");
}

static int
revoke_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);

	params_text(params, "who", args->operands[1]);
	params_text(params, "role", opt_role);
	params_flag(params, "dry_run", opt_dry_run);
	return lk_confirm(lk, "doc.revoke", params, revoke_render);
}

const struct command verb_revoke = {
	.name = "revoke",
	.usage = "revoke [--dry-run] [--role ROLE] DOC WHO\n",
	.summary = "Take access to a document away, or reduce it",
	.details =
	    "WHO is a person or a device: a name, or digits of a key. What "
	    "they have received\nalready cannot be taken back.\n\n"
	    "  -n, --dry-run       say what it would do, and do nothing\n"
	    "  -r, --role ROLE     what remains: none (the default), relay, "
	    "read or write\n",
	.options = options,
	.operands_min = 2,
	.operands_max = 2,
	.run = revoke_run,
};
