#include <stdlib.h>

#include "crypto/digest.h"
#include "store/table.h"

#define CHAIN_KEY_LEN (DOCNO_LEN + LK_TOPIC_LEN + 8 + LK_ID_LEN)

void
lsn_key(struct key *k, uint64_t lsn)
{
	k->len = 0;
	key_number(k, lsn, LSN_LEN);
}

void
doclog_key(struct key *k, uint32_t docno, uint64_t lsn)
{
	k->len = 0;
	key_number(k, docno, DOCNO_LEN);
	key_number(k, lsn, LSN_LEN);
}

void
chain_key(
    struct key *k, const struct place *p, const uint8_t id[static LK_ID_LEN])
{
	k->len = 0;
	key_number(k, p->docno, DOCNO_LEN);
	key_mem(k, p->tag, sizeof(p->tag));
	key_number(k, p->seq, 8);
	key_mem(k, id, LK_ID_LEN);
}

lk_err
chain_get(struct txn *t, const struct key *k, uint64_t *lsn, bool *essential)
{
	struct bytes value;
	lk_err err = table_get(t, TABLE_CHAIN, key_view(k), &value);

	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_CORRUPT, "chain record missing");
	return err.code == LK_OK ? chain_decode(value, lsn, essential) : err;
}

lk_err
chain_decode(struct bytes value, uint64_t *lsn, bool *essential)
{
	struct rd r = rd_over(value);
	uint64_t at = rd_u64(&r);
	uint8_t flag = rd_u8(&r);

	if (!rd_done(&r) || flag > 1)
		return LK_ERR(LK_E_CORRUPT, "chain record");
	*lsn = at;
	*essential = flag == 1;
	return LK_NONE;
}

lk_err
place_decode(struct place *p, struct bytes value)
{
	struct rd r = rd_over(value);
	struct place at;

	at.lsn = rd_u64(&r);
	at.docno = rd_u32(&r);
	rd_copy(&r, at.tag, sizeof(at.tag));
	at.seq = rd_u64(&r);
	if (!rd_done(&r))
		return LK_ERR(LK_E_CORRUPT, "id record");
	*p = at;
	return LK_NONE;
}

lk_err
place_of(struct txn *t, const uint8_t id[static LK_ID_LEN], struct place *p)
{
	struct bytes value;

	TRY(table_get(t, TABLE_ID, BYTES(id, LK_ID_LEN), &value));
	return place_decode(p, value);
}

lk_err
envelope_at(struct txn *t, const struct place *p,
    const uint8_t id[static LK_ID_LEN], struct bytes *out)
{
	uint8_t got[LK_ID_LEN] = { 0 };
	struct bytes key, raw;
	struct rd r = { .failed = true };
	struct key k;
	lk_err err;

	lsn_key(&k, p->lsn);
	key = key_view(&k);
	err = cursor_move(t, TABLE_LOG, MDB_SET_KEY, &key, &raw);
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	if (err.code == LK_OK)
		r = rd_over(raw);
	if (rd_u32(&r) == p->docno && !r.failed)
		digest(got, sizeof(got), DIGEST_ENVELOPE, NULL, r.left);
	if (memcmp(got, id, sizeof(got)) != 0) {
		damage_note(t, p->docno);
		return LK_ERR(LK_E_CORRUPT, "envelope in the log");
	}
	*out = r.left;
	return LK_NONE;
}

lk_err
lsn_last(struct txn *t, uint64_t *lsn)
{
	struct bytes key = { 0 }, raw;
	uint64_t last = 0, dropped = 0;
	struct rd r;
	lk_err err;

	err = cursor_move(t, TABLE_LOG, MDB_LAST, &key, &raw);
	if (err.code == LK_OK) {
		r = rd_over(key);
		last = rd_u64(&r);
		if (!rd_done(&r) || last == UINT64_MAX)
			return LK_ERR(LK_E_CORRUPT, "log key");
	} else if (err.code != LK_E_NOTFOUND) {
		return err;
	}
	err = table_get(t, TABLE_META, BYTES_STR(META_LSN), &raw);
	if (err.code == LK_OK) {
		r = rd_over(raw);
		dropped = rd_u64(&r);
		if (!rd_done(&r) || dropped == UINT64_MAX)
			return LK_ERR(LK_E_CORRUPT, "meta record");
	} else if (err.code != LK_E_NOTFOUND) {
		return err;
	}
	*lsn = last > dropped ? last : dropped;
	return LK_NONE;
}

static lk_err
place_put(
    struct txn *t, const uint8_t id[static LK_ID_LEN], const struct place *p)
{
	struct key v = { 0 };

	key_number(&v, p->lsn, LSN_LEN);
	key_number(&v, p->docno, DOCNO_LEN);
	key_mem(&v, p->tag, sizeof(p->tag));
	key_number(&v, p->seq, 8);
	return table_put(t, TABLE_ID, BYTES(id, LK_ID_LEN), key_view(&v));
}

static lk_err
chain_put(struct txn *t, const uint8_t id[static LK_ID_LEN],
    const struct place *p, bool essential)
{
	struct key k, v = { 0 };

	chain_key(&k, p, id);
	key_number(&v, p->lsn, LSN_LEN);
	key_number(&v, essential, 1);
	return table_put(t, TABLE_CHAIN, key_view(&k), key_view(&v));
}

lk_err
place_index(struct txn *t, const uint8_t id[static LK_ID_LEN],
    const struct place *p)
{
	struct key k;

	TRY(place_put(t, id, p));
	TRY(chain_put(t, id, p, false));
	doclog_key(&k, p->docno, p->lsn);
	return table_put(t, TABLE_DOCLOG, key_view(&k), (struct bytes){ 0 });
}

static void
envelope_fill(uint8_t *at, uint32_t docno, struct bytes envelope)
{
	big_endian(at, docno, DOCNO_LEN);
	if (envelope.len > 0)
		memcpy(at + DOCNO_LEN, envelope.ptr, envelope.len);
}

lk_err
log_write(struct txn *t, const struct log_entry *e)
{
	uint8_t *at;
	struct key k;

	if (e->envelope.len > ENVELOPE_MAX)
		return LK_ERR(LK_E_LIMIT, "envelope");
	lsn_key(&k, e->lsn);
	TRY(raw_put(
	    t, TABLE_LOG, key_view(&k), DOCNO_LEN + e->envelope.len, &at));
	envelope_fill(at, e->docno, e->envelope);
	return LK_NONE;
}

lk_err
log_append(struct txn *t, struct log_entry *e)
{
	struct place p = { .docno = e->docno, .seq = e->seq };
	uint8_t *at;
	uint64_t last;
	struct key k;
	lk_err err;

	if (e->envelope.len > ENVELOPE_MAX)
		return LK_ERR(LK_E_LIMIT, "envelope");
	err = place_of(t, e->id, &p);
	if (err.code == LK_OK)
		return LK_ERR(LK_E_EXISTS, "envelope");
	/* What a damaged record said was lost with it. */
	if (err.code != LK_E_NOTFOUND && err.code != LK_E_CORRUPT)
		return err;
	TRY(lsn_last(t, &last));
	p.lsn = last + 1;
	memcpy(p.tag, e->tag, sizeof(p.tag));
	lsn_key(&k, p.lsn);
	TRY(raw_append(
	    t, TABLE_LOG, key_view(&k), DOCNO_LEN + e->envelope.len, &at));
	envelope_fill(at, p.docno, e->envelope);
	TRY(place_index(t, e->id, &p));
	e->lsn = p.lsn;
	e->essential = false;
	return LK_NONE;
}

/* Fills what the indexes know of an entry; .envelope stays as it is. */
static lk_err
entry_fill(struct txn *t, struct log_entry *e, const struct place *p,
    const uint8_t id[static LK_ID_LEN])
{
	struct key k;
	uint64_t lsn;
	bool essential;

	chain_key(&k, p, id);
	TRY(chain_get(t, &k, &lsn, &essential));
	if (lsn != p->lsn)
		return LK_ERR(LK_E_CORRUPT, "chain record");
	e->lsn = p->lsn;
	e->docno = p->docno;
	memmove(e->id, id, LK_ID_LEN);
	memcpy(e->tag, p->tag, sizeof(e->tag));
	e->seq = p->seq;
	e->essential = essential;
	return LK_NONE;
}

lk_err
log_by_id(
    struct txn *t, const uint8_t id[static LK_ID_LEN], struct log_entry *e)
{
	struct bytes envelope;
	struct place p;

	TRY(place_of(t, id, &p));
	TRY(envelope_at(t, &p, id, &envelope));
	TRY(entry_fill(t, e, &p, id));
	e->envelope = envelope;
	return LK_NONE;
}

bool
log_has(struct txn *t, const uint8_t id[static LK_ID_LEN])
{
	struct bytes key = BYTES(id, LK_ID_LEN), raw;

	return cursor_move(t, TABLE_ID, MDB_SET_KEY, &key, &raw).code == LK_OK;
}

/* A damaged key may have any length: cut, or with zeros to the longest that
 * is read, it keeps its place in the order. */
static void
key_copy(struct key *k, struct bytes key)
{
	size_t n = key.len < CHAIN_KEY_LEN ? key.len : CHAIN_KEY_LEN;

	*k = (struct key){ .len = CHAIN_KEY_LEN };
	memcpy(k->bytes, key.ptr, n);
}

void
chain_step(struct log_entry *at)
{
	/* No id is all ones. */
	for (size_t i = LK_ID_LEN; i-- > 0;)
		if (++at->id[i] != 0)
			return;
}

/* Which entry of the document is at this lsn, by its chains: slow, for when
 * the log's own bytes are no help. */
static lk_err
id_by_lsn(
    struct txn *t, uint32_t docno, uint64_t lsn, uint8_t id[static LK_ID_LEN])
{
	struct log_entry at = { .docno = docno };
	lk_err err;

	for (;; chain_step(&at)) {
		err = chain_next(t, docno, &at);
		if (err.code == LK_OK && at.lsn == lsn)
			break;
		if (err.code != LK_OK && err.code != LK_E_CORRUPT)
			return err;
	}
	memcpy(id, at.id, LK_ID_LEN);
	return LK_NONE;
}

/* The first doclog record with lsn >= the one given; *lsn is written when the
 * record is damaged, too. */
static lk_err
doclog_next(struct txn *t, uint32_t docno, uint64_t *lsn)
{
	struct bytes key, raw, value;
	struct key k;
	struct rd r;

	doclog_key(&k, docno, *lsn);
	key = key_view(&k);
	TRY(cursor_move(t, TABLE_DOCLOG, MDB_SET_RANGE, &key, &raw));
	if (!key_in_doc(key, docno))
		return LK_ERR(LK_E_NOTFOUND, "log entry");
	key_copy(&k, key);
	r = rd_over(key_view(&k));
	(void)rd_u32(&r);
	*lsn = rd_u64(&r);
	if (key.len != DOCNO_LEN + LSN_LEN)
		return LK_ERR(LK_E_CORRUPT, "doclog key");
	return record_check(TABLE_DOCLOG, key, raw, &value);
}

/* The entry at an lsn, its id being the hash of what is there. */
static lk_err
log_at(struct txn *t, uint32_t docno, uint64_t lsn, struct log_entry *e)
{
	struct bytes key, raw;
	uint8_t id[LK_ID_LEN];
	struct place p;
	struct key k;
	struct rd r;

	lsn_key(&k, lsn);
	key = key_view(&k);
	TRY(cursor_move(t, TABLE_LOG, MDB_SET_KEY, &key, &raw));
	r = rd_over(raw);
	if (rd_u32(&r) != docno || r.failed)
		return LK_ERR(LK_E_CORRUPT, "log record");
	digest(id, sizeof(id), DIGEST_ENVELOPE, NULL, r.left);
	TRY(place_of(t, id, &p));
	if (p.lsn != lsn || p.docno != docno)
		return LK_ERR(LK_E_CORRUPT, "id record");
	TRY(entry_fill(t, e, &p, id));
	e->envelope = r.left;
	return LK_NONE;
}

lk_err
log_next(struct txn *t, uint32_t docno, uint64_t lsn, struct log_entry *e)
{
	lk_err err = doclog_next(t, docno, &lsn);

	if (err.code == LK_E_NOTFOUND)
		return err;
	if (err.code == LK_OK) {
		err = log_at(t, docno, lsn, e);
		if (err.code == LK_E_NOTFOUND)
			err.code = LK_E_CORRUPT;
	}
	if (err.code != LK_E_CORRUPT)
		return err;
	damage_note(t, docno);
	e->lsn = lsn;
	e->docno = docno;
	if (id_by_lsn(t, docno, lsn, e->id).code != LK_OK)
		memset(e->id, 0, sizeof(e->id));
	return LK_ERR(LK_E_CORRUPT, "envelope in the log");
}

lk_err
log_walk(struct txn *t, uint64_t lsn, struct log_entry *e)
{
	struct bytes key, raw;
	uint64_t found;
	uint32_t docno;
	struct key k;
	struct rd r;
	lk_err err;

	lsn_key(&k, lsn);
	key = key_view(&k);
	TRY(cursor_move(t, TABLE_LOG, MDB_SET_RANGE, &key, &raw));
	r = rd_over(key);
	found = rd_u64(&r);
	r = rd_over(raw);
	docno = rd_u32(&r);
	err = log_at(t, docno, found, e);
	if (err.code == LK_OK)
		return err;
	if (err.code == LK_E_NOTFOUND)
		err.code = LK_E_CORRUPT;
	if (err.code != LK_E_CORRUPT)
		return err;
	damage_note(t, docno);
	*e = (struct log_entry){ .lsn = found, .docno = docno };
	return err;
}

lk_err
log_heal(
    struct txn *t, const uint8_t id[static LK_ID_LEN], struct bytes envelope)
{
	uint8_t got[LK_ID_LEN], *at;
	struct place p;
	struct key k;

	digest(got, sizeof(got), DIGEST_ENVELOPE, NULL, envelope);
	if (memcmp(got, id, sizeof(got)) != 0)
		return LK_ERR(LK_E_MALFORMED, "envelope does not have that id");
	TRY(place_of(t, id, &p));
	lsn_key(&k, p.lsn);
	TRY(raw_put(t, TABLE_LOG, key_view(&k), DOCNO_LEN + envelope.len, &at));
	envelope_fill(at, p.docno, envelope);
	return LK_NONE;
}

lk_err
chain_next(struct txn *t, uint32_t docno, struct log_entry *at)
{
	struct place p = { .docno = docno, .seq = at->seq };
	struct log_entry got = { .docno = docno };
	struct bytes key, raw, value;
	struct key k;
	struct rd r;
	lk_err err;

	memcpy(p.tag, at->tag, sizeof(p.tag));
	chain_key(&k, &p, at->id);
	key = key_view(&k);
	TRY(cursor_move(t, TABLE_CHAIN, MDB_SET_RANGE, &key, &raw));
	if (!key_in_doc(key, docno))
		return LK_ERR(LK_E_NOTFOUND, "chain entry");
	err = record_check(TABLE_CHAIN, key, raw, &value);
	if (err.code == LK_OK)
		err = chain_decode(value, &got.lsn, &got.essential);
	if (key.len != CHAIN_KEY_LEN)
		err = LK_ERR(LK_E_CORRUPT, "chain key");
	key_copy(&k, key);
	r = rd_over(key_view(&k));
	(void)rd_u32(&r);
	rd_copy(&r, got.tag, sizeof(got.tag));
	got.seq = rd_u64(&r);
	rd_copy(&r, got.id, sizeof(got.id));
	*at = got;
	if (err.code == LK_E_CORRUPT)
		damage_note(t, docno);
	return err;
}
