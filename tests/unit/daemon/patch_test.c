#include "daemon/patch.h"
#include "tests/unit/daemon/scratch_doc.h"

static lk_err
apply(struct scratch *s, const char *patch, struct patch_fault *fault)
{
	struct json_flaw flaw;
	json_object *ops;
	lk_err err = patch_read(&ops, BYTES_STR(patch), &flaw);

	*fault = (struct patch_fault){ 0 };
	if (err.code != LK_OK)
		return err;
	err = patch_apply(&s->site, ops, fault);
	/* It points into the operations. */
	fault->path = NULL;
	json_object_put(ops);
	return err;
}

static void
assert_patches(const char *doc, const char *patch, const char *want)
{
	struct patch_fault fault;
	struct scratch s;

	scratch_open(&s, doc);
	assert_ok(apply(&s, patch, &fault));
	assert_shows(&s, want);
	scratch_close(&s);
}

static void
assert_refuses(const char *doc, const char *patch, enum lk_code want)
{
	struct patch_fault fault;
	struct scratch s;

	scratch_open(&s, doc);
	assert_err(apply(&s, patch, &fault), want);
	scratch_close(&s);
}

/* RFC 6902, appendix A. */
static void
the_examples_of_rfc_6902_hold(void **state)
{
	(void)state;
	assert_patches("{\"foo\":\"bar\"}",
	    "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
	    "{\"baz\":\"qux\",\"foo\":\"bar\"}");
	assert_patches("{\"foo\":[\"bar\",\"baz\"]}",
	    "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
	    "{\"foo\":[\"bar\",\"qux\",\"baz\"]}");
	assert_patches("{\"baz\":\"qux\",\"foo\":\"bar\"}",
	    "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}");
	assert_patches("{\"foo\":[\"bar\",\"qux\",\"baz\"]}",
	    "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
	    "{\"foo\":[\"bar\",\"baz\"]}");
	assert_patches("{\"baz\":\"qux\",\"foo\":\"bar\"}",
	    "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
	    "{\"baz\":\"boo\",\"foo\":\"bar\"}");
	assert_patches("{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},"
		       "\"qux\":{\"corge\":\"grault\"}}",
	    "[{\"op\":\"move\",\"from\":\"/foo/waldo\","
	    "\"path\":\"/qux/thud\"}]",
	    "{\"foo\":{\"bar\":\"baz\"},"
	    "\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}");
	assert_patches("{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
	    "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
	    "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}");
	assert_patches("{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
	    "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},"
	    "{\"op\":\"test\",\"path\":\"/foo/1\",\"value\":2}]",
	    "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}");
	assert_refuses("{\"baz\":\"qux\"}",
	    "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]",
	    LK_E_DATA);
	assert_patches("{\"foo\":\"bar\"}",
	    "[{\"op\":\"add\",\"path\":\"/child\","
	    "\"value\":{\"grandchild\":{}}}]",
	    "{\"child\":{\"grandchild\":{}},\"foo\":\"bar\"}");
	assert_patches("{\"foo\":\"bar\"}",
	    "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\","
	    "\"xyz\":123}]",
	    "{\"baz\":\"qux\",\"foo\":\"bar\"}");
	assert_refuses("{\"foo\":\"bar\"}",
	    "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]",
	    LK_E_NOTFOUND);
	assert_patches("{\"/\":9,\"~1\":10}",
	    "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]",
	    "{\"/\":9,\"~1\":10}");
	assert_refuses("{\"/\":9,\"~1\":10}",
	    "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]",
	    LK_E_DATA);
	assert_patches("{\"foo\":[\"bar\"]}",
	    "[{\"op\":\"add\",\"path\":\"/foo/-\","
	    "\"value\":[\"abc\",\"def\"]}]",
	    "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}");
}

static void
more_of_rfc_6902_holds(void **state)
{
	(void)state;
	assert_patches("{\"a\":1}",
	    "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0}]", "{\"a\":1}");
	assert_patches("{\"a\":{\"x\":[1,2],\"y\":null}}",
	    "[{\"op\":\"test\",\"path\":\"/a\","
	    "\"value\":{\"y\":null,\"x\":[1,2]}}]",
	    "{\"a\":{\"x\":[1,2],\"y\":null}}");
	assert_patches("{\"a\":{\"x\":1}}",
	    "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"},"
	    "{\"op\":\"replace\",\"path\":\"/b/x\",\"value\":2}]",
	    "{\"a\":{\"x\":1},\"b\":{\"x\":2}}");
	assert_patches("{\"a\":1}",
	    "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":2}}]",
	    "{\"b\":2}");
	assert_patches("{\"a\":1}",
	    "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]", "{\"a\":1}");
	assert_refuses("{\"a\":{\"b\":1}}",
	    "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", LK_E_DATA);
	assert_refuses(
	    "{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", LK_E_NOTFOUND);
	assert_refuses("{}",
	    "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]",
	    LK_E_NOTFOUND);
	assert_refuses("{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", LK_E_DATA);
	assert_refuses("{}", "[{\"op\":\"add\",\"value\":1}]", LK_E_DATA);
	assert_refuses("{}", "[{\"op\":\"spam\",\"path\":\"/a\"}]", LK_E_DATA);
	assert_refuses("{\"l\":[]}",
	    "[{\"op\":\"add\",\"path\":\"/l/1\",\"value\":1}]", LK_E_NOTFOUND);
	assert_refuses("{}",
	    "[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", LK_E_DATA);
	assert_refuses("{}", "[1]", LK_E_DATA);
	assert_refuses("{}", "[{}]", LK_E_DATA);
}

static void
lines_are_edits(void **state)
{
	(void)state;
	assert_patches("{\"l\":[1],\"t\":\"hello\"}",
	    "{\"set\":\"/a\",\"value\":{\"b\":1}}\n"
	    "{\"insert\":\"/l/0\",\"value\":0}\n"
	    "{\"set\":\"/l/-\",\"value\":2}\n"
	    "{\"splice\":\"/t\",\"pos\":0,\"del\":1,\"text\":\"J\"}\n"
	    "{\"set\":\"/c\",\"value\":1,\"as\":\"counter\"}\n"
	    "{\"inc\":\"/c\",\"by\":41}\n"
	    "{\"inc\":\"/c\"}\n"
	    "{\"rm\":\"/a/b\"}\n"
	    "{\"op\":\"add\",\"path\":\"/z\",\"value\":true}\n",
	    "{\"a\":{},\"c\":43,\"l\":[0,1,2],\"t\":\"Jello\",\"z\":true}");
	assert_patches("{}", "{\"set\":\"/a\",\"value\":null}", "{\"a\":null}");
	assert_patches("{\"a\":1,\"b\":2}",
	    "{\"set\":\"\",\"value\":{\"b\":3}}", "{\"b\":3}");
	assert_patches("{\"a\":1}", "[]", "{\"a\":1}");
}

static void
lines_mark_texts_and_put_blocks_into_them(void **state)
{
	(void)state;
	assert_patches("{\"t\":\"abc\"}",
	    "{\"mark\":\"/t\",\"name\":\"b\",\"from\":1,\"to\":2}\n"
	    "{\"mark\":\"/t\",\"name\":\"b\",\"value\":null}\n"
	    "{\"mark\":\"/t\",\"name\":\"l\",\"value\":\"x\","
	    "\"expand\":\"none\"}\n"
	    "{\"mark\":\"/t\",\"name\":\"c\",\"from\":\"s\",\"to\":\"e\","
	    "\"value\":1,\"as\":\"counter\"}\n"
	    "{\"split\":\"/t\",\"block\":{\"type\":\"p\"}}\n"
	    "{\"split\":\"/t\",\"pos\":\"e\"}\n"
	    "{\"splice\":\"/t\",\"pos\":\"e\",\"text\":\"d\"}\n"
	    "{\"update\":\"/t\",\"block\":{\"type\":\"h1\"}}\n"
	    "{\"join\":\"/t\",\"pos\":4}\n",
	    "{\"t\":\"\xef\xbf\xbc"
	    "abcd\"}");
	assert_refuses("{\"t\":\"abc\",\"n\":1}",
	    "{\"mark\":\"/n\",\"name\":\"b\"}", LK_E_DATA);
	assert_refuses(
	    "{\"t\":\"abc\"}", "{\"mark\":\"/t\",\"from\":1}", LK_E_DATA);
	assert_refuses("{\"t\":\"abc\"}",
	    "{\"mark\":\"/t\",\"name\":\"b\",\"to\":4}", LK_E_DATA);
	assert_refuses("{\"t\":\"abc\"}",
	    "{\"mark\":\"/t\",\"name\":\"b\",\"from\":2,\"to\":1}", LK_E_DATA);
	assert_refuses("{\"t\":\"abc\"}",
	    "{\"mark\":\"/t\",\"name\":\"b\",\"from\":null}", LK_E_DATA);
	assert_refuses("{\"t\":\"abc\"}",
	    "{\"mark\":\"/t\",\"name\":\"b\",\"value\":[1]}", LK_E_DATA);
	assert_refuses("{\"t\":\"abc\"}",
	    "{\"mark\":\"/t\",\"name\":\"b\",\"expand\":\"no\"}", LK_E_DATA);
	assert_refuses("{\"t\":\"abc\"}",
	    "{\"splice\":\"/t\",\"pos\":\"1@ab\"}", LK_E_NOTFOUND);
	assert_refuses(
	    "{\"t\":\"abc\"}", "{\"splice\":\"/t\",\"pos\":\"x\"}", LK_E_DATA);
	assert_refuses(
	    "{\"t\":\"abc\"}", "{\"join\":\"/t\",\"pos\":1}", LK_E_DATA);
	assert_refuses(
	    "{\"t\":\"abc\"}", "{\"split\":\"/t\",\"block\":[]}", LK_E_DATA);
	assert_refuses(
	    "{\"t\":\"abc\"}", "{\"split\":\"/t\",\"pos\":4}", LK_E_DATA);
	assert_refuses(
	    "{\"t\":\"abc\"}", "{\"update\":\"/t\",\"pos\":0}", LK_E_DATA);
}

static void
an_edit_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	assert_refuses("{\"n\":1}", "{\"inc\":\"/n\"}", LK_E_DATA);
	assert_refuses("{\"n\":1}", "{\"inc\":\"/x\"}", LK_E_NOTFOUND);
	assert_refuses("{\"n\":1}", "{\"splice\":\"/n\",\"pos\":0}", LK_E_DATA);
	assert_refuses("{\"t\":\"abc\"}",
	    "{\"splice\":\"/t\",\"pos\":2,\"del\":2}", LK_E_DATA);
	assert_refuses(
	    "{\"t\":\"abc\"}", "{\"splice\":\"/t\",\"pos\":-1}", LK_E_DATA);
	assert_refuses(
	    "{\"t\":\"abc\"}", "{\"set\":\"/t/0\",\"value\":\"x\"}", LK_E_DATA);
	assert_refuses("{\"t\":\"abc\"}", "{\"rm\":\"/t/0\"}", LK_E_DATA);
	assert_refuses(
	    "{\"l\":[1]}", "{\"insert\":\"/l/3\",\"value\":1}", LK_E_NOTFOUND);
	assert_refuses("{}", "{\"insert\":\"/x\",\"value\":1}", LK_E_DATA);
	assert_refuses(
	    "{\"l\":[1]}", "{\"set\":\"/l/1\",\"value\":1}", LK_E_NOTFOUND);
	assert_refuses("{}", "{\"set\":\"\",\"value\":1}", LK_E_DATA);
	assert_refuses(
	    "{}", "{\"set\":\"\",\"value\":{},\"as\":\"counter\"}", LK_E_DATA);
	assert_refuses("{}", "{\"rm\":\"\"}", LK_E_DATA);
	assert_refuses(
	    "{}", "{\"set\":\"/a\",\"value\":1,\"as\":\"x\"}", LK_E_DATA);
	assert_refuses("{}",
	    "{\"set\":\"/a\",\"value\":1.5,\"as\":\"counter\"}", LK_E_DATA);
	assert_refuses("{}",
	    "{\"set\":\"/a\",\"value\":\"%\",\"as\":\"bytes\"}", LK_E_DATA);
	assert_refuses("{}",
	    "{\"set\":\"/a\",\"value\":\"noon\",\"as\":\"time\"}", LK_E_DATA);
	assert_refuses("{}", "{\"set\":1,\"value\":1}", LK_E_DATA);
}

static void
the_fault_names_the_operation(void **state)
{
	const char *patch = "{\"set\":\"/a\",\"value\":1}\n"
			    "{\"rm\":\"/b\"}\n"
			    "{\"set\":\"/c\",\"value\":1}\n";
	struct patch_fault fault;
	struct json_flaw flaw;
	json_object *ops;
	struct scratch s;

	(void)state;
	scratch_open(&s, "{}");
	assert_ok(patch_read(&ops, BYTES_STR(patch), &flaw));
	assert_err(patch_apply(&s.site, ops, &fault), LK_E_NOTFOUND);
	assert_int_equal(fault.index, 1);
	assert_string_equal(fault.path, "/b");
	json_object_put(ops);
	scratch_close(&s);
}

static void
what_is_no_patch_is_refused_with_its_line(void **state)
{
	struct json_flaw flaw;
	json_object *ops;

	(void)state;
	assert_err(patch_read(&ops, BYTES_STR(""), &flaw), LK_E_DATA);
	assert_err(patch_read(&ops, BYTES_STR("1"), &flaw), LK_E_DATA);
	assert_err(patch_read(&ops, BYTES_STR("[] []"), &flaw), LK_E_DATA);
	assert_err(patch_read(&ops, BYTES_STR("{}\n[]\n"), &flaw), LK_E_DATA);
	assert_int_equal(flaw.line, 2);
	assert_err(
	    patch_read(&ops, BYTES_STR("{\"rm\":\"/a\"}\n{\"rm\":\n"), &flaw),
	    LK_E_DATA);
	assert_true(flaw.line >= 2);
}

static void
a_replacement_changes_only_what_differs(void **state)
{
	struct patch_fault fault;
	struct scratch s;
	size_t ops;

	(void)state;
	scratch_open(&s, "{\"t\":\"a long text that stays\",\"l\":[1,2,3]}");
	ops = edit_ops(s.edit);
	assert_ok(apply(&s,
	    "[{\"op\":\"replace\",\"path\":\"\",\"value\":"
	    "{\"t\":\"a long text that stays!\",\"l\":[1,2,4]}}]",
	    &fault));
	assert_int_equal(edit_ops(s.edit), ops + 2);
	scratch_close(&s);
}

static void
a_text_document_stays_one(void **state)
{
	struct patch_fault fault;
	struct scratch s;

	(void)state;
	scratch_open(&s, "{\"content\":\"hello\"}");
	assert_ok(base_find(&s.site.base, s.doc, "text", false));
	assert_err(apply(&s, "[{\"op\":\"replace\",\"path\":\"\",\"value\":1}]",
		       &fault),
	    LK_E_DATA);
	assert_err(apply(&s, "{\"set\":\"\",\"value\":[]}", &fault), LK_E_DATA);
	assert_err(apply(&s, "{\"rm\":\"\"}", &fault), LK_E_DATA);
	assert_ok(apply(
	    &s, "{\"splice\":\"\",\"pos\":5,\"text\":\" world\"}", &fault));
	assert_ok(apply(&s,
	    "[{\"op\":\"replace\",\"path\":\"\",\"value\":\"bye world\"}]",
	    &fault));
	assert_shows(&s, "\"bye world\"");
	scratch_close(&s);
}

/* A list in a list, and so on, at "/a". */
static lk_err
copy_verdict(unsigned levels)
{
	struct prop first = { .index = 0 };
	struct patch_fault fault;
	struct op_id at;
	struct scratch s;
	lk_err err;

	scratch_open(&s, "{\"a\":[]}");
	for (unsigned i = 1; i < levels; i++) {
		struct item item;
		struct prop a = { .is_key = true, .key = BYTES_STR("a") };

		if (i == 1) {
			assert_ok(doc_get(s.doc, DOC_ROOT, a, &item));
			at = item.id;
		}
		assert_ok(
		    edit_insert_obj(s.edit, at, first.index, OBJ_LIST, &at));
	}
	err = apply(
	    &s, "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]", &fault);
	scratch_close(&s);
	return err;
}

static void
what_is_copied_has_so_many_levels(void **state)
{
	(void)state;
	/* As typed JSON, which takes two for each. */
	assert_ok(copy_verdict(TREE_DEPTH_MAX / 2));
	assert_err(copy_verdict(TREE_DEPTH_MAX / 2 + 1), LK_E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_rfc_6902_hold),
		cmocka_unit_test(more_of_rfc_6902_holds),
		cmocka_unit_test(lines_are_edits),
		cmocka_unit_test(lines_mark_texts_and_put_blocks_into_them),
		cmocka_unit_test(an_edit_that_does_not_fit_is_refused),
		cmocka_unit_test(the_fault_names_the_operation),
		cmocka_unit_test(what_is_no_patch_is_refused_with_its_line),
		cmocka_unit_test(a_replacement_changes_only_what_differs),
		cmocka_unit_test(a_text_document_stays_one),
		cmocka_unit_test(what_is_copied_has_so_many_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
