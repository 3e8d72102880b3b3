#include "daemon/mirror_plan.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/document.h"
#include "daemon/mirror.h"
#include "mirror/scan.h"

/* The files of the document. */
struct shown_list {
	struct doc *doc;
	struct plan_entry *entries;
	size_t len, cap;
	struct buf content;
	struct buf ignore; /* what its .lkignore says */
};

struct planning {
	struct json_object *files;
	size_t same;
};

static void
shown_clear(struct shown_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		free((void *)(uintptr_t)l->entries[i].path);
	free(l->entries);
	buf_clear(&l->content);
	buf_clear(&l->ignore);
	doc_free(l->doc);
}

static lk_err
shown_room(struct shown_list *l)
{
	size_t cap = l->cap * 2 + 64;
	struct plan_entry *more;

	if (l->len < l->cap)
		return LK_NONE;
	if (l->len >= MIRROR_FILES_MAX)
		return LK_ERR(LK_E_LIMIT, "too many files");
	more = reallocarray(l->entries, cap, sizeof(*more));
	if (more == NULL)
		return LK_ERR(LK_E_NOMEM, "plan");
	l->entries = more;
	l->cap = cap;
	return LK_NONE;
}

static lk_err
shown_add(void *ctx, const struct file_id *id)
{
	struct shown_list *l = ctx;
	struct file_entry e;
	struct plan_entry *to;
	lk_err err;

	TRY(shown_room(l));
	buf_reset(&l->content);
	err = file_read(l->doc, id, &e, &l->content);
	if (err.code == LK_E_NOTFOUND || (err.code == LK_OK && e.gone))
		return LK_NONE;
	to = &l->entries[l->len];
	*to = (struct plan_entry){ .flaw = TOO_LARGE };
	if (err.code == LK_OK) {
		to->side = plan_side_of(&e);
		to->flaw = e.flaw;
	} else if (err.code != LK_E_LIMIT)
		return err;
	/* One without a path that could be one here has its id. */
	to->path =
	    strdup(err.code == LK_OK && e.flaw == NULL ? e.path : id->hex);
	if (to->path == NULL)
		return LK_ERR(LK_E_NOMEM, "plan");
	l->len++;
	if (strcmp(to->path, IGNORE_FILE) == 0 && l->ignore.len == 0)
		buf_add(&l->ignore, buf_bytes(&l->content));
	return buf_err(&l->ignore, "plan");
}

static int
entry_compare(const void *a, const void *b)
{
	const struct plan_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* What the folder says, or the document where that says nothing. */
static lk_err
ignore_find(struct ignore *ignore, const struct scan *scan,
    const struct shown_list *shown)
{
	struct bytes text =
	    scan->has_ignore ? scan->ignore : buf_bytes(&shown->ignore);

	return ignore_read(ignore, text).code == LK_OK
	    ? LK_NONE
	    : ignore_read(ignore, BYTES(NULL, 0));
}

/* What is left out of the folder is as if it were not there. */
static void
scan_leave_out(struct scan *scan, const struct ignore *ignore)
{
	size_t kept = 0;

	for (size_t i = 0; i < scan->len; i++)
		if (!ignore_matches(
			ignore, BYTES_STR(scan->entries[i].path), false))
			scan->entries[kept++] = scan->entries[i];
	scan->len = kept;
}

static const char *
word_of(const struct plan_step *step)
{
	if (step->what != PLAN_CANNOT && step->disk != NULL &&
	    step->doc != NULL &&
	    memcmp(step->disk->side.digest, step->doc->side.digest,
		FILE_DIGEST_LEN) == 0)
		return "program";
	switch (step->what) {
	case PLAN_TAKE:
		return step->doc == NULL ? "to-document" : "folder-counts";
	case PLAN_GIVE:
		return step->disk == NULL ? "to-folder" : "document-counts";
	case PLAN_MERGE:
		return "unite";
	case PLAN_KEEP:
		return "document-counts";
	case PLAN_CANNOT:
	case PLAN_NOTHING:
		break;
	}
	return "cannot";
}

static void
step_add(void *ctx, const struct plan_step *step)
{
	struct planning *p = ctx;
	struct json_object *o;

	if (step->what == PLAN_NOTHING) {
		p->same++;
		return;
	}
	o = json_object_new_object();
	json_add_text(o, "path", step->path);
	json_add_text(o, "what", word_of(step));
	if (step->why != NULL)
		json_add_text(o, "why", step->why);
	json_object_array_add(p->files, o);
}

static lk_err
plan_tell(struct request *r, struct scan *scan, struct shown_list *shown,
    struct ignore *ignore)
{
	struct planning p = { json_object_new_array(), 0 };

	json_object_object_add(r->result, "files", p.files);
	if (shown->doc != NULL)
		TRY(files_each(shown->doc, shown_add, shown));
	TRY(ignore_find(ignore, scan, shown));
	scan_leave_out(scan, ignore);
	/* Of one path the lesser id comes first, as it did. */
	if (shown->len > 0 &&
	    mergesort(shown->entries, shown->len, sizeof(*shown->entries),
		entry_compare) == -1)
		return LK_ERR(LK_E_NOMEM, "plan");
	plan_meet(&(struct plan_meeting){ scan->entries, shown->entries,
		      scan->len, shown->len, ignore },
	    step_add, &p);
	json_add_number(r->result, "same", p.same);
	json_add_number(r->result, "skipped", scan->skipped);
	return LK_NONE;
}

lk_err
mirror_plan_add(struct request *r, uint32_t docno, struct bytes bytes)
{
	struct shown_list shown = { 0 };
	struct ignore ignore = { 0 };
	struct scan scan;
	lk_err err = scan_read(&scan, bytes);

	if (err.code != LK_OK)
		return request_fail(r, err, "scan: %s", err.what);
	buf_init(&shown.content, FILE_BYTES_MAX);
	buf_init(&shown.ignore, FILE_BYTES_MAX);
	if (docno != 0)
		err = replica_open_doc(r->replica, docno, &shown.doc);
	if (err.code == LK_OK)
		err = plan_tell(r, &scan, &shown, &ignore);
	shown_clear(&shown);
	ignore_clear(&ignore);
	scan_clear(&scan);
	return err;
}
