/* What access/ costs: docs/benchmarks.md, "Access".  Processor time of this
 * thread; the median of RUNS runs, each on a graph of its own. */
#include <err.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/identity.h"
#include "sync/envelope.h"
#include "sync/keysection.h"
#include "tests/bench/access/history.h"

#define RUNS 3
#define BLOCK 100

static double
now_us(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == -1)
		err(1, "clock");
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), double_compare);
	return v[n / 2];
}

/* The facts of a history in memory, as from the store or the wire. */
struct loaded {
	struct facts *facts;
	struct body *bodies;
	uint32_t len;
	struct arena arena;
};

static void
loaded_make(struct loaded *l, const struct history *h)
{
	l->len = h->list.len;
	arena_init(&l->arena, (size_t)256 << 20);
	l->facts = calloc(l->len, sizeof(*l->facts));
	l->bodies = calloc(l->len, sizeof(*l->bodies));
	if (l->facts == NULL || l->bodies == NULL)
		err(1, "history");
	for (uint32_t i = 0; i < l->len; i++)
		must(facts_decode(&l->facts[i], &l->bodies[i], &l->arena,
		    history_facts(h, i)));
}

static void
loaded_clear(struct loaded *l)
{
	free(l->facts);
	free(l->bodies);
	arena_clear(&l->arena);
}

static void
take(struct graph *g, const struct facts *f)
{
	const struct flip *flips;
	struct judgement j;
	size_t n;

	must(graph_judge(g, f, &j));
	must(graph_add(g, f, &flips, &n));
}

/* Everything up to `from` without time, then blocks: the median block, an
 * envelope. */
static double
blocks_us(const struct loaded *l, uint32_t from)
{
	double *times = calloc(l->len / BLOCK + 1, sizeof(*times)), result;
	struct graph *g;
	size_t n = 0;

	if (times == NULL)
		err(1, "blocks");
	must(graph_new(&g));
	for (uint32_t i = 0; i < from; i++)
		must(graph_load(g, &l->facts[i]));
	must(graph_settle(g));
	for (uint32_t i = from; i + BLOCK <= l->len; i += BLOCK) {
		double began = now_us();

		for (uint32_t k = i; k < i + BLOCK; k++)
			take(g, &l->facts[k]);
		times[n++] = (now_us() - began) / BLOCK;
	}
	graph_free(g);
	result = median(times, n);
	free(times);
	return result;
}

static void
row_change(uint32_t members, uint32_t revocations, uint32_t apart)
{
	double runs[RUNS];
	struct history h;
	struct loaded l;
	uint32_t from;

	history_begin(&h);
	for (uint32_t i = 0; i < members + revocations; i++)
		history_grant(&h);
	for (uint32_t i = 0; i < members + revocations; i++)
		history_change(&h, &h.members.v[i]);
	for (uint32_t i = 0; i < revocations; i++)
		history_revoke(&h);
	history_epoch(&h, &h.creator);
	from = h.list.len;
	for (uint32_t i = 0; i < 5000; i += apart)
		history_changes_apart(&h, i, apart);
	loaded_make(&l, &h);
	for (int i = 0; i < RUNS; i++)
		runs[i] = blocks_us(&l, from);
	printf("change, %u members, %u revocations, %u at once: %.2f us\n",
	    members, revocations, apart, median(runs, RUNS));
	loaded_clear(&l);
	history_end(&h);
}

/* What a device does with the records of a document at start. */
static double
cold_ms(const struct history *h, size_t *memory)
{
	size_t before = mallinfo2().uordblks;
	double began = now_us(), took;
	struct graph *g;
	ARENA_SCOPED arena = { .max = (size_t)1 << 20 };

	must(graph_new(&g));
	for (uint32_t i = 0; i < h->list.len; i++) {
		struct facts f;
		struct body body;

		arena_reset(&arena);
		must(facts_decode(&f, &body, &arena, history_facts(h, i)));
		must(graph_load(g, &f));
	}
	must(graph_settle(g));
	took = now_us() - began;
	arena_clear(&arena);
	*memory = mallinfo2().uordblks - before;
	graph_free(g);
	return took / 1e3;
}

/* Mean, median of the last tenth, and the greatest. */
struct each {
	double mean, last, most;
};

static struct each
incremental(const struct loaded *l)
{
	double *times = calloc(l->len, sizeof(*times));
	struct each e = { 0 };
	struct graph *g;

	if (times == NULL)
		err(1, "incremental");
	must(graph_new(&g));
	for (uint32_t i = 0; i < l->len; i++) {
		double began = now_us();

		take(g, &l->facts[i]);
		times[i] = now_us() - began;
		e.mean += times[i] / l->len;
		e.most = times[i] > e.most ? times[i] : e.most;
	}
	graph_free(g);
	e.last = median(times + l->len - l->len / 10, l->len / 10);
	free(times);
	return e;
}

/* Of ten envelopes of authority five grant, four revoke, one is an epoch; with
 * `changes` every member writes once as well before he goes. */
static void
row_control(uint32_t ops, bool changes)
{
	double cold[RUNS], mean[RUNS], last[RUNS], most[RUNS];
	size_t memory;
	struct history h;
	struct loaded l;

	history_begin(&h);
	for (uint32_t i = 0; i < ops; i++) {
		if (i % 10 == 9)
			history_epoch(&h, &h.creator);
		else if (i % 2 == 0 || h.members.len < 100)
			history_grant(&h);
		else
			history_revoke(&h);
		if (changes && h.granted > h.members.len && i % 2 == 0)
			history_change(&h, &h.members.v[h.members.len - 1]);
	}
	loaded_make(&l, &h);
	for (int i = 0; i < RUNS; i++) {
		struct each e = incremental(&l);

		mean[i] = e.mean;
		last[i] = e.last;
		most[i] = e.most;
		cold[i] = cold_ms(&h, &memory);
	}
	printf("control history, %u ops, %u changes (%u granted, %u revoked): "
	       "cold %.0f ms; an op %.0f us (the last tenth %.0f, the slowest "
	       "%.0f); %.1f MB in memory, %.1f MB of records\n",
	    ops, l.len - ops - 1, h.granted, h.revoked, median(cold, RUNS),
	    median(mean, RUNS), median(last, RUNS), median(most, RUNS),
	    (double)memory / 1e6, (double)h.bytes.len / 1e6);
	loaded_clear(&l);
	history_end(&h);
}

static void
secret_make(uint8_t out[static 32], uint32_t n)
{
	memset(out, 7, 32);
	memcpy(out, &n, sizeof(n));
}

struct rotation {
	struct graph_reader *readers;
	uint32_t len;
	struct dh_key last;
	struct topic topic;
	struct epoch older, epoch;
	struct sign_key author;
	uint8_t tag[LK_TOPIC_LEN], id[LK_ID_LEN];
	double make, open, check;
	size_t bytes;
};

static void
rotation_once(struct rotation *r)
{
	struct keysection_place place = { r->topic.id, r->tag, 2 };
	struct epoch_plan plan = { .place = place,
		.epoch = &r->epoch,
		.readers = r->readers,
		.readers_len = r->len,
		.older = &r->older,
		.older_len = 1 };
	struct epoch_claim claim = { .place = place,
		.epoch = &r->epoch,
		.readers = r->readers,
		.readers_len = r->len };
	BUF_SCOPED section = { .max = KEYSECTION_MAX };
	ARENA_SCOPED arena = { .max = (size_t)1 << 20 };
	struct keysection k;
	struct epochs found;
	double at = now_us();

	must(keysection_make_epoch(&section, &plan));
	r->make = now_us() - at;
	must(keysection_parse(&k, buf_bytes(&section), r->epoch.etag));
	at = now_us();
	must(keysection_open(&k, &r->last, 1, r->topic.id, &arena, &found));
	r->open = now_us() - at;
	if (found.len != 1)
		errx(1, "the box does not open");
	at = now_us();
	must(keysection_check(&k, &claim));
	r->check = now_us() - at;
	r->bytes = section.len;
	epochs_wipe(&found);
}

static void
row_rotation(uint32_t devices)
{
	double make[RUNS], open[RUNS], check[RUNS];
	struct rotation r = { .len = devices };
	uint8_t secret[32];

	secret_make(secret, UINT32_MAX);
	epoch_derive(&r.older, secret);
	topic_derive(&r.topic, secret);
	secret_make(secret, UINT32_MAX - 1);
	epoch_derive(&r.epoch, secret);
	r.readers = calloc(devices, sizeof(*r.readers));
	if (r.readers == NULL)
		err(1, "rotation");
	for (uint32_t i = 0; i < devices; i++) {
		secret_make(secret, i + 1);
		dh_key_from_secret(&r.last, secret);
		memcpy(r.readers[i].box, r.last.pk, DH_LEN);
		memcpy(r.readers[i].key, secret, sizeof(secret));
	}
	for (int i = 0; i < RUNS; i++) {
		rotation_once(&r);
		make[i] = r.make;
		open[i] = r.open;
		check[i] = r.check;
	}
	printf("rotation to %u devices: %.2f ms to write, %.2f ms to open, "
	       "%.2f ms to check; key section %zu bytes\n",
	    devices, median(make, RUNS) / 1e3, median(open, RUNS) / 1e3,
	    median(check, RUNS) / 1e3, r.bytes);
	free(r.readers);
}

int
main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "change rotation control";

	must(crypto_start());
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (strstr(only, "change") != NULL) {
		row_change(100, 50, 1);
		row_change(100, 50, 2);
		row_change(100, 50, 10);
	}
	if (strstr(only, "rotation") != NULL) {
		row_rotation(10);
		row_rotation(100);
		row_rotation(1000);
	}
	if (strstr(only, "control") != NULL) {
		row_control(10000, false);
		row_control(10000, true);
	}
	return 0;
}
