#include "crdt/mark_overlay.h"

#include <stdlib.h>

#define OVERLAY_BYTES_MAX ((size_t)1 << 30)

static int
overlay_name_compare(const struct overlay_name *a, const struct overlay_name *b)
{
	return bytes_compare(a->name, b->name);
}

RB_PROTOTYPE(overlay_names, overlay_name, link, overlay_name_compare)
RB_GENERATE(overlay_names, overlay_name, link, overlay_name_compare)

void
mark_overlay_init(struct mark_overlay *o, struct doc *wanted, struct doc *had)
{
	*o = (struct mark_overlay){ .compares = had != NULL };
	arena_init(&o->memory, OVERLAY_BYTES_MAX);
	mark_set_init(&o->wanted, wanted);
	mark_set_init(&o->had, had);
}

void
mark_overlay_clear(struct mark_overlay *o)
{
	mark_set_clear(&o->wanted);
	mark_set_clear(&o->had);
	arena_clear(&o->memory);
	free(o->runs);
}

lk_err
mark_overlay_pass(struct mark_overlay *o, uint64_t id)
{
	TRY(mark_set_pass(&o->wanted, id));
	return o->compares ? mark_set_pass(&o->had, id) : LK_NONE;
}

static lk_err
overlay_touch(
    struct mark_overlay *o, struct bytes name, struct overlay_name **out)
{
	struct overlay_name key = { .name = name };
	struct overlay_name *n = RB_FIND(overlay_names, &o->names, &key);

	if (n == NULL) {
		n = arena_alloc(&o->memory, sizeof(*n));
		if (n == NULL)
			return LK_ERR(LK_E_LIMIT, "marks of a text");
		n->name = arena_copy(&o->memory, name);
		if (n->name.len != name.len)
			return LK_ERR(LK_E_LIMIT, "marks of a text");
		RB_INSERT(overlay_names, &o->names, n);
	}
	if (!n->touched)
		SLIST_INSERT_HEAD(&o->touched, n, link_touched);
	n->touched = true;
	*out = n;
	return LK_NONE;
}

/* Takes over what has changed in one of the sets. */
static lk_err
overlay_take(struct mark_overlay *o, struct mark_set *set)
{
	struct overlay_name *n;
	struct mark_name *changed;

	for (;;) {
		struct value now = { .type = VALUE_NULL };

		TRY(mark_set_changed(set, &changed));
		if (changed == NULL)
			return LK_NONE;
		mark_set_change(set, changed);
		if (changed->in_force)
			now = changed->mark.value;
		TRY(overlay_touch(o, changed->mark.name, &n));
		*(set == &o->wanted ? &n->wanted : &n->had) = now;
	}
}

static lk_err
run_close(struct mark_overlay *o, struct overlay_name *n)
{
	if (o->runs_len == o->runs_cap) {
		size_t cap = 2 * o->runs_cap + 16;
		struct overlay_run *runs =
		    reallocarray(o->runs, cap, sizeof(*runs));

		if (runs == NULL)
			return LK_ERR(LK_E_NOMEM, "marks of a text");
		o->runs = runs;
		o->runs_cap = cap;
	}
	n->open = false;
	n->run.last = o->last;
	n->run.number = o->runs_len;
	o->runs[o->runs_len++] = n->run;
	return LK_NONE;
}

lk_err
mark_overlay_elem(
    struct mark_overlay *o, struct op_id before, struct op_id elem)
{
	struct overlay_name *n;

	TRY(overlay_take(o, &o->wanted));
	if (o->compares)
		TRY(overlay_take(o, &o->had));
	while ((n = SLIST_FIRST(&o->touched)) != NULL) {
		bool differs = !value_equal(&n->wanted, &n->had);

		SLIST_REMOVE_HEAD(&o->touched, link_touched);
		n->touched = false;
		if (n->open &&
		    (!differs || !value_equal(&n->run.value, &n->wanted)))
			TRY(run_close(o, n));
		if (!differs || n->open)
			continue;
		n->open = true;
		n->run = (struct overlay_run){
			.name = n->name, .value = n->wanted, .before = before
		};
	}
	o->last = elem;
	return LK_NONE;
}

/* Those of one name come out in order. */
static int
run_compare(const void *a, const void *b)
{
	const struct overlay_run *x = a, *y = b;
	int r = bytes_compare(x->name, y->name);

	if (r != 0)
		return r;
	return x->number < y->number ? -1 : x->number > y->number;
}

lk_err
mark_overlay_finish(struct mark_overlay *o)
{
	struct overlay_name *n;

	RB_FOREACH (n, overlay_names, &o->names)
		if (n->open)
			TRY(run_close(o, n));
	if (o->runs_len > 0)
		qsort(o->runs, o->runs_len, sizeof(o->runs[0]), run_compare);
	return LK_NONE;
}
