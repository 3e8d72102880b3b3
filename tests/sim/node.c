#include "tests/sim/node.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/remotes.h"
#include "tests/sim/bounds.h"
#include "tests/sim/bucket.h"
#include "tests/sim/check.h"
#include "tests/sim/leak.h"
#include "tests/sim/ledger.h"
#include "tests/sim/prepare.h"
#include "tests/sim/wire.h"

#define MAP_MAX ((size_t)256 * 1024 * 1024)
#define FOLLOW_MAX 4 /* as daemon/loop.c */
#define NEVER INT64_MAX
#define SPINS_MAX 1000

static const struct {
	const char *name;
	enum person_index person;
} cast[EVERYBODY] = {
	[LAPTOP] = { "laptop", OWNER },
	[PHONE] = { "phone", OWNER },
	[TABLET] = { "tablet", OWNER },
	[FRIEND] = { "friend", FRIEND_PERSON },
	[FOURTH] = { "fourth", FOURTH_PERSON },
	[MALLORY] = { "mallory", PERSONS },
	[TRUDY] = { "trudy", PERSONS },
	[RELAY] = { "relay", PERSONS },
};

void
node_init(struct node *n, struct world *w, enum node_index index)
{
	*n = (struct node){ .world = w,
		.index = index,
		.person = cast[index].person,
		.name = cast[index].name,
		.round_at = NEVER };
	STAILQ_INIT(&n->arrivals);
	n->random =
	    random_from_seed(&n->seeded, w->seed * EVERYBODY + (uint64_t)index);
	/* Not the stream of the prepared stores, nor of the world. */
	n->seeded.key[31] = 1;
	n->wall_offset = SIM_EPOCH_MS;
}

void
node_place(struct node *n, const char *prepared)
{
	struct world *w = n->world;

	(void)snprintf(n->dir, sizeof(n->dir), "%s/%s", w->dir, n->name);
	prepare_copy(n, prepared);
	n->present = true;
	n->joined = n->index == LAPTOP || n->person != OWNER;
	n->kept = n->identity;
	leak_identity(n);
	/* Clocks of people's machines differ. */
	n->wall_offset += world_between(w, -90000, 90000);
}

struct now
node_now(const struct node *n)
{
	int64_t now = n->world->now;

	return (struct now){ .mono = { now + n->mono_offset },
		.wall = { now + n->wall_offset } };
}

static void
arrivals_clear(struct node *n)
{
	while (!STAILQ_EMPTY(&n->arrivals)) {
		struct arrival *a = STAILQ_FIRST(&n->arrivals);

		STAILQ_REMOVE_HEAD(&n->arrivals, next);
		buf_clear(&a->bytes);
		object_answer_clear(&a->object);
		free(a);
	}
}

struct arrival *
node_arrival(struct node *n, enum arrival_kind kind, uint64_t conn)
{
	struct arrival *a = calloc(1, sizeof(*a));

	LK_ASSERT(a != NULL && n->up);
	a->kind = kind;
	a->conn = conn;
	buf_init(&a->bytes, MESSAGE_MAX);
	STAILQ_INSERT_TAIL(&n->arrivals, a, next);
	/* What arrives shortly after is handled with it. */
	node_wake(n, n->world->now + world_between(n->world, 0, 2));
	return a;
}

void
node_object(struct node *n, struct object_answer *answer)
{
	struct arrival *a = node_arrival(n, ARRIVAL_OBJECT, answer->request);

	a->object = *answer;
	answer->entries = NULL;
	answer->entries_len = 0;
	buf_init(&answer->bytes, OBJECT_BYTES_MAX);
}

void
node_wake(struct node *n, int64_t at)
{
	if (at < n->world->now)
		at = n->world->now;
	if (n->round_at <= at)
		return;
	n->round_at = at;
	schedule_put(&n->world->schedule, at, EVENT_NODE, n->index, 0);
}

void
node_begin(struct node *n)
{
	world_need(
	    n->world, txn_begin(n->store, TXN_WRITE, &n->txn), "txn_begin");
	replica_begin(n->replica, n->txn, node_now(n));
}

void
node_look(struct node *n)
{
	LK_ASSERT(n->txn == NULL);
	world_need(
	    n->world, txn_begin(n->store, TXN_READ, &n->txn), "txn_begin");
	replica_begin(n->replica, n->txn, node_now(n));
}

void
node_look_end(struct node *n)
{
	replica_aborted(n->replica);
	txn_abort(n->txn);
	n->txn = NULL;
}

size_t
node_doc(struct node *n, uint32_t docno)
{
	struct doc_summary doc;

	if (docno >= n->docs_len) {
		size_t len = (size_t)docno + 16;

		n->docs = reallocarray(n->docs, len, sizeof(*n->docs));
		LK_ASSERT(n->docs != NULL);
		memset(n->docs + n->docs_len, 0,
		    (len - n->docs_len) * sizeof(*n->docs));
		n->docs_len = len;
	}
	if (n->docs[docno] == 0) {
		if (replica_doc(n->replica, docno, &doc).code != LK_OK)
			return SIZE_MAX;
		n->docs[docno] =
		    ledger_doc(n->world->ledger, n, doc.docid, doc.home) + 1;
	}
	return n->docs[docno] - 1;
}

/* Lets everything in memory go, the transaction included. */
void
node_forget(struct node *n)
{
	txn_abort(n->txn);
	n->txn = NULL;
	engine_free(n->engine);
	n->engine = NULL;
	replica_free(n->replica);
	n->replica = NULL;
	store_close(n->store);
	n->store = NULL;
	arrivals_clear(n);
	free(n->fresh);
	n->fresh = NULL;
	n->fresh_len = 0;
	n->up = false;
	n->round_at = NEVER;
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		n->errands[i].handle = 0;
}

void
node_crash(struct node *n)
{
	struct world *w = n->world;

	world_trace(w, "crash", n->index, BYTES(NULL, 0));
	world_say(w, "%s: dies", n->name);
	w->crashes++;
	node_forget(n);
	n->identity = n->kept;
	wire_drop_all(n, world_chance(w, 3));
	schedule_put(&w->schedule, w->now + world_between(w, 1, 8000),
	    EVENT_START, n->index, 0);
}

void
node_stop(struct node *n)
{
	if (n->up)
		node_forget(n);
}

void
node_clear(struct node *n)
{
	node_stop(n);
	identity_clear(&n->identity);
	identity_clear(&n->kept);
	free(n->docs);
}

void
node_outputs(struct node *n)
{
	struct engine_output out;

	while (engine_take(n->engine, &out)) {
		switch (out.what) {
		case ENGINE_DIAL:
			wire_dial(n, out.conn, out.address);
			break;
		case ENGINE_SEND:
			engine_pending(n->engine, out.conn,
			    wire_send(n, out.conn, &out.bytes));
			break;
		case ENGINE_ANNOUNCE:
			break;
		case ENGINE_OBJECT:
			folder_ask(n, &out.object);
			break;
		case ENGINE_CLOSE:
			wire_hang_up(n, out.conn);
			(void)node_arrival(n, ARRIVAL_CLOSED, out.conn);
			break;
		}
	}
}

/* The disk was full, or a call failed: undone, and every session with it. */
static void
node_undo(struct node *n)
{
	world_trace(n->world, "undone", n->index, BYTES(NULL, 0));
	world_say(n->world, "%s: transaction undone", n->name);
	txn_abort(n->txn);
	n->txn = NULL;
	replica_aborted(n->replica);
	engine_aborted(n->engine);
	n->identity = n->kept;
	arrivals_clear(n);
	wire_drop_all(n, false);
	node_outputs(n);
	n->touched = true;
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		n->errands[i].handle = 0;
}

/* Whether this commit is one that goes wrong. */
static bool
fault(struct world *w)
{
	return w->faults && world_chance(w, w->plan.crash_odds);
}

static void
fresh_keep(struct node *n)
{
	const struct replica_event *events;
	size_t len;

	replica_committed(n->replica, &events, &len);
	n->txn = NULL;
	if (len == 0)
		return;
	n->fresh =
	    reallocarray(n->fresh, n->fresh_len + len, sizeof(*n->fresh));
	LK_ASSERT(n->fresh != NULL);
	memcpy(n->fresh + n->fresh_len, events, len * sizeof(*events));
	n->fresh_len += len;
}

/* Commits and lets the effects out; false when the device died instead or
 * everything was undone. */
static bool
node_commit(struct node *n, struct command *c)
{
	struct world *w = n->world;
	size_t before = n->fresh_len;

	if (fault(w)) {
		node_crash(n);
		return false;
	}
	if (fault(w)) {
		node_undo(n);
		return false;
	}
	world_need(w, txn_commit(n->txn), "txn_commit");
	n->kept = n->identity;
	w->commits++;
	fresh_keep(n);
	if (n->fresh_len > before || c != NULL) {
		node_look(n);
		for (size_t i = before; i < n->fresh_len; i++)
			ledger_durable(w->ledger, n, &n->fresh[i]);
		if (c != NULL && c->committed != NULL)
			c->committed(n, c);
		node_look_end(n);
	}
	if (fault(w)) {
		node_crash(n);
		return false;
	}
	node_outputs(n);
	return true;
}

lk_err
arrival_pass(struct node *n, const struct arrival *a)
{
	struct now now = node_now(n);

	switch (a->kind) {
	case ARRIVAL_ACCEPTED:
		return engine_accepted(n->engine, a->conn, a->address, now);
	case ARRIVAL_DIALED:
		return engine_dialed(n->engine, a->conn, now);
	case ARRIVAL_DIAL_FAILED:
		return engine_closed(n->engine, a->conn, now);
	case ARRIVAL_BYTES:
		return engine_bytes(
		    n->engine, a->conn, buf_bytes(&a->bytes), now);
	case ARRIVAL_SENT:
		engine_pending(n->engine, a->conn, a->pending);
		return LK_NONE;
	case ARRIVAL_CLOSED:
		return engine_closed(n->engine, a->conn, now);
	case ARRIVAL_OBJECT:
		return engine_object(n->engine, &a->object, now);
	}
	return LK_NONE;
}

/* What a hostile device sent is put down to it. */
static lk_err
arrival_measured(struct node *n, const struct arrival *a)
{
	struct node *from = wire_other(n, a->conn);
	int64_t began = bounds_clock();
	lk_err err = arrival_pass(n, a);

	if (from != NULL && from->hostile != NULL)
		bounds_heard(from, a->bytes.len, bounds_clock() - began);
	return err;
}

static void
arrivals_pass(struct node *n)
{
	struct world *w = n->world;

	while (!STAILQ_EMPTY(&n->arrivals)) {
		struct arrival *a = STAILQ_FIRST(&n->arrivals);
		lk_err err;

		STAILQ_REMOVE_HEAD(&n->arrivals, next);
		w->events++;
		n->touched = true;
		world_trace(w, n->name, (uint64_t)a->kind << 56 ^ a->conn,
		    buf_bytes(&a->bytes));
		err = arrival_measured(n, a);
		buf_clear(&a->bytes);
		object_answer_clear(&a->object);
		free(a);
		if (err.code != LK_OK)
			world_fail(w, "%s: engine: %s (%s)", n->name, err.what,
			    lk_strcode(err.code));
	}
}

/* Nobody honest says anything wrong, so nobody honest is parted with for it. */
static void
dropped_check(struct node *n)
{
	const char *address, *why;
	uint64_t conn;

	while (engine_dropped(n->engine, &conn, &address, &why)) {
		const struct node *other = wire_other(n, conn);

		if (other != NULL && other->hostile == NULL && other->present)
			world_fail(n->world, "%s: dropped %s for: %s", n->name,
			    address, why);
		world_say(n->world, "%s: drops %s: %s", n->name,
		    other == NULL ? "?" : other->name, why);
	}
}

static void
node_tick(struct node *n)
{
	if (!n->touched && engine_next(n->engine).ms > node_now(n).mono.ms)
		return;
	n->touched = false;
	/* What nothing under way needs may go at any time. */
	engine_rest(n->engine, node_now(n));
	world_need(
	    n->world, engine_tick(n->engine, node_now(n)), "engine_tick");
}

/* Passes on what is durable, and what that makes durable; false as above. */
static bool
node_follow(struct node *n)
{
	for (int i = 0; i < FOLLOW_MAX && n->fresh_len > 0; i++) {
		struct replica_event *events = n->fresh;
		size_t len = n->fresh_len;

		n->fresh = NULL;
		n->fresh_len = 0;
		node_begin(n);
		n->touched = true;
		world_need(n->world,
		    engine_events(n->engine, events, len, node_now(n)),
		    "engine_events");
		free(events);
		node_tick(n);
		if (!node_commit(n, NULL))
			return false;
	}
	return true;
}

/* A loop that is due again at once, for ever, would burn a processor. */
static void
spin_check(struct node *n)
{
	n->spins = n->last_at == n->world->now ? n->spins + 1 : 0;
	n->last_at = n->world->now;
	if (n->spins > SPINS_MAX)
		world_fail(n->world, "%s: spins: wants to be called at %lld",
		    n->name, (long long)engine_next(n->engine).ms);
}

lk_err
node_round(struct node *n, struct command *c)
{
	lk_err err = LK_NONE;
	struct mono next;

	LK_ASSERT(n->up);
	n->round_at = NEVER;
	spin_check(n);
	node_begin(n);
	arrivals_pass(n);
	if (c != NULL)
		err = c->run(n, c);
	node_tick(n);
	if (!node_commit(n, err.code == LK_OK ? c : NULL) || !node_follow(n)) {
		if (n->up)
			node_wake(n, n->world->now + 1);
		return LK_ERR(LK_E_AGAIN, "died");
	}
	dropped_check(n);
	check_node(n);
	bounds_check(n);
	next = engine_next(n->engine);
	if (n->fresh_len > 0 || !STAILQ_EMPTY(&n->arrivals))
		node_wake(n, n->world->now + 1);
	else if (next.ms != INT64_MAX)
		node_wake(n, next.ms - n->mono_offset);
	return err;
}

void
node_event(struct node *n)
{
	if (n->up && n->round_at == n->world->now)
		(void)node_round(n, NULL);
}

void
node_open(struct node *n)
{
	struct world *w = n->world;
	char address[32], path[PATH_MAX + 32];
	const char *addresses[1] = { address };
	struct verifier verifier = { .run = verify_jobs_here };
	struct engine_config config = { .listen_port = SIM_PORT,
		.addresses = addresses,
		.addresses_len = 1 };

	node_address(address, n->index);
	(void)snprintf(path, sizeof(path), "%s/store", n->dir);
	world_need(w, store_open(&n->store, path, MAP_MAX), "store_open");
	n->boot++;
	n->up = true;
	/* The monotonic clock of a machine that was switched off begins anew.
	 */
	n->mono_offset = world_chance(w, 2) ? 5000 - w->now : 1000000;
	world_need(w,
	    replica_new(&n->replica, &n->identity, n->random, verifier),
	    "replica_new");
	node_begin(n);
	world_need(w,
	    engine_new(&n->engine, n->replica, &n->identity, n->random),
	    "engine_new");
	world_need(w, engine_configure(n->engine, &config), "engine_configure");
	remotes_configure(n);
}

void
node_start(struct node *n)
{
	struct world *w = n->world;

	if (n->up)
		return;
	world_say(w, "%s: starts", n->name);
	world_trace(w, "start", n->index, BYTES(NULL, 0));
	node_open(n);
	n->touched = true;
	node_tick(n);
	if (!node_commit(n, NULL) || !node_follow(n)) {
		if (n->up)
			node_wake(n, w->now + 1);
		return;
	}
	check_survived(n);
	node_wake(n, w->now);
}
