#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/line_diff.h"

/* The lines of a text, without newlines. */
struct lines {
	char text[4096];
	const char *at[512];
	size_t len;
};

static void
lines_of(struct lines *l, const char *text)
{
	char *next = l->text;

	(void)strlcpy(l->text, text, sizeof(l->text));
	l->len = 0;
	while (next != NULL && *next != '\0') {
		l->at[l->len++] = next;
		next = strchr(next, '\n');
		if (next != NULL)
			*next++ = '\0';
	}
}

static int64_t
number(json_object *hunk, const char *key)
{
	return json_object_get_int64(json_object_object_get(hunk, key));
}

/* Checks a hunk against both texts; returns how many lines it changes. */
static size_t
check_hunk(json_object *hunk, const struct lines *from, const struct lines *to)
{
	json_object *lines = json_object_object_get(hunk, "lines");
	int64_t from_lines = number(hunk, "from_lines");
	int64_t to_lines = number(hunk, "to_lines");
	int64_t a = number(hunk, "from") - (from_lines > 0);
	int64_t b = number(hunk, "to") - (to_lines > 0);
	size_t changed = 0;

	for (size_t i = 0; i < json_object_array_length(lines); i++) {
		const char *line =
		    json_object_get_string(json_object_array_get_idx(lines, i));

		changed += line[0] == '+' || line[0] == '-';
		if (line[0] == ' ' || line[0] == '-') {
			assert_string_equal(line + 1, from->at[a++]);
			from_lines--;
		}
		if (line[0] == ' ' || line[0] == '+') {
			assert_string_equal(line + 1, to->at[b++]);
			to_lines--;
		}
	}
	assert_int_equal(from_lines, 0);
	assert_int_equal(to_lines, 0);
	return changed;
}

/* The hunks lead from one text to the other: outside of them both are equal. */
static void
check(const char *old, const char *new, size_t context, size_t hunks_len)
{
	json_object *hunks = json_object_new_array();
	struct lines from, to;
	size_t a = 0, b = 0;

	lines_of(&from, old);
	lines_of(&to, new);
	assert_int_equal(
	    line_diff(hunks, BYTES_STR(old), BYTES_STR(new), context).code,
	    LK_OK);
	if (hunks_len != SIZE_MAX)
		assert_int_equal(json_object_array_length(hunks), hunks_len);
	for (size_t i = 0; i < json_object_array_length(hunks); i++) {
		json_object *h = json_object_array_get_idx(hunks, i);
		size_t start =
		    (size_t)(number(h, "from") - (number(h, "from_lines") > 0));

		for (; a < start; a++, b++)
			assert_string_equal(from.at[a], to.at[b]);
		assert_true(check_hunk(h, &from, &to) > 0);
		a += (size_t)number(h, "from_lines");
		b += (size_t)number(h, "to_lines");
	}
	assert_int_equal(from.len - a, to.len - b);
	for (; a < from.len; a++, b++)
		assert_string_equal(from.at[a], to.at[b]);
	json_object_put(hunks);
}

static void
hunks_are_those_of_diff(void **state)
{
	(void)state;
	check("", "", 3, 0);
	check("a\nb\n", "a\nb\n", 3, 0);
	check("", "a\n", 3, 1);
	check("a\nb\n", "", 3, 1);
	check(
	    "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\nx\n4\n5\n6\n7\ny\n9\n", 2, 1);
	check(
	    "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\nx\n4\n5\n6\n7\ny\n9\n", 1, 2);
	check("1\n2\n3\n", "0\n1\n2\n3\n4\n", 0, 2);
}

static void
random_texts_are_led_from_one_to_the_other(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		char text[2][256];

		for (size_t t = 0; t < 2; t++) {
			size_t len = 0, n;

			seed = seed * 1664525 + 1013904223;
			n = (seed >> 24) % 40;
			for (; n > 0; n--) {
				seed = seed * 1664525 + 1013904223;
				text[t][len++] = (char)('a' + (seed >> 28) % 4);
				text[t][len++] = '\n';
			}
			text[t][len] = '\0';
		}
		check(text[0], text[1], (size_t)i % 4, SIZE_MAX);
	}
}

static void
a_newline_at_the_end_is_told_only_by_itself(void **state)
{
	json_object *hunks = json_object_new_array();

	(void)state;
	assert_int_equal(
	    line_diff(hunks, BYTES_STR("a\nb"), BYTES_STR("a\nb\n"), 0).code,
	    LK_OK);
	assert_string_equal(
	    json_object_to_json_string_ext(hunks, JSON_C_TO_STRING_PLAIN),
	    "[{\"from\":2,\"from_lines\":1,\"to\":2,\"to_lines\":1,\"lines\":"
	    "[\"-b\",\"\\\\ No newline at end\",\"+b\"]}]");
	json_object_put(hunks);
	check("a\nb", "a\nb\nc\n", 0, 1);
	check("a\nb\n", "a\nb\nc", 0, 1);
	check("a", "a", 3, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hunks_are_those_of_diff),
		cmocka_unit_test(random_texts_are_led_from_one_to_the_other),
		cmocka_unit_test(a_newline_at_the_end_is_told_only_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
