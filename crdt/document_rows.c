#include <string.h>

#include "crdt/document_table.h"

#define RADIX_BITS 8
#define RADIX (1u << RADIX_BITS)

uint64_t
id_number(struct op_id id)
{
	return id.ctr << ROW_ACTOR_BITS | id.actor;
}

uint64_t
document_row_id(const struct document_row *r)
{
	return (uint64_t)r->ctr << ROW_ACTOR_BITS | r->actor;
}

uint64_t
document_row_obj(const struct document_row *r)
{
	return (uint64_t)r->obj_ctr << ROW_ACTOR_BITS | r->obj_actor;
}

uint64_t
document_row_elem(const struct document_row *r)
{
	return (uint64_t)r->elem_ctr << ROW_ACTOR_BITS | r->elem_actor;
}

static void
value_pack(struct document_row *r, const struct value *v)
{
	r->value_type = v->type;
	switch (v->type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		break;
	case VALUE_UINT:
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		r->value.u64 = v->u64;
		break;
	case VALUE_F64:
		memcpy(r->value.f64, v->f64, sizeof(v->f64));
		break;
	default:
		r->value_len = (uint32_t)v->bytes.len;
		if (v->bytes.len > ROW_VALUE_NEAR)
			r->value.ptr = v->bytes.ptr;
		else if (v->bytes.len > 0)
			memcpy(r->value.near, v->bytes.ptr, v->bytes.len);
		break;
	}
}

static void
value_unpack(struct value *v, const struct document_row *r)
{
	v->type = r->value_type;
	switch (v->type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		break;
	case VALUE_UINT:
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		v->u64 = r->value.u64;
		break;
	case VALUE_F64:
		memcpy(v->f64, r->value.f64, sizeof(v->f64));
		break;
	default:
		v->bytes = BYTES(r->value_len > ROW_VALUE_NEAR ? r->value.ptr
							       : r->value.near,
		    r->value_len);
		break;
	}
}

lk_err
document_row_pack(struct document_row *out, const struct op_row *row)
{
	const struct op *op = &row->op;
	struct bytes text = op->has_mark_name ? op->mark_name : op->key;
	struct document_row r = {
		.text = text.ptr,
		.text_len = (uint32_t)text.len,
		.ctr = (uint32_t)row->id.ctr,
		.actor = ROW_ACTOR(row->id.actor),
		.obj_ctr = (uint32_t)op->obj.ctr,
		.obj_actor = ROW_ACTOR(op->obj.actor),
		.elem_ctr = (uint32_t)op->elem.ctr,
		.elem_actor = ROW_ACTOR(op->elem.actor),
		.key_kind = (uint8_t)op->key_kind,
		.action = op->action,
		.insert = op->insert,
		.expand = op->expand,
		.has_mark_name = op->has_mark_name,
	};

	if (op->has_mark_name && op->key_kind == KEY_MAP)
		return LK_ERR(LK_E_MALFORMED, "mark columns on another op");
	value_pack(&r, &op->value);
	*out = r;
	return LK_NONE;
}

void
document_row_unpack(struct op_row *out, const struct document_row *r)
{
	struct bytes text = BYTES(r->text, r->text_len);
	struct op *op = &out->op;

	*out = (struct op_row){ .id = { .ctr = r->ctr, .actor = r->actor } };
	op->obj = (struct op_id){ .ctr = r->obj_ctr, .actor = r->obj_actor };
	op->elem = (struct op_id){ .ctr = r->elem_ctr, .actor = r->elem_actor };
	op->key_kind = (enum key_kind)r->key_kind;
	op->insert = r->insert;
	op->action = r->action;
	op->expand = r->expand;
	op->has_mark_name = r->has_mark_name;
	if (r->has_mark_name)
		op->mark_name = text;
	else if (r->key_kind == KEY_MAP)
		op->key = text;
	value_unpack(&op->value, r);
}

/* The walk over rows: what stands before the row at hand. */
struct rows_walk {
	const struct document_row *rows;
	uint32_t *stack; /* elements from the head down to the last one */
	size_t depth;
	bool inside; /* an object was begun */
	uint64_t obj;
	uint64_t last_id; /* of the same key or element */
};

/*
 * In RGA order the children of an element follow it, greatest id first, each
 * with its own children.  So the reference of an inserted element is among its
 * open ancestors, and what is closed to reach it ends with its elder sibling.
 */
static lk_err
walk_insert(struct rows_walk *w, uint32_t at)
{
	const struct document_row *r = &w->rows[at];
	uint64_t sibling = UINT64_MAX, ref = document_row_elem(r);

	while (w->depth > 0) {
		uint64_t top =
		    document_row_id(&w->rows[w->stack[w->depth - 1]]);

		if (r->key_kind == KEY_ELEM && top == ref)
			break;
		sibling = top;
		w->depth--;
	}
	if (w->depth == 0 && r->key_kind != KEY_HEAD)
		return LK_ERR(LK_E_MALFORMED, "row order: reference");
	if (document_row_id(r) >= sibling)
		return LK_ERR(LK_E_MALFORMED, "row order: siblings");
	w->stack[w->depth++] = at;
	return LK_NONE;
}

static lk_err
walk_sequence(struct rows_walk *w, uint32_t at)
{
	const struct document_row *r = &w->rows[at];

	if (r->insert)
		return walk_insert(w, at);
	if (w->depth == 0 ||
	    document_row_elem(r) !=
		document_row_id(&w->rows[w->stack[w->depth - 1]]))
		return LK_ERR(LK_E_MALFORMED, "row order: element");
	if (document_row_id(r) <= w->last_id)
		return LK_ERR(LK_E_MALFORMED, "row order: ids of an element");
	return LK_NONE;
}

static lk_err
walk_map(struct rows_walk *w, uint32_t at)
{
	const struct document_row *r = &w->rows[at], *before = r - 1;
	int order = bytes_compare(
	    BYTES(before->text, before->text_len), BYTES(r->text, r->text_len));

	if (order > 0)
		return LK_ERR(LK_E_MALFORMED, "row order: keys");
	if (order == 0 && document_row_id(r) <= w->last_id)
		return LK_ERR(LK_E_MALFORMED, "row order: ids of a key");
	return LK_NONE;
}

static lk_err
walk_row(struct rows_walk *w, uint32_t at)
{
	const struct document_row *r = &w->rows[at];
	uint64_t obj = document_row_obj(r);
	bool map = r->key_kind == KEY_MAP;
	bool first = !w->inside || obj != w->obj;

	if (r->action == ACTION_DELETE)
		return LK_ERR(LK_E_MALFORMED, "a delete has a row");
	if (w->inside && obj < w->obj)
		return LK_ERR(LK_E_MALFORMED, "row order: objects");
	if (first) {
		w->inside = true;
		w->obj = obj;
		w->depth = 0;
	} else if (map != (w->rows[at - 1].key_kind == KEY_MAP)) {
		return LK_ERR(LK_E_MALFORMED, "key kinds of an object");
	}
	if (!map)
		TRY(walk_sequence(w, at));
	else if (!first)
		TRY(walk_map(w, at));
	w->last_id = document_row_id(r);
	return LK_NONE;
}

lk_err
document_rows_check(const struct document_row *rows, size_t n, uint32_t *stack)
{
	struct rows_walk w = { .rows = rows, .stack = stack };

	for (uint32_t i = 0; i < n; i++)
		TRY(walk_row(&w, i));
	return LK_NONE;
}

static void
radix_pass(uint32_t *to, const uint32_t *from, size_t n, unsigned shift,
    order_key_fn *key, const void *ctx)
{
	size_t start[RADIX + 1] = { 0 };

	for (size_t i = 0; i < n; i++)
		start[(key(ctx, from[i]) >> shift) % RADIX + 1]++;
	for (size_t d = 0; d < RADIX; d++)
		start[d + 1] += start[d];
	for (size_t i = 0; i < n; i++)
		to[start[(key(ctx, from[i]) >> shift) % RADIX]++] = from[i];
}

void
order_by_key(uint32_t *order, uint32_t *scratch, size_t n, order_key_fn *key,
    const void *ctx)
{
	uint64_t differ = 0, before = n > 0 ? key(ctx, order[0]) : 0;
	uint64_t first = before;
	bool sorted = true;

	for (size_t i = 1; i < n; i++) {
		uint64_t k = key(ctx, order[i]);

		differ |= k ^ first;
		sorted = sorted && before <= k;
		before = k;
	}
	if (sorted)
		return;
	for (unsigned shift = 0; shift < 64; shift += RADIX_BITS) {
		if ((differ >> shift) % RADIX == 0)
			continue;
		radix_pass(scratch, order, n, shift, key, ctx);
		memcpy(order, scratch, n * sizeof(*order));
	}
}
