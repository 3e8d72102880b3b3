#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mirror/folder.h"

struct scratch {
	char dir[32];
	struct folder folder;
};

static const struct file_id id = { "00112233445566778899aabbccddeeff" };
static const struct wall later = { INT64_MAX / 2000000 };

static void
scratch_open(struct scratch *s)
{
	(void)strlcpy(s->dir, "/tmp/lk-folder.XXXXXX", sizeof(s->dir));
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
save(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
holds(const char *path, const char *text)
{
	char got[256] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	(void)!fread(got, 1, sizeof(got) - 1, f);
	fclose(f);
	assert_string_equal(got, text);
}

static enum folder_outcome
put(struct scratch *s, const char *path, const char *expected,
    const char *content)
{
	uint8_t digest[FILE_DIGEST_LEN];
	struct folder_put p = { .path = path, .id = &id };
	enum folder_outcome outcome = FOLDER_BUSY;

	if (expected != NULL) {
		file_digest(digest, BYTES_STR(expected));
		p.expected = digest;
	}
	if (content == NULL) {
		assert_int_equal(
		    folder_remove(&s->folder, &p, &outcome).code, LK_OK);
		return outcome;
	}
	p.content = BYTES_STR(content);
	assert_int_equal(folder_write(&s->folder, &p, &outcome).code, LK_OK);
	return outcome;
}

static void
left_count(void *ctx, const char *path, const struct disk_file *file)
{
	(void)path;
	(void)file;
	++*(size_t *)ctx;
}

static bool
left_enter(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return true;
}

static void
left_closed(void *ctx, const char *path)
{
	(void)ctx;
	fail_msg("%s may not be read", path);
}

static void
left_out(void *ctx, const char *path, const struct file_id *of)
{
	(void)ctx;
	(void)path;
	assert_string_equal(of->hex, id.hex);
	*(size_t *)ctx += 1000;
}

/* Ordinary files, and a thousand for each that came out. */
static size_t
left(struct scratch *s)
{
	size_t n = 0;
	struct folder_walk walk = { left_enter, left_closed, left_count,
		left_out, &n, NULL, false };

	assert_int_equal(folder_walk(&s->folder, "", &walk).code, LK_OK);
	return n;
}

static void
a_file_is_made_replaced_and_removed_with_its_folders(void **state)
{
	struct scratch s;
	struct stat st;

	(void)state;
	scratch_open(&s);
	assert_int_equal(put(&s, "a/b/c", NULL, "one"), FOLDER_DONE);
	holds("a/b/c", "one");
	assert_int_equal(chmod("a/b/c", 04640), 0);
	assert_int_equal(put(&s, "a/b/c", "one", "two"), FOLDER_DONE);
	holds("a/b/c", "two");
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(left(&s), 1);
	assert_int_equal(put(&s, "a/b/c", "two", NULL), FOLDER_DONE);
	assert_int_equal(access("a", F_OK), -1);
	scratch_close(&s);
}

static void
what_is_not_as_expected_is_left_alone(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	save("a", "saved");
	assert_int_equal(put(&s, "a", NULL, "new"), FOLDER_CHANGED);
	assert_int_equal(put(&s, "a", "base", "new"), FOLDER_CHANGED);
	assert_int_equal(put(&s, "a", "base", NULL), FOLDER_CHANGED);
	assert_int_equal(put(&s, "b", "base", "new"), FOLDER_CHANGED);
	holds("a", "saved");
	assert_int_equal(left(&s), 1);
	scratch_close(&s);
}

static void
a_file_that_is_open_for_writing_is_not_replaced(void **state)
{
	struct scratch s;
	int fd;

	(void)state;
	scratch_open(&s);
	save("a", "base");
	fd = open("a", O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(put(&s, "a", "base", "new"), FOLDER_BUSY);
	assert_int_equal(put(&s, "a", "base", NULL), FOLDER_BUSY);
	assert_true(folder_is_busy(&s.folder, "a"));
	close(fd);
	fd = open("a", O_RDONLY);
	assert_false(folder_is_busy(&s.folder, "a"));
	assert_int_equal(put(&s, "a", "base", "new"), FOLDER_DONE);
	close(fd);
	assert_false(folder_is_busy(&s.folder, "nothing"));
	holds("a", "new");
	scratch_close(&s);
}

/* The name of what comes out while `content` goes in. */
static void
out_name(char name[static 128], const char *content)
{
	uint8_t digest[FILE_DIGEST_LEN];
	char hex[17];

	file_digest(digest, BYTES_STR(content));
	hex_encode(hex, BYTES(digest, 8));
	(void)snprintf(name, 128, ".lk-out-%s-%s", id.hex, hex);
	assert_true(folder_out_is_new(name, digest));
	digest[0] ^= 1;
	assert_false(folder_out_is_new(name, digest));
}

/* What was saved and replaced meanwhile is there, and then it may go. */
static void
out_is_a_number(struct scratch *s)
{
	char name[128], got[16] = "";
	FILE *f;

	out_name(name, "x");
	f = fopen(name, "r");
	assert_non_null(f);
	(void)fgets(got, sizeof(got), f);
	fclose(f);
	assert_true(strspn(got, "0123456789") == strlen(got));
	assert_int_equal(folder_drop(&s->folder, name).code, LK_OK);
}

static void
nothing_is_put_over_what_came_out(void **state)
{
	struct scratch s;
	char name[128];

	(void)state;
	scratch_open(&s);
	save("a", "base");
	out_name(name, "new");
	save(name, "typed");
	assert_int_equal(put(&s, "a", "base", "new"), FOLDER_LEFT);
	holds(name, "typed");
	holds("a", "base");
	assert_int_equal(left(&s), 1001);
	assert_int_equal(folder_drop(&s.folder, name).code, LK_OK);
	assert_int_equal(put(&s, "a", "base", "new"), FOLDER_DONE);
	(void)snprintf(name, sizeof(name), ".lk-out-%s", id.hex);
	save(name, "typed");
	assert_int_equal(put(&s, "a", "new", NULL), FOLDER_LEFT);
	holds(name, "typed");
	holds("a", "new");
	scratch_close(&s);
}

/* A child saves by rename and in place as fast as it can; we replace what we
 * have read: nothing of the child's may ever be gone unseen. */
static void
nothing_that_is_saved_meanwhile_is_lost(void **state)
{
	struct scratch s;
	size_t done = 0;
	pid_t child;
	int status = 0;

	(void)state;
	scratch_open(&s);
	save("a", "0");
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (int i = 1; i <= 400; i++) {
			char text[16];

			(void)snprintf(text, sizeof(text), "%d", i);
			save(i % 2 == 0 ? ".new" : "a", text);
			if (i % 2 == 0 && rename(".new", "a") == -1)
				_exit(1);
		}
		_exit(0);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		struct disk_file disk;
		BUF_SCOPED content = { .max = 64 };
		char was[64] = "";

		if (folder_read(&s.folder, "a", later, &disk, &content).code !=
			LK_OK ||
		    disk.kind != DISK_FILE || content.len == 0 ||
		    content.ptr[0] == 'x')
			continue;
		memcpy(was, content.ptr, content.len);
		switch (put(&s, "a", was, "x")) {
		case FOLDER_DONE:
			done++;
			break;
		case FOLDER_LEFT:
			out_is_a_number(&s);
			break;
		case FOLDER_CHANGED:
		case FOLDER_BUSY:
			break;
		}
	}
	assert_int_equal(status, 0);
	/* The last save came after every exchange, or was what it took out. */
	if (access("a", F_OK) == 0) {
		char got[16] = "";
		FILE *f = fopen("a", "r");

		assert_non_null(f);
		assert_non_null(fgets(got, sizeof(got), f));
		fclose(f);
		assert_true(strcmp(got, "400") == 0 || strcmp(got, "x") == 0);
	}
	assert_int_equal(left(&s), 1);
	(void)done;
	scratch_close(&s);
}

static void
no_link_leads_out_of_the_folder(void **state)
{
	struct scratch s;
	struct disk_file disk;
	struct folder_put p = { .path = "out/x", .id = &id };
	enum folder_outcome outcome = FOLDER_DONE;
	uint8_t digest[FILE_DIGEST_LEN];

	(void)state;
	scratch_open(&s);
	assert_int_equal(symlink("/tmp", "out"), 0);
	assert_int_equal(symlink("/etc/passwd", "link"), 0);
	assert_int_equal(folder_stat(&s.folder, "link", &disk).code, LK_OK);
	assert_int_equal(disk.kind, DISK_OTHER);
	assert_int_not_equal(folder_write(&s.folder, &p, &outcome).code, LK_OK);
	file_digest(digest, BYTES_STR("x"));
	p.path = "link";
	p.expected = digest;
	assert_int_equal(folder_write(&s.folder, &p, &outcome).code, LK_OK);
	assert_int_equal(outcome, FOLDER_CHANGED);
	scratch_close(&s);
}

static void
what_a_crash_left_is_found_or_removed(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	save(".lk-new-00112233445566778899aabbccddeeff", "half");
	save(".lk-out-00112233445566778899aabbccddeeff", "saved");
	save("a", "x");
	assert_int_equal(left(&s), 1001);
	assert_int_equal(
	    access(".lk-new-00112233445566778899aabbccddeeff", F_OK), -1);
	assert_int_equal(
	    folder_drop(&s.folder, ".lk-out-00112233445566778899aabbccddeeff")
		.code,
	    LK_OK);
	assert_int_equal(left(&s), 1);
	scratch_close(&s);
}

static struct bytes
long_content(size_t len)
{
	uint8_t *b = malloc(len);
	uint64_t x = 9;

	assert_non_null(b);
	for (size_t i = 0; i < len; i++) {
		x = x * UINT64_C(6364136223846793005) + 1;
		b[i] = (uint8_t)(x >> 56);
	}
	return BYTES(b, len);
}

static void
save_bytes(const char *path, struct bytes b)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(b.ptr, 1, b.len, f), b.len);
	assert_int_equal(fclose(f), 0);
}

static void
a_long_file_is_read_in_pieces_that_are_those_of_its_content(void **state)
{
	struct scratch s;
	struct folder_reading r;
	struct bytes content = long_content(5 * PIECE_MAX + 7), left = content;
	struct bytes piece;

	(void)state;
	scratch_open(&s);
	save_bytes("a", content);
	assert_int_equal(folder_read_begin(&s.folder, "a", &r).code, LK_OK);
	do {
		assert_int_equal(folder_read_piece(&r, &piece).code, LK_OK);
		assert_int_equal(piece.len, piece_cut(left, true));
		assert_memory_equal(piece.ptr, left.ptr, piece.len);
		left = BYTES(left.ptr + piece.len, left.len - piece.len);
	} while (piece.len > 0);
	assert_int_equal(left.len, 0);
	assert_int_equal(folder_read_end(&r, later).code, LK_OK);
	assert_int_equal(r.disk.stamp.size, content.len);
	folder_read_stop(&r);
	assert_int_equal(folder_read_begin(&s.folder, "a", &r).code, LK_OK);
	assert_int_equal(folder_read_piece(&r, &piece).code, LK_OK);
	save("a", "another one");
	while (piece.len > 0)
		assert_int_equal(folder_read_piece(&r, &piece).code, LK_OK);
	assert_int_equal(folder_read_end(&r, later).code, LK_E_AGAIN);
	folder_read_stop(&r);
	assert_int_equal(folder_read_begin(&s.folder, "b", &r).code, LK_OK);
	assert_int_equal(r.disk.kind, DISK_ABSENT);
	folder_read_stop(&r);
	scratch_close(&s);
	free((void *)(uintptr_t)content.ptr);
}

static void
what_is_staged_is_put_whole_or_not_at_all(void **state)
{
	struct scratch s;
	uint8_t digest[FILE_DIGEST_LEN], old[FILE_DIGEST_LEN];
	struct folder_put p = { .path = "d/a", .id = &id, .size = 6 };
	enum folder_outcome outcome = FOLDER_BUSY;

	(void)state;
	scratch_open(&s);
	file_digest(digest, BYTES_STR("onetwo"));
	p.staged = digest;
	assert_int_equal(
	    folder_write(&s.folder, &p, &outcome).code, LK_E_NOTFOUND);
	assert_int_equal(
	    folder_stage(&s.folder, &p, 0, BYTES_STR("one")).code, LK_OK);
	assert_int_equal(folder_stage(&s.folder, &p, 4, BYTES_STR("two")).code,
	    LK_E_NOTFOUND);
	assert_int_equal(folder_stage(&s.folder, &p, 3, BYTES_STR("two")).code,
	    LK_E_NOTFOUND);
	assert_int_equal(
	    folder_stage(&s.folder, &p, 0, BYTES_STR("one")).code, LK_OK);
	assert_int_equal(
	    folder_stage(&s.folder, &p, 3, BYTES_STR("two")).code, LK_OK);
	assert_int_equal(folder_write(&s.folder, &p, &outcome).code, LK_OK);
	assert_int_equal(outcome, FOLDER_DONE);
	holds("d/a", "onetwo");
	save("d/a", "typed");
	file_digest(old, BYTES_STR("onetwo"));
	p.expected = old;
	assert_int_equal(
	    folder_stage(&s.folder, &p, 0, BYTES_STR("onetwo")).code, LK_OK);
	assert_int_equal(folder_write(&s.folder, &p, &outcome).code, LK_OK);
	assert_int_equal(outcome, FOLDER_CHANGED);
	holds("d/a", "typed");
	assert_int_equal(
	    folder_stage(&s.folder, &p, 0, BYTES_STR("one")).code, LK_OK);
	folder_unstage(&s.folder, p.path, &id);
	assert_int_equal(folder_stage(&s.folder, &p, 3, BYTES_STR("two")).code,
	    LK_E_NOTFOUND);
	p.size = UINT64_C(1) << 60;
	assert_int_not_equal(
	    folder_stage(&s.folder, &p, 0, BYTES_STR("one")).code, LK_OK);
	assert_int_equal(left(&s), 1);
	scratch_close(&s);
}

/* From now on this process has the system calls of a kernel before 5.6. */
static void
kernel_is_old(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = 4, .filter = code };

	/* An emulator has neither. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	assert_int_equal(syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0), -1);
	assert_int_equal(errno, ENOSYS);
}

static void
an_older_kernel_does_as_well(void **state)
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		kernel_is_old();
		a_file_is_made_replaced_and_removed_with_its_folders(state);
		what_is_not_as_expected_is_left_alone(state);
		nothing_is_put_over_what_came_out(state);
		no_link_leads_out_of_the_folder(state);
		what_a_crash_left_is_found_or_removed(state);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_file_is_made_replaced_and_removed_with_its_folders),
		cmocka_unit_test(what_is_not_as_expected_is_left_alone),
		cmocka_unit_test(
		    a_file_that_is_open_for_writing_is_not_replaced),
		cmocka_unit_test(nothing_is_put_over_what_came_out),
		cmocka_unit_test(nothing_that_is_saved_meanwhile_is_lost),
		cmocka_unit_test(no_link_leads_out_of_the_folder),
		cmocka_unit_test(what_a_crash_left_is_found_or_removed),
		cmocka_unit_test(
		    a_long_file_is_read_in_pieces_that_are_those_of_its_content),
		cmocka_unit_test(what_is_staged_is_put_whole_or_not_at_all),
		cmocka_unit_test(an_older_kernel_does_as_well),
	};

	(void)signal(SIGIO, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
