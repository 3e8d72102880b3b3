/* The history of a document. */
#include "base/limits.h"
#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/writers.h"

#define PAGE_MAX 500
#define SCAN_MAX 2000 /* entries looked at in one go */

/* The envelopes that an entry follows, for who draws a graph. */
static lk_err
parents_add(struct request *r, uint32_t docno, uint32_t number,
    struct json_object *entry)
{
	struct json_object *list = json_object_new_array();
	BUF_SCOPED ids = { 0 };

	json_object_object_add(entry, "parents", list);
	buf_init(&ids, CONTROL_LINE_MAX);
	TRY(replica_parents(r->replica, docno, number, &ids));
	for (size_t at = 0; at < ids.len; at += LK_ID_LEN) {
		char hex[2 * LK_ID_LEN + 1];

		hex_encode(hex, BYTES(ids.ptr + at, LK_ID_LEN));
		json_object_array_add(list, json_object_new_string(hex));
	}
	return LK_NONE;
}

struct listing {
	struct subject subject;
	bool access, parents, changes;
	struct json_object *entries;
	struct json_object *names; /* of writers; NULL: not asked for yet */
};

static lk_err
changes_add(struct request *r, struct listing *l,
    const struct change_info *info, struct json_object *entry)
{
	if (l->names == NULL)
		TRY(writers_find(r, &l->subject, &l->names));
	return json_add_imported(entry, r, &l->subject, info->number, l->names);
}

static lk_err
entry_add(struct request *r, struct listing *l, const struct change_info *info)
{
	struct json_object *o;

	if (!l->access && !change_counts(info))
		return LK_NONE;
	o = change_json(r->replica, l->subject.docno, info);
	json_object_array_add(l->entries, o);
	if (l->parents)
		TRY(parents_add(r, l->subject.docno, info->number, o));
	/* What is damaged cannot be read. */
	return l->changes && info->is_import && !info->damaged
	    ? changes_add(r, l, info, o)
	    : LK_NONE;
}

static lk_err
entries_add(struct request *r, struct listing *l, int64_t after, int64_t limit)
{
	struct change_info info;
	lk_err err;

	for (int scanned = 0; scanned < SCAN_MAX; scanned++) {
		err = replica_log(
		    r->replica, l->subject.docno, (uint64_t)after + 1, &info);
		if (err.code == LK_E_NOTFOUND) {
			json_object_object_add(r->result, "next", NULL);
			return LK_NONE;
		}
		TRY(err);
		if ((int64_t)json_object_array_length(l->entries) == limit)
			break;
		after = (int64_t)info.lsn;
		TRY(entry_add(r, l, &info));
	}
	json_object_object_add(r->result, "next", json_object_new_int64(after));
	return LK_NONE;
}

/* Entries behind a position, in log order, a page at a time. */
static lk_err
doc_log(struct request *r)
{
	struct listing l = { .names = NULL };
	int64_t after = 0, limit = PAGE_MAX;
	lk_err err;

	TRY(subject_find(r, &l.subject));
	TRY(param_int_or(r, "after", 0, INT64_MAX - 1, &after));
	TRY(param_int_or(r, "limit", 1, PAGE_MAX, &limit));
	TRY(param_bool_or(r, "access", false, &l.access));
	TRY(param_bool_or(r, "parents", false, &l.parents));
	TRY(param_bool_or(r, "changes", false, &l.changes));
	json_add_subject(r->result, &l.subject);
	l.entries = json_object_new_array();
	json_object_object_add(r->result, "entries", l.entries);
	err = entries_add(r, &l, after, limit);
	json_object_put(l.names);
	return err;
}

static const struct command table[] = {
	{ "doc.log", doc_log, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_log = table;
