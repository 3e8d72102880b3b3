/* Devices that never meet stay in step through an object store. */
#include "tests/unit/sync/apart.h"
#include "tests/unit/sync/forgetting.h"

static void
two_devices_of_a_person_stay_in_step(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP], *phone = &s->at[PHONE];
	uint32_t plan = host_document(laptop, "plan");

	(void)state;
	pass(s, MINUTE);
	assert_true(host_shows(phone, "plan", "title"));
	host_edit(phone, document_at(phone, "plan"), "from", "phone");
	(void)host_document(phone, "list");
	pass(s, MINUTE);
	assert_true(host_shows(laptop, "plan", "from"));
	assert_true(host_shows(laptop, "list", "title"));
	host_edit(laptop, plan, "back", "laptop");
	assert_int_equal(state_of(laptop, plan, phone), SYNC_PENDING);
	/* It is there, and nobody has fetched it. */
	s->readers[PHONE].away = true;
	pass(s, MINUTE);
	assert_int_equal(state_of(laptop, plan, phone), SYNC_PENDING);
	s->readers[PHONE].away = false;
	pass(s, 10 * MINUTE);
	assert_true(host_shows(phone, "plan", "back"));
	assert_int_equal(state_of(laptop, plan, phone), SYNC_DONE);
	story_end(s);
}

static void
a_forgotten_document_is_not_fetched_until_it_is_wanted_again(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP], *phone = &s->at[PHONE];
	uint32_t plan = host_document(laptop, "plan"), his;

	(void)state;
	pass(s, MINUTE);
	host_edit(phone, document_at(phone, "plan"), "from", "phone");
	pass(s, 10 * MINUTE);
	assert_int_equal(state_of(laptop, plan, phone), SYNC_DONE);
	his = host_forget(phone, document_at(phone, "plan"));
	pass(s, 5 * MINUTE);
	assert_int_equal(state_of(laptop, plan, phone), SYNC_FORGOTTEN);
	host_edit(laptop, plan, "back", "laptop");
	pass(s, 5 * MINUTE);
	assert_int_equal(state_of(laptop, plan, phone), SYNC_FORGOTTEN);
	assert_false(host_shows(phone, "plan", "title"));
	host_recall(phone, his);
	pass(s, 10 * MINUTE);
	assert_true(host_shows(phone, "plan", "back"));
	assert_true(host_shows(phone, "plan", "from"));
	host_edit(phone, his, "more", "phone");
	pass(s, 10 * MINUTE);
	assert_true(host_shows(laptop, "plan", "more"));
	assert_int_equal(state_of(laptop, plan, phone), SYNC_DONE);
	assert_same(s, "plan");
	story_end(s);
}

static void
a_contact_is_let_in_and_thrown_out(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP], *friend = &s->at[FRIEND];
	uint32_t plan = host_document(laptop, "plan"), his;

	(void)state;
	host_shares(laptop, plan, friend);
	pass(s, MINUTE);
	assert_true(host_shows(friend, "plan", "title"));
	his = document_at(friend, "plan");
	host_edit(friend, his, "friend", "here");
	pass(s, MINUTE);
	assert_true(host_shows(laptop, "plan", "friend"));
	assert_true(host_shows(&s->at[PHONE], "plan", "friend"));
	host_evict(laptop, plan, friend->d.identity.root_pk);
	host_edit(laptop, plan, "secret", "later");
	/* He writes before he hears of it. */
	host_edit(friend, his, "after", "all");
	pass(s, MINUTE);
	assert_int_equal(
	    role_of(&friend->d, his, friend->d.identity.sign.pk), ROLE_NONE);
	assert_false(host_shows(friend, "plan", "secret"));
	assert_false(host_shows(laptop, "plan", "after"));
	assert_false(host_shows(&s->at[PHONE], "plan", "after"));
	assert_true(host_shows(&s->at[PHONE], "plan", "secret"));
	/* And is let in once more. */
	host_shares(laptop, plan, friend);
	pass(s, 2 * MINUTE);
	assert_true(host_shows(friend, "plan", "secret"));
	story_end(s);
}

static uint64_t
ticket_use(struct host *h, const char *text)
{
	uint64_t handle;

	device_begin(&h->d);
	ok(engine_redeem(h->e, text, TICKET_INVITE, h->d.now, &handle));
	host_commit(h);
	return handle;
}

/* He has a ticket of the phone to a document of it, and asks by it. */
static uint64_t
friend_invited(struct story *s, char text[static TICKET_TEXT_MAX + 1])
{
	uint32_t plan = host_document(&s->at[PHONE], "plan");

	pass(s, MINUTE);
	ticket_make(&s->at[PHONE], plan, ROLE_WRITE, 1, text);
	return ticket_use(&s->at[FRIEND], text);
}

static void
an_invitation_is_accepted_by_letter(void **state)
{
	struct story *s = story_begin();
	struct host *friend = &s->at[FRIEND];
	char text[TICKET_TEXT_MAX + 1];
	struct redeem_status status;
	uint64_t handle;

	(void)state;
	handle = friend_invited(s, text);
	pass(s, 2 * MINUTE);
	device_begin(&friend->d);
	ok(engine_redeemed(friend->e, handle, &status));
	host_commit(friend);
	assert_int_equal(status.state, REDEEM_DONE);
	assert_true(host_shows(friend, "plan", "title"));
	assert_int_equal(shelf_count(s->shelf, "lk1/mail/", ""), 0);
	story_end(s);
}

static void
friend_restarts(struct host *friend)
{
	engine_free(friend->e);
	device_reopen(&friend->d);
	host_engine(friend);
	host_remote(friend, REMOTE_FOLDER);
}

/* Its tickets, and whether the first was answered. */
static size_t
tickets_waiting(struct host *h, struct ticket_waits *first)
{
	struct ticket_waits t;
	size_t n = 0;

	device_begin(&h->d);
	while (engine_ticket_waits(h->e, n, h->d.now, &t).code == LK_OK)
		if (n++ == 0)
			*first = t;
	host_commit(h);
	return n;
}

static void
a_ticket_that_waits_outlives_restarts(void **state)
{
	struct story *s = story_begin();
	struct host *friend = &s->at[FRIEND];
	char text[TICKET_TEXT_MAX + 1];
	struct ticket_waits t;
	uint64_t handle;

	(void)state;
	handle = friend_invited(s, text);
	assert_int_equal(ticket_use(friend, text), handle);
	friend_restarts(friend);
	assert_int_equal(tickets_waiting(friend, &t), 1);
	assert_false(t.answered || t.refused);
	/* He is restarted each second. */
	for (int i = 0; i < 300 && tickets_waiting(friend, &t) > 0; i++) {
		pass(s, 1000);
		friend_restarts(friend);
	}
	assert_true(host_shows(friend, "plan", "title"));
	assert_int_equal(tickets_waiting(friend, &t), 0);
	story_end(s);
}

static void
a_ticket_is_given_up_or_refused(void **state)
{
	struct story *s = story_begin();
	struct host *friend = &s->at[FRIEND];
	char text[TICKET_TEXT_MAX + 1];
	struct ticket_waits t;

	(void)state;
	(void)friend_invited(s, text);
	assert_int_equal(tickets_waiting(friend, &t), 1);
	device_begin(&friend->d);
	ok(engine_ticket_drop(friend->e, t.id, friend->d.now));
	assert_int_equal(
	    engine_ticket_drop(friend->e, t.id, friend->d.now).code,
	    LK_E_NOTFOUND);
	/* Undone, it waits again. */
	txn_abort(friend->d.txn);
	replica_aborted(friend->d.r);
	engine_aborted(friend->e);
	assert_int_equal(tickets_waiting(friend, &t), 1);
	device_begin(&friend->d);
	ok(engine_ticket_drop(friend->e, t.id, friend->d.now));
	host_commit(friend);
	friend_restarts(friend);
	assert_int_equal(tickets_waiting(friend, &t), 0);
	/* Its issuer says so of one that has expired, for a week. */
	(void)ticket_use(friend, text);
	s->ms += INT64_C(8) * 24 * 60 * MINUTE;
	pass(s, 2 * MINUTE);
	assert_int_equal(tickets_waiting(friend, &t), 1);
	assert_true(t.refused);
	friend_restarts(friend);
	assert_int_equal(tickets_waiting(friend, &t), 1);
	assert_true(t.refused);
	/* Nobody answers for ever. */
	s->ms += INT64_C(30) * 24 * 60 * MINUTE;
	pass(s, MINUTE);
	assert_int_equal(tickets_waiting(friend, &t), 0);
	story_end(s);
}

static void
what_is_at_rest_costs_one_list(void **state)
{
	struct story *s = story_begin();
	size_t puts, gets, deletes;

	(void)state;
	for (int i = 0; i < 20; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "doc%d", i);
		(void)host_document(&s->at[LAPTOP], name);
	}
	pass(s, 3 * MINUTE);
	for (int i = 0; i < 20; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "doc%d", i);
		assert_true(host_shows(&s->at[PHONE], name, "title"));
	}
	puts = s->shelf->puts;
	gets = s->shelf->gets;
	deletes = s->shelf->deletes;
	s->shelf->lists = 0;
	pass(s, 5 * MINUTE);
	assert_int_equal(s->shelf->puts, puts);
	assert_int_equal(s->shelf->gets, gets);
	assert_int_equal(s->shelf->deletes, deletes);
	assert_true(s->shelf->lists <= 3 * 5 * 60 / 8);
	story_end(s);
}

static void
a_remote_that_is_taken_away_takes_nothing_of_a_document(void **state)
{
	struct story *s = story_begin();
	struct host *laptop = &s->at[LAPTOP];
	struct remote_config config = {
		.kind = REMOTE_FOLDER, .name = "stick", .url = "file:///stick"
	};
	uint32_t before, after;

	(void)state;
	config.number = host_document(laptop, "plan");
	pass(s, MINUTE);
	device_begin(&laptop->d);
	ok(member_index_count(laptop->d.r, config.number, &before));
	assert_int_equal(before, 2);
	ok(engine_remotes_configure(laptop->e, &config, 1, laptop->d.now));
	ok(engine_remotes_configure(laptop->e, NULL, 0, laptop->d.now));
	ok(member_index_count(laptop->d.r, config.number, &after));
	device_commit(&laptop->d);
	assert_int_equal(after, before);
	story_end(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_devices_of_a_person_stay_in_step),
		cmocka_unit_test(
		    a_forgotten_document_is_not_fetched_until_it_is_wanted_again),
		cmocka_unit_test(a_contact_is_let_in_and_thrown_out),
		cmocka_unit_test(an_invitation_is_accepted_by_letter),
		cmocka_unit_test(a_ticket_that_waits_outlives_restarts),
		cmocka_unit_test(a_ticket_is_given_up_or_refused),
		cmocka_unit_test(what_is_at_rest_costs_one_list),
		cmocka_unit_test(
		    a_remote_that_is_taken_away_takes_nothing_of_a_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
