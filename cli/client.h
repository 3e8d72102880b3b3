/*
 * client.h - the one connection of lk to its daemon: a blocking client of the
 * control socket (docs/control.md).
 *
 * The socket is trusted only when the process behind it runs as the same user.
 * When nobody listens, the daemon is started: lkd beside the executable of lk,
 * else $LKD, else in PATH.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/bytes.h"
#include "cli/lk.h"

/* Whether a daemon is started when none runs. */
enum connect_how {
	CONNECT_START, /* needs an identity: 78 without */
	CONNECT_INIT,  /* also where there is no identity yet */
	CONNECT_ONLY,  /* 69 when none runs */
};
int lk_connect(struct lk *, enum connect_how);
/* Whether a daemon answers; says nothing. */
bool lk_running(struct lk *);
void client_close(struct client *); /* NULL is fine */

/*
 * Calls a method and waits for its answer, connecting first if need be.  Takes
 * `params` (NULL: none); *result is new (json_object_put).  An error has been
 * said when this returns its status.  When the daemon is gone before it could
 * do anything, or what it did can be done again, another one is asked, once.
 */
int lk_call(
    struct lk *, const char *method, json_object *params, json_object **result);
/* Called for each event; false ends the stream without an error. */
typedef bool event_fn(void *ctx, json_object *event);
struct events {
	event_fn *each;
	void *ctx;
};
/* The same for a method that streams events before its answer. */
int lk_call_each(struct lk *, const char *method, json_object *params,
    struct events, json_object **result);

/* The same, and its result is the answer of the command; `render` NULL: nothing
 * for people. */
int lk_answer(
    struct lk *, const char *method, json_object *params, render_fn *render);
/* The same for what only says that it was done: nothing with -q. */
int lk_confirm(
    struct lk *, const char *method, json_object *params, render_fn *render);

/* A method that streams events until it is ended; what it answers is nothing to
 * anybody. */
int lk_stream(struct lk *, const char *method, json_object *params,
    event_fn *each, void *ctx);
/* The same of one that can be gone on with: STREAM_LOST, and nothing is said,
 * when the connection broke and a daemon listens all the same, or does within
 * five seconds.  It closes that of a reader who was busy for a minute. */
#define STREAM_LOST (-1)
int lk_stream_on(struct lk *, const char *method, json_object *params,
    event_fn *each, void *ctx);

/* Sends the bytes in pieces; *handle names them to the daemon. */
int lk_upload(struct lk *, struct bytes, int64_t *handle);
/* Appends the bytes behind a handle to `out`. */
int lk_download(struct lk *, int64_t handle, struct buf *out);
/* Returns when the daemon has closed the connection. */
void lk_wait_closed(struct lk *);

#endif
