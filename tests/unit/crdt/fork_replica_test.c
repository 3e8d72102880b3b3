/* Devices of which some were copied: whoever hears of what in whatever order,
 * it comes to the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/crdt/doc_replica.h"

#define NONE SIZE_MAX

static void
insert_first(struct replica *r, struct op_id list, int64_t value)
{
	replica_edit(r);
	assert_ok(edit_insert(r->edit, list, 0, &INT(value)));
	assert_true(replica_finish(r));
}

/* A random order of arrival, with restarts between. */
static void
check_arrival(const struct changes *all, struct dice *dice, struct buf *want)
{
	size_t *order = calloc(all->len + 1, sizeof(*order));
	struct buf got;
	struct doc *doc;
	struct kv kv;

	changes_shuffle(all, dice, order);
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	for (size_t x = 0; x < all->len; x++) {
		assert_ok(doc_apply(
		    doc, &all->all[order[x]], dice_roll(dice, 4) > 0));
		if (dice_roll(dice, 9) == 0)
			assert_ok(doc_again(&doc, kv));
	}
	for (size_t x = 0; x < all->len; x++)
		assert_ok(doc_set_visible(doc, all->all[x].hash, true));
	buf_init(&got, TREE_MAX);
	assert_ok(tree_of_doc(doc, true, &got));
	if (!bytes_equal(buf_bytes(&got), buf_bytes(want)))
		fail_msg("shows\n%.*s\nnot\n%.*s", (int)got.len,
		    (const char *)got.ptr, (int)want->len,
		    (const char *)want->ptr);
	buf_clear(&got);
	doc_free(doc);
	kv_memory_free(&kv);
	free(order);
}

/* A device copied again and again, and used beside its copy each time. */
static void
many_forks_inside_each_other_come_to_the_same(void **state)
{
	enum { DEPTH = 60 };
	struct dice dice = dice_of(2);
	struct changes all;
	struct replica r[2];
	struct buf want;
	struct op_id list;

	(void)state;
	changes_init(&all);
	replica_open(&r[0], &all, 1);
	replica_edit(&r[0]);
	list = make_at(&r[0], DOC_ROOT, KEY("l"), OBJ_LIST);
	assert_true(replica_finish(&r[0]));
	for (int i = 0; i < DEPTH; i++) {
		size_t keep = dice_roll(&dice, 2);

		replica_open(&r[1], &all, 1);
		replica_pull(&r[1], &r[0]);
		for (int k = 0; k < 4; k++)
			insert_first(&r[(i + k) % 2], list, i * 4 + k);
		replica_close(&r[1 - keep]);
		r[0] = r[keep];
	}
	replica_close(&r[0]);
	buf_init(&want, TREE_MAX);
	assert_ok(changes_tree(&all, NULL, NULL, &want));
	for (int i = 0; i < 12; i++)
		check_arrival(&all, &dice, &want);
	buf_clear(&want);
	changes_clear(&all);
}

enum { DEVICES = 5, CLONES = 3 };

/* Devices, the first of them with one key, and who made which change. */
struct party {
	struct changes all;
	struct replica r[DEVICES];
	size_t *maker;
	struct op_id list, text;
};

/* Whether a device has no change by a clone of it that it does not go on. */
static bool
party_may_edit(const struct party *p, size_t who)
{
	const struct replica *r = &p->r[who];
	size_t last = NONE;

	for (size_t x = 0; x < p->all.len && x < r->room; x++)
		if (r->has[x] && p->maker[x] == who)
			last = x;
	for (size_t x = 0; x < p->all.len && x < r->room; x++) {
		bool *past;
		bool mine;

		if (!r->has[x] || p->maker[x] >= CLONES || x == last)
			continue;
		if (last == NONE)
			return false;
		past = calloc(p->all.len + 1, sizeof(*past));
		changes_mark_past(&p->all, last, past);
		mine = past[x];
		free(past);
		if (!mine)
			return false;
	}
	return true;
}

static void
party_write(struct party *p, struct dice *dice, struct replica *r)
{
	struct prop key = KEY(dice_roll(dice, 2) == 0 ? "a" : "b");
	uint64_t length, at, del;

	switch (dice_roll(dice, 6)) {
	case 0:
		put_at(r, DOC_ROOT, key, COUNTER(5));
		break;
	case 1:
		assert_ok(edit_delete(r->edit, DOC_ROOT, key));
		break;
	case 2:
		(void)!edit_increment(r->edit, DOC_ROOT, key, 1).code;
		break;
	case 3:
		assert_ok(doc_length(r->doc, p->list, &length));
		at = dice_roll(dice, length + 1);
		assert_ok(edit_insert(r->edit, p->list, at, &STR("e")));
		break;
	default:
		assert_ok(doc_length(r->doc, p->text, &length));
		at = dice_roll(dice, length + 1);
		del = dice_roll(dice, length - at + 1);
		assert_ok(edit_splice(
		    r->edit, p->text, at, del % 3, BYTES_STR("xyz")));
		break;
	}
}

static void
party_edit(struct party *p, struct dice *dice, size_t who)
{
	struct replica *r = &p->r[who];

	if (!party_may_edit(p, who))
		return;
	replica_edit(r);
	/* Clones that do the same thing make the same change. */
	put_at(r, DOC_ROOT, KEY("n"), INT((int64_t)p->all.len));
	for (uint64_t n = dice_roll(dice, 4) + 1; n > 0; n--)
		party_write(p, dice, r);
	if (!replica_finish(r))
		return;
	p->maker = reallocarray(p->maker, p->all.len, sizeof(*p->maker));
	p->maker[p->all.len - 1] = who;
}

static void
party_open(struct party *p)
{
	struct replica *r = &p->r[DEVICES - 1];

	*p = (struct party){ .maker = calloc(1, sizeof(size_t)) };
	changes_init(&p->all);
	for (size_t i = 0; i < DEVICES; i++)
		replica_open(&p->r[i], &p->all,
		    (uint8_t)(i < CLONES ? 7 : 7 + (i % 2 == 0 ? 1 : -1)));
	replica_edit(r);
	p->list = make_at(r, DOC_ROOT, KEY("l"), OBJ_LIST);
	p->text = make_at(r, DOC_ROOT, KEY("t"), OBJ_TEXT);
	assert_true(replica_finish(r));
	p->maker[0] = DEVICES - 1;
	for (size_t i = 0; i < DEVICES; i++)
		replica_pull(&p->r[i], r);
}

static void
party_close(struct party *p)
{
	for (size_t i = 0; i < DEVICES; i++)
		replica_close(&p->r[i]);
	changes_clear(&p->all);
	free(p->maker);
}

static void
run_party(uint64_t seed)
{
	struct dice dice = dice_of(seed);
	struct buf want;
	struct party p;

	party_open(&p);
	for (int step = 0; step < 50; step++) {
		size_t who = dice_roll(&dice, DEVICES);
		struct replica *r = &p.r[who];

		switch (dice_roll(&dice, 6)) {
		case 0:
		case 1:
			/* A clone that heard of the others would be silent. */
			if (who >= CLONES || dice_roll(&dice, 4) == 0)
				replica_pull(
				    r, &p.r[dice_roll(&dice, DEVICES)]);
			break;
		case 2:
			/* But for what all write into. */
			if (p.all.len > 1)
				replica_set_void(r,
				    1 + dice_roll(&dice, p.all.len - 1),
				    dice_roll(&dice, 3) == 0);
			break;
		case 3:
			assert_ok(doc_again(&r->doc, r->kv));
			break;
		default:
			party_edit(&p, &dice, who);
			break;
		}
	}
	for (size_t i = 0; i < DEVICES; i++) {
		for (size_t k = 0; k < 2 * DEVICES; k++)
			replica_pull(&p.r[i], &p.r[k % DEVICES]);
		replica_check(&p.r[i]);
	}
	buf_init(&want, TREE_MAX);
	assert_ok(changes_tree(&p.all, NULL, NULL, &want));
	for (int i = 0; i < 3; i++)
		check_arrival(&p.all, &dice, &want);
	buf_clear(&want);
	party_close(&p);
}

static void
clones_and_those_who_build_on_them_agree(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 150; seed++)
		run_party(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_forks_inside_each_other_come_to_the_same),
		cmocka_unit_test(clones_and_those_who_build_on_them_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
