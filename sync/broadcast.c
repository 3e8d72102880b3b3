#include <stdlib.h>
#include <string.h>

#include "sync/docno_list.h"
#include "sync/engine_state.h"

#define ANNOUNCE_MS 50 /* ids wait so long for others */
/* What was announced comes by itself within so long, by the tree. */
#define GRAFT_MS 500
#define CREDIT 64 /* ids that are not known, of a neighbour in so long */
#define CREDIT_MS 30000
#define GRAFT_NEXT_MS 300 /* and then from the next who announced it */

/* Who announced what then came may announce more. */
static void
credit_back(struct engine *e, const struct crowd *c, const struct missing *m)
{
	for (size_t i = 0; i < m->from_len; i++) {
		struct link *l = link_find(e, m->from[i]);
		uint32_t number =
		    l == NULL ? GRAPH_NONE : topics_of(l, c->docno);
		struct neighbour *n = number == GRAPH_NONE
		    ? NULL
		    : neighbour_of(topics_number(l, number));

		if (n != NULL)
			n->credit++;
	}
}

void
broadcast_arrived(
    struct engine *e, struct crowd *c, const uint8_t id[static LK_ID_LEN])
{
	for (size_t i = 0; i < c->missing_len; i++)
		if (memcmp(c->missing[i].id, id, LK_ID_LEN) == 0) {
			credit_back(e, c, &c->missing[i]);
			c->missing[i] = c->missing[--c->missing_len];
			return;
		}
}

static void
announce_wake(struct engine *e)
{
	struct overlay *o = &e->overlay;

	if (o->announce.ms == 0)
		o->announce.ms = e->now.mono.ms + ANNOUNCE_MS;
	if (o->announce.ms < e->wake.ms)
		e->wake = o->announce;
}

static void
ihave_send(struct engine *e, struct link *l, uint32_t number)
{
	struct neighbour *n = neighbour_of(topics_number(l, number));
	BUF_SCOPED b = { .max = 4 + IDS_MAX * LK_ID_LEN };

	if (n == NULL || n->told.len == 0)
		return;
	id_list_encode(&b, number, buf_bytes(&n->told));
	link_send(e, l, MSG_IHAVE, buf_bytes(&b));
	buf_reset(&n->told);
}

static lk_err
push_send(struct engine *e, struct link *l, uint32_t number,
    const struct log_entry *entry)
{
	struct link_topic *t = topics_number(l, number);
	struct envelope env;
	BUF_SCOPED b = { .max = MESSAGE_MAX };

	TRY(envelope_parse(&env, entry->envelope));
	buf_u32(&b, number);
	TRY(link_topic_item(t, &env, &b));
	TRY(buf_err(&b, "PUSH"));
	link_send(e, l, MSG_PUSH, buf_bytes(&b));
	return LK_NONE;
}

lk_err
broadcast_to(struct engine *e, struct link *l, uint32_t number,
    const struct log_entry *entry)
{
	struct link_topic *t = topics_number(l, number);
	struct neighbour *n = neighbour_active(t);

	/* Its stream reaches the end of the log by itself. */
	if (n == NULL || exchange_of(t)->sending)
		return LK_NONE;
	if (!n->lazy && link_has_room(l))
		return push_send(e, l, number, entry);
	if (n->told.len == IDS_MAX * LK_ID_LEN)
		ihave_send(e, l, number);
	buf_mem(&n->told, entry->id, LK_ID_LEN);
	announce_wake(e);
	return docno_list_add(&e->overlay.announcing,
	    &e->overlay.announcing_len, &e->overlay.announcing_cap, t->docno);
}

/* Notes that this link has it; false: there is no room for more. */
static lk_err
missing_note(struct engine *e, struct crowd *c, uint64_t conn,
    const uint8_t id[static LK_ID_LEN])
{
	struct missing *m = NULL;

	for (size_t i = 0; i < c->missing_len && m == NULL; i++)
		if (memcmp(c->missing[i].id, id, LK_ID_LEN) == 0)
			m = &c->missing[i];
	if (m == NULL && c->missing_len == CROWD_MISSING_MAX)
		return LK_NONE;
	if (m == NULL && c->missing_len == c->missing_cap) {
		size_t cap = c->missing_cap == 0 ? 4 : c->missing_cap * 2;
		struct missing *grown =
		    reallocarray(c->missing, cap, sizeof(*grown));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "announced envelopes");
		c->missing = grown;
		c->missing_cap = cap;
	}
	if (m == NULL) {
		m = &c->missing[c->missing_len++];
		*m = (struct missing){ .due = { e->now.mono.ms + GRAFT_MS } };
		memcpy(m->id, id, LK_ID_LEN);
	}
	for (size_t i = 0; i < m->from_len; i++)
		if (m->from[i] == conn)
			return LK_NONE;
	if (m->from_len < MISSING_FROM_MAX)
		m->from[m->from_len++] = conn;
	if (m->due.ms < e->overlay.graft.ms)
		e->overlay.graft = m->due;
	if (m->due.ms < e->wake.ms)
		e->wake = m->due;
	return LK_NONE;
}

static struct link_topic *
topic_needed(
    struct link *l, uint32_t number, struct engine *e, struct crowd **c)
{
	struct link_topic *t = topics_number(l, number);

	*c = t == NULL ? NULL : overlay_crowd(e, t->docno);
	return t;
}

lk_err
broadcast_ihave(struct engine *e, struct link *l, struct bytes body)
{
	struct id_list list;
	struct neighbour *n;
	struct link_topic *t;
	struct crowd *c;

	TRY(ihave_decode(&list, body));
	t = topic_needed(l, list.topic, e, &c);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "IHAVE number");
	n = neighbour_active(t);
	if (c == NULL || n == NULL)
		return LK_NONE;
	for (size_t i = 0; i < list.len; i++) {
		const uint8_t *id = list.ids + i * LK_ID_LEN;

		if (log_has(e->r->txn, id))
			continue;
		/* Who announces without end what never comes is not heard. */
		if (n->credited.ms == 0 ||
		    e->now.mono.ms - n->credited.ms >= CREDIT_MS) {
			n->credited = e->now.mono;
			n->credit = CREDIT;
		}
		if (n->credit == 0)
			return LK_NONE;
		n->credit--;
		TRY(missing_note(e, c, l->conn, id));
	}
	return LK_NONE;
}

lk_err
broadcast_graft(struct engine *e, struct link *l, struct bytes body)
{
	struct id_list list;
	struct neighbour *n;
	struct link_topic *t;
	struct crowd *c;

	TRY(graft_decode(&list, body));
	t = topic_needed(l, list.topic, e, &c);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "GRAFT number");
	n = neighbour_active(t);
	if (c == NULL || n == NULL || t->serve != SERVE_FULL)
		return LK_NONE;
	n->lazy = false;
	for (size_t i = 0; i < list.len && link_has_room(l); i++) {
		struct log_entry entry;
		lk_err err =
		    log_by_id(e->r->txn, list.ids + i * LK_ID_LEN, &entry);

		if (err.code == LK_E_NOTFOUND || err.code == LK_E_CORRUPT)
			continue;
		TRY(err);
		if (entry.docno == t->docno && entry.essential)
			TRY(push_send(e, l, list.topic, &entry));
	}
	return LK_NONE;
}

lk_err
broadcast_prune(struct engine *e, struct link *l, struct bytes body)
{
	struct neighbour *n;
	struct link_topic *t;
	struct crowd *c;
	uint32_t number;

	TRY(prune_decode(&number, body));
	t = topic_needed(l, number, e, &c);
	if (t == NULL)
		return LK_ERR(LK_E_MALFORMED, "PRUNE number");
	n = neighbour_active(t);
	if (n != NULL)
		n->lazy = true;
	return LK_NONE;
}

lk_err
broadcast_verdicts(struct engine *e, struct link *l, uint32_t number,
    const struct received *verdicts, size_t n)
{
	static const uint8_t none[LK_ID_LEN];
	struct crowd *c;
	struct link_topic *t = topic_needed(l, number, e, &c);
	struct neighbour *beside = neighbour_active(t);
	bool twice = false, ask = false;
	BUF_SCOPED b = { .max = 16 };

	for (size_t i = 0; i < n; i++) {
		twice |= verdicts[i].what == RECEIPT_KNOWN;
		if (verdicts[i].what != RECEIPT_WAITING)
			continue;
		/* What comes by several ways may come out of order. */
		if (c == NULL || beside == NULL ||
		    memcmp(verdicts[i].missing, none, LK_ID_LEN) == 0)
			ask = true;
		else
			TRY(missing_note(e, c, l->conn, verdicts[i].missing));
	}
	if (twice && beside != NULL && !beside->lazy) {
		beside->lazy = true;
		buf_u32(&b, number);
		link_send(e, l, MSG_PRUNE, buf_bytes(&b));
	}
	return ask ? reconcile_ask(e, l, number) : LK_NONE;
}

/* Asks the first who announced it and is still there. */
static void
graft_one(struct engine *e, struct crowd *c, struct missing *m)
{
	while (m->from_len > 0) {
		struct link *l = link_find(e, m->from[0]);
		uint32_t number =
		    l == NULL ? GRAPH_NONE : topics_of(l, c->docno);
		struct neighbour *n;
		BUF_SCOPED b = { .max = 64 };

		m->from_len--;
		memmove(m->from, m->from + 1, m->from_len * sizeof(*m->from));
		if (number == GRAPH_NONE || l->state != LINK_OPEN)
			continue;
		n = neighbour_active(topics_number(l, number));
		if (n == NULL)
			continue;
		n->lazy = false;
		id_list_encode(&b, number, BYTES(m->id, LK_ID_LEN));
		link_send(e, l, MSG_GRAFT, buf_bytes(&b));
		m->due.ms = e->now.mono.ms + GRAFT_NEXT_MS;
		return;
	}
	/* Nobody: the comparison brings it. */
	m->due.ms = 0;
}

static void
crowd_graft(struct engine *e, struct crowd *c)
{
	for (size_t i = 0; i < c->missing_len;) {
		struct missing *m = &c->missing[i];

		if (m->due.ms <= e->now.mono.ms)
			graft_one(e, c, m);
		if (m->due.ms == 0) {
			*m = c->missing[--c->missing_len];
			continue;
		}
		if (m->due.ms < e->overlay.graft.ms)
			e->overlay.graft = m->due;
		i++;
	}
}

lk_err
broadcast_step(struct engine *e)
{
	struct overlay *o = &e->overlay;
	int64_t now = e->now.mono.ms;

	if (o->announce.ms != 0 && o->announce.ms <= now) {
		for (size_t i = 0; i < o->announcing_len; i++) {
			struct link *l;

			TAILQ_FOREACH (l, &e->links, next) {
				uint32_t number =
				    topics_of(l, o->announcing[i]);

				if (l->state == LINK_OPEN &&
				    number != GRAPH_NONE)
					ihave_send(e, l, number);
			}
		}
		o->announcing_len = 0;
		o->announce.ms = 0;
	}
	if (!o->loaded || o->graft.ms > now)
		return LK_NONE;
	o->graft.ms = INT64_MAX;
	for (size_t i = 0; i < o->crowds_len; i++)
		if (o->crowds[i] != NULL)
			crowd_graft(e, o->crowds[i]);
	return LK_NONE;
}

int64_t
broadcast_next_ms(const struct engine *e)
{
	const struct overlay *o = &e->overlay;
	int64_t graft = o->loaded ? o->graft.ms : INT64_MAX;

	return o->announce.ms != 0 && o->announce.ms < graft ? o->announce.ms
							     : graft;
}
