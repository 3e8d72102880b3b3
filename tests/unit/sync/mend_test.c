#include <fcntl.h>

#include "store/table.h"
#include "sync/envelope.h"
#include "sync/mend.h"
#include "tests/unit/sync/device.h"

#define CHANGES 30
#define FLIPS 400

/* A device with one document, the file of its store, and what the document is
 * as long as nothing is damaged. */
struct patient {
	struct device d;
	uint32_t docno;
	char path[96];
	uint8_t *image;
	size_t image_len;
	struct buf export;
	struct {
		struct bytes at[10 * CHANGES];
		size_t len;
	} peer[3]; /* what another device has of the home, and of the document
		    */
	struct arena arena;
};

static lk_err
put_number(void *ctx, struct edit *edit, struct doc *doc)
{
	const struct value v = { .type = VALUE_INT, .i64 = *(int64_t *)ctx };
	char name[16];
	struct prop key = { .is_key = true };

	(void)doc;
	(void)snprintf(name, sizeof(name), "k%d", (int)(v.i64 % 7));
	key.key = BYTES_STR(name);
	return edit_put(edit, DOC_ROOT, key, &v);
}

static void
patient_envelopes(struct patient *p, uint32_t docno)
{
	struct log_entry e = { .lsn = 0 };

	while (log_next(p->d.txn, docno, e.lsn + 1, &e).code == LK_OK)
		p->peer[docno].at[p->peer[docno].len++] =
		    arena_copy(&p->arena, e.envelope);
}

static void
export_now(struct patient *p, struct buf *out)
{
	BUF_SCOPED heads = { .max = 1 << 20 };

	buf_init(out, 1 << 20);
	ok(replica_export(p->d.r, p->docno, EXPORT_HISTORY, out, &heads));
}

static void
patient_make(struct patient *p, uint64_t seed)
{
	*p = (struct patient){ 0 };
	arena_init(&p->arena, (size_t)16 << 20);
	device_make(&p->d, seed);
	device_begin(&p->d);
	ok(replica_create(p->d.r, "plan", "map", NULL, NULL, &p->docno));
	for (int64_t i = 0; i < CHANGES; i++) {
		uint8_t hash[LK_ID_LEN];
		bool changed;

		ok(replica_edit(
		    p->d.r, p->docno, put_number, &i, "", &changed, hash));
	}
	assert_int_equal(p->docno, 2);
	patient_envelopes(p, 1);
	patient_envelopes(p, 2);
	export_now(p, &p->export);
	device_commit(&p->d);
	device_close(&p->d);
}

/* Reads or writes the store's file. */
static void
patient_file(struct patient *p, bool write_it)
{
	int fd;

	(void)snprintf(p->path, sizeof(p->path), "%s/data.mdb", p->d.dir);
	fd = open(
	    p->path, write_it ? O_WRONLY | O_CLOEXEC : O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	if (!write_it) {
		p->image_len = (size_t)lseek(fd, 0, SEEK_END);
		p->image = malloc(p->image_len);
		assert_non_null(p->image);
		assert_int_equal(
		    pread(fd, p->image, p->image_len, 0), p->image_len);
	} else {
		assert_int_equal(
		    pwrite(fd, p->image, p->image_len, 0), p->image_len);
		assert_int_equal(ftruncate(fd, (off_t)p->image_len), 0);
	}
	(void)close(fd);
}

static void
patient_remove(struct patient *p)
{
	free(p->image);
	buf_clear(&p->export);
	arena_clear(&p->arena);
	device_remove(&p->d);
}

struct outcome {
	size_t refused, untouched, mended, healed;
};

/* Everything about the document that a user can ask for. */
static void
assert_sound(struct patient *p)
{
	struct store_damage damage;
	uint32_t docno;
	BUF_SCOPED again = { 0 };

	export_now(p, &again);
	assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&p->export)));
	ok(replica_home(p->d.r, &docno));
	ok(replica_doc_next(p->d.r, docno, &docno));
	assert_int_equal(docno, p->docno);
	ok(store_verify(p->d.txn, &damage));
	assert_int_equal(damage.envelopes, 0);
	assert_int_equal(damage.records, 0);
}

static void
mend(struct patient *p, uint32_t docno, struct mend_report *m)
{
	ok(replica_nest(p->d.r));
	ok(replica_mend(p->d.r, docno, m));
	ok(replica_unnest(p->d.r, true));
}

/* Looks at all, as a scrub does. */
static uint64_t
mend_all(struct patient *p)
{
	uint64_t found = 0;
	uint32_t last;

	ok(store_last_document(p->d.txn, &last));
	for (uint32_t n = 0; n <= last; n++) {
		struct mend_report m;

		mend(p, n, &m);
		found += m.records + m.envelopes;
	}
	return found;
}

/* One bit of the file. */
static void
flip_one(struct patient *p, size_t bit, struct outcome *o)
{
	struct received verdicts[10 * CHANGES];
	struct store *store;
	uint64_t found;

	p->image[bit / 8] ^= (uint8_t)(1u << bit % 8);
	patient_file(p, true);
	p->image[bit / 8] ^= (uint8_t)(1u << bit % 8);
	/* Not a store any more: what holds it together is gone. */
	if (store_open(&store, p->d.dir, (size_t)256 << 20).code != LK_OK) {
		o->refused++;
		return;
	}
	store_close(store);
	device_open(&p->d);
	device_begin(&p->d);
	found = mend_all(p);
	if (found == 0) {
		o->untouched++;
	} else {
		for (uint32_t n = 1; n <= 2; n++)
			ok(replica_receive(p->d.r, n, NULL, p->peer[n].at,
			    p->peer[n].len, verdicts));
		o->mended++;
	}
	assert_sound(p);
	device_commit(&p->d);
	device_close(&p->d);
}

static void
whatever_bit_flips_the_document_comes_back(void **state)
{
	struct random_seeded seed = { 0 };
	struct random random;
	struct outcome o = { 0 };
	struct patient p;

	(void)state;
	patient_make(&p, 5);
	patient_file(&p, false);
	random = random_from_seed(&seed, 77);
	for (size_t i = 0; i < FLIPS; i++)
		flip_one(&p,
		    (size_t)random_below(&random, (uint32_t)p.image_len * 8),
		    &o);
	assert_true(o.mended > FLIPS / 20);
	patient_file(&p, true);
	device_open(&p.d);
	patient_remove(&p);
}

/* Writes bytes that do not check over a record. */
static void
spoil(struct patient *p, enum table table, const struct key *k)
{
	struct bytes key = key_view(k), raw;
	uint8_t *at;
	BUF_SCOPED b = { .max = ENVELOPE_MAX + 64 };

	ok(cursor_move(p->d.txn, table, MDB_SET_KEY, &key, &raw));
	buf_add(&b, raw);
	b.ptr[b.len - 1] ^= 1;
	ok(raw_put(p->d.txn, table, key_view(k), b.len, &at));
	memcpy(at, b.ptr, b.len);
}

static void
spoil_node(struct patient *p, uint32_t number)
{
	struct key k = { 0 };

	key_number(&k, p->docno, DOCNO_LEN);
	key_number(&k, SPACE_NODES, 1);
	key_number(&k, number, 4);
	spoil(p, TABLE_STATE, &k);
}

static void
spoil_envelope(struct patient *p, size_t i)
{
	uint8_t id[LK_ID_LEN];
	struct place place;
	struct key k;

	envelope_id(id, p->peer[p->docno].at[i]);
	ok(place_of(p->d.txn, id, &place));
	lsn_key(&k, place.lsn);
	spoil(p, TABLE_LOG, &k);
}

static uint64_t
keys_shown(struct patient *p)
{
	struct doc *doc;
	uint64_t n;

	ok(replica_open_doc(p->d.r, p->docno, &doc));
	ok(doc_length(doc, DOC_ROOT, &n));
	doc_free(doc);
	return n;
}

/* The state and an early change are gone at once, and no peer is there. */
static void
without_a_change_the_rest_waits_and_is_not_lost(void **state)
{
	struct received verdicts[10 * CHANGES];
	struct mend_report m;
	struct patient p;
	uint32_t docno;

	(void)state;
	patient_make(&p, 6);
	device_open(&p.d);
	device_begin(&p.d);
	/* After the genesis and four changes. */
	spoil_envelope(&p, 5);
	spoil_node(&p, 3);
	device_commit(&p.d);
	device_begin(&p.d);
	mend(&p, p.docno, &m);
	assert_true(m.rebuilt);
	assert_int_equal(m.records, 1);
	assert_int_equal(m.lost, 1);
	assert_int_equal(m.waiting, CHANGES - 5);
	assert_int_equal(keys_shown(&p), 4);
	device_commit(&p.d);
	device_begin(&p.d);
	ok(replica_home(p.d.r, &docno));
	ok(replica_receive(
	    p.d.r, p.docno, NULL, &p.peer[p.docno].at[5], 1, verdicts));
	assert_int_equal(verdicts[0].what, RECEIPT_ACCEPTED);
	assert_int_equal(keys_shown(&p), 7);
	assert_sound(&p);
	device_commit(&p.d);
	patient_remove(&p);
}

/* What is damaged in the log alone changes nothing of what is shown. */
static void
a_damaged_envelope_is_told_and_taken_from_a_peer(void **state)
{
	struct received verdicts[10 * CHANGES];
	struct change_info info;
	struct mend_report m;
	struct patient p;
	uint8_t id[LK_ID_LEN];
	size_t damaged = 0;

	(void)state;
	patient_make(&p, 7);
	device_open(&p.d);
	device_begin(&p.d);
	spoil_envelope(&p, 9);
	mend(&p, p.docno, &m);
	assert_false(m.rebuilt);
	assert_int_equal(m.envelopes, 1);
	assert_int_equal(keys_shown(&p), 7);
	ok(replica_damaged(p.d.r, p.docno, 0, id));
	assert_int_equal(
	    replica_damaged(p.d.r, p.docno, 1, id).code, LK_E_NOTFOUND);
	info.lsn = 0;
	while (replica_log(p.d.r, p.docno, info.lsn + 1, &info).code == LK_OK)
		damaged += info.damaged;
	assert_int_equal(damaged, 1);
	ok(replica_receive(p.d.r, p.docno, NULL, p.peer[p.docno].at,
	    p.peer[p.docno].len, verdicts));
	assert_int_equal(
	    replica_damaged(p.d.r, p.docno, 0, id).code, LK_E_NOTFOUND);
	assert_sound(&p);
	device_commit(&p.d);
	patient_remove(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_bit_flips_the_document_comes_back),
		cmocka_unit_test(
		    without_a_change_the_rest_waits_and_is_not_lost),
		cmocka_unit_test(
		    a_damaged_envelope_is_told_and_taken_from_a_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
