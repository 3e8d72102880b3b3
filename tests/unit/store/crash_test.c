#include "tests/unit/store/scratch.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 50
#define REPORTS_MAX 60

/* Commits numbered transactions for ever, and says so after each. */
static _Noreturn void
commit_for_ever(const char *dir, int fd)
{
	static uint8_t bytes[3000];
	struct store *store;
	struct fingerprint f;
	struct log_entry e;
	struct txn *t;
	uint32_t i;

	if (store_open(&store, dir, 0).code != LK_OK ||
	    txn_begin(store, TXN_READ, &t).code != LK_OK ||
	    fingerprint_doc(t, 1, &f).code != LK_OK)
		_exit(1);
	txn_abort(t);
	for (i = (uint32_t)f.count;; i++) {
		scratch_entry(&e, bytes, 100 + i * 37 % 2900, i);
		e.docno = 1;
		if (txn_begin(store, TXN_WRITE, &t).code != LK_OK ||
		    log_append(t, &e).code != LK_OK ||
		    essential_set(t, e.id, true).code != LK_OK ||
		    kv_put(txn_space(t, 1, SPACE_META), BYTES_STR("n"),
			BYTES((const uint8_t *)&i, sizeof(i)))
			    .code != LK_OK ||
		    txn_commit(t).code != LK_OK)
			_exit(2);
		if (write(fd, &i, sizeof(i)) != (ssize_t)sizeof(i))
			_exit(3);
	}
}

/* Runs a child, kills it after some reports, and returns what it said last. */
static uint32_t
kill_after(struct scratch *s, size_t reports)
{
	uint32_t i = 0, last = 0;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		(void)close(fds[0]);
		commit_for_ever(s->dir, fds[1]);
	}
	(void)close(fds[1]);
	while (reports-- > 0) {
		assert_int_equal(read(fds[0], &i, sizeof(i)), sizeof(i));
		last = i;
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	/* What was in the pipe was committed before. */
	while (read(fds[0], &i, sizeof(i)) == (ssize_t)sizeof(i))
		last = i;
	(void)close(fds[0]);
	return last;
}

static void
assert_all_there(struct scratch *s, uint32_t last)
{
	static uint8_t bytes[3000];
	struct store *store = scratch_store(s, 0);
	struct txn *t = scratch_txn(store, TXN_READ);
	struct fingerprint f;
	struct log_entry want, got;
	struct bytes value;
	uint32_t n;

	assert_ok(fingerprint_doc(t, 1, &f));
	/* At most one more than was reported. */
	assert_in_range(f.count, last + 1, last + 2);
	for (uint32_t i = 0; i < f.count; i++) {
		scratch_entry(&want, bytes, 100 + i * 37 % 2900, i);
		assert_ok(log_by_id(t, want.id, &got));
		assert_int_equal(got.lsn, i + 1);
		assert_true(got.essential);
	}
	assert_ok(kv_get(txn_space(t, 1, SPACE_META), BYTES_STR("n"), &value));
	memcpy(&n, value.ptr, sizeof(n));
	assert_int_equal(n + 1, f.count);
	txn_abort(t);
	assert_undamaged(store);
	store_close(store);
}

static void
what_was_acknowledged_outlives_a_kill(void **state)
{
	struct scratch s;
	uint32_t last;

	(void)state;
	scratch_init(&s, 21);
	for (size_t round = 0; round < ROUNDS; round++) {
		last = kill_after(&s, 1 + scratch_below(&s, REPORTS_MAX));
		assert_all_there(&s, last);
	}
	print_message("%u transactions, %d kills\n", last + 1, ROUNDS);
	scratch_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_acknowledged_outlives_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
