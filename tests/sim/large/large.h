/*
 * large.h - a world of a hundred to ten thousand devices: the real engine,
 * replica, sessions and stores, over cheap signatures and key agreement
 * (tests/sim/cheap), with a clock that only moves between events.
 *
 * Devices, each of a person of its own, share one document, a thousand of them
 * at most, or as many as it is told; eight at a time, of different thousands,
 * share another.  Devices start, edit, leave, die and join; in the end all run
 * and must come to the same.  What is measured on the way: when an edit reached
 * whom, how often it was sent to one device, messages, bytes and memory.
 *
 *   main.c      options, the report
 *   large.c     the clock, what people do, whether all agree
 *   people.c    identities, the documents, who knows whom at first
 *   device.c    a device: rounds of the loop, crashes; few have their store
 *               open at a time
 *   lines.c     byte streams; each pair of devices has its latency
 *   measure.c   edits and what was seen of them; counts by message
 *
 * Everything follows from the seed.  No device lies; lk_sim is for that.
 */
#ifndef TESTS_SIM_LARGE_H
#define TESTS_SIM_LARGE_H

#include <limits.h>
#include <sys/queue.h>

#include "crypto/digest.h"
#include "sync/engine.h"
#include "sync/home.h"
#include "tests/sim/schedule.h"

#define LARGE_PORT 7675
#define LARGE_DIR_MAX 128
#define LARGE_EPOCH_MS INT64_C(1780000000000)
#define SMALL_GROUP 8 /* devices of one of the other documents */

struct large;
struct device;

enum arrival_kind {
	ARRIVAL_ACCEPTED,
	ARRIVAL_DIALED,
	ARRIVAL_BYTES,
	ARRIVAL_CLOSED,
};

struct arrival {
	STAILQ_ENTRY(arrival) next;
	enum arrival_kind kind;
	uint64_t conn;
	uint32_t from; /* ACCEPTED */
	struct buf bytes;
};
STAILQ_HEAD(arrivals, arrival);

/* A connection as a device knows it. */
struct plug {
	uint64_t conn;
	size_t line;
	uint8_t end;
};

struct device {
	struct large *world;
	uint32_t index;
	bool up, member; /* member: of the common document, by now */
	uint32_t boot;
	int64_t up_at;
	struct identity identity;
	struct store *store; /* NULL while it sleeps */
	TAILQ_ENTRY(device) awake;
	struct txn *txn;
	struct replica *replica;
	struct engine *engine;
	struct random_seeded seeded;
	struct random random;
	struct arrivals arrivals;
	struct plug *plugs; /* owned */
	size_t plugs_len, plugs_cap;
	struct replica_event *fresh; /* owned; durable, not passed on */
	size_t fresh_len;
	bool touched;
	int64_t round_at, last_at;
	unsigned spins;
	uint32_t docno; /* of the common document; 0: not yet */
	char ticket[TICKET_TEXT_MAX + 1]; /* to join by */
	uint64_t joining;
	struct {
		uint64_t messages, bytes, items, rounds;
	} sent;
};

/* An edit, and who has it. */
struct edit_seen {
	uint8_t id[LK_ID_LEN];
	int64_t at;
	uint32_t by;
	int32_t
	    *after; /* owned; ms by device, -1: not yet, -2: does not count */
};

struct options {
	uint32_t devices;
	uint64_t seed;
	uint32_t edits;
	int64_t settle_ms, active_ms;
	bool churn, groups;
	size_t awake_max;
	unsigned verbose;
	uint32_t contacts;      /* whom each knows at first */
	uint32_t members;       /* of one of the common documents */
	int32_t p99_most;       /* ms; 0: whatever it is */
	uint32_t payloads_most; /* hundredths; 0: whatever it is */
};

struct line;

struct large {
	struct options o;
	char dir[LARGE_DIR_MAX];
	int64_t now;
	struct schedule schedule;
	struct random_seeded seeded;
	struct random random;
	struct device *devices;     /* owned */
	TAILQ_HEAD(, device) awake; /* longest idle first */
	size_t awake_len;
	struct line **lines; /* owned */
	size_t lines_len, lines_live, *lines_free, lines_free_len;
	struct edit_seen *edits; /* owned */
	size_t edits_len;
	struct digest trace;
	uint64_t events, commits, crashes, leaves, joins, store_opens;
	int64_t agreed_ms;
	uint64_t by_message[256], bytes_by_message[256];
	uint64_t handshakes;
	size_t heap; /* in use at the end */
	int32_t p99;
	size_t reached; /* edits at devices, others' */
};

/* large.c */
void large_run(struct large *, const char *dir, uint8_t trace[static 32]);
void large_clear(struct large *);
_Noreturn void large_fail(struct large *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void large_say(struct large *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void large_need(struct large *, lk_err, const char *what);
void large_trace(struct large *, const char *what, uint64_t n, struct bytes);

/* The device whose document it has, or will. */
uint32_t large_first(const struct large *, uint32_t device);
uint32_t large_end(const struct large *, uint32_t first);
/* Whether it is no member at first. */
bool large_joins(const struct large *, uint32_t device);

/* people.c */
void people_make(struct large *);

/* device.c */
struct now device_now(const struct device *);
void device_begin(struct device *);
void device_path(const struct device *, char out[static PATH_MAX]);
void device_start(struct device *);
/* The process ends: what was not durable is lost, connections break. */
void device_stop(struct device *);
void device_free(struct device *);
void device_event(struct device *);
void device_wake(struct device *, int64_t at);
/* Runs something in the device's next round; it is up. */
typedef lk_err device_fn(struct device *, void *ctx);
lk_err device_run(struct device *, device_fn *, void *ctx);
/* Reads in a transaction of its own. */
void device_look(struct device *, device_fn *, void *ctx);
struct arrival *device_arrival(struct device *, enum arrival_kind, uint64_t);

/* lines.c */
void line_address(char out[static 32], uint32_t device);
void line_dial(struct device *, uint64_t conn, const char *address);
void line_connect(struct large *, size_t line);
void line_send(struct device *, uint64_t conn, struct buf *);
void line_deliver(struct large *, size_t line, size_t end);
void line_hang_up(struct device *, uint64_t conn);
void lines_drop(struct device *);
void lines_free(struct large *);

/* measure.c */
void measure_edit(struct device *, const uint8_t id[static LK_ID_LEN]);
void measure_seen(struct device *, const uint8_t id[static LK_ID_LEN]);
/* It was not there all the time: what it lacks now does not count. */
void measure_gone(struct device *);
void measure_report(struct large *);
/* Whose doing what is counted is. */
void measure_device(struct device *);

#endif
