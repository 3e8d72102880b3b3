/*
 * The trial of a backup: it is restored into a scratch store, by the engine
 * that would do it for good, and each document has to come to the state that
 * the snapshot says.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/backup_restoring.h"
#include "daemon/backup_states.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"

#define TOLD_MAX 1024 /* documents; the rest is counted */

/* Why a document is not what it should be; NULL: it is. */
static lk_err
document_look(struct restoring *c, const struct restored *d,
    const struct states *states, const char **why)
{
	struct txn *txn = c->scratch->txn;
	struct doc *doc = NULL;
	bool same;
	lk_err err;

	*why = NULL;
	if (d->here == 0) {
		*why = "nothing of it is there";
		return (LK_NONE);
	}
	if (d->lacks) {
		*why = "changes are not accepted, or lack what they rest on";
		return (LK_NONE);
	}
	TRY(states_compare(states, d->docno, txn, d->here, &same));
	if (!same) {
		*why = "it comes to another state than it had";
		return (LK_NONE);
	}
	err = replica_open_doc(c->replica, d->here, &doc);
	doc_free(doc);
	if (err.code != LK_OK &&
	    lk_exit_status(err.code) == lk_exit_status(LK_E_CORRUPT)) {
		*why = err.what;
		return (LK_NONE);
	}
	return (err);
}

static lk_err
documents_look(struct request *r, struct restoring *c,
    const struct states *states, struct json_object *list)
{
	uint64_t compared = 0, different = 0;

	for (size_t i = 0; i < c->docs_len; i++) {
		const struct restored *d = &c->docs[i];
		struct json_object *o;
		const char *why;

		compared += states_known(states, d->docno);
		TRY(document_look(c, d, states, &why));
		if (why == NULL)
			continue;
		if (++different > TOLD_MAX)
			continue;
		o = json_object_new_object();
		json_add_id(o, "doc", BYTES_OF(d->kept.docid));
		json_add_text(o, "name", restored_name(d));
		json_add_text(o, "why", why);
		json_object_array_add(list, o);
	}
	json_add_number(r->result, "compared", compared);
	json_add_number(r->result, "different_count", different);
	return (LK_NONE);
}

static lk_err
rehearsed(struct request *r, struct restoring *c, bool *done)
{
	struct json_object *list = json_object_new_array();
	struct states states = { .v = NULL };
	lk_err err;

	*done = true;
	json_add_text(r->result, "place", c->place->url);
	json_add_snapshot(r->result, c->snapshot);
	json_add_number(r->result, "documents", c->docs_len);
	json_add_number(r->result, "envelopes", c->accepted);
	json_object_object_add(r->result, "different", list);
	json_object_object_add(r->result, "damaged", c->damaged);
	c->damaged = NULL;
	err = states_read(&states, c->read);
	if (err.code == LK_OK)
		err = documents_look(r, c, &states, list);
	states_clear(&states);
	return (err);
}

static lk_err
rehearsing_poll(struct request *r, bool *done)
{
	return (scratch_poll(r, rehearsed, done));
}

lk_err
backup_rehearse(struct request *r)
{
	/* What is damaged is told in the end, with the documents. */
	json_object_object_add(
	    r->params, "partial", json_object_new_boolean(true));
	return (scratch_defer(r, rehearsing_poll));
}
