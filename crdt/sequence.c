#include "crdt/sequence.h"

#include "crdt/opset.h"

static const lk_err seq_damaged = { .code = LK_E_CORRUPT,
	.what = "tree of a sequence" };

static struct seq_child
node_sum(const struct doc *doc, const struct seq_node *n)
{
	struct seq_child sum = { .node = n->number };

	for (size_t i = 0; i < n->len; i++) {
		struct seq_child part = { .elements = 1 };

		if (n->level == 0) {
			part.shown = n->elems[i].width;
			part.least = n->elems[i].id;
			part.marks = n->elems[i].glyph == GLYPH_MARK;
		} else {
			part = n->children[i];
		}
		/* A leaf just made for what comes at the end is empty. */
		if (part.elements == 0)
			continue;
		if (sum.elements == 0 ||
		    doc_id_compare(doc, part.least, sum.least) < 0)
			sum.least = part.least;
		sum.elements += part.elements;
		sum.shown += part.shown;
		sum.marks += part.marks;
	}
	return sum;
}

static lk_err
node_parent(
    struct doc *doc, struct seq_node *n, struct seq_node **parent, size_t *at)
{
	TRY(seq_node_load(doc, n->parent, parent));
	if ((*parent)->level != n->level + 1)
		return seq_damaged;
	if (n->near_up < (*parent)->len &&
	    (*parent)->children[n->near_up].node == n->number) {
		*at = n->near_up;
		return LK_NONE;
	}
	for (size_t i = 0; i < (*parent)->len; i++)
		if ((*parent)->children[i].node == n->number) {
			*at = n->near_up = i;
			return LK_NONE;
		}
	return seq_damaged;
}

static lk_err
node_child(struct doc *doc, const struct seq_node *n, size_t at,
    struct seq_node **child)
{
	TRY(seq_node_load(doc, n->children[at].node, child));
	if ((*child)->level + 1 != n->level || (*child)->parent != n->number)
		return seq_damaged;
	return LK_NONE;
}

static lk_err
seq_root(struct doc *doc, const struct object *o, struct seq_node **root)
{
	TRY(seq_node_load(doc, o->root, root));
	if ((*root)->level + 1 != o->height || (*root)->parent != 0)
		return seq_damaged;
	return LK_NONE;
}

/* Most often it is what was found last, or beside that. */
static lk_err
leaf_find(struct seq_node *leaf, uint64_t id, size_t *at)
{
	size_t from = leaf->near > 0 ? leaf->near - 1 : 0;

	for (size_t n = 0, i = from; n < leaf->len; n++, i++) {
		if (i >= leaf->len)
			i = 0;
		if (leaf->elems[i].id == id) {
			*at = leaf->near = i;
			return LK_NONE;
		}
	}
	return seq_damaged;
}

/* The leaf of an element, and its place there. */
static lk_err
elem_place(struct doc *doc, uint64_t id, struct seq_node **leaf, size_t *at)
{
	struct op_ref op;

	TRY(opset_load(doc, id, &op));
	TRY(seq_node_load(doc, op.op->leaf, leaf));
	if ((*leaf)->level != 0)
		return seq_damaged;
	return leaf_find(*leaf, id, at);
}

static lk_err
elem_moved(struct doc *doc, uint64_t id, uint32_t leaf)
{
	struct op_ref op;

	TRY(opset_load(doc, id, &op));
	op.op->leaf = leaf;
	op.block->cached.dirty = true;
	return LK_NONE;
}

/* Writes the sum of a node, which changed, into its parent, if it has one. */
static lk_err
node_refresh(struct doc *doc, struct seq_node *n)
{
	struct seq_node *parent;
	size_t at;

	if (n->parent == 0)
		return LK_NONE;
	TRY(node_parent(doc, n, &parent, &at));
	parent->children[at] = node_sum(doc, n);
	parent->cached.dirty = true;
	return LK_NONE;
}

/* A new root above the old one. */
static lk_err
seq_grow(struct doc *doc, struct object *o, struct seq_node *old)
{
	struct seq_node *root;

	TRY(seq_node_new(doc, old->level + 1, &root));
	root->children[0] = node_sum(doc, old);
	root->len = 1;
	old->parent = root->number;
	old->cached.dirty = true;
	o->root = root->number;
	o->height++;
	o->cached.dirty = true;
	return LK_NONE;
}

/*
 * Moves the upper half of a full inner node into `right`; nothing when the
 * next child is to come at its end, so that writing in order fills nodes.
 */
static lk_err
inner_move_half(
    struct doc *doc, struct seq_node *n, struct seq_node *right, size_t next_at)
{
	size_t keep = next_at == n->len ? n->len : n->len / 2;

	for (size_t i = keep; i < n->len; i++) {
		struct seq_node *child;

		TRY(node_child(doc, n, i, &child));
		child->parent = right->number;
		child->cached.dirty = true;
		right->children[right->len++] = n->children[i];
	}
	n->len = keep;
	n->cached.dirty = true;
	return LK_NONE;
}

/* Puts `entry` at place `at` of an inner node that has room. */
static void
inner_put(struct seq_node *n, size_t at, const struct seq_child *entry)
{
	memmove(n->children + at + 1, n->children + at,
	    (n->len - at) * sizeof(*n->children));
	n->children[at] = *entry;
	n->len++;
	n->cached.dirty = true;
}

/*
 * Gives `right`, just split off `left`, a place in the tree behind it.  A node
 * above that is full is split likewise; the loop ends at a node with room or
 * at a new root.  Nodes that were split are refreshed by the caller's rule:
 * once the parent of both halves is known.
 */
static lk_err
seq_link(struct doc *doc, struct object *o, struct seq_node *left,
    struct seq_node *right)
{
	for (;;) {
		struct seq_child entry = node_sum(doc, right);
		struct seq_node *parent, *split;
		size_t at;

		if (left->parent == 0)
			TRY(seq_grow(doc, o, left));
		TRY(node_parent(doc, left, &parent, &at));
		parent->children[at] = node_sum(doc, left);
		parent->cached.dirty = true;
		if (parent->len < INNER_MAX) {
			right->parent = parent->number;
			inner_put(parent, at + 1, &entry);
			return node_refresh(doc, parent);
		}
		TRY(seq_node_new(doc, parent->level, &split));
		TRY(inner_move_half(doc, parent, split, at + 1));
		if (at + 1 <= parent->len && split->len > 0) {
			right->parent = parent->number;
			inner_put(parent, at + 1, &entry);
		} else {
			right->parent = split->number;
			inner_put(split, at + 1 - parent->len, &entry);
		}
		left = parent;
		right = split;
	}
}

/* Makes room for one more element at place *at of a full leaf. */
static lk_err
leaf_split(
    struct doc *doc, struct object *o, struct seq_node **leaf, size_t *at)
{
	struct seq_node *left = *leaf, *right;
	size_t keep = *at == left->len ? left->len : left->len / 2;

	TRY(seq_node_new(doc, 0, &right));
	for (size_t i = keep; i < left->len; i++) {
		right->elems[right->len++] = left->elems[i];
		TRY(elem_moved(doc, left->elems[i].id, right->number));
	}
	left->len = keep;
	right->next = left->next;
	left->next = right->number;
	left->cached.dirty = true;
	TRY(seq_link(doc, o, left, right));
	if (*at >= keep && (*at > keep || right->len == 0)) {
		*leaf = right;
		*at -= keep;
	}
	return LK_NONE;
}

static void
leaf_put(struct seq_node *leaf, size_t at, const struct seq_elem *e)
{
	memmove(leaf->elems + at + 1, leaf->elems + at,
	    (leaf->len - at) * sizeof(*leaf->elems));
	leaf->elems[at] = *e;
	leaf->len++;
	leaf->near = at;
	leaf->cached.dirty = true;
}

/* The leaf at the left or right edge below a node. */
static lk_err
seq_edge(
    struct doc *doc, struct seq_node *n, bool right, struct seq_node **leaf)
{
	while (n->level > 0)
		TRY(node_child(doc, n, right ? n->len - 1 : 0, &n));
	*leaf = n;
	return LK_NONE;
}

/*
 * Whether what is at place i of a node is, or holds, an id below `id`, or for
 * id 0 an element that is shown or a mark.
 */
static bool
node_has(const struct doc *doc, const struct seq_node *n, size_t i, uint64_t id)
{
	uint64_t least = n->level == 0 ? n->elems[i].id : n->children[i].least;

	if (id != 0)
		return doc_id_compare(doc, least, id) < 0;
	if (n->level == 0)
		return n->elems[i].glyph != GLYPH_HIDDEN;
	return n->children[i].shown > 0 || n->children[i].marks > 0;
}

/*
 * The first element at or after (*leaf, *at) that node_has says yes to; the
 * end of the last leaf when there is none.
 */
static lk_err
seq_search(struct doc *doc, const struct object *o, struct seq_node **leaf,
    size_t *at, uint64_t id)
{
	struct seq_node *n = *leaf;
	uint32_t steps = 0;
	size_t i = *at;

	/* Up, and down where the sums promise: more is damage. */
	for (;;) {
		if (++steps > 2 * o->height + 2)
			return seq_damaged;
		while (i < n->len && !node_has(doc, n, i, id))
			i++;
		if (i == n->len) {
			if (n->parent == 0)
				break;
			TRY(node_parent(doc, n, &n, &i));
			i++;
			continue;
		}
		if (n->level == 0) {
			*leaf = n;
			*at = i;
			return LK_NONE;
		}
		TRY(node_child(doc, n, i, &n));
		i = 0;
	}
	if (n->number != o->root)
		return seq_damaged;
	TRY(seq_edge(doc, n, true, leaf));
	*at = (*leaf)->len;
	return LK_NONE;
}

/* Where a new element belongs. */
static lk_err
seq_place_new(struct doc *doc, const struct object *o, uint64_t after,
    uint64_t id, struct seq_place *place)
{
	struct seq_node *from, *leaf;
	size_t at = 0;

	if (after == 0) {
		TRY(seq_root(doc, o, &leaf));
		TRY(seq_edge(doc, leaf, false, &leaf));
	} else {
		TRY(elem_place(doc, after, &leaf, &at));
		at++;
	}
	from = leaf;
	TRY(seq_search(doc, o, &leaf, &at, id));
	/* Rather at the end of the leaf where it was looked for. */
	if (at == 0 && leaf != from && from->next == leaf->number) {
		leaf = from;
		at = from->len;
	}
	place->node = leaf->number;
	place->at = at;
	return LK_NONE;
}

/* Adds to the sums above a leaf: an element, if added->least is not 0, and
 * positions. */
static lk_err
seq_add(struct doc *doc, struct object *o, struct seq_node *leaf,
    const struct seq_child *added)
{
	struct seq_node *n = leaf;

	while (n->parent != 0) {
		struct seq_node *parent;
		struct seq_child *c;
		size_t at;

		TRY(node_parent(doc, n, &parent, &at));
		c = &parent->children[at];
		if (added->least != 0 &&
		    (c->elements == 0 ||
			doc_id_compare(doc, added->least, c->least) < 0))
			c->least = added->least;
		c->elements += added->elements;
		c->shown += added->shown;
		c->marks += added->marks;
		parent->cached.dirty = true;
		n = parent;
	}
	if (n->number != o->root)
		return seq_damaged;
	o->elements += added->elements;
	o->shown += added->shown;
	o->marks += added->marks;
	o->cached.dirty = true;
	return LK_NONE;
}

lk_err
seq_insert(
    struct doc *doc, struct object *o, uint64_t after, const struct seq_elem *e)
{
	struct seq_child added = { .elements = 1,
		.least = e->id,
		.shown = e->width,
		.marks = e->glyph == GLYPH_MARK };
	struct seq_node *leaf;
	struct seq_place place = { 0 };

	if (o->root == 0) {
		TRY(seq_node_new(doc, 0, &leaf));
		o->root = leaf->number;
		o->height = 1;
	} else {
		TRY(seq_place_new(doc, o, after, e->id, &place));
		TRY(seq_node_load(doc, place.node, &leaf));
		if (leaf->len == LEAF_MAX)
			TRY(leaf_split(doc, o, &leaf, &place.at));
	}
	leaf_put(leaf, place.at, e);
	TRY(elem_moved(doc, e->id, leaf->number));
	return seq_add(doc, o, leaf, &added);
}

lk_err
seq_show(struct doc *doc, struct object *o, uint64_t id, uint32_t glyph,
    uint32_t width)
{
	struct seq_node *leaf;
	struct seq_child added = { 0 };
	struct seq_elem *e;
	size_t at;

	TRY(elem_place(doc, id, &leaf, &at));
	e = &leaf->elems[at];
	if (e->glyph == glyph && e->width == width)
		return LK_NONE;
	/* Modulo 2^64: less is added as well as more. */
	added.shown = (uint64_t)width - e->width;
	e->glyph = glyph;
	e->width = width;
	leaf->cached.dirty = true;
	return added.shown == 0 ? LK_NONE : seq_add(doc, o, leaf, &added);
}

lk_err
seq_at(struct doc *doc, const struct object *o, uint64_t index,
    struct seq_place *out)
{
	struct seq_node *n;
	uint64_t left = index;
	size_t i;

	if (o->root == 0)
		return LK_ERR(LK_E_NOTFOUND, "position");
	TRY(seq_root(doc, o, &n));
	while (n->level > 0) {
		for (i = 0; i < n->len && left >= n->children[i].shown; i++)
			left -= n->children[i].shown;
		if (i == n->len)
			return LK_ERR(LK_E_NOTFOUND, "position");
		TRY(node_child(doc, n, i, &n));
	}
	for (i = 0; i < n->len && left >= n->elems[i].width; i++)
		left -= n->elems[i].width;
	if (i == n->len)
		return o->height == 1 ? LK_ERR(LK_E_NOTFOUND, "position")
				      : seq_damaged;
	*out = (struct seq_place){ .node = n->number,
		.at = i,
		.index = index - left,
		.elem = n->elems[i] };
	return LK_NONE;
}

/* Adds up what lies before the place `at` of a leaf. */
static lk_err
seq_before(struct doc *doc, const struct object *o, struct seq_node *n,
    size_t at, struct seq_child *sum)
{
	sum->elements = at;
	for (size_t i = 0; i < at; i++)
		sum->shown += n->elems[i].width;
	while (n->parent != 0) {
		struct seq_node *parent;

		TRY(node_parent(doc, n, &parent, &at));
		for (size_t i = 0; i < at; i++) {
			sum->elements += parent->children[i].elements;
			sum->shown += parent->children[i].shown;
		}
		n = parent;
	}
	return n->number == o->root ? LK_NONE : seq_damaged;
}

lk_err
seq_rank(struct doc *doc, const struct object *o, uint64_t id, uint64_t *rank)
{
	struct seq_child before = { 0 };
	struct seq_node *leaf;
	size_t at;

	TRY(elem_place(doc, id, &leaf, &at));
	TRY(seq_before(doc, o, leaf, at, &before));
	*rank = before.elements;
	return LK_NONE;
}

lk_err
seq_find(
    struct doc *doc, const struct object *o, uint64_t id, struct seq_place *out)
{
	struct seq_child before = { 0 };
	struct seq_node *leaf;
	size_t at;

	TRY(elem_place(doc, id, &leaf, &at));
	TRY(seq_before(doc, o, leaf, at, &before));
	*out = (struct seq_place){ .node = leaf->number,
		.at = at,
		.index = before.shown,
		.elem = leaf->elems[at] };
	return LK_NONE;
}

lk_err
seq_first(struct doc *doc, const struct object *o, struct seq_place *out)
{
	struct seq_node *n;

	if (o->root == 0)
		return LK_ERR(LK_E_NOTFOUND, "element");
	TRY(seq_root(doc, o, &n));
	TRY(seq_edge(doc, n, false, &n));
	*out = (struct seq_place){ .node = n->number, .elem = n->elems[0] };
	return LK_NONE;
}

lk_err
seq_next(struct doc *doc, struct seq_place *p)
{
	struct seq_node *n;

	TRY(seq_node_load(doc, p->node, &n));
	if (n->level != 0 || p->at >= n->len)
		return seq_damaged;
	p->index += n->elems[p->at].width;
	if (++p->at == n->len) {
		if (n->next == 0)
			return LK_ERR(LK_E_NOTFOUND, "element");
		TRY(seq_node_load(doc, n->next, &n));
		if (n->level != 0 || n->number == p->mark)
			return seq_damaged;
		if (p->steps++ == p->steps_max) {
			p->steps_max = 2 * p->steps_max + 1;
			p->steps = 0;
			p->mark = n->number;
		}
		p->node = n->number;
		p->at = 0;
	}
	p->elem = n->elems[p->at];
	return LK_NONE;
}

lk_err
seq_next_seen(struct doc *doc, const struct object *o, struct seq_place *p)
{
	struct seq_node *leaf;
	size_t at = 0;

	if (o->root == 0)
		return LK_ERR(LK_E_NOTFOUND, "element");
	if (p->node == 0) {
		TRY(seq_root(doc, o, &leaf));
		TRY(seq_edge(doc, leaf, false, &leaf));
	} else {
		TRY(seq_node_load(doc, p->node, &leaf));
		if (leaf->level != 0 || p->at >= leaf->len)
			return seq_damaged;
		at = p->at + 1;
	}
	TRY(seq_search(doc, o, &leaf, &at, 0));
	if (at == leaf->len)
		return LK_ERR(LK_E_NOTFOUND, "element");
	p->node = leaf->number;
	p->at = at;
	p->elem = leaf->elems[at];
	return LK_NONE;
}

lk_err
seq_rest(struct doc *doc, const struct seq_place *p,
    const struct seq_elem **elems, size_t *len)
{
	struct seq_node *n;

	TRY(seq_node_load(doc, p->node, &n));
	if (n->level != 0 || p->at >= n->len)
		return seq_damaged;
	*elems = n->elems + p->at;
	*len = n->len - p->at;
	return LK_NONE;
}

void
seq_skip(struct seq_place *p, const struct seq_elem *elems, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p->index += elems[i].width;
	p->at += n;
	p->elem = elems[n];
}
