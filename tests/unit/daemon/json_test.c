#include <glob.h>
#include <stdio.h>

#include "crdt/document.h"
#include "tests/unit/daemon/scratch_doc.h"

static lk_err
parse(const char *text)
{
	struct json_flaw flaw;
	json_object *tree = NULL;
	lk_err err = json_text_parse(&tree, BYTES_STR(text), &flaw);

	if (err.code == LK_OK)
		json_object_put(tree);
	return err;
}

static void
assert_rewrites(const char *text, const char *want)
{
	json_object *tree = json_of(text);
	struct buf out;

	buf_init(&out, 1 << 20);
	json_text_tree(&out, tree);
	buf_u8(&out, '\0');
	assert_string_equal((const char *)out.ptr, want);
	buf_clear(&out);
	json_object_put(tree);
}

static void
numbers_keep_their_value(void **state)
{
	(void)state;
	assert_rewrites("0", "0");
	assert_rewrites("-0", "0");
	assert_rewrites("-0.0", "-0.0");
	assert_rewrites("0.1", "0.1");
	assert_rewrites("5.0", "5.0");
	assert_rewrites("1e21", "1e+21");
	assert_rewrites("9223372036854775807", "9223372036854775807");
	assert_rewrites("-9223372036854775808", "-9223372036854775808");
	assert_rewrites("9223372036854775808", "9223372036854775808");
	assert_rewrites("18446744073709551615", "18446744073709551615");
	assert_rewrites("18446744073709551616", "1.8446744073709552e+19");
	assert_rewrites("-9223372036854775809", "-9.223372036854776e+18");
	assert_rewrites("5e-324", "4.94065645841247e-324");
	assert_rewrites("1e-400", "0.0");
}

static void
numbers_no_double_holds_are_refused(void **state)
{
	(void)state;
	assert_err(parse("1e400"), LK_E_DATA);
	assert_err(parse("-1e400"), LK_E_DATA);
	assert_err(parse("[1, 2, 1e309]"), LK_E_DATA);
}

static void
what_is_no_json_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "nul", "NaN", "Infinity",
		"-", "+1", "01", "1.", ".5", "1e", "1e+", "0x10", "'a'", "\"a",
		"\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
		"\"\\ud800\\u0041\"", "\"a\nb\"", "[1,]", "[,1]", "[1 2]", "[",
		"{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1",
		"1 2", "[]]", "// c\n1", "\"\xff\"", "\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\xef\xbb\xbf"
		"1" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i]).code != LK_E_DATA)
			fail_msg("accepted: %s", bad[i]);
}

static void
every_proper_prefix_is_refused(void **state)
{
	const char text[] = "{\"a\\u00e9\":[1,-2.5e3,true,false,null,\"x\\n\","
			    "{\"b\":{}}],\"c\":\"\\ud83d\\ude00\"}";
	struct json_flaw flaw;
	json_object *tree;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_err(json_text_parse(
			       &tree, BYTES((const uint8_t *)text, n), &flaw),
		    LK_E_DATA);
	assert_rewrites(text,
	    "{\"a\u00e9\":[1,-2500.0,true,false,null,\"x\\n\","
	    "{\"b\":{}}],\"c\":\"\U0001f600\"}");
}

static void
a_nul_survives_in_values_and_keys(void **state)
{
	json_object *tree = json_of("\"a\\u0000b\"");

	(void)state;
	assert_int_equal(json_object_get_string_len(tree), 3);
	json_object_put(tree);
	assert_rewrites("[\"\\u0000\"]", "[\"\\u0000\"]");
	assert_rewrites("{\"a\\u0000b\":1,\"a\":2,\"\\u0000\":3}",
	    "{\"a\\u0000b\":1,\"a\":2,\"\\u0000\":3}");
}

static void
the_last_of_equal_keys_counts(void **state)
{
	(void)state;
	assert_rewrites("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
}

static void
depth_has_a_limit(void **state)
{
	char text[2 * TREE_DEPTH_MAX + 3];

	(void)state;
	memset(text, '[', TREE_DEPTH_MAX + 1);
	memset(text + TREE_DEPTH_MAX + 1, ']', TREE_DEPTH_MAX + 1);
	text[sizeof(text) - 1] = '\0';
	assert_err(parse(text), LK_E_LIMIT);
	text[2 * TREE_DEPTH_MAX + 1] = '\0';
	assert_ok(parse(text + 1));
}

static void
numbers_have_so_many_digits(void **state)
{
	char text[4096 + 2];

	(void)state;
	memset(text, '1', sizeof(text));
	text[1] = '.';
	text[4097] = '\0';
	assert_err(parse(text), LK_E_DATA);
	text[4096] = '\0';
	assert_ok(parse(text));
}

static void
a_flaw_names_line_and_column(void **state)
{
	struct json_flaw flaw;
	json_object *tree;

	(void)state;
	assert_err(json_text_parse(&tree,
		       BYTES_STR("{\n  \"a\": 1,\n  \"b\": x\n}"), &flaw),
	    LK_E_DATA);
	assert_int_equal(flaw.line, 3);
	assert_int_equal(flaw.column, 8);
}

static void
values_of_a_text_come_one_by_one(void **state)
{
	struct bytes text = BYTES_STR(" 1\n{\"a\":2}\n\n3 ");
	struct json_flaw flaw;
	json_object *tree;
	int n = 0;

	(void)state;
	for (; text.len > 0; n++) {
		assert_ok(json_text_next(&tree, &text, &flaw));
		json_object_put(tree);
	}
	assert_int_equal(n, 3);
}

static void
json_becomes_the_types_automerge_would_use(void **state)
{
	struct scratch s;
	char *got;

	(void)state;
	scratch_open(&s,
	    "{\"b\":true,\"f\":1.5,\"i\":-3,\"l\":[1,[\"x\"]],"
	    "\"m\":{},\"n\":null,\"t\":\"hello\",\"u\":18446744073709551615}");
	got = scratch_json(&s, "", JSON_TYPED);
	assert_string_equal(got,
	    "{\"type\":\"map\",\"value\":{"
	    "\"b\":{\"type\":\"boolean\",\"value\":true},"
	    "\"f\":{\"type\":\"f64\",\"value\":1.5},"
	    "\"i\":{\"type\":\"int\",\"value\":-3},"
	    "\"l\":{\"type\":\"list\",\"value\":["
	    "{\"type\":\"int\",\"value\":1},{\"type\":\"list\",\"value\":["
	    "{\"type\":\"text\",\"value\":\"x\"}]}]},"
	    "\"m\":{\"type\":\"map\",\"value\":{}},"
	    "\"n\":{\"type\":\"null\",\"value\":null},"
	    "\"t\":{\"type\":\"text\",\"value\":\"hello\"},"
	    "\"u\":{\"type\":\"uint\",\"value\":18446744073709551615}}}");
	free(got);
	assert_shows(&s,
	    "{\"b\":true,\"f\":1.5,\"i\":-3,\"l\":[1,[\"x\"]],"
	    "\"m\":{},\"n\":null,\"t\":\"hello\",\"u\":18446744073709551615}");
	scratch_close(&s);
}

static const char every_type[] =
    "{\"type\":\"map\",\"value\":{"
    "\"blob\":{\"type\":\"bytes\",\"value\":\"AAEC/w==\"},"
    "\"count\":{\"type\":\"counter\",\"value\":-7},"
    "\"empty\":{\"type\":\"bytes\",\"value\":\"\"},"
    "\"false\":{\"type\":\"boolean\",\"value\":false},"
    "\"inf\":{\"type\":\"f64\",\"value\":\"Infinity\"},"
    "\"int\":{\"type\":\"int\",\"value\":-9223372036854775808},"
    "\"list\":{\"type\":\"list\",\"value\":["
    "{\"type\":\"str\",\"value\":\"scalar\"},"
    "{\"type\":\"text\",\"value\":\"text \U0001f600\"}]},"
    "\"nan\":{\"type\":\"f64\",\"value\":\"NaN\"},"
    "\"negative\":{\"type\":\"f64\",\"value\":-0.0},"
    "\"ninf\":{\"type\":\"f64\",\"value\":\"-Infinity\"},"
    "\"null\":{\"type\":\"null\",\"value\":null},"
    "\"odd nan\":{\"type\":\"f64\",\"value\":\"0x7ff8000000000123\"},"
    "\"time\":{\"type\":\"timestamp\",\"value\":-62135596800001},"
    "\"uint\":{\"type\":\"uint\",\"value\":5},"
    "\"unknown\":{\"type\":\"unknown\",\"code\":12,\"value\":\"Zm9v\"}"
    "}}";

static void
typed_json_comes_back_the_same(void **state)
{
	json_object *tree = json_of(every_type);
	struct tree_place slot = { .prop = { .is_key = true,
				       .key = BYTES_STR("all") } };
	struct scratch s;
	char *got;

	(void)state;
	scratch_open(&s, NULL);
	slot.obj = DOC_ROOT;
	assert_ok(json_value_put(s.edit, &slot, tree, JSON_TYPED));
	got = scratch_json(&s, "/all", JSON_TYPED);
	assert_string_equal(got, every_type);
	free(got);
	got = scratch_json(&s, "/all", JSON_PLAIN);
	assert_string_equal(got,
	    "{\"blob\":\"AAEC/w==\",\"count\":-7,\"empty\":\"\","
	    "\"false\":false,\"inf\":null,\"int\":-9223372036854775808,"
	    "\"list\":[\"scalar\",\"text \U0001f600\"],\"nan\":null,"
	    "\"negative\":-0.0,\"ninf\":null,\"null\":null,\"odd nan\":null,"
	    "\"time\":\"0000-12-31T23:59:59.999Z\",\"uint\":5,"
	    "\"unknown\":\"Zm9v\"}");
	free(got);
	scratch_close(&s);
	json_object_put(tree);
}

static void
typed_json_that_says_nothing_is_refused(void **state)
{
	static const char *const bad[] = { "1", "{}", "{\"type\":\"int\"}",
		"{\"value\":1}", "{\"type\":\"int\",\"value\":1.5}",
		"{\"type\":\"int\",\"value\":18446744073709551615}",
		"{\"type\":\"uint\",\"value\":-1}",
		"{\"type\":\"f64\",\"value\":\"nan\"}",
		"{\"type\":\"f64\",\"value\":\"0x12\"}",
		"{\"type\":\"boolean\",\"value\":0}",
		"{\"type\":\"null\",\"value\":0}",
		"{\"type\":\"bytes\",\"value\":\"a\"}",
		"{\"type\":\"map\",\"value\":[]}",
		"{\"type\":\"list\",\"value\":{}}",
		"{\"type\":\"list\",\"value\":[1]}",
		"{\"type\":\"text\",\"value\":1}",
		"{\"type\":\"unknown\",\"value\":\"\"}",
		"{\"type\":\"unknown\",\"code\":16,\"value\":\"\"}",
		"{\"type\":\"date\",\"value\":1}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_object *tree = json_of(bad[i]);
		struct tree_place slot = { .prop = { .is_key = true,
					       .key = BYTES_STR("x") } };
		struct scratch s;

		scratch_open(&s, NULL);
		slot.obj = DOC_ROOT;
		if (json_value_put(s.edit, &slot, tree, JSON_TYPED).code !=
		    LK_E_DATA)
			fail_msg("accepted: %s", bad[i]);
		scratch_close(&s);
		json_object_put(tree);
	}
}

static void
pointers_follow_rfc_6901(void **state)
{
	static const struct {
		const char *path, *value;
	} cases[] = {
		{ "/foo", "[\"bar\",\"baz\"]" },
		{ "/foo/0", "\"bar\"" },
		{ "/", "0" },
		{ "/a~1b", "1" },
		{ "/c%d", "2" },
		{ "/e^f", "3" },
		{ "/g|h", "4" },
		{ "/i\\j", "5" },
		{ "/k\"l", "6" },
		{ "/ ", "7" },
		{ "/m~0n", "8" },
		{ "/~01", "9" },
	};
	struct scratch s;

	(void)state;
	scratch_open(&s,
	    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,"
	    "\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,"
	    "\"m~n\":8,\"~1\":9}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got = scratch_json(&s, cases[i].path, JSON_PLAIN);

		assert_string_equal(got, cases[i].value);
		free(got);
	}
	scratch_close(&s);
}

static void
pointers_that_lead_nowhere_say_why(void **state)
{
	struct scratch s;
	struct place p;

	(void)state;
	scratch_open(&s, "{\"l\":[1,2],\"n\":1,\"t\":\"text\"}");
#define FOLLOW(path) pointer_follow(&p, s.doc, &s.site.base, path, &s.arena)
	assert_err(FOLLOW("l"), LK_E_USAGE);
	assert_err(FOLLOW("/l~2"), LK_E_USAGE);
	assert_err(FOLLOW("/l~"), LK_E_USAGE);
	assert_err(FOLLOW("/x/y"), LK_E_NOTFOUND);
	assert_err(FOLLOW("/n/y"), LK_E_NOTFOUND);
	assert_err(FOLLOW("/l/9/y"), LK_E_NOTFOUND);
	assert_err(FOLLOW("/l/01"), LK_E_DATA);
	assert_err(FOLLOW("/l/-1"), LK_E_DATA);
	assert_err(FOLLOW("/l/x"), LK_E_DATA);
	assert_ok(FOLLOW("/x"));
	assert_false(p.shown);
	assert_ok(FOLLOW("/l/2"));
	assert_false(p.shown);
	assert_ok(FOLLOW("/l/99999999999999999999999"));
	assert_false(p.shown);
	assert_ok(FOLLOW("/l/-"));
	assert_true(p.end);
	assert_int_equal(p.prop.index, 2);
	assert_err(FOLLOW("/l/-/x"), LK_E_NOTFOUND);
#undef FOLLOW
	scratch_close(&s);
}

static void
paths_of_a_text_document_start_at_its_content(void **state)
{
	struct base base;
	struct scratch s;

	(void)state;
	scratch_open(&s, "{\"content\":\"hello\"}");
	assert_ok(base_find(&base, s.doc, "text", false));
	assert_true(base.content);
	assert_int_equal(base.type, OBJ_TEXT);
	assert_ok(base_find(&base, s.doc, "text", true));
	assert_false(base.content);
	assert_err(base_find(&base, s.doc, "list", false), LK_E_DATA);
	scratch_close(&s);
	scratch_open(&s, "{}");
	assert_err(base_find(&base, s.doc, "text", false), LK_E_NOTFOUND);
	scratch_close(&s);
}

static void
a_step_is_escaped_as_it_is_read(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	pointer_step(&out, BYTES_STR("a/b~c"));
	buf_u8(&out, '\0');
	assert_string_equal((const char *)out.ptr, "/a~1b~0c");
	buf_clear(&out);
}

static void
depth_has_a_limit_in_documents_too(void **state)
{
	struct op_id at = DOC_ROOT;
	struct item root = { .is_obj = true, .obj_type = OBJ_MAP };
	struct scratch s;
	struct buf out;

	(void)state;
	scratch_open(&s, NULL);
	root.id = DOC_ROOT;
	for (int i = 0; i < TREE_DEPTH_MAX; i++)
		assert_ok(edit_make(s.edit, at,
		    (struct prop){ .is_key = true, .key = BYTES_STR("d") },
		    OBJ_MAP, &at));
	buf_init(&out, 1 << 20);
	assert_err(
	    json_value_write(&out, s.doc, &root, JSON_PLAIN), LK_E_LIMIT);
	buf_clear(&out);
	scratch_close(&s);
}

/* Reads a file whole; free it. */
static uint8_t *
file_load(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(1 << 20);

	assert_non_null(f);
	*len = fread(bytes, 1, 1 << 20, f);
	assert_true(*len < 1 << 20);
	fclose(f);
	return bytes;
}

static void
history_apply(struct scratch *s, struct history *h)
{
	for (size_t i = 0; i < h->changes_len; i++)
		assert_ok(doc_apply(s->doc, &h->changes[i], true));
}

/* Whatever Automerge wrote: as typed JSON it says the same in both. */
static void
every_automerge_file_survives_as_typed_json(void **state)
{
	struct item root = { .is_obj = true, .obj_type = OBJ_MAP };
	size_t done = 0;
	glob_t files;

	(void)state;
	root.id = DOC_ROOT;
	assert_int_equal(
	    glob(LK_TEST_DATA "/automerge/vectors/[0-9]*.automerge", 0, NULL,
		&files),
	    0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct json_flaw flaw;
		struct history history;
		struct scratch from, to;
		struct tree_place slot = { .prop = { .is_key = true,
					       .key = BYTES_STR("all") } };
		json_object *tree;
		struct buf out;
		size_t len;
		uint8_t *file = file_load(files.gl_pathv[i], &len);
		char *got;

		if (history_read(&history, BYTES(file, len)).code != LK_OK) {
			free(file);
			continue;
		}
		scratch_open(&from, NULL);
		history_apply(&from, &history);
		buf_init(&out, 1 << 24);
		assert_ok(json_value_write(&out, from.doc, &root, JSON_TYPED));
		assert_ok(json_text_parse(&tree, buf_bytes(&out), &flaw));
		scratch_open(&to, NULL);
		slot.obj = DOC_ROOT;
		assert_ok(json_value_put(to.edit, &slot, tree, JSON_TYPED));
		buf_u8(&out, '\0');
		got = scratch_json(&to, "/all", JSON_TYPED);
		assert_string_equal(got, (const char *)out.ptr);
		done++;
		free(got);
		free(file);
		buf_clear(&out);
		json_object_put(tree);
		scratch_close(&from);
		scratch_close(&to);
		history_clear(&history);
	}
	assert_true(done >= 30);
	globfree(&files);
}

struct conflict_list {
	struct doc *doc;
	struct buf *out;
};

static lk_err
conflict_list(void *ctx, const struct doc_visit *visit)
{
	struct conflict_list *l = ctx;

	TRY(json_conflict_write(l->out, l->doc, &visit->item, JSON_PLAIN));
	buf_u8(l->out, ' ');
	return LK_NONE;
}

static void
branches_of_an_actor_have_names_of_their_own(void **state)
{
	static const char *const sides[] = { "1", "2" };
	static const char actor[] = "1@01020300000000000000000000000000";
	char want[2][128], both[256], hex[2 * LK_ID_LEN + 1];
	BUF_SCOPED out = { .max = 4096 };
	uint8_t hashes[2][LK_ID_LEN];
	struct scratch s[2];
	bool swap;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
		struct change change;

		scratch_open(&s[i], NULL);
		assert_ok(edit_put(s[i].edit, DOC_ROOT,
		    (struct prop){ .is_key = true, .key = BYTES_STR("a") },
		    &(struct value){
			.type = VALUE_INT, .i64 = (int64_t)i + 1 }));
		assert_ok(edit_finish(s[i].edit, &body, hashes[i]));
		hex_encode(hex, BYTES_OF(hashes[i]));
		(void)snprintf(want[i], sizeof(want[i]), "\"%s%s\":%s ", actor,
		    hex, sides[i]);
		assert_ok(
		    change_decode(&change, &s[0].arena, buf_bytes(&body)));
		if (i > 0)
			assert_ok(doc_apply(s[0].doc, &change, true));
	}
	swap = memcmp(hashes[0], hashes[1], LK_ID_LEN) > 0;
	(void)snprintf(both, sizeof(both), "%s%s", want[swap], want[!swap]);
	assert_ok(doc_each(s[0].doc, DOC_ROOT, conflict_list,
	    &(struct conflict_list){ s[0].doc, &out }));
	buf_u8(&out, '\0');
	assert_string_equal((const char *)out.ptr, both);
	scratch_close(&s[0]);
	scratch_close(&s[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_keep_their_value),
		cmocka_unit_test(numbers_no_double_holds_are_refused),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(every_proper_prefix_is_refused),
		cmocka_unit_test(a_nul_survives_in_values_and_keys),
		cmocka_unit_test(the_last_of_equal_keys_counts),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(numbers_have_so_many_digits),
		cmocka_unit_test(a_flaw_names_line_and_column),
		cmocka_unit_test(values_of_a_text_come_one_by_one),
		cmocka_unit_test(json_becomes_the_types_automerge_would_use),
		cmocka_unit_test(typed_json_comes_back_the_same),
		cmocka_unit_test(typed_json_that_says_nothing_is_refused),
		cmocka_unit_test(pointers_follow_rfc_6901),
		cmocka_unit_test(pointers_that_lead_nowhere_say_why),
		cmocka_unit_test(paths_of_a_text_document_start_at_its_content),
		cmocka_unit_test(a_step_is_escaped_as_it_is_read),
		cmocka_unit_test(depth_has_a_limit_in_documents_too),
		cmocka_unit_test(every_automerge_file_survives_as_typed_json),
		cmocka_unit_test(branches_of_an_actor_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
