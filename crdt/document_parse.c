#include <stdlib.h>

#include "crdt/deflate.h"
#include "crdt/document_read.h"

/* Tables of a document with as many rows as limits.h allows. */
#define DOCUMENT_ARENA_MAX ((size_t)7 * DOCUMENT_BODY_MAX)

static lk_err
parse_actors(struct rd *r, struct document *d)
{
	uint64_t n = rd_uleb(r);

	if (r->failed)
		return rd_end(r, "actors of a document");
	if (n > DOCUMENT_ACTORS_MAX)
		return LK_ERR(LK_E_LIMIT, "actors of a document");
	if (n > r->left.len)
		return LK_ERR(LK_E_TRUNCATED, "actors of a document");
	d->actors_len = (size_t)n;
	d->actors = arena_alloc(&d->arena, d->actors_len * sizeof(*d->actors));
	if (d->actors == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a document");
	for (size_t i = 0; i < d->actors_len; i++) {
		d->actors[i] = rd_counted(r);
		if (r->failed)
			return rd_end(r, "actors of a document");
		if (d->actors[i].len < 1 || d->actors[i].len > ACTOR_LEN_MAX)
			return LK_ERR(LK_E_MALFORMED, "length of an actor");
		if (i > 0 && bytes_compare(d->actors[i - 1], d->actors[i]) >= 0)
			return LK_ERR(LK_E_MALFORMED, "order of actors");
	}
	return LK_NONE;
}

static lk_err
parse_heads(struct rd *r, struct document *d)
{
	uint64_t n = rd_uleb(r);

	if (!r->failed && n > r->left.len / LK_ID_LEN)
		return LK_ERR(LK_E_TRUNCATED, "heads of a document");
	d->heads_len = (size_t)n;
	d->heads = rd_take(r, d->heads_len * LK_ID_LEN).ptr;
	return r->failed ? rd_end(r, "heads of a document") : LK_NONE;
}

static lk_err
column_inflate(struct document *d, struct column *c)
{
	struct inflate_size size;
	uint8_t *at;

	TRY(inflate_measure(&size, c->data, DOCUMENT_BODY_MAX - d->inflated));
	if (size.in != c->data.len)
		return LK_ERR(LK_E_MALFORMED, "bytes after a deflated column");
	at = arena_alloc(&d->arena, size.out);
	if (at == NULL)
		return LK_ERR(LK_E_LIMIT, "inflated columns");
	TRY(inflate_into(at, c->data, &size));
	d->inflated += size.out;
	c->data = BYTES(at, size.out);
	c->spec &= ~COLUMN_DEFLATED;
	return LK_NONE;
}

/* Columns that nobody will look at stay as they are. */
static lk_err
columns_inflate(struct document *d, struct document_columns *columns,
    bool (*knows)(uint32_t spec))
{
	for (size_t i = 0; i < columns->len; i++) {
		struct column *c = &columns->at[i];

		if ((c->spec & COLUMN_DEFLATED) &&
		    knows(c->spec & ~COLUMN_DEFLATED))
			TRY(column_inflate(d, c));
	}
	return LK_NONE;
}

static bool
op_column_known(uint32_t spec)
{
	return op_table_knows(OP_TABLE_DOCUMENT, spec);
}

static lk_err
parse_frame(struct document *d, struct bytes body)
{
	struct document_columns *changes = &d->change_columns;
	struct document_columns *ops = &d->op_columns;
	struct rd r = rd_over(body);

	TRY(parse_actors(&r, d));
	TRY(parse_heads(&r, d));
	TRY(columns_read_meta(
	    &r, changes->at, DOCUMENT_COLUMNS_MAX, &changes->len));
	TRY(columns_read_meta(&r, ops->at, DOCUMENT_COLUMNS_MAX, &ops->len));
	TRY(columns_read_data(&r, changes->at, changes->len));
	TRY(columns_read_data(&r, ops->at, ops->len));
	d->head_rows = r.left;
	TRY(columns_inflate(d, changes, document_change_column_known));
	return columns_inflate(d, ops, op_column_known);
}

static lk_err
parse_rows(struct document *d, struct op_table_reader *t)
{
	struct op_row row;
	size_t edge = 0;

	for (size_t i = 0; i < d->rows_len; i++) {
		TRY(op_table_next(t, &row));
		TRY(document_row_pack(&d->rows[i], &row));
		for (size_t s = 0; s < row.op.preds_len; s++)
			d->edges[edge++] = (struct document_edge){
				.row = (uint32_t)i,
				.ctr = (uint32_t)row.op.preds[s].ctr,
				.actor = row.op.preds[s].actor,
			};
	}
	return op_table_end(t);
}

size_t
document_ops_max(size_t body_len)
{
	size_t n = body_len > DOCUMENT_OPS_MAX / DOCUMENT_OPS_PER_BYTE
	    ? DOCUMENT_OPS_MAX
	    : body_len * DOCUMENT_OPS_PER_BYTE;

	return n < OPS_FREE ? OPS_FREE : n;
}

static lk_err
parse_ops(struct document *d, size_t body_len)
{
	uint64_t rows_max = (uint64_t)CHANGE_OPS_MAX * d->changes.len;
	struct op_table_reader t;
	lk_err err;

	if (rows_max > document_ops_max(body_len))
		rows_max = document_ops_max(body_len);
	TRY(op_table_open(&t, OP_TABLE_DOCUMENT, d->op_columns.at,
	    d->op_columns.len, (size_t)rows_max));
	t.actors_len = d->actors_len;
	d->rows_len = t.rows;
	d->edges_len = t.grouped;
	d->rows = arena_alloc(&d->arena, d->rows_len * sizeof(*d->rows));
	d->edges = arena_alloc(&d->arena, d->edges_len * sizeof(*d->edges));
	if (d->rows == NULL || d->edges == NULL)
		err = LK_ERR(LK_E_LIMIT, "ops of a document");
	else
		err = parse_rows(d, &t);
	op_table_close(&t);
	return err;
}

lk_err
document_parse(struct document *d, struct bytes body)
{
	uint32_t *stack;
	lk_err err;

	*d = (struct document){ 0 };
	arena_init(&d->arena, DOCUMENT_ARENA_MAX);
	if (body.len > DOCUMENT_BODY_MAX)
		return LK_ERR(LK_E_LIMIT, "size of a document");
	TRY(parse_frame(d, body));
	TRY(document_changes_open(&d->changes, d->change_columns.at,
	    d->change_columns.len, d->actors_len));
	TRY(parse_ops(d, body.len));
	stack = calloc(d->rows_len + 1, sizeof(*stack));
	if (stack == NULL)
		return LK_ERR(LK_E_NOMEM, "ops of a document");
	err = document_rows_check(d->rows, d->rows_len, stack);
	free(stack);
	return err;
}

void
document_clear(struct document *d)
{
	arena_clear(&d->arena);
	document_changes_close(&d->changes);
	*d = (struct document){ 0 };
}
