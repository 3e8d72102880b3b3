#include <stdlib.h>
#include <string.h>

#include "sync/bucket.h"
#include "sync/docno_list.h"
#include "sync/replica.h"

#define SLICE_MAX 256   /* envelopes tried at once */
#define BUDGET_MAX 2048 /* in one turn */
#define DAMAGED_MS 60000
#define DAMAGED_MOST 10 /* doublings of that */
#define ACK_OBJECT_MAX 8192

static void
unread_forget(struct bucket *b, struct unread *u)
{
	b->fetched -= u->bytes.len;
	buf_clear(&u->bytes);
	u->rest = rd_over(BYTES(NULL, 0));
}

void
bucket_read_clear(struct bucket *b)
{
	for (size_t i = 0; i < b->unread_len; i++)
		buf_clear(&b->unread[i].bytes);
	free(b->unread);
	b->unread = NULL;
	b->unread_len = b->unread_cap = 0;
	b->unread_sorted = b->unread_gone = 0;
}

bool
bucket_reads(const struct bucket *b, uint32_t docno)
{
	for (size_t i = 0; i < b->unread_len; i++)
		if (b->unread[i].docno == docno &&
		    b->unread[i].state != UNREAD_GONE &&
		    b->unread[i].state != UNREAD_WAITS &&
		    b->unread[i].state != UNREAD_DAMAGED)
			return true;
	return false;
}

/* By topic, author and seq, so that a run is read in its order. */
static int
unread_compare(const void *a, const void *b)
{
	const struct stored_name *x = &((const struct unread *)a)->record.name;
	const struct stored_name *y = &((const struct unread *)b)->record.name;
	int order = memcmp(x->topic, y->topic, LK_TOPIC_LEN);

	if (order == 0)
		order = memcmp(x->tag, y->tag, LK_TOPIC_LEN);
	if (order == 0)
		order = (x->seq > y->seq) - (x->seq < y->seq);
	/* Of two that begin alike the longer one may bring all. */
	if (order == 0)
		order = (x->count < y->count) - (x->count > y->count);
	return order != 0 ? order : memcmp(x->hash, y->hash, STORED_HASH_LEN);
}

/* Of those that are in order; what was found since is in no request yet. */
static struct unread *
unread_find(struct bucket *b, const struct stored_name *name)
{
	struct unread wanted = { .record = { .name = *name } };

	return b->unread_sorted == 0
	    ? NULL
	    : bsearch(&wanted, b->unread, b->unread_sorted, sizeof(wanted),
		  unread_compare);
}

/* Out of the list, with what is not compacted yet. */
static void
unread_leave(struct remote *r, struct unread *u)
{
	unread_forget(&r->bucket, u);
	u->state = UNREAD_GONE;
	r->bucket.unread_gone++;
	r->status.unread--;
}

static void
unread_compact(struct bucket *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->unread_len && b->unread_gone > 0; i++) {
		if (b->unread[i].state == UNREAD_GONE)
			continue;
		if (n < i)
			b->unread[n] = b->unread[i];
		n++;
	}
	if (b->unread_gone > 0)
		b->unread_len = n;
	b->unread_gone = 0;
	if (b->unread_len > 1)
		qsort(b->unread, b->unread_len, sizeof(*b->unread),
		    unread_compare);
	b->unread_sorted = b->unread_len;
}

static bool
unread_idle(const struct unread *u)
{
	return u->state == UNREAD_WAITS || u->state == UNREAD_DAMAGED;
}

bool
bucket_is_busy(const struct bucket *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->unread_len; i++)
		n += b->unread[i].state != UNREAD_GONE &&
		    !unread_idle(&b->unread[i]);
	return n >= UNREAD_MAX / 2;
}

/* One that waits makes room for one that may not: it is found again. */
static bool
unread_evict(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;
	size_t from = (size_t)random_below(&e->random, b->unread_len);

	for (size_t i = 0; i < b->unread_len; i++) {
		struct unread *u = &b->unread[(from + i) % b->unread_len];

		if (!unread_idle(u))
			continue;
		unread_leave(r, u);
		unread_compact(b);
		return true;
	}
	return false;
}

lk_err
bucket_found(struct engine *e, struct remote *r, uint32_t docno,
    const struct stored_name *name, uint64_t size)
{
	struct bucket *b = &r->bucket;
	struct unread *u = unread_find(b, name), *grown;
	size_t cap = b->unread_cap == 0 ? 64 : b->unread_cap * 2;

	if (u != NULL && u->state != UNREAD_GONE) {
		/* Another one lies there now. */
		if (u->state == UNREAD_DAMAGED && u->record.size != size)
			u->state = UNREAD_NEW;
		if (u->state == UNREAD_NEW)
			u->record.size = size;
		u->seen = b->pass;
		return LK_NONE;
	}
	if (r->status.ignored >= IGNORED_MAX) {
		bucket_complain(r, LK_ERR(LK_E_LIMIT, "objects"),
		    "it holds too much that is of no use");
		return LK_NONE;
	}
	if (b->unread_len == UNREAD_MAX && !unread_evict(e, r))
		return LK_NONE; /* the next pass finds it */
	if (b->unread_len == b->unread_cap) {
		grown = reallocarray(b->unread, cap, sizeof(*grown));
		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "objects");
		b->unread = grown;
		b->unread_cap = cap;
	}
	u = &b->unread[b->unread_len++];
	*u = (struct unread){
		.docno = docno, .slice = SLICE_MAX, .seen = b->pass
	};
	u->record.name = *name;
	u->record.size = size;
	buf_init(&u->bytes, OBJECT_BYTES_MAX);
	b->fed = false;
	r->status.unread++;
	return LK_NONE;
}

void
bucket_read_passed(struct remote *r)
{
	struct bucket *b = &r->bucket;

	for (size_t i = 0; i < b->unread_len; i++) {
		struct unread *u = &b->unread[i];

		if (u->state != UNREAD_GONE && u->state != UNREAD_ASKED &&
		    u->seen != b->pass)
			unread_leave(r, u);
	}
	unread_compact(b);
}

/* It is not asked for again while the remote says it is the same. */
static lk_err
unread_done(struct engine *e, struct remote *r, struct unread *u,
    enum record_state state)
{
	struct record record = u->record;

	record.state = state;
	record.since = e->now.wall;
	r->status.ignored += state == RECORD_IGNORED;
	unread_leave(r, u);
	return record_put(e, r->status.number, &record);
}

/* Another time it may be whole: overwritten, or all of it sent.  When it was
 * written from here, which a list may tell before the answer does, it is
 * written once more. */
static lk_err
unread_damaged(struct engine *e, struct remote *r, struct unread *u)
{
	unsigned n = u->damaged < DAMAGED_MOST ? u->damaged : DAMAGED_MOST;
	struct bucket *b = &r->bucket;

	unread_forget(b, u);
	u->state = UNREAD_DAMAGED;
	u->damaged++;
	u->again.ms = e->now.mono.ms + ((int64_t)DAMAGED_MS << n);
	r->status.damaged++;
	TRY(record_del(e, r->status.number, &u->record.name));
	return docno_list_add(
	    &b->later.at, &b->later.len, &b->later.cap, u->docno);
}

static lk_err
ack_fetched(
    struct engine *e, struct remote *r, struct unread *u, struct bytes bytes)
{
	struct docstate *ds;
	lk_err err;

	err = docstate_get(e->r, u->docno, &ds);
	if (err.code == LK_E_NOTFOUND) {
		unread_leave(r, u);
		return LK_NONE;
	}
	TRY(err);
	err = acks_stored(e, ds, &u->record.name, bytes);
	if (err.code == LK_E_WAIT) {
		/* Its key, or who it is, may come. */
		u->state = UNREAD_DAMAGED;
		u->again.ms = e->now.mono.ms + DAMAGED_MS;
		return LK_NONE;
	}
	if (err.code == LK_E_MALFORMED || err.code == LK_E_TRUNCATED ||
	    err.code == LK_E_LIMIT)
		return unread_damaged(e, r, u);
	TRY(err);
	return unread_done(e, r, u, RECORD_HELD);
}

lk_err
bucket_fetched(struct engine *e, struct remote *r, const struct flight *f,
    const struct object_answer *a)
{
	struct bucket *b = &r->bucket;
	struct unread *u = unread_find(b, &f->record.name);
	struct pack pack;

	if (u == NULL || u->state != UNREAD_ASKED)
		return LK_NONE;
	b->fed = false;
	if (a->err.code == LK_E_NOTFOUND) {
		unread_leave(r, u);
		return LK_NONE;
	}
	if (a->err.code != LK_OK) /* longer than such a thing is */
		return unread_done(e, r, u, RECORD_IGNORED);
	if (f->record.name.kind == STORED_ACK)
		return ack_fetched(e, r, u, buf_bytes(&a->bytes));
	buf_add(&u->bytes, buf_bytes(&a->bytes));
	b->fetched += u->bytes.len;
	TRY(buf_err(&u->bytes, "pack"));
	if (pack_decode(&pack, buf_bytes(&u->bytes)).code != LK_OK ||
	    !stored_name_same(&pack.name, &u->record.name))
		return unread_damaged(e, r, u);
	/* It was listed with another length than it has. */
	u->record.size = u->bytes.len;
	memcpy(u->record.last, pack.last, LK_ID_LEN);
	u->rest = pack.envelopes;
	u->state = UNREAD_HERE;
	return LK_NONE;
}

/* Whether what it waited for is here. */
static lk_err
unread_can_go_on(struct engine *e, const struct unread *u, bool *can)
{
	static const uint8_t zero[LK_ID_LEN - ETAG_LEN];
	struct docstate *ds;
	struct epoch epoch;
	lk_err err;

	TRY(docstate_get(e->r, u->docno, &ds));
	*can = graph_find(ds->graph, u->missing) != GRAPH_NONE;
	if (*can || memcmp(u->missing + ETAG_LEN, zero, sizeof(zero)) != 0)
		return LK_NONE;
	err = docstate_key_any(e->r, ds, u->missing, &epoch);
	secret_wipe(&epoch, sizeof(epoch));
	*can = err.code == LK_OK;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* Counts what was said of a slice, up to the first that waits. */
static size_t
slice_admitted(struct engine *e, struct unread *u, const struct bytes *all,
    const struct received *said, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t id[LK_ID_LEN];

		switch (said[i].what) {
		case RECEIPT_ACCEPTED:
			break;
		case RECEIPT_KNOWN:
			envelope_id(id, all[i]);
			u->useless |= !log_has(e->r->txn, id);
			break;
		case RECEIPT_DROPPED:
			u->dropped = true;
			break;
		case RECEIPT_REFUSED:
			u->useless = true;
			break;
		case RECEIPT_WAITING:
			memcpy(u->missing, said[i].missing, LK_ID_LEN);
			u->state = UNREAD_WAITS;
			return i;
		}
	}
	return n;
}

/* Admits what comes next of a pack, until some of it waits. */
static lk_err
unread_feed(struct engine *e, struct unread *u, size_t *budget)
{
	struct bytes all[SLICE_MAX];
	struct received said[SLICE_MAX];

	while (u->rest.left.len > 0 && *budget > 0) {
		struct rd ends[SLICE_MAX];
		size_t n = 0, went;

		while (n < u->slice && n < *budget && u->rest.left.len > 0) {
			ends[n] = u->rest;
			all[n++] = rd_take(&u->rest, rd_u32(&u->rest));
		}
		TRY(replica_offer(e->r, u->docno, all, n, said));
		went = slice_admitted(e, u, all, said, n);
		*budget -= went < *budget ? went : *budget;
		if (went < n) {
			u->rest = ends[went];
			/* Where authors take turns, so do their packs. */
			u->slice = went < 2 ? 2 : went;
			return LK_NONE;
		}
		u->slice = 2 * n < SLICE_MAX ? 2 * n : SLICE_MAX;
	}
	return LK_NONE;
}

/* Goes on with one pack if that is possible. */
static lk_err
unread_step(
    struct engine *e, struct remote *r, struct unread *u, size_t *budget)
{
	struct bucket *b = &r->bucket;
	size_t left = u->rest.left.len;
	struct docstate *ds;
	lk_err err;
	bool can;

	if (u->state != UNREAD_WAITS && u->state != UNREAD_HERE)
		return LK_NONE;
	err = docstate_get(e->r, u->docno, &ds);
	if (err.code == LK_E_NOTFOUND) {
		/* This device has become another person's. */
		unread_leave(r, u);
		return LK_NONE;
	}
	TRY(err);
	if (u->state == UNREAD_WAITS) {
		TRY(unread_can_go_on(e, u, &can));
		if (can)
			u->state = u->bytes.len > 0 ? UNREAD_HERE : UNREAD_NEW;
	}
	if (u->state != UNREAD_HERE)
		return LK_NONE;
	TRY(unread_feed(e, u, budget));
	b->fed &= u->rest.left.len == left;
	if (u->state == UNREAD_WAITS || u->rest.left.len > 0)
		return LK_NONE;
	b->fed = false;
	return unread_done(e, r, u,
	    u->dropped       ? RECORD_DROPPED
		: u->useless ? RECORD_IGNORED
			     : RECORD_HELD);
}

/*
 * Merges what is here: each author's packs in their order, and when one waits
 * for another author, that one's, until nothing moves any more.  What waits
 * stays where it was fetched to, or is fetched again.
 */
static lk_err
unread_merge(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;
	size_t budget = BUDGET_MAX;

	while (!b->fed && budget > 0) {
		b->fed = true;
		for (size_t i = 0; i < b->unread_len && budget > 0; i++)
			TRY(unread_step(e, r, &b->unread[i], &budget));
	}
	if (budget == 0) {
		b->fed = false;
		e->wake = e->now.mono;
	}
	return LK_NONE;
}

/* Lets go of bytes that wait, so that others can be fetched. */
static void
unread_make_room(struct bucket *b, uint64_t wanted)
{
	for (size_t i = 0; i < b->unread_len; i++) {
		struct unread *u = &b->unread[i];

		if (b->fetched + wanted <= FETCHED_MAX)
			return;
		if (u->state == UNREAD_WAITS && u->bytes.len > 0)
			unread_forget(b, u);
	}
}

static size_t
bytes_asked(const struct bucket *b)
{
	const struct flight *f;
	size_t n = 0;

	TAILQ_FOREACH (f, &b->flights, next)
		if (f->kind == FLIGHT_READ)
			n += f->request.max;
	return n;
}

static void
unread_ask(struct engine *e, struct remote *r, struct unread *u)
{
	bool ack = u->record.name.kind == STORED_ACK;
	size_t most = ack ? ACK_OBJECT_MAX : OBJECT_BYTES_MAX, size;
	struct bucket *b = &r->bucket;
	struct flight *f;

	/* The list may say any length; what comes is held to it. */
	size = u->record.size < most ? (size_t)u->record.size : most;
	unread_make_room(b, bytes_asked(b) + size);
	if (b->fetched + bytes_asked(b) + size > FETCHED_MAX)
		return;
	f = bucket_ask(e, r, FLIGHT_READ, OBJECT_GET, &u->record.name);
	if (f == NULL)
		return;
	f->docno = u->docno;
	f->request.max = size;
	u->state = UNREAD_ASKED;
}

lk_err
bucket_read(struct engine *e, struct remote *r)
{
	struct bucket *b = &r->bucket;

	TRY(unread_merge(e, r));
	if (b->unread_gone > 0 || b->unread_sorted < b->unread_len)
		unread_compact(b);
	for (size_t i = 0; i < b->unread_len && bucket_has_room(b); i++) {
		struct unread *u = &b->unread[i];

		if (u->state == UNREAD_DAMAGED && u->again.ms <= e->now.mono.ms)
			u->state = UNREAD_NEW;
		if (u->state == UNREAD_NEW)
			unread_ask(e, r, u);
	}
	return LK_NONE;
}
