#include <string.h>

#include "crdt/document.h"
#include "sync/admit.h"

#define EXPORT_BYTES_MAX ((size_t)1024 * 1024 * 1024)

/* Rows of a change list that grows by doubling, in an arena. */
struct bodies {
	struct bytes *at;
	size_t len, cap;
};

static lk_err
bodies_add(struct bodies *b, struct arena *arena, const struct bytes *more,
    size_t n)
{
	if (b->len + n > b->cap) {
		size_t cap = b->cap == 0 ? 64 : b->cap;
		struct bytes *grown;

		while (cap < b->len + n)
			cap *= 2;
		grown = arena_alloc(arena, cap * sizeof(*grown));
		if (grown == NULL)
			return LK_ERR(LK_E_LIMIT, "changes");
		if (b->len > 0)
			memcpy(grown, b->at, b->len * sizeof(*grown));
		b->at = grown;
		b->cap = cap;
	}
	if (n > 0)
		memcpy(b->at + b->len, more, n * sizeof(*more));
	b->len += n;
	return LK_NONE;
}

/* The bodies of every change that is visible. */
static lk_err
export_bodies(struct admission *a, struct arena *arena, struct bodies *out)
{
	for (uint32_t n = 0; n < graph_len(a->ds->graph); n++) {
		struct bytes *bodies;
		size_t len;

		if (!graph_visible(a->ds->graph, n))
			continue;
		TRY(content_changes(a, n, arena, &bodies, &len));
		TRY(bodies_add(out, arena, bodies, len));
		arena_clear(&a->arena);
	}
	return LK_NONE;
}

lk_err
replica_export(struct replica *r, uint32_t docno, struct buf *out)
{
	ARENA_SCOPED arena = { .max = EXPORT_BYTES_MAX };
	struct bodies bodies = { .len = 0 };
	struct docstate *ds;
	struct admission a;
	struct history h;
	lk_err err;

	TRY(docstate_get(r, docno, &ds));
	admission_begin(&a, r, ds);
	err = export_bodies(&a, &arena, &bodies);
	admission_drop(&a);
	TRY(err);
	TRY(history_from_changes(&h, bodies.at, bodies.len));
	/* Somebody built on a change that does not count any more. */
	if (h.orphans_len > 0)
		err = LK_ERR(LK_E_DATA,
		    "revoked work that others built on cannot be exported yet");
	else
		err = history_write(out, h.changes, h.changes_len);
	history_clear(&h);
	return err;
}

static void
log_kinds(const struct body *body, struct change_info *info)
{
	for (size_t i = 0; i < body->ops_len; i++) {
		if (body->ops[i].kind < 32)
			info->kinds |= UINT32_C(1) << body->ops[i].kind;
	}
	info->is_import = body_has(body, OP_IMPORT);
	info->has_change = body_has(body, OP_CHANGE);
}

lk_err
replica_log(
    struct replica *r, uint32_t docno, uint64_t lsn, struct change_info *out)
{
	ARENA_SCOPED arena = { .max = ENVELOPE_MAX };
	struct change_info info = { .lsn = lsn };
	struct docstate *ds;
	struct log_entry entry;
	struct graph_author author;
	struct facts facts;
	struct body body;
	struct node node;
	uint32_t number, voided;

	TRY(docstate_get(r, docno, &ds));
	TRY(log_next(r->txn, docno, lsn, &entry));
	number = graph_find(ds->graph, entry.id);
	if (number == GRAPH_NONE)
		return LK_ERR(LK_E_CORRUPT, "log entry without node");
	TRY(node_get(r, docno, number, &node));
	TRY(facts_decode(&facts, &body, &arena, node.facts));
	author = graph_node_author(ds->graph, number);
	memcpy(info.id, entry.id, LK_ID_LEN);
	memcpy(info.author, author.key, sizeof(info.author));
	info.lsn = entry.lsn;
	info.seq = entry.seq;
	info.ops = node.ops;
	info.time = node.time;
	info.received = node.received;
	info.message = node.message;
	info.visible = graph_visible(ds->graph, number);
	log_kinds(&body, &info);
	if (node.hashes.len >= LK_ID_LEN)
		memcpy(info.hash, node.hashes.ptr, LK_ID_LEN);
	voided = graph_voided_by(ds->graph, number);
	if (voided != GRAPH_NONE)
		graph_id(ds->graph, voided, info.voided_by);
	*out = info;
	return LK_NONE;
}
