/* Persons, imports, forks of the root, and what the graph answers. */
#include "tests/unit/access/scenario.h"

static void
a_soft_revocation_spares_denials_it_had_not_seen_but_no_grants(void **state)
{
	struct history h;
	struct cut_spec soft = CUT("gM", "gF");

	(void)state;
	base(&h);
	soft.flags = REVOKE_SOFT;
	YES(w_cut(&h, "cM", "A", "G", "gF", soft));
	YES(w_cut(&h, "mE", "M", "gM", "gF", CUT("gE", "")));
	YES(w_grant(
	    &h, "mZ", "M", "gM", "mE", op_grant_to("Z", ROLE_WRITE, 30000, 0)));
	settle(&h);
	assert_effective("mE");
	assert_void("mZ");
	YES(w_cut(&h, "cM2", "A", "G", "cM", CUT("gM", "gF")));
	settle(&h);
	assert_void("mE");
	history_clear(&h);
}

static void
c_less_a_void_edit_leaves_the_honest_one_before_it_alone(void **state)
{
	struct history h;
	const uint32_t *parents;
	uint64_t seq;
	size_t len;
	bool all[HISTORY_MAX] = { 0 };
	struct graph *g;
	struct grant_ref ref = name_grant("gF");

	(void)state;
	base(&h);
	YES(w_change(&h, "f1", "F", "gF", "gF"));
	YES(w_change(&h, "e1", "E", "gE", "f1"));
	YES(w_cut(&h, "c", "A", "G", "f1", CUT("gE", "")));
	settle(&h);
	assert_hidden("e1");
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	assert_int_equal(
	    graph_parents(g, &ref, &parents, &len, &seq).code, LK_OK);
	assert_int_equal(len, 1);
	assert_int_equal(
	    parents[0], graph_find(g, h.env[history_find(&h, "f1")]->facts.id));
	assert_int_equal(seq, 2);
	assert_int_equal(
	    graph_voided_by(
		g, graph_find(g, h.env[history_find(&h, "e1")]->facts.id)),
	    graph_find(g, h.env[history_find(&h, "c")]->facts.id));
	graph_free(g);
	history_clear(&h);
}

static void
a_stolen_first_device_is_revoked_by_the_root_and_shut_out(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "c", "R", "G#255", "gF", CUT("G", "gE")));
	YES(w_plain(&h, "x", "F", "gF", "c", OP_EPOCH));
	YES(w_change(&h, "f1", "F", "gF", "x"));
	settle(&h);
	assert_effective("c");
	assert_false(boxed(&h, "x", "A"));
	history_clear(&h);
}

static void
a_writer_revokes_his_own_lost_phone_and_nobody_elses(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_grant(&h, "p", "E", "gE", "gF",
	    op_grant_to("E2", ROLE_WRITE, 20001, GRANT_OWN | GRANT_ENROLL)));
	YES(w_change(&h, "q1", "E2", "p", "p"));
	YES(w_cut(&h, "c", "E", "gE", "q1", CUT("p", "q1")));
	REFUSED(w_cut(&h, "c2", "E", "gE", "q1", CUT("gF", "")),
	    "A5 not effective");
	YES(w_change(&h, "q2", "E2", "p", "q1"));
	settle(&h);
	assert_shown("q1");
	assert_hidden("q2");
	history_clear(&h);
}

static void
a_person_goes_with_one_entry_that_says_tree(void **state)
{
	struct history h;
	struct cut_spec tree = CUT("gE", "q1");

	(void)state;
	base(&h);
	tree.flags = REVOKE_TREE;
	YES(w_grant(&h, "p", "E", "gE", "gF",
	    op_grant_to("E2", ROLE_WRITE, 20001, GRANT_OWN | GRANT_ENROLL)));
	YES(w_grant(&h, "p2", "E2", "p", "p",
	    op_grant_to("E3", ROLE_WRITE, 20002, GRANT_OWN)));
	YES(w_change(&h, "q1", "E2", "p", "p2"));
	YES(w_cut(&h, "c", "A", "G", "q1", tree));
	YES(w_change(&h, "q2", "E3", "p2", "q1"));
	YES(w_grant(&h, "p3", "E2", "p", "q1",
	    op_grant_to("E4", ROLE_WRITE, 20003, GRANT_OWN)));
	settle(&h);
	assert_shown("q1");
	assert_hidden("q2");
	assert_void("p3");
	assert_effective("p2");
	history_clear(&h);
}

static void
devices_under_a_root_granted_in_one_envelope_fall_with_it(void **state)
{
	struct history h;
	struct access_op ops[3] = {
		op_grant_to("P", ROLE_WRITE, 40000, GRANT_COLD | GRANT_ENROLL),
		op_grant_to("P1", ROLE_WRITE, 40001,
		    GRANT_OWN | GRANT_PARENT_HERE | GRANT_ENROLL),
		op_grant_to(
		    "P2", ROLE_WRITE, 40002, GRANT_OWN | GRANT_PARENT_HERE),
	};
	struct cut_spec tree = CUT("g", "");

	(void)state;
	base(&h);
	ops[2].grant.parent_index = 1;
	YES(history_write(&h, "g", "A", "G", "gF", ops, 3));
	YES(w_change(&h, "p1", "P1", "g#1", "g"));
	YES(w_change(&h, "p2", "P2", "g#2", "g"));
	/* The phrase throws out one device, and may do nothing else. */
	h.etag = "G";
	REFUSED(w_change(&h, "x", "P", "g", "g"), "A6 cold key");
	REFUSED(w_plain(&h, "x", "P", "g", "g", OP_LEAVE), "A6 cold key");
	YES(w_cut(&h, "pc", "P", "g", "p1", CUT("g#1", "p1")));
	settle(&h);
	assert_shown("p1");
	assert_shown("p2");
	tree.flags = REVOKE_TREE;
	YES(w_cut(&h, "c", "A", "G", "g", tree));
	settle(&h);
	assert_hidden("p1");
	assert_hidden("p2");
	assert_effective("g");
	assert_void("pc");
	history_clear(&h);
}

static void
a_person_has_at_most_32_devices(void **state)
{
	struct history h;
	char name[16], key[16], view[16] = "gF";

	(void)state;
	base(&h);
	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		snprintf(key, sizeof(key), "Y%d", i);
		YES(w_grant(&h, name, "E", "gE", view,
		    op_grant_to(key, ROLE_READ, 20001, GRANT_OWN)));
		memcpy(view, name, sizeof(view));
	}
	REFUSED(w_grant(&h, "p", "E", "gE", view,
		    op_grant_to("Y", ROLE_READ, 20001, GRANT_OWN)),
	    "A6 devices");
	history_clear(&h);
}

static void
own_devices_need_a_grant_that_may_enroll(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	REFUSED(w_grant(&h, "p", "M", "gM", "gF",
		    op_grant_to("M2", ROLE_WRITE, 2001, GRANT_OWN)),
	    "A6 enroll");
	history_clear(&h);
}

static void
the_phrase_typed_on_two_machines_still_works(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_grant(
	    &h, "r1", "R", "G#255", "gF", op_grant_to("N1", ROLE_ADMIN, 5, 0)));
	h.prev = "gB";
	YES(w_grant(
	    &h, "r2", "R", "G#255", "gF", op_grant_to("N2", ROLE_ADMIN, 5, 0)));
	YES(w_grant(&h, "r3", "R", "G#255", "r1 r2",
	    op_grant_to("N3", ROLE_ADMIN, 5, 0)));
	REFUSED(w_plain(&h, "l", "R", "G#255", "gF", OP_LEAVE), "A6 cold key");
	settle(&h);
	assert_effective("r3");
	history_clear(&h);
}

static void
unknown_kinds_from_128_need_write_and_do_nothing(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_grant(
	    &h, "gD", "A", "G", "gF", op_grant_to("D", ROLE_READ, 50000, 0)));
	REFUSED(w_plain(&h, "x", "D", "gD", "gD", 200), "A5 not effective");
	YES(w_plain(&h, "y", "E", "gE", "gD", 200));
	settle(&h);
	assert_effective("y");
	assert_hidden("y");
	assert_stays("y");
	history_clear(&h);
}

static void
an_import_appears_with_its_last_piece_and_goes_as_one(void **state)
{
	struct history h;
	struct access_op piece = op_plain(OP_IMPORT);

	(void)state;
	base(&h);
	YES(history_write(&h, "i1", "E", "gE", "gF", &piece, 1));
	settle(&h);
	assert_hidden("i1");
	assert_stays("i1");
	piece.content.form = 1;
	YES(history_write(&h, "i2", "E", "gE", "i1", &piece, 1));
	YES(w_change(&h, "e1", "E", "gE", "i2"));
	settle(&h);
	assert_shown("i1");
	assert_shown("i2");
	YES(w_cut(&h, "c", "A", "G", "e1", CUT("gE", "i1")));
	settle(&h);
	assert_effective("i1");
	assert_hidden("i1");
	assert_hidden("i2");
	history_clear(&h);
}

static void
the_parents_of_a_change_are_exact_when_an_ancestor_is_void(void **state)
{
	struct history h;
	struct judgement j;
	struct graph *g;
	bool past[HISTORY_MAX];

	(void)state;
	base(&h);
	/* f2 carries e1 on; once e1 is void, f2 still dominates f1. */
	YES(w_change(&h, "f1", "F", "gF", "gF"));
	YES(w_change(&h, "e1", "E", "gE", "f1"));
	YES(w_change(&h, "m1", "M", "gM", "e1"));
	YES(w_cut(&h, "c", "A", "G", "f1", CUT("gE", "")));
	YES(w_plain(&h, "x", "B", "gB", "m1 c", OP_EPOCH));
	YES(w_change(&h, "b1", "B", "gB", "x"));
	memcpy(past, h.env[h.len - 1]->past, sizeof(past));
	g = view_graph(&h, past);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_OK);
	assert_int_equal(j.parents_len, 1);
	assert_int_equal(j.parents[0],
	    graph_find(g, h.env[history_find(&h, "m1")]->facts.id));
	assert_int_equal(j.change_seq, 1);
	graph_free(g);
	history_clear(&h);
}

static void
members_say_what_counts_now_and_what_ended_it(void **state)
{
	struct history h;
	struct graph *g;
	bool all[HISTORY_MAX] = { 0 };
	struct member m;
	uint8_t key[32], tips[REVOKE_KEEP_MAX][LK_ID_LEN], want[32];
	uint32_t nodes[4];
	struct graph_work work = { .grant = name_grant("gE") };
	size_t n;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	assert_int_equal(graph_tips_of(g, &work, tips, &n).code, LK_OK);
	assert_int_equal(n, 1);
	name_key(want, "e1");
	assert_memory_equal(tips[0], want, 32);
	graph_free(g);
	YES(w_cut(&h, "c", "A", "G", "e1", CUT("gE", "e1")));
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	name_key(key, "E");
	assert_int_equal(graph_role(g, key), ROLE_NONE);
	assert_int_equal(
	    graph_grant_for(g, key, ROLE_WRITE, &work.grant).code, LK_E_DENIED);
	assert_int_equal(graph_farewell(g, key, nodes, 4), 1);
	assert_int_equal(nodes[0], h.len - 1);
	name_key(key, "nobody");
	assert_int_equal(graph_grant_for(g, key, ROLE_READ, &work.grant).code,
	    LK_E_NOTFOUND);
	name_key(key, "F");
	assert_int_equal(
	    graph_grant_for(g, key, ROLE_WRITE, &work.grant).code, LK_OK);
	assert_int_equal(graph_members_len(g), 6);
	graph_member(g, 4, &m);
	assert_int_equal(m.role, ROLE_WRITE);
	assert_int_equal(m.now, ROLE_NONE);
	assert_int_equal(m.ended_by, h.len - 1);
	graph_member(g, 1, &m);
	assert_int_equal(m.rank, 0);
	assert_int_equal(m.now, ROLE_ADMIN);
	assert_int_equal(m.ended_by, GRAPH_NONE);
	graph_free(g);
	history_clear(&h);
}

static void
somebody_who_forks_without_end_can_still_be_revoked(void **state)
{
	struct history h;
	struct graph *g;
	struct judgement j;
	struct cut_spec cut = CUT("gE", "");
	uint8_t key[32], deps[ENVELOPE_DEPS_MAX][LK_ID_LEN];
	char name[16];
	bool all[HISTORY_MAX] = { 0 };
	size_t len;

	(void)state;
	base(&h);
	for (int i = 0; i < 80; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		YES(w_change(&h, name, "E", "gE", "gF"));
	}
	YES(w_change(&h, "f1", "F", "gF", "gF"));
	YES(w_cut(&h, "c", "A", "G", "gF", cut));
	/* The same revocation, on top of as much as an envelope can name. */
	memset(all, 1, h.len - 1);
	g = view_graph(&h, all);
	name_key(key, "A");
	assert_int_equal(graph_deps(g, key, deps, &len).code, LK_OK);
	assert_int_equal(len, ENVELOPE_DEPS_MAX);
	for (size_t i = 1; i < len; i++)
		assert_true(memcmp(deps[i - 1], deps[i], LK_ID_LEN) < 0);
	h.env[h.len - 1]->body.deps = deps[0];
	h.env[h.len - 1]->body.deps_len = len;
	graph_any_epoch(g, h.env[h.len - 1]->facts.etag);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_OK);
	graph_must_add(g, &h.env[h.len - 1]->facts);
	assert_int_equal(graph_deps(g, key, deps, &len).code, LK_OK);
	assert_int_equal(len, 0);
	graph_free(g);
	history_clear(&h);
}

static void
what_a_revocation_brings_back_is_among_the_next_parents(void **state)
{
	struct history h;
	struct access_op ops[2] = { op_plain(OP_CHANGE),
		{ .kind = OP_REVOKE } };
	struct cut_spec cut = CUT("gM", "gF");
	struct arena arena;
	struct revoke_entry entry;
	struct judgement j;
	struct graph *g;

	(void)state;
	base(&h);
	arena_init(&arena, 1 << 16);
	entry = entry_of(&arena, &cut);
	ops[1].revoke.entries = &entry;
	ops[1].revoke.entries_len = 1;
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_cut(&h, "mE", "M", "gM", "e1", CUT("gE", "")));
	YES(w_plain(&h, "xa", "A", "G", "mE", OP_EPOCH));
	/* A's change does not have e1 among its ancestors, being void then. */
	YES(history_write(&h, "a1", "A", "G", "xa", ops, 2));
	YES(w_plain(&h, "xb", "B", "gB", "a1", OP_EPOCH));
	YES(w_change(&h, "b1", "B", "gB", "xb"));
	settle(&h);
	assert_void("mE");
	assert_shown("e1");
	g = view_graph(&h, h.env[h.len - 1]->past);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_OK);
	assert_int_equal(j.parents_len, 2);
	graph_free(g);
	/* The same without an envelope between. */
	ops[0] = op_plain(OP_EPOCH);
	ops[1] = op_plain(OP_CHANGE);
	YES(history_write(&h, "f1", "F", "gF", "a1", ops, 2));
	g = view_graph(&h, h.env[h.len - 1]->past);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_OK);
	assert_int_equal(j.parents_len, 2);
	graph_free(g);
	arena_clear(&arena);
	history_clear(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_soft_revocation_spares_denials_it_had_not_seen_but_no_grants),
		cmocka_unit_test(
		    c_less_a_void_edit_leaves_the_honest_one_before_it_alone),
		cmocka_unit_test(
		    a_stolen_first_device_is_revoked_by_the_root_and_shut_out),
		cmocka_unit_test(
		    a_writer_revokes_his_own_lost_phone_and_nobody_elses),
		cmocka_unit_test(a_person_goes_with_one_entry_that_says_tree),
		cmocka_unit_test(
		    devices_under_a_root_granted_in_one_envelope_fall_with_it),
		cmocka_unit_test(a_person_has_at_most_32_devices),
		cmocka_unit_test(own_devices_need_a_grant_that_may_enroll),
		cmocka_unit_test(the_phrase_typed_on_two_machines_still_works),
		cmocka_unit_test(
		    unknown_kinds_from_128_need_write_and_do_nothing),
		cmocka_unit_test(
		    an_import_appears_with_its_last_piece_and_goes_as_one),
		cmocka_unit_test(
		    the_parents_of_a_change_are_exact_when_an_ancestor_is_void),
		cmocka_unit_test(members_say_what_counts_now_and_what_ended_it),
		cmocka_unit_test(
		    somebody_who_forks_without_end_can_still_be_revoked),
		cmocka_unit_test(
		    what_a_revocation_brings_back_is_among_the_next_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
