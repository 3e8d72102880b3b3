/*
 * doc_ghost.h - what ops do to each other: ghosts.md sections 3 and 4.
 *
 * An op and all that its edges lead to lie in one slot.  cov(n) counts the ops
 * that cover n and contribute; hid(n) the visible increments that hide it.
 * Internal to crdt.
 */
#ifndef CRDT_DOC_GHOST_H
#define CRDT_DOC_GHOST_H

#include "crdt/slot.h"

/* An op of a change, its ids those of the document, checked. */
struct placed_op {
	uint64_t id, obj;
	uint64_t elem; /* sequences: the element, or the one to insert after */
	bool in_map, insert, expand, has_name;
	uint8_t action;
	struct bytes key;
	struct value value;
	struct bytes name;
	const uint64_t *preds;
	size_t preds_len;
};

/*
 * Adds an op of change `number`, which is the latest, to the document: its
 * edges from `past`, its element or object, and what it does to others.
 */
LK_MUST_USE lk_err doc_place(struct doc *, const struct doc_past *past,
    uint32_t number, bool visible, const struct placed_op *);

/*
 * Makes changes visible or ghosts: doc_set_visible, by number.  Ascending; the
 * latest go first and the earliest come first, which spares walks along chains,
 * and a slot's counters are counted once for all of them.
 */
LK_MUST_USE lk_err doc_flip(
    struct doc *, const uint64_t *numbers, size_t n, bool visible);

/* Silent killers of the slot in `past` that nothing in `past` covers. */
LK_MUST_USE lk_err ghost_open_killers(struct doc *, const struct doc_past *,
    const struct slot *, struct id_list *);

/* What of an op's state its slot knows about. */
struct ghost_state {
	bool shown, ghost;
};
struct ghost_state ghost_state(const struct stored_op *);
/* Tells the slot what changed since `before`. */
LK_MUST_USE lk_err ghost_note(struct doc *, struct slot *,
    const struct stored_op *, struct ghost_state before);

/* One more, or one less, that contributes covers op `id`; passes on. */
LK_MUST_USE lk_err ghost_cover(
    struct doc *, struct slot *, uint64_t id, bool more);

/* Appends the counters of visible changes that an increment reaches, through
 * ghosts if need be (ghosts 3.5); each once. */
LK_MUST_USE lk_err ghost_targets(
    struct doc *, struct op_ref increment, struct id_list *);
/* Adds `by` to every one of them. */
LK_MUST_USE lk_err ghost_count(
    struct doc *, struct op_ref increment, int64_t by);
/* Counts all increments of a slot anew. */
LK_MUST_USE lk_err ghost_recount(struct doc *, const struct slot *);
/* What an increment op adds. */
int64_t ghost_step(const struct stored_op *);

#endif
