#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mirror/scan.h"

static const struct wall later = { INT64_MAX / 2000000 };

struct scratch {
	char dir[32];
	struct folder folder;
};

static void
scratch_open(struct scratch *s)
{
	(void)strlcpy(s->dir, "/tmp/lk-scan.XXXXXX", sizeof(s->dir));
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(folder_open(&s->folder, s->dir).code, LK_OK);
	assert_int_equal(chdir(s->dir), 0);
}

static void
scratch_close(struct scratch *s)
{
	char command[64];

	folder_close(&s->folder);
	assert_int_equal(chdir("/"), 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", s->dir);
	assert_int_equal(system(command), 0);
}

static void
save(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void
entry_is(const struct plan_entry *e, const char *path, const char *content,
    size_t len)
{
	uint8_t digest[FILE_DIGEST_LEN];

	file_digest(digest, BYTES((const uint8_t *)content, len));
	assert_string_equal(e->path, path);
	assert_memory_equal(e->side.digest, digest, sizeof(digest));
	assert_true(e->side.there);
	assert_true(e->side.saved_ms > 0);
	assert_null(e->flaw);
}

static void
what_is_in_a_folder_is_read_and_nothing_is_changed(void **state)
{
	static const char crash[] = ".lk-new-00112233445566778899aabbccddeeff";
	struct scratch s;
	struct scan scan;
	BUF_SCOPED bytes = { .max = SCAN_BYTES_MAX };
	char *large = calloc(1, FILE_BYTES_MAX + 5);

	(void)state;
	assert_non_null(large);
	scratch_open(&s);
	assert_int_equal(mkdir("d", 0700), 0);
	save("d/text", "one\n", 4);
	save("bin", "a\0b", 3);
	assert_int_equal(chmod("bin", 0755), 0);
	save("large", large, FILE_BYTES_MAX + 5);
	save("left.o", "x", 1);
	save(".lkignore", "*.o\n", 4);
	save("\xff", "x", 1);
	save(crash, "x", 1);
	assert_int_equal(symlink("bin", "link"), 0);
	assert_int_equal(truncate("huge", 0), -1);
	save("huge", "", 0);
	assert_int_equal(truncate("huge", (off_t)FILE_SIZE_MAX + 1), 0);
	assert_int_equal(scan_folder(&bytes, &s.folder, later).code, LK_OK);
	assert_int_equal(access(crash, F_OK), 0);
	assert_int_equal(scan_read(&scan, buf_bytes(&bytes)).code, LK_OK);
	assert_int_equal(scan.len, 5);
	assert_int_equal(scan.skipped, 1);
	assert_true(scan.has_ignore);
	assert_true(bytes_equal(scan.ignore, BYTES_STR("*.o\n")));
	entry_is(&scan.entries[0], ".lkignore", "*.o\n", 4);
	entry_is(&scan.entries[1], "bin", "a\0b", 3);
	assert_true(scan.entries[1].side.exec);
	assert_false(scan.entries[1].side.is_text);
	entry_is(&scan.entries[2], "d/text", "one\n", 4);
	assert_true(scan.entries[2].side.is_text);
	assert_string_equal(scan.entries[3].path, "huge");
	assert_string_equal(scan.entries[3].flaw, "too large to be kept");
	entry_is(&scan.entries[4], "large", large, FILE_BYTES_MAX + 5);
	scan_clear(&scan);
	scratch_close(&s);
	free(large);
}

static void
one_write(struct buf *b, uint8_t flags, uint64_t saved, const char *path)
{
	uint8_t digest[FILE_DIGEST_LEN] = { 7 };

	buf_u8(b, flags);
	buf_u64(b, saved);
	buf_mem(b, digest, sizeof(digest));
	buf_u16(b, (uint16_t)strlen(path));
	buf_str(b, path);
}

static void
head_write(struct buf *b, uint8_t has, const char *ignore)
{
	buf_reset(b);
	buf_u8(b, 1);
	buf_u32(b, 9);
	buf_u8(b, has);
	buf_u32(b, (uint32_t)strlen(ignore));
	buf_str(b, ignore);
}

static enum lk_code
read_code(struct bytes b)
{
	struct scan scan;
	enum lk_code code = scan_read(&scan, b).code;

	if (code != LK_OK)
		assert_null(scan.entries);
	scan_clear(&scan);
	return code;
}

static void
every_proper_prefix_that_is_not_one_of_whole_files_is_truncated(void **state)
{
	BUF_SCOPED b = { .max = 4096 };
	size_t head, first;

	(void)state;
	head_write(&b, 1, "*.o");
	head = b.len;
	one_write(&b, 1, 5, "b");
	first = b.len;
	one_write(&b, 2, 6, "a/c");
	for (size_t n = 0; n <= b.len; n++) {
		uint8_t *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, b.ptr, n);
		assert_int_equal(read_code(BYTES(cut, n)),
		    n == head || n == first || n == b.len ? LK_OK
							  : LK_E_TRUNCATED);
		free(cut);
	}
}

static void
what_no_folder_has_is_refused(void **state)
{
	static const char *const paths[] = { "", "/a", "a/", "a//b", "../a",
		".lk-out-x", ".git/config", "\xff" };
	BUF_SCOPED b = { .max = 4096 };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		head_write(&b, 0, "");
		one_write(&b, 0, 0, paths[i]);
		assert_int_equal(read_code(buf_bytes(&b)), LK_E_MALFORMED);
	}
	head_write(&b, 0, "");
	one_write(&b, 16, 0, "a");
	assert_int_equal(read_code(buf_bytes(&b)), LK_E_MALFORMED);
	head_write(&b, 0, "");
	one_write(&b, 0, UINT64_MAX, "a");
	assert_int_equal(read_code(buf_bytes(&b)), LK_E_MALFORMED);
	head_write(&b, 0, "");
	one_write(&b, 0, 0, "a");
	one_write(&b, 1, 0, "a");
	assert_int_equal(read_code(buf_bytes(&b)), LK_E_MALFORMED);
	head_write(&b, 0, "x");
	assert_int_equal(read_code(buf_bytes(&b)), LK_E_MALFORMED);
	head_write(&b, 2, "");
	assert_int_equal(read_code(buf_bytes(&b)), LK_E_MALFORMED);
	b.ptr[0] = 2;
	assert_int_equal(read_code(buf_bytes(&b)), LK_E_VERSION);
}

static void
more_files_than_there_may_be_are_refused(void **state)
{
	BUF_SCOPED b = { .max = SCAN_BYTES_MAX };
	char path[16];

	(void)state;
	head_write(&b, 0, "");
	for (unsigned i = 0; i <= SCAN_FILES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "%u", i);
		one_write(&b, 0, 0, path);
		if (i + 1 == SCAN_FILES_MAX)
			assert_int_equal(read_code(buf_bytes(&b)), LK_OK);
	}
	assert_int_equal(read_code(buf_bytes(&b)), LK_E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_in_a_folder_is_read_and_nothing_is_changed),
		cmocka_unit_test(
		    every_proper_prefix_that_is_not_one_of_whole_files_is_truncated),
		cmocka_unit_test(what_no_folder_has_is_refused),
		cmocka_unit_test(more_files_than_there_may_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
