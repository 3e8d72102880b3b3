#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/change.h"
#include "cli/client.h"
#include "cli/file.h"
#include "cli/folder.h"
#include "cli/params.h"
#include "cli/verbs.h"

#define FORMAT_REPO "automerge-repo"

static const char *opt_as, *opt_format, *opt_into;

static const struct option options[] = {
	{ "as", 'a', OPTION_STRING, &opt_as },
	{ "format", 'f', OPTION_STRING, &opt_format },
	{ "into", 0, OPTION_STRING, &opt_into },
	{ "message", 'm', OPTION_STRING, &opt_message },
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
format_choose(
    struct lk *lk, const char *path, const char **format, size_t *stem)
{
	*format = format_guess(path, stem);
	if (opt_format != NULL)
		*format = opt_format;
	if (*format != NULL)
		return 0;
	/* Of a name that is mistyped its end says nothing. */
	if (strcmp(path, "-") != 0 && access(path, F_OK) == -1)
		return lk_fail(
		    lk, 66, "not-found", NULL, "%s: no such file", safe(path));
	return lk_fail(lk, EXIT_USAGE_, "usage",
	    "--format automerge, json or text says",
	    "%s: not a known kind of file", safe(path));
}

static int
name_choose(struct lk *lk, const char *path, size_t stem,
    char name[static LK_NAME_MAX + 1])
{
	const char *as = opt_as;

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

/* The parameters of both methods: the file, uploaded. */
static int
upload_params(struct lk *lk, const char *path, const char *format,
    struct bytes file, json_object **params)
{
	int64_t handle;

	DO(lk_upload(lk, file, &handle));
	*params = params_new(opt_into);
	if (strcmp(path, "-") != 0 && utf8_valid(BYTES_STR(path)))
		params_text(*params, "source", path);
	params_text(*params, "format", format);
	params_number(*params, "upload", handle);
	return 0;
}

static int
file_params(
    struct lk *lk, const char *path, const char *format, json_object **params)
{
	BUF_SCOPED file = { 0 };

	buf_init(&file, DOCUMENT_BODY_MAX);
	DO(file_read(lk, path, &file));
	return upload_params(lk, path, format, buf_bytes(&file), params);
}

/* Says what is not in the document although it was in the files. */
static int
losses_report(struct lk *lk, json_object *result, const char *path)
{
	json_object *skipped = field_list(result, "skipped");
	size_t listed = skipped == NULL ? 0 : json_object_array_length(skipped);
	int64_t all = field_int(result, "skipped_in_all");
	int64_t orphans = field_int(result, "orphans");
	int status = 0;

	for (size_t i = 0; i < listed; i++) {
		json_object *one = json_object_array_get_idx(skipped, i);

		status = lk_fail(lk, EXIT_PARTLY, "damaged", NULL,
		    "%s/%s: left out %" PRId64 " bytes from %" PRId64 ": %s",
		    safe(path), safe(field(one, "file")),
		    field_int(one, "size"), field_int(one, "at"),
		    safe(field(one, "why")));
	}
	if (all > (int64_t)listed)
		status = lk_fail(lk, EXIT_PARTLY, "damaged", NULL,
		    "%s: left out %" PRId64 " pieces more", safe(path),
		    all - (int64_t)listed);
	if (orphans > 0)
		status = lk_fail(lk, EXIT_PARTLY, "data", NULL,
		    "%s: left out %" PRId64 " %s depend%s on what is not there",
		    safe(path), orphans,
		    orphans == 1 ? "change that" : "changes that",
		    orphans == 1 ? "s" : "");
	return status;
}

/* Takes `params`. */
static int
new_import(
    struct lk *lk, const char *path, const char *name, json_object *params)
{
	JSON_SCOPED *result = NULL;

	params_text(params, "name", name);
	DO(lk_call(lk, "doc.import", params, &result));
	output_event(
	    &lk->output, "import", result, lk->quiet ? NULL : import_render);
	return losses_report(lk, result, path);
}

static int
file_import(struct lk *lk, const char *path)
{
	char name[LK_NAME_MAX + 1];
	const char *format;
	json_object *params;
	size_t stem;

	DO(format_choose(lk, path, &format, &stem));
	DO(name_choose(lk, path, stem, name));
	DO(file_params(lk, path, format, &params));
	return new_import(lk, path, name, params);
}

/* A document of a folder is called by its id. */
static int
document_import(struct lk *lk, void *ctx, const char *path, const char *id,
    json_object *files, struct bytes all)
{
	json_object *params;

	(void)ctx;
	DO(upload_params(lk, path, FORMAT_REPO, all, &params));
	json_object_object_add(params, "files", json_object_get(files));
	return new_import(lk, path, opt_as == NULL ? id : opt_as, params);
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
one_import(struct lk *lk, const char *path)
{
	bool repo = opt_format != NULL && strcmp(opt_format, FORMAT_REPO) == 0;

	if (!is_folder(path)) {
		if (repo)
			return lk_fail(lk, 66, "not-found", NULL,
			    "%s: no such folder", safe(path));
		return file_import(lk, path);
	}
	if (opt_format != NULL && !repo)
		return lk_fail(lk, EXIT_USAGE_, "usage", NULL,
		    "%s: a folder is of automerge-repo", safe(path));
	return folder_each(lk, path, opt_as != NULL, document_import, NULL);
}

static void
into_render(struct output *o, json_object *result)
{
	(void)o;
	if (!field_bool(result, "changed"))
		fprintf(
		    stderr, "lk: %s: unchanged\n", safe(field(result, "name")));
}

static int
import_into(struct lk *lk, const char *path)
{
	const char *format;
	json_object *params;
	size_t stem;

	if (is_folder(path))
		return lk_fail(lk, EXIT_USAGE_, "usage",
		    "import it as documents of their own",
		    "%s: --into takes no folder", safe(path));
	DO(format_choose(lk, path, &format, &stem));
	DO(file_params(lk, path, format, &params));
	params_text(params, "message", opt_message);
	return lk_confirm(lk, "doc.import_into", params, into_render);
}

static int
import_run(struct lk *lk, const struct args *args)
{
	size_t failed = 0, lost = 0;
	int status, last = 0;

	if (opt_as != NULL && args->len > 1)
		return lk_fail_usage(lk, "--as names one document");
	if (opt_into != NULL && opt_as != NULL)
		return lk_fail_usage(lk, "--as is for a new document");
	if (opt_into != NULL && args->len > 1)
		return lk_fail_usage(lk, "--into takes one file");
	if (opt_into == NULL && opt_message != NULL)
		return lk_fail_usage(lk, "--message is for --into");
	if (opt_into != NULL)
		return import_into(lk, args->operands[0]);
	for (size_t i = 0; i < args->len; i++) {
		status = one_import(lk, args->operands[i]);
		if (status == 0)
			continue;
		failed++;
		if (status != EXIT_PARTLY) {
			lost++;
			last = status;
		}
		if (lk->client == NULL)
			break;
	}
	if (lost == args->len || lk->client == NULL)
		return last;
	return failed == 0 ? 0 : EXIT_PARTLY;
}

const struct command verb_import = {
	.name = "import",
	.usage = "import [--as DOC] [--format FORMAT] FILE|FOLDER ...\n"
		 "import --into DOC [--format FORMAT] [-m TEXT] FILE\n",
	.summary = "Make documents of files, or bring one into a document",
	.details =
	    "Takes .automerge files with their history, .json (an object or an "
	    "array), .md and\n.txt; - is standard input. notes.md becomes the "
	    "document notes.\n\nA folder is one of automerge-repo: each of "
	    "its documents becomes one, called by its\nid. What a crash tore "
	    "is left out and said (exit 3), the rest is taken.\n\n"
	    "  -a, --as DOC        the name of the document\n"
	    "  -f, --format FORMAT automerge, json or text, whatever the file "
	    "is called\n"
	    "      --into DOC      make DOC, which is there already, show what "
	    "the file says,\n"
	    "                      by as small a change as possible; of an "
	    ".automerge file take\n"
	    "                      the changes that DOC lacks\n"
	    "  -m, --message TEXT  is kept with the change\n",
	.options = options,
	.operands_min = 1,
	.operands_max = OPERANDS_MANY,
	.run = import_run,
};
