#include "crdt/edit_state.h"

/*
 * The places where an insertion may go, all behind one element shown and
 * before the next: behind that element, or behind a mark that is open there.
 * The last one counts (automerge-format 11.1).
 */
struct places {
	struct id_list open;
	struct id_set begins; /* of which some were in the list */
	struct id_set gone;   /* those that are not there any more */
};

static void
places_clear(struct places *p)
{
	id_list_clear(&p->open);
	id_set_clear(&p->begins);
	id_set_clear(&p->gone);
}

#define PLACES_SCOPED __attribute__((cleanup(places_clear))) struct places

/* A begin whose end comes too covers nothing: neither it nor what follows it
 * is a place. */
static lk_err
places_close(struct places *p, uint64_t begin)
{
	bool fresh;
	uint64_t last;

	do {
		last = p->open.ids[--p->open.len];
		TRY(id_set_add(&p->gone, last, &fresh));
	} while (last != begin && p->open.len > 0);
	return LK_NONE;
}

static lk_err
places_pass(struct places *p, const struct stored_op *mark)
{
	uint64_t begin = mark_begin_of(mark->id);
	bool fresh;

	if (!mark->has_name && id_set_has(&p->begins, begin) &&
	    !id_set_has(&p->gone, begin))
		return places_close(p, begin);
	if (mark->expand != mark->has_name)
		return LK_NONE;
	if (mark->has_name)
		TRY(id_set_add(&p->begins, mark->id, &fresh));
	return id_list_add(&p->open, mark->id);
}

/* The last place behind `at`; *elem stays as it is when there is none. */
static lk_err
places_find(struct edit *e, uint64_t obj, struct seq_place *at, uint64_t *elem)
{
	PLACES_SCOPED places = { 0 };
	struct object *o;
	struct op_ref op;

	for (;;) {
		lk_err err;

		TRY(doc_trim(e->doc));
		TRY(object_load(e->doc, obj, &o));
		err = seq_next_seen(e->doc, o, at);
		if (err.code == LK_E_NOTFOUND ||
		    (err.code == LK_OK && at->elem.glyph != GLYPH_MARK))
			break;
		TRY(err);
		TRY(opset_load(e->doc, at->elem.id, &op));
		/* A void mark is not there. */
		if (op_shown(op.op))
			TRY(places_pass(&places, op.op));
	}
	if (places.open.len > 0)
		*elem = places.open.ids[places.open.len - 1];
	return LK_NONE;
}

lk_err
edit_reference(struct edit *e, const struct object *o, uint64_t index,
    struct reference *out)
{
	struct seq_place at = { 0 };
	struct op_ref op;

	if (index > 0)
		TRY(seq_at(e->doc, o, index - 1, &at));
	*out = (struct reference){ .shown = at.elem.id,
		.elem = at.elem.id,
		.index = at.index + at.elem.width };
	if (o->marks > 0)
		TRY(places_find(e, o->id, &at, &out->elem));
	if (out->elem == 0)
		return LK_NONE;
	TRY(opset_load(e->doc, out->elem, &op));
	return edit_knows(e, op.op) ? LK_NONE : edit_unknown;
}
