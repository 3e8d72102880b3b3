/* The history of a document. */
#include "daemon/change_json.h"
#include "daemon/commands.h"

#define PAGE_MAX 500
#define SCAN_MAX 2000 /* entries looked at in one go */

/* Entries behind a position, in log order, a page at a time. */
static lk_err
doc_log(struct request *r)
{
	struct json_object *entries;
	struct change_info info;
	struct subject s;
	int64_t after = 0, limit = PAGE_MAX;
	bool access;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_int_or(r, "after", 0, INT64_MAX - 1, &after));
	TRY(param_int_or(r, "limit", 1, PAGE_MAX, &limit));
	TRY(param_bool_or(r, "access", false, &access));
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
		if (access || change_counts(&info))
			json_object_array_add(
			    entries, change_json(r->replica, s.docno, &info));
	}
	json_object_object_add(r->result, "next", json_object_new_int64(after));
	return LK_NONE;
}

static const struct command table[] = {
	{ "doc.log", doc_log, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_log = table;
