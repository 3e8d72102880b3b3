/*
 * check.h - what must hold, by the names of sync.md section 7 and access.md
 * section 11, which begin what is said when it does not.
 *
 *   S1   at every step: what a device was said to hold it holds; after each
 *        crash: what was durable is there; at the end: every edit that was
 *        acknowledged and not cut off is visible, with its value
 *   S2   at every commit: no envelope that was forged, changed or put
 *        elsewhere is taken (ledger.c)
 *   S3   at the end: those with equal fingerprints have the same heads,
 *        content and exported bytes, in the documents of the hostile too
 *   S4   everybody comes to the same within 300 s after the faults end, the
 *        hostile going on (world.c)
 *   S5   on every wire, in every log and in the folder: no text of a document
 *        and no key, of documents or devices (leak.c); see I9 for who has
 *        which
 *   S6   bounds.h
 *   S7   a crash, an assertion, a sanitizer's report or a deadline ends the
 *        seed (main.c); an honest device never parts with an honest one for
 *        what it said, and never spins (node.c)
 *   S8   --twice: the same seed, the same trace
 *   I1   now and then, and at the end: envelopes entered again in another
 *        order count for the same; and as S3, with what is essential and what
 *        of it shows
 *   I2   at every commit: nothing of who has no grant, or is under that of
 *        another; nobody is let in more often than he was invited (ledger.c)
 *   I3, I8   at the end: of a revoked author exactly that shows which the
 *        revocations have kept, and of all others everything
 *   I4, I6   at every commit: no act upon a senior, nor upon an equal
 *   I7   as S3: devices that dropped other leftovers agree
 *   I9   at every commit and at the end: who is known to be out neither
 *        reads what is written then, nor holds its key
 *   I10  as S2 and S4: what one refuses for ever nobody takes
 *   I11  at the end: keys, counters, text, heads and three exports agree
 *   I12  at the end, and when there is none: every reader holds the key of
 *        every visible edit, and shows it
 *
 * I5 wants somebody more senior who lifts a revocation, which nobody does here:
 * tests/model and tests/unit/access.
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
/* Whether every reader holds the keys of what shows (I12): what becomes of it
 * when one does not is that they never come to the same. */
void check_entitled(struct world *);
/* Then, everything that follows from it. */
void check_final(struct world *);

#endif
