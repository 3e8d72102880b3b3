/* Branches, merges, and files that are brought into a document. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "crdt/textdiff.h"
#include "daemon/commands.h"
#include "daemon/document.h"
#include "daemon/json_text.h"

static lk_err
branch_name_check(struct request *r, const struct subject *of, const char *name)
{
	lk_err err = home_branch_check(r->replica, of->docno, name);

	if (err.code == LK_E_EXISTS) {
		request_hint(r, "choose another name");
		return request_fail(r, err,
		    "%s/%s: a branch of this name exists", of->name.name, name);
	}
	if (err.code == LK_E_DATA) {
		request_hint(r,
		    "a name is 1 to 255 bytes of UTF-8 without control "
		    "characters or /, that of the document included");
		return request_fail(r, err, "%s: not a name", name);
	}
	return err;
}

static lk_err
branch_make(struct request *r)
{
	struct subject of, s;
	const char *name;
	uint32_t docno;
	lk_err err;

	TRY(subject_find(r, &of));
	TRY(param_string(r, "name", &name));
	TRY(branch_name_check(r, &of, name));
	err = replica_branch(r->replica, of.docno, name, &docno);
	if (err.code == LK_E_DATA)
		request_hint(r,
		    "lk export --clean writes a file without it, which lk "
		    "import takes");
	if (err.code != LK_OK)
		return request_fail(r, err, "%s: cannot make a branch: %s",
		    of.name.name, err.what);
	TRY(subject_load(r, docno, &s));
	json_add_subject(r->result, &s);
	json_add_text(r->result, "type", s.name.type);
	json_add_id(r->result, "of", BYTES_OF(of.summary.docid));
	return LK_NONE;
}

static lk_err
branch_add(struct request *r, const struct subject *of, const struct subject *s,
    struct json_object *list)
{
	struct json_object *o = json_object_new_object();
	uint64_t ahead = 0, behind = 0;

	json_object_array_add(list, o);
	TRY(replica_ahead(r->replica, s->docno, of->docno, &ahead));
	TRY(replica_ahead(r->replica, of->docno, s->docno, &behind));
	TRY(json_add_summary(r, o, s));
	json_add_number(o, "ahead", ahead);
	json_add_number(o, "behind", behind);
	json_add_time(o, "changed", s->summary.changed);
	return LK_NONE;
}

static lk_err
branch_list(struct request *r)
{
	struct json_object *list = json_object_new_array();
	uint8_t above[LK_ID_LEN];
	struct subject of, s;
	uint32_t docno = 0;
	lk_err err;

	json_object_object_add(r->result, "branches", list);
	TRY(subject_find(r, &of));
	json_add_subject(r->result, &of);
	while ((err = subject_next(r, &docno, &s)).code == LK_OK) {
		lk_err is = home_branch_of(r->replica, docno, above);

		if (is.code == LK_E_NOTFOUND)
			continue;
		TRY(is);
		if (memcmp(above, of.summary.docid, LK_ID_LEN) == 0)
			TRY(branch_add(r, &of, &s, list));
	}
	json_object_array_sort(list, json_name_compare);
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

/* A branch by its own name, or any document. */
static lk_err
source_find(struct request *r, const struct subject *to, struct subject *from)
{
	char full[HOME_NAME_LEN];
	const char *name;
	uint32_t docno;

	TRY(param_string(r, "from", &name));
	if (snprintf(full, sizeof(full), "%s/%s", to->name.name, name) <
		(int)sizeof(full) &&
	    home_find(r->replica, full, &docno).code == LK_OK)
		return subject_load(r, docno, from);
	return subject_named(r, name, from);
}

static lk_err
merge_fail(
    struct request *r, const struct subject *to, const char *from, lk_err err)
{
	const char *name = to->name.name;

	switch ((int)err.code) {
	case LK_E_DENIED:
	case LK_E_REVOKED:
		return subject_denied(r, to, "write");
	case LK_E_LIMIT:
		return request_fail(
		    r, err, "%s: %s: over a limit: %s", name, from, err.what);
	case LK_E_FULL:
		request_hint(r, "make room, then again");
		return request_fail(r, err,
		    "%s: no space left on the disk, nothing was changed", name);
	default:
		return request_fail(
		    r, err, "%s: cannot merge %s: %s", name, from, err.what);
	}
}

static lk_err
merge(struct request *r)
{
	struct subject to, from;
	uint64_t changes;
	lk_err err;

	TRY(subject_find(r, &to));
	TRY(source_find(r, &to, &from));
	err = replica_merge(r->replica, to.docno, from.docno, &changes);
	if (err.code != LK_OK)
		return merge_fail(r, &to, from.name.name, err);
	json_add_subject(r->result, &to);
	json_add_id(r->result, "from", BYTES_OF(from.summary.docid));
	json_add_text(r->result, "from_name", from.name.name);
	json_add_flag(r->result, "changed", changes > 0);
	json_add_number(r->result, "changes", changes);
	return LK_NONE;
}

/* A file that becomes what a document shows. */
struct incoming {
	const char *source, *path;
	struct bytes text;
	json_object *json;
};

static lk_err
text_make(void *ctx, struct site *site)
{
	const struct incoming *in = ctx;
	struct tree wanted = { .kind = TREE_TEXT, .text = in->text };
	struct tree_place at;
	struct place p;

	TRY(pointer_follow(&p, site->doc, &site->base, in->path, site->arena));
	if (!p.shown || !p.item.is_obj || p.item.obj_type != OBJ_TEXT)
		return LK_ERR(LK_E_DATA, "not a text");
	at = (struct tree_place){ .obj = p.obj, .prop = p.prop };
	return edit_tree(site->edit, site->doc,
	    &(struct tree_change){ .at = &at, .wanted = &wanted });
}

/* What the text shows now; errors are told when it is edited. */
static lk_err
text_read(struct request *r, const struct incoming *in, struct buf *now)
{
	ARENA_SCOPED arena = { .max = CONTROL_LINE_MAX };
	struct subject s;
	struct base base;
	struct place p = { .shown = false };
	struct doc *doc;
	bool root;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_bool_or(r, "root", false, &root));
	TRY(replica_open_doc(r->replica, s.docno, &doc));
	err = base_find(&base, doc, s.name.type, root);
	if (err.code == LK_OK)
		err = pointer_follow(&p, doc, &base, in->path, &arena);
	if (err.code == LK_OK && p.shown && p.item.is_obj &&
	    p.item.obj_type == OBJ_TEXT)
		err = doc_text(doc, p.item.id, now);
	doc_free(doc);
	return err.code == LK_E_NOMEM || err.code == LK_E_CORRUPT ? err
								  : LK_NONE;
}

/* A change has to fit an envelope: the text with everything up to here made,
 * and nothing behind it. */
static lk_err
text_step(struct request *r, struct incoming *in, struct bytes made,
    struct bytes rest)
{
	BUF_SCOPED text = { .max = DOCUMENT_BODY_MAX };

	buf_add(&text, made);
	buf_add(&text, rest);
	TRY(buf_err(&text, "import text"));
	in->text = buf_bytes(&text);
	return document_edit(r, text_make, in);
}

/* Many insertions, in changes of CHANGE_TEXT_MAX bytes. */
static lk_err
text_steps(
    struct request *r, struct incoming *in, struct bytes now, struct bytes file)
{
	TEXTDIFF_SCOPED diff = { 0 };
	ALIGNER_SCOPED al = NULL;
	size_t inserted = 0;

	TRY(aligner_new(&al));
	TRY(textdiff(&diff, al, now, file));
	for (size_t i = 0; i < diff.hunks_len; i++) {
		const struct text_hunk *h = &diff.hunks[i];
		size_t end = h->old_at + h->old_len;
		size_t at = h->new_at, stop = h->new_at + h->new_len;

		while (inserted + (stop - at) > CHANGE_TEXT_MAX) {
			at += CHANGE_TEXT_MAX - inserted;
			while ((file.ptr[at] & 0xc0) == 0x80)
				at--;
			TRY(text_step(r, in, BYTES(file.ptr, at),
			    BYTES(now.ptr + end, now.len - end)));
			inserted = 0;
		}
		inserted += stop - at;
	}
	in->text = file;
	return document_edit(r, text_make, in);
}

static lk_err
text_into(struct request *r, struct incoming *in, struct bytes file)
{
	BUF_SCOPED now = { .max = DOCUMENT_BODY_MAX };

	if (!utf8_valid(file))
		return request_fail(r, LK_ERR(LK_E_DATA, "read text"),
		    "%s: the text is not UTF-8", in->source);
	in->text = file;
	if (file.len <= CHANGE_TEXT_MAX)
		return document_edit(r, text_make, in);
	TRY(text_read(r, in, &now));
	return text_steps(r, in, buf_bytes(&now), file);
}

static lk_err
json_make(void *ctx, struct site *site)
{
	const struct incoming *in = ctx;

	return site_replace(site, in->path, in->json, AS_JSON);
}

static lk_err
json_into(struct request *r, struct incoming *in, struct bytes file)
{
	struct json_flaw flaw;
	lk_err err = json_text_parse(&in->json, file, &flaw);

	if (err.code != LK_OK)
		return request_fail(r, err,
		    "%s: not valid JSON: line %zu, column %zu: %s", in->source,
		    flaw.line, flaw.column, err.what);
	err = document_edit(r, json_make, in);
	json_object_put(in->json);
	return err;
}

static lk_err
automerge_into(struct request *r, struct incoming *in, struct bytes file)
{
	struct subject to;
	uint64_t changes;
	lk_err err;

	TRY(subject_find(r, &to));
	err = replica_merge_file(r->replica, to.docno, file, &changes);
	if (err.code == LK_E_TRUNCATED || err.code == LK_E_MALFORMED)
		return request_fail(r, err,
		    "%s: not an intact Automerge file: %s", in->source,
		    err.what);
	if (err.code != LK_OK)
		return merge_fail(r, &to, in->source, err);
	json_add_subject(r->result, &to);
	json_add_flag(r->result, "changed", changes > 0);
	json_add_number(r->result, "changes", changes);
	return LK_NONE;
}

typedef lk_err into_fn(struct request *, struct incoming *, struct bytes file);

static const struct {
	const char *name;
	into_fn *into;
} formats[] = {
	{ "automerge", automerge_into },
	{ "json", json_into },
	{ "text", text_into },
};

static lk_err
import_into(struct request *r)
{
	struct incoming in = { 0 };
	struct subject s;
	const char *format;
	int64_t handle;
	BUF_SCOPED file = { .max = DOCUMENT_BODY_MAX };

	TRY(subject_find(r, &s));
	TRY(param_string(r, "format", &format));
	TRY(param_string_or(r, "path", "", &in.path));
	TRY(param_string_or(r, "source", "file", &in.source));
	TRY(param_int(r, "upload", 0, INT64_MAX, &handle));
	TRY(request_upload(r, handle, &file));
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, format) == 0)
			return formats[i].into(r, &in, buf_bytes(&file));
	request_hint(r, "formats are automerge, json and text");
	return request_fail(
	    r, LK_ERR(LK_E_USAGE, "read format"), "%s: no such format", format);
}

#define WRITES (COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED)

static const struct command table[] = {
	{ "doc.branch", branch_make, WRITES },
	{ "doc.branches", branch_list, COMMAND_IDENTITY },
	{ "doc.merge", merge, WRITES },
	{ "doc.import_into", import_into, WRITES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_branch = table;
