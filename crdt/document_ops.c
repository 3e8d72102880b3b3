#include <stdlib.h>
#include <string.h>

#include "crdt/change_body.h"
#include "crdt/document_write.h"

/* About 100 bytes for each of the ops that limits.h allows. */
#define WRITTEN_ARENA_MAX ((size_t)7 * DOCUMENT_BODY_MAX)
#define ID_ACTOR_MASK (((uint64_t)1 << ROW_ACTOR_BITS) - 1)

static const lk_err not_closed = { .code = LK_E_DATA,
	.what = "an op refers to one that is not there" };

int
written_actor_compare(
    const struct written_actor *a, const struct written_actor *b)
{
	return bytes_compare(a->id, b->id);
}

RB_GENERATE(written_actors, written_actor, entry, written_actor_compare)

uint64_t
written_max_op(const struct written_change *c)
{
	return c->start_op + c->ops_len - 1;
}

void *
array_room(void *at, size_t *cap, size_t n, size_t size)
{
	size_t more = *cap < 16 ? 16 : *cap;
	void *grown;

	if (at != NULL && n <= *cap)
		return at;
	while (more < n)
		more *= 2;
	grown = reallocarray(at, more, size);
	if (grown != NULL)
		*cap = more;
	return grown;
}

void
written_ops_init(struct written_ops *w)
{
	*w = (struct written_ops){ 0 };
	arena_init(&w->arena, WRITTEN_ARENA_MAX);
	RB_INIT(&w->tree);
}

void
written_ops_clear(struct written_ops *w)
{
	free(w->changes);
	free(w->rows);
	free(w->preds_at);
	free(w->pred_ids);
	free(w->map);
	arena_clear(&w->arena);
	*w = (struct written_ops){ 0 };
}

/* The actor of these bytes, met before or not. */
static lk_err
actor_get(struct written_ops *w, struct bytes id, struct written_actor **out)
{
	struct written_actor key = { .id = id }, *a;

	a = RB_FIND(written_actors, &w->tree, &key);
	if (a == NULL) {
		if (w->actors_len == DOCUMENT_ACTORS_MAX)
			return LK_ERR(LK_E_LIMIT, "actors of a document");
		a = arena_alloc(&w->arena, sizeof(*a));
		key.id = arena_copy(&w->arena, id);
		if (a == NULL || key.id.len != id.len)
			return LK_ERR(LK_E_NOMEM, "actors of a document");
		a->id = key.id;
		a->number = (uint32_t)w->actors_len++;
		RB_INSERT(written_actors, &w->tree, a);
	}
	*out = a;
	return LK_NONE;
}

/* Numbers the actors of a change. */
static lk_err
add_actors(struct written_ops *w, const struct change *c)
{
	size_t n = c->others_len + 1;
	uint32_t *map = array_room(w->map, &w->map_cap, n, sizeof(*map));
	struct written_actor *a;

	if (map == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a change");
	w->map = map;
	if (w->author == NULL || !bytes_equal(w->author->id, c->actor))
		TRY(actor_get(w, c->actor, &w->author));
	w->author->wrote = true;
	map[0] = w->author->number;
	for (size_t i = 0; i < c->others_len; i++) {
		TRY(actor_get(w, c->others[i], &a));
		map[i + 1] = a->number;
	}
	return LK_NONE;
}

static lk_err
add_text(struct written_ops *w, const struct change *c,
    const struct written_text **out)
{
	struct written_text *t;

	if (c->message.len == 0 && c->extra.len == 0)
		return LK_NONE;
	t = arena_alloc(&w->arena, sizeof(*t));
	if (t == NULL)
		return LK_ERR(LK_E_NOMEM, "changes of a document");
	t->message = arena_copy(&w->arena, c->message);
	t->extra = arena_copy(&w->arena, c->extra);
	if (t->message.len != c->message.len || t->extra.len != c->extra.len)
		return LK_ERR(LK_E_NOMEM, "changes of a document");
	*out = t;
	return LK_NONE;
}

/* Keeps what a row borrows of its change. */
static lk_err
row_keep(struct written_ops *w, struct document_row *r)
{
	struct bytes text = BYTES(r->text, r->text_len), before = { 0 };
	struct bytes value;

	if (text.len == 0) {
		r->text = NULL;
	} else {
		if (w->len > 0)
			before = BYTES(r[-1].text, r[-1].text_len);
		/* One key is often set many times. */
		text = bytes_equal(text, before) ? before
						 : arena_copy(&w->arena, text);
		if (text.len != r->text_len)
			return LK_ERR(LK_E_LIMIT, "keys of a document");
		r->text = text.ptr;
	}
	if (r->value_len > ROW_VALUE_NEAR) {
		value =
		    arena_copy(&w->arena, BYTES(r->value.ptr, r->value_len));
		if (value.len != r->value_len)
			return LK_ERR(LK_E_LIMIT, "values of a document");
		r->value.ptr = value.ptr;
	}
	return LK_NONE;
}

static lk_err
add_preds(struct written_ops *w, const struct op *op)
{
	size_t n = w->preds_len + op->preds_len;
	uint64_t *ids;

	if (op->preds_len > DOCUMENT_OPS_MAX - w->preds_len)
		return LK_ERR(LK_E_LIMIT, "predecessors of a document");
	ids = array_room(w->pred_ids, &w->preds_cap, n, sizeof(*ids));
	if (ids == NULL)
		return LK_ERR(LK_E_NOMEM, "predecessors");
	w->pred_ids = ids;
	for (size_t i = 0; i < op->preds_len; i++)
		ids[w->preds_len++] =
		    id_number((struct op_id){ .ctr = op->preds[i].ctr,
			.actor = w->map[op->preds[i].actor] });
	return LK_NONE;
}

/* Adds an op with the ids of its change; there is room. */
static lk_err
add_op(struct written_ops *w, struct op_row *row)
{
	struct op *op = &row->op;

	op->obj.actor = op->obj.ctr == 0 ? 0 : w->map[op->obj.actor];
	op->elem.actor = op->key_kind == KEY_ELEM ? w->map[op->elem.actor] : 0;
	TRY(document_row_pack(&w->rows[w->len], row));
	TRY(row_keep(w, &w->rows[w->len]));
	TRY(add_preds(w, op));
	w->preds_at[++w->len] = (uint32_t)w->preds_len;
	return LK_NONE;
}

static lk_err
add_columns(struct written_ops *w, const struct change *c)
{
	struct op_table_reader t;
	struct op_row row;
	lk_err err = LK_NONE;

	TRY(change_table_open(&t, c));
	if (t.rows != c->ops_len)
		err = LK_ERR(LK_E_MALFORMED, "ops of a change");
	for (size_t i = 0; i < c->ops_len && err.code == LK_OK; i++) {
		err = op_table_next(&t, &row);
		row.id.ctr = c->start_op + i;
		row.id.actor = w->map[0];
		if (err.code == LK_OK)
			err = add_op(w, &row);
	}
	op_table_close(&t);
	return err;
}

static lk_err
add_ops(struct written_ops *w, const struct change *c)
{
	if (c->ops == NULL)
		return add_columns(w, c);
	for (size_t i = 0; i < c->ops_len; i++) {
		struct op_row row = { .op = c->ops[i],
			.id = { .ctr = c->start_op + i, .actor = w->map[0] } };

		TRY(add_op(w, &row));
	}
	return LK_NONE;
}

/* Room for one more change, and its ops. */
static lk_err
add_room(struct written_ops *w, size_t ops_len)
{
	size_t n = w->len + ops_len, cap = w->cap;
	struct written_change *changes;
	struct document_row *rows;
	uint32_t *preds_at;

	if (w->changes_len >= HISTORY_CHANGES_MAX)
		return LK_ERR(LK_E_LIMIT, "changes of a document");
	if (ops_len > DOCUMENT_OPS_MAX - w->len)
		return LK_ERR(LK_E_LIMIT, "ops of a document");
	changes = array_room(
	    w->changes, &w->changes_cap, w->changes_len + 1, sizeof(*changes));
	if (changes == NULL)
		return LK_ERR(LK_E_NOMEM, "changes of a document");
	w->changes = changes;
	rows = array_room(w->rows, &cap, n + 1, sizeof(*rows));
	if (rows == NULL)
		return LK_ERR(LK_E_NOMEM, "ops of a document");
	w->rows = rows;
	preds_at = array_room(w->preds_at, &w->cap, n + 1, sizeof(*preds_at));
	if (preds_at == NULL)
		return LK_ERR(LK_E_NOMEM, "ops of a document");
	w->preds_at = preds_at;
	w->preds_at[w->len] = (uint32_t)w->preds_len;
	return LK_NONE;
}

lk_err
written_ops_add(struct written_ops *w, const struct change *c)
{
	struct written_change made = { .time = c->time,
		.start_op = c->start_op,
		.seq = (uint32_t)c->seq,
		.ops_len = (uint32_t)c->ops_len,
		.first = (uint32_t)w->len };

	TRY(add_room(w, c->ops_len));
	TRY(add_actors(w, c));
	made.actor = w->map[0];
	memcpy(made.hash, c->hash, sizeof(made.hash));
	TRY(add_text(w, c, &made.text));
	TRY(add_ops(w, c));
	w->changes[w->changes_len++] = made;
	return LK_NONE;
}

static uint64_t
id_renumber(uint64_t id, const uint32_t *ranks)
{
	return (id & ~ID_ACTOR_MASK) | ranks[id & ID_ACTOR_MASK];
}

static void
renumber(struct written_ops *w, const uint32_t *ranks)
{
	for (size_t i = 0; i < w->changes_len; i++)
		w->changes[i].actor = ranks[w->changes[i].actor];
	for (size_t i = 0; i < w->len; i++) {
		struct document_row *r = &w->rows[i];

		r->actor = ROW_ACTOR(ranks[r->actor]);
		if (r->obj_ctr > 0)
			r->obj_actor = ROW_ACTOR(ranks[r->obj_actor]);
		if (r->key_kind == KEY_ELEM)
			r->elem_actor = ROW_ACTOR(ranks[r->elem_actor]);
	}
	for (size_t i = 0; i < w->preds_len; i++)
		w->pred_ids[i] = id_renumber(w->pred_ids[i], ranks);
}

/* Gives the actors their numbers in the order of their bytes. */
static lk_err
close_actors(struct written_ops *w)
{
	uint32_t *ranks =
	    arena_alloc(&w->arena, w->actors_len * sizeof(*ranks));
	struct written_actor *a;
	uint32_t rank = 0;
	bool same = true;

	w->actors = arena_alloc(&w->arena, w->actors_len * sizeof(*w->actors));
	if (ranks == NULL || w->actors == NULL)
		return LK_ERR(LK_E_NOMEM, "actors of a document");
	RB_FOREACH (a, written_actors, &w->tree) {
		if (!a->wrote)
			return not_closed;
		same = same && a->number == rank;
		ranks[a->number] = rank;
		w->actors[rank++] = a->id;
	}
	if (!same)
		renumber(w, ranks);
	return LK_NONE;
}

static uint64_t
actor_seq_key(const void *ctx, uint32_t number)
{
	const struct written_change *c =
	    &((const struct written_change *)ctx)[number];

	return (uint64_t)c->actor << 32 | c->seq;
}

/* Lists the spans of changes that are ascending by actor and seq. */
static lk_err
list_spans(struct written_ops *w, const uint32_t *by_actor)
{
	const struct written_change *before = NULL;
	struct written_span *span = NULL;
	uint32_t n = 0;

	for (size_t i = 0; i < w->changes_len; i++) {
		const struct written_change *c = &w->changes[by_actor[i]];
		bool same = before != NULL && before->actor == c->actor;

		if (same &&
		    (c->seq == before->seq ||
			c->start_op <= written_max_op(before)))
			return LK_ERR(
			    LK_E_DATA, "seqs or op counters of an actor");
		before = c;
		if (!same)
			span = NULL;
		if (c->ops_len == 0)
			continue;
		if (span != NULL &&
		    (uint64_t)span->start + span->len == c->start_op &&
		    span->number + span->len == c->first) {
			span->len += c->ops_len;
			continue;
		}
		span = &w->spans[n++];
		*span = (struct written_span){ .start = (uint32_t)c->start_op,
			.len = c->ops_len,
			.number = c->first };
		w->actors_at[c->actor + 1] = n;
	}
	/* Who has none: they begin where those of the one before end. */
	for (size_t a = 0; a < w->actors_len; a++)
		if (w->actors_at[a + 1] < w->actors_at[a])
			w->actors_at[a + 1] = w->actors_at[a];
	return LK_NONE;
}

/* Prepares for looking ids up. */
static lk_err
close_spans(struct written_ops *w)
{
	size_t n = w->changes_len;
	uint32_t *by_actor = calloc(n + 1, sizeof(*by_actor));
	uint32_t *scratch = calloc(n + 1, sizeof(*scratch));
	lk_err err = LK_ERR(LK_E_NOMEM, "changes of a document");

	w->spans = arena_alloc(&w->arena, n * sizeof(*w->spans));
	w->actors_at =
	    arena_alloc(&w->arena, (w->actors_len + 1) * sizeof(*w->actors_at));
	if (by_actor != NULL && scratch != NULL && w->spans != NULL &&
	    w->actors_at != NULL) {
		for (uint32_t i = 0; i < n; i++)
			by_actor[i] = i;
		order_by_key(by_actor, scratch, n, actor_seq_key, w->changes);
		err = list_spans(w, by_actor);
	}
	free(by_actor);
	free(scratch);
	return err;
}

lk_err
written_ops_find(const struct written_ops *w, struct op_id id, uint32_t *number)
{
	size_t lo, hi;

	if (id.actor >= w->actors_len)
		return not_closed;
	lo = w->actors_at[id.actor];
	hi = w->actors_at[id.actor + 1];
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct written_span *s = &w->spans[mid];

		if (s->start > id.ctr)
			hi = mid;
		else if (id.ctr - s->start >= s->len)
			lo = mid + 1;
		else {
			*number = s->number + (uint32_t)(id.ctr - s->start);
			return LK_NONE;
		}
	}
	return not_closed;
}

static uint64_t
op_id_key(const void *ctx, uint32_t number)
{
	return document_row_id(&((const struct document_row *)ctx)[number]);
}

static lk_err
close_order(struct written_ops *w)
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

/* Looks the predecessors up and lists them the other way round: the
 * successors of each op, ascending by id. */
static lk_err
close_links(struct written_ops *w)
{
	size_t n = w->len;

	w->preds = arena_alloc(&w->arena, w->preds_len * sizeof(*w->preds));
	w->succs = arena_alloc(&w->arena, w->preds_len * sizeof(*w->succs));
	w->succs_at = arena_alloc(&w->arena, (n + 2) * sizeof(*w->succs_at));
	if (w->preds == NULL || w->succs == NULL || w->succs_at == NULL)
		return LK_ERR(LK_E_NOMEM, "successors");
	/* Counted two places further on, so that filling the list moves each
	 * beginning to where it belongs. */
	for (size_t i = 0; i < w->preds_len; i++) {
		struct op_id id = { .ctr = w->pred_ids[i] >> ROW_ACTOR_BITS,
			.actor = (uint32_t)(w->pred_ids[i] & ID_ACTOR_MASK) };

		TRY(written_ops_find(w, id, &w->preds[i]));
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

lk_err
written_ops_close(struct written_ops *w)
{
	TRY(close_actors(w));
	TRY(close_spans(w));
	TRY(close_order(w));
	return close_links(w);
}
