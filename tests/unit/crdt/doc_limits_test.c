#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/diff.h"
#include "crdt/doc_state.h"
#include "crdt/doc_view.h"
#include "tests/unit/crdt/doc_replica.h"

/* The limits of base/limits.h that a document meets: limits_test.c has those
 * of files. */

#define DEEP 50000

/* A change by `actor` with one op, on top of nothing. */
static lk_err
apply_alone(struct doc *doc, uint8_t actor, uint64_t start_op)
{
	struct change_head head = {
		.actor = BYTES(&actor, 1), .seq = 1, .start_op = start_op
	};
	struct op op = {
		.key_kind = KEY_MAP, .key = BYTES_STR("k"), .action = ACTION_SET
	};
	struct change_writer *w;
	struct change c;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, CHANGE_BODY_MAX);
	assert_ok(change_writer_new(&w, &head));
	assert_ok(change_writer_add(w, &op));
	assert_ok(change_writer_finish(w, &body));
	change_writer_free(w);
	assert_ok(change_decode(&c, &arena, buf_bytes(&body)));
	return doc_apply(doc, &c, true);
}

static void
a_document_keeps_so_many_actors(void **state)
{
	struct doc *doc;
	struct kv kv;

	(void)state;
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	/* As if all but one were there. */
	doc->head.actors = DOCUMENT_ACTORS_MAX - 1;
	assert_ok(apply_alone(doc, 1, 1));
	assert_code(apply_alone(doc, 2, 1), LK_E_LIMIT);
	assert_int_equal(doc->head.actors, DOCUMENT_ACTORS_MAX);
	assert_int_equal(doc_changes(doc), 1);
	doc_free(doc);
	kv_memory_free(&kv);
}

static void
the_last_counter_can_be_used_once(void **state)
{
	static const uint8_t actor[] = { 9 };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = OP_COUNTER_MAX
	};
	uint8_t hash[LK_ID_LEN];
	struct edit *e = NULL;
	struct doc *doc;
	struct kv kv;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	(void)state;
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	assert_ok(edit_new(&e, doc, &head));
	assert_ok(edit_put(e, DOC_ROOT, KEY("a"), &INT(1)));
	assert_code(edit_put(e, DOC_ROOT, KEY("b"), &INT(1)), LK_E_LIMIT);
	edit_free(e);
	doc_free(doc);
	kv_memory_free(&kv);

	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	assert_ok(edit_new(&e, doc, &head));
	assert_ok(edit_put(e, DOC_ROOT, KEY("a"), &INT(1)));
	assert_ok(edit_finish(e, &body, hash));
	edit_free(e);
	head.seq = 2;
	head.deps = hash;
	head.deps_len = 1;
	head.start_op = (uint64_t)OP_COUNTER_MAX + 1;
	assert_ok(edit_new(&e, doc, &head));
	assert_code(edit_put(e, DOC_ROOT, KEY("b"), &INT(1)), LK_E_LIMIT);
	edit_free(e);
	doc_free(doc);
	kv_memory_free(&kv);
}

static void
a_change_is_written_with_so_many_ops(void **state)
{
	static const uint8_t actor[] = { 9 };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};
	struct op op = {
		.key_kind = KEY_MAP, .key = BYTES_STR("k"), .action = ACTION_SET
	};
	struct change_writer *w;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	(void)state;
	assert_ok(change_writer_new(&w, &head));
	for (size_t i = 0; i <= OPS_FREE; i++)
		assert_int_equal(change_writer_add(w, &op).code, LK_OK);
	/* Nor may it be read again, as short as it is. */
	assert_code(change_writer_finish(w, &body), LK_E_LIMIT);
	change_writer_free(w);
}

/* Nothing in the engine goes down by calling itself: how deep a document may
 * be shown is for those to say who show it. */
static void
objects_nest_as_deep_as_they_are_made(void **state)
{
	struct op_id at = DOC_ROOT;
	struct changes all;
	struct replica r;
	struct doc *view;
	struct item item;
	uint64_t length;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	for (int i = 0; i < DEEP; i++)
		at = make_at(&r, at, KEY("k"), OBJ_MAP);
	put_at(&r, at, KEY("k"), INT(7));
	assert_true(replica_finish(&r));
	assert_ok(doc_again(&r.doc, r.kv));
	assert_ok(doc_get(r.doc, at, KEY("k"), &item));
	assert_int_equal(item.value.i64, 7);
	replica_set_void(&r, 0, true);
	replica_set_void(&r, 0, false);
	assert_ok(doc_get(r.doc, at, KEY("k"), &item));
	assert_ok(doc_at(r.doc, NULL, 0, VIEW_RAW, &view));
	assert_ok(doc_length(view, DOC_ROOT, &length));
	assert_int_equal(length, 0);
	doc_free(view);
	replica_close(&r);
	changes_clear(&all);
}

static lk_err
patch_counted(void *ctx, const struct patch *p)
{
	size_t *n = ctx;

	(void)p;
	++*n;
	return LK_NONE;
}

/* How many patches tell what the second of two changes did, which put a key
 * into each of so many objects in each other; the root is one. */
static lk_err
diff_of_levels(size_t levels, size_t *patches)
{
	struct op_id *at = calloc(levels, sizeof(*at));
	struct changes all;
	struct replica r;
	struct doc *view;
	lk_err err;

	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	at[0] = DOC_ROOT;
	for (size_t i = 1; i < levels; i++)
		at[i] = make_at(&r, at[i - 1], KEY("k"), OBJ_MAP);
	assert_true(replica_finish(&r));
	replica_edit(&r);
	for (size_t i = 0; i < levels; i++)
		put_at(&r, at[i], KEY("n"), INT(7));
	assert_true(replica_finish(&r));
	assert_ok(doc_at(r.doc, (const uint8_t(*)[LK_ID_LEN])all.all[0].hash, 1,
	    VIEW_JUDGED, &view));
	*patches = 0;
	err = doc_diff(view, r.doc, patch_counted, patches);
	doc_free(view);
	replica_close(&r);
	changes_clear(&all);
	free(at);
	return err;
}

static void
a_diff_goes_as_deep_as_what_is_shown(void **state)
{
	size_t patches;

	(void)state;
	assert_ok(diff_of_levels(TREE_DEPTH_MAX, &patches));
	assert_int_equal(patches, TREE_DEPTH_MAX);
	assert_code(diff_of_levels(TREE_DEPTH_MAX + 1, &patches), LK_E_LIMIT);
	assert_code(diff_of_levels(DEEP, &patches), LK_E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_keeps_so_many_actors),
		cmocka_unit_test(the_last_counter_can_be_used_once),
		cmocka_unit_test(a_change_is_written_with_so_many_ops),
		cmocka_unit_test(objects_nest_as_deep_as_they_are_made),
		cmocka_unit_test(a_diff_goes_as_deep_as_what_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
