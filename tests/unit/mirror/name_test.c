#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "mirror/name.h"

static void
plain_paths_may_be_files(void **state)
{
	static const char *const paths[] = { "a", "a/b.md", ".config/x", "..a",
		"...", "git", ".git.x", "git~2", ".gitignore", ".github/x",
		"a/.gitmodules" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_null(path_flaw(BYTES_STR(paths[i])));
}

static void
no_path_leaves_the_folder(void **state)
{
	static const char *const paths[] = { "", "/a", "a/", "a//b", ".", "..",
		"a/../b", "../a", "a/.", "\xff" };
	char name[PATH_PART_MAX + 2], path[PATH_BYTES_MAX + 2] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_non_null(path_flaw(BYTES_STR(paths[i])));
	assert_non_null(path_flaw(BYTES((const uint8_t *)"a\0b", 3)));
	memset(name, 'a', PATH_PART_MAX + 1);
	assert_null(path_flaw(BYTES((uint8_t *)name, PATH_PART_MAX)));
	assert_non_null(path_flaw(BYTES((uint8_t *)name, PATH_PART_MAX + 1)));
	for (size_t i = 0; i < PATH_DEPTH_MAX; i++)
		strlcat(path, "a/", sizeof(path));
	assert_non_null(path_flaw(BYTES_STR(path)));
	path[strlen(path) - 1] = '\0';
	assert_null(path_flaw(BYTES_STR(path)));
	strlcat(path, "/a", sizeof(path));
	assert_non_null(path_flaw(BYTES_STR(path)));
}

static void
names_of_ours_and_of_git_are_not_for_others(void **state)
{
	static const char *const paths[] = { ".lk-mirror", "a/.lk-out-1/b",
		".git", ".git/hooks/post-checkout", "sub/.git",
		"sub/.GIT/config", ".git./config", "sub/.git ", ".Git. ./x",
		"GIT~1/hooks/post-checkout" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_non_null(path_flaw(BYTES_STR(paths[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_paths_may_be_files),
		cmocka_unit_test(no_path_leaves_the_folder),
		cmocka_unit_test(names_of_ours_and_of_git_are_not_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
