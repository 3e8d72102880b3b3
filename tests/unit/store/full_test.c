#include "tests/unit/store/scratch.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BIG (256u * 1024)

/* Appends big envelopes, one in a transaction, until one does not fit: how
 * many did. */
static uint32_t
fill(struct store *store, uint32_t first)
{
	uint8_t *bytes = malloc(BIG);
	struct log_entry e;
	struct txn *t;
	uint32_t i = first;
	lk_err err;

	assert_non_null(bytes);
	for (;; i++) {
		t = scratch_txn(store, TXN_WRITE);
		scratch_entry(&e, bytes, BIG, i);
		err = log_append(t, &e);
		if (err.code == LK_OK) {
			err = txn_commit(t);
		} else {
			/* It cannot be committed as if nothing were. */
			assert_code(txn_commit(t), LK_E_FULL);
		}
		if (err.code != LK_OK)
			break;
	}
	assert_int_equal(err.code, LK_E_FULL);
	free(bytes);
	return i;
}

static void
assert_first(struct store *store, uint32_t n)
{
	uint8_t *bytes = malloc(BIG);
	struct txn *t = scratch_txn(store, TXN_READ);
	struct log_entry want, got;

	assert_non_null(bytes);
	for (uint32_t i = 0; i < n; i++) {
		scratch_entry(&want, bytes, BIG, i);
		assert_ok(log_by_id(t, want.id, &got));
	}
	txn_abort(t);
	free(bytes);
}

/* Drops the three documents of scratch_entry in small transactions. */
static void
drop_all(struct store *store)
{
	struct txn *t;
	bool done;

	for (uint32_t doc = 1; doc <= 3; doc++)
		do {
			t = scratch_txn(store, TXN_WRITE);
			assert_ok(store_drop(t, doc, 20, &done));
			assert_ok(txn_commit(t));
		} while (!done);
}

static void
a_full_map_keeps_what_it_has_and_lets_go(void **state)
{
	struct scratch s;
	struct store *store;
	uint32_t n;

	(void)state;
	scratch_init(&s, 31);
	store = scratch_store(&s, (size_t)32 * 1024 * 1024);
	n = fill(store, 0);
	assert_in_range(n, 80, 128);
	assert_first(store, n);
	drop_all(store);
	assert_undamaged(store);
	/* There is room again for as much, and then again none. */
	assert_in_range(fill(store, 1000), 1000 + n / 2, 1000 + 2 * n);
	store_close(store);
	store = scratch_store(&s, (size_t)32 * 1024 * 1024);
	assert_undamaged(store);
	drop_all(store);
	store_close(store);
	scratch_clear(&s);
}

static void
a_full_map_inside_a_nested_transaction_spoils_only_that(void **state)
{
	uint8_t *bytes = malloc(BIG);
	struct txn *t, *child;
	struct log_entry e;
	struct scratch s;
	struct store *store;
	lk_err err = LK_NONE;

	(void)state;
	assert_non_null(bytes);
	scratch_init(&s, 32);
	store = scratch_store(&s, (size_t)32 * 1024 * 1024);
	t = scratch_txn(store, TXN_WRITE);
	scratch_entry(&e, bytes, BIG, 0);
	assert_ok(log_append(t, &e));
	assert_ok(txn_begin_nested(t, &child));
	for (uint32_t i = 1; err.code == LK_OK; i++) {
		scratch_entry(&e, bytes, BIG, i);
		err = log_append(child, &e);
	}
	assert_int_equal(err.code, LK_E_FULL);
	txn_abort(child);
	assert_ok(txn_commit(t));
	assert_first(store, 1);
	assert_undamaged(store);
	store_close(store);
	free(bytes);
	scratch_clear(&s);
}

static bool
ballast_there(const struct scratch *s)
{
	char path[PATH_MAX + 16];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/ballast", s->dir);
	return stat(path, &st) == 0;
}

static void
a_file_that_may_not_grow_is_full(void **state)
{
	const struct rlimit small = { 8u * 1024 * 1024, 8u * 1024 * 1024 };
	struct scratch s;
	struct store *store;
	int status;
	pid_t pid;

	(void)state;
	scratch_init(&s, 33);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &small) != 0)
			_exit(1);
		store = scratch_store(&s, 0);
		assert_true(ballast_there(&s));
		assert_in_range(fill(store, 0), 16, 32);
		assert_false(ballast_there(&s));
		assert_undamaged(store);
		store_close(store);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store = scratch_store(&s, 0);
	assert_true(ballast_there(&s));
	assert_first(store, 16);
	assert_undamaged(store);
	store_close(store);
	scratch_clear(&s);
}

/* A file system of 96 MiB over the directory, for this process alone. */
static bool
disk_small(const struct scratch *s)
{
	return unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", s->dir, "tmpfs", 0, "size=96m") == 0;
}

static void
a_full_disk_still_takes_deletes(void **state)
{
	struct scratch s;
	struct store *store;
	uint32_t n;
	int status;
	pid_t pid;

	(void)state;
	scratch_init(&s, 34);
	pid = fork();
	if (pid == 0) {
		if (!disk_small(&s))
			_exit(77);
		store = scratch_store(&s, 0);
		assert_true(ballast_there(&s));
		n = fill(store, 0);
		assert_in_range(n, 300, 384);
		assert_false(ballast_there(&s));
		drop_all(store);
		assert_undamaged(store);
		assert_in_range(fill(store, 1000), 1200, 1384);
		store_close(store);
		store = scratch_store(&s, 0);
		assert_undamaged(store);
		store_close(store);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	scratch_clear(&s);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_map_keeps_what_it_has_and_lets_go),
		cmocka_unit_test(
		    a_full_map_inside_a_nested_transaction_spoils_only_that),
		cmocka_unit_test(a_file_that_may_not_grow_is_full),
		cmocka_unit_test(a_full_disk_still_takes_deletes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
