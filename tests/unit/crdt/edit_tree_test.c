#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/crdt/tree_bench.h"

static void
any_tree_becomes_any_other_and_then_nothing_is_left_to_do(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		struct dice dice = dice_of(seed);
		struct bench b;

		bench_open(&b);
		for (int round = 0; round < 6; round++) {
			struct tree now = shown(&b), wanted, got;

			wanted = root_make(&b, &dice);
			if (round > 1) {
				wanted = copy_of(&b, &now);
				tree_nudge(&b, &dice, &wanted.items[0]);
			}
			(void)become(&b, NULL, &wanted);
			got = shown(&b);
			if (!trees_equal(&got, &wanted))
				fail_msg("seed %d round %d", (int)seed, round);
			assert_int_equal(become(&b, NULL, &wanted), 0);
			assert_int_equal(become(&b, &got, &wanted), 0);
		}
		replica_check(&b.r);
		bench_close(&b);
	}
}

/* {"n": counter, "list": [...], "text": ...} */
static struct tree
three_members(struct bench *b, int64_t n, struct tree list, const char *text)
{
	struct tree t = items_of(b, TREE_MAP, 3);

	item_add(&t, kept(b, "list"), list);
	item_add(&t, kept(b, "n"), scalar_of(COUNTER(n)));
	item_add(&t, kept(b, "text"), text_of(b, text));
	return t;
}

/* A merge: what others did meanwhile stays. */
static void
what_others_changed_meanwhile_stays(void **state)
{
	struct tree list, base, wanted, theirs, got;
	struct bench b;

	(void)state;
	bench_open(&b);
	list = items_of(&b, TREE_LIST, 4);
	for (int64_t i = 1; i <= 3; i++)
		item_add(&list, kept(&b, ""), scalar_of(INT(i)));
	base = three_members(&b, 5, list, "one two three\n");
	(void)become(&b, NULL, &base);
	theirs = copy_of(&b, &base);
	theirs.items[0].items[0] = scalar_of(INT(10));
	item_add(&theirs.items[0], kept(&b, ""), scalar_of(INT(4)));
	theirs.items[1].value = COUNTER(8);
	theirs.items[2].text = kept(&b, "one two THREE\n");
	(void)become(&b, NULL, &theirs);
	wanted = copy_of(&b, &base);
	/* Without 1, which others have changed, and 2. */
	wanted.items[0].items += 2;
	wanted.items[0].len = 1;
	wanted.items[1].value = COUNTER(6);
	wanted.items[2].text = kept(&b, "zero one three\n");
	(void)become(&b, &base, &wanted);
	got = shown(&b);
	assert_int_equal(got.items[0].len, 3);
	assert_int_equal(got.items[0].items[0].value.i64, 10);
	assert_int_equal(got.items[0].items[1].value.i64, 3);
	assert_int_equal(got.items[0].items[2].value.i64, 4);
	assert_int_equal(got.items[1].value.i64, 9);
	assert_true(
	    bytes_equal(got.items[2].text, BYTES_STR("zero one THREE\n")));
	bench_close(&b);
}

/* A record of a list, which has five ops or more. */
static struct tree
record_make(struct bench *b, uint64_t id, uint64_t state)
{
	struct tree t = items_of(b, TREE_MAP, 4);
	char title[64];

	(void)snprintf(title, sizeof(title), "task %d of many", (int)id);
	item_add(&t, kept(b, "done"),
	    scalar_of((struct value){
		.type = state % 2 == 0 ? VALUE_FALSE : VALUE_TRUE }));
	item_add(&t, kept(b, "id"), scalar_of(INT((int64_t)id)));
	item_add(&t, kept(b, "state"), scalar_of(INT((int64_t)state)));
	item_add(&t, kept(b, "title"), text_of(b, title));
	return t;
}

static struct tree
records_root(struct bench *b, struct tree list)
{
	struct tree t = items_of(b, TREE_MAP, 1);

	item_add(&t, kept(b, "list"), list);
	return t;
}

/* One random change of a list; returns the ops it should take. */
static size_t
records_nudge(struct bench *b, struct dice *dice, struct tree *list)
{
	uint32_t at = (uint32_t)dice_roll(dice, list->len);
	struct tree *item = &list->items[at];
	size_t rest = (list->len - at) * sizeof(*item);

	switch (dice_roll(dice, 4)) {
	case 0:
		memmove(item, item + 1, rest - sizeof(*item));
		list->len--;
		return 1;
	case 1:
		memmove(item + 1, item, rest);
		*item = record_make(b, 1000 + dice_roll(dice, 100000), 7);
		list->len++;
		return 6 + item->items[3].text.len;
	case 2:
		item->items[2].value = INT((int64_t)dice_roll(dice, 1000));
		return 1;
	default:
		item->items[3].text = kept(b, "another title, quite another");
		return 28 + 20;
	}
}

static void
a_list_of_records_changes_record_by_record(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct dice dice = dice_of(seed);
		struct tree list, root, got;
		size_t expected = 0, ops;
		struct bench b;

		bench_open(&b);
		list = items_of(&b, TREE_LIST, 300);
		for (uint64_t i = 0; i < 150; i++)
			item_add(&list, kept(&b, ""),
			    record_make(&b, i, dice_roll(&dice, 3)));
		root = records_root(&b, list);
		(void)become(&b, NULL, &root);
		root = copy_of(&b, &root);
		for (uint64_t n = dice_roll(&dice, 30); n > 0; n--)
			expected += records_nudge(&b, &dice, &root.items[0]);
		ops = become(&b, NULL, &root);
		got = shown(&b);
		assert_true(trees_equal(&got, &root));
		if (ops > 2 * expected)
			fail_msg("seed %d: %d ops, not %d", (int)seed, (int)ops,
			    (int)expected);
		bench_close(&b);
	}
}

/* Random words put into and taken out of a text, as people do. */
static size_t
text_nudge(struct dice *dice, struct buf *text)
{
	size_t at = dice_roll(dice, text->len), n = 1 + dice_roll(dice, 12);
	char word[32];

	if (dice_roll(dice, 3) == 0) {
		if (at + n > text->len)
			return 0;
		memmove(text->ptr + at, text->ptr + at + n, text->len - at - n);
		text->len -= n;
		return n;
	}
	(void)snprintf(word, sizeof(word), "%d new%s ",
	    (int)dice_roll(dice, 99), dice_roll(dice, 5) == 0 ? "\n" : "");
	n = strlen(word);
	buf_str(text, word);
	memmove(text->ptr + at + n, text->ptr + at, text->len - n - at);
	memcpy(text->ptr + at, word, n);
	return n;
}

static void
a_text_changes_by_little_more_than_was_typed(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct dice dice = dice_of(seed);
		struct tree root, t = { .kind = TREE_TEXT };
		size_t expected = 0, ops, lines = 10 << dice_roll(&dice, 7);
		struct buf text;
		struct bench b;

		bench_open(&b);
		buf_init(&text, TREES_MAX);
		for (size_t i = 0; i < lines; i++)
			buf_printf(&text, "line %d has some words, %d.%s\n",
			    (int)i, (int)dice_roll(&dice, 7),
			    i % 9 == 0 ? "\n" : "");
		root = items_of(&b, TREE_MAP, 1);
		t.text = arena_copy(&b.arena, buf_bytes(&text));
		item_add(&root, kept(&b, "text"), t);
		(void)become(&b, NULL, &root);
		for (uint64_t n = 1 + dice_roll(&dice, 60); n > 0; n--)
			expected += text_nudge(&dice, &text);
		root.items[0].text = buf_bytes(&text);
		ops = become(&b, NULL, &root);
		t = shown(&b);
		assert_true(trees_equal(&t, &root));
		if (ops > 3 * expected)
			fail_msg("seed %d: %d ops, not %d", (int)seed, (int)ops,
			    (int)expected);
		buf_clear(&text);
		bench_close(&b);
	}
}

static void
what_is_too_deep_is_refused(void **state)
{
	struct item root = { .is_obj = true, .obj_type = OBJ_MAP };
	struct op_id at = DOC_ROOT;
	struct tree t;
	struct bench b;

	(void)state;
	bench_open(&b);
	replica_edit(&b.r);
	for (int depth = 0; depth < TREE_DEPTH_MAX; depth++) {
		root.id = DOC_ROOT;
		assert_ok(tree_read(&t, b.r.doc, &root, TREE_FULL, &b.arena));
		at = make_at(&b.r, at, KEY("a"), OBJ_MAP);
		arena_clear(&b.arena);
	}
	assert_code(
	    tree_read(&t, b.r.doc, &root, TREE_FULL, &b.arena), LK_E_LIMIT);
	t = scalar_of(INT(1));
	assert_code(
	    edit_tree(b.r.edit, b.r.doc,
		&(struct tree_change){ .wanted = &t, .detail = TREE_FULL }),
	    LK_E_LIMIT);
	bench_close(&b);
}

static void
the_root_stays_a_map(void **state)
{
	struct tree t = scalar_of(INT(1));
	struct bench b;

	(void)state;
	bench_open(&b);
	replica_edit(&b.r);
	assert_code(
	    edit_tree(b.r.edit, b.r.doc,
		&(struct tree_change){ .wanted = &t, .detail = TREE_FULL }),
	    LK_E_DATA);
	bench_close(&b);
}

static void
of_equal_keys_the_last_one_stays(void **state)
{
	struct tree t;
	struct bench b;

	(void)state;
	bench_open(&b);
	t = items_of(&b, TREE_MAP, 5);
	item_add(&t, kept(&b, "b"), scalar_of(INT(1)));
	item_add(&t, kept(&b, "a"), scalar_of(INT(2)));
	item_add(&t, kept(&b, "b"), scalar_of(INT(3)));
	item_add(&t, kept(&b, "a"), scalar_of(INT(4)));
	item_add(&t, kept(&b, "b"), scalar_of(INT(5)));
	tree_sort(&t);
	assert_int_equal(t.len, 2);
	assert_int_equal(t.items[0].value.i64, 4);
	assert_int_equal(t.items[1].value.i64, 5);
	bench_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    any_tree_becomes_any_other_and_then_nothing_is_left_to_do),
		cmocka_unit_test(what_others_changed_meanwhile_stays),
		cmocka_unit_test(a_list_of_records_changes_record_by_record),
		cmocka_unit_test(a_text_changes_by_little_more_than_was_typed),
		cmocka_unit_test(what_is_too_deep_is_refused),
		cmocka_unit_test(the_root_stays_a_map),
		cmocka_unit_test(of_equal_keys_the_last_one_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
