#include "crdt/column.h"

void
column_reader_init(
    struct column_reader *c, enum column_type type, struct bytes data)
{
	c->rd = rd_over(data);
	c->type = type;
	c->absent = data.len == 0;
	/* Most columns of a small change are absent, and nothing more is
	 * looked at then. */
	if (c->absent)
		return;
	c->run = RUN_LITERAL;
	c->run_left = 0;
	/* The first run of a boolean column turns this into false. */
	c->item = (struct cell){ .u64 = type == COLUMN_BOOL };
	c->sum = 0;
}

static bool
column_malformed(struct column_reader *c)
{
	c->rd.failed = true;
	c->rd.malformed = true;
	return false;
}

static bool
item_read(struct column_reader *c)
{
	switch (c->type) {
	case COLUMN_DELTA:
		c->item.i64 = rd_sleb(&c->rd);
		break;
	case COLUMN_STRING:
		c->item.str = rd_counted(&c->rd);
		if (!c->rd.failed && !utf8_valid(c->item.str))
			return column_malformed(c);
		break;
	case COLUMN_GROUP:
	case COLUMN_ACTOR:
	case COLUMN_UINT:
	case COLUMN_VALUE_META:
		c->item.u64 = rd_uleb(&c->rd);
		break;
	case COLUMN_BOOL:
	case COLUMN_VALUE:
		return column_malformed(c);
	}
	return !c->rd.failed;
}

/* Reads the head of the next run; false at the end or after a failure. */
static bool
run_read(struct column_reader *c)
{
	int64_t n;

	if (c->rd.failed || c->rd.left.len == 0)
		return false;
	if (c->type == COLUMN_BOOL) {
		c->item.u64 ^= 1;
		c->run = RUN_REPEAT;
		c->run_left = rd_uleb(&c->rd);
		return !c->rd.failed;
	}
	n = rd_sleb(&c->rd);
	if (n == 0) {
		c->run = RUN_NULL;
		c->run_left = rd_uleb(&c->rd);
		return !c->rd.failed;
	}
	if (n > 0) {
		c->run = RUN_REPEAT;
		if (!item_read(c))
			return false;
		c->run_left = (uint64_t)n;
		return true;
	}
	/* An item takes a byte at least. */
	if (0 - (uint64_t)n > c->rd.left.len) {
		c->rd.failed = true;
		return false;
	}
	c->run = RUN_LITERAL;
	c->run_left = 0 - (uint64_t)n;
	return true;
}

bool
column_next_run(struct column_reader *c, struct cell *out)
{
	while (c->run_left == 0)
		if (!run_read(c))
			return false;
	if (c->run != RUN_LITERAL)
		return column_next(c, out);
	if (!item_read(c))
		return false;
	c->run_left--;
	*out = c->item;
	if (c->type == COLUMN_DELTA) {
		c->sum += (uint64_t)c->item.i64;
		out->i64 = (int64_t)c->sum;
	}
	return true;
}

lk_err
column_end(struct column_reader *c, const char *what)
{
	struct cell surplus;

	if (!c->absent && column_next(c, &surplus))
		return LK_ERR(LK_E_MALFORMED, what);
	return rd_end(&c->rd, what);
}

lk_err
column_measure(struct column_size *size, enum column_type type,
    struct bytes data, uint64_t max)
{
	const lk_err over = LK_ERR(LK_E_LIMIT, "rows in a column");
	struct column_size s = { 0 };
	struct column_reader c;

	column_reader_init(&c, type, data);
	while (run_read(&c)) {
		uint64_t times = c.run_left;

		if (times > max - s.rows)
			return over;
		s.rows += times;
		/* A literal run is visited item by item, a repeated item once.
		 */
		for (uint64_t i = 0; c.run == RUN_LITERAL && i < times; i++) {
			if (!item_read(&c))
				break;
			if (type == COLUMN_GROUP && c.item.u64 > max - s.sum)
				return over;
			s.sum += type == COLUMN_GROUP ? c.item.u64 : 0;
		}
		if (type == COLUMN_GROUP && c.run == RUN_REPEAT) {
			if (c.item.u64 > (max - s.sum) / times)
				return over;
			s.sum += c.item.u64 * times;
		}
	}
	TRY(rd_end(&c.rd, "a column"));
	*size = s;
	return LK_NONE;
}

/* Whether no two runs of a boolean column could be one. */
static bool
flags_canonical(struct column_reader *c)
{
	uint64_t rows = 0;

	for (bool first = true; run_read(c); first = false) {
		if (c->run_left == 0 && !first)
			return false;
		rows |= c->run_left;
	}
	return !c->rd.failed && rows > 0;
}

/* The items of a run: none like the one before, which a longer run would
 * hold. */
static bool
items_differ(struct column_reader *c, struct cell *last)
{
	uint64_t items = c->run == RUN_LITERAL ? c->run_left : 1;

	for (uint64_t i = 0; i < items; i++) {
		if (c->run == RUN_LITERAL && !item_read(c))
			return false;
		if (!last->null &&
		    (c->type == COLUMN_STRING
			    ? bytes_equal(last->str, c->item.str)
			    : last->u64 == c->item.u64))
			return false;
		*last = c->item;
	}
	return true;
}

bool
column_canonical(enum column_type type, struct bytes data)
{
	struct cell last = CELL_NULL;
	struct column_reader c;
	bool any = false, literal = false;

	column_reader_init(&c, type, data);
	if (c.absent || type == COLUMN_VALUE)
		return !c.absent;
	if (type == COLUMN_BOOL)
		return flags_canonical(&c);
	for (bool first = true; run_read(&c); first = false) {
		if (c.run == RUN_NULL) {
			if (c.run_left == 0 || (!first && last.null))
				return false;
			last = CELL_NULL;
			literal = false;
			continue;
		}
		if (c.run == RUN_REPEAT ? c.run_left < 2 : literal)
			return false;
		if (!items_differ(&c, &last))
			return false;
		literal = c.run == RUN_LITERAL;
		any = true;
	}
	return !c.rd.failed && any;
}

lk_err
columns_read_meta(struct rd *r, struct column *columns, size_t max, size_t *n)
{
	uint64_t count = rd_uleb(r), before = 0;

	if (!r->failed && count > max)
		return LK_ERR(LK_E_LIMIT, "number of columns");
	for (size_t i = 0; i < count && !r->failed; i++) {
		uint64_t spec = rd_uleb(r), len = rd_uleb(r);
		uint64_t plain = spec & ~(uint64_t)COLUMN_DEFLATED;

		if (r->failed)
			break;
		if (spec > UINT32_MAX || (i > 0 && plain <= before))
			return LK_ERR(LK_E_MALFORMED, "order of columns");
		if (len > r->left.len)
			return LK_ERR(LK_E_TRUNCATED, "length of a column");
		columns[i] = (struct column){ .spec = (uint32_t)spec,
			.data = BYTES(NULL, (size_t)len) };
		before = plain;
	}
	if (r->failed)
		return rd_end(r, "column metadata");
	*n = (size_t)count;
	return LK_NONE;
}

lk_err
columns_read_data(struct rd *r, struct column *columns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		columns[i].data = rd_take(r, columns[i].data.len);
	return r->failed ? rd_end(r, "column data") : LK_NONE;
}

struct bytes
columns_find(const struct column *columns, size_t n, uint32_t spec)
{
	static const uint8_t nothing;

	for (size_t i = 0; i < n; i++)
		if ((columns[i].spec & ~COLUMN_DEFLATED) == spec)
			return columns[i].data;
	return BYTES(&nothing, 0);
}
