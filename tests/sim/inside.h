/*
 * inside.h - what a hostile device sees and moves inside its own engine and
 * replica, and what the checks measure in those of others (sync/engine_state.h,
 * whose names are not those of the simulator).
 */
#ifndef TESTS_SIM_INSIDE_H
#define TESTS_SIM_INSIDE_H

#include "sync/engine.h"
#include "sync/envelope.h"
#include "sync/message.h"

/* The connections of an engine that are open and to a device known; at most
 * `max`, returns how many. */
size_t inside_links(struct engine *, uint64_t *conns, size_t max);
/* Says something on one of them, in the engine's session. */
void inside_send(struct engine *, uint64_t conn, unsigned type, struct bytes);
/* How many numbers were given to documents on it, some perhaps to none. */
size_t inside_numbers(struct engine *, uint64_t conn);
/* What a number stands for, and the memory of what was said under it. */
bool inside_number(struct engine *, uint64_t conn, uint32_t number,
    uint32_t *docno, struct item_state **);
/* The proof of this device, as for a handshake. */
LK_MUST_USE lk_err inside_proof(struct engine *, struct buf *);

/* Where this device's next envelope stands, as far as its replica knows. */
struct place {
	struct graph *graph;
	struct topic topic;
	struct epoch epoch;
	uint8_t docid[LK_ID_LEN];
	uint64_t seq;
	uint8_t prev[LK_ID_LEN];
	uint8_t deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	size_t deps_len;
	struct grant_ref grant, first; /* its own; that of the first device */
};
/* NOTFOUND, DENIED: it has none. */
LK_MUST_USE lk_err inside_place(struct replica *, uint32_t docno,
    const uint8_t me[static 32], struct place *);
/* Whether it is less far in its own chain than it was when it forgot it. */
bool inside_behind(
    struct replica *, uint32_t docno, const uint8_t me[static 32]);
/* The secrets and the id of a document. */
LK_MUST_USE lk_err inside_topic(struct replica *, uint32_t docno,
    struct topic *, uint8_t docid[static LK_ID_LEN]);

/* Appends an ACK behind its number, of all heads this device knows: sealed with
 * the document's key, signed by this device, whosever tag it carries (NULL: its
 * own).  NOTFOUND: it has not got the key. */
struct ack_forgery {
	const uint8_t *whose;
	uint8_t incarnation[INCARNATION_LEN], nonce[24];
	uint64_t counter;
};
LK_MUST_USE lk_err inside_ack(
    struct engine *, uint32_t docno, const struct ack_forgery *, struct buf *);

/* Enters the envelopes of a document anew, each after its past and otherwise in
 * an order drawn, and compares what has effect, is visible and is essential
 * with what the replica has come to one by one.  *differs: the number of one
 * that is otherwise, or GRAPH_NONE.  Documents of more than AGAIN_MAX are
 * passed over. */
#define AGAIN_MAX 400
LK_MUST_USE lk_err inside_again(
    struct replica *, uint32_t docno, struct random *, uint32_t *differs);

/* What an engine and replica hold for others at the moment. */
struct inside_cost {
	size_t links;
	size_t strangers; /* connections nobody is known for yet */
	size_t unsent;    /* bytes for one connection, the most */
	size_t slots;     /* remembered authors of one connection */
	uint32_t waiting; /* envelopes of one document, the most */
	uint32_t waiting_bytes;
	size_t leftovers; /* of one document and one device, the most */
	uint64_t leftover_bytes;
};
LK_MUST_USE lk_err inside_measure(
    struct engine *, struct replica *, struct inside_cost *);

#endif
