#include "crdt/mark_set.h"

#include <stdlib.h>

/* Names are part of the ops of a document; those lie in records. */
#define NAMES_MAX ((size_t)1 << 30)

static int
begin_compare(const struct mark_begin *a, const struct mark_begin *b)
{
	return doc_id_compare(a->doc, a->id, b->id);
}

static int
name_compare(const struct mark_name *a, const struct mark_name *b)
{
	return bytes_compare(a->mark.name, b->mark.name);
}

RB_PROTOTYPE(mark_begins, mark_begin, link, begin_compare)
RB_GENERATE(mark_begins, mark_begin, link, begin_compare)
RB_PROTOTYPE(mark_names, mark_name, link, name_compare)
RB_GENERATE(mark_names, mark_name, link, name_compare)
RB_PROTOTYPE(marks_in_force, mark_name, link_in_force, name_compare)
RB_GENERATE(marks_in_force, mark_name, link_in_force, name_compare)

void
mark_set_init(struct mark_set *s, struct doc *doc)
{
	*s = (struct mark_set){ .doc = doc };
	arena_init(&s->names_memory, NAMES_MAX);
	buf_init(&s->name, CHANGE_BODY_MAX);
}

void
mark_set_clear(struct mark_set *s)
{
	struct mark_name *n;
	struct mark_begin *b;

	while ((n = RB_ROOT(&s->names)) != NULL) {
		RB_REMOVE(mark_names, &s->names, n);
		while ((b = RB_ROOT(&n->begins)) != NULL) {
			RB_REMOVE(mark_begins, &n->begins, b);
			free(b);
		}
	}
	arena_clear(&s->names_memory);
	buf_clear(&s->name);
}

static lk_err
name_find(struct mark_set *s, struct op_ref begin, struct mark_name **out)
{
	struct mark_name key = { 0 };

	buf_reset(&s->name);
	TRY(opset_name(s->doc, begin, &s->name));
	key.mark.name = buf_bytes(&s->name);
	*out = RB_FIND(mark_names, &s->names, &key);
	return LK_NONE;
}

static lk_err
name_add(struct mark_set *s, struct mark_name **out)
{
	struct bytes name = buf_bytes(&s->name);
	struct mark_name *n = arena_alloc(&s->names_memory, sizeof(*n));

	if (n == NULL)
		return LK_ERR(LK_E_NOMEM, "names of marks");
	n->mark.name = arena_copy(&s->names_memory, name);
	if (n->mark.name.ptr == NULL && name.len > 0)
		return LK_ERR(LK_E_NOMEM, "names of marks");
	RB_INSERT(mark_names, &s->names, n);
	*out = n;
	return LK_NONE;
}

static void
name_touch(struct mark_set *s, struct mark_name *n)
{
	if (!n->touched)
		SLIST_INSERT_HEAD(&s->touched, n, link_touched);
	n->touched = true;
}

static lk_err
pass_begin(struct mark_set *s, struct op_ref at)
{
	struct mark_begin *b;
	struct mark_name *n;
	uint64_t id = at.op->id;

	TRY(name_find(s, at, &n));
	if (n == NULL)
		TRY(name_add(s, &n));
	b = malloc(sizeof(*b));
	if (b == NULL)
		return LK_ERR(LK_E_NOMEM, "marks");
	*b = (struct mark_begin){ .doc = s->doc, .id = id };
	if (RB_INSERT(mark_begins, &n->begins, b) != NULL) {
		free(b);
		return LK_ERR(LK_E_CORRUPT, "an element is there twice");
	}
	name_touch(s, n);
	return LK_NONE;
}

static lk_err
pass_end(struct mark_set *s, uint64_t begin)
{
	struct mark_begin key = { .doc = s->doc, .id = begin }, *b;
	struct mark_name *n;
	struct op_ref at;

	TRY(opset_load(s->doc, begin, &at));
	TRY(name_find(s, at, &n));
	b = n == NULL ? NULL : RB_FIND(mark_begins, &n->begins, &key);
	/* Something may have been written over the begin alone. */
	if (b == NULL)
		return LK_NONE;
	RB_REMOVE(mark_begins, &n->begins, b);
	free(b);
	name_touch(s, n);
	return LK_NONE;
}

lk_err
mark_set_pass(struct mark_set *s, uint64_t id)
{
	struct op_ref at;

	TRY(opset_load(s->doc, id, &at));
	if (at.op->action != ACTION_MARK)
		return LK_ERR(LK_E_CORRUPT, "a mark is none");
	if (!op_shown(at.op))
		return LK_NONE;
	return at.op->has_name ? pass_begin(s, at)
			       : pass_end(s, mark_begin_of(id));
}

/* What is in force from here on. */
static lk_err
name_winner(struct mark_set *s, struct mark_name *n)
{
	struct mark_begin *b = RB_MAX(mark_begins, &n->begins);
	struct op_ref at;

	n->coming = false;
	if (b == NULL)
		return LK_NONE;
	/* Only once, since what is read is lent until the end. */
	if (!b->loaded) {
		TRY(opset_load(s->doc, b->id, &at));
		TRY(opset_value(s->doc, at, &b->value));
		b->loaded = true;
	}
	n->coming = b->value.type != VALUE_NULL;
	n->value_coming = b->value;
	return LK_NONE;
}

lk_err
mark_set_changed(struct mark_set *s, struct mark_name **out)
{
	struct mark_name *n;

	while ((n = SLIST_FIRST(&s->touched)) != NULL) {
		SLIST_REMOVE_HEAD(&s->touched, link_touched);
		n->touched = false;
		TRY(name_winner(s, n));
		if (n->coming != n->in_force ||
		    (n->coming &&
			!value_equal(&n->value_coming, &n->mark.value)))
			break;
	}
	*out = n;
	return LK_NONE;
}

void
mark_set_change(struct mark_set *s, struct mark_name *n)
{
	if (n->coming && !n->in_force) {
		RB_INSERT(marks_in_force, &s->in_force, n);
		s->in_force_len++;
	} else if (!n->coming && n->in_force) {
		RB_REMOVE(marks_in_force, &s->in_force, n);
		s->in_force_len--;
	}
	n->in_force = n->coming;
	n->mark.value = n->value_coming;
}

struct mark_name *
mark_set_first(struct mark_set *s)
{
	return RB_MIN(marks_in_force, &s->in_force);
}

struct mark_name *
mark_set_next(struct mark_name *n)
{
	return RB_NEXT(marks_in_force, NULL, n);
}
