#include "store/table.h"

void
fingerprint_add(struct fingerprint *f, const uint8_t id[static 32])
{
	unsigned carry = 0;

	for (size_t i = sizeof(f->sum); i-- > 0;) {
		carry += (unsigned)f->sum[i] + id[i];
		f->sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
	f->count++;
}

void
fingerprint_sub(struct fingerprint *f, const uint8_t id[static 32])
{
	unsigned borrow = 0;

	for (size_t i = sizeof(f->sum); i-- > 0;) {
		unsigned d = 256u + f->sum[i] - id[i] - borrow;

		f->sum[i] = (uint8_t)d;
		borrow = d < 256;
	}
	f->count--;
}

void
fingerprint_join(struct fingerprint *f, const struct fingerprint *more)
{
	fingerprint_add(f, more->sum);
	f->count += more->count - 1;
}

lk_err
fingerprint_decode(struct fingerprint *f, struct bytes value)
{
	struct rd r = rd_over(value);
	struct fingerprint got;

	got.count = rd_u64(&r);
	rd_copy(&r, got.sum, sizeof(got.sum));
	if (!rd_done(&r))
		return LK_ERR(LK_E_CORRUPT, "fingerprint record");
	*f = got;
	return LK_NONE;
}

static lk_err
fingerprint_get(struct txn *t, const struct key *k, struct fingerprint *f)
{
	struct bytes value;
	lk_err err = table_get(t, TABLE_FP, key_view(k), &value);

	if (err.code == LK_E_NOTFOUND) {
		*f = (struct fingerprint){ 0 };
		return LK_NONE;
	}
	return err.code == LK_OK ? fingerprint_decode(f, value) : err;
}

static lk_err
fingerprint_flip(struct txn *t, const struct key *k,
    const uint8_t id[static LK_ID_LEN], bool in)
{
	struct fingerprint f;
	struct key v = { 0 };

	TRY(fingerprint_get(t, k, &f));
	if (in) {
		fingerprint_add(&f, id);
	} else {
		if (f.count == 0)
			return LK_ERR(LK_E_CORRUPT, "fingerprint record");
		fingerprint_sub(&f, id);
	}
	if (f.count == 0)
		return table_del(t, TABLE_FP, key_view(k), NULL);
	key_number(&v, f.count, 8);
	key_mem(&v, f.sum, sizeof(f.sum));
	return table_put(t, TABLE_FP, key_view(k), key_view(&v));
}

lk_err
essential_set(struct txn *t, const uint8_t id[static LK_ID_LEN], bool essential)
{
	struct key k, v = { 0 };
	struct place p;
	uint64_t lsn;
	bool was;

	TRY(place_of(t, id, &p));
	chain_key(&k, &p, id);
	TRY(chain_get(t, &k, &lsn, &was));
	if (was == essential)
		return LK_NONE;
	key_number(&v, lsn, LSN_LEN);
	key_number(&v, essential, 1);
	TRY(table_put(t, TABLE_CHAIN, key_view(&k), key_view(&v)));
	k.len = 0;
	key_number(&k, p.docno, DOCNO_LEN);
	TRY(fingerprint_flip(t, &k, id, essential));
	key_mem(&k, p.tag, sizeof(p.tag));
	TRY(fingerprint_flip(t, &k, id, essential));
	key_number(&k, p.seq >> FP_BLOCK_SHIFT, 8);
	return fingerprint_flip(t, &k, id, essential);
}

lk_err
fingerprint_doc(struct txn *t, uint32_t docno, struct fingerprint *f)
{
	struct key k = { 0 };

	key_number(&k, docno, DOCNO_LEN);
	return fingerprint_get(t, &k, f);
}

/* The first record of TABLE_FP that is not below a key, and its key; NOTFOUND
 * unless the key begins as `k` does in its first `fixed` bytes. */
static lk_err
fingerprint_seek(
    struct txn *t, struct key *k, size_t fixed, struct fingerprint *f)
{
	struct bytes key = key_view(k), raw, value;

	TRY(cursor_move(t, TABLE_FP, MDB_SET_RANGE, &key, &raw));
	if (key.len < fixed || memcmp(key.ptr, k->bytes, fixed) != 0)
		return LK_ERR(LK_E_NOTFOUND, "fingerprint");
	if (key.len != k->len)
		return LK_ERR(LK_E_CORRUPT, "fingerprint key");
	TRY(record_check(TABLE_FP, key, raw, &value));
	memcpy(k->bytes, key.ptr, key.len);
	return fingerprint_decode(f, value);
}

/* What is damaged may hide what follows: the document is to be looked at. */
static lk_err
fingerprint_found(struct txn *t, uint32_t docno, lk_err err)
{
	if (err.code == LK_E_CORRUPT)
		damage_note(t, docno);
	return err;
}

lk_err
fingerprint_next_author(struct txn *t, uint32_t docno,
    uint8_t tag[static LK_TOPIC_LEN], struct fingerprint *f)
{
	struct key k = { 0 };

	key_number(&k, docno, DOCNO_LEN);
	key_mem(&k, tag, LK_TOPIC_LEN);
	TRY(fingerprint_found(t, docno, fingerprint_seek(t, &k, DOCNO_LEN, f)));
	memcpy(tag, k.bytes + DOCNO_LEN, LK_TOPIC_LEN);
	return LK_NONE;
}

lk_err
fingerprint_next_block(struct txn *t, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], uint64_t *block,
    struct fingerprint *f)
{
	struct key k = { 0 };
	struct rd r;

	key_number(&k, docno, DOCNO_LEN);
	key_mem(&k, tag, LK_TOPIC_LEN);
	key_number(&k, *block, 8);
	TRY(fingerprint_found(
	    t, docno, fingerprint_seek(t, &k, DOCNO_LEN + LK_TOPIC_LEN, f)));
	r = rd_over(BYTES(k.bytes + DOCNO_LEN + LK_TOPIC_LEN, 8));
	*block = rd_u64(&r);
	return LK_NONE;
}

lk_err
fingerprint_last_block(struct txn *t, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], uint64_t *block)
{
	struct bytes key, raw, value;
	struct key k = { 0 };
	struct rd r;
	lk_err err;

	key_number(&k, docno, DOCNO_LEN);
	key_mem(&k, tag, LK_TOPIC_LEN);
	key_number(&k, UINT64_MAX, 8);
	key = key_view(&k);
	TRY(cursor_seek(t, TABLE_FP, KV_LAST_LE, &key, &raw));
	if (key.len != k.len ||
	    memcmp(key.ptr, k.bytes, DOCNO_LEN + LK_TOPIC_LEN) != 0)
		return LK_ERR(LK_E_NOTFOUND, "fingerprint");
	err = record_check(TABLE_FP, key, raw, &value);
	TRY(fingerprint_found(t, docno, err));
	r = rd_over(BYTES(key.ptr + DOCNO_LEN + LK_TOPIC_LEN, 8));
	*block = rd_u64(&r);
	return LK_NONE;
}
