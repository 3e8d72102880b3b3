#include "tests/unit/sync/group.h"

static void
nothing_of_a_refused_import_is_shown(void **state)
{
	struct group g;
	struct forgery f;
	uint8_t hash[LK_ID_LEN], second[LK_ID_LEN], id[LK_ID_LEN];
	struct buf envelope;
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	foreign_change(&file, 1, "smuggled", 0, NULL, hash);
	foreign_change(&file, 2, "broken", 1, hash, second);
	forge_place(&g.m, g.in_m, &f);
	import_op(&f, buf_bytes(&file));
	forge_seal(&g.m, g.in_m, &f, &envelope, id);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&envelope)).what, RECEIPT_REFUSED);
	assert_false(shows(&g.a, g.in_a, "smuggled"));
	device_reopen(&g.a);
	assert_false(shows(&g.a, g.in_a, "smuggled"));
	buf_clear(&envelope);
	group_clear(&g);
}

static void
what_one_member_signs_is_not_the_word_of_another(void **state)
{
	struct group g;
	struct forgery f;
	uint8_t hash[LK_ID_LEN], id[LK_ID_LEN];
	struct buf forged, honest;
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	foreign_change(&file, 1, "said", 0, NULL, hash);
	forge_place(&g.a, g.in_a, &f);
	import_op(&f, buf_bytes(&file));
	forge_seal(&g.a, g.in_a, &f, &honest, id);
	f.as = g.a.identity.sign.pk;
	forge_seal(&g.m, g.in_m, &f, &forged, id);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&forged)).what, RECEIPT_REFUSED);
	assert_false(shows(&g.f, g.in_f, "said"));
	/* The same in the author's own hand. */
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&honest)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.f, g.in_f, "said"));
	buf_clear(&forged);
	buf_clear(&honest);
	group_clear(&g);
}

/* Of two envelopes with one change a revocation keeps the first: the second,
 * void, must not take it away. */
static void
a_void_twin_does_not_hide_what_was_kept(void **state)
{
	struct group g;
	struct buf twin;

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "kept", "by all");
	carry(&g.m, g.in_m, &g.a, g.in_a);
	evict(&g.a, g.in_a, g.m.identity.root_pk, ROLE_NONE);
	assert_true(shows(&g.a, g.in_a, "kept"));
	forge_twin(&g.m, g.in_m, &twin);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&twin)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.a, g.in_a, "kept"));
	device_reopen(&g.a);
	assert_true(shows(&g.a, g.in_a, "kept"));
	buf_clear(&twin);
	group_clear(&g);
}

/* A reader may hand out many keys at once. */
static void
an_envelope_of_many_keys_is_kept_whole(void **state)
{
	enum { BOXES = 1024 };
	struct group g;
	struct forgery f;
	struct buf envelope;
	uint8_t id[LK_ID_LEN], etag[ETAG_LEN], *keys;
	struct docstate *ds;
	struct doc_summary before, after;
	BUF_SCOPED section = { .max = KEYSECTION_MAX };

	(void)state;
	group_make(&g);
	keys = calloc(BOXES, ACCESS_KEY_LEN);
	assert_non_null(keys);
	device_begin(&g.m);
	ok(docstate_get(g.m.r, g.in_m, &ds));
	graph_any_epoch(ds->graph, etag);
	device_commit(&g.m);
	buf_u8(&section, KEYS_SHARE);
	buf_mem(&section, g.m.identity.box.pk, DH_LEN);
	buf_u16(&section, BOXES);
	for (uint32_t i = 0; i < BOXES; i++) {
		uint8_t masked[32] = { 0 };

		buf_u32(&section, i);
		buf_mem(&section, masked, sizeof(masked));
		buf_mem(&section, etag, sizeof(etag));
		memcpy(keys + i * ACCESS_KEY_LEN, pk(&g.m), ACCESS_KEY_LEN);
	}
	buf_u8(&section, 0);
	forge_place(&g.m, g.in_m, &f);
	f.key_section = buf_bytes(&section);
	f.body.ops[f.body.ops_len++] = (struct access_op){ .kind = OP_SHARE,
		.share = { .keys = keys, .keys_len = BOXES } };
	forge_seal(&g.m, g.in_m, &f, &envelope, id);
	device_begin(&g.a);
	ok(replica_doc(g.a.r, g.in_a, &before));
	device_commit(&g.a);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&envelope)).what, RECEIPT_ACCEPTED);
	device_reopen(&g.a);
	device_begin(&g.a);
	assert_true(log_has(g.a.txn, id));
	ok(replica_doc(g.a.r, g.in_a, &after));
	device_commit(&g.a);
	assert_int_equal(before.envelopes + 1, after.envelopes);
	buf_clear(&envelope);
	free(keys);
	group_clear(&g);
}

/* Two imports, of which one holds all of the other: the next change depends on
 * the heads of both together only. */
static void
imports_that_overlap_are_one_history(void **state)
{
	struct group g;
	struct buf one, two;
	uint8_t hash[LK_ID_LEN], second[LK_ID_LEN];
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	foreign_change(&file, 1, "first", 0, NULL, hash);
	import_by(&g.m, g.in_m, buf_bytes(&file), &one);
	foreign_change(&file, 2, "second", 0, hash, second);
	import_by(&g.f, g.in_f, buf_bytes(&file), &two);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&two)).what, RECEIPT_ACCEPTED);
	edit(&g.a, g.in_a, "third", "3");
	/* The title, and the second change of the imports. */
	assert_int_equal(last_deps(&g.a, g.in_a), 2);
	assert_int_equal(
	    give(&g.f, g.in_f, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	assert_true(shows(&g.f, g.in_f, "third"));
	group_clear(&g);
	buf_clear(&one);
	buf_clear(&two);
}

/* The hash of the newest change of a document. */
static void
last_hash(struct device *d, uint32_t docno, uint8_t hash[static LK_ID_LEN])
{
	struct docstate *ds;
	struct node node;

	device_begin(d);
	ok(docstate_get(d->r, docno, &ds));
	ok(node_get(d->r, docno, graph_len(ds->graph) - 1, &node));
	assert_int_equal(node.hashes.len, LK_ID_LEN);
	memcpy(hash, node.hashes.ptr, LK_ID_LEN);
	device_commit(d);
}

/* Not on what the judge knows besides: another one may not know it. */
static void
an_import_builds_on_its_own_past_only(void **state)
{
	struct group g;
	struct buf one;
	struct forgery f;
	uint8_t mine[LK_ID_LEN], theirs[LK_ID_LEN], hash[LK_ID_LEN];
	uint8_t id[LK_ID_LEN];
	struct buf two;
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	edit(&g.m, g.in_m, "mine", "1");
	last_hash(&g.m, g.in_m, mine);
	edit(&g.f, g.in_f, "theirs", "1");
	last_hash(&g.f, g.in_f, theirs);
	carry(&g.f, g.in_f, &g.a, g.in_a);
	carry(&g.m, g.in_m, &g.a, g.in_a);
	foreign_change(&file, 1, "on theirs", 0, theirs, hash);
	forge_place(&g.m, g.in_m, &f);
	import_op(&f, buf_bytes(&file));
	forge_seal(&g.m, g.in_m, &f, &two, id);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&two)).what, RECEIPT_REFUSED);
	buf_reset(&file);
	foreign_change(&file, 1, "on mine", 0, mine, hash);
	import_by(&g.m, g.in_m, buf_bytes(&file), &one);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.a, g.in_a, "on mine"));
	/* The change of fay, and what was imported. */
	edit(&g.a, g.in_a, "then", "1");
	assert_int_equal(last_deps(&g.a, g.in_a), 2);
	buf_clear(&one);
	buf_clear(&two);
	group_clear(&g);
}

static void
a_void_import_hides_nothing_another_brought(void **state)
{
	struct group g;
	struct buf one, two;
	uint8_t hash[LK_ID_LEN], second[LK_ID_LEN];
	BUF_SCOPED file = { .max = 1 << 20 };

	(void)state;
	group_make(&g);
	foreign_change(&file, 1, "first", 0, NULL, hash);
	import_by(&g.m, g.in_m, buf_bytes(&file), &one);
	foreign_change(&file, 2, "second", 0, hash, second);
	import_by(&g.f, g.in_f, buf_bytes(&file), &two);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&one)).what, RECEIPT_ACCEPTED);
	evict(&g.a, g.in_a, g.f.identity.root_pk, ROLE_NONE);
	assert_int_equal(
	    give(&g.a, g.in_a, buf_bytes(&two)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.a, g.in_a, "first"));
	assert_false(shows(&g.a, g.in_a, "second"));
	/* The other way round on another device. */
	assert_int_equal(
	    give(&g.m, g.in_m, buf_bytes(&two)).what, RECEIPT_ACCEPTED);
	assert_true(shows(&g.m, g.in_m, "second"));
	carry(&g.a, g.in_a, &g.m, g.in_m);
	assert_true(shows(&g.m, g.in_m, "first"));
	assert_false(shows(&g.m, g.in_m, "second"));
	group_clear(&g);
	buf_clear(&one);
	buf_clear(&two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_one_member_signs_is_not_the_word_of_another),
		cmocka_unit_test(a_void_twin_does_not_hide_what_was_kept),
		cmocka_unit_test(an_envelope_of_many_keys_is_kept_whole),
		cmocka_unit_test(imports_that_overlap_are_one_history),
		cmocka_unit_test(a_void_import_hides_nothing_another_brought),
		cmocka_unit_test(nothing_of_a_refused_import_is_shown),
		cmocka_unit_test(an_import_builds_on_its_own_past_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
