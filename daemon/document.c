#include "daemon/document.h"

#include <string.h>

#include "base/limits.h"
#include "base/shell.h"

lk_err
document_name_check(struct request *r, const char *name, const char *hint)
{
	lk_err err = home_name_check(r->replica, name);

	if (err.code == LK_E_EXISTS) {
		request_hint(r, "%s", hint);
		return request_fail(
		    r, err, "%s: a document of this name exists", name);
	}
	if (err.code == LK_E_DATA) {
		request_hint(r,
		    "a name is 1 to 255 bytes of UTF-8 without "
		    "control characters or /");
		return request_fail(r, err, "%s: not a name", name);
	}
	return err;
}

lk_err
document_fail(
    struct request *r, const struct subject *s, const char *path, lk_err err)
{
	char quoted[SHELL_WORD_MAX];
	const char *space = path[0] == '\0' ? "" : " ";
	const char *name = s->name.name;

	switch (err.code) {
	case LK_E_NOTFOUND:
		request_hint(r, "lk get %s shows what is there",
		    shell_word(quoted, name));
		break;
	case LK_E_USAGE:
		request_hint(r, "a path is a JSON Pointer like /a/b/0");
		break;
	case LK_E_DENIED:
		/* Its role is no reason: the key, or what it wrote once. */
		if (s->summary.role >= ROLE_WRITE)
			return request_fail(r, err, "%s: %s", name, err.what);
		return subject_denied(r, s, "write");
	case LK_E_REVOKED:
		return subject_denied(r, s, "write");
	case LK_E_LIMIT:
		request_hint(r, "make it in several smaller steps");
		return request_fail(r, err, "%s%s%s: too large for one change",
		    name, space, path);
	case LK_E_FULL:
		request_hint(r, "make room, then again");
		return request_fail(r, err,
		    "%s: no space left on the disk, nothing was changed", name);
	case LK_E_CORRUPT:
		return subject_damaged(r, s, err);
	case LK_OK:
	case LK_E_SYS:
	case LK_E_NOMEM:
	case LK_E_TRUNCATED:
	case LK_E_MALFORMED:
	case LK_E_EXISTS:
	case LK_E_DATA:
	case LK_E_VERSION:
	case LK_E_WAIT:
	case LK_E_AGAIN:
	case LK_E_UNAVAILABLE:
	case LK_E_CONFIG:
		break;
	}
	return request_fail(r, err, "%s%s%s: %s", name, space, path, err.what);
}

/* What replica_edit hands back to us. */
struct call {
	struct request *request;
	const struct subject *subject;
	site_fn *make;
	void *ctx;
	bool root;
};

static lk_err
call_run(void *ctx, struct edit *edit, struct doc *doc)
{
	struct call *call = ctx;
	struct arena arena;
	struct site site = { .edit = edit, .doc = doc, .arena = &arena };
	lk_err err;

	TRY(base_find(&site.base, doc, call->subject->name.type, call->root));
	arena_init(&arena, DOCUMENT_BODY_MAX);
	err = call->make(call->ctx, &site);
	arena_clear(&arena);
	return err;
}

lk_err
document_edit(struct request *r, site_fn *make, void *ctx)
{
	struct call call = { .request = r, .make = make, .ctx = ctx };
	const char *message, *path;
	uint8_t hash[LK_ID_LEN] = { 0 };
	struct subject s;
	bool changed = false;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_bool_or(r, "root", false, &call.root));
	TRY(param_string_or(r, "message", NULL, &message));
	TRY(param_string_or(r, "path", "", &path));
	call.subject = &s;
	err = replica_edit(
	    r->replica, s.docno, call_run, &call, message, &changed, hash);
	if (err.code == LK_E_LIMIT) {
		TRY(replica_nest_again(r->replica));
		err = replica_edit_large(r->replica, s.docno,
		    &(struct edit_call){
			call_run, &call, message, &changed, hash });
	}
	if (err.code != LK_OK)
		return document_fail(r, &s, path, err);
	json_add_subject(r->result, &s);
	json_add_flag(r->result, "changed", changed);
	json_add_id(
	    r->result, "hash", changed ? BYTES_OF(hash) : BYTES(NULL, 0));
	return LK_NONE;
}
