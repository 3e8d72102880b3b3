#include "crypto/digest.h"
#include "store/table.h"

/* What a damaged store is mended with: which documents it concerns, and log
 * and indexes handled one without the other. */

void
damage_note(struct txn *t, uint32_t docno)
{
	struct store *s = t->store;

	s->damaged = true;
	for (size_t i = 0; i < s->doubts_len; i++)
		if (s->doubts[i] == docno)
			return;
	/* What does not fit is met again. */
	if (s->doubts_len < DOUBTS_MAX)
		s->doubts[s->doubts_len++] = docno;
}

void
damage_note_record(struct txn *t, enum table table, struct bytes key)
{
	struct rd r = rd_over(key);
	uint32_t docno = rd_u32(&r);

	/* An id tells no document. */
	damage_note(t, table == TABLE_ID || r.failed ? STORE_DEVICE : docno);
}

bool
store_doubt(struct store *s, uint32_t *docno)
{
	if (s->doubts_len == 0)
		return false;
	*docno = s->doubts[--s->doubts_len];
	return true;
}

/* What is done with every record whose key begins so; it may delete it. */
struct walk {
	struct txn *txn;
	enum table table;
	struct key prefix;
	/* value.ptr is NULL: it is damaged. */
	lk_err (*each)(struct walk *, struct bytes key, struct bytes value);
	uint64_t count;
	document_fn *known; /* store_sift */
	/* document_verify */
	uint32_t docno;
	uint64_t records; /* all of them */
	uint64_t sums;    /* fingerprints there should be */
	struct key sum;   /* of the last essential entry */
	damaged_fn *damaged;
	void *ctx;
};

static lk_err
walk_run(struct walk *w)
{
	struct key at = w->prefix;

	/* No key is empty. */
	if (at.len == 0)
		key_number(&at, 0, 1);
	for (;;) {
		struct bytes key = key_view(&at), raw, value = { 0 };
		lk_err err =
		    cursor_move(w->txn, w->table, MDB_SET_RANGE, &key, &raw);

		if (err.code == LK_E_NOTFOUND ||
		    (err.code == LK_OK &&
			(key.len < w->prefix.len ||
			    memcmp(key.ptr, w->prefix.bytes, w->prefix.len) !=
				0)))
			return LK_NONE;
		TRY(err);
		(void)!record_check(w->table, key, raw, &value).code;
		at.len = 0;
		key_mem(&at, key.ptr, key.len < KEY_MAX ? key.len : KEY_MAX);
		TRY(w->each(w, key_view(&at), value));
		/* The least key above it. */
		if (at.len < KEY_MAX)
			at.bytes[at.len++] = 0;
		else if (!bytes_next(at.bytes, at.len))
			return LK_NONE;
	}
}

static lk_err
each_count(struct walk *w, struct bytes key, struct bytes value)
{
	(void)key;
	w->records++;
	w->count += value.ptr == NULL;
	return LK_NONE;
}

static lk_err
each_delete(struct walk *w, struct bytes key, struct bytes value)
{
	(void)value;
	w->count++;
	return table_del(w->txn, w->table, key, NULL);
}

static lk_err
each_sift(struct walk *w, struct bytes key, struct bytes value)
{
	return value.ptr == NULL ? each_delete(w, key, value) : LK_NONE;
}

/* What does not check and is no document's to miss. */
static lk_err
each_stray(struct walk *w, struct bytes key, struct bytes value)
{
	struct rd r = rd_over(key);
	uint32_t docno = rd_u32(&r);

	if (value.ptr != NULL || (!r.failed && w->known(w->ctx, docno)))
		return LK_NONE;
	return each_delete(w, key, value);
}

/* An envelope that is whole and not where its index says: it is put there,
 * under the number of its document, unless it is there as well. */
static lk_err
log_settle(struct txn *t, uint64_t lsn, struct bytes raw, uint64_t *removed)
{
	struct rd r = rd_over(raw);
	uint32_t docno = rd_u32(&r);
	struct bytes there;
	struct place p;
	uint8_t id[LK_ID_LEN];
	BUF_SCOPED envelope = { .max = ENVELOPE_MAX };
	lk_err err;

	digest(id, sizeof(id), DIGEST_ENVELOPE, NULL, r.left);
	err = place_of(t, id, &p);
	/* Damaged, or its index is: to be told by who looks at both. */
	if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT)
		return LK_NONE;
	TRY(err);
	if (p.lsn == lsn && p.docno == docno && !r.failed)
		return LK_NONE;
	buf_add(&envelope, r.left);
	TRY(buf_err(&envelope, "envelope"));
	err = envelope_at(t, &p, id, &there);
	if (err.code == LK_E_CORRUPT)
		err = log_heal(t, id, buf_bytes(&envelope));
	TRY(err);
	(*removed)++;
	return p.lsn == lsn ? LK_NONE : log_remove(t, lsn);
}

static lk_err
log_sift(struct txn *t, uint64_t *removed)
{
	struct bytes key, raw;
	struct key k;

	for (uint64_t lsn = 1; lsn > 0; lsn++) {
		lk_err err;
		struct rd r;

		lsn_key(&k, lsn);
		key = key_view(&k);
		err = cursor_move(t, TABLE_LOG, MDB_SET_RANGE, &key, &raw);
		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		r = rd_over(key);
		lsn = rd_u64(&r);
		if (rd_done(&r))
			TRY(log_settle(t, lsn, raw, removed));
	}
	return LK_NONE;
}

lk_err
store_sift(struct txn *t, document_fn *known, void *ctx, uint64_t *removed)
{
	static const enum table tables[] = { TABLE_CHAIN, TABLE_DOCLOG,
		TABLE_FP, TABLE_STATE };
	struct walk w = { .txn = t, .table = TABLE_ID, .each = each_sift };

	TRY(log_sift(t, removed));
	TRY(walk_run(&w));
	w.each = each_stray;
	w.known = known;
	w.ctx = ctx;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		w.table = tables[i];
		TRY(walk_run(&w));
	}
	*removed += w.count;
	return LK_NONE;
}

static struct walk
walk_of(struct txn *t, enum table table, uint32_t docno)
{
	struct walk w = { .txn = t, .table = table, .docno = docno };

	key_number(&w.prefix, docno, DOCNO_LEN);
	return w;
}

static struct walk
walk_space(struct txn *t, uint32_t docno, enum store_space space)
{
	struct walk w = walk_of(t, TABLE_STATE, docno);

	key_number(&w.prefix, space, 1);
	return w;
}

lk_err
space_clear(struct txn *t, uint32_t docno, enum store_space space)
{
	struct walk w = walk_space(t, docno, space);

	w.each = each_delete;
	return walk_run(&w);
}

lk_err
space_sift(
    struct txn *t, uint32_t docno, enum store_space space, uint64_t *removed)
{
	struct walk w = walk_space(t, docno, space);

	w.each = each_sift;
	TRY(walk_run(&w));
	*removed += w.count;
	return LK_NONE;
}

/* Which fingerprints an essential entry is in; chains are in their order. */
static void
chain_sums(struct walk *w, struct bytes tag, uint64_t seq)
{
	struct key k = { 0 };
	size_t same = 0;

	key_number(&k, w->docno, DOCNO_LEN);
	key_mem(&k, tag.ptr, tag.len);
	key_number(&k, seq >> FP_BLOCK_SHIFT, 8);
	while (same < w->sum.len && w->sum.bytes[same] == k.bytes[same])
		same++;
	w->sums += same < k.len;
	w->sums += same < DOCNO_LEN + LK_TOPIC_LEN;
	w->sums += same < DOCNO_LEN;
	w->sum = k;
}

/* An entry of a chain: its other records, and its bytes. */
static lk_err
each_chain(struct walk *w, struct bytes key, struct bytes chain)
{
	struct rd r = rd_over(key);
	struct bytes value, envelope, id, tag;
	struct place p = { 0 };
	bool essential;
	uint64_t lsn, seq;
	struct key k;
	lk_err err;

	(void)rd_u32(&r);
	tag = rd_take(&r, LK_TOPIC_LEN);
	seq = rd_u64(&r);
	id = rd_take(&r, LK_ID_LEN);
	w->records++;
	if (chain.ptr == NULL || !rd_done(&r) ||
	    chain_decode(chain, &lsn, &essential).code != LK_OK) {
		w->count++;
		return LK_NONE;
	}
	if (essential)
		chain_sums(w, tag, seq);
	err = place_of(w->txn, id.ptr, &p);
	doclog_key(&k, w->docno, lsn);
	if (err.code == LK_OK)
		err = table_get(w->txn, TABLE_DOCLOG, key_view(&k), &value);
	if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT ||
	    (err.code == LK_OK && p.lsn != lsn)) {
		w->count++;
		return LK_NONE;
	}
	TRY(err);
	err = envelope_at(w->txn, &p, id.ptr, &envelope);
	return err.code == LK_E_CORRUPT ? w->damaged(w->ctx, id.ptr) : err;
}

/* How many records of a table do not check, and how many there are. */
static lk_err
table_verify(struct txn *t, enum table table, uint32_t docno, uint64_t *damaged,
    uint64_t *records)
{
	struct walk w = walk_of(t, table, docno);

	w.each = each_count;
	TRY(walk_run(&w));
	*damaged += w.count;
	*records = w.records;
	return LK_NONE;
}

lk_err
document_verify(struct txn *t, uint32_t docno, struct document_damage *out,
    damaged_fn *damaged, void *ctx)
{
	struct document_damage d = { 0 };
	uint64_t entries, sums;
	struct walk w;

	for (enum store_space space = SPACE_META; space <= SPACE_LAST;
	     space++) {
		w = walk_space(t, docno, space);
		w.each = each_count;
		TRY(walk_run(&w));
		d.spaces[space] = w.count;
	}
	TRY(table_verify(t, TABLE_DOCLOG, docno, &d.indexes, &entries));
	TRY(table_verify(t, TABLE_FP, docno, &d.indexes, &sums));
	w = walk_of(t, TABLE_CHAIN, docno);
	w.each = each_chain;
	w.damaged = damaged;
	w.ctx = ctx;
	TRY(walk_run(&w));
	d.indexes += w.count + (w.records != entries) + (w.sums != sums);
	d.envelopes = w.records;
	*out = d;
	return LK_NONE;
}

lk_err
log_stored(struct txn *t, uint32_t docno, uint64_t lsn, struct log_entry *out)
{
	struct bytes key, raw;
	struct key k;

	for (;; lsn++) {
		struct rd r;

		lsn_key(&k, lsn);
		key = key_view(&k);
		TRY(cursor_move(t, TABLE_LOG, MDB_SET_RANGE, &key, &raw));
		r = rd_over(key);
		lsn = rd_u64(&r);
		if (!rd_done(&r) || lsn == UINT64_MAX)
			return LK_ERR(LK_E_NOTFOUND, "log entry");
		r = rd_over(raw);
		if (rd_u32(&r) != docno || r.failed)
			continue;
		*out = (struct log_entry){
			.lsn = lsn, .docno = docno, .envelope = r.left
		};
		digest(out->id, sizeof(out->id), DIGEST_ENVELOPE, NULL, r.left);
		return LK_NONE;
	}
}

static lk_err
each_unindex(struct walk *w, struct bytes key, struct bytes value)
{
	/* The id is in the key, if that is whole. */
	if (value.ptr != NULL && key.len >= LK_ID_LEN)
		TRY(table_del(w->txn, TABLE_ID,
		    BYTES(key.ptr + key.len - LK_ID_LEN, LK_ID_LEN), NULL));
	return table_del(w->txn, w->table, key, NULL);
}

lk_err
log_unindex(struct txn *t, uint32_t docno)
{
	struct walk w = walk_of(t, TABLE_CHAIN, docno);

	w.each = each_unindex;
	TRY(walk_run(&w));
	w = walk_of(t, TABLE_DOCLOG, docno);
	w.each = each_delete;
	TRY(walk_run(&w));
	w = walk_of(t, TABLE_FP, docno);
	w.each = each_delete;
	return walk_run(&w);
}

lk_err
log_index(struct txn *t, const struct log_entry *e)
{
	struct place p = { .lsn = e->lsn, .docno = e->docno, .seq = e->seq };

	memcpy(p.tag, e->tag, sizeof(p.tag));
	return place_index(t, e->id, &p);
}

lk_err
log_remove(struct txn *t, uint64_t lsn)
{
	struct key k;

	lsn_key(&k, lsn);
	return table_del(t, TABLE_LOG, key_view(&k), NULL);
}

lk_err
store_last_document(struct txn *t, uint32_t *docno)
{
	struct bytes key = { 0 }, raw;
	lk_err err = cursor_move(t, TABLE_STATE, MDB_LAST, &key, &raw);
	struct rd r;

	*docno = 0;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	r = rd_over(key);
	*docno = rd_u32(&r);
	return LK_NONE;
}
