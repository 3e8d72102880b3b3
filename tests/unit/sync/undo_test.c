#include "tests/unit/sync/carried.h"

/* A text document of ann's that mal writes too, "n" a counter in it. */
struct pair {
	struct device a, m;
	uint32_t in_a, in_m;
};

static lk_err
begin_fill(void *ctx, struct edit *e, struct doc *doc)
{
	struct value n = { .type = VALUE_COUNTER };
	struct op_id text;

	(void)ctx;
	(void)doc;
	TRY(edit_make(e, DOC_ROOT, prop("content"), OBJ_TEXT, &text));
	return edit_put(e, DOC_ROOT, prop("n"), &n);
}

static void
carry(struct device *from, uint32_t in_from, struct device *to, uint32_t in_to)
{
	struct bag b = { .len = 0 };

	(void)bag_take(&b, from, in_from, 1);
	give_all(to, in_to, &b);
	bag_clear(&b);
}

static void
meet(struct pair *p)
{
	carry(&p->a, p->in_a, &p->m, p->in_m);
	carry(&p->m, p->in_m, &p->a, p->in_a);
}

static void
pair_make(struct pair *p)
{
	device_make(&p->a, 1, "ann");
	device_make(&p->m, 2, "mal");
	device_begin(&p->a);
	ok(replica_create(p->a.r, "plan", "text", begin_fill, NULL, &p->in_a));
	device_commit(&p->a);
	ok(share_try(&p->a, p->in_a, &p->m, ROLE_WRITE));
	p->in_m = welcome(&p->m, &p->a, p->in_a);
	meet(p);
}

static void
pair_clear(struct pair *p)
{
	device_remove(&p->a);
	device_remove(&p->m);
}

/* A splice, or an increment. */
struct step {
	uint64_t at, del;
	const char *text;
	int64_t by;
};

static lk_err
step_fill(void *ctx, struct edit *e, struct doc *doc)
{
	const struct step *s = ctx;
	struct item text;

	if (s->by != 0)
		return edit_increment(e, DOC_ROOT, prop("n"), s->by);
	TRY(doc_get(doc, DOC_ROOT, prop("content"), &text));
	return edit_splice(e, text.id, s->at, s->del, BYTES_STR(s->text));
}

static void
step(struct device *d, uint32_t docno, struct step s)
{
	uint8_t hash[LK_ID_LEN];
	bool changed;

	device_begin(d);
	ok(replica_edit(d->r, docno, step_fill, &s, NULL, &changed, hash));
	device_commit(d);
	assert_true(changed);
}

#define TYPE(d, docno, pos, gone, what) \
	step(d, docno,                  \
	    (struct step){ .at = (pos), .del = (gone), .text = (what) })
#define COUNT(d, docno, n) step(d, docno, (struct step){ .by = (n) })

static lk_err
undo_try(struct device *d, uint32_t docno, bool redo)
{
	struct undo_report report;
	lk_err err;

	device_begin(d);
	ok(replica_nest(d->r));
	err = replica_undo(d->r, docno, redo, &report);
	ok(replica_unnest(d->r, err.code == LK_OK));
	device_commit(d);
	assert_true(err.code != LK_OK || report.changed);
	return err;
}

static void
undo(struct device *d, uint32_t docno)
{
	ok(undo_try(d, docno, false));
}

static void
redo(struct device *d, uint32_t docno)
{
	ok(undo_try(d, docno, true));
}

static void
assert_shows(struct device *d, uint32_t docno, const char *want, int64_t count)
{
	BUF_SCOPED text = { .max = 1 << 20 };
	struct item item;
	struct doc *doc;

	device_begin(d);
	ok(replica_open_doc(d->r, docno, &doc));
	ok(doc_get(doc, DOC_ROOT, prop("content"), &item));
	ok(doc_text(doc, item.id, &text));
	ok(doc_get(doc, DOC_ROOT, prop("n"), &item));
	assert_int_equal(item.value.i64, count);
	doc_free(doc);
	device_commit(d);
	if (!bytes_equal(buf_bytes(&text), BYTES_STR(want)))
		fail_msg("shows %.*s, not %s", (int)text.len,
		    (const char *)text.ptr, want);
}

static void
undoing_goes_back_and_doing_again_goes_forth(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	TYPE(&p.a, p.in_a, 0, 0, "one");
	TYPE(&p.a, p.in_a, 3, 0, " two");
	COUNT(&p.a, p.in_a, 5);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "one two", 0);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "one", 0);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "", 0);
	/* What the document began with is not undone. */
	assert_int_equal(undo_try(&p.a, p.in_a, false).code, LK_E_NOTFOUND);
	redo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "one", 0);
	redo(&p.a, p.in_a);
	redo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "one two", 5);
	assert_int_equal(undo_try(&p.a, p.in_a, true).code, LK_E_NOTFOUND);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "one two", 0);
	TYPE(&p.a, p.in_a, 0, 0, "new ");
	undo(&p.a, p.in_a);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "one", 0);
	meet(&p);
	assert_shows(&p.m, p.in_m, "one", 0);
	pair_clear(&p);
}

static void
what_others_wrote_since_stays(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	TYPE(&p.a, p.in_a, 0, 0, "mine");
	COUNT(&p.a, p.in_a, 5);
	meet(&p);
	TYPE(&p.m, p.in_m, 2, 0, "THEIRS");
	COUNT(&p.m, p.in_m, 3);
	meet(&p);
	assert_shows(&p.a, p.in_a, "miTHEIRSne", 8);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "miTHEIRSne", 3);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "THEIRS", 3);
	redo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "miTHEIRSne", 3);
	/* Deleted, and changed around meanwhile: back at its place. */
	TYPE(&p.a, p.in_a, 1, 2, "");
	meet(&p);
	TYPE(&p.m, p.in_m, 0, 0, "so ");
	TYPE(&p.m, p.in_m, 9, 2, "!");
	meet(&p);
	assert_shows(&p.a, p.in_a, "so mHEIRS!", 3);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "so miTHEIRS!", 3);
	meet(&p);
	assert_shows(&p.m, p.in_m, "so miTHEIRS!", 3);
	pair_clear(&p);
}

static void
what_was_overwritten_is_no_more_to_be_undone(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	edit(&p.a, p.in_a, "older", "1");
	edit(&p.a, p.in_a, "k", "1");
	meet(&p);
	edit(&p.m, p.in_m, "k", "2");
	meet(&p);
	/* Mal's value stays; what goes is the change before. */
	undo(&p.a, p.in_a);
	assert_true(shows(&p.a, p.in_a, "k"));
	assert_false(shows(&p.a, p.in_a, "older"));
	/* What others did is not mine to undo. */
	assert_int_equal(undo_try(&p.a, p.in_a, false).code, LK_E_NOTFOUND);
	undo(&p.m, p.in_m);
	assert_true(shows(&p.m, p.in_m, "k"));
	pair_clear(&p);
}

static void
a_merge_is_undone_as_a_whole(void **state)
{
	struct pair p;
	uint32_t branch;
	uint64_t changes;

	(void)state;
	pair_make(&p);
	TYPE(&p.a, p.in_a, 0, 0, "trunk");
	device_begin(&p.a);
	ok(replica_branch(p.a.r, p.in_a, "b", &branch));
	device_commit(&p.a);
	/* What a branch begins with stays. */
	assert_int_equal(undo_try(&p.a, branch, false).code, LK_E_NOTFOUND);
	TYPE(&p.a, branch, 5, 0, " and");
	TYPE(&p.a, branch, 9, 0, " branch");
	device_begin(&p.a);
	ok(replica_merge(p.a.r, p.in_a, branch, &changes));
	device_commit(&p.a);
	assert_shows(&p.a, p.in_a, "trunk and branch", 0);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "trunk", 0);
	redo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "trunk and branch", 0);
	undo(&p.a, p.in_a);
	undo(&p.a, p.in_a);
	assert_shows(&p.a, p.in_a, "", 0);
	pair_clear(&p);
}

static void
who_may_not_write_may_not_undo(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	TYPE(&p.m, p.in_m, 0, 0, "mal's");
	meet(&p);
	evict(&p.a, p.in_a, p.m.identity.root_pk, ROLE_READ);
	meet(&p);
	assert_shows(&p.m, p.in_m, "mal's", 0);
	assert_int_equal(undo_try(&p.m, p.in_m, false).code, LK_E_DENIED);
	pair_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(undoing_goes_back_and_doing_again_goes_forth),
		cmocka_unit_test(what_others_wrote_since_stays),
		cmocka_unit_test(what_was_overwritten_is_no_more_to_be_undone),
		cmocka_unit_test(a_merge_is_undone_as_a_whole),
		cmocka_unit_test(who_may_not_write_may_not_undo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
