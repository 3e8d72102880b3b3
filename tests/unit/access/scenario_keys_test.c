/* K: keys, and which of them may be written under. */
#include "tests/unit/access/history_share.h"
#include "tests/unit/access/scenario.h"

static void
k3_after_two_concurrent_removals_both_epochs_are_dirty(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "cE", "A", "G", "gF", CUT("gE", "")));
	YES(w_plain(&h, "x4", "A", "G", "cE", OP_EPOCH));
	YES(w_cut(&h, "cF", "B", "gB", "gF", CUT("gF", "")));
	YES(w_plain(&h, "x5", "B", "gB", "cF", OP_EPOCH));
	h.etag = "x4";
	REFUSED(w_change(&h, "m0", "M", "gM", "x4 x5"), "A7 epoch not clean");
	h.etag = "x5";
	REFUSED(w_change(&h, "m0", "M", "gM", "x4 x5"), "A7 epoch not clean");
	YES(w_plain(&h, "x6", "M", "gM", "x4 x5", OP_EPOCH));
	YES(w_change(&h, "m1", "M", "gM", "x6"));
	assert_false(boxed(&h, "x6", "E"));
	assert_false(boxed(&h, "x6", "F"));
	settle(&h);
	assert_shown("m1");
	history_clear(&h);
}

static void
k5_among_clean_epochs_the_lowest_id_is_chosen(void **state)
{
	struct history h;
	struct graph *g;
	bool all[HISTORY_MAX] = { 0 };
	uint8_t etag[ETAG_LEN], want[ETAG_LEN];

	(void)state;
	base(&h);
	YES(w_plain(&h, "x9", "F", "gF", "gF", OP_EPOCH));
	YES(w_plain(&h, "x1", "E", "gE", "gF", OP_EPOCH));
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	assert_int_equal(graph_clean_epoch(g, etag).code, LK_OK);
	name_etag(want, "x1");
	assert_memory_equal(etag, want, ETAG_LEN);
	graph_free(g);
	history_clear(&h);
}

static void
k6_an_epoch_with_a_box_too_many_or_too_few_is_refused(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	h.boxes_more = 1;
	REFUSED(w_plain(&h, "x", "F", "gF", "gF", OP_EPOCH), "A7 boxes");
	h.boxes_more = -1;
	REFUSED(w_plain(&h, "x", "F", "gF", "gF", OP_EPOCH), "A7 boxes");
	YES(w_plain(&h, "x", "F", "gF", "gF", OP_EPOCH));
	history_clear(&h);
}

static void
k8_a_back_dated_epoch_of_an_evicted_admin_is_void_and_never_chosen(void **state)
{
	struct history h;
	struct graph *g;
	bool all[HISTORY_MAX] = { 0 };
	uint8_t etag[ETAG_LEN], want[ETAG_LEN];

	(void)state;
	base(&h);
	YES(w_cut(&h, "cM", "A", "G", "gF", CUT("gM", "gF")));
	YES(w_plain(&h, "xm", "M", "gM", "gF", OP_EPOCH));
	YES(w_plain(&h, "xn", "A", "G", "cM", OP_EPOCH));
	/* Honest work under it, by one who had not heard, stays. */
	YES(w_change(&h, "f1", "F", "gF", "xm"));
	settle(&h);
	assert_void("xm");
	assert_shown("f1");
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	assert_int_equal(graph_clean_epoch(g, etag).code, LK_OK);
	name_etag(want, "xn");
	assert_memory_equal(etag, want, ETAG_LEN);
	graph_free(g);
	h.etag = "xn";
	YES(w_change(&h, "e1", "E", "gE", "f1 xn"));
	history_clear(&h);
}

static void
k10_after_a_rekey_the_old_box_key_opens_no_epoch(void **state)
{
	struct history h;
	struct access_op key = op_rekey_to("E", 1);
	struct graph *g;
	struct judgement j;
	uint8_t box[32];
	size_t i = 0;

	(void)state;
	base(&h);
	YES(w_change(&h, "f1", "F", "gF", "gF"));
	YES(history_write(&h, "k", "E", "gE", "f1", &key, 1));
	/* The key of before was sealed to the old one. */
	h.etag = "G";
	REFUSED(w_change(&h, "f2", "F", "gF", "k"), "A7 epoch not clean");
	YES(w_plain(&h, "x", "F", "gF", "k", OP_EPOCH));
	g = view_graph(&h, h.env[history_find(&h, "x")]->past);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_OK);
	while (memcmp(j.readers[i].key, "E", 2) != 0)
		i++;
	name_key(box, "E.b1");
	assert_memory_equal(j.readers[i].box, box, 32);
	graph_free(g);
	YES(w_change(&h, "f2", "F", "gF", "x"));
	settle(&h);
	assert_shown("f2");
	history_clear(&h);
}

static void
k10b_a_rekey_is_newer_than_the_last_and_void_when_its_author_is(void **state)
{
	struct history h;
	struct access_op one = op_rekey_to("E", 1), two = op_rekey_to("E", 2);

	(void)state;
	base(&h);
	YES(history_write(&h, "k2", "E", "gE", "gF", &two, 1));
	REFUSED(history_write(&h, "k", "E", "gE", "k2", &one, 1), "A6 box key");
	REFUSED(history_write(&h, "k", "E", "gE", "k2", &two, 1), "A6 box key");
	YES(w_cut(&h, "c", "A", "G", "gF", CUT("gE", "")));
	YES(w_grant(
	    &h, "gE2", "A", "G", "c", op_grant_to("E", ROLE_READ, 60000, 0)));
	YES(w_plain(&h, "x", "A", "G", "gE2 k2", OP_EPOCH));
	settle(&h);
	assert_void("k2");
	assert_true(boxed(&h, "x", "E"));
	history_clear(&h);
}

/* A grant given later with the key of before, by one who had not heard. */
static void
k10c_the_newest_box_key_counts_whatever_a_later_grant_says(void **state)
{
	struct history h;
	struct access_op key = op_rekey_to("E", 1);
	struct graph *g;
	struct judgement j;
	uint8_t box[32];
	size_t i = 0;

	(void)state;
	base(&h);
	YES(history_write(&h, "k", "E", "gE", "gF", &key, 1));
	YES(w_grant(&h, "gE2", "B", "gB", "gF",
	    op_grant_to("E", ROLE_WRITE, 30000, 0)));
	YES(w_plain(&h, "x", "A", "G", "k gE2", OP_EPOCH));
	g = view_graph(&h, h.env[h.len - 1]->past);
	assert_int_equal(
	    graph_judge(g, &h.env[h.len - 1]->facts, &j).code, LK_OK);
	while (memcmp(j.readers[i].key, "E", 2) != 0)
		i++;
	name_key(box, "E.b1");
	assert_memory_equal(j.readers[i].box, box, 32);
	graph_free(g);
	history_clear(&h);
}

static void
k9_a_newcomer_is_handed_every_maximal_epoch(void **state)
{
	struct history h;
	struct graph *g;
	struct shared_key key;
	struct graph_reader reader;
	bool all[HISTORY_MAX] = { 0 };

	(void)state;
	base(&h);
	YES(w_plain(&h, "x1", "A", "G", "gF", OP_EPOCH));
	YES(w_change(&h, "a1", "A", "G", "x1"));
	YES(w_plain(&h, "x2", "B", "gB", "gF", OP_EPOCH));
	YES(w_change(&h, "b1", "B", "gB", "x2"));
	YES(w_grant(&h, "gD", "A", "G", "a1 b1",
	    op_grant_to("D", ROLE_READ, 50000, 0)));
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	assert_false(graph_missing_share(g, &key, &reader));
	graph_free(g);
	/* He knows both keys, so his removal makes both dirty. */
	YES(w_cut(&h, "c", "A", "G", "gD", CUT("gD", "")));
	h.etag = "x1";
	REFUSED(w_change(&h, "f", "F", "gF", "c"), "A7 epoch not clean");
	h.etag = "x2";
	REFUSED(w_change(&h, "f", "F", "gF", "c"), "A7 epoch not clean");
	history_clear(&h);
}

static void
k12_an_old_key_published_again_as_a_new_epoch_is_refused(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_plain(&h, "x", "F", "gF", "gF", OP_EPOCH));
	h.etag = "G";
	REFUSED(
	    w_plain(&h, "y", "F", "gF", "x", OP_EPOCH), "A7 key seen before");
	history_clear(&h);
}

static void
a_key_got_by_share_makes_an_epoch_dirty_when_its_holder_goes(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_grant(
	    &h, "gD", "A", "G", "gF", op_grant_to("D", ROLE_READ, 50000, 0)));
	YES(w_plain(&h, "x1", "F", "gF", "gF", OP_EPOCH));
	YES(w_cut(&h, "cD", "A", "G", "gD", CUT("gD", "")));
	h.etag = "x1";
	YES(w_share(&h, "s0", "A", "G", "gD x1", "x1", "D"));
	YES(w_change(&h, "ok", "E", "gE", "x1 cD"));
	h.etag = "x1";
	REFUSED(w_change(&h, "a1", "E", "gE", "s0 cD"), "A7 epoch not clean");
	history_clear(&h);
}

static void
a_key_reached_over_the_links_of_a_void_epoch_counts_as_known(void **state)
{
	struct history h;
	struct cut_spec down = CUT("gM", "gF");

	(void)state;
	base(&h);
	down.level = ROLE_READ;
	YES(w_plain(&h, "x1", "A", "G", "gF", OP_EPOCH));
	YES(w_grant(
	    &h, "gD", "B", "gB", "gF", op_grant_to("D", ROLE_READ, 50000, 0)));
	YES(w_plain(&h, "xm", "M", "gM", "x1 gD", OP_EPOCH));
	YES(w_cut(&h, "cM", "A", "G", "x1", down));
	YES(w_cut(&h, "cD", "B", "gB", "gD", CUT("gD", "")));
	settle(&h);
	assert_void("xm");
	h.etag = "x1";
	REFUSED(w_change(&h, "f", "F", "gF", "xm cM cD"), "A7 epoch not clean");
	h.etag = "x1";
	YES(w_change(&h, "f", "F", "gF", "cM cD"));
	history_clear(&h);
}

static void
a_key_handed_to_a_replaced_box_key_is_dirty(void **state)
{
	struct history h;
	struct access_op again = op_grant_to("E", ROLE_WRITE, 20005, 0);

	(void)state;
	base(&h);
	name_key(again.grant.box, "E.b1");
	again.grant.box_counter = 1;
	YES(w_grant(&h, "g2", "A", "G", "gF", again));
	h.etag = "G";
	REFUSED(w_change(&h, "f1", "F", "gF", "g2"), "A7 epoch not clean");
	YES(w_plain(&h, "x", "F", "gF", "g2", OP_EPOCH));
	YES(w_change(&h, "f1", "F", "gF", "x"));
	history_clear(&h);
}

static void
k1_and_k2_whoever_saw_a_removal_writes_under_a_new_key_or_not_at_all(
    void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_cut(&h, "c", "A", "G", "gF", CUT("gE", "")));
	h.etag = "G";
	REFUSED(w_change(&h, "f0", "F", "gF", "c"), "A7 epoch not clean");
	YES(w_plain(&h, "x", "F", "gF", "c", OP_EPOCH));
	h.etag = "G";
	REFUSED(w_change(&h, "f0", "F", "gF", "x"), "A7 epoch not clean");
	YES(w_change(&h, "f1", "F", "gF", "x"));
	assert_false(boxed(&h, "x", "E"));
	assert_true(boxed(&h, "x", "F"));
	history_clear(&h);
}

static void
k4_a_reader_added_while_the_key_rotated_reads_after_a_share(void **state)
{
	struct history h;
	struct graph *g;
	struct shared_key key;
	struct graph_reader reader;
	bool all[HISTORY_MAX] = { 0 };
	uint8_t want[32];

	(void)state;
	base(&h);
	YES(w_grant(
	    &h, "gD", "A", "G", "gF", op_grant_to("D", ROLE_READ, 50000, 0)));
	YES(w_plain(&h, "x", "F", "gF", "gF", OP_EPOCH));
	YES(w_change(&h, "f1", "F", "gF", "x"));
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	assert_true(graph_missing_share(g, &key, &reader));
	name_key(want, "D");
	assert_memory_equal(key.key, want, 32);
	name_etag(want, "x");
	assert_memory_equal(key.etag, want, ETAG_LEN);
	graph_free(g);
	YES(w_share(&h, "s", "E", "gE", "f1 gD", "x", "D"));
	memset(all, 1, h.len);
	g = view_graph(&h, all);
	assert_false(graph_missing_share(g, &key, &reader));
	graph_free(g);
	YES(w_change(&h, "e1", "E", "gE", "s"));
	settle(&h);
	assert_shown("e1");
	history_clear(&h);
}

static void
a_link_in_a_share_leads_from_a_newer_key_to_an_older_one_only(void **state)
{
	struct history h;

	(void)state;
	base(&h);
	YES(w_plain(&h, "x1", "F", "gF", "gF", OP_EPOCH));
	YES(w_plain(&h, "x2", "A", "G", "gF", OP_EPOCH));
	h.link_newer = "x1";
	h.link_older = "G";
	YES(w_share(&h, "s", "E", "gE", "x1 x2", "x1", "F"));
	h.link_newer = "G";
	h.link_older = "x1";
	REFUSED(w_share(&h, "t", "E", "gE", "s", "x1", "F"), "A7 link");
	h.link_newer = "x1";
	h.link_older = "x2";
	REFUSED(w_share(&h, "t", "E", "gE", "s", "x1", "F"), "A7 link");
	h.link_newer = "x9";
	h.link_older = "G";
	REFUSED(w_share(&h, "t", "E", "gE", "s", "x1", "F"), "A7 link");
	history_clear(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    k3_after_two_concurrent_removals_both_epochs_are_dirty),
		cmocka_unit_test(k5_among_clean_epochs_the_lowest_id_is_chosen),
		cmocka_unit_test(
		    k6_an_epoch_with_a_box_too_many_or_too_few_is_refused),
		cmocka_unit_test(
		    k8_a_back_dated_epoch_of_an_evicted_admin_is_void_and_never_chosen),
		cmocka_unit_test(
		    k10_after_a_rekey_the_old_box_key_opens_no_epoch),
		cmocka_unit_test(
		    k10b_a_rekey_is_newer_than_the_last_and_void_when_its_author_is),
		cmocka_unit_test(
		    k10c_the_newest_box_key_counts_whatever_a_later_grant_says),
		cmocka_unit_test(k9_a_newcomer_is_handed_every_maximal_epoch),
		cmocka_unit_test(
		    k12_an_old_key_published_again_as_a_new_epoch_is_refused),
		cmocka_unit_test(
		    a_key_got_by_share_makes_an_epoch_dirty_when_its_holder_goes),
		cmocka_unit_test(
		    a_key_reached_over_the_links_of_a_void_epoch_counts_as_known),
		cmocka_unit_test(a_key_handed_to_a_replaced_box_key_is_dirty),
		cmocka_unit_test(
		    k1_and_k2_whoever_saw_a_removal_writes_under_a_new_key_or_not_at_all),
		cmocka_unit_test(
		    k4_a_reader_added_while_the_key_rotated_reads_after_a_share),
		cmocka_unit_test(
		    a_link_in_a_share_leads_from_a_newer_key_to_an_older_one_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
