#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/params.h"
#include "cli/verbs.h"

#define FORMAT_REPO "automerge-repo"

static const char *opt_output, *opt_format;
static bool opt_clean, opt_squash;

static const struct option options[] = {
	{ "output", 'o', OPTION_STRING, &opt_output },
	{ "format", 'f', OPTION_STRING, &opt_format },
	{ "clean", 0, OPTION_FLAG, &opt_clean },
	{ "squash", 0, OPTION_FLAG, &opt_squash },
	OPTIONS_END,
};

static const char *
format_of(const char *path)
{
	const char *dot = path == NULL ? NULL : strrchr(path, '.');

	if (dot == NULL)
		return NULL;
	if (strcasecmp(dot, ".automerge") == 0)
		return "automerge";
	if (strcasecmp(dot, ".json") == 0)
		return "json";
	if (strcasecmp(dot, ".md") == 0 || strcasecmp(dot, ".txt") == 0)
		return "text";
	return NULL;
}

static bool
to_stdout(const char *path)
{
	return path == NULL || strcmp(path, "-") == 0;
}

/* Says where it went, when it did not go to stdout itself. */
static void
export_report(struct lk *lk, json_object *result, const char *path)
{
	if (to_stdout(path))
		return;
	json_object_object_del(result, "download");
	json_object_object_add(result, "file", json_object_new_string(path));
	output_result(&lk->output, "export", result, NULL);
}

static int
export_write(struct lk *lk, json_object *result, const char *path)
{
	bool json = strcmp(field(result, "format"), "json") == 0;
	BUF_SCOPED file = { 0 };

	buf_init(&file, DOCUMENT_BODY_MAX + 1);
	if (strcmp(field(result, "format"), "automerge") == 0 &&
	    to_stdout(path) && isatty(STDOUT_FILENO))
		return lk_fail(lk, EXIT_USAGE_, "usage", "-o names a file",
		    "export: no binary data to a terminal");
	DO(lk_download(lk, field_int(result, "download"), &file));
	if (json)
		buf_u8(&file, '\n');
	DO(file_write(lk, path, buf_bytes(&file)));
	export_report(lk, result, path);
	return 0;
}

static void
folder_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s  automerge:%s\n", safe(field(result, "name")),
	    field(result, "id"));
}

/* Into a folder of automerge-repo. */
static int
folder_write(struct lk *lk, json_object *result)
{
	char path[PATH_MAX];
	BUF_SCOPED file = { 0 };

	buf_init(&file, DOCUMENT_BODY_MAX);
	DO(lk_download(lk, field_int(result, "download"), &file));
	DO(file_write_below(
	    lk, opt_output, field(result, "path"), buf_bytes(&file)));
	(void)snprintf(
	    path, sizeof(path), "%s/%s", opt_output, field(result, "path"));
	json_object_object_del(result, "download");
	json_object_object_add(result, "file", json_object_new_string(path));
	output_event(
	    &lk->output, "export", result, lk->quiet ? NULL : folder_render);
	return 0;
}

static int
one_export(struct lk *lk, const char *doc, const char *format)
{
	JSON_SCOPED *result = NULL;
	json_object *params = params_new(doc);

	params_text(params, "format", format);
	params_text(params, "form",
	    opt_clean        ? "clean"
		: opt_squash ? "squash"
			     : NULL);
	DO(lk_call(lk, "doc.export", params, &result));
	return strcmp(field(result, "format"), FORMAT_REPO) == 0
	    ? folder_write(lk, result)
	    : export_write(lk, result, opt_output);
}

static int
export_run(struct lk *lk, const struct args *args)
{
	const char *format = opt_format;
	bool repo;

	if (opt_clean && opt_squash)
		return lk_fail_usage(
		    lk, "--clean and --squash exclude each other");
	if (format == NULL)
		format = format_of(opt_output);
	if (format == NULL && (opt_clean || opt_squash))
		format = "automerge";
	repo = format != NULL && strcmp(format, FORMAT_REPO) == 0;
	if (repo && to_stdout(opt_output))
		return lk_fail_usage(lk, "-o names a folder");
	if (!repo && args->len > 1)
		return lk_fail_usage(lk, "more than one document");
	for (size_t i = 0; i < args->len; i++)
		DO(one_export(lk, args->operands[i], format));
	return 0;
}

const struct command verb_export = {
	.name = "export",
	.usage = "export [-o FILE] [--format FORMAT] [--clean | --squash] "
		 "DOC ...\n",
	.summary = "Write a document to a file",
	.details =
	    "The format follows from FILE; without it a text document is "
	    "written as text, any\nother as JSON. An .automerge file holds the "
	    "whole history and opens in any\nAutomerge application.\n\nIf "
	    "honest work was built on void changes, the file has one change "
	    "more, which restores\nwhat counts, and is a snapshot: not to be "
	    "merged with another one. Then --clean and\n--squash leave out "
	    "what void changes said.\n\n"
	    "With --format automerge-repo, FILE is a folder that "
	    "automerge-repo "
	    "opens, new or\nold; of each DOC a snapshot is added to it.\n\n"
	    "  -o, --output FILE   instead of standard output; replaced as a "
	    "whole\n"
	    "  -f, --format FORMAT automerge, automerge-repo, json or text\n"
	    "      --clean         the history without what void changes said\n"
	    "      --squash        no history: one change\n",
	.options = options,
	.operands_min = 1,
	.operands_max = OPERANDS_MANY,
	.run = export_run,
};
