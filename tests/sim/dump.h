/*
 * dump.h - the authority of a document as a device sees it, for whoever has to
 * find out why a seed failed (-v).
 */
#ifndef TESTS_SIM_DUMP_H
#define TESTS_SIM_DUMP_H

#include "tests/sim/world.h"

/* Says who is a member and what became of every envelope; the replica is being
 * looked at. */
void dump_doc(struct node *, uint32_t docno);
/* What the ledger knows of an edit: its grant, and which revocations kept it.
 */
void dump_edit(struct world *, size_t edit);

#endif
