#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crdt/change_body.h"
#include "crdt/document.h"
#include "crdt/document_read.h"
#include "tests/unit/crdt/doc_replica.h"

/*
 * For each limit of base/limits.h that input can meet: at it, and one beyond.
 * Columns are written by hand, since a few bytes say millions of rows.
 */

#define BIG ((size_t)2 * DOCUMENT_BODY_MAX)

struct columns {
	struct buf data[24];
	struct column at[24];
	size_t len;
};

static void
columns_clear(struct columns *c)
{
	for (size_t i = 0; i < c->len; i++)
		buf_clear(&c->data[i]);
}

#define COLUMNS_SCOPED __attribute__((cleanup(columns_clear))) struct columns

static struct buf *
column_begin(struct columns *c, uint32_t spec)
{
	struct buf *b = &c->data[c->len];

	buf_init(b, BIG);
	c->at[c->len++].spec = spec;
	return b;
}

/* n times the same item. */
static void
column_run(struct columns *c, uint32_t spec, uint64_t n, struct bytes item)
{
	struct buf *b = column_begin(c, spec);

	buf_sleb(b, n == 1 ? -1 : (int64_t)n);
	buf_add(b, item);
}

static void
column_numbers(struct columns *c, uint32_t spec, uint64_t n, uint8_t number)
{
	column_run(c, spec, n, BYTES(&number, 1));
}

static void
column_false(struct columns *c, uint32_t spec, uint64_t n)
{
	buf_uleb(column_begin(c, spec), n);
}

static const struct column *
columns_end(struct columns *c)
{
	for (size_t i = 0; i < c->len; i++)
		c->at[i].data = buf_bytes(&c->data[i]);
	return c->at;
}

/* n times: null at the key "k" of the root. */
static void
columns_of_nulls(struct columns *c, uint64_t n)
{
	column_run(c, 0x15, n, BYTES_STR("\1k"));
	column_false(c, 0x34, n);
	column_numbers(c, 0x42, n, ACTION_SET);
	column_numbers(c, 0x56, n, VALUE_NULL);
	column_numbers(c, 0x70, n, 0);
}

struct body_of {
	struct change_head head;
	struct change_rest rest;
};

static struct body_of
plain_body(void)
{
	return (struct body_of){
		.head = { .actor = BYTES_STR("aa"), .seq = 1, .start_op = 1 }
	};
}

static lk_err
body_verdict(const struct body_of *of)
{
	struct change c;
	BUF_SCOPED body = { .max = BIG };
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, BIG);
	change_head_write(&body, &of->head);
	change_rest_write(&body, &of->rest);
	assert_false(body.failed);
	return change_decode(&c, &arena, buf_bytes(&body));
}

static lk_err
nulls_verdict(uint64_t start_op, uint64_t n)
{
	struct body_of of = plain_body();
	COLUMNS_SCOPED c = { .len = 0 };

	columns_of_nulls(&c, n);
	of.head.start_op = start_op;
	of.rest.columns = columns_end(&c);
	of.rest.columns_len = c.len;
	return body_verdict(&of);
}

static void
a_change_has_so_many_ops(void **state)
{
	(void)state;
	assert_ok(nulls_verdict(1, OPS_FREE));
	assert_code(nulls_verdict(1, OPS_FREE + 1), LK_E_LIMIT);
	assert_code(nulls_verdict(1, UINT64_MAX / 2), LK_E_LIMIT);
}

/* n nulls in a body of so many bytes. */
static lk_err
long_body_verdict(size_t len, uint64_t n)
{
	struct body_of of = plain_body();
	uint8_t *extra = calloc(1, len);
	COLUMNS_SCOPED c = { .len = 0 };
	BUF_SCOPED body = { .max = BIG };
	lk_err err;

	assert_non_null(extra);
	columns_of_nulls(&c, n);
	of.rest.columns = columns_end(&c);
	of.rest.columns_len = c.len;
	change_head_write(&body, &of.head);
	change_rest_write(&body, &of.rest);
	of.rest.extra = BYTES(extra, len - body.len);
	err = body_verdict(&of);
	free(extra);
	return err;
}

static void
a_change_has_more_ops_with_a_byte_for_each(void **state)
{
	const size_t len = OPS_FREE + 4096;

	(void)state;
	assert_ok(long_body_verdict(len, len));
	assert_code(long_body_verdict(len, len + 1), LK_E_LIMIT);
	assert_code(
	    long_body_verdict(CHANGE_BODY_MAX, CHANGE_OPS_MAX + 1), LK_E_LIMIT);
}

static void
counters_end_somewhere(void **state)
{
	const uint64_t last = OP_COUNTER_MAX;

	(void)state;
	assert_ok(nulls_verdict(last, 1));
	assert_ok(nulls_verdict(last - 9, 10));
	assert_code(nulls_verdict(last - 9, 11), LK_E_MALFORMED);
	assert_code(nulls_verdict(last + 1, 1), LK_E_MALFORMED);
	assert_code(nulls_verdict(UINT64_MAX, 1), LK_E_MALFORMED);
}

static void
a_change_is_so_long(void **state)
{
	struct body_of of = plain_body();
	uint8_t *extra = calloc(1, CHANGE_BODY_MAX);
	BUF_SCOPED body = { .max = BIG };

	(void)state;
	assert_non_null(extra);
	change_head_write(&body, &of.head);
	change_rest_write(&body, &of.rest);
	of.rest.extra = BYTES(extra, CHANGE_BODY_MAX - body.len);
	assert_ok(body_verdict(&of));
	of.rest.extra.len++;
	assert_code(body_verdict(&of), LK_E_LIMIT);
	free(extra);
}

static void
a_change_has_so_many_dependencies(void **state)
{
	uint8_t *deps = calloc(CHANGE_DEPS_MAX + 1, LK_ID_LEN);
	struct body_of of = plain_body();

	(void)state;
	assert_non_null(deps);
	for (size_t i = 0; i <= CHANGE_DEPS_MAX; i++)
		for (int k = 0; k < 4; k++)
			deps[i * LK_ID_LEN + (size_t)k] =
			    (uint8_t)(i >> (24 - 8 * k));
	of.head.deps = deps;
	of.head.deps_len = CHANGE_DEPS_MAX;
	assert_ok(body_verdict(&of));
	of.head.deps_len++;
	assert_code(body_verdict(&of), LK_E_LIMIT);
	free(deps);
}

static void
an_actor_is_so_long(void **state)
{
	static const uint8_t actor[ACTOR_LEN_MAX + 1] = { 1 };
	struct body_of of = plain_body();

	(void)state;
	of.head.actor = BYTES(actor, ACTOR_LEN_MAX);
	assert_ok(body_verdict(&of));
	of.head.actor.len++;
	assert_code(body_verdict(&of), LK_E_MALFORMED);
	of.head.actor.len = 0;
	assert_code(body_verdict(&of), LK_E_MALFORMED);
}

/* One op that names an op of each of n actors. */
static lk_err
actors_verdict(uint32_t n)
{
	static const uint8_t author[] = { 0xff, 0xff, 0xff, 0xff, 1 };
	struct change_head head = {
		.actor = BYTES_OF(author), .seq = 1, .start_op = 100
	};
	struct op op = {
		.key_kind = KEY_MAP, .key = BYTES_STR("k"), .action = ACTION_SET
	};
	struct op_id *preds = calloc(n, sizeof(*preds));
	struct change_writer *w = NULL;
	struct change c;
	BUF_SCOPED body = { .max = BIG };
	ARENA_SCOPED arena = { 0 };
	lk_err err;

	assert_non_null(preds);
	arena_init(&arena, BIG);
	assert_ok(change_writer_new(&w, &head));
	err = LK_NONE;
	for (uint32_t i = 0; i < n && err.code == LK_OK; i++) {
		uint8_t actor[4] = { (uint8_t)(i >> 24), (uint8_t)(i >> 16),
			(uint8_t)(i >> 8), (uint8_t)i };

		preds[i].ctr = 1;
		err = change_writer_actor(w, BYTES_OF(actor), &preds[i].actor);
	}
	op.preds = preds;
	op.preds_len = n;
	if (err.code == LK_OK)
		err = change_writer_add(w, &op);
	if (err.code == LK_OK)
		err = change_writer_finish(w, &body);
	change_writer_free(w);
	free(preds);
	TRY(err);
	return change_decode(&c, &arena, buf_bytes(&body));
}

static void
a_change_names_so_many_actors(void **state)
{
	struct body_of of = plain_body();
	struct bytes *others = calloc(DOCUMENT_ACTORS_MAX + 1, sizeof(*others));

	(void)state;
	assert_non_null(others);
	for (size_t i = 0; i <= DOCUMENT_ACTORS_MAX; i++)
		others[i] = BYTES_STR("a");
	/* Its author is one of them to the writer. */
	assert_ok(actors_verdict(DOCUMENT_ACTORS_MAX - 1));
	assert_code(actors_verdict(DOCUMENT_ACTORS_MAX + 1), LK_E_LIMIT);
	of.rest.others = others;
	of.rest.others_len = DOCUMENT_ACTORS_MAX;
	assert_code(body_verdict(&of), LK_E_MALFORMED);
	of.rest.others_len++;
	assert_code(body_verdict(&of), LK_E_LIMIT);
	free(others);
}

#define MANY 70000

/* Change i of as many actors; the last one comes after all and names the ops
 * of all. */
static void
many_body(struct buf *body, uint32_t i, const uint8_t *deps)
{
	uint8_t actor[4] = { (uint8_t)(i >> 24), (uint8_t)(i >> 16),
		(uint8_t)(i >> 8), (uint8_t)i };
	struct change_head head = { .actor = BYTES_OF(actor), .seq = 1 };
	size_t before = i == MANY ? MANY : 0;
	struct op_id *preds = calloc(before + 1, sizeof(*preds));
	struct op op = {
		.key_kind = KEY_MAP, .key = BYTES_STR("k"), .action = ACTION_SET
	};
	struct change_writer *w;

	assert_non_null(preds);
	head.deps = deps;
	head.deps_len = before;
	head.start_op = 1 + (i == MANY);
	assert_ok(change_writer_new(&w, &head));
	for (uint32_t n = 0; n < head.deps_len; n++) {
		actor[1] = (uint8_t)(n >> 16);
		actor[2] = (uint8_t)(n >> 8);
		actor[3] = (uint8_t)n;
		preds[n].ctr = 1;
		assert_ok(
		    change_writer_actor(w, BYTES_OF(actor), &preds[n].actor));
	}
	op.preds = preds;
	op.preds_len = head.deps_len;
	assert_ok(change_writer_add(w, &op));
	assert_ok(change_writer_finish(w, body));
	change_writer_free(w);
	free(preds);
}

static void
more_heads_than_65536_come_back_from_a_file(void **state)
{
	struct bytes *bodies = calloc(MANY + 1, sizeof(*bodies));
	uint8_t *deps = calloc(MANY, LK_ID_LEN);
	BUF_SCOPED body = { .max = BIG };
	struct history once, twice;
	BUF_SCOPED file = { .max = BIG };
	ARENA_SCOPED arena = { 0 };

	(void)state;
	assert_true(bodies != NULL && deps != NULL);
	arena_init(&arena, BIG);
	for (uint32_t i = 0; i <= MANY; i++) {
		buf_reset(&body);
		many_body(&body, i, deps);
		bodies[i] = arena_copy(&arena, buf_bytes(&body));
		if (i < MANY)
			chunk_hash(deps + (size_t)i * LK_ID_LEN, CHUNK_CHANGE,
			    bodies[i]);
	}
	assert_ok(history_from_changes(&once, bodies, MANY + 1));
	assert_ok(history_write(&file, once.changes, once.changes_len));
	assert_ok(history_read(&twice, buf_bytes(&file)));
	assert_int_equal(twice.changes_len, MANY + 1);
	for (size_t i = 0; i <= MANY; i++)
		assert_memory_equal(
		    once.changes[i].hash, twice.changes[i].hash, LK_ID_LEN);
	history_clear(&once);
	history_clear(&twice);
	free(deps);
	free(bodies);
}

/* A chunk of zeros, with a checksum of zeros. */
static lk_err
length_verdict(enum chunk_type type, size_t len)
{
	uint8_t *file = calloc(1, len + 16);
	struct chunk chunk;
	struct rd r;
	BUF_SCOPED head = { .max = 16 };
	ARENA_SCOPED arena = { 0 };
	lk_err err;

	assert_non_null(file);
	arena_init(&arena, BIG);
	buf_mem(&head, "\x85\x6f\x4a\x83\0\0\0\0", 8);
	buf_u8(&head, (uint8_t)type);
	buf_uleb(&head, len);
	memcpy(file, head.ptr, head.len);
	r = rd_over(BYTES(file, head.len + len));
	err = chunk_next(&r, &arena, &chunk);
	free(file);
	return err;
}

static void
a_chunk_is_so_long(void **state)
{
	(void)state;
	assert_code(
	    length_verdict(CHUNK_CHANGE, CHANGE_BODY_MAX), LK_E_MALFORMED);
	assert_code(
	    length_verdict(CHUNK_CHANGE, CHANGE_BODY_MAX + 1), LK_E_LIMIT);
	assert_code(length_verdict(CHUNK_DEFLATED_CHANGE, CHANGE_BODY_MAX + 1),
	    LK_E_LIMIT);
	assert_code(
	    length_verdict(CHUNK_DOCUMENT, DOCUMENT_BODY_MAX), LK_E_MALFORMED);
	assert_code(
	    length_verdict(CHUNK_DOCUMENT, DOCUMENT_BODY_MAX + 1), LK_E_LIMIT);
}

/* n bytes, most of them alike, that are not deflated by INFLATE_RATIO_MAX. */
static uint8_t *
compressible(size_t n)
{
	struct dice dice = dice_of(n);
	uint8_t *at = calloc(1, n);

	assert_non_null(at);
	for (size_t i = 0; i < n; i += 4096)
		at[i] = (uint8_t)dice_roll(&dice, 256);
	return at;
}

static lk_err
inflated_verdict(size_t len)
{
	uint8_t *bytes = compressible(len), hash[LK_ID_LEN];
	struct chunk chunk;
	struct rd r;
	BUF_SCOPED deflated = { .max = BIG };
	BUF_SCOPED file = { .max = BIG };
	ARENA_SCOPED arena = { 0 };
	lk_err err;

	arena_init(&arena, BIG);
	chunk_hash(hash, CHUNK_CHANGE, BYTES(bytes, len));
	assert_ok(deflate_raw(&deflated, BYTES(bytes, len)));
	free(bytes);
	buf_mem(&file, "\x85\x6f\x4a\x83", 4);
	buf_mem(&file, hash, 4);
	buf_u8(&file, CHUNK_DEFLATED_CHANGE);
	buf_counted(&file, buf_bytes(&deflated));
	r = rd_over(buf_bytes(&file));
	err = chunk_next(&r, &arena, &chunk);
	return err;
}

static void
a_chunk_inflates_to_so_much(void **state)
{
	(void)state;
	assert_ok(inflated_verdict(CHANGE_BODY_MAX));
	assert_code(inflated_verdict((size_t)CHANGE_BODY_MAX + 1), LK_E_LIMIT);
}

/* What was deflated to less than a thousandth, over a megabyte. */
static void
bytes_inflate_to_so_many_times_as_many(void **state)
{
	static const size_t len = (size_t)4 * 1024 * 1024;
	uint8_t *zeros = calloc(1, len);
	BUF_SCOPED deflated = { .max = BIG };
	BUF_SCOPED out = { .max = BIG };
	BUF_SCOPED bomb = { .max = BIG };

	(void)state;
	assert_non_null(zeros);
	assert_ok(deflate_raw(&deflated, BYTES(zeros, len)));
	free(zeros);
	assert_ok(inflate_raw(&out, buf_bytes(&deflated), BIG));
	assert_int_equal(out.len, len);
	buf_reset(&out);
	assert_code(
	    inflate_raw(&out, buf_bytes(&deflated), len - 1), LK_E_LIMIT);
	/* Stored once in 64 KiB, then again and again by reference. */
	zeros = calloc(1, 64 * len);
	assert_non_null(zeros);
	assert_ok(deflate_raw(&bomb, BYTES(zeros, 64 * len)));
	free(zeros);
	assert_code(inflate_raw(&out, buf_bytes(&bomb), BIG), LK_E_LIMIT);
}

/* The body of a document: so many actors, changes and op columns. */
static void
document_body(struct buf *body, size_t actors, struct columns *changes,
    struct columns *ops)
{
	const struct column *c = columns_end(changes), *o = columns_end(ops);

	buf_uleb(body, actors);
	for (uint32_t i = 0; i < actors; i++) {
		uint8_t actor[4] = { (uint8_t)(i >> 24), (uint8_t)(i >> 16),
			(uint8_t)(i >> 8), (uint8_t)i };

		buf_counted(body, BYTES_OF(actor));
	}
	buf_uleb(body, 0);
	columns_write_meta(body, c, changes->len);
	columns_write_meta(body, o, ops->len);
	columns_write_data(body, c, changes->len);
	columns_write_data(body, o, ops->len);
	assert_false(body->failed);
}

static lk_err
parse_verdict(struct buf *body)
{
	struct document d;
	lk_err err = document_parse(&d, buf_bytes(body));

	document_clear(&d);
	return err;
}

/* n changes of one actor, each on top of nothing, with one op at most. */
static void
columns_of_changes(struct columns *c, uint64_t n, uint8_t max_op_step)
{
	column_numbers(c, 0x01, n, 0);
	column_numbers(c, 0x03, n, 1);
	column_numbers(c, 0x13, n, max_op_step);
	column_numbers(c, 0x23, n, 0);
	column_numbers(c, 0x40, n, 0);
	column_numbers(c, 0x56, n, VALUE_BYTES);
}

/* n values of the key "k", ids ascending. */
static void
columns_of_rows(struct columns *c, uint64_t n)
{
	column_run(c, 0x15, n, BYTES_STR("\1k"));
	column_numbers(c, 0x21, n, 0);
	column_numbers(c, 0x23, n, 1);
	column_false(c, 0x34, n);
	column_numbers(c, 0x42, n, ACTION_SET);
	column_numbers(c, 0x56, n, VALUE_NULL);
	column_numbers(c, 0x80, n, 0);
}

static lk_err
document_verdict(size_t actors, uint64_t changes_len, uint64_t ops_len)
{
	COLUMNS_SCOPED changes = { .len = 0 };
	COLUMNS_SCOPED ops = { .len = 0 };
	BUF_SCOPED body = { .max = BIG };

	columns_of_changes(&changes, changes_len, 1);
	columns_of_rows(&ops, ops_len);
	document_body(&body, actors, &changes, &ops);
	return parse_verdict(&body);
}

static void
a_document_has_so_many_ops(void **state)
{
	(void)state;
	assert_ok(document_verdict(1, 1, OPS_FREE));
	assert_code(document_verdict(1, 1, OPS_FREE + 1), LK_E_LIMIT);
}

/* n rows in a body of so many bytes, most of them of a column nobody knows. */
static lk_err
long_document_verdict(size_t len, uint64_t n)
{
	static const size_t less = 4096;
	size_t padding = len - less;
	lk_err err = LK_NONE;

	for (int pass = 0; pass < 2; pass++) {
		COLUMNS_SCOPED changes = { .len = 0 };
		COLUMNS_SCOPED ops = { .len = 0 };
		BUF_SCOPED body = { .max = BIG };
		struct buf *pad;

		columns_of_changes(&changes, 8, 1);
		columns_of_rows(&ops, n);
		pad = column_begin(&ops, 0x100);
		for (size_t i = 0; i < padding; i++)
			buf_u8(pad, 0);
		document_body(&body, 1, &changes, &ops);
		if (pass == 1)
			assert_int_equal(body.len, len);
		padding += len - body.len;
		if (pass == 1)
			err = parse_verdict(&body);
	}
	return err;
}

static void
a_document_has_more_ops_with_bytes_for_them(void **state)
{
	const size_t len = OPS_FREE / DOCUMENT_OPS_PER_BYTE + 1024;

	(void)state;
	assert_ok(long_document_verdict(len, len * DOCUMENT_OPS_PER_BYTE));
	assert_code(long_document_verdict(len, len * DOCUMENT_OPS_PER_BYTE + 1),
	    LK_E_LIMIT);
	assert_code(
	    long_document_verdict(8 * len, (uint64_t)DOCUMENT_OPS_MAX + 1),
	    LK_E_LIMIT);
}

static void
a_document_has_so_many_changes(void **state)
{
	(void)state;
	assert_ok(document_verdict(1, HISTORY_CHANGES_MAX, 1));
	assert_code(
	    document_verdict(1, HISTORY_CHANGES_MAX + 1, 1), LK_E_LIMIT);
}

static void
a_document_has_so_many_actors(void **state)
{
	(void)state;
	assert_ok(document_verdict(DOCUMENT_ACTORS_MAX, 1, 1));
	assert_code(
	    document_verdict(DOCUMENT_ACTORS_MAX + 1, 1, 1), LK_E_LIMIT);
}

/* Columns that nobody knows are carried by some. */
static lk_err
columns_verdict(size_t n)
{
	COLUMNS_SCOPED changes = { .len = 0 };
	COLUMNS_SCOPED ops = { .len = 0 };
	BUF_SCOPED body = { .max = BIG };
	struct column all[DOCUMENT_COLUMNS_MAX + 1];

	columns_of_changes(&changes, 1, 0);
	(void)columns_end(&changes);
	memcpy(all, changes.at, changes.len * sizeof(all[0]));
	for (size_t i = changes.len; i < n; i++)
		all[i] = (struct column){ .spec = (uint32_t)(0x100 + 16 * i),
			.data = BYTES_STR("\1") };
	buf_uleb(&body, 1);
	buf_counted(&body, BYTES_STR("a"));
	buf_uleb(&body, 0);
	columns_write_meta(&body, all, n);
	columns_write_meta(&body, NULL, 0);
	columns_write_data(&body, all, n);
	return parse_verdict(&body);
}

static void
a_document_has_so_many_columns(void **state)
{
	(void)state;
	assert_ok(columns_verdict(DOCUMENT_COLUMNS_MAX));
	assert_code(columns_verdict(DOCUMENT_COLUMNS_MAX + 1), LK_E_LIMIT);
}

/* A column of values that inflates to n bytes: more than any row has. */
static lk_err
deflated_verdict(size_t n)
{
	COLUMNS_SCOPED changes = { .len = 0 };
	COLUMNS_SCOPED ops = { .len = 0 };
	BUF_SCOPED body = { .max = BIG };
	uint8_t *bytes = compressible(n);

	columns_of_changes(&changes, 1, 1);
	columns_of_rows(&ops, 1);
	/* In place of the last one, which comes behind it. */
	buf_clear(&ops.data[--ops.len]);
	assert_ok(deflate_raw(
	    column_begin(&ops, 0x57 | COLUMN_DEFLATED), BYTES(bytes, n)));
	free(bytes);
	column_numbers(&ops, 0x80, 1, 0);
	document_body(&body, 1, &changes, &ops);
	return parse_verdict(&body);
}

static void
a_document_inflates_to_so_much(void **state)
{
	(void)state;
	assert_code(deflated_verdict(DOCUMENT_BODY_MAX), LK_E_MALFORMED);
	assert_code(
	    deflated_verdict((size_t)DOCUMENT_BODY_MAX + 1), LK_E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_has_so_many_ops),
		cmocka_unit_test(a_change_has_more_ops_with_a_byte_for_each),
		cmocka_unit_test(counters_end_somewhere),
		cmocka_unit_test(a_change_is_so_long),
		cmocka_unit_test(a_change_has_so_many_dependencies),
		cmocka_unit_test(an_actor_is_so_long),
		cmocka_unit_test(a_change_names_so_many_actors),
		cmocka_unit_test(more_heads_than_65536_come_back_from_a_file),
		cmocka_unit_test(a_chunk_is_so_long),
		cmocka_unit_test(a_chunk_inflates_to_so_much),
		cmocka_unit_test(bytes_inflate_to_so_many_times_as_many),
		cmocka_unit_test(a_document_has_so_many_ops),
		cmocka_unit_test(a_document_has_more_ops_with_bytes_for_them),
		cmocka_unit_test(a_document_has_so_many_changes),
		cmocka_unit_test(a_document_has_so_many_actors),
		cmocka_unit_test(a_document_has_so_many_columns),
		cmocka_unit_test(a_document_inflates_to_so_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
