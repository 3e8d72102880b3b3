/*
 * forge.h - envelopes a hostile member makes with keys that are his, for tests:
 * any body, at any place of his chain.
 */
#ifndef TESTS_UNIT_SYNC_FORGE_H
#define TESTS_UNIT_SYNC_FORGE_H

#include "tests/unit/sync/carried.h"

struct forgery {
	struct body body;
	uint64_t seq;
	uint8_t prev[LK_ID_LEN];
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	struct bytes key_section;
	uint8_t random;            /* sets apart envelopes of equal content */
	const uint8_t *as;         /* in whose name; NULL: the signer's own */
	const struct epoch *under; /* NULL: the present one */
};

static inline void
forge_seal(struct device *d, uint32_t docno, const struct forgery *f,
    struct buf *out, uint8_t id[static LK_ID_LEN])
{
	uint8_t random[32] = { f->random, 1 }, etag[ETAG_LEN];
	struct sign_key author = d->identity.sign;
	struct docstate *ds;
	struct epoch epoch;
	struct envelope_draft draft = { .author = &author,
		.epoch = &epoch,
		.seq = f->seq,
		.prev = f->seq == 1 ? NULL : f->prev,
		.key_section = f->key_section,
		.random = random };
	BUF_SCOPED body = { .max = ENVELOPE_BODY_MAX };

	if (f->as != NULL)
		memcpy(author.pk, f->as, sizeof(author.pk));
	device_begin(d);
	ok(docstate_get(d->r, docno, &ds));
	graph_any_epoch(ds->graph, etag);
	if (f->under != NULL)
		epoch = *f->under;
	else
		ok(docstate_key(d->r, docno, etag, &epoch));
	draft.topic = &ds->topic;
	draft.docid = ds->docid;
	body_encode(&body, &f->body);
	draft.body = buf_bytes(&body);
	buf_init(out, ENVELOPE_MAX);
	ok(envelope_make(out, id, &draft));
	device_commit(d);
}

/* Begins a forgery where this device's next envelope would stand. */
static inline void
forge_place(struct device *d, uint32_t docno, struct forgery *f)
{
	const uint8_t *me = d->identity.sign.pk;
	struct docstate *ds;
	uint32_t tip;
	bool forked;

	*f = (struct forgery){ .seq = 1 };
	device_begin(d);
	ok(docstate_get(d->r, docno, &ds));
	ok(graph_deps(ds->graph, me, f->deps, &f->body.deps_len));
	tip = graph_tip(ds->graph, me, &forked);
	if (tip == GRAPH_NONE) {
		f->body.has_grant = true;
		ok(graph_grant_for(ds->graph, me, ROLE_READ, &f->body.grant));
	} else {
		f->seq = graph_seq(ds->graph, tip) + 1;
		graph_id(ds->graph, tip, f->prev);
	}
	device_commit(d);
	f->body.deps = f->deps[0];
}

/* The last envelope of a device, sealed and signed by it once more. */
static inline void
forge_twin(struct device *d, uint32_t docno, struct buf *out)
{
	struct forgery f = { .random = 77 };
	struct docstate *ds;
	struct admission a;
	struct candidate c;
	struct log_entry entry;
	uint8_t id[LK_ID_LEN];
	bool forked;

	device_begin(d);
	ok(docstate_get(d->r, docno, &ds));
	graph_id(
	    ds->graph, graph_tip(ds->graph, d->identity.sign.pk, &forked), id);
	ok(log_by_id(d->txn, id, &entry));
	admission_begin(&a, d->r, ds);
	ok(candidate_open(&a, &c, arena_copy(&a.arena, entry.envelope)));
	device_commit(d);
	f.body = c.body;
	f.seq = c.env.seq;
	memcpy(f.prev, c.env.prev, LK_ID_LEN);
	forge_seal(d, docno, &f, out, id);
	admission_drop(&a);
}

#endif
