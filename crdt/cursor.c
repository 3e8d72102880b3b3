#include "crdt/cursor.h"

#include <string.h>

#include "crdt/doc_branch.h"
#include "crdt/doc_present.h"
#include "crdt/doc_read.h"

static lk_err
sequence_of_caller(struct doc *doc, struct op_id obj, struct object **o)
{
	TRY(object_of_caller(doc, obj, o));
	return (*o)->type != OBJ_MAP
	    ? LK_NONE
	    : LK_ERR(LK_E_DATA, "a map has no positions");
}

/* Names the actor of an op; one who forked, and the branch. */
static lk_err
cursor_name(struct doc *doc, uint64_t id, struct cursor *c)
{
	BUF_SCOPED name = { .max = sizeof(c->actor) };

	TRY(doc_op_actor(doc, id_unpack(id), &name));
	memcpy(c->actor, name.ptr, name.len);
	c->actor_len = name.len;
	c->ctr = id_ctr(id);
	return LK_NONE;
}

lk_err
doc_cursor(struct doc *doc, struct op_id obj, uint64_t index, bool before,
    struct cursor *out)
{
	struct cursor c = { .kind = CURSOR_OP, .before = before };
	struct seq_place place;
	struct object *o;
	struct op_ref at;

	TRY(sequence_of_caller(doc, obj, &o));
	if (index > o->shown)
		return LK_ERR(LK_E_LIMIT, "past the end");
	if (index == o->shown) {
		*out = (struct cursor){ .kind = CURSOR_END };
		return LK_NONE;
	}
	TRY(seq_at(doc, o, index, &place));
	TRY(elem_winner(doc, id_pack(obj), place.elem.id, &at));
	TRY(cursor_name(doc, at.op->id, &c));
	*out = c;
	return LK_NONE;
}

/* What a cursor may name. */
struct cursor_search {
	struct doc *doc;
	uint64_t obj;
	struct bytes branch; /* empty: any */
	struct present present;
	uint64_t best; /* 0: none yet */
};

/* A void change that nothing visible depends on is as if it had never come. */
static lk_err
search_present(
    struct cursor_search *s, const struct stored_op *op, bool *present)
{
	uint32_t change = op->change;

	*present = op->visible;
	if (*present)
		return LK_NONE;
	if (s->present.how == NULL)
		TRY(present_find(s->doc, &s->present));
	*present = change < s->doc->head.changes &&
	    s->present.how[change] != PRESENT_NOT;
	return LK_NONE;
}

/* Whether the branch is one that the op is on. */
static lk_err
search_branch(const struct cursor_search *s, uint64_t id, bool *is)
{
	BUF_SCOPED path = { .max = DOCUMENT_BODY_MAX };

	*is = s->branch.len == 0;
	if (*is)
		return LK_NONE;
	TRY(doc_path(s->doc, id_unpack(id), &path));
	TRY(buf_err(&path, "branch of an op"));
	for (size_t at = 0; at < path.len && !*is; at += LK_ID_LEN)
		*is = memcmp(path.ptr + at, s->branch.ptr, LK_ID_LEN) == 0;
	return LK_NONE;
}

static lk_err
search_op(struct cursor_search *s, uint64_t id)
{
	struct op_ref at;
	bool fits;
	lk_err err = opset_find(s->doc, id, &at);

	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (at.op->obj != s->obj || !op_is_value(at.op))
		return LK_NONE;
	TRY(search_present(s, at.op, &fits));
	if (fits)
		TRY(search_branch(s, id, &fits));
	if (fits && (s->best == 0 || doc_id_compare(s->doc, id, s->best) > 0))
		s->best = id;
	return LK_NONE;
}

/* The chain that is the first one of the cursor's actor; what is not an actor
 * may be one and a branch. */
static lk_err
search_actor(struct cursor_search *s, const struct cursor *c, uint32_t *chain)
{
	struct bytes name = BYTES(c->actor, c->actor_len);
	lk_err err = doc_actor_find(s->doc, name, chain);

	if (err.code != LK_E_NOTFOUND || name.len <= LK_ID_LEN)
		return err;
	name.len -= LK_ID_LEN;
	s->branch = BYTES(c->actor + name.len, LK_ID_LEN);
	return doc_actor_find(s->doc, name, chain);
}

/* The op, if it has a place in the object. */
static lk_err
search_run(struct cursor_search *s, const struct cursor *c)
{
	uint32_t chain;

	TRY(search_actor(s, c, &chain));
	for (uint32_t n = s->doc->head.actors; n > 0; n--) {
		TRY(doc_trim(s->doc));
		TRY(search_op(s, (uint64_t)c->ctr << 32 | chain));
		TRY(branch_next(s->doc, chain, &chain));
		if (chain == 0)
			break;
	}
	return s->best != 0 ? LK_NONE : LK_ERR(LK_E_NOTFOUND, "op of a cursor");
}

/* The nearest op that is shown, from `id` on along what each was inserted
 * behind, or written over; 0: the head. */
static lk_err
shown_before(struct doc *doc, uint64_t id, uint64_t *out)
{
	while (id != 0) {
		struct op_ref at;
		uint64_t next;

		TRY(doc_trim(doc));
		TRY(opset_load(doc, id, &at));
		if (op_shown(at.op))
			break;
		next = at.op->insert ? at.op->ref : at.op->slot;
		/* Damage may not lead round in a circle. */
		if (id_ctr(next) >= id_ctr(id))
			return LK_ERR(LK_E_CORRUPT, "place of an element");
		id = next;
	}
	*out = id;
	return LK_NONE;
}

lk_err
doc_cursor_index(
    struct doc *doc, struct op_id obj, const struct cursor *c, uint64_t *index)
{
	struct cursor_search search = { .doc = doc };
	struct seq_place place;
	struct object *o;
	struct op_ref at;
	uint64_t id;
	lk_err err;

	TRY(sequence_of_caller(doc, obj, &o));
	if (c->kind != CURSOR_OP) {
		*index = c->kind == CURSOR_START ? 0 : o->shown;
		return LK_NONE;
	}
	search.obj = o->id;
	err = search_run(&search, c);
	present_clear(&search.present);
	TRY(err);
	id = search.best;
	if (c->before)
		TRY(shown_before(doc, id, &id));
	if (id == 0) {
		*index = 0;
		return LK_NONE;
	}
	TRY(opset_load(doc, id, &at));
	TRY(object_load(doc, id_pack(obj), &o));
	TRY(seq_find(doc, o, at.op->slot, &place));
	*index = place.index;
	return LK_NONE;
}
