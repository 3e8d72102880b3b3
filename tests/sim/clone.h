/*
 * clone.h - copies of devices: a store is copied, the copy is written with, and
 * what it wrote is given to others some time later; the device itself is used
 * meanwhile.  So one key writes two branches.
 */
#ifndef TESTS_SIM_CLONE_H
#define TESTS_SIM_CLONE_H

#include "tests/sim/world.h"

/* Writes with a copy of a device, which is between its transactions or closed;
 * `keep` gets each envelope that comes of it, in a transaction of the copy. */
typedef void clone_keep(
    void *ctx, struct node *clone, const struct replica_event *);
void clone_write(
    struct node *, uint32_t docno, int64_t edits, clone_keep *, void *ctx);

/* Some device is copied, the copy is used, and most often it itself too. */
void clone_event(struct world *);
/* Something that a copy wrote meets somebody: by its number. */
void clone_carry(struct world *, size_t number);
/* Whether everything that copies wrote has reached who it concerns. */
bool clones_over(const struct world *);
void clones_clear(struct world *);

#endif
