#include <stdlib.h>

#include "crdt/doc_branch.h"

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

lk_err
doc_actor_keep(struct doc *doc, uint32_t number, const struct doc_actor *a)
{
	struct doc_actor *kept = malloc(sizeof(*kept));
	uint8_t *id = malloc(a->id.len);
	lk_err err = actor_room(doc, number);

	if (kept == NULL || id == NULL || err.code != LK_OK) {
		free(kept);
		free(id);
		free(a->branch);
		return LK_ERR(LK_E_NOMEM, "actors");
	}
	memcpy(id, a->id.ptr, a->id.len);
	*kept = *a;
	kept->id = BYTES(id, a->id.len);
	doc->actors[number] = kept;
	return LK_NONE;
}

void
doc_actor_drop(struct doc *doc, uint32_t number)
{
	struct doc_actor *a = doc->actors[number];

	if (a == NULL)
		return;
	free((void *)(uintptr_t)a->id.ptr);
	free(a->branch);
	free(a);
	doc->actors[number] = NULL;
}

bool
doc_actor_held(const struct doc *doc, uint32_t number)
{
	return number < doc->actors_cap && doc->actors[number] != NULL;
}

lk_err
doc_actor_read(struct doc *doc, uint32_t number)
{
	struct doc_actor a = { .first = number };
	struct doc_key k;
	struct bytes record;
	struct rd r;
	uint64_t end;

	actor_key(&k, number);
	TRY(doc_record(doc, &k, &record));
	r = rd_over(record);
	a.id = rd_counted(&r);
	a.seq = rd_uleb(&r);
	end = rd_uleb(&r);
	if (r.failed || a.id.len < 1 || a.id.len > ACTOR_LEN_MAX ||
	    end > doc->head.changes)
		return LK_ERR(LK_E_CORRUPT, "record of an actor");
	a.changes_end = (uint32_t)end;
	TRY(branch_get(doc, &r, &a));
	return doc_actor_keep(doc, number, &a);
}

lk_err
doc_actor_load(struct doc *doc, uint32_t number, struct doc_actor **out)
{
	if (number >= doc->head.actors)
		return LK_ERR(LK_E_CORRUPT, "number of an actor");
	if (!doc_actor_held(doc, number)) {
		TRY(doc_actor_read(doc, number));
		if (doc->actors[number]->branch != NULL)
			TRY(branch_load(doc, number));
	}
	*out = doc->actors[number];
	return LK_NONE;
}

static lk_err
actor_save(struct doc *doc, uint32_t number)
{
	struct doc_actor *a = doc->actors[number];
	struct buf *b = doc_encode(doc);
	struct doc_key k;

	buf_counted(b, a->id);
	buf_uleb(b, a->seq);
	buf_uleb(b, a->changes_end);
	branch_put(b, a);
	actor_key(&k, number);
	TRY(doc_write(doc, &k));
	a->dirty = false;
	return LK_NONE;
}

lk_err
doc_actor_mark(struct doc *doc, uint32_t number)
{
	struct doc_actor *a;

	TRY(doc_actor_load(doc, number, &a));
	if (!a->dirty)
		TRY(id_list_add(&doc->actors_dirty, number));
	a->dirty = true;
	return LK_NONE;
}

lk_err
doc_actor_advance(
    struct doc *doc, uint32_t number, uint64_t seq, uint32_t changes_end)
{
	TRY(doc_actor_mark(doc, number));
	doc->actors[number]->seq = seq;
	doc->actors[number]->changes_end = changes_end;
	return LK_NONE;
}

lk_err
doc_actors_save(struct doc *doc)
{
	for (size_t i = 0; i < doc->actors_dirty.len; i++)
		TRY(actor_save(doc, (uint32_t)doc->actors_dirty.ids[i]));
	doc->actors_dirty.len = 0;
	return LK_NONE;
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
	n = doc->actor_found;
	if (n < doc->actors_cap && doc->actors[n] != NULL &&
	    bytes_equal(doc->actors[n]->id, id)) {
		*number = n;
		return LK_NONE;
	}
	actor_id_key(&k, id);
	TRY(kv_get(doc->kv, doc_key_view(&k), &record));
	r = rd_over(record);
	n = rd_u32(&r);
	if (!rd_done(&r) || n >= doc->head.actors)
		return LK_ERR(LK_E_CORRUPT, "number of an actor");
	*number = doc->actor_found = n;
	return LK_NONE;
}

lk_err
doc_actor_add(struct doc *doc, struct bytes id, uint32_t *number)
{
	struct doc_actor a = { .id = id, .first = doc->head.actors };
	struct doc_key k;

	if (doc->head.actors >= DOCUMENT_ACTORS_MAX)
		return LK_ERR(LK_E_LIMIT, "actors of a document");
	TRY(doc_actor_keep(doc, doc->head.actors, &a));
	*number = doc->head.actors++;
	doc->head_dirty = true;
	TRY(doc_actor_mark(doc, *number));
	actor_id_key(&k, id);
	buf_u32(doc_encode(doc), *number);
	return doc_write(doc, &k);
}

int
doc_id_compare(const struct doc *doc, uint64_t a, uint64_t b)
{
	const struct doc_actor *x, *y;

	if (id_ctr(a) != id_ctr(b))
		return id_ctr(a) < id_ctr(b) ? -1 : 1;
	if (a == b)
		return 0;
	x = doc->actors[id_actor(a)];
	y = doc->actors[id_actor(b)];
	return x->first == y->first
	    ? branch_compare(doc, id_actor(a), id_actor(b))
	    : bytes_compare(x->id, y->id);
}
