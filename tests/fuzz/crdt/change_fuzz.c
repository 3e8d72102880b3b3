/*
 * Change bodies.  Even first byte: the rest is a body.  Odd: the rest is a
 * script for change_writer, followed by one change to a byte of the result.
 * What is accepted must come out of the writer byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/crdt/few_rows.h"
#include "tests/fuzz/crdt/loose_mutate.h"
#include "tests/unit/crdt/change_again.h"

#define SCRIPT_OPS_MAX 64
#define SCRIPT_PREDS_MAX 3

static void
check_body(struct bytes body)
{
	struct change c;
	BUF_SCOPED again = { 0 };
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, CHANGE_BODY_MAX);
	buf_init(&again, CHANGE_BODY_MAX);
	if (change_decode(&c, &arena, body).code != LK_OK)
		return;
	/* Rows that cost nothing would make the fuzzer slow. */
	if (c.ops_len > 100000)
		return;
	LK_ASSERT(change_again(&c, &again).code == LK_OK);
	LK_ASSERT(bytes_equal(body, buf_bytes(&again)));
}

static struct op_id
script_id(struct rd *r, uint64_t below)
{
	uint8_t b = rd_u8(r);

	return (struct op_id){ .ctr = 1 + (b >> 2) % below, .actor = b & 3 };
}

static void
script_value(struct rd *r, struct value *v)
{
	v->type = rd_u8(r) & 15;
	switch (v->type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		break;
	case VALUE_UINT:
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		v->u64 = rd_u64(r);
		break;
	case VALUE_F64:
		rd_copy(r, v->f64, sizeof(v->f64));
		break;
	case VALUE_STR:
		v->bytes = rd_take(r, rd_u8(r) & 7);
		if (!utf8_valid(v->bytes))
			v->bytes.len = 0;
		break;
	default:
		v->bytes = rd_take(r, rd_u8(r) & 7);
		break;
	}
}

static void
script_op(struct rd *r, struct op *op, struct op_id *preds, uint64_t below)
{
	uint8_t flags = rd_u8(r);

	*op = (struct op){ .insert = flags & 1,
		.expand = (flags & 6) == 6,
		.has_mark_name = flags & 8,
		.action = rd_u8(r) % 8,
		.preds = preds };
	op->key_kind = (enum key_kind)((flags >> 4) % 3);
	if (flags & 128)
		op->obj = script_id(r, below);
	if (op->key_kind == KEY_ELEM)
		op->elem = script_id(r, below);
	if (op->key_kind == KEY_MAP)
		op->key = BYTES((const uint8_t *)"abc", flags & 3);
	if (op->has_mark_name)
		op->mark_name = BYTES((const uint8_t *)"bold", flags & 3);
	script_value(r, &op->value);
	op->preds_len = rd_u8(r) % (SCRIPT_PREDS_MAX + 1);
	for (size_t i = 0; i < op->preds_len; i++)
		preds[i] = script_id(r, below);
}

static lk_err
script_write(struct rd *r, struct change_writer *w, struct buf *body)
{
	static const uint8_t actors[][1] = { { 3 }, { 9 }, { 1 } };
	struct op_id preds[SCRIPT_PREDS_MAX];
	uint32_t number;
	struct op op;

	for (size_t i = 0; i < 3; i++)
		TRY(change_writer_actor(w, BYTES_OF(actors[i]), &number));
	while (r->left.len > 0 && change_writer_ops(w) < SCRIPT_OPS_MAX) {
		script_op(r, &op, preds, 50 + change_writer_ops(w));
		TRY(change_writer_add(w, &op));
	}
	return change_writer_finish(w, body);
}

static void
check_script(struct bytes script)
{
	static const uint8_t author[] = { 5 };
	struct rd r = rd_over(script);
	struct change_head head = {
		.actor = BYTES_OF(author), .seq = 1 + rd_u8(&r), .start_op = 50
	};
	size_t at = rd_u16(&r);
	uint8_t flip = rd_u8(&r);
	struct change_writer *w = NULL;
	BUF_SCOPED body = { 0 };

	buf_init(&body, CHANGE_BODY_MAX);
	if (change_writer_new(&w, &head).code != LK_OK)
		return;
	if (script_write(&r, w, &body).code == LK_OK) {
		body.ptr[at % body.len] ^= flip;
		check_body(buf_bytes(&body));
	}
	change_writer_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (len < 1)
		return 0;
	if (bytes[0] & 1)
		check_script(BYTES(bytes + 1, len - 1));
	else
		check_body(BYTES(bytes + 1, len - 1));
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	if (len < 2 || (data[0] & 1) || seed % 32 == 0)
		return LLVMFuzzerMutate(data, len, max);
	return 1 +
	    loose_body_mutate(LOOSE_CHANGE, data + 1, len - 1, max - 1, seed);
}
