#include "sync/vector.h"
#include "tests/unit/sync/item_set.h"

#define AUTHORS 12

/* How much of each author a side has, in log order by turns. */
static void
side_write(struct side *s, const uint64_t lengths[static AUTHORS])
{
	bool more = true;

	for (uint64_t seq = 1; more; seq++) {
		more = false;
		for (uint8_t a = 0; a < AUTHORS; a++) {
			if (seq > lengths[a])
				continue;
			side_add(s, a, seq, 0);
			more = true;
		}
	}
}

/* What one side says to the other, as that takes it. */
static void
vector_tell(struct side *from, struct vector *out)
{
	struct vector own = { 0 };
	struct version_vector said;
	BUF_SCOPED b = { .max = 4096 };

	assert_ok(vector_own(from->txn, DOCNO, &own));
	version_vector_encode(&b, 7, false);
	for (size_t i = 0; i < own.len; i++)
		version_entry_encode(&b, &own.at[i].entry);
	assert_ok(version_vector_decode(&said, buf_bytes(&b)));
	assert_ok(vector_keep(out, &said));
	vector_clear(&own);
}

static void
assert_covers(struct side *s, const struct vector *theirs,
    const uint64_t lengths[static AUTHORS], uint64_t start)
{
	struct log_entry e = { .lsn = 0 };

	while (log_next(s->txn, DOCNO, e.lsn + 1, &e).code == LK_OK) {
		uint8_t author = e.envelope.ptr[0];
		bool has = e.seq <= lengths[author];

		assert_true(vector_covers(theirs, e.tag, e.seq) == has);
		assert_true(has || e.lsn >= start);
	}
}

static void
a_vector_tells_what_of_each_author_is_missing(void **state)
{
	struct scratch s;

	(void)state;
	scratch_init(&s, 1);
	for (int run = 0; run < 20; run++) {
		uint64_t at_a[AUTHORS], at_b[AUTHORS];
		bool lacks = false, brings = false;
		struct vector theirs = { 0 };
		struct vector_gap g;
		struct side a, b;

		for (size_t i = 0; i < AUTHORS; i++) {
			at_a[i] = scratch_below(&s, 3) * scratch_below(&s, 200);
			at_b[i] = scratch_below(&s, 2) == 0
			    ? at_a[i]
			    : scratch_below(&s, 300);
			lacks |= at_b[i] < at_a[i];
			brings |= at_b[i] > at_a[i];
		}
		side_make(&a, 1);
		side_make(&b, 2);
		side_write(&a, at_a);
		side_write(&b, at_b);
		vector_tell(&b, &theirs);
		assert_ok(vector_compare(a.txn, DOCNO, &theirs, true, &g));
		assert_true(g.lacks == lacks && g.brings == brings);
		assert_int_equal(g.unclear_len, 0);
		assert_covers(&a, &theirs, at_b, g.start);
		vector_gap_clear(&g);
		vector_clear(&theirs);
		side_clear(&a);
		side_clear(&b);
	}
	scratch_clear(&s);
}

/* Author 3 has two branches on side a, and b has one of them or neither. */
static void
authors_with_branches_are_unclear(void **state)
{
	uint64_t lengths[AUTHORS] = { 3, 3, 3, 3, 3, 3 };
	struct vector theirs = { 0 };
	struct vector_gap g;
	struct side a, b;
	struct item x;

	(void)state;
	side_make(&a, 1);
	side_make(&b, 2);
	side_write(&a, lengths);
	side_write(&b, lengths);
	item_make(&x, 3, 1, 0);
	side_add(&a, 3, 4, 1);
	side_add(&b, 3, 4, 2);
	/* One branch each, which are not the same. */
	vector_tell(&b, &theirs);
	assert_ok(vector_compare(a.txn, DOCNO, &theirs, true, &g));
	assert_true(g.brings && !g.lacks);
	assert_int_equal(g.unclear_len, 1);
	assert_memory_equal(g.unclear[0], x.entry.tag, LK_TOPIC_LEN);
	assert_true(vector_covers(&theirs, x.entry.tag, 4));
	vector_gap_clear(&g);
	/* Without ranges all of him goes out. */
	vector_tell(&b, &theirs);
	assert_ok(vector_compare(a.txn, DOCNO, &theirs, false, &g));
	assert_true(g.lacks && g.unclear_len == 0);
	assert_false(vector_covers(&theirs, x.entry.tag, 1));
	vector_gap_clear(&g);
	/* Both, and of them one there. */
	side_add(&a, 3, 4, 2);
	vector_tell(&b, &theirs);
	assert_ok(vector_compare(a.txn, DOCNO, &theirs, true, &g));
	assert_true(!g.brings && !g.lacks);
	assert_int_equal(g.unclear_len, 1);
	vector_gap_clear(&g);
	/* Who is further on one branch only brings. */
	side_add(&b, 5, 4, 0);
	vector_tell(&b, &theirs);
	assert_ok(vector_compare(a.txn, DOCNO, &theirs, true, &g));
	assert_true(g.brings);
	assert_int_equal(g.unclear_len, 1);
	vector_gap_clear(&g);
	vector_clear(&theirs);
	side_clear(&a);
	side_clear(&b);
}

/* Author 3 has two branches on side a, of which one counts, and b has the
 * other. */
static void
a_branch_that_does_not_count_tells_nothing_of_the_one_that_does(void **state)
{
	uint64_t lengths[AUTHORS] = { 3, 3, 3, 3, 3, 3 };
	struct vector theirs = { 0 };
	struct vector_gap g;
	struct side a, b;
	struct item x;

	(void)state;
	side_make(&a, 1);
	side_make(&b, 2);
	side_write(&a, lengths);
	side_write(&b, lengths);
	side_add(&a, 3, 4, 1);
	/* Void ones behind what counts tell that he has it. */
	item_make(&x, 5, 4, 0);
	side_put(&a, &x, false);
	side_add(&b, 5, 4, 0);
	for (uint64_t seq = 4; seq < 6; seq++) {
		item_make(&x, 3, seq, 2);
		side_put(&a, &x, false);
		side_add(&b, 3, seq, 2);
		vector_tell(&b, &theirs);
		assert_ok(vector_compare(a.txn, DOCNO, &theirs, true, &g));
		assert_true(!g.brings && g.unclear_len == 1);
		assert_memory_equal(g.unclear[0], x.entry.tag, LK_TOPIC_LEN);
		vector_gap_clear(&g);
		vector_tell(&b, &theirs);
		assert_ok(vector_compare(a.txn, DOCNO, &theirs, false, &g));
		assert_true(g.lacks && g.unclear_len == 0);
		assert_false(vector_covers(&theirs, x.entry.tag, 4));
		vector_gap_clear(&g);
	}
	item_make(&x, 5, 4, 0);
	assert_true(vector_covers(&theirs, x.entry.tag, 4));
	vector_clear(&theirs);
	side_clear(&a);
	side_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vector_tells_what_of_each_author_is_missing),
		cmocka_unit_test(authors_with_branches_are_unclear),
		cmocka_unit_test(
		    a_branch_that_does_not_count_tells_nothing_of_the_one_that_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
