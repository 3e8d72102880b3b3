/*
 * mark_overlay.h - the marks that must be added to a text to make it look like
 * another one.
 *
 * The elements of a text go by; for each that is shown it is compared what
 * marks are in force there in one document and in the other, which has none of
 * its own if it is NULL.  What differs comes out as runs.  Internal to crdt.
 */
#ifndef CRDT_MARK_OVERLAY_H
#define CRDT_MARK_OVERLAY_H

#include "crdt/mark_set.h"

/* One mark to add. */
struct overlay_run {
	struct bytes name;
	struct value value;  /* null: to be unmarked */
	struct op_id before; /* the element before the first; 0: none */
	struct op_id last;   /* the last element */
	size_t number;       /* in order of beginnings */
};

struct overlay_name {
	RB_ENTRY(overlay_name) link;
	SLIST_ENTRY(overlay_name) link_touched;
	struct bytes name;
	struct value wanted, had; /* null: not marked */
	bool touched, open;
	struct overlay_run run; /* if open */
};

RB_HEAD(overlay_names, overlay_name);

struct mark_overlay {
	struct mark_set wanted, had;
	bool compares; /* there are two documents */
	struct arena memory;
	struct overlay_names names;
	SLIST_HEAD(, overlay_name) touched;
	struct op_id last; /* element shown */
	struct overlay_run *runs;
	size_t runs_len, runs_cap;
};

/* Both must stay as they are until it is cleared; `had` may be NULL. */
void mark_overlay_init(
    struct mark_overlay *, struct doc *wanted, struct doc *had);
void mark_overlay_clear(struct mark_overlay *);
/* The element `id`, which is a mark, goes by. */
LK_MUST_USE lk_err mark_overlay_pass(struct mark_overlay *, uint64_t id);
/* An element goes by that is shown; it and the one before are named as the
 * runs are to name them. */
LK_MUST_USE lk_err mark_overlay_elem(
    struct mark_overlay *, struct op_id before, struct op_id elem);
/* After the last one: `runs` are by name, then in order.  They borrow from
 * the overlay and the documents. */
LK_MUST_USE lk_err mark_overlay_finish(struct mark_overlay *);

#endif
