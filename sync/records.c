#include <string.h>

#include "store/key.h"
#include "sync/bucket.h"

/*
 * STORE_DEVICE, SPACE_PEERS, all under the remote's number u32:
 *
 *   "o" remote, name -> u8 state, size u64, since u64, last id 32
 *   "h" remote, document -> count u64, sum 32
 *   "w" remote, document, device key -> grant id 32, u64 when, u8 how
 *     often
 *
 * All of it can be had again by reading the remote: what is damaged is dropped.
 */
#define RECORD_KEY_LEN (1 + 4 + STORED_KEY_LEN)

static struct kv
records(struct engine *e)
{
	return docstate_space(e->r, STORE_DEVICE, SPACE_PEERS);
}

static struct key
key_begin(char kind, uint32_t remote)
{
	struct key k = { .len = 0 };

	key_mem(&k, &kind, 1);
	key_number(&k, remote, 4);
	return k;
}

static struct key
record_key(uint32_t remote, const struct stored_name *name)
{
	struct key k = key_begin('o', remote);
	uint8_t bytes[STORED_KEY_LEN];

	stored_name_key(bytes, name);
	key_mem(&k, bytes, sizeof(bytes));
	return k;
}

lk_err
record_put(struct engine *e, uint32_t remote, const struct record *r)
{
	struct key k = record_key(remote, &r->name);
	BUF_SCOPED b = { .max = 64 };

	buf_u8(&b, (uint8_t)r->state);
	buf_u64(&b, r->size);
	buf_u64(&b, (uint64_t)r->since.ms);
	buf_mem(&b, r->last, LK_ID_LEN);
	TRY(buf_err(&b, "object record"));
	return kv_put(records(e), key_view(&k), buf_bytes(&b));
}

lk_err
record_del(struct engine *e, uint32_t remote, const struct stored_name *name)
{
	struct key k = record_key(remote, name);

	return kv_del(records(e), key_view(&k));
}

lk_err
record_next(struct engine *e, uint32_t remote, const struct stored_name *from,
    struct record *out)
{
	struct key k = record_key(remote, from);
	struct bytes value;
	struct record r;
	struct rd rd;

	TRY(kv_walk(records(e), k.bytes, k.len, 5, &value));
	rd = rd_over(value);
	r.state = (enum record_state)rd_u8(&rd);
	r.size = rd_u64(&rd);
	r.since.ms = (int64_t)rd_u64(&rd);
	rd_copy(&rd, r.last, LK_ID_LEN);
	if (!rd_done(&rd))
		return LK_ERR(LK_E_CORRUPT, "object record");
	stored_name_from_key(&r.name, k.bytes + 5);
	*out = r;
	return LK_NONE;
}

lk_err
record_next_of(struct engine *e, uint32_t remote,
    const struct stored_name *from, struct record *out)
{
	struct record r;

	TRY(record_next(e, remote, from, &r));
	if (r.name.kind != from->kind ||
	    memcmp(r.name.topic, from->topic, LK_TOPIC_LEN) != 0 ||
	    memcmp(r.name.tag, from->tag, LK_TOPIC_LEN) != 0)
		return LK_ERR(LK_E_NOTFOUND, "object record");
	*out = r;
	return LK_NONE;
}

void
record_step(struct stored_name *name)
{
	uint8_t key[STORED_KEY_LEN];

	stored_name_key(key, name);
	/* The last there can be is followed by none. */
	if (bytes_next(key, sizeof(key)))
		stored_name_from_key(name, key);
}

lk_err
record_complete(
    struct engine *e, uint32_t remote, uint32_t docno, struct fingerprint *out)
{
	struct key k = key_begin('h', remote);
	struct fingerprint fp;
	struct bytes value;
	struct rd rd;

	key_number(&k, docno, 4);
	TRY(kv_get(records(e), key_view(&k), &value));
	rd = rd_over(value);
	fp.count = rd_u64(&rd);
	rd_copy(&rd, fp.sum, sizeof(fp.sum));
	if (!rd_done(&rd))
		return LK_ERR(LK_E_CORRUPT, "object record");
	*out = fp;
	return LK_NONE;
}

lk_err
record_complete_put(struct engine *e, uint32_t remote, uint32_t docno,
    const struct fingerprint *fp)
{
	struct key k = key_begin('h', remote);
	BUF_SCOPED b = { .max = 64 };

	key_number(&k, docno, 4);
	buf_u64(&b, fp->count);
	buf_mem(&b, fp->sum, sizeof(fp->sum));
	TRY(buf_err(&b, "object record"));
	return kv_put(records(e), key_view(&k), buf_bytes(&b));
}

lk_err
record_complete_del(struct engine *e, uint32_t remote, uint32_t docno)
{
	struct key k = key_begin('h', remote);

	key_number(&k, docno, 4);
	return kv_del(records(e), key_view(&k));
}

static struct key
welcomed_key(uint32_t remote, uint32_t docno, const uint8_t pk[static 32])
{
	struct key k = key_begin('w', remote);

	key_number(&k, docno, 4);
	key_mem(&k, pk, 32);
	return k;
}

/* The time of the last letter for this grant, 0: none, and how many there were.
 */
static lk_err
welcomed_read(struct engine *e, const struct key *k,
    const uint8_t grant[static LK_ID_LEN], struct wall *sent, uint8_t *tries)
{
	struct bytes value;
	struct rd rd;
	lk_err err = kv_get(records(e), key_view(k), &value);

	sent->ms = 0;
	*tries = 0;
	if (err.code != LK_OK)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	rd = rd_over(value);
	if (!bytes_equal(rd_take(&rd, LK_ID_LEN), BYTES(grant, LK_ID_LEN)))
		return LK_NONE;
	sent->ms = (int64_t)rd_u64(&rd);
	*tries = rd_u8(&rd);
	return LK_NONE;
}

lk_err
record_welcomed(struct engine *e, uint32_t remote, uint32_t docno,
    const uint8_t pk[static 32], const uint8_t grant[static LK_ID_LEN],
    struct wall *due)
{
	struct key k = welcomed_key(remote, docno, pk);
	struct wall sent;
	uint8_t tries;

	TRY(welcomed_read(e, &k, grant, &sent, &tries));
	due->ms = 0;
	/* One from the future is of a clock that was off. */
	if (tries > 0 && sent.ms <= e->now.wall.ms)
		due->ms = sent.ms + ((int64_t)REMIND_MS << (tries - 1));
	return LK_NONE;
}

lk_err
record_welcomed_put(struct engine *e, uint32_t remote, uint32_t docno,
    const uint8_t pk[static 32], const uint8_t grant[static LK_ID_LEN])
{
	struct key k = welcomed_key(remote, docno, pk);
	BUF_SCOPED b = { .max = 64 };
	struct wall sent;
	uint8_t tries;

	TRY(welcomed_read(e, &k, grant, &sent, &tries));
	buf_mem(&b, grant, LK_ID_LEN);
	buf_u64(&b, (uint64_t)e->now.wall.ms);
	buf_u8(&b, (uint8_t)(tries + (tries <= REMIND_MOST)));
	TRY(buf_err(&b, "object record"));
	return kv_put(records(e), key_view(&k), buf_bytes(&b));
}

lk_err
record_welcomed_del(struct engine *e, uint32_t remote, uint32_t docno,
    const uint8_t pk[static 32])
{
	struct key k = welcomed_key(remote, docno, pk);

	return kv_del(records(e), key_view(&k));
}

bool
welcome_step(struct welcomed *at)
{
	if (bytes_next(at->pk, sizeof(at->pk)))
		return true;
	memset(at->pk, 0, sizeof(at->pk));
	return at->docno++ < UINT32_MAX;
}

lk_err
record_welcomed_next(struct engine *e, uint32_t remote, struct welcomed *at)
{
	struct key k = welcomed_key(remote, at->docno, at->pk);
	struct bytes value;
	struct rd rd;

	TRY(kv_walk(records(e), k.bytes, k.len, 5, &value));
	rd = rd_over(value);
	rd_copy(&rd, at->grant, LK_ID_LEN);
	rd = rd_over(BYTES(k.bytes + 5, 4 + 32));
	at->docno = rd_u32(&rd);
	rd_copy(&rd, at->pk, sizeof(at->pk));
	return LK_NONE;
}

lk_err
records_ignored(struct engine *e, uint32_t remote, uint64_t *n)
{
	struct stored_name at = { .kind = STORED_PACK };
	struct record r;

	*n = 0;
	for (;;) {
		lk_err err = record_next(e, remote, &at, &r);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		*n += r.state == RECORD_IGNORED;
		at = r.name;
		record_step(&at);
	}
}

/* Removes every record of a kind. */
static lk_err
records_remove(struct engine *e, char kind, uint32_t remote)
{
	struct key from = key_begin(kind, remote);
	struct bytes found, value;

	for (;;) {
		struct key k = { .len = 0 };
		lk_err err = kv_seek(
		    records(e), KV_FIRST_GE, key_view(&from), &found, &value);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (found.len > KEY_MAX || found.len < from.len ||
		    memcmp(found.ptr, from.bytes, from.len) != 0)
			return LK_NONE;
		key_mem(&k, found.ptr, found.len);
		TRY(kv_del(records(e), key_view(&k)));
	}
}

lk_err
records_doubt(struct engine *e, uint32_t remote)
{
	TRY(records_remove(e, 'h', remote));
	return records_remove(e, 'w', remote);
}

lk_err
records_clear(struct engine *e, uint32_t remote)
{
	TRY(records_remove(e, 'o', remote));
	return records_doubt(e, remote);
}
