/*
 * doc_patch.h - for tests: patches applied to a model of a document.
 */
#ifndef TESTS_DOC_PATCH_H
#define TESTS_DOC_PATCH_H

#include "crdt/diff.h"
#include "tests/unit/crdt/doc_model_of.h"

/* Where a key is, or belongs. */
static inline size_t
model_key_at(const struct model_object *o, const char *key)
{
	size_t i = 0;

	while (i < o->len && strcmp(o->cells[i].key, key) < 0)
		i++;
	return i;
}

static inline struct model_cell *
model_cell_of(struct model_object *o, const struct prop *prop, bool create)
{
	char *key;
	size_t at;

	if (o->type != OBJ_MAP) {
		assert_true(prop->index < o->len);
		return &o->cells[prop->index];
	}
	key = model_key(prop->key);
	at = model_key_at(o, key);
	if (at < o->len && strcmp(o->cells[at].key, key) == 0) {
		free(key);
		return &o->cells[at];
	}
	assert_true(create);
	model_cell_add(o, at)->key = key;
	return &o->cells[at];
}

static inline bool
model_cell_has(const struct model_cell *c, struct op_id id)
{
	for (size_t i = 0; i < c->len; i++)
		if (c->values[i].id.ctr == id.ctr &&
		    c->values[i].id.actor == id.actor)
			return true;
	return false;
}

/* Puts the values of a patch into a cell of object `obj`. */
static inline void
model_values(struct model *m, const struct patch *p, struct model_cell *c)
{
	bool fresh[64];

	assert_true(p->values_len > 0 && p->values_len <= 64);
	for (size_t i = 0; i < p->values_len; i++)
		fresh[i] = p->values[i].is_obj &&
		    (!model_cell_has(c, p->values[i].id) ||
			(p->kind == PATCH_PUT && i + 1 == p->values_len));
	model_cell_fill(c, p->values, p->values_len);
	for (size_t i = 0; i < p->values_len; i++)
		if (fresh[i] && m->whole != NULL)
			model_of_object(m, m->whole, p->values[i].id,
			    p->values[i].obj_type);
		else if (fresh[i])
			model_begin(
			    m, p->values[i].id, p->values[i].obj_type, true);
}

static inline void
model_conflict(struct model *m, struct model_object *o, const struct patch *p)
{
	/* In a text only an element that is no string is a cell of its own. */
	if (o->type == OBJ_TEXT && model_cell_of(o, &p->prop, false)->len == 0)
		return;
	model_values(m, p, model_cell_of(o, &p->prop, false));
}

static inline lk_err
model_patch(void *ctx, const struct patch *p)
{
	struct model *m = ctx;
	struct model_object *o = model_find(m, p->obj);
	struct model_cell *c;

	assert_non_null(o);
	assert_int_equal(o->type, p->obj_type);
	assert_int_equal(o->fresh, p->fresh);
	switch (p->kind) {
	case PATCH_PUT:
		assert_true(o->type != OBJ_TEXT);
		model_values(m, p, model_cell_of(o, &p->prop, true));
		break;
	case PATCH_INSERT:
		assert_true(o->type != OBJ_MAP);
		model_values(m, p, model_cell_add(o, p->prop.index));
		break;
	case PATCH_DEL:
		if (o->type == OBJ_MAP) {
			c = model_cell_of(o, &p->prop, false);
			model_cells_cut(o, (size_t)(c - o->cells), 1);
			break;
		}
		assert_true(p->length > 0);
		model_cells_cut(o, p->prop.index, p->length);
		break;
	case PATCH_SPLICE:
		assert_int_equal(o->type, OBJ_TEXT);
		assert_true(p->length > 0);
		assert_int_equal(
		    model_text_put(o, p->prop.index, p->text), p->length);
		break;
	case PATCH_INC:
		c = model_cell_of(o, &p->prop, false);
		assert_true(c->len > 0 && c->values[c->len - 1].is_counter);
		c->values[c->len - 1].counter =
		    (int64_t)((uint64_t)c->values[c->len - 1].counter +
			(uint64_t)p->by);
		break;
	case PATCH_CONFLICT:
		model_conflict(m, o, p);
		break;
	case PATCH_MARK:
	case PATCH_UNMARK:
		assert_int_equal(o->type, OBJ_TEXT);
		assert_true(
		    p->length > 0 && p->prop.index + p->length <= o->len);
		for (uint64_t i = 0; i < p->length; i++)
			model_mark(&o->cells[p->prop.index + i], p->mark.name,
			    p->kind == PATCH_MARK ? &p->mark.value : NULL);
		break;
	}
	return LK_NONE;
}

/* The patches from one view to the other make the one the other. */
static inline void
check_diff_as(const char *name, struct doc *from, struct doc *to, bool whole)
{
	struct model got, want;
	struct buf got_text, want_text;

	model_of_doc(&got, from);
	model_of_doc(&want, to);
	buf_init(&got_text, TREE_MAX);
	buf_init(&want_text, TREE_MAX);
	got.whole = whole ? to : NULL;
	assert_ok(whole ? doc_diff_whole(from, to, model_patch, &got)
			: doc_diff(from, to, model_patch, &got));
	model_show(&got, DOC_ROOT, &got_text);
	model_show(&want, DOC_ROOT, &want_text);
	if (!bytes_equal(buf_bytes(&got_text), buf_bytes(&want_text)))
		fail_msg("%s: patched\n%.*s\nnot\n%.*s", name,
		    (int)got_text.len, (const char *)got_text.ptr,
		    (int)want_text.len, (const char *)want_text.ptr);
	buf_clear(&got_text);
	buf_clear(&want_text);
	model_clear(&got);
	model_clear(&want);
}

static inline void
check_diff(const char *name, struct doc *from, struct doc *to)
{
	check_diff_as(name, from, to, false);
	check_diff_as(name, from, to, true);
}

#endif
