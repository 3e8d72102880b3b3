#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/random.h"
#include "mirror/plan.h"
#include "mirror/unite.h"

/*
 * A folder in memory and a real document.  Every content is made of tokens, one
 * CJK letter each, of which no two are alike.
 */
#define SEEDS 400
#define FILES_MAX 24
#define TOKENS_MAX 4096
#define FIRST_TOKEN 0x4e00
#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static const char *const names[] = { "a", "b", "c.md", "d/e", "d/f", "d/g/h",
	"i", "j", "k", "l m", "n", "z" };

struct file {
	char path[16];
	char content[4096];
	size_t len;
	bool exec;
	int64_t saved_ms;
};

struct world {
	struct random_seeded seeded;
	struct random random;
	struct kv kv;
	struct doc *doc;
	uint8_t hash[LK_ID_LEN];
	uint64_t seq, start_op;
	unsigned next;
	bool shown[TOKENS_MAX]; /* by the document, at some time */
	struct file disk[FILES_MAX];
	size_t disk_len;
	char ids[FILES_MAX][FILE_ID_LEN + 1];
	size_t ids_len;
	struct ignore ignore;
	/* Of the plan. */
	size_t steps;
};

#define assert_ok(call)                                                     \
	do {                                                                \
		lk_err ok_ = (call);                                        \
		if (ok_.code != LK_OK)                                      \
			fail_msg("%s: %s: %s", #call, lk_strcode(ok_.code), \
			    ok_.what);                                      \
	} while (0)

static size_t
below(struct world *w, uint64_t n)
{
	return (size_t)random_below(&w->random, n);
}

static void
world_open(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->random = random_from_seed(&w->seeded, seed);
	w->start_op = 1;
	assert_ok(kv_memory_new(&w->kv, 16u * 1024 * 1024));
	assert_ok(doc_open(&w->doc, w->kv));
}

static void
world_close(struct world *w)
{
	doc_free(w->doc);
	kv_memory_free(&w->kv);
}

/* One change. */

static struct edit *
change_begin(struct world *w)
{
	static const uint8_t actor[16] = { 7 };
	struct change_head head = { .deps = w->hash,
		.deps_len = w->seq > 0,
		.actor = BYTES_OF(actor),
		.seq = w->seq + 1,
		.start_op = w->start_op };
	struct edit *edit;

	assert_ok(edit_new(&edit, w->doc, &head));
	return edit;
}

static void tokens_note(const char *content, size_t len, bool *found);

static lk_err
shown_note(void *ctx, const struct file_id *id)
{
	struct world *w = ctx;
	struct file_entry e;
	BUF_SCOPED content = { .max = FILE_BYTES_MAX };

	TRY(file_read(w->doc, id, &e, &content));
	tokens_note((const char *)content.ptr, content.len, w->shown);
	return LK_NONE;
}

static void
change_end(struct world *w, struct edit *edit)
{
	struct doc_change_info info;
	BUF_SCOPED body = { .max = CHANGE_BODY_MAX };

	assert_ok(edit_finish(edit, &body, w->hash));
	edit_free(edit);
	if (body.len == 0)
		return;
	assert_ok(doc_change(w->doc, w->hash, &info));
	w->seq++;
	w->start_op = info.max_op + 1;
	assert_ok(files_each(w->doc, shown_note, w));
}

/* Contents. */

static void
tokens_note(const char *content, size_t len, bool *found)
{
	for (size_t i = 0; i + 2 < len; i++) {
		const uint8_t *b = (const uint8_t *)content + i;

		if ((b[0] & 0xf0) != 0xe0)
			continue;
		found[((b[0] & 0xfu) << 12 | (b[1] & 0x3fu) << 6 |
			  (b[2] & 0x3fu)) -
		    FIRST_TOKEN] = true;
	}
}

static void
token_add(struct world *w, struct file *f, const char *end)
{
	unsigned t = FIRST_TOKEN + w->next++;

	assert_true(w->next < TOKENS_MAX);
	f->len += (size_t)snprintf(f->content + f->len,
	    sizeof(f->content) - f->len, "%c%c%c%s", 0xe0 | t >> 12,
	    0x80 | (t >> 6 & 0x3f), 0x80 | (t & 0x3f), end);
}

static void
content_fill(struct world *w, struct file *f)
{
	size_t lines = below(w, 5);

	f->len = 0;
	f->exec = below(w, 4) == 0;
	f->saved_ms = (int64_t)below(w, 5);
	if (below(w, 3) == 0) {
		f->content[f->len++] = '\0';
		token_add(w, f, "");
		return;
	}
	for (size_t i = 0; i < lines; i++)
		token_add(w, f, i + 1 == lines && below(w, 2) ? "" : "\n");
}

/* Some lines more and some fewer, or something else altogether. */
static void
content_change(struct world *w, struct file *f)
{
	struct file old = *f;

	if (below(w, 5) == 0) {
		content_fill(w, f);
		return;
	}
	f->exec ^= below(w, 5) == 0;
	f->saved_ms = (int64_t)below(w, 9);
	f->len = 0;
	for (size_t from = 0, to; from < old.len; from = to) {
		for (to = from; to < old.len && old.content[to] != '\n'; to++)
			continue;
		to += to < old.len;
		if (below(w, 4) == 0)
			token_add(w, f, "\n");
		if (below(w, 6) == 0)
			continue;
		memcpy(f->content + f->len, old.content + from, to - from);
		f->len += to - from;
	}
	if (below(w, 3) == 0)
		token_add(w, f, "\n");
}

static struct file_content
content_of(const struct file *f)
{
	struct bytes b = BYTES((const uint8_t *)f->content, f->len);

	return (struct file_content){ b, file_is_text(b), false, f->exec,
		f->saved_ms };
}

static struct plan_side
side_of(const struct file *f)
{
	struct file_content c = content_of(f);
	struct plan_side s = { true, c.is_text, f->exec, f->saved_ms, { 0 } };

	file_digest(s.digest, c.bytes);
	return s;
}

static struct file_id
id_new(struct world *w)
{
	struct file_id id;
	uint8_t drawn[FILE_ID_LEN / 2];

	random_fill(&w->random, drawn, sizeof(drawn));
	hex_encode(id.hex, BYTES_OF(drawn));
	(void)strlcpy(w->ids[w->ids_len++], id.hex, sizeof(id.hex));
	return id;
}

static struct file *
disk_at(struct world *w, const char *path)
{
	for (size_t i = 0; i < w->disk_len; i++)
		if (strcmp(w->disk[i].path, path) == 0)
			return &w->disk[i];
	return NULL;
}

/* The file of the document goes to the folder. */
static void
disk_give(struct world *w, const struct file_id *id)
{
	BUF_SCOPED content = { .max = FILE_BYTES_MAX };
	struct file_entry e;
	struct file *f;

	assert_ok(file_read(w->doc, id, &e, &content));
	f = disk_at(w, e.path);
	if (f == NULL) {
		f = &w->disk[w->disk_len++];
		(void)strlcpy(f->path, e.path, sizeof(f->path));
	}
	assert_true(content.len <= sizeof(f->content));
	if (content.len > 0)
		memcpy(f->content, content.ptr, content.len);
	f->len = content.len;
	f->exec = e.exec;
	f->saved_ms = 99;
}

/* A folder and a document that meet. */

static void
both_fill(struct world *w)
{
	struct edit *edit = change_begin(w);

	for (size_t i = 0; i < COUNT(names); i++) {
		size_t who = below(w, 4);
		struct file f = { 0 };
		struct file_content c;
		struct file_id id;

		(void)strlcpy(f.path, names[i], sizeof(f.path));
		content_fill(w, &f);
		if (who & 1)
			w->disk[w->disk_len++] = f;
		if ((who & 2) == 0)
			continue;
		if (who == 2 || below(w, 3) > 0)
			content_fill(w, &f);
		id = id_new(w);
		c = content_of(&f);
		assert_ok(file_make(edit, &id, BYTES_STR(f.path), &c));
	}
	change_end(w, edit);
}

struct listing {
	struct plan_entry entries[FILES_MAX];
	struct file_id ids[FILES_MAX];
	struct file_entry read[FILES_MAX];
	size_t len;
};

static int
entry_compare(const void *a, const void *b)
{
	const struct plan_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void
disk_list(struct world *w, struct listing *l)
{
	l->len = w->disk_len;
	for (size_t i = 0; i < w->disk_len; i++)
		l->entries[i] = (struct plan_entry){ w->disk[i].path,
			side_of(&w->disk[i]), NULL };
	qsort(l->entries, l->len, sizeof(*l->entries), entry_compare);
}

static void
doc_list(struct world *w, struct listing *l)
{
	l->len = 0;
	for (size_t i = 0; i < w->ids_len; i++) {
		struct file_entry *e = &l->read[l->len];
		BUF_SCOPED content = { .max = FILE_BYTES_MAX };
		struct file_id id;

		assert_true(file_id_read(&id, BYTES_STR(w->ids[i])));
		assert_ok(file_read(w->doc, &id, e, &content));
		l->entries[l->len] =
		    (struct plan_entry){ e->path, plan_side_of(e), NULL };
		l->len += !e->gone;
	}
	qsort(l->entries, l->len, sizeof(*l->entries), entry_compare);
}

static struct file_id
id_at(struct world *w, const char *path)
{
	struct file_id id = { "" };

	for (size_t i = 0; i < w->ids_len; i++) {
		BUF_SCOPED content = { .max = FILE_BYTES_MAX };
		struct file_entry e;

		assert_true(file_id_read(&id, BYTES_STR(w->ids[i])));
		assert_ok(file_read(w->doc, &id, &e, &content));
		if (strcmp(e.path, path) == 0)
			return id;
	}
	fail_msg("%s: not in the document", path);
	return id;
}

/* What the folder has becomes a version of the document, and no more. */
static void
version_keep(struct world *w, const struct file_id *id,
    const struct file_content *wanted)
{
	BUF_SCOPED held = { .max = FILE_BYTES_MAX };
	struct file_content was;
	struct file_entry e;
	struct edit *edit = change_begin(w);

	assert_ok(file_read(w->doc, id, &e, &held));
	was = (struct file_content){ buf_bytes(&held), e.is_text, e.is_pieces,
		e.exec, e.saved_ms };
	assert_ok(file_lend(edit, w->doc, id, wanted));
	change_end(w, edit);
	edit = change_begin(w);
	assert_ok(file_give_back(edit, w->doc, id, &was));
	change_end(w, edit);
}

static void
take(struct world *w, const struct file *f, const struct file_id *id,
    const struct file *base)
{
	struct file_content c = content_of(f), from;
	struct edit *edit = change_begin(w);

	if (base != NULL)
		from = content_of(base);
	assert_ok(
	    file_change(edit, w->doc, id, base != NULL ? &from : NULL, &c));
	change_end(w, edit);
}

static void
step_do(void *ctx, const struct plan_step *step)
{
	struct world *w = ctx;
	struct file *f = disk_at(w, step->path);
	struct file_content c;
	struct file_id id;
	struct edit *edit;

	w->steps += step->what != PLAN_NOTHING;
	switch (step->what) {
	case PLAN_NOTHING:
		return;
	case PLAN_CANNOT:
		fail_msg("%s: %s", step->path, step->why);
		return;
	case PLAN_GIVE:
		id = id_at(w, step->path);
		break;
	case PLAN_KEEP:
		id = id_at(w, step->path);
		c = content_of(f);
		version_keep(w, &id, &c);
		break;
	case PLAN_TAKE:
	case PLAN_MERGE:
		if (step->doc != NULL) {
			id = id_at(w, step->path);
			take(w, f, &id, NULL);
			break;
		}
		c = content_of(f);
		edit = change_begin(w);
		id = id_new(w);
		assert_ok(file_make(edit, &id, BYTES_STR(step->path), &c));
		change_end(w, edit);
		break;
	}
	disk_give(w, &id);
}

/* Makes the plan and carries it out; how many steps were not empty. */
static size_t
meet(struct world *w)
{
	struct listing disk, doc;

	disk_list(w, &disk);
	doc_list(w, &doc);
	w->steps = 0;
	plan_meet(&(struct plan_meeting){ disk.entries, doc.entries, disk.len,
		      doc.len, &w->ignore },
	    step_do, w);
	return w->steps;
}

static void
trees_are_equal(struct world *w)
{
	struct listing disk, doc;

	disk_list(w, &disk);
	doc_list(w, &doc);
	assert_int_equal(disk.len, doc.len);
	for (size_t i = 0; i < disk.len; i++) {
		assert_string_equal(disk.entries[i].path, doc.entries[i].path);
		assert_memory_equal(disk.entries[i].side.digest,
		    doc.entries[i].side.digest, FILE_DIGEST_LEN);
		assert_int_equal(
		    disk.entries[i].side.exec, doc.entries[i].side.exec);
		assert_null(strstr(disk.entries[i].path, "conflict"));
	}
}

static void
who_meet_have_the_same_and_nothing_is_lost(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world *w = calloc(1, sizeof(*w));
		bool before[TOKENS_MAX] = { false };

		assert_non_null(w);
		print_message("seed %llu\n", (unsigned long long)seed);
		world_open(w, seed);
		both_fill(w);
		for (size_t i = 0; i < w->disk_len; i++)
			tokens_note(w->disk[i].content, w->disk[i].len, before);
		(void)meet(w);
		trees_are_equal(w);
		for (size_t t = 0; t < TOKENS_MAX; t++)
			assert_true(!before[t] || w->shown[t]);
		assert_int_equal(meet(w), 0);
		world_close(w);
		free(w);
	}
}

static void
texts_that_meet_are_both_there_and_the_newer_of_others(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct file text = { .path = "a", .content = "x\n", .len = 2 };
	struct file mine = { .path = "b", .len = 2, .saved_ms = 5 };
	struct file theirs = mine;
	struct plan_side disk, doc;

	(void)state;
	assert_non_null(w);
	mine.content[1] = 'm';
	theirs.content[1] = 't';
	theirs.saved_ms = 6;
	disk = side_of(&mine);
	doc = side_of(&theirs);
	assert_int_equal(plan_file(NULL, &disk, &doc), PLAN_KEEP);
	assert_int_equal(plan_file(NULL, &doc, &disk), PLAN_TAKE);
	disk.saved_ms = 0;
	assert_int_equal(plan_file(NULL, &disk, &doc), PLAN_TAKE);
	disk = side_of(&text);
	assert_int_equal(plan_file(NULL, &disk, &doc), PLAN_TAKE);
	disk.saved_ms = 1;
	assert_int_equal(plan_file(NULL, &disk, &doc), PLAN_KEEP);
	disk = doc = side_of(&text);
	disk.exec = true;
	assert_int_equal(plan_file(NULL, &disk, &doc), PLAN_TAKE);
	assert_int_equal(plan_file(NULL, &doc, &disk), PLAN_GIVE);
	assert_int_equal(plan_file(&disk, &doc, &disk), PLAN_TAKE);
	assert_int_equal(plan_file(&disk, &disk, &doc), PLAN_GIVE);
	free(w);
}

/* What both had, changed on both sides. */

struct tokens {
	bool is[TOKENS_MAX];
};

/* One file, three ways. */
struct three {
	struct file base, mine, theirs;
	bool mine_there, theirs_there;
	struct file_id id;
	struct tokens had, in_mine, in_theirs, end;
};

static void
three_delete(struct world *w, const struct three *t)
{
	struct edit *edit = change_begin(w);
	struct plan_side base = side_of(&t->base);

	assert_ok(file_delete(edit, w->doc, &t->id, base.digest));
	change_end(w, edit);
}

static void
three_fill(struct world *w, struct three *t)
{
	struct edit *edit = change_begin(w);
	struct file_content c;

	t->mine_there = below(w, 6) > 0;
	t->theirs_there = below(w, 6) > 0;
	content_fill(w, &t->base);
	t->mine = t->theirs = t->base;
	if (below(w, 4) > 0)
		content_change(w, &t->mine);
	if (below(w, 4) > 0)
		content_change(w, &t->theirs);
	c = content_of(&t->base);
	t->id = id_new(w);
	assert_ok(file_make(edit, &t->id, BYTES_STR("a"), &c));
	change_end(w, edit);
	if (t->theirs_there)
		take(w, &t->theirs, &t->id, &t->base);
	else
		three_delete(w, t);
	tokens_note(t->base.content, t->base.len, t->had.is);
	if (t->mine_there)
		tokens_note(t->mine.content, t->mine.len, t->in_mine.is);
	if (t->theirs_there)
		tokens_note(t->theirs.content, t->theirs.len, t->in_theirs.is);
}

static enum plan_what
three_plan(const struct three *t)
{
	struct plan_side base = side_of(&t->base), disk = { 0 }, doc = { 0 };

	if (t->mine_there)
		disk = side_of(&t->mine);
	if (t->theirs_there)
		doc = side_of(&t->theirs);
	return plan_file(&base, &disk, &doc);
}

/* Whether it is there in the end. */
static bool
three_stays(const struct three *t, enum plan_what what)
{
	if (t->mine_there == t->theirs_there)
		return t->mine_there;
	return t->mine_there ? what == PLAN_TAKE : what == PLAN_GIVE;
}

/* What is new on either side is in the end in both, or was in the document, and
 * what is gone is what one of them took away. */
static void
three_check(struct world *w, struct three *t, enum plan_what what)
{
	BUF_SCOPED content = { .max = FILE_BYTES_MAX };
	struct file_entry e;
	struct plan_side end;

	assert_ok(file_read(w->doc, &t->id, &e, &content));
	end = plan_side_of(&e);
	assert_int_equal(end.there, three_stays(t, what));
	assert_int_equal(plan_file(&end, &end, &end), PLAN_NOTHING);
	if (end.there)
		tokens_note((const char *)content.ptr, content.len, t->end.is);
	for (size_t i = 0; i < TOKENS_MAX; i++) {
		bool either = t->in_mine.is[i] || t->in_theirs.is[i];

		if (what == PLAN_MERGE && !t->had.is[i])
			assert_int_equal(t->end.is[i], either);
		assert_true(!either || w->shown[i]);
		assert_true(!t->end.is[i] || either);
	}
}

static void
three_ways(struct world *w)
{
	struct three *t = calloc(1, sizeof(*t));
	enum plan_what what;

	assert_non_null(t);
	three_fill(w, t);
	what = three_plan(t);
	assert_int_not_equal(what, PLAN_KEEP);
	assert_int_not_equal(what, PLAN_CANNOT);
	if (what == PLAN_TAKE && !t->mine_there)
		three_delete(w, t);
	else if (what == PLAN_TAKE || what == PLAN_MERGE)
		take(w, &t->mine, &t->id, &t->base);
	three_check(w, t, what);
	free(t);
}

static void
what_both_changed_merges_and_who_writes_brings_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world *w = calloc(1, sizeof(*w));

		assert_non_null(w);
		print_message("seed %llu\n", (unsigned long long)seed);
		world_open(w, seed);
		three_ways(w);
		world_close(w);
		free(w);
	}
}

/* What cannot be in the same place stays on its side. */

struct said {
	char text[512];
};

static void
step_say(void *ctx, const struct plan_step *step)
{
	static const char *const words[] = { "nothing", "take", "give", "merge",
		"keep", "cannot" };
	struct said *s = ctx;

	(void)strlcat(s->text, step->path, sizeof(s->text));
	(void)strlcat(s->text, ": ", sizeof(s->text));
	(void)strlcat(s->text,
	    step->why != NULL ? step->why : words[step->what], sizeof(s->text));
	(void)strlcat(s->text, "\n", sizeof(s->text));
}

static void
what_cannot_be_in_the_same_place_is_said(void **state)
{
	struct plan_side one = { .there = true, .is_text = true };
	const struct plan_entry disk[] = { { "a", one, NULL },
		{ "b/c", one, NULL }, { "bad", one, "a flaw" } };
	const struct plan_entry doc[] = { { "a/b", one, NULL },
		{ "b", one, NULL }, { "d", one, NULL }, { "d", one, NULL },
		{ "x.o", one, NULL } };
	struct ignore ignore = { 0 };
	struct said said = { "" };

	(void)state;
	assert_ok(ignore_read(&ignore, BYTES_STR("*.o\n")));
	plan_meet(&(struct plan_meeting){ disk, doc, COUNT(disk), COUNT(doc),
		      &ignore },
	    step_say, &said);
	assert_string_equal(said.text,
	    "a: take\n"
	    "a/b: something else is where its folder should be\n"
	    "b: a folder is where it should be\n"
	    "b/c: take\n"
	    "bad: a flaw\n"
	    "d: give\n"
	    "d: another file has this name\n"
	    "x.o: left out by .lkignore\n");
	ignore_clear(&ignore);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_meet_have_the_same_and_nothing_is_lost),
		cmocka_unit_test(
		    texts_that_meet_are_both_there_and_the_newer_of_others),
		cmocka_unit_test(
		    what_both_changed_merges_and_who_writes_brings_back),
		cmocka_unit_test(what_cannot_be_in_the_same_place_is_said),
	};

	if (crypto_start().code != LK_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
