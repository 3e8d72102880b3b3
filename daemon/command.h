/*
 * command.h - what a method of the control protocol is made of
 * (architecture.md, "Two processes, one protocol"; docs/control.md).
 *
 * Each daemon/command_*.c exports a table of commands; daemon/commands.c lists
 * the tables.  The loop finds the command, checks its flags, and calls the
 * handler inside the writing transaction of the round:
 *
 *                     +-- error --------------------> error reply, after commit
 *   line -> handler --+-- LK_OK -------------------> result, after commit
 *                     +-- LK_OK after request_defer -> DEFERRED
 *   DEFERRED: after every round of the loop, poll -- *done or error --> reply
 *             client gone, or "cancel" -------------------------------> freed
 *
 * Nothing a handler says leaves the process before what it wrote is durable.
 * When the commit fails the client gets that error instead of its result.
 *
 * Everything here runs on the core thread.  A struct request lives until its
 * reply; a handler that is called again through its poll finds the same one.
 */
#ifndef DAEMON_COMMAND_H
#define DAEMON_COMMAND_H

#include <json-c/json.h>

#include "base/clock.h"
#include "sync/engine.h"
#include "sync/replica.h"

struct daemon;
struct request;

typedef lk_err command_fn(struct request *);

enum command_flag {
	/* Needs an identity: without one the answer is CONFIG and the hint to
	 * run `lk init`, and the handler is not called.  Only with this flag
	 * are request->replica and ->engine set. */
	COMMAND_IDENTITY = 1,
	/* Changes the store: refused with SYS while the store is read-only. */
	COMMAND_WRITES = 2,
	/* Runs inside replica_nest: an error undoes all it wrote.  Whatever
	 * can fail after its first write needs this (or ALONE). */
	COMMAND_NESTED = 4,
	/* Has the transaction for itself: an error aborts it. */
	COMMAND_ALONE = 8,
};

struct command {
	const char *method; /* "doc.get"; NULL ends a table */
	command_fn *handler;
	unsigned flags; /* of enum command_flag */
};

/* The command of this name, or NULL.  Defined in daemon/commands.c. */
const struct command *command_find(const char *method);

/* The public part of a request. */
struct request {
	struct daemon *daemon;
	struct replica *replica; /* NULL without COMMAND_IDENTITY */
	struct engine *engine;   /* as above */
	struct now now;          /* of this call */
	/* An object, never NULL (absent params are an empty one).  Borrowed
	 * until the reply.  Its depth is bounded by TREE_DEPTH_MAX + 16. */
	struct json_object *params;
	/* An empty object to fill; a handler may json_object_put it and set
	 * another value of any type.  Owned by the request. */
	struct json_object *result;
	/* Set by a handler with COMMAND_NESTED that succeeds: what it wrote is
	 * undone all the same, as by a dry run. */
	bool undo;

	/* For polls: */
	void *state;  /* as given to request_defer */
	bool expired; /* the deadline has passed: this is the last call */
	/* What became durable since the last call, oldest first; borrowed for
	 * this call.  After more than fit, events_lost is true: look at the
	 * log instead (watchers that go by lsn never need these). */
	const struct replica_event *events;
	size_t events_len;
	bool events_lost;
};

/* Errors. */

/*
 * Records what to say and returns `err`, so a handler ends with
 *	return (request_fail(r, LK_ERR(LK_E_NOTFOUND, "find document"),
 *	    "no document called %s", name));
 * The message is one line, without "lk: ".  A handler that returns an error
 * without this is answered with err.what and the text of the errno.  The reply
 * is {"code": lk_exit_status, "message", "data": {"error": lk_strcode, ...}}.
 */
LK_MUST_USE lk_err request_fail(struct request *, lk_err err, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
/* What to do about it: data.hint. */
void request_hint(struct request *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* One more member of data, as "candidates"; takes `value`. */
void request_detail(
    struct request *, const char *key, struct json_object *value);

/* Parameters.  Each fails with USAGE, naming the key, when it is absent or of
 * another type.  The _or forms give the default when it is absent or null. */

/* Borrowed from params; without NUL inside, at least 0 bytes. */
LK_MUST_USE lk_err param_string(
    struct request *, const char *key, const char **out);
LK_MUST_USE lk_err param_string_or(
    struct request *, const char *key, const char *fallback, const char **out);
LK_MUST_USE lk_err param_int(
    struct request *, const char *key, int64_t min, int64_t max, int64_t *out);
LK_MUST_USE lk_err param_int_or(struct request *, const char *key, int64_t min,
    int64_t max, int64_t *inout);
LK_MUST_USE lk_err param_bool_or(
    struct request *, const char *key, bool fallback, bool *out);

/* Things that take time. */

/* *done true: reply now (with request->result), after the commit. */
typedef lk_err request_poll_fn(struct request *, bool *done);
/*
 * The reply comes when `poll` says so.  poll runs inside a transaction (writes
 * are allowed, errors after a write are not undone), first at the end of this
 * round.  When `deadline` (0: none) has passed it is called once more with
 * `expired`, and if it is still not done the answer is AGAIN, "timed out".
 * The request takes `state`; `state_free` (may be NULL) ends it, also when the
 * client goes away.
 */
void request_defer(struct request *, request_poll_fn *, struct mono deadline,
    void *state, void (*state_free)(void *));
/* Asks to poll this request again after so long though nothing happened
 * meanwhile: for work cut into slices, and for what is said now and then. */
void request_again(struct request *, int64_t ms);
/*
 * Sends {"jsonrpc","method":"stream","params":{"id": the request's,
 * "event": value}} after the commit; takes `value`.  LIMIT when the line
 * would be over CONTROL_LINE_MAX: nothing is sent.
 */
LK_MUST_USE lk_err request_notify(struct request *, struct json_object *value);
/*
 * How far a command has got, for a client that asked to be told (the parameter
 * "progress"): `shown` is kept between calls, zero at first.  It is
 * due once in PROGRESS_MS.
 */
#define PROGRESS_MS 500
struct progress {
	bool wanted;
	struct mono shown;
};
LK_MUST_USE lk_err progress_wanted(struct request *, struct progress *);
bool progress_due(struct request *, struct progress *);
/* Says, when it is due, that so many documents have arrived. */
LK_MUST_USE lk_err progress_arrived(
    struct request *, struct progress *, size_t documents);
/* Whether the client keeps up.  When false a poll returns not done and sends
 * nothing; it is called again when there is room. */
bool request_room(const struct request *);

/* Bytes in pieces (a line has a bound): daemon/transfer.h has the methods,
 * which are built in, and how a long "params" or "result" travels by itself;
 * handlers use these only for bytes that are not JSON. */

/* Takes the bytes of a finished upload; the handle is gone.  `out` is
 * overwritten.  NOTFOUND. */
LK_MUST_USE lk_err request_upload(
    struct request *, int64_t handle, struct buf *out);
/* Takes the bytes of *in (left empty) for the client to read; *handle goes
 * into the result.  LIMIT above DOCUMENT_BODY_MAX in all. */
LK_MUST_USE lk_err request_download(
    struct request *, struct buf *in, int64_t *handle);

/* The daemon. */

/*
 * `lk init`: makes the identity, the person and the home document; sets
 * request->replica and ->engine.  Only in a command with COMMAND_ALONE.  The
 * identity file takes its place after the commit.
 *   EXISTS  there is one already; USAGE  not a name; said
 */
LK_MUST_USE lk_err request_init(
    struct request *, const char *name, const uint8_t entropy[static 16]);

/*
 * The same without a person: the device is nobody's until engine_recover has
 * made it somebody's, and `init` may still be called.  Errors as above.
 */
LK_MUST_USE lk_err request_init_empty(struct request *, const char *name);

/* Seals the identity file with a passphrase, or with none when it is empty.
 * DENIED unless `present` is the one it has now; LIMIT, NOMEM. */
LK_MUST_USE lk_err daemon_passphrase(
    struct daemon *, struct bytes present, struct bytes wanted);

/* Facts for `status`, `daemon.status` and `version`; strings are borrowed. */
struct daemon_info {
	const char *home, *socket, *log; /* paths; log is NULL for stderr */
	const char *listen;              /* "host:port", "" for none */
	uint16_t port;
	const char *const *addresses; /* as told to peers, "host:port" */
	size_t addresses_len;
	const char *sandbox;   /* what is enforced, one line */
	const char *discovery; /* "on", "off", or what is wrong with it */
	struct wall started;
	int pid;
	bool read_only; /* the store failed twice */
	bool identity;
	size_t connections; /* to peers, both ways */
};
void daemon_info(const struct daemon *, struct daemon_info *);
/* NULL before `init`, and until a recovery has succeeded. */
const struct identity *daemon_identity(const struct daemon *);
/* For handlers without COMMAND_IDENTITY that can use them (`status`): NULL
 * before `init`. */
struct replica *daemon_replica(struct daemon *);
struct engine *daemon_engine(struct daemon *);
struct store *daemon_store(struct daemon *);
struct random daemon_random(const struct daemon *);
/* Ends the loop after this round: what is pending is answered and sent, then
 * everything is closed. */
void daemon_stop(struct daemon *);

#endif
