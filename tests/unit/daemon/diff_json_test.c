#include "crdt/doc_view.h"
#include "daemon/diff_json.h"
#include "daemon/line_diff.h"
#include "tests/unit/daemon/scratch_doc.h"

#define KEY_LEN ((size_t)8 * 1024 * 1024)

/* A key is told once for every patch below it. */
static void
long_paths_end_an_answer_before_memory_does(void **state)
{
	static const uint8_t actor[] = { 7 };
	const struct diff_form form = { .context = -1 };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};
	uint8_t *key = malloc(KEY_LEN), hash[1][LK_ID_LEN], last[LK_ID_LEN];
	struct value seven = { .type = VALUE_INT, .i64 = 7 };
	struct doc *doc, *view;
	struct edit *e;
	struct op_id map;
	struct kv kv;
	json_object *list;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	(void)state;
	memset(key, 'k', KEY_LEN);
	assert_ok(kv_memory_new(&kv, (size_t)256 * 1024 * 1024));
	assert_ok(doc_open(&doc, kv));
	assert_ok(edit_new(&e, doc, &head));
	assert_ok(edit_make(e, DOC_ROOT,
	    (struct prop){ .is_key = true, .key = BYTES(key, KEY_LEN) },
	    OBJ_LIST, &map));
	for (uint64_t i = 0; i < TREE_BYTES_MAX / KEY_LEN; i++)
		assert_ok(edit_insert(e, map, i, &seven));
	assert_ok(edit_finish(e, &body, hash[0]));
	edit_free(e);
	head.seq = 2;
	head.deps = hash[0];
	head.deps_len = 1;
	head.start_op = 2 + TREE_BYTES_MAX / KEY_LEN;
	assert_ok(edit_new(&e, doc, &head));
	seven.i64 = 8;
	for (uint64_t i = 0; i < TREE_BYTES_MAX / KEY_LEN; i++)
		assert_ok(
		    edit_put(e, map, (struct prop){ .index = i }, &seven));
	buf_reset(&body);
	assert_ok(edit_finish(e, &body, last));
	edit_free(e);
	assert_ok(doc_at(
	    doc, (const uint8_t(*)[LK_ID_LEN])hash, 1, VIEW_JUDGED, &view));
	list = json_object_new_array();
	assert_err(diff_json(list, view, doc, &form), LK_E_LIMIT);
	json_object_put(list);
	doc_free(view);
	doc_free(doc);
	kv_memory_free(&kv);
	free(key);
}

/* Few bytes are many lines. */
static void
only_so_many_lines_are_compared(void **state)
{
	size_t n = DOCUMENT_OPS_MAX / 2 + 1;
	uint8_t *text = malloc(n);
	json_object *hunks = json_object_new_array();

	(void)state;
	memset(text, '\n', n);
	assert_err(line_diff(hunks, BYTES(text, n), BYTES(text, n - 1), 3),
	    LK_E_LIMIT);
	json_object_put(hunks);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_paths_end_an_answer_before_memory_does),
		cmocka_unit_test(only_so_many_lines_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
