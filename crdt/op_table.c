#include "crdt/op_table.h"

#include <stdlib.h>

#include "crdt/value.h"

/* A column a table of that kind does not have: no spec, as specs are compared
 * without their deflate bit. */
#define NO_COLUMN UINT32_MAX

static const uint8_t nothing;

static const uint32_t op_specs[OP_COLUMNS][2] = {
	[OP_OBJ_ACTOR] = { 0x01, 0x01 },
	[OP_OBJ_CTR] = { 0x02, 0x02 },
	[OP_KEY_ACTOR] = { 0x11, 0x11 },
	[OP_KEY_CTR] = { 0x13, 0x13 },
	[OP_KEY_STR] = { 0x15, 0x15 },
	[OP_ID_ACTOR] = { NO_COLUMN, 0x21 },
	[OP_ID_CTR] = { NO_COLUMN, 0x23 },
	[OP_INSERT] = { 0x34, 0x34 },
	[OP_ACTION] = { 0x42, 0x42 },
	[OP_VALUE_META] = { 0x56, 0x56 },
	[OP_VALUE] = { 0x57, 0x57 },
	[OP_GROUP] = { 0x70, 0x80 },
	[OP_GROUP_ACTOR] = { 0x71, 0x81 },
	[OP_GROUP_CTR] = { 0x73, 0x83 },
	[OP_EXPAND] = { 0x94, 0x94 },
	[OP_MARK_NAME] = { 0xa5, 0xa5 },
};

/* The columns that may not be left out when there are rows. */
static const bool op_mandatory[OP_COLUMNS] = {
	[OP_ID_ACTOR] = true,
	[OP_ID_CTR] = true,
	[OP_ACTION] = true,
	[OP_VALUE_META] = true,
	[OP_GROUP] = true,
};

static enum column_type
op_type(enum op_table_kind kind, enum op_column c)
{
	return COLUMN_TYPE(op_specs[c][kind]);
}

bool
op_table_knows(enum op_table_kind kind, uint32_t spec)
{
	for (int c = 0; c < OP_COLUMNS; c++)
		if (op_specs[c][kind] == spec)
			return true;
	return false;
}

bool
op_columns_canonical(const struct column *columns, size_t n, bool expands)
{
	const uint32_t expand = op_specs[OP_EXPAND][OP_TABLE_CHANGE];

	for (size_t i = 0; i < n; i++)
		if ((columns[i].spec == expand && !expands) ||
		    !column_canonical(
			COLUMN_TYPE(columns[i].spec), columns[i].data))
			return false;
	return true;
}

static lk_err
op_table_measure(
    struct op_table_reader *t, const struct bytes *data, size_t rows_max)
{
	struct column_size rows, group, other;

	TRY(column_measure(&rows, COLUMN_UINT, data[OP_ACTION], rows_max));
	TRY(column_measure(&group, COLUMN_GROUP, data[OP_GROUP], rows_max));
	TRY(column_measure(
	    &other, COLUMN_ACTOR, data[OP_GROUP_ACTOR], rows_max));
	if (group.rows != rows.rows || other.rows != group.sum)
		return LK_ERR(LK_E_MALFORMED, "length of a grouped column");
	TRY(column_measure(&other, COLUMN_DELTA, data[OP_GROUP_CTR], rows_max));
	if (other.rows != group.sum)
		return LK_ERR(LK_E_MALFORMED, "length of a grouped column");
	t->rows = (size_t)rows.rows;
	t->grouped = (size_t)group.sum;
	return LK_NONE;
}

lk_err
op_table_open(struct op_table_reader *t, enum op_table_kind kind,
    const struct column *columns, size_t columns_len, size_t rows_max)
{
	struct bytes data[OP_COLUMNS];

	for (unsigned c = 0, at = 0; c < OP_COLUMNS; c++) {
		uint32_t spec = op_specs[c][kind];

		/* Both are ascending. */
		while (at < columns_len && spec != NO_COLUMN &&
		    (columns[at].spec & ~COLUMN_DEFLATED) < spec)
			at++;
		data[c] = BYTES(&nothing, 0);
		if (at < columns_len &&
		    (columns[at].spec & ~COLUMN_DEFLATED) == spec)
			data[c] = columns[at].data;
		column_reader_init(&t->columns[c], op_type(kind, c), data[c]);
	}
	t->kind = kind;
	t->row = 0;
	t->group = NULL;
	t->group_cap = 0;
	TRY(op_table_measure(t, data, rows_max));
	for (unsigned c = 0; c < OP_COLUMNS && t->rows > 0; c++)
		if (op_mandatory[c] && op_specs[c][kind] != NO_COLUMN &&
		    data[c].len == 0)
			return LK_ERR(LK_E_MALFORMED, "a column is missing");
	if (t->rows > 0 && kind == OP_TABLE_CHANGE && data[OP_INSERT].len == 0)
		return LK_ERR(LK_E_MALFORMED, "the insert column is missing");
	t->values = rd_over(data[OP_VALUE]);
	return LK_NONE;
}

void
op_table_close(struct op_table_reader *t)
{
	free(t->group);
	*t = (struct op_table_reader){ 0 };
}

/* Reads both halves of an id; null when both are null. */
static lk_err
op_table_id(struct op_table_reader *t, enum op_column actor_column,
    enum op_column ctr_column, struct op_id *id, bool *null)
{
	struct cell actor, ctr;

	if (!column_next(&t->columns[actor_column], &actor) ||
	    !column_next(&t->columns[ctr_column], &ctr))
		return LK_ERR(LK_E_MALFORMED, "a column of ids is too short");
	*null = actor.null && ctr.null;
	*id = (struct op_id){ 0 };
	if (*null)
		return LK_NONE;
	/* The head of a list: no actor, counter 0. */
	if (actor.null && actor_column == OP_KEY_ACTOR && ctr.i64 == 0)
		return LK_NONE;
	if (actor.null || ctr.null)
		return LK_ERR(LK_E_MALFORMED, "half an id");
	if (actor.u64 >= t->actors_len)
		return LK_ERR(LK_E_MALFORMED, "actor number of an id");
	if (ctr.u64 == 0 || ctr.u64 > OP_COUNTER_MAX)
		return LK_ERR(LK_E_MALFORMED, "counter of an id");
	*id = (struct op_id){ .ctr = ctr.u64, .actor = (uint32_t)actor.u64 };
	return LK_NONE;
}

static lk_err
op_table_place(struct op_table_reader *t, struct op *op)
{
	struct cell str;
	bool none;

	TRY(op_table_id(t, OP_OBJ_ACTOR, OP_OBJ_CTR, &op->obj, &none));
	TRY(op_table_id(t, OP_KEY_ACTOR, OP_KEY_CTR, &op->elem, &none));
	if (!column_next(&t->columns[OP_KEY_STR], &str))
		return LK_ERR(LK_E_MALFORMED, "the key column is too short");
	if (none == str.null)
		return LK_ERR(LK_E_MALFORMED, "an op needs one key");
	if (!str.null) {
		op->key_kind = KEY_MAP;
		op->key = str.str;
	} else {
		op->key_kind = op->elem.ctr == 0 ? KEY_HEAD : KEY_ELEM;
	}
	return LK_NONE;
}

static lk_err
op_table_content(struct op_table_reader *t, struct op *op)
{
	struct cell insert, action, meta, expand, name;

	if (!column_next(&t->columns[OP_INSERT], &insert) ||
	    !column_next(&t->columns[OP_ACTION], &action) ||
	    !column_next(&t->columns[OP_VALUE_META], &meta) ||
	    !column_next(&t->columns[OP_EXPAND], &expand) ||
	    !column_next(&t->columns[OP_MARK_NAME], &name))
		return LK_ERR(LK_E_MALFORMED, "an op column is too short");
	if (action.null || meta.null)
		return LK_ERR(LK_E_MALFORMED, "no action or no value");
	if (action.u64 > ACTION_MARK)
		return LK_ERR(LK_E_MALFORMED, "unknown action");
	op->insert = insert.u64 != 0;
	op->action = (uint8_t)action.u64;
	op->expand = expand.u64 != 0;
	op->has_mark_name = !name.null;
	if (op->has_mark_name)
		op->mark_name = name.str;
	return value_decode(&op->value, meta.u64, &t->values);
}

static lk_err
op_table_group(struct op_table_reader *t, struct op *op)
{
	struct cell count;
	bool none;

	if (!column_next(&t->columns[OP_GROUP], &count) || count.null)
		return LK_ERR(LK_E_MALFORMED, "number of predecessors");
	/* op_table_measure bounds the sum of all counts. */
	if (count.u64 > t->group_cap) {
		struct op_id *grown =
		    reallocarray(t->group, (size_t)count.u64, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		t->group = grown;
		t->group_cap = (size_t)count.u64;
	}
	for (size_t i = 0; i < count.u64; i++) {
		TRY(op_table_id(
		    t, OP_GROUP_ACTOR, OP_GROUP_CTR, &t->group[i], &none));
		if (none)
			return LK_ERR(LK_E_MALFORMED, "a predecessor is null");
	}
	op->preds = t->group;
	op->preds_len = (size_t)count.u64;
	return LK_NONE;
}

lk_err
op_table_next(struct op_table_reader *t, struct op_row *row)
{
	bool none = false;

	/* Where it goes at once: a copy of each row would cost as much as
	 * reading it. */
	*row = (struct op_row){ 0 };
	if (t->kind == OP_TABLE_DOCUMENT)
		TRY(op_table_id(t, OP_ID_ACTOR, OP_ID_CTR, &row->id, &none));
	if (none)
		return LK_ERR(LK_E_MALFORMED, "an op without id");
	TRY(op_table_place(t, &row->op));
	TRY(op_table_content(t, &row->op));
	TRY(op_table_group(t, &row->op));
	t->row++;
	return LK_NONE;
}

lk_err
op_table_end(struct op_table_reader *t)
{
	for (int c = 0; c < OP_COLUMNS; c++)
		if (c != OP_VALUE)
			TRY(column_end(
			    &t->columns[c], "an op column has too many rows"));
	return rd_end(&t->values, "bytes of values left over");
}

void
op_table_writer_init(
    struct op_table_writer *t, enum op_table_kind kind, size_t bytes_max)
{
	*t = (struct op_table_writer){ .kind = kind };
	for (unsigned c = 0; c < OP_COLUMNS; c++)
		column_writer_init(&t->columns[c], op_type(kind, c), bytes_max);
}

void
op_table_writer_clear(struct op_table_writer *t)
{
	for (int c = 0; c < OP_COLUMNS; c++)
		column_writer_clear(&t->columns[c]);
	t->finished_len = 0;
}

void
op_table_writer_reset(struct op_table_writer *t)
{
	for (int c = 0; c < OP_COLUMNS; c++)
		column_writer_reset(&t->columns[c]);
	t->finished_len = 0;
	t->rows = 0;
}

/* The counter goes into a plain column or into one of differences. */
static void
id_put(struct op_table_writer *t, enum op_column actor_column,
    enum op_column ctr_column, struct op_id id)
{
	column_put_u64(&t->columns[actor_column], id.actor);
	if (ctr_column == OP_OBJ_CTR)
		column_put_u64(&t->columns[ctr_column], id.ctr);
	else
		column_put_delta(&t->columns[ctr_column], id.ctr);
}

static void
id_put_null(struct op_table_writer *t, enum op_column actor_column,
    enum op_column ctr_column)
{
	column_put_null(&t->columns[actor_column]);
	column_put_null(&t->columns[ctr_column]);
}

static void
key_put(struct op_table_writer *t, const struct op *op)
{
	switch (op->key_kind) {
	case KEY_MAP:
		id_put_null(t, OP_KEY_ACTOR, OP_KEY_CTR);
		column_put(&t->columns[OP_KEY_STR], CELL_STR(op->key));
		break;
	case KEY_HEAD:
		column_put_null(&t->columns[OP_KEY_ACTOR]);
		column_put_delta(&t->columns[OP_KEY_CTR], 0);
		column_put_null(&t->columns[OP_KEY_STR]);
		break;
	case KEY_ELEM:
		id_put(t, OP_KEY_ACTOR, OP_KEY_CTR, op->elem);
		column_put_null(&t->columns[OP_KEY_STR]);
		break;
	}
}

void
op_table_put(struct op_table_writer *t, const struct op_row *row)
{
	const struct op *op = &row->op;
	struct column_writer *to = t->columns;

	if (op->obj.ctr == 0)
		id_put_null(t, OP_OBJ_ACTOR, OP_OBJ_CTR);
	else
		id_put(t, OP_OBJ_ACTOR, OP_OBJ_CTR, op->obj);
	key_put(t, op);
	if (t->kind == OP_TABLE_DOCUMENT)
		id_put(t, OP_ID_ACTOR, OP_ID_CTR, row->id);
	column_put_bool(&to[OP_INSERT], op->insert);
	column_put_u64(&to[OP_ACTION], op->action);
	column_put_u64(
	    &to[OP_VALUE_META], value_encode(&to[OP_VALUE].out, &op->value));
	column_put_u64(&to[OP_GROUP], op->preds_len);
	for (size_t i = 0; i < op->preds_len; i++)
		id_put(t, OP_GROUP_ACTOR, OP_GROUP_CTR, op->preds[i]);
	column_put_bool(&to[OP_EXPAND], op->expand);
	if (op->has_mark_name)
		column_put(&to[OP_MARK_NAME], CELL_STR(op->mark_name));
	else
		column_put_null(&to[OP_MARK_NAME]);
	t->rows++;
}

lk_err
op_table_finish(struct op_table_writer *t)
{
	t->finished_len = 0;
	for (unsigned c = 0; c < OP_COLUMNS; c++) {
		struct bytes data;

		TRY(column_finish(&t->columns[c], &data));
		if (data.len == 0 || op_specs[c][t->kind] == NO_COLUMN)
			continue;
		if (c == OP_EXPAND && !t->columns[c].any)
			continue;
		t->finished[t->finished_len++] = (struct column){
			.spec = op_specs[c][t->kind],
			.data = data,
		};
	}
	return LK_NONE;
}

static lk_err
column_renumber(struct column_writer *c, const uint32_t *map, size_t map_len)
{
	struct column_writer renumbered;
	struct column_reader r;
	struct bytes data;
	struct cell v;

	TRY(column_finish(c, &data));
	column_reader_init(&r, c->type, data);
	if (r.absent)
		return LK_NONE;
	column_writer_init(&renumbered, c->type, c->out.max);
	while (column_next(&r, &v)) {
		LK_ASSERT(v.null || v.u64 < map_len);
		column_put(
		    &renumbered, v.null ? CELL_NULL : CELL_U64(map[v.u64]));
	}
	column_writer_clear(c);
	*c = renumbered;
	return LK_NONE;
}

lk_err
op_table_renumber(
    struct op_table_writer *t, const uint32_t *map, size_t map_len)
{
	static const enum op_column actors[] = { OP_OBJ_ACTOR, OP_KEY_ACTOR,
		OP_GROUP_ACTOR };

	for (size_t i = 0; i < sizeof(actors) / sizeof(actors[0]); i++)
		TRY(column_renumber(&t->columns[actors[i]], map, map_len));
	return LK_NONE;
}
