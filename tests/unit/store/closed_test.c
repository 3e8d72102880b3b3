#include "tests/unit/store/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/closed.h"
#include "store/table.h"

/* The note that a store was closed, by which it is opened without a look at
 * all of its pages. */

#define PAGE_LEN 4096 /* at least: pages may be larger */
#define NOTE_MAX 1024

static void
path_of(
    char out[static PATH_MAX + 16], const struct scratch *s, const char *file)
{
	(void)snprintf(out, PATH_MAX + 16, "%s/%s", s->dir, file);
}

static bool
note_there(const struct scratch *s)
{
	char path[PATH_MAX + 16];

	path_of(path, s, "closed");
	return access(path, F_OK) == 0;
}

static int
data_open(const struct scratch *s)
{
	char path[PATH_MAX + 16];
	int fd;

	path_of(path, s, "data.mdb");
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	return fd;
}

static void
store_write(struct store *store, uint32_t from)
{
	static uint8_t bytes[600];
	struct txn *t = scratch_txn(store, TXN_WRITE);
	struct log_entry e;

	for (uint32_t i = from; i < from + 100; i++) {
		scratch_entry(&e, bytes, 20 + 5 * (i % 100), i);
		assert_ok(log_append(t, &e));
	}
	assert_ok(txn_commit(t));
}

static void
closed_store(struct scratch *s, uint64_t seed)
{
	struct store *store;

	scratch_init(s, seed);
	store = scratch_store(s, 0);
	store_write(store, 0);
	store_close(store);
	assert_true(note_there(s));
}

/* Changes a page's number, which LMDB does not look at while it reads and an
 * inspection does.  Puts it back the second time. */
static void
page_flip(const struct scratch *s)
{
	int fd = data_open(s);
	off_t at = (off_t)6 * PAGE_LEN;
	struct stat st;
	uint8_t byte;

	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size > at);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

static lk_err
open_verdict(const struct scratch *s)
{
	struct store *store;

	TRY(store_open(&store, s->dir, 0));
	store_close(store);
	return LK_NONE;
}

static void
a_note_is_there_while_the_store_is_closed(void **state)
{
	struct scratch s;
	struct store *store;

	(void)state;
	closed_store(&s, 1);
	for (int i = 0; i < 3; i++) {
		store = scratch_store(&s, 0);
		assert_false(note_there(&s));
		if (i == 1)
			store_write(store, 100);
		store_close(store);
		assert_true(note_there(&s));
	}
	scratch_clear(&s);
}

static void
a_process_that_died_left_no_note(void **state)
{
	struct scratch s;
	pid_t pid;
	int status;

	(void)state;
	closed_store(&s, 2);
	pid = fork();
	if (pid == 0) {
		struct store *store;

		_exit(store_open(&store, s.dir, 0).code != LK_OK);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(note_there(&s));
	page_flip(&s);
	assert_code(open_verdict(&s), LK_E_CORRUPT);
	assert_false(note_there(&s));
	scratch_clear(&s);
}

static void
a_file_written_after_the_note_is_looked_at(void **state)
{
	struct scratch s;

	(void)state;
	closed_store(&s, 3);
	page_flip(&s);
	assert_code(open_verdict(&s), LK_E_CORRUPT);
	page_flip(&s);
	assert_ok(open_verdict(&s));
	scratch_clear(&s);
}

static void
a_file_put_in_its_place_is_looked_at(void **state)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];
	struct scratch s;
	struct timespec times[2];
	struct stat st;
	uint8_t *bytes;
	int fd;

	(void)state;
	closed_store(&s, 4);
	fd = data_open(&s);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	(void)close(fd);
	bytes[6 * PAGE_LEN] ^= 0x40;
	path_of(from, &s, "copy");
	path_of(to, &s, "data.mdb");
	fd = open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, bytes, (size_t)st.st_size), st.st_size);
	free(bytes);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
	(void)close(fd);
	assert_int_equal(rename(from, to), 0);
	assert_code(open_verdict(&s), LK_E_CORRUPT);
	scratch_clear(&s);
}

/* Only the very note counts: with it the damage below is not seen. */
static void
every_changed_note_and_every_prefix_of_one_is_no_note(void **state)
{
	char path[PATH_MAX + 16];
	uint8_t note[NOTE_MAX];
	struct scratch s;
	ssize_t len;
	int fd;

	(void)state;
	closed_store(&s, 5);
	page_flip(&s);
	fd = data_open(&s);
	path_of(path, &s, "closed");
	assert_int_equal(unlink(path), 0);
	closed_leave(s.dir, fd);
	(void)close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = read(fd, note, sizeof(note));
	(void)close(fd);
	assert_true(len > 100 && len < NOTE_MAX);
	for (ssize_t i = 0; i <= 2 * len; i++) {
		bool same = i == 2 * len;
		ssize_t n = i < len ? i : len;

		if (i >= len && !same)
			note[i - len] ^= 1;
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, note, (size_t)n), n);
		(void)close(fd);
		if (i >= len && !same)
			note[i - len] ^= 1;
		assert_code(open_verdict(&s), same ? LK_OK : LK_E_CORRUPT);
	}
	scratch_clear(&s);
}

static void
a_store_with_a_damaged_record_gets_no_note(void **state)
{
	static const uint8_t key[] = "a long key";
	struct bytes value;
	struct scratch s;
	struct store *store;
	struct txn *t;
	uint8_t raw[5 + sizeof(key)] = { 0, 0, 0, 1, SPACE_DOC };
	MDB_val k = { sizeof(raw), raw }, v = { sizeof(raw), raw };

	(void)state;
	closed_store(&s, 6);
	store = scratch_store(&s, 0);
	t = scratch_txn(store, TXN_WRITE);
	memcpy(raw + 5, key, sizeof(key));
	assert_int_equal(
	    mdb_put(t->mdb, store->tables[TABLE_STATE], &k, &v, 0), 0);
	assert_ok(txn_commit(t));
	t = scratch_txn(store, TXN_READ);
	assert_code(kv_get(txn_space(t, 1, SPACE_DOC), BYTES_OF(key), &value),
	    LK_E_CORRUPT);
	txn_abort(t);
	store_close(store);
	assert_false(note_there(&s));
	scratch_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_is_there_while_the_store_is_closed),
		cmocka_unit_test(a_process_that_died_left_no_note),
		cmocka_unit_test(a_file_written_after_the_note_is_looked_at),
		cmocka_unit_test(a_file_put_in_its_place_is_looked_at),
		cmocka_unit_test(
		    every_changed_note_and_every_prefix_of_one_is_no_note),
		cmocka_unit_test(a_store_with_a_damaged_record_gets_no_note),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
