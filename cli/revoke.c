#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/history.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_role, *opt_keep;
static bool opt_dry_run, opt_cascade, opt_soft, opt_ban;

static const struct option options[] = {
	{ "dry-run", 'n', OPTION_FLAG, &opt_dry_run },
	{ "keep", 'k', OPTION_STRING, &opt_keep },
	{ "role", 'r', OPTION_STRING, &opt_role },
	{ "cascade", 0, OPTION_FLAG, &opt_cascade },
	{ "ban", 0, OPTION_FLAG, &opt_ban },
	{ "soft", 0, OPTION_FLAG, &opt_soft },
	OPTIONS_END,
};

static size_t
list_len(json_object *result, const char *key)
{
	json_object *list = field_list(result, key);

	return list == NULL ? 0 : json_object_array_length(list);
}

static void
unheard_print(json_object *result)
{
	json_object *list = field_list(result, "not_heard");
	size_t len = list_len(result, "not_heard");

	printf("  not heard of it yet: ");
	for (size_t i = 0; i < len; i++)
		printf("%s%s", i == 0 ? "" : ", ",
		    safe(json_object_get_string(
			json_object_array_get_idx(list, i))));
	puts(len == 0 ? "nobody else" : "");
}

/* "  label: ann (write), bob (none)"; nothing for nobody. */
static void
people_print(json_object *result, const char *key, const char *label)
{
	json_object *list = field_list(result, key);

	if (list_len(result, key) == 0)
		return;
	printf("  %s: ", label);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *p = json_object_array_get_idx(list, i);

		printf("%s%s (%s)", i == 0 ? "" : ", ", safe(field(p, "who")),
		    field(p, "role"));
	}
	putchar('\n');
}

static void
edits_print(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "void");
	long long kept = (long long)field_int(result, "kept"),
		  voided = (long long)field_int(result, "voided");

	if (!field_bool(result, "cut")) {
		printf("  edits that stay: the %lld seen here; void: those not "
		       "seen here, until somebody adopts them\n",
		    kept);
	} else {
		printf("  edits that stay: %lld; void: %lld seen here and all "
		       "not seen here, until somebody adopts them\n",
		    kept, voided);
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		fputs("    void  ", stdout);
		change_render(o, json_object_array_get_idx(list, i));
	}
	if (voided > (long long)json_object_array_length(list))
		puts("    ...");
}

/* What he said against others, which falls with him, and how to say it
 * again. */
static void
denials_print(json_object *result)
{
	json_object *list = field_list(result, "denials");
	const char *name = safe(field(result, "name"));

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *d = json_object_array_get_idx(list, i);
		json_object *ended = field_list(d, "ended");

		for (size_t k = 0; k < json_object_array_length(ended); k++) {
			json_object *p = json_object_array_get_idx(ended, k);
			const char *role = field(p, "role"),
				   *who = safe(field(p, "who"));

			printf("  denial undone: %s by %s; again: lk revoke "
			       "%s%s%s %s\n",
			    who, safe(field(d, "who")),
			    strcmp(role, "none") == 0 ? "" : "--role ",
			    strcmp(role, "none") == 0 ? "" : role, name, who);
		}
	}
	if (field_bool(result, "admin"))
		puts(field_bool(result, "soft")
			? "  denials by them not seen here: they count "
			  "(--soft), until this is said again without --soft"
			: "  denials by them not seen here: undone; lk status "
			  "tells when one arrives");
}

static void
head_print(json_object *result)
{
	const char *who = safe(field(result, "who"));
	const char *role = field(result, "role");
	const char *name = safe(field(result, "name"));
	bool dry = field_bool(result, "dry_run");

	if (strcmp(role, "none") != 0) {
		printf("%s %s %s on %s:\n", who,
		    dry ? "would keep only" : "now has only", role, name);
		return;
	}
	printf("%s %s %s:\n", who, dry ? "would lose" : "has lost access to",
	    name);
	printf("  can still read: everything up to now\n"
	       "  cannot read: what is written from epoch %lld on, by whoever "
	       "has heard of it\n",
	    (long long)field_int(result, "epoch") + 1);
}

static void
revoke_render(struct output *o, json_object *result)
{
	bool dry = field_bool(result, "dry_run");

	head_print(result);
	edits_print(o, result);
	printf("  grants %s: %lld\n",
	    strcmp(field(result, "role"), "none") == 0 ? "ended" : "reduced",
	    (long long)field_int(result, "grants"));
	people_print(result, "lost", "with them");
	people_print(
	    result, "stay", "added by them, and stay (--cascade: not)");
	people_print(result, "back", "back");
	denials_print(result);
	if (field_bool(result, "ban"))
		puts(
		    "  banned: no grant by a more junior admin, or by an equal "
		    "who has not heard of it, lets them in again");
	if (field_bool(result, "last_admin"))
		printf("  %s the only admin: without it only the recovery "
		       "phrase%s who is a member\n",
		    dry ? "this device would be" : "this device is now",
		    field_bool(result, "guarded") ? " and the guardians change"
						  : " changes");
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
	params_text(params, "keep", opt_keep);
	params_flag(params, "dry_run", opt_dry_run);
	params_flag(params, "cascade", opt_cascade);
	params_flag(params, "ban", opt_ban);
	params_flag(params, "soft", opt_soft);
	return lk_confirm(lk, "doc.revoke", params, revoke_render);
}

const struct command verb_revoke = {
	.name = "revoke",
	.usage = "revoke [--dry-run] [--keep REV] [--role ROLE] [--cascade] "
		 "[--ban] [--soft] DOC WHO\n",
	.summary = "Take access to a document away, or reduce it",
	.details =
	    "WHO is a person or a device: a name, or digits of a key. What "
	    "they have received\nalready cannot be taken back.\n\n"
	    "  -n, --dry-run       say what it would do, and do nothing\n"
	    "  -k, --keep REV      of their work keep what REV had seen, and "
	    "REV itself: what\n"
	    "                      they did later is void, though it has "
	    "arrived here\n"
	    "  -r, --role ROLE     what remains: none (the default), relay, "
	    "read or write\n"
	    "  --cascade           whom they added is revoked with them\n"
	    "  --ban               holds against being added again by more "
	    "junior admins, and\n"
	    "                      by equals who have not heard of it\n"
	    "  --soft              whom an admin has revoked meanwhile, unseen "
	    "here, stays\n"
	    "                      revoked; again without it, that is undone\n",
	.options = options,
	.operands_min = 2,
	.operands_max = 2,
	.run = revoke_run,
};
