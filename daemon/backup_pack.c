/*
 * The objects of a backup: parcels of the log, lists of documents, and the
 * snapshot that names them.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "daemon/backup_creating.h"
#include "daemon/daemon.h"
#include "daemon/mirror.h"
#include "daemon/subject.h"

struct putting *
creating_room(struct creating *c)
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

/* An envelope that was read. */
struct picked {
	uint32_t docno;
	size_t at, len;
};

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
	struct putting *p = creating_room(c);
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

lk_err
creating_pack(struct request *r, struct creating *c)
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

lk_err
creating_roll(struct request *r, struct creating *c)
{
	uint32_t block = c->docno / BACKUP_BLOCK;
	struct sealed_place at = { .snapshot = false };
	struct putting *p = creating_room(c);
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

lk_err
creating_close(struct request *r, struct creating *c)
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
