/* `lk backup diff`: what one backup has that another has not. */
#include <stdio.h>
#include <string.h>

#include "cli/backup.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/progress.h"

/* ", 3 changes, 1.2 kB"; nothing of none. */
static void
changes_print(json_object *d, const char *key, const char *bytes, char sign)
{
	long long n = (long long)field_int(d, key);

	if (n == 0)
		return;
	printf("  %c%lld %s, ", sign, n, n == 1 ? "change" : "changes");
	backup_size_print(field_int(d, bytes));
}

static char
sign_of(json_object *o)
{
	const char *change = field(o, "change");

	return strcmp(change, "new") == 0 ? '+'
	    : strcmp(change, "gone") == 0 ? '-'
					  : '~';
}

static void
doc_print(json_object *d)
{
	const char *name = field(d, "name"), *was = field(d, "was");

	printf("%c %s", sign_of(d),
	    name[0] == '\0' ? field_short(d, "doc") : safe(name));
	if (was[0] != '\0')
		printf(", before: %s", safe(was));
	changes_print(d, "added", "added_bytes", '+');
	if (sign_of(d) == '~')
		changes_print(d, "gone", "gone_bytes", '-');
	putchar('\n');
}

static void
diff_render(struct output *o, json_object *result)
{
	json_object *docs = field_list(result, "documents"),
		    *settings = field_list(result, "settings");

	(void)o;
	for (size_t i = 0; i < json_object_array_length(docs); i++)
		doc_print(json_object_array_get_idx(docs, i));
	for (size_t i = 0; i < json_object_array_length(settings); i++) {
		json_object *s = json_object_array_get_idx(settings, i);

		printf("%c %s ", sign_of(s), safe(field(s, "kind")));
		printf("%.8s ", safe(field(s, "of")));
		printf("%s\n", safe(field(s, "value")));
	}
}

int
backup_diff_run(struct lk *lk, const struct args *args)
{
	char address[REMOTE_URL_MAX + 1];
	JSON_SCOPED *result = NULL;
	json_object *params;
	int status;

	if (args->len < 3)
		return lk_fail_usage(lk, "which backup?");
	DO(backup_place(lk, args->operands[1], address));
	DO(lk_connect(lk, CONNECT_INIT));
	params = params_new(NULL);
	params_text(params, "place", address);
	params_text(params, "before", args->operands[2]);
	params_text(params, "after", args->len > 3 ? args->operands[3] : NULL);
	status = backup_key_params(lk, params);
	if (status != 0) {
		json_object_put(params);
		return status;
	}
	DO(progress_call(lk, "backup.diff", params, &result));
	output_result(
	    &lk->output, "backup", result, lk->quiet ? NULL : diff_render);
	return json_object_array_length(field_list(result, "documents")) +
		    json_object_array_length(field_list(result, "settings")) ==
		0
	    ? 0
	    : EXIT_NO;
}
