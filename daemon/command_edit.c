/* Edits of one document: set, rm, insert, inc, splice, apply, edit. */
#include <string.h>

#include "base/limits.h"
#include "daemon/commands.h"
#include "daemon/document.h"
#include "daemon/json_text.h"
#include "daemon/patch.h"

#define EDITS (COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED)

/* A value of an edit: params "json" (a JSON text) and "as". */
struct assignment {
	const char *path;
	json_object *value;
	enum value_as as;
	bool insert;
};

/* Param `key` as bytes, NULs and all. */
static lk_err
param_bytes(struct request *r, const char *key, struct bytes *out)
{
	json_object *text;

	if (!json_object_object_get_ex(r->params, key, &text) ||
	    !json_object_is_type(text, json_type_string))
		return request_fail(r, LK_ERR(LK_E_USAGE, "read parameters"),
		    "%s: expected a string", key);
	*out = json_string_bytes(text);
	return LK_NONE;
}

static lk_err
flaw_fail(struct request *r, const char *subject, lk_err err,
    const struct json_flaw *flaw)
{
	return request_fail(r, err,
	    "%s: not valid JSON: line %zu, column %zu: %s", subject, flaw->line,
	    flaw->column, err.what);
}

static lk_err
param_json(
    struct request *r, const char *key, const char *hint, json_object **out)
{
	struct json_flaw flaw;
	struct bytes text;
	lk_err err;

	TRY(param_bytes(r, key, &text));
	err = json_text_parse(out, text, &flaw);
	if (err.code != LK_OK) {
		if (hint != NULL)
			request_hint(r, "%s", hint);
		return flaw_fail(r, "value", err, &flaw);
	}
	return LK_NONE;
}

static lk_err
assignment_make(void *ctx, struct site *site)
{
	const struct assignment *a = ctx;

	return a->insert ? site_insert(site, a->path, a->value, a->as)
			 : site_set(site, a->path, a->value, a->as);
}

static lk_err
assign(struct request *r, bool insert)
{
	struct assignment a = { .insert = insert };
	const char *as;
	lk_err err;

	TRY(param_string(r, "path", &a.path));
	TRY(param_string_or(r, "as", NULL, &as));
	err = value_as_read(&a.as, as);
	if (err.code != LK_OK)
		return request_fail(r, err, "as: %s: %s", as, err.what);
	TRY(param_json(r, "json",
	    "a string is written '\"like this\"', or with --string", &a.value));
	err = document_edit(r, assignment_make, &a);
	json_object_put(a.value);
	return err;
}

static lk_err
edit_set(struct request *r)
{
	return assign(r, false);
}

static lk_err
edit_insert_(struct request *r)
{
	return assign(r, true);
}

struct removal {
	const char *path;
};

static lk_err
rm_make(void *ctx, struct site *site)
{
	const struct removal *rm = ctx;

	return site_rm(site, rm->path);
}

static lk_err
edit_rm(struct request *r)
{
	struct removal rm;

	TRY(param_string(r, "path", &rm.path));
	return document_edit(r, rm_make, &rm);
}

struct increment {
	const char *path;
	int64_t by;
};

static lk_err
inc_make(void *ctx, struct site *site)
{
	const struct increment *i = ctx;

	return site_inc(site, i->path, i->by);
}

static lk_err
edit_inc(struct request *r)
{
	struct increment i = { .by = 1 };

	TRY(param_string(r, "path", &i.path));
	TRY(param_int_or(r, "by", INT64_MIN, INT64_MAX, &i.by));
	return document_edit(r, inc_make, &i);
}

struct splice {
	const char *path;
	json_object *pos;
	int64_t del;
	struct bytes text;
};

static lk_err
splice_make(void *ctx, struct site *site)
{
	const struct splice *s = ctx;

	return site_splice(site, s->path, s->pos, (uint64_t)s->del, s->text);
}

/* A position, which site_text.c reads; absent is no position. */
static lk_err
param_position(struct request *r, const char *key, json_object **out)
{
	if (json_object_object_get_ex(r->params, key, out) && *out != NULL)
		return LK_NONE;
	return request_fail(r, LK_ERR(LK_E_USAGE, "read parameters"),
	    "%s: a number or a cursor is needed", key);
}

static lk_err
edit_splice_(struct request *r)
{
	struct splice s = { 0 };

	TRY(param_string(r, "path", &s.path));
	TRY(param_position(r, "pos", &s.pos));
	TRY(param_int_or(r, "del", 0, INT64_MAX, &s.del));
	if (json_object_object_get_ex(r->params, "text", NULL))
		TRY(param_bytes(r, "text", &s.text));
	if (!utf8_valid(s.text))
		return request_fail(
		    r, LK_ERR(LK_E_DATA, "read text"), "the text is not UTF-8");
	return document_edit(r, splice_make, &s);
}

struct marking {
	const char *path;
	struct site_mark mark;
};

static lk_err
mark_make(void *ctx, struct site *site)
{
	const struct marking *m = ctx;

	return site_mark(site, m->path, &m->mark);
}

/* The value; true when none is given. */
static lk_err
marking_value(struct request *r, struct marking *m)
{
	const char *as;
	lk_err err;

	TRY(param_string_or(r, "as", NULL, &as));
	err = value_as_read(&m->mark.as, as);
	if (err.code != LK_OK)
		return request_fail(r, err, "as: %s: %s", as, err.what);
	if (json_object_object_get_ex(r->params, "json", NULL))
		return param_json(r, "json",
		    "a string is written '\"like this\"', or with --string",
		    &m->mark.value);
	m->mark.value = json_object_new_boolean(true);
	return LK_NONE;
}

static lk_err
edit_mark_(struct request *r)
{
	struct marking m = { 0 };
	const char *expand;
	lk_err err;

	TRY(param_string(r, "path", &m.path));
	TRY(param_position(r, "from", &m.mark.from));
	TRY(param_position(r, "to", &m.mark.to));
	TRY(param_bytes(r, "name", &m.mark.name));
	TRY(param_string_or(r, "expand", NULL, &expand));
	err = mark_expand_read(&m.mark.expand, expand);
	if (err.code != LK_OK)
		return request_fail(r, err, "expand: %s: %s", expand, err.what);
	TRY(marking_value(r, &m));
	err = document_edit(r, mark_make, &m);
	json_object_put(m.mark.value);
	return err;
}

struct application {
	struct request *request;
	json_object *ops;
	struct patch_fault fault;
};

static lk_err
apply_make(void *ctx, struct site *site)
{
	struct application *a = ctx;

	return patch_apply(site, a->ops, &a->fault);
}

static lk_err
edit_apply(struct request *r)
{
	struct application a = { .request = r };
	struct json_flaw flaw;
	struct bytes patch;
	lk_err err;

	TRY(param_bytes(r, "patch", &patch));
	err = patch_read(&a.ops, patch, &flaw);
	if (err.code != LK_OK) {
		request_hint(r, "it is a JSON Patch, or edits one a line");
		return flaw_fail(r, "patch", err, &flaw);
	}
	err = document_edit(r, apply_make, &a);
	/* Which of many failed matters more than the document's name. */
	if (err.code != LK_OK && a.fault.path != NULL)
		err = request_fail(r, err, "operation %zu%s%s: %s",
		    a.fault.index + 1, a.fault.path[0] == '\0' ? "" : ": ",
		    a.fault.path, err.what);
	if (err.code == LK_OK)
		json_add_number(
		    r->result, "operations", json_object_array_length(a.ops));
	json_object_put(a.ops);
	return err;
}

/* What came out of an editor: the new state and the one it was made from. */
struct rewriting {
	const char *path;
	struct bytes base_text, text;
	json_object *base, *wanted; /* instead, for JSON */
	bool json;
};

static lk_err
text_rewrite(
    const struct rewriting *w, struct site *site, struct tree_place *at)
{
	struct tree base = { .kind = TREE_TEXT, .text = w->base_text };
	struct tree wanted = { .kind = TREE_TEXT, .text = w->text };

	return edit_tree(site->edit, site->doc,
	    &(struct tree_change){
		.at = at, .base = &base, .wanted = &wanted });
}

static lk_err
rewrite_make(void *ctx, struct site *site)
{
	const struct rewriting *w = ctx;
	struct json_change change = {
		.base = w->base, .wanted = w->wanted, .has_base = true
	};
	struct tree_place at;
	struct place p;

	TRY(pointer_follow(&p, site->doc, &site->base, w->path, site->arena));
	if (!p.shown)
		return LK_ERR(LK_E_NOTFOUND, "nothing there");
	at = (struct tree_place){ .obj = p.obj, .prop = p.prop };
	if (!w->json) {
		if (!p.item.is_obj || p.item.obj_type != OBJ_TEXT)
			return LK_ERR(LK_E_DATA, "not a text");
		return text_rewrite(w, site, &at);
	}
	change.at = p.root ? NULL : &at;
	return json_value_edit(site->edit, site->doc, &change);
}

static lk_err
edit_rewrite(struct request *r)
{
	struct rewriting w = { 0 };
	lk_err err = LK_NONE;

	TRY(param_string_or(r, "path", "", &w.path));
	TRY(param_bool_or(r, "json", false, &w.json));
	if (w.json) {
		TRY(param_json(r, "base", NULL, &w.base));
		err = param_json(r, "wanted", NULL, &w.wanted);
	} else {
		TRY(param_bytes(r, "base", &w.base_text));
		TRY(param_bytes(r, "wanted", &w.text));
		if (!utf8_valid(w.base_text) || !utf8_valid(w.text))
			return request_fail(r, LK_ERR(LK_E_DATA, "read text"),
			    "the text is not UTF-8");
	}
	if (err.code == LK_OK)
		err = document_edit(r, rewrite_make, &w);
	json_object_put(w.base);
	json_object_put(w.wanted);
	return err;
}

static const struct command table[] = {
	{ "doc.set", edit_set, EDITS },
	{ "doc.rm", edit_rm, EDITS },
	{ "doc.insert", edit_insert_, EDITS },
	{ "doc.inc", edit_inc, EDITS },
	{ "doc.splice", edit_splice_, EDITS },
	{ "doc.mark", edit_mark_, EDITS },
	{ "doc.apply", edit_apply, EDITS },
	{ "doc.rewrite", edit_rewrite, EDITS },
	{ NULL, NULL, 0 },
};

const struct command *const commands_edit = table;
