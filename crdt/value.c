#include "crdt/value.h"

#include <string.h>

#define VALUE_TYPE_BITS 4
#define VALUE_TYPE_MASK 15u

bool
value_equal(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		return true;
	case VALUE_UINT:
		return a->u64 == b->u64;
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		return a->i64 == b->i64;
	case VALUE_F64:
		return memcmp(a->f64, b->f64, sizeof(a->f64)) == 0;
	}
	return bytes_equal(a->bytes, b->bytes);
}

lk_err
value_decode(struct value *v, uint64_t meta, struct rd *raw)
{
	struct value got = { .type = (uint8_t)(meta & VALUE_TYPE_MASK) };
	uint64_t len = meta >> VALUE_TYPE_BITS;
	struct bytes b;
	struct rd r;

	if (len > raw->left.len)
		return LK_ERR(LK_E_TRUNCATED, "bytes of a value");
	b = rd_take(raw, (size_t)len);
	r = rd_over(b);
	switch (got.type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		break;
	case VALUE_UINT:
		got.u64 = rd_uleb(&r);
		break;
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		got.i64 = rd_sleb(&r);
		break;
	case VALUE_F64:
		rd_copy(&r, got.f64, sizeof(got.f64));
		break;
	case VALUE_STR:
		if (!utf8_valid(b))
			return LK_ERR(LK_E_MALFORMED, "a string is not UTF-8");
		got.bytes = rd_take(&r, b.len);
		break;
	default: /* BYTES and the types nobody knows yet */
		got.bytes = rd_take(&r, b.len);
		break;
	}
	if (!rd_done(&r))
		return LK_ERR(LK_E_MALFORMED, "length of a value");
	*v = got;
	return LK_NONE;
}

uint64_t
value_encode(struct buf *raw, const struct value *v)
{
	size_t before = raw->len;

	switch (v->type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		break;
	case VALUE_UINT:
		buf_uleb(raw, v->u64);
		break;
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		buf_sleb(raw, v->i64);
		break;
	case VALUE_F64:
		buf_mem(raw, v->f64, sizeof(v->f64));
		break;
	default:
		buf_add(raw, v->bytes);
		break;
	}
	return (uint64_t)(raw->len - before) << VALUE_TYPE_BITS | v->type;
}
