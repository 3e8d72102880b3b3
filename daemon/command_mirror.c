/* Mirrors: folders of files kept in step with documents. */
#include <libgen.h>
#include <string.h>

#include "daemon/commands.h"
#include "daemon/document.h"
#include "daemon/mirror.h"
#include "daemon/mirror_plan.h"
#include "mirror/scan.h"

/* Everything that people can get wrong is found before the first write. */
#define CHANGES (COMMAND_IDENTITY | COMMAND_WRITES)
#define TROUBLES_MAX 100
#define ADD_HINT "lk mirror add DIR DOC takes a document there is"

static bool
is_within(const char *dir, const char *of)
{
	size_t len = strlen(of);

	return strncmp(dir, of, len) == 0 &&
	    (dir[len] == '\0' || dir[len] == '/' || of[len - 1] == '/');
}

static bool
overlaps(const char *a, const char *b)
{
	return is_within(a, b) || is_within(b, a);
}

/* The folder of param "dir": absolute, without links. */
static lk_err
param_dir(struct request *r, const char **out)
{
	const struct mirror *m;
	const char *dir;

	TRY(param_string(r, "dir", &dir));
	if (dir[0] != '/' || strlen(dir) >= PATH_MAX)
		return request_fail(r, LK_ERR(LK_E_USAGE, "read folder"),
		    "dir: expected an absolute path");
	if (overlaps(dir, r->daemon->options.home))
		return request_fail(r, LK_ERR(LK_E_USAGE, "read folder"),
		    "%s: it overlaps the store", dir);
	LIST_FOREACH (m, &r->daemon->mirrors->all, link)
		if (overlaps(dir, m->dir))
			return request_fail(r,
			    LK_ERR(LK_E_EXISTS, "read folder"),
			    "%s: %s is mirrored already", dir, m->dir);
	*out = dir;
	return LK_NONE;
}

/* All of it or, on an error, nothing: it is written before it has a name. */
static lk_err
document_make(struct request *r, const char *name, uint32_t *docno)
{
	lk_err err;

	TRY(replica_nest(r->replica));
	err = replica_create(r->replica, name, "map", NULL, NULL, docno);
	TRY(replica_unnest(r->replica, err.code == LK_OK));
	return err;
}

/* The document to mirror; without one a new one, called as the folder. */
static lk_err
subject_of(struct request *r, const char *dir, struct subject *s)
{
	char path[PATH_MAX];
	const char *name;
	uint32_t docno;

	if (json_object_object_get_ex(r->params, "doc", NULL)) {
		TRY(subject_find(r, s));
		if (strcmp(s->name.type, "map") != 0) {
			request_hint(r, "lk new makes one");
			return request_fail(r, LK_ERR(LK_E_DATA, "mirror"),
			    "%s: only a map holds files", s->name.name);
		}
		if (mirror_of(r->daemon, s->docno) != NULL)
			return request_fail(r, LK_ERR(LK_E_EXISTS, "mirror"),
			    "%s: it is mirrored in %s", s->name.name,
			    mirror_of(r->daemon, s->docno)->dir);
		return LK_NONE;
	}
	(void)strlcpy(path, dir, sizeof(path));
	name = basename(path);
	TRY(document_name_check(r, name, ADD_HINT));
	TRY(document_make(r, name, &docno));
	return subject_load(r, docno, s);
}

/* The document that is there, or 0: a new one would be made. */
static lk_err
plan_subject(struct request *r, const char *dir, uint32_t *docno)
{
	char path[PATH_MAX];
	struct subject s;
	const char *name;

	*docno = 0;
	if (json_object_object_get_ex(r->params, "doc", NULL)) {
		TRY(subject_of(r, dir, &s));
		*docno = s.docno;
		json_add_subject(r->result, &s);
		return LK_NONE;
	}
	(void)strlcpy(path, dir, sizeof(path));
	name = basename(path);
	TRY(document_name_check(r, name, ADD_HINT));
	json_add_text(r->result, "name", name);
	return LK_NONE;
}

static lk_err
mirror_plan(struct request *r)
{
	BUF_SCOPED scan = { .max = SCAN_BYTES_MAX };
	const char *dir;
	uint32_t docno;
	int64_t handle;

	TRY(param_dir(r, &dir));
	TRY(param_int(r, "upload", 0, INT64_MAX, &handle));
	TRY(plan_subject(r, dir, &docno));
	TRY(request_upload(r, handle, &scan));
	json_add_text(r->result, "dir", dir);
	json_add_flag(r->result, "dry_run", true);
	json_add_flag(r->result, "new", docno == 0);
	return mirror_plan_add(r, docno, buf_bytes(&scan));
}

static lk_err
mirror_add(struct request *r)
{
	struct folder folder = { .fd = -1 };
	struct mirror *m;
	struct subject s;
	const char *dir;
	bool paused;
	lk_err err;

	TRY(param_dir(r, &dir));
	TRY(param_bool_or(r, "paused", false, &paused));
	err = folder_open(&folder, dir);
	folder_close(&folder);
	/* The sandbox lets through what was mirrored when the daemon began. */
	if (err.code != LK_OK && err.code != LK_E_DENIED)
		return request_fail(r, err, "%s: %s", dir,
		    err.code == LK_E_SYS ? strerror(err.sys) : err.what);
	json_add_flag(r->result, "restart", err.code == LK_E_DENIED);
	TRY(subject_of(r, dir, &s));
	TRY(mirror_new(r->daemon, s.docno, dir, &m));
	if (err.code == LK_E_DENIED)
		mirror_fail(m, r->daemon, err);
	if (paused) {
		mirror_pause(r->daemon, m, true);
		TRY(mirror_save(r->daemon, m));
	}
	json_add_subject(r->result, &s);
	json_add_text(r->result, "dir", dir);
	return LK_NONE;
}

/* The mirror that param "mirror" names by its folder or its document. */
static lk_err
mirror_find(struct request *r, struct mirror **out)
{
	const char *what, *dir;
	struct subject s;
	struct mirror *m;

	TRY(param_string(r, "mirror", &what));
	TRY(param_string_or(r, "dir", what, &dir));
	LIST_FOREACH (m, &r->daemon->mirrors->all, link)
		if (strcmp(m->dir, dir) == 0) {
			*out = m;
			return LK_NONE;
		}
	TRY(subject_named(r, what, &s));
	*out = mirror_of(r->daemon, s.docno);
	if (*out != NULL)
		return LK_NONE;
	request_hint(r, "lk mirror ls lists what is mirrored");
	return request_fail(r, LK_ERR(LK_E_NOTFOUND, "find a mirror"),
	    "%s: not mirrored here", what);
}

static lk_err
mirror_tell(struct request *r, const struct mirror *m, struct json_object *o)
{
	struct subject s;

	json_add_text(o, "dir", m->dir);
	TRY(subject_load(r, m->docno, &s));
	json_add_subject(o, &s);
	return LK_NONE;
}

static const char *const state_words[] = {
	[MIRROR_BEGINS] = "begins",
	[MIRROR_LIVE] = "live",
	[MIRROR_PAUSED] = "paused",
	[MIRROR_ASKS] = "asks",
	[MIRROR_BROKEN] = "stopped",
};

/* How it goes, and why not better. */
static lk_err
state_add(struct request *r, const struct mirror *m, struct json_object *o)
{
	struct subject s;

	json_add_text(o, "state", state_words[m->state]);
	TRY(subject_load(r, m->docno, &s));
	if (m->why != NULL)
		json_add_text(o, "why", m->why);
	else if (s.summary.revoked)
		json_add_text(o, "why",
		    "this device has no access to the document any more: "
		    "what is here stays, nothing comes or goes");
	return LK_NONE;
}

static lk_err
mirror_rm(struct request *r)
{
	struct mirror *m;

	TRY(mirror_find(r, &m));
	TRY(mirror_tell(r, m, r->result));
	return mirror_end(r->daemon, m);
}

static lk_err
pause_set(struct request *r, bool pause)
{
	struct mirror *m;

	TRY(mirror_find(r, &m));
	mirror_pause(r->daemon, m, pause);
	TRY(mirror_save(r->daemon, m));
	return mirror_tell(r, m, r->result);
}

static lk_err
mirror_pause_(struct request *r)
{
	return pause_set(r, true);
}

static lk_err
mirror_resume(struct request *r)
{
	return pause_set(r, false);
}

/* The name of a file, which may be any bytes, as UTF-8. */
static void
json_add_path(struct json_object *o, const char *path)
{
	struct bytes left = BYTES_STR(path);
	BUF_SCOPED text = { .max = 3 * PATH_MAX + 1 };

	while (left.len > 0) {
		size_t n = left.len < 4 ? left.len : 4;

		while (n > 0 &&
		    (!utf8_valid(BYTES(left.ptr, n)) ||
			utf8_count(BYTES(left.ptr, n)) != 1))
			n--;
		if (n > 0)
			buf_mem(&text, left.ptr, n);
		else
			buf_str(&text, "\xef\xbf\xbd");
		n += n == 0;
		left = BYTES(left.ptr + n, left.len - n);
	}
	buf_u8(&text, '\0');
	json_add_text(o, "path", text.failed ? "" : (const char *)text.ptr);
}

static void
trouble_add(struct json_object *list, const char *path, const char *why)
{
	struct json_object *o;

	if (why == NULL || json_object_array_length(list) >= TROUBLES_MAX)
		return;
	o = json_object_new_object();
	json_add_path(o, path);
	json_add_text(o, "why", why);
	json_object_array_add(list, o);
}

/* What is not in step, and why: what only takes its time has no reason. */
static void
pending_add(struct json_object *o, struct mirror *m)
{
	struct json_object *list = json_object_new_array();
	struct touched *t;
	struct mirrored *f;
	size_t pending = m->missing;

	RB_FOREACH (t, touched_tree, &m->touched) {
		pending += t->trouble == NULL;
		trouble_add(list, t->path, t->trouble);
	}
	RB_FOREACH (f, mirrored_ids, &m->ids) {
		pending += f->to_look || (f->to_write && f->trouble == NULL);
		if (f->shown != NULL && mirrored_shown_at(m, f->shown) != f)
			trouble_add(list, f->shown,
			    "another file has this name: its maker unites "
			    "them");
		else
			trouble_add(list,
			    f->shown != NULL      ? f->shown
				: f->path != NULL ? f->path
						  : f->id.hex,
			    f->trouble);
	}
	if (m->state == MIRROR_BEGINS || m->changed || m->look_all)
		pending++;
	json_add_number(o, "pending", pending);
	json_object_object_add(o, "troubles", list);
}

static lk_err
mirror_list(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct mirror *m;

	json_object_object_add(r->result, "mirrors", list);
	LIST_FOREACH (m, &r->daemon->mirrors->all, link) {
		struct json_object *o = json_object_new_object();

		json_object_array_add(list, o);
		TRY(mirror_tell(r, m, o));
		TRY(state_add(r, m, o));
		json_add_number(o, "files", m->based);
		json_add_number(
		    o, "gone", m->state != MIRROR_ASKS ? 0
			: m->lost > 0               ? m->lost
						    : m->missing);
		pending_add(o, m);
	}
	json_object_array_sort(list, json_name_compare);
	return LK_NONE;
}

static const struct command table[] = {
	{ "mirror.add", mirror_add, CHANGES },
	{ "mirror.list", mirror_list, COMMAND_IDENTITY },
	{ "mirror.plan", mirror_plan, COMMAND_IDENTITY },
	{ "mirror.pause", mirror_pause_, CHANGES },
	{ "mirror.resume", mirror_resume, CHANGES },
	{ "mirror.rm", mirror_rm, CHANGES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_mirror = table;
