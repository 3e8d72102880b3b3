#include "crdt/mark_list.h"

#include <stdlib.h>

#include "crdt/edit_mark.h"
#include "crdt/opset.h"

struct reader {
	struct mark_list *list;
	struct arena *arena;
	size_t cap;
};

static lk_err
bytes_keep(struct reader *r, struct bytes *b)
{
	size_t len = b->len;

	*b = arena_copy(r->arena, *b);
	return b->len == len ? LK_NONE : LK_ERR(LK_E_LIMIT, "it is too large");
}

static lk_err
range_keep(void *ctx, const struct mark_range *range)
{
	struct reader *r = ctx;
	struct mark_range kept = *range;

	if (r->list->len == r->cap) {
		size_t cap = 2 * r->cap + 8;
		struct mark_range *at =
		    arena_alloc(r->arena, cap * sizeof(*at));

		if (at == NULL)
			return LK_ERR(LK_E_LIMIT, "it is too large");
		for (size_t i = 0; i < r->list->len; i++)
			at[i] = r->list->at[i];
		r->list->at = at;
		r->cap = cap;
	}
	TRY(bytes_keep(r, &kept.mark.name));
	if (value_has_bytes(kept.mark.value.type))
		TRY(bytes_keep(r, &kept.mark.value.bytes));
	r->list->at[r->list->len++] = kept;
	return LK_NONE;
}

lk_err
mark_list_read(struct mark_list *out, struct doc *doc, struct op_id text,
    struct arena *arena)
{
	struct mark_list list = { 0 };
	struct reader r = { .list = &list, .arena = arena };

	TRY(doc_marks(doc, text, range_keep, &r));
	*out = list;
	return LK_NONE;
}

bool
mark_list_equal(const struct mark_list *a, const struct mark_list *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (a->at[i].start != b->at[i].start ||
		    a->at[i].end != b->at[i].end ||
		    !bytes_equal(a->at[i].mark.name, b->at[i].mark.name) ||
		    !value_equal(&a->at[i].mark.value, &b->at[i].mark.value))
			return false;
	return true;
}

/* Ranges of one name, walked from left to right. */
struct lane {
	const struct mark_range *at;
	size_t len;
};

/* Takes the ranges with this name off the front. */
static struct lane
lane_take(struct lane *all, struct bytes name)
{
	struct lane lane = { all->at, 0 };

	while (lane.len < all->len &&
	    bytes_equal(all->at[lane.len].mark.name, name))
		lane.len++;
	all->at += lane.len;
	all->len -= lane.len;
	return lane;
}

/* What the lane says at a place, null where it is not marked, and up to
 * where. */
static struct value
lane_value(struct lane *lane, uint64_t place, uint64_t *until)
{
	static const struct value none = { .type = VALUE_NULL };

	while (lane->len > 0 && lane->at->end <= place) {
		lane->at++;
		lane->len--;
	}
	if (lane->len == 0)
		return none;
	if (place < lane->at->start) {
		if (*until > lane->at->start)
			*until = lane->at->start;
		return none;
	}
	if (*until > lane->at->end)
		*until = lane->at->end;
	return lane->at->mark.value;
}

static lk_err
range_make(struct edit *e, struct op_id text, const struct mark_range *r)
{
	if (r->start == r->end)
		return LK_NONE;
	return edit_mark(e, text, r,
	    r->mark.value.type == VALUE_NULL ? EXPAND_NONE : EXPAND_AFTER);
}

/* Makes one name's marks those of `wanted` on a text of this length. */
static lk_err
lanes_fit(struct edit *e, struct op_id text, struct bytes name, struct lane now,
    struct lane wanted, uint64_t length)
{
	struct mark_range change = { .mark = { .name = name } };

	for (uint64_t place = 0, until; place < length; place = until) {
		struct value is, to;

		until = length;
		is = lane_value(&now, place, &until);
		to = lane_value(&wanted, place, &until);
		if (value_equal(&is, &to))
			continue;
		if (change.end != place ||
		    !value_equal(&change.mark.value, &to)) {
			TRY(range_make(e, text, &change));
			change.start = place;
			change.mark.value = to;
		}
		change.end = until;
	}
	return range_make(e, text, &change);
}

static struct lane
list_sort(struct mark_list *list)
{
	if (list->len > 0)
		qsort(
		    list->at, list->len, sizeof(*list->at), mark_range_compare);
	return (struct lane){ list->at, list->len };
}

static lk_err
lists_fit(struct edit *e, struct op_id text, struct lane now,
    struct lane wanted, uint64_t length)
{
	while (now.len > 0 || wanted.len > 0) {
		struct bytes name;
		struct lane a, b;

		if (now.len == 0 ||
		    (wanted.len > 0 &&
			bytes_compare(wanted.at->mark.name, now.at->mark.name) <
			    0))
			name = wanted.at->mark.name;
		else
			name = now.at->mark.name;
		a = lane_take(&now, name);
		b = lane_take(&wanted, name);
		TRY(lanes_fit(e, text, name, a, b, length));
	}
	return LK_NONE;
}

lk_err
edit_mark_list(struct edit *e, struct doc *doc, struct op_id text,
    const struct mark_list *wanted)
{
	ARENA_SCOPED arena = { .max = TREE_BYTES_MAX };
	struct mark_list now, copy = { .len = wanted->len };
	uint64_t length;

	TRY(mark_list_read(&now, doc, text, &arena));
	if (mark_list_equal(&now, wanted))
		return LK_NONE;
	copy.at = arena_alloc(&arena, wanted->len * sizeof(*copy.at));
	if (copy.at == NULL)
		return LK_ERR(LK_E_LIMIT, "it is too large");
	for (size_t i = 0; i < wanted->len; i++)
		copy.at[i] = wanted->at[i];
	TRY(doc_length(doc, text, &length));
	return lists_fit(e, text, list_sort(&now), list_sort(&copy), length);
}
