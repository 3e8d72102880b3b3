/*
 * A backup comes back on a machine that is nobody's yet: as a new device, made
 * one of the person by the root key that the phrase gives, in the place of the
 * one that made the backup, which ends with it.
 *
 *   LISTING -> CHOOSING -> ROLLS -> PARCELS -> PLACE -> DOCUMENTS
 *
 * Envelopes are taken in as those of a peer are: every signature is checked and
 * every rule applied.  The device's record "restoring" is there from the
 * first write to the last; with it the same can be asked again after a crash,
 * and what is here already is passed over.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup_restoring.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"
#include "sync/keep.h"

#define RESTORING "restoring"
#define LACKING_SAID_MAX 8 /* documents, by name */
#define OFFERED_MAX 256    /* envelopes of a document at once */

void
restoring_free(void *state)
{
	struct restoring *c = state;

	if (c->daemon != NULL)
		c->daemon->restoring = false;
	giving_free(c->giving);
	scratch_close(c->scratch);
	fetch_clear(&c->fetch);
	depot_close(c->place);
	listing_clear(&c->listing);
	backup_secrets_clear(&c->secrets);
	choice_clear(&c->choice);
	buf_clear(&c->parcel);
	buf_clear(&c->bad);
	for (size_t i = 0; i < c->docs_len; i++) {
		secret_wipe(c->docs[i].keys, c->docs[i].keys_len);
		secret_wipe(&c->docs[i].kept, sizeof(c->docs[i].kept));
		free(c->docs[i].keys);
		free(c->docs[i].name);
	}
	free(c->docs);
	json_object_put(c->damaged);
	free(c);
}

static struct kv
device_records(struct daemon *d)
{
	return (txn_space(d->txn, STORE_DEVICE, SPACE_META));
}

/* The object of this name, to be fetched. */
static lk_err
object_want(struct restoring *c, const uint8_t *name)
{
	const struct stored *s = listing_find(&c->listing, name);

	return (s != NULL ? fetch_add(&c->fetch, s)
			  : fetch_unlisted(&c->fetch, name));
}

/* Behind the names of parcels come those of rolls. */
static lk_err
objects_want(struct restoring *c, bool rolls)
{
	struct snapshot_head head;
	size_t n;

	TRY(snapshot_head_read(&head, buf_bytes(&c->choice.clear)));
	n = head.names.len / SEALED_NAME_LEN;
	for (size_t i = rolls ? c->read.parcels : 0;
	     i < (rolls ? n : c->read.parcels); i++)
		TRY(object_want(c, head.names.ptr + i * SEALED_NAME_LEN));
	return (LK_NONE);
}

/* What could not be had of a parcel or roll: the rest may be all the same. */
static void
object_damaged(struct restoring *c, const uint8_t *name, const char *why)
{
	struct json_object *o = json_object_new_object();
	char hex[2 * SEALED_NAME_LEN + 1];

	hex_encode(hex, BYTES(name, SEALED_NAME_LEN));
	json_add_text(o, "object", hex);
	json_add_text(o, "why", why);
	json_object_array_add(c->damaged, o);
	buf_mem(&c->bad, name, SEALED_NAME_LEN);
}

/* An answer without an object: it is not there, or there is no other. */
static lk_err
object_lost(struct request *r, struct restoring *c, const struct stored *as,
    const struct object_answer *a)
{
	if (a->err.code != LK_E_NOTFOUND && a->err.code != LK_E_LIMIT)
		return (depot_fail(r, c->place, a));
	object_damaged(c, as->at.name,
	    a->err.code == LK_E_NOTFOUND ? "it is not there" : a->err.what);
	return (LK_NONE);
}

static lk_err
document_add(struct restoring *c, const struct roll_entry *e)
{
	struct restored *v, *d;
	uint8_t home[EPOCH_SECRET_LEN];

	if (c->docs_len == c->docs_cap) {
		size_t cap = c->docs_cap == 0 ? 256 : 2 * c->docs_cap;

		v = reallocarray(c->docs, cap, sizeof(*v));
		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "documents"));
		c->docs = v;
		c->docs_cap = cap;
	}
	d = &c->docs[c->docs_len];
	*d = (struct restored){ .docno = e->docno };
	memcpy(d->kept.docid, e->docid, LK_ID_LEN);
	memcpy(d->kept.secret, e->secret, EPOCH_SECRET_LEN);
	/* Which one it is says the phrase. */
	keep_home_secret(home, c->secrets.root_seed);
	d->kept.home = digest_equal(home, e->secret, sizeof(home));
	secret_wipe(home, sizeof(home));
	d->keys = malloc(e->keys.len + 1);
	d->name = strndup(
	    e->name.len == 0 ? "" : (const char *)e->name.ptr, e->name.len);
	if (d->keys == NULL || d->name == NULL) {
		free(d->keys);
		free(d->name);
		return (LK_ERR(LK_E_NOMEM, "documents"));
	}
	memcpy(d->keys, e->keys.ptr, e->keys.len);
	d->keys_len = e->keys.len;
	if (e->type.len > 0)
		memcpy(d->type, e->type.ptr, e->type.len);
	c->docs_len++;
	return (LK_NONE);
}

static int
restored_compare(const void *a, const void *b)
{
	const struct restored *x = a, *y = b;

	return (x->docno < y->docno ? -1 : x->docno > y->docno);
}

static lk_err
roll_take(struct restoring *c, struct bytes object, const struct stored *as)
{
	struct roll_reader reader;
	struct roll_entry e;
	struct sealed sealed;
	lk_err err;
	BUF_SECRET plain = { .max = 1 };

	err = backup_open(object, as, &c->secrets.reading, &sealed, &plain);
	if (err.code == LK_E_DATA || err.code == LK_E_DENIED) {
		object_damaged(c, as->at.name, err.what);
		return (LK_NONE);
	}
	TRY(err);
	roll_begin(&reader, buf_bytes(&plain));
	while (roll_next(&reader, &e, &err))
		TRY(document_add(c, &e));
	if (err.code != LK_OK)
		object_damaged(c, as->at.name, err.what);
	if (c->docs_len > 1)
		qsort(c->docs, c->docs_len, sizeof(*c->docs), restored_compare);
	return (LK_NONE);
}

static lk_err
parcel_take(struct restoring *c, struct bytes object, const struct stored *as)
{
	struct sealed sealed;
	lk_err err;

	buf_clear(&c->parcel);
	err = backup_open(object, as, &c->secrets.reading, &sealed, &c->parcel);
	if (err.code == LK_E_DATA || err.code == LK_E_DENIED) {
		object_damaged(c, as->at.name, err.what);
		return (LK_NONE);
	}
	TRY(err);
	memcpy(c->parcel_name, as->at.name, sizeof(c->parcel_name));
	parcel_begin(&c->reader, buf_bytes(&c->parcel));
	c->in_parcel = true;
	return (LK_NONE);
}

/* The document of a group; NULL: it is in no list, so it was forgotten. */
static struct restored *
restored_of(struct restoring *c, uint32_t docno)
{
	const struct restored key = { .docno = docno };

	return (c->docs_len == 0 ? NULL
				 : bsearch(&key, c->docs, c->docs_len,
				       sizeof(key), restored_compare));
}

static lk_err
group_take(struct restoring *c)
{
	struct bytes all[OFFERED_MAX];
	struct received out[OFFERED_MAX];
	struct restored *d = restored_of(c, c->group.docno);
	size_t n = 0;

	if (d == NULL ||
	    memcmp(d->kept.docid, c->group.docid, LK_ID_LEN) != 0) {
		c->in_group = false;
		return (LK_NONE);
	}
	if (d->here == 0)
		TRY(keep_restore(c->replica, &d->kept,
		    BYTES(d->keys, d->keys_len), &d->here));
	while (n < OFFERED_MAX && parcel_envelope(&c->group, &all[n]))
		n++;
	c->in_group = c->group.envelopes > 0;
	TRY(replica_offer(c->replica, d->here, all, n, out));
	for (size_t i = 0; i < n; i++) {
		c->bytes += all[i].len;
		if (out[i].what == RECEIPT_ACCEPTED ||
		    out[i].what == RECEIPT_KNOWN) {
			c->accepted++;
		} else {
			c->refused++;
			/* Of what counts for nothing not all is kept. */
			d->lacks |= out[i].what != RECEIPT_DROPPED;
		}
	}
	return (LK_NONE);
}

static int
name_compare(const void *a, const void *b)
{
	return (memcmp(a, b, SEALED_NAME_LEN));
}

/* The documents of parcels that could not be had. */
static lk_err
lacking_mark(struct restoring *c)
{
	struct snapshot s = c->read;
	struct snapshot_parcel p;
	struct snapshot_head head;
	struct restored *d;

	TRY(buf_err(&c->bad, "damaged objects"));
	TRY(snapshot_head_read(&head, buf_bytes(&c->choice.clear)));
	if (c->bad.len == 0)
		return (LK_NONE);
	qsort(c->bad.ptr, c->bad.len / SEALED_NAME_LEN, SEALED_NAME_LEN,
	    name_compare);
	for (size_t at = 0; snapshot_parcel_next(&s, &p);
	     at += SEALED_NAME_LEN) {
		uint32_t docno = 0;

		if (bsearch(head.names.ptr + at, c->bad.ptr,
			c->bad.len / SEALED_NAME_LEN, SEALED_NAME_LEN,
			name_compare) == NULL)
			continue;
		while (snapshot_document_next(&p, &docno)) {
			d = restored_of(c, docno);
			if (d != NULL)
				d->lacks = true;
		}
	}
	return (LK_NONE);
}

const char *
restored_name(const struct restored *d)
{
	if (d->kept.home)
		return ("(devices, contacts and names)");
	return (d->name[0] == '\0' ? "(no name)" : d->name);
}

/* Before this device takes the place: of what lacks something nothing is
 * final yet. */
static lk_err
whole_or_not(struct request *r, struct restoring *c)
{
	struct json_object *list;
	size_t n = 0;
	BUF_SCOPED text = { .max = 16 * 1024 };

	TRY(lacking_mark(c));
	list = json_object_new_array();
	for (size_t i = 0; i < c->docs_len; i++) {
		const struct restored *d = &c->docs[i];

		if (!d->lacks)
			continue;
		json_object_array_add(
		    list, json_object_new_string(restored_name(d)));
		if (n++ < LACKING_SAID_MAX)
			buf_printf(&text, "%s%.80s", n == 1 ? ": " : ", ",
			    restored_name(d));
	}
	if (n == 0 && c->bad.len == 0) {
		json_object_put(list);
		return (LK_NONE);
	}
	buf_printf(&text, "%s", n > LACKING_SAID_MAX ? ", ..." : "");
	buf_u8(&text, 0);
	request_detail(r, "documents", list);
	request_hint(r,
	    "lk backup check says more; mended, the same command goes on; "
	    "--partial has what is there");
	return (request_fail(r, LK_ERR(LK_E_CORRUPT, "backup"),
	    "%s: %zu objects damaged or missing, %zu documents not whole%s",
	    c->place->url, c->bad.len / SEALED_NAME_LEN, n,
	    text.failed ? "" : (const char *)text.ptr));
}

/* A part of the parcel in hand, or the next one. */
static lk_err
parcels_step(struct request *r, struct restoring *c, bool *idle)
{
	const struct stored *what;
	struct object_answer a;
	lk_err err;

	*idle = false;
	if (c->in_group)
		return (group_take(c));
	if (c->in_parcel) {
		c->in_parcel = parcel_next(&c->reader, &c->group, &err);
		c->in_group = c->in_parcel;
		if (err.code != LK_OK)
			object_damaged(c, c->parcel_name, err.what);
		return (LK_NONE);
	}
	if (fetch_done(&c->fetch)) {
		c->step = c->scratch != NULL ? TAKEN_IN : PLACE;
		return (c->partial ? LK_NONE : whole_or_not(r, c));
	}
	*idle = !fetch_next(&c->fetch, &what, &a);
	if (*idle)
		return (LK_NONE);
	if (a.err.code == LK_OK)
		err = parcel_take(c, buf_bytes(&a.bytes), what);
	else
		err = object_lost(r, c, what, &a);
	object_answer_clear(&a);
	return (err);
}

static lk_err
rolls_step(struct request *r, struct restoring *c, bool *idle)
{
	const struct stored *what;
	struct object_answer a;
	lk_err err;

	*idle = false;
	if (fetch_done(&c->fetch)) {
		struct snapshot s = c->read;
		struct snapshot_parcel p;

		while (snapshot_parcel_next(&s, &p))
			c->total += p.envelopes;
		c->step = PARCELS;
		return (objects_want(c, false));
	}
	*idle = !fetch_next(&c->fetch, &what, &a);
	if (*idle)
		return (LK_NONE);
	if (a.err.code == LK_OK)
		err = roll_take(c, buf_bytes(&a.bytes), what);
	else
		err = object_lost(r, c, what, &a);
	object_answer_clear(&a);
	return (err);
}

/* What was begun goes on, and nothing else: two backups in one home would be
 * neither. */
static lk_err
restoring_record(struct request *r, const struct restoring *c)
{
	struct kv records = device_records(r->daemon);
	const struct identity *me = daemon_identity(r->daemon);
	struct bytes begun;
	lk_err err = kv_get(records, BYTES_STR(RESTORING), &begun);

	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return (err);
	if (err.code == LK_OK &&
	    !bytes_equal(begun, BYTES_OF(c->snapshot->at.name))) {
		char hex[2 * SEALED_NAME_LEN + 1] = "";

		if (begun.len == SEALED_NAME_LEN)
			hex_encode(hex, begun);
		request_hint(r,
		    "--snapshot %.8s goes on with it; another one needs "
		    "another LK_HOME",
		    hex);
		return (request_fail(r, LK_ERR(LK_E_EXISTS, "restoring"),
		    "backup %.8s is half restored here, and this would be "
		    "another",
		    hex));
	}
	if (me != NULL &&
	    memcmp(me->sign.pk, c->read.device_pk, SIGN_PK_LEN) == 0)
		return (request_fail(r, LK_ERR(LK_E_EXISTS, "device"),
		    "%s: this device itself made the backup", c->place->url));
	return (kv_put(
	    records, BYTES_STR(RESTORING), BYTES_OF(c->snapshot->at.name)));
}

static lk_err
choosing_step(struct request *r, struct restoring *c, bool *idle)
{
	bool done = false;

	TRY(choice_step(r, &c->choice, &c->secrets, &done, idle));
	if (!done)
		return (LK_NONE);
	c->snapshot = c->choice.stored;
	c->read = c->choice.read;
	if (c->scratch == NULL)
		TRY(restoring_record(r, c));
	c->step = ROLLS;
	return (objects_want(c, true));
}

/* This device becomes the person's, and the old one ends. */
static lk_err
place_step(struct request *r, struct restoring *c)
{
	struct daemon *d = r->daemon;
	struct identity before = d->identity;
	lk_err err;

	c->step = DOCUMENTS;
	if (daemon_identity(d) != NULL) {
		identity_clear(&before);
		return (LK_NONE);
	}
	TRY(replica_nest(r->replica));
	err = keep_take_place(
	    r->replica, &d->identity, &c->secrets.root, c->read.device_pk);
	/* Half of it would make this device one that nobody lets in. */
	if (err.code != LK_OK)
		d->identity = before;
	identity_clear(&before);
	if (err.code != LK_OK) {
		lk_err undone = replica_unnest(r->replica, false);

		TRY(undone);
		return (request_fail(r, err,
		    "%s: no place to take in this backup: %s", c->place->url,
		    err.what));
	}
	return (replica_unnest(r->replica, true));
}

/* The same in a document; the last one ends it all. */
static lk_err
document_step(struct request *r, struct restoring *c, bool *done)
{
	uint32_t home = 0;
	lk_err err = replica_doc_next(r->replica, c->docno, &c->docno);

	if (err.code == LK_E_NOTFOUND) {
		*done = true;
		return (
		    kv_del(device_records(r->daemon), BYTES_STR(RESTORING)));
	}
	TRY(err);
	TRY(replica_home(r->replica, &home));
	if (c->docno == home)
		return (LK_NONE);
	c->documents++;
	err = keep_take_place_in(
	    r->replica, &c->secrets.root, c->docno, c->read.device_pk);
	if (err.code != LK_E_DENIED && err.code != LK_E_NOTFOUND)
		return (err);
	c->unwritable++;
	return (LK_NONE);
}

lk_err
restoring_work(struct request *r, struct restoring *c, bool *done, bool *idle)
{
	bool listed;

	*idle = false;
	switch (c->step) {
	case LISTING:
		TRY(listing_step(r, c->place, &c->listing, &listed));
		*idle = !listed;
		if (!listed)
			return (LK_NONE);
		c->step = CHOOSING;
		return (choice_begin(r, &c->choice, &c->listing, c->place));
	case CHOOSING:
		return (choosing_step(r, c, idle));
	case ROLLS:
		return (rolls_step(r, c, idle));
	case PARCELS:
		return (parcels_step(r, c, idle));
	case TAKEN_IN:
		return (LK_NONE);
	case PLACE:
		return (place_step(r, c));
	case DOCUMENTS:
		return (document_step(r, c, done));
	}
	return (LK_NONE);
}

static lk_err
restored_say(struct request *r, struct restoring *c)
{
	struct json_object *list = json_object_new_array(), *o;
	struct snapshot_setting s;

	json_add_identity(r->result, daemon_identity(r->daemon));
	json_add_text(r->result, "place", c->place->url);
	json_add_snapshot(r->result, c->snapshot);
	json_add_id(r->result, "instead_of", BYTES_OF(c->read.device_pk));
	json_add_number(r->result, "documents", c->documents);
	json_add_number(r->result, "unwritable", c->unwritable);
	json_add_number(r->result, "envelopes", c->accepted);
	json_add_number(r->result, "refused", c->refused);
	json_add_number(r->result, "passed_over", c->choice.others);
	json_object_object_add(r->result, "damaged", c->damaged);
	c->damaged = NULL;
	json_object_object_add(r->result, "settings", list);
	while (snapshot_setting_next(&c->read, &s)) {
		/* Of the backup itself: backup_states.h. */
		if (bytes_equal(s.kind, BYTES_STR("state")))
			continue;
		o = json_object_new_object();
		json_object_array_add(list, o);
		json_object_object_add(o, "kind",
		    json_object_new_string_len(
			(const char *)s.kind.ptr, (int)s.kind.len));
		json_object_object_add(o, "of",
		    json_object_new_string_len(
			(const char *)s.of.ptr, (int)s.of.len));
		json_object_object_add(o, "value",
		    json_object_new_string_len(
			(const char *)s.value.ptr, (int)s.value.len));
	}
	return (LK_NONE);
}

lk_err
restoring_progress(struct request *r, struct restoring *c)
{
	struct json_object *event;

	if (!progress_due(r, &c->progress))
		return (LK_NONE);
	event = json_object_new_object();
	json_add_text(
	    event, "what", c->step == DOCUMENTS ? "documents" : "envelopes");
	json_add_number(
	    event, "done", c->step == DOCUMENTS ? c->documents : c->accepted);
	json_add_number(
	    event, "of", c->step == DOCUMENTS ? c->docs_len : c->total);
	return (request_notify(r, event));
}

static lk_err
restoring_poll(struct request *r, bool *done)
{
	struct restoring *c = r->state;
	struct mono begun = now_read().mono;
	bool idle = false;

	/* There was neither when the request came. */
	r->replica = daemon_replica(r->daemon);
	r->engine = daemon_engine(r->daemon);
	c->replica = r->replica;
	while (
	    !idle && !*done && now_read().mono.ms - begun.ms < BACKUP_SLICE_MS)
		TRY(restoring_work(r, c, done, &idle));
	if (*done)
		return (restored_say(r, c));
	TRY(restoring_progress(r, c));
	if (!idle)
		request_again(r, 0);
	return (LK_NONE);
}

/* A device that is nobody's; or one that was interrupted here. */
static lk_err
device_make(struct request *r)
{
	struct daemon *d = r->daemon;
	struct bytes value;
	const char *name;
	lk_err err;

	if (d->restoring)
		return (request_fail(r, LK_ERR(LK_E_EXISTS, "restoring"),
		    "a backup is being restored here already"));
	TRY(param_string(r, "name", &name));
	err = kv_get(device_records(d), BYTES_STR(RESTORING), &value);
	if (err.code == LK_E_NOTFOUND)
		return (request_init_empty(r, name));
	TRY(err);
	r->replica = d->replica;
	r->engine = d->engine;
	return (LK_NONE);
}

lk_err
restoring_new(struct request *r, struct restoring **out)
{
	struct restoring *c = calloc(1, sizeof(*c));
	lk_err err;

	if (c == NULL)
		return (LK_ERR(LK_E_NOMEM, "restore"));
	c->damaged = json_object_new_array();
	c->bad.max = SNAPSHOT_OBJECTS_MAX * SEALED_NAME_LEN;
	err = progress_wanted(r, &c->progress);
	if (err.code == LK_OK)
		err = param_bool_or(r, "partial", false, &c->partial);
	if (err.code == LK_OK)
		err = backup_secrets(r, &c->secrets);
	if (err.code == LK_OK)
		err = depot_open(r, &c->place);
	if (err.code != LK_OK) {
		restoring_free(c);
		return (err);
	}
	c->fetch.place = c->place;
	*out = c;
	return (LK_NONE);
}

lk_err
backup_restore(struct request *r)
{
	struct restoring *c = NULL;
	lk_err err;

	TRY(restoring_new(r, &c));
	err = device_make(r);
	if (err.code != LK_OK) {
		restoring_free(c);
		return (err);
	}
	c->daemon = r->daemon;
	c->daemon->restoring = true;
	request_defer(r, restoring_poll, (struct mono){ 0 }, c, restoring_free);
	return (LK_NONE);
}
