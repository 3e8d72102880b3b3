/* What a snapshot says of the state of each document, there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/backup_states.h"

/* A snapshot with these settings; of nothing else. */
struct made {
	struct buf clear, plain;
	struct snapshot read;
};

static void
snapshot_make(struct made *m, uint64_t settings, struct bytes list)
{
	const uint8_t seed[32] = { 5 };
	struct snapshot_head head = { .time_ms = 1 };
	struct snapshot_about about = { .device_name = "d" };
	struct sign_key key;

	buf_init(&m->clear, 4096);
	buf_init(&m->plain, SEALED_PLAIN_MAX);
	sign_key_from_seed(&key, seed);
	snapshot_machine(head.machine, key.pk);
	snapshot_head_write(&m->clear, &head);
	about.device_pk = about.root_pk = key.pk;
	snapshot_begin(&m->plain, &about);
	buf_uleb(&m->plain, 0);
	buf_uleb(&m->plain, 0);
	buf_uleb(&m->plain, settings);
	buf_add(&m->plain, list);
	snapshot_sign(&m->plain, buf_bytes(&m->clear), &key);
	assert_int_equal(
	    snapshot_read(&m->read, buf_bytes(&m->clear), buf_bytes(&m->plain))
		.code,
	    LK_OK);
}

static void
made_clear(struct made *m)
{
	buf_clear(&m->clear);
	buf_clear(&m->plain);
}

static void
what_a_snapshot_says_is_what_was_taken_of_the_documents_it_has(void **state)
{
	char dir[] = "/tmp/lk_states.XXXXXX", path[64];
	struct states taken = { .v = NULL }, read = { .v = NULL };
	struct store *store = NULL;
	struct txn *txn = NULL;
	struct made m;
	uint64_t settings = 0;
	bool same;
	BUF_SCOPED list = { .max = SEALED_PLAIN_MAX };

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/store", dir);
	assert_int_equal(
	    store_open(&store, path, 64 * 1024 * 1024).code, LK_OK);
	assert_int_equal(txn_begin(store, TXN_READ, &txn).code, LK_OK);
	assert_int_equal(states_take(&taken, txn, 1030).code, LK_OK);
	/* None of the second block, and not of the end of the last one. */
	states_present(&taken, 1);
	states_present(&taken, 255);
	states_present(&taken, 600);
	states_present(&taken, 1024);
	states_present(&taken, 5000);
	states_write(&taken, &list, &settings);
	assert_int_equal(settings, 3);
	snapshot_make(&m, settings, buf_bytes(&list));
	assert_int_equal(states_read(&read, m.read).code, LK_OK);
	for (uint32_t n = 0; n < 6000; n++) {
		assert_int_equal(states_known(&read, n),
		    n == 1 || n == 255 || n == 600 || n == 1024);
		assert_int_equal(
		    states_compare(&read, n, txn, n, &same).code, LK_OK);
		assert_true(same);
	}
	/* Another state is told. */
	read.v[600] ^= 1;
	assert_int_equal(
	    states_compare(&read, 600, txn, 600, &same).code, LK_OK);
	assert_false(same);
	states_clear(&taken);
	states_clear(&read);
	made_clear(&m);
	txn_abort(txn);
	store_close(store);
	assert_int_equal(store_remove(path).code, LK_OK);
	(void)remove(dir);
}

static void
a_setting_that_says_no_states_says_nothing(void **state)
{
	static const struct {
		const char *kind, *of, *value;
	} bad[] = {
		{ "states", "0", "AAA" },
		{ "state", "", "AAA" },
		{ "state", "-1", "AAA" },
		{ "state", "1x", "AAA" },
		{ "state", "99999999", "AAA" },
		{ "state", "999999999999999999999", "AAA" },
		{ "state", "300000", "AAA" },
		{ "state", "0", "AA" },
		{ "state", "0", "A A...A-A" },
		{ "mirror", "0", "AAA" },
	};
	struct states read = { .v = NULL };
	char longer[3 * (BACKUP_BLOCK + 1) + 1];
	struct snapshot_setting setting = { .kind = BYTES_STR("state"),
		.of = BYTES_STR("0") };
	struct made m;
	BUF_SCOPED list = { .max = SEALED_PLAIN_MAX };

	(void)state;
	memset(longer, 'A', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	setting.value = BYTES_STR(longer);
	snapshot_setting_write(&list, &setting);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		setting.kind = BYTES_STR(bad[i].kind);
		setting.of = BYTES_STR(bad[i].of);
		setting.value = BYTES_STR(bad[i].value);
		snapshot_setting_write(&list, &setting);
	}
	snapshot_make(&m, 1 + sizeof(bad) / sizeof(*bad), buf_bytes(&list));
	assert_int_equal(states_read(&read, m.read).code, LK_OK);
	for (uint32_t n = 0; n < 1024; n++)
		assert_false(states_known(&read, n));
	states_clear(&read);
	made_clear(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_a_snapshot_says_is_what_was_taken_of_the_documents_it_has),
		cmocka_unit_test(a_setting_that_says_no_states_says_nothing),
	};

	return crypto_start().code == LK_OK
	    ? cmocka_run_group_tests(tests, NULL, NULL)
	    : 1;
}
