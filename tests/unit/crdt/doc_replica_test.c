#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/edit_mark.h"
#include "tests/unit/crdt/doc_replica.h"

/* Objects shown, to pick one from. */
struct object_pick {
	struct doc *doc;
	struct op_id ids[64];
	enum obj_type types[64];
	size_t len;
};

static lk_err
pick_object(void *ctx, const struct doc_visit *v)
{
	struct object_pick *p = ctx;

	if (!v->item.is_obj || p->len == 64)
		return LK_NONE;
	p->ids[p->len] = v->item.id;
	p->types[p->len++] = v->item.obj_type;
	return doc_each(p->doc, v->item.id, pick_object, p);
}

static struct value
random_value(struct dice *dice)
{
	switch (dice_roll(dice, 4)) {
	case 0:
		return INT((int64_t)dice_roll(dice, 3));
	case 1:
		return STR("s");
	case 2:
		return COUNTER((int64_t)dice_roll(dice, 9));
	default:
		return (struct value){ .type = VALUE_TRUE };
	}
}

static void
random_map_edit(struct replica *r, struct dice *dice, struct op_id obj)
{
	static const char *const keys[] = { "a", "b", "c" };
	struct prop prop = KEY(keys[dice_roll(dice, 3)]);
	struct value v = random_value(dice);
	lk_err err;

	switch (dice_roll(dice, 5)) {
	case 0:
		(void)make_at(r, obj, prop, (enum obj_type)dice_roll(dice, 3));
		break;
	case 1:
		assert_ok(edit_delete(r->edit, obj, prop));
		break;
	case 2:
		err = edit_increment(r->edit, obj, prop, 5);
		assert_true(err.code == LK_OK || err.code == LK_E_DATA ||
		    err.code == LK_E_NOTFOUND);
		break;
	default:
		put_at(r, obj, prop, v);
		break;
	}
}

static void
random_mark(
    struct replica *r, struct dice *dice, struct op_id text, uint64_t length)
{
	static const char *const names[] = { "m", "n" };
	const char *name = names[dice_roll(dice, 2)];
	struct mark_range range = { .start = dice_roll(dice, length + 1),
		.mark = { BYTES_STR(name), INT((int64_t)dice_roll(dice, 2)) } };

	range.end = range.start + dice_roll(dice, length - range.start + 1);
	if (dice_roll(dice, 4) == 0)
		range.mark.value = (struct value){ .type = VALUE_NULL };
	assert_ok(edit_mark(
	    r->edit, text, &range, (enum mark_expand)dice_roll(dice, 4)));
}

static void
random_sequence_edit(
    struct replica *r, struct dice *dice, struct op_id obj, enum obj_type type)
{
	struct value v =
	    type == OBJ_TEXT ? STR("\xc3\xa9") : random_value(dice);
	struct op_id made;
	uint64_t length, at;

	assert_ok(doc_length(r->doc, obj, &length));
	at = dice_roll(dice, length + 1);
	if (type == OBJ_TEXT && dice_roll(dice, 4) == 0) {
		random_mark(r, dice, obj, length);
		return;
	}
	if (type == OBJ_TEXT && dice_roll(dice, 2) == 0) {
		uint64_t del = dice_roll(dice, length - at + 1);

		assert_ok(
		    edit_splice(r->edit, obj, at, del % 3, BYTES_STR("xyz")));
		return;
	}
	switch (dice_roll(dice, 5)) {
	case 0:
		if (at < length)
			assert_ok(edit_delete(r->edit, obj, INDEX(at)));
		break;
	case 1:
		if (at < length)
			put_at(r, obj, INDEX(at), v);
		break;
	case 2:
		assert_ok(edit_insert_obj(r->edit, obj, at, OBJ_MAP, &made));
		break;
	default:
		assert_ok(edit_insert(r->edit, obj, at, &v));
		break;
	}
}

static void
random_edit(struct replica *r, struct dice *dice)
{
	replica_edit(r);
	for (uint64_t n = dice_roll(dice, 4) + 1; n > 0; n--) {
		struct object_pick pick = { .doc = r->doc, .len = 1 };
		size_t at;

		assert_ok(doc_each(r->doc, DOC_ROOT, pick_object, &pick));
		at = dice_roll(dice, pick.len);
		if (pick.types[at] == OBJ_MAP)
			random_map_edit(r, dice, pick.ids[at]);
		else
			random_sequence_edit(
			    r, dice, pick.ids[at], pick.types[at]);
	}
	(void)replica_finish(r);
}

static void
run_replicas(uint64_t seed)
{
	struct dice dice = dice_of(seed);
	struct replica r[3];
	struct changes all;

	changes_init(&all);
	for (uint8_t i = 0; i < 3; i++)
		replica_open(&r[i], &all, (uint8_t)(i + 1));
	for (int step = 0; step < 40; step++) {
		struct replica *at = &r[dice_roll(&dice, 3)];

		switch (dice_roll(&dice, 6)) {
		case 0:
		case 1:
			replica_pull(at, &r[dice_roll(&dice, 3)]);
			break;
		case 2:
			if (all.len > 0)
				replica_set_void(at, dice_roll(&dice, all.len),
				    dice_roll(&dice, 2) == 0);
			break;
		case 3:
			assert_ok(doc_again(&at->doc, at->kv));
			break;
		default:
			random_edit(at, &dice);
			break;
		}
	}
	for (int i = 0; i < 3; i++) {
		replica_pull(&r[i], &r[(i + 1) % 3]);
		replica_pull(&r[i], &r[(i + 2) % 3]);
		replica_check(&r[i]);
		for (size_t x = 0; x < all.len; x++)
			replica_set_void(&r[i], x, x % 5 == seed % 5);
		replica_check(&r[i]);
	}
	for (int i = 0; i < 3; i++)
		replica_close(&r[i]);
	changes_clear(&all);
}

static void
replicas_that_edit_exchange_and_revoke_agree(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 150; seed++)
		run_replicas(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replicas_that_edit_exchange_and_revoke_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
