#include "daemon/blame_json.h"

#include <string.h>

#include "base/limits.h"
#include "crdt/doc_blame.h"
#include "crdt/doc_history.h"
#include "daemon/change_json.h"
#include "daemon/json_value.h"
#include "daemon/writers.h"

struct blame_writer {
	struct request *r;
	const struct subject *subject;
	struct doc *present, *doc;
	struct json_object *runs, *changes; /* changes: by their hashes */
	struct json_object *names;          /* of writers; NULL: none yet */
	struct buf path;
	size_t depth;
	bool map;    /* the object at hand is one */
	size_t room; /* for the runs */
};

/* What was said about a change once is not said again. */
static lk_err
change_tell(struct blame_writer *w, const struct doc_change_info *info,
    struct json_object *run)
{
	char hex[2 * LK_ID_LEN + 1];
	struct change_info entry;
	struct json_object *o;
	struct bytes id;
	bool import = true;
	lk_err err;

	hex_encode(hex, BYTES_OF(info->hash));
	json_add_text(run, "hash", hex);
	if (json_object_object_get_ex(w->changes, hex, NULL))
		return LK_NONE;
	err = replica_change(
	    w->r->replica, w->subject->docno, w->present, info->hash, &entry);
	if (err.code == LK_OK) {
		import = entry.is_import;
		o = change_json(w->r->replica, w->subject->docno, &entry);
	} else if (err.code == LK_E_NOTFOUND) {
		/* Of a branch: nobody's here. */
		o = json_object_new_object();
		json_add_flag(o, "import", true);
	} else {
		return err;
	}
	json_object_object_add(w->changes, hex, o);
	json_add_text(o, "hash", hex);
	if (import && w->names == NULL)
		TRY(writers_find(w->r, w->subject, &w->names));
	TRY(doc_actor(w->present, info->actor, &id));
	json_add_writer(o, w->names, id);
	return LK_NONE;
}

/* New: one with the path at hand, and room for a value of this length. */
static lk_err
run_new(struct blame_writer *w, size_t len, struct json_object **out)
{
	struct json_object *o;

	TRY(answer_take(&w->room, w->path.len + len));
	o = json_object_new_object();
	json_object_array_add(w->runs, o);
	json_add_bytes(o, "path", buf_bytes(&w->path));
	*out = o;
	return LK_NONE;
}

static lk_err
text_run(void *ctx, const struct blame_run *run)
{
	struct blame_writer *w = ctx;
	struct json_object *o;

	TRY(run_new(w, run->text.len, &o));
	json_add_number(o, "start", run->start);
	json_add_number(o, "length", run->length);
	json_add_bytes(o, "text", run->text);
	return change_tell(w, &run->change, o);
}

/* A scalar, or what holds nothing. */
static lk_err
leaf_tell(struct blame_writer *w, const struct item *item)
{
	struct doc_change_info info;
	struct json_object *o;
	BUF_SCOPED json = { 0 };

	buf_init(&json, DOCUMENT_BODY_MAX);
	TRY(json_value_write(&json, w->doc, item, JSON_PLAIN));
	TRY(run_new(w, json.len, &o));
	json_add_bytes(o, "json", buf_bytes(&json));
	if (item->id.ctr == 0)
		return LK_NONE;
	TRY(doc_op_change(w->doc, item->id, &info));
	return change_tell(w, &info, o);
}

static lk_err item_tell(struct blame_writer *, const struct item *);

static lk_err
member_tell(void *ctx, const struct doc_visit *v)
{
	struct blame_writer *w = ctx;
	size_t len = w->path.len;
	bool map = w->map;
	lk_err err;

	if (!v->winner)
		return LK_NONE;
	if (map)
		pointer_step(&w->path, v->key);
	else
		buf_printf(&w->path, "/%llu", (unsigned long long)v->index);
	TRY(buf_err(&w->path, "path"));
	err = item_tell(w, &v->item);
	w->path.len = len;
	w->map = map;
	return err;
}

static lk_err
item_tell(struct blame_writer *w, const struct item *item)
{
	uint64_t length;
	lk_err err;

	if (!item->is_obj)
		return leaf_tell(w, item);
	TRY(doc_length(w->doc, item->id, &length));
	if (length == 0)
		return leaf_tell(w, item);
	if (item->obj_type == OBJ_TEXT)
		return doc_blame(w->doc, item->id, text_run, w);
	if (w->depth == TREE_DEPTH_MAX)
		return LK_ERR(LK_E_LIMIT, "more than 512 levels deep");
	w->map = item->obj_type == OBJ_MAP;
	w->depth++;
	err = doc_each(w->doc, item->id, member_tell, w);
	w->depth--;
	return err;
}

lk_err
blame_json(struct request *r, const struct subject *s, struct doc *present,
    struct doc *doc, const struct place *place)
{
	struct blame_writer w = { .r = r,
		.subject = s,
		.present = present,
		.doc = doc,
		.runs = json_object_new_array(),
		.changes = json_object_new_object(),
		.room = TREE_BYTES_MAX };
	const char *path;
	lk_err err;

	json_object_object_add(r->result, "runs", w.runs);
	json_object_object_add(r->result, "changes", w.changes);
	TRY(param_string_or(r, "path", "", &path));
	buf_init(&w.path, DOCUMENT_BODY_MAX);
	buf_str(&w.path, path);
	err = item_tell(&w, &place->item);
	json_object_put(w.names);
	buf_clear(&w.path);
	return err;
}
