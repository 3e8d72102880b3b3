/* Pieces: bytes in envelopes of their own, to which a document refers. */
#include "sync/piece.h"
#include "tests/unit/sync/group.h"

static uint8_t bytes[REPLICA_PIECE_MAX];

static struct bytes
content(uint8_t first)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(first + i * 7 + i / 251);
	return BYTES_OF(bytes);
}

static lk_err
add(struct device *d, uint32_t docno, struct bytes b, uint8_t *id)
{
	lk_err err;

	device_begin(d);
	err = replica_piece_add(d->r, docno, b, id);
	device_commit(d);
	return err;
}

static lk_err
read_piece(struct device *d, uint32_t docno, const uint8_t *id, struct buf *out)
{
	lk_err err;

	buf_init(out, sizeof(bytes));
	device_begin(d);
	err = replica_piece(d->r, docno, id, out);
	device_commit(d);
	return err;
}

static void
has(struct device *d, uint32_t docno, const uint8_t *id, struct bytes b)
{
	struct buf out;

	ok(read_piece(d, docno, id, &out));
	assert_true(bytes_equal(buf_bytes(&out), b));
	buf_clear(&out);
}

static void
a_piece_is_read_by_every_member(void **state)
{
	struct group g;
	uint8_t id[LK_ID_LEN], small[LK_ID_LEN];

	(void)state;
	group_make(&g);
	ok(add(&g.a, g.in_a, content(1), id));
	ok(add(&g.a, g.in_a, BYTES_STR("x"), small));
	has(&g.a, g.in_a, id, content(1));
	carry(&g.a, g.in_a, &g.m, g.in_m);
	has(&g.m, g.in_m, id, content(1));
	has(&g.m, g.in_m, small, BYTES_STR("x"));
	group_clear(&g);
}

static void
a_piece_is_nothing_that_shows(void **state)
{
	struct group g;
	struct doc *doc;
	uint8_t id[LK_ID_LEN];
	uint64_t before;

	(void)state;
	group_make(&g);
	edit(&g.a, g.in_a, "k", "v");
	device_begin(&g.a);
	ok(replica_open_doc(g.a.r, g.in_a, &doc));
	before = doc_changes(doc);
	doc_free(doc);
	device_commit(&g.a);
	ok(add(&g.a, g.in_a, BYTES_STR("x"), id));
	device_begin(&g.a);
	ok(replica_open_doc(g.a.r, g.in_a, &doc));
	assert_int_equal(doc_changes(doc), before);
	doc_free(doc);
	device_commit(&g.a);
	assert_true(shows(&g.a, g.in_a, "k"));
	group_clear(&g);
}

static void
what_is_no_piece_of_the_document_is_not_read(void **state)
{
	struct group g;
	uint8_t id[LK_ID_LEN], of_other[LK_ID_LEN], nothing[LK_ID_LEN] = { 0 };
	uint32_t other;
	struct graph *graph;
	struct buf out;

	(void)state;
	group_make(&g);
	other = document(&g.a, "other");
	ok(add(&g.a, other, BYTES_STR("x"), of_other));
	device_begin(&g.a);
	ok(replica_graph(g.a.r, g.in_a, &graph));
	graph_id(graph, 0, id);
	device_commit(&g.a);
	assert_int_equal(
	    read_piece(&g.a, g.in_a, id, &out).code, LK_E_NOTFOUND);
	assert_int_equal(
	    read_piece(&g.a, g.in_a, of_other, &out).code, LK_E_NOTFOUND);
	assert_int_equal(
	    read_piece(&g.a, g.in_a, nothing, &out).code, LK_E_NOTFOUND);
	assert_int_equal(out.len, 0);
	has(&g.a, other, of_other, BYTES_STR("x"));
	group_clear(&g);
}

/* Who was thrown out gets what is written later, and cannot open it; what he
 * wrote before stays readable for who refers to it. */
static void
a_piece_is_sealed_under_a_key_that_only_members_know(void **state)
{
	struct group g;
	uint8_t his[LK_ID_LEN], later[LK_ID_LEN];
	struct buf out;
	struct bag news = { .len = 0 };

	(void)state;
	group_make(&g);
	ok(add(&g.m, g.in_m, BYTES_STR("his"), his));
	carry(&g.m, g.in_m, &g.a, g.in_a);
	evict(&g.a, g.in_a, pk(&g.m), ROLE_NONE);
	ok(add(&g.a, g.in_a, BYTES_STR("later"), later));
	has(&g.a, g.in_a, his, BYTES_STR("his"));
	carry(&g.a, g.in_a, &g.f, g.in_f);
	has(&g.f, g.in_f, later, BYTES_STR("later"));
	(void)bag_take(&news, &g.a, g.in_a, 1);
	for (size_t i = 0; i < news.len; i++)
		(void)give(&g.m, g.in_m, buf_bytes(&news.at[i]));
	bag_clear(&news);
	assert_int_not_equal(read_piece(&g.m, g.in_m, later, &out).code, LK_OK);
	assert_int_equal(out.len, 0);
	group_clear(&g);
}

static void
who_may_only_read_adds_none(void **state)
{
	struct group g;
	uint8_t id[LK_ID_LEN];

	(void)state;
	group_make(&g);
	evict(&g.a, g.in_a, pk(&g.f), ROLE_READ);
	carry(&g.a, g.in_a, &g.f, g.in_f);
	assert_int_equal(
	    add(&g.f, g.in_f, BYTES_STR("x"), id).code, LK_E_DENIED);
	group_clear(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_piece_is_read_by_every_member),
		cmocka_unit_test(a_piece_is_nothing_that_shows),
		cmocka_unit_test(what_is_no_piece_of_the_document_is_not_read),
		cmocka_unit_test(
		    a_piece_is_sealed_under_a_key_that_only_members_know),
		cmocka_unit_test(who_may_only_read_adds_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
