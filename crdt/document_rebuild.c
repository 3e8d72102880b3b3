#include <stdlib.h>
#include <string.h>

#include "crdt/change_body.h"
#include "crdt/document.h"
#include "crdt/document_read.h"

/* The ops of one actor that no change has taken yet: numbers into the sorted
 * rows and edges. */
struct actor_ops {
	uint32_t row, row_end, edge, edge_end;
	uint64_t seq, max_op; /* of the last change */
};

struct rebuild {
	const struct document *d;
	struct arena arena;
	struct arena *keep;
	struct change_list *list;
	size_t first;           /* in the list */
	uint32_t *rows, *edges; /* numbers, ascending by actor and counter */
	struct actor_ops *actors;
	struct op_table_writer ops;
	struct buf body;
	/* The actors of the change at hand: when used last, and numbers. */
	uint32_t *stamps, *used, *map;
	size_t used_len;
	uint32_t stamp;
	struct bytes *others;
	struct op_id *preds;
	size_t preds_len, preds_cap;
	uint8_t *deps;
	size_t deps_cap;
};

#define REBUILD_ARENA_MAX ((size_t)2 * DOCUMENT_BODY_MAX)
#define ACTOR_SHIFT 32

static uint64_t
row_key(const void *ctx, uint32_t number)
{
	const struct document_row *r =
	    &((const struct document *)ctx)->rows[number];

	return (uint64_t)r->actor << ACTOR_SHIFT | r->ctr;
}

static uint64_t
edge_key(const void *ctx, uint32_t number)
{
	const struct document_edge *e =
	    &((const struct document *)ctx)->edges[number];

	return (uint64_t)e->actor << ACTOR_SHIFT | e->ctr;
}

/* The numbers below n, sorted by key. */
static uint32_t *
sorted_numbers(struct rebuild *b, size_t n, order_key_fn *key)
{
	uint32_t *order = arena_alloc(&b->arena, n * sizeof(*order));
	uint32_t *scratch = calloc(n + 1, sizeof(*scratch));

	if (order != NULL && scratch != NULL) {
		for (uint32_t i = 0; i < n; i++)
			order[i] = i;
		order_by_key(order, scratch, n, key, b->d);
	}
	if (scratch == NULL)
		order = NULL;
	free(scratch);
	return order;
}

/* Finds each actor's part of the sorted rows and edges. */
static lk_err
actors_divide(struct rebuild *b)
{
	const struct document *d = b->d;
	uint32_t row = 0, edge = 0;

	for (size_t i = 1; i < d->rows_len; i++)
		if (row_key(d, b->rows[i - 1]) == row_key(d, b->rows[i]))
			return LK_ERR(LK_E_MALFORMED, "two ops with one id");
	for (size_t a = 0; a < d->actors_len; a++) {
		struct actor_ops *o = &b->actors[a];

		o->row = row;
		o->edge = edge;
		while (row < d->rows_len && d->rows[b->rows[row]].actor == a)
			row++;
		while (
		    edge < d->edges_len && d->edges[b->edges[edge]].actor == a)
			edge++;
		o->row_end = row;
		o->edge_end = edge;
	}
	return LK_NONE;
}

static lk_err
rebuild_init(struct rebuild *b, const struct document *d)
{
	size_t n = d->actors_len;

	arena_init(&b->arena, REBUILD_ARENA_MAX);
	op_table_writer_init(&b->ops, OP_TABLE_CHANGE, CHANGE_BODY_MAX);
	buf_init(&b->body, CHANGE_BODY_MAX);
	b->d = d;
	b->rows = sorted_numbers(b, d->rows_len, row_key);
	b->edges = sorted_numbers(b, d->edges_len, edge_key);
	b->actors = arena_alloc(&b->arena, n * sizeof(*b->actors));
	b->stamps = arena_alloc(&b->arena, n * sizeof(*b->stamps));
	b->used = arena_alloc(&b->arena, n * sizeof(*b->used));
	b->map = arena_alloc(&b->arena, n * sizeof(*b->map));
	b->others = arena_alloc(&b->arena, n * sizeof(*b->others));
	if (b->rows == NULL || b->edges == NULL || b->actors == NULL ||
	    b->stamps == NULL || b->used == NULL || b->map == NULL ||
	    b->others == NULL)
		return LK_ERR(LK_E_NOMEM, "changes of a document");
	return actors_divide(b);
}

static void
rebuild_clear(struct rebuild *b)
{
	op_table_writer_clear(&b->ops);
	buf_clear(&b->body);
	arena_clear(&b->arena);
	free(b->preds);
	free(b->deps);
}

/* The counter of the next op of an actor; above every counter at the end. */
static uint64_t
next_ctr(const struct rebuild *b, const struct actor_ops *o)
{
	const struct document *d = b->d;
	uint64_t row = UINT64_MAX, edge = UINT64_MAX;

	if (o->row < o->row_end)
		row = d->rows[b->rows[o->row]].ctr;
	if (o->edge < o->edge_end)
		edge = d->edges[b->edges[o->edge]].ctr;
	return row < edge ? row : edge;
}

/* The delete that a row without a row of its own must be. */
static void
delete_make(struct document_row *out, const struct document_row *of)
{
	*out = (struct document_row){ .action = ACTION_DELETE,
		.obj_ctr = of->obj_ctr,
		.obj_actor = of->obj_actor,
		.key_kind = of->key_kind,
		.elem_ctr = of->insert ? of->ctr : of->elem_ctr,
		.elem_actor = of->insert ? of->actor : of->elem_actor };
	if (of->key_kind == KEY_MAP) {
		out->text = of->text;
		out->text_len = of->text_len;
	} else {
		out->key_kind = KEY_ELEM;
	}
}

static bool
same_place(const struct document_row *a, const struct document_row *b)
{
	return document_row_obj(a) == document_row_obj(b) &&
	    a->key_kind == b->key_kind &&
	    document_row_elem(a) == document_row_elem(b) &&
	    bytes_equal(
		BYTES(a->text, a->text_len), BYTES(b->text, b->text_len));
}

static void
actor_use(struct rebuild *b, uint32_t actor)
{
	if (b->stamps[actor] == b->stamp)
		return;
	b->stamps[actor] = b->stamp;
	b->used[b->used_len++] = actor;
}

/*
 * Adds the row that an edge comes from to the predecessors.  Rows of one key
 * or element stand in the order of their ids, and the edges of one op in the
 * order of the rows: out of order means that the places differ.
 */
static lk_err
pred_add(struct rebuild *b, const struct document_row *from)
{
	struct op_id id = { .ctr = from->ctr, .actor = from->actor };

	if (b->preds_len > 0 &&
	    id_number(b->preds[b->preds_len - 1]) >= id_number(id))
		return LK_ERR(LK_E_MALFORMED, "order of predecessors");
	if (b->preds_len == b->preds_cap) {
		size_t cap = b->preds_cap == 0 ? 16 : 2 * b->preds_cap;
		struct op_id *grown =
		    reallocarray(b->preds, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		b->preds = grown;
		b->preds_cap = cap;
	}
	actor_use(b, id.actor);
	b->preds[b->preds_len++] = id;
	return LK_NONE;
}

/* Takes the edges to the op `ctr`: its predecessors and, when it has no row,
 * what it deletes. */
static lk_err
preds_take(struct rebuild *b, struct actor_ops *o, uint64_t ctr,
    struct document_row *deleted)
{
	const struct document *d = b->d;

	b->preds_len = 0;
	for (; o->edge < o->edge_end; o->edge++) {
		const struct document_edge *e = &d->edges[b->edges[o->edge]];
		struct document_row del;

		if (e->ctr != ctr)
			break;
		TRY(pred_add(b, &d->rows[e->row]));
		if (deleted == NULL)
			continue;
		delete_make(&del, &d->rows[e->row]);
		if (b->preds_len == 1)
			*deleted = del;
		else if (!same_place(&del, deleted))
			return LK_ERR(LK_E_MALFORMED, "a delete in two places");
	}
	return LK_NONE;
}

static lk_err
rebuild_op(struct rebuild *b, struct actor_ops *o, uint64_t ctr)
{
	const struct document *d = b->d;
	bool has_row =
	    o->row < o->row_end && d->rows[b->rows[o->row]].ctr == ctr;
	struct document_row deleted = { 0 };
	struct op_row row;

	TRY(preds_take(b, o, ctr, has_row ? NULL : &deleted));
	document_row_unpack(
	    &row, has_row ? &d->rows[b->rows[o->row++]] : &deleted);
	if (row.op.obj.ctr > 0)
		actor_use(b, row.op.obj.actor);
	if (row.op.key_kind == KEY_ELEM)
		actor_use(b, row.op.elem.actor);
	row.op.preds = b->preds;
	row.op.preds_len = b->preds_len;
	op_table_put(&b->ops, &row);
	return LK_NONE;
}

/* Hands a change its ops: the actor's next ones, up to maxOp. */
static lk_err
rebuild_ops(
    struct rebuild *b, const struct document_change *c, uint64_t *start_op)
{
	struct actor_ops *o = &b->actors[c->actor];
	uint64_t ctr = next_ctr(b, o), next;

	if (c->seq != o->seq + 1)
		return LK_ERR(LK_E_MALFORMED, "seq");
	if (c->max_op < o->max_op)
		return LK_ERR(LK_E_MALFORMED, "maxOp");
	o->seq = c->seq;
	o->max_op = c->max_op;
	*start_op = ctr <= c->max_op ? ctr : c->max_op + 1;
	for (next = *start_op; next <= c->max_op; next++) {
		if (b->ops.rows >= CHANGE_OPS_MAX)
			return LK_ERR(LK_E_LIMIT, "ops of a change");
		if (next_ctr(b, o) != next)
			return LK_ERR(LK_E_MALFORMED, "op ids not contiguous");
		TRY(rebuild_op(b, o, next));
	}
	return LK_NONE;
}

static int
number_compare(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Lists the actors used, author aside, and numbers them in their order. */
static lk_err
rebuild_others(struct rebuild *b, uint32_t author, size_t *others_len)
{
	size_t n = 0;

	if (b->used_len > 0)
		qsort(b->used, b->used_len, sizeof(*b->used), number_compare);
	b->map[author] = 0;
	for (size_t i = 0; i < b->used_len; i++) {
		if (b->used[i] == author)
			continue;
		b->others[n++] = b->d->actors[b->used[i]];
		b->map[b->used[i]] = (uint32_t)n;
	}
	*others_len = n;
	return op_table_renumber(&b->ops, b->map, b->d->actors_len);
}

static lk_err
rebuild_deps(struct rebuild *b, const struct document_change *c)
{
	const uint32_t *rows = b->d->changes.deps + c->deps_at;

	if (c->deps_len > CHANGE_DEPS_MAX)
		return LK_ERR(LK_E_LIMIT, "number of dependencies");
	if (c->deps_len > b->deps_cap) {
		uint8_t *grown = reallocarray(b->deps, c->deps_len, LK_ID_LEN);

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "dependencies");
		b->deps = grown;
		b->deps_cap = c->deps_len;
	}
	for (size_t i = 0; i < c->deps_len; i++)
		memcpy(b->deps + i * LK_ID_LEN,
		    b->list->at[b->first + rows[i]].hash, LK_ID_LEN);
	return LK_NONE;
}

static lk_err
rebuild_change(struct rebuild *b, const struct document_change *c)
{
	struct change_head head = { .actor = b->d->actors[c->actor],
		.seq = c->seq };
	struct change_rest rest = { .time = c->time,
		.message = c->message,
		.extra = c->extra,
		.others = b->others };
	struct change change;
	struct bytes kept;

	op_table_writer_reset(&b->ops);
	b->used_len = 0;
	b->stamp++;
	TRY(rebuild_ops(b, c, &head.start_op));
	TRY(rebuild_others(b, c->actor, &rest.others_len));
	TRY(rebuild_deps(b, c));
	TRY(op_table_finish(&b->ops));
	head.deps = b->deps;
	head.deps_len = c->deps_len;
	rest.columns = b->ops.finished;
	rest.columns_len = b->ops.finished_len;
	buf_reset(&b->body);
	change_head_write(&b->body, &head);
	change_rest_write(&b->body, &rest);
	TRY(buf_err(&b->body, "size of a change"));
	kept = arena_copy(b->keep, buf_bytes(&b->body));
	if (kept.ptr == NULL)
		return LK_ERR(LK_E_LIMIT, "changes of a document");
	TRY(change_decode_own(&change, b->keep, kept));
	return change_list_add(b->list, &change);
}

static lk_err
rebuild_run(struct rebuild *b, const struct document *d)
{
	TRY(rebuild_init(b, d));
	for (size_t i = 0; i < d->changes.len; i++)
		TRY(rebuild_change(b, &d->changes.rows[i]));
	for (size_t a = 0; a < d->actors_len; a++)
		if (next_ctr(b, &b->actors[a]) != UINT64_MAX)
			return LK_ERR(LK_E_MALFORMED, "op without change");
	return LK_NONE;
}

lk_err
document_rebuild(
    const struct document *d, struct arena *keep, struct change_list *list)
{
	struct rebuild b = { .keep = keep, .list = list, .first = list->len };
	lk_err err = rebuild_run(&b, d);

	rebuild_clear(&b);
	return err;
}

/* The heads of the list's changes from `first` on must be those of the file,
 * and its rows of the heads, if it has them, must be right. */
static lk_err
document_check_heads(
    const struct document *d, const struct change_list *list, size_t first)
{
	const struct change *changes = list->len > 0 ? list->at + first : NULL;
	struct rd r = rd_over(d->head_rows);
	uint8_t *heads;
	size_t n;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, DOCUMENT_BODY_MAX);
	TRY(history_heads(changes, list->len - first, &arena, &heads, &n));
	if (n != d->heads_len ||
	    (n > 0 && memcmp(heads, d->heads, n * LK_ID_LEN) != 0))
		return LK_ERR(LK_E_MALFORMED, "heads mismatch");
	for (size_t i = 0; i < n && d->head_rows.len > 0; i++) {
		uint64_t row = rd_uleb(&r);

		if (r.failed)
			break;
		if (row >= list->len - first ||
		    memcmp(changes[row].hash, heads + i * LK_ID_LEN,
			LK_ID_LEN) != 0)
			return LK_ERR(LK_E_MALFORMED, "head index");
	}
	return rd_end(&r, "head index");
}

lk_err
document_read(struct bytes body, struct arena *keep, struct change_list *list)
{
	size_t first = list->len;
	struct document d;
	lk_err err = document_parse(&d, body);

	if (err.code == LK_OK)
		err = document_rebuild(&d, keep, list);
	if (err.code == LK_OK)
		err = document_check_heads(&d, list, first);
	document_clear(&d);
	return err;
}
