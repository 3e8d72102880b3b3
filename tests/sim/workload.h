/*
 * workload.h - what people do at the devices of the simulator: edit, make
 * documents, invite, share, revoke, leave, pair; somebody who forges, and one
 * who uses a copy of a device beside it.
 */
#ifndef TESTS_SIM_WORKLOAD_H
#define TESTS_SIM_WORKLOAD_H

#include "tests/sim/world.h"

/* Tickets for the owner's other devices, and all other commands, at random
 * moments of the active time. */
void workload_plan(struct world *);
/* EVENT_COMMAND: `what` 0 is something random, then errands of the nodes,
 * pairings, and what copies wrote. */
void workload_event(struct world *, size_t what);

/* That of forgetful.h. */
#define FORGET (SIZE_MAX - EVERYBODY - 1)

/* From now on those who may throw this device's person out of their documents,
 * one after the other. */
void workload_accuse(struct node *hostile);

#endif
