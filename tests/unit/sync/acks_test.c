/* What devices know of each other that never meet. */
#include "tests/unit/sync/row.h"

static void
a_device_hears_what_one_it_never_meets_has(void **state)
{
	struct row r;

	(void)state;
	row_make(&r);
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_DONE);
	assert_int_equal(seen(&r.c, r.in_c, &r.a), SYNC_DONE);
	host_edit(&r.a, r.in_a, "title", "new");
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_PENDING);
	wires_run(&r.w, 3000);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_DONE);
	assert_int_equal(seen(&r.c, r.in_c, &r.a), SYNC_DONE);
	row_clear(&r);
}

/* One comes when the other has gone. */
static void
it_is_told_by_whom_both_meet_in_turn(void **state)
{
	struct row r;

	(void)state;
	row_make(&r);
	wires_cut(&r.w);
	r.a.cut = true;
	host_edit(&r.a, r.in_a, "title", "new");
	wires_run(&r.w, MINUTE);
	wires_cut(&r.w);
	r.a.cut = false;
	r.c.cut = true;
	wires_run(&r.w, 2 * MINUTE);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_PENDING);
	wires_cut(&r.w);
	r.a.cut = true;
	r.c.cut = false;
	wires_run(&r.w, 2 * MINUTE);
	assert_int_equal(seen(&r.c, r.in_c, &r.b), SYNC_DONE);
	wires_cut(&r.w);
	r.a.cut = false;
	r.c.cut = true;
	wires_run(&r.w, 2 * MINUTE);
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_DONE);
	row_clear(&r);
}

static void
said_of(struct host *h, uint32_t docno, const struct host *of, struct buf *out)
{
	struct ack_record a;

	buf_init(out, 8192);
	device_begin(&h->d);
	ok(ack_record_get(h->e->r, docno, pk(of), &a));
	buf_add(out, a.said);
	device_commit(&h->d);
}

/* bob passes on to ann what he says cem has said. */
static lk_err
pass(struct row *r, const struct buf *said)
{
	struct link *l = link_of(r->a.e, pk(&r->b));
	BUF_SCOPED body = { .max = 8192 };
	lk_err err;

	assert_non_null(l);
	buf_u32(&body, topics_of(l, r->in_a));
	buf_add(&body, buf_bytes(said));
	device_begin(&r->a.d);
	err = acks_received(r->a.e, l, buf_bytes(&body));
	host_commit(&r->a);
	return err;
}

static void
what_was_said_before_does_not_count_again(void **state)
{
	struct buf old, new;
	struct row r;

	(void)state;
	row_make(&r);
	said_of(&r.b, r.in_b, &r.c, &old);
	host_edit(&r.a, r.in_a, "title", "new");
	wires_run(&r.w, 3000);
	said_of(&r.a, r.in_a, &r.c, &new);
	assert_false(bytes_equal(buf_bytes(&old), buf_bytes(&new)));
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_DONE);
	ok(pass(&r, &old));
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_DONE);
	ok(pass(&r, &new));
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_DONE);
	buf_clear(&old);
	buf_clear(&new);
	row_clear(&r);
}

/* A higher counter, or other heads, is nobody's word but the device's. */
static void
nobody_can_say_it_for_another(void **state)
{
	struct buf said;
	struct row r;

	(void)state;
	row_make(&r);
	said_of(&r.b, r.in_b, &r.c, &said);
	for (size_t i = LK_TOPIC_LEN; i < said.len; i++) {
		lk_err err;

		said.ptr[i] ^= 0x40;
		err = pass(&r, &said);
		said.ptr[i] ^= 0x40;
		/* An older counter, or another key, is passed over. */
		if (err.code != LK_OK)
			assert_int_equal(err.code, LK_E_MALFORMED);
	}
	assert_int_equal(seen(&r.a, r.in_a, &r.c), SYNC_DONE);
	row_clear(&r);
	buf_clear(&said);
}

/* What is compared with a peer. */
static void
sum_of(struct host *h, uint32_t docno, const struct host *with,
    struct fingerprint *f)
{
	device_begin(&h->d);
	ok(acks_sum(h->e, link_of(h->e, pk(with)), docno, f));
	device_commit(&h->d);
}

/* One device heard more of him than the other before he was thrown out. */
static void
who_was_thrown_out_is_not_compared(void **state)
{
	uint8_t said[64] = { 1 };
	struct ack_record heard = { .said = BYTES_OF(said) };
	struct fingerprint of_a, of_b;
	struct device m;
	struct row r;

	(void)state;
	row_make(&r);
	device_make(&m, 9, "mal");
	ok(share_try(&r.a.d, r.in_a, &m, ROLE_READ));
	wires_run(&r.w, MINUTE);
	device_begin(&r.a.d);
	ok(ack_record_put(r.a.d.r, r.in_a, m.identity.sign.pk, &heard));
	host_commit(&r.a);
	sum_of(&r.a, r.in_a, &r.b, &of_a);
	sum_of(&r.b, r.in_b, &r.a, &of_b);
	assert_int_equal(of_a.count, of_b.count + 1);
	host_evict(&r.a, r.in_a, m.identity.root_pk);
	wires_run(&r.w, 2 * MINUTE);
	sum_of(&r.a, r.in_a, &r.b, &of_a);
	sum_of(&r.b, r.in_b, &r.a, &of_b);
	assert_int_equal(of_a.count, 1);
	assert_int_equal(of_b.count, 1);
	assert_memory_equal(of_a.sum, of_b.sum, sizeof(of_a.sum));
	device_remove(&m);
	row_clear(&r);
}

/* What bob has left somewhere comes to ann. */
static lk_err
left(struct row *r)
{
	BUF_SCOPED stored = { .max = 8192 };
	struct stored_name name;
	struct docstate *ds;
	lk_err err;

	device_begin(&r->b.d);
	ok(docstate_get(r->b.d.r, r->in_b, &ds));
	ok(acks_name(r->b.e, ds, &name));
	ok(acks_store(r->b.e, ds, &stored));
	device_commit(&r->b.d);
	device_begin(&r->a.d);
	ok(docstate_get(r->a.d.r, r->in_a, &ds));
	err = acks_stored(r->a.e, ds, &name, buf_bytes(&stored));
	host_commit(&r->a);
	return err;
}

/* A link may be dead for a while before that is noticed. */
static void
what_is_left_by_who_is_connected_waits_until_he_is_not(void **state)
{
	struct row r;

	(void)state;
	row_make(&r);
	ok(left(&r));
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
	/* His engine is not told, and says nothing. */
	edit(&r.b.d, r.in_b, "title", "new");
	assert_int_equal(left(&r).code, LK_E_WAIT);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
	wires_cut(&r.w);
	ok(left(&r));
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_PENDING);
	row_clear(&r);
}

/* cem asks bob, who keeps one, ann's: it is read for the sum, and told. */
static void
what_is_read_to_answer_is_counted(void **state)
{
	struct fp_range other = { .acks = true };
	BUF_SCOPED asked = { .max = 64 };
	struct link *l;
	struct row r;
	size_t before;

	(void)state;
	row_make(&r);
	l = link_of(r.b.e, pk(&r.c));
	assert_non_null(l);
	other.first = other.last = topics_of(l, r.in_b);
	fp_range_encode(&asked, &other);
	device_begin(&r.b.d);
	ok(reconcile_fp(r.b.e, l, buf_bytes(&asked)));
	before = l->spent; /* of the minute that has begun */
	ok(reconcile_fp(r.b.e, l, buf_bytes(&asked)));
	host_commit(&r.b);
	assert_int_equal(l->spent - before, 2 + asked.len + 1 + 1);
	row_clear(&r);
}

/* Nothing is said twice: what a quiet minute and an edit come to. */
static void
passing_on_comes_to_an_end(void **state)
{
	uint64_t before;
	struct row r;

	(void)state;
	row_make(&r);
	wires_run(&r.w, 2 * MINUTE);
	before = r.w.bytes;
	wires_run(&r.w, 10 * (int64_t)MINUTE);
	print_message("ten quiet minutes: %llu bytes\n",
	    (unsigned long long)(r.w.bytes - before));
	assert_true(r.w.bytes - before < 60000);
	before = r.w.bytes;
	host_edit(&r.a, r.in_a, "title", "new");
	wires_run(&r.w, 10000);
	print_message(
	    "an edit: %llu bytes\n", (unsigned long long)(r.w.bytes - before));
	assert_true(r.w.bytes - before < 5000);
	row_clear(&r);
}

/* Between two there is nobody to pass it on to. */
static void
between_two_nothing_is_signed_until_there_is_a_third(void **state)
{
	char text[TICKET_TEXT_MAX + 1];
	struct wires w = { 0 };
	struct host a, b, c;
	uint32_t in_a, in_b;
	struct buf said;

	(void)state;
	host_make(&w, &a, 1, "ann");
	host_make(&w, &b, 2, "bob");
	host_make(&w, &c, 3, "cem");
	in_a = document(&a.d, "plan");
	ticket_make(&a, in_a, ROLE_WRITE, 1, text);
	in_b = redeemed(&b, redeem(&w, &b, text));
	wires_run(&w, MINUTE);
	host_edit(&b, in_b, "title", "new");
	wires_run(&w, 3000);
	assert_int_equal(seen(&a, in_a, &b), SYNC_DONE);
	assert_int_equal(seen(&b, in_b, &a), SYNC_DONE);
	said_of(&a, in_a, &b, &said);
	assert_int_equal(said.len, 0);
	said_of(&b, in_b, &a, &said);
	assert_int_equal(said.len, 0);
	ticket_make(&a, in_a, ROLE_WRITE, 1, text);
	(void)redeem(&w, &c, text);
	wires_run(&w, MINUTE);
	assert_int_equal(seen(&a, in_a, &b), SYNC_DONE);
	said_of(&a, in_a, &b, &said);
	assert_true(said.len > 0);
	buf_clear(&said);
	host_remove(&a);
	host_remove(&b);
	host_remove(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_hears_what_one_it_never_meets_has),
		cmocka_unit_test(it_is_told_by_whom_both_meet_in_turn),
		cmocka_unit_test(what_was_said_before_does_not_count_again),
		cmocka_unit_test(nobody_can_say_it_for_another),
		cmocka_unit_test(who_was_thrown_out_is_not_compared),
		cmocka_unit_test(
		    what_is_left_by_who_is_connected_waits_until_he_is_not),
		cmocka_unit_test(what_is_read_to_answer_is_counted),
		cmocka_unit_test(passing_on_comes_to_an_end),
		cmocka_unit_test(
		    between_two_nothing_is_signed_until_there_is_a_third),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
