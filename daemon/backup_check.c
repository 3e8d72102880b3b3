/*
 * Everything at a place of backups is read: each object is what it is named
 * after, opens, and is well formed, and every snapshot has all it names.  What
 * is wrong is told with the documents it concerns.  Without the phrase only the
 * first and the last can be seen, and no names.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"
#include "sync/keep.h"

#define CHECK_BAD_MAX 1024 /* are told; the rest is counted */
#define CHECK_NAMES_MAX (128u * 1024 * 1024)
/* What is kept of snapshots, to tell which documents damage concerns. */
#define CHECK_SEEN_MAX (256u * 1024 * 1024)

/* A document as some roll or parcel names it. */
struct named {
	uint8_t object[SEALED_NAME_LEN]; /* the roll or parcel it is in */
	uint32_t docno;
	size_t doc; /* which of all documents, when all is read */
	uint8_t docid[LK_ID_LEN];
	char name[ROLL_NAME_MAX + 1]; /* "": of a parcel */
};

/* A snapshot that was read. */
struct seen {
	const struct stored *stored;
	struct buf clear, plain;
	struct buf names;     /* those of clear, ascending */
	struct snapshot read; /* with the key only */
};

struct bad {
	const struct stored *stored; /* or NULL: it is missing */
	uint8_t name[SEALED_NAME_LEN];
	const char *why;
};

struct checking {
	struct depot *place;
	struct listing listing;
	struct fetch fetch;
	struct progress progress;
	struct backup_secrets secrets;
	bool readable, listed;
	struct named *named; /* owned */
	size_t named_len, named_cap;
	struct seen *seen; /* owned */
	size_t seen_len;
	struct bad *bad; /* owned */
	size_t bad_len, bad_cap;
	uint64_t bad_all;   /* with those that are not told */
	struct buf unknown; /* names that snapshots need and no list shows */
	struct buf others;  /* names of what is sealed to another key; ascending
			     */
	uint64_t foreign, opened;
	bool asked; /* for the unknown ones */
	size_t seen_bytes;
	uint64_t bytes;
};

static void
checking_free(void *state)
{
	struct checking *c = state;

	fetch_clear(&c->fetch);
	depot_close(c->place);
	listing_clear(&c->listing);
	backup_secrets_clear(&c->secrets);
	for (size_t i = 0; i < c->seen_len; i++) {
		buf_clear(&c->seen[i].clear);
		buf_clear(&c->seen[i].names);
		buf_wipe(&c->seen[i].plain);
	}
	buf_clear(&c->unknown);
	buf_clear(&c->others);
	free(c->named);
	free(c->seen);
	free(c->bad);
	free(c);
}

static lk_err
bad_add(struct checking *c, const struct stored *s, const uint8_t *name,
    const char *why)
{
	struct bad *b;

	c->bad_all++;
	if (c->bad_len == CHECK_BAD_MAX)
		return (LK_NONE);
	if (c->bad_len == c->bad_cap) {
		size_t cap = c->bad_cap == 0 ? 16 : 2 * c->bad_cap;
		struct bad *v = reallocarray(c->bad, cap, sizeof(*v));

		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "check"));
		c->bad = v;
		c->bad_cap = cap;
	}
	b = &c->bad[c->bad_len++];
	*b = (struct bad){ .stored = s, .why = why };
	memcpy(b->name, name, sizeof(b->name));
	return (LK_NONE);
}

static lk_err
named_add(
    struct checking *c, const struct stored *in, const struct roll_entry *e)
{
	struct named *n;

	if (c->named_len == c->named_cap) {
		size_t cap = c->named_cap == 0 ? 256 : 2 * c->named_cap;
		struct named *v = reallocarray(c->named, cap, sizeof(*v));

		if (v == NULL)
			return (LK_ERR(LK_E_NOMEM, "check"));
		c->named = v;
		c->named_cap = cap;
	}
	n = &c->named[c->named_len++];
	*n = (struct named){ .docno = e->docno };
	memcpy(n->object, in->at.name, SEALED_NAME_LEN);
	memcpy(n->docid, e->docid, LK_ID_LEN);
	if (e->home)
		(void)strlcpy(
		    n->name, "(devices, contacts and names)", sizeof(n->name));
	else if (e->name.len > 0)
		memcpy(n->name, e->name.ptr, e->name.len);
	return (LK_NONE);
}

static lk_err
roll_look(struct checking *c, const struct stored *s, struct bytes plain)
{
	struct roll_reader reader;
	struct roll_entry e;
	lk_err err;

	roll_begin(&reader, plain);
	while (roll_next(&reader, &e, &err))
		TRY(named_add(c, s, &e));
	return (err);
}

/* It has no names: they are needed where it is a roll that is bad. */
static lk_err
parcel_look(struct checking *c, const struct stored *s, struct bytes plain)
{
	struct parcel_reader reader;
	struct parcel_group g;
	lk_err err;

	parcel_begin(&reader, plain);
	while (parcel_next(&reader, &g, &err)) {
		struct roll_entry e = { .docno = g.docno };

		memcpy(e.docid, g.docid, sizeof(e.docid));
		TRY(named_add(c, s, &e));
	}
	return (err);
}

static int
name_compare(const void *a, const void *b)
{
	return (memcmp(a, b, SEALED_NAME_LEN));
}

/* Ascending, each once. */
static void
names_sort(struct buf *b)
{
	size_t n = b->len / SEALED_NAME_LEN, kept = 0;

	if (n > 1)
		qsort(b->ptr, n, SEALED_NAME_LEN, name_compare);
	for (size_t i = 0; i < n; i++) {
		const uint8_t *name = b->ptr + i * SEALED_NAME_LEN;

		if (kept > 0 &&
		    name_compare(b->ptr + (kept - 1) * SEALED_NAME_LEN, name) ==
			0)
			continue;
		memmove(b->ptr + kept * SEALED_NAME_LEN, name, SEALED_NAME_LEN);
		kept++;
	}
	b->len = kept * SEALED_NAME_LEN;
}

static bool
names_have(const struct buf *b, const uint8_t *name)
{
	return (b->len > 0 &&
	    bsearch(name, b->ptr, b->len / SEALED_NAME_LEN, SEALED_NAME_LEN,
		name_compare) != NULL);
}

/* What it needs and the list does not show, or another key opens. */
static lk_err
needs_look(struct checking *c, struct bytes names)
{
	size_t room = c->unknown.max - SEALED_CLEAR_MAX;

	for (size_t i = 0; i < names.len; i += SEALED_NAME_LEN) {
		const uint8_t *name = names.ptr + i;

		if (names_have(&c->others, name) ||
		    listing_find(&c->listing, name) == NULL)
			buf_mem(&c->unknown, name, SEALED_NAME_LEN);
	}
	if (c->unknown.len > room / 2)
		names_sort(&c->unknown);
	if (c->unknown.len > room)
		return (LK_ERR(LK_E_LIMIT, "too many objects are missing"));
	return (buf_err(&c->unknown, "check"));
}

static lk_err
snapshot_look(struct checking *c, const struct stored *s,
    const struct sealed *sealed, struct buf *plain)
{
	struct seen *v = reallocarray(c->seen, c->seen_len + 1, sizeof(*v));
	struct snapshot_head head;
	struct seen *seen;

	if (v == NULL)
		return (LK_ERR(LK_E_NOMEM, "check"));
	c->seen = v;
	TRY(backup_head(&head, sealed->clear, s));
	/* Of more than that it is not told what damage concerns. */
	if (c->seen_bytes > CHECK_SEEN_MAX) {
		struct snapshot read;

		if (c->readable)
			TRY(snapshot_read(
			    &read, sealed->clear, buf_bytes(plain)));
		return (needs_look(c, head.names));
	}
	c->seen_bytes += sealed->clear.len + head.names.len + plain->len;
	seen = &c->seen[c->seen_len];
	*seen = (struct seen){ .stored = s };
	buf_init(&seen->clear, SEALED_CLEAR_MAX);
	buf_add(&seen->clear, sealed->clear);
	buf_init(&seen->names, SEALED_CLEAR_MAX);
	buf_add(&seen->names, head.names);
	names_sort(&seen->names);
	seen->plain = *plain;
	*plain = (struct buf){ .max = 1 };
	c->seen_len++;
	TRY(buf_err(&seen->clear, "check"));
	TRY(buf_err(&seen->names, "check"));
	if (c->readable)
		TRY(snapshot_read(&seen->read, buf_bytes(&seen->clear),
		    buf_bytes(&seen->plain)));
	return (needs_look(c, head.names));
}

static lk_err
object_look(struct checking *c, struct bytes object, const struct stored *s)
{
	struct sealed sealed;
	lk_err err;
	size_t seen = c->seen_len;
	BUF_SECRET plain = { .max = 1 };

	c->bytes += object.len;
	err = backup_open(object, s, c->readable ? &c->secrets.reading : NULL,
	    &sealed, &plain);
	if (err.code == LK_E_DENIED) {
		c->foreign++;
		buf_mem(&c->others, s->at.name, SEALED_NAME_LEN);
		return (buf_err(&c->others, "check"));
	}
	c->opened += err.code == LK_OK;
	if (err.code == LK_OK && sealed.kind == SEALED_SNAPSHOT)
		err = snapshot_look(c, s, &sealed, &plain);
	else if (err.code == LK_OK && c->readable)
		err = sealed.kind == SEALED_ROLL
		    ? roll_look(c, s, buf_bytes(&plain))
		    : parcel_look(c, s, buf_bytes(&plain));
	if (err.code == LK_OK || err.code == LK_E_NOMEM)
		return (err);
	/* One whose inside is bad tells nothing about others. */
	if (c->seen_len > seen) {
		c->seen_len--;
		buf_clear(&c->seen[c->seen_len].clear);
		buf_clear(&c->seen[c->seen_len].names);
		buf_wipe(&c->seen[c->seen_len].plain);
	}
	return (bad_add(c, s, s->at.name, err.what));
}

/* What no list shows may have been put since the list was made. */
static lk_err
unknown_ask(struct checking *c)
{
	c->asked = true;
	names_sort(&c->unknown);
	for (size_t i = 0; i < c->unknown.len; i += SEALED_NAME_LEN) {
		const uint8_t *name = c->unknown.ptr + i;

		if (names_have(&c->others, name))
			TRY(bad_add(c, listing_find(&c->listing, name), name,
			    "it is sealed to another key"));
		else
			TRY(fetch_unlisted(&c->fetch, name));
	}
	return (LK_NONE);
}

static int
docid_compare(const void *a, const void *b)
{
	const struct named *const *x = a, *const *y = b;

	return (memcmp((*x)->docid, (*y)->docid, LK_ID_LEN));
}

static int
docno_compare(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return (x->docno < y->docno ? -1 : x->docno > y->docno);
}

/* Documents that something bad concerns, each once. */
struct concerned {
	struct checking *c;
	struct json_object *list;
	const char **called; /* owned; of each document; NULL: in no list */
	size_t *said;        /* owned; for which bad object, from 1 */
	size_t turn;
	struct kept_name *names; /* owned; on this device */
	size_t names_len;
};

/* Numbers the documents, and has what named them ascend by ->docno. */
static lk_err
concerned_begin(struct concerned *d)
{
	struct checking *c = d->c;
	size_t n = c->named_len, doc = 0;
	struct named **v = calloc(n + 1, sizeof(*v));

	d->called = calloc(n + 1, sizeof(*d->called));
	d->said = calloc(n + 1, sizeof(*d->said));
	if (v == NULL || d->called == NULL || d->said == NULL) {
		free(v);
		return (LK_ERR(LK_E_NOMEM, "check"));
	}
	if (n > 1)
		qsort(c->named, n, sizeof(*c->named), docno_compare);
	for (size_t i = 0; i < n; i++)
		v[i] = &c->named[i];
	if (n > 1)
		qsort(v, n, sizeof(*v), docid_compare);
	for (size_t i = 0; i < n; i++) {
		doc += i > 0 && docid_compare(&v[i - 1], &v[i]) != 0;
		v[i]->doc = doc;
		if (v[i]->name[0] != '\0')
			d->called[doc] = v[i]->name;
	}
	free(v);
	return (LK_NONE);
}

static void
concerned_clear(struct concerned *d)
{
	free(d->called);
	free(d->said);
	free(d->names);
}

/* What a document is called, here or in any list that could be read. */
static const char *
name_of(const struct concerned *d, const struct named *n)
{
	const struct kept_name *here;

	if (d->called[n->doc] != NULL)
		return (d->called[n->doc]);
	here = keep_name_of(d->names, d->names_len, n->docid);
	return (here == NULL ? "" : here->name);
}

static void
concerned_add(struct concerned *d, const struct named *n)
{
	struct json_object *o;

	if (d->said[n->doc] == d->turn)
		return;
	d->said[n->doc] = d->turn;
	o = json_object_new_object();
	json_add_id(o, "doc", BYTES_OF(n->docid));
	json_add_text(o, "name", name_of(d, n));
	json_object_array_add(d->list, o);
}

/* A document of a snapshot by its number, as one of its objects has it;
 * where none does, as another backup's: its number may be another machine's
 * there, but one too many is told rather than none. */
static void
number_add(struct concerned *d, const struct buf *names, uint32_t docno)
{
	const struct checking *c = d->c;
	const struct named *found = NULL;
	size_t low = 0, high = c->named_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->named[mid].docno < docno)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < c->named_len && c->named[low].docno == docno; low++) {
		found = &c->named[low];
		if (names_have(names, found->object))
			break;
	}
	if (found != NULL)
		concerned_add(d, found);
}

/* What of one snapshot is bad with this object; *uses: it names it. */
static lk_err
snapshot_concerned(struct concerned *d, const struct seen *seen,
    const uint8_t *bad, bool *uses)
{
	struct snapshot s = seen->read;
	struct snapshot_parcel p;
	struct snapshot_roll roll;
	struct snapshot_head head;
	size_t at = 0;

	*uses = names_have(&seen->names, bad);
	if (!*uses || !d->c->readable)
		return (LK_NONE);
	TRY(snapshot_head_read(&head, buf_bytes(&seen->clear)));
	for (; snapshot_parcel_next(&s, &p); at += SEALED_NAME_LEN) {
		uint32_t docno = 0;

		if (memcmp(head.names.ptr + at, bad, SEALED_NAME_LEN) != 0)
			continue;
		while (snapshot_document_next(&p, &docno))
			number_add(d, &seen->names, docno);
	}
	for (; snapshot_roll_next(&s, &roll); at += SEALED_NAME_LEN) {
		uint32_t first = (uint32_t)roll.block * BACKUP_BLOCK;

		if (memcmp(head.names.ptr + at, bad, SEALED_NAME_LEN) != 0)
			continue;
		for (uint32_t i = 0; i < BACKUP_BLOCK; i++)
			number_add(d, &seen->names, first + i);
	}
	return (LK_NONE);
}

static lk_err
bad_fill(struct concerned *d, const struct bad *b, struct json_object *o,
    struct json_object *snapshots)
{
	const struct checking *c = d->c;
	char hex[2 * SEALED_NAME_LEN + 1];
	bool uses;

	hex_encode(hex, BYTES_OF(b->name));
	json_add_text(o, "object", hex);
	json_add_text(o, "kind",
	    b->stored != NULL && b->stored->at.snapshot ? "snapshot" : "data");
	json_add_text(o, "why", b->why);
	for (size_t i = 0; i < c->seen_len; i++) {
		TRY(snapshot_concerned(d, &c->seen[i], b->name, &uses));
		if (!uses)
			continue;
		hex_encode(hex, BYTES_OF(c->seen[i].stored->at.name));
		json_object_array_add(snapshots, json_object_new_string(hex));
	}
	if (b->stored == NULL || !b->stored->at.snapshot)
		return (LK_NONE);
	/* What a snapshot that cannot be read held nobody can tell: it may
	 * have been any of them. */
	hex_encode(hex, BYTES_OF(b->name));
	json_object_array_add(snapshots, json_object_new_string(hex));
	for (size_t i = 0; i < c->named_len; i++)
		concerned_add(d, &c->named[i]);
	return (LK_NONE);
}

static lk_err
bads_say(struct request *r, struct concerned *d, struct json_object *list)
{
	const struct checking *c = d->c;
	lk_err err = LK_NONE;

	if (daemon_identity(r->daemon) != NULL)
		TRY(keep_names(
		    daemon_replica(r->daemon), &d->names, &d->names_len));
	TRY(concerned_begin(d));
	for (size_t i = 0; err.code == LK_OK && i < c->bad_len; i++) {
		struct json_object *o = json_object_new_object(),
				   *snapshots = json_object_new_array();

		json_object_array_add(list, o);
		d->list = json_object_new_array();
		d->turn = i + 1;
		err = bad_fill(d, &c->bad[i], o, snapshots);
		json_object_object_add(o, "snapshots", snapshots);
		json_object_object_add(o, "documents", d->list);
	}
	return (err);
}

static lk_err
check_result(struct request *r, struct checking *c)
{
	struct json_object *list = json_object_new_array();
	struct concerned d = { .c = c };
	lk_err err = LK_NONE;

	if (c->opened == 0 && c->foreign > 0) {
		json_object_put(list);
		return (request_fail(r, LK_ERR(LK_E_DENIED, "check"),
		    "%s: the %s of somebody else", c->place->url,
		    backup_secrets_of(r)));
	}
	json_add_text(r->result, "place", c->place->url);
	json_add_number(
	    r->result, "snapshots", c->listing.len - c->listing.snapshots);
	json_add_number(r->result, "objects", c->listing.len);
	json_add_number(r->result, "bytes", c->bytes);
	json_add_flag(r->result, "opened", c->readable);
	json_add_number(r->result, "others", c->foreign);
	json_add_number(r->result, "untold", c->bad_all - c->bad_len);
	json_object_object_add(r->result, "damaged", list);
	if (c->bad_len > 0)
		err = bads_say(r, &d, list);
	concerned_clear(&d);
	return (err);
}

static lk_err
checking_poll(struct request *r, bool *done)
{
	struct checking *c = r->state;
	struct mono begun = now_read().mono;
	const struct stored *what;
	struct object_answer a;

	if (!c->listed) {
		TRY(listing_step(r, c->place, &c->listing, &c->listed));
		if (!c->listed)
			return (LK_NONE);
		if (c->listing.len == 0)
			return (request_fail(r, LK_ERR(LK_E_NOTFOUND, "backup"),
			    "%s: no backup there", c->place->url));
		for (size_t i = 0; i < c->listing.len; i++)
			TRY(fetch_add(&c->fetch, &c->listing.v[i]));
	}
	TRY(fetch_progress(r, &c->fetch, &c->progress));
	while (fetch_next(&c->fetch, &what, &a)) {
		lk_err err;

		if (a.err.code == LK_OK)
			err = object_look(c, buf_bytes(&a.bytes), what);
		else if (a.err.code == LK_E_NOTFOUND && c->asked)
			err =
			    bad_add(c, NULL, what->at.name, "it is not there");
		else if (a.err.code == LK_E_NOTFOUND ||
		    a.err.code == LK_E_LIMIT)
			err = bad_add(c, what, what->at.name, a.err.what);
		else
			err = depot_fail(r, c->place, &a);
		object_answer_clear(&a);
		TRY(err);
		if (now_read().mono.ms - begun.ms >= BACKUP_SLICE_MS) {
			request_again(r, 0);
			break;
		}
	}
	if (fetch_done(&c->fetch) && !c->asked) {
		TRY(unknown_ask(c));
		request_again(r, 0);
	}
	*done = fetch_done(&c->fetch);
	return (*done ? check_result(r, c) : LK_NONE);
}

lk_err
backup_check(struct request *r)
{
	struct checking *c = calloc(1, sizeof(*c));
	lk_err err;

	if (c == NULL)
		return (LK_ERR(LK_E_NOMEM, "check"));
	buf_init(&c->unknown, CHECK_NAMES_MAX);
	buf_init(&c->others, CHECK_NAMES_MAX);
	err = progress_wanted(r, &c->progress);
	if (err.code == LK_OK)
		err = backup_secrets_or(r, &c->secrets, &c->readable);
	if (err.code == LK_OK)
		err = depot_open(r, &c->place);
	if (err.code != LK_OK) {
		checking_free(c);
		return (err);
	}
	c->fetch.place = c->place;
	request_defer(r, checking_poll, (struct mono){ 0 }, c, checking_free);
	return (LK_NONE);
}
