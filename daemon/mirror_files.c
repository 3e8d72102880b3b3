#include <stdlib.h>
#include <string.h>

#include "daemon/mirror.h"

static int
mirrored_id_compare(const struct mirrored *a, const struct mirrored *b)
{
	return memcmp(a->id.hex, b->id.hex, FILE_ID_LEN);
}

static int
mirrored_base_compare(const struct mirrored *a, const struct mirrored *b)
{
	return strcmp(a->path, b->path);
}

static int
mirrored_shown_compare(const struct mirrored *a, const struct mirrored *b)
{
	int order = strcmp(a->shown, b->shown);

	return order != 0 ? order : mirrored_id_compare(a, b);
}

static int
touched_compare(const struct touched *a, const struct touched *b)
{
	return strcmp(a->path, b->path);
}

RB_GENERATE(mirrored_ids, mirrored, by_id, mirrored_id_compare)
RB_GENERATE(mirrored_bases, mirrored, by_base, mirrored_base_compare)
RB_GENERATE(mirrored_shows, mirrored, by_shown, mirrored_shown_compare)
RB_GENERATE(touched_tree, touched, link, touched_compare)

struct mirrored *
mirrored_get(struct mirror *m, const struct file_id *id)
{
	struct mirrored key = { .id = *id };

	return RB_FIND(mirrored_ids, &m->ids, &key);
}

/* A key of the trees; the path is borrowed and not written to. */
static struct mirrored
key_of(const char *path)
{
	union {
		const char *read;
		char *write;
	} p = { .read = path };

	return (struct mirrored){ .path = p.write, .shown = p.write };
}

struct mirrored *
mirrored_at(struct mirror *m, const char *path)
{
	struct mirrored key = key_of(path);

	return RB_FIND(mirrored_bases, &m->bases, &key);
}

struct mirrored *
mirrored_shown_at(struct mirror *m, const char *path)
{
	struct mirrored key = key_of(path);
	struct mirrored *f = RB_NFIND(mirrored_shows, &m->shows, &key);

	return f != NULL && strcmp(f->shown, path) == 0 ? f : NULL;
}

lk_err
mirrored_add(struct mirror *m, const struct file_id *id, struct mirrored **out)
{
	struct mirrored *f = mirrored_get(m, id);

	if (f == NULL) {
		if (m->files >= MIRROR_FILES_MAX)
			return LK_ERR(LK_E_LIMIT, "too many files");
		f = calloc(1, sizeof(*f));
		if (f == NULL)
			return LK_ERR(LK_E_NOMEM, "mirror");
		f->id = *id;
		RB_INSERT(mirrored_ids, &m->ids, f);
		m->files++;
	}
	*out = f;
	return LK_NONE;
}

void
mirrored_free(struct mirror *m, struct mirrored *f)
{
	RB_REMOVE(mirrored_ids, &m->ids, f);
	m->files--;
	free(f->path);
	free(f->shown);
	free(f);
}

static lk_err
path_copy(char **out, const char *path)
{
	*out = path == NULL ? NULL : strdup(path);
	return path != NULL && *out == NULL ? LK_ERR(LK_E_NOMEM, "mirror")
					    : LK_NONE;
}

void
mirrored_present(struct mirror *m, struct mirrored *f, bool present)
{
	if (present && f->missing.ms != 0) {
		f->missing.ms = 0;
		m->missing--;
	}
}

lk_err
mirrored_base(struct mirror *m, struct mirrored *f, const char *path)
{
	char *copy;

	TRY(path_copy(&copy, path));
	mirrored_present(m, f, true);
	if (f->path != NULL) {
		RB_REMOVE(mirrored_bases, &m->bases, f);
		m->based--;
	}
	free(f->path);
	f->path = copy;
	if (copy != NULL) {
		LK_ASSERT(RB_INSERT(mirrored_bases, &m->bases, f) == NULL);
		m->based++;
	}
	return LK_NONE;
}

lk_err
mirrored_show(struct mirror *m, struct mirrored *f, const char *path)
{
	char *copy;

	TRY(path_copy(&copy, path));
	if (f->shown != NULL)
		RB_REMOVE(mirrored_shows, &m->shows, f);
	free(f->shown);
	f->shown = copy;
	if (copy != NULL)
		RB_INSERT(mirrored_shows, &m->shows, f);
	return LK_NONE;
}

void
mirrored_look(struct mirror *m, struct mirrored *f)
{
	if (!f->to_look)
		TAILQ_INSERT_TAIL(&m->to_look, f, look_link);
	f->to_look = true;
}

void
mirrored_write(struct mirror *m, struct mirrored *f)
{
	if (!f->to_write)
		TAILQ_INSERT_TAIL(&m->to_write, f, write_link);
	f->to_write = true;
}

struct touched *
mirror_touched(struct mirror *m, const char *path)
{
	for (struct touched *t = RB_ROOT(&m->touched); t != NULL;) {
		int order = strcmp(path, t->path);

		if (order == 0)
			return t;
		t = order < 0 ? RB_LEFT(t, link) : RB_RIGHT(t, link);
	}
	return NULL;
}

void
mirror_walk_at(struct mirror *m, struct mono due)
{
	if (due.ms < m->walk_due.ms)
		m->walk_due = due;
}

bool
mirror_is_much(const struct mirror *m, size_t gone)
{
	return gone > MIRROR_GONE_MAX ||
	    (gone > MIRROR_GONE_FEW &&
		gone * 100 > m->based * MIRROR_GONE_PERCENT);
}

void
mirror_touch(struct mirror *m, const char *path, struct mono due)
{
	struct touched *t = mirror_touched(m, path);
	size_t len = strlen(path);

	if (t == NULL) {
		t = calloc(1, sizeof(*t) + len + 1);
		if (t == NULL) {
			mirror_walk_at(m, due);
			return;
		}
		memcpy(t->path, path, len + 1);
		RB_INSERT(touched_tree, &m->touched, t);
	}
	t->due = due;
	t->trouble = NULL;
	t->noted = false;
}

void
mirror_refuse(struct mirror *m, const char *path, const char *why)
{
	struct touched *t;

	mirror_touch(m, path, (struct mono){ INT64_MAX });
	t = mirror_touched(m, path);
	if (t != NULL)
		t->trouble = why;
}

void
mirror_aside(struct mirror *m, const char *path, const struct file_id *id,
    struct mono due)
{
	struct mirrored *f = mirrored_get(m, id);
	struct touched *t;

	mirror_touch(m, path, due);
	t = mirror_touched(m, path);
	if (t == NULL || t->aside)
		return;
	t->aside = true;
	t->of = *id;
	t->counted = f != NULL;
	if (f != NULL)
		f->asides++;
}

void
mirror_aside_keep(struct touched *t, const char *why)
{
	t->trouble = why;
	t->due.ms = INT64_MAX;
}

void
touched_free(struct mirror *m, struct touched *t)
{
	struct mirrored *f = t->counted ? mirrored_get(m, &t->of) : NULL;

	if (f != NULL) {
		f->asides--;
		mirrored_write(m, f);
	}
	if (m->piecing != NULL && strcmp(m->piecing->path, t->path) == 0)
		mirror_piecing_end(m);
	RB_REMOVE(touched_tree, &m->touched, t);
	free(t);
}

void
mirror_retry(struct mirror *m, struct mono due)
{
	struct touched *t;

	RB_FOREACH (t, touched_tree, &m->touched)
		if (t->trouble != NULL && t->due.ms > due.ms)
			t->due = due;
}

void
mirror_forget(struct mirror *m)
{
	struct mirrored *f;
	struct touched *t;

	while ((t = RB_ROOT(&m->touched)) != NULL)
		touched_free(m, t);
	while ((f = RB_ROOT(&m->ids)) != NULL)
		mirrored_free(m, f);
	RB_INIT(&m->bases);
	RB_INIT(&m->shows);
	TAILQ_INIT(&m->to_look);
	TAILQ_INIT(&m->to_write);
	m->based = m->missing = 0;
	ignore_clear(&m->ignore);
	mirror_pieces_forget(m);
	m->changes = 0;
	m->look_all = true;
	m->collides = m->denied = m->fewer = false;
	m->walk_due = (struct mono){ INT64_MAX };
}
