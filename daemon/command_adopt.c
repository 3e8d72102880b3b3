/* Making what is void count: adopt. */
#include "base/limits.h"
#include "base/shell.h"
#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/entry.h"
#include "sync/revoke.h"

static lk_err
adoptable(struct request *r, const struct subject *s, const char *rev,
    uint32_t *number)
{
	char quoted[SHELL_WORD_MAX];
	struct change_info info;

	TRY(entry_find(r, s, rev, &info));
	*number = info.number;
	if (change_counts(&info) && !info.visible)
		return LK_NONE;
	request_hint(r, "lk quarantine %s lists what is void",
	    shell_word(quoted, s->name.name));
	return request_fail(r, LK_ERR(LK_E_USAGE, "adopt"),
	    change_counts(&info)
		? "%s: this change counts already"
		: "%s: this is no change; only changes and imports are adopted",
	    rev);
}

static lk_err
adopt_all(struct request *r, const struct subject *s,
    struct json_object *changes, uint32_t *numbers)
{
	size_t n = json_object_array_length(changes);
	lk_err err;

	for (size_t i = 0; i < n; i++) {
		struct json_object *rev = json_object_array_get_idx(changes, i);

		if (!json_object_is_type(rev, json_type_string))
			return request_fail(r, LK_ERR(LK_E_USAGE, "adopt"),
			    "changes: an array of strings");
		TRY(adoptable(r, s, json_object_get_string(rev), &numbers[i]));
	}
	err = replica_adopt(r->replica, s->docno, numbers, n);
	if (err.code == LK_E_DENIED)
		return subject_denied(r, s, "adopt");
	if (err.code != LK_OK)
		return request_fail(r, err, "%s: %s", s->name.name, err.what);
	return LK_NONE;
}

static lk_err
adopt(struct request *r)
{
	struct json_object *changes, *list = json_object_new_array();
	uint32_t numbers[ADOPT_IDS_MAX];
	struct subject s;
	size_t n;

	json_object_object_add(r->result, "adopted", list);
	TRY(subject_find(r, &s));
	if (s.summary.role < ROLE_WRITE)
		return subject_denied(r, &s, "adopt");
	changes = json_object_object_get(r->params, "changes");
	n = json_object_is_type(changes, json_type_array)
	    ? json_object_array_length(changes)
	    : 0;
	if (n == 0 || n > ADOPT_IDS_MAX)
		return request_fail(r, LK_ERR(LK_E_USAGE, "adopt"),
		    "changes: an array of 1 to %d", ADOPT_IDS_MAX);
	TRY(adopt_all(r, &s, changes, numbers));
	json_add_subject(r->result, &s);
	for (size_t i = 0; i < n; i++) {
		struct change_info info;

		TRY(replica_entry(r->replica, s.docno, numbers[i], &info));
		json_object_array_add(
		    list, change_json(r->replica, s.docno, &info));
	}
	return LK_NONE;
}

static const struct command table[] = {
	{ "doc.adopt", adopt,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ NULL, NULL, 0 },
};

const struct command *const commands_adopt = table;
