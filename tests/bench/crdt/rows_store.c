#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "tests/bench/crdt/measure.h"
#include "tests/bench/crdt/trace.h"

#define DOCNO 1

/* A transaction with a document in it. */
struct session {
	struct store *store;
	struct txn *txn;
	struct replica r;
};

static void
session_begin(struct session *s, enum txn_mode mode)
{
	must(txn_begin(s->store, mode, &s->txn));
	replica_open(&s->r, txn_space(s->txn, DOCNO, SPACE_DOC), 1);
}

static void
session_end(struct session *s)
{
	must(doc_flush(s->r.doc));
	replica_close(&s->r);
	must(txn_commit(s->txn));
}

void
row_store_text(char **argv)
{
	enum { PER_TRANSACTION = 4096 };
	struct rd rd = rd_over(file_map(argv[0]));
	ARENA_SCOPED arena = { 0 };
	struct session s;
	struct bytes body;
	size_t n = 0;

	arena_init(&arena, CHANGE_BODY_MAX);
	phase(NULL);
	must(store_open(&s.store, argv[1], 0));
	session_begin(&s, TXN_WRITE);
	while (body_next(&rd, &body)) {
		struct change c;

		if (++n % PER_TRANSACTION == 0) {
			session_end(&s);
			session_begin(&s, TXN_WRITE);
		}
		arena_reset(&arena);
		must(change_decode(&c, &arena, body));
		must(doc_apply(s.r.doc, &c, true));
	}
	session_end(&s);
	phase("decode, apply, commit");
	store_close(s.store);
}

void
row_store_read(char **argv)
{
	BUF_SCOPED text = { .max = DOCUMENT_BODY_MAX };
	struct session s;

	phase(NULL);
	must(store_open(&s.store, argv[0], 0));
	phase("open the store");
	session_begin(&s, TXN_READ);
	replica_find(&s.r);
	phase("find the text");
	must(doc_text(s.r.doc, s.r.text, &text));
	phase("read it");
	replica_check(&s.r);
	replica_close(&s.r);
	txn_abort(s.txn);
	store_close(s.store);
}

static void
key_put(struct replica *r, uint32_t n, int64_t v)
{
	struct value value = { .type = VALUE_INT, .i64 = v };
	char key[32];

	(void)snprintf(key, sizeof(key), "key %u", n);
	must(edit_put(r->edit, DOC_ROOT,
	    (struct prop){ .is_key = true, .key = BYTES_STR(key) }, &value));
}

/* Where the one who writes left off: beside the document, as a replica has
 * it in its own records. */
static void
session_remember(struct session *s)
{
	struct kv kv = txn_space(s->txn, DOCNO, SPACE_META);
	struct buf b = { .max = 64 };

	buf_mem(&b, s->r.head, sizeof(s->r.head));
	buf_u64(&b, s->r.seq);
	buf_u64(&b, s->r.max_op);
	must(kv_put(kv, BYTES_STR("d"), buf_bytes(&b)));
	buf_clear(&b);
}

static void
session_resume(struct session *s)
{
	struct kv kv = txn_space(s->txn, DOCNO, SPACE_META);
	struct bytes value;
	struct rd r;

	if (kv_get(kv, BYTES_STR("d"), &value).code != LK_OK)
		return;
	r = rd_over(value);
	rd_copy(&r, s->r.head, sizeof(s->r.head));
	s->r.seq = rd_u64(&r);
	s->r.max_op = rd_u64(&r);
	s->r.has_head = true;
}

/* Keys in changes of 10,000. */
void
row_store_map(char **argv)
{
	enum { PER_CHANGE = 10000 };
	uint32_t keys = (uint32_t)strtonum(argv[1], 1, UINT32_MAX, NULL);
	struct session s;

	phase(NULL);
	must(store_open(&s.store, argv[0], 0));
	for (uint32_t at = 0; at < keys; at += PER_CHANGE) {
		session_begin(&s, TXN_WRITE);
		session_resume(&s);
		replica_begin(&s.r, NULL, 0);
		for (uint32_t i = at; i < at + PER_CHANGE && i < keys; i++)
			key_put(&s.r, i, i);
		replica_end(&s.r);
		session_remember(&s);
		session_end(&s);
	}
	phase("make");
	store_close(s.store);
}

static int
double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Single edits, each in a transaction of its own; every second key is new. */
void
row_store_edit(char **argv)
{
	enum { EDITS = 501 };
	uint32_t keys = (uint32_t)strtonum(argv[1], 1, UINT32_MAX, NULL);
	double ms[EDITS];
	struct session s;

	must(store_open(&s.store, argv[0], 0));
	phase(NULL);
	for (uint32_t i = 0; i < EDITS; i++) {
		uint32_t n = (uint32_t)((uint64_t)(i + 1) * 2654435761u % keys);

		session_begin(&s, TXN_WRITE);
		session_resume(&s);
		replica_begin(&s.r, NULL, 0);
		key_put(&s.r, i % 2 == 0 ? n : keys + n, -(int64_t)s.r.seq);
		replica_end(&s.r);
		session_remember(&s);
		session_end(&s);
		ms[i] = phase("edits");
	}
	qsort(ms, EDITS, sizeof(ms[0]), double_compare);
	figure("median_ms", ms[EDITS / 2]);
	figure("worst_ms", ms[EDITS - 1]);
	store_close(s.store);
}
