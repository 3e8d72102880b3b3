#include "crdt/document.h"
#include "tests/unit/sync/carried.h"

/* A document of ann's that mal reads and writes. */
struct pair {
	struct device a, m;
	uint32_t in_a, in_m;
};

static void
carry(struct device *from, uint32_t in_from, struct device *to, uint32_t in_to)
{
	struct bag b = { .len = 0 };

	(void)bag_take(&b, from, in_from, 1);
	give_all(to, in_to, &b);
	bag_clear(&b);
}

static void
pair_make(struct pair *p, enum role role)
{
	device_make(&p->a, 1, "ann");
	device_make(&p->m, 2, "mal");
	p->in_a = document(&p->a, "plan");
	ok(share_try(&p->a, p->in_a, &p->m, role));
	p->in_m = welcome(&p->m, &p->a, p->in_a);
	carry(&p->a, p->in_a, &p->m, p->in_m);
}

static void
pair_clear(struct pair *p)
{
	device_remove(&p->a);
	device_remove(&p->m);
}

static uint32_t
branch(struct device *d, uint32_t of, const char *name)
{
	uint32_t docno;

	device_begin(d);
	ok(replica_branch(d->r, of, name, &docno));
	device_commit(d);
	return docno;
}

static lk_err
merge_try(struct device *d, uint32_t to, uint32_t from, uint64_t *changes)
{
	lk_err err;

	device_begin(d);
	ok(replica_nest(d->r));
	err = replica_merge(d->r, to, from, changes);
	ok(replica_unnest(d->r, err.code == LK_OK));
	device_commit(d);
	return err;
}

static uint64_t
merge(struct device *d, uint32_t to, uint32_t from)
{
	uint64_t changes;

	ok(merge_try(d, to, from, &changes));
	return changes;
}

static void
assert_called(struct device *d, uint32_t docno, const char *want)
{
	struct home_name name;

	device_begin(d);
	ok(home_name(d->r, docno, &name));
	device_commit(d);
	assert_string_equal(name.name, want);
}

static void
a_branch_goes_its_own_way_and_comes_back(void **state)
{
	struct pair p;
	uint32_t b;

	(void)state;
	pair_make(&p, ROLE_WRITE);
	edit(&p.a, p.in_a, "before", "1");
	b = branch(&p.a, p.in_a, "draft");
	assert_called(&p.a, b, "plan/draft");
	assert_true(shows(&p.a, b, "before"));
	edit(&p.a, b, "in branch", "1");
	edit(&p.a, p.in_a, "meanwhile", "1");
	assert_false(shows(&p.a, p.in_a, "in branch"));
	assert_false(shows(&p.a, b, "meanwhile"));
	assert_int_equal(merge(&p.a, p.in_a, b), 1);
	assert_true(shows(&p.a, p.in_a, "in branch"));
	assert_true(shows(&p.a, p.in_a, "meanwhile"));
	assert_int_equal(merge(&p.a, p.in_a, b), 0);
	/* Both go on, and are brought together again, both ways. */
	edit(&p.a, b, "in branch", "2");
	edit(&p.a, b, "again", "1");
	assert_int_equal(merge(&p.a, b, p.in_a), 1);
	assert_true(shows(&p.a, b, "meanwhile"));
	edit(&p.a, b, "last", "1");
	assert_int_equal(merge(&p.a, p.in_a, b), 3);
	assert_true(shows(&p.a, p.in_a, "last"));
	assert_int_equal(merge(&p.a, b, p.in_a), 0);
	/* Others see it, and build on it. */
	carry(&p.a, p.in_a, &p.m, p.in_m);
	assert_true(shows(&p.m, p.in_m, "last"));
	edit(&p.m, p.in_m, "answer", "1");
	carry(&p.m, p.in_m, &p.a, p.in_a);
	assert_true(shows(&p.a, p.in_a, "answer"));
	assert_int_equal(merge(&p.a, b, p.in_a), 1);
	assert_true(shows(&p.a, b, "answer"));
	device_reopen(&p.a);
	assert_true(shows(&p.a, p.in_a, "last"));
	assert_called(&p.a, b, "plan/draft");
	pair_clear(&p);
}

static void
a_reader_may_branch_and_not_merge(void **state)
{
	struct pair p;
	uint64_t changes;
	uint32_t b;

	(void)state;
	pair_make(&p, ROLE_READ);
	b = branch(&p.m, p.in_m, "mine");
	edit(&p.m, b, "note", "1");
	assert_int_equal(
	    merge_try(&p.m, p.in_m, b, &changes).code, LK_E_DENIED);
	assert_false(shows(&p.m, p.in_m, "note"));
	pair_clear(&p);
}

static void
strangers_are_not_merged(void **state)
{
	struct pair p;
	uint64_t changes;
	uint32_t other;

	(void)state;
	pair_make(&p, ROLE_WRITE);
	other = document(&p.a, "other");
	assert_int_equal(
	    merge_try(&p.a, p.in_a, other, &changes).code, LK_E_DATA);
	pair_clear(&p);
}

/* Two who merge one branch at the same time bring the same changes. */
static void
one_branch_merged_twice_is_there_once(void **state)
{
	BUF_SCOPED file = { .max = 1 << 20 };
	BUF_SCOPED heads = { .max = 1 << 20 };
	struct pair p;
	uint64_t changes;
	uint32_t b;

	(void)state;
	pair_make(&p, ROLE_WRITE);
	b = branch(&p.a, p.in_a, "draft");
	edit(&p.a, b, "draft", "1");
	device_begin(&p.a);
	ok(replica_export(p.a.r, b, EXPORT_HISTORY, &file, &heads));
	device_commit(&p.a);
	assert_int_equal(merge(&p.a, p.in_a, b), 1);
	device_begin(&p.m);
	ok(replica_merge_file(p.m.r, p.in_m, buf_bytes(&file), &changes));
	device_commit(&p.m);
	assert_int_equal(changes, 1);
	assert_true(shows(&p.m, p.in_m, "draft"));
	carry(&p.m, p.in_m, &p.a, p.in_a);
	carry(&p.a, p.in_a, &p.m, p.in_m);
	edit(&p.a, p.in_a, "after", "1");
	carry(&p.a, p.in_a, &p.m, p.in_m);
	assert_true(shows(&p.m, p.in_m, "after"));
	/* What mal brought is gone with him, unless ann has brought it too. */
	evict(&p.a, p.in_a, p.m.identity.root_pk, ROLE_NONE);
	assert_true(shows(&p.a, p.in_a, "draft"));
	pair_clear(&p);
}

static void
what_builds_on_work_that_does_not_count_is_not_merged(void **state)
{
	BUF_SCOPED file = { .max = 1 << 20 };
	BUF_SCOPED heads = { .max = 1 << 20 };
	struct pair p;
	uint32_t b, c;
	uint64_t changes;

	(void)state;
	pair_make(&p, ROLE_WRITE);
	edit(&p.m, p.in_m, "unseen", "1");
	b = branch(&p.m, p.in_m, "draft");
	edit(&p.m, b, "built", "1");
	device_begin(&p.m);
	ok(replica_export(p.m.r, b, EXPORT_HISTORY, &file, &heads));
	device_commit(&p.m);
	/* Ann removes mal before she has seen his change. */
	evict(&p.a, p.in_a, p.m.identity.root_pk, ROLE_NONE);
	carry(&p.m, p.in_m, &p.a, p.in_a);
	assert_false(shows(&p.a, p.in_a, "unseen"));
	device_begin(&p.a);
	ok(replica_nest(p.a.r));
	assert_int_equal(
	    replica_merge_file(p.a.r, p.in_a, buf_bytes(&file), &changes).code,
	    LK_E_DATA);
	ok(replica_unnest(p.a.r, false));
	device_commit(&p.a);
	c = branch(&p.a, p.in_a, "clean");
	assert_false(shows(&p.a, c, "unseen"));
	pair_clear(&p);
}

/* Fay has built on what mal wrote, which ann did not keep. */
static void
a_document_with_ghosts_has_no_branches(void **state)
{
	struct pair p;
	struct device f;
	uint32_t in_f, docno;

	(void)state;
	pair_make(&p, ROLE_WRITE);
	device_make(&f, 3, "fay");
	ok(share_try(&p.a, p.in_a, &f, ROLE_WRITE));
	in_f = welcome(&f, &p.a, p.in_a);
	carry(&p.a, p.in_a, &p.m, p.in_m);
	carry(&p.a, p.in_a, &f, in_f);
	edit(&p.m, p.in_m, "ghost", "1");
	carry(&p.m, p.in_m, &f, in_f);
	edit(&f, in_f, "honest", "1");
	evict(&p.a, p.in_a, p.m.identity.root_pk, ROLE_NONE);
	carry(&f, in_f, &p.a, p.in_a);
	assert_true(shows(&p.a, p.in_a, "honest"));
	assert_false(shows(&p.a, p.in_a, "ghost"));
	device_begin(&p.a);
	ok(replica_nest(p.a.r));
	assert_int_equal(
	    replica_branch(p.a.r, p.in_a, "b", &docno).code, LK_E_DATA);
	ok(replica_unnest(p.a.r, false));
	device_commit(&p.a);
	device_remove(&f);
	pair_clear(&p);
}

/* Two documents got one name: each has its own branches. */
static void
a_branch_is_found_by_what_it_is_a_branch_of(void **state)
{
	struct pair p;
	struct doc_summary doc;
	uint32_t one, two, b, found;
	char full[64], hex[2 * LK_ID_LEN + 1];

	(void)state;
	pair_make(&p, ROLE_WRITE);
	one = document(&p.a, "one");
	two = document(&p.a, "two");
	b = branch(&p.a, one, "x");
	(void)branch(&p.a, two, "x");
	assert_called(&p.a, branch(&p.a, b, "y"), "one/x/y");
	device_begin(&p.a);
	ok(home_find(p.a.r, "one/x", &found));
	assert_int_equal(found, b);
	ok(home_find(p.a.r, "two/x", &found));
	assert_int_not_equal(found, b);
	/* By the id of the document too. */
	ok(replica_doc(p.a.r, one, &doc));
	hex_encode(hex, BYTES_OF(doc.docid));
	(void)snprintf(full, sizeof(full), "%.12s/x", hex);
	ok(home_find(p.a.r, full, &found));
	assert_int_equal(found, b);
	assert_int_equal(home_find(p.a.r, "one/z", &found).code, LK_E_NOTFOUND);
	assert_int_equal(home_branch_check(p.a.r, one, "x").code, LK_E_EXISTS);
	/* The other one takes its name: they are told apart. */
	ok(home_name_set(p.a.r, two, "one", "map"));
	device_commit(&p.a);
	device_reopen(&p.a);
	device_begin(&p.a);
	ok(home_find(p.a.r, "one/x", &one));
	ok(home_find(p.a.r, "one~2/x", &two));
	assert_int_equal(one == b || two == b, true);
	ok(home_find(p.a.r, one == b ? "one/x/y" : "one~2/x/y", &found));
	device_commit(&p.a);
	pair_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_branch_goes_its_own_way_and_comes_back),
		cmocka_unit_test(a_reader_may_branch_and_not_merge),
		cmocka_unit_test(strangers_are_not_merged),
		cmocka_unit_test(a_document_with_ghosts_has_no_branches),
		cmocka_unit_test(a_branch_is_found_by_what_it_is_a_branch_of),
		cmocka_unit_test(one_branch_merged_twice_is_there_once),
		cmocka_unit_test(
		    what_builds_on_work_that_does_not_count_is_not_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
