#include "crdt/column.h"

void
column_writer_init(
    struct column_writer *c, enum column_type type, size_t bytes_max)
{
	*c = (struct column_writer){ .type = type };
	buf_init(&c->out, bytes_max);
	buf_init(&c->literals, bytes_max);
	buf_init(&c->last, bytes_max);
}

void
column_writer_clear(struct column_writer *c)
{
	buf_clear(&c->out);
	buf_clear(&c->literals);
	buf_clear(&c->last);
}

void
column_writer_reset(struct column_writer *c)
{
	buf_reset(&c->out);
	buf_reset(&c->literals);
	buf_reset(&c->last);
	c->literals_len = 0;
	c->item = (struct cell){ 0 };
	c->run_len = 0;
	c->before = 0;
	c->any = false;
}

static void
item_write(struct buf *b, const struct column_writer *c)
{
	switch (c->type) {
	case COLUMN_DELTA:
		buf_sleb(b, c->item.i64);
		break;
	case COLUMN_STRING:
		buf_counted(b, buf_bytes(&c->last));
		break;
	case COLUMN_GROUP:
	case COLUMN_ACTOR:
	case COLUMN_UINT:
	case COLUMN_BOOL:
	case COLUMN_VALUE_META:
	case COLUMN_VALUE:
		buf_uleb(b, c->item.u64);
		break;
	}
}

static void
literals_flush(struct column_writer *c)
{
	if (c->literals_len == 0)
		return;
	buf_sleb(&c->out, -(int64_t)c->literals_len);
	buf_add(&c->out, buf_bytes(&c->literals));
	c->literals.len = 0;
	c->literals_len = 0;
}

static void
run_flush(struct column_writer *c)
{
	if (c->run_len == 0)
		return;
	if (c->item.null) {
		literals_flush(c);
		buf_sleb(&c->out, 0);
		buf_uleb(&c->out, c->run_len);
	} else if (c->run_len == 1) {
		item_write(&c->literals, c);
		c->literals_len++;
	} else {
		literals_flush(c);
		buf_sleb(&c->out, (int64_t)c->run_len);
		item_write(&c->out, c);
	}
	c->run_len = 0;
}

static void
bool_put(struct column_writer *c, bool v)
{
	if (v != (c->item.u64 != 0)) {
		buf_uleb(&c->out, c->run_len);
		c->item.u64 = v;
		c->run_len = 0;
	}
	c->run_len++;
	c->any = c->any || v;
}

static bool
item_repeats(const struct column_writer *c, const struct cell *v)
{
	if (c->run_len == 0 || c->item.null != v->null)
		return false;
	if (v->null)
		return true;
	if (c->type == COLUMN_STRING)
		return bytes_equal(buf_bytes(&c->last), v->str);
	return c->item.u64 == v->u64;
}

void
column_put(struct column_writer *c, struct cell v)
{
	if (c->type == COLUMN_BOOL) {
		bool_put(c, v.u64 != 0);
		return;
	}
	if (c->type == COLUMN_DELTA && !v.null) {
		uint64_t now = (uint64_t)v.i64;

		v.i64 = (int64_t)(now - c->before);
		c->before = now;
	}
	if (!item_repeats(c, &v)) {
		run_flush(c);
		c->item = v;
		if (c->type == COLUMN_STRING && !v.null) {
			c->last.len = 0;
			buf_add(&c->last, v.str);
		}
	}
	c->run_len++;
}

lk_err
column_finish(struct column_writer *c, struct bytes *out)
{
	static const char what[] = "size of a column";
	bool nothing_but_null =
	    c->item.null && c->out.len == 0 && c->literals_len == 0;

	if (c->type == COLUMN_BOOL && c->run_len > 0)
		buf_uleb(&c->out, c->run_len);
	else if (c->type != COLUMN_BOOL && !nothing_but_null)
		run_flush(c);
	c->run_len = 0;
	literals_flush(c);
	TRY(buf_err(&c->last, what));
	TRY(buf_err(&c->literals, what));
	TRY(buf_err(&c->out, what));
	*out = buf_bytes(&c->out);
	return LK_NONE;
}

void
columns_write_meta(struct buf *b, const struct column *columns, size_t n)
{
	buf_uleb(b, n);
	for (size_t i = 0; i < n; i++) {
		buf_uleb(b, columns[i].spec);
		buf_uleb(b, columns[i].data.len);
	}
}

void
columns_write_data(struct buf *b, const struct column *columns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add(b, columns[i].data);
}
