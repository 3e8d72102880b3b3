/*
 * daemon.h - inside daemon/: the state of lkd, all of it, and what its parts
 * ask of each other.
 *
 * One core thread runs the loop and owns everything here; the threads of net/
 * only deliver events and check signatures.  A round of the loop is one
 * writing transaction, begun by the first thing that needs it:
 *
 *   net_wait -> IDLE --round_begin--> OPEN --round_end--> commit
 *                ^                     |                  ok: replies, outputs
 *                |                     |                  failed: errors
 *                +---------------------+--round_abort---> errors
 *
 * Invariant: nothing leaves the process (a reply, an event of a stream, a byte
 * to a peer) before the transaction that holds what it says is durable.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <sys/queue.h>

#include "daemon/addresses.h"
#include "daemon/command.h"
#include "daemon/logfile.h"
#include "daemon/options.h"
#include "daemon/depot.h"
#include "daemon/remotes.h"
#include "daemon/sandbox.h"
#include "daemon/scrub.h"
#include "net/net.h"
#include "net/workers.h"
#include "relay/relay.h"

struct call;
struct client;
struct mirrors;
struct verifying;
TAILQ_HEAD(call_list, call);
TAILQ_HEAD(client_list, client);
struct remote_test;
LIST_HEAD(remote_test_list, remote_test);

/* The control clients and what they asked (control.c, request.c). */
struct control {
	struct client_list clients;
	size_t clients_len;
	struct call_list answered; /* waiting for the commit */
	struct call_list deferred; /* waiting for more than that */
	size_t transfer_bytes;     /* of all clients */
};

/* Connections the engine still has to be told about: it wanted them closed,
 * or they could not be dialed or served. */
#define PEERS_LOST_MAX (2 * NET_PEERS_MAX)

/* Hosts whose peers were dropped lately: each is logged once a minute. */
#define DROPPED_MAX 16
struct dropped_host {
	char host[NET_ADDRESS_MAX];
	struct mono logged;
};

struct daemon {
	struct options options;
	struct logfile logfile; /* path "" when the log goes to stderr */
	int lock_fd, signal_fd;
	struct wall started;
	struct sandbox sandbox;
	char discovery[128]; /* "on", "off", or what keeps it from working */

	struct store *store;
	bool store_failed; /* once: it was opened again */
	bool read_only;    /* twice: no write is accepted any more */

	struct identity identity, identity_saved;
	bool has_identity;
	struct buf passphrase;   /* of the identity file, until it is read */
	struct replica *replica; /* NULL without identity */
	struct engine *engine;   /* NULL without identity */
	struct relay *relay;     /* NULL but in a relay's home; hosting.h */
	uint8_t relay_pk[DH_LEN];
	bool relay_made; /* in this round, and gone if that is undone */

	struct net *net;
	struct workers *workers;
	uint16_t port;
	struct own_addresses addresses;

	struct control control;
	struct mirrors *mirrors; /* NULL until mirrors_open */

	int broker_fd;      /* net/broker.h; -1 when net has it */
	bool remotes_stale; /* the list in the store is news */
	uint32_t remotes_open[REMOTES_MAX]; /* known to net/ */
	size_t remotes_open_len;
	/* What the engine asked and nobody answers: one of each remote. */
	struct {
		uint32_t remote;
		uint64_t request;
	} unanswered[REMOTES_MAX];
	size_t unanswered_len;
	uint64_t remote_request; /* the last number a command has used */
	struct remote_test_list remote_tests;
	struct depot_list depots;
	uint32_t depots_opened; /* so many so far */
	bool restoring;         /* a command brings back a backup */

	/* The round. */
	struct txn *txn; /* NULL: idle */
	struct now now;
	struct mono begun;    /* the transaction */
	struct mono worked;   /* when last something came; ms 0: at rest */
	struct mono mended;   /* when damage was last looked for */
	struct scrub scrub;
	struct verifying *verifying; /* whose turn it is to read everything */
	size_t received;      /* bytes of peers in it */
	bool engine_touched;  /* an event since the last tick */
	bool peers_dropped;   /* what is left of this batch is of no use */
	bool identity_staged; /* a new identity file waits for the commit */
	struct replica_event *fresh; /* durable, not told to anybody yet */
	size_t fresh_len, fresh_cap;
	bool fresh_lost; /* there were more than are kept */
	uint64_t lost[PEERS_LOST_MAX];
	size_t lost_len;
	struct dropped_host dropped[DROPPED_MAX];

	bool stopping;
	int status; /* to exit with */
};

/* loop.c */
struct now now_read(void);
/* The transaction of this round, with the replica attached. */
LK_MUST_USE lk_err round_begin(struct daemon *);
/* Whether it has taken in so much, or so long, that it should end. */
bool round_is_full(const struct daemon *);
/* Commits what there is and lets its effects out, or undoes it. */
void round_end(struct daemon *);
/* Undoes it: every answer becomes this error, every session ends. */
void round_abort(struct daemon *, lk_err);
/* Until daemon_stop, a signal, or a store that cannot be had back. */
void loop_run(struct daemon *);

/* mend.c: what is damaged on this disk; inside a round. */
struct mend_report;
/* Looks at one document (STORE_DEVICE: at the device's own records) and mends
 * what it can; logs what it found. */
LK_MUST_USE lk_err daemon_mend_one(
    struct daemon *, uint32_t docno, struct mend_report *);
/* At every document that damage was met in.  *any: some was found. */
LK_MUST_USE lk_err daemon_mend(struct daemon *, bool *any);

/* command_verify.c: where documents are made again, to be compared. */
#define VERIFY_DIR "verify"
/* Removes what a daemon that was killed has left there. */
void verify_sweep(struct daemon *);

/* identity_swap.c: the identity file changes together with the store. */
#define IDENTITY_STAGE_DIR "identity.next"
LK_MUST_USE lk_err identity_swap_recover(struct daemon *);
LK_MUST_USE lk_err identity_swap_stage(struct daemon *);
void identity_swap_adopt(struct daemon *);

/* backup_scratch.c: removes what a daemon that was killed has left. */
void scratch_sweep(const struct daemon *);

/* replica_life.c: opening the store, and what exists only with an identity. */
/* LK_HOME/store. */
LK_MUST_USE lk_err store_open_home(struct daemon *);
/* Makes replica and engine; inside d->txn. */
LK_MUST_USE lk_err replica_start(struct daemon *);
void replica_stop(struct daemon *);
/* A laptop moves: what tickets say of where it is should be right when a
 * client is about to ask for one. */
void addresses_refresh(struct daemon *);
/* What the replica wants to have checked, on all processors. */
void verify_run(void *daemon, struct verify_job *, size_t n);

/* lan.c */
/* Listens for beacons, if that is wanted, and watches the interfaces. */
void lan_prepare(struct daemon *);
/* NET_DATAGRAM, NET_CHANGED. */
void lan_event(struct daemon *, const struct net_event *);
/* Sends these, 1 << enum beacon_type, from every address. */
void lan_announce(struct daemon *, unsigned beacons);

/* peers.c */
/* Tells the engine of an event of a peer's connection. */
void peers_event(struct daemon *, const struct net_event *);
/* Tells it of connections lost meanwhile, ticks it when that is due. */
void peers_tick(struct daemon *);
/* What became durable. */
void peers_fresh(struct daemon *, const struct replica_event *, size_t);
/* Carries out what it wants, and logs whom it dropped, after a commit. */
void peers_output(struct daemon *);
/* When the engine wants to be called; INT64_MAX for never. */
int64_t peers_next_ms(const struct daemon *);

#endif
