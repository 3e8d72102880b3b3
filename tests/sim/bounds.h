/*
 * bounds.h - S6: what a hostile peer may cost an honest device, by the numbers
 * of base/limits.h.  Memory is looked at after rounds, disk at the end; time is
 * the processor's, of dealing with what a hostile device sent, and sets no
 * event in motion, so that a seed stays what it is.
 */
#ifndef TESTS_SIM_BOUNDS_H
#define TESTS_SIM_BOUNDS_H

#include "tests/sim/world.h"

/* After a round of an honest device. */
void bounds_check(struct node *);
/* Bytes of an honest device for a hostile one, and back. */
void bounds_told(struct node *hostile, size_t len);
void bounds_heard(struct node *hostile, size_t len, int64_t nanoseconds);
/* Nanoseconds of processor time of this process. */
int64_t bounds_clock(void);
void bounds_final(struct world *);

#endif
