#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "crdt/column.h"

#define COLUMN_MAX 4096
#define ROWS_MAX 64

static const enum column_type run_types[] = { COLUMN_GROUP, COLUMN_ACTOR,
	COLUMN_UINT, COLUMN_DELTA, COLUMN_BOOL, COLUMN_STRING,
	COLUMN_VALUE_META };
#define RUN_TYPES (sizeof(run_types) / sizeof(run_types[0]))

/* A small generator, so that a failure can be repeated. */
static uint32_t
draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static struct cell
draw_cell(uint64_t *seed, enum column_type type)
{
	static const char *const strings[] = { "", "a", "\xc3\xa9",
		"some longer string" };
	static const int64_t numbers[] = { 0, 1, -1, 63, 64, -64, -65,
		INT64_MAX, INT64_MIN };
	const char *str = strings[draw(seed, 4)];
	struct cell c = { 0 };

	if (type != COLUMN_BOOL && draw(seed, 4) == 0)
		return CELL_NULL;
	switch (type) {
	case COLUMN_DELTA:
		c.i64 = numbers[draw(seed, 9)];
		break;
	case COLUMN_STRING:
		c.str = BYTES_STR(str);
		break;
	case COLUMN_BOOL:
		c.u64 = draw(seed, 2);
		break;
	case COLUMN_GROUP:
	case COLUMN_ACTOR:
	case COLUMN_UINT:
	case COLUMN_VALUE_META:
	case COLUMN_VALUE:
		c.u64 = (uint64_t)numbers[draw(seed, 9)];
		break;
	}
	return c;
}

static void
check_cell(enum column_type type, const struct cell *a, const struct cell *b)
{
	assert_int_equal(a->null, b->null);
	if (a->null)
		return;
	if (type == COLUMN_STRING)
		assert_true(bytes_equal(a->str, b->str));
	else
		assert_true(a->u64 == b->u64);
}

static void
rows_put_are_the_rows_read(void **state)
{
	(void)state;
	for (uint64_t seed = 0, round = 0; round < 4000; round++) {
		enum column_type type = run_types[round % RUN_TYPES];
		size_t n = draw(&seed, ROWS_MAX);
		struct column_writer w;
		struct column_reader r;
		struct column_size size;
		struct cell rows[ROWS_MAX], got;
		struct bytes data;

		column_writer_init(&w, type, COLUMN_MAX);
		for (size_t i = 0; i < n; i++) {
			/* Repeats often. */
			rows[i] = i > 0 && draw(&seed, 2)
			    ? rows[i - 1]
			    : draw_cell(&seed, type);
			column_put(&w, rows[i]);
		}
		assert_int_equal(column_finish(&w, &data).code, LK_OK);
		column_reader_init(&r, type, data);
		for (size_t i = 0; i < n; i++) {
			assert_true(column_next(&r, &got));
			check_cell(type, &rows[i], &got);
		}
		assert_int_equal(column_end(&r, "").code, LK_OK);
		if (type != COLUMN_GROUP && data.len > 0) {
			assert_int_equal(
			    column_measure(&size, type, data, n).code, LK_OK);
			assert_int_equal(size.rows, n);
			assert_int_equal(
			    column_measure(&size, type, data, n - 1).code,
			    LK_E_LIMIT);
		}
		column_writer_clear(&w);
	}
}

/* Writes what a column holds again; false: it holds too much, or is none. */
static bool
column_again(enum column_type type, struct bytes data, struct bytes *again,
    struct column_writer *w)
{
	struct column_reader r;
	struct cell c;

	column_reader_init(&r, type, data);
	if (r.absent)
		return false;
	for (size_t rows = 0; column_next(&r, &c); rows++) {
		if (rows == COLUMN_MAX)
			return false;
		column_put(w, c);
	}
	assert_int_equal(column_finish(w, again).code, LK_OK);
	return column_end(&r, "").code == LK_OK;
}

/* Runs of few kinds, so that most of what they make is nearly a column. */
static size_t
draw_runs(uint64_t *seed, enum column_type type, uint8_t *out)
{
	size_t n = 0;

	for (uint32_t runs = draw(seed, 5) + 1; runs > 0; runs--) {
		uint32_t kind = draw(seed, 3), items = draw(seed, 4);

		if (type == COLUMN_BOOL) {
			out[n++] = (uint8_t)items;
			continue;
		}
		/* Null, literals, a repetition: a literal may say it is none.
		 */
		out[n++] = kind == 0
		    ? 0
		    : (uint8_t)(kind == 1 ? 0x80 - items : items) & 0x7f;
		if (kind == 0)
			out[n++] = (uint8_t)items;
		for (uint32_t i = 0; kind > 0 && i < (kind == 1 ? items : 1);
		     i++) {
			uint8_t item = (uint8_t)draw(seed, 2);

			out[n++] = item;
			if (type == COLUMN_STRING && item > 0)
				out[n++] = (uint8_t)('a' + draw(seed, 2));
		}
	}
	return n;
}

static void
a_column_is_canonical_when_writing_its_rows_makes_it(void **state)
{
	size_t canonical = 0, other = 0;

	(void)state;
	for (uint64_t seed = 7, round = 0; round < 70000; round++) {
		enum column_type type = run_types[round % RUN_TYPES];
		uint8_t bytes[64];
		struct bytes data = BYTES(bytes, draw_runs(&seed, type, bytes)),
			     again;
		struct column_writer w;
		bool same;

		column_writer_init(&w, type, COLUMN_MAX * 16);
		same = column_again(type, data, &again, &w) &&
		    bytes_equal(data, again);
		if (column_canonical(type, data) != same)
			fail_msg("round %u", (unsigned)round);
		canonical += same;
		other += !same;
		column_writer_clear(&w);
	}
	assert_true(canonical > 3000 && other > 3000);
	assert_false(column_canonical(COLUMN_UINT, BYTES(NULL, 0)));
	assert_false(column_canonical(COLUMN_VALUE, BYTES(NULL, 0)));
}

static void
check_encoded(
    enum column_type type, const struct cell *rows, size_t n, const char *hex)
{
	struct column_writer w;
	struct bytes data;
	char got[256];

	column_writer_init(&w, type, COLUMN_MAX);
	/* What was in it before leaves no trace. */
	column_put(&w, CELL_U64(1));
	column_writer_reset(&w);
	for (size_t i = 0; i < n; i++)
		column_put(&w, rows[i]);
	assert_int_equal(column_finish(&w, &data).code, LK_OK);
	assert_true(data.len < sizeof(got) / 2);
	hex_encode(got, data);
	assert_string_equal(got, hex);
	column_writer_clear(&w);
}

static void
runs_are_as_long_as_they_can_be(void **state)
{
	const struct cell literals[] = { CELL_U64(1), CELL_U64(2),
		CELL_U64(3) };
	const struct cell mixed[] = { CELL_U64(1), CELL_U64(2), CELL_U64(2),
		CELL_NULL, CELL_NULL, CELL_U64(5) };
	const struct cell nulls[] = { CELL_NULL, CELL_NULL };
	const struct cell deltas[] = { CELL_I64(5), CELL_NULL, CELL_I64(6),
		CELL_I64(7), CELL_I64(8) };
	const struct cell flags[] = { CELL_U64(1), CELL_U64(1), CELL_U64(0) };

	(void)state;
	check_encoded(COLUMN_UINT, literals, 3, "7d010203");
	check_encoded(COLUMN_UINT, mixed, 6, "7f01020200027f05");
	check_encoded(COLUMN_UINT, nulls, 2, "");
	check_encoded(COLUMN_DELTA, deltas, 5, "7f0500010301");
	check_encoded(COLUMN_BOOL, flags, 3, "000201");
	check_encoded(COLUMN_STRING, nulls, 2, "");
	check_encoded(COLUMN_UINT, literals, 0, "");
}

/* Reads to the end; how often a row came. */
static enum lk_code
column_verdict(enum column_type type, const char *hex, size_t rows)
{
	size_t len = strlen(hex) / 2;
	uint8_t *data = malloc(len + 1);
	struct column_reader r;
	struct cell c;
	enum lk_code code;

	assert_non_null(data);
	assert_true(hex_decode(data, len, hex));
	column_reader_init(&r, type, BYTES(data, len));
	for (size_t i = 0; i < rows; i++)
		if (!column_next(&r, &c))
			break;
	code = column_end(&r, "").code;
	free(data);
	return code;
}

static void
columns_that_are_no_columns_are_refused(void **state)
{
	(void)state;
	assert_int_equal(column_verdict(COLUMN_UINT, "0205", 2), LK_OK);
	/* Overlong count, overlong value, overlong run of nulls. */
	assert_int_equal(
	    column_verdict(COLUMN_UINT, "820005", 2), LK_E_MALFORMED);
	assert_int_equal(
	    column_verdict(COLUMN_UINT, "028500", 2), LK_E_MALFORMED);
	assert_int_equal(
	    column_verdict(COLUMN_UINT, "008100", 1), LK_E_MALFORMED);
	/* More rows than asked for. */
	assert_int_equal(
	    column_verdict(COLUMN_UINT, "0305", 2), LK_E_MALFORMED);
	/* The end comes too early. */
	assert_int_equal(column_verdict(COLUMN_UINT, "02", 2), LK_E_TRUNCATED);
	assert_int_equal(
	    column_verdict(COLUMN_UINT, "7d0102", 3), LK_E_TRUNCATED);
	assert_int_equal(
	    column_verdict(COLUMN_STRING, "020261", 2), LK_E_TRUNCATED);
	assert_int_equal(
	    column_verdict(COLUMN_STRING, "0201ff", 2), LK_E_MALFORMED);
	/* A literal run of 2^63 items. */
	assert_int_equal(
	    column_verdict(COLUMN_UINT, "8080808080808080807f01", 2),
	    LK_E_TRUNCATED);
}

static void
huge_runs_are_counted_and_not_visited(void **state)
{
	static const uint8_t rows[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 0xc0, 0x00, 0x01 };
	static const uint8_t groups[] = { 0x7e, 0xff, 0xff, 0xff, 0xff, 0x0f,
		0xff, 0xff, 0xff, 0xff, 0x0f };
	struct column_size size;

	(void)state;
	assert_int_equal(
	    column_measure(&size, COLUMN_UINT, BYTES_OF(rows), INT64_MAX).code,
	    LK_OK);
	assert_true(size.rows == UINT64_C(1) << 62);
	assert_int_equal(
	    column_measure(&size, COLUMN_UINT, BYTES_OF(rows), UINT32_MAX).code,
	    LK_E_LIMIT);
	assert_int_equal(
	    column_measure(&size, COLUMN_GROUP, BYTES_OF(groups), UINT32_MAX)
		.code,
	    LK_E_LIMIT);
	assert_int_equal(
	    column_measure(&size, COLUMN_GROUP, BYTES_OF(groups), UINT64_MAX)
		.code,
	    LK_OK);
	assert_true(size.sum == 2 * (uint64_t)UINT32_MAX);
}

static void
column_metadata_must_ascend(void **state)
{
	static const uint8_t good[] = { 2, 0x01, 1, 0x1a, 2, 9, 9, 9 };
	static const uint8_t twice[] = { 2, 0x01, 1, 0x09, 2, 9, 9, 9 };
	static const uint8_t many[] = { 5, 0x01, 1, 0x02, 1 };
	static const uint8_t beyond[] = { 1, 0x01, 9, 9 };
	struct column columns[4];
	struct rd r = rd_over(BYTES_OF(good));
	size_t n;

	(void)state;
	assert_int_equal(columns_read_meta(&r, columns, 4, &n).code, LK_OK);
	assert_int_equal(columns_read_data(&r, columns, n).code, LK_OK);
	assert_int_equal(n, 2);
	assert_int_equal(columns_find(columns, n, 0x12).len, 2);
	assert_int_equal(columns_find(columns, n, 0x13).len, 0);
	r = rd_over(BYTES_OF(twice));
	assert_int_equal(
	    columns_read_meta(&r, columns, 4, &n).code, LK_E_MALFORMED);
	r = rd_over(BYTES_OF(many));
	assert_int_equal(
	    columns_read_meta(&r, columns, 4, &n).code, LK_E_LIMIT);
	r = rd_over(BYTES_OF(beyond));
	assert_int_equal(
	    columns_read_meta(&r, columns, 4, &n).code, LK_E_TRUNCATED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_put_are_the_rows_read),
		cmocka_unit_test(runs_are_as_long_as_they_can_be),
		cmocka_unit_test(
		    a_column_is_canonical_when_writing_its_rows_makes_it),
		cmocka_unit_test(columns_that_are_no_columns_are_refused),
		cmocka_unit_test(huge_runs_are_counted_and_not_visited),
		cmocka_unit_test(column_metadata_must_ascend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
