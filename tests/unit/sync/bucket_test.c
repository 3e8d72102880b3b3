/* Devices that never meet stay in step through an object store. */
#include "tests/unit/sync/shelf.h"

#define MINUTE 60000

enum { LAPTOP, PHONE, FRIEND, HOSTS };

struct story {
	struct wires w;
	struct host at[HOSTS];
	struct reader readers[HOSTS];
	struct shelf *shelf;
	uint32_t met; /* laptop's document by which the friend was met */
	int64_t ms;
};

static uint32_t
host_document(struct host *h, const char *name)
{
	struct setting s = { "title", name };
	uint32_t docno;

	device_begin(&h->d);
	ok(replica_create(h->d.r, name, "map", setting_fill, &s, &docno));
	host_commit(h);
	return docno;
}

static uint32_t
document_at(struct host *h, const char *name)
{
	uint32_t docno;
	lk_err err;

	device_begin(&h->d);
	err = home_find(h->d.r, name, &docno);
	device_commit(&h->d);
	return err.code == LK_OK ? docno : 0;
}

static bool
host_shows(struct host *h, const char *name, const char *key)
{
	uint32_t docno = document_at(h, name);
	struct doc_summary doc;

	if (docno == 0)
		return false;
	device_begin(&h->d);
	ok(replica_doc(h->d.r, docno, &doc));
	device_commit(&h->d);
	return doc.envelopes > 0 && shows(&h->d, docno, key);
}

static void
host_shares(struct host *h, uint32_t docno, const struct host *with)
{
	ARENA_SCOPED arena = { .max = (size_t)1 << 20 };
	struct person person;

	device_begin(&h->d);
	ok(home_person(h->d.r, with->d.identity.root_pk, &arena, &person));
	ok(replica_share(h->d.r, docno, &person, ROLE_WRITE));
	host_commit(h);
}

static void
pass(struct story *s, int64_t ms)
{
	readers_run(s->readers, HOSTS, &s->ms, ms);
}

/* Laptop and phone are paired, the friend has met the laptop; then the network
 * is gone, and there is the shelf. */
static struct story *
story_begin(void)
{
	struct story *s = calloc(1, sizeof(*s));
	char text[TICKET_TEXT_MAX + 1];

	assert_non_null(s);
	host_make(&s->w, &s->at[LAPTOP], 1, "laptop");
	host_make(&s->w, &s->at[PHONE], 2, "phone");
	host_make(&s->w, &s->at[FRIEND], 3, "fred");
	pair(&s->w, &s->at[LAPTOP], &s->at[PHONE]);
	s->met = host_document(&s->at[LAPTOP], "met");
	ticket_make(&s->at[LAPTOP], s->met, ROLE_WRITE, 1, text);
	assert_true(
	    redeemed(&s->at[FRIEND], redeem(&s->w, &s->at[FRIEND], text)) != 0);
	wires_run(&s->w, 20000);
	wires_cut(&s->w);
	s->ms = s->w.ms + 1000;
	s->shelf = shelf_new();
	for (int i = 0; i < HOSTS; i++) {
		s->at[i].cut = true;
		host_remote(&s->at[i], REMOTE_FOLDER);
		s->readers[i] =
		    (struct reader){ .host = &s->at[i], .shelf = s->shelf };
	}
	return s;
}

static void
story_end(struct story *s)
{
	for (int i = 0; i < HOSTS; i++)
		host_remove(&s->at[i]);
	shelf_free(s->shelf);
	free(s);
}

static enum sync_state
state_of(struct host *h, uint32_t docno, const struct host *of)
{
	struct sync_status status;
	enum sync_state state = SYNC_UNKNOWN;

	device_begin(&h->d);
	for (size_t i = 0;
	     engine_sync_status(h->e, docno, i, &status).code == LK_OK; i++)
		if (memcmp(status.pk, of->d.identity.sign.pk, 32) == 0)
			state = status.state;
	device_commit(&h->d);
	return state;
}

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

static void
an_invitation_is_accepted_by_letter(void **state)
{
	struct story *s = story_begin();
	struct host *phone = &s->at[PHONE], *friend = &s->at[FRIEND];
	uint32_t plan = host_document(phone, "plan");
	char text[TICKET_TEXT_MAX + 1];
	struct redeem_status status;
	uint64_t handle;

	(void)state;
	pass(s, MINUTE);
	ticket_make(phone, plan, ROLE_WRITE, 1, text);
	device_begin(&friend->d);
	ok(engine_redeem(
	    friend->e, text, TICKET_INVITE, friend->d.now, &handle));
	host_commit(friend);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_devices_of_a_person_stay_in_step),
		cmocka_unit_test(a_contact_is_let_in_and_thrown_out),
		cmocka_unit_test(an_invitation_is_accepted_by_letter),
		cmocka_unit_test(a_store_that_was_emptied_is_filled_again),
		cmocka_unit_test(what_is_at_rest_costs_one_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
