#include "sync/admit.h"

#include <stdlib.h>
#include <string.h>

/* What an envelope is sealed under, and the section that hands the key out. */
struct sealing {
	struct epoch epoch;
	struct bytes key_section;
	bool rotates;
};

static lk_err
author_rotate(struct admission *a, uint64_t seq, struct sealing *s)
{
	struct replica *r = a->r;
	uint8_t ladder[EPOCH_SECRET_LEN], tag[LK_TOPIC_LEN];
	const struct graph_reader *readers;
	const uint8_t(*etags)[ETAG_LEN];
	struct epoch older[EPOCH_LINKS_MAX];
	struct epoch_plan plan = { .epoch = &s->epoch, .older = older };
	BUF_SCOPED section = { 0 };
	size_t etags_len;
	lk_err err;

	random_fill(&r->random, ladder, sizeof(ladder));
	epoch_derive(&s->epoch, ladder);
	secret_wipe(ladder, sizeof(ladder));
	author_tag(tag, &a->ds->topic, r->identity->sign.pk);
	TRY(graph_maximal(a->ds->graph, &etags, &etags_len));
	for (size_t i = 0; i < etags_len && plan.older_len < EPOCH_LINKS_MAX;
	     i++) {
		err = docstate_key(
		    r, a->ds->docno, etags[i], &older[plan.older_len]);
		if (err.code == LK_OK)
			plan.older_len++;
		else if (err.code != LK_E_NOTFOUND)
			return err;
	}
	TRY(graph_readers(a->ds->graph, &readers, &plan.readers_len));
	plan.readers = readers;
	plan.place = (struct keysection_place){
		.topic = a->ds->topic.id, .tag = tag, .seq = seq
	};
	buf_init(&section, KEYSECTION_MAX);
	err = keysection_make_epoch(&section, &plan);
	secret_wipe(older, sizeof(older));
	TRY(err);
	s->key_section = arena_copy(&a->arena, buf_bytes(&section));
	s->rotates = true;
	return s->key_section.ptr == NULL ? LK_ERR(LK_E_NOMEM, "epoch")
					  : LK_NONE;
}

/* For what is no change: any maximal epoch whose key is here. */
static lk_err
author_any_held(struct admission *a, struct epoch *epoch)
{
	const uint8_t(*etags)[ETAG_LEN];
	size_t len;

	TRY(graph_maximal(a->ds->graph, &etags, &len));
	for (size_t i = 0; i < len; i++) {
		lk_err err = docstate_key(a->r, a->ds->docno, etags[i], epoch);

		if (err.code != LK_E_NOTFOUND)
			return err;
	}
	return LK_ERR(LK_E_DENIED, "a key that has not come yet");
}

static lk_err
author_seal_under(
    struct admission *a, bool content, uint64_t seq, struct sealing *s)
{
	uint8_t etag[ETAG_LEN];
	lk_err err = LK_NONE;

	if (content)
		err = graph_clean_epoch(a->ds->graph, etag);
	else
		graph_any_epoch(a->ds->graph, etag);
	if (err.code == LK_OK)
		err = docstate_key(a->r, a->ds->docno, etag, &s->epoch);
	if (err.code == LK_E_NOTFOUND)
		return content ? author_rotate(a, seq, s)
			       : author_any_held(a, &s->epoch);
	return err;
}

/* The author's place in his own chain and in the graph. */
struct place {
	uint64_t seq;
	uint8_t prev[LK_ID_LEN];
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	struct body body;
};

#define FORKED              \
	LK_ERR(LK_E_DENIED, \
	    "this device's key was used twice (a copied LK_HOME)")

lk_err
author_alone(const struct admission *a, uint32_t *tip)
{
	bool forked;

	*tip = graph_tip(a->ds->graph, a->r->identity->sign.pk, &forked);
	return forked ? FORKED : LK_NONE;
}

static lk_err
author_place(struct admission *a, enum role need, struct place *p)
{
	const uint8_t *me = a->r->identity->sign.pk;
	struct graph *g = a->ds->graph;
	struct member m;
	uint32_t tip;
	bool forked;

	TRY(author_grant(a->ds, a->r, need, &m));
	p->body.grant = m.grant;
	/* A phrase is typed on machines that have not met (A3): what it writes
	 * next comes after all of it. */
	tip = graph_tip(g, me, &forked);
	if (forked && (m.flags & GRANT_COLD) == 0)
		return FORKED;
	TRY(graph_deps(g, me, p->deps, &p->body.deps_len));
	p->body.deps = p->deps[0];
	p->body.has_grant = true;
	p->seq = 1;
	if (tip != GRAPH_NONE) {
		struct graph_author before = graph_node_author(g, tip);

		p->seq = graph_seq(g, tip) + 1;
		graph_id(g, tip, p->prev);
		p->body.has_grant =
		    !grant_ref_equal(&before.grant, &p->body.grant);
	}
	/* It would be another branch beside what it wrote before. */
	if (p->seq < a->ds->floor)
		return LK_ERR(LK_E_DENIED,
		    "what this device wrote before it forgot the document is "
		    "not back yet");
	return LK_NONE;
}

lk_err
author_admit(struct admission *a, struct bytes envelope)
{
	struct candidate c;
	struct received verdict;

	a->local = true;
	TRY(candidate_open(a, &c, envelope));
	TRY(admit(a, &c, &verdict));
	if (verdict.what != RECEIPT_ACCEPTED)
		return LK_ERR(LK_E_DENIED, verdict.why);
	return LK_NONE;
}

static bool
ops_have_content(const struct access_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i].kind == OP_CHANGE || ops[i].kind == OP_IMPORT ||
		    ops[i].kind == OP_PIECE)
			return true;
	return false;
}

static lk_err
author_write(struct admission *a, const struct access_op *ops, size_t ops_len,
    const struct place *place, const struct sealing *s, uint8_t *id)
{
	struct body b = place->body;
	uint8_t random[32], made[LK_ID_LEN];
	struct envelope_draft draft;
	BUF_SCOPED body = { 0 };
	BUF_SCOPED out = { 0 };
	lk_err err;

	LK_ASSERT(ops_len < ENVELOPE_OPS_MAX);
	if (s->rotates)
		b.ops[b.ops_len++].kind = OP_EPOCH;
	for (size_t i = 0; i < ops_len; i++)
		b.ops[b.ops_len++] = ops[i];
	buf_init(&body, ENVELOPE_BODY_MAX);
	body_encode(&body, &b);
	TRY(buf_err(&body, "one change over 1 MiB"));
	random_fill(&a->r->random, random, sizeof(random));
	draft = (struct envelope_draft){
		.author = &a->r->identity->sign,
		.topic = &a->ds->topic,
		.epoch = &s->epoch,
		.docid = a->ds->docid,
		.seq = place->seq,
		.prev = place->seq == 1 ? NULL : place->prev,
		.key_section = s->key_section,
		.body = buf_bytes(&body),
		.random = random,
	};
	buf_init(&out, ENVELOPE_MAX);
	err = envelope_make(&out, made, &draft);
	TRY(err);
	if (id != NULL)
		memcpy(id, made, LK_ID_LEN);
	return author_admit(a, arena_copy(&a->arena, buf_bytes(&out)));
}

/* Puts a node among the deps, unless it is in their past or in that of prev;
 * deps in its own past go. */
static lk_err
place_after(const struct graph *g, struct place *p, uint32_t node)
{
	uint32_t prev = graph_find(g, p->prev);
	size_t kept = 0;

	if (prev != GRAPH_NONE && graph_in_past(g, node, prev))
		return LK_NONE;
	for (size_t i = 0; i < p->body.deps_len; i++)
		if (graph_in_past(g, node, graph_find(g, p->deps[i])))
			return LK_NONE;
	for (size_t i = 0; i < p->body.deps_len; i++)
		if (!graph_in_past(g, graph_find(g, p->deps[i]), node))
			memmove(p->deps[kept++], p->deps[i], LK_ID_LEN);
	if (kept == ENVELOPE_DEPS_MAX)
		return LK_ERR(LK_E_LIMIT, "too many at once");
	graph_id(g, node, p->deps[kept++]);
	p->body.deps_len = kept;
	return LK_NONE;
}

lk_err
author_after(struct admission *a, struct access_op *op, const uint32_t *nodes,
    size_t n)
{
	struct place p = { .seq = 0 };
	struct sealing s = { .rotates = false };
	lk_err err;

	TRY(author_place(a, ROLE_WRITE, &p));
	for (size_t i = 0; i < n; i++)
		TRY(place_after(a->ds->graph, &p, nodes[i]));
	qsort(p.deps, p.body.deps_len, LK_ID_LEN, lk_id_compare);
	err = author_seal_under(a, false, p.seq, &s);
	if (err.code == LK_OK)
		err = author_write(a, op, 1, &p, &s, NULL);
	secret_wipe(&s.epoch, sizeof(s.epoch));
	return err;
}

lk_err
author_envelope(struct admission *a, struct access_op *ops, size_t ops_len,
    enum role need, uint8_t *id)
{
	struct place p = { .seq = 0 };
	struct sealing s = { .rotates = false };
	lk_err err;

	TRY(author_place(a, need, &p));
	err = author_seal_under(a, ops_have_content(ops, ops_len), p.seq, &s);
	if (err.code == LK_OK)
		err = author_write(a, ops, ops_len, &p, &s, id);
	secret_wipe(&s.epoch, sizeof(s.epoch));
	return err;
}

lk_err
author_see_all(struct admission *a, bool *wrote)
{
	const uint8_t *me = a->r->identity->sign.pk;
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	size_t len;

	*wrote = false;
	for (;;) {
		struct access_op op = { .kind = OP_NO_EFFECT_MIN };

		TRY(graph_deps(a->ds->graph, me, deps, &len));
		if (len < ENVELOPE_DEPS_MAX)
			return LK_NONE;
		TRY(author_envelope(a, &op, 1, ROLE_WRITE, NULL));
		*wrote = true;
	}
}

/* One envelope that hands one key to one reader. */
static lk_err
author_share(struct admission *a, const struct shared_key *what,
    const struct graph_reader *who)
{
	struct access_op op = { .kind = OP_SHARE };
	uint8_t tag[LK_TOPIC_LEN], devices[1][ACCESS_KEY_LEN];
	struct place p = { .seq = 0 };
	struct sealing s = { .rotates = false };
	struct epoch epoch;
	struct share_box box = { .epoch = &epoch };
	struct share_plan plan = { .boxes = &box, .boxes_len = 1 };
	BUF_SCOPED section = { .max = KEYSECTION_MAX };
	lk_err err;

	TRY(docstate_key(a->r, a->ds->docno, what->etag, &epoch));
	memcpy(box.key, who->key, ACCESS_KEY_LEN);
	memcpy(box.box, who->box, DH_LEN);
	author_tag(tag, &a->ds->topic, a->r->identity->sign.pk);
	TRY(author_place(a, ROLE_READ, &p));
	plan.place = (struct keysection_place){
		.topic = a->ds->topic.id, .tag = tag, .seq = p.seq
	};
	err =
	    keysection_make_share(&section, &plan, devices, &op.share.keys_len);
	op.share.keys = devices[0];
	if (err.code == LK_OK)
		err = author_seal_under(a, false, p.seq, &s);
	s.key_section = buf_bytes(&section);
	if (err.code == LK_OK)
		err = author_write(a, &op, 1, &p, &s, NULL);
	secret_wipe(&epoch, sizeof(epoch));
	secret_wipe(&s.epoch, sizeof(s.epoch));
	return err;
}

lk_err
replica_heal(struct replica *r, uint32_t docno, bool *healed)
{
	struct shared_key what;
	struct graph_reader who;
	struct docstate *ds;
	struct admission a;
	lk_err err;

	*healed = false;
	TRY(docstate_get(r, docno, &ds));
	if (graph_role(ds->graph, r->identity->sign.pk) < ROLE_READ ||
	    !graph_missing_share(ds->graph, &what, &who))
		return LK_NONE;
	admission_begin(&a, r, ds);
	err = author_share(&a, &what, &who);
	if (err.code != LK_OK) {
		admission_drop(&a);
		/* Not mine to give: I lack it too, or may write no more. */
		return err.code == LK_E_NOTFOUND || err.code == LK_E_DENIED
		    ? LK_NONE
		    : err;
	}
	*healed = true;
	return admission_end(&a);
}
