/*
 * diff.h - what turns one view of a document into another.
 *
 * Patches are to be applied one after the other.  Their order is the same on
 * every device: objects by id, so that a container is finished before what it
 * holds; in a map by key, in a sequence from left to right, and then its marks
 * by name.  A diff costs what the changes cost that one view has and the other
 * has not, and what is shown anew; the rest of the document is not read, but
 * for texts with marks.
 */
#ifndef CRDT_DIFF_H
#define CRDT_DIFF_H

#include "crdt/doc_spans.h"
#include "crdt/doc_view.h"

enum patch_kind {
	/* A key, or an element of a list, has another value. */
	PATCH_PUT,
	/* `length` elements or code points, or a key, are gone. */
	PATCH_DEL,
	/* An element is new; in a text: one that is no string. */
	PATCH_INSERT,
	/* `text`, `length` code points, is new in a text. */
	PATCH_SPLICE,
	/* The counter that wins has grown by `by`, modulo 2^64. */
	PATCH_INC,
	/* The same value wins, but `values` are other ones. */
	PATCH_CONFLICT,
	/* `length` code points have `mark` now, or none of its name.  What a
	 * patch has put into a text has none at first. */
	PATCH_MARK,
	PATCH_UNMARK,
};

struct patch {
	enum patch_kind kind;
	struct op_id obj; /* it changes */
	enum obj_type obj_type;
	/* Where obj is: its path in the view reached.  Not shown there, since
	 * it, or what holds it, does not win: `shadowed`. */
	const struct prop *path;
	size_t path_len;
	bool shadowed;
	bool fresh; /* obj was begun empty by a patch */
	/* What changes in it, as things are after the patches before. */
	struct prop prop;
	uint64_t index_from; /* sequences: that place in the view begun with */
	/*
	 * PUT, INSERT, CONFLICT: all values of the place, ascending: the last
	 * one wins.  An object is empty at first, and what it holds follows
	 * in patches of its own, except one that was among the values before
	 * and does not win by a PUT.
	 */
	const struct item *values;
	size_t values_len;
	uint64_t length;
	struct bytes text;
	int64_t by;
	struct mark mark; /* UNMARK: only its name */
};

/* May read both documents, and may write neither.  What the patch points to
 * lives until it returns.  An error ends the diff with that error. */
typedef lk_err patch_fn(void *ctx, const struct patch *);

/*
 * Calls `each` for every patch from one to the other; both are views of one
 * document, or it itself.  Of an element of a text that is the empty string
 * nothing is told.
 *   USAGE  not of one document
 *   LIMIT  what differs lies more than TREE_DEPTH_MAX levels deep
 */
LK_MUST_USE lk_err doc_diff(
    struct doc *from, struct doc *to, patch_fn *each, void *ctx);
/* The same for who reads an object that a patch begins from `to`, whole: there
 * are no patches in it. */
LK_MUST_USE lk_err doc_diff_whole(
    struct doc *from, struct doc *to, patch_fn *each, void *ctx);

#endif
