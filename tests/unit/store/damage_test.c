#include "tests/unit/store/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/table.h"

#define ENVELOPES 250
#define FLIPS 2000
#define MAP_SMALL ((size_t)64 * 1024 * 1024)

/* The bytes of a file. */
struct image {
	uint8_t *ptr;
	size_t len;
};

static void
data_path(char out[static PATH_MAX + 16], const struct scratch *s)
{
	(void)snprintf(out, PATH_MAX + 16, "%s/data.mdb", s->dir);
}

static void
image_write(const struct scratch *s, const struct image *i, size_t len)
{
	char path[PATH_MAX + 16];
	int fd;

	data_path(path, s);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, i->ptr, len), len);
	(void)close(fd);
}

static void
image_read(const struct scratch *s, struct image *i)
{
	char path[PATH_MAX + 16];
	struct stat st;
	int fd;

	data_path(path, s);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	i->len = (size_t)st.st_size;
	i->ptr = malloc(i->len);
	assert_non_null(i->ptr);
	assert_int_equal(read(fd, i->ptr, i->len), i->len);
	(void)close(fd);
}

static struct bytes
some_record(uint8_t room[static 700], size_t i)
{
	memset(room, (int)i, 700);
	return BYTES(room, 1 + i * 7 % 700);
}

/* A closed store with envelopes of all sizes, records and free pages. */
static void
store_fill(struct scratch *s)
{
	static uint8_t bytes[9000];
	struct store *store = scratch_store(s, MAP_SMALL);
	struct txn *t = NULL;
	struct log_entry e;
	uint8_t key[4];

	for (uint32_t i = 0; i < ENVELOPES; i++) {
		if (i % 40 == 0) {
			if (t != NULL)
				assert_ok(txn_commit(t));
			t = scratch_txn(store, TXN_WRITE);
		}
		scratch_entry(&e, bytes, i % 50 == 0 ? 9000 : 20 + i, i);
		assert_ok(log_append(t, &e));
		assert_ok(essential_set(t, e.id, i % 5 != 0));
		big_endian(key, i, 4);
		assert_ok(kv_put(txn_space(t, i % 7, SPACE_DOC), BYTES_OF(key),
		    some_record(bytes, i)));
		assert_ok(
		    kv_del(txn_space(t, i % 7, SPACE_DOC), BYTES_OF(key)));
		assert_ok(kv_put(txn_space(t, i % 5, SPACE_KEYS), BYTES_OF(key),
		    some_record(bytes, i)));
	}
	assert_ok(txn_commit(t));
	store_close(store);
}

enum outcome {
	REFUSED,  /* when the store was opened */
	REPORTED, /* when a damaged record was read */
	VERIFIED, /* what was read looked right; store_verify tells */
	MISSING,  /* not even that */
	EQUAL,
	OUTCOMES,
};

static enum outcome
worse(enum outcome a, enum outcome b)
{
	return a < b ? a : b;
}

static enum outcome
outcome_of(lk_err err, bool equal)
{
	if (err.code == LK_OK) {
		/* Wrong bytes must never come out as right ones. */
		assert_true(equal);
		return EQUAL;
	}
	if (err.code == LK_E_NOTFOUND)
		return MISSING;
	assert_int_equal(err.code, LK_E_CORRUPT);
	return REPORTED;
}

/* Reads all that store_fill wrote. */
static enum outcome
read_all(struct txn *t)
{
	static uint8_t bytes[9000];
	enum outcome worst = EQUAL;
	struct log_entry want, got;
	struct bytes value;
	uint8_t key[4];
	lk_err err;

	for (uint32_t i = 0; i < ENVELOPES; i++) {
		scratch_entry(&want, bytes, i % 50 == 0 ? 9000 : 20 + i, i);
		err = log_by_id(t, want.id, &got);
		worst = worse(worst,
		    outcome_of(err,
			err.code == LK_OK && got.seq == want.seq &&
			    got.docno == want.docno && got.lsn == i + 1 &&
			    got.essential == (i % 5 != 0) &&
			    bytes_equal(got.envelope, want.envelope)));
		big_endian(key, i, 4);
		err = kv_get(
		    txn_space(t, i % 5, SPACE_KEYS), BYTES_OF(key), &value);
		worst = worse(worst,
		    outcome_of(err,
			err.code == LK_OK &&
			    bytes_equal(value, some_record(bytes, i))));
	}
	for (uint32_t doc = 1; doc <= 3; doc++) {
		struct log_entry e = { 0 }, c = { 0 };

		for (;;) {
			uint64_t before = e.lsn;

			err = log_next(t, doc, e.lsn + 1, &e);
			if (err.code == LK_E_NOTFOUND)
				break;
			worst = worse(worst, outcome_of(err, true));
			/* Damaged or not, there is a way on. */
			assert_true(e.lsn > before);
		}
		for (;; chain_step(&c)) {
			err = chain_next(t, doc, &c);
			if (err.code == LK_E_NOTFOUND)
				break;
			worst = worse(worst, outcome_of(err, true));
		}
	}
	return worst;
}

/* Writes into a store whose pages may be damaged. */
static void
write_some(struct store *store)
{
	static uint8_t bytes[9000];
	struct txn *t = scratch_txn(store, TXN_WRITE);
	struct log_entry e;
	bool done;
	lk_err err;

	scratch_entry(&e, bytes, 700, ENVELOPES + 1);
	err = log_append(t, &e);
	if (err.code == LK_OK)
		err = store_drop(t, 2, 300, &done);
	for (uint32_t i = 0; err.code == LK_OK && i < 40; i++) {
		uint8_t key[4];

		big_endian(key, i, 4);
		err = kv_put(txn_space(t, i % 5, SPACE_KEYS), BYTES_OF(key),
		    some_record(bytes, i + 1));
	}
	if (err.code == LK_OK)
		err = txn_commit(t);
	else
		txn_abort(t);
	assert_true(err.code == LK_OK || err.code == LK_E_CORRUPT ||
	    err.code == LK_E_FULL);
}

static enum outcome
open_and_read(struct scratch *s, bool write)
{
	struct store_damage d = { 0 };
	enum outcome worst;
	struct store *store;
	struct txn *t;
	lk_err err = store_open(&store, s->dir, MAP_SMALL);

	if (err.code != LK_OK) {
		assert_true(
		    err.code == LK_E_CORRUPT || err.code == LK_E_VERSION);
		return REFUSED;
	}
	t = scratch_txn(store, TXN_READ);
	worst = read_all(t);
	err = store_verify(t, &d);
	assert_int_equal(err.code, LK_OK);
	if (worst >= MISSING && (d.records > 0 || d.envelopes > 0))
		worst = VERIFIED;
	txn_abort(t);
	if (write)
		write_some(store);
	store_close(store);
	return worst;
}

static void
print_outcomes(const char *what, const size_t counts[OUTCOMES])
{
	print_message("%s: %zu refused at opening, %zu reported when read, "
		      "%zu only by verify, %zu missing, %zu harmless\n",
	    what, counts[REFUSED], counts[REPORTED], counts[VERIFIED],
	    counts[MISSING], counts[EQUAL]);
}

static void
flipped_bits_never_crash_and_never_lie(void **state)
{
	size_t counts[OUTCOMES] = { 0 };
	struct scratch s;
	struct image image;

	(void)state;
	scratch_init(&s, 3);
	store_fill(&s);
	image_read(&s, &image);
	for (size_t i = 0; i < FLIPS; i++) {
		size_t at = scratch_below(&s, image.len);
		uint8_t bit = (uint8_t)(1u << scratch_below(&s, 8));

		image.ptr[at] ^= bit;
		image_write(&s, &image, image.len);
		counts[open_and_read(&s, i % 4 == 0)]++;
		image.ptr[at] ^= bit;
	}
	print_outcomes("flips", counts);
	assert_int_equal(counts[MISSING], 0);
	free(image.ptr);
	scratch_clear(&s);
}

static void
every_flip_in_a_meta_page_is_survived(void **state)
{
	size_t counts[OUTCOMES] = { 0 };
	struct scratch s;
	struct image image;

	(void)state;
	scratch_init(&s, 4);
	store_fill(&s);
	image_read(&s, &image);
	for (size_t bit = 0; bit < 2 * 160 * 8; bit++) {
		size_t at = bit / 8 / 160 * 4096 + bit / 8 % 160;

		image.ptr[at] ^= (uint8_t)(1u << (bit % 8));
		image_write(&s, &image, image.len);
		counts[open_and_read(&s, false)]++;
		image.ptr[at] ^= (uint8_t)(1u << (bit % 8));
	}
	print_outcomes("meta pages", counts);
	assert_int_equal(counts[MISSING], 0);
	free(image.ptr);
	scratch_clear(&s);
}

/* A store that has seen few commits, the last of which put `commits`. */
static void
young_store(struct scratch *s, uint8_t commits)
{
	struct store *store = scratch_store(s, MAP_SMALL);

	for (uint8_t i = 1; i <= commits; i++) {
		struct txn *t = scratch_txn(store, TXN_WRITE);

		assert_ok(kv_put(txn_space(t, 1, SPACE_DOC), BYTES_STR("last"),
		    BYTES(&i, 1)));
		assert_ok(txn_commit(t));
	}
	store_close(store);
}

static bool
last_is(struct scratch *s, uint8_t commits)
{
	struct bytes value = { 0 };
	struct store *store;
	struct txn *t;
	bool is;

	if (store_open(&store, s->dir, MAP_SMALL).code != LK_OK)
		return true;
	t = scratch_txn(store, TXN_READ);
	is = kv_get(txn_space(t, 1, SPACE_DOC), BYTES_STR("last"), &value)
		    .code == LK_OK
	    ? value.len == 1 && value.ptr[0] == commits
	    : commits == 0;
	txn_abort(t);
	store_close(store);
	return is;
}

/* The free list, which tells a wrong number from a right one, is short or not
 * there yet. */
static void
no_flip_in_a_meta_page_of_a_young_store_brings_an_older_commit_back(
    void **state)
{
	(void)state;
	for (uint8_t commits = 0; commits < 6; commits++) {
		struct scratch s;
		struct image image;

		scratch_init(&s, 20U + commits);
		young_store(&s, commits);
		image_read(&s, &image);
		/* Root of the tables, last page, transaction number. */
		for (size_t bit = 0; bit < (size_t)2 * 24 * 8; bit++) {
			size_t at = bit / 8 / 24 * 4096 + 128 + bit / 8 % 24;

			image.ptr[at] ^= (uint8_t)(1u << (bit % 8));
			image_write(&s, &image, image.len);
			if (!last_is(&s, commits))
				fail_msg("commit %d, byte %zu, bit %zu",
				    commits, at, bit % 8);
			image.ptr[at] ^= (uint8_t)(1u << (bit % 8));
		}
		free(image.ptr);
		scratch_clear(&s);
	}
}

static void
pages_of_garbage_zeros_or_other_pages_are_survived(void **state)
{
	size_t counts[OUTCOMES] = { 0 };
	struct scratch s;
	struct image image;
	uint8_t saved[4096];

	(void)state;
	scratch_init(&s, 5);
	store_fill(&s);
	image_read(&s, &image);
	for (size_t i = 0; i < 3 * (image.len / 4096); i++) {
		uint8_t *page = image.ptr + i / 3 * 4096;

		memcpy(saved, page, sizeof(saved));
		if (i % 3 == 0)
			memset(page, 0, 4096);
		else if (i % 3 == 1)
			random_fill(&s.random, page, 4096);
		else
			memcpy(page,
			    image.ptr +
				scratch_below(&s, image.len / 4096) * 4096,
			    4096);
		image_write(&s, &image, image.len);
		counts[open_and_read(&s, true)]++;
		memcpy(page, saved, sizeof(saved));
	}
	print_outcomes("pages", counts);
	assert_int_equal(counts[MISSING], 0);
	free(image.ptr);
	scratch_clear(&s);
}

static void
a_file_cut_anywhere_is_refused_or_whole(void **state)
{
	size_t counts[OUTCOMES] = { 0 };
	struct scratch s;
	struct image image;

	(void)state;
	scratch_init(&s, 6);
	store_fill(&s);
	image_read(&s, &image);
	for (size_t len = 0; len < image.len;
	     len += len < 200 ? 1 : 1000 + scratch_below(&s, 3000)) {
		image_write(&s, &image, len);
		counts[open_and_read(&s, true)]++;
	}
	print_outcomes("cuts", counts);
	assert_int_equal(
	    counts[REPORTED] + counts[VERIFIED] + counts[MISSING], 0);
	free(image.ptr);
	scratch_clear(&s);
}

static void
what_is_no_database_is_corrupt(void **state)
{
	static uint8_t garbage[64 * 1024];
	const struct image image = { garbage, sizeof(garbage) };
	struct scratch s;
	struct store *store;

	(void)state;
	scratch_init(&s, 8);
	image_write(&s, &image, 0);
	assert_code(store_open(&store, s.dir, 0), LK_E_CORRUPT);
	image_write(&s, &image, sizeof(garbage));
	assert_code(store_open(&store, s.dir, 0), LK_E_CORRUPT);
	random_fill(&s.random, garbage, sizeof(garbage));
	image_write(&s, &image, sizeof(garbage));
	assert_code(store_open(&store, s.dir, 0), LK_E_CORRUPT);
	scratch_clear(&s);
}

static void
a_damaged_envelope_is_named_and_healed(void **state)
{
	static uint8_t bytes[9000];
	struct store_damage d;
	struct log_entry want, got;
	struct scratch s;
	struct image image;
	struct store *store;
	struct txn *t;
	uint8_t *at;

	(void)state;
	scratch_init(&s, 9);
	store_fill(&s);
	image_read(&s, &image);
	scratch_entry(&want, bytes, 9000, 100);
	/* Its newest copy: free pages may hold others. */
	for (at = image.ptr; at != NULL;) {
		at = memmem(at, image.len - (size_t)(at - image.ptr), bytes,
		    sizeof(bytes));
		if (at != NULL)
			*at++ ^= 1;
	}
	image_write(&s, &image, image.len);
	store = scratch_store(&s, 0);
	t = scratch_txn(store, TXN_WRITE);
	assert_code(log_by_id(t, want.id, &got), LK_E_CORRUPT);
	assert_true(log_has(t, want.id));
	assert_code(log_next(t, want.docno, 101, &got), LK_E_CORRUPT);
	assert_int_equal(got.lsn, 101);
	assert_memory_equal(got.id, want.id, sizeof(want.id));
	assert_ok(store_verify(t, &d));
	assert_int_equal(d.envelopes, 1);
	assert_int_equal(d.records, 0);
	assert_int_equal(d.first_docno, want.docno);
	assert_code(log_heal(t, want.id, BYTES(bytes, 8999)), LK_E_MALFORMED);
	assert_ok(log_heal(t, want.id, BYTES(bytes, 9000)));
	assert_ok(log_by_id(t, want.id, &got));
	assert_ok(txn_commit(t));
	assert_undamaged(store);
	store_close(store);
	free(image.ptr);
	scratch_clear(&s);
}

static void
a_store_opens_once_in_one_process_and_in_no_other(void **state)
{
	struct store *store, *again;
	struct scratch s;
	int status;
	pid_t pid;

	(void)state;
	scratch_init(&s, 10);
	store = scratch_store(&s, 0);
	assert_code(store_open(&again, s.dir, 0), LK_E_UNAVAILABLE);
	pid = fork();
	if (pid == 0)
		_exit(store_open(&again, s.dir, 0).code == LK_E_UNAVAILABLE
			? 0
			: 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_close(store);
	store = scratch_store(&s, 0);
	store_close(store);
	scratch_clear(&s);
}

static void
a_newer_format_is_a_matter_of_version(void **state)
{
	const uint8_t newer[] = { 0, 0, 0, STORE_FORMAT + 1 };
	struct store *store;
	struct scratch s;
	struct txn *t;

	(void)state;
	scratch_init(&s, 11);
	store = scratch_store(&s, 0);
	t = scratch_txn(store, TXN_WRITE);
	assert_ok(
	    table_put(t, TABLE_META, BYTES_STR(META_FORMAT), BYTES_OF(newer)));
	assert_ok(txn_commit(t));
	store_close(store);
	assert_code(store_open(&store, s.dir, 0), LK_E_VERSION);
	scratch_clear(&s);
}

static void
only_the_owner_may_read_a_store(void **state)
{
	char path[PATH_MAX + 16];
	struct store *store;
	struct scratch s;
	struct stat st;

	(void)state;
	scratch_init(&s, 12);
	(void)snprintf(path, sizeof(path), "%s/sub", s.dir);
	assert_ok(store_open(&store, path, 0));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	(void)snprintf(path, sizeof(path), "%s/sub/data.mdb", s.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_close(store);
	scratch_clear(&s);
}

static void
a_creation_that_was_interrupted_is_done_again(void **state)
{
	char path[PATH_MAX + 32];
	struct store *store;
	struct scratch s;
	FILE *f;

	(void)state;
	scratch_init(&s, 13);
	(void)snprintf(path, sizeof(path), "%s/new", s.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/new/data.mdb", s.dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	store = scratch_store(&s, 0);
	assert_undamaged(store);
	store_close(store);
	scratch_clear(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flipped_bits_never_crash_and_never_lie),
		cmocka_unit_test(every_flip_in_a_meta_page_is_survived),
		cmocka_unit_test(
		    no_flip_in_a_meta_page_of_a_young_store_brings_an_older_commit_back),
		cmocka_unit_test(
		    pages_of_garbage_zeros_or_other_pages_are_survived),
		cmocka_unit_test(a_file_cut_anywhere_is_refused_or_whole),
		cmocka_unit_test(what_is_no_database_is_corrupt),
		cmocka_unit_test(a_damaged_envelope_is_named_and_healed),
		cmocka_unit_test(
		    a_store_opens_once_in_one_process_and_in_no_other),
		cmocka_unit_test(a_newer_format_is_a_matter_of_version),
		cmocka_unit_test(only_the_owner_may_read_a_store),
		cmocka_unit_test(a_creation_that_was_interrupted_is_done_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
