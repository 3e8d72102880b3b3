/*
 * Objects that no backup needs are marked, and removed when the mark is old
 * enough (docs/backup.md, "What is removed", says why that is safe while others
 * make backups).
 *
 *   LISTING -> SNAPSHOTS -> MARKS -> REMOVING -> MARKING -> UNMARKING -> done
 *      ^                                            |
 *      +--- nothing is to be waited for: once more -+
 *
 * Marks are listed first, then data, then snapshots, and that order matters.
 * What a mark names that was there before the snapshots were listed, and none
 * of these needs, no backup will ever rely on; and a mark whose objects the
 * list of data does not show is of no use any more.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

#define PRUNE_GRACE_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

enum pruning_step { LISTING, SNAPSHOTS, MARKS, REMOVING, MARKING, UNMARKING };

/* What becomes of an object. */
enum fate {
	UNNEEDED, /* until it is known better */
	NEEDED,
	WAITING, /* marked */
	DUE,     /* marked, and the time has come */
	YOUNG,   /* it may be part of a backup that is being made */
	FATES
};

struct counted {
	uint64_t objects, bytes;
};

struct pruning {
	enum pruning_step step;
	struct depot *place;
	struct listing marked, listing;
	struct fetch fetch;
	struct progress progress;
	uint8_t *fates; /* owned; enum fate, of each object of data */
	struct removal objects, marks;
	struct buf unmarked; /* names that are to be marked */
	int64_t grace_ms, now_ms;
	int64_t due_ms; /* of the last mark that is waited for; 0: none */
	struct counted removed, count[FATES];
	bool dry_run, again, marks_listed;
};

static void
round_clear(struct pruning *p)
{
	fetch_clear(&p->fetch);
	listing_clear(&p->marked);
	listing_clear(&p->listing);
	p->marks_listed = false;
	removal_clear(&p->objects);
	removal_clear(&p->marks);
	buf_clear(&p->unmarked);
	free(p->fates);
	p->fates = NULL;
}

static void
pruning_free(void *state)
{
	struct pruning *p = state;

	round_clear(p);
	depot_close(p->place);
	free(p);
}

/* What is listed from `first` on is fetched. */
static lk_err
fetch_begin(struct pruning *p, const struct listing *l, size_t first)
{
	fetch_clear(&p->fetch);
	p->fetch.place = p->place;
	for (size_t i = first; i < l->len; i++)
		TRY(fetch_add(&p->fetch, &l->v[i]));
	return (LK_NONE);
}

static lk_err
listing_end(struct request *r, struct pruning *p)
{
	struct listing *l = &p->listing;

	if (l->len == 0 && p->marked.len == 0)
		return (request_fail(r, LK_ERR(LK_E_NOTFOUND, "backup"),
		    "%s: no backup there", p->place->url));
	if (l->strange[0] != '\0')
		return (request_fail(r, LK_ERR(LK_E_CORRUPT, "backup"),
		    "%s: %s is no file: what it needs cannot be told",
		    p->place->url, l->strange));
	p->fates = calloc(l->snapshots + 1, sizeof(*p->fates));
	if (p->fates == NULL)
		return (LK_ERR(LK_E_NOMEM, "prune"));
	memset(p->count, 0, sizeof(p->count));
	p->due_ms = 0;
	p->now_ms = r->now.wall.ms;
	p->objects.place = p->marks.place = p->place;
	p->step = SNAPSHOTS;
	return (fetch_begin(p, l, l->snapshots));
}

/* Of one that cannot be read nobody knows what it needs. */
static lk_err
snapshot_fail(struct request *r, const struct pruning *p,
    const struct stored *s, lk_err err)
{
	char hex[2 * SEALED_NAME_LEN + 1];

	hex_encode(hex, BYTES_OF(s->at.name));
	if (err.code == LK_E_DATA || err.code == LK_E_LIMIT) {
		request_hint(r,
		    "lk backup forget %s %.8s ends it, if it is lost",
		    p->place->url, hex);
		err.code = LK_E_CORRUPT;
	}
	return (request_fail(r, err,
	    "%s: what backup %.8s needs cannot be told: %s", p->place->url, hex,
	    err.what));
}

static lk_err
snapshot_look(struct request *r, struct pruning *p, const struct stored *s,
    struct bytes object)
{
	struct snapshot_head head;
	struct sealed sealed;
	lk_err err = backup_open(object, s, NULL, &sealed, NULL);

	if (err.code == LK_OK)
		err = backup_head(&head, sealed.clear, s);
	if (err.code != LK_OK)
		return (snapshot_fail(r, p, s, err));
	for (size_t i = 0; i < head.names.len; i += SEALED_NAME_LEN) {
		const struct stored *data =
		    listing_find(&p->listing, head.names.ptr + i);

		if (data != NULL)
			p->fates[data - p->listing.v] = NEEDED;
	}
	return (LK_NONE);
}

/* A mark goes when all it names is gone, and with what goes now. */
static lk_err
mark_look(struct pruning *p, const struct stored *s, struct bytes object)
{
	struct pruning_mark m;
	bool stays = false;
	lk_err err = backup_mark(&m, object, s);

	/* What it names is marked again, and may be there: somebody else who
	 * can read it goes by it, so nobody may miss it. */
	if (err.code == LK_E_DATA)
		return (LK_NONE);
	TRY(err);
	for (size_t i = 0; i < m.names.len; i += SEALED_NAME_LEN) {
		const struct stored *data =
		    listing_find(&p->listing, m.names.ptr + i);
		uint8_t *fate;

		if (data == NULL)
			continue;
		fate = &p->fates[data - p->listing.v];
		stays = stays || *fate == NEEDED || m.from_ms > p->now_ms;
		if (*fate == NEEDED || *fate == DUE ||
		    m.from_ms > p->now_ms + p->grace_ms)
			continue;
		*fate = m.from_ms <= p->now_ms ? DUE : WAITING;
		if (*fate == WAITING && m.from_ms > p->due_ms)
			p->due_ms = m.from_ms;
	}
	return (stays ? LK_NONE : removal_add(&p->marks, &s->at));
}

static lk_err
decide(struct pruning *p)
{
	for (size_t i = 0; i < p->listing.snapshots; i++) {
		const struct stored *s = &p->listing.v[i];
		enum fate fate = (enum fate)p->fates[i];

		if (fate == UNNEEDED && p->grace_ms > 0 &&
		    s->time_ms > p->now_ms - p->grace_ms)
			fate = YOUNG;
		p->count[fate].objects++;
		p->count[fate].bytes += s->size;
		if (fate == DUE)
			TRY(removal_add(&p->objects, &s->at));
		if (fate == UNNEEDED)
			buf_mem(&p->unmarked, s->at.name, SEALED_NAME_LEN);
	}
	return (buf_err(&p->unmarked, "prune"));
}

/* The answers to what was fetched; *done: all. */
static lk_err
fetched(struct request *r, struct pruning *p, bool *done)
{
	const struct stored *s;
	struct object_answer a;

	while (fetch_next(&p->fetch, &s, &a)) {
		lk_err err = a.err;

		/* Somebody else is at it too: it is gone, for all. */
		if (err.code == LK_E_NOTFOUND)
			err = LK_NONE;
		else if (err.code == LK_E_LIMIT && s->at.snapshot)
			err = snapshot_fail(r, p, s, err);
		else if (err.code != LK_OK)
			err = depot_fail(r, p->place, &a);
		else if (s->at.snapshot)
			err = snapshot_look(r, p, s, buf_bytes(&a.bytes));
		else
			err = mark_look(p, s, buf_bytes(&a.bytes));
		object_answer_clear(&a);
		TRY(err);
	}
	*done = fetch_done(&p->fetch);
	return (LK_NONE);
}

/* As many marks as the names need; *put: there was another one to be put. */
static lk_err
mark_put(struct pruning *p, bool *put)
{
	size_t len = p->unmarked.len;
	struct sealed_place at = { .mark = true };
	struct pruning_mark m = { .from_ms = p->now_ms + p->grace_ms };
	BUF_SCOPED object = { .max = OBJECT_BYTES_MAX };
	char path[OBJECT_NAME_MAX + 1];

	*put = len > 0;
	if (len == 0)
		return (LK_NONE);
	if (len > (size_t)PRUNING_MARK_NAMES_MAX * SEALED_NAME_LEN)
		len = (size_t)PRUNING_MARK_NAMES_MAX * SEALED_NAME_LEN;
	if (m.from_ms > SEALED_TIME_MAX)
		m.from_ms = SEALED_TIME_MAX;
	p->unmarked.len -= len;
	m.names = BYTES(p->unmarked.ptr + p->unmarked.len, len);
	pruning_mark_write(&object, &m);
	TRY(buf_err(&object, "mark"));
	sealed_name(at.name, buf_bytes(&object));
	at.time_ms = m.from_ms;
	sealed_path(path, &at);
	depot_ask(p->place, OBJECT_PUT, path, "", &object, 0);
	return (LK_NONE);
}

static lk_err
marking_step(struct request *r, struct pruning *p, bool *done)
{
	struct object_answer a;
	bool put;

	while (depot_take(p->place, &a)) {
		lk_err err = a.err;

		if (err.code != LK_OK)
			err = depot_fail(r, p->place, &a);
		object_answer_clear(&a);
		TRY(err);
	}
	if (p->place->pending > 0)
		return (LK_NONE);
	TRY(mark_put(p, &put));
	*done = !put;
	return (LK_NONE);
}

static void
counted_say(struct json_object *o, const char *key, const struct counted *c)
{
	struct json_object *said = json_object_new_object();

	json_add_number(said, "objects", c->objects);
	json_add_number(said, "bytes", c->bytes);
	json_object_object_add(o, key, said);
}

static lk_err
prune_result(struct request *r, const struct pruning *p)
{
	struct json_object *o = r->result;
	int64_t until = p->due_ms;

	/* What is marked now is waited for longest. */
	if (p->count[UNNEEDED].objects > 0)
		until = p->now_ms + p->grace_ms;
	json_add_text(o, "place", p->place->url);
	json_add_flag(o, "dry_run", p->dry_run);
	counted_say(o, "removed", p->dry_run ? &p->count[DUE] : &p->removed);
	counted_say(o, "marked", &p->count[UNNEEDED]);
	counted_say(o, "waiting", &p->count[WAITING]);
	counted_say(o, "young", &p->count[YOUNG]);
	counted_say(o, "needed", &p->count[NEEDED]);
	if (until > 0)
		json_add_time(o, "until", (struct wall){ .ms = until });
	return (LK_NONE);
}

/* With no grace what has been marked is due at once. */
static void
marked(struct pruning *p)
{
	if (p->grace_ms == 0 && p->count[UNNEEDED].objects > 0 && !p->again) {
		p->again = true;
		round_clear(p);
		p->step = LISTING;
		return;
	}
	p->step = UNMARKING;
}

static void
removed(struct pruning *p)
{
	p->removed.objects += p->count[DUE].objects;
	p->removed.bytes += p->count[DUE].bytes;
	p->step = MARKING;
}

static lk_err
lists_step(struct request *r, struct pruning *p, bool *done)
{
	*done = false;
	p->marked.prefix = SEALED_MARK;
	if (!p->marks_listed)
		TRY(listing_step(r, p->place, &p->marked, &p->marks_listed));
	return (p->marks_listed ? listing_step(r, p->place, &p->listing, done)
				: LK_NONE);
}

static lk_err
pruning_work(struct request *r, struct pruning *p, bool *step, bool *done)
{
	*step = false;
	switch (p->step) {
	case LISTING:
		TRY(lists_step(r, p, step));
		return (*step ? listing_end(r, p) : LK_NONE);
	case SNAPSHOTS:
		TRY(fetched(r, p, step));
		if (!*step)
			return (LK_NONE);
		p->step = MARKS;
		return (fetch_begin(p, &p->marked, 0));
	case MARKS:
		TRY(fetched(r, p, step));
		if (!*step)
			return (LK_NONE);
		TRY(decide(p));
		p->step = REMOVING;
		*done = p->dry_run && !p->listing.append_only;
		return (*done ? prune_result(r, p) : LK_NONE);
	case REMOVING:
		TRY(removal_step(r, &p->objects, &p->listing, step));
		if (*step)
			removed(p);
		return (LK_NONE);
	case MARKING:
		TRY(marking_step(r, p, step));
		if (*step)
			marked(p);
		return (LK_NONE);
	case UNMARKING:
		TRY(removal_step(r, &p->marks, &p->listing, done));
		return (*done ? prune_result(r, p) : LK_NONE);
	}
	return (LK_NONE);
}

static lk_err
prune_progress(struct request *r, struct pruning *p)
{
	struct json_object *event;

	if (!progress_due(r, &p->progress))
		return (LK_NONE);
	event = json_object_new_object();
	json_add_text(event, "what", "objects");
	json_add_number(event, "done",
	    p->step == REMOVING ? p->objects.done : p->fetch.given);
	json_add_number(
	    event, "of", p->step == REMOVING ? p->objects.len : p->fetch.len);
	return (request_notify(r, event));
}

static lk_err
pruning_poll(struct request *r, bool *done)
{
	struct pruning *p = r->state;
	bool step = true;

	while (step && !*done)
		TRY(pruning_work(r, p, &step, done));
	return (prune_progress(r, p));
}

lk_err
backup_prune(struct request *r)
{
	struct pruning *p = calloc(1, sizeof(*p));
	lk_err err;

	if (p == NULL)
		return (LK_ERR(LK_E_NOMEM, "prune"));
	p->grace_ms = PRUNE_GRACE_MS;
	buf_init(&p->unmarked, SIZE_MAX);
	err = progress_wanted(r, &p->progress);
	if (err.code == LK_OK)
		err = param_bool_or(r, "dry_run", false, &p->dry_run);
	if (err.code == LK_OK)
		err = param_int_or(r, "grace_ms", 0, SPAN_MS_MAX, &p->grace_ms);
	if (err.code == LK_OK)
		err = depot_open(r, &p->place);
	if (err.code != LK_OK) {
		pruning_free(p);
		return (err);
	}
	request_defer(r, pruning_poll, (struct mono){ 0 }, p, pruning_free);
	return (LK_NONE);
}
