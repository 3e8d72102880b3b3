#include <stdlib.h>
#include <string.h>

#include "crdt/document_write.h"

/* About 100 bytes for each of the ops that limits.h allows. */
#define WRITTEN_ARENA_MAX ((size_t)7 * DOCUMENT_BODY_MAX)

static const lk_err not_closed = { .code = LK_E_DATA,
	.what = "an op refers to one that is not there" };

static uint64_t
op_id_key(const void *ctx, uint32_t number)
{
	return document_row_id(&((const struct document_row *)ctx)[number]);
}

static int
actor_compare(const void *a, const void *b)
{
	return bytes_compare(
	    *(const struct bytes *)a, *(const struct bytes *)b);
}

/* The place of an actor in the table; actors_len when it has no change. */
static uint32_t
actor_find(const struct written_ops *w, struct bytes id)
{
	size_t lo = 0, hi = w->actors_len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = bytes_compare(w->actors[mid], id);

		if (r == 0)
			return (uint32_t)mid;
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (uint32_t)w->actors_len;
}

static lk_err
read_actors(struct written_ops *w, const struct change *changes, size_t n)
{
	size_t kept = 0;

	w->actors = arena_alloc(&w->arena, n * sizeof(*w->actors));
	if (w->actors == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a document");
	for (size_t i = 0; i < n; i++)
		w->actors[i] = changes[i].actor;
	qsort(w->actors, n, sizeof(*w->actors), actor_compare);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 ||
		    !bytes_equal(w->actors[kept - 1], w->actors[i]))
			w->actors[kept++] = w->actors[i];
	w->actors_len = kept;
	return kept > DOCUMENT_ACTORS_MAX
	    ? LK_ERR(LK_E_LIMIT, "actors of a document")
	    : LK_NONE;
}

static lk_err
read_changes(struct written_ops *w, const struct change *changes,
    const uint32_t *order, size_t n)
{
	size_t ops = 0;

	w->changes = arena_alloc(&w->arena, n * sizeof(*w->changes));
	if (w->changes == NULL)
		return LK_ERR(LK_E_NOMEM, "changes of a document");
	w->changes_len = n;
	for (size_t i = 0; i < n; i++) {
		const struct change *c = &changes[order[i]];

		w->changes[i] = (struct written_change){ .change = c,
			.actor = actor_find(w, c->actor),
			.first = ops };
		ops += c->ops_len;
		if (ops > DOCUMENT_OPS_MAX)
			return LK_ERR(LK_E_LIMIT, "ops of a document");
	}
	w->len = ops;
	return LK_NONE;
}

static uint64_t
actor_seq_key(const void *ctx, uint32_t number)
{
	const struct written_change *c =
	    &((const struct written_change *)ctx)[number];

	return (uint64_t)c->actor << 32 | c->change->seq;
}

/* Divides the changes by actor, so that ids can be looked up. */
static lk_err
divide_changes(struct written_ops *w)
{
	size_t n = w->changes_len;
	uint32_t *scratch = arena_alloc(&w->arena, n * sizeof(*scratch));

	w->by_actor = arena_alloc(&w->arena, n * sizeof(*w->by_actor));
	w->actors_at =
	    arena_alloc(&w->arena, (w->actors_len + 1) * sizeof(*w->actors_at));
	if (scratch == NULL || w->by_actor == NULL || w->actors_at == NULL)
		return LK_ERR(LK_E_NOMEM, "changes of a document");
	for (uint32_t i = 0; i < n; i++) {
		w->by_actor[i] = i;
		w->actors_at[w->changes[i].actor + 1]++;
	}
	for (size_t a = 0; a < w->actors_len; a++)
		w->actors_at[a + 1] += w->actors_at[a];
	order_by_key(w->by_actor, scratch, n, actor_seq_key, w->changes);
	for (size_t i = 1; i < n; i++) {
		const struct written_change *before =
		    &w->changes[w->by_actor[i - 1]];
		const struct written_change *c = &w->changes[w->by_actor[i]];

		if (c->actor == before->actor &&
		    c->change->start_op <= change_max_op(before->change))
			return LK_ERR(LK_E_DATA, "op counters of an actor");
	}
	return LK_NONE;
}

lk_err
written_ops_find(const struct written_ops *w, struct op_id id, uint32_t *number)
{
	size_t lo, hi;

	if (id.actor >= w->actors_len)
		return not_closed;
	lo = w->actors_at[id.actor];
	hi = w->actors_at[id.actor + 1];
	/* The last change of the actor that starts at or before the id. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct change *c = w->changes[w->by_actor[mid]].change;

		if (c->start_op > id.ctr)
			hi = mid;
		else if (change_max_op(c) < id.ctr)
			lo = mid + 1;
		else {
			*number =
			    (uint32_t)(w->changes[w->by_actor[mid]].first +
				(id.ctr - c->start_op));
			return LK_NONE;
		}
	}
	return not_closed;
}

/* Gives the ids in an op the document's actor numbers. */
static lk_err
op_renumber(struct op_row *row, const uint32_t *map, size_t actors_len)
{
	struct op *op = &row->op;

	op->obj.actor = op->obj.ctr == 0 ? 0 : map[op->obj.actor];
	op->elem.actor = op->key_kind == KEY_ELEM ? map[op->elem.actor] : 0;
	if (op->obj.actor >= actors_len || op->elem.actor >= actors_len)
		return not_closed;
	return LK_NONE;
}

/* The predecessors, still as ids in the numbers of their change. */
struct pred_ids {
	struct op_id *at;
	size_t len, cap;
};

static lk_err
preds_keep(struct pred_ids *p, const struct op *op, const uint32_t *map)
{
	if (op->preds_len > DOCUMENT_OPS_MAX - p->len)
		return LK_ERR(LK_E_LIMIT, "predecessors of a document");
	if (p->len + op->preds_len > p->cap) {
		size_t cap = 2 * p->cap + op->preds_len;
		struct op_id *grown = reallocarray(p->at, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		p->at = grown;
		p->cap = cap;
	}
	for (size_t i = 0; i < op->preds_len; i++)
		p->at[p->len++] = (struct op_id){ .ctr = op->preds[i].ctr,
			.actor = map[op->preds[i].actor] };
	return LK_NONE;
}

static lk_err
read_ops_of(struct written_ops *w, const struct written_change *c,
    const uint32_t *map, struct op_reader *reader, struct pred_ids *preds)
{
	size_t number = c->first;
	struct op_row row = { 0 };

	row.id.actor = c->actor;
	while (op_reader_next(reader, &row.op)) {
		row.id.ctr = c->change->start_op + (number - c->first);
		TRY(op_renumber(&row, map, w->actors_len));
		w->preds_at[number] = (uint32_t)preds->len;
		TRY(preds_keep(preds, &row.op, map));
		TRY(document_row_pack(&w->rows[number], &row));
		number++;
	}
	if (number != c->first + c->change->ops_len)
		return LK_ERR(LK_E_MALFORMED, "ops of a change");
	return LK_NONE;
}

static lk_err
read_change_ops(struct written_ops *w, const struct written_change *c,
    struct pred_ids *preds)
{
	size_t n = c->change->others_len + 1;
	uint32_t *map = calloc(n, sizeof(*map));
	struct op_reader *reader = NULL;
	lk_err err;

	if (map == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a change");
	for (uint32_t i = 0; i < n; i++)
		map[i] = actor_find(w, change_actor(c->change, i));
	err = op_reader_new(&reader, c->change);
	if (err.code == LK_OK)
		err = read_ops_of(w, c, map, reader, preds);
	op_reader_free(reader);
	free(map);
	return err;
}

/* Looks the predecessors up and lists them the other way round: the
 * successors of each op, ascending by id. */
static lk_err
link_ops(struct written_ops *w, const struct pred_ids *preds)
{
	size_t n = w->len;

	w->preds = arena_alloc(&w->arena, preds->len * sizeof(*w->preds));
	w->succs = arena_alloc(&w->arena, preds->len * sizeof(*w->succs));
	w->succs_at = arena_alloc(&w->arena, (n + 2) * sizeof(*w->succs_at));
	if (w->preds == NULL || w->succs == NULL || w->succs_at == NULL)
		return LK_ERR(LK_E_NOMEM, "successors");
	/* Counted two places further on, so that filling the list moves each
	 * beginning to where it belongs. */
	for (size_t i = 0; i < preds->len; i++) {
		TRY(written_ops_find(w, preds->at[i], &w->preds[i]));
		if (w->rows[w->preds[i]].action == ACTION_DELETE)
			return LK_ERR(LK_E_DATA, "a predecessor is a delete");
		w->succs_at[w->preds[i] + 2]++;
	}
	for (size_t i = 0; i < n; i++)
		w->succs_at[i + 2] += w->succs_at[i + 1];
	for (size_t i = 0; i < n; i++) {
		uint32_t op = w->by_id[i];

		for (uint32_t p = w->preds_at[op]; p < w->preds_at[op + 1]; p++)
			w->succs[w->succs_at[w->preds[p] + 1]++] = op;
	}
	return LK_NONE;
}

static lk_err
sort_ops(struct written_ops *w)
{
	uint32_t *scratch = calloc(w->len + 1, sizeof(*scratch));

	w->by_id = arena_alloc(&w->arena, w->len * sizeof(*w->by_id));
	if (scratch == NULL || w->by_id == NULL) {
		free(scratch);
		return LK_ERR(LK_E_NOMEM, "order of ops");
	}
	for (uint32_t i = 0; i < w->len; i++)
		w->by_id[i] = i;
	order_by_key(w->by_id, scratch, w->len, op_id_key, w->rows);
	free(scratch);
	return LK_NONE;
}

static lk_err
read_ops(struct written_ops *w, struct pred_ids *preds)
{
	w->rows = arena_alloc(&w->arena, w->len * sizeof(*w->rows));
	w->preds_at =
	    arena_alloc(&w->arena, (w->len + 1) * sizeof(*w->preds_at));
	if (w->rows == NULL || w->preds_at == NULL)
		return LK_ERR(LK_E_NOMEM, "ops of a document");
	for (size_t i = 0; i < w->changes_len; i++)
		TRY(read_change_ops(w, &w->changes[i], preds));
	w->preds_at[w->len] = (uint32_t)preds->len;
	TRY(sort_ops(w));
	return link_ops(w, preds);
}

lk_err
written_ops_read(struct written_ops *w, const struct change *changes,
    const uint32_t *order, size_t n)
{
	struct pred_ids preds = { 0 };
	lk_err err;

	*w = (struct written_ops){ 0 };
	arena_init(&w->arena, WRITTEN_ARENA_MAX);
	TRY(read_actors(w, changes, n));
	TRY(read_changes(w, changes, order, n));
	TRY(divide_changes(w));
	err = read_ops(w, &preds);
	free(preds.at);
	return err;
}

void
written_ops_clear(struct written_ops *w)
{
	arena_clear(&w->arena);
	*w = (struct written_ops){ 0 };
}
