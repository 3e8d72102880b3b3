#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control.h"

#define NOTES_MAX (4 * CONTROL_LINE_MAX)
/* A message may quote a name; nothing longer is of use to anybody. */
#define MESSAGE_TEXT_MAX 2000

struct call *
call_of(struct request *r)
{
	_Static_assert(
	    offsetof(struct call, request) == 0, "a request is its call");
	return ((struct call *)r);
}

struct call *
call_new(struct daemon *d, struct client *client, const struct rpc_call *rpc)
{
	struct call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return (NULL);
	call->client = client;
	call->rpc = *rpc;
	call->err = LK_NONE;
	call->request.daemon = d;
	call->request.now = d->now;
	call->request.params = rpc->params;
	call->request.result = json_object_new_object();
	buf_init(&call->notes, NOTES_MAX);
	client->calls++;
	return (call);
}

void
call_free(struct call *call)
{
	if (call->client != NULL)
		call->client->calls--;
	if (call->state_free != NULL)
		call->state_free(call->request.state);
	json_object_put(call->request.result);
	rpc_call_clear(&call->rpc);
	json_object_put(call->details);
	free(call->message);
	free(call->hint);
	buf_clear(&call->notes);
	free(call);
}

/* A new string of valid UTF-8, or NULL. */
static char *
text_format(const char *fmt, va_list ap)
{
	char text[MESSAGE_TEXT_MAX];
	size_t len;
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		return (NULL);
	len = strlen(text);
	/* A name may have been cut in the middle of a character. */
	while (len > 0 && !utf8_valid(BYTES((const uint8_t *)text, len)))
		len--;
	return (strndup(text, len));
}

lk_err
request_fail(struct request *r, lk_err err, const char *fmt, ...)
{
	struct call *call = call_of(r);
	va_list ap;

	LK_ASSERT(err.code != LK_OK);
	free(call->message);
	va_start(ap, fmt);
	call->message = text_format(fmt, ap);
	va_end(ap);
	return (err);
}

void
request_reset(struct request *r)
{
	struct call *call = call_of(r);

	free(call->message);
	free(call->hint);
	call->message = call->hint = NULL;
	json_object_put(call->details);
	call->details = NULL;
	json_object_put(r->result);
	r->result = json_object_new_object();
}

void
request_hint(struct request *r, const char *fmt, ...)
{
	struct call *call = call_of(r);
	va_list ap;

	free(call->hint);
	va_start(ap, fmt);
	call->hint = text_format(fmt, ap);
	va_end(ap);
}

/* The commit found no room, so the handler has said nothing. */
static const char *
full_message(struct call *call)
{
	static const char *const subjects[] = { "doc", "name" };
	const char *subject = call->rpc.method;
	json_object *o;
	lk_err err;

	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++)
		if (json_object_object_get_ex(
			call->request.params, subjects[i], &o) &&
		    json_object_is_type(o, json_type_string))
			subject = json_object_get_string(o);
	request_hint(&call->request, "make room, then again");
	err = request_fail(&call->request, call->err,
	    "%s: no space left on the disk, nothing was changed", subject);
	return (call->message == NULL ? err.what : call->message);
}

const char *
call_message(struct call *call)
{
	char text[MESSAGE_TEXT_MAX];

	if (call->message != NULL)
		return (call->message);
	if (call->err.code == LK_E_FULL)
		return (full_message(call));
	if (call->err.code == LK_E_SYS && call->err.sys != 0) {
		snprintf(text, sizeof(text), "%s: %s", call->err.what,
		    strerror(call->err.sys));
		call->message = strdup(text);
	}
	return (call->message != NULL ? call->message : call->err.what);
}

void
request_detail(struct request *r, const char *key, json_object *value)
{
	struct call *call = call_of(r);

	if (call->details == NULL)
		call->details = json_object_new_object();
	json_object_object_add(call->details, key, value);
}

/* The value of a key, or NULL when it is absent or null. */
static json_object *
param_get(struct request *r, const char *key)
{
	json_object *value;

	return (
	    json_object_object_get_ex(r->params, key, &value) ? value : NULL);
}

static lk_err
param_fail(struct request *r, const char *key, const char *want)
{
	call_of(r)->code = RPC_PARAMS;
	return (request_fail(
	    r, LK_ERR(LK_E_USAGE, "params"), "params: %s: %s", key, want));
}

lk_err
param_string(struct request *r, const char *key, const char **out)
{
	json_object *value = param_get(r, key);
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return (param_fail(r, key, "a string is needed"));
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return (param_fail(r, key, "U+0000 is not possible here"));
	*out = text;
	return (LK_NONE);
}

lk_err
param_string_or(
    struct request *r, const char *key, const char *fallback, const char **out)
{
	if (param_get(r, key) != NULL)
		return (param_string(r, key, out));
	*out = fallback;
	return (LK_NONE);
}

lk_err
param_int(
    struct request *r, const char *key, int64_t min, int64_t max, int64_t *out)
{
	json_object *value = param_get(r, key);
	int64_t n;

	if (!json_object_is_type(value, json_type_int))
		return (param_fail(r, key, "an integer is needed"));
	n = json_object_get_int64(value);
	/* Above int64 the first clamps and the second does not. */
	if (n < min || n > max ||
	    (n == INT64_MAX && json_object_get_uint64(value) > INT64_MAX))
		return (param_fail(r, key, "the number is out of range"));
	*out = n;
	return (LK_NONE);
}

lk_err
param_int_or(struct request *r, const char *key, int64_t min, int64_t max,
    int64_t *inout)
{
	return (param_get(r, key) == NULL ? LK_NONE
					  : param_int(r, key, min, max, inout));
}

lk_err
param_bool_or(struct request *r, const char *key, bool fallback, bool *out)
{
	json_object *value = param_get(r, key);

	if (value != NULL && !json_object_is_type(value, json_type_boolean))
		return (param_fail(r, key, "true or false is needed"));
	*out = value == NULL ? fallback : json_object_get_boolean(value);
	return (LK_NONE);
}

void
request_defer(struct request *r, request_poll_fn *poll, struct mono deadline,
    void *state, void (*state_free)(void *))
{
	struct call *call = call_of(r);

	LK_ASSERT(!call->deferred);
	call->deferred = true;
	call->poll = poll;
	call->deadline = deadline;
	call->state_free = state_free;
	r->state = state;
}

void
request_again(struct request *r, int64_t ms)
{
	call_of(r)->look.ms = r->now.mono.ms + ms;
}

lk_err
request_notify(struct request *r, json_object *value)
{
	struct call *call = call_of(r);
	size_t before = call->notes.len;

	rpc_event(&call->notes, call->rpc.id, value);
	json_object_put(value);
	if (call->notes.failed || call->notes.len - before > CONTROL_LINE_MAX) {
		call->notes.failed = false;
		call->notes.len = before;
		return (LK_ERR(LK_E_LIMIT, "event"));
	}
	return (LK_NONE);
}

bool
request_room(const struct request *r)
{
	const struct call *call = (const struct call *)r;

	return (call->client != NULL &&
	    net_pending(r->daemon->net, call->client->conn) + call->notes.len <
		NET_PENDING_LOW);
}

lk_err
request_upload(struct request *r, int64_t handle, struct buf *out)
{
	struct client *client = call_of(r)->client;

	if (client == NULL)
		return (LK_ERR(LK_E_NOTFOUND, "upload"));
	return (upload_take(&client->transfers, handle, out));
}

lk_err
request_download(struct request *r, struct buf *in, int64_t *handle)
{
	struct client *client = call_of(r)->client;

	if (client == NULL) {
		buf_clear(in);
		return (LK_ERR(LK_E_NOTFOUND, "download"));
	}
	return (download_begin(&client->transfers, in, handle));
}

lk_err
progress_wanted(struct request *r, struct progress *p)
{
	return (param_bool_or(r, "progress", false, &p->wanted));
}

bool
progress_due(struct request *r, struct progress *p)
{
	if (!p->wanted || r->expired)
		return (false);
	request_again(r, PROGRESS_MS);
	if (!request_room(r) ||
	    (p->shown.ms != 0 && r->now.mono.ms - p->shown.ms < PROGRESS_MS))
		return (false);
	p->shown = r->now.mono;
	return (true);
}

lk_err
progress_arrived(struct request *r, struct progress *p, size_t documents)
{
	struct json_object *event;

	if (documents == 0 || !progress_due(r, p))
		return (LK_NONE);
	event = json_object_new_object();
	json_object_object_add(
	    event, "documents", json_object_new_uint64(documents));
	return (request_notify(r, event));
}
