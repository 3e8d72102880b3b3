#include <string.h>

#include "daemon/document.h"
#include "daemon/mirror_intake.h"

struct file_content
job_content(const struct job *job)
{
	struct bytes b = buf_bytes(&job->content);

	return (struct file_content){ b, !job->is_pieces && file_is_text(b),
		job->is_pieces, job->disk.exec,
		job->disk.stamp.mtime_ns / 1000000 };
}

static struct file_content
entry_content(const struct file_entry *e, const struct buf *content)
{
	return (struct file_content){ buf_bytes(content), e->is_text,
		e->is_pieces, e->exec, e->saved_ms };
}

/* Of two files that are no texts, in two entries, the newer one counts; the
 * other one is in the history of its own. */
static lk_err
join_make(struct job *job, struct edit *edit, struct doc *doc)
{
	BUF_SCOPED mine = { .max = FILE_BYTES_MAX };
	BUF_SCOPED theirs = { .max = FILE_BYTES_MAX };
	struct plan_side disk, shown;
	struct file_entry e, into;
	struct file_content c;

	TRY(file_read(doc, &job->f->id, &e, &mine));
	TRY(file_read(doc, &job->into->id, &into, &theirs));
	if (e.gone)
		return LK_NONE;
	c = entry_content(&e, &mine);
	disk = plan_side_of(&e);
	shown = plan_side_of(&into);
	if (plan_file(NULL, &disk, &shown) != PLAN_KEEP)
		TRY(file_change(edit, doc, &job->into->id, NULL, &c));
	return file_delete(edit, doc, &job->f->id, e.digest);
}

/* What both sides have and nothing says which came first. */
static lk_err
unite_make(struct job *job, struct edit *edit, struct doc *doc,
    const struct file_content *wanted)
{
	struct plan_side disk = { true, wanted->is_text, wanted->exec,
		wanted->saved_ms, { 0 } };
	struct plan_side shown;
	struct file_entry e;

	buf_reset(&job->held);
	TRY(file_read(doc, &job->f->id, &e, &job->held));
	job->held_as = entry_content(&e, &job->held);
	memcpy(disk.digest, job->disk.digest, sizeof(disk.digest));
	shown = plan_side_of(&e);
	job->lent = plan_file(NULL, &disk, &shown) == PLAN_KEEP;
	return job->lent ? file_lend(edit, doc, &job->f->id, wanted)
			 : file_change(edit, doc, &job->f->id, NULL, wanted);
}

/* An entry that somebody removed is there again with what was saved. */
static lk_err
aside_make(struct job *job, struct edit *edit, struct doc *doc,
    const struct file_content *base, const struct file_content *wanted)
{
	lk_err err = file_change(edit, doc, &job->f->id, base, wanted);

	return err.code == LK_E_NOTFOUND && job->f->path != NULL
	    ? file_make(edit, &job->f->id, BYTES_STR(job->f->path), wanted)
	    : err;
}

static lk_err
job_make(struct job *job, struct edit *edit, struct doc *doc)
{
	struct file_content wanted = job_content(job);
	struct file_content base = { buf_bytes(&job->base), job->f->is_text,
		false, job->f->exec, 0 };
	const struct file_content *from = job->has_base ? &base : NULL;

	switch (job->what) {
	case JOB_NEW:
		return file_make(
		    edit, &job->f->id, BYTES_STR(job->path), &wanted);
	case JOB_ASIDE:
		return aside_make(job, edit, doc, from, &wanted);
	case JOB_UNITE:
		return unite_make(job, edit, doc, &wanted);
	case JOB_CHANGE:
		return file_change(edit, doc, &job->f->id, from, &wanted);
	case JOB_MOVE:
		TRY(file_move(edit, doc, &job->f->id, BYTES_STR(job->path)));
		return file_change(edit, doc, &job->f->id, from, &wanted);
	case JOB_DELETE:
		return file_delete(edit, doc, &job->f->id, job->f->digest);
	case JOB_JOIN:
		return join_make(job, edit, doc);
	}
	return LK_NONE;
}

static lk_err
jobs_make(void *ctx, struct edit *edit, struct doc *doc)
{
	struct intake *in = ctx;

	for (size_t i = 0; i < in->jobs_len; i++) {
		lk_err err = job_make(&in->jobs[i], edit, doc);

		/* Somebody removed the entry itself: it begins anew. */
		in->jobs[i].lost = err.code == LK_E_NOTFOUND;
		if (in->jobs[i].lost)
			err = LK_NONE;
		TRY(err);
	}
	return LK_NONE;
}

/* What was lent is given back. */
static lk_err
jobs_give_back(void *ctx, struct edit *edit, struct doc *doc)
{
	struct intake *in = ctx;

	for (size_t i = 0; i < in->jobs_len; i++) {
		struct job *job = &in->jobs[i];

		if (job->lent && !job->lost)
			TRY(file_give_back(
			    edit, doc, &job->f->id, &job->held_as));
	}
	return LK_NONE;
}

static lk_err
change_make(struct intake *in, edit_fn *make)
{
	struct replica *r = in->d->replica;
	uint8_t hash[LK_ID_LEN];
	bool changed;
	lk_err err;

	TRY(replica_nest(r));
	err = replica_edit(r, in->m->docno, make, in, NULL, &changed, hash);
	if (err.code == LK_E_LIMIT) {
		err = replica_nest_again(r);
		if (err.code == LK_OK)
			err = replica_edit_large(r, in->m->docno,
			    &(struct edit_call){
				make, in, NULL, &changed, hash });
	}
	if (err.code == LK_OK)
		return replica_unnest(r, true);
	TRY(replica_unnest(r, false));
	return err;
}

static lk_err
jobs_edit(struct intake *in)
{
	bool lent = false;

	TRY(change_make(in, jobs_make));
	for (size_t i = 0; i < in->jobs_len; i++)
		lent |= in->jobs[i].lent;
	return lent ? change_make(in, jobs_give_back) : LK_NONE;
}

/* The file is a new one, if it is on the disk. */
static lk_err
base_lose(struct intake *in, struct job *job)
{
	if (job->what == JOB_ASIDE || job->what == JOB_JOIN)
		return LK_NONE;
	TRY(mirrored_base(in->m, job->f, NULL));
	return mirror_base_drop(in->d, in->m, &job->f->id);
}

lk_err
job_aside_done(struct intake *in, struct job *job)
{
	struct mirrored *f = job->f;

	TRY(mirror_aside_save(in->d, in->m, &f->id, job->disk.digest));
	if (!job->put)
		return LK_NONE;
	f->is_text = file_is_text(buf_bytes(&job->held));
	f->stamp = job->put_stamp;
	memcpy(f->digest, job->put_digest, sizeof(f->digest));
	return mirror_base_save(in->d, in->m, f, buf_bytes(&job->held));
}

/* What the disk has is the base now. */
static lk_err
base_follow(struct intake *in, struct job *job)
{
	struct mirror *m = in->m;
	struct mirrored *f = job->f;

	if (job->lost && job->what != JOB_DELETE)
		return base_lose(in, job);
	switch (job->what) {
	case JOB_ASIDE:
		return job_aside_done(in, job);
	case JOB_JOIN:
		return LK_NONE;
	case JOB_DELETE:
		TRY(mirrored_base(m, f, NULL));
		return mirror_base_drop(in->d, m, &f->id);
	case JOB_NEW:
	case JOB_CHANGE:
	case JOB_UNITE:
	case JOB_MOVE:
		break;
	}
	TRY(mirrored_base(m, f, job->path));
	f->is_text = job_content(job).is_text;
	f->exec = job->disk.exec;
	f->stamp = job->disk.stamp;
	memcpy(f->digest, job->disk.digest, sizeof(f->digest));
	return mirror_base_save(in->d, m, f, buf_bytes(&job->content));
}

static void
jobs_done(struct intake *in)
{
	for (size_t i = 0; i < in->jobs_len; i++) {
		struct job *job = &in->jobs[i];
		struct touched *t = mirror_touched(in->m, job->path);

		mirrored_look(in->m, job->f);
		if (job->into != NULL)
			mirrored_look(in->m, job->into);
		if (t == NULL || job->what == JOB_JOIN)
			continue;
		if (job->what == JOB_ASIDE && job->lost)
			mirror_aside_keep(t, "its file is not in the document");
		else if (job->what != JOB_ASIDE && !job->lost)
			touched_free(in->m, t);
	}
	if (in->m->missing == 0)
		in->m->gone_granted = false;
}

/* This device may not write: what is on the disk stays there, and there alone.
 */
static void
jobs_denied(struct intake *in)
{
	in->m->denied = true;
	for (size_t i = 0; i < in->jobs_len; i++) {
		struct job *job = &in->jobs[i];
		struct touched *t = mirror_touched(in->m, job->path);

		/* It is drawn anew when the file is looked at again. */
		if (job->what == JOB_NEW)
			mirrored_free(in->m, job->f);
		if (t == NULL)
			continue;
		t->trouble = DENIED_HERE;
		t->due.ms = INT64_MAX;
	}
}

lk_err
jobs_run(struct intake *in)
{
	lk_err err = jobs_edit(in);

	if (err.code == LK_E_DENIED || err.code == LK_E_REVOKED) {
		jobs_denied(in);
		return LK_NONE;
	}
	TRY(err);
	in->m->denied = false;
	for (size_t i = 0; i < in->jobs_len; i++)
		TRY(base_follow(in, &in->jobs[i]));
	jobs_done(in);
	return LK_NONE;
}
