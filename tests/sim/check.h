/*
 * check.h - what must hold.  Safety, at every step: what was committed is
 * there after a crash; nothing is at a device without a grant (ledger.c); a
 * device that is said to have everything has it (S1).  Liveness, at the end:
 * the same heads, bytes and fingerprints on every reader of a document, and on
 * each of them exactly the edits that no revocation has cut off.
 */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "tests/sim/world.h"

/* After a round; looks at a part of what it could. */
void check_node(struct node *);
/* After a start: everything that was durable is. */
void check_survived(struct node *);
/* Whether everybody has come to the same; `why` says what differs first. */
bool check_converged(struct world *, char *why, size_t len);
/* Then, everything that follows from it. */
void check_final(struct world *);

#endif
