/* What a session keeps of each document, and for how long. */
#include "tests/unit/sync/wired.h"

#define LATER_MS 600000

struct fixture {
	struct wires w;
	struct host a, b;
	uint32_t in_a, in_b;
};

static void
fixture_make(struct fixture *f)
{
	char text[TICKET_TEXT_MAX + 1];

	memset(f, 0, sizeof(*f));
	host_make(&f->w, &f->a, 1, "ann");
	host_make(&f->w, &f->b, 2, "bob");
	f->in_a = document(&f->a.d, "plan");
	ticket_make(&f->a, f->in_a, ROLE_WRITE, 1, text);
	f->in_b = redeemed(&f->b, redeem(&f->w, &f->b, text));
}

static void
fixture_clear(struct fixture *f)
{
	host_remove(&f->a);
	host_remove(&f->b);
}

static struct link_topic *
topic_at(struct host *h, uint32_t docno)
{
	struct link *l = TAILQ_FIRST(&h->e->links);

	assert_non_null(l);
	return topics_number(l, topics_of(l, docno));
}

static void
nothing_is_kept_of_a_document_about_which_nothing_was_said(void **state)
{
	struct link_topic t = { .docno = 1 };

	(void)state;
	/* A device may have 10,000 documents with each of several peers. */
	assert_true(sizeof(t) <= 32);
	assert_false(exchange_of(&t)->sending);
	assert_int_equal(exchange_of(&t)->asked.ms, 0);
	assert_int_equal(items_of(&t)->in.len, 0);
	link_topic_acked(&t);
	link_topic_rest(&t, (struct mono){ 1 });
	assert_null(t.exchange);
	assert_null(t.items);
}

/* What is set in an exchange, for how long that keeps it. */
static void
assert_kept(size_t offset, int64_t kept_ms)
{
	const struct mono since = { 1000000 };
	struct link_topic t = { .docno = 1 };
	struct exchange *x;

	ok(exchange_need(&t, &x));
	memcpy((uint8_t *)x + offset, &since, sizeof(since));
	link_topic_rest(&t, (struct mono){ since.ms + kept_ms - 1 });
	assert_ptr_equal(t.exchange, x);
	link_topic_rest(&t, (struct mono){ since.ms + kept_ms });
	assert_null(t.exchange);
}

static void
what_is_waited_for_is_kept_for_some_minutes(void **state)
{
	(void)state;
	assert_kept(offsetof(struct exchange, asked), 300000);
	assert_kept(offsetof(struct exchange, held), 300000);
	assert_kept(offsetof(struct exchange, ranged), 300000);
	assert_kept(offsetof(struct exchange, streamed), 300000);
	assert_kept(offsetof(struct exchange, busy), 0);
}

static void
what_is_to_be_sent_is_kept_until_it_is_sent(void **state)
{
	struct link_topic t = { .docno = 1 };
	struct exchange *x;

	(void)state;
	ok(exchange_need(&t, &x));
	x->sending = true;
	link_topic_rest(&t, (struct mono){ LATER_MS });
	assert_ptr_equal(t.exchange, x);
	x->sending = false;
	x->queue_len = 1;
	link_topic_rest(&t, (struct mono){ LATER_MS });
	assert_ptr_equal(t.exchange, x);
	x->queue_len = 0;
	link_topic_rest(&t, (struct mono){ LATER_MS });
	assert_null(t.exchange);
}

static void
what_was_brought_and_acknowledged_leaves_only_the_slots(void **state)
{
	static struct fixture f;
	struct link_topic *t;

	(void)state;
	fixture_make(&f);
	host_edit(&f.a, f.in_a, "key", "from ann");
	host_edit(&f.b, f.in_b, "key", "from bob");
	wires_run(&f.w, 5000);
	engine_rest(f.a.e, f.a.d.now);
	t = topic_at(&f.a, f.in_a);
	assert_null(t->exchange);
	assert_true(items_of(t)->in.len > 0 && items_of(t)->out.len > 0);
	fixture_clear(&f);
}

static uint64_t
envelopes(struct host *h, uint32_t docno)
{
	struct doc_summary s;

	device_begin(&h->d);
	ok(replica_doc(h->d.r, docno, &s));
	device_commit(&h->d);
	return s.envelopes;
}

static void
a_session_goes_on_after_a_rest(void **state)
{
	static struct fixture f;
	uint64_t conn, before;

	(void)state;
	fixture_make(&f);
	conn = TAILQ_FIRST(&f.a.e->links)->conn;
	before = envelopes(&f.a, f.in_a);
	for (int i = 0; i < 10; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%d", i);
		engine_rest(f.a.e, f.a.d.now);
		host_edit(&f.a, f.in_a, "ann", text);
		engine_rest(f.b.e, f.b.d.now);
		host_edit(&f.b, f.in_b, "bob", text);
		wires_run(&f.w, 1000);
	}
	assert_int_equal(envelopes(&f.a, f.in_a), before + 20);
	assert_int_equal(envelopes(&f.b, f.in_b), before + 20);
	assert_int_equal(TAILQ_FIRST(&f.a.e->links)->conn, conn);
	fixture_clear(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    nothing_is_kept_of_a_document_about_which_nothing_was_said),
		cmocka_unit_test(what_is_waited_for_is_kept_for_some_minutes),
		cmocka_unit_test(what_is_to_be_sent_is_kept_until_it_is_sent),
		cmocka_unit_test(
		    what_was_brought_and_acknowledged_leaves_only_the_slots),
		cmocka_unit_test(a_session_goes_on_after_a_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
