#include "crdt/document_table.h"

#include <stdlib.h>

#include "crdt/history_order.h"
#include "crdt/value.h"

enum change_column {
	CHANGE_AUTHOR,
	CHANGE_SEQ,
	CHANGE_MAX_OP,
	CHANGE_TIME,
	CHANGE_MESSAGE,
	CHANGE_DEPS,
	CHANGE_DEP,
	CHANGE_EXTRA_META,
	CHANGE_EXTRA,
};

static const struct {
	uint32_t spec;
	bool mandatory;
} change_columns[DOCUMENT_CHANGE_COLUMNS] = {
	[CHANGE_AUTHOR] = { 0x01, true },
	[CHANGE_SEQ] = { 0x03, true },
	[CHANGE_MAX_OP] = { 0x13, true },
	[CHANGE_TIME] = { 0x23, false },
	[CHANGE_MESSAGE] = { 0x35, false },
	[CHANGE_DEPS] = { 0x40, true },
	[CHANGE_DEP] = { 0x43, false },
	[CHANGE_EXTRA_META] = { 0x56, true },
	[CHANGE_EXTRA] = { 0x57, false },
};

bool
document_change_column_known(uint32_t spec)
{
	for (int c = 0; c < DOCUMENT_CHANGE_COLUMNS; c++)
		if (change_columns[c].spec == spec)
			return true;
	return false;
}

static lk_err
changes_measure(struct document_changes *out, const struct bytes *data)
{
	struct column_size rows, deps, dep;

	TRY(column_measure(
	    &rows, COLUMN_ACTOR, data[CHANGE_AUTHOR], HISTORY_CHANGES_MAX));
	TRY(column_measure(
	    &deps, COLUMN_GROUP, data[CHANGE_DEPS], DOCUMENT_DEPS_MAX));
	TRY(column_measure(
	    &dep, COLUMN_DELTA, data[CHANGE_DEP], DOCUMENT_DEPS_MAX));
	if (deps.rows != rows.rows || dep.rows != deps.sum)
		return LK_ERR(LK_E_MALFORMED, "length of a change column");
	out->len = (size_t)rows.rows;
	out->deps_max = (size_t)deps.sum;
	return LK_NONE;
}

/* The numbers of a row; the rest of it follows. */
static lk_err
change_read_row(struct document_changes *r, struct document_change *c)
{
	struct cell actor, seq, max_op, time, message, meta;
	struct value extra;

	if (!column_next(&r->columns[CHANGE_AUTHOR], &actor) ||
	    !column_next(&r->columns[CHANGE_SEQ], &seq) ||
	    !column_next(&r->columns[CHANGE_MAX_OP], &max_op) ||
	    !column_next(&r->columns[CHANGE_TIME], &time) ||
	    !column_next(&r->columns[CHANGE_MESSAGE], &message) ||
	    !column_next(&r->columns[CHANGE_EXTRA_META], &meta))
		return LK_ERR(LK_E_MALFORMED, "a change column is too short");
	if (actor.null || seq.null || max_op.null || meta.null ||
	    (time.null && !r->columns[CHANGE_TIME].absent))
		return LK_ERR(LK_E_MALFORMED, "null in a change column");
	if (actor.u64 >= r->actors_len)
		return LK_ERR(LK_E_MALFORMED, "author number");
	if (seq.u64 > UINT32_MAX || max_op.u64 > OP_COUNTER_MAX)
		return LK_ERR(LK_E_MALFORMED, "seq or maxOp out of range");
	TRY(value_decode(&extra, meta.u64, &r->extra));
	if (extra.type != VALUE_BYTES)
		return LK_ERR(LK_E_MALFORMED, "type of extra bytes");
	*c = (struct document_change){ .actor = (uint32_t)actor.u64,
		.seq = seq.u64,
		.max_op = max_op.u64,
		.time = time.i64,
		.extra = extra.bytes };
	if (!message.null)
		c->message = message.str;
	return LK_NONE;
}

static lk_err
change_read_deps(struct document_changes *r, struct document_change *c)
{
	struct cell count, dep;

	if (!column_next(&r->columns[CHANGE_DEPS], &count) || count.null)
		return LK_ERR(LK_E_MALFORMED, "number of dependencies");
	/* changes_measure bounds the sum of all counts. */
	if (count.u64 > r->deps_cap) {
		uint32_t *grown =
		    reallocarray(r->deps, (size_t)count.u64, sizeof(*r->deps));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "dependencies");
		r->deps = grown;
		r->deps_cap = (size_t)count.u64;
	}
	c->deps_len = (size_t)count.u64;
	for (size_t i = 0; i < c->deps_len; i++) {
		if (!column_next(&r->columns[CHANGE_DEP], &dep) || dep.null ||
		    dep.u64 >= r->row)
			return LK_ERR(LK_E_MALFORMED, "a dependency's row");
		r->deps[i] = (uint32_t)dep.u64;
	}
	return LK_NONE;
}

void
document_changes_users(const struct document_changes *changes, uint32_t *last)
{
	struct column_reader deps = changes->columns[CHANGE_DEPS];
	struct column_reader dep = changes->columns[CHANGE_DEP];
	struct cell count, at;

	for (uint32_t row = 0; row < changes->len; row++) {
		if (!column_next(&deps, &count) || count.null)
			return;
		for (uint64_t i = 0; i < count.u64; i++) {
			if (!column_next(&dep, &at) || at.null || at.u64 >= row)
				return;
			last[at.u64] = row + 1;
		}
	}
}

lk_err
document_changes_end(const struct document_changes *changes)
{
	struct document_changes r = *changes;

	for (int c = 0; c < DOCUMENT_CHANGE_COLUMNS; c++)
		if (c != CHANGE_EXTRA)
			TRY(column_end(&r.columns[c],
			    "a change column has too many rows"));
	return rd_end(&r.extra, "extra bytes left over");
}

lk_err
document_changes_open(struct document_changes *out,
    const struct column *columns, size_t columns_len, size_t actors_len)
{
	struct document_changes r = { .actors_len = actors_len };
	struct bytes data[DOCUMENT_CHANGE_COLUMNS];

	for (int c = 0; c < DOCUMENT_CHANGE_COLUMNS; c++) {
		uint32_t spec = change_columns[c].spec;

		data[c] = columns_find(columns, columns_len, spec);
		column_reader_init(&r.columns[c], COLUMN_TYPE(spec), data[c]);
	}
	r.extra = rd_over(data[CHANGE_EXTRA]);
	TRY(changes_measure(&r, data));
	for (int c = 0; c < DOCUMENT_CHANGE_COLUMNS && r.len > 0; c++)
		if (change_columns[c].mandatory && data[c].len == 0)
			return LK_ERR(
			    LK_E_MALFORMED, "a change column is missing");
	*out = r;
	return LK_NONE;
}

void
document_changes_close(struct document_changes *r)
{
	free(r->deps);
	*r = (struct document_changes){ 0 };
}

lk_err
document_changes_next(struct document_changes *r, struct document_change *c)
{
	TRY(change_read_row(r, c));
	TRY(change_read_deps(r, c));
	r->row++;
	return LK_NONE;
}

void
document_changes_writer_init(struct document_changes_writer *w)
{
	*w = (struct document_changes_writer){ 0 };
	for (int c = 0; c < DOCUMENT_CHANGE_COLUMNS; c++)
		column_writer_init(&w->columns[c],
		    COLUMN_TYPE(change_columns[c].spec), DOCUMENT_BODY_MAX);
}

void
document_changes_writer_clear(struct document_changes_writer *w)
{
	for (int c = 0; c < DOCUMENT_CHANGE_COLUMNS; c++)
		column_writer_clear(&w->columns[c]);
}

void
document_changes_put(struct document_changes_writer *w,
    const struct document_change *c, const uint32_t *deps)
{
	const struct value extra = { .type = VALUE_BYTES, .bytes = c->extra };
	struct column_writer *to = w->columns;

	column_put(&to[CHANGE_AUTHOR], CELL_U64(c->actor));
	column_put(&to[CHANGE_SEQ], CELL_U64(c->seq));
	column_put(&to[CHANGE_MAX_OP], CELL_U64(c->max_op));
	column_put(&to[CHANGE_TIME], CELL_I64(c->time));
	column_put(&to[CHANGE_MESSAGE],
	    c->message.len > 0 ? CELL_STR(c->message) : CELL_NULL);
	column_put(&to[CHANGE_DEPS], CELL_U64(c->deps_len));
	for (size_t i = 0; i < c->deps_len; i++)
		column_put(&to[CHANGE_DEP], CELL_U64(deps[i]));
	column_put(&to[CHANGE_EXTRA_META],
	    CELL_U64(value_encode(&to[CHANGE_EXTRA].out, &extra)));
}

lk_err
document_changes_finish(struct document_changes_writer *w)
{
	w->finished_len = 0;
	for (int c = 0; c < DOCUMENT_CHANGE_COLUMNS; c++) {
		struct bytes data;

		TRY(column_finish(&w->columns[c], &data));
		if (data.len == 0)
			continue;
		w->finished[w->finished_len++] =
		    (struct column){ .spec = change_columns[c].spec,
			    .data = data };
	}
	return LK_NONE;
}
