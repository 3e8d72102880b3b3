#include "cli/mirror_plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "cli/client.h"
#include "cli/params.h"
#include "cli/spawn.h"
#include "cli/table.h"

/* A scan of nothing (docs/control.md). */
static const uint8_t nothing[10] = { 1 };

/* A folder that is not there yet, as it would be called. */
static int
dir_foresee(struct lk *lk, const char *operand, char out[static PATH_MAX])
{
	char path[PATH_MAX], parent[PATH_MAX];
	size_t len = strlcpy(path, operand, sizeof(path));
	char *slash;

	if (len >= sizeof(path))
		return lk_fail_usage(lk, "the path is too long");
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	(void)strlcpy(parent, path, sizeof(parent));
	slash = strrchr(parent, '/');
	if (slash == NULL)
		(void)strlcpy(parent, ".", sizeof(parent));
	else
		slash[slash == parent] = '\0';
	if (realpath(parent, out) == NULL)
		return lk_fail(
		    lk, 73, "system", NULL, "%s: %s", operand, strerror(errno));
	slash = strrchr(path, '/');
	if (strcmp(out, "/") != 0)
		(void)strlcat(out, "/", PATH_MAX);
	if (strlcat(out, slash == NULL ? path : slash + 1, PATH_MAX) >=
	    PATH_MAX)
		return lk_fail_usage(lk, "the path is too long");
	return 0;
}

static int
dir_scan(struct lk *lk, const char *operand, char dir[static PATH_MAX],
    struct buf *scan)
{
	struct stat st;

	if (stat(operand, &st) == -1 && errno == ENOENT) {
		buf_add(scan, BYTES_OF(nothing));
		return dir_foresee(lk, operand, dir);
	}
	if (realpath(operand, dir) == NULL)
		return lk_fail(lk, 66, "not-found", NULL, "%s: %s", operand,
		    strerror(errno));
	if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
		return lk_fail(
		    lk, 73, "exists", NULL, "%s: not a folder", operand);
	return lkd_scan(lk, dir, scan);
}

static const struct {
	const char *what, *says;
} words[] = {
	{ "to-document", "to the document" },
	{ "to-folder", "to the folder" },
	{ "unite", "united" },
	{ "folder-counts", "the folder's counts" },
	{ "document-counts", "the document's counts" },
	{ "program", "a program on both sides" },
	{ "cannot", "stays where it is" },
};

static void
row_add(struct table *t, json_object *file)
{
	const char *what = field(file, "what");

	for (size_t i = 0; i < nitems(words); i++)
		if (strcmp(words[i].what, what) == 0)
			what = words[i].says;
	table_row(t,
	    (const char *[]){
		what, safe(field(file, "path")), safe(field(file, "why")) });
}

static void
plan_render(struct output *o, json_object *result)
{
	json_object *list = field_list(result, "files");
	struct table *t = table_new(3);

	(void)o;
	printf("%s: %sdocument %s\n", safe(field(result, "dir")),
	    field_bool(result, "new") ? "a new " : "",
	    safe(field(result, "name")));
	for (size_t i = 0; i < json_object_array_length(list); i++)
		row_add(t, json_object_array_get_idx(list, i));
	table_print(t);
	if (field_int(result, "same") > 0)
		printf("%lld %s the same\n",
		    (long long)field_int(result, "same"),
		    field_int(result, "same") == 1 ? "file is" : "files are");
	if (field_int(result, "skipped") > 0)
		printf("%lld %s that cannot be in a document\n",
		    (long long)field_int(result, "skipped"),
		    field_int(result, "skipped") == 1 ? "file has a name"
						      : "files have names");
	puts("Nothing was done (--dry-run).");
}

int
mirror_plan(struct lk *lk, const struct args *args)
{
	BUF_SCOPED scan = { .max = DOCUMENT_BODY_MAX };
	JSON_SCOPED *result = NULL;
	json_object *params;
	char dir[PATH_MAX];
	int64_t handle;

	DO(dir_scan(lk, args->operands[1], dir, &scan));
	DO(lk_upload(lk, buf_bytes(&scan), &handle));
	params = params_new(args->len > 2 ? args->operands[2] : NULL);
	params_text(params, "dir", dir);
	params_number(params, "upload", handle);
	DO(lk_call(lk, "mirror.plan", params, &result));
	output_result(&lk->output, "mirror", result, plan_render);
	return 0;
}
