#include <string.h>

#include "base/base64.h"
#include "daemon/control.h"

#define HANDLE_MAX (INT64_C(1) << 53) /* what JSON numbers keep exactly */

static lk_err
handle_get(struct request *r, int64_t *handle)
{
	return (param_int(r, "handle", 1, HANDLE_MAX, handle));
}

static lk_err
transfer_error(struct request *r, lk_err err)
{
	switch ((int)err.code) {
	case LK_E_NOTFOUND:
		return (request_fail(r, err, "there is no such handle"));
	case LK_E_LIMIT:
		return (request_fail(r, err,
		    "too much at once: %u bytes are the limit",
		    (unsigned)DOCUMENT_BODY_MAX));
	case LK_E_MALFORMED:
		return (request_fail(r, err, "data is not base64"));
	}
	return (err);
}

static lk_err
upload_begin_call(struct request *r)
{
	int64_t handle;
	lk_err err = upload_begin(&call_of(r)->client->transfers, &handle);

	if (err.code != LK_OK)
		return (transfer_error(r, err));
	json_object_object_add(
	    r->result, "handle", json_object_new_int64(handle));
	return (LK_NONE);
}

static lk_err
upload_append_call(struct request *r)
{
	const char *data;
	int64_t handle;
	size_t size = 0;
	lk_err err;

	TRY(handle_get(r, &handle));
	TRY(param_string(r, "data", &data));
	err = upload_append(
	    &call_of(r)->client->transfers, handle, BYTES_STR(data), &size);
	if (err.code != LK_OK)
		return (transfer_error(r, err));
	json_object_object_add(
	    r->result, "size", json_object_new_int64((int64_t)size));
	return (LK_NONE);
}

static lk_err
download_read_call(struct request *r)
{
	BUF_SCOPED base64 = { 0 };
	int64_t handle;
	size_t left = 0;
	lk_err err;

	buf_init(&base64, BASE64_LEN(TRANSFER_PIECE_MAX));
	TRY(handle_get(r, &handle));
	err = download_read(
	    &call_of(r)->client->transfers, handle, &base64, &left);
	if (err.code != LK_OK)
		return (transfer_error(r, err));
	json_object_object_add(r->result, "data",
	    json_object_new_string_len(
		base64.len == 0 ? "" : (const char *)base64.ptr,
		(int)base64.len));
	json_object_object_add(
	    r->result, "left", json_object_new_int64((int64_t)left));
	return (LK_NONE);
}

static lk_err
transfer_drop_call(struct request *r)
{
	int64_t handle;
	lk_err err;

	TRY(handle_get(r, &handle));
	err = transfer_drop(&call_of(r)->client->transfers, handle);
	return (err.code == LK_OK ? err : transfer_error(r, err));
}

/* {"id": of a request of this connection} -> {"cancelled": bool} */
static lk_err
cancel_call(struct request *r)
{
	struct control *control = &r->daemon->control;
	struct client *client = call_of(r)->client;
	json_object *id = NULL;
	struct call *call, *next;
	bool found = false;

	(void)json_object_object_get_ex(r->params, "id", &id);
	TAILQ_FOREACH_SAFE (call, &control->deferred, entry, next) {
		if (call->client != client || !call->rpc.has_id ||
		    !json_object_equal(call->rpc.id, id))
			continue;
		call->err = request_fail(
		    &call->request, LK_ERR(LK_E_AGAIN, "cancel"), "cancelled");
		TAILQ_REMOVE(&control->deferred, call, entry);
		TAILQ_INSERT_TAIL(&control->answered, call, entry);
		found = true;
	}
	json_object_object_add(
	    r->result, "cancelled", json_object_new_boolean(found));
	return (LK_NONE);
}

static const struct command builtins[] = {
	{ "cancel", cancel_call, 0 },
	{ "download.drop", transfer_drop_call, 0 },
	{ "download.read", download_read_call, 0 },
	{ "upload.append", upload_append_call, 0 },
	{ "upload.begin", upload_begin_call, 0 },
	{ "upload.drop", transfer_drop_call, 0 },
	{ NULL, NULL, 0 },
};

const struct command *
builtin_find(const char *method)
{
	for (const struct command *c = builtins; c->method != NULL; c++)
		if (strcmp(c->method, method) == 0)
			return (c);
	return (NULL);
}
