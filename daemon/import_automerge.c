#include <stdlib.h>
#include <string.h>

#include "crdt/document.h"
#include "daemon/import.h"
#include "daemon/subject.h"

/* More than a person reads; the number of all is told. */
#define LISTED_MAX 256

/* A file that holds nothing but a text or a list called `content` becomes a
 * document of that type: what exporting one gave. */
static lk_err
type_find(struct request *r, uint32_t docno, const char **type)
{
	static const struct prop content = { .is_key = true,
		.key = { (const uint8_t *)"content", 7 } };
	struct doc *doc = NULL;
	struct item item;
	uint64_t length;
	lk_err err;

	*type = "map";
	TRY(replica_open_doc(r->replica, docno, &doc));
	err = doc_length(doc, DOC_ROOT, &length);
	if (err.code == LK_OK && length == 1)
		err = doc_get(doc, DOC_ROOT, content, &item);
	if (err.code == LK_OK && length == 1 && item.is_obj)
		*type = item.obj_type == OBJ_TEXT ? "text"
		    : item.obj_type == OBJ_LIST   ? "list"
						  : "map";
	doc_free(doc);
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* Changes left out, because no file has what they depend on. */
static lk_err
orphans_tell(struct request *r, const struct history *h)
{
	json_object *missing = json_object_new_array();
	char hex[2 * LK_ID_LEN + 1];
	ARENA_SCOPED arena = { .max = DOCUMENT_BODY_MAX };
	uint8_t *hashes = NULL;
	size_t n = 0;
	lk_err err = LK_NONE;

	if (h->orphans_len > 0)
		err = history_missing(h->changes,
		    h->changes_len + h->orphans_len, &arena, &hashes, &n);
	for (size_t i = 0; i < n && i < LISTED_MAX; i++) {
		hex_encode(hex, BYTES(hashes + i * LK_ID_LEN, LK_ID_LEN));
		json_object_array_add(missing, json_object_new_string(hex));
	}
	json_add_number(r->result, "orphans", h->orphans_len);
	json_object_object_add(r->result, "missing", missing);
	return err;
}

static lk_err
chunk_import(
    struct request *r, const char *name, struct bytes chunk, uint32_t *docno)
{
	const char *type;

	TRY(replica_import(r->replica, name, chunk, docno));
	TRY(type_find(r, *docno, &type));
	if (strcmp(type, "map") == 0)
		return LK_NONE;
	return home_name_set(r->replica, *docno, name, type);
}

/* Gives the history up before the document is made. */
static lk_err
history_import(
    struct request *r, const char *name, struct history *h, uint32_t *docno)
{
	BUF_SCOPED chunk = { .max = DOCUMENT_BODY_MAX };
	lk_err err = LK_NONE;

	if (h->changes_len > 0)
		err = history_write(&chunk, h->changes, h->changes_len);
	if (err.code == LK_OK)
		err = orphans_tell(r, h);
	history_clear(h);
	TRY(err);
	return chunk_import(r, name, buf_bytes(&chunk), docno);
}

lk_err
automerge_import(
    struct request *r, const char *name, struct bytes file, uint32_t *docno)
{
	BUF_SCOPED chunk = { .max = DOCUMENT_BODY_MAX };
	struct history h = { 0 };
	lk_err err = history_rewrite(&chunk, file);

	if (err.code == LK_E_WAIT) {
		/* Which ones are missing needs all of it. */
		TRY(history_read(&h, file));
		return history_import(r, name, &h, docno);
	}
	TRY(err);
	TRY(orphans_tell(r, &h));
	return chunk_import(r, name, buf_bytes(&chunk), docno);
}

/* The files of a document, in what was uploaded. */
struct files {
	json_object *list;
	struct bytes *at;
	size_t len;
	json_object *skipped; /* what could not be read */
	size_t skipped_len;
};

static lk_err
files_fail(struct request *r)
{
	return request_fail(r, LK_ERR(LK_E_USAGE, "read files"),
	    "files: expected name and size of each, all of what was uploaded");
}

/* Finds each file's bytes. */
static lk_err
files_cut(struct request *r, struct bytes file, struct files *f)
{
	for (size_t i = 0; i < f->len; i++) {
		json_object *one = json_object_array_get_idx(f->list, i);
		json_object *name, *size;
		int64_t n;

		if (!json_object_object_get_ex(one, "name", &name) ||
		    !json_object_is_type(name, json_type_string) ||
		    !json_object_object_get_ex(one, "size", &size) ||
		    !json_object_is_type(size, json_type_int))
			return files_fail(r);
		n = json_object_get_int64(size);
		if (n < 0 || (uint64_t)n > file.len)
			return files_fail(r);
		f->at[i] = BYTES(file.ptr, (size_t)n);
		file = BYTES(file.ptr + n, file.len - (size_t)n);
	}
	return file.len == 0 ? LK_NONE : files_fail(r);
}

static lk_err
flaw_list(void *ctx, const struct history_flaw *flaw)
{
	struct files *f = ctx;
	json_object *one, *name;

	if (f->skipped_len++ >= LISTED_MAX)
		return LK_NONE;
	one = json_object_new_object();
	name = json_object_object_get(
	    json_object_array_get_idx(f->list, flaw->file), "name");
	json_object_object_add(one, "file", json_object_get(name));
	json_add_number(one, "at", flaw->at);
	json_add_number(one, "size", flaw->len);
	json_add_text(one, "why", flaw->err.what);
	json_object_array_add(f->skipped, one);
	return LK_NONE;
}

static lk_err
files_import(
    struct request *r, const char *name, struct files *f, uint32_t *docno)
{
	struct history h;

	TRY(history_salvage(&h, f->at, f->len, flaw_list, f));
	if (h.changes_len > 0)
		return history_import(r, name, &h, docno);
	history_clear(&h);
	return LK_ERR(LK_E_DATA, "no file of it can be read");
}

lk_err
repo_import(
    struct request *r, const char *name, struct bytes file, uint32_t *docno)
{
	struct files f = { 0 };
	lk_err err;

	if (!json_object_object_get_ex(r->params, "files", &f.list) ||
	    !json_object_is_type(f.list, json_type_array))
		return files_fail(r);
	f.len = json_object_array_length(f.list);
	f.at = calloc(f.len + 1, sizeof(*f.at));
	if (f.at == NULL)
		return LK_ERR(LK_E_NOMEM, "files");
	f.skipped = json_object_new_array();
	err = files_cut(r, file, &f);
	if (err.code == LK_OK)
		err = files_import(r, name, &f, docno);
	free(f.at);
	if (err.code != LK_OK) {
		request_detail(r, "skipped", f.skipped);
		return err;
	}
	json_object_object_add(r->result, "skipped", f.skipped);
	json_add_number(r->result, "skipped_in_all", f.skipped_len);
	return LK_NONE;
}
