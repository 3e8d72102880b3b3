#include "crdt/diff.h"

#include <stdlib.h>

#include "crdt/diff_state.h"

/* Keys of one object that differ, and its path. */
#define OBJECT_BYTES_MAX ((size_t)1 << 30)

static const lk_err diff_damaged = { .code = LK_E_CORRUPT,
	.what = "object of an op" };

void *
diff_room(void *at, size_t len, size_t *cap, size_t size)
{
	size_t more = 2 * *cap + 16;

	if (len < *cap)
		return at;
	at = reallocarray(at, more, size);
	if (at != NULL)
		*cap = more;
	return at;
}

lk_err
diff_emit(struct diff *d, const struct patch *p)
{
	TRY(d->each(d->ctx, p));
	/* Values lent for this patch end with it. */
	TRY(doc_settle(d->from));
	return doc_settle(d->to);
}

static bool
pending_before(const struct diff *d, size_t a, size_t b)
{
	return doc_id_compare(d->to, d->heap[a].obj, d->heap[b].obj) < 0;
}

static void
pending_swap(struct diff *d, size_t a, size_t b)
{
	struct pending p = d->heap[a];

	d->heap[a] = d->heap[b];
	d->heap[b] = p;
}

lk_err
diff_wait(struct diff *d, uint64_t obj, bool fresh)
{
	size_t at = d->heap_len;
	struct pending *heap;
	bool added;

	/* What an object holds was made after it: this ends. */
	if (fresh && id_ctr(obj) <= id_ctr(d->obj))
		return diff_damaged;
	if (fresh && d->whole)
		return id_set_add(&d->begun, obj, &added);
	heap = diff_room(d->heap, at, &d->heap_cap, sizeof(*heap));

	if (heap == NULL)
		return LK_ERR(LK_E_NOMEM, "objects of a diff");
	d->heap = heap;
	d->heap[d->heap_len++] = (struct pending){ .obj = obj, .fresh = fresh };
	for (; at > 0 && pending_before(d, at, (at - 1) / 2); at = (at - 1) / 2)
		pending_swap(d, at, (at - 1) / 2);
	return LK_NONE;
}

static struct pending
pending_pop(struct diff *d)
{
	struct pending top = d->heap[0];
	size_t at = 0;

	d->heap[0] = d->heap[--d->heap_len];
	for (;;) {
		size_t least = at, left = 2 * at + 1, right = left + 1;

		if (left < d->heap_len && pending_before(d, left, least))
			least = left;
		if (right < d->heap_len && pending_before(d, right, least))
			least = right;
		if (least == at)
			return top;
		pending_swap(d, at, least);
		at = least;
	}
}

static lk_err
touched_add(struct diff *d, const struct stored_op *op)
{
	struct touched *t =
	    diff_room(d->touched, d->touched_len, &d->touched_cap, sizeof(*t));

	if (t == NULL)
		return LK_ERR(LK_E_NOMEM, "what differs");
	d->touched = t;
	d->touched[d->touched_len++] =
	    (struct touched){ .obj = op->obj, .ref = op->slot };
	return LK_NONE;
}

static int
touched_compare(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;

	if (x->obj != y->obj)
		return x->obj < y->obj ? -1 : 1;
	return x->ref < y->ref ? -1 : x->ref > y->ref;
}

/* The slots of a change, if it takes part in only one view. */
static lk_err
touch_change(struct diff *d, uint32_t number)
{
	struct doc_change from, to;
	struct doc_actor *a;

	TRY(doc_trim(d->from));
	TRY(doc_trim(d->to));
	TRY(doc_change_load(d->from, number, &from));
	TRY(doc_change_load(d->to, number, &to));
	if (from.visible == to.visible)
		return LK_NONE;
	TRY(doc_actor_load(d->to, to.actor, &a));
	for (uint64_t i = 0; i < to.ops; i++) {
		struct op_ref at;

		TRY(doc_trim(d->to));
		TRY(opset_load(d->to, (to.start_op + i) << 32 | to.actor, &at));
		TRY(touched_add(d, at.op));
	}
	return LK_NONE;
}

static lk_err
touch_all(struct diff *d, const struct id_list *numbers)
{
	for (size_t i = 0; i < numbers->len; i++)
		TRY(touch_change(d, (uint32_t)numbers->ids[i]));
	return LK_NONE;
}

static size_t
view_depth(const struct doc *doc)
{
	size_t n = 0;

	for (; doc->view != NULL; doc = doc->view->base)
		n++;
	return n;
}

/*
 * What can differ between two views is what either has otherwise than its base,
 * down to a base they share.
 */
static lk_err
touch_views(struct diff *d)
{
	const struct doc *a = d->from, *b = d->to;

	while (a != b) {
		const struct doc **deeper =
		    view_depth(a) > view_depth(b) ? &a : &b;
		const struct doc_view *v = (*deeper)->view;

		TRY(touch_all(d, &v->hidden));
		TRY(touch_all(d, &v->shown));
		*deeper = v->base;
	}
	return LK_NONE;
}

static void
touched_unique(struct diff *d)
{
	size_t n = 0;

	if (d->touched_len == 0)
		return;
	qsort(d->touched, d->touched_len, sizeof(*d->touched), touched_compare);
	for (size_t i = 0; i < d->touched_len; i++)
		if (n == 0 ||
		    touched_compare(&d->touched[n - 1], &d->touched[i]) != 0)
			d->touched[n++] = d->touched[i];
	d->touched_len = n;
}

/* Whether an object is shown in its slot, and the object that slot is in. */
static lk_err
object_shown(struct doc *doc, uint64_t obj, uint64_t *parent, bool *shown)
{
	struct op_ref at, elem;

	TRY(doc_trim(doc));
	TRY(opset_load(doc, obj, &at));
	*parent = at.op->obj;
	*shown = op_shown(at.op);
	if (at.op->in_map || !*shown)
		return LK_NONE;
	/* Nothing that is put on a mark is shown. */
	TRY(opset_load(doc, at.op->slot, &elem));
	*shown = elem.op->action != ACTION_MARK;
	return LK_NONE;
}

/* Whether both views show an object: all the way from the root. */
static lk_err
object_in_both(struct diff *d, uint64_t obj, bool *both)
{
	ID_LIST_SCOPED chain = { 0 };
	bool shown = true, fresh;

	for (; shown && obj != 0 && !id_set_has(&d->both, obj);) {
		uint64_t parent = 0;

		TRY(id_list_add(&chain, obj));
		shown = !id_set_has(&d->apart, obj);
		if (shown)
			TRY(object_shown(d->from, obj, &parent, &shown));
		if (shown)
			TRY(object_shown(d->to, obj, &parent, &shown));
		/* Made before what it holds: this ends. */
		if (id_ctr(parent) >= id_ctr(obj))
			return diff_damaged;
		obj = parent;
	}
	for (size_t i = 0; i < chain.len; i++)
		TRY(id_set_add(
		    shown ? &d->both : &d->apart, chain.ids[i], &fresh));
	*both = shown;
	return LK_NONE;
}

/* All objects with a slot that may differ, if both views show them. */
static lk_err
queue_touched(struct diff *d)
{
	for (size_t i = 0; i < d->touched_len; i++) {
		uint64_t obj = d->touched[i].obj;
		bool both;

		if (i > 0 && d->touched[i - 1].obj == obj)
			continue;
		TRY(object_in_both(d, obj, &both));
		if (both)
			TRY(diff_wait(d, obj, false));
	}
	return LK_NONE;
}

static struct touched *
touched_of(struct diff *d, uint64_t obj, size_t *len)
{
	size_t low = 0, high = d->touched_len, end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (d->touched[mid].obj < obj)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < d->touched_len && d->touched[end].obj == obj;)
		end++;
	*len = end - low;
	return d->touched + low;
}

/* The root is a level.  Without this the paths of objects in each other would
 * cost the square of their number. */
static lk_err
depth_check(size_t levels)
{
	return levels + 1 < TREE_DEPTH_MAX
	    ? LK_NONE
	    : LK_ERR(LK_E_LIMIT, "more than 512 levels deep");
}

/* The place of an object in the one it is in. */
static lk_err
object_place(struct diff *d, uint64_t obj, uint64_t *parent, struct prop *out)
{
	BUF_SCOPED key = { .max = CHANGE_BODY_MAX };
	struct seq_place place;
	struct op_ref at;
	struct slot s;
	struct object *o;
	uint64_t winner, of;

	TRY(doc_trim(d->to));
	TRY(opset_load(d->to, obj, &at));
	*parent = at.op->obj;
	if (id_ctr(*parent) >= id_ctr(obj))
		return diff_damaged;
	out->is_key = at.op->in_map;
	TRY(slot_load_op(d->to, at.op, &s));
	TRY(slot_winner(d->to, &s, &winner));
	d->patch.shadowed = d->patch.shadowed || winner != obj;
	if (!out->is_key) {
		TRY(object_load(d->to, *parent, &o));
		TRY(seq_find(d->to, o, s.ref, &place));
		out->index = place.index;
		return LK_NONE;
	}
	TRY(slot_key_bytes(d->to, s.ref, &of, &key));
	out->key = arena_copy(&d->memory, buf_bytes(&key));
	return out->key.ptr == NULL && key.len > 0
	    ? LK_ERR(LK_E_NOMEM, "path of an object")
	    : LK_NONE;
}

/* Fills in d->patch for the object at hand. */
static lk_err
object_path(struct diff *d)
{
	size_t len = 0, cap = 0;
	struct prop *path = NULL;
	uint64_t at = d->obj;

	while (at != 0) {
		uint64_t parent;

		TRY(depth_check(len));
		if (len == cap) {
			struct prop *more;

			cap = 2 * cap + 8;
			more = arena_alloc(&d->memory, cap * sizeof(*path));
			if (more == NULL)
				return LK_ERR(LK_E_NOMEM, "path of an object");
			if (len > 0)
				memcpy(more, path, len * sizeof(*path));
			path = more;
		}
		TRY(object_place(d, at, &parent, &path[len++]));
		at = parent;
	}
	for (size_t i = 0; i < len / 2; i++) {
		struct prop other = path[i];

		path[i] = path[len - 1 - i];
		path[len - 1 - i] = other;
	}
	d->patch.path = path;
	d->patch.path_len = len;
	return LK_NONE;
}

static lk_err
diff_key(struct diff *d, struct bytes key)
{
	CELL_SCOPED cell = { 0 };
	struct patch p = d->patch;
	uint64_t before, now;

	p.prop = (struct prop){ .is_key = true, .key = key };
	TRY(cell_load_key(d, key, &cell));
	before = cell_winner(&cell.from);
	now = cell_winner(&cell.to);
	if (before == now)
		return now == 0 ? LK_NONE : cell_same(d, &p, &cell);
	if (now != 0)
		return cell_emit(d, PATCH_PUT, &p, &cell);
	p.kind = PATCH_DEL;
	p.length = 1;
	return diff_emit(d, &p);
}

static lk_err
diff_all_keys(struct diff *d, struct slot_cursor *c)
{
	for (;;) {
		struct slot s;
		lk_err err;

		TRY(doc_trim(d->to));
		err = slot_next_key(d->to, d->obj, c, &s);
		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(diff_key(d, buf_bytes(&c->key)));
	}
}

static int
key_compare(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;

	return bytes_compare(x->key, y->key);
}

static lk_err
diff_map(struct diff *d, struct touched *t, size_t len)
{
	struct slot_cursor cursor = { 0 };
	lk_err err;

	if (d->fresh) {
		err = diff_all_keys(d, &cursor);
		slot_cursor_clear(&cursor);
		return err;
	}
	for (size_t i = 0; i < len; i++) {
		BUF_SCOPED key = { .max = CHANGE_BODY_MAX };
		uint64_t obj;

		TRY(slot_key_bytes(d->to, t[i].ref, &obj, &key));
		t[i].key = arena_copy(&d->memory, buf_bytes(&key));
		if (t[i].key.ptr == NULL && key.len > 0)
			return LK_ERR(LK_E_NOMEM, "keys that differ");
	}
	if (len > 0)
		qsort(t, len, sizeof(*t), key_compare);
	for (size_t i = 0; i < len; i++)
		TRY(diff_key(d, t[i].key));
	return LK_NONE;
}

/* Whether an object is, or is in, one that a patch has begun. */
static lk_err
object_begun(struct diff *d, uint64_t obj, bool *begun)
{
	size_t levels = 0;

	*begun = false;
	/* object_in_both has seen that this ends. */
	while (d->begun.len > 0 && obj != 0 && !*begun) {
		struct op_ref at;

		TRY(depth_check(levels++));
		*begun = id_set_has(&d->begun, obj);
		TRY(doc_trim(d->to));
		TRY(opset_load(d->to, obj, &at));
		obj = at.op->obj;
	}
	return LK_NONE;
}

static lk_err
diff_object(struct diff *d, struct pending p)
{
	struct touched *t;
	struct object *o;
	size_t len;
	bool begun;

	TRY(object_begun(d, p.obj, &begun));
	if (begun)
		return LK_NONE;
	arena_clear(&d->memory);
	d->obj = p.obj;
	d->fresh = p.fresh;
	TRY(doc_trim(d->to));
	TRY(object_load(d->to, p.obj, &o));
	d->patch = (struct patch){
		.obj = id_unpack(p.obj), .obj_type = o->type, .fresh = p.fresh
	};
	TRY(object_path(d));
	t = touched_of(d, p.obj, &len);
	if (d->patch.obj_type == OBJ_MAP)
		return diff_map(d, t, len);
	TRY(diff_sequence(d, t, len));
	return diff_marks(d);
}

static lk_err
diff_run(struct diff *d)
{
	if (doc_root(d->from) != doc_root(d->to))
		return LK_ERR(LK_E_USAGE, "not views of one document");
	TRY(doc_settle(d->from));
	TRY(doc_settle(d->to));
	TRY(touch_views(d));
	touched_unique(d);
	TRY(queue_touched(d));
	while (d->heap_len > 0) {
		struct pending p = pending_pop(d);

		/* A patch may have begun anew what both views show. */
		while (d->heap_len > 0 && d->heap[0].obj == p.obj)
			p.fresh = pending_pop(d).fresh || p.fresh;
		TRY(diff_object(d, p));
	}
	return LK_NONE;
}

static lk_err
diff_of(struct diff d)
{
	lk_err err;

	arena_init(&d.memory, OBJECT_BYTES_MAX);
	buf_init(&d.run.text, (size_t)CHANGE_BODY_MAX + 2 * RUN_TEXT_MAX);
	err = diff_run(&d);
	arena_clear(&d.memory);
	buf_clear(&d.run.text);
	id_set_clear(&d.both);
	id_set_clear(&d.apart);
	id_set_clear(&d.begun);
	free(d.touched);
	free(d.heap);
	free(d.stays.at);
	return err;
}

lk_err
doc_diff(struct doc *from, struct doc *to, patch_fn *each, void *ctx)
{
	return diff_of(
	    (struct diff){ .from = from, .to = to, .each = each, .ctx = ctx });
}

lk_err
doc_diff_whole(struct doc *from, struct doc *to, patch_fn *each, void *ctx)
{
	return diff_of((struct diff){
	    .from = from, .to = to, .each = each, .ctx = ctx, .whole = true });
}
