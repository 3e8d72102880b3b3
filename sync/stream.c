#include <stdlib.h>
#include <string.h>

#include "sync/engine_state.h"
#include "sync/range.h"

#define BATCH_BYTES ((size_t)128 * 1024)

/* How much of a document is for a peer: all, or the past of his farewell. */
struct share {
	struct graph *graph;
	uint32_t ends[ENVELOPE_DEPS_MAX];
	size_t ends_len;
	bool full;
};

static lk_err
share_of(struct engine *e, const struct link *l, const struct link_topic *t,
    struct share *s)
{
	s->full = t->serve == SERVE_FULL;
	s->ends_len = 0;
	if (s->full)
		return LK_NONE;
	TRY(replica_graph(e->r, t->docno, &s->graph));
	s->ends_len =
	    graph_farewell(s->graph, l->pk, s->ends, ENVELOPE_DEPS_MAX);
	return LK_NONE;
}

static bool
share_has(const struct share *s, const struct log_entry *entry)
{
	uint32_t node;

	if (s->full)
		return entry->essential;
	node = graph_find(s->graph, entry->id);
	for (size_t i = 0; i < s->ends_len && node != GRAPH_NONE; i++)
		if (graph_in_past(s->graph, node, s->ends[i]))
			return true;
	return false;
}

/* Adds an envelope to a BATCH; *full: it is for the next one. */
static lk_err
batch_add(
    struct link_topic *t, struct bytes envelope, struct buf *b, bool *full)
{
	struct envelope env;

	*full = b->len > 64 && b->len + envelope.len > MESSAGE_MAX - 256;
	if (*full)
		return LK_NONE;
	TRY(envelope_parse(&env, envelope));
	return vector_covers(&t->vector, env.tag, env.seq)
	    ? LK_NONE
	    : item_encode(b, &t->out, &env);
}

/* Fills one BATCH from the log; *end when the stream is through. */
static lk_err
pump_batch(struct engine *e, const struct link *l, struct link_topic *t,
    struct buf *b, bool *end)
{
	struct share share;

	TRY(share_of(e, l, t, &share));
	*end = false;
	while (b->len < BATCH_BYTES) {
		struct log_entry entry;
		bool full = false;
		lk_err err = log_next(e->r->txn, t->docno, t->next, &entry);

		if (err.code == LK_E_NOTFOUND) {
			*end = true;
			return LK_NONE;
		}
		/* It comes from somebody who has it whole. */
		if (err.code == LK_E_CORRUPT) {
			t->next = entry.lsn + 1;
			continue;
		}
		TRY(err);
		if (share_has(&share, &entry))
			TRY(batch_add(t, entry.envelope, b, &full));
		if (full)
			return LK_NONE;
		t->next = entry.lsn + 1;
	}
	return LK_NONE;
}

static void
queue_drop(struct link *l, struct link_topic *t)
{
	l->queued -= t->queue_len;
	free(t->queue);
	t->queue = NULL;
	t->queue_len = t->queue_at = 0;
}

/* The same from the queue. */
static lk_err
pump_queue(struct engine *e, struct link *l, struct link_topic *t,
    struct buf *b, bool *end)
{
	while (b->len < BATCH_BYTES && t->queue_at < t->queue_len) {
		uint64_t lsn = t->queue[t->queue_at];
		struct log_entry entry;
		bool full = false;
		lk_err err = log_next(e->r->txn, t->docno, lsn, &entry);

		if (err.code != LK_E_NOTFOUND && err.code != LK_E_CORRUPT) {
			TRY(err);
			if (entry.lsn == lsn)
				TRY(batch_add(t, entry.envelope, b, &full));
		}
		if (full)
			break;
		t->queue_at++;
	}
	*end = t->queue_at == t->queue_len;
	if (*end)
		queue_drop(l, t);
	return LK_NONE;
}

static lk_err
pump_topic(struct engine *e, struct link *l, uint32_t number)
{
	struct link_topic *t = topics_number(l, number);

	/* He may have been removed since it began. */
	t->sending &= t->serve == SERVE_FULL || t->serve == SERVE_FAREWELL;
	if (t->serve != SERVE_FULL)
		queue_drop(l, t);
	while ((t->sending || t->queue_len > 0) && link_has_room(l)) {
		BUF_SCOPED items = { .max = MESSAGE_MAX };
		bool end;

		batch_encode(&items, number, false);
		if (t->sending)
			TRY(pump_batch(e, l, t, &items, &end));
		else
			TRY(pump_queue(e, l, t, &items, &end));
		TRY(buf_err(&items, "BATCH"));
		t->streamed = e->now.mono;
		if (end) {
			items.ptr[4] = 1;
			t->sending = false;
			vector_clear(&t->vector);
		}
		link_send(e, l, MSG_BATCH, buf_bytes(&items));
		if (end && t->serve == SERVE_FULL)
			TRY(acks_send(e, l, number));
	}
	return LK_NONE;
}

lk_err
reconcile_pump(struct engine *e, struct link *l)
{
	if (l->state != LINK_OPEN)
		return LK_NONE;
	for (uint32_t n = 0; n < l->numbers_len && link_has_room(l); n++) {
		struct link_topic *t = topics_number(l, n);

		if (t != NULL && (t->sending || t->queue_len > 0))
			TRY(pump_topic(e, l, n));
	}
	return LK_NONE;
}

lk_err
stream_farewell(struct engine *e, struct link *l, struct link_topic *t)
{
	/* A stream under way goes on as one. */
	if (!t->sending)
		t->next = 0;
	t->sending = true;
	return reconcile_pump(e, l);
}

static int
lsn_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

lk_err
stream_queue(struct link *l, struct link_topic *t, uint64_t *lsns, size_t len)
{
	size_t left = t->queue_len - t->queue_at, n = 0;
	uint64_t *queue;

	if (len == 0 || l->queued + len > RANGE_SEND_MAX)
		return LK_NONE;
	queue = reallocarray(NULL, left + len, sizeof(*queue));
	if (queue == NULL)
		return LK_ERR(LK_E_NOMEM, "queue");
	memcpy(queue, lsns, len * sizeof(*queue));
	if (left > 0)
		memcpy(
		    queue + len, t->queue + t->queue_at, left * sizeof(*queue));
	qsort(queue, left + len, sizeof(*queue), lsn_compare);
	for (size_t i = 0; i < left + len; i++)
		if (n == 0 || queue[i] != queue[n - 1])
			queue[n++] = queue[i];
	queue_drop(l, t);
	t->queue = queue;
	t->queue_len = n;
	l->queued += n;
	return LK_NONE;
}
