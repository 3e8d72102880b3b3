#include <string.h>

#include "sync/acks.h"

#define ACK_KEY_LEN (1 + 32)

/* SPACE_PEERS: 'a' device key -> as docs/storage.md has it. */
static struct bytes
ack_record_key(uint8_t out[static ACK_KEY_LEN], const uint8_t pk[static 32])
{
	out[0] = 'a';
	memcpy(out + 1, pk, 32);
	return BYTES(out, ACK_KEY_LEN);
}

bool
ack_says_forgotten(const struct ack_record *a)
{
	return a->heads_len == 0 && a->said.len > 0;
}

static lk_err
ack_record_read(struct ack_record *out, struct bytes value)
{
	struct rd rd = rd_over(value);

	rd_copy(&rd, out->incarnation, INCARNATION_LEN);
	rd_copy(&rd, out->former, INCARNATION_LEN);
	out->counter = rd_u64(&rd);
	out->when.ms = (int64_t)rd_u64(&rd);
	rd_copy(&rd, out->equal, sizeof(out->equal));
	out->passed = rd_u8(&rd) != 0;
	out->heads_len = rd_u8(&rd);
	out->heads = rd_take(&rd, out->heads_len * LK_ID_LEN).ptr;
	out->said = rd_take(&rd, rd.left.len);
	return rd_done(&rd) ? LK_NONE : LK_ERR(LK_E_CORRUPT, "ACK record");
}

lk_err
ack_record_get(struct replica *r, uint32_t docno, const uint8_t pk[static 32],
    struct ack_record *out)
{
	uint8_t key[ACK_KEY_LEN];
	struct bytes value;

	TRY(kv_get(docstate_space(r, docno, SPACE_PEERS),
	    ack_record_key(key, pk), &value));
	return ack_record_read(out, value);
}

lk_err
ack_record_next(struct replica *r, uint32_t docno, uint8_t pk[static 32],
    struct ack_record *out)
{
	uint8_t key[ACK_KEY_LEN];
	struct bytes value;

	(void)ack_record_key(key, pk);
	TRY(kv_walk(docstate_space(r, docno, SPACE_PEERS), key, sizeof(key), 1,
	    &value));
	memcpy(pk, key + 1, 32);
	return ack_record_read(out, value);
}

lk_err
ack_record_put(struct replica *r, uint32_t docno, const uint8_t pk[static 32],
    const struct ack_record *a)
{
	uint8_t key[ACK_KEY_LEN];
	BUF_SCOPED b = { .max = 8192 };

	buf_mem(&b, a->incarnation, INCARNATION_LEN);
	buf_mem(&b, a->former, INCARNATION_LEN);
	buf_u64(&b, a->counter);
	buf_u64(&b, (uint64_t)a->when.ms);
	buf_mem(&b, a->equal, sizeof(a->equal));
	buf_u8(&b, a->passed);
	buf_u8(&b, (uint8_t)a->heads_len);
	buf_mem(&b, a->heads, a->heads_len * LK_ID_LEN);
	buf_add(&b, a->said);
	TRY(buf_err(&b, "ACK record"));
	return kv_put(docstate_space(r, docno, SPACE_PEERS),
	    ack_record_key(key, pk), buf_bytes(&b));
}
