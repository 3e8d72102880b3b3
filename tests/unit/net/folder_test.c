#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/random.h"
#include "net/folder.h"

#define UNMAPPED_USER 65534

struct folder {
	char dir[64];
};

static int
folder_make(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));
	char path[128];

	assert_non_null(f);
	assert_int_equal(crypto_start().code, LK_OK);
	strlcpy(f->dir, "/tmp/lkfolder.XXXXXX", sizeof(f->dir));
	assert_non_null(mkdtemp(f->dir));
	snprintf(path, sizeof(path), "%s/" OBJECT_ROOT, f->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	*state = f;
	return 0;
}

static int
folder_remove(void **state)
{
	struct folder *f = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* Runs sh there; for setting scenes. */
static void
scene(const struct folder *f, const char *command)
{
	char all[1024];

	snprintf(all, sizeof(all), "cd %s && %s", f->dir, command);
	assert_int_equal(system(all), 0);
}

static struct object_answer
ask(const struct folder *f, enum object_op op, const char *name,
    const char *text)
{
	struct object_request r = {
		.remote = 7, .request = 9, .op = op, .max = OBJECT_BYTES_MAX
	};
	struct object_answer a;

	assert_true(strlcpy(r.name, name, sizeof(r.name)) < sizeof(r.name));
	buf_init(&r.bytes, OBJECT_BYTES_MAX);
	if (text != NULL)
		buf_str(&r.bytes, text);
	folder_do(f->dir, &r, &a);
	assert_int_equal(a.remote, 7);
	assert_int_equal(a.request, 9);
	object_request_clear(&r);
	return a;
}

static void
assert_ends(const struct folder *f, enum object_op op, const char *name,
    enum lk_code wanted)
{
	struct object_answer a =
	    ask(f, op, name, op == OBJECT_PUT ? "text" : NULL);

	if (a.err.code != wanted)
		print_message(
		    "%s: %s (%s)\n", name, lk_strcode(a.err.code), a.why);
	assert_int_equal(a.err.code, wanted);
	object_answer_clear(&a);
}

static void
assert_holds(const struct folder *f, const char *name, const char *text)
{
	struct object_answer a = ask(f, OBJECT_GET, name, NULL);

	assert_int_equal(a.err.code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&a.bytes), BYTES_STR(text)));
	object_answer_clear(&a);
}

static void
an_object_is_put_read_replaced_and_removed(void **state)
{
	struct folder *f = *state;
	struct object_answer a;

	assert_ends(f, OBJECT_GET, "lk1/a/b", LK_E_NOTFOUND);
	a = ask(f, OBJECT_PUT, "lk1/a/b", "one");
	assert_int_equal(a.err.code, LK_OK);
	assert_holds(f, "lk1/a/b", "one");
	assert_ends(f, OBJECT_PUT, "lk1/a/b", LK_OK);
	assert_holds(f, "lk1/a/b", "text");
	a = ask(f, OBJECT_PUT, "lk1/empty", "");
	assert_int_equal(a.err.code, LK_OK);
	assert_holds(f, "lk1/empty", "");
	assert_ends(f, OBJECT_DELETE, "lk1/a/b", LK_OK);
	assert_ends(f, OBJECT_DELETE, "lk1/a/b", LK_OK);
	assert_ends(f, OBJECT_DELETE, "lk1/x/y", LK_OK);
	assert_ends(f, OBJECT_GET, "lk1/a/b", LK_E_NOTFOUND);
	scene(f, "test -z \"$(find . -name '~*')\"");
}

static void
permissions_are_those_of_the_directory(void **state)
{
	struct folder *f = *state;

	scene(f, "chmod 750 lk1");
	assert_ends(f, OBJECT_PUT, "lk1/a/b", LK_OK);
	scene(f,
	    "test $(stat -c %a lk1/a) = 750 && "
	    "test $(stat -c %a lk1/a/b) = 640");
}

static void
more_than_was_asked_for_is_not_read(void **state)
{
	struct folder *f = *state;
	struct object_request r = { .op = OBJECT_GET, .max = 9 };
	struct object_answer a;

	scene(f,
	    "printf 0123456789 >lk1/ten && "
	    "truncate -s 1000G lk1/huge");
	strlcpy(r.name, "lk1/ten", sizeof(r.name));
	folder_do(f->dir, &r, &a);
	assert_int_equal(a.err.code, LK_E_LIMIT);
	object_answer_clear(&a);
	r.max = 10;
	folder_do(f->dir, &r, &a);
	assert_int_equal(a.err.code, LK_OK);
	object_answer_clear(&a);
	assert_ends(f, OBJECT_GET, "lk1/huge", LK_E_LIMIT);
}

static void
a_folder_without_its_mark_is_not_mounted(void **state)
{
	struct folder *f = *state;
	struct object_answer a;

	scene(f, "rmdir lk1");
	assert_ends(f, OBJECT_PUT, "lk1/a", LK_E_UNAVAILABLE);
	assert_ends(f, OBJECT_DELETE, "lk1/a", LK_E_UNAVAILABLE);
	assert_ends(f, OBJECT_GET, "lk1/a", LK_E_UNAVAILABLE);
	a = ask(f, OBJECT_LIST, "", NULL);
	assert_int_equal(a.err.code, LK_E_UNAVAILABLE);
	assert_non_null(strstr(a.why, "not mounted?"));
	object_answer_clear(&a);
	scene(f, "test -z \"$(ls -A)\"");
	scene(f, "mkdir elsewhere && ln -s elsewhere lk1");
	assert_ends(f, OBJECT_PUT, "lk1/a", LK_E_UNAVAILABLE);
	scene(f, "test -z \"$(ls -A elsewhere)\"");
}

static void
nothing_outside_is_touched(void **state)
{
	struct folder *f = *state;

	scene(f,
	    "mkdir out && echo secret >out/s && ln -s ../out lk1/d && "
	    "ln -s ../out/s lk1/link && ln -s nowhere lk1/dangling");
	assert_ends(f, OBJECT_GET, "out/s", LK_E_DENIED);
	assert_ends(f, OBJECT_PUT, "lk1x/s", LK_E_DENIED);
	assert_ends(f, OBJECT_GET, "lk1", LK_E_DENIED);
	assert_ends(f, OBJECT_GET, "lk1/../out/s", LK_E_USAGE);
	assert_ends(f, OBJECT_GET, "lk1/d/s", LK_E_NOTFOUND);
	assert_ends(f, OBJECT_GET, "lk1/link", LK_E_NOTFOUND);
	assert_ends(f, OBJECT_GET, "lk1/dangling", LK_E_NOTFOUND);
	assert_ends(f, OBJECT_PUT, "lk1/d/new", LK_E_UNAVAILABLE);
	assert_ends(f, OBJECT_DELETE, "lk1/d/s", LK_OK);
	/* A link in the way of an object makes room for it. */
	assert_ends(f, OBJECT_PUT, "lk1/link", LK_OK);
	assert_ends(f, OBJECT_PUT, "lk1/dangling", LK_OK);
	scene(f,
	    "test \"$(cat out/s)\" = secret && test ! -e lk1/nowhere && "
	    "test \"$(ls out)\" = s && test ! -L lk1/link");
}

static struct object_answer
list(const struct folder *f, const char *prefix, const char *after)
{
	struct object_request r = { .op = OBJECT_LIST };
	struct object_answer a;

	strlcpy(r.name, prefix, sizeof(r.name));
	strlcpy(r.after, after, sizeof(r.after));
	folder_do(f->dir, &r, &a);
	assert_int_equal(a.err.code, LK_OK);
	return a;
}

/* Names with spaces between them, a strange one's behind a "!". */
static void
assert_lists(const struct folder *f, const char *prefix, const char *after,
    const char *wanted)
{
	struct object_answer a = list(f, prefix, after);
	char got[4096] = "";

	for (size_t i = 0; i < a.entries_len; i++) {
		if (i > 0)
			strlcat(got, " ", sizeof(got));
		strlcat(got, a.entries[i].strange ? "!" : "", sizeof(got));
		strlcat(got, a.entries[i].name, sizeof(got));
	}
	assert_string_equal(got, wanted);
	assert_false(a.more);
	object_answer_clear(&a);
}

static void
what_is_no_object_is_passed_over_or_called_strange(void **state)
{
	struct folder *f = *state;

	scene(f,
	    "mkdir -p lk1/a lk1/A lk1/1/2/3/4/5/6/7/8 && "
	    "mkfifo lk1/fifo && ln -s a lk1/link && ln -s . lk1/loop && "
	    "touch lk1/UPPER 'lk1/a b' lk1/~0123456789abcdef "
	    "lk1/a/ok lk1/A/no lk1/1/2/3/4/5/6/7/8/deep "
	    "lk1/1/2/3/4/5/6/seven top && "
	    "touch \"lk1/$(printf '\\377\\n')\"");
	assert_lists(f, "", "",
	    "lk1/1/2/3/4/5/6/seven lk1/a/ok !lk1/fifo !lk1/link !lk1/loop");
	assert_ends(f, OBJECT_GET, "lk1/fifo", LK_E_NOTFOUND);
	assert_ends(f, OBJECT_GET, "lk1/a", LK_E_NOTFOUND);
	assert_ends(f, OBJECT_DELETE, "lk1/a", LK_OK);
	assert_ends(f, OBJECT_GET, "lk1/a/ok/more", LK_E_NOTFOUND);
	assert_ends(f, OBJECT_PUT, "lk1/a/ok/more", LK_E_UNAVAILABLE);
}

static void
objects_are_listed_in_the_order_of_their_whole_names(void **state)
{
	struct folder *f = *state;

	scene(f,
	    "mkdir -p lk1/a lk1/b/c lk1/empty && touch lk1/a/z lk1/a-b "
	    "lk1/a.b lk1/a0 lk1/b/c/d lk1/b/a lk1/bb");
	assert_lists(f, "", "",
	    "lk1/a-b lk1/a.b lk1/a/z lk1/a0 lk1/b/a lk1/b/c/d lk1/bb");
	assert_lists(f, "lk1/b", "", "lk1/b/a lk1/b/c/d lk1/bb");
	assert_lists(f, "lk1/b/", "", "lk1/b/a lk1/b/c/d");
	assert_lists(f, "lk1/a/z", "", "lk1/a/z");
	assert_lists(f, "lk2", "", "");
	assert_lists(f, "l", "lk1/a/z", "lk1/a0 lk1/b/a lk1/b/c/d lk1/bb");
	assert_lists(f, "", "lk1/b/b", "lk1/b/c/d lk1/bb");
	assert_lists(f, "lk1/b/", "lk1/a", "lk1/b/a lk1/b/c/d");
	assert_lists(f, "", "lk1/bb", "");
	assert_lists(f, "", "zzz", "");
}

struct short_name {
	char text[32];
};

static int
short_name_compare(const void *a, const void *b)
{
	const struct short_name *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* Pages through all, as one who asks again from the last name does. */
static size_t
pages_check(const struct folder *f, const struct short_name *names, size_t n)
{
	char after[OBJECT_NAME_MAX + 1] = "";
	size_t seen = 0, pages = 0;
	bool more = true;

	while (more) {
		struct object_answer a = list(f, "", after);

		for (size_t i = 0; i < a.entries_len; i++)
			assert_string_equal(
			    a.entries[i].name, names[seen++].text);
		more = a.more;
		assert_true(!more || a.entries_len == OBJECT_LIST_MAX);
		if (a.entries_len > 0)
			strlcpy(after, a.entries[a.entries_len - 1].name,
			    sizeof(after));
		object_answer_clear(&a);
		pages++;
	}
	assert_int_equal(seen, n);
	return pages;
}

static void
file_make(const struct folder *f, const char *name, size_t dir_len)
{
	char path[256];
	int fd;

	if (dir_len > 0) {
		snprintf(
		    path, sizeof(path), "%s/%.*s", f->dir, (int)dir_len, name);
		(void)mkdir(path, 0755);
	}
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_int_not_equal(fd, -1);
	close(fd);
}

static void
many_objects_come_in_pages(void **state)
{
	enum { FILES = 5000, DIRS = 2600 };
	struct folder *f = *state;
	struct random_seeded seeded;
	struct random random = random_from_seed(&seeded, 11);
	struct short_name *names = calloc(FILES + DIRS, sizeof(*names));

	assert_non_null(names);
	for (size_t i = 0; i < FILES + DIRS; i++) {
		unsigned n = (unsigned)random_below(&random, 1000000);
		bool in_dir = i >= FILES;

		snprintf(names[i].text, sizeof(names[i].text),
		    in_dir ? "lk1/%x-%zu/f" : "lk1/%x-%zu", n, i);
		file_make(
		    f, names[i].text, in_dir ? strlen(names[i].text) - 2 : 0);
	}
	qsort(names, FILES + DIRS, sizeof(*names), short_name_compare);
	assert_int_equal(pages_check(f, names, FILES + DIRS), 8);
	free(names);
}

static void
empty_directories_do_not_hide_what_is_behind_them(void **state)
{
	struct folder *f = *state;

	scene(f, "cd lk1 && seq 100000 102999 | xargs mkdir && touch z");
	assert_lists(f, "", "", "lk1/z");
}

static void
what_was_left_half_written_is_removed_when_it_is_old(void **state)
{
	struct folder *f = *state;

	scene(f,
	    "touch -d '2 hours ago' lk1/~0123456789abcdef && "
	    "touch -d '2 hours' lk1/~1123456789abcdef && "
	    "touch lk1/~2123456789abcdef && "
	    "touch -d '2 hours ago' lk1/~notours lk1/~012345678 && "
	    "mkdir lk1/~3123456789abcdef && "
	    "touch -d '2 hours ago' lk1/~3123456789abcdef");
	assert_ends(f, OBJECT_PUT, "lk1/a", LK_OK);
	scene(f,
	    "test \"$(cd lk1; LC_ALL=C ls | tr '\\n' ' ')\" = "
	    "'a ~012345678 ~2123456789abcdef ~3123456789abcdef ~notours '");
}

/* Runs `check` in a child without root's powers; who is not root has none. */
static void
as_nobody(const struct folder *f, void (*check)(const struct folder *))
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		check(f);
		return;
	}
	scene(f, "chown 65534 . lk1");
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (setuid(UNMAPPED_USER) != 0)
			_exit(2);
		check(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
denied_check(const struct folder *f)
{
	assert_ends(f, OBJECT_PUT, "lk1/a", LK_E_DENIED);
	assert_ends(f, OBJECT_PUT, "lk1/d/a", LK_E_DENIED);
	assert_ends(f, OBJECT_DELETE, "lk1/old", LK_E_DENIED);
	assert_ends(f, OBJECT_DELETE, "lk1/never", LK_E_DENIED);
	assert_holds(f, "lk1/old", "");
}

static void
shut_check(const struct folder *f)
{
	assert_ends(f, OBJECT_PUT, "lk1/a", LK_E_DENIED);
	assert_ends(f, OBJECT_GET, "lk1/old", LK_E_DENIED);
	assert_ends(f, OBJECT_LIST, "", LK_E_DENIED);
}

static void
a_folder_that_may_not_be_written_is_still_read(void **state)
{
	struct folder *f = *state;

	scene(f,
	    "chmod 755 . && touch lk1/old && chmod 644 lk1/old && "
	    "chmod 555 lk1");
	as_nobody(f, denied_check);
	scene(f, "chmod 0 lk1");
	as_nobody(f, shut_check);
	scene(f, "chmod 755 lk1");
}

static void
hidden_check(const struct folder *f)
{
	struct object_answer a = ask(f, OBJECT_LIST, "lk1/b/", NULL);

	assert_int_equal(a.err.code, LK_E_DENIED);
	assert_string_equal(a.why, "lk1/b/shut: Permission denied");
	object_answer_clear(&a);
	assert_ends(f, OBJECT_LIST, "lk1/b/shut/x", LK_E_DENIED);
	/* What is not below the prefix is nobody's business, nor what others
	 * have beside it to who lists all there is. */
	assert_lists(f, "lk1/a", "", "lk1/a/x");
	assert_lists(f, "lk1/b/o", "", "lk1/b/open");
	assert_lists(f, "lk1/b/", "lk1/b/t", "");
	assert_lists(f, "lk1/", "", "lk1/a/x lk1/b/open");
}

/* It can be read, and what is in it cannot be looked at. */
static void
half_hidden_check(const struct folder *f)
{
	assert_ends(f, OBJECT_LIST, "lk1/b/", LK_E_DENIED);
	assert_ends(f, OBJECT_LIST, "lk1/b/shut/", LK_E_DENIED);
}

static void
what_is_shut_is_not_taken_for_empty(void **state)
{
	struct folder *f = *state;

	scene(f,
	    "chmod 755 . && mkdir -p lk1/a lk1/b/shut && "
	    "touch lk1/a/x lk1/b/open lk1/b/shut/x && "
	    "chmod 755 lk1/a lk1/b && chmod 0 lk1/b/shut");
	as_nobody(f, hidden_check);
	scene(f, "chmod 744 lk1/b/shut");
	if (geteuid() == 0)
		as_nobody(f, half_hidden_check);
	scene(f, "chmod 755 lk1/b/shut");
	assert_lists(f, "lk1/b/", "", "lk1/b/open lk1/b/shut/x");
}

/* A file system of 64 KiB, when we may mount one. */
static bool
small_mount(const struct folder *f)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/small", f->dir);
	if (mkdir(path, 0755) == 0 &&
	    mount("tmpfs", path, "tmpfs", 0, "size=65536") == 0)
		return true;
	print_message("no small file system may be mounted here\n");
	return false;
}

static void
a_full_folder_says_so_and_keeps_what_it_has(void **state)
{
	struct folder *f = *state, small;
	struct object_answer a;
	char *big;

	if (!small_mount(f))
		return;
	snprintf(small.dir, sizeof(small.dir), "%.40s/small", f->dir);
	scene(&small, "mkdir lk1");
	big = malloc(100 * 1024);
	assert_non_null(big);
	memset(big, 'x', 100 * 1024 - 1);
	big[100 * 1024 - 1] = '\0';
	assert_ends(&small, OBJECT_PUT, "lk1/a", LK_OK);
	a = ask(&small, OBJECT_PUT, "lk1/a", big);
	assert_int_equal(a.err.code, LK_E_FULL);
	assert_non_null(strstr(a.why, "No space left"));
	object_answer_clear(&a);
	free(big);
	assert_holds(&small, "lk1/a", "text");
	scene(&small, "test \"$(ls -A lk1)\" = a");
	/* Read-only meanwhile, as a stick with its switch moved. */
	assert_int_equal(
	    mount(NULL, small.dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_ends(&small, OBJECT_PUT, "lk1/b", LK_E_DENIED);
	assert_ends(&small, OBJECT_PUT, "lk1/b/c", LK_E_DENIED);
	assert_ends(&small, OBJECT_DELETE, "lk1/a", LK_E_DENIED);
	assert_holds(&small, "lk1/a", "text");
	assert_int_equal(umount(small.dir), 0);
	assert_ends(&small, OBJECT_GET, "lk1/a", LK_E_UNAVAILABLE);
}

#define FOLDER_TEST(name) \
	cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(an_object_is_put_read_replaced_and_removed),
		FOLDER_TEST(permissions_are_those_of_the_directory),
		FOLDER_TEST(more_than_was_asked_for_is_not_read),
		FOLDER_TEST(a_folder_without_its_mark_is_not_mounted),
		FOLDER_TEST(nothing_outside_is_touched),
		FOLDER_TEST(what_is_no_object_is_passed_over_or_called_strange),
		FOLDER_TEST(
		    objects_are_listed_in_the_order_of_their_whole_names),
		FOLDER_TEST(many_objects_come_in_pages),
		FOLDER_TEST(empty_directories_do_not_hide_what_is_behind_them),
		FOLDER_TEST(
		    what_was_left_half_written_is_removed_when_it_is_old),
		FOLDER_TEST(a_folder_that_may_not_be_written_is_still_read),
		FOLDER_TEST(what_is_shut_is_not_taken_for_empty),
		FOLDER_TEST(a_full_folder_says_so_and_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
