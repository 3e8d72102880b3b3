/* The history of a document. */
#include "base/limits.h"
#include "daemon/change_json.h"
#include "daemon/commands.h"

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

struct wanted {
	bool access, parents;
};

static lk_err
entry_add(struct request *r, uint32_t docno, const struct change_info *info,
    struct wanted wanted, struct json_object *entries)
{
	struct json_object *o;

	if (!wanted.access && !change_counts(info))
		return LK_NONE;
	o = change_json(r->replica, docno, info);
	json_object_array_add(entries, o);
	return wanted.parents ? parents_add(r, docno, info->number, o)
			      : LK_NONE;
}

/* Entries behind a position, in log order, a page at a time. */
static lk_err
doc_log(struct request *r)
{
	struct json_object *entries;
	struct change_info info;
	struct subject s;
	int64_t after = 0, limit = PAGE_MAX;
	struct wanted wanted;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_int_or(r, "after", 0, INT64_MAX - 1, &after));
	TRY(param_int_or(r, "limit", 1, PAGE_MAX, &limit));
	TRY(param_bool_or(r, "access", false, &wanted.access));
	TRY(param_bool_or(r, "parents", false, &wanted.parents));
	json_add_subject(r->result, &s);
	entries = json_object_new_array();
	json_object_object_add(r->result, "entries", entries);
	for (int scanned = 0; scanned < SCAN_MAX; scanned++) {
		err = replica_log(
		    r->replica, s.docno, (uint64_t)after + 1, &info);
		if (err.code == LK_E_NOTFOUND) {
			json_object_object_add(r->result, "next", NULL);
			return LK_NONE;
		}
		TRY(err);
		if ((int64_t)json_object_array_length(entries) == limit)
			break;
		after = (int64_t)info.lsn;
		TRY(entry_add(r, s.docno, &info, wanted, entries));
	}
	json_object_object_add(r->result, "next", json_object_new_int64(after));
	return LK_NONE;
}

static const struct command table[] = {
	{ "doc.log", doc_log, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_log = table;
