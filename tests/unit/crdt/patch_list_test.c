#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "crdt/patch_list.h"
#include "tests/unit/crdt/tree_bench.h"

#define REPLICAS 3

/* Devices that edit one document and exchange what they did. */
struct company {
	struct changes all;
	struct replica r[REPLICAS];
	struct bench b[REPLICAS]; /* views of the above */
};

static void
company_open(struct company *c)
{
	changes_init(&c->all);
	for (uint8_t i = 0; i < REPLICAS; i++) {
		replica_open(&c->r[i], &c->all, (uint8_t)(i + 1));
		arena_init(&c->b[i].arena, TREES_MAX);
	}
}

static void
company_close(struct company *c)
{
	for (size_t i = 0; i < REPLICAS; i++) {
		replica_close(&c->r[i]);
		arena_clear(&c->b[i].arena);
	}
	changes_clear(&c->all);
}

static struct tree
doc_tree_of(struct doc *doc, struct arena *arena)
{
	struct item root = { .is_obj = true, .obj_type = OBJ_MAP };
	struct tree t;

	root.id = DOC_ROOT;
	assert_ok(tree_read(&t, doc, &root, TREE_FULL, arena));
	return t;
}

/* One device changes something. */
static void
company_edit(struct company *c, struct dice *dice, size_t i)
{
	struct bench *b = &c->b[i];
	struct replica *r = &c->r[i];
	struct tree now = doc_tree_of(r->doc, &b->arena), wanted;

	wanted = now.len == 0 || dice_roll(dice, 6) == 0 ? root_make(b, dice)
							 : copy_of(b, &now);
	for (uint64_t n = 1 + dice_roll(dice, 3); n > 0; n--)
		tree_nudge(b, dice, &wanted.items[dice_roll(dice, wanted.len)]);
	replica_edit(r);
	assert_ok(edit_tree(r->edit, r->doc,
	    &(struct tree_change){ .wanted = &wanted, .detail = TREE_FULL }));
	(void)replica_finish(r);
}

static void
company_live(struct company *c, struct dice *dice, int steps)
{
	for (int step = 0; step < steps; step++) {
		size_t i = dice_roll(dice, REPLICAS);

		if (dice_roll(dice, 3) == 0)
			replica_pull(
			    &c->r[i], &c->r[dice_roll(dice, REPLICAS)]);
		else
			company_edit(c, dice, i);
	}
}

/* Makes device 0 show what a view of its document shows; frees the view. */
static void
become_view(struct company *c, struct doc *view, uint64_t seed)
{
	struct replica *r = &c->r[0];
	struct arena *arena = &c->b[0].arena;
	PATCH_LIST_SCOPED list = { 0 };
	struct tree want = doc_tree_of(view, arena), got;

	assert_ok(patch_list_read(&list, r->doc, view));
	doc_free(view);
	replica_edit(r);
	assert_ok(edit_patches(r->edit, r->doc, &list));
	(void)replica_finish(r);
	got = doc_tree_of(r->doc, arena);
	if (!trees_equal(&got, &want))
		fail_msg("seed %d", (int)seed);
	replica_check(r);
}

static void
a_document_becomes_what_it_was(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 150; seed++) {
		struct dice dice = dice_of(seed);
		struct company c;

		company_open(&c);
		company_live(&c, &dice, 14);
		for (int round = 0; round < 4 && c.all.len > 0; round++) {
			size_t x = dice_roll(&dice, c.all.len);
			uint8_t head[1][LK_ID_LEN];
			struct doc *view;

			replica_room(&c.r[0]);
			if (!c.r[0].has[x])
				continue;
			memcpy(head[0], c.all.all[x].hash, LK_ID_LEN);
			assert_ok(doc_at(c.r[0].doc,
			    (const uint8_t(*)[LK_ID_LEN])head, 1, VIEW_JUDGED,
			    &view));
			become_view(&c, view, seed);
			company_live(&c, &dice, 3);
		}
		company_close(&c);
	}
}

static void
a_document_becomes_what_it_were_without_some_changes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 150; seed++) {
		struct dice dice = dice_of(seed + 1000);
		struct company c;

		company_open(&c);
		company_live(&c, &dice, 14);
		for (int round = 0; round < 4; round++) {
			uint8_t out[3][LK_ID_LEN];
			struct doc *view;

			for (size_t i = 0; i < 3 && c.all.len > 0; i++)
				memcpy(out[i],
				    c.all.all[dice_roll(&dice, c.all.len)].hash,
				    LK_ID_LEN);
			assert_ok(doc_without(c.r[0].doc,
			    (const uint8_t(*)[LK_ID_LEN])out,
			    c.all.len > 0 ? 3 : 0, &view));
			become_view(&c, view, seed);
			company_live(&c, &dice, 3);
		}
		company_close(&c);
	}
}

/* Without a change a document shows what it would if the change were void. */
static void
without_is_as_if_void(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct dice dice = dice_of(seed + 2000);
		uint8_t out[1][LK_ID_LEN];
		struct company c;
		struct doc *view;
		struct tree want, got;
		size_t x;

		company_open(&c);
		company_live(&c, &dice, 16);
		x = dice_roll(&dice, c.all.len + 1);
		replica_room(&c.r[0]);
		if (x == c.all.len || !c.r[0].has[x]) {
			company_close(&c);
			continue;
		}
		memcpy(out[0], c.all.all[x].hash, LK_ID_LEN);
		assert_ok(doc_without(
		    c.r[0].doc, (const uint8_t(*)[LK_ID_LEN])out, 1, &view));
		want = doc_tree_of(view, &c.b[0].arena);
		doc_free(view);
		replica_set_void(&c.r[0], x, true);
		got = doc_tree_of(c.r[0].doc, &c.b[0].arena);
		assert_true(trees_equal(&got, &want));
		company_close(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_becomes_what_it_was),
		cmocka_unit_test(
		    a_document_becomes_what_it_were_without_some_changes),
		cmocka_unit_test(without_is_as_if_void),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
