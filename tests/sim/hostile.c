#include "tests/sim/hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/ledger.h"
#include "tests/sim/prepare.h"
#include "tests/sim/wire.h"
#include "tests/sim/workload.h"

/* While the honest must converge, it has less to say: a store costs time. */
#define ACTS_MAX 400
#define LINKS_MAX 64
#define NEVER INT64_MAX

uint64_t
hostile_below(struct hostile *h, uint64_t n)
{
	return random_below(&h->random, n);
}

bool
hostile_chance(struct hostile *h, uint64_t odds)
{
	return hostile_below(h, odds) == 0;
}

void
hostile_plan(struct world *w)
{
	struct plan *p = &w->plan;

	if (world_chance(w, 6))
		return;
	p->turns[FRIEND] = world_chance(w, 2);
	p->turns[FOURTH] = p->fourth && world_chance(w, 2);
	p->turns[TABLET] = p->tablet && world_chance(w, 4);
	p->strangers = (unsigned)random_below(&w->random, 3);
	for (int i = 0; i < 8; i++)
		p->families |= 1u << random_below(&w->random, FAMILIES);
}

static void
hostile_make(struct node *n, bool turned)
{
	struct hostile *h = calloc(1, sizeof(*h));
	struct world *w = n->world;

	LK_ASSERT(h != NULL);
	h->node = n;
	h->turned = turned;
	h->families = w->plan.families;
	h->random = random_from_seed(
	    &h->seeded, w->seed * EVERYBODY + (uint64_t)n->index);
	h->seeded.key[31] = 4;
	h->next_conn = UINT64_C(1) << 61;
	message_body_max(h->body_max);
	n->hostile = h;
	n->present = false;
}

/* Its engine lives on, in rounds of its own. */
static void
hostile_start(struct node *n)
{
	node_open(n);
	world_need(n->world, txn_commit(n->txn), "txn_commit");
	n->kept = n->identity;
	{
		const struct replica_event *events;
		size_t len;

		replica_committed(n->replica, &events, &len);
	}
	n->txn = NULL;
	node_wake(n, n->world->now + 1);
}

void
hostile_begin(struct world *w, const char *prepared)
{
	for (size_t i = NODES; i < RELAY; i++) {
		struct node *n = &w->nodes[i];

		node_init(n, w, (enum node_index)i);
		if (i - NODES >= w->plan.strangers)
			continue;
		node_place(n, prepared);
		hostile_make(n, false);
		hostile_start(n);
	}
	for (size_t i = 0; i < NODES; i++)
		if (w->plan.turns[i] && w->nodes[i].present)
			schedule_put(&w->schedule,
			    world_between(w, 500, w->plan.active_ms * 3 / 4),
			    EVENT_TURN, i, 0);
}

/* A document somebody honest made, in which it may read. */
static bool
has_document(struct node *n)
{
	struct ledger *l = n->world->ledger;
	struct doc_summary doc;
	uint32_t docno = 0;
	bool has = false;

	node_look(n);
	while (
	    !has && replica_doc_next(n->replica, docno, &docno).code == LK_OK) {
		size_t number = node_doc(n, docno);

		world_need(
		    n->world, replica_doc(n->replica, docno, &doc), "doc");
		has = doc.role >= ROLE_READ && number != SIZE_MAX &&
		    l->docs[number].creator != n->index;
	}
	node_look_end(n);
	return has;
}

void
hostile_turn(struct node *n)
{
	struct world *w = n->world;

	if (!w->faults)
		return;
	/* Down just now, or nobody's member yet. */
	if (!n->up || !has_document(n)) {
		schedule_put(
		    &w->schedule, w->now + 1000, EVENT_TURN, n->index, 0);
		return;
	}
	world_say(w, "%s turns hostile", n->name);
	world_trace(w, "turns", n->index, BYTES(NULL, 0));
	hostile_make(n, true);
	forge_stock(n->hostile);
	node_forget(n);
	n->identity = n->kept;
	wire_drop_all(n, false);
	memset(n->errands, 0, sizeof(n->errands));
	hostile_start(n);
	/* Throwing out one's own person is something else. */
	if (n->person != OWNER && !world_chance(w, 3))
		workload_accuse(n);
}

void
hostile_clear(struct node *n)
{
	struct hostile *h = n->hostile;

	if (h == NULL)
		return;
	raws_clear(h);
	for (size_t i = 0; i < RECORDS_MAX; i++)
		buf_clear(&h->records[i]);
	for (size_t i = 0; i < h->stock_len; i++)
		buf_clear(&h->stock[i].envelope);
	free(h->stock);
	free(h);
	n->hostile = NULL;
}

struct node *
hostile_victim(struct hostile *h)
{
	struct world *w = h->node->world;
	struct node *found = NULL;
	uint64_t seen = 0;

	for (size_t i = 0; i < NODES; i++)
		if (w->nodes[i].present && hostile_below(h, ++seen) == 0)
			found = &w->nodes[i];
	return found;
}

/* Whether both sides have a number for some document, where that is wanted. */
static bool
speaker_fits(struct hostile *h, uint64_t conn, bool document)
{
	struct item_state *items;
	uint32_t docno;
	size_t n = inside_numbers(h->node->engine, conn);

	if (!document)
		return true;
	for (uint32_t i = 0; i < n; i++)
		if (inside_number(h->node->engine, conn, i, &docno, &items))
			return true;
	return false;
}

bool
speaker_find(struct hostile *h, bool document, struct speaker *out)
{
	uint64_t conns[LINKS_MAX], seen = 0;
	size_t n = inside_links(h->node->engine, conns, LINKS_MAX);

	*out = (struct speaker){ .h = h };
	for (size_t i = 0; i < n; i++)
		if (speaker_fits(h, conns[i], document) &&
		    hostile_below(h, ++seen) == 0)
			out->conn = conns[i];
	for (size_t i = 0; i < h->raws_len; i++)
		if (h->raws[i]->open &&
		    (!document || h->raws[i]->matched > 0) &&
		    hostile_below(h, ++seen) == 0)
			out->raw = h->raws[i];
	if (out->raw != NULL)
		out->conn = out->raw->conn;
	/* One of its own takes the place of the engine's at the other end. */
	if ((seen == 0 && (!h->turned || hostile_chance(h, 6))) ||
	    hostile_chance(h, 40))
		raw_dial(h, RAW_SESSION, hostile_victim(h));
	return seen > 0;
}

void
speaker_say(struct speaker *s, unsigned type, struct bytes body)
{
	if (s->raw != NULL)
		raw_say(s->h, s->raw, type, body);
	else
		inside_send(s->h->node->engine, s->conn, type, body);
}

size_t
speaker_numbers(struct speaker *s)
{
	return s->raw != NULL ? 2 * s->raw->matched
			      : inside_numbers(s->h->node->engine, s->conn);
}

bool
speaker_topic(struct speaker *s, uint32_t *number, uint32_t *docno,
    struct item_state **items)
{
	struct engine *e = s->h->node->engine;
	uint64_t seen = 0;
	size_t n = speaker_numbers(s);

	for (uint32_t i = 0; s->raw == NULL && i < n; i++)
		if (inside_number(e, s->conn, i, docno, items) &&
		    hostile_below(s->h, ++seen) == 0)
			*number = i;
	if (s->raw == NULL)
		return seen > 0 &&
		    inside_number(e, s->conn, *number, docno, items);
	if (n == 0)
		return false;
	*number = 2 * (uint32_t)hostile_below(s->h, s->raw->matched);
	*docno = s->raw->docs[*number / 2];
	*items = &s->raw->items[*number / 2];
	return true;
}

static void
act_malformed(struct hostile *h, struct speaker *s)
{
	struct node *victim;

	if (s != NULL && !hostile_chance(h, 2)) {
		say_malformed(s);
		return;
	}
	/* Drawn in a fixed order: that of arguments is the compiler's. */
	victim = hostile_victim(h);
	raw_dial(h, hostile_chance(h, 2) ? RAW_GARBAGE : RAW_BROKEN, victim);
}

static void
act_replay(struct hostile *h, struct speaker *s)
{
	static const enum raw_kind kinds[] = { RAW_REPLAY, RAW_REFLECT,
		RAW_PROXY };
	struct node *victim = hostile_victim(h);

	(void)s;
	raw_dial(h, kinds[hostile_below(h, 3)], victim);
}

static void
act_forge(struct hostile *h, struct speaker *s)
{
	for (uint64_t i = 1 + hostile_below(h, 4); i > 0; i--)
		forge_send_lie(s);
}

static void
act_equivocate(struct hostile *h, struct speaker *s)
{
	(void)h;
	forge_send_stock(s, false);
}

static void
act_gaps(struct hostile *h, struct speaker *s)
{
	if (hostile_chance(h, 2))
		forge_send_stock(s, true);
	else
		forge_send_gap(s);
}

static void
act_huge(struct hostile *h, struct speaker *s)
{
	if (hostile_chance(h, 2))
		forge_send_huge(s);
	else
		say_huge(s);
}

static void
act_revoked(struct hostile *h, struct speaker *s)
{
	if (hostile_chance(h, 3))
		forge_send_stock(s, false);
	else
		forge_send_revoked(s);
}

static void
act_lies(struct hostile *h, struct speaker *s)
{
	(void)h;
	say_lie(s);
}

static void
act_amplify(struct hostile *h, struct speaker *s)
{
	say_questions(s, 1 + hostile_below(h, 30));
}

static void
act_flood(struct hostile *h, struct speaker *s)
{
	forge_flood(s, 1 + hostile_below(h, hostile_chance(h, 20) ? 600 : 30));
}

static void
act_crowd(struct hostile *h, struct speaker *s)
{
	static const enum raw_kind kinds[] = { RAW_SESSION, RAW_STOPS,
		RAW_SILENT };
	struct node *to = hostile_victim(h);

	(void)s;
	for (uint64_t i = hostile_below(h, 40); i > 0; i--)
		raw_dial(h, kinds[hostile_below(h, 3)], to);
}

static void
act_slow(struct hostile *h, struct speaker *s)
{
	wire_hold(h->node, s->conn, !hostile_chance(h, 4));
	say_questions(s, 20);
}

static void
act_half_open(struct hostile *h, struct speaker *s)
{
	struct node *victim;

	if (s != NULL && hostile_chance(h, 3))
		wire_hold(h->node, s->conn, true);
	victim = hostile_victim(h);
	raw_dial(h, hostile_chance(h, 2) ? RAW_STOPS : RAW_SILENT, victim);
}

/* One that is new, or not any more, sees no honest device for a while. */
static void
act_eclipse(struct hostile *h, struct speaker *s)
{
	struct world *w = h->node->world;
	struct node *victim = hostile_victim(h);

	if (s != NULL)
		say_lie(s);
	if (!w->faults || victim == NULL || !hostile_chance(h, 8))
		return;
	world_say(w, "%s: eclipses %s", h->node->name, victim->name);
	for (size_t i = 0; i < NODES; i++) {
		if (i == victim->index || w->nodes[i].hostile != NULL)
			continue;
		w->cut[i][victim->index] = w->cut[victim->index][i] = true;
		schedule_put(&w->schedule,
		    w->now + 1000 + (int64_t)hostile_below(h, 20000),
		    EVENT_FAULT, i + 1, (size_t)victim->index + 1);
	}
}

static void
act_acks(struct hostile *h, struct speaker *s)
{
	for (uint64_t i = 1 + hostile_below(h, 4); i > 0; i--)
		say_ack(s);
}

enum needs { NEEDS_NOBODY, NEEDS_SOMEBODY, NEEDS_DOCUMENT };

static const struct {
	enum needs needs; /* an open connection; with a document in common */
	void (*run)(struct hostile *, struct speaker *);
} acts[FAMILIES] = {
	[FAMILY_MALFORMED] = { NEEDS_NOBODY, act_malformed },
	[FAMILY_REPLAY] = { NEEDS_NOBODY, act_replay },
	[FAMILY_FORGE] = { NEEDS_DOCUMENT, act_forge },
	[FAMILY_EQUIVOCATE] = { NEEDS_DOCUMENT, act_equivocate },
	[FAMILY_GAPS] = { NEEDS_DOCUMENT, act_gaps },
	[FAMILY_HUGE] = { NEEDS_SOMEBODY, act_huge },
	[FAMILY_REVOKED] = { NEEDS_DOCUMENT, act_revoked },
	[FAMILY_LIES] = { NEEDS_SOMEBODY, act_lies },
	[FAMILY_AMPLIFY] = { NEEDS_SOMEBODY, act_amplify },
	[FAMILY_FLOOD] = { NEEDS_DOCUMENT, act_flood },
	[FAMILY_CROWD] = { NEEDS_NOBODY, act_crowd },
	[FAMILY_SLOW] = { NEEDS_SOMEBODY, act_slow },
	[FAMILY_HALF_OPEN] = { NEEDS_NOBODY, act_half_open },
	[FAMILY_ECLIPSE] = { NEEDS_NOBODY, act_eclipse },
	[FAMILY_ACKS] = { NEEDS_DOCUMENT, act_acks },
};

static void
hostile_act(struct hostile *h)
{
	struct speaker s;
	enum family f;
	bool speaks;

	if (h->families == 0 || h->acts >= ACTS_MAX)
		return;
	do
		f = (enum family)hostile_below(h, FAMILIES);
	while ((h->families & 1u << f) == 0);
	speaks = speaker_find(h, acts[f].needs == NEEDS_DOCUMENT, &s);
	if (!speaks && acts[f].needs != NEEDS_NOBODY)
		return;
	h->acts++;
	acts[f].run(h, speaks ? &s : NULL);
}

static void
hostile_arrivals(struct node *n)
{
	while (!STAILQ_EMPTY(&n->arrivals)) {
		struct arrival *a = STAILQ_FIRST(&n->arrivals);

		STAILQ_REMOVE_HEAD(&n->arrivals, next);
		world_trace(n->world, n->name,
		    (uint64_t)a->kind << 56 ^ a->conn, buf_bytes(&a->bytes));
		if (a->kind == ARRIVAL_BYTES && hostile_chance(n->hostile, 8))
			record(n->hostile, buf_bytes(&a->bytes));
		if (!raw_arrival(n->hostile, a))
			world_need(
			    n->world, arrival_pass(n, a), "hostile engine");
		buf_clear(&a->bytes);
		free(a);
	}
}

static void
hostile_commit(struct node *n, struct replica_event **events, size_t *len)
{
	const struct replica_event *fresh;

	world_need(n->world, txn_commit(n->txn), "txn_commit");
	replica_committed(n->replica, &fresh, len);
	n->txn = NULL;
	*events = calloc(*len + 1, sizeof(**events));
	LK_ASSERT(*events != NULL);
	if (*len > 0)
		memcpy(*events, fresh, *len * sizeof(**events));
	node_look(n);
	for (size_t i = 0; i < *len; i++)
		if ((*events)[i].access)
			ledger_let_in(n->world->ledger, n, (*events)[i].docno);
	node_look_end(n);
	node_outputs(n);
}

/* What became durable here is told to others, or kept back. */
static void
hostile_pass_on(struct node *n, struct replica_event *events, size_t len)
{
	struct replica_event *more;
	size_t more_len;

	if (len > 0 && !hostile_chance(n->hostile, 3)) {
		node_begin(n);
		world_need(n->world,
		    engine_events(n->engine, events, len, node_now(n)),
		    "engine_events");
		hostile_commit(n, &more, &more_len);
		free(more);
	}
	free(events);
}

void
hostile_event(struct node *n)
{
	struct hostile *h = n->hostile;
	struct world *w = n->world;
	struct replica_event *events;
	const char *address, *why;
	uint64_t conn;
	size_t len;

	if (!n->up || n->round_at != w->now)
		return;
	n->round_at = NEVER;
	node_begin(n);
	hostile_arrivals(n);
	world_need(w, engine_tick(n->engine, node_now(n)), "engine_tick");
	if (h->act_at <= w->now) {
		for (uint64_t i = hostile_below(h, 4); i > 0; i--)
			hostile_act(h);
		h->act_at = w->now + 20 +
		    (int64_t)hostile_below(h, w->faults ? 300 : 3000);
	}
	hostile_commit(n, &events, &len);
	hostile_pass_on(n, events, len);
	while (engine_dropped(n->engine, &conn, &address, &why))
		continue;
	node_wake(n, h->act_at);
}
