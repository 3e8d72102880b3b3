#include <string.h>

#include "crdt/document.h"
#include "sync/admit.h"
#include "sync/mend.h"

static void
entry_kinds(const struct body *body, struct change_info *info)
{
	for (size_t i = 0; i < body->ops_len; i++) {
		if (body->ops[i].kind < 32)
			info->kinds |= UINT32_C(1) << body->ops[i].kind;
	}
	info->is_import = body_has(body, OP_IMPORT);
	info->has_change = body_has(body, OP_CHANGE);
}

lk_err
replica_entry(
    struct replica *r, uint32_t docno, uint32_t number, struct change_info *out)
{
	ARENA_SCOPED arena = { .max = ENVELOPE_MAX };
	struct change_info info = { .number = number };
	struct docstate *ds;
	struct graph_author author;
	struct facts facts;
	struct body body;
	struct node node;
	uint32_t voided;

	TRY(docstate_get(r, docno, &ds));
	if (number >= graph_len(ds->graph))
		return LK_ERR(LK_E_NOTFOUND, "envelope");
	TRY(node_get(r, docno, number, &node));
	TRY(facts_decode(&facts, &body, &arena, node.facts));
	author = graph_node_author(ds->graph, number);
	graph_id(ds->graph, number, info.id);
	memcpy(info.author, author.key, sizeof(info.author));
	info.lsn = node.lsn;
	info.seq = facts.seq;
	info.ops = node.ops;
	info.time = node.time;
	info.received = node.received;
	info.message = node.message;
	info.hashes = node.hashes;
	info.visible = graph_visible(ds->graph, number);
	info.damaged = replica_is_damaged(r, docno, info.id);
	entry_kinds(&body, &info);
	if (node.hashes.len >= LK_ID_LEN)
		memcpy(info.hash, node.hashes.ptr, LK_ID_LEN);
	voided = graph_voided_by(ds->graph, number);
	if (voided != GRAPH_NONE)
		graph_id(ds->graph, voided, info.voided_by);
	*out = info;
	return LK_NONE;
}

lk_err
replica_body(struct replica *r, uint32_t docno, uint32_t number,
    struct arena *arena, struct body *out)
{
	struct docstate *ds;
	struct facts facts;
	struct bytes copy;
	struct node node;

	TRY(docstate_get(r, docno, &ds));
	if (number >= graph_len(ds->graph))
		return LK_ERR(LK_E_NOTFOUND, "envelope");
	TRY(node_get(r, docno, number, &node));
	copy = arena_copy(arena, node.facts);
	if (copy.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "envelope");
	return facts_decode(&facts, out, arena, copy);
}

lk_err
replica_log(
    struct replica *r, uint32_t docno, uint64_t lsn, struct change_info *out)
{
	struct docstate *ds;
	struct log_entry entry;
	uint32_t number;

	lk_err err;

	TRY(docstate_get(r, docno, &ds));
	err = log_next(r->txn, docno, lsn, &entry);
	/* What it says is in the node as well. */
	if (err.code != LK_E_CORRUPT)
		TRY(err);
	number = graph_find(ds->graph, entry.id);
	if (number == GRAPH_NONE)
		return LK_ERR(LK_E_CORRUPT, "log entry without node");
	return replica_entry(r, docno, number, out);
}

lk_err
replica_parents(
    struct replica *r, uint32_t docno, uint32_t number, struct buf *ids)
{
	struct docstate *ds;
	struct node node;
	struct rd rd;

	TRY(docstate_get(r, docno, &ds));
	TRY(node_get(r, docno, number, &node));
	rd = rd_over(node.parents);
	while (rd.left.len > 0 && !rd.failed) {
		uint64_t back = rd_uleb(&rd);
		uint8_t id[LK_ID_LEN];

		if (back == 0 || back > number)
			return LK_ERR(LK_E_CORRUPT, "parents");
		graph_id(ds->graph, number - (uint32_t)back, id);
		buf_mem(ids, id, sizeof(id));
	}
	if (!rd_done(&rd))
		return LK_ERR(LK_E_CORRUPT, "parents");
	return buf_err(ids, "parents");
}

/* What an entry brought into the document. */
struct brought {
	struct change_info info;
	uint64_t last; /* 1 + the greatest number of its heads; 0: none */
	bool sure;     /* a change, and nothing else has brought that one */
};

static lk_err
entry_brought(struct replica *r, uint32_t docno, struct doc *doc,
    uint32_t number, struct brought *out)
{
	struct doc_change_info change;
	struct docstate *ds;
	struct admission a;
	lk_err err;

	*out = (struct brought){ .last = 0 };
	TRY(replica_entry(r, docno, number, &out->info));
	for (size_t at = 0; at + LK_ID_LEN <= out->info.hashes.len;
	     at += LK_ID_LEN) {
		TRY(doc_change(doc, out->info.hashes.ptr + at, &change));
		if (change.number + UINT64_C(1) > out->last)
			out->last = change.number + UINT64_C(1);
	}
	if (!out->info.has_change || out->last == 0)
		return LK_NONE;
	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	err = content_carried(&a, out->info.hash, &out->sure);
	admission_drop(&a);
	out->sure = !out->sure;
	return err;
}

lk_err
replica_changes_at(struct replica *r, uint32_t docno, struct doc *doc,
    uint32_t number, uint64_t *changes)
{
	uint64_t most = 0;

	/* An import may have brought nothing new, and a change may have come
	 * again.  Otherwise what came later has a greater number. */
	for (uint32_t n = number + 1; n > 0; n--) {
		struct brought b;

		TRY(entry_brought(r, docno, doc, n - 1, &b));
		if (b.last > most)
			most = b.last;
		if (b.sure)
			break;
	}
	*changes = most;
	return LK_NONE;
}

/* The first entry from *at on, below `end`, that brought a change for the first
 * time for sure; NOTFOUND. */
static lk_err
entry_sure(struct replica *r, uint32_t docno, struct doc *doc, uint32_t end,
    uint32_t *at, uint64_t *last)
{
	for (; *at < end; ++*at) {
		struct brought b;

		TRY(entry_brought(r, docno, doc, *at, &b));
		*last = b.last;
		if (b.sure)
			return LK_NONE;
	}
	return LK_ERR(LK_E_NOTFOUND, "entry");
}

lk_err
replica_change(struct replica *r, uint32_t docno, struct doc *doc,
    const uint8_t hash[static LK_ID_LEN], struct change_info *out)
{
	struct doc_change_info change;
	struct docstate *ds;
	uint32_t low = 0, high, len;
	uint64_t last;

	TRY(docstate_get(r, docno, &ds));
	TRY(doc_change(doc, hash, &change));
	high = len = graph_len(ds->graph);
	/* Entries come in the order in which the document got their changes. */
	while (low < high) {
		uint32_t mid = low + (high - low) / 2, at = mid;
		lk_err err = entry_sure(r, docno, doc, high, &at, &last);

		if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
			return err;
		if (err.code == LK_OK && last <= change.number)
			low = at + 1;
		else
			high = mid;
	}
	/* Others may have brought it from here to the next of these. */
	for (; low < len; low++) {
		struct brought b;

		TRY(entry_brought(r, docno, doc, low, &b));
		*out = b.info;
		if (b.last > change.number)
			return LK_NONE;
	}
	return LK_ERR(LK_E_NOTFOUND, "envelope of a change");
}

lk_err
replica_each_change(struct replica *r, uint32_t docno, uint32_t number,
    change_fn *each, void *ctx)
{
	struct change_bodies bodies;
	struct docstate *ds;
	struct admission a;
	lk_err err;

	TRY(docstate_get(r, docno, &ds));
	change_bodies_init(&bodies, (size_t)DOCUMENT_BODY_MAX * 4);
	admission_begin(&a, r, ds);
	err = content_changes(&a, number, &bodies);
	admission_drop(&a);
	for (size_t i = 0; i < bodies.len && err.code == LK_OK; i++) {
		ARENA_SCOPED arena = { .max = CHANGE_BODY_MAX };
		struct change change;

		err = change_decode(&change, &arena, bodies.at[i]);
		if (err.code == LK_OK)
			err = each(ctx, &change);
	}
	change_bodies_clear(&bodies);
	return err;
}

struct wanted_body {
	const uint8_t *hash;
	struct buf *out;
};

static lk_err
body_pick(void *ctx, const struct change *change)
{
	const struct wanted_body *w = ctx;

	if (memcmp(change->hash, w->hash, LK_ID_LEN) != 0)
		return LK_NONE;
	buf_add(w->out, change->body);
	return LK_ERR(LK_E_EXISTS, "found");
}

lk_err
replica_change_body(struct replica *r, uint32_t docno, uint32_t number,
    const uint8_t hash[static LK_ID_LEN], struct buf *out)
{
	struct wanted_body w = { hash, out };
	lk_err err = replica_each_change(r, docno, number, body_pick, &w);

	if (err.code == LK_E_EXISTS)
		return buf_err(out, "change");
	return err.code == LK_OK ? LK_ERR(LK_E_CORRUPT, "change of an envelope")
				 : err;
}

lk_err
replica_each_actor(struct replica *r, uint32_t docno, actor_fn *each, void *ctx)
{
	for (size_t i = 0;; i++) {
		uint8_t actor[LK_TOPIC_LEN];
		struct docstate *ds;
		struct member m;

		/* `each` may read other documents. */
		TRY(docstate_get(r, docno, &ds));
		if (i >= graph_members_len(ds->graph))
			return LK_NONE;
		graph_member(ds->graph, i, &m);
		actor_id(actor, &ds->topic, m.key, m.grant.env, m.grant.index);
		TRY(each(ctx, actor, m.key));
	}
}
