/*
 * node.h - a device of the simulator: its store, replica and engine, and the
 * rounds of its loop in the order of daemon/loop.c:
 *
 *   begin -> what arrived -> command -> tick -> commit -> outputs
 *         -> begin -> what became durable -> tick -> commit -> outputs -> ..
 *
 * A crash throws the objects away in the middle of a transaction, or between
 * the commit and what should have followed it; what was committed is checked
 * against the ledger when the device comes back.
 */
#ifndef TESTS_SIM_NODE_H
#define TESTS_SIM_NODE_H

#include "tests/sim/world.h"

/* Something typed at a device, inside its transaction. */
struct command {
	lk_err (*run)(struct node *, struct command *);
	/* The transaction was committed; inside a reading one. */
	void (*committed)(struct node *, struct command *);
};

/* Copies the prepared store and identity; not started. */
void node_init(struct node *, struct world *, enum node_index);
void node_place(struct node *, const char *prepared);
void node_start(struct node *);
/* Dies, loses what is not on disk, and comes back later. */
void node_crash(struct node *);
void node_stop(struct node *);
void node_clear(struct node *);

/* For whoever does not live by node_round (hostile.h): opens store, replica and
 * engine in a transaction that is open then; lets all go; and carries out what
 * the engine wants done. */
void node_open(struct node *);
void node_forget(struct node *);
void node_begin(struct node *);
void node_outputs(struct node *);
/* What arrived, to its engine. */
LK_MUST_USE lk_err arrival_pass(struct node *, const struct arrival *);

/* Puts something into its inbox and wakes it; only while it is up. */
struct arrival *node_arrival(struct node *, enum arrival_kind, uint64_t conn);
/* An answer of the folder: what it owns is taken. */
void node_object(struct node *, struct object_answer *);
void node_wake(struct node *, int64_t at);
/* One turn of its loop; the command may be NULL.  Returns what it said; AGAIN
 * when the device died or the transaction was undone. */
lk_err node_round(struct node *, struct command *);
/* EVENT_NODE. */
void node_event(struct node *);

struct now node_now(const struct node *);
/* The replica inside a reading transaction, for looking. */
void node_look(struct node *);
void node_look_end(struct node *);
/* The ledger's number of a document, SIZE_MAX when it is none of ours. */
size_t node_doc(struct node *, uint32_t docno);

#endif
