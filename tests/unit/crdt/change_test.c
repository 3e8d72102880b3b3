#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/change.h"
#include "tests/unit/crdt/change_again.h"
#include "tests/unit/crdt/data_file.h"

#define VECTORS 40
#define TEST_ARENA_MAX ((size_t)256 * 1024 * 1024)

typedef void body_fn(struct arena *, struct bytes body);

/* Calls fn for every change chunk of a .changes file. */
static void
each_body_of(const char *name, body_fn *fn)
{
	BUF_SCOPED file = { 0 };
	struct rd r;

	assert_true(data_file(&file, "vectors", name, ".changes"));
	r = rd_over(buf_bytes(&file));
	while (r.left.len > 0) {
		ARENA_SCOPED arena = { 0 };
		struct chunk chunk;

		arena_init(&arena, TEST_ARENA_MAX);
		assert_int_equal(chunk_next(&r, &arena, &chunk).code, LK_OK);
		assert_int_equal(chunk.type, CHUNK_CHANGE);
		fn(&arena, chunk.body);
	}
}

static void
each_body_visit(const char *name, void *ctx)
{
	each_body_of(name, *(body_fn **)ctx);
}

static void
each_body(body_fn *fn)
{
	assert_int_equal(
	    data_each("vectors", ".changes", each_body_visit, &fn), VECTORS);
}

static void
check_again(struct arena *arena, struct bytes body)
{
	uint8_t hash[LK_ID_LEN];
	struct change c;
	BUF_SCOPED again = { 0 };
	lk_err err = change_decode(&c, arena, body);

	assert_string_equal(err.code == LK_OK ? "" : err.what, "");
	chunk_hash(hash, CHUNK_CHANGE, body);
	assert_memory_equal(hash, c.hash, LK_ID_LEN);
	buf_init(&again, CHANGE_BODY_MAX);
	assert_int_equal(change_again(&c, &again).code, LK_OK);
	assert_int_equal(again.len, body.len);
	assert_memory_equal(again.ptr, body.ptr, body.len);
}

static void
every_change_of_every_vector_is_written_as_automerge_wrote_it(void **state)
{
	(void)state;
	each_body(check_again);
}

static void
check_lean(struct arena *arena, struct bytes body)
{
	struct change c;
	struct change_head head;
	BUF_SCOPED lean = { 0 };
	BUF_SCOPED full = { 0 };

	assert_int_equal(change_decode(&c, arena, body).code, LK_OK);
	head = (struct change_head){ .deps = c.deps,
		.deps_len = c.deps_len,
		.actor = c.actor,
		.seq = c.seq,
		.start_op = c.start_op };
	buf_init(&lean, CHANGE_BODY_MAX);
	buf_init(&full, CHANGE_BODY_MAX);
	change_lean(&lean, &c);
	assert_true(lean.len < body.len);
	assert_int_equal(
	    change_unlean(&full, buf_bytes(&lean), &head).code, LK_OK);
	assert_true(bytes_equal(buf_bytes(&full), body));
}

static void
a_lean_change_and_its_head_make_the_change_again(void **state)
{
	(void)state;
	each_body(check_lean);
}

/* Copied to the heap, so that reading one byte too far is noticed. */
static lk_err
decode_exactly(struct bytes body, struct change *c, struct arena *arena)
{
	uint8_t *copy = malloc(body.len == 0 ? 1 : body.len);
	lk_err err;

	assert_non_null(copy);
	if (body.len > 0)
		memcpy(copy, body.ptr, body.len);
	err = change_decode(c, arena, BYTES(copy, body.len));
	if (err.code == LK_OK) {
		struct bytes kept = arena_copy(arena, body);

		assert_int_equal(change_decode(c, arena, kept).code, LK_OK);
	}
	free(copy);
	return err;
}

static void
check_prefixes(struct arena *arena, struct bytes body)
{
	struct change whole;

	assert_int_equal(change_decode(&whole, arena, body).code, LK_OK);
	if (body.len > 2000)
		return;
	for (size_t n = 0; n < body.len; n++) {
		ARENA_SCOPED scratch = { 0 };
		struct change c;
		lk_err err;

		arena_init(&scratch, TEST_ARENA_MAX);
		err = decode_exactly(BYTES(body.ptr, n), &c, &scratch);
		/* Extra bytes end where the body ends. */
		if (n >= body.len - whole.extra.len)
			assert_int_equal(err.code, LK_OK);
		else
			assert_int_equal(err.code, LK_E_TRUNCATED);
	}
}

static void
every_proper_prefix_is_truncated(void **state)
{
	(void)state;
	each_body(check_prefixes);
}

static void
check_flips(struct arena *arena, struct bytes body)
{
	uint8_t *copy = arena_alloc(arena, body.len);

	if (body.len > 400)
		return;
	assert_non_null(copy);
	memcpy(copy, body.ptr, body.len);
	for (size_t i = 0; i < body.len * 8; i++) {
		ARENA_SCOPED scratch = { 0 };
		struct change c;

		arena_init(&scratch, TEST_ARENA_MAX);
		copy[i / 8] ^= (uint8_t)(1u << i % 8);
		if (decode_exactly(BYTES(copy, body.len), &c, &scratch).code ==
		    LK_OK)
			check_again(&scratch, BYTES(copy, body.len));
		copy[i / 8] = body.ptr[i / 8];
	}
}

static void
a_change_with_one_bit_flipped_is_refused_or_canonical(void **state)
{
	(void)state;
	each_body_of("02-scalars", check_flips);
	each_body_of("06-list-ops", check_flips);
	each_body_of("12-counter-conflict-increment", check_flips);
	each_body_of("18-list-conflicts", check_flips);
	each_body_of("20-marks-concurrent", check_flips);
	each_body_of("22-messages-times-empty", check_flips);
}

static const uint8_t author[] = { 0x50 };

static struct change_head
simple_head(void)
{
	return (struct change_head){
		.actor = BYTES_OF(author), .seq = 1, .start_op = 10
	};
}

static struct op
set_op(const char *key, const struct op_id *preds, size_t preds_len)
{
	return (struct op){ .key_kind = KEY_MAP,
		.key = BYTES_STR(key),
		.action = ACTION_SET,
		.value = { .type = VALUE_INT, .i64 = -3 },
		.preds = preds,
		.preds_len = preds_len };
}

static void
the_writer_sorts_actors_and_predecessors_and_drops_unused_actors(void **state)
{
	static const uint8_t high[] = { 0x70 }, low[] = { 0x20 },
			     unused[] = { 0x10 };
	struct change_head head = simple_head();
	struct change_writer *w;
	uint32_t n_high, n_low, n_unused, n_again;
	struct op_id preds[3];
	struct op op;
	struct op_reader *reader;
	struct change c;
	BUF_SCOPED body = { 0 };
	ARENA_SCOPED arena = { 0 };

	(void)state;
	arena_init(&arena, TEST_ARENA_MAX);
	buf_init(&body, CHANGE_BODY_MAX);
	assert_int_equal(change_writer_new(&w, &head).code, LK_OK);
	assert_int_equal(
	    change_writer_actor(w, BYTES_OF(unused), &n_unused).code, LK_OK);
	assert_int_equal(
	    change_writer_actor(w, BYTES_OF(high), &n_high).code, LK_OK);
	assert_int_equal(
	    change_writer_actor(w, BYTES_OF(low), &n_low).code, LK_OK);
	assert_int_equal(
	    change_writer_actor(w, BYTES_OF(high), &n_again).code, LK_OK);
	assert_int_equal(n_high, n_again);
	preds[0] = (struct op_id){ .ctr = 5, .actor = n_high };
	preds[1] = (struct op_id){ .ctr = 5, .actor = 0 };
	preds[2] = (struct op_id){ .ctr = 5, .actor = n_low };
	op = set_op("k", preds, 3);
	assert_int_equal(change_writer_add(w, &op).code, LK_OK);
	assert_int_equal(change_writer_ops(w), 1);
	assert_int_equal(change_writer_finish(w, &body).code, LK_OK);
	change_writer_free(w);

	assert_int_equal(
	    change_decode(&c, &arena, buf_bytes(&body)).code, LK_OK);
	assert_int_equal(c.others_len, 2);
	assert_int_equal(c.others[0].ptr[0], low[0]);
	assert_int_equal(c.others[1].ptr[0], high[0]);
	assert_int_equal(change_max_op(&c), 10);
	assert_int_equal(op_reader_new(&reader, &c).code, LK_OK);
	assert_true(op_reader_next(reader, &op));
	assert_int_equal(op.preds_len, 3);
	assert_int_equal(op.preds[0].actor, 1);
	assert_int_equal(op.preds[1].actor, 0);
	assert_int_equal(op.preds[2].actor, 2);
	assert_false(op_reader_next(reader, &op));
	op_reader_free(reader);
}

static void
the_writer_sorts_dependencies(void **state)
{
	uint8_t deps[3 * LK_ID_LEN] = { 0 };
	struct change_head head = simple_head();
	struct change_writer *w;
	struct change c;
	BUF_SCOPED body = { 0 };
	ARENA_SCOPED arena = { 0 };

	(void)state;
	deps[0] = 3;
	deps[LK_ID_LEN] = 1;
	deps[2 * LK_ID_LEN] = 2;
	head.deps = deps;
	head.deps_len = 3;
	arena_init(&arena, TEST_ARENA_MAX);
	buf_init(&body, CHANGE_BODY_MAX);
	assert_int_equal(change_writer_new(&w, &head).code, LK_OK);
	assert_int_equal(change_writer_finish(w, &body).code, LK_OK);
	change_writer_free(w);
	assert_int_equal(
	    change_decode(&c, &arena, buf_bytes(&body)).code, LK_OK);
	assert_int_equal(c.ops_len, 0);
	assert_int_equal(change_max_op(&c), 9);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(c.deps[i * LK_ID_LEN], i + 1);
}

static void
every_kind_of_value_survives(void **state)
{
	static const uint8_t raw[] = { 0, 255, 7 };
	const struct value values[] = {
		{ .type = VALUE_NULL },
		{ .type = VALUE_FALSE },
		{ .type = VALUE_TRUE },
		{ .type = VALUE_UINT, .u64 = UINT64_MAX },
		{ .type = VALUE_INT, .i64 = INT64_MIN },
		{ .type = VALUE_INT, .i64 = INT64_MAX },
		{ .type = VALUE_F64, .f64 = { 1, 0, 0, 0, 0, 0, 0xf8, 0x7f } },
		{ .type = VALUE_STR, .bytes = BYTES_STR("\xc3\xa9") },
		{ .type = VALUE_STR },
		{ .type = VALUE_BYTES, .bytes = BYTES_OF(raw) },
		{ .type = VALUE_COUNTER, .i64 = -1 },
		{ .type = VALUE_TIMESTAMP, .i64 = 1700000000000 },
		{ .type = VALUE_UNKNOWN_MAX, .bytes = BYTES_OF(raw) },
	};
	const size_t n = sizeof(values) / sizeof(values[0]);
	struct change_head head = simple_head();
	struct change_writer *w;
	struct op_reader *reader;
	struct op op;
	struct change c;
	BUF_SCOPED body = { 0 };
	ARENA_SCOPED arena = { 0 };

	(void)state;
	arena_init(&arena, TEST_ARENA_MAX);
	buf_init(&body, CHANGE_BODY_MAX);
	assert_int_equal(change_writer_new(&w, &head).code, LK_OK);
	for (size_t i = 0; i < n; i++) {
		op = set_op("k", NULL, 0);
		op.value = values[i];
		assert_int_equal(change_writer_add(w, &op).code, LK_OK);
	}
	assert_int_equal(change_writer_finish(w, &body).code, LK_OK);
	change_writer_free(w);
	assert_int_equal(
	    change_decode(&c, &arena, buf_bytes(&body)).code, LK_OK);
	assert_int_equal(op_reader_new(&reader, &c).code, LK_OK);
	for (size_t i = 0; i < n; i++) {
		assert_true(op_reader_next(reader, &op));
		for (size_t j = 0; j < n; j++)
			assert_int_equal(
			    value_equal(&op.value, &values[j]), i == j);
	}
	op_reader_free(reader);
}

/* A change whose ops are what `fill` adds. */
typedef void fill_fn(struct op *);

static lk_err
one_op_verdict(const struct op *op)
{
	struct change_head head = simple_head();
	struct change_writer *w;
	struct change c;
	BUF_SCOPED body = { 0 };
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, TEST_ARENA_MAX);
	buf_init(&body, CHANGE_BODY_MAX);
	assert_int_equal(change_writer_new(&w, &head).code, LK_OK);
	assert_int_equal(change_writer_add(w, op).code, LK_OK);
	assert_int_equal(change_writer_finish(w, &body).code, LK_OK);
	change_writer_free(w);
	return change_decode(&c, &arena, buf_bytes(&body));
}

static void
ops_that_contradict_themselves_are_refused(void **state)
{
	static const struct op_id old = { .ctr = 3 }, later = { .ctr = 10 };
	const struct op good = set_op("k", &old, 1);
	struct op bad[12];
	size_t n = 0;

	(void)state;
	assert_int_equal(one_op_verdict(&good).code, LK_OK);
	bad[n] = good, bad[n++].preds = &later;
	bad[n] = good, bad[n++].obj = later;
	bad[n] = good, bad[n++].expand = true;
	bad[n] = good, bad[n++].has_mark_name = true;
	bad[n] = good, bad[n++].insert = true;
	bad[n] = good, bad[n++].key_kind = KEY_HEAD;
	bad[n] = good, bad[n++].action = ACTION_MAKE_TABLE;
	bad[n] = good, bad[n++].action = ACTION_DELETE;
	bad[n] = good, bad[n++].action = ACTION_MAKE_LIST;
	bad[n] = good, bad[n++].action = ACTION_MARK;
	bad[n] = good, bad[n].action = ACTION_INCREMENT;
	bad[n++].value.type = VALUE_COUNTER;
	bad[n] = good, bad[n].action = ACTION_INCREMENT;
	bad[n++].preds_len = 0;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(one_op_verdict(&bad[i]).code, LK_E_MALFORMED);
}

static void
a_short_change_that_declares_millions_of_ops_is_refused(void **state)
{
	BUF_SCOPED file = { 0 };
	ARENA_SCOPED arena = { 0 };
	struct chunk chunk;
	struct change c;
	struct rd r;

	(void)state;
	arena_init(&arena, (size_t)64 * 1024);
	assert_true(
	    data_file(&file, "negative", "c53b-huge-consistent", ".automerge"));
	r = rd_over(buf_bytes(&file));
	assert_int_equal(chunk_next(&r, &arena, &chunk).code, LK_OK);
	assert_int_equal(
	    change_decode(&c, &arena, chunk.body).code, LK_E_LIMIT);
}

/* A change of some 128 KiB, with n ops on a key of that length. */
static lk_err
repeated_verdict(size_t n)
{
	static const uint8_t actor[] = { 1 };
	struct change_head head = {
		.actor = BYTES_OF(actor), .seq = 1, .start_op = 1
	};
	struct op put = { .action = ACTION_SET };
	BUF_SCOPED key = { .max = CHANGE_BODY_MAX };
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	ARENA_SCOPED arena = { .max = TEST_ARENA_MAX };
	struct change_writer *w;
	struct change c;

	memset(buf_extend(&key, 128 * 1024), 'x', 128 * 1024);
	put.key = buf_bytes(&key);
	assert_int_equal(change_writer_new(&w, &head).code, LK_OK);
	for (; n > 0; n--)
		assert_int_equal(change_writer_add(w, &put).code, LK_OK);
	assert_int_equal(change_writer_finish(w, &body).code, LK_OK);
	change_writer_free(w);
	assert_true(body.len < 256 * 1024);
	return change_decode(&c, &arena, buf_bytes(&body));
}

static void
a_short_change_that_repeats_a_long_key_is_refused(void **state)
{
	(void)state;
	assert_int_equal(repeated_verdict(2048).code, LK_OK);
	assert_int_equal(repeated_verdict(2049).code, LK_E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_change_of_every_vector_is_written_as_automerge_wrote_it),
		cmocka_unit_test(
		    a_lean_change_and_its_head_make_the_change_again),
		cmocka_unit_test(every_proper_prefix_is_truncated),
		cmocka_unit_test(
		    a_change_with_one_bit_flipped_is_refused_or_canonical),
		cmocka_unit_test(
		    the_writer_sorts_actors_and_predecessors_and_drops_unused_actors),
		cmocka_unit_test(the_writer_sorts_dependencies),
		cmocka_unit_test(every_kind_of_value_survives),
		cmocka_unit_test(ops_that_contradict_themselves_are_refused),
		cmocka_unit_test(
		    a_short_change_that_declares_millions_of_ops_is_refused),
		cmocka_unit_test(
		    a_short_change_that_repeats_a_long_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
