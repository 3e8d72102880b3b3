#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "crdt/edit_mark.h"
#include "crdt/sequence.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_replica.h"

/* An edit that is to become a given change. */
struct replay {
	const struct change *change;
	struct doc *doc;
	struct edit *edit;
	struct op mark;   /* a begin, whose end is to come */
	struct op_id own; /* of that begin */
};

static struct op_id
replay_id(const struct replay *r, struct op_id id)
{
	uint32_t number = 0;

	if (id.ctr > 0)
		assert_ok(doc_actor_find(
		    r->doc, change_actor(r->change, id.actor), &number));
	return (struct op_id){ .ctr = id.ctr, .actor = number };
}

/* Where an element is shown; one after it if `after`. */
static uint64_t
replay_index(
    const struct replay *r, struct op_id obj, const struct op *op, bool after)
{
	uint64_t elem = id_pack(replay_id(r, op->elem));
	struct seq_place place;
	struct object *o;
	lk_err err;

	if (op->key_kind == KEY_HEAD)
		return 0;
	assert_ok(object_load(r->doc, id_pack(obj), &o));
	for (err = seq_first(r->doc, o, &place); err.code == LK_OK;
	     err = seq_next(r->doc, &place))
		if (place.elem.id == elem)
			break;
	assert_ok(err);
	return place.index + (after ? place.elem.width : 0);
}

static lk_err
replay_make(const struct replay *r, struct op_id obj, struct prop prop,
    const struct op *op)
{
	enum obj_type type;
	struct op_id made;

	assert_true(object_of_action(op->action, &type));
	if (op->insert)
		return edit_insert_obj(r->edit, obj, prop.index, type, &made);
	return edit_make(r->edit, obj, prop, type, &made);
}

/* A begin is kept until its end comes. */
static lk_err
replay_mark(struct replay *r, struct op_id obj, const struct op *op)
{
	const struct op *begin = &r->mark;
	struct mark_range range = { 0 };
	enum mark_expand expand;

	if (op->has_mark_name) {
		r->mark = *op;
		r->own = (struct op_id){ .ctr = r->change->start_op +
			    edit_ops(r->edit) };
		return LK_NONE;
	}
	range.mark = (struct mark){ begin->mark_name, begin->value };
	range.start = range.end = replay_index(r, obj, begin, true);
	if (op->elem.actor != 0 || op->elem.ctr != r->own.ctr)
		range.end = replay_index(r, obj, op, true);
	expand = begin->expand && op->expand ? EXPAND_BOTH
	    : begin->expand                  ? EXPAND_BEFORE
	    : op->expand                     ? EXPAND_AFTER
					     : EXPAND_NONE;
	return edit_mark(r->edit, obj, &range, expand);
}

static lk_err
replay_op(struct replay *r, const struct op *op)
{
	struct op_id obj = replay_id(r, op->obj);
	struct prop prop = { .is_key = op->key_kind == KEY_MAP,
		.key = op->key };

	if (op->action == ACTION_MARK)
		return replay_mark(r, obj, op);
	if (!prop.is_key)
		prop.index = replay_index(r, obj, op, op->insert);
	switch (op->action) {
	case ACTION_SET:
		if (op->insert)
			return edit_insert(
			    r->edit, obj, prop.index, &op->value);
		return edit_put(r->edit, obj, prop, &op->value);
	case ACTION_DELETE:
		return edit_delete(r->edit, obj, prop);
	case ACTION_INCREMENT:
		return edit_increment(r->edit, obj, prop, op->value.i64);
	default:
		return replay_make(r, obj, prop, op);
	}
}

/* Makes change x by edits on a document of its ancestors alone. */
static void
replay_change(const char *name, const struct history *h, size_t x)
{
	const struct change *c = &h->changes[x];
	struct changes past = { .all = h->changes, .len = h->changes_len };
	struct replay r = { .change = c };
	bool *in = calloc(h->changes_len, sizeof(*in));
	uint8_t hash[LK_ID_LEN];
	struct op_reader *reader;
	struct buf body;
	struct kv kv;
	struct op op;
	struct change_head head = { .deps = c->deps,
		.deps_len = c->deps_len,
		.actor = c->actor,
		.seq = c->seq,
		.start_op = c->start_op,
		.time = c->time,
		.message = c->message,
		.extra = c->extra };

	changes_mark_past(&past, x, in);
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&r.doc, kv));
	for (size_t i = 0; i < x; i++)
		if (in[i])
			assert_ok(doc_apply(r.doc, &h->changes[i], true));
	assert_ok(edit_new(&r.edit, r.doc, &head));
	assert_ok(op_reader_new(&reader, c));
	while (op_reader_next(reader, &op))
		assert_ok(replay_op(&r, &op));
	op_reader_free(reader);
	buf_init(&body, CHANGE_BODY_MAX);
	assert_ok(edit_finish(r.edit, &body, hash));
	if (!bytes_equal(buf_bytes(&body), c->body))
		fail_msg("%s: change %zu is written otherwise", name, x);
	assert_memory_equal(hash, c->hash, LK_ID_LEN);
	buf_clear(&body);
	edit_free(r.edit);
	doc_free(r.doc);
	kv_memory_free(&kv);
	free(in);
}

static void
replay_vector(const char *name, void *ctx)
{
	size_t *replayed = ctx;
	struct history h;
	struct buf file;

	assert_true(data_file(&file, "vectors", name, ".automerge"));
	assert_ok(history_read(&h, buf_bytes(&file)));
	for (size_t i = 0; i < h.changes_len; i++)
		if (h.changes[i].ops_len > 0) {
			replay_change(name, &h, i);
			++*replayed;
		}
	history_clear(&h);
	buf_clear(&file);
}

static void
edits_write_the_bytes_automerge_writes(void **state)
{
	size_t replayed = 0;

	(void)state;
	(void)data_each("vectors", ".changes", replay_vector, &replayed);
	assert_true(replayed > 100);
}

/* Runs `body` as one change of a replica. */
#define AS_CHANGE(r, body)               \
	do {                             \
		replica_edit(r);         \
		body;                    \
		(void)replica_finish(r); \
	} while (0)

static void
check_text(struct replica *r, struct op_id text, const char *want)
{
	uint64_t length;
	struct buf b;

	buf_init(&b, TREE_MAX);
	assert_ok(doc_text(r->doc, text, &b));
	if (!bytes_equal(buf_bytes(&b), BYTES_STR(want)))
		fail_msg("the text is %.*s, not %s", (int)b.len,
		    (const char *)b.ptr, want);
	assert_ok(doc_length(r->doc, text, &length));
	assert_int_equal(length, utf8_count(BYTES_STR(want)));
	buf_clear(&b);
}

static size_t
last_ops(const struct replica *r)
{
	return r->changes->all[r->changes->len - 1].ops_len;
}

/* The one op of the latest change; *reader must be freed. */
static struct op
last_op(const struct replica *r, struct op_reader **reader)
{
	struct op op;

	assert_int_equal(last_ops(r), 1);
	assert_ok(op_reader_new(reader, &r->changes->all[r->changes->len - 1]));
	assert_true(op_reader_next(*reader, &op));
	return op;
}

static void
setting_the_value_shown_writes_nothing(void **state)
{
	struct changes all;
	struct replica r;
	struct value v = STR("x");
	struct op_id list;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	put_at(&r, DOC_ROOT, KEY("k"), v);
	put_at(&r, DOC_ROOT, KEY("c"), COUNTER(3));
	list = make_at(&r, DOC_ROOT, KEY("l"), OBJ_LIST);
	assert_ok(edit_insert(r.edit, list, 0, &v));
	assert_true(replica_finish(&r));

	replica_edit(&r);
	put_at(&r, DOC_ROOT, KEY("k"), v);
	put_at(&r, DOC_ROOT, KEY("c"), COUNTER(3));
	put_at(&r, list, INDEX(0), v);
	assert_ok(edit_delete(r.edit, DOC_ROOT, KEY("absent")));
	assert_false(replica_finish(&r));

	replica_edit(&r);
	put_at(&r, DOC_ROOT, KEY("k"),
	    (struct value){ .type = VALUE_BYTES, .bytes = v.bytes });
	assert_true(replica_finish(&r));
	replica_close(&r);
	changes_clear(&all);
}

/* Two replicas that set key k differently; the second wins. */
static void
open_conflict(struct changes *all, struct replica *a, struct replica *b)
{
	changes_init(all);
	replica_open(a, all, 1);
	replica_open(b, all, 2);
	AS_CHANGE(a, put_at(a, DOC_ROOT, KEY("k"), INT(1)));
	AS_CHANGE(b, put_at(b, DOC_ROOT, KEY("k"), INT(2)));
	replica_pull(a, b);
	replica_pull(b, a);
}

static void
close_two(struct changes *all, struct replica *a, struct replica *b)
{
	replica_check(a);
	replica_check(b);
	replica_close(a);
	replica_close(b);
	changes_clear(all);
}

static void
setting_a_conflict_to_its_winner_deletes_the_losers(void **state)
{
	struct op_reader *reader;
	struct replica a, b;
	struct changes all;
	struct item item;
	struct op op;

	(void)state;
	open_conflict(&all, &a, &b);
	AS_CHANGE(&a, put_at(&a, DOC_ROOT, KEY("k"), INT(2)));
	op = last_op(&a, &reader);
	assert_int_equal(op.action, ACTION_DELETE);
	assert_int_equal(op.preds_len, 1);
	op_reader_free(reader);
	assert_ok(doc_get(a.doc, DOC_ROOT, KEY("k"), &item));
	assert_int_equal(item.value.i64, 2);
	close_two(&all, &a, &b);
}

static void
a_slot_with_ghosts_is_set_and_names_all(void **state)
{
	struct op_reader *reader;
	struct replica a, b;
	struct changes all;
	struct op op;

	(void)state;
	open_conflict(&all, &a, &b);
	/* A third value on top of both, which becomes void. */
	AS_CHANGE(&b, put_at(&b, DOC_ROOT, KEY("k"), INT(3)));
	AS_CHANGE(&b, put_at(&b, DOC_ROOT, KEY("other"), INT(0)));
	replica_pull(&a, &b);
	replica_set_void(&a, 2, true);
	AS_CHANGE(&a, put_at(&a, DOC_ROOT, KEY("k"), INT(2)));
	op = last_op(&a, &reader);
	assert_int_equal(op.action, ACTION_SET);
	assert_int_equal(op.preds_len, 3);
	op_reader_free(reader);
	replica_check(&a);
	/* An adopted ghost brings no conflict. */
	replica_set_void(&a, 2, false);
	close_two(&all, &a, &b);
}

static void
of_a_chain_of_ghosts_only_the_last_is_named(void **state)
{
	struct op_reader *reader;
	struct replica a, b;
	struct changes all;
	struct op op;

	(void)state;
	open_conflict(&all, &a, &b);
	AS_CHANGE(&b, put_at(&b, DOC_ROOT, KEY("k"), INT(3)));
	AS_CHANGE(&b, put_at(&b, DOC_ROOT, KEY("k"), INT(4)));
	AS_CHANGE(&b, put_at(&b, DOC_ROOT, KEY("other"), INT(0)));
	replica_pull(&a, &b);
	replica_set_void(&a, 2, true);
	replica_set_void(&a, 3, true);
	AS_CHANGE(&a, put_at(&a, DOC_ROOT, KEY("k"), INT(5)));
	op = last_op(&a, &reader);
	assert_int_equal(op.preds_len, 3);
	assert_int_equal(op.preds[2].ctr, 3);
	op_reader_free(reader);
	close_two(&all, &a, &b);
}

static void
a_void_change_nobody_depends_on_is_not_named(void **state)
{
	struct op_reader *reader;
	struct replica a, b;
	struct changes all;
	struct op op;

	(void)state;
	open_conflict(&all, &a, &b);
	AS_CHANGE(&b, put_at(&b, DOC_ROOT, KEY("k"), INT(3)));
	replica_pull(&a, &b);
	replica_set_void(&a, 2, true);
	AS_CHANGE(&a, put_at(&a, DOC_ROOT, KEY("k"), INT(4)));
	op = last_op(&a, &reader);
	assert_int_equal(op.action, ACTION_SET);
	assert_int_equal(op.preds_len, 2);
	op_reader_free(reader);
	close_two(&all, &a, &b);
}

static void
increments_add_up_and_wrap(void **state)
{
	struct replica a, b;
	struct changes all;
	struct item item;

	(void)state;
	changes_init(&all);
	replica_open(&a, &all, 1);
	replica_open(&b, &all, 2);
	AS_CHANGE(&a, put_at(&a, DOC_ROOT, KEY("n"), COUNTER(INT64_MAX)));
	replica_pull(&b, &a);
	AS_CHANGE(&a, assert_ok(edit_increment(a.edit, DOC_ROOT, KEY("n"), 2)));
	AS_CHANGE(&b, assert_ok(edit_increment(b.edit, DOC_ROOT, KEY("n"), 3)));
	replica_pull(&a, &b);
	assert_ok(doc_get(a.doc, DOC_ROOT, KEY("n"), &item));
	assert_int_equal(item.value.type, VALUE_COUNTER);
	assert_true(item.value.i64 == INT64_MIN + 4);
	replica_edit(&a);
	put_at(&a, DOC_ROOT, KEY("i"), INT(1));
	assert_code(edit_increment(a.edit, DOC_ROOT, KEY("i"), 1), LK_E_DATA);
	assert_code(
	    edit_increment(a.edit, DOC_ROOT, KEY("no"), 1), LK_E_NOTFOUND);
	(void)replica_finish(&a);
	close_two(&all, &a, &b);
}

static void
a_splice_counts_code_points_and_spares_no_half_element(void **state)
{
	struct replica r;
	struct changes all;
	struct value v = STR("x\xf0\x9f\x98\x80y");
	struct op_id text;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	text = make_at(&r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	assert_ok(edit_splice(
	    r.edit, text, 0, 0, BYTES_STR("a\xc3\xa9\xf0\x9f\x98\x80z")));
	(void)replica_finish(&r);
	assert_int_equal(last_ops(&r), 5);
	check_text(&r, text, "a\xc3\xa9\xf0\x9f\x98\x80z");
	AS_CHANGE(
	    &r, assert_ok(edit_splice(r.edit, text, 1, 2, BYTES_STR("bc"))));
	check_text(&r, text, "abcz");
	/* One element of three code points. */
	AS_CHANGE(&r, assert_ok(edit_insert(r.edit, text, 1, &v)));
	check_text(&r, text, "ax\xf0\x9f\x98\x80ybcz");
	AS_CHANGE(
	    &r, assert_ok(edit_splice(r.edit, text, 2, 0, BYTES_STR("-"))));
	check_text(&r, text, "ax\xf0\x9f\x98\x80y-bcz");
	AS_CHANGE(
	    &r, assert_ok(edit_splice(r.edit, text, 3, 1, BYTES_STR(""))));
	check_text(&r, text, "ax\xf0\x9f\x98\x80ybcz");
	AS_CHANGE(
	    &r, assert_ok(edit_splice(r.edit, text, 1, 1, BYTES_STR(""))));
	check_text(&r, text, "abcz");
	replica_check(&r);
	replica_close(&r);
	changes_clear(&all);
}

static void
a_value_just_read_may_be_written(void **state)
{
	struct changes all;
	struct replica r;
	struct item item;
	struct op_id text;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	put_at(&r, DOC_ROOT, KEY("a"), STR("hello"));
	text = make_at(&r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	assert_ok(doc_get(r.doc, DOC_ROOT, KEY("a"), &item));
	put_at(&r, DOC_ROOT, KEY("b"), item.value);
	assert_ok(doc_get(r.doc, DOC_ROOT, KEY("b"), &item));
	assert_ok(edit_splice(r.edit, text, 0, 0, item.value.bytes));
	assert_ok(edit_text(r.edit, text, item.value.bytes));
	assert_true(replica_finish(&r));
	check_text(&r, text, "hello");
	replica_check(&r);
	replica_close(&r);
	changes_clear(&all);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct replica r;
	struct changes all;
	struct value bad = STR("\xff"), v = INT(1);
	struct op_id text, list, made;
	struct op_id nobody = { .ctr = 99, .actor = 0 };

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	text = make_at(&r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	list = make_at(&r, DOC_ROOT, KEY("l"), OBJ_LIST);
	assert_code(edit_put(r.edit, list, KEY("k"), &v), LK_E_DATA);
	assert_code(edit_put(r.edit, DOC_ROOT, INDEX(0), &v), LK_E_DATA);
	assert_code(edit_put(r.edit, list, INDEX(0), &v), LK_E_NOTFOUND);
	assert_code(edit_put(r.edit, nobody, KEY("k"), &v), LK_E_NOTFOUND);
	assert_code(edit_put(r.edit, DOC_ROOT, KEY("k"), &bad), LK_E_DATA);
	assert_code(edit_put(r.edit, DOC_ROOT, KEY("\xff"), &v), LK_E_DATA);
	assert_code(edit_insert(r.edit, list, 1, &v), LK_E_NOTFOUND);
	assert_code(edit_insert(r.edit, DOC_ROOT, 0, &v), LK_E_DATA);
	assert_code(
	    edit_insert_obj(r.edit, DOC_ROOT, 0, OBJ_MAP, &made), LK_E_DATA);
	assert_code(edit_delete(r.edit, list, INDEX(0)), LK_E_NOTFOUND);
	assert_code(edit_splice(r.edit, list, 0, 0, BYTES_STR("x")), LK_E_DATA);
	assert_code(
	    edit_splice(r.edit, text, 1, 0, BYTES_STR("x")), LK_E_LIMIT);
	assert_code(
	    edit_splice(r.edit, text, 0, 1, BYTES_STR("x")), LK_E_LIMIT);
	assert_code(edit_splice(r.edit, text, 0, 0, bad.bytes), LK_E_DATA);
	assert_code(edit_text(r.edit, list, BYTES_STR("x")), LK_E_DATA);
	assert_code(edit_text(r.edit, text, bad.bytes), LK_E_DATA);
	assert_true(replica_finish(&r));
	assert_int_equal(last_ops(&r), 2);
	replica_check(&r);
	replica_close(&r);
	changes_clear(&all);
}

static void
a_wrong_head_is_refused(void **state)
{
	struct changes all;
	struct replica r;
	struct edit *e;
	uint8_t unknown[LK_ID_LEN] = { 7 };
	struct change_head head = { .seq = 2, .start_op = 2 };

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	AS_CHANGE(&r, put_at(&r, DOC_ROOT, KEY("k"), INT(1)));
	head.actor = BYTES_OF(r.actor);
	assert_code(edit_new(&e, r.doc, &head), LK_E_MALFORMED);
	head.deps = unknown;
	head.deps_len = 1;
	assert_code(edit_new(&e, r.doc, &head), LK_E_WAIT);
	head.deps = all.all[0].hash;
	head.seq = 1;
	assert_code(edit_new(&e, r.doc, &head), LK_E_MALFORMED);
	head.deps_len = 0;
	head.start_op = 1;
	assert_code(edit_new(&e, r.doc, &head), LK_E_DATA);
	head.deps_len = 1;
	head.start_op = 2;
	head.seq = 3;
	assert_code(edit_new(&e, r.doc, &head), LK_E_MALFORMED);
	head.seq = 2;
	head.start_op = 1;
	assert_code(edit_new(&e, r.doc, &head), LK_E_MALFORMED);
	head.start_op = 2;
	assert_ok(edit_new(&e, r.doc, &head));
	edit_free(e);
	replica_check(&r);
	replica_close(&r);
	changes_clear(&all);
}

static void
random_words(struct dice *dice, struct buf *b, size_t n)
{
	static const char *const words[] = { "red", "green ", "\n", "blue",
		"\xc3\xa9t\xc3\xa9", " ", "\xf0\x9f\x98\x80", "x", "line\n" };

	for (size_t i = 0; i < n; i++)
		buf_str(b, words[dice_roll(dice, 9)]);
}

static void
edit_text_makes_the_text_what_was_wanted(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct dice dice = dice_of(seed);
		struct value v = STR("many\ncode points");
		struct changes all;
		struct op_id text;
		struct replica r;

		changes_init(&all);
		replica_open(&r, &all, 1);
		replica_edit(&r);
		text = make_at(&r, DOC_ROOT, KEY("t"), OBJ_TEXT);
		(void)replica_finish(&r);
		for (int i = 0; i < 8; i++) {
			uint64_t length;
			struct buf b;

			buf_init(&b, TREE_MAX);
			random_words(&dice, &b, dice_roll(&dice, 40));
			buf_u8(&b, 0);
			b.len--;
			replica_edit(&r);
			assert_ok(edit_text(r.edit, text, buf_bytes(&b)));
			(void)replica_finish(&r);
			check_text(&r, text, (const char *)b.ptr);
			assert_ok(doc_length(r.doc, text, &length));
			AS_CHANGE(&r,
			    assert_ok(edit_insert(r.edit, text,
				dice_roll(&dice, length + 1), &v)));
			buf_clear(&b);
		}
		replica_check(&r);
		replica_close(&r);
		changes_clear(&all);
	}
}

static void
edit_text_changes_only_the_words_that_differ(void **state)
{
	struct changes all;
	struct op_id text;
	struct replica r;

	(void)state;
	changes_init(&all);
	replica_open(&r, &all, 1);
	replica_edit(&r);
	text = make_at(&r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	assert_ok(edit_text(r.edit, text,
	    BYTES_STR("one\nthe colour of money\nthree\nfour\n")));
	(void)replica_finish(&r);
	AS_CHANGE(&r,
	    assert_ok(edit_text(r.edit, text,
		BYTES_STR("one\nthe color of money\nfour\nfive\n"))));
	/* u; three and its newline; five and its newline. */
	assert_int_equal(last_ops(&r), 1 + 6 + 5);
	check_text(&r, text, "one\nthe color of money\nfour\nfive\n");
	replica_edit(&r);
	assert_ok(edit_text(
	    r.edit, text, BYTES_STR("one\nthe color of money\nfour\nfive\n")));
	assert_false(replica_finish(&r));
	replica_close(&r);
	changes_clear(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_write_the_bytes_automerge_writes),
		cmocka_unit_test(setting_the_value_shown_writes_nothing),
		cmocka_unit_test(
		    setting_a_conflict_to_its_winner_deletes_the_losers),
		cmocka_unit_test(a_slot_with_ghosts_is_set_and_names_all),
		cmocka_unit_test(of_a_chain_of_ghosts_only_the_last_is_named),
		cmocka_unit_test(a_void_change_nobody_depends_on_is_not_named),
		cmocka_unit_test(increments_add_up_and_wrap),
		cmocka_unit_test(
		    a_splice_counts_code_points_and_spares_no_half_element),
		cmocka_unit_test(a_value_just_read_may_be_written),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(a_wrong_head_is_refused),
		cmocka_unit_test(edit_text_makes_the_text_what_was_wanted),
		cmocka_unit_test(edit_text_changes_only_the_words_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
