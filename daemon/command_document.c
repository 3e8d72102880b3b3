/* Documents: new, list, rename, get. */
#include <string.h>

#include "base/limits.h"
#include "crdt/cursor.h"
#include "daemon/commands.h"
#include "daemon/conflicts_json.h"
#include "daemon/document.h"
#include "daemon/guardians.h"
#include "daemon/json_spans.h"
#include "daemon/json_text.h"
#include "daemon/json_value.h"
#include "daemon/pointer.h"
#include "daemon/revision.h"

static lk_err
content_make(void *ctx, struct edit *edit, struct doc *doc)
{
	const enum obj_type *type = ctx;
	struct prop content = { .is_key = true, .key = BYTES_STR("content") };
	struct op_id made;

	(void)doc;
	return edit_make(edit, DOC_ROOT, content, *type, &made);
}

static lk_err
doc_new(struct request *r)
{
	enum obj_type content = OBJ_MAP;
	struct creation c = { .ctx = &content };
	struct guardians guardians;
	const char *name, *type;
	struct subject s;
	uint32_t docno;

	TRY(param_string(r, "name", &name));
	TRY(param_string_or(r, "type", "map", &type));
	if (strcmp(type, "text") == 0)
		content = OBJ_TEXT;
	else if (strcmp(type, "list") == 0)
		content = OBJ_LIST;
	else if (strcmp(type, "map") != 0) {
		request_hint(r, "types are map, text and list");
		return request_fail(r, LK_ERR(LK_E_USAGE, "read type"),
		    "%s: no such type of document", type);
	}
	TRY(document_name_check(r, name, "choose another name"));
	TRY(param_guardians(r, &guardians));
	c.name = name;
	c.type = type;
	c.fill = content == OBJ_MAP ? NULL : content_make;
	c.guardians = guardians.len == 0 ? NULL : &guardians;
	TRY(replica_create_as(r->replica, &c, &docno));
	TRY(subject_load(r, docno, &s));
	json_add_subject(r->result, &s);
	json_add_text(r->result, "type", type);
	guardians_json(r, r->result, guardians);
	return LK_NONE;
}

static lk_err
summary_add(
    struct request *r, const struct subject *s, struct json_object *list)
{
	struct json_object *o = json_object_new_object();

	json_object_array_add(list, o);
	TRY(json_add_summary(r, o, s));
	json_add_number(o, "envelopes", s->summary.envelopes);
	json_add_time(o, "changed", s->summary.changed);
	return LK_NONE;
}

static lk_err
doc_list(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct subject s;
	uint32_t docno = 0;
	lk_err err;

	json_object_object_add(r->result, "documents", list);
	for (;;) {
		err = subject_next(r, &docno, &s);
		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(summary_add(r, &s, list));
	}
	json_object_array_sort(list, json_name_compare);
	return LK_NONE;
}

static lk_err
rename_fail(
    struct request *r, const struct subject *s, const char *name, lk_err err)
{
	switch ((int)err.code) {
	case LK_E_EXISTS:
		request_hint(r, "choose another name");
		return request_fail(
		    r, err, "%s: a document of this name exists", name);
	case LK_E_DATA:
		request_hint(r,
		    "a name is 1 to 255 bytes of UTF-8 without "
		    "control characters or /, of a branch with that of its "
		    "document");
		return request_fail(r, err, "%s: not a name", name);
	case LK_E_NOTFOUND:
		return request_fail(r, err,
		    "%s: the document it is a branch of is not here",
		    s->name.name);
	default:
		return request_fail(r, err, "%s: cannot be renamed: %s",
		    s->name.name, err.what);
	}
}

static lk_err
doc_rename(struct request *r)
{
	struct subject s, named;
	const char *name;
	bool changed;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_string(r, "name", &name));
	err = home_rename(r->replica, s.docno, name, &changed);
	if (err.code != LK_OK)
		return rename_fail(r, &s, name, err);
	TRY(subject_load(r, s.docno, &named));
	json_add_subject(r->result, &named);
	json_add_text(r->result, "was", s.name.name);
	json_add_flag(r->result, "changed", changed);
	return LK_NONE;
}

/* Reading. */

struct reading {
	struct revisions revisions;
	struct doc *view; /* NULL: it is read as it is */
	struct doc *doc;  /* that, or as it is */
	struct place place;
	struct arena arena;
};

static void
reading_end(struct reading *g)
{
	doc_free(g->view);
	revisions_close(&g->revisions);
	arena_clear(&g->arena);
}

/* The document, or how it was; errors are said. */
static lk_err
reading_open(struct request *r, struct reading *g, const struct subject *s)
{
	const char *at;

	TRY(param_string_or(r, "at", NULL, &at));
	TRY(revisions_open(r, &g->revisions, s, at, NULL));
	if (at != NULL)
		TRY(revision_view(
		    r, &g->revisions, g->revisions.base, at, &g->view));
	g->doc = at == NULL ? g->revisions.now : g->view;
	return LK_NONE;
}

static lk_err
reading_begin(struct request *r, struct reading *g, const struct subject *s,
    const char *path)
{
	struct base base;
	bool root;

	TRY(param_bool_or(r, "root", false, &root));
	TRY(base_find(&base, g->doc, s->name.type, root));
	TRY(pointer_follow(&g->place, g->doc, &base, path, &g->arena));
	if (!g->place.shown)
		return LK_ERR(LK_E_NOTFOUND, "nothing there");
	return LK_NONE;
}

static lk_err
reading_text(const struct reading *g)
{
	return g->place.item.is_obj && g->place.item.obj_type == OBJ_TEXT
	    ? LK_NONE
	    : LK_ERR(LK_E_DATA, "not a text");
}

static lk_err
reading_write(struct request *r, struct reading *g, void *ctx)
{
	struct buf *out = ctx;
	enum json_style style;
	bool typed, conflicts, spans;
	const char *path;

	TRY(param_string_or(r, "path", NULL, &path));
	TRY(param_bool_or(r, "typed", false, &typed));
	TRY(param_bool_or(r, "conflicts", false, &conflicts));
	TRY(param_bool_or(r, "spans", false, &spans));
	style = typed ? JSON_TYPED : JSON_PLAIN;
	if (conflicts && path == NULL) {
		TRY(conflicts_write_all(out, g->doc, &g->place, style));
	} else if (conflicts) {
		TRY(conflicts_write(out, g->doc, &g->place, style));
	} else if (spans) {
		TRY(reading_text(g));
		TRY(json_spans_write(out, g->doc, g->place.item.id, style));
	} else if (!typed && g->place.item.is_obj &&
	    g->place.item.obj_type == OBJ_TEXT) {
		TRY(doc_text(g->doc, g->place.item.id, out));
		TRY(buf_err(out, "it is too large"));
		json_add_bytes(r->result, "text", buf_bytes(out));
		return LK_NONE;
	} else {
		TRY(json_value_write(out, g->doc, &g->place.item, style));
	}
	TRY(buf_err(out, "it is too large"));
	json_add_bytes(r->result, "json", buf_bytes(out));
	return LK_NONE;
}

/* What a request wants of the place. */
typedef lk_err reading_fn(struct request *, struct reading *, void *ctx);

static lk_err
reading_run(struct request *r, reading_fn *run, void *ctx)
{
	struct reading g = { 0 };
	struct subject s;
	const char *path;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_string_or(r, "path", "", &path));
	json_add_subject(r->result, &s);
	json_add_text(r->result, "path", path);
	arena_init(&g.arena, CONTROL_LINE_MAX);
	err = reading_open(r, &g, &s);
	if (err.code != LK_OK) {
		reading_end(&g);
		return err;
	}
	err = reading_begin(r, &g, &s, path);
	if (err.code == LK_OK)
		err = run(r, &g, ctx);
	reading_end(&g);
	return err.code == LK_OK ? err : document_fail(r, &s, path, err);
}

static lk_err
doc_get_(struct request *r)
{
	BUF_SCOPED out = { .max = DOCUMENT_BODY_MAX };

	return reading_run(r, reading_write, &out);
}

struct cursor_wish {
	int64_t pos;
	bool before;
};

static lk_err
cursor_make(struct request *r, struct reading *g, void *ctx)
{
	const struct cursor_wish *w = ctx;
	BUF_SCOPED text = { .max = CONTROL_LINE_MAX };
	struct cursor c;
	lk_err err;

	TRY(reading_text(g));
	err = doc_cursor(
	    g->doc, g->place.item.id, (uint64_t)w->pos, w->before, &c);
	if (err.code == LK_E_LIMIT)
		return LK_ERR(LK_E_DATA, "beyond the end of the text");
	TRY(err);
	cursor_write(&text, &c);
	TRY(buf_err(&text, "cursor"));
	json_add_bytes(r->result, "cursor", buf_bytes(&text));
	return LK_NONE;
}

static lk_err
doc_cursor_(struct request *r)
{
	struct cursor_wish w;

	TRY(param_int(r, "pos", 0, INT64_MAX, &w.pos));
	TRY(param_bool_or(r, "before", false, &w.before));
	return reading_run(r, cursor_make, &w);
}

static lk_err
cursor_find(struct request *r, struct reading *g, void *ctx)
{
	uint64_t pos = 0;

	TRY(reading_text(g));
	TRY(text_position(g->doc, g->place.item.id, ctx, &pos));
	json_add_number(r->result, "pos", pos);
	return LK_NONE;
}

static lk_err
doc_position(struct request *r)
{
	const char *text;

	TRY(param_string(r, "cursor", &text));
	return reading_run(
	    r, cursor_find, json_object_object_get(r->params, "cursor"));
}

static const struct command table[] = {
	{ "doc.new", doc_new,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ "doc.list", doc_list, COMMAND_IDENTITY },
	{ "doc.rename", doc_rename,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ "doc.get", doc_get_, COMMAND_IDENTITY },
	{ "doc.cursor", doc_cursor_, COMMAND_IDENTITY },
	{ "doc.position", doc_position, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_document = table;
