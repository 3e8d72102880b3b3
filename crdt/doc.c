#include "crdt/doc.h"
#include "crdt/branch_map.h"

#include <stdlib.h>

#include "crdt/doc_branch.h"
#include "crdt/edit_state.h"
#include "crdt/opset.h"
#include "crdt/sequence.h"
#include "crdt/slot.h"

#define DOC_VERSION 2

/* Decoded records kept between operations: some tens of megabytes. */
#define BLOCKS_KEPT 1024
#define NODES_KEPT 1024
#define OBJECTS_KEPT 4096
#define CHANGE_BLOCKS_KEPT 256
#define SLOT_BLOCKS_KEPT 1024

#define LOANS_MAX ((size_t)1 << 30)

lk_err
doc_record(struct doc *doc, const struct doc_key *k, struct bytes *value)
{
	lk_err err = kv_get(doc->kv, doc_key_view(k), value);

	if (err.code == LK_E_NOTFOUND)
		return LK_ERR(LK_E_CORRUPT, "a record is missing");
	return err;
}

struct buf *
doc_encode(struct doc *doc)
{
	buf_reset(&doc->record);
	return &doc->record;
}

lk_err
doc_write(struct doc *doc, const struct doc_key *k)
{
	TRY(buf_err(&doc->record, "record of a document"));
	return kv_put(doc->kv, doc_key_view(k), buf_bytes(&doc->record));
}

lk_err
doc_writable(const struct doc *doc)
{
	return doc->view == NULL
	    ? LK_NONE
	    : LK_ERR(LK_E_USAGE, "a view cannot be written to");
}

lk_err
doc_trim(struct doc *doc)
{
	TRY(doc_cache_trim(doc, &doc->ops));
	TRY(doc_cache_trim(doc, &doc->nodes));
	TRY(doc_cache_trim(doc, &doc->changes));
	TRY(doc_cache_trim(doc, &doc->slots));
	return doc_cache_trim(doc, &doc->objects);
}

lk_err
doc_settle(struct doc *doc)
{
	arena_clear(&doc->loans);
	return doc_trim(doc);
}

static lk_err
header_read(struct doc *doc)
{
	struct doc_key k;
	struct bytes record;
	struct rd r;
	uint64_t n[5];
	lk_err err;

	doc_key_start(&k, RECORD_HEADER);
	err = kv_get(doc->kv, doc_key_view(&k), &record);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	r = rd_over(record);
	n[0] = rd_uleb(&r);
	if (!r.failed && n[0] > DOC_VERSION)
		return LK_ERR(LK_E_VERSION, "document state");
	if (n[0] != DOC_VERSION)
		return LK_ERR(LK_E_CORRUPT, "header of a document");
	for (int i = 0; i < 5; i++)
		n[i] = rd_uleb(&r);
	if (!rd_done(&r) || n[0] > UINT32_MAX || n[1] > DOCUMENT_ACTORS_MAX ||
	    n[2] > UINT32_MAX || n[3] > UINT32_MAX)
		return LK_ERR(LK_E_CORRUPT, "header of a document");
	doc->head = (struct doc_header){ .changes = (uint32_t)n[0],
		.actors = (uint32_t)n[1],
		.nodes = (uint32_t)n[2],
		.clocks = (uint32_t)n[3],
		.slots = n[4] };
	return LK_NONE;
}

static lk_err
header_write(struct doc *doc)
{
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	if (!doc->head_dirty)
		return LK_NONE;
	buf_uleb(b, DOC_VERSION);
	buf_uleb(b, doc->head.changes);
	buf_uleb(b, doc->head.actors);
	buf_uleb(b, doc->head.nodes);
	buf_uleb(b, doc->head.clocks);
	buf_uleb(b, doc->head.slots);
	doc_key_start(&k, RECORD_HEADER);
	TRY(doc_write(doc, &k));
	doc->head_dirty = false;
	return LK_NONE;
}

lk_err
doc_open(struct doc **out, struct kv kv)
{
	struct doc *doc = calloc(1, sizeof(*doc));
	lk_err err;

	if (doc == NULL)
		return LK_ERR(LK_E_NOMEM, "document");
	doc->kv = kv;
	arena_init(&doc->loans, LOANS_MAX);
	buf_init(&doc->record, KV_VALUE_MAX);
	doc_cache_init(&doc->ops, &opset_cache, BLOCKS_KEPT);
	doc_cache_init(&doc->nodes, &sequence_cache, NODES_KEPT);
	doc_cache_init(&doc->objects, &object_cache, OBJECTS_KEPT);
	doc_cache_init(&doc->changes, &change_cache, CHANGE_BLOCKS_KEPT);
	doc_cache_init(&doc->slots, &slot_cache, SLOT_BLOCKS_KEPT);
	err = header_read(doc);
	if (err.code != LK_OK) {
		doc_free(doc);
		return err;
	}
	*out = doc;
	return LK_NONE;
}

void
doc_free(struct doc *doc)
{
	if (doc == NULL)
		return;
	for (uint32_t i = 0; i < doc->actors_cap; i++)
		doc_actor_drop(doc, i);
	free(doc->actors);
	for (size_t i = 0; i < DOC_CLOCKS_KEPT; i++)
		clock_release(doc->clocks[i]);
	doc_cache_clear(&doc->ops);
	doc_cache_clear(&doc->nodes);
	doc_cache_clear(&doc->objects);
	doc_cache_clear(&doc->changes);
	doc_cache_clear(&doc->slots);
	id_list_clear(&doc->actors_dirty);
	free(doc->hashes.slots);
	edit_discard(doc->edit_idle);
	branch_paths_drop(doc);
	arena_clear(&doc->loans);
	buf_clear(&doc->record);
	view_free(doc->view);
	free(doc);
}

lk_err
doc_flush(struct doc *doc)
{
	TRY(doc_settle(doc));
	TRY(doc_cache_save(doc, &doc->ops));
	TRY(doc_cache_save(doc, &doc->nodes));
	TRY(doc_cache_save(doc, &doc->objects));
	TRY(doc_cache_save(doc, &doc->changes));
	TRY(doc_cache_save(doc, &doc->slots));
	TRY(doc_hashes_save(doc));
	TRY(doc_actors_save(doc));
	return header_write(doc);
}

void
change_info(
    uint32_t number, const struct doc_change *c, struct doc_change_info *out)
{
	*out = (struct doc_change_info){ .number = number,
		.actor = c->actor,
		.seq = c->seq,
		.start_op = c->start_op,
		.max_op = c->start_op + c->ops - 1,
		.visible = c->visible,
		.past_max_op = c->past_max_op };
	memcpy(out->hash, c->hash, LK_ID_LEN);
}

lk_err
doc_change(struct doc *doc, const uint8_t hash[static LK_ID_LEN],
    struct doc_change_info *out)
{
	struct doc_change c;
	uint32_t number;

	TRY(doc_change_find(doc, hash, &number));
	TRY(doc_change_load(doc, number, &c));
	change_info(number, &c, out);
	return LK_NONE;
}

lk_err
doc_is_ancestor(struct doc *doc, const uint8_t a[static LK_ID_LEN],
    const uint8_t b[static LK_ID_LEN], bool *is)
{
	uint32_t a_number, b_number;
	struct doc_change change;
	PAST_SCOPED past = { 0 };

	TRY(doc_change_find(doc, a, &a_number));
	TRY(doc_change_find(doc, b, &b_number));
	TRY(doc_change_load(doc, a_number, &change));
	TRY(past_of_change(doc, b_number, true, &past));
	*is = past_has(&past, change.actor, a_number);
	return LK_NONE;
}

uint64_t
doc_changes(const struct doc *doc)
{
	return doc->head.changes;
}

lk_err
doc_actor_seq(struct doc *doc, struct bytes actor, uint64_t *seq)
{
	struct doc_actor *a;
	uint32_t at;
	uint64_t most = 0;

	TRY(doc_actor_find(doc, actor, &at));
	do {
		TRY(doc_actor_load(doc, at, &a));
		if (a->seq > most)
			most = a->seq;
		TRY(branch_next(doc, at, &at));
	} while (at > 0);
	if (most == 0)
		return LK_ERR(LK_E_NOTFOUND, "actor");
	*seq = most;
	return LK_NONE;
}

lk_err
doc_has_seq(struct doc *doc, struct bytes actor, uint64_t seq, bool *has)
{
	struct doc_actor *a;
	uint32_t at;
	lk_err err = doc_actor_find(doc, actor, &at);

	*has = false;
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	do {
		TRY(doc_actor_load(doc, at, &a));
		*has |= seq <= a->seq &&
		    seq > (a->branch == NULL ? 0 : a->branch->at_seq);
		TRY(branch_next(doc, at, &at));
	} while (at > 0);
	return LK_NONE;
}

lk_err
doc_actor(struct doc *doc, uint32_t actor, struct bytes *out)
{
	struct doc_actor *a;

	if (actor >= doc->head.actors)
		return LK_ERR(LK_E_NOTFOUND, "actor");
	TRY(doc_actor_load(doc, actor, &a));
	*out = a->id;
	return LK_NONE;
}
