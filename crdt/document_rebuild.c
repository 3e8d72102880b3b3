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
	struct document_changes *changes;
	uint32_t *users; /* by row: 1 + the last one that depends on it */
	uint32_t *kept;  /* by row: where its hash is */
	struct arena arena;
	change_fn *each;
	void *ctx;
	uint32_t *rows, *edges; /* numbers, ascending by actor and counter */
	struct actor_ops *actors;
	/* Of the changes made so far, those that are still needed: heads, and
	 * what others depend on.  Places that are free again are a chain: the
	 * first bytes of each are 1 + the next one. */
	uint8_t (*hashes)[LK_ID_LEN];
	size_t hashes_len, hashes_cap;
	uint32_t hashes_free; /* 1 + the first; 0: none */
	struct op_table_writer ops;
	struct op near[CHANGE_OPS_NEAR]; /* the ops of a small change */
	struct buf body;
	/* The actors of the change at hand: when used last, and numbers. */
	uint32_t *stamps, *used, *map;
	size_t used_len;
	uint32_t stamp;
	struct bytes *others;
	struct op_id *preds; /* of a small change all, else of one op */
	size_t preds_len, preds_cap;
	size_t preds_all; /* of the change at hand */
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
	b->users = arena_alloc(&b->arena, d->changes.len * sizeof(*b->users));
	b->kept = arena_alloc(&b->arena, d->changes.len * sizeof(*b->kept));
	if (b->rows == NULL || b->edges == NULL || b->actors == NULL ||
	    b->stamps == NULL || b->used == NULL || b->map == NULL ||
	    b->others == NULL || b->users == NULL || b->kept == NULL)
		return LK_ERR(LK_E_NOMEM, "changes of a document");
	document_changes_users(&d->changes, b->users);
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
	free(b->hashes);
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
 * Adds the row that an edge comes from to the predecessors, which begin at
 * `first`.  Rows of one key or element stand in the order of their ids, and the
 * edges of one op in the order of the rows: out of order means that the places
 * differ.
 */
static lk_err
pred_add(struct rebuild *b, size_t first, const struct document_row *from)
{
	struct op_id id = { .ctr = from->ctr, .actor = from->actor };

	if (b->preds_len > first &&
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
	size_t first = b->preds_len;

	for (; o->edge < o->edge_end; o->edge++) {
		const struct document_edge *e = &d->edges[b->edges[o->edge]];
		struct document_row del;

		if (e->ctr != ctr)
			break;
		TRY(pred_add(b, first, &d->rows[e->row]));
		if (deleted == NULL)
			continue;
		delete_make(&del, &d->rows[e->row]);
		if (b->preds_len == first + 1)
			*deleted = del;
		else if (!same_place(&del, deleted))
			return LK_ERR(LK_E_MALFORMED, "a delete in two places");
	}
	return LK_NONE;
}

/* Notes which actors the predecessors at `first` and a row name. */
static void
row_uses(struct rebuild *b, const struct document_row *row, size_t first)
{
	for (size_t i = first; i < b->preds_len; i++)
		actor_use(b, b->preds[i].actor);
	if (row->obj_ctr > 0)
		actor_use(b, row->obj_actor);
	if (row->key_kind == KEY_ELEM)
		actor_use(b, row->elem_actor);
}

/* The next op of an actor: its row, or `deleted` made into one. */
static lk_err
op_take(struct rebuild *b, struct actor_ops *o, uint64_t ctr,
    struct document_row *deleted, const struct document_row **row)
{
	const struct document *d = b->d;
	bool has_row =
	    o->row < o->row_end && d->rows[b->rows[o->row]].ctr == ctr;

	TRY(preds_take(b, o, ctr, has_row ? NULL : deleted));
	*row = has_row ? &d->rows[b->rows[o->row++]] : deleted;
	return LK_NONE;
}

/* A first walk over the ops of a change: which there are, and whom they name.
 */
static lk_err
rebuild_scan(struct rebuild *b, const struct document_change *c,
    struct actor_ops *o, struct change *out)
{
	uint64_t ctr = next_ctr(b, o), next;

	out->start_op = ctr <= c->max_op ? ctr : c->max_op + 1;
	for (next = out->start_op; next <= c->max_op; next++) {
		struct document_row deleted;
		const struct document_row *row;

		if (next - out->start_op >= CHANGE_OPS_MAX)
			return LK_ERR(LK_E_LIMIT, "ops of a change");
		if (next_ctr(b, o) != next)
			return LK_ERR(LK_E_MALFORMED, "op ids not contiguous");
		b->preds_len = 0;
		TRY(op_take(b, o, next, &deleted, &row));
		row_uses(b, row, 0);
	}
	out->ops_len = (size_t)(next - out->start_op);
	return LK_NONE;
}

/* Gives the ids in an op the numbers that actors have in the change. */
static void
op_number(struct rebuild *b, struct op *op, size_t first)
{
	for (size_t i = first; i < b->preds_len; i++)
		b->preds[i].actor = b->map[b->preds[i].actor];
	op->preds_len = b->preds_len - first;
	op->obj.actor = op->obj.ctr > 0 ? b->map[op->obj.actor] : 0;
	op->elem.actor = op->key_kind == KEY_ELEM ? b->map[op->elem.actor] : 0;
}

/* The second walk: checks the ops and puts them into columns, and those of a
 * small change into the array. */
static lk_err
rebuild_ops(struct rebuild *b, struct actor_ops *o, struct change *c,
    struct op_check *check)
{
	bool near = c->ops_len <= CHANGE_OPS_NEAR;
	size_t at = 0;

	op_table_writer_reset(&b->ops);
	b->preds_len = b->preds_all = 0;
	for (size_t i = 0; i < c->ops_len; i++) {
		size_t first = near ? b->preds_len : 0;
		struct document_row deleted = { 0 };
		const struct document_row *from;
		struct op_row row;

		b->preds_len = first;
		TRY(op_take(b, o, c->start_op + i, &deleted, &from));
		document_row_unpack(&row, from);
		op_number(b, &row.op, first);
		b->preds_all += row.op.preds_len;
		if (row.op.preds_len > 0)
			row.op.preds = b->preds + first;
		TRY(op_check_next(check, &row.op));
		op_table_put(&b->ops, &row);
		if (near)
			b->near[i] = row.op;
	}
	/* The list of predecessors has grown to where it stays. */
	for (size_t i = 0; near && i < c->ops_len; i++) {
		b->near[i].preds = b->preds == NULL ? NULL : b->preds + at;
		at += b->near[i].preds_len;
	}
	c->ops = near ? b->near : NULL;
	TRY(op_check_end(check));
	return op_table_finish(&b->ops);
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
static void
rebuild_others(struct rebuild *b, uint32_t author, struct change *c)
{
	size_t n = 0;

	if (b->used_len > 1)
		qsort(b->used, b->used_len, sizeof(*b->used), number_compare);
	b->map[author] = 0;
	for (size_t i = 0; i < b->used_len; i++) {
		if (b->used[i] == author)
			continue;
		b->others[n++] = b->d->actors[b->used[i]];
		b->map[b->used[i]] = (uint32_t)n;
	}
	c->others = b->others;
	c->others_len = n;
}

/* Hands a change its ops: the actor's next ones, up to maxOp. */
static lk_err
rebuild_take(
    struct rebuild *b, const struct document_change *c, struct change *out)
{
	struct actor_ops *o = &b->actors[c->actor], start = *o;
	struct op_check check;
	lk_err err;

	if (c->seq != o->seq + 1)
		return LK_ERR(LK_E_MALFORMED, "seq");
	if (c->max_op < o->max_op)
		return LK_ERR(LK_E_MALFORMED, "maxOp");
	b->used_len = 0;
	b->stamp++;
	TRY(rebuild_scan(b, c, o, out));
	rebuild_others(b, c->actor, out);
	*o = start;
	o->seq = c->seq;
	o->max_op = c->max_op;
	TRY(op_check_init(&check, out));
	err = rebuild_ops(b, o, out, &check);
	op_check_clear(&check);
	return err;
}

static lk_err
hash_keep(struct rebuild *b, size_t row, const uint8_t hash[static LK_ID_LEN])
{
	uint32_t at = b->hashes_free;

	if (at > 0) {
		memcpy(&b->hashes_free, b->hashes[at - 1], sizeof(at));
	} else {
		if (b->hashes_len == b->hashes_cap) {
			size_t cap =
			    b->hashes_cap == 0 ? 16 : 2 * b->hashes_cap;
			uint8_t(*grown)[LK_ID_LEN] =
			    reallocarray(b->hashes, cap, sizeof(*grown));

			if (grown == NULL)
				return LK_ERR(LK_E_NOMEM, "hashes of changes");
			b->hashes = grown;
			b->hashes_cap = cap;
		}
		at = (uint32_t)++b->hashes_len;
	}
	memcpy(b->hashes[at - 1], hash, LK_ID_LEN);
	b->kept[row] = at - 1;
	return LK_NONE;
}

/* Gives up the hashes that no later row needs than this one. */
static void
hashes_drop(struct rebuild *b, size_t row, const uint32_t *deps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (b->users[deps[i]] != row + 1)
			continue;
		/* Once, should the row say so twice: it is no head either. */
		b->users[deps[i]] = UINT32_MAX;
		memcpy(b->hashes[b->kept[deps[i]]], &b->hashes_free,
		    sizeof(b->hashes_free));
		b->hashes_free = b->kept[deps[i]] + 1;
	}
}

static lk_err
rebuild_deps(struct rebuild *b, const struct document_change *c, size_t row)
{
	const uint32_t *rows = b->changes->deps;

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
		memcpy(b->deps + i * LK_ID_LEN, b->hashes[b->kept[rows[i]]],
		    LK_ID_LEN);
	hashes_drop(b, row, rows, c->deps_len);
	return LK_NONE;
}

/* Writes the body of a change, whose hash that gives. */
static lk_err
rebuild_body(struct rebuild *b, struct change *c)
{
	struct change_head head = { .deps = c->deps,
		.deps_len = c->deps_len,
		.actor = c->actor,
		.seq = c->seq,
		.start_op = c->start_op };
	struct change_rest rest = { .time = c->time,
		.message = c->message,
		.extra = c->extra,
		.others = c->others,
		.others_len = c->others_len,
		.columns = b->ops.finished,
		.columns_len = b->ops.finished_len };
	ARENA_SCOPED arena = { .max = REBUILD_ARENA_MAX };
	struct change framed = { 0 };

	buf_reset(&b->body);
	change_head_write(&b->body, &head);
	change_rest_write(&b->body, &rest);
	TRY(buf_err(&b->body, "size of a change"));
	c->body = buf_bytes(&b->body);
	if (c->ops == NULL) {
		if (c->ops_len > change_ops_max(c->body.len) ||
		    b->preds_all > change_ops_max(c->body.len))
			return LK_ERR(LK_E_LIMIT, "ops of a change");
		/* Where the columns are now. */
		TRY(change_frame(&framed, &arena, c->body));
	}
	c->table = framed.table;
	return LK_NONE;
}

static lk_err
rebuild_change(struct rebuild *b, size_t row)
{
	struct document_change read, *from = &read;
	struct change c;

	TRY(document_changes_next(b->changes, from));
	c.actor = b->d->actors[from->actor];
	c.seq = from->seq;
	c.time = from->time;
	c.message = from->message;
	c.extra = from->extra;
	TRY(rebuild_deps(b, from, row));
	c.deps = b->deps;
	c.deps_len = from->deps_len;
	TRY(rebuild_take(b, from, &c));
	TRY(change_check_head(&c));
	TRY(rebuild_body(b, &c));
	chunk_hash(c.hash, CHUNK_CHANGE, c.body);
	TRY(hash_keep(b, row, c.hash));
	return b->each(b->ctx, &c);
}

/* The hashes of the changes that no other depends on, ascending. */
static lk_err
rebuild_heads(struct rebuild *b, uint8_t (**heads)[LK_ID_LEN], size_t *n)
{
	size_t len = 0, at = 0;

	for (size_t i = 0; i < b->changes->len; i++)
		len += b->users[i] == 0;
	*heads = arena_alloc(&b->arena, len * sizeof(**heads));
	if (*heads == NULL)
		return LK_ERR(LK_E_NOMEM, "heads");
	for (size_t i = 0; i < b->changes->len; i++)
		if (b->users[i] == 0)
			memcpy(
			    (*heads)[at++], b->hashes[b->kept[i]], LK_ID_LEN);
	qsort(*heads, len, LK_ID_LEN, lk_id_compare);
	*n = len;
	return LK_NONE;
}

/* The heads must be those of the file, and its rows of the heads, if it has
 * them, must be right. */
static lk_err
rebuild_check_heads(struct rebuild *b)
{
	const struct document *d = b->d;
	struct rd r = rd_over(d->head_rows);
	uint8_t(*heads)[LK_ID_LEN];
	size_t n;

	TRY(rebuild_heads(b, &heads, &n));
	if (n != d->heads_len ||
	    (n > 0 && memcmp(heads, d->heads, n * LK_ID_LEN) != 0))
		return LK_ERR(LK_E_MALFORMED, "heads mismatch");
	for (size_t i = 0; i < n && d->head_rows.len > 0; i++) {
		uint64_t row = rd_uleb(&r);

		if (r.failed)
			break;
		if (row >= d->changes.len || b->users[row] != 0 ||
		    memcmp(b->hashes[b->kept[row]], heads[i], LK_ID_LEN) != 0)
			return LK_ERR(LK_E_MALFORMED, "head index");
	}
	return rd_end(&r, "head index");
}

static lk_err
rebuild_run(struct rebuild *b, const struct document *d)
{
	TRY(rebuild_init(b, d));
	for (size_t i = 0; i < d->changes.len; i++)
		TRY(rebuild_change(b, i));
	TRY(document_changes_end(b->changes));
	for (size_t a = 0; a < d->actors_len; a++)
		if (next_ctr(b, &b->actors[a]) != UINT64_MAX)
			return LK_ERR(LK_E_MALFORMED, "op without change");
	return rebuild_check_heads(b);
}

lk_err
document_rebuild(struct document *d, change_fn *each, void *ctx)
{
	struct rebuild b = { .changes = &d->changes, .each = each, .ctx = ctx };
	lk_err err = rebuild_run(&b, d);

	rebuild_clear(&b);
	return err;
}

lk_err
document_each(struct bytes body, change_fn *each, void *ctx)
{
	struct document d;
	lk_err err = document_parse(&d, body);

	if (err.code == LK_OK)
		err = document_rebuild(&d, each, ctx);
	document_clear(&d);
	return err;
}
