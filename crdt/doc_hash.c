#include <stdlib.h>
#include <string.h>

#include "crdt/doc_state.h"

/*
 * The index of changes by their hashes: entries ascending by the hash's first
 * bytes and the change's number, in records of at most BUCKET_MAX.  The key of
 * a record is its least entry when it was made, and that of the first one is
 * all zeros, so the record of an entry is the last one not above it.
 */
#define HASH_PREFIX 8
#define BUCKET_MAX 128
#define ENTRY_LEN (HASH_PREFIX + sizeof(uint32_t))
/* What is left in each when a record is divided. */
#define BUCKET_FILL 80
/* At most so many wait to be put into the index. */
#define PENDING_MAX 16384

struct hash_entry {
	uint64_t prefix;
	uint32_t number;
};

struct hash_bucket {
	struct hash_entry least; /* its key */
	size_t len;
	struct hash_entry at[BUCKET_MAX];
};

static uint64_t
hash_prefix(const uint8_t *hash)
{
	uint64_t v = 0;

	for (size_t i = 0; i < HASH_PREFIX; i++)
		v = v << 8 | hash[i];
	return v;
}

static int
entry_compare(const void *x, const void *y)
{
	const struct hash_entry *a = x, *b = y;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static void
bucket_key(struct doc_key *k, struct hash_entry e)
{
	doc_key_start(k, RECORD_HASHES);
	doc_key_u64(k, e.prefix);
	doc_key_u32(k, e.number);
}

static struct hash_entry
entry_read(struct rd *r)
{
	struct hash_entry e = { .prefix = rd_u64(r) };

	e.number = rd_u32(r);
	return e;
}

/* The record of the index next to a key; NOTFOUND. */
static lk_err
bucket_seek(struct doc *doc, enum kv_seek how, const struct doc_key *k,
    struct hash_entry *least, struct bytes *value)
{
	struct bytes found;
	struct rd r;

	TRY(kv_seek(doc->kv, how, doc_key_view(k), &found, value));
	if (found.len < 1 || found.ptr[0] != RECORD_HASHES)
		return LK_ERR(LK_E_NOTFOUND, "index of changes");
	r = rd_over(BYTES(found.ptr + 1, found.len - 1));
	*least = entry_read(&r);
	if (!rd_done(&r) || value->len % ENTRY_LEN != 0 ||
	    value->len > BUCKET_MAX * ENTRY_LEN)
		return LK_ERR(LK_E_CORRUPT, "index of changes");
	return LK_NONE;
}

/* The record that an entry is, or belongs, in; NOTFOUND: there is none yet. */
static lk_err
bucket_find(struct doc *doc, struct hash_entry e, struct hash_bucket *b)
{
	struct bytes value;
	struct doc_key k;
	struct rd r;

	bucket_key(&k, e);
	TRY(bucket_seek(doc, KV_LAST_LE, &k, &b->least, &value));
	r = rd_over(value);
	for (b->len = 0; r.left.len > 0; b->len++) {
		b->at[b->len] = entry_read(&r);
		if (b->len > 0 &&
		    entry_compare(&b->at[b->len - 1], &b->at[b->len]) >= 0)
			return LK_ERR(LK_E_CORRUPT, "index of changes");
	}
	return LK_NONE;
}

static lk_err
bucket_write(struct doc *doc, struct hash_entry least,
    const struct hash_entry *at, size_t n)
{
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	for (size_t i = 0; i < n; i++) {
		buf_u64(b, at[i].prefix);
		buf_u32(b, at[i].number);
	}
	bucket_key(&k, least);
	return doc_write(doc, &k);
}

/* Writes what belongs in a record, divided if it is too much for one. */
static lk_err
bucket_divide(struct doc *doc, struct hash_entry least,
    const struct hash_entry *at, size_t n)
{
	while (n > BUCKET_MAX) {
		TRY(bucket_write(doc, least, at, BUCKET_FILL));
		at += BUCKET_FILL;
		n -= BUCKET_FILL;
		least = *at;
	}
	return bucket_write(doc, least, at, n);
}

/* The record behind one; NOTFOUND. */
static lk_err
bucket_next(struct doc *doc, struct hash_entry least, struct hash_entry *next)
{
	struct bytes value;
	struct doc_key k;

	bucket_key(&k, least);
	doc_key_u8(&k, 0);
	return bucket_seek(doc, KV_FIRST_GE, &k, next, &value);
}

/* How many of n ascending entries belong in a record: those below the next. */
static lk_err
bucket_share(struct doc *doc, struct hash_entry least,
    const struct hash_entry *at, size_t n, size_t *share)
{
	struct hash_entry next;
	lk_err err;

	*share = n;
	if (n == 1)
		return LK_NONE;
	err = bucket_next(doc, least, &next);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	*share = 1;
	while (*share < n && entry_compare(&at[*share], &next) < 0)
		++*share;
	return LK_NONE;
}

/* Puts the first of n ascending entries into the index, with all others that
 * belong in the same record; `room` is for all of it.  *done: how many. */
static lk_err
bucket_add(struct doc *doc, const struct hash_entry *at, size_t n,
    struct hash_entry *room, size_t *done)
{
	struct hash_bucket b = { 0 };
	size_t share, i = 0, j = 0, len = 0;
	lk_err err = bucket_find(doc, *at, &b);

	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	TRY(bucket_share(doc, b.least, at, n, &share));
	while (i < b.len || j < share) {
		bool old = i < b.len &&
		    (j == share || entry_compare(&b.at[i], &at[j]) < 0);

		room[len++] = old ? b.at[i++] : at[j++];
	}
	*done = share;
	return bucket_divide(doc, b.least, room, len);
}

/* Whether the change of that number has this hash. */
static lk_err
hash_is(struct doc *doc, const uint8_t *hash, uint32_t number, bool *is)
{
	struct doc_change c;

	TRY(doc_change_load(doc, number, &c));
	*is = memcmp(c.hash, hash, LK_ID_LEN) == 0;
	return LK_NONE;
}

static size_t
pending_start(const struct pending_hashes *p, uint64_t prefix)
{
	return (size_t)(prefix & (p->cap - 1));
}

static lk_err
pending_find(struct doc *doc, const uint8_t *hash, uint32_t *number)
{
	const struct pending_hashes *p = &doc->hashes;
	uint64_t prefix = hash_prefix(hash);
	bool is = false;

	if (p->len == 0)
		return LK_ERR(LK_E_NOTFOUND, "change");
	for (size_t i = pending_start(p, prefix); p->slots[i].number != 0;
	     i = (i + 1) & (p->cap - 1)) {
		if (p->slots[i].prefix != prefix)
			continue;
		TRY(hash_is(doc, hash, p->slots[i].number - 1, &is));
		if (is) {
			*number = p->slots[i].number - 1;
			return LK_NONE;
		}
	}
	return LK_ERR(LK_E_NOTFOUND, "change");
}

static void
pending_put(struct pending_hashes *p, struct pending_hash e)
{
	size_t i = pending_start(p, e.prefix);

	while (p->slots[i].number != 0)
		i = (i + 1) & (p->cap - 1);
	p->slots[i] = e;
	p->len++;
}

static lk_err
pending_grow(struct pending_hashes *p)
{
	struct pending_hashes more = { .cap = p->cap == 0 ? 16 : 2 * p->cap };

	more.slots = calloc(more.cap, sizeof(*more.slots));
	if (more.slots == NULL)
		return LK_ERR(LK_E_NOMEM, "index of changes");
	for (size_t i = 0; i < p->cap; i++)
		if (p->slots[i].number != 0)
			pending_put(&more, p->slots[i]);
	free(p->slots);
	*p = more;
	return LK_NONE;
}

lk_err
doc_hash_add(
    struct doc *doc, const uint8_t hash[static LK_ID_LEN], uint32_t number)
{
	struct pending_hashes *p = &doc->hashes;

	if (p->len == PENDING_MAX)
		TRY(doc_hashes_save(doc));
	if (2 * (p->len + 1) > p->cap)
		TRY(pending_grow(p));
	pending_put(p,
	    (struct pending_hash){
		.prefix = hash_prefix(hash), .number = number + 1 });
	return LK_NONE;
}

/* The first byte of the first entry in a record's value above (prefix, all
 * numbers); entries are as they were written, ascending. */
static size_t
entries_above(struct bytes value, const uint8_t *prefix)
{
	size_t lo = 0, hi = value.len / ENTRY_LEN;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(value.ptr + mid * ENTRY_LEN, prefix, HASH_PREFIX) >
		    0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo * ENTRY_LEN;
}

/* Looks through the entries of a record that begin as the hash does. */
static lk_err
record_search(
    struct doc *doc, const uint8_t *hash, struct bytes value, uint32_t *number)
{
	ID_LIST_SCOPED numbers = { 0 };
	bool is;

	for (size_t at = entries_above(value, hash); at > 0; at -= ENTRY_LEN) {
		struct rd r =
		    rd_over(BYTES(value.ptr + at - ENTRY_LEN, ENTRY_LEN));
		struct hash_entry e = entry_read(&r);

		if (e.prefix != hash_prefix(hash))
			break;
		TRY(id_list_add(&numbers, e.number));
	}
	/* Reading changes ends the life of the value. */
	for (size_t i = 0; i < numbers.len; i++) {
		TRY(hash_is(doc, hash, (uint32_t)numbers.ids[i], &is));
		*number = (uint32_t)numbers.ids[i];
		if (is)
			return LK_NONE;
	}
	return LK_ERR(LK_E_NOTFOUND, "change");
}

lk_err
doc_change_find(
    struct doc *doc, const uint8_t hash[static LK_ID_LEN], uint32_t *number)
{
	struct hash_entry e = { .prefix = hash_prefix(hash),
		.number = UINT32_MAX };
	lk_err err = pending_find(doc, hash, number);

	/* All that there are may have been looked through by now. */
	while (
	    err.code == LK_E_NOTFOUND && doc->hashes.len < doc->head.changes) {
		struct hash_entry least;
		struct bytes value;
		struct doc_key k;

		bucket_key(&k, e);
		TRY(bucket_seek(doc, KV_LAST_LE, &k, &least, &value));
		err = record_search(doc, hash, value, number);
		/* What begins alike may begin in the record before. */
		if (least.prefix < e.prefix || least.number == 0)
			return err;
		e.number = least.number - 1;
	}
	return err;
}

lk_err
doc_hash_range(
    struct doc *doc, uint64_t low, uint64_t high, struct id_list *numbers)
{
	struct hash_entry e = { .prefix = low };
	struct hash_bucket b;
	lk_err err = LK_NONE;

	for (size_t i = 0; i < doc->hashes.cap; i++) {
		const struct pending_hash *p = &doc->hashes.slots[i];

		if (p->number != 0 && p->prefix >= low && p->prefix <= high)
			TRY(id_list_add(numbers, p->number - 1));
	}
	while (err.code == LK_OK && e.prefix <= high) {
		err = bucket_find(doc, e, &b);
		for (size_t i = 0; err.code == LK_OK && i < b.len; i++)
			if (b.at[i].prefix >= low && b.at[i].prefix <= high)
				err = id_list_add(numbers, b.at[i].number);
		if (err.code == LK_OK)
			err = bucket_next(doc, b.least, &e);
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static lk_err
pending_write(struct doc *doc, struct hash_entry *all, struct hash_entry *room)
{
	const struct pending_hashes *p = &doc->hashes;
	size_t n = 0, done;

	for (size_t i = 0; i < p->cap; i++)
		if (p->slots[i].number != 0)
			all[n++] = (struct hash_entry){ p->slots[i].prefix,
				p->slots[i].number - 1 };
	qsort(all, n, sizeof(*all), entry_compare);
	for (size_t i = 0; i < n; i += done)
		TRY(bucket_add(doc, all + i, n - i, room, &done));
	return LK_NONE;
}

lk_err
doc_hashes_save(struct doc *doc)
{
	struct pending_hashes *p = &doc->hashes;
	struct hash_entry *all, *room;
	lk_err err = LK_ERR(LK_E_NOMEM, "index of changes");

	if (p->len == 0)
		return LK_NONE;
	all = calloc(p->len, sizeof(*all));
	room = calloc(p->len + BUCKET_MAX, sizeof(*room));
	if (all != NULL && room != NULL)
		err = pending_write(doc, all, room);
	free(all);
	free(room);
	TRY(err);
	memset(p->slots, 0, p->cap * sizeof(*p->slots));
	p->len = 0;
	return LK_NONE;
}

bool
doc_is_hash_index(struct bytes key)
{
	return key.len > 0 && key.ptr[0] == RECORD_HASHES;
}

/* A walk over the entries of an index. */
struct hash_walk {
	struct kv kv;
	struct doc_key key; /* of the record */
	struct bytes left;  /* of it */
};

/* Has entries left, except at the end. */
static lk_err
hash_walk_fill(struct hash_walk *w)
{
	struct bytes found, value;
	lk_err err;

	if (w->left.len > 0)
		return LK_NONE;
	/* The least key above it. */
	doc_key_u8(&w->key, 0);
	err =
	    kv_seek(w->kv, KV_FIRST_GE, doc_key_view(&w->key), &found, &value);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (!doc_is_hash_index(found))
		return LK_NONE;
	if (value.len == 0 || value.len % ENTRY_LEN != 0)
		return LK_ERR(LK_E_CORRUPT, "index of changes");
	w->key.len = 0;
	doc_key_bytes(&w->key, found);
	w->left = value;
	return LK_NONE;
}

static void
hash_walk_skip(struct hash_walk *w, size_t len)
{
	w->left = BYTES(w->left.ptr + len, w->left.len - len);
}

static struct hash_walk
hash_walk_of(struct kv kv)
{
	struct hash_walk w = { .kv = kv };

	doc_key_start(&w.key, RECORD_HASHES);
	return w;
}

lk_err
doc_hash_index_match(struct kv a, struct kv b, bool *same)
{
	struct hash_walk in_a = hash_walk_of(a), in_b = hash_walk_of(b);

	for (;;) {
		size_t len;

		TRY(hash_walk_fill(&in_a));
		TRY(hash_walk_fill(&in_b));
		len = in_a.left.len < in_b.left.len ? in_a.left.len
						    : in_b.left.len;
		if (len == 0) {
			*same = in_a.left.len == in_b.left.len;
			return LK_NONE;
		}
		*same = memcmp(in_a.left.ptr, in_b.left.ptr, len) == 0;
		if (!*same)
			return LK_NONE;
		hash_walk_skip(&in_a, len);
		hash_walk_skip(&in_b, len);
	}
}
