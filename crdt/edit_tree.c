#include <stdlib.h>
#include <string.h>

#include "crdt/edit_state.h"
#include "crdt/plain.h"
#include "crdt/textdiff.h"
#include "crdt/tree_match.h"

/* Making what is new. */

static lk_err
target_put(struct edit *e, const struct tree_place *at, const struct value *v)
{
	if (at->insert)
		return edit_insert(e, at->obj, at->prop.index, v);
	return edit_put(e, at->obj, at->prop, v);
}

static lk_err
target_make(struct edit *e, const struct tree_place *at, enum obj_type type,
    struct op_id *made)
{
	if (at->insert)
		return edit_insert_obj(e, at->obj, at->prop.index, type, made);
	return edit_make(e, at->obj, at->prop, type, made);
}

lk_err
edit_fill(struct edit *e, struct op_id obj, const struct tree *t)
{
	for (uint32_t i = 0; i < t->len; i++) {
		struct tree_place at = { .obj = obj,
			.prop = { .is_key = true, .key = t->items[i].key } };

		TRY(edit_assign(e, &at, &t->items[i]));
	}
	return LK_NONE;
}

lk_err
edit_assign(struct edit *e, const struct tree_place *at, const struct tree *t)
{
	struct tree_place item = { .insert = true };

	switch ((enum tree_kind)t->kind) {
	case TREE_SCALAR:
		return target_put(e, at, &t->value);
	case TREE_TEXT:
		TRY(target_make(e, at, OBJ_TEXT, &item.obj));
		if (t->text.len == 0)
			return LK_NONE;
		TRY(edit_splice(e, item.obj, 0, 0, t->text));
		return t->rich == NULL ? LK_NONE : edit_rich(e, item.obj, t);
	case TREE_MAP:
		TRY(target_make(e, at, OBJ_MAP, &item.obj));
		return edit_fill(e, item.obj, t);
	case TREE_LIST:
		TRY(target_make(e, at, OBJ_LIST, &item.obj));
		break;
	}
	for (uint32_t i = 0; i < t->len; i++) {
		item.prop.index = i;
		TRY(edit_assign(e, &item, &t->items[i]));
	}
	return LK_NONE;
}

/* Comparing. */

static uint64_t
hash_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t
leaf_hash(const struct tree *t)
{
	const struct value *v = &t->value;

	if (t->kind == TREE_TEXT)
		return hash_mix(t->kind, text_hash(t->text));
	switch (v->type) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
		return hash_mix(t->kind, v->type);
	case VALUE_UINT:
	case VALUE_INT:
	case VALUE_COUNTER:
	case VALUE_TIMESTAMP:
		return hash_mix(v->type, v->u64);
	case VALUE_F64:
		return hash_mix(v->type, text_hash(BYTES_OF(v->f64)));
	default:
		return hash_mix(v->type, text_hash(v->bytes));
	}
}

static uint64_t
marks_hash(const struct mark_list *l)
{
	uint64_t h = l->len;

	for (size_t i = 0; i < l->len; i++) {
		struct tree value = { .kind = TREE_SCALAR,
			.value = l->at[i].mark.value };

		h = hash_mix(h, l->at[i].start);
		h = hash_mix(h, l->at[i].end);
		h = hash_mix(h, text_hash(l->at[i].mark.name));
		h = hash_mix(h, leaf_hash(&value));
	}
	return h;
}

static bool
tree_holds(const struct tree *t)
{
	return t->kind == TREE_MAP || t->kind == TREE_LIST;
}

static lk_err tree_seal(struct tree *, enum tree_detail detail);

static lk_err
rich_seal(struct tree *t)
{
	const struct rich *r = t->rich;
	uint64_t h = hash_mix(t->hash, marks_hash(&r->marks));

	for (size_t i = 0; i < r->parts_len; i++) {
		TRY(tree_seal(&r->parts[i].tree, TREE_FULL));
		h = hash_mix(h, r->parts[i].at);
		h = hash_mix(h, r->parts[i].tree.hash);
	}
	t->hash = h;
	return LK_NONE;
}

/* Sets all hashes: of trees that are equal, equal ones. */
static lk_err
tree_seal(struct tree *t, enum tree_detail detail)
{
	uint64_t h = t->kind;

	if (!tree_holds(t) && detail == TREE_PLAIN)
		return plain_hash(t, &t->hash);
	if (!tree_holds(t)) {
		t->hash = leaf_hash(t);
		return detail == TREE_FULL && t->rich != NULL ? rich_seal(t)
							      : LK_NONE;
	}
	for (uint32_t i = 0; i < t->len; i++) {
		TRY(tree_seal(&t->items[i], detail));
		if (t->kind == TREE_MAP)
			h = hash_mix(h, text_hash(t->items[i].key));
		h = hash_mix(h, t->items[i].hash);
	}
	t->hash = hash_mix(h, t->len);
	return LK_NONE;
}

static lk_err tree_same(const struct tree *, const struct tree *,
    enum tree_detail detail, bool *same);

static lk_err
rich_same(const struct rich *a, const struct rich *b, bool *same)
{
	*same = a == b;
	if (a == NULL || b == NULL)
		return LK_NONE;
	*same = a->parts_len == b->parts_len &&
	    mark_list_equal(&a->marks, &b->marks);
	for (size_t i = 0; i < a->parts_len && *same; i++) {
		*same = a->parts[i].at == b->parts[i].at;
		if (*same)
			TRY(tree_same(
			    &a->parts[i].tree, &b->parts[i].tree, false, same));
	}
	return LK_NONE;
}

static lk_err
tree_same(const struct tree *a, const struct tree *b, enum tree_detail detail,
    bool *same)
{
	*same = a == b;
	if (a == b || a->hash != b->hash || tree_holds(a) != tree_holds(b))
		return LK_NONE;
	if (!tree_holds(a) && detail == TREE_PLAIN)
		return plain_same(a, b, same);
	if (a->kind != b->kind)
		return LK_NONE;
	if (a->kind == TREE_TEXT)
		*same = bytes_equal(a->text, b->text);
	if (*same && detail == TREE_FULL)
		return rich_same(a->rich, b->rich, same);
	if (a->kind == TREE_SCALAR)
		*same = value_equal(&a->value, &b->value);
	if (!tree_holds(a) || a->len != b->len)
		return LK_NONE;
	*same = true;
	for (uint32_t i = 0; i < a->len && *same; i++) {
		*same = a->kind == TREE_LIST ||
		    bytes_equal(a->items[i].key, b->items[i].key);
		if (*same)
			TRY(tree_same(
			    &a->items[i], &b->items[i], detail, same));
	}
	return LK_NONE;
}

/* Changing what differs. */

struct rewriter {
	struct edit *edit;
	struct aligner *al;
	enum tree_detail detail;
};

/* One place in the three trees; NULL: nothing is there. */
struct three {
	const struct tree *base, *wanted, *now;
};

static lk_err place_rewrite(
    struct rewriter *, const struct tree_place *, struct three);

static lk_err
same(const struct rewriter *rw, const struct tree *a, const struct tree *b,
    bool *out)
{
	*out = a == b;
	if (a == NULL || b == NULL)
		return LK_NONE;
	return tree_same(a, b, rw->detail, out);
}

/* What is wanted no more goes, unless others have changed it meanwhile. */
static lk_err
place_remove(struct rewriter *rw, const struct tree_place *at, struct three t,
    bool *gone)
{
	TRY(same(rw, t.base, t.now, gone));
	return *gone && t.now != NULL ? edit_delete(rw->edit, at->obj, at->prop)
				      : LK_NONE;
}

/* The member with this key, in a map that is walked along. */
static const struct tree *
member_at(const struct tree *map, uint32_t *i, struct bytes key)
{
	while (*i < map->len && bytes_compare(map->items[*i].key, key) < 0)
		++*i;
	if (*i < map->len && bytes_equal(map->items[*i].key, key))
		return &map->items[*i];
	return NULL;
}

static lk_err
map_rewrite(struct rewriter *rw, struct op_id map, struct three t)
{
	uint32_t b = 0, w = 0, n = 0;

	while (b < t.base->len || w < t.wanted->len) {
		struct tree_place at = { .obj = map,
			.prop = { .is_key = true } };
		struct three m;
		bool gone;

		if (w == t.wanted->len ||
		    (b < t.base->len &&
			bytes_compare(
			    t.base->items[b].key, t.wanted->items[w].key) < 0))
			at.prop.key = t.base->items[b].key;
		else
			at.prop.key = t.wanted->items[w].key;
		m.base = member_at(t.base, &b, at.prop.key);
		m.wanted = member_at(t.wanted, &w, at.prop.key);
		m.now = member_at(t.now, &n, at.prop.key);
		b += m.base != NULL;
		w += m.wanted != NULL;
		if (m.wanted == NULL)
			TRY(place_remove(rw, &at, m, &gone));
		else
			TRY(place_rewrite(rw, &at, m));
	}
	return LK_NONE;
}

/* Three lists, and for every element of base where it is in the others. */
struct lists {
	struct three t;
	uint32_t *to_wanted, *to_now;
};

static lk_err
lists_match(const struct rewriter *rw, struct lists *l)
{
	size_t n = (size_t)l->t.base->len + 1;

	l->to_wanted = reallocarray(NULL, n, sizeof(*l->to_wanted));
	l->to_now = reallocarray(NULL, n, sizeof(*l->to_now));
	if (l->to_wanted == NULL || l->to_now == NULL)
		return LK_ERR(LK_E_NOMEM, "compare lists");
	TRY(tree_match(rw->al, l->to_wanted, l->t.base, l->t.wanted));
	if (l->t.now != l->t.base)
		return tree_match(rw->al, l->to_now, l->t.base, l->t.now);
	for (uint32_t i = 0; i < l->t.base->len; i++)
		l->to_now[i] = i;
	return LK_NONE;
}

/* Where a walk along the three lists is: the next elements of wanted and now,
 * and the index in the document as edited so far. */
struct list_walk {
	struct tree_place at;
	uint32_t wanted, now;
};

static lk_err
wanted_insert(struct rewriter *rw, const struct lists *l, struct list_walk *w,
    uint32_t until)
{
	struct tree_place at = w->at;

	at.insert = true;
	for (; w->wanted < until; w->wanted++) {
		at.prop.index = w->at.prop.index++;
		TRY(edit_assign(rw->edit, &at, &l->t.wanted->items[w->wanted]));
	}
	return LK_NONE;
}

/* Element i of base: gone here or there, or changed. */
static lk_err
element_rewrite(
    struct rewriter *rw, const struct lists *l, struct list_walk *w, uint32_t i)
{
	struct three t = { .base = &l->t.base->items[i] };
	struct tree_place at = w->at;
	bool gone, unchanged;

	if (l->to_now[i] != ALIGN_NONE)
		t.now = &l->t.now->items[w->now++];
	if (l->to_wanted[i] == ALIGN_NONE) {
		TRY(place_remove(rw, &at, t, &gone));
		w->at.prop.index += t.now != NULL && !gone;
		return LK_NONE;
	}
	t.wanted = &l->t.wanted->items[w->wanted++];
	if (t.now != NULL) {
		w->at.prop.index++;
		return place_rewrite(rw, &at, t);
	}
	/* Deleted meanwhile: what was typed into it is not lost. */
	TRY(same(rw, t.base, t.wanted, &unchanged));
	if (unchanged)
		return LK_NONE;
	at.insert = true;
	w->at.prop.index++;
	return edit_assign(rw->edit, &at, t.wanted);
}

static lk_err
lists_walk(struct rewriter *rw, const struct lists *l, struct op_id list)
{
	struct list_walk w = { .at = { .obj = list } };

	for (uint32_t i = 0; i < l->t.base->len; i++) {
		if (l->to_now[i] != ALIGN_NONE) {
			w.at.prop.index += l->to_now[i] - w.now;
			w.now = l->to_now[i];
		}
		if (l->to_wanted[i] != ALIGN_NONE)
			TRY(wanted_insert(rw, l, &w, l->to_wanted[i]));
		TRY(element_rewrite(rw, l, &w, i));
	}
	w.at.prop.index += l->t.now->len - w.now;
	return wanted_insert(rw, l, &w, l->t.wanted->len);
}

static lk_err
list_rewrite(struct rewriter *rw, struct op_id list, struct three t)
{
	struct lists l = { .t = t };
	lk_err err = lists_match(rw, &l);

	if (err.code == LK_OK)
		err = lists_walk(rw, &l, list);
	free(l.to_wanted);
	free(l.to_now);
	return err;
}

static bool
tree_counts(const struct tree *t)
{
	return t->kind == TREE_SCALAR && t->value.type == VALUE_COUNTER;
}

/* Counters grow; everything else is assigned. */
static lk_err
scalar_rewrite(struct rewriter *rw, const struct tree_place *at, struct three t)
{
	struct plain_fit fit = { .fits = false };
	BUF_SCOPED memory = { .max = DOCUMENT_BODY_MAX };

	if (t.base == NULL || tree_holds(t.base))
		t.base = t.now;
	if (rw->detail == TREE_PLAIN) {
		TRY(plain_fit(&fit, t.now, t.base, t.wanted, &memory));
	} else if (tree_counts(t.now) && tree_counts(t.wanted)) {
		if (!tree_counts(t.base))
			t.base = t.now;
		fit.fits = fit.increment = true;
		/* Sums of counters wrap. */
		fit.value.i64 = (int64_t)((uint64_t)t.wanted->value.i64 -
		    (uint64_t)t.base->value.i64);
	}
	if (!fit.fits)
		return edit_assign(rw->edit, at, t.wanted);
	if (!fit.increment)
		return target_put(rw->edit, at, &fit.value);
	if (fit.value.i64 == 0)
		return LK_NONE;
	return edit_increment(rw->edit, at->obj, at->prop, fit.value.i64);
}

/* What is not full knows of no marks: they stay.  Else they are looked at also
 * when neither had any, since what is inserted can get into one that was empty.
 */
static lk_err
text_rewrite(struct rewriter *rw, struct three t)
{
	TRY(edit_text_from(rw->edit, rw->al, t.now->id,
	    (struct text_versions){
		t.base->text, t.wanted->text, t.now->text }));
	if (rw->detail != TREE_FULL)
		return LK_NONE;
	return edit_rich(rw->edit, t.now->id, t.wanted);
}

/* What the others made of it is there, and is to be what is wanted. */
static lk_err
place_rewrite(struct rewriter *rw, const struct tree_place *at, struct three t)
{
	bool done;

	TRY(same(rw, t.base, t.wanted, &done));
	if (!done)
		TRY(same(rw, t.now, t.wanted, &done));
	if (done)
		return LK_NONE;
	if (t.now == NULL || tree_holds(t.wanted) != tree_holds(t.now))
		return edit_assign(rw->edit, at, t.wanted);
	if (t.now->kind == TREE_SCALAR)
		return scalar_rewrite(rw, at, t);
	if (t.base == NULL || t.base->kind != t.wanted->kind ||
	    t.now->kind != t.wanted->kind)
		return edit_assign(rw->edit, at, t.wanted);
	if (t.now->kind == TREE_MAP)
		return map_rewrite(rw, t.now->id, t);
	if (t.now->kind == TREE_LIST)
		return list_rewrite(rw, t.now->id, t);
	return text_rewrite(rw, t);
}

/* Reads what is shown at the place; NOTFOUND. */
static lk_err
now_read(struct doc *doc, const struct tree_place *at, enum tree_detail detail,
    struct arena *arena, struct tree *now)
{
	struct item item = { .is_obj = true, .obj_type = OBJ_MAP };

	item.id = DOC_ROOT;
	if (at != NULL)
		TRY(doc_get(doc, at->obj, at->prop, &item));
	return tree_read(now, doc, &item, detail, arena);
}

static lk_err
root_rewrite(struct rewriter *rw, struct three t)
{
	if (t.base->kind != TREE_MAP || t.wanted->kind != TREE_MAP)
		return LK_ERR(LK_E_DATA, "the whole document is an object");
	return map_rewrite(rw, DOC_ROOT, t);
}

static lk_err
change_make(struct rewriter *rw, struct doc *doc, const struct tree_change *c,
    struct arena *arena)
{
	struct tree now;
	struct three t = { .base = c->base, .wanted = c->wanted };
	lk_err err = now_read(doc, c->at, c->detail, arena, &now);

	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	if (err.code == LK_OK) {
		t.now = &now;
		TRY(tree_seal(&now, c->detail));
	}
	if (t.base == NULL)
		t.base = t.now;
	else
		TRY(tree_seal(c->base, c->detail));
	TRY(tree_seal(c->wanted, c->detail));
	return c->at == NULL ? root_rewrite(rw, t)
			     : place_rewrite(rw, c->at, t);
}

lk_err
edit_tree(struct edit *e, struct doc *doc, const struct tree_change *c)
{
	struct rewriter rw = { .edit = e, .detail = c->detail };
	ARENA_SCOPED arena = { .max = TREE_BYTES_MAX };
	ALIGNER_SCOPED al = NULL;

	TRY(aligner_new(&al));
	rw.al = al;
	return change_make(&rw, doc, c, &arena);
}
