/* Actors who forked: access.md section 8, docs/decisions/0009-forks-carried.md.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/document.h"
#include "crdt/export.h"
#include "tests/unit/crdt/data_file.h"
#include "tests/unit/crdt/doc_replica.h"
#include "tests/unit/crdt/json_tree.h"

/* Changes by letter; each inserts one element, behind another one or first,
 * into the list that the first change makes. */
struct story {
	struct changes all;
	char letters[32];
};

/* What an op is called: actor, and the letter of a branch's first change. */
struct called {
	uint64_t ctr;
	const char *actor;
	char branch; /* 0: the actor alone; '?': of no change */
};

static size_t
story_find(const struct story *s, char letter)
{
	return (size_t)(strchr(s->letters, letter) - s->letters);
}

static struct op_id
story_id(
    const struct story *s, struct change_writer *w, const struct called *name)
{
	uint8_t bytes[ACTOR_NAME_MAX] = { 0 };
	size_t len = strlen(name->actor);
	struct op_id id = { .ctr = name->ctr };

	memcpy(bytes, name->actor, len);
	if (name->branch != 0 && name->branch != '?')
		memcpy(bytes + len,
		    s->all.all[story_find(s, name->branch)].hash, LK_ID_LEN);
	if (name->branch != 0)
		len += LK_ID_LEN;
	assert_ok(change_writer_actor(w, BYTES(bytes, len), &id.actor));
	return id;
}

/* Where a change of the story stands, and what it does. */
struct tale {
	const char *actor;
	uint64_t seq;
	const char *deps;    /* letters */
	struct called after; /* counter 0: nothing */
	bool opens;          /* makes the list, and an element */
};

static void
story_insert(const struct story *s, struct change_writer *w,
    const struct tale *t, uint64_t start)
{
	static const struct called list = { 1, "A", 0 };
	struct op op = { .key_kind = KEY_MAP,
		.key = BYTES_STR("l"),
		.action = ACTION_MAKE_LIST };

	if (t->opens) {
		assert_ok(change_writer_add(w, &op));
		op.obj.ctr = start;
		op.key_kind = KEY_HEAD;
	} else {
		op.obj = story_id(s, w, &list);
		op.elem = story_id(s, w, &t->after);
		op.key_kind = KEY_ELEM;
	}
	op.insert = true;
	op.action = ACTION_SET;
	op.value = INT((int64_t)s->all.len);
	assert_ok(change_writer_add(w, &op));
}

/* Adds a change to the story's list; it need not be applicable. */
static lk_err
story_add(struct story *s, char letter, const struct tale *t)
{
	uint8_t deps[32 * LK_ID_LEN];
	struct change_head head = { .actor = BYTES_STR(t->actor),
		.seq = t->seq,
		.start_op = 1,
		.deps = deps };
	struct change_writer *w;
	struct buf body;
	lk_err err;

	for (const char *d = t->deps; *d != '\0'; d++) {
		const struct change *c = &s->all.all[story_find(s, *d)];

		memcpy(deps + head.deps_len++ * LK_ID_LEN, c->hash, LK_ID_LEN);
		if (change_max_op(c) >= head.start_op)
			head.start_op = change_max_op(c) + 1;
	}
	/* Apart from those that stand in the same place. */
	head.time = letter;
	assert_ok(change_writer_new(&w, &head));
	if (t->opens || t->after.ctr > 0)
		story_insert(s, w, t, head.start_op);
	buf_init(&body, CHANGE_BODY_MAX);
	assert_ok(change_writer_finish(w, &body));
	change_writer_free(w);
	err = changes_add(&s->all, buf_bytes(&body));
	buf_clear(&body);
	if (err.code == LK_OK)
		s->letters[s->all.len - 1] = letter;
	return err;
}

/*
 *            .-- x
 *     .-- b -+-- y        all by A: every change behind the one before
 *  a -+-- c ---- z
 */
static void
story_open(struct story *s)
{
	static const struct {
		char letter;
		struct tale tale;
	} tales[] = {
		{ 'a', { "A", 1, "", { 0 }, true } },
		{ 'b', { "A", 2, "a", { 2, "A", 0 }, false } },
		{ 'c', { "A", 2, "a", { 2, "A", 0 }, false } },
		{ 'x', { "A", 3, "b", { 3, "A", 0 }, false } },
		{ 'y', { "A", 3, "b", { 3, "A", 0 }, false } },
		{ 'z', { "A", 3, "c", { 3, "A", 0 }, false } },
	};

	*s = (struct story){ .letters = "" };
	changes_init(&s->all);
	for (size_t i = 0; i < sizeof(tales) / sizeof(tales[0]); i++)
		assert_ok(story_add(s, tales[i].letter, &tales[i].tale));
}

static void
story_close(struct story *s)
{
	changes_clear(&s->all);
}

/* A document of some of the changes, in an order of theirs. */
static void
story_doc(const struct story *s, const size_t *order, size_t n, struct kv *kv,
    struct doc **doc)
{
	assert_ok(kv_memory_new(kv, DOC_KV_MAX));
	assert_ok(doc_open(doc, *kv));
	for (size_t i = 0; i < n; i++) {
		assert_ok(doc_apply(*doc, &s->all.all[order[i]], true));
		if ((order[i] + i) % 3 == 0)
			assert_ok(doc_again(doc, *kv));
	}
}

/* Calls `each` for every order of the first n changes in which dependencies
 * come first. */
typedef void order_fn(struct story *, const size_t *order, size_t n, void *ctx);

static void
each_order(struct story *s, size_t n, size_t *order, size_t len, bool *done,
    order_fn *each, void *ctx)
{
	if (len == n)
		each(s, order, n, ctx);
	for (size_t i = 0; i < n && len < n; i++) {
		if (done[i] || !change_ready(&s->all, &s->all.all[i], done))
			continue;
		done[i] = true;
		order[len] = i;
		each_order(s, n, order, len + 1, done, each, ctx);
		done[i] = false;
	}
}

static void
in_every_order(struct story *s, size_t n, order_fn *each, void *ctx)
{
	size_t order[32];
	bool done[32] = { false };

	each_order(s, n, order, 0, done, each, ctx);
}

/* B's first change, on `deps`, and whether it may call that op so. */
static const struct calling {
	const char *deps;
	struct called name;
	bool right;
} callings[] = {
	/* Of a fork nobody knows of yet. */
	{ "b", { 3, "A", 0 }, true },
	{ "b", { 3, "A", 'b' }, false },
	{ "b", { 2, "A", 'a' }, false },
	{ "x", { 4, "A", 0 }, true },
	{ "x", { 4, "A", 'b' }, false },
	/* Both sides known. */
	{ "bc", { 2, "A", 0 }, true },
	{ "bc", { 2, "A", 'a' }, false },
	{ "bc", { 2, "A", 'b' }, false },
	{ "bc", { 3, "A", 0 }, false },
	{ "bc", { 3, "A", 'a' }, false },
	{ "bc", { 3, "A", 'b' }, true },
	{ "bc", { 3, "A", 'c' }, true },
	{ "bc", { 3, "A", 'x' }, false },
	{ "bc", { 3, "A", '?' }, false },
	{ "bc", { 3, "B", 'b' }, false },
	{ "bc", { 3, "AA", 'b' }, false },
	/* The inner fork is not known: x belongs to the branch of b. */
	{ "xc", { 4, "A", 0 }, false },
	{ "xc", { 4, "A", 'b' }, true },
	{ "xc", { 4, "A", 'x' }, false },
	{ "xc", { 4, "A", 'c' }, false },
	{ "xz", { 4, "A", 'b' }, true },
	{ "xz", { 4, "A", 'c' }, true },
	{ "xz", { 3, "A", 'b' }, true },
	{ "xz", { 3, "A", 'c' }, true },
	{ "xz", { 4, "A", 'z' }, false },
	{ "xz", { 4, "A", 'x' }, false },
	/* Only the inner one is. */
	{ "xy", { 3, "A", 0 }, true },
	{ "xy", { 3, "A", 'b' }, false },
	{ "xy", { 3, "A", 'x' }, false },
	{ "xy", { 4, "A", 0 }, false },
	{ "xy", { 4, "A", 'b' }, false },
	{ "xy", { 4, "A", 'x' }, true },
	{ "xy", { 4, "A", 'y' }, true },
	/* Everything is. */
	{ "xyz", { 2, "A", 0 }, true },
	{ "xyz", { 3, "A", 'b' }, true },
	{ "xyz", { 3, "A", 'c' }, true },
	{ "xyz", { 3, "A", 'x' }, false },
	{ "xyz", { 4, "A", 'x' }, true },
	{ "xyz", { 4, "A", 'y' }, true },
	{ "xyz", { 4, "A", 'c' }, true },
	{ "xyz", { 4, "A", 'b' }, false },
	{ "xyz", { 4, "A", 'z' }, false },
	{ "xyz", { 5, "A", 'x' }, false },
};

static void
check_calling(struct story *s, const struct calling *c, struct doc *doc)
{
	struct tale tale = { "B", 1, c->deps, c->name, false };
	uint64_t before = doc_changes(doc);
	size_t len = s->all.len;
	lk_err err = story_add(s, 'Q', &tale);

	if (err.code == LK_OK)
		err = doc_apply(doc, &s->all.all[len], true);
	if ((err.code == LK_OK) != c->right)
		fail_msg("on %s, %d@%s~%c: %s, %s", c->deps, (int)c->name.ctr,
		    c->name.actor, c->name.branch == 0 ? '-' : c->name.branch,
		    lk_strcode(err.code), err.what == NULL ? "" : err.what);
	if (!c->right) {
		assert_int_equal(err.code, LK_E_MALFORMED);
		assert_int_equal(doc_changes(doc), before);
	}
	s->all.len = len;
	s->letters[len] = '\0';
}

static void
check_callings(struct story *s, const size_t *order, size_t n, void *ctx)
{
	for (size_t i = 0; i < sizeof(callings) / sizeof(callings[0]); i++) {
		struct doc *doc;
		struct kv kv;

		story_doc(s, order, n, &kv, &doc);
		check_calling(s, &callings[i], doc);
		doc_free(doc);
		kv_memory_free(&kv);
	}
	++*(size_t *)ctx;
}

static void
only_the_right_name_is_taken_whatever_came_first(void **state)
{
	struct story s;
	size_t orders = 0;

	(void)state;
	story_open(&s);
	in_every_order(&s, s.all.len, check_callings, &orders);
	assert_int_equal(orders, 20);
	story_close(&s);
}

static void
check_shown(struct story *s, const size_t *order, size_t n, void *ctx)
{
	struct buf *first = ctx;
	struct buf got;
	struct doc *doc;
	struct kv kv;

	story_doc(s, order, n, &kv, &doc);
	buf_init(&got, TREE_MAX);
	assert_ok(tree_of_doc(doc, true, &got));
	if (first->len == 0)
		buf_add(first, buf_bytes(&got));
	if (!bytes_equal(buf_bytes(&got), buf_bytes(first)))
		fail_msg("shows\n%.*s\nnot\n%.*s", (int)got.len,
		    (const char *)got.ptr, (int)first->len,
		    (const char *)first->ptr);
	buf_clear(&got);
	doc_free(doc);
	kv_memory_free(&kv);
}

static void
every_order_of_arrival_shows_the_same(void **state)
{
	struct story s;
	struct buf first;

	(void)state;
	story_open(&s);
	assert_ok(story_add(
	    &s, 'p', &(struct tale){ "B", 1, "xc", { 4, "A", 'b' }, false }));
	assert_ok(story_add(
	    &s, 'q', &(struct tale){ "C", 1, "yz", { 4, "A", 'c' }, false }));
	buf_init(&first, TREE_MAX);
	in_every_order(&s, s.all.len, check_shown, &first);
	buf_clear(&first);
	story_close(&s);
}

static lk_err
apply_last(struct story *s, struct doc *doc)
{
	return doc_apply(doc, &s->all.all[s->all.len - 1], true);
}

static void
whoever_knows_his_own_fork_makes_no_more_changes(void **state)
{
	static const size_t order[] = { 0, 1, 2, 3, 4, 5 };
	struct story s;
	struct doc *doc;
	struct kv kv;

	(void)state;
	story_open(&s);
	story_doc(&s, order, 6, &kv, &doc);
	assert_ok(story_add(
	    &s, '1', &(struct tale){ "A", 3, "bc", { 2, "A", 0 }, false }));
	assert_code(apply_last(&s, doc), LK_E_MALFORMED);
	assert_ok(story_add(
	    &s, '2', &(struct tale){ "A", 4, "xy", { 2, "A", 0 }, false }));
	assert_code(apply_last(&s, doc), LK_E_MALFORMED);
	/* Not by what others made of it either. */
	assert_ok(story_add(
	    &s, '3', &(struct tale){ "B", 1, "yz", { 2, "A", 0 }, false }));
	assert_ok(apply_last(&s, doc));
	assert_ok(story_add(
	    &s, '4', &(struct tale){ "A", 4, "3x", { 2, "A", 0 }, false }));
	assert_code(apply_last(&s, doc), LK_E_MALFORMED);
	assert_ok(story_add(
	    &s, '5', &(struct tale){ "A", 4, "3", { 2, "A", 0 }, false }));
	assert_code(apply_last(&s, doc), LK_E_MALFORMED);
	/* A branch by itself goes on, and parts again. */
	assert_ok(story_add(
	    &s, '6', &(struct tale){ "A", 4, "z", { 4, "A", 0 }, false }));
	assert_ok(apply_last(&s, doc));
	assert_ok(story_add(
	    &s, '7', &(struct tale){ "A", 3, "c", { 3, "A", 0 }, false }));
	assert_ok(apply_last(&s, doc));
	assert_ok(story_add(
	    &s, '8', &(struct tale){ "A", 5, "z", { 4, "A", 0 }, false }));
	assert_code(apply_last(&s, doc), LK_E_MALFORMED);
	doc_free(doc);
	kv_memory_free(&kv);
	story_close(&s);
}

/* Two first changes of one actor, the second of which nobody builds on. */
static void
an_actor_may_fork_before_his_first_change(void **state)
{
	static const struct tale early = { "A", 1, "", { 0 }, true };
	struct story s;
	struct buf first;
	struct doc *doc;
	struct kv kv;

	(void)state;
	story_open(&s);
	assert_ok(story_add(&s, 'e', &early));
	buf_init(&first, TREE_MAX);
	in_every_order(&s, s.all.len, check_shown, &first);
	for (size_t swap = 0; swap < 2; swap++) {
		size_t order[2] = { swap == 0 ? 0 : 6, swap == 0 ? 6 : 0 };

		story_doc(&s, order, 2, &kv, &doc);
		/* The list is named by 1@A: behind the fork, nothing is. */
		assert_ok(story_add(&s, '1',
		    &(struct tale){ "B", 1, "ae", { 2, "A", 'a' }, false }));
		assert_code(apply_last(&s, doc), LK_E_MALFORMED);
		assert_ok(story_add(&s, '2',
		    &(struct tale){ "B", 1, "a", { 2, "A", 0 }, false }));
		assert_ok(apply_last(&s, doc));
		assert_ok(story_add(&s, '3',
		    &(struct tale){ "C", 1, "e", { 2, "A", 0 }, false }));
		assert_ok(apply_last(&s, doc));
		doc_free(doc);
		kv_memory_free(&kv);
	}
	buf_clear(&first);
	story_close(&s);
}

/* An editor who has seen everything calls every element what others call it. */
static void
story_edit(struct story *s, const size_t *order)
{
	static const struct op_id list = { 1, 0 };
	struct change_head head = { .actor = BYTES_STR("E"), .seq = 1 };
	ARENA_SCOPED arena = { .max = 65536 };
	uint8_t hash[LK_ID_LEN], *heads;
	struct doc *doc;
	struct edit *e;
	struct buf body;
	struct kv kv;
	uint64_t length;

	story_doc(s, order, s->all.len, &kv, &doc);
	assert_ok(history_heads(
	    s->all.all, s->all.len, &arena, &heads, &head.deps_len));
	head.deps = heads;
	head.start_op = 20;
	assert_ok(edit_new(&e, doc, &head));
	assert_ok(doc_length(doc, list, &length));
	for (uint64_t i = length; i > 0; i--)
		assert_ok(edit_insert(e, list, i, &INT(-(int64_t)i)));
	for (uint64_t i = 0; i < length; i++)
		assert_ok(edit_delete(e, list, INDEX(i)));
	buf_init(&body, CHANGE_BODY_MAX);
	assert_ok(edit_finish(e, &body, hash));
	edit_free(e);
	doc_free(doc);
	kv_memory_free(&kv);
	assert_ok(changes_add(&s->all, buf_bytes(&body)));
	s->letters[s->all.len - 1] = 'E';
	buf_clear(&body);
}

/* Changes without ops have no counters to tell them apart. */
static void
empty_changes_begin_branches_too(void **state)
{
	static const struct {
		char letter;
		struct tale tale;
	} tales[] = {
		{ 'd', { "A", 4, "x", { 0 }, false } },
		{ 'f', { "A", 4, "x", { 0 }, false } },
		{ 'g', { "A", 5, "d", { 0 }, false } },
		{ 'h', { "A", 5, "d", { 0 }, false } },
		{ 'i', { "A", 6, "g", { 4, "A", 0 }, false } },
		{ 'j', { "A", 6, "h", { 4, "A", 0 }, false } },
		{ 'k', { "A", 5, "f", { 4, "A", 0 }, false } },
		{ 'p', { "B", 1, "ij", { 5, "A", 'g' }, false } },
		{ 'q', { "B", 2, "pk", { 5, "A", 'f' }, false } },
		{ 'r', { "B", 3, "q", { 5, "A", 'h' }, false } },
		{ 's', { "B", 4, "rz", { 4, "A", 'b' }, false } },
	};
	struct dice dice = dice_of(5);
	size_t order[32];
	struct story s;
	struct buf first;

	(void)state;
	story_open(&s);
	for (size_t i = 0; i < sizeof(tales) / sizeof(tales[0]); i++)
		assert_ok(story_add(&s, tales[i].letter, &tales[i].tale));
	changes_shuffle(&s.all, &dice, order);
	story_edit(&s, order);
	buf_init(&first, TREE_MAX);
	for (int i = 0; i < 60; i++) {
		changes_shuffle(&s.all, &dice, order);
		check_shown(&s, order, s.all.len, &first);
	}
	buf_clear(&first);
	story_close(&s);
}

/* Refused by a document of everything, and by one of its past alone. */
static void
check_wrong(const struct changes *right, struct changes *wrong, const char *hex)
{
	const struct change *c;

	assert_ok(changes_add_hex(wrong, hex));
	c = &wrong->all[wrong->len - 1];
	for (int all = 0; all < 2; all++) {
		bool *in = calloc(right->len + 1, sizeof(*in));
		uint64_t before;
		struct doc *doc;
		struct kv kv;

		for (size_t d = 0; d < c->deps_len; d++)
			changes_mark_past(right,
			    changes_find(right, c->deps + d * LK_ID_LEN), in);
		assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
		assert_ok(doc_open(&doc, kv));
		for (size_t x = 0; x < right->len; x++)
			if (all || in[x])
				assert_ok(doc_apply(doc, &right->all[x], true));
		before = doc_changes(doc);
		assert_code(doc_apply(doc, c, true), LK_E_MALFORMED);
		assert_int_equal(doc_changes(doc), before);
		doc_free(doc);
		kv_memory_free(&kv);
		free(in);
	}
}

static void
check_wrongs(struct json_object *json, void *ctx)
{
	struct json_object *all = json_object_object_get(json, "changes");
	struct json_object *bad = json_object_object_get(json, "wrong");
	struct changes right, wrong;

	changes_init(&right);
	changes_init(&wrong);
	for (size_t x = 0; x < json_object_array_length(all); x++)
		assert_ok(changes_add_hex(&right,
		    json_text(json_object_array_get_idx(all, x), "hex")));
	for (size_t x = 0; x < json_object_array_length(bad); x++)
		check_wrong(&right, &wrong,
		    json_object_get_string(json_object_array_get_idx(bad, x)));
	*(size_t *)ctx += wrong.len;
	changes_clear(&right);
	changes_clear(&wrong);
}

static void
every_wrong_name_is_refused_as_by_the_reference(void **state)
{
	size_t refused = 0;

	(void)state;
	assert_int_equal(
	    data_each_line("ghost/forks.jsonl", check_wrongs, &refused), 31);
	assert_true(refused > 200);
}

/* Adds an empty change whose actor is what the branch of b goes by. */
static void
story_add_namesake(struct story *s)
{
	uint8_t actor[1 + LK_ID_LEN] = { 'A' };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};
	struct change_writer *w;
	struct buf body;

	memcpy(actor + 1, s->all.all[story_find(s, 'b')].hash, LK_ID_LEN);
	assert_ok(change_writer_new(&w, &head));
	buf_init(&body, CHANGE_BODY_MAX);
	assert_ok(change_writer_finish(w, &body));
	change_writer_free(w);
	assert_ok(changes_add(&s->all, buf_bytes(&body)));
	s->letters[s->all.len - 1] = '!';
	buf_clear(&body);
}

static void
a_name_that_stands_for_two_things_stands_for_the_actor(void **state)
{
	static const size_t order[] = { 0, 1, 2, 6 };
	struct story s;
	struct doc *doc;
	struct kv kv;

	(void)state;
	story_open(&s);
	story_add_namesake(&s);
	story_doc(&s, order, 4, &kv, &doc);
	/* As long as it is not in the past, it does not matter. */
	assert_ok(story_add(
	    &s, '1', &(struct tale){ "B", 1, "bc", { 3, "A", 'b' }, false }));
	assert_ok(apply_last(&s, doc));
	assert_ok(story_add(
	    &s, '2', &(struct tale){ "C", 1, "bc!", { 3, "A", 'b' }, false }));
	assert_code(apply_last(&s, doc), LK_E_MALFORMED);
	assert_ok(story_add(
	    &s, '3', &(struct tale){ "C", 1, "bc!", { 3, "A", 'c' }, false }));
	assert_ok(apply_last(&s, doc));
	doc_free(doc);
	kv_memory_free(&kv);
	story_close(&s);
}

/* An editor writes nothing that others would take for something else. */
static void
what_has_no_name_of_its_own_is_not_edited(void **state)
{
	static const size_t order[] = { 0, 1, 2, 6 };
	static const struct op_id list = { 1, 0 };
	size_t refused = 0;
	struct story s;

	(void)state;
	story_open(&s);
	story_add_namesake(&s);
	for (uint64_t at = 0; at < 3; at++) {
		uint8_t deps[3 * LK_ID_LEN];
		struct change_head head = { .actor = BYTES_STR("D"),
			.seq = 1,
			.start_op = 4,
			.deps = deps,
			.deps_len = 3 };
		struct doc *doc;
		struct edit *e;
		struct kv kv;
		lk_err err;

		for (size_t i = 0; i < 3; i++)
			memcpy(deps + i * LK_ID_LEN,
			    s.all.all[order[i + 1]].hash, LK_ID_LEN);
		story_doc(&s, order, 4, &kv, &doc);
		assert_ok(edit_new(&e, doc, &head));
		err = edit_delete(e, list, INDEX(at));
		assert_true(err.code == LK_OK || err.code == LK_E_DATA);
		refused += err.code != LK_OK;
		edit_free(e);
		doc_free(doc);
		kv_memory_free(&kv);
	}
	assert_int_equal(refused, 1);
	story_close(&s);
}

/* The longest actors have branches too. */
static void
a_branch_of_the_longest_actor_has_a_name(void **state)
{
	char actor[ACTOR_LEN_MAX + 1] = { 0 };
	struct called late = { 3, actor, 'b' }, open = { 2, actor, 0 };
	struct buf first;
	struct story s = { .letters = "" };

	(void)state;
	memset(actor, 'L', ACTOR_LEN_MAX);
	changes_init(&s.all);
	assert_ok(
	    story_add(&s, 'a', &(struct tale){ "A", 1, "", { 0 }, true }));
	assert_ok(story_add(
	    &s, 'e', &(struct tale){ actor, 1, "a", { 2, "A", 0 }, false }));
	open.ctr = 3;
	assert_ok(
	    story_add(&s, 'b', &(struct tale){ actor, 2, "e", open, false }));
	assert_ok(
	    story_add(&s, 'c', &(struct tale){ actor, 2, "e", open, false }));
	late.ctr = 4;
	assert_ok(
	    story_add(&s, 'd', &(struct tale){ "B", 1, "bc", late, false }));
	buf_init(&first, TREE_MAX);
	in_every_order(&s, s.all.len, check_shown, &first);
	buf_clear(&first);
	story_close(&s);
}

static lk_err
tree_of_history(const struct history *h, struct buf *out)
{
	struct doc *doc;
	struct kv kv;
	lk_err err = LK_NONE;

	TRY(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	for (size_t i = 0; i < h->changes_len && err.code == LK_OK; i++)
		err = doc_apply(doc, &h->changes[i], true);
	if (err.code == LK_OK)
		err = tree_of_doc(doc, false, out);
	doc_free(doc);
	kv_memory_free(&kv);
	return err;
}

/* What is exported of a document, read as a file would be, shows the same. */
static void
check_exported(const struct story *s, struct doc *doc, enum export_form form)
{
	struct change_bodies bodies;
	struct history h;
	struct buf want, got;

	change_bodies_init(&bodies, TREE_MAX);
	assert_ok(export_changes(doc, s->all.all, s->all.len, form, &bodies));
	assert_ok(history_from_changes(&h, bodies.at, bodies.len));
	assert_int_equal(h.orphans_len, 0);
	buf_init(&want, TREE_MAX);
	buf_init(&got, TREE_MAX);
	assert_ok(tree_of_doc(doc, false, &want));
	assert_ok(tree_of_history(&h, &got));
	if (!bytes_equal(buf_bytes(&got), buf_bytes(&want)))
		fail_msg("%d shows\n%.*s\nnot\n%.*s", (int)form, (int)got.len,
		    (const char *)got.ptr, (int)want.len,
		    (const char *)want.ptr);
	buf_clear(&want);
	buf_clear(&got);
	history_clear(&h);
	change_bodies_clear(&bodies);
}

/* Other actors are called as a branch might be, or nearly. */
static void
an_export_keeps_the_order_whatever_others_are_called(void **state)
{
	char same[1 + 8 + 1] = "A";
	struct story s;
	struct doc *doc;
	struct kv kv;

	(void)state;
	story_open(&s);
	memcpy(same + 1, s.all.all[story_find(&s, 'c')].hash, 8);
	assert_int_equal(strlen(same), 9);
	assert_ok(story_add(
	    &s, '1', &(struct tale){ same, 1, "a", { 2, "A", 0 }, false }));
	assert_ok(story_add(
	    &s, '2', &(struct tale){ "A\x01", 1, "a", { 2, "A", 0 }, false }));
	assert_ok(story_add(
	    &s, '3', &(struct tale){ "B", 1, "c1", { 3, "A", 0 }, false }));
	assert_ok(story_add(
	    &s, '4', &(struct tale){ "B", 2, "32b", { 3, same, 0 }, false }));
	assert_ok(kv_memory_new(&kv, DOC_KV_MAX));
	assert_ok(doc_open(&doc, kv));
	for (size_t i = 0; i < s.all.len; i++)
		assert_ok(doc_apply(doc, &s.all.all[i], true));
	for (size_t gone = 0; gone < s.all.len; gone++) {
		for (enum export_form f = EXPORT_HISTORY; f <= EXPORT_SQUASH;
		     f++)
			check_exported(&s, doc, f);
		assert_ok(
		    doc_set_visible(doc, s.all.all[gone].hash, gone % 3 == 0));
	}
	doc_free(doc);
	kv_memory_free(&kv);
	story_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    only_the_right_name_is_taken_whatever_came_first),
		cmocka_unit_test(every_order_of_arrival_shows_the_same),
		cmocka_unit_test(
		    whoever_knows_his_own_fork_makes_no_more_changes),
		cmocka_unit_test(an_actor_may_fork_before_his_first_change),
		cmocka_unit_test(empty_changes_begin_branches_too),
		cmocka_unit_test(
		    every_wrong_name_is_refused_as_by_the_reference),
		cmocka_unit_test(
		    a_name_that_stands_for_two_things_stands_for_the_actor),
		cmocka_unit_test(what_has_no_name_of_its_own_is_not_edited),
		cmocka_unit_test(a_branch_of_the_longest_actor_has_a_name),
		cmocka_unit_test(
		    an_export_keeps_the_order_whatever_others_are_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
