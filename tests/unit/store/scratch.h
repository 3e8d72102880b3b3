/*
 * scratch.h - a directory that is gone after the test, and a seeded stream of
 * numbers.
 */
#ifndef TESTS_STORE_SCRATCH_H
#define TESTS_STORE_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "crypto/random.h"
#include "store/store.h"

struct scratch {
	char dir[PATH_MAX];
	struct random_seeded seeded;
	struct random random;
};

static inline int
scratch_remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void
scratch_init(struct scratch *s, uint64_t seed)
{
	const char *tmp = getenv("TMPDIR");

	assert_int_equal(crypto_start().code, LK_OK);
	(void)snprintf(s->dir, sizeof(s->dir), "%s/lk-store-XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(s->dir));
	s->random = random_from_seed(&s->seeded, seed);
}

static inline void
scratch_clear(struct scratch *s)
{
	assert_int_equal(
	    nftw(s->dir, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline size_t
scratch_below(struct scratch *s, size_t n)
{
	return (size_t)random_below(&s->random, n);
}

static inline struct store *
scratch_store(struct scratch *s, size_t map_max)
{
	struct store *store;

	assert_int_equal(store_open(&store, s->dir, map_max).code, LK_OK);
	return store;
}

static inline struct txn *
scratch_txn(struct store *s, enum txn_mode mode)
{
	struct txn *t;

	assert_int_equal(txn_begin(s, mode, &t).code, LK_OK);
	return t;
}

#define assert_ok(call) assert_int_equal((call).code, LK_OK)
#define assert_code(call, want) assert_int_equal((call).code, (want))

static inline void
assert_undamaged(struct store *s)
{
	struct store_damage d;
	struct txn *t = scratch_txn(s, TXN_READ);

	assert_ok(store_verify(t, &d));
	assert_int_equal(d.envelopes, 0);
	assert_int_equal(d.records, 0);
	txn_abort(t);
}

/* An envelope of n bytes that are a function of the number. */
static inline void
scratch_entry(struct log_entry *e, uint8_t *bytes, size_t n, uint32_t number)
{
	uint8_t tag[4] = { 'a', 'b', 'c', 'd' };

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(number >> (8 * (i % 4))) ^ (uint8_t)i;
	*e = (struct log_entry){ .docno = 1 + number % 3,
		.seq = 1 + number / 4,
		.envelope = BYTES(bytes, n) };
	memset(e->tag, tag[number % 4], sizeof(e->tag));
	digest(e->id, sizeof(e->id), DIGEST_ENVELOPE, NULL, e->envelope);
}

#endif
