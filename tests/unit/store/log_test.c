#include "tests/unit/store/scratch.h"

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct txn *txn;
};

static int
fixture_open(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	scratch_init(&f->scratch, 7);
	f->store = scratch_store(&f->scratch, 0);
	f->txn = scratch_txn(f->store, TXN_WRITE);
	*state = f;
	return 0;
}

static int
fixture_close(void **state)
{
	struct fixture *f = *state;

	txn_abort(f->txn);
	assert_undamaged(f->store);
	store_close(f->store);
	scratch_clear(&f->scratch);
	free(f);
	return 0;
}

static void
append_numbers(struct fixture *f, uint32_t first, uint32_t n)
{
	uint8_t bytes[64];
	struct log_entry e;

	for (uint32_t i = first; i < first + n; i++) {
		scratch_entry(&e, bytes, sizeof(bytes), i);
		assert_ok(log_append(f->txn, &e));
		assert_int_equal(e.lsn, i + 1);
		assert_false(e.essential);
	}
}

static void
renew(struct fixture *f)
{
	assert_ok(txn_commit(f->txn));
	f->txn = scratch_txn(f->store, TXN_WRITE);
}

static void
assert_entry(const struct log_entry *got, uint32_t number, bool with_bytes)
{
	uint8_t bytes[64];
	struct log_entry want;

	scratch_entry(&want, bytes, sizeof(bytes), number);
	assert_int_equal(got->lsn, number + 1);
	assert_int_equal(got->docno, want.docno);
	assert_int_equal(got->seq, want.seq);
	assert_memory_equal(got->tag, want.tag, sizeof(want.tag));
	assert_memory_equal(got->id, want.id, sizeof(want.id));
	if (with_bytes)
		assert_true(bytes_equal(got->envelope, want.envelope));
	else
		assert_int_equal(got->envelope.len, 0);
}

static void
an_envelope_is_found_by_its_id(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[64];
	struct log_entry want, got;

	append_numbers(f, 0, 100);
	for (uint32_t i = 0; i < 100; i++) {
		scratch_entry(&want, bytes, sizeof(bytes), i);
		assert_true(log_has(f->txn, want.id));
		assert_ok(log_by_id(f->txn, want.id, &got));
		assert_entry(&got, i, true);
	}
	scratch_entry(&want, bytes, sizeof(bytes), 100);
	assert_false(log_has(f->txn, want.id));
	assert_code(log_by_id(f->txn, want.id, &got), LK_E_NOTFOUND);
}

static void
an_envelope_is_appended_once(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[64];
	struct log_entry e;

	append_numbers(f, 0, 5);
	scratch_entry(&e, bytes, sizeof(bytes), 3);
	assert_code(log_append(f->txn, &e), LK_E_EXISTS);
	renew(f);
	assert_code(log_append(f->txn, &e), LK_E_EXISTS);
}

static void
a_document_is_read_in_log_order(void **state)
{
	struct fixture *f = *state;

	append_numbers(f, 0, 90);
	renew(f);
	for (uint32_t doc = 1; doc <= 3; doc++) {
		struct log_entry e = { 0 };
		uint32_t number = doc - 1;

		while (log_next(f->txn, doc, e.lsn + 1, &e).code == LK_OK) {
			assert_entry(&e, number, true);
			number += 3;
		}
		assert_int_equal(number, 90 + doc - 1);
	}
	struct log_entry none;

	assert_code(log_next(f->txn, 4, 1, &none), LK_E_NOTFOUND);
	assert_code(log_next(f->txn, 0, 1, &none), LK_E_NOTFOUND);
}

static int
chain_compare(const struct log_entry *a, const struct log_entry *b)
{
	int c = memcmp(a->tag, b->tag, sizeof(a->tag));

	if (c != 0)
		return c;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return memcmp(a->id, b->id, sizeof(a->id));
}

static void
a_chain_is_walked_in_order_of_author_and_seq(void **state)
{
	struct fixture *f = *state;
	struct log_entry at = { 0 }, before = { 0 };
	size_t n = 0;

	append_numbers(f, 0, 300);
	while (chain_next(f->txn, 2, &at).code == LK_OK) {
		assert_entry(&at, (uint32_t)at.lsn - 1, false);
		assert_true(n == 0 || chain_compare(&before, &at) < 0);
		before = at;
		n++;
		chain_step(&at);
	}
	assert_int_equal(n, 100);
}

static void
fork_siblings_stand_side_by_side(void **state)
{
	struct fixture *f = *state;
	uint8_t a[3] = { 1 }, b[3] = { 2 };
	struct log_entry e = { .docno = 9, .seq = 5 }, at = { .docno = 9 };

	e.envelope = BYTES_OF(a);
	digest(e.id, sizeof(e.id), DIGEST_ENVELOPE, NULL, e.envelope);
	assert_ok(log_append(f->txn, &e));
	e.envelope = BYTES_OF(b);
	digest(e.id, sizeof(e.id), DIGEST_ENVELOPE, NULL, e.envelope);
	assert_ok(log_append(f->txn, &e));
	assert_ok(chain_next(f->txn, 9, &at));
	assert_int_equal(at.seq, 5);
	chain_step(&at);
	assert_ok(chain_next(f->txn, 9, &at));
	assert_int_equal(at.seq, 5);
}

/* Sums as fingerprints should be, from scratch. */
static void
sum_of(struct fingerprint *f, const bool *in, uint32_t n, uint32_t doc,
    int author, int64_t block)
{
	uint8_t bytes[64];
	struct log_entry e;

	*f = (struct fingerprint){ 0 };
	for (uint32_t i = 0; i < n; i++) {
		scratch_entry(&e, bytes, sizeof(bytes), i);
		if (in[i] && e.docno == doc &&
		    (author == -1 || e.tag[0] == author) &&
		    (block == -1 || (int64_t)(e.seq >> 8) == block))
			fingerprint_add(f, e.id);
	}
}

static void
assert_fingerprint(const struct fingerprint *a, const struct fingerprint *b)
{
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->sum, b->sum, sizeof(a->sum));
}

static void
fingerprints_follow_the_essential_set(void **state)
{
	enum { N = 3000 };
	struct fixture *f = *state;
	static bool in[N];
	struct fingerprint want, got;
	uint8_t bytes[64], tag[LK_TOPIC_LEN];
	struct log_entry e;
	uint64_t block;

	append_numbers(f, 0, N);
	for (size_t round = 0; round < 4 * N; round++) {
		uint32_t i = (uint32_t)scratch_below(&f->scratch, N);

		in[i] = scratch_below(&f->scratch, 3) != 0;
		scratch_entry(&e, bytes, sizeof(bytes), i);
		assert_ok(essential_set(f->txn, e.id, in[i]));
	}
	for (uint32_t doc = 1; doc <= 3; doc++) {
		sum_of(&want, in, N, doc, -1, -1);
		assert_ok(fingerprint_doc(f->txn, doc, &got));
		assert_fingerprint(&got, &want);
	}
	for (int author = 'a'; author <= 'd'; author++) {
		memset(e.tag, author, sizeof(e.tag));
		sum_of(&want, in, N, 2, author, -1);
		memset(tag, author, sizeof(tag));
		tag[LK_TOPIC_LEN - 1]--;
		assert_ok(fingerprint_next_author(f->txn, 2, tag, &got));
		assert_memory_equal(tag, e.tag, sizeof(tag));
		assert_fingerprint(&got, &want);
		sum_of(&want, in, N, 2, author, 1);
		block = 1;
		assert_ok(
		    fingerprint_next_block(f->txn, 2, e.tag, &block, &got));
		assert_int_equal(block, 1);
		assert_fingerprint(&got, &want);
		assert_ok(fingerprint_last_block(f->txn, 2, e.tag, &block));
		assert_int_equal(block, (1 + N / 4) >> FP_BLOCK_SHIFT);
		block++;
		assert_code(
		    fingerprint_next_block(f->txn, 2, e.tag, &block, &got),
		    LK_E_NOTFOUND);
	}
	assert_ok(log_by_id(f->txn, e.id, &e));
	renew(f);
}

static void
the_fingerprint_of_nothing_is_zero(void **state)
{
	static const struct fingerprint zero;
	struct fixture *f = *state;
	struct fingerprint got;
	uint8_t bytes[64];
	struct log_entry e;

	assert_ok(fingerprint_doc(f->txn, 1, &got));
	assert_fingerprint(&got, &zero);
	append_numbers(f, 0, 1);
	scratch_entry(&e, bytes, sizeof(bytes), 0);
	assert_ok(essential_set(f->txn, e.id, true));
	assert_ok(essential_set(f->txn, e.id, true));
	assert_ok(fingerprint_doc(f->txn, 1, &got));
	assert_int_equal(got.count, 1);
	assert_memory_equal(got.sum, e.id, sizeof(e.id));
	assert_ok(essential_set(f->txn, e.id, false));
	assert_ok(fingerprint_doc(f->txn, 1, &got));
	assert_fingerprint(&got, &zero);
	e.id[0] ^= 1;
	assert_code(essential_set(f->txn, e.id, true), LK_E_NOTFOUND);
}

static void
sums_carry_and_borrow(void **state)
{
	struct fingerprint f = { 0 };
	uint8_t ones[32], one[32] = { 0 };

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	one[31] = 1;
	fingerprint_add(&f, ones);
	fingerprint_add(&f, one);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(f.sum[i], 0);
	fingerprint_sub(&f, one);
	assert_memory_equal(f.sum, ones, 32);
	fingerprint_sub(&f, ones);
	assert_int_equal(f.count, 0);
	assert_int_equal(f.sum[0] | f.sum[31], 0);
}

static void
a_document_is_dropped_in_slices_and_the_others_stay(void **state)
{
	enum { N = 300 };
	struct fixture *f = *state;
	const uint8_t k[] = { 1, 2 };
	struct fingerprint fp;
	uint8_t bytes[64];
	struct log_entry e = { 0 };
	size_t slices = 0;
	bool done = false;

	append_numbers(f, 0, N);
	for (uint32_t i = 0; i < N; i++) {
		scratch_entry(&e, bytes, sizeof(bytes), i);
		assert_ok(essential_set(f->txn, e.id, true));
	}
	for (uint32_t doc = 1; doc <= 3; doc++)
		assert_ok(kv_put(txn_space(f->txn, doc, SPACE_DOC), BYTES_OF(k),
		    BYTES_OF(k)));
	renew(f);
	while (!done) {
		assert_ok(store_drop(f->txn, 3, 40, &done));
		renew(f);
		assert_undamaged(f->store);
		slices++;
	}
	assert_in_range(slices, 10, 14);
	assert_code(log_next(f->txn, 3, 1, &e), LK_E_NOTFOUND);
	e = (struct log_entry){ 0 };
	assert_code(chain_next(f->txn, 3, &e), LK_E_NOTFOUND);
	assert_ok(fingerprint_doc(f->txn, 3, &fp));
	assert_int_equal(fp.count, 0);
	assert_code(
	    kv_get(txn_space(f->txn, 3, SPACE_DOC), BYTES_OF(k), &e.envelope),
	    LK_E_NOTFOUND);
	assert_ok(
	    kv_get(txn_space(f->txn, 2, SPACE_DOC), BYTES_OF(k), &e.envelope));
	scratch_entry(&e, bytes, sizeof(bytes), N - 1);
	assert_int_equal(e.docno, 3);
	assert_false(log_has(f->txn, e.id));
	/* It had the greatest lsn, which is not given again. */
	assert_ok(log_append(f->txn, &e));
	assert_int_equal(e.lsn, N + 1);
	scratch_entry(&e, bytes, sizeof(bytes), N - 2);
	assert_ok(log_by_id(f->txn, e.id, &e));
	renew(f);
}

static void
usage_counts_envelopes_and_bytes(void **state)
{
	struct fixture *f = *state;
	struct store_usage u;

	append_numbers(f, 0, 1000);
	renew(f);
	assert_ok(store_usage(f->store, &u));
	assert_int_equal(u.envelopes, 1000);
	assert_in_range(u.used, 1000 * 100, 1000 * 1000);
	assert_true(u.disk_free > 0);
}

static void
an_envelope_of_the_greatest_size_fits(void **state)
{
	struct fixture *f = *state;
	uint8_t *big = calloc(1, ENVELOPE_MAX + 1);
	struct log_entry e = { .docno = 1, .seq = 1 };

	assert_non_null(big);
	e.envelope = BYTES(big, ENVELOPE_MAX + 1);
	assert_code(log_append(f->txn, &e), LK_E_LIMIT);
	e.envelope.len = ENVELOPE_MAX;
	digest(e.id, sizeof(e.id), DIGEST_ENVELOPE, NULL, e.envelope);
	assert_ok(log_append(f->txn, &e));
	renew(f);
	assert_ok(log_by_id(f->txn, e.id, &e));
	assert_int_equal(e.envelope.len, ENVELOPE_MAX);
	free(big);
}

int
main(void)
{
#define LOG_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		LOG_TEST(an_envelope_is_found_by_its_id),
		LOG_TEST(an_envelope_is_appended_once),
		LOG_TEST(a_document_is_read_in_log_order),
		LOG_TEST(a_chain_is_walked_in_order_of_author_and_seq),
		LOG_TEST(fork_siblings_stand_side_by_side),
		LOG_TEST(fingerprints_follow_the_essential_set),
		LOG_TEST(the_fingerprint_of_nothing_is_zero),
		cmocka_unit_test(sums_carry_and_borrow),
		LOG_TEST(a_document_is_dropped_in_slices_and_the_others_stay),
		LOG_TEST(usage_counts_envelopes_and_bytes),
		LOG_TEST(an_envelope_of_the_greatest_size_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
