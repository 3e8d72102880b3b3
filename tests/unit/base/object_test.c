#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/object.h"

static void
names_of_objects_are_parts_divided_by_slashes(void **state)
{
	static const char *const good[] = { "a", "lk1/00ff/k-0_9.pack", "...",
		"a/..b/c", "1/2/3/4/5/6/7/8" };
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".",
		"..", "a/../b", "./a", "a/.", "A", "a b", "a\\b", "\xc3\xa4",
		"a\n", "1/2/3/4/5/6/7/8/9" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(object_name_is_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(object_name_is_valid(bad[i]));
}

static void
a_name_of_an_object_has_a_greatest_length(void **state)
{
	char name[OBJECT_NAME_MAX + 2] = "";

	(void)state;
	memset(name, 'a', OBJECT_NAME_MAX + 1);
	assert_false(object_name_is_valid(name));
	name[OBJECT_NAME_MAX] = '\0';
	assert_true(object_name_is_valid(name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_objects_are_parts_divided_by_slashes),
		cmocka_unit_test(a_name_of_an_object_has_a_greatest_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
