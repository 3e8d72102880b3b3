/*
 * branch_map.h - what a change calls the ops of actors who forked: access.md
 * section 8.
 *
 * In the past of a change, an actor's changes are a tree.  It falls into
 * stretches that end where changes have siblings in that past: the first one
 * goes by the actor's bytes, each other one by these and the hash of the
 * change it begins with.  A stretch is made of pieces of the document's
 * chains (doc_branch.h).  An actor of one chain needs no map.  Internal to
 * crdt.
 */
#ifndef CRDT_BRANCH_MAP_H
#define CRDT_BRANCH_MAP_H

#include "crdt/doc_branch.h"

#define BRANCH_PLAIN 0 /* the number of the stretch that has no hash */

struct branch_piece {
	uint32_t chain, stretch;
	uint32_t after, last; /* counters: after < counter <= last */
	uint64_t last_seq;
};

struct branch_stretch {
	uint8_t begins[LK_ID_LEN]; /* zeros: BRANCH_PLAIN */
	uint32_t parent;           /* the stretch it branches off */
	uint32_t order;            /* along the tree, while it is made */
};

struct branch_map {
	struct branch_stretch *stretches; /* BRANCH_PLAIN, then by hash */
	struct branch_piece *by_chain, *by_stretch;
	size_t stretches_len, pieces_len;
};

/* The maps of one past, by the first chain of the actor. */
struct branch_maps {
	struct branch_map **of; /* NULL: not made */
	size_t len;
};
void branch_maps_clear(struct branch_maps *); /* a zeroed struct is empty */

/* The map of an actor who has more than one chain; borrowed from `maps`, which
 * are those of this past. */
LK_MUST_USE lk_err branch_map_get(struct doc *, const struct doc_past *,
    uint32_t first, struct branch_maps *, const struct branch_map **);
/* Lets go of the maps that doc_path and doc_op_actor keep in a document. */
void branch_paths_drop(struct doc *);
/* The stretch that begins with a change; false: there is none. */
bool branch_map_find(const struct branch_map *,
    const uint8_t begins[static LK_ID_LEN], uint32_t *stretch);
/* The chain in which a stretch has this counter; DOC_NO_ACTOR: none. */
uint32_t branch_map_chain(
    const struct branch_map *, uint32_t stretch, uint64_t ctr);
/* The stretch of an op in that past; false: it is not there. */
bool branch_map_stretch(
    const struct branch_map *, uint64_t id, uint32_t *stretch);
/* The stretch of a change in that past, which may have no ops. */
bool branch_map_of_change(
    const struct branch_map *, uint32_t chain, uint64_t seq, uint32_t *stretch);

#endif
