/*
 * workload.h - what people do at the devices of the simulator: edit, make
 * documents, invite, share, revoke, leave, pair; and somebody who forges.
 */
#ifndef TESTS_SIM_WORKLOAD_H
#define TESTS_SIM_WORKLOAD_H

#include "tests/sim/world.h"

/* Tickets for the owner's other devices, and all other commands, at random
 * moments of the active time. */
void workload_plan(struct world *);
/* EVENT_COMMAND: `what` 0 is something random, else an errand of node
 * what - 1. */
void workload_event(struct world *, size_t what);

#endif
