#include <stdio.h>

#include "daemon/align.h"
#include "daemon/merge.h"
#include "tests/unit/daemon/scratch_doc.h"

/* The longest common subsequence by the textbook. */
static size_t
lcs(const uint32_t *a, size_t n, const uint32_t *b, size_t m)
{
	size_t t[33][33] = { { 0 } };

	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++)
			t[i][j] = a[i - 1] == b[j - 1]  ? t[i - 1][j - 1] + 1
			    : t[i - 1][j] > t[i][j - 1] ? t[i - 1][j]
							: t[i][j - 1];
	return t[n][m];
}

static void
alignment_finds_a_longest_common_subsequence(void **state)
{
	uint64_t seed = 20261121;
	uint32_t a[32], b[32], match[32];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = random_next(&seed) % 33, m = random_next(&seed) % 33;
		uint64_t letters = 1 + random_next(&seed) % 6;
		size_t found = 0, after = 0;

		for (size_t i = 0; i < n; i++)
			a[i] = (uint32_t)(random_next(&seed) % letters);
		for (size_t i = 0; i < m; i++)
			b[i] = (uint32_t)(random_next(&seed) % letters);
		assert_ok(align_match(
		    match, (struct series){ a, n }, (struct series){ b, m }));
		for (size_t i = 0; i < n; i++) {
			if (match[i] == ALIGN_NONE)
				continue;
			assert_true(match[i] < m && match[i] >= after);
			assert_int_equal(a[i], b[match[i]]);
			after = match[i] + 1;
			found++;
		}
		assert_int_equal(found, lcs(a, n, b, m));
	}
}

static void
alignment_of_very_different_series_is_still_right(void **state)
{
	enum { LEN = 9000 };
	uint32_t *a = calloc(LEN, sizeof(*a)), *b = calloc(LEN, sizeof(*b));
	uint32_t *match = calloc(LEN, sizeof(*match));

	(void)state;
	for (uint32_t i = 0; i < LEN; i++) {
		a[i] = i;
		b[i] = i == 0 || i == LEN - 1 ? i : i + LEN;
	}
	assert_ok(align_match(
	    match, (struct series){ a, LEN }, (struct series){ b, LEN }));
	for (uint32_t i = 0; i < LEN; i++)
		assert_int_equal(
		    match[i], i == 0 || i == LEN - 1 ? i : ALIGN_NONE);
	free(a);
	free(b);
	free(match);
}

static char *
merged(const char *base, const char *wanted, const char *current)
{
	struct buf out;
	char *copy;

	buf_init(&out, 1 << 20);
	assert_ok(text_merge(
	    &out, BYTES_STR(base), BYTES_STR(wanted), BYTES_STR(current)));
	copy = strndup(out.len == 0 ? "" : (const char *)out.ptr, out.len);
	buf_clear(&out);
	return copy;
}

static void
assert_merges(const char *base, const char *wanted, const char *current,
    const char *result)
{
	char *got = merged(base, wanted, current);

	assert_string_equal(got, result);
	free(got);
}

static void
texts_merge_word_by_word(void **state)
{
	(void)state;
	assert_merges("", "", "", "");
	assert_merges("a b c\n", "a B c\n", "a b c\n", "a B c\n");
	assert_merges("a b c\n", "a b c\n", "a b C\n", "a b C\n");
	assert_merges("a b c\n", "A b c\n", "a b C\n", "A b C\n");
	assert_merges("one\ntwo\nthree\n", "one\nTWO\nthree\n",
	    "zero\none\ntwo\nthree\nfour\n", "zero\none\nTWO\nthree\nfour\n");
	/* A side deletes what the other one changes: the new word stays. */
	assert_merges("a b c\n", "a c\n", "a B c\n", "a Bc\n");
	/* Both put something at the same place: both stay. */
	assert_merges("x\n", "x mine\n", "x theirs\n", "x theirs mine\n");
	/* Both did the same: once. */
	assert_merges("old\n", "new\n", "new\n", "new\n");
	assert_merges("", "hello\n", "world\n", "world\nhello\n");
}

/* Other words in a text; each occurs nowhere else, and none is the beginning of
 * another. */
static void
words_change(
    uint64_t *seed, const char *from, char side, char *out, size_t size)
{
	size_t len = 0, serial = 0;

	for (const char *c = from;; c = strchr(c, ' ') + 1) {
		size_t n = strcspn(c, " ");

		if (random_next(seed) % 5 == 0)
			len += (size_t)snprintf(out + len, size - len,
			    "%c%zuq%s ", side, serial++,
			    random_next(seed) % 4 == 0 ? "\n" : "");
		if (n > 0 && random_next(seed) % 6 != 0)
			len += (size_t)snprintf(
			    out + len, size - len, "%.*s ", (int)n, c);
		if (c[n] == '\0')
			break;
	}
	out[len] = '\0';
}

/* Every word of `text` that starts with this letter is in `all`, where blanks
 * around it may be gone. */
static void
assert_words(const char *text, char letter, const char *all)
{
	for (const char *c = text; *c != '\0';) {
		size_t n = strcspn(c, " \n");
		char word[16];

		if (n > 0 && *c == letter) {
			(void)snprintf(word, sizeof(word), "%.*s", (int)n, c);
			if (strstr(all, word) == NULL)
				fail_msg("lost %s in: %s", word, all);
		}
		c += n + (c[n] != '\0');
	}
}

static void
no_inserted_word_is_ever_lost(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char base[1024], mine[4096], theirs[4096], *all;
		size_t len = 0;

		for (unsigned i = 0; i < 30; i++)
			len += (size_t)snprintf(base + len, sizeof(base) - len,
			    "b%u%s", i,
			    random_next(&seed) % 5 == 0 ? "\n " : " ");
		words_change(&seed, base, 'm', mine, sizeof(mine));
		words_change(&seed, base, 't', theirs, sizeof(theirs));
		all = merged(base, mine, theirs);
		assert_words(mine, 'm', all);
		assert_words(theirs, 't', all);
		free(all);
		assert_merges(base, mine, base, mine);
		assert_merges(base, base, theirs, theirs);
		assert_merges(base, mine, mine, mine);
	}
}

static void
assert_json_merges(const char *base, const char *wanted, const char *current,
    const char *result)
{
	json_object *before = json_of(base), *after = json_of(wanted);
	struct scratch s;

	scratch_open(&s, current);
	assert_ok(json_merge_map(s.edit, s.doc, DOC_ROOT, before, after));
	assert_shows(&s, result);
	scratch_close(&s);
	json_object_put(before);
	json_object_put(after);
}

static void
json_merges_member_by_member(void **state)
{
	(void)state;
	assert_json_merges("{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}",
	    "{\"a\":9,\"b\":2}", "{\"a\":9,\"b\":3}");
	assert_json_merges("{\"a\":1}", "{\"a\":1,\"n\":[true]}",
	    "{\"a\":1,\"x\":0}", "{\"a\":1,\"n\":[true],\"x\":0}");
	assert_json_merges("{\"a\":1,\"b\":2}", "{\"a\":1}", "{\"b\":5}", "{}");
	assert_json_merges("{\"m\":{\"x\":1,\"y\":2}}",
	    "{\"m\":{\"x\":1,\"y\":3}}", "{\"m\":{\"x\":7,\"y\":2}}",
	    "{\"m\":{\"x\":7,\"y\":3}}");
	assert_json_merges("{\"t\":\"one two\"}", "{\"t\":\"one 2\"}",
	    "{\"t\":\"1 two\"}", "{\"t\":\"1 2\"}");
	assert_json_merges(
	    "{\"a\":1}", "{\"a\":\"s\"}", "{\"a\":1}", "{\"a\":\"s\"}");
	/* Removed there, changed here: the change is not lost. */
	assert_json_merges("{\"a\":1}", "{\"a\":2}", "{}", "{\"a\":2}");
}

static void
lists_merge_element_by_element(void **state)
{
	(void)state;
	assert_json_merges("{\"l\":[1,2,3]}", "{\"l\":[1,9,3]}",
	    "{\"l\":[0,1,2,3,4]}", "{\"l\":[0,1,9,3,4]}");
	assert_json_merges("{\"l\":[1,2,3]}", "{\"l\":[1,3]}",
	    "{\"l\":[1,2,3,4]}", "{\"l\":[1,3,4]}");
	assert_json_merges("{\"l\":[1,2,3]}", "{\"l\":[1,2,3,5]}",
	    "{\"l\":[1,2,3,4]}", "{\"l\":[1,2,3,4,5]}");
	assert_json_merges("{\"l\":[1,2,3]}", "{\"l\":[0,1,2,3]}",
	    "{\"l\":[2,3]}", "{\"l\":[0,2,3]}");
	assert_json_merges(
	    "{\"l\":[]}", "{\"l\":[1]}", "{\"l\":[2]}", "{\"l\":[2,1]}");
	assert_json_merges("{\"l\":[{\"a\":1},{\"b\":1}]}",
	    "{\"l\":[{\"a\":1},{\"b\":2}]}",
	    "{\"l\":[{\"a\":5},{\"b\":1},{\"c\":1}]}",
	    "{\"l\":[{\"a\":5},{\"b\":2},{\"c\":1}]}");
	assert_json_merges("{\"l\":[[1],[2]]}", "{\"l\":[[1],[2,3]]}",
	    "{\"l\":[[2]]}", "{\"l\":[[2,3]]}");
}

static void
an_unchanged_tree_writes_nothing(void **state)
{
	const char *text = "{\"a\":[1,{\"b\":\"text\"}],\"c\":null}";
	json_object *tree = json_of(text);
	struct scratch s;
	size_t ops;

	(void)state;
	scratch_open(&s, text);
	ops = edit_ops(s.edit);
	assert_ok(json_merge_map(s.edit, s.doc, DOC_ROOT, tree, tree));
	assert_int_equal(edit_ops(s.edit), ops);
	scratch_close(&s);
	json_object_put(tree);
}

static void
scalars_keep_their_type(void **state)
{
	static const char typed[] =
	    "{\"type\":\"map\",\"value\":{"
	    "\"b\":{\"type\":\"bytes\",\"value\":\"AA==\"},"
	    "\"c\":{\"type\":\"counter\",\"value\":5},"
	    "\"s\":{\"type\":\"str\",\"value\":\"x\"},"
	    "\"t\":{\"type\":\"timestamp\",\"value\":0},"
	    "\"u\":{\"type\":\"uint\",\"value\":1}}}";
	json_object *tree = json_of(typed);
	json_object *base =
	    json_of("{\"b\":\"AA==\",\"c\":5,\"s\":\"x\","
		    "\"t\":\"1970-01-01T00:00:00.000Z\",\"u\":1}");
	json_object *wanted =
	    json_of("{\"b\":\"AQ==\",\"c\":8,\"s\":\"y\","
		    "\"t\":\"1970-01-01T00:00:01Z\",\"u\":2}");
	struct slot slot = { .prop = {
				 .is_key = true, .key = BYTES_STR("x") } };
	struct scratch s;
	char *got;

	(void)state;
	scratch_open(&s, NULL);
	slot.obj = DOC_ROOT;
	assert_ok(json_value_put(s.edit, &slot, tree, JSON_TYPED));
	assert_ok(json_merge(s.edit, s.doc, &slot, base, wanted));
	got = scratch_json(&s, "/x", JSON_TYPED);
	assert_string_equal(got,
	    "{\"type\":\"map\",\"value\":{"
	    "\"b\":{\"type\":\"bytes\",\"value\":\"AQ==\"},"
	    "\"c\":{\"type\":\"counter\",\"value\":8},"
	    "\"s\":{\"type\":\"str\",\"value\":\"y\"},"
	    "\"t\":{\"type\":\"timestamp\",\"value\":1000},"
	    "\"u\":{\"type\":\"uint\",\"value\":2}}}");
	free(got);
	scratch_close(&s);
	json_object_put(tree);
	json_object_put(base);
	json_object_put(wanted);
}

/* A random JSON tree of small size, as text. */
static void
tree_make(uint64_t *seed, struct buf *out, int depth)
{
	uint64_t kind = random_next(seed) % (depth > 3 ? 3 : 6);
	size_t n = random_next(seed) % 4;

	switch (kind) {
	case 0:
		buf_printf(out, "%d", (int)(random_next(seed) % 5));
		break;
	case 1:
		buf_printf(out, "\"w%d x%d\"", (int)(random_next(seed) % 3),
		    (int)(random_next(seed) % 3));
		break;
	case 2:
		buf_str(out, random_next(seed) % 2 == 0 ? "true" : "null");
		break;
	case 3:
	case 4:
		buf_u8(out, '[');
		for (size_t i = 0; i < n; i++) {
			if (i > 0)
				buf_u8(out, ',');
			tree_make(seed, out, depth + 1);
		}
		buf_u8(out, ']');
		break;
	default:
		buf_u8(out, '{');
		for (size_t i = 0; i < n; i++) {
			buf_printf(out, "%s\"k%zu\":", i > 0 ? "," : "",
			    i + random_next(seed) % 2 * 4);
			tree_make(seed, out, depth + 1);
		}
		buf_u8(out, '}');
		break;
	}
}

static char *
root_make(uint64_t *seed)
{
	struct buf out;
	char *copy;

	buf_init(&out, 1 << 16);
	buf_str(&out, "{\"a\":");
	tree_make(seed, &out, 0);
	buf_str(&out, ",\"b\":");
	tree_make(seed, &out, 0);
	buf_u8(&out, '}');
	copy = strndup((const char *)out.ptr, out.len);
	buf_clear(&out);
	return copy;
}

/* With nobody else writing, what was wanted is what is there. */
static void
merging_into_the_base_gives_what_was_wanted(void **state)
{
	uint64_t seed = 99;

	(void)state;
	for (int round = 0; round < 500; round++) {
		char *base = root_make(&seed), *wanted = root_make(&seed);
		json_object *before = json_of(base), *after = json_of(wanted);
		json_object *got;
		struct scratch s;
		char *shown;

		scratch_open(&s, base);
		assert_ok(
		    json_merge_map(s.edit, s.doc, DOC_ROOT, before, after));
		shown = scratch_json(&s, "", JSON_PLAIN);
		got = json_of(shown);
		if (!json_object_equal(got, after))
			fail_msg("round %d: %s to %s gave %s", round, base,
			    wanted, shown);
		scratch_close(&s);
		json_object_put(got);
		json_object_put(before);
		json_object_put(after);
		free(shown);
		free(base);
		free(wanted);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alignment_finds_a_longest_common_subsequence),
		cmocka_unit_test(
		    alignment_of_very_different_series_is_still_right),
		cmocka_unit_test(texts_merge_word_by_word),
		cmocka_unit_test(no_inserted_word_is_ever_lost),
		cmocka_unit_test(json_merges_member_by_member),
		cmocka_unit_test(lists_merge_element_by_element),
		cmocka_unit_test(an_unchanged_tree_writes_nothing),
		cmocka_unit_test(scalars_keep_their_type),
		cmocka_unit_test(merging_into_the_base_gives_what_was_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
