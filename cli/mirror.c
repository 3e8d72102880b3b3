#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/mirror_plan.h"
#include "cli/params.h"
#include "cli/restart.h"
#include "cli/table.h"
#include "cli/verbs.h"

static bool opt_dry_run;

static const struct option options[] = {
	{ "dry-run", 'n', OPTION_FLAG, &opt_dry_run },
	OPTIONS_END,
};

/* The folder of an operand as the daemon knows it, without links; as it was
 * typed where there is none. */
static void
dir_find(const char *operand, char out[static PATH_MAX])
{
	if (realpath(operand, out) == NULL)
		(void)strlcpy(out, operand, PATH_MAX);
}

/* Whether a mirror can be kept there, which the daemon, locked in, sees only
 * when it has promised to. */
static int
dir_check(struct lk *lk, const char *dir)
{
	static const char hint[] = "choose a folder that is yours to write";
	struct stat st;

	if (stat(dir, &st) == -1)
		return lk_fail(
		    lk, 66, "not-found", NULL, "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return lk_fail(lk, 73, "exists", NULL, "%s: not a folder", dir);
	if (st.st_uid != geteuid())
		return lk_fail(
		    lk, 73, "system", hint, "%s: it is another user's", dir);
	if (access(dir, R_OK | W_OK | X_OK) == -1)
		return lk_fail(
		    lk, 73, "system", hint, "%s: %s", dir, strerror(errno));
	return 0;
}

static void
one_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s: document %s\n", safe(field(result, "dir")),
	    safe(field(result, "name")));
}

static int
add_run(struct lk *lk, const struct args *args, const char *method)
{
	JSON_SCOPED *result = NULL;
	json_object *params;
	const char *typed;
	char dir[PATH_MAX];
	int status;
	bool made;

	if (args->len < 2)
		return lk_fail_usage(lk, "a folder is missing");
	if (opt_dry_run)
		return mirror_plan(lk, args);
	typed = args->operands[1];
	made = mkdir(typed, 0777) == 0;
	if (!made && errno != EEXIST)
		return lk_fail(
		    lk, 73, "system", NULL, "%s: %s", typed, strerror(errno));
	dir_find(typed, dir);
	DO(dir_check(lk, dir));
	params = params_new(args->len > 2 ? args->operands[2] : NULL);
	params_text(params, "dir", dir);
	status = lk_call(lk, method, params, &result);
	/* What failed has changed nothing. */
	if (status != 0 && made)
		(void)rmdir(dir);
	if (status != 0)
		return status;
	if (field_bool(result, "restart"))
		DO(daemon_restart(lk, dir));
	json_object_object_del(result, "restart");
	output_result(&lk->output, "mirror", result, one_render);
	return 0;
}

static const char *
state_style(struct output *o, json_object *m)
{
	const char *state = field(m, "state");

	return style_on(o,
	    strcmp(state, "live") == 0 ? STYLE_GOOD
		: strcmp(state, "stopped") == 0 || strcmp(state, "asks") == 0
		? STYLE_BAD
		: STYLE_WAIT);
}

static const char *
files_word(json_object *m)
{
	return field_int(m, "files") == 1 ? "file" : "files";
}

static void
row_add(struct table *t, json_object *m)
{
	char files[64];

	(void)snprintf(files, sizeof(files), "%lld %s",
	    (long long)field_int(m, "files"), files_word(m));
	table_row(t,
	    (const char *[]){ safe(field(m, "dir")), safe(field(m, "name")),
		field(m, "state"), files });
}

static void
list_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "mirrors");
	struct table *t = table_new(4);

	(void)o;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		row_add(t, json_object_array_get_idx(list, i));
	table_print(t);
}

static void
troubles_print(json_object *m)
{
	json_object *list = field_list(m, "troubles");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *t = json_object_array_get_idx(list, i);

		printf("  %s: %s\n", safe(field(t, "path")),
		    safe(field(t, "why")));
	}
}

static void
status_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "mirrors");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *m = json_object_array_get_idx(list, i);

		printf("%s: document %s: %s%s%s", safe(field(m, "dir")),
		    safe(field(m, "name")), state_style(o, m),
		    field(m, "state"), style_off(o));
		if (field(m, "why")[0] != '\0')
			printf(": %s", safe(field(m, "why")));
		printf("\n  %lld %s", (long long)field_int(m, "files"),
		    files_word(m));
		if (field_int(m, "gone") > 0)
			printf(", %lld of them gone",
			    (long long)field_int(m, "gone"));
		if (field_int(m, "pending") > 0)
			printf(", %lld on their way",
			    (long long)field_int(m, "pending"));
		putchar('\n');
		troubles_print(m);
	}
}

static int
ls_run(struct lk *lk, const struct args *args, const char *method)
{
	if (args->len > 1)
		return lk_fail_usage(lk, "ls takes no operand");
	return lk_answer(lk, method, NULL, list_render);
}

static bool
is_named(json_object *m, const char *what, const char *dir)
{
	return strcmp(field(m, "dir"), dir) == 0 ||
	    strcmp(field(m, "name"), what) == 0 ||
	    (strlen(what) >= 4 &&
		strncmp(field(m, "doc"), what, strlen(what)) == 0);
}

/* All, or the one that is named. */
static int
status_run(struct lk *lk, const struct args *args, const char *method)
{
	JSON_SCOPED *result = NULL;
	json_object *list, *kept = json_object_new_array();
	char dir[PATH_MAX];
	int status = lk_call(lk, method, NULL, &result);

	if (args->len > 1)
		dir_find(args->operands[1], dir);
	if (status != 0) {
		json_object_put(kept);
		return status;
	}
	list = field_list(result, "mirrors");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *m = json_object_array_get_idx(list, i);

		if (args->len < 2 || is_named(m, args->operands[1], dir))
			json_object_array_add(kept, json_object_get(m));
	}
	json_object_object_add(result, "mirrors", kept);
	if (args->len > 1 && json_object_array_length(kept) == 0)
		return lk_fail(lk, 66, "not-found",
		    "lk mirror ls lists what is mirrored",
		    "%s: not mirrored here", args->operands[1]);
	output_result(&lk->output, "mirror", result, status_render);
	return 0;
}

static int
one_run(struct lk *lk, const struct args *args, const char *method)
{
	json_object *params;
	char dir[PATH_MAX];

	if (args->len != 2)
		return lk_fail_usage(
		    lk, "%s takes a folder or a document", args->operands[0]);
	dir_find(args->operands[1], dir);
	params = params_new(NULL);
	params_text(params, "mirror", args->operands[1]);
	params_text(params, "dir", dir);
	return lk_confirm(lk, method, params, one_render);
}

static const struct action {
	const char *name;
	int (*run)(struct lk *, const struct args *, const char *method);
	const char *method;
} actions[] = {
	{ "add", add_run, "mirror.add" },
	{ "ls", ls_run, "mirror.list" },
	{ "status", status_run, "mirror.list" },
	{ "pause", one_run, "mirror.pause" },
	{ "resume", one_run, "mirror.resume" },
	{ "rm", one_run, "mirror.rm" },
};

static int
mirror_run(struct lk *lk, const struct args *args)
{
	const struct action *a = actions;
	const char *name = args->operands[0];

	while (a < actions + nitems(actions) && strcmp(a->name, name) != 0)
		a++;
	if (opt_dry_run && a != actions && a < actions + nitems(actions))
		return lk_fail_usage(lk, "%s takes no --dry-run", name);
	if (a < actions + nitems(actions))
		return a->run(lk, args, a->method);
	return lk_fail_verb(lk, name);
}

const struct command verb_mirror = {
	.name = "mirror",
	.usage = "mirror add [--dry-run] DIR [DOC]\n"
		 "mirror ls\n"
		 "mirror status [DIR|DOC]\n"
		 "mirror pause|resume|rm DIR|DOC\n",
	.summary = "Keep a folder of plain files in step with a document",
	.details =
	    "add makes a new document, called as the folder, or takes DOC, "
	    "which "
	    "another device\nmirrors too. What is in the folder and in the "
	    "document comes together: equal files are\none, lines of different "
	    "texts are united, of other files the newer one counts.\n"
	    "Texts that are changed on several devices merge. .lkignore in the "
	    "folder says what\nstays out of it, as .gitignore does. rm ends "
	    "the mirror; files and document stay.\nresume also goes on when it "
	    "asks before deleting many files.\n\n"
	    "  -n, --dry-run       say what add would do with each file, and "
	    "do nothing\n",
	.options = options,
	.operands_min = 1,
	.operands_max = 3,
	.run = mirror_run,
};
