#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/cursor.h"
#include "crdt/doc_view.h"
#include "crdt/document.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_sample.h"
#include "tests/unit/crdt/json_tree.h"

static void
assert_text(const struct cursor *c, const char *want)
{
	BUF_SCOPED b = { .max = TREE_MAX };

	cursor_write(&b, c);
	if (!bytes_equal(buf_bytes(&b), BYTES_STR(want)))
		fail_msg("%.*s, not %s", (int)b.len, (const char *)b.ptr, want);
}

static void
assert_at(struct doc *doc, struct op_id obj, const char *text, uint64_t want)
{
	struct cursor c;
	uint64_t index;

	assert_ok(cursor_read(&c, BYTES_STR(text)));
	assert_ok(doc_cursor_index(doc, obj, &c, &index));
	if (index != want)
		fail_msg("%s is at %d, not %d", text, (int)index, (int)want);
}

/* In the vector: the names of cursors, and how they were made. */
static const struct {
	const char *name;
	uint64_t index;
	bool before;
} recorded[] = {
	{ "a0", 0, false },
	{ "a2", 2, false },
	{ "b2", 2, true },
	{ "b5", 5, true },
	{ "end", 6, false },
};

static void
cursors_are_made_and_found_as_automerge_does(void **state)
{
	struct json_object *json = data_json("vectors", "37-cursors");
	struct json_object *made = json_object_object_get(json, "cursors");
	struct json_object *at =
	    json_object_object_get(json, "cursorPositions");
	struct op_id text = { .ctr = 1 };
	struct history h;
	struct cursor c;
	struct buf file;
	struct doc *doc;
	struct kv kv;

	(void)state;
	assert_true(data_file(&file, "vectors", "37-cursors", ".automerge"));
	assert_ok(history_read(&h, buf_bytes(&file)));
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	for (size_t i = 0; i < h.changes_len; i++) {
		assert_ok(doc_apply(doc, &h.changes[i], true));
		for (size_t j = 0; i == 0 && j < 5; j++) {
			assert_ok(doc_cursor(doc, text, recorded[j].index,
			    recorded[j].before, &c));
			assert_text(&c, json_text(made, recorded[j].name));
		}
	}
	assert_int_equal(json_object_object_length(made), 6);
	json_object_object_foreach(made, name, value)
	{
		assert_at(doc, text, json_object_get_string(value),
		    json_object_get_uint64(json_object_object_get(at, name)));
	}
	doc_free(doc);
	kv_memory_free(&kv);
	history_clear(&h);
	buf_clear(&file);
	json_object_put(json);
}

/* The text "abcdef" by actor 1: the letters are ops 2 to 7. */
struct page {
	struct changes all;
	struct replica r;
	struct op_id text;
};

static void
page_open(struct page *p)
{
	changes_init(&p->all);
	replica_open(&p->r, &p->all, 1);
	replica_edit(&p->r);
	p->text = make_at(&p->r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	assert_ok(edit_splice(p->r.edit, p->text, 0, 0, BYTES_STR("abcdef")));
	(void)replica_finish(&p->r);
}

static void
page_close(struct page *p)
{
	replica_close(&p->r);
	changes_clear(&p->all);
}

static void
splice(struct page *p, uint64_t pos, uint64_t del, const char *s)
{
	replica_edit(&p->r);
	assert_ok(edit_splice(p->r.edit, p->text, pos, del, BYTES_STR(s)));
	(void)replica_finish(&p->r);
}

static void
where_something_was_deleted_it_is_before_or_behind(void **state)
{
	struct page p;

	(void)state;
	page_open(&p);
	splice(&p, 2, 3, "");
	assert_at(p.r.doc, p.text, "4@01010101", 2);
	assert_at(p.r.doc, p.text, "-4@01010101", 1);
	assert_at(p.r.doc, p.text, "-6@01010101", 1);
	splice(&p, 2, 0, "xyz");
	/* What came between was inserted behind b too, and before c. */
	assert_at(p.r.doc, p.text, "4@01010101", 5);
	assert_at(p.r.doc, p.text, "-4@01010101", 1);
	splice(&p, 0, 2, "");
	assert_at(p.r.doc, p.text, "-4@01010101", 0);
	assert_at(p.r.doc, p.text, "2@01010101", 0);
	assert_at(p.r.doc, p.text, "s", 0);
	assert_at(p.r.doc, p.text, "e", 4);
	page_close(&p);
}

static void
what_was_overwritten_counts_as_gone(void **state)
{
	struct cursor c;
	struct page p;

	(void)state;
	page_open(&p);
	replica_edit(&p.r);
	put_at(&p.r, p.text, INDEX(2), STR("C"));
	(void)replica_finish(&p.r);
	assert_at(p.r.doc, p.text, "4@01010101", 2);
	assert_at(p.r.doc, p.text, "-4@01010101", 1);
	assert_ok(doc_cursor(p.r.doc, p.text, 2, true, &c));
	assert_text(&c, "-8@01010101");
	assert_at(p.r.doc, p.text, "-8@01010101", 2);
	page_close(&p);
}

static void
marks_and_long_elements_have_their_places(void **state)
{
	struct mark_range range = { .start = 1,
		.end = 3,
		.mark = { BYTES_STR("m"), { .type = VALUE_TRUE } } };
	struct cursor c;
	struct page p;

	(void)state;
	page_open(&p);
	replica_edit(&p.r);
	assert_ok(edit_mark(p.r.edit, p.text, &range, EXPAND_BOTH));
	assert_ok(edit_insert(p.r.edit, p.text, 1, &STR("xyz")));
	(void)replica_finish(&p.r);
	for (uint64_t at = 1; at < 4; at++) {
		assert_ok(doc_cursor(p.r.doc, p.text, at, false, &c));
		assert_text(&c, "10@01010101");
	}
	assert_at(p.r.doc, p.text, "8@01010101", 1);
	assert_at(p.r.doc, p.text, "9@01010101", 6);
	splice(&p, 1, 3, "");
	/* It was inserted behind the mark, which is still there. */
	assert_at(p.r.doc, p.text, "-10@01010101", 1);
	replica_set_void(&p.r, 1, true);
	assert_at(p.r.doc, p.text, "-10@01010101", 0);
	page_close(&p);
}

static void
a_ghost_is_a_place_and_what_is_absent_is_none(void **state)
{
	struct cursor c;
	struct page p;
	uint64_t index;

	(void)state;
	page_open(&p);
	splice(&p, 2, 0, "xy");
	splice(&p, 3, 0, "z");
	assert_ok(doc_cursor(p.r.doc, p.text, 4, true, &c));
	assert_text(&c, "-9@01010101");
	replica_set_void(&p.r, 1, true);
	assert_ok(doc_cursor_index(p.r.doc, p.text, &c, &index));
	assert_int_equal(index, 1);
	assert_at(p.r.doc, p.text, "9@01010101", 3);
	replica_set_void(&p.r, 2, true);
	assert_code(
	    doc_cursor_index(p.r.doc, p.text, &c, &index), LK_E_NOTFOUND);
	replica_set_void(&p.r, 1, false);
	assert_ok(doc_cursor_index(p.r.doc, p.text, &c, &index));
	assert_int_equal(index, 3);
	page_close(&p);
}

static void
a_view_has_no_place_for_what_came_later(void **state)
{
	struct cursor old, new;
	struct doc *view;
	struct page p;
	uint64_t index;

	(void)state;
	page_open(&p);
	splice(&p, 3, 1, "");
	assert_ok(doc_cursor(p.r.doc, p.text, 3, false, &old));
	splice(&p, 0, 0, "xy");
	assert_ok(doc_cursor(p.r.doc, p.text, 0, false, &new));
	assert_ok(
	    doc_at(p.r.doc, (const uint8_t(*)[LK_ID_LEN])p.all.all[0].hash, 1,
		VIEW_JUDGED, &view));
	assert_ok(doc_cursor_index(view, p.text, &old, &index));
	assert_int_equal(index, 4);
	assert_code(
	    doc_cursor_index(view, p.text, &new, &index), LK_E_NOTFOUND);
	assert_at(view, p.text, "e", 6);
	assert_at(view, p.text, "-5@01010101", 3);
	doc_free(view);
	page_close(&p);
}

/* Two devices that are the same actor by mistake. */
static void
an_op_of_an_actor_who_forked_is_named_by_branch(void **state)
{
	struct cursor plain, mine, other;
	struct replica twin;
	uint64_t index, at[2];
	struct page p;

	(void)state;
	page_open(&p);
	replica_open(&twin, &p.all, 1);
	replica_take(&twin, 0, true);
	splice(&p, 0, 0, "x");
	assert_ok(doc_cursor(p.r.doc, p.text, 0, false, &plain));
	assert_text(&plain, "8@01010101");
	replica_edit(&twin);
	assert_ok(edit_splice(twin.edit, p.text, 6, 0, BYTES_STR("y")));
	(void)replica_finish(&twin);
	replica_pull(&p.r, &twin);
	replica_pull(&twin, &p.r);
	assert_ok(doc_cursor(p.r.doc, p.text, 0, true, &mine));
	assert_ok(doc_cursor(p.r.doc, p.text, 7, false, &other));
	assert_int_equal(mine.actor_len, 4 + LK_ID_LEN);
	assert_memory_equal(mine.actor + 4, p.all.all[1].hash, LK_ID_LEN);
	assert_memory_equal(other.actor + 4, p.all.all[2].hash, LK_ID_LEN);
	for (int i = 0; i < 2; i++) {
		struct doc *doc = i == 0 ? p.r.doc : twin.doc;

		assert_ok(doc_cursor_index(doc, p.text, &mine, &index));
		assert_int_equal(index, 0);
		assert_ok(doc_cursor_index(doc, p.text, &other, &index));
		assert_int_equal(index, 7);
		/* What was made before is the same to both. */
		assert_ok(doc_cursor_index(doc, p.text, &plain, &at[i]));
		other.actor[4] ^= 1;
		assert_code(doc_cursor_index(doc, p.text, &other, &index),
		    LK_E_NOTFOUND);
		other.actor[4] ^= 1;
	}
	assert_int_equal(at[0], at[1]);
	assert_at(p.r.doc, p.text, "4@01010101", 3);
	replica_close(&twin);
	page_close(&p);
}

static void
cursors_are_of_one_list_or_text(void **state)
{
	struct sample s;
	struct cursor c;
	uint64_t index;

	(void)state;
	sample_open(&s);
	assert_ok(doc_cursor(s.r.doc, s.list, 1, false, &c));
	assert_ok(doc_cursor_index(s.r.doc, s.list, &c, &index));
	assert_int_equal(index, 1);
	assert_code(
	    doc_cursor_index(s.r.doc, s.text, &c, &index), LK_E_NOTFOUND);
	assert_code(doc_cursor_index(s.r.doc, s.map, &c, &index), LK_E_DATA);
	assert_code(doc_cursor(s.r.doc, s.map, 0, false, &c), LK_E_DATA);
	assert_code(doc_cursor(s.r.doc, s.text, 3, false, &c), LK_E_LIMIT);
	assert_ok(cursor_read(&c, BYTES_STR("99@01010101")));
	assert_code(
	    doc_cursor_index(s.r.doc, s.text, &c, &index), LK_E_NOTFOUND);
	assert_ok(cursor_read(&c, BYTES_STR("8@ff")));
	assert_code(
	    doc_cursor_index(s.r.doc, s.text, &c, &index), LK_E_NOTFOUND);
	/* The increment, the deletions. */
	for (uint64_t ctr = 11; ctr <= 13; ctr++) {
		c = (struct cursor){ .kind = CURSOR_OP,
			.ctr = (uint32_t)ctr,
			.actor_len = 4,
			.actor = { 1, 1, 1, 1 } };
		assert_code(doc_cursor_index(s.r.doc, s.text, &c, &index),
		    LK_E_NOTFOUND);
	}
	sample_close(&s);
}

static void
check_forms(const char *text, const char *hex)
{
	BUF_SCOPED b = { .max = TREE_MAX };
	uint8_t bytes[300];
	struct cursor c, again;
	size_t n = strlen(hex) / 2;

	assert_true(hex_decode(bytes, n, hex));
	assert_ok(cursor_read(&c, BYTES_STR(text)));
	assert_text(&c, text);
	cursor_encode(&b, &c);
	assert_int_equal(b.len, n);
	assert_memory_equal(b.ptr, bytes, n);
	assert_ok(cursor_decode(&again, BYTES(bytes, n)));
	assert_text(&again, text);
	for (size_t cut = 0; cut < n; cut++)
		assert_code(
		    cursor_decode(&again, BYTES(bytes, cut)), LK_E_TRUNCATED);
	bytes[n] = 0;
	assert_code(cursor_decode(&again, BYTES(bytes, n + 1)), LK_E_MALFORMED);
	bytes[0] = 2;
	assert_code(cursor_decode(&again, BYTES(bytes, n)), LK_E_VERSION);
}

static void
both_forms_are_those_of_automerge(void **state)
{
	static const uint8_t old[] = { 0, 2, 0xab, 0xcd, 0x7b };
	struct cursor c;

	(void)state;
	check_forms("s", "0101");
	check_forms("e", "0102");
	check_forms("123@abcd", "010302abcd7b02");
	check_forms("-123@abcd", "010302abcd7b01");
	check_forms("4294967295@00", "01030100ffffffff0f02");
	assert_ok(cursor_decode(&c, BYTES_OF(old)));
	assert_text(&c, "123@abcd");
	for (size_t cut = 0; cut < sizeof(old); cut++)
		assert_code(cursor_decode(&c, BYTES(old, cut)), LK_E_TRUNCATED);
}

static void
what_is_no_cursor_is_refused(void **state)
{
	static const char *const texts[] = { "", "x", "-", "-s", "@", "@ab",
		"1@", "-@ab", "1@a", "1@abc", "1@AB", "1@zz", "0@ab", "01@ab",
		"+1@ab", " 1@ab", "1@ab ", "--1@ab", "1@ab@ab", "4294967296@ab",
		"18446744073709551617@ab", "1ab", "se" };
	static const char *const bytes[] = { "0100", "0104", "010300017b02",
		"0103010a0002", "0103010a808080801002", "0103010a7b00",
		"0103010a7b03", "0103010a8100ff", "000000", "00010a00" };
	struct cursor c = { .ctr = 77 };
	uint8_t raw[32];
	char text[1100];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_code(
		    cursor_read(&c, BYTES_STR(texts[i])), LK_E_MALFORMED);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		size_t n = strlen(bytes[i]) / 2;

		assert_true(hex_decode(raw, n, bytes[i]));
		assert_code(cursor_decode(&c, BYTES(raw, n)), LK_E_MALFORMED);
	}
	memset(text, 'a', sizeof(text));
	memcpy(text, "1@", 2);
	assert_code(cursor_read(&c, BYTES((const uint8_t *)text, 2 + 2 * 256)),
	    LK_E_MALFORMED);
	assert_int_equal(c.ctr, 77);
	assert_ok(cursor_read(&c, BYTES((const uint8_t *)text, 2 + 2 * 255)));
	assert_int_equal(c.actor_len, 255);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursors_are_made_and_found_as_automerge_does),
		cmocka_unit_test(
		    where_something_was_deleted_it_is_before_or_behind),
		cmocka_unit_test(what_was_overwritten_counts_as_gone),
		cmocka_unit_test(marks_and_long_elements_have_their_places),
		cmocka_unit_test(a_ghost_is_a_place_and_what_is_absent_is_none),
		cmocka_unit_test(a_view_has_no_place_for_what_came_later),
		cmocka_unit_test(
		    an_op_of_an_actor_who_forked_is_named_by_branch),
		cmocka_unit_test(cursors_are_of_one_list_or_text),
		cmocka_unit_test(both_forms_are_those_of_automerge),
		cmocka_unit_test(what_is_no_cursor_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
