#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "tests/memory_watch.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_changes.h"
#include "tests/unit/crdt/json_tree.h"

/* What one file may cost; files are read, and taken into a document. */
#define MEMORY_MAX ((size_t)64 * 1024 * 1024)

static void
assert_ok(lk_err err)
{
	if (err.code != LK_OK)
		fail_msg("%s: %s", lk_strcode(err.code), err.what);
}

/* What a user of the document engine does with a file. */
static lk_err
import(struct bytes file, struct kv kv, size_t *orphans)
{
	struct doc *doc = NULL;
	struct history h;
	lk_err err = history_read(&h, file);

	if (err.code != LK_OK)
		return err;
	*orphans = h.orphans_len;
	err = doc_open(&doc, kv);
	for (size_t i = 0; i < h.changes_len && err.code == LK_OK; i++)
		err = doc_apply(doc, &h.changes[i], true);
	for (size_t i = 0; i < h.orphans_len && err.code == LK_OK; i++) {
		err = doc_apply(doc, &h.orphans[i], true);
		if (err.code == LK_E_WAIT)
			err = LK_NONE;
	}
	doc_free(doc);
	history_clear(&h);
	return err;
}

static void
check_verdict(const char *name, struct json_object *expected)
{
	bool accept = strcmp(json_text(expected, "verdict"), "accept") == 0;
	struct json_object *want = json_object_object_get(expected, "orphans");
	size_t orphans = 0;
	struct buf file;
	struct kv kv;
	lk_err err;

	assert_true(data_file(&file, "negative", name, ".automerge"));
	memory_watch_begin();
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	err = import(buf_bytes(&file), kv, &orphans);
	if ((err.code == LK_OK) != accept)
		fail_msg("%s: %s, %s", name, lk_strcode(err.code),
		    err.what == NULL ? "accepted" : err.what);
	/* Our own damage or mistakes are no verdict on a file. */
	if (!accept)
		assert_true(err.code == LK_E_MALFORMED ||
		    err.code == LK_E_TRUNCATED || err.code == LK_E_LIMIT ||
		    err.code == LK_E_DATA);
	if (accept && want != NULL)
		assert_int_equal(orphans, json_object_get_int(want));
	kv_memory_free(&kv);
	if (memory_watch_peak() > MEMORY_MAX)
		fail_msg("%s: %zu bytes", name, memory_watch_peak());
	buf_clear(&file);
}

static void
every_file_gets_its_verdict(void **state)
{
	struct json_object *json;
	struct buf b;
	size_t n = 0;

	(void)state;
	assert_true(data_file(&b, "negative", "expected", ".json"));
	json = json_read(buf_bytes(&b));
	assert_non_null(json);
	json_object_object_foreach(json, name, expected)
	{
		check_verdict(name, expected);
		n++;
	}
	assert_int_equal(n, 87);
	json_object_put(json);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_gets_its_verdict),
	};

	/* The whole process: its code and libraries count as well. */
	memory_watch_init(MEMORY_MAX);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
