/*
 * Whole files: import and export.  The client reads and writes them and sends
 * them in pieces, so that the daemon needs no access to the user's folders.
 */
#include <string.h>

#include "base/limits.h"
#include "crdt/document.h"
#include "daemon/commands.h"
#include "daemon/document.h"
#include "daemon/import.h"
#include "daemon/json_text.h"
#include "daemon/repo_folder.h"

struct content {
	struct bytes text;  /* a text: this much of it */
	json_object *json;  /* or JSON */
	enum obj_type type; /* of the document */
};

static struct prop
content_prop(void)
{
	return (struct prop){ .is_key = true, .key = BYTES_STR("content") };
}

static lk_err
content_fill(void *ctx, struct edit *edit, struct doc *doc)
{
	const struct content *c = ctx;
	struct tree_place at = { .obj = DOC_ROOT, .prop = content_prop() };
	struct op_id made;

	(void)doc;
	if (c->type == OBJ_MAP)
		return json_value_fill(edit, DOC_ROOT, c->json, JSON_PLAIN);
	if (c->type == OBJ_LIST)
		return json_value_put(edit, &at, c->json, JSON_PLAIN);
	TRY(edit_make(edit, DOC_ROOT, at.prop, OBJ_TEXT, &made));
	return c->text.len == 0 ? LK_NONE
				: edit_splice(edit, made, 0, 0, c->text);
}

/* Appends to the text of a document. */
static lk_err
content_append(void *ctx, struct edit *edit, struct doc *doc)
{
	const struct content *c = ctx;
	struct item item;
	uint64_t length;

	TRY(doc_get(doc, DOC_ROOT, content_prop(), &item));
	TRY(doc_length(doc, item.id, &length));
	return edit_splice(edit, item.id, length, 0, c->text);
}

/* The longest part of at most CHANGE_TEXT_MAX bytes that cuts no character. */
static struct bytes
piece_take(struct bytes *left)
{
	size_t len = left->len;
	struct bytes piece;

	if (len > CHANGE_TEXT_MAX) {
		len = CHANGE_TEXT_MAX;
		while (len > 0 && (left->ptr[len] & 0xc0) == 0x80)
			len--;
	}
	piece = BYTES(left->ptr, len);
	*left = BYTES(left->ptr + len, left->len - len);
	return piece;
}

static lk_err
text_import(
    struct request *r, const char *name, struct bytes file, uint32_t *docno)
{
	struct content c = { .type = OBJ_TEXT };
	uint8_t hash[LK_ID_LEN];
	bool changed;

	if (!utf8_valid(file))
		return LK_ERR(LK_E_DATA, "the text is not UTF-8");
	c.text = piece_take(&file);
	TRY(replica_create(r->replica, name, "text", content_fill, &c, docno));
	while (file.len > 0) {
		c.text = piece_take(&file);
		TRY(replica_edit(r->replica, *docno, content_append, &c, NULL,
		    &changed, hash));
	}
	return LK_NONE;
}

/* Appends a change chunk that makes the content, by an actor of its own. */
static lk_err
content_chunk(struct request *r, struct content *c, struct buf *file)
{
	struct random random = daemon_random(r->daemon);
	struct kv kv = { 0 };
	struct doc *doc = NULL;
	struct edit *edit = NULL;
	uint8_t actor[LK_TOPIC_LEN], hash[LK_ID_LEN];
	struct change_head head = { .actor = BYTES_OF(actor),
		.seq = 1,
		.start_op = 1,
		.time = r->now.wall.ms / 1000 };
	BUF_SCOPED body = { 0 };
	lk_err err;

	buf_init(&body, CHANGE_BODY_MAX);
	random_fill(&random, actor, sizeof(actor));
	err = kv_memory_new(&kv, DOCUMENT_BODY_MAX * (size_t)4);
	if (err.code == LK_OK)
		err = doc_open(&doc, kv);
	if (err.code == LK_OK)
		err = edit_new(&edit, doc, &head);
	if (err.code == LK_OK)
		err = content_fill(c, edit, doc);
	if (err.code == LK_OK)
		err = edit_finish(edit, &body, hash);
	edit_free(edit);
	doc_free(doc);
	kv_memory_free(&kv);
	TRY(err);
	chunk_write(file, CHUNK_CHANGE, buf_bytes(&body));
	return buf_err(file, "import JSON");
}

static lk_err
json_create(struct request *r, const char *name, struct bytes text,
    struct content *c, uint32_t *docno)
{
	const char *type = c->type == OBJ_MAP ? "map" : "list";
	BUF_SCOPED file = { .max = CHANGE_BODY_MAX + 64 };
	BUF_SCOPED chunk = { .max = DOCUMENT_BODY_MAX };

	if (text.len <= CHANGE_TEXT_MAX)
		return replica_create(
		    r->replica, name, type, content_fill, c, docno);
	TRY(content_chunk(r, c, &file));
	TRY(history_rewrite(&chunk, buf_bytes(&file)));
	TRY(replica_import(r->replica, name, buf_bytes(&chunk), docno));
	return home_name_set(r->replica, *docno, name, type);
}

/* What an error about the content speaks of: the file when it has a name. */
static const char *
source_name(struct request *r, const char *name)
{
	const char *source;

	return param_string_or(r, "source", name, &source).code == LK_OK
	    ? source
	    : name;
}

static lk_err
json_import(
    struct request *r, const char *name, struct bytes file, uint32_t *docno)
{
	struct content c = { .type = OBJ_MAP };
	struct json_flaw flaw = { 0 };
	lk_err err = json_text_parse(&c.json, file, &flaw);

	if (err.code != LK_OK)
		return request_fail(r, err,
		    "%s: not valid JSON: line %zu, column %zu: %s",
		    source_name(r, name), flaw.line, flaw.column, err.what);
	if (json_object_is_type(c.json, json_type_array))
		c.type = OBJ_LIST;
	if (c.type == OBJ_MAP && !json_object_is_type(c.json, json_type_object))
		err = LK_ERR(LK_E_DATA, "a document is a JSON object or array");
	else
		err = json_create(r, name, file, &c, docno);
	json_object_put(c.json);
	return err;
}

static const struct format {
	const char *name;
	import_fn *import;
	const char *what;
	bool history; /* it holds changes */
} formats[] = {
	{ "automerge", automerge_import, "not an intact Automerge file", true },
	{ "json", json_import, "not valid JSON", false },
	{ "text", text_import, "not a text", false },
	{ "automerge-repo", repo_import, "no document", true },
};

static lk_err
format_read(struct request *r, const struct format **out)
{
	const char *name;

	TRY(param_string(r, "format", &name));
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, name) != 0)
			continue;
		*out = &formats[i];
		return LK_NONE;
	}
	request_hint(r, "formats are automerge, automerge-repo, json and text");
	return request_fail(
	    r, LK_ERR(LK_E_USAGE, "read format"), "%s: no such format", name);
}

static lk_err
import_fail(struct request *r, const char *name, const struct format *format,
    lk_err err)
{
	if (err.code == LK_E_FULL) {
		request_hint(r, "make room, then again");
		return request_fail(r, err,
		    "%s: no space left on the disk, nothing was imported",
		    name);
	}
	if (err.code == LK_E_LIMIT)
		return request_fail(
		    r, err, "%s: over a limit: %s", name, err.what);
	if (format->history &&
	    (err.code == LK_E_TRUNCATED || err.code == LK_E_MALFORMED ||
		err.code == LK_E_DATA))
		return request_fail(
		    r, err, "%s: %s: %s", name, format->what, err.what);
	/* Bad JSON has been explained already, with its line. */
	if (err.code == LK_E_DATA && format->import == json_import &&
	    strcmp(err.what, "a document is a JSON object or array") != 0)
		return err;
	return request_fail(r, err, "%s: %s", name, err.what);
}

static lk_err
file_import(struct request *r)
{
	const struct format *format = NULL;
	const char *name;
	struct subject s;
	int64_t handle;
	uint32_t docno;
	BUF_SCOPED file = { 0 };
	lk_err err;

	buf_init(&file, DOCUMENT_BODY_MAX);
	TRY(param_string(r, "name", &name));
	TRY(format_read(r, &format));
	TRY(param_int(r, "upload", 0, INT64_MAX, &handle));
	TRY(document_name_check(r, name,
	    "--as takes another name, and --into brings a file into a "
	    "document"));
	TRY(request_upload(r, handle, &file));
	err = format->import(r, name, buf_bytes(&file), &docno);
	if (err.code != LK_OK)
		return import_fail(r, source_name(r, name), format, err);
	TRY(subject_load(r, docno, &s));
	json_add_subject(r->result, &s);
	json_add_text(r->result, "type", s.name.type);
	return LK_NONE;
}

/* Export. */

static lk_err
content_write(struct doc *doc, const char *type, bool text, struct buf *out)
{
	struct item item = { .is_obj = true };
	struct base base;

	TRY(base_find(&base, doc, type, false));
	if (text && base.type != OBJ_TEXT)
		return LK_ERR(LK_E_DATA, "not a text document");
	if (text)
		return doc_text(doc, base.obj, out);
	item.id = base.obj;
	item.obj_type = base.type;
	return json_value_write(out, doc, &item, JSON_PLAIN);
}

static lk_err
plain_export(
    struct request *r, const struct subject *s, bool text, struct buf *out)
{
	struct doc *doc = NULL;
	lk_err err;

	TRY(replica_open_doc(r->replica, s->docno, &doc));
	err = content_write(doc, s->name.type, text, out);
	doc_free(doc);
	TRY(err);
	return buf_err(out, "it is too large");
}

static lk_err
form_read(struct request *r, enum export_form *out)
{
	static const char *const forms[] = {
		[EXPORT_HISTORY] = "history",
		[EXPORT_CLEAN] = "clean",
		[EXPORT_SQUASH] = "squash",
	};
	const char *name;

	TRY(param_string_or(r, "form", forms[EXPORT_HISTORY], &name));
	for (enum export_form f = EXPORT_HISTORY; f <= EXPORT_SQUASH; f++) {
		if (strcmp(forms[f], name) != 0)
			continue;
		*out = f;
		return LK_NONE;
	}
	request_hint(r, "forms are history, clean and squash");
	return request_fail(
	    r, LK_ERR(LK_E_USAGE, "read form"), "%s: no such form", name);
}

/* Where automerge-repo would keep it. */
static void
repo_tell(struct request *r, const struct subject *s, struct bytes heads)
{
	char id[REPO_ID_LEN];
	BUF_SCOPED path = { .max = CONTROL_LINE_MAX };

	repo_id_of(id, s->summary.docid, s->name.name);
	repo_snapshot_path(&path, id, heads);
	json_add_text(r->result, "id", id);
	json_add_bytes(r->result, "path", buf_bytes(&path));
}

static lk_err
history_export(struct request *r, const struct subject *s,
    const struct format *format, struct buf *out)
{
	BUF_SCOPED heads = { .max = DOCUMENT_BODY_MAX };
	enum export_form form;
	lk_err err;

	TRY(form_read(r, &form));
	err = replica_export(r->replica, s->docno, form, out, &heads);
	if (err.code == LK_E_LIMIT) {
		request_hint(
		    r, "lk export as text or json writes what it holds");
		err.what = "its history is too large for an Automerge file";
	}
	TRY(err);
	if (format->import == repo_import)
		repo_tell(r, s, buf_bytes(&heads));
	return LK_NONE;
}

static lk_err
file_write(struct request *r, const struct subject *s,
    const struct format *format, struct buf *out)
{
	lk_err err;

	if (!format->history &&
	    json_object_object_get_ex(r->params, "form", NULL))
		return request_fail(r, LK_ERR(LK_E_USAGE, "read form"),
		    "%s: only an Automerge file has a history", format->name);
	err = format->history
	    ? history_export(r, s, format, out)
	    : plain_export(r, s, format->import == text_import, out);
	/* What was wrong with the request has been said. */
	if (err.code == LK_OK || err.code == LK_E_USAGE)
		return err;
	if (err.code == LK_E_CORRUPT)
		return subject_damaged(r, s, err);
	return request_fail(r, err, "%s: %s", s->name.name, err.what);
}

static lk_err
file_export(struct request *r)
{
	const struct format *format = NULL;
	struct subject s;
	int64_t handle = 0;
	size_t size;
	BUF_SCOPED out = { 0 };

	buf_init(&out, DOCUMENT_BODY_MAX);
	TRY(subject_find(r, &s));
	if (!json_object_object_get_ex(r->params, "format", NULL))
		format = strcmp(s.name.type, "text") == 0 ? &formats[2]
							  : &formats[1];
	else
		TRY(format_read(r, &format));
	json_add_subject(r->result, &s);
	TRY(file_write(r, &s, format, &out));
	size = out.len;
	TRY(request_download(r, &out, &handle));
	json_add_text(r->result, "format", format->name);
	json_add_number(r->result, "size", size);
	json_object_object_add(
	    r->result, "download", json_object_new_int64(handle));
	return LK_NONE;
}

static const struct command table[] = {
	{ "doc.import", file_import,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ "doc.export", file_export, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_file = table;
