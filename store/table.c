#include "store/table.h"

#include "crypto/digest.h"
#include "store/ballast.h"

#define SUM_LEN 8

lk_err
lmdb_err(int rc, const char *what)
{
	switch (rc) {
	case MDB_NOTFOUND:
		return LK_ERR(LK_E_NOTFOUND, what);
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return LK_ERR(LK_E_FULL, what);
	case ENOMEM:
		return LK_ERR(LK_E_NOMEM, what);
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_VALSIZE:
		return LK_ERR(LK_E_CORRUPT, what);
	case MDB_TXN_FULL:
		return LK_ERR(LK_E_LIMIT, what);
	default:
		return (lk_err){
			.code = LK_E_SYS, .sys = rc > 0 ? rc : EIO, .what = what
		};
	}
}

static struct bytes
from_val(MDB_val v)
{
	return BYTES(v.mv_data, v.mv_size);
}

static MDB_val
to_val(struct bytes b)
{
	return (
	    MDB_val){ .mv_size = b.len, .mv_data = (void *)(uintptr_t)b.ptr };
}

static lk_err
table_err(struct txn *t, int rc, const char *what)
{
	lk_err err = lmdb_err(rc, what);

	if (err.code == LK_E_CORRUPT)
		t->store->damaged = true;
	return err;
}

static lk_err
cursor_of(struct txn *t, enum table table, MDB_cursor **c)
{
	int rc;

	LK_ASSERT(!t->has_child);
	if (t->cursors[table] == NULL) {
		rc = mdb_cursor_open(
		    t->mdb, t->store->tables[table], &t->cursors[table]);
		if (rc != 0)
			return table_err(t, rc, "cursor");
	}
	*c = t->cursors[table];
	return LK_NONE;
}

lk_err
cursor_move(struct txn *t, enum table table, MDB_cursor_op op,
    struct bytes *key, struct bytes *raw)
{
	MDB_val k = to_val(*key), v = { 0 };
	MDB_cursor *c = NULL;
	int rc;

	TRY(cursor_of(t, table, &c));
	rc = mdb_cursor_get(c, &k, &v, op);
	if (rc != 0)
		return table_err(t, rc, "read of the store");
	*key = from_val(k);
	*raw = from_val(v);
	return LK_NONE;
}

static uint64_t
record_sum(enum table table, struct bytes key, struct bytes value)
{
	uint8_t b[1 + KEY_MAX + SUM_LEN];

	b[0] = (uint8_t)table;
	memcpy(b + 1, key.ptr, key.len);
	big_endian(b + 1 + key.len, digest_checksum(value), SUM_LEN);
	return digest_checksum(BYTES(b, 1 + key.len + SUM_LEN));
}

lk_err
record_check(
    enum table table, struct bytes key, struct bytes raw, struct bytes *value)
{
	struct rd r = rd_over(raw);
	uint64_t sum = rd_u64(&r);

	if (r.failed || key.len == 0 || key.len > KEY_MAX ||
	    sum != record_sum(table, key, r.left))
		return LK_ERR(LK_E_CORRUPT, "record in the store");
	*value = r.left;
	return LK_NONE;
}

lk_err
table_get(
    struct txn *t, enum table table, struct bytes key, struct bytes *value)
{
	struct bytes raw;

	lk_err err;

	TRY(cursor_move(t, table, MDB_SET_KEY, &key, &raw));
	err = record_check(table, key, raw, value);
	if (err.code == LK_E_CORRUPT)
		damage_note_record(t, table, key);
	return err;
}

static lk_err
write_err(struct txn *t, int rc)
{
	lk_err err;

	if (rc == EIO && ballast_needed(t->store))
		rc = ENOSPC;
	err = table_err(t, rc, "write to the store");
	if (err.code == LK_E_FULL)
		t->full = t->store->full = true;
	return err;
}

static lk_err
raw_write(struct txn *t, enum table table, struct bytes key, MDB_val *v,
    unsigned flags)
{
	MDB_val k = to_val(key);
	MDB_cursor *c = NULL;
	int rc;

	LK_ASSERT(t->mode == TXN_WRITE);
	TRY(cursor_of(t, table, &c));
	rc = mdb_cursor_put(c, &k, v, flags);
	return rc == 0 ? LK_NONE : write_err(t, rc);
}

lk_err
raw_put(
    struct txn *t, enum table table, struct bytes key, size_t n, uint8_t **at)
{
	MDB_val v = { .mv_size = n };

	TRY(raw_write(t, table, key, &v, MDB_RESERVE));
	*at = v.mv_data;
	return LK_NONE;
}

lk_err
raw_append(
    struct txn *t, enum table table, struct bytes key, size_t n, uint8_t **at)
{
	MDB_val v = { .mv_size = n };

	TRY(raw_write(t, table, key, &v, MDB_RESERVE | MDB_APPEND));
	*at = v.mv_data;
	return LK_NONE;
}

lk_err
table_put(struct txn *t, enum table table, struct bytes key, struct bytes value)
{
	uint64_t sum = record_sum(table, key, value);
	uint8_t *at;

	TRY(raw_put(t, table, key, SUM_LEN + value.len, &at));
	big_endian(at, sum, SUM_LEN);
	if (value.len > 0)
		memcpy(at + SUM_LEN, value.ptr, value.len);
	return LK_NONE;
}

lk_err
table_del(struct txn *t, enum table table, struct bytes key, bool *found)
{
	MDB_val k = to_val(key), v;
	MDB_cursor *c = NULL;
	int rc;

	LK_ASSERT(t->mode == TXN_WRITE);
	TRY(cursor_of(t, table, &c));
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_KEY);
	if (rc == 0)
		rc = mdb_cursor_del(c, 0);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return write_err(t, rc);
	if (found != NULL)
		*found = rc == 0;
	return LK_NONE;
}

lk_err
cursor_seek(struct txn *t, enum table table, enum kv_seek how,
    struct bytes *key, struct bytes *raw)
{
	struct bytes at = *key;
	lk_err err = cursor_move(t, table, MDB_SET_RANGE, &at, raw);

	if (how == KV_FIRST_GE) {
		if (err.code == LK_OK)
			*key = at;
		return err;
	}
	if (err.code == LK_E_NOTFOUND)
		err = cursor_move(t, table, MDB_LAST, &at, raw);
	else if (err.code == LK_OK && !bytes_equal(at, *key))
		err = cursor_move(t, table, MDB_PREV, &at, raw);
	if (err.code == LK_OK)
		*key = at;
	return err;
}
