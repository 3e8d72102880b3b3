/*
 * edit_state.h - a local edit being built.  Internal to crdt.
 */
#ifndef CRDT_EDIT_STATE_H
#define CRDT_EDIT_STATE_H

#include "crdt/doc_intake.h"
#include "crdt/op_naming.h"
#include "crdt/sequence.h"

struct edit {
	struct doc *doc;
	struct doc *base; /* doc is a view of it, at old heads; or NULL */
	struct change_writer *writer;
	struct intake intake; /* author, past, start op */
	struct buf actor;
	uint64_t seq;
	size_t ops;
	struct op_naming naming;
};

/* edit_new, on a view too. */
LK_MUST_USE lk_err edit_open(
    struct edit **, struct doc *, const struct change_head *);
/* edit_at.c: applies the change to the base. */
LK_MUST_USE lk_err edit_land(struct edit *, struct bytes body);
/* Frees the view; what remains is to be freed. */
void edit_leave(struct edit *);
/* Frees it whole: edit_free keeps one for the next edit_new. */
void edit_discard(struct edit *);

/*
 * Applies an op, whose id is given to it here, and appends it to the change.
 */
LK_MUST_USE lk_err edit_add(struct edit *, struct placed_op *);
/*
 * The last op of a call: what was lent before ends with it, not sooner, as the
 * value written may be one that was lent.
 */
LK_MUST_USE lk_err edit_add_last(struct edit *, struct placed_op *);

/* What a new op on a slot finds there. */
struct edit_view {
	struct id_list shown; /* ascending: the last one wins */
	struct id_list preds; /* what put, make and delete name */
	bool ghosts;          /* the slot holds ops of void changes */
};
void edit_view_clear(struct edit_view *);
#define VIEW_SCOPED __attribute__((cleanup(edit_view_clear))) struct edit_view
/* DATA when something is shown that is not in the edit's past. */
LK_MUST_USE lk_err edit_view(
    struct edit *, const struct slot *, struct edit_view *);

/* Deletes the element; it is shown. */
LK_MUST_USE lk_err edit_delete_elem(struct edit *, uint64_t obj, uint64_t elem);
/* Behind what something inserted at an index comes. */
struct reference {
	uint64_t elem;  /* the element, or 0: the head */
	uint64_t shown; /* the last one shown before the index, or 0 */
	uint64_t index; /* behind that one */
};
/* edit_reference.c; lets caches shrink.  NOTFOUND past the end; DATA. */
LK_MUST_USE lk_err edit_reference(
    struct edit *, const struct object *, uint64_t index, struct reference *);

/* Whether an op lies in the edit's past, or in the edit; the error if not. */
bool edit_knows(const struct edit *, const struct stored_op *);
extern const lk_err edit_unknown;
/* DATA: a value no change can have. */
LK_MUST_USE lk_err value_check(const struct value *);

/* A text as it was, as it should become, and as it is now. */
struct text_versions {
	struct bytes base, wanted, now;
};
/* Makes the differences between base and wanted in what the text shows now:
 * textdiff_onto. */
struct aligner;
LK_MUST_USE lk_err edit_text_from(
    struct edit *, struct aligner *, struct op_id text, struct text_versions);
/* Gives a text that has the characters wanted the parts and marks too. */
struct tree;
LK_MUST_USE lk_err edit_rich(
    struct edit *, struct op_id text, const struct tree *wanted);

#endif
