/*
 * The repository of version 1 in tests/data/backup/v1: what was written once is
 * read for ever, down to the ids of all envelopes.  What is in it is in its
 * file `reader`, as tests/backup/reader.py said it when it was made.
 */
#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backup/parcel.h"
#include "backup/roll.h"
#include "backup/snapshot.h"
#include "crypto/digest.h"
#include "crypto/phrase.h"

#define V1 LK_TEST_DATA "/backup/v1/"
#define DOCUMENTS_MAX 16

/* A document of the backup, and the ids of its envelopes. */
struct held {
	uint32_t docno;
	uint8_t docid[LK_ID_LEN];
	char name[ROLL_NAME_MAX + 1], type[ROLL_TYPE_MAX + 1];
	struct buf ids;
	size_t ids_len;
};

struct repository {
	struct dh_key reading;
	struct buf clear, plain; /* of the snapshot */
	struct snapshot snapshot;
	struct snapshot_head head;
	struct held docs[DOCUMENTS_MAX];
	size_t docs_len;
};

static void
file_read(struct buf *out, const char *path)
{
	char whole[1024];
	uint8_t piece[4096];
	size_t n;
	FILE *f;

	(void)snprintf(whole, sizeof(whole), V1 "%s", path);
	buf_init(out, OBJECT_BYTES_MAX);
	f = fopen(whole, "rb");
	assert_non_null(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_mem(out, piece, n);
	(void)fclose(f);
	assert_false(out->failed);
}

static void
reading_key(struct dh_key *key)
{
	uint8_t entropy[PHRASE_ENTROPY_LEN], seed[ROOT_SEED_LEN], secret[32];
	BUF_SCOPED phrase = { .max = 1 };

	file_read(&phrase, "phrase");
	assert_int_equal(
	    phrase_decode(entropy, buf_bytes(&phrase)).code, LK_OK);
	assert_int_equal(phrase_root_seed(seed, entropy).code, LK_OK);
	root_secret(secret, seed, ROOT_BOX);
	dh_key_from_secret(key, secret);
}

/* Opens an object, which is what it is named after. */
static void
object_open(struct repository *r, const struct sealed_place *at,
    enum sealed_kind kind, struct buf *clear, struct buf *plain)
{
	char path[OBJECT_NAME_MAX + 1];
	uint8_t name[SEALED_NAME_LEN];
	struct sealed sealed;
	BUF_SCOPED object = { .max = 1 };

	sealed_path(path, at);
	file_read(&object, path);
	sealed_name(name, buf_bytes(&object));
	assert_memory_equal(name, at->name, sizeof(name));
	assert_int_equal(sealed_read(&sealed, buf_bytes(&object)).code, LK_OK);
	assert_int_equal(sealed.kind, kind);
	assert_int_equal(sealed_open(plain, &sealed, &r->reading).code, LK_OK);
	buf_init(clear, SEALED_CLEAR_MAX);
	buf_add(clear, sealed.clear);
}

/* The path that sorts last. */
static struct sealed_place
newest_find(void)
{
	struct sealed_place newest = { .snapshot = false };
	char last[OBJECT_NAME_MAX + 1] = "", path[OBJECT_NAME_MAX + 1];
	DIR *dir = opendir(V1 SEALED_SNAP);
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		struct sealed_place at;

		(void)snprintf(
		    path, sizeof(path), SEALED_SNAP "%.150s", e->d_name);
		if (!sealed_path_parse(&at, path) || strcmp(path, last) <= 0)
			continue;
		newest = at;
		(void)strlcpy(last, path, sizeof(last));
	}
	(void)closedir(dir);
	assert_true(newest.snapshot);
	return newest;
}

static struct sealed_place
object_at(const struct repository *r, size_t i)
{
	struct sealed_place at = { .snapshot = false };

	memcpy(
	    at.name, r->head.names.ptr + i * SEALED_NAME_LEN, sizeof(at.name));
	return at;
}

static void
roll_take(struct repository *r, size_t i)
{
	struct sealed_place at = object_at(r, i);
	struct roll_reader reader;
	struct roll_entry e;
	lk_err err;
	BUF_SCOPED clear = { .max = 1 };
	BUF_SCOPED plain = { .max = 1 };

	object_open(r, &at, SEALED_ROLL, &clear, &plain);
	roll_begin(&reader, buf_bytes(&plain));
	while (roll_next(&reader, &e, &err)) {
		struct held *d = &r->docs[r->docs_len++];

		assert_true(r->docs_len <= DOCUMENTS_MAX);
		assert_int_equal(e.home, e.name.len == 0);
		assert_true(e.keys.len > 0);
		d->docno = e.docno;
		memcpy(d->docid, e.docid, sizeof(d->docid));
		(void)snprintf(d->name, sizeof(d->name), "%.*s",
		    (int)e.name.len, (const char *)e.name.ptr);
		(void)snprintf(d->type, sizeof(d->type), "%.*s",
		    (int)e.type.len, (const char *)e.type.ptr);
		buf_init(&d->ids, 65536);
	}
	assert_int_equal(err.code, LK_OK);
}

static void
parcel_take(struct repository *r, size_t i)
{
	struct sealed_place at = object_at(r, i);
	struct parcel_reader reader;
	struct parcel_group g;
	struct bytes envelope;
	lk_err err;
	BUF_SCOPED clear = { .max = 1 };
	BUF_SCOPED plain = { .max = 1 };

	object_open(r, &at, SEALED_PARCEL, &clear, &plain);
	parcel_begin(&reader, buf_bytes(&plain));
	while (parcel_next(&reader, &g, &err)) {
		struct held *d = NULL;

		for (size_t k = 0; k < r->docs_len; k++)
			if (r->docs[k].docno == g.docno)
				d = &r->docs[k];
		assert_non_null(d);
		assert_memory_equal(d->docid, g.docid, sizeof(d->docid));
		while (parcel_envelope(&g, &envelope)) {
			uint8_t id[LK_ID_LEN];

			digest(id, sizeof(id), DIGEST_ENVELOPE, NULL, envelope);
			buf_mem(&d->ids, id, sizeof(id));
			d->ids_len++;
		}
	}
	assert_int_equal(err.code, LK_OK);
}

static int
by_name(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* As reader.py says it. */
static void
repository_say(struct repository *r, struct buf *out)
{
	const struct snapshot *s = &r->snapshot;

	buf_add(out, s->device_name);
	buf_printf(out, " %" PRId64 "\n", r->head.time_ms);
	assert_int_equal(s->settings, 0);
	qsort(r->docs, r->docs_len, sizeof(*r->docs), by_name);
	for (size_t i = 0; i < r->docs_len; i++) {
		struct held *d = &r->docs[i];
		char docid[2 * LK_ID_LEN + 1], hex[2 * SHA256_LEN + 1];
		uint8_t all[SHA256_LEN];

		qsort(d->ids.ptr, d->ids_len, LK_ID_LEN, lk_id_compare);
		sha256(all, buf_bytes(&d->ids));
		hex_encode(hex, BYTES_OF(all));
		hex_encode(docid, BYTES_OF(d->docid));
		buf_printf(out, "%s %s %s %zu %s\n",
		    d->name[0] == '\0' ? "(home)" : d->name,
		    d->type[0] == '\0' ? "-" : d->type, docid, d->ids_len, hex);
	}
}

static void
the_repository_of_version_1_holds_what_it_held_when_it_was_made(void **state)
{
	struct repository r = { .docs_len = 0 };
	struct sealed_place at = newest_find();
	size_t parcels, all;
	BUF_SCOPED said = { .max = 65536 };
	BUF_SCOPED wanted = { .max = 1 };

	(void)state;
	reading_key(&r.reading);
	object_open(&r, &at, SEALED_SNAPSHOT, &r.clear, &r.plain);
	assert_int_equal(
	    snapshot_head_read(&r.head, buf_bytes(&r.clear)).code, LK_OK);
	assert_int_equal(r.head.time_ms, at.time_ms);
	assert_int_equal(
	    snapshot_read(&r.snapshot, buf_bytes(&r.clear), buf_bytes(&r.plain))
		.code,
	    LK_OK);
	parcels = (size_t)r.snapshot.parcels;
	all = parcels + (size_t)r.snapshot.rolls;
	assert_true(parcels > 0 && all > parcels);
	for (size_t i = parcels; i < all; i++)
		roll_take(&r, i);
	for (size_t i = 0; i < parcels; i++)
		parcel_take(&r, i);
	repository_say(&r, &said);
	file_read(&wanted, "reader");
	assert_true(bytes_equal(buf_bytes(&said), buf_bytes(&wanted)));
	for (size_t i = 0; i < r.docs_len; i++)
		buf_clear(&r.docs[i].ids);
	buf_clear(&r.clear);
	buf_clear(&r.plain);
}

static void
no_other_phrase_opens_the_repository_of_version_1(void **state)
{
	struct sealed_place at = newest_find();
	char path[OBJECT_NAME_MAX + 1];
	const uint8_t secret[DH_LEN] = { 1 };
	struct dh_key other;
	struct sealed sealed;
	BUF_SCOPED object = { .max = 1 };
	BUF_SCOPED plain = { .max = 1 };

	(void)state;
	sealed_path(path, &at);
	file_read(&object, path);
	assert_int_equal(sealed_read(&sealed, buf_bytes(&object)).code, LK_OK);
	dh_key_from_secret(&other, secret);
	assert_int_equal(
	    sealed_open(&plain, &sealed, &other).code, LK_E_DENIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_repository_of_version_1_holds_what_it_held_when_it_was_made),
		cmocka_unit_test(
		    no_other_phrase_opens_the_repository_of_version_1),
	};

	return crypto_start().code == LK_OK
	    ? cmocka_run_group_tests(tests, NULL, NULL)
	    : 1;
}
