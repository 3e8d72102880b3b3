/*
 * device.h - one device for tests: identity, store and replica in a directory
 * of its own.
 */
#ifndef TESTS_SYNC_DEVICE_H
#define TESTS_SYNC_DEVICE_H

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
#include "sync/home.h"

/* Owns everything; device_make to device_remove. */
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

	ok(store_open(&d->store, d->dir, (size_t)256 << 20));
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

static inline size_t
device_commit(struct device *d)
{
	const struct replica_event *events;
	size_t n;

	ok(txn_commit(d->txn));
	replica_committed(d->r, &events, &n);
	return n;
}

static inline void
device_close(struct device *d)
{
	replica_free(d->r);
	store_close(d->store);
}

static inline void
device_make(struct device *d, uint64_t seed)
{
	static const uint8_t entropy[16] = { 7 };

	memset(d, 0, sizeof(*d));
	(void)strlcpy(d->dir, "/tmp/lk-replica-XXXXXX", sizeof(d->dir));
	assert_non_null(mkdtemp(d->dir));
	ok(crypto_start());
	d->now.wall.ms = 1800000000000;
	d->random = random_from_seed(&d->seed, seed);
	ok(identity_create(&d->identity, &d->random, "laptop"));
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

#endif
