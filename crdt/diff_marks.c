#include <stdlib.h>

#include "crdt/diff_state.h"

/* Where one view marks a text, in positions of the view reached. */
struct mark_list {
	struct diff *d;
	struct mark_range *at;
	size_t len, cap;
};

static lk_err
list_add(struct mark_list *l, const struct mark_range *r)
{
	struct mark_range *at = diff_room(l->at, l->len, &l->cap, sizeof(*at));

	if (at == NULL)
		return LK_ERR(LK_E_NOMEM, "marks of a diff");
	l->at = at;
	l->at[l->len++] = *r;
	return LK_NONE;
}

static lk_err
bytes_keep(struct diff *d, struct bytes *b)
{
	size_t len = b->len;

	*b = arena_copy(&d->memory, *b);
	return b->ptr == NULL && len > 0 ? LK_ERR(LK_E_NOMEM, "marks of a diff")
					 : LK_NONE;
}

static lk_err
mark_keep(struct diff *d, struct mark *m)
{
	TRY(bytes_keep(d, &m->name));
	return value_has_bytes(m->value.type) ? bytes_keep(d, &m->value.bytes)
					      : LK_NONE;
}

static lk_err
mark_reached(void *ctx, const struct mark_range *r)
{
	struct mark_list *l = ctx;
	struct mark_range kept = *r;

	TRY(mark_keep(l->d, &kept.mark));
	return list_add(l, &kept);
}

/* The pieces of a range that the patches before have left. */
static lk_err
mark_left(void *ctx, const struct mark_range *r)
{
	struct mark_list *l = ctx;
	const struct stay_list *stays = &l->d->stays;
	struct mark_range kept = *r;
	size_t low = 0, high = stays->len;

	TRY(mark_keep(l->d, &kept.mark));
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (stays->at[mid].from + stays->at[mid].length <= r->start)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < stays->len && stays->at[low].from < r->end; low++) {
		const struct stay *s = &stays->at[low];
		uint64_t start = r->start > s->from ? r->start - s->from : 0;
		uint64_t end = r->end - s->from;

		kept.start = s->to + start;
		kept.end = s->to + (end < s->length ? end : s->length);
		TRY(list_add(l, &kept));
	}
	return LK_NONE;
}

/* A range of one of the two lists, what is dealt with cut off. */
struct mark_cursor {
	const struct mark_list *list;
	size_t at;
	uint64_t start;
};

static const struct mark_range *
cursor_range(const struct mark_cursor *c)
{
	return c->at < c->list->len ? &c->list->at[c->at] : NULL;
}

static void
cursor_set(struct mark_cursor *c, uint64_t start)
{
	const struct mark_range *r = cursor_range(c);

	c->start = start;
	if (r == NULL || start < r->end)
		return;
	c->at++;
	r = cursor_range(c);
	c->start = r == NULL ? 0 : r->start;
}

static lk_err
mark_flush(struct diff *d, struct patch *p)
{
	if (p->length > 0)
		TRY(diff_emit(d, p));
	p->length = 0;
	return LK_NONE;
}

/* A range whose mark is another one now; `value` NULL: it is none. */
static lk_err
mark_emit(struct diff *d, struct patch *p, struct bytes name,
    const struct value *value, uint64_t start, uint64_t end)
{
	enum patch_kind kind = value == NULL ? PATCH_UNMARK : PATCH_MARK;

	if (p->length == 0 || p->kind != kind ||
	    p->prop.index + p->length != start ||
	    !bytes_equal(p->mark.name, name) ||
	    (value != NULL && !value_equal(&p->mark.value, value))) {
		TRY(mark_flush(d, p));
		*p = d->patch;
		p->kind = kind;
		p->prop.index = start;
		p->mark.name = name;
		if (value != NULL)
			p->mark.value = *value;
	}
	p->length += end - start;
	return LK_NONE;
}

/*
 * One step along both lists, up to where the mark of either changes.  Ranges
 * of one name lie apart in each.
 */
static lk_err
mark_step(struct diff *d, struct patch *p, struct mark_cursor *had,
    struct mark_cursor *has)
{
	const struct mark_range *a = cursor_range(had), *b = cursor_range(has);
	int c = a == NULL ? 1
	    : b == NULL   ? -1
			  : bytes_compare(a->mark.name, b->mark.name);
	bool in_a = c < 0 || (c == 0 && had->start <= has->start);
	bool in_b = c > 0 || (c == 0 && has->start <= had->start);
	uint64_t start = in_a ? had->start : has->start;
	uint64_t end = in_a ? a->end : b->end;

	if (in_a && in_b && b->end < end)
		end = b->end;
	if (c == 0 && !in_b && has->start < end)
		end = has->start;
	if (c == 0 && !in_a && had->start < end)
		end = had->start;
	if (!in_b)
		TRY(mark_emit(d, p, a->mark.name, NULL, start, end));
	else if (!in_a || !value_equal(&a->mark.value, &b->mark.value))
		TRY(mark_emit(d, p, b->mark.name, &b->mark.value, start, end));
	if (in_a)
		cursor_set(had, end);
	if (in_b)
		cursor_set(has, end);
	return LK_NONE;
}

static lk_err
marks_compare(
    struct diff *d, const struct mark_list *from, const struct mark_list *to)
{
	struct mark_cursor had = { .list = from }, has = { .list = to };
	struct patch p = { 0 };

	had.start = from->len > 0 ? from->at[0].start : 0;
	has.start = to->len > 0 ? to->at[0].start : 0;
	while (cursor_range(&had) != NULL || cursor_range(&has) != NULL)
		TRY(mark_step(d, &p, &had, &has));
	return mark_flush(d, &p);
}

static void
list_sort(struct mark_list *l)
{
	if (l->len > 0)
		qsort(l->at, l->len, sizeof(*l->at), mark_range_compare);
}

lk_err
diff_marks(struct diff *d)
{
	struct mark_list from = { .d = d }, to = { .d = d };
	struct object *o;
	lk_err err = LK_NONE;

	TRY(doc_trim(d->to));
	TRY(object_load(d->to, d->obj, &o));
	if (o->type != OBJ_TEXT || o->marks == 0)
		return LK_NONE;
	if (!d->fresh)
		err = doc_marks(d->from, d->patch.obj, mark_left, &from);
	if (err.code == LK_OK)
		err = doc_marks(d->to, d->patch.obj, mark_reached, &to);
	list_sort(&from);
	list_sort(&to);
	if (err.code == LK_OK)
		err = marks_compare(d, &from, &to);
	free(from.at);
	free(to.at);
	return err;
}
