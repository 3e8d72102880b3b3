#include "daemon/control.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/json_text.h"

/* Room around a result in its line. */
#define REPLY_MAX (CONTROL_LINE_MAX + 1024)
/* Requests of one client whose answers wait for one commit. */
#define ROUND_CALLS_MAX 1000

void
control_init(struct control *c)
{
	*c = (struct control){ .clients_len = 0 };
	TAILQ_INIT(&c->clients);
	TAILQ_INIT(&c->answered);
	TAILQ_INIT(&c->deferred);
}

/* Forgets what a client asked; what is answered already is freed when its
 * commit is done. */
static void
client_orphan(struct daemon *d, struct client *client)
{
	struct call *call, *next;

	TAILQ_FOREACH (call, &d->control.answered, entry)
		if (call->client == client)
			call->client = NULL;
	TAILQ_FOREACH_SAFE (call, &d->control.deferred, entry, next)
		if (call->client == client) {
			TAILQ_REMOVE(&d->control.deferred, call, entry);
			call_free(call);
		}
}

static void
client_drop(struct daemon *d, struct client *client)
{
	net_hang_up(d->net, client->conn);
	client_orphan(d, client);
	TAILQ_REMOVE(&d->control.clients, client, entry);
	d->control.clients_len--;
	rpc_lines_clear(&client->lines);
	transfers_clear(&client->transfers);
	free(client);
}

void
control_clear(struct daemon *d)
{
	struct client *client;
	struct call *call;

	while ((client = TAILQ_FIRST(&d->control.clients)) != NULL)
		client_drop(d, client);
	while ((call = TAILQ_FIRST(&d->control.answered)) != NULL) {
		TAILQ_REMOVE(&d->control.answered, call, entry);
		call_free(call);
	}
}

static struct client *
client_find(struct daemon *d, uint64_t conn)
{
	struct client *client;

	TAILQ_FOREACH (client, &d->control.clients, entry)
		if (client->conn == conn)
			return (client);
	return (NULL);
}

/* Slows down one who does not read, and notes since when. */
static void
client_watch(struct daemon *d, struct client *client)
{
	size_t pending = net_pending(d->net, client->conn);
	bool hold = pending > CONTROL_PENDING_MAX ||
	    (client->held && pending > NET_PENDING_LOW);

	if (pending <= NET_PENDING_LOW)
		client->stalled_at = 0;
	else if (client->stalled_at == 0 || pending < client->stalled_at) {
		client->stalled_at = pending;
		client->stalled = d->now.mono;
	}
	if (hold != client->held) {
		client->held = hold;
		net_hold(d->net, client->conn, hold);
	}
}

/* Takes the bytes; a client that cannot be told is no longer read from, and
 * dropped when its turn comes. */
static void
client_send(struct daemon *d, struct client *client, struct buf *bytes)
{
	if (bytes->len == 0)
		return;
	if (net_send(d->net, client->conn, bytes).code != LK_OK) {
		log_warn("control client: dropped: it does not read");
		client->doomed = true;
		return;
	}
	client_watch(d, client);
}

static void
failure_write(struct buf *out, struct call *call)
{
	/* It may bring a hint. */
	const char *message = call_message(call);
	struct rpc_error error = {
		.code = call->code != 0 ? call->code
					: lk_exit_status(call->err.code),
		.message = message,
		.word = lk_strcode(call->err.code),
		.hint = call->hint,
		.details = call->details,
	};

	rpc_failure(out, call->rpc.id, &error);
}

/* A result that is too long for a line is left to be fetched. */
static void
reply_as_download(struct call *call, struct buf *out)
{
	struct buf text;
	int64_t handle;
	size_t size;
	lk_err err;

	buf_init(&text, DOCUMENT_BODY_MAX);
	json_text_tree(&text, call->request.result);
	size = text.len;
	err = buf_err(&text, "result");
	if (err.code != LK_OK)
		buf_clear(&text);
	else
		err = download_begin(&call->client->transfers, &text, &handle);
	if (err.code == LK_OK) {
		rpc_download(out, call->rpc.id, handle, size);
		return;
	}
	call->err = err;
	failure_write(out, call);
}

static void
reply_write(struct buf *out, struct call *call)
{
	buf_init(out, REPLY_MAX);
	if (call->err.code != LK_OK)
		failure_write(out, call);
	else
		rpc_result(out, call->rpc.id, call->request.result);
	if (out->failed || out->len > CONTROL_LINE_MAX) {
		buf_clear(out);
		if (call->err.code == LK_OK)
			reply_as_download(call, out);
	}
}

void
control_committed(struct daemon *d)
{
	struct call *call;
	struct buf reply;

	TAILQ_FOREACH (call, &d->control.deferred, entry)
		if (call->notes.len > 0)
			client_send(d, call->client, &call->notes);
	while ((call = TAILQ_FIRST(&d->control.answered)) != NULL) {
		TAILQ_REMOVE(&d->control.answered, call, entry);
		if (call->client != NULL && call->rpc.has_id) {
			client_send(d, call->client, &call->notes);
			reply_write(&reply, call);
			client_send(d, call->client, &reply);
		}
		call_free(call);
	}
}

void
control_aborted(struct daemon *d, lk_err err)
{
	struct call *call, *next;

	TAILQ_FOREACH (call, &d->control.answered, entry) {
		buf_clear(&call->notes);
		if (call->err.code == LK_OK)
			call->err = err;
	}
	/* What is said in a stream would be missing from it for ever. */
	TAILQ_FOREACH_SAFE (call, &d->control.deferred, entry, next) {
		if (call->notes.len == 0)
			continue;
		buf_clear(&call->notes);
		call->err = err;
		TAILQ_REMOVE(&d->control.deferred, call, entry);
		TAILQ_INSERT_TAIL(&d->control.answered, call, entry);
	}
	control_committed(d);
}

void
control_fail_deferred(struct daemon *d, lk_err err)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&d->control.deferred)) != NULL) {
		TAILQ_REMOVE(&d->control.deferred, call, entry);
		TAILQ_INSERT_TAIL(&d->control.answered, call, entry);
		call->err = err;
	}
}

static void
request_refresh(struct daemon *d, struct call *call)
{
	bool attached = call->command->flags & COMMAND_IDENTITY;

	call->request.now = d->now;
	call->request.replica = attached ? d->replica : NULL;
	call->request.engine = attached ? d->engine : NULL;
}

/* Whether this command may run now. */
static lk_err
call_admit(struct daemon *d, struct call *call)
{
	unsigned flags = call->command->flags;
	struct request *r = &call->request;

	if (d->read_only && (flags & (COMMAND_WRITES | COMMAND_ALONE)))
		return (request_fail(r, LK_ERR(LK_E_SYS, "store"),
		    "the store failed and is read-only until lkd is started "
		    "again"));
	if ((flags & COMMAND_IDENTITY) && d->relay != NULL) {
		request_hint(r, "your documents have another LK_HOME");
		return (request_fail(
		    r, LK_ERR(LK_E_CONFIG, "relay"), "this is a relay's home"));
	}
	if ((flags & COMMAND_IDENTITY) && daemon_identity(d) == NULL) {
		request_hint(r, "lk init makes one");
		return (request_fail(r, LK_ERR(LK_E_CONFIG, "identity"),
		    "there is no identity here yet"));
	}
	return (LK_NONE);
}

/* The params of a request that sent them as an upload. */
static lk_err
params_fetch(struct call *call)
{
	struct json_flaw at;
	struct buf text;
	json_object *params = NULL;
	lk_err err;

	if (call->rpc.params_upload == -1)
		return (LK_NONE);
	err = upload_take(
	    &call->client->transfers, call->rpc.params_upload, &text);
	if (err.code != LK_OK)
		return (request_fail(
		    &call->request, err, "params_upload: no such upload"));
	err = json_text_parse(&params, buf_bytes(&text), &at);
	buf_clear(&text);
	if (err.code == LK_OK &&
	    !json_object_is_type(params, json_type_object)) {
		json_object_put(params);
		err = LK_ERR(LK_E_MALFORMED, "params");
	}
	if (err.code != LK_OK) {
		call->code = RPC_PARAMS;
		return (request_fail(&call->request, err,
		    "params_upload: no JSON object: %s", err.what));
	}
	call->rpc.params = call->request.params = params;
	return (LK_NONE);
}

/* Runs the handler; what it wrote stays only if it succeeds.  *broken: the
 * transaction cannot be trusted any more. */
static lk_err
handler_run(struct daemon *d, struct call *call, bool *broken)
{
	bool nested =
	    (call->command->flags & COMMAND_NESTED) && d->replica != NULL;
	lk_err err, end;

	*broken = false;
	if (nested) {
		err = replica_nest(d->replica);
		*broken = err.code != LK_OK;
		if (*broken)
			return (err);
	}
	request_refresh(d, call);
	err = call->command->handler(&call->request);
	if (!nested)
		return (err);
	end = replica_unnest(
	    d->replica, err.code == LK_OK && !call->request.undo);
	if (end.code == LK_OK)
		return (err);
	*broken = true;
	return (end);
}

static void
call_settle(struct daemon *d, struct call *call, lk_err err)
{
	call->err = err;
	if (err.code == LK_OK && call->deferred)
		TAILQ_INSERT_TAIL(&d->control.deferred, call, entry);
	else
		TAILQ_INSERT_TAIL(&d->control.answered, call, entry);
}

/* It met damage: once more, if that could be mended. */
static lk_err
command_again(struct daemon *d, struct call *call, lk_err why, bool *broken)
{
	bool any = false;
	lk_err err = daemon_mend(d, &any);

	*broken = err.code != LK_OK;
	if (*broken || !any)
		return (*broken ? err : why);
	request_reset(&call->request);
	return (handler_run(d, call, broken));
}

/* A command of the table, in the transaction of the round. */
static void
command_run(struct daemon *d, struct call *call)
{
	bool alone = call->command->flags & COMMAND_ALONE, broken = false;
	lk_err err = call_admit(d, call);

	if (err.code == LK_OK && alone)
		round_end(d);
	if (err.code == LK_OK)
		err = round_begin(d);
	if (err.code != LK_OK) {
		call_settle(d, call, err);
		return;
	}
	err = handler_run(d, call, &broken);
	if (err.code == LK_E_CORRUPT && !broken && !alone)
		err = command_again(d, call, err, &broken);
	call_settle(d, call, err);
	if (broken || (alone && err.code != LK_OK))
		round_abort(d, err);
	else if (alone)
		round_end(d);
}

static void
call_run(struct daemon *d, struct call *call)
{
	const char *method = call->rpc.method;
	const struct command *builtin = builtin_find(method);
	lk_err err;

	call->command = builtin != NULL ? builtin : command_find(method);
	if (call->command == NULL) {
		call->code = RPC_METHOD;
		request_hint(&call->request,
		    "lk and lkd may be of different versions: lk daemon stop "
		    "ends the old one");
		call_settle(d, call,
		    request_fail(&call->request, LK_ERR(LK_E_VERSION, "method"),
			"this daemon has no method %.100s", method));
		return;
	}
	err = params_fetch(call);
	if (err.code != LK_OK)
		call_settle(d, call, err);
	else if (builtin != NULL)
		call_settle(d, call, builtin->handler(&call->request));
	else
		command_run(d, call);
}

static size_t
client_deferred(const struct daemon *d, const struct client *client)
{
	const struct call *call;
	size_t n = 0;

	TAILQ_FOREACH (call, &d->control.deferred, entry)
		n += call->client == client;
	return (n);
}

static void
line_handle(struct daemon *d, struct client *client, struct bytes line)
{
	struct rpc_call rpc;
	struct rpc_flaw flaw;
	lk_err err = rpc_parse(&rpc, line, &flaw);
	struct call *call = call_new(d, client, &rpc);

	if (call == NULL) {
		rpc_call_clear(&rpc);
		client->doomed = true;
		return;
	}
	if (err.code != LK_OK) {
		/* Even without an id: it is not known to be a notification. */
		call->rpc.has_id = true;
		call->code = flaw.code;
		call_settle(d, call,
		    request_fail(&call->request, err, "%s", flaw.message));
	} else if (client_deferred(d, client) >= CONTROL_DEFERRED_MAX)
		call_settle(d, call,
		    request_fail(&call->request, LK_ERR(LK_E_LIMIT, "request"),
			"more than %d requests at once", CONTROL_DEFERRED_MAX));
	else
		call_run(d, call);
}

static void
client_refuse(struct daemon *d, struct client *client, const char *why)
{
	struct rpc_error error = {
		.code = RPC_INVALID, .message = why, .word = "limit"
	};
	struct buf line;

	buf_init(&line, REPLY_MAX);
	rpc_failure(&line, NULL, &error);
	client_send(d, client, &line);
	client->doomed = true;
}

static void
client_bytes(struct daemon *d, struct client *client, struct bytes in)
{
	struct bytes line;
	lk_err err;

	while (!client->doomed) {
		err = rpc_line(&client->lines, &in, &line);
		if (err.code == LK_E_NOTFOUND)
			return;
		if (err.code != LK_OK) {
			client_refuse(d, client, "the line is too long");
			return;
		}
		if (line.len > 0)
			line_handle(d, client, line);
		/* One client's many requests are a group like any other. */
		if (round_is_full(d) || client->calls >= ROUND_CALLS_MAX)
			round_end(d);
	}
}

static void
client_accept(struct daemon *d, uint64_t conn)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		net_hang_up(d->net, conn);
		return;
	}
	client->conn = conn;
	rpc_lines_init(&client->lines);
	transfers_init(&client->transfers, &d->control.transfer_bytes);
	TAILQ_INSERT_TAIL(&d->control.clients, client, entry);
	if (++d->control.clients_len > CONTROL_CLIENTS_MAX)
		client_refuse(d, client, "too many clients at once");
}

/* It sends no more.  What it asked and what ends by itself is answered;
 * a stream nobody may be reading is ended. */
static void
client_end(struct daemon *d, struct client *client)
{
	struct call *call, *next;

	client->ended = true;
	TAILQ_FOREACH_SAFE (call, &d->control.deferred, entry, next)
		if (call->client == client && call->deadline.ms == 0) {
			TAILQ_REMOVE(&d->control.deferred, call, entry);
			call_free(call);
		}
}

bool
control_event(struct daemon *d, const struct net_event *event)
{
	struct client *client;

	if (event->type == NET_CONTROL) {
		client_accept(d, event->conn);
		return (true);
	}
	client = client_find(d, event->conn);
	if (client == NULL)
		return (false);
	if (event->type == NET_BYTES)
		client_bytes(d, client, event->bytes);
	else if (event->type == NET_SENT)
		client_watch(d, client);
	else if (event->type == NET_CLOSED)
		client_end(d, client);
	return (true);
}

void
control_poll(
    struct daemon *d, const struct replica_event *events, size_t len, bool lost)
{
	struct call *call, *next;

	TAILQ_FOREACH_SAFE (call, &d->control.deferred, entry, next) {
		bool done = false;
		lk_err err;

		call->look.ms = 0;
		request_refresh(d, call);
		call->request.events = events;
		call->request.events_len = len;
		call->request.events_lost = lost;
		call->request.expired = call->deadline.ms != 0 &&
		    d->now.mono.ms >= call->deadline.ms;
		err = call->poll(&call->request, &done);
		if (err.code == LK_OK && !done && call->request.expired)
			err = request_fail(&call->request,
			    LK_ERR(LK_E_AGAIN, "wait"), "timed out");
		if (err.code == LK_OK && !done)
			continue;
		call->err = err;
		TAILQ_REMOVE(&d->control.deferred, call, entry);
		TAILQ_INSERT_TAIL(&d->control.answered, call, entry);
	}
}

bool
control_due(const struct daemon *d)
{
	return (!TAILQ_EMPTY(&d->control.answered));
}

bool
control_waits(const struct daemon *d)
{
	return (!TAILQ_EMPTY(&d->control.deferred));
}

int64_t
control_next_ms(const struct daemon *d)
{
	const struct client *client;
	const struct call *call;
	int64_t next = INT64_MAX;

	TAILQ_FOREACH (call, &d->control.deferred, entry) {
		if (call->deadline.ms != 0 && call->deadline.ms < next)
			next = call->deadline.ms;
		if (call->look.ms != 0 && call->look.ms < next)
			next = call->look.ms;
	}
	TAILQ_FOREACH (client, &d->control.clients, entry)
		if (client->stalled_at > 0 &&
		    client->stalled.ms + CONTROL_STALL_MS < next)
			next = client->stalled.ms + CONTROL_STALL_MS;
	return (next);
}

void
control_sweep(struct daemon *d)
{
	struct client *client, *next;

	TAILQ_FOREACH_SAFE (client, &d->control.clients, entry, next) {
		if (client->stalled_at > 0)
			client_watch(d, client);
		if (client->stalled_at > 0 &&
		    d->now.mono.ms >= client->stalled.ms + CONTROL_STALL_MS) {
			log_warn("control client: dropped: it does not read");
			client->doomed = true;
		}
		if (client->doomed || (client->ended && client->calls == 0))
			client_drop(d, client);
	}
}
