/*
 * docstate.h - inside sync/: what the replica holds of one document in memory
 * and how it is stored (docs/storage.md, "Documents").
 *
 * A docstate is a cache of committed or about-to-be-committed records: its
 * graph is loaded from SPACE_NODES and forgotten when the transaction that
 * changed it is aborted.  Owned by the replica; borrowed by everybody else
 * until the next call that may load another one.
 */
#ifndef SYNC_DOCSTATE_H
#define SYNC_DOCSTATE_H

#include <sys/queue.h>

#include "sync/epoch.h"
#include "sync/keyproof.h"
#include "sync/refusals.h"
#include "sync/replica.h"

/* Documents whose graph is kept in memory: in a first synchronisation each of
 * many small ones is asked for again and again.  After one with more nodes than
 * that is loaded, only so many. */
#define DOCSTATES_MAX 2048
#define DOCSTATE_SMALL_NODES 64
#define DOCSTATES_LARGE_MAX 256
#define DOCSTATE_SLOTS 512
#define LOOSE_KEYS_MAX 1024 /* of one document; newer ones replace older */

/* A leftover: it had no effect when it came, and has none yet. */
struct leftover {
	uint32_t node, bytes;
	uint8_t liable[ACCESS_KEY_LEN]; /* graph_liable, then */
};

/* What a device's envelopes take of the waiting room. */
struct waiter {
	uint8_t from[SIGN_PK_LEN];
	uint32_t envelopes, bytes;
};

struct docstate {
	TAILQ_ENTRY(docstate) link; /* least recently used first */
	LIST_ENTRY(docstate) slot;  /* of those whose number ends alike */
	uint32_t docno;
	uint8_t docid[LK_ID_LEN];
	struct topic topic;
	bool home;
	bool newer;  /* an envelope waits for a newer lk */
	bool dirty;  /* changed in the present transaction */
	bool access; /* who may do what changed in this admission */
	bool forgotten; /* nothing of it is kept here: forget.h */
	uint64_t floor; /* of one that ever was: the least seq this device may
			 * write next */
	uint32_t waiting, waiting_bytes;
	struct waiter *waiters; /* owned; who has something there */
	size_t waiters_len;
	struct leftover *leftovers; /* owned; at most LEFTOVERS_MAX count */
	size_t leftovers_len, leftovers_cap;
	/* leftovers_vouch: more of them are taken, until this waits no more. */
	uint8_t wanted[LK_ID_LEN];
	struct mono wanted_until;
	struct wall changed;
	struct graph *graph;
	struct epoch *loose; /* LOOSE_KEYS_MAX, or NULL; docstate_key_loose */
	size_t loose_len, loose_next;
};

TAILQ_HEAD(docstates, docstate);
LIST_HEAD(docstate_slot, docstate);

struct damaged {
	uint32_t docno;
	uint8_t id[LK_ID_LEN];
};

struct replica {
	const struct identity *identity;
	struct random random;
	struct verifier verifier;
	struct txn *txn, *outer; /* outer: while a command is nested */
	struct now now;
	struct docstates states;
	struct docstate_slot slots[DOCSTATE_SLOTS];
	size_t states_len;
	struct replica_event *events;
	size_t events_len, events_cap, events_nested;
	struct names *names; /* NULL until needed; see names.h */
	struct keyproofs keyproofs;
	struct addresses addresses; /* where this device can be reached */
	struct buf facts;           /* of the node read last, when in parts */
	struct damaged *damaged;    /* envelopes: mend.h */
	size_t damaged_len;
	uint64_t mended;      /* of those, since the last look */
	uint32_t home;        /* number of the home document, or 0 */
	uint64_t memberships; /* rises with what is new in the member index */
	struct refusals refusals;
};

/* The record space of a document in the present transaction. */
struct kv docstate_space(struct replica *, uint32_t docno, enum store_space);

/* The state of a document, loaded if need be.  NOTFOUND, CORRUPT. */
LK_MUST_USE lk_err docstate_get(
    struct replica *, uint32_t docno, struct docstate **);
/* Only its topic, without loading the rest.  NOTFOUND, CORRUPT. */
LK_MUST_USE lk_err docstate_topic(
    struct replica *, uint32_t docno, struct topic *);
/* Whether the user has had it forgotten, likewise. */
struct forgotten {
	bool is;
	uint64_t floor; /* as in its state; 0: it never was */
};
LK_MUST_USE lk_err docstate_forgotten(
    struct replica *, uint32_t docno, struct forgotten *);
/* Forgets what is held in memory; the records stay. */
void docstate_free(struct replica *, struct docstate *);
/* A new document with an empty graph. */
LK_MUST_USE lk_err docstate_create(struct replica *,
    const uint8_t docid[static 32], const struct topic *, bool home,
    struct docstate **);
/* Makes it the home document; there is no other one. */
LK_MUST_USE lk_err docstate_make_home(struct replica *, uint32_t docno);
/* Writes its record. */
LK_MUST_USE lk_err docstate_save(struct replica *, struct docstate *);

/* Its record's bytes: there are two, of which one may be damaged. */
LK_MUST_USE lk_err docstate_record(
    struct replica *, uint32_t docno, struct bytes *);
/* Mending: writes both anew, and drops what else is damaged in SPACE_META;
 * forgets what is held in memory; writes what the device knows of all
 * documents with numbers up to `last`. */
LK_MUST_USE lk_err docstate_restore(struct replica *, uint32_t docno);
void docstate_forget(struct replica *, uint32_t docno);
LK_MUST_USE lk_err docstate_index_again(struct replica *, uint32_t last);

/* Forgets a document: records, indexes, memory. */
LK_MUST_USE lk_err docstate_drop(struct replica *, uint32_t docno);
/* Puts an empty one in its place, under another number: with the same id,
 * secret and keys, and found by the devices that are members now.  Its records
 * are still to be erased.  Not of the home document. */
LK_MUST_USE lk_err docstate_empty(
    struct replica *, uint32_t docno, struct docstate **out);
/* The first number whose records are to be erased; NOTFOUND.  And erases some
 * of them. */
LK_MUST_USE lk_err docstate_erasing(struct replica *, uint32_t *docno);
LK_MUST_USE lk_err docstate_erase(struct replica *, uint32_t docno);

/* Epoch secrets that accepted envelopes or a welcome brought: what this device
 * holds.  NOTFOUND when it lacks the key. */
LK_MUST_USE lk_err docstate_key(struct replica *, uint32_t docno,
    const uint8_t etag[static ETAG_LEN], struct epoch *);
/* *is_new: it was not there. */
LK_MUST_USE lk_err docstate_key_add(
    struct replica *, uint32_t docno, const struct epoch *, bool *is_new);
/* Keys of envelopes that were not accepted, in memory only: anybody can write
 * such an envelope.  They open others, and that is all. */
LK_MUST_USE lk_err docstate_key_loose(
    struct replica *, struct docstate *, const struct epoch *, bool *is_new);
/* The key whether held or loose.  NOTFOUND. */
LK_MUST_USE lk_err docstate_key_any(struct replica *, struct docstate *,
    const uint8_t etag[static ETAG_LEN], struct epoch *);

/* What is kept of an envelope besides its bytes: SPACE_NODES, by number. */
struct node {
	uint64_t lsn;
	struct wall received;
	int64_t time;         /* of its change, seconds since 1970 */
	uint64_t ops;         /* of its change or import */
	uint64_t seq;         /* of its change, among the actor's */
	struct bytes parents; /* of its change: uLEB of how many nodes back */
	struct bytes hashes;  /* Automerge heads of its change or import */
	struct bytes message; /* at most NODE_MESSAGE_MAX */
	struct bytes facts;
};
#define NODE_MESSAGE_MAX 1024
/* Views are valid until something is written; facts until the next call. */
LK_MUST_USE lk_err node_get(
    struct replica *, uint32_t docno, uint32_t number, struct node *);
LK_MUST_USE lk_err node_put(
    struct replica *, uint32_t docno, uint32_t number, const struct node *);

/* Remembers what became durable with this transaction.  NOMEM. */
LK_MUST_USE lk_err replica_note(struct replica *, const struct replica_event *);

#endif
