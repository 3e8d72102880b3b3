#include <stdlib.h>

#include "crdt/doc_intake.h"
#include "crdt/sequence.h"

/*
 * Where the elements that a change inserts will be, without inserting them.
 *
 * Their ids are greater than those of everything in the change's past, so each
 * goes right behind the element it names.  Those that name, directly or
 * through each other, one `root` insertion of this change form a list; the
 * root lies behind a stored element or the head.
 */
struct own_elem {
	uint32_t root, next; /* indexes of ops; next: 0 at the end */
	uint32_t rank;       /* place in the list */
};

struct mark_check {
	struct intake *in;
	struct own_elem *own;
};

static bool
is_own(const struct intake *in, uint64_t id)
{
	return id_actor(id) == in->author && id_ctr(id) >= in->start_op;
}

static uint32_t
own_index(const struct intake *in, uint64_t id)
{
	return (uint32_t)(id_ctr(id) - in->start_op);
}

static void
own_link(struct mark_check *m)
{
	for (uint32_t i = 0; i < m->in->ops_len; i++) {
		const struct intake_op *op = &m->in->ops[i];
		struct own_elem *after;

		m->own[i].root = i;
		if (!op->insert || !is_own(m->in, op->elem))
			continue;
		after = &m->own[own_index(m->in, op->elem)];
		m->own[i].root = after->root;
		m->own[i].next = after->next;
		after->next = i;
	}
	for (uint32_t i = 0; i < m->in->ops_len; i++) {
		uint32_t rank = 0;

		if (!m->in->ops[i].insert || m->own[i].root != i)
			continue;
		for (uint32_t at = m->own[i].next; at != 0;
		     at = m->own[at].next)
			m->own[at].rank = ++rank;
	}
}

/* The stored element, or head (0), behind which an element's list lies. */
static uint64_t
anchor_of(const struct mark_check *m, uint64_t id)
{
	if (!is_own(m->in, id))
		return id;
	return m->in->ops[m->own[own_index(m->in, id)].root].elem;
}

/* Whether element a comes before element b of one text; neither is the head. */
static lk_err
elem_precedes(
    struct mark_check *m, uint64_t obj, uint64_t a, uint64_t b, bool *out)
{
	uint64_t a_anchor = anchor_of(m, a), b_anchor = anchor_of(m, b);
	uint64_t a_rank, b_rank;
	struct object *o;
	uint32_t i, j;

	if (a_anchor != b_anchor && (a_anchor == 0 || b_anchor == 0)) {
		*out = a_anchor == 0;
	} else if (a_anchor != b_anchor) {
		TRY(object_load(m->in->doc, obj, &o));
		TRY(seq_rank(m->in->doc, o, a_anchor, &a_rank));
		TRY(seq_rank(m->in->doc, o, b_anchor, &b_rank));
		*out = a_rank < b_rank;
	} else if (a == a_anchor || b == b_anchor) {
		*out = a == a_anchor && a != b;
	} else {
		i = own_index(m->in, a);
		j = own_index(m->in, b);
		/* What was put behind the same element later comes first. */
		*out = m->own[i].root == m->own[j].root
		    ? m->own[i].rank < m->own[j].rank
		    : m->own[i].root > m->own[j].root;
	}
	return LK_NONE;
}

static lk_err
check_pair(struct mark_check *m, size_t i)
{
	const struct intake_op *begin = &m->in->ops[i];
	const struct intake_op *end = &m->in->ops[i + 1];
	bool well;

	/* The begin goes right behind begin->elem, the end behind end->elem. */
	if (end->elem == 0)
		well = false;
	else if (end->elem == intake_own_id(m->in, i) || begin->elem == 0)
		well = true;
	else
		TRY(elem_precedes(
		    m, begin->obj, begin->elem, end->elem, &well));
	return well ? LK_NONE : LK_ERR(LK_E_MALFORMED, "mark end before begin");
}

lk_err
intake_check_marks(struct intake *in)
{
	struct mark_check m = { .in = in };
	lk_err err = LK_NONE;

	m.own = calloc(in->ops_len, sizeof(*m.own));
	if (m.own == NULL)
		return LK_ERR(LK_E_NOMEM, "marks of a change");
	own_link(&m);
	/* change_decode saw to it that each begin is followed by its end. */
	for (size_t i = 0; i + 1 < in->ops_len && err.code == LK_OK; i++) {
		if (in->ops[i].action != ACTION_MARK)
			continue;
		err = check_pair(&m, i);
		i++;
	}
	free(m.own);
	return err;
}
