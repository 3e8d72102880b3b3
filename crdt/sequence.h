/*
 * sequence.h - the elements of a list or text, in order.
 *
 * A tree of nodes for each sequence.  Leaves hold elements, shown or not, with
 * what a text shows for them; inner nodes hold, per child, the number of
 * elements, of positions shown, of marks, and the least id below.  So finding a
 * position, finding the place of an element (its op knows its leaf, nodes know
 * their parents), and skipping the elements that a new one must be put behind
 * (automerge-format 9.4), all cost the height of the tree.  Leaves are also
 * linked, for reading.  Elements are never removed and nodes never join.
 * Internal to crdt.
 */
#ifndef CRDT_SEQUENCE_H
#define CRDT_SEQUENCE_H

#include "crdt/doc_state.h"

/* Measured: docs/decisions/0004-op-store.md. */
#ifndef LEAF_MAX
#define LEAF_MAX 256
#endif
#ifndef INNER_MAX
#define INNER_MAX 32
#endif

/* What a text shows for an element: a code point, or one of these. */
#define GLYPH_HIDDEN UINT32_MAX      /* the element is not shown */
#define GLYPH_MARK (UINT32_MAX - 1)  /* nothing, it is a mark, void or not */
#define GLYPH_OTHER (UINT32_MAX - 2) /* its winner must be asked */

struct seq_elem {
	uint64_t id;
	uint32_t glyph;
	uint32_t width; /* lists: 1 when shown; texts: code points */
};

static inline bool
seq_elem_shown(const struct seq_elem *e)
{
	return e->glyph < GLYPH_MARK;
}

struct seq_child {
	uint64_t elements, shown, least;
	uint32_t node, marks;
};

struct seq_node {
	struct cached cached; /* by number */
	uint32_t number;
	uint32_t parent; /* 0: it is the root */
	uint32_t next;   /* leaves: 0 at the end */
	uint32_t level;  /* 0: leaf */
	/* Where an element of the leaf was found last, and where the node is
	 * in its parent, as far as that is still right. */
	size_t near, near_up;
	size_t len;
	struct seq_elem *elems;     /* of a leaf: LEAF_MAX */
	struct seq_child *children; /* of others: INNER_MAX */
};

/* An element, and where it is. */
struct seq_place {
	uint32_t node;
	size_t at;
	uint64_t index; /* positions shown before it */
	struct seq_elem elem;
	/* To notice damage that makes the list of leaves a circle. */
	uint32_t mark;
	size_t steps, steps_max;
};

/* Adds an element after `after` (0: the head) and after those that precede it
 * by 9.4.  Its op is stored already; that op gets the leaf. */
LK_MUST_USE lk_err seq_insert(
    struct doc *, struct object *, uint64_t after, const struct seq_elem *);
/* What is shown for an element that is no mark; width is 0 with
 * GLYPH_HIDDEN. */
LK_MUST_USE lk_err seq_show(
    struct doc *, struct object *, uint64_t id, uint32_t glyph, uint32_t width);
/* The element that covers this position; NOTFOUND past the end. */
LK_MUST_USE lk_err seq_at(
    struct doc *, const struct object *, uint64_t index, struct seq_place *);
/* Number of elements before this one, shown or not. */
LK_MUST_USE lk_err seq_rank(
    struct doc *, const struct object *, uint64_t id, uint64_t *rank);
/* Where an element is, shown or not. */
LK_MUST_USE lk_err seq_find(
    struct doc *, const struct object *, uint64_t id, struct seq_place *);
/* The first element, shown or not; NOTFOUND: none. */
LK_MUST_USE lk_err seq_first(
    struct doc *, const struct object *, struct seq_place *);
/* The one after it; NOTFOUND at the end. */
LK_MUST_USE lk_err seq_next(struct doc *, struct seq_place *);
/*
 * The next one that is shown or a mark, by the sums in the nodes.  From a
 * zeroed place: the first such.  place->index is left alone.
 */
LK_MUST_USE lk_err seq_next_seen(
    struct doc *, const struct object *, struct seq_place *);
/* All from a place to the end of its leaf: they live until a cache shrinks or
 * something is written.  seq_skip moves the place to the n-th of them. */
LK_MUST_USE lk_err seq_rest(struct doc *, const struct seq_place *,
    const struct seq_elem **elems, size_t *len);
void seq_skip(struct seq_place *, const struct seq_elem *elems, size_t n);

/* sequence_code.c: nodes as records. */
LK_MUST_USE lk_err seq_node_load(
    struct doc *, uint32_t number, struct seq_node **);
LK_MUST_USE lk_err seq_node_new(
    struct doc *, uint32_t level, struct seq_node **);
extern const struct cache_kind sequence_cache;

#endif
