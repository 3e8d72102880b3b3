/*
 * item_set.h - for tests: made-up envelopes of some authors, in a store.
 */
#ifndef TESTS_UNIT_SYNC_ITEM_SET_H
#define TESTS_UNIT_SYNC_ITEM_SET_H

#include "sync/range.h"
#include "tests/unit/store/scratch.h"

#define DOCNO 1
#define ROUNDS RANGE_ROUNDS_MAX

/* A set of envelopes in a store of its own. */
struct side {
	struct scratch scratch;
	struct store *store;
	struct txn *txn;
	struct range_set set;
	/* What the exchange under way has told it. */
	struct range_result *told;
	size_t told_len;
};

static const uint8_t session[64] = "a session";

static inline void
side_make(struct side *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	scratch_init(&s->scratch, seed);
	s->store = scratch_store(&s->scratch, 0);
	s->txn = scratch_txn(s->store, TXN_WRITE);
	s->set = (struct range_set){
		.txn = s->txn, .docno = DOCNO, .session = BYTES_OF(session)
	};
	s->told = calloc(4 * ROUNDS, sizeof(*s->told));
	assert_non_null(s->told);
}

static inline void
side_forget(struct side *s)
{
	for (size_t i = 0; i < s->told_len; i++)
		range_result_clear(&s->told[i]);
	s->told_len = 0;
}

static inline void
side_clear(struct side *s)
{
	side_forget(s);
	free(s->told);
	txn_abort(s->txn);
	store_close(s->store);
	scratch_clear(&s->scratch);
}

/* An envelope that is a function of author, seq and branch. */
struct item {
	uint8_t bytes[24];
	struct log_entry entry;
};

static inline void
item_make(struct item *x, uint8_t author, uint64_t seq, uint8_t branch)
{
	memset(x, 0, sizeof(*x));
	x->bytes[0] = author;
	x->bytes[1] = branch;
	for (size_t i = 0; i < 8; i++)
		x->bytes[2 + i] = (uint8_t)(seq >> (8 * i));
	x->entry = (struct log_entry){
		.docno = DOCNO, .seq = seq, .envelope = BYTES_OF(x->bytes)
	};
	digest(
	    x->entry.tag, LK_TOPIC_LEN, DIGEST_AUTHOR, NULL, BYTES(&author, 1));
	digest(
	    x->entry.id, LK_ID_LEN, DIGEST_ENVELOPE, NULL, x->entry.envelope);
}

static inline void
side_put(struct side *s, struct item *x, bool essential)
{
	assert_ok(log_append(s->txn, &x->entry));
	if (essential)
		assert_ok(essential_set(s->txn, x->entry.id, true));
}

static inline void
side_add(struct side *s, uint8_t author, uint64_t seq, uint8_t branch)
{
	struct item x;

	item_make(&x, author, seq, branch);
	side_put(s, &x, true);
}

static inline bool
side_counts(struct side *s, const uint8_t *id)
{
	struct log_entry e;

	return log_by_id(s->txn, id, &e).code == LK_OK && e.essential;
}

#endif
