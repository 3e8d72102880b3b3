#include "crdt/doc_view.h"

#include <stdlib.h>

#include "crdt/doc_ghost.h"

void
view_free(struct doc_view *v)
{
	if (v == NULL)
		return;
	past_clear(&v->past);
	id_list_clear(&v->hidden);
	id_list_clear(&v->shown);
	kv_overlay_free(&v->kv);
	free(v);
}

struct doc *
doc_root(struct doc *doc)
{
	return doc->view == NULL ? doc : doc->view->root;
}

/* 1 + the number of the actor's latest change that takes part; 0: none. */
static lk_err
latest_of(struct doc *doc, uint32_t actor, uint32_t *out)
{
	const struct clock *clock;
	struct doc_actor *a;

	if (doc->view == NULL) {
		TRY(doc_actor_load(doc, actor, &a));
		*out = a->changes_end;
		return LK_NONE;
	}
	clock = doc->view->past.clock;
	*out = actor < clock->len ? clock->latest[actor] : 0;
	return LK_NONE;
}

/* The changes that can differ between a view and its base are from *low on,
 * below *high. */
static lk_err
view_range(const struct doc_view *v, uint32_t *low, uint32_t *high)
{
	struct doc *base = v->base;
	bool base_raw = base->view != NULL && base->view->raw;

	*low = v->raw == base_raw ? UINT32_MAX : 0;
	*high = v->raw == base_raw ? 0 : base->head.changes;
	for (uint32_t actor = 0; actor < base->head.actors; actor++) {
		uint32_t here = 0, there;

		if (actor < v->past.clock->len)
			here = v->past.clock->latest[actor];
		TRY(latest_of(base, actor, &there));
		if (here == there)
			continue;
		if (*low > (here < there ? here : there))
			*low = here < there ? here : there;
		if (*high < (here < there ? there : here))
			*high = here < there ? there : here;
	}
	return LK_NONE;
}

/* Whether a change takes part in a view and is not void there. */
static lk_err
view_wants(
    const struct doc_view *v, uint32_t number, uint32_t actor, bool *visible)
{
	struct doc_change today;

	*visible = past_has(&v->past, actor, number);
	if (!*visible || v->raw)
		return LK_NONE;
	TRY(doc_change_load(v->root, number, &today));
	*visible = today.visible;
	return LK_NONE;
}

/* Lists what is another way than in the base. */
static lk_err
view_compare(struct doc_view *v)
{
	uint32_t low, high;

	TRY(view_range(v, &low, &high));
	for (uint32_t n = low; n < high; n++) {
		struct doc_change c;
		bool visible;

		TRY(doc_trim(v->base));
		TRY(doc_trim(v->root));
		TRY(doc_change_load(v->base, n, &c));
		TRY(view_wants(v, n, c.actor, &visible));
		if (visible != c.visible)
			TRY(id_list_add(visible ? &v->shown : &v->hidden, n));
	}
	return LK_NONE;
}

/*
 * A change that nothing taking part depends on may as well be there as a
 * ghost (ghosts.md section 3): so leaving changes out is voiding them.
 */
static lk_err
view_flip(struct doc *doc, const struct doc_view *v)
{
	TRY(doc_flip(doc, v->hidden.ids, v->hidden.len, false));
	return doc_flip(doc, v->shown.ids, v->shown.len, true);
}

static lk_err
view_make(struct doc_view *v, struct doc **out)
{
	struct doc *doc;
	lk_err err;

	TRY(kv_overlay_new(&v->kv, v->base->kv, VIEW_BYTES_MAX));
	TRY(doc_open(&doc, v->kv));
	err = view_flip(doc, v);
	if (err.code == LK_OK)
		err = doc_settle(doc);
	if (err.code != LK_OK) {
		doc_free(doc);
		return err;
	}
	doc->view = v;
	*out = doc;
	return LK_NONE;
}

static int
number_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
hidden_unique(struct id_list *l)
{
	size_t n = 0;

	if (l->len == 0)
		return;
	qsort(l->ids, l->len, sizeof(*l->ids), number_compare);
	for (size_t i = 0; i < l->len; i++)
		if (n == 0 || l->ids[n - 1] != l->ids[i])
			l->ids[n++] = l->ids[i];
	l->len = n;
}

/* Lists changes that are to be hidden. */
static lk_err
view_hide(struct doc_view *v, const uint8_t (*hashes)[LK_ID_LEN], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct doc_change c;
		uint32_t number;
		lk_err err = doc_change_find(v->base, hashes[i], &number);

		if (err.code == LK_E_NOTFOUND)
			continue;
		TRY(err);
		TRY(doc_change_load(v->base, number, &c));
		if (c.visible)
			TRY(id_list_add(&v->hidden, number));
	}
	hidden_unique(&v->hidden);
	return LK_NONE;
}

/* What a view leaves out: NULL, what the past says. */
struct hiding {
	const uint8_t (*hashes)[LK_ID_LEN];
	size_t len;
};

/* Takes the past. */
static lk_err
view_new(struct doc *base, struct doc_past past, enum view_void how,
    const struct hiding *hiding, struct doc **out)
{
	struct doc_view *v = calloc(1, sizeof(*v));
	lk_err err;

	if (v == NULL) {
		past_clear(&past);
		return LK_ERR(LK_E_NOMEM, "view");
	}
	v->base = base;
	v->root = doc_root(base);
	v->past = past;
	v->raw = how == VIEW_RAW;
	err = doc_flush(base);
	if (err.code == LK_OK)
		err = hiding == NULL
		    ? view_compare(v)
		    : view_hide(v, hiding->hashes, hiding->len);
	if (err.code == LK_OK)
		err = view_make(v, out);
	if (err.code != LK_OK)
		view_free(v);
	return err;
}

lk_err
doc_at(struct doc *base, const uint8_t (*heads)[LK_ID_LEN], size_t n,
    enum view_void how, struct doc **out)
{
	struct doc_past past = { 0 };

	TRY(past_of_heads(doc_root(base), heads, n, &past));
	return view_new(base, past, how, NULL, out);
}

lk_err
doc_at_first(
    struct doc *base, uint64_t changes, enum view_void how, struct doc **out)
{
	struct doc *root = doc_root(base);
	struct doc_past past = { 0 };

	if (changes > root->head.changes)
		return LK_ERR(LK_E_NOTFOUND, "change");
	TRY(past_of_first(root, (uint32_t)changes, &past));
	return view_new(base, past, how, NULL, out);
}

lk_err
doc_without(struct doc *base, const uint8_t (*hashes)[LK_ID_LEN], size_t n,
    struct doc **out)
{
	struct hiding hiding = { hashes, n };
	struct doc_past past = { 0 };

	if (base->view != NULL)
		return LK_ERR(LK_E_USAGE, "a view of a view");
	TRY(past_of_first(base, base->head.changes, &past));
	return view_new(base, past, VIEW_JUDGED, &hiding, out);
}
