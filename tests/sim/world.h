/*
 * world.h - one run of the simulator: a few devices of the real code on real
 * stores, a clock that only moves between events, and a network that cuts,
 * delays, swallows and fragments (sync.md section 8).
 *
 * Everything follows from the seed: the world's randomness decides faults and
 * what people do, each device has a generator of its own, and libsodium's own
 * (which sealed boxes draw from) is replaced by a seeded one (prepare.h).
 *
 *   main.c       options, one process for each seed
 *   prepare.c    identities and stores, made once
 *   world.c      the clock, faults, safety first and liveness after
 *   schedule.c   events in order
 *   wire.c       byte streams
 *   node.c       a device: rounds of the loop, crashes
 *   ledger.c     what was promised to whom
 *   workload.c   what people do
 *   bucket.c     a folder between devices that never meet
 *   house.c      a relay
 *   clone.c      copies of devices that are used beside them
 *   check.c      what must hold
 *   leak.c       what may be in clear nowhere
 *   bounds.c     what a hostile peer may cost
 *   hostile.c    who turns hostile, and a hostile one's rounds
 *   hostile_raw.c   its connections, before and after the handshake
 *   hostile_say.c   its messages
 *   hostile_forge.c its envelopes
 *
 * The first thing that must not be ends the run: world_fail.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <limits.h>
#include <sys/queue.h>

#include "crypto/digest.h"
#include "sync/engine.h"
#include "sync/home.h"
#include "tests/sim/schedule.h"

/* From NODES on: strangers, who are hostile from the beginning. */
enum node_index {
	LAPTOP,
	PHONE,
	TABLET,
	FRIEND,
	FOURTH,
	NODES,
	MALLORY = NODES,
	TRUDY,
	RELAY, /* no device: house.h */
	EVERYBODY
};
enum person_index { OWNER, FRIEND_PERSON, FOURTH_PERSON, PERSONS };

struct world;
struct ledger;
struct node;
struct hostile;
struct house;
struct leaks;

/* What happens to a device, waiting for its next round. */
enum arrival_kind {
	ARRIVAL_ACCEPTED,
	ARRIVAL_DIALED,
	ARRIVAL_DIAL_FAILED,
	ARRIVAL_BYTES,
	ARRIVAL_SENT,
	ARRIVAL_CLOSED,
	ARRIVAL_OBJECT,
};

struct arrival {
	STAILQ_ENTRY(arrival) next;
	enum arrival_kind kind;
	uint64_t conn;
	size_t pending;              /* SENT */
	char address[32];            /* ACCEPTED */
	struct buf bytes;            /* BYTES */
	struct object_answer object; /* OBJECT; owned */
};

STAILQ_HEAD(arrivals, arrival);

/* A ticket somebody was given and has not got through with. */
struct errand {
	char ticket[TICKET_TEXT_MAX + 1]; /* "": none */
	enum ticket_purpose purpose;
	uint64_t handle; /* 0: to be handed in (again) */
	size_t doc;      /* invite: number in the ledger */
	enum person_index issuer;
	enum node_index from; /* the device that made it */
	bool again;           /* it was used before, and is tried once more */
	int64_t until;        /* again: not for ever */
};
#define ERRANDS_MAX 4

struct node {
	struct world *world;
	enum node_index index;
	enum person_index person;
	const char *name;
	char dir[PATH_MAX + 16];
	bool present;            /* takes part in this run, and is honest */
	struct hostile *hostile; /* NULL: it is not */
	bool up;
	bool joined;   /* is one of its person's devices, or his first */
	uint32_t boot; /* how often it was started */

	struct identity identity;
	struct identity kept; /* as on disk */
	struct store *store;
	struct txn *txn;
	struct replica *replica;
	struct engine *engine;
	struct random_seeded seeded;
	struct random random;
	int64_t mono_offset, wall_offset; /* to the world's clock */

	struct arrivals arrivals;
	struct replica_event *fresh; /* owned; durable, not passed on */
	size_t fresh_len;
	bool touched;     /* the engine had an event since its last tick */
	int64_t round_at; /* the next EVENT_NODE that counts */
	int64_t last_at;  /* when the last round was */
	unsigned spins;   /* rounds at that moment */
	size_t *docs;     /* owned; ledger number + 1 by document number */
	size_t docs_len;
	struct errand errands[ERRANDS_MAX];
	struct errand used; /* the last invitation that worked */
};

/* What a copy of a device wrote and has yet to give to somebody. */
struct carried {
	size_t doc;
	uint8_t id[LK_ID_LEN];
	struct buf envelope;
	size_t edit; /* number in the ledger */
	unsigned tries;
	bool over;
};

/* How a run is made, drawn from its seed. */
struct plan {
	int64_t active_ms; /* how long there are commands and faults */
	size_t commands;
	int64_t fault_every; /* mean, ms */
	uint64_t crash_odds; /* one in so many commits */
	uint64_t latency_max;
	bool tablet, fourth, late_pairing;
	bool admins; /* friends get that role, and do nothing with it */
	bool turns[NODES];  /* becomes hostile */
	unsigned strangers; /* how many are there */
	unsigned families;  /* 1 << enum family, of all of them */
};

struct wire;

struct world {
	uint64_t seed;
	unsigned
	    verbose; /* 1: what people do and what breaks, 2: every event */
	char dir[PATH_MAX];
	int64_t now; /* ms */
	struct schedule schedule;
	struct random_seeded seeded;
	struct random random;
	struct plan plan;
	bool faults; /* they happen at present */
	struct node nodes[EVERYBODY];
	bool cut[EVERYBODY][EVERYBODY]; /* [from][to]: nothing gets through */
	struct wire **wires;            /* owned */
	size_t wires_len;
	uint64_t accepted;
	struct ledger *ledger;
	struct leaks *leaks;     /* owned; NULL: nothing is known yet */
	struct house *house;     /* NULL: there is no relay */
	struct folder *bucket;   /* NULL: there is none */
	struct carried *carried; /* owned */
	size_t carried_len;
	unsigned clones;
	struct digest trace;
	uint64_t events, commits, crashes, converged_ms;
};

#define SIM_PORT 7675
/* What every document begins with, and no wire may show. */
#define SIM_TEXT "In the beginning "
/* The virtual clock starts here: a Monday in 2026. */
#define SIM_EPOCH_MS INT64_C(1780000000000)

/* Runs a seed in `dir`, which is empty and may be filled; `prepared` holds the
 * stores of prepare_stores.  The hash of everything that happened. */
void world_run(struct world *, uint64_t seed, const char *prepared,
    const char *dir, uint8_t trace[static 32]);

/* Says what is wrong, with the seed, and ends the process. */
_Noreturn void world_fail(struct world *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void world_say(struct world *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
/* For calls that cannot fail here. */
void world_need(struct world *, lk_err, const char *what);
/* One in `odds`. */
bool world_chance(struct world *, uint64_t odds);
int64_t world_between(struct world *, int64_t least, int64_t most);
/* The device with this key that takes part, honest or not any more, or NULL. */
struct node *world_node_of(struct world *, const uint8_t pk[static 32]);
/* Adds to the trace. */
void world_trace(struct world *, const char *what, uint64_t n, struct bytes);

#endif
