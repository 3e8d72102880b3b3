/*
 * lk_twin - keeps the documents of a differential test; twin.h says why.
 *
 * A command is a line of words, T is the number of a twin, everything that is
 * not a number is in hex, and a dash is nothing:
 *
 *   reset                      forgets everything
 *   new T ACTOR                an empty document
 *   take T CHUNKS              gives it changes    -> waiting
 *   load T FILE                replaces its document by a file -> orphans
 *   edit T ACTOR TIME TEXT DEPS [OP ...]    one change -> its chunk, or -
 *   old T TIME HEADS [OP ...]  likewise, at old heads, by whoever can
 *   raw T SEED LOOSE           likewise, of our choice (twin_raw)
 *   save T | changes T         -> a document; all changes as chunks
 *   tree T | heads T           -> tree.c; the hashes
 *   view T HEADS [HEADS ..]    -> the tree at these heads; views of views
 *   cursor T OBJ POS BEFORE    -> the cursor there
 *   find T HEADS OBJ CURSOR    -> its position, or none; - is now
 *   again T                    writes what is cached, and opens it anew
 *
 * The answer is "ok WORD", or "no CODE what".
 */
#include <stdio.h>

#include "crdt/doc_view.h"
#include "tests/twin/words.h"

#define FILE_CHANGES_MAX POOL_MAX

typedef lk_err command_fn(struct twins *, struct words *, struct buf *);

static lk_err
run_reset(struct twins *s, struct words *w, struct buf *out)
{
	(void)w;
	(void)out;
	twins_clear(s);
	return LK_NONE;
}

static lk_err
run_new(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);

	(void)out;
	return twin_open(t, words_hex(w));
}

static lk_err
run_take(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	struct bytes file = words_hex(w);
	size_t at[FILE_CHANGES_MAX], n = 0;

	TRY(twins_read(s, file, at, FILE_CHANGES_MAX, &n));
	for (size_t i = 0; i < n; i++)
		TRY(twin_take(s, t, at[i]));
	buf_printf(out, "%zu", twin_waiting(s, t));
	return LK_NONE;
}

static lk_err
run_load(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	struct bytes file = words_hex(w);
	uint8_t actor[ACTOR_LEN_MAX];
	size_t at[FILE_CHANGES_MAX], n = 0;

	TRY(twins_read(s, file, at, FILE_CHANGES_MAX, &n));
	memcpy(actor, t->actor, sizeof(actor));
	TRY(twin_open(t, BYTES(actor, t->actor_len)));
	for (size_t i = 0; i < n; i++)
		TRY(twin_take(s, t, at[i]));
	buf_printf(out, "%zu", twin_waiting(s, t));
	return LK_NONE;
}

static lk_err
run_raw(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	uint64_t seed = words_number(w);
	bool loose = words_number(w) > 0;
	BUF_SCOPED chunk = { .max = CHANGE_BODY_MAX };

	TRY(twin_raw(s, t, seed, loose, &chunk));
	tree_hex(out, buf_bytes(&chunk));
	return LK_NONE;
}

static lk_err
run_save(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	struct change *all = calloc(s->pool.len + 1, sizeof(*all));
	BUF_SCOPED file = { .max = DOCUMENT_BODY_MAX };
	size_t order[POOL_MAX], n = twins_order(s, t->has, order);
	lk_err err;

	LK_ASSERT(all != NULL);
	for (size_t i = 0; i < n; i++)
		all[i] = s->pool.all[order[i]];
	err = history_write(&file, all, n);
	free(all);
	tree_hex(out, buf_bytes(&file));
	return err;
}

static lk_err
run_changes(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);
	BUF_SCOPED file = { .max = DOCUMENT_BODY_MAX };

	for (size_t x = 0; x < s->pool.len; x++)
		if (t->has[x])
			chunk_write(&file, CHUNK_CHANGE, s->pool.all[x].body);
	tree_hex(out, buf_bytes(&file));
	return LK_NONE;
}

static lk_err
run_tree(struct twins *s, struct words *w, struct buf *out)
{
	return twin_tree(words_twin(w, s)->doc, out);
}

/* A view at heads; with more of them a view of that view, and so on. */
static lk_err
view_tree(struct doc *doc, struct words *w, struct buf *out)
{
	struct bytes heads = words_hex(w);
	struct doc *view = NULL;
	lk_err err;

	TRY(doc_at(doc, (void *)(uintptr_t)heads.ptr, heads.len / LK_ID_LEN,
	    VIEW_RAW, &view));
	err = words_more(w) ? view_tree(view, w, out) : twin_tree(view, out);
	doc_free(view);
	return err;
}

static lk_err
run_view(struct twins *s, struct words *w, struct buf *out)
{
	return view_tree(words_twin(w, s)->doc, w, out);
}

static lk_err
run_heads(struct twins *s, struct words *w, struct buf *out)
{
	BUF_SCOPED heads = { .max = CHANGE_BODY_MAX };

	twin_heads(s, words_twin(w, s), NULL, &heads);
	tree_hex(out, buf_bytes(&heads));
	return LK_NONE;
}

static lk_err
run_again(struct twins *s, struct words *w, struct buf *out)
{
	struct twin *t = words_twin(w, s);

	(void)out;
	return doc_again(&t->doc, t->kv);
}

static const struct {
	const char *name;
	command_fn *run;
} commands[] = {
	{ "reset", run_reset },
	{ "new", run_new },
	{ "take", run_take },
	{ "load", run_load },
	{ "edit", run_edit },
	{ "old", run_old },
	{ "raw", run_raw },
	{ "save", run_save },
	{ "changes", run_changes },
	{ "tree", run_tree },
	{ "view", run_view },
	{ "heads", run_heads },
	{ "cursor", run_cursor },
	{ "find", run_find },
	{ "again", run_again },
};

static lk_err
run_line(struct twins *s, char *line, struct buf *out)
{
	struct words w = { .left = line };
	const char *name = words_next(&w);
	lk_err err = LK_ERR(LK_E_USAGE, "no such command");

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			err = commands[i].run(s, &w, out);
	words_clear(&w);
	return err;
}

int
main(void)
{
	struct twins *s = calloc(1, sizeof(*s));
	BUF_SCOPED out = { .max = 2 * DOCUMENT_BODY_MAX };
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	LK_ASSERT(s != NULL);
	changes_init(&s->pool);
	while ((len = getline(&line, &cap, stdin)) > 0) {
		lk_err err;

		line[len - 1] = '\0';
		buf_reset(&out);
		err = run_line(s, line, &out);
		if (err.code == LK_OK)
			(void)printf(
			    "ok %.*s\n", (int)out.len, (const char *)out.ptr);
		else
			(void)printf(
			    "no %s %s\n", lk_strcode(err.code), err.what);
		(void)fflush(stdout);
	}
	free(line);
	twins_clear(s);
	changes_clear(&s->pool);
	free(s);
	return 0;
}
