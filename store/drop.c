#include "store/table.h"

/* An envelope has a record in four tables. */
#define ENVELOPE_RECORDS 4

/* A slice of a drop. */
struct slice {
	struct txn *txn;
	uint32_t docno;
	size_t left; /* records that may still go */
};

/* The lsns of what goes are not given again: others remember them. */
static lk_err
drop_keep_lsn(struct txn *t)
{
	uint8_t b[LSN_LEN];
	uint64_t last;

	TRY(lsn_last(t, &last));
	big_endian(b, last, sizeof(b));
	return table_put(t, TABLE_META, BYTES_STR(META_LSN), BYTES_OF(b));
}

/* The document's first key in a table. */
static lk_err
drop_first(
    struct slice *s, enum table table, struct bytes *key, struct bytes *raw)
{
	struct key k = { 0 };

	key_number(&k, s->docno, DOCNO_LEN);
	*key = key_view(&k);
	TRY(cursor_move(s->txn, table, MDB_SET_RANGE, key, raw));
	if (!key_in_doc(*key, s->docno))
		return LK_ERR(LK_E_NOTFOUND, "record");
	return LK_NONE;
}

static lk_err
drop_log(struct slice *s, uint64_t lsn)
{
	struct key k;

	lsn_key(&k, lsn);
	TRY(table_del(s->txn, TABLE_LOG, key_view(&k), NULL));
	doclog_key(&k, s->docno, lsn);
	return table_del(s->txn, TABLE_DOCLOG, key_view(&k), NULL);
}

static lk_err
drop_chain(struct slice *s, struct bytes key, struct bytes raw)
{
	uint8_t id[LK_ID_LEN];
	struct bytes value;
	struct key k = { 0 };
	uint64_t lsn;
	bool essential;
	lk_err err;

	/* Both are memory of the table that is about to change. */
	key_mem(&k, key.ptr, key.len);
	if (record_check(TABLE_CHAIN, key, raw, &value).code == LK_OK &&
	    chain_decode(value, &lsn, &essential).code == LK_OK &&
	    key.len >= LK_ID_LEN) {
		memcpy(id, key.ptr + key.len - LK_ID_LEN, LK_ID_LEN);
		/* Half a drop is no damage: sums keep up with the chains. */
		err = essential ? essential_set(s->txn, id, false) : LK_NONE;
		if (err.code != LK_OK && err.code != LK_E_CORRUPT &&
		    err.code != LK_E_NOTFOUND)
			return err;
		TRY(table_del(s->txn, TABLE_ID, BYTES_OF(id), NULL));
		TRY(drop_log(s, lsn));
	}
	return table_del(s->txn, TABLE_CHAIN, key_view(&k), NULL);
}

static lk_err
drop_doclog(struct slice *s, struct bytes key)
{
	struct rd r = rd_over(key);
	struct key k = { 0 };

	(void)rd_u32(&r);
	key_mem(&k, key.ptr, key.len);
	TRY(drop_log(s, rd_u64(&r)));
	return table_del(s->txn, TABLE_DOCLOG, key_view(&k), NULL);
}

static lk_err
drop_record(struct slice *s, enum table table, struct bytes key)
{
	struct key k = { 0 };

	key_mem(&k, key.ptr, key.len);
	return table_del(s->txn, table, key_view(&k), NULL);
}

/* Everything the document has in a table, while the slice lasts. */
static lk_err
drop_table(struct slice *s, enum table table)
{
	size_t cost = table == TABLE_CHAIN ? ENVELOPE_RECORDS
	    : table == TABLE_DOCLOG        ? 2
					   : 1;
	struct bytes key, raw;
	lk_err err;

	while (s->left > 0) {
		err = drop_first(s, table, &key, &raw);
		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		if (err.code != LK_OK)
			return err;
		if (table == TABLE_CHAIN)
			TRY(drop_chain(s, key, raw));
		else if (table == TABLE_DOCLOG)
			TRY(drop_doclog(s, key));
		else
			TRY(drop_record(s, table, key));
		s->left -= s->left < cost ? s->left : cost;
	}
	return LK_NONE;
}

lk_err
store_drop(struct txn *t, uint32_t docno, size_t records_max, bool *done)
{
	/* The chains first: with them goes all of an undamaged log. */
	static const enum table order[] = { TABLE_CHAIN, TABLE_DOCLOG, TABLE_FP,
		TABLE_STATE };
	struct slice s = { .txn = t, .docno = docno, .left = records_max };

	TRY(drop_keep_lsn(t));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		TRY(drop_table(&s, order[i]));
	*done = s.left > 0;
	return LK_NONE;
}
