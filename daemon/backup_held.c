/*
 * What this device has put at places of backups: SPACE_BACKUPS of the device.
 *
 *   "p" place 8, last lsn u64 -> u64 first, name 32, uLEB size, uLEB envelopes,
 *                                uLEB n, n x uLEB step between documents
 *   "r" place 8, block u32    -> name 32, digest 32, uLEB size
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "daemon/backup.h"
#include "daemon/daemon.h"

#define PARCEL_KEY_LEN (1 + HELD_PLACE_LEN + 8)
#define ROLL_KEY_LEN (1 + HELD_PLACE_LEN + 4)

static struct kv
space(struct daemon *d)
{
	return (txn_space(d->txn, STORE_DEVICE, SPACE_BACKUPS));
}

static void
key_make(uint8_t *key, char kind, const struct held *h, uint64_t n, size_t len)
{
	key[0] = (uint8_t)kind;
	memcpy(key + 1, h->place, HELD_PLACE_LEN);
	for (size_t i = 0; i < len; i++)
		key[1 + HELD_PLACE_LEN + i] =
		    (uint8_t)(n >> (8 * (len - 1 - i)));
}

static void
parcel_clear(struct held_parcel *p)
{
	free((void *)(uintptr_t)p->parcel.documents.ptr);
}

void
held_clear(struct held *h)
{
	for (size_t i = 0; i < h->parcels_len; i++)
		parcel_clear(&h->parcels[i]);
	free(h->parcels);
	free(h->rolls);
	*h = (struct held){ .known = false };
}

/* Room for one more; NULL without memory. */
static void *
grown(void *v, size_t len, size_t *cap, size_t size)
{
	void *more;

	if (len < *cap)
		return (v);
	more = reallocarray(v, *cap == 0 ? 64 : 2 * *cap, size);
	if (more != NULL)
		*cap = *cap == 0 ? 64 : 2 * *cap;
	return (more);
}

static lk_err
parcel_insert(struct held *h, const struct held_parcel *p)
{
	struct held_parcel copy = *p, *v;
	size_t at = h->parcels_len, len = p->parcel.documents.len;
	uint8_t *documents;

	v = grown(h->parcels, h->parcels_len, &h->parcels_cap, sizeof(*v));
	if (v == NULL)
		return (LK_ERR(LK_E_NOMEM, "what a backup holds"));
	h->parcels = v;
	documents = malloc(len + 1);
	if (documents == NULL)
		return (LK_ERR(LK_E_NOMEM, "what a backup holds"));
	if (len > 0)
		memcpy(documents, p->parcel.documents.ptr, len);
	copy.parcel.documents = BYTES(documents, len);
	while (at > 0 && v[at - 1].parcel.first > copy.parcel.first)
		at--;
	memmove(&v[at + 1], &v[at], (h->parcels_len - at) * sizeof(*v));
	v[at] = copy;
	h->parcels_len++;
	return (LK_NONE);
}

static lk_err
roll_insert(struct held *h, const struct held_roll *roll)
{
	struct held_roll *v;
	size_t at = h->rolls_len;

	v = grown(h->rolls, h->rolls_len, &h->rolls_cap, sizeof(*v));
	if (v == NULL)
		return (LK_ERR(LK_E_NOMEM, "what a backup holds"));
	h->rolls = v;
	while (at > 0 && v[at - 1].roll.block > roll->roll.block)
		at--;
	if (at > 0 && v[at - 1].roll.block == roll->roll.block) {
		v[at - 1] = *roll;
		return (LK_NONE);
	}
	memmove(&v[at + 1], &v[at], (h->rolls_len - at) * sizeof(*v));
	v[at] = *roll;
	h->rolls_len++;
	return (LK_NONE);
}

/* A note that makes no sense says nothing; one that overlaps neither. */
static lk_err
parcel_load(struct held *h, uint64_t last, struct bytes value)
{
	struct rd r = rd_over(value);
	struct held_parcel p;
	uint64_t n;

	p.parcel.first = rd_u64(&r);
	rd_copy(&r, p.name, sizeof(p.name));
	p.parcel.size = rd_uleb(&r);
	p.parcel.envelopes = rd_uleb(&r);
	n = rd_uleb(&r);
	p.parcel.last = last;
	p.parcel.documents = r.left;
	p.parcel.documents_len = n;
	if (r.failed || p.parcel.first == 0 || p.parcel.first > last ||
	    n > r.left.len ||
	    (h->parcels_len > 0 &&
		h->parcels[h->parcels_len - 1].parcel.last >= p.parcel.first))
		return (LK_NONE);
	return (parcel_insert(h, &p));
}

static lk_err
roll_load(struct held *h, uint64_t block, struct bytes value)
{
	struct rd r = rd_over(value);
	struct held_roll roll = { .roll = { .block = block } };

	rd_copy(&r, roll.name, sizeof(roll.name));
	rd_copy(&r, roll.digest, sizeof(roll.digest));
	roll.roll.size = rd_uleb(&r);
	return (rd_done(&r) ? roll_insert(h, &roll) : LK_NONE);
}

typedef lk_err load_fn(struct held *, uint64_t, struct bytes);

static lk_err
load_each(
    struct held *h, struct daemon *d, char kind, size_t len, load_fn *load)
{
	uint8_t key[PARCEL_KEY_LEN];
	size_t key_len = 1 + HELD_PLACE_LEN + len;

	key_make(key, kind, h, 0, len);
	do {
		struct bytes value;
		uint64_t n = 0;
		lk_err err =
		    kv_walk(space(d), key, key_len, 1 + HELD_PLACE_LEN, &value);

		if (err.code == LK_E_NOTFOUND)
			return (LK_NONE);
		for (size_t i = 1 + HELD_PLACE_LEN; i < key_len; i++)
			n = n << 8 | key[i];
		h->known = true;
		if (err.code != LK_E_CORRUPT) {
			TRY(err);
			TRY(load(h, n, value));
		}
	} while (bytes_next(key, key_len));
	return (LK_NONE);
}

lk_err
held_load(struct held *h, struct daemon *d, const char *url)
{
	*h = (struct held){ .known = false };
	digest(h->place, sizeof(h->place), DIGEST_BACKUP, NULL, BYTES_STR(url));
	TRY(load_each(h, d, 'p', 8, parcel_load));
	return (load_each(h, d, 'r', 4, roll_load));
}

lk_err
held_parcel_add(struct held *h, struct daemon *d, const struct held_parcel *p)
{
	BUF_SCOPED b = { .max = KV_VALUE_MAX };
	uint8_t key[PARCEL_KEY_LEN];

	if (h->passing)
		return (parcel_insert(h, p));
	key_make(key, 'p', h, p->parcel.last, 8);
	buf_u64(&b, p->parcel.first);
	buf_mem(&b, p->name, sizeof(p->name));
	buf_uleb(&b, p->parcel.size);
	buf_uleb(&b, p->parcel.envelopes);
	buf_uleb(&b, p->parcel.documents_len);
	buf_add(&b, p->parcel.documents);
	/* Of very many documents far apart there is no note: it is written
	 * again next time. */
	if (!b.failed)
		TRY(kv_put(space(d), BYTES_OF(key), buf_bytes(&b)));
	return (parcel_insert(h, p));
}

lk_err
held_roll_add(struct held *h, struct daemon *d, const struct held_roll *roll)
{
	BUF_SCOPED b = { .max = KV_VALUE_MAX };
	uint8_t key[ROLL_KEY_LEN];

	if (h->passing)
		return (roll_insert(h, roll));
	key_make(key, 'r', h, roll->roll.block, 4);
	buf_mem(&b, roll->name, sizeof(roll->name));
	buf_mem(&b, roll->digest, sizeof(roll->digest));
	buf_uleb(&b, roll->roll.size);
	TRY(buf_err(&b, "note of a backup"));
	TRY(kv_put(space(d), BYTES_OF(key), buf_bytes(&b)));
	return (roll_insert(h, roll));
}

const struct held_roll *
held_roll_of(const struct held *h, uint64_t block)
{
	for (size_t i = 0; i < h->rolls_len; i++)
		if (h->rolls[i].roll.block == block)
			return (&h->rolls[i]);
	return (NULL);
}

lk_err
held_roll_drop(struct held *h, struct daemon *d, uint64_t block)
{
	const struct held_roll *roll = held_roll_of(h, block);
	uint8_t key[ROLL_KEY_LEN];
	size_t at;

	if (roll == NULL)
		return (LK_NONE);
	at = (size_t)(roll - h->rolls);
	h->rolls_len--;
	memmove(&h->rolls[at], &h->rolls[at + 1],
	    (h->rolls_len - at) * sizeof(h->rolls[0]));
	key_make(key, 'r', h, block, 4);
	return (kv_del(space(d), BYTES_OF(key)));
}

static bool
is_there(const struct listing *l, const uint8_t *name, uint64_t size)
{
	const struct stored *s = listing_find(l, name);

	return (s != NULL && s->size == size);
}

lk_err
held_compare(struct held *h, struct daemon *d, const struct listing *l,
    bool join, bool *all)
{
	size_t had = h->parcels_len + h->rolls_len;
	size_t kept = 0, small = 0;
	lk_err err = LK_NONE;

	for (size_t i = 0; i < h->parcels_len; i++)
		small += h->parcels[i].parcel.size < BACKUP_SMALL_BYTES;
	for (size_t i = 0; i < h->parcels_len; i++) {
		struct held_parcel *p = &h->parcels[i];
		uint8_t key[PARCEL_KEY_LEN];

		if (is_there(l, p->name, p->parcel.size) &&
		    (!join || small <= BACKUP_SMALL_MAX ||
			p->parcel.size >= BACKUP_SMALL_BYTES)) {
			h->parcels[kept++] = *p;
			continue;
		}
		key_make(key, 'p', h, p->parcel.last, 8);
		parcel_clear(p);
		if (err.code == LK_OK)
			err = kv_del(space(d), BYTES_OF(key));
	}
	h->parcels_len = kept;
	kept = 0;
	for (size_t i = 0; i < h->rolls_len; i++)
		if (is_there(l, h->rolls[i].name, h->rolls[i].roll.size))
			h->rolls[kept++] = h->rolls[i];
	h->rolls_len = kept;
	*all = h->parcels_len + h->rolls_len == had;
	return (err);
}
