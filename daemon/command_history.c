/* What changed, and who wrote what: diff, show, blame, quarantine. */
#include <string.h>

#include "base/limits.h"
#include "crdt/change.h"
#include "crdt/doc_history.h"
#include "daemon/blame_json.h"
#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/diff_json.h"
#include "daemon/document.h"
#include "daemon/revision.h"
#include "daemon/stranded_json.h"
#include "daemon/writers.h"

#define CONTEXT_MAX 1000000
#define QUARANTINE_PAGE 50
#define QUARANTINE_BYTES_MAX (8u * 1024 * 1024) /* of patches, in a page */
#define STRANDED_MAX 1000

/* A document and views of it. */
struct looking {
	struct subject subject;
	struct revisions revisions;
	struct doc *to, *from; /* NULL, or a view */
	struct diff_form form;
};

static void
looking_end(struct looking *l)
{
	doc_free(l->from);
	doc_free(l->to);
	revisions_close(&l->revisions);
}

static lk_err
looking_begin(
    struct request *r, struct looking *l, const char *rev, const char *other)
{
	bool typed, root;

	TRY(subject_find(r, &l->subject));
	TRY(param_bool_or(r, "typed", false, &typed));
	TRY(param_bool_or(r, "root", false, &root));
	l->form = (struct diff_form){ .context = -1,
		.style = typed ? JSON_TYPED : JSON_PLAIN,
		.content = !root && strcmp(l->subject.name.type, "map") != 0 };
	TRY(param_int_or(r, "context", 0, CONTEXT_MAX, &l->form.context));
	json_add_subject(r->result, &l->subject);
	return revisions_open(r, &l->revisions, &l->subject, rev, other);
}

static struct doc *
looking_to(const struct looking *l)
{
	return l->to == NULL ? l->revisions.now : l->to;
}

static lk_err
patches_add(struct request *r, struct looking *l)
{
	struct json_object *patches = json_object_new_array();
	lk_err err;

	json_object_object_add(r->result, "patches", patches);
	err = diff_json(patches, l->from, looking_to(l), &l->form);
	return err.code == LK_OK ? err : document_fail(r, &l->subject, "", err);
}

static lk_err
diff_run(struct request *r, struct looking *l)
{
	const char *from, *to;

	TRY(param_string_or(r, "from", NULL, &from));
	TRY(param_string_or(r, "to", NULL, &to));
	TRY(looking_begin(r, l, from, to));
	if (to != NULL)
		TRY(revision_view(
		    r, &l->revisions, l->revisions.base, to, &l->to));
	if (from != NULL)
		TRY(revision_view(
		    r, &l->revisions, looking_to(l), from, &l->from));
	else
		TRY(revision_before_last(
		    r, &l->revisions, looking_to(l), &l->from));
	return patches_add(r, l);
}

static lk_err
doc_diff_(struct request *r)
{
	struct looking l = { .to = NULL };
	lk_err err = diff_run(r, &l);

	looking_end(&l);
	return err;
}

/* The change itself, as its author wrote it. */
static lk_err
change_read(struct request *r, const struct subject *s,
    const struct change_info *info, const uint8_t hash[static LK_ID_LEN],
    struct arena *arena, struct change *out)
{
	BUF_SCOPED body = { 0 };
	struct bytes copy;

	buf_init(&body, CHANGE_BODY_MAX);
	TRY(replica_change_body(
	    r->replica, s->docno, info->number, hash, &body));
	copy = arena_copy(arena, buf_bytes(&body));
	if (copy.ptr == NULL)
		return LK_ERR(LK_E_NOMEM, "change");
	return change_decode(out, arena, copy);
}

static lk_err
change_add(struct request *r, const struct subject *s, const struct change *c,
    bool import)
{
	struct json_object *o = json_object_object_get(r->result, "change");
	struct json_object *names = NULL;
	lk_err err = LK_NONE;

	if (import) {
		err = writers_find(r, s, &names);
		/* Its author's time; the log tells when the import came. */
		json_add_time(o, "time", change_time(c->time));
	}
	json_add_writer(o, names, c->actor);
	json_object_put(names);
	json_add_change(o, c);
	return err;
}

/* The document just before a change. */
static lk_err
before_view(struct looking *l, const struct change *c, enum view_void how,
    struct arena *arena)
{
	uint8_t(*deps)[LK_ID_LEN] =
	    arena_alloc(arena, (c->deps_len + 1) * LK_ID_LEN);

	if (deps == NULL)
		return LK_ERR(LK_E_NOMEM, "dependencies");
	if (c->deps_len > 0)
		memcpy(deps, c->deps, c->deps_len * LK_ID_LEN);
	return doc_at(l->to, (const uint8_t(*)[LK_ID_LEN])deps, c->deps_len,
	    how, &l->from);
}

static lk_err
show_run(struct request *r, struct looking *l, struct arena *arena)
{
	const struct subject *s = &l->subject;
	uint8_t hash[1][LK_ID_LEN];
	struct doc_change_info info;
	struct change_info entry;
	struct change change;
	enum view_void how;
	const char *rev;
	struct doc *doc;

	TRY(param_string(r, "rev", &rev));
	TRY(looking_begin(r, l, NULL, NULL));
	doc = l->revisions.now;
	TRY(revision_change(r, &l->revisions, rev, hash[0]));
	TRY(replica_change(r->replica, s->docno, doc, hash[0], &entry));
	json_object_object_add(
	    r->result, "change", change_json(r->replica, s->docno, &entry));
	TRY(change_read(r, s, &entry, hash[0], arena, &change));
	TRY(change_add(r, s, &change, entry.is_import));
	TRY(doc_change(doc, hash[0], &info));
	/* What is void says what it would have done. */
	how = info.visible ? VIEW_JUDGED : VIEW_RAW;
	if (info.visible)
		TRY(json_add_stranded(
		    json_object_object_get(r->result, "change"), doc, &info));
	TRY(doc_at(doc, (const uint8_t(*)[LK_ID_LEN])hash, 1, how, &l->to));
	TRY(before_view(l, &change, how, arena));
	return patches_add(r, l);
}

/* What a void change would have done, as far as there is room for it. */
static lk_err
void_patches(struct request *r, struct looking *l,
    const struct change_info *info, struct json_object *entry, size_t *room)
{
	ARENA_SCOPED arena = { .max = (size_t)4 * CHANGE_BODY_MAX };
	struct json_object *patches = json_object_new_array();
	uint8_t hash[1][LK_ID_LEN];
	struct change change;
	lk_err err;

	memcpy(hash[0], info->hash, LK_ID_LEN);
	err = change_read(r, &l->subject, info, hash[0], &arena, &change);
	if (err.code == LK_OK)
		err = doc_at(l->revisions.now,
		    (const uint8_t(*)[LK_ID_LEN])hash, 1, VIEW_RAW, &l->to);
	if (err.code == LK_OK)
		err = before_view(l, &change, VIEW_RAW, &arena);
	if (err.code == LK_OK)
		err = diff_json(patches, l->from, l->to, &l->form);
	doc_free(l->from);
	doc_free(l->to);
	l->from = l->to = NULL;
	/* Larger than an answer is lk show's to tell. */
	if (err.code == LK_OK &&
	    answer_take(room, strlen(json_object_to_json_string(patches)))
		    .code == LK_OK) {
		json_object_object_add(entry, "patches", patches);
		return LK_NONE;
	}
	json_object_put(patches);
	json_object_object_add(entry, "patches", NULL);
	return err.code == LK_E_LIMIT ? LK_NONE : err;
}

/* A void change or import, or a denial that is void. */
static lk_err
void_entry(struct request *r, struct looking *l, const struct change_info *info,
    struct json_object *list, size_t *room)
{
	uint32_t docno = l->subject.docno, number = info->number;
	bool content = change_counts(info);
	struct json_object *o = change_json(r->replica, docno, info);
	struct change_info again;

	json_object_array_add(list, o);
	json_object_object_add(
	    o, "by", voider_json(r->replica, docno, info->voided_by));
	if (!content || info->is_import)
		return LK_NONE;
	TRY(replica_entry(r->replica, docno, number, &again));
	return void_patches(r, l, &again, o, room);
}

/* Pairs of a change that counts and a void one that what it says waits for. */
struct stranded {
	struct doc *doc;
	struct json_object *list;
};

static lk_err
stranded_add(void *ctx, const struct doc_stranded *found)
{
	struct stranded *st = ctx;
	struct doc_change_info change, ghost;
	struct json_object *o, *last;
	size_t len = json_object_array_length(st->list);

	TRY(doc_op_change(st->doc, found->op, &change));
	for (size_t i = 0; i < found->because_len; i++) {
		TRY(doc_op_change(st->doc, found->because[i], &ghost));
		o = json_object_new_object();
		json_add_id(o, "change", BYTES_OF(change.hash));
		json_add_id(o, "waits_for", BYTES_OF(ghost.hash));
		last = len == 0 ? NULL
				: json_object_array_get_idx(st->list, len - 1);
		if (len == STRANDED_MAX ||
		    (last != NULL && json_object_equal(last, o))) {
			json_object_put(o);
			continue;
		}
		json_object_array_add(st->list, o);
		len++;
	}
	return LK_NONE;
}

static lk_err
quarantine_run(struct request *r, struct looking *l)
{
	struct json_object *list = json_object_new_array();
	struct stranded st = { .list = json_object_new_array() };
	size_t room = QUARANTINE_BYTES_MAX;
	struct change_info info;
	int64_t after = 0;

	TRY(param_int_or(r, "after", 0, UINT32_MAX, &after));
	TRY(looking_begin(r, l, NULL, NULL));
	json_object_object_add(r->result, "void", list);
	json_object_object_add(r->result, "stranded", st.list);
	json_object_object_add(r->result, "next", NULL);
	st.doc = l->revisions.now;
	TRY(doc_stranded(st.doc, stranded_add, &st));
	for (uint32_t n = (uint32_t)after;; n++) {
		struct graph *g;
		bool counts;

		TRY(replica_graph(r->replica, l->subject.docno, &g));
		if (n >= graph_len(g))
			return LK_NONE;
		TRY(replica_entry(r->replica, l->subject.docno, n, &info));
		if (change_counts(&info)
			? info.visible
			: !graph_denies(g, n, &counts) || counts)
			continue;
		if (json_object_array_length(list) == QUARANTINE_PAGE) {
			json_add_number(r->result, "next", n);
			return LK_NONE;
		}
		TRY(void_entry(r, l, &info, list, &room));
	}
}

static lk_err
doc_quarantine(struct request *r)
{
	struct looking l = { .to = NULL };
	lk_err err = quarantine_run(r, &l);

	looking_end(&l);
	return err;
}

static lk_err
doc_show(struct request *r)
{
	struct looking l = { .to = NULL };
	ARENA_SCOPED arena = { .max = (size_t)4 * CHANGE_BODY_MAX };
	lk_err err = show_run(r, &l, &arena);

	looking_end(&l);
	return err;
}

static lk_err
blame_run(struct request *r, struct looking *l, struct arena *arena)
{
	const struct subject *s = &l->subject;
	struct base base;
	struct place place;
	const char *path, *at;
	lk_err err;

	TRY(param_string_or(r, "path", "", &path));
	TRY(param_string_or(r, "at", NULL, &at));
	TRY(looking_begin(r, l, at, NULL));
	json_add_text(r->result, "path", path);
	if (at != NULL)
		TRY(revision_view(
		    r, &l->revisions, l->revisions.base, at, &l->to));
	err = base_find(&base, looking_to(l),
	    l->form.content ? s->name.type : "map", false);
	if (err.code == LK_OK)
		err = pointer_follow(&place, looking_to(l), &base, path, arena);
	if (err.code == LK_OK && !place.shown)
		err = LK_ERR(LK_E_NOTFOUND, "nothing there");
	if (err.code == LK_OK)
		err =
		    blame_json(r, s, l->revisions.base, looking_to(l), &place);
	return err.code == LK_OK ? err : document_fail(r, s, path, err);
}

static lk_err
doc_blame_(struct request *r)
{
	struct looking l = { .to = NULL };
	ARENA_SCOPED arena = { .max = CONTROL_LINE_MAX };
	lk_err err = blame_run(r, &l, &arena);

	looking_end(&l);
	return err;
}

static const struct command table[] = {
	{ "doc.diff", doc_diff_, COMMAND_IDENTITY },
	{ "doc.show", doc_show, COMMAND_IDENTITY },
	{ "doc.blame", doc_blame_, COMMAND_IDENTITY },
	{ "doc.quarantine", doc_quarantine, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_history = table;
