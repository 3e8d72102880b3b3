#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_tree.h"

#define KV_MAX ((size_t)256 * 1024 * 1024)

static void
assert_ok(lk_err err)
{
	if (err.code != LK_OK)
		fail_msg("%s: %s", lk_strcode(err.code), err.what);
}

/* Reads a file into a fresh document, flushing and reopening on the way. */
static lk_err
doc_of_history(struct kv kv, const struct history *h)
{
	struct doc *doc;
	lk_err err = LK_NONE;

	for (size_t i = 0; i < h->changes_len && err.code == LK_OK; i++) {
		TRY(doc_open(&doc, kv));
		err = doc_apply(doc, &h->changes[i], true);
		if (err.code == LK_OK)
			err = doc_flush(doc);
		doc_free(doc);
	}
	return err;
}

static struct json_object *
vector_json(const char *name)
{
	struct buf b;
	struct json_object *o;

	assert_true(data_file(&b, "vectors", name, ".json"));
	o = json_read(buf_bytes(&b));
	assert_non_null(o);
	buf_clear(&b);
	return o;
}

static void
check_tree(const char *name, struct doc *doc, struct json_object *tree)
{
	struct buf got, want;

	buf_init(&got, TREE_MAX);
	buf_init(&want, TREE_MAX);
	assert_ok(tree_of_doc(doc, true, &got));
	tree_of_json(tree, true, &want);
	if (!bytes_equal(buf_bytes(&got), buf_bytes(&want)))
		fail_msg("%s: shows\n%.*s\nnot\n%.*s", name, (int)got.len,
		    got.ptr, (int)want.len, want.ptr);
	buf_clear(&got);
	buf_clear(&want);
}

static void
check_vector(const char *name, void *ctx)
{
	struct json_object *json = vector_json(name);
	struct history h;
	struct buf file;
	struct doc *doc;
	struct kv kv;

	(void)ctx;
	assert_true(data_file(&file, "vectors", name, ".automerge"));
	assert_ok(history_read(&h, buf_bytes(&file)));
	assert_ok(kv_memory_new(&kv, KV_MAX));
	assert_ok(doc_of_history(kv, &h));
	assert_ok(doc_open(&doc, kv));
	assert_int_equal(doc_changes(doc), h.changes_len);
	check_tree(name, doc, json_object_object_get(json, "tree"));
	doc_free(doc);
	kv_memory_free(&kv);
	history_clear(&h);
	buf_clear(&file);
	json_object_put(json);
}

static void
every_vector_shows_what_automerge_shows(void **state)
{
	(void)state;
	assert_int_equal(data_each("vectors", ".changes", check_vector, NULL), 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_shows_what_automerge_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
