#include <stdlib.h>
#include <string.h>

#include "sync/bucket.h"
#include "sync/member_index.h"
#include "sync/relay_client.h"

#define SAY_MS 200   /* several changes are acknowledged together */
#define SAY_SLICE 16 /* in that time: envelopes are to have their share */
#define WAITS_MAX 256

/* One whose key is not here yet, or nobody knows whose it is, or whose device
 * is connected. */
struct ack_wait {
	TAILQ_ENTRY(ack_wait) next;
	struct buf body;
};

static void
wait_free(struct relay_client *c, struct ack_wait *w)
{
	TAILQ_REMOVE(&c->ack_waits, w, next);
	c->ack_waits_len--;
	buf_clear(&w->body);
	free(w);
}

void
relay_topic_acks_clear(struct relay_client *c)
{
	while (!TAILQ_EMPTY(&c->ack_waits))
		wait_free(c, TAILQ_FIRST(&c->ack_waits));
	c->acks.ms = 0;
}

/* Of more than are kept the earliest is lost, until the next session. */
static lk_err
wait_add(struct relay_client *c, struct bytes body)
{
	struct ack_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return LK_ERR(LK_E_NOMEM, "ACK");
	buf_init(&w->body, RELAY_ACK_MAX);
	buf_add(&w->body, body);
	TAILQ_INSERT_TAIL(&c->ack_waits, w, next);
	if (++c->ack_waits_len > WAITS_MAX)
		wait_free(c, TAILQ_FIRST(&c->ack_waits));
	return LK_NONE;
}

/* In documents of more nothing is said and nothing is heard of it: the relay
 * would tell it each of the others. */
static lk_err
devices_are_few(struct engine *e, uint32_t docno, bool *few)
{
	uint32_t devices;

	TRY(member_index_count(e->r, docno, &devices));
	*few = devices <= ACK_PASS_DEVICES_MAX;
	return LK_NONE;
}

/* Whoever is a member can leave there what does not open: that is not the
 * relay's doing, and no error. */
lk_err
relay_topic_ack(struct engine *e, struct relay_client *c, struct bytes body)
{
	uint8_t own[LK_TOPIC_LEN];
	struct docstate *ds;
	struct relay_topic *x;
	struct ack a;
	bool few;
	lk_err err;

	TRY(ack_decode(&a, body));
	if (a.topic >= c->opened)
		return LK_NONE;
	x = &c->topics[a.topic];
	if (x->state != RELAY_TOPIC_OPEN)
		return LK_NONE;
	TRY(devices_are_few(e, x->docno, &few));
	if (!few)
		return LK_NONE;
	TRY(docstate_get(e->r, x->docno, &ds));
	author_tag(own, &ds->topic, e->identity->sign.pk);
	/* What this device said, or somebody in its name. */
	if (memcmp(own, a.tag, LK_TOPIC_LEN) == 0) {
		x->acked = a.counter;
		return acks_current(e, ds, &a, &x->ack_settled);
	}
	err = acks_kept(e, ds, &a);
	if (err.code == LK_E_WAIT)
		return wait_add(c, body);
	return err.code == LK_E_MALFORMED ? LK_NONE : err;
}

lk_err
relay_topic_acks_again(struct engine *e, struct relay_client *c)
{
	for (size_t n = c->ack_waits_len; n > 0; n--) {
		struct ack_wait *w = TAILQ_FIRST(&c->ack_waits);
		BUF_SCOPED body = w->body;

		w->body = (struct buf){ .len = 0 };
		wait_free(c, w);
		TRY(relay_topic_ack(e, c, buf_bytes(&body)));
	}
	return LK_NONE;
}

void
relay_topic_ack_note(
    struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	x->ack_due = true;
	if (c->acks.ms == 0)
		c->acks.ms = e->now.mono.ms + SAY_MS;
	if (c->acks.ms < e->wake.ms)
		e->wake = c->acks;
}

/* The counter of what is to be said of a document; 0: nothing. */
static lk_err
ack_count(struct engine *e, uint32_t docno, uint64_t *count)
{
	struct stored_name name = { .count = 0 };
	struct docstate *ds;
	bool few;
	lk_err err;

	*count = 0;
	TRY(devices_are_few(e, docno, &few));
	if (!few)
		return LK_NONE;
	TRY(docstate_get(e->r, docno, &ds));
	err = acks_name(e, ds, &name);
	*count = name.count;
	return err.code == LK_E_NOTFOUND ? LK_NONE : err;
}

static lk_err
ack_say(struct engine *e, struct relay_client *c, struct relay_topic *x)
{
	BUF_SCOPED b = { .max = RELAY_ACK_MAX };
	uint64_t count;

	TRY(ack_count(e, x->docno, &count));
	if (x->ack_settled && x->acked == count)
		return LK_NONE;
	if (count > 0)
		TRY(acks_body(e, x->docno, (uint32_t)(x - c->topics), &b));
	if (b.len > 0)
		relay_client_send(e, c, MSG_ACK, buf_bytes(&b));
	x->ack_settled = true;
	x->acked = count;
	return LK_NONE;
}

lk_err
relay_topic_acks_step(struct engine *e, struct relay_client *c)
{
	size_t slice = 0;

	if (c->acks.ms == 0 || c->acks.ms > e->now.mono.ms)
		return LK_NONE;
	for (size_t i = 0; i < c->opened; i++) {
		struct relay_topic *x = &c->topics[i];

		if (!x->ack_due)
			continue;
		if (slice++ == SAY_SLICE || !relay_client_has_room(c)) {
			c->acks.ms = e->now.mono.ms + SAY_MS;
			return LK_NONE;
		}
		x->ack_due = false;
		/* When it is open again both sides are compared first. */
		if (x->state == RELAY_TOPIC_OPEN && !x->stopped)
			TRY(ack_say(e, c, x));
	}
	c->acks.ms = 0;
	return LK_NONE;
}
