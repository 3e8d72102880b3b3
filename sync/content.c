#include "sync/admit.h"

#include <stdlib.h>
#include <string.h>

#include "crdt/doc_history.h"
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

/* Change hashes to depend on, and which parent each came from. */
struct heads {
	struct buf hashes;
	struct buf parents; /* u32 for each */
	bool again;         /* some may be there twice, or below another one */
};

/* Adds the heads a node's change or import leaves. */
static lk_err
heads_of_node(struct admission *a, uint32_t number, struct heads *h)
{
	struct node node;
	uint8_t hash[LK_ID_LEN];

	TRY(node_get(a->r, a->ds->docno, number, &node));
	buf_add(&h->hashes, node.hashes);
	for (size_t at = 0; at < node.hashes.len; at += LK_ID_LEN)
		buf_u32(&h->parents, number);
	/* Only a change has a seq. */
	h->again |= node.seq == 0;
	if (h->again || node.hashes.len != LK_ID_LEN)
		return LK_NONE;
	memcpy(hash, node.hashes.ptr, LK_ID_LEN);
	return content_carried(a, hash, &h->again);
}

/* Whether a hash is an ancestor of one that another parent brought.  What the
 * same parent brought needs no look. */
static lk_err
head_is_old(struct doc *doc, const struct heads *h, size_t i, bool *old)
{
	const uint8_t *mine = h->parents.ptr + i * sizeof(uint32_t);

	*old = false;
	for (size_t k = 0; k < h->hashes.len / LK_ID_LEN && !*old; k++) {
		const uint8_t *other = h->parents.ptr + k * sizeof(uint32_t);

		if (memcmp(mine, other, sizeof(uint32_t)) == 0)
			continue;
		TRY(doc_is_ancestor(doc, h->hashes.ptr + i * LK_ID_LEN,
		    h->hashes.ptr + k * LK_ID_LEN, old));
		/* Of two that are the same, one stays. */
		if (*old && i < k &&
		    memcmp(h->hashes.ptr + i * LK_ID_LEN,
			h->hashes.ptr + k * LK_ID_LEN, LK_ID_LEN) == 0)
			*old = false;
	}
	return LK_NONE;
}

/* The graph knows nothing of what the changes of an import depend on, nor that
 * a change came in two envelopes. */
static lk_err
heads_write(struct doc *doc, const struct heads *h, struct buf *deps)
{
	for (size_t at = 0; at < h->hashes.len; at += LK_ID_LEN) {
		bool old = false;

		if (h->again)
			TRY(head_is_old(doc, h, at / LK_ID_LEN, &old));
		if (!old)
			buf_mem(deps, h->hashes.ptr + at, LK_ID_LEN);
	}
	return buf_err(deps, "dependencies");
}

/* The Automerge dependencies that follow from parents; in the arena. */
static lk_err
content_deps(struct admission *a, struct doc *doc, const uint32_t *parents,
    size_t parents_len, struct bytes *out)
{
	struct heads h = { .again = false };
	BUF_SCOPED deps = { .max = (size_t)CHANGE_DEPS_MAX * LK_ID_LEN };
	lk_err err = LK_NONE;

	buf_init(&h.hashes, (size_t)CHANGE_DEPS_MAX * LK_ID_LEN);
	buf_init(&h.parents, (size_t)CHANGE_DEPS_MAX * sizeof(uint32_t));
	for (size_t i = 0; i < parents_len && err.code == LK_OK; i++)
		err = heads_of_node(a, parents[i], &h);
	if (err.code == LK_OK)
		err = buf_err(&h.hashes, "dependencies");
	if (err.code == LK_OK)
		err = buf_err(&h.parents, "dependencies");
	if (err.code == LK_OK)
		err = heads_write(doc, &h, &deps);
	buf_clear(&h.hashes);
	buf_clear(&h.parents);
	TRY(err);
	*out = arena_copy(&a->arena, buf_bytes(&deps));
	return out->len == deps.len ? LK_NONE
				    : LK_ERR(LK_E_NOMEM, "dependencies");
}

lk_err
content_head(struct admission *a, const uint32_t *parents, size_t parents_len,
    const struct graph_author *author, uint64_t seq, struct change_head *out)
{
	struct change_head head = { .seq = seq, .start_op = 1 };
	uint8_t actor[LK_TOPIC_LEN];
	struct bytes deps;
	struct doc *doc;

	TRY(admission_doc(a, &doc));
	TRY(content_deps(a, doc, parents, parents_len, &deps));
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
	    packed.form == FORM_DEFLATED ? buf_bytes(&deflated)
					 : buf_bytes(&lean));
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

	TRY(content_head(
	    a, j->parents, j->parents_len, &c->author, j->change_seq, &head));
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
	BUF_SCOPED b = { .max = KV_VALUE_MAX / 2 };

	if (j->parents_len > CHANGE_PARENTS_MAX)
		return LK_ERR(LK_E_LIMIT, "A8 parents");
	for (size_t i = 0; i < j->parents_len; i++)
		buf_uleb(&b, self - j->parents[i]);
	TRY(buf_err(&b, "parents"));
	*out = arena_copy(&a->arena, buf_bytes(&b));
	return out->len == b.len ? LK_NONE : LK_ERR(LK_E_NOMEM, "parents");
}

/* What the document's verdict on a change means. */
static lk_err
content_verdict(lk_err err)
{
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
	lk_err err;

	TRY(content_change(a, c, j, &change));
	TRY(content_parents(a, j, &node->parents));
	node->seq = j->change_seq;
	TRY(admission_doc(a, &doc));
	err = doc_apply(doc, &change, true);
	/* The editor has applied what was typed here.  From anybody else it is
	 * the same change in two envelopes, which a revocation can part. */
	if (err.code == LK_E_EXISTS)
		err = a->local ? LK_NONE : content_show_again(a, change.hash);
	TRY(content_verdict(err));
	node->time = change.time;
	node->ops = change.ops_len;
	node->message = change.message;
	node->hashes = arena_copy(&a->arena, BYTES_OF(change.hash));
	return node->hashes.ptr == NULL ? LK_ERR(LK_E_NOMEM, "change")
					: LK_NONE;
}

/*
 * The bytes of an import, of which this is the last piece: its envelopes
 * follow each other on the author's chain, under one grant.
 */
static lk_err
content_import_bytes(struct admission *a, const struct candidate *last,
    struct arena *arena, struct buf *out)
{
	struct piece {
		struct piece *next;
		struct bytes data;
	} *pieces = NULL;
	uint8_t at[LK_ID_LEN];
	bool first = last->body.has_grant;

	memcpy(at, last->env.prev, LK_ID_LEN);
	while (!first) {
		struct log_entry entry;
		struct candidate c;
		const struct op_content *op;
		struct piece *p;
		lk_err err = log_by_id(a->r->txn, at, &entry);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(candidate_open(a, &c, arena_copy(arena, entry.envelope)));
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
		first = c.body.has_grant;
	}
	for (; pieces != NULL; pieces = pieces->next)
		buf_add(out, pieces->data);
	buf_add(out, content_of(&last->body)->data);
	return buf_err(out, "import");
}

/* Reads an import: whole, or, if `h` is NULL, handing its changes out. */
static lk_err
import_read(struct admission *a, const struct candidate *last,
    struct history *h, change_fn *each, void *ctx)
{
	ARENA_SCOPED arena = { 0 };
	BUF_SCOPED file = { 0 };
	lk_err err;

	arena_init(&arena, (size_t)DOCUMENT_BODY_MAX * 2);
	buf_init(&file, DOCUMENT_BODY_MAX);
	err = content_import_bytes(a, last, &arena, &file);
	/* Its bytes are in the file now. */
	arena_clear(&arena);
	if (err.code == LK_OK)
		err = h != NULL
		    ? history_read_part(h, buf_bytes(&file))
		    : history_each_part(buf_bytes(&file), each, ctx);
	/* More than there is room for is its author's fault, not ours. */
	return err.code == LK_E_NOMEM ? LK_ERR(LK_E_LIMIT, "import") : err;
}

static lk_err
content_import(
    struct admission *a, const struct candidate *last, struct history *h)
{
	return import_read(a, last, h, NULL, NULL);
}

/* Whether a node is in the past of a candidate. */
static bool
candidate_knows(const struct graph *g, const struct candidate *c, uint32_t node)
{
	uint32_t n = graph_find(g, c->env.prev);

	if (n != GRAPH_NONE && graph_in_past(g, node, n))
		return true;
	for (size_t i = 0; i < c->body.deps_len; i++) {
		n = graph_find(g, c->body.deps + i * LK_ID_LEN);
		if (n != GRAPH_NONE && graph_in_past(g, node, n))
			return true;
	}
	return false;
}

bool
content_pretends(const struct admission *a, const struct member *m,
    const struct change *changes, size_t len)
{
	uint8_t actor[LK_TOPIC_LEN];

	actor_id(actor, &a->ds->topic, m->key, m->grant.env, m->grant.index);
	for (size_t i = 0; i < len; i++)
		if (bytes_equal(changes[i].actor, BYTES_OF(actor)))
			return true;
	return false;
}

/* No change of an import may pretend to be that of a member its author knew of.
 * Others are no reason to refuse it: where it came first, it was taken. */
static lk_err
content_foreign(
    struct admission *a, const struct candidate *c, const struct history *h)
{
	for (size_t m = 0; m < graph_members_len(a->ds->graph); m++) {
		struct member member;

		graph_member(a->ds->graph, m, &member);
		if (!content_pretends(a, &member, h->changes, h->changes_len))
			continue;
		if (candidate_knows(a->ds->graph, c, member.node))
			return LK_ERR(LK_E_MALFORMED, "A8 actor");
	}
	return LK_NONE;
}

lk_err
content_closed(struct admission *a, const struct history *h,
    const uint32_t *parents, size_t parents_len, bool *closed)
{
	struct bytes heads;
	uint8_t *missing;
	struct doc *doc;
	size_t n;

	TRY(history_missing(
	    h->changes, h->changes_len, &a->arena, &missing, &n));
	*closed = n == 0;
	if (*closed)
		return LK_NONE;
	TRY(admission_doc(a, &doc));
	TRY(content_deps(a, doc, parents, parents_len, &heads));
	return doc_past_holds(
	    doc, heads, BYTES(missing, n * LK_ID_LEN), closed);
}

static lk_err
import_apply(struct admission *a, const struct history *h)
{
	struct doc *doc;

	TRY(admission_doc(a, &doc));
	for (size_t i = 0; i < h->changes_len; i++) {
		lk_err err = doc_apply(doc, &h->changes[i], true);

		/* Another import has brought it, and may be void. */
		if (err.code == LK_E_EXISTS)
			err = content_show_again(a, h->changes[i].hash);
		TRY(content_verdict(err));
	}
	return LK_NONE;
}

/* The changes of an import whose place in their actor's work another one has
 * already, in the order of places. */
static lk_err
import_forks(struct admission *a, const struct history *h,
    const struct change **forks, size_t *len)
{
	struct doc *doc;
	size_t n = 0;

	TRY(admission_doc(a, &doc));
	for (size_t i = 0; i < h->changes_len; i++) {
		const struct change *x = &h->changes[i];
		struct doc_change_info info;
		bool taken;
		lk_err err;

		TRY(doc_has_seq(doc, x->actor, x->seq, &taken));
		if (!taken)
			continue;
		err = doc_change(doc, x->hash, &info);
		if (err.code == LK_E_NOTFOUND)
			forks[n++] = x;
		else
			TRY(err);
	}
	if (n > 0)
		qsort(forks, n, sizeof(*forks), change_place_order);
	*len = n;
	return LK_NONE;
}

/* Refuses an import if another one has changes in these places. */
static lk_err
import_against(
    struct admission *a, uint32_t node, const struct change **forks, size_t len)
{
	struct candidate c;
	struct history other;
	bool found = false;

	TRY(content_envelope(a, node, &c));
	TRY(content_import(a, &c, &other));
	for (size_t i = 0; i < other.changes_len && !found; i++) {
		const struct change *y = &other.changes[i];

		found = bsearch(&y, forks, len, sizeof(*forks),
			    change_place_order) != NULL;
	}
	history_clear(&other);
	return found ? LK_ERR(LK_E_MALFORMED, "A8 fork") : LK_NONE;
}

/* An import that takes the place of changes its author knew of is refused; of
 * others, it is a fork. */
static lk_err
content_beside(
    struct admission *a, const struct candidate *c, const struct history *h)
{
	const struct change **forks =
	    arena_alloc(&a->arena, h->changes_len * sizeof(*forks));
	size_t len;

	if (forks == NULL)
		return LK_ERR(LK_E_NOMEM, "import");
	TRY(import_forks(a, h, forks, &len));
	for (uint32_t n = 0; n < graph_len(a->ds->graph) && len > 0; n++) {
		struct node node;

		if (!candidate_knows(a->ds->graph, c, n))
			continue;
		TRY(node_get(a->r, a->ds->docno, n, &node));
		if (node.seq == 0 && node.hashes.len > 0)
			TRY(import_against(a, n, forks, len));
	}
	return LK_NONE;
}

/* All of an import or nothing: what is wrong with its last change shows when
 * the others are applied. */
static lk_err
import_apply_whole(struct admission *a, const struct history *h)
{
	struct txn *outer = a->r->txn;
	lk_err err, ended;

	TRY(admission_doc_end(a));
	TRY(txn_begin_nested(outer, &a->r->txn));
	err = import_apply(a, h);
	if (err.code == LK_OK)
		err = admission_doc_end(a);
	admission_doc_drop(a);
	ended = err.code == LK_OK ? txn_commit(a->r->txn) : LK_NONE;
	if (err.code != LK_OK)
		txn_abort(a->r->txn);
	a->r->txn = outer;
	TRY(ended);
	return err;
}

static lk_err
content_apply_history(struct admission *a, const struct candidate *c,
    const struct judgement *j, const struct history *h, struct node *node)
{
	uint8_t *heads;
	size_t heads_len;
	bool closed;

	TRY(content_closed(a, h, j->parents, j->parents_len, &closed));
	if (!closed || h->changes_len == 0)
		return LK_ERR(LK_E_MALFORMED, "A8 import incomplete");
	TRY(history_heads(
	    h->changes, h->changes_len, &a->arena, &heads, &heads_len));
	if (heads_len > IMPORT_HEADS_MAX)
		return LK_ERR(LK_E_LIMIT, "A8 heads of an import");
	TRY(content_foreign(a, c, h));
	TRY(content_beside(a, c, h));
	TRY(import_apply_whole(a, h));
	for (size_t i = 0; i < h->changes_len; i++)
		node->ops += h->changes[i].ops_len;
	node->time =
	    (a->again > 0 ? a->arrived : a->r->now.wall).ms / MS_PER_SECOND;
	node->hashes = BYTES(heads, heads_len * LK_ID_LEN);
	return LK_NONE;
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
	TRY(content_import(a, c, &h));
	err = content_apply_history(a, c, j, &h, node);
	history_clear(&h);
	return err;
}

struct import_flip {
	struct admission *a;
	bool visible;
	struct buf hashes; /* of the changes that flip */
};

static lk_err
flip_change(void *ctx, const struct change *c)
{
	struct import_flip *f = ctx;
	bool shows;

	TRY(content_counts(f->a, c->hash, f->visible, &shows));
	/* Others may still show it. */
	if (shows == f->visible)
		buf_mem(&f->hashes, c->hash, LK_ID_LEN);
	return buf_err(&f->hashes, "changes of an import");
}

static lk_err
content_flip_import(
    struct admission *a, const struct candidate *c, bool visible)
{
	struct import_flip f = { .a = a, .visible = visible };
	struct doc *doc;
	lk_err err;

	if (content_of(&c->body)->form == 0)
		return LK_NONE;
	buf_init(&f.hashes, (size_t)HISTORY_CHANGES_MAX * LK_ID_LEN);
	err = import_read(a, c, NULL, flip_change, &f);
	if (err.code == LK_OK)
		err = admission_doc(a, &doc);
	/* All at once: what they have in common is counted once. */
	if (err.code == LK_OK)
		err = doc_set_visible_all(doc,
		    (const uint8_t(*)[LK_ID_LEN])(uintptr_t)f.hashes.ptr,
		    f.hashes.len / LK_ID_LEN, visible);
	buf_clear(&f.hashes);
	return err;
}

lk_err
content_flip(struct admission *a, uint32_t number, bool visible)
{
	struct candidate c;
	struct node node;
	uint8_t hash[LK_ID_LEN];

	TRY(content_envelope(a, number, &c));
	if (body_has(&c.body, OP_IMPORT))
		return content_flip_import(a, &c, visible);
	TRY(node_get(a->r, a->ds->docno, number, &node));
	if (node.hashes.len != LK_ID_LEN)
		return LK_NONE;
	memcpy(hash, node.hashes.ptr, LK_ID_LEN);
	return content_show(a, hash, visible);
}

/* Rebuilds the change a node brought, from its envelope and its parents. */
static lk_err
content_rebuild(struct admission *a, const struct candidate *c, uint32_t number,
    struct buf *body)
{
	struct node node;
	struct graph_author author = graph_node_author(a->ds->graph, number);
	struct change_head head;
	uint32_t *parents;
	size_t len = 0;
	struct bytes lean;
	struct rd r;

	TRY(node_get(a->r, a->ds->docno, number, &node));
	/* At least a byte each. */
	parents = arena_alloc(&a->arena, node.parents.len * sizeof(*parents));
	if (parents == NULL)
		return LK_ERR(LK_E_NOMEM, "parents");
	r = rd_over(node.parents);
	while (r.left.len > 0 && !r.failed)
		parents[len++] = number - (uint32_t)rd_uleb(&r);
	if (!rd_done(&r))
		return LK_ERR(LK_E_CORRUPT, "parents");
	TRY(content_head(a, parents, len, &author, node.seq, &head));
	TRY(content_unpack(&a->arena, content_of(&c->body), &lean));
	return change_unlean(body, lean, &head);
}

/* Hands out the change that was rebuilt. */
static lk_err
content_hand_out(struct bytes body, change_fn *each, void *ctx)
{
	ARENA_SCOPED arena = { 0 };
	struct change c;

	arena_init(&arena, CHANGE_BODY_MAX);
	TRY(change_decode(&c, &arena, body));
	return each(ctx, &c);
}

lk_err
content_each(struct admission *a, uint32_t number, change_fn *each, void *ctx)
{
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };
	struct candidate c;

	TRY(content_envelope(a, number, &c));
	if (content_of(&c.body) == NULL)
		return LK_NONE;
	if (body_has(&c.body, OP_CHANGE)) {
		TRY(content_rebuild(a, &c, number, &body));
		return content_hand_out(buf_bytes(&body), each, ctx);
	}
	if (content_of(&c.body)->form == 0)
		return LK_NONE;
	return import_read(a, &c, NULL, each, ctx);
}

static lk_err
body_add(void *ctx, const struct change *c)
{
	return change_bodies_add(ctx, c->body);
}

lk_err
content_changes(struct admission *a, uint32_t number, struct change_bodies *out)
{
	return content_each(a, number, body_add, out);
}
