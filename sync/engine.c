#include "sync/engine.h"
#include "sync/bucket.h"

#include <stdlib.h>
#include <string.h>

#include "sync/endpoint.h"
#include "sync/fanout.h"
#include "sync/forget.h"
#include "sync/names.h"
#include "sync/pair_run.h"
#include "sync/relay_client.h"

#define TICK_MOST_MS 60000
#define ROUND_MS 30000
#define DEAD_MS 75000
#define ACKS_AT_ONCE 512

lk_err
engine_new(struct engine **out, struct replica *r, struct identity *identity,
    struct random random)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return LK_ERR(LK_E_NOMEM, "engine");
	e->r = r;
	e->identity = identity;
	e->random = random;
	e->next_conn = ENGINE_CONN_FIRST;
	e->generation = e->acks_generation = 1;
	e->bonds = 1;
	TAILQ_INIT(&e->links);
	TAILQ_INIT(&e->peers);
	TAILQ_INIT(&e->redeems);
	TAILQ_INIT(&e->windows);
	TAILQ_INIT(&e->remotes);
	TAILQ_INIT(&e->relay_clients);
	message_body_max(e->body_max);
	*out = e;
	return LK_NONE;
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	while (!TAILQ_EMPTY(&e->links))
		link_free(e, TAILQ_FIRST(&e->links));
	peers_free(e);
	redeem_free(e);
	windows_free(e);
	relay_clients_free(e);
	engine_remotes_free(e);
	free(e->origins);
	free(e->acks);
	free(e->passes);
	free(e->heals);
	free(e->late);
	overlay_clear(e);
	free(e);
}

/* Made once per store: tells a restored or rebuilt store from this one. */
static lk_err
incarnation_load(struct engine *e)
{
	struct kv kv = docstate_space(e->r, STORE_DEVICE, SPACE_META);
	struct bytes value;
	lk_err err = kv_get(kv, BYTES_STR("incarnation"), &value);

	if (err.code == LK_OK && value.len == INCARNATION_LEN) {
		memcpy(e->incarnation, value.ptr, INCARNATION_LEN);
		return LK_NONE;
	}
	if (err.code != LK_OK && err.code != LK_E_NOTFOUND)
		return err;
	random_fill(&e->random, e->incarnation, INCARNATION_LEN);
	return kv_put(kv, BYTES_STR("incarnation"), BYTES_OF(e->incarnation));
}

lk_err
engine_configure(struct engine *e, const struct engine_config *config)
{
	struct addresses *mine = &e->r->addresses;

	e->port = config->listen_port;
	e->discovery.on = config->discovery;
	mine->len = 0;
	for (size_t i = 0;
	     i < config->addresses_len && mine->len < PEER_ADDRESS_MAX; i++)
		if (endpoint_parse(&mine->at[mine->len], config->addresses[i])
			.code == LK_OK)
			mine->len++;
	TRY(incarnation_load(e));
	TRY(peers_load(e));
	TRY(fanout_watch(e));
	TRY(discovery_tick(e));
	/* A fanout that a crash interrupted goes on. */
	e->fanout.ms = 1;
	return LK_NONE;
}

/*
 * What a peer sent wrong ends its link and nothing else; what this device
 * could not do is the caller's to handle.
 */
static lk_err
link_verdict(struct engine *e, struct link *l, lk_err err)
{
	switch ((int)err.code) {
	case LK_OK:
		return LK_NONE;
	case LK_E_SYS:
	case LK_E_NOMEM:
	case LK_E_CORRUPT:
	case LK_E_FULL:
		return err;
	case LK_E_VERSION:
		link_close(e, l, CLOSE_VERSION);
		break;
	default:
		link_close(e, l, CLOSE_PROTOCOL);
		break;
	}
	l->why = err.what;
	return LK_NONE;
}

lk_err
engine_accepted(
    struct engine *e, uint64_t conn, const char *address, struct now now)
{
	struct session_config config = { .pattern = SESSION_XK };
	struct link *l;

	e->now = now;
	TRY(link_open(e, conn, false, address, &l));
	l->dialled = true;
	l->connected = true;
	l->deadline.ms = now.mono.ms + HANDSHAKE_MS;
	if (!link_is_welcome(e, l)) {
		link_close(e, l, CLOSE_BUSY);
		return LK_NONE;
	}
	return link_start(e, l, &config);
}

lk_err
engine_dialed(struct engine *e, uint64_t conn, struct now now)
{
	struct link *l = link_find(e, conn);

	e->now = now;
	if (l == NULL) {
		relay_clients_dialed(e, conn);
		return LK_NONE;
	}
	l->connected = true;
	l->heard = now.mono;
	l->deadline.ms = now.mono.ms + HANDSHAKE_MS;
	return LK_NONE;
}

/* Whoever waited for this link is told that it is no more. */
static void
link_lost(struct engine *e, struct link *l)
{
	struct link *other;

	pair_run_lost(e, l);
	redeem_lost(e, l);
	/* One that paired by code is dialled at once. */
	if (l->known && l->run == NULL) {
		other = link_of(e, l->pk);
		if (other == NULL || other == l || link_is_suspect(e, other))
			peers_failed(e, l->pk);
	}
	e->wake = e->now.mono;
	link_free(e, l);
}

lk_err
engine_closed(struct engine *e, uint64_t conn, struct now now)
{
	struct link *l = link_find(e, conn);

	e->now = now;
	if (l != NULL)
		link_lost(e, l);
	else
		relay_clients_closed(e, conn);
	return LK_NONE;
}

lk_err
engine_bytes(
    struct engine *e, uint64_t conn, struct bytes bytes, struct now now)
{
	struct link *l = link_find(e, conn);

	e->now = now;
	if (l == NULL)
		return relay_clients_bytes(e, conn, bytes);
	if (l->state == LINK_CLOSED)
		return LK_NONE;
	return link_verdict(e, l, link_bytes(e, l, bytes));
}

void
engine_pending(struct engine *e, uint64_t conn, size_t pending)
{
	struct link *l = link_find(e, conn);

	if (l == NULL) {
		relay_clients_pending(e, conn, pending);
		return;
	}
	/* Room again: go on producing. */
	if (l->pending >= LINK_ROOM_MIN && pending < LINK_ROOM_MIN)
		e->wake = e->now.mono;
	l->pending = pending;
}

/* Deadlines, keep-alive and the periodic comparison of one link. */
static lk_err
link_tick(struct engine *e, struct link *l)
{
	int64_t now = e->now.mono.ms;

	if (l->state != LINK_OPEN) {
		if (l->state != LINK_CLOSED && now >= l->deadline.ms)
			link_close(e, l, CLOSE_PROTOCOL);
		return LK_NONE;
	}
	if (now - l->heard.ms >= DEAD_MS) {
		link_close(e, l, CLOSE_PROTOCOL);
		return LK_NONE;
	}
	if (now - l->heard.ms >= LINK_IDLE_MS &&
	    now - l->pinged.ms >= LINK_IDLE_MS)
		link_ping(e, l);
	TRY(topics_offer(e, l));
	if (l->matched && now - l->round.ms >= l->round_every) {
		bool idle;

		TRY(overlay_idle(e, l, &idle));
		if (idle) {
			link_close(e, l, CLOSE_DONE);
			return LK_NONE;
		}
		TRY(reconcile_start(e, l));
	}
	return reconcile_pump(e, l);
}

static void
wake_at(struct engine *e, int64_t ms)
{
	if (ms < e->wake.ms)
		e->wake.ms = ms;
}

/* When something has to be done though nothing happens. */
static void
engine_plan(struct engine *e)
{
	struct link *l;
	struct peer *p;
	struct redeem *q;

	TAILQ_FOREACH (l, &e->links, next) {
		if (l->state == LINK_OPEN) {
			if (l->matched)
				wake_at(e, l->round.ms + l->round_every);
			if (l->probed.ms != 0 && !link_is_suspect(e, l))
				wake_at(e, l->probed.ms + LINK_PROBE_MS);
			wake_at(e,
			    l->heard.ms + LINK_IDLE_MS > e->now.mono.ms
				? l->heard.ms + LINK_IDLE_MS
				: l->pinged.ms + LINK_IDLE_MS);
		} else if (l->state != LINK_CLOSED) {
			wake_at(e, l->deadline.ms);
		}
	}
	TAILQ_FOREACH (p, &e->peers, next)
		wake_at(e, peer_due_ms(e, p));
	wake_at(e, discovery_next_ms(e));
	TAILQ_FOREACH (q, &e->redeems, next)
		if (redeem_wanted(q))
			wake_at(e, q->again.ms);
	wake_at(e, windows_next_ms(e));
	wake_at(e, overlay_next_ms(e));
	wake_at(e, broadcast_next_ms(e));
	if (e->late_len > 0)
		wake_at(e, e->late_due.ms);
	if (e->held_due.ms != 0)
		wake_at(e, e->held_due.ms);
	wake_at(e, engine_remotes_next_ms(e));
	wake_at(e, relay_clients_next_ms(e));
	if (e->acks_due.ms > 0)
		wake_at(e, e->acks_due.ms);
	if (e->heals_len > 0)
		wake_at(e, e->heals_due.ms);
	wake_at(e, acks_pass_next_ms(e));
	if (e->fanout.ms > 0)
		wake_at(e, e->fanout.ms);
}

lk_err
engine_tick(struct engine *e, struct now now)
{
	struct link *l, *next;

	e->now = now;
	e->wake.ms = now.mono.ms + TICK_MOST_MS;
	TRY(peers_load(e));
	TAILQ_FOREACH_SAFE (l, &e->links, next, next) {
		if (l->round_every == 0)
			l->round_every = ROUND_MS * 3 / 4 +
			    (int64_t)random_below(&e->random, ROUND_MS / 2);
		TRY(link_verdict(e, l, link_tick(e, l)));
	}
	if (e->devices_known == 0)
		TRY(fanout_watch(e));
	TRY(fanout_step(e));
	TRY(heals_step(e));
	TRY(forgotten_step(e));
	TRY(reconcile_held(e));
	TRY(discovery_tick(e));
	TRY(overlay_step(e));
	TRY(broadcast_step(e));
	TRY(peers_dial(e));
	TRY(redeems_settle(e));
	TRY(redeem_dial(e));
	TRY(engine_remotes_tick(e));
	TRY(relay_clients_tick(e));
	windows_tick(e);
	TRY(acks_late(e));
	TRY(acks_flush(e, ACKS_AT_ONCE));
	TRY(acks_pass_step(e));
	engine_plan(e);
	return LK_NONE;
}

struct mono
engine_next(const struct engine *e)
{
	return e->wake;
}

lk_err
engine_events(struct engine *e, const struct replica_event *events, size_t n,
    struct now now)
{
	uint32_t home = 0;
	bool home_changed = false, access_changed = false;

	e->now = now;
	if (n == 0)
		return LK_NONE;
	e->generation++;
	(void)replica_home(e->r, &home).code;
	for (size_t i = 0; i < n; i++) {
		struct bytes record;

		/* Written, and its document forgotten, in one transaction. */
		if (events[i].access &&
		    docstate_record(e->r, events[i].docno, &record).code ==
			LK_E_NOTFOUND)
			continue;
		TRY(reconcile_push(e, &events[i]));
		TRY(acks_note(e, events[i].docno));
		TRY(engine_remotes_event(e, &events[i]));
		TRY(relay_clients_event(e, &events[i]));
		access_changed |= events[i].access;
		if (events[i].access) {
			TRY(overlay_access(e, events[i].docno));
			TRY(welcome_offer(e, events[i].docno));
			TRY(heals_note(e, events[i].docno));
		}
		home_changed |= events[i].docno == home && events[i].content;
	}
	e->origins_len = 0;
	if (access_changed) {
		peers_judge_again(e);
		TRY(peers_changed(e));
	}
	if (!home_changed)
		return LK_NONE;
	e->people++;
	discovery_stale(e);
	return fanout_watch(e);
}

bool
engine_take(struct engine *e, struct engine_output *out)
{
	struct link *l;

	if (discovery_take(e, out) || engine_remotes_take(e, out) ||
	    relay_clients_take(e, out))
		return true;
	TAILQ_FOREACH (l, &e->links, next) {
		*out = (struct engine_output){ .conn = l->conn };
		if (!l->dialled) {
			l->dialled = true;
			out->what = ENGINE_DIAL;
			(void)strlcpy(
			    out->address, l->address, sizeof(out->address));
			return true;
		}
		if (l->connected && link_flush(l)) {
			out->what = ENGINE_SEND;
			out->bytes = l->out;
			l->pending += l->out.len;
			buf_init(&l->out, LINK_OUT_MAX);
			return true;
		}
		if (l->closing && !l->gone) {
			out->what = ENGINE_CLOSE;
			l->gone = true;
			return true;
		}
	}
	return false;
}

void
engine_rest(struct engine *e, struct now now)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next)
		topics_rest(l, now.mono);
}

void
engine_aborted(struct engine *e)
{
	struct link *l;

	/* What the sessions said was never sent: they cannot go on. */
	TAILQ_FOREACH (l, &e->links, next) {
		session_end(l->session);
		buf_wipe(&l->out);
		overlay_lost(e, l);
		l->state = LINK_CLOSED;
		l->closing = true;
	}
	relay_clients_anew(e);
	/* What was learned in the aborted transaction is read again. */
	peers_free(e);
	e->peers_loaded = e->redeems_loaded = false;
	e->discovery.ready = false;
	e->origins_len = 0;
	e->acks_len = e->late_len = 0;
	e->acks_due.ms = 0;
	e->passes_len = 0;
	overlay_clear(e);
	/* What was done of it is undone, and what was new may be lost. */
	e->fanout.ms = 1;
	e->devices_known = e->gone_known = 0;
	e->boxes_known = 0;
	engine_remotes_aborted(e);
}

bool
engine_dropped(
    struct engine *e, uint64_t *conn, const char **address, const char **why)
{
	struct link *l;

	TAILQ_FOREACH (l, &e->links, next) {
		if (l->why == NULL)
			continue;
		*conn = l->conn;
		*address = l->address;
		*why = l->why;
		l->why = NULL;
		return true;
	}
	return false;
}

void
engine_poke(struct engine *e, struct now now)
{
	struct link *l;
	struct peer *p;

	e->now = now;
	TAILQ_FOREACH (l, &e->links, next)
		l->round.ms = now.mono.ms - 2 * ROUND_MS;
	TAILQ_FOREACH (p, &e->peers, next)
		p->again.ms = 0;
	e->wake = now.mono;
}
