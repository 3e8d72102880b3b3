#include <stdlib.h>
#include <string.h>

#include "crdt/change_body.h"

struct op_reader {
	const struct op *next; /* when they are decoded */
	size_t left;
	struct op_table_reader *table; /* NULL when they are decoded */
	struct op_row row;
};

/* Shorter map keys do not count for CHANGE_KEYS_MAX. */
#define KEY_LONG 400

struct change_columns {
	struct column at[CHANGE_COLUMNS_MAX];
	size_t len;
};

void
change_head_read(struct rd *r, struct change_head *h)
{
	uint64_t n = rd_uleb(r);

	*h = (struct change_head){ 0 };
	if (n > r->left.len / LK_ID_LEN) {
		r->failed = true;
		return;
	}
	h->deps_len = (size_t)n;
	h->deps = rd_take(r, h->deps_len * LK_ID_LEN).ptr;
	h->actor = rd_counted(r);
	h->seq = rd_uleb(r);
	h->start_op = rd_uleb(r);
}

static lk_err
change_read_others(struct rd *r, struct change *c, struct arena *arena)
{
	uint64_t n = rd_uleb(r);

	if (r->failed)
		return rd_end(r, "other actors");
	if (n > DOCUMENT_ACTORS_MAX)
		return LK_ERR(LK_E_LIMIT, "other actors");
	if (n > r->left.len)
		return LK_ERR(LK_E_TRUNCATED, "other actors");
	c->others_len = (size_t)n;
	if (n == 0)
		return LK_NONE;
	c->others = arena_alloc(arena, (size_t)n * sizeof(*c->others));
	if (c->others == NULL)
		return LK_ERR(LK_E_NOMEM, "other actors");
	for (size_t i = 0; i < n; i++) {
		struct bytes a = rd_counted(r);

		if (r->failed)
			return rd_end(r, "other actors");
		if (a.len < 1 || a.len > ACTOR_NAME_MAX)
			return LK_ERR(LK_E_MALFORMED, "length of an actor");
		if (i > 0 && bytes_compare(c->others[i - 1], a) >= 0)
			return LK_ERR(LK_E_MALFORMED, "order of other actors");
		if (bytes_equal(a, c->actor))
			return LK_ERR(LK_E_MALFORMED, "author listed again");
		c->others[i] = a;
	}
	return LK_NONE;
}

static lk_err
change_read_columns(struct rd *r, struct change_columns *columns)
{
	TRY(columns_read_meta(
	    r, columns->at, CHANGE_COLUMNS_MAX, &columns->len));
	for (size_t i = 0; i < columns->len; i++) {
		if (columns->at[i].spec & COLUMN_DEFLATED)
			return LK_ERR(LK_E_MALFORMED, "a deflated column");
		if (!op_table_knows(OP_TABLE_CHANGE, columns->at[i].spec))
			return LK_ERR(LK_E_MALFORMED, "an unknown column");
	}
	return columns_read_data(r, columns->at, columns->len);
}

lk_err
change_check_head(const struct change *c)
{
	if (c->actor.len < 1 || c->actor.len > ACTOR_LEN_MAX)
		return LK_ERR(LK_E_MALFORMED, "length of an actor");
	if (c->seq < 1 || c->seq > UINT32_MAX)
		return LK_ERR(LK_E_MALFORMED, "seq out of range");
	if (c->start_op < 1 || c->start_op > (uint64_t)OP_COUNTER_MAX + 1)
		return LK_ERR(LK_E_MALFORMED, "startOp out of range");
	if (c->deps_len > CHANGE_DEPS_MAX)
		return LK_ERR(LK_E_LIMIT, "number of dependencies");
	for (size_t i = 1; i < c->deps_len; i++)
		if (memcmp(c->deps + (i - 1) * LK_ID_LEN,
			c->deps + i * LK_ID_LEN, LK_ID_LEN) >= 0)
			return LK_ERR(LK_E_MALFORMED, "order of dependencies");
	if (!utf8_valid(c->message))
		return LK_ERR(LK_E_MALFORMED, "the message is not UTF-8");
	return LK_NONE;
}

/* Everything but the ops. */
static lk_err
change_read_frame(struct change *c, struct arena *arena, struct bytes body,
    struct change_columns *columns)
{
	struct change_head head;
	struct rd r = rd_over(body);

	if (body.len > CHANGE_BODY_MAX)
		return LK_ERR(LK_E_LIMIT, "size of a change");
	change_head_read(&r, &head);
	c->time = rd_sleb(&r);
	c->message = rd_counted(&r);
	if (r.failed)
		return rd_end(&r, "head of a change");
	c->deps = head.deps;
	c->deps_len = head.deps_len;
	c->actor = head.actor;
	c->seq = head.seq;
	c->start_op = head.start_op;
	c->body = body;
	TRY(change_check_head(c));
	TRY(change_read_others(&r, c, arena));
	c->table = r.left;
	TRY(change_read_columns(&r, columns));
	c->table.len -= r.left.len;
	c->extra = r.left;
	return LK_NONE;
}

/* The place of an actor in the order of actors' bytes. */
static size_t
actor_rank(const struct op_check *k, uint32_t actor)
{
	if (actor == 0)
		return k->author_rank;
	return actor - 1 + (actor - 1 >= k->author_rank);
}

/* An id in an op must be older than the op, as it is an ancestor's or an
 * earlier one of the same change. */
static lk_err
check_id(struct op_check *k, struct op_id id)
{
	if (id.ctr >= k->ctr)
		return LK_ERR(LK_E_MALFORMED, "an op refers to a later one");
	if (id.actor > 0)
		k->used[id.actor - 1] = true;
	return LK_NONE;
}

static lk_err
check_preds(struct op_check *k, const struct op *op)
{
	for (size_t i = 0; i < op->preds_len; i++) {
		struct op_id id = op->preds[i], before;

		TRY(check_id(k, id));
		if (i == 0)
			continue;
		before = op->preds[i - 1];
		if (before.ctr > id.ctr ||
		    (before.ctr == id.ctr &&
			actor_rank(k, before.actor) >= actor_rank(k, id.actor)))
			return LK_ERR(LK_E_MALFORMED, "order of predecessors");
	}
	if (op->insert && op->preds_len > 0)
		return LK_ERR(LK_E_MALFORMED, "insert with predecessors");
	return LK_NONE;
}

static lk_err
check_place(struct op_check *k, const struct op *op)
{
	if (op->obj.ctr > 0)
		TRY(check_id(k, op->obj));
	switch (op->key_kind) {
	case KEY_MAP:
		if (op->insert)
			return LK_ERR(LK_E_MALFORMED, "insert on a map");
		if (op->key.len > KEY_LONG)
			k->long_keys += op->key.len;
		if (k->long_keys > CHANGE_KEYS_MAX)
			return LK_ERR(LK_E_LIMIT, "map keys of a change");
		break;
	case KEY_HEAD:
		if (!op->insert)
			return LK_ERR(LK_E_MALFORMED, "set on the head");
		break;
	case KEY_ELEM:
		TRY(check_id(k, op->elem));
		break;
	}
	if (op->key_kind != KEY_MAP && op->obj.ctr == 0)
		return LK_ERR(LK_E_MALFORMED, "key kind");
	return LK_NONE;
}

/* A begin is followed at once by its end, in the same object. */
static lk_err
check_mark(struct op_check *k, const struct op *op)
{
	bool begin = op->action == ACTION_MARK && op->has_mark_name;
	bool end = op->action == ACTION_MARK && !op->has_mark_name;

	if (op->action != ACTION_MARK && (op->has_mark_name || op->expand))
		return LK_ERR(LK_E_MALFORMED, "mark columns on another op");
	if (op->action == ACTION_MARK && !op->insert)
		return LK_ERR(LK_E_MALFORMED, "a mark is not inserted");
	if (k->mark_open && !end)
		return LK_ERR(LK_E_MALFORMED, "mark begin without end");
	if (end &&
	    (!k->mark_open || op->obj.ctr != k->mark_obj.ctr ||
		op->obj.actor != k->mark_obj.actor))
		return LK_ERR(LK_E_MALFORMED, "mark end without begin");
	k->mark_open = begin;
	k->mark_obj = op->obj;
	k->expands |= op->expand;
	return LK_NONE;
}

static lk_err
check_action(const struct op *op)
{
	bool null = op->value.type == VALUE_NULL;

	switch ((enum action)op->action) {
	case ACTION_MAKE_TABLE:
		return LK_ERR(LK_E_MALFORMED, "makeTable");
	case ACTION_MAKE_MAP:
	case ACTION_MAKE_LIST:
	case ACTION_MAKE_TEXT:
		if (!null)
			return LK_ERR(LK_E_MALFORMED, "make with a value");
		break;
	case ACTION_DELETE:
		if (!null || op->preds_len == 0)
			return LK_ERR(LK_E_MALFORMED,
			    "delete without predecessor or with a value");
		break;
	case ACTION_INCREMENT:
		if (op->preds_len == 0 ||
		    (op->value.type != VALUE_INT &&
			op->value.type != VALUE_UINT))
			return LK_ERR(LK_E_MALFORMED, "bad increment");
		break;
	case ACTION_MARK:
		if (!op->has_mark_name && !null)
			return LK_ERR(LK_E_MALFORMED, "mark end with a value");
		break;
	case ACTION_SET:
		break;
	}
	return LK_NONE;
}

lk_err
op_check_next(struct op_check *k, const struct op *op)
{
	TRY(check_place(k, op));
	TRY(check_preds(k, op));
	TRY(check_action(op));
	TRY(check_mark(k, op));
	k->ctr++;
	return LK_NONE;
}

lk_err
op_check_end(const struct op_check *k)
{
	if (k->mark_open)
		return LK_ERR(LK_E_MALFORMED, "mark begin without end");
	for (size_t i = 0; i < k->change->others_len; i++)
		if (!k->used[i])
			return LK_ERR(LK_E_MALFORMED, "an actor is not used");
	return LK_NONE;
}

/* Keeps a decoded op in the arena. */
static lk_err
op_keep(struct op *kept, const struct op *op, struct arena *arena)
{
	size_t size = op->preds_len * sizeof(*op->preds);
	struct op_id *preds = NULL;

	if (size > 0) {
		preds = arena_alloc(arena, size);
		if (preds == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		memcpy(preds, op->preds, size);
	}
	*kept = *op;
	kept->preds = preds;
	return LK_NONE;
}

/* Walks all ops, and keeps them unless the place for that is NULL. */
static lk_err
check_ops(struct op_check *k, struct op_table_reader *t, struct op *kept,
    struct arena *arena)
{
	for (size_t i = 0; i < t->rows; i++) {
		struct op_row row;

		TRY(op_table_next(t, &row));
		TRY(op_check_next(k, &row.op));
		if (kept != NULL)
			TRY(op_keep(&kept[i], &row.op, arena));
	}
	TRY(op_table_end(t));
	return op_check_end(k);
}

lk_err
op_check_init(struct op_check *k, const struct change *c)
{
	*k = (struct op_check){ .change = c, .ctr = c->start_op };
	if (c->ops_len > 0 && c->start_op + c->ops_len - 1 > OP_COUNTER_MAX)
		return LK_ERR(LK_E_MALFORMED, "op counters out of range");
	k->used = k->used_near;
	if (c->others_len > OTHERS_NEAR) {
		k->used = calloc(c->others_len, sizeof(*k->used));
		if (k->used == NULL)
			return LK_ERR(LK_E_NOMEM, "other actors");
	}
	while (k->author_rank < c->others_len &&
	    bytes_compare(c->others[k->author_rank], c->actor) < 0)
		k->author_rank++;
	return LK_NONE;
}

void
op_check_clear(struct op_check *k)
{
	if (k->used != k->used_near)
		free(k->used);
}

/* `kept`: NULL, or where the ops go that are to be kept. */
static lk_err
change_check_ops(struct change *c, struct op_table_reader *t,
    const struct change_columns *columns, struct op *kept, struct arena *arena)
{
	struct op_check k;
	lk_err err;

	t->actors_len = c->others_len + 1;
	TRY(op_check_init(&k, c));
	err = check_ops(&k, t, kept, arena);
	if (err.code == LK_OK &&
	    !op_columns_canonical(columns->at, columns->len, k.expands))
		err = LK_ERR(LK_E_MALFORMED, "not canonical");
	op_check_clear(&k);
	return err;
}

size_t
change_ops_max(size_t body_len)
{
	size_t n = body_len > CHANGE_OPS_MAX / CHANGE_OPS_PER_BYTE
	    ? CHANGE_OPS_MAX
	    : body_len * CHANGE_OPS_PER_BYTE;

	return n < OPS_FREE ? OPS_FREE : n;
}

lk_err
change_frame(struct change *out, struct arena *arena, struct bytes body)
{
	struct change_columns columns;
	struct change c = { 0 };

	TRY(change_read_frame(&c, arena, body, &columns));
	*out = c;
	return LK_NONE;
}

lk_err
change_table_open(struct op_table_reader *t, const struct change *c)
{
	struct rd r = rd_over(c->table);
	struct change_columns columns;

	TRY(change_read_columns(&r, &columns));
	TRY(op_table_open(t, OP_TABLE_CHANGE, columns.at, columns.len,
	    change_ops_max(c->body.len)));
	t->actors_len = c->others_len + 1;
	return LK_NONE;
}

/*
 * Of the body only the columns can have more than one form: its numbers are in
 * shortest form, its lists sorted, minimal and in one place, and the extra
 * bytes opaque.
 */
static lk_err
change_decode_as(
    struct change *out, struct arena *arena, struct bytes body, bool keep)
{
	struct op_table_reader t;
	struct op *kept = NULL;
	struct change_columns columns;
	struct change c = { 0 };
	lk_err err = LK_NONE;

	TRY(change_read_frame(&c, arena, body, &columns));
	TRY(op_table_open(&t, OP_TABLE_CHANGE, columns.at, columns.len,
	    change_ops_max(body.len)));
	c.ops_len = t.rows;
	if (keep && t.rows <= CHANGE_OPS_NEAR) {
		kept = arena_alloc(arena, t.rows * sizeof(*kept));
		if (kept == NULL)
			err = LK_ERR(LK_E_NOMEM, "ops of a change");
	}
	if (err.code == LK_OK)
		err = change_check_ops(&c, &t, &columns, kept, arena);
	op_table_close(&t);
	TRY(err);
	c.ops = kept;
	chunk_hash(c.hash, CHUNK_CHANGE, body);
	*out = c;
	return LK_NONE;
}

lk_err
change_decode(struct change *c, struct arena *arena, struct bytes body)
{
	return change_decode_as(c, arena, body, true);
}

lk_err
change_decode_lean(struct change *c, struct arena *arena, struct bytes body)
{
	return change_decode_as(c, arena, body, false);
}

struct bytes
change_actor(const struct change *c, uint32_t index)
{
	LK_ASSERT(index <= c->others_len);
	return index == 0 ? c->actor : c->others[index - 1];
}

uint64_t
change_max_op(const struct change *c)
{
	return c->start_op + c->ops_len - 1;
}

lk_err
op_reader_new(struct op_reader **out, const struct change *c)
{
	struct op_reader *r = calloc(1, sizeof(*r));
	lk_err err = LK_NONE;

	if (r == NULL)
		return LK_ERR(LK_E_NOMEM, "reading ops");
	r->next = c->ops;
	r->left = c->ops_len;
	if (c->ops == NULL) {
		r->table = calloc(1, sizeof(*r->table));
		err = r->table == NULL ? LK_ERR(LK_E_NOMEM, "reading ops")
				       : change_table_open(r->table, c);
	}
	if (err.code != LK_OK) {
		free(r->table);
		free(r);
		return err;
	}
	*out = r;
	return LK_NONE;
}

void
op_reader_free(struct op_reader *r)
{
	if (r == NULL)
		return;
	if (r->table != NULL)
		op_table_close(r->table);
	free(r->table);
	free(r);
}

bool
op_reader_next(struct op_reader *r, struct op *op)
{
	if (r->left == 0)
		return false;
	r->left--;
	if (r->table == NULL) {
		*op = *r->next++;
		return true;
	}
	/* change_decode read the same rows before. */
	if (op_table_next(r->table, &r->row).code != LK_OK)
		return false;
	*op = r->row.op;
	return true;
}
