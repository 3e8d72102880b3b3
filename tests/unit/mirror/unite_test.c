#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mirror/name.h"
#include "mirror/unite.h"

static void
unites(const char *theirs, const char *mine, const char *wanted)
{
	BUF_SCOPED both = { .max = 4096 };

	assert_int_equal(
	    text_unite(&both, BYTES_STR(theirs), BYTES_STR(mine)).code, LK_OK);
	buf_u8(&both, '\0');
	assert_string_equal((char *)both.ptr, wanted);
}

static void
lines_of_both_are_there_and_those_in_common_once(void **state)
{
	(void)state;
	unites("a\nb\nc\n", "a\nb\nc\n", "a\nb\nc\n");
	unites("a\nb\nc\n", "a\nx\nc\n", "a\nb\nx\nc\n");
	unites("", "x\n", "x\n");
	unites("x\n", "", "x\n");
	unites("a\nb\n", "c\nd\n", "a\nb\nc\nd\n");
	unites("a\nb", "a\nb", "a\nb");
	unites("a", "b", "a\nb");
	unites("a\n", "a", "a\n");
	unites("", "", "");
}

static void
every_line_of_either_survives_whatever_they_are(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (int run = 0; run < 500; run++) {
		char text[2][256] = { "", "" };
		BUF_SCOPED both = { .max = 4096 };
		size_t lines[2][8] = { 0 };

		for (int side = 0; side < 2; side++)
			for (int i = 0; i < 12; i++) {
				seed = seed * 6364136223846793005u + 1;
				size_t n = (seed >> 40) % 8;
				char line[3] = { (char)('a' + n), '\n', 0 };

				lines[side][n]++;
				strlcat(text[side], line, sizeof(text[side]));
			}
		assert_int_equal(
		    text_unite(&both, BYTES_STR(text[0]), BYTES_STR(text[1]))
			.code,
		    LK_OK);
		for (size_t n = 0; n < 8; n++) {
			size_t found = 0;

			for (size_t i = 0; i < both.len; i++)
				found += both.ptr[i] == 'a' + n;
			assert_true(found >= lines[0][n]);
			assert_true(found >= lines[1][n]);
			assert_true(found <= lines[0][n] + lines[1][n]);
		}
	}
}

static void
a_path_that_could_not_be_a_file_here_says_why(void **state)
{
	char deep[2 * PATH_DEPTH_MAX + 4] = "", longer[PATH_PART_MAX + 2];

	(void)state;
	assert_null(path_flaw(BYTES_STR("a")));
	assert_null(path_flaw(BYTES_STR("a/b c/.d/e..f")));
	assert_null(path_flaw(BYTES_STR(".lkignore")));
	assert_non_null(path_flaw(BYTES_STR("")));
	assert_non_null(path_flaw(BYTES_STR("/a")));
	assert_non_null(path_flaw(BYTES_STR("a/")));
	assert_non_null(path_flaw(BYTES_STR("a//b")));
	assert_non_null(path_flaw(BYTES_STR("..")));
	assert_non_null(path_flaw(BYTES_STR("a/../b")));
	assert_non_null(path_flaw(BYTES_STR("./a")));
	assert_non_null(path_flaw(BYTES((const uint8_t *)"a\0b", 3)));
	assert_non_null(path_flaw(BYTES_STR("\xff")));
	assert_non_null(path_flaw(BYTES_STR("a/.lk-mirror")));
	assert_non_null(path_flaw(BYTES_STR(".lk-out-x/b")));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_non_null(path_flaw(BYTES_STR(longer)));
	assert_null(path_flaw(BYTES_STR(longer + 1)));
	for (int i = 0; i < PATH_DEPTH_MAX; i++)
		strlcat(deep, "a/", sizeof(deep));
	strlcat(deep, "a", sizeof(deep));
	assert_non_null(path_flaw(BYTES_STR(deep)));
	assert_null(path_flaw(BYTES_STR(deep + 2)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    lines_of_both_are_there_and_those_in_common_once),
		cmocka_unit_test(
		    every_line_of_either_survives_whatever_they_are),
		cmocka_unit_test(a_path_that_could_not_be_a_file_here_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
