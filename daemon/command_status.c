/*
 * How things stand: status, sync, peers.  A device counts as synced only when
 * it has acknowledged, signed, all this one has (cli.md section 4).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/alarms.h"
#include "daemon/commands.h"
#include "daemon/subject.h"
#include "sync/refusals.h"
#include "sync/remotes.h"

#define WHO_LEN (2 * LK_NAME_MAX + 8)
#define TIMEOUT_DEFAULT 60000

static const char *const sync_words[] = {
	[SYNC_UNKNOWN] = "unknown",
	[SYNC_PENDING] = "pending",
	[SYNC_DONE] = "synced",
	[SYNC_FORGOTTEN] = "forgotten",
};

static struct json_object *
device_json(struct request *r, const struct sync_status *status)
{
	struct json_object *o = json_object_new_object();
	char who[WHO_LEN];

	home_who(r->replica, status->pk, who, sizeof(who));
	json_add_text(o, "who", who);
	json_add_id(o, "device", BYTES_OF(status->pk));
	json_add_text(o, "state", sync_words[status->state]);
	json_add_number(o, "pending", status->pending);
	json_add_time(o, "oldest", status->oldest);
	json_add_flag(o, "connected", status->connected);
	return o;
}

/* Adds the devices of a document to `list`; counts those that are not synced
 * (*behind) and those that are (*synced); who has forgotten it is neither. */
static lk_err
devices_add(struct request *r, uint32_t docno, struct json_object *list,
    size_t *behind, size_t *synced)
{
	struct sync_status status;

	*behind = *synced = 0;
	for (size_t i = 0;; i++) {
		lk_err err = subject_device(r, docno, i, &status);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (status.state == SYNC_DONE)
			++*synced;
		else if (status.state != SYNC_FORGOTTEN)
			++*behind;
		if (list != NULL)
			json_object_array_add(list, device_json(r, &status));
	}
}

/* Where else it lies: stored is not delivered. */
static lk_err
stores_add(struct request *r, uint32_t docno, struct json_object *list)
{
	struct remote_status s;

	for (size_t i = 0; engine_remote(r->engine, i, &s).code == LK_OK; i++) {
		struct json_object *o;
		bool holds;

		TRY(engine_remote_holds(r->engine, s.number, docno, &holds));
		o = json_object_new_object();
		json_add_text(o, "name", s.name);
		json_add_flag(o, "stored", holds);
		json_object_array_add(list, o);
	}
	return LK_NONE;
}

static lk_err
document_status(struct request *r, const struct subject *s,
    struct json_object *o, bool *synced)
{
	struct json_object *devices = json_object_new_array();
	struct json_object *remotes = json_object_new_array();
	size_t behind, done;

	TRY(json_add_summary(r, o, s));
	json_object_object_add(o, "devices", devices);
	json_object_object_add(o, "remotes", remotes);
	if (!s->summary.revoked)
		TRY(stores_add(r, s->docno, remotes));
	TRY(alarms_add(r, s, o));
	TRY(devices_add(r, s->docno, devices, &behind, &done));
	if (behind > 0)
		*synced = false;
	return LK_NONE;
}

/* By the name it has now: it may have been renamed from another device. */
static void
identity_json(struct request *r)
{
	const struct identity *self = daemon_identity(r->daemon);
	struct json_object *o = json_object_new_object();
	char who[WHO_LEN];

	home_who(r->replica, self->sign.pk, who, sizeof(who));
	json_add_identity(o, self);
	json_add_text(o, "name", who);
	json_object_object_add(r->result, "identity", o);
}

static void
running_json(struct request *r)
{
	struct json_object *o = json_object_new_object();
	struct daemon_info info;

	daemon_info(r->daemon, &info);
	json_add_number(o, "pid", (uint64_t)info.pid);
	json_add_time(o, "started", info.started);
	json_add_text(o, "listen", info.listen);
	json_add_number(o, "port", info.port);
	json_add_number(o, "connections", info.connections);
	json_add_text(o, "discovery", info.discovery);
	json_add_text(o, "sandbox", info.sandbox);
	json_add_flag(o, "read_only", info.read_only);
	json_object_object_add(r->result, "daemon", o);
}

/* Tickets that were typed here and wait for whoever made them. */
static lk_err
tickets_json(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct ticket_waits t;

	json_object_object_add(r->result, "tickets", list);
	for (size_t i = 0;; i++) {
		lk_err err = engine_ticket_waits(r->engine, i, r->now, &t);
		struct json_object *o;

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		o = json_object_new_object();
		json_add_id(o, "ticket", BYTES_OF(t.id));
		json_add_text(o, "state",
		    t.refused        ? "refused"
			: t.answered ? "answered"
				     : "asked");
		json_add_time(o, "since", t.since);
		json_object_array_add(list, o);
	}
}

static lk_err
status(struct request *r)
{
	struct json_object *documents = json_object_new_array();
	struct subject s;
	uint32_t docno = 0;
	bool synced = true;

	identity_json(r);
	running_json(r);
	json_object_object_add(r->result, "documents", documents);
	for (;;) {
		struct json_object *o;
		lk_err err = subject_next(r, &docno, &s);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		o = json_object_new_object();
		json_object_array_add(documents, o);
		TRY(document_status(r, &s, o, &synced));
	}
	TRY(tickets_json(r));
	json_add_flag(r->result, "synced", synced);
	return LK_NONE;
}

/* Envelopes of his that were refused since this daemon began, and the rule that
 * refused the last. */
static void
refused_add(
    struct request *r, const uint8_t pk[static 32], struct json_object *o)
{
	uint64_t refused = 0;
	struct refusal f, last = { .why = NULL };

	for (size_t i = 0; replica_refusal(r->replica, i, &f); i++) {
		if (memcmp(f.from, pk, sizeof(f.from)) != 0)
			continue;
		refused += f.count;
		if (last.why == NULL || f.at.ms >= last.at.ms)
			last = f;
	}
	json_add_number(o, "refused", refused);
	if (last.why != NULL)
		json_add_text(o, "refused_for", last.why);
}

static lk_err
peers(struct request *r)
{
	struct json_object *list = json_object_new_array();
	struct peer_status peer;

	json_object_object_add(r->result, "peers", list);
	if (r->engine == NULL)
		return LK_NONE;
	for (size_t i = 0;; i++) {
		struct json_object *o;
		char who[WHO_LEN];
		lk_err err = engine_peer(r->engine, i, &peer);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		o = json_object_new_object();
		json_object_array_add(list, o);
		home_who(r->replica, peer.pk, who, sizeof(who));
		json_add_text(o, "who", who);
		json_add_id(o, "device", BYTES_OF(peer.pk));
		json_add_text(o, "address", peer.address);
		json_add_flag(o, "connected", peer.connected);
		json_add_flag(o, "own", peer.own);
		refused_add(r, peer.pk, o);
		json_add_time(
		    o, "seen", peer.connected ? r->now.wall : peer.seen);
	}
	json_object_array_sort(list, json_name_compare);
	return LK_NONE;
}

/* `sync`: which documents, and how many devices must have acknowledged. */
struct waiting {
	uint32_t *docnos; /* NULL: all */
	size_t docnos_len;
	int64_t need;   /* 0: all */
	uint32_t from;  /* those up to this number were done when last seen */
	uint32_t first; /* that was not */
	struct progress progress;
};

static void
waiting_free(void *state)
{
	struct waiting *w = state;

	if (w == NULL)
		return;
	free(w->docnos);
	free(w);
}

/* Whether this document is where it should be; who lacks it goes to `missing`
 * (NULL: nobody asks). */
static lk_err
document_check(struct request *r, struct waiting *w, uint32_t docno,
    struct json_object *missing, bool *done)
{
	struct json_object *devices, *o;
	struct subject s;
	size_t behind, synced;
	lk_err err;

	TRY(devices_add(r, docno, NULL, &behind, &synced));
	if (w->need == 0 ? behind == 0 : synced >= (size_t)w->need)
		return LK_NONE;
	err = subject_load(r, docno, &s);
	/* This device itself has forgotten it. */
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	if (s.summary.revoked)
		return LK_NONE;
	if (*done)
		w->first = docno;
	*done = false;
	if (missing == NULL)
		return LK_NONE;
	o = json_object_new_object();
	devices = json_object_new_array();
	json_add_subject(o, &s);
	json_object_object_add(o, "devices", devices);
	json_object_array_add(missing, o);
	return devices_add(r, docno, devices, &behind, &synced);
}

static lk_err
waiting_check_all(struct request *r, struct waiting *w,
    struct json_object *missing, bool *done)
{
	uint32_t home, docno = missing == NULL ? w->from : 0;
	bool again = docno > 0;

	TRY(replica_home(r->replica, &home));
	for (;;) {
		lk_err err = replica_doc_next(r->replica, docno, &docno);

		/* Once more from the start: they may have changed since. */
		if (err.code == LK_E_NOTFOUND && again) {
			again = false;
			docno = 0;
			continue;
		}
		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (docno == home)
			continue;
		TRY(document_check(r, w, docno, missing, done));
		if (!*done && missing == NULL) {
			w->from = docno - 1;
			return LK_NONE;
		}
	}
}

static lk_err
waiting_check(struct request *r, struct waiting *w, struct json_object *missing,
    bool *done)
{
	*done = true;
	if (w->docnos == NULL)
		return waiting_check_all(r, w, missing, done);
	for (size_t i = 0; i < w->docnos_len; i++)
		TRY(document_check(r, w, w->docnos[i], missing, done));
	return LK_NONE;
}

static void
missing_add(struct buf *out, struct json_object *o, const char *who)
{
	buf_printf(out, "%s%s (%s)", out->len > 0 ? ", " : "", who,
	    json_object_get_string(json_object_object_get(o, "name")));
}

/* "phone (shopping)", for the one line people get; "2 more (shopping)" when
 * there are fewer devices than were asked for. */
static void
missing_name(
    const struct waiting *w, struct json_object *missing, struct buf *out)
{
	char more[32];

	for (size_t i = 0; i < json_object_array_length(missing); i++) {
		struct json_object *o = json_object_array_get_idx(missing, i),
				   *devices =
				       json_object_object_get(o, "devices");
		int64_t keep = 0;

		for (size_t j = 0; j < json_object_array_length(devices); j++) {
			struct json_object *d =
			    json_object_array_get_idx(devices, j);
			const char *state = json_object_get_string(
			    json_object_object_get(d, "state"));

			if (strcmp(state, sync_words[SYNC_FORGOTTEN]) == 0)
				continue;
			keep++;
			if (strcmp(state, sync_words[SYNC_DONE]) != 0)
				missing_add(out, o,
				    json_object_get_string(
					json_object_object_get(d, "who")));
		}
		if (w->need > keep) {
			(void)snprintf(more, sizeof(more), "%lld more",
			    (long long)(w->need - keep));
			missing_add(out, o, more);
		}
	}
}

#define MISSING_TEXT_MAX 2048

static lk_err
sync_late(struct request *r, struct waiting *w)
{
	struct json_object *missing = json_object_new_array();
	BUF_SCOPED text = { 0 };
	bool done;
	lk_err err = waiting_check(r, w, missing, &done);

	buf_init(&text, MISSING_TEXT_MAX);
	if (err.code == LK_OK)
		missing_name(w, missing, &text);
	request_detail(r, "missing", missing);
	TRY(err);
	request_hint(r, "lk status shows what is pending");
	return request_fail(r, LK_ERR(LK_E_AGAIN, "sync"),
	    "sync: not acknowledged by %.*s%s", (int)text.len,
	    text.ptr == NULL ? "" : (const char *)text.ptr,
	    text.failed ? ", ..." : "");
}

/* How many documents come before the first that is not where it should be, and
 * how many there are. */
static lk_err
documents_count(
    struct request *r, const struct waiting *w, uint64_t *before, uint64_t *of)
{
	uint32_t home, docno = 0;
	lk_err err;

	*before = *of = 0;
	if (w->docnos != NULL) {
		*of = w->docnos_len;
		while (*before < *of && w->docnos[*before] != w->first)
			++*before;
		return LK_NONE;
	}
	TRY(replica_home(r->replica, &home));
	while (
	    (err = replica_doc_next(r->replica, docno, &docno)).code == LK_OK) {
		*before += docno != home && docno < w->first;
		*of += docno != home;
	}
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static lk_err
sync_progress(struct request *r, const struct waiting *w)
{
	struct json_object *event;
	struct sync_status status;
	struct subject s;
	uint64_t before, of, pending = 0;

	TRY(documents_count(r, w, &before, &of));
	TRY(subject_load(r, w->first, &s));
	for (size_t i = 0;
	     subject_device(r, w->first, i, &status).code == LK_OK; i++)
		pending += status.pending;
	event = json_object_new_object();
	json_add_number(event, "documents", before);
	json_add_number(event, "of", of);
	json_add_subject(event, &s);
	json_add_number(event, "pending", pending);
	return request_notify(r, event);
}

static lk_err
sync_poll(struct request *r, bool *done)
{
	struct waiting *w = r->state;

	TRY(waiting_check(r, w, NULL, done));
	if (!*done && r->expired)
		return sync_late(r, w);
	if (!*done && progress_due(r, &w->progress))
		TRY(sync_progress(r, w));
	if (*done)
		json_add_flag(r->result, "acknowledged", true);
	return LK_NONE;
}

/* Whoever asks for a document by name wants to know that it gets nothing. */
static lk_err
documents_permitted(struct request *r, const struct waiting *w)
{
	struct subject s;

	for (size_t i = 0; i < w->docnos_len; i++) {
		TRY(subject_load(r, w->docnos[i], &s));
		if (s.summary.revoked)
			return subject_denied(r, &s, "sync");
	}
	return LK_NONE;
}

static lk_err
sync_(struct request *r)
{
	struct waiting *w = calloc(1, sizeof(*w));
	int64_t timeout_ms = TIMEOUT_DEFAULT, need = -1;
	lk_err err;

	if (r->engine == NULL || w == NULL) {
		free(w);
		return LK_ERR(r->engine == NULL ? LK_E_UNAVAILABLE : LK_E_NOMEM,
		    "the store is read-only, nothing is exchanged");
	}
	err = subject_list(r, &w->docnos, &w->docnos_len);
	if (err.code == LK_OK)
		err = documents_permitted(r, w);
	if (err.code == LK_OK)
		err = param_int_or(r, "wait", 0, PEERS_MAX, &need);
	if (err.code == LK_OK)
		err =
		    param_int_or(r, "timeout_ms", 0, SPAN_MS_MAX, &timeout_ms);
	if (err.code == LK_OK)
		err = progress_wanted(r, &w->progress);
	if (err.code != LK_OK || need < 0)
		waiting_free(w);
	TRY(err);
	engine_poke(r->engine, r->now);
	if (need < 0) {
		json_add_flag(r->result, "acknowledged", false);
		return LK_NONE;
	}
	w->need = need;
	request_defer(r, sync_poll,
	    (struct mono){ r->now.mono.ms + timeout_ms }, w, waiting_free);
	return LK_NONE;
}

static const struct command table[] = {
	{ "status", status, COMMAND_IDENTITY },
	{ "sync", sync_, COMMAND_IDENTITY },
	{ "peers", peers, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_status = table;
