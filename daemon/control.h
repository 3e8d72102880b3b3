/*
 * control.h - inside daemon/: the clients of the control socket
 * (docs/control.md).
 *
 *   bytes -> lines (rpc.h) -> struct call -> handler
 *                                             |-> answered -- commit --> reply
 *                                             '-> deferred -- poll --->
 * answered
 *
 * A client that does not read is not read from either; what waits for it is
 * bounded, and after CONTROL_STALL_MS without progress it is dropped.  It never
 * holds up the core.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "daemon/daemon.h"
#include "daemon/rpc.h"
#include "daemon/transfer.h"

/* More than this pending: no more of its requests are read. */
#define CONTROL_PENDING_MAX PEER_PENDING_MAX
#define CONTROL_STALL_MS 60000
/* Requests of one client that take time. */
#define CONTROL_DEFERRED_MAX 64

struct client {
	TAILQ_ENTRY(client) entry;
	uint64_t conn;
	struct rpc_lines lines;
	struct transfers transfers;
	size_t calls;      /* answered or deferred */
	bool ended;        /* it sends no more */
	bool doomed;       /* control_sweep drops it */
	bool held;         /* not read from */
	size_t stalled_at; /* bytes pending when it last made progress */
	struct mono stalled;
};

struct call {
	struct request request; /* what handlers see; first */
	TAILQ_ENTRY(call) entry;
	struct client *client; /* NULL when it is gone */
	struct rpc_call rpc;
	const struct command *command;
	/* The answer: */
	lk_err err;
	int code; /* of JSON-RPC itself; 0: the exit status of err */
	char *message, *hint;
	json_object *details;
	/* Deferred: */
	request_poll_fn *poll;
	struct mono deadline; /* 0: none */
	void (*state_free)(void *);
	struct mono look; /* when to poll though nothing happens; 0: never */
	bool deferred;
	struct buf notes; /* lines for after the commit */
};

void control_init(struct control *);
void control_clear(struct daemon *);

/* Events of a control connection; false when `conn` is none. */
bool control_event(struct daemon *, const struct net_event *);
/* Polls what is deferred; inside a round. */
void control_poll(
    struct daemon *, const struct replica_event *, size_t len, bool lost);
/* Whether control_poll is wanted now though nothing else happened. */
bool control_due(const struct daemon *);
bool control_waits(const struct daemon *);
int64_t control_next_ms(const struct daemon *);
/* The commit succeeded: answers go out.  Or failed: errors do. */
void control_committed(struct daemon *);
void control_aborted(struct daemon *, lk_err);
/* Whoever cannot be told anything else: every deferred request fails. */
void control_fail_deferred(struct daemon *, lk_err);
/* Drops clients that are done, or stopped reading; at the end of a round. */
void control_sweep(struct daemon *);

/* request.c */
struct call *call_of(struct request *);
/* As if its handler had not been called. */
void request_reset(struct request *);
struct call *call_new(
    struct daemon *, struct client *, const struct rpc_call *);
void call_free(struct call *);
/* The message for people, whatever was recorded. */
const char *call_message(struct call *);

/* control_builtin.c: cancel, and transfers. */
const struct command *builtin_find(const char *method);

#endif
