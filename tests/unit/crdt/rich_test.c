#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "crdt/edit_mark.h"
#include "crdt/patch_list.h"
#include "tests/unit/crdt/tree_bench.h"

/* Texts with marks and blocks that become what they were. */

#define VERSIONS 12

static uint64_t
length_of(struct bench *b, struct op_id text)
{
	uint64_t length;

	assert_ok(doc_length(b->r.doc, text, &length));
	return length;
}

static void
mark_some(struct bench *b, struct dice *dice, struct op_id text)
{
	static const char *const names[] = { "bold", "link", "em" };
	uint64_t length = length_of(b, text);
	const char *name = names[dice_roll(dice, 3)];
	struct mark_range r = { .start = dice_roll(dice, length + 1) };

	r.end = r.start + dice_roll(dice, length - r.start + 1);
	r.mark.name = BYTES_STR(name);
	r.mark.value = dice_roll(dice, 3) == 0
	    ? (struct value){ .type = VALUE_NULL }
	    : INT((int64_t)dice_roll(dice, 2));
	assert_ok(edit_mark(
	    b->r.edit, text, &r, (enum mark_expand)dice_roll(dice, 4)));
}

static void
block_some(struct bench *b, struct dice *dice, struct op_id text)
{
	uint64_t at = dice_roll(dice, length_of(b, text) + 1);
	struct op_id map;

	if (dice_roll(dice, 4) == 0) {
		assert_ok(edit_insert(b->r.edit, text, at, &INT(7)));
		return;
	}
	assert_ok(edit_block_split(b->r.edit, text, at, &map));
	put_at(&b->r, map, KEY("type"), STR("p"));
	put_at(&b->r, map, KEY("n"), INT((int64_t)dice_roll(dice, 3)));
}

static void
text_some(struct bench *b, struct dice *dice, struct op_id text)
{
	static const char *const words[] = { "word ", "\xc3\xa9", "\n",
		"\xef\xbf\xbc", "" };
	const char *word = words[dice_roll(dice, 5)];
	uint64_t length = length_of(b, text);
	uint64_t at = dice_roll(dice, length + 1);
	uint64_t del =
	    dice_roll(dice, 2) == 0 ? 0 : dice_roll(dice, length - at + 1) % 6;

	assert_ok(edit_splice(b->r.edit, text, at, del, BYTES_STR(word)));
}

static struct op_id
text_begin(struct bench *b)
{
	struct op_id text;

	replica_edit(&b->r);
	text = make_at(&b->r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	assert_ok(edit_splice(
	    b->r.edit, text, 0, 0, BYTES_STR("the text begins so")));
	(void)replica_finish(&b->r);
	return text;
}

static void
rich_change(struct bench *b, struct dice *dice, struct op_id text)
{
	replica_edit(&b->r);
	for (uint64_t n = 1 + dice_roll(dice, 4); n > 0; n--) {
		switch (dice_roll(dice, 4)) {
		case 0:
			block_some(b, dice, text);
			break;
		case 1:
			mark_some(b, dice, text);
			break;
		default:
			text_some(b, dice, text);
		}
	}
	/* Now and then it is gone. */
	if (dice_roll(dice, 9) == 0)
		assert_ok(edit_delete(b->r.edit, DOC_ROOT, KEY("t")));
	(void)replica_finish(&b->r);
}

/* The text that is shown; a new one if there is none. */
static struct op_id
text_now(struct bench *b)
{
	struct item item;

	if (doc_get(b->r.doc, DOC_ROOT, KEY("t"), &item).code == LK_OK)
		return item.id;
	return text_begin(b);
}

static void
view_of(struct bench *b, size_t change, struct doc **view)
{
	uint8_t head[1][LK_ID_LEN];

	memcpy(head[0], b->all.all[change].hash, LK_ID_LEN);
	assert_ok(doc_at(
	    b->r.doc, (const uint8_t(*)[LK_ID_LEN])head, 1, VIEW_JUDGED, view));
}

static struct tree
tree_of(struct bench *b, struct doc *doc)
{
	struct item root = { .is_obj = true, .obj_type = OBJ_MAP };
	struct tree t;

	root.id = DOC_ROOT;
	assert_ok(tree_read(&t, doc, &root, TREE_FULL, &b->arena));
	return t;
}

static void
restore_by_patches(struct bench *b, size_t change)
{
	PATCH_LIST_SCOPED list = { 0 };
	struct doc *view;

	view_of(b, change, &view);
	assert_ok(patch_list_read(&list, b->r.doc, view));
	doc_free(view);
	replica_edit(&b->r);
	assert_ok(edit_patches(b->r.edit, b->r.doc, &list));
	(void)replica_finish(&b->r);
}

static void
a_rich_text_becomes_what_it_was(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct dice dice = dice_of(seed);
		struct bench b;

		bench_open(&b);
		for (int i = 0; i < VERSIONS; i++)
			rich_change(&b, &dice, text_now(&b));
		for (int i = 0; i < 6; i++) {
			size_t change = dice_roll(&dice, b.all.len);
			struct tree want, got;
			struct doc *view;

			view_of(&b, change, &view);
			want = tree_of(&b, view);
			doc_free(view);
			if (i % 2 == 0)
				(void)become(&b, NULL, &want);
			else
				restore_by_patches(&b, change);
			got = tree_of(&b, b.r.doc);
			if (!trees_equal(&got, &want))
				fail_msg("seed %d, %d", (int)seed, i);
			assert_int_equal(become(&b, NULL, &want), 0);
			replica_check(&b.r);
		}
		bench_close(&b);
	}
}

/* Who gives characters alone leaves marks and blocks where they are. */
static void
plain_words_spare_marks_and_blocks(void **state)
{
	struct mark_range bold = { .start = 4,
		.end = 8,
		.mark = { .name = BYTES_STR("bold"),
		    .value = { .type = VALUE_TRUE } } };
	struct tree wanted, got;
	struct op_id text, map;
	struct bench b;

	(void)state;
	bench_open(&b);
	text = text_begin(&b);
	replica_edit(&b.r);
	assert_ok(edit_mark(b.r.edit, text, &bold, EXPAND_AFTER));
	assert_ok(edit_block_split(b.r.edit, text, 0, &map));
	(void)replica_finish(&b.r);
	for (int detail = TREE_PLAIN; detail <= TREE_TYPED; detail++) {
		struct tree_change change = { .wanted = &wanted,
			.detail = (enum tree_detail)detail };

		got = tree_of(&b, b.r.doc);
		wanted = copy_of(&b, &got);
		wanted.items[0].rich = NULL;
		wanted.items[0].text = kept(&b,
		    detail == TREE_PLAIN
			? "\xef\xbf\xbcthe text begins there"
			: "\xef\xbf\xbcso the text begins there");
		replica_edit(&b.r);
		assert_ok(edit_tree(b.r.edit, b.r.doc, &change));
		assert_true(replica_finish(&b.r));
		got = tree_of(&b, b.r.doc);
		assert_true(
		    bytes_equal(got.items[0].text, wanted.items[0].text));
		assert_int_equal(got.items[0].rich->parts_len, 1);
		assert_int_equal(got.items[0].rich->marks.len, 1);
		assert_int_equal(got.items[0].rich->marks.at[0].end -
			got.items[0].rich->marks.at[0].start,
		    4);
	}
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rich_text_becomes_what_it_was),
		cmocka_unit_test(plain_words_spare_marks_and_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
