#include <string.h>

#include "crdt/diff.h"
#include "daemon/mirror.h"

/* Texts read in one slice. */
#define LOOK_FILES 256
#define LOOK_BYTES ((size_t)4 * 1024 * 1024)

struct looking {
	struct mirror *m;
	struct daemon *d;
};

static lk_err
id_look(void *ctx, const struct file_id *id)
{
	struct looking *l = ctx;
	struct mirrored *f;

	TRY(mirrored_add(l->m, id, &f));
	mirrored_look(l->m, f);
	return LK_NONE;
}

static lk_err
patch_look(void *ctx, const struct patch *p)
{
	struct bytes key = p->path_len > 0 ? p->path[0].key : p->prop.key;
	struct file_id id;

	return file_id_read(&id, key) ? id_look(ctx, &id) : LK_NONE;
}

/* What differs from what was last looked at.  A verdict changes what was
 * visible then too: after one everything is looked at. */
static lk_err
changes_find(struct looking *l, struct doc *doc)
{
	struct doc *then = NULL;
	lk_err err;

	if (l->m->changes == doc_changes(doc))
		return LK_NONE;
	err = doc_at_first(doc, l->m->changes, VIEW_JUDGED, &then);
	if (err.code == LK_OK)
		err = doc_diff_whole(then, doc, patch_look, l);
	doc_free(then);
	return err;
}

static lk_err
all_find(struct looking *l, struct doc *doc)
{
	struct mirrored *f;

	RB_FOREACH (f, mirrored_ids, &l->m->ids)
		mirrored_look(l->m, f);
	return files_each(doc, id_look, l);
}

static lk_err
changed_find(struct looking *l, struct doc *doc)
{
	struct mirror *m = l->m;
	lk_err err = LK_NONE;

	if (!m->look_all && m->changes > 0) {
		err = changes_find(l, doc);
		m->look_all = err.code != LK_OK;
	} else
		m->look_all = true;
	if (m->look_all)
		TRY(all_find(l, doc));
	m->look_all = m->changed = false;
	m->changes = doc_changes(doc);
	return LK_NONE;
}

struct owner {
	struct bytes actor;
	const uint8_t *me;
	bool known, mine;
};

static lk_err
actor_compare(void *ctx, const uint8_t actor[static LK_TOPIC_LEN],
    const uint8_t key[static 32])
{
	struct owner *o = ctx;

	if (!bytes_equal(o->actor, BYTES(actor, LK_TOPIC_LEN)))
		return LK_NONE;
	o->known = true;
	o->mine |= memcmp(key, o->me, 32) == 0;
	return LK_NONE;
}

/* Whether it is for this device to bring a file together with another one of
 * the same path: it gave it that path, or nobody knows who did. */
static lk_err
owner_find(struct looking *l, struct doc *doc, struct op_id by, bool *ours)
{
	struct owner o = { .me = l->d->identity.sign.pk };

	TRY(doc_actor(doc, by.actor, &o.actor));
	TRY(replica_each_actor(l->d->replica, l->m->docno, actor_compare, &o));
	*ours = o.mine || !o.known;
	return LK_NONE;
}

/* Others with the path may have it now. */
static void
rivals_write(struct mirror *m, const struct mirrored *f)
{
	struct mirrored *other;

	if (f->shown == NULL)
		return;
	other = mirrored_shown_at(m, f->shown);
	for (; other != NULL && strcmp(other->shown, f->shown) == 0;
	     other = RB_NEXT(mirrored_shows, &m->shows, other))
		if (other != f) {
			mirrored_write(m, other);
			m->collides = true;
		}
}

/* What was in its way may be in nobody's now. */
static void
place_retry(struct looking *l, const struct mirrored *f)
{
	struct touched *t =
	    f->shown == NULL ? NULL : mirror_touched(l->m, f->shown);

	if (t != NULL && t->trouble != NULL)
		t->due = l->d->now.mono;
}

static lk_err
file_look(
    struct looking *l, struct doc *doc, struct mirrored *f, struct buf *content)
{
	struct mirror *m = l->m;
	struct file_entry e;
	lk_err err;

	place_retry(l, f);
	buf_reset(content);
	err = file_read(doc, &f->id, &e, content);
	rivals_write(m, f);
	f->trouble = NULL;
	/* What is on the disk may have waited for this. */
	if (f->too_large)
		mirror_retry(m, l->d->now.mono);
	f->too_large = err.code == LK_E_LIMIT;
	f->vanished = err.code == LK_E_NOTFOUND;
	f->flawed = f->too_large;
	if (err.code == LK_E_NOTFOUND || err.code == LK_E_LIMIT) {
		f->trouble = f->too_large ? TOO_LARGE : NULL;
		return mirrored_show(m, f, NULL);
	}
	TRY(err);
	f->trouble = e.gone ? NULL : e.flaw;
	f->flawed = f->trouble != NULL;
	f->shown_text = e.is_text;
	f->shown_exec = e.exec;
	memcpy(f->shown_digest, e.digest, sizeof(e.digest));
	TRY(mirrored_show(m, f, e.gone || e.flaw != NULL ? NULL : e.path));
	rivals_write(m, f);
	f->ours = true;
	if (f->shown != NULL && mirrored_shown_at(m, f->shown) != f)
		TRY(owner_find(l, doc, e.path_by, &f->ours));
	return LK_NONE;
}

static lk_err
some_look(struct looking *l, struct doc *doc)
{
	BUF_SCOPED content = { .max = FILE_BYTES_MAX };
	struct mirrored *f;
	size_t bytes = 0;

	for (size_t n = 0; n < LOOK_FILES && bytes < LOOK_BYTES; n++) {
		f = TAILQ_FIRST(&l->m->to_look);
		if (f == NULL)
			break;
		TRY(file_look(l, doc, f, &content));
		bytes += content.len;
		TAILQ_REMOVE(&l->m->to_look, f, look_link);
		f->to_look = false;
		f->retry.ms = 0;
		mirrored_write(l->m, f);
		l->m->fewer |= f->path != NULL && f->shown == NULL;
	}
	return LK_NONE;
}

lk_err
mirror_look(struct daemon *d, struct mirror *m, bool *more)
{
	struct looking l = { m, d };
	struct doc *doc = NULL;
	lk_err err = LK_NONE;

	*more = false;
	if (!m->changed && !m->look_all && TAILQ_EMPTY(&m->to_look))
		return LK_NONE;
	TRY(replica_open_doc(d->replica, m->docno, &doc));
	if (m->changed || m->look_all)
		err = changed_find(&l, doc);
	if (err.code == LK_OK)
		err = some_look(&l, doc);
	doc_free(doc);
	*more = !TAILQ_EMPTY(&m->to_look);
	return err;
}

struct loss {
	size_t files;    /* that would be removed */
	size_t vanished; /* of them */
};

/* What is not on the disk either is no loss. */
static struct loss
loss_count(struct mirror *m)
{
	struct loss loss = { 0, 0 };
	struct mirrored *f;

	RB_FOREACH (f, mirrored_bases, &m->bases) {
		struct disk_file disk;

		if (f->shown != NULL || f->flawed ||
		    mirrored_shown_at(m, f->path) != NULL ||
		    (folder_stat(&m->folder, f->path, &disk).code == LK_OK &&
			disk_is_gone(&disk)))
			continue;
		loss.files++;
		loss.vanished += f->vanished;
	}
	return loss;
}

/* Somebody who deletes files leaves them deleted in the document, one by one.
 * Where they are no more at all, or no other is left, what the document shows
 * may be what a damaged disk has left of it. */
static bool
loss_is_odd(const struct mirror *m, const struct loss *loss,
    const struct doc_summary *doc)
{
	bool whole = doc->envelopes > 0 && doc->waiting == 0 &&
	    doc->damaged == 0;

	return (loss->files > 1 && RB_EMPTY(&m->shows)) ||
	    (loss->vanished > 0 && !whole) ||
	    mirror_is_much(m, loss->vanished);
}

lk_err
mirror_weigh(struct daemon *d, struct mirror *m)
{
	struct doc_summary doc;
	struct loss loss;

	if (!m->fewer)
		return LK_NONE;
	TRY(replica_doc(d->replica, m->docno, &doc));
	loss = loss_count(m);
	m->fewer = false;
	if (!m->lost_granted && loss_is_odd(m, &loss, &doc)) {
		m->state = MIRROR_ASKS;
		m->lost = loss.files;
		m->why = "so many files are gone from the document: lk mirror "
			 "resume removes them here";
		log_warn("mirror %s: %zu of %zu files are gone from the "
			 "document: waiting to be told",
		    m->dir, m->lost, m->based);
	}
	m->lost_granted = false;
	return LK_NONE;
}
