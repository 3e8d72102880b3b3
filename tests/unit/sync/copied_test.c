/* Keys that are used twice: access.md section 8. */
#include "tests/unit/crdt/doc_tree.h"
#include "tests/unit/sync/group.h"

/* A copy of a device's directory, opened as a device of its own. */
static void
device_copy(struct device *copy, struct device *d)
{
	char command[160];

	*copy = *d;
	(void)snprintf(copy->dir, sizeof(copy->dir), "/tmp/lk-member-XXXXXX");
	assert_non_null(mkdtemp(copy->dir));
	(void)snprintf(
	    command, sizeof(command), "cp %s/* %s/", d->dir, copy->dir);
	device_close(d);
	assert_int_equal(system(command), 0);
	device_open(d);
	device_open(copy);
}

static void
tree_of(struct device *d, uint32_t docno, struct buf *out)
{
	struct doc *doc;

	buf_init(out, TREE_MAX);
	device_begin(d);
	ok(replica_open_doc(d->r, docno, &doc));
	ok(tree_of_doc(doc, true, out));
	doc_free(doc);
	device_commit(d);
}

/* The same document, and the same set of what counts. */
static void
assert_same(struct device *a, uint32_t in_a, struct device *b, uint32_t in_b)
{
	struct buf of_a, of_b;
	struct fingerprint x, y;

	tree_of(a, in_a, &of_a);
	tree_of(b, in_b, &of_b);
	if (!bytes_equal(buf_bytes(&of_a), buf_bytes(&of_b)))
		fail_msg("%.*s\nand\n%.*s", (int)of_a.len,
		    (const char *)of_a.ptr, (int)of_b.len,
		    (const char *)of_b.ptr);
	device_begin(a);
	ok(fingerprint_doc(a->txn, in_a, &x));
	device_commit(a);
	device_begin(b);
	ok(fingerprint_doc(b->txn, in_b, &y));
	device_commit(b);
	assert_int_equal(x.count, y.count);
	assert_memory_equal(x.sum, y.sum, sizeof(x.sum));
	buf_clear(&of_a);
	buf_clear(&of_b);
}

/* The ids of the envelopes that prove a fork. */
static bool
proof_of(struct device *d, uint32_t docno, const uint8_t key[static 32],
    uint8_t ids[static 2 * LK_ID_LEN])
{
	struct graph *g;
	uint32_t nodes[2];
	bool forked;

	device_begin(d);
	ok(replica_graph(d->r, docno, &g));
	forked = graph_fork(g, key, nodes);
	for (int i = 0; forked && i < 2; i++)
		graph_id(g, nodes[i], ids + i * LK_ID_LEN);
	device_commit(d);
	return forked;
}

/* A device that hears of everything that `from` has, in a random order, and is
 * restarted meanwhile, comes to the same. */
static void
check_newcomer(struct device *from, uint32_t docno, uint8_t seed)
{
	struct bag b = { .len = 0 };
	struct device d;
	uint32_t mine;

	device_make(&d, (uint8_t)(100 + seed), "new");
	mine = welcome(&d, from, docno);
	(void)bag_take(&b, from, docno, 1);
	for (size_t left = b.len; left > 0; left--) {
		size_t at = random_below(&d.random, left);
		struct buf taken = b.at[at];

		b.at[at] = b.at[left - 1];
		b.at[left - 1] = taken;
		(void)give(&d, mine, buf_bytes(&taken));
		if (random_below(&d.random, 4) == 0)
			device_reopen(&d);
	}
	assert_same(from, docno, &d, mine);
	bag_clear(&b);
	device_remove(&d);
}

static void
two_copies_that_both_write_are_seen_by_all(void **state)
{
	struct bag one = { .len = 0 }, two = { .len = 0 };
	struct device copy;
	struct group g;
	uint64_t lsn;

	(void)state;
	group_make(&g);
	lsn = bag_take(&one, &g.m, g.in_m, 1);
	bag_clear(&one);
	device_copy(&copy, &g.m);
	edit(&g.m, g.in_m, "one", "1");
	edit(&g.m, g.in_m, "title", "one");
	edit(&copy, g.in_m, "two", "2");
	edit(&copy, g.in_m, "title", "two");
	edit(&copy, g.in_m, "three", "3");
	(void)bag_take(&one, &g.m, g.in_m, lsn);
	(void)bag_take(&two, &copy, g.in_m, lsn);
	give_all(&g.a, g.in_a, &one);
	assert_true(shows(&g.a, g.in_a, "one"));
	give_all(&g.a, g.in_a, &two);
	give_all(&g.f, g.in_f, &two);
	device_reopen(&g.f);
	assert_true(shows(&g.f, g.in_f, "two"));
	give_all(&g.f, g.in_f, &one);
	give_all(&g.m, g.in_m, &two);
	give_all(&copy, g.in_m, &one);
	assert_true(shows(&g.a, g.in_a, "one") && shows(&g.a, g.in_a, "three"));
	assert_same(&g.a, g.in_a, &g.f, g.in_f);
	assert_same(&g.a, g.in_a, &g.m, g.in_m);
	assert_same(&g.a, g.in_a, &copy, g.in_m);
	/* Whoever has heard of his other self is silent. */
	assert_int_equal(edit_try(&g.m, g.in_m, "four", "4").code, LK_E_DENIED);
	assert_int_equal(
	    edit_try(&copy, g.in_m, "four", "4").code, LK_E_DENIED);
	/* Others go on, on both. */
	edit(&g.f, g.in_f, "title", "both");
	edit(&g.a, g.in_a, "one", "again");
	edit(&g.a, g.in_a, "two", "again");
	carry(&g.f, g.in_f, &g.a, g.in_a);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	carry(&g.a, g.in_a, &g.m, g.in_m);
	carry(&g.f, g.in_f, &copy, g.in_m);
	edit(&g.f, g.in_f, "three", "again");
	carry(&g.f, g.in_f, &g.a, g.in_a);
	carry(&g.f, g.in_f, &g.m, g.in_m);
	carry(&g.f, g.in_f, &copy, g.in_m);
	assert_same(&g.a, g.in_a, &g.f, g.in_f);
	assert_same(&g.a, g.in_a, &g.m, g.in_m);
	assert_same(&g.a, g.in_a, &copy, g.in_m);
	for (uint8_t i = 0; i < 6; i++)
		check_newcomer(&g.a, g.in_a, i);
	bag_clear(&one);
	bag_clear(&two);
	device_remove(&copy);
	group_clear(&g);
}

/* A revocation keeps what its author has seen of one copy, and nothing else. */
static void
a_branch_that_a_revocation_does_not_keep_is_void(void **state)
{
	struct bag one = { .len = 0 }, two = { .len = 0 };
	struct device copy;
	struct group g;
	uint64_t lsn;

	(void)state;
	group_make(&g);
	lsn = bag_take(&one, &g.m, g.in_m, 1);
	bag_clear(&one);
	device_copy(&copy, &g.m);
	edit(&g.m, g.in_m, "one", "1");
	edit(&copy, g.in_m, "two", "2");
	(void)bag_take(&one, &g.m, g.in_m, lsn);
	(void)bag_take(&two, &copy, g.in_m, lsn);
	give_all(&g.f, g.in_f, &two);
	give_all(&g.f, g.in_f, &one);
	edit(&g.f, g.in_f, "two", "built on");
	give_all(&g.a, g.in_a, &one);
	evict(&g.a, g.in_a, g.m.identity.root_pk, ROLE_NONE);
	carry(&g.f, g.in_f, &g.a, g.in_a);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	assert_true(shows(&g.a, g.in_a, "one") && shows(&g.a, g.in_a, "two"));
	assert_same(&g.a, g.in_a, &g.f, g.in_f);
	for (uint8_t i = 0; i < 4; i++)
		check_newcomer(&g.a, g.in_a, i);
	bag_clear(&one);
	bag_clear(&two);
	device_remove(&copy);
	group_clear(&g);
}

/* The same change in two envelopes: it counts as long as one of them does. */
static void
a_change_signed_twice_is_one_change(void **state)
{
	struct bag one = { .len = 0 };
	struct buf twin;
	struct group g;
	uint64_t lsn;
	uint8_t proof[2 * LK_ID_LEN], other[2 * LK_ID_LEN];

	(void)state;
	group_make(&g);
	lsn = bag_take(&one, &g.m, g.in_m, 1);
	bag_clear(&one);
	edit(&g.m, g.in_m, "kept", "by all");
	(void)bag_take(&one, &g.m, g.in_m, lsn);
	forge_twin(&g.m, g.in_m, &twin);
	give_all(&g.a, g.in_a, &one);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&twin)).what, RECEIPT_ACCEPTED);
	/* What is built on the one is built on the other. */
	edit(&g.f, g.in_f, "next", "1");
	assert_int_equal(last_deps(&g.f, g.in_f), 1);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&twin)).what, RECEIPT_ACCEPTED);
	edit(&g.a, g.in_a, "other", "1");
	assert_int_equal(last_deps(&g.a, g.in_a), 1);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	carry(&g.f, g.in_f, &g.a, g.in_a);
	edit(&g.f, g.in_f, "last", "1");
	assert_int_equal(last_deps(&g.f, g.in_f), 2);
	/* Both have the same proof, whatever they heard first. */
	assert_true(proof_of(&g.a, g.in_a, pk(&g.m), proof));
	assert_true(proof_of(&g.f, g.in_f, pk(&g.m), other));
	assert_memory_equal(proof, other, sizeof(proof));
	assert_true(memcmp(proof, proof + LK_ID_LEN, LK_ID_LEN) < 0);
	assert_false(proof_of(&g.a, g.in_a, pk(&g.f), proof));
	carry(&g.f, g.in_f, &g.a, g.in_a);
	assert_true(shows(&g.a, g.in_a, "last"));
	assert_same(&g.a, g.in_a, &g.f, g.in_f);
	for (uint8_t i = 0; i < 6; i++)
		check_newcomer(&g.a, g.in_a, i);
	bag_clear(&one);
	buf_clear(&twin);
	group_clear(&g);
}

/* Whichever of two envelopes a revocation keeps, and whoever heard which. */
static void
check_kept_twin(bool first_seen, bool second_seen)
{
	struct bag one = { .len = 0 };
	struct buf twin;
	struct group g;
	uint64_t lsn;

	group_make(&g);
	lsn = bag_take(&one, &g.m, g.in_m, 1);
	bag_clear(&one);
	edit(&g.m, g.in_m, "said", "twice");
	(void)bag_take(&one, &g.m, g.in_m, lsn);
	forge_twin(&g.m, g.in_m, &twin);
	(void)give(&g.f, g.in_f, buf_bytes(&twin));
	give_all(&g.f, g.in_f, &one);
	if (first_seen)
		give_all(&g.a, g.in_a, &one);
	if (second_seen)
		(void)give(&g.a, g.in_a, buf_bytes(&twin));
	evict(&g.a, g.in_a, g.m.identity.root_pk, ROLE_NONE);
	(void)give(&g.a, g.in_a, buf_bytes(&twin));
	give_all(&g.a, g.in_a, &one);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	device_reopen(&g.f);
	assert_int_equal(
	    shows(&g.a, g.in_a, "said"), first_seen || second_seen);
	assert_same(&g.a, g.in_a, &g.f, g.in_f);
	bag_clear(&one);
	buf_clear(&twin);
	group_clear(&g);
}

static void
of_a_change_signed_twice_one_that_is_kept_is_enough(void **state)
{
	(void)state;
	check_kept_twin(true, false);
	check_kept_twin(false, true);
	check_kept_twin(true, true);
	check_kept_twin(false, false);
}

/* Two copies of one file that Automerge let one actor write differently. */
static void
imports_that_part_are_a_fork(void **state)
{
	uint8_t first[LK_ID_LEN], hash[LK_ID_LEN], id[LK_ID_LEN];
	struct forgery f;
	struct buf one, two, three;
	struct group g;
	BUF_SCOPED left = { .max = 1 << 20 };
	BUF_SCOPED right = { .max = 1 << 20 };
	BUF_SCOPED late = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	foreign_change(&left, 1, "first", 0, NULL, first);
	buf_add(&right, buf_bytes(&left));
	buf_add(&late, buf_bytes(&left));
	foreign_change(&left, 2, "left", 0, first, hash);
	foreign_change(&right, 2, "right", 0, first, hash);
	foreign_change(&late, 2, "late", 0, first, hash);
	import_by(&g.m, g.in_m, buf_bytes(&left), &one);
	import_by(&g.f, g.in_f, buf_bytes(&right), &two);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&two)).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.m, g.in_m, buf_bytes(&two)).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	assert_true(
	    shows(&g.a, g.in_a, "left") && shows(&g.a, g.in_a, "right"));
	edit(&g.a, g.in_a, "left", "seen");
	carry(&g.a, g.in_a, &g.m, g.in_m);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	assert_same(&g.a, g.in_a, &g.m, g.in_m);
	assert_same(&g.a, g.in_a, &g.f, g.in_f);
	/* Not by somebody who knows better. */
	forge_place(&g.m, g.in_m, &f);
	import_op(&f, buf_bytes(&late));
	forge_seal(&g.m, g.in_m, &f, &three, id);
	assert_int_equal(
	    give(&g.m, g.in_m, buf_bytes(&three)).what, RECEIPT_REFUSED);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&three)).what, RECEIPT_REFUSED);
	assert_false(shows(&g.a, g.in_a, "late"));
	for (uint8_t i = 0; i < 4; i++)
		check_newcomer(&g.a, g.in_a, i);
	buf_clear(&one);
	buf_clear(&two);
	buf_clear(&three);
	group_clear(&g);
}

/* Makes a file with a first change by the actor of the newest member. */
static void
file_of_member(struct group *g, struct buf *file)
{
	struct change_head head = { .seq = 1, .start_op = 9 };
	struct op op = { .action = ACTION_SET,
		.key_kind = KEY_MAP,
		.key = BYTES_STR("squatted"),
		.value = { .type = VALUE_STR, .bytes = BYTES_STR("x") } };
	BUF_SCOPED body = { .max = 1 << 20 };
	uint8_t actor[LK_TOPIC_LEN];
	struct change_writer *w;
	struct docstate *ds;
	struct member last;

	device_begin(&g->a);
	ok(docstate_get(g->a.r, g->in_a, &ds));
	graph_member(ds->graph, graph_members_len(ds->graph) - 1, &last);
	actor_id(actor, &ds->topic, last.key, last.grant.env, last.grant.index);
	device_commit(&g->a);
	head.actor = BYTES_OF(actor);
	ok(change_writer_new(&w, &head));
	ok(change_writer_add(w, &op));
	ok(change_writer_finish(w, &body));
	change_writer_free(w);
	chunk_write(file, CHUNK_CHANGE, buf_bytes(&body));
}

/* An import that takes a member's actor, made as if its author did not know of
 * him: taken everywhere, in any order.  The member cannot write on top of it,
 * until he is let in anew. */
static void
an_import_in_the_name_of_a_new_member_costs_him_his_grant(void **state)
{
	struct buf envelope;
	struct forgery f;
	struct device d;
	struct group g;
	uint8_t id[LK_ID_LEN];
	uint32_t in_d;
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	forge_place(&g.m, g.in_m, &f);
	device_make(&d, 4, "dan");
	ok(share_try(&g.a, g.in_a, &d, ROLE_WRITE));
	in_d = welcome(&d, &g.a, g.in_a);
	carry(&g.a, g.in_a, &d, in_d);
	edit(&d, in_d, "mine", "1");
	file_of_member(&g, &file);
	import_op(&f, buf_bytes(&file));
	forge_seal(&g.m, g.in_m, &f, &envelope, id);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&envelope)).what, RECEIPT_ACCEPTED);
	carry(&d, in_d, &g.a, g.in_a);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&envelope)).what, RECEIPT_ACCEPTED);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	assert_true(shows(&g.f, g.in_f, "mine"));
	assert_true(shows(&g.f, g.in_f, "squatted"));
	assert_same(&g.a, g.in_a, &g.f, g.in_f);
	assert_int_equal(
	    give(&d, in_d, buf_bytes(&envelope)).what, RECEIPT_ACCEPTED);
	assert_int_equal(edit_try(&d, in_d, "mine", "2").code, LK_E_MALFORMED);
	evict(&g.a, g.in_a, d.identity.root_pk, ROLE_NONE);
	ok(share_try(&g.a, g.in_a, &d, ROLE_WRITE));
	carry(&g.a, g.in_a, &d, in_d);
	edit(&d, in_d, "mine", "2");
	carry(&d, in_d, &g.a, g.in_a);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	assert_same(&g.a, g.in_a, &d, in_d);
	assert_same(&g.a, g.in_a, &g.f, g.in_f);
	buf_clear(&envelope);
	device_remove(&d);
	group_clear(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_copies_that_both_write_are_seen_by_all),
		cmocka_unit_test(
		    a_branch_that_a_revocation_does_not_keep_is_void),
		cmocka_unit_test(a_change_signed_twice_is_one_change),
		cmocka_unit_test(
		    of_a_change_signed_twice_one_that_is_kept_is_enough),
		cmocka_unit_test(imports_that_part_are_a_fork),
		cmocka_unit_test(
		    an_import_in_the_name_of_a_new_member_costs_him_his_grant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
