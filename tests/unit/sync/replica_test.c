#include "tests/unit/sync/device.h"

static char one[] = "one", two[] = "two";

static struct prop
key(const char *k)
{
	return (struct prop){ .is_key = true, .key = BYTES_STR(k) };
}

static lk_err
put_title(void *ctx, struct edit *e, struct doc *doc)
{
	struct value v = { .type = VALUE_STR, .bytes = BYTES_STR((char *)ctx) };

	(void)doc;
	return edit_put(e, DOC_ROOT, key("title"), &v);
}

static lk_err
put_and_fail(void *ctx, struct edit *e, struct doc *doc)
{
	TRY(put_title(ctx, e, doc));
	return LK_ERR(LK_E_DATA, "no");
}

static void
assert_title(struct device *d, uint32_t docno, const char *wanted)
{
	struct doc *doc;
	struct item item;

	ok(replica_open_doc(d->r, docno, &doc));
	ok(doc_get(doc, DOC_ROOT, key("title"), &item));
	assert_int_equal(item.value.type, VALUE_STR);
	assert_int_equal(item.value.bytes.len, strlen(wanted));
	assert_memory_equal(item.value.bytes.ptr, wanted, strlen(wanted));
	doc_free(doc);
}

static void
a_document_is_there_after_reopening(void **state)
{
	struct device d;
	struct home_name name;
	uint32_t docno;
	uint8_t hash[32];
	bool changed;

	(void)state;
	device_make(&d, 1);
	device_begin(&d);
	ok(replica_create(d.r, "plan", "map", put_title, one, &docno));
	ok(replica_edit(d.r, docno, put_title, two, NULL, &changed, hash));
	assert_true(changed);
	device_commit(&d);
	device_close(&d);
	device_open(&d);
	device_begin(&d);
	ok(home_find(d.r, "plan", &docno));
	assert_title(&d, docno, "two");
	ok(home_name(d.r, docno, &name));
	assert_string_equal(name.name, "plan");
	ok(replica_edit(d.r, docno, put_title, two, NULL, &changed, hash));
	assert_false(changed);
	device_commit(&d);
	device_remove(&d);
}

static void
an_edit_that_fails_leaves_nothing(void **state)
{
	struct device d;
	uint32_t docno;
	uint8_t hash[32];
	bool changed;
	lk_err err;

	(void)state;
	device_make(&d, 2);
	device_begin(&d);
	ok(replica_create(d.r, "plan", "map", put_title, one, &docno));
	ok(replica_nest(d.r));
	err = replica_edit(d.r, docno, put_and_fail, two, NULL, &changed, hash);
	assert_int_equal(err.code, LK_E_DATA);
	ok(replica_unnest(d.r, false));
	assert_title(&d, docno, "one");
	assert_int_equal(
	    replica_create(d.r, "plan", "map", NULL, NULL, &docno).code,
	    LK_E_EXISTS);
	device_commit(&d);
	device_remove(&d);
}

static void
exports_are_equal_and_import_again(void **state)
{
	struct device d;
	uint32_t docno, copy;
	struct buf first, second;
	BUF_SCOPED heads = { .max = 1024 };

	(void)state;
	device_make(&d, 3);
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	device_begin(&d);
	ok(replica_create(d.r, "plan", "map", put_title, one, &docno));
	ok(replica_export(d.r, docno, EXPORT_HISTORY, &first, &heads));
	ok(replica_import(d.r, "copy", buf_bytes(&first), &copy));
	assert_title(&d, copy, "one");
	ok(replica_export(d.r, copy, EXPORT_HISTORY, &second, &heads));
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.ptr, second.ptr, first.len);
	assert_int_equal(heads.len, 2 * LK_ID_LEN);
	assert_memory_equal(heads.ptr, heads.ptr + LK_ID_LEN, LK_ID_LEN);
	device_commit(&d);
	device_remove(&d);
	buf_clear(&first);
	buf_clear(&second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_is_there_after_reopening),
		cmocka_unit_test(an_edit_that_fails_leaves_nothing),
		cmocka_unit_test(exports_are_equal_and_import_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
