/*
 * forgetful.h - devices that forget documents and have them again
 * (sync/forget.h): in one seed of four, and all of them in the end.
 */
#ifndef TESTS_SIM_FORGETFUL_H
#define TESTS_SIM_FORGETFUL_H

#include "tests/sim/world.h"

/* Some times when it happens. */
void forgetful_plan(struct world *);
/* Some device forgets a document, or wants one again. */
void forgetful_event(struct world *);
/* Whether everybody wants again what he has forgotten; asks for it. */
bool forgetful_over(struct world *);
/* Whether a document has come back less far than the device wrote it, so that
 * it writes nothing; it is being looked at. */
bool forgetful_behind(struct node *, uint32_t docno);

#endif
