#include "crdt/doc_ghost.h"

#include <stdlib.h>

#include "crdt/sequence.h"

/* Whether an op that is void would, alive, cover or hide something. */
static bool
op_assigns(const struct stored_op *op)
{
	return !op->insert && op->action != ACTION_INCREMENT;
}

static bool
op_kills(const struct stored_op *op)
{
	return op->action == ACTION_DELETE ||
	    (op->action == ACTION_INCREMENT && op->covers_len > 0);
}

struct ghost_state
ghost_state(const struct stored_op *op)
{
	return (struct ghost_state){ .shown = op_shown(op),
		.ghost = !op->visible && op->cov == 0 && op->hid == 0 &&
		    (op_assigns(op) || op_kills(op)) };
}

lk_err
ghost_note(struct doc *doc, struct slot *s, const struct stored_op *op,
    struct ghost_state before)
{
	struct ghost_state now = ghost_state(op);

	if (now.shown && !before.shown)
		TRY(slot_show(doc, s, op->id));
	if (!now.shown && before.shown)
		TRY(slot_hide(doc, s, op->id));
	if (now.ghost != before.ghost)
		TRY(slot_set_ghost(doc, s, op->id, now.ghost));
	return LK_NONE;
}

static lk_err
push_covers(struct doc *doc, struct op_ref at, struct id_list *stack)
{
	EDGES_SCOPED edges = { 0 };

	TRY(opset_edges(doc, at, &edges));
	for (size_t i = 0; i < edges.covers_len; i++)
		TRY(id_list_add(stack, edges.covers[i]));
	return LK_NONE;
}

lk_err
ghost_cover(struct doc *doc, struct slot *s, uint64_t id, bool more)
{
	ID_LIST_SCOPED stack = { 0 };

	TRY(id_list_add(&stack, id));
	while (stack.len > 0) {
		struct ghost_state before;
		struct op_ref at;
		bool contributed;

		TRY(opset_load(doc, stack.ids[--stack.len], &at));
		before = ghost_state(at.op);
		contributed = op_contributes(at.op);
		TRY(op_count(&at.op->cov, more));
		at.block->cached.dirty = true;
		TRY(ghost_note(doc, s, at.op, before));
		if (op_contributes(at.op) != contributed)
			TRY(push_covers(doc, at, &stack));
	}
	return LK_NONE;
}

static lk_err
ghost_hide(struct doc *doc, struct slot *s, uint64_t id)
{
	struct ghost_state before;
	struct op_ref at;

	TRY(opset_load(doc, id, &at));
	before = ghost_state(at.op);
	TRY(op_count(&at.op->hid, true));
	at.block->cached.dirty = true;
	return ghost_note(doc, s, at.op, before);
}

int64_t
ghost_step(const struct stored_op *op)
{
	return (int64_t)op->number;
}

/*
 * Walks from an increment to the ops it may count for: from its counters on
 * through ghosts, or through every op if `all`.  Each once.
 */
struct count_walk {
	struct id_list stack;
	struct id_set seen;
	bool all;
};

static lk_err
count_start(struct doc *doc, struct op_ref increment, struct count_walk *w)
{
	EDGES_SCOPED edges = { 0 };

	TRY(opset_edges(doc, increment, &edges));
	for (size_t i = 0; i < edges.adds_len; i++)
		TRY(id_list_add(&w->stack, edges.adds[i]));
	return LK_NONE;
}

/* The next counter reached; NOTFOUND at the end. */
static lk_err
count_next(struct doc *doc, struct count_walk *w, struct op_ref *out)
{
	while (w->stack.len > 0) {
		uint64_t id = w->stack.ids[--w->stack.len];
		struct op_ref at;
		bool fresh;

		TRY(id_set_add(&w->seen, id, &fresh));
		if (!fresh)
			continue;
		TRY(opset_load(doc, id, &at));
		if (w->all || !at.op->visible)
			TRY(push_covers(doc, at, &w->stack));
		if ((w->all || at.op->visible) && op_is_counter(at.op)) {
			*out = at;
			return LK_NONE;
		}
	}
	return LK_ERR(LK_E_NOTFOUND, "counter");
}

static void
count_clear(struct count_walk *w)
{
	id_list_clear(&w->stack);
	id_set_clear(&w->seen);
}

#define COUNT_SCOPED __attribute__((cleanup(count_clear))) struct count_walk

lk_err
ghost_targets(struct doc *doc, struct op_ref increment, struct id_list *out)
{
	COUNT_SCOPED walk = { 0 };

	TRY(count_start(doc, increment, &walk));
	for (;;) {
		struct op_ref at;
		lk_err err = count_next(doc, &walk, &at);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(id_list_add(out, at.op->id));
	}
}

lk_err
ghost_count(struct doc *doc, struct op_ref increment, int64_t by)
{
	ID_LIST_SCOPED counters = { 0 };

	TRY(ghost_targets(doc, increment, &counters));
	for (size_t i = 0; i < counters.len; i++) {
		struct op_ref at;

		TRY(opset_load(doc, counters.ids[i], &at));
		at.op->total = (int64_t)((uint64_t)at.op->total + (uint64_t)by);
		at.block->cached.dirty = true;
	}
	return LK_NONE;
}

/* Calls ghost_count, or clears the counters, for one increment. */
static lk_err
recount_one(struct doc *doc, struct op_ref increment, struct count_walk *all)
{
	if (all == NULL)
		return increment.op->visible
		    ? ghost_count(doc, increment, ghost_step(increment.op))
		    : LK_NONE;
	TRY(count_start(doc, increment, all));
	for (;;) {
		struct op_ref at;
		lk_err err = count_next(doc, all, &at);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		at.op->total = 0;
		at.block->cached.dirty = true;
	}
}

/* Goes through the chain of increments of a slot. */
static lk_err
recount_pass(struct doc *doc, const struct slot *s, struct count_walk *all)
{
	ID_SET_SCOPED seen = { 0 };
	uint64_t id = s->last_increment;

	while (id != 0) {
		struct op_ref at;
		bool fresh;

		TRY(doc_trim(doc));
		TRY(id_set_add(&seen, id, &fresh));
		TRY(opset_load(doc, id, &at));
		if (!fresh || at.op->action != ACTION_INCREMENT ||
		    at.op->slot != s->ref)
			return LK_ERR(LK_E_CORRUPT, "chain of increments");
		id = at.op->ref;
		TRY(recount_one(doc, at, all));
	}
	return LK_NONE;
}

lk_err
ghost_recount(struct doc *doc, const struct slot *s)
{
	COUNT_SCOPED all = { .all = true };

	TRY(recount_pass(doc, s, &all));
	return recount_pass(doc, s, NULL);
}

/* The latest assignment of each actor in a past, and killers after them. */
struct killer_search {
	struct id_list assignments, killers;
	/* By actor: changes of others below this number lie in the past of an
	 * assignment. */
	uint32_t *reach;
};

static void
search_clear(struct killer_search *f)
{
	id_list_clear(&f->assignments);
	id_list_clear(&f->killers);
	free(f->reach);
}

#define SEARCH_SCOPED \
	__attribute__((cleanup(search_clear))) struct killer_search

/* The greatest counter `actor` used in a past; 0: none. */
static lk_err
past_max_ctr(
    struct doc *doc, const struct doc_past *past, uint32_t actor, uint32_t *ctr)
{
	struct doc_change c;
	uint32_t end;

	*ctr = UINT32_MAX;
	if (actor == past->actor)
		return LK_NONE;
	*ctr = 0;
	end = actor < past->clock->len ? past->clock->latest[actor] : 0;
	if (end == 0)
		return LK_NONE;
	TRY(doc_change_load(doc, end - 1, &c));
	if (c.actor != actor)
		return LK_ERR(LK_E_CORRUPT, "clock of a change");
	*ctr = (uint32_t)(c.start_op + c.ops - 1);
	return LK_NONE;
}

static lk_err
search_actor(struct doc *doc, const struct doc_past *past, const struct slot *s,
    uint32_t actor, struct killer_search *f)
{
	struct slot_event e = { 0 };
	uint32_t ctr;

	TRY(past_max_ctr(doc, past, actor, &ctr));
	while (ctr > 0 && !e.assigns) {
		lk_err err = slot_last_event(doc, s, actor, ctr, &e);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (e.kills)
			TRY(id_list_add(&f->killers, e.id));
		if (e.assigns)
			TRY(id_list_add(&f->assignments, e.id));
		ctr = id_ctr(e.id) - 1;
	}
	return LK_NONE;
}

/* Raises the reach to the past of an op of a change that has a record. */
static lk_err
reach_raise(struct doc *doc, uint64_t id, uint32_t *reach)
{
	PAST_SCOPED past = { 0 };
	struct op_ref at;
	uint32_t own = reach[id_actor(id)];

	TRY(opset_load(doc, id, &at));
	TRY(past_of_change(doc, at.op->change, false, &past));
	for (size_t i = 0; i < past.clock->len; i++)
		if (reach[i] < past.clock->latest[i])
			reach[i] = past.clock->latest[i];
	reach[id_actor(id)] = own;
	return LK_NONE;
}

/* The killers found that no assignment found has in its past. */
static lk_err
search_open(struct doc *doc, struct killer_search *f, struct id_list *out)
{
	f->reach = calloc((size_t)doc->head.actors + 1, sizeof(*f->reach));
	if (f->reach == NULL)
		return LK_ERR(LK_E_NOMEM, "covered ops");
	for (size_t i = 0; i < f->assignments.len; i++)
		TRY(reach_raise(doc, f->assignments.ids[i], f->reach));
	for (size_t i = 0; i < f->killers.len; i++) {
		uint64_t d = f->killers.ids[i];
		struct op_ref at;

		TRY(opset_load(doc, d, &at));
		if (at.op->change >= f->reach[id_actor(d)])
			TRY(id_list_add(out, d));
	}
	return LK_NONE;
}

/* Whether the change at hand has assigned the slot already: then it has
 * covered whatever others killed.  What it killed itself since is open. */
static lk_err
search_own(struct doc *doc, const struct doc_past *past, const struct slot *s,
    struct id_list *out, bool *done)
{
	SEARCH_SCOPED f = { 0 };
	struct op_ref at;

	*done = false;
	TRY(search_actor(doc, past, s, past->actor, &f));
	if (f.assignments.len == 0)
		return LK_NONE;
	TRY(opset_load(doc, f.assignments.ids[0], &at));
	*done = at.op->change == doc->head.changes;
	for (size_t i = 0; *done && i < f.killers.len; i++)
		TRY(id_list_add(out, f.killers.ids[i]));
	return LK_NONE;
}

/* The least actor number >= *actor that may have something in a past. */
static bool
past_next_actor(const struct doc_past *past, uint32_t *actor)
{
	uint32_t at = *actor, own = past->actor;

	while (at < past->clock->len && past->clock->latest[at] == 0)
		at++;
	if (own >= *actor && (own < at || at >= past->clock->len))
		at = own;
	*actor = at;
	return at == own ? at != DOC_NO_ACTOR : at < past->clock->len;
}

/*
 * A killer is covered in a past if some assignment there has it in its own
 * past (ghosts 3.2), and then each actor's latest assignment tells: an actor's
 * ops are a chain.
 */
lk_err
ghost_open_killers(struct doc *doc, const struct doc_past *past,
    const struct slot *s, struct id_list *out)
{
	SEARCH_SCOPED f = { 0 };
	uint32_t actor = 0;
	bool done;

	TRY(search_own(doc, past, s, out, &done));
	if (done)
		return LK_NONE;
	for (; past_next_actor(past, &actor); actor++) {
		lk_err err = slot_next_actor(doc, s, &actor);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(search_actor(doc, past, s, actor, &f));
	}
	return f.killers.len > 0 ? search_open(doc, &f, out) : LK_NONE;
}

/* Edges of a new op: ghosts 3.2. */
struct new_edges {
	struct id_list covers, adds;
};

static void
new_edges_clear(struct new_edges *e)
{
	id_list_clear(&e->covers);
	id_list_clear(&e->adds);
}

#define NEW_EDGES_SCOPED \
	__attribute__((cleanup(new_edges_clear))) struct new_edges

static lk_err
edges_find(struct doc *doc, const struct doc_past *past, const struct slot *s,
    const struct placed_op *op, struct new_edges *e)
{
	for (size_t i = 0; i < op->preds_len; i++) {
		struct op_ref pred;
		bool adds = false;

		if (op->action == ACTION_INCREMENT) {
			TRY(opset_load(doc, op->preds[i], &pred));
			adds = op_is_counter(pred.op);
		}
		TRY(id_list_add(adds ? &e->adds : &e->covers, op->preds[i]));
	}
	if (op->action == ACTION_INCREMENT || op->insert || s->events_len == 0)
		return LK_NONE;
	return ghost_open_killers(doc, past, s, &e->covers);
}

/* What a new op does to those it names. */
static lk_err
new_op_acts(struct doc *doc, struct slot *s, struct op_ref at,
    const struct new_edges *e)
{
	if (!at.op->visible)
		return LK_NONE;
	if (at.op->action == ACTION_INCREMENT) {
		for (size_t i = 0; i < e->covers.len; i++)
			TRY(ghost_hide(doc, s, e->covers.ids[i]));
		return ghost_count(doc, at, ghost_step(at.op));
	}
	for (size_t i = 0; i < e->covers.len; i++)
		TRY(ghost_cover(doc, s, e->covers.ids[i], true));
	return LK_NONE;
}

/* What the slot keeps of a new op. */
static lk_err
slot_join(struct doc *doc, struct slot *s, const struct stored_op *op)
{
	struct slot_event e = {
		.id = op->id, .assigns = op_assigns(op), .kills = op_kills(op)
	};

	if (e.kills || (e.assigns && s->events_len > 0))
		TRY(slot_add_event(doc, s, e));
	if (op->action == ACTION_INCREMENT) {
		s->last_increment = op->id;
		s->dirty = true;
	}
	if (!op->visible && !op->insert) {
		s->void_ops++;
		s->dirty = true;
	}
	return ghost_note(doc, s, op, (struct ghost_state){ 0 });
}

static lk_err
place_slot(struct doc *doc, const struct placed_op *op, struct slot *s)
{
	if (op->in_map)
		return slot_load_key(doc, op->obj, op->key, true, s);
	return slot_load_elem(doc, op->obj, op->elem, s);
}

/* An op as it is stored, but for its slot. */
static struct op_addition
addition_of(const struct placed_op *op, uint32_t number, bool visible)
{
	struct op_addition add = { .value = op->value, .name = op->name };

	add.op = (struct stored_op){ .id = op->id,
		.obj = op->obj,
		.change = number,
		.action = op->action,
		.insert = op->insert,
		.in_map = op->in_map,
		.visible = visible,
		.expand = op->expand,
		.has_name = op->has_name };
	return add;
}

/*
 * A new element: nothing covers it and it covers nothing, so its slot is what
 * its op says and needs no record.
 */
static lk_err
place_insert(struct doc *doc, struct op_addition *add)
{
	const struct id_list none = { 0 };
	struct seq_elem e = { .id = add->op.id, .glyph = GLYPH_HIDDEN };
	struct object *o;
	struct op_ref at;

	add->op.slot = add->op.id;
	add->covers = add->adds = &none;
	TRY(opset_add(doc, add, &at));
	TRY(object_load(doc, add->op.obj, &o));
	if (o->type == OBJ_MAP)
		return LK_ERR(LK_E_CORRUPT, "an element of a map");
	if (add->op.action == ACTION_MARK)
		e.glyph = GLYPH_MARK;
	else if (add->op.visible)
		slot_glyph(o, add->op.action, &add->value, &e);
	return seq_insert(doc, o, add->op.ref, &e);
}

/* An op on a slot that is there, or on a key. */
static lk_err
place_on_slot(struct doc *doc, const struct doc_past *past,
    const struct placed_op *op, struct op_addition *add)
{
	NEW_EDGES_SCOPED edges = { 0 };
	struct op_ref at;
	struct slot s;

	TRY(place_slot(doc, op, &s));
	TRY(edges_find(doc, past, &s, op, &edges));
	add->op.slot = s.ref;
	if (op->action == ACTION_INCREMENT)
		add->op.ref = s.last_increment;
	add->covers = &edges.covers;
	add->adds = &edges.adds;
	TRY(opset_add(doc, add, &at));
	TRY(slot_join(doc, &s, at.op));
	TRY(new_op_acts(doc, &s, at, &edges));
	return slot_commit(doc, &s);
}

lk_err
doc_place(struct doc *doc, const struct doc_past *past, uint32_t number,
    bool visible, const struct placed_op *op)
{
	struct op_addition add = addition_of(op, number, visible);
	enum obj_type made;

	/* Before it is shown: its place may be asked for what it is. */
	if (object_of_action(op->action, &made))
		TRY(object_add(doc, op->id, made));
	if (!op->insert)
		return place_on_slot(doc, past, op, &add);
	add.op.ref = op->elem;
	return place_insert(doc, &add);
}
