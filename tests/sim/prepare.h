/*
 * prepare.h - identities and stores from which every run starts: a person
 * takes 0.1 s of Argon2id, so each device is made once and copied.
 */
#ifndef TESTS_SIM_PREPARE_H
#define TESTS_SIM_PREPARE_H

#include "tests/sim/world.h"

/* A directory for every device of the cast below `dir`. */
void prepare_stores(const char *dir);
/* Copies the store of a device to n->dir and reads its identity. */
void prepare_copy(struct node *, const char *prepared);
/* Copies the store of a device, between its transactions, to clone->dir. */
void prepare_clone(struct node *clone, const struct node *);

#endif
