/*
 * Everything there is of documents is read, made again from its log and
 * compared (sync/retrace.h), and what is damaged is mended.  In slices, so that
 * others are answered meanwhile; one after the other where several ask.
 *
 *   SCAN   records against checksums, envelopes against ids (all documents)
 *   BEGIN  the next document                                  <---------+
 *   STEP   it is made again and compared -- mended: once more --+       |
 *                                         '- as it should be, or told --'
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/daemon.h"
#include "daemon/subject.h"
#include "sync/mend.h"
#include "sync/retrace.h"

/* What one call does before others have their turn. */
#define SLICE_MS 20
#define SLICE_BYTES (64 * 1024)
#define TURN_MS 100
/* A document that was mended is looked at again, so often. */
#define TRIES_MAX 2

struct looked {
	uint32_t docno;
	struct mend_report m;
};

struct verifying {
	struct daemon *daemon;
	struct store *store; /* where documents are made again; owned */
	struct retrace *retrace;
	uint32_t *docnos; /* owned */
	size_t len, at;
	bool all, scanned, begun;
	struct store_scan scan;
	struct looked *looked; /* owned; mended while reading all */
	size_t looked_len;
	uint64_t device_records, used, envelopes;
	/* The present document. */
	struct mend_report m;
	unsigned tries;
	struct progress progress;
};

static void
scratch_path(const struct daemon *d, char out[static PATH_MAX + 16])
{
	(void)snprintf(out, PATH_MAX + 16, "%s/" VERIFY_DIR, d->options.home);
}

void
verify_sweep(struct daemon *d)
{
	char dir[PATH_MAX + 16];

	scratch_path(d, dir);
	if (store_remove(dir).code != LK_OK)
		log_warn("%s: cannot be removed, ignoring", dir);
}

static void
verifying_free(void *state)
{
	struct verifying *v = state;

	retrace_free(v->retrace);
	store_close(v->store);
	if (v->daemon->verifying == v) {
		v->daemon->verifying = NULL;
		verify_sweep(v->daemon);
	}
	free(v->docnos);
	free(v->looked);
	free(v);
}

/* Takes its turn, if nobody else has it. */
static lk_err
verifying_start(struct request *r, struct verifying *v)
{
	struct store_usage usage;
	char dir[PATH_MAX + 16];
	lk_err err;

	v->daemon->verifying = v;
	verify_sweep(v->daemon);
	scratch_path(v->daemon, dir);
	err = store_open(&v->store, dir, 0);
	if (err.code == LK_OK)
		err = retrace_new(&v->retrace, r->replica, v->store,
		    daemon_random(v->daemon));
	if (err.code != LK_OK)
		return request_fail(r, err,
		    "%s: documents cannot be made again there: %s", dir,
		    err.what);
	TRY(store_usage(v->daemon->store, &usage));
	v->used = usage.used;
	return LK_NONE;
}

static void
report_add(struct mend_report *to, const struct mend_report *m)
{
	to->records += m->records;
	to->envelopes = m->envelopes;
	to->keys += m->keys;
	to->rebuilt |= m->rebuilt;
	to->lost += m->lost;
	to->waiting += m->waiting;
}

static struct looked *
looked_find(struct verifying *v, uint32_t docno)
{
	for (size_t i = 0; i < v->looked_len; i++)
		if (v->looked[i].docno == docno)
			return &v->looked[i];
	return NULL;
}

static lk_err
looked_add(struct verifying *v, uint32_t docno, const struct mend_report *m)
{
	struct looked *grown =
	    reallocarray(v->looked, v->looked_len + 1, sizeof(*grown));

	if (grown == NULL)
		return LK_ERR(LK_E_NOMEM, "verify");
	v->looked = grown;
	grown[v->looked_len++] = (struct looked){ docno, *m };
	return LK_NONE;
}

/* Mends what the scan has met, each document once. */
static lk_err
doubts_mend(struct verifying *v)
{
	uint32_t docno;

	while (store_doubt(v->daemon->store, &docno)) {
		struct mend_report m = { 0 };
		lk_err err;

		if (looked_find(v, docno) != NULL)
			continue;
		err = daemon_mend_one(v->daemon, docno, &m);
		/* It says so itself; the others go on. */
		if (err.code != LK_E_CORRUPT && err.code != LK_E_NOTFOUND)
			TRY(err);
		TRY(looked_add(v, docno, &m));
		if (docno == STORE_DEVICE)
			v->device_records += m.records;
	}
	return LK_NONE;
}

static lk_err
scan_step(struct verifying *v)
{
	TRY(store_scan(v->daemon->txn, &v->scan, SLICE_BYTES));
	TRY(doubts_mend(v));
	v->scanned = v->scan.done;
	return LK_NONE;
}

static lk_err
damaged_add(struct request *r, uint32_t docno, struct json_object *list)
{
	uint8_t id[LK_ID_LEN];

	for (size_t i = 0;
	     replica_damaged(r->replica, docno, i, id).code == LK_OK; i++) {
		struct change_info info;
		struct graph *g;

		TRY(replica_graph(r->replica, docno, &g));
		TRY(replica_entry(r->replica, docno, graph_find(g, id), &info));
		json_object_array_add(
		    list, change_json(r->replica, docno, &info));
	}
	return LK_NONE;
}

static struct json_object *
refused_json(const struct retrace_report *report)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < report->refused && i < RETRACE_REFUSED_MAX;
	     i++) {
		struct json_object *o = json_object_new_object();

		json_object_array_add(list, o);
		json_add_id(o, "id", BYTES_OF(report->of[i].id));
		json_add_text(o, "why", report->of[i].why);
	}
	return list;
}

/* Says what became of the present document, and goes on to the next. */
static lk_err
document_tell(struct request *r, struct verifying *v, bool compared)
{
	struct json_object *o = json_object_new_object(), *list, *documents;
	const struct retrace_report *report = retrace_report(v->retrace);
	uint32_t docno = v->docnos[v->at++];
	struct subject s;
	lk_err err;

	v->begun = false;
	v->tries = 0;
	v->envelopes += report->envelopes;
	(void)json_object_object_get_ex(r->result, "documents", &documents);
	json_object_array_add(documents, o);
	err = subject_load(r, docno, &s);
	/* The home document is nobody's to name. */
	if (err.code == LK_OK)
		json_add_subject(o, &s);
	else if (err.code != LK_E_NOTFOUND)
		return err;
	json_add_number(o, "envelopes", report->envelopes);
	json_add_flag(o, "compared", compared);
	json_add_number(o, "records", v->m.records);
	json_add_number(o, "keys", v->m.keys);
	json_add_flag(o, "rebuilt", v->m.rebuilt);
	json_add_number(o, "lost", v->m.lost);
	json_add_number(o, "waiting", v->m.waiting);
	json_object_object_add(o, "refused", refused_json(report));
	list = json_object_new_array();
	json_object_object_add(o, "damaged", list);
	return damaged_add(r, docno, list);
}

/* The device finds documents by records of its own, which follow from theirs.
 */
static lk_err
index_check(struct verifying *v, struct replica *replica, uint32_t docno)
{
	struct doc_summary s;
	struct mend_report m;
	uint32_t by_id = 0, by_topic = 0;

	TRY(replica_doc(replica, docno, &s));
	if (replica_doc_by_id(replica, s.docid, &by_id).code == LK_OK &&
	    replica_doc_by_topic(replica, s.topic, &by_topic).code == LK_OK &&
	    by_id == docno && by_topic == docno)
		return LK_NONE;
	TRY(daemon_mend_one(v->daemon, STORE_DEVICE, &m));
	v->device_records += m.records + 1;
	return LK_NONE;
}

/* Mends by what the log says, and has the document looked at again. */
static lk_err
document_remake(struct request *r, struct verifying *v, const char *what)
{
	uint32_t docno = v->docnos[v->at];
	struct mend_report m;
	lk_err err;

	TRY(replica_nest(r->replica));
	err = replica_remake(r->replica, docno, &m);
	TRY(replica_unnest(r->replica, err.code == LK_OK));
	/* What is shown is worth more than that it follows. */
	if (err.code == LK_E_DATA)
		return document_tell(r, v, false);
	TRY(err);
	log_error("document %u: did not follow from its log (%s), made again",
	    docno, what == NULL ? "an envelope" : what);
	m.records++;
	report_add(&v->m, &m);
	v->begun = false;
	return LK_NONE;
}

static lk_err
document_mend(struct request *r, struct verifying *v)
{
	struct mend_report m;
	uint32_t ignored;

	TRY(daemon_mend_one(v->daemon, v->docnos[v->at], &m));
	report_add(&v->m, &m);
	while (store_doubt(v->daemon->store, &ignored))
		;
	/* Envelopes that are damaged cannot be replayed. */
	if (m.envelopes + m.keys > 0 && !m.rebuilt)
		return document_tell(r, v, false);
	v->begun = false;
	return LK_NONE;
}

static bool
is_good(const struct verifying *v)
{
	const struct retrace_report *report = retrace_report(v->retrace);

	return !report->damaged && !report->differs && report->refused == 0;
}

/* A document has been made again, and is not what it should be. */
static lk_err
document_judge(struct request *r, struct verifying *v)
{
	const struct retrace_report *report = retrace_report(v->retrace);

	if (v->tries > TRIES_MAX)
		return document_tell(r, v, false);
	return report->damaged ? document_mend(r, v)
			       : document_remake(r, v, report->what);
}

static lk_err
document_begin(struct request *r, struct verifying *v)
{
	uint32_t docno = v->docnos[v->at];
	struct looked *looked = looked_find(v, docno);
	lk_err err;

	if (v->tries++ == 0) {
		v->m = (struct mend_report){ .records = 0 };
		if (looked != NULL)
			v->m = looked->m;
		err = index_check(v, r->replica, docno);
		if (err.code == LK_E_CORRUPT) {
			struct mend_report m;

			err = daemon_mend_one(v->daemon, docno, &m);
			if (err.code == LK_OK)
				report_add(&v->m, &m);
		}
		TRY(err);
	}
	TRY(retrace_begin(v->retrace, docno));
	v->begun = true;
	return LK_NONE;
}

/* One step of the present document; *judge: it is complete. */
static lk_err
document_step(struct request *r, struct verifying *v, bool *judge)
{
	lk_err err = LK_NONE;

	if (!v->begun) {
		err = document_begin(r, v);
		/* It went meanwhile. */
		if (err.code == LK_E_NOTFOUND) {
			v->at++;
			v->tries = 0;
			return LK_NONE;
		}
	}
	return err.code == LK_OK && v->begun
	    ? retrace_step(v->retrace, SLICE_BYTES, judge)
	    : err;
}

/* Documents, until one has to be mended or the time is over. */
static lk_err
documents_run(struct request *r, struct verifying *v, int64_t end)
{
	bool judge = false;
	lk_err err, left;

	TRY(retrace_enter(v->retrace));
	do {
		err = document_step(r, v, &judge);
		if (err.code == LK_OK && judge && is_good(v)) {
			err = document_tell(r, v, true);
			judge = false;
		}
	} while (err.code == LK_OK && !judge && v->at < v->len &&
	    now_read().mono.ms < end);
	left = retrace_leave(v->retrace);
	TRY(err);
	TRY(left);
	return judge ? document_judge(r, v) : LK_NONE;
}

static lk_err
progress_tell(struct request *r, struct verifying *v)
{
	struct json_object *o;

	if (!progress_due(r, &v->progress))
		return LK_NONE;
	o = json_object_new_object();
	if (!v->scanned) {
		json_add_text(o, "what", "KiB read");
		json_add_number(o, "done", v->scan.bytes / 1024);
		json_add_number(o, "of",
		    (v->used > v->scan.bytes ? v->used : v->scan.bytes) / 1024);
	} else {
		json_add_text(o, "what", "documents");
		json_add_number(o, "done", v->at);
		json_add_number(o, "of", v->len);
	}
	return request_notify(r, o);
}

static lk_err
verify_fail(struct request *r, lk_err err)
{
	if (err.code != LK_E_FULL)
		return err;
	request_hint(r, "make room, then again");
	return request_fail(r, err,
	    "no space left on the disk to make documents again beside the "
	    "store; nothing was changed");
}

static lk_err
verify_poll(struct request *r, bool *done)
{
	struct verifying *v = r->state;
	int64_t end = now_read().mono.ms + SLICE_MS;
	lk_err err = LK_NONE;

	if (v->daemon->verifying != NULL && v->daemon->verifying != v) {
		request_again(r, TURN_MS);
		return LK_NONE;
	}
	if (v->store == NULL)
		TRY(verifying_start(r, v));
	do
		err = !v->scanned    ? scan_step(v)
		    : v->at < v->len ? documents_run(r, v, end)
				     : LK_NONE;
	while (err.code == LK_OK && now_read().mono.ms < end &&
	    (!v->scanned || v->at < v->len));
	if (err.code != LK_OK)
		return verify_fail(r, err);
	*done = v->scanned && v->at == v->len;
	if (*done) {
		json_add_number(r->result, "envelopes", v->envelopes);
		if (v->all)
			json_add_number(
			    r->result, "device_records", v->device_records);
		return LK_NONE;
	}
	err = progress_tell(r, v);
	request_again(r, 0);
	return err;
}

static lk_err
documents_all(struct request *r, struct verifying *v)
{
	uint32_t docno = 0;
	size_t cap = 0;

	for (;;) {
		lk_err err = replica_doc_next(r->replica, docno, &docno);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (v->len == cap) {
			uint32_t *grown;

			cap = 2 * cap + 16;
			grown = reallocarray(v->docnos, cap, sizeof(*grown));
			if (grown == NULL)
				return LK_ERR(LK_E_NOMEM, "verify");
			v->docnos = grown;
		}
		v->docnos[v->len++] = docno;
	}
}

static lk_err
doc_verify(struct request *r)
{
	struct verifying *v = calloc(1, sizeof(*v));
	lk_err err;

	if (v == NULL)
		return LK_ERR(LK_E_NOMEM, "verify");
	v->daemon = r->daemon;
	json_object_object_add(r->result, "documents", json_object_new_array());
	err = progress_wanted(r, &v->progress);
	if (err.code == LK_OK)
		err = subject_list(r, &v->docnos, &v->len);
	v->all = v->docnos == NULL;
	v->scanned = !v->all;
	if (err.code == LK_OK && v->all)
		err = documents_all(r, v);
	if (err.code != LK_OK) {
		verifying_free(v);
		return err;
	}
	/* Who went away does not keep others waiting for their turn. */
	request_defer(r, verify_poll, (struct mono){ 0 }, v, verifying_free);
	return LK_NONE;
}

static const struct command table[] = {
	{ "doc.verify", doc_verify, COMMAND_IDENTITY | COMMAND_WRITES },
	{ NULL, NULL, 0 },
};

const struct command *const commands_verify = table;
