#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "crdt/document.h"

/*
 * Random histories: several actors, each change on some of the heads, maps,
 * lists and texts, deletes, increments and marks.  Enough of the rules is
 * followed that a document of them is a valid one.
 */
#define ROUNDS 300
#define ACTORS 4
#define CHANGES 30
#define CHANGE_OPS 12
#define OPS (CHANGES * CHANGE_OPS)

struct made_op {
	uint32_t change, actor;
	uint64_t ctr;
	int obj;     /* the op that made it; -1: the root */
	int element; /* in a sequence: the op that inserted it; else -1 */
	const char *key;
	uint8_t action;
	bool insert;
	bool hidden_by[CHANGES]; /* changes in which it was overwritten */
};

struct made_change {
	uint8_t hash[LK_ID_LEN];
	bool past[CHANGES]; /* ancestors and itself */
	uint64_t max_op;
	uint32_t actor;
	uint64_t seq;
	struct buf body;
};

struct maker {
	uint64_t seed;
	uint8_t actors[ACTORS][3];
	struct made_change changes[CHANGES];
	uint32_t changes_len;
	struct made_op ops[OPS];
	int ops_len;
	/* The change being made. */
	struct change_writer *writer;
	uint32_t numbers[ACTORS];
	struct op_id preds[OPS];
};

static uint32_t
draw(struct maker *m, uint32_t below)
{
	m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(m->seed >> 33) % below;
}

static bool
in_past(const struct maker *m, const struct made_op *o)
{
	return m->changes[m->changes_len].past[o->change];
}

static bool
visible(const struct maker *m, const struct made_op *o)
{
	const struct made_change *now = &m->changes[m->changes_len];

	if (!in_past(m, o) || o->action == ACTION_DELETE ||
	    o->action == ACTION_INCREMENT)
		return false;
	for (uint32_t c = 0; c <= m->changes_len; c++)
		if (now->past[c] && o->hidden_by[c])
			return false;
	return true;
}

static struct op_id
id_of(const struct maker *m, const struct made_op *o)
{
	return (struct op_id){ .ctr = o->ctr, .actor = m->numbers[o->actor] };
}

/* A random op of the past that satisfies `want`, or -1. */
typedef bool want_fn(const struct made_op *, int arg);

static int
pick(struct maker *m, want_fn *want, int arg)
{
	int found = -1;
	uint32_t n = 0;

	for (int i = 0; i < m->ops_len; i++)
		if (in_past(m, &m->ops[i]) && want(&m->ops[i], arg) &&
		    draw(m, ++n) == 0)
			found = i;
	return found;
}

static bool
is_object(const struct made_op *o, int arg)
{
	(void)arg;
	return o->action == ACTION_MAKE_MAP || o->action == ACTION_MAKE_LIST ||
	    o->action == ACTION_MAKE_TEXT;
}

static bool
is_element_of(const struct made_op *o, int obj)
{
	return o->insert && o->obj == obj;
}

/* Names all visible ops of the same place as predecessors. */
static size_t
overwrite(struct maker *m, const struct made_op *place)
{
	size_t n = 0;

	for (int i = 0; i < m->ops_len; i++) {
		struct made_op *o = &m->ops[i];

		if (!visible(m, o) || o->obj != place->obj ||
		    o->element != place->element ||
		    (o->key != place->key && place->element < 0))
			continue;
		if (o->action == ACTION_MARK)
			continue;
		o->hidden_by[m->changes_len] = true;
		m->preds[n++] = id_of(m, o);
	}
	return n;
}

static void
add_op(struct maker *m, const struct made_op *made, struct op *op)
{
	struct made_change *now = &m->changes[m->changes_len];

	if (made->obj >= 0)
		op->obj = id_of(m, &m->ops[made->obj]);
	op->action = made->action;
	op->insert = made->insert;
	assert_int_equal(change_writer_add(m->writer, op).code, LK_OK);
	m->ops[m->ops_len] = *made;
	m->ops[m->ops_len].change = m->changes_len;
	m->ops[m->ops_len].actor = now->actor;
	m->ops[m->ops_len].ctr = ++now->max_op;
	if (made->insert)
		m->ops[m->ops_len].element = m->ops_len;
	m->ops_len++;
}

static void
draw_value(struct maker *m, struct value *v)
{
	static const uint8_t text[] = "xyz\xe2\x82\xac";

	switch (draw(m, 4)) {
	case 0:
		*v = (struct value){ .type = VALUE_INT,
			.i64 = (int64_t)draw(m, 300) - 100 };
		break;
	case 1:
		*v = (struct value){ .type = VALUE_COUNTER,
			.i64 = (int64_t)draw(m, 9) };
		break;
	case 2:
		*v = (struct value){ .type = VALUE_STR,
			.bytes = BYTES(text, draw(m, 4)) };
		break;
	case 3:
		*v = (struct value){ .type = VALUE_TRUE };
		break;
	}
}

/* Set, make, delete or increment at a place that exists. */
static void
add_update(struct maker *m, struct made_op place, struct op *op)
{
	size_t n = overwrite(m, &place);
	uint32_t kind = draw(m, 10);

	op->preds = m->preds;
	op->preds_len = n;
	place.action = ACTION_SET;
	if (kind < 2 && n > 0)
		place.action = ACTION_DELETE;
	else if (kind < 3 && n > 0)
		place.action = ACTION_INCREMENT;
	else if (kind < 6)
		place.action = kind == 3 ? ACTION_MAKE_MAP
		    : kind == 4          ? ACTION_MAKE_LIST
					 : ACTION_MAKE_TEXT;
	if (place.action == ACTION_SET)
		draw_value(m, &op->value);
	if (place.action == ACTION_INCREMENT)
		op->value = (struct value){ .type = VALUE_INT, .i64 = 2 };
	add_op(m, &place, op);
}

static void
add_map_op(struct maker *m, int obj)
{
	static const char *const keys[] = { "", "a", "aa", "b", "\xc3\xa9",
		"\xf0\x9f\x98\x80", "\xef\xbf\xbd", "somewhat longer key",
		"somewhat longer kez" };
	struct made_op place = {
		.obj = obj, .element = -1, .key = keys[draw(m, 9)]
	};
	struct op op = { .key_kind = KEY_MAP, .key = BYTES_STR(place.key) };

	add_update(m, place, &op);
}

static void
insert_op(struct maker *m, int obj, int after, struct op op)
{
	struct made_op made = {
		.obj = obj, .element = -1, .insert = true, .action = op.action
	};

	op.key_kind = after < 0 ? KEY_HEAD : KEY_ELEM;
	if (after >= 0)
		op.elem = id_of(m, &m->ops[after]);
	add_op(m, &made, &op);
}

static void
add_sequence_op(struct maker *m, int obj)
{
	int at = pick(m, is_element_of, obj);
	struct op op = { .action = ACTION_SET };

	if (at >= 0 && m->ops[at].action != ACTION_MARK && draw(m, 3) == 0) {
		struct made_op place = { .obj = obj, .element = at };

		op.key_kind = KEY_ELEM;
		op.elem = id_of(m, &m->ops[at]);
		add_update(m, place, &op);
		return;
	}
	if (m->ops[obj].action == ACTION_MAKE_TEXT && draw(m, 6) == 0) {
		op.action = ACTION_MARK;
		op.has_mark_name = true;
		op.mark_name = BYTES_STR("bold");
		op.value.type = VALUE_TRUE;
		insert_op(m, obj, at, op);
		op = (struct op){ .action = ACTION_MARK, .expand = true };
		insert_op(m, obj, m->ops_len - 1, op);
		return;
	}
	draw_value(m, &op.value);
	insert_op(m, obj, draw(m, 5) == 0 ? -1 : at, op);
}

static void
change_begin(struct maker *m)
{
	uint32_t n = m->changes_len;
	struct made_change *now = &m->changes[n];
	uint8_t deps[CHANGES * LK_ID_LEN];
	struct change_head head = { .deps = deps };
	bool is_dep[CHANGES] = { false };
	int own = -1;

	now->actor = draw(m, ACTORS);
	now->seq = 1;
	now->max_op = 0;
	memset(now->past, 0, sizeof(now->past));
	for (uint32_t c = 0; c < n; c++)
		if (m->changes[c].actor == now->actor)
			own = (int)c;
	for (uint32_t c = 0; c < n; c++)
		is_dep[c] = (int)c == own || draw(m, n) < 2;
	for (uint32_t c = 0; c < n; c++)
		for (uint32_t p = 0; is_dep[c] && p < n; p++)
			now->past[p] |= m->changes[c].past[p];
	/* Only what no other one implies. */
	for (uint32_t c = 0; c < n; c++)
		for (uint32_t p = 0; is_dep[c] && p < n; p++)
			if (p != c && m->changes[c].past[p])
				is_dep[p] = false;
	for (uint32_t c = 0; c < n; c++) {
		if (is_dep[c])
			memcpy(deps + head.deps_len++ * LK_ID_LEN,
			    m->changes[c].hash, LK_ID_LEN);
		if (now->past[c] && m->changes[c].max_op > now->max_op)
			now->max_op = m->changes[c].max_op;
	}
	if (own >= 0)
		now->seq = m->changes[own].seq + 1;
	now->past[n] = true;
	head.actor = BYTES(m->actors[now->actor], 1 + now->actor % 3);
	head.seq = now->seq;
	head.start_op = now->max_op + 1;
	head.time = (int64_t)draw(m, 5) - 2;
	head.message = BYTES((const uint8_t *)"hello", draw(m, 3) * 2);
	head.extra = BYTES((const uint8_t *)"\x01\x02", draw(m, 8) / 6);
	assert_int_equal(change_writer_new(&m->writer, &head).code, LK_OK);
}

static void
change_make(struct maker *m)
{
	struct made_change *now = &m->changes[m->changes_len];
	uint32_t ops = draw(m, CHANGE_OPS - 1);
	struct change c;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, CHANGE_BODY_MAX);
	change_begin(m);
	for (uint32_t a = 0; a < ACTORS; a++)
		assert_int_equal(
		    change_writer_actor(m->writer,
			BYTES(m->actors[a], 1 + a % 3), &m->numbers[a])
			.code,
		    LK_OK);
	while (change_writer_ops(m->writer) < ops) {
		int obj = draw(m, 4) == 0 ? -1 : pick(m, is_object, 0);

		if (obj < 0 || m->ops[obj].action == ACTION_MAKE_MAP)
			add_map_op(m, obj);
		else
			add_sequence_op(m, obj);
	}
	buf_init(&now->body, CHANGE_BODY_MAX);
	assert_int_equal(
	    change_writer_finish(m->writer, &now->body).code, LK_OK);
	change_writer_free(m->writer);
	assert_int_equal(
	    change_decode(&c, &arena, buf_bytes(&now->body)).code, LK_OK);
	memcpy(now->hash, c.hash, LK_ID_LEN);
	m->changes_len++;
}

static struct maker *
maker_new(uint64_t seed)
{
	struct maker *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->seed = seed;
	for (uint32_t a = 0; a < ACTORS; a++) {
		m->actors[a][0] = (uint8_t)(0x40 + draw(m, 3));
		m->actors[a][1] = (uint8_t)a;
		m->actors[a][2] = (uint8_t)draw(m, 256);
	}
	/* Of these three sizes, only the first could be the same twice. */
	m->actors[3][0] = 0x20;
	for (uint32_t i = 0; i < CHANGES; i++)
		change_make(m);
	return m;
}

static void
maker_free(struct maker *m)
{
	for (uint32_t i = 0; i < m->changes_len; i++)
		buf_clear(&m->changes[i].body);
	free(m);
}

/* Gives the changes in random order, some of them twice. */
static void
history_of(struct history *h, struct maker *m)
{
	struct bytes bodies[2 * CHANGES];
	size_t n = 0;
	lk_err err;

	for (uint32_t i = 0; i < m->changes_len; i++) {
		bodies[n++] = buf_bytes(&m->changes[i].body);
		if (draw(m, 3) == 0)
			bodies[n++] = buf_bytes(&m->changes[i].body);
	}
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = draw(m, (uint32_t)i + 1);
		struct bytes t = bodies[i];

		bodies[i] = bodies[j];
		bodies[j] = t;
	}
	err = history_from_changes(h, bodies, n);
	assert_string_equal(err.code == LK_OK ? "" : err.what, "");
	assert_int_equal(h->changes_len, m->changes_len);
	assert_int_equal(h->orphans_len, 0);
}

static void
check_ok(uint64_t seed, lk_err err)
{
	if (err.code != LK_OK)
		fail_msg("seed %d: %s", (int)seed, err.what);
}

static void
check_round(uint64_t seed)
{
	struct maker *m = maker_new(seed);
	struct history h, other, read;
	BUF_SCOPED once = { 0 };
	BUF_SCOPED twice = { 0 };

	buf_init(&once, DOCUMENT_BODY_MAX);
	buf_init(&twice, DOCUMENT_BODY_MAX);
	history_of(&h, m);
	history_of(&other, m);
	check_ok(seed, history_write(&once, h.changes, h.changes_len));
	assert_int_equal(
	    history_write(&twice, other.changes, other.changes_len).code,
	    LK_OK);
	assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
	/* The reader checks the order of rows by another method than the
	 * writer makes it, and every hash. */
	check_ok(seed, history_read(&read, buf_bytes(&once)));
	assert_int_equal(read.changes_len, h.changes_len);
	for (size_t i = 0; i < read.changes_len; i++)
		assert_true(
		    bytes_equal(read.changes[i].body, h.changes[i].body));
	history_clear(&h);
	history_clear(&other);
	history_clear(&read);
	maker_free(m);
}

static void
random_histories_survive_as_documents_whatever_their_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		check_round(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    random_histories_survive_as_documents_whatever_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
