/*
 * Any bytes as a column of any type: what can be read can be written, and the
 * canonical form reads as the same rows.
 */
#include <stdlib.h>

#include "crdt/column.h"

#define ROWS_MAX 48
#define BYTES_MAX ((size_t)8 * 1024 * 1024)

static const enum column_type types[] = { COLUMN_GROUP, COLUMN_DELTA,
	COLUMN_BOOL, COLUMN_STRING };

static bool
same(enum column_type type, const struct cell *a, const struct cell *b)
{
	if (a->null || b->null)
		return a->null == b->null;
	return type == COLUMN_STRING ? bytes_equal(a->str, b->str)
				     : a->u64 == b->u64;
}

static size_t
copy_rows(struct column_writer *w, enum column_type type, struct bytes data)
{
	struct column_reader r;
	struct cell c;
	size_t n = 0;

	column_reader_init(&r, type, data);
	for (; n < ROWS_MAX && !r.absent && column_next(&r, &c); n++)
		column_put(w, c);
	return n;
}

static void
compare_rows(
    enum column_type type, struct bytes data, struct bytes again, size_t n)
{
	struct column_reader a, b;
	struct cell x, y;

	column_reader_init(&a, type, data);
	column_reader_init(&b, type, again);
	for (size_t i = 0; i < n; i++) {
		LK_ASSERT(column_next(&a, &x));
		LK_ASSERT(column_next(&b, &y));
		LK_ASSERT(same(type, &x, &y));
	}
	LK_ASSERT(column_end(&b, "").code == LK_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct column_writer w, v;
	struct column_size size = { 0 };
	struct bytes data, once, twice;
	enum column_type type;
	size_t n;

	if (len < 1)
		return 0;
	type = types[bytes[0] % 4];
	data = BYTES(bytes + 1, len - 1);
	column_writer_init(&w, type, BYTES_MAX);
	column_writer_init(&v, type, BYTES_MAX);
	n = copy_rows(&w, type, data);
	if (column_measure(&size, type, data, ROWS_MAX - 1).code == LK_OK)
		LK_ASSERT(size.rows == n);
	if (column_finish(&w, &once).code == LK_OK) {
		compare_rows(type, data, once, n);
		copy_rows(&v, type, once);
		LK_ASSERT(column_finish(&v, &twice).code == LK_OK);
		LK_ASSERT(bytes_equal(once, twice));
	}
	column_writer_clear(&w);
	column_writer_clear(&v);
	return 0;
}
