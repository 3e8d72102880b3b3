#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "tests/sim/large/large.h"

#define MAP_MAX ((size_t)256 * 1024 * 1024)
#define FOLLOW_MAX 4 /* as daemon/loop.c */
#define NEVER INT64_MAX
#define SPINS_MAX 1000
#define TOGETHER_MS 3 /* what arrives within so long is one round */

void
device_path(const struct device *d, char out[static PATH_MAX])
{
	(void)snprintf(
	    out, PATH_MAX, "%s/%u", d->world->dir, (unsigned)d->index);
}

struct now
device_now(const struct device *d)
{
	int64_t now = d->world->now;

	return (struct now){ .mono = { now + 1000000 },
		.wall = { now + LARGE_EPOCH_MS } };
}

static void
store_sleep(struct device *d)
{
	struct large *w = d->world;

	if (d->store == NULL)
		return;
	/* As a daemon that has had nothing to do for a while. */
	if (d->replica != NULL)
		replica_rest(d->replica);
	if (d->engine != NULL)
		engine_rest(d->engine, device_now(d));
	store_close(d->store);
	d->store = NULL;
	TAILQ_REMOVE(&w->awake, d, awake);
	w->awake_len--;
}

int __real_mdb_env_open(
    MDB_env *, const char *path, unsigned flags, mdb_mode_t mode);
int __wrap_mdb_env_open(
    MDB_env *, const char *path, unsigned flags, mdb_mode_t mode);

/* Nobody else opens the stores of a world: without the table of who reads each
 * takes a descriptor less. */
int
__wrap_mdb_env_open(
    MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
	return __real_mdb_env_open(env, path, flags | MDB_NOLOCK, mode);
}

/* So many descriptors as all of them would take there are not. */
static void
store_wake(struct device *d)
{
	struct large *w = d->world;
	char dir[PATH_MAX];

	if (d->store != NULL) {
		TAILQ_REMOVE(&w->awake, d, awake);
		TAILQ_INSERT_TAIL(&w->awake, d, awake);
		return;
	}
	if (w->awake_len >= w->o.awake_max)
		store_sleep(TAILQ_FIRST(&w->awake));
	device_path(d, dir);
	large_need(w, store_open(&d->store, dir, MAP_MAX), "store_open");
	w->store_opens++;
	TAILQ_INSERT_TAIL(&w->awake, d, awake);
	w->awake_len++;
}

void
device_begin(struct device *d)
{
	large_need(
	    d->world, txn_begin(d->store, TXN_WRITE, &d->txn), "txn_begin");
	replica_begin(d->replica, d->txn, device_now(d));
}

void
device_look(struct device *d, device_fn *fn, void *ctx)
{
	store_wake(d);
	large_need(
	    d->world, txn_begin(d->store, TXN_READ, &d->txn), "txn_begin");
	replica_begin(d->replica, d->txn, device_now(d));
	large_need(d->world, fn(d, ctx), "look");
	replica_aborted(d->replica);
	txn_abort(d->txn);
	d->txn = NULL;
}

struct arrival *
device_arrival(struct device *d, enum arrival_kind kind, uint64_t conn)
{
	struct arrival *a = calloc(1, sizeof(*a));

	LK_ASSERT(a != NULL && d->up);
	a->kind = kind;
	a->conn = conn;
	STAILQ_INSERT_TAIL(&d->arrivals, a, next);
	device_wake(d,
	    d->world->now +
		(int64_t)random_below(&d->world->random, TOGETHER_MS));
	return a;
}

void
device_wake(struct device *d, int64_t at)
{
	if (at < d->world->now)
		at = d->world->now;
	if (d->round_at <= at)
		return;
	d->round_at = at;
	schedule_put(&d->world->schedule, at, EVENT_NODE, d->index, 0);
}

static void
arrivals_clear(struct device *d)
{
	while (!STAILQ_EMPTY(&d->arrivals)) {
		struct arrival *a = STAILQ_FIRST(&d->arrivals);

		STAILQ_REMOVE_HEAD(&d->arrivals, next);
		buf_clear(&a->bytes);
		free(a);
	}
}

void
device_stop(struct device *d)
{
	lines_drop(d);
	measure_gone(d);
	arrivals_clear(d);
	engine_free(d->engine);
	replica_free(d->replica);
	d->engine = NULL;
	d->replica = NULL;
	store_sleep(d);
	free(d->fresh);
	d->fresh = NULL;
	d->fresh_len = 0;
	d->joining = 0;
	d->up = false;
	d->round_at = NEVER;
}

void
device_free(struct device *d)
{
	if (d->up)
		device_stop(d);
	identity_clear(&d->identity);
	free(d->plugs);
}

static void
outputs_do(struct device *d)
{
	struct engine_output out;

	while (engine_take(d->engine, &out)) {
		switch (out.what) {
		case ENGINE_DIAL:
			line_dial(d, out.conn, out.address);
			break;
		case ENGINE_SEND:
			line_send(d, out.conn, &out.bytes);
			engine_pending(d->engine, out.conn, 0);
			break;
		case ENGINE_ANNOUNCE:
			break;
		case ENGINE_OBJECT:
			object_request_clear(&out.object);
			break;
		case ENGINE_CLOSE:
			line_hang_up(d, out.conn);
			(void)device_arrival(d, ARRIVAL_CLOSED, out.conn);
			break;
		}
	}
}

static void
commit(struct device *d)
{
	const struct replica_event *events;
	size_t len;

	large_need(d->world, txn_commit(d->txn), "txn_commit");
	replica_committed(d->replica, &events, &len);
	d->txn = NULL;
	d->world->commits++;
	if (len > 0) {
		d->fresh = reallocarray(
		    d->fresh, d->fresh_len + len, sizeof(*d->fresh));
		LK_ASSERT(d->fresh != NULL);
		memcpy(d->fresh + d->fresh_len, events, len * sizeof(*events));
		d->fresh_len += len;
	}
	for (size_t i = 0; i < len; i++)
		if (events[i].lsn != 0)
			measure_seen(d, events[i].id);
	outputs_do(d);
}

static lk_err
arrival_pass(struct device *d, const struct arrival *a)
{
	struct now now = device_now(d);
	char address[32];

	switch (a->kind) {
	case ARRIVAL_ACCEPTED:
		line_address(address, a->from);
		d->world->handshakes++;
		return engine_accepted(d->engine, a->conn, address, now);
	case ARRIVAL_DIALED:
		return engine_dialed(d->engine, a->conn, now);
	case ARRIVAL_BYTES:
		return engine_bytes(
		    d->engine, a->conn, buf_bytes(&a->bytes), now);
	case ARRIVAL_CLOSED:
		return engine_closed(d->engine, a->conn, now);
	}
	return LK_NONE;
}

static void
arrivals_pass(struct device *d)
{
	struct large *w = d->world;

	while (!STAILQ_EMPTY(&d->arrivals)) {
		struct arrival *a = STAILQ_FIRST(&d->arrivals);

		STAILQ_REMOVE_HEAD(&d->arrivals, next);
		w->events++;
		d->touched = true;
		large_trace(w, "arrival", (uint64_t)d->index << 8 | a->kind,
		    buf_bytes(&a->bytes));
		large_need(w, arrival_pass(d, a), "engine");
		buf_clear(&a->bytes);
		free(a);
	}
}

/* Nobody here says anything wrong, so nobody is parted with for it. */
static void
dropped_check(struct device *d)
{
	const char *address, *why;
	uint64_t conn;

	while (engine_dropped(d->engine, &conn, &address, &why))
		large_fail(d->world, "%u: dropped %s for: %s",
		    (unsigned)d->index, address, why);
}

static void
tick(struct device *d)
{
	if (!d->touched && engine_next(d->engine).ms > device_now(d).mono.ms)
		return;
	d->touched = false;
	large_need(
	    d->world, engine_tick(d->engine, device_now(d)), "engine_tick");
}

static void
follow(struct device *d)
{
	for (int i = 0; i < FOLLOW_MAX && d->fresh_len > 0; i++) {
		struct replica_event *events = d->fresh;
		size_t len = d->fresh_len;

		d->fresh = NULL;
		d->fresh_len = 0;
		device_begin(d);
		d->touched = true;
		large_need(d->world,
		    engine_events(d->engine, events, len, device_now(d)),
		    "engine_events");
		free(events);
		tick(d);
		commit(d);
	}
}

static void
spin_check(struct device *d)
{
	d->spins = d->last_at == d->world->now ? d->spins + 1 : 0;
	d->last_at = d->world->now;
	if (d->spins > SPINS_MAX)
		large_fail(d->world, "%u: spins", (unsigned)d->index);
}

lk_err
device_run(struct device *d, device_fn *fn, void *ctx)
{
	lk_err err = LK_NONE;
	struct mono next;

	LK_ASSERT(d->up);
	measure_device(d);
	d->round_at = NEVER;
	d->sent.rounds++;
	spin_check(d);
	store_wake(d);
	device_begin(d);
	arrivals_pass(d);
	if (fn != NULL)
		err = fn(d, ctx);
	tick(d);
	commit(d);
	follow(d);
	dropped_check(d);
	measure_device(NULL);
	next = engine_next(d->engine);
	if (d->fresh_len > 0 || !STAILQ_EMPTY(&d->arrivals))
		device_wake(d, d->world->now + 1);
	else if (next.ms != INT64_MAX)
		device_wake(d, next.ms - 1000000);
	return err;
}

void
device_event(struct device *d)
{
	if (d->up && d->round_at == d->world->now)
		(void)device_run(d, NULL, NULL);
}

void
device_start(struct device *d)
{
	struct large *w = d->world;
	struct verifier verifier = { .run = verify_jobs_here };
	char address[32];
	const char *addresses[1] = { address };
	struct engine_config config = { .listen_port = LARGE_PORT,
		.addresses = addresses,
		.addresses_len = 1 };

	if (d->up)
		return;
	large_trace(w, "start", d->index, BYTES(NULL, 0));
	line_address(address, d->index);
	store_wake(d);
	STAILQ_INIT(&d->arrivals);
	d->boot++;
	d->up = true;
	d->up_at = w->now;
	measure_device(d);
	large_need(w,
	    replica_new(&d->replica, &d->identity, d->random, verifier),
	    "replica_new");
	device_begin(d);
	large_need(w,
	    engine_new(&d->engine, d->replica, &d->identity, d->random),
	    "engine_new");
	large_need(w, engine_configure(d->engine, &config), "engine_configure");
	d->touched = true;
	tick(d);
	commit(d);
	follow(d);
	measure_device(NULL);
	device_wake(d, w->now);
}
