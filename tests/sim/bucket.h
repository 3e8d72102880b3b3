/*
 * bucket.h - a folder in the world of the simulator, which some runs have: all
 * devices reach it, and in some of these the friend reaches nothing else.
 *
 * While there are faults it is away at times, loses what was put, shows old
 * lists, cuts objects short, damages them and goes back to what it was; answers
 * come late and in any order.  Afterwards it keeps what it is given, unless it
 * is one that lies, which some are whose devices have other ways: that goes on
 * so, shows half of them what it was some time ago, and puts objects under
 * names that are others', or nobody's.
 */
#ifndef TESTS_SIM_BUCKET_H
#define TESTS_SIM_BUCKET_H

#include "tests/sim/world.h"

void folder_plan(struct world *);
void folder_free(struct world *);
/* Tells the engine of it, and of a relay (house.h), inside its transaction. */
void remotes_configure(struct node *);
/* What a device asks; taken.  The answer is an arrival. */
void folder_ask(struct node *, struct object_request *);
/* EVENT_OBJECT: an answer is due. */
void folder_event(struct world *, size_t answer);
/* Whether these two have no other way than the folder. */
bool folder_parts(const struct world *, size_t a, size_t b);
/* The faults are over. */
void folder_heal(struct world *);

#endif
