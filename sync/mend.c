#include "sync/mend.h"

#include <stdlib.h>
#include <string.h>

#include "sync/admit.h"
#include "sync/engine_state.h"
#include "sync/names.h"

/* More of them are found when these have come back. */
#define DAMAGED_MAX 4096

static lk_err
damaged_add(struct replica *r, uint32_t docno, const uint8_t *id)
{
	struct damaged *grown;

	if (r->damaged_len == DAMAGED_MAX)
		return LK_NONE;
	grown =
	    reallocarray(r->damaged, r->damaged_len + 1, sizeof(*r->damaged));
	if (grown == NULL)
		return LK_ERR(LK_E_NOMEM, "damage");
	r->damaged = grown;
	grown[r->damaged_len].docno = docno;
	memcpy(grown[r->damaged_len++].id, id, LK_ID_LEN);
	return LK_NONE;
}

/* Those of a document, or the one with this id. */
static void
damaged_drop(struct replica *r, uint32_t docno, const uint8_t *id)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->damaged_len; i++) {
		const struct damaged *d = &r->damaged[i];

		if (d->docno != docno ||
		    (id != NULL && memcmp(d->id, id, LK_ID_LEN) != 0))
			r->damaged[kept++] = *d;
	}
	r->damaged_len = kept;
}

lk_err
replica_damaged(
    struct replica *r, uint32_t docno, size_t i, uint8_t id[static LK_ID_LEN])
{
	for (size_t k = 0; k < r->damaged_len; k++)
		if (r->damaged[k].docno == docno && i-- == 0) {
			memcpy(id, r->damaged[k].id, LK_ID_LEN);
			return LK_NONE;
		}
	return LK_ERR(LK_E_NOTFOUND, "damage");
}

bool
replica_is_damaged(
    struct replica *r, uint32_t docno, const uint8_t id[static LK_ID_LEN])
{
	for (size_t i = 0; i < r->damaged_len; i++)
		if (r->damaged[i].docno == docno &&
		    memcmp(r->damaged[i].id, id, LK_ID_LEN) == 0)
			return true;
	return false;
}

lk_err
mend_envelope(struct replica *r, uint32_t docno,
    const uint8_t id[static LK_ID_LEN], struct bytes envelope)
{
	if (!replica_is_damaged(r, docno, id))
		return LK_NONE;
	TRY(log_heal(r->txn, id, envelope));
	damaged_drop(r, docno, id);
	r->mended++;
	return LK_NONE;
}

/* When each envelope arrived, by its place in the log: nothing else knows. */
struct arrivals {
	struct {
		uint64_t lsn;
		struct wall when;
	} * at;
	size_t len, cap;
};

static lk_err
arrivals_read(struct replica *r, uint32_t docno, struct arrivals *out)
{
	/* Numbers are given out without gaps; a damaged node leaves one. */
	for (uint32_t n = 0, missing = 0; missing < 1000; n++) {
		struct node node;
		lk_err err = node_get(r, docno, n, &node);

		if (err.code != LK_OK && err.code != LK_E_CORRUPT &&
		    err.code != LK_E_NOTFOUND)
			return err;
		missing = err.code == LK_E_NOTFOUND ? missing + 1 : 0;
		if (err.code != LK_OK)
			continue;
		if (out->len == out->cap) {
			size_t cap = 2 * out->cap + 64;
			void *grown =
			    reallocarray(out->at, cap, sizeof(*out->at));

			if (grown == NULL)
				return LK_ERR(LK_E_NOMEM, "arrivals");
			out->at = grown;
			out->cap = cap;
		}
		out->at[out->len].lsn = node.lsn;
		out->at[out->len++].when = node.received;
	}
	return LK_NONE;
}

/* The time of what lies at the lsn, or of what came last before it. */
static struct wall
arrival_of(const struct arrivals *a, uint64_t lsn)
{
	struct wall when = { 0 };
	size_t low = 0, high = a->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (a->at[middle].lsn > lsn)
			high = middle;
		else
			low = middle + 1;
	}
	if (low > 0)
		when = a->at[low - 1].when;
	return when;
}

/* Takes one envelope of the log in again. */
static lk_err
rebuild_one(
    struct admission *a, const struct log_entry *entry, struct mend_report *m)
{
	struct bytes envelope = arena_copy(&a->arena, entry->envelope);
	struct received verdict = { .what = RECEIPT_REFUSED };
	struct candidate c = { .opened = false };

	if (envelope.ptr == NULL && entry->envelope.len > 0)
		return LK_ERR(LK_E_NOMEM, "envelope");
	a->again = entry->lsn;
	TRY(admission_open(a, &c, envelope, &verdict));
	if (c.opened)
		TRY(admit(a, &c, &verdict));
	a->again = 0;
	switch (verdict.what) {
	case RECEIPT_ACCEPTED:
		break;
	case RECEIPT_WAITING:
	case RECEIPT_KNOWN:
		m->waiting++;
		TRY(log_remove(a->r->txn, entry->lsn));
		break;
	case RECEIPT_DROPPED:
	case RECEIPT_REFUSED:
		m->lost++;
		TRY(log_remove(a->r->txn, entry->lsn));
		break;
	}
	return admission_drain(a);
}

static lk_err
rebuild_log(
    struct admission *a, const struct arrivals *when, struct mend_report *m)
{
	struct log_entry entry = { .lsn = 0 };
	uint64_t last;

	/* What had to wait is appended when it is taken in. */
	TRY(lsn_last(a->r->txn, &last));
	for (;;) {
		lk_err err =
		    log_stored(a->r->txn, a->ds->docno, entry.lsn + 1, &entry);

		if (err.code == LK_E_NOTFOUND ||
		    (err.code == LK_OK && entry.lsn > last))
			return LK_NONE;
		TRY(err);
		a->arrived = arrival_of(when, entry.lsn);
		TRY(rebuild_one(a, &entry, m));
		arena_clear(&a->arena);
	}
}

/* How many envelopes have brought each change: they are counted anew. */
static lk_err
carried_clear(struct replica *r, uint32_t docno)
{
	struct kv meta = docstate_space(r, docno, SPACE_META);
	uint8_t key[1 + LK_ID_LEN] = { 'c' };
	struct bytes value;
	lk_err err;

	while ((err = kv_walk(meta, key, sizeof(key), 1, &value)).code == LK_OK)
		TRY(kv_del(meta, BYTES_OF(key)));
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* Forgets what can be derived, and derives it. */
static lk_err
rebuild(struct replica *r, uint32_t docno, bool strict, struct mend_report *m)
{
	struct arrivals when = { 0 };
	struct txn *txn = r->txn;
	struct docstate *ds;
	struct admission a;
	uint64_t sifted = 0;
	lk_err err = arrivals_read(r, docno, &when);

	if (err.code == LK_OK)
		err = space_sift(txn, docno, SPACE_KEYS, &sifted);
	if (err.code == LK_OK)
		err = space_sift(txn, docno, SPACE_WAIT, &sifted);
	if (err.code == LK_OK)
		err = space_clear(txn, docno, SPACE_DOC);
	if (err.code == LK_OK)
		err = space_clear(txn, docno, SPACE_NODES);
	if (err.code == LK_OK)
		err = carried_clear(r, docno);
	if (err.code == LK_OK)
		err = log_unindex(txn, docno);
	if (err.code == LK_OK)
		err = docstate_get(r, docno, &ds);
	if (err.code == LK_OK)
		err = waiting_count(r, ds);
	if (err.code == LK_OK) {
		admission_begin(&a, r, ds);
		a.strict = strict;
		err = rebuild_log(&a, &when, m);
		ds->access = true;
		if (err.code == LK_OK)
			err = admission_end(&a);
		else
			admission_drop(&a);
	}
	free(when.at);
	m->rebuilt = true;
	return err;
}

/* A walk over all that the document shows. */
struct look {
	struct doc *doc;
	struct op_id *left; /* objects to look into */
	size_t len, cap;
};

static lk_err
look_at(void *ctx, const struct doc_visit *v)
{
	struct look *l = ctx;

	if (!v->item.is_obj)
		return LK_NONE;
	if (l->len == l->cap) {
		size_t cap = 2 * l->cap + 16;
		struct op_id *grown =
		    reallocarray(l->left, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "objects");
		l->left = grown;
		l->cap = cap;
	}
	l->left[l->len++] = v->item.id;
	return LK_NONE;
}

static lk_err
look_through(struct doc *doc)
{
	struct look l = { .doc = doc };
	lk_err err = doc_each(doc, DOC_ROOT, look_at, &l);

	while (err.code == LK_OK && l.len > 0)
		err = doc_each(doc, l.left[--l.len], look_at, &l);
	free(l.left);
	return err;
}

/* Records that are gone, which nothing tells but what refers to them. */
static lk_err
state_verify(
    struct replica *r, uint32_t docno, uint64_t envelopes, uint64_t *missing)
{
	struct docstate *ds;
	struct doc *doc = NULL;
	lk_err err;

	docstate_forget(r, docno);
	err = docstate_get(r, docno, &ds);
	if (err.code == LK_OK && graph_len(ds->graph) != envelopes)
		err = LK_ERR(LK_E_CORRUPT, "count of envelopes");
	if (err.code == LK_OK)
		err = replica_open_doc(r, docno, &doc);
	if (err.code == LK_OK)
		err = look_through(doc);
	doc_free(doc);
	if (err.code != LK_E_CORRUPT)
		return err;
	*missing = 1;
	return LK_NONE;
}

static lk_err
damaged_found(void *ctx, const uint8_t id[static LK_ID_LEN])
{
	struct admission *a = ctx;

	return damaged_add(a->r, a->ds->docno, id);
}

/* What follows from nothing else: peers tell again how far they are, and a file
 * without a base is compared as one that was not known. */
static lk_err
records_mend(struct replica *r, uint32_t docno, const struct document_damage *d)
{
	uint64_t sifted = 0;

	TRY(space_sift(r->txn, docno, SPACE_PEERS, &sifted));
	TRY(space_sift(r->txn, docno, SPACE_MIRRORS, &sifted));
	return d->spaces[SPACE_META] > 0 ? docstate_restore(r, docno) : LK_NONE;
}

/* How many envelopes count; 0 also when that cannot be read. */
static lk_err
counting(struct replica *r, uint32_t docno, size_t *n)
{
	struct docstate *ds;
	lk_err err = docstate_get(r, docno, &ds);

	*n = err.code == LK_OK ? graph_len(ds->graph) : 0;
	return err.code == LK_E_CORRUPT ? LK_NONE : err;
}

/* A damaged key that no envelope brings: with it gone nothing could be read
 * again.  When all else is good, what is shown stays as it is. */
static lk_err
keys_judge(struct replica *r, uint32_t docno, const struct document_damage *d,
    uint64_t derived, struct mend_report *m)
{
	uint64_t sifted = 0;
	size_t left;

	TRY(counting(r, docno, &left));
	if (d->spaces[SPACE_KEYS] == 0 || left >= d->envelopes)
		return LK_NONE;
	m->keys = d->spaces[SPACE_KEYS];
	if (derived > d->spaces[SPACE_KEYS])
		return LK_NONE;
	TRY(replica_nest_again(r));
	m->records -= m->keys;
	m->rebuilt = false;
	m->lost = m->waiting = 0;
	TRY(records_mend(r, docno, d));
	return space_sift(r->txn, docno, SPACE_KEYS, &sifted);
}

static lk_err
mend_document(struct replica *r, uint32_t docno, struct mend_report *m)
{
	struct docstate of = { .docno = docno };
	struct admission a = { .r = r, .ds = &of };
	struct document_damage d;
	uint64_t derived;
	size_t before;

	damaged_drop(r, docno, NULL);
	before = r->damaged_len;
	TRY(document_verify(r->txn, docno, &d, damaged_found, &a));
	m->envelopes = r->damaged_len - before;
	derived = d.indexes + d.spaces[SPACE_NODES] + d.spaces[SPACE_KEYS] +
	    d.spaces[SPACE_DOC] + d.spaces[SPACE_WAIT];
	if (derived == 0)
		TRY(state_verify(r, docno, d.envelopes, &derived));
	m->records = derived + d.spaces[SPACE_META] + d.spaces[SPACE_PEERS] +
	    d.spaces[SPACE_MIRRORS];
	TRY(records_mend(r, docno, &d));
	/* Counts that were there follow from the log. */
	if (derived + d.spaces[SPACE_META] == 0)
		return LK_NONE;
	docstate_forget(r, docno);
	TRY(rebuild(r, docno, false, m));
	TRY(keys_judge(r, docno, &d, derived, m));
	/* They are not in the log any more. */
	if (m->rebuilt)
		damaged_drop(r, docno, NULL);
	return LK_NONE;
}

lk_err
replica_remake(struct replica *r, uint32_t docno, struct mend_report *out)
{
	struct mend_report m = { 0 };
	size_t before, after;

	TRY(counting(r, docno, &before));
	docstate_forget(r, docno);
	TRY(rebuild(r, docno, true, &m));
	TRY(counting(r, docno, &after));
	if (after < before)
		return LK_ERR(LK_E_DATA, "some of what counts would be lost");
	damaged_drop(r, docno, NULL);
	*out = m;
	return LK_NONE;
}

static bool
document_known(void *ctx, uint32_t docno)
{
	struct bytes record;

	return docno == STORE_DEVICE ||
	    docstate_record(ctx, docno, &record).code == LK_OK;
}

/* The device's own records: what documents say, and what peers say again. */
static lk_err
mend_device(struct replica *r, struct mend_report *m)
{
	uint32_t last;

	TRY(store_sift(r->txn, document_known, r, &m->records));
	TRY(space_sift(r->txn, STORE_DEVICE, SPACE_META, &m->records));
	TRY(space_sift(r->txn, STORE_DEVICE, SPACE_PEERS, &m->records));
	TRY(space_sift(r->txn, STORE_DEVICE, SPACE_MIRRORS, &m->records));
	/* What a backup is not known to hold is written into it again. */
	TRY(space_sift(r->txn, STORE_DEVICE, SPACE_BACKUPS, &m->records));
	TRY(store_last_document(r->txn, &last));
	TRY(docstate_index_again(r, last));
	names_drop(r);
	r->home = 0;
	return LK_NONE;
}

lk_err
replica_mend(struct replica *r, uint32_t docno, struct mend_report *out)
{
	struct mend_report m = { 0 };

	if (docno == STORE_DEVICE)
		TRY(mend_device(r, &m));
	else
		TRY(mend_document(r, docno, &m));
	*out = m;
	return LK_NONE;
}
