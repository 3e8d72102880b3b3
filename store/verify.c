#include "store/table.h"

struct check {
	struct txn *txn;
	struct store_damage damage;
	/* Running sums over the chains, which are in order of their keys. */
	struct fingerprint doc, author, block;
	struct key at; /* docno, tag, block of those sums; empty at first */
	uint64_t fingerprints; /* how many records there should be */
};

static void
damaged(struct check *c, uint64_t *what, uint32_t docno)
{
	if (c->damage.envelopes == 0 && c->damage.records == 0)
		c->damage.first_docno = docno;
	(*what)++;
}

static uint32_t
docno_of(struct bytes key)
{
	struct rd r = rd_over(key);

	return rd_u32(&r);
}

static void
check_id(struct check *c, struct bytes key, struct bytes raw)
{
	struct bytes value, envelope;
	struct place p;
	struct key k;
	uint64_t lsn;
	bool essential;

	if (key.len != LK_ID_LEN ||
	    record_check(TABLE_ID, key, raw, &value).code != LK_OK ||
	    place_decode(&p, value).code != LK_OK) {
		damaged(c, &c->damage.records, STORE_DEVICE);
		return;
	}
	if (envelope_at(c->txn, &p, key.ptr, &envelope).code != LK_OK)
		damaged(c, &c->damage.envelopes, p.docno);
	chain_key(&k, &p, key.ptr);
	if (chain_get(c->txn, &k, &lsn, &essential).code != LK_OK ||
	    lsn != p.lsn)
		damaged(c, &c->damage.records, p.docno);
	doclog_key(&k, p.docno, p.lsn);
	if (table_get(c->txn, TABLE_DOCLOG, key_view(&k), &value).code != LK_OK)
		damaged(c, &c->damage.records, p.docno);
}

/* Compares a sum with the record of the first n bytes of its key. */
static void
check_sum(struct check *c, struct fingerprint *sum, size_t n)
{
	struct fingerprint have = { 0 };
	struct bytes value;
	lk_err err;

	if (sum->count > 0) {
		c->fingerprints++;
		err =
		    table_get(c->txn, TABLE_FP, BYTES(c->at.bytes, n), &value);
		if (err.code == LK_OK)
			err = fingerprint_decode(&have, value);
		if (err.code != LK_OK || have.count != sum->count ||
		    memcmp(have.sum, sum->sum, sizeof(have.sum)) != 0)
			damaged(
			    c, &c->damage.records, docno_of(key_view(&c->at)));
	}
	*sum = (struct fingerprint){ 0 };
}

/* Ends the sums that `next`, the key of a block, does not belong to. */
static void
check_sums(struct check *c, const struct key *next)
{
	size_t author = DOCNO_LEN + LK_TOPIC_LEN, same = 0;

	while (same < c->at.len && same < next->len &&
	    c->at.bytes[same] == next->bytes[same])
		same++;
	if (c->at.len > 0 && same < c->at.len)
		check_sum(c, &c->block, c->at.len);
	if (c->at.len > 0 && same < author)
		check_sum(c, &c->author, author);
	if (c->at.len > 0 && same < DOCNO_LEN)
		check_sum(c, &c->doc, DOCNO_LEN);
	c->at = *next;
}

static void
check_chain(struct check *c, struct bytes key, struct bytes raw)
{
	struct key block = { 0 };
	struct bytes value, tag, id;
	uint64_t lsn, seq;
	uint32_t docno;
	bool essential;
	struct rd r = rd_over(key);

	docno = rd_u32(&r);
	tag = rd_take(&r, LK_TOPIC_LEN);
	seq = rd_u64(&r);
	id = rd_take(&r, LK_ID_LEN);
	if (!rd_done(&r) ||
	    record_check(TABLE_CHAIN, key, raw, &value).code != LK_OK ||
	    chain_decode(value, &lsn, &essential).code != LK_OK) {
		damaged(c, &c->damage.records, docno);
		return;
	}
	if (!essential)
		return;
	key_number(&block, docno, DOCNO_LEN);
	key_mem(&block, tag.ptr, tag.len);
	key_number(&block, seq >> FP_BLOCK_SHIFT, 8);
	check_sums(c, &block);
	fingerprint_add(&c->doc, id.ptr);
	fingerprint_add(&c->author, id.ptr);
	fingerprint_add(&c->block, id.ptr);
}

static void
check_state(struct check *c, struct bytes key, struct bytes raw)
{
	struct bytes value;

	if (record_check(TABLE_STATE, key, raw, &value).code != LK_OK)
		damaged(c, &c->damage.records, docno_of(key));
}

static void
check_doclog(struct check *c, struct bytes key, struct bytes raw)
{
	struct bytes value;

	if (record_check(TABLE_DOCLOG, key, raw, &value).code != LK_OK)
		damaged(c, &c->damage.records, docno_of(key));
}

static void
check_fingerprint(struct check *c, struct bytes key, struct bytes raw)
{
	struct bytes value;

	if (record_check(TABLE_FP, key, raw, &value).code != LK_OK)
		damaged(c, &c->damage.records, docno_of(key));
}

static void
check_meta(struct check *c, struct bytes key, struct bytes raw)
{
	struct bytes value;

	if (record_check(TABLE_META, key, raw, &value).code != LK_OK)
		damaged(c, &c->damage.records, STORE_DEVICE);
}

static lk_err
check_table(struct check *c, enum table table,
    void (*record)(struct check *, struct bytes key, struct bytes raw))
{
	MDB_cursor_op op = MDB_FIRST;
	struct bytes key, raw;
	lk_err err;

	for (;; op = MDB_NEXT) {
		key = (struct bytes){ 0 };
		err = cursor_move(c->txn, table, op, &key, &raw);
		if (err.code != LK_OK)
			break;
		record(c, key, raw);
	}
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	if (err.code == LK_E_CORRUPT) {
		damaged(c, &c->damage.records, STORE_DEVICE);
		return LK_NONE;
	}
	return err;
}

static lk_err
table_count(struct txn *t, enum table table, uint64_t *n)
{
	MDB_stat st;
	int rc = mdb_stat(t->mdb, t->store->tables[table], &st);

	if (rc != 0)
		return lmdb_err(rc, "table");
	*n = st.ms_entries;
	return LK_NONE;
}

/* Records that no envelope has named are too many, or too few. */
static lk_err
check_count(struct check *c, enum table table, uint64_t want)
{
	uint64_t n = 0;

	TRY(table_count(c->txn, table, &n));
	if (n != want)
		damaged(c, &c->damage.records, STORE_DEVICE);
	return LK_NONE;
}

lk_err
store_verify(struct txn *t, struct store_damage *out)
{
	static const struct key end = { 0 };
	struct check c = { .txn = t };
	uint64_t n = 0;

	TRY(check_table(&c, TABLE_META, check_meta));
	TRY(check_table(&c, TABLE_ID, check_id));
	TRY(table_count(t, TABLE_ID, &n));
	TRY(check_count(&c, TABLE_LOG, n));
	TRY(check_count(&c, TABLE_CHAIN, n));
	TRY(check_count(&c, TABLE_DOCLOG, n));
	TRY(check_table(&c, TABLE_DOCLOG, check_doclog));
	TRY(check_table(&c, TABLE_CHAIN, check_chain));
	check_sums(&c, &end);
	TRY(check_table(&c, TABLE_FP, check_fingerprint));
	TRY(check_count(&c, TABLE_FP, c.fingerprints));
	TRY(check_table(&c, TABLE_STATE, check_state));
	*out = c.damage;
	return LK_NONE;
}
