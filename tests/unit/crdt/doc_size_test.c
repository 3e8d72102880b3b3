#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/edit_mark.h"
#include "tests/unit/crdt/counted_kv.h"
#include "tests/unit/crdt/doc_replica.h"

/*
 * What one edit may read and write, whatever the size of the document.  These
 * bound records and bytes, not time.
 */
#define EDIT_READS_MAX 48
#define EDIT_WRITES_MAX 24
#define EDIT_BYTES_MAX ((size_t)6 * 1024)
/* A full leaf is split: the ops of half of its elements move. */
#define SPLIT_WRITES_MAX 120
#define SPLIT_BYTES_MAX ((size_t)24 * 1024)
#define RECORD_MAX ((size_t)16 * 1024)

/* A device that keeps no list of its changes, so that it may have many. */
struct typist {
	struct counted_kv counted;
	struct kv memory;
	struct doc *doc;
	uint8_t last[LK_ID_LEN];
	uint64_t seq, next_op;
	struct edit *edit;
	struct buf body;
	size_t reads_max, writes_max, bytes_max, splits;
	bool measured;
};

static void
typist_open(struct typist *t)
{
	*t = (struct typist){ .next_op = 1 };
	assert_ok(kv_memory_new(&t->memory, DOC_KV_MAX));
	counted_kv_init(&t->counted, t->memory);
	assert_ok(doc_open(&t->doc, t->counted.kv));
	buf_init(&t->body, CHANGE_BODY_MAX);
}

static void
typist_close(struct typist *t)
{
	doc_free(t->doc);
	kv_memory_free(&t->memory);
	buf_clear(&t->body);
}

static void
typist_begin(struct typist *t)
{
	struct change_head head = { .actor = BYTES_STR("typist"),
		.deps = t->last,
		.deps_len = t->seq > 0,
		.seq = t->seq + 1,
		.start_op = t->next_op };

	assert_ok(edit_new(&t->edit, t->doc, &head));
}

static void
typist_end(struct typist *t)
{
	size_t ops = edit_ops(t->edit);

	buf_reset(&t->body);
	assert_ok(edit_finish(t->edit, &t->body, t->last));
	edit_free(t->edit);
	t->seq++;
	t->next_op += ops;
}

/* From here on each edit is a transaction of its own, and is measured. */
static void
typist_measure(struct typist *t)
{
	assert_ok(doc_flush(t->doc));
	doc_free(t->doc);
	counted_kv_reset(&t->counted);
	assert_ok(doc_open(&t->doc, t->counted.kv));
}

static void
typist_measured(struct typist *t)
{
	const struct counted_kv *c = &t->counted;

	assert_ok(doc_flush(t->doc));
	assert_true(c->value_max <= RECORD_MAX);
	if (c->puts > EDIT_WRITES_MAX || c->put_bytes > EDIT_BYTES_MAX) {
		t->splits++;
		assert_true(c->puts <= SPLIT_WRITES_MAX);
		assert_true(c->put_bytes <= SPLIT_BYTES_MAX);
	}
	if (c->gets > t->reads_max)
		t->reads_max = c->gets;
}

static void
typing_into_a_long_text_writes_little(void **state)
{
	struct dice dice = dice_of(1);
	struct typist t;
	struct op_id text;
	uint64_t length = 0, at = 0;

	(void)state;
	typist_open(&t);
	typist_begin(&t);
	assert_ok(edit_make(t.edit, DOC_ROOT, KEY("t"), OBJ_TEXT, &text));
	typist_end(&t);
	/* Runs of typing, some deleting, now and then somewhere else. */
	for (int i = 0; i < 60000; i++) {
		bool measure = i % 100 == 99, del;

		if (dice_roll(&dice, 40) == 0)
			at = dice_roll(&dice, length + 1);
		del = at > 0 && dice_roll(&dice, 4) == 0;
		if (measure)
			typist_measure(&t);
		typist_begin(&t);
		at -= del;
		assert_ok(edit_splice(t.edit, text, at, del,
		    del ? BYTES_STR("") : BYTES_STR("x")));
		at += !del;
		length = del ? length - 1 : length + 1;
		typist_end(&t);
		if (measure)
			typist_measured(&t);
	}
	assert_true(t.reads_max <= EDIT_READS_MAX);
	/* Most edits split nothing. */
	assert_true(t.splits < 60);
	typist_close(&t);
}

static void
a_key_of_a_large_map_is_set_alone(void **state)
{
	struct typist t;
	char name[32];

	(void)state;
	typist_open(&t);
	typist_begin(&t);
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(name, sizeof(name), "key %d", i * 7919);
		assert_ok(edit_put(t.edit, DOC_ROOT, KEY(name), &INT(i)));
	}
	typist_end(&t);
	for (int i = 0; i < 300; i++) {
		typist_measure(&t);
		typist_begin(&t);
		(void)snprintf(name, sizeof(name), "key %d", i * 331 * 7919);
		if (i % 3 == 0)
			assert_ok(edit_delete(t.edit, DOC_ROOT, KEY(name)));
		else
			assert_ok(
			    edit_put(t.edit, DOC_ROOT, KEY(name), &INT(-1)));
		typist_end(&t);
		typist_measured(&t);
	}
	assert_true(t.reads_max <= EDIT_READS_MAX);
	assert_int_equal(t.splits, 0);
	typist_close(&t);
}

static void
a_counter_incremented_often_stays_small(void **state)
{
	struct typist t;
	struct item item;

	(void)state;
	typist_open(&t);
	typist_begin(&t);
	assert_ok(edit_put(t.edit, DOC_ROOT, KEY("n"), &COUNTER(0)));
	typist_end(&t);
	for (int i = 0; i < 20000; i++) {
		if (i % 100 == 99)
			typist_measure(&t);
		typist_begin(&t);
		assert_ok(edit_increment(t.edit, DOC_ROOT, KEY("n"), 1));
		typist_end(&t);
		if (i % 100 == 99)
			typist_measured(&t);
	}
	assert_ok(doc_get(t.doc, DOC_ROOT, KEY("n"), &item));
	assert_int_equal(item.value.i64, 20000);
	assert_true(t.reads_max <= EDIT_READS_MAX);
	assert_int_equal(t.splits, 0);
	/* Void and back: counted anew, once. */
	assert_ok(doc_set_visible(t.doc, t.last, false));
	assert_ok(doc_get(t.doc, DOC_ROOT, KEY("n"), &item));
	assert_int_equal(item.value.i64, 19999);
	typist_close(&t);
}

static void
a_key_set_and_deleted_often_stays_small(void **state)
{
	struct typist t;

	(void)state;
	typist_open(&t);
	for (int i = 0; i < 20000; i++) {
		if (i % 100 == 99)
			typist_measure(&t);
		typist_begin(&t);
		if (i % 2 == 0)
			assert_ok(
			    edit_put(t.edit, DOC_ROOT, KEY("k"), &INT(i)));
		else
			assert_ok(edit_delete(t.edit, DOC_ROOT, KEY("k")));
		typist_end(&t);
		if (i % 100 == 99)
			typist_measured(&t);
	}
	assert_true(t.reads_max <= EDIT_READS_MAX);
	assert_int_equal(t.splits, 0);
	typist_close(&t);
}

/* A change of a void chain costs itself, not the chain (ghosts F5). */
static void
voiding_a_chain_costs_each_change_once(void **state)
{
	uint8_t(*hashes)[LK_ID_LEN] = calloc(2000, LK_ID_LEN);
	struct typist t;
	struct item item;

	(void)state;
	typist_open(&t);
	for (int i = 0; i < 2000; i++) {
		typist_begin(&t);
		assert_ok(edit_put(t.edit, DOC_ROOT, KEY("k"), &INT(i)));
		typist_end(&t);
		memcpy(hashes[i], t.last, LK_ID_LEN);
	}
	for (int i = 1999; i > 0; i--) {
		typist_measure(&t);
		assert_ok(doc_set_visible(t.doc, hashes[i], false));
		typist_measured(&t);
	}
	assert_ok(doc_get(t.doc, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.value.i64, 0);
	assert_true(t.reads_max <= EDIT_READS_MAX);
	assert_int_equal(t.splits, 0);
	/* One honest value on top covers all of them, and the first. */
	assert_ok(doc_set_visible(t.doc, hashes[1999], true));
	assert_ok(doc_get(t.doc, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.value.i64, 1999);
	assert_ok(doc_set_visible(t.doc, hashes[1999], false));
	assert_ok(doc_get(t.doc, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.value.i64, 0);
	free(hashes);
	typist_close(&t);
}

/* Two marked letters, and between them a long text that was deleted. */
static void
typing_between_marks_does_not_read_what_was_deleted(void **state)
{
	struct mark_range range = { .mark = { BYTES_STR("m"),
					{ .type = VALUE_TRUE } } };
	struct typist t;
	struct op_id text;

	(void)state;
	typist_open(&t);
	typist_begin(&t);
	assert_ok(edit_make(t.edit, DOC_ROOT, KEY("t"), OBJ_TEXT, &text));
	for (int i = 0; i < 40000; i++)
		assert_ok(edit_splice(t.edit, text, 0, 0, BYTES_STR("x")));
	for (int i = 0; i < 2; i++) {
		range.start = i == 0 ? 0 : 39999;
		range.end = range.start + 1;
		assert_ok(edit_mark(t.edit, text, &range, EXPAND_BOTH));
	}
	assert_ok(edit_splice(t.edit, text, 1, 39998, BYTES_STR("")));
	typist_end(&t);
	for (int i = 0; i < 50; i++) {
		typist_measure(&t);
		typist_begin(&t);
		assert_ok(edit_splice(t.edit, text, 1, 0, BYTES_STR("y")));
		typist_end(&t);
		typist_measured(&t);
	}
	assert_true(t.reads_max <= EDIT_READS_MAX);
	typist_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_into_a_long_text_writes_little),
		cmocka_unit_test(
		    typing_between_marks_does_not_read_what_was_deleted),
		cmocka_unit_test(a_key_of_a_large_map_is_set_alone),
		cmocka_unit_test(a_counter_incremented_often_stays_small),
		cmocka_unit_test(a_key_set_and_deleted_often_stays_small),
		cmocka_unit_test(voiding_a_chain_costs_each_change_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
