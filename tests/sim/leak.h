/*
 * leak.h - what may be in clear nowhere but on the device it belongs to: the
 * text of documents, the keys of epochs, the secrets of topics and of devices
 * (S5).  Who becomes known as a secret stays one; what leaves a device, or lies
 * in its log or at others', is searched for all of them.
 */
#ifndef TESTS_SIM_LEAK_H
#define TESTS_SIM_LEAK_H

#include "tests/sim/world.h"

#define SECRET_LEN 32

/* The keys of a device. */
void leak_identity(struct node *);
/* Those it holds of a document; its replica is being looked at. */
void leak_keys(struct node *, uint32_t docno);
/* Fails when something of that is in these bytes; `where` they are. */
void leak_check(struct node *, const char *where, struct bytes);
void leaks_free(struct world *);

#endif
