#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/history.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_at;
static bool opt_root;

static const struct option options[] = {
	{ "at", 0, OPTION_STRING, &opt_at },
	{ "root", 0, OPTION_FLAG, &opt_root },
	OPTIONS_END,
};

struct blame {
	struct output *o;
	json_object *changes;
	const char *path; /* of the text at hand */
	long long line;   /* number of the present line, from 1 */
	bool within;      /* a part of it was printed */
	bool alone;       /* one text is all there is: no paths */
};

/* Hash, author and time. */
static void
change_print(const struct blame *b, json_object *run)
{
	json_object *c = json_object_object_get(b->changes, field(run, "hash"));

	printf("%s%-8s%s  %-12s  %-12s  ", style_on(b->o, STYLE_WAIT),
	    field_short(run, "hash"), style_off(b->o), change_writer(c),
	    field(c, "time")[0] == '\0' ? "" : field_ago(c, "time"));
}

/* A piece of a text, at most a line, behind its line's number. */
static void
piece_print(struct blame *b, json_object *run, const char *text, size_t len)
{
	bool ends = len > 0 && text[len - 1] == '\n';

	/* Nobody wants to know who ended a line. */
	if (b->within && ends && len == 1) {
		b->within = false;
		b->line++;
		return;
	}
	change_print(b, run);
	if (!b->alone)
		printf("%s:", safe(b->path));
	if (b->within)
		printf("%4s  ", "");
	else
		printf("%4lld  ", b->line);
	output_line(text, len - (ends ? 1 : 0));
	putchar('\n');
	b->within = !ends;
	b->line += ends;
}

static void
text_print(struct blame *b, json_object *run, json_object *text)
{
	const char *at = json_object_get_string(text);
	size_t left = (size_t)json_object_get_string_len(text);

	if (b->path == NULL || field_int(run, "start") == 0) {
		b->path = field(run, "path");
		b->line = 1;
		b->within = false;
	}
	while (left > 0) {
		const char *end = memchr(at, '\n', left);
		size_t len = end == NULL ? left : (size_t)(end - at) + 1;

		piece_print(b, run, at, len);
		at += len;
		left -= len;
	}
}

static void
blame_render(struct output *o, json_object *result)
{
	json_object *runs = field_list(result, "runs"), *text;
	struct blame b = { .o = o,
		.changes = json_object_object_get(result, "changes") };

	for (size_t i = 0; i < json_object_array_length(runs); i++) {
		json_object *run = json_object_array_get_idx(runs, i);

		if (json_object_object_get_ex(run, "text", &text)) {
			b.alone = strcmp(field(run, "path"),
				      field(result, "path")) == 0;
			text_print(&b, run, text);
			continue;
		}
		change_print(&b, run);
		if (field(run, "path")[0] != '\0')
			printf("%s: ", safe(field(run, "path")));
		output_line(field(run, "json"), strlen(field(run, "json")));
		putchar('\n');
	}
}

static int
blame_run(struct lk *lk, const struct args *args)
{
	json_object *params = params_at(args);
	JSON_SCOPED *result = NULL;

	params_text(params, "at", opt_at);
	params_flag(params, "root", opt_root);
	DO(lk_call(lk, "doc.blame", params, &result));
	if (lk->json)
		output_values(lk->command->name, result);
	else
		blame_render(&lk->output, result);
	return 0;
}

const struct command verb_blame = {
	.name = "blame",
	.usage = "blame [--at REV] [--root] DOC [PATH]\n",
	.summary = "Show which change wrote which value or run of a text",
	.details =
	    "A line for each value, and for each run of each line of a text: "
	    "the change that\nwrote it, who made that, and when. Of what was "
	    "imported it names the author's\nactor.\n\n"
	    "  --at REV            as it was then; see lk help get\n"
	    "  --root              paths start at the map that a text or "
	    "list document is in\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 2,
	.run = blame_run,
};
