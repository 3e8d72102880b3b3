#include "sync/admit.h"
#include "sync/mend.h"

#include <string.h>

#define RECEIVE_SLICE 256 /* envelopes prepared at once */

/* Who wrote it, as far as the graph or an earlier candidate tells. */
static bool
candidate_author(struct admission *a, struct candidate *all, size_t i)
{
	struct candidate *c = &all[i];
	uint8_t missing[LK_ID_LEN];

	if (graph_author(a->ds->graph, &c->facts, &c->author, missing).code ==
	    LK_OK)
		return true;
	if (body_has(&c->body, OP_GENESIS)) {
		const struct op_genesis *g = &c->body.ops[0].genesis;

		memcpy(c->author.key,
		    (g->policy & GENESIS_ROOT_BOX) != 0 ? g->root_pk
							: g->device_pk,
		    ACCESS_KEY_LEN);
		return true;
	}
	for (size_t j = i; j-- > 0;) {
		const uint8_t *wanted =
		    c->body.has_grant ? c->body.grant.env : c->env.prev;

		if (!all[j].opened ||
		    memcmp(all[j].env.id, wanted, LK_ID_LEN) != 0)
			continue;
		if (!c->body.has_grant) {
			c->author = all[j].author;
			return all[j].author_known;
		}
		if (c->body.grant.index < all[j].body.ops_len &&
		    all[j].body.ops[c->body.grant.index].kind == OP_GRANT) {
			memcpy(c->author.key,
			    all[j].body.ops[c->body.grant.index].grant.key,
			    ACCESS_KEY_LEN);
			return true;
		}
		return false;
	}
	return false;
}

/* Checks the signatures of a slice, many at once. */
static lk_err
receive_verify(struct admission *a, struct candidate *cs, size_t n)
{
	struct verify_job *jobs = arena_alloc(&a->arena, n * sizeof(*jobs));
	size_t len = 0;

	if (jobs == NULL)
		return LK_ERR(LK_E_NOMEM, "signatures");
	for (size_t i = 0; i < n; i++) {
		if (!cs[i].opened)
			continue;
		cs[i].author_known = candidate_author(a, cs, i);
		if (!cs[i].author_known)
			continue;
		memcpy(jobs[len].pk, cs[i].author.key, ACCESS_KEY_LEN);
		memcpy(jobs[len].sig, cs[i].content.sig, SIGN_LEN);
		memcpy(jobs[len].digest, cs[i].content.signed_digest, 32);
		jobs[len].genesis =
		    memcmp(cs[i].env.id, a->ds->docid, LK_ID_LEN) == 0;
		memcpy(jobs[len].docid, a->ds->docid, LK_ID_LEN);
		len++;
	}
	a->r->verifier.run(a->r->verifier.ctx, jobs, len);
	for (size_t i = 0, at = 0; i < n; i++) {
		if (!cs[i].opened || !cs[i].author_known)
			continue;
		cs[i].checked = true;
		cs[i].genuine = jobs[at++].valid;
	}
	return LK_NONE;
}

void
verify_jobs_here(void *ctx, struct verify_job *jobs, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++)
		verify_job_run(&jobs[i]);
}

void
verify_job_run(struct verify_job *job)
{
	job->valid = envelope_verify(
	    job->sig, job->pk, job->genesis ? NULL : job->docid, job->digest);
}

static lk_err
receive_slice(struct admission *a, const struct bytes *envelopes, size_t n,
    struct received *out)
{
	struct candidate *cs = arena_alloc(&a->arena, n * sizeof(*cs));

	if (cs == NULL)
		return LK_ERR(LK_E_NOMEM, "envelopes");
	for (size_t i = 0; i < n; i++) {
		uint8_t id[LK_ID_LEN];

		envelope_id(id, envelopes[i]);
		out[i] = (struct received){ .what = RECEIPT_KNOWN };
		if (graph_find(a->ds->graph, id) != GRAPH_NONE) {
			TRY(mend_envelope(
			    a->r, a->ds->docno, id, envelopes[i]));
			continue;
		}
		TRY(admission_open(a, &cs[i], envelopes[i], &out[i]));
	}
	TRY(receive_verify(a, cs, n));
	for (size_t i = 0; i < n; i++) {
		if (cs[i].opened)
			TRY(admit(a, &cs[i], &out[i]));
		TRY(admission_drain(a));
	}
	return LK_NONE;
}

static lk_err
receive_all(struct admission *a, const struct bytes *envelopes, size_t n,
    struct received *out)
{
	lk_err err = LK_NONE;
	size_t at = 0;

	for (; at < n && a->ds->forgotten; at++)
		out[at] = (struct received){ .what = RECEIPT_DROPPED };
	for (; at < n && err.code == LK_OK; at += RECEIVE_SLICE) {
		size_t slice = n - at < RECEIVE_SLICE ? n - at : RECEIVE_SLICE;

		err = receive_slice(a, envelopes + at, slice, out + at);
		arena_clear(&a->arena);
	}
	if (err.code == LK_OK)
		return admission_end(a);
	admission_drop(a);
	return err;
}

lk_err
replica_receive(struct replica *r, uint32_t docno, const uint8_t *from,
    const struct bytes *envelopes, size_t n, struct received *out)
{
	struct docstate *ds;
	struct admission a;

	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	a.from = from;
	return receive_all(&a, envelopes, n, out);
}

lk_err
replica_offer(struct replica *r, uint32_t docno, const struct bytes *envelopes,
    size_t n, struct received *out)
{
	struct docstate *ds;
	struct admission a;

	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	a.passing = true;
	return receive_all(&a, envelopes, n, out);
}

/* Whoever reads a document knows its secret: made that of another one, what is
 * found by topic would go astray.  Before anything of a document was ever here
 * nobody can tell which of two it is. */
static lk_err
topic_is_free(struct replica *r, const struct topic *topic)
{
	struct forgotten f;
	struct node node;
	uint32_t taken;
	lk_err err = replica_doc_by_topic(r, topic->id, &taken);

	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	TRY(docstate_forgotten(r, taken, &f));
	err = node_get(r, taken, 0, &node);
	if (err.code == LK_E_NOTFOUND && f.floor == 0)
		return LK_NONE;
	if (err.code != LK_E_NOTFOUND)
		TRY(err);
	return LK_ERR(LK_E_MALFORMED, "WELCOME topic");
}

lk_err
replica_welcome(struct replica *r, const struct welcome *w, uint32_t *docno)
{
	struct docstate *ds;
	struct admission a;
	lk_err err = replica_doc_by_id(r, w->docid, docno);
	bool is_new;

	if (err.code == LK_E_NOTFOUND) {
		TRY(topic_is_free(r, &w->topic));
		TRY(docstate_create(r, w->docid, &w->topic, false, &ds));
		*docno = ds->docno;
	} else {
		TRY(err);
		TRY(docstate_get(r, *docno, &ds));
		if (memcmp(ds->topic.id, w->topic.id, LK_TOPIC_LEN) != 0)
			return LK_ERR(LK_E_MALFORMED, "WELCOME topic");
	}
	admission_begin(&a, r, ds);
	for (size_t i = 0; i < w->keys_len && err.code != LK_E_SYS; i++) {
		uint8_t wanted[LK_ID_LEN];

		err = docstate_key_add(r, *docno, &w->keys[i], &is_new);
		waiting_for_key(wanted, w->keys[i].etag);
		if (err.code == LK_OK && is_new)
			err = admission_release(&a, wanted);
		if (err.code != LK_OK)
			break;
	}
	if (err.code == LK_OK)
		err = admission_drain(&a);
	if (err.code == LK_OK)
		return admission_end(&a);
	admission_drop(&a);
	return err;
}
