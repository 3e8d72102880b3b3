/* A document that a device forgets, and has again. */
#include "sync/pairing.h"
#include "tests/unit/sync/forgetting.h"
#include "tests/unit/sync/row.h"

static struct doc_summary
summary(struct host *h, uint32_t docno)
{
	struct doc_summary doc;

	device_begin(&h->d);
	ok(replica_doc(h->d.r, docno, &doc));
	device_commit(&h->d);
	return doc;
}

static lk_err
write_try(struct host *h, uint32_t docno, const char *key)
{
	struct setting s = { key, "x" };
	uint8_t hash[LK_ID_LEN];
	bool changed;
	lk_err err;

	device_begin(&h->d);
	ok(replica_nest(h->d.r));
	err =
	    replica_edit(h->d.r, docno, setting_fill, &s, NULL, &changed, hash);
	ok(replica_unnest(h->d.r, err.code == LK_OK));
	host_commit(h);
	return err;
}

static uint64_t
store_bytes(struct host *h, uint32_t docno)
{
	struct log_entry entry;
	uint64_t bytes = 0;

	device_begin(&h->d);
	for (uint64_t lsn = 1;
	     log_next(h->d.txn, docno, lsn, &entry).code == LK_OK;
	     lsn = entry.lsn + 1)
		bytes += entry.envelope.len;
	device_commit(&h->d);
	return bytes;
}

static void
nothing_of_it_is_kept_and_nothing_comes(void **state)
{
	struct row r;
	uint32_t empty;

	(void)state;
	row_make(&r);
	assert_true(store_bytes(&r.b, r.in_b) > 0);
	empty = host_forget(&r.b, r.in_b);
	assert_int_equal(summary(&r.b, empty).envelopes, 0);
	assert_true(summary(&r.b, empty).forgotten);
	wires_run(&r.w, MINUTE);
	assert_int_equal(store_bytes(&r.b, r.in_b), 0);
	host_edit(&r.a, r.in_a, "title", "new");
	wires_run(&r.w, 5 * MINUTE);
	assert_int_equal(store_bytes(&r.b, empty), 0);
	assert_int_equal(summary(&r.b, empty).envelopes, 0);
	row_clear(&r);
}

static void
who_forgets_says_so(void **state)
{
	struct row r;

	(void)state;
	row_make(&r);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
	(void)host_forget(&r.b, r.in_b);
	wires_run(&r.w, 5000);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_FORGOTTEN);
	assert_int_equal(seen(&r.c, r.in_c, &r.b), SYNC_FORGOTTEN);
	host_edit(&r.a, r.in_a, "title", "new");
	wires_run(&r.w, MINUTE);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_FORGOTTEN);
	row_clear(&r);
}

static void
who_never_meets_it_hears_so_from_others(void **state)
{
	struct row r;

	(void)state;
	row_make(&r);
	assert_int_equal(seen(&r.c, r.in_c, &r.a), SYNC_DONE);
	(void)host_forget(&r.a, r.in_a);
	wires_run(&r.w, MINUTE);
	assert_int_equal(seen(&r.c, r.in_c, &r.a), SYNC_FORGOTTEN);
	row_clear(&r);
}

/* What it said last is what those believe who were not there. */
static void
who_was_away_hears_it_when_they_meet(void **state)
{
	struct row r;

	(void)state;
	row_make(&r);
	wires_cut(&r.w);
	r.a.cut = r.b.cut = r.c.cut = true;
	(void)host_forget(&r.b, r.in_b);
	host_edit(&r.a, r.in_a, "title", "new");
	wires_run(&r.w, MINUTE);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_PENDING);
	r.a.cut = r.b.cut = r.c.cut = false;
	wires_run(&r.w, 2 * MINUTE);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_FORGOTTEN);
	assert_int_equal(seen(&r.c, r.in_c, &r.b), SYNC_FORGOTTEN);
	row_clear(&r);
}

static void
it_can_be_had_again_and_written_to(void **state)
{
	struct row r;
	uint32_t again;

	(void)state;
	row_make(&r);
	host_edit(&r.b, r.in_b, "from", "bob");
	wires_run(&r.w, MINUTE);
	again = host_forget(&r.b, r.in_b);
	wires_run(&r.w, MINUTE);
	host_edit(&r.a, r.in_a, "title", "new");
	wires_run(&r.w, MINUTE);
	host_recall(&r.b, again);
	wires_run(&r.w, MINUTE);
	assert_true(shows(&r.b.d, again, "title"));
	assert_true(shows(&r.b.d, again, "from"));
	ok(write_try(&r.b, again, "more"));
	wires_run(&r.w, MINUTE);
	assert_true(shows(&r.a.d, r.in_a, "more"));
	assert_true(shows(&r.c.d, r.in_c, "more"));
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
	assert_int_equal(seen(&r.c, r.in_c, &r.b), SYNC_DONE);
	row_clear(&r);
}

/* Else its key would be taken for a copied one, for ever. */
static void
it_does_not_write_before_all_it_wrote_is_back(void **state)
{
	struct row r;
	uint32_t again;
	lk_err err;

	(void)state;
	row_make(&r);
	wires_cut(&r.w);
	r.c.cut = true;
	host_edit(&r.b, r.in_b, "last", "word");
	wires_run(&r.w, MINUTE);
	assert_true(shows(&r.a.d, r.in_a, "last"));
	again = host_forget(&r.b, r.in_b);
	wires_run(&r.w, 1000);
	wires_cut(&r.w);
	r.a.cut = true;
	r.c.cut = false;
	host_recall(&r.b, again);
	wires_run(&r.w, 2 * MINUTE);
	/* All that cem has. */
	assert_true(shows(&r.b.d, again, "title"));
	assert_false(shows(&r.b.d, again, "last"));
	err = write_try(&r.b, again, "more");
	assert_int_equal(err.code, LK_E_DENIED);
	assert_non_null(strstr(err.what, "not back yet"));
	wires_cut(&r.w);
	r.a.cut = false;
	wires_run(&r.w, 2 * MINUTE);
	assert_true(shows(&r.b.d, again, "last"));
	ok(write_try(&r.b, again, "more"));
	wires_run(&r.w, MINUTE);
	assert_true(shows(&r.a.d, r.in_a, "more"));
	assert_true(shows(&r.c.d, r.in_c, "more"));
	row_clear(&r);
}

/* A device that had it from nobody else when it forgot. */
static void
it_is_forgotten_and_had_again_time_and_again(void **state)
{
	struct row r;
	uint32_t docno;

	(void)state;
	row_make(&r);
	docno = r.in_b;
	for (int i = 0; i < 3; i++) {
		docno = host_forget(&r.b, docno);
		wires_run(&r.w, i == 1 ? 100 : MINUTE);
		host_recall(&r.b, docno);
		wires_run(&r.w, MINUTE);
		assert_true(shows(&r.b.d, docno, "title"));
		ok(write_try(&r.b, docno, "more"));
		wires_run(&r.w, MINUTE);
		assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
		assert_int_equal(seen(&r.b, docno, &r.a), SYNC_DONE);
		assert_int_equal(seen(&r.c, r.in_c, &r.b), SYNC_DONE);
	}
	row_clear(&r);
}

/* What it said before is void, and comes from those who were not there. */
static void
what_it_had_before_is_not_believed_when_it_wants_it_again(void **state)
{
	struct row r;
	uint32_t again;

	(void)state;
	row_make(&r);
	r.a.apart = NULL;
	r.c.apart = NULL;
	wires_run(&r.w, MINUTE);
	r.c.cut = true;
	wires_cut(&r.w);
	wires_run(&r.w, MINUTE);
	again = host_forget(&r.b, r.in_b);
	wires_run(&r.w, 5000);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_FORGOTTEN);
	/* Nothing gets to it but that ann knows it wants it again. */
	r.a.slow = true;
	host_recall(&r.b, again);
	wires_run(&r.w, MINUTE);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_PENDING);
	assert_int_equal(summary(&r.b, again).envelopes, 0);
	r.b.cut = true;
	wires_cut(&r.w);
	r.a.slow = r.c.cut = false;
	wires_run(&r.w, 5 * MINUTE);
	assert_non_null(link_of(r.a.e, pk(&r.c)));
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_PENDING);
	host_remove(&r.a);
	host_remove(&r.b);
	host_remove(&r.c);
}

/* Whoever else reads it knows its secret. */
static void
nobody_puts_another_document_in_its_place(void **state)
{
	struct welcome w = { .docid = { 1 } };
	uint32_t empty, found;
	struct row r;

	(void)state;
	row_make(&r);
	empty = host_forget(&r.b, r.in_b);
	device_begin(&r.b.d);
	ok(docstate_topic(r.b.d.r, empty, &w.topic));
	assert_int_equal(
	    replica_welcome(r.b.d.r, &w, &found).code, LK_E_MALFORMED);
	ok(replica_doc_by_topic(r.b.d.r, w.topic.id, &found));
	assert_int_equal(found, empty);
	device_commit(&r.b.d);
	wires_run(&r.w, MINUTE);
	host_recall(&r.b, empty);
	device_begin(&r.b.d);
	assert_int_equal(
	    replica_welcome(r.b.d.r, &w, &found).code, LK_E_MALFORMED);
	device_commit(&r.b.d);
	row_clear(&r);
}

static void
who_forgets_what_a_ticket_has_not_brought_yet_uses_it_no_more(void **state)
{
	static const uint8_t secret[EPOCH_SECRET_LEN] = { 3 };
	struct welcome w = { .docid = { 1 }, .keys_len = 1 };
	char text[TICKET_TEXT_MAX + 1];
	struct redeem_status s;
	struct redeem *q;
	uint64_t handle;
	struct row r;

	(void)state;
	row_make(&r);
	ticket_make(&r.a, r.in_a, ROLE_WRITE, 1, text);
	r.a.cut = true;
	wires_cut(&r.w);
	handle = redeem(&r.w, &r.c, text);
	/* It is answered, and nothing of the document comes. */
	epoch_derive(&w.keys[0], secret);
	topic_derive(&w.topic, secret);
	q = TAILQ_LAST(&r.c.e->redeems, redeems);
	device_begin(&r.c.d);
	ok(replica_welcome(r.c.d.r, &w, &q->status.docno));
	welcome_clear(&w);
	q->welcomed = true;
	host_commit(&r.c);
	wires_run(&r.w, MINUTE);
	(void)host_forget(&r.c, q->status.docno);
	wires_run(&r.w, MINUTE);
	device_begin(&r.c.d);
	ok(engine_redeemed(r.c.e, handle, &s));
	device_commit(&r.c.d);
	assert_int_equal(s.state, REDEEM_DONE);
	row_clear(&r);
}

/* A welcome, or the answer in a letter, comes once. */
static void
who_uses_a_ticket_while_it_is_being_removed_has_it_again(void **state)
{
	struct row r;
	uint32_t again;

	(void)state;
	row_make(&r);
	again = host_forget(&r.b, r.in_b);
	device_begin(&r.b.d);
	ok(forgotten_wanted(r.b.e, again));
	host_commit(&r.b);
	assert_int_equal(store_bytes(&r.b, r.in_b), 0);
	wires_run(&r.w, MINUTE);
	assert_true(shows(&r.b.d, again, "title"));
	row_clear(&r);
}

/* What is known of another device, as it was said. */
static void
record_copy(struct host *h, uint32_t docno, const struct host *other,
    struct ack_record *out, struct buf *said)
{
	device_begin(&h->d);
	ok(ack_record_get(h->d.r, docno, pk(other), out));
	buf_add(said, out->said);
	ok(buf_err(said, "ACK"));
	out->said = buf_bytes(said);
	assert_true(ack_says_forgotten(out));
	device_commit(&h->d);
}

static void
record_back(struct host *h, uint32_t docno, const struct host *other,
    const struct ack_record *a)
{
	device_begin(&h->d);
	ok(ack_record_put(h->d.r, docno, pk(other), a));
	device_commit(&h->d);
}

/* In a crowd nobody tells them what the other said since. */
static void
two_who_had_both_forgotten_it_find_each_other(void **state)
{
	struct ack_record of_a, of_b;
	BUF_SCOPED said_a = { .max = 4096 };
	BUF_SCOPED said_b = { .max = 4096 };
	struct row r;

	(void)state;
	row_make(&r);
	r.in_b = host_forget(&r.b, r.in_b);
	wires_run(&r.w, MINUTE);
	record_copy(&r.a, r.in_a, &r.b, &of_b, &said_b);
	host_recall(&r.b, r.in_b);
	wires_run(&r.w, MINUTE);
	r.in_a = host_forget(&r.a, r.in_a);
	wires_run(&r.w, MINUTE);
	record_copy(&r.b, r.in_b, &r.a, &of_a, &said_a);
	host_recall(&r.a, r.in_a);
	wires_run(&r.w, MINUTE);
	r.c.cut = true;
	wires_cut(&r.w);
	record_back(&r.a, r.in_a, &r.b, &of_b);
	record_back(&r.b, r.in_b, &r.a, &of_a);
	host_edit(&r.a, r.in_a, "from", "ann");
	wires_run(&r.w, 5 * MINUTE);
	assert_true(shows(&r.b.d, r.in_b, "from"));
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
	row_clear(&r);
}

/* Nobody has sent it anything meanwhile. */
static void
who_forgets_it_once_more_before_it_is_back_can_have_it_again(void **state)
{
	struct row r;
	uint32_t docno;

	(void)state;
	row_make(&r);
	wires_cut(&r.w);
	r.a.cut = r.b.cut = r.c.cut = true;
	docno = host_forget(&r.b, r.in_b);
	wires_run(&r.w, 1000);
	host_recall(&r.b, docno);
	docno = host_forget(&r.b, docno);
	r.a.cut = r.b.cut = r.c.cut = false;
	wires_run(&r.w, 2 * MINUTE);
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_FORGOTTEN);
	assert_int_equal(seen(&r.c, r.in_c, &r.b), SYNC_FORGOTTEN);
	host_recall(&r.b, docno);
	wires_run(&r.w, 2 * MINUTE);
	assert_true(shows(&r.b.d, docno, "title"));
	assert_int_equal(seen(&r.a, r.in_a, &r.b), SYNC_DONE);
	row_clear(&r);
}

/* What is told of a document after the commit is told of none. */
static void
it_is_changed_and_forgotten_in_one_transaction(void **state)
{
	struct revoke_report report;
	struct row r;
	uint32_t own, empty;

	(void)state;
	row_make(&r);
	own = document(&r.b.d, "own");
	ok(share_try(&r.b.d, own, &r.a.d, ROLE_WRITE));
	wires_run(&r.w, MINUTE);
	device_begin(&r.b.d);
	ok(replica_revoke(r.b.d.r, own,
	    &(struct revoke_order){ .key = r.a.d.identity.root_pk }, &report));
	ok(engine_forget(r.b.e, own, r.b.d.now, &empty));
	host_commit(&r.b);
	row_clear(&r);
}

/* Carries what these two say to each other: whether either ends the session
 * because of it. */
static bool
they_fall_out(struct wires *w, struct host *one, struct host *other)
{
	struct host *both[2] = { one, other };
	bool moved = true, out = false;

	while (moved) {
		moved = false;
		for (size_t i = 0; i < 2; i++) {
			struct engine_output said;
			const char *address, *why;
			uint64_t conn;

			if (!engine_take(both[i]->e, &said))
				continue;
			moved = true;
			if (said.what != ENGINE_ANNOUNCE &&
			    said.what != ENGINE_DIAL)
				wire_carry(w, both[i], &said);
			out |=
			    engine_dropped(both[0]->e, &conn, &address, &why) ||
			    engine_dropped(both[1]->e, &conn, &address, &why);
		}
	}
	return out;
}

/* The peer's answer would give the document its number. */
static void
it_is_forgotten_while_a_list_of_documents_is_under_way(void **state)
{
	uint32_t own, empty;
	struct link *l;
	struct row r;

	(void)state;
	row_make(&r);
	own = document(&r.b.d, "own");
	ok(share_try(&r.b.d, own, &r.c.d, ROLE_WRITE));
	(void)welcome(&r.c.d, &r.b.d, own);
	l = link_of(r.b.e, pk(&r.c));
	assert_non_null(l);
	device_begin(&r.b.d);
	l->list_again = true;
	ok(topics_offer(r.b.e, l));
	assert_true(l->listed);
	ok(engine_forget(r.b.e, own, r.b.d.now, &empty));
	host_commit(&r.b);
	assert_false(they_fall_out(&r.w, &r.b, &r.c));
	row_clear(&r);
}

/* Mending drops what is damaged, and nothing else says it. */
static void
what_is_kept_of_it_may_be_lost(void **state)
{
	const uint8_t *me;
	struct home_name name;
	struct row r;
	uint8_t key[33] = { 'a' };
	uint32_t empty;

	(void)state;
	row_make(&r);
	me = pk(&r.b);
	wires_cut(&r.w);
	r.a.cut = r.b.cut = r.c.cut = true;
	empty = host_forget(&r.b, r.in_b);
	wires_run(&r.w, 1000);
	device_begin(&r.b.d);
	memcpy(key + 1, me, 32);
	ok(kv_del(txn_space(r.b.d.txn, empty, SPACE_PEERS), BYTES_OF(key)));
	ok(kv_del(txn_space(r.b.d.txn, empty, SPACE_META), BYTES_STR("f")));
	device_commit(&r.b.d);
	r.a.cut = r.b.cut = r.c.cut = false;
	host_edit(&r.a, r.in_a, "title", "new");
	wires_run(&r.w, 2 * MINUTE);
	assert_int_equal(summary(&r.b, empty).envelopes, 0);
	device_begin(&r.b.d);
	ok(home_name(r.b.d.r, empty, &name));
	device_commit(&r.b.d);
	assert_true(name.name[0] != '\0');
	host_recall(&r.b, empty);
	wires_run(&r.w, 2 * MINUTE);
	assert_true(shows(&r.b.d, empty, "title"));
	row_clear(&r);
}

static void
the_home_document_is_not_forgotten(void **state)
{
	struct row r;
	uint32_t home, empty;
	lk_err err;

	(void)state;
	row_make(&r);
	device_begin(&r.a.d);
	ok(replica_home(r.a.d.r, &home));
	err = engine_forget(r.a.e, home, r.a.d.now, &empty);
	assert_int_equal(err.code, LK_E_DENIED);
	err = engine_recall(r.a.e, r.in_a, r.a.d.now);
	assert_int_equal(err.code, LK_E_NOTFOUND);
	device_commit(&r.a.d);
	row_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_it_is_kept_and_nothing_comes),
		cmocka_unit_test(who_forgets_says_so),
		cmocka_unit_test(who_never_meets_it_hears_so_from_others),
		cmocka_unit_test(who_was_away_hears_it_when_they_meet),
		cmocka_unit_test(it_can_be_had_again_and_written_to),
		cmocka_unit_test(it_does_not_write_before_all_it_wrote_is_back),
		cmocka_unit_test(it_is_forgotten_and_had_again_time_and_again),
		cmocka_unit_test(
		    what_it_had_before_is_not_believed_when_it_wants_it_again),
		cmocka_unit_test(nobody_puts_another_document_in_its_place),
		cmocka_unit_test(
		    who_forgets_what_a_ticket_has_not_brought_yet_uses_it_no_more),
		cmocka_unit_test(
		    who_uses_a_ticket_while_it_is_being_removed_has_it_again),
		cmocka_unit_test(two_who_had_both_forgotten_it_find_each_other),
		cmocka_unit_test(
		    who_forgets_it_once_more_before_it_is_back_can_have_it_again),
		cmocka_unit_test(
		    it_is_changed_and_forgotten_in_one_transaction),
		cmocka_unit_test(
		    it_is_forgotten_while_a_list_of_documents_is_under_way),
		cmocka_unit_test(what_is_kept_of_it_may_be_lost),
		cmocka_unit_test(the_home_document_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
