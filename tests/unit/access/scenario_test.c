/* T: who may do what, whatever the order in which it arrives. */
#include "tests/unit/access/history_share.h"
#include "tests/unit/access/scenario.h"

static void
t1_an_edit_the_revoker_had_seen_stays_and_a_concurrent_one_is_void(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_cut(&h, "c", "A", "G", "e1", CUT("gE", "e1")));
	YES(w_change(&h, "e2", "E", "gE", "e1"));
	settle(&h);
	assert_shown("e1");
	assert_hidden("e2");
	history_clear(&h);
}

static void
t2_an_edit_dated_back_after_the_revocation_is_void(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_cut(&h, "c", "A", "G", "e1", CUT("gE", "e1")));
	YES(w_plain(&h, "x1", "F", "gF", "c", OP_EPOCH));
	YES(w_change(&h, "f1", "F", "gF", "x1"));
	YES(w_change(&h, "e9", "E", "gE", "e1"));
	settle(&h);
	assert_hidden("e9");
	assert_shown("f1");
	history_clear(&h);
}

static void
t3_an_honest_edit_on_top_of_a_void_one_is_visible(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_cut(&h, "c", "A", "G", "e1", CUT("gE", "e1")));
	YES(w_change(&h, "e9", "E", "gE", "e1"));
	YES(w_change(&h, "f2", "F", "gF", "e9"));
	settle(&h);
	assert_shown("f2");
	assert_hidden("e9");
	assert_stays("e9");
	history_clear(&h);
}

static void
t5_an_edit_that_saw_its_own_revocation_is_refused(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "c", "A", "G", "gF", CUT("gE", "")));
	h.etag = "G";
	REFUSED(w_change(&h, "x", "E", "gE", "c"), "A5 not effective");
	history_clear(&h);
}

static void
t6_admins_of_one_rank_cannot_revoke_each_other(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	REFUSED(w_cut(&h, "x", "A", "G", "gF", CUT("gB", "")), "A6 rank");
	REFUSED(w_cut(&h, "y", "B", "gB", "gF", CUT("G", "")), "A6 rank");
	history_clear(&h);
}

static void
t7_a_junior_cannot_revoke_a_senior(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	REFUSED(w_cut(&h, "x", "M", "gM", "gF", CUT("gB", "")), "A6 rank");
	REFUSED(w_cut(&h, "y", "M", "gM", "gF", CUT("G#255", "")), "A6 rank");
	history_clear(&h);
}

static void
t9_and_t10_an_evicted_admin_revokes_nobody_any_more(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "cM", "A", "G", "gF", CUT("gM", "gF")));
	YES(w_cut(&h, "r1", "M", "gM", "gF", CUT("gF", "")));
	h.prev = "gF";
	YES(w_cut(&h, "r2", "M", "gM", "gF", CUT("gE", "")));
	REFUSED(w_cut(&h, "rA", "M", "gM", "gF", CUT("gB", "")), "A6 rank");
	settle(&h);
	assert_void("r1");
	assert_void("r2");
	history_clear(&h);
}

static void
t11a_a_revocation_the_senior_had_not_seen_falls_with_its_author(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "aM", "A", "G", "gF", CUT("gM", "gF")));
	YES(w_change(&h, "m1", "M", "gM", "gF"));
	YES(w_cut(&h, "rA", "R", "G#255", "gF", CUT("G", "gE")));
	settle(&h);
	assert_void("aM");
	assert_shown("m1");
	assert_effective("gM");
	history_clear(&h);
}

static void
t11b_a_revocation_the_senior_had_seen_stands(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "aM", "A", "G", "gF", CUT("gM", "gF")));
	YES(w_change(&h, "m1", "M", "gM", "gF"));
	YES(w_cut(&h, "rA", "R", "G#255", "aM", CUT("G", "aM")));
	settle(&h);
	assert_effective("aM");
	assert_hidden("m1");
	history_clear(&h);
}

static void
t12_a_revocation_may_keep_less_than_its_author_saw(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_change(&h, "e2", "E", "gE", "e1"));
	YES(w_cut(&h, "c", "R", "G#255", "e2", CUT("gE", "e1")));
	settle(&h);
	assert_shown("e1");
	assert_hidden("e2");
	history_clear(&h);
}

static void
t13_and_t14_a_new_grant_counts_and_old_revocations_do_not_touch_it(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_change(&h, "e2", "E", "gE", "e1"));
	YES(w_cut(&h, "c", "R", "G#255", "e2", CUT("gE", "e1")));
	YES(w_grant(
	    &h, "g2", "A", "G", "c", op_grant_to("E", ROLE_WRITE, 20000, 0)));
	YES(w_plain(&h, "x2", "A", "G", "g2", OP_EPOCH));
	YES(w_change(&h, "e3", "E", "g2", "x2"));
	YES(w_cut(&h, "c2", "B", "gB", "e2", CUT("gE", "e1")));
	settle(&h);
	assert_shown("e3");
	assert_hidden("e2");
	assert_effective("c2");
	history_clear(&h);
}

static void
t16_a_downgraded_admin_keeps_editing_and_grants_no_more(void **state)
{
	struct history h;
	struct cut_spec down = CUT("gM", "gF");

	(void)state;
	base(&h);
	down.level = ROLE_WRITE;
	YES(w_cut(&h, "cM", "A", "G", "gF", down));
	YES(w_change(&h, "m1", "M", "gM", "gF"));
	YES(w_grant(
	    &h, "mZ", "M", "gM", "m1", op_grant_to("Z", ROLE_WRITE, 30000, 0)));
	settle(&h);
	assert_shown("m1");
	assert_void("mZ");
	history_clear(&h);
}

static void
t17_of_two_revocations_what_both_keep_stays(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_change(&h, "e2", "E", "gE", "e1"));
	YES(w_cut(&h, "x", "A", "G", "e2", CUT("gE", "e2")));
	YES(w_cut(&h, "y", "B", "gB", "e1", CUT("gE", "e1")));
	settle(&h);
	assert_shown("e1");
	assert_hidden("e2");
	history_clear(&h);
}

static void
t18_of_a_fork_the_branch_a_revocation_keeps_stays(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e0", "E", "gE", "gF"));
	YES(w_change(&h, "a", "E", "gE", "e0"));
	YES(w_change(&h, "b", "E", "gE", "e0"));
	settle(&h);
	assert_shown("a");
	assert_shown("b");
	YES(w_change(&h, "m", "F", "gF", "a b"));
	YES(w_cut(&h, "c", "A", "G", "m", CUT("gE", "b")));
	settle(&h);
	assert_shown("b");
	assert_hidden("a");
	assert_shown("m");
	assert_shown("e0");
	history_clear(&h);
}

static void
t18b_a_forked_key_writes_no_more_but_may_share_and_leave(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_grant(
	    &h, "gD", "B", "gB", "gF", op_grant_to("D", ROLE_READ, 50000, 0)));
	YES(w_change(&h, "a", "E", "gE", "gD"));
	YES(w_change(&h, "b", "E", "gE", "gD"));
	REFUSED(w_change(&h, "z", "E", "gE", "a b"), "A3 own fork");
	YES(w_share(&h, "s", "E", "gE", "a b", "G", "D"));
	REFUSED(w_change(&h, "z", "E", "gE", "s"), "A3 own fork");
	YES(w_plain(&h, "l", "E", "gE", "s", OP_LEAVE));
	settle(&h);
	/* The share joined both branches before the leave. */
	assert_shown("a");
	assert_shown("b");
	history_clear(&h);
}

static void
t19_an_edit_forked_around_a_leave_is_void(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_plain(&h, "l", "E", "gE", "e1", OP_LEAVE));
	YES(w_change(&h, "e2", "E", "gE", "e1"));
	settle(&h);
	assert_shown("e1");
	assert_hidden("e2");
	history_clear(&h);
}

static void
t19b_a_leave_dated_back_does_not_destroy_what_was_kept(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_change(&h, "e2", "E", "gE", "e1"));
	YES(w_cut(&h, "c", "A", "G", "e2", CUT("gE", "e2")));
	YES(w_plain(&h, "l", "E", "gE", "e1", OP_LEAVE));
	settle(&h);
	assert_void("l");
	assert_shown("e2");
	history_clear(&h);
}

static void
t19c_what_stands_before_a_leave_in_its_envelope_stays(void **state)
{
	struct history h;
	struct access_op ops[2] = { op_plain(OP_CHANGE), op_plain(OP_LEAVE) };

	(void)state;
	base(&h);
	YES(history_write(&h, "l", "E", "gE", "gF", ops, 2));
	YES(w_change(&h, "e2", "E", "gE", "gF"));
	settle(&h);
	assert_shown("l");
	assert_hidden("e2");
	history_clear(&h);
}

static void
t20_nobody_grants_what_he_has_not_or_above_himself(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	REFUSED(w_grant(&h, "x", "E", "gE", "gF",
		    op_grant_to("Z", ROLE_WRITE, 30000, 0)),
	    "A5 not effective");
	REFUSED(w_grant(&h, "y", "M", "gM", "gF",
		    op_grant_to("Z", ROLE_ADMIN, 2000, 0)),
	    "A6 rank");
	REFUSED(w_grant(&h, "z", "E", "gE", "gF",
		    op_grant_to("Z", ROLE_ADMIN, 30000, GRANT_OWN)),
	    "A5 not effective");
	history_clear(&h);
}

static void
t21_somebody_elses_grant_gives_nothing(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	REFUSED(
	    w_cut(&h, "x", "E", "gE", "gF", CUT("gM", "")), "A5 not effective");
	/* The grant names M: the chain is his, and E's key did not sign. */
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	h.prev = "e1";
	REFUSED(w_cut(&h, "y", "E", "gM", "e1", CUT("gM", "")), "A3 author");
	history_clear(&h);
}

static void
t22_what_is_kept_is_in_the_past_and_the_targets_own(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	REFUSED(w_cut(&h, "x", "A", "G", "gF", CUT("gE", "e1")), "A6 keep");
	REFUSED(w_cut(&h, "y", "A", "G", "e1", CUT("gE", "gF")),
	    "A6 keep of somebody else");
	REFUSED(w_cut(&h, "z", "A", "G", "gF", CUT("e1", "")), "A6 target");
	history_clear(&h);
}

static void
t27_gaps_in_seq_and_repeated_grants_are_refused(void **state)
{
	struct history h;
	struct graph *g;
	struct judgement j;
	bool all[HISTORY_MAX] = { 0 };
	struct envelope *e;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_change(&h, "e2", "E", "gE", "e1"));
	e = h.env[h.len - 1];
	memset(all, 1, h.len - 1);
	g = view_graph(&h, all);
	e->facts.seq = 3;
	assert_int_equal(graph_judge(g, &e->facts, &j).code, LK_E_MALFORMED);
	e->facts.seq = 1;
	assert_int_equal(graph_judge(g, &e->facts, &j).code, LK_E_MALFORMED);
	e->facts.seq = UINT64_C(0x100000002);
	assert_int_equal(graph_judge(g, &e->facts, &j).code, LK_E_MALFORMED);
	e->facts.seq = 2;
	e->body.has_grant = true;
	e->body.grant = name_grant("gE");
	assert_int_equal(graph_judge(g, &e->facts, &j).code, LK_E_MALFORMED);
	e->body.has_grant = false;
	assert_int_equal(graph_judge(g, &e->facts, &j).code, LK_OK);
	graph_free(g);
	history_clear(&h);
}

static void
t28_what_names_the_unknown_waits_and_changes_nothing(void **state)
{
	struct history h;
	struct graph *g;
	struct judgement j;
	struct graph_author who;
	bool some[HISTORY_MAX];
	uint8_t missing[LK_ID_LEN], want[LK_ID_LEN];

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_change(&h, "f1", "F", "gF", "e1"));
	view_close(&h, "gF", some);
	g = view_graph(&h, some);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_E_WAIT);
	assert_int_equal(
	    graph_author(g, &h.env[h.len - 1]->facts, &who, missing).code,
	    LK_E_WAIT);
	name_key(want, "e1");
	assert_memory_equal(missing, want, LK_ID_LEN);
	assert_int_equal(graph_len(g), 5);
	deliver(&h, g,
	    &(struct follower){
		.visible = { 0 }, .essential = { 1, 1, 1, 1, 1 } },
	    h.len - 2);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_OK);
	graph_free(g);
	history_clear(&h);
}

static void
t8_the_acts_of_an_evicted_admin_are_void_and_his_victims_go_on(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "cM", "A", "G", "gF", CUT("gM", "gF")));
	YES(w_cut(&h, "mE", "M", "gM", "gF", CUT("gE", "")));
	YES(w_grant(
	    &h, "mZ", "M", "gM", "mE", op_grant_to("Z", ROLE_WRITE, 30000, 0)));
	YES(w_plain(&h, "zx", "Z", "mZ", "mZ", OP_EPOCH));
	YES(w_change(&h, "z1", "Z", "mZ", "zx"));
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_change(&h, "f1", "F", "gF", "gF"));
	settle(&h);
	assert_void("mE");
	assert_void("mZ");
	assert_hidden("z1");
	assert_shown("e1");
	assert_shown("f1");
	assert_effective("gF");
	history_clear(&h);
}

static void
t23_and_t24_a_seen_grant_lives_an_unseen_one_dies_with_its_work(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_grant(
	    &h, "mZ", "M", "gM", "gF", op_grant_to("Z", ROLE_WRITE, 30000, 0)));
	YES(w_change(&h, "z1", "Z", "mZ", "mZ"));
	YES(w_cut(&h, "cM", "A", "G", "gF", CUT("gM", "gF")));
	YES(w_change(&h, "f1", "F", "gF", "gF"));
	YES(w_change(&h, "z2", "Z", "mZ", "z1"));
	settle(&h);
	assert_effective("gF");
	assert_shown("f1");
	assert_void("mZ");
	assert_hidden("z1");
	assert_hidden("z2");
	history_clear(&h);
}

static void
t26_another_envelope_at_the_same_seq_is_a_fork_not_an_error(void **state)
{
	struct history h;
	struct graph *g;
	struct judgement j;
	bool all[HISTORY_MAX] = { 0 }, forked;
	uint8_t key[32];

	(void)state;
	base(&h);
	YES(w_change(&h, "a", "E", "gE", "gF"));
	YES(w_change(&h, "b", "E", "gE", "gF"));
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	name_key(key, "E");
	(void)graph_tip(g, key, &forked);
	assert_true(forked);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_E_EXISTS);
	graph_free(g);
	settle(&h);
	assert_shown("a");
	assert_shown("b");
	history_clear(&h);
}

static void
t29_a_grant_and_the_end_of_its_issuer_in_any_order_end_alike(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_grant(
	    &h, "gN", "M", "gM", "gF", op_grant_to("N", ROLE_ADMIN, 3000, 0)));
	YES(w_grant(
	    &h, "nZ", "N", "gN", "gN", op_grant_to("Z", ROLE_WRITE, 30000, 0)));
	YES(w_change(&h, "z1", "Z", "nZ", "nZ"));
	YES(w_cut(&h, "cM", "A", "G", "gF", CUT("gM", "gF")));
	YES(w_cut(&h, "cN", "M", "gM", "nZ", CUT("gN", "")));
	settle(&h);
	assert_void("gN");
	assert_void("nZ");
	assert_void("cN");
	assert_hidden("z1");
	history_clear(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    t1_an_edit_the_revoker_had_seen_stays_and_a_concurrent_one_is_void),
		cmocka_unit_test(
		    t2_an_edit_dated_back_after_the_revocation_is_void),
		cmocka_unit_test(
		    t3_an_honest_edit_on_top_of_a_void_one_is_visible),
		cmocka_unit_test(
		    t5_an_edit_that_saw_its_own_revocation_is_refused),
		cmocka_unit_test(
		    t6_admins_of_one_rank_cannot_revoke_each_other),
		cmocka_unit_test(t7_a_junior_cannot_revoke_a_senior),
		cmocka_unit_test(
		    t9_and_t10_an_evicted_admin_revokes_nobody_any_more),
		cmocka_unit_test(
		    t11a_a_revocation_the_senior_had_not_seen_falls_with_its_author),
		cmocka_unit_test(t11b_a_revocation_the_senior_had_seen_stands),
		cmocka_unit_test(
		    t12_a_revocation_may_keep_less_than_its_author_saw),
		cmocka_unit_test(
		    t13_and_t14_a_new_grant_counts_and_old_revocations_do_not_touch_it),
		cmocka_unit_test(
		    t16_a_downgraded_admin_keeps_editing_and_grants_no_more),
		cmocka_unit_test(t17_of_two_revocations_what_both_keep_stays),
		cmocka_unit_test(
		    t18_of_a_fork_the_branch_a_revocation_keeps_stays),
		cmocka_unit_test(
		    t18b_a_forked_key_writes_no_more_but_may_share_and_leave),
		cmocka_unit_test(t19_an_edit_forked_around_a_leave_is_void),
		cmocka_unit_test(
		    t19b_a_leave_dated_back_does_not_destroy_what_was_kept),
		cmocka_unit_test(
		    t19c_what_stands_before_a_leave_in_its_envelope_stays),
		cmocka_unit_test(
		    t20_nobody_grants_what_he_has_not_or_above_himself),
		cmocka_unit_test(t21_somebody_elses_grant_gives_nothing),
		cmocka_unit_test(
		    t22_what_is_kept_is_in_the_past_and_the_targets_own),
		cmocka_unit_test(
		    t27_gaps_in_seq_and_repeated_grants_are_refused),
		cmocka_unit_test(
		    t28_what_names_the_unknown_waits_and_changes_nothing),
		cmocka_unit_test(
		    t8_the_acts_of_an_evicted_admin_are_void_and_his_victims_go_on),
		cmocka_unit_test(
		    t23_and_t24_a_seen_grant_lives_an_unseen_one_dies_with_its_work),
		cmocka_unit_test(
		    t26_another_envelope_at_the_same_seq_is_a_fork_not_an_error),
		cmocka_unit_test(
		    t29_a_grant_and_the_end_of_its_issuer_in_any_order_end_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
