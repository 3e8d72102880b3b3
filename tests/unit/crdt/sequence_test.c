#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/sequence.h"
#include "tests/unit/crdt/counted_kv.h"
#include "tests/unit/crdt/doc_replica.h"

/*
 * Changes by several actors, each inserting code points behind random elements
 * of its own and of a common base, not knowing of each other; and the order
 * that automerge-format 9.4 gives, by its letter.
 */
struct model_elem {
	uint64_t ctr;
	uint8_t actor;
	uint32_t point;
};

struct model {
	struct model_elem *elems;
	size_t len, cap;
};

static bool
model_less(const struct model_elem *a, const struct model_elem *b)
{
	return a->ctr < b->ctr || (a->ctr == b->ctr && a->actor < b->actor);
}

/* Behind `after` (counter 0: the head), past every greater id. */
static void
model_insert(
    struct model *m, const struct model_elem *after, struct model_elem e)
{
	size_t at = 0;

	if (m->len == m->cap) {
		m->cap = 2 * m->cap + 64;
		m->elems = reallocarray(m->elems, m->cap, sizeof(*m->elems));
	}
	if (after->ctr > 0) {
		while (m->elems[at].ctr != after->ctr ||
		    m->elems[at].actor != after->actor)
			at++;
		at++;
	}
	while (at < m->len && model_less(&e, &m->elems[at]))
		at++;
	memmove(m->elems + at + 1, m->elems + at,
	    (m->len - at) * sizeof(*m->elems));
	m->elems[at] = e;
	m->len++;
}

#define ACTORS 4

struct insertion {
	struct model_elem after, elem;
};

struct scene {
	struct changes changes;
	struct insertion *plan; /* of all changes, in order */
	size_t plan_len;
};

static void
put_point(struct change_writer *w, uint32_t author, struct op_id text,
    const struct insertion *in, const uint32_t *numbers)
{
	uint8_t utf8[3] = { (uint8_t)(0xe0 | in->elem.point >> 12),
		(uint8_t)(0x80 | (in->elem.point >> 6 & 0x3f)),
		(uint8_t)(0x80 | (in->elem.point & 0x3f)) };
	struct op op = { .obj = text,
		.key_kind = in->after.ctr == 0 ? KEY_HEAD : KEY_ELEM,
		.elem = { .ctr = in->after.ctr },
		.insert = true,
		.action = ACTION_SET,
		.value = { .type = VALUE_STR, .bytes = BYTES_OF(utf8) } };

	(void)author;
	if (op.key_kind == KEY_ELEM)
		op.elem.actor = numbers[in->after.actor];
	assert_ok(change_writer_add(w, &op));
}

/* One change of n insertions; actor 0 begins by making the text. */
static void
add_change(struct scene *s, struct dice *dice, uint8_t actor, size_t n)
{
	uint8_t name[1] = { actor };
	struct change_head head = { .actor = BYTES_OF(name),
		.seq = 1,
		.start_op = actor == 0 ? 1 : 2 + s->plan_len };
	struct insertion *mine = calloc(n, sizeof(*mine));
	uint32_t numbers[ACTORS] = { 0 };
	struct op_id text = { .ctr = 1 };
	struct change_writer *w;
	size_t base = actor == 0 ? 0 : s->changes.all[0].ops_len - 1;
	struct buf body;

	if (actor > 0) {
		head.deps = s->changes.all[0].hash;
		head.deps_len = 1;
		head.start_op = 2 + base + dice_roll(dice, 5);
	}
	assert_ok(change_writer_new(&w, &head));
	if (actor > 0) {
		assert_ok(change_writer_actor(
		    w, BYTES((const uint8_t *)"", 1), &numbers[0]));
		text.actor = numbers[0];
	} else {
		assert_ok(change_writer_add(w,
		    &(struct op){
			.key = BYTES_STR("t"), .action = ACTION_MAKE_TEXT }));
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t pick = dice_roll(dice, base + i + 1);

		/* Runs, as people type, and places all over. */
		if (i > 0 && dice_roll(dice, 3) > 0)
			mine[i].after = mine[i - 1].elem;
		else if (pick < base)
			mine[i].after = s->plan[pick].elem;
		else if (pick < base + i)
			mine[i].after = mine[pick - base].elem;
		mine[i].elem = (struct model_elem){ .actor = actor,
			.ctr = head.start_op + i + (actor == 0),
			.point =
			    0x4e00 + (uint32_t)((actor * 7919u + i) % 20000) };
		put_point(w, actor, text, &mine[i], numbers);
	}
	buf_init(&body, CHANGE_BODY_MAX);
	assert_ok(change_writer_finish(w, &body));
	change_writer_free(w);
	assert_ok(changes_add(&s->changes, buf_bytes(&body)));
	buf_clear(&body);
	s->plan = reallocarray(s->plan, s->plan_len + n, sizeof(*s->plan));
	memcpy(s->plan + s->plan_len, mine, n * sizeof(*mine));
	s->plan_len += n;
	free(mine);
}

static void
scene_open(struct scene *s, uint64_t seed, size_t n)
{
	struct dice dice = dice_of(seed);

	*s = (struct scene){ 0 };
	changes_init(&s->changes);
	for (uint8_t actor = 0; actor < ACTORS; actor++)
		add_change(s, &dice, actor, n);
}

static void
scene_close(struct scene *s)
{
	changes_clear(&s->changes);
	free(s->plan);
}

static void
check_order(struct doc *doc, const struct scene *s)
{
	struct model m = { 0 };
	struct buf got, want;

	buf_init(&got, TREE_MAX);
	buf_init(&want, TREE_MAX);
	for (size_t i = 0; i < s->plan_len; i++)
		model_insert(&m, &s->plan[i].after, s->plan[i].elem);
	for (size_t i = 0; i < m.len; i++) {
		buf_u8(&want, (uint8_t)(0xe0 | m.elems[i].point >> 12));
		buf_u8(&want, (uint8_t)(0x80 | (m.elems[i].point >> 6 & 0x3f)));
		buf_u8(&want, (uint8_t)(0x80 | (m.elems[i].point & 0x3f)));
	}
	assert_ok(doc_text(doc, (struct op_id){ .ctr = 1 }, &got));
	assert_true(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
	buf_clear(&got);
	buf_clear(&want);
	free(m.elems);
}

/* Position to element and element to position agree with the walk. */
static void
check_places(struct doc *doc, uint64_t elements)
{
	struct seq_place walk, at;
	struct object *o;
	uint64_t n = 0, rank;
	lk_err err;

	assert_ok(object_load(doc, UINT64_C(1) << 32, &o));
	assert_int_equal(o->elements, elements);
	for (err = seq_first(doc, o, &walk); err.code == LK_OK;
	     err = seq_next(doc, &walk), n++) {
		assert_ok(seq_rank(doc, o, walk.elem.id, &rank));
		assert_int_equal(rank, n);
		if (walk.elem.width == 0)
			continue;
		assert_ok(seq_at(doc, o, walk.index, &at));
		assert_true(at.elem.id == walk.elem.id);
		assert_int_equal(at.index, walk.index);
	}
	assert_int_equal(err.code, LK_E_NOTFOUND);
	assert_int_equal(n, elements);
	assert_int_equal(walk.index, o->shown);
	assert_code(seq_at(doc, o, o->shown, &at), LK_E_NOTFOUND);
}

static void
elements_come_in_the_order_of_the_rule_whatever_arrives_first(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 12; seed++) {
		struct dice dice = dice_of(seed);
		size_t n = seed == 0 ? 5000 : 1 + dice_roll(&dice, 400);
		size_t order[ACTORS];
		struct scene s;
		struct doc *doc;
		struct kv kv;

		scene_open(&s, seed, n);
		changes_shuffle(&s.changes, &dice, order);
		assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
		assert_ok(doc_open(&doc, kv));
		for (size_t i = 0; i < ACTORS; i++) {
			assert_ok(
			    doc_apply(doc, &s.changes.all[order[i]], true));
			assert_ok(doc_again(&doc, kv));
		}
		check_order(doc, &s);
		check_places(doc, s.plan_len);
		assert_ok(doc_set_visible(doc, s.changes.all[2].hash, false));
		check_places(doc, s.plan_len);
		assert_ok(doc_set_visible(doc, s.changes.all[2].hash, true));
		check_order(doc, &s);
		doc_free(doc);
		kv_memory_free(&kv);
		scene_close(&s);
	}
}

/* Somebody who saw nothing of a long text writes before it: his smaller ids
 * must go behind all of it, which may not cost its length. */
static void
skipping_a_long_run_reads_few_records(void **state)
{
	struct counted_kv counted;
	struct replica a, b;
	struct changes all;
	struct op_id text;
	size_t base;

	(void)state;
	changes_init(&all);
	replica_open(&a, &all, 1);
	replica_open(&b, &all, 2);
	replica_edit(&a);
	assert_ok(edit_make(a.edit, DOC_ROOT, KEY("t"), OBJ_TEXT, &text));
	(void)replica_finish(&a);
	replica_pull(&b, &a);
	for (int i = 0; i < 200; i++) {
		replica_edit(&a);
		for (int j = 0; j < 100; j++)
			assert_ok(
			    edit_splice(a.edit, text, 0, 0, BYTES_STR("x")));
		(void)replica_finish(&a);
	}
	base = all.len;
	for (int i = 0; i < 20; i++) {
		replica_edit(&b);
		assert_ok(edit_splice(b.edit, text, 0, 0, BYTES_STR("y")));
		(void)replica_finish(&b);
	}
	assert_ok(doc_flush(a.doc));
	doc_free(a.doc);
	counted_kv_init(&counted, a.kv);
	for (size_t i = base; i < all.len; i++) {
		assert_ok(doc_open(&a.doc, counted.kv));
		counted_kv_reset(&counted);
		assert_ok(doc_apply(a.doc, &all.all[i], true));
		assert_ok(doc_flush(a.doc));
		assert_true(counted.gets < 60);
		doc_free(a.doc);
	}
	a.doc = NULL;
	replica_close(&a);
	replica_close(&b);
	changes_clear(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    elements_come_in_the_order_of_the_rule_whatever_arrives_first),
		cmocka_unit_test(skipping_a_long_run_reads_few_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
