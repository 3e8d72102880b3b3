/*
 * told.h - who was thrown out of a document and cannot hear of it.
 */
#ifndef TESTS_SIM_TOLD_H
#define TESTS_SIM_TOLD_H

#include "tests/sim/node.h"

/* Whether what would tell a device that it is out, or something in the past of
 * that, is under a key that nobody has handed it: it was let in beside a
 * rotation and thrown out before a share (access.md section 7).  Looks at
 * both; both have the document. */
bool cannot_be_told(struct node *creator, struct node *out,
    const uint8_t docid[static LK_ID_LEN]);

#endif
