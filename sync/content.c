#include "sync/admit.h"

#include <string.h>

#include "crdt/document.h"

#define FORM_PLAIN 0
#define FORM_DEFLATED 1
#define MS_PER_SECOND 1000

/* The envelope of a node, opened again. */
static lk_err
content_envelope(struct admission *a, uint32_t number, struct candidate *c)
{
	struct log_entry entry;
	uint8_t id[LK_ID_LEN];

	graph_id(a->ds->graph, number, id);
	TRY(log_by_id(a->r->txn, id, &entry));
	TRY(candidate_open(a, c, arena_copy(&a->arena, entry.envelope)));
	candidate_wipe(c);
	return LK_NONE;
}

/* The heads a node's change or import leaves, as change hashes. */
static lk_err
content_hashes(struct admission *a, uint32_t number, struct buf *hashes)
{
	struct node node;

	TRY(node_get(a->r, a->ds->docno, number, &node));
	buf_add(hashes, node.hashes);
	return LK_NONE;
}

lk_err
content_head(struct admission *a, const uint32_t *parents, size_t parents_len,
    const struct graph_author *author, uint64_t seq, struct change_head *out)
{
	struct change_head head = { .seq = seq, .start_op = 1 };
	uint8_t actor[LK_TOPIC_LEN];
	struct bytes deps;
	struct doc *doc;
	BUF_SCOPED hashes = { 0 };

	TRY(admission_doc(a, &doc));
	buf_init(&hashes, (size_t)CHANGE_DEPS_MAX * LK_ID_LEN);
	for (size_t i = 0; i < parents_len; i++)
		TRY(content_hashes(a, parents[i], &hashes));
	TRY(buf_err(&hashes, "dependencies"));
	deps = arena_copy(&a->arena, buf_bytes(&hashes));
	if (deps.len != hashes.len)
		return LK_ERR(LK_E_NOMEM, "dependencies");
	for (size_t at = 0; at < deps.len; at += LK_ID_LEN) {
		struct doc_change_info info;

		TRY(doc_change(doc, deps.ptr + at, &info));
		if (info.past_max_op >= head.start_op)
			head.start_op = info.past_max_op + 1;
	}
	actor_id(actor, &a->ds->topic, author->key, author->grant.env,
	    author->grant.index);
	head.actor = arena_copy(&a->arena, BYTES_OF(actor));
	if (head.actor.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "actor");
	head.deps = deps.ptr;
	head.deps_len = deps.len / LK_ID_LEN;
	head.time = a->r->now.wall.ms / MS_PER_SECOND;
	*out = head;
	return LK_NONE;
}

lk_err
content_pack(
    struct arena *arena, struct bytes change_body, struct op_content *out)
{
	ARENA_SCOPED scratch = { 0 };
	struct change change;
	BUF_SCOPED lean = { 0 };
	BUF_SCOPED deflated = { 0 };
	struct op_content packed;

	arena_init(&scratch, CHANGE_BODY_MAX);
	buf_init(&lean, CHANGE_BODY_MAX);
	buf_init(&deflated, CHANGE_BODY_MAX);
	TRY(change_decode(&change, &scratch, change_body));
	change_lean(&lean, &change);
	TRY(buf_err(&lean, "change"));
	TRY(deflate_raw(&deflated, buf_bytes(&lean)));
	packed.form = deflated.len < lean.len ? FORM_DEFLATED : FORM_PLAIN;
	/* What inflates to more than a reader takes is sent as it is. */
	if (lean.len > LEAN_INFLATED_MAX)
		return LK_ERR(LK_E_LIMIT, "one change over 16 MiB");
	packed.data = arena_copy(arena,
	    packed.form == FORM_DEFLATED ? buf_bytes(&deflated) :
					   buf_bytes(&lean));
	if (packed.data.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "change");
	*out = packed;
	return LK_NONE;
}

static lk_err
content_unpack(
    struct arena *arena, const struct op_content *c, struct bytes *lean)
{
	BUF_SCOPED inflated = { 0 };

	if (c->form == FORM_PLAIN) {
		*lean = c->data;
		return LK_NONE;
	}
	if (c->form != FORM_DEFLATED)
		return LK_ERR(LK_E_MALFORMED, "A8 form");
	buf_init(&inflated, LEAN_INFLATED_MAX);
	TRY(inflate_raw(&inflated, c->data, LEAN_INFLATED_MAX));
	if (inflated.len <= c->data.len)
		return LK_ERR(LK_E_MALFORMED, "A8 form");
	*lean = arena_copy(arena, buf_bytes(&inflated));
	return lean->ptr == NULL ? LK_ERR(LK_E_NOMEM, "change") : LK_NONE;
}

static const struct op_content *
content_of(const struct body *b)
{
	for (size_t i = 0; i < b->ops_len; i++)
		if (b->ops[i].kind == OP_CHANGE || b->ops[i].kind == OP_IMPORT)
			return &b->ops[i].content;
	return NULL;
}

/* Rebuilds the Automerge change a candidate carries. */
static lk_err
content_change(struct admission *a, const struct candidate *c,
    const struct judgement *j, struct change *change)
{
	struct change_head head;
	struct bytes lean, copy;
	BUF_SCOPED body = { 0 };

	TRY(content_head(a, j->parents, j->parents_len, &c->author,
	    j->change_seq, &head));
	TRY(content_unpack(&a->arena, content_of(&c->body), &lean));
	buf_init(&body, CHANGE_BODY_MAX);
	TRY(change_unlean(&body, lean, &head));
	copy = arena_copy(&a->arena, buf_bytes(&body));
	if (copy.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "change");
	return change_decode(change, &a->arena, copy);
}

/* Parents as the node record has them: how many nodes back each is. */
static lk_err
content_parents(
    struct admission *a, const struct judgement *j, struct bytes *out)
{
	uint32_t self = graph_len(a->ds->graph);
	BUF_SCOPED b = { 0 };

	buf_init(&b, KV_VALUE_MAX / 2);
	for (size_t i = 0; i < j->parents_len; i++)
		buf_uleb(&b, self - j->parents[i]);
	TRY(buf_err(&b, "parents"));
	*out = arena_copy(&a->arena, buf_bytes(&b));
	return out->len == b.len ? LK_NONE : LK_ERR(LK_E_NOMEM, "parents");
}

/* What a change must not do because of what waits or was tried before. */
static lk_err
content_refuse(lk_err err)
{
	if (err.code == LK_E_EXISTS)
		return LK_NONE;
	if (err.code == LK_E_WAIT || err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_MALFORMED, "A8 dependency");
	return err;
}

static lk_err
content_apply_change(struct admission *a, const struct candidate *c,
    const struct judgement *j, struct node *node)
{
	struct change change;
	struct doc *doc;

	TRY(content_change(a, c, j, &change));
	TRY(content_parents(a, j, &node->parents));
	node->seq = j->change_seq;
	TRY(admission_doc(a, &doc));
	TRY(content_refuse(doc_apply(doc, &change, true)));
	node->time = change.time;
	node->ops = change.ops_len;
	node->message = change.message;
	node->hashes = arena_copy(&a->arena, BYTES_OF(change.hash));
	return node->hashes.ptr == NULL ? LK_ERR(LK_E_NOMEM, "change") :
					  LK_NONE;
}

/*
 * The bytes of an import, of which `last` is the last piece: its envelopes
 * follow each other on the author's chain.
 */
static lk_err
content_import_bytes(struct admission *a, const uint8_t prev[static LK_ID_LEN],
    struct bytes last, struct arena *arena, struct buf *out)
{
	struct piece {
		struct piece *next;
		struct bytes data;
	} *pieces = NULL;
	uint8_t at[LK_ID_LEN];

	memcpy(at, prev, LK_ID_LEN);
	for (;;) {
		struct log_entry entry;
		struct candidate c;
		const struct op_content *op;
		struct piece *p;
		lk_err err = log_by_id(a->r->txn, at, &entry);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(candidate_open(
		    a, &c, arena_copy(arena, entry.envelope)));
		candidate_wipe(&c);
		op = content_of(&c.body);
		if (op == NULL || !body_has(&c.body, OP_IMPORT) || op->form)
			break;
		p = arena_alloc(arena, sizeof(*p));
		if (p == NULL)
			return LK_ERR(LK_E_LIMIT, "import");
		*p = (struct piece){ .next = pieces, .data = op->data };
		pieces = p;
		memcpy(at, c.env.prev, LK_ID_LEN);
	}
	for (; pieces != NULL; pieces = pieces->next)
		buf_add(out, pieces->data);
	buf_add(out, last);
	return buf_err(out, "import");
}

/* Reads an import whole. */
static lk_err
content_import(struct admission *a, const uint8_t prev[static LK_ID_LEN],
    struct bytes last, struct history *h)
{
	ARENA_SCOPED arena = { 0 };
	BUF_SCOPED file = { 0 };

	arena_init(&arena, (size_t)DOCUMENT_BODY_MAX * 2);
	buf_init(&file, DOCUMENT_BODY_MAX);
	TRY(content_import_bytes(a, prev, last, &arena, &file));
	return history_read(h, buf_bytes(&file));
}

/* No change of an import may pretend to be a member's. */
static lk_err
content_foreign(struct admission *a, const struct history *h)
{
	for (size_t m = 0; m < graph_members_len(a->ds->graph); m++) {
		struct member member;
		uint8_t actor[LK_TOPIC_LEN];

		graph_member(a->ds->graph, m, &member);
		actor_id(actor, &a->ds->topic, member.key, member.grant.env,
		    member.grant.index);
		for (size_t i = 0; i < h->changes_len; i++)
			if (bytes_equal(h->changes[i].actor, BYTES_OF(actor)))
				return LK_ERR(LK_E_MALFORMED, "A8 actor");
	}
	return LK_NONE;
}

static lk_err
content_apply_changes(
    struct admission *a, const struct history *h, struct node *node)
{
	struct doc *doc;

	TRY(admission_doc(a, &doc));
	for (size_t i = 0; i < h->changes_len; i++) {
		TRY(content_refuse(doc_apply(doc, &h->changes[i], true)));
		node->ops += h->changes[i].ops_len;
	}
	return admission_doc_end(a);
}

/*
 * All of the changes or none: a transaction of its own takes back those in
 * front of a wrong one, which no envelope would account for.
 */
static lk_err
content_apply_history(
    struct admission *a, const struct history *h, struct node *node)
{
	struct txn *outer = a->r->txn, *inner;
	uint8_t *heads;
	size_t heads_len;
	lk_err err;

	if (h->orphans_len > 0 || h->changes_len == 0)
		return LK_ERR(LK_E_MALFORMED, "A8 import incomplete");
	TRY(content_foreign(a, h));
	TRY(history_heads(h->changes, h->changes_len, &a->arena, &heads,
	    &heads_len));
	node->time = a->r->now.wall.ms / MS_PER_SECOND;
	node->hashes = BYTES(heads, heads_len * LK_ID_LEN);
	if (node->hashes.len > KV_VALUE_MAX / 2)
		return LK_ERR(LK_E_LIMIT, "A8 heads of an import");
	TRY(admission_doc_end(a));
	TRY(txn_begin_nested(outer, &inner));
	a->r->txn = inner;
	err = content_apply_changes(a, h, node);
	admission_doc_drop(a);
	a->r->txn = outer;
	if (err.code == LK_OK)
		return txn_commit(inner);
	txn_abort(inner);
	return err;
}

lk_err
content_apply(struct admission *a, const struct candidate *c,
    const struct judgement *j, struct node *node)
{
	const struct op_content *op = content_of(&c->body);
	struct history h;
	lk_err err;

	if (body_has(&c->body, OP_CHANGE))
		return content_apply_change(a, c, j, node);
	if (op->form == 0)
		return LK_NONE; /* a piece: the last one applies them all */
	TRY(content_import(a, c->env.prev, op->data, &h));
	err = content_apply_history(a, &h, node);
	history_clear(&h);
	return err;
}

static lk_err
content_flip_import(struct admission *a, const struct candidate *c,
    struct doc *doc, bool visible)
{
	const struct op_content *op = content_of(&c->body);
	struct history h;
	lk_err err;

	if (op->form == 0)
		return LK_NONE;
	TRY(content_import(a, c->env.prev, op->data, &h));
	err = LK_NONE;
	for (size_t i = 0; i < h.changes_len && err.code == LK_OK; i++)
		err = doc_set_visible(doc, h.changes[i].hash, visible);
	history_clear(&h);
	return err;
}

lk_err
content_flip(struct admission *a, uint32_t number, bool visible)
{
	struct candidate c;
	struct node node;
	uint8_t id[LK_ID_LEN];
	struct doc *doc;

	TRY(admission_doc(a, &doc));
	TRY(content_envelope(a, number, &c));
	if (body_has(&c.body, OP_IMPORT))
		return content_flip_import(a, &c, doc, visible);
	TRY(node_get(a->r, a->ds->docno, number, &node));
	if (node.hashes.len != LK_ID_LEN)
		return LK_NONE;
	memcpy(id, node.hashes.ptr, LK_ID_LEN);
	return doc_set_visible(doc, id, visible);
}

/* Rebuilds the change a node brought, from its envelope and its parents. */
static lk_err
content_rebuild(struct admission *a, const struct candidate *c, uint32_t number,
    struct buf *body)
{
	struct node node;
	struct graph_author author = graph_node_author(a->ds->graph, number);
	struct change_head head;
	uint32_t parents[ENVELOPE_DEPS_MAX];
	size_t len = 0;
	struct bytes lean;
	struct rd r;

	TRY(node_get(a->r, a->ds->docno, number, &node));
	r = rd_over(node.parents);
	while (r.left.len > 0 && !r.failed && len < ENVELOPE_DEPS_MAX)
		parents[len++] = number - (uint32_t)rd_uleb(&r);
	if (!rd_done(&r))
		return LK_ERR(LK_E_CORRUPT, "parents");
	TRY(content_head(a, parents, len, &author, node.seq, &head));
	TRY(content_unpack(&a->arena, content_of(&c->body), &lean));
	return change_unlean(body, lean, &head);
}

lk_err
content_changes(struct admission *a, uint32_t number, struct arena *arena,
    struct bytes **bodies, size_t *len)
{
	struct candidate c;
	struct history h;
	BUF_SCOPED body = { 0 };
	size_t n = 1;

	TRY(content_envelope(a, number, &c));
	*len = 0;
	if (content_of(&c.body) == NULL)
		return LK_NONE;
	if (body_has(&c.body, OP_CHANGE)) {
		buf_init(&body, CHANGE_BODY_MAX);
		TRY(content_rebuild(a, &c, number, &body));
		*bodies = arena_alloc(arena, sizeof(**bodies));
		if (*bodies == NULL)
			return LK_ERR(LK_E_LIMIT, "changes");
		(*bodies)[0] = arena_copy(arena, buf_bytes(&body));
		*len = (*bodies)[0].ptr == NULL ? 0 : 1;
		return *len == 0 ? LK_ERR(LK_E_LIMIT, "changes") : LK_NONE;
	}
	if (content_of(&c.body)->form == 0)
		return LK_NONE;
	TRY(content_import(
	    a, c.env.prev, content_of(&c.body)->data, &h));
	n = h.changes_len;
	*bodies = arena_alloc(arena, n * sizeof(**bodies));
	for (size_t i = 0; *bodies != NULL && i < n; i++)
		(*bodies)[i] = arena_copy(arena, h.changes[i].body);
	history_clear(&h);
	if (*bodies == NULL || (*bodies)[n - 1].ptr == NULL)
		return LK_ERR(LK_E_LIMIT, "changes");
	*len = n;
	return LK_NONE;
}
