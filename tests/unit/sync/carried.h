/*
 * carried.h - envelopes carried between devices by hand, in any order, for
 * tests.
 */
#ifndef TESTS_UNIT_SYNC_CARRIED_H
#define TESTS_UNIT_SYNC_CARRIED_H

#include "tests/unit/sync/members.h"

#define BAG_MAX 256

/* Envelopes on their way. */
struct bag {
	struct buf at[BAG_MAX];
	size_t len;
};

static inline void
bag_clear(struct bag *b)
{
	for (size_t i = 0; i < b->len; i++)
		buf_clear(&b->at[i]);
	b->len = 0;
}

static inline void
bag_put(struct bag *b, struct bytes envelope)
{
	assert_true(b->len < BAG_MAX);
	buf_init(&b->at[b->len], ENVELOPE_MAX);
	buf_add(&b->at[b->len], envelope);
	assert_false(b->at[b->len++].failed);
}

/* What a device has of a document from `lsn` on, in log order; returns the
 * lsn to go on from. */
static inline uint64_t
bag_take(struct bag *b, struct device *d, uint32_t docno, uint64_t lsn)
{
	struct log_entry entry;

	device_begin(d);
	while (log_next(d->txn, docno, lsn, &entry).code == LK_OK) {
		bag_put(b, entry.envelope);
		lsn = entry.lsn + 1;
	}
	device_commit(d);
	return lsn;
}

static inline struct received
give(struct device *d, uint32_t docno, struct bytes envelope)
{
	struct received got;

	device_begin(d);
	ok(replica_receive(d->r, docno, NULL, &envelope, 1, &got));
	device_commit(d);
	return got;
}

static inline void
give_all(struct device *d, uint32_t docno, const struct bag *b)
{
	for (size_t i = 0; i < b->len; i++)
		(void)give(d, docno, buf_bytes(&b->at[i]));
}

/* What a welcome says: every epoch key `from` holds. */
static inline uint32_t
welcome(struct device *d, struct device *from, uint32_t docno)
{
	struct welcome w = { .keys_len = 0 };
	struct docstate *ds;
	uint8_t at[ETAG_LEN] = { 0 };
	struct bytes key, value;
	uint32_t mine;

	device_begin(from);
	ok(docstate_get(from->r, docno, &ds));
	memcpy(w.docid, ds->docid, LK_ID_LEN);
	w.topic = ds->topic;
	while (kv_seek(docstate_space(from->r, docno, SPACE_KEYS), KV_FIRST_GE,
		   BYTES_OF(at), &key, &value)
		   .code == LK_OK) {
		memcpy(at, key.ptr, ETAG_LEN);
		epoch_derive(&w.keys[w.keys_len++], value.ptr);
		if (!bytes_next(at, sizeof(at)))
			break;
	}
	device_commit(from);
	device_begin(d);
	ok(replica_welcome(d->r, &w, &mine));
	device_commit(d);
	return mine;
}

#endif
