#include "cli/patches.h"

#include <string.h>

#include "cli/client.h"
#include "cli/params.h"

static bool opt_typed, opt_root;
static int64_t opt_unified = 3;

const struct option patches_options[] = {
	{ "unified", 'U', OPTION_NUMBER, &opt_unified },
	{ "typed", 0, OPTION_FLAG, &opt_typed },
	{ "root", 0, OPTION_FLAG, &opt_root },
	OPTIONS_END,
};

int
patches_call(struct lk *lk, const char *method, json_object *params,
    json_object **result)
{
	params_flag(params, "typed", opt_typed);
	params_flag(params, "root", opt_root);
	if (!lk->json)
		params_number(params, "context", opt_unified);
	return lk_call(lk, method, params, result);
}

struct printer {
	struct output *o;
	const char *name; /* of the document */
};

static void
label_print(const struct printer *p, json_object *patch)
{
	const char *path = field(patch, "path");

	fputs(safe(path[0] == '\0' ? p->name : path), stdout);
}

static void
value_print(json_object *patch, const char *key)
{
	const char *text = field(patch, key);

	output_line(text, strlen(text));
}

/* One line: what became of a place, and what is there. */
static void
change_print(
    const struct printer *p, json_object *patch, enum style style, char sign)
{
	const char *action = field(patch, "action");
	bool was = field(patch, "was")[0] != '\0';
	bool now = field(patch, "json")[0] != '\0';
	int64_t by = field_int(patch, "by");

	printf("%s%c ", style_on(p->o, style), sign);
	label_print(p, patch);
	fputs(": ", stdout);
	if (was)
		value_print(patch, "was");
	if (was && now)
		fputs(" -> ", stdout);
	if (now)
		value_print(patch, "json");
	if (strcmp(action, "inc") == 0)
		printf(" (%+lld)", (long long)by);
	if (field_bool(patch, "conflict"))
		fputs(" (conflict)", stdout);
	printf("%s\n", style_off(p->o));
}

static void
mark_print(const struct printer *p, json_object *patch)
{
	bool set = field(patch, "json")[0] != '\0';

	printf("%s~ ", style_on(p->o, STYLE_WAIT));
	label_print(p, patch);
	printf(" +%lld: %s ", (long long)field_int(patch, "length"),
	    safe(field(patch, "name")));
	if (set)
		value_print(patch, "json");
	else
		fputs("off", stdout);
	printf("%s\n", style_off(p->o));
}

static void
hunk_line(const struct printer *p, json_object *line)
{
	const char *text = json_object_get_string(line);
	size_t len = (size_t)json_object_get_string_len(line);
	enum style style = text[0] == '+' ? STYLE_GOOD : STYLE_BAD;
	bool plain = text[0] != '+' && text[0] != '-';

	if (!plain)
		fputs(style_on(p->o, style), stdout);
	output_line(text, len);
	if (!plain)
		fputs(style_off(p->o), stdout);
	putchar('\n');
}

/* "12,3", or "12" for a single line. */
static void
range_print(json_object *hunk, const char *at, const char *count)
{
	printf("%lld", (long long)field_int(hunk, at));
	if (field_int(hunk, count) != 1)
		printf(",%lld", (long long)field_int(hunk, count));
}

static void
text_print(const struct printer *p, json_object *patch)
{
	const char *bold = style_on(p->o, STYLE_BOLD);
	const char *off = style_off(p->o), *path = field(patch, "path");
	json_object *hunks = field_list(patch, "hunks");

	printf("%s--- a/%s%s%s\n", bold, safe(p->name), safe(path), off);
	printf("%s+++ b/%s%s%s\n", bold, safe(p->name), safe(path), off);
	for (size_t i = 0; i < json_object_array_length(hunks); i++) {
		json_object *hunk = json_object_array_get_idx(hunks, i);
		json_object *lines = field_list(hunk, "lines");

		printf("%s@@ -", style_on(p->o, STYLE_PLACE));
		range_print(hunk, "from", "from_lines");
		fputs(" +", stdout);
		range_print(hunk, "to", "to_lines");
		printf(" @@%s\n", off);
		for (size_t k = 0; k < json_object_array_length(lines); k++)
			hunk_line(p, json_object_array_get_idx(lines, k));
	}
}

static void
patch_print(const struct printer *p, json_object *patch)
{
	const char *action = field(patch, "action");

	if (strcmp(action, "text") == 0)
		text_print(p, patch);
	else if (strcmp(action, "mark") == 0 || strcmp(action, "unmark") == 0)
		mark_print(p, patch);
	else if (strcmp(action, "del") == 0)
		change_print(p, patch, STYLE_BAD, '-');
	else if (strcmp(action, "conflict") == 0)
		change_print(p, patch, STYLE_WAIT, '!');
	else if (field(patch, "was")[0] == '\0')
		change_print(p, patch, STYLE_GOOD, '+');
	else
		change_print(p, patch, STYLE_WAIT, '~');
}

void
patches_list(struct output *o, json_object *patches, const char *name)
{
	struct printer p = { .o = o, .name = name };

	for (size_t i = 0; i < json_object_array_length(patches); i++)
		patch_print(&p, json_object_array_get_idx(patches, i));
}

void
patches_print(struct lk *lk, json_object *result)
{
	if (lk->json) {
		output_values(lk->command->name, result);
		return;
	}
	patches_list(
	    &lk->output, field_list(result, "patches"), field(result, "name"));
}
