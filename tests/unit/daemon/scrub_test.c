/* When the store is read, and how much of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "daemon/scrub.h"
#include "store/table.h"

#define NOW INT64_C(1800000000000)
#define GIB (UINT64_C(1) << 30)

static struct scrub
begun(void)
{
	return ((struct scrub){
	    .known = true, .begun = { .ms = NOW }, .last = { .ms = NOW } });
}

/* Plays a pass by the hour; returns the days it took and counts the looks. */
static int64_t
play(uint64_t used, int64_t off_ms, size_t *looks)
{
	struct scrub s = begun();
	struct wall now = { .ms = NOW + off_ms };

	for (*looks = 0; !s.scan.done; (*looks)++) {
		struct wall next = scrub_next(&s, used);

		if (next.ms > now.ms)
			now = next;
		s.scan.bytes += scrub_share(&s, used, now);
		s.scan.done = s.scan.bytes >= used;
		s.last = now;
		assert_true(*looks < 2000);
	}
	/* The next one begins when the time of this one is over. */
	assert_true(scrub_next(&s, used).ms >= s.begun.ms + SCRUB_PASS_MS);
	return ((now.ms - NOW) / SCRUB_DAY_MS);
}

static void
a_store_is_read_once_in_thirty_days_and_rarely_looked_at(void **state)
{
	size_t looks;

	(void)state;
	assert_in_range(play(100 * GIB, 0, &looks), 28, 31);
	assert_in_range(looks, 700, 740);
	assert_in_range(play(100u << 20, 0, &looks), 25, 31);
	assert_in_range(looks, 300, 420);
	/* A small one is done with one look. */
	assert_in_range(play(100u << 10, 0, &looks), 0, 1);
	assert_int_equal(looks, 1);
}

static void
who_was_off_catches_up_a_day_s_share_an_hour(void **state)
{
	struct scrub s = begun();
	size_t looks;

	(void)state;
	assert_in_range(play(100 * GIB, 40 * SCRUB_DAY_MS, &looks), 40, 71);
	s.last.ms -= 100 * SCRUB_DAY_MS;
	assert_true(scrub_share(&s, 30 * GIB, (struct wall){ NOW }) == GIB);
}

static void
the_place_is_read_as_it_was_written(void **state)
{
	struct scrub s = begun(), back = { .known = false };
	BUF_SCOPED b = { .max = 1024 };

	(void)state;
	s.whole.ms = NOW - 5;
	s.damaged = 3;
	s.scan = (struct store_scan){ .table = TABLE_STATE,
		.key_len = 4,
		.key = { 1, 2, 3, 4 },
		.bytes = 77,
		.damaged = 2 };
	scrub_encode(&b, &s);
	assert_int_equal(scrub_decode(&back, buf_bytes(&b)).code, LK_OK);
	assert_memory_equal(&back, &s, sizeof(s));
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(
		    scrub_decode(&back, BYTES(b.ptr, n)).code, LK_E_CORRUPT);
	b.ptr[0]++;
	assert_int_equal(scrub_decode(&back, buf_bytes(&b)).code, LK_E_CORRUPT);
}

/* Damage anywhere is met, and the walk goes on behind it. */
static void
a_scan_in_slices_meets_what_is_damaged(void **state)
{
	char dir[] = "/tmp/lk-scan-XXXXXX", command[64];
	struct log_entry e = { .docno = 1 };
	struct store_scan scan = { .done = false };
	uint8_t envelope[100] = { 0 }, *at;
	struct bytes key, raw;
	struct store *store;
	struct txn *txn;
	uint32_t docno;
	struct key k;
	size_t slices = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(store_open(&store, dir, 64 << 20).code, LK_OK);
	assert_int_equal(txn_begin(store, TXN_WRITE, &txn).code, LK_OK);
	for (uint8_t i = 1; i <= 50; i++) {
		envelope[0] = i;
		e.envelope = BYTES_OF(envelope);
		e.seq = i;
		digest(e.id, sizeof(e.id), DIGEST_ENVELOPE, NULL, e.envelope);
		assert_int_equal(log_append(txn, &e).code, LK_OK);
	}
	for (; !scan.done; slices++)
		assert_int_equal(store_scan(txn, &scan, 300).code, LK_OK);
	assert_true(slices > 20);
	assert_int_equal(scan.damaged, 0);
	assert_false(store_doubt(store, &docno));
	lsn_key(&k, 20);
	key = key_view(&k);
	assert_int_equal(
	    cursor_move(txn, TABLE_LOG, MDB_SET_KEY, &key, &raw).code, LK_OK);
	assert_int_equal(
	    raw_put(txn, TABLE_LOG, key_view(&k), raw.len, &at).code, LK_OK);
	memset(at + 20, 7, 5);
	scan = (struct store_scan){ .done = false };
	while (!scan.done)
		assert_int_equal(store_scan(txn, &scan, 300).code, LK_OK);
	assert_true(scan.damaged > 0);
	assert_true(store_doubt(store, &docno));
	txn_abort(txn);
	store_close(store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_store_is_read_once_in_thirty_days_and_rarely_looked_at),
		cmocka_unit_test(who_was_off_catches_up_a_day_s_share_an_hour),
		cmocka_unit_test(the_place_is_read_as_it_was_written),
		cmocka_unit_test(a_scan_in_slices_meets_what_is_damaged),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
