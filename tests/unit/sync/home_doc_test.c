#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sync/home_doc.h"
#include "tests/unit/crdt/doc_changes.h"

#define DEVICES 20

static void
ok(lk_err err)
{
	if (err.code != LK_OK)
		fail_msg("%s: %s", lk_strcode(err.code), err.what);
}

/* Device n writes document n into the list that a document has. */
static void
name_add(struct changes *all, struct doc *doc, uint8_t n, uint64_t start_op)
{
	const uint8_t actor[1] = { n }, key[LK_ID_LEN] = { n };
	uint8_t hash[LK_ID_LEN], *deps = calloc(all->len + 1, LK_ID_LEN);
	struct change_head head = { .deps = deps,
		.actor = BYTES_OF(actor),
		.seq = 1,
		.start_op = start_op };
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	struct edit *edit;
	struct op_id map;

	assert_non_null(deps);
	if (start_op > 1)
		for (; head.deps_len < all->len; head.deps_len++)
			memcpy(deps + head.deps_len * LK_ID_LEN,
			    all->all[head.deps_len].hash, LK_ID_LEN);
	ok(edit_new(&edit, doc, &head));
	ok(home_entry_make(edit, doc, "documents", key, &map));
	ok(home_text_put(edit, map, "name", "plan"));
	ok(edit_finish(edit, &body, hash));
	edit_free(edit);
	ok(changes_add(all, buf_bytes(&body)));
	free(deps);
}

static void
name_add_apart(struct changes *all, uint8_t n)
{
	struct doc *doc;
	struct kv kv;

	ok(kv_memory_new(&kv, DOC_KV_MAX));
	ok(doc_open(&doc, kv));
	name_add(all, doc, n, 1);
	doc_free(doc);
	kv_memory_free(&kv);
}

static lk_err
seen_note(void *ctx, const struct doc_visit *v)
{
	bool *seen = ctx;
	uint8_t key[LK_ID_LEN];

	assert_true(home_key(v->key, key));
	assert_false(seen[key[0]]);
	seen[key[0]] = true;
	return LK_NONE;
}

static void
of_ever_so_many_maps_the_one_that_is_written_to_is_read(void **state)
{
	const uint8_t last[LK_ID_LEN] = { DEVICES + 1 };
	bool seen[DEVICES + 2] = { false };
	struct changes all;
	struct op_id map;
	struct doc *doc;
	struct kv kv;
	size_t count = 0;

	(void)state;
	changes_init(&all);
	for (uint8_t n = 1; n <= DEVICES; n++)
		name_add_apart(&all, n);
	ok(kv_memory_new(&kv, DOC_KV_MAX));
	ok(doc_open(&doc, kv));
	for (size_t i = 0; i < all.len; i++)
		ok(doc_apply(doc, &all.all[i], true));
	name_add(&all, doc, DEVICES + 1, 100);
	ok(home_entry(doc, "documents", last, &map));
	ok(home_each(doc, "documents", seen_note, seen));
	assert_true(seen[DEVICES + 1]);
	for (size_t n = 1; n <= DEVICES; n++)
		count += seen[n];
	/* No more than these are looked into. */
	assert_int_equal(count, 16);
	doc_free(doc);
	kv_memory_free(&kv);
	changes_clear(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    of_ever_so_many_maps_the_one_that_is_written_to_is_read),
	};

	return crypto_start().code == LK_OK
	    ? cmocka_run_group_tests(tests, NULL, NULL)
	    : 1;
}
