#include <stdlib.h>

#include "crdt/sequence.h"

/*
 * Elements of a leaf that follow each other, of one kind, with ids that follow
 * each other, are a run.  It begins with a number: how many more than one
 * there are, the kind, and whether the first id follows the one before it too.
 */
#define R_NEXT 0x01
#define R_KIND_SHIFT 1
#define R_LEN_SHIFT 3
enum run_kind {
	R_HIDDEN,
	R_GLYPH, /* one code point each, which follow */
	R_OTHER, /* shown otherwise: widths follow */
	R_MARK,
};
#define R_KINDS 4

/* First byte of a node: its level, and whether the children have counts of
 * marks. */
#define N_MARKS 0x80
#define NODE_LEVEL_MAX 40

static void
node_key(struct doc_key *k, uint32_t number)
{
	doc_key_start(k, RECORD_NODE);
	doc_key_u32(k, number);
}

static void
node_drop(struct cached *c)
{
	struct seq_node *n = (struct seq_node *)c;

	free(n->elems);
	free(n->children);
	free(n);
}

static enum run_kind
elem_kind(const struct seq_elem *e)
{
	if (e->glyph == GLYPH_HIDDEN)
		return R_HIDDEN;
	if (e->glyph == GLYPH_MARK)
		return R_MARK;
	return e->glyph == GLYPH_OTHER ? R_OTHER : R_GLYPH;
}

static uint64_t
id_after(uint64_t id)
{
	return id + (UINT64_C(1) << 32);
}

/* Where the run that begins at `at` ends. */
static size_t
run_end(const struct seq_node *n, size_t at)
{
	enum run_kind kind = elem_kind(&n->elems[at]);
	size_t end = at + 1;

	while (end < n->len && elem_kind(&n->elems[end]) == kind &&
	    n->elems[end].id == id_after(n->elems[end - 1].id))
		end++;
	return end;
}

static void
put_elems(struct buf *b, const struct seq_node *n)
{
	for (size_t at = 0, end; at < n->len; at = end) {
		uint64_t before = at == 0 ? 0 : n->elems[at - 1].id;
		enum run_kind kind = elem_kind(&n->elems[at]);
		bool next = n->elems[at].id == id_after(before);

		end = run_end(n, at);
		buf_uleb(b,
		    (end - at - 1) << R_LEN_SHIFT |
			(uint64_t)kind << R_KIND_SHIFT | (next ? R_NEXT : 0));
		if (!next)
			id_put(b, n->elems[at].id);
		for (size_t i = at; kind == R_GLYPH && i < end; i++)
			buf_uleb(b, n->elems[i].glyph);
		for (size_t i = at; kind == R_OTHER && i < end; i++)
			buf_uleb(b, n->elems[i].width);
	}
}

static bool
node_has_marks(const struct seq_node *n)
{
	for (size_t i = 0; n->level > 0 && i < n->len; i++)
		if (n->children[i].marks > 0)
			return true;
	return false;
}

static void
put_children(struct buf *b, const struct seq_node *n, bool marks)
{
	for (size_t i = 0; i < n->len; i++) {
		const struct seq_child *c = &n->children[i];

		buf_uleb(b, c->node);
		buf_uleb(b, c->elements);
		buf_uleb(b, c->shown);
		if (marks)
			buf_uleb(b, c->marks);
		id_put(b, c->least);
	}
}

static lk_err
node_save(struct doc *doc, struct cached *c)
{
	const struct seq_node *n = (const struct seq_node *)c;
	struct buf *b = doc_encode(doc);
	bool marks = node_has_marks(n);
	struct doc_key k;

	buf_u8(b, (uint8_t)(n->level | (marks ? N_MARKS : 0)));
	buf_uleb(b, n->parent);
	buf_uleb(b, n->next);
	buf_uleb(b, n->len);
	if (n->level == 0)
		put_elems(b, n);
	else
		put_children(b, n, marks);
	node_key(&k, n->number);
	return doc_write(doc, &k);
}

const struct cache_kind sequence_cache = { .save = node_save,
	.drop = node_drop };

/* What is shown for the elements of a run, whose ids are set. */
static void
get_run(struct rd *r, struct seq_elem *e, size_t len, enum run_kind kind)
{
	static const uint32_t glyphs[R_KINDS] = { [R_HIDDEN] = GLYPH_HIDDEN,
		[R_OTHER] = GLYPH_OTHER,
		[R_MARK] = GLYPH_MARK };

	for (size_t i = 0; i < len; i++) {
		e[i].glyph = glyphs[kind];
		e[i].width = 0;
		if (kind == R_GLYPH) {
			e[i].glyph = uleb32_get(r);
			e[i].width = 1;
			if (e[i].glyph > 0x10ffff)
				r->failed = true;
		} else if (kind == R_OTHER) {
			e[i].width = uleb32_get(r);
		}
	}
}

static lk_err
get_elems(struct doc *doc, struct rd *r, struct seq_node *n, size_t len)
{
	const lk_err damaged = LK_ERR(LK_E_CORRUPT, "leaf of a sequence");
	uint64_t id = 0;

	while (n->len < len) {
		uint64_t head = rd_uleb(r), more = head >> R_LEN_SHIFT;
		struct seq_elem *e = &n->elems[n->len];

		id = head & R_NEXT ? id_after(id) : id_get(r);
		if (r->failed || more >= len - n->len ||
		    more > UINT32_MAX - id_ctr(id))
			return damaged;
		TRY(doc_id_check(doc, id));
		for (size_t i = 0; i <= more; i++, id = id_after(id))
			e[i].id = id;
		id = e[more].id;
		get_run(r, e, (size_t)more + 1,
		    head >> R_KIND_SHIFT & (R_KINDS - 1));
		if (r->failed)
			return damaged;
		n->len += (size_t)more + 1;
	}
	return LK_NONE;
}

static lk_err
get_children(
    struct doc *doc, struct rd *r, struct seq_node *n, size_t len, bool marks)
{
	for (; n->len < len; n->len++) {
		struct seq_child *c = &n->children[n->len];

		c->node = uleb32_get(r);
		c->elements = uleb32_get(r);
		c->shown = rd_uleb(r);
		c->marks = marks ? uleb32_get(r) : 0;
		c->least = id_get(r);
		if (r->failed)
			return LK_ERR(LK_E_CORRUPT, "node of a sequence");
		TRY(doc_id_check(doc, c->least));
	}
	return LK_NONE;
}

/* Room for what a node of its level holds. */
static lk_err
node_room(struct seq_node *n)
{
	if (n->level == 0)
		n->elems = calloc(LEAF_MAX, sizeof(*n->elems));
	else
		n->children = calloc(INNER_MAX, sizeof(*n->children));
	if (n->elems == NULL && n->children == NULL)
		return LK_ERR(LK_E_NOMEM, "node of a sequence");
	return LK_NONE;
}

static lk_err
node_read(struct doc *doc, struct seq_node *n)
{
	struct doc_key k;
	struct bytes record;
	struct rd r;
	uint64_t len;
	uint8_t first;

	node_key(&k, n->number);
	TRY(doc_record(doc, &k, &record));
	r = rd_over(record);
	first = rd_u8(&r);
	n->level = first & (N_MARKS - 1);
	n->parent = uleb32_get(&r);
	n->next = uleb32_get(&r);
	len = rd_uleb(&r);
	if (r.failed || n->level > NODE_LEVEL_MAX || len < 1 ||
	    len > (n->level == 0 ? LEAF_MAX : INNER_MAX))
		return LK_ERR(LK_E_CORRUPT, "node of a sequence");
	TRY(node_room(n));
	if (n->level == 0)
		TRY(get_elems(doc, &r, n, (size_t)len));
	else
		TRY(get_children(doc, &r, n, (size_t)len, first & N_MARKS));
	return rd_done(&r) ? LK_NONE
			   : LK_ERR(LK_E_CORRUPT, "node of a sequence");
}

lk_err
seq_node_load(struct doc *doc, uint32_t number, struct seq_node **out)
{
	struct cached *c = doc_cache_find(&doc->nodes, number);
	struct seq_node *n;
	lk_err err;

	if (c != NULL) {
		*out = (struct seq_node *)c;
		return LK_NONE;
	}
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return LK_ERR(LK_E_NOMEM, "node of a sequence");
	n->number = number;
	err = node_read(doc, n);
	if (err.code == LK_OK)
		err = doc_cache_add(&doc->nodes, number, &n->cached);
	if (err.code != LK_OK) {
		node_drop(&n->cached);
		return err;
	}
	*out = n;
	return LK_NONE;
}

lk_err
seq_node_new(struct doc *doc, uint32_t level, struct seq_node **out)
{
	struct seq_node *n;
	lk_err err;

	if (doc->head.nodes == UINT32_MAX)
		return LK_ERR(LK_E_LIMIT, "nodes of a document");
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return LK_ERR(LK_E_NOMEM, "node of a sequence");
	n->number = doc->head.nodes + 1;
	n->level = level;
	n->cached.dirty = true;
	err = node_room(n);
	if (err.code == LK_OK)
		err = doc_cache_add(&doc->nodes, n->number, &n->cached);
	if (err.code != LK_OK) {
		node_drop(&n->cached);
		return err;
	}
	doc->head.nodes++;
	doc->head_dirty = true;
	*out = n;
	return LK_NONE;
}
