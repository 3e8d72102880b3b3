#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/crdt/doc_sample.h"

/* Ops of the sample, as a second actor's change names them. */
#define S_LIST 1
#define S_TEXT 2
#define S_MAP 3
#define S_N 4
#define S_S 5
#define S_LIST_1 6
#define S_TEXT_A 8
#define S_INC 11
#define S_DEL 12

/* An op by actor 2: ids with a counter are actor 1's, unless `own`. */
struct raw_op {
	uint64_t obj, elem, pred, pred2;
	const char *key;
	bool head, insert, own_elem, own_pred, own_obj, begin;
	uint8_t action;
};

static void
raw_add(struct change_writer *w, const struct raw_op *raw)
{
	static const uint8_t one[REPLICA_ACTOR_LEN] = { 1, 1, 1, 1 };
	struct op_id preds[2] = { 0 };
	struct op op = { .insert = raw->insert,
		.action = raw->action,
		.preds = preds,
		.has_mark_name = raw->begin,
		.mark_name = BYTES_STR("m") };
	uint32_t number;

	assert_ok(change_writer_actor(w, BYTES_OF(one), &number));
	op.obj = (struct op_id){ raw->obj, raw->own_obj ? 0 : number };
	if (raw->obj == 0)
		op.obj.actor = 0;
	op.elem = (struct op_id){ raw->elem, raw->own_elem ? 0 : number };
	op.key_kind = raw->key != NULL ? KEY_MAP
	    : raw->head                ? KEY_HEAD
				       : KEY_ELEM;
	if (raw->key != NULL)
		op.key = BYTES_STR(raw->key);
	if (raw->action == ACTION_SET || raw->action == ACTION_INCREMENT ||
	    raw->begin)
		op.value = INT(7);
	preds[0] = (struct op_id){ raw->pred, raw->own_pred ? 0 : number };
	preds[1] = (struct op_id){ raw->pred2, raw->own_pred ? 0 : number };
	op.preds_len = raw->pred2 > 0 ? 2 : raw->pred > 0;
	assert_ok(change_writer_add(w, &op));
}

/* Actor 2's change of these ops, on top of the sample's first `deps`. */
static lk_err
raw_apply(struct sample *s, size_t deps, const struct raw_op *ops, size_t n)
{
	static const uint8_t two[REPLICA_ACTOR_LEN] = { 2, 2, 2, 2 };
	struct change_head head = { .actor = BYTES_OF(two),
		.seq = 1,
		.start_op = 100,
		.deps_len = deps > 0,
		.deps = s->all.all[deps > 0 ? deps - 1 : 0].hash };
	struct change_writer *w;
	struct change c;
	struct buf body;
	lk_err err;

	assert_ok(change_writer_new(&w, &head));
	for (size_t i = 0; i < n; i++)
		raw_add(w, &ops[i]);
	buf_init(&body, CHANGE_BODY_MAX);
	assert_ok(change_writer_finish(w, &body));
	change_writer_free(w);
	err = change_decode(&c, &s->all.arena, buf_bytes(&body));
	if (err.code == LK_OK)
		err = doc_apply(s->r.doc, &c, true);
	buf_clear(&body);
	return err;
}

#define MARK_BEGIN(...)                                               \
	{                                                             \
		.obj = S_TEXT, .insert = true, .action = ACTION_MARK, \
		.begin = true, __VA_ARGS__                            \
	}
#define MARK_END(...)                                                 \
	{                                                             \
		.obj = S_TEXT, .insert = true, .action = ACTION_MARK, \
		__VA_ARGS__                                           \
	}
#define LETTER(...)                                                  \
	{                                                            \
		.obj = S_TEXT, .insert = true, .action = ACTION_SET, \
		__VA_ARGS__                                          \
	}

static const struct refused {
	const char *why;
	size_t deps; /* how many of the sample's changes it has seen */
	struct raw_op ops[4];
	size_t ops_len;
} refused[] = {
	{ "object of no op", 2, { { .obj = 50, .key = "k", .action = 1 } }, 1 },
	{ "object that is a value", 2,
	    { { .obj = S_N, .key = "k", .action = 1 } }, 1 },
	{ "object not in the past", 0,
	    { { .obj = S_MAP, .key = "k", .action = 1 } }, 1 },
	{ "another's object under the own name", 2,
	    { { .obj = S_MAP, .own_obj = true, .key = "k", .action = 1 } }, 1 },
	{ "own object that comes later", 2,
	    { { .obj = 101, .own_obj = true, .key = "k", .action = 1 },
		{ .key = "m", .action = 0 } },
	    2 },
	{ "key in a list", 2, { { .obj = S_LIST, .key = "k", .action = 1 } },
	    1 },
	{ "element in a map", 2,
	    { { .obj = S_MAP, .head = true, .insert = true, .action = 1 } },
	    1 },
	{ "reference of no op", 2,
	    { { .obj = S_LIST, .elem = 50, .insert = true, .action = 1 } }, 1 },
	{ "reference in another object", 2,
	    { { .obj = S_LIST,
		.elem = S_TEXT_A,
		.insert = true,
		.action = 1 } },
	    1 },
	{ "reference that is no insertion", 2,
	    { { .obj = S_LIST, .elem = S_N, .insert = true, .action = 1 } },
	    1 },
	{ "pred of no op", 2, { { .key = "n", .action = 1, .pred = 50 } }, 1 },
	{ "pred of another key", 2,
	    { { .key = "other", .action = 1, .pred = S_N } }, 1 },
	{ "pred of another map", 2,
	    { { .obj = S_MAP, .key = "n", .action = 1, .pred = S_N } }, 1 },
	{ "pred of another element", 2,
	    { { .obj = S_LIST,
		.elem = S_LIST_1,
		.action = 1,
		.pred = S_LIST_1 + 1 } },
	    1 },
	{ "pred that is a delete", 2,
	    { { .key = "s", .action = 1, .pred = S_DEL } }, 1 },
	{ "pred that is an increment", 2,
	    { { .key = "n", .action = 1, .pred = S_INC } }, 1 },
	{ "pred not in the past", 1,
	    { { .key = "n", .action = 1, .pred = S_INC } }, 1 },
	{ "delete of nothing", 2, { { .key = "n", .action = 3 } }, 1 },
	{ "increment of nothing", 2, { { .key = "n", .action = 5 } }, 1 },
	{ "own pred of another key", 2,
	    { { .key = "x", .action = 1 },
		{ .key = "y", .action = 1, .own_pred = true, .pred = 100 } },
	    2 },
	{ "own pred that is a delete", 2,
	    { { .key = "n", .action = 3, .pred = S_N },
		{ .key = "n", .action = 1, .own_pred = true, .pred = 100 } },
	    2 },
	{ "no op, and a start op that is not the next one", 2, { { 0 } }, 0 },
	{ "mark that is overwritten", 2,
	    { MARK_BEGIN(.elem = S_TEXT_A), MARK_END(.elem = S_TEXT_A + 2),
		{ .obj = S_TEXT,
		    .elem = 100,
		    .own_elem = true,
		    .action = ACTION_SET } },
	    3 },
	{ "mark that is deleted", 2,
	    { MARK_BEGIN(.elem = S_TEXT_A), MARK_END(.elem = S_TEXT_A + 2),
		{ .obj = S_TEXT,
		    .elem = 101,
		    .own_elem = true,
		    .own_pred = true,
		    .pred = 101,
		    .action = ACTION_DELETE } },
	    3 },
	{ "mark in a list", 2,
	    { { .obj = S_LIST,
		  .head = true,
		  .insert = true,
		  .action = ACTION_MARK,
		  .begin = true },
		{ .obj = S_LIST,
		    .elem = S_LIST_1,
		    .insert = true,
		    .action = ACTION_MARK } },
	    2 },
	{ "mark that ends at the head", 2,
	    { MARK_BEGIN(.elem = S_TEXT_A), MARK_END(.head = true) }, 2 },
	{ "mark that ends where it begins, before it", 2,
	    { MARK_BEGIN(.elem = S_TEXT_A), MARK_END(.elem = S_TEXT_A) }, 2 },
	{ "mark that ends before it begins", 2,
	    { MARK_BEGIN(.elem = S_TEXT_A + 2), MARK_END(.elem = S_TEXT_A) },
	    2 },
	{ "mark that ends before a new element it begins at", 2,
	    { LETTER(.elem = S_TEXT_A),
		MARK_BEGIN(.elem = 100, .own_elem = true),
		MARK_END(.elem = S_TEXT_A) },
	    3 },
	{ "mark between new elements, the wrong way round", 2,
	    { LETTER(.elem = S_TEXT_A), LETTER(.elem = 100, .own_elem = true),
		MARK_BEGIN(.elem = 101, .own_elem = true),
		MARK_END(.elem = 100, .own_elem = true) },
	    4 },
	{ "mark between two new elements at one place, wrongly", 2,
	    { LETTER(.head = true), LETTER(.head = true),
		MARK_BEGIN(.elem = 100, .own_elem = true),
		MARK_END(.elem = 101, .own_elem = true) },
	    4 },
};

static void
what_breaks_a_rule_is_refused_and_changes_nothing(void **state)
{
	struct sample s;

	(void)state;
	sample_open(&s);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct buf before, after;
		lk_err err;

		assert_ok(doc_flush(s.r.doc));
		kv_dump(s.r.kv, &before);
		err = raw_apply(
		    &s, refused[i].deps, refused[i].ops, refused[i].ops_len);
		if (err.code != LK_E_MALFORMED)
			fail_msg(
			    "%s: %s", refused[i].why, lk_strcode(err.code));
		assert_ok(doc_flush(s.r.doc));
		kv_dump(s.r.kv, &after);
		assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
		buf_clear(&before);
		buf_clear(&after);
	}
	sample_close(&s);
}

static const struct refused accepted[] = {
	{ "mark around a letter", 2,
	    { MARK_BEGIN(.head = true), MARK_END(.elem = S_TEXT_A) }, 2 },
	{ "mark around nothing", 2,
	    { MARK_BEGIN(.elem = S_TEXT_A),
		MARK_END(.elem = 100, .own_elem = true) },
	    2 },
	{ "mark over a deleted letter", 2,
	    { MARK_BEGIN(.elem = S_TEXT_A), MARK_END(.elem = S_TEXT_A + 1) },
	    2 },
	{ "mark between new elements", 2,
	    { LETTER(.elem = S_TEXT_A), LETTER(.elem = 100, .own_elem = true),
		MARK_BEGIN(.elem = 100, .own_elem = true),
		MARK_END(.elem = 101, .own_elem = true) },
	    4 },
	{ "mark between two new elements at one place", 2,
	    { LETTER(.head = true), LETTER(.head = true),
		MARK_BEGIN(.elem = 101, .own_elem = true),
		MARK_END(.elem = 100, .own_elem = true) },
	    4 },
	{ "two values of one key, and a delete of both", 2,
	    { { .key = "k", .action = 1 }, { .key = "k", .action = 1 },
		{ .key = "k",
		    .action = 3,
		    .own_pred = true,
		    .pred = 100,
		    .pred2 = 101 } },
	    3 },
	{ "an own object filled", 2,
	    { { .key = "o", .action = 2 },
		{ .obj = 100,
		    .own_obj = true,
		    .head = true,
		    .insert = true,
		    .action = 1 },
		{ .obj = 100,
		    .own_obj = true,
		    .elem = 101,
		    .own_elem = true,
		    .action = 3,
		    .own_pred = true,
		    .pred = 101 } },
	    3 },
};

static void
what_keeps_the_rules_is_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct sample s;
		lk_err err;

		sample_open(&s);
		err = raw_apply(
		    &s, accepted[i].deps, accepted[i].ops, accepted[i].ops_len);
		if (err.code != LK_OK)
			fail_msg("%s: %s", accepted[i].why, err.what);
		sample_close(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_breaks_a_rule_is_refused_and_changes_nothing),
		cmocka_unit_test(what_keeps_the_rules_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
