#include "sync/retrace.h"

#include <stdlib.h>
#include <string.h>

#include "sync/admit.h"

/* What is dropped of the copy in a step. */
#define CLEAR_SLICE 4096

enum step { REPLAY, COMPARE, CHAINS, REST, CLEAR, DONE };

/* Derived from the log, record by record. */
static const enum store_space derived[] = { SPACE_NODES, SPACE_DOC, SPACE_KEYS,
	SPACE_META };
static const char *const derived_names[] = { "who may do what", "the document",
	"its keys", "its counts" };
/* And what is not. */
static const enum store_space others[] = { SPACE_WAIT, SPACE_PEERS,
	SPACE_MIRRORS };

/* A place in a map; the empty key is before all others. */
struct place_at {
	uint8_t key[KV_KEY_MAX + 1];
	size_t len;
};

struct retrace {
	struct replica *of;
	struct replica *copy; /* owned; its store is borrowed */
	struct store *store;
	uint32_t docno;
	enum step step;
	bool broken;    /* the present transaction of the copy */
	uint64_t lsn;   /* replayed up to here */
	uint32_t nodes; /* so many */
	size_t space;   /* of those that are compared, or read */
	struct place_at at;
	struct log_entry chain;
	struct retrace_report report;
};

lk_err
retrace_new(struct retrace **out, struct replica *of, struct store *store,
    struct random random)
{
	struct verifier here = { .run = verify_jobs_here };
	struct retrace *t = calloc(1, sizeof(*t));
	lk_err err;

	if (t == NULL)
		return LK_ERR(LK_E_NOMEM, "retrace");
	err = replica_new(&t->copy, of->identity, random, here);
	if (err.code != LK_OK) {
		free(t);
		return err;
	}
	t->of = of;
	t->store = store;
	t->step = DONE;
	*out = t;
	return LK_NONE;
}

void
retrace_free(struct retrace *t)
{
	if (t == NULL)
		return;
	replica_free(t->copy);
	free(t);
}

const struct retrace_report *
retrace_report(const struct retrace *t)
{
	return &t->report;
}

lk_err
retrace_enter(struct retrace *t)
{
	struct txn *txn;

	TRY(txn_begin(t->store, TXN_WRITE, &txn));
	replica_begin(t->copy, txn, t->of->now);
	t->broken = false;
	return LK_NONE;
}

lk_err
retrace_leave(struct retrace *t)
{
	const struct replica_event *events;
	lk_err err = LK_NONE;
	size_t len;

	if (t->broken)
		txn_abort(t->copy->txn);
	else
		err = txn_commit(t->copy->txn);
	if (t->broken || err.code != LK_OK) {
		replica_aborted(t->copy);
		t->step = DONE;
	} else {
		replica_committed(t->copy, &events, &len);
	}
	return err;
}

/* After an error the transaction cannot be kept. */
static lk_err
note(struct retrace *t, lk_err err)
{
	t->broken |= err.code != LK_OK;
	return err;
}

/* The next record of a map behind the place, which becomes its. */
static lk_err
next_record(struct kv kv, struct place_at *at, struct bytes *value)
{
	struct bytes key;

	/* The least key above it. */
	if (at->len < sizeof(at->key))
		at->key[at->len++] = 0;
	else if (!bytes_next(at->key, at->len))
		return LK_ERR(LK_E_NOTFOUND, "record");
	TRY(kv_seek(kv, KV_FIRST_GE, BYTES(at->key, at->len), &key, value));
	memcpy(at->key, key.ptr, key.len);
	at->len = key.len;
	return LK_NONE;
}

static lk_err
records_copy(struct retrace *t, enum store_space space, size_t key_len)
{
	struct kv from = docstate_space(t->of, t->docno, space);
	struct kv to = docstate_space(t->copy, t->docno, space);
	struct place_at at = { .len = 0 };

	for (;;) {
		struct bytes value;
		lk_err err = next_record(from, &at, &value);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (at.len == key_len)
			TRY(kv_put(to, BYTES(at.key, at.len), value));
	}
}

/* What no envelope says: the document's id and secret, and keys that came with
 * a welcome. */
static lk_err
copy_seed(struct retrace *t)
{
	bool done = false;

	docstate_forget(t->copy, t->docno);
	while (!done)
		TRY(store_drop(t->copy->txn, t->docno, CLEAR_SLICE, &done));
	TRY(records_copy(t, SPACE_KEYS, ETAG_LEN));
	return records_copy(t, SPACE_META, 1);
}

lk_err
retrace_begin(struct retrace *t, uint32_t docno)
{
	struct bytes record;

	t->docno = docno;
	t->step = DONE;
	t->lsn = 0;
	t->nodes = 0;
	t->report = (struct retrace_report){ .envelopes = 0 };
	TRY(docstate_record(t->of, docno, &record));
	TRY(note(t, copy_seed(t)));
	t->step = REPLAY;
	return LK_NONE;
}

/* The rest is not looked at. */
static void
found(struct retrace *t, bool *what, const char *why)
{
	*what = true;
	t->report.what = why;
	t->step = CLEAR;
}

static void
refuse(struct retrace *t, const uint8_t id[static LK_ID_LEN], const char *why)
{
	struct retrace_report *r = &t->report;

	if (r->refused < RETRACE_REFUSED_MAX) {
		memcpy(r->of[r->refused].id, id, LK_ID_LEN);
		r->of[r->refused].why = why;
	}
	r->refused++;
}

/* When it came here, as its node says. */
static lk_err
arrival_of(struct retrace *t, uint64_t lsn, struct wall *out)
{
	struct node node;
	lk_err err = node_get(t->of, t->docno, t->nodes, &node);

	*out = (struct wall){ 0 };
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (node.lsn == lsn)
		*out = node.received;
	return LK_NONE;
}

static lk_err
replay_one(
    struct retrace *t, struct admission *a, const struct log_entry *entry)
{
	struct received verdict = { .what = RECEIPT_REFUSED };
	struct candidate c = { .opened = false };
	struct bytes envelope;

	TRY(arrival_of(t, entry->lsn, &a->arrived));
	TRY(log_write(t->copy->txn, entry));
	envelope = arena_copy(&a->arena, entry->envelope);
	if (envelope.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "envelope");
	a->again = entry->lsn;
	TRY(admission_open(a, &c, envelope, &verdict));
	if (c.opened)
		TRY(admit(a, &c, &verdict));
	if (verdict.what == RECEIPT_ACCEPTED) {
		t->nodes++;
	} else {
		refuse(t, entry->id,
		    verdict.why == NULL ? "it was there before" : verdict.why);
		TRY(log_remove(t->copy->txn, entry->lsn));
	}
	t->report.envelopes++;
	arena_clear(&a->arena);
	return LK_NONE;
}

/* As many envelopes as there are bytes for. */
static lk_err
replay_run(struct retrace *t, struct admission *a, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		struct log_entry entry;
		lk_err err = log_next(t->of->txn, t->docno, t->lsn + 1, &entry);

		if (err.code == LK_E_NOTFOUND) {
			t->step = COMPARE;
			t->space = 0;
			t->at.len = 0;
			return LK_NONE;
		}
		if (err.code == LK_OK)
			err = replay_one(t, a, &entry);
		if (err.code == LK_E_CORRUPT) {
			found(t, &t->report.damaged, "an envelope");
			return LK_NONE;
		}
		TRY(err);
		t->lsn = entry.lsn;
		/* Small ones cost as much as some bytes. */
		done += entry.envelope.len + 1024;
	}
	return LK_NONE;
}

static lk_err
replay(struct retrace *t, size_t bytes)
{
	struct docstate *ds;
	struct admission a;
	lk_err err;

	TRY(docstate_get(t->copy, t->docno, &ds));
	admission_begin(&a, t->copy, ds);
	a.strict = true;
	err = replay_run(t, &a, bytes);
	if (err.code == LK_OK)
		return admission_end(&a);
	admission_drop(&a);
	return err;
}

/* Whether this record is compared: what the device adds by itself is not. */
static bool
is_derived(enum store_space space, const struct place_at *at)
{
	if (space == SPACE_DOC)
		return !doc_is_hash_index(BYTES(at->key, at->len));
	return space != SPACE_META || (at->key[0] == 'c' && at->len > 1);
}

/* The next one that is, behind *at. */
static lk_err
next_derived(struct retrace *t, struct replica *r, struct place_at *at,
    struct bytes *value)
{
	enum store_space space = derived[t->space];
	lk_err err;

	do
		err =
		    next_record(docstate_space(r, t->docno, space), at, value);
	while (err.code == LK_OK && !is_derived(space, at));
	return err;
}

/* One record of each side: *same; *end: of neither. */
static lk_err
records_match(struct retrace *t, bool *same, bool *end, size_t *bytes)
{
	struct place_at mine = t->at, copied = t->at;
	struct bytes a = { 0 }, b = { 0 };
	lk_err have = next_derived(t, t->of, &mine, &a);
	lk_err want = next_derived(t, t->copy, &copied, &b);

	/* A welcome brings keys that no envelope has. */
	while (derived[t->space] == SPACE_KEYS && have.code == LK_OK &&
	    (want.code == LK_E_NOTFOUND ||
		memcmp(mine.key, copied.key, ETAG_LEN) < 0))
		have = next_derived(t, t->of, &mine, &a);
	if (have.code != LK_OK && have.code != LK_E_NOTFOUND)
		return have;
	if (want.code != LK_OK && want.code != LK_E_NOTFOUND)
		return want;
	*end = have.code == LK_E_NOTFOUND && want.code == LK_E_NOTFOUND;
	*same = have.code == want.code &&
	    (*end ||
		(bytes_equal(BYTES(mine.key, mine.len),
		     BYTES(copied.key, copied.len)) &&
		    bytes_equal(a, b)));
	*bytes += a.len + 64;
	t->at = copied;
	return LK_NONE;
}

static lk_err
compare(struct retrace *t, size_t bytes)
{
	for (size_t done = 0; done < bytes && t->step == COMPARE;) {
		bool same = false, end = false;

		TRY(records_match(t, &same, &end, &done));
		if (end && derived[t->space] == SPACE_DOC)
			TRY(doc_hash_index_match(
			    docstate_space(t->of, t->docno, SPACE_DOC),
			    docstate_space(t->copy, t->docno, SPACE_DOC),
			    &same));
		if (!same) {
			found(t, &t->report.differs, derived_names[t->space]);
		} else if (end) {
			t->at.len = 0;
			if (++t->space == sizeof(derived) / sizeof(*derived)) {
				t->step = CHAINS;
				t->chain = (struct log_entry){ .lsn = 0 };
			}
		}
	}
	return LK_NONE;
}

/* The indexes, and the sums over them. */
static lk_err
sums_match(struct retrace *t, bool *same)
{
	struct fingerprint a, b;

	TRY(fingerprint_doc(t->of->txn, t->docno, &a));
	TRY(fingerprint_doc(t->copy->txn, t->docno, &b));
	*same = a.count == b.count && memcmp(a.sum, b.sum, sizeof(a.sum)) == 0;
	return LK_NONE;
}

static bool
entries_equal(const struct log_entry *a, const struct log_entry *b)
{
	return a->lsn == b->lsn && a->seq == b->seq &&
	    a->essential == b->essential &&
	    memcmp(a->id, b->id, LK_ID_LEN) == 0 &&
	    memcmp(a->tag, b->tag, LK_TOPIC_LEN) == 0;
}

static lk_err
chains(struct retrace *t, size_t bytes)
{
	bool same = true;

	for (size_t done = 0; done < bytes; done += 128) {
		struct log_entry a = t->chain, b = t->chain;
		lk_err have = chain_next(t->of->txn, t->docno, &a);
		lk_err want = chain_next(t->copy->txn, t->docno, &b);

		if (have.code == LK_E_NOTFOUND && want.code == LK_E_NOTFOUND) {
			TRY(sums_match(t, &same));
			t->step = REST;
			t->space = 0;
			t->at.len = 0;
			break;
		}
		if (have.code != LK_E_NOTFOUND)
			TRY(have);
		if (want.code != LK_E_NOTFOUND)
			TRY(want);
		same = have.code == want.code && entries_equal(&a, &b);
		if (!same)
			break;
		t->chain = b;
		chain_step(&t->chain);
	}
	if (!same)
		found(t, &t->report.differs, "its indexes");
	return LK_NONE;
}

static lk_err
rest(struct retrace *t, size_t bytes)
{
	for (size_t done = 0; done < bytes && t->step == REST;) {
		struct bytes value;
		lk_err err = next_record(
		    docstate_space(t->of, t->docno, others[t->space]), &t->at,
		    &value);

		if (err.code == LK_E_NOTFOUND) {
			t->at.len = 0;
			if (++t->space == sizeof(others) / sizeof(*others))
				t->step = CLEAR;
			continue;
		}
		TRY(err);
		done += value.len + 64;
	}
	return LK_NONE;
}

/* It was written to since it was replayed. */
static bool
has_more(struct retrace *t)
{
	struct log_entry entry;

	return log_next(t->of->txn, t->docno, t->lsn + 1, &entry).code !=
	    LK_E_NOTFOUND;
}

/* Both sides side by side, as they are now. */
static lk_err
look(struct retrace *t, size_t bytes)
{
	lk_err err;

	if (t->step != REST && has_more(t)) {
		t->step = REPLAY;
		return LK_NONE;
	}
	err = t->step == COMPARE ? compare(t, bytes)
	    : t->step == CHAINS  ? chains(t, bytes)
				 : rest(t, bytes);
	/* The copy was written a moment ago. */
	if (err.code == LK_E_CORRUPT) {
		found(t, &t->report.damaged, "a record");
		return LK_NONE;
	}
	return err;
}

static lk_err
clear(struct retrace *t)
{
	bool done = false;

	docstate_forget(t->copy, t->docno);
	TRY(store_drop(t->copy->txn, t->docno, CLEAR_SLICE, &done));
	if (done)
		t->step = DONE;
	return LK_NONE;
}

lk_err
retrace_step(struct retrace *t, size_t bytes_max, bool *done)
{
	lk_err err = LK_NONE;

	switch (t->step) {
	case REPLAY:
		err = replay(t, bytes_max);
		break;
	case COMPARE:
	case CHAINS:
	case REST:
		err = look(t, bytes_max);
		break;
	case CLEAR:
		err = clear(t);
		break;
	case DONE:
		break;
	}
	*done = t->step == DONE;
	return note(t, err);
}
