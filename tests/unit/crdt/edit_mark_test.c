#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/doc_view.h"
#include "crdt/edit_mark.h"
#include "tests/unit/crdt/doc_replica.h"

#define TRUE_ ((struct value){ .type = VALUE_TRUE })
#define NULL_ ((struct value){ .type = VALUE_NULL })
#define UINT(n) ((struct value){ .type = VALUE_UINT, .u64 = (n) })

/* A text, by actor 1, and its document. */
struct page {
	struct changes all;
	struct replica r;
	struct op_id text;
};

static void
page_open(struct page *p, const char *text)
{
	changes_init(&p->all);
	replica_open(&p->r, &p->all, 1);
	replica_edit(&p->r);
	p->text = make_at(&p->r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	assert_ok(edit_splice(p->r.edit, p->text, 0, 0, BYTES_STR(text)));
	(void)replica_finish(&p->r);
}

static void
page_close(struct page *p)
{
	replica_check(&p->r);
	replica_close(&p->r);
	changes_clear(&p->all);
}

static void
mark_by(struct replica *r, struct op_id text, uint64_t start, uint64_t end,
    const char *name, struct value v, enum mark_expand expand)
{
	struct mark_range range = {
		.start = start, .end = end, .mark = { BYTES_STR(name), v }
	};

	assert_ok(edit_mark(r->edit, text, &range, expand));
}

static void
type_at(struct page *p, uint64_t pos, const char *s)
{
	replica_edit(&p->r);
	assert_ok(edit_splice(p->r.edit, p->text, pos, 0, BYTES_STR(s)));
	(void)replica_finish(&p->r);
}

static void
mark_at(struct page *p, uint64_t start, uint64_t end, const char *name,
    struct value v, enum mark_expand expand)
{
	replica_edit(&p->r);
	mark_by(&p->r, p->text, start, end, name, v, expand);
	(void)replica_finish(&p->r);
}

static lk_err
say_mark(void *ctx, const struct mark_range *r)
{
	struct buf *b = ctx;

	buf_printf(b, "%s%.*s %d-%d ", b->len > 0 ? ", " : "",
	    (int)r->mark.name.len, (const char *)r->mark.name.ptr,
	    (int)r->start, (int)r->end);
	tree_plain(b, &r->mark.value);
	return LK_NONE;
}

/* Blocks are a bar, marked text is in brackets behind the names. */
static lk_err
say_span(void *ctx, const struct span *s)
{
	struct buf *b = ctx;

	if (s->is_block) {
		buf_str(b, "|");
		return LK_NONE;
	}
	for (size_t i = 0; i < s->marks_len; i++)
		buf_add(b, s->marks[i].name);
	buf_str(b, s->marks_len > 0 ? "[" : "");
	buf_add(b, s->text);
	buf_str(b, s->marks_len > 0 ? "]" : "");
	return LK_NONE;
}

static void
check_said(const struct buf *b, const char *want)
{
	if (!bytes_equal(buf_bytes(b), BYTES_STR(want)))
		fail_msg(
		    "%.*s, not %s", (int)b->len, (const char *)b->ptr, want);
}

static void
check_marks(struct doc *doc, struct op_id text, const char *want)
{
	BUF_SCOPED b = { .max = TREE_MAX };

	assert_ok(doc_marks(doc, text, say_mark, &b));
	check_said(&b, want);
}

static void
check_spans(struct doc *doc, struct op_id text, const char *want)
{
	BUF_SCOPED b = { .max = TREE_MAX };

	assert_ok(doc_spans(doc, text, say_span, &b));
	check_said(&b, want);
}

static void
what_is_typed_at_an_edge_joins_a_mark_that_expands_there(void **state)
{
	static const struct {
		enum mark_expand expand;
		const char *want;
	} cases[] = {
		{ EXPAND_NONE, "a<b[b]>c" },
		{ EXPAND_BEFORE, "ab[<b]>c" },
		{ EXPAND_AFTER, "a<b[b>]c" },
		{ EXPAND_BOTH, "ab[<b>]c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page p;

		page_open(&p, "abc");
		mark_at(&p, 1, 2, "b", TRUE_, cases[i].expand);
		type_at(&p, 2, ">");
		type_at(&p, 1, "<");
		check_spans(p.r.doc, p.text, cases[i].want);
		page_close(&p);
	}
}

static void
a_list_in_a_text_and_a_block_join_like_letters(void **state)
{
	struct op_id made;
	struct page p;

	(void)state;
	page_open(&p, "abc");
	mark_at(&p, 1, 2, "b", TRUE_, EXPAND_BOTH);
	replica_edit(&p.r);
	assert_ok(edit_insert_obj(p.r.edit, p.text, 2, OBJ_LIST, &made));
	assert_ok(edit_block_split(p.r.edit, p.text, 1, &made));
	assert_ok(edit_insert(p.r.edit, p.text, 1, &STR("xy")));
	(void)replica_finish(&p.r);
	check_spans(p.r.doc, p.text, "ab[xy]|b[b\xef\xbf\xbc]c");
	check_marks(p.r.doc, p.text, "b 1-6 true");
	page_close(&p);
}

static void
the_latest_mark_of_a_name_counts_and_null_is_none(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, "abcdef");
	mark_at(&p, 0, 6, "size", UINT(3), EXPAND_AFTER);
	mark_at(&p, 1, 3, "size", INT(3), EXPAND_AFTER);
	mark_at(&p, 2, 4, "size", NULL_, EXPAND_NONE);
	mark_at(&p, 5, 6, "link", STR("x"), EXPAND_NONE);
	/* Another type of number is another value. */
	check_marks(
	    p.r.doc, p.text, "size 0-1 3, size 1-2 3, size 4-6 3, link 5-6 78");
	check_spans(p.r.doc, p.text, "size[a]size[b]cdsize[e]linksize[f]");
	mark_at(&p, 0, 4, "size", UINT(3), EXPAND_NONE);
	check_marks(p.r.doc, p.text, "size 0-6 3, link 5-6 78");
	page_close(&p);
}

static void
a_mark_around_deleted_text_is_not_seen_and_takes_nothing_in(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, "abcdef");
	mark_at(&p, 1, 4, "b", TRUE_, EXPAND_BOTH);
	replica_edit(&p.r);
	assert_ok(edit_splice(p.r.edit, p.text, 1, 3, BYTES_STR("")));
	(void)replica_finish(&p.r);
	check_marks(p.r.doc, p.text, "");
	type_at(&p, 1, "x");
	check_spans(p.r.doc, p.text, "axef");
	page_close(&p);
}

static void
an_empty_range_is_marked_unless_the_mark_expands_nowhere(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, "ab");
	replica_edit(&p.r);
	mark_by(&p.r, p.text, 1, 1, "b", TRUE_, EXPAND_NONE);
	assert_int_equal(edit_ops(p.r.edit), 0);
	mark_by(&p.r, p.text, 1, 1, "b", TRUE_, EXPAND_BOTH);
	mark_by(&p.r, p.text, 0, 0, "c", TRUE_, EXPAND_AFTER);
	mark_by(&p.r, p.text, 2, 2, "d", TRUE_, EXPAND_BEFORE);
	assert_int_equal(edit_ops(p.r.edit), 6);
	(void)replica_finish(&p.r);
	check_marks(p.r.doc, p.text, "");
	page_close(&p);
}

static void
inside_an_element_of_several_code_points_means_behind_it(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, "ab");
	replica_edit(&p.r);
	assert_ok(edit_insert(p.r.edit, p.text, 1, &STR("xyz")));
	(void)replica_finish(&p.r);
	mark_at(&p, 2, 3, "in", TRUE_, EXPAND_BOTH);
	check_marks(p.r.doc, p.text, "");
	mark_at(&p, 1, 2, "over", TRUE_, EXPAND_NONE);
	check_marks(p.r.doc, p.text, "over 1-4 true");
	replica_edit(&p.r);
	assert_ok(edit_delete(p.r.edit, p.text, INDEX(3)));
	(void)replica_finish(&p.r);
	check_spans(p.r.doc, p.text, "aover[xyz]");
	replica_edit(&p.r);
	assert_ok(edit_delete(p.r.edit, p.text, INDEX(2)));
	assert_code(edit_delete(p.r.edit, p.text, INDEX(4)), LK_E_NOTFOUND);
	assert_false(replica_finish(&p.r));
	page_close(&p);
}

static void
what_a_void_change_marked_is_not_marked(void **state)
{
	struct page p;

	(void)state;
	page_open(&p, "abc");
	mark_at(&p, 0, 3, "b", UINT(1), EXPAND_NONE);
	mark_at(&p, 1, 2, "b", UINT(2), EXPAND_NONE);
	check_marks(p.r.doc, p.text, "b 0-1 1, b 1-2 2, b 2-3 1");
	replica_set_void(&p.r, 2, true);
	check_marks(p.r.doc, p.text, "b 0-3 1");
	/* Its end is no place to insert at, so this comes before it. */
	type_at(&p, 2, ">");
	check_marks(p.r.doc, p.text, "b 0-4 1");
	replica_set_void(&p.r, 2, false);
	check_marks(p.r.doc, p.text, "b 0-1 1, b 1-3 2, b 3-4 1");
	type_at(&p, 3, "+");
	check_marks(p.r.doc, p.text, "b 0-1 1, b 1-3 2, b 3-5 1");
	page_close(&p);
}

static void
blocks_are_split_updated_and_joined(void **state)
{
	struct op_id map;
	struct page p;

	(void)state;
	page_open(&p, "abcd");
	replica_edit(&p.r);
	assert_ok(edit_block_split(p.r.edit, p.text, 0, &map));
	put_at(&p.r, map, KEY("type"), STR("heading"));
	assert_ok(edit_block_split(p.r.edit, p.text, 3, &map));
	(void)replica_finish(&p.r);
	check_spans(p.r.doc, p.text, "|ab|cd");
	replica_edit(&p.r);
	assert_ok(edit_block_update(p.r.edit, p.text, 0, &map));
	put_at(&p.r, map, KEY("type"), STR("paragraph"));
	assert_ok(edit_block_join(p.r.edit, p.text, 3));
	assert_code(edit_block_join(p.r.edit, p.text, 1), LK_E_DATA);
	assert_code(edit_block_join(p.r.edit, p.text, 5), LK_E_DATA);
	assert_code(edit_block_update(p.r.edit, p.text, 1, &map), LK_E_DATA);
	assert_code(edit_block_split(p.r.edit, p.text, 6, &map), LK_E_LIMIT);
	(void)replica_finish(&p.r);
	check_spans(p.r.doc, p.text, "|abcd");
	page_close(&p);
}

static void
marks_that_make_no_sense_are_refused(void **state)
{
	struct mark_range range = { .end = 4,
		.mark = { BYTES_STR("b"), TRUE_ } };
	struct op_id list;
	struct page p;

	(void)state;
	page_open(&p, "abc");
	replica_edit(&p.r);
	list = make_at(&p.r, DOC_ROOT, KEY("l"), OBJ_LIST);
	assert_code(
	    edit_mark(p.r.edit, p.text, &range, EXPAND_BOTH), LK_E_LIMIT);
	range.start = 2;
	range.end = 1;
	assert_code(
	    edit_mark(p.r.edit, p.text, &range, EXPAND_BOTH), LK_E_USAGE);
	range.end = 3;
	range.mark.value = STR("\xff");
	assert_code(
	    edit_mark(p.r.edit, p.text, &range, EXPAND_BOTH), LK_E_DATA);
	range.mark = (struct mark){ BYTES_STR("\xff"), TRUE_ };
	assert_code(
	    edit_mark(p.r.edit, p.text, &range, EXPAND_BOTH), LK_E_DATA);
	range = (struct mark_range){ .mark = { BYTES_STR("b"), TRUE_ } };
	assert_code(edit_mark(p.r.edit, list, &range, EXPAND_BOTH), LK_E_DATA);
	assert_int_equal(edit_ops(p.r.edit), 1);
	(void)replica_finish(&p.r);
	page_close(&p);
}

static void
a_view_has_the_marks_of_its_heads(void **state)
{
	struct doc *view;
	struct page p;

	(void)state;
	page_open(&p, "abc");
	mark_at(&p, 0, 2, "b", TRUE_, EXPAND_AFTER);
	type_at(&p, 2, "x");
	mark_at(&p, 0, 3, "b", NULL_, EXPAND_NONE);
	check_spans(p.r.doc, p.text, "abxc");
	assert_ok(
	    doc_at(p.r.doc, (const uint8_t(*)[LK_ID_LEN])p.all.all[2].hash, 1,
		VIEW_JUDGED, &view));
	check_spans(view, p.text, "b[abx]c");
	check_marks(view, p.text, "b 0-3 true");
	doc_free(view);
	page_close(&p);
}

/* Marks that begin, end and cross at random, against a plain reckoning. */
#define LONG_TEXT 300

static void
check_against_table(struct page *p, uint64_t marks[][2], size_t n)
{
	BUF_SCOPED want = { .max = TREE_MAX };
	uint64_t latest[LONG_TEXT + 1] = { 0 };

	for (size_t i = 0; i < n; i++)
		for (uint64_t at = marks[i][0]; at < marks[i][1]; at++)
			latest[at] = i % 5 == 0 ? 0 : i % 3 + 1;
	for (uint64_t at = 0, end; at < LONG_TEXT; at = end) {
		for (end = at; end < LONG_TEXT && latest[end] == latest[at];)
			end++;
		if (latest[at] > 0)
			buf_printf(&want, "%sm %d-%d %d",
			    want.len > 0 ? ", " : "", (int)at, (int)end,
			    (int)latest[at]);
	}
	buf_u8(&want, 0);
	check_marks(p->r.doc, p->text, (const char *)want.ptr);
}

static void
crossing_marks_are_what_a_table_says(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct dice dice = dice_of(seed);
		uint64_t marks[200][2];
		struct page p;

		page_open(&p, "");
		replica_edit(&p.r);
		for (int i = 0; i < LONG_TEXT / 10; i++)
			assert_ok(edit_splice(
			    p.r.edit, p.text, 0, 0, BYTES_STR("0123456789")));
		for (size_t i = 0; i < 200; i++) {
			uint64_t start = dice_roll(&dice, LONG_TEXT);
			uint64_t end =
			    start + 1 + dice_roll(&dice, LONG_TEXT - start);

			marks[i][0] = start;
			marks[i][1] = end;
			mark_by(&p.r, p.text, start, end, "m",
			    i % 5 == 0 ? NULL_ : UINT(i % 3 + 1),
			    (enum mark_expand)dice_roll(&dice, 4));
		}
		assert_true(replica_finish(&p.r));
		check_against_table(&p, marks, 200);
		assert_ok(doc_again(&p.r.doc, p.r.kv));
		check_against_table(&p, marks, 200);
		page_close(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_typed_at_an_edge_joins_a_mark_that_expands_there),
		cmocka_unit_test(
		    a_list_in_a_text_and_a_block_join_like_letters),
		cmocka_unit_test(
		    the_latest_mark_of_a_name_counts_and_null_is_none),
		cmocka_unit_test(
		    a_mark_around_deleted_text_is_not_seen_and_takes_nothing_in),
		cmocka_unit_test(
		    an_empty_range_is_marked_unless_the_mark_expands_nowhere),
		cmocka_unit_test(
		    inside_an_element_of_several_code_points_means_behind_it),
		cmocka_unit_test(what_a_void_change_marked_is_not_marked),
		cmocka_unit_test(blocks_are_split_updated_and_joined),
		cmocka_unit_test(marks_that_make_no_sense_are_refused),
		cmocka_unit_test(a_view_has_the_marks_of_its_heads),
		cmocka_unit_test(crossing_marks_are_what_a_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
