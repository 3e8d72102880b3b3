#include "daemon/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "daemon/json_text.h"

/* Ids are echoed: a long one would be an answer of its own. */
#define ID_TEXT_MAX 256

void
rpc_lines_init(struct rpc_lines *l)
{
	buf_init(&l->held, CONTROL_LINE_MAX);
}

void
rpc_lines_clear(struct rpc_lines *l)
{
	buf_clear(&l->held);
}

lk_err
rpc_line(struct rpc_lines *l, struct bytes *in, struct bytes *line)
{
	const uint8_t *end;
	size_t n;

	/* A line that was held together has been used by now. */
	if (l->held.len > 0 && l->held.ptr[l->held.len - 1] == '\n')
		buf_clear(&l->held);
	end = in->len == 0 ? NULL : memchr(in->ptr, '\n', in->len);
	n = end == NULL ? in->len : (size_t)(end - in->ptr) + 1;
	if (n > CONTROL_LINE_MAX - l->held.len)
		return (LK_ERR(LK_E_LIMIT, "line"));
	if (end != NULL && l->held.len == 0)
		*line = BYTES(in->ptr, n - 1);
	else {
		buf_add(&l->held, BYTES(in->ptr, n));
		TRY(buf_err(&l->held, "line"));
	}
	*in = BYTES(in->ptr + n, in->len - n);
	if (end == NULL)
		return (LK_ERR(LK_E_NOTFOUND, "line"));
	if (l->held.len > 0)
		*line = BYTES(l->held.ptr, l->held.len - 1);
	return (LK_NONE);
}

static lk_err flaw_set(struct rpc_flaw *, enum rpc_code, const char *, ...)
    __attribute__((format(printf, 3, 4)));

static lk_err
flaw_set(struct rpc_flaw *flaw, enum rpc_code code, const char *fmt, ...)
{
	va_list ap;

	flaw->code = code;
	va_start(ap, fmt);
	vsnprintf(flaw->message, sizeof(flaw->message), fmt, ap);
	va_end(ap);
	return (LK_ERR(LK_E_MALFORMED, "request"));
}

static lk_err
id_parse(struct rpc_call *call, struct rpc_flaw *flaw)
{
	json_object *id;

	call->has_id = json_object_object_get_ex(call->tree, "id", &id);
	if (!call->has_id || id == NULL)
		return (LK_NONE);
	if (!json_object_is_type(id, json_type_string) &&
	    !json_object_is_type(id, json_type_int))
		return (flaw_set(flaw, RPC_INVALID,
		    "an id is a string, an integer or null"));
	if (json_object_is_type(id, json_type_string) &&
	    json_object_get_string_len(id) > ID_TEXT_MAX)
		return (flaw_set(flaw, RPC_INVALID,
		    "an id has at most %d bytes", ID_TEXT_MAX));
	call->id = json_object_get(id);
	return (LK_NONE);
}

static lk_err
params_parse(struct rpc_call *call, struct rpc_flaw *flaw)
{
	json_object *params, *upload;
	bool has_params =
	    json_object_object_get_ex(call->tree, "params", &params);
	bool has_upload =
	    json_object_object_get_ex(call->tree, "params_upload", &upload);

	call->params_upload = -1;
	if (has_params && has_upload)
		return (flaw_set(flaw, RPC_INVALID,
		    "params and params_upload exclude each other"));
	if (has_upload) {
		if (!json_object_is_type(upload, json_type_int) ||
		    json_object_get_int64(upload) < 0)
			return (flaw_set(flaw, RPC_PARAMS,
			    "params_upload is the handle of an upload"));
		call->params_upload = json_object_get_int64(upload);
		return (LK_NONE);
	}
	if (has_params && !json_object_is_type(params, json_type_object))
		return (flaw_set(flaw, RPC_PARAMS, "params is an object"));
	call->params =
	    has_params ? json_object_get(params) : json_object_new_object();
	return (LK_NONE);
}

lk_err
rpc_parse(struct rpc_call *call, struct bytes line, struct rpc_flaw *flaw)
{
	struct json_flaw at = { 0, 0 };
	json_object *version, *method;
	lk_err err;

	*call = (struct rpc_call){ .params_upload = -1 };
	err = json_text_parse(&call->tree, line, &at);
	if (err.code != LK_OK) {
		call->tree = NULL;
		return (flaw_set(flaw, RPC_PARSE, "no JSON at column %zu: %s",
		    at.column, err.what));
	}
	if (json_object_is_type(call->tree, json_type_array))
		return (flaw_set(flaw, RPC_INVALID,
		    "batches are not served: send one request a line"));
	if (!json_object_is_type(call->tree, json_type_object))
		return (flaw_set(flaw, RPC_INVALID, "a request is an object"));
	TRY(id_parse(call, flaw));
	if (!json_object_object_get_ex(call->tree, "jsonrpc", &version) ||
	    !json_object_is_type(version, json_type_string) ||
	    strcmp(json_object_get_string(version), "2.0") != 0)
		return (flaw_set(
		    flaw, RPC_INVALID, "a request says \"jsonrpc\": \"2.0\""));
	if (!json_object_object_get_ex(call->tree, "method", &method) ||
	    !json_object_is_type(method, json_type_string))
		return (flaw_set(flaw, RPC_INVALID, "a request has a method"));
	call->method = json_object_get_string(method);
	return (params_parse(call, flaw));
}

void
rpc_call_clear(struct rpc_call *call)
{
	json_object_put(call->id);
	json_object_put(call->params);
	json_object_put(call->tree);
	*call = (struct rpc_call){ .params_upload = -1 };
}

static void
head_write(struct buf *out, json_object *id)
{
	buf_str(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	json_text_tree(out, id);
}

static void
string_write(struct buf *out, const char *s)
{
	json_text_string(out, BYTES_STR(s));
}

void
rpc_result(struct buf *out, json_object *id, json_object *result)
{
	head_write(out, id);
	buf_str(out, ",\"result\":");
	json_text_tree(out, result);
	buf_str(out, "}\n");
}

void
rpc_download(struct buf *out, json_object *id, int64_t handle, size_t size)
{
	head_write(out, id);
	buf_printf(out,
	    ",\"result_download\":{\"handle\":%lld,\"size\":%zu}}\n",
	    (long long)handle, size);
}

static void
details_write(struct buf *out, json_object *details)
{
	struct json_object_iterator at = json_object_iter_begin(details);
	struct json_object_iterator end = json_object_iter_end(details);

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		buf_str(out, ",");
		string_write(out, json_object_iter_peek_name(&at));
		buf_str(out, ":");
		json_text_tree(out, json_object_iter_peek_value(&at));
	}
}

void
rpc_failure(struct buf *out, json_object *id, const struct rpc_error *error)
{
	head_write(out, id);
	buf_printf(out, ",\"error\":{\"code\":%d,\"message\":", error->code);
	string_write(out, error->message);
	buf_str(out, ",\"data\":{\"error\":");
	string_write(out, error->word);
	if (error->hint != NULL) {
		buf_str(out, ",\"hint\":");
		string_write(out, error->hint);
	}
	if (error->details != NULL)
		details_write(out, error->details);
	buf_str(out, "}}}\n");
}

void
rpc_event(struct buf *out, json_object *id, json_object *event)
{
	buf_str(out,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"stream\","
	    "\"params\":{\"id\":");
	json_text_tree(out, id);
	buf_str(out, ",\"event\":");
	json_text_tree(out, event);
	buf_str(out, "}}\n");
}
