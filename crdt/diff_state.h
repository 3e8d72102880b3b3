/*
 * diff_state.h - a diff being made.
 *
 * What differs between two views lies in the slots of the ops of those changes
 * that take part in only one of them (ghosts.md: all that an op can touch lies
 * in one slot): these are listed first.  Objects wait in a heap, the smallest
 * id first, until it is their turn: those with such a slot that both views
 * show, and those that a patch has just shown.  Internal to crdt.
 */
#ifndef CRDT_DIFF_STATE_H
#define CRDT_DIFF_STATE_H

#include "base/arena.h"
#include "crdt/diff.h"
#include "crdt/sequence.h"
#include "crdt/slot.h"

/* A slot that may differ. */
struct touched {
	uint64_t obj, ref; /* ref: number of a map's slot, or element */
	uint64_t rank;     /* sequences: of the element */
	struct bytes key;  /* maps */
};

struct pending {
	uint64_t obj;
	bool fresh; /* begun empty by a patch: all of it follows */
};

/* A run of text is told in pieces of about so many bytes. */
#define RUN_TEXT_MAX ((size_t)64 * 1024)

/* Deletions, or text, that grow as long as they go on at one place. */
struct run {
	enum patch_kind kind; /* DEL or SPLICE */
	uint64_t index, index_from, length;
	struct buf text;
};

/* A piece of the text at hand that both views show, and where. */
struct stay {
	uint64_t from, to, length;
};

struct stay_list {
	struct stay *at;
	size_t len, cap;
	uint64_t from, to; /* where the next one begins */
};

struct diff {
	struct doc *from, *to;
	patch_fn *each;
	void *ctx;
	bool whole; /* no patches in objects that are begun: */
	struct id_set begun;
	struct touched *touched; /* by object */
	size_t touched_len, touched_cap;
	struct pending *heap;
	size_t heap_len, heap_cap;
	struct id_set both, apart; /* objects both views show, or not both */
	/* Of the object at hand. */
	uint64_t obj;
	bool fresh;
	struct patch patch; /* what all its patches have in common */
	struct arena memory;
	struct run run;
	struct stay_list stays;
};

/* An array with room for one more, in place of `at`; NULL: no memory. */
void *diff_room(void *at, size_t len, size_t *cap, size_t size);
/* Calls the caller of the diff; nothing cached may be held. */
LK_MUST_USE lk_err diff_emit(struct diff *, const struct patch *);
/* Puts an object in line. */
LK_MUST_USE lk_err diff_wait(struct diff *, uint64_t obj, bool fresh);

/* What a place shows: ids, ascending. */
struct cell {
	struct id_list from, to;
};
void cell_clear(struct cell *);
#define CELL_SCOPED __attribute__((cleanup(cell_clear))) struct cell
/* 0: nothing. */
uint64_t cell_winner(const struct id_list *);
/* Loads what both views show in a slot; of an object begun empty only what the
 * view reached shows. */
LK_MUST_USE lk_err cell_load_key(
    struct diff *, struct bytes key, struct cell *);
LK_MUST_USE lk_err cell_load_elem(struct diff *, uint64_t elem, struct cell *);
/* A PUT, INSERT or CONFLICT with all values of the cell at a place. */
LK_MUST_USE lk_err cell_emit(
    struct diff *, enum patch_kind, const struct patch *, const struct cell *);
/* What is new where the same value wins as before. */
LK_MUST_USE lk_err cell_same(
    struct diff *, const struct patch *, const struct cell *);

/* diff_sequence.c: the list or text at hand; says in `stays` what stays. */
LK_MUST_USE lk_err diff_sequence(
    struct diff *, struct touched *, size_t touched_len);
/* diff_marks.c: marks of the object at hand, if it is a text; afterwards. */
LK_MUST_USE lk_err diff_marks(struct diff *);

#endif
