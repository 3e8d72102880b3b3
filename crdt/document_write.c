#include <stdlib.h>
#include <string.h>

#include "crdt/deflate.h"
#include "crdt/document.h"
#include "crdt/document_write.h"

/* Automerge deflates a column of this size, even if that makes it longer. */
#define COLUMN_DEFLATE_MIN 256

/* A document being written. */
struct document_writer {
	const struct change *changes; /* as they were given */
	size_t len;
	struct change_index index;
	uint32_t *order;  /* numbers of changes, row by row */
	uint32_t *row_of; /* rows, by number of change */
	struct written_ops ops;
	struct document_changes_writer change_table;
	struct op_table_writer op_table;
	struct buf deflated; /* one column at a time */
	struct arena arena;  /* scratch, deflated columns, heads */
	size_t plain;        /* bytes of the columns before deflating */
};

static lk_err
put_changes(struct document_writer *w)
{
	size_t deps_max = 0;
	uint32_t *deps;

	for (size_t i = 0; i < w->len; i++)
		if (w->changes[i].deps_len > deps_max)
			deps_max = w->changes[i].deps_len;
	deps = arena_alloc(&w->arena, deps_max * sizeof(*deps));
	if (deps == NULL)
		return LK_ERR(LK_E_NOMEM, "dependencies");
	for (size_t i = 0; i < w->len; i++) {
		const struct change *c = w->ops.changes[i].change;
		struct document_change row = {
			.actor = w->ops.changes[i].actor,
			.seq = c->seq,
			.max_op = change_max_op(c),
			.time = c->time,
			.message = c->message,
			.extra = c->extra,
			.deps_len = c->deps_len,
		};

		for (size_t d = 0; d < c->deps_len; d++) {
			uint32_t at = 0;
			bool found = change_index_find(
			    &w->index, c->deps + d * LK_ID_LEN, &at);

			LK_ASSERT(found);
			deps[d] = w->row_of[at];
		}
		document_changes_put(&w->change_table, &row, deps);
	}
	return document_changes_finish(&w->change_table);
}

/* Puts an op with its successors, for which succs has room. */
static void
put_row(struct document_writer *w, uint32_t number, struct op_id *succs)
{
	const struct written_ops *ops = &w->ops;
	uint32_t first = ops->succs_at[number];
	struct op_row row;

	document_row_unpack(&row, &ops->rows[number]);
	row.op.preds = succs;
	row.op.preds_len = ops->succs_at[number + 1] - first;
	for (size_t i = 0; i < row.op.preds_len; i++) {
		const struct document_row *succ =
		    &ops->rows[ops->succs[first + i]];

		succs[i] =
		    (struct op_id){ .ctr = succ->ctr, .actor = succ->actor };
	}
	op_table_put(&w->op_table, &row);
}

static lk_err
put_ops(struct document_writer *w)
{
	const struct written_ops *ops = &w->ops;
	size_t rows, succs_max = 0;
	uint32_t *order;
	struct op_id *succs;

	for (size_t i = 0; i < ops->len; i++)
		if (ops->succs_at[i + 1] - ops->succs_at[i] > succs_max)
			succs_max = ops->succs_at[i + 1] - ops->succs_at[i];
	order = arena_alloc(&w->arena, ops->len * sizeof(*order));
	succs = arena_alloc(&w->arena, succs_max * sizeof(*succs));
	if (order == NULL || succs == NULL)
		return LK_ERR(LK_E_NOMEM, "order of rows");
	TRY(document_order(ops, order, &rows));
	for (size_t i = 0; i < rows; i++)
		put_row(w, order[i], succs);
	return op_table_finish(&w->op_table);
}

/* One fixed rule, so that equal columns become equal bytes.  What our own
 * reader would take for a bomb stays plain. */
static lk_err
column_deflate(struct document_writer *w, struct column *c)
{
	struct bytes kept;

	if (c->data.len > DOCUMENT_BODY_MAX - w->plain)
		return LK_ERR(LK_E_LIMIT, "size of a document");
	w->plain += c->data.len;
	if (c->data.len < COLUMN_DEFLATE_MIN)
		return LK_NONE;
	buf_reset(&w->deflated);
	TRY(deflate_raw(&w->deflated, c->data));
	if (inflate_bound(w->deflated.len) < c->data.len)
		return LK_NONE;
	kept = arena_copy(&w->arena, buf_bytes(&w->deflated));
	if (kept.ptr == NULL)
		return LK_ERR(LK_E_LIMIT, "size of a document");
	c->spec |= COLUMN_DEFLATED;
	c->data = kept;
	return LK_NONE;
}

static lk_err
columns_deflate(struct document_writer *w)
{
	struct document_changes_writer *changes = &w->change_table;
	struct op_table_writer *ops = &w->op_table;

	for (size_t i = 0; i < changes->finished_len; i++)
		TRY(column_deflate(w, &changes->finished[i]));
	for (size_t i = 0; i < ops->finished_len; i++)
		TRY(column_deflate(w, &ops->finished[i]));
	return LK_NONE;
}

static lk_err
body_write(struct document_writer *w, struct buf *body)
{
	const struct document_changes_writer *changes = &w->change_table;
	const struct op_table_writer *ops = &w->op_table;
	uint8_t *heads;
	size_t heads_len;
	uint32_t at = 0;

	TRY(history_heads(w->changes, w->len, &w->arena, &heads, &heads_len));
	buf_uleb(body, w->ops.actors_len);
	for (size_t i = 0; i < w->ops.actors_len; i++)
		buf_counted(body, w->ops.actors[i]);
	buf_uleb(body, heads_len);
	buf_mem(body, heads, heads_len * LK_ID_LEN);
	columns_write_meta(body, changes->finished, changes->finished_len);
	columns_write_meta(body, ops->finished, ops->finished_len);
	columns_write_data(body, changes->finished, changes->finished_len);
	columns_write_data(body, ops->finished, ops->finished_len);
	for (size_t i = 0; i < heads_len; i++) {
		bool found =
		    change_index_find(&w->index, heads + i * LK_ID_LEN, &at);

		LK_ASSERT(found);
		buf_uleb(body, w->row_of[at]);
	}
	return buf_err(body, "size of a document");
}

static lk_err
writer_order(struct document_writer *w)
{
	size_t ready;

	TRY(change_index_new(&w->index, w->changes, w->len));
	w->order = calloc(w->len + 1, sizeof(*w->order));
	w->row_of = calloc(w->len + 1, sizeof(*w->row_of));
	if (w->order == NULL || w->row_of == NULL)
		return LK_ERR(LK_E_NOMEM, "order of changes");
	TRY(changes_order(&w->index, w->len, HISTORY_WHOLE, w->order, &ready));
	if (ready != w->len)
		return LK_ERR(LK_E_DATA, "a dependency is missing");
	for (uint32_t i = 0; i < w->len; i++)
		w->row_of[w->order[i]] = i;
	return LK_NONE;
}

/* Ops, or predecessors where there are more of these. */
static size_t
writer_ops(const struct document_writer *w)
{
	size_t preds =
	    w->ops.preds_at == NULL ? 0 : w->ops.preds_at[w->ops.len];

	return preds > w->ops.len ? preds : w->ops.len;
}

static lk_err
writer_run(struct document_writer *w, struct buf *body)
{
	TRY(writer_order(w));
	TRY(written_ops_read(&w->ops, w->changes, w->order, w->len));
	TRY(put_changes(w));
	TRY(put_ops(w));
	TRY(columns_deflate(w));
	return body_write(w, body);
}

lk_err
document_write(struct buf *out, const struct change *changes, size_t n)
{
	struct document_writer w = { .changes = changes, .len = n };
	BUF_SCOPED body = { 0 };
	size_t ops;
	lk_err err;

	buf_init(&body, DOCUMENT_BODY_MAX);
	buf_init(&w.deflated, (size_t)2 * DOCUMENT_BODY_MAX);
	arena_init(&w.arena, (size_t)2 * DOCUMENT_BODY_MAX);
	document_changes_writer_init(&w.change_table);
	op_table_writer_init(&w.op_table, OP_TABLE_DOCUMENT, DOCUMENT_BODY_MAX);
	err = writer_run(&w, &body);
	ops = writer_ops(&w);
	written_ops_clear(&w.ops);
	document_changes_writer_clear(&w.change_table);
	op_table_writer_clear(&w.op_table);
	change_index_free(&w.index);
	buf_clear(&w.deflated);
	arena_clear(&w.arena);
	free(w.order);
	free(w.row_of);
	TRY(err);
	if (ops > document_ops_max(body.len))
		return LK_ERR(LK_E_LIMIT, "ops of a document");
	chunk_write(out, CHUNK_DOCUMENT, buf_bytes(&body));
	return buf_err(out, "size of a document");
}
