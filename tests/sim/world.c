#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/bounds.h"
#include "tests/sim/bucket.h"
#include "tests/sim/check.h"
#include "tests/sim/clone.h"
#include "tests/sim/entropy.h"
#include "tests/sim/hostile.h"
#include "tests/sim/house.h"
#include "tests/sim/leak.h"
#include "tests/sim/ledger.h"
#include "tests/sim/node.h"
#include "tests/sim/prepare.h"
#include "tests/sim/wire.h"
#include "tests/sim/workload.h"

#define CHECK_MS 500
/* Everybody must have come to the same this long after the faults end. */
#define LIVENESS_MS INT64_C(300000)
#define WHY_MAX 256

static void
world_print(const struct world *w, const char *how, const char *fmt, va_list ap)
{
	char text[1024];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	(void)fprintf(stderr, "%sseed %llu: %lld.%03lld s: %s\n", how,
	    (unsigned long long)w->seed, (long long)(w->now / 1000),
	    (long long)(w->now % 1000), text);
}

void
world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	world_print(w, "FAILED: ", fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "replay with: lk_sim -v --seed %llu\n",
	    (unsigned long long)w->seed);
	exit(1);
}

void
world_say(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->verbose)
		return;
	va_start(ap, fmt);
	world_print(w, "", fmt, ap);
	va_end(ap);
}

void
world_need(struct world *w, lk_err err, const char *what)
{
	if (err.code != LK_OK)
		world_fail(
		    w, "%s: %s (%s)", what, err.what, lk_strcode(err.code));
}

bool
world_chance(struct world *w, uint64_t odds)
{
	return random_below(&w->random, odds) == 0;
}

int64_t
world_between(struct world *w, int64_t least, int64_t most)
{
	return least +
	    (int64_t)random_below(&w->random, (uint64_t)(most - least) + 1);
}

struct node *
world_node_of(struct world *w, const uint8_t pk[static 32])
{
	for (size_t i = 0; i < NODES; i++)
		if ((w->nodes[i].present || w->nodes[i].hostile != NULL) &&
		    memcmp(w->nodes[i].identity.sign.pk, pk, 32) == 0)
			return &w->nodes[i];
	return NULL;
}

void
world_trace(struct world *w, const char *what, uint64_t n, struct bytes bytes)
{
	BUF_SCOPED head = { 0 };

	if (w->verbose > 1)
		world_say(w, "  %s %#llx, %zu bytes", what,
		    (unsigned long long)n, bytes.len);
	buf_init(&head, 256);
	buf_u64(&head, (uint64_t)w->now);
	buf_counted(&head, BYTES_STR(what));
	buf_u64(&head, n);
	buf_u64(&head, bytes.len);
	digest_add(&w->trace, buf_bytes(&head));
	digest_add(&w->trace, bytes);
}

static void
plan_draw(struct world *w)
{
	struct plan *p = &w->plan;

	p->active_ms = world_between(w, 8000, 60000);
	p->commands = (size_t)world_between(w, 30, 200);
	p->fault_every =
	    world_chance(w, 4) ? p->active_ms * 4 : world_between(w, 800, 8000);
	p->crash_odds = world_chance(w, 3)
	    ? 1000000
	    : (uint64_t)world_between(w, 150, 1500);
	p->latency_max = world_chance(w, 4) ? 800 : 40;
	p->tablet = world_chance(w, 3);
	p->fourth = world_chance(w, 2);
	p->late_pairing = world_chance(w, 3);
	p->admins = world_chance(w, 3);
	hostile_plan(w);
	folder_plan(w);
	house_plan(w);
}

static void
cut_pair(struct world *w, size_t a, size_t b, bool both)
{
	w->cut[a][b] = true;
	if (both)
		w->cut[b][a] = true;
	world_say(w, "%s %s %s", w->nodes[a].name, both ? "<-X->" : "-X->",
	    w->nodes[b].name);
	schedule_put(&w->schedule, w->now + world_between(w, 500, 30000),
	    EVENT_FAULT, a + 1, b + 1);
}

/* One device sees nobody. */
static void
isolate(struct world *w, size_t a)
{
	for (size_t b = 0; b < NODES; b++)
		if (a != b)
			cut_pair(w, a, b, true);
}

static void
fault_random(struct world *w)
{
	size_t a = (size_t)random_below(&w->random, NODES);
	size_t b =
	    (a + 1 + (size_t)random_below(&w->random, NODES - 1)) % NODES;

	switch (random_below(&w->random, 8)) {
	case 0:
	case 1:
	case 2:
		wire_break_one(w);
		break;
	case 3:
		cut_pair(w, a, b, true);
		break;
	case 4:
		cut_pair(w, a, b, false);
		break;
	case 5:
		isolate(w, a);
		break;
	case 6:
	case 7:
		if (w->nodes[a].up && w->nodes[a].hostile == NULL &&
		    w->plan.crash_odds < 1000000)
			node_crash(&w->nodes[a]);
		break;
	}
}

/* a and b 0: something breaks; else the way between them is mended. */
static void
fault_event(struct world *w, size_t a, size_t b)
{
	if (a > 0) {
		w->cut[a - 1][b - 1] = w->cut[b - 1][a - 1] = false;
		return;
	}
	if (!w->faults)
		return;
	fault_random(w);
	schedule_put(&w->schedule,
	    w->now + world_between(w, 1, 2 * w->plan.fault_every), EVENT_FAULT,
	    0, 0);
}

static void
heal(struct world *w)
{
	w->faults = false;
	memset(w->cut, 0, sizeof(w->cut));
	folder_heal(w);
	world_say(w, "everything is mended");
	for (size_t i = 0; i < NODES; i++)
		if (w->nodes[i].present && !w->nodes[i].up)
			node_start(&w->nodes[i]);
}

/* Whether it is over: everybody has come to the same. */
static bool
check_event(struct world *w)
{
	char why[WHY_MAX] = "";

	if (w->faults)
		heal(w);
	if (check_converged(w, why, sizeof(why))) {
		w->converged_ms = (uint64_t)(w->now - w->plan.active_ms);
		return true;
	}
	if (w->now - w->plan.active_ms > LIVENESS_MS) {
		check_entitled(w);
		world_fail(w,
		    "S4: no agreement after %lld s without faults: %s",
		    (long long)(LIVENESS_MS / 1000), why);
	}
	schedule_put(&w->schedule, w->now + CHECK_MS, EVENT_CHECK, 0, 0);
	return false;
}

static bool
event_handle(struct world *w, const struct event *e)
{
	switch (e->kind) {
	case EVENT_NODE:
		if (e->a == RELAY)
			house_event(w);
		else if (w->nodes[e->a].hostile != NULL)
			hostile_event(&w->nodes[e->a]);
		else
			node_event(&w->nodes[e->a]);
		break;
	case EVENT_BYTES:
		wire_deliver(w, e->a, e->b);
		break;
	case EVENT_CONNECT:
		wire_connect(w, e->a);
		break;
	case EVENT_COMMAND:
		workload_event(w, e->a);
		break;
	case EVENT_FAULT:
		fault_event(w, e->a, e->b);
		break;
	case EVENT_START:
		if (w->nodes[e->a].present)
			node_start(&w->nodes[e->a]);
		break;
	case EVENT_TURN:
		hostile_turn(&w->nodes[e->a]);
		break;
	case EVENT_OBJECT:
		folder_event(w, e->a);
		break;
	case EVENT_CHECK:
		return check_event(w);
	}
	return false;
}

static void
world_begin(struct world *w, const char *prepared)
{
	w->random = random_from_seed(&w->seeded, w->seed);
	entropy_seed(w->seed);
	digest_init(&w->trace, 32, DIGEST_FP, NULL);
	w->ledger = ledger_new(w);
	plan_draw(w);
	house_begin(w);
	for (size_t i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];

		node_init(n, w, (enum node_index)i);
		if ((i == TABLET && !w->plan.tablet) ||
		    (i == FOURTH && !w->plan.fourth))
			continue;
		node_place(n, prepared);
		node_start(n);
		node_look(n);
		ledger_adopt(w->ledger, n);
		node_look_end(n);
	}
	w->faults = true;
	hostile_begin(w, prepared);
	workload_plan(w);
	schedule_put(&w->schedule, w->plan.fault_every, EVENT_FAULT, 0, 0);
	schedule_put(&w->schedule, w->plan.active_ms, EVENT_CHECK, 0, 0);
}

void
world_run(struct world *w, uint64_t seed, const char *prepared, const char *dir,
    uint8_t trace[static 32])
{
	struct event e;

	w->seed = seed;
	(void)strlcpy(w->dir, dir, sizeof(w->dir));
	world_begin(w, prepared);
	while (schedule_take(&w->schedule, &e)) {
		w->now = e.at;
		if (event_handle(w, &e))
			break;
	}
	check_final(w);
	bounds_final(w);
	house_final(w);
	house_free(w);
	for (size_t i = 0; i < EVERYBODY; i++) {
		hostile_clear(&w->nodes[i]);
		node_clear(&w->nodes[i]);
	}
	clones_clear(w);
	folder_free(w);
	ledger_free(w->ledger);
	leaks_free(w);
	wires_free(w);
	schedule_clear(&w->schedule);
	digest_final(&w->trace, trace);
}
