#include <stdlib.h>

#include "crdt/doc_ghost.h"

#define STRANDED_BYTES_MAX ((size_t)1 << 30)

/* Ops of ghosts that hide something; the rest of a list is shared. */
struct why {
	uint64_t ghost;
	const struct why *up;
};

/* What is known of an object: ghosts among the ops that made it and those
 * around it, unless something visible removed one of them. */
struct home {
	uint64_t obj; /* 0: free */
	const struct why *why;
	bool removed;
};

struct stranded_op {
	const struct doc *doc;
	uint64_t id;
	const struct why *why;
};

struct stranding {
	struct doc *doc;
	struct arena arena; /* of every struct why */
	struct home *homes;
	size_t homes_len, homes_cap;
	struct stranded_op *found;
	size_t found_len, found_cap;
};

static const struct why *
why_add(struct stranding *st, uint64_t ghost, const struct why *up)
{
	struct why *w = arena_alloc(&st->arena, sizeof(*w));

	if (w != NULL)
		*w = (struct why){ .ghost = ghost, .up = up };
	return w;
}

/* Where an object is, or is to be, in a table that is not full. */
static struct home *
home_place(struct home *homes, size_t cap, uint64_t obj)
{
	size_t at = (size_t)((obj * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	for (at &= cap - 1; homes[at].obj != 0 && homes[at].obj != obj;)
		at = (at + 1) & (cap - 1);
	return &homes[at];
}

static lk_err
homes_grow(struct stranding *st)
{
	size_t cap = st->homes_cap == 0 ? 64 : 2 * st->homes_cap;
	struct home *homes = calloc(cap, sizeof(*homes));

	if (homes == NULL)
		return LK_ERR(LK_E_NOMEM, "stranded changes");
	for (size_t i = 0; i < st->homes_cap; i++)
		if (st->homes[i].obj != 0)
			*home_place(homes, cap, st->homes[i].obj) =
			    st->homes[i];
	free(st->homes);
	st->homes = homes;
	st->homes_cap = cap;
	return LK_NONE;
}

/* Keeps what follows for an object from what holds for the one around it. */
static lk_err
home_keep(struct stranding *st, uint64_t obj, struct home *h)
{
	struct op_ref make;

	TRY(opset_load(st->doc, obj, &make));
	h->obj = obj;
	if (make.op->visible) {
		h->removed |= !op_shown(make.op);
	} else {
		h->removed |= make.op->cov > 0;
		h->why = why_add(st, obj, h->why);
		if (h->why == NULL)
			return LK_ERR(LK_E_LIMIT, "stranded changes");
	}
	if (2 * st->homes_len >= st->homes_cap)
		TRY(homes_grow(st));
	*home_place(st->homes, st->homes_cap, obj) = *h;
	st->homes_len++;
	return LK_NONE;
}

static lk_err
home_find(struct stranding *st, uint64_t obj, struct home *out)
{
	ID_LIST_SCOPED unknown = { 0 };
	struct home h = { 0 };

	while (obj != 0) {
		struct op_ref make;

		if (st->homes_cap > 0)
			h = *home_place(st->homes, st->homes_cap, obj);
		if (h.obj != 0)
			break;
		TRY(doc_trim(st->doc));
		TRY(id_list_add(&unknown, obj));
		TRY(opset_load(st->doc, obj, &make));
		/* Damage may not lead round in a circle. */
		if (id_ctr(make.op->obj) >= id_ctr(obj))
			return LK_ERR(LK_E_CORRUPT, "object of an op");
		obj = make.op->obj;
	}
	while (unknown.len > 0)
		TRY(home_keep(st, unknown.ids[--unknown.len], &h));
	*out = h;
	return LK_NONE;
}

/* Whether an increment counts for something shown, and if not which ghost
 * counters it names. */
static lk_err
increment_judge(struct stranding *st, struct op_ref increment, bool *counts,
    const struct why **why)
{
	ID_LIST_SCOPED targets = { 0 };
	EDGES_SCOPED edges = { 0 };
	struct op_ref at;

	*counts = false;
	TRY(ghost_targets(st->doc, increment, &targets));
	for (size_t i = 0; i < targets.len && !*counts; i++) {
		TRY(opset_load(st->doc, targets.ids[i], &at));
		*counts = op_shown(at.op);
	}
	TRY(opset_edges(st->doc, increment, &edges));
	for (size_t i = 0; i < edges.adds_len && !*counts; i++) {
		TRY(opset_load(st->doc, edges.adds[i], &at));
		if (at.op->visible || at.op->cov > 0)
			continue;
		*why = why_add(st, at.op->id, *why);
		if (*why == NULL)
			return LK_ERR(LK_E_LIMIT, "stranded changes");
	}
	return LK_NONE;
}

static lk_err
found_add(struct stranding *st, uint64_t id, const struct why *why)
{
	if (st->found_len == st->found_cap) {
		size_t cap = 2 * st->found_cap + 64;
		struct stranded_op *found =
		    reallocarray(st->found, cap, sizeof(*found));

		if (found == NULL)
			return LK_ERR(LK_E_NOMEM, "stranded changes");
		st->found = found;
		st->found_cap = cap;
	}
	st->found[st->found_len++] =
	    (struct stranded_op){ .doc = st->doc, .id = id, .why = why };
	return LK_NONE;
}

static lk_err
strand_op(struct stranding *st, uint64_t id)
{
	const struct why *why;
	struct op_ref at;
	struct home home;
	bool counts = true;

	TRY(doc_trim(st->doc));
	TRY(opset_load(st->doc, id, &at));
	if (at.op->action != ACTION_INCREMENT && !op_shown(at.op))
		return LK_NONE;
	TRY(home_find(st, at.op->obj, &home));
	if (home.removed)
		return LK_NONE;
	why = home.why;
	TRY(opset_load(st->doc, id, &at));
	if (at.op->action == ACTION_INCREMENT)
		TRY(increment_judge(st, at, &counts, &why));
	/* It may also have been for a counter that somebody removed. */
	if (!counts && why == home.why)
		return LK_NONE;
	return why == NULL ? LK_NONE : found_add(st, id, why);
}

static lk_err
strand_change(struct stranding *st, uint32_t number)
{
	struct doc_change c;

	TRY(doc_change_load(st->doc, number, &c));
	for (uint64_t i = 0; c.visible && i < c.ops; i++)
		TRY(strand_op(st, (c.start_op + i) << 32 | c.actor));
	return LK_NONE;
}

/* With nothing void there is nothing to look for. */
static lk_err
find_void(struct doc *doc, bool *any)
{
	*any = false;
	for (uint32_t n = 0; n < doc->head.changes && !*any; n++) {
		struct doc_change c;

		TRY(doc_change_load(doc, n, &c));
		*any = !c.visible;
	}
	return LK_NONE;
}

static int
found_compare(const void *a, const void *b)
{
	const struct stranded_op *x = a, *y = b;

	return doc_id_compare(x->doc, x->id, y->id);
}

static lk_err
found_visit(const struct stranded_op *found, doc_stranded_fn *each, void *ctx)
{
	struct doc_stranded s = { .op = id_unpack(found->id) };
	struct op_id *because;
	size_t n = 0;
	lk_err err;

	for (const struct why *w = found->why; w != NULL; w = w->up)
		s.because_len++;
	because = calloc(s.because_len, sizeof(*because));
	if (because == NULL)
		return LK_ERR(LK_E_NOMEM, "stranded changes");
	for (const struct why *w = found->why; w != NULL; w = w->up)
		because[n++] = id_unpack(w->ghost);
	s.because = because;
	err = each(ctx, &s);
	free(because);
	return err;
}

static lk_err
stranding_run(struct stranding *st, doc_stranded_fn *each, void *ctx)
{
	for (uint32_t n = 0; n < st->doc->head.changes; n++)
		TRY(strand_change(st, n));
	if (st->found_len > 0)
		qsort(st->found, st->found_len, sizeof(st->found[0]),
		    found_compare);
	for (size_t i = 0; i < st->found_len; i++)
		TRY(found_visit(&st->found[i], each, ctx));
	return LK_NONE;
}

lk_err
doc_stranded(struct doc *doc, doc_stranded_fn *each, void *ctx)
{
	struct stranding st = { .doc = doc };
	bool any;
	lk_err err;

	TRY(doc_settle(doc));
	TRY(find_void(doc, &any));
	if (!any)
		return LK_NONE;
	arena_init(&st.arena, STRANDED_BYTES_MAX);
	err = stranding_run(&st, each, ctx);
	arena_clear(&st.arena);
	free(st.homes);
	free(st.found);
	return err;
}
