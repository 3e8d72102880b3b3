#include "store/table.h"
#include "sync/mend.h"
#include "sync/retrace.h"
#include "tests/unit/sync/group.h"

/* A store beside that of a device, where its documents are made again. */
struct bench {
	struct device *d;
	struct store *store;
	struct retrace *t;
	struct random_seeded seed;
	char dir[64];
};

static void
bench_open(struct bench *b, struct device *d)
{
	*b = (struct bench){ .d = d };
	(void)strlcpy(b->dir, "/tmp/lk-retrace-XXXXXX", sizeof(b->dir));
	assert_non_null(mkdtemp(b->dir));
	ok(store_open(&b->store, b->dir, (size_t)256 << 20));
	ok(retrace_new(&b->t, d->r, b->store, random_from_seed(&b->seed, 9)));
}

static void
bench_close(struct bench *b)
{
	char command[128];

	retrace_free(b->t);
	store_close(b->store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", b->dir);
	assert_int_equal(system(command), 0);
}

/* All of a document, in transactions of `steps` steps of so many bytes. */
static const struct retrace_report *
retrace(struct bench *b, uint32_t docno, size_t bytes, size_t steps)
{
	bool done = false, begun = false;

	while (!done) {
		device_begin(b->d);
		ok(retrace_enter(b->t));
		if (!begun)
			ok(retrace_begin(b->t, docno));
		begun = true;
		for (size_t i = 0; i < steps && !done; i++)
			ok(retrace_step(b->t, bytes, &done));
		ok(retrace_leave(b->t));
		device_commit(b->d);
	}
	return retrace_report(b->t);
}

static void
follows(struct bench *b, uint32_t docno, size_t bytes, size_t steps)
{
	const struct retrace_report *r = retrace(b, docno, bytes, steps);
	struct store_usage usage;

	if (r->damaged || r->differs || r->refused > 0)
		fail_msg("document %u: %s", docno,
		    r->refused > 0 ? r->of[0].why : r->what);
	assert_true(r->envelopes > 0);
	/* Nothing of it is left in the copy. */
	ok(store_usage(b->store, &usage));
	assert_int_equal(usage.envelopes, 0);
}

/* Merges, void work, a change that came twice, and a branch. */
static void
whatever_happened_a_document_follows_from_its_log(void **state)
{
	static const size_t bytes[] = { 1, 1500, 1 << 20 };
	struct group g;
	struct bench b;
	struct mend_report m;
	struct buf twin;
	uint64_t changes;
	uint32_t home, branch;

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "kept", "by all");
	carry(&g.m, g.in_m, &g.a, g.in_a);
	evict(&g.a, g.in_a, g.m.identity.root_pk, ROLE_NONE);
	edit(&g.m, g.in_m, "late", "and void");
	carry(&g.m, g.in_m, &g.a, g.in_a);
	forge_twin(&g.m, g.in_m, &twin);
	(void)give(&g.a, g.in_a, buf_bytes(&twin));
	device_begin(&g.a);
	ok(replica_home(g.a.r, &home));
	ok(replica_branch(g.a.r, home, "draft", &branch));
	device_commit(&g.a);
	edit(&g.a, branch, "more", "of it");
	device_begin(&g.a);
	ok(replica_nest(g.a.r));
	ok(replica_unnest(
	    g.a.r, replica_merge(g.a.r, home, branch, &changes).code == LK_OK));
	device_commit(&g.a);
	bench_open(&b, &g.a);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
		follows(&b, home, bytes[i], 1);
		follows(&b, g.in_a, bytes[i], 3);
		follows(&b, branch, bytes[i], 1000);
	}
	/* Also when it was made again in its place. */
	device_begin(&g.a);
	ok(replica_remake(g.a.r, g.in_a, &m));
	assert_true(m.rebuilt && m.lost == 0 && m.waiting == 0);
	device_commit(&g.a);
	follows(&b, g.in_a, 1 << 20, 1);
	bench_close(&b);
	bench_open(&b, &g.m);
	follows(&b, g.in_m, 1, 1);
	bench_close(&b);
	buf_clear(&twin);
	group_clear(&g);
}

static void
what_is_written_meanwhile_is_looked_at_too(void **state)
{
	const struct retrace_report *r;
	struct device d;
	struct bench b;
	bool done = false, begun = false;
	uint32_t docno;
	int written = 0;

	(void)state;
	device_make(&d, 1, "ann");
	docno = document(&d, "plan");
	for (int i = 0; i < 10; i++)
		edit(&d, docno, i % 2 ? "a" : "b", i % 3 ? "x" : "y");
	bench_open(&b, &d);
	while (!done) {
		device_begin(&d);
		ok(retrace_enter(b.t));
		if (!begun)
			ok(retrace_begin(b.t, docno));
		begun = true;
		ok(retrace_step(b.t, 1, &done));
		ok(retrace_leave(b.t));
		device_commit(&d);
		if (written < 12)
			edit(&d, docno, written % 2 ? "a" : "c",
			    written % 3 ? "v" : "w");
		written++;
	}
	r = retrace_report(b.t);
	assert_false(r->differs || r->damaged);
	/* More than the genesis, the first change, and what there was. */
	assert_true(r->envelopes > 1 + 1 + 10);
	bench_close(&b);
	device_remove(&d);
}

/* A record of a document that checks, and is not what follows. */
static void
record_change(struct device *d, uint32_t docno, enum store_space space)
{
	struct kv kv;
	struct bytes key, value;
	uint8_t first = 0;
	BUF_SCOPED wrong = { .max = 1 << 16 };
	BUF_SCOPED at = { .max = KV_KEY_MAX };

	device_begin(d);
	kv = docstate_space(d->r, docno, space);
	ok(kv_seek(kv, KV_FIRST_GE, BYTES(&first, 1), &key, &value));
	buf_add(&at, key);
	buf_add(&wrong, value);
	wrong.ptr[wrong.len - 1] ^= 1;
	ok(kv_put(kv, buf_bytes(&at), buf_bytes(&wrong)));
	device_commit(d);
	device_reopen(d);
}

static void
what_does_not_follow_is_found_though_it_checks(void **state)
{
	static const enum store_space spaces[] = { SPACE_NODES, SPACE_DOC };
	struct device d;
	struct bench b;
	uint32_t docno;

	(void)state;
	device_make(&d, 1, "ann");
	docno = document(&d, "plan");
	edit(&d, docno, "a", "x");
	for (size_t i = 0; i < 2; i++) {
		const struct retrace_report *r;
		struct mend_report m;

		record_change(&d, docno, spaces[i]);
		bench_open(&b, &d);
		r = retrace(&b, docno, 100, 1);
		assert_true(r->differs);
		assert_non_null(r->what);
		device_begin(&d);
		ok(replica_remake(d.r, docno, &m));
		assert_true(m.rebuilt && m.lost == 0 && m.waiting == 0);
		device_commit(&d);
		follows(&b, docno, 100, 1);
		bench_close(&b);
		assert_true(shows(&d, docno, "a"));
	}
	device_remove(&d);
}

/* The first record of a space does not check any more. */
static void
record_spoil(struct device *d, uint32_t docno, enum store_space space)
{
	struct key k = { 0 };
	struct bytes key, raw;
	uint8_t *at;
	BUF_SCOPED wrong = { .max = 1 << 16 };
	BUF_SCOPED name = { .max = 1 << 16 };

	key_number(&k, docno, DOCNO_LEN);
	key_number(&k, space, 1);
	key = key_view(&k);
	device_begin(d);
	ok(cursor_move(d->txn, TABLE_STATE, MDB_SET_RANGE, &key, &raw));
	buf_add(&name, key);
	buf_add(&wrong, raw);
	wrong.ptr[wrong.len - 1] ^= 1;
	ok(raw_put(d->txn, TABLE_STATE, buf_bytes(&name), wrong.len, &at));
	memcpy(at, wrong.ptr, wrong.len);
	device_commit(d);
	device_reopen(d);
}

static uint64_t
envelopes_of(struct device *d, uint32_t docno)
{
	struct log_entry e = { .lsn = 0 };
	uint64_t n = 0;

	while (log_next(d->txn, docno, e.lsn + 1, &e).code == LK_OK)
		n++;
	return n;
}

static void
mend(struct device *d, uint32_t docno, struct mend_report *m)
{
	ok(replica_nest(d->r));
	ok(replica_mend(d->r, docno, m));
	ok(replica_unnest(d->r, true));
}

/* Mal has the first key by a welcome alone. */
static void
with_a_key_gone_what_is_shown_stays(void **state)
{
	struct group g;
	struct mend_report m;
	uint64_t before;

	(void)state;
	group_make(&g);
	edit(&g.a, g.in_a, "a", "x");
	carry(&g.a, g.in_a, &g.m, g.in_m);
	edit(&g.m, g.in_m, "mine", "unsaid");
	record_spoil(&g.m, g.in_m, SPACE_KEYS);
	device_begin(&g.m);
	before = envelopes_of(&g.m, g.in_m);
	mend(&g.m, g.in_m, &m);
	assert_int_equal(m.keys, 1);
	assert_false(m.rebuilt);
	assert_int_equal(envelopes_of(&g.m, g.in_m), before);
	/* Nothing is damaged now; nor is it worth to be made again. */
	mend(&g.m, g.in_m, &m);
	assert_int_equal(m.records + m.keys, 0);
	ok(replica_nest(g.m.r));
	assert_int_equal(replica_remake(g.m.r, g.in_m, &m).code, LK_E_DATA);
	ok(replica_unnest(g.m.r, false));
	assert_int_equal(envelopes_of(&g.m, g.in_m), before);
	device_commit(&g.m);
	device_reopen(&g.m);
	assert_true(shows(&g.m, g.in_m, "a"));
	assert_true(shows(&g.m, g.in_m, "mine"));
	group_clear(&g);
}

/* The key that links to the first one comes with a rotation, in the log. */
static void
a_key_that_the_log_brings_back_costs_no_envelope(void **state)
{
	struct group g;
	struct mend_report m;
	uint64_t before;

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "mine", "early");
	carry(&g.m, g.in_m, &g.a, g.in_a);
	evict(&g.a, g.in_a, pk(&g.f), ROLE_NONE);
	edit(&g.a, g.in_a, "a", "late");
	carry(&g.a, g.in_a, &g.m, g.in_m);
	edit(&g.m, g.in_m, "last", "unsaid");
	device_begin(&g.m);
	before = envelopes_of(&g.m, g.in_m);
	device_commit(&g.m);
	record_spoil(&g.m, g.in_m, SPACE_KEYS);
	device_begin(&g.m);
	mend(&g.m, g.in_m, &m);
	assert_int_equal(envelopes_of(&g.m, g.in_m), before);
	/* Twice, since what it did the first time may tell the second. */
	mend(&g.m, g.in_m, &m);
	assert_int_equal(m.records + m.envelopes, 0);
	assert_int_equal(envelopes_of(&g.m, g.in_m), before);
	device_commit(&g.m);
	device_reopen(&g.m);
	assert_true(shows(&g.m, g.in_m, "mine"));
	assert_true(shows(&g.m, g.in_m, "last"));
	group_clear(&g);
}

/* Its hash is right, its author and place too. */
static void
an_envelope_that_its_author_did_not_sign_is_told(void **state)
{
	const struct retrace_report *r;
	struct device d, other;
	struct mend_report m;
	struct forgery f;
	struct buf forged;
	struct bench b;
	struct log_entry e = { .lsn = 0 };
	uint32_t docno;
	struct sign_key mine;
	struct docstate *ds;
	uint8_t hash[LK_ID_LEN];
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	device_make(&d, 1, "ann");
	device_make(&other, 2, "mal");
	docno = document(&d, "plan");
	edit(&d, docno, "a", "x");
	foreign_change(&file, 1, "said", 0, NULL, hash);
	forge_place(&d, docno, &f);
	import_op(&f, buf_bytes(&file));
	/* By another key than that of the device it names. */
	mine = d.identity.sign;
	f.as = mine.pk;
	d.identity.sign = other.identity.sign;
	forge_seal(&d, docno, &f, &forged, e.id);
	d.identity.sign = mine;
	device_begin(&d);
	ok(docstate_get(d.r, docno, &ds));
	author_tag(e.tag, &ds->topic, mine.pk);
	e.docno = docno;
	e.seq = f.seq;
	e.envelope = buf_bytes(&forged);
	ok(log_append(d.txn, &e));
	device_commit(&d);
	bench_open(&b, &d);
	r = retrace(&b, docno, 1 << 20, 10);
	assert_int_equal(r->refused, 1);
	assert_memory_equal(r->of[0].id, e.id, LK_ID_LEN);
	assert_string_equal(r->of[0].why, "A1 signature");
	device_begin(&d);
	ok(replica_remake(d.r, docno, &m));
	assert_int_equal(m.lost, 1);
	device_commit(&d);
	follows(&b, docno, 1 << 20, 10);
	bench_close(&b);
	buf_clear(&forged);
	device_remove(&d);
	device_remove(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    whatever_happened_a_document_follows_from_its_log),
		cmocka_unit_test(what_is_written_meanwhile_is_looked_at_too),
		cmocka_unit_test(with_a_key_gone_what_is_shown_stays),
		cmocka_unit_test(
		    a_key_that_the_log_brings_back_costs_no_envelope),
		cmocka_unit_test(
		    what_does_not_follow_is_found_though_it_checks),
		cmocka_unit_test(
		    an_envelope_that_its_author_did_not_sign_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
