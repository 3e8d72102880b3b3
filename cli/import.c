#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/params.h"
#include "cli/verbs.h"

static const char *opt_as, *opt_format;

static const struct option options[] = {
	{ "as", 'a', OPTION_STRING, &opt_as },
	{ "format", 'f', OPTION_STRING, &opt_format },
	OPTIONS_END,
};

static const struct {
	const char *suffix, *format;
} suffixes[] = {
	{ ".automerge", "automerge" },
	{ ".json", "json" },
	{ ".md", "text" },
	{ ".txt", "text" },
};

static const char *
name_start(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* The format a file's name speaks of, and where its suffix starts; NULL. */
static const char *
format_guess(const char *path, size_t *stem)
{
	const char *name = name_start(path);
	size_t len = strlen(name);

	*stem = len;
	for (size_t i = 0; i < nitems(suffixes); i++) {
		size_t n = strlen(suffixes[i].suffix);

		if (len > n &&
		    strcasecmp(name + len - n, suffixes[i].suffix) == 0) {
			*stem = len - n;
			return suffixes[i].format;
		}
	}
	return NULL;
}

static void
import_render(struct output *o, json_object *result)
{
	(void)o;
	printf("%s  %s  %s\n", safe(field(result, "name")),
	    field(result, "type"), field_short(result, "doc"));
}

static int
name_choose(struct lk *lk, const char *path, const char **format,
    char name[static LK_NAME_MAX + 1])
{
	const char *as = opt_as;
	size_t stem;

	*format = format_guess(path, &stem);
	if (opt_format != NULL)
		*format = opt_format;
	if (*format == NULL)
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "--format automerge, json or text says",
		    "%s: not a known kind of file", safe(path));
	if (as == NULL && strcmp(path, "-") == 0)
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "--as names the document", "-: no name");
	if (as != NULL)
		stem = strlen(as);
	else
		as = name_start(path);
	if (stem > LK_NAME_MAX)
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "--as names the "
		    "document",
		    "%s: too long for a name", safe(path));
	memcpy(name, as, stem);
	name[stem] = '\0';
	return 0;
}

static int
one_import(struct lk *lk, const char *path)
{
	JSON_SCOPED *result = NULL;
	char name[LK_NAME_MAX + 1];
	const char *format;
	json_object *params;
	BUF_SCOPED file = { 0 };
	int64_t handle;

	buf_init(&file, DOCUMENT_BODY_MAX);
	DO(name_choose(lk, path, &format, name));
	DO(file_read(lk, path, &file));
	DO(lk_upload(lk, buf_bytes(&file), &handle));
	params = params_new(NULL);
	params_text(params, "name", name);
	if (strcmp(path, "-") != 0 && utf8_valid(BYTES_STR(path)))
		params_text(params, "source", path);
	params_text(params, "format", format);
	params_number(params, "upload", handle);
	DO(lk_call(lk, "doc.import", params, &result));
	output_event(
	    &lk->output, "import", result, lk->quiet ? NULL : import_render);
	return 0;
}

static int
import_run(struct lk *lk, const struct args *args)
{
	size_t failed = 0;
	int status, last = 0;

	if (opt_as != NULL && args->len > 1)
		return lk_fail_usage(lk, "--as names one document");
	for (size_t i = 0; i < args->len; i++) {
		status = one_import(lk, args->operands[i]);
		if (status == 0)
			continue;
		failed++;
		last = status;
		if (lk->client == NULL)
			break;
	}
	return failed > 0 && failed < args->len && lk->client != NULL
	    ? EXIT_PARTLY
	    : last;
}

const struct command verb_import = {
	.name = "import",
	.usage = "import [--as DOC] [--format FORMAT] FILE ...\n",
	.summary = "Make documents of files",
	.details =
	    "Takes .automerge files with their history, .json (an object or an "
	    "array), .md and\n.txt; - is standard input. notes.md becomes the "
	    "document notes.\n\n"
	    "  -a, --as DOC        the name of the document\n"
	    "  -f, --format FORMAT automerge, json or text, whatever the file "
	    "is called\n",
	.options = options,
	.operands_min = 1,
	.operands_max = OPERANDS_MANY,
	.run = import_run,
};
