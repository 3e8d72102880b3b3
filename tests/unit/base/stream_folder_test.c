#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/stream_folder.h"

#define ROUNDS 500
#define SWEEPERS 4

static int
home_make(void **state)
{
	static char home[PATH_MAX];

	strlcpy(home, "/tmp/stream_folder_test.XXXXXX", sizeof(home));
	*state = mkdtemp(home);
	return (*state == NULL ? -1 : 0);
}

static int
home_remove(void **state)
{
	stream_folders_sweep(*state);
	return (rmdir(*state));
}

static bool
is_made(const char *home)
{
	char path[PATH_MAX], in[PATH_MAX + 8];
	bool good;
	int fd;

	if (!stream_folder_make(home, path, &fd))
		return (false);
	snprintf(in, sizeof(in), "%s/x", path);
	good = mkdir(in, 0700) == 0;
	stream_folder_remove(path, fd);
	return (good);
}

static void
one_that_is_made_is_there_however_others_sweep(void **state)
{
	pid_t sweepers[SWEEPERS];
	size_t made = 0;

	for (size_t i = 0; i < SWEEPERS; i++) {
		sweepers[i] = fork();
		while (sweepers[i] == 0)
			stream_folders_sweep(*state);
	}
	for (size_t i = 0; i < ROUNDS; i++)
		made += is_made(*state);
	for (size_t i = 0; i < SWEEPERS; i++) {
		assert_int_equal(kill(sweepers[i], SIGKILL), 0);
		assert_int_equal(waitpid(sweepers[i], NULL, 0), sweepers[i]);
	}
	assert_int_equal(made, ROUNDS);
}

static void
what_nobody_works_with_is_swept(void **state)
{
	char path[PATH_MAX], used[PATH_MAX];
	int fd, used_fd;

	assert_true(stream_folder_make(*state, path, &fd));
	assert_true(stream_folder_make(*state, used, &used_fd));
	close(fd);
	stream_folders_sweep(*state);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(used, F_OK), 0);
	stream_folder_remove(used, used_fd);
	assert_int_equal(access(used, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    one_that_is_made_is_there_however_others_sweep, home_make,
		    home_remove),
		cmocka_unit_test_setup_teardown(
		    what_nobody_works_with_is_swept, home_make, home_remove),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
