#include "crdt/fork_rename.h"

#include <stdlib.h>

#include "crdt/doc_intake.h"
#include "crdt/op_naming.h"

/* So much of a hash is enough, unless somebody made two that begin alike. */
#define STEP_LEN 8

void
renaming_clear(struct renaming *r)
{
	past_clear(&r->past);
	branch_maps_clear(&r->maps);
	free(r->slots);
	free(r->seqs);
	free(r->hashes);
	*r = (struct renaming){ 0 };
}

/* Makes the maps of all who forked in this past. */
static lk_err
renaming_maps(struct renaming *r, size_t *slots)
{
	size_t next = r->doc->head.actors;

	for (uint32_t i = 0; i < r->doc->head.actors; i++) {
		const struct branch_map *map;
		struct doc_actor *a;

		TRY(doc_actor_load(r->doc, i, &a));
		if (a->branch != NULL || a->link == 0)
			continue;
		TRY(branch_map_get(r->doc, &r->past, i, &r->maps, &map));
		r->slots[i] = (uint32_t)next;
		next += map->stretches_len;
		r->any |= map->stretches_len > 1;
	}
	*slots = next;
	return LK_NONE;
}

lk_err
renaming_open(struct renaming *r, struct doc *doc,
    const uint8_t (*heads)[LK_ID_LEN], size_t n, bool keeps)
{
	r->doc = doc;
	r->keeps = keeps;
	TRY(past_of_heads(doc, heads, n, &r->past));
	r->slots = calloc((size_t)doc->head.actors + 1, sizeof(*r->slots));
	r->hashes = calloc((size_t)doc->head.changes + 1, sizeof(*r->hashes));
	if (r->slots == NULL || r->hashes == NULL)
		return LK_ERR(LK_E_NOMEM, "renaming branches");
	TRY(renaming_maps(r, &r->seqs_len));
	r->seqs = calloc(r->seqs_len + 1, sizeof(*r->seqs));
	return r->seqs == NULL ? LK_ERR(LK_E_NOMEM, "renaming branches")
			       : LK_NONE;
}

/*
 * How many zeros have to stand between an actor and the hashes: none unless
 * another actor's bytes begin with his, whose ops are to stay above.
 */
static lk_err
name_pad(const struct renaming *r, uint32_t first, size_t *zeros)
{
	struct bytes id = r->doc->actors[first]->id;

	*zeros = 0;
	for (uint32_t i = 0; i < r->doc->head.actors; i++) {
		struct doc_actor *a;
		size_t at = id.len;

		TRY(doc_actor_load(r->doc, i, &a));
		if (a->id.len <= id.len || i >= r->past.clock->len ||
		    r->past.clock->latest[i] == 0 ||
		    memcmp(a->id.ptr, id.ptr, id.len) != 0)
			continue;
		while (at < a->id.len && a->id.ptr[at] == 0)
			at++;
		if (*zeros < at - id.len + 1)
			*zeros = at - id.len + 1;
	}
	return LK_NONE;
}

static bool
begins_alike(const struct branch_map *m, uint32_t x, uint32_t y)
{
	return memcmp(m->stretches[x].begins, m->stretches[y].begins,
		   STEP_LEN) == 0;
}

/* The hash a stretch begins with, or enough of it. */
static void
step_add(const struct branch_map *m, uint32_t stretch, struct buf *name)
{
	bool whole = (stretch > 1 && begins_alike(m, stretch, stretch - 1)) ||
	    (stretch + 1 < m->stretches_len &&
		begins_alike(m, stretch, stretch + 1));

	buf_mem(
	    name, m->stretches[stretch].begins, whole ? LK_ID_LEN : STEP_LEN);
}

/* Whether all stretches but the plain one part at one place. */
static bool
forked_once(const struct branch_map *m)
{
	for (size_t i = 1; i < m->stretches_len; i++)
		if (m->stretches[i].parent != BRANCH_PLAIN)
			return false;
	return true;
}

/* Whether it goes by the actor's bytes alone. */
static bool
keeps_name(
    const struct renaming *r, const struct branch_map *m, uint32_t stretch)
{
	return stretch == BRANCH_PLAIN ||
	    (r->keeps && stretch == 1 && forked_once(m));
}

static lk_err
name_stretch(const struct renaming *r, uint32_t first,
    const struct branch_map *m, uint32_t stretch, struct buf *name)
{
	static const uint8_t zero[1];
	ID_LIST_SCOPED up = { 0 };
	size_t zeros;

	buf_add(name, r->doc->actors[first]->id);
	if (keeps_name(r, m, stretch))
		return buf_err(name, "name of a branch");
	TRY(name_pad(r, first, &zeros));
	while (zeros-- > 0)
		buf_add(name, BYTES_OF(zero));
	for (; stretch != BRANCH_PLAIN; stretch = m->stretches[stretch].parent)
		TRY(id_list_add(&up, stretch));
	while (up.len > 0)
		step_add(m, (uint32_t)up.ids[--up.len], name);
	return buf_err(name, "name of a branch");
}

/* NULL: this actor never forked. */
static const struct branch_map *
map_of(const struct renaming *r, uint32_t chain)
{
	uint32_t first = r->doc->actors[chain]->first;

	return first < r->maps.len ? r->maps.of[first] : NULL;
}

lk_err
renaming_op(const struct renaming *r, uint64_t id, struct buf *name)
{
	const struct branch_map *map;
	struct doc_actor *a;
	uint32_t stretch;

	TRY(doc_actor_load(r->doc, id_actor(id), &a));
	map = map_of(r, id_actor(id));
	if (map == NULL) {
		buf_add(name, a->id);
		return buf_err(name, "name of an actor");
	}
	if (!branch_map_stretch(map, id, &stretch))
		return LK_ERR(LK_E_CORRUPT, "an op of no branch");
	return name_stretch(r, a->first, map, stretch, name);
}

/* The stretch of a change whose author forked. */
static lk_err
author_stretch(
    const struct branch_map *map, const struct doc_change *c, uint32_t *stretch)
{
	return branch_map_of_change(map, c->actor, c->seq, stretch)
	    ? LK_NONE
	    : LK_ERR(LK_E_CORRUPT, "a change of no branch");
}

lk_err
renaming_author(
    const struct renaming *r, const struct doc_change *c, struct buf *name)
{
	const struct branch_map *map;
	struct doc_actor *a;
	uint32_t stretch;

	TRY(doc_actor_load(r->doc, c->actor, &a));
	map = map_of(r, c->actor);
	if (map == NULL) {
		buf_add(name, a->id);
		return buf_err(name, "name of an actor");
	}
	TRY(author_stretch(map, c, &stretch));
	return name_stretch(r, a->first, map, stretch, name);
}

lk_err
renaming_seq(struct renaming *r, const struct doc_change *c, uint64_t *seq)
{
	const struct branch_map *map;
	uint32_t slot = c->actor, stretch;
	struct doc_actor *a;

	TRY(doc_actor_load(r->doc, c->actor, &a));
	map = map_of(r, c->actor);
	if (map != NULL) {
		TRY(author_stretch(map, c, &stretch));
		slot = r->slots[a->first] +
		    (keeps_name(r, map, stretch) ? BRANCH_PLAIN : stretch);
	}
	*seq = ++r->seqs[slot];
	return LK_NONE;
}

void
renaming_again(struct renaming *r)
{
	memset(r->seqs, 0, r->seqs_len * sizeof(*r->seqs));
}

static lk_err
hash_replace(const struct renaming *r, uint8_t *hash)
{
	uint32_t number;

	TRY(doc_change_find(r->doc, hash, &number));
	memcpy(hash, r->hashes[number], LK_ID_LEN);
	return LK_NONE;
}

static int
hash_compare(const void *a, const void *b)
{
	return memcmp(a, b, LK_ID_LEN);
}

lk_err
renaming_hashes(const struct renaming *r, struct buf *hashes)
{
	for (size_t at = 0; at < hashes->len; at += LK_ID_LEN)
		TRY(hash_replace(r, hashes->ptr + at));
	if (hashes->len > 0)
		qsort(hashes->ptr, hashes->len / LK_ID_LEN, LK_ID_LEN,
		    hash_compare);
	return LK_NONE;
}

/* Ops of a change, with other names. */
struct rewriting {
	struct intake in;
	struct op_naming naming;
	struct op_id *preds;
	size_t preds_cap;
};

static lk_err
rewrite_id(struct rewriting *w, struct op_id id, struct op_id *out)
{
	return op_naming_id(&w->naming, intake_id(&w->in, id), out);
}

static lk_err
rewrite_op(struct rewriting *w, const struct op *read)
{
	struct op op = *read;

	if (op.preds_len > w->preds_cap) {
		struct op_id *grown =
		    reallocarray(w->preds, op.preds_len, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "predecessors");
		w->preds = grown;
		w->preds_cap = op.preds_len;
	}
	TRY(rewrite_id(w, read->obj, &op.obj));
	TRY(rewrite_id(w, read->elem, &op.elem));
	for (size_t i = 0; i < op.preds_len; i++)
		TRY(rewrite_id(w, read->preds[i], &w->preds[i]));
	op.preds = w->preds;
	return change_writer_add(w->naming.writer, &op);
}

static lk_err
rewrite_ops(struct rewriting *w, const struct change *c)
{
	struct op_reader *reader;
	struct op op;
	lk_err err;

	TRY(op_reader_new(&reader, c));
	err = LK_NONE;
	while (err.code == LK_OK && op_reader_next(reader, &op))
		err = rewrite_op(w, &op);
	op_reader_free(reader);
	return err;
}

/* The ops, once the head is written. */
static lk_err
rewrite_rest(struct renaming *r, const struct change *c, uint32_t number,
    struct change_writer *writer)
{
	struct rewriting w = { .naming = {
				   .doc = r->doc,
				   .renaming = r,
				   .writer = writer,
			       } };
	lk_err err = intake_recall(&w.in, r->doc, c, number);

	if (err.code == LK_OK)
		err = rewrite_ops(&w, c);
	intake_clear(&w.in);
	op_naming_clear(&w.naming);
	free(w.preds);
	return err;
}

lk_err
renaming_change(struct renaming *r, const struct change *c, uint32_t number,
    struct buf *body)
{
	BUF_SCOPED deps = { .max = (size_t)CHANGE_DEPS_MAX * LK_ID_LEN };
	BUF_SCOPED actor = { .max = SIZE_MAX };
	struct change_head head = { .start_op = c->start_op,
		.time = c->time,
		.message = c->message,
		.extra = c->extra,
		.deps_len = c->deps_len };
	struct change_writer *writer;
	struct doc_change rec;
	size_t begin = body->len;
	lk_err err;

	TRY(doc_trim(r->doc));
	TRY(doc_change_load(r->doc, number, &rec));
	TRY(renaming_author(r, &rec, &actor));
	TRY(renaming_seq(r, &rec, &head.seq));
	buf_mem(&deps, c->deps, c->deps_len * LK_ID_LEN);
	TRY(buf_err(&deps, "dependencies"));
	TRY(renaming_hashes(r, &deps));
	head.actor = buf_bytes(&actor);
	head.deps = deps.ptr;
	TRY(change_writer_new(&writer, &head));
	err = rewrite_rest(r, c, number, writer);
	if (err.code == LK_OK)
		err = change_writer_finish(writer, body);
	change_writer_free(writer);
	TRY(err);
	TRY(buf_err(body, "body of a change"));
	chunk_hash(r->hashes[number], CHUNK_CHANGE,
	    BYTES(body->ptr + begin, body->len - begin));
	return LK_NONE;
}
