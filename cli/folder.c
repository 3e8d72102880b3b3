#include "cli/folder.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "cli/file.h"

#define SHARD_LEN 2

/* The entries of a directory, ascending. */
struct listing {
	struct dirent **at;
	int len;
};

static void
listing_clear(struct listing *l)
{
	for (int i = 0; i < l->len; i++)
		free(l->at[i]);
	if (l->len > 0)
		free(l->at);
	*l = (struct listing){ 0 };
}

#define LISTING_SCOPED __attribute__((cleanup(listing_clear))) struct listing

/* What begins with a dot is somebody else's. */
static int
entry_wanted(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int
entry_compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Nothing where there is no directory. */
static void
listing_read(struct listing *l, const char *path)
{
	l->len = scandir(path, &l->at, entry_wanted, entry_compare);
	if (l->len < 0)
		l->len = 0;
}

/* False: the path is too long. */
static bool
path_join(char out[static PATH_MAX], const char *dir, const char *name)
{
	return snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

static bool
is_kind(const char *path, mode_t kind)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

struct folder_doc {
	struct lk *lk;
	json_object *files;
	struct buf all;
	int status; /* of files that could not be read */
};

static void
file_take(
    struct folder_doc *d, const char *kind, const char *name, const char *path)
{
	size_t before = d->all.len;
	json_object *one;
	int status = file_read(d->lk, path, &d->all);
	BUF_SCOPED label = { .max = PATH_MAX };

	if (status != 0) {
		d->all.len = before;
		d->status = status;
		return;
	}
	buf_printf(&label, "%s/%s", kind,
	    utf8_valid(BYTES_STR(name)) ? name : "a name that is not UTF-8");
	one = json_object_new_object();
	json_object_object_add(one, "name",
	    json_object_new_string_len(
		(const char *)label.ptr, (int)label.len));
	json_object_object_add(
	    one, "size", json_object_new_int64((int64_t)(d->all.len - before)));
	json_object_array_add(d->files, one);
}

static void
files_take(struct folder_doc *d, const char *doc, const char *kind)
{
	char dir[PATH_MAX], path[PATH_MAX];
	LISTING_SCOPED files = { 0 };

	if (!path_join(dir, doc, kind))
		return;
	listing_read(&files, dir);
	for (int i = 0; i < files.len; i++) {
		const char *name = files.at[i]->d_name;

		if (path_join(path, dir, name) && is_kind(path, S_IFREG))
			file_take(d, kind, name, path);
	}
}

/* Whether this folder is a document: it has files of one. */
static bool
is_document(const char *path)
{
	static const char *const kinds[] = { "snapshot", "incremental" };
	char dir[PATH_MAX];
	bool found = false;

	for (size_t i = 0; i < nitems(kinds) && !found; i++) {
		LISTING_SCOPED files = { 0 };

		if (!path_join(dir, path, kinds[i]))
			continue;
		listing_read(&files, dir);
		found = files.len > 0;
	}
	return found;
}

struct walk {
	struct lk *lk;
	folder_each_fn *each; /* NULL: only count */
	void *ctx;
	size_t found, failed;
	size_t lost; /* of which nothing was taken */
	int last;    /* why */
};

static void
document_visit(struct walk *w, const char *path, const char *id)
{
	struct folder_doc d = { .lk = w->lk };
	int status;

	w->found++;
	if (w->each == NULL)
		return;
	d.files = json_object_new_array();
	buf_init(&d.all, DOCUMENT_BODY_MAX);
	files_take(&d, path, "snapshot");
	files_take(&d, path, "incremental");
	status = w->each(w->lk, w->ctx, path, id, d.files, buf_bytes(&d.all));
	json_object_put(d.files);
	buf_clear(&d.all);
	if (status == 0)
		status = d.status;
	w->failed += status != 0;
	if (status != 0 && status != EXIT_PARTLY) {
		w->lost++;
		w->last = status;
	}
}

static void
shard_visit(struct walk *w, const char *dir, const char *shard)
{
	char path[PATH_MAX], id[NAME_MAX + SHARD_LEN + 1];
	LISTING_SCOPED docs = { 0 };

	listing_read(&docs, dir);
	for (int i = 0; i < docs.len; i++) {
		const char *rest = docs.at[i]->d_name;

		if (!path_join(path, dir, rest) || !is_document(path))
			continue;
		(void)snprintf(id, sizeof(id), "%s%s", shard, rest);
		document_visit(w, path, id);
	}
}

static void
folder_visit(struct walk *w, const char *dir)
{
	char path[PATH_MAX];
	LISTING_SCOPED shards = { 0 };

	listing_read(&shards, dir);
	for (int i = 0; i < shards.len; i++) {
		const char *shard = shards.at[i]->d_name;

		if (strlen(shard) == SHARD_LEN && path_join(path, dir, shard))
			shard_visit(w, path, shard);
	}
}

int
folder_each(struct lk *lk, const char *dir, bool only_one, folder_each_fn *each,
    void *ctx)
{
	struct walk count = { .lk = lk };
	struct walk w = { .lk = lk, .each = each, .ctx = ctx };

	folder_visit(&count, dir);
	if (count.found == 0)
		return lk_fail(lk, 65, "data",
		    "lk mirror add keeps a folder of other files",
		    "%s: no document of automerge-repo in it", safe(dir));
	if (only_one && count.found > 1)
		return lk_fail_usage(lk, "%s: %zu documents, --as names one",
		    safe(dir), count.found);
	folder_visit(&w, dir);
	if (w.lost == w.found)
		return w.last;
	return w.failed == 0 ? 0 : EXIT_PARTLY;
}
