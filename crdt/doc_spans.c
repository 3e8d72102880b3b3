#include "crdt/doc_spans.h"

#include <stdlib.h>

#include "crdt/doc_read.h"
#include "crdt/mark_set.h"

/* A walk over a text that tells when the marks in force change. */
struct mark_walk {
	struct doc *doc;
	uint64_t obj;
	struct mark_set set;
	uint64_t end; /* of the last element shown */
	/* The marks change before position `at`. */
	lk_err (*changed)(struct mark_walk *, uint64_t at);
	/* An element is shown; NULL: nobody wants to know. */
	lk_err (*shown)(struct mark_walk *, const struct seq_place *);
};

static lk_err
walk_settle(struct mark_walk *w, uint64_t at)
{
	if (SLIST_EMPTY(&w->set.touched))
		return LK_NONE;
	TRY(doc_trim(w->doc));
	return w->changed(w, at);
}

static lk_err
walk_elem(struct mark_walk *w, const struct seq_place *place)
{
	if (place->elem.glyph == GLYPH_MARK) {
		TRY(doc_trim(w->doc));
		return mark_set_pass(&w->set, place->elem.id);
	}
	/* What has no width cannot be marked. */
	if (!seq_elem_shown(&place->elem) || place->elem.width == 0)
		return LK_NONE;
	TRY(walk_settle(w, place->index));
	w->end = place->index + place->elem.width;
	return w->shown == NULL ? LK_NONE : w->shown(w, place);
}

static lk_err
walk_run(struct mark_walk *w, const struct object *o)
{
	struct seq_place place = { 0 };
	lk_err err;

	for (err = seq_first(w->doc, o, &place); err.code == LK_OK;
	     err = seq_next(w->doc, &place))
		TRY(walk_elem(w, &place));
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* Spans. */

struct span_walk {
	struct mark_walk walk; /* first */
	span_fn *each;
	void *ctx;
	struct span run; /* what has come together of it */
	struct buf text;
	struct mark *marks;
	size_t marks_cap;
};

/* The marks in force, for a span. */
static lk_err
span_marks(struct span_walk *w, struct span *span)
{
	struct mark_set *set = &w->walk.set;
	struct mark_name *n;
	size_t len = 0;

	if (set->in_force_len > w->marks_cap) {
		size_t cap = 2 * set->in_force_len;
		struct mark *marks =
		    reallocarray(w->marks, cap, sizeof(*marks));

		if (marks == NULL)
			return LK_ERR(LK_E_NOMEM, "marks of a span");
		w->marks = marks;
		w->marks_cap = cap;
	}
	for (n = mark_set_first(set); n != NULL; n = mark_set_next(n))
		w->marks[len++] = n->mark;
	span->marks = w->marks;
	span->marks_len = len;
	return LK_NONE;
}

/* Hands out the run that ends here, if there is one. */
static lk_err
span_flush(struct span_walk *w)
{
	struct span run = w->run;

	w->run = (struct span){ .start = run.start + run.length };
	if (run.length == 0)
		return LK_NONE;
	TRY(buf_err(&w->text, "run of text"));
	run.text = buf_bytes(&w->text);
	TRY(span_marks(w, &run));
	TRY(w->each(w->ctx, &run));
	buf_reset(&w->text);
	return LK_NONE;
}

static lk_err
span_changed(struct mark_walk *walk, uint64_t at)
{
	struct span_walk *w = (struct span_walk *)walk;
	struct mark_name *n;

	(void)at;
	for (;;) {
		TRY(mark_set_changed(&walk->set, &n));
		if (n == NULL)
			return LK_NONE;
		TRY(span_flush(w));
		mark_set_change(&walk->set, n);
	}
}

static lk_err
span_block(struct span_walk *w, uint64_t map)
{
	struct span block = {
		.is_block = true, .length = 1, .block = id_unpack(map)
	};

	TRY(span_flush(w));
	block.start = w->run.start++;
	TRY(span_marks(w, &block));
	return w->each(w->ctx, &block);
}

static lk_err
span_shown(struct mark_walk *walk, const struct seq_place *place)
{
	struct span_walk *w = (struct span_walk *)walk;
	struct op_ref at;

	if (place->elem.glyph == GLYPH_OTHER) {
		TRY(elem_winner(walk->doc, walk->obj, place->elem.id, &at));
		if (at.op->action == ACTION_MAKE_MAP)
			return span_block(w, at.op->id);
	}
	w->run.length += place->elem.width;
	return elem_text(walk->doc, walk->obj, &place->elem, &w->text);
}

lk_err
doc_spans(struct doc *doc, struct op_id text, span_fn *each, void *ctx)
{
	struct span_walk w = { .walk = { .doc = doc,
				   .obj = id_pack(text),
				   .changed = span_changed,
				   .shown = span_shown },
		.each = each,
		.ctx = ctx };
	struct object *o;
	lk_err err;

	TRY(text_of_caller(doc, text, &o));
	buf_init(&w.text, DOCUMENT_BODY_MAX);
	mark_set_init(&w.walk.set, doc);
	err = walk_run(&w.walk, o);
	if (err.code == LK_OK)
		err = span_flush(&w);
	mark_set_clear(&w.walk.set);
	buf_clear(&w.text);
	free(w.marks);
	return err;
}

/* Marks. */

struct range_walk {
	struct mark_walk walk; /* first */
	struct mark_range *ranges;
	size_t len, cap;
};

static lk_err
range_add(struct range_walk *w, const struct mark_name *n, uint64_t end)
{
	if (w->len == w->cap) {
		size_t cap = 2 * w->cap + 16;
		struct mark_range *ranges =
		    reallocarray(w->ranges, cap, sizeof(*ranges));

		if (ranges == NULL)
			return LK_ERR(LK_E_NOMEM, "marks of a text");
		w->ranges = ranges;
		w->cap = cap;
	}
	w->ranges[w->len++] = (struct mark_range){
		.start = n->since, .end = end, .mark = n->mark
	};
	return LK_NONE;
}

static lk_err
range_changed(struct mark_walk *walk, uint64_t at)
{
	struct range_walk *w = (struct range_walk *)walk;
	struct mark_name *n;

	for (;;) {
		TRY(mark_set_changed(&walk->set, &n));
		if (n == NULL)
			return LK_NONE;
		if (n->in_force)
			TRY(range_add(w, n, at));
		mark_set_change(&walk->set, n);
		n->since = at;
	}
}

static int
range_compare(const void *a, const void *b)
{
	const struct mark_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return bytes_compare(x->mark.name, y->mark.name);
}

static lk_err
ranges_find(struct range_walk *w, const struct object *o)
{
	struct mark_name *n;

	if (o->marks == 0)
		return LK_NONE;
	TRY(walk_run(&w->walk, o));
	for (n = mark_set_first(&w->walk.set); n != NULL; n = mark_set_next(n))
		TRY(range_add(w, n, w->walk.end));
	if (w->len > 0)
		qsort(w->ranges, w->len, sizeof(*w->ranges), range_compare);
	return LK_NONE;
}

int
mark_range_compare(const void *a, const void *b)
{
	const struct mark_range *x = a, *y = b;
	int c = bytes_compare(x->mark.name, y->mark.name);

	if (c != 0)
		return c;
	return x->start < y->start ? -1 : x->start > y->start;
}

lk_err
doc_marks(struct doc *doc, struct op_id text, mark_fn *each, void *ctx)
{
	struct range_walk w = { .walk = { .doc = doc,
				    .obj = id_pack(text),
				    .changed = range_changed } };
	struct object *o;
	lk_err err;

	TRY(text_of_caller(doc, text, &o));
	mark_set_init(&w.walk.set, doc);
	err = ranges_find(&w, o);
	for (size_t i = 0; i < w.len && err.code == LK_OK; i++)
		err = each(ctx, &w.ranges[i]);
	mark_set_clear(&w.walk.set);
	free(w.ranges);
	return err;
}
