#include <stdlib.h>

#include "crdt/doc_state.h"

/* Enough of a hash to find it; the rest is compared in the change. */
#define HASH_PREFIX 8

static void
actor_key(struct doc_key *k, uint32_t number)
{
	doc_key_start(k, RECORD_ACTOR);
	doc_key_u32(k, number);
}

static lk_err
actor_room(struct doc *doc, uint32_t number)
{
	size_t cap = doc->actors_cap == 0 ? 16 : doc->actors_cap;
	struct doc_actor **actors;

	if (number < doc->actors_cap)
		return LK_NONE;
	while (cap <= number)
		cap *= 2;
	actors = reallocarray(doc->actors, cap, sizeof(struct doc_actor *));
	if (actors == NULL)
		return LK_ERR(LK_E_NOMEM, "actors");
	for (size_t i = doc->actors_cap; i < cap; i++)
		actors[i] = NULL;
	doc->actors = actors;
	doc->actors_cap = cap;
	return LK_NONE;
}

/* Keeps an actor under its number, with a copy of its bytes. */
static lk_err
actor_keep(struct doc *doc, uint32_t number, const struct doc_actor *a)
{
	struct doc_actor *kept;
	uint8_t *id;

	TRY(actor_room(doc, number));
	kept = malloc(sizeof(*kept));
	id = malloc(a->id.len);
	if (kept == NULL || id == NULL) {
		free(kept);
		free(id);
		return LK_ERR(LK_E_NOMEM, "actors");
	}
	memcpy(id, a->id.ptr, a->id.len);
	*kept = *a;
	kept->id = BYTES(id, a->id.len);
	doc->actors[number] = kept;
	return LK_NONE;
}

lk_err
doc_actor_load(struct doc *doc, uint32_t number, struct doc_actor **out)
{
	struct doc_actor a;
	struct doc_key k;
	struct bytes record;
	struct rd r;
	uint64_t end;

	if (number >= doc->head.actors)
		return LK_ERR(LK_E_CORRUPT, "number of an actor");
	if (number < doc->actors_cap && doc->actors[number] != NULL) {
		*out = doc->actors[number];
		return LK_NONE;
	}
	actor_key(&k, number);
	TRY(doc_record(doc, &k, &record));
	r = rd_over(record);
	a.id = rd_counted(&r);
	a.seq = rd_uleb(&r);
	end = rd_uleb(&r);
	if (!rd_done(&r) || a.id.len < 1 || a.id.len > ACTOR_LEN_MAX ||
	    end > doc->head.changes)
		return LK_ERR(LK_E_CORRUPT, "record of an actor");
	a.changes_end = (uint32_t)end;
	TRY(actor_keep(doc, number, &a));
	*out = doc->actors[number];
	return LK_NONE;
}

static lk_err
actor_save(struct doc *doc, uint32_t number)
{
	const struct doc_actor *a = doc->actors[number];
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	buf_counted(b, a->id);
	buf_uleb(b, a->seq);
	buf_uleb(b, a->changes_end);
	actor_key(&k, number);
	return doc_write(doc, &k);
}

lk_err
doc_id_check(struct doc *doc, uint64_t id)
{
	struct doc_actor *a;

	if (id_ctr(id) == 0)
		return LK_ERR(LK_E_CORRUPT, "an id of an op");
	return doc_actor_load(doc, id_actor(id), &a);
}

static void
actor_id_key(struct doc_key *k, struct bytes id)
{
	doc_key_start(k, RECORD_ACTOR_ID);
	doc_key_bytes(k, id);
}

lk_err
doc_actor_find(struct doc *doc, struct bytes id, uint32_t *number)
{
	struct doc_key k;
	struct bytes record;
	struct rd r;
	uint32_t n;

	if (id.len < 1 || id.len > ACTOR_LEN_MAX)
		return LK_ERR(LK_E_NOTFOUND, "actor");
	actor_id_key(&k, id);
	TRY(kv_get(doc->kv, doc_key_view(&k), &record));
	r = rd_over(record);
	n = rd_u32(&r);
	if (!rd_done(&r) || n >= doc->head.actors)
		return LK_ERR(LK_E_CORRUPT, "number of an actor");
	*number = n;
	return LK_NONE;
}

lk_err
doc_actor_add(struct doc *doc, struct bytes id, uint32_t *number)
{
	struct doc_actor a = { .id = id };
	struct doc_key k;

	if (doc->head.actors >= DOCUMENT_ACTORS_MAX)
		return LK_ERR(LK_E_LIMIT, "actors of a document");
	TRY(actor_keep(doc, doc->head.actors, &a));
	*number = doc->head.actors++;
	doc->head_dirty = true;
	TRY(actor_save(doc, *number));
	actor_id_key(&k, id);
	buf_u32(doc_encode(doc), *number);
	return doc_write(doc, &k);
}

int
doc_id_compare(const struct doc *doc, uint64_t a, uint64_t b)
{
	if (id_ctr(a) != id_ctr(b))
		return id_ctr(a) < id_ctr(b) ? -1 : 1;
	if (a == b)
		return 0;
	return bytes_compare(
	    doc->actors[id_actor(a)]->id, doc->actors[id_actor(b)]->id);
}

static void
change_key(struct doc_key *k, uint32_t number)
{
	doc_key_start(k, RECORD_CHANGE);
	doc_key_u32(k, number);
}

lk_err
doc_change_load(struct doc *doc, uint32_t number, struct doc_change *out)
{
	struct doc_change c;
	struct doc_key k;
	struct bytes record;
	struct rd r;
	uint64_t actor, clock;

	change_key(&k, number);
	TRY(doc_record(doc, &k, &record));
	r = rd_over(record);
	c.visible = rd_u8(&r) != 0;
	rd_copy(&r, c.hash, LK_ID_LEN);
	actor = rd_uleb(&r);
	c.seq = rd_uleb(&r);
	c.start_op = rd_uleb(&r);
	c.ops = rd_uleb(&r);
	c.past_max_op = rd_uleb(&r);
	clock = rd_uleb(&r);
	if (!rd_done(&r) || actor >= doc->head.actors ||
	    clock > doc->head.clocks || number >= doc->head.changes)
		return LK_ERR(LK_E_CORRUPT, "record of a change");
	if (c.start_op < 1 || c.start_op > (uint64_t)OP_COUNTER_MAX + 1 ||
	    c.ops > (uint64_t)OP_COUNTER_MAX + 1 - c.start_op)
		return LK_ERR(LK_E_CORRUPT, "ops of a change");
	c.actor = (uint32_t)actor;
	c.clock = (uint32_t)clock;
	*out = c;
	return LK_NONE;
}

lk_err
doc_change_save(struct doc *doc, uint32_t number, const struct doc_change *c)
{
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	buf_u8(b, c->visible);
	buf_mem(b, c->hash, LK_ID_LEN);
	buf_uleb(b, c->actor);
	buf_uleb(b, c->seq);
	buf_uleb(b, c->start_op);
	buf_uleb(b, c->ops);
	buf_uleb(b, c->past_max_op);
	buf_uleb(b, c->clock);
	change_key(&k, number);
	return doc_write(doc, &k);
}

static void
hash_key(struct doc_key *k, const uint8_t *hash, uint32_t number)
{
	doc_key_start(k, RECORD_HASH);
	doc_key_bytes(k, BYTES(hash, HASH_PREFIX));
	doc_key_u32(k, number);
}

lk_err
doc_change_add(struct doc *doc, const struct doc_change *c)
{
	uint32_t number = doc->head.changes;
	struct doc_actor *a;
	struct doc_key k;

	if (number == UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "changes of a document");
	TRY(doc_actor_load(doc, c->actor, &a));
	TRY(doc_change_save(doc, number, c));
	hash_key(&k, c->hash, number);
	TRY(kv_put(doc->kv, doc_key_view(&k), BYTES(NULL, 0)));
	a->seq = c->seq;
	a->changes_end = number + 1;
	doc->head.changes++;
	doc->head_dirty = true;
	return actor_save(doc, c->actor);
}

lk_err
doc_change_find(
    struct doc *doc, const uint8_t hash[static LK_ID_LEN], uint32_t *number)
{
	uint32_t next = 0;

	for (;;) {
		struct doc_change c;
		struct doc_key k;
		struct bytes found, value;
		struct rd r;
		uint32_t at;

		hash_key(&k, hash, next);
		TRY(kv_seek(
		    doc->kv, KV_FIRST_GE, doc_key_view(&k), &found, &value));
		r = rd_over(found);
		if (!bytes_equal(rd_take(&r, 1 + HASH_PREFIX),
			BYTES(k.ptr, 1 + HASH_PREFIX)))
			return LK_ERR(LK_E_NOTFOUND, "change");
		at = rd_u32(&r);
		if (!rd_done(&r))
			return LK_ERR(LK_E_CORRUPT, "index of changes");
		TRY(doc_change_load(doc, at, &c));
		if (memcmp(c.hash, hash, LK_ID_LEN) == 0) {
			*number = at;
			return LK_NONE;
		}
		next = at + 1;
	}
}
