/* T15: a removal that holds against who has not heard of it; and T31: what the
 * guardians say holds against everybody. */
#include "tests/unit/access/scenario.h"

/* The revocation alone leaves the way open for a grant of the same moment. */
static void
t15_a_ban_holds_against_a_concurrent_grant_by_somebody_junior(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "c", "A", "G", "gF", CUT("gE", "")));
	YES(w_ban(&h, "b", "A", "G", "c", "E"));
	YES(w_grant(&h, "gE2", "M", "gM", "gF",
	    op_grant_to("E", ROLE_WRITE, 30000, 0)));
	YES(w_change(&h, "e2", "E", "gE2", "gE2"));
	settle(&h);
	assert_effective("b");
	assert_void("gE2");
	assert_hidden("e2");
	assert_false(now.essential[history_find(&h, "gE2")]);
	history_clear(&h);
}

static void
t15b_a_junior_who_has_seen_the_ban_cannot_lift_it(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_ban(&h, "b", "A", "G", "gF", "E"));
	REFUSED(w_grant(&h, "x", "M", "gM", "b",
		    op_grant_to("E", ROLE_READ, 30000, 0)),
	    "A5 banned");
	history_clear(&h);
}

static void
t15c_an_equal_who_has_seen_the_ban_may_lift_it_and_one_who_has_not_cannot(
    void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_ban(&h, "b", "A", "G", "gF", "Z"));
	YES(w_grant(&h, "gZ1", "B", "gB", "gF",
	    op_grant_to("Z", ROLE_WRITE, 30000, 0)));
	YES(w_change(&h, "z1", "Z", "gZ1", "gZ1"));
	YES(w_grant(
	    &h, "gZ2", "A", "G", "b", op_grant_to("Z", ROLE_WRITE, 30000, 0)));
	settle(&h);
	assert_void("gZ1");
	assert_hidden("z1");
	assert_effective("gZ2");
	history_clear(&h);
}

static void
t15d_a_ban_leaves_grants_it_has_seen_and_those_of_seniors(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_ban(&h, "b", "M", "gM", "e1", "E"));
	YES(w_change(&h, "e2", "E", "gE", "e1"));
	YES(w_grant(
	    &h, "gE2", "A", "G", "gF", op_grant_to("E", ROLE_ADMIN, 30000, 0)));
	settle(&h);
	assert_shown("e1");
	assert_shown("e2");
	assert_effective("gE2");
	history_clear(&h);
}

static void
t15e_a_ban_falls_with_its_author_and_stays_where_a_soft_revocation_says_so(
    void **state)
{
	struct history h;
	struct cut_spec soft = {
		.target = "gM", .keep = "", .flags = REVOKE_SOFT
	};

	(void)state;
	base(&h);
	YES(w_ban(&h, "b", "M", "gM", "gF", "Z"));
	YES(w_grant(
	    &h, "gN", "A", "G", "gF", op_grant_to("N", ROLE_ADMIN, 2500, 0)));
	YES(w_grant(
	    &h, "gZ", "N", "gN", "gN", op_grant_to("Z", ROLE_READ, 50000, 0)));
	settle(&h);
	assert_void("gZ");
	YES(w_cut(&h, "s", "A", "G", "gN", soft));
	settle(&h);
	assert_effective("b");
	assert_void("gZ");
	YES(w_cut(&h, "hard", "A", "G", "s", CUT("gM", "")));
	settle(&h);
	assert_void("b");
	assert_effective("gZ");
	history_clear(&h);
}

static void
t15f_a_writer_cannot_ban(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	REFUSED(w_ban(&h, "b", "E", "gE", "gF", "F"), "A5 not effective");
	history_clear(&h);
}

/* A history with guardians, two of three needed. */
static void
guarded(struct history *h)
{
	static const uint8_t keys[3][ACCESS_KEY_LEN] = { "u1", "u2", "u3" };
	struct envelope *e = envelope_new("G");
	struct graph *g;

	*h = (struct history){ .seed = 1 };
	e->facts.seq = 1;
	name_etag(e->facts.etag, "G");
	e->body.ops[0] = op_genesis_of("R", "A");
	e->body.ops[0].genesis.k = 2;
	e->body.ops[0].genesis.m = 3;
	e->body.ops[0].genesis.guardians = keys[0];
	e->body.ops_len = 1;
	assert_int_equal(graph_new(&g).code, LK_OK);
	assert_true(history_judge(h, g, e));
}

static bool
w_guard(struct history *h, const char *name, const char *author,
    const char *grant, const char *view, struct access_op inner,
    const uint8_t *signers)
{
	static uint8_t sigs[GENESIS_GUARDIANS_MAX * GUARD_SIG_LEN];
	static struct access_op said[8];
	static size_t used;
	struct access_op op = { .kind = OP_GUARD };

	/* The history keeps what it is given; this lives as long. */
	used = (used + 1) % 8;
	said[used] = inner;
	op.guard.nonce[0] = (uint8_t)name[0];
	op.guard.op = &said[used];
	op.guard.sigs = sigs;
	for (; *signers != 0xff; signers++)
		sigs[op.guard.sigs_len++ * GUARD_SIG_LEN] = *signers;
	return history_write(h, name, author, grant, view, &op, 1);
}

static void
t31_fewer_guardians_than_are_needed_or_others_are_refused(void **state)
{
	static const uint8_t one[] = { 1, 0xff }, three[] = { 0, 1, 2, 0xff };
	static const uint8_t unknown[] = { 0, 3, 0xff };
	struct history h;
	struct access_op z = op_grant_to("Z", ROLE_ADMIN, 0, 0);

	(void)state;
	guarded(&h);
	REFUSED(w_guard(&h, "x", "A", "G", "G", z, one), "A6 guardians");
	REFUSED(w_guard(&h, "x", "A", "G", "G", z, three), "A6 guardians");
	REFUSED(w_guard(&h, "x", "A", "G", "G", z, unknown), "A6 guardians");
	history_clear(&h);
	history_start(&h, 1);
	REFUSED(w_guard(&h, "x", "A", "G", "G", z, one), "A6 guardians");
	history_clear(&h);
}

/* The root is the one nobody else can touch. */
static void
t31b_guardians_remove_the_root_and_make_another(void **state)
{
	static const uint8_t two[] = { 0, 2, 0xff };
	static struct revoke_entry entry;
	struct access_op root = op_grant_to("S", ROLE_ADMIN, 0, GRANT_COLD);
	struct access_op cut = { .kind = OP_REVOKE };
	struct history h;

	(void)state;
	guarded(&h);
	entry = (struct revoke_entry){ .target = name_grant("G#255"),
		.level = ROLE_NONE };
	cut.revoke.entries = &entry;
	cut.revoke.entries_len = 1;
	YES(w_grant(&h, "gB", "R", "G#255", "G",
	    op_grant_to("B", ROLE_ADMIN, 1000, 0)));
	YES(w_guard(&h, "c", "A", "G", "G", cut, two));
	YES(w_guard(&h, "gS", "A", "G", "c", root, two));
	YES(w_grant(
	    &h, "gN", "S", "gS", "gS", op_grant_to("N", ROLE_ADMIN, 1, 0)));
	settle(&h);
	assert_effective("c");
	assert_effective("gS");
	assert_effective("gN");
	assert_void("gB");
	REFUSED(w_grant(&h, "x", "R", "G#255", "gB c",
		    op_grant_to("Y", ROLE_READ, 9, 0)),
	    "A5 not effective");
	history_clear(&h);
}

/* Whoever carries it: even one who may nothing any more. */
static void
t31c_a_guard_holds_although_its_carrier_was_revoked(void **state)
{
	static const uint8_t two[] = { 1, 2, 0xff };
	struct history h;

	(void)state;
	guarded(&h);
	YES(w_grant(
	    &h, "gE", "A", "G", "G", op_grant_to("E", ROLE_WRITE, 20000, 0)));
	YES(w_cut(&h, "c", "A", "G", "gE", CUT("gE", "")));
	YES(w_guard(
	    &h, "g", "E", "gE", "gE", op_grant_to("Z", ROLE_ADMIN, 5, 0), two));
	settle(&h);
	assert_effective("g");
	assert_stays("g");
	history_clear(&h);
}

/* What guardians signed for one author is written once, however it is undone;
 * another author's is another statement. */
static void
t31d_what_guardians_signed_is_written_once(void **state)
{
	static const uint8_t two[] = { 0, 1, 0xff };
	struct access_op z = op_grant_to("Z", ROLE_WRITE, 20000, 0);
	struct history h;

	(void)state;
	guarded(&h);
	YES(w_grant(
	    &h, "gB", "A", "G", "G", op_grant_to("B", ROLE_ADMIN, 2000, 0)));
	YES(w_guard(&h, "z1", "A", "G", "gB", z, two));
	YES(w_cut(&h, "c", "A", "G", "z1", CUT("z1", "")));
	REFUSED(w_guard(&h, "z2", "A", "G", "c", z, two),
	    "A6 guard written before");
	YES(w_guard(&h, "z3", "B", "gB", "c", z, two));
	YES(w_guard(&h, "y", "A", "G", "c", z, two));
	settle(&h);
	assert_effective("z3");
	history_clear(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    t15_a_ban_holds_against_a_concurrent_grant_by_somebody_junior),
		cmocka_unit_test(
		    t15b_a_junior_who_has_seen_the_ban_cannot_lift_it),
		cmocka_unit_test(
		    t15c_an_equal_who_has_seen_the_ban_may_lift_it_and_one_who_has_not_cannot),
		cmocka_unit_test(
		    t15d_a_ban_leaves_grants_it_has_seen_and_those_of_seniors),
		cmocka_unit_test(
		    t15e_a_ban_falls_with_its_author_and_stays_where_a_soft_revocation_says_so),
		cmocka_unit_test(t15f_a_writer_cannot_ban),
		cmocka_unit_test(
		    t31_fewer_guardians_than_are_needed_or_others_are_refused),
		cmocka_unit_test(
		    t31b_guardians_remove_the_root_and_make_another),
		cmocka_unit_test(
		    t31c_a_guard_holds_although_its_carrier_was_revoked),
		cmocka_unit_test(t31d_what_guardians_signed_is_written_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
