#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/ballast.h"
#include "sync/docstate.h"
#include "sync/endpoint.h"
#include "sync/engine_state.h"
#include "sync/epoch.h"
#include "sync/person.h"
#include "tests/sim/entropy.h"
#include "tests/sim/large/large.h"

#define SHARES_AT_ONCE 100
#define RECEIVE_AT_ONCE 256
#define MAP_MAX ((size_t)256 * 1024 * 1024)

static void
seeded_begin(struct device *d)
{
	d->random =
	    random_from_seed(&d->seeded, d->world->o.seed * 1000003 + d->index);
	d->seeded.key[31] = 3;
}

static void
session_open(struct device *d, const char *dir)
{
	struct large *w = d->world;
	struct verifier verifier = { .run = verify_jobs_here };

	if (d->random.fill == NULL)
		seeded_begin(d);
	large_need(w, store_open(&d->store, dir, MAP_MAX), "store_open");
	large_need(w,
	    replica_new(&d->replica, &d->identity, d->random, verifier),
	    "replica_new");
}

static void
session_close(struct device *d)
{
	replica_free(d->replica);
	store_close(d->store);
	d->replica = NULL;
	d->store = NULL;
}

static void
commit(struct device *d)
{
	const struct replica_event *events;
	size_t n;

	large_need(d->world, txn_commit(d->txn), "txn_commit");
	replica_committed(d->replica, &events, &n);
	d->txn = NULL;
}

/* The same person whenever it is made: from the device's seed. */
static void
person_make(struct device *d)
{
	uint8_t entropy[16] = { 9 };
	char name[32];

	(void)snprintf(name, sizeof(name), "d%u", (unsigned)d->index);
	seeded_begin(d);
	memcpy(entropy + 4, &d->index, sizeof(d->index));
	large_need(d->world, identity_create(&d->identity, &d->random, name),
	    "identity_create");
	device_begin(d);
	large_need(d->world, home_create(d->replica, &d->identity, entropy),
	    "home_create");
	commit(d);
}

static void
person_first(struct device *d)
{
	char dir[PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%s/first", d->world->dir);
	session_open(d, dir);
	person_make(d);
	session_close(d);
	directory_remove(dir);
}

static lk_err
title_fill(void *ctx, struct edit *e, struct doc *doc)
{
	struct value v = { .type = VALUE_STR, .bytes = BYTES_STR(ctx) };

	(void)doc;
	return edit_put(e, DOC_ROOT,
	    (struct prop){ .is_key = true, .key = BYTES_STR("title") }, &v);
}

static void
share_with(struct device *d, uint32_t docno, const struct device *with)
{
	struct cert cert;
	struct person person = { .devices = &cert, .devices_len = 1 };

	large_need(d->world,
	    cert_decode(
		&cert, BYTES(with->identity.cert, with->identity.cert_len)),
	    "cert_decode");
	memcpy(person.root_pk, with->identity.root_pk, 32);
	large_need(d->world,
	    replica_share(d->replica, docno, &person, ROLE_WRITE),
	    "replica_share");
}

/* The common document, by the first of its devices. */
static void
common_make(struct large *w, uint32_t first)
{
	struct device *d = &w->devices[first];
	char dir[PATH_MAX], title[] = "common";

	device_path(d, dir);
	session_open(d, dir);
	person_make(d);
	device_begin(d);
	large_need(w,
	    replica_create(
		d->replica, "common", "map", title_fill, title, &d->docno),
	    "replica_create");
	for (uint32_t i = first + 1; i < large_end(w, first); i++) {
		if (large_joins(w, i))
			continue;
		share_with(d, d->docno, &w->devices[i]);
		if (i % SHARES_AT_ONCE == 0) {
			commit(d);
			device_begin(d);
		}
	}
	commit(d);
	session_close(d);
}

static void
common_welcome(struct device *from, struct device *to)
{
	struct welcome welcome = { .keys_len = 1 };
	uint8_t etag[ETAG_LEN];
	struct docstate *ds;

	large_need(from->world, docstate_get(from->replica, from->docno, &ds),
	    "docstate_get");
	memcpy(welcome.docid, ds->docid, LK_ID_LEN);
	welcome.topic = ds->topic;
	graph_any_epoch(ds->graph, etag);
	large_need(from->world,
	    docstate_key(from->replica, from->docno, etag, &welcome.keys[0]),
	    "docstate_key");
	large_need(from->world,
	    replica_welcome(to->replica, &welcome, &to->docno),
	    "replica_welcome");
	welcome_clear(&welcome);
}

/* What every other member's store begins with: received as from a peer. */
static void
template_make(struct large *w, uint32_t first, const char *dir)
{
	struct device *from = &w->devices[first], to = { .world = w };
	struct log_entry entry;
	uint64_t lsn = 1;
	char path[PATH_MAX];

	to.identity = w->devices[first + 1].identity;
	to.index = w->o.devices;
	session_open(&to, dir);
	device_path(from, path);
	session_open(from, path);
	device_begin(from);
	device_begin(&to);
	common_welcome(from, &to);
	for (;;) {
		struct received got;
		lk_err err = log_next(from->txn, from->docno, lsn, &entry);

		if (err.code == LK_E_NOTFOUND)
			break;
		large_need(w, err, "log_next");
		large_need(w,
		    replica_receive(to.replica, to.docno,
			from->identity.sign.pk, &entry.envelope, 1, &got),
		    "replica_receive");
		if (got.what != RECEIPT_ACCEPTED)
			large_fail(w, "template: %s", got.why);
		lsn = entry.lsn + 1;
	}
	commit(&to);
	commit(from);
	session_close(from);
	session_close(&to);
	for (uint32_t i = first + 1; i < large_end(w, first); i++)
		if (!large_joins(w, i))
			w->devices[i].docno = to.docno;
}

static void
file_copy(struct large *w, const char *to, const char *from)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char block[65536];
	ssize_t n;

	if (in < 0 || out < 0)
		large_fail(w, "cannot copy %s: %s", from, strerror(errno));
	while ((n = read(in, block, sizeof(block))) > 0)
		if (write(out, block, (size_t)n) != n)
			large_fail(w, "cannot write %s", to);
	(void)close(in);
	(void)close(out);
}

/* With the ballast as a file without blocks: ten thousand of them are 40 GB. */
static void
store_place(struct large *w, const char *dir, const char *like)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];
	int fd;

	if (mkdir(dir, 0700) != 0)
		large_fail(w, "cannot make %s", dir);
	(void)snprintf(to, sizeof(to), "%s/" BALLAST_FILE, dir);
	fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, BALLAST_LEN) != 0)
		large_fail(w, "cannot make %s", to);
	(void)close(fd);
	if (like == NULL)
		return;
	(void)snprintf(to, sizeof(to), "%s/data.mdb", dir);
	(void)snprintf(from, sizeof(from), "%s/data.mdb", like);
	file_copy(w, to, from);
}

/* How many there are: devices that far apart are of one. */
static uint32_t
groups(const struct large *w)
{
	return (w->o.devices + SMALL_GROUP - 1) / SMALL_GROUP;
}

static void
group_make(struct device *d)
{
	struct large *w = d->world;
	char title[] = "group";
	uint32_t docno;

	device_begin(d);
	large_need(w,
	    replica_create(
		d->replica, "group", "map", title_fill, title, &docno),
	    "replica_create");
	for (uint32_t i = d->index + groups(w); i < w->o.devices;
	     i += groups(w))
		share_with(d, docno, &w->devices[i]);
	commit(d);
}

static void
acquaint(struct engine *e, struct device *d, uint32_t other)
{
	struct large *w = d->world;
	struct device *o = &w->devices[other];
	struct proof proof = { .len = 1 };
	char text[32];
	struct addresses at = { .len = 1 };

	if (other == d->index || other >= w->o.devices)
		return;
	large_need(w,
	    cert_decode(
		&proof.certs[0], BYTES(o->identity.cert, o->identity.cert_len)),
	    "cert_decode");
	line_address(text, other);
	large_need(w, endpoint_parse(&at.at[0], text), "endpoint_parse");
	large_need(
	    w, peers_learn(e, &proof.certs[0], &proof, &at), "peers_learn");
}

/* Each knows its group, and some who were there before it. */
static void
acquaintances_make(struct device *d)
{
	struct large *w = d->world;
	uint32_t first = large_first(w, d->index);
	struct engine *e;

	large_need(w, engine_new(&e, d->replica, &d->identity, d->random),
	    "engine_new");
	device_begin(d);
	for (uint32_t i = d->index % groups(w); w->o.groups && i < w->o.devices;
	     i += groups(w))
		acquaint(e, d, i);
	for (uint32_t i = 0; i < w->o.contacts; i++)
		if (d->index > first && !large_joins(w, d->index))
			acquaint(e, d,
			    first +
				(uint32_t)random_below(
				    &w->random, d->index - first));
	commit(d);
	engine_free(e);
}

static void
device_place(struct large *w, struct device *d, const char *template)
{
	bool member = !large_joins(w, d->index);
	uint8_t cert[IDENTITY_CERT_MAX];
	char dir[PATH_MAX];

	device_path(d, dir);
	d->member = member;
	if (d->index != large_first(w, d->index)) {
		memcpy(cert, d->identity.cert, sizeof(cert));
		store_place(w, dir, member ? template : NULL);
		session_open(d, dir);
		person_make(d);
		if (memcmp(cert, d->identity.cert, sizeof(cert)) != 0)
			large_fail(w, "%u: another person", (unsigned)d->index);
	} else {
		session_open(d, dir);
	}
	acquaintances_make(d);
	if (w->o.groups && d->index < groups(w))
		group_make(d);
	session_close(d);
}

void
people_make(struct large *w)
{
	char template[LARGE_DIR_MAX + 16], dir[PATH_MAX];

	(void)snprintf(template, sizeof(template), "%s/template", w->dir);
	for (uint32_t i = 0; i < w->o.devices; i++)
		person_first(&w->devices[i]);
	for (uint32_t first = 0; first < w->o.devices;
	     first = large_end(w, first)) {
		device_path(&w->devices[first], dir);
		store_place(w, dir, NULL);
		common_make(w, first);
		template_make(w, first, template);
		for (uint32_t i = first; i < large_end(w, first); i++)
			device_place(w, &w->devices[i], template);
		directory_remove(template);
	}
}
