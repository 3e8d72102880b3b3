/*
 * house.h - a relay in the world of the simulator, which some runs have: the
 * real one (relay/), in a place of its own, which all devices but a friend with
 * nothing but a folder reach.  The laptop has the account; the others are told
 * of it.
 *
 * It may be an honest one that breaks down; or it lies, also while the others
 * must converge: it says nothing for seconds, ends sessions instead of
 * answering, goes back to what it held some time ago, or shows two faces, each
 * to half of the devices, that know nothing of each other.  Nothing it holds
 * may be of use to it: leak.h.
 */
#ifndef TESTS_SIM_HOUSE_H
#define TESTS_SIM_HOUSE_H

#include "tests/sim/world.h"

void house_plan(struct world *);
/* Opens it, at the beginning. */
void house_begin(struct world *);
/* Its round: EVENT_NODE of RELAY. */
void house_event(struct world *);
/* Adds it to what a device keeps documents at, inside its transaction: false
 * while it is not to be had. */
struct remote_config;
bool house_remote(struct node *, struct remote_config *, char *url, size_t len);
/* What it holds is searched. */
void house_final(struct world *);
void house_free(struct world *);

#endif
