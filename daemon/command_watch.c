/*
 * watch: every change of the documents, once, in the order of this device's
 * log, as it becomes durable.
 *
 * The position in the log (the cursor) is all the state there is: what is
 * behind it and below the next event is sent already.  Documents that have
 * something behind it stand in a queue with the position of their next entry;
 * a document joins the queue when an event says that it has grown.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/change_json.h"
#include "daemon/commands.h"
#include "daemon/daemon.h"

#define SLICE_MAX 200 /* events a round, so that others get their turn */

struct next {
	uint64_t lsn;
	uint32_t docno;
};

struct watch {
	uint32_t *docnos; /* NULL: all */
	size_t docnos_len;
	uint64_t cursor;
	int64_t left;       /* events until it ends; -1: never */
	uint64_t last;      /* nothing behind it is sent */
	struct next *queue; /* unordered; short but for a catch-up */
	size_t queue_len, queue_cap;
	bool filled;
};

static void
watch_free(void *state)
{
	struct watch *w = state;

	if (w == NULL)
		return;
	free(w->docnos);
	free(w->queue);
	free(w);
}

static bool
is_watched(const struct watch *w, uint32_t docno)
{
	if (w->docnos == NULL)
		return true;
	for (size_t i = 0; i < w->docnos_len; i++)
		if (w->docnos[i] == docno)
			return true;
	return false;
}

static lk_err
queue_add(struct watch *w, struct next next)
{
	if (w->queue_len == w->queue_cap) {
		size_t cap = w->queue_cap == 0 ? 16 : w->queue_cap * 2;
		struct next *grown =
		    reallocarray(w->queue, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "watch");
		w->queue = grown;
		w->queue_cap = cap;
	}
	w->queue[w->queue_len++] = next;
	return LK_NONE;
}

static bool
is_queued(const struct watch *w, uint32_t docno)
{
	for (size_t i = 0; i < w->queue_len; i++)
		if (w->queue[i].docno == docno)
			return true;
	return false;
}

/* Queues a document when it has an entry behind the cursor. */
static lk_err
document_queue(struct request *r, struct watch *w, uint32_t docno)
{
	struct change_info info;
	lk_err err = replica_log(r->replica, docno, w->cursor + 1, &info);

	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	return queue_add(w, (struct next){ info.lsn, docno });
}

static lk_err
queue_fill(struct request *r, struct watch *w)
{
	struct subject s;
	uint32_t docno = 0;

	w->queue_len = 0;
	w->filled = true;
	for (;;) {
		lk_err err = subject_next(r, &docno, &s);

		if (err.code == LK_E_NOTFOUND)
			return LK_NONE;
		TRY(err);
		if (is_watched(w, docno))
			TRY(document_queue(r, w, docno));
	}
}

static lk_err
queue_update(struct request *r, struct watch *w)
{
	struct subject s;

	if (!w->filled || r->events_lost)
		return queue_fill(r, w);
	for (size_t i = 0; i < r->events_len; i++) {
		const struct replica_event *e = &r->events[i];

		if (e->lsn <= w->cursor || !is_watched(w, e->docno) ||
		    is_queued(w, e->docno) ||
		    subject_load(r, e->docno, &s).code != LK_OK)
			continue;
		TRY(document_queue(r, w, e->docno));
	}
	return LK_NONE;
}

static lk_err
event_send(struct request *r, struct watch *w, uint32_t docno,
    const struct change_info *info)
{
	struct json_object *event = change_json(r->replica, docno, info);
	struct subject s;
	lk_err err = subject_load(r, docno, &s);

	if (err.code != LK_OK) {
		json_object_put(event);
		return err;
	}
	json_add_subject(event, &s);
	if (w->left > 0)
		w->left--;
	return request_notify(r, event);
}

/* Sends the queued entry that is first in the log. */
static lk_err
queue_send(struct request *r, struct watch *w)
{
	struct change_info info;
	struct next next;
	size_t first = 0;
	lk_err err;

	for (size_t i = 1; i < w->queue_len; i++)
		if (w->queue[i].lsn < w->queue[first].lsn)
			first = i;
	next = w->queue[first];
	w->queue[first] = w->queue[--w->queue_len];
	err = replica_log(r->replica, next.docno, next.lsn, &info);
	/* Its document has been forgotten meanwhile. */
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	w->cursor = info.lsn;
	if (change_counts(&info))
		TRY(event_send(r, w, next.docno, &info));
	err = replica_log(r->replica, next.docno, w->cursor + 1, &info);
	if (err.code == LK_E_NOTFOUND)
		return LK_NONE;
	TRY(err);
	return queue_add(w, (struct next){ info.lsn, next.docno });
}

/* Whether something in the queue is still to be sent. */
static bool
queue_waits(const struct watch *w)
{
	for (size_t i = 0; i < w->queue_len; i++)
		if (w->queue[i].lsn <= w->last)
			return true;
	return false;
}

static lk_err
watch_poll(struct request *r, bool *done)
{
	struct watch *w = r->state;

	TRY(queue_update(r, w));
	for (int n = 0; w->left != 0 && queue_waits(w); n++) {
		if (!request_room(r))
			return LK_NONE;
		if (n == SLICE_MAX) {
			request_again(r, 0);
			return LK_NONE;
		}
		TRY(queue_send(r, w));
	}
	if (w->left == 0 || w->last != UINT64_MAX) {
		json_add_number(r->result, "cursor", w->cursor);
		json_add_id(r->result, "device",
		    BYTES_OF(replica_identity(r->replica)->sign.pk));
		*done = true;
	}
	return LK_NONE;
}

static lk_err
watch_start(struct request *r, struct watch *w)
{
	int64_t since = -1;
	bool no_wait;
	uint64_t end;

	TRY(subject_list(r, &w->docnos, &w->docnos_len));
	TRY(param_int_or(r, "since", 0, INT64_MAX, &since));
	w->left = -1;
	TRY(param_int_or(r, "count", 0, INT64_MAX, &w->left));
	TRY(param_bool_or(r, "no_wait", false, &no_wait));
	TRY(lsn_last(r->daemon->txn, &end));
	w->last = no_wait ? end : UINT64_MAX;
	w->cursor = since < 0 ? end : (uint64_t)since;
	if (w->cursor <= end)
		return LK_NONE;
	request_hint(r, "cursors belong to one store");
	return request_fail(r, LK_ERR(LK_E_USAGE, "read cursor"),
	    "%lld: not a cursor of this store", (long long)since);
}

static lk_err
watch(struct request *r)
{
	struct watch *w = calloc(1, sizeof(*w));
	lk_err err;

	if (w == NULL)
		return LK_ERR(LK_E_NOMEM, "watch");
	err = watch_start(r, w);
	if (err.code != LK_OK) {
		watch_free(w);
		return err;
	}
	request_defer(r, watch_poll, (struct mono){ 0 }, w, watch_free);
	return LK_NONE;
}

static const struct command table[] = {
	{ "watch", watch, COMMAND_IDENTITY },
	{ NULL, NULL, 0 },
};

const struct command *const commands_watch = table;
