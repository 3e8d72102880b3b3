/* Going back: undo. */
#include "daemon/commands.h"
#include "daemon/document.h"

static lk_err
undo(struct request *r)
{
	struct undo_report report;
	struct subject s;
	bool redo;
	lk_err err;

	TRY(subject_find(r, &s));
	TRY(param_bool_or(r, "redo", false, &redo));
	err = replica_undo(r->replica, s.docno, redo, &report);
	if (err.code == LK_E_NOTFOUND) {
		request_hint(r, "lk log %s lists the changes", s.name.name);
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
	{ "doc.undo", undo,
	    COMMAND_IDENTITY | COMMAND_WRITES | COMMAND_NESTED },
	{ NULL, NULL, 0 },
};

const struct command *const commands_restore = table;
