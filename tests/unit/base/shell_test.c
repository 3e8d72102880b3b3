#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/shell.h"

static void
only_what_a_shell_would_take_apart_is_quoted(void **state)
{
	static const char *const words[][2] = {
		{ "notes", "notes" },
		{ "notes/draft-2_a.md", "notes/draft-2_a.md" },
		{ "d\xc3\xa9j\xc3\xa0", "d\xc3\xa9j\xc3\xa0" },
		{ "", "''" },
		{ "my list", "'my list'" },
		{ "a$b`c\"d", "'a$b`c\"d'" },
		{ "Ann's", "'Ann'\\''s'" },
		{ "~", "'~'" },
	};
	char out[SHELL_WORD_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_string_equal(shell_word(out, words[i][0]), words[i][1]);
}

static void
the_longest_name_fits(void **state)
{
	char name[LK_NAME_MAX + 1], out[SHELL_WORD_MAX];

	(void)state;
	memset(name, '\'', LK_NAME_MAX);
	name[LK_NAME_MAX] = '\0';
	assert_int_equal(strlen(shell_word(out, name)), SHELL_WORD_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_a_shell_would_take_apart_is_quoted),
		cmocka_unit_test(the_longest_name_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
