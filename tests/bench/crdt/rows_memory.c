#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/doc_view.h"
#include "tests/bench/crdt/measure.h"
#include "tests/bench/crdt/trace.h"

static struct kv
memory(void)
{
	struct kv kv;

	must(kv_memory_new(&kv, SIZE_MAX));
	return kv;
}

static FILE *
file_new(const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		err(1, "%s", path);
	return f;
}

static void
file_end(FILE *f)
{
	if (fclose(f) != 0)
		err(1, "changes");
}

static void
patches_apply(struct replica *r, struct trace *t)
{
	uint32_t n = trace_u32(t);

	for (uint32_t i = 0; i < n; i++) {
		struct trace_patch p = trace_patch(t);

		must(edit_splice(r->edit, r->text, p.pos, p.del, p.insert));
	}
}

void
row_replay(char **argv)
{
	struct trace t = trace_open(argv[0]);
	bool each = strcmp(argv[1], "each") == 0;
	struct replica r;

	replica_open(&r, memory(), 1);
	r.changes = file_new(argv[2]);
	phase(NULL);
	replica_begin(&r, NULL, 0);
	replica_make(&r);
	for (uint32_t i = 0; i < t.len; i++) {
		struct trace_txn x = trace_txn(&t);

		for (uint32_t a = 0; a < x.arrivals; a++)
			(void)trace_u32(&t);
		if (each) {
			replica_end(&r);
			replica_begin(&r, NULL, 0);
		}
		patches_apply(&r, &t);
	}
	replica_end(&r);
	phase("edit");
	must(doc_flush(r.doc));
	phase("flush");
	file_end(r.changes);
	replica_check(&r);
	replica_close(&r);
}

static lk_err
change_count(void *ctx, const struct change *c)
{
	size_t *n = ctx;

	(void)c;
	++*n;
	return LK_NONE;
}

static lk_err
change_apply(void *ctx, const struct change *c)
{
	struct replica *r = ctx;

	return doc_apply(r->doc, c, true);
}

void
row_load(char **argv)
{
	struct bytes file = file_map(argv[0]);
	struct replica r;
	size_t n = 0;

	replica_open(&r, memory(), 1);
	phase(NULL);
	must(history_each(file, change_apply, &r));
	phase("read, verify, apply");
	must(doc_flush(r.doc));
	phase("flush");
	replica_find(&r);
	replica_check(&r);
	phase(NULL);
	/* Once more, to tell what of it is reading. */
	must(history_each(file, change_count, &n));
	figure("of it read and verify", phase(NULL));
	figure("changes", (double)n);
	replica_close(&r);
}

/* Decodes the changes, and adds them unless the writer is NULL. */
static void
changes_read(struct bytes file, struct history_writer *w)
{
	struct rd r = rd_over(file);
	ARENA_SCOPED arena = { 0 };
	struct bytes body;

	arena_init(&arena, CHANGE_BODY_MAX);
	while (body_next(&r, &body)) {
		struct change c;

		arena_reset(&arena);
		must(change_decode(&c, &arena, body));
		if (w != NULL)
			must(history_writer_add(w, &c));
	}
}

/* What is no one document chunk: all changes are needed at once. */
static void
changes_write(struct bytes file, struct buf *out)
{
	struct rd r = rd_over(file);
	struct bytes body, *bodies = NULL;
	struct history h;
	size_t n = 0;

	while (body_next(&r, &body)) {
		bodies = reallocarray(bodies, n + 1, sizeof(*bodies));
		if (bodies == NULL)
			err(1, "changes");
		bodies[n++] = body;
	}
	must(history_from_changes(&h, bodies, n));
	must(history_write(out, h.changes, h.changes_len));
	history_clear(&h);
	free(bodies);
}

void
row_save(char **argv)
{
	struct bytes changes = file_map(argv[0]);
	BUF_SCOPED out = { .max = SIZE_MAX }, heads = { .max = SIZE_MAX };
	struct history_writer *w;
	lk_err e;
	FILE *f;

	phase(NULL);
	must(history_writer_new(&w));
	changes_read(changes, w);
	e = history_writer_finish(w, &out, &heads);
	history_writer_free(w);
	if (e.code == LK_E_LIMIT)
		changes_write(changes, &out);
	else
		must(e);
	phase("write");
	figure("bytes", (double)out.len);
	f = file_new(argv[1]);
	if (fwrite(out.ptr, out.len, 1, f) != 1)
		err(1, "%s", argv[1]);
	file_end(f);
	phase(NULL);
	/* Once more, to tell what of it is decoding. */
	changes_read(changes, NULL);
	figure("of it decode", phase(NULL));
}

static void
bodies_apply(struct replica *r, struct bytes file)
{
	struct rd rd = rd_over(file);
	ARENA_SCOPED arena = { 0 };
	struct bytes body;

	arena_init(&arena, CHANGE_BODY_MAX);
	while (body_next(&rd, &body)) {
		struct change c;

		arena_reset(&arena);
		must(change_decode(&c, &arena, body));
		must(doc_apply(r->doc, &c, true));
		memcpy(r->head, c.hash, sizeof(r->head));
		r->has_head = true;
		if (change_max_op(&c) > r->max_op)
			r->max_op = change_max_op(&c);
	}
}

static uint32_t
roll(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)*state * below) >> 32);
}

/* One letter at a time, or none for one. */
static void
edits_make(struct replica *r, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t letter = (uint8_t)('a' + roll(&seed, 26));
		uint64_t length;

		must(doc_length(r->doc, r->text, &length));
		replica_begin(r, NULL, 0);
		must(edit_splice(r->edit, r->text,
		    roll(&seed, (uint32_t)length - 1), i % 4 == 3,
		    BYTES(&letter, i % 4 != 3)));
		replica_end(r);
	}
}

/* Both begin with the same changes and edit them 1,000 times. */
void
row_merge(char **argv)
{
	enum { EDITS = 1000 };
	struct replica a, b;

	replica_open(&b, memory(), 2);
	bodies_apply(&b, file_map(argv[0]));
	replica_find(&b);
	b.changes = file_new(argv[1]);
	edits_make(&b, EDITS, 1);
	file_end(b.changes);
	replica_open(&a, memory(), 3);
	bodies_apply(&a, file_map(argv[0]));
	replica_find(&a);
	edits_make(&a, EDITS, 2);
	must(doc_flush(a.doc));
	phase(NULL);
	bodies_apply(&a, file_map(argv[1]));
	phase("merge");
	must(doc_flush(a.doc));
	phase("flush");
	replica_check(&a);
	replica_close(&a);
	replica_close(&b);
}

/* What a transaction of a trace became. */
struct made {
	uint32_t at, len; /* its body among all */
};

struct world {
	struct replica *of;
	struct made *made;
	struct buf bodies;
	uint8_t (*heads)[LK_ID_LEN]; /* of agents: what they have not merged */
};

static void
arrival(struct world *w, struct replica *r, uint32_t txn, struct change *c)
{
	ARENA_SCOPED arena = { 0 };

	arena_init(&arena, CHANGE_BODY_MAX);
	must(change_decode(c, &arena,
	    BYTES(w->bodies.ptr + w->made[txn].at, w->made[txn].len)));
	must(doc_apply(r->doc, c, true));
	if (change_max_op(c) > r->max_op)
		r->max_op = change_max_op(c);
}

/* The heads of a replica: at most its own last change and the last arrivals. */
static void
deps_drop(struct buf *deps, const struct change *c)
{
	size_t kept = 0;

	for (size_t at = 0; at < deps->len; at += LK_ID_LEN) {
		bool named = false;

		for (size_t d = 0; d < c->deps_len && !named; d++)
			named = memcmp(deps->ptr + at, c->deps + d * LK_ID_LEN,
				    LK_ID_LEN) == 0;
		if (named)
			continue;
		memmove(deps->ptr + kept, deps->ptr + at, LK_ID_LEN);
		kept += LK_ID_LEN;
	}
	deps->len = kept;
}

static void
txn_run(struct world *w, struct buf *heads, struct trace *t, uint32_t i)
{
	struct trace_txn x = trace_txn(t);
	struct replica *r = &w->of[x.agent];
	struct buf *deps = &heads[x.agent];

	for (uint32_t a = 0; a < x.arrivals; a++) {
		struct change c;

		arrival(w, r, trace_u32(t), &c);
		/* The body lives on, so what c names does too. */
		deps_drop(deps, &c);
		buf_mem(deps, c.hash, LK_ID_LEN);
	}
	phase("merge");
	if (r->text.ctr == 0)
		replica_find(r);
	replica_begin(r, deps->ptr, deps->len / LK_ID_LEN);
	patches_apply(r, t);
	replica_end(r);
	buf_reset(deps);
	buf_mem(deps, r->head, LK_ID_LEN);
	w->made[i] =
	    (struct made){ (uint32_t)w->bodies.len, (uint32_t)r->body.len };
	buf_add(&w->bodies, buf_bytes(&r->body));
	phase("edit");
}

/* Every agent has a replica; transaction len is the change that makes the
 * text, which all begin with. */
void
row_concurrent(char **argv)
{
	struct trace t = trace_open(argv[0]);
	struct world w = { .bodies = { .max = SIZE_MAX } };
	struct buf *heads = calloc(t.agents, sizeof(*heads));
	struct replica maker;

	w.of = calloc(t.agents, sizeof(*w.of));
	w.made = calloc(t.len + 1, sizeof(*w.made));
	if (heads == NULL || w.of == NULL || w.made == NULL)
		err(1, "replicas");
	replica_open(&maker, memory(), UINT8_MAX);
	replica_begin(&maker, NULL, 0);
	replica_make(&maker);
	replica_end(&maker);
	w.made[t.len].len = (uint32_t)maker.body.len;
	buf_add(&w.bodies, buf_bytes(&maker.body));
	phase(NULL);
	for (uint32_t a = 0; a < t.agents; a++) {
		struct change c;

		replica_open(&w.of[a], memory(), (uint8_t)(a + 1));
		buf_init(&heads[a], SIZE_MAX);
		arrival(&w, &w.of[a], t.len, &c);
		buf_mem(&heads[a], c.hash, LK_ID_LEN);
	}
	for (uint32_t i = 0; i < t.len; i++)
		txn_run(&w, heads, &t, i);
	for (uint32_t a = 0; a < t.agents; a++)
		must(doc_flush(w.of[a].doc));
	phase("flush");
	replica_open(&maker, memory(), UINT8_MAX);
	for (uint32_t i = 0; i <= t.len; i++) {
		struct change c;

		arrival(&w, &maker, i == 0 ? t.len : i - 1, &c);
	}
	phase("apply all to an empty one");
	replica_find(&maker);
	replica_check(&maker);
}

static void
change_file(char **argv, FILE **f, struct replica *r)
{
	*f = file_new(argv[0]);
	replica_open(r, memory(), 1);
	r->changes = *f;
	replica_begin(r, NULL, 0);
	replica_make(r);
}

static void
actor_name(struct replica *r, uint32_t n)
{
	for (size_t i = 0; i < sizeof(n); i++)
		r->actor[i] = (uint8_t)(n >> (8 * i));
}

/* Actors take turns at the end of what all have. */
void
row_actors(char **argv)
{
	uint32_t actors = (uint32_t)strtonum(argv[0], 1, UINT16_MAX, NULL);
	uint32_t edits = (uint32_t)strtonum(argv[1], 1, UINT16_MAX, NULL);
	struct replica r;
	FILE *f;

	phase(NULL);
	change_file(argv + 2, &f, &r);
	replica_end(&r);
	for (uint32_t i = 0; i < actors * edits; i++) {
		uint8_t letter = (uint8_t)('a' + i % 26);

		actor_name(&r, i % actors + 1);
		r.seq = i / actors;
		replica_begin(&r, NULL, 0);
		must(edit_splice(
		    r.edit, r.text, i * 7 % (i + 1), 0, BYTES(&letter, 1)));
		replica_end(&r);
	}
	phase("edit");
	must(doc_flush(r.doc));
	phase("flush");
	file_end(f);
	replica_check(&r);
}

/* As many changes that know nothing of each other, and one that merges them. */
void
row_heads(char **argv)
{
	uint32_t heads = (uint32_t)strtonum(argv[0], 1, 1 << 20, NULL);
	BUF_SCOPED deps = { .max = SIZE_MAX };
	uint8_t first[LK_ID_LEN];
	struct replica r;
	FILE *f;

	phase(NULL);
	change_file(argv + 1, &f, &r);
	must(edit_splice(r.edit, r.text, 0, 0, BYTES_STR("-")));
	replica_end(&r);
	memcpy(first, r.head, sizeof(first));
	for (uint32_t i = 0; i < heads; i++) {
		uint8_t letter = (uint8_t)('a' + i % 26);

		actor_name(&r, i + 1);
		r.seq = 0;
		r.max_op = 2;
		replica_begin(&r, first, 1);
		must(edit_splice(r.edit, r.text, 1, 0, BYTES(&letter, 1)));
		replica_end(&r);
		buf_mem(&deps, r.head, LK_ID_LEN);
	}
	phase("heads");
	actor_name(&r, 1);
	r.seq = 1;
	replica_begin(&r, deps.ptr, heads);
	must(edit_splice(r.edit, r.text, 0, 1, BYTES_STR("+")));
	replica_end(&r);
	phase("merging change");
	must(doc_flush(r.doc));
	phase("flush");
	file_end(f);
	replica_check(&r);
}

/* What was shown after the first changes, as many as it says. */
void
row_view(char **argv)
{
	uint64_t changes = (uint64_t)strtonum(argv[1], 0, UINT32_MAX, NULL);
	BUF_SCOPED text = { .max = SIZE_MAX };
	struct replica r;
	struct doc *view;

	replica_open(&r, memory(), 1);
	bodies_apply(&r, file_map(argv[0]));
	replica_find(&r);
	must(doc_flush(r.doc));
	phase(NULL);
	must(doc_at_first(r.doc, changes, VIEW_JUDGED, &view));
	phase("view");
	must(doc_text(view, r.text, &text));
	phase("read it");
	figure("shown", (double)text.len);
	doc_free(view);
	replica_close(&r);
}

/* A long text, a piece to a change. */
void
row_large(char **argv)
{
	enum { PIECE = 1 << 20 };
	size_t len = (size_t)strtonum(argv[0], 1, 1 << 30, NULL);
	uint8_t *piece = malloc(PIECE);
	uint32_t seed = 1;
	struct replica r;
	FILE *f;

	if (piece == NULL)
		err(1, "text");
	for (size_t i = 0; i < PIECE; i++)
		piece[i] =
		    (uint8_t)(roll(&seed, 6) == 0 ? ' '
						  : 'a' + roll(&seed, 26));
	phase(NULL);
	change_file(argv + 1, &f, &r);
	for (size_t at = 0; at < len; at += PIECE) {
		size_t n = len - at < PIECE ? len - at : PIECE;

		must(edit_splice(r.edit, r.text, at, 0, BYTES(piece, n)));
		replica_end(&r);
		replica_begin(&r, NULL, 0);
	}
	must(edit_splice(r.edit, r.text, len / 2, 1, BYTES_STR("+")));
	replica_end(&r);
	phase("edit");
	must(doc_flush(r.doc));
	phase("flush");
	file_end(f);
	replica_check(&r);
	free(piece);
}
