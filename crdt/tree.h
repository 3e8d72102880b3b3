/*
 * tree.h - a whole value: read from a document, or given by somebody who knows
 * no more than what a place should show.  And how a document gets there:
 * edit_tree is the one function that turns whole values into edits.
 *
 * Members of a map ascend by their keys, each there once.  A tree borrows what
 * it points to.
 *
 * How much a tree says is its detail.  A *plain* one came from JSON, which
 * lacks most types: a number can be a counter, a string a time.  Plain trees
 * are compared by what JSON shows, and a scalar in the document keeps its type
 * where the plain value can be one of that type.  In a *typed* one the types
 * are meant.  In both a text is its characters, and what else it holds is left
 * as it is; a *full* one says that too.
 */
#ifndef CRDT_TREE_H
#define CRDT_TREE_H

#include "crdt/mark_list.h"

enum tree_kind { TREE_SCALAR, TREE_TEXT, TREE_LIST, TREE_MAP };

enum tree_detail { TREE_PLAIN, TREE_TYPED, TREE_FULL };

struct rich;

struct tree {
	uint8_t kind; /* enum tree_kind */
	uint32_t len; /* of items */
	struct bytes key;
	union {
		struct value value;
		struct bytes text;
		struct tree *items;
	};
	struct rich *rich; /* of a full text; NULL: characters alone */
	struct op_id id;   /* read from a document: the object; else 0 */
	uint64_t hash;     /* belongs to edit_tree */
};

/* What a text holds besides characters: its marks, and elements that are no
 * strings, as blocks are.  In the text these are U+FFFC. */
struct rich_part {
	uint64_t at; /* code points before it */
	struct tree tree;
};
struct rich {
	struct rich_part *parts; /* ascending */
	size_t parts_len;
	struct mark_list marks;
};

/* Brings members into order, when they are not; of equal keys the last one
 * given stays.  map->items is an array of its own. */
void tree_sort(struct tree *map);
/* Where the next U+FFFC of a text is, from an offset on; its length: nowhere.
 */
size_t text_object(struct bytes text, size_t from);
/* What an item shows, copied into the arena.  LIMIT: deeper than
 * TREE_DEPTH_MAX, or the arena is full; the document's errors. */
LK_MUST_USE lk_err tree_read(struct tree *, struct doc *, const struct item *,
    enum tree_detail, struct arena *);

/* Where a value goes: an assignment, or with `insert` a new element of a list
 * before prop.index. */
struct tree_place {
	struct op_id obj;
	struct prop prop;
	bool insert;
};
/* Makes the value anew; errors of the edit. */
LK_MUST_USE lk_err edit_assign(
    struct edit *, const struct tree_place *, const struct tree *);
/* Assigns every member of `tree`, a map, to the map `obj`. */
LK_MUST_USE lk_err edit_fill(
    struct edit *, struct op_id obj, const struct tree *);

struct tree_change {
	const struct tree_place *at; /* NULL: the root, a map */
	struct tree *base;           /* NULL: what the document shows */
	struct tree *wanted;
	enum tree_detail detail;
};
/*
 * Makes the differences between base and wanted at a place of the document, as
 * few as it can find: texts by words within changed lines, members by key,
 * elements by what they hold, counters by increments.  What did not change
 * writes nothing.
 *
 * With a base that is not what the document shows it is a merge: what others
 * changed meanwhile stays, also where the base's value is gone from `wanted`;
 * what is in `wanted` and not in the base is never dropped.
 *   DATA   the root would not be a map
 *   LIMIT  as tree_read, and the edit's
 */
LK_MUST_USE lk_err edit_tree(
    struct edit *, struct doc *, const struct tree_change *);

#endif
