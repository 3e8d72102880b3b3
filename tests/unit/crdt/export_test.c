#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "crdt/edit_mark.h"
#include "crdt/export.h"
#include "tests/unit/crdt/doc_replica.h"

/* Ann writes, mal writes something that will be void, ann goes on. */
struct scene {
	struct changes changes;
	struct replica ann, mal;
};

static void
scene_open(struct scene *s)
{
	changes_init(&s->changes);
	replica_open(&s->ann, &s->changes, 1);
	replica_open(&s->mal, &s->changes, 2);
}

static void
scene_close(struct scene *s)
{
	replica_close(&s->ann);
	replica_close(&s->mal);
	changes_clear(&s->changes);
}

static void
mal_begins(struct scene *s)
{
	replica_pull(&s->mal, &s->ann);
	replica_edit(&s->mal);
}

/* Ends mal's change and makes it a ghost below one of ann's. */
static void
mal_ends(struct scene *s)
{
	size_t number = s->changes.len;

	assert_true(replica_finish(&s->mal));
	replica_pull(&s->ann, &s->mal);
	replica_edit(&s->ann);
	put_at(&s->ann, DOC_ROOT, KEY("on top"), INT(1));
	assert_true(replica_finish(&s->ann));
	replica_set_void(&s->ann, number, true);
}

/* A document of what is exported, in which nothing is void. */
static struct doc *
imported(struct scene *s, enum export_form form, struct kv *kv)
{
	struct change_bodies bodies;
	struct history h;
	struct doc *doc;
	BUF_SCOPED file = { .max = DOCUMENT_BODY_MAX };

	change_bodies_init(&bodies, DOCUMENT_BODY_MAX);
	assert_ok(export_changes(
	    s->ann.doc, s->changes.all, s->changes.len, form, &bodies));
	assert_ok(history_from_changes(&h, bodies.at, bodies.len));
	assert_ok(history_write(&file, h.changes, h.changes_len));
	history_clear(&h);
	change_bodies_clear(&bodies);
	assert_ok(history_read(&h, buf_bytes(&file)));
	assert_int_equal(h.orphans_len, 0);
	assert_ok(kv_memory_new(kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, *kv));
	for (size_t i = 0; i < h.changes_len; i++)
		assert_ok(doc_apply(doc, &h.changes[i], true));
	history_clear(&h);
	return doc;
}

static void
check_forms(struct scene *s)
{
	BUF_SCOPED want = { .max = TREE_MAX };

	assert_ok(tree_of_doc(s->ann.doc, false, &want));
	for (enum export_form f = EXPORT_HISTORY; f <= EXPORT_SQUASH; f++) {
		BUF_SCOPED got = { .max = TREE_MAX };
		struct kv kv;
		struct doc *doc = imported(s, f, &kv);

		assert_ok(tree_of_doc(doc, false, &got));
		if (!bytes_equal(buf_bytes(&got), buf_bytes(&want)))
			fail_msg("form %d shows other things", (int)f);
		doc_free(doc);
		kv_memory_free(&kv);
	}
}

static void
nothing_is_exported_as_nothing(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s);
	check_forms(&s);
	scene_close(&s);
}

static void
mark_some(struct replica *r, struct op_id text, struct dice *dice)
{
	static const char *const names[] = { "bold", "colour", "link" };

	for (int i = 0; i < 60; i++) {
		const char *name = names[dice_roll(dice, 3)];
		uint64_t start = dice_roll(dice, 2000);
		struct mark_range range = { .start = start,
			.end = start + dice_roll(dice, 200),
			.mark = { .name = BYTES_STR(name),
			    .value = INT((int64_t)dice_roll(dice, 3)) } };

		if (range.mark.value.i64 == 0)
			range.mark.value.type = VALUE_NULL;
		assert_ok(edit_mark(r->edit, text, &range, EXPAND_AFTER));
	}
}

/* Mal marks, unmarks, deletes and types all over it, and adds to the counter.
 */
static void
a_long_text_with_marks_is_restored(void **state)
{
	struct dice dice = dice_of(5);
	struct op_id text;
	struct scene s;

	(void)state;
	scene_open(&s);
	replica_edit(&s.ann);
	text = make_at(&s.ann, DOC_ROOT, KEY("t"), OBJ_TEXT);
	put_at(&s.ann, DOC_ROOT, KEY("n"), COUNTER(10));
	for (int i = 0; i < 300; i++)
		assert_ok(edit_splice(s.ann.edit, text, (uint64_t)i * 10, 0,
		    BYTES_STR("paragraph\n")));
	mark_some(&s.ann, text, &dice);
	assert_true(replica_finish(&s.ann));
	mal_begins(&s);
	mark_some(&s.mal, text, &dice);
	assert_ok(edit_increment(s.mal.edit, DOC_ROOT, KEY("n"), 5));
	for (int i = 0; i < 300; i++)
		assert_ok(edit_splice(s.mal.edit, text, dice_roll(&dice, 2000),
		    dice_roll(&dice, 6), BYTES_STR("mal")));
	mal_ends(&s);
	check_forms(&s);
	scene_close(&s);
}

#define DEPTH 400

/* What mal replaced is copied: all of it, however deep. */
static void
a_deep_object_is_copied(void **state)
{
	struct op_id at = DOC_ROOT;
	struct scene s;

	(void)state;
	scene_open(&s);
	replica_edit(&s.ann);
	for (int i = 0; i < DEPTH; i++) {
		if (i % 3 == 2) {
			struct op_id list =
			    make_at(&s.ann, at, KEY("l"), OBJ_LIST);

			assert_ok(
			    edit_insert_obj(s.ann.edit, list, 0, OBJ_MAP, &at));
		} else {
			at = make_at(&s.ann, at, KEY("m"), OBJ_MAP);
		}
		put_at(&s.ann, at, KEY("i"), INT(i));
	}
	assert_true(replica_finish(&s.ann));
	mal_begins(&s);
	put_at(&s.mal, DOC_ROOT, KEY("m"), INT(0));
	mal_ends(&s);
	check_forms(&s);
	scene_close(&s);
}

/* Many values at once, of which some are void, some overwritten by void ones.
 */
static void
a_large_conflict_keeps_its_order(void **state)
{
	struct scene s;
	struct replica others[20];

	(void)state;
	scene_open(&s);
	replica_edit(&s.ann);
	put_at(&s.ann, DOC_ROOT, KEY("k"), INT(-1));
	assert_true(replica_finish(&s.ann));
	for (uint8_t i = 0; i < 20; i++) {
		replica_open(&others[i], &s.changes, (uint8_t)(10 + i));
		replica_pull(&others[i], &s.ann);
		replica_edit(&others[i]);
		put_at(&others[i], DOC_ROOT, KEY("k"), INT(i));
		assert_true(replica_finish(&others[i]));
	}
	for (int i = 0; i < 20; i += 2)
		replica_pull(&s.ann, &others[i]);
	mal_begins(&s);
	put_at(&s.mal, DOC_ROOT, KEY("k"), INT(100));
	mal_ends(&s);
	for (int i = 1; i < 20; i += 2)
		replica_pull(&s.ann, &others[i]);
	replica_set_void(&s.ann, 7, true);
	check_forms(&s);
	for (int i = 0; i < 20; i++)
		replica_close(&others[i]);
	scene_close(&s);
}

static void
changes_of_another_document_are_refused(void **state)
{
	struct scene s, other;
	struct change_bodies bodies;

	(void)state;
	scene_open(&s);
	scene_open(&other);
	replica_edit(&other.ann);
	put_at(&other.ann, DOC_ROOT, KEY("k"), INT(1));
	assert_true(replica_finish(&other.ann));
	change_bodies_init(&bodies, DOCUMENT_BODY_MAX);
	assert_code(export_changes(s.ann.doc, other.changes.all, 1,
			EXPORT_HISTORY, &bodies),
	    LK_E_NOTFOUND);
	change_bodies_clear(&bodies);
	scene_close(&s);
	scene_close(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_exported_as_nothing),
		cmocka_unit_test(a_long_text_with_marks_is_restored),
		cmocka_unit_test(a_deep_object_is_copied),
		cmocka_unit_test(a_large_conflict_keeps_its_order),
		cmocka_unit_test(changes_of_another_document_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
