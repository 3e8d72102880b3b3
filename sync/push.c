#include <stdlib.h>
#include <string.h>

#include "sync/engine_state.h"
#include "sync/relay_client.h"

#define RECEIVE_MAX 4096 /* envelopes in one BATCH or PUSH we take at once */

lk_err
origin_note(struct engine *e, const uint8_t id[static LK_ID_LEN], uint64_t conn)
{
	if (e->origins_len == e->origins_cap) {
		size_t cap = e->origins_cap == 0 ? 64 : e->origins_cap * 2;
		struct origin *grown =
		    reallocarray(e->origins, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "origins");
		e->origins = grown;
		e->origins_cap = cap;
	}
	memcpy(e->origins[e->origins_len].id, id, LK_ID_LEN);
	e->origins[e->origins_len++].conn = conn;
	return LK_NONE;
}

/* Something is missing: one exchange of vectors brings all of it.  Where it
 * brings nothing, the next round is early enough to ask again. */
static lk_err
batch_verdicts(struct engine *e, struct link *l, uint32_t number,
    const struct received *verdicts, size_t n)
{
	struct link_topic *t = topics_number(l, number);
	bool waiting = false;

	for (size_t i = 0; i < n; i++) {
		waiting |= verdicts[i].what == RECEIPT_WAITING;
		if (verdicts[i].what == RECEIPT_ACCEPTED)
			t->retried = false;
	}
	if (!waiting || t->retried)
		return LK_NONE;
	t->retried = true;
	return reconcile_ask(e, l, number);
}

struct taken {
	const struct received *verdicts;
	size_t len;
	bool any; /* was accepted */
};

static lk_err
topic_id(struct engine *e, uint32_t docno, uint8_t id[static LK_TOPIC_LEN])
{
	struct topic topic;

	TRY(docstate_topic(e->r, docno, &topic));
	memcpy(id, topic.id, LK_TOPIC_LEN);
	secret_wipe(&topic, sizeof(topic));
	return LK_NONE;
}

/* Takes in the items of a BATCH or PUSH; the verdicts are in the arena. */
static lk_err
items_take(struct engine *e, struct link *l, struct link_topic *t,
    struct rd items, struct arena *arena, struct taken *out)
{
	struct bytes *envelopes;
	struct received *verdicts;
	uint8_t topic[LK_TOPIC_LEN];
	struct items *memory;
	bool any = false;
	size_t n = 0;

	TRY(items_need(t, &memory));
	TRY(topic_id(e, t->docno, topic));
	envelopes = arena_alloc(arena, RECEIVE_MAX * sizeof(*envelopes));
	verdicts = arena_alloc(arena, RECEIVE_MAX * sizeof(*verdicts));
	if (envelopes == NULL || verdicts == NULL)
		return LK_ERR(LK_E_NOMEM, "BATCH");
	while (items.left.len > 0 && n < RECEIVE_MAX) {
		TRY(item_decode(
		    &items, &memory->in, topic, arena, &envelopes[n]));
		n++;
	}
	if (items.left.len > 0)
		return LK_ERR(LK_E_LIMIT, "BATCH items");
	TRY(replica_receive(e->r, t->docno, l->pk, envelopes, n, verdicts));
	/* Only what becomes an event, with which the list ends. */
	for (size_t i = 0; i < n; i++) {
		uint8_t id[LK_ID_LEN];

		if (verdicts[i].what != RECEIPT_ACCEPTED)
			continue;
		any = true;
		envelope_id(id, envelopes[i]);
		TRY(origin_note(e, id, l->conn));
	}
	*out = (struct taken){ .verdicts = verdicts, .len = n, .any = any };
	return acks_note(e, t->docno);
}

lk_err
reconcile_batch(struct engine *e, struct link *l, struct bytes body)
{
	ARENA_SCOPED arena = { .max = 4 * MESSAGE_MAX };
	struct batch batch;
	struct link_topic *t;
	struct exchange *x;
	struct taken taken;

	TRY(batch_decode(&batch, body));
	t = topics_number(l, batch.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "BATCH number");
	TRY(items_take(e, l, t, batch.items, &arena, &taken));
	TRY(exchange_need(t, &x));
	if (x->asked.ms != 0)
		x->asked.ms = batch.end ? 0 : e->now.mono.ms;
	if (batch.end && x->ranged.ms != 0 && taken.any) {
		x->ranged.ms = 0;
		TRY(reconcile_again(e, l, batch.topic));
	}
	return batch_verdicts(e, l, batch.topic, taken.verdicts, taken.len);
}

lk_err
reconcile_pushed(struct engine *e, struct link *l, struct bytes body)
{
	ARENA_SCOPED arena = { .max = 4 * MESSAGE_MAX };
	struct push push;
	struct link_topic *t;
	struct taken taken;

	TRY(push_decode(&push, body));
	t = topics_number(l, push.topic);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "PUSH number");
	TRY(items_take(e, l, t, push.items, &arena, &taken));
	return broadcast_verdicts(e, l, push.topic, taken.verdicts, taken.len);
}

bool
came_from(
    const struct engine *e, const uint8_t id[static LK_ID_LEN], uint64_t conn)
{
	for (size_t i = 0; i < e->origins_len; i++)
		if (e->origins[i].conn == conn &&
		    memcmp(e->origins[i].id, id, LK_ID_LEN) == 0)
			return true;
	return false;
}

static bool
was_brought(const struct engine *e, const uint8_t id[static LK_ID_LEN])
{
	for (size_t i = 0; i < e->origins_len; i++)
		if (memcmp(e->origins[i].id, id, LK_ID_LEN) == 0)
			return true;
	return false;
}

static lk_err
push_to(struct engine *e, struct link *l, uint32_t number,
    const struct log_entry *entry)
{
	struct link_topic *t = topics_number(l, number);
	const struct exchange *x = exchange_of(t);
	struct envelope env;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	/* Its stream reaches the end of the log by itself; and with whom it is
	 * to be compared yet, he may have what others brought. */
	if (x->sending || (x->held.ms != 0 && was_brought(e, entry->id)))
		return LK_NONE;
	if (!link_has_room(l))
		return reconcile_ask(e, l, number);
	TRY(envelope_parse(&env, entry->envelope));
	batch_encode(&b, number, false);
	TRY(link_topic_item(t, &env, &b));
	TRY(buf_err(&b, "BATCH"));
	link_send(e, l, MSG_BATCH, buf_bytes(&b));
	return LK_NONE;
}

lk_err
reconcile_push(struct engine *e, const struct replica_event *event)
{
	struct crowd *crowd = overlay_crowd(e, event->docno);
	struct log_entry entry;
	struct link *l;
	lk_err err;

	if (event->lsn == 0)
		return LK_NONE;
	err = log_by_id(e->r->txn, event->id, &entry);
	if (err.code != LK_OK)
		return err.code == LK_E_NOTFOUND ? LK_NONE : err;
	if (crowd != NULL)
		broadcast_arrived(e, crowd, event->id);
	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, event->docno);
		struct link_topic *t;

		if (l->state != LINK_OPEN || number == GRAPH_NONE)
			continue;
		t = topics_number(l, number);
		/* What was durable together is judged together: an edit may
		 * stand before the revocation. */
		TRY(topics_serve(e, l, t));
		/* Each reads the whole log: not for what he says himself. */
		if (t->serve == SERVE_FAREWELL && event->access &&
		    !came_from(e, event->id, l->conn))
			TRY(stream_farewell(e, l, t));
		if (t->serve != SERVE_FULL || !entry.essential ||
		    came_from(e, event->id, l->conn))
			continue;
		TRY(crowd == NULL ? push_to(e, l, number, &entry)
				  : broadcast_to(e, l, number, &entry));
	}
	return LK_NONE;
}
