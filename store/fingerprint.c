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

lk_err
fingerprint_author(struct txn *t, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], struct fingerprint *f)
{
	struct key k = { 0 };

	key_number(&k, docno, DOCNO_LEN);
	key_mem(&k, tag, LK_TOPIC_LEN);
	return fingerprint_get(t, &k, f);
}

lk_err
fingerprint_block(struct txn *t, uint32_t docno,
    const uint8_t tag[static LK_TOPIC_LEN], uint64_t block,
    struct fingerprint *f)
{
	struct key k = { 0 };

	key_number(&k, docno, DOCNO_LEN);
	key_mem(&k, tag, LK_TOPIC_LEN);
	key_number(&k, block, 8);
	return fingerprint_get(t, &k, f);
}
