/*
 * members.h - several devices, each a person of its own with a real store and
 * replica, for tests.
 */
#ifndef TESTS_UNIT_SYNC_MEMBERS_H
#define TESTS_UNIT_SYNC_MEMBERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/identity.h"
#include "sync/admit.h"
#include "sync/home.h"
#include "sync/person.h"
#include "sync/revoke.h"

#define START_MS INT64_C(1800000000000)

struct device {
	char dir[64];
	struct identity identity;
	struct random_seeded seed;
	struct random random;
	struct store *store;
	struct txn *txn;
	struct replica *r;
	struct now now;
};

static inline void
ok(lk_err err)
{
	if (err.code != LK_OK)
		fail_msg("%s: %s", lk_strcode(err.code), err.what);
}

static inline void
device_open(struct device *d)
{
	struct verifier verifier = { .run = verify_jobs_here };

	ok(store_open(&d->store, d->dir, (size_t)1 << 30));
	ok(replica_new(&d->r, &d->identity, d->random, verifier));
}

static inline void
device_begin(struct device *d)
{
	d->now.mono.ms++;
	d->now.wall.ms++;
	ok(txn_begin(d->store, TXN_WRITE, &d->txn));
	replica_begin(d->r, d->txn, d->now);
}

static inline void
device_commit(struct device *d)
{
	const struct replica_event *events;
	size_t n;

	ok(txn_commit(d->txn));
	replica_committed(d->r, &events, &n);
}

static inline void
device_close(struct device *d)
{
	replica_free(d->r);
	store_close(d->store);
}

static inline void
device_reopen(struct device *d)
{
	device_close(d);
	device_open(d);
}

static inline void
device_make(struct device *d, uint8_t seed, const char *name)
{
	uint8_t entropy[16] = { seed };

	memset(d, 0, sizeof(*d));
	(void)snprintf(d->dir, sizeof(d->dir), "/tmp/lk-member-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	ok(crypto_start());
	d->now.wall.ms = START_MS;
	d->random = random_from_seed(&d->seed, seed);
	ok(identity_create(&d->identity, &d->random, name));
	device_open(d);
	device_begin(d);
	ok(home_create(d->r, &d->identity, entropy));
	device_commit(d);
}

static inline void
device_remove(struct device *d)
{
	char command[128];

	device_close(d);
	identity_clear(&d->identity);
	(void)snprintf(command, sizeof(command), "rm -rf %s", d->dir);
	assert_int_equal(system(command), 0);
}

static inline struct prop
prop(const char *key)
{
	return (struct prop){ .is_key = true, .key = BYTES_STR(key) };
}

struct setting {
	const char *key, *text;
};

static inline lk_err
setting_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct setting *s = ctx;
	struct value v = { .type = VALUE_STR, .bytes = BYTES_STR(s->text) };

	(void)doc;
	return edit_put(e, DOC_ROOT, prop(s->key), &v);
}

static inline lk_err
edit_try(struct device *d, uint32_t docno, const char *key, const char *text)
{
	struct setting s = { key, text };
	uint8_t hash[LK_ID_LEN];
	bool changed;
	lk_err err;

	device_begin(d);
	ok(replica_nest(d->r));
	err = replica_edit(d->r, docno, setting_fill, &s, NULL, &changed, hash);
	ok(replica_unnest(d->r, err.code == LK_OK));
	device_commit(d);
	return err;
}

static inline void
edit(struct device *d, uint32_t docno, const char *key, const char *text)
{
	ok(edit_try(d, docno, key, text));
}

static inline uint32_t
document(struct device *d, const char *name)
{
	struct setting s = { "title", name };
	uint32_t docno;

	device_begin(d);
	ok(replica_create(d->r, name, "map", setting_fill, &s, &docno));
	device_commit(d);
	return docno;
}

static inline bool
shows(struct device *d, uint32_t docno, const char *key)
{
	struct doc *doc;
	struct item item;
	lk_err err;

	device_begin(d);
	ok(replica_open_doc(d->r, docno, &doc));
	err = doc_get(doc, DOC_ROOT, prop(key), &item);
	doc_free(doc);
	device_commit(d);
	if (err.code != LK_E_NOTFOUND)
		ok(err);
	return err.code == LK_OK;
}

/* The grant of a person's root key and of his device, as share writes it. */
static inline lk_err
share_try(
    struct device *d, uint32_t docno, const struct device *with, enum role role)
{
	struct cert cert;
	struct person person = { .devices = &cert, .devices_len = 1 };
	lk_err err;

	ok(cert_decode(
	    &cert, BYTES(with->identity.cert, with->identity.cert_len)));
	memcpy(person.root_pk, with->identity.root_pk, 32);
	device_begin(d);
	err = replica_share(d->r, docno, &person, role);
	device_commit(d);
	return err;
}

static inline void
evict(struct device *d, uint32_t docno, const uint8_t key[static 32],
    enum role level)
{
	struct revoke_report report;

	device_begin(d);
	ok(replica_revoke(d->r, docno,
	    &(struct revoke_order){ .key = key, .level = level }, &report));
	device_commit(d);
}

static inline enum role
role_of(struct device *d, uint32_t docno, const uint8_t key[static 32])
{
	struct graph *g;
	enum role role;

	device_begin(d);
	ok(replica_graph(d->r, docno, &g));
	role = graph_role(g, key);
	device_commit(d);
	return role;
}

#endif
