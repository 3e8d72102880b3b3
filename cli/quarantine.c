#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/history.h"
#include "cli/params.h"
#include "cli/patches.h"
#include "cli/verbs.h"

/* A denial that does not count, and how to say it again. */
static void
denial_print(json_object *entry, const char *name)
{
	json_object *ended = field_list(entry, "ended");

	for (size_t i = 0; i < json_object_array_length(ended); i++) {
		json_object *p = json_object_array_get_idx(ended, i);
		const char *role = field(p, "role"),
			   *who = safe(field(p, "who"));
		bool gone = strcmp(role, "none") == 0;

		printf("  again: lk revoke %s%s%s%s %s\n",
		    gone ? "" : "--role ", gone ? "" : role, gone ? "" : " ",
		    name, who);
	}
}

static void
entry_print(struct lk *lk, json_object *entry, const char *name)
{
	json_object *by = json_object_object_get(entry, "by");

	change_render(&lk->output, entry);
	if (by != NULL)
		printf("  by %s of %s, %s, %s\n", field(by, "kind"),
		    safe(field(by, "who")), field_ago(by, "received"),
		    field_short(by, "id"));
	if (field(entry, "hash")[0] == '\0')
		denial_print(entry, name);
	else if (field_bool(entry, "import"))
		puts("  an import: adopting it brings all of it");
	else if (field_list(entry, "patches") == NULL)
		printf("  too much to show: lk show %s %s\n", name,
		    field_short(entry, "hash"));
	else
		patches_list(&lk->output, field_list(entry, "patches"), name);
}

static void
stranded_print(json_object *list, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *s = json_object_array_get_idx(list, i);

		printf("stranded: %s waits for %s; lk adopt %s %s shows it\n",
		    field_short(s, "change"), field_short(s, "waits_for"), name,
		    field_short(s, "waits_for"));
	}
}

/* All there is, page by page, in the first one. */
static int
quarantine_get(struct lk *lk, const char *doc, json_object **out)
{
	int64_t after = 0;

	do {
		JSON_SCOPED *page = NULL;
		json_object *params = params_new(doc), *list;

		params_number(params, "after", after);
		DO(patches_call(lk, "doc.quarantine", params, &page));
		after = field_int(page, "next");
		json_object_object_del(page, "next");
		if (*out == NULL) {
			*out = json_object_get(page);
			continue;
		}
		list = field_list(page, "void");
		for (size_t i = 0; i < json_object_array_length(list); i++)
			json_object_array_add(field_list(*out, "void"),
			    json_object_get(
				json_object_array_get_idx(list, i)));
	} while (after != 0);
	return 0;
}

static int
quarantine_run(struct lk *lk, const struct args *args)
{
	JSON_SCOPED *result = NULL;
	json_object *list;
	const char *name;
	int status = quarantine_get(lk, args->operands[0], &result);

	if (status != 0)
		return status;
	if (lk->json) {
		output_values("quarantine", result);
		return 0;
	}
	name = safe(field(result, "name"));
	list = field_list(result, "void");
	for (size_t i = 0; i < json_object_array_length(list); i++)
		entry_print(lk, json_object_array_get_idx(list, i), name);
	stranded_print(field_list(result, "stranded"), name);
	if (json_object_array_length(list) == 0)
		printf("%s: nothing is void\n", name);
	return 0;
}

const struct command verb_quarantine = {
	.name = "quarantine",
	.usage = "quarantine [-U N] [--typed] [--root] DOC\n",
	.summary = "List what is void in a document, with its content",
	.details =
	    "Each void change with its author, what voids it, and what it "
	    "would "
	    "have done;\nrevocations that are void, with how to say them "
	    "again; "
	    "and which void change keeps\nwhat somebody wrote in it from being "
	    "shown (stranded). lk adopt makes one count.\n\n"
	    "  -U, --unified N     N lines around those that differ, not 3\n"
	    "  --typed             values as get --typed prints them\n"
	    "  --root              paths start at the map that a text or list "
	    "document is in\n",
	.options = patches_options,
	.operands_min = 1,
	.operands_max = 1,
	.run = quarantine_run,
};
