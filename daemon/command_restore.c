/* Going back: restore, undo. */
#include <string.h>

#include "base/limits.h"
#include "base/shell.h"
#include "daemon/commands.h"
#include "daemon/document.h"
#include "daemon/revision.h"

/* What a path showed then, and shall show again. */
struct past {
	struct arena arena;
	const char *path;
	bool whole; /* the root, a map */
	bool shown; /* something was there */
	struct tree tree;
};

static lk_err
past_look(struct past *p, struct doc *view, const char *type, bool root)
{
	struct item item = { .is_obj = true, .obj_type = OBJ_MAP };
	struct place place;
	struct base base;

	TRY(base_find(&base, view, type, root));
	TRY(pointer_follow(&place, view, &base, p->path, &p->arena));
	p->whole = place.root;
	p->shown = place.root || place.shown;
	item.id = DOC_ROOT;
	if (!place.root)
		item = place.item;
	/* What a shorter list did not have is nothing to go back to. */
	if (!p->shown && place.obj_type != OBJ_MAP)
		return LK_ERR(LK_E_NOTFOUND, "nothing was there");
	return p->shown ? tree_read(&p->tree, view, &item, TREE_FULL, &p->arena)
			: LK_NONE;
}

static lk_err
past_read(struct request *r, const struct subject *s, struct past *p)
{
	char quoted[SHELL_WORD_MAX];
	struct revisions revisions;
	struct doc *view = NULL;
	const char *rev;
	bool root;
	lk_err err;

	TRY(param_string(r, "rev", &rev));
	TRY(param_bool_or(r, "root", false, &root));
	TRY(revisions_open(r, &revisions, s, rev, NULL));
	err = revision_view(r, &revisions, revisions.base, rev, &view);
	if (err.code == LK_OK) {
		err = past_look(p, view, s->name.type, root);
		if (err.code != LK_OK) {
			request_hint(r,
			    "lk get --at %s %s shows what was there", rev,
			    shell_word(quoted, s->name.name));
			err = request_fail(r, err, "%s%s%s: at %s: %s",
			    s->name.name, p->path[0] == '\0' ? "" : " ",
			    p->path, rev, err.what);
		}
	}
	doc_free(view);
	revisions_close(&revisions);
	return err;
}

static lk_err
past_make(void *ctx, struct site *site)
{
	struct past *past = ctx;
	struct tree_change change = { .wanted = &past->tree,
		.detail = TREE_FULL };
	struct tree_place at;
	struct place p;
	uint64_t length;

	if (past->whole)
		return edit_tree(site->edit, site->doc, &change);
	TRY(pointer_follow(
	    &p, site->doc, &site->base, past->path, site->arena));
	if (!past->shown)
		return p.shown
		    ? edit_delete(site->edit, p.obj, p.prop)
		    : LK_ERR(LK_E_NOTFOUND, "nothing there, then or now");
	at = (struct tree_place){ .obj = p.obj, .prop = p.prop };
	if (p.shown || p.obj_type == OBJ_MAP) {
		change.at = &at;
		return edit_tree(site->edit, site->doc, &change);
	}
	TRY(doc_length(site->doc, p.obj, &length));
	if (p.prop.index > length)
		return LK_ERR(LK_E_NOTFOUND, "the list is shorter now");
	at.insert = true;
	return edit_assign(site->edit, &at, &past->tree);
}

static lk_err
restore(struct request *r)
{
	struct past past = { .shown = false };
	struct subject s;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_string_or(r, "path", "", &past.path));
	arena_init(&past.arena, TREE_BYTES_MAX);
	err = past_read(r, &s, &past);
	if (err.code == LK_OK)
		err = document_edit(r, past_make, &past);
	arena_clear(&past.arena);
	return err;
}

static lk_err
undo(struct request *r)
{
	char quoted[SHELL_WORD_MAX];
	struct undo_report report;
	struct subject s;
	bool redo;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_bool_or(r, "redo", false, &redo));
	err = replica_undo(r->replica, s.docno, redo, &report);
	if (err.code == LK_E_NOTFOUND) {
		request_hint(r, "lk log %s lists the changes",
		    shell_word(quoted, s.name.name));
		return request_fail(r, err,
		    redo ? "%s: this device has undone nothing"
			 : "%s: nothing of this device's is left to undo",
		    s.name.name);
	}
	if (err.code != LK_OK)
		return document_fail(r, &s, "", err);
	json_add_subject(r->result, &s);
	json_add_flag(r->result, "changed", report.changed);
	json_add_id(r->result, "hash",
	    report.changed ? BYTES_OF(report.hash) : BYTES(NULL, 0));
	json_add_id(r->result, "of", BYTES_OF(report.of));
	return LK_NONE;
}

static const struct command table[] = {
	{ "doc.restore", restore,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ "doc.undo", undo,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ NULL, NULL, 0 },
};

const struct command *const commands_restore = table;
