#include "sync/admit.h"

#include <stdlib.h>
#include <string.h>

#include "sync/cert.h"
#include "sync/engine_state.h"
#include "sync/guard.h"

#define ADMISSION_ARENA_MAX ((size_t)512 * 1024 * 1024)

void
admission_begin(struct admission *a, struct replica *r, struct docstate *ds)
{
	*a = (struct admission){ .r = r, .ds = ds };
	arena_init(&a->arena, ADMISSION_ARENA_MAX);
	STAILQ_INIT(&a->released);
}

lk_err
admission_doc(struct admission *a, struct doc **out)
{
	if (a->doc == NULL)
		TRY(doc_open(
		    &a->doc, docstate_space(a->r, a->ds->docno, SPACE_DOC)));
	*out = a->doc;
	return LK_NONE;
}

static void
released_clear(struct admission *a)
{
	struct released *e;

	while ((e = STAILQ_FIRST(&a->released)) != NULL) {
		STAILQ_REMOVE_HEAD(&a->released, link);
		free(e);
	}
}

void
admission_doc_drop(struct admission *a)
{
	doc_free(a->doc);
	a->doc = NULL;
}

lk_err
admission_doc_end(struct admission *a)
{
	if (a->doc != NULL)
		TRY(doc_flush(a->doc));
	admission_doc_drop(a);
	return LK_NONE;
}

void
admission_drop(struct admission *a)
{
	admission_doc_drop(a);
	released_clear(a);
	arena_clear(&a->arena);
}

lk_err
admission_end(struct admission *a)
{
	lk_err err = admission_doc_end(a);

	if (err.code == LK_OK && a->ds->access)
		err = member_index_update(a->r, a->ds);
	if (err.code == LK_OK)
		err = docstate_save(a->r, a->ds);
	a->ds->access = false;
	admission_drop(a);
	return err;
}

/* Takes note of keys an envelope hands over; what waits for one is next. */
static lk_err
candidate_learn(struct admission *a, const struct epochs *found, bool hold)
{
	for (size_t i = 0; i < found->len; i++) {
		const struct epoch *e = &found->at[i];
		uint8_t wanted[LK_ID_LEN];
		bool is_new;

		TRY(hold ? docstate_key_add(a->r, a->ds->docno, e, &is_new)
			 : docstate_key_loose(a->r, a->ds, e, &is_new));
		if (is_new) {
			waiting_for_key(wanted, e->etag);
			TRY(admission_release(a, wanted));
		}
	}
	return LK_NONE;
}

/* The keys of an admitted envelope, and the one it is sealed with. */
static lk_err
candidate_hold(struct admission *a, struct candidate *c)
{
	const struct epochs own = { &c->epoch, 1 };

	/* Nothing loose: then it is held already. */
	if (a->ds->loose_len > 0)
		TRY(candidate_learn(a, &own, true));
	TRY(candidate_learn(a, &c->boxes, true));
	return candidate_learn(a, &c->links, true);
}

static lk_err
candidate_boxes(struct admission *a, struct candidate *c)
{
	TRY(keysection_parse(&c->keys, c->env.key_section, c->env.etag));
	TRY(keysection_open(&c->keys, a->r->identity->boxes,
	    a->r->identity->boxes_len, a->ds->topic.id, &a->arena, &c->boxes));
	return candidate_learn(a, &c->boxes, false);
}

/* The key that seals it: known, or in one of its own boxes. */
static lk_err
candidate_key(struct admission *a, struct candidate *c)
{
	lk_err err;

	if (c->env.key_section.len > 0)
		TRY(candidate_boxes(a, c));
	err = docstate_key_any(a->r, a->ds, c->env.etag, &c->epoch);
	return err.code == LK_E_NOTFOUND ? LK_ERR(LK_E_WAIT, "key") : err;
}

static lk_err
candidate_links(struct admission *a, struct candidate *c)
{
	TRY(keysection_follow(&c->keys, &c->epoch, 1, &a->arena, &c->links));
	return candidate_learn(a, &c->links, false);
}

void
candidate_wipe(struct candidate *c)
{
	secret_wipe(&c->epoch, sizeof(c->epoch));
	epochs_wipe(&c->boxes);
	epochs_wipe(&c->links);
}

static const struct access_op *
body_op(const struct body *b, enum op_kind kind)
{
	for (size_t i = 0; i < b->ops_len; i++)
		if (b->ops[i].kind == kind)
			return &b->ops[i];
	return NULL;
}

static lk_err
candidate_facts(struct admission *a, struct candidate *c)
{
	const struct access_op *share = body_op(&c->body, OP_SHARE);

	c->facts = (struct facts){ .seq = c->env.seq, .body = &c->body };
	memcpy(c->facts.id, c->env.id, LK_ID_LEN);
	memcpy(c->facts.prev, c->env.prev, LK_ID_LEN);
	memcpy(c->facts.etag, c->env.etag, ETAG_LEN);
	if (c->env.key_section.len > 0)
		return keysection_facts(&c->keys,
		    share == NULL ? NULL : (void *)(uintptr_t)share->share.keys,
		    share == NULL ? 0 : share->share.keys_len, &a->arena,
		    &c->facts);
	if (share != NULL || body_has(&c->body, OP_EPOCH))
		return LK_ERR(LK_E_MALFORMED, "keys without section");
	return LK_NONE;
}

static lk_err
candidate_read(struct admission *a, struct candidate *c)
{
	if (memcmp(c->env.topic, a->ds->topic.id, LK_TOPIC_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "topic");
	TRY(candidate_key(a, c));
	TRY(envelope_open(&c->env, &c->epoch, &a->arena, &c->content));
	if (c->env.key_section.len > 0)
		TRY(candidate_links(a, c));
	TRY(body_decode(&c->body, &a->arena, c->content.body));
	TRY(candidate_facts(a, c));
	c->opened = true;
	return LK_NONE;
}

lk_err
candidate_open(struct admission *a, struct candidate *c, struct bytes bytes)
{
	lk_err err;

	*c = (struct candidate){ 0 };
	err = envelope_parse(&c->env, bytes);
	/* Another version is refused; only what is inside may be newer. */
	if (err.code == LK_E_VERSION)
		return LK_ERR(LK_E_MALFORMED, "version of an envelope");
	TRY(err);
	err = candidate_read(a, c);
	if (err.code != LK_OK)
		candidate_wipe(c);
	return err;
}

static bool
is_genesis(const struct admission *a, const struct candidate *c)
{
	return memcmp(c->env.id, a->ds->docid, LK_ID_LEN) == 0;
}

/* A1: the signature, unless a worker has checked it against this author. */
static lk_err
admit_signature(
    struct admission *a, struct candidate *c, const struct graph_author *author)
{
	uint8_t tag[LK_TOPIC_LEN];
	bool genuine;

	author_tag(tag, &a->ds->topic, author->key);
	if (memcmp(tag, c->env.tag, LK_TOPIC_LEN) != 0)
		return LK_ERR(LK_E_MALFORMED, "A1 author tag");
	if (a->local || (a->again > 0 && !a->strict))
		return LK_NONE;
	if (c->checked &&
	    memcmp(c->author.key, author->key, ACCESS_KEY_LEN) == 0)
		genuine = c->genuine;
	else
		genuine = envelope_verify(c->content.sig, author->key,
		    is_genesis(a, c) ? NULL : a->ds->docid,
		    c->content.signed_digest);
	return genuine ? LK_NONE : LK_ERR(LK_E_MALFORMED, "A1 signature");
}

static lk_err
admit_grant(struct admission *a, const struct op_grant *g)
{
	struct keyproofs *k = &a->r->keyproofs;
	static const uint8_t none[DH_LEN];

	if (!keyproof_device(k, g->key))
		return LK_ERR(LK_E_MALFORMED, "A6 device key");
	if (memcmp(g->box, none, DH_LEN) != 0 &&
	    !keyproof_statement(k, g->box_sig, g->key, g->box, g->box_counter))
		return LK_ERR(LK_E_MALFORMED, "A6 box key");
	return LK_NONE;
}

/* That as many guardians have signed as are needed, and what a revocation names
 * is there, graph_judge has seen. */
static lk_err
admit_guard(struct admission *a, const struct graph_author *author,
    const struct op_guard *o)
{
	const uint8_t(*keys)[ACCESS_KEY_LEN];
	uint8_t targets[REVOKE_ENTRIES_MAX][ACCESS_KEY_LEN], needed;
	struct guard_statement said = { .op = o->op, .targets = targets[0] };

	(void)graph_guardians(a->ds->graph, &keys, &needed);
	memcpy(said.docid, a->ds->docid, LK_ID_LEN);
	memcpy(said.author, author->key, SIGN_PK_LEN);
	memcpy(said.nonce, o->nonce, GUARD_NONCE_LEN);
	if (o->op->kind == OP_REVOKE)
		TRY(guard_targets(a->ds->graph, &o->op->revoke, targets));
	for (size_t i = 0; i < o->sigs_len; i++) {
		const uint8_t *sig = o->sigs + i * GUARD_SIG_LEN;
		bool genuine = false;

		TRY(guard_verify(sig + 1, keys[sig[0]], &said, &genuine));
		if (!genuine)
			return LK_ERR(
			    LK_E_MALFORMED, "A6 guardian's signature");
	}
	return o->op->kind == OP_GRANT ? admit_grant(a, &o->op->grant)
				       : LK_NONE;
}

/* A6: keys that enter the document are points, and box keys are their owners'.
 */
static lk_err
admit_keys(struct admission *a, const struct candidate *c,
    const struct graph_author *author)
{
	for (size_t i = 0; i < c->body.ops_len; i++) {
		const struct access_op *op = &c->body.ops[i];

		if (op->kind == OP_GRANT)
			TRY(admit_grant(a, &op->grant));
		if (op->kind == OP_GUARD)
			TRY(admit_guard(a, author, &op->guard));
		if (op->kind == OP_REKEY &&
		    !keyproof_box(&a->r->keyproofs, op->rekey.box))
			return LK_ERR(LK_E_MALFORMED, "A6 box key");
	}
	return LK_NONE;
}

static lk_err
admit_genesis(struct admission *a, const struct candidate *c)
{
	const struct op_genesis *g = &c->body.ops[0].genesis;
	struct keyproofs *k = &a->r->keyproofs;
	static const uint8_t none[DH_LEN];

	if (!keyproof_device(k, g->root_pk) ||
	    !keyproof_device(k, g->device_pk) ||
	    !keyproof_box(k, g->device_box))
		return LK_ERR(LK_E_MALFORMED, "A6 genesis keys");
	for (size_t i = 0; i < g->m; i++)
		if (!keyproof_device(k, g->guardians + i * ACCESS_KEY_LEN))
			return LK_ERR(LK_E_MALFORMED, "A6 guardians' keys");
	if (memcmp(g->root_box, none, DH_LEN) != 0 &&
	    (!keyproof_box(k, g->root_box) ||
		!keyproof_statement(k, g->box_sig, g->device_pk, g->device_box,
		    g->box_counter)))
		return LK_ERR(LK_E_MALFORMED, "A6 genesis box keys");
	return LK_NONE;
}

/* A7: the boxes and links of an epoch, recomputed from its own secret. */
static lk_err
admit_epoch(const struct candidate *c, const struct judgement *j)
{
	struct epoch_claim claim = {
		.place = { .topic = c->env.topic,
		    .tag = c->env.tag,
		    .seq = c->env.seq },
		.epoch = &c->epoch,
		.readers = j->readers,
		.readers_len = j->readers_len,
	};

	if (c->facts.keys != KEYS_EPOCH)
		return LK_NONE;
	return keysection_check(&c->keys, &claim);
}

/* Puts epochs of these etags, all of which this device has read under, into a
 * list; false: a key is not here. */
static lk_err
epochs_of(struct admission *a, const uint8_t *const *etags, size_t len,
    struct epochs *out, bool *all)
{
	lk_err err = LK_NONE;

	out->at = arena_alloc(&a->arena, (len + 1) * sizeof(*out->at));
	if (out->at == NULL)
		return LK_ERR(LK_E_NOMEM, "share");
	while (out->len < len && err.code == LK_OK) {
		err = docstate_key_any(
		    a->r, a->ds, etags[out->len], &out->at[out->len]);
		out->len += err.code == LK_OK;
	}
	*all = out->len == len;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* Recomputes a share from the keys it names; one that is wrong stays, as who
 * was handed what must be a function of what was written alone. */
static lk_err
share_check(struct admission *a, struct candidate *c, const struct judgement *j,
    const struct epochs *keys)
{
	size_t boxes = c->facts.shared_len, links = c->facts.links_len;
	struct share_plan plan = { .place = { .topic = c->env.topic,
				       .tag = c->env.tag,
				       .seq = c->env.seq },
		.boxes_len = boxes,
		.links_len = links };
	struct share_box *box =
	    arena_alloc(&a->arena, (boxes + 1) * sizeof(*box));
	struct share_link *link =
	    arena_alloc(&a->arena, (links + 1) * sizeof(*link));
	bool is;

	if (box == NULL || link == NULL)
		return LK_ERR(LK_E_NOMEM, "share");
	for (size_t i = 0; i < boxes; i++) {
		box[i].epoch = &keys->at[i];
		memcpy(box[i].key, j->readers[i].key, ACCESS_KEY_LEN);
		memcpy(box[i].box, j->readers[i].box, DH_LEN);
	}
	for (size_t i = 0; i < links; i++)
		link[i] = (struct share_link){ &keys->at[boxes + 2 * i],
			&keys->at[boxes + 2 * i + 1] };
	plan.boxes = box;
	plan.links = link;
	TRY(keysection_is_share(&c->keys, &plan, &is));
	c->facts.wrong_share = !is;
	return LK_NONE;
}

static lk_err
admit_share(struct admission *a, struct candidate *c, const struct judgement *j)
{
	const struct facts *f = &c->facts;
	size_t len = f->shared_len + 2 * f->links_len;
	const uint8_t **etags;
	struct epochs keys = { 0 };
	bool all = false;
	lk_err err;

	if (f->keys != KEYS_SHARE)
		return LK_NONE;
	etags = arena_alloc(&a->arena, len * sizeof(*etags));
	if (etags == NULL)
		return LK_ERR(LK_E_NOMEM, "share");
	for (size_t i = 0; i < f->shared_len; i++)
		etags[i] = f->shared[i].etag;
	for (size_t i = 0; i < f->links_len; i++) {
		etags[f->shared_len + 2 * i] = f->links[i].newer;
		etags[f->shared_len + 2 * i + 1] = f->links[i].older;
	}
	c->facts.wrong_share = true;
	err = epochs_of(a, etags, len, &keys, &all);
	if (err.code == LK_OK && all)
		err = share_check(a, c, j, &keys);
	epochs_wipe(&keys);
	return err;
}

/* What all rules say, in the order of docs/protocol.md. */
static lk_err
admit_judge(struct admission *a, struct candidate *c, struct judgement *j,
    uint8_t missing[static LK_ID_LEN], struct graph_author *author)
{
	lk_err err = graph_author(a->ds->graph, &c->facts, author, missing);

	if (err.code != LK_OK)
		return err;
	TRY(admit_signature(a, c, author));
	if (body_has(&c->body, OP_GENESIS)) {
		if (!is_genesis(a, c))
			return LK_ERR(LK_E_MALFORMED, "second genesis");
		TRY(admit_genesis(a, c));
	}
	TRY(graph_judge(a->ds->graph, &c->facts, j));
	TRY(admit_keys(a, c, author));
	TRY(admit_share(a, c, j));
	return admit_epoch(c, j);
}

/* A change was applied as if it showed (`applied`); flips say what is so. */
static lk_err
admit_flips(struct admission *a, uint32_t self, bool applied,
    const struct flip *flips, size_t len)
{
	bool shown = false;

	/* The list belongs to the graph, which nothing below touches. */
	for (size_t i = 0; i < len; i++) {
		uint8_t id[LK_ID_LEN];

		if (flips[i].node == self)
			shown = flips[i].visible;
		else if (flips[i].visible_changed)
			TRY(content_flip(a, flips[i].node, flips[i].visible));
		if (!flips[i].essential_changed)
			continue;
		graph_id(a->ds->graph, flips[i].node, id);
		TRY(essential_set(a->r->txn, id, flips[i].essential));
	}
	/* What is void when it arrives is in no flip. */
	return applied && !shown ? content_flip(a, self, false) : LK_NONE;
}

static bool
has_content(const struct body *b)
{
	return body_has(b, OP_CHANGE) || body_has(b, OP_IMPORT);
}

/* Everything the acceptance of an envelope writes. */
static lk_err
admit_record(struct admission *a, const struct candidate *c, struct node *node)
{
	struct log_entry entry = {
		.docno = a->ds->docno, .seq = c->env.seq, .envelope = c->env.all
	};
	struct replica_event event = { .docno = a->ds->docno,
		.content = has_content(&c->body),
		.local = a->local };
	uint32_t self = graph_len(a->ds->graph);
	const struct flip *flips;
	BUF_SCOPED facts = { 0 };
	size_t len;

	memcpy(entry.id, c->env.id, LK_ID_LEN);
	memcpy(entry.tag, c->env.tag, LK_TOPIC_LEN);
	entry.lsn = a->again;
	TRY(a->again > 0 ? log_index(a->r->txn, &entry)
			 : log_append(a->r->txn, &entry));
	buf_init(&facts, 2 * ENVELOPE_MAX);
	facts_encode(&facts, &c->facts);
	TRY(buf_err(&facts, "facts"));
	node->lsn = entry.lsn;
	node->received = a->again > 0 ? a->arrived : a->r->now.wall;
	node->facts = buf_bytes(&facts);
	TRY(node_put(a->r, a->ds->docno, self, node));
	a->ds->dirty = true;
	if (a->again == 0)
		a->ds->changed = a->r->now.wall;
	TRY(graph_add(a->ds->graph, &c->facts, &flips, &len));
	TRY(admit_flips(a, self, event.content, flips, len));
	memcpy(event.id, c->env.id, LK_ID_LEN);
	event.lsn = entry.lsn;
	event.access = c->body.ops_len != 1 || !event.content;
	for (size_t i = 0; i < len; i++)
		event.content |= flips[i].visible_changed;
	a->ds->access |= event.access;
	return a->again > 0 ? LK_NONE : replica_note(a->r, &event);
}

/* Errors that are this device's own, not the envelope's. */
static bool
is_ours(lk_err err)
{
	return err.code == LK_E_SYS || err.code == LK_E_NOMEM ||
	    err.code == LK_E_CORRUPT || err.code == LK_E_FULL;
}

static lk_err
admit_wait(struct admission *a, const struct candidate *c, lk_err why,
    struct received *out)
{
	bool is_new;

	if (why.code == LK_E_VERSION)
		a->ds->newer = true;
	if (c->opened)
		leftovers_vouch(a, c);
	if (a->passing) {
		out->what = RECEIPT_WAITING;
		out->why = why.what;
		return LK_NONE;
	}
	TRY(waiting_put(a, &c->env, out->missing, &is_new));
	/* What it lacks was asked for when it came first. */
	out->what = is_new ? RECEIPT_WAITING : RECEIPT_KNOWN;
	out->why = why.what;
	return LK_NONE;
}

/* Half of an acceptance is written: whatever this is, it ends the transaction
 * and not only the link it came by. */
static lk_err
admit_written(lk_err err)
{
	return err.code == LK_OK || is_ours(err)
	    ? err
	    : LK_ERR(LK_E_CORRUPT, err.what);
}

/* What was judged and stays. */
static lk_err
admit_stays(struct admission *a, struct candidate *c, const struct judgement *j,
    const struct graph_author *author, struct node *node)
{
	uint32_t number = graph_len(a->ds->graph);
	bool is_new = !a->local && a->again == 0;

	TRY(admit_record(a, c, node));
	if (j->leftover && is_new)
		TRY(leftovers_add(a, c, author, number));
	if (memcmp(a->ds->wanted, c->env.id, LK_ID_LEN) == 0)
		a->ds->wanted_until.ms = 0;
	TRY(candidate_hold(a, c));
	return admission_release(a, c->env.id);
}

static lk_err
admit_opened(struct admission *a, struct candidate *c, struct received *out)
{
	struct judgement j = { .leftover = false };
	struct graph_author author;
	struct node node = { 0 };
	bool room = true;
	lk_err err = admit_judge(a, c, &j, out->missing, &author);

	if (err.code == LK_OK && j.leftover && !a->local && a->again == 0)
		TRY(leftovers_room(a, c, &author, &room));
	if (!room) {
		*out =
		    (struct received){ .what = RECEIPT_DROPPED, .why = "void" };
		return LK_NONE;
	}
	if (err.code == LK_OK && has_content(&c->body)) {
		c->author = author;
		err = content_apply(a, c, &j, &node);
	}
	/* Too much of one's own is no verdict on anybody. */
	if (is_ours(err) || (a->local && err.code == LK_E_LIMIT))
		return err;
	switch ((int)err.code) {
	case LK_OK:
		*out = (struct received){ .what = RECEIPT_ACCEPTED };
		return admit_written(admit_stays(a, c, &j, &author, &node));
	case LK_E_EXISTS:
		*out = (struct received){ .what = RECEIPT_KNOWN };
		return LK_NONE;
	case LK_E_WAIT:
	case LK_E_VERSION:
		return admit_wait(a, c, err, out);
	default:
		*out = (struct received){ .what = RECEIPT_REFUSED,
			.why = err.what };
		refusal_note(
		    a, c, err.code == LK_E_DENIED ? &author : NULL, err.what);
		return LK_NONE;
	}
}

/* Begins an arena of its own, so that no number of envelopes in one admission
 * leaves another without room; arena_back ends it. */
static struct arena
arena_part(struct admission *a)
{
	struct arena outer = a->arena;

	arena_init(&a->arena, ADMISSION_ARENA_MAX);
	return outer;
}

static void
arena_back(struct admission *a, struct arena outer)
{
	arena_clear(&a->arena);
	a->arena = outer;
}

lk_err
admit(struct admission *a, struct candidate *c, struct received *out)
{
	struct arena outer = arena_part(a);
	lk_err err = LK_NONE;

	*out = (struct received){ .what = RECEIPT_KNOWN };
	if (graph_find(a->ds->graph, c->env.id) == GRAPH_NONE)
		err = admit_opened(a, c, out);
	candidate_wipe(c);
	arena_back(a, outer);
	return err;
}

/* Opens a candidate; when that fails, *out says why. */
lk_err
admission_open(struct admission *a, struct candidate *c, struct bytes bytes,
    struct received *out)
{
	lk_err err = candidate_open(a, c, bytes);

	if (err.code == LK_OK)
		return LK_NONE;
	if (is_ours(err))
		return err;
	*out = (struct received){ .what = RECEIPT_REFUSED, .why = err.what };
	if (err.code == LK_E_WAIT)
		waiting_for_key(out->missing, c->env.etag);
	if (err.code == LK_E_WAIT || err.code == LK_E_VERSION)
		return admit_wait(a, c, err, out);
	refusal_note(a, c, NULL, err.what);
	return LK_NONE;
}

static lk_err
admit_bytes(struct admission *a, struct bytes bytes)
{
	struct arena outer = arena_part(a);
	struct candidate c;
	struct received verdict;
	lk_err err = admission_open(a, &c, bytes, &verdict);

	if (err.code == LK_OK && c.opened)
		err = admit(a, &c, &verdict);
	arena_back(a, outer);
	return err;
}

lk_err
admission_release(struct admission *a, const uint8_t id[static LK_ID_LEN])
{
	struct released *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return LK_ERR(LK_E_NOMEM, "admission");
	memcpy(e->id, id, LK_ID_LEN);
	STAILQ_INSERT_TAIL(&a->released, e, link);
	return LK_NONE;
}

lk_err
admission_drain(struct admission *a)
{
	struct released *e;

	while ((e = STAILQ_FIRST(&a->released)) != NULL) {
		BUF_SCOPED waiting = { 0 };
		const uint8_t *outer = a->from;
		bool passing = a->passing;
		uint8_t from[SIGN_PK_LEN];
		lk_err err;

		if (a->ds->waiting == 0) {
			released_clear(a);
			break;
		}
		buf_init(&waiting, ENVELOPE_MAX);
		err = waiting_take(a, e->id, &waiting, from);
		if (err.code == LK_E_NOTFOUND) {
			STAILQ_REMOVE_HEAD(&a->released, link);
			free(e);
			continue;
		}
		TRY(err);
		a->from = from;
		a->passing = false;
		err = admit_bytes(a, buf_bytes(&waiting));
		a->from = outer;
		a->passing = passing;
		TRY(err);
	}
	return LK_NONE;
}
