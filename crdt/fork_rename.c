#include "crdt/fork_rename.h"

#include <stdlib.h>

#include "crdt/doc_intake.h"
#include "crdt/op_naming.h"

/* So much of a hash is enough, unless somebody made two that begin alike. */
#define STEP_LEN 8
/* So much is left for a suffix, whether there is one or not. */
#define SUFFIX_ROOM 8

void
renaming_clear(struct renaming *r)
{
	past_clear(&r->past);
	branch_maps_clear(&r->maps);
	free(r->slots);
	free(r->seqs);
	free(r->ranks);
	free(r->pads);
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

/* An actor who has changes in the past. */
struct pad_actor {
	struct bytes id;
	uint32_t first;
};

static int
pad_compare(const void *a, const void *b)
{
	const struct pad_actor *x = a, *y = b;

	return bytes_compare(x->id, y->id);
}

static lk_err
pads_list(struct renaming *r, struct pad_actor *out, size_t *len)
{
	size_t n = 0, kept = 0;

	for (uint32_t i = 0; i < r->past.clock->len; i++) {
		struct doc_actor *a;

		if (r->past.clock->latest[i] == 0)
			continue;
		TRY(doc_actor_load(r->doc, i, &a));
		out[n++] = (struct pad_actor){ a->id, a->first };
	}
	if (n > 0)
		qsort(out, n, sizeof(*out), pad_compare);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || out[kept - 1].first != out[i].first)
			out[kept++] = out[i];
	*len = kept;
	return LK_NONE;
}

/* The zeros that follow `len` bytes of an actor, those put behind him too. */
static size_t
zeros_from(const struct renaming *r, const struct pad_actor *a, size_t len)
{
	size_t at = len;

	while (at < a->id.len && a->id.ptr[at] == 0)
		at++;
	return at - len + (at == a->id.len ? r->pads[a->first] : 0);
}

/*
 * None unless another actor's bytes begin with his, whose ops are to stay
 * above: those follow him in order.  As an actor begins with no more others
 * than it has bytes, this is no square.
 */
static void
pads_fill(struct renaming *r, const struct pad_actor *all, size_t len)
{
	for (size_t i = len; i-- > 0;) {
		struct bytes id = all[i].id;
		uint16_t *pad = &r->pads[all[i].first];

		for (size_t k = i + 1; k < len && all[k].id.len > id.len &&
		     memcmp(all[k].id.ptr, id.ptr, id.len) == 0;
		     k++) {
			size_t zeros = zeros_from(r, &all[k], id.len);

			if (*pad <= zeros)
				*pad = (uint16_t)(zeros + 1);
		}
	}
}

static lk_err
renaming_pads(struct renaming *r)
{
	struct pad_actor *all = calloc(r->past.clock->len + 1, sizeof(*all));
	size_t len;
	lk_err err;

	r->pads = calloc((size_t)r->doc->head.actors + 1, sizeof(*r->pads));
	if (r->pads == NULL || all == NULL) {
		free(all);
		return LK_ERR(LK_E_NOMEM, "names of actors");
	}
	err = pads_list(r, all, &len);
	if (err.code == LK_OK)
		pads_fill(r, all, len);
	free(all);
	return err;
}

static bool
begins_alike(const struct branch_map *m, uint32_t x, uint32_t y)
{
	return memcmp(m->stretches[x].begins, m->stretches[y].begins,
		   STEP_LEN) == 0;
}

/* How much of the hash a stretch begins with is enough. */
static size_t
step_len(const struct branch_map *m, uint32_t stretch)
{
	bool whole = (stretch > 1 && begins_alike(m, stretch, stretch - 1)) ||
	    (stretch + 1 < m->stretches_len &&
		begins_alike(m, stretch, stretch + 1));

	return whole ? LK_ID_LEN : STEP_LEN;
}

/* A walk over the tree of stretches: those that part at one place by their
 * hashes, which is the order of their numbers. */
struct stretch_walk {
	const struct branch_map *map;
	uint32_t *child, *next; /* 0: none, as the plain one is nobody's */
	size_t len;             /* of the path to the stretch at hand */
};

/* The stretch after `at`; BRANCH_PLAIN: there is none. */
static uint32_t
walk_on(struct stretch_walk *w, uint32_t at)
{
	uint32_t to = w->child[at];

	while (to == 0 && at != BRANCH_PLAIN) {
		w->len -= step_len(w->map, at);
		to = w->next[at];
		at = w->map->stretches[at].parent;
	}
	w->len += to == 0 ? 0 : step_len(w->map, to);
	return to;
}

/* Numbers the stretches if a path needs more than `room`. */
static void
walk_number(struct stretch_walk *w, size_t room, uint32_t *ranks)
{
	uint32_t at = BRANCH_PLAIN, given = 0;
	size_t longest = 0;

	while ((at = walk_on(w, at)) != BRANCH_PLAIN)
		longest = w->len > longest ? w->len : longest;
	if (longest <= room)
		return;
	while ((at = walk_on(w, at)) != BRANCH_PLAIN)
		ranks[at] = ++given;
}

static lk_err
ranks_make(const struct branch_map *m, size_t room, uint32_t *ranks)
{
	size_t n = m->stretches_len;
	struct stretch_walk w = { .map = m };

	w.child = calloc(2 * n, sizeof(*w.child));
	if (w.child == NULL)
		return LK_ERR(LK_E_NOMEM, "names of branches");
	w.next = w.child + n;
	for (uint32_t i = (uint32_t)n - 1; i > BRANCH_PLAIN; i--) {
		uint32_t parent = m->stretches[i].parent;

		w.next[i] = w.child[parent];
		w.child[parent] = i;
	}
	walk_number(&w, room, ranks);
	free(w.child);
	return LK_NONE;
}

static lk_err
renaming_ranks(struct renaming *r)
{
	for (uint32_t i = 0; i < r->maps.len; i++) {
		size_t taken;

		if (r->maps.of[i] == NULL)
			continue;
		taken = r->doc->actors[i]->id.len + r->pads[i] + SUFFIX_ROOM;
		TRY(ranks_make(r->maps.of[i],
		    taken < ACTOR_LEN_MAX ? ACTOR_LEN_MAX - taken : 0,
		    r->ranks + r->slots[i]));
	}
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
	TRY(renaming_pads(r));
	r->seqs = calloc(r->seqs_len + 1, sizeof(*r->seqs));
	r->ranks = calloc(r->seqs_len + 1, sizeof(*r->ranks));
	return r->seqs == NULL || r->ranks == NULL
	    ? LK_ERR(LK_E_NOMEM, "renaming branches")
	    : renaming_ranks(r);
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

static void
name_pad(const struct renaming *r, uint32_t first, struct buf *name)
{
	for (uint16_t i = 0; i < r->pads[first]; i++)
		buf_u8(name, 0);
}

/* The hashes on the way to a stretch, or its place. */
static lk_err
path_add(const struct renaming *r, uint32_t first, const struct branch_map *m,
    uint32_t stretch, struct buf *name)
{
	uint32_t rank = r->ranks[r->slots[first] + stretch];
	ID_LIST_SCOPED up = { 0 };

	if (rank > 0) {
		buf_u32(name, rank);
		return LK_NONE;
	}
	for (; stretch != BRANCH_PLAIN; stretch = m->stretches[stretch].parent)
		TRY(id_list_add(&up, stretch));
	while (up.len > 0) {
		uint32_t at = (uint32_t)up.ids[--up.len];

		buf_mem(name, m->stretches[at].begins, step_len(m, at));
	}
	return LK_NONE;
}

/* m: NULL of an actor who never forked. */
static lk_err
name_add(const struct renaming *r, uint32_t first, const struct branch_map *m,
    uint32_t stretch, struct buf *name)
{
	bool path = m != NULL && !keeps_name(r, m, stretch);

	buf_add(name, r->doc->actors[first]->id);
	if (path || r->suffix.len > 0)
		name_pad(r, first, name);
	if (path)
		TRY(path_add(r, first, m, stretch, name));
	buf_add(name, r->suffix);
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
	uint32_t stretch = BRANCH_PLAIN;

	TRY(doc_actor_load(r->doc, id_actor(id), &a));
	map = map_of(r, id_actor(id));
	if (map != NULL && !branch_map_stretch(map, id, &stretch))
		return LK_ERR(LK_E_CORRUPT, "an op of no branch");
	return name_add(r, a->first, map, stretch, name);
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
	uint32_t stretch = BRANCH_PLAIN;

	TRY(doc_actor_load(r->doc, c->actor, &a));
	map = map_of(r, c->actor);
	if (map != NULL)
		TRY(author_stretch(map, c, &stretch));
	return name_add(r, a->first, map, stretch, name);
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

lk_err
renaming_hashes(const struct renaming *r, struct buf *hashes)
{
	for (size_t at = 0; at < hashes->len; at += LK_ID_LEN)
		TRY(hash_replace(r, hashes->ptr + at));
	if (hashes->len > 0)
		qsort(hashes->ptr, hashes->len / LK_ID_LEN, LK_ID_LEN,
		    lk_id_compare);
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
