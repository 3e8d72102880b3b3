#include "tests/sim/large/large.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/docstate.h"
#include "tests/sim/entropy.h"

#define START_MS 20000 /* within which all are switched on */
#define CHECK_MS 1000
#define LIVENESS_MS INT64_C(600000)
#define DOWN_LEAST_MS 5000
#define DOWN_MOST_MS 40000
#define JOINERS_ONE_IN 50

void
large_fail(struct large *w, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr,
	    "FAILED: seed %llu: %lld ms: ", (unsigned long long)w->o.seed,
	    (long long)w->now);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\n");
	directory_remove(w->dir);
	exit(1);
}

void
large_say(struct large *w, const char *fmt, ...)
{
	va_list ap;

	if (w->o.verbose == 0)
		return;
	(void)printf("%8lld ms: ", (long long)w->now);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)printf("\n");
	(void)fflush(stdout);
}

void
large_need(struct large *w, lk_err err, const char *what)
{
	if (err.code != LK_OK)
		large_fail(
		    w, "%s: %s (%s)", what, err.what, lk_strcode(err.code));
}

void
large_trace(struct large *w, const char *what, uint64_t n, struct bytes bytes)
{
	uint64_t head[3] = { (uint64_t)w->now, n, bytes.len };

	if (w->o.verbose > 1)
		large_say(w, "%s %llx, %zu bytes", what, (unsigned long long)n,
		    bytes.len);
	digest_add(&w->trace, BYTES((uint8_t *)head, sizeof(head)));
	digest_add(&w->trace, BYTES_STR(what));
	digest_add(&w->trace, bytes);
}

uint32_t
large_first(const struct large *w, uint32_t device)
{
	return device - device % w->o.members;
}

uint32_t
large_end(const struct large *w, uint32_t first)
{
	return first + w->o.members < w->o.devices ? first + w->o.members
						   : w->o.devices;
}

bool
large_joins(const struct large *w, uint32_t device)
{
	return w->o.churn && device % JOINERS_ONE_IN == JOINERS_ONE_IN - 1;
}

static int64_t
between(struct large *w, int64_t least, int64_t most)
{
	return least +
	    (int64_t)random_below(&w->random, (uint64_t)(most - least) + 1);
}

/* Any that is up and has the common document. */
static struct device *
device_any(struct large *w)
{
	for (;;) {
		struct device *d =
		    &w->devices[random_below(&w->random, w->o.devices)];

		if (d->up && d->docno != 0)
			return d;
	}
}

static lk_err
word_fill(void *ctx, struct edit *e, struct doc *doc)
{
	struct large *w = ctx;
	char key[16], text[32];
	struct value v = { .type = VALUE_STR };

	(void)doc;
	(void)snprintf(
	    key, sizeof(key), "k%u", (unsigned)random_below(&w->random, 20));
	(void)snprintf(text, sizeof(text), "edit %zu", w->edits_len);
	v.bytes = BYTES_STR(text);
	return edit_put(e, DOC_ROOT,
	    (struct prop){ .is_key = true, .key = BYTES_STR(key) }, &v);
}

static lk_err
edit_type(struct device *d, void *ctx)
{
	uint8_t id[LK_ID_LEN];
	struct graph *g;
	uint8_t hash[LK_ID_LEN];
	bool changed, forked;

	TRY(replica_edit(
	    d->replica, d->docno, word_fill, ctx, NULL, &changed, hash));
	TRY(replica_graph(d->replica, d->docno, &g));
	graph_id(g, graph_tip(g, d->identity.sign.pk, &forked), id);
	measure_edit(d, id);
	return LK_NONE;
}

static void
command_edit(struct large *w)
{
	struct device *d = device_any(w);
	lk_err err = device_run(d, edit_type, w);

	large_need(w, err, "edit");
}

/* One goes, by itself or by a crash, and comes back. */
static void
fault_event(struct large *w)
{
	struct device *d = device_any(w);
	bool crash = random_below(&w->random, 2) == 0;

	if (w->now > START_MS + w->o.settle_ms + w->o.active_ms)
		return;
	large_trace(w, "stop", d->index, BYTES(NULL, 0));
	crash ? w->crashes++ : w->leaves++;
	device_stop(d);
	schedule_put(&w->schedule,
	    w->now + between(w, DOWN_LEAST_MS, DOWN_MOST_MS), EVENT_START,
	    d->index, 0);
}

static lk_err
ticket_make(struct device *d, void *ctx)
{
	struct device *joiner = ctx;
	struct ticket_request want = { .purpose = TICKET_INVITE,
		.docno = d->docno,
		.role = ROLE_WRITE,
		.uses = 1,
		.expires_ms = INT64_C(600000) };

	return engine_ticket(d->engine, &want, device_now(d), joiner->ticket,
	    sizeof(joiner->ticket));
}

static lk_err
ticket_use_it(struct device *d, void *ctx)
{
	(void)ctx;
	return engine_redeem(
	    d->engine, d->ticket, TICKET_INVITE, device_now(d), &d->joining);
}

static lk_err
ticket_look(struct device *d, void *ctx)
{
	struct redeem_status status;

	(void)ctx;
	TRY(engine_redeemed(d->engine, d->joining, &status));
	if (status.state == REDEEM_REFUSED)
		large_fail(d->world, "%u: ticket refused: %s",
		    (unsigned)d->index, status.why == NULL ? "" : status.why);
	if (status.state == REDEEM_DONE) {
		d->docno = status.documents > 0 || status.docno != 0
		    ? status.docno
		    : 0;
		d->member = true;
		d->world->joins++;
	}
	return LK_NONE;
}

/* A newcomer: the first device, the only admin, lets it in. */
static void
join_event(struct large *w, size_t index)
{
	struct device *d = &w->devices[index];

	device_start(d);
	if (d->ticket[0] == '\0') {
		struct device *admin = &w->devices[large_first(w, d->index)];

		device_start(admin);
		large_need(w, device_run(admin, ticket_make, d), "ticket");
	}
	if (d->joining == 0)
		large_need(w, device_run(d, ticket_use_it, NULL), "redeem");
	else
		large_need(w, device_run(d, ticket_look, NULL), "redeemed");
	if (!d->member)
		schedule_put(
		    &w->schedule, w->now + 500, EVENT_COMMAND, 1 + index, 0);
}

static lk_err
state_read(struct device *d, void *ctx)
{
	return fingerprint_doc(d->txn, d->docno, ctx);
}

/* Whether all have the same of the common document. */
static bool
agree(struct large *w, uint32_t *odd, size_t *odds)
{
	struct fingerprint first = { 0 }, fp;

	*odds = 0;
	for (uint32_t i = 0; i < w->o.devices; i++) {
		struct device *d = &w->devices[i];

		if (i == large_first(w, i)) {
			device_look(d, state_read, &first);
			continue;
		}
		memset(&fp, 0, sizeof(fp));
		if (d->docno != 0)
			device_look(d, state_read, &fp);
		if (fp.count == first.count &&
		    memcmp(fp.sum, first.sum, sizeof(fp.sum)) == 0)
			continue;
		*odd = i;
		++*odds;
	}
	return *odds == 0;
}

static bool
check_event(struct large *w)
{
	int64_t end = START_MS + w->o.settle_ms + w->o.active_ms;
	uint32_t odd = 0;
	size_t odds;

	for (uint32_t i = 0; i < w->o.devices; i++)
		device_start(&w->devices[i]);
	if (agree(w, &odd, &odds)) {
		w->agreed_ms = w->now - end;
		return true;
	}
	large_say(w, "%zu lack something, %u for one", odds, (unsigned)odd);
	if (w->now - end > LIVENESS_MS)
		large_fail(w, "no agreement: %zu differ, %u for one", odds,
		    (unsigned)odd);
	schedule_put(&w->schedule, w->now + CHECK_MS, EVENT_CHECK, 0, 0);
	return false;
}

static void
command_event(struct large *w, size_t a)
{
	if (a == 0)
		command_edit(w);
	else
		join_event(w, a - 1);
}

static bool
event_handle(struct large *w, const struct event *e)
{
	switch (e->kind) {
	case EVENT_NODE:
		device_event(&w->devices[e->a]);
		break;
	case EVENT_BYTES:
		line_deliver(w, e->a, e->b);
		break;
	case EVENT_CONNECT:
		line_connect(w, e->a);
		break;
	case EVENT_COMMAND:
		command_event(w, e->a);
		break;
	case EVENT_FAULT:
		fault_event(w);
		break;
	case EVENT_START:
		device_start(&w->devices[e->a]);
		break;
	case EVENT_CHECK:
		return check_event(w);
	case EVENT_OBJECT:
	case EVENT_TURN: /* not in these worlds */
		break;
	}
	return false;
}

static void
plan(struct large *w)
{
	int64_t begin = START_MS + w->o.settle_ms;

	for (uint32_t i = 0; i < w->o.devices; i++)
		if (!large_joins(w, i))
			schedule_put(&w->schedule, between(w, 0, START_MS),
			    EVENT_START, i, 0);
	for (uint32_t i = 0; i < w->o.edits; i++)
		schedule_put(&w->schedule,
		    begin + w->o.active_ms * i / w->o.edits, EVENT_COMMAND, 0,
		    0);
	for (uint32_t i = 0; i < w->o.devices; i++)
		if (large_joins(w, i))
			schedule_put(&w->schedule,
			    begin + between(w, 0, w->o.active_ms / 2),
			    EVENT_COMMAND, 1 + (size_t)i, 0);
	/* In the time of the edits one device in four goes and comes back. */
	for (uint32_t i = 0; w->o.churn && i < w->o.devices / 4; i++)
		schedule_put(&w->schedule,
		    begin + between(w, 0, w->o.active_ms), EVENT_FAULT, 0, 0);
	schedule_put(
	    &w->schedule, begin + w->o.active_ms + 1000, EVENT_CHECK, 0, 0);
}

static void
world_begin(struct large *w)
{
	w->random = random_from_seed(&w->seeded, w->o.seed);
	entropy_seed(w->o.seed);
	digest_init(&w->trace, 32, DIGEST_FP, NULL);
	TAILQ_INIT(&w->awake);
	w->devices = calloc(w->o.devices, sizeof(*w->devices));
	LK_ASSERT(w->devices != NULL);

	for (uint32_t i = 0; i < w->o.devices; i++) {
		w->devices[i].world = w;
		w->devices[i].index = i;
		w->devices[i].round_at = INT64_MAX;
		STAILQ_INIT(&w->devices[i].arrivals);
	}
	people_make(w);
	plan(w);
}

static void
world_end(struct large *w)
{
	for (uint32_t i = 0; i < w->o.devices; i++)
		device_free(&w->devices[i]);
	lines_free(w);
	schedule_clear(&w->schedule);
}

void
large_run(struct large *w, const char *dir, uint8_t trace[static 32])
{
	struct event e;

	(void)strlcpy(w->dir, dir, sizeof(w->dir));
	world_begin(w);
	large_say(w, "%u devices are made", (unsigned)w->o.devices);
	while (schedule_take(&w->schedule, &e)) {
		if (e.at / 10000 != w->now / 10000)
			large_say(w, "%llu events, %zu lines",
			    (unsigned long long)w->events, w->lines_live);
		w->now = e.at;
		if (event_handle(w, &e))
			break;
	}
	measure_report(w);
	w->heap = mallinfo2().uordblks;
	world_end(w);
	digest_final(&w->trace, trace);
}

void
large_clear(struct large *w)
{
	for (size_t i = 0; i < w->edits_len; i++)
		free(w->edits[i].after);
	free(w->edits);
	free(w->devices);
}
