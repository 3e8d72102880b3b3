#include "daemon/mirrors.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/mirror.h"

/* What a turn of all mirrors may take. */
#define TURN_MS 20

struct dirs {
	char **list;
	size_t len;
};

static lk_err
dir_add(void *ctx, const struct mirror *m)
{
	struct dirs *dirs = ctx;

	if (dirs->len == MIRRORS_MAX)
		return LK_ERR(LK_E_LIMIT, "mirrors");
	dirs->list[dirs->len] = strdup(m->dir);
	return dirs->list[dirs->len++] == NULL ? LK_ERR(LK_E_NOMEM, "mirrors")
					       : LK_NONE;
}

lk_err
mirrors_dirs(struct store *store, char ***out)
{
	struct dirs dirs = { calloc(MIRRORS_MAX + 1, sizeof(char *)), 0 };
	struct txn *txn;
	lk_err err;

	if (dirs.list == NULL)
		return LK_ERR(LK_E_NOMEM, "mirrors");
	err = txn_begin(store, TXN_READ, &txn);
	if (err.code == LK_OK) {
		err = mirrors_each_record(txn, dir_add, &dirs);
		txn_abort(txn);
	}
	*out = dirs.list;
	return err;
}

struct mirror *
mirror_of(struct daemon *d, uint32_t docno)
{
	struct mirror *m;

	LIST_FOREACH (m, &d->mirrors->all, link)
		if (m->docno == docno)
			return m;
	return NULL;
}

static bool
is_usable(const struct mirror *m)
{
	return m->state == MIRROR_BEGINS || m->state == MIRROR_LIVE;
}

const char *
mirror_reason(lk_err err)
{
	return err.sys != 0 ? strerror(err.sys) : err.what;
}

lk_err
mirror_mark_check(const struct mirror *m)
{
	uint8_t mark[FOLDER_MARK_LEN];

	if (folder_mark_read(&m->folder, mark).code != LK_OK)
		return LK_ERR(LK_E_CONFIG,
		    "its marker " NAME_MARKER " is gone: lk mirror resume "
		    "when all its files are there");
	if (memcmp(mark, m->mark, sizeof(mark)) != 0)
		return LK_ERR(LK_E_CONFIG,
		    "it has the marker of another mirror: lk mirror resume "
		    "makes it this one's again");
	return LK_NONE;
}

void
mirror_fail(struct mirror *m, struct daemon *d, lk_err err)
{
	m->state = MIRROR_BROKEN;
	m->why = mirror_reason(err);
	m->gone_granted = m->lost_granted = false;
	log_warn("mirror %s: stopped: %s", m->dir, m->why);
	watch_remove(d->mirrors->watch, m->docno);
	folder_close(&m->folder);
	mirror_forget(m);
}

/* Hints. */

static void
event_take(void *ctx, const struct watch_event *e)
{
	struct daemon *d = ctx;
	struct mirror *m;
	struct mono due = { d->now.mono.ms + MIRROR_SETTLE_MS };

	if (e->what == WATCH_LOST) {
		LIST_FOREACH (m, &d->mirrors->all, link)
			mirror_walk_at(m, due);
		return;
	}
	m = mirror_of(d, e->tag);
	if (m == NULL || !is_usable(m))
		return;
	if (e->what == WATCH_FOLDER)
		mirror_walk_at(m, due);
	else if (!utf8_valid(BYTES_STR(e->path)))
		mirror_walk_at(m, due);
	else if (!path_is_ours(BYTES_STR(e->path)) &&
	    path_flaw(BYTES_STR(e->path)) == NULL) {
		if (e->what == WATCH_WRITING)
			due.ms = d->now.mono.ms + MIRROR_WRITING_MS;
		mirror_touch(m, e->path, due);
	}
}

/* Walking: what the folder has that is not as it was. */

struct walking {
	struct daemon *d;
	struct mirror *m;
	lk_err err;
};

/* What cannot be in a document; of names, what is git's or lk's own is not
 * spoken of. */
static bool
is_refused(struct walking *w, const char *path)
{
	const char *flaw = path_flaw(BYTES_STR(path));

	if (flaw != NULL && !utf8_valid(BYTES_STR(path)))
		mirror_refuse(w->m, path, flaw);
	return flaw != NULL;
}

static bool
folder_enter(void *ctx, const char *path)
{
	struct walking *w = ctx;

	if (path[0] != '\0' &&
	    (ignore_matches(&w->m->ignore, BYTES_STR(path), true) ||
		is_refused(w, path)))
		return false;
	if (w->err.code == LK_OK)
		w->err = watch_add(
		    w->d->mirrors->watch, w->m->docno, &w->m->folder, path);
	/* One that is gone again, or closed. */
	if (path[0] != '\0' &&
	    (w->err.code == LK_E_NOTFOUND || w->err.sys == EACCES))
		w->err = LK_NONE;
	return w->err.code == LK_OK;
}

static void
closed_meet(void *ctx, const char *path)
{
	struct walking *w = ctx;

	mirror_refuse(w->m, path, "this folder may not be read");
}

static void
file_meet(void *ctx, const char *path, const struct disk_file *disk)
{
	struct walking *w = ctx;
	struct mirrored *f = mirrored_at(w->m, path);

	if (f != NULL)
		f->walked = w->m->walks;
	if (f != NULL && file_stamp_same(&f->stamp, &disk->stamp) &&
	    f->exec == disk->exec)
		return;
	if (f == NULL &&
	    (disk->kind != DISK_FILE ||
		ignore_matches(&w->m->ignore, BYTES_STR(path), false) ||
		is_refused(w, path)))
		return;
	if (mirror_touched(w->m, path) == NULL)
		mirror_touch(w->m, path, w->d->now.mono);
}

static void
out_meet(void *ctx, const char *path, const struct file_id *id)
{
	struct walking *w = ctx;

	mirror_aside(w->m, path, id, w->d->now.mono);
}

/* One that is in the document and not in the folder yet: what it leaves out is
 * not to be taken in before. */
static lk_err
ignore_shown(struct daemon *d, struct mirror *m, struct buf *text)
{
	struct mirrored *f = mirrored_shown_at(m, IGNORE_FILE);
	struct doc *doc = NULL;
	struct file_entry e;
	lk_err err;

	if (f == NULL || f->path != NULL)
		return LK_NONE;
	TRY(replica_open_doc(d->replica, m->docno, &doc));
	err = file_read(doc, &f->id, &e, text);
	doc_free(doc);
	return err;
}

static void
ignore_load(struct daemon *d, struct mirror *m)
{
	BUF_SCOPED text = { .max = IGNORE_BYTES_MAX };
	struct disk_file disk;
	lk_err err =
	    folder_read(&m->folder, IGNORE_FILE, d->now.wall, &disk, &text);

	if (err.code == LK_OK && disk.kind == DISK_ABSENT)
		err = ignore_shown(d, m, &text);
	/* What is no list leaves only out what always is. */
	if (err.code != LK_OK ||
	    ignore_read(&m->ignore, buf_bytes(&text)).code != LK_OK)
		if (ignore_read(&m->ignore, BYTES(NULL, 0)).code != LK_OK)
			ignore_clear(&m->ignore);
}

static lk_err
mirror_walk(struct daemon *d, struct mirror *m)
{
	struct walking w = { d, m, LK_NONE };
	struct folder_walk calls = { folder_enter, closed_meet, file_meet,
		out_meet, &w, m->staging.on ? &m->staging.id : NULL, false };
	struct mirrored *f;

	TRY(mirror_mark_check(m));
	m->walks++;
	m->walk_due.ms = d->now.mono.ms + MIRROR_RESCAN_MS;
	ignore_load(d, m);
	mirror_retry(m, d->now.mono);
	TRY(folder_walk(&m->folder, "", &calls));
	TRY(w.err);
	RB_FOREACH (f, mirrored_bases, &m->bases)
		if (f->walked != m->walks && mirror_touched(m, f->path) == NULL)
			mirror_touch(m, f->path, d->now.mono);
	/* What is not left out any more is wanted here. */
	RB_FOREACH (f, mirrored_shows, &m->shows)
		if (f->path == NULL)
			mirrored_write(m, f);
	return LK_NONE;
}

/* Beginning. */

static lk_err
mark_find(struct daemon *d, struct mirror *m)
{
	struct random random = daemon_random(d);
	lk_err err = mirror_mark_check(m);

	if (m->marked || err.code == LK_OK)
		return err;
	random_fill(&random, m->mark, sizeof(m->mark));
	TRY(folder_mark_write(&m->folder, m->mark));
	m->marked = true;
	return mirror_save(d, m);
}

static lk_err
mirror_begin(struct daemon *d, struct mirror *m)
{
	lk_err err;

	mirror_forget(m);
	err = folder_open(&m->folder, m->dir);
	if (err.code == LK_E_DENIED)
		return LK_ERR(
		    err.code, "out of reach of this daemon: lk daemon restart");
	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(
		    err.code, "not there, or out of reach of this daemon");
	TRY(err);
	TRY(mark_find(d, m));
	TRY(mirror_load(d, m));
	m->state = MIRROR_LIVE;
	m->walk_due = d->now.mono;
	log_info("mirror %s: %zu files", m->dir, m->based);
	return LK_NONE;
}

void
mirror_start(struct daemon *d, struct mirror *m)
{
	watch_remove(d->mirrors->watch, m->docno);
	folder_close(&m->folder);
	mirror_forget(m);
	m->state = MIRROR_BEGINS;
	m->why = NULL;
	m->lost = 0;
	m->walk_due = d->now.mono;
}

/* The loop. */

/* The document is asked for first: only who knows it knows what is new. */
static lk_err
mirror_turn(struct daemon *d, struct mirror *m, bool *more)
{
	bool any = false;

	TRY(round_begin(d));
	if (m->state == MIRROR_BEGINS)
		TRY(mirror_begin(d, m));
	TRY(mirror_look(d, m, more));
	if (*more)
		return LK_NONE;
	TRY(mirror_weigh(d, m));
	if (!is_usable(m))
		return LK_NONE;
	if (m->walk_due.ms <= d->now.mono.ms)
		TRY(mirror_walk(d, m));
	TRY(mirror_intake(d, m, &any));
	*more = any;
	return LK_NONE;
}

static lk_err
mirror_deliver(struct daemon *d, struct mirror *m, bool *more)
{
	TRY(round_begin(d));
	TRY(mirror_look(d, m, more));
	if (*more)
		return LK_NONE;
	TRY(mirror_weigh(d, m));
	return is_usable(m) ? mirror_write(d, m, more) : LK_NONE;
}

/* It asks about what the document shows, and that is something else now. */
static bool
asks_again(const struct mirror *m)
{
	return m->state == MIRROR_ASKS && m->lost > 0 &&
	    (m->changed || m->look_all);
}

static int64_t
mirror_next_ms(struct mirror *m)
{
	int64_t next = m->walk_due.ms;
	struct touched *t;
	struct mirrored *f;

	if (m->state == MIRROR_BROKEN)
		return m->walk_due.ms;
	if (asks_again(m))
		return 0;
	if (!is_usable(m))
		return INT64_MAX;
	if (m->changed || m->look_all || !TAILQ_EMPTY(&m->to_look))
		return 0;
	RB_FOREACH (t, touched_tree, &m->touched)
		if (t->due.ms < next)
			next = t->due.ms;
	TAILQ_FOREACH (f, &m->to_write, write_link)
		if (f->retry.ms < next)
			next = f->retry.ms;
	return next;
}

/* A folder that is not as it should be is no reason to undo anything: what was
 * recorded so far is so. */
static void
turn_end(struct daemon *d, lk_err err)
{
	if (d->txn != NULL &&
	    (err.code == LK_E_SYS || err.code == LK_E_NOMEM ||
		err.code == LK_E_FULL || err.code == LK_E_CORRUPT))
		round_abort(d, err);
	round_end(d);
}

static void
mirror_run(struct daemon *d, struct mirror *m)
{
	bool more = false;
	lk_err err;

	if (m->state == MIRROR_BROKEN || asks_again(m))
		mirror_start(d, m);
	err = mirror_turn(d, m, &more);
	turn_end(d, err);
	if (err.code == LK_OK && !more && is_usable(m)) {
		err = mirror_deliver(d, m, &more);
		turn_end(d, err);
	}
	if (err.code != LK_OK && is_usable(m))
		mirror_fail(m, d, err);
	if (m->state == MIRROR_BROKEN)
		m->walk_due.ms = d->now.mono.ms + MIRROR_TROUBLE_MS;
}

void
mirrors_run(struct daemon *d)
{
	struct mirror *m, *next;
	int64_t until = d->now.mono.ms + TURN_MS;

	if (d->mirrors == NULL || d->replica == NULL || d->read_only)
		return;
	if (d->mirrors->watch != NULL)
		watch_take(d->mirrors->watch, event_take, d);
	LIST_FOREACH_SAFE (m, &d->mirrors->all, link, next)
		while (mirror_next_ms(m) <= d->now.mono.ms &&
		    d->store != NULL && d->replica != NULL &&
		    d->now.mono.ms < until) {
			mirror_run(d, m);
			d->now = now_read();
			d->worked = d->now.mono;
		}
}

int64_t
mirrors_next_ms(const struct daemon *d)
{
	int64_t next = INT64_MAX;
	struct mirror *m;

	if (d->mirrors == NULL || d->replica == NULL || d->read_only)
		return next;
	LIST_FOREACH (m, &d->mirrors->all, link) {
		int64_t its = mirror_next_ms(m);

		if (its < next)
			next = its;
	}
	return next;
}

/* What everybody sees may be something else, and this device may write now. */
static void
access_follow(struct daemon *d, struct mirror *m)
{
	m->look_all = true;
	m->denied = false;
	mirror_retry(m, d->now.mono);
}

void
mirrors_fresh(
    struct daemon *d, const struct replica_event *events, size_t len, bool lost)
{
	struct mirror *m;

	if (d->mirrors == NULL)
		return;
	LIST_FOREACH (m, &d->mirrors->all, link)
		for (size_t i = 0; i < len; i++)
			if (events[i].docno == m->docno) {
				m->changed |= events[i].content;
				if (events[i].access)
					access_follow(d, m);
			}
	if (lost)
		LIST_FOREACH (m, &d->mirrors->all, link)
			m->look_all = true;
}

void
mirrors_aborted(struct daemon *d)
{
	struct mirror *m;

	if (d->mirrors == NULL)
		return;
	LIST_FOREACH (m, &d->mirrors->all, link)
		if (is_usable(m))
			mirror_start(d, m);
}

/* Making and ending. */

static lk_err
mirror_alloc(struct daemon *d, const struct mirror *from, struct mirror **out)
{
	struct mirror *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return LK_ERR(LK_E_NOMEM, "mirror");
	m->docno = from->docno;
	m->state = from->state;
	m->marked = from->marked;
	(void)strlcpy(m->dir, from->dir, sizeof(m->dir));
	memcpy(m->mark, from->mark, sizeof(m->mark));
	m->folder.fd = -1;
	mirror_forget(m);
	if (m->state == MIRROR_BEGINS)
		m->walk_due = d->now.mono;
	LIST_INSERT_HEAD(&d->mirrors->all, m, link);
	*out = m;
	return LK_NONE;
}

static lk_err
watch_begin(struct daemon *d)
{
	if (d->mirrors->watch != NULL)
		return LK_NONE;
	TRY(watch_open(&d->mirrors->watch));
	net_watch(d->net, watch_fd(d->mirrors->watch));
	return LK_NONE;
}

lk_err
mirror_new(
    struct daemon *d, uint32_t docno, const char *dir, struct mirror **out)
{
	struct mirror record = { .docno = docno };

	(void)strlcpy(record.dir, dir, sizeof(record.dir));
	TRY(watch_begin(d));
	TRY(mirror_save(d, &record));
	return mirror_alloc(d, &record, out);
}

static void
mirror_free(struct daemon *d, struct mirror *m)
{
	LIST_REMOVE(m, link);
	watch_remove(d->mirrors->watch, m->docno);
	folder_close(&m->folder);
	mirror_forget(m);
	free(m);
}

lk_err
mirror_end(struct daemon *d, struct mirror *m)
{
	TRY(mirror_drop(d, m));
	if (m->folder.fd != -1 && mirror_mark_check(m).code == LK_OK)
		folder_mark_remove(&m->folder);
	mirror_free(d, m);
	return LK_NONE;
}

void
mirror_pause(struct daemon *d, struct mirror *m, bool pause)
{
	bool asked = m->state == MIRROR_ASKS, lost = m->lost > 0;

	if (!pause && m->state == MIRROR_BROKEN)
		m->marked = false;
	if (!pause)
		mirror_start(d, m);
	/* What was asked is answered by going on. */
	m->gone_granted = !pause && asked && !lost;
	m->lost_granted = !pause && asked && lost;
	if (pause) {
		mirror_start(d, m);
		m->state = MIRROR_PAUSED;
		m->walk_due.ms = INT64_MAX;
	}
}

static lk_err
record_take(void *ctx, const struct mirror *record)
{
	struct mirror *m;

	return mirror_alloc(ctx, record, &m);
}

lk_err
mirrors_open(struct daemon *d)
{
	struct txn *txn;
	lk_err err;

	d->mirrors = calloc(1, sizeof(*d->mirrors));
	if (d->mirrors == NULL)
		return LK_ERR(LK_E_NOMEM, "mirrors");
	LIST_INIT(&d->mirrors->all);
	TRY(txn_begin(d->store, TXN_READ, &txn));
	err = mirrors_each_record(txn, record_take, d);
	txn_abort(txn);
	if (err.code == LK_OK && !LIST_EMPTY(&d->mirrors->all))
		err = watch_begin(d);
	return err;
}

void
mirrors_close(struct daemon *d)
{
	struct mirror *m;

	if (d->mirrors == NULL)
		return;
	while ((m = LIST_FIRST(&d->mirrors->all)) != NULL)
		mirror_free(d, m);
	watch_close(d->mirrors->watch);
	free(d->mirrors);
	d->mirrors = NULL;
}
