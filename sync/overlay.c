#include "sync/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "sync/engine_state.h"

#define ASK_MS 5000
#define REFUSED_MS 60000 /* until it is asked again */
#define RETRY_MS 1000
#define RETRY_MOST_MS 120000
#define ALONE_MS 30000 /* nobody left to ask */
#define SHUFFLE_MS 120000
#define IDLE_AFTER_MS 20000
#define OURS_LEAST 2 /* neighbours chosen here that nobody displaces */
#define NEVER INT64_MAX

struct crowd *
overlay_crowd(const struct engine *e, uint32_t docno)
{
	return docno < e->overlay.crowds_len ? e->overlay.crowds[docno] : NULL;
}

static void
crowd_free(struct overlay *o, uint32_t docno)
{
	struct crowd *c = o->crowds[docno];

	if (c == NULL)
		return;
	free(c->missing);
	free(c);
	o->crowds[docno] = NULL;
	o->many--;
}

void
overlay_clear(struct engine *e)
{
	struct overlay *o = &e->overlay;

	for (size_t i = 0; i < o->crowds_len; i++)
		crowd_free(o, (uint32_t)i);
	free(o->crowds);
	free(o->announcing);
	*o = (struct overlay){ .loaded = false };
}

void
neighbour_free(struct neighbour *n)
{
	if (n == NULL)
		return;
	buf_clear(&n->told);
	free(n);
}

struct neighbour *
neighbour_of(const struct link_topic *t)
{
	return exchange_of(t)->neighbour;
}

struct neighbour *
neighbour_active(const struct link_topic *t)
{
	struct neighbour *n = neighbour_of(t);

	return n != NULL && n->standing == STANDING_ACTIVE ? n : NULL;
}

static lk_err
neighbour_need(struct link_topic *t, struct neighbour **out)
{
	struct exchange *x;

	TRY(exchange_need(t, &x));
	if (x->neighbour == NULL) {
		x->neighbour = calloc(1, sizeof(*x->neighbour));
		if (x->neighbour == NULL)
			return LK_ERR(LK_E_NOMEM, "neighbour");
		buf_init(&x->neighbour->told, IDS_MAX * LK_ID_LEN);
	}
	*out = x->neighbour;
	return LK_NONE;
}

static void
neighbour_drop(struct link_topic *t)
{
	if (t->exchange == NULL)
		return;
	neighbour_free(t->exchange->neighbour);
	t->exchange->neighbour = NULL;
}

static void
crowd_due(struct engine *e, struct crowd *c, int64_t ms)
{
	if (ms < c->due.ms)
		c->due.ms = ms;
	if (ms < e->overlay.due.ms)
		e->overlay.due.ms = ms;
	if (ms < e->wake.ms)
		e->wake.ms = ms;
}

static lk_err
crowd_new(struct engine *e, uint32_t docno)
{
	struct overlay *o = &e->overlay;
	struct crowd *c;

	if (docno >= o->crowds_len) {
		size_t len = (size_t)docno + 16;
		struct crowd **grown =
		    reallocarray(o->crowds, len, sizeof(struct crowd *));

		if (grown == NULL)
			return LK_ERR(LK_E_NOMEM, "crowds");
		for (size_t i = o->crowds_len; i < len; i++)
			grown[i] = NULL;
		o->crowds = grown;
		o->crowds_len = len;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return LK_ERR(LK_E_NOMEM, "crowd");
	c->docno = docno;
	c->due.ms = NEVER;
	o->crowds[docno] = c;
	o->many++;
	crowd_due(e, c, e->now.mono.ms);
	return LK_NONE;
}

static void
standing_set(struct engine *e, struct crowd *c, struct neighbour *n,
    enum standing standing)
{
	if (n->standing == STANDING_ACTIVE && standing != STANDING_ACTIVE) {
		c->active--;
		c->tries = 0;
		crowd_due(e, c, e->now.mono.ms);
	}
	if (n->standing != STANDING_ACTIVE && standing == STANDING_ACTIVE) {
		c->active++;
		c->joined = true;
		c->tries = 0;
		n->lazy = false;
	}
	n->standing = standing;
	n->since = e->now.mono;
}

/* No crowd any more: everybody is connected with everybody. */
static void
crowd_end(struct engine *e, uint32_t docno)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, docno);

		if (number != GRAPH_NONE)
			neighbour_drop(topics_number(l, number));
	}
	crowd_free(&e->overlay, docno);
}

lk_err
overlay_access(struct engine *e, uint32_t docno)
{
	bool is = overlay_crowd(e, docno) != NULL, mine;
	uint32_t count;

	TRY(member_index_count(e->r, docno, &count));
	TRY(member_index_has(e->r, docno, e->identity->sign.pk, &mine));
	if (is != (mine && count > MESH_MAX + 1)) {
		if (is)
			crowd_end(e, docno);
		else
			TRY(crowd_new(e, docno));
		peers_judge_again(e);
	}
	if (overlay_crowd(e, docno) != NULL)
		crowd_due(e, overlay_crowd(e, docno), e->now.mono.ms);
	return LK_NONE;
}

static lk_err
overlay_load(struct engine *e)
{
	struct member_entry m = { .docno = 0 };

	if (e->overlay.loaded)
		return LK_NONE;
	e->overlay.due.ms = NEVER;
	e->overlay.graft.ms = NEVER;
	for (;; m.docno++) {
		lk_err err = member_index_next(e->r, e->identity->sign.pk, &m);

		if (err.code == LK_E_NOTFOUND)
			break;
		TRY(err);
		TRY(overlay_access(e, m.docno));
	}
	e->overlay.loaded = true;
	return LK_NONE;
}

static void
neighbour_say(
    struct engine *e, struct link *l, uint32_t number, enum neighbour_word word)
{
	BUF_SCOPED b = { .max = 16 };

	neighbour_encode(&b, number, word);
	link_send(e, l, MSG_NEIGHBOUR, buf_bytes(&b));
}

static lk_err
neighbour_ask(
    struct engine *e, struct crowd *c, struct link *l, uint32_t number)
{
	struct neighbour *n;

	TRY(neighbour_need(topics_number(l, number), &n));
	standing_set(e, c, n, STANDING_ASKED);
	neighbour_say(e, l, number,
	    c->active > 0   ? NEIGHBOUR_LOW
		: c->joined ? NEIGHBOUR_HIGH
			    : NEIGHBOUR_JOIN);
	return LK_NONE;
}

/* Whether an open link could be a neighbour and is none. */
static struct link_topic *
link_candidate(struct engine *e, const struct crowd *c, struct link *l)
{
	uint32_t number = topics_of(l, c->docno);
	struct link_topic *t;
	struct neighbour *n;

	if (l->state != LINK_OPEN || number == GRAPH_NONE)
		return NULL;
	t = topics_number(l, number);
	n = neighbour_of(t);
	if (t->serve != SERVE_FULL)
		return NULL;
	if (n != NULL && n->standing == STANDING_ASKED &&
	    e->now.mono.ms - n->since.ms >= ASK_MS)
		n->standing = STANDING_NONE;
	if (n == NULL || n->standing == STANDING_NONE)
		return t;
	return n->standing == STANDING_REFUSED &&
		e->now.mono.ms - n->since.ms >= REFUSED_MS
	    ? t
	    : NULL;
}

void
overlay_matched(struct engine *e, const struct link_topic *t)
{
	struct crowd *c = overlay_crowd(e, t->docno);

	/* Asked with the next tick: by then the other side has the number. */
	if (c != NULL && c->active < ACTIVE_TARGET)
		crowd_due(e, c, e->now.mono.ms);
}

void
overlay_lost(struct engine *e, struct link *l)
{
	if (e->overlay.many == 0)
		return;
	for (uint32_t n = 0; n < l->numbers_len; n++) {
		struct link_topic *t = topics_number(l, n);
		struct crowd *c = t == NULL || neighbour_of(t) == NULL
		    ? NULL
		    : overlay_crowd(e, t->docno);

		if (c != NULL)
			standing_set(e, c, neighbour_of(t), STANDING_NONE);
	}
}

void
overlay_stir(struct engine *e)
{
	for (size_t i = 0; i < e->overlay.crowds_len; i++) {
		struct crowd *c = e->overlay.crowds[i];

		if (c != NULL && c->active < ACTIVE_TARGET && c->tries < 4)
			crowd_due(e, c, e->now.mono.ms);
	}
}

/* How many are asked or called already; one link to ask now, by chance. */
static size_t
crowd_under_way(struct engine *e, const struct crowd *c, struct link **picked)
{
	size_t asked = peers_sought(e, c->docno), seen = 0;
	struct link *l;

	*picked = NULL;
	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, c->docno);
		struct neighbour *n;

		if (number == GRAPH_NONE)
			continue;
		n = neighbour_of(topics_number(l, number));
		if (link_candidate(e, c, l) != NULL) {
			if (random_below(&e->random, ++seen) == 0)
				*picked = l;
		} else if (n != NULL && n->standing == STANDING_ASKED) {
			asked++;
		}
	}
	return asked;
}

static lk_err
crowd_step(struct engine *e, struct crowd *c)
{
	int64_t now = e->now.mono.ms, wait = RETRY_MS;
	struct link *l;
	size_t asked;
	bool found = true;

	c->due.ms = NEVER;
	if (c->active >= ACTIVE_TARGET)
		return LK_NONE;
	asked = crowd_under_way(e, c, &l);
	if (asked >= 2 || c->active + asked >= ACTIVE_TARGET) {
		crowd_due(e, c, now + ASK_MS);
		return LK_NONE;
	}
	if (l != NULL)
		TRY(neighbour_ask(e, c, l, topics_of(l, c->docno)));
	else
		TRY(peers_seek(e, c->docno, &found));
	for (uint32_t i = 0; i < c->tries && wait < RETRY_MOST_MS; i++)
		wait *= 2;
	/* With some it is not urgent; without any it is. */
	if (c->active == 0 && wait > 8 * RETRY_MS)
		wait = 8 * RETRY_MS;
	c->tries++;
	if (!found && wait < ALONE_MS && c->active > 0)
		wait = ALONE_MS;
	crowd_due(e, c,
	    now + wait / 2 + (int64_t)random_below(&e->random, (uint64_t)wait));
	return LK_NONE;
}

struct link *
crowd_any(struct engine *e, const struct crowd *c, const struct link *but)
{
	struct link *l, *picked = NULL;
	size_t seen = 0;

	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, c->docno);

		if (l == but || l->state != LINK_OPEN || number == GRAPH_NONE ||
		    neighbour_active(topics_number(l, number)) == NULL)
			continue;
		if (random_below(&e->random, ++seen) == 0)
			picked = l;
	}
	return picked;
}

/* One for the whole device, in a crowd picked by chance: who is in many with
 * the same others does not say the same many times. */
static lk_err
overlay_shuffle(struct engine *e)
{
	struct overlay *o = &e->overlay;
	int64_t now = e->now.mono.ms;
	uint64_t pick;

	if (o->many == 0 || now < o->shuffle.ms)
		return LK_NONE;
	if (o->shuffle.ms != 0) {
		pick = random_below(&e->random, o->many);
		for (size_t i = 0; i < o->crowds_len; i++)
			if (o->crowds[i] != NULL && pick-- == 0) {
				TRY(walk_shuffle(e, o->crowds[i]));
				break;
			}
	}
	o->shuffle.ms = now + SHUFFLE_MS / 2 +
	    (int64_t)random_below(&e->random, SHUFFLE_MS);
	return LK_NONE;
}

lk_err
overlay_step(struct engine *e)
{
	struct overlay *o = &e->overlay;

	TRY(overlay_load(e));
	TRY(overlay_shuffle(e));
	if (o->due.ms > e->now.mono.ms)
		return LK_NONE;
	o->due.ms = NEVER;
	for (size_t i = 0; i < o->crowds_len; i++) {
		struct crowd *c = o->crowds[i];

		if (c == NULL)
			continue;
		if (c->due.ms <= e->now.mono.ms)
			TRY(crowd_step(e, c));
		if (c->due.ms < o->due.ms)
			o->due = c->due;
	}
	return LK_NONE;
}

int64_t
overlay_next_ms(const struct engine *e)
{
	const struct overlay *o = &e->overlay;

	if (!o->loaded || o->many == 0)
		return NEVER;
	return o->due.ms < o->shuffle.ms ? o->due.ms : o->shuffle.ms;
}

lk_err
overlay_idle(struct engine *e, struct link *l, bool *idle)
{
	bool crowds = false;
	struct peer *p;

	*idle = false;
	if (!l->initiator || !l->known || !l->matched ||
	    e->now.mono.ms - l->opened.ms < IDLE_AFTER_MS)
		return LK_NONE;
	for (uint32_t n = 0; n < l->numbers_len; n++) {
		struct link_topic *t = topics_number(l, n);
		struct neighbour *near;
		struct crowd *c;

		if (t == NULL)
			continue;
		c = overlay_crowd(e, t->docno);
		near = neighbour_of(t);
		if (c == NULL || c->active < 2 || exchange_of(t)->sending ||
		    (near != NULL && near->standing != STANDING_NONE &&
			near->standing != STANDING_REFUSED))
			return LK_NONE;
		crowds = true;
	}
	p = peers_find(e, l->pk);
	if (!crowds || p == NULL)
		return LK_NONE;
	return peers_only_crowds(e, p, idle);
}

/* Makes room among those who came; those chosen here stay while they are few.
 * False: there is none. */
static bool
crowd_displace(struct engine *e, struct crowd *c)
{
	struct link *l, *picked = NULL;
	size_t seen = 0, ours = 0;

	TAILQ_FOREACH (l, &e->links, next) {
		uint32_t number = topics_of(l, c->docno);
		struct neighbour *n = number == GRAPH_NONE
		    ? NULL
		    : neighbour_active(topics_number(l, number));

		if (n == NULL || l->state != LINK_OPEN)
			continue;
		if (n->ours && ours++ < OURS_LEAST)
			continue;
		if (random_below(&e->random, ++seen) == 0)
			picked = l;
	}
	if (picked == NULL)
		return c->active < ACTIVE_MOST;
	standing_set(e, c,
	    neighbour_of(topics_number(picked, topics_of(picked, c->docno))),
	    STANDING_REFUSED);
	neighbour_say(e, picked, topics_of(picked, c->docno), NEIGHBOUR_DONE);
	return true;
}

static lk_err
neighbour_asked(struct engine *e, struct crowd *c, struct link *l,
    uint32_t number, enum neighbour_word word)
{
	struct link_topic *t = topics_number(l, number);
	struct neighbour *n;
	bool take = c != NULL && t->serve == SERVE_FULL;

	if (!take) {
		neighbour_say(e, l, number, NEIGHBOUR_NO);
		return LK_NONE;
	}
	TRY(neighbour_need(t, &n));
	if (n->standing != STANDING_ACTIVE && c->active >= ACTIVE_TARGET)
		take = word != NEIGHBOUR_LOW && crowd_displace(e, c);
	neighbour_say(e, l, number, take ? NEIGHBOUR_YES : NEIGHBOUR_NO);
	if (!take || n->standing == STANDING_ACTIVE)
		return LK_NONE;
	n->ours = n->standing == STANDING_ASKED;
	standing_set(e, c, n, STANDING_ACTIVE);
	if (word == NEIGHBOUR_JOIN)
		TRY(walk_newcomer(e, c, l));
	return LK_NONE;
}

/* It answers what was asked; or ends it. */
static lk_err
neighbour_answered(struct engine *e, struct crowd *c, struct link *l,
    uint32_t number, enum neighbour_word word)
{
	struct neighbour *n = neighbour_of(topics_number(l, number));

	if (c == NULL || n == NULL)
		return LK_NONE;
	if (word == NEIGHBOUR_DONE || n->standing == STANDING_ASKED) {
		n->ours = word == NEIGHBOUR_YES;
		standing_set(e, c, n,
		    word == NEIGHBOUR_YES ? STANDING_ACTIVE : STANDING_REFUSED);
		crowd_due(e, c, e->now.mono.ms + RETRY_MS);
		/* What was new to either meanwhile was not pushed. */
		if (word == NEIGHBOUR_YES)
			TRY(reconcile_start(e, l));
	}
	return LK_NONE;
}

lk_err
overlay_neighbour(struct engine *e, struct link *l, struct bytes body)
{
	enum neighbour_word word;
	uint32_t number;
	struct crowd *c;

	TRY(neighbour_decode(&number, &word, body));
	if (topics_number(l, number) == NULL)
		return LK_ERR(LK_E_MALFORMED, "NEIGHBOUR number");
	TRY(overlay_load(e));
	c = overlay_crowd(e, topics_number(l, number)->docno);
	switch (word) {
	case NEIGHBOUR_JOIN:
	case NEIGHBOUR_HIGH:
	case NEIGHBOUR_LOW:
		return neighbour_asked(e, c, l, number, word);
	case NEIGHBOUR_YES:
	case NEIGHBOUR_NO:
	case NEIGHBOUR_DONE:
		return neighbour_answered(e, c, l, number, word);
	}
	return LK_NONE;
}
