#include "crypto/digest.h"
#include "store/table.h"

/* An envelope: it is what its index names, and lies where that says. */
static bool
envelope_checks(struct txn *t, struct bytes key, struct bytes raw)
{
	struct rd r = rd_over(key);
	uint64_t lsn = rd_u64(&r);
	uint8_t id[LK_ID_LEN];
	struct place p;
	uint32_t docno;

	if (!rd_done(&r))
		return false;
	r = rd_over(raw);
	docno = rd_u32(&r);
	if (r.failed)
		return false;
	digest(id, sizeof(id), DIGEST_ENVELOPE, NULL, r.left);
	return place_of(t, id, &p).code == LK_OK && p.lsn == lsn &&
	    p.docno == docno;
}

/* An index of one: the envelope is there. */
static bool
place_checks(
    struct txn *t, struct bytes key, struct bytes value, uint32_t *docno)
{
	struct bytes at, raw;
	struct place p;
	struct key k;
	struct rd r;

	if (key.len != LK_ID_LEN || place_decode(&p, value).code != LK_OK)
		return false;
	*docno = p.docno;
	lsn_key(&k, p.lsn);
	at = key_view(&k);
	if (cursor_move(t, TABLE_LOG, MDB_SET_KEY, &at, &raw).code != LK_OK)
		return false;
	r = rd_over(raw);
	return rd_u32(&r) == p.docno && !r.failed;
}

/* Notes what of a record does not check; false: it does not. */
static bool
record_look(struct txn *t, enum table table, struct bytes key, struct bytes raw)
{
	struct rd r = rd_over(raw);
	uint32_t docno = STORE_DEVICE;
	struct bytes value;

	if (table == TABLE_LOG) {
		if (envelope_checks(t, key, raw))
			return true;
		docno = rd_u32(&r);
		damage_note(t, r.failed ? STORE_DEVICE : docno);
		return false;
	}
	if (record_check(table, key, raw, &value).code != LK_OK) {
		if (table == TABLE_META)
			damage_note(t, STORE_DEVICE);
		else
			damage_note_record(t, table, key);
		return false;
	}
	if (table != TABLE_ID || place_checks(t, key, value, &docno))
		return true;
	damage_note(t, docno);
	return false;
}

/* Moves the place behind what was read. */
static void
place_move(struct store_scan *s, struct bytes key)
{
	size_t n = key.len < sizeof(s->key) ? key.len : sizeof(s->key);

	memcpy(s->key, key.ptr, n);
	s->key_len = (uint16_t)n;
}

/* The first record behind the place. */
static lk_err
scan_next(struct txn *t, const struct store_scan *s, struct bytes *key,
    struct bytes *raw)
{
	struct bytes at = BYTES(s->key, s->key_len);
	lk_err err;

	if (at.len == 0)
		return cursor_move(t, s->table, MDB_FIRST, key, raw);
	*key = at;
	err = cursor_move(t, s->table, MDB_SET_RANGE, key, raw);
	if (err.code == LK_OK && bytes_equal(*key, at))
		err = cursor_move(t, s->table, MDB_NEXT, key, raw);
	return err;
}

lk_err
store_scan(struct txn *t, struct store_scan *s, size_t bytes_max)
{
	uint64_t end = s->bytes + bytes_max;

	while (s->bytes < end && s->table < TABLES) {
		struct bytes key = { 0 }, raw;
		struct store_scan next = *s;
		lk_err err = scan_next(t, s, &key, &raw);

		/* LMDB itself cannot read on: whoever needs it is told. */
		if (err.code == LK_E_CORRUPT) {
			damage_note(t, STORE_DEVICE);
			s->damaged++;
		}
		if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT) {
			s->table++;
			s->key_len = 0;
			continue;
		}
		TRY(err);
		place_move(&next, key);
		next.bytes += key.len + raw.len;
		next.damaged += !record_look(t, s->table, key, raw);
		*s = next;
	}
	s->done = s->table >= TABLES;
	return LK_NONE;
}
