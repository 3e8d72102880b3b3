#include <string.h>

#include "daemon/mirror.h"

/* Files written in one slice. */
#define WRITE_FILES 32

struct writing {
	struct daemon *d;
	struct mirror *m;
	struct doc *doc;
	struct buf content; /* or the list of its pieces */
};

static struct mono
soon(const struct writing *w, int64_t ms)
{
	return (struct mono){ w->d->now.mono.ms + ms };
}

/* The base of a path goes over to the file that has the path now. */
static lk_err
base_move(struct writing *w, struct mirrored *from, struct mirrored *to)
{
	struct mirror *m = w->m;
	char path[PATH_BYTES_MAX + 1];
	BUF_SCOPED text = { .max = FILE_BYTES_MAX };

	(void)strlcpy(path, from->path, sizeof(path));
	if (from->is_text &&
	    mirror_base_text(w->d, m, from, &text).code != LK_OK)
		buf_reset(&text);
	to->is_text = from->is_text;
	to->exec = from->exec;
	to->stamp = from->stamp;
	memcpy(to->digest, from->digest, sizeof(to->digest));
	TRY(mirrored_base(m, from, NULL));
	TRY(mirror_base_drop(w->d, m, &from->id));
	TRY(mirrored_base(m, to, path));
	mirrored_write(m, from);
	return mirror_base_save(w->d, m, to, buf_bytes(&text));
}

/* Longer and longer: when it is closed there is a hint. */
static void
busy_wait(struct writing *w, struct mirrored *f)
{
	int64_t ms = MIRROR_RETRY_MS;

	for (unsigned i = 0; i < f->busy && ms < MIRROR_BUSY_MS; i++)
		ms *= 2;
	f->busy++;
	f->trouble = "open for writing";
	f->retry = soon(w, ms < MIRROR_BUSY_MS ? ms : MIRROR_BUSY_MS);
	mirrored_write(w->m, f);
}

static void
outcome_take(struct writing *w, struct mirrored *f, const char *path,
    enum folder_outcome outcome)
{
	struct mirror *m = w->m;

	if (outcome == FOLDER_CHANGED && m->denied)
		f->trouble = DENIED_HERE;
	else if (outcome == FOLDER_CHANGED)
		mirror_touch(m, path, soon(w, MIRROR_RETRY_MS));
	else if (outcome == FOLDER_LEFT) {
		mirror_touch(m, path, soon(w, MIRROR_RETRY_MS));
		mirror_walk_at(m, w->d->now.mono);
	} else
		busy_wait(w, f);
}

/* The disk will not: later again.  What is wrong in the document stays so until
 * that changes. */
static void
write_fail(struct writing *w, struct mirrored *f, lk_err err)
{
	f->trouble = mirror_reason(err);
	f->retry = soon(
	    w, err.code == LK_E_CORRUPT ? MIRROR_RESCAN_MS : MIRROR_TROUBLE_MS);
	mirrored_write(w->m, f);
}

static lk_err
file_remove(struct writing *w, struct mirrored *f)
{
	struct folder_put put = { .path = f->path,
		.id = &f->id,
		.expected = f->digest,
		.stamp = &f->stamp };
	struct disk_file disk;
	enum folder_outcome outcome;
	lk_err err = folder_stat(&w->m->folder, f->path, &disk);

	outcome = FOLDER_DONE;
	if (err.code == LK_OK && !disk_is_gone(&disk))
		err = folder_remove(&w->m->folder, &put, &outcome);
	if (err.code != LK_OK) {
		write_fail(w, f, err);
		return LK_NONE;
	}
	if (outcome != FOLDER_DONE) {
		outcome_take(w, f, f->path, outcome);
		return LK_NONE;
	}
	f->trouble = NULL;
	f->busy = 0;
	TRY(mirrored_base(w->m, f, NULL));
	return mirror_base_drop(w->d, w->m, &f->id);
}

/* Whether one path is a folder on the way to the other. */
static bool
is_on_the_way(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t least = n < m ? n : m;

	return n != m && memcmp(a, b, least) == 0 &&
	    (n < m ? b : a)[least] == '/';
}

/* The file is under its old path; *done: it has none there any more. */
static lk_err
file_rename(struct writing *w, struct mirrored *f, bool *done)
{
	struct mirror *m = w->m;
	enum folder_outcome outcome;
	BUF_SCOPED text = { .max = FILE_BYTES_MAX };
	lk_err err;

	*done = false;
	if (mirrored_at(m, f->shown) != NULL ||
	    is_on_the_way(f->path, f->shown)) {
		TRY(file_remove(w, f));
		*done = f->path == NULL;
		return LK_NONE;
	}
	if (f->is_text && mirror_base_text(w->d, m, f, &text).code != LK_OK)
		buf_reset(&text);
	err = folder_rename(&m->folder, f->path, f->shown, &outcome);
	if (err.code != LK_OK) {
		write_fail(w, f, err);
		return LK_NONE;
	}
	if (outcome != FOLDER_DONE) {
		outcome_take(w, f, f->path, outcome);
		outcome_take(w, f, f->shown, outcome);
		return LK_NONE;
	}
	TRY(mirrored_base(m, f, f->shown));
	*done = true;
	return mirror_base_save(w->d, m, f, buf_bytes(&text));
}

static lk_err
base_written(struct writing *w, struct mirrored *f, const struct file_entry *e)
{
	struct disk_file disk;

	TRY(mirrored_base(w->m, f, f->shown));
	f->is_text = e->is_text;
	f->exec = e->exec;
	memcpy(f->digest, e->digest, sizeof(f->digest));
	f->stamp = (struct file_stamp){ .ino = 0 };
	/* Only to know it again when it is moved: somebody may have written
	 * into it since. */
	if (folder_stat(&w->m->folder, f->path, &disk).code == LK_OK) {
		f->stamp.ino = disk.stamp.ino;
		f->stamp.size = disk.stamp.size;
	}
	return mirror_base_save(w->d, w->m, f, buf_bytes(&w->content));
}

/* Writes what w->content says, or some of it.  WAIT: not all yet. */
static lk_err
content_put(struct writing *w, struct folder_put *put,
    const struct file_entry *e, enum folder_outcome *outcome)
{
	struct mirror *m = w->m;
	lk_err err = LK_NONE;

	*outcome = FOLDER_BUSY;
	/* Nothing long is prepared that could not be put in place. */
	if (e->is_pieces && put->expected != NULL &&
	    folder_is_busy(&m->folder, put->path))
		return LK_NONE;
	if (e->is_pieces) {
		put->staged = e->digest;
		err = mirror_pieces_stage(w->d, m, put, buf_bytes(&w->content));
	} else
		put->content = buf_bytes(&w->content);
	if (err.code == LK_OK)
		err = folder_write(&m->folder, put, outcome);
	if (e->is_pieces && err.code != LK_E_WAIT &&
	    (err.code != LK_OK || *outcome == FOLDER_DONE))
		m->staging.on = false;
	return err;
}

static lk_err
file_put(struct writing *w, struct mirrored *f)
{
	struct folder_put put = { .path = f->shown, .id = &f->id };
	struct file_entry e;
	enum folder_outcome outcome;
	lk_err err;

	if (f->path != NULL &&
	    memcmp(f->digest, f->shown_digest, sizeof(f->digest)) == 0 &&
	    f->exec == f->shown_exec) {
		f->trouble = NULL;
		return LK_NONE;
	}
	buf_reset(&w->content);
	TRY(file_read(w->doc, &f->id, &e, &w->content));
	put.expected = f->path == NULL ? NULL : f->digest;
	put.stamp = &f->stamp;
	put.exec = e.exec;
	err = content_put(w, &put, &e, &outcome);
	if (err.code == LK_E_WAIT) {
		mirrored_write(w->m, f);
		return LK_NONE;
	}
	if (err.code != LK_OK) {
		write_fail(w, f, err);
		return LK_NONE;
	}
	if (outcome != FOLDER_DONE) {
		outcome_take(w, f, f->shown, outcome);
		return LK_NONE;
	}
	f->trouble = NULL;
	f->busy = 0;
	return base_written(w, f, &e);
}

static bool
waits_for_intake(struct mirror *m, const struct mirrored *f)
{
	const struct touched *base =
	    f->path == NULL ? NULL : mirror_touched(m, f->path);
	const struct touched *shown =
	    f->shown == NULL ? NULL : mirror_touched(m, f->shown);

	return base != NULL || shown != NULL || f->asides > 0;
}

/* It is not, or not under this path, what the document shows. */
static lk_err
file_leave(struct writing *w, struct mirrored *f)
{
	struct mirrored *has;

	if (f->path == NULL)
		return LK_NONE;
	has = mirrored_shown_at(w->m, f->path);
	if (has != NULL && has != f && has->path == NULL) {
		TRY(base_move(w, f, has));
		mirrored_write(w->m, has);
		return LK_NONE;
	}
	/* A name that cannot be had here takes nothing away. */
	return f->flawed ? LK_NONE : file_remove(w, f);
}

static lk_err
file_write(struct writing *w, struct mirrored *f)
{
	struct mirror *m = w->m;
	struct mirrored *other;
	bool done = true;

	if (waits_for_intake(m, f))
		return LK_NONE;
	if (f->shown == NULL || mirrored_shown_at(m, f->shown) != f)
		return file_leave(w, f);
	if (f->path == NULL &&
	    ignore_matches(&m->ignore, BYTES_STR(f->shown), false))
		return LK_NONE;
	if (f->path != NULL && strcmp(f->path, f->shown) != 0)
		TRY(file_rename(w, f, &done));
	if (!done)
		return LK_NONE;
	other = mirrored_at(m, f->shown);
	if (other != NULL && other != f && other->asides > 0)
		return LK_NONE;
	if (other != NULL && other != f)
		TRY(base_move(w, other, f));
	return file_put(w, f);
}

/* The first of the queue whose time has come, taken off it, and moves those
 * before it behind `last`. */
static struct mirrored *
next_take(struct writing *w, const struct mirrored *last)
{
	struct mirror *m = w->m;
	struct mirrored *f;
	bool was_last = false;

	while (!was_last && (f = TAILQ_FIRST(&m->to_write)) != NULL) {
		was_last = f == last;
		TAILQ_REMOVE(&m->to_write, f, write_link);
		f->to_write = false;
		if (f->retry.ms <= w->d->now.mono.ms) {
			f->retry.ms = 0;
			return f;
		}
		mirrored_write(m, f);
	}
	return NULL;
}

lk_err
mirror_write(struct daemon *d, struct mirror *m, bool *more)
{
	struct writing w = { d, m, NULL, { .max = FILE_BYTES_MAX } };
	const struct mirrored *last = TAILQ_LAST(&m->to_write, mirrored_queue);
	struct mirrored *f = NULL;
	lk_err err;
	size_t n;

	*more = false;
	if (last == NULL)
		return LK_NONE;
	TRY(replica_open_doc(d->replica, m->docno, &w.doc));
	err = LK_NONE;
	for (n = 0; err.code == LK_OK && n < WRITE_FILES && f != last; n++) {
		f = next_take(&w, last);
		if (f == NULL)
			break;
		err = file_write(&w, f);
	}
	doc_free(w.doc);
	buf_clear(&w.content);
	*more = n == WRITE_FILES;
	return err;
}
