/* Object stores that lose, lie, cut short and go back. */
#include "tests/unit/sync/apart.h"

static void
a_store_that_was_emptied_is_filled_again(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP];
	uint32_t plan = host_document(laptop, "plan");
	size_t packs;

	(void)state;
	pass(s, MINUTE);
	for (int i = 0; i < 5; i++) {
		host_edit(laptop, plan, "n", i % 2 == 0 ? "even" : "odd");
		pass(s, 20000);
	}
	packs = s->shelf->len;
	assert_true(packs > 5);
	shelf_empty(s->shelf);
	pass(s, 2 * MINUTE);
	assert_true(shelf_count(s->shelf, "lk1/", "-0") > 0);
	/* A device that begins anew with what lies there has everything. */
	host_edit(laptop, plan, "last", "word");
	pass(s, MINUTE);
	assert_true(host_shows(&s->at[PHONE], "plan", "last"));
	story_end(s);
}

static void
a_store_that_loses_lies_and_cuts_short_is_got_over(void **state)
{
	struct story *s = story_begin();

	(void)state;
	s->shelf->lost_puts = 3;
	s->shelf->stale_lists = 2;
	s->shelf->short_gets = 4;
	s->shelf->page = 3;
	write_by_turns(s, 12);
	s->shelf->lost_puts = s->shelf->stale_lists = s->shelf->short_gets = 0;
	pass(s, 20 * MINUTE);
	assert_same(s, "plan");
	assert_true(host_shows(&s->at[LAPTOP], "plan", "b"));
	story_end(s);
}

static void
a_store_put_back_to_yesterday_is_brought_up_to_date(void **state)
{
	struct story *s = story_begin();
	struct shelf *old = shelf_new();

	(void)state;
	write_by_turns(s, 4);
	for (size_t i = 0; i < s->shelf->len; i++)
		shelf_put(old, s->shelf->books[i].name,
		    buf_bytes(&s->shelf->books[i].bytes));
	write_by_turns_on(s, 6);
	shelf_free(s->shelf);
	s->shelf = old;
	for (int i = 0; i < HOSTS; i++)
		s->readers[i].shelf = old;
	pass(s, 5 * MINUTE);
	assert_same(s, "plan");
	/* And a device that comes now finds everything there. */
	assert_stored(&s->at[LAPTOP], "plan");
	assert_stored(&s->at[PHONE], "plan");
	story_end(s);
}

static void
a_letter_that_was_lost_with_the_store_is_written_again(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP], *friend = &s->at[FRIEND];
	uint32_t plan = host_document(laptop, "plan");

	(void)state;
	s->readers[FRIEND].away = true;
	host_shares(laptop, plan, friend);
	pass(s, MINUTE);
	assert_true(shelf_count(s->shelf, "lk1/mail/", "") > 0);
	shelf_empty(s->shelf);
	pass(s, 2 * MINUTE);
	assert_true(shelf_count(s->shelf, "lk1/mail/", "") > 0);
	s->readers[FRIEND].away = false;
	pass(s, 20 * MINUTE);
	assert_true(host_shows(friend, "plan", "title"));
	/* It was read, and is gone, and no other one comes. */
	assert_int_equal(shelf_count(s->shelf, "lk1/mail/", ""), 0);
	story_end(s);
}

static void
a_letter_that_was_refused_is_written_when_it_is_taken(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP], *friend = &s->at[FRIEND];
	uint32_t plan = host_document(laptop, "plan");

	(void)state;
	s->shelf->no_mail = true;
	host_shares(laptop, plan, friend);
	pass(s, 10 * MINUTE);
	assert_false(host_shows(friend, "plan", "title"));
	s->shelf->no_mail = false;
	pass(s, 5 * MINUTE);
	assert_true(host_shows(friend, "plan", "title"));
	story_end(s);
}

static void
junk_and_damage_change_nobody(void **state)
{
	struct story *s = story_begin();
	struct remote_status status;
	struct shelf *shelf = s->shelf;
	size_t gets;

	(void)state;
	write_by_turns(s, 4);
	/* Each pack damaged, once longer, once shorter, once as long. */
	for (size_t i = 0; i < shelf->len; i++) {
		struct buf *b = &shelf->books[i].bytes;

		if (i % 3 == 0)
			b->len /= 2;
		else if (i % 3 == 1)
			buf_mem(b, "junk", 4);
		else
			b->ptr[b->len / 2] ^= 1;
	}
	/* Names of our form with anything in them, and others. */
	for (size_t i = 0; i < 200; i++) {
		struct stored_name name = { .kind = (enum stored_kind)(i % 3),
			.seq = 1 + i,
			.count = 1 + i % 5 };
		char text[OBJECT_NAME_MAX + 1];

		assert_true(stored_name_parse(
		    &name, shelf->books[i % shelf->len].name));
		if (name.kind != STORED_MAIL)
			name.seq += 1000 + i;
		name.hash[3] ^= 0x55;
		stored_name_format(text, &name);
		shelf_put(shelf, text, BYTES_STR("nothing of the kind"));
	}
	shelf_put(shelf, "lk1/readme.txt", BYTES_STR("hello"));
	shelf_put(shelf, "lk1/zzz/zzz", BYTES_STR("hello"));
	pass(s, 10 * MINUTE);
	write_by_turns_on(s, 5);
	pass(s, 5 * MINUTE);
	assert_same(s, "plan");
	assert_true(host_shows(&s->at[LAPTOP], "plan", "b"));
	device_begin(&s->at[LAPTOP].d);
	ok(engine_remote(s->at[LAPTOP].e, 0, &status));
	device_commit(&s->at[LAPTOP].d);
	assert_true(status.reachable);
	/* What is of no use is not asked for again and again. */
	gets = shelf->gets;
	pass(s, 5 * MINUTE);
	assert_true(shelf->gets - gets < 3 * 220);
	story_end(s);
}

/* The first pack of a document that lies there. */
static struct book *
pack_of(
    struct story *s, struct host *h, uint32_t docno, struct stored_name *name)
{
	struct docstate *ds;

	device_begin(&h->d);
	ok(docstate_get(h->d.r, docno, &ds));
	device_commit(&h->d);
	for (size_t i = 0; i < s->shelf->len; i++)
		if (stored_name_parse(name, s->shelf->books[i].name) &&
		    name->kind != STORED_ACK && name->kind != STORED_MAIL &&
		    memcmp(name->topic, ds->topic.id, LK_TOPIC_LEN) == 0)
			return &s->shelf->books[i];
	fail_msg("no pack");
	return NULL;
}

/* A list told of it before the answer to the request that put it came, so it is
 * read, and is not what was put. */
static void
a_pack_that_is_seen_damaged_is_written_again(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP];
	uint32_t plan = host_document(laptop, "plan");
	BUF_SCOPED whole = { .max = OBJECT_BYTES_MAX };
	struct stored_name name;
	struct book *book;

	(void)state;
	pass(s, MINUTE);
	book = pack_of(s, laptop, plan, &name);
	buf_add(&whole, buf_bytes(&book->bytes));
	book->bytes.ptr[book->bytes.len / 2] ^= 1;
	device_begin(&laptop->d);
	ok(bucket_found(laptop->e, TAILQ_FIRST(&laptop->e->remotes), plan,
	    &name, whole.len));
	host_commit(laptop);
	pass(s, 5 * MINUTE);
	book = pack_of(s, laptop, plan, &name);
	assert_true(bytes_equal(buf_bytes(&book->bytes), buf_bytes(&whole)));
	story_end(s);
}

/* Cut short on its way the first times. */
static void
an_acknowledgement_that_was_read_damaged_is_read_again(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP], *phone = &s->at[PHONE];
	uint32_t plan = host_document(laptop, "plan");

	(void)state;
	pass(s, 2 * MINUTE);
	host_edit(laptop, plan, "x", "y");
	while (!host_shows(phone, "plan", "x"))
		pass(s, MINUTE / 60);
	s->shelf->short_gets = 1;
	pass(s, MINUTE);
	assert_int_equal(state_of(laptop, plan, phone), SYNC_PENDING);
	s->shelf->short_gets = 0;
	pass(s, 10 * MINUTE);
	assert_int_equal(state_of(laptop, plan, phone), SYNC_DONE);
	story_end(s);
}

static void
a_device_that_was_killed_goes_on(void **state)
{
	struct story *s = story_begin();
	struct host *phone = &s->at[PHONE];
	size_t gets;

	(void)state;
	write_by_turns(s, 6);
	pass(s, 2 * MINUTE);
	gets = s->shelf->gets;
	engine_free(phone->e);
	device_reopen(&phone->d);
	host_engine(phone);
	host_remote(phone, REMOTE_FOLDER);
	pass(s, 2 * MINUTE);
	/* Nothing that was read is read again. */
	assert_int_equal(s->shelf->gets, gets);
	write_by_turns_on(s, 3);
	pass(s, MINUTE);
	assert_same(s, "plan");
	story_end(s);
}

static void
who_may_only_read_a_store_reads(void **state)
{
	struct story *s = story_begin();
	struct host *phone = &s->at[PHONE];
	struct remote_status status;

	(void)state;
	(void)host_document(&s->at[LAPTOP], "plan");
	pass(s, MINUTE);
	s->readers[PHONE].denied = true;
	host_edit(
	    &s->at[LAPTOP], document_at(&s->at[LAPTOP], "plan"), "x", "y");
	host_edit(phone, document_at(phone, "plan"), "p", "q");
	pass(s, 2 * MINUTE);
	assert_true(host_shows(phone, "plan", "x"));
	device_begin(&phone->d);
	ok(engine_remote(phone->e, 0, &status));
	device_commit(&phone->d);
	assert_true(status.reachable);
	assert_int_equal(status.err.code, LK_E_DENIED);
	assert_false(host_shows(&s->at[LAPTOP], "plan", "p"));
	s->readers[PHONE].denied = false;
	pass(s, 5 * MINUTE);
	assert_true(host_shows(&s->at[LAPTOP], "plan", "p"));
	story_end(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_that_was_emptied_is_filled_again),
		cmocka_unit_test(
		    a_store_that_loses_lies_and_cuts_short_is_got_over),
		cmocka_unit_test(
		    a_store_put_back_to_yesterday_is_brought_up_to_date),
		cmocka_unit_test(
		    a_letter_that_was_lost_with_the_store_is_written_again),
		cmocka_unit_test(
		    a_letter_that_was_refused_is_written_when_it_is_taken),
		cmocka_unit_test(junk_and_damage_change_nobody),
		cmocka_unit_test(a_pack_that_is_seen_damaged_is_written_again),
		cmocka_unit_test(
		    an_acknowledgement_that_was_read_damaged_is_read_again),
		cmocka_unit_test(a_device_that_was_killed_goes_on),
		cmocka_unit_test(who_may_only_read_a_store_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
