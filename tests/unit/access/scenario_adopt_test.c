/* T4: what somebody endorses is his own word from then on. */
#include "tests/unit/access/scenario.h"

/* E writes on after his revocation, which keeps e1. */
static void
thief(struct history *hp)
{
	struct history h;

	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_cut(&h, "c", "A", "G", "e1", CUT("gE", "e1")));
	YES(w_change(&h, "e8", "E", "gE", "e1"));
	YES(w_change(&h, "e9", "E", "gE", "e8"));
	*hp = h;
}

static void
t4_what_a_writer_adopts_is_shown_and_stays(void **state)
{
	struct history h;

	(void)state;
	thief(&h);
	YES(w_plain(&h, "x", "A", "G", "c", OP_EPOCH));
	YES(w_adopt(&h, "d", "F", "gF", "e9", "e9"));
	settle(&h);
	assert_hidden("e8");
	assert_shown("e9");
	assert_stays("e9");
	assert_void("e9");
	/* F is revoked before the adopt, and his other edits are kept. */
	YES(w_change(&h, "f1", "F", "gF", "c x"));
	YES(w_cut(&h, "cF", "A", "G", "f1", CUT("gF", "f1")));
	settle(&h);
	assert_hidden("e9");
	assert_shown("f1");
	assert_false(now.essential[history_find(&h, "e9")]);
	history_clear(&h);
}

static void
t4b_an_adopt_by_somebody_void_adopts_nothing_until_he_is_back(void **state)
{
	struct history h;

	(void)state;
	thief(&h);
	YES(w_cut(&h, "cF", "M", "gM", "c", CUT("gF", "")));
	YES(w_adopt(&h, "d", "F", "gF", "e9", "e9 e8"));
	settle(&h);
	assert_hidden("e9");
	YES(w_cut(&h, "cM", "A", "G", "c", CUT("gM", "gF")));
	settle(&h);
	assert_shown("e8");
	assert_shown("e9");
	history_clear(&h);
}

static void
t4c_the_next_change_depends_on_what_was_adopted(void **state)
{
	struct history h;
	struct graph *g;
	struct judgement j;
	const struct envelope *e;

	(void)state;
	thief(&h);
	YES(w_plain(&h, "x", "A", "G", "c", OP_EPOCH));
	YES(w_adopt(&h, "d", "F", "gF", "e9 x", "e8"));
	YES(w_change(&h, "f1", "F", "gF", "d"));
	e = h.env[history_find(&h, "f1")];
	g = view_graph(&h, e->past);
	assert_int_equal(graph_judge(g, &e->facts, &j).code, LK_OK);
	/* e8, whose ancestor is e1, and not e9. */
	assert_int_equal(j.parents_len, 1);
	assert_int_equal(j.parents[0],
	    graph_find(g, h.env[history_find(&h, "e8")]->facts.id));
	graph_free(g);
	history_clear(&h);
}

static void
t4d_an_adopt_and_a_change_on_it_stand_in_one_envelope(void **state)
{
	struct history h;
	struct access_op ops[2] = { { .kind = OP_ADOPT },
		{ .kind = OP_CHANGE } };
	struct arena arena;
	struct graph *g;
	struct judgement j;
	const struct envelope *e;

	(void)state;
	arena_init(&arena, 1 << 16);
	thief(&h);
	YES(w_plain(&h, "x", "A", "G", "c", OP_EPOCH));
	YES(w_change(&h, "f0", "F", "gF", "x"));
	ops[0].adopt.ids = names_ids(&arena, "e9", &ops[0].adopt.ids_len);
	YES(history_write(&h, "f1", "F", "gF", "f0 e9", ops, 2));
	e = h.env[history_find(&h, "f1")];
	g = view_graph(&h, e->past);
	assert_int_equal(graph_judge(g, &e->facts, &j).code, LK_OK);
	assert_int_equal(j.parents_len, 2);
	graph_free(g);
	settle(&h);
	assert_shown("e9");
	assert_shown("f1");
	history_clear(&h);
	arena_clear(&arena);
}

static void
t4e_two_adopts_hold_until_both_are_gone(void **state)
{
	struct history h;

	(void)state;
	thief(&h);
	YES(w_adopt(&h, "d1", "F", "gF", "e9", "e9"));
	YES(w_adopt(&h, "d2", "M", "gM", "e9", "e9"));
	settle(&h);
	assert_shown("e9");
	YES(w_cut(&h, "cF", "A", "G", "c", CUT("gF", "")));
	settle(&h);
	assert_shown("e9");
	YES(w_cut(&h, "cM", "A", "G", "cF", CUT("gM", "gF")));
	settle(&h);
	assert_hidden("e9");
	history_clear(&h);
}

static void
t4f_only_changes_of_the_past_can_be_adopted(void **state)
{
	struct history h;

	(void)state;
	thief(&h);
	REFUSED(w_adopt(&h, "d", "F", "gF", "c", "e9"), "A6 adopt");
	REFUSED(w_adopt(&h, "d", "F", "gF", "e9", "c"), "A6 adopt");
	REFUSED(w_adopt(&h, "d", "F", "gF", "e9", "nothing"), "A6 adopt");
	REFUSED(w_adopt(&h, "d", "R", "G#255", "e9", "e9"), "A6 cold key");
	history_clear(&h);
}

static bool
w_import(struct history *h, const char *name, const char *view, uint8_t last)
{
	struct access_op op = { .kind = OP_IMPORT };

	op.content.form = last;
	return history_write(h, name, "E", "gE", view, &op, 1);
}

static void
t4g_an_import_is_adopted_as_a_whole_by_its_last_piece(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "c", "A", "G", "gF", CUT("gE", "")));
	YES(w_import(&h, "i1", "gF", 0));
	YES(w_import(&h, "i2", "i1", 0));
	YES(w_import(&h, "i3", "i2", 1));
	REFUSED(w_adopt(&h, "d", "F", "gF", "i3", "i2"), "A6 adopt");
	YES(w_adopt(&h, "d", "F", "gF", "i3", "i3"));
	settle(&h);
	assert_shown("i1");
	assert_shown("i2");
	assert_shown("i3");
	YES(w_cut(&h, "cF", "M", "gM", "gF", CUT("gF", "")));
	settle(&h);
	assert_hidden("i1");
	assert_hidden("i3");
	history_clear(&h);
}

/* Nothing is known of what an import rests on, least of all that it was the
 * void change before it. */
static void
t4h_an_adopted_import_takes_nothing_of_its_author_with_it(void **state)
{
	struct history h;
	struct graph *g;
	const uint32_t *parents;
	struct grant_ref grant = name_grant("gF");
	bool all[HISTORY_MAX] = { 0 };
	uint64_t seq;
	size_t n;

	(void)state;
	base(&h);
	YES(w_change(&h, "e1", "E", "gE", "gF"));
	YES(w_import(&h, "i1", "e1", 1));
	YES(w_cut(&h, "c", "A", "G", "i1", CUT("gE", "")));
	YES(w_plain(&h, "x", "A", "G", "c", OP_EPOCH));
	YES(w_adopt(&h, "a1", "F", "gF", "x", "i1"));
	YES(w_change(&h, "f1", "F", "gF", "a1"));
	YES(w_adopt(&h, "a2", "F", "gF", "f1", "e1"));
	settle(&h);
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	assert_int_equal(
	    graph_parents(g, &grant, &parents, &n, &seq).code, LK_OK);
	assert_int_equal(n, 2);
	assert_int_equal(
	    parents[0], graph_find(g, h.env[history_find(&h, "e1")]->facts.id));
	assert_int_equal(
	    parents[1], graph_find(g, h.env[history_find(&h, "f1")]->facts.id));
	graph_free(g);
	history_clear(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t4_what_a_writer_adopts_is_shown_and_stays),
		cmocka_unit_test(
		    t4b_an_adopt_by_somebody_void_adopts_nothing_until_he_is_back),
		cmocka_unit_test(
		    t4c_the_next_change_depends_on_what_was_adopted),
		cmocka_unit_test(
		    t4d_an_adopt_and_a_change_on_it_stand_in_one_envelope),
		cmocka_unit_test(t4e_two_adopts_hold_until_both_are_gone),
		cmocka_unit_test(t4f_only_changes_of_the_past_can_be_adopted),
		cmocka_unit_test(
		    t4g_an_import_is_adopted_as_a_whole_by_its_last_piece),
		cmocka_unit_test(
		    t4h_an_adopted_import_takes_nothing_of_its_author_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
