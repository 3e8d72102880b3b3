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
	return vector_covers(&exchange_of(t)->vector, env.tag, env.seq)
	    ? LK_NONE
	    : link_topic_item(t, &env, b);
}

/* Fills one BATCH from the log; *end when the stream is through. */
static lk_err
pump_batch(struct engine *e, const struct link *l, struct link_topic *t,
    struct buf *b, bool *end)
{
	struct exchange *x = t->exchange;
	struct share share;

	TRY(share_of(e, l, t, &share));
	*end = false;
	while (b->len < BATCH_BYTES) {
		struct log_entry entry;
		bool full = false;
		lk_err err = log_next(e->r->txn, t->docno, x->next, &entry);

		if (err.code == LK_E_NOTFOUND) {
			*end = true;
			return LK_NONE;
		}
		/* It comes from somebody who has it whole. */
		if (err.code == LK_E_CORRUPT) {
			x->next = entry.lsn + 1;
			continue;
		}
		TRY(err);
		if (share_has(&share, &entry))
			TRY(batch_add(t, entry.envelope, b, &full));
		if (full)
			return LK_NONE;
		x->next = entry.lsn + 1;
	}
	return LK_NONE;
}

static bool
exchange_sends(const struct exchange *x)
{
	return x->sending || x->queue_len > 0;
}

static void
queue_drop(struct link *l, struct exchange *x)
{
	l->queued -= x->queue_len;
	free(x->queue);
	x->queue = NULL;
	x->queue_len = x->queue_at = 0;
}

/* The same from the queue. */
static lk_err
pump_queue(struct engine *e, struct link *l, struct link_topic *t,
    struct buf *b, bool *end)
{
	struct exchange *x = t->exchange;

	while (b->len < BATCH_BYTES && x->queue_at < x->queue_len) {
		uint64_t lsn = x->queue[x->queue_at];
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
		x->queue_at++;
	}
	*end = x->queue_at == x->queue_len;
	if (*end)
		queue_drop(l, x);
	return LK_NONE;
}

static lk_err
pump_topic(struct engine *e, struct link *l, uint32_t number)
{
	struct link_topic *t = topics_number(l, number);
	struct exchange *x = t->exchange;

	/* He may have been removed since it began. */
	x->sending &= t->serve == SERVE_FULL || t->serve == SERVE_FAREWELL;
	if (t->serve != SERVE_FULL)
		queue_drop(l, x);
	while (exchange_sends(x) && link_has_room(l)) {
		BUF_SCOPED items = { .max = MESSAGE_MAX };
		bool end;

		batch_encode(&items, number, false);
		if (x->sending)
			TRY(pump_batch(e, l, t, &items, &end));
		else
			TRY(pump_queue(e, l, t, &items, &end));
		TRY(buf_err(&items, "BATCH"));
		x->streamed = e->now.mono;
		if (end) {
			items.ptr[4] = 1;
			x->sending = false;
			vector_clear(&x->vector);
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

		if (t != NULL && exchange_sends(exchange_of(t)))
			TRY(pump_topic(e, l, n));
	}
	return LK_NONE;
}

lk_err
stream_farewell(struct engine *e, struct link *l, struct link_topic *t)
{
	struct exchange *x;

	TRY(exchange_need(t, &x));
	/* A stream under way goes on as one. */
	if (!x->sending)
		x->next = 0;
	x->sending = true;
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
	struct exchange *x;
	uint64_t *queue;
	size_t left, n = 0;

	if (len == 0 || l->queued + len > RANGE_SEND_MAX)
		return LK_NONE;
	TRY(exchange_need(t, &x));
	left = x->queue_len - x->queue_at;
	queue = reallocarray(NULL, left + len, sizeof(*queue));
	if (queue == NULL)
		return LK_ERR(LK_E_NOMEM, "queue");
	memcpy(queue, lsns, len * sizeof(*queue));
	if (left > 0)
		memcpy(
		    queue + len, x->queue + x->queue_at, left * sizeof(*queue));
	qsort(queue, left + len, sizeof(*queue), lsn_compare);
	for (size_t i = 0; i < left + len; i++)
		if (n == 0 || queue[i] != queue[n - 1])
			queue[n++] = queue[i];
	queue_drop(l, x);
	x->queue = queue;
	x->queue_len = n;
	l->queued += n;
	return LK_NONE;
}
