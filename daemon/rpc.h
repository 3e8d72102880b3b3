/*
 * rpc.h - the lines of the control protocol: JSON-RPC 2.0, one object a line
 * (docs/control.md).  Pure: bytes in, calls and bytes out.
 *
 * Batches are not served.  Whatever the bytes are, the result is a call or an
 * error to answer with.
 */
#ifndef DAEMON_RPC_H
#define DAEMON_RPC_H

#include <json-c/json.h>

#include "base/bytes.h"

/* Codes of JSON-RPC itself; all others are exit statuses. */
enum rpc_code {
	RPC_PARSE = -32700,
	RPC_INVALID = -32600,
	RPC_METHOD = -32601,
	RPC_PARAMS = -32602,
};

/* Cuts a stream into lines of at most CONTROL_LINE_MAX bytes. */
struct rpc_lines {
	struct buf held; /* the beginning of a line */
};

void rpc_lines_init(struct rpc_lines *);
void rpc_lines_clear(struct rpc_lines *);
/*
 * Takes bytes from the front of *in up to the end of the next line, which is
 * given without it.  NOTFOUND when *in is used up and the line goes on; LIMIT
 * when it is too long: there is no way to go on then.  The line is valid until
 * the next call.
 */
LK_MUST_USE lk_err rpc_line(
    struct rpc_lines *, struct bytes *in, struct bytes *line);

struct rpc_call {
	const char *method;    /* borrowed from the tree */
	json_object *id;       /* owned; NULL for the id null */
	bool has_id;           /* without one nobody waits for an answer */
	json_object *params;   /* owned; an object; NULL with params_upload */
	int64_t params_upload; /* handle, or -1 */
	json_object *tree;     /* owned: what all this is part of */
};

/* What a line that is no call is answered with. */
struct rpc_flaw {
	enum rpc_code code;
	char message[160];
};

/* MALFORMED, with *flaw filled, and *call->id if one was found: everything of
 * the call must be given to rpc_call_clear in either case. */
LK_MUST_USE lk_err rpc_parse(
    struct rpc_call *, struct bytes line, struct rpc_flaw *flaw);
void rpc_call_clear(struct rpc_call *);

struct rpc_error {
	int code;
	const char *message;
	const char *word;     /* data.error */
	const char *hint;     /* data.hint, or NULL */
	json_object *details; /* further members of data, or NULL; borrowed */
};

/* Each appends one line. */
void rpc_result(struct buf *, json_object *id, json_object *result);
void rpc_download(struct buf *, json_object *id, int64_t handle, size_t size);
void rpc_failure(struct buf *, json_object *id, const struct rpc_error *);
void rpc_event(struct buf *, json_object *id, json_object *event);

#endif
