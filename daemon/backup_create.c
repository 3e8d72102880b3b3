/*
 * A backup is made: the envelopes of this device's log that no parcel at the
 * place holds, the lists of documents that changed, and then the snapshot that
 * names them all.  Until that is there nothing of it counts.
 *
 *   LISTING -> PACKING -> ROLLING -> SETTLING -> LOOKING -> CLOSING
 *                 ^                                 |          |
 *                 +---- something of it is marked --+- CLEANING <- CONFIRMING
 *                                                                   -> done
 *
 * Somebody may be pruning meanwhile: before and after the snapshot is put it is
 * looked whether all it names is there and stays (docs/backup.md, "What is
 * removed"); what is not is written again, when the snapshot over what went
 * away is removed.  The log is taken up to where it ended when the work began.
 *
 * A stream goes to somebody else: nothing of it is there before, and nobody
 * prunes it.  LISTING -> PACKING -> ROLLING -> SETTLING -> CLOSING -> done
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "daemon/backup_states.h"
#include "daemon/daemon.h"
#include "daemon/mirror.h"
#include "daemon/subject.h"
#include "sync/keep.h"
#include "sync/person.h"

enum creating_step {
	LISTING,
	PACKING,
	ROLLING,
	SETTLING,
	LOOKING,
	CLOSING,
	CONFIRMING,
	CLEANING
};
/* So often what was pruned is written again. */
#define CREATE_ROUNDS_MAX 8

/* What is being put. */
struct putting {
	bool used, is_roll;
	struct held_parcel parcel; /* ->documents is owned */
	struct held_roll roll;
};

/* An envelope that was read. */
struct picked {
	uint32_t docno;
	size_t at, len;
};

struct creating {
	enum creating_step step;
	struct depot *place;
	struct relied relied;
	struct held held;
	struct progress progress;
	uint8_t reading[DH_LEN]; /* the key that reads it */
	uint64_t next, upto;     /* lsn: the first not looked at, the last */
	uint32_t docno, docno_last;
	struct kept_name *names; /* owned */
	size_t names_len;
	struct states states; /* of when the work began */
	struct putting putting[DEPOT_PENDING_MAX];
	uint64_t objects, bytes, documents;
	struct sealed_place snapshot;
	struct listing guard; /* CLEANING: whether anything may be removed */
	bool removing;        /* it may, and is asked for */
	size_t rounds;
	struct json_object *damaged; /* owned until it is in the result */
	uint32_t damaged_last;
	uint64_t damaged_envelopes; /* of those and of nobody knows what */
};

static void
creating_free(void *state)
{
	struct creating *c = state;

	for (size_t i = 0; i < DEPOT_PENDING_MAX; i++)
		if (c->putting[i].used && !c->putting[i].is_roll)
			free((void *)(uintptr_t)c->putting[i]
				 .parcel.parcel.documents.ptr);
	relied_clear(&c->relied);
	listing_clear(&c->guard);
	depot_close(c->place);
	held_clear(&c->held);
	states_clear(&c->states);
	free(c->names);
	json_object_put(c->damaged);
	free(c);
}

static struct putting *
putting_free(struct creating *c)
{
	for (size_t i = 0; i < DEPOT_PENDING_MAX; i++)
		if (!c->putting[i].used)
			return (&c->putting[i]);
	return (NULL);
}

/* Seals it and has it put; its name and length are written to both. */
static lk_err
object_put(struct request *r, struct creating *c,
    const struct sealed_draft *draft, struct sealed_place *at, uint64_t *size,
    uint64_t number)
{
	struct random random = daemon_random(r->daemon);
	BUF_SCOPED object = { .max = OBJECT_BYTES_MAX };
	char path[OBJECT_NAME_MAX + 1];

	TRY(sealed_write(&object, draft, &random));
	sealed_name(at->name, buf_bytes(&object));
	sealed_path(path, at);
	*size = object.len;
	c->objects++;
	c->bytes += object.len;
	depot_ask(c->place, OBJECT_PUT, path, "", &object, number);
	return (LK_NONE);
}

static struct sealed_draft
draft_for(const struct creating *c, enum sealed_kind kind, struct bytes plain)
{
	return ((struct sealed_draft){
	    .kind = kind, .plain = plain, .keys = &c->reading, .keys_len = 1 });
}

/* Answers to what was put: it is noted when it is there. */
static lk_err
puts_take(struct request *r, struct creating *c)
{
	struct object_answer a;

	while (depot_take(c->place, &a)) {
		struct putting *p = &c->putting[a.request];
		lk_err err = LK_NONE;

		if (a.err.code != LK_OK)
			err = depot_fail(r, c->place, &a);
		object_answer_clear(&a);
		TRY(err);
		if (c->step == CLOSING)
			continue;
		if (p->is_roll) {
			TRY(held_roll_add(&c->held, r->daemon, &p->roll));
		} else {
			TRY(held_parcel_add(&c->held, r->daemon, &p->parcel));
			free((void *)(uintptr_t)p->parcel.parcel.documents.ptr);
		}
		p->used = false;
	}
	return (LK_NONE);
}

/* The first lsn from `next` on that no parcel holds, and the last before one
 * does; false: all is held. */
static bool
gap_find(struct creating *c, uint64_t *last)
{
	*last = c->upto;
	for (size_t i = 0; i < c->held.parcels_len; i++) {
		const struct snapshot_parcel *p = &c->held.parcels[i].parcel;

		if (p->last < c->next)
			continue;
		if (p->first > c->next) {
			if (p->first - 1 < *last)
				*last = p->first - 1;
			break;
		}
		c->next = p->last + 1;
	}
	return (c->next <= *last);
}

static lk_err
damaged_note(struct request *r, struct creating *c, uint32_t docno)
{
	struct json_object *o;
	struct subject s;

	c->damaged_envelopes++;
	if (docno == 0 || docno == c->damaged_last)
		return (LK_NONE);
	c->damaged_last = docno;
	o = json_object_new_object();
	json_object_array_add(c->damaged, o);
	if (subject_load(r, docno, &s).code == LK_OK)
		json_add_subject(o, &s);
	return (LK_NONE);
}

static int
picked_compare(const void *a, const void *b)
{
	const struct picked *x = a, *y = b;

	if (x->docno != y->docno)
		return (x->docno < y->docno ? -1 : 1);
	return (x->at < y->at ? -1 : 1);
}

/* A stretch of the log in memory. */
struct stretch {
	struct buf bytes; /* envelopes with their lengths */
	struct picked *v; /* owned */
	size_t len;
	uint64_t first, last;
};

static lk_err
stretch_add(struct stretch *s, const struct log_entry *e)
{
	if ((s->len & (s->len + 1)) == 0) {
		struct picked *v =
		    reallocarray(s->v, 2 * s->len + 1, sizeof(*v));

		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "parcel"));
		s->v = v;
	}
	s->v[s->len].docno = e->docno;
	s->v[s->len].at = s->bytes.len;
	buf_counted(&s->bytes, e->envelope);
	s->v[s->len].len = s->bytes.len - s->v[s->len].at;
	s->len++;
	if (s->first == 0)
		s->first = e->lsn;
	s->last = e->lsn;
	return (buf_err(&s->bytes, "parcel"));
}

/* Reads on from c->next; *to is the last lsn that this has dealt with. */
static lk_err
stretch_read(
    struct request *r, struct creating *c, struct stretch *s, uint64_t last)
{
	while (c->next <= last && s->bytes.len < BACKUP_PARCEL_BYTES &&
	    s->len < BACKUP_PARCEL_ENVELOPES) {
		struct log_entry e;
		lk_err err = log_walk(r->daemon->txn, c->next, &e);

		if (err.code == LK_E_NOTFOUND) {
			c->next = last + 1;
			break;
		}
		if (err.code != LK_OK && err.code != LK_E_CORRUPT)
			return (err);
		if (e.lsn > last) {
			c->next = last + 1;
			break;
		}
		/* No parcel says that it holds this one: next time it may be
		 * mended. */
		if (err.code == LK_E_CORRUPT) {
			if (s->len > 0)
				break;
			c->next = e.lsn + 1;
			TRY(damaged_note(r, c, e.docno));
			continue;
		}
		c->next = e.lsn + 1;
		TRY(stretch_add(s, &e));
	}
	return (LK_NONE);
}

static lk_err
group_write(struct request *r, const struct stretch *s, size_t i, size_t n,
    struct buf *plain)
{
	struct parcel_group g = { .docno = s->v[i].docno, .envelopes = n };
	BUF_SCOPED bytes = { .max = BACKUP_PARCEL_BYTES + 2 * ENVELOPE_MAX };
	lk_err err = keep_docid(r->replica, g.docno, g.docid);

	/* Of a document that is being forgotten only rests are there. */
	if (err.code == LK_E_NOTFOUND)
		return (LK_NONE);
	TRY(err);
	for (size_t k = i; k < i + n; k++)
		buf_add(&bytes, BYTES(s->bytes.ptr + s->v[k].at, s->v[k].len));
	g.bytes = buf_bytes(&bytes);
	parcel_write(plain, &g);
	return (bytes.failed ? LK_ERR(LK_E_NOMEM, "parcel") : LK_NONE);
}

/* The envelopes document by document, and the list of these. */
static lk_err
parcel_make(struct request *r, const struct stretch *s, struct buf *plain,
    struct snapshot_parcel *p, struct buf *documents)
{
	uint32_t before = 0;

	qsort(s->v, s->len, sizeof(*s->v), picked_compare);
	*p = (struct snapshot_parcel){
		.first = s->first, .last = s->last, .envelopes = s->len
	};
	for (size_t i = 0, n; i < s->len; i += n) {
		size_t had = plain->len;

		for (n = 1; i + n < s->len; n++)
			if (s->v[i + n].docno != s->v[i].docno)
				break;
		TRY(group_write(r, s, i, n, plain));
		if (plain->len == had)
			continue;
		buf_uleb(documents, s->v[i].docno - before);
		before = s->v[i].docno;
		p->documents_len++;
	}
	TRY(buf_err(plain, "parcel"));
	return (buf_err(documents, "parcel"));
}

static lk_err
parcel_put(struct request *r, struct creating *c, const struct stretch *s)
{
	struct putting *p = putting_free(c);
	struct sealed_place at = { .snapshot = false };
	struct sealed_draft draft;
	BUF_SCOPED plain = { .max = SEALED_PLAIN_MAX };
	BUF_SCOPED documents = { .max = SEALED_PLAIN_MAX };

	TRY(parcel_make(r, s, &plain, &p->parcel.parcel, &documents));
	draft = draft_for(c, SEALED_PARCEL, buf_bytes(&plain));
	TRY(object_put(r, c, &draft, &at, &p->parcel.parcel.size,
	    (uint64_t)(p - c->putting)));
	memcpy(p->parcel.name, at.name, sizeof(at.name));
	p->parcel.parcel.documents = buf_bytes(&documents);
	documents = (struct buf){ .max = 0 };
	p->used = true;
	p->is_roll = false;
	return (LK_NONE);
}

/* One parcel, if there is something to put into one. */
static lk_err
packing_step(struct request *r, struct creating *c)
{
	struct stretch s = { .bytes = { .max = BACKUP_PARCEL_BYTES +
				     2 * ENVELOPE_MAX } };
	uint64_t last;
	lk_err err = LK_NONE;

	if (!gap_find(c, &last)) {
		if (last < c->upto)
			c->next = last + 1;
		else
			c->step = ROLLING;
		return (LK_NONE);
	}
	err = stretch_read(r, c, &s, last);
	if (err.code == LK_OK && s.len > 0)
		err = parcel_put(r, c, &s);
	buf_clear(&s.bytes);
	free(s.v);
	return (err);
}

/* The documents of one block from `docno` on, which is left behind them. */
static lk_err
roll_make(
    struct request *r, struct creating *c, uint32_t block, struct buf *plain)
{
	while (c->docno <= c->docno_last && c->docno / BACKUP_BLOCK == block) {
		BUF_SECRET keys = { .max = 1024 * 1024 };
		const struct kept_name *name;
		struct roll_entry e;
		struct kept k;
		lk_err err = keep_document(r->replica, c->docno, &k, &keys);

		c->docno++;
		if (err.code == LK_E_NOTFOUND)
			continue;
		TRY(err);
		name = keep_name_of(c->names, c->names_len, k.docid);
		e = (struct roll_entry){ .docno = c->docno - 1,
			.home = k.home,
			.keys = buf_bytes(&keys) };
		memcpy(e.docid, k.docid, sizeof(e.docid));
		memcpy(e.secret, k.secret, sizeof(e.secret));
		if (name != NULL) {
			e.name = BYTES_STR(name->name);
			e.type = BYTES_STR(name->type);
		}
		roll_write(plain, &e);
		states_present(&c->states, c->docno - 1);
		c->documents += !k.home;
	}
	return (buf_err(plain, "list of documents"));
}

/* One block of documents; what is as it was is not put again. */
static lk_err
rolling_step(struct request *r, struct creating *c)
{
	uint32_t block = c->docno / BACKUP_BLOCK;
	struct sealed_place at = { .snapshot = false };
	struct putting *p = putting_free(c);
	const struct held_roll *held;
	struct sealed_draft draft;
	uint8_t digest_of[32];
	BUF_SECRET plain = { .max = SEALED_PLAIN_MAX };

	if (c->docno > c->docno_last) {
		c->step = SETTLING;
		return (LK_NONE);
	}
	TRY(roll_make(r, c, block, &plain));
	digest(digest_of, sizeof(digest_of), DIGEST_BACKUP, c->reading,
	    buf_bytes(&plain));
	if (plain.len == 0)
		return (held_roll_drop(&c->held, r->daemon, block));
	held = held_roll_of(&c->held, block);
	if (held != NULL && digest_equal(held->digest, digest_of, 32))
		return (LK_NONE);
	p->roll = (struct held_roll){ .roll = { .block = block } };
	memcpy(p->roll.digest, digest_of, sizeof(digest_of));
	draft = draft_for(c, SEALED_ROLL, buf_bytes(&plain));
	TRY(object_put(
	    r, c, &draft, &at, &p->roll.roll.size, (uint64_t)(p - c->putting)));
	memcpy(p->roll.name, at.name, sizeof(at.name));
	p->used = true;
	p->is_roll = true;
	return (LK_NONE);
}

struct settings {
	struct request *r;
	struct creating *c;
	struct buf list;
	uint64_t len;
};

static lk_err
mirror_setting(void *ctx, const struct mirror *m)
{
	struct settings *s = ctx;
	uint8_t docid[LK_ID_LEN];
	char hex[2 * LK_ID_LEN + 1];
	struct snapshot_setting setting = { .kind = BYTES_STR("mirror"),
		.value = BYTES_STR(m->dir) };

	if (keep_docid(s->r->replica, m->docno, docid).code != LK_OK ||
	    !utf8_valid(setting.value) || s->len == SNAPSHOT_SETTINGS_MAX)
		return (LK_NONE);
	hex_encode(hex, BYTES_OF(docid));
	setting.of = BYTES_STR(hex);
	snapshot_setting_write(&s->list, &setting);
	s->len++;
	return (LK_NONE);
}

/* Mirrors and remotes, which are this device's own. */
static lk_err
settings_write(struct request *r, struct creating *c, struct buf *plain)
{
	struct settings s = {
		.r = r, .c = c, .list = { .max = SEALED_PLAIN_MAX }
	};
	struct remotes remotes;
	lk_err err;

	err = mirrors_each_record(r->daemon->txn, mirror_setting, &s);
	if (err.code == LK_OK)
		err = remotes_read(
		    txn_space(r->daemon->txn, STORE_DEVICE, SPACE_META),
		    &remotes);
	for (size_t i = 0; err.code == LK_OK && i < remotes.len; i++) {
		struct snapshot_setting setting = { .kind = BYTES_STR("remote"),
			.of = BYTES_STR(remotes.list[i].name),
			.value = BYTES_STR(remotes.list[i].url) };

		snapshot_setting_write(&s.list, &setting);
		s.len++;
	}
	states_write(&c->states, &s.list, &s.len);
	buf_uleb(plain, s.len);
	buf_add(plain, buf_bytes(&s.list));
	if (err.code == LK_OK)
		err = buf_err(&s.list, "settings");
	buf_clear(&s.list);
	return (err);
}

static lk_err
snapshot_fill(
    struct request *r, struct creating *c, struct buf *clear, struct buf *plain)
{
	const struct identity *me = daemon_identity(r->daemon);
	struct snapshot_head head = { .time_ms = c->snapshot.time_ms };
	struct snapshot_about about = { .device_pk = me->sign.pk,
		.root_pk = me->root_pk,
		.device_name = me->name };
	const struct held *h = &c->held;
	BUF_SCOPED names = { .max = SEALED_CLEAR_MAX };

	snapshot_machine(head.machine, me->sign.pk);
	snapshot_begin(plain, &about);
	buf_uleb(plain, h->parcels_len);
	for (size_t i = 0; i < h->parcels_len; i++) {
		buf_mem(&names, h->parcels[i].name, SEALED_NAME_LEN);
		snapshot_parcel_write(plain, &h->parcels[i].parcel);
	}
	buf_uleb(plain, h->rolls_len);
	for (size_t i = 0; i < h->rolls_len; i++) {
		buf_mem(&names, h->rolls[i].name, SEALED_NAME_LEN);
		snapshot_roll_write(plain, &h->rolls[i].roll);
	}
	TRY(settings_write(r, c, plain));
	head.names = buf_bytes(&names);
	snapshot_head_write(clear, &head);
	TRY(buf_err(&names, "snapshot"));
	TRY(buf_err(clear, "snapshot"));
	snapshot_sign(plain, buf_bytes(clear), &me->sign);
	return (buf_err(plain, "snapshot"));
}

/* Everything it names is there. */
static lk_err
snapshot_put(struct request *r, struct creating *c)
{
	struct sealed_draft draft;
	uint64_t size;
	BUF_SCOPED clear = { .max = SEALED_CLEAR_MAX };
	BUF_SCOPED plain = { .max = SEALED_PLAIN_MAX };

	c->snapshot.snapshot = true;
	c->snapshot.time_ms = r->now.wall.ms < 0 ? 0
	    : r->now.wall.ms > SEALED_TIME_MAX   ? SEALED_TIME_MAX
						 : r->now.wall.ms;
	TRY(snapshot_fill(r, c, &clear, &plain));
	draft = draft_for(c, SEALED_SNAPSHOT, buf_bytes(&plain));
	draft.clear = buf_bytes(&clear);
	c->step = CLOSING;
	return (object_put(r, c, &draft, &c->snapshot, &size, 0));
}

static lk_err
listed(struct request *r, struct creating *c)
{
	bool all;

	TRY(held_compare(&c->held, r->daemon, &c->relied.data, true, &all));
	TRY(lsn_last(r->daemon->txn, &c->upto));
	TRY(store_last_document(r->daemon->txn, &c->docno_last));
	TRY(states_take(&c->states, r->daemon->txn, c->docno_last));
	TRY(keep_names(r->replica, &c->names, &c->names_len));
	c->next = 1;
	c->docno = 1;
	c->step = PACKING;
	return (LK_NONE);
}

/* What went away is written, and all that it was part of. */
static lk_err
again(struct request *r, struct creating *c)
{
	if (++c->rounds == CREATE_ROUNDS_MAX)
		return (request_fail(r, LK_ERR(LK_E_AGAIN, "backup"),
		    "%s: what is put there is removed again and again",
		    c->place->url));
	json_object_put(c->damaged);
	c->damaged = json_object_new_array();
	c->damaged_envelopes = c->documents = 0;
	c->damaged_last = 0;
	c->next = 1;
	c->docno = 1;
	c->step = PACKING;
	return (LK_NONE);
}

/* The snapshot lacks something, and nobody may take it for a backup.  Where it
 * cannot be removed it is damaged for all to see, and hurts nothing else. */
static lk_err
cleaning_step(struct request *r, struct creating *c)
{
	char path[OBJECT_NAME_MAX + 1];
	struct object_answer a;
	bool listed;

	if (!c->removing) {
		c->guard.prefix = BACKUP_APPEND_ONLY;
		TRY(listing_step(r, c->place, &c->guard, &listed));
		if (!listed)
			return (LK_NONE);
		c->removing = !c->guard.append_only;
		listing_clear(&c->guard);
		if (!c->removing)
			return (again(r, c));
		sealed_path(path, &c->snapshot);
		depot_ask(c->place, OBJECT_DELETE, path, "", NULL, 0);
	}
	while (depot_take(c->place, &a))
		object_answer_clear(&a);
	if (c->place->pending > 0)
		return (LK_NONE);
	c->removing = false;
	return (again(r, c));
}

static lk_err
progress_say(struct request *r, struct creating *c)
{
	struct json_object *event;

	if (!progress_due(r, &c->progress))
		return (LK_NONE);
	event = json_object_new_object();
	json_add_text(event, "what", "envelopes");
	json_add_number(event, "done", c->next - 1);
	json_add_number(event, "of", c->upto);
	return (request_notify(r, event));
}

static void
create_result(struct request *r, struct creating *c)
{
	struct stored s = { .at = c->snapshot };
	uint64_t envelopes = 0, bytes = 0;

	for (size_t i = 0; i < c->held.parcels_len; i++) {
		envelopes += c->held.parcels[i].parcel.envelopes;
		bytes += c->held.parcels[i].parcel.size;
	}
	json_add_text(r->result, "place", c->place->url);
	json_add_snapshot(r->result, &s);
	json_add_number(r->result, "documents", c->documents);
	json_add_number(r->result, "envelopes", envelopes);
	json_add_number(r->result, "bytes", bytes);
	json_add_number(r->result, "added", c->bytes);
	json_add_number(r->result, "objects", c->objects);
	json_add_number(r->result, "damaged_envelopes", c->damaged_envelopes);
	json_object_object_add(r->result, "damaged", c->damaged);
	c->damaged = NULL;
}

/* It is looked what is there now, and then what follows from it. */
static lk_err
relied_look(struct request *r, struct creating *c, bool *done)
{
	bool seen, all;

	TRY(relied_step(r, &c->relied, &seen));
	if (!seen)
		return (LK_NONE);
	if (c->step == LISTING)
		return (listed(r, c));
	TRY(held_compare(&c->held, r->daemon, &c->relied.data, false, &all));
	*done = all && c->step == CONFIRMING;
	if (all)
		return (*done ? LK_NONE : snapshot_put(r, c));
	if (c->step == LOOKING)
		return (again(r, c));
	c->step = CLEANING;
	return (cleaning_step(r, c));
}

/* What was to be put of a stream is on its way. */
static lk_err
stream_step(struct request *r, struct creating *c, bool *done)
{
	if (c->step == CLOSING) {
		*done = depot_done(c->place);
		return (LK_NONE);
	}
	TRY(snapshot_put(r, c));
	depot_finish(c->place);
	return (LK_NONE);
}

static lk_err
creating_work(struct request *r, struct creating *c, bool *done)
{
	switch (c->step) {
	case LISTING:
		if (c->held.passing)
			return (listed(r, c));
		return (relied_look(r, c, done));
	case LOOKING:
	case CONFIRMING:
		return (relied_look(r, c, done));
	case PACKING:
		return (packing_step(r, c));
	case ROLLING:
		return (rolling_step(r, c));
	case SETTLING:
	case CLOSING:
		if (c->place->pending > 0)
			return (LK_NONE);
		if (c->held.passing)
			return (stream_step(r, c, done));
		relied_again(&c->relied);
		c->step = c->step == SETTLING ? LOOKING : CONFIRMING;
		return (relied_look(r, c, done));
	case CLEANING:
		return (cleaning_step(r, c));
	}
	return (LK_NONE);
}

/* Whether what was put is answered in this step. */
static bool
creating_puts(const struct creating *c)
{
	return (c->step == PACKING || c->step == ROLLING ||
	    c->step == SETTLING || c->step == CLOSING);
}

/* Whether the next step needs room for what is put. */
static bool
creating_makes(const struct creating *c)
{
	return (c->step == PACKING || c->step == ROLLING);
}

static lk_err
creating_poll(struct request *r, bool *done)
{
	struct creating *c = r->state;
	struct mono begun = now_read().mono;
	bool busy = true, due;

	while (busy && !*done) {
		TRY(depot_flush(c->place, &due));
		if (creating_puts(c))
			TRY(puts_take(r, c));
		/* Something else than an answer may have woken it. */
		if (creating_makes(c) && putting_free(c) == NULL)
			break;
		TRY(creating_work(r, c, done));
		busy = creating_makes(c) && putting_free(c) != NULL &&
		    c->place->pending < DEPOT_PENDING_MAX &&
		    now_read().mono.ms - begun.ms < BACKUP_SLICE_MS;
	}
	if (*done)
		create_result(r, c);
	if (*done && !c->held.passing)
		TRY(held_made(r->daemon, c->place->url, &c->snapshot));
	TRY(progress_say(r, c));
	/* What waits for an answer is woken by it. */
	if (creating_makes(c) && putting_free(c) != NULL)
		request_again(r, 0);
	else if (c->step == SETTLING && c->place->pending == 0)
		request_again(r, 0);
	TRY(depot_flush(c->place, &due));
	if (due)
		request_again(r, 0);
	return (LK_NONE);
}

/* Where it goes; of what went to somebody as a stream nothing is known. */
static lk_err
place_open(struct request *r, struct creating *c)
{
	const char *place;

	TRY(param_string(r, "place", &place));
	if (strcmp(place, "-") == 0) {
		c->held.passing = true;
		return (depot_open_stream(r, &c->place));
	}
	TRY(depot_open(r, &c->place));
	return (held_load(&c->held, r->daemon, c->place->url));
}

lk_err
backup_create(struct request *r)
{
	struct creating *c = calloc(1, sizeof(*c));
	uint32_t home;
	lk_err err;

	if (c == NULL)
		return (LK_ERR(LK_E_NOMEM, "backup"));
	c->damaged = json_object_new_array();
	err = progress_wanted(r, &c->progress);
	if (err.code == LK_OK)
		err = replica_home(r->replica, &home);
	if (err.code == LK_OK)
		err = person_recovery_box(r->replica, home, c->reading);
	if (err.code == LK_OK)
		err = place_open(r, c);
	c->relied.place = c->place;
	if (err.code != LK_OK) {
		creating_free(c);
		return (err);
	}
	request_defer(r, creating_poll, (struct mono){ 0 }, c, creating_free);
	return (LK_NONE);
}
