#include "sync/replica.h"

#include <stdlib.h>
#include <string.h>

#include "sync/docstate.h"
#include "sync/mend.h"
#include "sync/names.h"

lk_err
replica_new(struct replica **out, const struct identity *identity,
    struct random random, struct verifier verifier)
{
	struct replica *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return LK_ERR(LK_E_NOMEM, "replica");
	r->identity = identity;
	r->random = random;
	r->verifier = verifier;
	TAILQ_INIT(&r->states);
	*out = r;
	return LK_NONE;
}

/* Forgets the documents that `all` or the present transaction concerns. */
static void
replica_forget(struct replica *r, bool all)
{
	struct docstate *ds, *next;

	TAILQ_FOREACH_SAFE (ds, &r->states, link, next)
		if (all || ds->dirty)
			docstate_free(r, ds);
}

void
replica_rest(struct replica *r)
{
	LK_ASSERT(r->txn == NULL);
	replica_forget(r, true);
	names_drop(r);
}

void
replica_free(struct replica *r)
{
	if (r == NULL)
		return;
	replica_forget(r, true);
	names_drop(r);
	buf_clear(&r->facts);
	free(r->damaged);
	free(r->events);
	free(r);
}

const struct identity *
replica_identity(const struct replica *r)
{
	return r->identity;
}

void
replica_begin(struct replica *r, struct txn *txn, struct now now)
{
	LK_ASSERT(r->outer == NULL);
	r->txn = txn;
	r->now = now;
	r->events_len = 0;
}

void
replica_aborted(struct replica *r)
{
	replica_forget(r, false);
	names_drop(r);
	r->home = 0;
	r->events_len = 0;
	r->txn = NULL;
	r->outer = NULL;
}

lk_err
replica_nest(struct replica *r)
{
	struct txn *child;

	LK_ASSERT(r->outer == NULL);
	TRY(txn_begin_nested(r->txn, &child));
	r->outer = r->txn;
	r->txn = child;
	r->events_nested = r->events_len;
	return LK_NONE;
}

/* What the outer transaction changed is read again from it. */
static void
nested_forget(struct replica *r)
{
	r->events_len = r->events_nested;
	replica_forget(r, false);
	names_drop(r);
	r->home = 0;
}

lk_err
replica_unnest(struct replica *r, bool commit)
{
	struct txn *child = r->txn;

	LK_ASSERT(r->outer != NULL);
	r->txn = r->outer;
	r->outer = NULL;
	if (commit)
		return txn_commit(child);
	txn_abort(child);
	nested_forget(r);
	return LK_NONE;
}

lk_err
replica_nest_again(struct replica *r)
{
	LK_ASSERT(r->outer != NULL);
	txn_abort(r->txn);
	r->txn = NULL;
	nested_forget(r);
	return txn_begin_nested(r->outer, &r->txn);
}

void
replica_committed(
    struct replica *r, const struct replica_event **events, size_t *len)
{
	struct docstate *ds;

	TAILQ_FOREACH (ds, &r->states, link)
		ds->dirty = false;
	r->txn = NULL;
	*events = r->events;
	*len = r->events_len;
}

lk_err
replica_note(struct replica *r, const struct replica_event *e)
{
	if (r->events_len == r->events_cap) {
		size_t cap = r->events_cap == 0 ? 64 : r->events_cap * 2;
		struct replica_event *grown =
		    reallocarray(r->events, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "events");
		r->events = grown;
		r->events_cap = cap;
	}
	if (e->docno == r->home && e->content && !e->local)
		names_drop(r);
	r->events[r->events_len++] = *e;
	return LK_NONE;
}

lk_err
replica_doc(struct replica *r, uint32_t docno, struct doc_summary *out)
{
	struct docstate *ds;
	struct doc_summary s = { .docno = docno };
	uint8_t id[LK_ID_LEN];
	struct grant_ref mine;

	TRY(docstate_get(r, docno, &ds));
	memcpy(s.docid, ds->docid, LK_ID_LEN);
	memcpy(s.topic, ds->topic.id, LK_TOPIC_LEN);
	s.home = ds->home;
	s.role = graph_role(ds->graph, r->identity->sign.pk);
	s.revoked =
	    graph_grant_for(ds->graph, r->identity->sign.pk, ROLE_RELAY, &mine)
		.code == LK_E_DENIED;
	s.envelopes = graph_len(ds->graph);
	s.waiting = ds->waiting;
	s.newer = ds->newer;
	s.forgotten = ds->forgotten;
	for (size_t i = 0; replica_damaged(r, docno, i, id).code == LK_OK; i++)
		s.damaged++;
	s.changed = ds->changed;
	*out = s;
	return LK_NONE;
}

lk_err
replica_voided(struct replica *r, uint32_t docno, uint64_t *voided)
{
	struct graph *g;
	uint64_t count = 0;

	TRY(replica_graph(r, docno, &g));
	for (uint32_t n = graph_len(g); n-- > 0;)
		count +=
		    !graph_visible(g, n) && graph_voided_by(g, n) != GRAPH_NONE;
	*voided = count;
	return LK_NONE;
}

static lk_err
docno_lookup(struct replica *r, char kind, struct bytes id, uint32_t *docno)
{
	BUF_SCOPED key = { 0 };
	struct bytes value;
	struct rd rd;
	uint32_t n;

	buf_init(&key, 64);
	buf_u8(&key, (uint8_t)kind);
	buf_add(&key, id);
	TRY(buf_err(&key, "document index"));
	TRY(kv_get(docstate_space(r, STORE_DEVICE, SPACE_META), buf_bytes(&key),
	    &value));
	rd = rd_over(value);
	n = rd_u32(&rd);
	if (!rd_done(&rd))
		return LK_ERR(LK_E_CORRUPT, "document index");
	*docno = n;
	return LK_NONE;
}

lk_err
replica_doc_by_id(
    struct replica *r, const uint8_t docid[static LK_ID_LEN], uint32_t *docno)
{
	return docno_lookup(r, 'i', BYTES(docid, LK_ID_LEN), docno);
}

lk_err
replica_doc_by_topic(struct replica *r,
    const uint8_t topic[static LK_TOPIC_LEN], uint32_t *docno)
{
	return docno_lookup(r, 't', BYTES(topic, LK_TOPIC_LEN), docno);
}

lk_err
replica_home(struct replica *r, uint32_t *docno)
{
	if (r->home == 0)
		TRY(docno_lookup(r, 'h', BYTES(NULL, 0), &r->home));
	*docno = r->home;
	return LK_NONE;
}

lk_err
replica_doc_next(struct replica *r, uint32_t after, uint32_t *docno)
{
	struct kv device = docstate_space(r, STORE_DEVICE, SPACE_META);
	struct bytes value;
	struct rd rd;
	uint32_t next;

	/* Numbers are given out in order; a forgotten one is skipped. */
	TRY(kv_get(device, BYTES_STR("n"), &value));
	rd = rd_over(value);
	next = rd_u32(&rd);
	for (uint32_t n = after + 1; n < next; n++) {
		struct bytes record;
		lk_err err = docstate_record(r, n, &record);

		if (err.code == LK_OK) {
			*docno = n;
			return LK_NONE;
		}
		if (err.code != LK_E_NOTFOUND)
			return err;
	}
	return LK_ERR(LK_E_NOTFOUND, "document");
}

lk_err
replica_graph(struct replica *r, uint32_t docno, struct graph **out)
{
	struct docstate *ds;

	TRY(docstate_get(r, docno, &ds));
	*out = ds->graph;
	return LK_NONE;
}

lk_err
replica_open_doc(struct replica *r, uint32_t docno, struct doc **out)
{
	struct bytes record;

	/* Content can be read without loading the graph. */
	TRY(docstate_record(r, docno, &record));
	return doc_open(out, docstate_space(r, docno, SPACE_DOC));
}
