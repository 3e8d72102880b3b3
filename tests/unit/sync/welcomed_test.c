/* What a welcome makes known, beside what is known already. */
#include "tests/unit/store/scratch.h"

#include "sync/docstate.h"
#include "sync/home.h"
#include "sync/welcome.h"

#define assert_ok(call) assert_int_equal((call).code, LK_OK)

struct guest {
	struct scratch scratch;
	struct store *store;
	struct txn *txn;
	struct identity identity;
	struct replica *r;
	uint32_t docno;
};

static lk_err
nothing(void *ctx, struct edit *e, struct doc *d)
{
	(void)ctx, (void)e, (void)d;
	return LK_NONE;
}

/* With a home and a document. */
static void
guest_come(struct guest *g)
{
	static const uint8_t entropy[16] = { 7 };
	struct verifier verifier = { .run = verify_jobs_here };
	struct now now = { { 1000 }, { INT64_C(1780000000000) } };

	scratch_init(&g->scratch, 5);
	g->store = scratch_store(&g->scratch, 0);
	assert_ok(identity_create(&g->identity, &g->scratch.random, "laptop"));
	assert_ok(
	    replica_new(&g->r, &g->identity, g->scratch.random, verifier));
	g->txn = scratch_txn(g->store, TXN_WRITE);
	replica_begin(g->r, g->txn, now);
	assert_ok(home_create(g->r, &g->identity, entropy));
	assert_ok(
	    replica_create(g->r, "plan", "map", nothing, NULL, &g->docno));
}

static void
guest_go(struct guest *g)
{
	txn_abort(g->txn);
	replica_free(g->r);
	identity_clear(&g->identity);
	store_close(g->store);
	scratch_clear(&g->scratch);
}

/* For a document that nobody has, with this secret. */
static lk_err
welcome_to(struct guest *g, uint8_t id, const struct topic *topic)
{
	struct welcome w = { .docid = { id }, .keys_len = 1 };
	static const uint8_t ladder[EPOCH_SECRET_LEN] = { 3 };
	uint32_t docno;
	lk_err err;

	epoch_derive(&w.keys[0], ladder);
	if (topic == NULL)
		topic_derive(&w.topic, ladder);
	else
		w.topic = *topic;
	err = replica_welcome(g->r, &w, &docno);
	welcome_clear(&w);
	return err;
}

static void
a_secret_that_is_a_documents_does_not_become_anothers(void **state)
{
	struct topic topic;
	struct guest g;
	uint32_t found;

	(void)state;
	guest_come(&g);
	assert_ok(docstate_topic(g.r, g.docno, &topic));
	assert_int_equal(welcome_to(&g, 1, &topic).code, LK_E_MALFORMED);
	assert_ok(replica_doc_by_topic(g.r, topic.id, &found));
	assert_int_equal(found, g.docno);
	guest_go(&g);
}

static void
before_anything_has_come_it_may(void **state)
{
	struct guest g;

	(void)state;
	guest_come(&g);
	assert_ok(welcome_to(&g, 1, NULL));
	assert_ok(welcome_to(&g, 2, NULL));
	guest_go(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_secret_that_is_a_documents_does_not_become_anothers),
		cmocka_unit_test(before_anything_has_come_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
