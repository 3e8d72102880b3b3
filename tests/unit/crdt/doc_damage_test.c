#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/diff.h"
#include "crdt/doc_blame.h"
#include "crdt/doc_history.h"
#include "crdt/export.h"
#include "tests/unit/crdt/counted_kv.h"
#include "tests/unit/crdt/doc_sample.h"

static lk_err
each_change(void *ctx, const struct doc_change_info *info)
{
	(void)ctx;
	(void)info;
	return LK_NONE;
}

static lk_err
each_stranded(void *ctx, const struct doc_stranded *s)
{
	(void)ctx;
	(void)s;
	return LK_NONE;
}

static void
export_all(struct doc *doc, const struct changes *all)
{
	for (enum export_form f = EXPORT_HISTORY; f <= EXPORT_CLEAN; f++) {
		struct change_bodies bodies;

		change_bodies_init(&bodies, TREE_MAX);
		(void)!export_changes(doc, all->all, all->len, f, &bodies).code;
		change_bodies_clear(&bodies);
	}
}

static lk_err
span_seen(void *ctx, const struct span *s)
{
	(void)ctx;
	return s->length > 0 ? LK_NONE : LK_ERR(LK_E_DATA, "empty span");
}

static const struct mark_range letter = { .end = 1,
	.mark = { { (const uint8_t *)"m", 1 }, { .type = VALUE_TRUE } } };

static lk_err
each_patch(void *ctx, const struct patch *p)
{
	(void)ctx;
	(void)p;
	return LK_NONE;
}

static lk_err
each_run(void *ctx, const struct blame_run *run)
{
	(void)ctx;
	(void)run;
	return LK_NONE;
}

static void
view_all(struct doc *doc, const struct changes *all)
{
	for (enum view_void how = VIEW_JUDGED; how <= VIEW_RAW; how++) {
		struct op_id text = { .ctr = 2 };
		uint8_t heads[1][LK_ID_LEN];
		struct doc *view;

		memcpy(heads[0], all->all[0].hash, LK_ID_LEN);
		if (doc_at(
			doc, (const uint8_t(*)[LK_ID_LEN])heads, 1, how, &view)
			.code != LK_OK)
			continue;
		(void)!doc_diff(view, doc, each_patch, NULL).code;
		(void)!doc_diff(doc, view, each_patch, NULL).code;
		(void)!doc_blame(view, text, each_run, NULL).code;
		doc_free(view);
		if (doc_at_first(doc, 1, how, &view).code == LK_OK)
			doc_free(view);
	}
	(void)!doc_match(doc, "a", each_change, NULL).code;
}

/* Does everything there is with a document; errors are allowed. */
static void
use_all(struct kv kv, const struct changes *all)
{
	struct changes none = *all;
	struct doc *doc = NULL;
	struct buf b;
	lk_err err = doc_open(&doc, kv);

	buf_init(&b, TREE_MAX);
	if (err.code == LK_OK) {
		(void)!doc_ghosts(doc, each_change, NULL).code;
		(void)!doc_stranded(doc, each_stranded, NULL).code;
		export_all(doc, all);
		view_all(doc, all);
		err = tree_of_doc(doc, true, &b);
		(void)!doc_spans(
		    doc, (struct op_id){ .ctr = 2 }, span_seen, NULL)
		    .code;
	}
	for (size_t i = 0; doc != NULL && i < none.len; i++) {
		struct doc *again = NULL;

		err = doc_set_visible(doc, all->all[i].hash, false);
		if (err.code == LK_OK)
			err = doc_set_visible(doc, all->all[i].hash, true);
		if (err.code == LK_OK)
			err = doc_flush(doc);
		if (doc_open(&again, kv).code == LK_OK) {
			(void)!doc_apply(again, &all->all[i], true).code;
			doc_free(again);
		}
	}
	if (doc != NULL) {
		struct edit *e = NULL;
		struct change_head head = { .actor = BYTES_STR("new"),
			.seq = 1,
			.start_op = 50,
			.deps = all->all[all->len - 1].hash,
			.deps_len = 1 };

		if (edit_new(&e, doc, &head).code == LK_OK) {
			struct op_id text = { .ctr = 2 };

			(void)!edit_put(e, DOC_ROOT, KEY("n"), &INT(1)).code;
			(void)!edit_splice(e, text, 1, 1, BYTES_STR("xy")).code;
			(void)!edit_mark(e, text, &letter, EXPAND_AFTER).code;
			edit_free(e);
		}
	}
	doc_free(doc);
	buf_clear(&b);
}

/* A copy of all records. */
static void
kv_copy(struct kv *to, struct bytes dump)
{
	struct rd r = rd_over(dump);

	assert_ok(kv_memory_new(to, DOC_KV_MAX));
	while (r.left.len > 0) {
		struct bytes key = rd_counted(&r), value = rd_counted(&r);

		assert_ok(kv_put(*to, key, value));
	}
}

static void
damage_every_record(bool forked)
{
	struct sample s;
	struct buf dump;
	struct rd r;

	sample_open(&s);
	if (forked)
		sample_fork(&s);
	replica_set_void(&s.r, 1, true);
	assert_ok(doc_flush(s.r.doc));
	kv_dump(s.r.kv, &dump);
	r = rd_over(buf_bytes(&dump));
	while (r.left.len > 0) {
		struct bytes key = rd_counted(&r), value = rd_counted(&r);

		for (size_t i = 0; i <= value.len; i++) {
			static const uint8_t flips[] = { 0x01, 0x80, 0xff,
				0x10 };
			uint8_t copy[KV_VALUE_MAX];
			struct kv kv;

			for (size_t f = 0; f < sizeof(flips); f++) {
				size_t len = i < value.len ? value.len : f;

				if (len > value.len)
					continue;
				if (len > 0)
					memcpy(copy, value.ptr, len);
				if (i < value.len)
					copy[i] ^= flips[f];
				kv_copy(&kv, buf_bytes(&dump));
				assert_ok(kv_put(kv, key, BYTES(copy, len)));
				use_all(kv, &s.all);
				kv_memory_free(&kv);
			}
		}
	}
	buf_clear(&dump);
	sample_close(&s);
}

static void
damaged_records_give_errors_and_no_harm(void **state)
{
	(void)state;
	damage_every_record(false);
	damage_every_record(true);
}

static void
missing_records_give_errors_and_no_harm(void **state)
{
	struct sample s;
	struct buf dump;
	struct rd r;

	(void)state;
	sample_open(&s);
	sample_fork(&s);
	assert_ok(doc_flush(s.r.doc));
	kv_dump(s.r.kv, &dump);
	r = rd_over(buf_bytes(&dump));
	while (r.left.len > 0) {
		struct bytes key = rd_counted(&r);
		struct kv kv;

		(void)rd_counted(&r);
		kv_copy(&kv, buf_bytes(&dump));
		assert_ok(kv_del(kv, key));
		use_all(kv, &s.all);
		kv_memory_free(&kv);
	}
	buf_clear(&dump);
	sample_close(&s);
}

/* Random flips in a document whose text has several levels of nodes. */
static void
damage_in_a_tree_of_nodes_gives_errors_and_no_harm(void **state)
{
	struct dice dice = dice_of(11);
	struct changes all;
	struct replica r;
	struct op_id text;
	struct buf dump;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	assert_ok(edit_put(r.edit, DOC_ROOT, KEY("n"), &COUNTER(0)));
	assert_ok(edit_make(r.edit, DOC_ROOT, KEY("t"), OBJ_TEXT, &text));
	for (uint64_t i = 0; i < 12000; i++)
		assert_ok(edit_splice(
		    r.edit, text, dice_roll(&dice, i + 1), 0, BYTES_STR("x")));
	assert_true(replica_finish(&r));
	for (int i = 0; i < 3; i++) {
		replica_edit(&r);
		assert_ok(edit_increment(r.edit, DOC_ROOT, KEY("n"), 1));
		assert_ok(edit_splice(
		    r.edit, text, dice_roll(&dice, 9000), 2, BYTES_STR("yz")));
		assert_ok(edit_mark(r.edit, text, &letter, EXPAND_BOTH));
		assert_true(replica_finish(&r));
	}
	assert_ok(doc_flush(r.doc));
	kv_dump(r.kv, &dump);
	/* Flips of the last changes only: the first is the whole text. */
	struct changes late = all;

	late.all += all.len - 3;
	late.len = 3;
	for (int i = 0; i < 300; i++) {
		struct rd rd;
		struct kv kv;

		kv_copy(&kv, buf_bytes(&dump));
		rd = rd_over(buf_bytes(&dump));
		while (rd.left.len > 0) {
			struct bytes key = rd_counted(&rd);
			struct bytes value = rd_counted(&rd);
			uint8_t copy[KV_VALUE_MAX];

			if (value.len == 0 || dice_roll(&dice, 400) > 0 ||
			    (key.ptr[0] != 'n' && dice_roll(&dice, 9) > 0))
				continue;
			memcpy(copy, value.ptr, value.len);
			copy[dice_roll(&dice, value.len)] ^=
			    (uint8_t)(1u << dice_roll(&dice, 8));
			assert_ok(kv_put(kv, key, BYTES(copy, value.len)));
		}
		use_all(kv, &late);
		kv_memory_free(&kv);
	}
	buf_clear(&dump);
	replica_close(&r);
	changes_clear(&all);
}

/* Applies, flips, edits and flushes; the error it stops at. */
static lk_err
work_through(
    struct kv kv, const struct changes *all, struct doc **doc, struct edit **e)
{
	struct change_head head = { .actor = BYTES_STR("new"),
		.seq = 1,
		.start_op = 50,
		.deps = all->all[all->len - 1].hash,
		.deps_len = 1 };
	struct op_id text = { .ctr = 2 };

	TRY(doc_open(doc, kv));
	for (size_t i = 0; i < all->len; i++)
		TRY(doc_apply(*doc, &all->all[i], true));
	TRY(doc_set_visible(*doc, all->all[1].hash, false));
	TRY(doc_flush(*doc));
	doc_free(*doc);
	*doc = NULL;
	TRY(doc_open(doc, kv));
	TRY(doc_set_visible(*doc, all->all[1].hash, true));
	TRY(edit_new(e, *doc, &head));
	TRY(edit_put(*e, DOC_ROOT, KEY("n"), &INT(1)));
	TRY(edit_splice(*e, text, 1, 1, BYTES_STR("xy")));
	TRY(edit_mark(*e, text, &letter, EXPAND_AFTER));
	TRY(doc_spans(*doc, text, span_seen, NULL));
	return doc_flush(*doc);
}

static void
a_failing_store_is_an_error_wherever_it_fails(void **state)
{
	struct sample s;
	size_t calls = 0;
	lk_err err;

	(void)state;
	sample_open(&s);
	sample_fork(&s);
	do {
		struct counted_kv counted;
		struct doc *doc = NULL;
		struct edit *e = NULL;
		struct kv kv;

		assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
		counted_kv_init(&counted, kv);
		counted.fail_at = ++calls;
		err = work_through(counted.kv, &s.all, &doc, &e);
		assert_true(err.code == LK_OK || err.code == LK_E_FULL);
		edit_free(e);
		doc_free(doc);
		kv_memory_free(&kv);
	} while (err.code != LK_OK);
	assert_true(calls > 50);
	sample_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_records_give_errors_and_no_harm),
		cmocka_unit_test(missing_records_give_errors_and_no_harm),
		cmocka_unit_test(
		    damage_in_a_tree_of_nodes_gives_errors_and_no_harm),
		cmocka_unit_test(a_failing_store_is_an_error_wherever_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
