#include <stdlib.h>

#include "crdt/opset.h"

/* First byte of an op; the lowest three bits are the action. */
#define A_ACTION 0x07
#define A_INSERT 0x08
#define A_VISIBLE 0x10
#define A_SAME_CHANGE 0x20
#define A_SAME_OBJ 0x40
#define A_NEXT 0x80 /* counter is that of the op before and one */

/* Second byte. */
#define B_IN_MAP 0x01
#define B_NEAR 0x02 /* element or reference: this actor's id one below */
#define B_STRING 0x04
#define B_VALUE 0x08 /* another value than null or a string */
#define B_STATE 0x10
#define B_EDGES 0x20
#define B_MARK 0x40
#define B_SAME_LEAF 0x80

#define MARK_EXPAND 0x01
#define MARK_NAME 0x02

/* What the op before in the block had, to encode the difference. */
struct op_before {
	uint32_t ctr, change, leaf;
	uint64_t obj, slot;
};

lk_err
op_block_reserve(struct op_block *b, size_t n)
{
	struct stored_op *ops = reallocarray(b->ops, b->len + n, sizeof(*ops));

	if (ops == NULL)
		return LK_ERR(LK_E_NOMEM, "block of ops");
	b->ops = ops;
	b->cap = b->len + n;
	return LK_NONE;
}

static struct op_before
before_first(const struct op_block *b)
{
	return (struct op_before){ .ctr = b->base - 1 };
}

static void
before_move(struct op_before *before, const struct stored_op *op)
{
	before->ctr = id_ctr(op->id);
	before->change = op->change;
	before->obj = op->obj;
	if (op->insert)
		before->leaf = op->leaf;
	if (op->in_map)
		before->slot = op->slot;
}

static uint64_t
id_one_below(uint64_t id)
{
	return id - (UINT64_C(1) << 32);
}

/* What a sequence op is about: its reference, or its element. */
static uint64_t
op_anchor(const struct stored_op *op)
{
	return op->insert ? op->ref : op->slot;
}

static uint8_t
first_byte(const struct stored_op *op, const struct op_before *before)
{
	uint8_t a = op->action;

	if (op->insert)
		a |= A_INSERT;
	if (op->visible)
		a |= A_VISIBLE;
	if (op->change == before->change)
		a |= A_SAME_CHANGE;
	if (op->obj == before->obj)
		a |= A_SAME_OBJ;
	if (id_ctr(op->id) == before->ctr + 1)
		a |= A_NEXT;
	return a;
}

static uint8_t
second_byte(const struct stored_op *op, const struct op_before *before)
{
	uint8_t b = 0;

	if (op->in_map)
		b |= B_IN_MAP;
	else if (op_anchor(op) == id_one_below(op->id))
		b |= B_NEAR;
	if (op->type == VALUE_STR)
		b |= B_STRING;
	else if (op->type != VALUE_NULL)
		b |= B_VALUE;
	if (op->cov > 0 || op->hid > 0 || op->total != 0)
		b |= B_STATE;
	if (op->covers_len > 0 || op->adds_len > 0)
		b |= B_EDGES;
	if (op->action == ACTION_MARK)
		b |= B_MARK;
	if (op->insert && op->leaf == before->leaf)
		b |= B_SAME_LEAF;
	return b;
}

static void
put_near_bytes(
    struct buf *b, const struct op_block *block, uint32_t at, uint32_t len)
{
	buf_uleb(b, len);
	if (len > 0 && len <= OP_BYTES_NEAR)
		buf_mem(b, block->bytes.ptr + at, len);
}

static void
put_value(
    struct buf *b, const struct op_block *block, const struct stored_op *op)
{
	if (op->type != VALUE_STR)
		buf_u8(b, op->type);
	switch (op->type) {
	case VALUE_FALSE:
	case VALUE_TRUE:
		break;
	case VALUE_UINT:
		buf_uleb(b, op->number);
		break;
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		buf_sleb(b, (int64_t)op->number);
		break;
	case VALUE_F64:
		buf_u64(b, op->number);
		break;
	default:
		put_near_bytes(b, block, op->bytes_at, op->bytes_len);
		break;
	}
}

static void
put_edges(
    struct buf *b, const struct op_block *block, const struct stored_op *op)
{
	size_t n = (size_t)op->covers_len + op->adds_len;

	buf_uleb(b, op->covers_len);
	buf_uleb(b, op->adds_len);
	if (n > OP_EDGES_NEAR)
		return;
	for (size_t i = 0; i < n; i++) {
		uint64_t id = block->edges.ids[op->edges_at + i];

		buf_uleb(b, id_ctr(op->id) - id_ctr(id));
		buf_uleb(b, id_actor(id));
	}
}

static void
put_place(struct buf *b, const struct stored_op *op,
    const struct op_before *before, uint8_t second)
{
	if (op->in_map)
		buf_sleb(b, (int64_t)(op->slot - before->slot));
	else if (!(second & B_NEAR))
		id_put(b, op_anchor(op));
	if (op->insert && !(second & B_SAME_LEAF))
		buf_uleb(b, op->leaf);
	if (op->action == ACTION_INCREMENT)
		id_put(b, op->ref);
}

static void
put_op(struct buf *b, const struct op_block *block, const struct stored_op *op,
    const struct op_before *before)
{
	uint8_t first = first_byte(op, before);
	uint8_t second = second_byte(op, before);

	buf_u8(b, first);
	buf_u8(b, second);
	if (!(first & A_NEXT))
		buf_uleb(b, id_ctr(op->id) - before->ctr);
	if (!(first & A_SAME_CHANGE))
		buf_uleb(b, op->change - before->change);
	if (!(first & A_SAME_OBJ))
		id_put(b, op->obj);
	put_place(b, op, before, second);
	if (second & (B_STRING | B_VALUE))
		put_value(b, block, op);
	if (second & B_STATE) {
		buf_uleb(b, op->cov);
		buf_uleb(b, op->hid);
		buf_sleb(b, op->total);
	}
	if (second & B_EDGES)
		put_edges(b, block, op);
	if (second & B_MARK) {
		buf_u8(b,
		    (uint8_t)((op->expand ? MARK_EXPAND : 0) |
			(op->has_name ? MARK_NAME : 0)));
		if (op->has_name)
			put_near_bytes(b, block, op->name_at, op->name_len);
	}
}

void
op_block_encode(struct buf *b, const struct op_block *block)
{
	struct op_before before = before_first(block);

	buf_uleb(b, block->len);
	for (size_t i = 0; i < block->len; i++) {
		put_op(b, block, &block->ops[i], &before);
		before_move(&before, &block->ops[i]);
	}
}

/* An id that lies before the op; 0 is the root or the head. */
static lk_err
check_older(struct doc *doc, uint64_t id, uint64_t than)
{
	if (id == 0)
		return LK_NONE;
	if (id_ctr(id) >= id_ctr(than))
		return LK_ERR(LK_E_CORRUPT, "order of ids in a block of ops");
	return doc_id_check(doc, id);
}

static lk_err
get_near_bytes(
    struct rd *r, struct op_block *block, uint32_t *at, uint32_t *len)
{
	struct bytes near;

	*at = (uint32_t)block->bytes.len;
	*len = uleb32_get(r);
	if (*len > CHANGE_BODY_MAX)
		return LK_ERR(LK_E_CORRUPT, "length of a value");
	if (*len > OP_BYTES_NEAR)
		return LK_NONE;
	near = rd_take(r, *len);
	if (near.len > 0)
		buf_add(&block->bytes, near);
	return buf_err(&block->bytes, "block of ops");
}

static lk_err
get_value(
    struct rd *r, struct op_block *block, struct stored_op *op, uint8_t second)
{
	op->type = second & B_STRING ? VALUE_STR : rd_u8(r);
	switch (op->type) {
	case VALUE_FALSE:
	case VALUE_TRUE:
		return LK_NONE;
	case VALUE_UINT:
		op->number = rd_uleb(r);
		return LK_NONE;
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		op->number = (uint64_t)rd_sleb(r);
		return LK_NONE;
	case VALUE_F64:
		op->number = rd_u64(r);
		return LK_NONE;
	default:
		if (op->type == VALUE_NULL || op->type > VALUE_UNKNOWN_MAX)
			return LK_ERR(LK_E_CORRUPT, "type of a value");
		return get_near_bytes(r, block, &op->bytes_at, &op->bytes_len);
	}
}

static lk_err
get_edges(
    struct doc *doc, struct rd *r, struct op_block *block, struct stored_op *op)
{
	op->covers_len = uleb32_get(r);
	op->adds_len = uleb32_get(r);
	op->edges_at = (uint32_t)block->edges.len;
	if (op->covers_len > CHANGE_OPS_MAX || op->adds_len > CHANGE_OPS_MAX)
		return LK_ERR(LK_E_CORRUPT, "edges of an op");
	if (op->covers_len + op->adds_len > OP_EDGES_NEAR)
		return LK_NONE;
	for (uint32_t i = 0; i < op->covers_len + op->adds_len; i++) {
		uint32_t back = uleb32_get(r), actor = uleb32_get(r);
		uint64_t id;

		if (r->failed || back == 0 || back >= id_ctr(op->id))
			return LK_ERR(LK_E_CORRUPT, "edge of an op");
		id = (uint64_t)(id_ctr(op->id) - back) << 32 | actor;
		TRY(doc_id_check(doc, id));
		TRY(id_list_add(&block->edges, id));
	}
	return LK_NONE;
}

static lk_err
get_place(struct doc *doc, struct rd *r, struct stored_op *op,
    const struct op_before *before, uint8_t second)
{
	uint64_t anchor = id_one_below(op->id);

	op->in_map = second & B_IN_MAP;
	if (op->in_map && op->insert)
		return LK_ERR(LK_E_CORRUPT, "an op inserts into a map");
	if (op->in_map) {
		op->slot = before->slot + (uint64_t)rd_sleb(r);
	} else {
		if (!(second & B_NEAR))
			anchor = id_get(r);
		TRY(check_older(doc, anchor, op->id));
		if (anchor == 0 && !op->insert)
			return LK_ERR(LK_E_CORRUPT, "an op without element");
		op->slot = op->insert ? op->id : anchor;
		op->ref = op->insert ? anchor : 0;
	}
	op->leaf = before->leaf;
	if (op->insert && !(second & B_SAME_LEAF))
		op->leaf = uleb32_get(r);
	if (op->action == ACTION_INCREMENT) {
		op->ref = id_get(r);
		/* In order of application, not of ids: no check_older. */
		if (op->insert)
			return LK_ERR(LK_E_CORRUPT, "an increment inserts");
		if (op->ref != 0)
			TRY(doc_id_check(doc, op->ref));
	}
	return LK_NONE;
}

static lk_err
get_content(struct doc *doc, struct rd *r, struct op_block *block,
    struct stored_op *op, uint8_t second)
{
	if (second & (B_STRING | B_VALUE))
		TRY(get_value(r, block, op, second));
	if (second & B_STATE) {
		op->cov = uleb32_get(r);
		op->hid = uleb32_get(r);
		op->total = rd_sleb(r);
	}
	if (second & B_EDGES)
		TRY(get_edges(doc, r, block, op));
	if (second & B_MARK) {
		uint8_t mark = rd_u8(r);

		op->expand = mark & MARK_EXPAND;
		op->has_name = mark & MARK_NAME;
		if (op->has_name)
			TRY(get_near_bytes(
			    r, block, &op->name_at, &op->name_len));
	}
	return LK_NONE;
}

static lk_err
get_op(struct doc *doc, struct rd *r, struct op_block *block,
    const struct op_before *before)
{
	struct stored_op *op = &block->ops[block->len];
	uint8_t first = rd_u8(r), second = rd_u8(r);
	uint32_t step = first & A_NEXT ? 1 : uleb32_get(r);
	uint32_t ctr = before->ctr + step;

	/* The counter before the first is base - 1, also when that wraps. */
	if (r->failed || step < 1 || step > BLOCK_OPS ||
	    ctr - block->base >= BLOCK_OPS || ctr == 0)
		return LK_ERR(LK_E_CORRUPT, "counter in a block of ops");
	*op = (struct stored_op){ .id = (uint64_t)ctr << 32 | block->actor };
	op->action = first & A_ACTION;
	op->insert = first & A_INSERT;
	op->visible = first & A_VISIBLE;
	op->change = before->change;
	if (!(first & A_SAME_CHANGE))
		op->change += uleb32_get(r);
	op->obj = first & A_SAME_OBJ ? before->obj : id_get(r);
	/* The change being applied has no record yet. */
	if (op->action == ACTION_MAKE_TABLE || op->change > doc->head.changes)
		return LK_ERR(LK_E_CORRUPT, "action or change of an op");
	TRY(check_older(doc, op->obj, op->id));
	TRY(get_place(doc, r, op, before, second));
	return get_content(doc, r, block, op, second);
}

lk_err
op_block_decode(struct doc *doc, struct op_block *block, struct bytes record)
{
	struct op_before before = before_first(block);
	struct doc_actor *actor;
	struct rd r = rd_over(record);
	uint64_t n = rd_uleb(&r);

	TRY(doc_actor_load(doc, block->actor, &actor));
	if (n < 1 || n > BLOCK_OPS)
		return LK_ERR(LK_E_CORRUPT, "number of ops in a block");
	TRY(op_block_reserve(block, (size_t)n));
	for (; block->len < n; block->len++) {
		TRY(get_op(doc, &r, block, &before));
		before_move(&before, &block->ops[block->len]);
	}
	if (!rd_done(&r))
		return LK_ERR(LK_E_CORRUPT, "block of ops");
	return LK_NONE;
}
