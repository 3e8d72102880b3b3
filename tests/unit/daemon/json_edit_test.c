#include <stdio.h>

#include "tests/unit/daemon/scratch_doc.h"

#define MERGE(b, w) \
	((struct json_change){ .base = (b), .wanted = (w), .has_base = true })

static void
assert_json_merges(const char *base, const char *wanted, const char *current,
    const char *result)
{
	json_object *before = json_of(base), *after = json_of(wanted);
	struct scratch s;

	scratch_open(&s, current);
	assert_ok(json_value_edit(s.edit, s.doc, &MERGE(before, after)));
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
	assert_json_merges("{\"a\":1,\"b\":2}", "{\"a\":1}", "{\"b\":2}", "{}");
	/* Removed here, changed there: so too. */
	assert_json_merges(
	    "{\"a\":1,\"b\":2}", "{\"a\":1}", "{\"b\":5}", "{\"b\":5}");
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
	assert_ok(json_value_edit(s.edit, s.doc, &MERGE(tree, tree)));
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
	struct tree_place slot = { .prop = { .is_key = true,
				       .key = BYTES_STR("x") } };
	struct json_change change;
	struct scratch s;
	char *got;

	(void)state;
	scratch_open(&s, NULL);
	slot.obj = DOC_ROOT;
	assert_ok(json_value_put(s.edit, &slot, tree, JSON_TYPED));
	change = MERGE(base, wanted);
	change.at = &slot;
	assert_ok(json_value_edit(s.edit, s.doc, &change));
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
		    json_value_edit(s.edit, s.doc, &MERGE(before, after)));
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
		cmocka_unit_test(json_merges_member_by_member),
		cmocka_unit_test(lists_merge_element_by_element),
		cmocka_unit_test(an_unchanged_tree_writes_nothing),
		cmocka_unit_test(scalars_keep_their_type),
		cmocka_unit_test(merging_into_the_base_gives_what_was_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
