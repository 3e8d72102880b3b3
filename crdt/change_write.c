#include <stdlib.h>
#include <string.h>

#include "crdt/change_body.h"

struct writer_actor {
	struct bytes id;
	bool used; /* by some op */
};

struct change_writer {
	struct arena arena; /* what the head and the actors point to */
	struct change_head head;
	struct op_table_writer table;
	struct writer_actor *actors; /* by number */
	uint32_t *order;             /* numbers, ascending by bytes */
	size_t actors_len, actors_cap;
	struct op_id *preds;
	size_t preds_cap, preds_len; /* of all ops together */
};

/* Room for dependencies, message, extra bytes and every actor. */
#define WRITER_ARENA_MAX ((size_t)2 * CHANGE_BODY_MAX)

void
change_head_write(struct buf *b, const struct change_head *h)
{
	buf_uleb(b, h->deps_len);
	buf_mem(b, h->deps, h->deps_len * LK_ID_LEN);
	buf_counted(b, h->actor);
	buf_uleb(b, h->seq);
	buf_uleb(b, h->start_op);
}

void
change_rest_write(struct buf *b, const struct change_rest *c)
{
	buf_sleb(b, c->time);
	buf_counted(b, c->message);
	buf_uleb(b, c->others_len);
	for (size_t i = 0; i < c->others_len; i++)
		buf_counted(b, c->others[i]);
	columns_write_meta(b, c->columns, c->columns_len);
	columns_write_data(b, c->columns, c->columns_len);
	buf_add(b, c->extra);
}

/* Copies a head into the arena with its dependencies sorted. */
static lk_err
head_copy(
    struct change_head *out, struct arena *arena, const struct change_head *in)
{
	struct change_head h = *in;
	struct bytes deps;

	if (h.deps_len > CHANGE_DEPS_MAX)
		return LK_ERR(LK_E_LIMIT, "number of dependencies");
	if (h.actor.len < 1 || h.actor.len > ACTOR_LEN_MAX)
		return LK_ERR(LK_E_LIMIT, "length of an actor");
	h.actor = arena_copy(arena, in->actor);
	h.message = arena_copy(arena, in->message);
	h.extra = arena_copy(arena, in->extra);
	deps = BYTES(
	    arena_alloc(arena, h.deps_len * LK_ID_LEN), h.deps_len * LK_ID_LEN);
	if (h.actor.len != in->actor.len || h.message.len != in->message.len ||
	    h.extra.len != in->extra.len || deps.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "head of a change");
	if (h.deps_len > 0) {
		void *sorted = (void *)(uintptr_t)deps.ptr;

		memcpy(sorted, in->deps, deps.len);
		qsort(sorted, h.deps_len, LK_ID_LEN, lk_id_compare);
	}
	h.deps = deps.ptr;
	*out = h;
	return LK_NONE;
}

lk_err
change_writer_new(struct change_writer **out, const struct change_head *head)
{
	struct change_writer *w = calloc(1, sizeof(*w));
	lk_err err;

	if (w == NULL)
		return LK_ERR(LK_E_NOMEM, "writing a change");
	arena_init(&w->arena, WRITER_ARENA_MAX);
	op_table_writer_init(&w->table, OP_TABLE_CHANGE, CHANGE_BODY_MAX);
	err = change_writer_restart(w, head);
	if (err.code != LK_OK) {
		change_writer_free(w);
		return err;
	}
	*out = w;
	return LK_NONE;
}

void
change_writer_free(struct change_writer *w)
{
	if (w == NULL)
		return;
	op_table_writer_clear(&w->table);
	arena_clear(&w->arena);
	free(w->actors);
	free(w->order);
	free(w->preds);
	free(w);
}

/* The place in `order` where an actor is or belongs. */
static size_t
actor_search(const struct change_writer *w, struct bytes id, bool *found)
{
	size_t lo = 0, hi = w->actors_len;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = bytes_compare(w->actors[w->order[mid]].id, id);

		if (r == 0) {
			*found = true;
			return mid;
		}
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static lk_err
actors_grow(struct change_writer *w)
{
	size_t cap = w->actors_cap == 0 ? 8 : 2 * w->actors_cap;
	struct writer_actor *actors;
	uint32_t *order;

	if (w->actors_len < w->actors_cap)
		return LK_NONE;
	if (w->actors_len > DOCUMENT_ACTORS_MAX)
		return LK_ERR(LK_E_LIMIT, "actors of a change");
	actors = reallocarray(w->actors, cap, sizeof(*actors));
	if (actors == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a change");
	w->actors = actors;
	order = reallocarray(w->order, cap, sizeof(*order));
	if (order == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a change");
	w->order = order;
	w->actors_cap = cap;
	return LK_NONE;
}

lk_err
change_writer_actor(struct change_writer *w, struct bytes id, uint32_t *number)
{
	struct writer_actor a = { 0 };
	bool found;
	size_t at = actor_search(w, id, &found);

	if (found) {
		*number = w->order[at];
		return LK_NONE;
	}
	if (id.len < 1 || id.len > ACTOR_NAME_MAX)
		return LK_ERR(LK_E_LIMIT, "length of an actor");
	TRY(actors_grow(w));
	a.id = arena_copy(&w->arena, id);
	if (a.id.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a change");
	memmove(w->order + at + 1, w->order + at,
	    (w->actors_len - at) * sizeof(*w->order));
	w->order[at] = (uint32_t)w->actors_len;
	w->actors[w->actors_len] = a;
	*number = (uint32_t)w->actors_len++;
	return LK_NONE;
}

static void
actor_use(struct change_writer *w, uint32_t actor)
{
	LK_ASSERT(actor < w->actors_len);
	w->actors[actor].used = true;
}

static int
id_compare(const struct change_writer *w, struct op_id a, struct op_id b)
{
	if (a.ctr != b.ctr)
		return a.ctr < b.ctr ? -1 : 1;
	return bytes_compare(w->actors[a.actor].id, w->actors[b.actor].id);
}

lk_err
change_writer_restart(struct change_writer *w, const struct change_head *head)
{
	uint32_t author;

	arena_reset(&w->arena);
	op_table_writer_reset(&w->table);
	w->actors_len = 0;
	w->preds_len = 0;
	TRY(head_copy(&w->head, &w->arena, head));
	return change_writer_actor(w, head->actor, &author);
}

/* Copies the predecessors, sorted.  They come sorted almost always, and are
 * few when they do not. */
static lk_err
preds_copy(struct change_writer *w, const struct op *op)
{
	if (op->preds_len > CHANGE_OPS_MAX - w->preds_len)
		return LK_ERR(LK_E_LIMIT, "number of predecessors");
	if (op->preds_len > w->preds_cap) {
		struct op_id *grown =
		    reallocarray(w->preds, op->preds_len, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		w->preds = grown;
		w->preds_cap = op->preds_len;
	}
	for (size_t i = 0; i < op->preds_len; i++) {
		struct op_id id = op->preds[i];
		size_t j = i;

		actor_use(w, id.actor);
		for (; j > 0 && id_compare(w, w->preds[j - 1], id) > 0; j--)
			w->preds[j] = w->preds[j - 1];
		w->preds[j] = id;
	}
	w->preds_len += op->preds_len;
	return LK_NONE;
}

lk_err
change_writer_add(struct change_writer *w, const struct op *op)
{
	struct op_row row = { .op = *op };

	if (w->table.rows >= CHANGE_OPS_MAX)
		return LK_ERR(LK_E_LIMIT, "ops of a change");
	if (w->head.start_op + w->table.rows > OP_COUNTER_MAX)
		return LK_ERR(LK_E_LIMIT, "op counters");
	TRY(preds_copy(w, op));
	row.op.preds = w->preds;
	if (op->obj.ctr > 0)
		actor_use(w, op->obj.actor);
	if (op->key_kind == KEY_ELEM)
		actor_use(w, op->elem.actor);
	op_table_put(&w->table, &row);
	return LK_NONE;
}

size_t
change_writer_ops(const struct change_writer *w)
{
	return w->table.rows;
}

/* Lists the actors used, author aside, and numbers them in their order. */
static lk_err
actors_finish(
    struct change_writer *w, struct bytes *others, size_t *n, uint32_t *map)
{
	size_t len = 0;
	bool same = true;

	for (size_t i = 0; i < w->actors_len; i++) {
		uint32_t number = w->order[i];

		map[number] = 0;
		if (number == 0 || !w->actors[number].used)
			continue;
		others[len] = w->actors[number].id;
		map[number] = (uint32_t)++len;
		same = same && map[number] == number;
	}
	*n = len;
	return same ? LK_NONE
		    : op_table_renumber(&w->table, map, w->actors_len);
}

lk_err
change_writer_finish(struct change_writer *w, struct buf *body)
{
	struct bytes *others =
	    arena_alloc(&w->arena, w->actors_len * sizeof(*others));
	uint32_t *map = arena_alloc(&w->arena, w->actors_len * sizeof(*map));
	struct change_rest rest = { .time = w->head.time,
		.message = w->head.message,
		.extra = w->head.extra,
		.others = others };
	size_t before = body->len, ops_max;

	if (others == NULL || map == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a change");
	TRY(actors_finish(w, others, &rest.others_len, map));
	TRY(op_table_finish(&w->table));
	rest.columns = w->table.finished;
	rest.columns_len = w->table.finished_len;
	change_head_write(body, &w->head);
	change_rest_write(body, &rest);
	TRY(buf_err(body, "size of a change"));
	if (body->len - before > CHANGE_BODY_MAX)
		return LK_ERR(LK_E_LIMIT, "size of a change");
	ops_max = change_ops_max(body->len - before);
	if (w->table.rows > ops_max || w->preds_len > ops_max)
		return LK_ERR(LK_E_LIMIT, "ops of a change");
	return LK_NONE;
}

void
change_lean(struct buf *b, const struct change *c)
{
	struct rd r = rd_over(c->body);
	struct change_head head;

	change_head_read(&r, &head);
	buf_add(b, r.left);
}

lk_err
change_unlean(
    struct buf *body, struct bytes lean, const struct change_head *head)
{
	struct change_head sorted;
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, WRITER_ARENA_MAX);
	TRY(head_copy(&sorted, &arena, head));
	change_head_write(body, &sorted);
	buf_add(body, lean);
	return buf_err(body, "size of a change");
}
