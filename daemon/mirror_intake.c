#include <stdlib.h>
#include <string.h>

#include "daemon/document.h"
#include "daemon/mirror_intake.h"

static struct mono
after(struct mono t, int64_t ms)
{
	return (struct mono){ t.ms + ms };
}

static struct job *
job_add(
    struct intake *in, enum job_what what, struct mirrored *f, const char *path)
{
	struct job *job = &in->jobs[in->jobs_len++];

	*job = (struct job){ .what = what, .f = f };
	(void)strlcpy(job->path, path, sizeof(job->path));
	buf_init(&job->content, FILE_BYTES_MAX);
	buf_init(&job->base, FILE_BYTES_MAX);
	buf_init(&job->held, FILE_BYTES_MAX);
	return job;
}

static bool
is_full(const struct intake *in)
{
	return in->jobs_len == JOBS_MAX || in->looked >= LOOKED_MAX ||
	    in->bytes > CHANGE_TEXT_MAX;
}

static void
absence_note(struct intake *in, struct mirrored *f)
{
	struct disk_file disk;

	if (f->missing.ms != 0 ||
	    folder_stat(&in->m->folder, f->path, &disk).code != LK_OK ||
	    !disk_is_gone(&disk))
		return;
	f->missing = in->d->now.mono;
	in->m->missing++;
}

/* The file that is missing and that this one may be, moved. */
static struct mirrored *
moved_find(struct mirror *m, const struct job *job)
{
	struct mirrored *f;

	if (m->missing == 0)
		return NULL;
	RB_FOREACH (f, mirrored_bases, &m->bases)
		if (f->missing.ms != 0 &&
		    (f->stamp.ino == job->disk.stamp.ino ||
			(job->content.len > 0 &&
			    memcmp(f->digest, job->disk.digest,
				sizeof(f->digest)) == 0)))
			return f;
	return NULL;
}

/* A file without a base: known by the document under this path, moved, or new.
 * What may have been moved is waited for: an editor that moves a file away
 * puts another one in its place. */
static lk_err
stranger_take(struct intake *in, struct touched *t, struct job *job)
{
	struct mirror *m = in->m;
	struct mirrored *f = mirrored_shown_at(m, t->path);
	struct random random = daemon_random(in->d);
	struct file_id id;
	uint8_t drawn[FILE_ID_LEN / 2];

	if (f != NULL && f->path == NULL) {
		job->what = JOB_UNITE;
		job->f = f;
		return LK_NONE;
	}
	f = moved_find(m, job);
	if (f != NULL) {
		if (in->d->now.mono.ms - f->missing.ms < MIRROR_GRACE_MS) {
			t->due = after(f->missing, MIRROR_GRACE_MS);
			return LK_ERR(LK_E_WAIT, "moved");
		}
		if (f->too_large)
			return LK_ERR(LK_E_DATA, TOO_LARGE);
		job->what = JOB_MOVE;
		job->f = f;
		/* One job for each file: by then its old path is nobody's. */
		mirrored_present(m, f, true);
		mirror_touch(
		    m, f->path, after(in->d->now.mono, MIRROR_SETTLE_MS));
		return LK_NONE;
	}
	random_fill(&random, drawn, sizeof(drawn));
	hex_encode(id.hex, BYTES_OF(drawn));
	job->what = JOB_NEW;
	return mirrored_add(m, &id, &job->f);
}

static bool
is_fresh(const struct intake *in, const struct disk_file *disk)
{
	return disk->stamp.mtime_ns / 1000000 + MIRROR_HALF_MS >
	    in->d->now.wall.ms;
}

/* Whether it is being read piece by piece: that is nothing to wait for. */
static bool
is_piecing(const struct mirror *m, const struct touched *t)
{
	return m->piecing != NULL && strcmp(m->piecing->path, t->path) == 0;
}

/* Reads a file, all or in pieces.  WAIT: not yet, t->due says when. */
static lk_err
content_read(struct intake *in, struct touched *t, struct job *job)
{
	struct mirror *m = in->m;
	lk_err err = folder_read(
	    &m->folder, t->path, in->d->now.wall, &job->disk, &job->content);

	if (err.code == LK_E_LIMIT) {
		buf_reset(&job->content);
		job->is_pieces = true;
		err = mirror_pieces_read(
		    in->d, m, t->path, &job->disk, &job->content);
		if (err.code == LK_E_WAIT && !is_piecing(m, t))
			t->due = after(in->d->now.mono, MIRROR_RETRY_MS);
	}
	if (err.code == LK_E_AGAIN) {
		/* What was read of a long one stays in the log. */
		t->due = after(in->d->now.mono,
		    job->is_pieces ? MIRROR_TROUBLE_MS : MIRROR_RETRY_MS);
		return LK_ERR(LK_E_WAIT, "being written");
	}
	if (err.code == LK_E_LIMIT)
		err.what = "too large to be kept";
	return err;
}

/* What is long goes into pieces. */
static lk_err
pieces_take(struct intake *in, struct job *job)
{
	BUF_SCOPED list = { .max = FILE_BYTES_MAX };
	struct file_content c = job_content(job);

	if (c.is_text || c.is_pieces || c.bytes.len <= FILE_INLINE_MAX)
		return LK_NONE;
	TRY(mirror_pieces_make(in->d, in->m, c.bytes, &list));
	in->bytes += c.bytes.len;
	buf_reset(&job->content);
	buf_add(&job->content, buf_bytes(&list));
	job->is_pieces = true;
	return buf_err(&job->content, "pieces");
}

/* Half a letter is no reason to take a text for something else: the file that is
 * one, or a new one that is but for its end. */
static bool
is_half_text(const struct intake *in, const struct job *job)
{
	struct bytes b = buf_bytes(&job->content);

	if (job->is_pieces || !is_fresh(in, &job->disk) || file_is_text(b))
		return false;
	if (job->f != NULL)
		return job->f->is_text;
	for (size_t n = 1; n < 4 && n <= b.len; n++)
		if (file_is_text(BYTES(b.ptr, b.len - n)))
			return true;
	return false;
}

/* The file at a path becomes a job.  WAIT: not yet, t->due says when. */
static lk_err
content_take(struct intake *in, struct touched *t, struct job *job)
{
	struct mirrored *f = job->f;

	TRY(content_read(in, t, job));
	if (job->disk.kind != DISK_FILE)
		return LK_ERR(LK_E_EXISTS, "gone again");
	if (is_half_text(in, job)) {
		t->due = after(in->d->now.mono, MIRROR_RETRY_MS);
		return LK_ERR(LK_E_WAIT, "being written");
	}
	if (f == NULL)
		return stranger_take(in, t, job);
	if (memcmp(f->digest, job->disk.digest, sizeof(f->digest)) == 0 &&
	    f->exec == job->disk.exec) {
		f->stamp = job->disk.stamp;
		if (f->stamp.ctime_ns != 0)
			TRY(mirror_stamp_save(in->d, in->m, f));
		return LK_ERR(LK_E_EXISTS, "as it was");
	}
	if (f->too_large)
		return LK_ERR(LK_E_DATA, TOO_LARGE);
	job->what = JOB_CHANGE;
	return LK_NONE;
}

static lk_err
base_take(struct intake *in, struct job *job)
{
	struct mirrored *f = job->f;
	lk_err err;

	if (f->path == NULL || job->what == JOB_UNITE)
		return LK_NONE;
	job->has_base = true;
	if (!f->is_text)
		return LK_NONE;
	err = mirror_base_text(in->d, in->m, f, &job->base);
	job->has_base = err.code == LK_OK;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static void
job_drop(struct intake *in)
{
	struct job *job = &in->jobs[--in->jobs_len];

	buf_clear(&job->content);
	buf_clear(&job->base);
	buf_clear(&job->held);
}

static void
file_take(struct intake *in, struct touched *t, struct mirrored *f)
{
	struct job *job = job_add(in, JOB_NEW, f, t->path);
	lk_err err = content_take(in, t, job);

	if (err.code == LK_OK)
		err = pieces_take(in, job);
	if (err.code == LK_OK)
		err = base_take(in, job);
	in->bytes += job->content.len + job->base.len;
	if (err.code == LK_OK)
		return;
	if (f == NULL && job->what == JOB_NEW && job->f != NULL)
		mirrored_free(in->m, job->f);
	job_drop(in);
	if (err.code == LK_E_WAIT)
		return;
	if (err.code == LK_E_EXISTS) {
		if (f != NULL)
			mirrored_write(in->m, f);
		touched_free(in->m, t);
		return;
	}
	t->trouble = mirror_reason(err);
	t->due.ms = INT64_MAX;
}

/* Whether a file that nobody knows yet is this one, moved: one that takes long
 * to be read. */
static bool
turns_up(const struct intake *in, const struct mirrored *f)
{
	struct touched *t;

	if (f->stamp.size <= FILE_BYTES_MAX)
		return false;
	RB_FOREACH (t, touched_tree, &in->m->touched) {
		struct disk_file disk;

		if (!t->aside && t->due.ms != INT64_MAX &&
		    mirrored_at(in->m, t->path) == NULL &&
		    folder_stat(&in->m->folder, t->path, &disk).code == LK_OK &&
		    disk.kind == DISK_FILE && disk.stamp.ino == f->stamp.ino)
			return true;
	}
	return false;
}

/* Not on the disk: after a while it is deleted, unless it turns up. */
static void
absence_take(struct intake *in, struct touched *t, struct mirrored *f)
{
	struct mirror *m = in->m;
	int64_t now = in->d->now.mono.ms;

	if (f->missing.ms == 0) {
		f->missing.ms = now;
		m->missing++;
	}
	if (now - f->missing.ms < MIRROR_GRACE_MS) {
		t->due = after(f->missing, MIRROR_GRACE_MS);
		return;
	}
	if (turns_up(in, f)) {
		t->due = after(in->d->now.mono, MIRROR_RETRY_MS);
		return;
	}
	if (f->shown == NULL) {
		/* The document has deleted it too. */
		mirrored_write(m, f);
		touched_free(m, t);
		return;
	}
	(void)job_add(in, JOB_DELETE, f, t->path);
}

/* Before the first deletion: is this the folder, whole? */
static bool
absence_is_meant(struct intake *in)
{
	struct mirror *m = in->m;
	lk_err err = mirror_mark_check(m);

	if (err.code != LK_OK) {
		mirror_fail(m, in->d, err);
		return false;
	}
	if (!mirror_is_much(m, m->missing) || m->gone_granted)
		return true;
	m->state = MIRROR_ASKS;
	m->why = "so many files are gone: lk mirror resume deletes them "
		 "everywhere";
	log_warn("mirror %s: %zu of %zu files are gone: waiting to be told",
	    m->dir, m->missing, m->based);
	return false;
}

/* Whether what came out is in the log, as is what went in. */
static bool
aside_is_kept(const struct intake *in, const struct touched *t,
    const struct mirrored *f, const uint8_t digest[static FILE_DIGEST_LEN])
{
	return folder_out_is_new(t->path, digest) ||
	    (f->path != NULL &&
		memcmp(f->digest, digest, FILE_DIGEST_LEN) == 0) ||
	    memcmp(f->shown_digest, digest, FILE_DIGEST_LEN) == 0 ||
	    mirror_aside_has(in->d, in->m, &f->id, digest);
}

/* Its file goes on. */
static void
aside_free(struct intake *in, struct touched *t, const struct mirrored *f)
{
	if (f->path != NULL)
		mirror_touch(in->m, f->path, in->d->now.mono);
	touched_free(in->m, t);
}

/* Whoever waited to write into it when a crash came does so now. */
static lk_err
aside_wait(struct intake *in, struct touched *t)
{
	bool busy = folder_is_busy(&in->m->folder, t->path);

	t->trouble = busy ? "open for writing" : NULL;
	if (!busy)
		return LK_NONE;
	t->due = after(in->d->now.mono, MIRROR_RETRY_MS);
	return LK_ERR(LK_E_WAIT, "being written");
}

static lk_err
aside_end(struct intake *in, struct touched *t, const struct job *job)
{
	struct mirrored *f = job->f;
	struct disk_file now;

	TRY(aside_wait(in, t));
	TRY(folder_stat(&in->m->folder, t->path, &now));
	if (now.kind == DISK_FILE &&
	    (now.stamp.size != job->disk.stamp.size ||
		now.stamp.mtime_ns != job->disk.stamp.mtime_ns))
		return LK_ERR(LK_E_WAIT, "written meanwhile");
	TRY(folder_drop(&in->m->folder, t->path));
	TRY(mirror_aside_drop(in->d, in->m, &f->id, job->disk.digest));
	aside_free(in, t, f);
	return LK_NONE;
}

/* Whether the file still is what went in when this came out, and no record says
 * so: a crash came between.  To take it for an edit of the older base would
 * repeat what the document has.  Other asides are edits of that base too. */
static void
put_find(struct intake *in, const struct touched *t, struct job *job)
{
	struct mirrored *f = job->f;
	struct disk_file disk;

	job->put = f->path != NULL && f->asides == 1 &&
	    folder_read(&in->m->folder, f->path, in->d->now.wall, &disk,
		&job->held)
		    .code == LK_OK &&
	    disk.kind == DISK_FILE && folder_out_is_new(t->path, disk.digest) &&
	    memcmp(f->digest, disk.digest, sizeof(f->digest)) != 0;
	if (!job->put)
		return;
	job->put_stamp = disk.stamp;
	memcpy(job->put_digest, disk.digest, sizeof(disk.digest));
}

/* *ended: there is nothing to take in. */
static lk_err
aside_read(struct intake *in, struct touched *t, struct job *job, bool *ended)
{
	struct mirrored *f = job->f;

	TRY(aside_wait(in, t));
	TRY(content_read(in, t, job));
	*ended = job->disk.kind == DISK_ABSENT;
	if (*ended) {
		aside_free(in, t, f);
		return LK_NONE;
	}
	if (job->disk.kind != DISK_FILE)
		return LK_ERR(LK_E_DATA, "no ordinary file");
	put_find(in, t, job);
	*ended = aside_is_kept(in, t, f, job->disk.digest);
	if (*ended && job->put) {
		TRY(job_aside_done(in, job));
		return LK_ERR(LK_E_WAIT, "recorded first");
	}
	if (*ended)
		return aside_end(in, t, job);
	if (f->too_large)
		return LK_ERR(LK_E_DATA, TOO_LARGE);
	TRY(pieces_take(in, job));
	return base_take(in, job);
}

/* What came out of a file.  One that nobody knows stays where it is. */
static void
aside_take(struct intake *in, struct touched *t)
{
	struct mirrored *f = mirrored_get(in->m, &t->of);
	struct job *job;
	bool ended = false;
	lk_err err;

	if (f == NULL) {
		touched_free(in->m, t);
		return;
	}
	job = job_add(in, JOB_ASIDE, f, t->path);
	err = aside_read(in, t, job, &ended);
	in->bytes += job->content.len + job->base.len;
	if (err.code == LK_OK && !ended)
		return;
	job_drop(in);
	if (err.code != LK_OK && err.code != LK_E_WAIT)
		mirror_aside_keep(t, mirror_reason(err));
}

/* Nothing else happens to a file until what came out of it is, or is about to
 * be, in the log: it is an edit of the base that is now. */
static bool
waits_for_aside(struct intake *in, struct touched *t, const struct mirrored *f)
{
	struct touched *a;

	if (f == NULL || f->asides == 0)
		return false;
	for (size_t i = 0; i < in->jobs_len; i++)
		if (in->jobs[i].f == f && in->jobs[i].what == JOB_ASIDE)
			return f->asides > 1 || in->jobs[i].put;
	t->due = after(in->d->now.mono, MIRROR_RETRY_MS);
	RB_FOREACH (a, touched_tree, &in->m->touched)
		if (a->counted && a->trouble != NULL &&
		    strcmp(a->of.hex, f->id.hex) == 0)
			mirror_aside_keep(t, a->trouble);
	return true;
}

static void
path_take(struct intake *in, struct touched *t)
{
	struct mirror *m = in->m;
	struct mirrored *f = mirrored_at(m, t->path);
	struct disk_file disk;
	lk_err err;

	if (t->aside) {
		aside_take(in, t);
		return;
	}
	if (waits_for_aside(in, t, f))
		return;
	/* Whoever had it open may have closed it. */
	if (f != NULL) {
		f->retry.ms = 0;
		f->busy = 0;
	}
	err = folder_stat(&m->folder, t->path, &disk);
	if (err.code != LK_OK) {
		t->trouble = mirror_reason(err);
		t->due.ms = INT64_MAX;
		return;
	}
	if (strcmp(t->path, IGNORE_FILE) == 0)
		mirror_walk_at(m, in->d->now.mono);
	if (disk_is_gone(&disk) && f != NULL) {
		absence_take(in, t, f);
		return;
	}
	if (f != NULL)
		mirrored_present(m, f, true);
	if (disk.kind == DISK_ABSENT ||
	    (f == NULL &&
		(path_flaw(BYTES_STR(t->path)) != NULL ||
		    ignore_matches(&m->ignore, BYTES_STR(t->path), false))) ||
	    (f != NULL && file_stamp_same(&f->stamp, &disk.stamp) &&
		disk.exec == f->exec)) {
		if (f != NULL || mirrored_shown_at(m, t->path) != NULL)
			mirrored_write(
			    m, f != NULL ? f : mirrored_shown_at(m, t->path));
		touched_free(m, t);
		return;
	}
	if (disk.kind == DISK_FILE)
		file_take(in, t, f);
	else if (f == NULL && mirrored_shown_at(m, t->path) == NULL)
		touched_free(m, t);
	else
		mirror_refuse(m, t->path,
		    disk.kind == DISK_FOLDER ? "a folder has this name"
					     : "no ordinary file");
}

/* What is gone is noticed before what is new, due or not: it may be the same.
 */
static void
absences_note(struct intake *in)
{
	struct mirror *m = in->m;
	struct touched *t;

	RB_FOREACH (t, touched_tree, &m->touched) {
		struct mirrored *f = t->noted ? NULL : mirrored_at(m, t->path);

		t->noted = true;
		if (f != NULL)
			absence_note(in, f);
	}
}

enum turn { TURN_ASIDE, TURN_PRESENT, TURN_MISSING };

static enum turn
turn_of(const struct touched *t, const struct mirrored *f)
{
	if (t->aside)
		return TURN_ASIDE;
	return f != NULL && f->missing.ms != 0 ? TURN_MISSING : TURN_PRESENT;
}

/* Those that are due and whose turn it is. */
static void
due_take(struct intake *in, enum turn turn)
{
	struct touched *t, *next;

	RB_FOREACH_SAFE (t, touched_tree, &in->m->touched, next) {
		struct mirrored *f = mirrored_at(in->m, t->path);

		if (is_full(in))
			return;
		if (t->due.ms > in->d->now.mono.ms || turn_of(t, f) != turn)
			continue;
		in->any |= !is_piecing(in->m, t);
		in->looked++;
		path_take(in, t);
	}
}

/* A file is deleted only when none of what is new is that file, moved. */
static void
touched_take(struct intake *in)
{
	absences_note(in);
	due_take(in, TURN_ASIDE);
	due_take(in, TURN_PRESENT);
	due_take(in, TURN_MISSING);
}

/* Files that do not have the path they are shown with, and are ours to bring
 * together with the one that has it. */
static void
collisions_take(struct intake *in)
{
	struct mirror *m = in->m;
	struct mirrored *f;

	if (!m->collides)
		return;
	m->collides = false;
	RB_FOREACH (f, mirrored_shows, &m->shows) {
		struct mirrored *has = mirrored_shown_at(m, f->shown);

		if (has == f || !f->ours)
			continue;
		/* What is on the disk belongs to it first. */
		if (is_full(in) || mirror_touched(m, f->shown) != NULL) {
			m->collides = true;
			return;
		}
		job_add(in, JOB_JOIN, f, f->shown)->into = has;
		in->any = true;
	}
}

static bool
deletes_any(const struct intake *in)
{
	for (size_t i = 0; i < in->jobs_len; i++)
		if (in->jobs[i].what == JOB_DELETE)
			return true;
	return false;
}

lk_err
mirror_intake(struct daemon *d, struct mirror *m, bool *any)
{
	struct intake *in = calloc(1, sizeof(*in));
	lk_err err;

	*any = false;
	if (in == NULL)
		return LK_ERR(LK_E_NOMEM, "mirror");
	in->d = d;
	in->m = m;
	err = round_begin(d);
	if (err.code == LK_OK) {
		touched_take(in);
		collisions_take(in);
		if (in->jobs_len > 0 &&
		    (!deletes_any(in) || absence_is_meant(in)))
			err = jobs_run(in);
	}
	*any = in->any;
	while (in->jobs_len > 0)
		job_drop(in);
	free(in);
	return err;
}
