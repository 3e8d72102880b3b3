#include <stdio.h>
#include <string.h>

#include "cli/params.h"
#include "cli/patches.h"
#include "cli/verbs.h"

/* A message may have several lines. */
static void
message_print(const char *text)
{
	putchar('\n');
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		fputs("    ", stdout);
		output_line(text, len);
		putchar('\n');
		text += len + (text[len] == '\n');
	}
}

static void
head_print(struct output *o, json_object *change)
{
	bool import = field_bool(change, "import");
	const char *writer = field(change, "writer");
	json_object *deps = field_list(change, "deps");

	printf("%schange %s%s", style_on(o, STYLE_WAIT), field(change, "hash"),
	    style_off(o));
	if (!field_bool(change, "visible"))
		printf("  %svoid%s", style_on(o, STYLE_BAD), style_off(o));
	if (writer[0] == '\0')
		writer = field(change, import ? "actor" : "who");
	printf("\nAuthor: %s", safe(writer));
	if (import)
		printf(" (imported by %s)", safe(field(change, "who")));
	printf("\nDate:   %s",
	    field(change, "time")[0] == '\0' ? "unknown"
					     : field(change, "time"));
	if (field(change, "time")[0] != '\0')
		printf(" (%s)", field_ago(change, "time"));
	fputs("\nDeps:  ", stdout);
	for (size_t i = 0; i < json_object_array_length(deps); i++)
		printf(" %.8s",
		    json_object_get_string(json_object_array_get_idx(deps, i)));
	if (json_object_array_length(deps) == 0)
		fputs(" none", stdout);
	putchar('\n');
	if (field(change, "message")[0] != '\0')
		message_print(field(change, "message"));
}

/* What it says and nobody sees. */
static void
stranded_print(json_object *change)
{
	json_object *by = field_list(change, "stranded_by");
	long long ops = (long long)field_int(change, "stranded");

	if (by == NULL)
		return;
	printf("\n%lld of its operations %s not shown, as void changes hide "
	       "%s:",
	    ops, ops == 1 ? "is" : "are", ops == 1 ? "it" : "them");
	for (size_t i = 0; i < json_object_array_length(by); i++)
		printf(" %.8s",
		    json_object_get_string(json_object_array_get_idx(by, i)));
	putchar('\n');
}

static int
show_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_new(args->operands[0]);
	JSON_SCOPED *result = NULL;
	json_object *change;

	params_text(params, "rev", args->operands[1]);
	DO(patches_call(lk, "doc.show", params, &result));
	if (!lk->json) {
		change = json_object_object_get(result, "change");
		head_print(&lk->output, change);
		stranded_print(change);
		if (json_object_array_length(field_list(result, "patches")) > 0)
			putchar('\n');
	}
	patches_print(lk, result);
	return 0;
}

const struct command verb_show = {
	.name = "show",
	.usage = "show [-U N] [--typed] [--root] DOC REV\n",
	.summary =
	    "Show one change: who made it, when, after which, and what it did",
	.details =
	    "REV is 4 or more digits of the change's hash, or @N: the one N "
	    "before the last.\nOf a change that is void it tells what it would "
	    "have done.\n\n"
	    "  -U, --unified N     N lines around those that differ, not 3\n"
	    "  --typed             values as get --typed prints them\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = patches_options,
	.operands_min = 2,
	.operands_max = 2,
	.run = show_run,
};
