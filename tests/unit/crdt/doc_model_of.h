/*
 * doc_model_of.h - for tests: the model of what a document shows.
 */
#ifndef TESTS_DOC_MODEL_OF_H
#define TESTS_DOC_MODEL_OF_H

#include "crdt/doc_spans.h"
#include "tests/unit/crdt/doc_model.h"

/* The values of one place come one by one. */
struct model_walk {
	struct model *m;
	struct doc *doc;
	struct op_id obj;
	struct item items[64];
	size_t len;
};

static inline void model_of_object(
    struct model *, struct doc *, struct op_id, enum obj_type);

static inline lk_err
model_each(void *ctx, const struct doc_visit *v)
{
	struct model_walk *w = ctx;
	struct model_object *o = model_find(w->m, w->obj);
	struct model_cell *c;

	assert_true(w->len < 64);
	w->items[w->len++] = v->item;
	if (!v->winner)
		return LK_NONE;
	if (o->type == OBJ_TEXT && !v->item.is_obj &&
	    v->item.value.type == VALUE_STR) {
		(void)model_text_put(o, o->len, v->item.value.bytes);
	} else {
		c = model_cell_add(o, o->len);
		if (o->type == OBJ_MAP)
			c->key = model_key(v->key);
		model_cell_fill(c, w->items, w->len);
	}
	for (size_t i = 0; i < w->len; i++)
		if (w->items[i].is_obj)
			model_of_object(
			    w->m, w->doc, w->items[i].id, w->items[i].obj_type);
	w->len = 0;
	return LK_NONE;
}

static inline lk_err
model_mark_each(void *ctx, const struct mark_range *r)
{
	struct model_object *o = ctx;

	assert_true(r->start < r->end && r->end <= o->len);
	for (uint64_t i = r->start; i < r->end; i++)
		model_mark(&o->cells[i], r->mark.name, &r->mark.value);
	return LK_NONE;
}

static inline void
model_of_object(
    struct model *m, struct doc *doc, struct op_id id, enum obj_type type)
{
	struct model_walk *w = calloc(1, sizeof(*w));

	model_begin(m, id, type, false);
	w->m = m;
	w->doc = doc;
	w->obj = id;
	assert_ok(doc_each(doc, id, model_each, w));
	if (type == OBJ_TEXT)
		assert_ok(
		    doc_marks(doc, id, model_mark_each, model_find(m, id)));
	free(w);
}

static inline void
model_of_doc(struct model *m, struct doc *doc)
{
	*m = (struct model){ 0 };
	model_of_object(m, doc, DOC_ROOT, OBJ_MAP);
}

#endif
