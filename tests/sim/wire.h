/*
 * wire.h - connections between devices: two byte streams each, in order, cut
 * into pieces anywhere, held up, ended in the middle.  Nothing is lost from a
 * stream that goes on.
 */
#ifndef TESTS_SIM_WIRE_H
#define TESTS_SIM_WIRE_H

#include "tests/sim/world.h"

/* Where a device can be dialled; node_address of node 0 is "10.7.0.1:7675". */
void node_address(char out[static 32], enum node_index);

/* What the engine wants done. */
void wire_dial(struct node *, uint64_t conn, const char *address);
/* Takes the bytes; returns how many are now on their way. */
size_t wire_send(struct node *, uint64_t conn, struct buf *);
void wire_hang_up(struct node *, uint64_t conn);
/* All of a device's: it died, or gave up its sessions.  silent: the others are
 * not told for long. */
void wire_drop_all(struct node *, bool silent);

/* Who is at the other end of a connection of this device, even if it has ended;
 * NULL: nobody. */
struct node *wire_other(struct node *, uint64_t conn);
/* Nothing more is taken out of it at this end, or is again. */
void wire_hold(struct node *, uint64_t conn, bool held);

/* Events. */
void wire_connect(struct world *, size_t wire);
void wire_deliver(struct world *, size_t wire, size_t end);
/* A connection breaks now; what is on its way is lost from some byte on. */
void wire_break_one(struct world *);

void wires_free(struct world *);

#endif
