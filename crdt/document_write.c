#include <stdlib.h>
#include <string.h>

#include "crdt/deflate.h"
#include "crdt/document.h"
#include "crdt/document_write.h"
#include "crdt/history_order.h"

/* Automerge deflates a column of this size, even if that makes it longer. */
#define COLUMN_DEFLATE_MIN 256

struct history_writer {
	struct written_ops ops;
	struct change_links links; /* complete once all have come */
	size_t deps_cap, deps_at_cap;
	struct buf far; /* hashes of dependencies that are not the one before */
	uint32_t *order;  /* numbers of changes, row by row */
	uint32_t *row_of; /* rows, by number of change */
	struct document_changes_writer change_table;
	struct op_table_writer op_table;
	struct buf deflated; /* one column at a time */
	struct arena arena;  /* scratch, deflated columns */
	struct buf heads;
	size_t plain; /* bytes of the columns before deflating */
};

lk_err
history_writer_new(struct history_writer **out)
{
	struct history_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return LK_ERR(LK_E_NOMEM, "writing a document");
	written_ops_init(&w->ops);
	buf_init(&w->far, (size_t)DOCUMENT_DEPS_MAX * LK_ID_LEN);
	buf_init(&w->deflated, (size_t)2 * DOCUMENT_BODY_MAX);
	buf_init(&w->heads,
	    (size_t)HISTORY_CHANGES_MAX * (LK_ID_LEN + sizeof(uint32_t)));
	arena_init(&w->arena, (size_t)2 * DOCUMENT_BODY_MAX);
	document_changes_writer_init(&w->change_table);
	op_table_writer_init(
	    &w->op_table, OP_TABLE_DOCUMENT, DOCUMENT_BODY_MAX);
	*out = w;
	return LK_NONE;
}

void
history_writer_free(struct history_writer *w)
{
	if (w == NULL)
		return;
	written_ops_clear(&w->ops);
	change_links_free(&w->links);
	buf_clear(&w->far);
	document_changes_writer_clear(&w->change_table);
	op_table_writer_clear(&w->op_table);
	buf_clear(&w->deflated);
	buf_clear(&w->heads);
	arena_clear(&w->arena);
	free(w->order);
	free(w->row_of);
	free(w);
}

/* Room for what one more change depends on. */
static lk_err
deps_room(struct history_writer *w, size_t deps_len)
{
	struct change_links *l = &w->links;
	size_t before = l->len > 0 ? l->deps_at[l->len] : 0;
	uint32_t *deps, *deps_at;

	if (deps_len > DOCUMENT_DEPS_MAX - before)
		return LK_ERR(LK_E_LIMIT, "dependencies of a document");
	deps =
	    array_room(l->deps, &w->deps_cap, before + deps_len, sizeof(*deps));
	if (deps != NULL)
		l->deps = deps;
	deps_at = array_room(
	    l->deps_at, &w->deps_at_cap, l->len + 2, sizeof(*deps_at));
	if (deps_at != NULL)
		l->deps_at = deps_at;
	if (deps == NULL || deps_at == NULL)
		return LK_ERR(LK_E_NOMEM, "dependencies");
	l->deps_at[l->len] = (uint32_t)before;
	return LK_NONE;
}

lk_err
history_writer_add(struct history_writer *w, const struct change *c)
{
	struct change_links *l = &w->links;
	const uint8_t *before =
	    l->len > 0 ? w->ops.changes[l->len - 1].hash : NULL;
	uint32_t at;

	TRY(deps_room(w, c->deps_len));
	at = l->deps_at[l->len];
	for (size_t d = 0; d < c->deps_len; d++) {
		const uint8_t *dep = c->deps + d * LK_ID_LEN;

		if (before != NULL && memcmp(before, dep, LK_ID_LEN) == 0) {
			l->deps[at++] = (uint32_t)l->len - 1;
			continue;
		}
		l->deps[at++] =
		    CHANGE_UNKNOWN + (uint32_t)(w->far.len / LK_ID_LEN);
		buf_mem(&w->far, dep, LK_ID_LEN);
	}
	TRY(buf_err(&w->far, "dependencies of a document"));
	TRY(written_ops_add(&w->ops, c));
	l->deps_at[++l->len] = at;
	return LK_NONE;
}

static lk_err
put_changes(struct history_writer *w)
{
	static const struct written_text nothing;
	const struct change_links *l = &w->links;
	size_t deps_max = 0;
	uint32_t *deps;

	for (size_t i = 0; i < l->len; i++)
		if (l->deps_at[i + 1] - l->deps_at[i] > deps_max)
			deps_max = l->deps_at[i + 1] - l->deps_at[i];
	deps = arena_alloc(&w->arena, deps_max * sizeof(*deps));
	if (deps == NULL)
		return LK_ERR(LK_E_NOMEM, "dependencies");
	for (size_t i = 0; i < l->len; i++) {
		uint32_t number = w->order[i], first = l->deps_at[number];
		const struct written_change *c = &w->ops.changes[number];
		const struct written_text *t =
		    c->text != NULL ? c->text : &nothing;
		struct document_change row = {
			.actor = c->actor,
			.seq = c->seq,
			.max_op = written_max_op(c),
			.time = c->time,
			.message = t->message,
			.extra = t->extra,
			.deps_len = l->deps_at[number + 1] - first,
		};

		for (size_t d = 0; d < row.deps_len; d++)
			deps[d] = w->row_of[l->deps[first + d]];
		document_changes_put(&w->change_table, &row, deps);
	}
	return document_changes_finish(&w->change_table);
}

/* Puts an op with its successors, for which succs has room. */
static void
put_row(struct history_writer *w, uint32_t number, struct op_id *succs)
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
put_ops(struct history_writer *w)
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
column_deflate(struct history_writer *w, struct column *c)
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
columns_deflate(struct history_writer *w)
{
	struct document_changes_writer *changes = &w->change_table;
	struct op_table_writer *ops = &w->op_table;

	for (size_t i = 0; i < changes->finished_len; i++)
		TRY(column_deflate(w, &changes->finished[i]));
	for (size_t i = 0; i < ops->finished_len; i++)
		TRY(column_deflate(w, &ops->finished[i]));
	return LK_NONE;
}

static int
head_compare(const void *a, const void *b)
{
	return memcmp(a, b, LK_ID_LEN + sizeof(uint32_t));
}

/* The hashes of the heads, ascending, each with the row of its change. */
static lk_err
find_heads(struct history_writer *w)
{
	size_t n = w->links.len;
	bool *has_user = calloc(n + 1, sizeof(*has_user));

	if (has_user == NULL)
		return LK_ERR(LK_E_NOMEM, "heads");
	change_links_users(&w->links, has_user);
	for (uint32_t i = 0; i < n; i++) {
		if (has_user[i])
			continue;
		buf_mem(&w->heads, w->ops.changes[i].hash, LK_ID_LEN);
		buf_mem(&w->heads, &w->row_of[i], sizeof(w->row_of[i]));
	}
	free(has_user);
	TRY(buf_err(&w->heads, "heads"));
	if (w->heads.len > 0)
		qsort(w->heads.ptr,
		    w->heads.len / (LK_ID_LEN + sizeof(uint32_t)),
		    LK_ID_LEN + sizeof(uint32_t), head_compare);
	return LK_NONE;
}

static lk_err
body_write(struct history_writer *w, struct buf *body)
{
	const struct document_changes_writer *changes = &w->change_table;
	const struct op_table_writer *ops = &w->op_table;
	const size_t step = LK_ID_LEN + sizeof(uint32_t);

	TRY(find_heads(w));
	buf_uleb(body, w->ops.actors_len);
	for (size_t i = 0; i < w->ops.actors_len; i++)
		buf_counted(body, w->ops.actors[i]);
	buf_uleb(body, w->heads.len / step);
	for (size_t at = 0; at < w->heads.len; at += step)
		buf_mem(body, w->heads.ptr + at, LK_ID_LEN);
	columns_write_meta(body, changes->finished, changes->finished_len);
	columns_write_meta(body, ops->finished, ops->finished_len);
	columns_write_data(body, changes->finished, changes->finished_len);
	columns_write_data(body, ops->finished, ops->finished_len);
	for (size_t at = 0; at < w->heads.len; at += step) {
		uint32_t row;

		memcpy(&row, w->heads.ptr + at + LK_ID_LEN, sizeof(row));
		buf_uleb(body, row);
	}
	return buf_err(body, "size of a document");
}

static lk_err
writer_order(struct history_writer *w)
{
	struct change_links *l = &w->links;
	size_t ready;

	/* A document may have no change at all. */
	TRY(deps_room(w, 0));
	if (l->len > 0)
		l->hash = w->ops.changes[0].hash;
	l->step = sizeof(w->ops.changes[0]);
	TRY(change_links_resolve(l, w->far.ptr));
	w->order = calloc(l->len + 1, sizeof(*w->order));
	w->row_of = calloc(l->len + 1, sizeof(*w->row_of));
	if (w->order == NULL || w->row_of == NULL)
		return LK_ERR(LK_E_NOMEM, "order of changes");
	TRY(changes_order(l, HISTORY_WHOLE, w->order, &ready));
	if (ready != l->len)
		return LK_ERR(LK_E_DATA, "a dependency is missing");
	for (uint32_t i = 0; i < l->len; i++)
		w->row_of[w->order[i]] = i;
	return LK_NONE;
}

static lk_err
writer_run(struct history_writer *w, struct buf *body)
{
	TRY(writer_order(w));
	TRY(written_ops_close(&w->ops));
	TRY(put_changes(w));
	TRY(put_ops(w));
	TRY(columns_deflate(w));
	return body_write(w, body);
}

lk_err
history_writer_finish(
    struct history_writer *w, struct buf *out, struct buf *heads)
{
	BUF_SCOPED body = { .max = DOCUMENT_BODY_MAX };

	TRY(writer_run(w, &body));
	if (w->ops.len > document_ops_max(body.len) ||
	    w->ops.preds_len > document_ops_max(body.len))
		return LK_ERR(LK_E_LIMIT, "ops of a document");
	chunk_write(out, CHUNK_DOCUMENT, buf_bytes(&body));
	TRY(buf_err(out, "size of a document"));
	for (size_t at = 0; at < w->heads.len;
	     at += LK_ID_LEN + sizeof(uint32_t))
		buf_mem(heads, w->heads.ptr + at, LK_ID_LEN);
	return buf_err(heads, "heads");
}

lk_err
document_write(struct buf *out, const struct change *changes, size_t n)
{
	BUF_SCOPED heads = { .max = SIZE_MAX };
	struct history_writer *w;
	lk_err err;

	TRY(history_writer_new(&w));
	err = LK_NONE;
	for (size_t i = 0; i < n && err.code == LK_OK; i++)
		err = history_writer_add(w, &changes[i]);
	if (err.code == LK_OK)
		err = history_writer_finish(w, out, &heads);
	history_writer_free(w);
	return err;
}

struct rewrite {
	struct history_writer *writer;
	size_t changes;
};

static lk_err
rewrite_add(void *ctx, const struct change *c)
{
	struct rewrite *r = ctx;

	r->changes++;
	return history_writer_add(r->writer, c);
}

/* Of what does not fit one chunk all changes are needed. */
static lk_err
rewrite_whole(struct buf *out, struct bytes file)
{
	struct history h;
	lk_err err;

	TRY(history_read(&h, file));
	err = h.orphans_len > 0
	    ? LK_ERR(LK_E_WAIT, "a dependency is missing")
	    : history_write(out, h.changes, h.changes_len);
	history_clear(&h);
	return err;
}

lk_err
history_rewrite(struct buf *out, struct bytes file)
{
	BUF_SCOPED heads = { .max = SIZE_MAX };
	struct rewrite r = { 0 };
	lk_err err;

	TRY(history_writer_new(&r.writer));
	err = history_each(file, rewrite_add, &r);
	if (err.code == LK_OK && r.changes > 0)
		err = history_writer_finish(r.writer, out, &heads);
	history_writer_free(r.writer);
	return err.code == LK_E_LIMIT ? rewrite_whole(out, file) : err;
}
