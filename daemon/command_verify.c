/* Reads everything there is of documents, and mends what is damaged. */
#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"
#include "sync/mend.h"

#include <stdlib.h>

static lk_err
damaged_add(struct request *r, uint32_t docno, struct json_object *list)
{
	uint8_t id[LK_ID_LEN];

	for (size_t i = 0;
	     replica_damaged(r->replica, docno, i, id).code == LK_OK; i++) {
		struct change_info info;
		struct graph *g;

		TRY(replica_graph(r->replica, docno, &g));
		TRY(replica_entry(
		    r->replica, docno, graph_find(g, id), &info));
		json_object_array_add(
		    list, change_json(r->replica, docno, &info));
	}
	return LK_NONE;
}

static lk_err
verify_one(struct request *r, uint32_t docno, struct json_object *documents)
{
	struct json_object *o = json_object_new_object(), *list;
	struct mend_report m;
	struct subject s;
	lk_err err = daemon_mend_one(r->daemon, docno, &m);

	json_object_array_add(documents, o);
	TRY(err);
	err = subject_load(r, docno, &s);
	/* The home document is nobody's to name. */
	if (err.code == LK_OK)
		json_add_subject(o, &s);
	else if (err.code != LK_E_NOTFOUND)
		return err;
	json_add_number(o, "records", m.records);
	json_add_flag(o, "rebuilt", m.rebuilt);
	json_add_number(o, "lost", m.lost);
	json_add_number(o, "waiting", m.waiting);
	list = json_object_new_array();
	json_object_object_add(o, "damaged", list);
	return damaged_add(r, docno, list);
}

static lk_err
verify_all(struct request *r, struct json_object *documents)
{
	struct mend_report m;
	uint32_t docno = 0;

	TRY(daemon_mend_one(r->daemon, STORE_DEVICE, &m));
	json_add_number(r->result, "device_records", m.records);
	for (;;) {
		lk_err err = replica_doc_next(r->replica, docno, &docno);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		TRY(verify_one(r, docno, documents));
	}
}

static lk_err
doc_verify(struct request *r)
{
	struct json_object *documents = json_object_new_array();
	uint32_t *docnos;
	size_t len;
	lk_err err;

	json_object_object_add(r->result, "documents", documents);
	TRY(subject_list(r, &docnos, &len));
	if (docnos == NULL)
		return verify_all(r, documents);
	err = LK_NONE;
	for (size_t i = 0; i < len && err.code == LK_OK; i++)
		err = verify_one(r, docnos[i], documents);
	free(docnos);
	return err;
}

static const struct command table[] = {
	{ "doc.verify", doc_verify, COMMAND_IDENTITY | COMMAND_WRITES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_verify = table;
