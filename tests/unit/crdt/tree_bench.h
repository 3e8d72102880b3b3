/*
 * tree_bench.h - for tests: random trees, and a document that becomes them.
 */
#ifndef TESTS_TREE_BENCH_H
#define TESTS_TREE_BENCH_H

#include <stdio.h>

#include "crdt/tree.h"
#include "tests/unit/crdt/doc_f64.h"
#include "tests/unit/crdt/doc_replica.h"

/* Items that may be added to a copy. */
#define ROOM 40
#define TREES_MAX ((size_t)64 * 1024 * 1024)

/* A document, and trees in an arena. */
struct bench {
	struct changes all;
	struct replica r;
	struct arena arena;
};

static inline void
bench_open(struct bench *b)
{
	changes_init(&b->all);
	replica_open(&b->r, &b->all, 1);
	arena_init(&b->arena, TREES_MAX);
}

static inline void
bench_close(struct bench *b)
{
	replica_close(&b->r);
	changes_clear(&b->all);
	arena_clear(&b->arena);
}

static inline struct bytes
kept(struct bench *b, const char *text)
{
	return arena_copy(&b->arena, BYTES_STR(text));
}

static inline struct tree
text_of(struct bench *b, const char *text)
{
	return (struct tree){ .kind = TREE_TEXT, .text = kept(b, text) };
}

static inline struct tree
scalar_of(struct value v)
{
	return (struct tree){ .kind = TREE_SCALAR, .value = v };
}

static inline struct tree
items_of(struct bench *b, enum tree_kind kind, size_t room)
{
	struct tree t = { .kind = (uint8_t)kind };

	t.items = arena_alloc(&b->arena, (room + 1) * sizeof(*t.items));
	assert_non_null(t.items);
	return t;
}

static inline void
item_add(struct tree *t, struct bytes key, struct tree item)
{
	item.key = key;
	t->items[t->len++] = item;
}

static inline void tree_print(struct buf *, const struct tree *);

static inline void
rich_print(struct buf *out, const struct rich *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->parts_len; i++) {
		buf_printf(out, " part %d ", (int)r->parts[i].at);
		tree_print(out, &r->parts[i].tree);
	}
	for (size_t i = 0; i < r->marks.len; i++) {
		const struct mark_range *m = &r->marks.at[i];

		buf_printf(out, " mark %d %d %.*s ", (int)m->start, (int)m->end,
		    (int)m->mark.name.len, (const char *)m->mark.name.ptr);
		tree_value(out, &m->mark.value);
	}
}

/* Writes a tree so that equal ones, and no others, give equal text. */
static inline void
tree_print(struct buf *out, const struct tree *t)
{
	static const char *const kinds[] = { "", "text ", "list", "map" };

	buf_str(out, kinds[t->kind]);
	if (t->kind == TREE_SCALAR)
		tree_value(out, &t->value);
	if (t->kind == TREE_TEXT) {
		tree_hex(out, t->text);
		rich_print(out, t->rich);
	}
	if (t->kind == TREE_SCALAR || t->kind == TREE_TEXT)
		return;
	buf_str(out, "{");
	for (uint32_t i = 0; i < t->len; i++) {
		if (t->kind == TREE_MAP)
			tree_key(out, t->items[i].key);
		tree_print(out, &t->items[i]);
		buf_str(out, " ");
	}
	buf_str(out, "}");
}

static inline bool
trees_equal(const struct tree *a, const struct tree *b)
{
	struct buf x, y;
	bool equal;

	buf_init(&x, TREE_MAX);
	buf_init(&y, TREE_MAX);
	tree_print(&x, a);
	tree_print(&y, b);
	equal = bytes_equal(buf_bytes(&x), buf_bytes(&y));
	buf_clear(&x);
	buf_clear(&y);
	return equal;
}

static inline struct tree
shown(struct bench *b)
{
	struct item root = { .is_obj = true, .obj_type = OBJ_MAP };
	struct tree t;

	root.id = DOC_ROOT;
	assert_ok(tree_read(&t, b->r.doc, &root, TREE_FULL, &b->arena));
	return t;
}

/* A tree as it would be given: without what reading one leaves in it. */
static inline struct tree
copy_of(struct bench *b, const struct tree *from)
{
	struct tree t = *from;

	t.id = (struct op_id){ 0 };
	t.hash = 0;
	if (t.kind != TREE_LIST && t.kind != TREE_MAP)
		return t;
	t.items = items_of(b, TREE_LIST, t.len + ROOM).items;
	for (uint32_t i = 0; i < t.len; i++)
		t.items[i] = copy_of(b, &from->items[i]);
	return t;
}

/* Makes the root what is wanted; returns the ops that took. */
static inline size_t
become(struct bench *b, struct tree *base, struct tree *wanted)
{
	size_t ops;

	replica_edit(&b->r);
	assert_ok(edit_tree(b->r.edit, b->r.doc,
	    &(struct tree_change){
		.base = base, .wanted = wanted, .detail = TREE_FULL }));
	ops = edit_ops(b->r.edit);
	(void)replica_finish(&b->r);
	return ops;
}

static inline struct value
value_make(struct bench *b, struct dice *dice)
{
	static const char *const strings[] = { "", "a", "word and word",
		"\xc3\xa9\xf0\x9f\x98\x80" };
	struct value v = { .type = (uint8_t)dice_roll(dice, 12) };
	double d = (double)dice_roll(dice, 4) / 2;

	if (v.type == VALUE_F64)
		f64_put(&v, d);
	else if (v.type == VALUE_STR || v.type == VALUE_BYTES || v.type >= 10)
		v.bytes = kept(b, strings[dice_roll(dice, 4)]);
	else if (v.type > VALUE_TRUE)
		v.u64 = dice_roll(dice, 3);
	return v;
}

static inline struct tree
tree_make(struct bench *b, struct dice *dice, int depth)
{
	static const char *const keys[] = { "", "a", "b", "key", "\xc3\xa9" };
	uint64_t kind = dice_roll(dice, depth > 3 ? 3 : 7);
	struct tree t;
	char text[64];

	if (kind < 2)
		return scalar_of(value_make(b, dice));
	if (kind == 2) {
		(void)snprintf(text, sizeof(text), "one %d\ntwo %d %s",
		    (int)dice_roll(dice, 3), (int)dice_roll(dice, 3),
		    dice_roll(dice, 2) == 0 ? "\xc3\xa9" : "");
		return text_of(b, text);
	}
	t = items_of(b, kind < 5 ? TREE_LIST : TREE_MAP, 5);
	for (uint64_t n = dice_roll(dice, 6); n > 0; n--)
		item_add(&t, kept(b, kind < 5 ? "" : keys[n - 1]),
		    tree_make(b, dice, depth + 1));
	if (t.kind == TREE_MAP)
		tree_sort(&t);
	return t;
}

static inline struct tree
root_make(struct bench *b, struct dice *dice)
{
	struct tree t = items_of(b, TREE_MAP, 4);

	for (uint64_t n = 1 + dice_roll(dice, 3); n > 0; n--)
		item_add(&t,
		    kept(b,
			n == 1       ? "x"
			    : n == 2 ? "y"
				     : "z"),
		    tree_make(b, dice, 0));
	tree_sort(&t);
	return t;
}

/* Changes a few places of a tree. */
static inline void
tree_nudge(struct bench *b, struct dice *dice, struct tree *t)
{
	struct tree *items = t->items;
	uint32_t at;

	if (t->kind == TREE_SCALAR || t->kind == TREE_TEXT || t->len == 0) {
		struct bytes key = t->key;

		*t = tree_make(b, dice, 3);
		t->key = key;
		return;
	}
	at = (uint32_t)dice_roll(dice, t->len);
	if (dice_roll(dice, 4) > 0) {
		tree_nudge(b, dice, &items[at]);
		return;
	}
	t->len--;
	memmove(items + at, items + at + 1, (t->len - at) * sizeof(*items));
}

#endif
