#include "tests/bench/crdt/measure.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAMED_MAX 24

struct named {
	const char *name;
	double value;
};

static struct named phases[NAMED_MAX], cpu[NAMED_MAX], figures[NAMED_MAX];
static size_t phases_len, cpu_len, figures_len;
static long rss_before;

static const struct {
	const char *name, *arguments;
	int count;
	void (*run)(char **);
} rows[] = {
	{ "replay", "TRACE each|one CHANGES", 3, row_replay },
	{ "load", "FILE", 1, row_load },
	{ "save", "CHANGES FILE", 2, row_save },
	{ "merge", "CHANGES EDITS", 2, row_merge },
	{ "concurrent", "TRACE", 1, row_concurrent },
	{ "actors", "ACTORS EDITS CHANGES", 3, row_actors },
	{ "heads", "HEADS CHANGES", 2, row_heads },
	{ "large", "BYTES CHANGES", 2, row_large },
	{ "view", "CHANGES FIRST", 2, row_view },
	{ "store-text", "CHANGES DIR", 2, row_store_text },
	{ "store-read", "DIR", 1, row_store_read },
	{ "store-map", "DIR KEYS", 2, row_store_map },
	{ "store-edit", "DIR KEYS", 2, row_store_edit },
};

void
must(lk_err e)
{
	if (e.code != LK_OK)
		errx(1, "%s (%d)", e.what, (int)e.code);
}

/* In KiB.  What getrusage says begins with what the parent had. */
static long
rss_peak(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && kib == 0 && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "VmHWM: %ld", &kib);
	if (f != NULL)
		fclose(f);
	return kib;
}

static void
add(struct named *to, size_t *len, const char *name, double value)
{
	size_t i = 0;

	while (i < *len && strcmp(to[i].name, name) != 0)
		i++;
	if (i == NAMED_MAX)
		errx(1, "too many figures");
	if (i == *len)
		to[(*len)++] = (struct named){ .name = name };
	to[i].value += value;
}

static double
clock_ms(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) == -1)
		err(1, "clock");
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

double
phase(const char *name)
{
	static double before, cpu_before;
	double now = clock_ms(CLOCK_MONOTONIC), ms = now - before;
	double cpu_now = clock_ms(CLOCK_PROCESS_CPUTIME_ID);

	if (before <= 0)
		rss_before = rss_peak();
	if (name != NULL) {
		add(phases, &phases_len, name, ms);
		add(cpu, &cpu_len, name, cpu_now - cpu_before);
	}
	cpu_before = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	before = clock_ms(CLOCK_MONOTONIC);
	return ms;
}

void
figure(const char *name, double value)
{
	add(figures, &figures_len, name, value);
}

static void
report_all(const struct named *all, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%s\"%s\": %.6g", i == 0 ? "" : ", ", all[i].name,
		    all[i].value);
}

void
report(void)
{
	double total = 0, cpu_total = 0;

	for (size_t i = 0; i < phases_len; i++) {
		total += phases[i].value;
		cpu_total += cpu[i].value;
	}
	printf(
	    "{\"ms\": %.6g, \"cpu_ms\": %.6g, \"phases\": {", total, cpu_total);
	report_all(phases, phases_len);
	printf("}, \"cpu\": {");
	report_all(cpu, cpu_len);
	printf("}, \"rss_kb\": %ld, \"rss_before_kb\": %ld%s", rss_peak(),
	    rss_before, figures_len > 0 ? ", " : "");
	report_all(figures, figures_len);
	printf("}\n");
}

bool
body_next(struct rd *r, struct bytes *body)
{
	uint32_t len = 0;
	struct bytes b = rd_take(r, sizeof(len));

	for (size_t i = b.len; i > 0; i--)
		len = len << 8 | b.ptr[i - 1];
	*body = rd_take(r, len);
	return !r->failed;
}

void
body_put(FILE *f, struct bytes body)
{
	uint8_t len[4];

	for (size_t i = 0; i < sizeof(len); i++)
		len[i] = (uint8_t)(body.len >> (8 * i));
	if (fwrite(len, sizeof(len), 1, f) != 1 ||
	    fwrite(body.ptr, body.len, 1, f) != 1)
		err(1, "changes");
}

void
replica_open(struct replica *r, struct kv kv, uint8_t actor)
{
	*r = (struct replica){ .kv = kv };
	memset(r->actor, actor, sizeof(r->actor));
	buf_init(&r->body, CHANGE_BODY_MAX);
	must(doc_open(&r->doc, kv));
}

void
replica_close(struct replica *r)
{
	doc_free(r->doc);
	buf_clear(&r->body);
}

void
replica_begin(struct replica *r, const uint8_t *deps, size_t n)
{
	struct change_head head = { .deps = deps != NULL ? deps : r->head,
		.deps_len = deps != NULL ? n : r->has_head,
		.actor = BYTES_OF(r->actor),
		.seq = ++r->seq,
		.start_op = r->max_op + 1,
		.time = 1700000000 };

	must(edit_new(&r->edit, r->doc, &head));
}

void
replica_end(struct replica *r)
{
	r->max_op += edit_ops(r->edit);
	buf_reset(&r->body);
	must(edit_finish(r->edit, &r->body, r->head));
	edit_free(r->edit);
	r->has_head = true;
	if (r->changes != NULL)
		body_put(r->changes, buf_bytes(&r->body));
}

void
replica_make(struct replica *r)
{
	must(edit_make(r->edit, DOC_ROOT,
	    (struct prop){ .is_key = true, .key = BYTES_STR("text") }, OBJ_TEXT,
	    &r->text));
}

void
replica_find(struct replica *r)
{
	struct item item;

	must(doc_get(r->doc, DOC_ROOT,
	    (struct prop){ .is_key = true, .key = BYTES_STR("text") }, &item));
	r->text = item.id;
}

/* FNV-1a, 32 bits: every program of the comparison can do it. */
static uint32_t
sum_of(struct bytes b)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < b.len; i++)
		h = (h ^ b.ptr[i]) * 16777619u;
	return h;
}

void
replica_check(struct replica *r)
{
	BUF_SCOPED text = { .max = DOCUMENT_BODY_MAX };

	must(doc_text(r->doc, r->text, &text));
	figure("length", (double)text.len);
	figure("sum", (double)(sum_of(buf_bytes(&text)) % 1000000));
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(argv[1], rows[i].name) == 0 &&
		    argc == rows[i].count + 2) {
			rows[i].run(argv + 2);
			report();
			return 0;
		}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		fprintf(stderr, "usage: bench_crdt %s %s\n", rows[i].name,
		    rows[i].arguments);
	return 64;
}
