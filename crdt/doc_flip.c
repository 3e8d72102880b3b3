#include <stdlib.h>
#include <string.h>

#include "crdt/doc_ghost.h"

/* What an op of the change was before the flip. */
#define OLD_CONTRIBUTED 0x01
#define OLD_SHOWN 0x02
#define OLD_GHOST 0x04

struct flip {
	struct doc *doc;
	struct doc_change change; /* the one at hand */
	uint64_t ops;
	uint8_t *old; /* per op */
	/* Of all changes that flip together: */
	struct id_list recount; /* an op of each slot to count anew */
	struct id_set slots;    /* those slots */
};

static uint64_t
flip_op(const struct flip *f, uint64_t i)
{
	return (f->change.start_op + i) << 32 | f->change.actor;
}

static bool
flip_owns(const struct flip *f, uint64_t id)
{
	return id_actor(id) == f->change.actor &&
	    id_ctr(id) >= f->change.start_op &&
	    id_ctr(id) - f->change.start_op < f->ops;
}

/* A slot with increments is counted anew when another op of it flips. */
static lk_err
flip_note_slot(struct flip *f, const struct stored_op *op)
{
	struct slot s;
	bool fresh;

	if (op->action == ACTION_INCREMENT)
		return LK_NONE;
	TRY(slot_load_op(f->doc, op, &s));
	if (s.last_increment == 0)
		return LK_NONE;
	TRY(id_set_add(&f->slots, s.ref, &fresh));
	return fresh ? id_list_add(&f->recount, op->id) : LK_NONE;
}

static lk_err
flip_remember(struct flip *f)
{
	for (uint64_t i = 0; i < f->ops; i++) {
		struct ghost_state state;
		struct op_ref at;

		TRY(doc_trim(f->doc));
		TRY(opset_load(f->doc, flip_op(f, i), &at));
		state = ghost_state(at.op);
		f->old[i] =
		    (uint8_t)((op_contributes(at.op) ? OLD_CONTRIBUTED : 0) |
			(state.shown ? OLD_SHOWN : 0) |
			(state.ghost ? OLD_GHOST : 0));
		TRY(flip_note_slot(f, at.op));
	}
	return LK_NONE;
}

/* Adds or takes back the change's increments, where that is enough. */
static lk_err
flip_count(struct flip *f, bool more)
{
	for (uint64_t i = 0; i < f->ops; i++) {
		struct op_ref at;
		int64_t step;

		TRY(doc_trim(f->doc));
		TRY(opset_load(f->doc, flip_op(f, i), &at));
		if (at.op->action != ACTION_INCREMENT ||
		    id_set_has(&f->slots, at.op->slot))
			continue;
		step = ghost_step(at.op);
		if (!more)
			step = (int64_t)(0 - (uint64_t)step);
		TRY(ghost_count(f->doc, at, step));
	}
	return LK_NONE;
}

static lk_err
flip_toggle(struct flip *f)
{
	for (uint64_t i = 0; i < f->ops; i++) {
		struct op_ref at;

		TRY(doc_trim(f->doc));
		TRY(opset_load(f->doc, flip_op(f, i), &at));
		at.op->visible = f->change.visible;
		at.block->cached.dirty = true;
	}
	return LK_NONE;
}

static lk_err
flip_hide(struct flip *f, struct slot *s, uint64_t id)
{
	struct ghost_state before;
	struct op_ref at;

	TRY(opset_load(f->doc, id, &at));
	before = ghost_state(at.op);
	TRY(op_count(&at.op->hid, f->change.visible));
	at.block->cached.dirty = true;
	return flip_owns(f, id) ? LK_NONE
				: ghost_note(f->doc, s, at.op, before);
}

static lk_err
flip_cover(struct flip *f, struct slot *s, uint64_t id, bool more)
{
	struct op_ref at;

	/* Own ops are dealt with later in the walk: they come before. */
	if (!flip_owns(f, id))
		return ghost_cover(f->doc, s, id, more);
	TRY(opset_load(f->doc, id, &at));
	TRY(op_count(&at.op->cov, more));
	at.block->cached.dirty = true;
	return LK_NONE;
}

/* What op i now does to those it names. */
static lk_err
flip_act(struct flip *f, uint64_t i)
{
	EDGES_SCOPED edges = { 0 };
	struct op_ref at;
	struct slot s;
	bool contributes;

	TRY(opset_load(f->doc, flip_op(f, i), &at));
	if (at.op->covers_len == 0)
		return LK_NONE;
	TRY(opset_edges(f->doc, at, &edges));
	TRY(slot_load_op(f->doc, at.op, &s));
	if (at.op->action == ACTION_INCREMENT)
		for (size_t j = 0; j < edges.covers_len; j++)
			TRY(flip_hide(f, &s, edges.covers[j]));
	contributes = op_contributes(at.op);
	if (contributes != ((f->old[i] & OLD_CONTRIBUTED) != 0))
		for (size_t j = 0; j < edges.covers_len; j++)
			TRY(flip_cover(f, &s, edges.covers[j], contributes));
	return slot_commit(f->doc, &s);
}

/* What the slot of op i knows of it. */
static lk_err
flip_tell(struct flip *f, uint64_t i)
{
	struct ghost_state old = { .shown = f->old[i] & OLD_SHOWN,
		.ghost = f->old[i] & OLD_GHOST };
	struct op_ref at;
	struct slot s;

	TRY(opset_load(f->doc, flip_op(f, i), &at));
	TRY(slot_load_op(f->doc, at.op, &s));
	if (!at.op->insert) {
		TRY(op_count(&s.void_ops, !f->change.visible));
		s.dirty = true;
	}
	/* A slot without a record is what its op says by now. */
	if (at.op->insert && !s.stored)
		s.shown_changed = old.shown != ghost_state(at.op).shown;
	else
		TRY(ghost_note(f->doc, &s, at.op, old));
	return slot_commit(f->doc, &s);
}

static lk_err
flip_run(struct flip *f)
{
	TRY(flip_remember(f));
	if (f->change.visible)
		TRY(flip_count(f, false));
	f->change.visible = !f->change.visible;
	TRY(flip_toggle(f));
	/* Last first: what follows inside the change before what it names. */
	for (uint64_t i = f->ops; i > 0; i--) {
		TRY(doc_trim(f->doc));
		TRY(flip_act(f, i - 1));
	}
	for (uint64_t i = 0; i < f->ops; i++) {
		TRY(doc_trim(f->doc));
		TRY(flip_tell(f, i));
	}
	return f->change.visible ? flip_count(f, true) : LK_NONE;
}

static lk_err
flip_recount(struct flip *f)
{
	for (size_t i = 0; i < f->recount.len; i++) {
		struct op_ref at;
		struct slot s;

		TRY(doc_trim(f->doc));
		TRY(opset_load(f->doc, f->recount.ids[i], &at));
		TRY(slot_load_op(f->doc, at.op, &s));
		TRY(ghost_recount(f->doc, &s));
	}
	return LK_NONE;
}

static lk_err
flip_change(struct flip *f, uint32_t number, bool visible)
{
	lk_err err;

	TRY(doc_settle(f->doc));
	TRY(doc_change_load(f->doc, number, &f->change));
	if (f->change.visible == visible)
		return LK_NONE;
	f->ops = f->change.ops;
	/* Each has its record, so this is bounded by what is stored. */
	if (f->ops > CHANGE_OPS_MAX)
		return LK_ERR(LK_E_CORRUPT, "ops of a change");
	f->old = calloc((size_t)f->ops + 1, 1);
	if (f->old == NULL)
		return LK_ERR(LK_E_NOMEM, "making a change visible or void");
	err = flip_run(f);
	if (err.code == LK_OK)
		err = doc_change_save(f->doc, number, &f->change);
	free(f->old);
	return err;
}

lk_err
doc_flip(struct doc *doc, const uint64_t *numbers, size_t n, bool visible)
{
	struct flip f = { .doc = doc };
	lk_err err = LK_NONE;

	for (size_t i = 0; i < n && err.code == LK_OK; i++)
		err = flip_change(
		    &f, (uint32_t)numbers[visible ? i : n - 1 - i], visible);
	if (err.code == LK_OK)
		err = flip_recount(&f);
	id_list_clear(&f.recount);
	id_set_clear(&f.slots);
	return err;
}

lk_err
doc_set_visible_all(
    struct doc *doc, const uint8_t (*hashes)[LK_ID_LEN], size_t n, bool visible)
{
	ID_LIST_SCOPED numbers = { 0 };

	TRY(doc_writable(doc));
	for (size_t i = 0; i < n; i++) {
		uint32_t number;

		TRY(doc_change_find(doc, hashes[i], &number));
		TRY(id_list_add(&numbers, number));
	}
	return doc_flip(doc, numbers.ids, numbers.len, visible);
}

lk_err
doc_set_visible(
    struct doc *doc, const uint8_t hash[static LK_ID_LEN], bool visible)
{
	uint8_t hashes[1][LK_ID_LEN];

	memcpy(hashes[0], hash, LK_ID_LEN);
	return doc_set_visible_all(
	    doc, (const uint8_t(*)[LK_ID_LEN])hashes, 1, visible);
}
