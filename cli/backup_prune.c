/* `lk backup prune`: the room that no backup needs is freed. */
#include <stdio.h>

#include "cli/backup.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/progress.h"

struct prune_options opt_prune = { .grace_ms = -1 };

/* "12 objects, 3.4 MB, are ..."; nothing of none. */
static void
counted_print(json_object *result, const char *key, const char *what)
{
	json_object *c = json_object_object_get(result, key);
	long long n = (long long)field_int(c, "objects");

	if (n == 0)
		return;
	printf("%lld %s, ", n, n == 1 ? "object" : "objects");
	backup_size_print(field_int(c, "bytes"));
	printf(": %s\n", what);
}

static void
prune_render(struct output *o, json_object *result)
{
	bool dry_run = field_bool(result, "dry_run");

	(void)o;
	counted_print(
	    result, "removed", dry_run ? "would be removed" : "removed");
	counted_print(result, "marked",
	    dry_run ? "would be marked, as no backup needs them"
		    : "marked, as no backup needs them");
	counted_print(result, "waiting", "marked before, and kept for a while");
	counted_print(result, "young",
	    "may belong to a backup that is being made; not marked yet");
	counted_print(result, "needed", "needed");
	if (field(result, "until")[0] != '\0' && !dry_run)
		printf("Prune again after %s to remove what is marked.\n",
		    field(result, "until"));
}

int
backup_prune_run(struct lk *lk, const struct args *args)
{
	char address[REMOTE_URL_MAX + 1];
	JSON_SCOPED *result = NULL;
	json_object *params;

	DO(backup_place(lk, args->operands[1], address));
	DO(lk_connect(lk, CONNECT_INIT));
	params = params_new(NULL);
	params_text(params, "place", address);
	if (opt_prune.grace_ms >= 0)
		params_number(params, "grace_ms", opt_prune.grace_ms);
	if (opt_forget.dry_run)
		params_flag(params, "dry_run", true);
	DO(progress_call(lk, "backup.prune", params, &result));
	output_result(
	    &lk->output, "backup", result, lk->quiet ? NULL : prune_render);
	return 0;
}
