#include "cli/client.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/home.h"
#include "base/limits.h"
#include "cli/connection.h"
#include "cli/spawn.h"

/* Bytes of a piece: as base64 and with its call well under a line. */
#define PIECE_LEN (384 * 1024)
#define DEPTH_MAX (TREE_DEPTH_MAX + 64)
#define STARTS_MAX 5
#define START_PAUSE_MS 100
/* In which a daemon that is started again listens. */
#define BACK_TRIES 50

/* What lk_call may do about a connection that is lost. */
enum recovery {
	RECOVER_NEVER,
	RECOVER_UNASKED, /* again, if the request did not get out */
	RECOVER_ALWAYS,  /* the request may be made twice */
};

/* What exchange returns, having said nothing, when its caller is to recover. */
#define LOST STREAM_LOST

struct client {
	struct connection connection;
	int64_t last_id;
	enum recovery recovery;
	bool asked;    /* the request is out */
	lk_err broken; /* why the connection was lost */
};

static const char no_identity_hint[] = "lk init makes one";
static const char logs_hint[] = "lk daemon logs may say why";

static int
paths_find(struct lk *lk, char home[static PATH_MAX],
    char socket[static HOME_SOCKET_MAX + 1])
{
	lk_err err = home_path(home);

	if (err.code != LK_OK)
		return lk_fail(lk, 78, "config",
		    "set LK_HOME to a directory of yours", "LK_HOME: %s",
		    err.code == LK_E_SYS ? strerror(err.sys)
			: err.code == LK_E_LIMIT
			? "the path is too long"
			: "no home directory is known");
	err = home_socket_path(home, socket);
	if (err.code != LK_OK)
		return lk_fail(lk, 78, "config",
		    "a socket has a path of at most 107 bytes",
		    "LK_SOCKET: the path is too long");
	return 0;
}

/* Without an identity only `init` has anything to start a daemon for. */
static int
identity_check(struct lk *lk, const char *home)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/identity", home) >= PATH_MAX)
		return lk_fail(
		    lk, 78, "config", NULL, "%s: the path is too long", home);
	if (access(path, R_OK) == 0)
		return 0;
	if (errno == ENOENT)
		return lk_fail(lk, 78, "config", no_identity_hint,
		    "%s: no identity here", home);
	return lk_fail(lk, 78, "config", "set LK_HOME to a directory of yours",
	    "%s: %s", path, strerror(errno));
}

static int
client_adopt(struct lk *lk, const struct connection *connection)
{
	lk->client = calloc(1, sizeof(*lk->client));
	if (lk->client == NULL)
		return lk_fail_memory(lk);
	lk->client->connection = *connection;
	return 0;
}

static int
connection_fail(struct lk *lk, lk_err err, const char *socket)
{
	bool version = err.code == LK_E_VERSION;

	return lk_fail(lk, version ? 76 : 69,
	    version ? "version" : "unavailable",
	    err.code == LK_E_NOTFOUND ? "lk daemon start starts it"
		: version             ? "end it, then again"
				      : NULL,
	    "%s: %s", socket,
	    err.code == LK_E_SYS ? strerror(err.sys) : err.what);
}

/* Who is told that something takes its time, if anybody looks on. */
static struct output *
listener(struct lk *lk)
{
	return lk->quiet || lk->json || !isatty(STDERR_FILENO) ? NULL
							       : &lk->output;
}

/* Starts a daemon and connects.  That another one runs, but does not listen, is
 * so for a moment while it ends. */
static lk_err
daemon_open(struct lk *lk, struct connection *connection, const char *socket,
    struct complaint *why)
{
	lk_err err;

	for (int i = 0;; i++) {
		(void)lkd_start(why);
		/* Also when it failed: another lk may have been faster. */
		err = connection_open(connection, socket, listener(lk));
		if (err.code != LK_E_NOTFOUND || why->status != 69 ||
		    i == STARTS_MAX)
			return err;
		(void)poll(NULL, 0, START_PAUSE_MS);
	}
}

int
lk_connect(struct lk *lk, enum connect_how how)
{
	char home[PATH_MAX], socket[HOME_SOCKET_MAX + 1];
	struct connection connection;
	struct complaint why = { .status = 0 };
	lk_err err;

	if (lk->client != NULL)
		return 0;
	DO(paths_find(lk, home, socket));
	err = connection_open(&connection, socket, listener(lk));
	if (err.code == LK_E_NOTFOUND && how != CONNECT_ONLY) {
		if (how == CONNECT_START)
			DO(identity_check(lk, home));
		err = daemon_open(lk, &connection, socket, &why);
		if (err.code == LK_E_NOTFOUND && why.status != 0)
			return lkd_complain(lk, &why);
	}
	/* More often the home is not ours than the socket alone. */
	if (err.code == LK_E_DENIED && how == CONNECT_START)
		DO(identity_check(lk, home));
	if (err.code != LK_OK)
		return connection_fail(lk, err, socket);
	return client_adopt(lk, &connection);
}

bool
lk_running(struct lk *lk)
{
	char home[PATH_MAX], socket[HOME_SOCKET_MAX + 1];
	struct connection connection;

	if (home_path(home).code != LK_OK ||
	    home_socket_path(home, socket).code != LK_OK ||
	    connection_open(&connection, socket, listener(lk)).code != LK_OK)
		return false;
	if (client_adopt(lk, &connection) != 0)
		connection_close(&connection);
	return true;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	connection_close(&c->connection);
	free(c);
}

static int
lost_fail(struct lk *lk, lk_err err, const char *hint)
{
	return lk_fail(lk, 69, "unavailable", hint, "daemon: %s",
	    err.code == LK_E_SYS ? strerror(err.sys) : err.what);
}

static int
transport_fail(struct lk *lk, lk_err err)
{
	struct client *c = lk->client;

	c->broken = err;
	if (c->recovery == RECOVER_ALWAYS ||
	    (c->recovery == RECOVER_UNASKED && !c->asked))
		return LOST;
	return lost_fail(lk, err,
	    c->recovery == RECOVER_UNASKED
		? "look whether it was done before doing it again"
		: logs_hint);
}

/* Appends a request with its end of line. */
static void
request_write(struct buf *line, int64_t id, const char *method, const char *key,
    json_object *params)
{
	JSON_SCOPED *request = json_object_new_object();

	json_object_object_add(
	    request, "jsonrpc", json_object_new_string("2.0"));
	json_object_object_add(request, "id", json_object_new_int64(id));
	json_object_object_add(
	    request, "method", json_object_new_string(method));
	if (params != NULL)
		json_object_object_add(request, key, json_object_get(params));
	buf_str(line,
	    json_object_to_json_string_ext(request,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_u8(line, '\n');
}

static int
line_send(struct lk *lk, const struct buf *line)
{
	lk_err err;

	/* Operands are whatever the shell gave us. */
	if (!utf8_valid(buf_bytes(line)))
		return lk_fail(lk, 65, "data", NULL,
		    "%s: an argument, or what was read, is not UTF-8",
		    lk->command->name);
	err = connection_send(&lk->client->connection, buf_bytes(line));
	return err.code == LK_OK ? 0 : transport_fail(lk, err);
}

/* Parameters that are too long for a line go ahead as an upload. */
static int
request_upload(struct lk *lk, const char *method, json_object *params)
{
	const char *text = json_object_to_json_string_ext(
	    params, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	JSON_SCOPED *number = NULL;
	BUF_SCOPED line = { 0 };
	int64_t handle;

	buf_init(&line, CONTROL_LINE_MAX);
	DO(lk_upload(lk, BYTES_STR(text), &handle));
	number = json_object_new_int64(handle);
	request_write(
	    &line, ++lk->client->last_id, method, "params_upload", number);
	return line_send(lk, &line);
}

static int
request_send(struct lk *lk, const char *method, json_object *params)
{
	BUF_SCOPED line = { 0 };

	buf_init(&line, CONTROL_LINE_MAX);
	request_write(&line, lk->client->last_id + 1, method, "params", params);
	if (buf_err(&line, "request").code != LK_OK)
		return request_upload(lk, method, params);
	lk->client->last_id++;
	return line_send(lk, &line);
}

static int
nonsense_fail(struct lk *lk)
{
	return lk_fail(lk, 76, "version",
	    "lk daemon stop, then again: the next lk starts its own",
	    "daemon: its answer makes no sense");
}

static int
text_parse(struct lk *lk, struct bytes text, json_object **out)
{
	json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);

	if (tokener == NULL)
		return lk_fail_memory(lk);
	*out = json_tokener_parse_ex(
	    tokener, (const char *)text.ptr, (int)text.len);
	json_tokener_free(tokener);
	return 0;
}

/* The next message of the daemon. */
static int
message_read(struct lk *lk, json_object **out)
{
	struct bytes line;
	lk_err err = connection_line(&lk->client->connection, &line);

	if (err.code != LK_OK)
		return transport_fail(lk, err);
	DO(text_parse(lk, line, out));
	return json_object_is_type(*out, json_type_object) ? 0
							   : nonsense_fail(lk);
}

static int
error_say(struct lk *lk, json_object *error)
{
	json_object *data = NULL;
	const char *word, *hint;
	int64_t code = field_int(error, "code");

	json_object_object_get_ex(error, "data", &data);
	word = field(data, "error");
	hint = field(data, "hint");
	/* It did nothing: it is ending. */
	if (code == 69 && lk->client->recovery != RECOVER_NEVER)
		return LOST;
	if (code == -32601)
		return lk_fail(lk, 76, "version",
		    "lk daemon stop, then again: the next lk starts its own",
		    "daemon: another version is running");
	if (code <= 0 || code > 255)
		return lk_fail(lk, EXIT_SOFTWARE_, "bug", NULL, "daemon: %s",
		    safe(field(error, "message")));
	return lk_fail(lk, (int)code, word[0] == '\0' ? "error" : word,
	    hint[0] == '\0' ? NULL : safe(hint), "%s",
	    safe(field(error, "message")));
}

/* A result that was too long for a line. */
static int
result_fetch(struct lk *lk, json_object *download, json_object **result)
{
	BUF_SCOPED text = { 0 };

	buf_init(&text, 2 * (size_t)DOCUMENT_BODY_MAX);
	DO(lk_download(lk, field_int(download, "handle"), &text));
	return text.len > INT32_MAX ? nonsense_fail(lk)
				    : text_parse(lk, buf_bytes(&text), result);
}

static int
answer_take(struct lk *lk, json_object *message, json_object **result)
{
	json_object *member;

	if (json_object_object_get_ex(message, "error", &member))
		return error_say(lk, member);
	if (json_object_object_get_ex(message, "result_download", &member))
		return result_fetch(lk, member, result);
	if (!json_object_object_get_ex(message, "result", &member) ||
	    !json_object_is_type(member, json_type_object))
		return nonsense_fail(lk);
	*result = json_object_get(member);
	return 0;
}

static bool
is_event(json_object *message)
{
	return json_object_object_get_ex(message, "method", NULL);
}

/* Sends one request and reads up to its answer; events go to `each`. */
static int
exchange(struct lk *lk, const char *method, json_object *params, event_fn *each,
    void *ctx, json_object **result)
{
	DO(request_send(lk, method, params));
	/* What has events says itself how it is. */
	lk->client->connection.tell = each == NULL ? listener(lk) : NULL;
	lk->client->asked = strncmp(method, "upload.", 7) != 0;
	for (;;) {
		JSON_SCOPED *message = NULL;
		json_object *inner = NULL, *event = NULL;

		DO(message_read(lk, &message));
		if (!is_event(message))
			return answer_take(lk, message, result);
		json_object_object_get_ex(message, "params", &inner);
		json_object_object_get_ex(inner, "event", &event);
		if (each != NULL && !each(ctx, event))
			return 0;
	}
}

static enum recovery
recovery_of(const char *method, json_object *params)
{
	/* Reading, and what is the same whether done once or twice. */
	static const char *const repeatable[] = { "accept", "device.list",
		"doc.blame", "doc.diff", "doc.export", "doc.get", "doc.list",
		"doc.log", "doc.members", "doc.show", "pair.join", "peers",
		"status", "sync" };

	for (size_t i = 0; i < nitems(repeatable); i++)
		if (strcmp(method, repeatable[i]) == 0)
			return RECOVER_ALWAYS;
	/* A handle ends with its connection. */
	return strncmp(method, "daemon.", 7) == 0 ||
		json_object_object_get_ex(params, "upload", NULL)
	    ? RECOVER_NEVER
	    : RECOVER_UNASKED;
}

int
lk_call_each(struct lk *lk, const char *method, json_object *params,
    struct events events, json_object **result)
{
	JSON_SCOPED *owned = params;
	int status;

	DO(lk_connect(lk, CONNECT_START));
	lk->client->recovery = recovery_of(method, owned);
	lk->client->asked = false;
	status = exchange(lk, method, owned, events.each, events.ctx, result);
	if (status != LOST) {
		lk->client->recovery = RECOVER_NEVER;
		return status;
	}
	/* Once; the new connection has no recovery. */
	client_close(lk->client);
	lk->client = NULL;
	DO(lk_connect(lk, CONNECT_START));
	return exchange(lk, method, owned, events.each, events.ctx, result);
}

int
lk_call(struct lk *lk, const char *method, json_object *params,
    json_object **result)
{
	return lk_call_each(
	    lk, method, params, (struct events){ NULL, NULL }, result);
}

/* What -v says of a command that has no answer for people. */
static void
detail_render(struct output *o, json_object *result)
{
	const char *name = safe(field(result, "name"));

	(void)o;
	if (field(result, "hash")[0] != '\0')
		fprintf(stderr, "lk: %s: change %s\n", name,
		    field_short(result, "hash"));
	else if (field(result, "doc")[0] != '\0')
		fprintf(stderr, "lk: %s: %s\n", name,
		    json_object_object_get_ex(result, "changed", NULL) &&
			    !field_bool(result, "changed")
			? "unchanged"
			: field_short(result, "doc"));
}

int
lk_answer(
    struct lk *lk, const char *method, json_object *params, render_fn *render)
{
	JSON_SCOPED *result = NULL;

	DO(lk_call(lk, method, params, &result));
	if (render == NULL && lk->verbose)
		render = detail_render;
	output_result(&lk->output, lk->command->name, result, render);
	return 0;
}

int
lk_confirm(
    struct lk *lk, const char *method, json_object *params, render_fn *render)
{
	return lk_answer(lk, method, params, lk->quiet ? NULL : render);
}

int
lk_stream(struct lk *lk, const char *method, json_object *params,
    event_fn *each, void *ctx)
{
	JSON_SCOPED *owned = params;
	JSON_SCOPED *result = NULL;

	DO(lk_connect(lk, CONNECT_START));
	return exchange(lk, method, owned, each, ctx, &result);
}

static bool
is_back(struct lk *lk)
{
	for (int i = 0; i < BACK_TRIES; i++) {
		if (lk_running(lk))
			return true;
		(void)poll(NULL, 0, START_PAUSE_MS);
	}
	return false;
}

int
lk_stream_on(struct lk *lk, const char *method, json_object *params,
    event_fn *each, void *ctx)
{
	JSON_SCOPED *owned = params;
	JSON_SCOPED *result = NULL;
	int status;
	lk_err broken;

	DO(lk_connect(lk, CONNECT_START));
	lk->client->recovery = RECOVER_ALWAYS;
	lk->client->broken =
	    LK_ERR(LK_E_UNAVAILABLE, "the daemon closed the connection");
	status = exchange(lk, method, owned, each, ctx, &result);
	broken = lk->client->broken;
	lk->client->recovery = RECOVER_NEVER;
	if (status != LOST)
		return status;
	client_close(lk->client);
	lk->client = NULL;
	return is_back(lk) ? STREAM_LOST : lost_fail(lk, broken, logs_hint);
}

static int
piece_send(struct lk *lk, int64_t handle, struct bytes piece)
{
	JSON_SCOPED *params = json_object_new_object();
	JSON_SCOPED *result = NULL;
	BUF_SCOPED text = { 0 };

	buf_init(&text, BASE64_LEN((size_t)PIECE_LEN) + 1);
	base64_encode(&text, piece);
	json_object_object_add(params, "handle", json_object_new_int64(handle));
	json_object_object_add(params, "data",
	    json_object_new_string_len((const char *)text.ptr, (int)text.len));
	return exchange(lk, "upload.append", params, NULL, NULL, &result);
}

int
lk_upload(struct lk *lk, struct bytes all, int64_t *handle)
{
	JSON_SCOPED *result = NULL;

	DO(lk_connect(lk, CONNECT_START));
	DO(exchange(lk, "upload.begin", NULL, NULL, NULL, &result));
	*handle = field_int(result, "handle");
	while (all.len > 0) {
		size_t n = all.len < PIECE_LEN ? all.len : PIECE_LEN;

		DO(piece_send(lk, *handle, BYTES(all.ptr, n)));
		all = BYTES(all.ptr + n, all.len - n);
	}
	return 0;
}

int
lk_download(struct lk *lk, int64_t handle, struct buf *out)
{
	for (;;) {
		JSON_SCOPED *params = json_object_new_object();
		JSON_SCOPED *result = NULL;
		const char *data;

		json_object_object_add(
		    params, "handle", json_object_new_int64(handle));
		DO(exchange(lk, "download.read", params, NULL, NULL, &result));
		data = field(result, "data");
		if (base64_decode(out, BYTES_STR(data)).code != LK_OK)
			return nonsense_fail(lk);
		if (buf_err(out, "download").code != LK_OK)
			return lk_fail(lk, 65, "limit", NULL,
			    "%s: the answer is too large", lk->command->name);
		if (field_int(result, "left") == 0)
			return 0;
	}
}

void
lk_wait_closed(struct lk *lk)
{
	struct bytes line;

	while (connection_line(&lk->client->connection, &line).code == LK_OK)
		continue;
}
