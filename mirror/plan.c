#include "mirror/plan.h"

#include <string.h>

struct plan_side
plan_side_of(const struct file_entry *e)
{
	struct plan_side side = { .there = !e->gone,
		.is_text = e->is_text,
		.exec = e->exec,
		.saved_ms = e->saved_ms };

	memcpy(side.digest, e->digest, sizeof(side.digest));
	return side;
}

static bool
has_content(const struct plan_side *a, const struct plan_side *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static enum plan_what
content_plan(const struct plan_side *base, const struct plan_side *disk,
    const struct plan_side *doc)
{
	if (has_content(disk, doc))
		return PLAN_NOTHING;
	if (has_content(disk, base))
		return PLAN_GIVE;
	if (has_content(doc, base))
		return PLAN_TAKE;
	/* One side deleted what the other one wrote into: that brings it back.
	 */
	if (!disk->there)
		return PLAN_GIVE;
	if (!doc->there)
		return PLAN_TAKE;
	if (disk->is_text && doc->is_text)
		return PLAN_MERGE;
	return !base->there && disk->saved_ms != 0 &&
		doc->saved_ms > disk->saved_ms
	    ? PLAN_KEEP
	    : PLAN_TAKE;
}

enum plan_what
plan_file(const struct plan_side *base, const struct plan_side *disk,
    const struct plan_side *doc)
{
	static const struct plan_side none = { 0 };
	enum plan_what what =
	    content_plan(base == NULL ? &none : base, disk, doc);
	bool exec = plan_exec(base, disk, doc);

	if (what != PLAN_NOTHING || !disk->there)
		return what;
	if (doc->exec != exec)
		return PLAN_TAKE;
	return disk->exec != exec ? PLAN_GIVE : PLAN_NOTHING;
}

/* A bit that one of them has changed is changed. */
bool
plan_exec(const struct plan_side *base, const struct plan_side *disk,
    const struct plan_side *doc)
{
	if (base == NULL || !base->there)
		return disk->exec || doc->exec;
	return disk->exec != base->exec ? disk->exec : doc->exec;
}

/* Meeting. */

/* The first whose path is not before this one. */
static size_t
entry_seek(const struct plan_entry *list, size_t len, const char *path)
{
	size_t low = 0;

	while (low < len) {
		size_t middle = low + (len - low) / 2;

		if (strcmp(list[middle].path, path) < 0)
			low = middle + 1;
		else
			len = middle;
	}
	return low;
}

static bool
entry_has(const struct plan_entry *list, size_t len, const char *path)
{
	size_t at = entry_seek(list, len, path);

	return at < len && strcmp(list[at].path, path) == 0;
}

/* Whether there is something below this path. */
static bool
has_below(const struct plan_entry *list, size_t len, const char *path)
{
	char folder[PATH_BYTES_MAX + 2];
	size_t n = strlcpy(folder, path, sizeof(folder) - 1);
	size_t at;

	if (n >= sizeof(folder) - 1)
		return false;
	memcpy(folder + n, "/", 2);
	at = entry_seek(list, len, folder);
	return at < len && strncmp(list[at].path, folder, n + 1) == 0;
}

/* Whether a file is where one of its folders should be. */
static bool
has_above(const struct plan_meeting *m, const char *path)
{
	char folder[PATH_BYTES_MAX + 1];
	char *slash;

	if (strlcpy(folder, path, sizeof(folder)) >= sizeof(folder))
		return false;
	while ((slash = strrchr(folder, '/')) != NULL) {
		*slash = '\0';
		if (entry_has(m->disk, m->disk_len, folder) ||
		    entry_has(m->doc, m->doc_len, folder))
			return true;
	}
	return false;
}

/* Why a file of the document is not to be in the folder. */
static const char *
give_flaw(const struct plan_meeting *m, const struct plan_entry *doc)
{
	if (doc->flaw != NULL)
		return doc->flaw;
	if (ignore_matches(m->ignore, BYTES_STR(doc->path), false))
		return "left out by " IGNORE_FILE;
	if (has_above(m, doc->path))
		return "something else is where its folder should be";
	if (has_below(m->disk, m->disk_len, doc->path))
		return "a folder is where it should be";
	return NULL;
}

static void
step_take(const struct plan_meeting *m, const struct plan_entry *disk,
    const struct plan_entry *doc, plan_fn *each, void *ctx)
{
	static const struct plan_side none = { 0 };
	struct plan_step step = { .disk = disk, .doc = doc };

	step.path = disk != NULL ? disk->path : doc->path;
	if (disk == NULL)
		step.why = give_flaw(m, doc);
	else
		step.why =
		    disk->flaw != NULL || doc == NULL ? disk->flaw : doc->flaw;
	step.what = step.why != NULL
	    ? PLAN_CANNOT
	    : plan_file(NULL, disk != NULL ? &disk->side : &none,
		  doc != NULL ? &doc->side : &none);
	each(ctx, &step);
}

void
plan_meet(const struct plan_meeting *m, plan_fn *each, void *ctx)
{
	size_t i = 0, j = 0;

	while (i < m->disk_len || j < m->doc_len) {
		int order = i == m->disk_len ? 1
		    : j == m->doc_len        ? -1
				      : strcmp(m->disk[i].path, m->doc[j].path);
		const char *path =
		    order <= 0 ? m->disk[i].path : m->doc[j].path;

		step_take(m, order <= 0 ? &m->disk[i] : NULL,
		    order >= 0 ? &m->doc[j] : NULL, each, ctx);
		i += order <= 0;
		j += order >= 0;
		for (; j < m->doc_len && strcmp(m->doc[j].path, path) == 0; j++)
			each(ctx,
			    &(struct plan_step){ .what = PLAN_CANNOT,
				.path = path,
				.why = "another file has this name",
				.doc = &m->doc[j] });
	}
}
