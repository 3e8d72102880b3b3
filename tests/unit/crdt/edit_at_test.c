#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/doc_view.h"
#include "crdt/document.h"
#include "crdt/edit_at.h"
#include "crdt/edit_state.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_sample.h"

/* A document that takes edits at any heads, by one author. */
struct desk {
	struct changes all;
	struct kv kv;
	struct doc *doc;
	struct edit_actor actor;
	struct edit *edit;
};

static const uint8_t author[] = { 1, 1, 1, 1 };

static void
desk_open(struct desk *d)
{
	*d = (struct desk){ 0 };
	changes_init(&d->all);
	assert_ok(kv_memory_new(&d->kv, DOC_KV_MAX));
	assert_ok(doc_open(&d->doc, d->kv));
}

static void
desk_close(struct desk *d)
{
	doc_free(d->doc);
	kv_memory_free(&d->kv);
	changes_clear(&d->all);
}

/* Begins an edit on top of these changes, given by number, -1: no more. */
static void
desk_begin(struct desk *d, int first, int second)
{
	uint8_t heads[2][LK_ID_LEN];
	struct change_head head = { .deps = heads[0], .start_op = 1 };

	if (first >= 0)
		memcpy(
		    heads[head.deps_len++], d->all.all[first].hash, LK_ID_LEN);
	if (second >= 0)
		memcpy(
		    heads[head.deps_len++], d->all.all[second].hash, LK_ID_LEN);
	assert_ok(edit_actor_at(d->doc, BYTES_OF(author),
	    (const uint8_t(*)[LK_ID_LEN])heads, head.deps_len, &d->actor));
	for (size_t i = 0; i < d->all.len; i++)
		if (change_max_op(&d->all.all[i]) >= head.start_op)
			head.start_op = change_max_op(&d->all.all[i]) + 1;
	head.actor = BYTES(d->actor.id, d->actor.len);
	head.seq = d->actor.seq;
	assert_ok(edit_new_at(&d->edit, d->doc, &head));
}

static void
desk_end(struct desk *d)
{
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	uint8_t hash[LK_ID_LEN];

	assert_ok(edit_finish(d->edit, &body, hash));
	edit_free(d->edit);
	assert_ok(changes_add(&d->all, buf_bytes(&body)));
	assert_memory_equal(d->all.all[d->all.len - 1].hash, hash, LK_ID_LEN);
}

static void
assert_actor(const struct desk *d, const char *hex, uint64_t seq)
{
	char text[2 * ACTOR_LEN_MAX + 1];

	hex_encode(text, BYTES(d->actor.id, d->actor.len));
	assert_string_equal(text, hex);
	assert_int_equal(d->actor.seq, seq);
}

/* One edit on top of these. */
static void
desk_put(struct desk *d, int first, int second, const char *actor, uint64_t seq)
{
	desk_begin(d, first, second);
	assert_actor(d, actor, seq);
	assert_ok(
	    edit_put(d->edit, DOC_ROOT, KEY("n"), &INT((int64_t)d->all.len)));
	desk_end(d);
}

static void
who_has_later_changes_writes_under_the_next_free_name(void **state)
{
	struct desk d;

	(void)state;
	desk_open(&d);
	/* What Automerge 3.5 chooses for the same. */
	desk_put(&d, -1, -1, "01010101", 1);
	desk_put(&d, 0, -1, "01010101", 2);
	desk_put(&d, 0, -1, "13b223090101010101", 1);
	desk_put(&d, 0, -1, "13b223090201010101", 1);
	desk_put(&d, 2, -1, "13b223090101010101", 2);
	desk_put(&d, 1, -1, "01010101", 3);
	desk_put(&d, 2, -1, "13b223090301010101", 1);
	desk_put(&d, 1, 3, "13b223090201010101", 2);
	desk_put(&d, 4, 3, "13b223090101010101", 3);
	desk_put(&d, 6, -1, "13b223090301010101", 2);
	desk_put(&d, 0, -1, "13b223090401010101", 1);
	desk_put(&d, -1, -1, "13b223090501010101", 1);
	desk_close(&d);
}

static void
a_derived_name_has_its_limit(void **state)
{
	uint8_t longest[ACTOR_LEN_MAX] = { 9 }, unknown[1][LK_ID_LEN] = { 0 };
	struct change_head head = {
		.actor = BYTES_OF(longest), .seq = 1, .start_op = 1
	};
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	uint8_t hash[LK_ID_LEN];
	struct edit_actor a;
	struct desk d;

	(void)state;
	desk_open(&d);
	assert_ok(edit_actor_at(d.doc, BYTES_OF(longest), NULL, 0, &a));
	assert_int_equal(a.len, sizeof(longest));
	assert_int_equal(a.seq, 1);
	assert_code(edit_actor_at(d.doc, BYTES_OF(author),
			(const uint8_t(*)[LK_ID_LEN])unknown, 1, &a),
	    LK_E_NOTFOUND);
	assert_ok(edit_new(&d.edit, d.doc, &head));
	assert_ok(edit_put(d.edit, DOC_ROOT, KEY("n"), &INT(0)));
	assert_ok(edit_finish(d.edit, &body, hash));
	edit_free(d.edit);
	assert_code(
	    edit_actor_at(d.doc, BYTES_OF(longest), NULL, 0, &a), LK_E_LIMIT);
	desk_close(&d);
}

/* Both the document and one built from nothing show the same. */
static void
desk_check(struct desk *d)
{
	struct buf got, want;

	buf_init(&got, TREE_MAX);
	buf_init(&want, TREE_MAX);
	assert_ok(tree_of_doc(d->doc, true, &got));
	assert_ok(changes_tree(&d->all, NULL, NULL, &want));
	assert_true(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
	buf_clear(&got);
	buf_clear(&want);
}

static void
positions_are_those_of_the_old_heads(void **state)
{
	struct desk d;
	struct op_id text, made;
	BUF_SCOPED b = { .max = TREE_MAX };
	uint64_t length;

	(void)state;
	desk_open(&d);
	desk_begin(&d, -1, -1);
	assert_ok(edit_make(d.edit, DOC_ROOT, KEY("t"), OBJ_TEXT, &text));
	assert_ok(edit_splice(d.edit, text, 0, 0, BYTES_STR("one two")));
	desk_end(&d);
	desk_begin(&d, 0, -1);
	assert_ok(edit_splice(d.edit, text, 0, 4, BYTES_STR("1 ")));
	desk_end(&d);
	desk_begin(&d, 0, -1);
	assert_ok(edit_splice(d.edit, text, 7, 0, BYTES_STR(" three")));
	assert_ok(edit_delete(d.edit, text, INDEX(0)));
	assert_ok(edit_make(d.edit, DOC_ROOT, KEY("m"), OBJ_MAP, &made));
	assert_ok(edit_put(d.edit, made, KEY("k"), &INT(1)));
	/* Nothing of it is in the document yet. */
	assert_ok(doc_length(d.doc, text, &length));
	assert_int_equal(length, 5);
	desk_end(&d);
	assert_ok(doc_text(d.doc, text, &b));
	assert_true(bytes_equal(buf_bytes(&b), BYTES_STR("1 two three")));
	assert_ok(doc_length(d.doc, made, &length));
	assert_int_equal(length, 1);
	desk_check(&d);
	desk_close(&d);
}

static void
an_edit_at_old_heads_that_is_given_up_leaves_nothing(void **state)
{
	struct change_head head = {
		.actor = BYTES_OF(author), .seq = 3, .start_op = 9
	};
	uint8_t unknown[LK_ID_LEN] = { 5 };
	struct doc *view;
	struct buf before, after;
	struct edit *e;
	struct desk d;

	(void)state;
	desk_open(&d);
	desk_put(&d, -1, -1, "01010101", 1);
	desk_put(&d, 0, -1, "01010101", 2);
	assert_ok(doc_flush(d.doc));
	kv_dump(d.kv, &before);
	desk_begin(&d, 0, -1);
	assert_ok(edit_put(d.edit, DOC_ROOT, KEY("n"), &INT(7)));
	edit_free(d.edit);
	desk_begin(&d, 0, -1);
	edit_free(d.edit);
	/* His second change is not among these heads. */
	head.deps = d.all.all[0].hash;
	head.deps_len = 1;
	assert_code(edit_new_at(&e, d.doc, &head), LK_E_MALFORMED);
	head.deps = unknown;
	assert_code(edit_new_at(&e, d.doc, &head), LK_E_WAIT);
	assert_ok(doc_at(d.doc, (const uint8_t(*)[LK_ID_LEN])d.all.all[0].hash,
	    1, VIEW_RAW, &view));
	assert_code(edit_new_at(&e, view, &head), LK_E_USAGE);
	doc_free(view);
	assert_ok(doc_flush(d.doc));
	kv_dump(d.kv, &after);
	assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
	buf_clear(&before);
	buf_clear(&after);
	desk_close(&d);
}

/* Random edits on top of random pasts, as one author would make them. */
static void
edits_at_any_heads_apply_anywhere(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct dice dice = dice_of(seed);
		struct op_id text;
		struct desk d;

		desk_open(&d);
		desk_begin(&d, -1, -1);
		assert_ok(
		    edit_make(d.edit, DOC_ROOT, KEY("t"), OBJ_TEXT, &text));
		desk_end(&d);
		for (int i = 0; i < 30; i++) {
			int first = (int)dice_roll(&dice, d.all.len);
			int second = (int)dice_roll(&dice, 3 * d.all.len);
			uint64_t length, at;

			if (second == first || second >= (int)d.all.len)
				second = -1;
			desk_begin(&d, first, second);
			assert_ok(doc_length(d.edit->doc, text, &length));
			at = dice_roll(&dice, length + 1);
			assert_ok(edit_splice(d.edit, text, at,
			    dice_roll(&dice, length - at + 1) / 2,
			    BYTES_STR("xy")));
			assert_ok(edit_put(d.edit, DOC_ROOT, KEY("n"),
			    &INT((int64_t)dice_roll(&dice, 3))));
			desk_end(&d);
		}
		desk_check(&d);
		desk_close(&d);
	}
}

static void
the_recorded_change_at_old_heads_is_made_again(void **state)
{
	struct op_id text = { .ctr = 1 };
	const struct change *c;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	struct edit_actor actor;
	uint8_t hash[LK_ID_LEN];
	struct history h;
	struct edit *e;
	struct doc *doc;
	struct buf file;
	struct kv kv;

	(void)state;
	assert_true(data_file(&file, "vectors", "35-change-at", ".changes"));
	assert_ok(history_read(&h, buf_bytes(&file)));
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	assert_ok(doc_apply(doc, &h.changes[0], true));
	assert_ok(doc_apply(doc, &h.changes[1], true));
	c = &h.changes[2];
	assert_ok(edit_actor_at(doc, h.changes[0].actor,
	    (const uint8_t(*)[LK_ID_LEN])h.changes[0].hash, 1, &actor));
	assert_true(bytes_equal(BYTES(actor.id, actor.len), c->actor));
	assert_ok(edit_new_at(&e, doc,
	    &(struct change_head){ .deps = h.changes[0].hash,
		.deps_len = 1,
		.actor = BYTES(actor.id, actor.len),
		.seq = actor.seq,
		.start_op = 22,
		.time = c->time,
		.message = BYTES_STR("at old heads") }));
	assert_ok(edit_splice(e, text, 7, 0, BYTES_STR(" three")));
	assert_ok(edit_put(e, DOC_ROOT, KEY("n"), &INT(3)));
	assert_ok(edit_finish(e, &body, hash));
	edit_free(e);
	assert_true(bytes_equal(buf_bytes(&body), c->body));
	assert_memory_equal(hash, c->hash, LK_ID_LEN);
	doc_free(doc);
	kv_memory_free(&kv);
	history_clear(&h);
	buf_clear(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    who_has_later_changes_writes_under_the_next_free_name),
		cmocka_unit_test(a_derived_name_has_its_limit),
		cmocka_unit_test(positions_are_those_of_the_old_heads),
		cmocka_unit_test(
		    an_edit_at_old_heads_that_is_given_up_leaves_nothing),
		cmocka_unit_test(edits_at_any_heads_apply_anywhere),
		cmocka_unit_test(
		    the_recorded_change_at_old_heads_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
