#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mirror/ignore.h"

static bool
out(const char *patterns, const char *path, bool is_folder)
{
	struct ignore ig = { 0 };
	bool is;

	assert_int_equal(ignore_read(&ig, BYTES_STR(patterns)).code, LK_OK);
	is = ignore_matches(&ig, BYTES_STR(path), is_folder);
	ignore_clear(&ig);
	return is;
}

static void
what_editors_leave_behind_stays_out_unless_it_is_asked_for(void **state)
{
	(void)state;
	assert_true(out("", "a/notes.md~", false));
	assert_true(out("", ".notes.md.swp", false));
	assert_true(out("", "4913", false));
	assert_true(out("", "#notes.md#", false));
	assert_false(out("", "notes.md", false));
	assert_false(out("!*~\n", "notes.md~", false));
}

static void
what_is_in_a_folder_that_is_left_out_does_not_come_back(void **state)
{
	(void)state;
	assert_true(out("build/\n!build/keep\n", "build/keep", false));
	assert_false(out("build/*\n!build/keep\n", "build/keep", false));
}

static void
a_list_that_is_too_long_is_refused(void **state)
{
	struct ignore ig = { 0 };
	char *text = malloc(IGNORE_BYTES_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', IGNORE_BYTES_MAX + 1);
	assert_int_equal(
	    ignore_read(&ig, BYTES((uint8_t *)text, IGNORE_BYTES_MAX + 1)).code,
	    LK_E_LIMIT);
	assert_int_equal(
	    ignore_read(&ig, BYTES((uint8_t *)text, IGNORE_LINES_MAX)).code,
	    LK_E_LIMIT);
	assert_false(ignore_matches(&ig, BYTES_STR("a"), false));
	free(text);
}

/* Many stars and a long name: what a naive matcher never finishes. */
static void
stars_cost_no_more_than_pattern_times_path(void **state)
{
	char pattern[2048] = "", path[1024];

	(void)state;
	for (int i = 0; i < 500; i++)
		strlcat(pattern, "a*", sizeof(pattern));
	strlcat(pattern, "b", sizeof(pattern));
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_false(out(pattern, path, false));
	pattern[0] = '\0';
	for (int i = 0; i < 200; i++)
		strlcat(pattern, "**/a/", sizeof(pattern));
	strlcat(pattern, "b", sizeof(pattern));
	for (size_t i = 1; i < sizeof(path) - 2; i += 2)
		path[i] = '/';
	assert_false(out(pattern, path, false));
}

/* Beside git. */

static const char *const words[] = { "a", "b", "ab", "a.c", "b.o", ".x", "c-d",
	"A", "x y", "[z]" };
static const char *const pieces[] = { "a", "b", "*", "**", "?", "/", "/", ".",
	"c", "[ab]", "[!a]", "[a-c]", "\\*", "x", "[[:upper:]]", "*.o", "-",
	"[]-z]", "\\[", " " };
#define PATHS 60
#define LINE_MAX_ 64

static uint64_t
next(uint64_t *seed, uint64_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % below;
}

static void
pattern_draw(uint64_t *seed, char *line)
{
	size_t n = 1 + next(seed, 6);

	line[0] = '\0';
	if (next(seed, 5) == 0)
		strlcat(line, "!", LINE_MAX_);
	if (next(seed, 6) == 0)
		strlcat(line, "/", LINE_MAX_);
	while (n-- > 0)
		strlcat(line,
		    pieces[next(seed, sizeof(pieces) / sizeof(*pieces))],
		    LINE_MAX_);
	if (next(seed, 5) == 0)
		strlcat(line, "/", LINE_MAX_);
	strlcat(line, "\n", LINE_MAX_);
}

static void
path_draw(uint64_t *seed, char *path)
{
	size_t n = 1 + next(seed, 4);

	path[0] = '\0';
	while (n-- > 0) {
		strlcat(path, words[next(seed, sizeof(words) / sizeof(*words))],
		    LINE_MAX_);
		if (n > 0)
			strlcat(path, "/", LINE_MAX_);
	}
}

static void
file_put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

/* Which of the paths git leaves out: one line each, empty before the tab when
 * it does not, or by a pattern with '!'. */
static void
git_ask(bool *left_out)
{
	FILE *f = popen("git -c core.excludesFile=/dev/null check-ignore "
			"--no-index -v -n --stdin <../paths",
	    "r");
	char line[1024];
	size_t n = 0;

	assert_non_null(f);
	for (; n < PATHS && fgets(line, sizeof(line), f) != NULL; n++) {
		char *pattern = strstr(line, "gitignore:");

		left_out[n] = false;
		if (pattern != NULL && line[0] != ':') {
			pattern = strchr(pattern + 10, ':');
			left_out[n] = pattern != NULL && pattern[1] != '!';
		}
	}
	pclose(f);
	assert_int_equal(n, PATHS);
}

static void
patterns_compare(uint64_t seed)
{
	char paths[PATHS][LINE_MAX_], text[512] = "", line[LINE_MAX_],
				      all[PATHS * 64] = "";
	bool left_out[PATHS];

	for (int i = 0; i < 3; i++) {
		pattern_draw(&seed, line);
		strlcat(text, line, sizeof(text));
	}
	for (int i = 0; i < PATHS; i++) {
		path_draw(&seed, paths[i]);
		strlcat(all, paths[i], sizeof(all));
		strlcat(all, "\n", sizeof(all));
	}
	file_put(".gitignore", text);
	file_put("../paths", all);
	git_ask(left_out);
	for (int i = 0; i < PATHS; i++)
		if (out(text, paths[i], false) != left_out[i])
			fail_msg("patterns:\n%s path %s: git says %d", text,
			    paths[i], left_out[i]);
}

static void
the_same_is_left_out_as_by_git(void **state)
{
	char dir[] = "/tmp/lk-ignore.XXXXXX", command[64], before[4096];

	(void)state;
	if (system("git --version >/dev/null 2>&1") != 0)
		fail_msg("git is needed to compare with");
	assert_non_null(getcwd(before, sizeof(before)));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(system("git init -q repo"), 0);
	assert_int_equal(chdir("repo"), 0);
	for (uint64_t seed = 1; seed <= 150; seed++)
		patterns_compare(seed);
	assert_int_equal(chdir(before), 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_editors_leave_behind_stays_out_unless_it_is_asked_for),
		cmocka_unit_test(
		    what_is_in_a_folder_that_is_left_out_does_not_come_back),
		cmocka_unit_test(a_list_that_is_too_long_is_refused),
		cmocka_unit_test(stars_cost_no_more_than_pattern_times_path),
		cmocka_unit_test(the_same_is_left_out_as_by_git),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
