/*
 * What one backup has that another has not: documents by the lists of both, and
 * what was written in them by the parcels that only one of them has.
 *
 *   LISTING -> SNAPSHOTS -> ROLLS -> PARCELS -> done
 *
 * Parcels may be written again, so it is not these that are compared but the
 * envelopes in them.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"
#include "sync/envelope.h"

#define DIFF_ENVELOPES_MAX (4u * 1024 * 1024)
#define DIFF_ID_LEN 16
#define BEFORE 0
#define AFTER 1
#define SIDES 2

enum diff_step { LISTING, SNAPSHOTS, ROLLS, PARCELS };

struct counted {
	uint64_t envelopes, bytes;
};

/* A document, as the lists of either backup have it. */
struct diff_doc {
	uint8_t docid[LK_ID_LEN];
	bool home, in[SIDES];
	char *name[SIDES];          /* owned; NULL: not in this one */
	struct counted only[SIDES]; /* what only this backup has of it */
};

/* An envelope of a parcel that only one of them has. */
struct diff_envelope {
	uint8_t id[DIFF_ID_LEN];
	uint32_t doc, len;
	uint8_t side;
};

struct compared {
	const struct stored *stored; /* NULL: not known yet */
	struct buf clear, plain;
	struct snapshot_head head;
	struct snapshot read;
	struct buf rolls, parcels; /* names, ascending */
};

struct diffing {
	enum diff_step step;
	struct depot *place;
	struct listing listing;
	struct fetch fetch;
	struct progress progress;
	struct backup_secrets secrets;
	struct compared at[SIDES];
	struct diff_doc *docs; /* owned; ascending when all rolls are read */
	size_t docs_len;
	struct diff_envelope *envelopes; /* owned */
	size_t envelopes_len;
};

static void
diffing_free(void *state)
{
	struct diffing *d = state;

	fetch_clear(&d->fetch);
	depot_close(d->place);
	listing_clear(&d->listing);
	backup_secrets_clear(&d->secrets);
	for (size_t i = 0; i < SIDES; i++) {
		buf_clear(&d->at[i].clear);
		buf_wipe(&d->at[i].plain);
		buf_clear(&d->at[i].rolls);
		buf_clear(&d->at[i].parcels);
	}
	for (size_t i = 0; i < d->docs_len; i++) {
		free(d->docs[i].name[BEFORE]);
		free(d->docs[i].name[AFTER]);
	}
	free(d->docs);
	free(d->envelopes);
	free(d);
}

static int
name_compare(const void *a, const void *b)
{
	return (memcmp(a, b, SEALED_NAME_LEN));
}

static bool
names_have(const struct buf *b, const uint8_t *name)
{
	return (b->len > 0 &&
	    bsearch(name, b->ptr, b->len / SEALED_NAME_LEN, SEALED_NAME_LEN,
		name_compare) != NULL);
}

/* Which it is, by digits of its name; NULL: none is named. */
static lk_err
named_find(struct request *r, const struct diffing *d, const char *param,
    const struct stored **out)
{
	const char *wanted;

	TRY(param_string_or(r, param, "", &wanted));
	*out = NULL;
	for (size_t i = d->listing.snapshots; i < d->listing.len; i++) {
		const struct stored *s = &d->listing.v[i];
		char hex[2 * SEALED_NAME_LEN + 1];

		hex_encode(hex, BYTES_OF(s->at.name));
		if (wanted[0] == '\0' ||
		    strncmp(hex, wanted, strlen(wanted)) != 0)
			continue;
		if (*out != NULL)
			return (request_fail(r, LK_ERR(LK_E_USAGE, "backup"),
			    "%s: more than one backup begins so", wanted));
		*out = s;
	}
	if (*out == NULL && (wanted[0] != '\0' || strcmp(param, "before") == 0))
		return (request_fail(r, LK_ERR(LK_E_NOTFOUND, "backup"),
		    "%s: no backup %s there", d->place->url, wanted));
	return (LK_NONE);
}

/* The one, and the other; or all that are newer, the newest first, of which the
 * first of the same machine is it.  They are listed by time. */
static lk_err
snapshots_ask(struct request *r, struct diffing *d)
{
	const struct stored *before, *after;

	TRY(named_find(r, d, "before", &before));
	TRY(named_find(r, d, "after", &after));
	TRY(fetch_add(&d->fetch, before));
	if (after != NULL)
		return (fetch_add(&d->fetch, after));
	for (after = &d->listing.v[d->listing.len - 1]; after > before; after--)
		if (!stored_is_ahead(after, r->now.wall) ||
		    stored_is_ahead(before, r->now.wall))
			TRY(fetch_add(&d->fetch, after));
	return (LK_NONE);
}

static lk_err
damaged(struct request *r, const struct diffing *d, const struct stored *s,
    lk_err err)
{
	char hex[2 * SEALED_NAME_LEN + 1];

	hex_encode(hex, BYTES_OF(s->at.name));
	if (err.code == LK_E_DENIED)
		return (
		    request_fail(r, err, "%s: %.8s: the %s of somebody else",
			d->place->url, hex, backup_secrets_of(r)));
	if (err.code == LK_E_VERSION || err.code == LK_E_NOMEM)
		return (err);
	err.code = LK_E_CORRUPT;
	request_hint(r, "lk backup check says what else is damaged");
	return (
	    request_fail(r, err, "%s: %s %.8s is damaged: %s", d->place->url,
		s->at.snapshot ? "backup" : "object", hex, err.what));
}

static lk_err
snapshot_take(struct diffing *d, const struct stored *s, struct bytes object,
    struct compared *c)
{
	struct sealed sealed;

	TRY(backup_open(object, s, &d->secrets.reading, &sealed, &c->plain));
	buf_init(&c->clear, SEALED_CLEAR_MAX);
	buf_add(&c->clear, sealed.clear);
	TRY(buf_err(&c->clear, "snapshot"));
	TRY(backup_head(&c->head, buf_bytes(&c->clear), s));
	TRY(snapshot_read(
	    &c->read, buf_bytes(&c->clear), buf_bytes(&c->plain)));
	if (memcmp(c->read.root_pk, d->secrets.root.pk, SIGN_PK_LEN) != 0)
		return (LK_ERR(LK_E_DENIED, "root"));
	c->stored = s;
	return (LK_NONE);
}

/* The next answer of SNAPSHOTS: the first is BEFORE. */
static lk_err
snapshot_next(struct request *r, struct diffing *d, const struct stored *s,
    struct bytes object)
{
	struct snapshot_head head;
	struct sealed sealed;
	lk_err err;

	if (d->at[BEFORE].stored == NULL)
		err = snapshot_take(d, s, object, &d->at[BEFORE]);
	else if (d->at[AFTER].stored != NULL)
		return (LK_NONE);
	else if (json_object_object_get_ex(r->params, "after", NULL))
		err = snapshot_take(d, s, object, &d->at[AFTER]);
	else {
		/* One that is damaged may be another machine's. */
		err = backup_open(object, s, NULL, &sealed, NULL);
		if (err.code == LK_OK)
			err = backup_head(&head, sealed.clear, s);
		if (err.code != LK_OK ||
		    memcmp(head.machine, d->at[BEFORE].head.machine,
			sizeof(head.machine)) != 0)
			return (LK_NONE);
		err = snapshot_take(d, s, object, &d->at[AFTER]);
	}
	return (err.code == LK_OK ? err : damaged(r, d, s, err));
}

static lk_err
names_fill(struct compared *c)
{
	struct bytes names = c->head.names;
	size_t parcels = (size_t)c->read.parcels * SEALED_NAME_LEN;

	buf_init(&c->parcels, SEALED_CLEAR_MAX);
	buf_init(&c->rolls, SEALED_CLEAR_MAX);
	if (parcels > 0)
		buf_mem(&c->parcels, names.ptr, parcels);
	if (names.len > parcels)
		buf_mem(&c->rolls, names.ptr + parcels, names.len - parcels);
	TRY(buf_err(&c->parcels, "snapshot"));
	TRY(buf_err(&c->rolls, "snapshot"));
	if (c->parcels.len > 0)
		qsort(c->parcels.ptr, c->parcels.len / SEALED_NAME_LEN,
		    SEALED_NAME_LEN, name_compare);
	if (c->rolls.len > 0)
		qsort(c->rolls.ptr, c->rolls.len / SEALED_NAME_LEN,
		    SEALED_NAME_LEN, name_compare);
	return (LK_NONE);
}

/* Those of `a`, but for those of `b`. */
static lk_err
objects_ask(struct diffing *d, const struct buf *a, const struct buf *b)
{
	for (size_t i = 0; i < a->len; i += SEALED_NAME_LEN) {
		const struct stored *s;

		if (names_have(b, a->ptr + i))
			continue;
		s = listing_find(&d->listing, a->ptr + i);
		TRY(s == NULL ? fetch_unlisted(&d->fetch, a->ptr + i)
			      : fetch_add(&d->fetch, s));
	}
	return (LK_NONE);
}

static lk_err
snapshots_end(struct request *r, struct diffing *d)
{
	static const struct buf none;

	if (d->at[AFTER].stored == NULL)
		return (request_fail(r, LK_ERR(LK_E_NOTFOUND, "backup"),
		    "%s: no newer backup of its machine there", d->place->url));
	for (size_t i = 0; i < SIDES; i++)
		TRY(names_fill(&d->at[i]));
	fetch_clear(&d->fetch);
	d->fetch.place = d->place;
	d->step = ROLLS;
	TRY(objects_ask(d, &d->at[BEFORE].rolls, &none));
	return (objects_ask(d, &d->at[AFTER].rolls, &d->at[BEFORE].rolls));
}

static lk_err
doc_add(struct diffing *d, const struct stored *s, const struct roll_entry *e)
{
	struct diff_doc *doc;

	if ((d->docs_len & (d->docs_len + 1)) == 0) {
		struct diff_doc *v =
		    reallocarray(d->docs, 2 * d->docs_len + 1, sizeof(*v));

		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "documents"));
		d->docs = v;
	}
	doc = &d->docs[d->docs_len];
	*doc = (struct diff_doc){ .home = e->home };
	memcpy(doc->docid, e->docid, LK_ID_LEN);
	d->docs_len++;
	for (size_t i = 0; i < SIDES; i++) {
		doc->in[i] = names_have(&d->at[i].rolls, s->at.name);
		if (!doc->in[i])
			continue;
		doc->name[i] =
		    strndup(e->name.len == 0 ? "" : (const char *)e->name.ptr,
			e->name.len);
		if (doc->name[i] == NULL)
			return (LK_ERR(LK_E_NOMEM, "documents"));
	}
	return (LK_NONE);
}

static int
doc_compare(const void *a, const void *b)
{
	const struct diff_doc *x = a, *y = b;

	return (memcmp(x->docid, y->docid, LK_ID_LEN));
}

/* Each document once, whichever lists it is in. */
static lk_err
rolls_end(struct diffing *d)
{
	size_t kept = 0;

	if (d->docs_len > 1)
		qsort(d->docs, d->docs_len, sizeof(*d->docs), doc_compare);
	for (size_t i = 0; i < d->docs_len; i++) {
		struct diff_doc *doc = &d->docs[i], *last;

		if (kept == 0 || doc_compare(&d->docs[kept - 1], doc) != 0) {
			d->docs[kept++] = *doc;
			continue;
		}
		last = &d->docs[kept - 1];
		for (size_t k = 0; k < SIDES; k++) {
			if (!doc->in[k])
				continue;
			free(last->name[k]);
			last->in[k] = true;
			last->name[k] = doc->name[k];
		}
	}
	d->docs_len = kept;
	fetch_clear(&d->fetch);
	d->fetch.place = d->place;
	d->step = PARCELS;
	TRY(objects_ask(d, &d->at[BEFORE].parcels, &d->at[AFTER].parcels));
	return (objects_ask(d, &d->at[AFTER].parcels, &d->at[BEFORE].parcels));
}

static lk_err
envelope_add(struct diffing *d, struct bytes e, size_t doc, uint8_t side)
{
	struct diff_envelope *v;
	uint8_t id[LK_ID_LEN];

	if (d->envelopes_len == DIFF_ENVELOPES_MAX)
		return (LK_ERR(LK_E_LIMIT, "they differ in too much"));
	if ((d->envelopes_len & (d->envelopes_len + 1)) == 0) {
		v = reallocarray(
		    d->envelopes, 2 * d->envelopes_len + 1, sizeof(*v));
		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "envelopes"));
		d->envelopes = v;
	}
	v = &d->envelopes[d->envelopes_len++];
	*v = (struct diff_envelope){
		.doc = (uint32_t)doc, .len = (uint32_t)e.len, .side = side
	};
	envelope_id(id, e);
	memcpy(v->id, id, sizeof(v->id));
	return (LK_NONE);
}

static lk_err
parcel_look(struct diffing *d, const struct stored *s, struct bytes plain)
{
	uint8_t side = names_have(&d->at[AFTER].parcels, s->at.name);
	struct parcel_reader reader;
	struct parcel_group g;
	struct bytes e;
	lk_err err;

	parcel_begin(&reader, plain);
	while (parcel_next(&reader, &g, &err)) {
		struct diff_doc key, *doc = NULL;

		memcpy(key.docid, g.docid, sizeof(key.docid));
		if (d->docs_len > 0)
			doc = bsearch(&key, d->docs, d->docs_len, sizeof(key),
			    doc_compare);
		while (doc != NULL && parcel_envelope(&g, &e))
			TRY(envelope_add(d, e, (size_t)(doc - d->docs), side));
	}
	return (err);
}

static lk_err
roll_look(struct diffing *d, const struct stored *s, struct bytes plain)
{
	struct roll_reader reader;
	struct roll_entry e;
	lk_err err;

	roll_begin(&reader, plain);
	while (roll_next(&reader, &e, &err))
		TRY(doc_add(d, s, &e));
	return (err);
}

static lk_err
object_look(struct request *r, struct diffing *d, const struct stored *s,
    struct bytes object)
{
	struct sealed sealed;
	BUF_SECRET plain = { .max = 1 };
	lk_err err =
	    backup_open(object, s, &d->secrets.reading, &sealed, &plain);

	if (err.code == LK_OK)
		err = d->step == ROLLS ? roll_look(d, s, buf_bytes(&plain))
				       : parcel_look(d, s, buf_bytes(&plain));
	if (err.code == LK_E_LIMIT)
		return (err);
	return (err.code == LK_OK ? err : damaged(r, d, s, err));
}

static int
envelope_compare(const void *a, const void *b)
{
	const struct diff_envelope *x = a, *y = b;
	int c = memcmp(x->id, y->id, sizeof(x->id));

	return (c != 0 ? c : x->side - y->side);
}

/* What both have, only in different parcels, is no difference. */
static void
envelopes_count(struct diffing *d)
{
	struct diff_envelope *v = d->envelopes;
	size_t n = d->envelopes_len;

	if (n > 1)
		qsort(v, n, sizeof(*v), envelope_compare);
	for (size_t i = 0; i < n; i++) {
		struct counted *c = &d->docs[v[i].doc].only[v[i].side];

		if ((i > 0 && memcmp(v[i - 1].id, v[i].id, DIFF_ID_LEN) == 0) ||
		    (i + 1 < n &&
			memcmp(v[i + 1].id, v[i].id, DIFF_ID_LEN) == 0))
			continue;
		c->envelopes++;
		c->bytes += v[i].len;
	}
}

static void
doc_say(struct json_object *list, const struct diff_doc *doc)
{
	struct json_object *o;
	const char *before = doc->name[BEFORE], *after = doc->name[AFTER];
	bool both = doc->in[BEFORE] && doc->in[AFTER];

	if (both && strcmp(before, after) == 0 &&
	    doc->only[BEFORE].envelopes == 0 && doc->only[AFTER].envelopes == 0)
		return;
	o = json_object_new_object();
	json_object_array_add(list, o);
	json_add_id(o, "doc", BYTES_OF(doc->docid));
	json_add_text(o, "name",
	    doc->home            ? "(devices, contacts and names)"
		: doc->in[AFTER] ? after
				 : before);
	json_add_text(o, "change",
	    both                 ? "changed"
		: doc->in[AFTER] ? "new"
				 : "gone");
	if (both && strcmp(before, after) != 0)
		json_add_text(o, "was", before);
	json_add_number(o, "added", doc->only[AFTER].envelopes);
	json_add_number(o, "added_bytes", doc->only[AFTER].bytes);
	json_add_number(o, "gone", doc->only[BEFORE].envelopes);
	json_add_number(o, "gone_bytes", doc->only[BEFORE].bytes);
}

static bool
setting_in(struct snapshot s, const struct snapshot_setting *wanted)
{
	struct snapshot_setting setting;

	while (snapshot_setting_next(&s, &setting))
		if (bytes_equal(setting.kind, wanted->kind) &&
		    bytes_equal(setting.of, wanted->of) &&
		    bytes_equal(setting.value, wanted->value))
			return (true);
	return (false);
}

/* Mirrors and remotes that only one of them has. */
static void
settings_say(struct json_object *list, const struct diffing *d, size_t side)
{
	struct snapshot s = d->at[side].read;
	struct snapshot_setting setting;

	while (snapshot_setting_next(&s, &setting)) {
		struct json_object *o;

		if ((!bytes_equal(setting.kind, BYTES_STR("mirror")) &&
			!bytes_equal(setting.kind, BYTES_STR("remote"))) ||
		    setting_in(d->at[SIDES - 1 - side].read, &setting))
			continue;
		o = json_object_new_object();
		json_object_array_add(list, o);
		json_add_text(o, "change", side == AFTER ? "new" : "gone");
		json_add_bytes(o, "kind", setting.kind);
		json_add_bytes(o, "of", setting.of);
		json_add_bytes(o, "value", setting.value);
	}
}

static void
diff_result(struct request *r, struct diffing *d)
{
	static const char *const keys[SIDES] = { "before", "after" };
	struct json_object *docs = json_object_new_array(),
			   *settings = json_object_new_array();

	envelopes_count(d);
	json_add_text(r->result, "place", d->place->url);
	for (size_t i = 0; i < SIDES; i++) {
		struct json_object *o = json_object_new_object();

		json_add_snapshot(o, d->at[i].stored);
		json_add_bytes(o, "device_name", d->at[i].read.device_name);
		json_object_object_add(r->result, keys[i], o);
	}
	for (size_t i = 0; i < d->docs_len; i++)
		doc_say(docs, &d->docs[i]);
	json_add_number(r->result, "unchanged",
	    d->docs_len - json_object_array_length(docs));
	settings_say(settings, d, BEFORE);
	settings_say(settings, d, AFTER);
	json_object_object_add(r->result, "documents", docs);
	json_object_object_add(r->result, "settings", settings);
}

static lk_err
answers_take(struct request *r, struct diffing *d)
{
	struct mono begun = now_read().mono;
	const struct stored *s;
	struct object_answer a;

	while (fetch_next(&d->fetch, &s, &a)) {
		lk_err err = a.err;

		if (err.code == LK_E_NOTFOUND || err.code == LK_E_LIMIT)
			err = damaged(r, d, s, err);
		else if (err.code != LK_OK)
			err = depot_fail(r, d->place, &a);
		else if (d->step == SNAPSHOTS)
			err = snapshot_next(r, d, s, buf_bytes(&a.bytes));
		else
			err = object_look(r, d, s, buf_bytes(&a.bytes));
		object_answer_clear(&a);
		TRY(err);
		if (now_read().mono.ms - begun.ms >= BACKUP_SLICE_MS) {
			request_again(r, 0);
			break;
		}
	}
	return (LK_NONE);
}

static lk_err
diffing_poll(struct request *r, bool *done)
{
	struct diffing *d = r->state;

	if (d->step == LISTING) {
		bool listed;

		TRY(listing_step(r, d->place, &d->listing, &listed));
		if (!listed)
			return (LK_NONE);
		TRY(snapshots_ask(r, d));
		d->step = SNAPSHOTS;
	}
	TRY(answers_take(r, d));
	TRY(fetch_progress(r, &d->fetch, &d->progress));
	if (!fetch_done(&d->fetch))
		return (LK_NONE);
	if (d->step == PARCELS) {
		*done = true;
		diff_result(r, d);
		return (LK_NONE);
	}
	request_again(r, 0);
	return (d->step == SNAPSHOTS ? snapshots_end(r, d) : rolls_end(d));
}

lk_err
backup_diff(struct request *r)
{
	struct diffing *d = calloc(1, sizeof(*d));
	bool readable = false;
	lk_err err;

	if (d == NULL)
		return (LK_ERR(LK_E_NOMEM, "backups"));
	for (size_t i = 0; i < SIDES; i++)
		d->at[i].plain.max = 1;
	err = progress_wanted(r, &d->progress);
	if (err.code == LK_OK)
		err = backup_secrets_or(r, &d->secrets, &readable);
	if (err.code == LK_OK && !readable)
		err = LK_ERR(LK_E_USAGE, "phrase: expected it, or a key");
	if (err.code == LK_OK)
		err = depot_open(r, &d->place);
	if (err.code != LK_OK) {
		diffing_free(d);
		return (err);
	}
	d->fetch.place = d->place;
	request_defer(r, diffing_poll, (struct mono){ 0 }, d, diffing_free);
	return (LK_NONE);
}
