#include "crdt/opset.h"

#include <stdlib.h>

#define FAR_PIECE ((size_t)32 * 1024)

enum far_what { FAR_VALUE, FAR_NAME, FAR_EDGES };

static uint64_t
block_key(uint64_t id)
{
	return (uint64_t)id_actor(id) << 32 | id_ctr(id) / BLOCK_OPS;
}

static void
block_record_key(struct doc_key *k, uint64_t key)
{
	doc_key_start(k, RECORD_OPS);
	doc_key_u64(k, key);
}

static void
block_drop(struct cached *c)
{
	struct op_block *b = (struct op_block *)c;

	free(b->ops);
	buf_clear(&b->bytes);
	id_list_clear(&b->edges);
	free(b);
}

static lk_err
block_save(struct doc *doc, struct cached *c)
{
	struct doc_key k;

	block_record_key(&k, c->key);
	op_block_encode(doc_encode(doc), (const struct op_block *)c);
	return doc_write(doc, &k);
}

const struct cache_kind opset_cache = { .save = block_save,
	.drop = block_drop };

static lk_err
block_fill(struct doc *doc, struct op_block *b, uint64_t key, bool create)
{
	struct doc_key k;
	struct bytes record;
	lk_err err;

	b->actor = (uint32_t)(key >> 32);
	b->base = (uint32_t)key * BLOCK_OPS;
	buf_init(&b->bytes, KV_VALUE_MAX);
	block_record_key(&k, key);
	err = kv_get(doc->kv, doc_key_view(&k), &record);
	if (err.code == LK_OK)
		return op_block_decode(doc, b, record);
	return err.code == LK_E_NOTFOUND && create ? LK_NONE : err;
}

/* NOTFOUND when there is no such block and it is not to be created. */
static lk_err
block_load(struct doc *doc, uint64_t id, bool create, struct op_block **out)
{
	uint64_t key = block_key(id);
	struct cached *c = doc_cache_find(&doc->ops, key);
	struct op_block *b;
	lk_err err;

	if (c != NULL) {
		*out = (struct op_block *)c;
		return LK_NONE;
	}
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return LK_ERR(LK_E_NOMEM, "block of ops");
	err = block_fill(doc, b, key, create);
	if (err.code == LK_OK)
		err = doc_cache_add(&doc->ops, key, &b->cached);
	if (err.code != LK_OK) {
		block_drop(&b->cached);
		return err;
	}
	*out = b;
	return LK_NONE;
}

static struct stored_op *
block_op(const struct op_block *b, uint32_t ctr)
{
	size_t low = 0, high = b->len, guess;

	if (b->len == 0 || ctr < id_ctr(b->ops[0].id))
		return NULL;
	/* Dense blocks, the usual ones, need no search. */
	guess = ctr - id_ctr(b->ops[0].id);
	if (guess < b->len && id_ctr(b->ops[guess].id) == ctr)
		return &b->ops[guess];
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (id_ctr(b->ops[mid].id) < ctr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < b->len && id_ctr(b->ops[low].id) == ctr ? &b->ops[low]
							     : NULL;
}

lk_err
opset_find(struct doc *doc, uint64_t id, struct op_ref *out)
{
	struct op_block *b;
	struct stored_op *op;

	if (id_ctr(id) == 0)
		return LK_ERR(LK_E_NOTFOUND, "op");
	TRY(block_load(doc, id, false, &b));
	op = block_op(b, id_ctr(id));
	if (op == NULL)
		return LK_ERR(LK_E_NOTFOUND, "op");
	*out = (struct op_ref){ .block = b, .op = op };
	return LK_NONE;
}

lk_err
opset_load(struct doc *doc, uint64_t id, struct op_ref *out)
{
	lk_err err = opset_find(doc, id, out);

	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_CORRUPT, "an op is missing");
	return err;
}

static void
far_key(struct doc_key *k, uint64_t id, enum far_what what, size_t piece)
{
	doc_key_start(k, RECORD_FAR);
	doc_key_u64(k, id);
	doc_key_u8(k, (uint8_t)what);
	doc_key_u32(k, (uint32_t)piece);
}

static lk_err
far_put(struct doc *doc, uint64_t id, enum far_what what, struct bytes b)
{
	for (size_t piece = 0; b.len > 0; piece++) {
		size_t n = b.len < FAR_PIECE ? b.len : FAR_PIECE;
		struct doc_key k;

		far_key(&k, id, what, piece);
		TRY(kv_put(doc->kv, doc_key_view(&k), BYTES(b.ptr, n)));
		b = BYTES(b.ptr + n, b.len - n);
	}
	return LK_NONE;
}

/* Appends exactly len bytes. */
static lk_err
far_get(struct doc *doc, uint64_t id, enum far_what what, size_t len,
    struct buf *out)
{
	for (size_t piece = 0; len > 0; piece++) {
		size_t n = len < FAR_PIECE ? len : FAR_PIECE;
		struct doc_key k;
		struct bytes record;

		far_key(&k, id, what, piece);
		TRY(doc_record(doc, &k, &record));
		if (record.len != n)
			return LK_ERR(LK_E_CORRUPT, "piece of a long value");
		buf_add(out, record);
		len -= n;
	}
	return buf_err(out, "long value");
}

/* Puts bytes into the block, or outside when there are many. */
static lk_err
block_put_bytes(
    struct doc *doc, struct op_ref at, enum far_what what, struct bytes b)
{
	uint32_t place = (uint32_t)at.block->bytes.len;

	if (b.len > CHANGE_BODY_MAX)
		return LK_ERR(LK_E_LIMIT, "length of a value");
	if (b.len <= OP_BYTES_NEAR)
		buf_add(&at.block->bytes, b);
	else
		TRY(far_put(doc, at.op->id, what, b));
	if (what == FAR_VALUE) {
		at.op->bytes_at = place;
		at.op->bytes_len = (uint32_t)b.len;
	} else {
		at.op->name_at = place;
		at.op->name_len = (uint32_t)b.len;
	}
	return buf_err(&at.block->bytes, "block of ops");
}

static lk_err
far_put_edges(struct doc *doc, uint64_t id, const struct id_list *covers,
    const struct id_list *adds)
{
	BUF_SCOPED b = { 0 };

	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < covers->len; i++)
		buf_u64(&b, covers->ids[i]);
	for (size_t i = 0; i < adds->len; i++)
		buf_u64(&b, adds->ids[i]);
	TRY(buf_err(&b, "edges of an op"));
	return far_put(doc, id, FAR_EDGES, buf_bytes(&b));
}

static lk_err
block_put_edges(struct doc *doc, struct op_ref at, const struct id_list *covers,
    const struct id_list *adds)
{
	struct id_list *edges = &at.block->edges;

	if (covers->len + adds->len > CHANGE_OPS_MAX)
		return LK_ERR(LK_E_LIMIT, "edges of an op");
	at.op->covers_len = (uint32_t)covers->len;
	at.op->adds_len = (uint32_t)adds->len;
	if (covers->len + adds->len > OP_EDGES_NEAR)
		return far_put_edges(doc, at.op->id, covers, adds);
	at.op->edges_at = (uint32_t)edges->len;
	for (size_t i = 0; i < covers->len; i++)
		TRY(id_list_add(edges, covers->ids[i]));
	for (size_t i = 0; i < adds->len; i++)
		TRY(id_list_add(edges, adds->ids[i]));
	return LK_NONE;
}

static uint64_t
value_number(const struct value *v)
{
	uint64_t n = 0;

	switch (v->type) {
	case VALUE_UINT:
		return v->u64;
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		return (uint64_t)v->i64;
	case VALUE_F64:
		for (size_t i = sizeof(v->f64); i > 0; i--)
			n = n << 8 | v->f64[i - 1];
		return n;
	default:
		return 0;
	}
}

bool
value_has_bytes(uint8_t type)
{
	return type == VALUE_STR || type == VALUE_BYTES ||
	    type >= VALUE_UNKNOWN_MIN;
}

lk_err
opset_add(struct doc *doc, const struct op_addition *add, struct op_ref *out)
{
	struct op_ref at;

	TRY(block_load(doc, add->op.id, true, &at.block));
	if (at.block->len > 0 &&
	    at.block->ops[at.block->len - 1].id >= add->op.id)
		return LK_ERR(LK_E_CORRUPT, "an op is there already");
	if (at.block->len == at.block->cap)
		TRY(op_block_reserve(at.block, BLOCK_OPS - at.block->len));
	at.op = &at.block->ops[at.block->len];
	*at.op = add->op;
	at.op->type = add->value.type;
	at.op->number = value_number(&add->value);
	if (value_has_bytes(add->value.type))
		TRY(block_put_bytes(doc, at, FAR_VALUE, add->value.bytes));
	if (add->op.has_name)
		TRY(block_put_bytes(doc, at, FAR_NAME, add->name));
	TRY(block_put_edges(doc, at, add->covers, add->adds));
	at.block->len++;
	at.block->cached.dirty = true;
	*out = at;
	return LK_NONE;
}

void
op_edges_clear(struct op_edges *e)
{
	free(e->owned);
	*e = (struct op_edges){ 0 };
}

static lk_err
far_edges(struct doc *doc, uint64_t id, size_t n, uint64_t **out)
{
	BUF_SCOPED b = { 0 };
	struct rd r;
	uint64_t *ids;

	buf_init(&b, n * sizeof(*ids));
	TRY(far_get(doc, id, FAR_EDGES, n * sizeof(*ids), &b));
	ids = calloc(n, sizeof(*ids));
	if (ids == NULL)
		return LK_ERR(LK_E_NOMEM, "edges of an op");
	r = rd_over(buf_bytes(&b));
	for (size_t i = 0; i < n; i++) {
		ids[i] = rd_u64(&r);
		/* Older than the op: walks along edges end. */
		if (id_ctr(ids[i]) >= id_ctr(id)) {
			free(ids);
			return LK_ERR(LK_E_CORRUPT, "edge of an op");
		}
	}
	*out = ids;
	return LK_NONE;
}

lk_err
opset_edges(struct doc *doc, struct op_ref at, struct op_edges *out)
{
	size_t n = (size_t)at.op->covers_len + at.op->adds_len;
	struct op_edges e = { .covers_len = at.op->covers_len,
		.adds_len = at.op->adds_len };

	if (n > OP_EDGES_NEAR) {
		TRY(far_edges(doc, at.op->id, n, &e.owned));
		e.covers = e.owned;
	} else if (n > 0) {
		e.covers = at.block->edges.ids + at.op->edges_at;
	}
	if (n > 0)
		e.adds = e.covers + e.covers_len;
	*out = e;
	return LK_NONE;
}

lk_err
opset_bytes(struct doc *doc, struct op_ref at, struct buf *out)
{
	if (at.op->bytes_len > OP_BYTES_NEAR)
		return far_get(
		    doc, at.op->id, FAR_VALUE, at.op->bytes_len, out);
	if (at.op->bytes_len > 0)
		buf_mem(out, at.block->bytes.ptr + at.op->bytes_at,
		    at.op->bytes_len);
	return buf_err(out, "value");
}

lk_err
opset_name(struct doc *doc, struct op_ref at, struct buf *out)
{
	if (at.op->name_len > OP_BYTES_NEAR)
		return far_get(doc, at.op->id, FAR_NAME, at.op->name_len, out);
	if (at.op->name_len > 0)
		buf_mem(
		    out, at.block->bytes.ptr + at.op->name_at, at.op->name_len);
	return buf_err(out, "name of a mark");
}

static lk_err
value_lend(struct doc *doc, struct op_ref at, struct bytes *out)
{
	size_t len = at.op->bytes_len;
	uint8_t *copy;
	struct buf b;

	*out = BYTES(NULL, 0);
	if (len == 0)
		return LK_NONE;
	copy = arena_alloc(&doc->loans, len);
	if (copy == NULL)
		return LK_ERR(LK_E_NOMEM, "value");
	if (len <= OP_BYTES_NEAR) {
		memcpy(copy, at.block->bytes.ptr + at.op->bytes_at, len);
	} else {
		/* The buffer is as long as what it gets: it never grows. */
		b = (struct buf){ .ptr = copy, .cap = len, .max = len };
		TRY(far_get(doc, at.op->id, FAR_VALUE, len, &b));
	}
	*out = BYTES(copy, len);
	return LK_NONE;
}

lk_err
opset_value(struct doc *doc, struct op_ref at, struct value *out)
{
	struct value v = { .type = at.op->type };

	switch (at.op->type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		break;
	case VALUE_UINT:
		v.u64 = at.op->number;
		break;
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		v.i64 = (int64_t)at.op->number;
		break;
	case VALUE_F64:
		for (size_t i = 0; i < sizeof(v.f64); i++)
			v.f64[i] = (uint8_t)(at.op->number >> (8 * i));
		break;
	default:
		TRY(value_lend(doc, at, &v.bytes));
		break;
	}
	*out = v;
	return LK_NONE;
}

lk_err
opset_item(struct doc *doc, uint64_t id, struct item *out)
{
	struct item item = { .id = id_unpack(id) };
	struct op_ref at;

	TRY(opset_load(doc, id, &at));
	if (!op_is_value(at.op))
		return LK_ERR(LK_E_CORRUPT, "a value shown is none");
	item.is_obj = object_of_action(at.op->action, &item.obj_type);
	TRY(opset_value(doc, at, &item.value));
	if (op_is_counter(at.op))
		item.value.i64 = (int64_t)((uint64_t)item.value.i64 +
		    (uint64_t)at.op->total);
	*out = item;
	return LK_NONE;
}

bool
op_is_value(const struct stored_op *op)
{
	return op->action != ACTION_DELETE && op->action != ACTION_INCREMENT;
}

bool
op_is_counter(const struct stored_op *op)
{
	return op->action == ACTION_SET && op->type == VALUE_COUNTER;
}

bool
op_shown(const struct stored_op *op)
{
	return op->visible && op->cov == 0 && op->hid == 0 && op_is_value(op);
}

bool
op_contributes(const struct stored_op *op)
{
	return op->visible ? op->action != ACTION_INCREMENT : op->cov > 0;
}

lk_err
op_count(uint32_t *count, bool more)
{
	if (*count == (more ? UINT32_MAX : 0))
		return LK_ERR(LK_E_CORRUPT, "count in an op");
	*count += more ? 1 : (uint32_t)-1;
	return LK_NONE;
}
