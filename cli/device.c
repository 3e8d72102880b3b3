#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/params.h"
#include "cli/phrase.h"
#include "cli/table.h"
#include "cli/usage.h"
#include "cli/verbs.h"

static const char *opt_since, *opt_phrase_file;
static bool opt_phrase;

static const struct option options[] = {
	{ "phrase", 0, OPTION_FLAG, &opt_phrase },
	{ "phrase-file", 0, OPTION_STRING, &opt_phrase_file },
	{ "since", 0, OPTION_STRING, &opt_since },
	OPTIONS_END,
};

static const char *
device_state(json_object *d)
{
	if (!field_bool(d, "self"))
		return field_bool(d, "revoked") ? "revoked" : "";
	return field_bool(d, "revoked") ? "this device, revoked"
					: "this device";
}

static void
row_fill(json_object *d, const char *cells[])
{
	cells[0] = safe(field(d, "name"));
	cells[1] = field_short(d, "device");
	cells[2] = field_ago(d, "added");
	cells[3] = device_state(d);
}

static void
devices_render(struct output *o, json_object *result)
{
	(void)o;
	table_list(result, "devices", 4, row_fill);
}

static size_t
documents_print(json_object *result)
{
	json_object *list = field_list(result, "documents");
	size_t len = list == NULL ? 0 : json_object_array_length(list);

	for (size_t i = 0; i < len; i++)
		printf("  %s\n",
		    safe(field(json_object_array_get_idx(list, i), "name")));
	return len;
}

static void
device_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s  %s  rank %lld, added %s by %s%s%s\n",
	    safe(field(result, "name")), field(result, "device"),
	    (long long)field_int(result, "rank"), field_ago(result, "added"),
	    safe(field(result, "by")),
	    device_state(result)[0] == '\0' ? "" : ", ", device_state(result));
	if (documents_print(result) == 0)
		puts("  no documents");
}

static void
revoked_render(struct output *o, json_object *result)
{
	json_object *added = field_list(result, "added_by_it");
	size_t len = added == NULL ? 0 : json_object_array_length(added);
	const char *name = safe(field(result, "name"));

	(void)o;
	printf("%s is no device of yours any more.\n", name);
	for (size_t i = 0; i < len; i++)
		printf("%s was added by it, and stays: lk device revoke, if "
		       "that was not you.\n",
		    safe(json_object_get_string(
			json_object_array_get_idx(added, i))));
	puts("Nothing it has received can be taken back.\n"
	     "Recorded here; lk sync --wait=all waits for everywhere.");
}

static int
device_revoke(struct lk *lk, json_object *params)
{
	JSON_SCOPED *result = NULL;
	json_object *left;
	size_t len;

	params_text(params, "since", opt_since);
	if (opt_phrase || opt_phrase_file != NULL) {
		int status = phrase_params(lk, params, opt_phrase_file);

		if (status != 0) {
			json_object_put(params);
			return status;
		}
	}
	DO(lk_call(lk, "device.revoke", params, &result));
	output_result(
	    &lk->output, "device", result, lk->quiet ? NULL : revoked_render);
	left = field_list(result, "documents");
	len = left == NULL ? 0 : json_object_array_length(left);
	if (len == 0)
		return 0;
	if (!lk->json && !lk->quiet) {
		puts("Documents it made, or was given by others, keep it:");
		(void)documents_print(result);
	}
	return lk_fail(lk, EXIT_PARTLY, "denied",
	    "an admin above it there may: lk revoke DOC DEVICE; or the "
	    "recovery phrase: --phrase",
	    "%s: in %zu %s this device may not revoke it",
	    safe(field(result, "name")), len,
	    len == 1 ? "document" : "documents");
}

static size_t
operands_wanted(const char *verb)
{
	if (strcmp(verb, "ls") == 0)
		return 1;
	return strcmp(verb, "rename") == 0 ? 3 : 2;
}

static int
device_run(struct lk *lk, const struct args *args)
{
	const char *verb = args->operands[0];
	json_object *params;

	if ((opt_since != NULL || opt_phrase || opt_phrase_file != NULL) &&
	    strcmp(verb, "revoke") != 0)
		return lk_fail_usage(
		    lk, "--since and --phrase belong to revoke");
	if (strcmp(verb, "ls") == 0 && args->len == 1)
		return lk_answer(lk, "device.list", NULL, devices_render);
	if (!usage_has_verb(lk->command, verb) ||
	    args->len != operands_wanted(verb))
		return lk_fail_verb(lk, verb);
	params = params_new(NULL);
	params_text(params, "device", args->operands[1]);
	if (strcmp(verb, "show") == 0)
		return lk_answer(lk, "device.show", params, device_render);
	if (strcmp(verb, "revoke") == 0)
		return device_revoke(lk, params);
	params_text(params, "name", args->operands[2]);
	return lk_answer(lk, "device.rename", params, NULL);
}

const struct command verb_device = {
	.name = "device",
	.usage = "device ls\n"
		 "device show DEVICE\n"
		 "device rename DEVICE NAME\n"
		 "device revoke [--since WHEN] [--phrase | --phrase-file FILE] "
		 "DEVICE\n",
	.summary = "List, rename or revoke your own devices",
	.details =
	    "DEVICE is a name or digits of a key. revoke is for one that is "
	    "lost or stolen: it\nleaves you and all your documents, in the "
	    "background where there are many. Only\na device that is senior "
	    "to it (added it, or added who added it) may,\nor the recovery "
	    "phrase, in documents of others too.\n\n"
	    "  --phrase            by the recovery phrase, asked for at the "
	    "terminal or read from\n                      standard input\n"
	    "  --phrase-file FILE  the same, read from the file\n"
	    "  --since WHEN        drop what it did from then on: a day "
	    "(2026-11-16), a time\n                      "
	    "(2026-11-16T09:00:00Z), or digits of its first bad change\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 3,
	.run = device_run,
};
